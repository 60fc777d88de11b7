/* run.c: running a plan: pointers are set, then the steps are done one after another. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "plan.h"
#include "pool.h"

/* ---- Groups: tile by tile, so that what passes between members stays in the nearest cache ---------------------- */

typedef struct {
    char bytes[RG_GROUP_REGISTERS][RG_TILE_BYTES];
} register_file;

static void *slot_pointer(const rg_slot *slot, void *const *pointers, register_file *registers, int64_t at, size_t item)
{
    if (slot->kind == RG_SLOT_REGISTER) return registers->bytes[slot->index];
    char *base = pointers[slot->index];
    return slot->kind == RG_SLOT_WHOLE ? base : base + (size_t)at * item;
}

/* Elements begin <= i < end of every member of the group. */
static void run_group(const rg_group *group, void *const *pointers, int64_t begin, int64_t end)
{
    _Alignas(RG_ALIGNMENT) register_file registers;
    const size_t item = rg_dtype_size(group->dtype);
    const int64_t tile = (int64_t)(RG_TILE_BYTES / item);
    for (int64_t at = begin; at < end; at += tile) {
        const int64_t n = end - at < tile ? end - at : tile;
        for (int i = 0; i < group->loads; i++) {
            const rg_load *load = &group->load[i];
            if (load->one_number && at > begin) continue;
            rg_layout_gather(&load->layout, pointers[load->argument], at,
                             load->one_number ? (end - begin < tile ? end - begin : tile) : n, registers.bytes[load->into]);
        }
        for (int i = 0; i < group->micros; i++) {
            const rg_micro *micro = &group->micro[i];
            const void *in[RG_GROUP_OPERANDS];
            for (int k = 0; k < micro->operands; k++)
                in[k] = slot_pointer(&micro->in[k], pointers, &registers, at, item);
            const rg_call call = { .out = slot_pointer(&micro->out, pointers, &registers, at, item), .in = in,
                                   .attributes = micro->attributes, .base = at, .operands = micro->operands };
            micro->kernel(&call, 0, n);
        }
    }
}

/* ---- Steps -------------------------------------------------------------------------------------------------------- */

typedef struct {
    const rg_step *step;
    void *const *pointers;
} step_job;

static void run_items(const rg_step *step, void *const *pointers, int64_t begin, int64_t end)
{
    if (!step->kernel) {
        run_group(step->group, pointers, begin, end);
        return;
    }
    for (int64_t at = begin, stop; at < end; at = stop) {
        stop = end - at <= step->items_per_chunk ? end : at + step->items_per_chunk;
        step->kernel(&step->call, at, stop);
        if (!step->group) continue;
        int64_t last = stop * step->item_elements;
        run_group(step->group, pointers, at * step->item_elements, last < step->group->count ? last : step->group->count);
    }
}

static void run_task(void *context, int64_t task)
{
    const step_job *job = context;
    const int64_t begin = task * job->step->items_per_task, left = job->step->items - begin;
    run_items(job->step, job->pointers, begin,
              left < job->step->items_per_task ? job->step->items : begin + job->step->items_per_task);
}

/* Below this many tasks the waking of another thread costs more than it brings. */
enum { TASKS_WORTH_THREADS = 4 };

static void run_step(rg_tape *tape, const rg_step *step, void *const *pointers)
{
    const int64_t tasks = (step->items + step->items_per_task - 1) / step->items_per_task;
    step_job job = { step, pointers };
    bool shared = tape->threads > 1 && tasks >= TASKS_WORTH_THREADS;
    if (shared && !tape->pool) tape->pool = rg_pool_new(tape->threads);
    if (shared && tape->pool) rg_pool_run(tape->pool, tasks, run_task, &job);
    else if (step->items > 0) run_items(step, pointers, 0, step->items);
}

/* ---- An index out of range --------------------------------------------------------------------------------------------- */

void rg_kernel_fault(const rg_call *call, int64_t position)
{
    if (!call->fault) return;
    _Atomic int64_t *first = (_Atomic int64_t *)call->fault;
    int64_t known = atomic_load(first);
    while (position < known && !atomic_compare_exchange_weak(first, &known, position)) {}
}

static void report_fault(rg_tape *tape, const rg_request *request, const rg_step *step, int64_t position)
{
    const rg_call *call = &step->call;
    char reason[RG_REASON_SIZE] = "an index is out of range";
    rg_tensor in[RG_MAX_OPERANDS];
    int n = 0;
    const rg_node *node = step->node == RG_NONE ? NULL : &tape->nodes[request->first + step->node];
    for (int k = 0; k < call->operands; k++) {
        rg_dtype dtype = call->layout[1 + k].dtype;
        if (dtype != RG_I32 && dtype != RG_I64) continue;
        int64_t index = dtype == RG_I64 ? ((const int64_t *)call->in[k])[position] : ((const int32_t *)call->in[k])[position];
        snprintf(reason, sizeof reason, "index %lld at position %lld is out of range", (long long)index,
                 (long long)position);
    }
    for (uint32_t k = 0; node && k < node->operands && k < RG_MAX_OPERANDS; k++)
        in[n++] = rg_handle(tape, rg_edges(tape, node)[k]);
    rg_fail_op(tape, node ? node->site : NULL, RG_E_INDEX, node ? node->op->name : "index", reason, n, in);
}

/* ---- Setting pointers ------------------------------------------------------------------------------------------------------ */

static rg_node *source_node(rg_tape *tape, const rg_request *request, const rg_source *source)
{
    return &tape->nodes[source->external ? tape->externals[source->index] : request->first + source->index];
}

/* Values of earlier segments that their plans did not keep. */
static bool recompute_missing(rg_tape *tape, const rg_request *request, const rg_plan *plan)
{
    uint32_t *missing = NULL;
    size_t count = 0;
    for (size_t i = 0; i < plan->source_count; i++) {
        const rg_node *node = source_node(tape, request, &plan->sources[i]);
        if (node->data || node->op == &rg_op_parameter) continue;
        if (!missing && !(missing = rg_arena_take(&tape->scratch, plan->source_count * sizeof *missing)))
            return rg_fail(tape, NULL, RG_E_MEMORY, "out of memory for values that are computed again"), false;
        missing[count++] = (uint32_t)(node - tape->nodes);
    }
    return count == 0 || rg_recompute(tape, missing, count);
}

static bool find_sources(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    if (!recompute_missing(tape, request, plan)) return false;
    for (size_t i = 0; i < plan->source_count; i++) {
        const rg_node *node = source_node(tape, request, &plan->sources[i]);
        plan->source_pointers[i] = node->data;
        if (node->op != &rg_op_parameter) continue;
        const rg_parameter_leaf *leaf = node->attributes;
        if (leaf->version != rg_params_version(leaf->param.store)) {
            char text[160];
            rg_describe(tape, node, text, sizeof text);
            rg_fail(tape, NULL, RG_E_STALE, "stale: a value was not computed before its parameter changed: %s, recorded at %s",
                    text, rg_site_short(node->site));
            return false;
        }
        plan->source_pointers[i] = rg_param_pointer(leaf->param);
    }
    return true;
}

static bool grow_workspace(rg_tape *tape, size_t bytes)
{
    if (bytes <= tape->workspace_bytes) return true;
    size_t rounded;
    if (!rg_size_align(bytes, 4096, &rounded)) return false;
    void *larger = aligned_alloc(4096, rounded);
    if (!larger) return false;
    free(tape->workspace);
    tape->workspace = larger;
    tape->workspace_bytes = rounded;
    tape->workspace_generation++;
    return true;
}

static bool find_outputs(rg_tape *tape, rg_plan *plan)
{
    for (size_t i = 0; i < plan->output_count; i++) {
        size_t bytes = plan->buffers[plan->outputs[i].buffer].bytes;
        if (!(plan->output_pointers[i] = rg_arena_take(&tape->values, bytes ? bytes : 1))) return false;
    }
    return grow_workspace(tape, plan->workspace_bytes);
}

static rg_param parameter_of(rg_tape *tape, const rg_request *request, const rg_plan *plan, uint32_t source)
{
    const rg_parameter_leaf *leaf = source_node(tape, request, &plan->sources[source])->attributes;
    return leaf->param;
}

static char *buffer_base(rg_tape *tape, const rg_request *request, const rg_plan *plan, const rg_buffer *buffer)
{
    switch (buffer->place) {
    case RG_IN_SOURCE: return plan->source_pointers[buffer->index];
    case RG_IN_OUTPUT: return plan->output_pointers[buffer->index];
    case RG_IN_GRADIENT: return rg_param_gradient_pointer(parameter_of(tape, request, plan, buffer->index));
    case RG_IN_WORKSPACE: break;
    }
    return (char *)tape->workspace + buffer->offset;
}

static void set_pointer(rg_tape *tape, const rg_request *request, rg_plan *plan, size_t argument)
{
    const rg_argument *each = &plan->arguments[argument];
    plan->pointers[argument] = buffer_base(tape, request, plan, &plan->buffers[each->buffer]) + each->offset;
}

static bool bind(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    if (!find_sources(tape, request, plan)) return false;
    if (!find_outputs(tape, plan)) {
        rg_fail(tape, NULL, RG_E_MEMORY, "out of memory for the values of a plan (%zu bytes of workspace)",
                plan->workspace_bytes);
        return false;
    }
    bool moved = plan->workspace_generation != tape->workspace_generation + 1;
    if (moved)
        for (size_t i = 0; i < plan->argument_count; i++) set_pointer(tape, request, plan, i);
    else
        for (size_t i = 0; i < plan->moving_count; i++) set_pointer(tape, request, plan, plan->moving[i]);
    plan->workspace_generation = tape->workspace_generation + 1;
    return true;
}

bool rg_plan_run(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    if (!bind(tape, request, plan)) return false;
    int64_t fault = INT64_MAX;
    for (size_t i = 0; i < plan->step_count; i++) {
        rg_step *step = &plan->steps[i];
        if (step->kernel) {
            step->call.out = plan->pointers[step->first_argument];
            step->call.in = (const void *const *)&plan->pointers[step->first_argument + 1];
            step->call.fault = &fault;
        }
        run_step(tape, step, plan->pointers);
        if (fault != INT64_MAX) {
            report_fault(tape, request, step, fault);
            return false;
        }
    }
    for (size_t i = 0; i < plan->output_count; i++)
        tape->nodes[request->first + plan->outputs[i].node].data = plan->output_pointers[i];
    for (size_t i = 0; i < plan->sink_count; i++)
        rg_param_mark_written(parameter_of(tape, request, plan, plan->sinks[i]));
    tape->stats.steps += plan->step_count;
    return true;
}
