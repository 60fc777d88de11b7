/* checkpoint.c: values that are computed again where adjoints need them, instead of being kept.
 *
 * A checkpoint is a range of the tape. The sweep walks it like all else; only what derivative rules see of its nodes
 * are copies, recorded when the sweep comes to the range, from its end. They read what the range read through
 * `recompute`, an op that does nothing: so they are not equal to the first ones, which the planner would merge them
 * with, and as a plan does its steps in the order of recording, they are computed late. The first ones die where the
 * forward pass is done with them.
 *
 * A range within a range is treated alike, on the copies: when the sweep comes to it, it is copied once more, from the
 * copy of what it read. What no rule sees of the outer copy dies as soon as it has been read, and is not computed if it
 * is not. */
#define RG_NO_SITES
#include "gradient.h"
#include "ops.h"
#include "transform.h"

static rg_status same_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (*(const int64_t *)call->attributes < 0) return rg_refuse(call, RG_E_ARGUMENT, "a negative number");
    return RG_OK;
}

static bool same_elements(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    (void)attributes, (void)offset;
    *out = *in;
    return true;
}

static rg_tensor pass_through(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return g;
}

static rg_tensor same_batch(const rg_batch_call *call)
{
    return rg_apply_at(call->site, call->op, call->attributes, 1, call->in);
}

static const int64_t some_number = 7, negative = -1;
static const rg_sample recompute_samples[] = {
    { .operands = 1, .in = { { .shape = { 2, { 3, 4 } } } }, .attributes = &some_number },
    { .operands = 1, .attributes = &some_number },
    { .operands = 1, .in = { { .shape = { 1, { 0 } } } }, .attributes = &some_number },
    { .operands = 1, .in = { { .shape = { 1, { 3 } } } }, .attributes = &negative, .refuse = RG_E_ARGUMENT },
    { .operands = 0 },
};
const rg_op rg_op_recompute = { .name = "recompute", .doc = "x, from which something is computed again", .arity = 1,
                                .kind = RG_VIEW, .attribute_size = sizeof(int64_t), .shape = same_shape,
                                .view = same_elements, .vjp = pass_through, .batch = same_batch,
                                .samples = recompute_samples };

static void sign(rg_tape *tape, uint64_t which)
{
    const uint64_t event = RG_SIGNATURE_CHECKPOINT | which;
    rg_signature_add(tape, &event, 1);
}

void rg_checkpoint_begin_at(const char *site, rg_tape *tape)
{
    if (!tape || tape->error.status) return;
    if (!rg_grow((void **)&tape->checkpoints, &tape->checkpoint_capacity, tape->checkpoint_count + 1,
                 sizeof *tape->checkpoints)) {
        rg_fail(tape, site, RG_E_MEMORY, "checkpoint: out of memory");
        return;
    }
    tape->checkpoints[tape->checkpoint_count++] = (rg_checkpointed){ .first = (uint32_t)tape->node_count, .end = UINT32_MAX,
                                                                     .outer = tape->checkpoint_open };
    tape->checkpoint_open = (uint32_t)tape->checkpoint_count;
    sign(tape, 1);
}

void rg_checkpoint_end_at(const char *site, rg_tape *tape)
{
    if (!tape || (tape->error.status && !tape->checkpoint_open)) return;
    if (!tape->checkpoint_open) {
        rg_fail(tape, site, RG_E_STATE, "checkpoint: an end without a beginning");
        return;
    }
    rg_checkpointed *ended = &tape->checkpoints[tape->checkpoint_open - 1];
    ended->end = (uint32_t)tape->node_count;
    ended->before = tape->checkpoint_ended;
    tape->checkpoint_ended = tape->checkpoint_open;
    tape->checkpoint_open = ended->outer;
    sign(tape, 0);
}

void rg_checkpoints_return(rg_tape *tape, size_t count, uint32_t open, uint32_t ended)
{
    tape->checkpoint_count = count;
    tape->checkpoint_open = open;
    tape->checkpoint_ended = ended;
    for (uint32_t c = open; c; c = tape->checkpoints[c - 1].outer) tape->checkpoints[c - 1].end = UINT32_MAX;
}

/* What ended last a sweep comes to first. Before that come those that go on, the outermost first. */
uint32_t rg_checkpoint_first(rg_tape *tape)
{
    uint32_t first = tape->checkpoint_ended;
    for (uint32_t open = tape->checkpoint_open; open; open = tape->checkpoints[open - 1].outer) {
        tape->checkpoints[open - 1].before = first;
        first = open;
    }
    return first;
}

rg_tensor rg_checkpoint_seen(const rg_sweep *s, uint32_t i)
{
    const rg_recomputation *c = s->checkpoint.inner;
    while (c && i < c->first) c = c->within;
    return c && i < c->end ? c->again[i - c->first] : rg_handle(s->tape, i);
}

/* Which recomputation reads it is part of the structure, so that two of them do not become one that is kept. */
static rg_tensor read_again(rg_tape *tape, rg_tensor t, uint32_t number)
{
    const int64_t relative = (int64_t)number - (int64_t)tape->segment_first;
    return rg_apply(&rg_op_recompute, &relative, 1, &t);
}

/* What is read from outside the range is read through one node, which was recorded since `number`. */
static rg_tensor copy_node(rg_sweep *s, const rg_recomputation *c, uint32_t j, uint32_t number)
{
    rg_tape *tape = s->tape;
    const rg_op *op = tape->nodes[j].op;
    const void *attributes = tape->nodes[j].attributes;
    const uint32_t n = tape->nodes[j].operands;
    if (op->kind == RG_LEAF) return read_again(tape, rg_handle(tape, j), number);
    if (n == 0) return rg_handle(tape, j);
    rg_tensor few[RG_MAX_OPERANDS], *in = few;
    if (n > RG_MAX_OPERANDS && !(in = rg_arena_take(&tape->scratch, n * sizeof *in)))
        return rg_fail(tape, NULL, RG_E_MEMORY, "checkpoint: out of memory");
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t i = rg_edges(tape, &tape->nodes[j])[k];
        rg_tensor *seen = i >= c->first ? &c->again[i - c->first] : &s->checkpoint.outside[i];
        if (i < c->first && (rg_is_null(*seen) || seen->node < number))
            *seen = read_again(tape, rg_checkpoint_seen(s, i), number);
        in[k] = *seen;
    }
    return rg_apply(op, attributes, (int)n, in);
}

static bool compute_again(rg_sweep *s, const rg_checkpointed *range)
{
    rg_tape *tape = s->tape;
    rg_recomputations *all = &s->checkpoint;
    const uint32_t number = (uint32_t)tape->node_count;
    rg_recomputation *c = rg_arena_take(&tape->scratch, sizeof *c);
    if (!all->outside) all->outside = rg_arena_take_zeroed(&tape->scratch, ((size_t)s->last + 1) * sizeof *all->outside);
    if (c) *c = (rg_recomputation){ range->first, range->end <= s->last ? range->end : s->last + 1, NULL, all->inner };
    if (c) c->again = rg_arena_take_zeroed(&tape->scratch, ((size_t)c->end - c->first) * sizeof *c->again);
    if (!c || !c->again || !all->outside)
        return rg_fail(tape, NULL, RG_E_MEMORY, "checkpoint: out of memory"), false;
    tape->recording_flags |= RG_NODE_RECOMPUTED;
    for (uint32_t j = c->first; j < c->end && !tape->error.status; j++) {
        const rg_stamp stamp = rg_stamp_as(tape, j);
        tape->recording_forward = j;
        c->again[j - c->first] = copy_node(s, c, j, number);
        rg_stamp_restore(tape, &stamp);
    }
    tape->recording_flags &= (uint8_t)~RG_NODE_RECOMPUTED;
    all->inner = c;
    return !tape->error.status;
}

bool rg_checkpoint_enter(rg_sweep *s, uint32_t j)
{
    rg_recomputations *c = &s->checkpoint;
    while (c->inner && j < c->inner->first) c->inner = c->inner->within;
    while (c->ahead && j < s->tape->checkpoints[c->ahead - 1].end) {
        const rg_checkpointed range = s->tape->checkpoints[c->ahead - 1];
        c->ahead = range.before;
        if (j >= range.first && !compute_again(s, &range)) return false;
    }
    return true;
}
