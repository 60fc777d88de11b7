/* chain.c: a chain of stages on a tape: recorded under a schedule, and measured by planning it and its gradient. What is
 * recorded to be measured comes after a mark, to which the tape is rewound. */
#define RG_NO_SITES
#include "ops.h"
#include "plan.h"
#include "planning.h"

#include <stdlib.h>

/* ---- Recording ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *site;
    const rg_chain *chain;
    const rg_checkpoint_schedule *schedule;
    int next;                  /* range of the schedule */
} recording;

static rg_tensor refuse_ranges(rg_tensor x, const char *site)
{
    return rg_fail(x.tape, site, RG_E_ARGUMENT, "chain: a checkpoint of the schedule does not lie within the one around it");
}

/* Stages first to end - 1. Checkpoints in the schedule are in the order in which this comes to them. */
static rg_tensor record(recording *r, int first, int end, rg_tensor x)
{
    const rg_checkpoint_schedule *schedule = r->schedule;
    for (int i = first; i < end && !rg_is_null(x);) {
        if (!schedule || r->next == schedule->ranges || schedule->range[r->next].first != i) {
            x = r->chain->stage(r->chain->context, i++, x);
            continue;
        }
        const int until = schedule->range[r->next++].end;
        if (until <= i || until > end) return refuse_ranges(x, r->site);
        rg_tape *tape = x.tape;
        rg_checkpoint_begin_at(r->site, tape);
        x = record(r, i, until, x);
        rg_checkpoint_end_at(r->site, tape);
        i = until;
    }
    return x;
}

rg_tensor rg_chain_forward_at(const char *site, const rg_chain *chain, rg_tensor x, const rg_checkpoint_schedule *schedule)
{
    if (!chain || !chain->stage) return rg_fail(x.tape, site, RG_E_NULL, "chain: no chain, or no stages");
    if (!rg_operands_checked(site, "chain", 1, &x)) return (rg_tensor){ 0 };
    if (schedule && schedule->stages < chain->count)
        return rg_fail(x.tape, site, RG_E_ARGUMENT, "chain: a schedule for %d stages, and the chain has %d", schedule->stages,
                       chain->count);
    recording r = { site, chain, schedule, 0 };
    x = record(&r, 0, chain->count, x);
    return schedule && !rg_is_null(x) && r.next < schedule->ranges ? refuse_ranges(x, site) : x;
}

/* ---- Trying it: a recording that is planned, and forgotten ------------------------------------------------------ */

typedef struct {
    const char *site;
    const rg_chain *chain;
    rg_tape *tape;
    uint32_t *output, *end;    /* of each stage: its node, and the first one that comes after the stage */
    uint32_t last;             /* node before the first adjoint */
    rg_tensor wanted[2];       /* the loss; and the gradient, if there are no parameters to take it for */
    rg_sink *sinks;
    size_t sink_count;
    rg_plan plan;
} trial;

static rg_tensor note_stage(void *context, int i, rg_tensor x)
{
    trial *t = context;
    const rg_tensor y = t->chain->stage(t->chain->context, i, x);
    t->output[i] = y.node;
    t->end[i] = (uint32_t)t->tape->node_count;
    return y;
}

/* A sum of squares stands for what comes after the chain: it keeps its operand, whose adjoint is as large. */
static rg_tensor loss_of(rg_tensor y)
{
    return rg_shape_count(rg_shape_of(y)) == 1 ? y : rg_sum_at(NULL, rg_square_at(NULL, y));
}

static bool record_gradient(trial *t, rg_tensor x)
{
    rg_tape *tape = t->tape;
    t->last = (uint32_t)tape->node_count;
    const rg_tensor loss = t->wanted[0], seed = rg_seed_for(t->site, "chain", loss, (rg_tensor){ 0 });
    if (rg_is_null(seed) || !rg_gradient_of_parameters(tape, loss, seed, &t->sinks, &t->sink_count)) return false;
    for (size_t i = 0; i < t->sink_count; i++)
        if (t->sinks[i].leaf < tape->segment_first && !rg_note_external(tape, t->sinks[i].leaf)) return false;
    return t->sink_count > 0 || rg_grad_at(t->site, loss, &x, 1, &t->wanted[1]) == RG_OK;
}

static bool record_trial(trial *t, rg_tensor x, const rg_checkpoint_schedule *schedule)
{
    const rg_chain noting = { note_stage, t, t->chain->count };
    const rg_tensor y = rg_chain_forward_at(t->site, &noting, x, schedule);
    if (!rg_operands_checked(t->site, "chain", 1, &y)) return false;
    t->wanted[0] = loss_of(y);
    if (rg_is_null(t->wanted[0])) return false;
    if (t->wanted[0].node < t->tape->segment_first)
        return rg_fail(t->tape, t->site, RG_E_ARGUMENT, "chain: its stages record nothing"), false;
    return record_gradient(t, x);
}

/* The plan that rg_backward would make. */
static bool plan_backward(trial *t, bool *saved)
{
    const uint32_t wanted[] = { t->wanted[0].node, t->wanted[1].node };
    const rg_request request = { .first = (uint32_t)t->tape->segment_first, .end = (uint32_t)t->tape->node_count,
                                 .wanted = wanted, .wanted_count = rg_is_null(t->wanted[1]) ? 1 : 2, .sinks = t->sinks,
                                 .sink_count = t->sink_count, .optimise = true, .accounts = true, .saved = saved };
    return rg_plan_build(t->tape, &request, &t->plan);
}

/* Without the gradient, and with the stages' outputs apart from the workspace: what is left there are temporaries, and what
 * would otherwise have been computed in the output's place. */
static bool plan_forward(trial *t)
{
    uint32_t *wanted = rg_arena_take(&t->tape->scratch, ((size_t)t->chain->count + 1) * sizeof *wanted);
    size_t count = 0;
    for (int i = 0; wanted && i < t->chain->count; i++)
        if (t->output[i] >= t->tape->segment_first) wanted[count++] = t->output[i];
    const rg_request request = { .first = (uint32_t)t->tape->segment_first, .end = t->last, .wanted = wanted,
                                 .wanted_count = count, .optimise = true, .accounts = true };
    return wanted && rg_plan_build(t->tape, &request, &t->plan);
}

/* What modules have drawn they will draw again. */
static void return_draws(const rg_tape *tape, size_t since)
{
    for (size_t i = since; i < tape->node_count; i++) {
        const rg_node *node = &tape->nodes[i];
        if (node->op != &rg_op_random_key || !node->attributes) continue;
        rg_params *store = ((const rg_drawn_key *)node->attributes)->store;
        rg_params_set_random_counter(store, rg_params_random_counter(store) - 1);
    }
}

/* ---- What it takes ------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const rg_tape *tape, uint32_t node)
{
    size_t bytes = (size_t)rg_shape_count(*tape->nodes[node].shape) * rg_dtype_size((rg_dtype)tape->nodes[node].dtype);
    return rg_size_align(bytes, RG_ALIGNMENT, &bytes) ? bytes : SIZE_MAX;
}

/* The stage that a step belongs to: that of its node, which for an adjoint is the one it is the adjoint of; or -1. */
static int stage_of(const trial *t, const rg_account *step)
{
    if (step->node == RG_NONE) return -1;
    const size_t node = t->tape->segment_first + step->node;
    int low = 0, high = t->chain->count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (node < t->end[middle]) high = middle;
        else low = middle + 1;
    }
    return low < t->chain->count ? low : -1;
}

static void raise_to(size_t *most, size_t bytes, size_t without)
{
    if (bytes > without && bytes - without > *most) *most = bytes - without;
}

static void measure_saved(const trial *t, const bool *saved, rg_stage *stages)
{
    for (int i = 0; i < t->chain->count; i++) {
        const uint32_t node = t->output[i];
        const bool scalar = rg_shape_count(*t->tape->nodes[node].shape) == 1;
        const bool last = i == t->chain->count - 1, within = node >= t->tape->segment_first;
        stages[i] = (rg_stage){ .output = bytes_of(t->tape, node) };
        stages[i].adjoint = last && scalar ? 0 : stages[i].output;
        if (!last && within && !saved[node - t->tape->segment_first]) stages[i].saved = stages[i].output;
    }
    for (size_t k = 0; k < t->plan.step_count; k++) {
        const rg_account *step = &t->plan.accounts[k];
        const int i = stage_of(t, step);
        if (i < 0 || step->backward) continue;
        stages[i].forward += step->operations;
        stages[i].saved += step->saved;
    }
}

/* Of each step what the stages before its own have saved is not counted: their outputs are the input. */
static void measure_peaks(const trial *t, rg_stage *stages)
{
    for (size_t k = 0; k < t->plan.step_count; k++) {
        const rg_account *step = &t->plan.accounts[k];
        const int stage = stage_of(t, step);
        size_t before = 0;
        for (int i = 0; i < stage; i++) before += stages[i].saved;
        if (stage >= 0) raise_to(step->backward ? &stages[stage].backward_peak : &stages[stage].forward_peak, step->alive, before);
    }
}

static void measure_advances(const trial *t, rg_stage *stages)
{
    for (int i = 0; i < t->chain->count; i++) stages[i].advance_peak = stages[i].output;
    for (size_t k = 0; k < t->plan.step_count; k++) {
        const int i = stage_of(t, &t->plan.accounts[k]);
        if (i >= 0) raise_to(&stages[i].advance_peak, stages[i].output + t->plan.accounts[k].alive, 0);
    }
    for (int i = 0; i < t->chain->count; i++) /* no more than when more is kept */
        if (stages[i].advance_peak > stages[i].forward_peak) stages[i].advance_peak = stages[i].forward_peak;
}

static bool measure(trial *t, rg_stage *stages)
{
    bool *saved = rg_arena_take_zeroed(&t->tape->scratch, t->tape->node_count - t->tape->segment_first);
    bool done = saved && plan_backward(t, saved);
    if (done) {
        measure_saved(t, saved, stages);
        measure_peaks(t, stages);
        rg_arena_free(&t->plan.arena);
        t->plan = (rg_plan){ 0 };
        done = plan_forward(t);
    }
    if (done) measure_advances(t, stages);
    return done;
}

/* Measures the chain, if there are stages to put it in; else finds the workspace that it takes under the schedule. */
static bool try_chain(const char *site, const rg_chain *chain, rg_tensor x, const rg_checkpoint_schedule *schedule,
                      rg_stage *stages, size_t *workspace)
{
    rg_tape *tape = rg_operands_checked(site, "chain", 1, &x);
    if (!tape) return false;
    if (!chain || !chain->stage || chain->count < 1) {
        rg_fail(tape, site, chain && chain->stage ? RG_E_ARGUMENT : RG_E_NULL, "chain: no chain, or no stages");
        return false;
    }
    if (tape->recording_flags & RG_NODE_ADJOINT)
        return rg_fail(tape, site, RG_E_STATE, "chain: derivatives are being recorded"), false;
    const size_t count = (size_t)chain->count;
    trial t = { .site = site, .chain = chain, .tape = tape, .output = malloc(count * sizeof *t.output),
                .end = malloc(count * sizeof *t.end) };
    const rg_mark mark = rg_tape_mark_at(site, tape);
    const size_t first = tape->node_count;
    bool done = t.output && t.end && !tape->error.status;
    if (!done || (record_trial(&t, x, schedule) && !(stages ? measure(&t, stages) : plan_backward(&t, NULL))))
        rg_fail(tape, site, RG_E_MEMORY, "chain: out of memory");
    if (done && !stages) done = rg_size_align(t.plan.workspace_bytes, RG_PAGE, workspace);
    return_draws(tape, first);
    rg_arena_rewind(&tape->scratch);
    rg_arena_free(&t.plan.arena);
    free(t.output);
    free(t.end);
    if (mark.tape) rg_tape_rewind_at(site, mark);
    return !tape->error.status;
}

rg_status rg_chain_measure_at(const char *site, const rg_chain *chain, rg_tensor x, rg_stage *stages)
{
    if (!stages) return rg_fail(x.tape, site, RG_E_NULL, "chain: nowhere to put stages"), x.tape ? x.tape->error.status : RG_E_NULL;
    return try_chain(site, chain, x, NULL, stages, NULL) ? RG_OK : x.tape ? x.tape->error.status : RG_E_NULL;
}

size_t rg_chain_workspace_at(const char *site, const rg_chain *chain, rg_tensor x, const rg_checkpoint_schedule *schedule)
{
    size_t bytes = 0;
    return try_chain(site, chain, x, schedule, NULL, &bytes) ? bytes : 0;
}

/* ---- Planned within a budget ---------------------------------------------------------------------------------------- */

/* The schedule for so many bytes by the stages, and the workspace that it really takes. */
static rg_checkpoint_schedule *plan_and_look(const char *site, const rg_chain *chain, rg_tensor x, const rg_stage *stages,
                                             size_t bytes, size_t *workspace)
{
    rg_error error;
    rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, chain->count, bytes, &error);
    if (!schedule) return rg_fail(x.tape, site, error.status, "chain: %s", error.message), NULL;
    *workspace = rg_chain_workspace_at(site, chain, x, schedule);
    if (!rg_failed(x.tape)) return schedule;
    rg_checkpoint_schedule_free(schedule);
    return NULL;
}

/* Each round plans for less than what the last schedule was thought to take. The last round is for the least. */
static rg_checkpoint_schedule *plan_within(const char *site, const rg_chain *chain, rg_tensor x, const rg_stage *stages,
                                           size_t budget)
{
    rg_error error;
    size_t within = budget, workspace = 0;
    const size_t least = rg_checkpoint_least(stages, chain->count, &error);
    if (least == 0 && error.status) return rg_fail(x.tape, site, error.status, "chain: %s", error.message), NULL;
    for (;;) {
        const bool final = within <= least;
        rg_checkpoint_schedule *schedule = plan_and_look(site, chain, x, stages, final ? least : within, &workspace);
        if (!schedule || workspace <= budget) return schedule;
        const size_t peak = schedule->peak < within ? schedule->peak : within, share = peak / 64 + 1;
        const size_t over = workspace - budget > share ? workspace - budget : share;
        rg_checkpoint_schedule_free(schedule);
        if (final) break;
        within = peak > over ? peak - over : 0;
    }
    rg_fail(x.tape, site, RG_E_ARGUMENT, "chain: %zu bytes are too few for these %d stages: the least is %zu", budget,
            chain->count, workspace);
    return NULL;
}

rg_checkpoint_schedule *rg_chain_plan_at(const char *site, const rg_chain *chain, rg_tensor x, size_t budget)
{
    const size_t count = chain && chain->count > 0 ? (size_t)chain->count : 1;
    rg_stage *stages = malloc(count * sizeof *stages);
    if (!stages) return rg_fail(x.tape, site, RG_E_MEMORY, "chain: out of memory"), NULL;
    rg_checkpoint_schedule *schedule = rg_chain_measure_at(site, chain, x, stages) ? NULL
                                           : plan_within(site, chain, x, stages, budget);
    free(stages);
    return schedule;
}
