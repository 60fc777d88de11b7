/* evaluate.h: asking for values. Internal. */
#ifndef RETROGRAD_EVALUATE_H
#define RETROGRAD_EVALUATE_H

#include "tape.h"

/* Computes again, node by node and all at once, values of nodes of earlier segments that their plans did not keep.
 * False once the tape has failed: a parameter that one depends on has changed. */
bool rg_recompute(rg_tape *tape, const uint32_t *nodes, size_t count);

#endif
