/* custom.c: derivatives that the user says: hooks on adjoints, and rules for what lies between x and y.
 *
 * Both are views that do nothing to their first operand and whose derivative is the user's function. */
#define RG_NO_SITES
#include "gradient.h"
#include "ops.h"
#include "transform.h"

static rg_status same_as_first(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    return RG_OK;
}

static bool same_elements(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    (void)attributes, (void)offset;
    *out = *in;
    return true;
}

/* What the user gives for an adjoint must be a tensor that can be one. */
static rg_tensor checked(const char *what, rg_tensor given, rg_tensor like, bool same_shape)
{
    rg_status reason;
    const rg_tensor both[] = { like, given };
    if (rg_is_null(given) || like.tape->error.status) return (rg_tensor){ 0 };
    if (given.tape != like.tape || !rg_node_of(given, &reason))
        return rg_fail(like.tape, NULL, RG_E_GRADIENT, "%s: it gives a tensor of another tape, or from before a reset",
                       what);
    if (rg_dtype_of(given) != rg_dtype_of(like))
        return rg_fail_op(like.tape, NULL, RG_E_GRADIENT, what, "its adjoint has another dtype", 2, both);
    if (same_shape && !rg_shape_equal(rg_shape_of(given), rg_shape_of(like)))
        return rg_fail_op(like.tape, NULL, RG_E_GRADIENT, what, "its adjoint has another shape", 2, both);
    return given;
}

/* ---- Hooks --------------------------------------------------------------------------------------------- */

typedef struct {
    rg_adjoint_hook *hook;
    void *context;
} hook_attributes;

static rg_tensor pass_through(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return g;
}

static rg_tensor same_batch(const rg_batch_call *call)
{
    return rg_apply_at(call->site, call->op, call->attributes, 1, call->in);
}

/* What a hook is shown. Where there is one, adjoints are recorded for every rg_backward: see evaluate.c. */
const rg_op rg_observed_adjoint = { .name = "observed", .doc = "an adjoint that a hook is shown", .arity = 1,
                                    .kind = RG_VIEW, .shape = same_as_first, .view = same_elements,
                                    .vjp = pass_through, .batch = same_batch };

static rg_tensor hook_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const hook_attributes attributes = *(const hook_attributes *)rg_attributes_of(y);
    const rg_tensor adjoint = rg_apply(&rg_observed_adjoint, NULL, 1, &g);
    if (rg_is_null(adjoint)) return adjoint;
    const rg_tensor instead = attributes.hook(attributes.context, in[0], adjoint);
    return rg_is_null(instead) ? adjoint : checked("hook", instead, in[0], true);
}

const rg_op rg_hook_view = { .name = "hook", .doc = "x, with a hook on its adjoint", .arity = 1, .kind = RG_VIEW,
                             .attribute_size = sizeof(hook_attributes), .shape = same_as_first, .view = same_elements,
                             .vjp = hook_vjp, .batch = same_batch };

rg_tensor rg_hook_at(const char *site, rg_tensor x, rg_adjoint_hook *hook, void *context)
{
    const hook_attributes attributes = { hook, context };
    if (!hook) return rg_fail(x.tape, site, RG_E_NULL, "hook: no hook");
    return rg_apply_at(site, &rg_hook_view, &attributes, 1, &x);
}

/* ---- Rules: operands are y, then x[0], x[1], ... ------------------------------------------------------- */

typedef struct {
    rg_custom_rule *rule;
    void *context;
} rule_attributes;

enum { MOST_VARIABLES = 62 }; /* a bit for each operand */

static rg_tensor custom_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const rule_attributes attributes = *(const rule_attributes *)rg_attributes_of(y);
    if (k == 0) return (rg_tensor){ 0 };
    return checked("custom_vjp", attributes.rule(attributes.context, k - 1, in + 1, y, g), in[k], false);
}

/* ---- For a batch: operands are Y, X[0], ..., and the node of the member ------------------------------------ */

/* The derivative is recorded for the member, and that over the batch; so a batch may be the member of another. An x that
 * is the same for all members was broadcast: it gets the sum of what they give it. */
static rg_tensor batch_vjp(int k, const rg_tensor *in, rg_tensor Y, rg_tensor G)
{
    const uint64_t batched = *(const uint64_t *)rg_attributes_of(Y);
    const int n = (int)Y.tape->nodes[Y.node].operands - 2;
    const rg_tensor *X = in, y = in[n + 1];
    if (k == 0 || k > n) return (rg_tensor){ 0 };
    rg_tensor x[MOST_VARIABLES + 2], from[MOST_VARIABLES + 2], to[MOST_VARIABLES + 2], all;
    for (uint32_t i = 0; i < y.tape->nodes[y.node].operands; i++) x[i] = rg_operand(y, (int)i);
    const rg_tensor g = rg_full(y.tape, rg_dtype_of(y), rg_shape_of(y), 0);
    const rg_tensor own = rg_unbroadcast(rg_op_of(y)->vjp(k, x, y, g), rg_shape_of(x[k]));
    if (rg_is_null(own)) return own;
    int count = 0;
    from[count] = y, to[count++] = Y;
    from[count] = g, to[count++] = G;
    for (int i = 1; i <= n; i++)
        if (batched >> i & 1u) from[count] = x[i], to[count++] = X[i];
    return rg_vmap(&own, 1, from, to, count, &all) ? (rg_tensor){ 0 } : rg_unbroadcast(all, rg_shape_of(X[k]));
}

static rg_batch_rule custom_batch;

static const rg_op batch_op = { .name = "custom_vjp", .doc = "y of each member, with a derivative of its own",
                                .arity = RG_VARIADIC, .kind = RG_VIEW, .attribute_size = sizeof(uint64_t),
                                .shape = same_as_first, .view = same_elements, .vjp = batch_vjp, .batch = custom_batch,
                                .no_gradient = 1 };

static const rg_op rule_op = { .name = "custom_vjp", .doc = "y, with a derivative of its own", .arity = RG_VARIADIC,
                               .kind = RG_VIEW, .attribute_size = sizeof(rule_attributes), .shape = same_as_first,
                               .view = same_elements, .vjp = custom_vjp, .batch = custom_batch, .no_gradient = 1 };

static rg_tensor custom_batch(const rg_batch_call *call)
{
    const int n = call->operands - (call->op == &batch_op ? 2 : 1);
    uint64_t batched = 0;
    rg_tensor in[MOST_VARIABLES + 2];
    for (int k = 0; k <= n; k++) {
        in[k] = call->in[k];
        if (call->batched[k]) batched |= UINT64_C(1) << k;
    }
    if (!call->batched[0]) {
        const rg_shape from = rg_shape_of(in[0]);
        rg_shape to = { .rank = 1, .size = { call->size } };
        if (from.rank == RG_MAX_RANK)
            return rg_fail_op(in[0].tape, call->site, RG_E_SHAPE, "custom_vjp", "too many dimensions", 1, in);
        for (int i = 0; i < from.rank; i++) to.size[to.rank++] = from.size[i];
        in[0] = rg_expand_at(call->site, in[0], to);
    }
    in[n + 1] = call->y;
    return rg_apply_at(call->site, &batch_op, &batched, n + 2, in);
}

rg_tensor rg_custom_vjp_at(const char *site, rg_tensor y, const rg_tensor *x, int n, rg_custom_rule *rule, void *context)
{
    const rule_attributes attributes = { rule, context };
    rg_tensor in[MOST_VARIABLES + 1] = { y };
    if (!rule || !x || n < 1) return rg_fail(y.tape, site, RG_E_NULL, "custom_vjp: no rule, or no variables");
    if (n > MOST_VARIABLES)
        return rg_fail(y.tape, site, RG_E_ARGUMENT, "custom_vjp: at most %d variables, not %d", MOST_VARIABLES, n);
    for (int i = 0; i < n; i++) in[1 + i] = x[i];
    return rg_apply_at(site, &rule_op, &attributes, 1 + n, in);
}
