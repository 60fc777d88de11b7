/* chain.c: a chain of stages on a tape: recorded under a schedule, and measured by planning it and its gradient. What
 * is recorded to be measured comes after a mark, to which the tape is rewound. */
#define RG_NO_SITES
#include "ops.h"
#include "plan.h"
#include "planning.h"

#include <stdlib.h>

/* ---- Recording ------------------------------------------------------------------------------------------------ */

/* A stage may give anything; the number of what it gives is counted on. */
static rg_tensor do_stage(const char *site, const rg_chain *chain, int i, rg_tensor x)
{
    const rg_tensor y = chain->stage(chain->context, i, x);
    if (!rg_is_null(y) && y.tape != x.tape)
        return rg_fail(x.tape, site, RG_E_TAPE, "chain: what stage %d gives is on another tape", i);
    return rg_operands_checked(site, "chain", 1, &y) ? y : (rg_tensor){ 0 };
}

/* Begins the checkpoints whose first stage this is, each within the one around it. */
static bool begin_checkpoints(const char *site, rg_tape *tape, const rg_checkpoint_schedule *schedule, int stage, int *next,
                              int *ends, int *open)
{
    for (; *next < schedule->ranges && schedule->range[*next].first == stage; (*next)++) {
        const int end = schedule->range[*next].end;
        if (end <= stage || end > ends[*open]) return false;
        rg_checkpoint_begin_at(site, tape);
        ends[++*open] = end;
    }
    return true;
}

/* Checkpoints in the schedule are in the order in which this comes to them. Those that are open, and the chain around
 * them, have their ends in `ends`: they may be many, one within the other. */
static rg_tensor record(const char *site, const rg_chain *chain, rg_tensor x, const rg_checkpoint_schedule *schedule, int *ends)
{
    rg_tape *tape = x.tape;
    int next = 0, open = 0;
    bool nested = true;
    ends[0] = chain->count;
    for (int i = 0; i < chain->count && nested && !rg_is_null(x);) {
        nested = begin_checkpoints(site, tape, schedule, i, &next, ends, &open);
        if (nested) x = do_stage(site, chain, i++, x);
        for (; open > 0 && (i == ends[open] || !nested || rg_is_null(x)); open--) rg_checkpoint_end_at(site, tape);
    }
    if (nested && (rg_is_null(x) || next == schedule->ranges)) return x;
    return rg_fail(tape, site, RG_E_ARGUMENT, "chain: a checkpoint of the schedule does not lie within the one around it");
}

rg_tensor rg_chain_forward_at(const char *site, const rg_chain *chain, rg_tensor x,
                              const rg_checkpoint_schedule *schedule)
{
    static const rg_checkpoint_schedule none;
    if (!chain || !chain->stage) return rg_fail(x.tape, site, RG_E_NULL, "chain: no chain, or no stages");
    if (!rg_operands_checked(site, "chain", 1, &x)) return (rg_tensor){ 0 };
    if (schedule && schedule->stages < chain->count)
        return rg_fail(x.tape, site, RG_E_ARGUMENT, "chain: a schedule for %d stages, and the chain has %d",
                       schedule->stages, chain->count);
    if (!schedule) schedule = &none;
    if (schedule->ranges < 0 || (schedule->ranges > 0 && !schedule->range))
        return rg_fail(x.tape, site, RG_E_ARGUMENT, "chain: a schedule of %d checkpoints, which are not there", schedule->ranges);
    int few[64]; /* so that a step as a rule takes no memory */
    int *ends = schedule->ranges < 64 ? few : malloc(((size_t)schedule->ranges + 1) * sizeof *ends);
    if (!ends) return rg_fail(x.tape, site, RG_E_MEMORY, "chain: out of memory");
    x = record(site, chain, x, schedule, ends);
    if (ends != few) free(ends);
    return x;
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
    if (rg_is_null(y)) return rg_fail(t->tape, t->site, RG_E_NULL, "chain: a stage gives no tensor"), false;
    if (!rg_operands_checked(t->site, "chain", 1, &y)) return false;
    t->wanted[0] = loss_of(y);
    if (rg_is_null(t->wanted[0])) return false;
    if (t->wanted[0].node < t->tape->segment_first)
        return rg_fail(t->tape, t->site, RG_E_ARGUMENT, "chain: its stages record nothing"), false;
    return record_gradient(t, x);
}

/* The plan that rg_backward would make. */
static bool plan_backward(trial *t, rg_lifetime *lifetimes)
{
    const uint32_t wanted[] = { t->wanted[0].node, t->wanted[1].node };
    const rg_request request = { .first = (uint32_t)t->tape->segment_first, .end = (uint32_t)t->tape->node_count,
                                 .wanted = wanted, .wanted_count = rg_is_null(t->wanted[1]) ? 1 : 2, .sinks = t->sinks,
                                 .sink_count = t->sink_count, .optimise = true, .accounts = true,
                                 .lifetimes = lifetimes };
    return rg_plan_build(t->tape, &request, &t->plan);
}

/* Without the gradient. Outputs of stages are held, so that nothing is computed in the place of a stage's input, which
 * may be kept in a checkpoint. */
static bool plan_forward(trial *t, rg_lifetime *lifetimes)
{
    uint32_t *held = rg_arena_take(&t->tape->scratch, ((size_t)t->chain->count + 1) * sizeof *held);
    size_t count = 0;
    for (int i = 0; held && i < t->chain->count - 1; i++)
        if (t->output[i] >= t->tape->segment_first) held[count++] = t->output[i];
    const rg_request request = { .first = (uint32_t)t->tape->segment_first, .end = t->last,
                                 .wanted = &t->wanted[0].node, .wanted_count = 1, .held = held, .held_count = count,
                                 .optimise = true, .accounts = true, .lifetimes = lifetimes };
    return held && rg_plan_build(t->tape, &request, &t->plan);
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

/* ---- What it takes -------------------------------------------------------------------------------------------- */

static size_t bytes_of(const rg_tape *tape, uint32_t node)
{
    size_t bytes = (size_t)rg_shape_count(*tape->nodes[node].shape) * rg_dtype_size((rg_dtype)tape->nodes[node].dtype);
    return rg_size_align(bytes, RG_ALIGNMENT, &bytes) ? bytes : SIZE_MAX;
}

/* The stage that a node was recorded in; or -1. */
static int stage_of_node(const trial *t, size_t node)
{
    int low = 0, high = t->chain->count;
    if (node < t->tape->segment_first) return -1;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (node < t->end[middle]) high = middle;
        else low = middle + 1;
    }
    return low < t->chain->count ? low : -1;
}

/* The stage that a step belongs to: that of its node, which for an adjoint is the one it is the adjoint of; or -1. */
static int stage_of(const trial *t, const rg_account *step)
{
    return step->node == RG_NONE ? -1 : stage_of_node(t, t->tape->segment_first + step->node);
}

/* Whether adjoints of the stage itself read its output. */
static bool reads_own_output(const trial *t, int stage)
{
    for (size_t j = t->last; j < t->tape->node_count; j++) {
        const rg_node *node = &t->tape->nodes[j];
        bool reads = false;
        for (uint32_t k = 0; k < node->operands && !reads; k++) reads = rg_edges(t->tape, node)[k] == t->output[stage];
        if (reads && stage_of_node(t, node->forward) == stage) return true;
    }
    return false;
}

/* Whether a value goes from the forward pass to an adjoint, or is held. */
static bool is_saved(const trial *t, const rg_lifetime *life)
{
    const rg_account *steps = t->plan.accounts;
    if (life->last_use <= life->defined || steps[life->defined].backward) return false;
    return life->last_use == (int64_t)t->plan.step_count || steps[life->last_use].backward;
}

/* What the nodes of each stage save. A step may be that of several stages, if they are elementwise. */
static void find_saved(const trial *t, const rg_lifetime *lifetimes, size_t *saved)
{
    for (size_t node = t->tape->segment_first; node < t->last; node++) {
        const rg_lifetime *life = &lifetimes[node - t->tape->segment_first];
        const int i = stage_of_node(t, node);
        if (i >= 0 && is_saved(t, life)) saved[i] += life->bytes;
    }
}

/* What is alive in step k, beside what the stages before its own have saved: their outputs are its input. */
static size_t alive_of_stage(const trial *t, size_t k, int stage, const size_t *saved)
{
    size_t before = 0;
    for (int i = 0; i < stage; i++) before += saved[i];
    return t->plan.accounts[k].alive > before ? t->plan.accounts[k].alive - before : 0;
}

static void find_peaks(const trial *t, const size_t *saved, bool backward, size_t *peak)
{
    for (size_t k = 0; k < t->plan.step_count; k++) {
        const int i = stage_of(t, &t->plan.accounts[k]);
        if (i < 0 || t->plan.accounts[k].backward != backward) continue;
        const size_t alive = alive_of_stage(t, k, i, saved);
        if (alive > peak[i]) peak[i] = alive;
    }
}

/* The output of each stage. If no adjoint reads it, or if it is never in memory, because the next stage goes on with it
 * in the same step, it counts as saved all the same: the next stage may have to be computed again from it. If only
 * adjoints of the next stage read it, it is not there when its own stage is computed to be reversed. */
static void describe_outputs(const trial *t, const rg_lifetime *lifetimes, const size_t *saved, rg_stage *stages)
{
    const rg_account *steps = t->plan.accounts;
    const int last = t->chain->count - 1;
    for (int i = 0; i <= last; i++) {
        const uint32_t node = t->output[i];
        const rg_lifetime none = { -1, -1, 0 };
        const rg_lifetime *life = node < t->tape->segment_first ? &none : &lifetimes[node - t->tape->segment_first];
        const bool here = life->last_use > life->defined, own = i == last || reads_own_output(t, i);
        const bool scalar = rg_shape_count(*t->tape->nodes[node].shape) == 1;
        stages[i].output = bytes_of(t->tape, node);
        stages[i].adjoint = i == last && scalar ? 0 : stages[i].output;
        stages[i].saved = saved[i] + (i < last && !(here && is_saved(t, life)) ? stages[i].output : 0);
        for (size_t k = 0; k < t->plan.step_count; k++) {
            if (steps[k].backward || stage_of(t, &steps[k]) != i) continue;
            const bool absent = here && (int64_t)k >= life->defined && !own;
            const size_t alive = alive_of_stage(t, k, i, saved), without = absent ? stages[i].output : 0;
            if (alive > without && alive - without > stages[i].final_peak) stages[i].final_peak = alive - without;
            stages[i].forward += steps[k].operations;
        }
    }
}

/* A stage that is done in a step of the one before it takes a step of its own once there is a checkpoint between
 * them. */
static size_t at_least(size_t least, size_t bytes)
{
    return bytes > least ? bytes : least;
}

enum { SAVED, FORWARD, BACKWARD, HELD, ADVANCE, COLUMNS };

static bool measure(trial *t, rg_stage *stages)
{
    const size_t count = (size_t)t->chain->count, nodes = t->tape->node_count - t->tape->segment_first;
    rg_lifetime *lifetimes = rg_arena_take(&t->tape->scratch, nodes * sizeof *lifetimes);
    size_t *column = rg_arena_take_zeroed(&t->tape->scratch, COLUMNS * count * sizeof *column);
    if (!lifetimes || !column || !plan_backward(t, lifetimes)) return false;
    for (size_t i = 0; i < count; i++) stages[i] = (rg_stage){ .forward = 0 };
    find_saved(t, lifetimes, column + SAVED * count);
    describe_outputs(t, lifetimes, column + SAVED * count, stages);
    find_peaks(t, column + SAVED * count, false, column + FORWARD * count);
    find_peaks(t, column + SAVED * count, true, column + BACKWARD * count);
    rg_arena_free(&t->plan.arena);
    t->plan = (rg_plan){ 0 };
    if (!plan_forward(t, lifetimes)) return false;
    find_saved(t, lifetimes, column + HELD * count);
    find_peaks(t, column + HELD * count, false, column + ADVANCE * count);
    for (size_t i = 0; i < count; i++) {
        stages[i].forward_peak = at_least(stages[i].output, column[FORWARD * count + i]);
        stages[i].backward_peak = at_least(stages[i].adjoint, column[BACKWARD * count + i]);
        stages[i].advance_peak = at_least(stages[i].output, column[ADVANCE * count + i]);
    }
    return true;
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
    const bool begun = t.output && t.end && !tape->error.status;
    if (!begun || (record_trial(&t, x, schedule) && !(stages ? measure(&t, stages) : plan_backward(&t, NULL))))
        rg_fail(tape, site, RG_E_MEMORY, "chain: out of memory");
    if (workspace && !rg_size_align(t.plan.workspace_bytes, RG_PAGE, workspace)) *workspace = SIZE_MAX;
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
    if (!stages) rg_fail(x.tape, site, RG_E_NULL, "chain: nowhere to put stages");
    else if (try_chain(site, chain, x, NULL, stages, NULL)) return RG_OK;
    return x.tape ? x.tape->error.status : RG_E_NULL;
}

size_t rg_chain_workspace_at(const char *site, const rg_chain *chain, rg_tensor x,
                             const rg_checkpoint_schedule *schedule)
{
    size_t bytes = 0;
    return try_chain(site, chain, x, schedule, NULL, &bytes) ? bytes : 0;
}

/* ---- Planned within a budget ---------------------------------------------------------------------------------- */

/* The schedule for so many bytes by the stages, and the workspace that it really takes. */
static rg_checkpoint_schedule *plan_and_look(const char *site, const rg_chain *chain, rg_tensor x,
                                             const rg_stage *stages, size_t bytes, size_t *workspace)
{
    rg_error error;
    rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, chain->count, bytes, &error);
    if (!schedule) return rg_fail(x.tape, site, error.status, "chain: %s", error.message), NULL;
    *workspace = rg_chain_workspace_at(site, chain, x, schedule);
    if (!rg_failed(x.tape)) return schedule;
    rg_checkpoint_schedule_free(schedule);
    return NULL;
}

#define PLENTY (SIZE_MAX / 8)

/* Each round plans for less than what the last schedule was thought to take. The last round is for the least. */
static rg_checkpoint_schedule *plan_within(const char *site, const rg_chain *chain, rg_tensor x, const rg_stage *stages,
                                           size_t budget)
{
    rg_error error = { .status = RG_OK };
    size_t within = rg_chain_workspace_at(site, chain, x, NULL) <= budget ? PLENTY : budget, workspace = 0;
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
