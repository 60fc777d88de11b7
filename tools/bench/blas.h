/* blas.h: the functions of one CBLAS, of which there can be several in a process. */
#ifndef RETROGRAD_BENCH_BLAS_H
#define RETROGRAD_BENCH_BLAS_H

#include <cblas.h>

#include "product.h"

typedef struct blas {
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(cblas_dgemm) *dgemm;
    __typeof__(cblas_sgemv) *sgemv;
    __typeof__(cblas_dgemv) *dgemv;
} blas;

/* How a BLAS is to read a matrix: a leading dimension is at least as long as what it strides over. */
typedef struct {
    bool plain;                /* row by row; else transposed */
    int leading;
} blas_storage;

blas_storage blas_storage_of(int64_t columns, rg_matrix a);

/* Products over the CBLAS at hand, f32 and f64; over another one they are the same with its functions. */
extern const bench_product blas_products[2];

/* OpenBLAS only, and absent from other libraries. */
extern char *openblas_get_config(void) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));
extern void openblas_set_num_threads(int threads) __attribute__((weak));

#endif
