/* account.c: what each step of a plan does, counted when the plan is made: so that a profile, which adds how long it
 * takes, can say what is reached of what the machine can do. */
#include "builder.h"
#include "ops.h"

double rg_op_operations(const rg_op *op, const rg_call *call, int64_t elements)
{
    if (op->operations) return op->operations(call);
    return op->any ? 0 : (double)elements;
}

static double on_each(const rg_call *call, int operations)
{
    return operations * (double)rg_elements(&call->layout[0].shape);
}

double rg_operations_4(const rg_call *call)
{
    return on_each(call, 4);
}

double rg_operations_8(const rg_call *call)
{
    return on_each(call, 8);
}

double rg_operations_16(const rg_call *call)
{
    return on_each(call, 16);
}

/* What is read in memory: what is repeated is there once. And a value may have less than the layout says, as the
 * numbers of an update, which are passed whole. */
static double bytes_of(const rg_value *value, const rg_layout *layout)
{
    double bytes = (double)rg_dtype_size(layout->dtype);
    for (int i = 0; i < layout->shape.rank; i++)
        if (layout->stride[i] != 0 || layout->shape.size[i] == 0) bytes *= (double)layout->shape.size[i];
    return bytes < (double)value->bytes ? bytes : (double)value->bytes;
}

static bool reads_before(const rg_draft *draft, int operands, int reads, uint32_t value, int64_t offset)
{
    for (int k = 0; k < operands; k++)
        if (draft->in[k].value == value && draft->in[k].offset == offset) return true;
    for (int k = 0; k < reads; k++)
        if (draft->group->reads[k].value == value && draft->group->reads[k].offset == offset) return true;
    return false;
}

static double bytes_read(const rg_builder *b, const rg_draft *draft, int64_t step)
{
    double bytes = 0;
    if (rg_draft_follows(b, draft)) return (double)b->values[draft->scratch].bytes;
    for (int k = 0; k < draft->operands + draft->row; k++) {
        const rg_placement *in = &draft->in[k];
        if (!reads_before(draft, k, 0, in->value, in->offset)) bytes += bytes_of(&b->values[in->value], &in->layout);
    }
    for (int k = 0; draft->group && k < draft->group->read_count; k++) {
        const rg_group_read *read = &draft->group->reads[k];
        const rg_value *value = &b->values[read->value];
        if (value->defined == step || reads_before(draft, draft->operands, k, read->value, read->offset)) continue;
        bytes += bytes_of(value, &read->layout);
    }
    return bytes;
}

/* What only the step itself reads is in a cache by then. */
static bool passes_through(const rg_value *value)
{
    return value->place == RG_IN_WORKSPACE && value->last_use == value->defined;
}

static double bytes_written(const rg_builder *b, const rg_draft *draft)
{
    double bytes = 0;
    if (draft->op && !passes_through(&b->values[draft->value])) bytes += (double)b->values[draft->value].bytes;
    for (int i = 0; draft->group && i < draft->group->member_count; i++) {
        const rg_value *value = &b->values[draft->group->members[i].value];
        if (rg_value_stored(value)) bytes += (double)value->bytes;
    }
    for (int i = 0; draft->group && i < draft->group->matrix_count; i++)
        bytes += (double)b->values[draft->group->matrices[i].value].bytes;
    return bytes;
}

/* The ops in the order in which they are done, and the operations of all. A fold's are those on what it reads. */
static bool count_members(rg_builder *b, const rg_draft *draft, rg_account *account)
{
    const rg_members *group = draft->group;
    const int first = draft->op ? 0 : 1;
    const int all = group->member_count + group->matrix_count;
    const rg_op **members = rg_arena_take(&b->plan->arena, (size_t)all * sizeof *members);
    if (!members) return false;
    for (int i = 0; i < group->member_count; i++) {
        const rg_member *member = &group->members[i];
        const rg_call call = { .layout = &draft->out, .attributes = member->attributes };
        account->operations += rg_op_operations(member->op, &call, draft->count);
        members[i] = member->op;
    }
    for (int i = group->member_count; i < all; i++) members[i] = &rg_op_concat;
    if (!draft->op) account->op = members[0];
    account->members = members + first;
    account->member_count = all - first;
    return true;
}

static bool count_row(rg_builder *b, const rg_draft *draft, rg_account *account)
{
    const rg_op **added = rg_arena_take(&b->plan->arena, sizeof *added);
    if (!added) return false;
    *added = &rg_op_add;
    account->members = added;
    account->member_count = 1;
    account->operations += (double)draft->count;
    return true;
}

static bool tell_lifetimes(rg_builder *b)
{
    bool *told = rg_builder_take(b, b->value_count, sizeof *told);
    for (uint32_t i = 0; told && i < b->count; i++) {
        const uint32_t number = b->placements[b->same_as[i]].value;
        const rg_value *value = number != RG_NONE ? &b->values[number] : NULL;
        rg_lifetime *life = &b->request->lifetimes[i];
        *life = (rg_lifetime){ -1, -1, 0 };
        if (!value || value->place != RG_IN_WORKSPACE || !rg_value_stored(value)) continue;
        *life = (rg_lifetime){ value->defined, value->last_use, told[number] ? 0 : rg_workspace_room(value->bytes) };
        told[number] = true;
    }
    return told;
}

bool rg_builder_account(rg_builder *b)
{
    rg_account *accounts = rg_arena_take(&b->plan->arena, b->draft_count * sizeof *accounts);
    if (!accounts) return false;
    for (size_t i = 0; i < b->draft_count; i++) {
        const rg_draft *draft = &b->drafts[i];
        accounts[i] = (rg_account){ .op = draft->op, .node = draft->node, .backward = draft->backward,
                                    .operations = draft->operations, .bytes_read = bytes_read(b, draft, (int64_t)i),
                                    .bytes_written = bytes_written(b, draft) };
        if (draft->group && !count_members(b, draft, &accounts[i])) return false;
        if (draft->row && !count_row(b, draft, &accounts[i])) return false;
    }
    b->plan->accounts = accounts;
    return !b->request->lifetimes || tell_lifetimes(b);
}
