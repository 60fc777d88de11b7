/* test_out_of_memory.c: each allocation fails in turn, alone or with all that follow: the call says RG_E_MEMORY or gives
 * nothing, nothing leaks, and when there is memory again the same tape works, with the same bits. Left out under a
 * sanitizer, which has an allocator of its own. */
#include "tensors.h"

#include "failing_malloc.h"

enum { STEPS = 4, ROWS = 6, INPUTS = 5, HIDDEN = 40, CLASSES = 3, MOST_ALLOCATIONS = 3000 };

typedef struct {
    rg_params *theta;
    rg_tape *tape;
    int threads;
} machine;

/* False, with a store or tape that has failed or is missing, if memory runs out. */
static bool machine_make(machine *m)
{
    m->theta = rg_params_new(RG_F64, 1);
    rg_params_add(m->theta, "w1", RG_SHAPE(INPUTS, HIDDEN));
    rg_params_add(m->theta, "b1", RG_SHAPE(HIDDEN));
    rg_params_add(m->theta, "w2", RG_SHAPE(HIDDEN, CLASSES));
    m->tape = rg_tape_new_with((rg_tape_options){ .threads = m->threads, .plans = 2 });
    return m->theta && rg_params_status(m->theta) == RG_OK && m->tape;
}

static void machine_free(machine *m)
{
    rg_tape_free(m->tape);
    rg_params_free(m->theta);
}

static rg_tensor record_loss(machine *m, int step)
{
    double x[ROWS * INPUTS];
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS * INPUTS; i++) x[i] = sin(i + step);
    for (int i = 0; i < ROWS; i++) labels[i] = (i + step) % CLASSES;
    rg_tape *tape = m->tape;
    rg_scope_push(tape, step % 2 ? "odd" : "even");
    rg_tensor in = rg_name(rg_input(tape, RG_F64, RG_SHAPE(ROWS, INPUTS), x), "batch");
    rg_tensor w1 = rg_parameter(tape, rg_params_find(m->theta, "w1")), b1 = rg_parameter(tape, rg_params_find(m->theta, "b1"));
    rg_tensor w2 = rg_parameter(tape, rg_params_find(m->theta, "w2"));
    rg_tensor h = rg_tanh(rg_add(rg_matmul(in, w1), b1)), slope;
    h = rg_dropout(h, 0.25, rg_random_key(tape, 5, (uint64_t)step));
    rg_keep(h);
    rg_scope_pop(tape);
    rg_tensor loss = rg_cross_entropy(rg_matmul(h, w2), rg_input(tape, RG_I32, RG_SHAPE(ROWS), labels));
    if (step == 2) rg_item(loss); /* so that backward builds on an earlier part */
    rg_grad(rg_sum(rg_square(h)), &in, 1, &slope);
    rg_tensor parts[] = { slope, slope, slope, slope, slope, slope };
    return rg_add(loss, rg_mean(rg_square(rg_concat(6, parts, 0))));
}

/* Trains from fixed parameters; the last loss, or NaN. The first half of a step's gradient is added to by the second. */
static double train(machine *m)
{
    double loss = NAN, *data = rg_params_data(m->theta);
    for (int64_t i = 0; i < rg_params_count(m->theta); i++) data[i] = 0.3 * sin((double)(7 * i));
    rg_params_changed(m->theta);
    rg_params_zero_gradient(m->theta);
    for (int step = 0; step < STEPS && !rg_failed(m->tape); step++) {
        rg_tensor first = record_loss(m, step), second;
        rg_backward(first);
        second = record_loss(m, step + 1);
        rg_backward(second);
        if (rg_failed(m->tape)) return NAN;
        const double *slopes = rg_params_gradient(m->theta);
        for (int64_t i = 0; i < rg_params_count(m->theta); i++) data[i] -= 0.1 * slopes[i];
        rg_params_changed(m->theta);
        rg_params_consume_gradient(m->theta);
        loss = rg_item(first) + rg_item(second);
        if (!rg_failed(m->tape)) rg_tape_reset(m->tape);
    }
    return loss;
}

static double reference(int threads)
{
    machine m = { .threads = threads };
    assert_true(machine_make(&m));
    double loss = train(&m);
    assert_fine(m.tape);
    assert_true(isfinite(loss));
    machine_free(&m);
    return loss;
}

/* After an error: what was begun can go on, and a new step has the right bits. */
static void check_that_it_works(machine *m, long k, double want)
{
    if (rg_tape_status(m->tape) != RG_E_MEMORY) fail_msg("allocation %ld: %s", k, rg_message(m->tape));
    if (strlen(rg_message(m->tape)) == 0) fail_msg("allocation %ld: no message", k);
    rg_tape_clear_error(m->tape);
    for (int time = 0; time < 3; time++) {
        rg_tensor x = VECTOR(m->tape, 1, 2), w = rg_parameter(m->tape, rg_params_find(m->theta, "b1"));
        assert_exactly(rg_sum(rg_mul(x, rg_square(x))), 9);
        assert_true(isfinite(element(rg_sum(w), 0)));
    }
    rg_tape_reset(m->tape);
    for (int time = 0; time < 2; time++) {
        double loss = train(m);
        if (loss != want) fail_msg("allocation %ld: afterwards %.17g, not %.17g: %s", k, loss, want, rg_message(m->tape));
    }
}

/* Lets allocation number k fail, for every k, and returns how many there were. */
static long sweep(void fail_after(long), int threads, bool make_too)
{
    const double want = reference(threads);
    for (long k = 0; k < MOST_ALLOCATIONS; k++) {
        const long alive = allocations_alive;
        machine m = { .threads = threads };
        if (make_too) fail_after(k);
        bool made = machine_make(&m);
        if (!make_too) fail_after(k);
        double loss = made ? train(&m) : NAN;
        const long failed = allocations_failed;
        allocations_fail_after(-1);
        if (made && failed > 0 && rg_failed(m.tape)) check_that_it_works(&m, k, want);
        else if (made && loss != want) fail_msg("allocation %ld: %.17g, not %.17g", k, loss, want);
        if (m.theta && rg_params_status(m.theta) != RG_OK) assert_int_equal(rg_params_status(m.theta), RG_E_MEMORY);
        machine_free(&m);
        if (allocations_alive != alive) fail_msg("allocation %ld: %ld blocks leaked", k, allocations_alive - alive);
        if (failed == 0) return k;
    }
    fail_msg("the program does not end");
    return 0;
}

static void when_one_allocation_fails_it_is_an_error_and_no_more(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    assert_in_range(sweep(allocations_fail_once_after, 1, true), 50, MOST_ALLOCATIONS);
}

static void when_memory_has_run_out_it_is_an_error_and_no_more(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    assert_in_range(sweep(allocations_fail_after, 1, true), 50, MOST_ALLOCATIONS);
}

/* A pool that cannot be had is done without. */
static void threads_that_cannot_be_had_are_done_without(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    enum { N = 1 << 18 };
    double *numbers = malloc(N * sizeof *numbers);
    for (int i = 0; i < N; i++) numbers[i] = 1.0 / (1 + i);
    rg_tape *first = rg_tape_new_with((rg_tape_options){ .threads = 4 }); /* the system keeps what threads had */
    rg_item(rg_sum(rg_exp(rg_input_borrowed(first, RG_F64, RG_SHAPE(N), numbers))));
    rg_tape_free(first);
    for (int once = 0; once < 2; once++)
        for (long k = 0, failed = 1; failed > 0; k++) {
            const long alive = allocations_alive;
            rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 4 });
            assert_non_null(tape);
            (once ? allocations_fail_once_after : allocations_fail_after)(k);
            double got = rg_item(rg_sum(rg_exp(rg_neg(rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers)))));
            failed = allocations_failed;
            allocations_fail_after(-1);
            if (rg_failed(tape)) assert_int_equal(rg_tape_status(tape), RG_E_MEMORY);
            rg_tape_clear_error(tape);
            rg_tape_reset(tape);
            double again = rg_item(rg_sum(rg_exp(rg_neg(rg_input_borrowed(tape, RG_F64, RG_SHAPE(N), numbers)))));
            assert_true(isfinite(again) && (isnan(got) || got == again));
            rg_tape_free(tape);
            assert_int_equal(allocations_alive, alive);
        }
    free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_one_allocation_fails_it_is_an_error_and_no_more),
        cmocka_unit_test(when_memory_has_run_out_it_is_an_error_and_no_more),
        cmocka_unit_test(threads_that_cannot_be_had_are_done_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
