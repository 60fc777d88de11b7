/* ops.h: the op table. An op that is not listed here cannot be found, checked or documented. Internal. */
#ifndef RETROGRAD_OPS_H
#define RETROGRAD_OPS_H

#include "shape.h"
#include "simd.h"

#define RG_OPS(X)                                                                                                  \
    /* elementwise */                                                                                              \
    X(add) X(sub) X(mul) X(div) X(neg) X(exp) X(log) X(sqrt) X(square) X(sin) X(cos) X(erf) X(tanh) X(sigmoid)     \
    X(relu) X(softplus) X(power) X(maximum) X(minimum) X(scale) X(shift) X(one_minus) X(greater) X(equal) X(where) \
    X(full) X(dropout) X(gate) X(share) X(logistic_loss)                                                           \
    /* reductions and rows */                                                                                      \
    X(sum) X(max) X(logsumexp) X(softmax) X(log_softmax) X(cross_entropy_rows)                                     \
    /* products */                                                                                                 \
    X(matmul)                                                                                                      \
    /* shape */                                                                                                    \
    X(permute) X(reshape) X(expand) X(slice) X(pad) X(concat) X(stop_gradient) X(recompute) X(contiguous)                       \
    /* indexing */                                                                                                 \
    X(gather_rows) X(scatter_rows) X(one_hot)

#define RG_OP_DECLARE(name) extern const rg_op rg_op_##name;
RG_OPS(RG_OP_DECLARE)

/* What a hook is shown: a view of an adjoint. Not in the table, as hooks and rules of the user's are not: it is the user
 * who says what their derivatives are. (custom.c) */
extern const rg_op rg_observed_adjoint;

/* Adjoints that are ops of their own: they select, and never multiply by a mask. */
rg_tensor rg_gate_at(const char *site, rg_tensor g, rg_tensor x);
rg_tensor rg_share_at(const char *site, rg_tensor g, rg_tensor a, rg_tensor b);

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

/* The last axis moved to where `axis` is, or back: a permutation that swaps them. */
rg_tensor rg_swap_axes(const char *site, rg_tensor x, int a, int b);

/* The usual refusals, as the last samples of an op of one or two float operands. */
#define RG_REFUSE_INDEX_DTYPE_1 { .operands = 1, .in = { { .dtype = RG_I32, .shape = { 1, { 3 } } } }, .refuse = RG_E_DTYPE }
#define RG_REFUSE_INDEX_DTYPE_2                                                                                    \
    { .operands = 2, .in = { { .dtype = RG_I32, .shape = { 1, { 3 } } }, { .dtype = RG_I32, .shape = { 1, { 3 } } } },  \
      .refuse = RG_E_DTYPE }

#endif
