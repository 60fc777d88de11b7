/* test_misuse.c: every kind of misuse gives its status and a message that names the caller's line, the op and the
 * operands; and after each, the error can be cleared and a correct call works. */
#include "refused.h"

#include <limits.h>

/* A sanitizer's allocator gives NULL where the system's would. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static rg_tape *tape, *elsewhere;
static rg_params *theta;
static rg_tensor x, d, v, s, i, l, empty, deep, old, foreign, null; /* f32[2,3], f64[2,3], f32[2], f32[], i32[2], i64[2], ... */
static int kinds;

static int set_up(void **state)
{
    (void)state;
    const float six[] = { 1, 2, 3, 4, 5, 6 };
    tape = rg_tape_new();
    elsewhere = rg_tape_new();
    theta = STORE(2);
    old = rg_input(tape, RG_F32, RG_SHAPE(2), six);
    rg_tape_reset(tape);
    foreign = rg_name(rg_input(elsewhere, RG_F32, RG_SHAPE(2), six), "foreign");
    x = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2, 3), six), "x");
    d = rg_name(MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), "d");
    v = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2), six), "v");
    s = rg_name(rg_scalar(tape, RG_F32, 2), "s");
    i = rg_name(rg_input(tape, RG_I32, RG_SHAPE(2), (int32_t[]){ 1, 2 }), "i");
    l = rg_name(rg_input(tape, RG_I64, RG_SHAPE(2), (int64_t[]){ -1, 7 }), "l");
    empty = rg_name(rg_input(tape, RG_F32, RG_SHAPE(0, 3), NULL), "empty");
    deep = rg_name(rg_full(tape, RG_F32, RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 1), "deep");
    return rg_failed(tape) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
    rg_params_free(theta);
    return 0;
}

/* The tape has failed with this status and a message that begins with the line (0: none), then this text, and that holds
 * the operands. Then a correct call works. */
static void refused(int line, rg_status status, const char *begins, const char *holds)
{
    assert_refused(tape, __FILE__, line, status, begins, holds);
    if (rg_item(rg_sum(rg_mul(x, s))) != 42 || rg_failed(tape)) fail_msg("after line %d: %s", line, rg_message(tape));
    assert_false(rg_failed(elsewhere));
    kinds++;
}

#define REFUSED(call, status, begins, holds) (assert_true(rg_is_null(call)), refused(__LINE__, status, begins, holds))
#define FAILS(call, status, begins, holds) (assert_int_equal(call, status), refused(__LINE__, status, begins, holds))

/* ---- Elementwise ------------------------------------------------------------------------------------------------------- */

static void binary_ops_refuse_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rg_tensor (*record)(const char *site, rg_tensor a, rg_tensor b);
    } ops[] = {
        { "add: ", rg_add_at },         { "sub: ", rg_sub_at },         { "mul: ", rg_mul_at },     { "div: ", rg_div_at },
        { "maximum: ", rg_maximum_at }, { "minimum: ", rg_minimum_at }, { "greater: ", rg_greater_at }, { "equal: ", rg_equal_at },
        { "pow: ", rg_pow_at },         { "mod: ", rg_mod_at },         { "atan2: ", rg_atan2_at }, { "hypot: ", rg_hypot_at },
        { "less: ", rg_less_at },       { "less_equal: ", rg_less_equal_at }, { "greater_equal: ", rg_greater_equal_at },
        { "not_equal: ", rg_not_equal_at }, { "logical_and: ", rg_logical_and_at }, { "logical_or: ", rg_logical_or_at },
        { "logical_xor: ", rg_logical_xor_at }, { "adjoint_mul: ", rg_adjoint_mul_at }, { "adjoint_div: ", rg_adjoint_div_at },
    };
    for (size_t k = 0; k < COUNT(ops); k++) {
        const char *name = ops[k].name;
        REFUSED(ops[k].record(RG_SITE, x, v), RG_E_SHAPE, name, "sizes do not broadcast: x f32[2,3] · v f32[2]");
        REFUSED(ops[k].record(RG_SITE, x, d), RG_E_DTYPE, name, "dtypes differ: x f32[2,3] · d f64[2,3]");
        REFUSED(ops[k].record(RG_SITE, i, i), RG_E_DTYPE, name, "takes f32 or f64: i i32[2] · i i32[2]");
        REFUSED(ops[k].record(RG_SITE, x, null), RG_E_NULL, name, "operand 2 is the null tensor");
        REFUSED(ops[k].record(RG_SITE, null, x), RG_E_NULL, name, "operand 1 is the null tensor");
        REFUSED(ops[k].record(RG_SITE, x, old), RG_E_TAPE, name, "operand 2 is a tensor from before rg_tape_reset");
        REFUSED(ops[k].record(RG_SITE, x, foreign), RG_E_TAPE, name, "operand 2 is on another tape");
    }
}

static void unary_ops_refuse_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rg_tensor (*record)(const char *site, rg_tensor x);
    } ops[] = {
        { "neg: ", rg_neg_at },   { "exp: ", rg_exp_at },         { "log: ", rg_log_at },   { "sqrt: ", rg_sqrt_at },
        { "tanh: ", rg_tanh_at }, { "sigmoid: ", rg_sigmoid_at }, { "relu: ", rg_relu_at }, { "softplus: ", rg_softplus_at },
        { "sum: ", rg_sum_at },   { "square: ", rg_square_at },   { "max: ", rg_max_at },   { "one_minus: ", rg_one_minus_at },
        { "mean: ", rg_mean_at }, { "sin: ", rg_sin_at },         { "cos: ", rg_cos_at },   { "erf: ", rg_erf_at },
    };
    for (size_t k = 0; k < COUNT(ops); k++) {
        REFUSED(ops[k].record(RG_SITE, i), RG_E_DTYPE, ops[k].name, "takes f32 or f64: i i32[2]");
        REFUSED(ops[k].record(RG_SITE, old), RG_E_TAPE, ops[k].name, "from before rg_tape_reset");
        assert_true(rg_is_null(ops[k].record(RG_SITE, null)));
        assert_false(rg_failed(tape));
    }
    REFUSED(rg_power(i, 2), RG_E_DTYPE, "power: ", "i i32[2]");
    REFUSED(rg_scale(l, 2), RG_E_DTYPE, "scale: ", "l i64[2]");
    REFUSED(rg_shift(i, 2), RG_E_DTYPE, "shift: ", "i i32[2]");
    REFUSED(rg_leaky_relu(i, 0.1), RG_E_DTYPE, "leaky_relu: ", "i i32[2]");
    REFUSED(rg_elu(old, 1), RG_E_TAPE, "elu: ", "from before rg_tape_reset");
    REFUSED(rg_clamp(l, 0, 1), RG_E_DTYPE, "clamp: ", "l i64[2]");
    REFUSED(rg_clamp(x, 1, 0), RG_E_ARGUMENT, "clamp: the limits 1 and 0 are not in order", "x f32[2,3]");
    REFUSED(rg_hard_tanh(x, NAN, 0), RG_E_ARGUMENT, "hard_tanh: the limits nan and 0 are not in order", "x f32[2,3]");
    REFUSED(rg_polygamma(x, -1), RG_E_ARGUMENT, "polygamma: the order -1 is not from 0 to 100", "x f32[2,3]");
    REFUSED(rg_polygamma(i, 1), RG_E_DTYPE, "polygamma: ", "i i32[2]");
    REFUSED(rg_stop_gradient(old), RG_E_TAPE, "stop_gradient: ", "before rg_tape_reset");
    REFUSED(rg_where(x, v, x), RG_E_SHAPE, "where: ", "x f32[2,3] · v f32[2] · x f32[2,3]");
    REFUSED(rg_where(x, x, d), RG_E_DTYPE, "where: ", "x f32[2,3] · x f32[2,3] · d f64[2,3]");
    REFUSED(rg_where(i, x, x), RG_E_DTYPE, "where: ", "i i32[2] · x f32[2,3] · x f32[2,3]");
    REFUSED(rg_where(x, x, null), RG_E_NULL, "where: ", "operand 3");
}

static void dropout_refuses_what_is_no_probability_or_no_key(void **state)
{
    (void)state;
    rg_tensor key = rg_name(rg_random_key(tape, 1, 2), "key");
    REFUSED(rg_dropout(x, 1, key), RG_E_ARGUMENT, "dropout: ", "x f32[2,3] · key i64[2]");
    REFUSED(rg_dropout(x, -0.1, key), RG_E_ARGUMENT, "dropout: the probability -0.1 is not in [0, 1)", "");
    REFUSED(rg_dropout(x, NAN, key), RG_E_ARGUMENT, "dropout: ", "x f32[2,3] · key i64[2]");
    REFUSED(rg_dropout(x, 0.5, x), RG_E_DTYPE, "dropout: the key must come from rg_random_key", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_dropout(x, 0.5, rg_reshape(key, RG_SHAPE(1, 2))), RG_E_DTYPE, "dropout: ", "i64[1,2]");
    REFUSED(rg_dropout(i, 0.5, key), RG_E_DTYPE, "dropout: takes f32 or f64", "i i32[2] · key i64[2]");
    REFUSED(rg_dropout(x, 0.5, null), RG_E_NULL, "dropout: ", "operand 2");
    REFUSED(rg_dropout(x, 0.5, old), RG_E_TAPE, "dropout: ", "operand 2");
}

/* ---- Reductions and rows ---------------------------------------------------------------------------------------------------- */

static void reductions_refuse_axes_that_are_none(void **state)
{
    (void)state;
    const rg_axes many = { .count = 9 }, negative = { .count = -1 };
    REFUSED(rg_sum_axes(x, RG_AXES(2), false), RG_E_ARGUMENT, "sum: an axis is out of range or named twice", "x f32[2,3]");
    REFUSED(rg_sum_axes(x, RG_AXES(-3), true), RG_E_ARGUMENT, "sum: ", "x f32[2,3]");
    REFUSED(rg_sum_axes(x, RG_AXES(0, -2), true), RG_E_ARGUMENT, "sum: ", "x f32[2,3]");
    REFUSED(rg_mean_axes(x, RG_AXES(INT_MAX), true), RG_E_ARGUMENT, "mean: ", "x f32[2,3]");
    REFUSED(rg_mean_axes(i, RG_AXES(0), true), RG_E_DTYPE, "mean: ", "i i32[2]");
    REFUSED(rg_max_axes(x, RG_AXES(INT_MIN), true), RG_E_ARGUMENT, "max: ", "x f32[2,3]");
    REFUSED(rg_sum_axes(x, many, false), RG_E_ARGUMENT, "sum: ", "x f32[2,3]");
    REFUSED(rg_sum_axes(x, negative, false), RG_E_ARGUMENT, "sum: ", "x f32[2,3]");
    REFUSED(rg_sum_axes(s, RG_AXES(0), false), RG_E_ARGUMENT, "sum: ", "s f32[]");
    REFUSED(rg_max(empty), RG_E_SHAPE, "max: the largest of no elements", "empty f32[0,3]");
    REFUSED(rg_max_axes(empty, RG_AXES(0), false), RG_E_SHAPE, "max: ", "empty f32[0,3]");
    REFUSED(rg_logsumexp(x, 2, false), RG_E_ARGUMENT, "logsumexp: an axis is out of range", "x f32[2,3]");
    REFUSED(rg_logsumexp(s, 0, false), RG_E_SHAPE, "logsumexp: takes at least one axis", "s f32[]");
    REFUSED(rg_logsumexp(i, 0, true), RG_E_DTYPE, "logsumexp: ", "i i32[2]");
    REFUSED(rg_logsumexp(empty, 0, true), RG_E_SHAPE, "logsumexp: a row of no elements", "f32[3,0]");
    REFUSED(rg_softmax(x, -3), RG_E_ARGUMENT, "softmax: ", "x f32[2,3]");
    REFUSED(rg_softmax(s, 0), RG_E_SHAPE, "softmax: ", "s f32[]");
    REFUSED(rg_softmax(l, 0), RG_E_DTYPE, "softmax: ", "l i64[2]");
    REFUSED(rg_log_softmax(x, 7), RG_E_ARGUMENT, "log_softmax: ", "x f32[2,3]");
    REFUSED(rg_log_softmax(old, 0), RG_E_TAPE, "log_softmax: ", "before rg_tape_reset");
}

static void products_refuse_matrices_that_do_not_fit(void **state)
{
    (void)state;
    rg_tensor batch = rg_name(rg_full(tape, RG_F32, RG_SHAPE(2, 3, 4), 1), "batch");
    rg_tensor other = rg_name(rg_full(tape, RG_F32, RG_SHAPE(3, 4, 5), 1), "other");
    REFUSED(rg_matmul(x, x), RG_E_SHAPE, "matmul: inner sizes differ", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_matmul(x, v), RG_E_SHAPE, "matmul: inner sizes differ", "x f32[2,3] · v f32[2]");
    REFUSED(rg_matmul(batch, other), RG_E_SHAPE, "matmul: leading sizes do not broadcast", "batch f32[2,3,4] · other f32[3,4,5]");
    REFUSED(rg_matmul(s, x), RG_E_SHAPE, "matmul: takes matrices", "s f32[] · x f32[2,3]");
    REFUSED(rg_matmul(x, s), RG_E_SHAPE, "matmul: ", "x f32[2,3] · s f32[]");
    REFUSED(rg_matmul(x, rg_transpose(d)), RG_E_DTYPE, "matmul: dtypes differ", "x f32[2,3] · ");
    REFUSED(rg_matmul(i, i), RG_E_DTYPE, "matmul: takes f32 or f64", "i32[");
    REFUSED(rg_matmul(x, null), RG_E_NULL, "matmul: ", "operand 2");
    REFUSED(rg_matmul(old, x), RG_E_TAPE, "matmul: ", "operand 1");
    REFUSED(rg_matmul(x, foreign), RG_E_TAPE, "matmul: ", "operand 2");
}

/* ---- Shapes ------------------------------------------------------------------------------------------------------------------- */

static void views_refuse_shapes_that_do_not_fit(void **state)
{
    (void)state;
    const rg_shape nine = { .rank = 9 }, negative = { .rank = -1 };
    REFUSED(rg_transpose(v), RG_E_SHAPE, "transpose: takes at least two axes", "v f32[2]");
    REFUSED(rg_transpose(old), RG_E_TAPE, "transpose: ", "before rg_tape_reset");
    REFUSED(rg_permute(x, RG_AXES(0)), RG_E_ARGUMENT, "permute: the order must name every axis once", "x f32[2,3]");
    REFUSED(rg_permute(x, RG_AXES(0, 0)), RG_E_ARGUMENT, "permute: ", "x f32[2,3]");
    REFUSED(rg_permute(x, RG_AXES(0, 2)), RG_E_ARGUMENT, "permute: ", "x f32[2,3]");
    REFUSED(rg_permute(x, ((rg_axes){ .count = 99 })), RG_E_ARGUMENT, "permute: ", "x f32[2,3]");
    REFUSED(rg_permute(x, ((rg_axes){ .count = -2 })), RG_E_ARGUMENT, "permute: ", "x f32[2,3]");
    REFUSED(rg_reshape(x, RG_SHAPE(7)), RG_E_SHAPE, "reshape: 6 elements do not fill a shape of 7", "x f32[2,3]");
    REFUSED(rg_reshape(x, RG_SHAPE(-1, -1)), RG_E_SHAPE, "reshape: the size -1 cannot be worked out", "x f32[2,3]");
    REFUSED(rg_reshape(x, RG_SHAPE(-1, 4)), RG_E_SHAPE, "reshape: ", "x f32[2,3]");
    REFUSED(rg_reshape(x, RG_SHAPE(-1, 0)), RG_E_SHAPE, "reshape: ", "x f32[2,3]");
    REFUSED(rg_reshape(x, RG_SHAPE(-2, -3)), RG_E_SHAPE, "reshape: ", "x f32[2,3]");
    REFUSED(rg_reshape(x, nine), RG_E_SHAPE, "reshape: a malformed shape", "x f32[2,3]");
    REFUSED(rg_reshape(x, negative), RG_E_SHAPE, "reshape: a malformed shape", "x f32[2,3]");
    REFUSED(rg_reshape(x, RG_SHAPE(INT64_MAX, 4, -1)), RG_E_SHAPE, "reshape: ", "x f32[2,3]");
    REFUSED(rg_expand(x, RG_SHAPE(2, 4)), RG_E_SHAPE, "expand: only sizes of 1 can be repeated", "x f32[2,3]");
    REFUSED(rg_expand(x, RG_SHAPE(3)), RG_E_SHAPE, "expand: ", "x f32[2,3]");
    REFUSED(rg_expand(x, RG_SHAPE(2, 1)), RG_E_SHAPE, "expand: ", "x f32[2,3]");
    REFUSED(rg_expand(x, nine), RG_E_SHAPE, "expand: a malformed", "x f32[2,3]");
    REFUSED(rg_expand(s, RG_SHAPE(-4)), RG_E_SHAPE, "expand: a malformed", "s f32[]");
    REFUSED(rg_expand(s, RG_SHAPE(INT64_MAX / 2, 8)), RG_E_SHAPE, "expand: a malformed or too large shape", "s f32[]");
}

static void pieces_refuse_ranges_that_are_none(void **state)
{
    (void)state;
    REFUSED(rg_slice(x, 2, 0, 1), RG_E_ARGUMENT, "slice: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_slice(s, 0, 0, 1), RG_E_ARGUMENT, "slice: the axis is out of range", "s f32[]");
    REFUSED(rg_slice(x, 1, 1, 1), RG_E_ARGUMENT, "slice: the range is outside the axis", "x f32[2,3]");
    REFUSED(rg_slice(x, 1, 2, 1), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice(x, 1, 0, 4), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice(x, 1, -4, 3), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice(x, 1, INT64_MIN, INT64_MAX), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice(x, 1, INT64_MAX, INT64_MIN), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_pad(x, 2, 1, 1), RG_E_ARGUMENT, "pad: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_pad(x, 0, -1, 1), RG_E_ARGUMENT, "pad: negative or too large padding", "x f32[2,3]");
    REFUSED(rg_pad(x, 0, INT64_MAX, 1), RG_E_ARGUMENT, "pad: ", "x f32[2,3]");
    REFUSED(rg_pad(x, 0, INT64_MAX / 2, 1), RG_E_SHAPE, "pad: the result is too large", "x f32[2,3]");
    REFUSED(rg_pad(i, 0, 1, 1), RG_E_DTYPE, "pad: ", "i i32[2]");
    REFUSED(rg_concat(2, (rg_tensor[]){ x, v }, 0), RG_E_SHAPE, "concat: ranks differ", "x f32[2,3] · v f32[2]");
    REFUSED(rg_concat(2, (rg_tensor[]){ x, empty }, 1), RG_E_SHAPE, "concat: sizes differ off the axis", "x f32[2,3] · empty f32[0,3]");
    REFUSED(rg_concat(2, (rg_tensor[]){ x, d }, 0), RG_E_DTYPE, "concat: dtypes differ", "x f32[2,3] · d f64[2,3]");
    REFUSED(rg_concat(2, (rg_tensor[]){ x, x }, 2), RG_E_ARGUMENT, "concat: the axis is out of range", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_concat(1, (rg_tensor[]){ i }, 0), RG_E_DTYPE, "concat: takes f32 or f64", "i i32[2]");
    REFUSED(rg_concat(3, (rg_tensor[]){ x, x, null }, 0), RG_E_NULL, "concat: ", "operand 3");
    REFUSED(rg_concat(2, (rg_tensor[]){ old, x }, 0), RG_E_TAPE, "concat: ", "operand 1");
    assert_true(rg_is_null(rg_concat(0, &x, 0)));
    assert_true(rg_is_null(rg_concat(-3, &x, 0)));
    assert_true(rg_is_null(rg_concat(2, NULL, 0)));
    assert_false(rg_failed(tape)); /* no tensor, no tape to tell */
}

/* ---- Indices, labels, losses ------------------------------------------------------------------------------------------------------ */

static void indexing_refuses_what_is_no_index(void **state)
{
    (void)state;
    REFUSED(rg_gather_rows(x, v), RG_E_DTYPE, "gather_rows: the index must be i32 or i64", "x f32[2,3] · v f32[2]");
    REFUSED(rg_gather_rows(s, i), RG_E_SHAPE, "gather_rows: a table needs rows", "s f32[] · i i32[2]");
    REFUSED(rg_gather_rows(deep, rg_reshape(i, RG_SHAPE(2, 1))), RG_E_SHAPE, "gather_rows: more than 8 dimensions", "deep f32[1,");
    REFUSED(rg_scatter_rows(x, v, 4), RG_E_DTYPE, "scatter_rows: the index", "x f32[2,3] · v f32[2]");
    REFUSED(rg_scatter_rows(x, i, -1), RG_E_ARGUMENT, "scatter_rows: a negative number of rows", "x f32[2,3] · i i32[2]");
    REFUSED(rg_scatter_rows(empty, i, 3), RG_E_SHAPE, "scatter_rows: one row for each index", "empty f32[0,3] · i i32[2]");
    REFUSED(rg_scatter_rows(i, i, 3), RG_E_DTYPE, "scatter_rows: takes f32 or f64", "i i32[2] · i i32[2]");
    REFUSED(rg_scatter_rows(x, i, INT64_MAX), RG_E_SHAPE, "scatter_rows: the result is too large", "x f32[2,3] · i i32[2]");
    REFUSED(rg_one_hot(v, 3, RG_F32), RG_E_DTYPE, "one_hot: labels must be i32 or i64", "v f32[2]");
    REFUSED(rg_one_hot(i, 3, RG_I32), RG_E_DTYPE, "one_hot: makes f32 or f64", "i i32[2]");
    REFUSED(rg_one_hot(i, 3, (rg_dtype)99), RG_E_DTYPE, "one_hot: ", "i i32[2]");
    REFUSED(rg_one_hot(i, 0, RG_F32), RG_E_ARGUMENT, "one_hot: at least one class", "i i32[2]");
    REFUSED(rg_one_hot(i, INT64_MAX, RG_F32), RG_E_SHAPE, "one_hot: the result is too large", "i i32[2]");
    REFUSED(rg_one_hot(rg_expand(i, RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2)), 3, RG_F32), RG_E_SHAPE, "one_hot: more than 8", "i32[1,");
    REFUSED(rg_cross_entropy(x, x), RG_E_DTYPE, "cross_entropy_rows: labels must be i32 or i64", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_cross_entropy(v, i), RG_E_SHAPE, "cross_entropy_rows: one label a row", "v f32[2] · i i32[2]");
    REFUSED(rg_cross_entropy(s, i), RG_E_SHAPE, "cross_entropy_rows: ", "s f32[] · i i32[2]");
    REFUSED(rg_cross_entropy_rows(i, i), RG_E_DTYPE, "cross_entropy_rows: ", "i i32[2] · i i32[2]");
    REFUSED(rg_cross_entropy_rows(x, null), RG_E_NULL, "cross_entropy_rows: ", "operand 2");
    REFUSED(rg_mse(x, v), RG_E_SHAPE, "mse: shapes differ", "x f32[2,3] · v f32[2]");
    REFUSED(rg_mse(x, d), RG_E_DTYPE, "mse: dtypes differ", "x f32[2,3] · d f64[2,3]");
    REFUSED(rg_mse(i, i), RG_E_DTYPE, "mse: ", "i i32[2] · i i32[2]");
    REFUSED(rg_mse(x, null), RG_E_NULL, "mse: ", "operand 2");
    REFUSED(rg_binary_cross_entropy(x, v), RG_E_SHAPE, "binary_cross_entropy: shapes differ", "x f32[2,3] · v f32[2]");
    REFUSED(rg_binary_cross_entropy(x, d), RG_E_DTYPE, "binary_cross_entropy: ", "x f32[2,3] · d f64[2,3]");
    REFUSED(rg_binary_cross_entropy(x, foreign), RG_E_TAPE, "binary_cross_entropy: ", "operand 2");
}

/* Found when the value is asked for; the line is that of the op. */
static void indices_out_of_range_are_found_when_they_are_used(void **state)
{
    (void)state;
    for (int time = 0; time < 3; time++) { /* node by node, planned, found */
        int line = __LINE__; rg_tensor rows = rg_gather_rows(x, i);
        assert_null(rg_data(rows));
        refused(line, RG_E_INDEX, "gather_rows: index 2 at position 1 is out of range", "x f32[2,3] · i i32[2]");
        line = __LINE__; rg_tensor sum = rg_sum(rg_relu(rg_gather_rows(x, l)));
        assert_true(isnan(rg_item(sum)));
        refused(line, RG_E_INDEX, "gather_rows: index -1 at position 0 is out of range", "x f32[2,3] · l i64[2]");
        line = __LINE__; rg_tensor added = rg_scatter_rows(x, i, 2);
        assert_int_equal(rg_eval(1, &added), RG_E_INDEX);
        refused(line, RG_E_INDEX, "scatter_rows: index 2 at position 1 is out of range", "x f32[2,3] · i i32[2]");
        line = __LINE__; rg_tensor hot = rg_one_hot(l, 3, RG_F64);
        assert_null(rg_data(hot));
        refused(line, RG_E_INDEX, "one_hot: index -1 at position 0 is out of range", "l i64[2]");
        rg_tensor logits = rg_name(rg_mul(x, rg_sum(rg_parameter(tape, rg_params_find(theta, "none")))), "logits");
        refused(__LINE__ - 1, RG_E_NULL, "parameter: ", "no parameter store");
        assert_true(rg_is_null(logits));
        line = __LINE__; rg_tensor loss = rg_cross_entropy(x, l);
        assert_int_equal(rg_backward(loss), RG_E_INDEX);
        refused(line, RG_E_INDEX, "cross_entropy_rows: index -1 at position 0 is out of range", "x f32[2,3] · l i64[2]");
    }
}

/* ---- Leaves ------------------------------------------------------------------------------------------------------------------------ */

static void leaves_refuse_what_is_no_tensor(void **state)
{
    (void)state;
    const float numbers[] = { 1, 2 };
    const rg_shape nine = { .rank = 9 }, huge = RG_SHAPE((int64_t)1 << 40, (int64_t)1 << 40);
    REFUSED(rg_input(tape, RG_F32, RG_SHAPE(2), NULL), RG_E_NULL, "input: no data", "");
    REFUSED(rg_input(tape, RG_NO_DTYPE, RG_SHAPE(2), numbers), RG_E_DTYPE, "input: 0 is not a dtype", "");
    REFUSED(rg_input(tape, (rg_dtype)17, RG_SHAPE(2), numbers), RG_E_DTYPE, "input: 17 is not a dtype", "");
    REFUSED(rg_input(tape, RG_F32, RG_SHAPE(2, -1), numbers), RG_E_SHAPE, "input: a malformed or too large shape", "");
    REFUSED(rg_input(tape, RG_F32, nine, numbers), RG_E_SHAPE, "input: ", "rank 9");
    REFUSED(rg_input(tape, RG_F32, huge, numbers), RG_E_SHAPE, "input: ", "rank 2");
    REFUSED(rg_input(tape, RG_F32, RG_SHAPE(0, (int64_t)1 << 40, (int64_t)1 << 40), NULL), RG_E_SHAPE, "input: ", "rank 3");
    REFUSED(rg_constant(tape, RG_F32, RG_SHAPE(2), NULL), RG_E_NULL, "constant: no data", "");
    REFUSED(rg_constant(tape, RG_I64, ((rg_shape){ .rank = -1 }), numbers), RG_E_SHAPE, "constant: ", "rank -1");
    REFUSED(rg_input_borrowed(tape, RG_F32, RG_SHAPE(2), NULL), RG_E_NULL, "input: no data", "");
    REFUSED(rg_input_borrowed(tape, (rg_dtype)-1, RG_SHAPE(2), numbers), RG_E_DTYPE, "input: -1 is not a dtype", "");
    REFUSED(rg_scalar(tape, RG_I32, 1), RG_E_DTYPE, "scalar: takes f32 or f64, not i32", "");
    REFUSED(rg_scalar(tape, (rg_dtype)9, 1), RG_E_DTYPE, "scalar: ", "not ?");
    REFUSED(rg_full(tape, RG_I32, RG_SHAPE(2), 1), RG_E_DTYPE, "full: makes f32 or f64", "");
    REFUSED(rg_full(tape, RG_F32, nine, 1), RG_E_SHAPE, "full: a malformed or too large shape", "");
    REFUSED(rg_full(tape, RG_F32, RG_SHAPE(-7), 1), RG_E_SHAPE, "full: ", "");
    REFUSED(rg_eye(tape, RG_I32, 2, 2, 0), RG_E_DTYPE, "full: makes f32 or f64", "");
    REFUSED(rg_eye(tape, RG_F32, -1, 2, 0), RG_E_SHAPE, "full: a malformed or too large shape", "");
    REFUSED(rg_eye(tape, RG_F32, INT64_MAX, 2, 0), RG_E_SHAPE, "full: a malformed or too large shape", "");
    REFUSED(rg_parameter(tape, ((rg_param){ 0 })), RG_E_NULL, "parameter: no parameter store", "");
    REFUSED(rg_parameter(tape, ((rg_param){ theta, 9 })), RG_E_ARGUMENT, "parameter: ", "no parameter number 9");
    assert_true(rg_is_null(rg_input(NULL, RG_F32, RG_SHAPE(2), numbers)));
    assert_true(rg_is_null(rg_scalar(NULL, RG_F32, 1)));
    assert_true(rg_is_null(rg_scalar(NULL, RG_I32, 1)));
    assert_true(rg_is_null(rg_full(NULL, RG_F32, RG_SCALAR, 1)));
    assert_true(rg_is_null(rg_eye(NULL, RG_F32, 2, 2, 0)));
    assert_true(rg_is_null(rg_parameter(NULL, rg_params_at(theta, 0))));
    assert_true(rg_is_null(rg_random_key(NULL, 1, 2)));
}

/* ---- Values and gradients -------------------------------------------------------------------------------------------------------------- */

static void values_refuse_what_cannot_be_read(void **state)
{
    (void)state;
    float room[6];
    assert_true(isnan(rg_item(x))); refused(__LINE__, RG_E_SHAPE, "item: not a single element", "x f32[2,3]");
    assert_true(isnan(rg_item(empty))); refused(__LINE__, RG_E_SHAPE, "item: ", "empty f32[0,3]");
    assert_true(isnan(rg_item(old))); refused(__LINE__, RG_E_TAPE, "item: ", "before rg_tape_reset");
    assert_null(rg_data(old)); refused(__LINE__, RG_E_TAPE, "data: ", "before rg_tape_reset");
    FAILS(rg_read(x, room, 23), RG_E_ARGUMENT, "read: the value has 24 bytes, and there is room for 23", "");
    FAILS(rg_read(x, room, 25), RG_E_ARGUMENT, "read: ", "25");
    FAILS(rg_read(x, NULL, 24), RG_E_NULL, "read: nowhere to write", "");
    FAILS(rg_read(old, room, 8), RG_E_TAPE, "read: ", "before rg_tape_reset");
    FAILS(rg_eval(2, (rg_tensor[]){ x, null }), RG_E_NULL, "eval: ", "operand 2 is the null tensor");
    FAILS(rg_eval(2, (rg_tensor[]){ x, old }), RG_E_TAPE, "eval: ", "operand 2 is a tensor from before");
    FAILS(rg_eval(2, (rg_tensor[]){ x, foreign }), RG_E_TAPE, "eval: ", "operand 2 is on another tape");
    assert_int_equal(rg_eval(1, NULL), RG_E_NULL);
    assert_int_equal(rg_eval(1, &null), RG_E_NULL);
    assert_int_equal(rg_eval(-1, &x), RG_E_NULL);
    assert_int_equal(rg_read(null, room, 0), RG_E_NULL);
    rg_tensor wild = { tape, 1u << 30, x.epoch };
    assert_null(rg_data(wild)); refused(__LINE__, RG_E_TAPE, "data: ", "");
    rg_keep(old); refused(0, RG_E_TAPE, "keep: ", "before rg_tape_reset");
    rg_name(old, "name"); refused(0, RG_E_TAPE, "name: ", "before rg_tape_reset");
    rg_name(x, NULL); refused(0, RG_E_NULL, "name: no name", "");
    rg_scope_push(tape, NULL); refused(0, RG_E_NULL, "scope: no name", "");
    rg_scope_pop(tape);
    rg_scope_pop(tape); /* more often than pushed */
}

static void gradients_refuse_what_has_no_derivative(void **state)
{
    (void)state;
    rg_tensor y = rg_sum(x), out[2], rounded = rg_one_hot(i, 3, RG_F32);
    FAILS(rg_grad(x, &x, 1, out), RG_E_GRADIENT, "grad: not a scalar, and no cotangent is given", "x f32[2,3]");
    FAILS(rg_grad(i, &x, 1, out), RG_E_GRADIENT, "grad: only f32 and f64 have derivatives", "i i32[2]");
    FAILS(rg_grad(y, &i, 1, out), RG_E_GRADIENT, "grad: only f32 and f64 have derivatives", "i i32[2]");
    FAILS(rg_grad(old, &x, 1, out), RG_E_TAPE, "grad: ", "before rg_tape_reset");
    FAILS(rg_grad(y, (rg_tensor[]){ x, null }, 2, out), RG_E_NULL, "grad: ", "variable 2 is the null tensor");
    FAILS(rg_grad(y, &old, 1, out), RG_E_TAPE, "grad: ", "variable 1 is a tensor from before");
    FAILS(rg_grad(y, &foreign, 1, out), RG_E_TAPE, "grad: ", "variable 1 is on another tape");
    FAILS(rg_grad(y, NULL, 1, out), RG_E_NULL, "grad: no place for variables or results", "");
    FAILS(rg_grad(y, &x, 1, NULL), RG_E_NULL, "grad: no place for variables or results", "");
    FAILS(rg_grad(y, &x, -1, out), RG_E_NULL, "grad: no place for variables or results", "");
    FAILS(rg_vjp(x, null, &x, 1, out), RG_E_NULL, "vjp: the cotangent is the null tensor", "");
    FAILS(rg_vjp(x, v, &x, 1, out), RG_E_SHAPE, "vjp: the cotangent's shape differs", "x f32[2,3] · v f32[2]");
    FAILS(rg_vjp(x, d, &x, 1, out), RG_E_DTYPE, "vjp: the cotangent's dtype differs", "x f32[2,3] · d f64[2,3]");
    FAILS(rg_vjp(x, foreign, &x, 1, out), RG_E_TAPE, "vjp: the cotangent is on another tape", "");
    FAILS(rg_vjp(x, old, &x, 1, out), RG_E_TAPE, "vjp: ", "before rg_tape_reset");
    FAILS(rg_backward(x), RG_E_GRADIENT, "backward: not a scalar", "x f32[2,3]");
    FAILS(rg_backward(i), RG_E_GRADIENT, "backward: only f32 and f64", "i i32[2]");
    FAILS(rg_backward(old), RG_E_TAPE, "backward: ", "before rg_tape_reset");
    FAILS(rg_backward_seeded(x, null), RG_E_NULL, "backward: the cotangent is the null tensor", "");
    FAILS(rg_backward_seeded(x, v), RG_E_SHAPE, "backward: the cotangent's shape differs", "x f32[2,3] · v f32[2]");
    FAILS(rg_backward_seeded(x, old), RG_E_TAPE, "backward: ", "before rg_tape_reset");
    assert_int_equal(rg_grad(rg_sum(rounded), &x, 1, out), RG_OK); /* a declared zero is a derivative */
    assert_exactly(out[0], 0, 0, 0, 0, 0, 0);
    assert_int_equal(rg_grad(null, &x, 1, out), RG_E_NULL);
    assert_int_equal(rg_backward(null), RG_E_NULL);
}

static void ops_refuse_operands_they_do_not_take(void **state)
{
    (void)state;
    const rg_op *add = rg_op_find("add"), *slice = rg_op_find("slice");
    REFUSED(rg_apply(NULL, NULL, 1, &x), RG_E_NULL, "apply: no op", "");
    REFUSED(rg_apply(add, NULL, 1, &x), RG_E_ARGUMENT, "add: takes 2 operands, not 1", "");
    REFUSED(rg_apply(add, NULL, 2, (rg_tensor[]){ x, old }), RG_E_TAPE, "add: ", "operand 2");
    REFUSED(rg_apply(slice, NULL, 1, &x), RG_E_NULL, "slice: takes attributes, and there are none", "");
    assert_true(rg_is_null(rg_apply(add, NULL, 2, NULL)));
    assert_true(rg_is_null(rg_apply(add, NULL, 0, &x)));
    assert_true(rg_is_null(rg_apply(add, NULL, -5, &x)));
    assert_null(rg_op_find("no such op"));
    assert_null(rg_op_find(NULL));
    rg_fail(tape, RG_SITE, RG_E_STATE, "layer %s: %d", "fc", 7); refused(__LINE__, RG_E_STATE, "layer fc: 7", "");
    rg_fail(tape, RG_SITE, RG_OK, "nothing");
    assert_false(rg_failed(tape));
    rg_fail(tape, RG_SITE, RG_E_STATE, "%0*d", 5000, 7); refused(__LINE__, RG_E_STATE, "0000", ""); /* longer than a message */
}

/* ---- What no memory has ------------------------------------------------------------------------------------------------------------------ */

static void values_that_no_memory_holds_are_an_error(void **state)
{
    (void)state;
    const rg_shape large = RG_SHAPE((int64_t)1 << 56); /* 2^58 bytes: 64 of them are none at all, counted in 64 bits */
    enum { MOST = 80 };
    for (int n = 16; n <= MOST; n++)
        for (int time = 0; time < 2; time++) { /* node by node, and then by plan */
            rg_tensor parts[MOST], total = s;
            for (int k = 0; k < n; k++) parts[k] = rg_softmax(rg_full(tape, RG_F32, large, k), 0);
            for (int k = 0; k < n; k++) total = rg_add(total, rg_sum(rg_mul(parts[k], parts[n - 1 - k])));
            assert_int_equal(rg_eval(1, &total), RG_E_MEMORY); refused(__LINE__, RG_E_MEMORY, "out of memory", "");
        }
    for (int time = 0; time < 3; time++) { /* 2^84 multiplications: that number has to fit nowhere */
        rg_tensor square = rg_expand(s, RG_SHAPE((int64_t)1 << 28, (int64_t)1 << 28)), product = rg_matmul(square, square);
        assert_null(rg_data(product)); refused(__LINE__, RG_E_MEMORY, "out of memory", "");
        assert_true(isnan(rg_item(rg_sum(rg_exp(square))))); refused(__LINE__, RG_E_MEMORY, "out of memory", "");
    }
    REFUSED(rg_input(tape, RG_F64, large, &large), RG_E_MEMORY, "input: out of memory", "");
}

static void the_null_tape_is_harmless(void **state)
{
    (void)state;
    rg_tape_free(NULL);
    rg_tape_reset(NULL);
    rg_tape_clear_error(NULL);
    assert_true(rg_failed(NULL));
    assert_int_equal(rg_tape_status(NULL), RG_E_NULL);
    assert_non_null(rg_message(NULL));
    assert_true(rg_is_null(rg_fail(NULL, RG_SITE, RG_E_STATE, "nobody")));
    assert_false(rg_no_grad(NULL, true));
    assert_false(rg_training(NULL, true));
    assert_false(rg_is_training(NULL));
    assert_null(rg_set_site(NULL, "here"));
    rg_scope_push(NULL, "a");
    rg_scope_pop(NULL);
    assert_int_equal(rg_tape_get_stats(NULL).nodes, 0);
    assert_string_equal(rg_status_name((rg_status)99), "unknown status");
    assert_string_equal(rg_dtype_name((rg_dtype)99), "?");
    assert_int_equal(rg_dtype_size((rg_dtype)-3), 0);
    assert_int_equal(rg_shape_count((rg_shape){ .rank = 99 }), -1);
    assert_int_equal(rg_shape_count(RG_SHAPE(INT64_MAX, 2)), -1);
    assert_int_equal(rg_shape_count(RG_SHAPE(INT64_MAX, 0)), -1);
    assert_int_equal(rg_shape_count(RG_SHAPE(7, 0)), 0);
    assert_true(rg_is_null(rg_operand(x, -1)) && rg_is_null(rg_operand(x, 0)));
}

static void these_were_more_than_two_hundred_kinds(void **state)
{
    (void)state;
    assert_true(kinds > 300);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(binary_ops_refuse_what_does_not_fit),
        TEST(unary_ops_refuse_what_does_not_fit),
        TEST(dropout_refuses_what_is_no_probability_or_no_key),
        TEST(reductions_refuse_axes_that_are_none),
        TEST(products_refuse_matrices_that_do_not_fit),
        TEST(views_refuse_shapes_that_do_not_fit),
        TEST(pieces_refuse_ranges_that_are_none),
        TEST(indexing_refuses_what_is_no_index),
        TEST(indices_out_of_range_are_found_when_they_are_used),
        TEST(leaves_refuse_what_is_no_tensor),
        TEST(values_refuse_what_cannot_be_read),
        TEST(gradients_refuse_what_has_no_derivative),
        TEST(ops_refuse_operands_they_do_not_take),
        TEST(values_that_no_memory_holds_are_an_error),
        TEST(the_null_tape_is_harmless),
        cmocka_unit_test(these_were_more_than_two_hundred_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
