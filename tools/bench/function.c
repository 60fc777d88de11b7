/* function.c: the library against hand-written derivatives where no layer is to be seen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "function.h"

typedef struct {
    const function_problem *problem;
    int64_t size[FUNCTION_SIZES];
} function_setup;

typedef struct {
    const function_problem *problem;
    function_numbers numbers;
    int64_t count;             /* of theta */
    int parts, arrays;         /* arrays: 0 where it is a value and its gradient */
    int64_t array[FUNCTION_ARRAYS];
    rg_params *theta;
    rg_tape *tape;
    rg_program *program;       /* where the case is a compiled one */
} function_state;

enum { RECORDED, COMPILED };

static void free_state(void *state)
{
    function_state *s = state;
    rg_program_free(s->program);
    rg_tape_free(s->tape);
    rg_params_free(s->theta);
    free(s->numbers.data);
    free(s->numbers.room);
    free(s->numbers.gradient);
    free(s);
}

static double *numbers_new(int64_t count, uint64_t stream)
{
    const size_t bytes = ((size_t)count * sizeof(double) + 63) / 64 * 64;
    double *numbers = aligned_alloc(64, bytes > 0 ? bytes : 64);
    for (int64_t i = 0; numbers && i < count; i++) numbers[i] = stream ? rg_random_normal(7, stream, (uint64_t)i) : 0;
    return numbers;
}

/* The value, or the arrays. */
static void record(function_state *s, rg_tensor *out)
{
    rg_tensor theta[FUNCTION_PARTS];
    for (int i = 0; i < s->parts; i++) theta[i] = rg_parameter(s->tape, rg_params_at(s->theta, (size_t)i));
    if (s->problem->record_arrays) s->arrays = s->problem->record_arrays(s->tape, theta, &s->numbers, out);
    else out[0] = s->problem->record(s->tape, theta, &s->numbers);
}

static void compute(function_state *s, const rg_tensor *out)
{
    if (s->program) rg_program_run(s->program);
    else if (s->arrays) rg_eval(s->arrays, out);
    else rg_backward(out[0]);
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    const function_setup *setup = each->setup;
    const function_extent extent = setup->problem->extent(setup->size);
    function_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->problem = setup->problem;
    s->theta = rg_params_new(RG_F64, 42);
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = with->threads });
    for (; s->parts < FUNCTION_PARTS && extent.part[s->parts] > 0; s->parts++) {
        rg_params_add(s->theta, (const char *[]){ "first", "second", "third", "fourth" }[s->parts],
                      RG_SHAPE(extent.part[s->parts]));
        s->count += extent.part[s->parts];
    }
    s->numbers = (function_numbers){ .theta = rg_params_data(s->theta), .data = numbers_new(extent.data, 1),
                                     .room = numbers_new(extent.room, 0) };
    memcpy(s->numbers.size, setup->size, sizeof s->numbers.size);
    if (rg_params_status(s->theta) || !s->tape || !s->numbers.data || !s->numbers.room) return free_state(s), NULL;
    for (int64_t i = 0; i < s->count; i++) s->numbers.theta[i] = rg_random_normal(7, 2, (uint64_t)i);
    s->problem->prepare(&s->numbers);
    rg_params_changed(s->theta);
    rg_tensor out[FUNCTION_ARRAYS];
    int64_t derivatives = s->count;
    record(s, out);
    for (int i = 0; i < s->arrays; i++) s->array[i] = rg_shape_count(rg_shape_of(out[i]));
    if (s->arrays) derivatives = s->array[0] + s->array[1];
    if (!(s->numbers.gradient = numbers_new(derivatives, 0))) return free_state(s), NULL;
    if (each->family->way == RECORDED) rg_tape_reset(s->tape);
    else s->program = s->arrays ? rg_compile(0, NULL, s->arrays, out) : rg_compile_backward(out[0], 0, NULL);
    return s;
}

static bool ours(void *state, int64_t count)
{
    function_state *s = state;
    rg_tensor out[FUNCTION_ARRAYS];
    for (; count > 0 && !rg_failed(s->tape); count--) {
        if (!s->program) record(s, out);
        compute(s, out);
        if (!s->program) rg_tape_reset(s->tape);
        rg_params_consume_gradient(s->theta);
    }
    return !rg_failed(s->tape);
}

static double run_limit(function_state *s)
{
    return s->problem->by_hand[bench_level()](&s->numbers);
}

static void limit(void *state, int which, int64_t count)
{
    (void)which;
    for (; count > 0; count--) run_limit(state);
}

static const double *result(const function_state *s, const rg_tensor *out, int which)
{
    return s->program ? rg_program_output(s->program, which) : rg_data(out[which]);
}

/* The largest distance of all that is compared; the tape is left as it was made. */
static double difference(void *state, int which)
{
    function_state *s = state;
    (void)which;
    rg_tensor out[FUNCTION_ARRAYS];
    const double by_hand = run_limit(s), *numbers = s->numbers.gradient;
    double most = 0;
    if (!s->program) record(s, out);
    compute(s, out);
    for (int i = 0; i < s->arrays && !rg_failed(s->tape); numbers += s->array[i++]) {
        const double distance = bench_distance(RG_F64, numbers, result(s, out, i), s->array[i]);
        if (!(distance <= most)) most = distance;
    }
    if (s->arrays == 0 && !rg_failed(s->tape)) {
        const double value = *result(s, out, 0);
        const double of_value = fabs(by_hand - value) / fmax(fabs(value), 1);
        const double of_gradient = bench_distance(RG_F64, numbers, rg_params_gradient(s->theta), s->count);
        most = isnan(of_value) || isnan(of_gradient) ? NAN : fmax(of_value, of_gradient);
    }
    if (!s->program) rg_tape_reset(s->tape);
    rg_params_consume_gradient(s->theta);
    return rg_failed(s->tape) ? NAN : most;
}

static const char *message(const void *state)
{
    return rg_message(((const function_state *)state)->tape);
}

#define FAMILY(way_)                                                                                               \
    { .limits = { "by hand" }, .way = way_, .make = make, .free = free_state, .ours = ours, .limit = limit,        \
      .difference = difference, .message = message }
static const bench_family recorded = FAMILY(RECORDED), compiled = FAMILY(COMPILED);

#define CASE(name_, about_, unit_, family_, problem_, ...)                                                         \
    { .name = name_, .about = about_, .dtype = RG_F64, .unit = unit_, .units = 1, .family = family_,               \
      .setup = &(const function_setup){ problem_, { __VA_ARGS__ } } }
#define BOTH_IN(unit_, name_, about_, problem_, ...)                                                               \
    CASE(name_, about_, unit_, &recorded, problem_, __VA_ARGS__),                                                  \
        CASE(name_ "-compiled", about_ ", compiled", unit_, &compiled, problem_, __VA_ARGS__)
#define BOTH(...) BOTH_IN("gradients/s", __VA_ARGS__)
#define MIXTURE(d, k)                                                                                              \
    BOTH("mixture-d" #d "-k" #k, "log-likelihood of 1,000 points in " #d " dimensions, " #k " Gaussians",          \
         &function_mixture, 1000, d, k)

static const bench_case cases[] = {
    MIXTURE(10, 25), MIXTURE(10, 100), MIXTURE(32, 25), MIXTURE(32, 100), MIXTURE(64, 25), MIXTURE(64, 100),
    BOTH("lstm-14-1024", "LSTM with diagonal weights, 14 wide, 1,024 steps", &function_lstm, 1024),
    BOTH("lstm-14-8192", "LSTM with diagonal weights, 14 wide, 8,192 steps", &function_lstm, 8192),
    BOTH("kmeans-hvp", "Hessian of 100 means of 10,000 points in 16 dimensions, times a vector", &function_kmeans, 10000, 100,
         16),
    BOTH("logsumexp-640k", "logarithm of a sum of 640,000 exponentials", &function_logsumexp, 640000),
    BOTH("grid-16392-128", "least squares of a polynomial of 128 terms on 16,392 points", &function_grid, 16392, 128),
    BOTH("runge-kutta-10000-100", "10,000 states, 100 steps of Runge and Kutta's method", &function_runge_kutta, 10000, 100),
    BOTH_IN("Jacobians/s", "bundle-30000", "Jacobian of 30,000 observations of 7,500 points by 50 cameras, in blocks",
            &function_bundle, 30000, 50, 7500),
};

bench_table bench_function_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
