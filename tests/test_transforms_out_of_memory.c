/* test_transforms_out_of_memory.c: each allocation fails in turn, alone or with all that follow, while transforms, hooks,
 * checkpoints, plans for them, marks and checks are at work: the call says RG_E_MEMORY, nothing leaks, and when there is memory again the
 * same tape gives the same bits. Left out under a sanitizer, which has an allocator of its own. */
#include "tensors.h"

#include "failing_malloc.h"

enum { ROUNDS = 3, MOST_ALLOCATIONS = 5000 };

static rg_tensor halve(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context, (void)x;
    return rg_scale(adjoint, 0.5);
}

static rg_tensor pass(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)y;
    return rg_mul(g, x[0]);
}

static rg_tensor function(rg_tensor w, rg_tensor x)
{
    rg_tensor h = rg_hook(rg_tanh(rg_matmul(w, x)), halve, NULL);
    rg_checkpoint_begin(x.tape);
    rg_checkpoint_begin(x.tape);
    h = rg_mul(rg_exp(h), h);
    rg_checkpoint_end(x.tape);
    h = rg_sin(h);
    rg_checkpoint_end(x.tape);
    return rg_sum(rg_custom_vjp(rg_square(h), &h, 1, pass, NULL));
}

static rg_tensor sharper(void *context, int i, rg_tensor x)
{
    (void)context, (void)i;
    return rg_softmax(rg_scale(x, 2), 0);
}

/* A chain under the schedule that is best in little memory. */
static rg_tensor planned(rg_tensor x)
{
    const rg_chain chain = { sharper, NULL, 5 };
    rg_checkpoint_schedule *schedule = rg_chain_plan(&chain, x, 4096);
    const rg_tensor y = rg_chain_forward(&chain, x, schedule);
    rg_checkpoint_schedule_free(schedule);
    return rg_sum(rg_square(y));
}

/* NaN once the tape has failed. */
static double one_round(rg_tape *tape, rg_params *theta, int round)
{
    double numbers[12], sum = 0;
    for (int i = 0; i < 12; i++) numbers[i] = sin(i + round);
    rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0));
    rg_tensor batch = rg_input(tape, RG_F64, RG_SHAPE(4, 3), numbers), x = rg_batch_member(batch);
    rg_tensor y = function(w, x), g, all, along, product, J;
    rg_grad(y, &w, 1, &g);
    rg_vmap(&g, 1, &x, &batch, 1, &all);
    rg_jvp(y, &w, &w, 1, &along);
    rg_hvp(y, &x, &x, 1, &product);
    rg_jacobian(rg_tanh(rg_matmul(w, x)), &x, 1, &J);
    rg_backward(rg_add(rg_add(y, planned(rg_matmul(w, x))), rg_sum(rg_square(along))));
    const rg_tensor out[] = { all, along, product, J, g };
    for (int k = 0; k < 5; k++) sum += rg_item(rg_sum(out[k]));
    rg_finite_report report;
    if (round == 1 && rg_tape_check_finite(tape, y, &report)) return NAN;
    if (rg_failed(tape)) return NAN;
    for (int i = 0; i < 6; i++) sum += ((const double *)rg_params_gradient(theta))[i];
    rg_params_consume_gradient(theta);
    return sum;
}

static double all_rounds(rg_tape *tape, rg_params *theta)
{
    double sum = 0;
    rg_params_zero_gradient(theta);
    const rg_mark mark = rg_tape_mark(tape);
    for (int round = 0; round < ROUNDS && !rg_failed(tape); round++) {
        sum += one_round(tape, theta, round);
        if (!rg_failed(tape)) rg_tape_rewind(mark);
    }
    return rg_failed(tape) ? NAN : sum;
}

static rg_params *weights(void)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_params_add(theta, "w", RG_SHAPE(2, 3));
    for (int i = 0; i < 6; i++) ((double *)rg_params_data(theta))[i] = 0.1 * (i + 1);
    rg_params_changed(theta);
    return theta;
}

static void sweep(void fail_after(long))
{
    rg_params *theta = weights();
    rg_tape *fresh = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    const double want = all_rounds(fresh, theta);
    assert_fine(fresh);
    rg_tape_free(fresh);
    long k = 0, failed = 1;
    for (; failed > 0; k++) {
        const long alive = allocations_alive;
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
        assert_true(k < MOST_ALLOCATIONS);
        fail_after(k);
        const double got = all_rounds(tape, theta);
        failed = allocations_failed;
        allocations_fail_after(-1);
        if (rg_failed(tape)) assert_int_equal(rg_tape_status(tape), RG_E_MEMORY);
        else if (got != want) fail_msg("allocation %ld: %.17g, not %.17g", k, got, want);
        rg_tape_clear_error(tape);
        rg_tape_reset(tape);
        for (int again = 0; again < 2; again++) {
            const double now = all_rounds(tape, theta);
            if (now != want) fail_msg("allocation %ld: afterwards %.17g, not %.17g: %s", k, now, want, rg_message(tape));
            rg_tape_reset(tape);
        }
        rg_tape_free(tape);
        if (allocations_alive != alive) fail_msg("allocation %ld: %ld blocks leaked", k, allocations_alive - alive);
    }
    rg_params_free(theta);
    assert_in_range(k, 50, MOST_ALLOCATIONS);
}

static void when_one_allocation_fails_it_is_an_error_and_no_more(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    sweep(allocations_fail_once_after);
}

static void when_memory_has_run_out_it_is_an_error_and_no_more(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    sweep(allocations_fail_after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_one_allocation_fails_it_is_an_error_and_no_more),
        cmocka_unit_test(when_memory_has_run_out_it_is_an_error_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
