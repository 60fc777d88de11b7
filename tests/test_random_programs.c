/* test_random_programs.c: whatever is recorded, a plan gives the bits that node by node gives, and those are the numbers
 * that plain loops in double precision give. RG_TEST_SEEDS=100000 in the environment tries as many programs, and
 * RG_TEST_FIRST_SEED=n begins with number n. */
#define _POSIX_C_SOURCE 200809L
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "naive_ops.h"
#include "random_program.h"

enum { STEPS = 4, SEEDS = 400 };

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t first_seed(void)
{
    return from_environment("RG_TEST_FIRST_SEED", 1);
}

static uint64_t last_seed(void)
{
    return first_seed() + from_environment("RG_TEST_SEEDS", SEEDS) - 1;
}

/* ---- The same bits -------------------------------------------------------------------------------------------------- */

/* NaNs are alike: which of two goes through an addition is the processor's choice. */
static bool same_number(rg_dtype dtype, const char *a, const char *b)
{
    if (memcmp(a, b, rg_dtype_size(dtype)) == 0) return true;
    double x, y;
    float u, v;
    memcpy(&u, a, sizeof u), memcpy(&v, b, sizeof v);
    if (dtype == RG_F32) return isnan(u) && isnan(v);
    memcpy(&x, a, sizeof x), memcpy(&y, b, sizeof y);
    return isnan(x) && isnan(y);
}

static void assert_same_output(uint64_t seed, uint64_t step, const program *a, const program *b)
{
    const size_t item = rg_dtype_size(a->dtype);
    if (rg_failed(a->tape) || rg_failed(b->tape))
        fail_msg("seed %llu, step %llu: %s | %s", (unsigned long long)seed, (unsigned long long)step, rg_message(a->tape),
                 rg_message(b->tape));
    assert_int_equal(a->bytes, b->bytes);
    for (size_t i = 0; i < a->bytes; i += item)
        if (!same_number(a->dtype, a->output + i, b->output + i))
            fail_msg("seed %llu, step %llu: number %zu of %zu differs", (unsigned long long)seed, (unsigned long long)step,
                     i / item, a->bytes / item);
}

typedef struct {
    rg_tape *tape;
    rg_params *theta[2]; /* of the two programs */
} machine;

static machine machine_new(uint64_t seed, rg_tape_options options)
{
    return (machine){ rg_tape_new_with(options), { program_parameters(seed, program_dtype(seed)),
                                                   program_parameters(seed + 1, program_dtype(seed + 1)) } };
}

static void machine_free(machine *m)
{
    rg_tape_free(m->tape);
    for (int k = 0; k < 2; k++) rg_params_free(m->theta[k]);
}

/* Two programs take turns on one tape, with other numbers in each step: first sight, plan built, plan found. Returns
 * how often a plan was found. */
static uint64_t compare_machines(uint64_t seed, rg_tape_options one, rg_tape_options other, const char *simd)
{
    if (simd) setenv("RG_SIMD", simd, 1);
    machine a = machine_new(seed, one);
    unsetenv("RG_SIMD");
    machine b = machine_new(seed, other);
    for (uint64_t step = 0; step < STEPS; step++)
        for (uint64_t k = 0; k < 2; k++) {
            program p, q;
            run_program(&p, seed + k, step, a.tape, a.theta[k]);
            run_program(&q, seed + k, step, b.tape, b.theta[k]);
            assert_same_output(seed + k, step, &p, &q);
            end_program(&p);
            end_program(&q);
            rg_tape_reset(a.tape);
            rg_tape_reset(b.tape);
        }
    uint64_t hits = rg_tape_get_stats(a.tape).hits;
    machine_free(&a);
    machine_free(&b);
    return hits;
}

static void a_plan_gives_the_bits_of_node_by_node(void **state)
{
    (void)state;
    uint64_t hits = 0;
    for (uint64_t seed = first_seed(); seed <= last_seed(); seed += 2)
        hits += compare_machines(seed, (rg_tape_options){ .threads = 1 },
                                 (rg_tape_options){ .threads = 1, .eager = true }, NULL);
    assert_true(hits > last_seed() - first_seed());
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    static const int threads[] = { 2, 3, 4, 7 };
    for (uint64_t seed = first_seed(); seed <= last_seed(); seed += 16)
        compare_machines(seed, (rg_tape_options){ .threads = threads[seed / 16 % 4] }, (rg_tape_options){ .threads = 1 },
                         NULL);
}

static void every_simd_level_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const levels[] = { "portable", "avx2" };
    for (uint64_t seed = first_seed() + 1; seed <= last_seed(); seed += 8)
        compare_machines(seed, (rg_tape_options){ .threads = 1 }, (rg_tape_options){ .threads = 1 }, levels[seed / 8 % 2]);
}

static void a_small_cache_gives_the_same_bits(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed <= last_seed(); seed += 8)
        compare_machines(seed, (rg_tape_options){ .threads = 1, .plans = 2 },
                         (rg_tape_options){ .threads = 1, .eager = true }, NULL);
}

/* The same program again and again, and now and then one that begins like it: what a tape knows of its last trace
 * must not show. The other side has a new tape in each step. */
static void a_trace_that_parts_from_the_last_one_gives_the_same_bits(void **state)
{
    (void)state;
    static const char schedule[] = "=====x==.===xx=y=..=x=x==y=.x====";
    for (uint64_t seed = first_seed(); seed <= last_seed(); seed += 4) {
        machine a = machine_new(seed, (rg_tape_options){ .threads = 1 });
        for (uint64_t step = 0; schedule[step]; step++) {
            machine b = machine_new(seed, (rg_tape_options){ .threads = 1, .eager = true });
            const char what = schedule[step];
            const int at = what == '=' ? NEVER : (int)((seed + 7 * step) % 13);
            const variation other = { at, what == '.' ? 0 : seed ^ (uint64_t)what << 32 };
            program p, q;
            rg_params_zero_gradient(a.theta[0]);
            run_varied_program(&p, seed, step, other, a.tape, a.theta[0]);
            run_varied_program(&q, seed, step, other, b.tape, b.theta[0]);
            assert_same_output(seed, step, &p, &q);
            end_program(&p);
            end_program(&q);
            rg_tape_reset(a.tape);
            machine_free(&b);
        }
        machine_free(&a);
    }
}

/* ---- Compiled ------------------------------------------------------------------------------------------------------- */

static void compare_values(uint64_t seed, const program *p)
{
    rg_tensor out[PROGRAM_NODES];
    int n = 0;
    for (int i = 0; i < p->count; i++)
        if (!rg_is_null(rg_operand(p->node[i], 0))) out[n++] = p->node[i];
    if (n == 0) return;
    rg_program *compiled = rg_compile(0, NULL, n, out);
    if (!compiled) fail_msg("seed %llu: %s", (unsigned long long)seed, rg_message(p->tape));
    for (int run = 0; run < 2; run++) assert_int_equal(rg_program_run(compiled), RG_OK);
    for (int i = 0; i < n; i++) {
        const char *want = rg_data(out[i]), *got = rg_program_output(compiled, i);
        const size_t item = rg_dtype_size(rg_dtype_of(out[i]));
        for (int64_t k = 0; k < rg_shape_count(rg_shape_of(out[i])); k++)
            if (!same_number(rg_dtype_of(out[i]), want + (size_t)k * item, got + (size_t)k * item))
                fail_msg("seed %llu, node %u: element %lld differs", (unsigned long long)seed, out[i].node, (long long)k);
    }
    rg_program_free(compiled);
}

/* Twice, so that the second run adds to the gradient of the first. */
static void compare_gradients(uint64_t seed, const program *p)
{
    const size_t bytes = (size_t)rg_params_count(p->theta) * rg_dtype_size(p->dtype);
    const rg_tensor loss = rg_sum(rg_tanh(p->node[p->count - 1]));
    rg_program *compiled = rg_compile_backward(loss, 0, NULL);
    if (!compiled) fail_msg("seed %llu: %s", (unsigned long long)seed, rg_message(p->tape));
    char *want = malloc(bytes + 1);
    rg_params_zero_gradient(p->theta);
    for (int run = 0; run < 2; run++) rg_backward(loss);
    memcpy(want, rg_params_gradient(p->theta), bytes);
    rg_params_zero_gradient(p->theta);
    for (int run = 0; run < 2; run++) assert_int_equal(rg_program_run(compiled), RG_OK);
    const char *got = rg_params_gradient(p->theta);
    for (size_t i = 0; i < bytes; i += rg_dtype_size(p->dtype))
        if (!same_number(p->dtype, want + i, got + i))
            fail_msg("seed %llu: the gradient at byte %zu differs", (unsigned long long)seed, i);
    free(want);
    rg_program_free(compiled);
}

static void a_compiled_program_gives_the_bits_of_its_trace(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed <= last_seed(); seed += 2) {
        machine m = machine_new(seed, (rg_tape_options){ .threads = seed % 3 ? 1 : 3 });
        program p;
        run_program(&p, seed, 0, m.tape, m.theta[0]);
        if (p.count > 0) {
            compare_values(seed, &p);
            compare_gradients(seed, &p);
        }
        if (rg_failed(m.tape)) fail_msg("seed %llu: %s", (unsigned long long)seed, rg_message(m.tape));
        end_program(&p);
        machine_free(&m);
    }
}

/* ---- The right numbers ------------------------------------------------------------------------------------------------- */

static double largest(const naive *value)
{
    double most = 0;
    for (int64_t i = 0; i < rg_shape_count(value->shape); i++) most = fmax(most, fabs(value->x[i]));
    return most;
}

static bool all_finite(const naive *value)
{
    for (int64_t i = 0; i < rg_shape_count(value->shape); i++)
        if (!isfinite(value->x[i])) return false;
    return true;
}

/* What rounding errors are small compared with: the sum of absolute values where many numbers are added; what was
 * subtracted where the logarithm of a sum is, or 1 - y^2; else the result. (softmax rounds its exponents.) */
static naive magnitude_of(rg_tensor t, naive *in, int n, const naive *want)
{
    static const char *const sums[] = { "sum", "matmul", "scatter_rows", "cumsum", "scatter_add", "overlap_add" };
    static const char *const differences[] = { "log_softmax", "logsumexp", "cross_entropy_rows", "logistic_loss",
                                              "tanh_adjoint", "sigmoid_adjoint" };
    naive magnitude;
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
        if (strcmp(rg_op_of(t)->name, sums[i]) == 0) {
            for (int k = 0; k < n; k++)
                for (int64_t j = 0; j < rg_shape_count(in[k].shape); j++) in[k].x[j] = fabs(in[k].x[j]);
            naive_compute(t, in, n, &magnitude);
            return magnitude;
        }
    double extra = 0, factor = strcmp(rg_op_of(t)->name, "softmax") == 0 ? 1 + largest(&in[0]) : 1;
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++)
        if (strcmp(rg_op_of(t)->name, differences[i]) == 0) extra = 1 + largest(&in[0]);
    magnitude = naive_new(want->shape);
    for (int64_t i = 0; i < rg_shape_count(want->shape); i++) magnitude.x[i] = factor * fabs(want->x[i]) + extra;
    return magnitude;
}

static void assert_close(uint64_t seed, rg_tensor t, const naive *got, const naive *want, const naive *magnitude)
{
    const bool single = rg_dtype_of(t) == RG_F32;
    const double epsilon = single ? FLT_EPSILON : DBL_EPSILON, most = single ? FLT_MAX : DBL_MAX;
    const double least = single ? FLT_MIN : DBL_MIN;
    for (int64_t i = 0; i < rg_shape_count(want->shape); i++) {
        if (magnitude->x[i] > most / 4) continue;
        bool close = isnan(want->x[i]) ? isnan(got->x[i])
                                       : fabs(got->x[i] - want->x[i]) <= 32 * epsilon * magnitude->x[i] + 4 * least;
        if (!close && got->x[i] != want->x[i])
            fail_msg("seed %llu, node %u, %s, element %lld: %.17g instead of %.17g", (unsigned long long)seed, t.node,
                     rg_op_of(t)->name, (long long)i, got->x[i], want->x[i]);
    }
}

static void check_node(uint64_t seed, rg_tensor t)
{
    enum { MOST_OPERANDS = 8 };
    naive in[MOST_OPERANDS] = { { .x = NULL } }, want, got = naive_read(t);
    int n = 0;
    for (bool finite = true; !rg_is_null(rg_operand(t, n)) && n < MOST_OPERANDS && finite; n++) {
        in[n] = naive_read(rg_operand(t, n));
        finite = all_finite(&in[n]);
        if (!finite) want.x = NULL;
    }
    bool finite = n == 0 || all_finite(&in[n - 1]);
    if (finite) {
        if (naive_compute(t, in, n, &want)) {
            naive magnitude = magnitude_of(t, in, n, &want);
            assert_close(seed, t, &got, &want, &magnitude);
            free(magnitude.x);
        }
        free(want.x);
    }
    for (int k = 0; k < n; k++) free(in[k].x);
    free(got.x);
}

/* Every node of the program and of its gradients is computed again from the values of its operands. */
static void node_by_node_gives_the_numbers_of_plain_loops(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed(); seed <= last_seed(); seed += 4) {
        machine m = machine_new(seed, (rg_tape_options){ .threads = 1, .eager = true });
        program p;
        run_program(&p, seed, 0, m.tape, m.theta[0]);
        if (rg_failed(m.tape)) fail_msg("seed %llu: %s", (unsigned long long)seed, rg_message(m.tape));
        for (uint32_t i = 0; i < rg_tape_get_stats(m.tape).nodes; i++) {
            rg_tensor t = { m.tape, i, p.node[0].epoch };
            const void *data = rg_data(t);
            if (data || rg_shape_count(rg_shape_of(t)) == 0) check_node(seed, t);
            else if (rg_tape_status(m.tape) != RG_E_INDEX) /* that would be one of the program's mistakes */
                fail_msg("seed %llu: %s", (unsigned long long)seed, rg_message(m.tape));
            rg_tape_clear_error(m.tape);
        }
        end_program(&p);
        machine_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_gives_the_bits_of_node_by_node),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(every_simd_level_gives_the_same_bits),
        cmocka_unit_test(a_small_cache_gives_the_same_bits),
        cmocka_unit_test(a_trace_that_parts_from_the_last_one_gives_the_same_bits),
        cmocka_unit_test(a_compiled_program_gives_the_bits_of_its_trace),
        cmocka_unit_test(node_by_node_gives_the_numbers_of_plain_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
