/* random_program.h: programs over tensors, drawn from a seed. Every choice depends on the seed and on shapes alone, so
 * the same seed records the same program on every tape; the numbers that go in depend on the step as well. Included by
 * one file of a program. */
#ifndef RETROGRAD_RANDOM_PROGRAM_H
#define RETROGRAD_RANDOM_PROGRAM_H

#include <stdlib.h>
#include <string.h>

#include "autograd.h"

enum { PROGRAM_NODES = 96, PROGRAM_PARAMETERS = 4, PROGRAM_ELEMENTS = 20000, PROGRAM_GRADIENTS = 3,
       PROGRAM_BORROWED = 16 };

typedef struct {
    rg_tape *tape;
    rg_params *theta;
    rg_dtype dtype;
    uint64_t choices, numbers;     /* states of two random streams: structure, and values */
    rg_tensor node[PROGRAM_NODES]; /* float tensors recorded so far */
    int count, gradients;
    void *borrowed[PROGRAM_BORROWED];
    int borrowed_count;
    char *output;                  /* all that was read, one value behind another, as bytes */
    size_t bytes, capacity;
} program;

/* SplitMix64 [Steele, Lea and Flood 2014]. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int below(program *p, int n)
{
    return (int)(next_bits(&p->choices) % (uint64_t)n);
}

static bool chance(program *p, int percent)
{
    return below(p, 100) < percent;
}

/* Uniform in [-2, 2), but often a small whole number, so that ties occur. */
static double number(program *p)
{
    uint64_t bits = next_bits(&p->numbers);
    if (bits % 8 == 0) return (double)(bits >> 8 & 3) - 1;
    return (double)(bits >> 11) * 0x1p-51 - 2;
}

/* ---- Shapes ------------------------------------------------------------------------------------------------------ */

static rg_shape random_shape(program *p)
{
    static const int sizes[] = { 1, 2, 3, 4, 5, 7, 2, 3 };
    static const rg_shape large[] = { { 1, { 600 } },       { 2, { 3, 700 } },    { 2, { 40, 50 } }, { 2, { 33, 300 } },
                                      { 3, { 70, 9, 20 } }, { 2, { 2, 9000 } },   { 1, { 19000 } },  { 2, { 1500, 2 } } };
    if (chance(p, 5)) return large[below(p, (int)(sizeof large / sizeof large[0]))];
    rg_shape shape = { .rank = below(p, 5) };
    for (int i = 0; i < shape.rank; i++) shape.size[i] = chance(p, 2) ? 0 : sizes[below(p, 8)];
    return shape;
}

/* A shape that broadcasts with the given one: leading dimensions dropped, some sizes 1. */
static rg_shape partner_shape(program *p, rg_shape shape)
{
    int dropped = shape.rank > 0 && chance(p, 40) ? below(p, shape.rank + 1) : 0;
    rg_shape partner = { .rank = shape.rank - dropped };
    for (int i = 0; i < partner.rank; i++) partner.size[i] = chance(p, 25) ? 1 : shape.size[i + dropped];
    return partner;
}

static bool broadcasts(rg_shape a, rg_shape b)
{
    int64_t count = 1;
    for (int i = 1; i <= a.rank || i <= b.rank; i++) {
        int64_t x = i <= a.rank ? a.size[a.rank - i] : 1, y = i <= b.rank ? b.size[b.rank - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        count *= x == 1 ? y : x;
    }
    return count <= PROGRAM_ELEMENTS;
}

/* ---- Leaves and operands ------------------------------------------------------------------------------------------- */

static void *random_numbers(program *p, int64_t count)
{
    void *data = malloc((size_t)(count > 0 ? count : 1) * sizeof(double));
    for (int64_t i = 0; data && i < count; i++) {
        if (p->dtype == RG_F32) ((float *)data)[i] = (float)number(p);
        else ((double *)data)[i] = number(p);
    }
    return data;
}

static rg_tensor leaf(program *p, rg_shape shape)
{
    if (shape.rank == 0 && chance(p, 30)) return rg_scalar(p->tape, p->dtype, number(p));
    if (chance(p, 7)) return rg_full(p->tape, p->dtype, shape, (double)below(p, 5) - 2);
    void *data = random_numbers(p, rg_shape_count(shape));
    int kind = below(p, 10);
    if (kind == 0 && p->borrowed_count < PROGRAM_BORROWED) {
        p->borrowed[p->borrowed_count++] = data;
        return rg_input_borrowed(p->tape, p->dtype, shape, data);
    }
    rg_tensor t = kind == 1 ? rg_constant(p->tape, p->dtype, shape, data) : rg_input(p->tape, p->dtype, shape, data);
    free(data);
    return t;
}

static rg_tensor any(program *p)
{
    if (chance(p, 8)) return rg_parameter(p->tape, rg_params_at(p->theta, (size_t)below(p, PROGRAM_PARAMETERS)));
    if (p->count == 0 || chance(p, 8)) return leaf(p, random_shape(p));
    int recent = p->count < 6 ? p->count : 6;
    return chance(p, 60) ? p->node[p->count - 1 - below(p, recent)] : p->node[below(p, p->count)];
}

static rg_tensor any_of_rank(program *p, int rank)
{
    for (int attempt = 0; attempt < 6; attempt++) {
        rg_tensor t = any(p);
        if (rg_shape_of(t).rank >= rank) return t;
    }
    rg_shape shape = random_shape(p);
    while (shape.rank < rank) shape.size[shape.rank++] = 2 + below(p, 3);
    return leaf(p, shape);
}

static rg_tensor partner(program *p, rg_tensor a)
{
    for (int attempt = 0; attempt < 4; attempt++) {
        rg_tensor b = any(p);
        if (broadcasts(rg_shape_of(a), rg_shape_of(b))) return b;
    }
    return leaf(p, partner_shape(p, rg_shape_of(a)));
}

static rg_tensor indices(program *p, rg_shape shape, int64_t end)
{
    int64_t count = rg_shape_count(shape);
    int64_t *wide = malloc((size_t)(count + 1) * sizeof *wide);
    int32_t *narrow = malloc((size_t)(count + 1) * sizeof *narrow);
    for (int64_t i = 0; wide && narrow && i < count; i++)
        narrow[i] = (int32_t)(wide[i] = (int64_t)(next_bits(&p->numbers) % (uint64_t)end));
    rg_tensor t = chance(p, 50) ? rg_input(p->tape, RG_I64, shape, wide) : rg_input(p->tape, RG_I32, shape, narrow);
    free(wide);
    free(narrow);
    return t;
}

/* ---- Ops ------------------------------------------------------------------------------------------------------------ */

/* Each records something and returns it; the null tensor means that nothing fitted. */
typedef rg_tensor program_op(program *p);

static rg_tensor op_unary(program *p)
{
    rg_tensor x = any(p), positive;
    switch (below(p, 21)) {
    case 0: return rg_neg(x);
    case 1: return rg_exp(x);
    case 2: return rg_exp(rg_tanh(x));
    case 3: return rg_square(x);
    case 4: return rg_tanh(x);
    case 5: return rg_sigmoid(x);
    case 6: return rg_relu(x);
    case 7: return rg_softplus(x);
    case 8: return rg_scale(x, 0.5 * below(p, 7) - 1);
    case 9: return rg_shift(x, 0.5 * below(p, 7) - 1);
    case 10: return rg_one_minus(x);
    case 11: return rg_stop_gradient(x);
    case 12: return rg_dropout(x, 0.25, rg_random_key(p->tape, 7, next_bits(&p->numbers)));
    case 13: return rg_log(x);
    case 14: return rg_sin(x);
    case 15: return rg_cos(x);
    case 16: return rg_erf(x);
    default: positive = rg_shift(rg_square(x), 0.5);
    }
    switch (below(p, 3)) {
    case 0: return rg_log(positive);
    case 1: return rg_sqrt(positive);
    default: return rg_power(positive, 0.5 * below(p, 6) - 1);
    }
}

static rg_tensor op_binary(program *p)
{
    rg_tensor a = any(p), b = chance(p, 8) ? a : partner(p, a);
    if (chance(p, 30)) {
        rg_tensor other = a;
        a = b;
        b = other;
    }
    switch (below(p, 11)) {
    case 0: case 1: return rg_add(a, b);
    case 2: return rg_sub(a, b);
    case 3: case 4: return rg_mul(a, b);
    case 5: return rg_div(a, rg_shift(rg_square(b), 0.5));
    case 6: return rg_maximum(a, b);
    case 7: return rg_minimum(a, b);
    case 8: return rg_greater(a, b);
    case 9: return rg_where(rg_greater(a, b), b, a);
    default: return rg_equal(a, b);
    }
}

static rg_axes random_axes(program *p, int rank)
{
    rg_axes axes = { .count = 0 };
    for (int i = 0; i < rank; i++)
        if (chance(p, 50)) axes.axis[axes.count++] = chance(p, 30) ? i - rank : i;
    return axes;
}

static rg_tensor op_reduce(program *p)
{
    rg_tensor x = any_of_rank(p, below(p, 3));
    rg_shape shape = rg_shape_of(x);
    rg_axes axes = random_axes(p, shape.rank);
    bool keepdims = chance(p, 40), elements = rg_shape_count(shape) > 0;
    int axis = shape.rank > 0 ? below(p, shape.rank) : -1;
    switch (below(p, 13)) {
    case 0: return elements ? rg_max_axes(x, axes, keepdims) : rg_sum(x);
    case 1: return elements ? rg_mean_axes(x, axes, keepdims) : rg_sum(x);
    case 2: return elements && axis >= 0 ? rg_logsumexp(x, axis, keepdims) : rg_sum(x);
    case 3: return axis >= 0 ? rg_softmax(x, axis) : rg_sum(x);
    case 4: return elements && axis >= 0 ? rg_log_softmax(x, axis) : rg_sum(x);
    case 5: return elements ? rg_min_axes(x, axes, keepdims) : rg_sum(x);
    case 6: return axis >= 0 ? rg_cumsum(x, axis) : rg_sum(x);
    case 7: return axis >= 0 ? rg_sort(x, axis, keepdims) : rg_sum(x);
    case 8: return elements ? rg_std_axes(x, axes, 0, keepdims) : rg_sum(x);
    default: return rg_sum_axes(x, axes, keepdims);
    }
}

static rg_tensor op_reshape(program *p, rg_tensor x)
{
    rg_shape shape = rg_shape_of(x);
    int64_t count = rg_shape_count(shape);
    int choice = below(p, 4);
    if (choice == 0 || count == 0) return rg_reshape(x, RG_SHAPE(count));
    if (choice == 1 && shape.rank < 6) {
        shape.size[shape.rank++] = 1;
        return rg_reshape(x, shape);
    }
    for (int64_t n = 2 + below(p, 3); n < 8; n++)
        if (count % n == 0) return chance(p, 50) ? rg_reshape(x, RG_SHAPE(n, -1)) : rg_reshape(x, RG_SHAPE(-1, n));
    return rg_reshape(x, RG_SHAPE(count, 1));
}

static rg_tensor op_slice(program *p, rg_tensor x)
{
    rg_shape shape = rg_shape_of(x);
    int axis = below(p, shape.rank);
    int64_t size = shape.size[axis];
    if (size == 0) return rg_neg(x);
    int64_t start = below(p, (int)size), stop = start + 1 + below(p, (int)(size - start));
    return rg_slice(x, axis, start, stop);
}

static rg_tensor op_steps(program *p, rg_tensor x)
{
    rg_shape shape = rg_shape_of(x);
    int axis = below(p, shape.rank);
    int64_t size = shape.size[axis], step = 1 + below(p, 3);
    if (size == 0 || chance(p, 40)) return rg_flip(x, RG_AXES(axis));
    int64_t start = below(p, (int)size), back = chance(p, 50);
    return rg_slice_step(x, axis, start, 1 + (back ? start : size - 1 - start) / step, back ? -step : step);
}

static rg_tensor op_windows(program *p, rg_tensor x)
{
    rg_shape shape = rg_shape_of(x);
    int axis = below(p, shape.rank);
    int64_t limit = shape.size[axis] < 4 ? shape.size[axis] : 4, step = 1 + below(p, 3);
    if (limit == 0 || shape.rank > 5 || rg_shape_count(shape) > PROGRAM_ELEMENTS / 8) return op_steps(p, x);
    return rg_unfold(x, axis, 1 + below(p, (int)limit), step);
}

static rg_tensor op_expand(program *p, rg_tensor x)
{
    rg_shape shape = rg_shape_of(x), wide = { .rank = 0 };
    if (shape.rank < 5 && chance(p, 60)) wide.size[wide.rank++] = 1 + below(p, 4);
    for (int i = 0; i < shape.rank; i++)
        wide.size[wide.rank++] = shape.size[i] == 1 && chance(p, 70) ? 1 + below(p, 5) : shape.size[i];
    return rg_shape_count(wide) <= PROGRAM_ELEMENTS ? rg_expand(x, wide) : rg_neg(x);
}

static rg_tensor op_view(program *p)
{
    rg_tensor x = any_of_rank(p, 1);
    rg_shape shape = rg_shape_of(x);
    rg_axes order = { .count = shape.rank };
    switch (below(p, 8)) {
    case 5: return op_steps(p, x);
    case 6: return op_windows(p, x);
    case 0: return op_reshape(p, x);
    case 1: return op_slice(p, x);
    case 2: return op_expand(p, x);
    case 3: return shape.rank >= 2 ? rg_transpose(x) : op_expand(p, x);
    case 4: return rg_shape_count(shape) < PROGRAM_ELEMENTS / 8 ? rg_pad(x, below(p, shape.rank), below(p, 3), below(p, 3))
                                                                : op_slice(p, x);
    default: break;
    }
    for (int i = 0; i < shape.rank; i++) order.axis[i] = i;
    for (int i = shape.rank - 1; i > 0; i--) {
        int j = below(p, i + 1), axis = order.axis[i];
        order.axis[i] = order.axis[j];
        order.axis[j] = axis;
    }
    return rg_permute(x, order);
}

/* [..., inner, n] for a shape [..., m, inner], with leading sizes that broadcast. */
static rg_shape batch_partner(program *p, rg_shape shape, int64_t n)
{
    int64_t inner = shape.size[shape.rank - 1];
    shape.rank -= shape.rank < 2 ? shape.rank : 2;
    shape = shape.rank > 0 ? partner_shape(p, shape) : chance(p, 50) ? RG_SHAPE(2, 1) : RG_SCALAR;
    shape.size[shape.rank++] = inner;
    shape.size[shape.rank++] = n;
    return shape;
}

static rg_tensor op_matmul(program *p)
{
    if (chance(p, 4)) return rg_matmul(leaf(p, RG_SHAPE(150, 60)), leaf(p, RG_SHAPE(60, 70)));
    rg_tensor a = any_of_rank(p, 1);
    rg_shape shape = rg_shape_of(a);
    int64_t inner = shape.size[shape.rank - 1], n = 1 + below(p, 6);
    if (inner > 800 || rg_shape_count(shape) > 4000) return rg_sum(a);
    switch (below(p, 6)) {
    case 0: return shape.rank >= 2 ? rg_matmul(a, rg_transpose(a)) : rg_matmul(a, a);
    case 1: return rg_matmul(a, leaf(p, RG_SHAPE(inner)));
    case 2: return rg_matmul(a, rg_transpose(leaf(p, RG_SHAPE(n, inner))));
    case 3: return rg_matmul(a, leaf(p, batch_partner(p, shape, n)));
    case 4: return shape.rank >= 2 ? rg_matmul(rg_transpose(a), rg_relu(a)) : rg_neg(a);
    default: return rg_add(rg_matmul(a, leaf(p, RG_SHAPE(inner, n))), leaf(p, RG_SHAPE(n)));
    }
}

static rg_tensor op_concat(program *p)
{
    rg_tensor x = any_of_rank(p, 1), parts[5] = { x };
    rg_shape shape = rg_shape_of(x);
    int axis = below(p, shape.rank), n = 1 + below(p, 5);
    if (rg_shape_count(shape) > PROGRAM_ELEMENTS / 8) return rg_neg(x);
    for (int k = 1; k < n; k++) {
        shape.size[axis] = below(p, 4);
        parts[k] = chance(p, 30) ? parts[k - 1] : leaf(p, shape);
    }
    return rg_concat(n, parts, axis);
}

static rg_tensor op_index(program *p)
{
    rg_tensor x = any_of_rank(p, 1);
    rg_shape shape = rg_shape_of(x), index = { .rank = below(p, 3), .size = { 1 + below(p, 5), 2 } }, labels = shape;
    int64_t rows = shape.size[0], classes = shape.size[--labels.rank];
    switch (below(p, 4)) {
    case 0: return rows > 0 && rg_shape_count(shape) / rows < 400 ? rg_gather_rows(x, indices(p, index, rows)) : rg_sum(x);
    case 1: return rg_scatter_rows(x, indices(p, RG_SHAPE(rows), 5), 5);
    case 2: return classes > 0 ? rg_cross_entropy_rows(x, indices(p, labels, classes)) : rg_sum(x);
    default: return rg_one_hot(indices(p, index, 3), 3, p->dtype);
    }
}

static rg_tensor op_loss(program *p)
{
    rg_tensor x = any(p);
    rg_tensor target = rg_sigmoid(leaf(p, rg_shape_of(x)));
    if (rg_shape_count(rg_shape_of(x)) == 0) return rg_sum(x);
    return chance(p, 50) ? rg_mse(x, target) : rg_binary_cross_entropy(x, target);
}

/* ---- Gradients, and reading values in the middle ---------------------------------------------------------------------- */

static void keep_for_comparison(program *p, const void *data, size_t bytes)
{
    if (p->bytes + bytes > p->capacity) {
        size_t capacity = 2 * (p->bytes + bytes);
        char *grown = realloc(p->output, capacity);
        if (!grown) return;
        p->output = grown;
        p->capacity = capacity;
    }
    if (bytes > 0) memcpy(p->output + p->bytes, data, bytes);
    p->bytes += bytes;
}

static void read_value(program *p, rg_tensor t)
{
    size_t bytes = (size_t)rg_shape_count(rg_shape_of(t)) * rg_dtype_size(rg_dtype_of(t));
    const void *data = rg_data(t);
    if (data) keep_for_comparison(p, data, bytes);
}

static rg_tensor op_gradient(program *p)
{
    rg_tensor y = any(p), wrt[3], slope[3] = { { 0 } };
    int n = 1 + below(p, 3);
    for (int i = 0; i < n; i++) wrt[i] = any(p);
    if (p->gradients++ >= PROGRAM_GRADIENTS) return rg_sum(y);
    if (chance(p, 40)) rg_vjp(y, leaf(p, rg_shape_of(y)), wrt, n, slope);
    else rg_grad(rg_sum(y), wrt, n, slope);
    for (int i = 0; i < n && p->count < PROGRAM_NODES - 1; i++) p->node[p->count++] = slope[i];
    return rg_neg(slope[0]);
}

static rg_tensor op_ask(program *p)
{
    rg_tensor some[3] = { any(p), any(p), any(p) };
    switch (below(p, 6)) {
    case 0: read_value(p, some[0]); break;
    case 1: read_value(p, rg_sum(some[0])); break;
    case 2: rg_eval(3, some); break;
    case 3: rg_backward_seeded(some[0], leaf(p, rg_shape_of(some[0]))); break;
    default: rg_backward(rg_sum(rg_tanh(some[0]))); break;
    }
    if (chance(p, 20)) rg_params_consume_gradient(p->theta);
    return rg_neg(some[1]);
}

/* An error, found while recording or while running, and forgotten. */
static rg_tensor op_mistake(program *p)
{
    rg_tensor x = any_of_rank(p, 1), y = rg_tanh(x);
    const int64_t rows = rg_shape_of(x).size[0];
    switch (below(p, 3)) {
    case 0: rg_slice(y, 0, rows, rows + 1); break;
    case 1: rg_mul(y, leaf(p, RG_SHAPE(11, 13))); break;
    default: rg_data(rg_neg(rg_gather_rows(y, rg_input(p->tape, RG_I64, RG_SHAPE(1), &rows)))); break;
    }
    rg_tape_clear_error(p->tape);
    return y;
}

static rg_tensor op_without_gradient(program *p)
{
    bool before = rg_no_grad(p->tape, true);
    rg_tensor t = op_binary(p);
    rg_no_grad(p->tape, before);
    return t;
}

/* The same thing recorded twice: the planner may merge them. */
static rg_tensor op_repeated(program *p)
{
    rg_tensor x = any(p), y = partner(p, x);
    return rg_mul(rg_tanh(rg_add(x, y)), rg_sigmoid(rg_add(x, y)));
}

/* The same op on the same operand, with other attributes each time. */
static rg_tensor op_family(program *p)
{
    rg_tensor x = rg_tanh(any_of_rank(p, 1));
    int64_t n = rg_shape_of(x).size[0];
    switch (below(p, 4)) {
    case 0: return rg_add(rg_mul(rg_scale(x, 2), rg_scale(x, 3)), rg_scale(x, 4));
    case 1: return rg_sub(rg_mul(rg_shift(x, 1), rg_shift(x, 2)), rg_scale(x, 2));
    case 2: return rg_mul(rg_sum_axes(x, RG_AXES(0), false), rg_sum_axes(x, RG_AXES(0), true));
    default: break;
    }
    if (n < 2) return rg_mul(rg_square(x), x);
    rg_tensor first = rg_slice(x, 0, 0, n / 2), second = rg_slice(x, 0, n / 2, n / 2 * 2), last = rg_slice(x, 0, n - n / 2, n);
    return rg_add(rg_mul(first, second), rg_mul(rg_neg(last), first));
}

/* Large enough for several tiles, chunks and tasks, and with operands that are read for the last time in various ways. */
static rg_tensor op_large(program *p)
{
    int64_t n = chance(p, 60) ? 100 : 30 + below(p, 20);
    rg_tensor a = rg_tanh(leaf(p, RG_SHAPE(n, n))), b = rg_neg(leaf(p, RG_SHAPE(n, n)));
    switch (below(p, 9)) {
    case 0: return rg_add(rg_matmul(a, b), b);
    case 1: return rg_mul(rg_matmul(a, b), a);
    case 2: return rg_add(a, rg_transpose(a));
    case 3: return rg_matmul(rg_neg(rg_transpose(rg_mul(a, b))), b);
    case 4: return rg_add(rg_softmax(a, 1), rg_mul(a, rg_max_axes(a, RG_AXES(1), true)));
    case 5: return rg_relu(rg_add(rg_matmul(leaf(p, RG_SHAPE(2, 100, n)), b), leaf(p, RG_SHAPE(n))));
    case 6: return rg_tanh(rg_matmul(leaf(p, RG_SHAPE(2, 100, n)), rg_reshape(rg_concat(2, (rg_tensor[]){ a, b }, 0),
                                                                             RG_SHAPE(2, n, n))));
    case 7: return rg_mul(rg_reshape(rg_slice(rg_concat(2, (rg_tensor[]){ a, b }, 0), 0, n / 2, n / 2 + n), RG_SHAPE(n, n)), a);
    default: return rg_add(rg_gather_rows(a, indices(p, RG_SHAPE(n), n)), a);
    }
}

static program_op *const program_ops[] = {
    op_unary,  op_unary, op_unary,  op_unary, op_binary, op_binary, op_binary,   op_binary,           op_reduce,
    op_reduce, op_view,  op_view,   op_view,  op_matmul, op_concat, op_index,    op_loss,             op_repeated,
    op_ask,    op_ask,   op_matmul, op_view,  op_unary,  op_binary, op_gradient, op_without_gradient, op_family,
    op_family, op_large, op_large,  op_mistake,
};

/* ---- A whole program -------------------------------------------------------------------------------------------------------- */

/* A store for a program: the shapes depend on the seed. */
static rg_params *program_parameters(uint64_t seed, rg_dtype dtype)
{
    program p = { .choices = seed ^ 0x7ea };
    rg_params *theta = rg_params_new(dtype, seed);
    for (int i = 0; i < PROGRAM_PARAMETERS; i++) {
        char name[] = { 'p', (char)('0' + i), '\0' };
        rg_params_add(theta, name, random_shape(&p));
    }
    return theta;
}

static rg_dtype program_dtype(uint64_t seed)
{
    return seed % 2 ? RG_F32 : RG_F64;
}

static void fill_parameters(program *p)
{
    int64_t count = rg_params_count(p->theta);
    void *numbers = random_numbers(p, count);
    if (count > 0 && numbers) memcpy(rg_params_data(p->theta), numbers, (size_t)count * rg_dtype_size(p->dtype));
    free(numbers);
    rg_params_changed(p->theta);
    rg_params_consume_gradient(p->theta);
}

static void end_program(program *p)
{
    for (int i = 0; i < p->borrowed_count; i++) free(p->borrowed[i]);
    free(p->output);
}

/* Where a program goes another way than its seed says: from op number `at` on, with choices of another seed, or, if
 * `choices` is 0, nowhere. */
typedef struct {
    int at;
    uint64_t choices;
} variation;

enum { NEVER = -1 };

/* Records and runs the program on the tape; all that it read is in p->output. The tape is not reset. */
static void run_varied_program(program *p, uint64_t seed, uint64_t step, variation other, rg_tape *tape, rg_params *theta)
{
    *p = (program){ .tape = tape, .theta = theta, .dtype = program_dtype(seed), .choices = seed,
                    .numbers = seed * UINT64_C(0x2545F4914F6CDD1D) + step };
    fill_parameters(p);
    const int length = 3 + below(p, chance(p, 20) ? 60 : 20);
    for (int i = 0; i < length && p->count < PROGRAM_NODES - 1 && !rg_failed(tape); i++) {
        if (i == other.at && other.choices == 0) break;
        if (i == other.at) p->choices = other.choices;
        rg_tensor t = program_ops[below(p, (int)(sizeof program_ops / sizeof program_ops[0]))](p);
        if (rg_is_null(t)) continue;
        if (chance(p, 10)) rg_keep(t);
        if (rg_shape_count(rg_shape_of(t)) <= PROGRAM_ELEMENTS) p->node[p->count++] = t;
    }
    bool all = chance(p, 30);
    if (p->count > 0 && chance(p, 60)) rg_backward(rg_sum(rg_tanh(p->node[p->count - 1])));
    for (int i = 0; i < p->count; i++)
        if (all || chance(p, 25)) read_value(p, p->node[i]);
    keep_for_comparison(p, rg_params_gradient(theta), (size_t)rg_params_count(theta) * rg_dtype_size(p->dtype));
}

static void run_program(program *p, uint64_t seed, uint64_t step, rg_tape *tape, rg_params *theta)
{
    run_varied_program(p, seed, step, (variation){ .at = NEVER }, tape, theta);
}

#endif
