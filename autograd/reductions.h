/* reductions.h: sums and their like over axes, running sums, and order. Part of autograd.h, which includes it. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_REDUCTIONS_H
#define RETROGRAD_REDUCTIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Reductions: f32 and f64, in a fixed order ------------------------------------------------------
 * rg_sum(x) over all elements: -> []. rg_sum_axes(x, axes, keepdims) over some; with keepdims the
 * axes stay with size 1. Likewise the others.
 * errors  RG_E_ARGUMENT an axis out of range or twice; RG_E_SHAPE the largest, or smallest, of no elements. */

RG_API rg_tensor rg_sum(rg_tensor x);                                      /* vjp  g, expanded */
RG_API rg_tensor rg_sum_axes(rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_mean(rg_tensor x);                                     /* vjp  g / n, expanded */
RG_API rg_tensor rg_mean_axes(rg_tensor x, rg_axes axes, bool keepdims);

/* The product, from the first element to the last; of no elements 1.
 * vjp  g times the product of all the others: right where elements are 0, too, and differentiable again. */
RG_API rg_tensor rg_prod(rg_tensor x);
RG_API rg_tensor rg_prod_axes(rg_tensor x, rg_axes axes, bool keepdims);

/* The largest and the smallest; NaN if there is one.
 * vjp  g to where it stands. Ties share g equally: of all subgradients the one of smallest norm, which does not depend on
 *      the order of the elements. PyTorch's amax and amin, and JAX's max and min, do so too. */
RG_API rg_tensor rg_max(rg_tensor x);
RG_API rg_tensor rg_max_axes(rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_min(rg_tensor x);
RG_API rg_tensor rg_min_axes(rg_tensor x, rg_axes axes, bool keepdims);

/* Where the largest and the smallest stand: i64, the place among the chosen axes in row-major order. The first one if
 * there are several, and the first NaN if there is one. No gradient. */
RG_API rg_tensor rg_argmax(rg_tensor x);
RG_API rg_tensor rg_argmax_axes(rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_argmin(rg_tensor x);
RG_API rg_tensor rg_argmin_axes(rg_tensor x, rg_axes axes, bool keepdims);

/* ln of the sum of e^x along one axis, or over several, without overflow. vjp  g softmax(x)
 * errors  RG_E_SHAPE nothing to add up, or x has no axis. */
RG_API rg_tensor rg_logsumexp(rg_tensor x, int axis, bool keepdims);
RG_API rg_tensor rg_logsumexp_axes(rg_tensor x, rg_axes axes, bool keepdims);

/* 1 if any element, or if all elements, are not 0, else 0, in x's dtype. Of no elements: 0 and 1. NaN is not 0. No
 * gradient. */
RG_API rg_tensor rg_any(rg_tensor x);
RG_API rg_tensor rg_any_axes(rg_tensor x, rg_axes axes, bool keepdims);
RG_API rg_tensor rg_all(rg_tensor x);
RG_API rg_tensor rg_all_axes(rg_tensor x, rg_axes axes, bool keepdims);

/* The sum of (x - mean)^2 over n - correction, n elements having been reduced: correction 1 is the unbiased estimate,
 * 0 the variance of the elements themselves. The mean is taken first, so a large one costs no digits [Chan, Golub and
 * LeVeque 1983]. NaN where n = correction. Std is the square root of var; where var is 0 its derivative is taken as 0, as
 * PyTorch does.
 * errors  RG_E_ARGUMENT unless 0 <= correction is finite. */
RG_API rg_tensor rg_var(rg_tensor x, double correction);                   /* vjp  2 g (x - mean) / (n - correction) */
RG_API rg_tensor rg_var_axes(rg_tensor x, rg_axes axes, double correction, bool keepdims);
RG_API rg_tensor rg_std(rg_tensor x, double correction);                   /* vjp  g (x - mean) / (y (n - correction)) */
RG_API rg_tensor rg_std_axes(rg_tensor x, rg_axes axes, double correction, bool keepdims);

/* (sum |x|^p)^(1/p); for p = INFINITY the largest |x|.
 * vjp     g sign(x) (|x| / y)^(p - 1), where sign(0) = 0; 0 where y = 0. For p = INFINITY g sign(x) shared among ties.
 *         These are PyTorch's conventions; for p >= 1 they are the subgradients of smallest norm. Powers are not scaled:
 *         |x|^p and its sum must be numbers that the dtype has.
 * errors  RG_E_ARGUMENT unless p > 0; RG_E_SHAPE for INFINITY of no elements. */
RG_API rg_tensor rg_norm(rg_tensor x, double p);
RG_API rg_tensor rg_norm_axes(rg_tensor x, double p, rg_axes axes, bool keepdims);

/* ---- Along an axis ---------------------------------------------------------------------------------
 * errors  RG_E_SHAPE x has no axis, RG_E_ARGUMENT the axis is out of range, RG_E_DTYPE not f32 or f64. */

/* Element i is the sum of elements 0, ..., i; in f32 added up in f64. vjp  sums of g from the end. */
RG_API rg_tensor rg_cumsum(rg_tensor x, int axis);
/* Element i is the product of elements 0, ..., i. vjp right where elements are 0, too, and differentiable again. */
RG_API rg_tensor rg_cumprod(rg_tensor x, int axis);

/* The elements in order, and their places before: i64. Stable: equal elements keep their order, also when descending;
 * NaNs come last either way.
 * vjp  each element's g to where it came from; the places have no gradient. */
RG_API rg_tensor rg_sort(rg_tensor x, int axis, bool descending);
RG_API rg_tensor rg_argsort(rg_tensor x, int axis, bool descending);
/* The k largest (else smallest), in order, as rg_sort gives them; their places in *places, unless that is NULL.
 * errors  RG_E_ARGUMENT k is not among 0, ..., the size of the axis. */
RG_API rg_tensor rg_top_k(rg_tensor x, int64_t k, int axis, bool largest, rg_tensor *places);

#ifdef __cplusplus
}
#endif
#endif
