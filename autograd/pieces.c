/* pieces.c: tensors padded and joined along an axis, and what is made of that: stacked, cut, turned, repeated. */
#include <string.h>

#include "characters.h"
#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }

/* Copies rows that lie side by side to where they lie `apart` bytes from each other. */
static inline void copy_rows(const char *from, size_t width, char *to, size_t apart, int64_t rows)
{
    if (width == sizeof(double))
        for (int64_t i = 0; i < rows; i++, from += sizeof(double), to += apart) memcpy(to, from, sizeof(double));
    else if (width > 0)
        for (int64_t i = 0; i < rows; i++, from += width, to += apart) memcpy(to, from, width);
}

/* Copies a block [outer, n, inner] into [outer, wide, inner] from position `at` on. */
static void copy_block(const void *from, rg_shape block, void *to, int64_t wide, int64_t at, size_t item)
{
    const int64_t inner = block.size[2];
    const size_t row = (size_t)(block.size[1] * inner) * item;
    copy_rows(from, row, (char *)to + (size_t)(at * inner) * item, (size_t)(wide * inner) * item, block.size[0]);
}

/* ---- Pad ------------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t axis, before, after;
    double value;
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

#define PAD(type, suffix)                                                                                          \
    static void pad_##suffix(const rg_call *call, int64_t begin, int64_t end)                                      \
    {                                                                                                              \
        const pad_attributes *pad = call->attributes;                                                              \
        const rg_shape *y = &call->layout[0].shape;                                                                \
        const int64_t count = rg_shape_count(*y);                                                                  \
        const rg_shape block = rg_shape_about(&call->layout[1].shape, (int)pad->axis);                             \
        const type value = (type)pad->value;                                                                       \
        type *out = call->out;                                                                                     \
        (void)begin, (void)end;                                                                                    \
        for (int64_t i = 0; i < count; i++) out[i] = value;                                                        \
        copy_block(call->in[0], block, call->out, y->size[pad->axis], pad->before, sizeof(type));                  \
    }
PAD(float, f32)
PAD(double, f64)
PAD(double _Complex, complex_f64)

static rg_tensor pad_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const pad_attributes *pad = rg_attributes_of(y);
    int64_t size = rg_shape_of(in[k]).size[pad->axis];
    if (size == 0) return (rg_tensor){ 0 };
    return rg_slice(g, (int)pad->axis, pad->before, pad->before + size);
}

static void describe_pad(const void *attributes, char *text, size_t size)
{
    const pad_attributes *pad = attributes;
    char value[32];
    snprintf(value, sizeof value, "%.6g", pad->value);
    rg_set_point(value);
    snprintf(text, size, "axis %d, %lld before, %lld after, %s", (int)pad->axis, (long long)pad->before,
             (long long)pad->after, value);
}

static const pad_attributes pad_columns = { 1, 2, 1, 0 }, pad_rows = { 0, 1, 0, 0 }, pad_negative = { 0, -1, 0, 0 },
                            pad_number = { 1, 1, 2, 2.5 };
static const rg_sample pad_samples[] = {
    { .operands = 1, .in = { { .shape = S(3, 4) } }, .attributes = &pad_columns },
    { .operands = 1, .in = { { .shape = S(3, 4, 2) } }, .attributes = &pad_columns },
    { .operands = 1, .in = { { .shape = S(3, 4, 2) } }, .attributes = &pad_number },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &pad_rows },
    { .operands = 1, .in = { { .shape = S(0, 2) } }, .attributes = &pad_rows },
    { .operands = 1, .in = { { .shape = S(2, 0) } }, .attributes = &pad_number },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &pad_columns, .refuse = RG_E_ARGUMENT },
    { .operands = 1, .in = { { .shape = S(5) } }, .attributes = &pad_negative, .refuse = RG_E_ARGUMENT },
    { .operands = 0 },
};
const rg_op rg_op_pad = { .name = "pad", .doc = "a fixed number before and after along an axis", .arity = 1,
                          .kind = RG_ITEMS, .attribute_size = sizeof(pad_attributes), .shape = pad_shape,
                          .f32 = pad_f32, .f64 = pad_f64, .complex_f64 = pad_complex_f64,
                          .operations = rg_no_operations, .vjp = pad_vjp, .batch = rg_batch_axis,
                          .samples = pad_samples, .describe = describe_pad };

rg_tensor rg_pad_value_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after, double value)
{
    const rg_node *node = rg_node_checked(site, "pad", x);
    pad_attributes attributes = { node ? rg_axis_normal(axis, node->shape->rank) : axis, before, after, value };
    return rg_apply_at(site, &rg_op_pad, &attributes, 1, &x);
}

rg_tensor rg_pad_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after)
{
    return rg_pad_value_at(site, x, axis, before, after, 0);
}

/* ---- A part added ---------------------------------------------------------------------------------------------- */

/* Where on the axis the part begins. */
typedef struct {
    int64_t axis, start;
} part_attributes;

static rg_status add_part_shape(rg_shape_call *call)
{
    const part_attributes *part = call->attributes;
    const rg_shape *x = call->in[0], *added = call->in[1];
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in_dtype[1] != call->dtype) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
    if (part->axis < 0 || part->axis >= x->rank) return rg_refuse(call, RG_E_ARGUMENT, "the axis is out of range");
    rg_shape as_long = *added;
    as_long.size[part->axis] = x->size[part->axis];
    if (!rg_shape_equal(as_long, *x)) return rg_refuse(call, RG_E_SHAPE, "sizes differ off the axis");
    if (part->start < 0 || part->start > x->size[part->axis] - added->size[part->axis])
        return rg_refuse(call, RG_E_ARGUMENT, "the part does not lie within");
    return RG_OK;
}

/* In elements: a row of x and of the part, outside of the axis; and where on a row of x the part begins. */
typedef struct {
    int64_t row, count, start;
} part_sizes;

static void add_part_prepare(const rg_call *call, void *prepared)
{
    const part_attributes *part = call->attributes;
    const rg_shape whole = rg_shape_about(&call->layout[1].shape, (int)part->axis);
    const int64_t inner = whole.size[2];
    const int64_t count = call->layout[2].shape.size[part->axis] * inner;
    *(part_sizes *)prepared = (part_sizes){ whole.size[1] * inner, count, part->start * inner };
}

static int64_t add_part_items(const rg_call *call)
{
    return rg_shape_about(&call->layout[1].shape, (int)((const part_attributes *)call->attributes)->axis).size[0];
}

static double added_elements(const rg_call *call)
{
    return (double)rg_shape_count(call->layout[2].shape);
}

/* Items are what is outside of the axis. The result may lie where x does: then only the part is touched. */
#define ADD_PART(type, suffix)                                                                                     \
    static void add_part_##suffix(const rg_call *call, int64_t begin, int64_t end)                                 \
    {                                                                                                              \
        const part_sizes sizes = *(const part_sizes *)call->prepared;                                              \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            const type *x = (const type *)call->in[0] + i * sizes.row;                                             \
            const type *added = (const type *)call->in[1] + i * sizes.count;                                       \
            type *y = (type *)call->out + i * sizes.row;                                                           \
            if (y != x && sizes.row > 0) memcpy(y, x, (size_t)sizes.row * sizeof *y);                              \
            y += sizes.start;                                                                                      \
            for (int64_t j = 0; j < sizes.count; j++) y[j] += added[j];                                            \
        }                                                                                                          \
    }
ADD_PART(float, f32)
ADD_PART(double, f64)

static rg_tensor add_part_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const part_attributes *part = rg_attributes_of(y);
    const int64_t size = rg_shape_of(in[1]).size[part->axis];
    if (k == 0 || size == rg_shape_of(g).size[part->axis]) return g;
    return size == 0 ? (rg_tensor){ 0 } : rg_slice(g, (int)part->axis, part->start, part->start + size);
}

static rg_tensor add_part_batch(const rg_batch_call *call)
{
    const part_attributes *part = call->attributes, behind = { part->axis + 1, part->start };
    const rg_tensor in[] = { rg_batch_operand(call, 0), rg_batch_operand(call, 1) };
    return rg_apply_at(call->site, &rg_op_add_part, &behind, 2, in);
}

static void describe_part(const void *attributes, char *text, size_t size)
{
    const part_attributes *part = attributes;
    snprintf(text, size, "axis %d, at %lld", (int)part->axis, (long long)part->start);
}

static const part_attributes first_rows = { 0, 0 }, later_columns = { 1, 2 }, beyond = { 1, 3 }, no_axis = { 2, 0 };
#define WITH_PART(attributes_, whole, part)                                                                        \
    { .operands = 2, .in = { { .shape = whole }, { .shape = part } }, .attributes = &attributes_ }
static const rg_sample add_part_samples[] = {
    WITH_PART(first_rows, S(3, 4), S(2, 4)), WITH_PART(later_columns, S(3, 4), S(3, 2)),
    WITH_PART(later_columns, S(2, 4, 3), S(2, 1, 3)), WITH_PART(first_rows, S(5), S(1)),
    WITH_PART(first_rows, S(3, 2), S(0, 2)), WITH_PART(later_columns, S(0, 4), S(0, 2)),
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .same_as = 1 } }, .attributes = &first_rows },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(3, 2) } }, .attributes = &beyond, .refuse = RG_E_ARGUMENT },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(3, 2) } }, .attributes = &no_axis, .refuse = RG_E_ARGUMENT },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(2, 2) } }, .attributes = &later_columns,
      .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .dtype = RG_F32, .shape = S(3) }, { .dtype = RG_F64, .shape = S(3) } },
      .attributes = &first_rows, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
const rg_op rg_op_add_part = { .name = "add_part", .doc = "x, with a part added to a slice of it", .arity = 2,
                               .kind = RG_ITEMS, .attribute_size = sizeof(part_attributes), .shape = add_part_shape,
                               .f32 = add_part_f32, .f64 = add_part_f64, .prepared_size = sizeof(part_sizes),
                               .prepare = add_part_prepare, .items = add_part_items, .in_place = true,
                               .operations = added_elements, .linearity = RG_LINEAR, .vjp = add_part_vjp,
                               .batch = add_part_batch, .samples = add_part_samples, .describe = describe_part };

/* A cotangent that is zero outside of a slice, or not one. */
static bool is_of_slice(rg_tensor c)
{
    const pad_attributes *pad = rg_op_of(c) == &rg_op_pad ? rg_attributes_of(c) : NULL;
    return pad && pad->value == 0;
}

rg_tensor rg_sum_of_cotangents(rg_tensor a, rg_tensor b)
{
    if (is_of_slice(a) && !is_of_slice(b)) return rg_sum_of_cotangents(b, a);
    if (!is_of_slice(b)) return rg_add(a, b);
    const pad_attributes *pad = rg_attributes_of(b);
    const part_attributes part = { pad->axis, pad->before };
    return rg_apply(&rg_op_add_part, &part, 2, (rg_tensor[]){ a, rg_operand(b, 0) });
}

/* A step is made by padding each element for itself; the last one's padding may be too much. */
rg_tensor rg_spread(const char *site, rg_tensor x, int axis, int64_t start, int64_t step, int64_t size)
{
    rg_shape shape = rg_shape_of(x);
    int64_t count = shape.size[axis], wide = count;
    if (step < 0 && count > 0) {
        rg_tensor turned = rg_flip_at(site, x, (rg_axes){ .count = 1, .axis = { axis } });
        return rg_spread(site, turned, axis, count > 1 ? start + (count - 1) * step : start, count > 1 ? -step : 1, size);
    }
    if (step > 1 && count > 1) {
        rg_shape about = rg_shape_about(&shape, axis);
        rg_tensor apart = rg_reshape_at(site, x, RG_SHAPE(about.size[0] * count, 1, about.size[2]));
        apart = rg_pad_at(site, apart, 1, 0, step - 1);
        wide = shape.size[axis] = count * step;
        x = rg_reshape_at(site, apart, shape);
        if (wide > size - start) x = rg_slice_at(site, x, axis, 0, wide = size - start);
    }
    return rg_pad_at(site, x, axis, start, size - start - wide);
}

/* ---- Concat ---------------------------------------------------------------------------------------------------- */

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

/* Items are what is outside of the axis. */
static int64_t concat_items(const rg_call *call)
{
    return rg_shape_about(&call->layout[0].shape, (int)*(const int64_t *)call->attributes).size[0];
}

static int64_t concat_row(const rg_call *call)
{
    const rg_shape about = rg_shape_about(&call->layout[0].shape, (int)*(const int64_t *)call->attributes);
    return about.size[1] * about.size[2];
}

/* Some rows at a time: then what the parts have written of them is still in the nearest cache. */
static void concat_any(const rg_call *call, int64_t begin, int64_t end)
{
    enum { NEAREST_BYTES = 1 << 13 };
    const int axis = (int)*(const int64_t *)call->attributes;
    const size_t item = rg_dtype_size(call->layout[0].dtype), row = (size_t)concat_row(call) * item;
    const size_t inner = (size_t)rg_shape_about(&call->layout[0].shape, axis).size[2] * item;
    const int64_t fitting = row > 0 ? NEAREST_BYTES / (int64_t)row : 0, most = fitting > 0 ? fitting : 1;
    for (int64_t rows; begin < end && row > 0; begin += rows) {
        char *to = (char *)call->out + ((size_t)begin * row - (size_t)call->origin * item);
        rows = most < end - begin ? most : end - begin;
        for (int k = 0; k < call->operands; k++) {
            const size_t width = (size_t)call->layout[1 + k].shape.size[axis] * inner;
            copy_rows((const char *)call->in[k] + (size_t)begin * width, width, to, row, rows);
            to += width;
        }
    }
}

static rg_tensor concat_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    int axis = (int)*(const int64_t *)rg_attributes_of(y);
    int64_t start = 0, size = rg_shape_of(in[k]).size[axis];
    for (int i = 0; i < k; i++) start += rg_shape_of(in[i]).size[axis];
    return size > 0 ? rg_slice(g, axis, start, start + size) : (rg_tensor){ 0 };
}

static void describe_axis(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "axis %d", (int)*(const int64_t *)attributes);
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
                             .any = concat_any, .items = concat_items, .item_work = concat_row,
                             .item_elements = concat_row, .vjp = concat_vjp, .batch = rg_batch_axis, .samples = concat_samples,
                             .describe = describe_axis };

/* The derivative with respect to a part adds up the sizes of all parts before it. So that this does not grow with the
 * square of their number, many parts are joined in a tree: by at most so many at a time. */
enum { BRANCHES = 64 };

static rg_tensor join(const char *site, int n, const rg_tensor *parts, int64_t axis, bool stacked)
{
    rg_tensor few[BRANCHES];
    int64_t each = 1;
    while (each * BRANCHES < n) each *= BRANCHES;
    int count = 0;
    for (int64_t first = 0; first < n; first += each, count++) {
        const int64_t left = n - first, parts_here = left < each ? left : each;
        if (each > 1) few[count] = join(site, (int)parts_here, parts + first, axis, stacked);
        else few[count] = stacked ? rg_unsqueeze_at(site, parts[first], (int)axis) : parts[first];
    }
    return rg_apply_at(site, &rg_op_concat, &axis, count, few);
}

rg_tensor rg_concat_at(const char *site, int n, const rg_tensor *parts, int axis)
{
    if (n < 1 || !parts || !rg_operands_checked(site, "concat", n, parts)) return (rg_tensor){ 0 };
    return join(site, n, parts, rg_axis_normal(axis, rg_shape_of(parts[0]).rank), false);
}

rg_tensor rg_stack_at(const char *site, int n, const rg_tensor *parts, int axis)
{
    if (n < 1 || !parts || !rg_operands_checked(site, "stack", n, parts)) return (rg_tensor){ 0 };
    const rg_shape shape = rg_shape_of(parts[0]);
    rg_tape *tape = parts[0].tape;
    const int shown = n < RG_MAX_OPERANDS ? n : RG_MAX_OPERANDS;
    if (shape.rank == RG_MAX_RANK)
        return rg_fail_op(tape, site, RG_E_SHAPE, "stack", "more than 8 dimensions", shown, parts);
    const int at = rg_axis_normal(axis, shape.rank + 1);
    if (at < 0) return rg_fail_op(tape, site, RG_E_ARGUMENT, "stack", "the axis is out of range", shown, parts);
    for (int k = 1; k < n; k++)
        if (!rg_shape_equal(rg_shape_of(parts[k]), shape))
            return rg_fail_op(tape, site, RG_E_SHAPE, "stack", "shapes differ", 2, (rg_tensor[]){ parts[0], parts[k] });
    return join(site, n, parts, at, true);
}

/* ---- Made of these --------------------------------------------------------------------------------------------- */

/* The node and the number of the axis; NULL, and the tape fails, if there is none. */
static const rg_node *node_with_axis(const char *site, const char *name, rg_tensor x, int axis, int *at)
{
    const rg_node *node = rg_node_checked(site, name, x);
    *at = node ? rg_axis_normal(axis, node->shape->rank) : -1;
    if (node && *at < 0) rg_fail_op(x.tape, site, RG_E_ARGUMENT, name, "the axis is out of range", 1, &x);
    return *at < 0 ? NULL : node;
}

rg_status rg_split_at(const char *site, rg_tensor x, int axis, int n, const int64_t *sizes, rg_tensor *out)
{
    for (int i = 0; out && i < n; i++) out[i] = (rg_tensor){ 0 };
    if (!x.tape) return RG_E_NULL;
    if (!out || n < 1) rg_fail(x.tape, site, RG_E_NULL, "split: no place for the results");
    int at;
    const rg_node *node = node_with_axis(site, "split", x, axis, &at);
    if (!node) return x.tape->error.status;
    const int64_t size = node->shape->size[at];
    int64_t sum = sizes ? 0 : size / n * n;
    bool fits = true;
    for (int i = 0; sizes && fits && i < n; i++) fits = sizes[i] >= 0 && !__builtin_add_overflow(sum, sizes[i], &sum);
    if (!fits || sum != size) {
        rg_fail_op(x.tape, site, RG_E_SHAPE, "split", "the pieces do not make up the axis", 1, &x);
        return RG_E_SHAPE;
    }
    for (int64_t i = 0, start = 0; i < n; i++) {
        const int64_t count = sizes ? sizes[i] : size / n;
        out[i] = rg_slice_step_at(site, x, at, start, count, 1);
        start += count;
    }
    return x.tape->error.status;
}

rg_tensor rg_roll_at(const char *site, rg_tensor x, int axis, int64_t shift)
{
    int at;
    const rg_node *node = node_with_axis(site, "roll", x, axis, &at);
    if (!node) return (rg_tensor){ 0 };
    const int64_t size = node->shape->size[at], by = size > 0 ? (shift % size + size) % size : 0;
    if (!rg_dtype_is_float((rg_dtype)node->dtype))
        return rg_fail_op(x.tape, site, RG_E_DTYPE, "roll", "takes f32 or f64", 1, &x);
    if (by == 0) return x;
    rg_tensor last = rg_slice_at(site, x, at, size - by, size), first = rg_slice_at(site, x, at, 0, size - by);
    return rg_concat_at(site, 2, (rg_tensor[]){ last, first }, at);
}

typedef enum { REFLECT, REPLICATE, CIRCULAR } pad_mode;

/* Parts of x in front of it and behind it; or one element, again and again. */
static rg_tensor padded(const char *site, pad_mode mode, rg_tensor x, int axis, int64_t before, int64_t after)
{
    static const char *const names[] = { "pad_reflect", "pad_replicate", "pad_circular" };
    const char *name = names[mode];
    int at;
    const rg_node *node = node_with_axis(site, name, x, axis, &at);
    if (!node) return (rg_tensor){ 0 };
    rg_shape shape = *node->shape;
    const int64_t n = shape.size[at], step = mode == REFLECT ? -1 : 1;
    const int64_t most = n == 0 ? 0 : mode == REFLECT ? n - 1 : mode == CIRCULAR ? n : INT64_MAX - n;
    if (!rg_dtype_is_float((rg_dtype)node->dtype)) return rg_fail_op(x.tape, site, RG_E_DTYPE, name, "takes f32 or f64", 1, &x);
    if (before < 0 || after < 0 || before > most || after > most)
        return rg_fail_op(x.tape, site, RG_E_ARGUMENT, name, "negative or too large padding", 1, &x);
    const int64_t first[] = { before, 0, n - before }, next[] = { n - 2, n - 1, 0 };
    const int64_t count[] = { before, 0, after }, start[] = { first[mode], 0, next[mode] };
    rg_tensor parts[3];
    int used = 0;
    for (int k = 0; k < 3; k++) {
        if (k == 1) parts[used++] = x;
        if (count[k] == 0) continue;
        shape.size[at] = count[k];
        rg_tensor part = rg_slice_step_at(site, x, at, start[k], mode == REPLICATE ? 1 : count[k], step);
        parts[used++] = mode == REPLICATE ? rg_expand_at(site, part, shape) : part;
    }
    return used == 1 ? x : rg_concat_at(site, used, parts, at);
}

#define PADDING(name, mode)                                                                                        \
    rg_tensor rg_pad_##name##_at(const char *site, rg_tensor x, int axis, int64_t before, int64_t after)           \
    {                                                                                                              \
        return padded(site, mode, x, axis, before, after);                                                         \
    }
PADDING(reflect, REFLECT)
PADDING(replicate, REPLICATE)
PADDING(circular, CIRCULAR)

/* The elements about an axis, [outer, n, inner], repeated along a new dimension in front of the axis or behind it. */
static rg_tensor repeated(const char *site, rg_tensor x, int axis, int64_t times, bool each)
{
    rg_shape shape = rg_shape_of(x), about = rg_shape_about(&shape, axis);
    const int64_t outer = each ? about.size[0] * about.size[1] : about.size[0];
    const int64_t inner = each ? about.size[2] : about.size[1] * about.size[2];
    rg_tensor apart = rg_reshape_at(site, x, RG_SHAPE(outer, 1, inner));
    rg_tensor all = rg_expand_at(site, apart, RG_SHAPE(outer, times, inner));
    shape.size[axis] *= times; /* expand has seen to it that there are not too many */
    return rg_is_null(all) ? all : rg_reshape_at(site, all, shape);
}

rg_tensor rg_repeat_at(const char *site, rg_tensor x, int axis, int64_t times)
{
    int at;
    int64_t size;
    const rg_node *node = node_with_axis(site, "repeat", x, axis, &at);
    if (!node) return (rg_tensor){ 0 };
    if (times < 0 || __builtin_mul_overflow(node->shape->size[at], times, &size))
        return rg_fail_op(x.tape, site, RG_E_ARGUMENT, "repeat", "a negative or too large number of times", 1, &x);
    return repeated(site, x, at, times, true);
}

rg_tensor rg_tile_at(const char *site, rg_tensor x, rg_shape times)
{
    const rg_node *node = rg_node_checked(site, "tile", x);
    if (!node) return (rg_tensor){ 0 };
    const rg_shape shape = *node->shape;
    rg_shape ones = times, size = shape;
    for (int i = 0; i < times.rank && i < RG_MAX_RANK; i++) ones.size[i] = 1;
    bool fits = rg_shape_count(times) >= 0 && rg_broadcast(&shape, &ones, &size);
    rg_shape tiled = size;
    for (int i = 0; fits && i < times.rank; i++) {
        int64_t *whole = &tiled.size[i + size.rank - times.rank];
        fits = !__builtin_mul_overflow(*whole, times.size[i], whole);
    }
    if (!fits || rg_shape_count(tiled) < 0)
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "tile", "a negative or too large number of times", 1, &x);
    if (size.rank > shape.rank) x = rg_reshape_at(site, x, size);
    for (int i = 0; i < times.rank; i++)
        if (times.size[i] != 1) x = repeated(site, x, i + size.rank - times.rank, times.size[i], false);
    return x;
}

/* The matrix in row-major order is zeros with the vector spread over every (m + 1)-th place. */
rg_tensor rg_diag_at(const char *site, rg_tensor x, int64_t diagonal)
{
    const rg_node *node = rg_node_checked(site, "diag", x);
    if (!node) return (rg_tensor){ 0 };
    rg_shape shape = *node->shape;
    const int64_t limit = (int64_t)1 << 30;
    if (!rg_dtype_is_float((rg_dtype)node->dtype))
        return rg_fail_op(x.tape, site, RG_E_DTYPE, "diag", "takes f32 or f64", 1, &x);
    if (shape.rank < 1 || shape.rank == RG_MAX_RANK)
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "diag", "takes 1 to 7 axes", 1, &x);
    const int64_t n = shape.size[shape.rank - 1];
    if (diagonal > limit || diagonal < -limit || n > limit)
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "diag", "the result is too large", 1, &x);
    const int64_t above = diagonal > 0 ? diagonal : 0, below = diagonal < 0 ? -diagonal : 0, m = n + above + below;
    rg_tensor flat = rg_spread(site, x, shape.rank - 1, above + below * m, m + 1, m * m);
    shape.size[shape.rank - 1] = shape.size[shape.rank] = m;
    shape.rank++;
    return rg_is_null(flat) ? flat : rg_reshape_at(site, flat, shape);
}
