/* statistics.c: variances, norms and the like over axes, made of other ops. */
#include <math.h>

#include "ops.h"

static rg_tensor number(const char *site, rg_tensor like, double value)
{
    return rg_full_at(site, like.tape, rg_dtype_of(like), RG_SCALAR, value);
}

/* x^power for x >= 0, and 0 where x is 0, with the derivative 0 there: the power's own is infinite, and not a number times
 * a zero from outside. That is why x is masked in front of it, too. */
static rg_tensor power_or_zero(const char *site, rg_tensor x, double power)
{
    rg_tensor zero = number(site, x, 0);
    rg_tensor at_zero = rg_equal_at(site, x, zero);
    rg_tensor base = rg_where_at(site, at_zero, number(site, x, 1), x);
    rg_tensor y = power == 0.5 ? rg_sqrt_at(site, base) : rg_power_at(site, base, power);
    return rg_where_at(site, at_zero, zero, y);
}

/* ---- Variance -------------------------------------------------------------------------------------------------- */

/* The first element along the chosen axes, as a constant; and how many elements there are. */
static rg_tensor first_of(const char *site, rg_tensor x, uint32_t mask, int64_t *elements)
{
    const rg_shape shape = rg_shape_of(x);
    *elements = 1;
    for (int i = 0; i < shape.rank; i++) {
        if (!(mask >> i & 1u)) continue;
        *elements *= shape.size[i];
        if (shape.size[i] > 1) x = rg_slice_at(site, x, i, 0, 1);
    }
    return rg_stop_gradient_at(site, x);
}

/* Seen from the first element: then equal elements have a variance of exactly 0, where their mean might be rounded. The
 * variance does not depend on where it is seen from, and no derivative of it does, so that place may be a constant. */
static rg_tensor variance(const char *site, const char *name, rg_tensor x, rg_axes axes, double correction, bool keepdims)
{
    uint32_t mask;
    int64_t elements;
    if (!rg_axes_checked(site, name, x, axes, &mask)) return (rg_tensor){ 0 };
    if (!(correction >= 0 && isfinite(correction)))
        return rg_fail_op(x.tape, site, RG_E_ARGUMENT, name, "the correction must be finite and not negative", 1, &x);
    rg_tensor from_first = rg_sub_at(site, x, first_of(site, x, mask, &elements));
    rg_tensor deviation = rg_sub_at(site, from_first, rg_mean_axes_at(site, from_first, axes, true));
    rg_tensor sum = rg_sum_axes_at(site, rg_square_at(site, deviation), axes, keepdims);
    return rg_scale_at(site, sum, 1 / fmax((double)elements - correction, 0));
}

rg_tensor rg_var_axes_at(const char *site, rg_tensor x, rg_axes axes, double correction, bool keepdims)
{
    return variance(site, "var", x, axes, correction, keepdims);
}

rg_tensor rg_var_at(const char *site, rg_tensor x, double correction)
{
    return variance(site, "var", x, RG_ALL_AXES, correction, false);
}

rg_tensor rg_std_axes_at(const char *site, rg_tensor x, rg_axes axes, double correction, bool keepdims)
{
    rg_tensor squared = variance(site, "std", x, axes, correction, keepdims);
    return rg_is_null(squared) ? squared : power_or_zero(site, squared, 0.5);
}

rg_tensor rg_std_at(const char *site, rg_tensor x, double correction)
{
    return rg_std_axes_at(site, x, RG_ALL_AXES, correction, false);
}

/* ---- Norms ----------------------------------------------------------------------------------------------------- */

/* |x|, with the derivative 0 at 0, where the two are equal. */
static rg_tensor size_of(const char *site, rg_tensor x)
{
    return rg_maximum_at(site, x, rg_neg_at(site, x));
}

rg_tensor rg_norm_axes_at(const char *site, rg_tensor x, double p, rg_axes axes, bool keepdims)
{
    uint32_t mask;
    if (!rg_axes_checked(site, "norm", x, axes, &mask)) return (rg_tensor){ 0 };
    if (!(p > 0)) return rg_fail_op(x.tape, site, RG_E_ARGUMENT, "norm", "p must be greater than 0", 1, &x);
    if (p == 2) return power_or_zero(site, rg_sum_axes_at(site, rg_square_at(site, x), axes, keepdims), 0.5);
    rg_tensor size = size_of(site, x);
    if (isinf(p)) return rg_max_axes_at(site, size, axes, keepdims);
    if (p == 1) return rg_sum_axes_at(site, size, axes, keepdims);
    rg_tensor sum = rg_sum_axes_at(site, power_or_zero(site, size, p), axes, keepdims);
    return power_or_zero(site, sum, 1 / p);
}

rg_tensor rg_norm_at(const char *site, rg_tensor x, double p)
{
    return rg_norm_axes_at(site, x, p, RG_ALL_AXES, false);
}

/* ---- Whether any, or all, are not 0 ---------------------------------------------------------------------------- */

/* 1 for each element that is 0, or for each that is not, added up. A sum of ones may round, but never to 0. */
static rg_tensor count_of(const char *site, const char *name, rg_tensor x, bool zeros, rg_axes axes, bool keepdims)
{
    uint32_t mask;
    if (!rg_axes_checked(site, name, x, axes, &mask)) return (rg_tensor){ 0 };
    rg_tensor is_zero = rg_equal_at(site, x, number(site, x, 0));
    return rg_sum_axes_at(site, zeros ? is_zero : rg_one_minus_at(site, is_zero), axes, keepdims);
}

rg_tensor rg_any_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims)
{
    rg_tensor count = count_of(site, "any", x, false, axes, keepdims);
    return rg_is_null(count) ? count : rg_greater_at(site, count, number(site, x, 0));
}

rg_tensor rg_any_at(const char *site, rg_tensor x)
{
    return rg_any_axes_at(site, x, RG_ALL_AXES, false);
}

rg_tensor rg_all_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims)
{
    rg_tensor count = count_of(site, "all", x, true, axes, keepdims);
    return rg_is_null(count) ? count : rg_equal_at(site, count, number(site, x, 0));
}

rg_tensor rg_all_at(const char *site, rg_tensor x)
{
    return rg_all_axes_at(site, x, RG_ALL_AXES, false);
}
