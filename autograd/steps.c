/* steps.c: from drafts to the steps of a plan, with their pointers and how their work is shared out. */
#include "builder.h"
#include "gemm.h"

#include <string.h>

#include "ops.h"
#include "simd.h"

void rg_builder_argument(rg_builder *b, void **pointer, uint32_t value, int64_t offset, rg_dtype dtype)
{
    const int64_t bytes = offset * (int64_t)rg_dtype_size(dtype);
    if (b->values[value].place == RG_IN_PLAN) *pointer = (char *)b->values[value].constant + bytes;
    else b->arguments[b->argument_count++] = (rg_argument){ value, bytes, pointer };
}

/* An upper bound of the pointers that a step needs, scratch memory and a group's among them. */
static size_t count_pointers(const rg_draft *draft)
{
    return 2 * (1 + (size_t)draft->operands) + (draft->group ? 1 + rg_group_pointers(draft->group) : 0);
}

/* In operations of about a third of a nanosecond: what is a single step; and what pays for waking a thread, and for the
 * caches that then do not hold what they did. A member of a group does four elements in that time. */
enum { SMALL_WORK = 1 << 15, WORTH_THREADS = 50000, MEMBER_AT_ONCE = 4, CHUNK_BYTES = 1 << 19, FOLLOWED_BYTES = 1 << 18,
       CHEAP_ELEMENT = 8, FEWEST_AT_ONCE = 64 };

/* Whether an operand is read as a whole for each chunk, so that it takes many items to pay for that: a product's is. */
static bool reads_whole(const rg_draft *draft)
{
    return draft->op && draft->operands > 1 && draft->item_work > draft->item_elements;
}

/* Whether the kernel's result may be kept in chunks: only its group reads it. If many operations go into each element,
 * then chunks that small are not for it: a product copies an operand for each. */
static bool is_local(const rg_builder *b, const rg_draft *draft)
{
    if (!draft->op || !draft->group || !b->request->optimise) return false;
    const rg_value *value = &b->values[draft->value];
    const int64_t bytes = draft->item_elements * (int64_t)rg_dtype_size(draft->out.dtype);
    const int64_t fewest = reads_whole(draft) ? FEWEST_AT_ONCE : 1;
    return value->place == RG_IN_WORKSPACE && value->last_use == value->defined && fewest * bytes <= RG_LOCAL_BYTES &&
           draft->item_work <= CHEAP_ELEMENT * draft->item_elements;
}

/* How the items are shared out: among threads or not, and in chunks that stay in a cache until the group has read them.
 * No result depends on either. */
static void share_out(const rg_draft *draft, rg_work *work)
{
    const int64_t members = draft->group ? draft->group->member_count : 0;
    const int64_t elements = draft->item_elements > 0 ? draft->item_elements : 1;
    const int64_t item = (int64_t)rg_dtype_size(draft->out.dtype);
    const double of_members = (double)(members * elements) / MEMBER_AT_ONCE;
    const bool followed = draft->follower != RG_NONE;
    const int64_t bytes = item * (followed ? draft->in[0].layout.shape.size[1] : elements);
    const int64_t row = draft->group && draft->group->row ? draft->group->row : 1;
    work->items_unit = followed ? RG_GEMM_BLOCK : draft->op ? 1 : RG_TILE_MOST / row * row;
    work->worth_threads = (double)draft->items * ((draft->op ? (double)draft->item_work : 0) + of_members) >= WORTH_THREADS;
    work->items_per_chunk = (work->local ? RG_LOCAL_BYTES : followed ? FOLLOWED_BYTES : CHUNK_BYTES) / bytes;
    const int64_t fewest = reads_whole(draft) ? FEWEST_AT_ONCE : 1;
    if (work->items_per_chunk < fewest) work->items_per_chunk = fewest;
}

static bool prepare_call(rg_builder *b, const rg_op *op, rg_call *call)
{
    if (!op->prepare) return true;
    void *prepared = rg_arena_take_zeroed(&b->plan->arena, op->prepared_size);
    if (!prepared) return false;
    op->prepare(call, prepared);
    call->prepared = prepared;
    return true;
}

bool rg_builder_is_small_work(const rg_draft *draft)
{
    if (!draft->op || draft->group || draft->items == 0) return false;
    if (draft->items >= SMALL_WORK || draft->item_work >= SMALL_WORK / draft->items) return false;
    for (int k = 0; k < draft->operands; k++)
        if (!rg_dtype_is_float(draft->in[k].layout.dtype)) return false;
    return true;
}

/* What the step itself reads and writes. */
static void step_pointers(rg_builder *b, const rg_draft *draft, rg_step *step)
{
    rg_builder_argument(b, &step->out, draft->value, 0, draft->out.dtype);
    for (int k = 0; k < draft->operands + draft->row; k++)
        rg_builder_argument(b, &step->in[k], draft->in[k].value, draft->in[k].offset, draft->in[k].layout.dtype);
}

static void finish_small_work(rg_builder *b, const rg_draft *draft, const rg_work *work, rg_step *step)
{
    const rg_op_small *small = draft->op->small;
    rg_step_kernel *kernel = small ? small->step(work->call.prepared, draft->out.dtype, b->tape->simd) : NULL;
    *step = (rg_step){ .kernel = kernel ? kernel : rg_step_work, .attributes = kernel ? work->call.prepared : work };
    if (kernel) step_pointers(b, draft, step);
}

/* What does not fit on the stack lies in the workspace, for each thread. */
static bool finish_group(rg_builder *b, rg_draft *draft, rg_work *work)
{
    work->group = rg_builder_finish_group(b, draft, work->pointers);
    if (!work->group || rg_group_memory(work->group) <= RG_GROUP_BYTES) return work->group;
    size_t bytes;
    if (!rg_size_align(rg_group_memory(work->group), RG_ALIGNMENT, &work->memory_bytes) ||
        !rg_size_mul((size_t)rg_work_parts(&b->tape->engine, work), work->memory_bytes, &bytes))
        return false;
    draft->memory = rg_builder_value(b, RG_IN_WORKSPACE, 0, bytes, draft - b->drafts, -1);
    if (b->failed) return false;
    rg_builder_argument(b, (void **)&work->memory, draft->memory, 0, RG_F32);
    return true;
}

static void follow(rg_builder *b, const rg_draft *draft, const rg_work *work)
{
    rg_work *first = b->drafts[b->values[draft->scratch].defined].work;
    first->follower = rg_follower_kernel(draft->out.dtype, b->tape->simd);
    first->follower_call = &work->call;
}

static bool finish_work(rg_builder *b, rg_draft *draft, rg_step *step, void **pointers)
{
    rg_work *work = rg_arena_take_zeroed(&b->plan->arena, sizeof *work);
    rg_layout *layouts = rg_arena_take(&b->plan->arena, ((size_t)draft->operands + 1) * sizeof *layouts);
    if (!work || !layouts) return false;
    *step = (rg_step){ .kernel = rg_step_stop, .work = work };
    *work = (rg_work){ .items = draft->items, .item_elements = draft->item_elements, .node = draft->node };
    draft->work = work;
    if (draft->op) work->local = b->values[draft->value].local = is_local(b, draft);
    share_out(draft, work);
    if (draft->op) {
        layouts[0] = draft->out;
        if (!work->local) rg_builder_argument(b, &work->call.out, draft->value, 0, draft->out.dtype);
        if (draft->scratch != RG_NONE) rg_builder_argument(b, &work->call.scratch, draft->scratch, 0, draft->out.dtype);
        for (int k = 0; k < draft->operands; k++) {
            layouts[1 + k] = draft->in[k].layout;
            rg_builder_argument(b, &pointers[k], draft->in[k].value, draft->in[k].offset, draft->in[k].layout.dtype);
        }
        work->kernel = rg_op_kernel(draft->op, draft->out.dtype, b->tape->simd);
        work->call = (rg_call){ .in = (const void *const *)pointers, .layout = layouts, .attributes = draft->attributes,
                                .operands = draft->operands, .fault = b->plan->fault };
        if (!prepare_call(b, draft->op, &work->call)) return false;
    }
    if (rg_draft_follows(b, draft)) follow(b, draft, work);
    if (rg_builder_is_small_work(draft)) finish_small_work(b, draft, work, step);
    work->pointers = pointers + draft->operands;
    return !draft->group || finish_group(b, draft, work);
}

/* A small elementwise step needs no more than its pointers. */
static bool finish_step(rg_builder *b, rg_draft *draft, rg_step *step, void **pointers)
{
    const bool small = draft->op && draft->op->kind == RG_ELEMENTWISE && draft->operands <= RG_STEP_OPERANDS;
    rg_step_kernel *kernel = small ? rg_op_step(draft->op, draft->out.dtype, b->tape->simd, draft->count) : NULL;
    if (!kernel || draft->count == 0) return finish_work(b, draft, step, pointers);
    *step = (rg_step){ .kernel = kernel, .attributes = draft->attributes, .count = draft->count };
    step_pointers(b, draft, step);
    return true;
}

/* The drafts' steps, with a stop after every so many and at the end. */
static bool finish_steps(rg_builder *b, void **pointers)
{
    rg_plan *plan = b->plan;
    const size_t stops = b->draft_count / RG_STEPS_WITHOUT_STOP + 1;
    plan->step_count = b->draft_count;
    plan->steps = rg_arena_take(&plan->arena, (plan->step_count + stops) * sizeof *plan->steps);
    rg_step *step = plan->steps;
    if (!step) return false;
    for (size_t i = 0; i < b->draft_count; i++) {
        if (i % RG_STEPS_WITHOUT_STOP == RG_STEPS_WITHOUT_STOP - 1) *step++ = (rg_step){ .kernel = rg_step_stop };
        if (!finish_step(b, &b->drafts[i], step++, pointers)) return false;
        pointers += count_pointers(&b->drafts[i]);
    }
    plan->last = step;
    *plan->last = (rg_step){ .kernel = rg_step_stop };
    return true;
}

static size_t region_of(const rg_plan *plan, const rg_value *value)
{
    const bool several = value->place != RG_IN_WORKSPACE && value->place != RG_IN_NUMBERS;
    return rg_plan_region(plan, value->place, several ? value->index : 0);
}

/* The arguments in the order of their regions: counted first, then put in their places. */
static bool finish_patches(rg_builder *b)
{
    rg_plan *plan = b->plan;
    const size_t regions = rg_plan_region(plan, RG_IN_NUMBERS, 0) + 1;
    plan->regions = rg_arena_take_zeroed(&plan->arena, (regions + 1) * sizeof *plan->regions);
    plan->patches = rg_arena_take(&plan->arena, b->argument_count * sizeof *plan->patches);
    size_t *next = rg_builder_take(b, regions + 1, sizeof *next);
    if (!plan->regions || !plan->patches || !next) return false;
    for (size_t i = 0; i < b->argument_count; i++)
        plan->regions[region_of(plan, &b->values[b->arguments[i].value]) + 1].first_patch++;
    for (size_t r = 0; r < regions; r++) {
        plan->regions[r + 1].first_patch += plan->regions[r].first_patch;
        next[r] = plan->regions[r].first_patch;
    }
    for (size_t i = 0; i < b->argument_count; i++) {
        const rg_argument *argument = &b->arguments[i];
        const rg_value *value = &b->values[argument->value];
        const size_t in_region = value->place == RG_IN_WORKSPACE ? value->offset : 0;
        plan->patches[next[region_of(plan, value)]++] = (rg_patch){ argument->pointer,
                                                                    in_region + (size_t)argument->offset };
    }
    return true;
}

bool rg_builder_finish(rg_builder *b)
{
    rg_plan *plan = b->plan;
    rg_arena *arena = &plan->arena;
    size_t pointer_count = 0;
    for (size_t i = 0; i < b->draft_count; i++) pointer_count += count_pointers(&b->drafts[i]);
    b->arguments = rg_builder_room(b, pointer_count, sizeof *b->arguments);
    void **pointers = rg_arena_take_zeroed(arena, pointer_count * sizeof *pointers);
    plan->outputs = rg_arena_take(arena, plan->output_count * sizeof *plan->outputs);
    plan->fault = rg_arena_take(arena, sizeof *plan->fault);
    if (b->failed || !pointers || !plan->outputs || !plan->fault) return false;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->output_of[i] != RG_NONE) plan->outputs[b->output_of[i]].node = i;
    for (size_t i = 0; i < b->value_count; i++)
        if (b->values[i].place == RG_IN_OUTPUT) plan->outputs[b->values[i].index].bytes = b->values[i].bytes;
    if (!finish_steps(b, pointers) || (b->request->accounts && !rg_builder_account(b))) return false;
    return !b->failed && rg_builder_layout(b) && finish_patches(b);
}
