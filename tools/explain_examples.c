/* explain_examples.c: small graphs in which backpropagation can be watched. */
#include "explain_examples.h"

#include <math.h>
#include <stdio.h>

#include "op.h"

static rg_tensor number(rg_tape *tape, const char *name, double value)
{
    return rg_name(rg_scalar(tape, RG_F64, value), name);
}

static rg_tensor vector(rg_tape *tape, const char *name, rg_shape shape, const double *values)
{
    return rg_name(rg_input(tape, RG_F64, shape, values), name);
}

/* f = (a + b) (b + 1): b is needed twice. */
static rg_tensor shared(rg_tape *tape, int depth)
{
    (void)depth;
    rg_tensor a = number(tape, "a", 2), b = number(tape, "b", 1);
    rg_tensor c = rg_name(rg_add(a, b), "c"), d = rg_name(rg_shift(b, 1), "d");
    return rg_name(rg_mul(c, d), "f");
}

/* x1 = x0 + x0, x2 = x1 + x1, ...: 2^depth paths over 2 depth edges. */
static rg_tensor doubling(rg_tape *tape, int depth)
{
    rg_tensor x = number(tape, "x0", 1);
    for (int k = 1; k <= depth; k++) {
        char name[16];
        snprintf(name, sizeof name, "x%d", k);
        x = rg_name(rg_add(x, x), name);
    }
    return x;
}

/* f = (sigma(w . x - b) - y)^2. */
static rg_tensor perceptron(rg_tape *tape, int depth)
{
    (void)depth;
    rg_tensor w = vector(tape, "w", RG_SHAPE(3), (const double[]){ 0.5, -1, 2 });
    rg_tensor x = vector(tape, "x", RG_SHAPE(3), (const double[]){ 1, 2, 0.5 });
    rg_tensor b = number(tape, "b", 0.25), y = number(tape, "y", 1);
    rg_tensor z = rg_name(rg_sub(rg_sum(rg_mul(w, x)), b), "z");
    return rg_name(rg_square(rg_sub(rg_name(rg_sigmoid(z), "h"), y)), "f");
}

static rg_tensor layer(rg_tensor weights, rg_tensor x, rg_tensor bias, const char *name)
{
    return rg_name(rg_sigmoid(rg_sub(rg_einsum("ij,j->i", 2, (const rg_tensor[]){ weights, x }), bias)), name);
}

/* h = sigma(W1 x - b1), y = sigma(W2 h - b2), f = |y - t|^2. */
static rg_tensor multilayer(rg_tape *tape, int depth)
{
    (void)depth;
    rg_tensor x = vector(tape, "x", RG_SHAPE(3), (const double[]){ 1, 0, -1 });
    rg_tensor w1 = vector(tape, "W1", RG_SHAPE(2, 3), (const double[]){ 1, -0.5, 0.25, 0.5, 2, -1 });
    rg_tensor b1 = vector(tape, "b1", RG_SHAPE(2), (const double[]){ 0.1, -0.2 });
    rg_tensor w2 = vector(tape, "W2", RG_SHAPE(2, 2), (const double[]){ 1, -1, 0.5, 1.5 });
    rg_tensor b2 = vector(tape, "b2", RG_SHAPE(2), (const double[]){ 0, 0.5 });
    rg_tensor t = rg_name(rg_constant(tape, RG_F64, RG_SHAPE(2), (const double[]){ 0, 1 }), "t");
    rg_tensor y = layer(w2, layer(w1, x, b1, "h"), b2, "y");
    return rg_name(rg_sum(rg_square(rg_sub(y, t))), "f");
}

/* ---- Units that are fully connected ---------------------------------------------------------------------------- */

/* Fixed weights, by the unit's number and the input's: of any size and sign, so that paths differ. */
static double weight(int64_t unit, int k)
{
    return sin(1 + 3 * (double)unit + 2 * k);
}

static void unit_f64(const rg_call *call, int64_t begin, int64_t end)
{
    double sum = 0;
    (void)begin, (void)end; /* the one item */
    for (int k = 0; k < call->operands; k++) sum += weight(*(const int64_t *)call->attributes, k) * *(const double *)call->in[k];
    *(double *)call->out = tanh(sum);
}

static rg_status unit_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    return RG_OK;
}

/* y = tanh(sum of w_k x_k), so dy/dx_k = (1 - y^2) w_k. */
static rg_tensor unit_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)in;
    return rg_mul(g, rg_scale(rg_one_minus(rg_square(y)), weight(*(const int64_t *)rg_attributes_of(y), k)));
}

static const rg_op unit = { .name = "unit", .doc = "tanh of the sum of its inputs, weighted", .arity = RG_VARIADIC,
                            .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = unit_shape, .f64 = unit_f64,
                            .vjp = unit_vjp };

/* Layers of three units, each of which reads all of the layer before. */
static rg_tensor layers(rg_tape *tape, int depth)
{
    enum { UNITS = 3 };
    rg_tensor before[UNITS], now[UNITS];
    int64_t unit_number = 0;
    char name[24];
    for (int i = 0; i < UNITS; i++) {
        snprintf(name, sizeof name, "x%d", i + 1);
        before[i] = number(tape, name, 0.5 * (i + 1));
    }
    for (int l = 1; l <= depth; l++) {
        for (int i = 0; i < UNITS; i++, unit_number++) {
            snprintf(name, sizeof name, "h%d.%d", l, i + 1);
            now[i] = rg_name(rg_apply(&unit, &unit_number, UNITS, before), name);
        }
        for (int i = 0; i < UNITS; i++) before[i] = now[i];
    }
    return rg_name(rg_apply(&unit, &unit_number, UNITS, before), "y");
}

const tool_explained tool_explain_examples[] = {
    { "shared", "f = (a + b)(b + 1): one node, two consumers", 0, shared },
    { "doubling", "Each number the sum of the last with itself", 4, doubling },
    { "perceptron", "A perceptron's squared loss: f = (σ(w·x − b) − y)²", 0, perceptron },
    { "multilayer", "Two layers: h = σ(W1 x − b1), y = σ(W2 h − b2), f = |y − t|²", 0, multilayer },
    { "layers", "Layers of three units, fully connected", 3, layers },
    { .name = NULL },
};
