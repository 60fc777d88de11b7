/* tiles.c: running a group: all its members on one tile of elements, then on the next, so that what passes between members
 * stays in the nearest caches. */
#include "lanes.h"
#include "plan.h"

#include <string.h>

enum { LINE_BYTES = 64 };

typedef struct {
    void *const *pointers;
    char *registers, *local;
    rg_fold_state *states;
    int64_t begin;             /* the first element, where local is */
    size_t item, tile_bytes;
} places;

/* Where a slot is for the elements from `at` on. */
static char *slot_pointer(const rg_slot *slot, const places *in, int64_t at)
{
    switch (slot->kind) {
    case RG_SLOT_ARGUMENT: return (char *)in->pointers[slot->index] + (size_t)at * in->item;
    case RG_SLOT_REGISTER: return in->registers + slot->index * in->tile_bytes;
    case RG_SLOT_WHOLE: return in->pointers[slot->index];
    case RG_SLOT_LOCAL: return in->local + (size_t)(at - in->begin) * in->item;
    case RG_SLOT_FOLD: return (char *)in->pointers[slot->index] + (size_t)(at / slot->per) * in->item;
    case RG_SLOT_STATE: return (char *)&in->states[slot->index];
    }
    return NULL;
}

/* How far it is to the same slot of the next tile. */
static size_t slot_advance(const rg_slot *slot, const places *in)
{
    return slot->kind == RG_SLOT_ARGUMENT || slot->kind == RG_SLOT_LOCAL ? in->tile_bytes : 0;
}

/* What a tile finds ready: operands that lie otherwise, and whether blocks of folds begin. */
static void load_registers(const rg_group *group, const places *in, int64_t at, int64_t n)
{
    for (int i = 0; i < group->loads; i++) {
        const rg_load *load = &group->load[i];
        if (!load->one_number || at == in->begin)
            rg_layout_gather(&load->layout, in->pointers[load->argument], at, n, in->registers + load->into * in->tile_bytes);
    }
    for (int i = 0; i < group->folds; i++) in->states[i].begins = at % RG_LANE_BLOCK == 0;
}

/* Asks for the lines that the next tile will write to, so that they come while its members are done. */
static void fetch_next(char *from, size_t bytes)
{
    enum { MOST_BYTES = 1 << 16 };
    for (size_t line = 0; line < bytes && line < MOST_BYTES; line += LINE_BYTES) __builtin_prefetch(from + line, 1);
}

/* What a tile leaves. */
static void put_columns(const rg_group *group, const places *in, int64_t at, int64_t n)
{
    for (int m = 0; m < group->matrices; m++) {
        const rg_columns *matrix = &group->matrix[m];
        const void *from[RG_GROUP_MEMBERS];
        for (int k = 0; k < matrix->columns; k++) from[k] = slot_pointer(&matrix->from[k], in, at);
        char *to = (char *)in->pointers[matrix->argument] + (size_t)(at * matrix->columns) * in->item;
        rg_side_by_side(in->item, matrix->columns, from, n, to);
        const size_t row = (size_t)matrix->columns * in->item;
        if (at + 2 * n <= group->count) fetch_next(to + (size_t)n * row, (size_t)n * row);
    }
}

/* ---- Long vectors --------------------------------------------------------------------------------------------------
 * They come from memory, and between two tiles the processor sees no pattern by which to fetch them ahead. So the next
 * tile is asked for while this one is computed, a few lines before each member: all at once would be waited for. */

enum { LONG_BYTES = 1 << 22 };

typedef struct {
    const char *from[RG_GROUP_STREAMS]; /* the next tile of each stream */
    int line_bits;                      /* 2^line_bits lines of each */
    int64_t lines, share;               /* of all streams; before each member */
} fetching;

/* The lines from number `count` on. */
static const rg_step *fetch_step(const rg_step *step)
{
    const fetching *f = step->attributes;
    const int64_t last = step->count + f->share < f->lines ? step->count + f->share : f->lines;
    for (int64_t line = step->count, end; line < last; line = end) {
        const int64_t stream = line >> f->line_bits, first = stream << f->line_bits, next = (stream + 1) << f->line_bits;
        const char *from = f->from[stream];
        end = next < last ? next : last;
        for (int64_t i = line - first; i < end - first; i++) __builtin_prefetch(from + i * LINE_BYTES);
    }
    return RG_NEXT_STEP(step);
}

static fetching fetching_of(const rg_group *group, const places *in, int64_t begin)
{
    fetching f = { .line_bits = 0 };
    while (LINE_BYTES << (f.line_bits + 1) <= (int64_t)in->tile_bytes) f.line_bits++;
    for (int i = 0; i < group->streams; i++)
        f.from[i] = (const char *)in->pointers[group->stream[i]] + (size_t)begin * in->item;
    f.lines = (int64_t)group->streams << f.line_bits;
    f.share = (f.lines + group->micros - 1) / group->micros;
    return f;
}

/* ---- Members as steps ---------------------------------------------------------------------------------------------- */

/* A member whose op has no steps: a step that makes a call. */
typedef struct {
    const rg_micro *micro;
    const places *where;
    const int64_t *at;
} caller;

static const rg_step *call_step(const rg_step *step)
{
    const caller *c = step->attributes;
    const rg_micro *micro = c->micro;
    const void *in[RG_GROUP_OPERANDS];
    for (int k = 0; k < micro->operands; k++) in[k] = slot_pointer(&micro->in[k], c->where, *c->at);
    const rg_call call = { .out = slot_pointer(&micro->out, c->where, *c->at), .in = in, .attributes = micro->attributes,
                           .base = *c->at, .operands = micro->operands };
    micro->kernel(&call, 0, step->count);
    return RG_NEXT_STEP(step);
}

/* How far a member's pointers go from tile to tile. */
typedef struct {
    size_t out, in[RG_STEP_OPERANDS];
} advance;

static void prepare_step(const rg_micro *micro, const places *where, int64_t begin, rg_step *step, advance *by)
{
    step->kernel = micro->step;
    step->attributes = micro->attributes;
    step->out = slot_pointer(&micro->out, where, begin);
    by->out = slot_advance(&micro->out, where);
    for (int k = 0; k < micro->operands; k++) {
        step->in[k] = slot_pointer(&micro->in[k], where, begin);
        by->in[k] = slot_advance(&micro->in[k], where);
    }
}

static void advance_step(const rg_micro *micro, const places *where, int64_t at, rg_step *step, const advance *by)
{
    if (!micro->step) return;
    if (micro->out.kind == RG_SLOT_FOLD) step->out = slot_pointer(&micro->out, where, at);
    step->out = (char *)step->out + by->out;
    for (int k = 0; k < micro->operands; k++) step->in[k] = (char *)step->in[k] + by->in[k];
}

static void run_members(const rg_group *group, const places *where, int64_t begin, int64_t end)
{
    rg_step steps[2 * RG_GROUP_MEMBERS + 1];
    advance by[RG_GROUP_MEMBERS];
    caller callers[RG_GROUP_MEMBERS];
    const int64_t tile = group->tile;
    int64_t at = begin;
    const bool fetches = group->count * (int64_t)where->item >= LONG_BYTES && end - begin > tile;
    const int apart = fetches ? 2 : 1;
    fetching f = { .lines = 0 };
    if (fetches) f = fetching_of(group, where, begin);
    for (int i = 0; i < group->micros; i++) {
        if (fetches) steps[2 * i] = (rg_step){ .kernel = fetch_step, .attributes = &f, .count = i * f.share };
        rg_step *step = &steps[apart * i + apart - 1];
        callers[i] = (caller){ &group->micro[i], where, &at };
        if (group->micro[i].step) prepare_step(&group->micro[i], where, begin, step, &by[i]);
        else *step = (rg_step){ .kernel = call_step, .attributes = &callers[i] };
    }
    steps[apart * group->micros].kernel = rg_step_stop;
    for (; at < end; at += tile) {
        const int64_t n = end - at < tile ? end - at : tile;
        load_registers(group, where, at, n);
        for (int i = 0; i < group->streams && fetches; i++) f.from[i] += where->tile_bytes;
        if (at + tile >= end) f.share = 0;
        for (int i = 0; i < group->micros; i++) steps[apart * i + apart - 1].count = n;
        steps->kernel(steps);
        put_columns(group, where, at, n);
        for (int i = 0; at + tile < end && i < group->micros; i++)
            advance_step(&group->micro[i], where, at + tile, &steps[apart * i + apart - 1], &by[i]);
    }
}

void rg_group_run(const rg_group *group, void *const *pointers, int64_t begin, int64_t end, char *local)
{
    _Alignas(RG_ALIGNMENT) char registers[RG_REGISTER_BYTES];
    rg_fold_state states[RG_GROUP_FOLDS];
    const size_t item = rg_dtype_size(group->dtype);
    const places where = { pointers, registers, local, states, begin, item, (size_t)group->tile * item };
    run_members(group, &where, begin, end);
}
