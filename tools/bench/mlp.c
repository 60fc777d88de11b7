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
static const double rate = 0.01;

typedef struct {
    mlp_setup setup;
    rg_dtype dtype;
    void *x, *targets;
    int32_t *labels;
    int64_t next_ours, next_limit;  /* the batch's first example */
    rg_params *theta;
    void *initial;                  /* theta as it was drawn */
    rg_nn *net;
    rg_opt *opt;
    rg_tape *tape;
    mlp_net dense;
    small_net *small;               /* NULL: the network is of another size */
} mlp_state;

static void free_state(void *state)
{
    mlp_state *s = state;
    mlp_net_free(&s->dense);
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
static void *make_numbers(rg_dtype dtype, int64_t count, uint64_t stream)
{
    void *numbers = malloc((size_t)count * rg_dtype_size(dtype));
    for (int64_t i = 0; i < count && numbers; i++)
        bench_set(dtype, numbers, i, rg_random_uniform(1, stream, (uint64_t)i));
    return numbers;
}

static bool make_examples(mlp_state *s)
{
    const int64_t in = s->setup.size[0], out = s->setup.size[s->setup.layers];
    s->x = make_numbers(s->dtype, EXAMPLES * in, 0);
    s->labels = malloc(EXAMPLES * sizeof *s->labels);
    s->targets = make_numbers(s->dtype, EXAMPLES * out, 2);
    if (!s->x || !s->labels || !s->targets) return false;
    for (int64_t i = 0; i < EXAMPLES; i++) s->labels[i] = (int32_t)(rg_random_bits(1, 1, (uint64_t)i) % (uint64_t)out);
    return true;
}

static bool make_sides(mlp_state *s, int threads)
{
    s->theta = rg_params_new(s->dtype, 42);
    s->net = rg_nn_mlp(s->theta, s->setup.classify ? rg_relu : rg_tanh, s->setup.size, s->setup.layers + 1);
    s->opt = rg_opt_sgd(s->theta, (rg_opt_sgd_options){ .lr = rate });
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    const size_t bytes = (size_t)rg_params_count(s->theta) * rg_dtype_size(s->dtype);
    s->initial = malloc(bytes);
    if (small_net_fits(&s->setup) && !(s->small = small_net_new(&s->setup, s->dtype, rate))) return false;
    if (!s->net || !s->opt || !s->tape || !s->initial) return false;
    if (!mlp_net_make(&s->dense, &s->setup, s->dtype, rate, threads)) return false;
    memcpy(s->initial, rg_params_data(s->theta), bytes);
    return true;
}

static void *make(const bench_case *each, int threads)
{
    mlp_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->setup = *(const mlp_setup *)each->setup;
    s->dtype = each->dtype;
    if (make_examples(s) && make_sides(s, threads)) return s;
    free_state(s);
    return NULL;
}

static mlp_batch batch_at(const mlp_state *s, int64_t example)
{
    return (mlp_batch){ bench_at(s->dtype, s->x, example * s->setup.size[0]), s->labels + example,
                        bench_at(s->dtype, s->targets, example * s->setup.size[s->setup.layers]) };
}

static int64_t after(const mlp_state *s, int64_t example)
{
    return example + 2 * s->setup.batch <= EXAMPLES ? example + s->setup.batch : 0;
}

/* ---- Ours: as a user would write it ------------------------------------------------------------------------ */

static rg_tensor record_loss(mlp_state *s, const mlp_batch *batch)
{
    const int64_t n = s->setup.batch, in = s->setup.size[0], out = s->setup.size[s->setup.layers];
    rg_tensor x = rg_input_borrowed(s->tape, s->dtype, RG_SHAPE(n, in), batch->x);
    rg_tensor y = rg_nn_forward(s->net, x);
    if (s->setup.classify) return rg_cross_entropy(y, rg_input_borrowed(s->tape, RG_I32, RG_SHAPE(n), batch->labels));
    return rg_mse(y, rg_input_borrowed(s->tape, s->dtype, RG_SHAPE(n, out), batch->targets));
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

enum { LOOPS = MLP_WAYS };

static void limit(void *state, int which, int64_t steps)
{
    mlp_state *s = state;
    mlp_net_begin(&s->dense);
    for (; steps > 0; steps--, s->next_limit = after(s, s->next_limit)) {
        const mlp_batch batch = batch_at(s, s->next_limit);
        if (which == LOOPS) small_net_step(s->small, &batch);
        else mlp_net_step(&s->dense, &batch, which);
    }
    mlp_net_end(&s->dense);
}

/* The gradient that a limit takes a step along from the initial theta, in `gradient`; returns its loss. */
static double limit_gradient(mlp_state *s, int which, void *gradient)
{
    const int64_t count = s->dense.count;
    const size_t bytes = (size_t)count * rg_dtype_size(s->dtype);
    void *theta = s->dense.theta.all;
    s->dense.rate = 1;
    s->next_limit = 0;
    memcpy(theta, s->initial, bytes);
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
    for (int64_t i = 0; i < count; i++)
        bench_set(s->dtype, gradient, i, bench_get(s->dtype, s->initial, i) - bench_get(s->dtype, theta, i));
    memcpy(theta, s->initial, bytes);
    s->dense.rate = rate;
    return which == LOOPS ? s->small->loss : s->dense.loss;
}

/* The same of the library: its loss; the gradient is in the store. */
static double our_gradient(mlp_state *s)
{
    const mlp_batch batch = batch_at(s, 0);
    memcpy(rg_params_data(s->theta), s->initial, (size_t)s->dense.count * rg_dtype_size(s->dtype));
    rg_params_changed(s->theta);
    rg_tensor loss = record_loss(s, &batch);
    rg_backward(loss);
    return rg_item(loss);
}

/* Parameter by parameter, because a bias can be much smaller than a weight. */
static double difference(void *state, int which)
{
    mlp_state *s = state;
    const int64_t count = rg_params_count(s->theta);
    void *gradient = malloc((size_t)count * rg_dtype_size(s->dtype));
    if (!gradient || s->dense.count != count) return free(gradient), NAN;
    const double loss = limit_gradient(s, which, gradient), our_loss = our_gradient(s);
    double worst = fabs(loss - our_loss) / fabs(our_loss);
    for (size_t i = 0; i < rg_params_size(s->theta); i++) {
        const rg_param param = rg_params_at(s->theta, i);
        const int64_t offset = rg_param_offset(param);
        const double each = bench_distance(s->dtype, bench_at(s->dtype, gradient, offset),
                                           bench_at(s->dtype, rg_params_gradient(s->theta), offset),
                                           rg_shape_count(rg_param_shape(param)));
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

const bench_family bench_dense = {
    .limits = { MLP_NAMES_OF_WAYS },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};
static const bench_family small = {
    .limits = { MLP_NAMES_OF_WAYS, [LOOPS] = "loops without a product" },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};

#define STEPS(name_, about_, dtype_, family_, ...)                                                                 \
    { .name = name_, .about = about_, .dtype = dtype_, .unit = "steps/s", .units = 1, .family = &family_,          \
      .setup = &(const mlp_setup){ __VA_ARGS__ } }
#define DIGITS(batch_, dtype_, suffix_, type_)                                                                     \
    STEPS("mlp-784-128-10-b" #batch_ suffix_, "ReLU, cross-entropy, SGD, " type_ ", batch " #batch_, dtype_,        \
          bench_dense, .layers = 2, .size = { 784, 128, 10 }, .batch = batch_, .classify = true)
#define WIDE(batch_, dtype_, suffix_, type_)                                                                       \
    STEPS("mlp-784-1024-1024-10-b" #batch_ suffix_, "ReLU, cross-entropy, SGD, " type_ ", batch " #batch_, dtype_, \
          bench_dense, .layers = 3, .size = { 784, 1024, 1024, 10 }, .batch = batch_, .classify = true)
#define SMALL(batch_, dtype_, suffix_, type_)                                                                      \
    STEPS("mlp-2-16-16-1-b" #batch_ suffix_, "tanh, mean squared error, SGD, " type_ ", batch " #batch_, dtype_,   \
          small, .layers = 3, .size = { 2, 16, 16, 1 }, .batch = batch_)
#define SINGLE RG_F32, "", "f32"
#define DOUBLE RG_F64, "-f64", "f64"
#define OF(MAKE, ...) MAKE(__VA_ARGS__)

static const bench_case cases[] = {
    OF(DIGITS, 1, SINGLE),  OF(DIGITS, 32, SINGLE),  OF(DIGITS, 128, SINGLE), OF(DIGITS, 1024, SINGLE),
    OF(SMALL, 1, SINGLE),   OF(SMALL, 32, SINGLE),   OF(WIDE, 128, SINGLE),
    OF(DIGITS, 32, DOUBLE), OF(DIGITS, 128, DOUBLE), OF(DIGITS, 1024, DOUBLE),
    OF(SMALL, 1, DOUBLE),   OF(SMALL, 32, DOUBLE),
};

bench_table bench_mlp_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
