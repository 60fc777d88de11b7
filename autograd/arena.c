/* arena.c: bump allocation in a list of growing chunks. */
#include "arena.h"

#include <stdlib.h>
#include <string.h>

#include "size.h"

struct rg_chunk {
    rg_chunk *next;
    size_t capacity;
    char *memory; /* aligned, inside this allocation */
};

enum { FIRST_CHUNK = 1 << 14, SMALL = 256 };

static rg_chunk *chunk_new(size_t capacity)
{
    size_t bytes;
    if (!rg_size_add(capacity, sizeof(rg_chunk) + RG_ALIGNMENT, &bytes)) return NULL;
    rg_chunk *chunk = malloc(bytes);
    if (!chunk) return NULL;
    size_t past = (size_t)((uintptr_t)(chunk + 1) & (RG_ALIGNMENT - 1));
    *chunk = (rg_chunk){ .capacity = capacity, .memory = (char *)(chunk + 1) + (RG_ALIGNMENT - past) };
    return chunk;
}

/* Moves on to a chunk with room for `bytes`, keeping those that are too small for another time. */
static bool next_chunk(rg_arena *arena, size_t bytes)
{
    rg_chunk **link = arena->current ? &arena->current->next : &arena->first;
    while (*link && (*link)->capacity < bytes) link = &(*link)->next;
    if (!*link) {
        size_t capacity = arena->bytes < FIRST_CHUNK ? FIRST_CHUNK : arena->bytes;
        if (capacity < bytes) capacity = bytes;
        *link = chunk_new(capacity);
        if (!*link && capacity > bytes) *link = chunk_new(capacity = bytes);
        if (!*link) return false;
        arena->bytes += capacity;
    }
    arena->current = *link;
    arena->used = 0;
    return true;
}

void *rg_arena_take(rg_arena *arena, size_t bytes)
{
    size_t start, end;
    for (int attempt = 0; attempt < 2; attempt++) {
        bool fits = rg_size_align(arena->used, bytes < SMALL ? 8 : RG_ALIGNMENT, &start) &&
                    rg_size_add(start, bytes, &end);
        if (!fits) return NULL;
        if (arena->current && end <= arena->current->capacity) {
            arena->used = end;
            return arena->current->memory + start;
        }
        if (attempt == 0 && !next_chunk(arena, bytes)) return NULL;
    }
    return NULL;
}

void *rg_arena_take_zeroed(rg_arena *arena, size_t bytes)
{
    void *memory = rg_arena_take(arena, bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

void rg_arena_rewind(rg_arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
}

void rg_arena_return(rg_arena *arena, const rg_arena *before)
{
    arena->current = before->current;
    arena->used = before->used;
}

void rg_arena_free(rg_arena *arena)
{
    for (rg_chunk *chunk = arena->first, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *arena = (rg_arena){ 0 };
}

bool rg_grow_more(void **items, size_t *capacity, size_t needed, size_t item)
{
    size_t count = *capacity < 16 ? 16 : *capacity, bytes;
    while (count < needed)
        if (!rg_size_mul(count, 2, &count)) return false;
    if (!rg_size_mul(count, item, &bytes)) return false;
    void *grown = realloc(*items, bytes);
    if (!grown) return false;
    *items = grown;
    *capacity = count;
    return true;
}
