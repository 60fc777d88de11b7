/* cache.c: a small table from signatures to plans, in the order of use. */
#include "cache.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { REMEMBERED = 256 }; /* traces seen once */

typedef struct entry entry;
struct entry {
    entry *next_in_bucket;
    entry *newer, *older;
    XXH128_hash_t hash;
    uint64_t *signature;
    size_t words;
    rg_plan plan;
};

struct rg_cache {
    size_t capacity, count, bytes;
    uint64_t losses;
    size_t bucket_mask;
    entry **buckets;
    entry *newest, *oldest;
    XXH128_hash_t seen[REMEMBERED]; /* the last so many traces that had no plan */
    size_t seen_next;
};

rg_cache *rg_cache_new(size_t capacity)
{
    size_t buckets = 16;
    while (buckets < 2 * capacity && buckets < (size_t)1 << 20) buckets *= 2;
    rg_cache *cache = calloc(1, sizeof *cache);
    entry **table = calloc(buckets, sizeof(entry *));
    if (!cache || !table) {
        free(cache);
        free(table);
        return NULL;
    }
    cache->capacity = capacity;
    cache->buckets = table;
    cache->bucket_mask = buckets - 1;
    return cache;
}

static size_t entry_bytes(const entry *each)
{
    return sizeof *each + each->words * sizeof *each->signature + each->plan.arena.bytes;
}

static void unlink_use(rg_cache *cache, entry *each)
{
    *(each->newer ? &each->newer->older : &cache->newest) = each->older;
    *(each->older ? &each->older->newer : &cache->oldest) = each->newer;
}

static void link_newest(rg_cache *cache, entry *each)
{
    each->newer = NULL;
    each->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = each;
    cache->newest = each;
}

static void remove_oldest(rg_cache *cache)
{
    entry *gone = cache->oldest, **link = &cache->buckets[gone->hash.low64 & cache->bucket_mask];
    while (*link != gone) link = &(*link)->next_in_bucket;
    *link = gone->next_in_bucket;
    unlink_use(cache, gone);
    cache->bytes -= entry_bytes(gone);
    cache->count--;
    cache->losses++;
    rg_arena_free(&gone->plan.arena);
    free(gone->signature);
    free(gone);
}

void rg_cache_free(rg_cache *cache)
{
    if (!cache) return;
    while (cache->oldest) remove_oldest(cache);
    free(cache->buckets);
    free(cache);
}

/* All are looked at, so that whether a trace is remembered is no matter of luck: traces that take turns are planned. */
static bool seen_before(rg_cache *cache, XXH128_hash_t hash)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        if (cache->seen[i].low64 == hash.low64 && cache->seen[i].high64 == hash.high64) return true;
    cache->seen[cache->seen_next++ % REMEMBERED] = hash;
    return false;
}

void rg_cache_touch(rg_cache *cache, rg_plan *plan)
{
    entry *each = (entry *)(void *)((char *)plan - offsetof(entry, plan));
    if (each == cache->newest) return;
    unlink_use(cache, each);
    link_newest(cache, each);
}

uint64_t rg_cache_losses(const rg_cache *cache)
{
    return cache->losses;
}

rg_sight rg_cache_find(rg_cache *cache, const uint64_t *signature, size_t words, rg_plan **plan)
{
    const XXH128_hash_t hash = XXH3_128bits(signature, words * sizeof *signature);
    for (entry *each = cache->buckets[hash.low64 & cache->bucket_mask]; each; each = each->next_in_bucket) {
        bool same = XXH128_isEqual(each->hash, hash) && each->words == words &&
                    memcmp(each->signature, signature, words * sizeof *signature) == 0;
        if (!same) continue;
        *plan = &each->plan;
        rg_cache_touch(cache, *plan);
        return RG_SIGHT_PLANNED;
    }
    return seen_before(cache, hash) ? RG_SIGHT_AGAIN : RG_SIGHT_FIRST;
}

rg_plan *rg_cache_put(rg_cache *cache, const uint64_t *signature, size_t words, const rg_plan *plan)
{
    entry *each = calloc(1, sizeof *each);
    uint64_t *copy = malloc(words * sizeof *copy);
    if (!each || !copy) {
        free(each);
        free(copy);
        return NULL;
    }
    while (cache->count >= cache->capacity) remove_oldest(cache);
    memcpy(copy, signature, words * sizeof *copy);
    *each = (entry){ .hash = XXH3_128bits(signature, words * sizeof *signature), .signature = copy, .words = words,
                     .plan = *plan };
    entry **bucket = &cache->buckets[each->hash.low64 & cache->bucket_mask];
    each->next_in_bucket = *bucket;
    *bucket = each;
    link_newest(cache, each);
    cache->count++;
    cache->bytes += entry_bytes(each);
    return &each->plan;
}

size_t rg_cache_plans(const rg_cache *cache)
{
    return cache->count;
}

size_t rg_cache_bytes(const rg_cache *cache)
{
    return cache->bytes;
}
