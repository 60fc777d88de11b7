/* gradient.h: the gradient transform. Internal. */
#ifndef RETROGRAD_GRADIENT_H
#define RETROGRAD_GRADIENT_H

#include "tape.h"

/* The dynamic program's state. Entry i of the tables belongs to node first + i. */
typedef struct {
    rg_tape *tape;
    uint32_t first, last;     /* the nodes of the sweep: the last is one that the gradient is taken of */
    bool *active;             /* does the node depend on something the gradient is wanted for? */
    rg_tensor *adjoint;       /* the memo table, with the base case filled in; null: nothing has been added yet */
} rg_sweep;

/* Solves for the adjoint of every active node, recording them on the tape. False once the tape has failed.
 * (gradient.c) */
bool rg_solve_adjoints(rg_sweep *sweep);

/* A parameter leaf and the adjoint recorded for it. */
typedef struct {
    uint32_t leaf, adjoint;
} rg_sink;

/* Records the adjoints of every parameter leaf that y depends on. *sinks lies in the tape's scratch arena, in
 * the order of the leaves. False once the tape has failed. */
bool rg_gradient_of_parameters(rg_tape *tape, rg_tensor y, rg_tensor seed, rg_sink **sinks, size_t *count);

/* The cotangent of y to start from: `seed` if it fits, a one if seed is null and y is a single number; else
 * the tape fails for `what`. */
rg_tensor rg_seed_for(const char *site, const char *what, rg_tensor y, rg_tensor seed);

#endif
