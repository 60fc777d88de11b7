/* test_gradcheck.c: the gradient check of a function passes what is right, and nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gradcheck_verdicts.h"

#define X(shape_, values_) { .shape = shape_, .values = values_ }

enum { MANY = 1000 };
static const double six[] = { 0.7, -1.3, 0.4, 1.9, -0.6, 1.1 };
static const double four[] = { 0.31, -0.83, 1.27, -1.71 };
static const double three[] = { 0.9, -0.4, 1.6 };

static rg_gradcheck_result check_with(rg_function *f, void *context, int n, const rg_gradcheck_input *in,
                                      rg_gradcheck_options options)
{
    rg_gradcheck_result result;
    bool good = rg_gradcheck(f, context, n, in, &options, &result);
    assert_int_equal(good, result.verdict == RG_CHECK_OK);
    assert_int_equal(good, result.failed == 0);
    return result;
}

static rg_gradcheck_result check(rg_function *f, int n, const rg_gradcheck_input *in)
{
    return check_with(f, NULL, n, in, (rg_gradcheck_options){ 0 });
}

static rg_gradcheck_result check_one(rg_function *f, rg_shape shape, const double *values)
{
    const rg_gradcheck_input in[] = { { .shape = shape, .values = values } };
    return check(f, 1, in);
}

/* ---- An op with a derivative that is off --------------------------------------------------------------------- */

/* y = x, with a derivative of the test's choosing: element `index` of the gradient times `factor`. */
typedef struct {
    rg_op op;
    double factor;
    int64_t index;            /* or -1: all of them */
    bool detached;
} identity;

static void copy_f64(const rg_call *call, int64_t begin, int64_t end)
{
    memcpy((double *)call->out + begin, (const double *)call->in[0] + begin, (size_t)(end - begin) * sizeof(double));
}

static rg_tensor identity_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const identity *self = (const identity *)(const void *)rg_op_of(y);
    const int64_t count = rg_shape_count(rg_shape_of(y));
    double weights[MANY];
    (void)in, (void)k;
    if (self->detached) return rg_stop_gradient(g);
    for (int64_t i = 0; i < count; i++) weights[i] = self->index < 0 || i == self->index ? self->factor : 1;
    return rg_mul(g, rg_constant(g.tape, RG_F64, rg_shape_of(y), weights));
}

static identity identity_with(double factor, int64_t index)
{
    return (identity){ .op = { .name = "identity", .doc = "x", .arity = 1, .shape = rg_shape_same, .f64 = copy_f64,
                               .vjp = identity_vjp }, .factor = factor, .index = index };
}

/* tanh(identity(x)) y */
static rg_tensor through_identity(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape;
    const identity *self = context;
    rg_tensor t = rg_tanh(rg_apply(&self->op, NULL, 1, &in[0]));
    return n > 1 ? rg_mul(t, in[1]) : t;
}

/* ---- What is right passes ------------------------------------------------------------------------------------ */

static rg_tensor broadcasting(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_mul(rg_exp(in[0]), rg_sigmoid(rg_add(in[0], in[1])));
}

static void broadcast_operands(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six), X(RG_SHAPE(3), three) };
    const rg_gradcheck_input columns[] = { X(RG_SHAPE(3, 1), three), X(RG_SHAPE(1, 4), four) };
    ASSERT_VERDICT(RG_CHECK_OK, check(broadcasting, 2, in));
    ASSERT_VERDICT(RG_CHECK_OK, check(broadcasting, 2, columns));
}

static rg_tensor repeated(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor square = rg_mul(in[0], in[0]);
    return rg_add(rg_mul(square, square), rg_div(square, rg_shift(square, 1)));
}

static void repeated_operands(void **state)
{
    (void)state;
    ASSERT_VERDICT(RG_CHECK_OK, check_one(repeated, RG_SHAPE(2, 3), six));
}

/* An autoencoder: its decoder is the transposed encoder. */
static rg_tensor tied(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor code = rg_tanh(rg_matmul(in[1], in[0]));
    return rg_mse(rg_matmul(code, rg_transpose(in[0])), in[1]);
}

static void tied_parameters(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six), X(RG_SHAPE(2, 2), four) };
    ASSERT_VERDICT(RG_CHECK_OK, check(tied, 2, in));
}

static rg_tensor classifier(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_cross_entropy(rg_tanh(rg_matmul(in[0], in[1])), in[2]);
}

static void integer_arguments(void **state)
{
    (void)state;
    const double labels[] = { 1, 0 };
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six), X(RG_SHAPE(3, 2), six),
                                      { .dtype = RG_I32, .shape = RG_SHAPE(2), .values = labels } };
    rg_gradcheck_result result = check(classifier, 3, in);
    ASSERT_VERDICT(RG_CHECK_OK, result);
    /* 3 seeds; 4 directions by 4 probes (complex twice): two arguments at order 1, these and the cotangent at order 2;
     * each order once with a cotangent of zeros, and again; and a direction near by */
    assert_int_equal(result.checked, 3 * (4 * 4 * (2 + 3) + 2 * 2 + 4 * 2));
    assert_int_equal(result.oracles, 1u << RG_ORACLE_DIFFERENCES | 1u << RG_ORACLE_COMPLEX | 1u << RG_ORACLE_ADJOINT |
                                     1u << RG_ORACLE_ZERO | 1u << RG_ORACLE_REPETITION);
}

static rg_tensor logarithm(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_log(in[0]);
}

/* The first steps of the ladder leave the domain. */
static void points_near_the_edge_of_the_domain(void **state)
{
    (void)state;
    const double small[] = { 1e-3, 2e-3, 1.0 };
    ASSERT_VERDICT(RG_CHECK_OK, check_one(logarithm, RG_SHAPE(3), small));
}

static rg_tensor cubic(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_mul(rg_square(in[0]), in[0]);
}

static void large_and_small_numbers(void **state)
{
    (void)state;
    const double large[] = { 1e6, -3e5, 2.0 }, small[] = { 1e-4, -3e-3, 2e-6 };
    ASSERT_VERDICT(RG_CHECK_OK, check_one(cubic, RG_SHAPE(3), large));
    ASSERT_VERDICT(RG_CHECK_OK, check_one(cubic, RG_SHAPE(3), small));
}

static rg_tensor larger(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_maximum(in[0], in[1]);
}

/* The convention is the mean of the slopes on both sides, and so are central differences: a kink all the same. */
static void a_tie_of_two_is_shared(void **state)
{
    (void)state;
    const double other[] = { 0.9, 0.5, -2 };
    const rg_gradcheck_input in[] = { X(RG_SHAPE(3), three), X(RG_SHAPE(3), other) };
    rg_gradcheck_options options = { .first_order_only = true };
    rg_gradcheck_result result = check_with(larger, NULL, 2, in, options);
    ASSERT_VERDICT(RG_CHECK_KINK, result);
    assert_int_equal(result.index, 0);
    options.accept_kinks = true;
    ASSERT_VERDICT(RG_CHECK_OK, check_with(larger, NULL, 2, in, options));
}

static void single_precision_with_tolerances_to_match(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { { .dtype = RG_F32, .shape = RG_SHAPE(2, 3), .values = six } };
    const rg_gradcheck_options options = { .relative = 1e-2, .absolute = 1e-2 };
    ASSERT_VERDICT(RG_CHECK_OK, check_with(repeated, NULL, 1, in, options));
}

static void empty_arguments(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 0), NULL), X(RG_SCALAR, three) };
    const rg_gradcheck_options options = { .allow_vacuous = true };
    ASSERT_VERDICT(RG_CHECK_OK, check_with(broadcasting, NULL, 2, in, options));
}

static rg_tensor counted(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n;
    ++*(int *)context;
    return rg_exp(in[0]);
}

/* The extrapolation is worth its name. */
static void a_smooth_function_is_evaluated_a_few_times(void **state)
{
    (void)state;
    int calls = 0;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six) };
    const rg_gradcheck_options options = { .seeds = 1, .directions = 1, .first_order_only = true };
    ASSERT_VERDICT(RG_CHECK_OK, check_with(counted, &calls, 1, in, options));
    /* To learn its value, for its adjoint, for two complex steps, for three differences and for the adjoint test, for
     * the repetition, and for zeros; and all this but the last two near by. */
    assert_int_equal(calls, 2 * (3 + 1 + 2 + 2 * 3) + 3 + 1);
}

static void every_seed_is_used(void **state)
{
    (void)state;
    identity wrong = identity_with(1.01, -1);
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six) };
    FILE *report = tmpfile();
    assert_non_null(report);
    check_with(through_identity, &wrong, 1, in, (rg_gradcheck_options){ .seed = 40, .report = report });
    assert_int_equal(lines_with(report, "seed 40)"), 4);
    assert_int_equal(lines_with(report, "seed 41)"), 4);
    assert_int_equal(lines_with(report, "seed 42)"), 4);
    fclose(report);
}

static void the_same_seed_gives_the_same_check(void **state)
{
    (void)state;
    identity wrong = identity_with(1.01, -1);
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six) };
    rg_gradcheck_result a = check_with(through_identity, &wrong, 1, in, (rg_gradcheck_options){ .seed = 7 });
    rg_gradcheck_result b = check_with(through_identity, &wrong, 1, in, (rg_gradcheck_options){ .seed = 7 });
    assert_string_equal(a.message, b.message);
    assert_true(a.analytic == b.analytic && a.numeric == b.numeric && a.seed == 7);
}

/* ---- What is wrong does not ---------------------------------------------------------------------------------- */

static void a_wrong_factor_is_found(void **state)
{
    (void)state;
    static const double factors[] = { -1, 0, 2, 1.001, 1.0001, 1 + 1e-6, 1 - 1e-6 };
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six), X(RG_SHAPE(3), three) };
    for (int i = 0; i < COUNT(factors); i++) {
        identity wrong = identity_with(factors[i], -1);
        rg_gradcheck_result result = check_with(through_identity, &wrong, 2, in, (rg_gradcheck_options){ 0 });
        ASSERT_VERDICT(RG_CHECK_WRONG, result);
        assert_int_equal(result.order, 1);
        assert_int_equal(result.argument, 0);
        assert_true(fabs(result.analytic - result.numeric * factors[i]) < 1e-6 * fabs(result.numeric));
        assert_true(result.bound > 0 && result.bound < fabs(result.analytic - result.numeric));
    }
    identity right = identity_with(1, -1);
    ASSERT_VERDICT(RG_CHECK_OK, check_with(through_identity, &right, 2, in, (rg_gradcheck_options){ 0 }));
}

static void the_element_is_found(void **state)
{
    (void)state;
    double many[MANY];
    const int64_t at[] = { 0, 1, 499, 500, 738, MANY - 1 };
    for (int i = 0; i < MANY; i++) many[i] = rg_random_normal(1, 0, (uint64_t)i);
    for (int i = 0; i < COUNT(at); i++) {
        identity wrong = identity_with(1.05, at[i]);
        const rg_gradcheck_input in[] = { X(RG_SHAPE(MANY), many) };
        rg_gradcheck_result result = check_with(through_identity, &wrong, 1, in, (rg_gradcheck_options){ .seeds = 1 });
        ASSERT_VERDICT(RG_CHECK_WRONG, result);
        assert_int_equal(result.index, at[i]);
    }
}

/* The gradient is right, but it does not depend on its cotangent any more: no gradient of it is. */
static void a_gradient_that_is_not_differentiable_again_is_found(void **state)
{
    (void)state;
    identity detached = identity_with(1, -1);
    detached.detached = true;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six) };
    rg_gradcheck_result result = check_with(through_identity, &detached, 1, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.oracle, RG_ORACLE_ADJOINT);
    result = check_with(through_identity, &detached, 1, in, (rg_gradcheck_options){ .first_order_only = true });
    ASSERT_VERDICT(RG_CHECK_OK, result);
}

static rg_tensor diamond_without_a_side(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context;
    rg_tensor a = rg_exp(in[0]), left = rg_tanh(a);
    bool before = rg_no_grad(tape, true);
    rg_tensor right = rg_square(a);
    rg_no_grad(tape, before);
    return rg_add(left, right);
}

static void a_lost_path_is_found(void **state)
{
    (void)state;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_one(diamond_without_a_side, RG_SHAPE(2, 3), six));
}

static rg_tensor rectified(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_relu(in[0]);
}

static void a_kink_does_not_pass(void **state)
{
    (void)state;
    const double at[] = { 1, 0, -1 };
    rg_gradcheck_result result = check_one(rectified, RG_SHAPE(3), at);
    ASSERT_VERDICT(RG_CHECK_KINK, result);
    assert_int_equal(result.oracle, RG_ORACLE_SIDES);
    assert_int_equal(result.index, 1);
    assert_true(result.analytic == 0 && strstr(result.message, "slope 0 below and "));
}

/* ---- NaN never passes ---------------------------------------------------------------------------------------- */

static rg_tensor root(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_sqrt(in[0]);
}

static rg_tensor guarded_root(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context;
    rg_tensor zero = rg_scalar(tape, RG_F64, 0), positive = rg_greater(in[0], zero);
    return rg_where(positive, rg_sqrt(rg_where(positive, in[0], rg_scalar(tape, RG_F64, 1))), zero);
}

static rg_tensor multiplied_guard(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context;
    rg_tensor one = rg_scalar(tape, RG_F64, 1), positive = rg_greater(in[0], rg_scalar(tape, RG_F64, 0));
    return rg_mul(positive, rg_sqrt(rg_where(positive, in[0], rg_mul(in[0], rg_sub(one, one)))));
}

static rg_tensor corner(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_sqrt(rg_square(in[0]));
}

static void what_is_not_finite_fails(void **state)
{
    (void)state;
    const double negative[] = { 1, -1, 2 }, zero[] = { 1, 2, 0 }, nan[] = { 1, NAN, 2 };
    rg_gradcheck_result result = check_one(root, RG_SHAPE(3), negative);
    ASSERT_VERDICT(RG_CHECK_NONFINITE, result);
    assert_int_equal(result.order, 1);
    assert_non_null(strstr(result.message, "the value"));
    result = check_one(root, RG_SHAPE(3), zero); /* a value of 0, a slope of infinity */
    ASSERT_VERDICT(RG_CHECK_NONFINITE, result);
    assert_int_equal(result.argument, 0);
    assert_int_equal(result.index, 2);
    ASSERT_VERDICT(RG_CHECK_NONFINITE, check_one(cubic, RG_SHAPE(3), nan));
    ASSERT_VERDICT(RG_CHECK_OK, check_one(guarded_root, RG_SHAPE(3), negative));
    ASSERT_VERDICT(RG_CHECK_OK, check_one(multiplied_guard, RG_SHAPE(3), negative)); /* 0 times a slope of infinity */
    ASSERT_VERDICT(RG_CHECK_NONFINITE, check_one(corner, RG_SHAPE(3), zero)); /* a value of 0, a slope of NaN */
    identity nans = identity_with(NAN, 3);
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six) };
    result = check_with(through_identity, &nans, 1, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_NONFINITE, result);
    assert_int_equal(result.index, 3);
}

/* Finite where it stands, and nowhere around. */
static rg_tensor island(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context;
    rg_tensor there = rg_equal(in[0], rg_constant(tape, RG_F64, RG_SHAPE(3), three));
    return rg_where(there, in[0], rg_log(rg_scale(rg_square(in[0]), -1)));
}

static void differences_that_are_nowhere_finite_fail(void **state)
{
    (void)state;
    ASSERT_VERDICT(RG_CHECK_NONFINITE, check_one(island, RG_SHAPE(3), three));
}

/* ---- Zeros are declared, and declarations are true ----------------------------------------------------------- */

static rg_tensor selected(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_where(rg_greater(in[0], in[1]), rg_square(in[2]), rg_exp(in[2]));
}

static void an_undeclared_zero_is_vacuous(void **state)
{
    (void)state;
    rg_gradcheck_input in[] = { X(RG_SHAPE(3), three), X(RG_SHAPE(4), four) };
    rg_gradcheck_result result = check(cubic, 2, in);
    ASSERT_VERDICT(RG_CHECK_VACUOUS, result);
    assert_int_equal(result.argument, 1);
    ASSERT_VERDICT(RG_CHECK_OK, check_with(cubic, NULL, 2, in, (rg_gradcheck_options){ .allow_vacuous = true }));
    in[1].no_gradient = true;
    ASSERT_VERDICT(RG_CHECK_OK, check(cubic, 2, in));
}

static void a_mask_is_a_declared_zero(void **state)
{
    (void)state;
    const double a[] = { 1, 2, 3 }, b[] = { 2, 1, 4 };
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(3), .values = a, .no_gradient = true },
                                      { .shape = RG_SHAPE(3), .values = b, .no_gradient = true },
                                      X(RG_SHAPE(3), three) };
    ASSERT_VERDICT(RG_CHECK_OK, check(selected, 3, in));
}

static void a_declared_zero_that_is_not_one_is_wrong(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six),
                                      { .shape = RG_SHAPE(3), .values = three, .no_gradient = true } };
    rg_gradcheck_result result = check(broadcasting, 2, in);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.argument, 1);
    assert_non_null(strstr(result.message, "declared"));
}

/* ---- What cannot be told does not pass ----------------------------------------------------------------------- */

static rg_tensor another_mask_each_time(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n;
    uint64_t *calls = context;
    return rg_dropout(in[0], 0.5, rg_random_key(tape, 1, (*calls)++));
}

/* x, and rounding errors of as many times 1e-16 as the context says. */
static rg_tensor noisy(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n;
    const double *factor = context;
    rg_tensor t = rg_tanh(in[0]);
    return rg_add(in[0], rg_sub(rg_scale(rg_log(rg_exp(t)), *factor), rg_scale(t, *factor)));
}

static rg_tensor rounded_off(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n;
    return rg_shift(in[0], *(const double *)context);
}

static rg_tensor stairs(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context;
    rg_tensor zero = rg_scalar(tape, RG_F64, 0);
    return rg_add(in[0], rg_greater(in[0], zero));
}

static void noise_does_not_pass(void **state)
{
    (void)state;
    uint64_t calls = 0;
    const double at_the_step[] = { 1, 0, -1 };
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six) };
    rg_gradcheck_result result = check_with(another_mask_each_time, &calls, 1, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_NONDETERMINISTIC, result);
    assert_non_null(strstr(result.message, "each time"));
    ASSERT_VERDICT(RG_CHECK_NOISE, check_one(stairs, RG_SHAPE(3), at_the_step));
    const rg_gradcheck_options first = { .first_order_only = true, .seeds = 50 };
    for (double factor = 1; factor < 1e5; factor *= 10)
        ASSERT_VERDICT(RG_CHECK_OK, check_with(noisy, &factor, 1, in, first));
    for (double factor = 1e8; factor < 1e14; factor *= 10)
        ASSERT_VERDICT(RG_CHECK_NOISE, check_with(noisy, &factor, 1, in, first));
    for (double offset = 1e9; offset < 1e14; offset *= 10)
        ASSERT_VERDICT(RG_CHECK_NOISE, check_with(rounded_off, &offset, 1, in, first));
}

/* Up and down 2^(teeth - 1) times between 0 and 1, with a slope of 2^teeth: the tent map, applied so often. */
static rg_tensor sawtooth(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n;
    rg_tensor y = in[0], half = rg_scalar(tape, RG_F64, 0.5);
    for (int i = 0; i < *(const int *)context; i++)
        y = rg_sub(rg_scale(rg_relu(y), 2), rg_scale(rg_relu(rg_sub(y, half)), 4));
    return y;
}

static rg_tensor twice_the_cotangent(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)x, (void)y;
    return rg_scale(g, 2);
}

static rg_tensor sawtooth_with_twice_the_slope(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    rg_tensor x = rg_scale(in[0], 1), twice = rg_custom_vjp(x, in, 1, twice_the_cotangent, NULL);
    return sawtooth(tape, &twice, n, context);
}

/* Steps that reach over many teeth, and over whole numbers of them, must not say that a right slope is wrong; nor must
 * they hide a wrong one. */
static void a_slope_between_teeth_finer_than_the_steps_is_noise(void **state)
{
    (void)state;
    const rg_gradcheck_options first = { .first_order_only = true };
    const double places[] = { 0.3, 0.7, 1.0 / 3, 0.123456, 0.5, 0.25, 0.375 }; /* the last three are kinks */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const rg_gradcheck_input in[] = { X(RG_SHAPE(1), &places[i]) };
        for (int teeth = 20; teeth <= 40; teeth += 2)
            ASSERT_VERDICT(RG_CHECK_NOISE, check_with(sawtooth, &teeth, 1, in, first));
        int teeth = 8;
        ASSERT_VERDICT(i < 4 ? RG_CHECK_OK : RG_CHECK_KINK, check_with(sawtooth, &teeth, 1, in, first));
        teeth = 30;
        if (i < 4) ASSERT_VERDICT(RG_CHECK_WRONG, check_with(sawtooth_with_twice_the_slope, &teeth, 1, in, first));
    }
}

/* ---- Errors -------------------------------------------------------------------------------------------------- */

static rg_tensor does_not_fit(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_add(in[0], in[1]);
}

static rg_tensor elsewhere(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)in, (void)n;
    return context ? rg_scalar(context, RG_F64, 1) : (rg_tensor){ 0 };
}

static rg_tensor growing(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n;
    int *calls = context;
    return rg_expand(rg_sum(in[0]), RG_SHAPE(++*calls > 3 ? 1000 : 1));
}

static void an_error_says_what_happened(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(4), four), X(RG_SHAPE(3), three) };
    rg_gradcheck_result result = check(does_not_fit, 2, in);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "test_gradcheck.c:"));
    assert_non_null(strstr(result.message, "add: "));
    int calls = 0;
    result = check_with(growing, &calls, 2, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "the shape"));
    result = check(elsewhere, 2, in);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "null tensor"));
    rg_tape *other = rg_tape_new();
    result = check_with(elsewhere, other, 2, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "another tape"));
    rg_tape_free(other);
    identity ruleless = identity_with(1, -1);
    ruleless.op.vjp = NULL;
    result = check_with(through_identity, &ruleless, 1, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "identity"));
}

static void bad_arguments_are_errors(void **state)
{
    (void)state;
    const rg_gradcheck_options none = { 0 };
    const double big[] = { 1e10, 1, 2 };
    const rg_gradcheck_input good = X(RG_SHAPE(3), three);
    const struct {
        rg_gradcheck_input in;
        const char *words;
    } bad[] = {
        { { .shape = RG_SHAPE(3) }, "no values" },
        { { .shape = RG_SHAPE(-1), .values = three }, "shape" },
        { { .shape = { .rank = 9 }, .values = three }, "shape" },
        { { .dtype = (rg_dtype)17, .shape = RG_SHAPE(3), .values = three }, "dtype" },
        { { .dtype = RG_I32, .shape = RG_SHAPE(3), .values = big }, "does not fit" },
        { { .dtype = RG_I64, .shape = RG_SHAPE(3), .values = three }, "nothing to check" },
    };
    for (int i = 0; i < COUNT(bad); i++) {
        rg_gradcheck_result result = check_with(cubic, NULL, 1, &bad[i].in, none);
        ASSERT_VERDICT(RG_CHECK_ERROR, result);
        assert_non_null(strstr(result.message, bad[i].words));
    }
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(NULL, NULL, 1, &good, none));
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 0, &good, none));
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 1, NULL, none));
    const rg_gradcheck_options options[] = { { .seeds = -1 }, { .directions = -1 }, { .relative = NAN },
                                             { .absolute = -1 }, { .absolute = INFINITY } };
    for (int i = 0; i < COUNT(options); i++)
        ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 1, &good, options[i]));
    assert_true(rg_gradcheck(cubic, NULL, 1, &good, NULL, NULL));
    assert_false(rg_gradcheck(NULL, NULL, 1, &good, NULL, NULL));
}

/* ---- Memory -------------------------------------------------------------------------------------------------- */

static rg_verdict attempt(void)
{
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six), X(RG_SHAPE(3), three) };
    return check_with(broadcasting, NULL, 2, in, (rg_gradcheck_options){ .seeds = 1 }).verdict;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_no_allocation_is_trusted(attempt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcast_operands),
        cmocka_unit_test(repeated_operands),
        cmocka_unit_test(tied_parameters),
        cmocka_unit_test(integer_arguments),
        cmocka_unit_test(points_near_the_edge_of_the_domain),
        cmocka_unit_test(large_and_small_numbers),
        cmocka_unit_test(a_tie_of_two_is_shared),
        cmocka_unit_test(single_precision_with_tolerances_to_match),
        cmocka_unit_test(empty_arguments),
        cmocka_unit_test(a_smooth_function_is_evaluated_a_few_times),
        cmocka_unit_test(every_seed_is_used),
        cmocka_unit_test(the_same_seed_gives_the_same_check),
        cmocka_unit_test(a_wrong_factor_is_found),
        cmocka_unit_test(the_element_is_found),
        cmocka_unit_test(a_gradient_that_is_not_differentiable_again_is_found),
        cmocka_unit_test(a_lost_path_is_found),
        cmocka_unit_test(a_kink_does_not_pass),
        cmocka_unit_test(what_is_not_finite_fails),
        cmocka_unit_test(differences_that_are_nowhere_finite_fail),
        cmocka_unit_test(an_undeclared_zero_is_vacuous),
        cmocka_unit_test(a_mask_is_a_declared_zero),
        cmocka_unit_test(a_declared_zero_that_is_not_one_is_wrong),
        cmocka_unit_test(noise_does_not_pass),
        cmocka_unit_test(a_slope_between_teeth_finer_than_the_steps_is_noise),
        cmocka_unit_test(an_error_says_what_happened),
        cmocka_unit_test(bad_arguments_are_errors),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
