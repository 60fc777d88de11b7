/* gradient.c: backpropagation is dynamic programming over the graph.
 *
 *   subproblem    the adjoint v̄ = ∂y/∂v, one for every node v that y depends on
 *   base case     ȳ = 1 (or given cotangents)
 *   recurrence    v̄_i = Σ over consumers j of v̄_j · ∂v_j/∂v_i
 *   order         from y back to the first node: on a tape every consumer stands behind its operands, so the
 *                 reverse of recording is a reverse topological order and v̄_j is complete when its turn comes
 *   memo table    one adjoint per node
 *
 * The subproblems overlap wherever a node has more than one consumer. The plain chain rule is a sum over all
 * paths from v to y, of which there may be exponentially many; solving each subproblem once makes it linear in
 * the edges. The solutions are ordinary nodes, appended to the same tape: what comes out can be run, drawn and
 * differentiated again. */
#include "gradient.h"

#include "ops.h"

/* A cotangent as it fits its operand: summed over the dimensions along which the operand was repeated. */
rg_tensor rg_unbroadcast(rg_tensor c, rg_shape to)
{
    rg_shape from = rg_shape_of(c), both;
    if (rg_is_null(c) || rg_shape_equal(from, to)) return c;
    if (!rg_broadcast(&from, &to, &both))
        return rg_fail(c.tape, NULL, RG_E_GRADIENT, "%s: its derivative has a shape that does not fit its operand",
                       rg_op_of(c)->name);
    if (rg_shape_equal(both, to)) return rg_expand(c, to);
    rg_axes repeated = { .count = 0 };
    for (int i = 0; i < from.rank; i++) {
        int k = i - (from.rank - to.rank);
        if (k < 0 || (to.size[k] == 1 && from.size[i] != 1)) repeated.axis[repeated.count++] = i;
    }
    return rg_reshape(rg_sum_axes(c, repeated, true), to);
}

static void add_into(rg_tensor *entry, rg_tensor c)
{
    *entry = rg_is_null(*entry) ? c : rg_sum_of_cotangents(*entry, c);
}

/* Node j hands its operands what it owes them: v̄_i += v̄_j · ∂v_j/∂v_i. */
static bool propagate(rg_sweep *s, uint32_t j)
{
    rg_tape *tape = s->tape;
    const rg_op *op = tape->nodes[j].op;
    const uint32_t n = tape->nodes[j].operands;
    rg_tensor few[RG_MAX_OPERANDS], *in = few, y = rg_checkpoint_seen(s, j);
    if (n > RG_MAX_OPERANDS && !(in = rg_arena_take(&tape->scratch, n * sizeof *in)))
        return rg_fail(tape, NULL, RG_E_MEMORY, "gradient: out of memory"), false;
    for (uint32_t k = 0; k < n; k++) in[k] = rg_checkpoint_seen(s, rg_edges(tape, &tape->nodes[j])[k]);
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t i = rg_edges(tape, &tape->nodes[j])[k];
        bool declared_zero = k < 32 && op->no_gradient >> k & 1u;
        if (i < s->first || !s->active[i - s->first] || declared_zero) continue;
        if (!op->vjp) return rg_fail_op(tape, NULL, RG_E_GRADIENT, op->name, "has no derivative rule", 1, &y), false;
        rg_tensor c = rg_unbroadcast(op->vjp((int)k, in, y, s->adjoint[j - s->first]), *tape->nodes[i].shape);
        if (!rg_is_null(c) && rg_dtype_of(c) != (rg_dtype)tape->nodes[i].dtype)
            rg_fail(tape, NULL, RG_E_GRADIENT, "%s: its derivative has another dtype than its operand", op->name);
        if (tape->error.status) return false;
        if (s->handed) s->handed[tape->nodes[j].first_edge + k] = c;
        if (!rg_is_null(c)) add_into(&s->adjoint[i - s->first], c);
    }
    return true;
}

/* The recurrence, from the last node back to the first. What it records carries the site and the scope of the node
 * whose derivative it is. */
bool rg_solve_adjoints(rg_sweep *s)
{
    rg_tape *tape = s->tape;
    const char *site = tape->site;
    const uint32_t scope = tape->scope;
    const uint8_t flags = tape->recording_flags;
    const uint32_t forward = tape->recording_forward;
    bool going = true;
    tape->recording_flags = RG_NODE_ADJOINT;
    for (uint32_t j = s->last + 1; going && j-- > s->first;) {
        if (!s->active[j - s->first] || rg_is_null(s->adjoint[j - s->first])) continue;
        tape->site = tape->nodes[j].site;
        tape->scope = tape->nodes[j].scope;
        tape->recording_forward = j;
        going = rg_checkpoint_enter(s, j) && propagate(s, j);
    }
    tape->site = site;
    tape->scope = scope;
    tape->recording_flags = flags;
    tape->recording_forward = forward;
    return going && !tape->error.status;
}
