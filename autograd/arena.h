/* arena.h: memory that is handed out piece by piece and taken back all at once. */
#ifndef RETROGRAD_ARENA_H
#define RETROGRAD_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct rg_chunk rg_chunk;

/* All zeros is an empty arena. Chunks are kept across a rewind, so that a step that allocates like the
 * last one does not call malloc. */
typedef struct {
    rg_chunk *first, *current;
    size_t used;      /* of the current chunk */
    size_t bytes;     /* of all chunks */
} rg_arena;

/* `bytes` bytes, aligned to RG_ALIGNMENT if large and to 8 otherwise; never NULL but when out of memory. */
void *rg_arena_take(rg_arena *arena, size_t bytes);
void *rg_arena_take_zeroed(rg_arena *arena, size_t bytes);
void rg_arena_rewind(rg_arena *arena);
/* Takes back what has been taken since the arena was as `before` says. */
void rg_arena_return(rg_arena *arena, const rg_arena *before);
void rg_arena_free(rg_arena *arena);

#endif
