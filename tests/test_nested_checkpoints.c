/* test_nested_checkpoints.c: checkpoints within checkpoints, to any depth: the same bits, and as much work and memory
 * as the theory of checkpointing says. */
#include "tensors.h"

#include <stdlib.h>

/* ---- The same bits ------------------------------------------------------------------------------------------------ */

enum { NODES = 60, WIDE = 6, SEEDS = 150 };

/* How many programs are tried: RG_TEST_SEEDS in the environment, or so many. */
static uint64_t seeds(void)
{
    const char *given = getenv("RG_TEST_SEEDS");
    return given ? strtoull(given, NULL, 10) : SEEDS;
}

static uint64_t draws;

static int draw(uint64_t seed, int below)
{
    return (int)(rg_random_bits(seed, 3, draws++) % (uint64_t)below);
}

typedef struct {
    rg_tape *tape;
    rg_tensor node[NODES + 3];
    int count, open;
} program;

static void begin(program *p)
{
    rg_checkpoint_begin(p->tape);
    p->open++;
}

static void end(program *p)
{
    rg_checkpoint_end(p->tape);
    p->open--;
}

/* An op on what has been recorded before, within which checkpoint it may be. */
static rg_tensor random_node(program *p, uint64_t seed, rg_params *theta)
{
    const rg_tensor a = p->node[draw(seed, p->count)], b = p->node[p->count - 1 - draw(seed, p->count < 4 ? p->count : 4)];
    const int which = draw(seed, 10);
    const uint64_t stream = (uint64_t)draw(seed, 1000);
    switch (which) {
    case 0: return rg_tanh(rg_matmul(b, rg_parameter(p->tape, rg_params_at(theta, stream % 3))));
    case 1: return rg_dropout(b, 0.25, rg_random_key(p->tape, seed, stream));
    case 2: return rg_mul(rg_sigmoid(a), b);
    case 3: return rg_add(a, b);
    case 4: return rg_scale(rg_matmul(b, rg_transpose(a)), 0.25);
    case 5: return rg_transpose(b);
    case 6: return rg_add(b, rg_full(p->tape, RG_F64, RG_SCALAR, 0.5));
    case 7: return rg_softmax(b, -1);
    case 8: return rg_mul(b, rg_sum_axes(rg_tanh(a), RG_AXES(0), true));
    default: return rg_sin(b);
    }
}

/* The same nodes whether or not checkpoints are begun and ended between them. */
static rg_tensor record(program *p, uint64_t seed, rg_params *theta, rg_tensor x, bool nested)
{
    draws = 0;
    p->count = 0;
    p->open = 0;
    p->node[p->count++] = x;
    while (p->count < NODES) {
        const int what = draw(seed, 6), often = draw(seed, 3);
        for (int i = 0; what == 0 && nested && i < often; i++) begin(p);
        for (int i = 0; what == 1 && nested && i < often && p->open > 0; i++) end(p);
        p->node[p->count] = random_node(p, seed, theta);
        p->count++;
    }
    while (p->open > 0) end(p);
    return rg_sum(rg_mul(p->node[p->count - 1], p->node[p->count - 2]));
}

static rg_tensor numbers(rg_tape *tape, int step)
{
    double all[WIDE * WIDE];
    for (int i = 0; i < WIDE * WIDE; i++) all[i] = rg_random_normal(8, 9, (uint64_t)(step * WIDE * WIDE + i));
    return rg_input(tape, RG_F64, RG_SHAPE(WIDE, WIDE), all);
}

static rg_params *three_weights(void)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_params_add(theta, "a", RG_SHAPE(WIDE, WIDE));
    rg_params_add(theta, "b", RG_SHAPE(WIDE, WIDE));
    rg_params_add(theta, "c", RG_SHAPE(WIDE, WIDE));
    for (int64_t i = 0; i < rg_params_count(theta); i++)
        ((double *)rg_params_data(theta))[i] = rg_random_normal(3, 4, (uint64_t)i) / 3;
    rg_params_changed(theta);
    return theta;
}

static void random_nestings_have_the_bits_of_none(void **state)
{
    (void)state;
    enum { STEPS = 4, NUMBERS_ = 3 * WIDE * WIDE };
    for (uint64_t seed = 1; seed <= seeds(); seed++) {
        double value[STEPS], gradient_of[STEPS][NUMBERS_], of_x[STEPS][WIDE * WIDE];
        for (int kind = 0; kind < 4; kind++) { /* plain; nested, planned; nested, node by node; nested, by three threads */
            rg_params *theta = three_weights();
            rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = kind == 3 ? 3 : 1, .eager = kind == 2 });
            program p = { .tape = tape };
            for (int step = 0; step < STEPS; step++) {
                rg_tensor x = numbers(tape, step), loss = record(&p, seed, theta, x, kind > 0), slope = gradient(loss, x);
                rg_keep(slope);
                assert_int_equal(rg_backward(loss), RG_OK);
                double got[WIDE * WIDE];
                assert_int_equal(rg_read(slope, got, sizeof got), RG_OK);
                if (kind == 0) {
                    value[step] = rg_item(loss);
                    memcpy(gradient_of[step], rg_params_gradient(theta), sizeof gradient_of[step]);
                    memcpy(of_x[step], got, sizeof got);
                } else {
                    if (rg_item(loss) != value[step]) fail_msg("seed %d, kind %d: another value", (int)seed, kind);
                    assert_memory_equal(gradient_of[step], rg_params_gradient(theta), sizeof gradient_of[step]);
                    assert_memory_equal(of_x[step], got, sizeof got);
                }
                rg_params_consume_gradient(theta);
                rg_tape_reset(tape);
            }
            if (kind != 2) assert_true(rg_tape_get_stats(tape).hits >= STEPS - 2);
            assert_fine(tape);
            rg_tape_free(tape);
            rg_params_free(theta);
        }
    }
}

static void second_derivatives_are_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= seeds() / 3; seed++) {
        double want[2][WIDE * WIDE];
        for (int nested = 0; nested < 2; nested++) {
            rg_params *theta = three_weights();
            rg_tape *tape = rg_tape_new();
            program p = { .tape = tape };
            rg_tensor x = numbers(tape, 0), v = numbers(tape, 1), loss = record(&p, seed, theta, x, nested), out[2];
            assert_int_equal(rg_hvp(loss, &x, &v, 1, &out[0]), RG_OK);
            out[1] = gradient(rg_sum(rg_square(gradient(loss, x))), x);
            for (int k = 0; k < 2; k++)
                for (int i = 0; i < WIDE * WIDE; i++) {
                    if (!nested) want[k][i] = element(out[k], i);
                    else if (!(fabs(element(out[k], i) - want[k][i]) <= 1e-11 * fmax(1, fabs(want[k][i]))))
                        fail_msg("seed %d: %.17g, not %.17g", (int)seed, element(out[k], i), want[k][i]);
                }
            assert_fine(tape);
            rg_tape_free(tape);
            rg_params_free(theta);
        }
    }
}

/* ---- Structure ------------------------------------------------------------------------------------------------------ */

/* How a checkpoint is nested is part of the program: each way has a plan of its own, which is found again. */
static void nesting_is_part_of_the_structure(void **state)
{
    (void)state;
    static const char *const ways[] = { "s e t s", "[s e t]s", "[[s e]t]s", "[s[e]t]s", "[[s]e t]s", "[s e]t s", "s e t s" };
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    for (size_t way = 0; way < COUNT(ways); way++) {
        const uint64_t before = rg_tape_get_stats(tape).plans_built;
        for (int step = 0; step < 3; step++) {
            rg_tensor h = rg_parameter(tape, rg_params_at(theta, 0));
            for (const char *at = ways[way]; *at; at++) {
                if (*at == '[') rg_checkpoint_begin(tape);
                if (*at == ']') rg_checkpoint_end(tape);
                h = *at == 's' ? rg_sin(h) : *at == 'e' ? rg_exp(h) : *at == 't' ? rg_tanh(h) : h;
            }
            assert_int_equal(rg_backward(rg_sum(h)), RG_OK);
            rg_params_consume_gradient(theta);
            rg_tape_reset(tape);
        }
        assert_int_equal(rg_tape_get_stats(tape).plans_built - before, way + 1 < COUNT(ways));
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* Those that were open at a mark are open again after it, whatever has ended meanwhile. */
static void rewinding_opens_again_what_was_open(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0.5, 1);
    rg_checkpoint_begin(tape);
    rg_tensor h = rg_exp(x);
    rg_checkpoint_begin(tape);
    h = rg_sin(h);
    const rg_mark mark = rg_tape_mark(tape);
    uint64_t nodes[3 * 2];
    for (int round = 0; round < 6; round++) {
        rg_tensor k = rg_tanh(h);
        for (int i = 0; i < round % 3; i++) rg_checkpoint_end(tape);
        for (int i = 0; i < round % 3; i++) rg_checkpoint_begin(tape);
        k = rg_square(k);
        const rg_tensor slope = gradient(rg_sum(k), x);
        nodes[round] = rg_tape_get_stats(tape).nodes; /* what is copied is among them */
        const double e = exp(0.5), t = tanh(sin(e));
        assert_true(fabs(element(slope, 0) - 2 * t * (1 - t * t) * cos(e) * e) < 1e-14);
        if (round >= 3) assert_int_equal(nodes[round], nodes[round - 3]);
        rg_tape_rewind(mark);
    }
    rg_checkpoint_end(tape);
    rg_checkpoint_end(tape);
    assert_fine(tape);
    rg_checkpoint_end(tape);
    assert_int_equal(rg_tape_status(tape), RG_E_STATE);
    rg_tape_free(tape);
}

/* ---- Work and memory of binomial checkpointing ------------------------------------------------------------------------ */

enum { ROWS = 64, COLUMNS = 64, MOST_STAGES = 60 };

static rg_tensor stage(void *context, int i, rg_tensor x)
{
    return rg_tanh(rg_matmul(x, rg_parameter(x.tape, rg_params_at(context, (size_t)i))));
}

/* It begins with what could be done as soon as the stage's input is there, long before it is wanted. */
static rg_tensor eager_stage(void *context, int i, rg_tensor x)
{
    return rg_matmul(rg_tanh(x), rg_parameter(x.tape, rg_params_at(context, (size_t)i)));
}

typedef rg_tensor stage_function(void *context, int i, rg_tensor x);

static rg_params *weights(int stages)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    for (int i = 0; i < stages; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        rg_params_add(theta, name, RG_SHAPE(COLUMNS, COLUMNS));
    }
    for (int64_t i = 0; i < rg_params_count(theta); i++)
        ((double *)rg_params_data(theta))[i] = rg_random_normal(3, 4, (uint64_t)i) / 8;
    rg_params_changed(theta);
    return theta;
}

static rg_tensor batch(rg_tape *tape)
{
    static double all[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++) all[i] = rg_random_normal(8, 9, (uint64_t)i);
    return rg_input(tape, RG_F64, RG_SHAPE(ROWS, COLUMNS), all);
}

/* Each stage is computed once to be reversed, and p(l, s) times it is only stepped over: l + p(l, s) in all. The
 * backward pass has two products for each stage, but the first one's input needs no gradient. */
static void stages_are_computed_as_often_as_the_theory_says(void **state)
{
    (void)state;
    static const int cases[][2] = { { 10, 2 }, { 10, 3 }, { 14, 3 }, { 56, 5 }, { 12, 1 }, { 7, 7 }, { 1, 1 } };
    for (size_t k = 0; k < COUNT(cases); k++) {
        const int l = cases[k][0], s = cases[k][1];
        rg_params *theta = weights(l);
        rg_checkpoint_schedule *schedule = rg_binomial_schedule(l, s, NULL);
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .profiles = true });
        rg_tensor x = batch(tape), y = rg_chain_forward(&(rg_chain){ stage, theta, l }, x, schedule);
        rg_program *compiled = rg_compile_backward(rg_sum(y), 1, &x);
        rg_profile profile;
        int products = 0;
        assert_non_null(compiled);
        assert_int_equal(rg_program_profile(compiled, 1, &profile), RG_OK);
        for (size_t i = 0; i < profile.count; i++) products += strncmp(profile.steps[i].what, "matmul", 6) == 0;
        assert_int_equal(products - (2 * l - 1), l + rg_binomial_steps(l, s));
        rg_program_free(compiled);
        rg_tape_free(tape);
        rg_checkpoint_schedule_free(schedule);
        rg_params_free(theta);
    }
}

static uint64_t workspace_of(stage_function *function, rg_params *theta, int l, const rg_checkpoint_schedule *schedule,
                             double *gradient_of)
{
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    for (int step = 0; step < 3; step++) {
        rg_tensor y = rg_chain_forward(&(rg_chain){ function, theta, l }, batch(tape), schedule);
        assert_int_equal(rg_backward(rg_sum(rg_square(y))), RG_OK);
        memcpy(gradient_of, rg_params_gradient(theta), (size_t)rg_params_count(theta) * sizeof *gradient_of);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    const uint64_t bytes = rg_tape_get_stats(tape).workspace_bytes;
    rg_tape_free(tape);
    return bytes;
}

/* One more state is that much more memory, to the byte; however long the chain is. */
static void each_state_takes_memory(stage_function *function)
{
    const uint64_t value = ROWS * COLUMNS * sizeof(double);
    for (int l = 20; l <= MOST_STAGES; l += 20) {
        rg_params *theta = weights(l);
        const size_t count = (size_t)rg_params_count(theta);
        double *plain = malloc(count * sizeof *plain), *again = malloc(count * sizeof *again);
        const uint64_t all = workspace_of(function, theta, l, NULL, plain);
        for (int s = 1; s < 8; s++) {
            rg_checkpoint_schedule *schedule = rg_binomial_schedule(l, s, NULL);
            const uint64_t bytes = workspace_of(function, theta, l, schedule, again);
            if (bytes / value != (uint64_t)s + 2) fail_msg("%d stages, %d states: %.2f values", l, s, (double)bytes / (double)value);
            assert_memory_equal(plain, again, count * sizeof *plain);
            rg_checkpoint_schedule_free(schedule);
        }
        assert_true(all >= (uint64_t)l * value);
        free(plain);
        free(again);
        rg_params_free(theta);
    }
}

static void each_state_takes_its_own_memory_and_no_more(void **state)
{
    (void)state;
    each_state_takes_memory(stage);
    each_state_takes_memory(eager_stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_nestings_have_the_bits_of_none),
        cmocka_unit_test(second_derivatives_are_the_same),
        cmocka_unit_test(nesting_is_part_of_the_structure),
        cmocka_unit_test(rewinding_opens_again_what_was_open),
        cmocka_unit_test(stages_are_computed_as_often_as_the_theory_says),
        cmocka_unit_test(each_state_takes_its_own_memory_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
