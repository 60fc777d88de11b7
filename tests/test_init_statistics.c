/* Initialisers draw what their formulas say, and the numbers of a parameter depend on nothing but the seed, its name
 * and the index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn.h"

#define IN 300
#define OUT 200
#define COUNT ((size_t)IN * OUT)

static void assert_close(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-15 * fabs(b));
}

typedef struct {
    double mean, variance, smallest, largest, kurtosis;
} statistics;

static statistics measure(const double *x, size_t n)
{
    statistics s = { .smallest = INFINITY, .largest = -INFINITY };
    for (size_t i = 0; i < n; i++) {
        s.mean += x[i] / (double)n;
        s.smallest = fmin(s.smallest, x[i]);
        s.largest = fmax(s.largest, x[i]);
    }
    double fourth = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = x[i] - s.mean;
        s.variance += d * d / (double)n;
        fourth += d * d * d * d / (double)n;
    }
    s.kurtosis = s.variance > 0.0 ? fourth / (s.variance * s.variance) : 0.0;
    return s;
}

static statistics draw(rg_nn_init init, uint64_t seed)
{
    rg_params *theta = rg_params_new(RG_F64, seed);
    rg_param w = rg_params_add(theta, "w", RG_SHAPE(OUT, IN));
    assert_int_equal(rg_nn_initialise(w, init, 0, 0), RG_OK);
    statistics s = measure(rg_params_data(theta), COUNT);
    rg_params_free(theta);
    return s;
}

/* Five standard errors of the mean and of the variance; the kurtosis is 1.8 for uniform, 3 for normal numbers. */
static void check_moments(rg_nn_init init, double mean, double variance, double kurtosis)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        statistics s = draw(init, seed);
        double n = (double)COUNT;
        assert_true(fabs(s.mean - mean) < 5.0 * sqrt(variance / n));
        assert_true(fabs(s.variance - variance) < 5.0 * variance * sqrt((kurtosis - 1.0) / n));
        assert_true(fabs(s.kurtosis - kurtosis) < 0.15);
    }
}

static void check_bounds(rg_nn_init init, double low, double high)
{
    statistics s = draw(init, 7);
    double width = high - low;
    assert_true(s.smallest >= low && s.smallest < low + 0.001 * width);
    assert_true(s.largest <= high && s.largest > high - 0.001 * width);
}

static void normal_initialisers_have_the_variance_of_their_papers(void **state)
{
    (void)state;
    check_moments(rg_nn_init_xavier_normal(), 0.0, 2.0 / (IN + OUT), 3.0);
    check_moments(rg_nn_init_he_normal(), 0.0, 2.0 / IN, 3.0);
    check_moments(rg_nn_init_lecun_normal(), 0.0, 1.0 / IN, 3.0);
    check_moments(rg_nn_init_normal(-3.0, 0.25), -3.0, 0.0625, 3.0);
}

static void uniform_initialisers_have_the_variance_and_bounds_of_their_papers(void **state)
{
    (void)state;
    double xavier = sqrt(6.0 / (IN + OUT)), he = sqrt(6.0 / IN), usual = 1.0 / sqrt(IN);
    check_moments(rg_nn_init_xavier_uniform(), 0.0, 2.0 / (IN + OUT), 1.8);
    check_bounds(rg_nn_init_xavier_uniform(), -xavier, xavier);
    check_moments(rg_nn_init_he_uniform(), 0.0, 2.0 / IN, 1.8);
    check_bounds(rg_nn_init_he_uniform(), -he, he);
    check_moments(rg_nn_init_fan_in_uniform(), 0.0, 1.0 / (3.0 * IN), 1.8);
    check_bounds(rg_nn_init_fan_in_uniform(), -usual, usual);
    check_moments(rg_nn_init_uniform(2.0, 5.0), 3.5, 0.75, 1.8);
    check_bounds(rg_nn_init_uniform(2.0, 5.0), 2.0, 5.0);
}

static void zeros_and_constants_are_exact(void **state)
{
    (void)state;
    statistics zeros = draw(rg_nn_init_zeros(), 1), constant = draw(rg_nn_init_constant(-1.5), 1);
    assert_true(zeros.smallest == 0.0 && zeros.largest == 0.0);
    assert_true(constant.smallest == -1.5 && constant.largest == -1.5);
}

static void numbers_do_not_depend_on_order_or_company(void **state)
{
    (void)state;
    rg_params *alone = rg_params_new(RG_F64, 42), *crowd = rg_params_new(RG_F64, 42);
    rg_param w = rg_params_add(alone, "w", RG_SHAPE(5, 7));
    rg_params_add(crowd, "before", RG_SHAPE(3));
    rg_param other = rg_params_add(crowd, "v", RG_SHAPE(5, 7));
    rg_param same = rg_params_add(crowd, "w", RG_SHAPE(5, 7));
    rg_nn_initialise(same, rg_nn_init_he_normal(), 0, 0);
    rg_nn_initialise(other, rg_nn_init_he_normal(), 0, 0);
    rg_nn_initialise(w, rg_nn_init_he_normal(), 0, 0);

    const double *a = rg_params_data(alone), *b = rg_params_data(crowd);
    const double *v = b + rg_param_offset(other), *w2 = b + rg_param_offset(same);
    assert_memory_equal(a, w2, 35 * sizeof(double));
    assert_memory_not_equal(a, v, 35 * sizeof(double));
    for (int i = 0; i < 3; i++) assert_true(b[i] == 0.0);
    rg_params_free(alone);
    rg_params_free(crowd);
}

static void the_seed_changes_every_number(void **state)
{
    (void)state;
    double numbers[2][12];
    for (uint64_t seed = 0; seed < 2; seed++) {
        rg_params *theta = rg_params_new(RG_F64, seed);
        rg_nn_initialise(rg_params_add(theta, "w", RG_SHAPE(3, 4)), rg_nn_init_lecun_normal(), 0, 0);
        memcpy(numbers[seed], rg_params_data(theta), sizeof numbers[seed]);
        rg_params_free(theta);
    }
    for (int i = 0; i < 12; i++) assert_true(numbers[0][i] != numbers[1][i]);
}

/* Files and published results depend on it: these numbers are for good. */
static void numbers_are_the_same_for_ever(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 42);
    rg_nn_initialise(rg_params_add(theta, "fc1.weight", RG_SHAPE(2, 2)), rg_nn_init_uniform(0.0, 1.0), 0, 0);
    const double *x = rg_params_data(theta);
    const double wanted[] = { 0.5810777029017138, 0.7543034004979802, 0.11093551711092764, 0.9205697613696434 };
    for (int i = 0; i < 4; i++) assert_close(x[i], wanted[i]);
    rg_params_free(theta);
}

static void f32_numbers_are_the_f64_numbers_rounded(void **state)
{
    (void)state;
    rg_params *single = rg_params_new(RG_F32, 9), *twice = rg_params_new(RG_F64, 9);
    rg_nn_initialise(rg_params_add(single, "w", RG_SHAPE(4, 4)), rg_nn_init_he_normal(), 0, 0);
    rg_nn_initialise(rg_params_add(twice, "w", RG_SHAPE(4, 4)), rg_nn_init_he_normal(), 0, 0);
    const float *a = rg_params_data(single);
    const double *b = rg_params_data(twice);
    for (int i = 0; i < 16; i++) assert_true(a[i] == (float)b[i]);
    rg_params_free(single);
    rg_params_free(twice);
}

/* A constant draw of 1 shows the scale itself. */
static double draw_one(uint64_t seed, uint64_t stream, uint64_t index)
{
    (void)seed, (void)stream, (void)index;
    return 1.0;
}

static double scale_for(rg_shape shape, int64_t fan_in, int64_t fan_out, bool in, bool out)
{
    rg_nn_init init = { .draw = draw_one, .spread = 1.0, .fan_in_weight = in, .fan_out_weight = out };
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_status status = rg_nn_initialise(rg_params_add(theta, "w", shape), init, fan_in, fan_out);
    double scale = status ? NAN : *(const double *)rg_params_data(theta);
    assert_int_equal(status, rg_params_status(theta));
    rg_params_free(theta);
    return scale;
}

static void fans_come_from_the_call_or_else_from_the_shape(void **state)
{
    (void)state;
    assert_close(scale_for(RG_SHAPE(9, 4), 0, 0, true, false), 1.0 / sqrt(4.0));
    assert_close(scale_for(RG_SHAPE(9, 4), 0, 0, false, true), 1.0 / sqrt(9.0));
    assert_close(scale_for(RG_SHAPE(9, 4), 0, 0, true, true), 1.0 / sqrt(13.0));
    assert_close(scale_for(RG_SHAPE(9, 4, 3, 5), 0, 0, true, false), 1.0 / sqrt(60.0));
    assert_close(scale_for(RG_SHAPE(9, 4, 3, 5), 0, 0, false, true), 1.0 / sqrt(135.0));
    assert_close(scale_for(RG_SHAPE(9, 4), 16, 0, true, false), 1.0 / sqrt(16.0));
    assert_close(scale_for(RG_SHAPE(9, 4), 16, 0, true, true), 1.0 / sqrt(25.0));
    assert_close(scale_for(RG_SHAPE(9), 16, 0, true, false), 1.0 / sqrt(16.0));
}

static void what_cannot_be_drawn_is_refused_by_name(void **state)
{
    (void)state;
    rg_param null = { 0 };
    assert_int_equal(rg_nn_initialise(null, rg_nn_init_zeros(), 0, 0), RG_E_NULL);
    const struct {
        rg_nn_init init;
        int64_t fan_in;
        const char *message;
    } bad[] = {
        { { 0 }, 0, "initialise b: the initialiser has no draw function" },
        { rg_nn_init_he_normal(), 0, "initialise b: the fans are neither given nor in the shape [out, in]" },
        { rg_nn_init_he_normal(), -1, "initialise b: a negative fan" },
        { rg_nn_init_normal(NAN, 1.0), 0, "initialise b: the numbers would not be finite" },
        { rg_nn_init_normal(0.0, INFINITY), 0, "initialise b: the numbers would not be finite" },
        { rg_nn_init_uniform(0.0, INFINITY), 0, "initialise b: the numbers would not be finite" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rg_params *theta = rg_params_new(RG_F32, 1);
        rg_param b = rg_params_add(theta, "b", RG_SHAPE(3));
        assert_int_equal(rg_nn_initialise(b, bad[i].init, bad[i].fan_in, 0), RG_E_ARGUMENT);
        assert_int_equal(rg_params_status(theta), RG_E_ARGUMENT);
        assert_string_equal(rg_params_message(theta), bad[i].message);
        rg_params_free(theta);
    }
}

static void a_parameter_without_numbers_needs_none(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F32, 1);
    assert_int_equal(rg_nn_initialise(rg_params_add(theta, "w", RG_SHAPE(0, 3)), rg_nn_init_he_normal(), 0, 0), RG_OK);
    rg_params_free(theta);
}

static void filling_marks_theta_as_changed(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_param w = rg_params_add(theta, "w", RG_SHAPE(2, 3));
    uint64_t before = rg_params_version(theta);
    rg_nn_initialise(w, rg_nn_init_he_normal(), 0, 0);
    assert_true(rg_params_version(theta) > before);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_initialisers_have_the_variance_of_their_papers),
        cmocka_unit_test(uniform_initialisers_have_the_variance_and_bounds_of_their_papers),
        cmocka_unit_test(zeros_and_constants_are_exact),
        cmocka_unit_test(numbers_do_not_depend_on_order_or_company),
        cmocka_unit_test(the_seed_changes_every_number),
        cmocka_unit_test(numbers_are_the_same_for_ever),
        cmocka_unit_test(f32_numbers_are_the_f64_numbers_rounded),
        cmocka_unit_test(fans_come_from_the_call_or_else_from_the_shape),
        cmocka_unit_test(what_cannot_be_drawn_is_refused_by_name),
        cmocka_unit_test(a_parameter_without_numbers_needs_none),
        cmocka_unit_test(filling_marks_theta_as_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
