/* tiles.c: running a group: all its members on one tile of elements, then on the next, so that what passes between members
 * stays in the nearest caches. */
#include "lanes.h"
#include "plan.h"

#include <string.h>

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
    case RG_SLOT_FOLD: return (char *)in->pointers[slot->index] + (size_t)(at / RG_LANE_BLOCK) * in->item;
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

/* Long vectors come from memory: while a tile is computed, the next one is fetched. The processor does not see that coming,
 * for between two tiles it sees no pattern. */
enum { LONG_BYTES = 1 << 18, LINE_BYTES = 64 };

static void prefetch_next(const rg_group *group, const places *in, int64_t at, int64_t end)
{
    const int64_t next = at + group->tile, n = end - next < group->tile ? end - next : group->tile;
    for (int i = 0; i < group->streams; i++) {
        const char *from = (const char *)in->pointers[group->stream[i]] + (size_t)next * in->item;
        for (int64_t byte = 0; byte < n * (int64_t)in->item; byte += LINE_BYTES) __builtin_prefetch(from + byte);
    }
}

/* One after another, for members that are not steps. */
static void run_members(const rg_group *group, const places *where, int64_t begin, int64_t end)
{
    for (int64_t at = begin; at < end; at += group->tile) {
        const int64_t n = end - at < group->tile ? end - at : group->tile;
        load_registers(group, where, at, n);
        for (int i = 0; i < group->micros; i++) {
            const rg_micro *micro = &group->micro[i];
            const void *in[RG_GROUP_OPERANDS];
            for (int k = 0; k < micro->operands; k++) in[k] = slot_pointer(&micro->in[k], where, at);
            const rg_call call = { .out = slot_pointer(&micro->out, where, at), .in = in, .attributes = micro->attributes,
                                   .base = at, .operands = micro->operands };
            micro->kernel(&call, 0, n);
        }
    }
}

/* A member as a step, and how far its pointers go from tile to tile. */
typedef struct {
    size_t out, in[RG_STEP_OPERANDS];
} advance;

static void run_steps(const rg_group *group, const places *where, int64_t begin, int64_t end)
{
    rg_step steps[RG_GROUP_MEMBERS + 1];
    advance by[RG_GROUP_MEMBERS];
    for (int i = 0; i < group->micros; i++) {
        const rg_micro *micro = &group->micro[i];
        rg_step *step = &steps[i];
        step->kernel = micro->step;
        step->attributes = micro->attributes;
        step->out = slot_pointer(&micro->out, where, begin);
        by[i].out = slot_advance(&micro->out, where);
        for (int k = 0; k < micro->operands; k++) {
            step->in[k] = slot_pointer(&micro->in[k], where, begin);
            by[i].in[k] = slot_advance(&micro->in[k], where);
        }
    }
    steps[group->micros].kernel = rg_step_stop;
    for (int64_t at = begin; at < end; at += group->tile) {
        const int64_t n = end - at < group->tile ? end - at : group->tile;
        load_registers(group, where, at, n);
        if (group->count * (int64_t)where->item >= LONG_BYTES) prefetch_next(group, where, at, end);
        for (int i = 0; i < group->micros; i++) steps[i].count = n;
        steps->kernel(steps);
        for (int i = 0; at + group->tile < end && i < group->micros; i++) {
            if (group->micro[i].out.kind == RG_SLOT_FOLD) steps[i].out = slot_pointer(&group->micro[i].out, where, at + group->tile);
            steps[i].out = (char *)steps[i].out + by[i].out;
            for (int k = 0; k < group->micro[i].operands; k++) steps[i].in[k] = (char *)steps[i].in[k] + by[i].in[k];
        }
    }
}

void rg_group_run(const rg_group *group, void *const *pointers, int64_t begin, int64_t end, char *local)
{
    _Alignas(RG_ALIGNMENT) char registers[RG_REGISTER_BYTES];
    rg_fold_state states[RG_GROUP_FOLDS];
    const size_t item = rg_dtype_size(group->dtype);
    const places where = { pointers, registers, local, states, begin, item, (size_t)group->tile * item };
    (group->threaded ? run_steps : run_members)(group, &where, begin, end);
}
