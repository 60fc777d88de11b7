/* gradcheck_system.h: what a gradient check compares: a function's differences at a point, and its adjoint. Internal.
 *
 * A system of order 1 is the function itself. A system of order 2 is the function's gradient, J'v: its arguments
 * are those of the function and, after them, the cotangent v; its results are one gradient for every free
 * argument. Both are checked alike. An error sticks to the system's tape. */
#ifndef RETROGRAD_GRADCHECK_SYSTEM_H
#define RETROGRAD_GRADCHECK_SYSTEM_H

#include "tape.h"

typedef enum {
    RG_ROLE_FREE,             /* has a derivative */
    RG_ROLE_DECLARED,         /* declared to have none: the function must not change with it */
    RG_ROLE_WALL,             /* declared to have none although the function changes with it */
    RG_ROLE_INDEX             /* integers */
} rg_check_role;

typedef struct {
    rg_check_role role;
    int number;               /* by which reports call it */
    rg_dtype dtype;
    rg_shape shape;
    int64_t count;
    const double *at;         /* the point */
    int64_t first;            /* if free: where its part of the system's gradient begins */
} rg_check_argument;

typedef struct {
    rg_tape *tape;
    rg_arena *arena;
    rg_function *function;
    void *context;
    int order;
    int operands;             /* of the function */
    int arguments;            /* of the system: of order 2 one more */
    rg_check_argument *argument;
    rg_tensor *in, *out, *wrt, *gradient; /* room for each call */
    int outputs;
    int64_t *output_count;
    rg_shape shape;           /* of the first output */
    rg_dtype dtype;
    int64_t results;          /* elements of all outputs */
    int64_t variables;        /* elements of all free arguments */
    double *value;            /* at the point */
    bool repeats;             /* the value is the same when computed again */
    double *above, *below;    /* at the points of a difference */
    double *moved;            /* the argument that moves */
    void *numbers;            /* an argument or a result in its own dtype */
} rg_check_system;

/* Completes a system of which tape, arena, function, context, order, operands, arguments and argument (with room
 * for them) are given, and computes its value. */
bool rg_check_open(rg_check_system *system);

/* J'c: results numbers c -> variables numbers. */
bool rg_check_adjoint(rg_check_system *system, const double *cotangent, double *gradient);

/* What the check allows between two numbers. */
typedef struct {
    double absolute, relative;
} rg_tolerance;

static inline double rg_tolerance_at(rg_tolerance tolerance, double size)
{
    return tolerance.absolute + tolerance.relative * size;
}

/* c'(J u) as differences tell it: NaN where they are not finite; the error is estimated. */
typedef struct {
    double value, error;
} rg_check_slope;

/* Differences along u, a direction of argument k. */
bool rg_check_differences(rg_check_system *system, int k, const double *u, const double *cotangent,
                          rg_tolerance tolerance, rg_check_slope *slope);

/* The numbers of a tensor as doubles; `room` is for its own dtype. */
bool rg_check_read(rg_tensor t, int64_t count, void *room, double *out);
/* An input with these numbers, converted to its dtype in `room`. */
rg_tensor rg_check_input(rg_tape *tape, const rg_check_argument *argument, const double *numbers, void *room);

#endif
