/* shape.c: sizes, strides, broadcasting, and the shape rules that many ops share. */
#include "shape.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [RG_NO_DTYPE] = { "?", 0 }, [RG_F32] = { "f32", 4 }, [RG_F64] = { "f64", 8 },
    [RG_I32] = { "i32", 4 },    [RG_I64] = { "i64", 8 },
};

size_t rg_dtype_size(rg_dtype dtype)
{
    return (unsigned)dtype <= RG_I64 ? dtypes[dtype].size : 0;
}

double rg_element(rg_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case RG_F32: return ((const float *)data)[i];
    case RG_F64: return ((const double *)data)[i];
    case RG_I32: return ((const int32_t *)data)[i];
    case RG_I64: return (double)((const int64_t *)data)[i];
    case RG_NO_DTYPE: break;
    }
    return NAN;
}

const char *rg_dtype_name(rg_dtype dtype)
{
    return (unsigned)dtype <= RG_I64 ? dtypes[dtype].name : "?";
}

int64_t rg_shape_count(rg_shape shape)
{
    int64_t count = 1;
    bool empty = false;
    if (shape.rank < 0 || shape.rank > RG_MAX_RANK) return -1;
    /* A zero size anywhere makes the count 0, but the others must still have a product: strides are made of it. */
    for (int i = 0; i < shape.rank; i++) {
        if (shape.size[i] < 0) return -1;
        if (shape.size[i] == 0) empty = true;
        else if (__builtin_mul_overflow(count, shape.size[i], &count)) return -1;
    }
    if (count > INT64_MAX / 64) return -1;
    return empty ? 0 : count;
}

bool rg_shape_equal(rg_shape a, rg_shape b)
{
    if (a.rank != b.rank || a.rank < 0 || a.rank > RG_MAX_RANK) return false;
    for (int i = 0; i < a.rank; i++)
        if (a.size[i] != b.size[i]) return false;
    return true;
}

void rg_layout_contiguous(rg_layout *layout)
{
    int64_t stride = 1;
    for (int i = layout->shape.rank - 1; i >= 0; i--) {
        layout->stride[i] = stride;
        stride *= layout->shape.size[i] > 0 ? layout->shape.size[i] : 1;
    }
}

bool rg_layout_is_contiguous(const rg_layout *layout)
{
    int64_t stride = 1;
    for (int i = layout->shape.rank - 1; i >= 0; i--) {
        if (layout->shape.size[i] != 1 && layout->stride[i] != stride) return false;
        stride *= layout->shape.size[i] > 0 ? layout->shape.size[i] : 1;
    }
    return true;
}

void rg_layout_broadcast(const rg_layout *in, const rg_shape *shape, rg_layout *out)
{
    int extra = shape->rank - in->shape.rank;
    out->dtype = in->dtype;
    out->shape = *shape;
    for (int i = 0; i < shape->rank; i++) {
        bool repeats = i < extra || (in->shape.size[i - extra] == 1 && shape->size[i] != 1);
        out->stride[i] = repeats ? 0 : in->stride[i - extra];
    }
}

void rg_layout_collapse(rg_layout *layout)
{
    int rank = 0;
    int64_t *size = layout->shape.size, *stride = layout->stride;
    for (int i = 0; i < layout->shape.rank; i++) {
        if (size[i] == 1) continue;
        bool continues = rank > 0 && stride[rank - 1] == stride[i] * size[i];
        if (continues) {
            size[rank - 1] *= size[i];
            stride[rank - 1] = stride[i];
        } else {
            size[rank] = size[i];
            stride[rank++] = stride[i];
        }
    }
    layout->shape.rank = rank;
}

/* One run along the innermost dimension. */
#define GATHER_RUN(word)                                                                                           \
    static void gather_##word(const char *from, int64_t stride, int64_t count, void *out)                          \
    {                                                                                                              \
        const ptrdiff_t apart = stride * (ptrdiff_t)sizeof(word);                                                  \
        word each, *to = out;                                                                                      \
        memcpy(&each, from, sizeof each);                                                                          \
        for (int64_t i = 0; stride == 0 && i < count; i++) to[i] = each;                                           \
        for (int64_t i = 0; stride != 0 && i < count; i++, from += apart) memcpy(&to[i], from, sizeof each);       \
    }
GATHER_RUN(uint32_t)
GATHER_RUN(uint64_t)

/* At least one. */
static void gather_run(const char *from, int64_t stride, int64_t count, size_t item, char *out)
{
    if (stride == 1) memcpy(out, from, (size_t)count * item);
    else if (item == sizeof(uint32_t)) gather_uint32_t(from, stride, count, out);
    else gather_uint64_t(from, stride, count, out);
}

/* The same row over and over: what is there already is doubled. */
static void repeat_row(const char *row, int64_t width, int64_t begin, int64_t count, size_t item, char *out)
{
    const int64_t at = begin % width, first = width - at < count ? width - at : count;
    int64_t done = width < count ? width : count;
    memcpy(out, row + (size_t)at * item, (size_t)first * item);
    if (done > first) memcpy(out + (size_t)first * item, row, (size_t)(done - first) * item);
    for (int64_t more; done < count; done += more) {
        more = done < count - done ? done : count - done;
        memcpy(out + (size_t)done * item, out, (size_t)more * item);
    }
}

/* Each of the numbers that lie `stride` apart so many times. It is written in pieces of 16 bytes, which may reach into the
 * place of the next one, that is written after it. */
typedef uint64_t piece __attribute__((vector_size(16), aligned(4), may_alias));

static void repeat_each(const char *from, int64_t stride, int64_t times, int64_t begin, int64_t count, size_t item, char *out)
{
    const char *const end = out + (size_t)count * item;
    size_t bytes = (size_t)(times - begin % times) * item;
    for (from += begin / times * stride * (int64_t)item; out < end; from += stride * (int64_t)item) {
        uint64_t word = 0;
        memcpy(&word, from, item == 4 ? 4 : 8);
        if (item == 4) word *= UINT64_C(0x100000001);
        const piece same = { word, word };
        const size_t left = (size_t)(end - out);
        size_t at = 0;
        if (bytes > left) bytes = left;
        for (; at < bytes && at + sizeof same <= left; at += sizeof same) *(piece *)(void *)(out + at) = same;
        for (; at < bytes; at += item) memcpy(out + at, &word, item);
        out += bytes;
        bytes = (size_t)times * item;
    }
}

void rg_layout_gather(const rg_layout *layout, const void *data, int64_t begin, int64_t count, void *out)
{
    const size_t item = rg_dtype_size(layout->dtype);
    const int64_t *size = layout->shape.size, *stride = layout->stride;
    const int last = layout->shape.rank - 1;
    if (last < 0) {
        if (count > 0) memcpy(out, data, item);
        return;
    }
    if (last == 1 && stride[0] == 0 && stride[1] == 1) {
        repeat_row(data, size[1], begin, count, item, out);
        return;
    }
    if (last == 1 && stride[1] == 0) {
        repeat_each(data, stride[0], size[1], begin, count, item, out);
        return;
    }
    int64_t position[RG_MAX_RANK], offset = 0, rest = begin;
    for (int i = last; i >= 0; i--) {
        position[i] = rest % size[i];
        rest /= size[i];
        offset += position[i] * stride[i];
    }
    for (char *to = out; count > 0;) {
        int64_t run = size[last] - position[last];
        if (run > count) run = count;
        gather_run((const char *)data + offset * (int64_t)item, stride[last], run, item, to);
        to += (size_t)run * item;
        count -= run;
        offset += run * stride[last];
        position[last] += run;
        for (int i = last; i > 0 && position[i] == size[i]; i--) {
            offset += stride[i - 1] - position[i] * stride[i];
            position[i] = 0;
            position[i - 1]++;
        }
    }
}

/* Two by two, so that half as much is read and written at a time, and some rows, so that what is written is whole cache
 * lines, one after another. */
typedef double two_f64 __attribute__((vector_size(16), aligned(8), may_alias));

static void side_by_side_f64(int columns, const void *const *from, int64_t rows, double *y)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4, y += 4 * columns) {
        int k = 0;
        for (; k + 2 <= columns; k += 2) {
            const double *left = (const double *)from[k] + i, *right = (const double *)from[k + 1] + i;
            const two_f64 a = *(const two_f64 *)left, b = *(const two_f64 *)right;
            const two_f64 c = *(const two_f64 *)(left + 2), d = *(const two_f64 *)(right + 2);
            *(two_f64 *)(y + k) = __builtin_shufflevector(a, b, 0, 2);
            *(two_f64 *)(y + columns + k) = __builtin_shufflevector(a, b, 1, 3);
            *(two_f64 *)(y + 2 * columns + k) = __builtin_shufflevector(c, d, 0, 2);
            *(two_f64 *)(y + 3 * columns + k) = __builtin_shufflevector(c, d, 1, 3);
        }
        for (; k < columns; k++)
            for (int j = 0; j < 4; j++) y[j * columns + k] = ((const double *)from[k])[i + j];
    }
    for (; i < rows; i++, y += columns)
        for (int k = 0; k < columns; k++) y[k] = ((const double *)from[k])[i];
}

static void side_by_side_f32(int columns, const void *const *from, int64_t rows, float *y)
{
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4, y += 4 * columns)
        for (int k = 0; k < columns; k++)
            for (int j = 0; j < 4; j++) y[j * columns + k] = ((const float *)from[k])[i + j];
    for (; i < rows; i++, y += columns)
        for (int k = 0; k < columns; k++) y[k] = ((const float *)from[k])[i];
}

void rg_side_by_side(size_t item, int columns, const void *const *from, int64_t rows, void *to)
{
    if (item == sizeof(float)) side_by_side_f32(columns, from, rows, to);
    else side_by_side_f64(columns, from, rows, to);
}

int64_t rg_matrix_offset(const rg_layout *operand, const rg_shape *y, int64_t index)
{
    int64_t offset = 0;
    int shift = y->rank - operand->shape.rank;
    for (int i = y->rank - 3; i >= 0; i--) {
        int64_t position = index % y->size[i];
        index /= y->size[i];
        if (i >= shift && operand->shape.size[i - shift] != 1) offset += position * operand->stride[i - shift];
    }
    return offset;
}

bool rg_broadcast(const rg_shape *a, const rg_shape *b, rg_shape *out)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    out->rank = rank;
    for (int i = 0; i < rank; i++) {
        int64_t p = i < rank - a->rank ? 1 : a->size[i - (rank - a->rank)];
        int64_t q = i < rank - b->rank ? 1 : b->size[i - (rank - b->rank)];
        if (p != q && p != 1 && q != 1) return false;
        out->size[i] = p == 1 ? q : p;
    }
    return true;
}

rg_shape rg_shape_about(const rg_shape *shape, int axis)
{
    rg_shape about = RG_SHAPE(1, shape->size[axis], 1);
    for (int i = 0; i < shape->rank; i++)
        if (i != axis) about.size[i < axis ? 0 : 2] *= shape->size[i];
    return about;
}

int rg_axis_normal(int axis, int rank)
{
    if (axis < -rank || axis >= rank) return -1;
    return axis < 0 ? axis + rank : axis;
}

bool rg_axes_mask(rg_axes axes, int rank, uint32_t *mask)
{
    *mask = axes.count == 0 ? (1u << rank) - 1u : 0;
    if (axes.count < 0 || axes.count > RG_MAX_RANK) return false;
    for (int i = 0; i < axes.count; i++) {
        int axis = rg_axis_normal(axes.axis[i], rank);
        if (axis < 0 || *mask >> axis & 1u) return false;
        *mask |= 1u << axis;
    }
    return true;
}

rg_shape_attributes rg_shape_pack(rg_shape shape)
{
    rg_shape_attributes attributes = { .rank = shape.rank };
    for (int i = 0; i < shape.rank && i < RG_MAX_RANK; i++) attributes.size[i] = shape.size[i];
    return attributes;
}

rg_shape rg_shape_unpack(const rg_shape_attributes *attributes)
{
    rg_shape shape = { .rank = (int)attributes->rank };
    memcpy(shape.size, attributes->size, sizeof shape.size);
    return shape;
}

rg_status rg_refuse(rg_shape_call *call, rg_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->reason, RG_REASON_SIZE, format, arguments);
    va_end(arguments);
    return status;
}

rg_status rg_shape_same(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    for (int k = 1; k < call->operands; k++) {
        if (call->in_dtype[k] != call->dtype) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
        if (!rg_shape_equal(*call->in[k], *call->in[0])) return rg_refuse(call, RG_E_SHAPE, "shapes differ");
    }
    return RG_OK;
}

rg_status rg_shape_broadcast(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    for (int k = 1; k < call->operands; k++) {
        if (call->in_dtype[k] != call->dtype) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
        if (call->in[k] == call->in[0] || (call->like && rg_shape_equal(*call->in[k], *call->in[0]))) continue;
        rg_shape both;
        if (!rg_broadcast(call->like ? call->in[0] : &call->shape, call->in[k], &both))
            return rg_refuse(call, RG_E_SHAPE, "sizes do not broadcast");
        call->shape = both;
        call->like = 0;
    }
    return RG_OK;
}
