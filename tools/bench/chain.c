/* chain.c: a thousand small elementwise ops in a row, forward and backward: what an op costs beside its numbers.
 *
 * y = y w and y = y + b alternate, with gradients of the sum of the last y by w and b, which every second op reads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"
#include "bench.h"

/* The limit takes so many vectors through the whole chain together, at most. */
enum { MOST_VECTORS = 4, MOST_BYTES = 64 };

typedef struct {
    int64_t ops, n;
} chain_setup;

typedef struct {
    const float *x, *w, *b;
    float *w_gradient, *b_gradient;
    float *kept;               /* y before every product: [ops / 2, n] */
    float *y, *g;
    double loss;
} chain_numbers;

#define REAL float
#define TYPE f32
#define INTRINSIC ps
#define TEMPLATE "bench/chain_template.h"
#include "each_level.h"

enum { OP_BY_OP, TILED };
typedef void chain_pass(const chain_setup *setup, chain_numbers *numbers);
static chain_pass *const passes[][3] = { [OP_BY_OP] = LEVELS(op_by_op_f32), [TILED] = LEVELS(tiled_f32) };

typedef struct {
    chain_setup setup;
    chain_numbers numbers;
    float *memory;
    rg_params *theta;
    rg_param w, b;
    rg_tape *tape;
} chain_state;

static void free_state(void *state)
{
    chain_state *s = state;
    rg_tape_free(s->tape);
    rg_params_free(s->theta);
    free(s->memory);
    free(s);
}

/* What the limit reads and writes is padded with zeros to whole groups of vectors. */
static bool make_limit(chain_state *s)
{
    enum { GROUP = MOST_VECTORS * MOST_BYTES / sizeof(float) };
    const int64_t n = (s->setup.n + GROUP - 1) / GROUP * GROUP;
    const size_t bytes = (size_t)((s->setup.ops / 2 + 7) * n) * sizeof(float);
    float *next = s->memory = aligned_alloc(64, bytes);
    if (!next) return false;
    memset(next, 0, bytes);
    float *const w = next, *const b = next + n, *const x = next + 2 * n;
    for (int64_t i = 0; i < s->setup.n; i++) {
        w[i] = (float)(0.95 + 0.05 * rg_random_uniform(1, 0, (uint64_t)i));
        b[i] = (float)rg_random_uniform(1, 1, (uint64_t)i);
        x[i] = (float)rg_random_uniform(1, 2, (uint64_t)i);
    }
    s->numbers = (chain_numbers){ .x = x, .w = w, .b = b, .w_gradient = next + 3 * n, .b_gradient = next + 4 * n,
                                  .y = next + 5 * n, .g = next + 6 * n, .kept = next + 7 * n };
    return true;
}

static void *make(const bench_case *each, int threads)
{
    chain_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->setup = *(const chain_setup *)each->setup;
    const int64_t n = s->setup.n;
    s->theta = rg_params_new(RG_F32, 42);
    s->w = rg_params_add(s->theta, "w", RG_SHAPE(n));
    s->b = rg_params_add(s->theta, "b", RG_SHAPE(n));
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    if (rg_params_status(s->theta) || !s->tape || !make_limit(s)) return free_state(s), NULL;
    float *theta = rg_params_data(s->theta);
    memcpy(theta + rg_param_offset(s->w), s->numbers.w, (size_t)n * sizeof *theta);
    memcpy(theta + rg_param_offset(s->b), s->numbers.b, (size_t)n * sizeof *theta);
    return s;
}

static rg_tensor record_sum(chain_state *s)
{
    rg_tensor y = rg_input_borrowed(s->tape, RG_F32, RG_SHAPE(s->setup.n), s->numbers.x);
    rg_tensor w = rg_parameter(s->tape, s->w), b = rg_parameter(s->tape, s->b);
    for (int64_t i = 0; i < s->setup.ops; i += 2) y = rg_add(rg_mul(y, w), b);
    return rg_sum(y);
}

static bool ours(void *state, int64_t count)
{
    chain_state *s = state;
    for (; count > 0 && !rg_failed(s->tape); count--) {
        rg_backward(record_sum(s));
        rg_params_consume_gradient(s->theta);
        rg_tape_reset(s->tape);
    }
    return !rg_failed(s->tape);
}

static void limit(void *state, int which, int64_t count)
{
    chain_state *s = state;
    for (; count > 0; count--) passes[which][bench_level()](&s->setup, &s->numbers);
}

static double difference(void *state, int which)
{
    chain_state *s = state;
    limit(s, which, 1);
    rg_tensor sum = record_sum(s);
    rg_backward(sum);
    const float *gradient = rg_params_gradient(s->theta);
    const double loss = rg_item(sum), of_loss = fabs(s->numbers.loss - loss) / fabs(loss);
    const double of_w = bench_distance(RG_F32, s->numbers.w_gradient, gradient + rg_param_offset(s->w), s->setup.n);
    const double of_b = bench_distance(RG_F32, s->numbers.b_gradient, gradient + rg_param_offset(s->b), s->setup.n);
    rg_params_consume_gradient(s->theta);
    rg_tape_reset(s->tape);
    if (rg_failed(s->tape) || isnan(of_loss) || isnan(of_w) || isnan(of_b)) return NAN;
    return fmax(of_loss, fmax(of_w, of_b));
}

static const char *message(const void *state)
{
    return rg_message(((const chain_state *)state)->tape);
}

static const bench_family chain = {
    .limits = { [OP_BY_OP] = "op by op", [TILED] = "tile by tile" },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};

#define CHAIN(n_)                                                                                                  \
    { .name = "chain-1000-n" #n_, .about = "1,000 products and sums of " #n_ " elements in a row, f32",            \
      .dtype = RG_F32, .unit = "ops/s", .units = 1000, .family = &chain, .setup = &(const chain_setup){ 1000, n_ } }

static const bench_case cases[] = { CHAIN(1), CHAIN(16), CHAIN(1024) };

bench_table bench_chain_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
