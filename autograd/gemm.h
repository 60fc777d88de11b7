/* gemm.h: the matrix product. Internal.
 *
 * Every element of the result is computed by one rule, which depends on k alone: k is cut into blocks of
 * RG_GEMM_BLOCK; each block is one chain of fused multiply-adds in ascending order, starting from zero; and the blocks
 * are added in order. How the product is tiled, in which order the operands lie, how many threads share it, which batch
 * a row stands in, and how wide the vectors are, cannot be told from the bits.
 *
 * A matrix that lies along k times a vector has a rule of its own, because that one would read the matrix at less than
 * half the speed: RG_GEMV_BYTES of sums run side by side along k and are added pairwise at the end. So a batch of one
 * may differ in the last bits from the same row in a larger batch; threads and vectors still cannot be told. */
#ifndef RETROGRAD_GEMM_H
#define RETROGRAD_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "step.h"

enum { RG_GEMM_BLOCK = 256, RG_GEMV_BYTES = 64 };

/* A matrix in memory: rows x columns, element (i, j) at data[i * row_stride + j * column_stride], where one of
 * the strides is 1. */
typedef struct {
    const void *data;
    int64_t row_stride, column_stride;
} rg_matrix;

/* Whether a matrix of this size and these strides can be read as it is. */
bool rg_gemm_accepts(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride);

/* c[m, n] = a[m, k] b[k, n] for f32 or f64, where row i of c begins at c + i * c_stride elements. On the calling thread
 * alone; it takes no memory but 300 KB of stack, and cannot fail. */
typedef void rg_gemm(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c, int64_t c_stride);
/* By level of vector instructions (see rg_simd_level). */
extern rg_gemm *const rg_gemm_f32[3], *const rg_gemm_f64[3];

/* Whether the whole product, of which a thread may be given a part, is a vector and a matrix that lies along k. */
bool rg_gemm_is_gemv(int64_t m, int64_t n, rg_matrix a, rg_matrix b);
/* y[m] = matrix[m, k] x[k], where row i of the matrix begins at i * stride elements and its numbers lie side by side, as
 * those of x and y. */
typedef void rg_gemv(int64_t m, int64_t k, const void *matrix, int64_t stride, const void *x, void *y);
extern rg_gemv *const rg_gemv_f32[3], *const rg_gemv_f64[3];

/* A product as a step of a plan (step.h): operands in[0], in[1], result out, and this in attributes. */
typedef struct {
    int64_t m, n, k;
    rg_matrix a, b;            /* without data */
} rg_gemm_shape;
/* The step for a product that one thread does, by the same rules; for f32, or f64. If in[2] is not NULL, it is a row
 * that is added to each of the result. NULL: there is none. */
extern const bool rg_gemm_has_steps;
rg_step_kernel *rg_gemm_step(const rg_gemm_shape *shape, bool f64, int level);

/* To be called once before the first product; any number of times. */
void rg_gemm_prepare(void);

#endif
