/* step.h: a small step of a plan, and how one step passes on to the next. Internal.
 *
 * A plan of small steps spends its time between them. So a step fills one cache line, holds its kernel and all its
 * pointers, and each kernel ends by calling the next step's, as its last deed: the compiler makes a jump of it, and
 * the processor learns for each kernel by itself which one follows, where a loop would offer it a single place to
 * guess from. That is threaded code [Bell 1973; Ertl and Gregg 2003]. */
#ifndef RETROGRAD_STEP_H
#define RETROGRAD_STEP_H

#include "autograd.h"

typedef struct rg_work rg_work;
typedef struct rg_step rg_step;
/* Does its step and those that follow it; returns the one that it could not do: see rg_step_stop. */
typedef const rg_step *rg_step_kernel(const rg_step *step);

enum { RG_STEP_OPERANDS = 3 };

struct rg_step {
    rg_step_kernel *kernel;
    void *out;
    void *in[RG_STEP_OPERANDS];
    const void *attributes;
    int64_t count;             /* of elements, side by side at each pointer */
    rg_work *work;             /* of a step at which the kernels stop */
};

#define RG_NEXT_STEP(step) (step)[1].kernel((step) + 1)

/* Gives the step back: it is work of another kind, or the end. Should a compiler not make jumps of the calls, they
 * nest; so there is one of these at least every so many steps. */
rg_step_kernel rg_step_stop;
enum { RG_STEPS_WITHOUT_STOP = 1024 };
/* Does all of a small work, which is in `attributes`. */
rg_step_kernel rg_step_work;

/* The kernels of an elementwise op in this form. */
typedef struct rg_op_steps {
    rg_step_kernel *one[2];     /* for a single element, the count is not looked at; f32, f64 */
    rg_step_kernel *many[2][3]; /* by level of vector instructions */
} rg_op_steps;
/* A small call of an op that is not elementwise as a step with its operands, its result, and what the op's prepare has
 * made in attributes (which begin with what the step reads). */
typedef struct rg_op_small {
    rg_step_kernel *(*step)(const void *prepared, rg_dtype dtype, int simd); /* NULL: not this call */
    bool (*is_rank_one)(const rg_layout *out, const rg_layout *in); /* optional: a column times a row */
    bool (*takes_row)(const rg_layout *out); /* optional: whether there is a step, and it adds in[2], a row as long as the
                                                 result's last dimension, to every row of the result */
} rg_op_small;

/* What a fold knows of the block it is in, as its operand 1. */
typedef struct {
    bool begins;                /* these are the block's first elements */
    _Alignas(64) char lanes[128];
} rg_fold_state;
/* A reduction that an elementwise group can do while it has the elements at hand: of all elements in the order of lanes.h,
 * in two parts, what it makes of each block and of what all blocks have come to (or NULL); and of rows. */
typedef struct rg_op_fold {
    const rg_op *blocks;        /* one result for RG_LANE_BLOCK elements; only as a member of a group, tile by tile */
    const rg_op *together;
    bool (*applies)(const rg_layout *in, const void *attributes);
    const rg_op *rows;          /* one result for each row of so many elements, an int64_t that is its attribute; only as a
                                   member of a group, whole rows at a time */
    int64_t (*row)(const rg_layout *in, const void *attributes); /* elements that are reduced, side by side; 0: others */
} rg_op_fold;
/* The op's for so many elements, or NULL. */
rg_step_kernel *rg_op_step(const rg_op *op, rg_dtype dtype, int simd, int64_t count);

#endif
