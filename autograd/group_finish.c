/* group_finish.c: from the members of a step to a group that can be run: pairs of them in one pass, and where each finds its
 * operands: in memory, or in a register. */
#include "builder.h"
#include "lanes.h"
#include "ops.h"
#include "simd.h"

#include <string.h>

/* ---- Pairs: two members in one pass, where those that may take the first along are all that read it --------------- */

typedef struct {
    int all;
    int apart;                 /* those that cannot take it along, and who is no member */
} readers;

static void count_reader(const rg_builder *b, const rg_members *group, const rg_member *reader, int k, readers *of)
{
    const rg_member_operand *in = &reader->in[k];
    if (!in->from_member) return;
    of[in->index].all++;
    of[in->index].apart += reader->operands != 2 || !rg_pair_steps(group->members[in->index].op, reader->op, k, b->tape->simd);
}

static readers *count_readers(rg_builder *b, const rg_members *group)
{
    readers *of = rg_builder_take(b, (size_t)group->member_count, sizeof *of);
    for (int i = 0; of && i < group->member_count; i++) {
        const rg_member *member = &group->members[i];
        const int stored = rg_value_stored(&b->values[member->value]);
        of[i].all += stored;
        of[i].apart += stored;
        for (int k = 0; k < member->operands; k++) count_reader(b, group, member, k, of);
    }
    for (int m = 0; of && m < group->matrix_count; m++)
        for (int k = 0; k < group->matrices[m].columns; k++) {
            const rg_member_operand *in = &group->matrices[m].from[k];
            if (in->from_member) of[in->index].all++, of[in->index].apart++;
        }
    return of;
}

/* What is read by a member that is done later must last as long. */
static void read_later(rg_members *group, const rg_member_operand *in, int member)
{
    if (!in->from_member && group->reads[in->index].last_member < member) group->reads[in->index].last_member = member;
}

/* x + -y is x - y. */
static void subtract(rg_members *group, int i, const readers *of)
{
    rg_member *second = &group->members[i];
    for (int k = 1; second->op == &rg_op_add && k >= 0; k--) {
        const rg_member_operand in = second->in[k];
        if (!in.from_member || of[in.index].all != 1 || group->members[in.index].op != &rg_op_neg) continue;
        group->members[in.index].done_later = true;
        second->op = &rg_op_sub;
        second->in[0] = second->in[1 - k];
        second->in[1] = group->members[in.index].in[0];
        read_later(group, &second->in[1], i);
        return;
    }
}

/* What has one operand is so cheap that all who read it do it once more. */
static bool may_be_taken(const rg_member *first, const readers *of)
{
    return !first->pair && !first->done_later && (of->all == 1 || (first->operands == 1 && of->apart == 0));
}

static void pair_up(const rg_builder *b, rg_members *group, int i, readers *of)
{
    rg_member *second = &group->members[i];
    for (int k = 0; second->operands == 2 && k < 2; k++) {
        const rg_member_operand in = second->in[k], other = second->in[1 - k];
        rg_member *first = in.from_member ? &group->members[in.index] : NULL;
        if (!first || !may_be_taken(first, &of[in.index])) continue;
        if (!(second->pair = rg_pair_steps(first->op, second->op, k, b->tape->simd))) continue;
        first->done_later = --of[in.index].all == 0;
        second->attributes = first->attributes;
        second->operands = first->operands + 1;
        for (int j = 0; j < first->operands; j++) {
            second->in[j] = first->in[j];
            read_later(group, &second->in[j], i);
        }
        second->in[first->operands] = other;
        return;
    }
}

/* The group as it is to be done. */
static bool find_pairs(rg_builder *b, const rg_members *group, rg_members *paired)
{
    *paired = *group;
    paired->members = rg_builder_room(b, (size_t)group->member_count + 1, sizeof *paired->members);
    readers *of = count_readers(b, group);
    if (b->failed) return false;
    memcpy(paired->members, group->members, (size_t)group->member_count * sizeof *paired->members);
    for (int i = 0; b->request->optimise && i < group->member_count; i++) {
        subtract(paired, i, of);
        pair_up(b, paired, i, of);
    }
    return true;
}

/* ---- Finishing: who is stored, who gets a register ----------------------------------------------------------- */

/* The one that was given back last is taken first: it is in the nearest cache. */
typedef struct {
    uint32_t *free;
    int count, high;
} registers;

static uint32_t take_register(registers *r)
{
    return r->count > 0 ? r->free[--r->count] : (uint32_t)r->high++;
}

static void give_register(registers *r, uint32_t number)
{
    r->free[r->count++] = number;
}

/* Elements of a tile: as many as leave all registers in the nearest caches, and whole rows, where rows are folded. Shorter
 * tiles take longer for each element, so where there are many registers, they may lie in farther caches. */
static int64_t tile_of(int64_t registers_used, size_t item, int64_t count, int64_t row)
{
    static const struct {
        int64_t elements, bytes;   /* more elements than these only if the registers are no more than so many bytes */
    } limits[] = { { 256, RG_NEAREST_BYTES }, { 64, 3 << 20 } };
    int64_t tile = RG_TILE_MOST;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        while (tile > limits[i].elements && tile * (int64_t)item * registers_used > limits[i].bytes) tile /= 2;
    while (tile / 2 >= count) tile /= 2;
    if (row > 0) return row > tile ? row : tile / row * row;
    return tile;
}

/* What a member's result is to the members after it: where it stays, if anything but they reads it. */
static rg_slot place_result(rg_builder *b, const rg_members *members, int i, registers *r, void **pointers, rg_dtype dtype)
{
    const rg_member *member = &members->members[i];
    const uint32_t argument = (uint32_t)(members->read_count + i);
    if (!rg_value_stored(&b->values[member->value])) return (rg_slot){ RG_SLOT_REGISTER, take_register(r), 0 };
    rg_builder_argument(b, &pointers[argument], member->value, 0, dtype);
    return (rg_slot){ member->per > 1 ? RG_SLOT_FOLD : RG_SLOT_ARGUMENT, argument, (uint32_t)member->per };
}

/* Slots for the reads. What is copied into a register stays there for the whole tile. */
static rg_slot *place_reads(rg_builder *b, const rg_members *members, rg_group *group, registers *r, void **pointers)
{
    rg_slot *slots = rg_builder_take(b, (size_t)members->read_count + 1, sizeof *slots);
    group->load = rg_arena_take(&b->plan->arena, ((size_t)members->read_count + 1) * sizeof *group->load);
    if (!slots || !group->load) return NULL;
    for (int i = 0; i < members->read_count; i++) {
        const rg_group_read *read = &members->reads[i];
        const uint32_t argument = (uint32_t)i;
        if (b->values[read->value].local) {
            slots[i] = (rg_slot){ RG_SLOT_LOCAL, argument, 0 };
            continue;
        }
        rg_builder_argument(b, &pointers[i], read->value, read->offset, read->layout.dtype);
        if (read->kind == RG_READ_DIRECT || read->kind == RG_READ_WHOLE) {
            slots[i] = (rg_slot){ read->kind == RG_READ_WHOLE ? RG_SLOT_WHOLE : RG_SLOT_ARGUMENT, argument, 0 };
            continue;
        }
        slots[i] = (rg_slot){ RG_SLOT_REGISTER, take_register(r), 0 };
        group->load[group->loads++] = (rg_load){ .argument = argument, .into = slots[i].index,
                                                 .one_number = read->kind == RG_READ_NUMBER, .layout = read->layout };
    }
    return slots;
}

/* The last member of the group that reads each member's result. */
static int *last_readers(rg_builder *b, const rg_members *members)
{
    int *last = rg_builder_take(b, (size_t)members->member_count, sizeof *last);
    for (int i = 0; last && i < members->member_count; i++)
        for (int k = 0; !members->members[i].done_later && k < members->members[i].operands; k++)
            if (members->members[i].in[k].from_member) last[members->members[i].in[k].index] = i;
    for (int m = 0; last && m < members->matrix_count; m++)
        for (int k = 0; k < members->matrices[m].columns; k++)
            if (members->matrices[m].from[k].from_member) last[members->matrices[m].from[k].index] = members->member_count;
    return last;
}

size_t rg_group_pointers(const rg_members *members)
{
    return (size_t)(members->read_count + members->member_count + members->matrix_count);
}

static void note_stream(rg_group *group, const rg_slot *slot)
{
    bool known = slot->kind != RG_SLOT_ARGUMENT;
    group->moves += slot->kind == RG_SLOT_ARGUMENT || slot->kind == RG_SLOT_LOCAL;
    for (int i = 0; i < group->streams && !known; i++) known = group->stream[i] == slot->index;
    if (!known && group->streams < RG_GROUP_STREAMS) group->stream[group->streams++] = slot->index;
}

static void list_streams(rg_group *group)
{
    for (int i = 0; i < group->micros; i++) {
        for (int k = 0; k < group->micro[i].operands; k++) note_stream(group, &group->micro[i].in[k]);
        note_stream(group, &group->micro[i].out);
    }
}

static bool finish_matrices(rg_builder *b, const rg_members *members, const rg_slot *reads, const rg_slot *results,
                            rg_group *group, void **pointers)
{
    group->matrix = rg_arena_take(&b->plan->arena, ((size_t)members->matrix_count + 1) * sizeof *group->matrix);
    for (int m = 0; group->matrix && m < members->matrix_count; m++) {
        const rg_column_matrix *matrix = &members->matrices[m];
        const uint32_t argument = (uint32_t)(members->read_count + members->member_count + m);
        rg_columns *columns = &group->matrix[group->matrices++];
        *columns = (rg_columns){ .argument = argument, .columns = matrix->columns };
        columns->from = rg_arena_take(&b->plan->arena, (size_t)matrix->columns * sizeof *columns->from);
        if (!columns->from) return false;
        rg_builder_argument(b, &pointers[argument], matrix->value, 0, group->dtype);
        for (int k = 0; k < matrix->columns; k++)
            columns->from[k] = (matrix->from[k].from_member ? results : reads)[matrix->from[k].index];
    }
    return group->matrix;
}

rg_group *rg_builder_finish_group(rg_builder *b, const rg_draft *draft, void **pointers)
{
    rg_members paired;
    const rg_members *members = &paired;
    rg_group *group = rg_arena_take_zeroed(&b->plan->arena, sizeof *group);
    if (!group || !find_pairs(b, draft->group, &paired)) return NULL;
    registers r = { .free = rg_builder_room(b, (size_t)members->member_count, sizeof *r.free) };
    group->count = draft->count;
    group->dtype = draft->out.dtype;
    group->micro = rg_arena_take(&b->plan->arena, (size_t)members->member_count * sizeof *group->micro);
    rg_slot *reads = place_reads(b, members, group, &r, pointers);
    rg_slot *results = rg_builder_take(b, (size_t)members->member_count, sizeof *results);
    int *last = last_readers(b, members);
    if (!group->micro || !reads || !results || !last || !r.free) return NULL;

    for (int i = 0; i < members->member_count; i++) {
        const rg_member *member = &members->members[i];
        if (member->done_later) continue;
        rg_micro *micro = &group->micro[group->micros++];
        const bool few = member->operands <= RG_STEP_OPERANDS;
        const rg_op_steps *pair = member->pair;
        *micro = (rg_micro){ .step = pair   ? pair->many[group->dtype == RG_F64][b->tape->simd]
                                     : few ? rg_op_step(member->op, group->dtype, b->tape->simd, INT64_MAX)
                                           : NULL,
                             .kernel = rg_op_kernel(member->op, group->dtype, b->tape->simd),
                             .attributes = member->attributes, .operands = member->operands };
        for (int k = 0; k < member->operands; k++)
            micro->in[k] = member->in[k].from_member ? results[member->in[k].index] : reads[member->in[k].index];
        /* Registers whose last reader this is are free for its own result: kernels go element by element. */
        for (int k = 0; k < member->operands; k++) {
            const rg_member_operand *in = &member->in[k];
            if (in->from_member && last[in->index] == i && results[in->index].kind == RG_SLOT_REGISTER) {
                give_register(&r, results[in->index].index);
                last[in->index] = -1;
            }
        }
        if (member->state) micro->in[micro->operands++] = (rg_slot){ RG_SLOT_STATE, (uint32_t)group->folds++, 0 };
        results[i] = place_result(b, members, i, &r, pointers, group->dtype);
        micro->out = results[i];
    }
    if (!finish_matrices(b, members, reads, results, group, pointers)) return NULL;
    list_streams(group);
    group->registers = r.high;
    group->tile = tile_of(r.high, rg_dtype_size(group->dtype), draft->count, draft->group->row);
    return group;
}
