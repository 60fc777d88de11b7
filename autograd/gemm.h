/* gemm.h: the matrix product behind one interface. Internal. */
#ifndef RETROGRAD_GEMM_H
#define RETROGRAD_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/* A matrix in memory: rows x columns, element (i, j) at data[i * row_stride + j * column_stride], where one of
 * the strides is 1. */
typedef struct {
    const void *data;
    int64_t row_stride, column_stride;
} rg_matrix;

/* Whether a matrix of this size and these strides can be read as it is. */
bool rg_gemm_accepts(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride);

/* c[m, n] = a[m, k] b[k, n], c contiguous with rows of n. On the calling thread alone. */
void rg_gemm_f32(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, float *c);
void rg_gemm_f64(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, double *c);

/* Holds a threaded BLAS to one thread: the engine shares out the work itself, in tiles that do not depend on
 * the number of threads. */
void rg_gemm_prepare(void);

#endif
