/* test_backward.c: rg_backward adds into the gradient of every parameter it reaches, and nobody has to zero: what is
 * consumed starts from zero, what is not reached is zero, and half a gradient is no gradient. */
#include "tensors.h"

static rg_tensor parameter(rg_tape *tape, rg_params *theta, const char *name)
{
    return rg_parameter(tape, rg_params_find(theta, name));
}

/* sum(a * factor) for the parameter of that name. */
static rg_tensor loss_of(rg_tape *tape, rg_params *theta, const char *name, double factor)
{
    return rg_sum(rg_mul(parameter(tape, theta, name), rg_scalar(tape, RG_F64, factor)));
}

static void poison_gradient(rg_params *theta)
{
    double *numbers = rg_params_gradient(theta);
    for (int64_t i = 0; i < rg_params_count(theta); i++) numbers[i] = NAN;
}

static void the_first_backward_after_a_step_starts_from_zero(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 1);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        assert_int_equal(rg_backward(rg_add(loss_of(tape, theta, "a", step + 1), loss_of(tape, theta, "b", 10))), RG_OK);
        assert_true(rg_params_gradient_ready(theta));
        assert_gradient(theta, step + 1, step + 1, 10);
        poison_gradient(theta);
        rg_params_consume_gradient(theta);
        assert_false(rg_params_gradient_ready(theta));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void backward_passes_add_until_the_gradient_is_consumed(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        for (int part = 1; part <= 4; part++) { /* one trace, first as a start and then as an addition */
            assert_int_equal(rg_backward(loss_of(tape, theta, "a", part)), RG_OK);
            assert_gradient(theta, part * (part + 1) / 2, part * (part + 1) / 2);
            if (step % 2) rg_tape_reset(tape);
        }
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void the_same_loss_can_be_differentiated_twice(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor loss = rg_sum(rg_square(parameter(tape, theta, "a")));
        for (int time = 1; time <= 3; time++) {
            assert_int_equal(rg_backward(loss), RG_OK);
            assert_gradient(theta, 2 * time, 4 * time);
        }
        assert_values(loss, 5);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void zeroing_starts_from_zero_at_once(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    rg_backward(loss_of(tape, theta, "a", 3));
    rg_params_zero_gradient(theta);
    assert_false(rg_params_gradient_ready(theta));
    assert_gradient(theta, 0, 0);
    rg_backward(loss_of(tape, theta, "a", 5));
    assert_gradient(theta, 5, 5);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void the_gradient_of_a_parameter_that_nothing_reached_is_zero(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 1, 2);
    rg_tape *tape = rg_tape_new();
    assert_gradient(theta, 0, 0, 0, 0, 0);
    static const char *const names[] = { "a", "b", "c", "a", "c", "b", "a", "b" };
    for (size_t step = 0; step < COUNT(names); step++) {
        parameter(tape, theta, "b"); /* on the tape, but of no consequence */
        rg_backward(loss_of(tape, theta, names[step], 7));
        double a = names[step][0] == 'a' ? 7 : 0, b = names[step][0] == 'b' ? 7 : 0, c = names[step][0] == 'c' ? 7 : 0;
        assert_gradient(theta, a, a, b, c, c);
        poison_gradient(theta);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_second_backward_may_reach_other_parameters(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 1);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_backward(loss_of(tape, theta, "a", 2));
        rg_backward(rg_add(loss_of(tape, theta, "b", 3), loss_of(tape, theta, "a", 1)));
        assert_gradient(theta, 3, 3, 3);
        poison_gradient(theta);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_parameter_added_later_has_no_gradient_yet(void **state)
{
    (void)state;
    rg_params *theta = STORE(1);
    rg_tape *tape = rg_tape_new();
    rg_backward(loss_of(tape, theta, "a", 2));
    for (int i = 0; i < 50; i++) { /* theta and its gradient move */
        char name[24];
        snprintf(name, sizeof name, "more%d", i);
        rg_params_add(theta, name, RG_SHAPE(100));
    }
    const double *numbers = rg_params_gradient(theta);
    assert_true(numbers[0] == 2);
    for (int64_t i = 1; i < rg_params_count(theta); i++) assert_true(numbers[i] == 0);
    rg_tape_reset(tape);
    rg_backward(loss_of(tape, theta, "a", 5));
    assert_true(((const double *)rg_params_gradient(theta))[0] == 7);
    assert_true(((const double *)rg_params_gradient(theta))[4321] == 0);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void every_store_on_the_tape_gets_its_part(void **state)
{
    (void)state;
    rg_params *one = STORE(2), *other = STORE(1, 2), *single = rg_params_new(RG_F32, 1);
    rg_params_add(single, "s", RG_SHAPE(2));
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor s = rg_parameter(tape, rg_params_at(single, 0));
        rg_backward(rg_sum(rg_scale(s, 4)));
        rg_backward(rg_mul(loss_of(tape, one, "a", 2), loss_of(tape, other, "b", 1)));
        assert_gradient(one, 2 * 5, 2 * 5);
        assert_gradient(other, 0, 2 * 3, 2 * 3);
        const float *numbers = rg_params_gradient(single);
        assert_true(numbers[0] == 4 && numbers[1] == 4);
        rg_params_consume_gradient(one);
        rg_params_consume_gradient(single);
        rg_params_zero_gradient(other);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(one);
    rg_params_free(other);
    rg_params_free(single);
}

static void what_was_computed_before_takes_part(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor a = parameter(tape, theta, "a"), h = rg_square(a);
        assert_values(rg_sum(h), 5);
        rg_tensor loss = rg_sum(rg_mul(rg_exp(rg_neg(h)), a));
        assert_values(loss, exp(-1) + 2 * exp(-4));
        assert_int_equal(rg_backward(loss), RG_OK); /* d/da a e^(-a^2) = (1 - 2 a^2) e^(-a^2) */
        assert_gradient(theta, -exp(-1), -7 * exp(-4));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* The part that backward is called in looks the same each time; what the gradient flows through does not. */
static void an_earlier_part_that_differs_makes_another_gradient(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 15; step++) {
        rg_tensor a = parameter(tape, theta, step % 5 == 4 ? "b" : "a"), h = step % 3 ? rg_scale(a, step % 3) : rg_neg(a);
        rg_data(h);
        assert_int_equal(rg_backward(rg_sum(h)), RG_OK);
        double slope = step % 3 ? step % 3 : -1;
        if (step % 5 == 4) assert_gradient(theta, 0, 0, slope, slope);
        else assert_gradient(theta, slope, slope, 0, 0);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* A penalty on the gradient itself, as in training with regularised slopes. */
static void backward_goes_through_gradients(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor a = parameter(tape, theta, "a"), x = rg_scalar(tape, RG_F64, 0.5 + step);
        rg_tensor y = rg_sum(rg_mul(rg_square(a), rg_square(x))), slope = gradient(y, x); /* 2 x sum a^2 */
        assert_int_equal(rg_backward(rg_square(slope)), RG_OK);                           /* 8 x^2 s 2 a */
        const double x2 = (0.5 + step) * (0.5 + step);
        assert_gradient(theta, 16 * x2 * 5 * 1, 16 * x2 * 5 * 2);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_loss_that_is_a_parameter_or_a_constant_is_a_loss(void **state)
{
    (void)state;
    rg_params *theta = STORE(1);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_backward(parameter(tape, theta, "a"));
        assert_gradient(theta, 1);
        rg_params_consume_gradient(theta);
        rg_tensor constant = rg_scalar(tape, RG_F64, 3);
        rg_backward(rg_square(constant));
        assert_gradient(theta, 0);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_failure_discards_what_was_added_since_the_last_step(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_backward(loss_of(tape, theta, "a", 3));
        rg_tensor wrong = rg_matmul(parameter(tape, theta, "a"), VECTOR(tape, 1, 2, 3));
        assert_int_equal(rg_backward(rg_sum(wrong)), RG_E_NULL);
        assert_true(rg_failed(tape));
        assert_false(rg_params_gradient_ready(theta));
        rg_tape_clear_error(tape);
        rg_backward(loss_of(tape, theta, "a", 4));
        assert_true(rg_params_gradient_ready(theta));
        assert_gradient(theta, 4, 4);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_failed_tape_does_not_touch_the_gradient_of_another(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *broken = rg_tape_new(), *working = rg_tape_new();
    rg_tensor loss = loss_of(broken, theta, "a", 3);
    rg_add(VECTOR(broken, 1, 2), VECTOR(broken, 1, 2, 3));
    assert_int_equal(rg_tape_status(broken), RG_E_SHAPE);
    rg_backward(loss_of(working, theta, "a", 5));
    assert_int_equal(rg_backward(loss), RG_E_SHAPE);
    assert_true(rg_params_gradient_ready(theta));
    assert_gradient(theta, 5, 5);
    rg_backward(loss_of(working, theta, "a", 2));
    assert_gradient(theta, 7, 7);
    rg_tape_free(broken);
    rg_tape_free(working);
    rg_params_free(theta);
}

static void the_loss_is_kept(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor loss = loss_of(tape, theta, "a", step + 1);
        rg_backward(loss);
        rg_params_changed(theta);
        assert_exactly(loss, 3 * (step + 1));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void so_is_a_loss_recorded_before_another_backward(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor first = loss_of(tape, theta, "a", step + 1), second = rg_exp(rg_neg(loss_of(tape, theta, "a", 1)));
        rg_backward(second);
        rg_backward(first);
        assert_gradient(theta, step + 1 - exp(-3), step + 1 - exp(-3));
        rg_params_changed(theta);
        assert_exactly(first, 3 * (step + 1));
        assert_values(second, exp(-3));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_backward_after_a_step_starts_from_zero),
        cmocka_unit_test(backward_passes_add_until_the_gradient_is_consumed),
        cmocka_unit_test(the_same_loss_can_be_differentiated_twice),
        cmocka_unit_test(zeroing_starts_from_zero_at_once),
        cmocka_unit_test(the_gradient_of_a_parameter_that_nothing_reached_is_zero),
        cmocka_unit_test(a_second_backward_may_reach_other_parameters),
        cmocka_unit_test(a_parameter_added_later_has_no_gradient_yet),
        cmocka_unit_test(every_store_on_the_tape_gets_its_part),
        cmocka_unit_test(what_was_computed_before_takes_part),
        cmocka_unit_test(an_earlier_part_that_differs_makes_another_gradient),
        cmocka_unit_test(backward_goes_through_gradients),
        cmocka_unit_test(a_loss_that_is_a_parameter_or_a_constant_is_a_loss),
        cmocka_unit_test(a_failure_discards_what_was_added_since_the_last_step),
        cmocka_unit_test(a_failed_tape_does_not_touch_the_gradient_of_another),
        cmocka_unit_test(the_loss_is_kept),
        cmocka_unit_test(so_is_a_loss_recorded_before_another_backward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
