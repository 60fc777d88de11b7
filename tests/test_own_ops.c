/* test_own_ops.c: an op of the user's own is planned, fused, differentiated and refused like those of the library. */
#include "tensors.h"

/* ---- y = x s(x): elementwise, in f64 only ------------------------------------------------------------------------------ */

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

static const rg_op swish = { .name = "swish", .doc = "x sigmoid(x)", .arity = 1, .shape = rg_shape_same, .f64 = swish_f64,
                             .vjp = swish_vjp };

static rg_tensor own_swish(rg_tensor x)
{
    return rg_apply(&swish, NULL, 1, &x);
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void an_own_op_is_computed_and_differentiated(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), y = own_swish(rg_neg(a));
        assert_string_equal(rg_op_of(y)->name, "swish");
        assert_int_equal(rg_backward(rg_sum(rg_scale(y, 2))), RG_OK);
        double want[3], slope[3];
        for (int i = 0; i < 3; i++) {
            double x = -(i + 1), s = sigmoid(x);
            want[i] = x * s;
            slope[i] = -2 * (s + x * s * (1 - s));
        }
        assert_numbers(y, want, 3, 1e-12);
        assert_gradient_is(theta, slope, 3);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void an_own_op_refuses_what_it_has_no_kernel_for(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    assert_true(rg_is_null(own_swish(rg_scalar(tape, RG_F32, 1))));
    assert_int_equal(rg_tape_status(tape), RG_E_DTYPE);
    assert_non_null(strstr(rg_message(tape), "swish: no kernel for this dtype: %0 scalar f32[]"));
    rg_tape_clear_error(tape);
    assert_values(own_swish(rg_scalar(tape, RG_F64, 1)), sigmoid(1));
    rg_tape_free(tape);
}

/* ---- Derivatives that record more than ops on their operands ---------------------------------------------------------------- */

static double straight_through_factor; /* read by the rule below each time it runs */

static void round_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = nearbyint(x[i]);
}

static rg_tensor round_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return rg_mul(g, rg_scalar(g.tape, RG_F64, straight_through_factor));
}

static const rg_op rounded = { .name = "rounded", .doc = "the nearest whole number, with the slope of x", .arity = 1,
                               .shape = rg_shape_same, .f64 = round_f64, .vjp = round_vjp };

/* A plan found again must not read a leaf that was never recorded. */
static void a_derivative_may_record_leaves(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        straight_through_factor = 1 + step;
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), x = rg_scale(a, 1.2);
        assert_int_equal(rg_backward(rg_sum(rg_mul(rg_apply(&rounded, NULL, 1, &x), rg_scalar(tape, RG_F64, 10)))), RG_OK);
        assert_gradient(theta, 12 * (1 + step), 12 * (1 + step));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* The slope is asked of an operand's operand, which an earlier part of the step has computed. */
static void first_f64(const rg_call *call, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) ((double *)call->out)[i] = ((const double *)call->in[0])[i];
}

static rg_tensor nosy_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y;
    return k == 0 ? rg_mul(g, rg_operand(in[1], 0)) : (rg_tensor){ 0 };
}

static const rg_op nosy = { .name = "nosy", .doc = "the first operand, with an odd slope", .arity = 2,
                            .shape = rg_shape_same, .f64 = first_f64, .vjp = nosy_vjp };

static void a_derivative_may_use_earlier_values(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        for (int i = 0; i < step % 3; i++) VECTOR(tape, 7, 7); /* nodes get other numbers */
        rg_tensor slope = rg_scale(VECTOR(tape, 1, 2), 1 + step), early = rg_neg(slope);
        rg_data(early);
        rg_tensor in[] = { rg_parameter(tape, rg_params_at(theta, 0)), early };
        assert_int_equal(rg_backward(rg_sum(rg_apply(&nosy, NULL, 2, in))), RG_OK);
        assert_gradient(theta, 1 + step, 2 * (1 + step));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static rg_tensor careless_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return g;
}

static void an_operand_declared_without_gradient_gets_none(void **state)
{
    (void)state;
    const rg_op first = { .name = "first", .doc = "the first operand", .arity = 2, .shape = rg_shape_same,
                          .f64 = first_f64, .vjp = careless_vjp, .no_gradient = 2 };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), twice[] = { x, x }, apart[] = { rg_constant(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 4)), x };
    assert_exactly(gradient(rg_sum(rg_apply(&first, NULL, 2, twice)), x), 1, 1);
    assert_exactly(gradient(rg_sum(rg_apply(&first, NULL, 2, apart)), x), 0, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

static rg_tensor narrow_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return rg_cast(g, RG_F32);
}

static void a_derivative_of_another_dtype_is_refused(void **state)
{
    (void)state;
    const rg_op first = { .name = "first", .doc = "the first operand", .arity = 2, .shape = rg_shape_same,
                          .f64 = first_f64, .vjp = narrow_vjp, .no_gradient = 2 };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), in[] = { x, x }, slope;
    assert_int_equal(rg_grad(rg_sum(rg_apply(&first, NULL, 2, in)), &x, 1, &slope), RG_E_GRADIENT);
    assert_non_null(strstr(rg_message(tape), "first: its derivative has another dtype than its operand"));
    rg_tape_free(tape);
}

/* ---- Kernels over items, of several operands and dtypes -------------------------------------------------------------------------- */

/* Row sums of x, each times the whole number that belongs to its row. */
static rg_status weighted_shape(rg_shape_call *call)
{
    if (call->in[0]->rank != 2 || call->in[1]->rank != 1 || call->in[1]->size[0] != call->in[0]->size[0]) {
        snprintf(call->reason, RG_REASON_SIZE, "one weight a row is needed");
        return RG_E_SHAPE;
    }
    if (call->in_dtype[1] != RG_I32) return RG_E_DTYPE;
    call->dtype = call->in_dtype[0];
    call->shape = RG_SHAPE(call->in[0]->size[0]);
    return RG_OK;
}

static int64_t weighted_items(const rg_call *call)
{
    return call->layout[0].shape.size[0];
}

static void weighted_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const int64_t n = call->layout[1].shape.size[1];
    const int64_t power = *(const int64_t *)call->attributes;
    for (int64_t row = begin; row < end; row++) {
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += pow(((const double *)call->in[0])[row * n + i], (double)power);
        ((double *)call->out)[row] = sum * ((const int32_t *)call->in[1])[row];
    }
}

static const rg_op weighted = { .name = "weighted", .doc = "weighted row sums of a power", .arity = 2, .kind = RG_ITEMS,
                                .attribute_size = sizeof(int64_t), .shape = weighted_shape, .f64 = weighted_f64,
                                .items = weighted_items, .no_gradient = 2 };

static void an_own_op_over_items_reads_views_and_has_attributes(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 8; step++) {
        const int64_t power = 1 + step % 2;
        rg_tensor x = rg_neg(rg_transpose(MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6)));
        rg_tensor in[] = { rg_transpose(rg_transpose(x)), rg_input(tape, RG_I32, RG_SHAPE(3), (int32_t[]){ 1, 10, 100 }) };
        rg_tensor y = rg_apply(&weighted, &power, 2, in);
        if (power == 1) assert_exactly(rg_neg(y), 5, 70, 900);
        else assert_exactly(rg_neg(y), -17, -290, -4500);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 2);
    rg_tensor in[] = { MATRIX(tape, 1, 2, 1, 2), rg_input(tape, RG_I32, RG_SHAPE(2), (int32_t[]){ 1, 2 }) };
    const int64_t power = 1;
    assert_true(rg_is_null(rg_apply(&weighted, &power, 2, in)));
    assert_non_null(strstr(rg_message(tape), "weighted: one weight a row is needed: %0 input f64[1,2] · %1 input i32[2]"));
    rg_tape_clear_error(tape);
    in[1] = rg_input(tape, RG_I32, RG_SHAPE(1), (int32_t[]){ 1 });
    rg_tensor slope, y = rg_sum(rg_apply(&weighted, &power, 2, in));
    assert_int_equal(rg_grad(y, in, 1, &slope), RG_E_GRADIENT);
    assert_non_null(strstr(rg_message(tape), "weighted: has no derivative rule"));
    rg_tape_free(tape);
}

/* ---- Structs that are not ops ------------------------------------------------------------------------------------------------------ */

static rg_status any_shape(rg_shape_call *call)
{
    call->dtype = RG_F64;
    call->like = 1;
    return RG_OK;
}

static rg_status larger_shape(rg_shape_call *call)
{
    call->dtype = RG_F64;
    call->shape = RG_SHAPE(1000);
    return RG_OK;
}

static rg_status wild_shape(rg_shape_call *call)
{
    call->dtype = RG_F64;
    call->shape = (rg_shape){ .rank = 99 };
    return RG_OK;
}

static void assert_refused(rg_tape *tape, const rg_op *op, int n, const rg_tensor *in, rg_status status)
{
    assert_true(rg_is_null(rg_apply(op, NULL, n, in)));
    assert_int_equal(rg_tape_status(tape), status);
    assert_non_null(strstr(rg_message(tape), "test_own_ops.c:"));
    rg_tape_clear_error(tape);
    assert_values(rg_sum(in[0]), 3);
}

static void what_cannot_be_an_op_is_refused(void **state)
{
    (void)state;
    const rg_op no_rule = { .name = "no_rule", .arity = 1, .f64 = swish_f64 };
    const rg_op no_kernel = { .name = "no_kernel", .arity = 1, .shape = any_shape };
    const rg_op no_view = { .name = "no_view", .arity = 1, .kind = RG_VIEW, .shape = any_shape };
    const rg_op leaf = { .name = "leaf", .arity = 1, .kind = RG_LEAF, .shape = any_shape, .f64 = swish_f64 };
    const rg_op wide = { .name = "wide", .arity = 5, .shape = any_shape, .f64 = swish_f64 };
    const rg_op variadic = { .name = "variadic", .arity = RG_VARIADIC, .shape = any_shape, .f64 = swish_f64 };
    const rg_op mixed = { .name = "mixed", .arity = 2, .shape = any_shape, .f64 = swish_f64 };
    const rg_op larger = { .name = "larger", .arity = 1, .shape = larger_shape, .f64 = swish_f64 };
    const rg_op wild = { .name = "wild", .arity = 1, .kind = RG_ITEMS, .shape = wild_shape, .f64 = swish_f64 };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), single = rg_input(tape, RG_F32, RG_SHAPE(2), (float[]){ 1, 2 });
    rg_tensor in[] = { x, single, x, x, x }, same[] = { x, x, x, x, x };
    assert_refused(tape, &no_rule, 1, in, RG_E_ARGUMENT);
    assert_refused(tape, &no_kernel, 1, in, RG_E_DTYPE);
    assert_refused(tape, &no_view, 1, in, RG_E_ARGUMENT);
    assert_refused(tape, &leaf, 1, in, RG_E_ARGUMENT);
    assert_refused(tape, &wide, 5, same, RG_E_ARGUMENT);
    assert_refused(tape, &variadic, 5, same, RG_E_ARGUMENT);
    assert_refused(tape, &mixed, 2, in, RG_E_DTYPE);
    assert_refused(tape, &larger, 1, in, RG_E_SHAPE);
    assert_refused(tape, &wild, 1, in, RG_E_SHAPE);
    assert_refused(tape, NULL, 1, in, RG_E_NULL);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_own_op_is_computed_and_differentiated),
        cmocka_unit_test(an_own_op_refuses_what_it_has_no_kernel_for),
        cmocka_unit_test(a_derivative_may_record_leaves),
        cmocka_unit_test(a_derivative_may_use_earlier_values),
        cmocka_unit_test(an_operand_declared_without_gradient_gets_none),
        cmocka_unit_test(a_derivative_of_another_dtype_is_refused),
        cmocka_unit_test(an_own_op_over_items_reads_views_and_has_attributes),
        cmocka_unit_test(what_cannot_be_an_op_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
