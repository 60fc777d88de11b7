/* differentiate.c: what is asked of the dynamic program: gradients with respect to chosen tensors, or to every
 * parameter. */
#include "gradient.h"
#include "shape.h"

static bool sweep_begin(rg_sweep *sweep, rg_tape *tape, uint32_t first, uint32_t last)
{
    size_t count = last >= first ? (size_t)last - first + 1 : 0;
    *sweep = (rg_sweep){ .tape = tape, .first = first, .last = last };
    sweep->adjoint = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->adjoint);
    sweep->active = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->active);
    if (!sweep->adjoint || !sweep->active) rg_fail(tape, NULL, RG_E_MEMORY, "gradient: out of memory");
    return !tape->error.status;
}

/* A node is active if an operand is, unless it was recorded as a constant. */
static void mark_dependents(rg_sweep *sweep)
{
    for (uint32_t j = sweep->first; j <= sweep->last; j++) {
        const rg_node *node = &sweep->tape->nodes[j];
        bool *active = &sweep->active[j - sweep->first];
        if (node->flags & RG_NODE_NO_GRADIENT) *active = false;
        for (uint32_t k = 0; k < node->operands && !*active && !(node->flags & RG_NODE_NO_GRADIENT); k++) {
            uint32_t i = rg_edges(sweep->tape, node)[k];
            bool declared_zero = k < 32 && node->op->no_gradient >> k & 1u;
            *active = i >= sweep->first && sweep->active[i - sweep->first] && !declared_zero;
        }
    }
}

rg_tensor rg_seed_for(const char *site, const char *what, rg_tensor y, rg_tensor seed)
{
    const rg_node *node = rg_node_checked(site, what, y);
    if (!node) return (rg_tensor){ 0 };
    if (!rg_dtype_is_float((rg_dtype)node->dtype))
        return rg_fail_op(y.tape, site, RG_E_GRADIENT, what, "only f32 and f64 have derivatives", 1, &y);
    if (rg_is_null(seed)) {
        if (rg_shape_count(*node->shape) == 1) return rg_full(y.tape, (rg_dtype)node->dtype, *node->shape, 1);
        return rg_fail_op(y.tape, site, RG_E_GRADIENT, what, "not a scalar, and no cotangent is given", 1, &y);
    }
    if (seed.tape != y.tape) return rg_fail(y.tape, site, RG_E_TAPE, "%s: the cotangent is on another tape", what);
    const rg_node *cotangent = rg_node_checked(site, what, seed);
    if (!cotangent) return (rg_tensor){ 0 };
    const rg_tensor both[] = { y, seed };
    if (cotangent->dtype != node->dtype)
        return rg_fail_op(y.tape, site, RG_E_DTYPE, what, "the cotangent's dtype differs", 2, both);
    if (!rg_shape_equal(*cotangent->shape, *node->shape))
        return rg_fail_op(y.tape, site, RG_E_SHAPE, what, "the cotangent's shape differs", 2, both);
    return seed;
}

/* ---- With respect to chosen tensors ----------------------------------------------------------------------- */

/* The first of them on the tape; the tape fails if one is not a tensor that a gradient can be taken for. */
static uint32_t first_of(const char *site, const char *what, rg_tensor y, const rg_tensor *wrt, int n)
{
    uint32_t first = y.node;
    for (int i = 0; i < n && !y.tape->error.status; i++) {
        rg_status reason;
        const rg_node *node = rg_node_of(wrt[i], &reason);
        if (wrt[i].tape && wrt[i].tape != y.tape)
            rg_fail(y.tape, site, RG_E_TAPE, "%s: variable %d is on another tape", what, i + 1);
        else if (!node)
            rg_fail(y.tape, site, reason, "%s: variable %d is %s", what, i + 1,
                    reason == RG_E_NULL ? "the null tensor" : "a tensor from before rg_tape_reset");
        else if (!rg_dtype_is_float((rg_dtype)node->dtype))
            rg_fail_op(y.tape, site, RG_E_GRADIENT, what, "only f32 and f64 have derivatives", 1, &wrt[i]);
        else if (wrt[i].node < first)
            first = wrt[i].node;
    }
    return first;
}

static rg_status gradient_of(const char *site, const char *what, rg_tensor y, rg_tensor seed, const rg_tensor *wrt,
                             int n, rg_tensor *out)
{
    for (int i = 0; out && i < n; i++) out[i] = (rg_tensor){ 0 };
    rg_tape *tape = y.tape;
    if (!tape) return RG_E_NULL;
    if (!tape->error.status && (n < 0 || (n > 0 && (!wrt || !out))))
        rg_fail(tape, site, RG_E_NULL, "%s: no place for variables or results", what);
    const char *previous = rg_set_site(tape, site ? site : tape->site);
    rg_tensor start = rg_seed_for(site, what, y, seed);
    uint32_t first = rg_is_null(start) ? 0 : first_of(site, what, y, wrt, n);
    rg_sweep sweep;
    if (!tape->error.status && sweep_begin(&sweep, tape, first, y.node)) {
        for (int i = 0; i < n; i++)
            if (wrt[i].node <= y.node) sweep.active[wrt[i].node - first] = true;
        mark_dependents(&sweep);
        bool solved = rg_solve_adjoints(&sweep, start);
        for (int i = 0; solved && i < n; i++) {
            bool reached = wrt[i].node <= y.node && sweep.active[wrt[i].node - first] &&
                           !rg_is_null(sweep.adjoint[wrt[i].node - first]);
            rg_dtype dtype = rg_dtype_of(wrt[i]);
            out[i] = reached ? sweep.adjoint[wrt[i].node - first] : rg_full(tape, dtype, rg_shape_of(wrt[i]), 0);
        }
    }
    rg_arena_rewind(&tape->scratch);
    rg_set_site(tape, previous);
    return tape->error.status;
}

rg_status rg_grad_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out)
{
    return gradient_of(site, "grad", y, (rg_tensor){ 0 }, wrt, n, out);
}

rg_status rg_vjp_at(const char *site, rg_tensor y, rg_tensor seed, const rg_tensor *wrt, int n, rg_tensor *out)
{
    if (y.tape && rg_is_null(seed)) rg_fail(y.tape, site, RG_E_NULL, "vjp: the cotangent is the null tensor");
    return gradient_of(site, "vjp", y, seed, wrt, n, out);
}

/* ---- With respect to every parameter ------------------------------------------------------------------------ */

/* Which nodes depend on a parameter is known since they were recorded. */
bool rg_gradient_of_parameters(rg_tape *tape, rg_tensor y, rg_tensor seed, rg_sink **sinks, size_t *count)
{
    rg_sweep sweep;
    if (!sweep_begin(&sweep, tape, 0, y.node)) return false;
    for (uint32_t j = 0; j <= y.node; j++) sweep.active[j] = tape->nodes[j].flags & RG_NODE_NEEDS_GRADIENT;
    if (!rg_solve_adjoints(&sweep, seed)) return false;
    *count = 0;
    *sinks = rg_arena_take(&tape->scratch, ((size_t)y.node + 1) * sizeof **sinks);
    if (!*sinks) return rg_fail(tape, NULL, RG_E_MEMORY, "gradient: out of memory"), false;
    for (uint32_t j = 0; j <= y.node; j++)
        if (tape->nodes[j].op == &rg_op_parameter && !rg_is_null(sweep.adjoint[j]))
            (*sinks)[(*count)++] = (rg_sink){ j, sweep.adjoint[j].node };
    return true;
}
