/* autograd.h: reverse-mode automatic differentiation over tensors.
 *
 * Copyright (c) 2026 the Retrograd authors. MIT licence, see LICENSE.
 *
 * HOW A PROGRAM FLOWS
 *   Ops look immediate but only append a node to a tape (record). Asking for gradients appends more
 *   ordinary nodes (gradient). Asking for a number turns the unevaluated part of the tape into a
 *   plan, and the plan is run. A trace that comes again finds its plan by structure.
 *
 *     rg_tape  *tape = rg_tape_new();
 *     double    at[] = { 0.5, -1.0, 2.0 };
 *     rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(3), at);
 *     rg_tensor y = rg_sum(rg_tanh(x)), dy;
 *     rg_grad(y, &x, 1, &dy);
 *     const double *slope = rg_data(dy);
 *     if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
 *     rg_tape_free(tape);
 *
 * ERRORS
 *   Nothing here prints, exits or aborts. The first error sticks to its tape with a status and a
 *   message that names the caller's file and line, the op, and the operands with their shapes;
 *   later ops on that tape do nothing and return the null tensor, so one check a step is enough.
 *   Calls that have no tape return an rg_status and fill in an rg_error if one is given.
 *
 * THREADS
 *   One thread per tape; tapes share nothing and there are no mutable globals. A tape may itself
 *   use several threads; the bits of every result are the same for any number of them.
 *
 * OWNERSHIP
 *   The tape owns every tensor recorded on it; rg_tape_reset ends their life and keeps the memory.
 *   Pointers from rg_data live until the next rg_tape_reset or rg_tape_free. */
#ifndef RETROGRAD_AUTOGRAD_H
#define RETROGRAD_AUTOGRAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RG_API __attribute__((visibility("default")))
#else
#define RG_API
#endif

#define RG_VERSION_STRING "0.1.0"

/* ---- Status ----------------------------------------------------------------------------------- */

typedef enum {
    RG_OK = 0,
    RG_E_NULL,        /* a null tensor, parameter, module or pointer where one is needed */
    RG_E_SHAPE,       /* shapes do not fit the op */
    RG_E_DTYPE,       /* dtypes do not fit the op */
    RG_E_ARGUMENT,    /* an attribute or option out of its range */
    RG_E_TAPE,        /* a tensor of another tape, or from before a reset */
    RG_E_STALE,       /* a late read of a value whose parameters have changed since it was recorded */
    RG_E_INDEX,       /* an index or label out of range */
    RG_E_GRADIENT,    /* no derivative there: an op without a rule, a loss that is not a scalar */
    RG_E_MEMORY,      /* out of memory, or a size that does not fit in memory at all */
    RG_E_FILE,        /* a file cannot be opened, read or written */
    RG_E_FORMAT,      /* a file's content is malformed */
    RG_E_STATE,       /* a call out of order */
    RG_E_UNSUPPORTED  /* an optional part that is not present */
} rg_status;

/* The status's identifier, such as "RG_E_SHAPE". Never NULL. */
RG_API const char *rg_status_name(rg_status status);

#define RG_MESSAGE_SIZE 512

/* What went wrong in a call that has no tape. Owned by the caller; pass NULL if you do not care. */
typedef struct {
    rg_status status;
    char message[RG_MESSAGE_SIZE];
} rg_error;

/* The library's version, "major.minor.patch". */
RG_API const char *rg_version(void);
/* The vector instructions in use ("avx512", "avx2", "portable"), and what computes matrix products: "own", or the name
 * of the CBLAS that the library was built with. */
RG_API const char *rg_simd_name(void);
RG_API const char *rg_gemm_name(void);

/* ---- Dtypes, shapes, tensors -------------------------------------------------------------------- */

typedef enum {
    RG_NO_DTYPE = 0,
    RG_F32,
    RG_F64,
    RG_I32, /* indices and labels */
    RG_I64  /* indices and labels */
} rg_dtype;

/* Bytes of one element; 0 for anything that is not a dtype. */
RG_API size_t rg_dtype_size(rg_dtype dtype);
/* "f32", "f64", "i32", "i64", or "?" */
RG_API const char *rg_dtype_name(rg_dtype dtype);

#define RG_MAX_RANK 8

/* Sizes of the dimensions, outermost first; rank 0 is a scalar with one element. */
typedef struct {
    int rank;
    int64_t size[RG_MAX_RANK];
} rg_shape;

#define RG_COUNT_INT64(...) ((int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)))
/* RG_SHAPE(batch, 784): a shape from its sizes, at most RG_MAX_RANK of them. */
#define RG_SHAPE(...) ((rg_shape){ .rank = RG_COUNT_INT64(__VA_ARGS__), .size = { __VA_ARGS__ } })
/* The shape of a scalar. */
#define RG_SCALAR ((rg_shape){ .rank = 0 })

/* Elements in the shape, or -1 if it is malformed or the count does not fit. */
RG_API int64_t rg_shape_count(rg_shape shape);
RG_API bool rg_shape_equal(rg_shape a, rg_shape b);

/* A choice of axes; negative ones count from the end. No axis at all means every axis. */
typedef struct {
    int count;
    int axis[RG_MAX_RANK];
} rg_axes;

#define RG_COUNT_INT(...) ((int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)))
/* RG_AXES(0, -1): axes from their numbers. */
#define RG_AXES(...) ((rg_axes){ .count = RG_COUNT_INT(__VA_ARGS__), .axis = { __VA_ARGS__ } })
/* Every axis. */
#define RG_ALL_AXES ((rg_axes){ .count = 0 })

typedef struct rg_program rg_program;
typedef struct rg_tape rg_tape;
typedef struct rg_op rg_op;

/* A handle on one node of a tape, passed by value. All zeros is the null tensor. A handle from
 * before rg_tape_reset or rg_tape_rewind is detected and reported, never followed. */
typedef struct {
    rg_tape *tape;
    uint32_t node;
    uint32_t epoch;
} rg_tensor;

RG_API bool rg_is_null(rg_tensor t);
/* Shape, dtype, op and operands of a tensor; rank 0, RG_NO_DTYPE, NULL, null for a bad handle. */
RG_API rg_shape rg_shape_of(rg_tensor t);
RG_API rg_dtype rg_dtype_of(rg_tensor t);
RG_API const rg_op *rg_op_of(rg_tensor t);
RG_API const void *rg_attributes_of(rg_tensor t);
RG_API rg_tensor rg_operand(rg_tensor t, int k);
/* The scope it was recorded in ("net.fc1"), "" for none. Never NULL. */
RG_API const char *rg_scope_of(rg_tensor t);
/* Gives t the name that messages and dumps show (copied); returns t. */
RG_API rg_tensor rg_name(rg_tensor t, const char *name);

/* ---- Tapes ------------------------------------------------------------------------------------ */

typedef struct {
    int threads;          /* 0: RG_THREADS from the environment, else the processors at hand */
    int plans;            /* plans kept before the least recently used goes; 0: 64 */
    bool eager;           /* node by node, unfused, never planned; also by RG_EAGER=1 in the environment */
    bool profiles;        /* programs compiled from it remember what rg_program_profile tells */
    bool verify;          /* numbers that are read where they are, of borrowed inputs and parameters, are compared with what
                             they were when they were recorded: RG_E_STALE if they were changed in place, with the tensor and
                             both lines, also when rg_compile copies them. Takes reading them twice more; also by RG_VERIFY=1
                             in the environment */
} rg_tape_options;

/* A tape with default options; NULL when out of memory. Free it with rg_tape_free. */
RG_API rg_tape *rg_tape_new(void);
RG_API rg_tape *rg_tape_new_with(rg_tape_options options);
/* Frees the tape and every tensor on it. NULL is allowed. */
RG_API void rg_tape_free(rg_tape *tape);
/* Forgets every node and value; keeps memory, plans, and a sticky error. Older handles become
 * invalid, and using one is reported as RG_E_TAPE. */
RG_API void rg_tape_reset(rg_tape *tape);

/* A place on a tape. */
typedef struct {
    rg_tape *tape;
    uint32_t number, serial;
} rg_mark;

/* rg_tape_mark(tape), rg_tape_rewind(mark): forgets every node and value recorded since the mark, as rg_tape_reset does,
 * and keeps what is older: so an inner loop of any length runs in constant memory, and each round of it finds its plan.
 *
 *     rg_mark start = rg_tape_mark(tape);
 *     for (int i = 0; i < 10000; i++) {
 *         rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(n), state);
 *         rg_read(step(model, x), state, sizeof state);
 *         rg_tape_rewind(start);
 *     }
 *
 * A mark can be rewound to again and again, until the tape is reset or rewound to an earlier one; marks nest. Handles on
 * what has been forgotten become invalid, and using one is reported as RG_E_TAPE. Pointers from rg_data live until the
 * rewind, if they were asked for after the mark.
 * What was not computed before the mark and is needed after it is computed node by node and once: ask for it before.
 * errors  of rg_tape_rewind: RG_E_NULL no mark, RG_E_STATE a mark that is no more, or within a derivative rule. They stick
 *         to the tape. Of rg_tape_mark: RG_E_MEMORY, RG_E_STATE within a derivative rule; the mark is then all zeros. */
RG_API rg_mark rg_tape_mark(rg_tape *tape);
RG_API rg_status rg_tape_rewind(rg_mark mark);

/* Whether an error sticks to the tape (true for NULL). */
RG_API bool rg_failed(const rg_tape *tape);
/* The sticky error's status and message; RG_OK and "" when there is none. Never NULL. */
RG_API rg_status rg_tape_status(const rg_tape *tape);
RG_API const char *rg_message(const rg_tape *tape);
/* Forgets the error; tensors recorded before it are usable again. */
RG_API void rg_tape_clear_error(rg_tape *tape);
/* Makes the tape fail with your own status and printf-style message (for layers and functions built
 * on top). Does nothing if the tape has failed already. Returns the null tensor, so that
 * `return rg_fail(tape, ...)` reads well. */
RG_API rg_tensor rg_fail(rg_tape *tape, const char *site, rg_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

/* While on, recorded nodes are constants to every gradient. Returns the previous setting. */
RG_API bool rg_no_grad(rg_tape *tape, bool on);
/* Whether modules behave as in training (dropout active). On for a new tape; returns the previous. */
RG_API bool rg_training(rg_tape *tape, bool on);
RG_API bool rg_is_training(const rg_tape *tape);

/* The site ("file:line") that plain functions stamp, for layers that call a function they were given;
 * returns the previous one, to be restored. */
RG_API const char *rg_set_site(rg_tape *tape, const char *site);

/* Nodes recorded until the matching pop belong to this scope ("fc1"); scopes nest with dots. */
RG_API void rg_scope_push(rg_tape *tape, const char *name);
RG_API void rg_scope_pop(rg_tape *tape);

typedef struct {
    uint64_t hits, misses;      /* traces that found their plan, and that did not */
    uint64_t plans_built;       /* plans built since the tape was made */
    uint64_t plans_cached;      /* plans in the cache now */
    uint64_t plan_bytes;        /* memory of those plans */
    uint64_t workspace_bytes;   /* the one workspace that all plans run in */
    uint64_t tape_bytes;        /* nodes and values, capacity */
    uint64_t peak_bytes;        /* the largest sum of all of these so far */
    uint64_t nodes;             /* nodes on the tape now */
    uint64_t steps;             /* steps run since the tape was made */
    int threads;
} rg_tape_stats;

RG_API rg_tape_stats rg_tape_get_stats(const rg_tape *tape);

/* ---- Parameters: theta, one contiguous vector ----------------------------------------------------- */

typedef struct rg_params rg_params;

/* One parameter: a named view of its store's vector. All zeros is the null parameter. */
typedef struct {
    rg_params *store;
    uint32_t index;
} rg_param;

/* An empty store of f32 or f64 parameters; `seed` feeds initialisers and dropout. NULL when out of
 * memory or for another dtype. Free it after every tape that uses it. */
RG_API rg_params *rg_params_new(rg_dtype dtype, uint64_t seed);
RG_API void rg_params_free(rg_params *params);

/* Appends a parameter of zeros. The name is copied and must be new to the store. On a bad call
 * returns the null parameter and the error sticks to the store, and to any tape that uses it. */
RG_API rg_param rg_params_add(rg_params *params, const char *name, rg_shape shape);
/* The parameter of that name or number, or the null parameter. */
RG_API rg_param rg_params_find(const rg_params *params, const char *name);
RG_API rg_param rg_params_at(const rg_params *params, size_t index);
RG_API size_t rg_params_size(const rg_params *params);   /* how many parameters */
RG_API int64_t rg_params_count(const rg_params *params); /* how many numbers in theta */
RG_API rg_dtype rg_params_dtype(const rg_params *params);
RG_API uint64_t rg_params_seed(const rg_params *params);
/* The memory of theta and its gradient, with room for an eighth more at most. */
RG_API size_t rg_params_bytes(const rg_params *params);

RG_API const char *rg_param_name(rg_param param);
RG_API rg_shape rg_param_shape(rg_param param);
RG_API int64_t rg_param_offset(rg_param param); /* in elements, within theta */

/* theta and its gradient, rg_params_count elements each, laid out alike. The pointers are good
 * until the next rg_params_add. After writing to theta call rg_params_changed, so that a late read of
 * a value computed from the old numbers is reported as stale. The gradient of a parameter that no
 * backward pass has reached reads as zero. */
RG_API void *rg_params_data(rg_params *params);
RG_API void *rg_params_gradient(rg_params *params);
RG_API void rg_params_changed(rg_params *params);
RG_API uint64_t rg_params_version(const rg_params *params);

/* Who zeroes: nobody has to. rg_backward adds into the gradient; an optimiser's step reads it and
 * marks it consumed (rg_params_consume_gradient), and the first rg_backward after that starts from
 * zero. rg_params_zero_gradient starts from zero at once. */
RG_API void rg_params_zero_gradient(rg_params *params);
RG_API void rg_params_consume_gradient(rg_params *params);
/* Whether a backward pass has added to the gradient since it was last zeroed or consumed, and none
 * failed in between. */
RG_API bool rg_params_gradient_ready(const rg_params *params);

/* The number of random streams drawn so far (each dropout draws one); part of a checkpoint. */
RG_API uint64_t rg_params_random_counter(const rg_params *params);
RG_API void rg_params_set_random_counter(rg_params *params, uint64_t counter);
/* Returns the counter and advances it. */
RG_API uint64_t rg_params_draw(rg_params *params);

RG_API rg_status rg_params_status(const rg_params *params);
RG_API const char *rg_params_message(const rg_params *params);
/* Makes the store fail with a printf-style message unless it has failed already. */
RG_API void rg_params_fail(rg_params *params, rg_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/* ---- Random numbers: counter-based, so independent of order, threads and recomputation ------------- */

/* 64 random bits that depend on nothing but (seed, stream, index). Philox 4x32-10 [Salmon et al.
 * 2011, "Parallel random numbers: as easy as 1, 2, 3"]. */
RG_API uint64_t rg_random_bits(uint64_t seed, uint64_t stream, uint64_t index);
/* Uniform in [0, 1), with 53 random bits. */
RG_API double rg_random_uniform(uint64_t seed, uint64_t stream, uint64_t index);
/* Standard normal, by Box and Muller's transform of two uniforms. */
RG_API double rg_random_normal(uint64_t seed, uint64_t stream, uint64_t index);

/* ---- Leaves ------------------------------------------------------------------------------------ */

/* rg_input(tape, dtype, shape, data): a tensor with these numbers, copied; gradients may be asked
 * with respect to it.
 * errors  RG_E_NULL no data, RG_E_DTYPE, RG_E_SHAPE malformed shape. */
RG_API rg_tensor rg_input(rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data);

/* As rg_input, but the numbers stay where they are: they are read when a value is asked for and must
 * stay unchanged until rg_tape_reset: see rg_tape_options.verify. For large batches. */
RG_API rg_tensor rg_input_borrowed(rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data);

/* As rg_input, but a constant to every gradient. */
RG_API rg_tensor rg_constant(rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data);

/* One number that may change from step to step without a new plan (a learning rate, an annealing
 * factor). Shape []. f32 or f64. */
RG_API rg_tensor rg_scalar(rg_tape *tape, rg_dtype dtype, double value);

/* A tensor filled with `value`, which is part of the graph's structure. f32 or f64. */
RG_API rg_tensor rg_full(rg_tape *tape, rg_dtype dtype, rg_shape shape, double value);
/* Ones on one diagonal of a matrix, number `diagonal` above the main one, below it if negative, and zeros elsewhere:
 * rg_eye(tape, dtype, n, n, 0) is the identity. f32 or f64. No gradient. errors RG_E_DTYPE, RG_E_SHAPE. */
RG_API rg_tensor rg_eye(rg_tape *tape, rg_dtype dtype, int64_t rows, int64_t columns, int64_t diagonal);

/* The leaf for a parameter: a view of theta. Asking twice gives the same node.
 * errors  RG_E_NULL the null parameter; whatever error sticks to the parameter's store. */
RG_API rg_tensor rg_parameter(rg_tape *tape, rg_param param);

/* The key (seed, stream) of one random draw, i64[2]: a leaf, so a new draw needs no new plan. */
RG_API rg_tensor rg_random_key(rg_tape *tape, uint64_t seed, uint64_t stream);
/* The key of the store's next draw: (rg_params_seed, rg_params_draw). A compiled program draws it anew for each run. */
RG_API rg_tensor rg_random_draw(rg_tape *tape, rg_params *store);

/* ---- Walls, dropout, random tensors: elementwise ops stand in elementwise.h ------------------------------ */

/* x, and a wall to every gradient. */
RG_API rg_tensor rg_stop_gradient(rg_tensor x);

/* rg_dropout(x, probability, key): each element is 0 with that probability, else x / (1 - p).
 * key     from rg_random_key: the mask is a function of the key and the element's index, so it is
 *         the same in the backward pass and in any recomputation.
 * errors  RG_E_ARGUMENT unless 0 <= p < 1.
 * vjp     the same mask on g. */
RG_API rg_tensor rg_dropout(rg_tensor x, double probability, rg_tensor key);

/* Random tensors. Element i is number i of the key's stream, whatever the threads and vector instructions; draws with one
 * key are equal, so take a new key for each: rg_random_key or rg_random_draw. No gradient, but for rg_normal.
 * key     i64[2]
 * errors  RG_E_DTYPE not a key, or not f32 or f64; RG_E_SHAPE a malformed shape. */

/* Uniform in [0, 1): rg_random_uniform(seed, stream, i); in f32 its first 24 bits. */
RG_API rg_tensor rg_uniform(rg_tensor key, rg_dtype dtype, rg_shape shape);
/* Mean 0 and deviation 1: rg_random_normal(seed, stream, i), rounded in f32. */
RG_API rg_tensor rg_standard_normal(rg_tensor key, rg_dtype dtype, rg_shape shape);
/* mean + deviation z with a standard normal z of their common shape. vjp g, g z: gradients go through mean and deviation
 * [Kingma and Welling 2014]. */
RG_API rg_tensor rg_normal(rg_tensor mean, rg_tensor deviation, rg_tensor key);
/* 1 where rg_random_uniform(seed, stream, i) is below probability[i], else 0; NaN where that is NaN. */
RG_API rg_tensor rg_bernoulli(rg_tensor probability, rg_tensor key);
/* 0, ..., n - 1 in random order, i64[n]: for rg_gather_rows. errors RG_E_ARGUMENT n below 0. */
RG_API rg_tensor rg_permutation(rg_tensor key, int64_t n);


/* ---- Probabilities and losses -------------------------------------------------------------------- */

RG_API rg_tensor rg_softmax(rg_tensor x, int axis);     /* vjp  y (g - sum(g y)) */
RG_API rg_tensor rg_log_softmax(rg_tensor x, int axis); /* vjp  g - softmax(x) sum(g) */

/* rg_cross_entropy(logits, labels): [..., classes] and i32 or i64 [...] -> [], the mean over the rows
 * of logsumexp(z) - z[label], computed without overflow.
 * errors  RG_E_SHAPE, RG_E_DTYPE, RG_E_INDEX a label outside [0, classes).
 * vjp     logits: (softmax(z) - one_hot(labels)) / rows. */
RG_API rg_tensor rg_cross_entropy(rg_tensor logits, rg_tensor labels);
/* The same without the mean: -> [...]. */
RG_API rg_tensor rg_cross_entropy_rows(rg_tensor logits, rg_tensor labels);

/* Mean of (prediction - target)^2 over all elements, -> []. The shapes must be equal. */
RG_API rg_tensor rg_mse(rg_tensor prediction, rg_tensor target);

/* Mean of binary cross-entropies with targets in [0, 1]: max(z, 0) - z t + ln(1 + e^-|z|), -> []. */
RG_API rg_tensor rg_binary_cross_entropy(rg_tensor logits, rg_tensor targets);

/* ---- Values ---------------------------------------------------------------------------------------- */

/* Keeps t's value when its plan runs, so that reading it after rg_backward costs nothing. Without it a
 * late read recomputes, or is RG_E_STALE if a parameter has changed since. Returns t. */
RG_API rg_tensor rg_keep(rg_tensor t);
/* Computes n tensors in one plan. */
RG_API rg_status rg_eval(int n, const rg_tensor *tensors);
/* The value of a tensor with one element; NaN on an error. */
RG_API double rg_item(rg_tensor t);
/* The elements in row-major order, or NULL on an error. Good until the tape is reset. */
RG_API const void *rg_data(rg_tensor t);
/* Copies the elements to `out`, which has room for exactly `bytes` bytes. */
RG_API rg_status rg_read(rg_tensor t, void *out, size_t bytes);

/* ---- Gradients --------------------------------------------------------------------------------------- */

/* rg_grad(y, wrt, n, out): out[i] = dy/dwrt[i] as tensors on the same tape, differentiable again. Zeros
 * where y does not depend on wrt[i].
 * errors  RG_E_GRADIENT y is not a scalar or has no float dtype, or an op on the way has no rule. */
RG_API rg_status rg_grad(rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out);

/* As rg_grad for y of any shape: out[i] = J_i' seed, with seed of y's shape (vector-Jacobian product). */
RG_API rg_status rg_vjp(rg_tensor y, rg_tensor seed, const rg_tensor *wrt, int n, rg_tensor *out);

/* Adds dloss/dtheta into the gradient of every parameter store used on the tape, and keeps the value of
 * the loss. So the gradient of a large batch is accumulated over small ones, before the optimiser's step:
 *
 *     for (int i = 0; i < parts; i++) {
 *         rg_backward(rg_scale(loss_of(part[i]), 1.0 / parts));
 *         rg_tape_reset(tape);
 *     }
 *     rg_opt_step(opt);              // reads the sum and marks it consumed: the next pass starts from zero
 *
 * Does nothing once the tape has failed. errors as rg_grad. */
RG_API rg_status rg_backward(rg_tensor loss);
/* As rg_backward for y of any shape, with its cotangent. */
RG_API rg_status rg_backward_seeded(rg_tensor y, rg_tensor seed);

/* ---- Programs: recorded once, run without recording ----------------------------------------------------
 *
 *     rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(32, 784), numbers);
 *     rg_tensor y = rg_nn_forward(net, x);
 *     rg_program *program = rg_compile(1, &x, 1, &y);
 *     rg_tape_reset(tape);
 *     for (...) {
 *         rg_program_bind(program, 0, numbers);
 *         rg_program_run(program);
 *         use(rg_program_output(program, 0));
 *     }
 *     rg_program_free(program);
 *
 * A program computes what the same recording would, with the same bits, and depends on its tape no more. Parameters
 * are read, and gradients written, where they are at each run: their stores must outlive it. What rg_random_draw gave
 * (dropout, in a module) is drawn anew at each run; all other numbers are those that were recorded, until they are
 * bound. One program runs on one thread at a time. */

/* rg_compile(inputs, in, outputs, out): computes out[0], ... from what is bound to in[0], ...
 * in      leaves: inputs, constants, scalars, keys; the shapes are fixed. NULL if there are none
 * Returns NULL if it could not; the tape has then failed with the reason: RG_E_NULL, RG_E_TAPE, RG_E_MEMORY, and
 * RG_E_ARGUMENT for an input that is not a leaf, or an output that is one. To be freed with rg_program_free. */
RG_API rg_program *rg_compile(int inputs, const rg_tensor *in, int outputs, const rg_tensor *out);
/* Each run does what rg_backward(loss) would; output 0 is the loss. errors also those of rg_backward. */
RG_API rg_program *rg_compile_backward(rg_tensor loss, int inputs, const rg_tensor *in);
RG_API void rg_program_free(rg_program *program);

/* From now on input number `input` is read from there, at each run. The data must be laid out as recorded.
 * errors  RG_E_NULL, RG_E_ARGUMENT there is no such input. */
RG_API rg_status rg_program_bind(rg_program *program, int input, const void *data);
/* errors  RG_E_NULL, RG_E_INDEX an index out of range, and what an optimiser's step says; outputs and gradients are
 *         then undefined, and the next run may succeed. */
RG_API rg_status rg_program_run(rg_program *program);
/* The value of the last run; NULL if there is no such output. It stays where it is. */
RG_API const void *rg_program_output(const rg_program *program, int output);
/* Why the last call failed; "" if it did not. Never NULL. */
RG_API const char *rg_program_message(const rg_program *program);

/* The memory of a program. All of it is there once the program is compiled; running it takes no more. */
typedef struct {
    uint64_t workspace_bytes; /* what is computed and needed no longer than for the run */
    uint64_t kept_bytes;      /* copies of inputs and constants, and the outputs */
    uint64_t plan_bytes;      /* the steps themselves */
} rg_program_stats;
RG_API rg_program_stats rg_program_get_stats(const rg_program *program);

/* A step of a program: an op, or several that are done in one go. */
typedef struct {
    const char *what;         /* the ops: "matmul+add+relu", with "+..." after many; of an optimiser that comes after the
                                 gradients its name */
    int ops;                  /* how many */
    bool backward;            /* computes adjoints, or moves parameters */
    const char *site;         /* the line that recorded the first op, or what that is the adjoint of: "model.c:12"; "" */
    const char *scope;        /* the scope it was recorded in, which in a layer is the layer: "fc1"; "" */
    double operations;        /* on floating-point numbers: see rg_op. In a matrix product a multiplication and an
                                 addition are two, elsewhere a function such as tanh counts as one */
    double bytes_read, bytes_written; /* in memory, each operand once: not in registers, nor what a step keeps for itself */
    double seconds;           /* the median */
} rg_profile_step;

/* Where the time of a program goes. */
typedef struct {
    size_t count;
    const rg_profile_step *steps; /* as they are done, one after another; until the next profile, or the program's end */
    int runs;                 /* that the medians are of */
} rg_profile;

/* Runs the program so many times, with a look at the clock before and after each step, whose own time is not counted.
 * What it computes is what so many calls of rg_program_run would. Runs that add to a gradient have other steps than one
 * that begins it, so the profile is of the last run and those that were like it just before.
 * errors  as rg_program_run; RG_E_NULL no profile, RG_E_ARGUMENT repeats below 1, RG_E_MEMORY; RG_E_STATE compiled from
 *         a tape without rg_tape_options.profiles. */
RG_API rg_status rg_program_profile(rg_program *program, int repeats, rg_profile *profile);

#include "reductions.h"
#include "shapes.h"
#include "op.h"
#include "elementwise.h"
#include "linear_algebra.h"
#include "transforms.h"
#include "planning.h"
#include "gradcheck.h"
#include "graph.h"
#include "semiring.h"
#include "explain.h"
#include "onnx.h"
#include "sites.h"

#ifdef __cplusplus
}
#endif
#endif
