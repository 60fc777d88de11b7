/* philox.h: the generator itself, inline for the dropout kernel; and normals by pairs. */
#ifndef RETROGRAD_PHILOX_H
#define RETROGRAD_PHILOX_H

#include <stdint.h>

/* The constants are those of the paper: two multipliers, and Weyl increments from the golden ratio and
 * from sqrt(3) - 1. Gives all 128 bits. */
static inline void rg_philox4(uint64_t seed, uint64_t stream, uint64_t index, uint32_t words[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p = UINT64_C(0xD2511F53) * c0, q = UINT64_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(q >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)q;
        c3 = (uint32_t)p;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

/* The first 64 of them. */
static inline uint64_t rg_philox(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t words[4];
    rg_philox4(seed, stream, index, words);
    return (uint64_t)words[1] << 32 | words[0];
}

/* Numbers 2 pair and 2 pair + 1 of a stream of normals. (random.c) */
void rg_random_normal_pair(uint64_t seed, uint64_t stream, uint64_t pair, double out[2]);

#endif
