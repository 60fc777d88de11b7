/* gradcheck_system.h: what a gradient check compares: a function at a point, its adjoint, and what the oracles say of
 * its slope. Internal.
 *
 * A system of order 1 is the function itself. A system of order 2 is the function's gradient, J'v: its arguments
 * are those of the function and, after them, the cotangent v; its results are one gradient for every free
 * argument. Both are checked alike. An error sticks to the system's tape. */
#ifndef RETROGRAD_GRADCHECK_SYSTEM_H
#define RETROGRAD_GRADCHECK_SYSTEM_H

#include "gradcheck_walk.h"
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
    rg_arena *arena, *walk;   /* of the check; and of each walk */
    rg_function *function;
    void *context;
    int order;
    int operands;             /* of the function */
    int arguments;            /* of the system: of order 2 one more */
    rg_check_argument *argument;
    rg_tensor *in, *out, *wrt, *gradient; /* room for each call */
    rg_parts *at, *result;    /* of a walk */
    int outputs;
    int64_t *output_count;
    rg_shape shape;           /* of the first output */
    rg_dtype dtype;
    int64_t results;          /* elements of all outputs */
    int64_t variables;        /* elements of all free arguments */
    bool narrow;              /* an argument is f32: */
    bool wide;                /* its slopes are those of the same program in f64 */
    double *value;            /* at the point */
    bool repeats;             /* the value is the same when computed again */
    double size;              /* of |v|'|f|, at most 1: what rounding errors of order 2 are relative to */
    double *above, *below;    /* at the points of a difference */
    double *moved;            /* the argument that moves */
    void *numbers;            /* an argument or a result in its own dtype */
} rg_check_system;

/* Completes a system of which tape, arenas, function, context, order, operands, arguments and argument (with room
 * for them) are given, and computes its value. */
bool rg_check_open(rg_check_system *system);
/* Records it at the point: in, out. */
bool rg_check_record(rg_check_system *system);
/* Its value with argument k (if any) at `moved`. */
bool rg_check_evaluate(rg_check_system *system, int k, const double *moved, double *out);
/* J'c: results numbers c -> variables numbers. */
bool rg_check_adjoint(rg_check_system *system, const double *cotangent, double *gradient);

/* What the check allows between two numbers: `absolute` of the size of what is computed, up to 1. */
typedef struct {
    double absolute, relative;
} rg_tolerance;

/* c'(J u) as an oracle tells it: NaN where it is not finite; the error is estimated. */
typedef struct {
    double value, error;
    double step;              /* at which it was found */
    double order;             /* of convergence, as observed on central differences: 2 where the function is smooth */
    double size;              /* of |c|'|f|, which rounding errors are relative to; at most 1 */
    bool bent;                /* the slopes of both sides seem to differ */
    bool blind;               /* the function seems to go up and down within the smallest step */
} rg_check_slope;

/* Along u, a direction of argument k. Central differences over a ladder of steps, which are as large as the argument
 * unless the direction is scaled by its elements; (gradcheck_differences.c) */
bool rg_check_differences(rg_check_system *system, int k, const double *u, bool scaled, const double *cotangent,
                          rg_tolerance tolerance, rg_check_slope *slope);
/* the slopes below and above the point; */
bool rg_check_sides(rg_check_system *system, int k, const double *u, const double *cotangent, rg_check_slope sides[2]);
/* the complex step: *applies is false where an op has no kernel for it; (gradcheck_complex.c) */
bool rg_check_complex(rg_check_system *system, int k, const double *u, const double *cotangent, bool *applies,
                      rg_check_slope *slope);
/* c'(J u) and (J'c)'u by the library alone, J u as the vjp of the vjp: *applies is false where that has no rule. The
 * size is that of the terms. (gradcheck_adjoint.c) */
bool rg_check_products(rg_check_system *system, int k, const double *u, const double *cotangent, bool *applies,
                       rg_check_slope *forward, rg_check_slope *reverse);

/* The numbers of a tensor as doubles; `room` is for its own dtype. */
bool rg_check_read(rg_tensor t, int64_t count, void *room, double *out);
/* An input with these numbers, converted to its dtype in `room`. */
rg_tensor rg_check_input(rg_tape *tape, const rg_check_argument *argument, const double *numbers, void *room);
/* Zeroed memory of the check, into *place; else the tape fails. */
bool rg_check_room(rg_check_system *system, void *place, int64_t count, size_t item);

#endif
