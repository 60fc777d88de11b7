/* summarise.c: a network layer by layer. */
#include "summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"

/* What is known of a node of the tape. */
typedef struct {
    bool forward, backward;   /* the loss depends on it; or a gradient does, and it has been recorded for that */
    bool saved;               /* forward, and read by the backward pass */
} role;

typedef struct {
    rg_tape *tape;
    uint32_t epoch, loss, count;
    role *roles;              /* [count] */
    rg_tensor *parameters, *gradients; /* [parameter_count] */
    int parameter_count;
} subject;

static rg_tensor node_of(const subject *s, uint32_t i)
{
    return (rg_tensor){ s->tape, i, s->epoch };
}

static bool is_op(rg_tensor t, const char *name)
{
    return strcmp(rg_op_of(t)->name, name) == 0;
}

/* Operands stand before their consumers: one pass is enough. */
static void mark_forward(subject *s)
{
    s->roles[s->loss].forward = true;
    for (uint32_t i = s->loss + 1; i-- > 0;)
        for (int k = 0; s->roles[i].forward && !rg_is_null(rg_operand(node_of(s, i), k)); k++)
            s->roles[rg_operand(node_of(s, i), k).node].forward = true;
}

/* A view has no numbers of its own, and what a leaf has is there anyway. */
static void mark_saved(subject *s, rg_tensor t)
{
    while (rg_op_of(t)->kind == RG_VIEW)
        t = rg_operand(t, 0);
    s->roles[t.node].saved = rg_op_of(t)->kind != RG_LEAF && rg_op_of(t)->arity != 0;
}

static void mark_backward(subject *s)
{
    for (int i = 0; i < s->parameter_count; i++)
        s->roles[s->gradients[i].node].backward = !s->roles[s->gradients[i].node].forward;
    for (uint32_t i = s->count; i-- > 0;) {
        for (int k = 0; s->roles[i].backward && !rg_is_null(rg_operand(node_of(s, i), k)); k++) {
            rg_tensor operand = rg_operand(node_of(s, i), k);
            if (s->roles[operand.node].forward)
                mark_saved(s, operand);
            else
                s->roles[operand.node].backward = true;
        }
    }
}

/* The parameters, and the gradients of the loss for them. */
static bool differentiate(subject *s, rg_tensor loss)
{
    s->parameters = calloc((size_t)s->loss + 1, sizeof *s->parameters);
    s->gradients = calloc((size_t)s->loss + 1, sizeof *s->gradients);
    if (s->parameters == NULL || s->gradients == NULL)
        return false;
    for (uint32_t i = 0; i <= s->loss; i++)
        if (s->roles[i].forward && is_op(node_of(s, i), "parameter"))
            s->parameters[s->parameter_count++] = node_of(s, i);
    return s->parameter_count == 0 || rg_grad(loss, s->parameters, s->parameter_count, s->gradients) == RG_OK;
}

static tool_summary_row *row_for(tool_summary *summary, rg_tensor t)
{
    const char *scope = rg_scope_of(t), *name = *scope != '\0' ? scope : rg_op_of(t)->name;
    size_t i = *scope != '\0' ? 0 : summary->count;

    while (i < summary->count && strcmp(summary->rows[i].name, name) != 0)
        i++;
    if (i == summary->count)
        summary->rows[summary->count++] = (tool_summary_row){ .name = name };
    return &summary->rows[i];
}

static void add_node(tool_summary *summary, rg_tensor t, bool saved)
{
    const int64_t elements = rg_shape_count(rg_shape_of(t));
    const bool parameter = is_op(t, "parameter");
    if (rg_op_of(t)->kind == RG_LEAF && !parameter)
        return;
    tool_summary_row *rows[] = { row_for(summary, t), &summary->total };

    for (int i = 0; i < 2; i++) {
        rows[i]->parameters += parameter ? elements : 0;
        rows[i]->operations += tool_work_of(t);
        rows[i]->saved += saved ? elements * (int64_t)rg_dtype_size(rg_dtype_of(t)) : 0;
        rows[i]->output = rg_shape_of(t);
        rows[i]->dtype = rg_dtype_of(t);
    }
}

static bool summarise(subject *s, rg_tensor loss, tool_summary *summary)
{
    s->roles = calloc((size_t)s->loss + 1, sizeof *s->roles);
    if (s->roles == NULL)
        return false;
    mark_forward(s);
    if (!differentiate(s, loss))
        return false;
    s->count = (uint32_t)rg_tape_get_stats(s->tape).nodes;
    role *roles = realloc(s->roles, s->count * sizeof *roles);
    if (roles == NULL)
        return false;
    s->roles = roles;
    memset(roles + s->loss + 1, 0, (s->count - s->loss - 1) * sizeof *roles);
    mark_backward(s);
    summary->rows = calloc((size_t)s->loss + 1, sizeof *summary->rows);
    if (summary->rows == NULL)
        return false;
    for (uint32_t i = 0; i <= s->loss; i++)
        if (roles[i].forward)
            add_node(summary, node_of(s, i), roles[i].saved);
    const tool_cost all = tool_cost_of(loss, s->parameter_count, s->gradients, NULL);
    summary->products = tool_cost_of(loss, 0, NULL, rg_op_find("matmul")).value;
    summary->step_operations = all.both;
    return !isnan(all.both) && !isnan(summary->products) && !isnan(summary->total.operations);
}

bool tool_summarise(rg_tensor loss, tool_summary *summary)
{
    subject s = { .tape = loss.tape, .epoch = loss.epoch, .loss = loss.node };
    *summary = (tool_summary){ .count = 0 };
    bool done = !rg_failed(loss.tape) && summarise(&s, loss, summary);
    free(s.roles);
    free(s.parameters);
    free(s.gradients);
    return done;
}

void tool_summary_free(tool_summary *summary)
{
    free(summary->rows);
}
