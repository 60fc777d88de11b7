/* test_misuse_transforms.c: every kind of misuse of the transforms gives its status and a message that names the caller's
 * line, and results that are null tensors; and after each, the error can be cleared and a correct call works. */
#include "refused.h"

static rg_tape *tape, *elsewhere;
static rg_tensor x, d, m, s, i, old, foreign, null, batch; /* f64[2], f32[2], f64[2,2], f64[], i32[2], ..., f64[3,2] */
static rg_tensor out[64];

static int set_up(void **state)
{
    (void)state;
    tape = rg_tape_new();
    elsewhere = rg_tape_new();
    old = VECTOR(tape, 1, 2);
    rg_tape_reset(tape);
    foreign = rg_name(VECTOR(elsewhere, 1, 2), "foreign");
    x = rg_name(VECTOR(tape, 1, 2), "x");
    d = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2), (float[]){ 1, 2 }), "d");
    m = rg_name(MATRIX(tape, 2, 2, 1, 2, 3, 4), "m");
    s = rg_name(rg_sum(rg_square(x)), "s");
    i = rg_name(rg_input(tape, RG_I32, RG_SHAPE(2), (int32_t[]){ 1, 2 }), "i");
    batch = rg_name(MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), "batch");
    return rg_failed(tape) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
    return 0;
}

static void spoil(void)
{
    for (size_t k = 0; k < COUNT(out); k++) out[k] = x;
}

/* The tape has failed with this status and a message that begins with the line, then this text, and that holds that one; so
 * many results are null. Then a correct call works. */
static void refused(int line, rg_status status, int results, const char *begins, const char *holds)
{
    assert_refused(tape, __FILE__, line, status, begins, holds);
    for (int k = 0; k < results; k++) assert_true(rg_is_null(out[k]));
    rg_tensor H;
    rg_hessian(s, &x, 1, &H);
    assert_exactly(H, 2, 0, 0, 2);
    assert_fine(tape);
    assert_false(rg_failed(elsewhere));
}

#define FAILS(call, results, status, begins, holds)                                                                           \
    (spoil(), assert_int_equal(call, status), refused(__LINE__, status, results, begins, holds))
#define REFUSED(call, status, begins, holds) (assert_true(rg_is_null(call)), refused(__LINE__, status, 0, begins, holds))

static void products_refuse_what_does_not_fit(void **state)
{
    (void)state;
    FAILS(rg_jvp(x, &x, &d, 1, out), 1, RG_E_DTYPE, "jvp: dtypes of a variable and its direction differ", "x f64[2] · d f32[2]");
    FAILS(rg_jvp(x, &x, &m, 1, out), 1, RG_E_SHAPE, "jvp: shapes of a variable and its direction differ", "x f64[2] · m f64[2,2]");
    FAILS(rg_jvp(x, &x, &null, 1, out), 1, RG_E_NULL, "jvp: operand 3 is the null tensor", "");
    FAILS(rg_jvp(x, &null, &x, 1, out), 1, RG_E_NULL, "jvp: operand 2 is the null tensor", "");
    FAILS(rg_jvp(x, &old, &x, 1, out), 1, RG_E_TAPE, "jvp: operand 2 is a tensor from before rg_tape_reset", "");
    FAILS(rg_jvp(old, &x, &x, 1, out), 1, RG_E_TAPE, "jvp: operand 1 is a tensor from before rg_tape_reset", "");
    FAILS(rg_jvp(x, &foreign, &x, 1, out), 1, RG_E_TAPE, "jvp: operand 2 is on another tape", "");
    FAILS(rg_jvp(x, &i, &i, 1, out), 1, RG_E_GRADIENT, "jvp: only f32 and f64 have derivatives", "i i32[2]");
    FAILS(rg_jvp(i, &x, &x, 1, out), 1, RG_E_GRADIENT, "jvp: only f32 and f64 have derivatives", "i i32[2]");
    FAILS(rg_jvp(x, NULL, &x, 1, out), 1, RG_E_NULL, "jvp: no place", "");
    FAILS(rg_jvp(x, &x, NULL, 1, out), 1, RG_E_NULL, "jvp: no place", "");
    FAILS(rg_jvp(x, &x, &x, 0, out), 1, RG_E_NULL, "jvp: no place", "");
    FAILS(rg_jvp(x, &x, &x, 1, NULL), 0, RG_E_NULL, "jvp: no place", "");
    assert_int_equal(rg_jvp(null, &x, &x, 1, out), RG_E_NULL);
    assert_int_equal(rg_jvp_many(NULL, 1, &x, &x, 1, out), RG_E_NULL);
    const rg_tensor both[] = { x, null }, seeds[] = { x, x }, other[] = { x, foreign };
    FAILS(rg_jvp_many(both, 2, &x, &x, 1, out), 2, RG_E_NULL, "jvp: operand 2 is the null tensor", "");
    FAILS(rg_jvp_many(other, 2, &x, &x, 1, out), 2, RG_E_TAPE, "jvp: operand 2 is on another tape", "");
    FAILS(rg_vjp_many(both, seeds, 2, &x, 1, out), 1, RG_E_NULL, "vjp: output 2 is the null tensor", "");
    FAILS(rg_vjp_many(other, seeds, 2, &x, 1, out), 1, RG_E_TAPE, "vjp: output 2 is on another tape", "");
    FAILS(rg_vjp_many(seeds, both, 2, &x, 1, out), 1, RG_E_NULL, "vjp: the cotangent is the null tensor", "");
    FAILS(rg_vjp_many(seeds, NULL, 2, &x, 1, out), 1, RG_E_NULL, "vjp: no cotangents", "");
    FAILS(rg_vjp_many(seeds, seeds, 2, &x, 1, NULL), 0, RG_E_NULL, "vjp: no place", "");
    assert_int_equal(rg_vjp_many(NULL, seeds, 2, &x, 1, out), RG_E_NULL);
}

static void hessians_and_jacobians_refuse_what_does_not_fit(void **state)
{
    (void)state;
    FAILS(rg_hvp(x, &x, &x, 1, out), 1, RG_E_GRADIENT, "grad: not a scalar", "x f64[2]");
    FAILS(rg_hvp(s, &x, &m, 1, out), 1, RG_E_SHAPE, "hvp: shapes of a variable and its direction differ", "x f64[2] · m f64[2,2]");
    FAILS(rg_hvp(s, &x, &null, 1, out), 1, RG_E_NULL, "hvp: operand 3", "");
    FAILS(rg_hvp(s, &x, NULL, 1, out), 1, RG_E_NULL, "hvp: no place", "");
    FAILS(rg_hessian(x, &x, 1, out), 1, RG_E_GRADIENT, "grad: not a scalar", "x f64[2]");
    FAILS(rg_hessian(s, &foreign, 1, out), 1, RG_E_TAPE, "grad: variable 1 is on another tape", "");
    FAILS(rg_hessian(s, &x, 0, out), 0, RG_E_NULL, "hessian: no place", "");
    FAILS(rg_hessian(old, &x, 1, out), 1, RG_E_TAPE, "grad: the tensor is from before", "");
    FAILS(rg_jacobian(x, &i, 1, out), 1, RG_E_GRADIENT, "jacobian: only f32 and f64 have derivatives", "i i32[2]");
    FAILS(rg_jacobian(i, &x, 1, out), 1, RG_E_GRADIENT, "jacobian: only f32 and f64 have derivatives", "i i32[2]");
    FAILS(rg_jacobian(old, &x, 1, out), 1, RG_E_TAPE, "jacobian: operand 1", "");
    FAILS(rg_jacobian(x, &foreign, 1, out), 1, RG_E_TAPE, "jacobian: operand 2 is on another tape", "");
    FAILS(rg_jacobian(x, &null, 1, out), 1, RG_E_NULL, "jacobian: operand 2", "");
    FAILS(rg_jacobian(x, NULL, 1, out), 1, RG_E_NULL, "jacobian: no place", "");
    assert_int_equal(rg_jacobian(null, &x, 1, out), RG_E_NULL);
    assert_int_equal(rg_hvp(null, &x, &x, 1, out), RG_E_NULL);
    assert_int_equal(rg_hessian(null, &x, 1, out), RG_E_NULL);
    rg_tensor deep = rg_name(rg_expand(rg_exp(x), RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2)), "deep");
    FAILS(rg_jacobian(deep, &x, 1, out), 1, RG_E_SHAPE, "jacobian: too many dimensions", "deep f64[1,1,1,1,1,1,1,2] · x f64[2]");
}

static void vmap_refuses_what_is_no_batch(void **state)
{
    (void)state;
    const rg_tensor y = rg_exp(x), scalar = rg_name(rg_scalar(tape, RG_F64, 1), "scalar");
    const rg_tensor two[] = { x, m }, batches[] = { batch, rg_name(rg_full(tape, RG_F64, RG_SHAPE(4, 2, 2), 1), "four") };
    FAILS(rg_vmap(&y, 1, &x, &x, 1, out), 1, RG_E_SHAPE, "vmap: not a member and a batch of the same size", "x f64[2] · x f64[2]");
    FAILS(rg_vmap(&y, 1, &x, &scalar, 1, out), 1, RG_E_SHAPE, "vmap: not a member and a batch", "x f64[2] · scalar f64[]");
    FAILS(rg_vmap(&y, 1, two, batches, 2, out), 1, RG_E_SHAPE, "vmap: not a member and a batch of the same size", "m f64[2,2] · four f64[4,2,2]");
    FAILS(rg_vmap(&y, 1, &d, &batch, 1, out), 1, RG_E_DTYPE, "vmap: dtypes of a member and a batch differ", "d f32[2] · batch f64[3,2]");
    FAILS(rg_vmap(&y, 1, &null, &batch, 1, out), 1, RG_E_NULL, "vmap: operand 2 is the null tensor", "");
    FAILS(rg_vmap(&y, 1, &x, &null, 1, out), 1, RG_E_NULL, "vmap: operand 2 is the null tensor", "");
    FAILS(rg_vmap(&y, 1, &x, &foreign, 1, out), 1, RG_E_TAPE, "vmap: operand 2 is on another tape", "");
    FAILS(rg_vmap(&y, 1, &old, &batch, 1, out), 1, RG_E_TAPE, "vmap: operand 2 is a tensor from before", "");
    FAILS(rg_vmap(&old, 1, &x, &batch, 1, out), 1, RG_E_TAPE, "vmap: operand 1 is a tensor from before", "");
    FAILS(rg_vmap(&y, 1, NULL, &batch, 1, out), 1, RG_E_NULL, "vmap: no place", "");
    FAILS(rg_vmap(&y, 1, &x, &batch, 0, out), 1, RG_E_NULL, "vmap: no place", "");
    FAILS(rg_vmap(&y, 1, &x, &batch, 1, NULL), 0, RG_E_NULL, "vmap: no place", "");
    assert_int_equal(rg_vmap(&null, 1, &x, &batch, 1, out), RG_E_NULL);
    assert_int_equal(rg_vmap(NULL, 0, &x, &batch, 1, out), RG_E_NULL);
    REFUSED(rg_batch_member(scalar), RG_E_SHAPE, "member: not a batch", "scalar f64[]");
    REFUSED(rg_batch_member(rg_name(rg_input(tape, RG_F64, RG_SHAPE(0, 2), NULL), "none")), RG_E_SHAPE, "member: ", "none f64[0,2]");
    REFUSED(rg_batch_member(old), RG_E_TAPE, "member: the tensor is from before", "");
    assert_true(rg_is_null(rg_batch_member(null)));
}

/* An op of the user's that has no rule is named, with the line that recorded it and that of the call. */
static void reversed_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const int64_t n = call->layout[1].shape.size[0];
    for (int64_t k = begin; k < end; k++) ((double *)call->out)[0] = ((const double *)call->in[0])[n - 1];
}

static rg_status reversed_shape(rg_shape_call *call)
{
    call->dtype = RG_F64;
    call->shape = RG_SCALAR;
    return RG_OK;
}

static const rg_op last_of = { .name = "last_of", .doc = "the last element", .arity = 1, .kind = RG_ITEMS, .shape = reversed_shape,
                               .f64 = reversed_f64 };

static void an_op_without_a_rule_for_batches_is_named(void **state)
{
    (void)state;
    rg_tensor h = rg_exp(x), y = rg_apply(&last_of, NULL, 1, &h); const int line = __LINE__;
    const rg_tensor many = rg_full(tape, RG_F64, RG_SHAPE(3, 2, 2), 1);
    char says[120];
    snprintf(says, sizeof says, "vmap: last_of, recorded at test_misuse_transforms.c:%d, has no rule for a batch: ", line);
    FAILS(rg_vmap(&y, 1, &x, &batch, 1, out), 1, RG_E_UNSUPPORTED, says, "last_of f64[]");
    assert_int_equal(rg_vmap(&y, 1, &m, &many, 1, out), RG_OK); /* not on the way */
    assert_values(out[0], exp(2), exp(2), exp(2));
}

static rg_tensor a_rule(void *context, int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)in, (void)y;
    return g;
}

static rg_tensor a_hook(void *context, rg_tensor t, rg_tensor adjoint)
{
    (void)context, (void)t;
    return adjoint;
}

static void hooks_and_rules_refuse_nothing_at_all(void **state)
{
    (void)state;
    rg_tensor many[70];
    for (int k = 0; k < 70; k++) many[k] = x;
    REFUSED(rg_hook(x, NULL, NULL), RG_E_NULL, "hook: no hook", "");
    REFUSED(rg_hook(old, a_hook, NULL), RG_E_TAPE, "hook: operand 1 is a tensor from before", "");
    assert_true(rg_is_null(rg_hook(null, a_hook, NULL)));
    REFUSED(rg_custom_vjp(x, &x, 1, NULL, NULL), RG_E_NULL, "custom_vjp: no rule", "");
    REFUSED(rg_custom_vjp(x, NULL, 1, a_rule, NULL), RG_E_NULL, "custom_vjp: no rule", "");
    REFUSED(rg_custom_vjp(x, &x, 0, a_rule, NULL), RG_E_NULL, "custom_vjp: no rule", "");
    REFUSED(rg_custom_vjp(x, many, 70, a_rule, NULL), RG_E_ARGUMENT, "custom_vjp: at most 62 variables, not 70", "");
    REFUSED(rg_custom_vjp(x, &null, 1, a_rule, NULL), RG_E_NULL, "custom_vjp: operand 2 is the null tensor", "");
    REFUSED(rg_custom_vjp(x, &foreign, 1, a_rule, NULL), RG_E_TAPE, "custom_vjp: operand 2 is on another tape", "");
    assert_true(rg_is_null(rg_custom_vjp(null, &null, 1, a_rule, NULL)));
}

static void marks_and_checkpoints_refuse_calls_out_of_order(void **state)
{
    (void)state;
    rg_checkpoint_end(tape);
    refused(__LINE__ - 1, RG_E_STATE, 0, "checkpoint: an end without a beginning", "");
    rg_checkpoint_begin(NULL);
    rg_checkpoint_end(NULL);
    const rg_mark mark = rg_tape_mark(tape);
    FAILS(rg_tape_rewind((rg_mark){ tape, 7, 7 }), 0, RG_E_STATE, "rewind: the mark is from before rg_tape_reset", "");
    FAILS(rg_tape_rewind((rg_mark){ tape, mark.number, mark.serial + 1 }), 0, RG_E_STATE, "rewind: ", "");
    assert_int_equal(rg_tape_rewind((rg_mark){ 0 }), RG_E_NULL);
    assert_int_equal(rg_tape_rewind(mark), RG_OK);
    assert_fine(tape);
}

/* On a tape that has failed, all do nothing, say so, and leave the first message. */
static void a_failed_tape_stays_as_it_is(void **state)
{
    (void)state;
    const rg_tensor y = rg_exp(x);
    rg_finite_report report;
    const uint64_t nodes = rg_tape_get_stats(tape).nodes;
    rg_fail(tape, NULL, RG_E_INDEX, "the first");
    spoil();
    assert_int_equal(rg_jvp(y, &x, &x, 1, out), RG_E_INDEX);
    assert_int_equal(rg_vjp_many(&y, &x, 1, &x, 1, out + 1), RG_E_INDEX);
    assert_int_equal(rg_hvp(s, &x, &x, 1, out + 2), RG_E_INDEX);
    assert_int_equal(rg_jacobian(y, &x, 1, out + 3), RG_E_INDEX);
    assert_int_equal(rg_hessian(s, &x, 1, out + 4), RG_E_INDEX);
    assert_int_equal(rg_vmap(&y, 1, &x, &batch, 1, out + 5), RG_E_INDEX);
    for (int k = 0; k < 6; k++) assert_true(rg_is_null(out[k]));
    assert_int_equal(rg_tape_check_finite(tape, s, &report), RG_E_INDEX);
    assert_true(rg_is_null(rg_hook(x, a_hook, NULL)));
    assert_true(rg_is_null(rg_custom_vjp(x, &x, 1, a_rule, NULL)));
    assert_true(rg_is_null(rg_batch_member(batch)));
    rg_checkpoint_begin(tape);
    rg_checkpoint_end(tape);
    assert_string_equal(rg_message(tape), "the first");
    assert_int_equal(rg_tape_get_stats(tape).nodes, nodes);
    rg_tape_clear_error(tape);
    assert_fine(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(products_refuse_what_does_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hessians_and_jacobians_refuse_what_does_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vmap_refuses_what_is_no_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_op_without_a_rule_for_batches_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hooks_and_rules_refuse_nothing_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_and_checkpoints_refuse_calls_out_of_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_tape_stays_as_it_is, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
