/* views.c: other ways to look at the same elements. A view has no kernel: it only changes strides, and the ops
 * that read it follow them, or have it made contiguous first. */
#include <string.h>

#include "ops.h"
#include "step.h"

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

static rg_tensor permute_batch(const rg_batch_call *call)
{
    const rg_shape_attributes *order = call->attributes;
    rg_axes with_batch = { .count = (int)order->rank + 1, .axis = { 0 } };
    for (int i = 0; i < order->rank; i++) with_batch.axis[1 + i] = (int)order->size[i] + 1;
    return rg_permute_at(call->site, call->in[0], with_batch);
}

static const rg_shape_attributes swap = { 2, { 1, 0 } }, rotate = { 3, { 2, 0, 1 } }, twice = { 2, { 1, 1 } };
static const rg_sample permute_samples[] = { X(&swap, 3, 4), X(&rotate, 2, 3, 4), X(&swap, 1, 1), X(&swap, 0, 3),
                                             REFUSED(&swap, RG_E_ARGUMENT, 2, 3, 4),
                                             REFUSED(&twice, RG_E_ARGUMENT, 3, 4), { .operands = 0 } };
const rg_op rg_op_permute = { .name = "permute", .doc = "axes in another order", .arity = 1, .kind = RG_VIEW,
                              .attribute_size = sizeof(rg_shape_attributes), .shape = permute_shape,
                              .view = permute_view, .vjp = permute_vjp, .batch = permute_batch, .samples = permute_samples,
                              .describe = describe_shape };

rg_tensor rg_permute_at(const char *site, rg_tensor x, rg_axes order)
{
    const rg_node *node = rg_node_checked(site, "permute", x);
    rg_shape_attributes attributes = { .rank = order.count };
    for (int i = 0; node && i < order.count && i < RG_MAX_RANK; i++)
        attributes.size[i] = rg_axis_normal(order.axis[i], node->shape->rank);
    return rg_apply_one(site, x, &rg_op_permute, &attributes);
}

static rg_tensor swap_axes(const char *site, rg_tensor x, int rank, int a, int b)
{
    rg_shape_attributes order = { .rank = rank };
    for (int i = 0; i < rank; i++) order.size[i] = i == a ? b : i == b ? a : i;
    return rg_apply_one(site, x, &rg_op_permute, &order);
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
    return rank == 2 ? rg_apply_one(site, x, &rg_op_permute, &swap) : swap_axes(site, x, rank, rank - 2, rank - 1);
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
    rg_shape shape;
    if (!rg_batch_shape(call, rg_shape_unpack(call->attributes), &shape)) return (rg_tensor){ 0 };
    return rg_reshape_at(call->site, call->in[0], shape);
}

static const rg_shape_attributes two_by_six = { 2, { 2, 6 } }, flat_zero = { 1, { 0 } }, scalar = { 0, { 0 } };
static const rg_sample reshape_samples[] = { X(&two_by_six, 3, 4), X(&two_by_six, 12), X(&scalar, 1, 1),
                                             X(&flat_zero, 0, 3), REFUSED(&two_by_six, RG_E_SHAPE, 3, 3),
                                             { .operands = 0 } };
const rg_op rg_op_reshape = { .name = "reshape", .doc = "the same elements in another shape", .arity = 1,
                              .kind = RG_VIEW, .attribute_size = sizeof(rg_shape_attributes), .shape = reshape_shape,
                              .view = reshape_view, .vjp = reshape_vjp, .batch = reshape_batch, .samples = reshape_samples,
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
    return rg_apply_one(site, x, &rg_op_reshape, &attributes);
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

/* Sizes of 1 stand between the batch and what else is repeated. */
static rg_tensor expand_batch(const rg_batch_call *call)
{
    const rg_shape in = rg_shape_of(call->in[0]), member = rg_shape_unpack(call->attributes);
    rg_shape shape, apart;
    if (!rg_batch_shape(call, member, &shape)) return (rg_tensor){ 0 };
    apart = shape;
    for (int i = 1; i < shape.rank; i++) {
        const int from = i - (shape.rank - in.rank);
        apart.size[i] = from < 1 ? 1 : in.size[from];
    }
    return rg_expand_at(call->site, rg_reshape_at(call->site, call->in[0], apart), shape);
}

static const rg_shape_attributes three_by_four = { 2, { 3, 4 } }, cube = { 3, { 2, 3, 4 } }, empty = { 2, { 0, 4 } };
static const rg_sample expand_samples[] = { X(&three_by_four, 1, 4), X(&cube, 3, 1), X(&three_by_four, 3, 4),
                                            { .operands = 1, .attributes = &cube }, X(&empty, 1, 4), X(&empty, 0, 4),
                                            REFUSED(&three_by_four, RG_E_SHAPE, 2, 4),
                                            REFUSED(&three_by_four, RG_E_SHAPE, 1, 3, 4), { .operands = 0 } };
const rg_op rg_op_expand = { .name = "expand", .doc = "repeats along dimensions of size 1", .arity = 1,
                             .kind = RG_VIEW, .attribute_size = sizeof(rg_shape_attributes), .shape = expand_shape,
                             .view = expand_view, .vjp = pass_through, .batch = expand_batch, .samples = expand_samples,
                             .describe = describe_shape };

rg_tensor rg_expand_at(const char *site, rg_tensor x, rg_shape shape)
{
    const rg_node *node = rg_node_checked(site, "expand", x);
    if (node && (shape.rank < 0 || shape.rank > RG_MAX_RANK))
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "expand", "a malformed shape", 1, &x);
    rg_shape_attributes attributes = rg_shape_pack(shape);
    return rg_apply_one(site, x, &rg_op_expand, &attributes);
}

/* ---- Slice ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t axis, start, count, step;
} slice_attributes;

static rg_status slice_shape(rg_shape_call *call)
{
    const slice_attributes *slice = call->attributes;
    call->dtype = call->in_dtype[0];
    call->shape = *call->in[0];
    if (slice->axis < 0 || slice->axis >= call->shape.rank)
        return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    if (slice->step == 0) return rg_refuse(call, RG_E_ARGUMENT, "a step of 0");
    const int64_t size = call->shape.size[slice->axis], start = slice->start, count = slice->count;
    int64_t last = start;
    bool inside = start >= 0 && count >= 0 && (count == 0 ? start <= size : start < size);
    if (inside && count > 1)
        inside = !__builtin_mul_overflow(count - 1, slice->step, &last) && !__builtin_add_overflow(last, start, &last) &&
                 last >= 0 && last < size;
    if (!inside) return rg_refuse(call, RG_E_ARGUMENT, "the range is outside the axis");
    call->shape.size[slice->axis] = count;
    return RG_OK;
}

static bool slice_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    const slice_attributes *slice = attributes;
    for (int i = 0; i < in->shape.rank; i++) out->stride[i] = in->stride[i];
    if (slice->count > 1) out->stride[slice->axis] *= slice->step;
    if (rg_shape_count(out->shape) > 0) *offset += slice->start * in->stride[slice->axis];
    return true;
}

static rg_tensor slice_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const slice_attributes *slice = rg_attributes_of(y);
    return rg_spread(NULL, g, (int)slice->axis, slice->start, slice->step, rg_shape_of(in[0]).size[slice->axis]);
}

static void describe_slice(const void *attributes, char *text, size_t size)
{
    const slice_attributes *slice = attributes;
    size_t used = 0;
    rg_append(text, size, &used, "axis %d, ", (int)slice->axis);
    if (slice->step == 1)
        rg_append(text, size, &used, "%lld:%lld", (long long)slice->start, (long long)(slice->start + slice->count));
    else
        rg_append(text, size, &used, "%lld from %lld in steps of %lld", (long long)slice->count, (long long)slice->start,
                  (long long)slice->step);
}

static const slice_attributes some_rows = { 0, 1, 2, 1 }, one_column = { 1, 3, 1, 1 }, no_rows = { 0, 1, 0, 1 },
                              every_second = { 1, 1, 3, 2 }, backwards = { 0, 4, 3, -2 }, turned = { 1, 3, 4, -1 },
                              far_apart = { 0, 2, 1, INT64_MIN }, past_the_end = { 0, 0, 3, 2 }, past_0 = { 0, 3, 3, -2 },
                              still = { 0, 0, 1, 0 }, far_out = { 0, 1, 3, INT64_MAX };
static const rg_sample slice_samples[] = { X(&some_rows, 3, 4), X(&one_column, 3, 4), X(&some_rows, 5),
                                           X(&no_rows, 3, 4), X(&some_rows, 3, 0), X(&every_second, 3, 7),
                                           X(&every_second, 2, 6, 2), X(&backwards, 5, 2), X(&turned, 3, 4, 2),
                                           X(&far_apart, 3),
                                           REFUSED(&some_rows, RG_E_ARGUMENT, 2, 4),
                                           REFUSED(&past_the_end, RG_E_ARGUMENT, 4), REFUSED(&past_0, RG_E_ARGUMENT, 4),
                                           REFUSED(&still, RG_E_ARGUMENT, 4), REFUSED(&far_out, RG_E_ARGUMENT, 4),
                                           REFUSED(&one_column, RG_E_ARGUMENT, 7), { .operands = 0 } };
const rg_op rg_op_slice = { .name = "slice", .doc = "elements at equal distances along one axis", .arity = 1,
                            .kind = RG_VIEW, .attribute_size = sizeof(slice_attributes), .shape = slice_shape,
                            .view = slice_view, .vjp = slice_vjp, .batch = rg_batch_axis, .samples = slice_samples,
                            .describe = describe_slice };

rg_tensor rg_slice_at(const char *site, rg_tensor x, int axis, int64_t start, int64_t stop)
{
    const rg_node *node = rg_node_checked(site, "slice", x);
    slice_attributes attributes = { axis, start, 0, 1 };
    if (node) {
        attributes.axis = rg_axis_normal(axis, node->shape->rank);
        int64_t size = attributes.axis >= 0 ? node->shape->size[attributes.axis] : 0;
        if (start < 0 && start >= -size) attributes.start = start + size;
        if (stop < 0 && stop >= -size) stop += size;
        bool ordered = stop > attributes.start && attributes.start >= 0;
        attributes.count = ordered ? stop - attributes.start : -1;
    }
    return rg_apply_one(site, x, &rg_op_slice, &attributes);
}

rg_tensor rg_slice_step_at(const char *site, rg_tensor x, int axis, int64_t start, int64_t count, int64_t step)
{
    const rg_node *node = rg_node_checked(site, "slice", x);
    slice_attributes attributes = { axis, start, count, step };
    if (node) {
        attributes.axis = rg_axis_normal(axis, node->shape->rank);
        int64_t size = attributes.axis >= 0 ? node->shape->size[attributes.axis] : 0;
        if (start < 0 && start >= -size) attributes.start = start + size;
    }
    return rg_apply_one(site, x, &rg_op_slice, &attributes);
}

rg_tensor rg_flip_at(const char *site, rg_tensor x, rg_axes axes)
{
    const rg_node *node = rg_node_checked(site, "flip", x);
    uint32_t mask;
    if (!node) return (rg_tensor){ 0 };
    const rg_shape shape = *node->shape;
    if (!rg_axes_mask(axes, shape.rank, &mask))
        return rg_fail_op(x.tape, site, RG_E_ARGUMENT, "flip", "an axis is out of range or named twice", 1, &x);
    for (int i = 0; i < shape.rank; i++)
        if (mask >> i & 1u && shape.size[i] > 1) x = rg_slice_step_at(site, x, i, shape.size[i] - 1, shape.size[i], -1);
    return x;
}

/* The diagonal of a matrix in row-major order is every (m + 1)-th element. */
rg_tensor rg_diagonal_at(const char *site, rg_tensor x, int64_t diagonal)
{
    const rg_node *node = rg_node_checked(site, "diagonal", x);
    if (!node) return (rg_tensor){ 0 };
    rg_shape shape = *node->shape;
    if (shape.rank < 2) return rg_fail_op(x.tape, site, RG_E_SHAPE, "diagonal", "takes at least two axes", 1, &x);
    const int64_t n = shape.size[shape.rank - 2], m = shape.size[shape.rank - 1];
    const bool present = diagonal < m && diagonal > -n;
    const int64_t above = present && diagonal > 0 ? diagonal : 0, below = present && diagonal < 0 ? -diagonal : 0;
    const int64_t rows = n - below, columns = m - above, count = rows < columns ? rows : columns;
    shape.size[--shape.rank - 1] = n * m;
    rg_tensor flat = rg_reshape_at(site, x, shape);
    return rg_slice_step_at(site, flat, -1, above + below * m, present ? count : 0, m + 1);
}

/* ---- One axis more, or less ---------------------------------------------------------------------------------------- */

rg_tensor rg_squeeze_at(const char *site, rg_tensor x, int axis)
{
    const rg_node *node = rg_node_checked(site, "squeeze", x);
    if (!node) return (rg_tensor){ 0 };
    rg_shape shape = *node->shape;
    const int at = rg_axis_normal(axis, shape.rank);
    if (at < 0) return rg_fail_op(x.tape, site, RG_E_ARGUMENT, "squeeze", "the axis is out of range", 1, &x);
    if (shape.size[at] != 1) return rg_fail_op(x.tape, site, RG_E_SHAPE, "squeeze", "the axis has not size 1", 1, &x);
    shape.rank--;
    for (int i = at; i < shape.rank; i++) shape.size[i] = shape.size[i + 1];
    return rg_reshape_at(site, x, shape);
}

rg_tensor rg_unsqueeze_at(const char *site, rg_tensor x, int axis)
{
    const rg_node *node = rg_node_checked(site, "unsqueeze", x);
    if (!node) return (rg_tensor){ 0 };
    rg_shape shape = *node->shape;
    if (shape.rank == RG_MAX_RANK)
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "unsqueeze", "more than 8 dimensions", 1, &x);
    const int at = rg_axis_normal(axis, ++shape.rank);
    if (at < 0) return rg_fail_op(x.tape, site, RG_E_ARGUMENT, "unsqueeze", "the axis is out of range", 1, &x);
    for (int i = shape.rank - 1; i > at; i--) shape.size[i] = shape.size[i - 1];
    shape.size[at] = 1;
    return rg_reshape_at(site, x, shape);
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

static const rg_sample wall_samples[] = { X(NULL, 3, 4), { .operands = 1 }, X(NULL, 0), { .operands = 0 } };
const rg_op rg_op_stop_gradient = { .name = "stop_gradient", .doc = "x, and a wall to every gradient", .arity = 1,
                                    .kind = RG_VIEW, .shape = same_shape, .view = identity_view,
                                    .vjp = pass_through, .batch = rg_batch_same, .no_gradient = 1,
                                    .samples = wall_samples };

rg_tensor rg_stop_gradient_at(const char *site, rg_tensor x)
{
    return rg_apply_one(site, x, &rg_op_stop_gradient, NULL);
}

static bool any_layout(const rg_layout *operand)
{
    (void)operand;
    return true;
}

/* The operand's layout with as few dimensions as there can be. */
typedef struct {
    rg_layout from;
    int64_t count;
} copied;

static void contiguous_prepare(const rg_call *call, void *prepared)
{
    copied *p = prepared;
    p->from = call->layout[1];
    p->count = rg_shape_count(p->from.shape);
    rg_layout_collapse(&p->from);
}

static void contiguous_any(const rg_call *call, int64_t begin, int64_t end)
{
    const rg_layout *from = &((const copied *)call->prepared)->from;
    rg_layout_gather(from, call->in[0], begin, end - begin,
                     (char *)call->out + (size_t)(begin - call->origin) * rg_dtype_size(from->dtype));
}

static const rg_step *gather_step(const rg_step *step)
{
    const copied *p = step->attributes;
    rg_layout_gather(&p->from, step->in[0], 0, p->count, step->out);
    return RG_NEXT_STEP(step);
}

#define FILL_STEP(type, suffix)                                                                                    \
    static const rg_step *fill_step_##suffix(const rg_step *step)                                                  \
    {                                                                                                              \
        const int64_t count = ((const copied *)step->attributes)->count;                                           \
        const type number = *(const type *)step->in[0];                                                            \
        type *y = step->out;                                                                                       \
        for (int64_t i = 0; i < count; i++) y[i] = number;                                                         \
        return RG_NEXT_STEP(step);                                                                                 \
    }
FILL_STEP(float, f32)
FILL_STEP(double, f64)

static rg_step_kernel *contiguous_small(const void *prepared, rg_dtype dtype, int simd)
{
    const copied *p = prepared;
    bool one_number = true;
    (void)simd;
    for (int i = 0; i < p->from.shape.rank; i++) one_number = one_number && p->from.stride[i] == 0;
    return !one_number ? gather_step : dtype == RG_F32 ? fill_step_f32 : fill_step_f64;
}

const rg_op rg_op_contiguous = { .name = "contiguous", .doc = "a copy of x with its elements side by side", .arity = 1,
                                 .kind = RG_ITEMS, .shape = same_shape, .any = contiguous_any, .items = rg_items_elements,
                                 .prepared_size = sizeof(copied), .prepare = contiguous_prepare,
                                 .small = &(const rg_op_small){ .step = contiguous_small },
                                 .item_elements = rg_one_element, .accepts = any_layout, .vjp = pass_through,
                                 .batch = rg_batch_same, .samples = wall_samples };
