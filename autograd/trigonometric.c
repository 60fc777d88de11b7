/* trigonometric.c: sine and cosine beyond the reach of trigonometric.h, one at a time.
 *
 * |x| = m 2^e with an integer m < 2^53. Of x/pi only the value modulo 2 counts, and a bit of 1/pi that is worth 2^-b
 * adds a multiple of 2 to it where b < e: so of all the bits of 1/pi it takes 192, from b = e on [Payne and Hanek
 * 1983]. What is cut off is worth less than m 2^-191 < 2^-138, and no double's x/pi is closer to a multiple of 1/2
 * than 2^-62.6. In whole numbers, so that the bits are the same everywhere. */
#include "trigonometric.h"

enum { WORDS = 6, BITS_BEFORE = 63 };

/* 1/pi: bit number b + 63 is worth 2^-b. */
static const uint32_t inverse_pi[] = {
    0x00000000, 0x00000000, 0x517cc1b7, 0x27220a94, 0xfe13abe8, 0xfa9a6ee0, 0x6db14acc, 0x9e21c820,
    0xff28b1d5, 0xef5de2b0, 0xdb92371d, 0x2126e970, 0x03249775, 0x04e8c90e, 0x7f0ef58e, 0x5894d39f,
    0x74411afa, 0x975da242, 0x74ce3813, 0x5a2fbf20, 0x9cc8eb1c, 0xc1a99cfa, 0x4e422fc5, 0xdefc941d,
    0x8ffc4bff, 0xef02cc07, 0xf79788c5, 0xad05368f, 0xb69b3f67, 0x93e584db, 0xa7a31fb3, 0x4f2ff516,
    0xba93dd63, 0xf5f2f8bd, 0x9e839cfb, 0xc5294975, 0x35fdafd8, 0x8fc6ae84, 0x2b019823, 0x7e3db5d5,
};

/* pi/4 in units of 2^-128. Here and below the lowest word comes first. */
static const uint32_t quarter_pi[] = { 0x80dc1cd1, 0xc4c6628b, 0x2168c234, 0xc90fdaa2 };

/* product = a b, of n + k words. */
static void multiply(const uint32_t *a, int n, const uint32_t *b, int k, uint32_t *product)
{
    for (int i = 0; i < n + k; i++) product[i] = 0;
    for (int i = 0; i < n; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < k; j++) {
            carry += (uint64_t)a[i] * b[j] + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + k] = (uint32_t)carry;
    }
}

/* By fewer than 32 bits. */
static void shift_left(uint32_t *a, int n, int bits)
{
    for (int i = n - 1; i >= 0; i--) {
        uint64_t pair = (uint64_t)a[i] << 32 | (i > 0 ? a[i - 1] : 0);
        a[i] = (uint32_t)(pair << bits >> 32);
    }
}

/* size/pi modulo 2 in units of 2^-191, for 2^18 <= size < infinity. */
static void half_turns(double size, uint32_t *turns)
{
    const uint64_t bits = rg_bits_f64(size), m = (bits & UINT64_C(0x000fffffffffffff)) | UINT64_C(1) << 52;
    const uint32_t m_words[] = { (uint32_t)m, (uint32_t)(m >> 32) };
    const int e = (int)(bits >> 52) - 1075, first = e + BITS_BEFORE;
    uint32_t window[WORDS + 1], product[2 + WORDS];
    for (int i = 0; i <= WORDS; i++) window[i] = inverse_pi[first / 32 + WORDS - i];
    shift_left(window, WORDS + 1, first % 32);
    multiply(m_words, 2, window + 1, WORDS, product);
    for (int i = 0; i < WORDS; i++) turns[i] = product[i];
}

/* size/pi, or size/pi + 1/2 for the cosine, which is the sine of size + pi/2, is n + f with |f| <= 1/2, and r = pi f.
 * The highest bit is worth 1. The others are f, read as a signed number: from 1/2 on they stand for themselves minus 1,
 * and n is one more. */
static rg_sin_parts_f64 split(double size, bool cosine)
{
    uint32_t f[WORDS], product[8];
    half_turns(size, f);
    if (cosine) f[WORDS - 1] += UINT32_C(1) << 30;
    const uint32_t odd = (f[WORDS - 1] + (UINT32_C(1) << 30)) >> 31;
    shift_left(f, WORDS, 1);
    const uint32_t negative = f[WORDS - 1] >> 31;
    for (int i = 0; negative && i < WORDS; i++) f[i] = ~f[i]; /* -f, but for 2^-192 */
    double unit = 0x1p-51; /* of the upper 53 bits of the product */
    for (; !(f[WORDS - 1] >> 31); unit *= 0.5) shift_left(f, WORDS, 1);
    multiply(f + 2, 4, quarter_pi, 4, product);
    const uint64_t upper = (uint64_t)product[7] << 32 | product[6], lower = (uint64_t)product[5] << 32 | product[4];
    double high = (double)(upper >> 11) * unit, low = (double)(upper << 53 | lower >> 11) * (unit * 0x1p-64);
    double r = high + low;
    return (rg_sin_parts_f64){ .r = r, .tail = (high - r) + low, .sign = (uint64_t)(odd ^ negative) << 63 };
}

static double sine(double x, bool cosine)
{
    const double size = rg_abs_f64(x);
    if (!(size < INFINITY)) return NAN;
    rg_sin_parts_f64 s = split(size, cosine);
    return rg_number_f64(rg_bits_f64(rg_sin_sum_f64(s.r, s.tail)) ^ s.sign);
}

double rg_sin_beyond(double x)
{
    return x < 0 ? -sine(x, false) : sine(x, false);
}

double rg_cos_beyond(double x)
{
    return sine(x, true);
}
