/* test_example_models.c: models as the examples have them, trained in every way there is, with any number of threads and
 * any vector instructions, end up with the same parameters, bit for bit. */
#include "tensors.h"

#include "nn.h"
#include "optim.h"

/* ---- The models --------------------------------------------------------------------------------------------------- */

enum { ROWS = 70, FEATURES = 40, CLASSES = 10, WORDS = 30, STEPS = 12, LAYERS = 3 };

typedef struct model model;
struct model {
    rg_params *theta;
    rg_nn *net;
    rg_nn_linear layer[LAYERS];
    rg_param table, gain;
};

/* What is trained, and on what: x f32[ROWS, FEATURES], and labels or indices i32[ROWS]. */
typedef struct {
    const char *name;
    void (*make)(model *m);
    rg_tensor (*loss)(const model *m, rg_tensor x, rg_tensor labels);
} kind;

static void make_classifier(model *m)
{
    m->net = RG_MLP(m->theta, rg_relu, FEATURES, 130, CLASSES);
}

static rg_tensor classifier_loss(const model *m, rg_tensor x, rg_tensor labels)
{
    return rg_cross_entropy(rg_nn_forward(m->net, x), labels);
}

static void make_regression(model *m)
{
    m->net = RG_MLP(m->theta, rg_tanh, FEATURES, 16, 16, 1);
}

static rg_tensor regression_loss(const model *m, rg_tensor x, rg_tensor labels)
{
    (void)labels;
    return rg_mse(rg_nn_forward(m->net, x), rg_slice(x, 1, 0, 1));
}

static void make_gated(model *m)
{
    m->layer[0] = rg_nn_linear_new(m->theta, "in", FEATURES, 32);
    m->layer[1] = rg_nn_linear_new(m->theta, "gate", FEATURES, 32);
    m->layer[2] = rg_nn_linear_new(m->theta, "out", 32, 1);
}

static rg_tensor gated_loss(const model *m, rg_tensor x, rg_tensor labels)
{
    (void)labels;
    rg_tensor h = rg_tanh(rg_nn_linear_forward(&m->layer[0], x)), g = rg_sigmoid(rg_nn_linear_forward(&m->layer[1], x));
    return rg_mean(rg_square(rg_nn_linear_forward(&m->layer[2], rg_mul(h, g))));
}

/* An op of the user's: no vector instructions, no steps. */
static void swish_f32(const rg_call *call, int64_t begin, int64_t end)
{
    const float *x = call->in[0];
    float *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = x[i] / (1 + expf(-x[i]));
}

static rg_tensor swish_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    rg_tensor s = rg_sigmoid(in[k]);
    return rg_mul(g, rg_add(s, rg_mul(y, rg_one_minus(s))));
}

static const rg_op swish = { .name = "swish", .doc = "x sigmoid(x)", .arity = 1, .shape = rg_shape_same, .f32 = swish_f32,
                             .vjp = swish_vjp };

static rg_tensor own_op_loss(const model *m, rg_tensor x, rg_tensor labels)
{
    rg_tensor h = rg_nn_linear_forward(&m->layer[0], x), y = rg_apply(&swish, NULL, 1, &h);
    (void)labels;
    return rg_sum(rg_square(rg_nn_linear_forward(&m->layer[2], y)));
}

/* The norm of a gradient is a loss itself. */
static rg_tensor second_derivative_loss(const model *m, rg_tensor x, rg_tensor labels)
{
    rg_tensor y = gated_loss(m, x, labels), slope;
    rg_grad(y, &x, 1, &slope);
    return rg_add(y, rg_sum(rg_square(slope)));
}

/* Words, attention and a layer norm, of basic ops. */
static void make_attention(model *m)
{
    m->table = rg_params_add(m->theta, "words", RG_SHAPE(WORDS, 24));
    m->gain = rg_params_add(m->theta, "gain", RG_SHAPE(24));
    m->layer[0] = rg_nn_linear_new(m->theta, "query", 24, 24);
    m->layer[1] = rg_nn_linear_new(m->theta, "key", 24, 24);
    m->layer[2] = rg_nn_linear_new(m->theta, "out", 24, CLASSES);
    float *numbers = rg_params_data(m->theta);
    for (int64_t i = 0; i < WORDS * 24 + 24; i++) numbers[i] = (float)rg_random_normal(3, 0, (uint64_t)i);
    rg_params_changed(m->theta);
}

static rg_tensor layer_norm(rg_tensor x, rg_tensor gain)
{
    rg_tensor centred = rg_sub(x, rg_mean_axes(x, RG_AXES(-1), true));
    rg_tensor variance = rg_mean_axes(rg_square(centred), RG_AXES(-1), true);
    return rg_mul(rg_div(centred, rg_sqrt(rg_shift(variance, 1e-5))), gain);
}

static rg_tensor attention_loss(const model *m, rg_tensor x, rg_tensor labels)
{
    rg_tensor words = rg_gather_rows(rg_parameter(x.tape, m->table), labels);
    rg_tensor h = rg_reshape(layer_norm(words, rg_parameter(x.tape, m->gain)), RG_SHAPE(7, ROWS / 7, 24));
    rg_tensor q = rg_nn_linear_forward(&m->layer[0], h), k = rg_nn_linear_forward(&m->layer[1], h);
    rg_tensor scores = rg_softmax(rg_scale(rg_matmul(q, rg_transpose(k)), 0.2), -1);
    rg_tensor seen = rg_dropout(rg_matmul(scores, h), 0.1, rg_random_draw(x.tape, m->theta));
    return rg_cross_entropy(rg_nn_linear_forward(&m->layer[2], rg_reshape(seen, RG_SHAPE(ROWS, 24))), labels);
}

static const kind kinds[] = {
    { "classifier", make_classifier, classifier_loss }, { "regression", make_regression, regression_loss },
    { "gated", make_gated, gated_loss },                { "own op", make_gated, own_op_loss },
    { "second derivative", make_gated, second_derivative_loss }, { "attention", make_attention, attention_loss },
};

/* ---- The ways to train one ----------------------------------------------------------------------------------------- */

typedef enum { STEP_BY_STEP, AT_ONCE, COMPILED } manner;

typedef struct {
    const char *name, *simd;
    rg_tape_options options;
    manner manner;
} way;

/* The first is what the others are compared with. */
static const way ways[] = {
    { "1 thread", NULL, { .threads = 1 }, STEP_BY_STEP },
    { "2 threads", NULL, { .threads = 2 }, STEP_BY_STEP },
    { "3 threads, compiled", NULL, { .threads = 3 }, COMPILED },
    { "4 threads, at once", NULL, { .threads = 4 }, AT_ONCE },
    { "7 threads", NULL, { .threads = 7 }, STEP_BY_STEP },
    { "node by node", NULL, { .threads = 1, .eager = true }, STEP_BY_STEP },
    { "node by node, 3 threads", NULL, { .threads = 3, .eager = true }, AT_ONCE },
    { "at once", NULL, { .threads = 1 }, AT_ONCE },
    { "compiled", NULL, { .threads = 1 }, COMPILED },
    { "portable", "portable", { .threads = 1 }, STEP_BY_STEP },
    { "portable, compiled", "portable", { .threads = 2 }, COMPILED },
    { "avx2", "avx2", { .threads = 1 }, STEP_BY_STEP },
    { "avx2, compiled", "avx2", { .threads = 1 }, COMPILED },
};

typedef struct {
    float x[ROWS * FEATURES];
    int32_t labels[ROWS];
} numbers;

static void draw(numbers *n, uint64_t step)
{
    for (int i = 0; i < ROWS * FEATURES; i++) n->x[i] = (float)rg_random_normal(5, step, (uint64_t)i);
    for (int i = 0; i < ROWS; i++) n->labels[i] = (int32_t)(rg_random_bits(6, step, (uint64_t)i) % CLASSES);
}

static rg_tensor record(const kind *k, const model *m, rg_tape *tape, const numbers *n, rg_tensor *in)
{
    in[0] = rg_input_borrowed(tape, RG_F32, RG_SHAPE(ROWS, FEATURES), n->x);
    in[1] = rg_input_borrowed(tape, RG_I32, RG_SHAPE(ROWS), n->labels);
    return k->loss(m, in[0], in[1]);
}

static void train(const kind *k, const way *w, model *m, rg_opt *opt)
{
    static numbers n;
    rg_program *program = NULL;
    if (w->simd) setenv("RG_SIMD", w->simd, 1);
    rg_tape *tape = rg_tape_new_with(w->options);
    unsetenv("RG_SIMD");
    draw(&n, 0);
    if (w->manner == COMPILED) {
        rg_tensor in[2], loss = record(k, m, tape, &n, in);
        program = rg_opt_compile(opt, loss, 2, in);
        if (!program) fail_msg("%s, %s: %s", k->name, w->name, rg_message(tape));
        rg_params_set_random_counter(m->theta, 0); /* recording has drawn a key, and each run draws its own */
    }
    for (uint64_t step = 0; step < STEPS; step++) {
        draw(&n, step);
        if (program) {
            rg_program_bind(program, 0, n.x);
            rg_program_bind(program, 1, n.labels);
            assert_int_equal(rg_program_run(program), RG_OK);
            continue;
        }
        rg_tensor in[2], loss = record(k, m, tape, &n, in);
        if (w->manner == AT_ONCE) rg_opt_minimise(opt, loss);
        else if (rg_backward(loss) == RG_OK) rg_opt_step(opt);
        if (rg_failed(tape)) fail_msg("%s, %s: %s", k->name, w->name, rg_message(tape));
        rg_tape_reset(tape);
    }
    rg_program_free(program);
    rg_tape_free(tape);
}

/* The parameters that training ends with. */
static float *trained(const kind *k, const way *w, size_t *bytes)
{
    model m = { .theta = rg_params_new(RG_F32, 17) };
    k->make(&m);
    rg_params_set_random_counter(m.theta, 0);
    rg_opt *opt = rg_opt_sgd(m.theta, (rg_opt_sgd_options){ .lr = 0.01 });
    float *before = malloc(*bytes = (size_t)rg_params_count(m.theta) * sizeof *before), *after = malloc(*bytes);
    memcpy(before, rg_params_data(m.theta), *bytes);
    train(k, w, &m, opt);
    memcpy(after, rg_params_data(m.theta), *bytes);
    for (size_t i = 0; i < *bytes / sizeof *after; i++) assert_true(isfinite(after[i]));
    assert_memory_not_equal(before, after, *bytes);
    free(before);
    rg_opt_free(opt);
    rg_nn_free(m.net);
    rg_params_free(m.theta);
    return after;
}

static void every_model_ends_up_the_same_in_every_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        size_t bytes;
        float *first = trained(&kinds[i], &ways[0], &bytes);
        for (size_t j = 1; j < COUNT(ways); j++) {
            float *other = trained(&kinds[i], &ways[j], &bytes);
            if (memcmp(first, other, bytes) != 0) fail_msg("%s: %s gives other bits than %s", kinds[i].name, ways[j].name, ways[0].name);
            free(other);
        }
        free(first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_ends_up_the_same_in_every_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
