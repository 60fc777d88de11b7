/* complex_functions.h: the functions of the rows for numbers that are `double complex`, for the complex step. Internal.
 *
 * The complex step [Squire and Trapp 1998] takes the imaginary part of f(x + i h u) / h for a derivative, without any
 * cancellation, at a step of 1e-30. So these must be right where the imaginary part is tiny: each continues its real
 * function analytically, and where that has branches, they are chosen by the real part. */
#ifndef RETROGRAD_COMPLEX_FUNCTIONS_H
#define RETROGRAD_COMPLEX_FUNCTIONS_H

#include <complex.h>
#include <math.h>
#undef I

typedef double complex rg_complex;

/* The number that a comparison in a formula goes by. */
#define RE(x) _Generic((x), rg_complex: creal(x), default: (x))

/* Never raises e to a large power. */
static inline rg_complex rg_complex_sigmoid(rg_complex x)
{
    const rg_complex e = cexp(creal(x) < 0 ? x : -x);
    return (creal(x) < 0 ? e : 1) / (1 + e);
}

static inline rg_complex rg_complex_softplus(rg_complex x)
{
    return creal(x) < 0 ? clog(1 + cexp(x)) : x + clog(1 + cexp(-x));
}

/* The real part loses digits near 0, the imaginary part, which is the derivative, does not. */
static inline rg_complex rg_complex_expm1(rg_complex x)
{
    return cexp(x) - 1;
}

static inline rg_complex rg_complex_log1p(rg_complex x)
{
    return clog(1 + x);
}

/* A negative number to a whole power is real: cpow would be off by as much as 1e-16 in the imaginary part. */
static inline rg_complex rg_complex_power(rg_complex x, double p)
{
    if (creal(x) >= 0 || isnan(creal(x))) return cpow(x, p);
    const double parity = fabs(fmod(p, 2));
    return (parity == 0 ? 1 : parity == 1 ? -1 : (double)NAN) * cpow(-x, p);
}

#endif
