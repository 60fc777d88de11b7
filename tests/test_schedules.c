/* A schedule is a pure function of the number of steps done, and a step is made with its learning rate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "optim.h"

static void check(rg_opt_schedule schedule, uint64_t step, double wanted)
{
    double factor = rg_opt_schedule_factor(schedule, step);
    if (!(fabs(factor - wanted) <= 1e-15)) fail_msg("step %d: %.17g is not %.17g", (int)step, factor, wanted);
}

static void the_constant_schedule_is_one(void **state)
{
    (void)state;
    check(rg_opt_schedule_constant(), 0, 1.0);
    check(rg_opt_schedule_constant(), UINT64_MAX, 1.0);
    check((rg_opt_schedule){ 0 }, 7, 1.0);
}

static void the_step_schedule_falls_every_so_often(void **state)
{
    (void)state;
    rg_opt_schedule s = rg_opt_schedule_step(3, 0.5);
    static const double wanted[] = { 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125 };
    for (uint64_t i = 0; i < 10; i++) check(s, i, wanted[i]);
    check(s, UINT64_MAX, 0.0);
    check(rg_opt_schedule_step(1, 0.0), 0, 1.0);
    check(rg_opt_schedule_step(1, 0.0), 1, 0.0);
}

static void the_cosine_schedule_goes_from_one_to_its_floor(void **state)
{
    (void)state;
    rg_opt_schedule s = rg_opt_schedule_cosine(8, 0.2);
    check(s, 0, 1.0);
    check(s, 2, 0.2 + 0.8 * 0.5 * (1.0 + sqrt(0.5)));
    check(s, 4, 0.6);
    check(s, 6, 0.2 + 0.8 * 0.5 * (1.0 - sqrt(0.5)));
    check(s, 8, 0.2);
    check(s, 9, 0.2);
    check(s, UINT64_MAX, 0.2);
    for (uint64_t i = 0; i < 8; i++) assert_true(rg_opt_schedule_factor(s, i + 1) < rg_opt_schedule_factor(s, i));
}

static void warming_up_stands_in_front_of_any_schedule(void **state)
{
    (void)state;
    rg_opt_schedule s = rg_opt_schedule_warm_up(rg_opt_schedule_step(2, 0.1), 4);
    static const double wanted[] = { 0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01 };
    for (uint64_t i = 0; i < 9; i++) check(s, i, wanted[i]);
    check(rg_opt_schedule_warm_up(rg_opt_schedule_constant(), 2), 0, 0.5);
    check(rg_opt_schedule_warm_up(rg_opt_schedule_constant(), 2), 5, 1.0);
    check(rg_opt_schedule_warm_up(rg_opt_schedule_constant(), 0), 0, 1.0);
}

static double own_factor(const rg_opt_schedule *schedule, uint64_t step)
{
    return 1.0 / (1.0 + schedule->level * (double)step);
}

static void a_schedule_of_your_own_is_a_function(void **state)
{
    (void)state;
    rg_opt_schedule s = { .factor = own_factor, .level = 0.5 };
    check(s, 2, 0.5);
    check(rg_opt_schedule_warm_up(s, 10), 12, 0.5);
}

static void malformed_schedules_are_nan_and_refused(void **state)
{
    (void)state;
    const rg_opt_schedule bad[] = {
        rg_opt_schedule_step(0, 0.5),     rg_opt_schedule_step(3, -0.5),    rg_opt_schedule_step(3, NAN),
        rg_opt_schedule_cosine(0, 0.1),   rg_opt_schedule_cosine(9, -0.1),  rg_opt_schedule_cosine(9, 1.1),
        rg_opt_schedule_cosine(9, NAN),   rg_opt_schedule_step(3, INFINITY),
        rg_opt_schedule_warm_up(rg_opt_schedule_cosine(0, 0.1), 5),
    };
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.5 });
    assert_int_equal(rg_opt_set_schedule(opt, rg_opt_schedule_warm_up(rg_opt_schedule_constant(), 2)), RG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(isnan(rg_opt_schedule_factor(bad[i], 0)));
        assert_true(isnan(rg_opt_schedule_factor(bad[i], 20)));
        assert_int_equal(rg_opt_set_schedule(opt, bad[i]), RG_E_ARGUMENT);
        assert_true(rg_opt_learning_rate(opt) == 0.25);
    }
    rg_opt_free(opt);
    rg_params_free(theta);
}

/* theta starts at 0 and meets the gradient 1, so it is minus the sum of the rates. */
static void steps_are_made_with_the_scheduled_rate(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_param w = rg_params_add(theta, "w", RG_SHAPE(1));
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.5 });
    rg_opt_schedule schedule = rg_opt_schedule_warm_up(rg_opt_schedule_cosine(6, 0.1), 3);
    rg_opt_set_schedule(opt, schedule);
    double sum = 0.0;
    for (uint64_t step = 0; step < 12; step++) {
        double rate = rg_opt_learning_rate(opt);
        assert_true(rate == 0.5 * rg_opt_schedule_factor(schedule, step));
        rg_backward(rg_sum(rg_parameter(tape, w)));
        assert_int_equal(rg_opt_step(opt), RG_OK);
        rg_tape_reset(tape);
        sum += rate;
        assert_true(fabs(*(const double *)rg_params_data(theta) + sum) < 1e-14);
    }
    assert_int_equal(rg_opt_set_learning_rate(opt, 2.0), RG_OK);
    assert_true(rg_opt_learning_rate(opt) == 2.0 * rg_opt_schedule_factor(schedule, 12));
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_constant_schedule_is_one),
        cmocka_unit_test(the_step_schedule_falls_every_so_often),
        cmocka_unit_test(the_cosine_schedule_goes_from_one_to_its_floor),
        cmocka_unit_test(warming_up_stands_in_front_of_any_schedule),
        cmocka_unit_test(a_schedule_of_your_own_is_a_function),
        cmocka_unit_test(malformed_schedules_are_nan_and_refused),
        cmocka_unit_test(steps_are_made_with_the_scheduled_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
