/* excerpt.c: which nodes of a tape to show. Looking at a tape leaves it as it was: adjoints that are recorded to
 * be shown are forgotten again, so that a trace which is looked at finds the same plan as one that is not. */
#include "excerpt.h"

#include <string.h>

#include "gradient.h"
#include "shape.h"

/* ---- Before and after ------------------------------------------------------------------------------------------ */

static rg_bookmark bookmark(const rg_tape *tape)
{
    return (rg_bookmark){ .nodes = tape->node_count, .edges = tape->edge_count, .signature = tape->signature_count,
                          .externals = tape->external_count, .segment = tape->segment,
                          .open_gradient = tape->segment_open_gradient, .records = tape->records };
}

static void forget_since(rg_tape *tape, const rg_bookmark *before)
{
    if (tape->segment != before->segment) return; /* a derivative rule has asked for a value: it stays */
    for (size_t i = before->externals; i < tape->external_count; i++)
        tape->nodes[tape->externals[i]].slot_segment = 0;
    for (size_t i = 0; i < tape->binding_count; i++)
        for (size_t k = 0; k < tape->bindings[i].capacity; k++)
            if (tape->bindings[i].leaf[k] >= before->nodes) tape->bindings[i].leaf[k] = UINT32_MAX;
    tape->node_count = before->nodes;
    tape->edge_count = before->edges;
    tape->signature_count = before->signature;
    tape->external_count = before->externals;
    tape->segment_open_gradient = before->open_gradient;
    tape->records.current = before->records.current;
    tape->records.used = before->records.used;
}

/* ---- The gradient ---------------------------------------------------------------------------------------------- */

/* A parameter, or an input if no parameter is at hand, and whatever depends on it. */
static void mark_active(rg_sweep *sweep, bool parameters)
{
    for (uint32_t j = 0; j <= sweep->last; j++) {
        const rg_node *node = &sweep->tape->nodes[j];
        bool *active = &sweep->active[j];
        if (node->flags & RG_NODE_NO_GRADIENT) continue;
        if (parameters) {
            *active = node->flags & RG_NODE_NEEDS_GRADIENT;
            continue;
        }
        bool input = node->op == &rg_op_input || node->op == &rg_op_scalar;
        *active = input && rg_dtype_is_float((rg_dtype)node->dtype);
        for (uint32_t k = 0; k < node->operands && !*active; k++) {
            bool declared_zero = k < 32 && node->op->no_gradient >> k & 1u;
            *active = sweep->active[rg_edges(sweep->tape, node)[k]] && !declared_zero;
        }
    }
}

/* Solves for the adjoints of all that t depends on. */
static rg_status solve(rg_sweep *sweep, rg_tensor t)
{
    rg_tape *tape = t.tape;
    const size_t count = (size_t)t.node + 1;
    *sweep = (rg_sweep){ .tape = tape, .first = 0, .last = t.node };
    sweep->adjoint = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->adjoint);
    sweep->active = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->active);
    if (!sweep->adjoint || !sweep->active) return RG_E_MEMORY;
    mark_active(sweep, tape->nodes[t.node].flags & RG_NODE_NEEDS_GRADIENT);
    if (!sweep->active[t.node]) return RG_OK;
    rg_tensor seed = rg_seed_for(NULL, "dot", t, (rg_tensor){ 0 });
    return !rg_is_null(seed) && rg_solve_adjoints(sweep, seed) ? RG_OK : tape->error.status;
}

/* ---- Adjoints that had been recorded already ------------------------------------------------------------------ */

static bool equal_nodes(const rg_tape *tape, const uint32_t *same, const rg_node *fresh, const rg_node *old)
{
    if (fresh->op != old->op || fresh->dtype != old->dtype || fresh->operands != old->operands) return false;
    if (!rg_shape_equal(*fresh->shape, *old->shape)) return false;
    for (uint32_t k = 0; k < fresh->operands; k++)
        if (same[rg_edges(tape, fresh)[k]] != rg_edges(tape, old)[k]) return false;
    size_t bytes = fresh->op->attribute_size;
    return bytes == 0 || memcmp(fresh->attributes, old->attributes, bytes) == 0;
}

/* A node recorded now takes value and name from an equal one that was there before. Equal adjoints come from the
 * derivative of the same node, so only those are compared. */
static bool take_over(const rg_excerpt *excerpt, uint32_t root)
{
    rg_tape *tape = excerpt->tape;
    const size_t old = excerpt->before.nodes;
    if (tape->node_count == old) return true;
    uint32_t *same = rg_arena_take(&tape->scratch, tape->node_count * sizeof *same);
    uint32_t *newest = rg_arena_take(&tape->scratch, old * sizeof *newest); /* of those that come from a node */
    uint32_t *older = rg_arena_take(&tape->scratch, old * sizeof *older);
    if (!same || !newest || !older) return false;
    memset(newest, 0xff, old * sizeof *newest);
    for (uint32_t i = 0; i < tape->node_count; i++) {
        rg_node *node = &tape->nodes[i];
        same[i] = i;
        if (i > root && i < old) {
            older[i] = newest[node->forward];
            newest[node->forward] = i;
        }
        if (i < old || node->op->kind == RG_LEAF || node->forward >= old) continue;
        for (uint32_t c = newest[node->forward]; c != UINT32_MAX && same[i] == i; c = older[c])
            if (equal_nodes(tape, same, node, &tape->nodes[c])) same[i] = c;
        node->data = tape->nodes[same[i]].data;
        node->name = tape->nodes[same[i]].name;
    }
    return true;
}

/* ---- Entries --------------------------------------------------------------------------------------------------- */

/* entries[i] becomes 0 for the nodes to show. Operands stand before their consumers: one pass is enough. */
static void mark_shown(rg_excerpt *excerpt, const rg_sweep *sweep, uint32_t root)
{
    const rg_tape *tape = excerpt->tape;
    memset(excerpt->entries, 0xff, tape->node_count * sizeof *excerpt->entries);
    excerpt->entries[root] = 0;
    for (uint32_t i = 0; sweep && i <= root; i++) /* gradients are the adjoints of active leaves */
        if (tape->nodes[i].op->kind == RG_LEAF && !rg_is_null(sweep->adjoint[i]))
            excerpt->entries[sweep->adjoint[i].node] = 0;
    for (size_t i = tape->node_count; i-- > 0;)
        for (uint32_t k = 0; excerpt->entries[i] == 0 && k < tape->nodes[i].operands; k++)
            excerpt->entries[rg_edges(tape, &tape->nodes[i])[k]] = 0;
}

static bool number_entries(rg_excerpt *excerpt, const rg_sweep *sweep, uint32_t root)
{
    rg_tape *tape = excerpt->tape;
    excerpt->nodes = rg_arena_take(&tape->scratch, tape->node_count * sizeof *excerpt->nodes);
    if (!excerpt->nodes) return false;
    for (uint32_t i = 0; i < tape->node_count; i++)
        if (excerpt->entries[i] == 0) {
            excerpt->entries[i] = excerpt->count;
            excerpt->nodes[excerpt->count++] = i;
        }
    excerpt->root = excerpt->entries[root];

    excerpt->adjoint = rg_arena_take(&tape->scratch, excerpt->count * sizeof *excerpt->adjoint);
    if (!excerpt->adjoint) return false;
    for (uint32_t k = 0; k < excerpt->count; k++) {
        uint32_t i = excerpt->nodes[k];
        bool solved = sweep && i <= root && !rg_is_null(sweep->adjoint[i]);
        excerpt->adjoint[k] = solved ? excerpt->entries[sweep->adjoint[i].node] : RG_NOT_SHOWN;
    }
    return true;
}

/* To the backward half belong the nodes that the gradient recorded, and fixed numbers that only these use: the
 * adjoint that the sweep began with. */
static bool find_backward(rg_excerpt *excerpt)
{
    rg_arena *scratch = &excerpt->tape->scratch;
    excerpt->backward = rg_arena_take_zeroed(scratch, excerpt->count * sizeof *excerpt->backward);
    bool *used_forward = rg_arena_take_zeroed(scratch, excerpt->count * sizeof *used_forward);
    if (!excerpt->backward || !used_forward) return false;
    for (uint32_t k = excerpt->count; k-- > 0;) {
        const rg_node *node = rg_excerpt_node(excerpt, k);
        bool number = node->op->arity == 0 && node->op->kind != RG_LEAF;
        excerpt->backward[k] = node->flags & RG_NODE_ADJOINT || (number && !used_forward[k] && k != excerpt->root);
        for (uint32_t i = 0; i < node->operands; i++)
            if (!excerpt->backward[k]) used_forward[rg_excerpt_operand(excerpt, k, i)] = true;
    }
    for (uint32_t k = 0; k < excerpt->count; k++) /* a rule may give a forward node for a derivative: it stays one */
        if (excerpt->adjoint[k] != RG_NOT_SHOWN && !excerpt->backward[excerpt->adjoint[k]])
            excerpt->adjoint[k] = RG_NOT_SHOWN;
    return true;
}

/* ---- All together ---------------------------------------------------------------------------------------------- */

rg_status rg_excerpt_begin(rg_excerpt *excerpt, rg_tensor t, bool adjoints)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    *excerpt = (rg_excerpt){ .tape = t.tape };
    if (!t.tape) return RG_E_NULL;
    excerpt->before = bookmark(t.tape);
    if (!node) return rg_fail(t.tape, NULL, reason, "dot: the tensor is from before rg_tape_reset"), reason;
    rg_sweep sweep;
    adjoints = adjoints && rg_dtype_is_float((rg_dtype)node->dtype) && rg_shape_count(*node->shape) == 1;
    if (adjoints && t.tape->error.status) return t.tape->error.status;
    rg_status status = adjoints ? solve(&sweep, t) : RG_OK;
    if (status) return status;
    excerpt->entries = rg_arena_take(&t.tape->scratch, t.tape->node_count * sizeof *excerpt->entries);
    if (!excerpt->entries || !take_over(excerpt, t.node)) return RG_E_MEMORY;
    mark_shown(excerpt, adjoints ? &sweep : NULL, t.node);
    bool numbered = number_entries(excerpt, adjoints ? &sweep : NULL, t.node);
    return numbered && find_backward(excerpt) ? RG_OK : RG_E_MEMORY;
}

void rg_excerpt_end(rg_excerpt *excerpt)
{
    if (!excerpt->tape) return;
    forget_since(excerpt->tape, &excerpt->before);
    rg_arena_rewind(&excerpt->tape->scratch);
}
