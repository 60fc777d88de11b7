/* tape.c: recording. Checks handles, and appends nodes or finds them where the last trace left them. */
#include "tape.h"

#include <string.h>

#include "ops.h"
#include "repeat.h"
#include "shape.h"

/* ---- Handles ----------------------------------------------------------------------------------- */

static inline bool is_live(rg_tensor t)
{
    return t.node < t.tape->node_count && t.tape->nodes[t.node].epoch == t.epoch;
}

rg_node *rg_node_of(rg_tensor t, rg_status *reason)
{
    *reason = RG_E_NULL;
    if (!t.tape) return NULL;
    *reason = RG_E_TAPE;
    if (!is_live(t)) return NULL;
    *reason = RG_OK;
    return &t.tape->nodes[t.node];
}

static __attribute__((noinline)) rg_node *gone(const char *site, const char *what, rg_tensor t)
{
    if (!t.tape || t.tape->error.status) return NULL;
    char which[RG_REASON_SIZE];
    rg_describe_gone(t, which, sizeof which);
    rg_fail(t.tape, site, RG_E_TAPE, "%s: the tensor is from before rg_tape_reset or rg_tape_rewind%s", what, which);
    return NULL;
}

rg_node *rg_node_checked(const char *site, const char *what, rg_tensor t)
{
    if (!t.tape || t.tape->error.status || !is_live(t)) return gone(site, what, t);
    return &t.tape->nodes[t.node];
}

bool rg_is_null(rg_tensor t)
{
    return t.tape == NULL;
}

rg_shape rg_shape_of(rg_tensor t)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    return node ? *node->shape : RG_SCALAR;
}

rg_dtype rg_dtype_of(rg_tensor t)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    return node ? (rg_dtype)node->dtype : RG_NO_DTYPE;
}

const rg_op *rg_op_of(rg_tensor t)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    return node ? node->op : NULL;
}

const void *rg_attributes_of(rg_tensor t)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    return node ? node->attributes : NULL;
}

rg_tensor rg_operand(rg_tensor t, int k)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    if (!node || k < 0 || (uint32_t)k >= node->operands) return (rg_tensor){ 0 };
    return rg_handle(t.tape, rg_edges(t.tape, node)[k]);
}

const char *rg_scope_of(rg_tensor t)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    return node ? t.tape->scopes[node->scope].path : "";
}

rg_tensor rg_name(rg_tensor t, const char *name)
{
    rg_node *node = rg_node_checked(NULL, "name", t);
    if (!node) return t;
    if (!name) return rg_fail(t.tape, NULL, RG_E_NULL, "name: no name");
    size_t bytes = strlen(name) + 1;
    char *copy = rg_arena_take(&t.tape->names, bytes);
    if (!copy) return rg_fail(t.tape, NULL, RG_E_MEMORY, "name: out of memory");
    memcpy(copy, name, bytes);
    node->name = copy;
    rg_note_late(t.tape, t.node);
    return t;
}

rg_tensor rg_keep(rg_tensor t)
{
    rg_node *node = rg_node_checked(NULL, "keep", t);
    if (!node || node->data || node->flags & RG_NODE_KEEP) return t;
    if (t.node < t.tape->segment_first) return t; /* too late to be part of its plan; a read recomputes it */
    uint64_t event = RG_SIGNATURE_KEEP | (t.node - t.tape->segment_first);
    if (rg_signature_add(t.tape, &event, 1)) node->flags |= RG_NODE_KEEP;
    return t;
}

/* ---- Finding a node where the last trace left it ---------------------------------------------------- */

static bool repeats_leaf(const rg_tape *tape, const rg_op *op, rg_dtype dtype, const rg_shape *shape,
                         const void *attributes, uint8_t flags)
{
    if (tape->node_count >= tape->last_nodes) return false;
    const rg_node *node = &tape->nodes[tape->node_count];
    return node->op == op && node->dtype == (uint8_t)dtype && node->first_word == tape->signature_count &&
           (node->flags & ~RG_NODE_KEEP) == flags && !node->attributes == !attributes &&
           rg_same_shape(node->shape, shape);
}

static __attribute__((noinline)) rg_tensor repeat_in_later_segment(rg_tape *tape, const char *site)
{
    const rg_node *node = &tape->nodes[tape->node_count];
    for (uint32_t k = 0; k < node->operands; k++) {
        const uint32_t edge = rg_edges(tape, node)[k];
        if (edge < tape->segment_first && !rg_note_external(tape, edge)) return (rg_tensor){ 0 };
    }
    return rg_repeat_node(tape, site, NULL, node->operands);
}

static inline __attribute__((always_inline)) rg_tensor repeat(rg_tape *tape, const char *site, uint32_t operands)
{
    return tape->segment_first == 0 ? rg_repeat_node(tape, site, NULL, operands) : repeat_in_later_segment(tape, site);
}

/* ---- Appending a node ------------------------------------------------------------------------------ */

static rg_tensor out_of_memory(rg_tape *tape, const char *site, const rg_op *op)
{
    return rg_fail(tape, site, RG_E_MEMORY, "%s: out of memory while recording", op->name);
}

static rg_node *append(rg_tape *tape, const rg_op *op, const char *site, uint8_t flags)
{
    if (tape->node_count >= UINT32_MAX - 1 ||
        !rg_grow((void **)&tape->nodes, &tape->node_capacity, tape->node_count + 1, sizeof *tape->nodes))
        return NULL;
    rg_trace_part(tape);
    rg_node *node = &tape->nodes[tape->node_count];
    *node = (rg_node){ .op = op, .site = site ? site : tape->site, .scope = tape->scope,
                       .first_edge = (uint32_t)tape->edge_count, .flags = flags,
                       .forward = tape->recording_forward, .epoch = tape->epoch };
    return node;
}

static const rg_shape *shape_copy(rg_tape *tape, const rg_shape *shape)
{
    rg_shape *copy = rg_arena_take(&tape->records, sizeof *copy);
    if (copy) *copy = *shape;
    return copy;
}

rg_tensor rg_record_leaf(rg_tape *tape, const char *site, const rg_op *op, rg_dtype dtype, const rg_shape *shape,
                         const void *attributes, size_t attribute_bytes, void *data, uint8_t flags)
{
    if (!tape || tape->error.status) return (rg_tensor){ 0 };
    flags |= rg_state_flags(tape);
    if (flags & RG_NODE_NO_GRADIENT) flags &= (uint8_t)~RG_NODE_NEEDS_GRADIENT;
    if (repeats_leaf(tape, op, dtype, shape, attributes, flags)) {
        if (attribute_bytes) memcpy((void *)(uintptr_t)tape->nodes[tape->node_count].attributes, attributes, attribute_bytes);
        return rg_repeat_node(tape, site, data, 0);
    }
    rg_node *node = append(tape, op, site, flags);
    if (!node || !(node->shape = shape_copy(tape, shape))) return out_of_memory(tape, site, op);
    if (attribute_bytes) {
        void *copy = rg_arena_take(&tape->records, attribute_bytes);
        if (!copy) return out_of_memory(tape, site, op);
        memcpy(copy, attributes, attribute_bytes);
        node->attributes = copy;
    }
    node->data = data;
    node->dtype = (uint8_t)dtype;
    if (!rg_signature_add_node(tape, node)) return (rg_tensor){ 0 };
    return rg_handle(tape, tape->node_count++);
}

/* The engine reads the operands of an elementwise op like its result. The library's own rules see to that. */
static rg_status check_elements(rg_shape_call *call, const rg_op *op)
{
    const rg_shape *result = call->like ? call->in[call->like - 1] : &call->shape;
    bool trusted = op->kind != RG_ELEMENTWISE || op->shape == rg_shape_same || op->shape == rg_shape_broadcast;
    for (int k = 0; !trusted && k < call->operands; k++) {
        rg_shape both;
        if (op->uniform >> k & 1u) continue;
        if (call->in_dtype[k] != call->dtype)
            return rg_refuse(call, RG_E_DTYPE, "an operand's dtype is not the result's");
        if (!rg_broadcast(call->in[k], result, &both) || !rg_shape_equal(both, *result))
            return rg_refuse(call, RG_E_SHAPE, "an operand does not broadcast to the result");
    }
    return RG_OK;
}

/* Fills in what follows from the operands; false when the op's rule refuses them. */
static bool apply_shape_rule(rg_tape *tape, const char *site, rg_node *node, int n, const rg_tensor *in)
{
    const rg_shape *shapes_inline[RG_MAX_OPERANDS], **shapes = shapes_inline;
    rg_dtype dtypes_inline[RG_MAX_OPERANDS], *dtypes = dtypes_inline;
    char reason[RG_REASON_SIZE];
    reason[0] = '\0';
    if (n > RG_MAX_OPERANDS) {
        shapes = rg_arena_take(&tape->records, (size_t)n * sizeof *shapes);
        dtypes = rg_arena_take(&tape->records, (size_t)n * sizeof *dtypes);
        if (!shapes || !dtypes) return out_of_memory(tape, site, node->op), false;
    }
    for (int k = 0; k < n; k++) {
        const rg_node *operand = &tape->nodes[in[k].node];
        shapes[k] = operand->shape;
        dtypes[k] = (rg_dtype)operand->dtype;
    }
    rg_shape_call call; /* field by field: clearing all the sizes would take longer than the rule */
    call.operands = n;
    call.in = shapes;
    call.in_dtype = dtypes;
    call.attributes = node->attributes;
    call.dtype = RG_NO_DTYPE;
    call.shape.rank = call.like = 0;
    call.reason = reason;
    rg_status status = node->op->shape(&call);
    if (status == RG_OK && !call.like && rg_shape_count(call.shape) < 0) {
        status = RG_E_SHAPE;
        memcpy(reason, "the result is too large", sizeof "the result is too large");
    }
    if (status == RG_OK) status = check_elements(&call, node->op);
    bool known = node->op->kind == RG_VIEW || node->op->any || (call.dtype == RG_F32 && node->op->f32) ||
                 (call.dtype == RG_F64 && node->op->f64);
    if (status == RG_OK && !known) {
        status = RG_E_DTYPE;
        memcpy(reason, "no kernel for this dtype", sizeof "no kernel for this dtype");
    }
    if (status) return rg_fail_op(tape, site, status, node->op->name, reason, n, in), false;
    node->dtype = (uint8_t)call.dtype;
    node->shape = call.like ? shapes[call.like - 1] : shape_copy(tape, &call.shape);
    return node->shape ? true : (out_of_memory(tape, site, node->op), false);
}

rg_tensor rg_record(rg_tape *tape, const char *site, const rg_op *op, const void *attributes, int n,
                    const rg_tensor *in)
{
    if (n == 0 && rg_repeats_op(tape, op, attributes, 0, in)) return rg_repeat_node(tape, site, NULL, 0);
    rg_node *node = append(tape, op, site, rg_state_flags(tape));
    if (!node || !rg_grow((void **)&tape->edges, &tape->edge_capacity, tape->edge_count + (size_t)n,
                          sizeof *tape->edges))
        return out_of_memory(tape, site, op);
    if (op->attribute_size) {
        void *copy = rg_arena_take(&tape->records, op->attribute_size);
        if (!copy) return out_of_memory(tape, site, op);
        memcpy(copy, attributes, op->attribute_size);
        node->attributes = copy;
    }
    if (!apply_shape_rule(tape, site, node, n, in)) return (rg_tensor){ 0 };
    node->operands = (uint32_t)n;
    for (int k = 0; k < n; k++) {
        tape->edges[tape->edge_count + (size_t)k] = in[k].node;
        bool carries = tape->nodes[in[k].node].flags & RG_NODE_NEEDS_GRADIENT;
        bool declared_zero = k < 32 && op->no_gradient >> k & 1u;
        if (carries && !declared_zero && !(node->flags & RG_NODE_NO_GRADIENT)) node->flags |= RG_NODE_NEEDS_GRADIENT;
    }
    if (!rg_signature_add_node(tape, node)) return (rg_tensor){ 0 };
    tape->edge_count += (size_t)n;
    return rg_handle(tape, tape->node_count++);
}

/* The tape fails, for the first operand that there is something wrong with. */
static __attribute__((noinline)) rg_tape *refuse_operands(const char *site, const char *what, int n, const rg_tensor *in)
{
    rg_tape *tape = NULL;
    for (int k = 0; k < n && !tape; k++) tape = in[k].tape;
    if (!tape || tape->error.status) return NULL;
    for (int k = 0; k < n; k++) {
        rg_status reason;
        if (in[k].tape && in[k].tape != tape)
            rg_fail(tape, site, RG_E_TAPE, "%s: operand %d is on another tape", what, k + 1);
        else if (!rg_node_of(in[k], &reason)) {
            char which[RG_REASON_SIZE];
            rg_describe_gone(in[k], which, sizeof which);
            rg_fail(tape, site, reason, "%s: operand %d is %s%s", what, k + 1,
                    reason == RG_E_NULL ? "the null tensor" : "a tensor from before rg_tape_reset or rg_tape_rewind", which);
        }
        if (tape->error.status) return NULL;
    }
    return NULL;
}

rg_tape *rg_operands_checked(const char *site, const char *what, int n, const rg_tensor *in)
{
    rg_tape *tape = n > 0 ? in[0].tape : NULL;
    bool live = tape && tape->error.status == RG_OK;
    for (int k = 0; live && k < n; k++) live = in[k].tape == tape && is_live(in[k]);
    return live ? tape : refuse_operands(site, what, n, in);
}

/* What keeps a struct from being an op at all, whatever the operands; NULL if nothing does. */
static const char *mistake_of(const rg_op *op)
{
    if (op->kind == RG_LEAF) return "a leaf cannot be applied";
    const bool one = op->arity == 1 || op->arity == RG_VARIADIC; /* a view is of its first operand */
    if (op->kind == RG_VIEW && (!one || !op->view)) return "a view needs one operand and a rule for its strides";
    bool few = op->arity >= 0 && op->arity <= RG_MAX_OPERANDS;
    if (op->kind == RG_ELEMENTWISE && !few) return "too many operands for an elementwise op";
    return op->shape ? NULL : "the op has no shape rule";
}

/* What has to be asked only once. */
static __attribute__((noinline)) rg_tensor apply_anew(const char *site, const rg_op *op, const void *attributes, int n, const rg_tensor *in)
{
    if (!op || !op->name || (n > 0 && !in)) {
        rg_tape *tape = n > 0 && in ? in[0].tape : NULL;
        return rg_fail(tape, site, RG_E_NULL, "apply: no op or no operands");
    }
    rg_tape *tape = rg_operands_checked(site, op->name, n, in);
    if (!tape) return (rg_tensor){ 0 };
    const char *mistake = mistake_of(op);
    if (mistake) return rg_fail_op(tape, site, RG_E_ARGUMENT, op->name, mistake, n, in);
    if (op->arity != n && !(op->arity == RG_VARIADIC && n >= 1))
        return rg_fail(tape, site, RG_E_ARGUMENT, "%s: takes %d operands, not %d", op->name, op->arity, n);
    if (op->attribute_size && !attributes)
        return rg_fail(tape, site, RG_E_NULL, "%s: takes attributes, and there are none", op->name);
    const char *missing = op->missing ? op->missing() : NULL;
    if (missing) return rg_fail_op(tape, site, RG_E_UNSUPPORTED, op->name, missing, n, in);
    return rg_record(tape, site, op, attributes, n, in);
}

rg_tensor rg_apply_at(const char *site, const rg_op *op, const void *attributes, int n, const rg_tensor *in)
{
    rg_tape *tape = op && in && n > 0 ? in[0].tape : NULL;
    if (tape && !tape->error.status && rg_repeats_op(tape, op, attributes, n, in)) return repeat(tape, site, (uint32_t)n);
    return apply_anew(site, op, attributes, n, in);
}

/* ---- One operand, or two: most of a known trace's recording is done here, without loops, and without calls but at the
 * end, so that nothing has to be saved from them ---- */

static __attribute__((noinline)) rg_tensor apply_one_anew(const char *site, rg_tensor x, const rg_op *op, const void *attributes)
{
    return apply_anew(site, op, attributes, 1, &x);
}

rg_tensor rg_apply_one(const char *site, rg_tensor x, const rg_op *op, const void *attributes)
{
    rg_tape *tape = x.tape;
    const rg_node *node = tape && !tape->error.status ? rg_expected_node(tape, op, 1) : NULL;
    if (node && rg_repeats_operand(tape, x, rg_edges(tape, node)[0]) && (!attributes || rg_repeats_attributes(op, attributes, node)))
        return repeat(tape, site, 1);
    return apply_one_anew(site, x, op, attributes);
}

static __attribute__((noinline)) rg_tensor apply_two_anew(const char *site, rg_tensor a, rg_tensor b, const rg_op *op)
{
    return apply_anew(site, op, NULL, 2, (const rg_tensor[]){ a, b });
}

rg_tensor rg_apply_two(const char *site, rg_tensor a, rg_tensor b, const rg_op *op)
{
    rg_tape *tape = a.tape;
    const rg_node *node = tape && !tape->error.status ? rg_expected_node(tape, op, 2) : NULL;
    if (node && rg_repeats_operand(tape, a, rg_edges(tape, node)[0]) && rg_repeats_operand(tape, b, rg_edges(tape, node)[1]))
        return repeat(tape, site, 2);
    return apply_two_anew(site, a, b, op);
}
