/* simd.h: one loop, compiled for three levels of vector instructions, chosen at run time. Internal.
 *
 * The same bits on every level: the loops hold only single IEEE operations in a fixed order, and no compiler may
 * fuse a multiplication with an addition (the library is built with -ffp-contract=off): where that is wanted, as in
 * the matrix product, every level does it. */
#ifndef RETROGRAD_SIMD_H
#define RETROGRAD_SIMD_H

#include "autograd.h"

#if defined(__x86_64__)
#define RG_TARGET_AVX2 __attribute__((target("avx2,fma")))
#if defined(__clang__)
#define RG_TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"), min_vector_width(512)))
#else
#define RG_TARGET_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512")))
#endif
#else
#define RG_TARGET_AVX2
#define RG_TARGET_AVX512
#endif
#define RG_TARGET_PORTABLE

/* In a loop over elements the result may be stored over an operand, but only element by element. */
#if defined(__clang__)
#define RG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define RG_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* Instantiates MAKE(name, type, suffix, target, ...) for both dtypes and all levels. */
#define RG_EACH_KERNEL(MAKE, name, ...)                                                                            \
    MAKE(name, float, f32, RG_TARGET_PORTABLE, __VA_ARGS__)                                                        \
    MAKE(name, double, f64, RG_TARGET_PORTABLE, __VA_ARGS__)                                                       \
    MAKE(name, float, f32_avx2, RG_TARGET_AVX2, __VA_ARGS__)                                                       \
    MAKE(name, double, f64_avx2, RG_TARGET_AVX2, __VA_ARGS__)                                                      \
    MAKE(name, float, f32_avx512, RG_TARGET_AVX512, __VA_ARGS__)                                                   \
    MAKE(name, double, f64_avx512, RG_TARGET_AVX512, __VA_ARGS__)

/* The fields of an op for kernels made so. */
#define RG_KERNELS(name)                                                                                           \
    .f32 = name##_f32, .f64 = name##_f64, .f32_simd = { name##_f32_avx2, name##_f32_avx512 },                      \
    .f64_simd = { name##_f64_avx2, name##_f64_avx512 }

/* 0 portable, 1 AVX2 and FMA, 2 AVX-512: what the processor has, or less if RG_SIMD=portable|avx2 says so. */
int rg_simd_level(void);
/* The op's kernel for a result of this dtype, or NULL. */
rg_kernel *rg_op_kernel(const rg_op *op, rg_dtype dtype, int simd);

#endif
