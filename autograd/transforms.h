/* transforms.h: derivatives of all kinds, and programs over a batch, made of what has been recorded. Part of autograd.h,
 * which includes it.
 *
 * A transform is given tensors: what came out, y, and what it was computed from, x. The nodes between them are the
 * function. What it records are ordinary nodes of the same tape, so that transforms compose in any order and to any
 * depth, are planned like all else, and find their plan again by structure. There are no tags and no levels: a variable is
 * a node, and derivatives with respect to different nodes cannot be confused.
 *
 * Where several are given, their number follows the array. Results are null tensors where the call has failed. A
 * transform is refused with RG_E_NULL for null tensors, RG_E_TAPE for one of another tape or from before a reset, and with
 * what else stands beside it. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_TRANSFORMS_H
#define RETROGRAD_TRANSFORMS_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Products with a Jacobian ------------------------------------------------------------------------- */

/* rg_vjp_many(y, seeds, outputs, wrt, n, out): rg_vjp of several y at once, in one sweep: out[i] = Σ_j J_ji' seeds[j].
 *
 *     rg_tensor y[] = { mean, variance }, seeds[] = { g, h }, dx;
 *     rg_vjp_many(y, seeds, 2, &x, 1, &dx);
 *
 * errors  as rg_vjp. */
RG_API rg_status rg_vjp_many(const rg_tensor *y, const rg_tensor *seeds, int outputs, const rg_tensor *wrt, int n,
                             rg_tensor *out);

/* rg_jvp(y, wrt, tangents, n, out): the derivative of y along a direction, Σ_i J_i tangents[i], of y's shape; tangents[i]
 * has the shape and dtype of wrt[i]. Forward mode: it costs a small multiple of y, however many elements y or the
 * variables have. It is the vjp of the vjp: v -> J'v is linear, so its own vjp is J, and of what is recorded on the way
 * only that is ever computed. [Townsend 2017, "A new trick for calculating Jacobian vector products"]
 *
 *     rg_jvp(y, &x, &v, 1, &slope);
 *
 * errors  as rg_vjp; RG_E_SHAPE, RG_E_DTYPE a tangent that is not like its variable. */
RG_API rg_status rg_jvp(rg_tensor y, const rg_tensor *wrt, const rg_tensor *tangents, int n, rg_tensor *out);
/* The same of several y at once: out[j] is the derivative of y[j]. */
RG_API rg_status rg_jvp_many(const rg_tensor *y, int outputs, const rg_tensor *wrt, const rg_tensor *tangents, int n,
                             rg_tensor *out);

/* rg_hvp(y, wrt, v, n, out): the product of the Hessian of a single number y with v: out[i] = Σ_j ∂²y/∂wrt[i]∂wrt[j] v[j].
 * It costs a small multiple of y. [Pearlmutter 1994, "Fast exact multiplication by the Hessian"]
 *
 *     rg_hvp(loss, &w, &v, 1, &Hv);
 *
 * errors  as rg_grad and rg_jvp. */
RG_API rg_status rg_hvp(rg_tensor y, const rg_tensor *wrt, const rg_tensor *v, int n, rg_tensor *out);

/* ---- Whole Jacobians ----------------------------------------------------------------------------------- */

/* rg_jacobian(y, wrt, n, out): out[i] = ∂y/∂wrt[i], with the shape of y followed by that of wrt[i].
 * It is computed by rows (vjp) if y has no more elements than all of wrt together, else by columns (jvp), all at once:
 * rg_vmap over the rows or columns of the identity.
 *
 *     rg_jacobian(y, &x, 1, &J);            // y [3], x [2]: J [3, 2], two columns
 *
 * errors  as rg_vjp and rg_vmap; RG_E_SHAPE more than RG_MAX_RANK dimensions. */
RG_API rg_status rg_jacobian(rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out);

/* rg_hessian(y, wrt, n, out): out[i * n + j] = ∂²y/∂wrt[i]∂wrt[j] for a single number y, with the shape of wrt[i] followed
 * by that of wrt[j]: the Jacobians of the gradients.
 *
 *     rg_hessian(loss, &w, 1, &H);
 *
 * errors  as rg_grad and rg_jacobian. */
RG_API rg_status rg_hessian(rg_tensor y, const rg_tensor *wrt, int n, rg_tensor *out);

/* ---- Over a batch -------------------------------------------------------------------------------------- */

/* rg_vmap(y, outputs, x, batches, n, out): y was recorded for one member, from x; out[j] holds y[j] for every member of a
 * batch, along a new leading dimension. batches[i] takes the place of x[i]: [size, shape of x[i]...], of its dtype.
 * Everything else that y depends on is the same for all members.
 *
 *     rg_tensor x = rg_batch_member(X), y = f(x), Y;             // X [64, 3]: x [3] stands for any row
 *     rg_vmap(&y, 1, &x, &X, 1, &Y);                       // Y [64, ...]
 *
 *     rg_grad(loss_of(w, x), &w, 1, &g);                   // gradients by sample: vmap of grad
 *     rg_vmap(&g, 1, &x, &X, 1, &G);                       // G [64, shape of w...]
 *
 * The nodes between x and y are recorded once more, each by its op's rule for batches: there is no loop over members,
 * and only the batch is ever computed. Elementwise ops broadcast; other ops have a rule in rg_op.batch. The values for
 * one member are those that y would have for it, up to rounding where a product takes another order.
 * A key of random numbers that is not batched is the same for all members: every member gets the same mask.
 *
 * errors  RG_E_SHAPE a batch that is not [size, shape of x...], or sizes that differ, or too many dimensions; RG_E_DTYPE;
 *         RG_E_UNSUPPORTED an op on the way that has no rule: it is named, with its line. */
RG_API rg_status rg_vmap(const rg_tensor *y, int outputs, const rg_tensor *x, const rg_tensor *batches, int n,
                         rg_tensor *out);

/* rg_batch_member(batch): something for rg_vmap to replace: the first member of a batch, [size, ...] -> [...].
 * errors  RG_E_SHAPE a scalar, or a batch without members. */
RG_API rg_tensor rg_batch_member(rg_tensor batch);

/* ---- Derivatives of your own --------------------------------------------------------------------------- */

/* The cotangent of x[k], given the cotangent g of y, in ordinary ops; it may have y's shape where x[k] was broadcast. The
 * null tensor means zero. A function of its arguments, and of a context that does not change while the tape is used:
 * where rg_backward finds its plan again, the rule is not called. */
typedef rg_tensor rg_custom_rule(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g);

/* rg_custom_vjp(y, x, n, rule, context): y, with a derivative of its own. What was recorded between x and y computes its
 * value; its gradient is what the rule says for each x, and does not go to anything else that y was computed from, such
 * as a parameter: give all of them. The value is that of y, to the bit.
 *
 *     static rg_tensor straight_through(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
 *     {
 *         (void)context, (void)k, (void)x, (void)y;
 *         return g;
 *     }
 *     rg_tensor bit = rg_custom_vjp(rg_greater(x, threshold), &x, 1, straight_through, NULL);
 *
 * In a batch, the rule is that of each member.
 * errors  RG_E_NULL no rule; RG_E_ARGUMENT more than 62 variables; those of the rule, and RG_E_GRADIENT if what it gives
 *         does not fit x[k]. */
RG_API rg_tensor rg_custom_vjp(rg_tensor y, const rg_tensor *x, int n, rg_custom_rule *rule, void *context);

/* Is given the adjoint of x, and gives what it shall be instead, in ordinary ops; the null tensor: as it is. It has x's
 * shape and dtype, and so has what takes its place. */
typedef rg_tensor rg_adjoint_hook(void *context, rg_tensor x, rg_tensor adjoint);

/* rg_hook(x, hook, context): x, and a hook on its adjoint. Use what it returns in the place of x: the hook is called when
 * the adjoint of that is complete, once in every gradient that is taken through it, rg_backward too. It may record; to
 * observe, keep the adjoint, and read it when the gradient has been taken.
 *
 *     static rg_tensor observe(void *context, rg_tensor x, rg_tensor adjoint)
 *     {
 *         (void)x;
 *         *(rg_tensor *)context = rg_keep(adjoint);
 *         return (rg_tensor){ 0 };
 *     }
 *     h = rg_hook(h, observe, &seen);
 *     rg_backward(loss);
 *     const float *numbers = rg_data(seen);
 *
 * A compiled program contains what the hook recorded when it was compiled. In a batch (rg_vmap), a hook gets the adjoints of
 * all members along the new dimension.
 * errors  RG_E_NULL no hook; those of the hook, and RG_E_GRADIENT if what it gives is not like x; RG_E_STATE a value asked
 *         for within it. */
RG_API rg_tensor rg_hook(rg_tensor x, rg_adjoint_hook *hook, void *context);

/* ---- Where it goes wrong ------------------------------------------------------------------------------- */

#define RG_FINITE_MESSAGE_SIZE 1024

/* The first value that is not finite. */
typedef struct {
    bool found;
    bool backward;            /* it is an adjoint */
    bool given;               /* it is in a leaf: nothing on the tape has made it */
    const char *op;           /* that made it: a producer has finite operands, or makes NaN of what is not NaN; */
    const char *site;         /* its line; of an adjoint, that of the forward op whose derivative it is in */
    rg_tensor tensor;         /* it is in this one; of an adjoint, in the derivative of this one */
    int rank;                 /* of the value that it is in, */
    int64_t index[RG_MAX_RANK]; /* and where it is */
    double value;
    int operands;             /* of the op, at most RG_MAX_OPERANDS: */
    double operand[RG_MAX_OPERANDS]; /* what they hold there, if the op is elementwise or they are single numbers; else NaN */
    size_t producers;         /* how many values are not finite, though all operands are; this one with them */
    size_t propagators;       /* and how many only because an operand is not */
    char message[RG_FINITE_MESSAGE_SIZE]; /* all of this in words; "" if there is none */
} rg_finite_report;

/* rg_tape_check_finite(tape, loss, report): looks for the first value of the tape that is NaN or infinite, and with a loss
 * (a single number; the null tensor: without) also through the adjoints that rg_backward would compute: those of
 * parameters, or of inputs if there are no parameters. An infinite leaf is reported only where nothing else is wrong: it may
 * be meant.
 * Everything is computed again, node by node, and all values are in memory at once; the tape is then as it was. For when
 * something has gone wrong: after a loss that is NaN, before the tape is reset and the parameters change.
 *
 *     rg_finite_report report;
 *     if (!isfinite(rg_item(loss)) && !rg_tape_check_finite(tape, loss, &report)) puts(report.message);
 *
 *     train.c:41: log: -inf at [1,2] of %7 log f64[2,3], made of finite numbers: p f64[2,3] is 0 there; 5 values behind it ...
 *
 * errors  RG_E_NULL no tape or report, RG_E_TAPE, RG_E_STALE a parameter has changed, RG_E_GRADIENT, RG_E_MEMORY: it could
 *         not be checked. They stick to the tape. */
RG_API rg_status rg_tape_check_finite(rg_tape *tape, rg_tensor loss, rg_finite_report *report);

/* ---- Memory for time ----------------------------------------------------------------------------------- */

/* rg_checkpoint_begin(tape), rg_checkpoint_end(tape): of what is recorded between them, gradients keep nothing: where they
 * need a value, all between the two is computed again from what it read, once. The bits are the same, those of dropout
 * too. A chain of n equal blocks, each between such a pair, needs memory for n inputs of blocks and the inside of one.
 * [Griewank and Walther 2000; Chen et al. 2016, "Training deep nets with sublinear memory cost"]
 *
 *     for (int i = 0; i < layers; i++) {
 *         rg_checkpoint_begin(tape);
 *         h = block_forward(&block[i], h);
 *         rg_checkpoint_end(tape);
 *     }
 *     rg_backward(loss(h));
 *
 * It holds for every gradient that is asked for later, at any order. Pairs nest: what is computed again of the outer one
 * keeps nothing between the inner ones, which are computed once more in their turn. So a chain of n blocks needs memory
 * for as few inputs as is wanted, at the price of more work: planning.h finds the best way. A value that is asked for or
 * kept with rg_keep is kept all the same.
 * errors  RG_E_STATE an end without a beginning. */
RG_API void rg_checkpoint_begin(rg_tape *tape);
RG_API void rg_checkpoint_end(rg_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
