/* test_rewind.c: an inner loop runs in constant memory between a mark and its rewind, with the numbers of a fresh tape in
 * every round, and what has been forgotten is known to be gone. */
#include "tensors.h"

static rg_tensor euler_step(rg_tensor a, rg_tensor x)
{
    return rg_add(x, rg_scale(rg_tanh(rg_matmul(a, x)), 1e-3));
}

/* ---- Constant memory ----------------------------------------------------------------------------------- */

static void twenty_thousand_rounds_take_no_more_memory_than_a_few(void **state)
{
    (void)state;
    enum { ROUNDS = 20000, N = 8 };
    rg_tape *tape = rg_tape_new();
    double x[N], by_hand[N], a[N * N];
    for (int i = 0; i < N * N; i++) a[i] = rg_random_uniform(1, 2, (uint64_t)i) - 0.5;
    for (int i = 0; i < N; i++) x[i] = by_hand[i] = 1.0 / (i + 1);
    rg_tensor A = rg_input(tape, RG_F64, RG_SHAPE(N, N), a);
    rg_mark start = rg_tape_mark(tape);
    rg_tape_stats early = { 0 };
    for (int round = 0; round < ROUNDS; round++) {
        rg_tensor y = euler_step(A, rg_input(tape, RG_F64, RG_SHAPE(N), x));
        assert_int_equal(rg_read(y, x, sizeof x), RG_OK);
        assert_int_equal(rg_tape_rewind(start), RG_OK);
        if (round == 10) early = rg_tape_get_stats(tape);
    }
    const rg_tape_stats late = rg_tape_get_stats(tape);
    assert_int_equal(late.nodes, 1);
    assert_int_equal(late.tape_bytes, early.tape_bytes);
    assert_int_equal(late.peak_bytes, early.peak_bytes);
    assert_int_equal(late.workspace_bytes, early.workspace_bytes);
    assert_int_equal(late.plans_built, early.plans_built);
    assert_int_equal(late.misses, early.misses);
    for (int round = 0; round < ROUNDS; round++) {
        double next[N];
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int j = 0; j < N; j++) sum += a[i * N + j] * by_hand[j];
            next[i] = by_hand[i] + 1e-3 * tanh(sum);
        }
        memcpy(by_hand, next, sizeof next);
    }
    for (int i = 0; i < N; i++) assert_true(fabs(x[i] - by_hand[i]) < 1e-9);
    assert_numbers(A, a, COUNT(a), 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* Rounds of ever new shapes are not compared with the last one, and their records are written over. */
static void rounds_that_differ_take_no_more_memory_either(void **state)
{
    (void)state;
    enum { ROUNDS = 3000 };
    rg_tape *tape = rg_tape_new();
    double ones[64];
    for (int i = 0; i < 64; i++) ones[i] = 1;
    uint64_t early = 0;
    for (int outer = 0; outer < 3; outer++) {
        rg_tensor c = VECTOR(tape, 3), prefix = outer % 2 ? rg_square(c) : rg_exp(c); /* other ones before the mark, too */
        rg_mark start = rg_tape_mark(tape);
        for (int round = 0; round < ROUNDS; round++) {
            const int64_t n = 1 + (round * 7 + outer) % 61;
            rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(n), ones), y = rg_sum(rg_mul(c, x));
            for (int64_t k = 0; k < n % 5; k++) y = rg_add(y, c);
            assert_true(element(y, 0) == 3.0 * (double)(n + n % 5));
            assert_int_equal(rg_tape_rewind(start), RG_OK);
            if (outer == 0 && round == ROUNDS / 2) early = rg_tape_get_stats(tape).tape_bytes;
        }
        assert_true(fabs(element(prefix, 0) - (outer % 2 ? 9 : exp(3))) < 1e-13);
        rg_tape_reset(tape);
    }
    assert_true(rg_tape_get_stats(tape).tape_bytes <= early + early / 4);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* The same outer step again and again, with rounds of its own: records and plans do not grow. */
static void resets_and_rewinds_take_turns_in_constant_memory(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    rg_tape_stats early = { 0 };
    for (int outer = 0; outer < 400; outer++) {
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_square(w);
        assert_values(h, 1, 4, 9);
        rg_mark start = rg_tape_mark(tape);
        double inner = 0;
        for (int round = 0; round < 5; round++) {
            rg_tensor z = rg_name(rg_scalar(tape, RG_F64, round), "z"), y = rg_sum(rg_mul(h, z)), slope = gradient(y, w);
            inner += element(slope, 1);
            rg_tape_rewind(start);
        }
        assert_true(inner == 4 * (0 + 1 + 2 + 3 + 4));
        rg_tensor loss = rg_sum(rg_mul(h, h));
        assert_int_equal(rg_backward(loss), RG_OK);
        assert_gradient(theta, 4, 32, 108);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
        if (outer == 10) early = rg_tape_get_stats(tape);
    }
    const rg_tape_stats late = rg_tape_get_stats(tape);
    assert_int_equal(late.tape_bytes, early.tape_bytes);
    assert_int_equal(late.plans_built, early.plans_built);
    assert_int_equal(late.misses, early.misses);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- What is older stays ------------------------------------------------------------------------------- */

static void what_was_recorded_before_the_mark_stays(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), h = rg_exp(x), pending = rg_square(h);
    rg_name(h, "h");
    const double *held = rg_data(h);
    rg_mark start = rg_tape_mark(tape);
    for (int round = 0; round < 5; round++) {
        rg_tensor y = rg_mul(h, rg_scalar(tape, RG_F64, round));
        assert_values(y, round * exp(1), round * exp(2));
        rg_tape_rewind(start);
        assert_ptr_equal(rg_data(h), held);
        assert_true(held[0] == element(h, 0));
    }
    assert_values(pending, exp(2), exp(4));
    assert_values(gradient(rg_sum(pending), x), 2 * exp(2), 2 * exp(4));
    assert_fine(tape);
    rg_tape_free(tape);
}

/* Values and names that older nodes get after the mark survive it, and do not cost memory in every round. */
static void older_nodes_may_get_their_values_and_names_after_the_mark(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), h = rg_exp(x), g = rg_sin(h);
    rg_mark start = rg_tape_mark(tape);
    uint64_t early = 0;
    for (int round = 0; round < 2000; round++) {
        double big[500] = { round };
        rg_tensor junk = rg_input(tape, RG_F64, RG_SHAPE(500), big), y = rg_mul(rg_add(h, g), rg_sum(junk));
        assert_values(y, round * (exp(1) + sin(exp(1))), round * (exp(2) + sin(exp(2))));
        if (round == 0) rg_name(g, "a name of some length, given late");
        rg_tape_rewind(start);
        assert_values(h, exp(1), exp(2));
        if (round == 10) early = rg_tape_get_stats(tape).tape_bytes;
    }
    assert_int_equal(rg_tape_get_stats(tape).tape_bytes, early);
    assert_fine(tape);
    assert_true(rg_is_null(rg_add(g, VECTOR(tape, 1, 2, 3))));
    assert_non_null(strstr(rg_message(tape), "a name of some length, given late f64[2]"));
    rg_tape_free(tape);
}

static void marks_nest(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 2);
    rg_mark outer = rg_tape_mark(tape);
    for (int i = 0; i < 4; i++) {
        rg_tensor a = rg_scale(x, i + 1);
        rg_mark inner = rg_tape_mark(tape);
        for (int j = 0; j < 4; j++) {
            rg_tensor b = rg_mul(a, rg_scalar(tape, RG_F64, j));
            assert_exactly(b, 2 * (i + 1) * j);
            assert_int_equal(rg_tape_rewind(inner), RG_OK);
        }
        assert_exactly(a, 2 * (i + 1));
        assert_int_equal(rg_tape_rewind(outer), RG_OK);
        assert_int_equal(rg_tape_rewind(inner), RG_E_STATE); /* it was behind the outer one */
        assert_int_equal(rg_tape_status(tape), RG_E_STATE);
        assert_non_null(strstr(rg_message(tape), "rewind: the mark is"));
        rg_tape_clear_error(tape);
    }
    rg_tape_reset(tape);
    assert_int_equal(rg_tape_rewind(outer), RG_E_STATE);
    rg_tape_clear_error(tape);
    assert_int_equal(rg_tape_rewind((rg_mark){ 0 }), RG_E_NULL);
    assert_null(rg_tape_mark(NULL).tape);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_mark_in_every_round_is_one_mark(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 2);
    uint64_t early = 0;
    for (int round = 0; round < 5000; round++) {
        rg_mark mark = rg_tape_mark(tape);
        assert_exactly(rg_scale(x, 3), 6);
        assert_int_equal(rg_tape_rewind(mark), RG_OK);
        if (round == 10) early = rg_tape_get_stats(tape).tape_bytes;
    }
    assert_int_equal(rg_tape_get_stats(tape).tape_bytes, early);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Gradients and parameters -------------------------------------------------------------------------- */

static void parameters_that_change_between_rounds_are_read_anew(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    double *numbers = rg_params_data(theta), by_hand[2] = { 1, 2 };
    rg_tensor c = VECTOR(tape, 3, 4);
    rg_mark start = rg_tape_mark(tape);
    for (int round = 0; round < 50; round++) {
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), loss = rg_sum(rg_square(rg_sub(w, c)));
        assert_int_equal(rg_backward(loss), RG_OK);
        assert_gradient(theta, 2 * (by_hand[0] - 3), 2 * (by_hand[1] - 4));
        const double *slope = rg_params_gradient(theta);
        for (int i = 0; i < 2; i++) {
            by_hand[i] -= 0.1 * slope[i];
            numbers[i] -= 0.1 * slope[i];
        }
        rg_params_changed(theta);
        rg_params_consume_gradient(theta);
        assert_int_equal(rg_tape_rewind(start), RG_OK);
    }
    assert_true(fabs(numbers[0] - 3) < 1e-4);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* Where the leaf of a parameter was in the last round there may be anything in this one. */
static void a_parameter_that_was_recorded_in_a_round_is_gone_with_it(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    rg_mark start = rg_tape_mark(tape);
    for (int round = 0; round < 6; round++) {
        rg_tensor x = VECTOR(tape, 1, 1);
        for (int i = 0; i < round % 3; i++) x = rg_mul(x, VECTOR(tape, 2, 2));
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0));
        assert_ptr_equal(rg_op_of(w), rg_op_of(rg_parameter(tape, rg_params_at(theta, 0))));
        assert_exactly(rg_mul(w, x), pow(2, round % 3), 2 * pow(2, round % 3));
        assert_int_equal(rg_tape_rewind(start), RG_OK);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* What a round has referred to is not taken for what the next one refers to. */
static void rounds_that_ask_for_nothing_leave_nothing_behind(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor a = VECTOR(tape, 2), b = VECTOR(tape, 3), c = VECTOR(tape, 5);
    rg_mark start = rg_tape_mark(tape);
    for (int round = 0; round < 12; round++) {
        if (round % 3 == 0) rg_add(a, b);
        else if (round % 3 == 1) rg_add(b, c);
        else assert_exactly(rg_mul(rg_add(c, c), a), 20);
        assert_int_equal(rg_tape_rewind(start), RG_OK);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void backward_reaches_parameters_before_the_mark(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_square(w);
    rg_mark start = rg_tape_mark(tape);
    for (int round = 0; round < 10; round++) {
        assert_int_equal(rg_backward(rg_sum(rg_mul(h, rg_scalar(tape, RG_F64, round)))), RG_OK);
        assert_int_equal(rg_tape_rewind(start), RG_OK);
    }
    assert_gradient(theta, 45 * 2, 45 * 4); /* they add up */
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- What is gone is known to be gone ------------------------------------------------------------------ */

static void handles_on_what_is_forgotten_are_refused(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2);
    rg_mark start = rg_tape_mark(tape);
    rg_tensor old = rg_tanh(x);
    const int old_line = __LINE__ - 1;
    rg_tape_rewind(start);
    for (int again = 0; again < 2; again++) { /* while its place is empty, and when it is taken */
        char where[80];
        assert_int_equal(rg_dtype_of(old), RG_NO_DTYPE);
        assert_true(rg_is_null(rg_add(x, old)));
        snprintf(where, sizeof where, "test_rewind.c:%d: add: operand 2 is a tensor from before", __LINE__ - 1);
        assert_int_equal(rg_tape_status(tape), RG_E_TAPE);
        assert_non_null(strstr(rg_message(tape), where));
        if (!again) snprintf(where, sizeof where, ": %%1 tanh, recorded at test_rewind.c:%d", old_line);
        else snprintf(where, sizeof where, ": %%1, whose place sin has taken, recorded at test_rewind.c:");
        if (!strstr(rg_message(tape), where)) fail_msg("no \"%s\" in: %s", where, rg_message(tape));
        rg_tape_clear_error(tape);
        rg_tensor taken = rg_sin(x);
        assert_int_equal(taken.node, old.node + (uint32_t)again);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Random programs ----------------------------------------------------------------------------------- */

/* A program drawn at random from numbers that the state gives: of few kinds, so that rounds sometimes repeat. */
static double random_round(rg_tape *tape, rg_tensor base, uint64_t kind, double number)
{
    rg_tensor x = rg_scalar(tape, RG_F64, number), y = rg_mul(base, x);
    for (uint64_t i = 0; i < 3 + kind % 4; i++) {
        const uint64_t choice = rg_random_bits(5, kind, i) % 5;
        if (choice == 0) y = rg_tanh(y);
        if (choice == 1) y = rg_add(y, base);
        if (choice == 2) y = rg_keep(rg_mul(y, x));
        if (choice == 3) y = rg_add(y, gradient(rg_sum(rg_square(y)), x));
        if (choice == 4 && kind % 2) rg_item(rg_sum(y));
    }
    return rg_item(rg_sum(y));
}

static void random_rounds_compute_what_a_fresh_tape_does(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (uint64_t outer = 0; outer < 60; outer++) {
        rg_tensor base = VECTOR(tape, 0.5, -0.25, 1);
        for (uint64_t i = 0; i < outer % 3; i++) base = rg_sin(base);
        rg_mark start = rg_tape_mark(tape);
        for (uint64_t round = 0; round < 12; round++) {
            const uint64_t kind = rg_random_bits(8, outer / 2, round) % 6;
            const double number = rg_random_uniform(9, outer, round);
            const double got = random_round(tape, base, kind, number);
            rg_tape *fresh = rg_tape_new();
            rg_tensor other = VECTOR(fresh, 0.5, -0.25, 1);
            for (uint64_t i = 0; i < outer % 3; i++) other = rg_sin(other);
            const double want = random_round(fresh, other, kind, number);
            assert_fine(fresh);
            assert_fine(tape);
            assert_true(got == want);
            rg_tape_free(fresh);
            if (round % 4 != 3) rg_tape_rewind(start);
            else start = rg_tape_mark(tape);
        }
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twenty_thousand_rounds_take_no_more_memory_than_a_few),
        cmocka_unit_test(rounds_that_differ_take_no_more_memory_either),
        cmocka_unit_test(resets_and_rewinds_take_turns_in_constant_memory),
        cmocka_unit_test(what_was_recorded_before_the_mark_stays),
        cmocka_unit_test(older_nodes_may_get_their_values_and_names_after_the_mark),
        cmocka_unit_test(marks_nest),
        cmocka_unit_test(a_mark_in_every_round_is_one_mark),
        cmocka_unit_test(parameters_that_change_between_rounds_are_read_anew),
        cmocka_unit_test(a_parameter_that_was_recorded_in_a_round_is_gone_with_it),
        cmocka_unit_test(rounds_that_ask_for_nothing_leave_nothing_behind),
        cmocka_unit_test(backward_reaches_parameters_before_the_mark),
        cmocka_unit_test(handles_on_what_is_forgotten_are_refused),
        cmocka_unit_test(random_rounds_compute_what_a_fresh_tape_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
