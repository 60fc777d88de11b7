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

/* ---- Whole Jacobians ---------------------------------------------------------------------------------------- */

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

/* ---- Over a batch ---------------------------------------------------------------------------------------------- */

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

#ifdef __cplusplus
}
#endif
#endif
