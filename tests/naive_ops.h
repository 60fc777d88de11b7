/* naive_ops.h: the ops once more, element by element in double precision, by index arithmetic and libm. Slow and plain:
 * what the engine computes is held against it. Included by one file of a program. */
#ifndef RETROGRAD_NAIVE_OPS_H
#define RETROGRAD_NAIVE_OPS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"

/* A tensor's elements as doubles. */
typedef struct {
    rg_shape shape;
    double *x;
} naive;

static naive naive_new(rg_shape shape)
{
    return (naive){ shape, calloc((size_t)rg_shape_count(shape) + 1, sizeof(double)) };
}

static naive naive_read(rg_tensor t)
{
    naive value = naive_new(rg_shape_of(t));
    const void *data = rg_data(t);
    for (int64_t i = 0; data && value.x && i < rg_shape_count(value.shape); i++) {
        switch (rg_dtype_of(t)) {
        case RG_F32: value.x[i] = ((const float *)data)[i]; break;
        case RG_F64: value.x[i] = ((const double *)data)[i]; break;
        case RG_I32: value.x[i] = ((const int32_t *)data)[i]; break;
        case RG_I64: value.x[i] = (double)((const int64_t *)data)[i]; break;
        case RG_NO_DTYPE: break;
        }
    }
    return value;
}

/* Row-major position i as a position in each dimension, and back; where a size is 1, the position is 0, and where
 * there are fewer dimensions, the last ones count. */
static void naive_position(rg_shape shape, int64_t i, int64_t *position)
{
    for (int d = shape.rank - 1; d >= 0; d--) {
        position[d] = i % shape.size[d];
        i /= shape.size[d];
    }
}

static int64_t naive_index(rg_shape shape, const int64_t *position, int rank)
{
    int64_t i = 0;
    for (int d = 0; d < shape.rank; d++)
        i = i * shape.size[d] + (shape.size[d] == 1 ? 0 : position[rank - shape.rank + d]);
    return i;
}

/* ---- Elementwise ------------------------------------------------------------------------------------------------------ */

typedef double naive_scalar(double a, double b, double c, double p);
#define NAIVE(name, formula)                                                                                       \
    static double naive_##name(double a, double b, double c, double p)                                             \
    {                                                                                                              \
        (void)a, (void)b, (void)c, (void)p;                                                                        \
        return formula;                                                                                            \
    }
NAIVE(add, a + b)
NAIVE(sub, a - b)
NAIVE(mul, a * b)
NAIVE(div, a / b)
NAIVE(neg, -a)
NAIVE(exp, exp(a))
NAIVE(log, log(a))
NAIVE(sqrt, sqrt(a))
NAIVE(square, a * a)
NAIVE(sin, sin(a))
NAIVE(cos, cos(a))
NAIVE(erf, erf(a))
NAIVE(tanh, tanh(a))
NAIVE(sigmoid, 1 / (1 + exp(-a)))
NAIVE(softplus, a > 0 ? a + log1p(exp(-a)) : log1p(exp(a)))
NAIVE(relu, a > 0 ? a : 0)
NAIVE(one_minus, 1 - a)
NAIVE(scale, p * a)
NAIVE(shift, a + p)
NAIVE(power, pow(a, p))
NAIVE(maximum, a > b ? a : b)
NAIVE(minimum, a < b ? a : b)
NAIVE(greater, a > b)
NAIVE(equal, a == b)
NAIVE(where, a != 0 ? b : c)
NAIVE(gate, b > 0 ? a : 0)
NAIVE(share, b > c ? a : b == c ? a / 2 : 0)
NAIVE(tanh_adjoint, a * (1 - b * b))
NAIVE(sigmoid_adjoint, a * b * (1 - b))
NAIVE(logistic_loss, (a > 0 ? a : 0) - a * b + log1p(exp(-fabs(a))))
NAIVE(full, p)

static const struct {
    const char *name;
    naive_scalar *f;
} naive_scalars[] = {
    { "add", naive_add },         { "sub", naive_sub },         { "mul", naive_mul },
    { "div", naive_div },         { "neg", naive_neg },         { "exp", naive_exp },
    { "log", naive_log },         { "sqrt", naive_sqrt },       { "square", naive_square },
    { "sin", naive_sin },         { "cos", naive_cos },         { "erf", naive_erf },
    { "tanh", naive_tanh },       { "sigmoid", naive_sigmoid }, { "softplus", naive_softplus },
    { "relu", naive_relu },       { "one_minus", naive_one_minus }, { "scale", naive_scale },
    { "shift", naive_shift },     { "power", naive_power },     { "maximum", naive_maximum },
    { "minimum", naive_minimum }, { "greater", naive_greater }, { "equal", naive_equal },
    { "where", naive_where },     { "gate", naive_gate },       { "share", naive_share },
    { "tanh_adjoint", naive_tanh_adjoint }, { "sigmoid_adjoint", naive_sigmoid_adjoint },
    { "logistic_loss", naive_logistic_loss }, { "full", naive_full },
};

static bool naive_elementwise(naive_scalar *f, rg_tensor t, const naive *in, naive *y)
{
    double p = 0;
    if (rg_attributes_of(t)) memcpy(&p, rg_attributes_of(t), sizeof p);
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) {
        int64_t position[RG_MAX_RANK];
        double x[3] = { 0 };
        naive_position(y->shape, i, position);
        for (int k = 0; k < 3; k++)
            if (in[k].x) x[k] = in[k].x[naive_index(in[k].shape, position, y->shape.rank)];
        y->x[i] = f(x[0], x[1], x[2], p);
    }
    return true;
}

/* ---- Ops with attributes of their own: whole numbers, in the order that the comment gives ---------------------------------- */

typedef bool naive_op(const int64_t *attributes, const naive *in, int n, naive *y);

/* first, last, keepdims. `largest` chooses between the two. */
static void naive_reduce(const int64_t *attributes, const naive *in, naive *y, bool largest)
{
    const rg_shape *shape = &in->shape;
    int64_t outer = 1, reduced = 1, inner = 1;
    for (int d = 0; d < shape->rank; d++)
        *(d < attributes[0] ? &outer : d < attributes[1] ? &reduced : &inner) *= shape->size[d];
    for (int64_t i = 0; i < outer * inner; i++) {
        const double *x = in->x + i / inner * reduced * inner + i % inner;
        y->x[i] = largest ? -INFINITY : 0;
        for (int64_t j = 0; j < reduced; j++) {
            if (largest && x[j * inner] > y->x[i]) y->x[i] = x[j * inner];
            if (!largest) y->x[i] += x[j * inner];
        }
    }
}

static bool naive_sum(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    naive_reduce(attributes, in, y, false);
    return true;
}

static bool naive_max(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    naive_reduce(attributes, in, y, true);
    return true;
}

/* The largest of the negatives, negated; of what is not a number here, nothing is asked. */
static bool naive_min(const int64_t *attributes, const naive *in, int n, naive *y)
{
    naive turned = naive_new(in->shape);
    for (int64_t i = 0; i < rg_shape_count(in->shape); i++) turned.x[i] = -in->x[i];
    naive_max(attributes, &turned, n, y);
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) y->x[i] = -y->x[i];
    free(turned.x);
    return true;
}

/* Along the last axis: each row and the logarithm of its sum of exponentials. */
static double naive_row(const double *x, int64_t n)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - largest);
    return log(sum) + largest;
}

#define NAIVE_ROWS(name, body)                                                                                     \
    static bool naive_##name(const int64_t *attributes, const naive *in, int operands, naive *y)                   \
    {                                                                                                              \
        const int64_t n = in->shape.size[in->shape.rank - 1], rows = n ? rg_shape_count(in->shape) / n : 0;        \
        (void)attributes, (void)operands;                                                                          \
        for (int64_t row = 0; row < rows; row++) {                                                                 \
            const double *x = in->x + row * n, l = naive_row(x, n);                                                \
            body;                                                                                                  \
        }                                                                                                          \
        return true;                                                                                               \
    }
NAIVE_ROWS(softmax, for (int64_t i = 0; i < n; i++) y->x[row * n + i] = exp(x[i] - l))
NAIVE_ROWS(log_softmax, for (int64_t i = 0; i < n; i++) y->x[row * n + i] = x[i] - l)
NAIVE_ROWS(logsumexp, y->x[row] = l)
NAIVE_ROWS(cross_entropy_rows, y->x[row] = l - x[(int64_t)in[1].x[row]])

static bool naive_matmul(const int64_t *attributes, const naive *in, int n, naive *y)
{
    const naive *a = &in[0], *b = &in[1];
    const int rank = y->shape.rank;
    const int64_t inner = a->shape.size[a->shape.rank - 1];
    (void)attributes, (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) {
        int64_t at[RG_MAX_RANK], row, column;
        naive_position(y->shape, i, at);
        row = at[rank - 2], column = at[rank - 1];
        for (int64_t k = 0; k < inner; k++) {
            at[rank - 2] = row, at[rank - 1] = k;
            double left = a->x[naive_index(a->shape, at, rank)];
            at[rank - 2] = k, at[rank - 1] = column;
            y->x[i] += left * b->x[naive_index(b->shape, at, rank)];
        }
    }
    return true;
}

/* rank, then for each axis of the result the axis of x. */
static bool naive_permute(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) {
        int64_t to[RG_MAX_RANK], from[RG_MAX_RANK];
        naive_position(y->shape, i, to);
        for (int d = 0; d < y->shape.rank; d++) from[attributes[1 + d]] = to[d];
        y->x[i] = in->x[naive_index(in->shape, from, in->shape.rank)];
    }
    return true;
}

static bool naive_copy(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)attributes, (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) y->x[i] = in->x[i];
    return true;
}

static bool naive_expand(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)attributes, (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) {
        int64_t position[RG_MAX_RANK];
        naive_position(y->shape, i, position);
        y->x[i] = in->x[naive_index(in->shape, position, y->shape.rank)];
    }
    return true;
}

/* Copies the elements that x and y share when x begins at `offset` along that axis of y. */
static void naive_block(const naive *x, naive *y, int64_t axis, int64_t offset)
{
    const naive *small = rg_shape_count(x->shape) < rg_shape_count(y->shape) ? x : y;
    for (int64_t i = 0; i < rg_shape_count(small->shape); i++) {
        int64_t at[RG_MAX_RANK], to[RG_MAX_RANK];
        naive_position(small->shape, i, at);
        memcpy(to, at, sizeof to);
        if (small == x) to[axis] += offset;
        else at[axis] -= offset;
        int64_t from = 0, into = 0;
        for (int d = 0; d < x->shape.rank; d++) {
            from = from * x->shape.size[d] + at[d];
            into = into * y->shape.size[d] + to[d];
        }
        y->x[into] = x->x[from];
    }
}

/* axis, start, count, step */
static bool naive_slice(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) {
        int64_t at[RG_MAX_RANK];
        naive_position(y->shape, i, at);
        at[attributes[0]] = attributes[1] + attributes[3] * at[attributes[0]];
        y->x[i] = in->x[naive_index(in->shape, at, in->shape.rank)];
    }
    return true;
}

/* axis, size, step: the position in x of each element of the windows. */
static int64_t naive_window(const int64_t *attributes, rg_shape windows, rg_shape shape, int64_t i)
{
    int64_t at[RG_MAX_RANK];
    naive_position(windows, i, at);
    at[attributes[0]] = at[attributes[0]] * attributes[2] + at[shape.rank];
    return naive_index(shape, at, shape.rank);
}

static bool naive_unfold(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++)
        y->x[i] = in->x[naive_window(attributes, y->shape, in->shape, i)];
    return true;
}

static bool naive_overlap_add(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(in->shape); i++)
        y->x[naive_window(attributes, in->shape, y->shape, i)] += in->x[i];
    return true;
}

/* reverse */
static bool naive_cumsum(const int64_t *attributes, const naive *in, int n, naive *y)
{
    const int64_t size = in->shape.size[in->shape.rank - 1];
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++)
        for (int64_t j = i / size * size; j < (i / size + 1) * size; j++)
            if (attributes[0] ? j >= i : j <= i) y->x[i] += in->x[j];
    return true;
}

/* axis: where an index of that position points. */
static int64_t naive_pointed(const int64_t *attributes, const naive *index, rg_shape shape, int64_t i)
{
    int64_t at[RG_MAX_RANK];
    naive_position(index->shape, i, at);
    at[attributes[0]] = (int64_t)index->x[i];
    return naive_index(shape, at, shape.rank);
}

static bool naive_gather(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) y->x[i] = in[0].x[naive_pointed(attributes, &in[1], in[0].shape, i)];
    return true;
}

static bool naive_scatter_add(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(in[0].shape); i++)
        y->x[naive_pointed(attributes, &in[1], y->shape, i)] += in[0].x[i];
    return true;
}

/* axis, before, after */
static bool naive_pad(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    naive_block(in, y, attributes[0], attributes[1]);
    return true;
}

/* axis */
static bool naive_concat(const int64_t *attributes, const naive *in, int n, naive *y)
{
    int64_t offset = 0;
    for (int k = 0; k < n; k++) {
        naive_block(&in[k], y, attributes[0], offset);
        offset += in[k].shape.size[attributes[0]];
    }
    return true;
}

static int64_t naive_row_size(const naive *table)
{
    int64_t size = 1;
    for (int d = 1; d < table->shape.rank; d++) size *= table->shape.size[d];
    return size;
}

static bool naive_gather_rows(const int64_t *attributes, const naive *in, int n, naive *y)
{
    const int64_t size = naive_row_size(in);
    (void)attributes, (void)n;
    for (int64_t i = 0; i < rg_shape_count(y->shape); i++) y->x[i] = in[0].x[(int64_t)in[1].x[i / size] * size + i % size];
    return true;
}

static bool naive_scatter_rows(const int64_t *attributes, const naive *in, int n, naive *y)
{
    const int64_t size = naive_row_size(y);
    (void)attributes, (void)n;
    for (int64_t i = 0; i < rg_shape_count(in[0].shape); i++) y->x[(int64_t)in[1].x[i / size] * size + i % size] += in[0].x[i];
    return true;
}

/* classes, dtype */
static bool naive_one_hot(const int64_t *attributes, const naive *in, int n, naive *y)
{
    (void)n;
    for (int64_t i = 0; i < rg_shape_count(in->shape); i++) y->x[i * attributes[0] + (int64_t)in->x[i]] = 1;
    return true;
}

static const struct {
    const char *name;
    naive_op *compute;
} naive_ops[] = {
    { "sum", naive_sum },         { "max", naive_max },         { "softmax", naive_softmax },
    { "matmul", naive_matmul },   { "permute", naive_permute }, { "log_softmax", naive_log_softmax },
    { "reshape", naive_copy },    { "expand", naive_expand },   { "logsumexp", naive_logsumexp },
    { "slice", naive_slice },     { "pad", naive_pad },         { "cross_entropy_rows", naive_cross_entropy_rows },
    { "concat", naive_concat },   { "stop_gradient", naive_copy }, { "gather_rows", naive_gather_rows },
    { "one_hot", naive_one_hot }, { "contiguous", naive_copy }, { "scatter_rows", naive_scatter_rows },
    { "min", naive_min },         { "cumsum", naive_cumsum },   { "gather", naive_gather },
    { "unfold", naive_unfold },   { "scatter_add", naive_scatter_add }, { "overlap_add", naive_overlap_add },
};

/* t computed from these values of its operands; false for a leaf, and for dropout, which is random. */
static bool naive_compute(rg_tensor t, const naive *in, int n, naive *y)
{
    const rg_op *op = rg_op_of(t);
    *y = naive_new(rg_shape_of(t));
    for (size_t i = 0; i < sizeof naive_scalars / sizeof naive_scalars[0]; i++)
        if (strcmp(op->name, naive_scalars[i].name) == 0) return naive_elementwise(naive_scalars[i].f, t, in, y);
    for (size_t i = 0; i < sizeof naive_ops / sizeof naive_ops[0]; i++)
        if (strcmp(op->name, naive_ops[i].name) == 0) return naive_ops[i].compute(rg_attributes_of(t), in, n, y);
    return false;
}

#endif
