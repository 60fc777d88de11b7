/* test_special_functions.c: the functions of special.h are as accurate as it says, also in their tails; what is made of
 * them has its limits at infinity, and derivatives that are finite where they should be. Build with the flags that
 * elementary.h asks for. */
#include "one_tape.h"

#include "elementary_functions.h"
#include "special.h"

/* ---- Accuracy ------------------------------------------------------------------------------------------------------ */

static long double cdf_long(long double x)
{
    return erfcl(-x * 0.707106781186547524400844362104849039L) / 2;
}

static double expm1_of(double x)
{
    return rg_expm1_f64(x);
}

static double log1p_of(double x)
{
    return rg_log1p_f64(x);
}

static double cdf_of(double x)
{
    return rg_normal_cdf_f64(x);
}

static double erfc_of(double x)
{
    return rg_erfc_f64(x);
}

static float narrow_expm1(float x)
{
    return rg_expm1_f32(x);
}

static float narrow_log1p(float x)
{
    return rg_log1p_f32(x);
}

static float narrow_cdf(float x)
{
    return rg_normal_cdf_f32(x);
}

static const struct {
    const char *name;
    double (*f)(double);
    long double (*reference)(long double);
    double bound;
    float (*f32)(float);
    double bound_f32;
} known[] = {
    { "expm1", expm1_of, expm1l, 1.25, narrow_expm1, 1.25 }, { "log1p", log1p_of, log1pl, 1.55, narrow_log1p, 1.55 },
    { "normal_cdf", cdf_of, cdf_long, 7, narrow_cdf, 7 },    { "erfc", erfc_of, erfcl, 7, NULL, 0 },
    { "sinh", rg_sinh_f64, sinhl, 2.6, NULL, 0 },            { "cosh", rg_cosh_f64, coshl, 2.6, NULL, 0 },
    { "tan", rg_tan_f64, tanl, 2.8, NULL, 0 },               { "atan", rg_atan_f64, atanl, 1.9, NULL, 0 },
    { "asin", rg_asin_f64, asinl, 2.4, NULL, 0 },            { "acos", rg_acos_f64, acosl, 2.4, NULL, 0 },
};

static void results_are_within_their_bounds(void **state)
{
    (void)state;
    if (!has_spare_digits()) skip();
    for (size_t i = 0; i < COUNT(known); i++) {
        uint64_t random = 1;
        for (int turn = 0; turn < 100000; turn++) {
            double x = next_argument(&random, turn);
            if (turn % 3 == 0) x = ((double)(next_bits(&random) >> 11) * 0x1p-53 - 0.5) * (turn % 2 ? 80 : 2);
            double error = ulps_f64(known[i].f(x), known[i].reference(x));
            if (!(error <= known[i].bound)) fail_msg("%s(%a) = %a: %.2f ulp", known[i].name, x, known[i].f(x), error);
            if (!known[i].f32) continue;
            error = ulps_f32(known[i].f32((float)x), (double)known[i].reference((long double)(float)x));
            if (!(error <= known[i].bound_f32)) fail_msg("%s(%a) in f32: %.2f ulp", known[i].name, x, error);
        }
    }
}

static void angles_and_distances_are_within_their_bounds(void **state)
{
    (void)state;
    if (!has_spare_digits()) skip();
    uint64_t random = 1;
    for (int turn = 0; turn < 200000; turn++) {
        double y = next_argument(&random, turn), x = next_argument(&random, 3 * turn + 1);
        double angle = ulps_f64(rg_atan2_f64(y, x), atan2l(y, x)), distance = ulps_f64(rg_hypot_f64(y, x), hypotl(y, x));
        if (!(angle <= 2.4)) fail_msg("atan2(%a, %a): %.2f ulp", y, x, angle);
        if (!(distance <= 2.1) && hypotl(y, x) < 1e308L) fail_msg("hypot(%a, %a): %.2f ulp", y, x, distance);
    }
}

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void angles_of_the_axes_are_exact(void **state)
{
    (void)state;
    static const double special[] = { 0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e-320, -1e300 };
    for (size_t i = 0; i < COUNT(special); i++)
        for (size_t j = 0; j < COUNT(special); j++) {
            double angle = rg_atan2_f64(special[i], special[j]), want = atan2(special[i], special[j]);
            if (!same(angle, want) && !(fabs(angle - want) <= 1e-15))
                fail_msg("atan2(%g, %g) is %.17g, not %.17g", special[i], special[j], angle, want);
        }
}

/* By digits from tables [Abramowitz and Stegun, chapter 6], and what the recurrence makes of them. */
static void gamma_functions_have_their_known_values(void **state)
{
    (void)state;
    const double euler = 0.57721566490153286, square = 9.8696044010893586, apery = 1.2020569031595943;
    static const struct {
        double x, digamma;
    } values[] = { { 1, -0.57721566490153286 }, { 0.5, -1.9635100260214235 }, { 2, 0.42278433509846714 },
                   { -1.5, 0.70315664064524319 }, { 10, 2.2517525890667211 }, { 1e6, 13.815510057964191 },
                   { 0.1, -10.423754940411076 } };
    for (size_t i = 0; i < COUNT(values); i++)
        assert_true(fabs(rg_digamma_f64(values[i].x) - values[i].digamma) <= 4e-15 * (1 + fabs(values[i].digamma)));
    assert_true(fabs(rg_polygamma_f64(1, 0) + euler) < 1e-15);
    assert_true(fabs(rg_polygamma_f64(1, 1) - square / 6) < 2e-15);
    assert_true(fabs(rg_polygamma_f64(0.5, 1) - square / 2) < 4e-15);
    assert_true(fabs(rg_polygamma_f64(1, 2) + 2 * apery) < 4e-15);
    assert_true(fabs(rg_polygamma_f64(1, 3) - square * square / 15) < 1e-14);
    assert_true(rg_digamma_f64(0) == -INFINITY && rg_digamma_f64(-0.0) == INFINITY && isnan(rg_digamma_f64(-1)));
    assert_true(rg_polygamma_f64(0, 1) == INFINITY && rg_polygamma_f64(-2, 1) == INFINITY);
    assert_true(isnan(rg_polygamma_f64(NAN, 1)) && rg_polygamma_f64(INFINITY, 1) == 0);
    assert_true(rg_digamma_f64(INFINITY) == INFINITY);
    for (int n = 0; n <= 8; n++)
        for (double x = -3.3; x < 3; x += 0.4) { /* psi_n(x + 1) = psi_n(x) + (-1)^n n! / x^(n+1) */
            double step = n % 2 ? -1 : 1;
            for (int k = 1; k <= n; k++) step *= k;
            step /= pow(x, n + 1);
            double here = rg_polygamma_f64(x, n), next = rg_polygamma_f64(x + 1, n);
            double size = fabs(here) + fabs(next) + fabs(step);
            if (!(fabs(next - here - step) <= 1e-13 * size)) fail_msg("order %d at %g: %g", n, x, next - here - step);
        }
}

/* ---- Tails and limits ------------------------------------------------------------------------------------------------ */

static rg_tensor elu_of_1(rg_tensor x)
{
    return rg_elu(x, 1);
}

static void activations_have_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rg_tensor (*f)(rg_tensor x);
        double low, low_slope, high, high_slope; /* at minus infinity, and at infinity */
    } limits[] = {
        { "silu", rg_silu, 0, 0, INFINITY, 1 },
        { "gelu", rg_gelu, 0, 0, INFINITY, 1 },
        { "gelu_tanh", rg_gelu_tanh, 0, 0, INFINITY, 1 },
        { "selu", rg_selu, -1.7580993408473769, 0, INFINITY, 1.0507009873554805 },
        { "elu", elu_of_1, -1, 0, INFINITY, 1 },
        { "softsign", rg_softsign, -1, 0, 1, 0 },
        { "log_sigmoid", rg_log_sigmoid, -INFINITY, 1, 0, 0 },
        { "expm1", rg_expm1, -1, 0, INFINITY, INFINITY },
        { "tanh", rg_tanh, -1, 0, 1, 0 },
        { "atan", rg_atan, -1.5707963267948966, 0, 1.5707963267948966, 0 },
        { "erfc", rg_erfc, 2, 0, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(limits); i++)
        for (int narrow = 0; narrow < 2; narrow++) {
            const double wide[] = { -INFINITY, INFINITY };
            const float few[] = { -INFINITY, INFINITY };
            rg_tape_reset(tape);
            rg_tensor x = narrow ? rg_input(tape, RG_F32, RG_SHAPE(2), few) : rg_input(tape, RG_F64, RG_SHAPE(2), wide);
            rg_tensor y = limits[i].f(x), slope = gradient(rg_sum(y), x);
            const double want[] = { limits[i].low, limits[i].high, limits[i].low_slope, limits[i].high_slope };
            for (int k = 0; k < 4; k++) {
                double got = element(k < 2 ? y : slope, k % 2);
                if (!(got == want[k]) && !(fabs(got - want[k]) <= 1e-7)) /* inf - inf is no difference */
                    fail_msg("%s: %g, not %g (%d)", limits[i].name, got, want[k], k);
            }
        }
}

/* Where 1 + erf and 1 + tanh are 0. The numbers are to 30 digits what they should be. */
static void tails_are_accurate(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, -10, -20, -37);
    rg_tensor y = rg_gelu(x), slope = gradient(rg_sum(y), x), minus_one = VECTOR(tape, -40);
    static const double gelu[] = { -7.6198530241605260660e-23, -5.5072482372124690e-88, -2.1169e-298 };
    assert_true(fabs(element(y, 0) / gelu[0] - 1) < 2e-15);
    assert_true(fabs(element(y, 1) / gelu[1] - 1) < 1e-8 && element(y, 2) < 0 && element(slope, 2) < 0);
    assert_true(fabs(element(slope, 0) / -7.6184e-22 - 1) < 1e-3);
    assert_true(fabs(element(rg_erfc(rg_scale(x, -1)), 0) / 2.0884875837625447570e-45 - 1) < 3e-15);
    assert_true(element(gradient(rg_sum(rg_expm1(minus_one)), minus_one), 0) == rg_exp_f64(-40));
    assert_true(element(gradient(rg_sum(rg_log_sigmoid(rg_neg(minus_one))), minus_one), 0) < -4e-18);
    assert_true(element(rg_log_sigmoid(minus_one), 0) == -40);
}

/* Where the squares on the way are out of range, the slope is not. */
static void slopes_are_finite_where_they_should_be(void **state)
{
    (void)state;
    rg_tensor a = VECTOR(tape, 1e200, 1e-200), b = VECTOR(tape, 1e200, 1e-200);
    rg_tensor angle = rg_sum(rg_atan2(a, b));
    assert_values(rg_mul(gradient(angle, a), b), 0.5, 0.5);
    assert_values(rg_mul(gradient(angle, b), b), -0.5, -0.5);
    assert_values(gradient(rg_sum(rg_hypot(a, b)), a), sqrt(0.5), sqrt(0.5));
    assert_exactly(gradient(rg_sum(rg_atan(a)), a), 0, 1);
    rg_tensor near = VECTOR(tape, 0x1p-53 - 1, 1e-300);
    assert_true(isfinite(element(gradient(rg_sum(rg_log1p(near)), near), 0)));
    assert_true(element(rg_log1p(near), 1) == 1e-300 && element(rg_expm1(near), 1) == 1e-300);
}

/* Half to even; remainders with the divisor's sign; masks. */
static void rounding_and_masks(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, -1.5, -0.5, 0.5, 1.5, 2.5, 0.25);
    assert_exactly(rg_round(x), -2, 0, 0, 2, 2, 0);
    assert_exactly(rg_floor(x), -2, -1, 0, 1, 2, 0);
    assert_exactly(rg_ceil(x), -1, 0, 1, 2, 3, 1);
    assert_exactly(rg_sign(x), -1, -1, 1, 1, 1, 1);
    assert_exactly(rg_abs(x), 1.5, 0.5, 0.5, 1.5, 2.5, 0.25);
    assert_exactly(rg_clamp(x, -1, 1), -1, -0.5, 0.5, 1, 1, 0.25);
    assert_exactly(rg_mod(VECTOR(tape, 5, -5, 5, -5, 6, 5.5), VECTOR(tape, 3, 3, -3, -3, 3, 2)), 2, 1, -1, -2, 0, 1.5);
    rg_tensor a = VECTOR(tape, 0, 1, 2, NAN, INFINITY), b = VECTOR(tape, 0, 0, 3, 1, INFINITY);
    assert_exactly(rg_less(a, b), 0, 0, 1, 0, 0);
    assert_exactly(rg_less_equal(a, b), 1, 0, 1, 0, 1);
    assert_exactly(rg_greater_equal(a, b), 1, 1, 0, 0, 1);
    assert_exactly(rg_not_equal(a, b), 0, 1, 1, 1, 0);
    assert_exactly(rg_logical_and(a, b), 0, 0, 1, 1, 1);
    assert_exactly(rg_logical_or(a, b), 0, 1, 1, 1, 1);
    assert_exactly(rg_logical_xor(a, b), 0, 1, 0, 0, 0);
    assert_exactly(rg_logical_not(a), 1, 0, 0, 0, 0);
    assert_exactly(rg_is_finite(a), 1, 1, 1, 0, 0);
    assert_exactly(rg_is_nan(a), 0, 0, 0, 1, 0);
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_within_their_bounds),
        cmocka_unit_test(angles_and_distances_are_within_their_bounds),
        cmocka_unit_test(angles_of_the_axes_are_exact),
        cmocka_unit_test(gamma_functions_have_their_known_values),
        TEST(activations_have_their_limits),
        TEST(tails_are_accurate),
        TEST(slopes_are_finite_where_they_should_be),
        TEST(rounding_and_masks),
    };
    (void)functions;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
