/* linear_algebra_kernels.h: what linear_algebra.c's ops compute, over batches of matrices. Internal. */
#ifndef RETROGRAD_LINEAR_ALGEBRA_KERNELS_H
#define RETROGRAD_LINEAR_ALGEBRA_KERNELS_H

#include "lapack.h"
#include "ops.h"

/* Of a call, as rg_op.prepare makes it. */
typedef struct {
    rg_lapack lapack;
    bool found;
    const struct rg_matrix_numbers *numbers;
    int n, m;                  /* of a [n, n] and b [n, m] */
    int64_t elements;          /* of the result, for each matrix */
    size_t room;               /* of the scratch memory, for each matrix, in bytes */
} rg_matrix_job;

/* Fields of rg_op: an item is a matrix. The scratch memory is for its factors. */
int64_t rg_matrices(const rg_call *call);
int64_t rg_matrix_elements(const rg_call *call);
int64_t rg_matrix_size(const rg_call *call); /* rows of operand 0 */
size_t rg_matrix_scratch(const rg_call *call);
void rg_matrix_prepare(const rg_call *call, void *prepared);

/* The kernels, of f32 and f64 as the call is prepared, and those of complex numbers. */
#define RG_MATRIX_KERNELS(X)                                                                                       \
    X(cholesky) X(cholesky_adjoint) X(cholesky_tangent) X(triangular_solve) X(solve) X(inverse)                    \
    X(determinant) X(cofactors) X(logdet) X(log_abs_determinant) X(sign_determinant)
#define RG_MATRIX_KERNEL_DECLARE(name) rg_kernel rg_matrix_##name, rg_matrix_##name##_complex;
RG_MATRIX_KERNELS(RG_MATRIX_KERNEL_DECLARE)

#endif
