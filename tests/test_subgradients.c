/* test_subgradients.c: where there is no derivative, the subgradient that elementwise.h names is taken, which is the one
 * that PyTorch takes. */
#include "one_tape.h"

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b;
}

static double slope_of(rg_tensor y, rg_tensor x)
{
    double slope = element(gradient(rg_sum(y), x), 0);
    assert_fine(tape);
    return slope;
}

/* ---- One operand --------------------------------------------------------------------------------------------- */

static rg_tensor leaky(rg_tensor x)
{
    return rg_leaky_relu(x, 0.1);
}

static rg_tensor elu(rg_tensor x)
{
    return rg_elu(x, 0.5);
}

static rg_tensor clamp(rg_tensor x)
{
    return rg_clamp(x, -1, 2);
}

static rg_tensor hard_tanh(rg_tensor x)
{
    return rg_hard_tanh(x, -1, 2);
}

#define POWER(name, exponent)                                                                                      \
    static rg_tensor name(rg_tensor x)                                                                             \
    {                                                                                                              \
        return rg_power(x, exponent);                                                                              \
    }
POWER(power_0, 0)
POWER(power_half, 0.5)
POWER(power_1, 1)
POWER(power_2, 2)
POWER(power_minus_1, -1)

static void functions_of_one_number_at_their_kinks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rg_tensor (*f)(rg_tensor x);
        double at, slope;
    } kinks[] = {
        { "abs", rg_abs, 0, 0 },
        { "abs", rg_abs, -0.0, 0 },
        { "relu", rg_relu, 0, 0 },
        { "leaky_relu", leaky, 0, 0.1 },
        { "elu", elu, 0, 0.5 },
        { "selu", rg_selu, 0, 1.7580993408473769 },
        { "softsign", rg_softsign, 0, 1 },
        { "clamp at the low limit", clamp, -1, 1 },
        { "clamp at the high limit", clamp, 2, 1 },
        { "clamp below", clamp, -2, 0 },
        { "clamp above", clamp, 3, 0 },
        { "hard_tanh at the low limit", hard_tanh, -1, 0 },
        { "hard_tanh at the high limit", hard_tanh, 2, 0 },
        { "hard_tanh inside", hard_tanh, 0, 1 },
        { "sign", rg_sign, 0, 0 },
        { "sign", rg_sign, 2, 0 },
        { "floor", rg_floor, 1, 0 },
        { "ceil", rg_ceil, 1, 0 },
        { "round", rg_round, 0.5, 0 },
        { "is_finite", rg_is_finite, 1, 0 },
        { "logical_not", rg_logical_not, 0, 0 },
        { "sqrt", rg_sqrt, 0, INFINITY },
        { "rsqrt", rg_rsqrt, 0, -INFINITY },
        { "reciprocal", rg_reciprocal, 0, -INFINITY },
        { "log", rg_log, 0, INFINITY },
        { "log1p", rg_log1p, -1, INFINITY },
        { "asin", rg_asin, 1, INFINITY },
        { "acos", rg_acos, -1, -INFINITY },
        { "x^0", power_0, 0, 0 },
        { "x^0.5", power_half, 0, INFINITY },
        { "x^1", power_1, 0, 1 },
        { "x^2", power_2, 0, 0 },
        { "x^-1", power_minus_1, 0, -INFINITY },
    };
    for (size_t i = 0; i < COUNT(kinks); i++) {
        rg_tape_reset(tape);
        rg_tensor x = VECTOR(tape, kinks[i].at);
        double slope = slope_of(kinks[i].f(x), x);
        if (!same(slope, kinks[i].slope) && fabs(slope - kinks[i].slope) > 1e-15)
            fail_msg("%s at %g: a slope of %g, not %g", kinks[i].name, kinks[i].at, slope, kinks[i].slope);
    }
}

/* In f32 the limits are rounded, and are limits all the same. */
static void limits_are_those_of_the_dtype(void **state)
{
    (void)state;
    const float at[] = { -0.1f, 0.1f, 0.3f };
    rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(3), at);
    assert_exactly(gradient(rg_sum(rg_clamp(x, -0.1, 0.1)), x), 1, 1, 0);
    assert_exactly(gradient(rg_sum(rg_hard_tanh(x, -0.1, 0.1)), x), 0, 0, 0);
    assert_exactly(gradient(rg_sum(rg_hard_tanh(x, -INFINITY, INFINITY)), x), 1, 1, 1);
    assert_exactly(gradient(rg_sum(rg_hard_tanh(x, -0.2, 0.2)), x), 1, 1, 0);
}

/* ---- Two operands -------------------------------------------------------------------------------------------- */

static void functions_of_two_numbers_at_their_kinks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rg_tensor (*f)(rg_tensor a, rg_tensor b);
        double a, b, slope_a, slope_b;
    } kinks[] = {
        { "maximum", rg_maximum, 1, 1, 0.5, 0.5 },
        { "minimum", rg_minimum, 1, 1, 0.5, 0.5 },
        { "pow", rg_pow, 0, 0, 0, 0 },
        { "pow", rg_pow, 0, 1, 1, 0 },
        { "pow", rg_pow, 0, 0.5, INFINITY, 0 },
        { "pow", rg_pow, 0, 2, 0, 0 },
        { "pow", rg_pow, 0, -1, -INFINITY, -INFINITY },
        { "pow", rg_pow, -2, 2, -4, NAN },
        { "pow", rg_pow, -2, 0, 0, NAN },
        { "atan2", rg_atan2, 0, 0, NAN, NAN },
        { "hypot", rg_hypot, 0, 0, 0, 0 },
        { "mod", rg_mod, 6, 3, 1, -2 },
        { "mod", rg_mod, -5, 3, 1, 2 },
        { "mod", rg_mod, 5, -3, 1, 2 },
        { "greater", rg_greater, 1, 1, 0, 0 },
        { "less_equal", rg_less_equal, 1, 1, 0, 0 },
        { "logical_and", rg_logical_and, 0, 1, 0, 0 },
    };
    for (size_t i = 0; i < COUNT(kinks); i++) {
        rg_tape_reset(tape);
        rg_tensor a = VECTOR(tape, kinks[i].a), b = VECTOR(tape, kinks[i].b), y = kinks[i].f(a, b);
        double slope_a = slope_of(y, a), slope_b = slope_of(y, b);
        if (!same(slope_a, kinks[i].slope_a) || !same(slope_b, kinks[i].slope_b))
            fail_msg("%s at (%g, %g): slopes of %g and %g, not %g and %g", kinks[i].name, kinks[i].a, kinks[i].b, slope_a,
                     slope_b, kinks[i].slope_a, kinks[i].slope_b);
    }
}

/* a^b by the base, twice, where the exponent counts down to 0: b (b - 1) a^(b-2). */
static void second_slopes_of_pow_at_zero(void **state)
{
    (void)state;
    rg_tensor a = VECTOR(tape, 0, 0, 0, 0), b = VECTOR(tape, 0, 1, 2, 3);
    rg_tensor first = gradient(rg_sum(rg_pow(a, b)), a);
    assert_exactly(first, 0, 1, 0, 0);
    assert_exactly(gradient(rg_sum(first), a), 0, 0, 2, 0);
}

/* What is level hands nothing on: not even a node is recorded for it. */
static void no_gradient_flows_through_what_is_level(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 0.3, 1.6), y = rg_sum(rg_mul(rg_floor(x), x));
    assert_exactly(gradient(y, x), 0, 1);
    assert_exactly(gradient(rg_sum(rg_floor(rg_exp(x))), x), 0, 0);
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(functions_of_one_number_at_their_kinks), TEST(limits_are_those_of_the_dtype),
        TEST(functions_of_two_numbers_at_their_kinks), TEST(second_slopes_of_pow_at_zero),
        TEST(no_gradient_flows_through_what_is_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
