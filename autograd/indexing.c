/* indexing.c: rows picked and added by index, one-hot rows, and pieces joined or padded along an axis. */
#include <string.h>

#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }

static int64_t index_at(const void *data, rg_dtype dtype, int64_t i)
{
    return dtype == RG_I64 ? ((const int64_t *)data)[i] : ((const int32_t *)data)[i];
}

/* Elements in one row: all dimensions but the first `skip`. */
static int64_t row_size(const rg_shape *shape, int skip)
{
    int64_t count = 1;
    for (int i = skip; i < shape->rank; i++) count *= shape->size[i];
    return count;
}

static int64_t index_items(const rg_call *call)
{
    return rg_shape_count(call->layout[2].shape);
}

/* ---- Gather and scatter: each is the other's adjoint ---------------------------------------------------------- */

static rg_status gather_shape(rg_shape_call *call)
{
    const rg_shape *table = call->in[0], *index = call->in[1];
    call->dtype = call->in_dtype[0];
    if (!rg_dtype_is_index(call->in_dtype[1])) return rg_refuse(call, RG_E_DTYPE, "the index must be i32 or i64");
    if (table->rank < 1) return rg_refuse(call, RG_E_SHAPE, "a table needs rows");
    if (index->rank + table->rank - 1 > RG_MAX_RANK) return rg_refuse(call, RG_E_SHAPE, "more than 8 dimensions");
    call->shape = *index;
    for (int i = 1; i < table->rank; i++) call->shape.size[call->shape.rank++] = table->size[i];
    return RG_OK;
}

static void gather_any(const rg_call *call, int64_t begin, int64_t end)
{
    const rg_shape *table = &call->layout[1].shape;
    const size_t item = rg_dtype_size(call->layout[1].dtype), bytes = (size_t)row_size(table, 1) * item;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = index_at(call->in[1], call->layout[2].dtype, i);
        char *to = (char *)call->out + ((size_t)i * bytes - (size_t)call->origin * item);
        if (row >= 0 && row < table->size[0]) {
            memcpy(to, (const char *)call->in[0] + (size_t)row * bytes, bytes);
        } else {
            memset(to, 0, bytes);
            rg_kernel_fault(call, i);
        }
    }
}

static int64_t gathered_row(const rg_call *call)
{
    return row_size(&call->layout[1].shape, 1);
}

static rg_tensor gather_rows_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)y;
    return rg_scatter_rows(g, in[1], rg_shape_of(in[0]).size[0]);
}

#define INDEX(shape_, high_) { .dtype = RG_I32, .shape = shape_, .high = high_ }
static const rg_sample gather_samples[] = {
    { .operands = 2, .in = { { .shape = S(5, 3) }, INDEX(S(4), 4) } },
    { .operands = 2, .in = { { .shape = S(2) }, INDEX(S(3, 2), 1) } },
    { .operands = 2, .in = { { .shape = S(3, 2) }, { .dtype = RG_I64, .high = 2 } } },
    { .operands = 2, .in = { { .shape = S(3, 2) }, INDEX(S(0), 0) } },
    { .operands = 2, .in = { { .shape = S(3, 2) }, { .dtype = RG_I32, .shape = S(4), .low = 3, .high = 5 } },
      .refuse = RG_E_INDEX },
    { .operands = 2, .in = { { .shape = S(3, 2) }, { .dtype = RG_I64, .shape = S(4), .low = -2, .high = 0 } },
      .refuse = RG_E_INDEX },
    { .operands = 2, .in = { { .shape = S(3, 2) }, { .shape = S(2) } }, .refuse = RG_E_DTYPE },
    { .operands = 2, .in = { { .high = 1 }, INDEX(S(2), 0) }, .refuse = RG_E_SHAPE },
    { .operands = 0 },
};
const rg_op rg_op_gather_rows = { .name = "gather_rows", .doc = "rows of a table by index", .arity = 2,
                                  .kind = RG_ITEMS, .shape = gather_shape, .any = gather_any, .items = index_items,
                                  .item_work = gathered_row, .item_elements = gathered_row, .vjp = gather_rows_vjp,
                                  .no_gradient = 2, .samples = gather_samples };

static rg_status scatter_shape(rg_shape_call *call)
{
    const rg_shape *g = call->in[0], *index = call->in[1];
    int64_t rows = *(const int64_t *)call->attributes;
    call->dtype = call->in_dtype[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (!rg_dtype_is_index(call->in_dtype[1])) return rg_refuse(call, RG_E_DTYPE, "the index must be i32 or i64");
    if (rows < 0) return rg_refuse(call, RG_E_ARGUMENT, "a negative number of rows");
    for (int i = 0; i < index->rank; i++)
        if (g->rank < index->rank || g->size[i] != index->size[i])
            return rg_refuse(call, RG_E_SHAPE, "one row for each index is needed");
    call->shape.rank = 1;
    call->shape.size[0] = rows;
    if (g->rank - index->rank + 1 > RG_MAX_RANK) return rg_refuse(call, RG_E_SHAPE, "more than 8 dimensions");
    for (int i = index->rank; i < g->rank; i++) call->shape.size[call->shape.rank++] = g->size[i];
    return RG_OK;
}

/* On one thread and in the order of the index: rows that meet are always added in the same order. */
#define SCATTER(type, suffix)                                                                                      \
    static void scatter_##suffix(const rg_call *call, int64_t begin, int64_t end)                                  \
    {                                                                                                              \
        const int64_t rows = call->layout[0].shape.size[0], n = row_size(&call->layout[0].shape, 1);               \
        const int64_t count = index_items(call);                                                                   \
        type *y = call->out;                                                                                       \
        (void)begin, (void)end;                                                                                    \
        memset(y, 0, (size_t)(rows * n) * sizeof *y);                                                              \
        for (int64_t i = 0; i < count; i++) {                                                                      \
            const int64_t row = index_at(call->in[1], call->layout[2].dtype, i);                                   \
            const type *from = (const type *)call->in[0] + i * n;                                                  \
            if (row < 0 || row >= rows) {                                                                          \
                rg_kernel_fault(call, i);                                                                          \
                continue;                                                                                          \
            }                                                                                                      \
            for (int64_t j = 0; j < n; j++) y[row * n + j] += from[j];                                             \
        }                                                                                                          \
    }
SCATTER(float, f32)
SCATTER(double, f64)

static rg_tensor scatter_rows_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)y;
    return rg_gather_rows(g, in[1]);
}

static void describe_integer(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%lld", (long long)*(const int64_t *)attributes);
}

static const int64_t five = 5, minus_one = -1;
static const rg_sample scatter_samples[] = {
    { .operands = 2, .in = { { .shape = S(4, 3) }, INDEX(S(4), 4) }, .attributes = &five },
    { .operands = 2, .in = { { .shape = S(3, 2) }, INDEX(S(3, 2), 4) }, .attributes = &five },
    { .operands = 2, .in = { { .shape = S(0, 2) }, INDEX(S(0), 4) }, .attributes = &five },
    { .operands = 2, .in = { { .shape = S(4, 3) }, { .dtype = RG_I64, .shape = S(4), .low = 4, .high = 6 } },
      .attributes = &five, .refuse = RG_E_INDEX },
    { .operands = 2, .in = { { .shape = S(4, 3) }, INDEX(S(3), 4) }, .attributes = &five, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .shape = S(4) }, INDEX(S(4), 4) }, .attributes = &minus_one, .refuse = RG_E_ARGUMENT },
    { .operands = 2, .in = { { .shape = S(4) }, { .shape = S(4) } }, .attributes = &five, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
/* Each element of g is added. */
static double scattered_elements(const rg_call *call)
{
    return (double)rg_shape_count(call->layout[1].shape);
}

const rg_op rg_op_scatter_rows = { .name = "scatter_rows", .doc = "rows added at their indices", .arity = 2,
                                   .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = scatter_shape,
                                   .f32 = scatter_f32, .f64 = scatter_f64, .operations = scattered_elements,
                                   .linearity = RG_LINEAR, .vjp = scatter_rows_vjp, .no_gradient = 2, .samples = scatter_samples,
                                   .describe = describe_integer };

rg_tensor rg_gather_rows_at(const char *site, rg_tensor table, rg_tensor index)
{
    const rg_tensor in[] = { table, index };
    return rg_apply_at(site, &rg_op_gather_rows, NULL, 2, in);
}

rg_tensor rg_scatter_rows_at(const char *site, rg_tensor g, rg_tensor index, int64_t rows)
{
    const rg_tensor in[] = { g, index };
    return rg_apply_at(site, &rg_op_scatter_rows, &rows, 2, in);
}

/* ---- One-hot ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int64_t classes, dtype;
} one_hot_attributes;

static rg_status one_hot_shape(rg_shape_call *call)
{
    const one_hot_attributes *attributes = call->attributes;
    call->dtype = (rg_dtype)attributes->dtype;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "makes f32 or f64");
    if (!rg_dtype_is_index(call->in_dtype[0])) return rg_refuse(call, RG_E_DTYPE, "labels must be i32 or i64");
    if (attributes->classes < 1) return rg_refuse(call, RG_E_ARGUMENT, "at least one class is needed");
    if (call->in[0]->rank >= RG_MAX_RANK) return rg_refuse(call, RG_E_SHAPE, "more than 8 dimensions");
    call->shape = *call->in[0];
    call->shape.size[call->shape.rank++] = attributes->classes;
    return RG_OK;
}

static int64_t label_items(const rg_call *call)
{
    return rg_shape_count(call->layout[1].shape);
}

static int64_t class_count(const rg_call *call)
{
    return ((const one_hot_attributes *)call->attributes)->classes;
}

#define ONE_HOT(type, suffix)                                                                                      \
    static void one_hot_##suffix(const rg_call *call, int64_t begin, int64_t end)                                  \
    {                                                                                                              \
        const int64_t n = class_count(call);                                                                       \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            const int64_t label = index_at(call->in[0], call->layout[1].dtype, i);                                 \
            type *y = (type *)call->out + (i * n - call->origin);                                                  \
            memset(y, 0, (size_t)n * sizeof *y);                                                                   \
            if (label >= 0 && label < n) y[label] = 1;                                                             \
            else rg_kernel_fault(call, i);                                                                         \
        }                                                                                                          \
    }
ONE_HOT(float, f32)
ONE_HOT(double, f64)

static const one_hot_attributes four_classes = { 4, RG_F64 }, no_classes = { 0, RG_F64 };
static const rg_sample one_hot_samples[] = {
    { .operands = 1, .in = { INDEX(S(5), 3) }, .attributes = &four_classes },
    { .operands = 1, .in = { { .dtype = RG_I64, .shape = S(2, 3), .high = 3 } }, .attributes = &four_classes },
    { .operands = 1, .in = { INDEX(S(0), 3) }, .attributes = &four_classes },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(5), .low = 3, .high = 6 } }, .attributes = &four_classes,
      .refuse = RG_E_INDEX },
    { .operands = 1, .in = { INDEX(S(5), 3) }, .attributes = &no_classes, .refuse = RG_E_ARGUMENT },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &four_classes, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

static double nothing_computed(const rg_call *call)
{
    (void)call;
    return 0;
}

const rg_op rg_op_one_hot = { .name = "one_hot", .doc = "a 1 at the label, else 0", .arity = 1, .kind = RG_ITEMS,
                              .attribute_size = sizeof(one_hot_attributes), .shape = one_hot_shape,
                              .f32 = one_hot_f32, .f64 = one_hot_f64, .items = label_items, .item_work = class_count,
                              .item_elements = class_count, .operations = nothing_computed, .no_gradient = 1,
                              .samples = one_hot_samples, .describe = describe_integer };

rg_tensor rg_one_hot_at(const char *site, rg_tensor labels, int64_t classes, rg_dtype dtype)
{
    one_hot_attributes attributes = { classes, dtype };
    return rg_apply_at(site, &rg_op_one_hot, &attributes, 1, &labels);
}

/* ---- Pad and concat --------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t axis, before, after;
} pad_attributes;

static rg_status pad_shape(rg_shape_call *call)
{
    const pad_attributes *pad = call->attributes;
    call->dtype = call->in_dtype[0];
    call->shape = *call->in[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (pad->axis < 0 || pad->axis >= call->shape.rank) return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    int64_t *size = &call->shape.size[pad->axis];
    if (pad->before < 0 || pad->after < 0 || __builtin_add_overflow(*size, pad->before, size) ||
        __builtin_add_overflow(*size, pad->after, size))
        return rg_refuse(call, RG_E_ARGUMENT, "negative or too large padding");
    return RG_OK;
}

/* Copies a block [outer, n, inner] into [outer, wide, inner] from position `at` on. */
static void copy_block(const void *from, int64_t outer, int64_t n, int64_t inner, void *to, int64_t wide, int64_t at,
                       size_t item)
{
    const size_t row = (size_t)(n * inner) * item;
    for (int64_t i = 0; i < outer && row > 0; i++)
        memcpy((char *)to + (size_t)((i * wide + at) * inner) * item, (const char *)from + (size_t)i * row, row);
}

static void pad_any(const rg_call *call, int64_t begin, int64_t end)
{
    const pad_attributes *pad = call->attributes;
    const rg_shape *x = &call->layout[1].shape, *y = &call->layout[0].shape;
    const size_t item = rg_dtype_size(call->layout[0].dtype);
    const int axis = (int)pad->axis;
    const int64_t inner = row_size(x, axis + 1), outer = row_size(x, 0) ? row_size(x, 0) / x->size[axis] / inner : 0;
    (void)begin, (void)end;
    memset(call->out, 0, (size_t)row_size(y, 0) * item);
    copy_block(call->in[0], outer, x->size[axis], inner, call->out, y->size[axis], pad->before, item);
}

static rg_tensor pad_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const pad_attributes *pad = rg_attributes_of(y);
    int64_t size = rg_shape_of(in[k]).size[pad->axis];
    if (size == 0) return (rg_tensor){ 0 };
    return rg_slice(g, (int)pad->axis, pad->before, pad->before + size);
}

static const pad_attributes pad_columns = { 1, 2, 1 }, pad_rows = { 0, 1, 0 }, pad_negative = { 0, -1, 0 };
static const rg_sample pad_samples[] = {
    { .operands = 1, .in = { { .shape = S(3, 4) } }, .attributes = &pad_columns },
    { .operands = 1, .in = { { .shape = S(3, 4, 2) } }, .attributes = &pad_columns },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &pad_rows },
    { .operands = 1, .in = { { .shape = S(0, 2) } }, .attributes = &pad_rows },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &pad_columns, .refuse = RG_E_ARGUMENT },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &pad_negative, .refuse = RG_E_ARGUMENT },
    { .operands = 0 },
};
const rg_op rg_op_pad = { .name = "pad", .doc = "zeros before and after along an axis", .arity = 1, .kind = RG_ITEMS,
                          .attribute_size = sizeof(pad_attributes), .shape = pad_shape, .any = pad_any,
                          .vjp = pad_vjp, .samples = pad_samples };

rg_tensor rg_pad_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after)
{
    const rg_node *node = rg_node_checked(site, "pad", x);
    pad_attributes attributes = { node ? rg_axis_normal(axis, node->shape->rank) : axis, before, after };
    return rg_apply_at(site, &rg_op_pad, &attributes, 1, &x);
}

static rg_status concat_shape(rg_shape_call *call)
{
    int64_t axis = *(const int64_t *)call->attributes;
    call->dtype = call->in_dtype[0];
    call->shape = *call->in[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (axis < 0 || axis >= call->shape.rank) return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    for (int k = 1; k < call->operands; k++) {
        if (call->in_dtype[k] != call->dtype) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
        if (call->in[k]->rank != call->shape.rank) return rg_refuse(call, RG_E_SHAPE, "ranks differ");
        for (int i = 0; i < call->shape.rank; i++)
            if (i != axis && call->in[k]->size[i] != call->shape.size[i])
                return rg_refuse(call, RG_E_SHAPE, "sizes differ off the axis");
        if (__builtin_add_overflow(call->shape.size[axis], call->in[k]->size[axis], &call->shape.size[axis]))
            return rg_refuse(call, RG_E_SHAPE, "too large");
    }
    return RG_OK;
}

static void concat_any(const rg_call *call, int64_t begin, int64_t end)
{
    const int axis = (int)*(const int64_t *)call->attributes;
    const rg_shape *y = &call->layout[0].shape;
    const size_t item = rg_dtype_size(call->layout[0].dtype);
    const int64_t inner = row_size(y, axis + 1);
    int64_t outer = 1, at = 0;
    (void)begin, (void)end;
    for (int i = 0; i < axis; i++) outer *= y->size[i];
    for (int k = 0; k < call->operands; k++) {
        const int64_t n = call->layout[1 + k].shape.size[axis];
        copy_block(call->in[k], outer, n, inner, call->out, y->size[axis], at, item);
        at += n;
    }
}

static rg_tensor concat_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    int axis = (int)*(const int64_t *)rg_attributes_of(y);
    int64_t start = 0, size = rg_shape_of(in[k]).size[axis];
    for (int i = 0; i < k; i++) start += rg_shape_of(in[i]).size[axis];
    return size > 0 ? rg_slice(g, axis, start, start + size) : (rg_tensor){ 0 };
}

static const int64_t axis_0 = 0, axis_1 = 1;
static const rg_sample concat_samples[] = {
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(3, 2) } }, .attributes = &axis_1 },
    { .operands = 3, .in = { { .shape = S(2) }, { .same_as = 1 }, { .shape = S(1) } }, .attributes = &axis_0 },
    { .operands = 1, .in = { { .shape = S(3, 4) } }, .attributes = &axis_0 },
    { .operands = 2, .in = { { .shape = S(0, 4) }, { .shape = S(3, 4) } }, .attributes = &axis_0 },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(3, 2) } }, .attributes = &axis_0, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(3) } }, .attributes = &axis_1, .refuse = RG_E_ARGUMENT },
    { .operands = 0 },
};
const rg_op rg_op_concat = { .name = "concat", .doc = "tensors joined along an axis", .arity = RG_VARIADIC,
                             .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = concat_shape,
                             .any = concat_any, .vjp = concat_vjp, .samples = concat_samples,
                             .describe = describe_integer };

rg_tensor rg_concat_at(const char *site, int n, const rg_tensor *parts, int axis)
{
    rg_status reason;
    const rg_node *first = n > 0 && parts ? rg_node_of(parts[0], &reason) : NULL;
    int64_t normal = first ? rg_axis_normal(axis, first->shape->rank) : axis;
    return rg_apply_at(site, &rg_op_concat, &normal, n, parts);
}
