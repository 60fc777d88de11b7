/* product.h: matrix products of other libraries, and of this one, behind one pointer. */
#ifndef RETROGRAD_BENCH_PRODUCT_H
#define RETROGRAD_BENCH_PRODUCT_H

#include "autograd.h"
#include "gemm.h"

typedef struct bench_product bench_product;

/* Matrices as in gemm.h: a is [m, k], b is [k, n], c is [m, n]. */
struct bench_product {
    void (*multiply)(const bench_product *self, int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b,
                     void *c);                                               /* c = a b */
    void (*add)(const bench_product *self, int64_t m, int64_t n, int64_t k, double factor, rg_matrix a, rg_matrix b,
                void *c);                                                    /* c += factor a b; NULL: it cannot */
    void (*set_threads)(int threads);                                        /* NULL: it cannot be told */
    const struct blas *blas;                                                 /* its functions */
};

/* CBLAS's product, and the library's, for f32 or f64. */
const bench_product *bench_product_of_blas(rg_dtype dtype);
const bench_product *bench_product_of_library(rg_dtype dtype);

/* Of OpenBLAS as it computes on other processors than the one it takes this for. NULL if there is no OpenBLAS, this
 * processor is not able to, or it is what OpenBLAS does anyway. */
enum { BENCH_HASWELL, BENCH_ZEN, BENCH_SKYLAKEX, BENCH_CORES };
#define BENCH_NAMES_OF_CORES "OpenBLAS as on Haswell", "OpenBLAS as on Zen", "OpenBLAS as on SkylakeX"
const bench_product *bench_product_of_core(rg_dtype dtype, int core);

/* oneDNN's. NULL if it was not there when this was compiled, or for f64. */
const bench_product *bench_product_of_onednn(rg_dtype dtype);

#endif
