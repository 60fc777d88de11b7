/* program.h: what an optimiser adds to a compiled program. Internal. */
#ifndef RETROGRAD_PROGRAM_H
#define RETROGRAD_PROGRAM_H

#include "plan.h"

/* Each run ends with a step of the optimiser whose state `context` is. */
typedef struct {
    rg_update update;                              /* op NULL: the step needs the gradients themselves */
    void *context;
    rg_status (*begin)(void *context, bool *update); /* sets the numbers, and whether the update may be made this time;
                                                      not RG_OK: there can be no step */
    rg_status (*end)(void *context, bool updated); /* after the gradients: they wait, or the update has been made */
    const char *name;                              /* of the step that `end` makes, if the update was not made, */
    double operations, bytes_read, bytes_written;  /* and what that comes to: see rg_profile_step */
} rg_program_step;

/* As rg_compile_backward, with such a step. */
rg_program *rg_compile_step(const char *site, rg_tensor loss, int inputs, const rg_tensor *in, const rg_program_step *step);

#endif
