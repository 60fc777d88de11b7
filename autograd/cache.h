/* cache.h: plans by the structure of the trace they belong to. Internal. */
#ifndef RETROGRAD_CACHE_H
#define RETROGRAD_CACHE_H

#include "plan.h"

/* At most `capacity` plans; the least recently used goes first. */
rg_cache *rg_cache_new(size_t capacity);
void rg_cache_free(rg_cache *cache);

typedef enum {
    RG_SIGHT_FIRST,            /* not seen before, as far as is remembered: run node by node */
    RG_SIGHT_AGAIN,            /* seen before: worth a plan */
    RG_SIGHT_PLANNED           /* here is the plan */
} rg_sight;

/* Looks a signature up by its XXH3-128 hash, and compares it word by word with what is stored. */
rg_sight rg_cache_find(rg_cache *cache, const uint64_t *signature, size_t words, rg_plan **plan);
/* Takes the plan's ownership (its arena) and returns where it now lives; NULL when out of memory, and the
 * plan is then still the caller's. */
rg_plan *rg_cache_put(rg_cache *cache, const uint64_t *signature, size_t words, const rg_plan *plan);

/* Makes a plan of the cache the most recently used. */
void rg_cache_touch(rg_cache *cache, rg_plan *plan);
/* How many plans have had to go: a plan that was found stays where it is while this number does. */
uint64_t rg_cache_losses(const rg_cache *cache);

size_t rg_cache_plans(const rg_cache *cache);
size_t rg_cache_bytes(const rg_cache *cache);

#endif
