/* fused.c: ten elementwise ops in a row on a long vector, forward and backward: how often numbers go to memory and
 * back, and what an exponential costs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"
#include "bench.h"
#include "elementary.h"

/* Elements that the limit takes through all ops together; lengths are multiples of it. */
enum { TILE = 960 };

typedef struct {
    int64_t n;                 /* rounded up to whole tiles */
} fused_setup;

typedef struct {
    int64_t n;
    const void *x, *w;         /* the library's own */
    void *w_gradient;
} fused_numbers;

#define TEMPLATE "bench/fused_template.h"
#include "each_kind.h"

enum { ONE_LOOP, THREE_LOOPS };
typedef double fused_pass(const fused_numbers *numbers); /* returns the sum */
static fused_pass *const passes[][2][3] = { [ONE_LOOP] = KINDS(one_loop), [THREE_LOOPS] = KINDS(three_loops) };

typedef struct {
    rg_dtype dtype;
    fused_numbers numbers;
    void *x;
    rg_params *theta;
    rg_param w;
    rg_tape *tape;
} fused_state;

static void free_state(void *state)
{
    fused_state *s = state;
    rg_tape_free(s->tape);
    rg_params_free(s->theta);
    free(s->x);
    free(s->numbers.w_gradient);
    free(s);
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    fused_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    const int64_t asked = ((const fused_setup *)each->setup)->n, n = (asked + TILE - 1) / TILE * TILE;
    const size_t bytes = (size_t)n * rg_dtype_size(each->dtype);
    s->dtype = each->dtype;
    s->theta = rg_params_new(s->dtype, 42);
    s->w = rg_params_add(s->theta, "w", RG_SHAPE(n));
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = with->threads });
    s->x = aligned_alloc(64, bytes);
    void *w = rg_params_data(s->theta), *gradient = aligned_alloc(64, bytes);
    s->numbers = (fused_numbers){ .n = n, .x = s->x, .w = w, .w_gradient = gradient };
    if (rg_params_status(s->theta) || !s->tape || !s->x || !gradient) return free_state(s), NULL;
    memset(gradient, 0, bytes);
    /* Of a few numbers over and over, for they take longer to draw than to compute with. */
    enum { DRAWN = 4096 };
    for (int64_t i = 0; i < n; i++) {
        const bool drawn = i < DRAWN;
        bench_set(s->dtype, s->x, i, drawn ? 2 * rg_random_uniform(1, 0, (uint64_t)i) - 1
                                           : bench_get(s->dtype, s->x, i - DRAWN));
        bench_set(s->dtype, w, i, drawn ? 2 * rg_random_uniform(1, 1, (uint64_t)i) - 1
                                        : bench_get(s->dtype, w, i - DRAWN));
    }
    rg_params_changed(s->theta);
    return s;
}

static rg_tensor record_sum(fused_state *s)
{
    rg_tensor x = rg_input_borrowed(s->tape, s->dtype, RG_SHAPE(s->numbers.n), s->x);
    rg_tensor w = rg_parameter(s->tape, s->w);
    rg_tensor a = rg_mul(x, w), b = rg_add(a, x), c = rg_sigmoid(b), d = rg_mul(c, a), e = rg_tanh(d);
    rg_tensor f = rg_add(e, c), g = rg_square(f), h = rg_mul(g, x), y = rg_mul(rg_one_minus(h), e);
    return rg_sum(y);
}

static bool ours(void *state, int64_t count)
{
    fused_state *s = state;
    for (; count > 0 && !rg_failed(s->tape); count--) {
        rg_backward(record_sum(s));
        rg_params_consume_gradient(s->theta);
        rg_tape_reset(s->tape);
    }
    return !rg_failed(s->tape);
}

static double run_limit(fused_state *s, int which)
{
    return passes[which][BENCH_TYPE(s->dtype)][bench_level()](&s->numbers);
}

static void limit(void *state, int which, int64_t count)
{
    for (; count > 0; count--) run_limit(state, which);
}

static double difference(void *state, int which)
{
    fused_state *s = state;
    const double limit_sum = run_limit(s, which);
    rg_tensor sum = record_sum(s);
    rg_backward(sum);
    const double our_sum = rg_item(sum), of_sum = fabs(limit_sum - our_sum) / fabs(our_sum);
    const double of_w = bench_distance(s->dtype, s->numbers.w_gradient, rg_params_gradient(s->theta), s->numbers.n);
    rg_params_consume_gradient(s->theta);
    rg_tape_reset(s->tape);
    return rg_failed(s->tape) || isnan(of_sum) || isnan(of_w) ? NAN : fmax(of_sum, of_w);
}

static const char *message(const void *state)
{
    return rg_message(((const fused_state *)state)->tape);
}

static const bench_family fused = {
    .limits = { [ONE_LOOP] = "one loop", [THREE_LOOPS] = "tiles, three loops" },
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
};

#define FUSED(name_, n_, about_, dtype_)                                                                           \
    { .name = name_, .about = "ten elementwise ops on " about_, .dtype = dtype_, .unit = "elements/s",              \
      .units = n_, .family = &fused, .setup = &(const fused_setup){ n_ } }

static const bench_case cases[] = {
    FUSED("fused-10-n10000000", 10000000, "ten million elements, f32", RG_F32),
    FUSED("fused-10-n5000000-f64", 5000000, "five million elements, f64", RG_F64),
};

bench_table bench_fused_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
