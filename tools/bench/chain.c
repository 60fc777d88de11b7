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

enum { RECORDED, COMPILED };
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
    rg_program *program;       /* NULL: it is not compiled */
} chain_state;

static void free_state(void *state)
{
    chain_state *s = state;
    rg_program_free(s->program);
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

static rg_tensor record_sum(chain_state *s, rg_tensor *x)
{
    *x = rg_input_borrowed(s->tape, RG_F32, RG_SHAPE(s->setup.n), s->numbers.x);
    rg_tensor w = rg_parameter(s->tape, s->w), b = rg_parameter(s->tape, s->b), y = *x;
    for (int64_t i = 0; i < s->setup.ops; i += 2) y = rg_add(rg_mul(y, w), b);
    return rg_sum(y);
}

static bool compile(chain_state *s)
{
    rg_tensor x, sum = record_sum(s, &x);
    s->program = rg_compile_backward(sum, 1, &x);
    rg_tape_reset(s->tape);
    return s->program != NULL;
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    chain_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->setup = *(const chain_setup *)each->setup;
    const int64_t n = s->setup.n;
    s->theta = rg_params_new(RG_F32, 42);
    s->w = rg_params_add(s->theta, "w", RG_SHAPE(n));
    s->b = rg_params_add(s->theta, "b", RG_SHAPE(n));
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = with->threads });
    if (rg_params_status(s->theta) || !s->tape || !make_limit(s)) return free_state(s), NULL;
    float *theta = rg_params_data(s->theta);
    memcpy(theta + rg_param_offset(s->w), s->numbers.w, (size_t)n * sizeof *theta);
    memcpy(theta + rg_param_offset(s->b), s->numbers.b, (size_t)n * sizeof *theta);
    if (each->family->way == COMPILED && !compile(s)) return free_state(s), NULL;
    return s;
}

static bool run_compiled(chain_state *s)
{
    rg_program_bind(s->program, 0, s->numbers.x);
    return rg_program_run(s->program) == RG_OK;
}

static bool run_recorded(chain_state *s)
{
    rg_tensor x;
    rg_backward(record_sum(s, &x));
    rg_tape_reset(s->tape);
    return !rg_failed(s->tape);
}

static bool ours(void *state, int64_t count)
{
    chain_state *s = state;
    bool done = true;
    for (; count > 0 && done; count--) {
        done = s->program ? run_compiled(s) : run_recorded(s);
        rg_params_consume_gradient(s->theta);
    }
    return done;
}

/* Leaves the gradient in the store; NaN if the library failed. */
static double our_sum(chain_state *s)
{
    rg_tensor x;
    if (s->program) return run_compiled(s) ? (double)*(const float *)rg_program_output(s->program, 0) : NAN;
    rg_tensor sum = record_sum(s, &x);
    rg_backward(sum);
    const double number = rg_item(sum);
    rg_tape_reset(s->tape);
    return number;
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
    const double loss = our_sum(s);
    const float *gradient = rg_params_gradient(s->theta);
    const double of_loss = fabs(s->numbers.loss - loss) / fabs(loss);
    const double of_w = bench_distance(RG_F32, s->numbers.w_gradient, gradient + rg_param_offset(s->w), s->setup.n);
    const double of_b = bench_distance(RG_F32, s->numbers.b_gradient, gradient + rg_param_offset(s->b), s->setup.n);
    rg_params_consume_gradient(s->theta);
    if (isnan(of_loss) || isnan(of_w) || isnan(of_b)) return NAN;
    return fmax(of_loss, fmax(of_w, of_b));
}

static const char *message(const void *state)
{
    const chain_state *s = state;
    return s->program ? rg_program_message(s->program) : rg_message(s->tape);
}

#define FAMILY(way_)                                                                                               \
    { .limits = { [OP_BY_OP] = "op by op", [TILED] = "tile by tile" }, .way = way_, .make = make,                  \
      .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message }
static const bench_family recorded = FAMILY(RECORDED), compiled = FAMILY(COMPILED);

#define CHAIN(n_, suffix_, family_)                                                                                \
    { .name = "chain-1000-n" #n_ suffix_, .dtype = RG_F32, .unit = "ops/s", .units = 1000,                         \
      .about = "1,000 products and sums of " #n_ " elements in a row, f32, " #family_,                             \
      .family = &family_, .setup = &(const chain_setup){ 1000, n_ } }
#define BOTH_WAYS(n_) CHAIN(n_, "", recorded), CHAIN(n_, "-compiled", compiled)

static const bench_case cases[] = { BOTH_WAYS(1), BOTH_WAYS(16), BOTH_WAYS(1024) };

bench_table bench_chain_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
