/* gradcheck_compare.h: one check, from its options to its verdict. Internal. */
#ifndef RETROGRAD_GRADCHECK_COMPARE_H
#define RETROGRAD_GRADCHECK_COMPARE_H

#include "gradcheck_system.h"

typedef struct {
    const char *name;         /* of the op or function, or NULL */
    const rg_op *op;          /* or NULL: a function */
    rg_gradcheck_options options; /* complete */
    rg_gradcheck_result *result;
    rg_tape *tape;
    rg_arena arena, walk;
    const rg_check_system *system; /* at hand, or NULL */
    const rg_gradcheck_input *in; /* of a function */
    int sample;               /* of the op, or -1 */
    uint64_t seed;
} rg_check;

/* What random numbers are for: no two uses draw the same. */
typedef enum {
    RG_DRAW_NUMBERS,
    RG_DRAW_ORDER,
    RG_DRAW_DIRECTION,
    RG_DRAW_COTANGENT,
    RG_DRAW_SEED,
    RG_DRAW_JITTER,
    RG_DRAW_NUDGE
} rg_draw;

/* The random stream of this use in the sample at hand. */
uint64_t rg_check_stream(const rg_check *check, rg_draw use, int order, int turn, int argument);
/* Fills in numbers of random sign and a size from [1/2, 1), such as f32 can hold. */
void rg_check_draw_signed(uint64_t seed, uint64_t stream, int64_t count, double *numbers);

/* Zeroed memory until the check's arena is rewound; out of memory, the check fails. */
void *rg_check_take(rg_check *check, int64_t count, size_t item);

/* Clears the result and completes the options; false if that fails the check. */
bool rg_check_begin(rg_check *check, const rg_op *op, const rg_gradcheck_options *options,
                    rg_gradcheck_result *result);
/* Frees what the check holds and writes the line in sum. Whether the check has passed. */
bool rg_check_end(rg_check *check);

/* What a failure is about, besides its verdict. Argument and index are -1 if it is about none. */
typedef struct {
    rg_oracle oracle;
    int order, argument;
    int64_t index;
    double analytic, numeric, bound, step, convergence;
} rg_finding;

/* Counts a failure; the first is the result. The text is what is said of it. */
void rg_check_fail_at(rg_check *check, rg_verdict verdict, const rg_finding *finding, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with nothing but an order and an argument. */
#define rg_check_fail(check, verdict, order_, argument_, ...)                                                      \
    rg_check_fail_at(check, verdict, &(rg_finding){ .order = order_, .argument = argument_, .index = -1 }, __VA_ARGS__)
/* The same as an error, with the tape's message. Returns false. */
bool rg_check_tape_failed(rg_check *check, const rg_tape *tape);

/* Of a function that fails: the node whose own derivative fails in the same place, into the result.
 * (gradcheck_culprit.c) */
void rg_check_find_culprit(const rg_check *check, rg_gradcheck_result *result);

/* Everything about one probe of one argument. */
typedef struct {
    rg_check *check;
    rg_check_system *system;
    int k;                    /* the argument */
    const double *cotangent;
    const double *gradient;   /* of the argument; NULL: declared zero */
    double *u;                /* the direction, */
    bool scaled;              /* in which each element has a size of its own */
} rg_probe;

/* Asks every oracle that applies along a direction drawn for this turn, and reports what fails. False once an error
 * makes going on pointless. (gradcheck_probe.c) */
bool rg_check_probe(rg_probe *probe, int turn);

/* What reports call argument k. */
void rg_check_describe(const rg_check *check, const rg_check_system *system, int k, char *text, size_t size);

/* Compares a function at a point: the arguments, with room for one more. Notes in reached[i] that the derivative
 * for argument i is not zero everywhere. False once an error makes going on pointless. */
bool rg_check_point(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument,
                    bool first_order_only, bool *reached);
/* As far as a point at a kink goes: the gradient for a cotangent of ones, and whether it is finite and lies between the
 * slopes of both sides. */
bool rg_check_kink(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument,
                   double *gradient);
/* The op at its kinks: whether it keeps its conventions. (gradcheck_kinks.c) */
bool rg_check_kinks(rg_check *check);
/* One direction of the first order, for a point near another; nothing if the function is not finite there. */
bool rg_check_near(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument);

#endif
