/* plan.c: from what is asked of a segment to the steps that compute it. */
#include "builder.h"

#include <string.h>

#include "ops.h"

/* ---- Memory of the build ------------------------------------------------------------------------------------ */

void *rg_builder_room(rg_builder *b, size_t count, size_t size)
{
    size_t bytes;
    void *memory = rg_size_mul(count, size, &bytes) ? rg_arena_take(b->scratch, bytes) : NULL;
    if (!memory) b->failed = true;
    return memory;
}

void *rg_builder_take(rg_builder *b, size_t count, size_t size)
{
    void *memory = rg_builder_room(b, count, size);
    if (memory) memset(memory, 0, count * size);
    return memory;
}

bool rg_builder_grow(rg_builder *b, void **items, int count, int *capacity, size_t size)
{
    if (count < *capacity) return true;
    int larger = *capacity ? 2 * *capacity : 2;
    void *grown = rg_builder_take(b, (size_t)larger, size);
    if (!grown) return false;
    if (count) memcpy(grown, *items, (size_t)count * size);
    *items = grown;
    *capacity = larger;
    return true;
}

/* As rg_builder_grow, for the lists of the whole build, from their first element on. */
static bool grow_list(rg_builder *b, void **items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) return true;
    size_t larger = *capacity ? 2 * *capacity : (size_t)b->count + 32; /* about one for each node */
    void *grown = rg_builder_room(b, larger, size);
    if (!grown) return false;
    if (count) memcpy(grown, *items, count * size);
    *items = grown;
    *capacity = larger;
    return true;
}

uint32_t rg_builder_value(rg_builder *b, rg_place place, uint32_t index, size_t bytes, int64_t defined, int micro)
{
    if (!grow_list(b, (void **)&b->values, b->value_count, &b->value_capacity, sizeof *b->values)) return RG_NONE;
    b->values[b->value_count] = (rg_value){ .place = place, .index = index, .bytes = bytes, .defined = defined,
                                            .last_use = defined - 1, .micro = micro };
    return (uint32_t)b->value_count++;
}

void rg_builder_use(rg_builder *b, uint32_t value, int64_t step)
{
    if (step > b->values[value].last_use) b->values[value].last_use = step;
}

rg_draft *rg_builder_draft(rg_builder *b)
{
    if (!grow_list(b, (void **)&b->drafts, b->draft_count, &b->draft_capacity, sizeof *b->drafts)) return NULL;
    return &b->drafts[b->draft_count++];
}

bool rg_value_stored(const rg_value *value)
{
    if (value->place == RG_IN_PLAN || value->local) return false;
    return value->place != RG_IN_WORKSPACE || value->micro < 0 || value->last_use > value->defined;
}

/* ---- Placing nodes ---------------------------------------------------------------------------------------------------- */

static void layout_of(const rg_node *node, rg_layout *layout)
{
    layout->dtype = (rg_dtype)node->dtype;
    layout->shape = *node->shape;
    rg_layout_contiguous(layout);
}

static size_t layout_bytes(const rg_layout *layout)
{
    return (size_t)rg_shape_count(layout->shape) * rg_dtype_size(layout->dtype);
}

/* The number of a source, given out at first use. Externals come after the nodes in the tables. */
static uint32_t source_number(rg_builder *b, bool external, uint32_t index)
{
    uint32_t *number = &b->source_of[external ? b->count + index : index];
    if (*number == RG_NONE) {
        *number = (uint32_t)b->plan->source_count;
        b->plan->sources[b->plan->source_count++] = (rg_source){ external, index };
    }
    return *number;
}

static void place_source(rg_builder *b, bool external, uint32_t index, const rg_node *node, rg_placement *placement)
{
    layout_of(node, &placement->layout);
    placement->offset = 0;
    placement->value = rg_builder_value(b, RG_IN_SOURCE, source_number(b, external, index),
                                        layout_bytes(&placement->layout), RG_BEFORE, -1);
}

static rg_placement *placement_of(rg_builder *b, uint32_t node)
{
    if (node >= b->request->first) return &b->placements[b->same_as[node - b->request->first]];
    const rg_node *external = &b->tape->nodes[node];
    rg_placement *placement = &b->placements[b->count + external->slot];
    if (placement->value == RG_NONE) place_source(b, true, external->slot, external, placement);
    return placement;
}

static const void *keep_attributes(rg_builder *b, const rg_op *op, const void *attributes)
{
    if (!op->attribute_size) return NULL;
    void *copy = rg_arena_take(&b->plan->arena, op->attribute_size);
    if (!copy) b->failed = true;
    else memcpy(copy, attributes, op->attribute_size);
    return copy;
}

/* The line a message should name: of an adjoint, that of the node it is the adjoint of, because a plan found
 * again runs without its adjoints being recorded. */
static uint32_t named_node(const rg_builder *b, uint32_t i)
{
    const rg_node *node = &b->tape->nodes[b->request->first + i];
    if (!(node->flags & RG_NODE_ADJOINT)) return i;
    return node->forward >= b->request->first ? node->forward - b->request->first : RG_NONE;
}

void rg_builder_cut(rg_builder *b, rg_draft *draft)
{
    const rg_op *op = draft->op;
    rg_layout *layouts = rg_builder_room(b, (size_t)draft->operands + 1, sizeof *layouts);
    if (!layouts) return;
    layouts[0] = draft->out;
    for (int k = 0; k < draft->operands; k++) layouts[1 + k] = draft->in[k].layout;
    const rg_call call = { .layout = layouts, .attributes = draft->attributes, .operands = draft->operands };
    const bool by_element = op->kind == RG_ELEMENTWISE;
    draft->items = by_element ? draft->count : op->items ? op->items(&call) : 1;
    draft->item_elements = op->item_elements ? op->item_elements(&call) : by_element ? 1 : op->items ? 0 : draft->count;
    draft->operations = b->request->accounts ? rg_op_operations(op, &call, draft->count) : 0;
    draft->item_work = op->item_work ? op->item_work(&call) : draft->items > 0 ? draft->count / draft->items : 1;
    if (op->scratch)
        draft->scratch = rg_builder_value(b, RG_IN_WORKSPACE, 0, op->scratch(&call), draft - b->drafts, -1);
}

uint32_t rg_builder_kernel(rg_builder *b, const rg_op *op, const void *attributes, int n, const rg_placement *in,
                           const rg_layout *out, uint32_t node)
{
    rg_draft *draft = rg_builder_draft(b);
    if (!draft) return RG_NONE;
    const int64_t step = (int64_t)b->draft_count - 1;
    *draft = (rg_draft){ .op = op, .attributes = attributes, .operands = n, .in = in, .out = *out,
                         .count = rg_shape_count(out->shape), .scratch = RG_NONE, .memory = RG_NONE,
                         .follower = RG_NONE, .node = node, .backward = b->backward };
    for (int k = 0; k < n; k++) rg_builder_use(b, in[k].value, step);
    draft->value = rg_builder_value(b, RG_IN_WORKSPACE, 0, layout_bytes(out), step, -1);

    draft = &b->drafts[step];
    rg_builder_cut(b, draft);
    return b->failed ? RG_NONE : draft->value;
}

/* The operand with its elements side by side, copied if it must be. */
static void make_contiguous(rg_builder *b, rg_placement *placement, uint32_t node)
{
    if (rg_layout_is_contiguous(&placement->layout)) return;
    rg_placement *in = rg_builder_room(b, 1, sizeof *in);
    if (!in) return;
    *in = *placement;
    rg_layout_contiguous(&placement->layout);
    placement->offset = 0;
    placement->value = rg_builder_kernel(b, &rg_op_contiguous, NULL, 1, in, &placement->layout, node);
}

static void place_view(rg_builder *b, uint32_t i, const rg_node *node)
{
    rg_placement in = *placement_of(b, rg_edges(b->tape, node)[0]), *placement = &b->placements[i];
    layout_of(node, &placement->layout);
    placement->offset = in.offset;
    if (!node->op->view(node->attributes, &in.layout, &placement->layout, &placement->offset)) {
        make_contiguous(b, &in, named_node(b, i));
        placement->offset = in.offset;
        layout_of(node, &placement->layout);
        node->op->view(node->attributes, &in.layout, &placement->layout, &placement->offset);
    }
    placement->value = in.value;
}

/* What is computed again must not be done with steps that came before: it would be there too early. Nothing else keeps it from
 * that where it reads only what is there. */
static void note_recomputation(rg_builder *b, const rg_node *node)
{
    b->earliest = 0;
    for (uint32_t k = 0; k < node->operands; k++) {
        const rg_node *operand = &b->tape->nodes[rg_edges(b->tape, node)[k]];
        if (operand->op != &rg_op_recompute) continue;
        const int64_t number = *(const int64_t *)operand->attributes;
        if (number != b->recomputation) b->begun = (int64_t)b->draft_count;
        b->recomputation = number;
        b->earliest = b->begun;
    }
}

/* A fixed number everywhere is one number, which is part of the plan: nothing is computed. */
static void place_constant(rg_builder *b, uint32_t i, const rg_node *node, const void *const *in)
{
    rg_placement *placement = &b->placements[i];
    layout_of(node, &placement->layout);
    const size_t item = rg_dtype_size(placement->layout.dtype);
    void *number = rg_arena_take(&b->plan->arena, item);
    placement->offset = 0;
    placement->value = rg_builder_value(b, RG_IN_PLAN, 0, item, RG_BEFORE, -1);
    if (!number) b->failed = true;
    if (b->failed) return;
    const rg_call call = { .out = number, .in = in, .attributes = node->attributes, .operands = (int)node->operands };
    rg_op_kernel(node->op, placement->layout.dtype, 0)(&call, 0, 1);
    b->values[placement->value].constant = number;
    for (int k = 0; k < placement->layout.shape.rank; k++) placement->layout.stride[k] = 0;
}

/* Of none but such numbers one of our own elementwise ops makes another. */
static bool is_constant(rg_builder *b, const rg_node *node, const void **in)
{
    if (!b->request->optimise || node->op->kind != RG_ELEMENTWISE || !node->op->steps) return false;
    for (uint32_t k = 0; k < node->operands; k++) {
        const uint32_t value = placement_of(b, rg_edges(b->tape, node)[k])->value;
        if (value == RG_NONE || b->values[value].place != RG_IN_PLAN) return false;
        in[k] = b->values[value].constant;
    }
    return true;
}

/* Whether the node is one number everywhere, and which. Only within the segment: what an earlier one holds is not in this
 * one's signature, so the plan must not depend on it. */
static bool is_full(const rg_builder *b, uint32_t node, double *number)
{
    const rg_node *nodes = b->tape->nodes;
    while (node >= b->request->first && nodes[node].op->kind == RG_VIEW) node = rg_edges(b->tape, &nodes[node])[0];
    if (node < b->request->first || nodes[node].op != &rg_op_full) return false;
    memcpy(number, nodes[node].attributes, sizeof *number);
    return true;
}

/* The operand that the node equals, because the other one, or its number, is the op's neutral element; or RG_NONE. */
static uint32_t same_operand(const rg_builder *b, const rg_node *node)
{
    if (!b->request->optimise) return RG_NONE;
    if (node->operands == 1 && node->op->neutral_operands & 2u && *(const double *)node->attributes == node->op->neutral)
        return rg_edges(b->tape, node)[0];
    for (uint32_t k = 0; node->operands == 2 && k < 2; k++) {
        const uint32_t other = rg_edges(b->tape, node)[1 - k];
        double number;
        if (node->op->neutral_operands >> k & 1u && rg_same_shape(b->tape->nodes[other].shape, node->shape) &&
            is_full(b, rg_edges(b->tape, node)[k], &number) && number == node->op->neutral)
            return other;
    }
    return RG_NONE;
}

/* Below this, a reduction is a single kernel. */
enum { FOLD_LEAST = 1 << 14 };

static bool is_fold(const rg_builder *b, const rg_op *op, const rg_layout *in, const void *attributes)
{
    return b->request->optimise && op->fold && op->fold->blocks && rg_shape_count(in->shape) >= FOLD_LEAST &&
           op->fold->applies(in, attributes);
}

/* A reduction of each row, with the step that computes what is reduced. */
static bool folds_rows(rg_builder *b, uint32_t i, const rg_node *node, const void *attributes)
{
    const rg_op_fold *fold = node->op->fold;
    const rg_placement *in = placement_of(b, rg_edges(b->tape, node)[0]);
    if (!b->request->optimise || !fold || rg_shape_count(in->layout.shape) < FOLD_LEAST) return false;
    const int64_t row = fold->row(&in->layout, attributes);
    if (row < 2) return false;
    const uint32_t value = rg_builder_rows(b, fold->rows, row, in, named_node(b, i));
    if (value == RG_NONE) return false;
    layout_of(node, &b->placements[i].layout);
    b->placements[i].offset = 0;
    b->placements[i].value = value;
    return true;
}

/* A sum with what the last step has computed for it alone. */
static bool adds_row(rg_builder *b, uint32_t i, const rg_node *node)
{
    if (!b->request->optimise || node->op != &rg_op_add) return false;
    for (int k = 0; k < 2; k++) {
        const uint32_t to = rg_edges(b->tape, node)[k], row = rg_edges(b->tape, node)[1 - k];
        const rg_placement *placement = placement_of(b, to);
        if (to < b->request->first || b->uses[b->same_as[to - b->request->first]] != 1) continue;
        if (!rg_same_shape(b->tape->nodes[to].shape, node->shape)) continue;
        if (!rg_builder_add_row(b, placement, placement_of(b, row))) continue;
        b->placements[i] = *placement;
        return true;
    }
    return false;
}

static void place_computed(rg_builder *b, uint32_t i, const rg_node *node)
{
    const int n = (int)node->operands;
    const rg_op *op = node->op;
    const bool elementwise = op->kind == RG_ELEMENTWISE;
    const void *constants[RG_MAX_OPERANDS];
    if (is_constant(b, node, constants)) {
        place_constant(b, i, node, constants);
        return;
    }
    const uint32_t same = same_operand(b, node);
    if (same != RG_NONE) {
        b->placements[i] = *placement_of(b, same);
        return;
    }
    if (adds_row(b, i, node)) return;
    rg_placement *in = rg_builder_room(b, (size_t)n + 1, sizeof *in), *placement = &b->placements[i];
    const void *attributes = keep_attributes(b, op, node->attributes);
    if (b->failed) return;
    if (n == 1 && is_fold(b, op, &placement_of(b, rg_edges(b->tape, node)[0])->layout, attributes)) {
        in[0] = *placement_of(b, rg_edges(b->tape, node)[0]);
        layout_of(node, &placement->layout);
        placement->offset = 0;
        placement->value = rg_builder_fold(b, op->fold, in, &placement->layout, named_node(b, i));
        return;
    }
    if (n == 1 && folds_rows(b, i, node, attributes)) return;
    for (int k = 0; k < n; k++) in[k] = *placement_of(b, rg_edges(b->tape, node)[k]);
    layout_of(node, &placement->layout);
    placement->offset = 0;
    if (op == &rg_op_concat && (placement->value = rg_builder_columns(b, n, in, &placement->layout)) != RG_NONE) return;
    for (int k = 0; k < n; k++) {
        bool readable = elementwise ? !(op->uniform >> k & 1u) : op->accepts && op->accepts(&in[k].layout);
        if (!readable) make_contiguous(b, &in[k], named_node(b, i));
    }
    if (b->failed) return;
    if (op == &rg_op_matmul && (placement->value = rg_builder_follow(b, in, &placement->layout, named_node(b, i))) != RG_NONE)
        return;
    placement->value = (elementwise ? rg_builder_elementwise : rg_builder_kernel)(
        b, op, attributes, n, in, &placement->layout, named_node(b, i));
}

/* ---- What is handed out ------------------------------------------------------------------------------------------------ */

/* A value that is a buffer of its own, written by this plan, and not yet handed out. */
static bool can_move(const rg_builder *b, const rg_placement *placement)
{
    const rg_value *value = &b->values[placement->value];
    return value->place == RG_IN_WORKSPACE && placement->offset == 0 && value->bytes == layout_bytes(&placement->layout) &&
           rg_layout_is_contiguous(&placement->layout);
}

/* As named_node, of any node of the tape. */
static uint32_t line_of(const rg_builder *b, uint32_t node)
{
    return node >= b->request->first ? named_node(b, node - b->request->first) : RG_NONE;
}

/* Puts the node's value at a place outside the workspace: computed there, or copied. */
static void put(rg_builder *b, uint32_t node, rg_place place, uint32_t index)
{
    rg_placement from = *placement_of(b, node);
    if (b->failed) return;
    if (!can_move(b, &from)) {
        rg_placement *in = rg_builder_room(b, 1, sizeof *in);
        if (!in) return;
        *in = from;
        rg_layout_contiguous(&from.layout);
        from.value = rg_builder_kernel(b, &rg_op_contiguous, NULL, 1, in, &from.layout, line_of(b, node));
    }
    if (b->failed) return;
    b->values[from.value].place = place;
    b->values[from.value].index = index;
}

static void hand_out(rg_builder *b, uint32_t node)
{
    uint32_t i = node - b->request->first;
    const rg_node *wanted = &b->tape->nodes[node];
    if (b->output_of[i] != RG_NONE || rg_builder_is_source(b, wanted)) return;
    b->output_of[i] = (uint32_t)b->plan->output_count++;
    put(b, node, RG_IN_OUTPUT, b->output_of[i]);
}

/* gradient = gradient + adjoint, as an ordinary addition: the bits are those of two separate passes. */
static void add_to_gradient(rg_builder *b, uint32_t sink, uint32_t adjoint)
{
    rg_placement in[2] = { *placement_of(b, adjoint), *placement_of(b, adjoint) };
    rg_layout_contiguous(&in[0].layout);
    in[0].offset = 0;
    in[0].value = rg_builder_value(b, RG_IN_GRADIENT, sink, layout_bytes(&in[0].layout), RG_BEFORE, -1);
    rg_layout out = in[0].layout;
    if (b->failed) return;
    uint32_t sum = rg_builder_elementwise(b, &rg_op_add, NULL, 2, in, &out, line_of(b, adjoint));
    if (b->failed) return;
    b->values[sum].place = RG_IN_GRADIENT;
    b->values[sum].index = sink;
}

static uint32_t source_of_leaf(rg_builder *b, uint32_t leaf)
{
    bool external = leaf < b->request->first;
    return source_number(b, external, external ? b->tape->nodes[leaf].slot : leaf - b->request->first);
}

/* theta = op(theta, adjoint, numbers), in place. */
static void add_update(rg_builder *b, uint32_t leaf, uint32_t adjoint)
{
    rg_placement in[3] = { *placement_of(b, leaf), *placement_of(b, adjoint), *placement_of(b, leaf) };
    in[2].value = rg_builder_value(b, RG_IN_NUMBERS, 0, 0, RG_BEFORE, -1);
    if (b->failed) return;
    const rg_layout theta = in[0].layout;
    const uint32_t node = leaf >= b->request->first ? leaf - b->request->first : RG_NONE;
    const uint32_t moved = rg_builder_update(b, b->request->update->op, in, &theta, node);
    if (b->failed) return;
    b->values[moved].place = RG_IN_SOURCE;
    b->values[moved].index = source_of_leaf(b, leaf);
}

static void place_sink(rg_builder *b, size_t i)
{
    const rg_sink *sink = &b->request->sinks[i];
    if (b->request->update) {
        add_update(b, sink->leaf, sink->adjoint);
        return;
    }
    b->plan->sinks[i] = source_of_leaf(b, sink->leaf);
    b->plan->sink_count++;
    if (b->request->accumulate) add_to_gradient(b, (uint32_t)i, sink->adjoint);
    else put(b, sink->adjoint, RG_IN_GRADIENT, (uint32_t)i);
}

/* A large result that one elementwise op alone reads, not far behind, waits for that one: so its other operands are there
 * before, and it can be done with the step. */
static bool waits(const rg_builder *b, uint32_t i, const rg_node *node)
{
    enum { FAR = 16 };
    const uint32_t reader = b->reader[i];
    if (!b->request->optimise || b->uses[i] != 1 || reader == RG_NONE || reader - i > FAR) return false;
    if (node->op->kind != RG_ITEMS || !node->op->item_elements || rg_elements(node->shape) < FOLD_LEAST) return false;
    const rg_node *next = &b->tape->nodes[b->request->first + reader];
    return next->op->kind == RG_ELEMENTWISE && rg_same_shape(next->shape, node->shape);
}

static void place_node(rg_builder *b, uint32_t i)
{
    const rg_node *node = &b->tape->nodes[b->request->first + i];
    b->backward = node->flags & RG_NODE_ADJOINT;
    if (rg_builder_is_source(b, node)) place_source(b, false, i, node, &b->placements[i]);
    else if (node->op->kind == RG_VIEW) place_view(b, i, node);
    else {
        note_recomputation(b, node);
        place_computed(b, i, node);
    }
}

/* First what has waited for the node. */
static void place_waiting(rg_builder *b, const rg_node *node)
{
    for (uint32_t k = 0; node->op->kind == RG_ELEMENTWISE && k < node->operands && !b->failed; k++) {
        const uint32_t operand = rg_edges(b->tape, node)[k];
        const uint32_t i = operand >= b->request->first ? b->same_as[operand - b->request->first] : RG_NONE;
        if (i != RG_NONE && b->placements[i].value == RG_NONE) place_node(b, i);
    }
}

/* Gradients come last: an update moves theta, and nothing may read it after that. */
static void place_all(rg_builder *b)
{
    const rg_request *request = b->request;
    for (uint32_t i = 0; i < b->count && !b->failed; i++) {
        const rg_node *node = &b->tape->nodes[request->first + i];
        if (!b->needed[i] || b->same_as[i] != i || (!rg_builder_is_source(b, node) && waits(b, i, node))) continue;
        if (!rg_builder_is_source(b, node)) place_waiting(b, node);
        if (!b->failed) place_node(b, i);
    }
    b->earliest = 0;
    b->backward = false;
    for (size_t i = 0; i < request->wanted_count && !b->failed; i++)
        if (request->wanted[i] >= request->first) hand_out(b, request->wanted[i]);
    for (uint32_t i = 0; i < b->count && !b->failed; i++) {
        const rg_node *node = &b->tape->nodes[request->first + i];
        bool every = !request->optimise && node->op->kind != RG_VIEW;
        if (b->needed[i] && (rg_builder_keeps(b, node) || every)) hand_out(b, request->first + i);
    }
    b->backward = true;
    for (size_t i = 0; i < request->sink_count && !b->failed; i++) place_sink(b, i);
    for (size_t i = 0; i < request->held_count && !b->failed; i++)
        rg_builder_use(b, placement_of(b, request->held[i])->value, (int64_t)b->draft_count);
}

/* ---- All together ------------------------------------------------------------------------------------------------ */

bool rg_builder_plan(rg_builder *b, rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    *b = (rg_builder){ .tape = tape, .request = request, .plan = plan, .scratch = &tape->scratch,
                       .count = request->end - request->first, .recomputation = INT64_MIN };
    const size_t places = b->count + tape->external_count;
    b->needed = rg_builder_take(b, b->count, sizeof *b->needed);
    b->same_as = rg_builder_take(b, b->count, sizeof *b->same_as);
    b->uses = rg_builder_take(b, b->count, sizeof *b->uses);
    b->reader = rg_builder_room(b, b->count, sizeof *b->reader);
    b->placements = rg_builder_room(b, places, sizeof *b->placements);
    b->output_of = rg_builder_room(b, b->count, sizeof *b->output_of);
    b->source_of = rg_builder_room(b, places, sizeof *b->source_of);
    plan->sources = rg_arena_take(&plan->arena, places * sizeof *plan->sources);
    plan->sinks = rg_arena_take(&plan->arena, request->sink_count * sizeof *plan->sinks);
    if (b->failed || !plan->sources || !plan->sinks) return false;
    for (size_t i = 0; i < places; i++) {
        b->placements[i].value = b->source_of[i] = RG_NONE;
        if (i < b->count) b->output_of[i] = b->reader[i] = RG_NONE;
    }
    rg_builder_survey(b);
    place_all(b);
    return !b->failed && rg_builder_finish(b);
}

bool rg_plan_build(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    rg_builder b;
    return rg_builder_plan(&b, tape, request, plan);
}
