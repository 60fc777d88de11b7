/* test_statistics.c: products, extremes, their places, variances, norms and truth over axes are those of plain loops; at the
 * corners (zeros, ties, NaN, nothing at all) they and their derivatives are what the header says. */
#include "one_tape.h"

static rg_tensor second(rg_tensor y, rg_tensor x)
{
    return gradient(rg_sum(rg_mul(gradient(y, x), rg_square(x))), x);
}

/* ---- Products ---------------------------------------------------------------------------------------------------------- */

static void the_slope_of_a_product_is_the_product_of_the_others(void **state)
{
    (void)state;
    rg_tensor none = VECTOR(tape, 2, 3, 4), one = VECTOR(tape, 2, 0, 4), two = VECTOR(tape, 0, 5, 0), single = VECTOR(tape, 7);
    assert_exactly(rg_prod(none), 24);
    assert_exactly(gradient(rg_prod(none), none), 12, 8, 6);
    assert_exactly(rg_prod(one), 0);
    assert_exactly(gradient(rg_prod(one), one), 0, 8, 0);
    assert_exactly(gradient(rg_prod(two), two), 0, 0, 0);
    assert_exactly(gradient(rg_prod(single), single), 1);
    assert_exactly(rg_prod(rg_full(tape, RG_F64, RG_SHAPE(0, 3), 5)), 1);
    assert_exactly(rg_prod_axes(rg_full(tape, RG_F64, RG_SHAPE(0, 2), 5), RG_AXES(0), false), 1, 1);
    rg_tensor scalar = rg_scalar(tape, RG_F64, 3);
    assert_exactly(rg_prod(scalar), 3);
    assert_exactly(gradient(rg_prod(scalar), scalar), 1);
    rg_tensor table = MATRIX(tape, 2, 3, 1, 2, 3, 4, 0, 6);
    assert_exactly(rg_prod_axes(table, RG_AXES(1), true), 6, 0);
    assert_exactly(rg_prod_axes(table, RG_AXES(0), false), 4, 0, 18);
    assert_exactly(gradient(rg_sum(rg_prod_axes(table, RG_AXES(0), false)), table), 4, 0, 6, 1, 2, 3);
}

/* H[i][j] is the product of all but i and j: with two zeros, only between them. */
static void its_second_derivative_survives_two_zeros(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 0, 5, 0);
    rg_tensor dy = gradient(rg_prod(x), x);
    assert_exactly(gradient(rg_sum(rg_mul(dy, VECTOR(tape, 1, 0, 0))), x), 0, 0, 5);
    assert_exactly(gradient(rg_sum(rg_mul(dy, VECTOR(tape, 0, 1, 0))), x), 0, 0, 0);
    assert_exactly(gradient(rg_sum(rg_mul(dy, VECTOR(tape, 0, 0, 1))), x), 5, 0, 0);
    rg_tensor p = rg_cumprod(x, 0), dp = gradient(rg_sum(p), x); /* 0, 0, 0: slopes 1 + 5 + 0, 0, 0 */
    assert_exactly(p, 0, 0, 0);
    assert_exactly(dp, 6, 0, 0);
    assert_exactly(gradient(rg_sum(rg_mul(dp, VECTOR(tape, 1, 0, 0))), x), 0, 1, 5);
}

/* ---- Extremes ---------------------------------------------------------------------------------------------------------- */

static void ties_share_the_cotangent(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 3, 1, 3, 1, 1, 2);
    assert_exactly(rg_max(x), 3);
    assert_exactly(gradient(rg_max(x), x), 0.5, 0, 0.5, 0, 0, 0);
    assert_exactly(rg_min(x), 1);
    assert_values(gradient(rg_min(x), x), 0, 1. / 3, 0, 1. / 3, 1. / 3, 0);
    rg_tensor table = MATRIX(tape, 2, 3, 1, 5, 1, 1, 2, 7);
    assert_exactly(rg_min_axes(table, RG_AXES(0), true), 1, 2, 1);
    assert_exactly(gradient(rg_sum(rg_min_axes(table, RG_AXES(0), false)), table), 0.5, 0, 1, 0.5, 1, 0);
}

static void assert_places(rg_tensor t, const int64_t *want, int64_t count)
{
    const int64_t *data = rg_data(t);
    assert_fine(tape);
    assert_int_equal(rg_dtype_of(t), RG_I64);
    assert_int_equal(rg_shape_count(rg_shape_of(t)), count);
    for (int64_t i = 0; i < count; i++) assert_int_equal(data[i], want[i]);
}
#define PLACES(...) ((const int64_t[]){ __VA_ARGS__ }), COUNT(((const int64_t[]){ __VA_ARGS__ }))

static void the_first_of_several_and_the_first_nan_is_the_place(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, 3, -2, 3, -2), nan = VECTOR(tape, 1, NAN, 9, NAN, -9), low = VECTOR(tape, -INFINITY, -INFINITY);
    assert_places(rg_argmax(x), PLACES(1));
    assert_places(rg_argmin(x), PLACES(2));
    assert_places(rg_argmax(nan), PLACES(1));
    assert_places(rg_argmin(nan), PLACES(1));
    assert_places(rg_argmax(low), PLACES(0));
    assert_places(rg_argmax(rg_scalar(tape, RG_F32, 4)), PLACES(0));
    assert_true(isnan(rg_item(rg_min(nan))));
    rg_tensor table = rg_input(tape, RG_F32, RG_SHAPE(2, 3), (float[]){ 1, 5, 2, 7, 0, 7 });
    assert_places(rg_argmax_axes(table, RG_AXES(0), false), PLACES(1, 0, 1));
    assert_places(rg_argmin_axes(table, RG_AXES(-1), true), PLACES(0, 1));
    assert_places(rg_argmax(table), PLACES(3));
    rg_tensor cube = rg_input(tape, RG_F64, RG_SHAPE(2, 2, 3), NUMBERS(0, 9, 1, 1, 1, 1, 2, 2, 2, 2, 2, 8));
    assert_places(rg_argmax_axes(cube, RG_AXES(0, 2), false), PLACES(1, 5)); /* counted over axes 0 and 2 */
    assert_shape(rg_argmax_axes(cube, RG_AXES(0, 2), true), RG_SHAPE(1, 2, 1));
    assert_shape(rg_argmax_axes(rg_full(tape, RG_F64, RG_SHAPE(0, 3), 1), RG_AXES(1), false), RG_SHAPE(0));
}

/* ---- Variance ------------------------------------------------------------------------------------------------------------ */

static void variances_are_those_of_two_passes(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, 2, 4, 9), away = rg_shift(x, 1e9);
    assert_values(rg_var(x, 0), 9.5);
    assert_values(rg_var(x, 1), 38. / 3);
    assert_values(rg_std(x, 1), sqrt(38. / 3));
    assert_values(rg_var(away, 0), 9.5); /* squares of 1e18 would have swallowed it */
    assert_values(gradient(rg_var(x, 1), x), -2, -4. / 3, 0, 10. / 3);
    assert_values(gradient(rg_var(away, 1), x), -2, -4. / 3, 0, 10. / 3);
    /* the Hessian of the variance is 2/3 (I - 1/4) */
    assert_values(gradient(rg_sum(rg_mul(gradient(rg_var(x, 1), x), VECTOR(tape, 1, 0, 0, 0))), x), 0.5, -1. / 6, -1. / 6, -1. / 6);
    rg_tensor table = MATRIX(tape, 2, 2, 1, 3, 5, 9);
    assert_values(rg_var_axes(table, RG_AXES(0), 0, true), 4, 9);
    assert_values(rg_std_axes(table, RG_AXES(-1), 0, false), 1, 2);
    assert_shape(rg_var_axes(table, RG_AXES(0), 0, true), RG_SHAPE(1, 2));
    assert_true(isnan(rg_item(rg_var(rg_scalar(tape, RG_F64, 3), 1))));
    assert_true(isnan(rg_item(rg_var(rg_full(tape, RG_F64, RG_SHAPE(0), 3), 0))));
    assert_exactly(rg_var(rg_scalar(tape, RG_F64, 3), 0), 0);
}

static void equal_elements_vary_by_nothing_and_have_no_slope(void **state)
{
    (void)state;
    for (int n = 1; n < 60; n++) { /* a mean of n times 0.1 is not always 0.1 */
        double numbers[60], zero[60] = { 0 };
        for (int i = 0; i < n; i++) numbers[i] = 0.1;
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(n), numbers);
        assert_exactly(rg_var(x, 0), 0);
        assert_exactly(rg_std(x, 0), 0);
        assert_numbers(gradient(rg_std(x, 0), x), zero, (size_t)n, 0);
        rg_tape_reset(tape);
    }
}

/* ---- Norms ------------------------------------------------------------------------------------------------------------------ */

static void norms_have_the_slopes_of_pytorch_at_zero(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 3, 0, -4), zero = VECTOR(tape, 0, 0), tie = VECTOR(tape, 2, -2, 1);
    assert_values(rg_norm(x, 1), 7);
    assert_values(rg_norm(x, 2), 5);
    assert_values(rg_norm(x, 3), cbrt(91));
    assert_exactly(rg_norm(x, (double)INFINITY), 4);
    assert_exactly(gradient(rg_norm(x, 1), x), 1, 0, -1);
    assert_values(gradient(rg_norm(x, 2), x), 0.6, 0, -0.8);
    assert_values(gradient(rg_norm(x, 3), x), 9 / pow(91, 2. / 3), 0, -16 / pow(91, 2. / 3));
    assert_exactly(gradient(rg_norm(x, (double)INFINITY), x), 0, 0, -1);
    assert_exactly(gradient(rg_norm(tie, (double)INFINITY), tie), 0.5, -0.5, 0);
    const double orders[] = { 0.5, 1, 1.5, 2, 3, INFINITY };
    for (size_t i = 0; i < COUNT(orders); i++) {
        assert_exactly(rg_norm(zero, orders[i]), 0);
        assert_exactly(gradient(rg_norm(zero, orders[i]), zero), 0, 0);
        if (isinf(orders[i])) continue;
        assert_exactly(rg_norm(rg_full(tape, RG_F64, RG_SHAPE(0), 1), orders[i]), 0);
        rg_tensor curved = second(rg_norm(x, orders[i]), x);
        for (int k = 0; k < 3; k++) assert_true(isfinite(element(curved, k)));
    }
    rg_tensor table = MATRIX(tape, 2, 2, 3, 4, 0, 0);
    assert_values(rg_norm_axes(table, 2, RG_AXES(1), false), 5, 0);
    assert_values(gradient(rg_sum(rg_norm_axes(table, 2, RG_AXES(1), true)), table), 0.6, 0.8, 0, 0);
}

/* ---- Truth ------------------------------------------------------------------------------------------------------------------ */

static void any_and_all_are_those_of_numpy(void **state)
{
    (void)state;
    rg_tensor table = MATRIX(tape, 3, 2, 0, 1, 0, 0, NAN, -0.5);
    assert_exactly(rg_any_axes(table, RG_AXES(1), false), 1, 0, 1);
    assert_exactly(rg_all_axes(table, RG_AXES(1), false), 0, 0, 1);
    assert_exactly(rg_any_axes(table, RG_AXES(0), true), 1, 1);
    assert_exactly(rg_all_axes(table, RG_AXES(0), true), 0, 0);
    assert_exactly(rg_any(table), 1);
    assert_exactly(rg_all(table), 0);
    rg_tensor nothing = rg_full(tape, RG_F64, RG_SHAPE(0), 1), minus_zero = VECTOR(tape, -0.0);
    assert_exactly(rg_any(nothing), 0);
    assert_exactly(rg_all(nothing), 1);
    assert_exactly(rg_any(minus_zero), 0);
    assert_exactly(gradient(rg_any(rg_scalar(tape, RG_F64, 1)), table), 0, 0, 0, 0, 0, 0);
    assert_int_equal(rg_dtype_of(rg_any(rg_full(tape, RG_F32, RG_SHAPE(2), 1))), RG_F32);
}

static void logsumexp_goes_over_several_axes(void **state)
{
    (void)state;
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(2, 1, 2), NUMBERS(1000, 1001, 1002, 1003));
    const double sum = 1003 + log(1 + exp(-1) + exp(-2) + exp(-3)), low = 1002 + log(1 + exp(-2));
    assert_values(rg_logsumexp_axes(x, RG_ALL_AXES, false), sum);
    assert_values(rg_logsumexp_axes(x, RG_AXES(0), true), low, low + 1);
    assert_values(rg_logsumexp_axes(x, RG_AXES(-1, 0), false), sum);
    assert_shape(rg_logsumexp_axes(x, RG_AXES(-1, 0), true), RG_SHAPE(1, 1, 1));
    assert_values(rg_logsumexp_axes(rg_scalar(tape, RG_F64, 5), RG_ALL_AXES, true), 5);
    assert_values(rg_sum(gradient(rg_logsumexp_axes(x, RG_ALL_AXES, false), x)), 1);
}

/* ---- By the gradient check, away from the corners --------------------------------------------------------------------------- */

static rg_tensor var_of(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)t, (void)n, (void)context;
    return rg_var_axes(in[0], RG_AXES(1), 1, false);
}

static rg_tensor std_of(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)t, (void)n, (void)context;
    return rg_std_axes(in[0], RG_AXES(0), 0, true);
}

static rg_tensor norm_of(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)t, (void)n;
    return rg_norm_axes(in[0], *(const double *)context, RG_AXES(1), false);
}

static rg_tensor cumprod_of(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)t, (void)n, (void)context;
    return rg_cumprod(in[0], 0);
}

static rg_tensor prod_of(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)t, (void)n, (void)context;
    return rg_prod_axes(in[0], RG_AXES(0), false);
}

static void composed_reductions_pass_the_gradient_check(void **state)
{
    (void)state;
    static const double numbers[] = { 0.7, -1.3, 0.4, 1.9, -0.6, 1.1, 0.2, -0.9, 2.3, -1.7, 0.5, 1.4 };
    static const double zeros[] = { 0, -1.3, 0.4, 1.9, 0, 0, 0.2, -0.9, 2.3, -1.7, 0.5, 0 };
    double orders[] = { 1, 2, 3, 1.5, INFINITY };
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(3, 4), .values = numbers } };
    const rg_gradcheck_input with_zeros[] = { { .shape = RG_SHAPE(3, 4), .values = zeros } };
    assert_true(rg_gradcheck(var_of, NULL, 1, in, NULL, NULL));
    assert_true(rg_gradcheck(std_of, NULL, 1, in, NULL, NULL));
    assert_true(rg_gradcheck(cumprod_of, NULL, 1, in, NULL, NULL));
    assert_true(rg_gradcheck(cumprod_of, NULL, 1, with_zeros, NULL, NULL));
    assert_true(rg_gradcheck(prod_of, NULL, 1, with_zeros, NULL, NULL));
    for (size_t i = 0; i < COUNT(orders); i++) assert_true(rg_gradcheck(norm_of, &orders[i], 1, in, NULL, NULL));
}

/* ---- A logarithm of a sum of very many exponentials -------------------------------------------------------------- */

enum { MANY = 20000 };

static void logsumexp_of_many_elements_is_that_of_its_rows(void **state)
{
    (void)state;
    static double numbers[MANY];
    for (int64_t i = 0; i < MANY; i++) numbers[i] = 700 + 20 * rg_random_normal(6, 0, (uint64_t)i);
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(MANY), numbers), rows = rg_reshape(x, RG_SHAPE(100, MANY / 100));
    rg_tensor all = rg_logsumexp(x, 0, false), of_rows = rg_logsumexp(rg_logsumexp(rows, 1, false), 0, false);
    assert_true(fabs(rg_item(all) - rg_item(of_rows)) < 1e-11);
    rg_tensor slope = gradient(all, x), other = gradient(of_rows, x), bend = second(all, x), other_bend = second(of_rows, x);
    for (int64_t i = 0; i < MANY; i++) {
        assert_true(fabs(element(slope, i) - element(other, i)) <= 1e-11 * element(other, i) + 1e-300);
        assert_true(fabs(element(bend, i) - element(other_bend, i)) <= 1e-9 * fabs(element(other_bend, i)) + 1e-9);
    }
    for (int64_t i = 0; i < MANY; i++) numbers[i] = -INFINITY;
    assert_true(rg_item(rg_logsumexp(rg_input(tape, RG_F64, RG_SHAPE(MANY), numbers), 0, false)) == -INFINITY);
    numbers[MANY / 2] = 3;
    assert_true(rg_item(rg_logsumexp(rg_input(tape, RG_F64, RG_SHAPE(MANY), numbers), 0, false)) == 3);
    numbers[7] = INFINITY;
    assert_true(rg_item(rg_logsumexp(rg_input(tape, RG_F64, RG_SHAPE(MANY), numbers), 0, false)) == INFINITY);
    numbers[8] = NAN;
    assert_true(isnan(rg_item(rg_logsumexp(rg_input(tape, RG_F64, RG_SHAPE(MANY), numbers), 0, false))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(logsumexp_of_many_elements_is_that_of_its_rows),
        TEST(the_slope_of_a_product_is_the_product_of_the_others),
        TEST(its_second_derivative_survives_two_zeros),
        TEST(ties_share_the_cotangent),
        TEST(the_first_of_several_and_the_first_nan_is_the_place),
        TEST(variances_are_those_of_two_passes),
        TEST(equal_elements_vary_by_nothing_and_have_no_slope),
        TEST(norms_have_the_slopes_of_pytorch_at_zero),
        TEST(any_and_all_are_those_of_numpy),
        TEST(logsumexp_goes_over_several_axes),
        TEST(composed_reductions_pass_the_gradient_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
