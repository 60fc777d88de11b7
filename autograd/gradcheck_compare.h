/* gradcheck_compare.h: one check, from its options to its verdict. Internal. */
#ifndef RETROGRAD_GRADCHECK_COMPARE_H
#define RETROGRAD_GRADCHECK_COMPARE_H

#include "gradcheck_system.h"

typedef struct {
    const char *name;         /* of the op, or NULL */
    rg_gradcheck_options options; /* complete */
    rg_gradcheck_result *result;
    rg_tape *tape;
    rg_arena arena;
    int sample;               /* of the op, or -1 */
    uint64_t seed;
} rg_check;

/* What random numbers are for: no two uses draw the same. */
typedef enum {
    RG_DRAW_NUMBERS,
    RG_DRAW_ORDER,
    RG_DRAW_DIRECTION,
    RG_DRAW_COTANGENT,
    RG_DRAW_SEED
} rg_draw;

/* The random stream of this use in the sample at hand. */
uint64_t rg_check_stream(const rg_check *check, rg_draw use, int order, int turn, int argument);
/* Fills in numbers of random sign and a size from [1/2, 1), such as f32 can hold. */
void rg_check_draw_signed(uint64_t seed, uint64_t stream, int64_t count, double *numbers);

/* Zeroed memory until the check's arena is rewound; out of memory, the check fails. */
void *rg_check_take(rg_check *check, int64_t count, size_t item);

/* Clears the result and completes the options; false if that fails the check. */
bool rg_check_begin(rg_check *check, const char *name, const rg_gradcheck_options *options,
                    rg_gradcheck_result *result);
/* Frees what the check holds and writes the line in sum. Whether the check has passed. */
bool rg_check_end(rg_check *check);

/* Counts a failure; the first is the result. `text` is what is said of it. */
void rg_check_fail(rg_check *check, rg_verdict verdict, int order, int argument, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same as an error, with the tape's message. Returns false. */
bool rg_check_tape_failed(rg_check *check, const rg_tape *tape);

/* Compares a function at a point: the arguments, with room for one more. Notes in reached[i] that the derivative
 * for argument i is not zero everywhere. False once an error makes going on pointless. */
bool rg_check_point(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument,
                    bool *reached);

#endif
