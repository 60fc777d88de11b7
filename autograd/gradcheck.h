/* gradcheck.h: are the derivatives right? Four oracles are asked, in f64, and none is trusted alone.
 *
 * For a function y = f(x_1, ..., x_n), random directions u of one argument at a time and random cotangents v, both of
 * either sign, the check compares (J'v)'u from rg_vjp with
 *   differences  central ones over a ladder of steps, extrapolated to step 0 [Ridders 1982]: what the function does;
 *   complex      Im v'f(x + i h u) / h at h = 2^-100 [Squire and Trapp 1998], by the ops' kernels over complex numbers,
 *                which is right to the last digits, and also along directions in which every element weighs the same;
 *                an op without such kernels (erf) on the way leaves it out;
 *   adjoint      v'(J u), J u as the vjp of the vjp: are the rules linear, and their own rules their transpose?
 *   sides        one-sided slopes, where the others hint at a kink.
 * Where they differ, it finds the element, and of a function the node whose own derivative is wrong. The same for the
 * gradient's own gradient: J'v as a function of every argument and of v. Besides, J'0 must be exactly zero, and a
 * gradient that is computed twice the same to the bit.
 *
 * Two numbers a and b agree if |a - b| <= absolute + relative max(|a|, |b|), give or take the error that the
 * differences confess to, which must itself be below that. What must not pass, does not: NaN anywhere fails; a
 * derivative that is exactly zero although no zero was declared fails as vacuous; a declared zero that is not one fails
 * too. An f32 program is held against itself in f64: what it may err by are some units in the last place of f32. */
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
    const char *name;         /* for reports; NULL: none */
} rg_gradcheck_input;

typedef enum {
    RG_CHECK_OK = 0,
    RG_CHECK_WRONG,           /* the derivative differs from what an oracle says */
    RG_CHECK_NONFINITE,       /* NaN or infinity in the value, a derivative or a difference */
    RG_CHECK_VACUOUS,         /* zero everywhere, and not declared */
    RG_CHECK_NOISE,           /* the differences do not converge: nothing can be said */
    RG_CHECK_KINK,            /* the slopes on both sides differ, and what is given lies between them */
    RG_CHECK_NONDETERMINISTIC, /* the same numbers give another value or gradient */
    RG_CHECK_ERROR            /* recording or running failed; the message says how */
} rg_verdict;

/* "ok", "wrong", "non-finite", "vacuous", "noise", "kink", "nondeterministic", "error" */
RG_API const char *rg_verdict_name(rg_verdict verdict);

/* Who says so. */
typedef enum {
    RG_ORACLE_NONE = 0,
    RG_ORACLE_DIFFERENCES,
    RG_ORACLE_COMPLEX,
    RG_ORACLE_ADJOINT,
    RG_ORACLE_SIDES,
    RG_ORACLE_ZERO,           /* the gradient for a cotangent of zero */
    RG_ORACLE_REPETITION,     /* the same, computed again */
    RG_ORACLES
} rg_oracle;

/* "differences", "complex", "adjoint", "sides", "zero", "repetition"; "none" */
RG_API const char *rg_oracle_name(rg_oracle oracle);

/* How a check went. The location and the numbers are those of the first failure. */
typedef struct {
    rg_verdict verdict;
    int checked, failed;      /* comparisons: for each argument, order, direction, seed and oracle; and of an op one
                                 for each sample and dtype that is run, and for each refusal */
    uint32_t oracles;         /* bit o: rg_oracle o has had its say */
    rg_oracle oracle;
    int order;                /* 1 or 2; 0: not about a derivative */
    rg_dtype dtype;           /* of the function's float arguments: RG_F32 if any is */
    int sample;               /* of an op: the number of the sample, from 0; else -1 */
    int argument;             /* or -1; at order 2 the number of arguments stands for the result's cotangent */
    int64_t index;            /* the worst element of the argument, or -1 */
    double analytic, numeric; /* what the library says, and what the oracle does */
    double absolute, relative, ulp; /* by how much they differ: in units in the last place of the larger */
    double bound;             /* on the absolute difference */
    double step;              /* of the differences or the complex step; 0: none */
    double convergence;       /* the order that was observed on central differences, 2 if smooth; NaN: cannot be seen */
    uint64_t seed;
    char op[48];              /* the op whose derivative is wrong; "" if it cannot be told */
    int64_t node;             /* of a function: its place on the tape, or -1 */
    char name[64];            /* what the user calls that node, or the argument */
    char site[128];           /* of a function: the line that recorded the node */
    char replay[192];         /* the command, or the options, that show it again */
    char message[RG_MESSAGE_SIZE]; /* all this in one line; "" if nothing failed */
} rg_gradcheck_result;

typedef struct {
    const char *name;         /* of the function, for reports; NULL: none */
    int seeds;                /* how many sets of random numbers; 0: 3 */
    uint64_t seed;            /* the first of them */
    int directions;           /* directions and cotangents per argument; 0: 4 */
    double relative;          /* tolerance; 0: 1e-7 (first order), 1e-6 (second), the complex step and the adjoint test
                                 1e-11 and 1e-9; of f32 64 and 256 units in the last place */
    double absolute;          /* tolerance; 0: a tenth of that, of the function's size if that is below 1 */
    bool first_order_only;
    bool allow_vacuous;       /* a derivative may be zero everywhere without being declared so */
    bool accept_kinks;        /* at a kink a derivative between the slopes of both sides passes */
    FILE *report;             /* a line for every failure, and one in sum; NULL: none */
    void (*row)(const rg_gradcheck_result *row, void *context); /* called for every failure, as if it were the first;
                                 NULL: not called */
    void *row_context;
} rg_gradcheck_options;

/* Checks f at the given arguments, which must lie away from kinks, and very near them (relatively 1e-6), where a
 * rule that happens to be right at round numbers is not. f must be a function: the same numbers, the same result.
 * Returns result.verdict == RG_CHECK_OK. `options` and `result` may be NULL. */
RG_API bool rg_gradcheck(rg_function *f, void *context, int n, const rg_gradcheck_input *in,
                         const rg_gradcheck_options *options, rg_gradcheck_result *result);

/* Checks an op on each of its samples, with other numbers for each seed: its derivatives as above, in f64 and f32; that
 * node by node, planned, and planned again it gives the same bits; that f32 agrees with f64 within some units in the
 * last place; that it refuses what it says it refuses. A derivative is vacuous if it is zero in every sample. An op
 * without samples fails: what is not checked cannot exist; so does one that has neither a derivative rule nor
 * declares (no_gradient) that there is nothing to derive. A leaf or an op without operands passes. `options` and
 * `result` may be NULL. */
RG_API bool rg_gradcheck_op(const rg_op *op, const rg_gradcheck_options *options, rg_gradcheck_result *result);

#ifdef __cplusplus
}
#endif
#endif
