/* random.c: counter-based random numbers. Philox 4x32-10 [Salmon, Moraes, Dror and Shaw 2011]: ten rounds of
 * multiplying and mixing turn a 128-bit counter into 128 random bits under a 64-bit key, so a number is a
 * function of (seed, stream, index) and of nothing else. */
#include "philox.h"
#include "tape.h"
#include "trigonometric.h"

uint64_t rg_random_bits(uint64_t seed, uint64_t stream, uint64_t index)
{
    return rg_philox(seed, stream, index);
}

/* 53 bits, the precision of a double: every result is a multiple of 2^-53 below 1. */
double rg_random_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return (double)(rg_philox(seed, stream, index) >> 11) * 0x1p-53;
}

/* Box and Muller 1958: r = sqrt(-2 ln u), angle 2 pi v. A pair of normals is made of a pair of uniforms. The first
 * uniform is moved into (0, 1], where the logarithm is finite. By our own functions: the bits are the same everywhere. */
void rg_random_normal_pair(uint64_t seed, uint64_t stream, uint64_t pair, double out[2])
{
    static const double two_pi = 6.283185307179586476925;
    double u = 1.0 - rg_random_uniform(seed, stream, 2 * pair), v = rg_random_uniform(seed, stream, 2 * pair + 1);
    double radius = sqrt(-2.0 * rg_log_f64(u));
    out[0] = radius * rg_cos_f64(two_pi * v);
    out[1] = radius * rg_sin_f64(two_pi * v);
}

double rg_random_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    double pair[2];
    rg_random_normal_pair(seed, stream, index / 2, pair);
    return pair[index % 2];
}
