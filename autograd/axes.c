/* axes.c: axes checked, and brought to the end for ops that work along the last one. */
#include "ops.h"

rg_tensor rg_axis_to_last(const char *site, const char *name, rg_tensor x, int axis)
{
    const rg_node *node = rg_node_checked(site, name, x);
    if (!node) return (rg_tensor){ 0 };
    const int rank = node->shape->rank, normal = rg_axis_normal(axis, rank);
    if (rank == 0) return rg_fail_op(x.tape, site, RG_E_SHAPE, name, "takes at least one axis", 1, &x);
    if (normal < 0) return rg_fail_op(x.tape, site, RG_E_ARGUMENT, name, "the axis is out of range", 1, &x);
    return normal == rank - 1 ? x : rg_swap_axes(site, x, normal, rank - 1);
}

rg_tensor rg_axis_from_last(const char *site, rg_tensor x, int axis)
{
    const int rank = rg_shape_of(x).rank, normal = rg_axis_normal(axis, rank);
    return rg_is_null(x) || normal == rank - 1 ? x : rg_swap_axes(site, x, normal, rank - 1);
}

rg_tensor rg_along_axis(const char *site, const rg_op *op, const void *attributes, rg_tensor x, int axis)
{
    rg_tensor moved = rg_axis_to_last(site, op->name, x, axis);
    return rg_axis_from_last(site, rg_is_null(moved) ? moved : rg_apply_at(site, op, attributes, 1, &moved), axis);
}

bool rg_axes_checked(const char *site, const char *name, rg_tensor x, rg_axes axes, uint32_t *mask)
{
    const rg_node *node = rg_node_checked(site, name, x);
    if (!node) return false;
    if (!rg_dtype_is_float((rg_dtype)node->dtype))
        rg_fail_op(x.tape, site, RG_E_DTYPE, name, "takes f32 or f64", 1, &x);
    else if (!rg_axes_mask(axes, node->shape->rank, mask))
        rg_fail_op(x.tape, site, RG_E_ARGUMENT, name, "an axis is out of range or named twice", 1, &x);
    return x.tape->error.status == RG_OK;
}

/* The axes that stay keep their order, and so do the chosen ones behind them, which become one. */
rg_tensor rg_axes_as_last(const char *site, const char *name, rg_tensor x, rg_axes axes, bool keepdims, rg_shape *left)
{
    uint32_t mask;
    if (!rg_axes_checked(site, name, x, axes, &mask)) return (rg_tensor){ 0 };
    const rg_shape shape = rg_shape_of(x);
    rg_axes order = { .count = 0 };
    rg_shape rows = { .rank = 0 };
    int64_t chosen = 1;
    bool in_order = true;
    left->rank = 0;
    for (int i = 0; i < shape.rank; i++) {
        const bool reduced = mask >> i & 1u;
        if (!reduced || keepdims) left->size[left->rank++] = reduced ? 1 : shape.size[i];
        if (reduced) chosen *= shape.size[i];
        else rows.size[rows.rank++] = shape.size[order.axis[order.count++] = i];
    }
    for (int i = 0; i < shape.rank; i++)
        if (mask >> i & 1u) order.axis[order.count++] = i;
    for (int i = 0; i < shape.rank; i++) in_order = in_order && order.axis[i] == i;
    rows.size[rows.rank++] = chosen;
    if (!in_order) x = rg_permute_at(site, x, order);
    return rg_shape_equal(rg_shape_of(x), rows) ? x : rg_reshape_at(site, x, rows);
}
