/* special.c: functions that are computed one number at a time, in f64. */
#define _DEFAULT_SOURCE /* for lgamma_r: lgamma itself may write to a global variable */
#include "special.h"

#include "trigonometric.h"

static double with_sign_of(double x, double size)
{
    return rg_number_f64(rg_bits_f64(size) | (rg_bits_f64(x) & UINT64_C(0x8000000000000000)));
}

/* ---- Hyperbolic ----------------------------------------------------------------------------------------- */

enum { ONE_SIDED = 22 }; /* from here on e^-x does not count beside e^x */

/* e^x / 2, finite for as long as that is. */
static double half_exp(double x)
{
    double root = rg_exp_f64(0.5 * x);
    return 0.5 * root * root;
}

double rg_sinh_f64(double x)
{
    double size = rg_abs_f64(x), e = rg_expm1_f64(size);
    return with_sign_of(x, size < ONE_SIDED ? 0.5 * (e + e / (e + 1)) : half_exp(size));
}

double rg_cosh_f64(double x)
{
    double size = rg_abs_f64(x), e = rg_exp_f64(size);
    return size < ONE_SIDED ? 0.5 * e + 0.5 / e : half_exp(size);
}

/* ---- Trigonometric ----------------------------------------------------------------------------------------- */

#define HALF_PI 0x1.921fb54442d18p+0
#define HALF_PI_REST 0x1.1a62633145c07p-54

double rg_tan_f64(double x)
{
    return rg_sin_f64(x) / rg_cos_f64(x);
}

/* atan x = x + x z q(z), z = x^2, up to 1: q of degree 20, error 2^-57.7 (Chebyshev's series, cut off); from there on
 * pi/2 - atan(1/x). */
static double atan_of_size(double size)
{
    double x = size > 1 ? 1 / size : size, z = x * x, z2 = z * z;
    double p = -0x1.980bdd0bf1a3fp-17;
    p = (-0x1.923602215a5c5p-11 + z * 0x1.25f43f6c7b8f2p-13) + z2 * p;
    p = (-0x1.b48b0c2dc229fp-8 + z * 0x1.5d850df12ff89p-9) + z2 * p;
    p = (-0x1.4dba96eefd8b9p-6 + z * 0x1.a5fb803d769bap-7) + z2 * p;
    p = (-0x1.150b09b37ac8ap-5 + z * 0x1.c56eca4b5d27ep-6) + z2 * p;
    p = (-0x1.61079bcb7b617p-5 + z * 0x1.3d86ce8d56c17p-5) + z2 * p;
    p = (-0x1.af02a7c98fa1dp-5 + z * 0x1.8552d3410eb6ap-5) + z2 * p;
    p = (-0x1.1110c5427df25p-4 + z * 0x1.e1dc6216d4a72p-5) + z2 * p;
    p = (-0x1.745d16f9a5b8ap-4 + z * 0x1.3b13ab6e67a6ep-4) + z2 * p;
    p = (-0x1.249249248d22dp-3 + z * 0x1.c71c71c4b59eap-4) + z2 * p;
    p = (-0x1.5555555555555p-2 + z * 0x1.999999999990dp-3) + z2 * p;
    double y = x + x * (z * p);
    return size > 1 ? HALF_PI - (y - HALF_PI_REST) : y;
}

double rg_atan_f64(double x)
{
    return with_sign_of(x, atan_of_size(rg_abs_f64(x)));
}

/* (1 - x) (1 + x), where 1 - x^2 would lose the digits of x near 1. */
double rg_asin_f64(double x)
{
    return rg_atan_f64(x / sqrt((1 - x) * (1 + x)));
}

double rg_acos_f64(double x)
{
    return 2 * atan_of_size(sqrt((1 - x) / (1 + x)));
}

double rg_atan2_f64(double y, double x)
{
    const double above = rg_abs_f64(y), along = rg_abs_f64(x);
    const bool diagonal = above == along && (above == 0 || above == INFINITY); /* where their quotient is no number */
    double angle = atan_of_size(diagonal ? (above == 0 ? 0 : 1) : above / along);
    if (signbit(x)) angle = 2 * HALF_PI - (angle - 2 * HALF_PI_REST);
    return with_sign_of(y, angle);
}

double rg_hypot_f64(double x, double y)
{
    const double a = rg_abs_f64(x), b = rg_abs_f64(y);
    if (a == INFINITY || b == INFINITY) return INFINITY;
    const double more = a > b ? a : b, less = a > b ? b : a;
    if (more == 0) return more + less;
    const double ratio = less / more;
    return more * sqrt(1 + ratio * ratio) + 0 * less;
}

double rg_mod_f64(double a, double b)
{
    double rest = fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* ---- Gamma ------------------------------------------------------------------------------------------------------ */

double rg_lgamma_f64(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* cot(pi x), by the distance of x to the next integer or half of one, which is exact. */
static double cot_pi(double x)
{
    const double pi = 2 * HALF_PI, rest = x - rint(x), size = rg_abs_f64(rest);
    return size > 0.25 ? with_sign_of(rest, rg_tan_f64(pi * (0.5 - size))) : 1 / rg_tan_f64(pi * rest);
}

/* B(2k) / (2k)!, k = 1, 2, ...: Bernoulli's numbers, for the expansion at infinity [Abramowitz and Stegun 6.3.18, 6.4.11] */
static const double bernoulli[] = {
    1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000, 1.0 / 74724249600,
    -3617.0 / 10670622842880000, 43867.0 / 5109094217170944000,
};
enum { BERNOULLI = sizeof bernoulli / sizeof bernoulli[0], FAR = 12 };

/* By psi(x) = psi(x + 1) - 1/x up to where the expansion is good, and below 0 by psi(x) = psi(1 - x) - pi cot(pi x). */
double rg_digamma_f64(double x)
{
    if (x == 0) return signbit(x) ? INFINITY : -INFINITY;
    if (x < 0 && x == rint(x)) return NAN;
    if (x < 0) return rg_digamma_f64(1 - x) - 2 * HALF_PI * cot_pi(x);
    double sum = 0;
    for (; x < FAR; x += 1) sum -= 1 / x;
    const double square = 1 / (x * x);
    double power = 1, tail = 0, factorial = 1; /* x^-2k and (2k - 1)! */
    for (int k = 0; k < BERNOULLI; k++) {
        power *= square;
        tail += bernoulli[k] * factorial * power;
        factorial *= (2 * k + 2) * (2 * k + 3);
    }
    return sum + (rg_log_f64(x) - 0.5 / x - tail);
}

/* d^n/dt^n cot t as a polynomial of c = cot t: from P to -(1 + c^2) P', n times. */
static double cot_derivative(double c, int n)
{
    double p[RG_POLYGAMMA_MOST + 3] = { 0, 1 }, next[RG_POLYGAMMA_MOST + 3];
    for (int degree = 1; degree <= n; degree++) {
        for (int i = 0; i <= degree + 1; i++)
            next[i] = -((i + 1 <= degree ? (i + 1) * p[i + 1] : 0) + (i >= 1 ? (i - 1) * p[i - 1] : 0));
        for (int i = 0; i <= degree + 1; i++) p[i] = next[i];
    }
    double sum = 0;
    for (int i = n + 1; i >= 0; i--) sum = sum * c + p[i];
    return sum;
}

static double power_of(double x, int n)
{
    double y = 1;
    for (int i = 0; i < n; i++) y *= x;
    return y;
}

/* (-1)^(n+1) psi_n(x) for n >= 1 and x > 0: n! times the sum of (x + k)^-(n+1) over k = 0, 1, ..., whose tail is
 * (n-1)! x^-n + n! x^-(n+1) / 2 + the sum of B(2k) / (2k)! (2k + n - 1)! x^-(2k+n). */
static double polygamma_size(double x, int n)
{
    double factorial = 1, sum = 0; /* (n - 1)! */
    for (int i = 2; i < n; i++) factorial *= i;
    for (; x < FAR + n; x += 1) sum += power_of(1 / x, n + 1);
    const double inverse = 1 / x, power = power_of(inverse, n), square = inverse * inverse;
    double term = n * (n + 1.0), tail = 0, powers = square; /* (2k + n - 1)! / (n - 1)! */
    for (int k = 0; k < BERNOULLI; k++) {
        tail += bernoulli[k] * term * powers;
        term *= (n + 2 * k + 2.0) * (n + 2 * k + 3.0);
        powers *= square;
    }
    return factorial * (n * sum + power * (1 + 0.5 * n * inverse + tail));
}

double rg_polygamma_f64(double x, double order)
{
    const int n = (int)order;
    const double sign = n % 2 ? 1 : -1;
    if (n == 0) return rg_digamma_f64(x);
    if (x != x || x == -INFINITY) return NAN;
    if (x > 0) return sign * polygamma_size(x, n);
    if (x == rint(x)) return n % 2 ? INFINITY : x == 0 ? -INFINITY : NAN;
    return -polygamma_size(1 - x, n) - power_of(2 * HALF_PI, n + 1) * cot_derivative(cot_pi(x), n);
}
