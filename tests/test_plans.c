/* test_plans.c: a trace that comes again finds its plan by its structure and by nothing else; a repeated step costs no
 * allocation; and what was handed out stays what it was. */
#include "tensors.h"

#include "failing_malloc.h"

/* ---- Equal steps ------------------------------------------------------------------------------------------------------ */

enum { ROWS = 8, INPUTS = 6, HIDDEN = 5, CLASSES = 3 };

static rg_params *network_parameters(void)
{
    rg_params *theta = rg_params_new(RG_F32, 3);
    rg_params_add(theta, "w1", RG_SHAPE(INPUTS, HIDDEN));
    rg_params_add(theta, "b1", RG_SHAPE(HIDDEN));
    rg_params_add(theta, "w2", RG_SHAPE(HIDDEN, CLASSES));
    rg_params_add(theta, "b2", RG_SHAPE(CLASSES));
    float *data = rg_params_data(theta);
    for (int64_t i = 0; i < rg_params_count(theta); i++) data[i] = (float)(rg_random_uniform(5, 0, (uint64_t)i) - 0.5);
    rg_params_changed(theta);
    return theta;
}

static rg_tensor network_loss(rg_tape *tape, rg_params *theta, int rows, uint64_t step)
{
    float x[ROWS * INPUTS];
    int32_t labels[ROWS];
    for (int i = 0; i < rows * INPUTS; i++) x[i] = (float)rg_random_normal(7, step, (uint64_t)i);
    for (int i = 0; i < rows; i++) labels[i] = (int32_t)(rg_random_bits(8, step, (uint64_t)i) % CLASSES);
    rg_tensor input = rg_input(tape, RG_F32, RG_SHAPE(rows, INPUTS), x), p[4];
    for (size_t i = 0; i < 4; i++) p[i] = rg_parameter(tape, rg_params_at(theta, i));
    rg_tensor h = rg_relu(rg_add(rg_matmul(input, p[0]), p[1]));
    h = rg_dropout(h, 0.2, rg_random_key(tape, 1, rg_params_draw(theta)));
    rg_tensor logits = rg_add(rg_matmul(h, p[2]), p[3]);
    return rg_cross_entropy(logits, rg_input(tape, RG_I32, RG_SHAPE(rows), labels));
}

/* One step of gradient descent; returns the loss. */
static double train(rg_tape *tape, rg_params *theta, int rows, uint64_t step)
{
    rg_tensor loss = network_loss(tape, theta, rows, step);
    rg_backward(loss);
    float *data = rg_params_data(theta);
    const float *slope = rg_params_gradient(theta);
    for (int64_t i = 0; i < rg_params_count(theta); i++) data[i] -= 0.1f * slope[i];
    rg_params_changed(theta);
    rg_params_consume_gradient(theta);
    double value = rg_item(loss);
    rg_tape_reset(tape);
    return value;
}

static void a_hundred_equal_steps_build_one_plan(void **state)
{
    (void)state;
    rg_params *theta = network_parameters();
    rg_tape *tape = rg_tape_new();
    for (uint64_t step = 0; step < 100; step++) {
        assert_true(isfinite(train(tape, theta, ROWS, step)));
        assert_fine(tape);
        rg_tape_stats stats = rg_tape_get_stats(tape);
        assert_int_equal(stats.plans_built, step > 0);
        assert_int_equal(stats.misses, step > 0 ? 2 : 1);
        assert_int_equal(stats.hits, step > 0 ? step - 1 : 0);
    }
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void from_the_fourth_step_on_nothing_is_allocated(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    enum { FAR_AWAY = 1000000 };
    rg_params *theta = network_parameters();
    for (int threads = 1; threads <= 3; threads += 2) {
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
        for (uint64_t step = 0; step < 100; step++) {
            if (step == 3) allocations_fail_after(FAR_AWAY);
            train(tape, theta, ROWS, step);
        }
        long made = FAR_AWAY - allocations_left;
        allocations_fail_after(-1);
        assert_fine(tape);
        assert_int_equal(made, 0);
        rg_tape_free(tape);
    }
    rg_params_free(theta);
}

/* Asked for before the backward pass, twice accumulated, differentiated twice, read late: still nothing. */
static void neither_does_a_step_in_many_pieces_allocate(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    enum { FAR_AWAY = 1000000 };
    rg_params *theta = STORE(40, 40);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 20; step++) {
        if (step == 6) allocations_fail_after(FAR_AWAY);
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), b = rg_parameter(tape, rg_params_at(theta, 1));
        rg_tensor h = rg_tanh(rg_mul(a, b)), loss = rg_sum(rg_square(h)), slope;
        rg_item(loss);
        rg_backward(loss);
        rg_data(h);
        rg_grad(rg_sum(rg_exp(rg_neg(h))), &a, 1, &slope);
        rg_item(rg_sum(slope));
        rg_backward(rg_sum(rg_square(slope)));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    long made = FAR_AWAY - allocations_left;
    allocations_fail_after(-1);
    assert_fine(tape);
    assert_int_equal(made, 0);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void the_first_time_a_trace_runs_node_by_node(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    uint64_t steps[4], before = 0;
    for (int i = 0; i < 4; i++) {
        rg_tensor x = rg_expand(VECTOR(tape, 1, 2, 3), RG_SHAPE(700, 3)); /* small steps are not joined */
        assert_values(rg_mean(rg_tanh(rg_neg(rg_square(x)))), (tanh(-1) + tanh(-4) + tanh(-9)) / 3);
        steps[i] = rg_tape_get_stats(tape).steps - before;
        before += steps[i];
        rg_tape_reset(tape);
    }
    assert_int_equal(steps[0], 5); /* a step for every op, and one that lays the operand out */
    assert_in_range(steps[1], 1, 3);
    assert_int_equal(steps[2], steps[1]);
    assert_int_equal(steps[3], steps[1]);
    rg_tape_free(tape);
}

/* ---- What is structure, and what is not ------------------------------------------------------------------------------------ */

static void a_scalar_that_varies_needs_no_new_plan(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 20; step++) {
        rg_tensor x = VECTOR(tape, 1, 2), rate = rg_scalar(tape, RG_F64, 0.1 * step);
        assert_values(rg_mul(x, rate), 0.1 * step, 0.2 * step);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    assert_int_equal(rg_tape_get_stats(tape).hits, 18);
    rg_tape_free(tape);
}

static void numbers_that_are_structure_have_plans_of_their_own(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 12; step++) {
        int which = step % 3;
        rg_tensor x = VECTOR(tape, 1, 2, 3), f = rg_full(tape, RG_F64, RG_SHAPE(3), which);
        rg_tensor part = rg_slice(rg_add(rg_scale(x, which), f), 0, which, 3);
        assert_values(rg_sum(rg_power(part, which + 1)), which == 0 ? 0 : which == 1 ? 9 + 16 : 512);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 3);
    rg_tape_free(tape);
}

static void names_and_lines_are_not_structure(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 8; step++) {
        rg_scope_push(tape, step % 2 ? "odd" : "even");
        rg_tensor x = step % 2 ? VECTOR(tape, 1, 2)
                               : VECTOR(tape, 3, 4);
        rg_name(x, step % 2 ? "one" : "other");
        assert_values(rg_sum(x), step % 2 ? 3 : 7);
        rg_scope_pop(tape);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    rg_tape_free(tape);
}

static void tied_weights_and_untied_ones_have_different_plans(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 2);
    rg_param a = rg_params_at(theta, 0), b = rg_params_at(theta, 1);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 12; step++) {
        bool tied = step % 2;
        rg_tensor first = rg_parameter(tape, a), second = rg_parameter(tape, tied ? a : b);
        rg_tensor loss = rg_sum(rg_mul(rg_square(first), second));
        rg_backward(loss);
        assert_values(loss, tied ? 1 + 8 : 3 + 16);
        if (tied) assert_gradient(theta, 3, 12, 0, 0);
        else assert_gradient(theta, 2 * 3, 4 * 4, 1, 4);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 2);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* As the parameters were exchanged, the plan is the same and its pointers are not. */
static void a_plan_serves_other_parameters_of_the_same_shapes(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 2), *other = STORE(2, 2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 9; step++) {
        rg_params *store = step % 3 == 2 ? other : theta;
        size_t swap = (size_t)step % 2;
        rg_tensor p = rg_parameter(tape, rg_params_at(store, swap)), q = rg_parameter(tape, rg_params_at(store, 1 - swap));
        rg_backward(rg_sum(rg_mul(rg_square(p), q)));
        if (swap) assert_gradient(store, 9, 16, 2 * 3, 2 * 8);
        else assert_gradient(store, 6, 16, 1, 4);
        rg_params_consume_gradient(store);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    rg_tape_free(tape);
    rg_params_free(theta);
    rg_params_free(other);
}

static void inputs_that_share_a_buffer_are_two_inputs(void **state)
{
    (void)state;
    double one[] = { 1, 2 }, two[] = { 10, 20 };
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 8; step++) {
        rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(2), one);
        rg_tensor y = rg_input_borrowed(tape, RG_F64, RG_SHAPE(2), step < 4 ? one : two);
        rg_tensor wrt[] = { x, y }, slope[2], product = rg_mul(rg_tanh(x), rg_tanh(y)), z = rg_sum(product);
        assert_values(product, tanh(1) * tanh(step < 4 ? 1 : 10), tanh(2) * tanh(step < 4 ? 2 : 20));
        rg_grad(z, wrt, 2, slope);
        assert_values(slope[0], (1 - pow(tanh(1), 2)) * tanh(step < 4 ? 1 : 10),
                      (1 - pow(tanh(2), 2)) * tanh(step < 4 ? 2 : 20));
        rg_tape_reset(tape);
        one[0] = 1;
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void borrowed_numbers_are_read_when_a_value_is_asked_for(void **state)
{
    (void)state;
    double numbers[] = { 1, 2 };
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor sum = rg_sum(rg_input_borrowed(tape, RG_F64, RG_SHAPE(2), numbers));
        rg_tensor copied = rg_sum(rg_input(tape, RG_F64, RG_SHAPE(2), numbers));
        numbers[0] += 100;
        assert_exactly(sum, 103 + 100 * step);
        assert_exactly(copied, 3 + 100 * step);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void what_is_kept_is_part_of_the_plan(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 12; step++) {
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_neg(rg_square(a)), k = rg_exp(h);
        if (step % 3 == 1) rg_keep(h);
        if (step % 3 == 2) rg_keep(k);
        rg_backward(rg_sum(k));
        rg_params_changed(theta); /* what was not kept is stale from here on */
        if (step % 3 == 1) assert_exactly(h, -1, -4, -9);
        if (step % 3 == 2) assert_values(k, exp(-1), exp(-4), exp(-9));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 3);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void what_needs_a_gradient_is_part_of_the_plan(void **state)
{
    (void)state;
    rg_params *theta = STORE(1);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 9; step++) {
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0));
        rg_no_grad(tape, step % 3 == 1);
        rg_tensor h = rg_scale(a, 5);
        rg_no_grad(tape, false);
        rg_tensor x = step % 3 == 2 ? rg_constant(tape, RG_F64, RG_SHAPE(1), NUMBERS(7)) : VECTOR(tape, 7), slope;
        rg_tensor loss = rg_sum(rg_mul(rg_mul(a, h), x));
        rg_grad(loss, &x, 1, &slope);
        rg_backward(loss);
        assert_exactly(slope, step % 3 == 2 ? 0 : 5);
        assert_gradient(theta, step % 3 == 1 ? 35 : 70);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_later_part_of_a_step_knows_the_shapes_it_builds_on(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 18; step++) {
        double numbers[6] = { 1, 2, 3, 4, 5, 6 };
        rg_shape shape = step % 3 == 0 ? RG_SHAPE(6) : step % 3 == 1 ? RG_SHAPE(2, 3) : RG_SHAPE(3, 2);
        rg_tensor x = rg_tanh(rg_input(tape, RG_F64, shape, numbers)), y = rg_neg(rg_input(tape, RG_F64, shape, numbers));
        rg_eval(2, (rg_tensor[]){ x, y });
        bool same = step / 3 % 2;
        rg_tensor sum = rg_sum_axes(rg_sub(x, same ? x : y), RG_AXES(0), false);
        const int columns = step % 3 == 0 ? 1 : step % 3 == 1 ? 3 : 2;
        double want[3] = { 0 };
        for (int i = 0; i < 6; i++) want[i % columns] += same ? 0 : tanh(numbers[i]) + numbers[i];
        assert_numbers(sum, want, (size_t)columns, 1e-12);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void dropout_draws_anew_when_its_plan_is_found(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    double ones[64], last[64] = { 0 };
    for (int i = 0; i < 64; i++) ones[i] = 1;
    for (uint64_t step = 0; step < 6; step++) {
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(64), ones), key = rg_random_key(tape, 1, 2 * step);
        rg_tensor a = rg_dropout(x, 0.5, key), b = rg_dropout(x, 0.5, rg_random_key(tape, 1, 2 * step + 1));
        rg_tensor again = rg_dropout(x, 0.5, key), all[] = { a, b, again };
        rg_eval(3, all);
        assert_memory_not_equal(rg_data(a), last, sizeof last);
        assert_memory_not_equal(rg_data(a), rg_data(b), sizeof last);
        assert_memory_equal(rg_data(a), rg_data(again), sizeof last);
        memcpy(last, rg_data(a), sizeof last);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_equal_steps_build_one_plan),
        cmocka_unit_test(from_the_fourth_step_on_nothing_is_allocated),
        cmocka_unit_test(neither_does_a_step_in_many_pieces_allocate),
        cmocka_unit_test(the_first_time_a_trace_runs_node_by_node),
        cmocka_unit_test(a_scalar_that_varies_needs_no_new_plan),
        cmocka_unit_test(numbers_that_are_structure_have_plans_of_their_own),
        cmocka_unit_test(names_and_lines_are_not_structure),
        cmocka_unit_test(tied_weights_and_untied_ones_have_different_plans),
        cmocka_unit_test(a_plan_serves_other_parameters_of_the_same_shapes),
        cmocka_unit_test(inputs_that_share_a_buffer_are_two_inputs),
        cmocka_unit_test(borrowed_numbers_are_read_when_a_value_is_asked_for),
        cmocka_unit_test(what_is_kept_is_part_of_the_plan),
        cmocka_unit_test(what_needs_a_gradient_is_part_of_the_plan),
        cmocka_unit_test(a_later_part_of_a_step_knows_the_shapes_it_builds_on),
        cmocka_unit_test(dropout_draws_anew_when_its_plan_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
