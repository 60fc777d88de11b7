/* transform.h: what the transforms of a tape share. Internal. */
#ifndef RETROGRAD_TRANSFORM_H
#define RETROGRAD_TRANSFORM_H

#include "tape.h"

/* The tape of the first of them that has one; NULL. */
rg_tape *rg_tape_among(int n, const rg_tensor *in);

/* What the tape stamps on the nodes that it records. */
typedef struct {
    const char *site;
    uint32_t scope, forward;
    uint8_t flags;
    bool no_grad;
} rg_stamp;

/* From here on, nodes are recorded as if in the place of this one: with its line, its scope, and as a constant or an
 * adjoint if it is one. */
rg_stamp rg_stamp_as(rg_tape *tape, uint32_t node);
void rg_stamp_restore(rg_tape *tape, const rg_stamp *stamp);

#endif
