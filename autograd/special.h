/* special.h: more functions, made of single IEEE operations like those of elementary.h: the same bits on every machine.
 * Internal.
 *
 * rg_expm1 to rg_gelu_slope are straight-line code for loops that the compiler turns into SIMD code; the others are
 * computed in f64, one number at a time (special.c), and rounded for f32.
 *
 *   error in ulp         expm1  log1p  normal_cdf  erfc  sinh  cosh  tan  atan  asin  acos  atan2  hypot
 *   bound, f64           1.25   1.55   7           7     2.6   2.6   2.8  1.9   2.4   2.4   2.4    2.1
 *   bound, f32           1.25   1.55   7           0.51 and for all that follow
 *   largest found, f64, 3 10^6 random arguments each
 *                        1.138  1.425  6.812       6.790 2.496 2.496 2.667 1.779 2.295 2.201 2.118 1.961
 *
 * gelu errs by another ulp, its slope by as many units of the larger of its two terms, lgamma, digamma and polygamma by
 * some units, and by more near their zeros.
 */
#ifndef RETROGRAD_SPECIAL_H
#define RETROGRAD_SPECIAL_H

#include "elementary.h"

/* e^x - 1 = 2 (e + rest), where e = (2^(n-1) - 1/2) + 2^(n-1) r: see rg_tanh_f32. Half of it, because 2^1024 is no
 * double. */
RG_ELEMENTARY double rg_expm1_f64(double x)
{
    rg_exp_parts_f64 p = rg_exp_split_f64(x, 1022);
    double power = rg_number_f64(p.exponent << 52);
    double a = power - 0.5, b = power * p.r;
    double sum = a + b;
    double y = 2 * (sum + ((b - (sum - a)) + power * p.tail));
    y = rg_abs_f64(x) < 0x1p-54 ? x : y;
    y = x > 710 ? INFINITY : y;
    return x < -40 ? -1 : y;
}

/* 1 + x = u + c exactly [Knuth: TwoSum], and log(u + c) = log u + c / u, but for c^2 / 2 u^2. u is at least 2^-53: not a
 * denormal. Otherwise as rg_log_f64. */
RG_ELEMENTARY double rg_log1p_f64(double x)
{
    const uint64_t root_half = UINT64_C(0x3fe6a09e667f3bcd);
    double u = 1 + x, t = u - x;
    double c = (x - (u - t)) + (1 - t);
    uint64_t steps = rg_bits_f64(u) - root_half + (UINT64_C(1024) << 52);
    double n = rg_number_f64(steps >> 52 | UINT64_C(0x4330000000000000)) - (0x1p52 + 1024);
    double m = rg_number_f64((steps & UINT64_C(0x000fffffffffffff)) + root_half);
    double y = rg_log_sum_f64(n, m - 1) + c / u;
    double special = x < -1 ? NAN : x;
    special = x == -1 ? -INFINITY : special;
    y = rg_abs_f64(x) < 0x1p-54 ? x : y;
    y = x > -1 ? y : special;
    return x < INFINITY ? y : special;
}

RG_ELEMENTARY float rg_expm1_f32(float x)
{
    rg_exp_parts_f32 p = rg_exp_split_f32(x, 126);
    float power = rg_number_f32(p.exponent << 23);
    float a = power - 0.5f, b = power * p.r;
    float sum = a + b;
    float y = 2 * (sum + ((b - (sum - a)) + power * p.tail));
    y = rg_abs_f32(x) < 0x1p-25f ? x : y;
    y = x > 89 ? INFINITY : y;
    return x < -20 ? -1 : y;
}

RG_ELEMENTARY float rg_log1p_f32(float x)
{
    const uint32_t root_half = UINT32_C(0x3f3504f3);
    float u = 1 + x, t = u - x;
    float c = (x - (u - t)) + (1 - t);
    uint32_t steps = rg_bits_f32(u) - root_half + (UINT32_C(128) << 23);
    float n = rg_number_f32(steps >> 23 | UINT32_C(0x4b000000)) - (0x1p23f + 128);
    float m = rg_number_f32((steps & UINT32_C(0x007fffff)) + root_half);
    float y = rg_log_sum_f32(n, m - 1) + c / u;
    float special = x < -1 ? NAN : x;
    special = x == -1 ? -INFINITY : special;
    y = rg_abs_f32(x) < 0x1p-25f ? x : y;
    y = x > -1 ? y : special;
    return x < INFINITY ? y : special;
}

/* ---- The normal distribution ------------------------------------------------------------------------------ */

/* e^(z^2) erfc z for z >= 0. (1 + 2 z) times it is smooth in t = (z - 3.75) / (z + 3.75) up to infinity, where t is 1
 * [Shepherd and Laframboise 1981]: degree 24, error 2^-57.6 (Chebyshev's series, cut off). */
RG_ELEMENTARY double rg_scaled_erfc_f64(double z)
{
    double t = (z - 3.75) / (z + 3.75), t2 = t * t;
    double p = 0x1.d3744857e262bp-32;
    p = (-0x1.638dcc665be8dp-28 + t * 0x1.561b105822235p-32) + t2 * p;
    p = (0x1.4c37f59c36e71p-25 + t * -0x1.014cd7201b5adp-28) + t2 * p;
    p = (-0x1.15be4201dc721p-22 + t * 0x1.8fa9fe49c359bp-26) + t2 * p;
    p = (0x1.d6339f66a50f8p-20 + t * -0x1.eb803840c0574p-25) + t2 * p;
    p = (-0x1.800077b775cf3p-17 + t * -0x1.055686d42aa63p-20) + t2 * p;
    p = (0x1.b1439865f8d9ep-15 + t * 0x1.778b933adcce7p-16) + t2 * p;
    p = (0x1.33fb2968decd9p-12 + t * -0x1.303fa4966bc38p-12) + t2 * p;
    p = (-0x1.3f603c398c6c5p-7 + t * 0x1.cc3a0e7d2150cp-10) + t2 * p;
    p = (-0x1.e0d0fa6ddfe85p-5 + t * 0x1.d0b0037d167adp-6) + t2 * p;
    p = (-0x1.bda9309a2949ap-4 + t * 0x1.7a14188a9ce2ap-4) + t2 * p;
    p = (0x1.d5f294815a405p-9 + t * 0x1.510169d09665bp-4) + t2 * p;
    p = (0x1.3ccda0b5d5dc2p+0 + t * -0x1.1f367683f89a5p-3) + t2 * p;
    return p / (1 + 2 * z);
}

/* e^(-share x^2), for share 1 or 1/2 and share x^2 <= 746. The square's rounding error would count as much as x^2, so it
 * is computed as well [Dekker 1971: x = high + low, of 26 bits each]. */
RG_ELEMENTARY double rg_exp_of_square_f64(double x, double share)
{
    double high = rg_number_f64(rg_bits_f64(x) & UINT64_C(0xfffffffff8000000)), low = x - high;
    double square = x * x;
    double error = ((high * high - square) + 2 * high * low) + low * low;
    return rg_exp_within_f64(-share * square) * (1 - share * error);
}

/* With 3 for 3.75: degree 11, error 2^-27.7. */
RG_ELEMENTARY float rg_scaled_erfc_f32(float z)
{
    float t = (z - 3) / (z + 3), t2 = t * t;
    float p = -0x1.84299ep-14f + t * 0x1.44433ep-14f;
    p = (0x1.eb8a6ep-10f + t * -0x1.7cdef6p-11f) + t2 * p;
    p = (-0x1.8557aap-6f + t * 0x1.479072p-9f) + t2 * p;
    p = (-0x1.e88d3p-4f + t * 0x1.17d31ep-4f) + t2 * p;
    p = (-0x1.85a112p-5f + t * 0x1.0982dap-3f) + t2 * p;
    p = (0x1.40c522p+0f + t * -0x1.15c08p-3f) + t2 * p;
    return p / (1 + 2 * z);
}

/* For share x^2 <= 104. */
RG_ELEMENTARY float rg_exp_of_square_f32(float x, float share)
{
    float high = rg_number_f32(rg_bits_f32(x) & UINT32_C(0xfffff000)), low = x - high;
    float square = x * x;
    float error = ((high * high - square) + 2 * high * low) + low * low;
    return rg_exp_within_f32(-share * square) * (1 - share * error);
}

RG_ELEMENTARY double rg_erfc_f64(double x)
{
    double size = rg_abs_f64(x);
    double y = rg_scaled_erfc_f64(size) * rg_exp_of_square_f64(size, 1);
    y = size > 27.25 ? 0 : y;
    return x < 0 ? 2 - y : y;
}

/* The share of a standard normal distribution below x, erfc(-x / sqrt(2)) / 2; x times that; and the derivative of this,
 * the share and x times the density. Beyond `least` the share is no number above 0. */
#define RG_NORMAL_DEFINE(suffix, type, root_half, peak, least)                                                     \
    RG_ELEMENTARY type rg_normal_cdf_##suffix(type x)                                                              \
    {                                                                                                              \
        type size = rg_abs_##suffix(x), half = (type)0.5;                                                          \
        type y = half * rg_scaled_erfc_##suffix(size * root_half) * rg_exp_of_square_##suffix(size, half);         \
        y = size > least ? 0 : y;                                                                                  \
        return x > 0 ? 1 - y : y;                                                                                  \
    }                                                                                                              \
    RG_ELEMENTARY type rg_gelu_##suffix(type x)                                                                    \
    {                                                                                                              \
        type y = x * rg_normal_cdf_##suffix(x);                                                                    \
        return x < -least ? 0 : y;                                                                                 \
    }                                                                                                              \
    RG_ELEMENTARY type rg_gelu_slope_##suffix(type x)                                                              \
    {                                                                                                              \
        type density = peak * rg_exp_of_square_##suffix(rg_abs_##suffix(x), (type)0.5);                            \
        type y = rg_normal_cdf_##suffix(x) + x * density;                                                          \
        y = x < -least ? 0 : y;                                                                                    \
        return x > least ? 1 : y;                                                                                  \
    }
RG_NORMAL_DEFINE(f64, double, 0x1.6a09e667f3bcdp-1, 0x1.9884533d43651p-2, 38.6)
RG_NORMAL_DEFINE(f32, float, 0x1.6a09e6p-1f, 0x1.988454p-2f, 14.4f)

/* ---- One at a time ------------------------------------------------------------------------------------------ */

double rg_tan_f64(double x);
double rg_sinh_f64(double x);
double rg_cosh_f64(double x);
double rg_atan_f64(double x);
double rg_asin_f64(double x);
double rg_acos_f64(double x);
double rg_atan2_f64(double y, double x);
double rg_hypot_f64(double x, double y);
/* a - b floor(a / b): the sign is that of b. Exact. */
double rg_mod_f64(double a, double b);
/* ln |gamma(x)|: libm's. */
double rg_lgamma_f64(double x);
/* d/dx ln gamma(x). */
double rg_digamma_f64(double x);
/* Its derivative of that order, 0 to RG_POLYGAMMA_MOST. */
enum { RG_POLYGAMMA_MOST = 100 };
double rg_polygamma_f64(double x, double order);

#endif
