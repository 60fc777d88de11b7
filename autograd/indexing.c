/* indexing.c: rows picked and added by index, elements picked and added along an axis, one-hot rows. */
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

/* Inlined for what is often there, so that the copy of a short row is no call. */
static inline __attribute__((always_inline)) void gather(const rg_call *call, int64_t begin, int64_t end, rg_dtype dtype,
                                                         size_t bytes)
{
    const int64_t rows = call->layout[1].shape.size[0];
    const void *index = call->in[1];
    const char *table = call->in[0];
    char *to = (char *)call->out + ((size_t)begin * bytes - (size_t)call->origin * rg_dtype_size(call->layout[1].dtype));
    for (int64_t i = begin; i < end; i++, to += bytes) {
        const int64_t row = index_at(index, dtype, i);
        if ((uint64_t)row < (uint64_t)rows) {
            memcpy(to, table + (size_t)row * bytes, bytes);
        } else {
            memset(to, 0, bytes);
            rg_kernel_fault(call, i);
        }
    }
}

static void gather_any(const rg_call *call, int64_t begin, int64_t end)
{
    const rg_layout *table = &call->layout[1];
    const size_t bytes = (size_t)row_size(&table->shape, 1) * rg_dtype_size(table->dtype);
    const rg_dtype dtype = call->layout[2].dtype;
    if (dtype == RG_I32 && bytes == sizeof(double)) gather(call, begin, end, RG_I32, sizeof(double));
    else if (dtype == RG_I32 && bytes == sizeof(float)) gather(call, begin, end, RG_I32, sizeof(float));
    else gather(call, begin, end, dtype, bytes);
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

/* The dimension of the batch moved from in front to behind the first `count` others. */
static rg_tensor batch_behind(const char *site, rg_tensor t, int count)
{
    rg_axes order = { .count = rg_shape_of(t).rank };
    for (int i = 0; i < order.count; i++) order.axis[i] = i < count ? i + 1 : i == count ? 0 : i;
    return rg_permute_at(site, t, order);
}

static rg_tensor batch_in_front(const char *site, rg_tensor t, int from)
{
    rg_axes order = { .count = rg_shape_of(t).rank };
    for (int i = 0; i < order.count; i++) order.axis[i] = i == 0 ? from : i <= from ? i - 1 : i;
    return rg_permute_at(site, t, order);
}

/* Each member's index for each element of its rows: [batch, indices, elements of a row]. */
static rg_tensor index_by_element(const rg_batch_call *call, int64_t indices, int64_t elements)
{
    const rg_shape shape = RG_SHAPE(call->batched[1] ? call->size : 1, indices, 1);
    rg_tensor index = rg_reshape_at(call->site, call->in[1], shape);
    return rg_expand_at(call->site, index, RG_SHAPE(call->size, indices, elements));
}

/* Where only the table is batched, so are its rows; where only the index is, it is a longer index. */
static rg_tensor gather_rows_batch(const rg_batch_call *call)
{
    const char *site = call->site;
    const rg_tensor table = call->in[0], index = call->in[1];
    rg_shape rows = rg_shape_of(table), indices = rg_shape_of(index), shape;
    if (!call->batched[0]) return rg_gather_rows_at(site, table, index);
    if (!call->batched[1])
        return batch_in_front(site, rg_gather_rows_at(site, batch_behind(site, table, 1), index), indices.rank);
    shape = indices;
    const int64_t elements = row_size(&rows, 2), members = row_size(&indices, 1);
    if (indices.rank + rows.rank - 2 > RG_MAX_RANK)
        return rg_fail_op(table.tape, site, RG_E_SHAPE, "gather_rows", "more than 8 dimensions with the batch's", 2,
                          call->in);
    for (int i = 2; i < rows.rank; i++) shape.size[shape.rank++] = rows.size[i];
    rg_tensor flat = rg_reshape_at(site, table, RG_SHAPE(call->size, rows.size[1], elements));
    rg_tensor picked = rg_gather_at(site, flat, 1, index_by_element(call, members, elements));
    return rg_reshape_at(site, picked, shape);
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
                                  .batch = gather_rows_batch, .no_gradient = 2, .samples = gather_samples };

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
/* Where the index is not batched, whole rows of the batch are added; else each member has an index of its own. */
static rg_tensor scatter_rows_batch(const rg_batch_call *call)
{
    const char *site = call->site;
    const int64_t rows = *(const int64_t *)call->attributes;
    const rg_shape index = rg_shape_of(call->in[1]);
    const int dimensions = index.rank - (call->batched[1] ? 1 : 0);
    if (!call->batched[1]) {
        rg_tensor members = batch_behind(site, call->in[0], dimensions);
        return batch_in_front(site, rg_scatter_rows_at(site, members, call->in[1], rows), 1);
    }
    rg_tensor g = rg_batch_operand(call, 0);
    if (rg_is_null(g)) return g;
    const rg_shape from = rg_shape_of(g);
    rg_shape shape = RG_SHAPE(call->size, rows);
    for (int i = 1 + dimensions; i < from.rank; i++) shape.size[shape.rank++] = from.size[i];
    const int64_t indices = row_size(&index, 1), elements = row_size(&from, 1 + dimensions);
    g = rg_reshape_at(site, g, RG_SHAPE(call->size, indices, elements));
    return rg_reshape_at(site, rg_scatter_add_at(site, g, 1, index_by_element(call, indices, elements), rows), shape);
}

/* Each element of g is added. */
static double scattered_elements(const rg_call *call)
{
    return (double)rg_shape_count(call->layout[1].shape);
}

const rg_op rg_op_scatter_rows = { .name = "scatter_rows", .doc = "rows added at their indices", .arity = 2,
                                   .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = scatter_shape,
                                   .f32 = scatter_f32, .f64 = scatter_f64, .operations = scattered_elements,
                                   .linearity = RG_LINEAR, .vjp = scatter_rows_vjp, .batch = scatter_rows_batch,
                                   .no_gradient = 2, .samples = scatter_samples,
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

rg_tensor rg_segment_sum_at(const char *site, rg_tensor x, rg_tensor segments, int64_t count)
{
    return rg_scatter_rows_at(site, x, segments, count);
}

/* The axis goes to the front, where rows are picked, and back. */
rg_tensor rg_index_select_at(const char *site, rg_tensor x, int axis, rg_tensor index)
{
    const rg_tensor in[] = { x, index };
    rg_tape *tape = rg_operands_checked(site, "index_select", 2, in);
    if (!tape) return (rg_tensor){ 0 };
    const int rank = rg_shape_of(x).rank, at = rg_axis_normal(axis, rank);
    if (at < 0) return rg_fail_op(tape, site, RG_E_ARGUMENT, "index_select", "the axis is out of range", 2, in);
    if (!rg_dtype_is_index(rg_dtype_of(index)))
        return rg_fail_op(tape, site, RG_E_DTYPE, "index_select", "the index must be i32 or i64", 2, in);
    if (rg_shape_of(index).rank != 1)
        return rg_fail_op(tape, site, RG_E_SHAPE, "index_select", "the index must have one axis", 2, in);
    rg_tensor front = at == 0 ? x : rg_swap_axes(site, x, 0, at);
    rg_tensor rows = rg_gather_rows_at(site, front, index);
    return at == 0 ? rows : rg_swap_axes(site, rows, 0, at);
}

/* ---- Along an axis: items are lines along it; those side by side are done together --------------------------------- */

typedef struct {
    int64_t axis, n;           /* n: of scatter_add's result */
} along_attributes;

typedef struct {
    int64_t n, m, inner;       /* elements along the axis, and indices; lines side by side */
} lines;

static rg_status gather_along_shape(rg_shape_call *call)
{
    const int64_t axis = *(const int64_t *)call->attributes;
    const rg_shape *x = call->in[0], *index = call->in[1];
    call->dtype = call->in_dtype[0];
    call->shape = *index;
    if (!rg_dtype_is_index(call->in_dtype[1])) return rg_refuse(call, RG_E_DTYPE, "the index must be i32 or i64");
    if (axis < 0 || axis >= x->rank) return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    bool fits = x->rank == index->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = i == axis || x->size[i] == index->size[i];
    return fits ? RG_OK : rg_refuse(call, RG_E_SHAPE, "sizes differ off the axis");
}

static rg_status scatter_along_shape(rg_shape_call *call)
{
    const along_attributes *attributes = call->attributes;
    rg_status status = gather_along_shape(call);
    if (status) return status;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (!rg_shape_equal(*call->in[0], *call->in[1])) return rg_refuse(call, RG_E_SHAPE, "one index an element is needed");
    if (attributes->n < 0) return rg_refuse(call, RG_E_ARGUMENT, "a negative number of elements");
    call->shape.size[attributes->axis] = attributes->n;
    return RG_OK;
}

static int64_t line_items(const rg_call *call)
{
    const rg_shape about = rg_shape_about(&call->layout[2].shape, (int)*(const int64_t *)call->attributes);
    return about.size[0] * about.size[2];
}

static int64_t line_work(const rg_call *call)
{
    return call->layout[2].shape.size[*(const int64_t *)call->attributes];
}

/* Of operand and result one has as many elements along the axis as the index; the other has n. */
static void prepare_lines(const rg_call *call, void *prepared)
{
    const int axis = (int)*(const int64_t *)call->attributes;
    const rg_shape index = rg_shape_about(&call->layout[2].shape, axis);
    const int64_t in = call->layout[1].shape.size[axis], out = call->layout[0].shape.size[axis];
    *(lines *)prepared = (lines){ in == index.size[1] ? out : in, index.size[1], index.size[2] };
}

/* For the lines begin <= line < end: TOGETHER for those of one outer index, which lie side by side from `base` on in what
 * has n elements along the axis; then EACH for index number k of each of them, which is at `position`. */
#define ALONG(name, type, x_type, TOGETHER, EACH)                                                                  \
    static void name(const rg_call *call, int64_t begin, int64_t end)                                              \
    {                                                                                                              \
        const lines *l = call->prepared;                                                                           \
        const rg_dtype dtype = call->layout[2].dtype;                                                              \
        const x_type *x = call->in[0];                                                                             \
        type *y = call->out;                                                                                       \
        for (int64_t line = begin, side_by_side; line < end; line += side_by_side) {                               \
            const int64_t outer = line / l->inner, column = line % l->inner, left = l->inner - column;             \
            const int64_t base = outer * l->n * l->inner + column;                                                 \
            side_by_side = left < end - line ? left : end - line;                                                  \
            TOGETHER                                                                                               \
            for (int64_t k = 0; k < l->m; k++)                                                                     \
                for (int64_t j = 0; j < side_by_side; j++) {                                                       \
                    const int64_t position = (outer * l->m + k) * l->inner + column + j;                           \
                    const int64_t at = index_at(call->in[1], dtype, position);                                     \
                    const bool known = at >= 0 && at < l->n;                                                       \
                    if (!known) rg_kernel_fault(call, position);                                                   \
                    EACH                                                                                           \
                }                                                                                                  \
        }                                                                                                          \
    }
#define NOTHING_YET
#define PICK y[position] = known ? x[base + at * l->inner + j] : 0;
#define CLEAR                                                                                                      \
    for (int64_t i = 0; i < l->n; i++)                                                                             \
        for (int64_t j = 0; j < side_by_side; j++) y[base + i * l->inner + j] = 0;
#define ADD if (known) y[base + at * l->inner + j] += x[position];
ALONG(gather_4, uint32_t, uint32_t, NOTHING_YET, PICK)
ALONG(gather_8, uint64_t, uint64_t, NOTHING_YET, PICK)
ALONG(scatter_add_f32, float, float, CLEAR, ADD)
ALONG(scatter_add_f64, double, double, CLEAR, ADD)

static void gather_along_any(const rg_call *call, int64_t begin, int64_t end)
{
    (rg_dtype_size(call->layout[1].dtype) == 4 ? gather_4 : gather_8)(call, begin, end);
}

static rg_tensor gather_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const int64_t axis = *(const int64_t *)rg_attributes_of(y);
    return rg_scatter_add(g, (int)axis, in[1], rg_shape_of(in[0]).size[axis]);
}

static rg_tensor scatter_add_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    return rg_gather(g, (int)*(const int64_t *)rg_attributes_of(y), in[1]);
}

static void describe_along(const void *attributes, char *text, size_t size)
{
    const along_attributes *along = attributes;
    size_t used = 0;
    rg_append(text, size, &used, "axis %d", (int)along->axis);
    if (along->n) rg_append(text, size, &used, ", %lld elements", (long long)along->n);
}

static const along_attributes first_axis = { 0, 0 }, second_axis = { 1, 0 }, onto_4 = { 0, 4 }, onto_5 = { 1, 5 },
                              onto_none = { 0, 0 }, onto_fewer = { 0, -1 };
#define BY_INDEX(attributes_, shape_, index_shape, high_)                                                          \
    { .operands = 2, .in = { { .shape = shape_ }, { .dtype = RG_I32, .shape = index_shape, .high = high_ } },       \
      .attributes = &attributes_ }
#define BY_INDEX_REFUSED(attributes_, shape_, index_shape, low_, high_, status)                                    \
    { .operands = 2, .attributes = &attributes_, .refuse = status,                                                 \
      .in = { { .shape = shape_ }, { .dtype = RG_I64, .shape = index_shape, .low = low_, .high = high_ } } }
static const rg_sample gather_along_samples[] = {
    BY_INDEX(second_axis, S(3, 4), S(3, 6), 3), BY_INDEX(first_axis, S(4, 3), S(2, 3), 3),
    BY_INDEX(first_axis, S(5), S(5), 4), BY_INDEX(second_axis, S(2, 3, 4), S(2, 2, 4), 2),
    BY_INDEX(second_axis, S(2, 3), S(2, 0), 0), BY_INDEX(first_axis, S(3, 0), S(2, 0), 0),
    BY_INDEX_REFUSED(first_axis, S(3, 2), S(4, 2), 3, 5, RG_E_INDEX),
    BY_INDEX_REFUSED(first_axis, S(3, 2), S(4, 2), -2, -1, RG_E_INDEX),
    BY_INDEX_REFUSED(first_axis, S(3, 2), S(4, 3), 0, 0, RG_E_SHAPE),
    BY_INDEX_REFUSED(first_axis, S(3, 2), S(4), 0, 0, RG_E_SHAPE),
    BY_INDEX_REFUSED(second_axis, S(3), S(3), 0, 0, RG_E_ARGUMENT),
    { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(3) } }, .attributes = &first_axis, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
static const rg_sample scatter_along_samples[] = {
    BY_INDEX(onto_5, S(3, 4), S(3, 4), 4), BY_INDEX(onto_4, S(7, 3), S(7, 3), 3), BY_INDEX(onto_4, S(9), S(9), 3),
    BY_INDEX(onto_5, S(2, 3, 4), S(2, 3, 4), 4), BY_INDEX(onto_4, S(0, 2), S(0, 2), 0),
    BY_INDEX(onto_none, S(0, 2), S(0, 2), 0),
    BY_INDEX_REFUSED(onto_4, S(3, 2), S(3, 2), 4, 5, RG_E_INDEX),
    BY_INDEX_REFUSED(onto_4, S(3, 2), S(2, 2), 0, 0, RG_E_SHAPE),
    BY_INDEX_REFUSED(onto_5, S(3), S(3), 0, 0, RG_E_ARGUMENT),
    BY_INDEX_REFUSED(onto_fewer, S(3), S(3), 0, 0, RG_E_ARGUMENT),
    { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(3) } }, .attributes = &onto_4, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
const rg_op rg_op_gather = {
    .name = "gather", .doc = "elements by an index of their own along an axis", .arity = 2, .kind = RG_ITEMS,
    .attribute_size = sizeof(along_attributes), .shape = gather_along_shape, .any = gather_along_any, .items = line_items,
    .item_work = line_work, .prepared_size = sizeof(lines), .prepare = prepare_lines, .vjp = gather_vjp,
    .batch = rg_batch_axis, .no_gradient = 2, .samples = gather_along_samples, .describe = describe_along,
};
const rg_op rg_op_scatter_add = {
    .name = "scatter_add", .doc = "elements added at their indices along an axis", .arity = 2, .kind = RG_ITEMS,
    .attribute_size = sizeof(along_attributes), .shape = scatter_along_shape, .f32 = scatter_add_f32,
    .f64 = scatter_add_f64, .items = line_items, .item_work = line_work, .operations = scattered_elements,
    .prepared_size = sizeof(lines), .prepare = prepare_lines, .linearity = RG_LINEAR, .vjp = scatter_add_vjp, .batch = rg_batch_axis, .no_gradient = 2,
    .samples = scatter_along_samples, .describe = describe_along,
};

static rg_tensor along_index(const char *site, const rg_op *op, rg_tensor x, int axis, rg_tensor index, int64_t n)
{
    const rg_tensor in[] = { x, index };
    if (!rg_operands_checked(site, op->name, 2, in)) return (rg_tensor){ 0 };
    const along_attributes attributes = { rg_axis_normal(axis, rg_shape_of(x).rank), n };
    return rg_apply_at(site, op, &attributes, 2, in);
}

rg_tensor rg_gather_at(const char *site, rg_tensor x, int axis, rg_tensor index)
{
    return along_index(site, &rg_op_gather, x, axis, index, 0);
}

rg_tensor rg_scatter_add_at(const char *site, rg_tensor g, int axis, rg_tensor index, int64_t n)
{
    return along_index(site, &rg_op_scatter_add, g, axis, index, n);
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

const rg_op rg_op_one_hot = { .name = "one_hot", .doc = "a 1 at the label, else 0", .arity = 1, .kind = RG_ITEMS,
                              .attribute_size = sizeof(one_hot_attributes), .shape = one_hot_shape,
                              .f32 = one_hot_f32, .f64 = one_hot_f64, .items = label_items, .item_work = class_count,
                              .item_elements = class_count, .operations = rg_no_operations, .batch = rg_batch_same,
                              .no_gradient = 1, .samples = one_hot_samples, .describe = describe_integer };

rg_tensor rg_one_hot_at(const char *site, rg_tensor labels, int64_t classes, rg_dtype dtype)
{
    one_hot_attributes attributes = { classes, dtype };
    return rg_apply_at(site, &rg_op_one_hot, &attributes, 1, &labels);
}
