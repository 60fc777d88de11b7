/* test_gradcheck_op.c: the gradient check of an op passes what is right and complete, and nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gradcheck_verdicts.h"
#include "ops.h"

/* ---- Ops of a user's ----------------------------------------------------------------------------------------- */

/* y = x s(x), so dy/dx = s + y (1 - s). */
static void swish_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = x[i] / (1 + exp(-x[i]));
}

static rg_tensor swish_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    rg_tensor s = rg_sigmoid(in[k]);
    return rg_mul(g, rg_add(s, rg_mul(y, rg_one_minus(s))));
}

/* The inner derivative is forgotten in the second term. */
static rg_tensor wrong_swish_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    rg_tensor s = rg_sigmoid(in[k]);
    return rg_mul(g, rg_add(s, y));
}

static const rg_sample swish_samples[] = {
    { .operands = 1, .in = { { .shape = { 2, { 3, 4 } } } } },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = { 1, { 3 } } } }, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
static const rg_op swish = { .name = "swish", .doc = "x * sigmoid(x)", .arity = 1, .shape = rg_shape_same,
                             .f64 = swish_f64, .vjp = swish_vjp, .samples = swish_samples };
static const rg_op wrong_swish = { .name = "swish", .doc = "x * sigmoid(x)", .arity = 1, .shape = rg_shape_same,
                                   .f64 = swish_f64, .vjp = wrong_swish_vjp, .samples = swish_samples };

/* ---- What is right passes, and what is wrong does not -------------------------------------------------------- */

static rg_gradcheck_result check_op(const rg_op *op)
{
    rg_gradcheck_result result;
    bool good = rg_gradcheck_op(op, NULL, &result);
    assert_int_equal(good, result.verdict == RG_CHECK_OK);
    assert_int_equal(good, rg_gradcheck_op(op, NULL, NULL));
    return result;
}

static void an_op_of_the_users_is_checked(void **state)
{
    (void)state;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&swish));
    rg_gradcheck_result result = check_op(&wrong_swish);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.sample, 0);
    assert_int_equal(result.argument, 0);
    assert_in_range(result.index, 0, 11);
    char expected[RG_MESSAGE_SIZE];
    snprintf(expected, sizeof expected,
             "swish: argument 0, element %d: analytic %.10g, numeric %.10g, bound %.2g "
             "(differences, order 1, sample 0, seed 0)",
             (int)result.index, result.analytic, result.numeric, result.bound);
    assert_string_equal(result.message, expected);
}

static void the_report_has_a_line_for_every_failure_and_one_in_sum(void **state)
{
    (void)state;
    FILE *report = tmpfile();
    rg_gradcheck_result result;
    assert_non_null(report);
    rg_gradcheck_op(&wrong_swish, &(rg_gradcheck_options){ .seeds = 2, .report = report }, &result);
    assert_true(result.failed > 1);
    assert_int_equal(lines_with(report, "wrong: swish: argument 0, element "), result.failed);
    assert_int_equal(lines_with(report, "checked, "), 1);
    assert_int_equal(lines_with(report, ""), result.failed + 1);
    fclose(report);
}

static void what_is_not_checked_cannot_exist(void **state)
{
    (void)state;
    rg_op op = swish;
    op.samples = NULL;
    rg_gradcheck_result result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "has no samples"));
    op.samples = swish_samples + 1; /* refusals only */
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
    op = swish;
    op.vjp = NULL;
    result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "no derivative rule"));
}

static void an_op_must_refuse_what_it_says_it_refuses(void **state)
{
    (void)state;
    static const rg_sample accepts[] = {
        { .operands = 1 }, { .operands = 1, .refuse = RG_E_SHAPE }, { .operands = 0 }
    };
    static const rg_sample otherwise[] = {
        { .operands = 1 }, { .operands = 1, .in = { { .dtype = RG_I32 } }, .refuse = RG_E_SHAPE }, { .operands = 0 }
    };
    static const rg_sample takes_more[] = { { .operands = 2 }, { .operands = 0 } };
    static const rg_sample malformed[] = { { .operands = 1, .in = { { .same_as = 2 } } }, { .operands = 0 } };
    static const rg_sample too_many[] = { { .operands = RG_MAX_OPERANDS + 1 }, { .operands = 0 } };
    rg_op op = swish;
    op.samples = accepts;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
    op.samples = otherwise;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
    op.samples = takes_more;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
    op.samples = malformed;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
    op.samples = too_many;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
}

static void zero_f64(const rg_call *call, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) ((double *)call->out)[i] = 0;
}

static rg_tensor no_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y, (void)g;
    return (rg_tensor){ 0 };
}

static void an_op_whose_derivative_is_zero_says_so(void **state)
{
    (void)state;
    rg_op op = swish;
    op.f64 = zero_f64;
    op.vjp = no_vjp;
    ASSERT_VERDICT(RG_CHECK_VACUOUS, check_op(&op));
    op.no_gradient = 1;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&op));
    op.vjp = NULL;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&op));
    op.f64 = swish_f64;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
}

static void swish_f32(const rg_call *call, int64_t begin, int64_t end)
{
    const float *x = call->in[0];
    for (int64_t i = begin; i < end; i++) ((float *)call->out)[i] = x[i] / (1 + expf(-x[i]));
}

static void careless_f32(const rg_call *call, int64_t begin, int64_t end)
{
    swish_f32(call, begin, end);
    for (int64_t i = begin; i < end; i++) ((float *)call->out)[i] *= 1.0001f;
}

/* Another result for the first element of a range than for the others: it shows when ranges are cut otherwise. */
static void depends_on_its_range_f64(const rg_call *call, int64_t begin, int64_t end)
{
    static const double *before;
    swish_f64(call, begin, end);
    if (before && before != call->in[0]) ((double *)call->out)[begin] += 1e-13;
    before = call->in[0];
}

static void both_dtypes_and_every_way_to_run_agree(void **state)
{
    (void)state;
    rg_op op = swish;
    op.f32 = swish_f32;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&op));
    op.f32 = careless_f32;
    rg_gradcheck_result result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_non_null(strstr(result.message, "in f32"));
    op = swish;
    op.f64 = depends_on_its_range_f64;
    result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_non_null(strstr(result.message, "bits"));
}

/* How near the numbers of a sample have come to one another and to 0. */
static double nearest, nearest_to_zero;

static void measure(const double *x, const double *others, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        nearest_to_zero = fmin(nearest_to_zero, fabs(x[i]));
        for (int64_t j = 0; j < count; j++)
            if (x != others || i != j) nearest = fmin(nearest, fabs(x[i] - others[j]));
    }
}

static void measured_f64(const rg_call *call, int64_t begin, int64_t end)
{
    for (int k = 0; k < call->operands; k++)
        for (int j = 0; j < call->operands; j++)
            measure((const double *)call->in[k] + begin, (const double *)call->in[j] + begin, end - begin);
    memcpy((double *)call->out + begin, (const double *)call->in[0] + begin, (size_t)(end - begin) * sizeof(double));
}

static rg_tensor measured_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return g;
}

/* Each number has a slot of its own, half a unit wide, and a step of the differences goes less than 1/32. */
static void samples_keep_away_from_kinks(void **state)
{
    (void)state;
    static const rg_sample two[] = { { .operands = 2, .in = { { .shape = { 1, { 4 } } }, { .shape = { 1, { 4 } } } } },
                                     { .operands = 0 } };
    static const rg_sample odd[] = { { .operands = 1, .in = { { .shape = { 1, { 7 } } } } }, { .operands = 0 } };
    rg_op op = { .name = "measured", .arity = 2, .shape = rg_shape_same, .f64 = measured_f64, .vjp = measured_vjp,
                 .samples = two, .no_gradient = 2 };
    const rg_gradcheck_options options = { .seeds = 50, .first_order_only = true };
    nearest = nearest_to_zero = 1;
    assert_true(rg_gradcheck_op(&op, &options, NULL));
    assert_true(nearest > 0.25 - 1.0 / 16 && nearest_to_zero > 0.125 - 1.0 / 32);
    assert_true(nearest < 0.3 && nearest_to_zero < 0.15);
    op.arity = 1;
    op.samples = odd;
    nearest = nearest_to_zero = 1;
    assert_true(rg_gradcheck_op(&op, &options, NULL));
    assert_true(nearest > 0.25 - 1.0 / 16 && nearest_to_zero > 0.125 - 1.0 / 32);
}

static void an_op_keeps_its_conventions_at_kinks(void **state)
{
    (void)state;
    static const double at[] = { -1, 0, 1 }, upper[] = { 0, 1, 1 }, middle[] = { 0, 0.5, 1 }, smooth[] = { 0, 0, 2 };
    const double *const false_slopes[] = { upper, middle, smooth };
    rg_kink kinks[] = { { .operands = 1, .in = { { RG_SHAPE(3), at, NULL } } }, { .operands = 0 } };
    rg_op relu = *rg_op_find("relu");
    assert_non_null(relu.kinks);
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&relu));
    relu.kinks = kinks;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&relu)); /* says nothing of its slope */
    for (int i = 0; i < COUNT(false_slopes); i++) {
        kinks[0].in[0].slope = false_slopes[i];
        rg_gradcheck_result result = check_op(&relu);
        ASSERT_VERDICT(RG_CHECK_WRONG, result);
        assert_int_equal(result.index, i == 2 ? 2 : 1);
        assert_non_null(strstr(result.message, "by convention"));
    }
    kinks[0].in[0].values = NULL;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&relu));
    kinks[0].operands = RG_MAX_OPERANDS + 1;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&relu));
}

static void a_false_complex_form_is_found(void **state)
{
    (void)state;
    rg_op op = *rg_op_find("exp");
    op.complex_f64 = rg_op_find("neg")->complex_f64;
    rg_gradcheck_result result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.oracle, RG_ORACLE_COMPLEX);
    op = swish;
    op.linearity = RG_LINEAR;
    result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.oracle, RG_ORACLE_COMPLEX);
    op = *rg_op_find("matmul");
    op.linearity = RG_LINEAR;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
}

/* A convention must be one of the slopes at hand. */
static rg_tensor steep_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y;
    rg_tensor zero = rg_full(g.tape, rg_dtype_of(g), RG_SCALAR, 0);
    return rg_where(rg_equal(in[k], zero), rg_scale(g, 3), rg_gate(g, in[k]));
}

static void a_convention_outside_the_slopes_is_wrong(void **state)
{
    (void)state;
    static const double at[] = { -1, 0, 1 }, slope[] = { 0, 3, 1 };
    static const rg_kink kinks[] = { { .operands = 1, .in = { { { 1, { 3 } }, at, slope } } }, { .operands = 0 } };
    rg_op relu = *rg_op_find("relu");
    relu.vjp = steep_vjp;
    relu.kinks = kinks;
    rg_gradcheck_result result = check_op(&relu);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.oracle, RG_ORACLE_SIDES);
}

static void verdicts_have_names(void **state)
{
    (void)state;
    static const char *const names[] = { "ok", "wrong", "non-finite", "vacuous", "noise", "kink", "nondeterministic",
                                         "error", "?" };
    for (int i = 0; i < COUNT(names); i++) assert_string_equal(rg_verdict_name((rg_verdict)i), names[i]);
    static const char *const oracles[] = { "none", "differences", "complex", "adjoint", "sides", "zero", "repetition",
                                           "?" };
    for (int i = 0; i < COUNT(oracles); i++) assert_string_equal(rg_oracle_name((rg_oracle)i), oracles[i]);
}

/* ---- Memory -------------------------------------------------------------------------------------------------- */

static rg_verdict attempt(const rg_op *op)
{
    rg_gradcheck_result result;
    rg_gradcheck_op(op, &(rg_gradcheck_options){ .seeds = 1 }, &result);
    return result.verdict;
}

static rg_verdict attempt_right(void)
{
    return attempt(&swish);
}

static rg_verdict attempt_wrong(void)
{
    return attempt(&wrong_swish);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_no_allocation_is_trusted(attempt_right);
    assert_no_allocation_is_trusted(attempt_wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_op_of_the_users_is_checked),
        cmocka_unit_test(the_report_has_a_line_for_every_failure_and_one_in_sum),
        cmocka_unit_test(what_is_not_checked_cannot_exist),
        cmocka_unit_test(an_op_must_refuse_what_it_says_it_refuses),
        cmocka_unit_test(an_op_whose_derivative_is_zero_says_so),
        cmocka_unit_test(both_dtypes_and_every_way_to_run_agree),
        cmocka_unit_test(samples_keep_away_from_kinks),
        cmocka_unit_test(an_op_keeps_its_conventions_at_kinks),
        cmocka_unit_test(a_false_complex_form_is_found),
        cmocka_unit_test(a_convention_outside_the_slopes_is_wrong),
        cmocka_unit_test(verdicts_have_names),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
