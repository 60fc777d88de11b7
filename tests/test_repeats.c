/* test_repeats.c: a tape compares what is recorded with its last trace. What is the same must be this trace's all the
 * same, and what is not must be noticed, however small. */
#include "tensors.h"

enum { ROUNDS = 40 };

static rg_params *one_parameter(double value)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_params_add(theta, "w", RG_SHAPE(3));
    for (int i = 0; i < 3; i++) ((double *)rg_params_data(theta))[i] = value + i;
    rg_params_changed(theta);
    return theta;
}

static void a_name_belongs_to_its_trace(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        rg_tensor x = VECTOR(tape, 1, 2, 3), y = rg_tanh(x);
        if (step % 2 == 0) rg_name(y, "hidden");
        rg_add(y, VECTOR(tape, 1, 2));
        assert_int_equal(rg_tape_status(tape), RG_E_SHAPE);
        assert_int_equal(strstr(rg_message(tape), "hidden") != NULL, step % 2 == 0);
        rg_tape_clear_error(tape);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static rg_tensor tanh_from(const char *site, rg_tensor x)
{
    return rg_tanh_at(site, x);
}

static void a_line_belongs_to_its_trace(void **state)
{
    (void)state;
    static const char *const sites[] = { "first.c:1", "second.c:2" };
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        const int64_t far = 9;
        rg_tensor x = rg_gather_rows_at(sites[step % 2], VECTOR(tape, 1, 2), rg_input(tape, RG_I64, RG_SHAPE(1), &far));
        rg_data(tanh_from(sites[step % 2], x));
        assert_int_equal(rg_tape_status(tape), RG_E_INDEX);
        assert_non_null(strstr(rg_message(tape), sites[step % 2]));
        rg_tape_clear_error(tape);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void what_has_no_gradient_is_noticed(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_params *theta = one_parameter(2);
    for (int round = 0; round < ROUNDS; round++) {
        rg_params_zero_gradient(theta);
        const bool constant = round % 7 == 3;
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), square = rg_square(w);
        const bool before = rg_no_grad(tape, constant);
        rg_tensor factor = rg_scale(square, 3);
        rg_no_grad(tape, before);
        rg_backward(rg_sum(rg_mul(factor, w))); /* 3 w^3, or (3 w^2) w with the first a constant */
        assert_fine(tape);
        const double *slope = rg_params_gradient(theta);
        for (int i = 0; i < 3; i++) assert_true(fabs(slope[i] - (constant ? 3 : 9) * (2 + i) * (2 + i)) < 1e-9);
        rg_tape_reset(tape);
    }
    rg_params_free(theta);
    rg_tape_free(tape);
}

/* All pairs of traces follow one another: an event that is missing, an attribute that differs. */
static void what_is_kept_and_how_it_is_scaled_is_noticed(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (uint64_t round = 0; round < 400; round++) {
        const uint64_t draw = rg_random_bits(1, 2, round / 2);
        const bool keep = draw & 1;
        const double factor = draw & 2 ? 2 : 3;
        rg_tensor x = VECTOR(tape, 1, (double)round), t = rg_neg(x);
        if (keep) rg_keep(t);
        rg_tensor y = rg_scale(t, factor);
        if (draw & 4) rg_keep(y);
        assert_values(rg_sum(y), -factor * (1 + (double)round));
        assert_values(t, -1, -(double)round);
        assert_values(y, -factor, -factor * (double)round);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void what_is_kept_again_is_part_of_the_plan_again(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int round = 0; round < ROUNDS; round++) {
        rg_tensor t = rg_keep(rg_neg(VECTOR(tape, 1, 2)));
        assert_values(rg_sum(rg_scale(t, 2)), -6);
        const uint64_t steps = rg_tape_get_stats(tape).steps;
        assert_values(t, -1, -2);
        assert_int_equal(rg_tape_get_stats(tape).steps, steps);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    rg_tape_free(tape);
}

/* The adjoints of a new plan are recorded behind the loss, where a later trace may record the like of them by itself, but
 * in a segment of their own. */
static void adjoints_of_the_last_trace_are_not_taken_for_those_of_this_one(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_params *theta = one_parameter(1);
    for (uint64_t round = 0; round < 200; round++) {
        const uint64_t draw = rg_random_bits(1, 3, round / 3);
        for (int i = 0; i < 3; i++) ((double *)rg_params_data(theta))[i] = (double)(round % 5) + i;
        rg_params_changed(theta);
        rg_params_zero_gradient(theta);
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), slope;
        rg_tensor loss = rg_sum(rg_mul(rg_square(w), w));
        if (draw & 1) rg_backward(loss);
        if (draw & 2) {
            rg_grad(loss, &w, 1, &slope);
            if (draw & 4) slope = rg_scale(slope, 2);
            for (int i = 0; i < 3; i++) {
                const double at = (double)(round % 5) + i;
                assert_true(fabs(element(slope, i) - (draw & 4 ? 6 : 3) * at * at) < 1e-9);
            }
        }
        if (draw & 8) assert_values(rg_sum(w), 3 * (double)(round % 5) + 3);
        assert_fine(tape);
        rg_tape_reset(tape);
    }
    rg_params_free(theta);
    rg_tape_free(tape);
}

static void programs_that_take_turns_do_not_fill_the_memory(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    uint64_t bytes = 0;
    for (uint64_t round = 0; round < 2000; round++) {
        rg_tensor y = VECTOR(tape, 1, 2, 3);
        const uint64_t draw = rg_random_bits(1, 4, round), length = 5 + draw % 16;
        for (uint64_t i = 0; i < length; i++) y = rg_name(draw >> (5 + i) & 1 ? rg_scale(y, (double)i) : rg_reshape(y, RG_SHAPE(3, 1)), "y");
        if (draw % 3) assert_true(isfinite(rg_item(rg_sum(y))));
        if (round == 1000) bytes = rg_tape_get_stats(tape).tape_bytes;
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).tape_bytes, bytes);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_belongs_to_its_trace),
        cmocka_unit_test(a_line_belongs_to_its_trace),
        cmocka_unit_test(what_has_no_gradient_is_noticed),
        cmocka_unit_test(what_is_kept_and_how_it_is_scaled_is_noticed),
        cmocka_unit_test(what_is_kept_again_is_part_of_the_plan_again),
        cmocka_unit_test(adjoints_of_the_last_trace_are_not_taken_for_those_of_this_one),
        cmocka_unit_test(programs_that_take_turns_do_not_fill_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
