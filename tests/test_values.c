/* test_values.c: values that were handed out stay; values that were dropped come back, as long as nothing they depend on
 * has changed; and what lives in between shares its memory. */
#include "tensors.h"

static void values_handed_out_survive_the_next_run(void **state)
{
    (void)state;
    enum { N = 3000 };
    static double numbers[N];
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        for (int i = 0; i < N; i++) numbers[i] = i + step;
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(N), numbers), h = rg_scale(x, 2), k = rg_neg(h);
        const double *first = rg_data(h), *second = rg_data(k);
        for (int i = 0; i < 20; i++) rg_data(rg_softmax(rg_reshape(rg_mul(k, rg_tanh(h)), RG_SHAPE(30, 100)), i % 2));
        const double *third = rg_data(rg_sum_axes(rg_reshape(x, RG_SHAPE(3, 1000)), RG_AXES(0), false));
        assert_ptr_equal(first, rg_data(h));
        assert_ptr_equal(second, rg_data(k));
        for (int i = 0; i < N; i++) assert_true(first[i] == 2 * (i + step) && second[i] == -2 * (i + step));
        for (int i = 0; i < 1000; i++) assert_true(third[i] == 3 * (i + step) + 3000);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void values_of_views_are_their_own(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor x = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), h = rg_scale(x, 10), t = rg_transpose(h);
        rg_tensor some[] = { t, rg_slice(h, 1, 1, 3), rg_expand(rg_slice(h, 0, 1, 2), RG_SHAPE(2, 3)), h, rg_transpose(x) };
        assert_int_equal(rg_eval(5, some), RG_OK);
        assert_exactly(some[0], 10, 40, 20, 50, 30, 60);
        assert_exactly(some[1], 20, 30, 50, 60);
        assert_exactly(some[2], 40, 50, 60, 40, 50, 60);
        assert_exactly(some[3], 10, 20, 30, 40, 50, 60);
        assert_exactly(some[4], 1, 4, 2, 5, 3, 6);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void one_value_may_be_asked_for_under_several_names(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor x = VECTOR(tape, 1, 2), a = rg_exp(x), b = rg_exp(x), c = rg_reshape(a, RG_SHAPE(2, 1));
        rg_tensor all[] = { a, b, a, c, x, rg_stop_gradient(b) };
        rg_keep(b);
        assert_int_equal(rg_eval(6, all), RG_OK);
        for (size_t i = 0; i < COUNT(all); i++)
            if (i != 4) assert_values(all[i], exp(1), exp(2));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_value_that_was_dropped_is_computed_again(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_tanh(a), k = rg_square(h);
        rg_tensor mask = rg_dropout(h, 0.5, rg_random_key(tape, 1, (uint64_t)step)), y = rg_sum(rg_mul(k, mask));
        rg_backward(y);
        double loss = element(y, 0), sum = 0;
        for (int i = 0; i < 3; i++) {
            assert_true(element(k, i) == element(h, i) * element(h, i));
            assert_true(element(h, i) == element(mask, i) / 2 || element(mask, i) == 0);
            sum += element(k, i) * element(mask, i);
        }
        assert_true(fabs(sum - loss) < 1e-12);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void what_was_never_asked_for_can_be_asked_for_later(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        rg_tensor x = VECTOR(tape, 1, 2, 3), aside = rg_cross_entropy_rows(rg_reshape(x, RG_SHAPE(1, 3)),
                                                                       rg_input(tape, RG_I32, RG_SHAPE(1), (int32_t[]){ 2 }));
        rg_tensor y = rg_sum(x);
        assert_exactly(y, 6);
        rg_tensor more = rg_mul(y, rg_sum(aside));
        assert_values(more, 6 * log(1 + exp(-1) + exp(-2)));
        assert_values(aside, log(1 + exp(-1) + exp(-2)));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void reading_copies_exactly_the_value(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(2, 2), (float[]){ 1, 2, 3, 4 });
    float out[6] = { -1, -1, -1, -1, -1, -1 };
    assert_int_equal(rg_read(rg_transpose(x), out + 1, 4 * sizeof *out), RG_OK);
    const float want[] = { -1, 1, 3, 2, 4, -1 };
    assert_memory_equal(out, want, sizeof want);
    assert_true(rg_item(rg_input(tape, RG_I32, RG_SHAPE(1, 1), (int32_t[]){ -7 })) == -7);
    assert_true(rg_item(rg_input(tape, RG_I64, RG_SCALAR, (int64_t[]){ 1 << 30 })) == 1 << 30);
    assert_true(rg_item(rg_scalar(tape, RG_F32, 0.1)) == 0.1f);
    rg_tensor nothing = rg_input(tape, RG_F64, RG_SHAPE(0, 4), NULL);
    assert_int_equal(rg_read(nothing, NULL, 0), RG_OK);
    assert_exactly(rg_sum(nothing), 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Memory -------------------------------------------------------------------------------------------------------------- */

enum { SIDE = 60, LAYERS = 50 };

static rg_tensor tower(rg_tape *tape, const double *numbers)
{
    rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(SIDE, SIDE), numbers);
    for (int i = 0; i < LAYERS; i++) x = rg_tanh(rg_softmax(rg_matmul(x, rg_relu(rg_transpose(x))), 1));
    return rg_sum(x);
}

/* Fifty layers of values that are dead when the next one is there fit into the room of a few. */
static void values_that_do_not_live_together_share_memory(void **state)
{
    (void)state;
    static double numbers[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) numbers[i] = sin(i);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    double sums[4];
    for (int step = 0; step < 4; step++) {
        sums[step] = rg_item(tower(tape, numbers));
        assert_true(sums[step] == sums[0]);
        uint64_t one = sizeof numbers, workspace = rg_tape_get_stats(tape).workspace_bytes;
        if (step > 0) assert_in_range(workspace, 2 * one, 5 * one + 4096);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void a_step_that_repeats_does_not_grow(void **state)
{
    (void)state;
    static double numbers[SIDE * SIDE];
    rg_tape *tape = rg_tape_new();
    rg_tape_stats before = { 0 };
    for (int step = 0; step < 40; step++) {
        rg_item(tower(tape, numbers));
        rg_tape_reset(tape);
        rg_tape_stats now = rg_tape_get_stats(tape);
        assert_int_equal(now.nodes, 0);
        assert_true(now.peak_bytes >= now.tape_bytes + now.plan_bytes + now.workspace_bytes);
        if (step == 3) before = now;
        if (step < 3) continue;
        assert_int_equal(now.tape_bytes, before.tape_bytes);
        assert_int_equal(now.plan_bytes, before.plan_bytes);
        assert_int_equal(now.workspace_bytes, before.workspace_bytes);
        assert_int_equal(now.peak_bytes, before.peak_bytes);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_handed_out_survive_the_next_run),
        cmocka_unit_test(values_of_views_are_their_own),
        cmocka_unit_test(one_value_may_be_asked_for_under_several_names),
        cmocka_unit_test(a_value_that_was_dropped_is_computed_again),
        cmocka_unit_test(what_was_never_asked_for_can_be_asked_for_later),
        cmocka_unit_test(reading_copies_exactly_the_value),
        cmocka_unit_test(values_that_do_not_live_together_share_memory),
        cmocka_unit_test(a_step_that_repeats_does_not_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
