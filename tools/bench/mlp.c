/* mlp.c: training steps of dense networks: forward, loss, backward, plain gradient descent. In the ways that a program
 * can be written in: with the gradient at hand between the passes and the update; both in one call; and compiled. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"
#include "bench.h"
#include "limits.h"
#include "nn.h"
#include "optim.h"

enum { WITH_GRADIENT, MINIMISED, COMPILED, WAYS_OF_OURS };

/* Enough of them that a step finds its examples where a training program would: not in the nearest cache. */
enum { EXAMPLES = 4096 };
static const double rate = 0.01;

typedef struct {
    mlp_setup setup;
    rg_dtype dtype;
    void *x, *targets;
    int32_t *labels;
    int64_t next_ours, next_limit;  /* the batch's first example */
    int way;
    double our_loss;                /* of the last step, if it is wanted */
    bool loss_wanted;
    rg_params *theta;
    void *initial;                  /* theta as it was drawn */
    rg_nn *net;
    rg_opt *opt;
    rg_tape *tape;
    rg_program *program;            /* NULL: it is not compiled */
    mlp_net dense;
    small_net *small;               /* NULL: the network is of another size */
} mlp_state;

static void free_state(void *state)
{
    mlp_state *s = state;
    mlp_net_free(&s->dense);
    small_net_free(s->small);
    rg_program_free(s->program);
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

/* in: the leaves, if they are wanted. */
static rg_tensor record_loss(mlp_state *s, const mlp_batch *batch, rg_tensor in[2])
{
    const int64_t n = s->setup.batch, width = s->setup.size[0], out = s->setup.size[s->setup.layers];
    const bool classify = s->setup.classify;
    rg_tensor x = rg_input_borrowed(s->tape, s->dtype, RG_SHAPE(n, width), batch->x);
    rg_tensor y = rg_nn_forward(s->net, x);
    rg_tensor target = classify ? rg_input_borrowed(s->tape, RG_I32, RG_SHAPE(n), batch->labels)
                                : rg_input_borrowed(s->tape, s->dtype, RG_SHAPE(n, out), batch->targets);
    if (in) in[0] = x, in[1] = target;
    return classify ? rg_cross_entropy(y, target) : rg_mse(y, target);
}

static bool end_step(mlp_state *s, rg_tensor loss)
{
    if (s->loss_wanted) s->our_loss = rg_item(loss);
    rg_tape_reset(s->tape);
    return !rg_failed(s->tape);
}

static bool step_with_gradient(mlp_state *s, const mlp_batch *batch)
{
    rg_tensor loss = record_loss(s, batch, NULL);
    rg_backward(loss);
    rg_opt_step(s->opt);
    return end_step(s, loss);
}

static bool step_minimised(mlp_state *s, const mlp_batch *batch)
{
    rg_tensor loss = record_loss(s, batch, NULL);
    rg_opt_minimise(s->opt, loss);
    return end_step(s, loss);
}

static bool step_compiled(mlp_state *s, const mlp_batch *batch)
{
    rg_program_bind(s->program, 0, batch->x);
    rg_program_bind(s->program, 1, s->setup.classify ? batch->labels : batch->targets);
    const bool done = rg_program_run(s->program) == RG_OK;
    if (done && s->loss_wanted) s->our_loss = bench_get(s->dtype, rg_program_output(s->program, 0), 0);
    return done;
}

static bool ours(void *state, int64_t steps)
{
    static bool (*const step[WAYS_OF_OURS])(mlp_state *, const mlp_batch *) = {
        [WITH_GRADIENT] = step_with_gradient, [MINIMISED] = step_minimised, [COMPILED] = step_compiled,
    };
    mlp_state *s = state;
    bool done = true;
    for (; steps > 0 && done; steps--, s->next_ours = after(s, s->next_ours)) {
        const mlp_batch batch = batch_at(s, s->next_ours);
        done = step[s->way](s, &batch);
    }
    return done;
}

static bool compile(mlp_state *s)
{
    const mlp_batch batch = batch_at(s, 0);
    rg_tensor in[2];
    rg_tensor loss = record_loss(s, &batch, in);
    s->program = rg_opt_compile(s->opt, loss, 2, in);
    rg_tape_reset(s->tape);
    return s->program != NULL;
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    mlp_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->setup = *(const mlp_setup *)each->setup;
    s->dtype = each->dtype;
    s->way = each->family->way;
    if (make_examples(s) && make_sides(s, with->threads) && (s->way != COMPILED || compile(s))) return s;
    free_state(s);
    return NULL;
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

/* So large that what a step changes theta by can be told from it to the last digits; a power of two loses none. */
static const double large_rate = 1024;

/* From theta before and after a step of that rate: the gradient it went along. */
static void find_gradient(const mlp_state *s, const void *before, const void *after_step, void *gradient)
{
    for (int64_t i = 0; i < s->dense.count; i++)
        bench_set(s->dtype, gradient, i,
                  (bench_get(s->dtype, before, i) - bench_get(s->dtype, after_step, i)) / large_rate);
}

/* The gradient that a limit takes a step along from the initial theta; returns its loss. */
static double limit_gradient(mlp_state *s, int which, void *gradient)
{
    const size_t bytes = (size_t)s->dense.count * rg_dtype_size(s->dtype);
    void *theta = s->dense.theta.all;
    s->dense.rate = large_rate;
    s->next_limit = 0;
    memcpy(theta, s->initial, bytes);
    if (which == LOOPS) {
        s->small->rate = large_rate;
        small_net_set(s->small, s->initial);
    }
    limit(s, which, 1);
    if (which == LOOPS) {
        small_net_get(s->small, theta);
        small_net_set(s->small, s->initial);
        s->small->rate = rate;
    }
    find_gradient(s, s->initial, theta, gradient);
    memcpy(theta, s->initial, bytes);
    s->dense.rate = rate;
    return which == LOOPS ? s->small->loss : s->dense.loss;
}

static void set_our_theta(mlp_state *s)
{
    memcpy(rg_params_data(s->theta), s->initial, (size_t)s->dense.count * rg_dtype_size(s->dtype));
    rg_params_changed(s->theta);
}

/* The same of the library; NaN if it failed. */
static double our_gradient(mlp_state *s, void *gradient)
{
    set_our_theta(s);
    rg_opt_set_learning_rate(s->opt, large_rate);
    s->next_ours = 0;
    s->loss_wanted = true;
    const bool done = ours(s, 1);
    s->loss_wanted = false;
    find_gradient(s, s->initial, rg_params_data(s->theta), gradient);
    rg_opt_set_learning_rate(s->opt, rate);
    set_our_theta(s);
    return done ? s->our_loss : NAN;
}

/* Parameter by parameter, because a bias can be much smaller than a weight. */
static double difference(void *state, int which)
{
    mlp_state *s = state;
    const int64_t count = rg_params_count(s->theta);
    const size_t bytes = (size_t)count * rg_dtype_size(s->dtype);
    void *gradient = malloc(bytes), *our = malloc(bytes);
    double worst = NAN;
    if (gradient && our && s->dense.count == count) {
        const double loss = limit_gradient(s, which, gradient), our_loss = our_gradient(s, our);
        worst = fabs(loss - our_loss) / fabs(our_loss);
        for (size_t i = 0; i < rg_params_size(s->theta); i++) {
            const rg_param param = rg_params_at(s->theta, i);
            const int64_t offset = rg_param_offset(param);
            const double each = bench_distance(s->dtype, bench_at(s->dtype, gradient, offset),
                                               bench_at(s->dtype, our, offset), rg_shape_count(rg_param_shape(param)));
            worst = isnan(each) || each > worst ? each : worst;
        }
    }
    s->next_ours = s->next_limit = 0;
    free(gradient);
    free(our);
    return worst;
}

static const char *message(const void *state)
{
    const mlp_state *s = state;
    if (s->program && *rg_program_message(s->program)) return rg_program_message(s->program);
    return rg_params_status(s->theta) ? rg_params_message(s->theta) : rg_message(s->tape);
}

/* ---- The cases ------------------------------------------------------------------------------------------------- */

#define FAMILY(way_, ...)                                                                                          \
    { .limits = { __VA_ARGS__ }, .way = way_, .make = make, .free = free_state, .ours = ours, .limit = limit,      \
      .difference = difference, .message = message }
#define DENSE(way_) FAMILY(way_, MLP_NAMES_OF_WAYS)
#define LOOPED(way_) FAMILY(way_, MLP_NAMES_OF_WAYS, [LOOPS] = "loops without a product")

const bench_family bench_dense = DENSE(WITH_GRADIENT);
static const bench_family bench_dense_minimised = DENSE(MINIMISED), bench_dense_compiled = DENSE(COMPILED);
static const bench_family small = LOOPED(WITH_GRADIENT), small_minimised = LOOPED(MINIMISED),
                          small_compiled = LOOPED(COMPILED);

#define STEPS(name_, about_, dtype_, family_, ...)                                                                 \
    { .name = name_, .about = about_, .dtype = dtype_, .unit = "steps/s", .units = 1, .family = &family_,          \
      .setup = &(const mlp_setup){ __VA_ARGS__ } }
/* A case in each of our ways. */
#define EACH_WAY(net_, name_, about_, dtype_, ...)                                                                 \
    STEPS(name_, about_, dtype_, net_, __VA_ARGS__),                                                               \
        STEPS(name_ "-minimise", about_ ", passes and update in one", dtype_, net_##_minimised, __VA_ARGS__),      \
        STEPS(name_ "-compiled", about_ ", compiled", dtype_, net_##_compiled, __VA_ARGS__)
#define DIGITS(batch_, dtype_, suffix_, type_)                                                                     \
    EACH_WAY(bench_dense, "mlp-784-128-10-b" #batch_ suffix_, "ReLU, cross-entropy, SGD, " type_ ", batch " #batch_, \
             dtype_, .layers = 2, .size = { 784, 128, 10 }, .batch = batch_, .classify = true)
#define WIDE(batch_, dtype_, suffix_, type_)                                                                       \
    EACH_WAY(bench_dense, "mlp-784-1024-1024-10-b" #batch_ suffix_,                                                \
             "ReLU, cross-entropy, SGD, " type_ ", batch " #batch_, dtype_, .layers = 3,                           \
             .size = { 784, 1024, 1024, 10 }, .batch = batch_, .classify = true)
#define SMALL(batch_, dtype_, suffix_, type_)                                                                      \
    EACH_WAY(small, "mlp-2-16-16-1-b" #batch_ suffix_, "tanh, mean squared error, SGD, " type_ ", batch " #batch_, \
             dtype_, .layers = 3, .size = { 2, 16, 16, 1 }, .batch = batch_)
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
