/* test_stale_read.c: a number that cannot be the right one any more is refused, with a message that names what is stale
 * and where; and after the error is cleared, what is right is given again. */
#include "tensors.h"

#include <stdbool.h>

#define HERE RG_STRING(__LINE__)

typedef struct {
    rg_params *theta;
    rg_tape *tape;
} fixture;

static int set_up(void **state)
{
    fixture *f = malloc(sizeof *f);
    *f = (fixture){ STORE(2, 2), rg_tape_new() };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    rg_tape_free(f->tape);
    rg_params_free(f->theta);
    free(f);
    return 0;
}

static rg_tensor parameter(fixture *f, size_t number)
{
    return rg_parameter(f->tape, rg_params_at(f->theta, number));
}

/* The tape has failed so; and with this in its message, and this too. Then the error is cleared. */
static void assert_failed(rg_tape *tape, rg_status status, const char *first, const char *second)
{
    if (rg_tape_status(tape) != status) fail_msg("%s: %s", rg_status_name(rg_tape_status(tape)), rg_message(tape));
    if (!strstr(rg_message(tape), first)) fail_msg("no %s in: %s", first, rg_message(tape));
    if (!strstr(rg_message(tape), second)) fail_msg("no %s in: %s", second, rg_message(tape));
    rg_tape_clear_error(tape);
    assert_false(rg_failed(tape));
    assert_string_equal(rg_message(tape), "");
}

/* Something correct, of this tape and of parameters as they are. */
static void assert_works(fixture *f)
{
    const double *data = rg_params_data(f->theta);
    assert_values(rg_sum(rg_square(parameter(f, 0))), data[0] * data[0] + data[1] * data[1]);
    assert_fine(f->tape);
}

/* ---- Parameters that have changed -------------------------------------------------------------------------------------- */

static void a_value_never_computed_is_stale_once_its_parameter_has_changed(void **state)
{
    fixture *f = *state;
    for (int step = 0; step < 5; step++) {
        rg_tensor h = rg_exp(rg_parameter(f->tape, rg_params_at(f->theta, 0))); const char *line = HERE;
        rg_params_changed(f->theta);
        assert_null(rg_data(h)); const char *read = HERE;
        char where[64], site[64];
        snprintf(where, sizeof where, "test_stale_read.c:%s: ", read);
        snprintf(site, sizeof site, "a f64[2], recorded at test_stale_read.c:%s", line);
        assert_int_equal(strncmp(rg_message(f->tape), where, strlen(where)), 0);
        assert_failed(f->tape, RG_E_STALE, "stale", site);
        assert_true(isnan(rg_item(rg_sum(h))));
        assert_failed(f->tape, RG_E_STALE, "stale", "a f64[2]");
        assert_works(f);
        rg_tape_reset(f->tape);
    }
}

static void a_value_that_was_dropped_is_stale_once_its_parameter_has_changed(void **state)
{
    fixture *f = *state;
    for (int step = 0; step < 5; step++) {
        rg_tensor h = rg_exp(parameter(f, 0)), other = rg_square(VECTOR(f->tape, 3)), loss = rg_sum(rg_tanh(h));
        rg_backward(loss);
        rg_params_changed(f->theta);
        assert_true(isfinite(element(loss, 0)));
        const double *late = rg_data(h);
        if (step == 0) assert_non_null(late); /* node by node everything is kept; then a plan drops it */
        else assert_failed(f->tape, RG_E_STALE, "stale", "a f64[2]");
        assert_exactly(other, 9); /* depends on no parameter */
        assert_works(f);
        rg_params_consume_gradient(f->theta);
        rg_tape_reset(f->tape);
    }
}

static void what_was_computed_in_time_stays(void **state)
{
    fixture *f = *state;
    for (int step = 0; step < 5; step++) {
        rg_tensor a = parameter(f, 0), h = rg_scale(a, 2), k = rg_scale(h, 3);
        assert_exactly(h, 2, 4);
        rg_params_changed(f->theta);
        assert_exactly(h, 2, 4);
        assert_exactly(k, 6, 12); /* from h, which is there */
        assert_exactly(rg_neg(h), -2, -4);
        assert_fine(f->tape);
        assert_null(rg_data(rg_add(h, a)));
        assert_failed(f->tape, RG_E_STALE, "stale", "a f64[2]");
        rg_tape_reset(f->tape);
    }
}

static void a_parameters_own_leaf_is_stale_too(void **state)
{
    fixture *f = *state;
    rg_tensor a = parameter(f, 0);
    assert_exactly(a, 1, 2);
    rg_params_changed(f->theta);
    assert_null(rg_data(a));
    assert_failed(f->tape, RG_E_STALE, "parameter a has changed", "data");
    double out[2];
    assert_int_equal(rg_read(a, out, sizeof out), RG_E_STALE);
    assert_failed(f->tape, RG_E_STALE, "parameter a has changed", "read");
    rg_tensor again = parameter(f, 0);
    assert_int_not_equal(again.node, a.node);
    assert_exactly(again, 1, 2);
    assert_works(f);
}

static void a_gradient_at_numbers_that_are_gone_is_stale(void **state)
{
    fixture *f = *state;
    for (int step = 0; step < 5; step++) {
        rg_tensor h = rg_tanh(parameter(f, 0));
        rg_data(h);
        rg_params_changed(f->theta);
        assert_int_equal(rg_backward(rg_sum(rg_mul(h, parameter(f, 1)))), RG_E_STALE);
        assert_false(rg_params_gradient_ready(f->theta));
        assert_failed(f->tape, RG_E_STALE, "a f64[2]", "test_stale_read.c:");
        assert_int_equal(rg_backward(rg_sum(parameter(f, 1))), RG_OK);
        assert_gradient(f->theta, 0, 0, 1, 1);
        rg_params_consume_gradient(f->theta);
        rg_tape_reset(f->tape);
    }
}

static void a_store_that_grows_makes_its_leaves_stale(void **state)
{
    fixture *f = *state;
    rg_tensor h = rg_square(parameter(f, 0));
    for (int i = 0; i < 20; i++) { /* theta moves */
        char name[24];
        snprintf(name, sizeof name, "more%d", i);
        assert_non_null(rg_params_add(f->theta, name, RG_SHAPE(1000)).store);
    }
    assert_null(rg_data(h));
    assert_failed(f->tape, RG_E_STALE, "a f64[2]", "test_stale_read.c:");
    assert_works(f);
    assert_exactly(parameter(f, 0), 1, 2);
}

static void another_store_that_changes_makes_nothing_stale(void **state)
{
    fixture *f = *state;
    rg_params *other = STORE(2);
    rg_tensor h = rg_square(parameter(f, 0)), b = rg_parameter(f->tape, rg_params_at(other, 0));
    rg_params_changed(other);
    assert_exactly(h, 1, 4);
    assert_null(rg_data(rg_mul(h, b)));
    assert_failed(f->tape, RG_E_STALE, "stale", "a f64[2]");
    assert_works(f);
    rg_tape_reset(f->tape);
    rg_params_free(other);
}

/* ---- Handles of other times and places ---------------------------------------------------------------------------------------- */

static void a_handle_from_before_a_reset_is_refused(void **state)
{
    fixture *f = *state;
    for (int step = 0; step < 3; step++) {
        rg_tensor old = rg_name(VECTOR(f->tape, 1, 2), "old"), fresh;
        rg_tape_reset(f->tape);
        fresh = VECTOR(f->tape, 1, 2);
        assert_int_equal(old.node, fresh.node);
        assert_int_equal(rg_dtype_of(old), RG_NO_DTYPE);
        assert_int_equal(rg_shape_of(old).rank, 0);
        assert_null(rg_op_of(old));
        assert_null(rg_attributes_of(old));
        assert_true(rg_is_null(rg_operand(old, 0)));
        assert_false(rg_failed(f->tape)); /* to ask is not an error, to use is */
        assert_true(rg_is_null(rg_add(fresh, old)));
        assert_failed(f->tape, RG_E_TAPE, "add: operand 2", "before rg_tape_reset");
        assert_null(rg_data(old));
        assert_failed(f->tape, RG_E_TAPE, "data", "before rg_tape_reset");
        assert_int_equal(rg_backward(old), RG_E_TAPE);
        assert_failed(f->tape, RG_E_TAPE, "backward", "before rg_tape_reset");
        assert_works(f);
        rg_tape_reset(f->tape);
    }
}

static void a_tensor_of_another_tape_is_refused(void **state)
{
    fixture *f = *state;
    rg_tape *elsewhere = rg_tape_new();
    rg_tensor mine = VECTOR(f->tape, 1, 2), foreign = VECTOR(elsewhere, 1, 2), pair[] = { mine, foreign }, out[2];
    assert_true(rg_is_null(rg_mul(mine, foreign)));
    assert_failed(f->tape, RG_E_TAPE, "mul: operand 2", "another tape");
    assert_int_equal(rg_eval(2, pair), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "eval: operand 2", "another tape");
    assert_int_equal(rg_grad(rg_sum(mine), pair, 2, out), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "grad: variable 2", "another tape");
    assert_int_equal(rg_vjp(mine, foreign, &mine, 1, out), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "vjp", "another tape");
    assert_int_equal(rg_backward_seeded(mine, foreign), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "backward", "another tape");
    assert_false(rg_failed(elsewhere));
    assert_works(f);
    rg_tape_free(elsewhere);
}

/* Both at once: it is the tape of the call that fails, and never the other. */
static void an_old_tensor_of_another_tape_is_refused_by_the_tape_of_the_call(void **state)
{
    fixture *f = *state;
    rg_tape *elsewhere = rg_tape_new();
    rg_tensor mine = VECTOR(f->tape, 1, 2), old = VECTOR(elsewhere, 1, 2), pair[] = { mine, old }, out[2];
    rg_tape_reset(elsewhere);
    assert_true(rg_is_null(rg_mul(mine, old)));
    assert_failed(f->tape, RG_E_TAPE, "mul: operand 2", "another tape");
    assert_true(rg_is_null(rg_matmul(mine, old)));
    assert_failed(f->tape, RG_E_TAPE, "matmul: operand 2", "another tape");
    assert_true(rg_is_null(rg_mse(mine, old)));
    assert_failed(f->tape, RG_E_TAPE, "mse", "another tape");
    assert_true(rg_is_null(rg_binary_cross_entropy(mine, old)));
    assert_failed(f->tape, RG_E_TAPE, "binary_cross_entropy", "another tape");
    assert_int_equal(rg_eval(2, pair), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "eval: operand 2", "another tape");
    assert_int_equal(rg_grad(rg_sum(mine), pair, 2, out), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "grad: variable 2", "test_stale_read.c:");
    assert_int_equal(rg_vjp(mine, old, &mine, 1, out), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "vjp", "another tape");
    assert_int_equal(rg_backward_seeded(mine, old), RG_E_TAPE);
    assert_failed(f->tape, RG_E_TAPE, "backward", "another tape");
    assert_false(rg_failed(elsewhere));
    assert_works(f);
    rg_tape_free(elsewhere);
}

static void the_null_tensor_is_refused(void **state)
{
    fixture *f = *state;
    rg_tensor null = { 0 }, mine = VECTOR(f->tape, 1, 2), pair[] = { mine, null }, out[2];
    double room[2];
    assert_true(rg_is_null(null));
    assert_true(rg_is_null(rg_add(null, null)));
    assert_null(rg_data(null));
    assert_true(isnan(rg_item(null)));
    assert_int_equal(rg_eval(1, &null), RG_E_NULL);
    assert_int_equal(rg_read(null, room, sizeof room), RG_E_NULL);
    assert_int_equal(rg_backward(null), RG_E_NULL);
    assert_int_equal(rg_grad(null, pair, 1, out), RG_E_NULL);
    assert_false(rg_failed(f->tape)); /* none of them had a tape to tell */
    assert_true(rg_is_null(rg_add(null, mine)));
    assert_failed(f->tape, RG_E_NULL, "add: operand 1", "null");
    assert_int_equal(rg_eval(2, pair), RG_E_NULL);
    assert_failed(f->tape, RG_E_NULL, "eval: operand 2", "null");
    assert_int_equal(rg_grad(rg_sum(mine), pair, 2, out), RG_E_NULL);
    assert_failed(f->tape, RG_E_NULL, "grad: variable 2", "null");
    assert_int_equal(rg_backward_seeded(mine, null), RG_E_NULL);
    assert_failed(f->tape, RG_E_NULL, "backward", "null");
    assert_works(f);
}

/* ---- An error sticks -------------------------------------------------------------------------------------------------------------- */

static void the_first_error_stays_until_it_is_cleared(void **state)
{
    fixture *f = *state;
    rg_tensor x = VECTOR(f->tape, 1, 2), y = rg_square(x), out;
    rg_add(x, VECTOR(f->tape, 1, 2, 3)); const char *line = HERE;
    char where[64];
    snprintf(where, sizeof where, "test_stale_read.c:%s: add", line);
    assert_true(rg_is_null(rg_matmul(x, VECTOR(f->tape, 1, 2, 3, 4))));
    assert_true(rg_is_null(rg_square(x)));
    assert_true(isnan(rg_item(rg_sum(x))));
    assert_null(rg_data(y));
    assert_int_equal(rg_eval(1, &y), RG_E_SHAPE);
    assert_int_equal(rg_grad(y, &x, 1, &out), RG_E_SHAPE);
    assert_int_equal(rg_backward(y), RG_E_SHAPE);
    rg_tape_reset(f->tape); /* keeps the error */
    assert_true(rg_is_null(VECTOR(f->tape, 1)));
    assert_failed(f->tape, RG_E_SHAPE, where, "f64[2] · ");
    assert_works(f);
}

static void what_was_recorded_before_an_error_is_usable_after_it(void **state)
{
    fixture *f = *state;
    for (int step = 0; step < 4; step++) {
        rg_tensor x = VECTOR(f->tape, 1, 2), y = rg_square(x);
        rg_add(x, VECTOR(f->tape, 1, 2, 3));
        assert_failed(f->tape, RG_E_SHAPE, "add", "broadcast");
        assert_exactly(rg_add(y, x), 2, 6);
        rg_tensor far = rg_gather_rows(y, rg_input(f->tape, RG_I32, RG_SHAPE(3), (int32_t[]){ 0, 5, 7 }));
        assert_null(rg_data(rg_neg(far)));
        assert_failed(f->tape, RG_E_INDEX, "gather_rows: index 5 at position 1", "input i32[3]");
        assert_exactly(y, 1, 4);
        assert_null(rg_data(far)); /* and again, as often as it is asked for */
        assert_failed(f->tape, RG_E_INDEX, "gather_rows: index 5 at position 1", "test_stale_read.c:");
        assert_works(f);
        rg_tape_reset(f->tape);
    }
}

int main(void)
{
#define WITH_TAPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TAPE(a_value_never_computed_is_stale_once_its_parameter_has_changed),
        WITH_TAPE(a_value_that_was_dropped_is_stale_once_its_parameter_has_changed),
        WITH_TAPE(what_was_computed_in_time_stays),
        WITH_TAPE(a_parameters_own_leaf_is_stale_too),
        WITH_TAPE(a_gradient_at_numbers_that_are_gone_is_stale),
        WITH_TAPE(a_store_that_grows_makes_its_leaves_stale),
        WITH_TAPE(another_store_that_changes_makes_nothing_stale),
        WITH_TAPE(a_handle_from_before_a_reset_is_refused),
        WITH_TAPE(a_tensor_of_another_tape_is_refused),
        WITH_TAPE(an_old_tensor_of_another_tape_is_refused_by_the_tape_of_the_call),
        WITH_TAPE(the_null_tensor_is_refused),
        WITH_TAPE(the_first_error_stays_until_it_is_cleared),
        WITH_TAPE(what_was_recorded_before_an_error_is_usable_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
