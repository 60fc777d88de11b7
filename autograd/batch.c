/* batch.c: what the batch rules of many ops share. A batch is one dimension more, in front. */
#include <string.h>

#include "ops.h"

bool rg_batch_shape(const rg_batch_call *call, rg_shape member, rg_shape *shape)
{
    if (member.rank >= RG_MAX_RANK) {
        rg_fail_op(call->in[0].tape, call->site, RG_E_SHAPE, call->op->name, "more than 8 dimensions with the batch's",
                   call->operands, call->in);
        return false;
    }
    shape->rank = member.rank + 1;
    shape->size[0] = call->size;
    for (int i = 0; i < member.rank; i++) shape->size[1 + i] = member.size[i];
    return true;
}

rg_tensor rg_batch_operand(const rg_batch_call *call, int k)
{
    rg_shape shape;
    if (call->batched[k]) return call->in[k];
    if (!rg_batch_shape(call, rg_shape_of(call->in[k]), &shape)) return (rg_tensor){ 0 };
    return rg_expand_at(call->site, call->in[k], shape);
}

static rg_tensor apply_batched(const rg_batch_call *call, const void *attributes)
{
    rg_tensor few[RG_MAX_OPERANDS], *in = few;
    rg_tape *tape = call->in[0].tape;
    const size_t n = (size_t)call->operands;
    if (n > RG_MAX_OPERANDS && !(in = rg_arena_take(&tape->scratch, n * sizeof *in)))
        return rg_fail(tape, call->site, RG_E_MEMORY, "%s: out of memory", call->op->name);
    for (int k = 0; k < call->operands; k++) in[k] = rg_batch_operand(call, k);
    return rg_apply_at(call->site, call->op, attributes, call->operands, in);
}

rg_tensor rg_batch_same(const rg_batch_call *call)
{
    return apply_batched(call, call->attributes);
}

rg_tensor rg_batch_axis(const rg_batch_call *call)
{
    int64_t attributes[16];
    if (call->op->attribute_size > sizeof attributes)
        return rg_fail(call->in[0].tape, call->site, RG_E_ARGUMENT, "%s: too many attributes for a batch", call->op->name);
    memcpy(attributes, call->attributes, call->op->attribute_size);
    attributes[0]++;
    return apply_batched(call, attributes);
}
