/* test_programs.c: a compiled program does what its recording would do, with other numbers in it, for as long as its
 * parameters live; and a training step compiled is the training step. */
#include "tensors.h"

#include "failing_malloc.h"
#include "nn.h"
#include "optim.h"

enum { IN = 9, HIDDEN = 40, CLASSES = 4, ROWS = 5, STEPS = 8 };

/* ---- Values --------------------------------------------------------------------------------------------- */

static void inputs_are_bound_and_read_at_each_run(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    const rg_tensor x = VECTOR(tape, 1, 2, 3), factor = rg_scalar(tape, RG_F64, 2), unused = VECTOR(tape, 7);
    const rg_tensor in[] = { x, factor, unused }, out[] = { rg_sum(rg_mul(x, factor)), rg_reshape(x, RG_SHAPE(3, 1)) };
    rg_program *program = rg_compile(3, in, 2, out);
    assert_non_null(program);
    assert_values(out[0], 12); /* the tape goes on as if nothing had been compiled */
    rg_tape_free(tape);

    assert_int_equal(rg_program_run(program), RG_OK);
    assert_true(*(const double *)rg_program_output(program, 0) == 12);
    double numbers[] = { 4, 5, 6 };
    assert_int_equal(rg_program_bind(program, 0, numbers), RG_OK);
    assert_int_equal(rg_program_bind(program, 2, numbers), RG_OK);
    assert_int_equal(rg_program_run(program), RG_OK);
    assert_true(*(const double *)rg_program_output(program, 0) == 30);
    numbers[2] = 0;
    assert_int_equal(rg_program_bind(program, 1, &(double){ 10 }), RG_OK);
    assert_int_equal(rg_program_run(program), RG_OK);
    assert_true(*(const double *)rg_program_output(program, 0) == 90);
    assert_memory_equal(rg_program_output(program, 1), numbers, sizeof numbers);
    rg_program_free(program);
}

static void mistakes_are_refused(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new(), *other = rg_tape_new();
    const rg_tensor x = VECTOR(tape, 1, 2), y = rg_tanh(x), strange = rg_tanh(VECTOR(other, 1));
    const struct {
        int inputs, outputs;
        rg_tensor in, out;
        const char *message;
    } mistakes[] = {
        { 1, 1, y, y, "input 1 was not recorded as one" },
        { 1, 1, x, x, "output 1 is a leaf" },
        { 1, 1, strange, y, "input 1 is not a tensor of this tape" },
        { 1, 0, x, y, "no outputs" },
    };
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        assert_null(rg_compile(mistakes[i].inputs, &mistakes[i].in, mistakes[i].outputs, &mistakes[i].out));
        assert_non_null(strstr(rg_message(tape), mistakes[i].message));
        assert_non_null(strstr(rg_message(tape), "test_programs.c"));
        rg_tape_clear_error(tape);
    }
    assert_null(rg_compile_backward(y, 0, NULL));
    assert_int_equal(rg_tape_status(tape), RG_E_GRADIENT);
    rg_tape_clear_error(tape);
    assert_null(rg_compile(0, NULL, 0, NULL));
    assert_null(rg_compile_backward((rg_tensor){ 0 }, 0, NULL));
    assert_int_equal(rg_program_run(NULL), RG_E_NULL);
    assert_int_equal(rg_program_bind(NULL, 0, tape), RG_E_NULL);
    assert_null(rg_program_output(NULL, 0));
    assert_non_null(rg_program_message(NULL));

    rg_program *program = rg_compile(1, &x, 1, &y);
    assert_int_equal(rg_program_bind(program, 1, &x), RG_E_ARGUMENT);
    assert_int_equal(rg_program_bind(program, -1, &x), RG_E_ARGUMENT);
    assert_int_equal(rg_program_bind(program, 0, NULL), RG_E_NULL);
    assert_non_null(strstr(rg_program_message(program), "input 0"));
    assert_null(rg_program_output(program, 1));
    assert_int_equal(rg_program_run(program), RG_OK);
    assert_string_equal(rg_program_message(program), "");
    rg_program_free(program);
    rg_tape_free(tape);
    rg_tape_free(other);
}

static void an_index_out_of_range_is_named(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    int32_t index[] = { 0, 1 };
    const rg_tensor of = rg_input(tape, RG_I32, RG_SHAPE(2), index);
    const rg_tensor rows = rg_gather_rows(MATRIX(tape, 2, 2, 1, 2, 3, 4), of), sum = rg_sum(rows);
    rg_program *program = rg_compile(1, &of, 1, &sum);
    rg_tape_free(tape);
    assert_int_equal(rg_program_bind(program, 0, index), RG_OK);
    index[1] = 2;
    assert_int_equal(rg_program_run(program), RG_E_INDEX);
    assert_non_null(strstr(rg_program_message(program), "gather_rows: index 2 at position 1 is out of range"));
    assert_non_null(strstr(rg_program_message(program), "test_programs.c"));
    index[1] = 0;
    assert_int_equal(rg_program_run(program), RG_OK);
    assert_true(*(const double *)rg_program_output(program, 0) == 6);
    rg_program_free(program);
}

/* ---- Training --------------------------------------------------------------------------------------------- */

typedef enum { RECORDED, RECORDED_IN_ONE, COMPILED_GRADIENT, COMPILED_STEP, WAYS } way;

typedef struct {
    rg_params *theta;
    rg_nn *net;
    rg_opt *opt;
    rg_tape *tape;
} trainer;

static void draw(uint64_t step, float *x, int32_t *labels)
{
    for (int i = 0; i < ROWS * IN; i++) x[i] = (float)rg_random_normal(3, step, (uint64_t)i);
    for (int i = 0; i < ROWS; i++) labels[i] = (int32_t)(rg_random_bits(4, step, (uint64_t)i) % CLASSES);
}

static rg_tensor record(trainer *t, const float *x, const int32_t *labels, rg_tensor *in)
{
    in[0] = rg_input(t->tape, RG_F32, RG_SHAPE(ROWS, IN), x);
    in[1] = rg_input(t->tape, RG_I32, RG_SHAPE(ROWS), labels);
    return rg_cross_entropy(rg_nn_forward(t->net, in[0]), in[1]);
}

static rg_program *compile(trainer *t, way how)
{
    float x[ROWS * IN];
    int32_t labels[ROWS];
    rg_tensor in[2];
    draw(1000, x, labels);
    const uint64_t draws = rg_params_random_counter(t->theta);
    const rg_tensor loss = record(t, x, labels, in);
    rg_program *program = how == COMPILED_STEP ? rg_opt_compile(t->opt, loss, 2, in) : rg_compile_backward(loss, 2, in);
    rg_params_set_random_counter(t->theta, draws); /* the recording's own draw is not to count */
    assert_fine(t->tape);
    rg_tape_reset(t->tape);
    return program;
}

static double train(trainer *t, way how, rg_program *program, uint64_t step)
{
    float x[ROWS * IN];
    int32_t labels[ROWS];
    draw(step, x, labels);
    if (program) {
        rg_program_bind(program, 0, x);
        rg_program_bind(program, 1, labels);
        assert_int_equal(rg_program_run(program), RG_OK);
        if (how == COMPILED_GRADIENT) assert_int_equal(rg_opt_step(t->opt), RG_OK);
        return (double)*(const float *)rg_program_output(program, 0);
    }
    rg_tensor in[2], loss = record(t, x, labels, in);
    if (how == RECORDED_IN_ONE) assert_int_equal(rg_opt_minimise(t->opt, loss), RG_OK);
    else assert_int_equal(rg_backward(loss) || rg_opt_step(t->opt), 0);
    const double value = rg_item(loss);
    assert_fine(t->tape);
    rg_tape_reset(t->tape);
    return value;
}

static rg_opt *plain(rg_params *theta)
{
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1 });
    rg_opt_set_schedule(opt, rg_opt_schedule_cosine(6, 0.1));
    return opt;
}

static rg_opt *adam(rg_params *theta)
{
    return rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.01 });
}

static void every_way_to_train_gives_the_same_bits(void **state)
{
    (void)state;
    static rg_opt *(*const optimisers[])(rg_params *) = { plain, adam };
    for (size_t o = 0; o < COUNT(optimisers); o++)
        for (int threads = 1; threads <= 3; threads += 2) {
            double losses[WAYS][STEPS];
            char *thetas[WAYS];
            size_t bytes = 0;
            for (way how = RECORDED; how < WAYS; how++) {
                trainer t = { .theta = rg_params_new(RG_F32, 5), .tape = rg_tape_new_with((rg_tape_options){ .threads = threads }) };
                t.net = rg_nn_mlp_with(t.theta, rg_tanh, (const int64_t[]){ IN, HIDDEN, HIDDEN, CLASSES }, 4,
                                       (rg_nn_mlp_options){ .dropout = 0.3 });
                t.opt = optimisers[o](t.theta);
                rg_program *program = how >= COMPILED_GRADIENT ? compile(&t, how) : NULL;
                for (uint64_t step = 0; step < STEPS; step++) {
                    if (step == 5) rg_opt_clip_norm(t.opt, 0.01); /* from now on a step needs the whole gradient */
                    losses[how][step] = train(&t, how, program, step);
                }
                assert_int_equal(rg_opt_step_count(t.opt), STEPS);
                bytes = (size_t)rg_params_count(t.theta) * sizeof(float);
                thetas[how] = malloc(bytes);
                memcpy(thetas[how], rg_params_data(t.theta), bytes);
                rg_program_free(program);
                rg_tape_free(t.tape);
                rg_opt_free(t.opt);
                rg_nn_free(t.net);
                rg_params_free(t.theta);
            }
            for (way how = RECORDED; how < WAYS; how++) {
                assert_memory_equal(losses[how], losses[RECORDED], sizeof losses[how]);
                assert_memory_equal(thetas[how], thetas[RECORDED], bytes);
            }
            for (way how = RECORDED; how < WAYS; how++) free(thetas[how]);
        }
}

static rg_program *square_program(rg_params *theta)
{
    rg_tape *tape = rg_tape_new();
    rg_program *program = rg_compile_backward(rg_sum(rg_square(rg_parameter(tape, rg_params_at(theta, 0)))), 0, NULL);
    rg_tape_free(tape);
    return program;
}

static void theta_may_move_and_gradients_add_up(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_params_add(theta, "w", RG_SHAPE(2));
    rg_program *program = square_program(theta);
    assert_int_equal(rg_program_run(program), RG_OK);
    rg_params_consume_gradient(theta);
    rg_params_add(theta, "large", RG_SHAPE(100000));
    double *w = rg_params_data(theta);
    w[0] = 3;
    w[1] = 4;
    for (int run = 1; run <= 3; run++) {
        assert_int_equal(rg_program_run(program), RG_OK);
        assert_true(*(const double *)rg_program_output(program, 0) == 25);
        const double *slope = rg_params_gradient(theta);
        assert_true(slope[0] == run * 6 && slope[1] == run * 8 && slope[2] == 0);
    }
    rg_program_free(program);
    rg_params_free(theta);
}

/* However it fails, it says so, and nothing is lost. */
static void compiling_survives_any_failing_allocation(void **state)
{
    (void)state;
    bool succeeded = false;
    for (long allowed = FAILING_MALLOC ? 0 : 1000000; !succeeded && allowed <= 1000000; allowed++) {
        trainer t = { .theta = rg_params_new(RG_F32, 5), .tape = rg_tape_new() };
        t.net = rg_nn_mlp(t.theta, rg_tanh, (const int64_t[]){ IN, HIDDEN, CLASSES }, 3);
        t.opt = plain(t.theta);
        rg_tensor in[2];
        float x[ROWS * IN];
        int32_t labels[ROWS];
        draw(1, x, labels);
        const rg_tensor loss = record(&t, x, labels, in);
        allocations_fail_after(allowed);
        rg_program *program = rg_opt_compile(t.opt, loss, 2, in);
        allocations_fail_after(-1);
        succeeded = program != NULL;
        assert_int_equal(rg_tape_status(t.tape), succeeded ? RG_OK : RG_E_MEMORY);
        rg_tape_clear_error(t.tape);
        assert_true(isfinite(rg_item(loss)));
        rg_program_free(program);
        rg_tape_free(t.tape);
        rg_opt_free(t.opt);
        rg_nn_free(t.net);
        rg_params_free(t.theta);
    }
    assert_true(succeeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_bound_and_read_at_each_run),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(an_index_out_of_range_is_named),
        cmocka_unit_test(every_way_to_train_gives_the_same_bits),
        cmocka_unit_test(theta_may_move_and_gradients_add_up),
        cmocka_unit_test(compiling_survives_any_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
