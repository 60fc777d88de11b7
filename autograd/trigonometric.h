/* trigonometric.h: sine and cosine, for loops that the compiler turns into SIMD code. Internal.
 *
 * rg_sin_within_f32 and the like are straight-line code, as elementary.h describes it, for |x| <= 2^26 in f32 and
 * |x| <= 2^18 in f64. Beyond, x must be reduced by a pi of up to a thousand bits: there they give x back, which no
 * sine is. So a loop stores y, and rg_sin_finish_f32(y, n) then looks for results that are larger than 2 and replaces
 * them one by one (trigonometric.c). rg_sin_f32 and the like do both for one number. libm has no part in it: the last
 * bit of its sine depends on whether the machine can fuse a multiplication with an addition.
 *
 *   error in ulp                                              sin    cos
 *   bound, f32                                                0.51   0.51
 *   bound, f64                                                1.85   1.85
 *   largest found, f32, all 2^32 arguments                    0.501  0.501
 *   largest found, f64, 10^8 random arguments each            1.614  1.605
 *   likewise, 3 10^7 from where it is largest, |r| about 1.3  1.665  1.693
 *
 * sin -0 = -0; infinity and NaN give NaN. The polynomials are made as those of elementary.h. */
#ifndef RETROGRAD_TRIGONOMETRIC_H
#define RETROGRAD_TRIGONOMETRIC_H

#include <stdbool.h>

#include "elementary.h"

/* For |x| > 2^18. One number at a time. */
double rg_sin_beyond(double x);
double rg_cos_beyond(double x);

/* ---- f32 -------------------------------------------------------------------------------------------- */

/* The sine or cosine of |x| <= 2^26.
 *
 * x = h pi + r with |r| <= pi/2, where h = n is an integer for the sine, and n - 1/2 for the cosine. Then
 * sin x = (-1)^n sin r, and cos x = cos(n pi - pi/2 + r) = (-1)^n sin r: one polynomial serves both.
 *
 * Adding 1.5 2^52 rounds to an integer and leaves n in the low bits; the lowest becomes the sign. pi = high + low
 * [Cody and Waite 1980]: high has 27 bits and 2 h at most 26, so h high and its subtraction from x are exact, and r
 * is right to 2^-57.7. No float below 2^35 comes closer than 2^-27.9 to a multiple of pi/2 (by continued fractions
 * [Muller 2016, after Kahan]), so r is right to 2^-29.8 of itself.
 *
 * sin r = r (1 + z p(z)), z = r^2, p(z) = -1/6 + z/120 - ... of degree 4 on |r| <= pi/2, error 2^-35.3. It is all done
 * in double precision, so that hardly anything but the last rounding is left of the error. */
RG_ELEMENTARY float rg_sin_or_cos_f32(float argument, bool cosine)
{
    const double round = 0x1.8p52;
    double x = argument;
    double half_turns = x * 0x1.45f306dc9c883p-2;
    double shifted = (cosine ? half_turns + 0.5 : half_turns) + round;
    double n = shifted - round, h = cosine ? n - 0.5 : n;
    double r = (x - h * 0x1.921fb54p+1) - h * 0x1.10b4611a62633p-29;
    double z = r * r, z2 = z * z;
    double p = 0x1.7170800a3537ep-19 + z * -0x1.9a688551d8ee9p-26;
    p = (0x1.11110c49fecc7p-7 + z * -0x1.a017d99f82415p-13) + z2 * p;
    double ratio = 1 + (z * -0x1.55555547695efp-3 + z2 * p);
    return (float)(rg_number_f64(rg_bits_f64(r) ^ rg_bits_f64(shifted) << 63) * ratio);
}

RG_ELEMENTARY float rg_sin_within_f32(float x)
{
    float y = rg_sin_or_cos_f32(x, false);
    return rg_abs_f32(x) > 0x1p26f ? x : y;
}

RG_ELEMENTARY float rg_cos_within_f32(float x)
{
    float y = rg_sin_or_cos_f32(x, true);
    return rg_abs_f32(x) > 0x1p26f ? x : y;
}

/* ---- f64 -------------------------------------------------------------------------------------------- */

/* |x| = h pi + r + tail; the sign is 0 or the sign bit, for odd n. */
typedef struct {
    double r, tail;
    uint64_t sign;
} rg_sin_parts_f64;

/* As above, for size <= 2^18. pi = high + middle + low, of 35, 35 and 53 bits, and 2 h has at most 18: so h high,
 * h middle and size - h high are exact, but for the cosine of size < pi/2 - 1, where h = 1/2: there r may be off by
 * 2^-53, and the cosine by sin(size) times that.
 *
 * What the second subtraction rounds off becomes part of the tail [Dekker 1971, Fast2Sum: the operand on the left is
 * the larger, or else nothing is rounded off: both are multiples of 2^-73, and their difference is below 2^-20].
 * r + tail is right to n 2^-127.6. Below 64, where n <= 20, no double comes closer than 2^-60.5 to a multiple of
 * pi/2; from there to 2^18 none comes closer than 2^-52.8, but for the same one times 2, 4, ... 2^8. So r + tail is
 * right to 2^-58 of itself. */
RG_ELEMENTARY rg_sin_parts_f64 rg_sin_split_f64(double size, bool cosine)
{
    const double round = 0x1.8p52;
    double half_turns = size * 0x1.45f306dc9c883p-2;
    double shifted = (cosine ? half_turns + 0.5 : half_turns) + round;
    double n = shifted - round, h = cosine ? n - 0.5 : n;
    double left = size - h * 0x1.921fb5444p+1, middle = h * 0x1.68c234c4cp-38;
    double difference = left - middle;
    double rest = ((left - difference) - middle) - h * 0x1.98a2e03707345p-76;
    double r = difference + rest;
    return (rg_sin_parts_f64){ .r = r, .tail = (difference - r) + rest, .sign = rg_bits_f64(shifted) << 63 };
}

/* sin(r + tail) = r - r z / 8 + r z p(z) + tail cos r, p(z) = -1/6 + 1/8 + z/120 - ... of degree 7, error 2^-61.5.
 * With 1/8 of z set apart p is small, and so is what its sums round off. cos r is 1 - 4 z / pi^2 to 0.06. */
RG_ELEMENTARY double rg_sin_sum_f64(double r, double tail)
{
    double z = r * r, z2 = z * z;
    double p = -0x1.ae4383d3c772fp-41 + z * 0x1.88328fcfc484dp-49;
    p = (-0x1.ae6454d4717e2p-26 + z * 0x1.6123cd05d0ccap-33) + z2 * p;
    p = (-0x1.a01a01a014d6fp-13 + z * 0x1.71de3a52a0af5p-19) + z2 * p;
    p = (-0x1.5555555555554p-5 + z * 0x1.11111111110c8p-7) + z2 * p;
    double cube = r * z;
    return r + ((cube * p - cube * 0.125) + tail * (1 - z * 0x1.9f02f6222c72p-2));
}

/* Of the size, so that the sine of -0 gets its sign. */
RG_ELEMENTARY double rg_sin_within_f64(double x)
{
    double size = rg_abs_f64(x);
    rg_sin_parts_f64 s = rg_sin_split_f64(size, false);
    uint64_t sign = s.sign ^ (rg_bits_f64(x) & UINT64_C(0x8000000000000000));
    double y = rg_number_f64(rg_bits_f64(rg_sin_sum_f64(s.r, s.tail)) ^ sign);
    return size > 0x1p18 ? x : y;
}

RG_ELEMENTARY double rg_cos_within_f64(double x)
{
    double size = rg_abs_f64(x);
    rg_sin_parts_f64 s = rg_sin_split_f64(size, true);
    double y = rg_number_f64(rg_bits_f64(rg_sin_sum_f64(s.r, s.tail)) ^ s.sign);
    return size > 0x1p18 ? x : y;
}

/* ---- Beyond ------------------------------------------------------------------------------------------ */

/* For a function and a dtype: what a loop calls at its end, and the function of one number. In y whatever is larger
 * than 2 is an argument still; the comparison of them all is vectorised, so that it costs little when there is none. */
#define RG_SIN_DEFINE(function, suffix, type, whole)                                                               \
    RG_ELEMENTARY void rg_##function##_finish_##suffix(type *y, int64_t n)                                         \
    {                                                                                                              \
        whole any = 0;                                                                                             \
        for (int64_t i = 0; i < n; i++) any |= rg_abs_##suffix(y[i]) > 2;                                          \
        if (!any) return;                                                                                          \
        for (int64_t i = 0; i < n; i++)                                                                            \
            if (rg_abs_##suffix(y[i]) > 2) y[i] = (type)rg_##function##_beyond((double)y[i]);                      \
    }                                                                                                              \
    RG_ELEMENTARY type rg_##function##_##suffix(type x)                                                            \
    {                                                                                                              \
        type y = rg_##function##_within_##suffix(x);                                                               \
        return rg_abs_##suffix(y) > 2 ? (type)rg_##function##_beyond((double)y) : y;                               \
    }
RG_SIN_DEFINE(sin, f32, float, uint32_t)
RG_SIN_DEFINE(cos, f32, float, uint32_t)
RG_SIN_DEFINE(sin, f64, double, uint64_t)
RG_SIN_DEFINE(cos, f64, double, uint64_t)

#endif
