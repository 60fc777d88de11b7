/* run.c: running a plan: pointers are set, then the steps are done one after another. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "params.h"
#include "plan.h"
#include "pool.h"

/* ---- Steps -------------------------------------------------------------------------------------------------------- */

const rg_step *rg_step_stop(const rg_step *step)
{
    return step;
}

const rg_step *rg_step_work(const rg_step *step)
{
    const rg_work *work = step->attributes;
    work->kernel(&work->call, 0, work->items);
    return RG_NEXT_STEP(step);
}

static int64_t divided_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Items begin <= i < end, in chunks if a group follows: the group finds them in the cache. Where it alone reads what the
 * kernel computes, that is kept no longer than the chunk. */
static void run_items(const rg_work *work, int64_t begin, int64_t end, char *memory)
{
    if (!work->kernel) {
        rg_group_run(work->group, work->pointers, begin, end, NULL, memory);
        return;
    }
    if (!work->group) {
        work->kernel(&work->call, begin, end);
        return;
    }
    _Alignas(RG_ALIGNMENT) char local[RG_LOCAL_BYTES];
    const int64_t unit = work->items_unit;
    rg_call call = work->call;
    for (int64_t at = begin, stop; at < end; at = stop) {
        const int64_t left = end - at, chunks = divided_up(left, work->items_per_chunk);
        stop = at + divided_up(divided_up(left, chunks), unit) * unit; /* all of about the same size */
        if (stop > end) stop = end;
        const int64_t first = at * work->item_elements, last = stop * work->item_elements, count = work->group->count;
        if (work->local) {
            call.out = local;
            call.origin = first;
        }
        work->kernel(&call, at, stop);
        rg_group_run(work->group, work->pointers, first, last < count ? last : count, local, memory);
        if (work->follower) work->follower(work->follower_call, at / unit, divided_up(stop, unit));
    }
}

typedef struct {
    const rg_work *work;
    int64_t items_per_part;
} shared_work;

static void run_part(void *context, int64_t part)
{
    const shared_work *shared = context;
    const rg_work *work = shared->work;
    const int64_t begin = part * shared->items_per_part, left = work->items - begin;
    char *memory = work->memory ? work->memory + (size_t)part * work->memory_bytes : NULL;
    run_items(work, begin, left < shared->items_per_part ? work->items : begin + shared->items_per_part, memory);
}

static int64_t items_per_part(const rg_engine *engine, const rg_work *work)
{
    const int64_t unit = work->items_unit, units = divided_up(work->items, unit);
    return divided_up(units, work->worth_threads ? engine->threads : 1) * unit;
}

int64_t rg_work_parts(const rg_engine *engine, const rg_work *work)
{
    return work->items > 0 ? divided_up(work->items, items_per_part(engine, work)) : 0;
}

/* A part for each thread. Smaller ones would even out how fast they are, but a product copies an operand for each. */
void rg_work_do(rg_engine *engine, const rg_work *work)
{
    const int64_t parts = rg_work_parts(engine, work);
    if (parts > 1 && !engine->pool) engine->pool = rg_pool_new(engine->threads);
    if (parts > 1 && engine->pool) {
        shared_work shared = { work, items_per_part(engine, work) };
        rg_pool_run(engine->pool, parts, run_part, &shared);
    } else if (parts > 0) run_items(work, 0, work->items, work->memory);
}

/* ---- An index out of range --------------------------------------------------------------------------------------------- */

void rg_kernel_fault(const rg_call *call, int64_t position)
{
    if (!call->fault) return;
    _Atomic int64_t *first = (_Atomic int64_t *)call->fault;
    int64_t known = atomic_load(first);
    while (position < known && !atomic_compare_exchange_weak(first, &known, position)) {}
}

void rg_fault_reason(const rg_work *work, int64_t position, char *text, size_t size)
{
    const rg_call *call = &work->call;
    snprintf(text, size, "an index is out of range");
    for (int k = 0; k < call->operands; k++) {
        rg_dtype dtype = call->layout[1 + k].dtype;
        if ((dtype != RG_I32 && dtype != RG_I64) || position >= rg_shape_count(call->layout[1 + k].shape)) continue;
        int64_t index = dtype == RG_I64 ? ((const int64_t *)call->in[k])[position] : ((const int32_t *)call->in[k])[position];
        snprintf(text, size, "index %lld at position %lld is out of range", (long long)index, (long long)position);
    }
}

static void report_fault(rg_tape *tape, const rg_request *request, const rg_work *work, int64_t position)
{
    char reason[RG_REASON_SIZE];
    rg_tensor in[RG_MAX_OPERANDS];
    int n = 0;
    const rg_node *node = work->node == RG_NONE ? NULL : &tape->nodes[request->first + work->node];
    rg_fault_reason(work, position, reason, sizeof reason);
    for (uint32_t k = 0; node && k < node->operands && k < RG_MAX_OPERANDS; k++)
        in[n++] = rg_handle(tape, rg_edges(tape, node)[k]);
    rg_fail_op(tape, node ? node->site : NULL, RG_E_INDEX, node ? node->op->name : "index", reason, n, in);
}

/* ---- Engines ---------------------------------------------------------------------------------------------------------------- */

bool rg_engine_reserve(rg_engine *engine, const rg_plan *plan)
{
    if (plan->workspace_bytes <= engine->workspace_bytes) return true;
    size_t rounded;
    if (!rg_size_align(plan->workspace_bytes, RG_PAGE, &rounded)) return false;
    void *larger = aligned_alloc(RG_PAGE, rounded);
    if (!larger) return false;
    free(engine->workspace);
    engine->workspace = larger;
    engine->workspace_bytes = rounded;
    return true;
}

void rg_engine_free(rg_engine *engine)
{
    rg_pool_free(engine->pool);
    free(engine->workspace);
}

const rg_work *rg_plan_do(rg_engine *engine, rg_plan *plan)
{
    *plan->fault = INT64_MAX;
    for (const rg_step *step = plan->steps; (step = step->kernel(step)) < plan->last; step++) {
        if (step->work) rg_work_do(engine, step->work);
        if (*plan->fault != INT64_MAX) return step->work;
    }
    return NULL;
}

/* ---- Setting pointers ------------------------------------------------------------------------------------------------------ */

static rg_node *source_node(rg_tape *tape, const rg_request *request, const rg_source *source)
{
    return &tape->nodes[source->external ? tape->externals[source->index] : request->first + source->index];
}

/* Values of earlier segments that their plans did not keep. */
static __attribute__((noinline)) bool recompute_missing(rg_tape *tape, const rg_request *request, const rg_plan *plan)
{
    uint32_t *missing = rg_arena_take(&tape->scratch, plan->source_count * sizeof *missing);
    size_t count = 0;
    if (!missing) return rg_fail(tape, NULL, RG_E_MEMORY, "out of memory for values that are computed again"), false;
    for (size_t i = 0; i < plan->source_count; i++) {
        const rg_node *node = source_node(tape, request, &plan->sources[i]);
        if (!node->data && node->op != &rg_op_parameter) missing[count++] = (uint32_t)(node - tape->nodes);
    }
    return rg_recompute(tape, missing, count);
}

size_t rg_plan_region(const rg_plan *plan, rg_place place, size_t index)
{
    const size_t gradients = plan->source_count + plan->output_count, workspace = gradients + plan->sink_count;
    const size_t first[] = { [RG_IN_SOURCE] = 0, [RG_IN_OUTPUT] = plan->source_count, [RG_IN_GRADIENT] = gradients,
                             [RG_IN_WORKSPACE] = workspace, [RG_IN_NUMBERS] = workspace + 1 };
    return first[place] + index;
}

void rg_plan_move(rg_plan *plan, size_t region, void *base)
{
    const rg_region *moved = &plan->regions[region];
    if (moved->base == base) return;
    for (size_t i = moved[0].first_patch; i < moved[1].first_patch; i++)
        *plan->patches[i].pointer = (char *)base + plan->patches[i].offset;
    plan->regions[region].base = base;
}

static inline void move(rg_plan *plan, size_t region, void *base)
{
    if (plan->regions[region].base != base) rg_plan_move(plan, region, base);
}

static bool stale(rg_tape *tape, const rg_node *node)
{
    char text[160];
    rg_describe(tape, node, text, sizeof text);
    rg_fail(tape, NULL, RG_E_STALE, "stale: a value was not computed before its parameter changed: %s, recorded at %s", text,
            rg_site_short(node->site));
    return false;
}

static bool find_sources(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    for (size_t i = 0; i < plan->source_count; i++) {
        const rg_node *node = source_node(tape, request, &plan->sources[i]);
        if (tape->verify && !rg_verify_leaf(tape, node)) return false;
        if (node->op == &rg_op_parameter) {
            const rg_parameter_leaf *leaf = node->attributes;
            if (leaf->version != leaf->param.store->version) return stale(tape, node);
            move(plan, i, rg_param_pointer(leaf->param));
        } else {
            if (!node->data && !recompute_missing(tape, request, plan)) return false;
            move(plan, i, source_node(tape, request, &plan->sources[i])->data);
        }
    }
    return true;
}

static bool find_outputs(rg_tape *tape, rg_plan *plan)
{
    const size_t first = rg_plan_region(plan, RG_IN_OUTPUT, 0);
    for (size_t i = 0; i < plan->output_count; i++) {
        const size_t bytes = plan->outputs[i].bytes;
        void *output = rg_arena_take(&tape->values, bytes ? bytes : 1);
        if (!output) return false;
        move(plan, first + i, output);
    }
    if (!rg_engine_reserve(&tape->engine, plan)) return false;
    move(plan, rg_plan_region(plan, RG_IN_WORKSPACE, 0), tape->engine.workspace);
    return true;
}

static inline rg_param sink_of(rg_tape *tape, const rg_request *request, const rg_plan *plan, size_t sink)
{
    const rg_parameter_leaf *leaf = source_node(tape, request, &plan->sources[plan->sinks[sink]])->attributes;
    return leaf->param;
}

static bool bind(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    if (!find_sources(tape, request, plan)) return false;
    if (!find_outputs(tape, plan)) {
        rg_fail(tape, NULL, RG_E_MEMORY, "out of memory for the values of a plan (%zu bytes of workspace)",
                plan->workspace_bytes);
        return false;
    }
    const size_t first = rg_plan_region(plan, RG_IN_GRADIENT, 0);
    for (size_t i = 0; i < plan->sink_count; i++)
        move(plan, first + i, rg_param_gradient_pointer(sink_of(tape, request, plan, i)));
    if (request->update)
        move(plan, rg_plan_region(plan, RG_IN_NUMBERS, 0), (void *)(uintptr_t)request->update->numbers);
    return true;
}

bool rg_plan_run(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    if (!bind(tape, request, plan)) return false;
    const rg_work *faulty = rg_plan_do(&tape->engine, plan);
    if (faulty) return report_fault(tape, request, faulty, *plan->fault), false;
    const rg_region *outputs = &plan->regions[rg_plan_region(plan, RG_IN_OUTPUT, 0)];
    for (size_t i = 0; i < plan->output_count; i++) {
        tape->nodes[request->first + plan->outputs[i].node].data = outputs[i].base;
        if (tape->mark_count > 0) rg_note_late(tape, request->first + plan->outputs[i].node);
    }
    for (size_t i = 0; i < plan->sink_count; i++) rg_param_mark_written(sink_of(tape, request, plan, i));
    tape->stats.steps += plan->step_count;
    return true;
}
