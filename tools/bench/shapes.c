/* shapes.c: training steps whose batch has another size each time, so that no plan is ever found again. The limit is
 * the library itself where it plans nothing (RG_EAGER): looking for plans must not cost more than that. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "nn.h"
#include "optim.h"

/* As many sizes as there are, in an order in which any few that follow each other are small and large ones; more than a
 * tape remembers. */
enum { SIZES = 512, STRIDE = 331 };
static const double rate = 0.01;

typedef struct {
    int sizes;                 /* of layers, the inputs included */
    int64_t size[4];
} shapes_setup;

typedef struct {
    rg_params *theta;
    rg_nn *net;
    rg_opt *opt;
    rg_tape *tape;
    int64_t steps;
} shapes_side;

typedef struct {
    shapes_setup setup;
    float *x, *targets;
    shapes_side planned, eager;
} shapes_state;

static void free_side(const shapes_side *side)
{
    rg_tape_free(side->tape);
    rg_opt_free(side->opt);
    rg_nn_free(side->net);
    rg_params_free(side->theta);
}

static void free_state(void *state)
{
    shapes_state *s = state;
    free_side(&s->planned);
    free_side(&s->eager);
    free(s->x);
    free(s->targets);
    free(s);
}

static bool make_side(const shapes_setup *setup, bool eager, int threads, shapes_side *side)
{
    side->theta = rg_params_new(RG_F32, 42);
    side->net = rg_nn_mlp(side->theta, rg_tanh, setup->size, setup->sizes);
    side->opt = rg_opt_sgd(side->theta, (rg_opt_sgd_options){ .lr = rate });
    side->tape = rg_tape_new_with((rg_tape_options){ .threads = threads, .eager = eager });
    return side->net && side->opt && side->tape;
}

static float *make_numbers(int64_t count, uint64_t stream)
{
    float *numbers = malloc((size_t)count * sizeof *numbers);
    for (int64_t i = 0; i < count && numbers; i++) numbers[i] = (float)rg_random_uniform(1, stream, (uint64_t)i);
    return numbers;
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    shapes_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->setup = *(const shapes_setup *)each->setup;
    s->x = make_numbers(SIZES * s->setup.size[0], 0);
    s->targets = make_numbers(SIZES * s->setup.size[s->setup.sizes - 1], 1);
    if (s->x && s->targets && make_side(&s->setup, false, with->threads, &s->planned) &&
        make_side(&s->setup, true, with->threads, &s->eager))
        return s;
    free_state(s);
    return NULL;
}

static bool take_steps(const shapes_state *s, shapes_side *side, int64_t steps)
{
    const int64_t in = s->setup.size[0], out = s->setup.size[s->setup.sizes - 1];
    for (; steps > 0 && !rg_failed(side->tape); steps--) {
        const int64_t rows = 1 + side->steps++ * STRIDE % SIZES;
        rg_tensor x = rg_input_borrowed(side->tape, RG_F32, RG_SHAPE(rows, in), s->x);
        rg_tensor targets = rg_input_borrowed(side->tape, RG_F32, RG_SHAPE(rows, out), s->targets);
        rg_backward(rg_mse(rg_nn_forward(side->net, x), targets));
        rg_opt_step(side->opt);
        rg_tape_reset(side->tape);
    }
    return !rg_failed(side->tape);
}

static bool ours(void *state, int64_t steps)
{
    shapes_state *s = state;
    return take_steps(s, &s->planned, steps);
}

static void limit(void *state, int which, int64_t steps)
{
    shapes_state *s = state;
    (void)which;
    take_steps(s, &s->eager, steps);
}

/* Of the parameters, after some steps of either. */
static double difference(void *state, int which)
{
    enum { STEPS = 3 };
    shapes_state *s = state;
    limit(s, which, STEPS);
    const bool done = ours(s, STEPS) && !rg_failed(s->eager.tape);
    return done ? bench_distance(RG_F32, rg_params_data(s->eager.theta), rg_params_data(s->planned.theta),
                                 rg_params_count(s->planned.theta))
                : NAN;
}

static const char *message(const void *state)
{
    const shapes_state *s = state;
    return rg_failed(s->eager.tape) ? rg_message(s->eager.tape) : rg_message(s->planned.tape);
}

static const bench_family shapes = {
    .limits = { "node by node" },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};

#define CASE(name_, slice_, ...)                                                                                   \
    { .name = "changing-" name_, .about = "tanh, mean squared error, SGD, f32, batches of 1 to 512 in turn",       \
      .dtype = RG_F32, .unit = "steps/s", .units = 1, .slice = slice_, .family = &shapes,                          \
      .setup = &(const shapes_setup){ __VA_ARGS__ } }

/* A slice is long enough for sizes to even out. */
static const bench_case cases[] = {
    CASE("2-16-16-1", 1, 4, { 2, 16, 16, 1 }),
    CASE("784-128-10", 5, 3, { 784, 128, 10 }),
};

bench_table bench_shapes_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
