/* test_long_programs.c: a hundred thousand nodes are recorded, differentiated, planned and run: without deep recursion,
 * and in linear time, or this test would not end. */
#include "tensors.h"

enum { LENGTH = 100000, STEPS = 3 }; /* the steps: node by node, planned, and found */

static void a_long_chain_is_differentiated(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < STEPS; step++) {
        rg_tensor x = rg_scalar(tape, RG_F64, 2 + step), y = x, one = rg_scalar(tape, RG_F64, 1);
        for (int i = 0; i < LENGTH; i++) y = i % 2 ? rg_neg(y) : rg_mul(y, one);
        assert_exactly(gradient(y, x), 1);
        assert_exactly(y, 2 + step);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_node_with_many_consumers_is_differentiated(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < STEPS; step++) {
        rg_tensor x = rg_scalar(tape, RG_F64, 2), h = rg_square(x), y = h;
        for (int i = 0; i < LENGTH; i++) y = rg_add(y, rg_scale(h, i % 7));
        double factor = 1;
        for (int i = 0; i < LENGTH; i++) factor += i % 7;
        assert_exactly(gradient(y, x), 4 * factor);
        assert_exactly(y, 4 * factor);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_node_with_many_operands_is_differentiated(void **state)
{
    (void)state;
    enum { PARTS = 3000 };
    rg_tape *tape = rg_tape_new();
    rg_tensor *parts = malloc(PARTS * sizeof *parts);
    for (int step = 0; step < STEPS; step++) {
        rg_tensor x = VECTOR(tape, 2);
        for (int i = 0; i < PARTS; i++) parts[i] = i % 3 ? x : rg_square(x);
        int squares = (PARTS + 2) / 3;
        assert_exactly(gradient(rg_sum(rg_concat(PARTS, parts, 0)), x), 4.0 * squares + (PARTS - squares));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    free(parts);
    rg_tape_free(tape);
}

/* Asked for first, so that the adjoints need values that the plan for y did not hand out. */
static void gradients_of_what_was_already_read_take_linear_time(void **state)
{
    (void)state;
    enum { TERMS = 40000 };
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < STEPS; step++) {
        rg_tensor x = rg_scalar(tape, RG_F64, 0.5), y = x;
        for (int i = 0; i < TERMS; i++) y = rg_add(y, rg_tanh(rg_scale(x, 1.0 / (1 + i))));
        assert_true(element(y, 0) > 0.5);
        double want = 1;
        for (int i = 0; i < TERMS; i++) want += (1 - pow(tanh(0.5 / (1 + i)), 2)) / (1 + i);
        assert_numbers(gradient(y, x), &want, 1, 1e-9);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void values_read_late_one_by_one_take_linear_time(void **state)
{
    (void)state;
    enum { READ = 5000 };
    rg_tape *tape = rg_tape_new();
    rg_tensor *h = malloc(READ * sizeof *h);
    for (int step = 0; step < STEPS; step++) {
        rg_tensor y = rg_scalar(tape, RG_F64, 1);
        for (int i = 0; i < READ; i++) y = h[i] = rg_shift(y, 1);
        assert_exactly(y, READ + 1);
        for (int i = READ - 1; i >= 0; i--) assert_exactly(h[i], i + 2);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    free(h);
    rg_tape_free(tape);
}

static void a_store_of_many_parameters_is_trained(void **state)
{
    (void)state;
    enum { PARAMETERS = 3000 };
    rg_params *theta = rg_params_new(RG_F64, 1);
    for (int i = 0; i < PARAMETERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        rg_params_add(theta, name, RG_SCALAR);
    }
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor loss = rg_scalar(tape, RG_F64, 0);
        for (int i = 0; i < PARAMETERS; i++)
            loss = rg_add(loss, rg_scale(rg_parameter(tape, rg_params_at(theta, (size_t)i)), i));
        if (step % 2) rg_item(loss);
        assert_int_equal(rg_backward(loss), RG_OK);
        const double *numbers = rg_params_gradient(theta);
        for (int i = 0; i < PARAMETERS; i++) assert_true(numbers[i] == i);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_chain_is_differentiated),
        cmocka_unit_test(a_node_with_many_consumers_is_differentiated),
        cmocka_unit_test(a_node_with_many_operands_is_differentiated),
        cmocka_unit_test(gradients_of_what_was_already_read_take_linear_time),
        cmocka_unit_test(values_read_late_one_by_one_take_linear_time),
        cmocka_unit_test(a_store_of_many_parameters_is_trained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
