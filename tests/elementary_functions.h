/* elementary_functions.h: the functions of elementary.h and trigonometric.h, what they are measured by and at, and the
 * bounds that those headers state. Included by one file of a program. */
#ifndef RETROGRAD_ELEMENTARY_FUNCTIONS_H
#define RETROGRAD_ELEMENTARY_FUNCTIONS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "trigonometric.h"

/* ---- The functions ------------------------------------------------------------------------------------ */

static double sigmoid(double x)
{
    double z = exp(-fabs(x));
    return (x < 0 ? z : 1) / (1 + z);
}

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static long double sigmoid_long(long double x)
{
    long double z = expl(-fabsl(x));
    return (x < 0 ? z : 1) / (1 + z);
}

static long double softplus_long(long double x)
{
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

typedef struct {
    const char *name;
    float (*f32)(float);
    double (*f64)(double);
    double (*reference)(double);
    long double (*reference_long)(long double);
    double bound_f32, bound_f64; /* in ulp, as the headers state them */
} elementary;

enum { EXP, LOG, TANH, SIGMOID, SOFTPLUS, ERF, SIN, COS, FUNCTIONS };

static const elementary functions[FUNCTIONS] = {
    [EXP] = { "exp", rg_exp_f32, rg_exp_f64, exp, expl, 0.95, 0.95 },
    [LOG] = { "log", rg_log_f32, rg_log_f64, log, logl, 0.9, 0.9 },
    [TANH] = { "tanh", rg_tanh_f32, rg_tanh_f64, tanh, tanhl, 1.95, 1.95 },
    [SIGMOID] = { "sigmoid", rg_sigmoid_f32, rg_sigmoid_f64, sigmoid, sigmoid_long, 1.9, 1.9 },
    [SOFTPLUS] = { "softplus", rg_softplus_f32, rg_softplus_f64, softplus, softplus_long, 1.7, 1.7 },
    [ERF] = { "erf", rg_erf_f32, rg_erf_f64, erf, erfl, 1.6, 1.6 },
    [SIN] = { "sin", rg_sin_f32, rg_sin_f64, sin, sinl, 0.51, 1.85 },
    [COS] = { "cos", rg_cos_f32, rg_cos_f64, cos, cosl, 0.51, 1.85 },
};

/* ---- Errors ------------------------------------------------------------------------------------------- */

/* What must be met exactly: not a number, or a result that overflows. */
static double exactly(long double got, long double want)
{
    return (isnan(want) && isnan(got)) || got == (want > 0 ? INFINITY : -INFINITY) ? 0 : INFINITY;
}

/* |got - want| in units of the last binary digit that want has as a float, or of the denormals. */
static double ulps_f32(float got, double want)
{
    if (isnan(want) || isinf((float)want)) {
        return exactly(got, want);
    }
    double power = rg_number_f64(rg_bits_f64(want) & UINT64_C(0x7ff0000000000000));
    return isfinite(got) ? fabs(got - want) / ((power < FLT_MIN ? FLT_MIN : power) * FLT_EPSILON) : INFINITY;
}

/* As a double. */
static double ulps_f64(double got, long double want)
{
    if (isnan(want) || isinf((double)want)) {
        return exactly(got, want);
    }
    int exponent = want == 0 || ilogbl(want) < DBL_MIN_EXP - 1 ? DBL_MIN_EXP - 1 : ilogbl(want);
    return isfinite(got) ? (double)ldexpl(fabsl(got - want), DBL_MANT_DIG - 1 - exponent) : INFINITY;
}

/* Has long double digits to spare for a reference? It may have none, by nature or under an emulator. */
static bool has_spare_digits(void)
{
    volatile long double one = 1, digit = DBL_EPSILON / 256;
    return one + digit != one;
}

/* ---- Arguments ---------------------------------------------------------------------------------------- */

/* SplitMix64 [Steele, Lea and Flood 2014]. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

enum { ARGUMENT_KINDS = 7 };

/* In turn: any bits at all, any magnitude from 2^-40 to 2^10, the range where exp is finite, close to 1, where every
 * function bends, close to a multiple of pi/2, and about where sine and cosine are reduced otherwise. */
static double next_argument(uint64_t *state, int turn)
{
    uint64_t bits = next_bits(state);
    double unit = (double)(next_bits(state) >> 11) * 0x1p-53;
    double sign = bits >> 63 ? -1 : 1;
    switch (turn % ARGUMENT_KINDS) {
    case 0:
        return rg_number_f64(bits);
    case 1:
        return sign * ldexp(1 + unit, (int)(bits % 51) - 40);
    case 2:
        return sign * unit * 750;
    case 3:
        return 1 + sign * ldexp(unit, -(int)(bits % 30));
    case 4:
        return sign * unit * 4;
    case 5:
        return (double)(bits % 200000) * 1.5707963267948966 * (1 + sign * ldexp(unit, -(int)(bits >> 40) % 54));
    default:
        return sign * unit * 0x1p19;
    }
}

#endif
