/* test_guarded.c: what `where` has not taken leaves no trace in a gradient, even where its slope is infinite or NaN; nor
 * in the gradient's gradient. And a cotangent that is NaN stays NaN. */
#include "one_tape.h"

static rg_tensor zero_of(rg_tensor x)
{
    return rg_full(x.tape, rg_dtype_of(x), RG_SCALAR, 0);
}

/* ---- The classic guards -------------------------------------------------------------------------------------------- */

static rg_tensor guarded_sqrt(rg_tensor x)
{
    return rg_where(rg_greater(x, zero_of(x)), rg_sqrt(x), zero_of(x));
}

static rg_tensor guarded_log(rg_tensor x)
{
    return rg_where(rg_greater(x, zero_of(x)), rg_log(x), zero_of(x));
}

static rg_tensor guarded_quotient(rg_tensor x)
{
    return rg_where(rg_not_equal(x, zero_of(x)), rg_div(rg_one_minus(zero_of(x)), x), zero_of(x));
}

static rg_tensor guarded_reciprocal(rg_tensor x)
{
    return rg_where(rg_not_equal(x, zero_of(x)), rg_reciprocal(x), zero_of(x));
}

/* x ln x, as in an entropy. */
static rg_tensor entropy(rg_tensor x)
{
    return rg_where(rg_greater(x, zero_of(x)), rg_mul(x, rg_log(x)), zero_of(x));
}

/* sin x / x, 1 at 0. */
static rg_tensor sinc(rg_tensor x)
{
    return rg_where(rg_not_equal(x, zero_of(x)), rg_div(rg_sin(x), x), rg_one_minus(zero_of(x)));
}

/* Two singular functions, one behind the other. */
static rg_tensor nested(rg_tensor x)
{
    return rg_where(rg_greater(x, zero_of(x)), rg_log(rg_sqrt(x)), zero_of(x));
}

static rg_tensor overflowing(rg_tensor x)
{
    return rg_where(rg_greater(x, zero_of(x)), zero_of(x), rg_exp(rg_scale(x, -1000)));
}

static const struct {
    const char *name;
    rg_tensor (*f)(rg_tensor x);
    double inside, outside;    /* an x of either kind */
    double first, second;      /* derivatives there inside; outside they are 0 */
} guards[] = {
    { "sqrt", guarded_sqrt, 4, -1, 0.25, -0.03125 },
    { "sqrt", guarded_sqrt, 4, 0, 0.25, -0.03125 },
    { "log", guarded_log, 2, -1, 0.5, -0.25 },
    { "log", guarded_log, 2, 0, 0.5, -0.25 },
    { "1 / x", guarded_quotient, 2, 0, -0.25, 0.25 },
    { "reciprocal", guarded_reciprocal, 2, 0, -0.25, 0.25 },
    { "x ln x", entropy, 1, 0, 1, 1 },
    { "x ln x", entropy, 1, -1, 1, 1 },
    { "sin x / x", sinc, 3.14159265358979312, 0, -0.31830988618379067, 0.20264236728467555 },
    { "ln sqrt x", nested, 2, -1, 0.25, -0.125 },
    { "ln sqrt x", nested, 2, 0, 0.25, -0.125 },
    { "exp(-1000 x)", overflowing, -0.001, 1, -2718.2818284590453, 2718281.8284590453 },
    { "exp(-1000 x) beyond", overflowing, -0.001, INFINITY, -2718.2818284590453, 2718281.8284590453 },
};

static void the_classic_guards_have_the_gradient_one_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(guards); i++) {
        for (int round = 0; round < 3; round++) { /* node by node, planned, planned again */
            rg_tape_reset(tape);
            rg_tensor x = VECTOR(tape, guards[i].inside, guards[i].outside);
            rg_tensor first = gradient(rg_sum(guards[i].f(x)), x);
            rg_tensor second = gradient(rg_sum(first), x);
            if (rg_eval(2, (const rg_tensor[]){ first, second }) != RG_OK) fail_msg("%s", rg_message(tape));
            if (element(first, 1) != 0 || element(second, 1) != 0)
                fail_msg("%s: derivatives of %g and %g outside", guards[i].name, element(first, 1), element(second, 1));
            if (!(fabs(element(first, 0) - guards[i].first) <= 1e-12 * fabs(guards[i].first)) ||
                !(fabs(element(second, 0) - guards[i].second) <= 1e-12 * fabs(guards[i].second)))
                fail_msg("%s: derivatives of %.17g and %.17g inside", guards[i].name, element(first, 0), element(second, 0));
        }
    }
}

/* A derivative times a direction, by the gradient of a gradient: the direction reaches the singular slope itself. */
static void a_jacobian_times_a_vector_is_guarded_too(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(guards); i++) {
        rg_tape_reset(tape);
        rg_tensor x = VECTOR(tape, guards[i].inside, guards[i].outside), y = guards[i].f(x);
        rg_tensor cotangent = VECTOR(tape, 1, 1), pulled, pushed, direction = VECTOR(tape, 3, 5);
        rg_vjp(y, cotangent, &x, 1, &pulled);
        rg_vjp(pulled, direction, &cotangent, 1, &pushed);
        assert_fine(tape);
        if (element(pushed, 1) != 0) fail_msg("%s: %g outside", guards[i].name, element(pushed, 1));
        assert_true(fabs(element(pushed, 0) - 3 * guards[i].first) <= 1e-11 * fabs(guards[i].first));
    }
}

/* Missing data: NaN among the features must not reach the weights. */
static void masked_data_do_not_reach_the_weights(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, NAN, 3), w = VECTOR(tape, 0.5, 0.5, 0.5);
    rg_tensor each[] = { rg_mul(w, x), rg_tanh(rg_mul(w, x)), rg_relu(rg_mul(w, x)), rg_maximum(rg_mul(w, x), w),
                         rg_gelu(rg_mul(w, x)), rg_pow(w, x), rg_div(x, w), rg_silu(rg_add(w, x)) };
    for (size_t i = 0; i < COUNT(each); i++) {
        rg_tensor kept = rg_where(rg_is_nan(x), zero_of(x), each[i]), slope = gradient(rg_sum(kept), w);
        rg_tensor bend = gradient(rg_sum(rg_square(slope)), w);
        assert_fine(tape);
        if (element(slope, 1) != 0 || element(bend, 1) != 0)
            fail_msg("%s: %g, %g", rg_op_of(each[i])->name, element(slope, 1), element(bend, 1));
        assert_true(isfinite(element(slope, 0)) && element(slope, 2) != 0);
    }
}

/* A guard around a derivative: that of sqrt x is infinite at 0, and so are its own. */
static void a_derivative_is_guarded_like_any_value(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 4, 0), slope = gradient(rg_sum(rg_sqrt(x)), x);
    rg_tensor y = rg_where(rg_greater(x, zero_of(x)), rg_mul(slope, slope), zero_of(x)); /* 1 / 4x */
    rg_tensor first = gradient(rg_sum(y), x), second = gradient(rg_sum(first), x);
    assert_true(element(slope, 0) == 0.25 && element(slope, 1) == INFINITY);
    assert_values(first, -1.0 / 64, 0);
    assert_values(second, 1.0 / 128, 0);
}

/* ---- Every elementwise op -------------------------------------------------------------------------------------------- */

static const rg_sample *first_sample(const rg_op *op)
{
    for (const rg_sample *sample = op->samples; sample && sample->operands; sample++)
        if (sample->refuse == RG_OK) return sample;
    return NULL;
}

static bool has_float_operands(const rg_sample *sample)
{
    for (int k = 0; k < sample->operands; k++)
        if (sample->in[k].dtype != RG_NO_DTYPE) return false;
    return true;
}

/* With these numbers for each operand in turn and a cotangent of 0, every adjoint is exactly 0, and so are the adjoints of
 * the adjoints by the operands; with a cotangent of NaN none is. */
static void zeros_stay_zeros_behind_every_elementwise_op(void **state)
{
    (void)state;
    static const double awkward[] = { 0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e308, -1e308, 1e-310, 800, -800 };
    enum { N = COUNT(awkward) };
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    int checked = 0;
    for (size_t i = 0; i < count; i++) {
        const rg_op *op = table[i];
        const rg_sample *sample = first_sample(op);
        if (op->kind != RG_ELEMENTWISE || !op->vjp || !sample || !has_float_operands(sample)) continue;
        for (int k = 0; k < op->arity; k++) {
            if (op->no_gradient >> k & 1u) continue;
            rg_tape_reset(tape);
            rg_tensor in[RG_MAX_OPERANDS];
            for (int j = 0; j < op->arity; j++)
                in[j] = rg_input(tape, RG_F64, j == 0 ? RG_SHAPE(N, 1, 1) : j == 1 ? RG_SHAPE(N, 1) : RG_SHAPE(N), awkward);
            rg_tensor y = rg_apply(op, sample->attributes, op->arity, in), adjoint, again;
            rg_tensor zeros = rg_full(tape, RG_F64, rg_shape_of(y), 0), ones = rg_full(tape, RG_F64, rg_shape_of(in[k]), 1);
            rg_vjp(y, zeros, &in[k], 1, &adjoint);
            rg_vjp(adjoint, ones, &in[k], 1, &again);
            assert_fine(tape);
            for (int64_t e = 0; e < N; e++)
                if (element(adjoint, e) != 0 || element(again, e) != 0)
                    fail_msg("%s by operand %d at %g: adjoints %g and %g of a zero", op->name, k, awkward[e],
                             element(adjoint, e), element(again, e));
            checked++;
        }
    }
    assert_true(checked > 60);
}

static void nan_stays_nan_behind_every_elementwise_op(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    for (size_t i = 0; i < count; i++) {
        const rg_op *op = table[i];
        const rg_sample *sample = first_sample(op);
        if (op->kind != RG_ELEMENTWISE || !op->vjp || !sample || !has_float_operands(sample)) continue;
        for (int k = 0; k < op->arity; k++) {
            if (op->no_gradient >> k & 1u) continue;
            rg_tape_reset(tape);
            rg_tensor in[RG_MAX_OPERANDS], adjoint;
            for (int j = 0; j < op->arity; j++) in[j] = VECTOR(tape, j == k ? 0.75 : op == rg_op_find("minimum") ? 1 : 0.5);
            if (op == rg_op_find("where")) in[0] = VECTOR(tape, k == 1);
            rg_tensor y = rg_apply(op, sample->attributes, op->arity, in), cotangent = VECTOR(tape, NAN);
            rg_vjp(y, cotangent, &in[k], 1, &adjoint);
            assert_fine(tape);
            if (!isnan(element(adjoint, 0))) fail_msg("%s by operand %d: %g", op->name, k, element(adjoint, 0));
        }
    }
}

/* And where the operand is NaN, so is the adjoint of anything but 0. */
static void nan_is_not_swallowed_by_a_choice(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, NAN), one = VECTOR(tape, 1);
    assert_true(isnan(element(gradient(rg_sum(rg_relu(x)), x), 0)));
    assert_true(isnan(element(gradient(rg_sum(rg_maximum(x, one)), x), 0)));
    assert_true(isnan(element(gradient(rg_sum(rg_abs(x)), x), 0)));
    assert_true(isnan(element(gradient(rg_sum(rg_silu(x)), x), 0)));
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_classic_guards_have_the_gradient_one_means), TEST(a_jacobian_times_a_vector_is_guarded_too),
        TEST(masked_data_do_not_reach_the_weights), TEST(a_derivative_is_guarded_like_any_value),
        TEST(zeros_stay_zeros_behind_every_elementwise_op), TEST(nan_stays_nan_behind_every_elementwise_op),
        TEST(nan_is_not_swallowed_by_a_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
