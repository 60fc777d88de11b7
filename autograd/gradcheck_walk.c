/* gradcheck_walk.c: a tape evaluated node by node. */
#include "gradcheck_walk.h"

#include "complex_functions.h"
#include "ops.h"

/* The value of a node: doubles, or integers as they are. */
typedef struct {
    const void *real;
    const double *imaginary;  /* NULL: zero everywhere */
} value;

typedef struct {
    rg_walk *walk;
    value *values;            /* by node */
    const rg_node *node;      /* at hand */
    rg_layout layout[1 + RG_MAX_OPERANDS], *layouts; /* of its result and operands, contiguous */
    int64_t count;            /* elements of its result */
} walker;

static void *take(walker *w, int64_t count, size_t item)
{
    size_t bytes;
    return rg_size_mul((size_t)count, item, &bytes) ? rg_arena_take_zeroed(w->walk->arena, bytes) : NULL;
}

static const value *operand(const walker *w, uint32_t k)
{
    return &w->values[rg_edges(w->walk->tape, w->node)[k]];
}

static bool is_float(const walker *w, uint32_t k)
{
    return rg_dtype_is_float(w->layouts[1 + k].dtype);
}

/* Whether elements of the operand go with elements of the result, and it must be repeated to have its shape. */
static bool is_broadcast(const walker *w, uint32_t k)
{
    return w->node->op->kind == RG_ELEMENTWISE && !(w->node->op->uniform >> k & 1u);
}

/* ---- One run of a kernel ------------------------------------------------------------------------------------- */

/* An operand's numbers as the kernel reads them. */
static const void *laid_out(walker *w, uint32_t k, const void *numbers)
{
    rg_layout repeated;
    if (!is_broadcast(w, k) || rg_same_shape(&w->layouts[1 + k].shape, &w->layouts[0].shape)) return numbers;
    rg_layout_broadcast(&w->layouts[1 + k], &w->layouts[0].shape, &repeated);
    void *copy = take(w, w->count, rg_dtype_size(repeated.dtype));
    if (copy && w->count > 0) rg_layout_gather(&repeated, numbers, 0, w->count, copy);
    return copy;
}

/* Complex numbers take twice the scratch memory. */
static bool run_kernel(walker *w, rg_kernel *kernel, const void *const *in, void *out)
{
    const rg_op *op = w->node->op;
    const bool elementwise = op->kind == RG_ELEMENTWISE;
    int64_t fault = INT64_MAX;
    rg_call call = { .out = out, .in = in, .layout = w->layouts, .attributes = w->node->attributes,
                     .operands = (int)w->node->operands, .fault = &fault };
    if (op->prepare) {
        void *prepared = take(w, 1, op->prepared_size);
        if (!prepared) return false;
        op->prepare(&call, prepared);
        call.prepared = prepared;
    }
    if (op->scratch && !(call.scratch = take(w, (int64_t)op->scratch(&call) + 1, kernel == op->complex_f64 ? 2 : 1)))
        return false;
    const int64_t items = elementwise ? w->count : op->items ? op->items(&call) : 1;
    if (items > 0) kernel(&call, 0, items);
    return fault == INT64_MAX;
}

/* The op itself, over one part of each operand's numbers. */
static double *run_real(walker *w, const void *const *parts)
{
    const rg_op *op = w->node->op;
    double *out = take(w, w->count + 1, sizeof *out);
    const void **in = take(w, (int64_t)w->node->operands + 1, sizeof *in);
    if (!out || !in) return NULL;
    if (op->kind == RG_VIEW) {
        rg_layout seen = w->layouts[0];
        int64_t offset = 0;
        if (!op->view(w->node->attributes, &w->layouts[1], &seen, &offset)) return NULL;
        if (w->count > 0) rg_layout_gather(&seen, (const double *)parts[0] + offset, 0, w->count, out);
        return out;
    }
    for (uint32_t k = 0; k < w->node->operands; k++)
        if (!(in[k] = laid_out(w, k, parts[k]))) return NULL;
    return run_kernel(w, op->any ? op->any : op->f64, in, out) ? out : NULL;
}

/* ---- Over complex numbers ------------------------------------------------------------------------------------- */

static const double *zeros_for(walker *w, uint32_t k)
{
    return take(w, rg_elements(&w->layouts[1 + k].shape) + 1, sizeof(double));
}

/* Of an op that is linear in each operand: the sum over every choice of a part of each. */
static bool run_multilinear(walker *w, double *real, double *imaginary)
{
    const uint32_t n = w->node->operands;
    for (uint32_t choice = 0; choice < 1u << n; choice++) {
        const void *parts[RG_MAX_OPERANDS];
        bool nothing = false;
        int power = 0; /* of i */
        for (uint32_t k = 0; k < n; k++) {
            const bool chosen = choice >> k & 1u;
            parts[k] = chosen ? operand(w, k)->imaginary : operand(w, k)->real;
            nothing = nothing || (chosen && !operand(w, k)->imaginary);
            power += chosen;
        }
        if (nothing) continue;
        const double *term = run_real(w, parts);
        if (!term) return false;
        double *to = power % 2 ? imaginary : real;
        const double sign = power % 4 < 2 ? 1 : -1;
        for (int64_t i = 0; i < w->count; i++) to[i] += sign * term[i];
    }
    return true;
}

/* Of an op that is linear in all of them: what it makes of the real parts, and of the imaginary ones. */
static bool run_linear(walker *w, value *result)
{
    const void **parts = take(w, (int64_t)w->node->operands + 1, sizeof *parts);
    if (!parts) return false;
    for (uint32_t k = 0; k < w->node->operands; k++) parts[k] = operand(w, k)->real;
    result->real = run_real(w, parts);
    for (uint32_t k = 0; k < w->node->operands; k++) {
        if (is_float(w, k)) parts[k] = operand(w, k)->imaginary ? operand(w, k)->imaginary : zeros_for(w, k);
        if (!parts[k]) return false;
    }
    result->imaginary = run_real(w, parts);
    return result->real && result->imaginary;
}

/* An operand's numbers as the complex kernel reads them. */
static const void *joined(walker *w, uint32_t k)
{
    const double *real = laid_out(w, k, operand(w, k)->real), *imaginary = NULL;
    if (!is_float(w, k) || !real) return real;
    if (operand(w, k)->imaginary && !(imaginary = laid_out(w, k, operand(w, k)->imaginary))) return NULL;
    const int64_t count = is_broadcast(w, k) ? w->count : rg_elements(&w->layouts[1 + k].shape);
    double *both = take(w, count + 1, sizeof(rg_complex));
    for (int64_t i = 0; both && i < count; i++) {
        both[2 * i] = real[i];
        both[2 * i + 1] = imaginary ? imaginary[i] : 0;
    }
    return both;
}

static bool run_complex(walker *w, double *real, double *imaginary)
{
    const void *in[RG_MAX_OPERANDS];
    double *both = take(w, w->count + 1, sizeof(rg_complex));
    if (!both || w->node->operands > RG_MAX_OPERANDS) return false;
    for (uint32_t k = 0; k < w->node->operands; k++)
        if (!(in[k] = joined(w, k))) return false;
    if (!run_kernel(w, w->node->op->complex_f64, in, both)) return false;
    for (int64_t i = 0; i < w->count; i++) {
        real[i] = both[2 * i];
        imaginary[i] = both[2 * i + 1];
    }
    return true;
}

/* ---- One node ------------------------------------------------------------------------------------------------- */

static bool is_linear(const rg_op *op)
{
    return op->linearity == RG_LINEAR || op->kind == RG_VIEW || (op->any && op->vjp);
}

static rg_walk_end end_of(bool done)
{
    return done ? RG_WALK_DONE : RG_WALK_FAILED;
}

static rg_walk_end evaluate(walker *w, value *result)
{
    const rg_op *op = w->node->op;
    const uint32_t n = w->node->operands;
    bool real_only = true;
    const void **parts = take(w, (int64_t)n + 1, sizeof *parts);
    if (!parts) return RG_WALK_FAILED;
    for (uint32_t k = 0; k < n; k++) {
        parts[k] = operand(w, k)->real;
        real_only = real_only && !operand(w, k)->imaginary;
    }
    if (!op->any && !op->f64 && op->kind != RG_VIEW) return RG_WALK_NO_KERNEL;
    if (real_only) return end_of((result->real = run_real(w, parts)) != NULL);
    if (is_linear(op)) return end_of(run_linear(w, result));
    if (n > RG_MAX_OPERANDS || (!op->complex_f64 && op->linearity != RG_MULTILINEAR)) return RG_WALK_NO_KERNEL;
    double *real = take(w, w->count + 1, sizeof *real), *imaginary = take(w, w->count + 1, sizeof *imaginary);
    if (!real || !imaginary) return RG_WALK_FAILED;
    *result = (value){ real, imaginary };
    return end_of(op->complex_f64 ? run_complex(w, real, imaginary) : run_multilinear(w, real, imaginary));
}

/* A leaf's numbers, or those of any node of integers: as the tape has them. */
static bool read_value(walker *w, uint32_t j, value *result)
{
    const rg_tensor t = rg_handle(w->walk->tape, j);
    const int64_t count = rg_shape_count(rg_shape_of(t));
    result->real = rg_data(t);
    if (!result->real && !rg_failed(w->walk->tape) && count == 0) result->real = take(w, 1, sizeof(double));
    if (!result->real || rg_dtype_of(t) != RG_F32) return result->real;
    const float *narrow = result->real;
    double *wide = take(w, count + 1, sizeof *wide);
    for (int64_t i = 0; wide && i < count; i++) wide[i] = narrow[i];
    result->real = wide;
    return wide != NULL;
}

static rg_layout contiguous(const rg_node *node)
{
    rg_layout layout = { .dtype = (rg_dtype)node->dtype, .shape = *node->shape };
    if (layout.dtype == RG_F32) layout.dtype = RG_F64;
    rg_layout_contiguous(&layout);
    return layout;
}

static rg_walk_end visit(walker *w, uint32_t j)
{
    const rg_tape *tape = w->walk->tape;
    const rg_node *node = &tape->nodes[j];
    for (int i = 0; i < w->walk->inputs; i++)
        if (w->walk->in[i].node == j) {
            w->values[j] = (value){ w->walk->at[i].real, w->walk->at[i].imaginary };
            return RG_WALK_DONE;
        }
    if (node->op->kind == RG_LEAF || !rg_dtype_is_float((rg_dtype)node->dtype))
        return end_of(read_value(w, j, &w->values[j]));
    w->node = node;
    w->count = rg_elements(node->shape);
    const bool few = node->operands <= RG_MAX_OPERANDS;
    w->layouts = few ? w->layout : take(w, 1 + (int64_t)node->operands, sizeof *w->layouts);
    if (!w->layouts) return RG_WALK_FAILED;
    w->layouts[0] = contiguous(node);
    for (uint32_t k = 0; k < node->operands; k++)
        w->layouts[1 + k] = contiguous(&tape->nodes[rg_edges(tape, node)[k]]);
    return evaluate(w, &w->values[j]);
}

rg_walk_end rg_walk_to(rg_walk *walk, int outputs, const rg_tensor *out, rg_parts *results)
{
    const rg_tape *tape = walk->tape;
    walker w = { .walk = walk };
    rg_arena_rewind(walk->arena);
    w.values = take(&w, (int64_t)tape->node_count, sizeof *w.values);
    bool *needed = take(&w, (int64_t)tape->node_count + 1, sizeof *needed);
    if (!w.values || !needed) return RG_WALK_FAILED;
    for (int i = 0; i < outputs; i++) needed[out[i].node] = true;
    for (size_t j = tape->node_count; j-- > 0;)
        for (uint32_t k = 0; needed[j] && k < tape->nodes[j].operands; k++)
            needed[rg_edges(tape, &tape->nodes[j])[k]] = true;
    for (size_t j = 0; j < tape->node_count; j++) {
        if (!needed[j]) continue;
        walk->stop = (uint32_t)j;
        rg_walk_end end = visit(&w, (uint32_t)j);
        if (end != RG_WALK_DONE) return end;
    }
    for (int i = 0; i < outputs; i++)
        results[i] = (rg_parts){ w.values[out[i].node].real, w.values[out[i].node].imaginary };
    return RG_WALK_DONE;
}
