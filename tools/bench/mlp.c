/* mlp.c: training steps of dense networks: forward, loss, backward, plain gradient descent. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"
#include "bench.h"
#include "limits.h"
#include "nn.h"
#include "optim.h"

/* Enough of them that a step finds its examples where a training program would: not in the nearest cache. */
enum { EXAMPLES = 4096 };
static const float rate = 0.01f;

typedef struct {
    mlp_setup setup;
    float *x, *targets;
    int32_t *labels;
    int64_t next_ours, next_limit;  /* the batch's first example */
    rg_params *theta;
    float *initial;                 /* theta as it was drawn */
    rg_nn *net;
    rg_opt *opt;
    rg_tape *tape;
    mlp_net blas;
    small_net *small;               /* NULL: the network is of another size */
} mlp_state;

static void free_state(void *state)
{
    mlp_state *s = state;
    mlp_net_free(&s->blas);
    small_net_free(s->small);
    rg_tape_free(s->tape);
    rg_opt_free(s->opt);
    rg_nn_free(s->net);
    rg_params_free(s->theta);
    free(s->initial);
    free(s->x);
    free(s->labels);
    free(s->targets);
    free(s);
}

/* Numbers of no meaning: how long a step takes does not depend on them. */
static bool make_examples(mlp_state *s)
{
    const int64_t in = s->setup.size[0], out = s->setup.size[s->setup.layers];
    s->x = malloc((size_t)(EXAMPLES * in) * sizeof *s->x);
    s->labels = malloc(EXAMPLES * sizeof *s->labels);
    s->targets = malloc((size_t)(EXAMPLES * out) * sizeof *s->targets);
    if (!s->x || !s->labels || !s->targets) return false;
    for (int64_t i = 0; i < EXAMPLES * in; i++) s->x[i] = (float)rg_random_uniform(1, 0, (uint64_t)i);
    for (int64_t i = 0; i < EXAMPLES; i++) s->labels[i] = (int32_t)(rg_random_bits(1, 1, (uint64_t)i) % (uint64_t)out);
    for (int64_t i = 0; i < EXAMPLES * out; i++) s->targets[i] = (float)rg_random_uniform(1, 2, (uint64_t)i);
    return true;
}

static bool make_sides(mlp_state *s, int threads)
{
    s->theta = rg_params_new(RG_F32, 42);
    s->net = rg_nn_mlp(s->theta, s->setup.classify ? rg_relu : rg_tanh, s->setup.size, s->setup.layers + 1);
    s->opt = rg_opt_sgd(s->theta, (rg_opt_sgd_options){ .lr = (double)rate });
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    s->initial = malloc((size_t)rg_params_count(s->theta) * sizeof *s->initial);
    if (small_net_fits(&s->setup) && !(s->small = small_net_new(&s->setup, rate))) return false;
    if (!s->net || !s->opt || !s->tape || !s->initial || !mlp_net_make(&s->blas, &s->setup, rate)) return false;
    memcpy(s->initial, rg_params_data(s->theta), (size_t)rg_params_count(s->theta) * sizeof *s->initial);
    return true;
}

static void *make(const void *setup, int threads)
{
    mlp_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->setup = *(const mlp_setup *)setup;
    if (make_examples(s) && make_sides(s, threads)) return s;
    free_state(s);
    return NULL;
}

static mlp_batch batch_at(const mlp_state *s, int64_t example)
{
    return (mlp_batch){ s->x + example * s->setup.size[0], s->labels + example,
                        s->targets + example * s->setup.size[s->setup.layers] };
}

static int64_t after(const mlp_state *s, int64_t example)
{
    return example + 2 * s->setup.batch <= EXAMPLES ? example + s->setup.batch : 0;
}

/* ---- Ours: as a user would write it ------------------------------------------------------------------------ */

static rg_tensor record_loss(mlp_state *s, const mlp_batch *batch)
{
    const int64_t n = s->setup.batch, in = s->setup.size[0], out = s->setup.size[s->setup.layers];
    rg_tensor x = rg_input_borrowed(s->tape, RG_F32, RG_SHAPE(n, in), batch->x);
    rg_tensor y = rg_nn_forward(s->net, x);
    if (s->setup.classify) return rg_cross_entropy(y, rg_input_borrowed(s->tape, RG_I32, RG_SHAPE(n), batch->labels));
    return rg_mse(y, rg_input_borrowed(s->tape, RG_F32, RG_SHAPE(n, out), batch->targets));
}

static bool ours(void *state, int64_t steps)
{
    mlp_state *s = state;
    for (; steps > 0 && !rg_failed(s->tape); steps--, s->next_ours = after(s, s->next_ours)) {
        const mlp_batch batch = batch_at(s, s->next_ours);
        rg_backward(record_loss(s, &batch));
        rg_opt_step(s->opt);
        rg_tape_reset(s->tape);
    }
    return !rg_failed(s->tape);
}

/* ---- The limits ------------------------------------------------------------------------------------------------ */

enum { MATERIALISED, IN_PLACE, LOOPS };

static void limit(void *state, int which, int64_t steps)
{
    mlp_state *s = state;
    for (; steps > 0; steps--, s->next_limit = after(s, s->next_limit)) {
        const mlp_batch batch = batch_at(s, s->next_limit);
        if (which == LOOPS) s->small->step(s->small, &batch);
        else mlp_net_step(&s->blas, &batch, which == IN_PLACE);
    }
}

/* The gradient that a limit takes a step along from the initial theta, in `gradient`; returns its loss. */
static double limit_gradient(mlp_state *s, int which, float *gradient)
{
    const size_t count = (size_t)s->blas.count;
    float *theta = s->blas.theta.all;
    s->blas.rate = 1;
    s->next_limit = 0;
    memcpy(theta, s->initial, count * sizeof *theta);
    if (which == LOOPS) {
        s->small->rate = 1;
        small_net_set(s->small, s->initial);
    }
    limit(s, which, 1);
    if (which == LOOPS) {
        small_net_get(s->small, theta);
        small_net_set(s->small, s->initial);
        s->small->rate = rate;
    }
    for (size_t i = 0; i < count; i++) gradient[i] = s->initial[i] - theta[i];
    memcpy(theta, s->initial, count * sizeof *theta);
    s->blas.rate = rate;
    return which == LOOPS ? s->small->loss : s->blas.loss;
}

/* Parameter by parameter, because a bias can be much smaller than a weight. */
static double difference(void *state, int which)
{
    mlp_state *s = state;
    const size_t count = (size_t)rg_params_count(s->theta);
    float *gradient = malloc(count * sizeof *gradient);
    if (!gradient || s->blas.count != (int64_t)count) return free(gradient), NAN;
    const double loss = limit_gradient(s, which, gradient);

    const mlp_batch batch = batch_at(s, 0);
    memcpy(rg_params_data(s->theta), s->initial, count * sizeof *s->initial);
    rg_params_changed(s->theta);
    rg_tensor recorded = record_loss(s, &batch);
    rg_backward(recorded);
    const double our_loss = rg_item(recorded);
    const float *our_gradient = rg_params_gradient(s->theta);
    double worst = fabs(loss - our_loss) / fabs(our_loss);
    for (size_t i = 0; i < rg_params_size(s->theta); i++) {
        const rg_param param = rg_params_at(s->theta, i);
        const int64_t offset = rg_param_offset(param);
        const int64_t length = rg_shape_count(rg_param_shape(param));
        const double each = bench_distance(gradient + offset, our_gradient + offset, length);
        worst = isnan(each) || each > worst ? each : worst;
    }
    rg_params_consume_gradient(s->theta);
    rg_tape_reset(s->tape);
    s->next_ours = s->next_limit = 0;
    free(gradient);
    return rg_failed(s->tape) ? NAN : worst;
}

static const char *message(const void *state)
{
    const mlp_state *s = state;
    return rg_params_status(s->theta) ? rg_params_message(s->theta) : rg_message(s->tape);
}

/* ---- The cases ------------------------------------------------------------------------------------------------- */

static const bench_family over_blas = {
    .limits = { "gradient, then update", "update in the product" },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};
static const bench_family small = {
    .limits = { "gradient, then update", "update in the product", "loops without BLAS" },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};

#define STEPS(name_, about_, family_, ...)                                                                         \
    { .name = name_, .about = about_, .unit = "steps/s", .units = 1, .family = &family_,                           \
      .setup = &(const mlp_setup){ __VA_ARGS__ } }
#define DIGITS(batch_)                                                                                             \
    STEPS("mlp-784-128-10-b" #batch_, "ReLU, cross-entropy, SGD, f32, batch " #batch_, over_blas, .layers = 2,     \
          .size = { 784, 128, 10 }, .batch = batch_, .classify = true)
#define SMALL(batch_)                                                                                              \
    STEPS("mlp-2-16-16-1-b" #batch_, "tanh, mean squared error, SGD, f32, batch " #batch_, small, .layers = 3,      \
          .size = { 2, 16, 16, 1 }, .batch = batch_)

#define WIDE(batch_)                                                                                               \
    STEPS("mlp-784-1024-1024-10-b" #batch_, "ReLU, cross-entropy, SGD, f32, batch " #batch_, over_blas,            \
          .layers = 3, .size = { 784, 1024, 1024, 10 }, .batch = batch_, .classify = true)

static const bench_case cases[] = { DIGITS(1), DIGITS(32),  DIGITS(128), DIGITS(1024),
                                    SMALL(1),  SMALL(32),   WIDE(128) };

bench_table bench_mlp_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
