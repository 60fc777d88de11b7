/* size.h: every size computation of the library goes through these, so that none can wrap. */
#ifndef RETROGRAD_SIZE_H
#define RETROGRAD_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RG_ALIGNMENT ((size_t)64) /* a cache line, and the widest vector */

static inline bool rg_size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum) && *sum <= PTRDIFF_MAX;
}

static inline bool rg_size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product) && *product <= PTRDIFF_MAX;
}

static inline bool rg_size_align(size_t a, size_t alignment, size_t *aligned)
{
    if (!rg_size_add(a, alignment - 1, aligned)) return false;
    *aligned &= ~(alignment - 1);
    return true;
}

/* Grows *items to hold at least `needed` of `item` bytes each, at least doubling. False when out of memory;
 * *items and *capacity are then unchanged. */
bool rg_grow_more(void **items, size_t *capacity, size_t needed, size_t item);
static inline bool rg_grow(void **items, size_t *capacity, size_t needed, size_t item)
{
    return needed <= *capacity || rg_grow_more(items, capacity, needed, item);
}

#endif
