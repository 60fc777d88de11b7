/* group.c: joining elementwise nodes. A node may run inside an earlier step if everything it reads is there by
 * then: written by an earlier step, or by that very step at the same elements. A step takes members after its
 * kernel (a matrix product with bias and activation), or has no kernel and only members. */
#include "builder.h"
#include "ops.h"
#include "lanes.h"
#include "simd.h"

#include <string.h>

enum { LOOK_BACK = 8 };

/* ---- What an operand is to a group ---------------------------------------------------------------------- */

static rg_group_read read_of(const rg_placement *in, const rg_layout *out, bool whole)
{
    rg_group_read read = { .value = in->value, .offset = in->offset, .kind = RG_READ_WHOLE };
    read.layout = in->layout;
    if (whole) return read;
    rg_layout_broadcast(&in->layout, &out->shape, &read.layout);
    rg_layout_collapse(&read.layout);
    bool one_number = true;
    for (int i = 0; i < read.layout.shape.rank; i++) one_number = one_number && read.layout.stride[i] == 0;
    bool single = read.layout.shape.rank == 0;
    if (single || rg_layout_is_contiguous(&read.layout)) read.kind = RG_READ_DIRECT;
    else read.kind = one_number ? RG_READ_NUMBER : RG_READ_STRIDED;
    return read;
}

/* A direct read of all the elements of what the step itself computes. */
static bool is_result_of(const rg_builder *b, const rg_group_read *read, int64_t step)
{
    return b->values[read->value].defined == step && read->kind == RG_READ_DIRECT && read->offset == 0;
}

static bool same_read(const rg_group_read *a, const rg_group_read *b)
{
    if (a->kind != b->kind || a->value != b->value || a->offset != b->offset) return false;
    if (a->kind != RG_READ_STRIDED) return true;
    if (!rg_shape_equal(a->layout.shape, b->layout.shape)) return false;
    return memcmp(a->layout.stride, b->layout.stride, (size_t)a->layout.shape.rank * sizeof a->layout.stride[0]) == 0;
}

/* ---- Finding a step to join ------------------------------------------------------------------------------ */

/* Whether there is room for one more member, with so many reads; where rows of so many elements are folded, in the nearest
 * caches: each may need a register, of a row at least. */
static bool has_room(const rg_members *group, int reads, int64_t row)
{
    const int64_t registers = group->read_count + reads + group->member_count + 1;
    return group->member_count < RG_GROUP_MEMBERS && group->read_count + reads <= RG_GROUP_READS &&
           registers * row * (int64_t)sizeof(double) <= RG_NEAREST_BYTES;
}

static bool may_join(const rg_builder *b, int64_t step, const rg_group_read *reads, int n, const rg_layout *out,
                     int64_t count)
{
    const rg_draft *draft = &b->drafts[step];
    if (draft->count != count || draft->out.dtype != out->dtype) return false;
    if (draft->op && draft->item_elements <= 0) return false;
    if (draft->group && !has_room(draft->group, n, draft->group->row)) return false;
    for (int k = 0; k < n; k++) {
        int64_t defined = b->values[reads[k].value].defined;
        if (defined > step || (defined == step && !is_result_of(b, &reads[k], step))) return false;
    }
    return true;
}

static int64_t step_to_join(const rg_builder *b, const rg_group_read *reads, int n, const rg_layout *out, int64_t count)
{
    if (!b->request->optimise) return RG_BEFORE;
    int64_t last = (int64_t)b->draft_count - 1, first = last - LOOK_BACK + 1;
    if (b->earliest > first) first = b->earliest;
    for (int k = 0; k < n; k++)
        if (b->values[reads[k].value].defined > first) first = b->values[reads[k].value].defined;
    for (int64_t step = first < 0 ? 0 : first; step <= last; step++)
        if (may_join(b, step, reads, n, out, count)) return step;
    return RG_BEFORE;
}

/* ---- Adding a member --------------------------------------------------------------------------------------- */

static int add_read(rg_builder *b, rg_members *group, const rg_group_read *read)
{
    for (int i = 0; i < group->read_count; i++)
        if (same_read(&group->reads[i], read)) {
            if (group->reads[i].last_member < group->member_count) group->reads[i].last_member = group->member_count;
            return i;
        }
    if (!rg_builder_grow(b, (void **)&group->reads, group->read_count, &group->read_capacity, sizeof *group->reads))
        return 0;
    group->reads[group->read_count] = *read;
    group->reads[group->read_count].last_member = group->member_count;
    return group->read_count++;
}

static int64_t begin_group(rg_builder *b, const rg_layout *out, int64_t count, uint32_t node)
{
    rg_draft *draft = rg_builder_draft(b);
    if (!draft) return RG_BEFORE;
    *draft = (rg_draft){ .value = RG_NONE, .out = *out, .count = count, .items = count, .item_elements = 1,
                         .item_work = 1, .scratch = RG_NONE, .memory = RG_NONE,
                         .follower = RG_NONE, .node = node, .backward = b->backward };
    return (int64_t)b->draft_count - 1;
}

/* ---- Small ones: steps of their own, for between steps of a few numbers there is nothing to save ---------------- */

enum { SMALL_BYTES = 4096 };

static bool is_small(int64_t count, rg_dtype dtype)
{
    return count <= SMALL_BYTES / (int64_t)rg_dtype_size(dtype);
}

static bool same_placement(const rg_placement *a, const rg_placement *b)
{
    return a->value == b->value && a->offset == b->offset && rg_shape_equal(a->layout.shape, b->layout.shape) &&
           memcmp(a->layout.stride, b->layout.stride, (size_t)a->layout.shape.rank * sizeof a->layout.stride[0]) == 0;
}

/* The operand, copied if it does not lie like the result. */
static rg_placement laid_out(rg_builder *b, const rg_placement *in, const rg_layout *out, uint32_t node)
{
    rg_placement spread = *in;
    rg_layout_broadcast(&in->layout, &out->shape, &spread.layout);
    if (rg_layout_is_contiguous(&spread.layout)) return spread;
    for (size_t i = 0; i < b->copy_count && i < RG_SMALL_COPIES; i++)
        if (same_placement(&b->copies[i].from, &spread)) return b->copies[i].copy;
    rg_small_copy *entry = &b->copies[b->copy_count++ % RG_SMALL_COPIES];
    rg_placement *from = rg_builder_room(b, 1, sizeof *from);
    if (!from) return spread;
    *from = entry->from = entry->copy = spread;
    rg_layout_contiguous(&entry->copy.layout);
    entry->copy.offset = 0;
    entry->copy.value = rg_builder_kernel(b, &rg_op_contiguous, NULL, 1, from, &entry->copy.layout, node);
    return entry->copy;
}

static uint32_t small_step(rg_builder *b, const rg_op *op, const void *attributes, int n, const rg_placement *in,
                           const rg_layout *out, uint32_t node)
{
    rg_placement *operands = rg_builder_room(b, (size_t)n + 1, sizeof *operands);
    for (int k = 0; k < n && !b->failed; k++)
        operands[k] = op->uniform >> k & 1u ? in[k] : laid_out(b, &in[k], out, node);
    return b->failed ? RG_NONE : rg_builder_kernel(b, op, attributes, n, operands, out, node);
}

/* Whether it lies so that the same `count` numbers side by side are read for each row of the result. */
static bool is_row(const rg_placement *in, const rg_layout *out)
{
    rg_layout spread = in->layout;
    rg_layout_broadcast(&in->layout, &out->shape, &spread);
    for (int i = 0; i < out->shape.rank; i++) {
        const int64_t stride = i == out->shape.rank - 1 ? 1 : 0;
        if (out->shape.size[i] != 1 && spread.stride[i] != stride) return false;
    }
    return true;
}

bool rg_builder_add_row(rg_builder *b, const rg_placement *to, const rg_placement *row)
{
    const int64_t step = (int64_t)b->draft_count - 1;
    rg_draft *draft = step >= 0 ? &b->drafts[step] : NULL;
    if (!draft || !draft->op || draft->row || draft->value != to->value || to->offset != 0) return false;
    if (!is_small(draft->count, draft->out.dtype)) return false; /* then it is a member of a group */
    const rg_op_small *small = draft->op->small;
    if (!small || !small->takes_row || !small->takes_row(&draft->out) || !rg_builder_is_small_work(draft)) return false;
    if (!rg_shape_equal(to->layout.shape, draft->out.shape) || !rg_layout_is_contiguous(&to->layout)) return false;
    if (!is_row(row, &draft->out)) return false;
    rg_placement *in = rg_builder_room(b, (size_t)draft->operands + 1, sizeof *in);
    if (!in) return false;
    memcpy(in, draft->in, (size_t)draft->operands * sizeof *in);
    in[draft->operands] = *row;
    draft->in = in;
    draft->row = true;
    rg_builder_use(b, row->value, step);
    return true;
}

/* ---- Large ones ------------------------------------------------------------------------------------------------- */

/* Adds a member to a step; RG_BEFORE: to a new one. A fold has one result for each `per` elements. */
static uint32_t add_member(rg_builder *b, int64_t step, const rg_op *op, const void *attributes, int n,
                           const rg_group_read *reads, const rg_layout *out, int64_t per, uint32_t node)
{
    const int64_t count = rg_shape_count(out->shape);
    if (step == RG_BEFORE) step = begin_group(b, out, count, node);
    if (b->failed) return RG_NONE;
    rg_draft *draft = &b->drafts[step];
    if (!draft->group) draft->group = rg_builder_take(b, 1, sizeof *draft->group);
    rg_members *group = draft->group;
    if (!group || !rg_builder_grow(b, (void **)&group->members, group->member_count, &group->member_capacity,
                                   sizeof *group->members))
        return RG_NONE;
    rg_member member = { .op = op, .attributes = attributes, .operands = n, .per = per };
    for (int k = 0; k < n; k++) {
        const rg_value *value = &b->values[reads[k].value];
        bool from_member = value->defined == step && value->micro >= 0;
        member.in[k] = (rg_member_operand){ from_member, from_member ? value->micro : add_read(b, group, &reads[k]) };
        rg_builder_use(b, reads[k].value, step);
    }
    const size_t results = (size_t)((count + per - 1) / per);
    member.value = rg_builder_value(b, RG_IN_WORKSPACE, 0, results * rg_dtype_size(out->dtype), step, group->member_count);
    group->members[group->member_count++] = member;
    return member.value;
}

uint32_t rg_builder_elementwise(rg_builder *b, const rg_op *op, const void *attributes, int n,
                                const rg_placement *in, const rg_layout *out, uint32_t node)
{
    rg_group_read reads[RG_GROUP_OPERANDS];
    const int64_t count = rg_shape_count(out->shape);
    if (is_small(count, out->dtype)) return small_step(b, op, attributes, n, in, out, node);
    for (int k = 0; k < n; k++) reads[k] = read_of(&in[k], out, op->uniform >> k & 1u);
    return add_member(b, step_to_join(b, reads, n, out, count), op, attributes, n, reads, out, 1, node);
}

/* Has the step that computes the gradient, which nothing else reads, move theta at once, if that is a column times a row:
 * the gradient is then never there. */
static bool updates_by_product(rg_builder *b, const rg_placement *in, const rg_layout *theta)
{
    const rg_placement *gradient = &in[1];
    const rg_value *value = &b->values[gradient->value];
    rg_draft *draft = value->defined != RG_BEFORE ? &b->drafts[value->defined] : NULL;
    const rg_op_small *small = draft && draft->op ? draft->op->small : NULL;
    if (!small || !small->is_rank_one || !b->request->update->rank_one || draft->row || draft->group) return false;
    if (draft->operands != 2 || draft->value != gradient->value || value->last_use >= value->defined) return false;
    if (value->place != RG_IN_WORKSPACE || b->values[in[0].value].last_use >= value->defined) return false;
    if (draft->count != rg_shape_count(theta->shape) || !rg_layout_is_contiguous(theta)) return false;
    if (gradient->offset != 0 || !rg_layout_is_contiguous(&gradient->layout)) return false;
    const rg_layout layouts[] = { draft->in[0].layout, draft->in[1].layout };
    rg_placement *operands = rg_builder_room(b, 3, sizeof *operands);
    if (!operands || !small->is_rank_one(&draft->out, layouts)) return false;
    operands[0] = draft->in[0];
    operands[1] = draft->in[1];
    operands[2] = in[2];
    draft->in = operands;
    draft->operands = 3;
    draft->op = b->request->update->rank_one;
    rg_builder_cut(b, draft);
    return true;
}

uint32_t rg_builder_update(rg_builder *b, const rg_op *op, const rg_placement *in, const rg_layout *theta,
                           uint32_t node)
{
    enum { OPERANDS = 3 };
    rg_group_read reads[OPERANDS];
    const int64_t count = rg_shape_count(theta->shape), step = b->values[in[1].value].defined;
    if (updates_by_product(b, in, theta)) return b->drafts[step].value;
    if (is_small(count, theta->dtype)) return small_step(b, op, NULL, OPERANDS, in, theta, node);
    for (int k = 0; k < OPERANDS; k++) reads[k] = read_of(&in[k], theta, op->uniform >> k & 1u);
    const bool joins = b->request->optimise && step != RG_BEFORE && b->values[in[0].value].last_use < step &&
                       may_join(b, step, reads, OPERANDS, theta, count);
    return add_member(b, joins ? step : RG_BEFORE, op, NULL, OPERANDS, reads, theta, 1, node);
}

/* With the group that computes what is folded, if there is one: its results then need not be kept for this. */
uint32_t rg_builder_fold(rg_builder *b, const rg_op_fold *fold, const rg_placement *in, const rg_layout *out, uint32_t node)
{
    const rg_layout *layout = &in->layout;
    const int64_t count = rg_shape_count(layout->shape);
    const rg_group_read read = read_of(in, layout, false);
    int64_t step = step_to_join(b, &read, 1, layout, count);
    /* A kernel's chunks are not whole blocks, and neither are rows. */
    const rg_members *group = step != RG_BEFORE ? b->drafts[step].group : NULL;
    if (step != RG_BEFORE && (b->drafts[step].op || group->row || group->folds == RG_GROUP_FOLDS)) step = RG_BEFORE;
    rg_placement *blocks = rg_builder_room(b, 1, sizeof *blocks);
    const uint32_t value =
        b->failed ? RG_NONE : add_member(b, step, fold->blocks, NULL, 1, &read, layout, RG_LANE_BLOCK, node);
    if (b->failed) return RG_NONE;
    rg_members *joined = b->drafts[b->values[value].defined].group;
    joined->members[b->values[value].micro].state = true;
    joined->folds++;
    *blocks = (rg_placement){ .value = value, .layout = { .dtype = layout->dtype, .shape = RG_SHAPE((count + RG_LANE_BLOCK - 1) / RG_LANE_BLOCK) } };
    rg_layout_contiguous(&blocks->layout);
    return rg_builder_kernel(b, fold->together, NULL, 1, blocks, out, node);
}

/* ---- Rows: a tile has whole ones -------------------------------------------------------------------------------- */

static bool takes_rows(const rg_draft *draft, int64_t row)
{
    const rg_members *group = draft->group;
    if (row > RG_TILE_MOST || (draft->op && draft->item_elements % row != 0)) return false;
    if (!group) return true;
    const bool fit = group->row == 0 || group->row % row == 0 || row % group->row == 0;
    const bool may_fold = group->row > 0 ? group->folds < RG_GROUP_FOLDS : group->folds == 0;
    return fit && may_fold && has_room(group, 1, row > group->row ? row : group->row);
}

uint32_t rg_builder_rows(rg_builder *b, const rg_op *op, int64_t row, const rg_placement *in, uint32_t node)
{
    const rg_group_read read = read_of(in, &in->layout, false);
    const int64_t step = b->values[in->value].defined;
    if (step == RG_BEFORE || !may_join(b, step, &read, 1, &in->layout, rg_shape_count(in->layout.shape))) return RG_NONE;
    if (!takes_rows(&b->drafts[step], row)) return RG_NONE;
    int64_t *attribute = rg_arena_take(&b->plan->arena, sizeof *attribute);
    if (!attribute) b->failed = true;
    if (b->failed) return RG_NONE;
    *attribute = row;
    const uint32_t value = add_member(b, step, op, attribute, 1, &read, &in->layout, row, node);
    rg_members *group = b->drafts[step].group;
    if (b->failed) return value;
    group->folds++;
    if (group->row < row) group->row = row;
    return value;
}

/* ---- Columns: a tile's are read after its last member ----------------------------------------------------------- */

enum { AFTER_ALL = INT32_MAX };

static bool are_columns(const rg_builder *b, int n, const rg_placement *in, const rg_layout *each, int64_t rows)
{
    if (!b->request->optimise || n < 2 || is_small(rows, each->dtype)) return false;
    for (int k = 0; k < n; k++)
        if (!rg_shape_equal(in[k].layout.shape, each->shape)) return false;
    return true;
}

uint32_t rg_builder_columns(rg_builder *b, int n, const rg_placement *in, const rg_layout *out)
{
    rg_layout each = *out;
    each.shape.size[each.shape.rank - 1] = 1;
    rg_layout_contiguous(&each);
    const int64_t rows = rg_shape_count(each.shape);
    if (out->shape.size[out->shape.rank - 1] != n || !are_columns(b, n, in, &each, rows)) return RG_NONE;
    rg_group_read *reads = rg_builder_room(b, (size_t)n, sizeof *reads);
    rg_member_operand *from = rg_builder_room(b, (size_t)n, sizeof *from);
    for (int k = 0; k < n && !b->failed; k++) reads[k] = read_of(&in[k], &each, false);
    const int64_t step = b->failed ? RG_BEFORE : step_to_join(b, reads, n, &each, rows);
    rg_members *group = step != RG_BEFORE ? b->drafts[step].group : NULL;
    if (!group || !rg_builder_grow(b, (void **)&group->matrices, group->matrix_count, &group->matrix_capacity,
                                   sizeof *group->matrices))
        return RG_NONE;
    for (int k = 0; k < n; k++) {
        const rg_value *value = &b->values[reads[k].value];
        const bool from_member = value->defined == step && value->micro >= 0;
        from[k] = (rg_member_operand){ from_member, from_member ? value->micro : add_read(b, group, &reads[k]) };
        if (!from_member && !b->failed) group->reads[from[k].index].last_member = AFTER_ALL;
        rg_builder_use(b, reads[k].value, step);
    }
    const size_t bytes = (size_t)(rows * n) * rg_dtype_size(out->dtype);
    const uint32_t matrix = rg_builder_value(b, RG_IN_WORKSPACE, 0, bytes, step, -1);
    group->matrices[group->matrix_count++] = (rg_column_matrix){ matrix, n, from };
    return b->failed ? RG_NONE : matrix;
}
