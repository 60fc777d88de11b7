/* elementwise.h: ops that go element by element. Part of autograd.h, which includes it. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_ELEMENTWISE_H
#define RETROGRAD_ELEMENTWISE_H

#ifdef __cplusplus
extern "C" {
#endif

/* f32 and f64, operands of one dtype, NumPy broadcasting.
 * errors  RG_E_NULL, RG_E_TAPE, RG_E_DTYPE, RG_E_SHAPE sizes do not broadcast.
 * vjp     g is the cotangent of the result y; sums over broadcast dimensions are understood.
 *
 * WHERE THERE IS NO DERIVATIVE a subgradient is taken, the one that PyTorch takes:
 *   abs, sign, relu at 0                0
 *   leaky_relu, elu, selu at 0          that of the side below 0
 *   maximum, minimum at a tie           g / 2 to each
 *   clamp at a limit                    g: the limits belong to the part that moves
 *   hard_tanh at a limit                0: they do not
 *   sqrt, rsqrt, log, reciprocal at 0   infinite: the limit of the slope
 *   power, pow by the base at 0         0 for the exponent 0, 1 for 1, infinite below 1, else 0
 *   pow by the exponent at base 0       0 for exponents from 0 on
 *   atan2 at (0, 0)                     NaN
 *   hypot at (0, 0)                     0, as that of a norm
 *   sign, floor, ceil, round, comparisons, masks    no gradient flows, which reads as zeros
 *
 * GUARDS. What `where` has not taken gets exact zeros, and they stay zeros behind elementwise ops, even where the slope
 * is infinite or NaN. So each of these has the gradient one means, and so has its gradient in turn:
 *     rg_where(rg_greater(x, zero), rg_log(x), zero)
 *     rg_where(rg_not_equal(x, zero), rg_div(one, x), zero)
 *     rg_where(rg_is_nan(x), zero, rg_mul(w, x))
 * (In PyTorch they give NaN.) A cotangent that is NaN stays NaN. Behind matrix products and sums of several elements
 * a zero may still meet a NaN.
 *
 * ACCURACY. All are right to a few units in the last place over their whole range, but near zeros of lgamma, digamma
 * and polygamma, and give the same bits on every machine: elementary.h and special.h tell how exact each is. power, pow
 * and lgamma are the C library's, whose last bit may depend on the machine. */

/* ---- Arithmetic ---------------------------------------------------------------------------------------- */

RG_API rg_tensor rg_add(rg_tensor a, rg_tensor b);       /* a + b           vjp  g, g */
RG_API rg_tensor rg_sub(rg_tensor a, rg_tensor b);       /* a - b           vjp  g, -g */
RG_API rg_tensor rg_mul(rg_tensor a, rg_tensor b);       /* a b             vjp  g b, g a */
RG_API rg_tensor rg_div(rg_tensor a, rg_tensor b);       /* a / b           vjp  g / b, -g y / b */
RG_API rg_tensor rg_neg(rg_tensor x);                    /* -x              vjp  -g */
RG_API rg_tensor rg_one_minus(rg_tensor x);              /* 1 - x           vjp  -g */
RG_API rg_tensor rg_scale(rg_tensor x, double factor);   /* factor x        vjp  factor g; the factor is structure */
RG_API rg_tensor rg_shift(rg_tensor x, double offset);   /* x + offset      vjp  g; the offset is structure */
RG_API rg_tensor rg_abs(rg_tensor x);                    /* |x|             vjp  g sign x */
RG_API rg_tensor rg_square(rg_tensor x);                 /* x^2             vjp  2 g x */
RG_API rg_tensor rg_reciprocal(rg_tensor x);             /* 1 / x           vjp  -g y^2 */
RG_API rg_tensor rg_sqrt(rg_tensor x);                   /* x^(1/2)         vjp  g / (2 y) */
RG_API rg_tensor rg_rsqrt(rg_tensor x);                  /* x^(-1/2)        vjp  -g y / (2 x) */
RG_API rg_tensor rg_power(rg_tensor x, double exponent); /* x^exponent      vjp  g exponent x^(exponent - 1) */
RG_API rg_tensor rg_pow(rg_tensor a, rg_tensor b);       /* a^b             vjp  g b a^(b - 1), g y ln a */
RG_API rg_tensor rg_hypot(rg_tensor a, rg_tensor b);     /* sqrt(a^2 + b^2) without overflow on the way
                                                                            vjp  g a / y, g b / y */
/* The remainder of a / b with the sign of b, a - b floor(a / b), as in Python and PyTorch.
 * vjp  g, -g floor(a / b) */
RG_API rg_tensor rg_mod(rg_tensor a, rg_tensor b);

/* ---- Exponential, trigonometric and hyperbolic functions ------------------------------------------------ */

RG_API rg_tensor rg_exp(rg_tensor x);                    /* e^x             vjp  g y */
RG_API rg_tensor rg_expm1(rg_tensor x);                  /* e^x - 1         vjp  g e^x */
RG_API rg_tensor rg_log(rg_tensor x);                    /* ln x            vjp  g / x */
RG_API rg_tensor rg_log1p(rg_tensor x);                  /* ln(1 + x)       vjp  g / (1 + x) */
RG_API rg_tensor rg_sin(rg_tensor x);                    /* sin x           vjp  g cos x */
RG_API rg_tensor rg_cos(rg_tensor x);                    /* cos x           vjp  -g sin x */
RG_API rg_tensor rg_tan(rg_tensor x);                    /* tan x           vjp  g (1 + y^2) */
RG_API rg_tensor rg_asin(rg_tensor x);                   /* asin x          vjp  g / sqrt(1 - x^2) */
RG_API rg_tensor rg_acos(rg_tensor x);                   /* acos x          vjp  -g / sqrt(1 - x^2) */
RG_API rg_tensor rg_atan(rg_tensor x);                   /* atan x          vjp  g / (1 + x^2) */
/* The angle of the point (x, y), in [-pi, pi].
 * vjp  y: g x / (x^2 + y^2),  x: -g y / (x^2 + y^2), also where the squares are out of range */
RG_API rg_tensor rg_atan2(rg_tensor y, rg_tensor x);
RG_API rg_tensor rg_sinh(rg_tensor x);                   /* sinh x          vjp  g cosh x */
RG_API rg_tensor rg_cosh(rg_tensor x);                   /* cosh x          vjp  g sinh x */
RG_API rg_tensor rg_tanh(rg_tensor x);                   /* tanh x          vjp  g (1 - y^2) */

/* ---- Error function, gamma function ----------------------------------------------------------------------- */

RG_API rg_tensor rg_erf(rg_tensor x);                    /* erf x           vjp  g e^(-x^2) 2 / sqrt(pi) */
RG_API rg_tensor rg_erfc(rg_tensor x);                   /* 1 - erf x       vjp  -g e^(-x^2) 2 / sqrt(pi) */
RG_API rg_tensor rg_lgamma(rg_tensor x);                 /* ln |gamma(x)|   vjp  g digamma(x) */
RG_API rg_tensor rg_digamma(rg_tensor x);                /* lgamma'(x)      vjp  g polygamma(x, 1) */
/* The derivative of digamma of that order; order 0 is digamma. vjp g polygamma(x, order + 1).
 * errors  RG_E_ARGUMENT unless the order is from 0 to 100. */
RG_API rg_tensor rg_polygamma(rg_tensor x, int order);

/* ---- Activations ------------------------------------------------------------------------------------------- */

RG_API rg_tensor rg_sigmoid(rg_tensor x);                /* 1 / (1 + e^-x)  vjp  g y (1 - y) */
RG_API rg_tensor rg_log_sigmoid(rg_tensor x);            /* ln sigmoid(x)   vjp  g sigmoid(-x) */
RG_API rg_tensor rg_softplus(rg_tensor x);               /* ln(1 + e^x)     vjp  g sigmoid(x) */
RG_API rg_tensor rg_softsign(rg_tensor x);               /* x / (1 + |x|)   vjp  g / (1 + |x|)^2 */
RG_API rg_tensor rg_relu(rg_tensor x);                   /* max(x, 0)       vjp  g where x > 0, else 0 */
/* x above 0, slope x below. The slope is structure. vjp g where x > 0, else slope g. */
RG_API rg_tensor rg_leaky_relu(rg_tensor x, double slope);
/* x above 0, alpha (e^x - 1) below. Alpha is structure. vjp g where x > 0, else g alpha e^x.  [Clevert et al. 2016] */
RG_API rg_tensor rg_elu(rg_tensor x, double alpha);
/* 1.0507... elu(x, 1.6732...): keeps mean 0 and variance 1.                                  [Klambauer et al. 2017] */
RG_API rg_tensor rg_selu(rg_tensor x);
/* x sigmoid(x), also known as swish. vjp g s (1 + x (1 - s)), s = sigmoid(x).       [Hendrycks and Gimpel 2016] */
RG_API rg_tensor rg_silu(rg_tensor x);
/* x Phi(x), Phi the distribution function of the standard normal distribution: x (1 + erf(x / sqrt(2))) / 2.
 * vjp g (Phi(x) + x phi(x)).                                                          [Hendrycks and Gimpel 2016] */
RG_API rg_tensor rg_gelu(rg_tensor x);
/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2: within 0.0005 of rg_gelu. */
RG_API rg_tensor rg_gelu_tanh(rg_tensor x);

/* ---- Limits and rounding ------------------------------------------------------------------------------------ */

RG_API rg_tensor rg_maximum(rg_tensor a, rg_tensor b);   /* the larger      vjp  g to the larger, g/2 each at a tie */
RG_API rg_tensor rg_minimum(rg_tensor a, rg_tensor b);   /* the smaller     vjp  g to the smaller, g/2 each at a tie */
/* x, but `low` below that and `high` above that; the limits are structure and may be infinite.
 * errors  RG_E_ARGUMENT unless low <= high.
 * vjp     g from low to high, else 0: see above for the limits themselves. */
RG_API rg_tensor rg_clamp(rg_tensor x, double low, double high);
RG_API rg_tensor rg_hard_tanh(rg_tensor x, double low, double high);

/* No gradient. */
RG_API rg_tensor rg_sign(rg_tensor x);                   /* -1, 0 or 1; NaN for NaN */
RG_API rg_tensor rg_floor(rg_tensor x);                  /* the next integer below */
RG_API rg_tensor rg_ceil(rg_tensor x);                   /* the next integer above */
RG_API rg_tensor rg_round(rg_tensor x);                  /* the nearest integer, an even one for halves */

/* ---- Masks ------------------------------------------------------------------------------------------------------ */

/* 1 where true and 0 where false, in the operands' dtype. No gradient. A comparison with NaN is false, but that they
 * are not equal is true. */
RG_API rg_tensor rg_greater(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_greater_equal(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_less(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_less_equal(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_equal(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_not_equal(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_is_finite(rg_tensor x);              /* neither infinite nor NaN */
RG_API rg_tensor rg_is_nan(rg_tensor x);
/* Of masks: whatever is not 0 is true. */
RG_API rg_tensor rg_logical_and(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_or(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_xor(rg_tensor a, rg_tensor b);
RG_API rg_tensor rg_logical_not(rg_tensor x);
/* a where the mask is not 0, else b. The adjoint selects too: the branch not taken gets exact zeros. No gradient for
 * the mask. */
RG_API rg_tensor rg_where(rg_tensor mask, rg_tensor a, rg_tensor b);

/* ---- Dtypes --------------------------------------------------------------------------------------------------------- */

/* The same numbers in another dtype. Floats become integers by cutting off their fractions; what does not fit becomes the
 * nearest that does, and NaN 0.
 * errors  RG_E_DTYPE not a dtype.
 * vjp     g cast back; none from or to integers. */
RG_API rg_tensor rg_cast(rg_tensor x, rg_dtype dtype);

/* ---- For derivatives ------------------------------------------------------------------------------------------- */

/* A cotangent g times, or divided by, a slope: g s and g / s, but exactly 0 where g is 0, whatever s is. This is what
 * keeps the promise about guards; a vjp rule of your own keeps it in the same way. Their own derivatives do, too.
 * vjp  rg_adjoint_mul: h s for g; h g for s, which is exactly 0 where either is. rg_adjoint_div likewise. */
RG_API rg_tensor rg_adjoint_mul(rg_tensor g, rg_tensor s);
RG_API rg_tensor rg_adjoint_div(rg_tensor g, rg_tensor s);

#ifdef __cplusplus
}
#endif
#endif
