/* A hundred and more kinds of misuse: each gives the right status and a message with the op, the operands and the
 * caller's line; and the next correct call works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"

/* Asking for too much memory is one of the mistakes: the sanitizer is to say no, and not to stop. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static rg_tape *tape, *other;
static rg_params *theta;
static rg_param weight;
static rg_tensor none, old, foreign;            /* the null tensor, one from before a reset, one of another tape */
static rg_tensor x, v, s, w, d, i, big, key;    /* f32[3,4], f32[4], f32[], weight f32[5,4], f64[3,4], i32[3], ... */
static int cases;

static const float numbers[32] = { 1, 2, 3 };
static const double doubles[32] = { 1, 2, 3 };
static const int32_t labels[3] = { 0, 1, 2 }, wrong_labels[3] = { 0, 7, -1 };

static int set_up(void **state)
{
    (void)state;
    tape = rg_tape_new();
    other = rg_tape_new();
    theta = rg_params_new(RG_F32, 1);
    weight = rg_params_add(theta, "fc.weight", RG_SHAPE(5, 4));
    old = rg_input(tape, RG_F32, RG_SHAPE(3), numbers);
    foreign = rg_input(other, RG_F32, RG_SHAPE(3, 4), numbers);
    rg_tape_reset(tape);
    x = rg_name(rg_input(tape, RG_F32, RG_SHAPE(3, 4), numbers), "x");
    v = rg_input(tape, RG_F32, RG_SHAPE(4), numbers);
    s = rg_scalar(tape, RG_F32, 2);
    w = rg_parameter(tape, weight);
    d = rg_input(tape, RG_F64, RG_SHAPE(3, 4), doubles);
    i = rg_name(rg_input(tape, RG_I32, RG_SHAPE(3), labels), "labels");
    key = rg_random_key(tape, 1, 2);
    big = rg_input(tape, RG_F32, RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), numbers);
    return rg_failed(tape) || rg_failed(other);
}

static int tear_down(void **state)
{
    (void)state;
    rg_tape_free(tape);
    rg_tape_free(other);
    rg_params_free(theta);
    return 0;
}

static void check(rg_status status, const char *words, int line)
{
    char site[64];
    snprintf(site, sizeof site, "test_misuse.c:%d: ", line);
    if (rg_tape_status(tape) != status)
        fail_msg("line %d: %s instead of %s: %s", line, rg_status_name(rg_tape_status(tape)), rg_status_name(status),
                 rg_message(tape));
    if (strncmp(rg_message(tape), site, strlen(site)) != 0) fail_msg("line %d: \"%s\"", line, rg_message(tape));
    char copy[256], *next = copy;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = next) != NULL && *word;) {
        next = strchr(word, '|');
        if (next) *next++ = '\0';
        if (!strstr(rg_message(tape), word)) fail_msg("line %d: no \"%s\" in \"%s\"", line, word, rg_message(tape));
    }
    cases++;
    rg_tape_clear_error(tape);
    assert_false(rg_failed(tape));
    assert_true(rg_item(rg_add(s, s)) == 4);
    assert_int_equal(rg_tape_status(tape), RG_OK);
}

/* WRONG(status, "what|the|message|says", call) */
#define WRONG(status, words, ...)                                                                                  \
    do {                                                                                                           \
        (void)(__VA_ARGS__);                                                                                       \
        check(status, words, __LINE__);                                                                            \
    } while (0)

static void leaves_refuse_bad_numbers_and_shapes(void **state)
{
    (void)state;
    const rg_shape nine = { .rank = 9 }, negative = { .rank = -1 };
    WRONG(RG_E_NULL, "input", rg_input(tape, RG_F32, RG_SHAPE(3), NULL));
    WRONG(RG_E_NULL, "input", rg_input_borrowed(tape, RG_F32, RG_SHAPE(3), NULL));
    WRONG(RG_E_NULL, "constant", rg_constant(tape, RG_F32, RG_SHAPE(3), NULL));
    WRONG(RG_E_DTYPE, "input", rg_input(tape, RG_NO_DTYPE, RG_SHAPE(3), numbers));
    WRONG(RG_E_DTYPE, "input", rg_input(tape, (rg_dtype)77, RG_SHAPE(3), numbers));
    WRONG(RG_E_DTYPE, "constant", rg_constant(tape, (rg_dtype)-1, RG_SHAPE(3), numbers));
    WRONG(RG_E_SHAPE, "input", rg_input(tape, RG_F32, RG_SHAPE(-3), numbers));
    WRONG(RG_E_SHAPE, "input|rank 9", rg_input(tape, RG_F32, nine, numbers));
    WRONG(RG_E_SHAPE, "input|rank -1", rg_input(tape, RG_F32, negative, numbers));
    WRONG(RG_E_SHAPE, "input", rg_input(tape, RG_F32, RG_SHAPE(INT64_MAX, 2), numbers));
    WRONG(RG_E_SHAPE, "input", rg_input_borrowed(tape, RG_F64, RG_SHAPE(INT64_MAX / 4, 4), numbers));
    WRONG(RG_E_DTYPE, "scalar|i32", rg_scalar(tape, RG_I32, 1));
    WRONG(RG_E_DTYPE, "scalar", rg_scalar(tape, RG_NO_DTYPE, 1));
    WRONG(RG_E_DTYPE, "full", rg_full(tape, RG_I64, RG_SHAPE(2), 1));
    WRONG(RG_E_SHAPE, "full", rg_full(tape, RG_F32, nine, 1));
    WRONG(RG_E_SHAPE, "full", rg_full(tape, RG_F32, RG_SHAPE(INT64_MAX, INT64_MAX), 1));
    WRONG(RG_E_NULL, "parameter", rg_parameter(tape, (rg_param){ 0 }));
    WRONG(RG_E_ARGUMENT, "parameter|77", rg_parameter(tape, (rg_param){ theta, 77 }));
    assert_true(rg_is_null(rg_input(NULL, RG_F32, RG_SHAPE(3), numbers)));
    assert_true(rg_is_null(rg_parameter(NULL, weight)));
}

static void elementwise_ops_refuse_what_does_not_fit(void **state)
{
    (void)state;
    WRONG(RG_E_SHAPE, "add|x f32[3,4]|i", rg_add(x, rg_input(tape, RG_F32, RG_SHAPE(3), numbers)));
    WRONG(RG_E_SHAPE, "sub|x f32[3,4] · fc.weight f32[5,4]", rg_sub(x, w));
    WRONG(RG_E_SHAPE, "mul|fc.weight f32[5,4] · x f32[3,4]", rg_mul(w, x));
    WRONG(RG_E_SHAPE, "div|x f32[3,4]", rg_div(x, w));
    WRONG(RG_E_SHAPE, "maximum|f32[3,4]", rg_maximum(x, w));
    WRONG(RG_E_SHAPE, "minimum|f32[3,4]", rg_minimum(x, w));
    WRONG(RG_E_SHAPE, "greater|f32[3,4]", rg_greater(x, w));
    WRONG(RG_E_SHAPE, "equal|f32[3,4]", rg_equal(x, w));
    WRONG(RG_E_SHAPE, "where|f32[3,4]", rg_where(x, w, s));
    WRONG(RG_E_DTYPE, "add|x f32[3,4]|f64[3,4]", rg_add(x, d));
    WRONG(RG_E_DTYPE, "mul|f64[3,4]|x f32[3,4]", rg_mul(d, x));
    WRONG(RG_E_DTYPE, "div|labels i32[3]", rg_div(i, i));
    WRONG(RG_E_DTYPE, "where|f64[3,4]", rg_where(x, x, d));
    WRONG(RG_E_DTYPE, "neg|labels i32[3]", rg_neg(i));
    WRONG(RG_E_DTYPE, "exp|labels i32[3]", rg_exp(i));
    WRONG(RG_E_DTYPE, "log|labels i32[3]", rg_log(i));
    WRONG(RG_E_DTYPE, "sqrt|labels i32[3]", rg_sqrt(i));
    WRONG(RG_E_DTYPE, "square|labels i32[3]", rg_square(i));
    WRONG(RG_E_DTYPE, "tanh|labels i32[3]", rg_tanh(i));
    WRONG(RG_E_DTYPE, "sigmoid|labels i32[3]", rg_sigmoid(i));
    WRONG(RG_E_DTYPE, "relu|labels i32[3]", rg_relu(i));
    WRONG(RG_E_DTYPE, "softplus|labels i32[3]", rg_softplus(i));
    WRONG(RG_E_DTYPE, "power|labels i32[3]", rg_power(i, 2));
    WRONG(RG_E_DTYPE, "scale|labels i32[3]", rg_scale(i, 2));
    WRONG(RG_E_DTYPE, "shift|labels i32[3]", rg_shift(i, 2));
    WRONG(RG_E_DTYPE, "one_minus|labels i32[3]", rg_one_minus(i));
    WRONG(RG_E_ARGUMENT, "dropout|1.5|x f32[3,4]", rg_dropout(x, 1.5, key));
    WRONG(RG_E_ARGUMENT, "dropout|-0.1", rg_dropout(x, -0.1, key));
    WRONG(RG_E_ARGUMENT, "dropout|nan", rg_dropout(x, (double)__builtin_nanf(""), key));
    WRONG(RG_E_DTYPE, "dropout|key|labels i32[3]", rg_dropout(x, 0.5, i));
    WRONG(RG_E_DTYPE, "dropout|labels i32[3]", rg_dropout(i, 0.5, key));
}

static void null_old_and_foreign_tensors_are_told_apart(void **state)
{
    (void)state;
    WRONG(RG_E_NULL, "add|operand 2|null", rg_add(x, none));
    WRONG(RG_E_NULL, "add|operand 1|null", rg_add(none, x));
    WRONG(RG_E_NULL, "where|operand 3|null", rg_where(x, x, none));
    WRONG(RG_E_NULL, "matmul|operand 2|null", rg_matmul(x, none));
    WRONG(RG_E_NULL, "gather_rows|operand 2|null", rg_gather_rows(x, none));
    WRONG(RG_E_NULL, "cross_entropy_rows|operand 2|null", rg_cross_entropy(x, none));
    WRONG(RG_E_NULL, "concat|operand 2|null", rg_concat(2, (rg_tensor[]){ x, none }, 0));
    WRONG(RG_E_TAPE, "tanh|before rg_tape_reset", rg_tanh(old));
    WRONG(RG_E_TAPE, "add|operand 2|before rg_tape_reset", rg_add(x, old));
    WRONG(RG_E_TAPE, "sum|before rg_tape_reset", rg_sum(old));
    WRONG(RG_E_TAPE, "matmul|before rg_tape_reset", rg_matmul(x, old));
    WRONG(RG_E_TAPE, "softmax|before rg_tape_reset", rg_softmax(old, 0));
    WRONG(RG_E_TAPE, "reshape|before rg_tape_reset", rg_reshape(old, RG_SHAPE(3)));
    WRONG(RG_E_TAPE, "slice|before rg_tape_reset", rg_slice(old, 0, 0, 1));
    WRONG(RG_E_TAPE, "data|before rg_tape_reset", rg_data(old));
    WRONG(RG_E_TAPE, "item|before rg_tape_reset", rg_item(old));
    WRONG(RG_E_TAPE, "backward|before rg_tape_reset", rg_backward(old));
    WRONG(RG_E_TAPE, "add|operand 2|another tape", rg_add(x, foreign));
    WRONG(RG_E_TAPE, "matmul|operand 2|another tape", rg_matmul(x, foreign));
    WRONG(RG_E_TAPE, "where|operand 2|another tape", rg_where(x, foreign, x));
    WRONG(RG_E_TAPE, "concat|another tape", rg_concat(2, (rg_tensor[]){ x, foreign }, 0));
    WRONG(RG_E_TAPE, "eval|another tape", rg_eval(2, (rg_tensor[]){ rg_neg(x), foreign }));
    assert_false(rg_failed(other));
    assert_true(rg_is_null(rg_tanh(none)));
    assert_true(rg_is_null(rg_sum(rg_matmul(none, none))));
}

static void reductions_and_rows_refuse_bad_axes(void **state)
{
    (void)state;
    rg_tensor empty = rg_input(tape, RG_F32, RG_SHAPE(0, 3), NULL);
    WRONG(RG_E_ARGUMENT, "sum|axis|x f32[3,4]", rg_sum_axes(x, RG_AXES(2), false));
    WRONG(RG_E_ARGUMENT, "sum|axis|x f32[3,4]", rg_sum_axes(x, RG_AXES(-3), false));
    WRONG(RG_E_ARGUMENT, "sum|twice|x f32[3,4]", rg_sum_axes(x, RG_AXES(1, -1), true));
    WRONG(RG_E_ARGUMENT, "max|axis|x f32[3,4]", rg_max_axes(x, RG_AXES(5), false));
    WRONG(RG_E_ARGUMENT, "mean|axis|x f32[3,4]", rg_mean_axes(x, RG_AXES(9), false));
    WRONG(RG_E_ARGUMENT, "sum|axis", rg_sum_axes(x, (rg_axes){ .count = -1 }, false));
    WRONG(RG_E_ARGUMENT, "sum|axis", rg_sum_axes(x, (rg_axes){ .count = 99 }, false));
    WRONG(RG_E_DTYPE, "sum|labels i32[3]", rg_sum(i));
    WRONG(RG_E_DTYPE, "labels i32[3]", rg_mean(i));
    WRONG(RG_E_DTYPE, "max|labels i32[3]", rg_max(i));
    WRONG(RG_E_SHAPE, "max|no elements|f32[0,3]", rg_max(empty));
    WRONG(RG_E_SHAPE, "max|no elements|f32[0,3]", rg_max_axes(empty, RG_AXES(0), false));
    WRONG(RG_E_ARGUMENT, "softmax|axis|x f32[3,4]", rg_softmax(x, 2));
    WRONG(RG_E_ARGUMENT, "log_softmax|axis|x f32[3,4]", rg_log_softmax(x, -3));
    WRONG(RG_E_ARGUMENT, "logsumexp|axis|x f32[3,4]", rg_logsumexp(x, 2, false));
    WRONG(RG_E_SHAPE, "softmax", rg_softmax(s, 0));
    WRONG(RG_E_DTYPE, "softmax|labels i32[3]", rg_softmax(i, 0));
}

static void products_and_shapes_refuse_sizes_that_differ(void **state)
{
    (void)state;
    WRONG(RG_E_SHAPE, "matmul|inner sizes differ|x f32[3,4] · fc.weight f32[5,4]", rg_matmul(x, w));
    WRONG(RG_E_SHAPE, "matmul|inner sizes differ", rg_matmul(v, x));
    WRONG(RG_E_SHAPE, "matmul|matrices", rg_matmul(x, s));
    WRONG(RG_E_SHAPE, "matmul|matrices", rg_matmul(s, x));
    WRONG(RG_E_DTYPE, "matmul|x f32[3,4]", rg_matmul(x, rg_transpose(d)));
    WRONG(RG_E_DTYPE, "matmul|labels reshape i32[1,3]", rg_matmul(i, i));
    WRONG(RG_E_SHAPE, "matmul|leading", rg_matmul(rg_expand(x, RG_SHAPE(2, 3, 4)), rg_expand(rg_transpose(x), RG_SHAPE(3, 4, 3))));
    WRONG(RG_E_SHAPE, "transpose|two axes", rg_transpose(v));
    WRONG(RG_E_ARGUMENT, "permute|every axis once|x f32[3,4]", rg_permute(x, RG_AXES(0, 0)));
    WRONG(RG_E_ARGUMENT, "permute|x f32[3,4]", rg_permute(x, RG_AXES(0)));
    WRONG(RG_E_ARGUMENT, "permute|x f32[3,4]", rg_permute(x, RG_AXES(0, 5)));
    WRONG(RG_E_SHAPE, "reshape|12 elements|x f32[3,4]", rg_reshape(x, RG_SHAPE(5)));
    WRONG(RG_E_SHAPE, "reshape|-1|x f32[3,4]", rg_reshape(x, RG_SHAPE(5, -1)));
    WRONG(RG_E_SHAPE, "reshape|-1|x f32[3,4]", rg_reshape(x, RG_SHAPE(-1, -1)));
    WRONG(RG_E_SHAPE, "reshape|x f32[3,4]", rg_reshape(x, (rg_shape){ .rank = 12 }));
    WRONG(RG_E_SHAPE, "expand|x f32[3,4]", rg_expand(x, RG_SHAPE(6, 4)));
    WRONG(RG_E_SHAPE, "expand|x f32[3,4]", rg_expand(x, RG_SHAPE(4)));
    WRONG(RG_E_SHAPE, "expand|f32[]", rg_expand(s, RG_SHAPE(INT64_MAX, INT64_MAX)));
    WRONG(RG_E_SHAPE, "expand", rg_expand(x, (rg_shape){ .rank = -2 }));
    WRONG(RG_E_ARGUMENT, "slice|axis|x f32[3,4]", rg_slice(x, 2, 0, 1));
    WRONG(RG_E_ARGUMENT, "slice|range|x f32[3,4]", rg_slice(x, 0, 0, 4));
    WRONG(RG_E_ARGUMENT, "slice|x f32[3,4]", rg_slice(x, 0, 2, 1));
    WRONG(RG_E_ARGUMENT, "slice|x f32[3,4]", rg_slice(x, 0, -9, 2));
    WRONG(RG_E_ARGUMENT, "pad|x f32[3,4]", rg_pad(x, 2, 1, 1));
    WRONG(RG_E_ARGUMENT, "pad|x f32[3,4]", rg_pad(x, 0, -1, 1));
    WRONG(RG_E_ARGUMENT, "pad|x f32[3,4]", rg_pad(x, 0, INT64_MAX, INT64_MAX));
    WRONG(RG_E_DTYPE, "pad|labels i32[3]", rg_pad(i, 0, 1, 1));
    WRONG(RG_E_SHAPE, "concat|off the axis|x f32[3,4]", rg_concat(2, (rg_tensor[]){ x, rg_transpose(x) }, 0));
    WRONG(RG_E_SHAPE, "concat|ranks differ", rg_concat(2, (rg_tensor[]){ x, v }, 0));
    WRONG(RG_E_ARGUMENT, "concat|axis", rg_concat(2, (rg_tensor[]){ x, x }, 2));
    WRONG(RG_E_DTYPE, "concat|dtypes differ", rg_concat(2, (rg_tensor[]){ x, d }, 0));
}

static void indices_and_labels_are_checked(void **state)
{
    (void)state;
    rg_tensor bad = rg_name(rg_input(tape, RG_I32, RG_SHAPE(3), wrong_labels), "bad");
    WRONG(RG_E_DTYPE, "gather_rows|index|x f32[3,4]", rg_gather_rows(x, v));
    WRONG(RG_E_SHAPE, "gather_rows|f32[]", rg_gather_rows(s, i));
    WRONG(RG_E_SHAPE, "gather_rows|8 dimensions", rg_gather_rows(big, rg_expand(i, RG_SHAPE(1, 3))));
    WRONG(RG_E_SHAPE, "scatter_rows|f32[4]", rg_scatter_rows(v, i, 3));
    WRONG(RG_E_ARGUMENT, "scatter_rows|negative", rg_scatter_rows(x, i, -1));
    WRONG(RG_E_DTYPE, "scatter_rows", rg_scatter_rows(i, i, 3));
    WRONG(RG_E_DTYPE, "one_hot|x f32[3,4]", rg_one_hot(x, 3, RG_F32));
    WRONG(RG_E_ARGUMENT, "one_hot|class", rg_one_hot(i, 0, RG_F32));
    WRONG(RG_E_DTYPE, "one_hot", rg_one_hot(i, 3, RG_I32));
    WRONG(RG_E_SHAPE, "cross_entropy_rows|x f32[3,4] · labels", rg_cross_entropy(x, rg_slice(rg_name(i, "labels"), 0, 0, 2)), 0);
    WRONG(RG_E_DTYPE, "cross_entropy_rows|labels must be", rg_cross_entropy(x, v));
    WRONG(RG_E_SHAPE, "mse|shapes differ|x f32[3,4]", rg_mse(x, v));
    WRONG(RG_E_SHAPE, "binary_cross_entropy|shapes differ", rg_binary_cross_entropy(x, v));
    /* The numbers are looked at when a value is asked for; the line named is that of the op. */
    rg_tensor picked = rg_gather_rows(x, bad); WRONG(RG_E_INDEX, "gather_rows|index 7 at position 1|bad i32[3]", rg_data(picked));
    rg_tensor hot = rg_one_hot(bad, 3, RG_F32); WRONG(RG_E_INDEX, "one_hot|index 7 at position 1|bad i32[3]", rg_data(hot));
    rg_tensor loss = rg_cross_entropy(x, bad); WRONG(RG_E_INDEX, "cross_entropy_rows|index 7 at position 1", rg_item(loss));
    rg_tensor added = rg_scatter_rows(x, bad, 3); WRONG(RG_E_INDEX, "scatter_rows|index 7 at position 1", rg_data(added));
}

static void values_and_gradients_refuse_bad_questions(void **state)
{
    (void)state;
    float out[12];
    rg_tensor g, y = rg_sum(rg_square(x));
    WRONG(RG_E_SHAPE, "item|single|x f32[3,4]", rg_item(x));
    WRONG(RG_E_ARGUMENT, "read|48 bytes", rg_read(x, out, 4));
    WRONG(RG_E_NULL, "read", rg_read(x, NULL, 48));
    WRONG(RG_E_NULL, "eval", rg_eval(2, (rg_tensor[]){ rg_neg(x), none }));
    WRONG(RG_E_GRADIENT, "grad|scalar|x f32[3,4]", rg_grad(x, &x, 1, &g));
    WRONG(RG_E_GRADIENT, "grad|labels i32[3]", rg_grad(i, &x, 1, &g));
    WRONG(RG_E_GRADIENT, "grad|labels i32[3]", rg_grad(y, &i, 1, &g));
    WRONG(RG_E_NULL, "grad|variable 1|null", rg_grad(y, &none, 1, &g));
    WRONG(RG_E_TAPE, "grad|variable 1|before rg_tape_reset", rg_grad(y, &old, 1, &g));
    WRONG(RG_E_TAPE, "grad|variable 1|another tape", rg_grad(y, &foreign, 1, &g));
    WRONG(RG_E_NULL, "grad", rg_grad(y, NULL, 1, &g));
    WRONG(RG_E_NULL, "grad", rg_grad(y, &x, 1, NULL));
    WRONG(RG_E_NULL, "vjp|cotangent", rg_vjp(x, none, &x, 1, &g));
    WRONG(RG_E_SHAPE, "vjp|cotangent|x f32[3,4] · fc.weight f32[5,4]", rg_vjp(x, w, &x, 1, &g));
    WRONG(RG_E_DTYPE, "vjp|cotangent", rg_vjp(x, d, &x, 1, &g));
    WRONG(RG_E_TAPE, "vjp|another tape", rg_vjp(x, foreign, &x, 1, &g));
    WRONG(RG_E_GRADIENT, "backward|scalar|x f32[3,4]", rg_backward(x));
    WRONG(RG_E_GRADIENT, "backward|labels i32[3]", rg_backward(i));
    WRONG(RG_E_NULL, "backward|cotangent", rg_backward_seeded(x, none));
    WRONG(RG_E_SHAPE, "backward|cotangent", rg_backward_seeded(x, w));
    WRONG(RG_E_TAPE, "backward|before rg_tape_reset", rg_backward_seeded(x, old));
    assert_int_equal(rg_backward(none), RG_E_NULL);
    assert_int_equal(rg_grad(none, &x, 1, &g), RG_E_NULL);
    assert_int_equal(rg_eval(1, NULL), RG_E_NULL);
    assert_null(rg_data(none));
    assert_int_equal(rg_read(none, out, 4), RG_E_NULL);
    double nothing = rg_item(none);
    assert_true(nothing != nothing);
}

static void own_ops_are_held_to_what_they_say(void **state)
{
    (void)state;
    static const rg_op shapeless = { .name = "shapeless", .arity = 1 };
    static const rg_op kernelless = { .name = "kernelless", .arity = 1, .shape = rg_shape_same };
    static const rg_op with_attributes = { .name = "attributed", .arity = 1, .shape = rg_shape_same, .attribute_size = 8 };
    WRONG(RG_E_ARGUMENT, "tanh|takes 1 operands, not 2", rg_apply(rg_op_find("tanh"), NULL, 2, (rg_tensor[]){ x, x }));
    WRONG(RG_E_ARGUMENT, "add|takes 2 operands, not 1", rg_apply(rg_op_find("add"), NULL, 1, &x));
    WRONG(RG_E_NULL, "apply", rg_apply(NULL, NULL, 1, &x));
    WRONG(RG_E_ARGUMENT, "shapeless", rg_apply(&shapeless, NULL, 1, &x));
    WRONG(RG_E_DTYPE, "kernelless|x f32[3,4]", rg_apply(&kernelless, NULL, 1, &x));
    WRONG(RG_E_NULL, "attributed|attributes", rg_apply(&with_attributes, NULL, 1, &x));
    WRONG(RG_E_NULL, "power|attributes", rg_apply(rg_op_find("power"), NULL, 1, &x));
}

static void parameters_refuse_bad_names_and_shapes(void **state)
{
    (void)state;
    struct {
        const char *name, *says;
        rg_shape shape;
        rg_status status;
    } bad[] = {
        { NULL, "needs a name", RG_SHAPE(2), RG_E_NULL },          { "", "needs a name", RG_SHAPE(2), RG_E_NULL },
        { "a", "taken", RG_SHAPE(2), RG_E_ARGUMENT },              { "b", "shape", RG_SHAPE(-2), RG_E_SHAPE },
        { "c", "shape", { .rank = 9 }, RG_E_SHAPE },               { "e", "memory", RG_SHAPE(INT64_MAX / 128), RG_E_MEMORY },
        { "f", "shape", RG_SHAPE(INT64_MAX, 8), RG_E_SHAPE },
    };
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        rg_params *store = rg_params_new(RG_F32, 1);
        rg_params_add(store, "a", RG_SHAPE(2));
        assert_null(rg_params_add(store, bad[k].name, bad[k].shape).store);
        assert_int_equal(rg_params_status(store), bad[k].status);
        assert_non_null(strstr(rg_params_message(store), bad[k].says));
        WRONG(bad[k].status, bad[k].says, rg_parameter(tape, rg_params_at(store, 0)));
        assert_int_equal(rg_params_count(store), 2);
        rg_params_free(store);
    }
    assert_null(rg_params_new(RG_I32, 1));
    assert_null(rg_params_new(RG_NO_DTYPE, 1));
    assert_null(rg_params_find(theta, "no such").store);
    assert_null(rg_params_at(theta, 9).store);
    assert_null(rg_params_data(NULL));
    assert_int_equal(rg_params_status(NULL), RG_E_NULL);
}

static void there_are_a_hundred_kinds(void **state)
{
    (void)state;
    assert_true(cases >= 100);
    print_message("%d kinds of misuse\n", cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_refuse_bad_numbers_and_shapes),
        cmocka_unit_test(elementwise_ops_refuse_what_does_not_fit),
        cmocka_unit_test(null_old_and_foreign_tensors_are_told_apart),
        cmocka_unit_test(reductions_and_rows_refuse_bad_axes),
        cmocka_unit_test(products_and_shapes_refuse_sizes_that_differ),
        cmocka_unit_test(indices_and_labels_are_checked),
        cmocka_unit_test(values_and_gradients_refuse_bad_questions),
        cmocka_unit_test(own_ops_are_held_to_what_they_say),
        cmocka_unit_test(parameters_refuse_bad_names_and_shapes),
        cmocka_unit_test(there_are_a_hundred_kinds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
