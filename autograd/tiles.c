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
        const void *from[RG_GROUP_READS];
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

enum { LONG_BYTES = 1 << 22, FETCHING_MEMBERS = 512 };

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
static const rg_step *call_step(const rg_step *step)
{
    const rg_micro *micro = step->attributes;
    const places *where = step->in[0];
    const int64_t at = *(const int64_t *)step->in[1];
    const void *in[RG_GROUP_OPERANDS];
    for (int k = 0; k < micro->operands; k++) in[k] = slot_pointer(&micro->in[k], where, at);
    const rg_call call = { .out = slot_pointer(&micro->out, where, at), .in = in, .attributes = micro->attributes,
                           .base = at, .operands = micro->operands };
    micro->kernel(&call, 0, step->count);
    return RG_NEXT_STEP(step);
}

/* The steps of a group, with a stop now and then, and which of their pointers go on from tile to tile: the others are to
 * registers. */
typedef struct {
    rg_step *steps, *last;
    int apart;                 /* from one member's to the next */
    void ***moving;
    int moves;
    rg_step *fold[RG_GROUP_FOLDS];
    const rg_slot *folded[RG_GROUP_FOLDS]; /* where its results go: on by fewer elements than a tile has */
    int folds;
} sequence;

static size_t steps_before(int member, int apart)
{
    return (size_t)member * (size_t)apart + (size_t)(member / RG_STEPS_WITHOUT_STOP);
}

static void set_pointer(sequence *all, const rg_slot *slot, const places *where, int64_t begin, void **pointer)
{
    *pointer = slot_pointer(slot, where, begin);
    if (slot->kind == RG_SLOT_ARGUMENT || slot->kind == RG_SLOT_LOCAL) all->moving[all->moves++] = pointer;
}

static void set_member(sequence *all, const rg_micro *micro, const places *where, const int64_t *at, rg_step *step)
{
    if (!micro->step) {
        *step = (rg_step){ .kernel = call_step, .attributes = micro, .in = { (void *)(uintptr_t)where, (void *)(uintptr_t)at } };
        return;
    }
    step->kernel = micro->step;
    step->attributes = micro->attributes;
    set_pointer(all, &micro->out, where, *at, &step->out);
    for (int k = 0; k < micro->operands; k++) set_pointer(all, &micro->in[k], where, *at, &step->in[k]);
    if (micro->out.kind != RG_SLOT_FOLD) return;
    all->fold[all->folds] = step;
    all->folded[all->folds++] = &micro->out;
}

static void set_members(sequence *all, const rg_group *group, const places *where, const int64_t *at, fetching *fetches)
{
    for (int i = 0; i < group->micros; i++) {
        rg_step *step = &all->steps[steps_before(i, all->apart)];
        if (fetches) *step++ = (rg_step){ .kernel = fetch_step, .attributes = fetches, .count = i * fetches->share };
        set_member(all, &group->micro[i], where, at, step);
        if ((i + 1) % RG_STEPS_WITHOUT_STOP == 0) step[1].kernel = rg_step_stop;
    }
    all->last = &all->steps[steps_before(group->micros, all->apart)];
    all->last->kernel = rg_step_stop;
}

static void set_counts(const sequence *all, int members, int64_t n)
{
    for (int i = 0; i < members; i++) all->steps[steps_before(i, all->apart) + (size_t)all->apart - 1].count = n;
}

static void go_on(const sequence *all, const places *where, int64_t at)
{
    for (int i = 0; i < all->moves; i++) *all->moving[i] = (char *)*all->moving[i] + where->tile_bytes;
    for (int i = 0; i < all->folds; i++) all->fold[i]->out = slot_pointer(all->folded[i], where, at);
}

static void run_members(const rg_group *group, const places *where, sequence *all, int64_t begin, int64_t end)
{
    const int64_t tile = group->tile;
    int64_t at = begin, n = end - begin < tile ? end - begin : tile;
    fetching f = { .lines = 0 };
    const bool fetches = all->apart > 1;
    if (fetches) f = fetching_of(group, where, begin);
    set_members(all, group, where, &at, fetches ? &f : NULL);
    set_counts(all, group->micros, n);
    while (at < end) {
        load_registers(group, where, at, n);
        for (int i = 0; i < group->streams && fetches; i++) f.from[i] += where->tile_bytes;
        if (at + tile >= end) f.share = 0;
        for (const rg_step *step = all->steps; (step = step->kernel(step)) < all->last; step++) {}
        put_columns(group, where, at, n);
        at += tile;
        if (at >= end) return;
        go_on(all, where, at);
        if (end - at < tile) set_counts(all, group->micros, n = end - at);
    }
}

/* ---- Memory ---------------------------------------------------------------------------------------------------------- */

static bool fetches_ahead(const rg_group *group)
{
    return group->count * (int64_t)rg_dtype_size(group->dtype) >= LONG_BYTES && group->micros <= FETCHING_MEMBERS;
}

static size_t step_bytes(const rg_group *group)
{
    return (steps_before(group->micros, fetches_ahead(group) ? 2 : 1) + 1) * sizeof(rg_step);
}

static size_t register_bytes(const rg_group *group)
{
    return (size_t)group->registers * (size_t)group->tile * rg_dtype_size(group->dtype);
}

size_t rg_group_memory(const rg_group *group)
{
    return step_bytes(group) + register_bytes(group) + (size_t)group->moves * sizeof(void **);
}

void rg_group_run(const rg_group *group, void *const *pointers, int64_t begin, int64_t end, char *local, char *memory)
{
    _Alignas(RG_ALIGNMENT) char nearby[RG_GROUP_BYTES];
    rg_fold_state states[RG_GROUP_FOLDS];
    if (!memory) memory = nearby;
    const size_t item = rg_dtype_size(group->dtype), steps = step_bytes(group);
    const places where = { pointers, memory + steps, local, states, begin, item, (size_t)group->tile * item };
    sequence all = { .steps = (rg_step *)(void *)memory, .apart = fetches_ahead(group) ? 2 : 1,
                     .moving = (void ***)(void *)(memory + steps + register_bytes(group)) };
    run_members(group, &where, &all, begin, end);
}
