/* test_in_place.c: a tape that verifies notices numbers that were changed where they lie, and tensors that are used after
 * their end, and says which tensor it was, where it was recorded and where it was used. */
#include "tensors.h"

enum { N = 5 };

/* The message begins with the line of the use, and holds this text and the line of the recording. */
static void assert_both_lines(rg_tape *tape, rg_status status, int used, const char *text, int recorded)
{
    char begins[80], line[80];
    snprintf(begins, sizeof begins, "test_in_place.c:%d: ", used);
    snprintf(line, sizeof line, "recorded at test_in_place.c:%d", recorded);
    if (rg_tape_status(tape) != status) fail_msg("%s: %s", rg_status_name(rg_tape_status(tape)), rg_message(tape));
    if (strncmp(rg_message(tape), begins, strlen(begins)) != 0) fail_msg("not \"%s...\": %s", begins, rg_message(tape));
    if (!strstr(rg_message(tape), text)) fail_msg("no \"%s\" in: %s", text, rg_message(tape));
    if (!strstr(rg_message(tape), line)) fail_msg("no \"%s\" in: %s", line, rg_message(tape));
    rg_tape_clear_error(tape);
    assert_fine(tape);
}

static void a_borrowed_input_that_was_changed_is_named(void **state)
{
    (void)state;
    for (int eager = 0; eager < 2; eager++) {
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .verify = true, .eager = eager });
        double numbers[N] = { 1, 2, 3, 4, 5 };
        for (int step = 0; step < 5; step++) { /* node by node, planned, and known */
            rg_tensor x = rg_name(rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers), "images"); const int recorded = __LINE__;
            rg_tensor y = rg_sum(x), z = rg_exp(y);
            assert_true(rg_item(y) > 0);
            numbers[2] += 1;
            assert_true(isnan(rg_item(rg_sum(rg_square(x))))); const int used = __LINE__;
            assert_both_lines(tape, RG_E_STALE, used, "stale: a borrowed input was changed in place: images f64[5], ", recorded);
            assert_true(rg_item(z) > 0); /* made of what was computed before */
            rg_tape_reset(tape);
        }
        rg_tape_free(tape);
    }
}

/* A program keeps a copy of the numbers that were recorded, which these are not any more. */
static void a_program_is_not_compiled_with_an_input_that_was_changed(void **state)
{
    (void)state;
    double numbers[N] = { 1, 2, 3, 4, 5 }, others[N] = { 0 };
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .verify = true });
    rg_tensor x = rg_name(rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers), "images"); const int recorded = __LINE__;
    rg_tensor y = rg_sum(rg_square(x));
    rg_program *program = rg_compile(1, &x, 1, &y);
    numbers[0] = 7;
    assert_null(rg_compile(1, &x, 1, &y)); const int used = __LINE__;
    assert_both_lines(tape, RG_E_STALE, used, "stale: a borrowed input was changed in place: images f64[5], ", recorded);
    assert_int_equal(rg_program_run(program), RG_OK);
    assert_true(*(const double *)rg_program_output(program, 0) == 55);
    assert_int_equal(rg_program_bind(program, 0, others), RG_OK);
    others[2] = 3; /* what is bound may change */
    assert_int_equal(rg_program_run(program), RG_OK);
    assert_true(*(const double *)rg_program_output(program, 0) == 9);
    rg_program_free(program);
    rg_tape_free(tape);
}

static void a_borrowed_input_that_stays_as_it_was_is_fine(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .verify = true });
    double numbers[N] = { 1, 2, 3, 4, 5 };
    for (int step = 0; step < 20; step++) {
        numbers[0] = step;
        rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers), none = rg_input_borrowed(tape, RG_F64, RG_SHAPE(0), NULL);
        assert_true(rg_item(rg_add(rg_sum(x), rg_sum(none))) == 14 + step);
        assert_true(rg_item(rg_sum(rg_scale(x, 2))) == 2 * (14.0 + step));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    assert_int_equal(rg_tape_get_stats(tape).hits, 2 * 18);
    rg_tape_free(tape);
}

static void theta_that_was_changed_without_saying_so_is_named(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 3);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .verify = true });
    double *numbers = rg_params_data(theta);
    for (int step = 0; step < 5; step++) {
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), b = rg_parameter(tape, rg_params_at(theta, 1)); const int recorded = __LINE__;
        rg_tensor loss = rg_add(rg_sum(rg_square(a)), rg_sum(rg_square(b)));
        numbers[3] += 1; /* of b */
        rg_backward(loss); const int used = __LINE__;
        assert_both_lines(tape, RG_E_STALE, used, "stale: a parameter was changed in place without rg_params_changed: b f64[3], ", recorded);
        assert_true(rg_item(rg_sum(a)) == 3);
        rg_params_changed(theta);
        rg_tape_reset(tape);
        a = rg_parameter(tape, rg_params_at(theta, 0)); /* and by the book */
        assert_int_equal(rg_backward(rg_sum(rg_square(a))), RG_OK);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* Both changed: what the user has said comes first. */
static void a_change_that_was_told_is_stale_as_ever(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .verify = true });
    rg_tensor h = rg_exp(rg_parameter(tape, rg_params_at(theta, 0))); const int recorded = __LINE__;
    ((double *)rg_params_data(theta))[0] = 7;
    rg_params_changed(theta);
    assert_null(rg_data(h)); const int used = __LINE__;
    assert_both_lines(tape, RG_E_STALE, used, "its parameter changed: a f64[2], ", recorded);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_tape_that_does_not_verify_reads_what_is_there(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    double numbers[N] = { 1, 2, 3, 4, 5 };
    rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers);
    numbers[0] = 11;
    assert_exactly(rg_sum(x), 25);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void verifying_can_be_asked_for_in_the_environment(void **state)
{
    (void)state;
    setenv("RG_VERIFY", "1", 1);
    rg_tape *tape = rg_tape_new();
    unsetenv("RG_VERIFY");
    double numbers[N] = { 1, 2, 3, 4, 5 };
    rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers);
    numbers[0] = 11;
    assert_true(isnan(rg_item(rg_sum(x))));
    assert_int_equal(rg_tape_status(tape), RG_E_STALE);
    rg_tape_free(tape);
}

/* ---- After the end ------------------------------------------------------------------------------------- */

static void a_tensor_that_is_used_after_a_reset_is_named(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2);
    rg_tensor h = rg_tanh(x); const int recorded = __LINE__;
    rg_tape_reset(tape);
    rg_tensor y = VECTOR(tape, 3, 4);
    assert_true(rg_is_null(rg_mul(y, h))); const int in_an_op = __LINE__;
    assert_both_lines(tape, RG_E_TAPE, in_an_op, "mul: operand 2 is a tensor from before rg_tape_reset or rg_tape_rewind: %1 tanh, ", recorded);
    assert_null(rg_data(h)); const int in_a_read = __LINE__;
    assert_both_lines(tape, RG_E_TAPE, in_a_read, "data: the tensor is from before rg_tape_reset or rg_tape_rewind: %1 tanh, ", recorded);
    rg_tensor slope;
    rg_grad(rg_sum(y), &h, 1, &slope); const int in_a_gradient = __LINE__;
    /* its place is taken by the sum now, and that is all that is known */
    assert_both_lines(tape, RG_E_TAPE, in_a_gradient, "grad: variable 1 is a tensor from before", in_a_gradient);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_borrowed_input_that_was_changed_is_named),
        cmocka_unit_test(a_program_is_not_compiled_with_an_input_that_was_changed),
        cmocka_unit_test(a_borrowed_input_that_stays_as_it_was_is_fine),
        cmocka_unit_test(theta_that_was_changed_without_saying_so_is_named),
        cmocka_unit_test(a_change_that_was_told_is_stale_as_ever),
        cmocka_unit_test(a_tape_that_does_not_verify_reads_what_is_there),
        cmocka_unit_test(verifying_can_be_asked_for_in_the_environment),
        cmocka_unit_test(a_tensor_that_is_used_after_a_reset_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
