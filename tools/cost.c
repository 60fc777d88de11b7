/* cost.c: the cheap-gradient audit. */
#include "cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The work of what some tensors take --------------------------------------------------------------------- */

static rg_layout contiguous(rg_tensor t)
{
    rg_layout layout = { .dtype = rg_dtype_of(t), .shape = rg_shape_of(t) };
    int64_t stride = 1;

    for (int i = layout.shape.rank - 1; i >= 0; i--) {
        layout.stride[i] = stride;
        stride *= layout.shape.size[i];
    }
    return layout;
}

static int operand_count(rg_tensor t)
{
    int n = 0;

    while (!rg_is_null(rg_operand(t, n)))
        n++;
    return n;
}

/* A sign is flipped, and one of two numbers chosen, without arithmetic. */
static bool is_arithmetic(const rg_op *op)
{
    return op->kind != RG_LEAF && op->kind != RG_VIEW && op->any == NULL && op->arity != 0 &&
           strcmp(op->name, "neg") != 0 && strcmp(op->name, "where") != 0;
}

double tool_work_of(rg_tensor t)
{
    const rg_op *op = rg_op_of(t);
    const int n = operand_count(t);
    rg_layout *layouts = malloc((size_t)(n + 1) * sizeof *layouts);
    double work = 0;

    if (layouts == NULL)
        return NAN;
    for (int k = -1; k < n; k++)
        layouts[k + 1] = contiguous(k < 0 ? t : rg_operand(t, k));
    const rg_call call = { .layout = layouts, .attributes = rg_attributes_of(t), .operands = n };
    if (op->operations != NULL)
        work = op->operations(&call);
    else if (is_arithmetic(op))
        work = (double)rg_shape_count(rg_shape_of(t));
    free(layouts);
    return work;
}

/* Each node is counted once, and equal ones once, as the planner merges them. */
typedef struct {
    rg_tensor *counted;       /* nodes of which no two are equal */
    size_t count;
    uint32_t *equal;          /* by node: 1 + the number of the counted one that is equal to it; 0: not seen yet */
    const rg_op *only;        /* work of this op alone, or NULL */
    double work;
} tally;

/* Operands have been seen before. */
static bool is_equal(const tally *sum, rg_tensor a, rg_tensor b)
{
    const rg_op *op = rg_op_of(a);
    const int n = operand_count(a);

    if (op != rg_op_of(b) || op->kind == RG_LEAF || n != operand_count(b) || rg_dtype_of(a) != rg_dtype_of(b) ||
        !rg_shape_equal(rg_shape_of(a), rg_shape_of(b)) ||
        (op->attribute_size > 0 && memcmp(rg_attributes_of(a), rg_attributes_of(b), op->attribute_size) != 0))
        return false;
    for (int k = 0; k < n; k++)
        if (sum->equal[rg_operand(a, k).node] != sum->equal[rg_operand(b, k).node])
            return false;
    return true;
}

static void add_work(tally *sum, rg_tensor t)
{
    size_t i = 0;

    if (rg_is_null(t) || sum->equal[t.node] != 0)
        return;
    for (int k = 0; !rg_is_null(rg_operand(t, k)); k++)
        add_work(sum, rg_operand(t, k));
    while (i < sum->count && !is_equal(sum, sum->counted[i], t))
        i++;
    sum->equal[t.node] = (uint32_t)i + 1;
    if (i < sum->count)
        return;
    sum->counted[sum->count++] = t;
    if (sum->only == NULL || rg_op_of(t) == sum->only)
        sum->work += tool_work_of(t);
}

tool_cost tool_cost_of(rg_tensor y, int n, const rg_tensor *gradients, const rg_op *only)
{
    tool_cost cost = { 0, 0, 0 };
    const size_t nodes = (size_t)rg_tape_get_stats(y.tape).nodes + 1;
    tally sum = { .only = only };

    sum.counted = malloc(nodes * sizeof *sum.counted);
    sum.equal = calloc(nodes, sizeof *sum.equal);
    if (sum.counted == NULL || sum.equal == NULL) {
        free(sum.counted);
        free(sum.equal);
        return (tool_cost){ NAN, NAN, NAN };
    }
    add_work(&sum, y);
    cost.value = sum.work;
    for (int i = 0; i < n; i++)
        add_work(&sum, gradients[i]);
    cost.both = sum.work;
    const double least = (double)rg_shape_count(rg_shape_of(y));
    if (cost.value < least) {
        cost.both += least - cost.value;
        cost.value = least;
    }
    cost.ratio = cost.value > 0 ? cost.both / cost.value : 0;
    free(sum.counted);
    free(sum.equal);
    return cost;
}

/* ---- An op -------------------------------------------------------------------------------------------------- */

static rg_tensor sample_operand(rg_tape *tape, const rg_sample_operand *in, const rg_tensor *before)
{
    const int64_t count = rg_shape_count(rg_sample_shape(in));
    rg_dtype dtype = in->dtype == RG_NO_DTYPE ? RG_F64 : in->dtype;
    void *zeros = calloc((size_t)count + 1, sizeof(double));
    rg_tensor t;

    if (in->same_as > 0) {
        free(zeros);
        return before[in->same_as - 1];
    }
    t = zeros == NULL ? rg_fail(tape, NULL, RG_E_MEMORY, "out of memory") : rg_input(tape, dtype, rg_sample_shape(in), zeros);
    free(zeros);
    return t;
}

/* Nothing is computed: what it costs is known from the recording. */
static tool_cost cost_of_sample(rg_tape *tape, const rg_op *op, const rg_sample *sample)
{
    rg_tensor in[RG_MAX_OPERANDS], wrt[RG_MAX_OPERANDS], gradients[RG_MAX_OPERANDS], seed;
    tool_cost none = { 0, 0, 0 };
    int n = 0;

    rg_tape_reset(tape);
    for (int k = 0; k < sample->operands; k++) {
        in[k] = sample_operand(tape, &sample->in[k], in);
        bool is_float = rg_dtype_of(in[k]) == RG_F32 || rg_dtype_of(in[k]) == RG_F64;
        if (is_float && (op->no_gradient >> k & 1u) == 0 && sample->in[k].same_as == 0)
            wrt[n++] = in[k];
    }
    rg_tensor y = rg_apply(op, sample->attributes, sample->operands, in);
    int64_t count = rg_shape_count(rg_shape_of(y));
    if (rg_failed(tape) || n == 0 || count <= 0)
        return none;
    double *zeros = calloc((size_t)count, sizeof *zeros);
    seed = zeros == NULL ? y : rg_input(tape, rg_dtype_of(y), rg_shape_of(y), zeros);
    free(zeros);
    if (rg_vjp(y, seed, wrt, n, gradients) != RG_OK)
        return none;
    return tool_cost_of(y, n, gradients, NULL);
}

tool_cost tool_cost_of_op(const rg_op *op, int *sample)
{
    tool_cost most = { 0, 0, 0 };
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });

    for (int i = 0; op->vjp != NULL && op->samples != NULL && op->samples[i].operands > 0; i++) {
        if (op->samples[i].refuse != RG_OK)
            continue;
        tool_cost cost = cost_of_sample(tape, op, &op->samples[i]);
        if (!(cost.ratio <= most.ratio)) {
            most = cost;
            if (sample != NULL)
                *sample = i;
        }
        rg_tape_clear_error(tape);
    }
    rg_tape_free(tape);
    return most;
}

/* ---- A multi-layer perceptron ------------------------------------------------------------------------------- */

enum { MOST_LAYERS = 64 };

bool tool_cost_of_mlp(int layers, int width, tool_cost *all, tool_cost *products)
{
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    rg_tensor parameters[2 * MOST_LAYERS], gradients[2 * MOST_LAYERS];
    double *zeros = calloc((size_t)width * (size_t)width + 1, sizeof *zeros);
    bool good = tape != NULL && zeros != NULL && layers >= 1 && layers <= MOST_LAYERS;

    if (good) {
        rg_tensor x = rg_constant(tape, RG_F64, RG_SHAPE(width, width), zeros);
        for (int i = 0; i < layers; i++) {
            parameters[2 * i] = rg_input(tape, RG_F64, RG_SHAPE(width, width), zeros);
            parameters[2 * i + 1] = rg_input(tape, RG_F64, RG_SHAPE(width), zeros);
            x = rg_add(rg_matmul(x, rg_transpose(parameters[2 * i])), parameters[2 * i + 1]);
            x = i + 1 < layers ? rg_tanh(x) : x;
        }
        rg_tensor loss = rg_mean(rg_square(x));
        good = rg_grad(loss, parameters, 2 * layers, gradients) == RG_OK;
        if (good) {
            *all = tool_cost_of(loss, 2 * layers, gradients, NULL);
            *products = tool_cost_of(loss, 2 * layers, gradients, rg_op_find("matmul"));
        }
    }
    free(zeros);
    rg_tape_free(tape);
    return good;
}
