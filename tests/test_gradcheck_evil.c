/* test_gradcheck_evil.c: functions made to fool the gradient check get the verdict they deserve, and functions that are
 * right but hard to check pass. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PI 3.14159265358979323846

static const double six[] = { 0.7, -1.3, 0.4, 1.9, -0.6, 1.1 };

static rg_gradcheck_result check(rg_function *f, void *context, int n, const rg_gradcheck_input *in)
{
    rg_gradcheck_result result;
    rg_gradcheck(f, context, n, in, NULL, &result);
    return result;
}

static rg_gradcheck_result check_at(rg_function *f, void *context, int64_t count, const double *at)
{
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(count), .values = at, .name = "x" } };
    return check(f, context, 1, in);
}

static void assert_verdict(const char *what, rg_gradcheck_result result, rg_verdict expected)
{
    if (result.verdict != expected)
        fail_msg("%s: %s, not %s: %s", what, rg_verdict_name(result.verdict), rg_verdict_name(expected),
                 result.message);
}

/* ---- Ops with evil rules ----------------------------------------------------------------------------------------- */

static void copy_f64(const rg_call *call, int64_t begin, int64_t end)
{
    memcpy((double *)call->out + begin, (const double *)call->in[0] + begin, (size_t)(end - begin) * sizeof(double));
}

static void copy_f32(const rg_call *call, int64_t begin, int64_t end)
{
    memcpy((float *)call->out + begin, (const float *)call->in[0] + begin, (size_t)(end - begin) * sizeof(float));
}

/* y = x, with the given rule. */
static rg_tensor apply_rule(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n;
    return rg_tanh(rg_apply(context, NULL, 1, in));
}

#define RULE(name, expression)                                                                                     \
    static rg_tensor name(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)                                    \
    {                                                                                                              \
        (void)k, (void)in, (void)y;                                                                                \
        return expression;                                                                                         \
    }

RULE(right, g)
RULE(off_by_1e_4, rg_scale(g, 1.0001))
RULE(off_by_1e_8, rg_scale(g, 1 + 1e-8))
RULE(wrong_where_negative, rg_sub(rg_relu(g), rg_scale(rg_relu(rg_neg(g)), 1.5)))
RULE(right_for_ones, rg_square(g))
RULE(right_for_signs, rg_mul(g, rg_square(g)))
RULE(right_at_whole_numbers, rg_mul(g, rg_shift(rg_sin(rg_scale(in[0], PI)), 1)))
RULE(right_up_to_a_constant, rg_shift(g, 1e-3))
RULE(nan_everywhere, rg_div(rg_sub(g, g), rg_sub(g, g)))
RULE(summed, rg_expand(rg_mean(g), rg_shape_of(g)))
RULE(infinite_times_zero, rg_add(g, rg_mul(rg_scale(g, 1e308), rg_full(g.tape, RG_F64, RG_SCALAR, 1e308))))
RULE(detached, rg_stop_gradient(g))
RULE(wrong_at_one, rg_where(rg_equal(in[0], rg_full(g.tape, rg_dtype_of(g), RG_SCALAR, 1)), rg_scale(g, 1 + 1e-8), g))
RULE(wrong_in_f32, rg_dtype_of(g) == RG_F32 ? rg_scale(g, 1.001) : g)

static const struct {
    const char *name;
    rg_vjp_rule *rule;
    rg_verdict verdict;
    bool by_complex_alone;    /* too small for differences */
} rules[] = {
    { "right", right, RG_CHECK_OK, false },
    { "off by 1e-4", off_by_1e_4, RG_CHECK_WRONG, false },
    { "off by 1e-8", off_by_1e_8, RG_CHECK_WRONG, true },
    { "wrong for negative cotangents", wrong_where_negative, RG_CHECK_WRONG, false },
    { "right for cotangents of ones", right_for_ones, RG_CHECK_WRONG, false },
    { "right for cotangents of plus and minus one", right_for_signs, RG_CHECK_WRONG, false },
    { "right at whole numbers", right_at_whole_numbers, RG_CHECK_WRONG, false },
    { "wrong at one place", wrong_at_one, RG_CHECK_WRONG, true },
    { "right up to a constant", right_up_to_a_constant, RG_CHECK_WRONG, false },
    { "NaN everywhere", nan_everywhere, RG_CHECK_NONFINITE, false },
    { "summed", summed, RG_CHECK_WRONG, false },
    { "infinite times zero", infinite_times_zero, RG_CHECK_NONFINITE, false },
    { "detached", detached, RG_CHECK_WRONG, false },
};

/* With and without the complex step, which an op of the user's need not have. */
static void evil_rules_are_found(void **state)
{
    (void)state;
    const double whole[] = { 1, -2, 3, 2, -1, 1 };
    for (int i = 0; i < COUNT(rules); i++)
        for (rg_linearity linearity = RG_NOT_LINEAR; linearity <= RG_LINEAR; linearity++) {
            rg_op op = { .name = "evil", .doc = "x", .arity = 1, .shape = rg_shape_same, .f64 = copy_f64,
                         .f32 = copy_f32, .vjp = rules[i].rule, .linearity = linearity };
            if (rules[i].by_complex_alone && linearity == RG_NOT_LINEAR) continue;
            rg_gradcheck_result result = check_at(apply_rule, &op, 6, whole);
            assert_verdict(rules[i].name, result, rules[i].verdict);
            if (result.verdict == RG_CHECK_WRONG) assert_string_equal(result.op, "evil");
            bool complex = result.oracles >> RG_ORACLE_COMPLEX & 1u;
            if (result.verdict == RG_CHECK_OK && linearity == RG_LINEAR) assert_true(complex);
        }
}

static void a_rule_that_is_wrong_in_f32_alone_is_found(void **state)
{
    (void)state;
    rg_op op = { .name = "evil", .doc = "x", .arity = 1, .shape = rg_shape_same, .f64 = copy_f64, .f32 = copy_f32,
                 .vjp = wrong_in_f32, .linearity = RG_LINEAR };
    rg_gradcheck_input in[] = { { .shape = RG_SHAPE(6), .values = six } };
    assert_verdict("f64", check(apply_rule, &op, 1, in), RG_CHECK_OK);
    in[0].dtype = RG_F32;
    rg_gradcheck_result result = check(apply_rule, &op, 1, in);
    assert_verdict("f32", result, RG_CHECK_WRONG);
    assert_int_equal(result.dtype, RG_F32);
    op.vjp = right;
    assert_verdict("right", check(apply_rule, &op, 1, in), RG_CHECK_OK);
}

/* ---- One element in 10,000 --------------------------------------------------------------------------------------- */

enum { MANY = 10000 };
typedef struct {
    rg_op op;
    int64_t index;
} one_wrong;

static rg_tensor one_wrong_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const one_wrong *self = (const one_wrong *)(const void *)rg_op_of(y);
    static double weights[MANY];
    (void)in, (void)k;
    for (int64_t i = 0; i < MANY; i++) weights[i] = i == self->index ? 1.01 : 1;
    return rg_mul(g, rg_constant(g.tape, RG_F64, RG_SHAPE(MANY), weights));
}

static void one_wrong_element_of_many_is_found(void **state)
{
    (void)state;
    static double at[MANY];
    const int64_t wrong[] = { 0, 4711, MANY - 1 };
    for (int i = 0; i < MANY; i++) at[i] = rg_random_uniform(1, 2, (uint64_t)i) - 0.5;
    for (int i = 0; i < COUNT(wrong); i++)
        for (rg_linearity linearity = RG_NOT_LINEAR; linearity <= RG_LINEAR; linearity++) {
            one_wrong evil = { .op = { .name = "evil", .doc = "x", .arity = 1, .shape = rg_shape_same, .f64 = copy_f64,
                                       .vjp = one_wrong_vjp, .linearity = linearity }, .index = wrong[i] };
            const rg_gradcheck_options options = { .seeds = 1, .directions = 1 };
            const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(MANY), .values = at } };
            rg_gradcheck_result result;
            rg_gradcheck(apply_rule, &evil.op, 1, in, &options, &result);
            assert_verdict("one element", result, RG_CHECK_WRONG);
            assert_int_equal(result.index, wrong[i]);
            assert_true(fabs(result.relative - 0.01) < 1e-3);
        }
}

/* A derivative of 1e-6 that is twice what it should be, beside others of 1e6. */
typedef struct {
    rg_op op;
    double factor;
} last_wrong;

static rg_tensor last_wrong_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const last_wrong *self = (const last_wrong *)(const void *)rg_op_of(y);
    const double weights[] = { 1, 1, 1, 1, 1, self->factor };
    (void)in, (void)k;
    return rg_mul(g, rg_constant(g.tape, RG_F64, RG_SHAPE(6), weights));
}

static rg_tensor weighted(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n;
    const double weights[] = { 1e6, -2e5, 1, 10, -0.1, 1e-6 };
    rg_tensor t = rg_tanh(rg_apply(context, NULL, 1, in));
    return rg_mul(t, rg_constant(tape, RG_F64, RG_SHAPE(6), weights));
}

static void a_small_wrong_element_beside_large_ones_is_found(void **state)
{
    (void)state;
    last_wrong evil = { .op = { .name = "evil", .doc = "x", .arity = 1, .shape = rg_shape_same, .f64 = copy_f64,
                                .vjp = last_wrong_vjp, .linearity = RG_LINEAR }, .factor = 2 };
    rg_gradcheck_result result = check_at(weighted, &evil.op, 6, six);
    assert_verdict("small element", result, RG_CHECK_WRONG);
    assert_int_equal(result.index, 5);
    assert_int_equal(result.oracle, RG_ORACLE_COMPLEX);
    evil.factor = 1;
    assert_verdict("right", check_at(weighted, &evil.op, 6, six), RG_CHECK_OK);
}

/* ---- Evil functions ---------------------------------------------------------------------------------------------- */

#define FUNCTION(name)                                                                                             \
    static rg_tensor name(rg_tape *tape, const rg_tensor *in, int n, void *context)
#define UNUSED (void)tape, (void)in, (void)n, (void)context

FUNCTION(counting)
{
    UNUSED;
    int *calls = context;
    return rg_scale(rg_exp(in[0]), 1 + 1e-9 * (*calls)++);
}

/* The same 40 times, and then no more. */
FUNCTION(tiring)
{
    UNUSED;
    int *calls = context;
    return rg_scale(rg_exp(in[0]), ++*calls > 40 ? 1.0 + 1e-15 : 1.0);
}

/* The value is the same each time, but what passes for its derivative is not. */
FUNCTION(changing_its_mind)
{
    UNUSED;
    int *calls = context;
    rg_tensor e = rg_exp(in[0]), wall = rg_stop_gradient(e);
    return rg_add(e, rg_scale(rg_sub(e, wall), 1e-9 * (*calls)++));
}

FUNCTION(right_to_first_order)
{
    UNUSED;
    rg_tensor fixed = rg_stop_gradient(in[0]), away = rg_sub(in[0], fixed);
    return rg_add(rg_exp(fixed), rg_mul(rg_exp(fixed), away));
}

FUNCTION(ignoring_its_input)
{
    UNUSED;
    return rg_exp(in[1]);
}

FUNCTION(noisy)
{
    UNUSED;
    rg_tensor t = rg_tanh(in[0]);
    return rg_add(in[0], rg_scale(rg_sub(rg_log(rg_exp(t)), t), 1e9));
}

/* (1 - cos x) / x^2, which is flat near 0, while all digits of its derivative cancel: the complex step follows the same
 * program and agrees with it, but the differences reach beyond. */
FUNCTION(cancelling)
{
    UNUSED;
    return rg_div(rg_one_minus(rg_cos(in[0])), rg_square(in[0]));
}

FUNCTION(rectified)
{
    UNUSED;
    return rg_relu(in[0]);
}

FUNCTION(absolute)
{
    UNUSED;
    return rg_maximum(in[0], rg_neg(in[0]));
}

/* The square, and 0/0 for its derivative at 0. */
RULE(quotient_rule, rg_mul(g, rg_div(rg_scale(rg_square(in[0]), 2), in[0])))

static void square_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    for (int64_t i = begin; i < end; i++) ((double *)call->out)[i] = x[i] * x[i];
}

FUNCTION(squared)
{
    UNUSED;
    static const rg_op op = { .name = "squared", .doc = "x^2", .arity = 1, .shape = rg_shape_same, .f64 = square_f64,
                              .vjp = quotient_rule };
    return rg_apply(&op, NULL, 1, in);
}

static void evil_functions_are_found(void **state)
{
    (void)state;
    const double with_zero[] = { 1, 0, -1 }, tiny[] = { 1e-7, -3e-8, 2e-7 };
    int calls;
    calls = 0;
    assert_verdict("counting", check_at(counting, &calls, 6, six), RG_CHECK_NONDETERMINISTIC);
    calls = 0;
    assert_verdict("tiring", check_at(tiring, &calls, 6, six), RG_CHECK_NONDETERMINISTIC);
    calls = 0;
    rg_gradcheck_result result = check_at(changing_its_mind, &calls, 6, six);
    assert_true(result.verdict == RG_CHECK_NONDETERMINISTIC || result.verdict == RG_CHECK_WRONG);
    result = check_at(right_to_first_order, NULL, 6, six);
    assert_verdict("second order", result, RG_CHECK_WRONG);
    assert_true(result.order == 2 || result.oracle == RG_ORACLE_COMPLEX || result.oracle == RG_ORACLE_DIFFERENCES);
    const rg_gradcheck_input two[] = { { .shape = RG_SHAPE(6), .values = six, .name = "unused" },
                                       { .shape = RG_SHAPE(6), .values = six } };
    result = check(ignoring_its_input, NULL, 2, two);
    assert_verdict("vacuous", result, RG_CHECK_VACUOUS);
    assert_int_equal(result.argument, 0);
    assert_verdict("noisy", check_at(noisy, NULL, 6, six), RG_CHECK_NOISE);
    assert_verdict("cancelling", check_at(cancelling, NULL, 3, tiny), RG_CHECK_WRONG);
    assert_verdict("NaN where it is zero", check_at(squared, NULL, 3, with_zero), RG_CHECK_NONFINITE);
    assert_verdict("kink", check_at(rectified, NULL, 3, with_zero), RG_CHECK_KINK);
    assert_verdict("kink in the middle", check_at(absolute, NULL, 3, with_zero), RG_CHECK_KINK);
}

/* ---- Right, and hard to check ------------------------------------------------------------------------------------ */

FUNCTION(steep) { UNUSED; return rg_exp(rg_scale(in[0], 30)); }
FUNCTION(flat) { UNUSED; return rg_scale(rg_tanh(in[0]), 1e-8); }
FUNCTION(large) { UNUSED; return rg_scale(rg_sin(in[0]), 1e8); }
FUNCTION(oscillating) { UNUSED; return rg_sin(rg_scale(in[0], 100)); }
FUNCTION(logarithm) { UNUSED; return rg_log(in[0]); }
FUNCTION(root) { UNUSED; return rg_sqrt(in[0]); }
FUNCTION(inverse) { UNUSED; return rg_div(rg_scalar(tape, RG_F64, 1), in[0]); }
FUNCTION(saturated) { UNUSED; return rg_sigmoid(rg_scale(in[0], 20)); }
FUNCTION(peaked) { UNUSED; return rg_softmax(rg_scale(in[0], 30), -1); }
FUNCTION(log_of_sums) { UNUSED; return rg_logsumexp(rg_scale(in[0], 300), -1, false); }
FUNCTION(tenth_power) { UNUSED; return rg_power(in[0], 10); }
FUNCTION(squares) { UNUSED; return rg_sum(rg_square(in[0])); }
FUNCTION(bell) { UNUSED; return rg_erf(rg_scale(in[0], 3)); }
FUNCTION(deep)
{
    UNUSED;
    rg_tensor x = in[0];
    for (int i = 0; i < 30; i++) x = rg_sin(rg_scale(x, 1.3));
    return x;
}
FUNCTION(quotient) { UNUSED; return rg_div(rg_tanh(in[0]), rg_shift(rg_square(in[0]), 1e-3)); }

static void what_is_right_but_hard_passes(void **state)
{
    (void)state;
    static const double wide[] = { 1e-8, 1e-4, 1, 1e4, 1e8 }, signed_wide[] = { 1e-8, -1e-4, 1, -1e4, 1e8 };
    static const double middling[] = { 1e-3, 0.2, 30 };
#define HARD(function, at) { #function " at " #at, function, COUNT(at), at }
    static const struct {
        const char *name;
        rg_function *f;
        int64_t count;
        const double *at;
    } functions[] = {
        HARD(steep, six), HARD(flat, six), HARD(large, six), HARD(oscillating, six), HARD(logarithm, wide),
        HARD(logarithm, middling), HARD(root, wide), HARD(inverse, middling), HARD(saturated, six), HARD(peaked, six),
        HARD(log_of_sums, six), HARD(tenth_power, six), HARD(tenth_power, middling), HARD(squares, signed_wide),
        HARD(bell, six), HARD(deep, six), HARD(quotient, six),
    };
    for (int i = 0; i < COUNT(functions); i++) {
        const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(functions[i].count), .values = functions[i].at } };
        rg_gradcheck_result result;
        rg_gradcheck(functions[i].f, NULL, 1, in, &(rg_gradcheck_options){ .seeds = 20 }, &result);
        assert_verdict(functions[i].name, result, RG_CHECK_OK);
    }
}

/* ---- The report -------------------------------------------------------------------------------------------------- */

FUNCTION(two_layers)
{
    UNUSED;
    const rg_op *evil = context;
    rg_tensor hidden = rg_tanh(rg_mul(in[0], in[0]));
    return rg_sum(rg_exp(rg_name(rg_apply(evil, NULL, 1, &hidden), "culprit")));
}

static void note_row(const rg_gradcheck_result *row, void *context)
{
    int *rows = context;
    assert_int_equal(row->verdict, RG_CHECK_WRONG);
    assert_true(row->failed == ++*rows);
    assert_true(row->absolute > row->bound && row->ulp > 1 && row->relative > 0);
    assert_non_null(strstr(row->replay, ".seed = "));
}

static void a_report_names_the_node_whose_derivative_is_wrong(void **state)
{
    (void)state;
    rg_op op = { .name = "evil", .doc = "x", .arity = 1, .shape = rg_shape_same, .f64 = copy_f64, .vjp = off_by_1e_4 };
    int rows = 0;
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(2, 3), .values = six, .name = "weights" } };
    const rg_gradcheck_options options = { .name = "two layers", .seed = 5, .row = note_row, .row_context = &rows };
    rg_gradcheck_result result;
    assert_false(rg_gradcheck(two_layers, &op, 1, in, &options, &result));
    assert_int_equal(result.verdict, RG_CHECK_WRONG);
    assert_int_equal(rows, result.failed);
    assert_string_equal(result.op, "evil");
    assert_string_equal(result.name, "culprit");
    assert_true(result.node > 0 && result.seed == 5 && result.order == 1 && result.index >= 0);
    assert_non_null(strstr(result.site, "test_gradcheck_evil.c:"));
    assert_non_null(strstr(result.message, "two layers: argument 0 (weights), element "));
    assert_non_null(strstr(result.message, "because of evil culprit (test_gradcheck_evil.c:"));
    assert_true(result.step > 0 && fabs(result.relative - 1e-4) < 1e-6);
    assert_true(isnan(result.convergence) || fabs(result.convergence - 2) < 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evil_rules_are_found),
        cmocka_unit_test(a_rule_that_is_wrong_in_f32_alone_is_found),
        cmocka_unit_test(one_wrong_element_of_many_is_found),
        cmocka_unit_test(a_small_wrong_element_beside_large_ones_is_found),
        cmocka_unit_test(evil_functions_are_found),
        cmocka_unit_test(what_is_right_but_hard_passes),
        cmocka_unit_test(a_report_names_the_node_whose_derivative_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
