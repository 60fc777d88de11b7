/* differentiate.c: what is asked of the dynamic program: gradients with respect to chosen tensors, or to every
 * parameter. */
#include "gradient.h"
#include "shape.h"
#include "transform.h"

bool rg_sweep_begin(rg_sweep *sweep, rg_tape *tape, uint32_t first, uint32_t last)
{
    size_t count = last >= first ? (size_t)last - first + 1 : 0;
    *sweep = (rg_sweep){ .tape = tape, .first = first, .last = last, .checkpoint = { .ahead = rg_checkpoint_first(tape) } };
    sweep->adjoint = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->adjoint);
    sweep->active = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->active);
    if (!sweep->adjoint || !sweep->active) rg_fail(tape, NULL, RG_E_MEMORY, "gradient: out of memory");
    return !tape->error.status;
}

void rg_mark_dependents(rg_sweep *sweep)
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
static uint32_t first_of(const char *site, const char *what, rg_tape *tape, const rg_tensor *wrt, int n)
{
    uint32_t first = UINT32_MAX;
    for (int i = 0; i < n && !tape->error.status; i++) {
        rg_status reason;
        const rg_node *node = rg_node_of(wrt[i], &reason);
        if (wrt[i].tape && wrt[i].tape != tape)
            rg_fail(tape, site, RG_E_TAPE, "%s: variable %d is on another tape", what, i + 1);
        else if (!node) {
            char which[RG_REASON_SIZE];
            rg_describe_gone(wrt[i], which, sizeof which);
            rg_fail(tape, site, reason, "%s: variable %d is %s%s", what, i + 1,
                    reason == RG_E_NULL ? "the null tensor" : "a tensor from before rg_tape_reset or rg_tape_rewind", which);
        } else if (!rg_dtype_is_float((rg_dtype)node->dtype))
            rg_fail_op(tape, site, RG_E_GRADIENT, what, "only f32 and f64 have derivatives", 1, &wrt[i]);
        else if (wrt[i].node < first)
            first = wrt[i].node;
    }
    return first;
}

/* What a gradient is taken of, and where it starts. */
typedef struct {
    const char *site, *what;
    rg_tape *tape;
    const rg_tensor *y, *seeds;  /* no seeds: each y is a single number, and its adjoint a one */
    int outputs;
} origin;

/* The base case. What comes after the last of the outputs is of no concern. */
static bool start(const origin *o, rg_tensor *seeds, uint32_t *last)
{
    *last = 0;
    for (int i = 0; i < o->outputs && !o->tape->error.status; i++) {
        if (o->seeds && rg_is_null(o->seeds[i])) {
            rg_fail(o->tape, o->site, RG_E_NULL, "%s: the cotangent is the null tensor", o->what);
            return false;
        }
        if (o->y[i].tape != o->tape) {
            rg_fail(o->tape, o->site, o->y[i].tape ? RG_E_TAPE : RG_E_NULL, "%s: output %d is %s", o->what, i + 1,
                    o->y[i].tape ? "on another tape" : "the null tensor");
            return false;
        }
        seeds[i] = rg_seed_for(o->site, o->what, o->y[i], o->seeds ? o->seeds[i] : (rg_tensor){ 0 });
        if (o->y[i].node > *last) *last = o->y[i].node;
    }
    return !o->tape->error.status;
}

static bool solve(const origin *o, const rg_tensor *wrt, int n, rg_tensor *out)
{
    rg_tape *tape = o->tape;
    uint32_t last;
    rg_sweep sweep;
    rg_tensor *seeds = rg_arena_take(&tape->scratch, (size_t)o->outputs * sizeof *seeds);
    if (!seeds) return rg_fail(tape, NULL, RG_E_MEMORY, "gradient: out of memory"), false;
    if (!start(o, seeds, &last)) return false;
    uint32_t first = first_of(o->site, o->what, tape, wrt, n);
    if (first > last) first = last;
    if (tape->error.status || !rg_sweep_begin(&sweep, tape, first, last)) return false;
    for (int i = 0; i < n; i++)
        if (wrt[i].node <= last) sweep.active[wrt[i].node - first] = true;
    rg_mark_dependents(&sweep);
    for (int i = 0; i < o->outputs; i++) {
        if (o->y[i].node < first) continue;
        rg_tensor *entry = &sweep.adjoint[o->y[i].node - first];
        *entry = rg_is_null(*entry) ? seeds[i] : rg_add(*entry, seeds[i]);
    }
    if (!rg_solve_adjoints(&sweep)) return false;
    for (int i = 0; i < n; i++) {
        const bool reached = wrt[i].node <= last && sweep.active[wrt[i].node - first] &&
                             !rg_is_null(sweep.adjoint[wrt[i].node - first]);
        out[i] = reached ? sweep.adjoint[wrt[i].node - first]
                         : rg_full(tape, rg_dtype_of(wrt[i]), rg_shape_of(wrt[i]), 0);
    }
    return !tape->error.status;
}

static rg_status gradient_of(const origin *o, const rg_tensor *wrt, int n, rg_tensor *out)
{
    for (int i = 0; out && i < n; i++) out[i] = (rg_tensor){ 0 };
    rg_tape *tape = o->tape;
    if (!tape) return RG_E_NULL;
    if (tape->error.status) return tape->error.status;
    if (n < 0 || (n > 0 && (!wrt || !out))) {
        rg_fail(tape, o->site, RG_E_NULL, "%s: no place for variables or results", o->what);
        return tape->error.status;
    }
    const char *previous = rg_set_site(tape, o->site ? o->site : tape->site);
    const rg_arena before = tape->scratch;
    if (!solve(o, wrt, n, out))
        for (int i = 0; i < n; i++) out[i] = (rg_tensor){ 0 };
    rg_arena_return(&tape->scratch, &before);
    rg_set_site(tape, previous);
    return tape->error.status;
}

rg_status rg_grad_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out)
{
    return gradient_of(&(origin){ site, "grad", y.tape, &y, NULL, 1 }, wrt, n, out);
}

rg_status rg_vjp_at(const char *site, rg_tensor y, rg_tensor seed, const rg_tensor *wrt, int n, rg_tensor *out)
{
    return gradient_of(&(origin){ site, "vjp", y.tape, &y, &seed, 1 }, wrt, n, out);
}

rg_status rg_vjp_many_at(const char *site, const rg_tensor *y, const rg_tensor *seeds, int outputs, const rg_tensor *wrt,
                         int n, rg_tensor *out)
{
    rg_tape *tape = rg_tape_among(outputs, y);
    if (tape && !seeds) rg_fail(tape, site, RG_E_NULL, "vjp: no cotangents");
    return gradient_of(&(origin){ site, "vjp", tape, y, seeds, outputs }, wrt, n, out);
}

/* ---- With respect to every parameter ------------------------------------------------------------------------ */

/* Which nodes depend on a parameter is known since they were recorded. */
bool rg_gradient_of_parameters(rg_tape *tape, rg_tensor y, rg_tensor seed, rg_sink **sinks, size_t *count)
{
    rg_sweep sweep;
    if (!rg_sweep_begin(&sweep, tape, 0, y.node)) return false;
    for (uint32_t j = 0; j <= y.node; j++) sweep.active[j] = tape->nodes[j].flags & RG_NODE_NEEDS_GRADIENT;
    sweep.adjoint[y.node] = seed;
    if (!rg_solve_adjoints(&sweep)) return false;
    *count = 0;
    *sinks = rg_arena_take(&tape->scratch, ((size_t)y.node + 1) * sizeof **sinks);
    if (!*sinks) return rg_fail(tape, NULL, RG_E_MEMORY, "gradient: out of memory"), false;
    for (uint32_t j = 0; j <= y.node; j++)
        if (tape->nodes[j].op == &rg_op_parameter && !rg_is_null(sweep.adjoint[j]))
            (*sinks)[(*count)++] = (rg_sink){ j, sweep.adjoint[j].node };
    return true;
}
