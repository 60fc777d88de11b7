/* ops.h: the op table. An op that is not listed here cannot be found, checked or documented. Internal. */
#ifndef RETROGRAD_OPS_H
#define RETROGRAD_OPS_H

#include "shape.h"
#include "simd.h"

#define RG_OPS(X)                                                                                                  \
    /* elementwise */                                                                                              \
    X(add) X(sub) X(mul) X(div) X(neg) X(exp) X(log) X(sqrt) X(square) X(sin) X(cos) X(erf) X(tanh) X(sigmoid)     \
    X(relu) X(softplus) X(power) X(maximum) X(minimum) X(scale) X(shift) X(one_minus) X(greater) X(equal) X(where) \
    X(full) X(dropout) X(gate) X(share) X(tanh_adjoint) X(sigmoid_adjoint) X(logistic_loss)                        \
    X(abs) X(reciprocal) X(rsqrt) X(pow) X(expm1) X(log1p) X(sign) X(floor) X(ceil) X(round) X(mod)                 \
    X(clamp) X(hard_tanh) X(within) X(greater_equal) X(less) X(less_equal) X(not_equal)                            \
    X(logical_and) X(logical_or) X(logical_xor) X(logical_not) X(is_finite) X(is_nan)                              \
    X(tan) X(asin) X(acos) X(atan) X(atan2) X(hypot) X(sinh) X(cosh) X(erfc) X(lgamma) X(digamma) X(polygamma)      \
    X(leaky_relu) X(elu) X(elu_slope) X(selu) X(silu) X(silu_slope) X(gelu) X(gelu_slope) X(gelu_tanh)             \
    X(gelu_tanh_slope) X(log_sigmoid) X(softsign) X(adjoint_mul) X(adjoint_div) X(adjoint_both)                    \
    X(cast) X(uniform) X(standard_normal) X(bernoulli) X(permutation)                                              \
    /* reductions and rows */                                                                                      \
    X(sum) X(max) X(logsumexp) X(softmax) X(log_softmax) X(cross_entropy_rows)                                     \
    X(min) X(prod) X(argmax) X(argmin)                                                                             \
    /* along the last axis */                                                                                      \
    X(cumsum) X(linear_recurrence) X(argsort)                                                                      \
    /* products */                                                                                                 \
    X(matmul)                                                                                                      \
    /* linear algebra */                                                                                           \
    X(cholesky) X(cholesky_adjoint) X(cholesky_tangent) X(triangular_solve) X(solve) X(inverse)                    \
    X(determinant) X(cofactors) X(logdet) X(log_abs_determinant) X(sign_determinant)                               \
    /* shape */                                                                                                    \
    X(permute) X(reshape) X(expand) X(slice) X(pad) X(add_part) X(concat) X(stop_gradient) X(recompute) X(contiguous)          \
    X(tril) X(triu) X(unfold) X(overlap_add)                                                                       \
    /* indexing */                                                                                                 \
    X(gather_rows) X(scatter_rows) X(one_hot)                                                                      \
    X(gather) X(scatter_add)

#define RG_OP_DECLARE(name) extern const rg_op rg_op_##name;
RG_OPS(RG_OP_DECLARE)

/* rg_apply of an op with one operand, and its attributes if it has any; and with two, of one that has none. (tape.c) */
rg_tensor rg_apply_one(const char *site, rg_tensor x, const rg_op *op, const void *attributes);
rg_tensor rg_apply_two(const char *site, rg_tensor a, rg_tensor b, const rg_op *op);

/* What a hook is shown, a view of an adjoint; and the hook. Not in the table, as rules of the user's are not: it is the
 * user who says what their derivatives are. (custom.c) */
extern const rg_op rg_observed_adjoint;
extern const rg_op rg_hook_view;

/* Adjoints that are ops of their own. Those of relu and maximum select, and never multiply by a mask. */
rg_tensor rg_gate_at(const char *site, rg_tensor g, rg_tensor x);
rg_tensor rg_share_at(const char *site, rg_tensor g, rg_tensor a, rg_tensor b);
rg_tensor rg_tanh_adjoint_at(const char *site, rg_tensor g, rg_tensor y);
rg_tensor rg_sigmoid_adjoint_at(const char *site, rg_tensor g, rg_tensor y);

/* a + b. Where one is zero outside of a slice, as the adjoint of that is, the rest is left alone: so the adjoint of what is
 * read slice by slice takes no more than the slices. (pieces.c) */
rg_tensor rg_sum_of_cotangents(rg_tensor a, rg_tensor b);

/* The product of two cotangents, as it comes in derivatives of derivatives: exactly 0 where either is. */
rg_tensor rg_adjoint_both_at(const char *site, rg_tensor g, rg_tensor h);

/* Derivatives that are ops of their own, because they would take many; and whether a number is within limits. */
rg_tensor rg_elu_slope_at(const char *site, rg_tensor x, double alpha);
rg_tensor rg_silu_slope_at(const char *site, rg_tensor x);
rg_tensor rg_gelu_slope_at(const char *site, rg_tensor x);
rg_tensor rg_gelu_tanh_slope_at(const char *site, rg_tensor x);
rg_tensor rg_within_at(const char *site, rg_tensor x, double low, double high);

/* The terms of rg_binary_cross_entropy. */
rg_tensor rg_logistic_loss_at(const char *site, rg_tensor logits, rg_tensor targets);

static inline rg_tensor rg_gate(rg_tensor g, rg_tensor x)
{
    return rg_gate_at(NULL, g, x);
}

static inline rg_tensor rg_share(rg_tensor g, rg_tensor a, rg_tensor b)
{
    return rg_share_at(NULL, g, a, b);
}

static inline rg_tensor rg_tanh_adjoint(rg_tensor g, rg_tensor y)
{
    return rg_tanh_adjoint_at(NULL, g, y);
}

static inline rg_tensor rg_sigmoid_adjoint(rg_tensor g, rg_tensor y)
{
    return rg_sigmoid_adjoint_at(NULL, g, y);
}

/* Whether operand k of a random op is a key, and what to say if not. */
bool rg_is_random_key(const rg_shape_call *call, int k);
rg_status rg_refuse_random_key(rg_shape_call *call);

/* For rg_op.operations of an elementwise op whose formula has so many on each element; a function such as tanh is one. */
double rg_operations_4(const rg_call *call);
double rg_operations_8(const rg_call *call);
double rg_operations_16(const rg_call *call);

/* ---- Fields of rg_op (items.c) ---- */

/* An item is an element of the result, a row of it along the last axis, or such a row of operand 0; and how many elements
 * those rows have. */
int64_t rg_items_elements(const rg_call *call);
int64_t rg_items_rows(const rg_call *call);
int64_t rg_row_elements(const rg_call *call);
int64_t rg_items_operand_rows(const rg_call *call);
int64_t rg_operand_row_elements(const rg_call *call);
/* An item writes one element. */
int64_t rg_one_element(const rg_call *call);
/* Nothing is computed: numbers are moved, or chosen. */
double rg_no_operations(const rg_call *call);

/* ---- Axes (axes.c) ---- */

/* A permutation that swaps two axes. (views.c) */
rg_tensor rg_swap_axes(const char *site, rg_tensor x, int a, int b);
/* x with the axis and the last one swapped, and the same again for what an op called `name` has made of it. */
rg_tensor rg_axis_to_last(const char *site, const char *name, rg_tensor x, int axis);
rg_tensor rg_axis_from_last(const char *site, rg_tensor x, int axis);
/* An op that works along the last axis, along another one. */
rg_tensor rg_along_axis(const char *site, const rg_op *op, const void *attributes, rg_tensor x, int axis);
/* Whether x is of floats and has these axes, which get a bit each; else the tape fails for `name`, if there is one. */
bool rg_axes_checked(const char *site, const char *name, rg_tensor x, rg_axes axes, uint32_t *mask);
/* x, of floats, with the chosen axes as one, the last; *left: the shape that reducing them leaves. */
rg_tensor rg_axes_as_last(const char *site, const char *name, rg_tensor x, rg_axes axes, bool keepdims, rg_shape *left);
/* The steps that do a member of a group together with one that reads it, as its operand k: their operands are the first
 * one's and the other of the second's, their attributes the first one's. NULL if there are none at that level. (pairs.c) */
const struct rg_op_steps *rg_pair_steps(const rg_op *first, const rg_op *second, int k, int simd);
/* The adjoint of a slice: zeros along an axis of `size` elements, with those of x at start, start + step, ...
 * (pieces.c) */
rg_tensor rg_spread(const char *site, rg_tensor x, int axis, int64_t start, int64_t step, int64_t size);
/* Along the last axis, for each element the product of all the others. (scan.c) */
rg_tensor rg_products_of_others(rg_tensor x);

/* ---- Batch rules (batch.c) ---- */

/* The member's shape with the batch's dimension in front; false, and the tape fails, if that is too many. */
bool rg_batch_shape(const rg_batch_call *call, rg_shape member, rg_shape *shape);
/* Operand k with the batch's dimension in front, repeated if it is not batched. */
rg_tensor rg_batch_operand(const rg_batch_call *call, int k);
/* Of ops that count axes from the end, if at all: the op itself. */
rg_tensor rg_batch_same(const rg_batch_call *call);
/* Of ops whose attributes begin with the number of an axis, i64: the op itself along the next axis. */
rg_tensor rg_batch_axis(const rg_batch_call *call);

/* The rule for ops on matrices whose leading dimensions broadcast: the batch is one more of them. */
rg_batch_rule rg_batch_matrices;

/* The usual refusals, as the last samples of an op of one or two float operands. */
#define RG_REFUSE_INDEX_DTYPE_1 { .operands = 1, .in = { { .dtype = RG_I32, .shape = { 1, { 3 } } } }, .refuse = RG_E_DTYPE }
#define RG_REFUSE_INDEX_DTYPE_2                                                                                    \
    { .operands = 2, .in = { { .dtype = RG_I32, .shape = { 1, { 3 } } }, { .dtype = RG_I32, .shape = { 1, { 3 } } } },  \
      .refuse = RG_E_DTYPE }

#endif
