/* each_level.h: includes TEMPLATE once for each level of vector instructions, for elements of REAL; so there is no
 * guard. With REAL, TYPE (f32, f64) and INTRINSIC (ps, pd) defined, the template may use
 *   NAME(f)                a name of its own: f_f32_avx2
 *   OF_TYPE(f)             that of the type: f_f32
 *   TARGET                 what its functions are declared with
 *   BYTES                  of a vector
 *   UNROLLED               before a short loop over vectors, which are to stay in registers
 *   MULTIPLY_ADD(a, b, c)  a b + c of such vectors, rounded once where there is an instruction that does
 * LEVELS(f_f32) is then a row of what NAME(f) stands for, by bench_level(). */
#include "simd.h"

#ifndef LEVELS
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#define PASTE_NOW(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_NOW(a, b, c)
#define NAME(name) PASTE(name##_, TYPE, LEVEL)
#define OF_TYPE(name) PASTE(name, _, TYPE)
#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif
#define LEVELS(name) { name##_portable, name##_avx2, name##_avx512 }
#endif

#define LEVEL _portable
#define TARGET RG_TARGET_PORTABLE
#define BYTES 16
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#include TEMPLATE
#undef LEVEL
#undef TARGET
#undef BYTES

#define LEVEL _avx2
#define BYTES 32
#if defined(__x86_64__)
#define TARGET __attribute__((target("avx2,fma")))
#undef MULTIPLY_ADD
#define MULTIPLY_ADD(a, b, c) PASTE(_mm256, _fmadd_, INTRINSIC)(a, b, c)
#else
#define TARGET RG_TARGET_AVX2
#endif
#include TEMPLATE
#undef LEVEL
#undef TARGET
#undef BYTES

#define LEVEL _avx512
#define TARGET RG_TARGET_AVX512
#define BYTES 64
#if defined(__x86_64__)
#undef MULTIPLY_ADD
#define MULTIPLY_ADD(a, b, c) PASTE(_mm512, _fmadd_, INTRINSIC)(a, b, c)
#endif
#include TEMPLATE
#undef LEVEL
#undef TARGET
#undef BYTES
#undef MULTIPLY_ADD
