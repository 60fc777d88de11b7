/* elementary.h: exp, log, tanh, sigmoid, softplus and erf, for loops that the compiler turns into SIMD code.
 *
 * Each function is straight-line code of + - * /, comparisons that choose between computed values, and bit
 * operations. So a plain loop over it vectorises for SSE2, AVX2 and AVX-512 alike, takes on the target attribute
 * of the function it stands in, and gives the same bits at every level and in the scalar tail. Compile with
 * -ffp-contract=off (the bits) -O3 -fno-math-errno -fno-trapping-math (the speed), never with -ffast-math.
 *
 *   error in ulp                                    exp    log    tanh   sigmoid  softplus  erf
 *   bound, f32 and f64                              0.95   0.90   1.95   1.90     1.70      1.60
 *   largest found, f32, all 2^32 arguments          0.923  0.853  1.914  1.861    1.662     1.393
 *   largest found, f64, 10^8 random arguments each  0.930  0.861  1.858  1.809    1.635     1.362
 *
 * Denormals are arguments and results like any others. NaN gives NaN, and special arguments their limits:
 *   exp -inf -> 0, inf -> inf;  log 0 -> -inf, inf -> inf, below 0 -> NaN;  tanh -0 -> -0, -inf -> -1, inf -> 1;
 *   sigmoid -inf -> 0, inf -> 1;  softplus -inf -> 0, inf -> inf;  erf -0 -> -0, -inf -> -1, inf -> 1.
 *
 * The polynomials are minimax (Remez' exchange in 60 digits, coefficients then rounded); "error" beside one is
 * what it adds, relative to the result. The first half of the file is f32, the second the same in f64. */
#ifndef RETROGRAD_ELEMENTARY_H
#define RETROGRAD_ELEMENTARY_H

#include <float.h>
#include <math.h>
#include <stdint.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float and double must be computed in their own precision");

#define RG_ELEMENTARY static inline __attribute__((always_inline))

/* ---- f32 -------------------------------------------------------------------------------------------- */

RG_ELEMENTARY uint32_t rg_bits_f32(float number)
{
    union { float number; uint32_t bits; } u = { .number = number };
    return u.bits;
}

RG_ELEMENTARY float rg_number_f32(uint32_t bits)
{
    union { uint32_t bits; float number; } u = { .bits = bits };
    return u.number;
}

RG_ELEMENTARY float rg_abs_f32(float x)
{
    return rg_number_f32(rg_bits_f32(x) & UINT32_C(0x7fffffff));
}

/* e^x = 2^n (1 + r + tail). Shifted left by 23, `exponent` is the bits of 2^(n + bias - 127): its low bits are
 * n + bias, and what is above them falls off. */
typedef struct {
    float r, tail;
    uint32_t exponent;
} rg_exp_parts_f32;

/* x = n ln 2 + r with n an integer and |r| <= ln 2 / 2, for |x| <= 104.
 *
 * Adding 1.5 2^23 rounds to an integer, because floats of that size are one apart; it also leaves n in the low
 * bits. ln 2 = high + low [Cody and Waite 1980]: high has 15 bits and |n| at most 151, so n high and its
 * subtraction from x are exact. What the second subtraction rounds off is recovered as c, part of the tail.
 *
 * tail = e^r - 1 - r + c = r^2 q(r) + c, q(r) = 1/2 + r/6 + ... of degree 4 on |r| <= 0.3466, error 2^-26.0 in
 * e^r - 1 and 2^-27.5 in e^r. Evaluated in pairs of terms, which halves the chain of dependent operations. */
RG_ELEMENTARY rg_exp_parts_f32 rg_exp_split_f32(float x, float bias)
{
    const float round = 0x1.8p23f + bias;
    float shifted = x * 0x1.715476p+0f + round;
    float n = shifted - round;
    float high = x - n * 0x1.62e4p-1f;
    float low = n * 0x1.7f7d1cp-20f;
    float r = high - low;
    float c = (high - r) - low;
    float r2 = r * r;
    float q = (0x1.5555bap-5f + r * 0x1.122366p-7f) + r2 * 0x1.6c5566p-10f;
    q = (0.5f + r * 0x1.5554b8p-3f) + r2 * q;
    return (rg_exp_parts_f32){ .r = r, .tail = r2 * q + c, .exponent = rg_bits_f32(shifted) };
}

/* e^x for |x| <= 104, NaN for NaN, garbage elsewhere. 2^n may be too large or too small for a float where e^x is
 * not, so it is applied as two powers whose exponents add up to n: n + 254 = half + rest, each biased by 127. The
 * second product is the one that overflows, or rounds to a denormal. */
RG_ELEMENTARY float rg_exp_within_f32(float x)
{
    rg_exp_parts_f32 e = rg_exp_split_f32(x, 254);
    uint32_t half = e.exponent >> 1, rest = e.exponent - half;
    return (1 + (e.r + e.tail)) * rg_number_f32(half << 23) * rg_number_f32(rest << 23);
}

/* Out of range the limit is chosen last, not x clamped first: gcc makes a branch out of a clamp. */
RG_ELEMENTARY float rg_exp_f32(float x)
{
    float y = rg_exp_within_f32(x);
    y = x > 89 ? INFINITY : y;
    return x < -104 ? 0 : y;
}

/* sigmoid(x) = b (1 - p), where z = e^-|x|, p = z / (1 + z), and b = 1 or, for negative x, z: then
 * z (1 - p) = p. It is computed as b - b p, which for small z is z but for a small correction, free of the
 * rounding of sum and quotient. */
RG_ELEMENTARY float rg_sigmoid_f32(float x)
{
    float size = rg_abs_f32(x);
    float z = rg_exp_within_f32(-size);
    float b = x < 0 ? z : 1;
    float y = b - b * (z / (1 + z));
    float limit = x < 0 ? 0.0f : 1.0f;
    return size > 104 ? limit : y;
}

/* tanh |x| = e / (e + 2), where e = e^(2|x|) - 1 = (2^n - 1) + 2^n r + 2^n tail. The first sum is made exact by
 * its own rounding error [Dekker 1971, Fast2Sum: 2^n - 1 is zero or the larger summand], so that e, and with
 * it tanh, is accurate relative to itself down to the smallest x. For small e the quotient t is refined to
 * h - h t with h = e / 2, the same number, in which the error of t counts only h-fold. */
RG_ELEMENTARY float rg_tanh_f32(float x)
{
    float size = rg_abs_f32(x);
    rg_exp_parts_f32 p = rg_exp_split_f32(2 * size, 127);
    float power = rg_number_f32(p.exponent << 23);
    float a = power - 1, b = power * p.r;
    float sum = a + b;
    float e = sum + ((b - (sum - a)) + power * p.tail);
    float t = e / (e + 2), h = 0.5f * e;
    float y = e < 0.75f ? h - h * t : t;
    y = size > 10 ? 1 : y;
    return rg_number_f32(rg_bits_f32(y) | (rg_bits_f32(x) & UINT32_C(0x80000000)));
}

/* n ln 2 + log(1 + f) for -0.293 <= f <= 0.5.
 *
 * With s = f / (2 + f), z = s^2: log(1 + f) = 2 atanh s = 2 s + s z p(z), p(z) = 2/3 + 2/5 z + ... of degree 2 on
 * 0 <= z <= 0.04, error 2^-28.2. As 2 s = f - f^2/2 + s f^2/2, the sum is led by f, which is exact, and the
 * rounding of s hardly counts. ln 2 = high + low as above. */
RG_ELEMENTARY float rg_log_sum_f32(float n, float f)
{
    float s = f / (2 + f);
    float z = s * s;
    float p = (0x1.5555b4p-1f + z * 0x1.992b44p-2f) + (z * z) * 0x1.36e076p-2f;
    float half_square = 0.5f * f * f;
    return n * 0x1.62e4p-1f - ((half_square - (s * (half_square + z * p) + n * 0x1.7f7d1cp-20f)) - f);
}

/* x = 2^n m with sqrt(1/2) <= m < sqrt(2). Subtracting the bits of sqrt(1/2) makes the exponent field step
 * there; n + 128 in the low bits of 2^23 is a float without a conversion. Denormals are first scaled by 2^24. */
RG_ELEMENTARY float rg_log_f32(float x)
{
    const uint32_t root_half = UINT32_C(0x3f3504f3);
    float normal = x < FLT_MIN ? x * 0x1p24f : x;
    float offset = x < FLT_MIN ? 0x1p23f + 128 + 24 : 0x1p23f + 128;
    uint32_t steps = rg_bits_f32(normal) - root_half + (UINT32_C(128) << 23);
    float n = rg_number_f32(steps >> 23 | UINT32_C(0x4b000000)) - offset;
    float m = rg_number_f32((steps & UINT32_C(0x007fffff)) + root_half);
    float y = rg_log_sum_f32(n, m - 1);
    float special = x < 0 ? NAN : x;
    special = x == 0 ? -INFINITY : special;
    y = x > 0 ? y : special;
    return x < INFINITY ? y : special;
}

/* softplus(x) = ln(1 + e^x) = max(x, 0) + log(1 + z), z = e^-|x|; for z >= 1/2, 1 + z = 2 (1 + (z - 1) / 2), with
 * z - 1 exact. */
RG_ELEMENTARY float rg_softplus_f32(float x)
{
    float size = rg_abs_f32(x);
    float z = rg_exp_within_f32(-size);
    float n = z < 0.5f ? 0.0f : 1.0f;
    float f = z < 0.5f ? z : 0.5f * (z - 1);
    float limit = x > 0 ? x : 0;
    float y = limit + rg_log_sum_f32(n, f);
    return size > 104 ? limit : y;
}

/* erf |x| = |x| + |x| p(z), z = x^2, below 1: p has degree 6, error 2^-29.4, and is so small that what it rounds off
 * hardly counts. From 1 on erf |x| = 1 - e^-g, where g = -log erfc(1 + t), t = |x| - 1, is a smooth function and
 * easily approximated: degree 5, error 2^-25.8. As e^-g = erfc |x| is less than 0.16, so is the share of its error.
 * Both are computed; from 3.92 on erf rounds to 1. */
RG_ELEMENTARY float rg_erf_f32(float x)
{
    float size = rg_abs_f32(x);
    float z = size * size, z2 = z * z;
    float p = (0x1.53f224p-8f + z * -0x1.a3515ep-11f) + z2 * 0x1.4771fep-14f;
    p = (0x1.ce2ce6p-4f + z * -0x1.b7f71ap-6f) + z2 * p;
    p = (0x1.06eba8p-3f + z * -0x1.81273ep-2f) + z2 * p;
    float near = size + size * p;
    float t = size - 1, t2 = t * t;
    float g = -0x1.28fdp-7f + t * 0x1.30ddb4p-10f;
    g = (0x1.afb99cp-1f + t * 0x1.5062a8p-5f) + t2 * g;
    g = (0x1.d97fcp+0f + t * 0x1.51c974p+1f) + t2 * g;
    rg_exp_parts_f32 e = rg_exp_split_f32(-g, 127);
    float far = 1 - (1 + (e.r + e.tail)) * rg_number_f32(e.exponent << 23);
    float y = size < 1 ? near : far;
    y = size > 3.9375f ? 1 : y;
    return rg_number_f32(rg_bits_f32(y) | (rg_bits_f32(x) & UINT32_C(0x80000000)));
}

/* ---- f64: as above, with other constants -------------------------------------------------------------- */

RG_ELEMENTARY uint64_t rg_bits_f64(double number)
{
    union { double number; uint64_t bits; } u = { .number = number };
    return u.bits;
}

RG_ELEMENTARY double rg_number_f64(uint64_t bits)
{
    union { uint64_t bits; double number; } u = { .bits = bits };
    return u.number;
}

RG_ELEMENTARY double rg_abs_f64(double x)
{
    return rg_number_f64(rg_bits_f64(x) & UINT64_C(0x7fffffffffffffff));
}

typedef struct {
    double r, tail;
    uint64_t exponent;
} rg_exp_parts_f64;

/* For |x| <= 746. high has 42 bits and |n| at most 1077; q has degree 9, error 2^-55.2 in e^r - 1 and 2^-56.5 in
 * e^r. */
RG_ELEMENTARY rg_exp_parts_f64 rg_exp_split_f64(double x, double bias)
{
    const double round = 0x1.8p52 + bias;
    double shifted = x * 0x1.71547652b82fep+0 + round;
    double n = shifted - round;
    double high = x - n * 0x1.62e42fefa38p-1;
    double low = n * 0x1.ef35793c7673p-45;
    double r = high - low;
    double c = (high - r) - low;
    double r2 = r * r;
    double q = 0x1.28975bd8fb5c3p-22 + r * 0x1.ae4904f7bd382p-26;
    q = (0x1.a019b3a5aa9d5p-16 + r * 0x1.71de976e38fe2p-19) + r2 * q;
    q = (0x1.6c16c179fc5c6p-10 + r * 0x1.a01a0171b23ddp-13) + r2 * q;
    q = (0x1.5555555553b14p-5 + r * 0x1.1111111118cfcp-7) + r2 * q;
    q = (0.5 + r * 0x1.555555555553ep-3) + r2 * q;
    return (rg_exp_parts_f64){ .r = r, .tail = r2 * q + c, .exponent = rg_bits_f64(shifted) };
}

RG_ELEMENTARY double rg_exp_within_f64(double x)
{
    rg_exp_parts_f64 e = rg_exp_split_f64(x, 2046);
    uint64_t half = e.exponent >> 1, rest = e.exponent - half;
    return (1 + (e.r + e.tail)) * rg_number_f64(half << 52) * rg_number_f64(rest << 52);
}

RG_ELEMENTARY double rg_exp_f64(double x)
{
    double y = rg_exp_within_f64(x);
    y = x > 710 ? INFINITY : y;
    return x < -746 ? 0 : y;
}

RG_ELEMENTARY double rg_sigmoid_f64(double x)
{
    double size = rg_abs_f64(x);
    double z = rg_exp_within_f64(-size);
    double b = x < 0 ? z : 1;
    double y = b - b * (z / (1 + z));
    double limit = x < 0 ? 0.0 : 1.0;
    return size > 746 ? limit : y;
}

RG_ELEMENTARY double rg_tanh_f64(double x)
{
    double size = rg_abs_f64(x);
    rg_exp_parts_f64 p = rg_exp_split_f64(2 * size, 1023);
    double power = rg_number_f64(p.exponent << 52);
    double a = power - 1, b = power * p.r;
    double sum = a + b;
    double e = sum + ((b - (sum - a)) + power * p.tail);
    double t = e / (e + 2), h = 0.5 * e;
    double y = e < 0.75 ? h - h * t : t;
    y = size > 20 ? 1 : y;
    return rg_number_f64(rg_bits_f64(y) | (rg_bits_f64(x) & UINT64_C(0x8000000000000000)));
}

/* p has degree 7, error 2^-60.3. */
RG_ELEMENTARY double rg_log_sum_f64(double n, double f)
{
    double s = f / (2 + f);
    double z = s * s, z2 = z * z;
    double p = 0x1.0dd0e3715c293p-3 + z * 0x1.1b5edeec16eccp-3;
    p = (0x1.745c4d9165a3cp-3 + z * 0x1.3b356ca854c5p-3) + z2 * p;
    p = (0x1.24924921f38f1p-2 + z * 0x1.c71c748364543p-3) + z2 * p;
    p = (0x1.555555555554fp-1 + z * 0x1.999999999c053p-2) + z2 * p;
    double half_square = 0.5 * f * f;
    return n * 0x1.62e42fefa38p-1 - ((half_square - (s * (half_square + z * p) + n * 0x1.ef35793c7673p-45)) - f);
}

/* Denormals are first scaled by 2^54; the offset in the exponent is 1024. */
RG_ELEMENTARY double rg_log_f64(double x)
{
    const uint64_t root_half = UINT64_C(0x3fe6a09e667f3bcd);
    double normal = x < DBL_MIN ? x * 0x1p54 : x;
    double offset = x < DBL_MIN ? 0x1p52 + 1024 + 54 : 0x1p52 + 1024;
    uint64_t steps = rg_bits_f64(normal) - root_half + (UINT64_C(1024) << 52);
    double n = rg_number_f64(steps >> 52 | UINT64_C(0x4330000000000000)) - offset;
    double m = rg_number_f64((steps & UINT64_C(0x000fffffffffffff)) + root_half);
    double y = rg_log_sum_f64(n, m - 1);
    double special = x < 0 ? NAN : x;
    special = x == 0 ? -INFINITY : special;
    y = x > 0 ? y : special;
    return x < INFINITY ? y : special;
}

RG_ELEMENTARY double rg_softplus_f64(double x)
{
    double size = rg_abs_f64(x);
    double z = rg_exp_within_f64(-size);
    double n = z < 0.5 ? 0.0 : 1.0;
    double f = z < 0.5 ? z : 0.5 * (z - 1);
    double limit = x > 0 ? x : 0;
    double y = limit + rg_log_sum_f64(n, f);
    return size > 746 ? limit : y;
}

/* p has degree 11, error 2^-56.0, and g degree 17, error 2^-57.0. From 5.87 on erf rounds to 1. */
RG_ELEMENTARY double rg_erf_f64(double x)
{
    double size = rg_abs_f64(x);
    double z = size * size, z2 = z * z;
    double p = 0x1.d3ddab18bbc43p-27 + z * -0x1.a23e1a0132eccp-31;
    p = (0x1.b96b575e80a4ep-20 + z * -0x1.5b8c6c70e018ep-23) + z2 * p;
    p = (0x1.f9a296b45e466p-14 + z * -0x1.f4c82f0096bb4p-17) + z2 * p;
    p = (0x1.565bcceeda34bp-8 + z * -0x1.c02daeb703113p-11) + z2 * p;
    p = (0x1.ce2f21a03f8b9p-4 + z * -0x1.b82ce311a97d5p-6) + z2 * p;
    p = (0x1.06eba8214db68p-3 + z * -0x1.812746b03799dp-2) + z2 * p;
    double near = size + size * p;
    double t = size - 1, t2 = t * t;
    double g = -0x1.0cc113703fc57p-33 + t * 0x1.5f8f6ea1bf50ap-38;
    g = (-0x1.2a7c60f38ebfp-27 + t * 0x1.727500569cd7ap-30) + t2 * g;
    g = (-0x1.00d9b9c23b84p-24 + t * 0x1.24771673fda7ap-25) + t2 * g;
    g = (0x1.1d7656b7ff6b5p-19 + t * -0x1.b04248181eccdp-23) + t2 * g;
    g = (0x1.c840bcf273f25p-16 + t * -0x1.44563f7ff17dap-17) + t2 * g;
    g = (-0x1.f1b0cba30b7f7p-13 + t * -0x1.b923c1f5afd73p-16) + t2 * g;
    g = (-0x1.48c9d3995df37p-7 + t * 0x1.033f5c4ada7c9p-9) + t2 * g;
    g = (0x1.afabc11a2a519p-1 + t * 0x1.5477f09a6b209p-5) + t2 * g;
    g = (0x1.d97fbf27aa2a1p+0 + t * 0x1.51c9b0006c22cp+1) + t2 * g;
    rg_exp_parts_f64 e = rg_exp_split_f64(-g, 1023);
    double far = 1 - (1 + (e.r + e.tail)) * rg_number_f64(e.exponent << 52);
    double y = size < 1 ? near : far;
    y = size > 5.9375 ? 1 : y;
    return rg_number_f64(rg_bits_f64(y) | (rg_bits_f64(x) & UINT64_C(0x8000000000000000)));
}

#endif
