/* vmap.c: a program for one member, recorded once more for a whole batch.
 *
 * The nodes between x and y are taken in the order of recording. One that depends on no x is the same for all members and
 * is left as it is; any other is recorded again by its op's rule for batches, from what its operands have become. */
#include "ops.h"
#include "transform.h"

typedef struct {
    rg_tape *tape;
    const char *site;           /* of the call */
    int64_t size;
    uint32_t first, last;       /* the tables are of these nodes */
    bool *depends, *needed;
    rg_tensor *batch;           /* what the node has become; null: it is the same for all members */
} batching;

rg_stamp rg_stamp_as(rg_tape *tape, uint32_t number)
{
    const rg_stamp before = { tape->site, tape->scope, tape->recording_forward, tape->recording_flags, tape->no_grad };
    const rg_node *node = &tape->nodes[number];
    tape->site = node->site;
    tape->scope = node->scope;
    tape->recording_forward = node->forward;
    tape->recording_flags |= node->flags & RG_NODE_ADJOINT;
    tape->no_grad = before.no_grad || (node->flags & RG_NODE_NO_GRADIENT);
    return before;
}

void rg_stamp_restore(rg_tape *tape, const rg_stamp *stamp)
{
    tape->site = stamp->site;
    tape->scope = stamp->scope;
    tape->recording_forward = stamp->forward;
    tape->recording_flags = stamp->flags;
    tape->no_grad = stamp->no_grad;
}

/* ---- Elementwise ops: broadcasting is the rule --------------------------------------------------------- */

static const char too_many[] = "too many dimensions with that of a batch";

/* A member's dimensions are aligned at the right, so behind the batch comes what a shorter operand lacks. */
static rg_tensor aligned(const rg_batch_call *call, int k, int rank)
{
    const rg_shape from = rg_shape_of(call->in[k]);
    rg_shape to = { .rank = 0 };
    to.size[to.rank++] = call->size;
    if (rank > RG_MAX_RANK - 1)
        return rg_fail_op(call->in[k].tape, call->site, RG_E_SHAPE, call->op->name, too_many, 1, &call->in[k]);
    while (to.rank < 1 + rank - (from.rank - 1)) to.size[to.rank++] = 1;
    for (int i = 1; i < from.rank; i++) to.size[to.rank++] = from.size[i];
    return rg_reshape_at(call->site, call->in[k], to);
}

/* Ops whose operands must be of one shape get them so. */
static rg_tensor spread(const rg_batch_call *call, int k)
{
    const rg_shape from = rg_shape_of(call->in[k]);
    rg_shape to = { .rank = 1, .size = { call->size } };
    for (int i = 0; i < from.rank && to.rank < RG_MAX_RANK; i++) to.size[to.rank++] = from.size[i];
    return rg_expand_at(call->site, call->in[k], to);
}

static rg_tensor batch_elementwise(const rg_batch_call *call, int rank)
{
    rg_tensor in[RG_MAX_OPERANDS];
    for (int k = 0; k < call->operands; k++) {
        const bool whole = call->op->uniform >> k & 1u;
        in[k] = call->in[k];
        if (call->batched[k] && rg_shape_of(in[k]).rank < 1 + rank) in[k] = aligned(call, k, rank);
        else if (!call->batched[k] && !whole && call->op->shape != rg_shape_broadcast) in[k] = spread(call, k);
    }
    return rg_apply_at(call->site, call->op, call->attributes, call->operands, in);
}

/* ---- Node by node -------------------------------------------------------------------------------------- */

static bool has_rule(const rg_batch_call *call)
{
    if (call->op->batch) return true;
    bool elements = call->op->kind == RG_ELEMENTWISE;
    for (int k = 0; k < call->operands; k++)
        if (call->op->uniform >> k & 1u && call->batched[k]) elements = false;
    return elements;
}

static bool is_batch_of(const rg_tape *tape, rg_tensor batch, int64_t size, const rg_node *member)
{
    rg_status reason;
    const rg_node *node = rg_node_of(batch, &reason);
    if (!node || batch.tape != tape || node->dtype != member->dtype) return false;
    if (node->shape->rank != member->shape->rank + 1 || node->shape->size[0] != size) return false;
    for (int i = 0; i < member->shape->rank; i++)
        if (node->shape->size[1 + i] != member->shape->size[i]) return false;
    return true;
}

static bool batch_node(batching *b, uint32_t j)
{
    rg_tape *tape = b->tape;
    const rg_arena before = tape->scratch;
    const int n = (int)tape->nodes[j].operands;
    const int rank = tape->nodes[j].shape->rank;
    rg_tensor *in = rg_arena_take(&tape->scratch, (size_t)n * sizeof *in), *result = &b->batch[j - b->first];
    bool *batched = rg_arena_take(&tape->scratch, (size_t)n * sizeof *batched);
    if (!in || !batched) return rg_fail(tape, b->site, RG_E_MEMORY, "vmap: out of memory"), false;
    for (int k = 0; k < n; k++) {
        const uint32_t i = rg_edges(tape, &tape->nodes[j])[k];
        batched[k] = i >= b->first && b->depends[i - b->first];
        in[k] = batched[k] ? b->batch[i - b->first] : rg_handle(tape, i);
    }
    const rg_node *node = &tape->nodes[j];
    const rg_tensor self = rg_handle(tape, j);
    const rg_batch_call call = { node->site, node->op, node->attributes, n, in, batched, b->size, self };
    if (!has_rule(&call)) {
        char reason[RG_REASON_SIZE];
        snprintf(reason, sizeof reason, "%s, recorded at %s, has no rule for a batch", node->op->name,
                 rg_site_short(node->site));
        return rg_fail_op(tape, b->site, RG_E_UNSUPPORTED, "vmap", reason, 1, &self), false;
    }
    const rg_stamp stamp = rg_stamp_as(tape, j);
    *result = call.op->batch ? call.op->batch(&call) : batch_elementwise(&call, rank);
    rg_stamp_restore(tape, &stamp);
    rg_arena_return(&tape->scratch, &before);
    if (tape->error.status) return false;
    if (is_batch_of(tape, *result, b->size, &tape->nodes[j])) return true;
    return rg_fail_op(tape, b->site, RG_E_SHAPE, "vmap", "a rule for a batch gave something else", 1, &self), false;
}

/* Which nodes depend on an x, and which of those an output needs. An x is given: what it was computed from is not asked. */
static void mark(batching *b, const rg_tensor *y, int outputs, const rg_tensor *x, int n)
{
    const rg_tape *tape = b->tape;
    for (int i = 0; i < n; i++)
        if (x[i].node <= b->last) b->depends[x[i].node - b->first] = true;
    for (uint32_t j = b->first; j <= b->last; j++) {
        const rg_node *node = &tape->nodes[j];
        bool *depends = &b->depends[j - b->first];
        for (uint32_t k = 0; k < node->operands && !*depends; k++) {
            const uint32_t i = rg_edges(tape, node)[k];
            *depends = i >= b->first && b->depends[i - b->first];
        }
    }
    for (int i = 0; i < outputs; i++)
        if (y[i].node >= b->first) b->needed[y[i].node - b->first] = true;
    for (uint32_t j = b->last + 1; j-- > b->first;) {
        const rg_node *node = &tape->nodes[j];
        const bool goes_on = b->needed[j - b->first] && b->depends[j - b->first] && rg_is_null(b->batch[j - b->first]);
        for (uint32_t k = 0; goes_on && k < node->operands; k++) {
            const uint32_t i = rg_edges(tape, node)[k];
            if (i >= b->first) b->needed[i - b->first] = true;
        }
    }
}

static rg_tensor same_for_all(const batching *b, rg_tensor y)
{
    const rg_batch_call call = { .site = b->site, .in = &y, .size = b->size };
    if (rg_shape_of(y).rank == RG_MAX_RANK)
        return rg_fail_op(b->tape, b->site, RG_E_SHAPE, "vmap", too_many, 1, &y);
    return spread(&call, 0);
}

static void batch_all(batching *b, const rg_tensor *y, int outputs, const rg_tensor *x, const rg_tensor *batches, int n,
                      rg_tensor *out)
{
    rg_tape *tape = b->tape;
    const size_t count = (size_t)b->last - b->first + 1;
    b->depends = rg_arena_take_zeroed(&tape->scratch, count * sizeof *b->depends);
    b->needed = rg_arena_take_zeroed(&tape->scratch, count * sizeof *b->needed);
    b->batch = rg_arena_take_zeroed(&tape->scratch, count * sizeof *b->batch);
    if (!b->depends || !b->needed || !b->batch) {
        rg_fail(tape, b->site, RG_E_MEMORY, "vmap: out of memory");
        return;
    }
    for (int i = 0; i < n; i++)
        if (x[i].node <= b->last) b->batch[x[i].node - b->first] = batches[i];
    mark(b, y, outputs, x, n);
    for (uint32_t j = b->first; j <= b->last; j++) {
        const uint32_t i = j - b->first;
        if (b->needed[i] && b->depends[i] && rg_is_null(b->batch[i]) && !batch_node(b, j)) return;
    }
    for (int i = 0; i < outputs; i++) {
        const bool depends = y[i].node >= b->first && b->depends[y[i].node - b->first];
        out[i] = depends ? b->batch[y[i].node - b->first] : same_for_all(b, y[i]);
    }
}

/* ---- The call ------------------------------------------------------------------------------------------ */

static bool check(batching *b, const rg_tensor *y, int outputs, const rg_tensor *x, const rg_tensor *batches, int n)
{
    rg_tape *tape = b->tape;
    const struct { int n; const rg_tensor *in; } lists[] = { { outputs, y }, { n, x }, { n, batches } };
    for (int list = 0; list < 3; list++)
        for (int i = 0; i < lists[list].n; i++) {
            const rg_tensor both[] = { y[0], lists[list].in[i] };
            if (!rg_operands_checked(b->site, "vmap", 2, both)) return false;
        }
    for (int i = 0; i < n; i++) {
        const rg_node *member = &tape->nodes[x[i].node], *batch = &tape->nodes[batches[i].node];
        const rg_tensor both[] = { x[i], batches[i] };
        if (batch->shape->rank > 0 && i == 0) b->size = batch->shape->size[0];
        if (member->dtype != batch->dtype)
            return rg_fail_op(tape, b->site, RG_E_DTYPE, "vmap", "dtypes of a member and a batch differ", 2, both), false;
        if (!is_batch_of(tape, batches[i], b->size, member))
            return rg_fail_op(tape, b->site, RG_E_SHAPE, "vmap", "not a member and a batch of the same size", 2, both),
                   false;
        if (x[i].node < b->first) b->first = x[i].node;
    }
    for (int i = 0; i < outputs; i++)
        if (y[i].node > b->last) b->last = y[i].node;
    if (b->first > b->last) b->first = b->last;
    return true;
}

rg_status rg_vmap_at(const char *site, const rg_tensor *y, int outputs, const rg_tensor *x, const rg_tensor *batches, int n,
                     rg_tensor *out)
{
    rg_tape *tape = rg_tape_among(outputs, y);
    for (int i = 0; out && i < outputs; i++) out[i] = (rg_tensor){ 0 };
    if (!tape) return RG_E_NULL;
    if (tape->error.status) return tape->error.status;
    if (!site) site = tape->site;
    if (outputs < 1 || n < 1 || !x || !batches || !out) {
        rg_fail(tape, site, RG_E_NULL, "vmap: no place for tensors or results");
        return tape->error.status;
    }
    const char *previous = rg_set_site(tape, site);
    const rg_arena before = tape->scratch;
    batching b = { .tape = tape, .site = site, .first = UINT32_MAX };
    if (check(&b, y, outputs, x, batches, n)) batch_all(&b, y, outputs, x, batches, n, out);
    for (int i = 0; tape->error.status && i < outputs; i++) out[i] = (rg_tensor){ 0 };
    rg_arena_return(&tape->scratch, &before);
    rg_set_site(tape, previous);
    return tape->error.status;
}

rg_tensor rg_batch_member_at(const char *site, rg_tensor batch)
{
    const rg_node *node = rg_node_checked(site, "member", batch);
    if (!node) return (rg_tensor){ 0 };
    if (node->shape->rank == 0 || node->shape->size[0] == 0)
        return rg_fail_op(batch.tape, site, RG_E_SHAPE, "member", "not a batch, or one without members", 1, &batch);
    rg_shape shape = { .rank = node->shape->rank - 1 };
    for (int i = 0; i < shape.rank; i++) shape.size[i] = node->shape->size[1 + i];
    return rg_reshape_at(site, rg_slice_at(site, batch, 0, 0, 1), shape);
}
