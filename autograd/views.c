/* views.c: other ways to look at the same elements. A view has no kernel: it only changes strides, and the ops
 * that read it follow them, or have it made contiguous first. */
#include <string.h>

#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
#define X(attributes_, ...)                                                                                        \
    { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = attributes_ }
#define REFUSED(attributes_, status, ...)                                                                          \
    { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = attributes_, .refuse = status }

static void describe_shape(const void *attributes, char *text, size_t size)
{
    const rg_shape_attributes *shape = attributes;
    size_t used = 0;
    for (int i = 0; i < shape->rank; i++)
        rg_append(text, size, &used, i ? ", %lld" : "%lld", (long long)shape->size[i]);
}

/* ---- Permute: attributes are the order of the axes -------------------------------------------------------- */

static rg_status permute_shape(rg_shape_call *call)
{
    const rg_shape_attributes *order = call->attributes;
    const rg_shape *in = call->in[0];
    uint32_t seen = 0;
    call->dtype = call->in_dtype[0];
    if (order->rank != in->rank) return rg_refuse(call, RG_E_ARGUMENT, "the order must name every axis once");
    call->shape.rank = in->rank;
    for (int i = 0; i < in->rank; i++) {
        int64_t axis = order->size[i];
        if (axis < 0 || axis >= in->rank || seen >> axis & 1u)
            return rg_refuse(call, RG_E_ARGUMENT, "the order must name every axis once");
        seen |= 1u << axis;
        call->shape.size[i] = in->size[axis];
    }
    return RG_OK;
}

static bool permute_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    const rg_shape_attributes *order = attributes;
    (void)offset;
    for (int i = 0; i < in->shape.rank; i++) out->stride[i] = in->stride[order->size[i]];
    return true;
}

/* (a b)' = b' a': the gradient of a transposed weight is then a product that lies as the weight does, where it
 * would have been a copy of the transpose of one. */
static rg_tensor permute_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    const rg_shape_attributes *order = rg_attributes_of(y);
    if (order->rank == 2 && order->size[0] == 1 && rg_op_of(g) == &rg_op_matmul) {
        rg_tensor left = rg_transpose(rg_operand(g, 1));
        return rg_matmul(left, rg_transpose(rg_operand(g, 0)));
    }
    rg_axes inverse = { .count = (int)order->rank };
    for (int i = 0; i < order->rank; i++) inverse.axis[order->size[i]] = i;
    return rg_permute(g, inverse);
}

/* The shape of a member behind the size of a batch. */
static rg_shape batch_shape(const rg_batch_call *call, rg_shape member)
{
    rg_shape shape = { .rank = 1, .size = { call->size } };
    for (int i = 0; i < member.rank && shape.rank < RG_MAX_RANK; i++) shape.size[shape.rank++] = member.size[i];
    return shape;
}

static rg_tensor permute_batch(const rg_batch_call *call)
{
    const rg_shape_attributes *order = call->attributes;
    rg_axes axes = { .count = 1 };
    for (int i = 0; i < order->rank && axes.count < RG_MAX_RANK; i++) axes.axis[axes.count++] = 1 + (int)order->size[i];
    return rg_permute_at(call->site, call->in[0], axes);
}

static const rg_shape_attributes swap = { 2, { 1, 0 } }, rotate = { 3, { 2, 0, 1 } }, twice = { 2, { 1, 1 } };
static const rg_sample permute_samples[] = { X(&swap, 3, 4), X(&rotate, 2, 3, 4), X(&swap, 1, 1), X(&swap, 0, 3),
                                             REFUSED(&swap, RG_E_ARGUMENT, 2, 3, 4),
                                             REFUSED(&twice, RG_E_ARGUMENT, 3, 4), { .operands = 0 } };
const rg_op rg_op_permute = { .name = "permute", .doc = "axes in another order", .arity = 1, .kind = RG_VIEW,
                              .attribute_size = sizeof(rg_shape_attributes), .shape = permute_shape,
                              .view = permute_view, .batch = permute_batch, .vjp = permute_vjp, .samples = permute_samples,
                              .describe = describe_shape };

rg_tensor rg_permute_at(const char *site, rg_tensor x, rg_axes order)
{
    const rg_node *node = rg_node_checked(site, "permute", x);
    rg_shape_attributes attributes = { .rank = order.count };
    for (int i = 0; node && i < order.count && i < RG_MAX_RANK; i++)
        attributes.size[i] = rg_axis_normal(order.axis[i], node->shape->rank);
    return rg_apply_at(site, &rg_op_permute, &attributes, 1, &x);
}

static rg_tensor swap_axes(const char *site, rg_tensor x, int rank, int a, int b)
{
    rg_shape_attributes order = { .rank = rank };
    for (int i = 0; i < rank; i++) order.size[i] = i == a ? b : i == b ? a : i;
    return rg_apply_at(site, &rg_op_permute, &order, 1, &x);
}

rg_tensor rg_swap_axes(const char *site, rg_tensor x, int a, int b)
{
    return swap_axes(site, x, rg_shape_of(x).rank, a, b);
}

rg_tensor rg_transpose_at(const char *site, rg_tensor x)
{
    const rg_node *node = rg_node_checked(site, "transpose", x);
    if (!node) return rg_permute_at(site, x, RG_ALL_AXES);
    int rank = node->shape->rank;
    if (rank < 2) return rg_fail_op(x.tape, site, RG_E_SHAPE, "transpose", "takes at least two axes", 1, &x);
    return swap_axes(site, x, rank, rank - 2, rank - 1);
}

/* ---- Reshape ------------------------------------------------------------------------------------------------- */

static rg_status reshape_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->shape = rg_shape_unpack(call->attributes);
    if (call->shape.rank < 0 || call->shape.rank > RG_MAX_RANK || rg_shape_count(call->shape) < 0)
        return rg_refuse(call, RG_E_SHAPE, "a malformed shape");
    if (rg_shape_count(call->shape) != rg_shape_count(*call->in[0]))
        return rg_refuse(call, RG_E_SHAPE, "%lld elements do not fill a shape of %lld",
                         (long long)rg_shape_count(*call->in[0]), (long long)rg_shape_count(call->shape));
    return RG_OK;
}

static bool reshape_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    (void)attributes, (void)offset;
    rg_layout_contiguous(out);
    return rg_layout_is_contiguous(in);
}

static rg_tensor reshape_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)y;
    return rg_reshape(g, rg_shape_of(in[0]));
}

static rg_tensor reshape_batch(const rg_batch_call *call)
{
    return rg_reshape_at(call->site, call->in[0], batch_shape(call, rg_shape_unpack(call->attributes)));
}

static const rg_shape_attributes two_by_six = { 2, { 2, 6 } }, flat_zero = { 1, { 0 } }, scalar = { 0, { 0 } };
static const rg_sample reshape_samples[] = { X(&two_by_six, 3, 4), X(&two_by_six, 12), X(&scalar, 1, 1),
                                             X(&flat_zero, 0, 3), REFUSED(&two_by_six, RG_E_SHAPE, 3, 3),
                                             { .operands = 0 } };
const rg_op rg_op_reshape = { .name = "reshape", .doc = "the same elements in another shape", .arity = 1,
                              .kind = RG_VIEW, .attribute_size = sizeof(rg_shape_attributes), .shape = reshape_shape,
                              .view = reshape_view, .batch = reshape_batch, .vjp = reshape_vjp, .samples = reshape_samples,
                              .describe = describe_shape };

/* One size of -1 stands for what is left. */
static bool infer_size(rg_shape *shape, int64_t elements)
{
    int unknown = -1;
    int64_t known = 1;
    for (int i = 0; i < shape->rank && i < RG_MAX_RANK; i++) {
        if (shape->size[i] == -1 && unknown >= 0) return false;
        if (shape->size[i] == -1) unknown = i;
        else if (__builtin_mul_overflow(known, shape->size[i], &known)) return false;
    }
    if (unknown < 0) return true;
    if (known <= 0 || elements % known) return false;
    shape->size[unknown] = elements / known;
    return true;
}

rg_tensor rg_reshape_at(const char *site, rg_tensor x, rg_shape shape)
{
    const rg_node *node = rg_node_checked(site, "reshape", x);
    if (node && !infer_size(&shape, rg_shape_count(*node->shape)))
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "reshape", "the size -1 cannot be worked out", 1, &x);
    if (node && (shape.rank < 0 || shape.rank > RG_MAX_RANK))
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "reshape", "a malformed shape", 1, &x);
    rg_shape_attributes attributes = rg_shape_pack(shape);
    return rg_apply_at(site, &rg_op_reshape, &attributes, 1, &x);
}

/* ---- Expand: the sum over what was repeated is taken once, by the gradient transform --------------------------- */

static rg_status expand_shape(rg_shape_call *call)
{
    rg_shape both, wanted = rg_shape_unpack(call->attributes);
    call->dtype = call->in_dtype[0];
    call->shape = wanted;
    if (wanted.rank < 0 || wanted.rank > RG_MAX_RANK || rg_shape_count(wanted) < 0)
        return rg_refuse(call, RG_E_SHAPE, "a malformed or too large shape");
    if (!rg_broadcast(call->in[0], &wanted, &both) || !rg_shape_equal(both, wanted))
        return rg_refuse(call, RG_E_SHAPE, "only sizes of 1 can be repeated");
    return RG_OK;
}

static bool expand_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    (void)attributes, (void)offset;
    rg_shape shape = out->shape;
    rg_layout_broadcast(in, &shape, out);
    return true;
}

static rg_tensor pass_through(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return g;
}

static rg_tensor expand_batch(const rg_batch_call *call)
{
    const rg_shape to = rg_shape_unpack(call->attributes), from = rg_shape_of(call->in[0]);
    rg_shape behind = { .rank = 0 };
    for (int i = 0; i < to.rank; i++) {
        const int k = i - (to.rank - (from.rank - 1));
        behind.size[behind.rank++] = k < 0 ? 1 : from.size[1 + k];
    }
    return rg_expand_at(call->site, rg_reshape_at(call->site, call->in[0], batch_shape(call, behind)), batch_shape(call, to));
}

static const rg_shape_attributes three_by_four = { 2, { 3, 4 } }, cube = { 3, { 2, 3, 4 } }, empty = { 2, { 0, 4 } };
static const rg_sample expand_samples[] = { X(&three_by_four, 1, 4), X(&cube, 3, 1), X(&three_by_four, 3, 4),
                                            { .operands = 1, .attributes = &cube }, X(&empty, 1, 4), X(&empty, 0, 4),
                                            REFUSED(&three_by_four, RG_E_SHAPE, 2, 4),
                                            REFUSED(&three_by_four, RG_E_SHAPE, 1, 3, 4), { .operands = 0 } };
const rg_op rg_op_expand = { .name = "expand", .doc = "repeats along dimensions of size 1", .arity = 1,
                             .kind = RG_VIEW, .attribute_size = sizeof(rg_shape_attributes), .shape = expand_shape,
                             .view = expand_view, .batch = expand_batch, .vjp = pass_through, .samples = expand_samples,
                             .describe = describe_shape };

rg_tensor rg_expand_at(const char *site, rg_tensor x, rg_shape shape)
{
    const rg_node *node = rg_node_checked(site, "expand", x);
    if (node && (shape.rank < 0 || shape.rank > RG_MAX_RANK))
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "expand", "a malformed shape", 1, &x);
    rg_shape_attributes attributes = rg_shape_pack(shape);
    return rg_apply_at(site, &rg_op_expand, &attributes, 1, &x);
}

/* ---- Slice ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t axis, start, count;
} slice_attributes;

static rg_status slice_shape(rg_shape_call *call)
{
    const slice_attributes *slice = call->attributes;
    call->dtype = call->in_dtype[0];
    call->shape = *call->in[0];
    if (slice->axis < 0 || slice->axis >= call->shape.rank) return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    int64_t size = call->shape.size[slice->axis];
    if (slice->start < 0 || slice->count < 0 || slice->start > size || slice->count > size - slice->start)
        return rg_refuse(call, RG_E_ARGUMENT, "the range is outside the axis");
    call->shape.size[slice->axis] = slice->count;
    return RG_OK;
}

static bool slice_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    const slice_attributes *slice = attributes;
    for (int i = 0; i < in->shape.rank; i++) out->stride[i] = in->stride[i];
    if (rg_shape_count(out->shape) > 0) *offset += slice->start * in->stride[slice->axis];
    return true;
}

static rg_tensor slice_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const slice_attributes *slice = rg_attributes_of(y);
    int64_t size = rg_shape_of(in[0]).size[slice->axis];
    return rg_pad(g, (int)slice->axis, slice->start, size - slice->start - slice->count);
}

static rg_tensor slice_batch(const rg_batch_call *call)
{
    const slice_attributes *slice = call->attributes;
    const slice_attributes behind = { slice->axis + 1, slice->start, slice->count };
    return rg_apply_at(call->site, call->op, &behind, 1, call->in);
}

static void describe_slice(const void *attributes, char *text, size_t size)
{
    const slice_attributes *slice = attributes;
    snprintf(text, size, "axis %d, %lld:%lld", (int)slice->axis, (long long)slice->start,
             (long long)(slice->start + slice->count));
}

static const slice_attributes some_rows = { 0, 1, 2 }, one_column = { 1, 3, 1 }, no_rows = { 0, 1, 0 };
static const rg_sample slice_samples[] = { X(&some_rows, 3, 4), X(&one_column, 3, 4), X(&some_rows, 5),
                                           X(&no_rows, 3, 4), X(&some_rows, 3, 0),
                                           REFUSED(&some_rows, RG_E_ARGUMENT, 2, 4),
                                           REFUSED(&one_column, RG_E_ARGUMENT, 7), { .operands = 0 } };
const rg_op rg_op_slice = { .name = "slice", .doc = "a range along one axis", .arity = 1, .kind = RG_VIEW,
                            .attribute_size = sizeof(slice_attributes), .shape = slice_shape, .view = slice_view,
                            .batch = slice_batch, .vjp = slice_vjp, .samples = slice_samples, .describe = describe_slice };

rg_tensor rg_slice_at(const char *site, rg_tensor x, int axis, int64_t start, int64_t stop)
{
    const rg_node *node = rg_node_checked(site, "slice", x);
    slice_attributes attributes = { axis, start, 0 };
    if (node) {
        attributes.axis = rg_axis_normal(axis, node->shape->rank);
        int64_t size = attributes.axis >= 0 ? node->shape->size[attributes.axis] : 0;
        if (start < 0 && start >= -size) attributes.start = start + size;
        if (stop < 0 && stop >= -size) stop += size;
        bool ordered = stop > attributes.start && attributes.start >= 0;
        attributes.count = ordered ? stop - attributes.start : -1;
    }
    return rg_apply_at(site, &rg_op_slice, &attributes, 1, &x);
}

/* ---- A wall, and a copy --------------------------------------------------------------------------------------------- */

static rg_status same_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    return RG_OK;
}

static bool identity_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    (void)attributes, (void)offset;
    *out = *in;
    return true;
}

static rg_tensor same_batch(const rg_batch_call *call)
{
    return rg_apply_at(call->site, call->op, NULL, 1, call->in);
}

static const rg_sample wall_samples[] = { X(NULL, 3, 4), { .operands = 1 }, X(NULL, 0), { .operands = 0 } };
const rg_op rg_op_stop_gradient = { .name = "stop_gradient", .doc = "x, and a wall to every gradient", .arity = 1,
                                    .kind = RG_VIEW, .shape = same_shape, .view = identity_view,
                                    .batch = same_batch, .vjp = pass_through, .no_gradient = 1, .samples = wall_samples };

rg_tensor rg_stop_gradient_at(const char *site, rg_tensor x)
{
    return rg_apply_at(site, &rg_op_stop_gradient, NULL, 1, &x);
}

static int64_t copied_items(const rg_call *call)
{
    return rg_shape_count(call->layout[0].shape);
}

static int64_t one_element(const rg_call *call)
{
    (void)call;
    return 1;
}

static bool any_layout(const rg_layout *operand)
{
    (void)operand;
    return true;
}

static void contiguous_any(const rg_call *call, int64_t begin, int64_t end)
{
    rg_layout layout = call->layout[1];
    rg_layout_collapse(&layout);
    rg_layout_gather(&layout, call->in[0], begin, end - begin,
                     (char *)call->out + (size_t)(begin - call->origin) * rg_dtype_size(layout.dtype));
}

const rg_op rg_op_contiguous = { .name = "contiguous", .doc = "a copy of x with its elements side by side", .arity = 1,
                                 .kind = RG_ITEMS, .shape = same_shape, .any = contiguous_any, .items = copied_items,
                                 .item_elements = one_element, .accepts = any_layout, .batch = same_batch, .vjp = pass_through,
                                 .samples = wall_samples };
