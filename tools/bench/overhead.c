/* overhead.c: what the library costs where there is hardly anything to compute: recording, planning, and one small op
 * forward and backward. Written by hand these come to nothing, so there is no limit. */
#include <stdlib.h>

#include "bench.h"

enum { OPS = 1000 };

typedef struct overhead_state overhead_state;

typedef struct {
    void (*work)(overhead_state *s);
} overhead_setup;

struct overhead_state {
    void (*work)(overhead_state *s);
    rg_params *theta;
    rg_param w;
    rg_tape *tape;
    uint64_t structure;        /* the next one */
    bool failed;               /* to compile */
};

static void free_state(void *state)
{
    overhead_state *s = state;
    rg_tape_free(s->tape);
    rg_params_free(s->theta);
    free(s);
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    overhead_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->work = ((const overhead_setup *)each->setup)->work;
    s->theta = rg_params_new(each->dtype, 42);
    s->w = rg_params_add(s->theta, "w", RG_SCALAR);
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = with->threads });
    if (rg_params_status(s->theta) || !s->tape) return free_state(s), NULL;
    bench_set(each->dtype, rg_params_data(s->theta), 0, 0.5);
    rg_params_changed(s->theta);
    return s;
}

/* Sums and products of scalars, by the bits of a number: each number is another structure. */
static rg_tensor record_chain(overhead_state *s, uint64_t structure)
{
    rg_tensor w = rg_parameter(s->tape, s->w), y = w;
    for (int i = 0; i < OPS; i++) y = structure >> i % 64 & 1 ? rg_mul(y, w) : rg_add(y, w);
    return y;
}

static void record(overhead_state *s)
{
    record_chain(s, 0x5555555555555555);
}

static void plan(overhead_state *s)
{
    const rg_tensor y = record_chain(s, s->structure++);
    rg_program *program = rg_compile(0, NULL, 1, &y);
    s->failed = s->failed || !program;
    rg_program_free(program);
}

static void differentiate(overhead_state *s)
{
    rg_backward(rg_tanh(rg_parameter(s->tape, s->w)));
    rg_params_consume_gradient(s->theta);
}

static bool ours(void *state, int64_t passes)
{
    overhead_state *s = state;
    for (; passes > 0 && !s->failed && !rg_failed(s->tape); passes--) {
        s->work(s);
        rg_tape_reset(s->tape);
    }
    return !s->failed && !rg_failed(s->tape);
}

static const char *message(const void *state)
{
    return rg_message(((const overhead_state *)state)->tape);
}

static const bench_family overhead = { .make = make, .free = free_state, .ours = ours, .message = message };

#define CASE(name_, about_, unit_, units_, work_)                                                                  \
    { .name = name_, .about = about_, .dtype = RG_F32, .unit = unit_, .units = units_, .family = &overhead,        \
      .setup = &(const overhead_setup){ work_ } }

static const bench_case cases[] = {
    CASE("record-1000", "recording 1,000 ops on scalars, without computing anything", "nodes/s", OPS, record),
    CASE("plan-1000", "recording and compiling 1,000 ops on scalars, each time in another order", "nodes/s", OPS, plan),
    CASE("op-tanh-n1", "tanh of one parameter, forward and backward", "passes/s", 1, differentiate),
};

bench_table bench_overhead_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
