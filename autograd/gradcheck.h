/* gradcheck.h: are the derivatives right? Checked against differences of the function itself, in f64.
 *
 * For a function y = f(x_1, ..., x_n) and random directions u and cotangents v, the check compares
 *     v'(J u)  from central differences along u, refined by Ridders' extrapolation,   with
 *     (J'v)'u  from rg_vjp,
 * for one argument at a time; where they differ, it finds the element. The same for the gradient's own
 * gradient: J'v as a function of every argument and of v. Two numbers a and b agree if
 *     |a - b| <= absolute + relative max(|a|, |b|), give or take the error that the differences confess to,
 * which must itself be below that. What must not pass, does not: NaN anywhere fails; a derivative that is
 * exactly zero although no zero was declared fails as vacuous; a declared zero that is not one fails too. */
#ifndef RETROGRAD_GRADCHECK_H
#define RETROGRAD_GRADCHECK_H

#ifdef __cplusplus
extern "C" {
#endif

/* A function under test: records its result on the tape. The arguments are inputs of the tape. */
typedef rg_tensor rg_function(rg_tape *tape, const rg_tensor *in, int n, void *context);

/* One argument of a function under test: f64 numbers in row-major order (converted to dtype), borrowed
 * for the call. */
typedef struct {
    rg_dtype dtype;           /* RG_NO_DTYPE: f64 */
    rg_shape shape;
    const double *values;
    bool no_gradient;         /* declared: the result does not change with it, but for jumps (a mask) */
} rg_gradcheck_input;

typedef struct {
    int seeds;                /* how many sets of random numbers; 0: 3 */
    uint64_t seed;            /* the first of them */
    int directions;           /* directions and cotangents per argument; 0: 4 */
    double relative;          /* tolerance; 0: 1e-7 (first order), 1e-6 (second) */
    double absolute;          /* tolerance; 0: 1e-8 */
    bool first_order_only;
    bool allow_vacuous;       /* a derivative may be zero everywhere without being declared so */
    FILE *report;             /* a line for every failure, and one in sum; NULL: none */
} rg_gradcheck_options;

typedef enum {
    RG_CHECK_OK = 0,
    RG_CHECK_WRONG,           /* the derivative differs from the differences */
    RG_CHECK_NONFINITE,       /* NaN or infinity in the value, a derivative or a difference */
    RG_CHECK_VACUOUS,         /* zero everywhere, and not declared */
    RG_CHECK_NOISE,           /* the differences do not converge, or two runs differ: nothing can be said */
    RG_CHECK_ERROR            /* recording or running failed; the message says how */
} rg_verdict;

RG_API const char *rg_verdict_name(rg_verdict verdict);

/* How a check went. The location is that of the first failure. */
typedef struct {
    rg_verdict verdict;
    int checked, failed;      /* comparisons: one for each argument, order, direction and seed; and of an op one
                                 for each sample and dtype that is run, and for each refusal */
    int order;                /* 1 or 2; 0: not about a derivative */
    int sample;               /* of an op: the number of the sample, from 0; else -1 */
    int argument;             /* or -1; at order 2 the number of arguments stands for the result's cotangent */
    int64_t index;            /* the worst element of the argument, or -1 */
    double analytic, numeric, bound;
    uint64_t seed;
    char message[RG_MESSAGE_SIZE];
} rg_gradcheck_result;

/* Checks f at the given arguments, which must lie away from kinks. f must be a function: the same numbers, the
 * same result. An f32 argument needs tolerances to match. Returns result.verdict == RG_CHECK_OK. `options`
 * and `result` may be NULL. */
RG_API bool rg_gradcheck(rg_function *f, void *context, int n, const rg_gradcheck_input *in,
                         const rg_gradcheck_options *options, rg_gradcheck_result *result);

/* Checks an op on each of its samples, with other numbers for each seed: its derivatives as above; that node by
 * node, planned, and planned again it gives the same bits; that f32 agrees with f64 within some units in the last
 * place; that it refuses what it says it refuses. A derivative is vacuous if it is zero in every sample. An op
 * without samples fails: what is not checked cannot exist; so does one that has neither a derivative rule nor
 * declares (no_gradient) that there is nothing to derive. A leaf or an op without operands passes. `options` and
 * `result` may be NULL. */
RG_API bool rg_gradcheck_op(const rg_op *op, const rg_gradcheck_options *options, rg_gradcheck_result *result);

#ifdef __cplusplus
}
#endif
#endif
