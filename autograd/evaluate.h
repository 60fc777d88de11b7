/* evaluate.h: asking for values. Internal. */
#ifndef RETROGRAD_EVALUATE_H
#define RETROGRAD_EVALUATE_H

#include "plan.h"

/* Computes again, node by node and all at once, values of nodes of earlier segments that their plans did not keep.
 * False once the tape has failed: a parameter that one depends on has changed. */
bool rg_recompute(rg_tape *tape, const uint32_t *nodes, size_t count);

/* As rg_backward, but what becomes of the gradients is the update, in the same plan: the bits are those of two steps.
 * *updated: whether it could be so; if not, this was rg_backward, and theta is as it was. It cannot where the loss
 * depends on other stores or earlier segments, or gradients are waiting to be added to. */
rg_status rg_backward_update(const char *site, rg_tensor loss, const rg_update *update, bool *updated);

#endif
