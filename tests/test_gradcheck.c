/* test_gradcheck.c: the gradient check passes what is right, and nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"
#include "failing_malloc.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
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

#define ASSERT_VERDICT(expected, result)                                                                           \
    do {                                                                                                           \
        rg_gradcheck_result result_ = (result);                                                                    \
        if (result_.verdict != (expected))                                                                         \
            fail_msg("%s, not %s: %s", rg_verdict_name(result_.verdict), rg_verdict_name(expected), result_.message); \
    } while (0)

/* ---- Ops with a derivative that is off ---------------------------------------------------------------------- */

/* y = x s(x), so dy/dx = s + y (1 - s). */
static void swish_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = x[i] / (1 + exp(-x[i]));
}

static rg_tensor swish_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    rg_tensor s = rg_sigmoid(in[k]);
    return rg_mul(g, rg_add(s, rg_mul(y, rg_one_minus(s))));
}

/* The inner derivative is forgotten in the second term. */
static rg_tensor wrong_swish_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    rg_tensor s = rg_sigmoid(in[k]);
    return rg_mul(g, rg_add(s, y));
}

static const rg_sample swish_samples[] = {
    { .operands = 1, .in = { { .shape = { 2, { 3, 4 } } } } },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = { 1, { 3 } } } }, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
static const rg_op swish = { .name = "swish", .doc = "x * sigmoid(x)", .arity = 1, .shape = rg_shape_same,
                             .f64 = swish_f64, .vjp = swish_vjp, .samples = swish_samples };
static const rg_op wrong_swish = { .name = "swish", .doc = "x * sigmoid(x)", .arity = 1, .shape = rg_shape_same,
                                   .f64 = swish_f64, .vjp = wrong_swish_vjp, .samples = swish_samples };

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

/* ---- What is right passes ------------------------------------------------------------------------------------- */

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
    /* 3 seeds, 4 directions: two arguments at order 1; these and the cotangent at order 2 */
    assert_int_equal(result.checked, 3 * 4 * (2 + 3));
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

/* Central differences at a tie are the mean of the one-sided slopes, which is the convention. */
static void a_tie_of_two_is_shared(void **state)
{
    (void)state;
    const double other[] = { 0.9, 0.5, -2 };
    const rg_gradcheck_input in[] = { X(RG_SHAPE(3), three), X(RG_SHAPE(3), other) };
    ASSERT_VERDICT(RG_CHECK_OK, check_with(larger, NULL, 2, in, (rg_gradcheck_options){ .first_order_only = true }));
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
    ASSERT_VERDICT(RG_CHECK_OK, check_with(broadcasting, NULL, 2, in, (rg_gradcheck_options){ .allow_vacuous = true }));
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

/* ---- What is wrong does not ------------------------------------------------------------------------------------- */

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
    assert_int_equal(result.order, 2);
    result = check_with(through_identity, &detached, 1, in, (rg_gradcheck_options){ .first_order_only = true });
    ASSERT_VERDICT(RG_CHECK_OK, result);
}

static rg_tensor half_detached(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_mul(rg_tanh(in[0]), rg_stop_gradient(rg_exp(in[0])));
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
    ASSERT_VERDICT(RG_CHECK_WRONG, check_one(half_detached, RG_SHAPE(2, 3), six));
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
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.index, 1);
}

/* ---- NaN never passes -------------------------------------------------------------------------------------------- */

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

static void what_is_not_finite_fails(void **state)
{
    (void)state;
    const double negative[] = { 1, -1, 2 }, zero[] = { 1, 2, 0 }, nan[] = { 1, NAN, 2 };
    rg_gradcheck_result result = check_one(root, RG_SHAPE(3), negative);
    ASSERT_VERDICT(RG_CHECK_NONFINITE, result);
    assert_int_equal(result.order, 1);
    result = check_one(root, RG_SHAPE(3), zero); /* a value of 0, a slope of infinity */
    ASSERT_VERDICT(RG_CHECK_NONFINITE, result);
    assert_int_equal(result.argument, 0);
    assert_int_equal(result.index, 2);
    ASSERT_VERDICT(RG_CHECK_NONFINITE, check_one(cubic, RG_SHAPE(3), nan));
    ASSERT_VERDICT(RG_CHECK_OK, check_one(guarded_root, RG_SHAPE(3), negative));
    ASSERT_VERDICT(RG_CHECK_NONFINITE, check_one(multiplied_guard, RG_SHAPE(3), negative));
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

/* ---- Zeros are declared, and declarations are true ------------------------------------------------------------------ */

static rg_tensor first_only(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_square(in[0]);
}

static rg_tensor selected(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_where(rg_greater(in[0], in[1]), rg_square(in[2]), rg_exp(in[2]));
}

static void an_undeclared_zero_is_vacuous(void **state)
{
    (void)state;
    rg_gradcheck_input in[] = { X(RG_SHAPE(3), three), X(RG_SHAPE(4), four) };
    rg_gradcheck_result result = check(first_only, 2, in);
    ASSERT_VERDICT(RG_CHECK_VACUOUS, result);
    assert_int_equal(result.argument, 1);
    ASSERT_VERDICT(RG_CHECK_OK, check_with(first_only, NULL, 2, in, (rg_gradcheck_options){ .allow_vacuous = true }));
    in[1].no_gradient = true;
    ASSERT_VERDICT(RG_CHECK_OK, check(first_only, 2, in));
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

/* ---- What cannot be told does not pass -------------------------------------------------------------------------------- */

static rg_tensor another_mask_each_time(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)n;
    uint64_t *calls = context;
    return rg_dropout(in[0], 0.5, rg_random_key(tape, 1, (*calls)++));
}

/* x, of which rounding leaves little. */
static rg_tensor rounded_off(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_shift(rg_shift(in[0], 1e12), -1e12);
}

static rg_tensor hidden_by_noise(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_add(rg_mul(in[0], in[0]), rg_scale(rg_log(rg_exp(rg_shift(rg_tanh(in[0]), 1e-9))), 1e9));
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
    ASSERT_VERDICT(RG_CHECK_NOISE, check_with(another_mask_each_time, &calls, 1, in, (rg_gradcheck_options){ 0 }));
    ASSERT_VERDICT(RG_CHECK_NOISE, check_one(stairs, RG_SHAPE(3), at_the_step));
    assert_int_not_equal(check_one(rounded_off, RG_SHAPE(2, 3), six).verdict, RG_CHECK_OK);
}

/* ---- Errors ---------------------------------------------------------------------------------------------------------------- */

static rg_tensor does_not_fit(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return rg_add(in[0], in[1]);
}

static rg_tensor nothing(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)in, (void)n, (void)context;
    return (rg_tensor){ 0 };
}

static rg_tensor elsewhere(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)in, (void)n;
    return rg_scalar(context, RG_F64, 1);
}

static rg_tensor without_a_rule(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n;
    return rg_apply(context, NULL, 1, in);
}

static void an_error_says_what_happened(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { X(RG_SHAPE(4), four), X(RG_SHAPE(3), three) };
    rg_gradcheck_result result = check(does_not_fit, 2, in);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "test_gradcheck.c:"));
    assert_non_null(strstr(result.message, "add: "));
    ASSERT_VERDICT(RG_CHECK_ERROR, check(nothing, 2, in));
    rg_tape *other = rg_tape_new();
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(elsewhere, other, 2, in, (rg_gradcheck_options){ 0 }));
    rg_tape_free(other);
    rg_op ruleless = swish;
    ruleless.vjp = NULL;
    result = check_with(without_a_rule, &ruleless, 1, in, (rg_gradcheck_options){ 0 });
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "swish"));
}

static void bad_arguments_are_errors(void **state)
{
    (void)state;
    const rg_gradcheck_options none = { 0 };
    const double big[] = { 1e10, 1, 2 };
    const rg_gradcheck_input good = X(RG_SHAPE(3), three);
    const rg_gradcheck_input bad[] = {
        { .shape = RG_SHAPE(3) },
        { .shape = RG_SHAPE(-1), .values = three },
        { .shape = { .rank = 9 }, .values = three },
        { .dtype = (rg_dtype)17, .shape = RG_SHAPE(3), .values = three },
        { .dtype = RG_I32, .shape = RG_SHAPE(3), .values = big },
        { .dtype = RG_I64, .shape = RG_SHAPE(3), .values = three }, /* nothing to differentiate by */
    };
    for (int i = 0; i < COUNT(bad); i++) ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 1, &bad[i], none));
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(NULL, NULL, 1, &good, none));
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 0, &good, none));
    ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 1, NULL, none));
    const rg_gradcheck_options options[] = { { .seeds = -1 }, { .directions = -1 }, { .relative = NAN },
                                             { .absolute = -1 }, { .absolute = INFINITY } };
    for (int i = 0; i < COUNT(options); i++)
        ASSERT_VERDICT(RG_CHECK_ERROR, check_with(cubic, NULL, 1, &good, options[i]));
    assert_true(rg_gradcheck(cubic, NULL, 1, &good, NULL, NULL));
    assert_false(rg_gradcheck(NULL, NULL, 1, &good, NULL, NULL));
    assert_false(rg_gradcheck_op(NULL, NULL, NULL));
}

/* ---- Ops --------------------------------------------------------------------------------------------------------------------- */

static rg_gradcheck_result check_op(const rg_op *op)
{
    rg_gradcheck_result result;
    bool good = rg_gradcheck_op(op, NULL, &result);
    assert_int_equal(good, result.verdict == RG_CHECK_OK);
    assert_int_equal(good, rg_gradcheck_op(op, NULL, NULL));
    return result;
}

static void an_op_of_the_users_is_checked(void **state)
{
    (void)state;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&swish));
    rg_gradcheck_result result = check_op(&wrong_swish);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_int_equal(result.sample, 0);
    assert_int_equal(result.argument, 0);
    assert_in_range(result.index, 0, 11);
    char expected[RG_MESSAGE_SIZE];
    snprintf(expected, sizeof expected,
             "swish: argument 0, element %d: analytic %.10g, numeric %.10g, bound %.2g (order 1, sample 0, seed 0)",
             (int)result.index, result.analytic, result.numeric, result.bound);
    assert_string_equal(result.message, expected);
}

static int lines_of(FILE *file, const char *beginning)
{
    char line[1024];
    int count = 0;
    rewind(file);
    while (fgets(line, sizeof line, file)) count += strncmp(line, beginning, strlen(beginning)) == 0;
    return count;
}

static void the_report_has_a_line_for_every_failure_and_one_in_sum(void **state)
{
    (void)state;
    FILE *report = tmpfile();
    rg_gradcheck_result result;
    assert_non_null(report);
    rg_gradcheck_op(&wrong_swish, &(rg_gradcheck_options){ .seeds = 2, .report = report }, &result);
    assert_true(result.failed > 1);
    assert_int_equal(lines_of(report, "wrong: swish: argument 0, element "), result.failed);
    assert_int_equal(lines_of(report, "swish: "), 1);
    assert_int_equal(lines_of(report, ""), result.failed + 1);
    fclose(report);
}

static void what_is_not_checked_cannot_exist(void **state)
{
    (void)state;
    rg_op op = swish;
    op.samples = NULL;
    rg_gradcheck_result result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "has no samples"));
    op.samples = swish_samples + 1; /* refusals only */
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
    op = swish;
    op.vjp = NULL;
    result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_ERROR, result);
    assert_non_null(strstr(result.message, "no derivative rule"));
}

static void an_op_must_refuse_what_it_says_it_refuses(void **state)
{
    (void)state;
    static const rg_sample accepts[] = { { .operands = 1 }, { .operands = 1, .refuse = RG_E_SHAPE }, { .operands = 0 } };
    static const rg_sample otherwise[] = {
        { .operands = 1 }, { .operands = 1, .in = { { .dtype = RG_I32 } }, .refuse = RG_E_SHAPE }, { .operands = 0 }
    };
    static const rg_sample takes_more[] = { { .operands = 2 }, { .operands = 0 } };
    static const rg_sample malformed[] = { { .operands = 1, .in = { { .same_as = 2 } } }, { .operands = 0 } };
    static const rg_sample too_many[] = { { .operands = RG_MAX_OPERANDS + 1 }, { .operands = 0 } };
    rg_op op = swish;
    op.samples = accepts;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
    op.samples = otherwise;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
    op.samples = takes_more;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
    op.samples = malformed;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
    op.samples = too_many;
    ASSERT_VERDICT(RG_CHECK_ERROR, check_op(&op));
}

static void zero_f64(const rg_call *call, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) ((double *)call->out)[i] = 0;
}

static rg_tensor no_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y, (void)g;
    return (rg_tensor){ 0 };
}

static void an_op_whose_derivative_is_zero_says_so(void **state)
{
    (void)state;
    rg_op op = swish;
    op.f64 = zero_f64;
    op.vjp = no_vjp;
    ASSERT_VERDICT(RG_CHECK_VACUOUS, check_op(&op));
    op.no_gradient = 1;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&op));
    op.vjp = NULL;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&op));
    op.f64 = swish_f64;
    ASSERT_VERDICT(RG_CHECK_WRONG, check_op(&op));
}

static void swish_f32(const rg_call *call, int64_t begin, int64_t end)
{
    const float *x = call->in[0];
    for (int64_t i = begin; i < end; i++) ((float *)call->out)[i] = x[i] / (1 + expf(-x[i]));
}

static void careless_f32(const rg_call *call, int64_t begin, int64_t end)
{
    swish_f32(call, begin, end);
    for (int64_t i = begin; i < end; i++) ((float *)call->out)[i] *= 1.0001f;
}

/* Another result for the first element of a range than for the others: it shows when ranges are cut otherwise. */
static void depends_on_its_range_f64(const rg_call *call, int64_t begin, int64_t end)
{
    static const double *before;
    swish_f64(call, begin, end);
    if (before && before != call->in[0]) ((double *)call->out)[begin] += 1e-13;
    before = call->in[0];
}

static void both_dtypes_and_every_way_to_run_agree(void **state)
{
    (void)state;
    rg_op op = swish;
    op.f32 = swish_f32;
    ASSERT_VERDICT(RG_CHECK_OK, check_op(&op));
    op.f32 = careless_f32;
    rg_gradcheck_result result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_non_null(strstr(result.message, "in f32"));
    op = swish;
    op.f64 = depends_on_its_range_f64;
    result = check_op(&op);
    ASSERT_VERDICT(RG_CHECK_WRONG, result);
    assert_non_null(strstr(result.message, "bits"));
}

static void verdicts_have_names(void **state)
{
    (void)state;
    static const char *const names[] = { "ok", "wrong", "non-finite", "vacuous", "noise", "error", "?" };
    for (int i = 0; i < COUNT(names); i++) assert_string_equal(rg_verdict_name((rg_verdict)i), names[i]);
}

/* ---- Memory -------------------------------------------------------------------------------------------------------------------- */

typedef rg_verdict attempt(void);

static rg_verdict attempt_function(void)
{
    const rg_gradcheck_input in[] = { X(RG_SHAPE(2, 3), six), X(RG_SHAPE(3), three) };
    return check_with(broadcasting, NULL, 2, in, (rg_gradcheck_options){ .seeds = 1 }).verdict;
}

static rg_verdict attempt_op(void)
{
    rg_gradcheck_result result;
    rg_gradcheck_op(&swish, &(rg_gradcheck_options){ .seeds = 1 }, &result);
    return result.verdict;
}

static rg_verdict attempt_wrong_op(void)
{
    rg_gradcheck_result result;
    rg_gradcheck_op(&wrong_swish, &(rg_gradcheck_options){ .seeds = 1 }, &result);
    return result.verdict;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    static attempt *const attempts[] = { attempt_function, attempt_op, attempt_wrong_op };
    for (int i = 0; i < COUNT(attempts); i++) {
        const rg_verdict undisturbed = attempts[i]();
        const long alive_before = allocations_alive;
        int errors = 0;
        for (long n = 0; n < 10000; n++) {
            allocations_fail_after(n);
            rg_verdict verdict = attempts[i]();
            long failed = allocations_failed;
            allocations_fail_after(-1);
            assert_int_equal(allocations_alive, alive_before);
            if (failed == 0) {
                assert_int_equal(verdict, undisturbed);
                break;
            }
            assert_int_not_equal(verdict, RG_CHECK_OK);
            errors += verdict == RG_CHECK_ERROR;
        }
        assert_true(errors > 10);
    }
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
        cmocka_unit_test(an_error_says_what_happened),
        cmocka_unit_test(bad_arguments_are_errors),
        cmocka_unit_test(an_op_of_the_users_is_checked),
        cmocka_unit_test(the_report_has_a_line_for_every_failure_and_one_in_sum),
        cmocka_unit_test(what_is_not_checked_cannot_exist),
        cmocka_unit_test(an_op_must_refuse_what_it_says_it_refuses),
        cmocka_unit_test(an_op_whose_derivative_is_zero_says_so),
        cmocka_unit_test(both_dtypes_and_every_way_to_run_agree),
        cmocka_unit_test(verdicts_have_names),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
