/* lanes.h: sums and maxima along a row, in an order that no vector width changes. Internal.
 *
 * Sixteen lanes run over the row side by side: the widest vector of floats there is; narrower vectors take the
 * same lanes in turns, so the same additions are done in the same order. Blocks of a row are added pairwise:
 * the rounding error then grows with the logarithm of the length [Higham 1993]. */
#ifndef RETROGRAD_LANES_H
#define RETROGRAD_LANES_H

#include <stdint.h>

#include "shape.h" /* before simd.h: derivative rules have no sites of their own */
#include "simd.h"

enum { RG_LANES = 16, RG_LANE_BLOCK = 1024 };

/* The larger, and the smaller, or NaN if either is. */
#define RG_LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define RG_SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))

#define RG_LANES_DEFINE(type)                                                                                      \
    /* x[i] goes to lane i % RG_LANES; n is a multiple of RG_LANES but at the end of a block. */                   \
    static inline __attribute__((always_inline)) void rg_lanes_add_##type(type *lane, const type *x, int64_t n)    \
    {                                                                                                              \
        int64_t i = 0;                                                                                             \
        for (; i + RG_LANES <= n; i += RG_LANES)                                                                   \
            for (int j = 0; j < RG_LANES; j++) lane[j] += x[i + j];                                                \
        for (int j = 0; i + j < n; j++) lane[j] += x[i + j];                                                       \
    }                                                                                                              \
    static inline __attribute__((always_inline)) type rg_lanes_join_##type(type *lane)                             \
    {                                                                                                              \
        for (int half = RG_LANES / 2; half > 0; half /= 2)                                                         \
            for (int j = 0; j < half; j++) lane[j] += lane[j + half];                                              \
        return lane[0];                                                                                            \
    }                                                                                                              \
    static inline __attribute__((always_inline)) type rg_lanes_block_##type(const type *x, int64_t n)              \
    {                                                                                                              \
        type lane[RG_LANES] = { 0 };                                                                               \
        rg_lanes_add_##type(lane, x, n);                                                                           \
        return rg_lanes_join_##type(lane);                                                                         \
    }                                                                                                              \
    /* Sums of blocks are added up like a binary counter: a carry adds two sums of equal length. */                \
    typedef struct {                                                                                               \
        type partial[48];                                                                                          \
        int depth;                                                                                                 \
        int64_t blocks;                                                                                            \
    } rg_lanes_counter_##type;                                                                                     \
    static inline __attribute__((always_inline)) void rg_lanes_count_##type(rg_lanes_counter_##type *c, type sum)  \
    {                                                                                                              \
        c->partial[c->depth++] = sum;                                                                              \
        for (int64_t carry = ++c->blocks; carry % 2 == 0; carry /= 2, c->depth--)                                  \
            c->partial[c->depth - 2] += c->partial[c->depth - 1];                                                  \
    }                                                                                                              \
    static inline __attribute__((always_inline)) type rg_lanes_total_##type(rg_lanes_counter_##type *c)            \
    {                                                                                                              \
        type sum = c->partial[--c->depth];                                                                         \
        while (c->depth > 0) sum = c->partial[--c->depth] + sum;                                                   \
        return sum;                                                                                                \
    }                                                                                                              \
    static inline __attribute__((always_inline)) type rg_lanes_sum_##type(const type *x, int64_t n)                \
    {                                                                                                              \
        rg_lanes_counter_##type counter;                                                                           \
        counter.depth = 0;                                                                                         \
        counter.blocks = 0;                                                                                        \
        if (n <= RG_LANE_BLOCK) return rg_lanes_block_##type(x, n);                                                \
        for (int64_t first = 0; first < n; first += RG_LANE_BLOCK)                                                 \
            rg_lanes_count_##type(&counter, rg_lanes_block_##type(x + first, n - first < RG_LANE_BLOCK ? n - first \
                                                                                                    : RG_LANE_BLOCK)); \
        return rg_lanes_total_##type(&counter);                                                                    \
    }

/* The same of the largest, or smallest: CHOOSE of all. */
#define RG_LANES_CHOOSE(name, type, CHOOSE)                                                                        \
    static inline __attribute__((always_inline)) type rg_lanes_##name##_##type(const type *x, int64_t n)           \
    {                                                                                                              \
        type lane[RG_LANES];                                                                                       \
        int64_t i = 0;                                                                                             \
        for (int j = 0; j < RG_LANES; j++) lane[j] = x[0];                                                         \
        for (; i + RG_LANES <= n; i += RG_LANES)                                                                   \
            for (int j = 0; j < RG_LANES; j++) lane[j] = CHOOSE(x[i + j], lane[j]);                                \
        for (int j = 0; i + j < n; j++) lane[j] = CHOOSE(x[i + j], lane[j]);                                       \
        for (int half = RG_LANES / 2; half > 0; half /= 2)                                                         \
            for (int j = 0; j < half; j++) lane[j] = CHOOSE(lane[j + half], lane[j]);                              \
        return lane[0];                                                                                            \
    }

RG_LANES_DEFINE(float)
RG_LANES_DEFINE(double)
RG_LANES_CHOOSE(max, float, RG_LARGER)
RG_LANES_CHOOSE(max, double, RG_LARGER)
RG_LANES_CHOOSE(min, float, RG_SMALLER)
RG_LANES_CHOOSE(min, double, RG_SMALLER)

/* The same of each row of n, for every level of vector instructions: rg_sum_rows_f32, rg_sum_rows_f64_avx2 and so on.
 * (row_lanes.c) */
#define RG_LANES_DECLARE(name, type, suffix, target, unused)                                                       \
    void rg_##name##_rows_##suffix(const type *x, int64_t n, int64_t rows, type *restrict y);
RG_EACH_KERNEL(RG_LANES_DECLARE, sum, 0)
RG_EACH_KERNEL(RG_LANES_DECLARE, max, 0)

#endif
