/* test_check_finite.c: the first value that is not finite is found, forward and backward, with the op that made it, its
 * line, where it is and what it was made of; what only hands it on is told apart; and the tape is left as it was. */
#include "tensors.h"

#define INPUT(tape, ...) rg_input(tape, RG_F64, RG_SHAPE((int64_t)COUNT(NUMBERS(__VA_ARGS__))), NUMBERS(__VA_ARGS__))

static rg_finite_report check(rg_tape *tape, rg_tensor loss)
{
    rg_finite_report report;
    assert_int_equal(rg_tape_check_finite(tape, loss, &report), RG_OK);
    assert_fine(tape);
    return report;
}

static void assert_says(const rg_finite_report *report, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!strstr(report->message, text)) fail_msg("no \"%s\" in: %s", text, report->message);
}

static const rg_tensor no_loss;

static void a_finite_tape_has_nothing_to_report(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = INPUT(tape, 1, 2), loss = rg_sum(rg_log(x));
    const rg_finite_report report = check(tape, loss);
    assert_false(report.found);
    assert_string_equal(report.message, "");
    assert_int_equal(report.producers + report.propagators, 0);
    assert_false(check(tape, no_loss).found);
    rg_tape_free(tape);
}

static void the_producer_is_named_and_not_what_hands_it_on(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), "x"), c = rg_name(INPUT(tape, 1, 1, 5), "c");
    rg_tensor difference = rg_name(rg_sub(x, c), "difference");
    rg_tensor made = rg_log(difference); const int line = __LINE__;
    rg_tensor loss = rg_sum(rg_exp(rg_mul(made, made)));
    const rg_finite_report report = check(tape, no_loss);
    assert_true(report.found && !report.backward && !report.given);
    assert_int_equal(report.tensor.node, made.node);
    assert_string_equal(report.op, "log");
    assert_int_equal(report.rank, 2);
    assert_int_equal(report.index[0], 0);
    assert_int_equal(report.index[1], 2); /* the NaN before the -inf: log(-2), log(0) */
    assert_true(isnan(report.value));
    assert_int_equal(report.operands, 1);
    assert_true(report.operand[0] == -2);
    assert_int_equal(report.producers, 1);
    assert_int_equal(report.propagators, 3); /* mul, exp, sum */
    assert_says(&report, "test_check_finite.c:%d: log: ", line);
    assert_says(&report, "nan at [0,2] of %%%u log f64[2,3], made of finite numbers: difference f64[2,3] is -2 there", made.node);
    assert_says(&report, "; 3 values behind are not finite because an operand is not");
    (void)loss;
    rg_tape_free(tape);
}

static void operands_that_broadcast_are_shown_where_they_were_read(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor a = rg_name(MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), "a"), b = rg_name(INPUT(tape, 1, 0, 2), "b");
    rg_tensor quotient = rg_div(rg_transpose(rg_transpose(a)), b), scalar = rg_mul(quotient, rg_scalar(tape, RG_F64, 2));
    const rg_finite_report report = check(tape, no_loss);
    assert_int_equal(report.tensor.node, quotient.node);
    assert_true(report.value == INFINITY);
    assert_int_equal(report.index[1], 1);
    assert_int_equal(report.operands, 2);
    assert_true(report.operand[0] == 2);
    assert_true(report.operand[1] == 0);
    assert_says(&report, "inf at [0,1]");
    assert_says(&report, "b f64[3] is 0 there");
    (void)scalar;
    rg_tape_free(tape);
}

static void ops_that_are_not_elementwise_show_the_range_of_their_operands(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(INPUT(tape, 1e308, 1e308, -3), "x"), total = rg_sum(x);
    const rg_finite_report report = check(tape, no_loss);
    assert_int_equal(report.tensor.node, total.node);
    assert_int_equal(report.rank, 0);
    assert_true(isnan(report.operand[0]));
    assert_says(&report, "sum: inf at [] of");
    assert_says(&report, "x f64[3] is from -3 to 1e+308");
    rg_tape_free(tape);
}

/* inf - inf: what makes NaN of infinities is to blame for the NaN. */
static void nan_made_of_infinities_has_a_producer_of_its_own(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor mask = rg_constant(tape, RG_F64, RG_SHAPE(2), NUMBERS(-INFINITY, 0)), x = INPUT(tape, 1, 2);
    rg_tensor masked = rg_add(x, mask), weights = rg_softmax(masked, 0);
    rg_finite_report report = check(tape, no_loss);
    assert_values(weights, 0, 1);
    assert_true(report.found && report.given); /* it may be meant: nothing else is wrong */
    assert_int_equal(report.tensor.node, mask.node);
    assert_says(&report, "constant: -inf at [0] of");
    assert_says(&report, "as it was given");
    rg_tensor bad = rg_sub(masked, masked);
    report = check(tape, no_loss);
    assert_false(report.given);
    assert_int_equal(report.tensor.node, bad.node);
    assert_says(&report, "sub: ");
    assert_says(&report, "made of what is not NaN");
    rg_tape_free(tape);
}

static void nan_that_was_given_is_reported_as_given(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(INPUT(tape, 1, NAN), "x"), y = rg_sum(rg_exp(x)); const int line = __LINE__;
    const rg_finite_report report = check(tape, y);
    assert_true(report.given);
    assert_int_equal(report.tensor.node, x.node);
    assert_says(&report, "test_check_finite.c:%d: input: nan at [1] of x f64[2], as it was given", line);
    rg_tape_free(tape);
}

/* ---- Backward ------------------------------------------------------------------------------------------ */

static void an_adjoint_is_named_with_its_forward_line(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    ((double *)rg_params_data(theta))[1] = 0;
    rg_params_changed(theta);
    rg_tape *tape = rg_tape_new();
    rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_name(rg_square(w), "h");
    rg_tensor root = rg_name(rg_sqrt(h), "root"); const int line = __LINE__;
    rg_tensor loss = rg_sum(root);
    assert_true(isfinite(rg_item(loss)));
    assert_false(check(tape, no_loss).found);
    const uint64_t nodes = rg_tape_get_stats(tape).nodes;
    const rg_finite_report report = check(tape, loss);
    assert_int_equal(rg_tape_get_stats(tape).nodes, nodes);
    assert_true(report.found && report.backward && !report.given);
    assert_int_equal(report.tensor.node, root.node);
    assert_int_equal(report.index[0], 1);
    assert_says(&report, "test_check_finite.c:%d: adjoint_div: ", line);
    assert_says(&report, "inf at [1] of the adjoint");
    assert_says(&report, "in the derivative of root f64[3]");
    assert_says(&report, " is 0 there");
    assert_int_equal(report.producers, 2); /* and that times the slope of the square, which is 0 */
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* Adjoints of inputs are of no concern where parameters are learned, and are where there are none. */
static void adjoints_that_nobody_asks_for_are_not_looked_at(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    rg_tensor x = INPUT(tape, 0, 4), root = rg_sqrt(x), y = rg_sum(root);
    assert_true(check(tape, y).backward);
    rg_tensor loss = rg_sum(rg_mul(root, rg_parameter(tape, rg_params_at(theta, 0))));
    assert_false(check(tape, loss).found);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void gradients_that_were_recorded_are_checked_too(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(INPUT(tape, 4, 0), "x"), y = rg_sum(rg_sqrt(x)), slope; const int line = __LINE__;
    rg_grad(y, &x, 1, &slope);
    rg_tensor after = rg_sum(rg_square(slope));
    const rg_finite_report report = check(tape, no_loss);
    assert_true(report.backward);
    assert_says(&report, "test_check_finite.c:%d: ", line);
    assert_says(&report, "in the derivative of %%");
    (void)after;
    rg_tape_free(tape);
}

/* ---- The tape is left as it was ------------------------------------------------------------------------ */

static void a_check_changes_neither_values_nor_plans(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    uint64_t bytes = 0;
    for (int step = 0; step < 30; step++) {
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_exp(rg_neg(w)), dropped = rg_sin(h), loss = rg_sum(rg_mul(h, dropped));
        if (step % 2) assert_false(check(tape, loss).found);
        assert_int_equal(rg_backward(loss), RG_OK);
        double want[3];
        for (int i = 0; i < 3; i++) want[i] = -exp(-(i + 1.0)) * (sin(exp(-(i + 1.0))) + exp(-(i + 1.0)) * cos(exp(-(i + 1.0))));
        assert_gradient_is(theta, want, 3);
        if (step % 3 == 0) assert_false(check(tape, loss).found);
        assert_values(dropped, sin(exp(-1)), sin(exp(-2)), sin(exp(-3)));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
        if (step == 12) bytes = rg_tape_get_stats(tape).tape_bytes;
    }
    assert_int_equal(rg_tape_get_stats(tape).tape_bytes, bytes);
    assert_true(rg_tape_get_stats(tape).plans_built <= 2);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void what_cannot_be_checked_says_why(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new(), *elsewhere = rg_tape_new();
    rg_finite_report report;
    rg_tensor x = INPUT(tape, 1, 2), foreign = INPUT(elsewhere, 1), w = rg_parameter(tape, rg_params_at(theta, 0));
    const struct {
        rg_tensor loss;
        rg_finite_report *report;
        rg_status status;
        const char *says;
    } calls[] = {
        { no_loss, NULL, RG_E_NULL, "check_finite: no report" },
        { foreign, &report, RG_E_TAPE, "check_finite: the loss is on another tape" },
        { x, &report, RG_E_GRADIENT, "check_finite: not a scalar" },
        { (rg_tensor){ tape, 77, 1 }, &report, RG_E_TAPE, "check_finite: the tensor is from before" },
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        char where[200];
        assert_int_equal(rg_tape_check_finite(tape, calls[i].loss, calls[i].report), calls[i].status);
        snprintf(where, sizeof where, "test_check_finite.c:%d: %s", __LINE__ - 1, calls[i].says);
        if (strncmp(rg_message(tape), where, strlen(where)) != 0) fail_msg("not \"%s\": %s", where, rg_message(tape));
        rg_tape_clear_error(tape);
        assert_false(check(tape, rg_sum(x)).found);
    }
    assert_int_equal(rg_tape_check_finite(NULL, no_loss, &report), RG_E_NULL);
    rg_params_changed(theta);
    assert_int_equal(rg_tape_check_finite(tape, no_loss, &report), RG_E_STALE);
    assert_non_null(strstr(rg_message(tape), "check_finite: stale: parameter a has changed since it was recorded at test_check_finite.c:"));
    (void)w;
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finite_tape_has_nothing_to_report),
        cmocka_unit_test(the_producer_is_named_and_not_what_hands_it_on),
        cmocka_unit_test(operands_that_broadcast_are_shown_where_they_were_read),
        cmocka_unit_test(ops_that_are_not_elementwise_show_the_range_of_their_operands),
        cmocka_unit_test(nan_made_of_infinities_has_a_producer_of_its_own),
        cmocka_unit_test(nan_that_was_given_is_reported_as_given),
        cmocka_unit_test(an_adjoint_is_named_with_its_forward_line),
        cmocka_unit_test(adjoints_that_nobody_asks_for_are_not_looked_at),
        cmocka_unit_test(gradients_that_were_recorded_are_checked_too),
        cmocka_unit_test(a_check_changes_neither_values_nor_plans),
        cmocka_unit_test(what_cannot_be_checked_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
