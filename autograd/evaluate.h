/* evaluate.h: asking for values. Internal. */
#ifndef RETROGRAD_EVALUATE_H
#define RETROGRAD_EVALUATE_H

#include "tape.h"

/* Computes again, node by node, the value of a node of an earlier segment that its plan did not keep. False
 * once the tape has failed: a parameter it depends on has changed. */
bool rg_recompute(rg_tape *tape, uint32_t node);

#endif
