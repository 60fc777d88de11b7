/* gradient.h: the gradient transform. Internal. */
#ifndef RETROGRAD_GRADIENT_H
#define RETROGRAD_GRADIENT_H

#include "tape.h"

/* A checkpoint that the sweep is in: what derivative rules see of its nodes, computed again. (checkpoint.c) */
typedef struct rg_recomputation {
    uint32_t first, end;
    rg_tensor *again;         /* of node first + i */
    struct rg_recomputation *within; /* the one around it that the sweep is in too; NULL */
} rg_recomputation;

typedef struct {
    uint32_t ahead;           /* the next that the sweep may come to: see rg_checkpointed.before */
    rg_recomputation *inner;  /* the innermost that it is in; NULL */
    rg_tensor *outside;       /* of node i: what copies outside of its checkpoint read in its place; the latest */
} rg_recomputations;

/* The dynamic program's state. Entry i of the tables belongs to node first + i. */
typedef struct {
    rg_tape *tape;
    uint32_t first, last;     /* the nodes of the sweep: the last is one that the gradient is taken of */
    bool *active;             /* does the node depend on something the gradient is wanted for? */
    rg_tensor *adjoint;       /* the memo table, with the base case filled in; null: nothing has been added yet */
    rg_tensor *handed;        /* of each edge of the tape: what was handed along it. NULL: nobody asks */
    rg_recomputations checkpoint;
} rg_sweep;

/* Empty tables for the nodes first <= i <= last, in the tape's scratch arena. False once the tape has failed. */
bool rg_sweep_begin(rg_sweep *sweep, rg_tape *tape, uint32_t first, uint32_t last);
/* A node is active if an operand is, unless it was recorded as a constant. (differentiate.c) */
void rg_mark_dependents(rg_sweep *sweep);

/* The checkpoint of the tape that a sweep comes to first, as they stand now. */
uint32_t rg_checkpoint_first(rg_tape *tape);
/* Before the sweep hands on the adjoint of node j: if that is in checkpoints which it has not been in, records what
 * computes them again. False once the tape has failed. */
bool rg_checkpoint_enter(rg_sweep *sweep, uint32_t j);
/* What a rule for the derivative of a node sees of it or of its operand i. */
rg_tensor rg_checkpoint_seen(const rg_sweep *sweep, uint32_t i);

/* What a derivative rule gives for an operand of that shape, summed over what broadcasting repeated. (gradient.c) */
rg_tensor rg_unbroadcast(rg_tensor cotangent, rg_shape to);

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

/* Room for what the sweep hands along each edge. False when out of memory. (terms.c) */
bool rg_sweep_note_handed(rg_sweep *sweep);

/* Records the adjoints of all that the single number t depends on: of parameters, or if there are none, of inputs; with
 * `handed` it is noted. (excerpt.c) */
rg_status rg_solve_for_leaves(rg_sweep *sweep, const char *what, rg_tensor t, bool handed);

/* The cotangent of y to start from: `seed` if it fits, a one if seed is null and y is a single number; else
 * the tape fails for `what`. */
rg_tensor rg_seed_for(const char *site, const char *what, rg_tensor y, rg_tensor seed);

#endif
