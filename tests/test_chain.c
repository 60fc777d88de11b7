/* test_chain.c: a chain that was planned for a budget is trained within it, by the bits that it has without, and takes
 * what was predicted. */
#include "refused.h"

#include "nn.h"
#include "optim.h"

/* ---- Chains of several kinds --------------------------------------------------------------------------------------- */

enum { ROWS = 96, CLASSES = 10, STEPS = 3 };

typedef struct {
    const char *name;
    rg_dtype dtype;
    int stages;                     /* and the loss */
    int64_t in;                     /* features of the input */
    double dropout;
    bool cut_in_steps;              /* there are stages that are done with the one before, in one step */
    rg_tensor (*stage)(void *context, int i, rg_tensor x);
} kind;

typedef struct {
    const kind *kind;
    rg_params *theta;
    rg_nn *net;
    rg_chain layers;
    int32_t labels[ROWS];
} model;

static rg_tensor loss_of(const model *m, rg_tensor x)
{
    return rg_cross_entropy(x, rg_input_borrowed(x.tape, RG_I32, RG_SHAPE(ROWS), m->labels));
}

static rg_tensor perceptron_stage(void *context, int i, rg_tensor x)
{
    const model *m = context;
    return i < m->layers.count ? m->layers.stage(m->layers.context, i, x) : loss_of(m, x);
}

static rg_tensor weight(const model *m, const char *name, int i, rg_tensor x)
{
    char full[32];
    snprintf(full, sizeof full, "%s%d", name, i);
    return rg_parameter(x.tape, rg_params_find(m->theta, full));
}

/* Much is kept inside of a stage: attention of the rows to each other, normalised, and added to what came in. */
static rg_tensor attention_stage(void *context, int i, rg_tensor x)
{
    const model *m = context;
    if (i == m->kind->stages) return loss_of(m, rg_slice(x, 1, 0, CLASSES));
    rg_tensor q = rg_matmul(x, weight(m, "q", i, x)), k = rg_matmul(x, weight(m, "k", i, x)), v = rg_matmul(x, weight(m, "v", i, x));
    rg_tensor a = rg_softmax(rg_scale(rg_matmul(q, rg_transpose(k)), 0.1), -1), h = rg_add(x, rg_matmul(a, v));
    rg_tensor c = rg_sub(h, rg_mean_axes(h, RG_AXES(-1), true));
    rg_tensor d = rg_sqrt(rg_shift(rg_mean_axes(rg_square(c), RG_AXES(-1), true), 1e-5));
    rg_tensor bent = rg_tanh(h); /* by itself: compilers differ in the order of arguments, and then so do plans */
    return rg_add(rg_div(c, d), bent);
}

/* Half of the stages have no parameters and keep next to nothing. */
static rg_tensor fine_stage(void *context, int i, rg_tensor x)
{
    const model *m = context;
    if (i == m->kind->stages) return loss_of(m, rg_slice(x, 1, 0, CLASSES));
    if (i % 4 == 1) return rg_relu(x);
    if (i % 4 == 2) return rg_scale(x, 1.5);
    if (i % 4 == 3) return rg_reshape(x, rg_shape_of(x));
    return rg_matmul(x, weight(m, "q", i, x));
}

static const kind kinds[] = {
    { "even perceptron", RG_F32, 16, 128, 0, false, perceptron_stage },
    { "uneven perceptron", RG_F32, 20, 200, 0, false, perceptron_stage },
    { "with dropout", RG_F64, 14, 100, 0.2, false, perceptron_stage },
    { "attention", RG_F32, 10, 64, 0, false, attention_stage },
    { "fine stages", RG_F32, 40, 128, 0, true, fine_stage },
};

static void model_new(model *m, const kind *k)
{
    *m = (model){ .kind = k, .theta = rg_params_new(k->dtype, 5) };
    int64_t sizes[64] = { k->in };
    for (int i = 1; i < k->stages; i++) sizes[i] = k == &kinds[1] ? 40 + (int64_t)(rg_random_bits(2, 2, (uint64_t)i) % 300) : k->in;
    sizes[k->stages] = CLASSES;
    if (k->stage == perceptron_stage) {
        m->net = rg_nn_mlp_with(m->theta, rg_relu, sizes, k->stages + 1, (rg_nn_mlp_options){ .dropout = k->dropout });
        m->layers = rg_nn_chain(m->net);
        assert_int_equal(m->layers.count, k->stages);
    }
    for (int i = 0; i < k->stages && !m->net; i++)
        for (int name = 0; name < 3; name++) {
            char full[32];
            snprintf(full, sizeof full, "%c%d", "qkv"[name], i);
            rg_nn_initialise(rg_params_add(m->theta, full, RG_SHAPE(k->in, k->in)), rg_nn_init_lecun_normal(), 0, 0);
        }
    for (int i = 0; i < ROWS; i++) m->labels[i] = i % CLASSES;
}

static void model_free(model *m)
{
    rg_nn_free(m->net);
    rg_params_free(m->theta);
}

static rg_tensor input(rg_tape *tape, const kind *k)
{
    static double wide[ROWS * 512];
    static float narrow[ROWS * 512];
    for (int64_t i = 0; i < ROWS * k->in; i++) narrow[i] = (float)(wide[i] = rg_random_normal(7, 7, (uint64_t)i));
    return rg_input_borrowed(tape, k->dtype, RG_SHAPE(ROWS, k->in), k->dtype == RG_F32 ? (void *)narrow : wide);
}

/* ---- Within the budget ------------------------------------------------------------------------------------------------ */

/* Trains a few steps. Returns the workspace that it took, and the gradient of the last step. */
static uint64_t train(model *m, const rg_checkpoint_schedule *schedule, double *loss, char *gradient_of)
{
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    const rg_chain chain = { m->kind->stage, m, m->kind->stages + 1 };
    const size_t bytes = (size_t)rg_params_count(m->theta) * rg_dtype_size(m->kind->dtype);
    rg_params_set_random_counter(m->theta, 0);
    for (int step = 0; step < STEPS; step++) {
        const rg_tensor y = rg_chain_forward(&chain, input(tape, m->kind), schedule);
        assert_int_equal(rg_backward(y), RG_OK);
        *loss = rg_item(y);
        memcpy(gradient_of, rg_params_gradient(m->theta), bytes);
        rg_params_consume_gradient(m->theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    const uint64_t workspace = rg_tape_get_stats(tape).workspace_bytes;
    rg_tape_free(tape);
    return workspace;
}

/* The least budget, which a refusal names. */
static size_t least_budget(const rg_chain *chain, rg_tensor x)
{
    assert_null(rg_chain_plan(chain, x, 1));
    assert_int_equal(rg_tape_status(x.tape), RG_E_ARGUMENT);
    const char *at = strstr(rg_message(x.tape), "the least is ");
    assert_non_null(at);
    const size_t least = strtoull(at + strlen("the least is "), NULL, 10);
    rg_tape_clear_error(x.tape);
    return least;
}

static void budgets_hold_and_peaks_are_those_predicted(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        model m;
        model_new(&m, &kinds[k]);
        const size_t bytes = (size_t)rg_params_count(m.theta) * rg_dtype_size(kinds[k].dtype);
        char *plain = malloc(bytes), *again = malloc(bytes);
        double loss, same, before = INFINITY;
        const rg_chain chain = { kinds[k].stage, &m, kinds[k].stages + 1 };
        rg_tape *tape = rg_tape_new();
        const rg_tensor x = input(tape, &kinds[k]);
        train(&m, NULL, &loss, plain);
        const size_t all = rg_chain_workspace(&chain, x, NULL), least = least_budget(&chain, x);
        assert_true(least <= all);
        for (int step = 0; step <= 6; step++) {
            const size_t budget = least + (all - least) / 6 * (size_t)step;
            rg_checkpoint_schedule *schedule = rg_chain_plan(&chain, x, budget);
            assert_fine(tape);
            assert_non_null(schedule);
            assert_int_equal(rg_params_random_counter(m.theta), kinds[k].dropout > 0 ? STEPS * (kinds[k].stages - 1) : 0);
            const uint64_t measured = train(&m, schedule, &same, again);
            print_message("%-18s budget %8zu: predicted %8zu, measured %8llu, %5.1f %% again, %d checkpoints\n", kinds[k].name, budget,
                          schedule->peak, (unsigned long long)measured, 100 * schedule->again / schedule->forward, schedule->ranges);
            assert_true(measured <= budget);
            if (!kinds[k].cut_in_steps) assert_true(fabs((double)schedule->peak - (double)measured) <= 0.1 * (double)measured);
            assert_int_equal(rg_chain_workspace(&chain, x, schedule), measured);
            assert_true(same == loss);
            assert_memory_equal(plain, again, bytes);
            assert_true(schedule->again <= 1.1 * before + 0.01 * schedule->forward);
            before = schedule->again;
            rg_checkpoint_schedule_free(schedule);
        }
        assert_true(all >= least + least / 4);
        rg_tape_free(tape);
        free(plain);
        free(again);
        model_free(&m);
    }
}

/* What a stage is said to take is what can be worked out by hand: y = relu(x W' + b). */
static void stages_take_what_can_be_worked_out(void **state)
{
    (void)state;
    enum { WIDE = 128 };
    const size_t value = ROWS * WIDE * sizeof(float);
    const int64_t sizes[] = { WIDE, WIDE, WIDE, WIDE, WIDE };
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_nn *net = rg_nn_mlp(theta, rg_relu, sizes, COUNT(sizes));
    rg_tape *tape = rg_tape_new();
    rg_tensor x = input(tape, &kinds[0]);
    const rg_chain chain = rg_nn_chain(net);
    rg_stage stages[4];
    assert_int_equal(rg_chain_measure(&chain, x, stages), RG_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stages[i].output, value);
        assert_int_equal(stages[i].adjoint, value);
        assert_int_equal(stages[i].saved, value);
        assert_int_equal(stages[i].advance_peak, value);
        assert_int_equal(stages[i].forward_peak, value);
        assert_int_equal(stages[i].final_peak, value);
        if (i > 0) assert_int_equal(stages[i].backward_peak, 2 * value);
        assert_true(stages[i].forward >= 2.0 * ROWS * WIDE * WIDE && stages[i].forward <= 2.0 * ROWS * WIDE * (WIDE + 2));
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_nn_free(net);
    rg_params_free(theta);
}

/* ---- What else is promised ---------------------------------------------------------------------------------------------- */

/* A module is recorded under its schedule, wherever it is used, and finds its plan again. */
static void a_sequence_has_its_schedule(void **state)
{
    (void)state;
    model m;
    model_new(&m, &kinds[2]);
    const size_t bytes = (size_t)rg_params_count(m.theta) * sizeof(double);
    char *plain = malloc(bytes);
    double loss;
    const rg_chain chain = { perceptron_stage, &m, kinds[2].stages + 1 };
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    rg_tensor x = input(tape, &kinds[2]);
    const size_t all = rg_chain_workspace(&chain, x, NULL);
    rg_checkpoint_schedule *schedule = rg_chain_plan(&chain, x, all / 2);
    assert_non_null(schedule);
    train(&m, NULL, &loss, plain);
    assert_int_equal(rg_nn_set_schedule(m.net, schedule), RG_OK);
    rg_params_set_random_counter(m.theta, 0);
    rg_tape_reset(tape);
    for (int step = 0; step < STEPS; step++) {
        rg_tensor y = loss_of(&m, rg_nn_forward(m.net, input(tape, &kinds[2])));
        assert_int_equal(rg_backward(y), RG_OK);
        if (step == STEPS - 1) assert_true(rg_item(y) == loss);
        if (step == STEPS - 1) assert_memory_equal(plain, rg_params_gradient(m.theta), bytes);
        rg_params_consume_gradient(m.theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    assert_true(rg_tape_get_stats(tape).workspace_bytes <= all / 2);
    assert_int_equal(rg_tape_get_stats(tape).hits, STEPS - 1);
    assert_int_equal(rg_nn_set_schedule(m.net, NULL), RG_OK);
    for (int step = 0; step < STEPS; step++) {
        rg_backward(loss_of(&m, rg_nn_forward(m.net, input(tape, &kinds[2]))));
        rg_params_consume_gradient(m.theta);
        rg_tape_reset(tape);
    }
    assert_true(rg_tape_get_stats(tape).workspace_bytes > all / 2);
    rg_tape_free(tape);
    rg_checkpoint_schedule_free(schedule);
    free(plain);
    model_free(&m);
}

static rg_tensor sine(void *context, int i, rg_tensor x)
{
    (void)context, (void)i;
    return rg_sin(x);
}

static rg_tensor sharper(void *context, int i, rg_tensor x)
{
    (void)context, (void)i;
    return rg_softmax(rg_scale(x, 50), 0);
}

/* A chain without parameters is measured for the gradient of its input, and one that comes after something else takes
 * only what is its own. The tape is as it was: what had been recorded is there, and handles are good. */
static void a_chain_is_measured_wherever_it_stands(void **state)
{
    (void)state;
    enum { MANY = 4096, DEEP = 12 };
    const size_t value = MANY * sizeof(double);
    double numbers[MANY];
    for (int i = 0; i < MANY; i++) numbers[i] = sin(i);
    rg_params *theta = STORE(MANY);
    rg_tape *tape = rg_tape_new();
    const rg_chain chain = { sharper, NULL, DEEP };
    for (int way = 0; way < 2; way++) {
        rg_tensor leaf = rg_input(tape, RG_F64, RG_SHAPE(MANY), numbers);
        rg_tensor x = way == 0 ? leaf : rg_mul(leaf, rg_parameter(tape, rg_params_at(theta, 0)));
        const uint64_t nodes = rg_tape_get_stats(tape).nodes;
        rg_stage stages[DEEP];
        assert_int_equal(rg_chain_measure(&chain, x, stages), RG_OK);
        for (int i = 0; i < DEEP; i++) assert_int_equal(stages[i].output, value);
        const size_t all = rg_chain_workspace(&chain, x, NULL);
        rg_checkpoint_schedule *schedule = rg_chain_plan(&chain, x, all / 2);
        assert_fine(tape);
        assert_non_null(schedule);
        assert_true(rg_chain_workspace(&chain, x, schedule) <= all / 2);
        assert_int_equal(rg_tape_get_stats(tape).nodes, nodes);
        rg_tensor y = rg_sum(rg_chain_forward(&chain, x, schedule)), z = rg_sum(rg_chain_forward(&chain, x, NULL));
        rg_tensor dy = gradient(y, leaf), dz = gradient(z, leaf);
        for (int i = 0; i < MANY; i += 97) assert_true(element(dy, i) == element(dz, i));
        rg_checkpoint_schedule_free(schedule);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- Misuse --------------------------------------------------------------------------------------------------------------- */

static rg_tensor same(void *context, int i, rg_tensor x)
{
    (void)context, (void)i;
    return x;
}

static rg_tensor nothing(void *context, int i, rg_tensor x)
{
    (void)context, (void)i, (void)x;
    return (rg_tensor){ 0 };
}

static rg_tensor whole_numbers(void *context, int i, rg_tensor x)
{
    (void)context, (void)i;
    return rg_argmax(x);
}

static rg_tape *tape;
#define REFUSED(call, status, begins) ((void)(call), assert_refused(tape, __FILE__, __LINE__, status, begins, ""))

static void chains_refuse_what_is_none(void **state)
{
    (void)state;
    tape = rg_tape_new();
    const rg_chain chain = { sine, NULL, 3 }, none = { 0 }, short_chain = { sine, NULL, 0 }, still = { same, NULL, 2 },
                   lost = { nothing, NULL, 2 }, whole = { whole_numbers, NULL, 1 };
    rg_stage stages[3];
    rg_tensor old = VECTOR(tape, 1, 2), null = { 0 };
    rg_tape_reset(tape);
    rg_tensor x = VECTOR(tape, 1, 2), one = VECTOR(tape, 1), labels = rg_argmax(MATRIX(tape, 1, 2, 1, 2));
    rg_checkpoint_schedule short_schedule = { .stages = 2 };
    const rg_stage_range crossed[] = { { 0, 2 }, { 1, 3 } }, backward[] = { { 1, 2 }, { 0, 1 } }, empty[] = { { 1, 1 } },
                         far[] = { { 2, 4 } };
    const rg_checkpoint_schedule bad[] = { { .stages = 3, .ranges = 2, .range = crossed }, { .stages = 3, .ranges = 2, .range = backward },
                                           { .stages = 3, .ranges = 1, .range = empty }, { .stages = 4, .ranges = 1, .range = far } };

    REFUSED(rg_chain_forward(NULL, x, NULL), RG_E_NULL, "chain: no chain");
    REFUSED(rg_chain_forward(&none, x, NULL), RG_E_NULL, "chain: no chain");
    REFUSED(rg_chain_forward(&chain, old, NULL), RG_E_TAPE, "chain: operand 1 is a tensor from before");
    REFUSED(rg_chain_forward(&chain, x, &short_schedule), RG_E_ARGUMENT, "chain: a schedule for 2 stages, and the chain has 3");
    for (size_t i = 0; i < COUNT(bad); i++)
        REFUSED(rg_chain_forward(&chain, x, &bad[i]), RG_E_ARGUMENT, "chain: a checkpoint of the schedule does not lie within");
    assert_true(rg_is_null(rg_chain_forward(&chain, null, NULL)));
    assert_true(rg_is_null(rg_chain_forward(&lost, x, NULL)));
    assert_fine(tape);

    REFUSED(rg_chain_measure(NULL, x, stages), RG_E_NULL, "chain: no chain");
    REFUSED(rg_chain_measure(&short_chain, x, stages), RG_E_ARGUMENT, "chain: no chain, or no stages");
    REFUSED(rg_chain_measure(&chain, x, NULL), RG_E_NULL, "chain: nowhere to put stages");
    REFUSED(rg_chain_measure(&chain, old, stages), RG_E_TAPE, "chain: operand 1 is a tensor from before");
    REFUSED(rg_chain_measure(&still, one, stages), RG_E_ARGUMENT, "chain: its stages record nothing");
    REFUSED(rg_chain_measure(&lost, x, stages), RG_E_NULL, "chain: a stage gives no tensor");
    rg_chain_measure(&whole, x, stages);
    assert_int_equal(rg_tape_status(tape), RG_E_GRADIENT);
    rg_tape_clear_error(tape);
    rg_chain_measure(&chain, labels, stages);
    assert_int_equal(rg_tape_status(tape), RG_E_DTYPE);
    rg_tape_clear_error(tape);
    assert_int_equal(rg_chain_measure(&chain, null, stages), RG_E_NULL);
    REFUSED(rg_chain_workspace(NULL, x, NULL), RG_E_NULL, "chain: no chain");
    REFUSED(rg_chain_workspace(&chain, x, &bad[0]), RG_E_ARGUMENT, "chain: a checkpoint");
    assert_int_equal(rg_chain_workspace(&chain, null, NULL), 0);
    REFUSED(rg_chain_plan(NULL, x, 1000), RG_E_NULL, "chain: no chain");
    REFUSED(rg_chain_plan(&chain, x, 1), RG_E_ARGUMENT, "chain: 1 bytes are too few for these 3 stages: the least is ");
    assert_null(rg_chain_plan(&chain, null, 1000));
    assert_int_equal(rg_nn_set_schedule(NULL, NULL), RG_E_NULL);
    assert_int_equal(rg_nn_chain(NULL).count, 0);

    rg_fail(tape, NULL, RG_E_INDEX, "the first");
    assert_true(rg_is_null(rg_chain_forward(&chain, x, NULL)));
    assert_int_equal(rg_chain_measure(&chain, x, stages), RG_E_INDEX);
    assert_int_equal(rg_chain_workspace(&chain, x, NULL), 0);
    assert_null(rg_chain_plan(&chain, x, 1 << 20));
    assert_string_equal(rg_message(tape), "the first");
    rg_tape_clear_error(tape);

    assert_true(fabs(element(rg_chain_forward(&chain, x, NULL), 0) - sin(sin(sin(1)))) < 1e-15);
    assert_fine(tape);
    rg_tape_free(tape);
}

static rg_tensor given(void *context, int i, rg_tensor x)
{
    return i == 1 ? *(const rg_tensor *)context : rg_sin(x);
}

static void stages_give_tensors_of_their_tape(void **state)
{
    (void)state;
    tape = rg_tape_new();
    rg_tape *elsewhere = rg_tape_new();
    rg_tensor old = VECTOR(tape, 1, 2), far = VECTOR(elsewhere, 1, 2);
    rg_tape_reset(tape);
    for (int i = 0; i < 1000; i++) far = rg_neg(far); /* a number that no node of the tape has */
    const rg_chain lost = { given, &far, 3 }, stale = { given, &old, 3 }, at_the_end = { given, &far, 2 };
    rg_tensor x = VECTOR(tape, 1, 2);
    rg_stage stages[3];
    REFUSED(rg_chain_measure(&lost, x, stages), RG_E_TAPE, "chain: what stage 1 gives is on another tape");
    REFUSED(rg_chain_workspace(&at_the_end, x, NULL), RG_E_TAPE, "chain: what stage 1 gives is on another tape");
    REFUSED(rg_chain_forward(&at_the_end, x, NULL), RG_E_TAPE, "chain: what stage 1 gives is on another tape");
    REFUSED(rg_chain_measure(&stale, x, stages), RG_E_TAPE, "chain: operand 1 is a tensor from before");
    assert_fine(elsewhere);
    rg_tape_free(elsewhere);
    rg_tape_free(tape);
}

static void schedules_made_by_hand_are_looked_at(void **state)
{
    (void)state;
    tape = rg_tape_new();
    const rg_chain chain = { sine, NULL, 3 };
    const rg_stage_range whole = { 0, 3 };
    const rg_checkpoint_schedule less_than_none = { .stages = 3, .ranges = -1, .range = &whole },
                                 not_there = { .stages = 3, .ranges = 1 };
    rg_tensor x = VECTOR(tape, 1, 2);
    REFUSED(rg_chain_forward(&chain, x, &less_than_none), RG_E_ARGUMENT, "chain: a schedule of -1 checkpoints");
    REFUSED(rg_chain_workspace(&chain, x, &not_there), RG_E_ARGUMENT, "chain: a schedule of 1 checkpoints");
    rg_tape_free(tape);
}

/* With one state, each checkpoint lies in the one before it. */
static void as_many_checkpoints_within_one_another_as_there_are_stages(void **state)
{
    (void)state;
    enum { MANY = 200000 };
    tape = rg_tape_new();
    rg_checkpoint_schedule *schedule = rg_binomial_schedule(MANY, 1, NULL);
    assert_non_null(schedule);
    rg_tensor y = rg_chain_forward(&(rg_chain){ sine, NULL, MANY }, VECTOR(tape, 1), schedule);
    assert_true(rg_item(y) > 0);
    rg_checkpoint_end(tape); /* none is open */
    assert_int_equal(rg_tape_status(tape), RG_E_STATE);
    rg_checkpoint_schedule_free(schedule);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_hold_and_peaks_are_those_predicted),
        cmocka_unit_test(stages_take_what_can_be_worked_out),
        cmocka_unit_test(a_sequence_has_its_schedule),
        cmocka_unit_test(a_chain_is_measured_wherever_it_stands),
        cmocka_unit_test(chains_refuse_what_is_none),
        cmocka_unit_test(stages_give_tensors_of_their_tape),
        cmocka_unit_test(schedules_made_by_hand_are_looked_at),
        cmocka_unit_test(as_many_checkpoints_within_one_another_as_there_are_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
