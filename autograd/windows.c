/* windows.c: windows that slide along an axis, without copies, and their adjoint, which adds them where they came from. */
#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }

/* `size` elements each, one window every `step`, along an axis of n. */
typedef struct {
    int64_t axis, size, step, n;
} window_attributes;

/* ---- Unfold: [..., n, ...] -> [..., count, ..., size] ---------------------------------------------------------- */

static rg_status unfold_shape(rg_shape_call *call)
{
    const window_attributes *w = call->attributes;
    call->dtype = call->in_dtype[0];
    call->shape = *call->in[0];
    if (w->axis < 0 || w->axis >= call->shape.rank) return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    if (call->shape.rank == RG_MAX_RANK) return rg_refuse(call, RG_E_SHAPE, "more than 8 dimensions");
    int64_t *along = &call->shape.size[w->axis];
    if (w->size < 1 || w->size > *along) return rg_refuse(call, RG_E_ARGUMENT, "a window must have 1 to %lld elements",
                                                          (long long)*along);
    if (w->step < 1) return rg_refuse(call, RG_E_ARGUMENT, "the step must be at least 1");
    *along = (*along - w->size) / w->step + 1;
    call->shape.size[call->shape.rank++] = w->size;
    return RG_OK;
}

static bool unfold_view(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset)
{
    const window_attributes *w = attributes;
    (void)offset;
    for (int i = 0; i < in->shape.rank; i++) out->stride[i] = in->stride[i];
    if (out->shape.size[w->axis] > 1) out->stride[w->axis] *= w->step;
    out->stride[in->shape.rank] = in->stride[w->axis];
    return true;
}

static rg_tensor unfold_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const window_attributes *w = rg_attributes_of(y);
    return rg_overlap_add(g, (int)w->axis, rg_shape_of(in[k]).size[w->axis], w->step);
}

static void describe_windows(const void *attributes, char *text, size_t size)
{
    const window_attributes *w = attributes;
    size_t used = 0;
    rg_append(text, size, &used, "axis %d, ", (int)w->axis);
    if (w->size) rg_append(text, size, &used, "%lld every %lld", (long long)w->size, (long long)w->step);
    else rg_append(text, size, &used, "every %lld of %lld", (long long)w->step, (long long)w->n);
}

static const window_attributes overlapping = { 1, 3, 2, 0 }, sliding = { 0, 3, 1, 0 }, apart = { 1, 2, 4, 0 },
                               whole = { 0, 5, 9, 0 }, too_long = { 0, 4, 1, 0 }, no_step = { 0, 2, 0, 0 },
                               none_at_all = { 0, 0, 1, 0 };
#define X(attributes_, ...) { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = &attributes_ }
#define REFUSED(attributes_, status, ...)                                                                          \
    { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = &attributes_, .refuse = status }
static const rg_sample unfold_samples[] = {
    X(overlapping, 2, 7), X(overlapping, 2, 8, 2), X(sliding, 6), X(apart, 2, 7), X(whole, 5, 2), X(overlapping, 0, 5),
    REFUSED(too_long, RG_E_ARGUMENT, 3), REFUSED(no_step, RG_E_ARGUMENT, 3), REFUSED(none_at_all, RG_E_ARGUMENT, 3),
    REFUSED(apart, RG_E_ARGUMENT, 3), REFUSED(whole, RG_E_SHAPE, 5, 1, 1, 1, 1, 1, 1, 1), { .operands = 0 },
};
const rg_op rg_op_unfold = { .name = "unfold", .doc = "windows along an axis, as a new last axis", .arity = 1,
                             .kind = RG_VIEW, .attribute_size = sizeof(window_attributes), .shape = unfold_shape,
                             .view = unfold_view, .vjp = unfold_vjp, .batch = rg_batch_axis,
                             .samples = unfold_samples, .describe = describe_windows };

rg_tensor rg_unfold_at(const char *site, rg_tensor x, int axis, int64_t size, int64_t step)
{
    const rg_node *node = rg_node_checked(site, "unfold", x);
    window_attributes attributes = { node ? rg_axis_normal(axis, node->shape->rank) : axis, size, step, 0 };
    return rg_apply_at(site, &rg_op_unfold, &attributes, 1, &x);
}

/* ---- Overlap-add: [..., count, ..., size] -> [..., n, ...] ----------------------------------------------------- */

static rg_status overlap_add_shape(rg_shape_call *call)
{
    const window_attributes *w = call->attributes;
    call->dtype = call->in_dtype[0];
    call->shape = *call->in[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    const int last = --call->shape.rank;
    if (w->axis < 0 || w->axis >= last)
        return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range, or the last one");
    if (w->step < 1) return rg_refuse(call, RG_E_ARGUMENT, "the step must be at least 1");
    const int64_t size = call->shape.size[last], count = call->shape.size[w->axis];
    if (size < 1 || size > w->n || count != (w->n - size) / w->step + 1)
        return rg_refuse(call, RG_E_SHAPE, "%lld windows of %lld do not fit %lld elements", (long long)count,
                         (long long)size, (long long)w->n);
    call->shape.size[w->axis] = w->n;
    return RG_OK;
}

/* Windows that an element is in, at most. */
static int64_t added_work(const rg_call *call)
{
    const window_attributes *w = call->attributes;
    const rg_shape *in = &call->layout[1].shape;
    return in->size[in->rank - 1] / w->step + 1;
}

static double added_elements(const rg_call *call)
{
    return (double)rg_shape_count(call->layout[1].shape);
}

/* Each element looks for the windows it is in: no two threads add to the same one. */
#define OVERLAP_ADD(type, suffix)                                                                                  \
    static void overlap_add_##suffix(const rg_call *call, int64_t begin, int64_t end)                              \
    {                                                                                                              \
        const window_attributes *w = call->attributes;                                                             \
        const rg_shape *in = &call->layout[1].shape;                                                               \
        const int64_t size = in->size[in->rank - 1], count = in->size[w->axis];                                    \
        int64_t inner = 1;                                                                                         \
        for (int i = (int)w->axis + 1; i < in->rank - 1; i++) inner *= in->size[i];                                \
        const type *x = call->in[0];                                                                               \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            const int64_t column = i % inner, place = i / inner % w->n, outer = i / inner / w->n;                  \
            const int64_t latest = place / w->step, last = latest < count ? latest : count - 1;                    \
            type sum = 0;                                                                                          \
            for (int64_t k = place < size ? 0 : (place - size) / w->step + 1; k <= last; k++)                      \
                sum += x[((outer * count + k) * inner + column) * size + (place - k * w->step)];                   \
            ((type *)call->out)[i - call->origin] = sum;                                                           \
        }                                                                                                          \
    }
OVERLAP_ADD(float, f32)
OVERLAP_ADD(double, f64)

static rg_tensor overlap_add_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const window_attributes *w = rg_attributes_of(y);
    const rg_shape shape = rg_shape_of(in[k]);
    return rg_unfold(g, (int)w->axis, shape.size[shape.rank - 1], w->step);
}

static const window_attributes onto_7 = { 1, 0, 2, 7 }, onto_6 = { 0, 0, 1, 6 }, onto_9 = { 1, 0, 4, 9 };
static const rg_sample overlap_add_samples[] = {
    X(onto_7, 2, 3, 3), X(onto_7, 2, 3, 2, 3), X(onto_6, 4, 3), X(onto_9, 2, 2, 2), X(onto_7, 0, 3, 3),
    X(onto_6, 6, 1), REFUSED(onto_6, RG_E_SHAPE, 5, 3), REFUSED(onto_6, RG_E_SHAPE, 1, 7),
    REFUSED(onto_7, RG_E_ARGUMENT, 3, 3), REFUSED(no_step, RG_E_ARGUMENT, 3, 3),
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(4, 3) } }, .attributes = &onto_6, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
const rg_op rg_op_overlap_add = {
    .name = "overlap_add", .doc = "windows added where they came from along an axis", .arity = 1, .kind = RG_ITEMS,
    .attribute_size = sizeof(window_attributes), .shape = overlap_add_shape, .f32 = overlap_add_f32,
    .f64 = overlap_add_f64, .items = rg_items_elements, .item_work = added_work, .item_elements = rg_one_element,
    .operations = added_elements, .linearity = RG_LINEAR, .vjp = overlap_add_vjp, .batch = rg_batch_axis, .samples = overlap_add_samples,
    .describe = describe_windows,
};

rg_tensor rg_overlap_add_at(const char *site, rg_tensor windows, int axis, int64_t n, int64_t step)
{
    const rg_node *node = rg_node_checked(site, "overlap_add", windows);
    const int rank = node ? node->shape->rank - 1 : 0; /* axes are those of the result */
    window_attributes attributes = { node ? rg_axis_normal(axis, rank) : axis, 0, step, n };
    return rg_apply_at(site, &rg_op_overlap_add, &attributes, 1, &windows);
}
