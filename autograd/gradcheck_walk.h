/* gradcheck_walk.h: the nodes of a tape evaluated one after another in f64, over real or complex numbers. Internal.
 *
 * It knows nothing of plans, fusion, threads or vectors: each node's own kernel is called on whole, contiguous
 * operands. What is f32 on the tape is f64 here, so the numbers that an f32 program stands for can be had to more digits than
 * it has itself. Over complex numbers it gives the complex step. */
#ifndef RETROGRAD_GRADCHECK_WALK_H
#define RETROGRAD_GRADCHECK_WALK_H

#include "tape.h"

/* The real and the imaginary parts of a tensor's numbers; no imaginary ones: all zero. */
typedef struct {
    const double *real, *imaginary;
} rg_parts;

typedef enum {
    RG_WALK_DONE,
    RG_WALK_NO_KERNEL,        /* an op on the way has no kernel for such numbers: *stop is its node */
    RG_WALK_FAILED            /* out of memory, or a leaf cannot be read */
} rg_walk_end;

typedef struct {
    rg_tape *tape;
    rg_arena *arena;          /* of the walk alone: each begins by rewinding it, and the results lie in it */
    int inputs;
    const rg_tensor *in;      /* float tensors of the tape, */
    const rg_parts *at;       /* and what stands for their values */
    uint32_t stop;
} rg_walk;

/* The values of nodes with the inputs so replaced. */
rg_walk_end rg_walk_to(rg_walk *walk, int outputs, const rg_tensor *out, rg_parts *results);

#endif
