/* terms.h: the terms of the recurrence's sums, one for each edge of a sweep. Internal. */
#ifndef RETROGRAD_TERMS_H
#define RETROGRAD_TERMS_H

#include "gradient.h"

/* What node `consumer` hands to its operand k. */
typedef struct {
    uint32_t operand, consumer;
    int k;
    rg_tensor handed;         /* v̄_j · ∂v_j/∂v_i; null where there is none */
    rg_tensor adjoint;        /* v̄_j */
    bool single;              /* both are single numbers: */
    rg_tensor local;          /* ∂v_j/∂v_i; null: it is 0 */
    double slope;             /* NaN until evaluated: ∂v_j/∂v_i, or how much longer it makes the cotangent (semiring.h) */
} rg_term;

typedef struct {
    rg_term *term;            /* in the order of the sweep */
    size_t count;
    size_t nodes;             /* that they connect, and the sweep's last ones */
} rg_terms;

/* The active edges of a sweep, in its order, in `memory`; with `tensors` (of a sweep that is solved, and has noted what it
 * handed on) also what is handed along them, and the derivatives of single numbers, recorded. False once the tape has failed. */
bool rg_terms_find(const rg_sweep *sweep, bool tensors, rg_arena *memory, rg_terms *terms);
/* Evaluates n tensors, of which some may be null. */
bool rg_evaluate_all(rg_tape *tape, const rg_tensor *tensors, size_t n);
/* Evaluates what they hand on, and sets their slopes. False once the tape has failed. */
bool rg_terms_evaluate(rg_tape *tape, rg_terms *terms);

/* The recurrence over a semiring: a value for each node first <= i <= last, in `memory`, with one at the outputs. NULL
 * when out of memory. */
void *rg_terms_solve(rg_tape *tape, const rg_terms *terms, const rg_semiring *semiring, uint32_t first, uint32_t last,
                     const rg_tensor *outputs, int count, rg_arena *memory);

/* rg_naive_recursion (semiring.h) from the node `root`, over the terms' slopes or, with `counts`, over ones: what each
 * node first <= i <= last is left with, in `memory`. NULL when out of memory. (naive.c) */
double *rg_terms_recurse(const rg_terms *terms, bool counts, uint32_t first, uint32_t last, uint32_t root, uint64_t most,
                         rg_arena *memory, uint64_t *visits);

#endif
