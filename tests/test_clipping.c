/* Clipping acts on what a step reads: first by the norm of the whole gradient, then by value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "optimiser_problem.h"

/* Steps from (1, 1) along the gradient (3, -4) with rate 1. */
static void check_clipped(double norm, double value, double first, double second)
{
    static const rg_dtype dtypes[] = { RG_F32, RG_F64 };
    for (int d = 0; d < 2; d++) {
        problem p = make_problem(dtypes[d], 2, NULL);
        rg_opt *opt = rg_opt_sgd(p.theta, (rg_opt_sgd_options){ .lr = 1.0 });
        assert_int_equal(rg_opt_clip_norm(opt, norm), RG_OK);
        assert_int_equal(rg_opt_clip_value(opt, value), RG_OK);
        give_gradient(&p, (double[]){ 3.0, -4.0 });
        assert_int_equal(rg_opt_step(opt), RG_OK);
        check_near(theta_at(&p, 0), 1.0 - first, dtypes[d] == RG_F32 ? 2e-7 : 1e-15);
        check_near(theta_at(&p, 1), 1.0 - second, dtypes[d] == RG_F32 ? 2e-7 : 1e-15);
        rg_opt_free(opt);
        free_problem(&p);
    }
}

static void clipping_scales_by_the_norm_and_then_limits_each_number(void **state)
{
    (void)state;
    check_clipped(0.0, 0.0, 3.0, -4.0);
    check_clipped(1.0, 0.0, 0.6, -0.8);
    check_clipped(5.0, 0.0, 3.0, -4.0);
    check_clipped(6.0, 0.0, 3.0, -4.0);
    check_clipped(0.0, 3.5, 3.0, -3.5);
    check_clipped(0.0, 0.5, 0.5, -0.5);
    check_clipped(1.0, 0.7, 0.6, -0.7);
    check_clipped(2.5, 3.5, 1.5, -2.0);
}

static void clipping_hides_no_nan(void **state)
{
    (void)state;
    problem p = make_problem(RG_F64, 2, NULL);
    rg_opt *opt = rg_opt_sgd(p.theta, (rg_opt_sgd_options){ .lr = 1.0 });
    rg_opt_clip_value(opt, 1.0);
    give_gradient(&p, (double[]){ NAN, 0.5 });
    assert_int_equal(rg_opt_step(opt), RG_OK);
    assert_true(isnan(theta_at(&p, 0)));
    assert_true(theta_at(&p, 1) == 0.5);
    rg_opt_free(opt);
    free_problem(&p);
}

static void bad_limits_are_refused(void **state)
{
    (void)state;
    static const double bad[] = { -1.0, NAN, INFINITY };
    problem p = make_problem(RG_F64, 1, NULL);
    rg_opt *opt = rg_opt_sgd(p.theta, (rg_opt_sgd_options){ .lr = 0.1 });
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rg_opt_clip_norm(opt, bad[i]), RG_E_ARGUMENT);
        assert_int_equal(rg_opt_clip_value(opt, bad[i]), RG_E_ARGUMENT);
        assert_int_equal(rg_opt_set_learning_rate(opt, bad[i]), RG_E_ARGUMENT);
    }
    assert_int_equal(rg_opt_set_learning_rate(opt, 0.0), RG_E_ARGUMENT);
    assert_true(rg_opt_learning_rate(opt) == 0.1);
    rg_opt_free(opt);
    free_problem(&p);
}

/* Adds and collects what rounding loses [Neumaier 1974]; the squares themselves are exact here. */
static void add_exactly(double *sum, double *lost, double value)
{
    double old = *sum;
    *sum += value;
    *lost += fabs(old) >= fabs(value) ? (old - *sum) + value : (value - *sum) + old;
}

/* 2^54 and then half a million times 1/1024: none of them would change a sum in double. */
static void the_norm_loses_no_small_number_behind_a_large_one(void **state)
{
    (void)state;
    enum { COUNT = 600 * 1024 };
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_params_add(theta, "w", RG_SHAPE(COUNT));
    double *gradient = rg_params_gradient(theta);
    for (int i = 0; i < COUNT; i++) gradient[i] = i == 0 ? 0x1p27 : 0x1p-5;
    check_near(rg_opt_gradient_norm(theta), sqrt(0x1p54 + (COUNT - 1) * 0x1p-10), 2e-16);
    rg_params_free(theta);
}

static void the_norm_is_accurate_for_every_length(void **state)
{
    (void)state;
    static double gradient[MOST];
    for (int count = 1; count <= MOST; count = count < 40 ? count + 1 : 2 * count + 1) {
        double sum = 0.0, lost = 0.0;
        draw_gradient(gradient, count, count);
        for (int i = 0; i < count; i++) add_exactly(&sum, &lost, gradient[i] * gradient[i]);
        for (int d = 0; d < 2; d++) {
            problem p = make_problem(d ? RG_F64 : RG_F32, count, NULL);
            give_gradient(&p, gradient);
            check_near(rg_opt_gradient_norm(p.theta), sqrt(sum + lost), 4e-16);
            free_problem(&p);
        }
    }
    assert_true(rg_opt_gradient_norm(NULL) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clipping_scales_by_the_norm_and_then_limits_each_number),
        cmocka_unit_test(clipping_hides_no_nan),
        cmocka_unit_test(bad_limits_are_refused),
        cmocka_unit_test(the_norm_loses_no_small_number_behind_a_large_one),
        cmocka_unit_test(the_norm_is_accurate_for_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
