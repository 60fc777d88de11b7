/* gemm.c: the matrix product for each dtype and level of vector instructions, from one template. */
#include "gemm.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#define TWICE _Pragma("unroll 2")
#define FOUR_TIMES _Pragma("unroll 4")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#define TWICE _Pragma("GCC unroll 2")
#define FOUR_TIMES _Pragma("GCC unroll 4")
#endif

/* DO(0) ... for so many, which the compiler knows. Written out, because clang keeps an array in memory if it has to unroll
 * the loops over it first. */
#define REPEAT(count, DO, ...)                                                                                     \
    do {                                                                                                           \
        if ((count) > 0) DO(0, __VA_ARGS__);                                                                       \
        if ((count) > 1) DO(1, __VA_ARGS__);                                                                       \
        if ((count) > 2) DO(2, __VA_ARGS__);                                                                       \
        if ((count) > 3) DO(3, __VA_ARGS__);                                                                       \
        if ((count) > 4) DO(4, __VA_ARGS__);                                                                       \
        if ((count) > 5) DO(5, __VA_ARGS__);                                                                       \
        if ((count) > 6) DO(6, __VA_ARGS__);                                                                       \
        if ((count) > 7) DO(7, __VA_ARGS__);                                                                       \
    } while (0)
/* The same for the vectors of a row: a macro is not expanded within itself. */
#define REPEAT_VECTORS(count, DO, ...)                                                                             \
    do {                                                                                                           \
        if ((count) > 0) DO(0, __VA_ARGS__);                                                                       \
        if ((count) > 1) DO(1, __VA_ARGS__);                                                                       \
        if ((count) > 2) DO(2, __VA_ARGS__);                                                                       \
        if ((count) > 3) DO(3, __VA_ARGS__);                                                                       \
        if ((count) > 4) DO(4, __VA_ARGS__);                                                                       \
        if ((count) > 5) DO(5, __VA_ARGS__);                                                                       \
        if ((count) > 6) DO(6, __VA_ARGS__);                                                                       \
        if ((count) > 7) DO(7, __VA_ARGS__);                                                                       \
    } while (0)

void rg_gemm_prepare(void) {}

const char *rg_gemm_name(void)
{
    return "own";
}

bool rg_gemm_accepts(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride)
{
    bool plain = column_stride == 1 || columns <= 1;
    bool transposed = row_stride == 1 || rows <= 1;
    return plain || transposed;
}

bool rg_gemm_is_gemv(int64_t m, int64_t n, rg_matrix a, rg_matrix b)
{
    return (m == 1 || n == 1) && a.column_stride == 1 && b.row_stride == 1;
}

enum {
    ROWS_WORTH_A_COPY = 24,    /* so many make it pay to copy a panel, to be read side by side */
    CROWD = 128,               /* lines at one distance that the second-level cache has room for */
    WIDTH_WORTH_A_GATHER = 256, /* so many columns, to gather a multiplier that could be read where it is */
    TINY = 64,                 /* multiplications, where rows are shorter than a vector: done number by number */
    SHALLOW = 32,              /* so little along k that what stands around a tile counts; */
    SHALLOW_WIDTH = 480,       /* and so many columns at a time, if they have to be turned first */
    STRIP_WORTH_A_TURN = 512,  /* up to so many numbers of a panel of a few vectors */
    SWAP_MOST = 48             /* for fewer rows than this, turning them at the end costs less than turning the other operand */
};

/* The library function rounds as the instruction does, so the bits are the same: where there is no instruction,
 * slowly. */
typedef float portable_f32 __attribute__((vector_size(16)));
typedef double portable_f64 __attribute__((vector_size(16)));

static inline portable_f32 portable_fma_f32(portable_f32 a, portable_f32 b, portable_f32 c)
{
    return (portable_f32){ fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]), fmaf(a[3], b[3], c[3]) };
}

static inline portable_f64 portable_fma_f64(portable_f64 a, portable_f64 b, portable_f64 c)
{
    return (portable_f64){ fma(a[0], b[0], c[0]), fma(a[1], b[1], c[1]) };
}

/* Where there are better levels, this one is for old processors: it gets by with the general paths. */
#if defined(__x86_64__)
#define LEAN 1
#else
#define LEAN 0
#endif
#define LEVEL portable
#define TARGET RG_TARGET_PORTABLE
#define BYTES 16
#define ROWS 4
#define VECTORS 2
#define FMA_f32 portable_fma_f32
#define FMA_f64 portable_fma_f64
#include "gemm_level.h"

#if defined(__x86_64__)

#undef LEAN
#define LEAN 0

/* Sixteen registers, twelve of them accumulators. */
#define LEVEL avx2
#define TARGET RG_TARGET_AVX2
#define BYTES 32
#define ROWS 6
#define VECTORS 2
#define FMA_f32(a, b, c) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define FMA_f64(a, b, c) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#include "gemm_level.h"

/* Thirty-two registers, twenty-four of them accumulators. */
#define LEVEL avx512
#define TARGET RG_TARGET_AVX512
#define BYTES 64
#define ROWS 8
#define VECTORS 3
#define FMA_f32(a, b, c) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define FMA_f64(a, b, c) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#include "gemm_level.h"

#define ALL_LEVELS(name) { name##_portable, name##_avx2, name##_avx512 }

#else
#define ALL_LEVELS(name) { name##_portable, name##_portable, name##_portable }
#endif

rg_gemm *const rg_gemm_f32[3] = ALL_LEVELS(multiply_f32);
rg_gemm *const rg_gemm_f64[3] = ALL_LEVELS(multiply_f64);
rg_gemv *const rg_gemv_f32[3] = ALL_LEVELS(times_vector_f32);
rg_gemv *const rg_gemv_f64[3] = ALL_LEVELS(times_vector_f64);

const bool rg_gemm_has_steps = true;

rg_step_kernel *rg_gemm_step(const rg_gemm_shape *shape, bool f64, int level)
{
    typedef rg_step_kernel *chooser(const rg_gemm_shape *shape);
    static chooser *const of_f32[3] = ALL_LEVELS(step_for_f32), *const of_f64[3] = ALL_LEVELS(step_for_f64);
    return (f64 ? of_f64 : of_f32)[level](shape);
}
