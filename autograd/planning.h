/* planning.h: what to keep and what to compute again, and in which order to multiply. Part of autograd.h, which
 * includes it.
 *
 * A chain of stages, each made of the one before it, is differentiated from its end. What each stage needs for that
 * either is kept, or is computed again from the last value that is. Which values to keep so that the least work is done
 * in the memory there is, is found by dynamic programming, and so is the cheapest order of the factors of a product.
 * The plans are pure: they need no tape. What is called rg_chain_... carries one out on a tape, as nested checkpoints.
 *
 * Calls without a tape fill in an rg_error if one is given. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_PLANNING_H
#define RETROGRAD_PLANNING_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Which stages are computed again -------------------------------------------------------------------- */

/* Stages first <= i < end are a checkpoint: see rg_checkpoint_begin. */
typedef struct {
    int first, end;
} rg_stage_range;

typedef struct {
    int stages, ranges;
    const rg_stage_range *range; /* in the order in which they are begun: within one another, or apart */
    double forward, again;       /* what all stages cost once, and what is computed again costs */
    size_t peak;                 /* bytes, as far as stages say what they take; else 0 */
} rg_checkpoint_schedule;

/* NULL is allowed. */
RG_API void rg_checkpoint_schedule_free(rg_checkpoint_schedule *schedule);

/* ---- Equal stages: binomial checkpointing ------------------------------------------------------------------ */

/* rg_binomial_steps(stages, states): a chain of equal stages is reversed while at most so many of its states are in
 * memory at once, the initial one among them. The fewest steps forward that this takes, beside the one in which each
 * stage is made ready to be reversed:
 *
 *     p(l, s) = min over m of m + p(l - m, s - 1) + p(m, s),   p(l, 1) = l (l - 1) / 2
 *
 *     rg_binomial_steps(10, 3) == 15
 *
 * m is where the next state is kept. In closed form, p(l, s) = r l - C(s + r, r - 1) with the least r for which
 * C(s + r, s) >= l. [Griewank and Walther 2000, Algorithm 799: revolve]
 * errors  -1 for less than one of either, or 2^31 stages and more. */
RG_API int64_t rg_binomial_steps(int64_t stages, int64_t states);

/* The schedule that takes so many: each stage costs 1, so `again` is rg_binomial_steps. To be freed with
 * rg_checkpoint_schedule_free.
 * errors  NULL: RG_E_ARGUMENT less than one of either, RG_E_MEMORY. */
RG_API rg_checkpoint_schedule *rg_binomial_schedule(int stages, int states, rg_error *error);

/* ---- Any stages, and a budget -------------------------------------------------------------------------------- */

/* What a stage takes. Bytes are without those of its input, which belongs to the stage before; the first one's is not
 * counted. rg_chain_measure finds them for a chain on a tape. */
typedef struct {
    double forward;       /* the cost of computing it, in any unit: operations, seconds */
    size_t output;        /* bytes of what it hands to the next stage, */
    size_t adjoint;       /* and of the adjoint of that: of the last stage's, if it is there while all else is done */
    size_t saved;         /* of what is kept for its backward pass, its output too, if it is not computed again */
    size_t advance_peak;  /* at most, while it is computed and nothing but its output will be kept, */
    size_t forward_peak;  /* while it is computed and what it saves is kept, */
    size_t final_peak;    /* the same if its backward pass comes next: its output is there only if that reads it, */
    size_t backward_peak; /* and in its backward pass: adjoints of its output and its input, and what it saved */
} rg_stage;

/* rg_checkpoint_plan(stages, count, budget, error): the least work within so many bytes. It is the best schedule in
 * which what is kept stays until it has been used: the optimal persistent one. Memory is counted in at most 500 units,
 * rounded up: the budget holds, but the best of those in a budget a little smaller may be what is found. Time is cubic
 * in stages. [Beaumont, Eyraud-Dubois, Hermann, Joly and Shilova 2019, "Optimal checkpointing for heterogeneous chains:
 * how to train deep neural networks with limited memory"]
 *
 *     rg_checkpoint_schedule *schedule = rg_checkpoint_plan(stages, count, 64 << 20, &error);
 *
 * errors  NULL: RG_E_NULL; RG_E_ARGUMENT not 1 to 500 stages, costs below 0, sizes that do not fit in memory, a
 *         budget below rg_checkpoint_least, which is named; RG_E_MEMORY. */
RG_API rg_checkpoint_schedule *rg_checkpoint_plan(const rg_stage *stages, int count, size_t budget, rg_error *error);
/* The bytes that no persistent schedule can do without; 0 on an error. errors as rg_checkpoint_plan. */
RG_API size_t rg_checkpoint_least(const rg_stage *stages, int count, rg_error *error);

/* ---- A chain on a tape ------------------------------------------------------------------------------------------ */

/* stage(context, i, x): records stage i of what the stage before it gave, and gives what it has made of it. It may read
 * parameters and whatever else is on x's tape. */
typedef struct {
    rg_tensor (*stage)(void *context, int i, rg_tensor x);
    void *context;
    int count;
} rg_chain;

/* rg_chain_forward(chain, x, schedule): records all stages, and the schedule's checkpoints around them. Values and
 * gradients have the bits that they have without one.
 * schedule NULL: no checkpoints. It may have more stages than the chain, for what comes after it, but no checkpoints
 * there.
 * errors  RG_E_NULL no chain or stage, RG_E_ARGUMENT a schedule for another number of stages; those of the stages. */
RG_API rg_tensor rg_chain_forward(const rg_chain *chain, rg_tensor x, const rg_checkpoint_schedule *schedule);

/* rg_chain_measure(chain, x, stages): what each stage takes, found by planning the chain and its gradient as
 * rg_backward would, and counting what is alive at each step; nothing is computed, and the tape is then as it was.
 * `stages` has room for chain->count of them. Costs are operations on floating-point numbers: see rg_op.
 * Bytes are those of the workspace, where all lies that is computed on the way. Inputs, parameters, gradients of
 * parameters and values that are handed out lie elsewhere, and are there whatever the schedule. Only where rg_backward
 * adds to a gradient that has been begun, or an optimiser's step is one with it (rg_opt_minimise, rg_opt_compile),
 * adjoints of parameters come to the workspace first, which is not counted.
 * Cut a chain where a value is in memory: an elementwise stage may be done in one step with the one before it, and then
 * what lies between them is not, but is counted.
 * If the last stage gives more than one number, they are taken to go into a sum of squares: better make the loss the
 * last stage.
 * errors  those of rg_chain_forward; RG_E_GRADIENT nothing to take a gradient for. They stick to the tape. */
RG_API rg_status rg_chain_measure(const rg_chain *chain, rg_tensor x, rg_stage *stages);

/* rg_chain_workspace(chain, x, schedule): the bytes of workspace that a step takes under the schedule (NULL: without
 * one), found by planning it; nothing is computed, and the tape is then as it was. 0 on an error. errors as
 * rg_chain_measure. */
RG_API size_t rg_chain_workspace(const rg_chain *chain, rg_tensor x, const rg_checkpoint_schedule *schedule);

/* rg_chain_plan(chain, x, budget): measures the chain and plans it so that a step takes a workspace of at most so many
 * bytes. That is looked at: where memory falls into pieces too small to be used, it is planned again for less.
 *
 *     rg_chain chain = { block_and_then_loss, model, blocks + 1 };
 *     rg_checkpoint_schedule *schedule = rg_chain_plan(&chain, x, 64 << 20);
 *     ...
 *     rg_backward(rg_chain_forward(&chain, x, schedule));
 *
 * It marks the tape and rewinds it, as the two above do: for once, before training, on a tape that is then reset.
 * errors  NULL: those of rg_chain_measure and rg_checkpoint_plan. They stick to the tape. */
RG_API rg_checkpoint_schedule *rg_chain_plan(const rg_chain *chain, rg_tensor x, size_t budget);

/* ---- The order of a product --------------------------------------------------------------------------------------- */

/* Multiplications of numbers. The Jacobian of f1(f2(...fn(x))) is the product A1 A2 ... An of Jacobians, and forward
 * and reverse mode are two of its bracketings. */
typedef struct {
    int64_t best;
    int64_t reverse;      /* ((A1A2)A3)...: from what comes out to what went in */
    int64_t forward;      /* A1(...(An-1An)) */
} rg_bracketing_cost;

/* rg_bracketing(sizes, matrices, cost, text, bytes, error): the cheapest order of a product, whose factor number k is
 * [sizes[k], sizes[k + 1]]; so there are matrices + 1 sizes.
 *
 *     rg_bracketing((int64_t[]){ 30, 35, 15, 5, 10, 20, 25 }, 6, &cost, text, sizeof text, NULL);
 *     // cost.best is 15125, text "((A1(A2A3))((A4A5)A6))"
 *
 * text    of so many bytes, cut where they do not suffice; or NULL
 * errors  RG_E_NULL; RG_E_ARGUMENT not 1 to 500 matrices, sizes below 0, more multiplications than 2^63 - 1;
 *         RG_E_MEMORY.
 * [Godbole 1973, "On efficient computation of matrix chain products"; Griewank and Naumann 2003, "Accumulating
 * Jacobians as chained sparse matrix products"] */
RG_API rg_status rg_bracketing(const int64_t *sizes, int matrices, rg_bracketing_cost *cost, char *text, size_t bytes,
                               rg_error *error);

#ifdef __cplusplus
}
#endif
#endif
