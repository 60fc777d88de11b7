/* summary.h: a network layer by layer, and what a training step takes. */
#ifndef RETROGRAD_TOOLS_SUMMARY_H
#define RETROGRAD_TOOLS_SUMMARY_H

#include "autograd.h"

/* Nodes that were recorded in one scope; or of none, by their op. */
typedef struct {
    const char *name;
    rg_dtype dtype;
    rg_shape output;          /* of the last node */
    int64_t parameters;       /* numbers in those that it is the first to use */
    double operations;        /* in the forward pass, on floating-point numbers: see rg_op.operations */
    int64_t saved;            /* bytes that the forward pass computes here and the backward pass reads */
} tool_summary_row;

typedef struct {
    tool_summary_row *rows;
    size_t count;
    tool_summary_row total;
    double products;          /* operations of the forward pass's matrix products */
    double step_operations;   /* with the backward pass, but without the optimiser */
} tool_summary;

/* Of what a loss depends on. Records its gradients on the tape. False when out of memory, or if the tape fails. To be
 * freed with tool_summary_free in any case; names live as long as the tape. */
bool tool_summarise(rg_tensor loss, tool_summary *summary);
void tool_summary_free(tool_summary *summary);

#endif
