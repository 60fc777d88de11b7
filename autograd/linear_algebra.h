/* linear_algebra.h: products, factorisations, equations, determinants. Part of autograd.h, which includes it.
 *
 * f32 and f64, all operands of one dtype. A matrix is the last two dimensions of a tensor; what stands before them is a
 * batch, of which each matrix is treated by itself. Where there are two operands their leading dimensions broadcast.
 * errors  RG_E_NULL, RG_E_TAPE, RG_E_DTYPE, RG_E_SHAPE. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_LINEAR_ALGEBRA_H
#define RETROGRAD_LINEAR_ALGEBRA_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Products ------------------------------------------------------------------------------------------------- */

/* rg_matmul(a, b): [..., m, k] x [..., k, n] -> [..., m, n]; leading dimensions broadcast. A vector on
 * the left is a row, on the right a column, and its extra dimension goes again. Transposed operands
 * are read in place.
 * errors  RG_E_SHAPE inner sizes differ or an operand is a scalar, RG_E_DTYPE.
 * vjp     a: g b',  b: a' g, summed over broadcast dimensions.      [Giles 2008, 2.2.1] */
RG_API rg_tensor rg_matmul(rg_tensor a, rg_tensor b);

/* rg_inner(a, b): vectors [n] and [n] -> [], the sum of their products.
 * vjp     a: g b,  b: g a */
RG_API rg_tensor rg_inner(rg_tensor a, rg_tensor b);
/* rg_outer(a, b): vectors [m] and [n] -> [m, n], the product of each with each.
 * vjp     a: g b,  b: g' a */
RG_API rg_tensor rg_outer(rg_tensor a, rg_tensor b);

/* rg_einsum("bij,bjk->bik", n, operands): Einstein's summation convention, as NumPy writes it. A letter names a
 * dimension; the same letter twice means the same index. The result's dimensions are those behind the arrow; what is
 * not there is summed over. Without an arrow they are the letters that occur once, in the order of the alphabet,
 * capitals first. "..." stands for any number of further dimensions, which broadcast, and without an arrow come first;
 * a letter has one size everywhere. Spaces do not count.
 * What is recorded are products, sums and views. More than two operands are multiplied two at a time, at each turn the
 * two that cost least.
 * errors  RG_E_ARGUMENT a malformed subscript; the message names the position. RG_E_SHAPE sizes that do not agree, or
 *         a product on the way with more than RG_MAX_RANK dimensions.
 * vjp     that of what is recorded. */
RG_API rg_tensor rg_einsum(const char *subscripts, int n, const rg_tensor *operands);

/* ---- Factorisations, equations, determinants --------------------------------------------------------------------
 *
 * These are done by LAPACK, which is loaded when one of them is first recorded: liblapack.so.3, which in Debian comes
 * with liblapack3 and with each libopenblas0-... RG_LAPACK in the environment may name another one, or "none". Where
 * there is none they are refused with RG_E_UNSUPPORTED.
 *
 * One matrix is done by one thread, so that results do not depend on how many there are; their last bits depend on the
 * LAPACK and the machine. (OpenBLAS is told to use one thread as long as one of these runs, and is then set back.)
 *
 * A matrix that is singular, or not positive definite, is found out when it is computed, and is no error: its result is
 * NaN throughout, and that of the others in the batch is not. Its determinant is 0, with a gradient; and the logarithm of
 * that -inf, whose gradient is NaN. */

/* Whether a LAPACK was found. */
RG_API bool rg_has_lapack(void);

/* rg_cholesky(a): symmetric positive definite [..., n, n] -> L, lower triangular with a positive diagonal: L L' = a.
 * If a is not symmetric, (a + a') / 2 is taken for it, so that its gradient is symmetric.
 * vjp     (S + S') / 2 with S = L'^-1 P L^-1, where P is the lower triangle of L' g with its diagonal halved: by blocks,
 *         at twice the cost of the factorisation. [Murray 2016, "Differentiation of the Cholesky decomposition", eq. 10] */
RG_API rg_tensor rg_cholesky(rg_tensor a);
/* The x with L L' x = b, for what rg_cholesky gave: two triangular systems. b as in rg_solve. */
RG_API rg_tensor rg_cholesky_solve(rg_tensor l, rg_tensor b);

/* How rg_triangular_solve reads its matrix; to be added up. */
enum {
    RG_LOWER = 0,             /* its lower triangle, */
    RG_UPPER = 1,             /* or the upper one; never the other */
    RG_TRANSPOSED = 2,        /* and solves a' x = b */
    RG_UNIT_DIAGONAL = 4      /* takes its diagonal for ones */
};
/* rg_triangular_solve(a, b, how): the x with a x = b, for a triangle of a [..., n, n] and b [..., n, m], or one vector
 * [n] for all of them. A zero on the diagonal makes x NaN.
 * errors  RG_E_ARGUMENT an unknown `how`.
 * vjp     b: G = a'^-1 g,  a: the same triangle of -G x'.           [Giles 2008, 2.3.1] */
RG_API rg_tensor rg_triangular_solve(rg_tensor a, rg_tensor b, int how);

/* rg_solve(a, b): the x with a x = b, for any regular a [..., n, n] and b [..., n, m], or one vector [n] for all of
 * them; by an LU factorisation with row interchanges.
 * vjp     b: G = a'^-1 g,  a: -G x'.                                [Giles 2008, 2.3.1] */
RG_API rg_tensor rg_solve(rg_tensor a, rg_tensor b);
/* a^-1. To solve equations, rg_solve is quicker and more exact.
 * vjp     -y' g y'                                                  [Giles 2008, 2.2.3] */
RG_API rg_tensor rg_inverse(rg_tensor a);

/* The determinant, [..., n, n] -> [...].
 * vjp     g C, where C are the cofactors of a: y a'^-1 for a regular one [Giles 2008, 2.2.4]; of rank one if the rank of a
 *         is n - 1, and 0 if it is less. The second derivative is right where a is regular; where it is singular, and larger
 *         than 1 x 1, it is NaN. */
RG_API rg_tensor rg_determinant(rg_tensor a);
/* Its logarithm; NaN if it is negative. vjp: g a'^-1                 [Giles 2008, 2.2.4] */
RG_API rg_tensor rg_logdet(rg_tensor a);
/* The logarithm of its absolute value, with its sign (-1, 0 or 1, without gradient) in *sign unless that is NULL: for
 * determinants that no number can hold. vjp: g a'^-1 */
RG_API rg_tensor rg_slogdet(rg_tensor a, rg_tensor *sign);

#ifdef __cplusplus
}
#endif
#endif
