/* triangles.c: the part of each matrix on one side of a diagonal, with zeros on the other. */
#include <string.h>

#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }

static rg_status matrix_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    return call->in[0]->rank < 2 ? rg_refuse(call, RG_E_SHAPE, "takes at least two axes") : RG_OK;
}

/* Row i of a matrix is cut where the diagonal crosses it: in front of element `at`. */
static int64_t cut(int64_t i, int64_t diagonal, int64_t columns)
{
    if (diagonal < -i) return 0;
    return diagonal < columns - i ? i + diagonal : columns;
}

static void triangle(const rg_call *call, int64_t begin, int64_t end, bool upper)
{
    const rg_shape *shape = &call->layout[0].shape;
    const size_t item = rg_dtype_size(call->layout[0].dtype);
    const int64_t n = rg_row_elements(call), rows = shape->size[shape->rank - 2];
    const int64_t diagonal = *(const int64_t *)call->attributes;
    for (int64_t row = begin; row < end; row++) {
        const char *x = (const char *)call->in[0] + (size_t)(row * n) * item;
        char *y = (char *)call->out + (size_t)(row * n - call->origin) * item;
        int64_t at = cut(row % rows, diagonal, n);
        if (!upper && at < n && diagonal >= -(row % rows)) at++; /* the diagonal itself is kept */
        const size_t first = (size_t)at * item, rest = (size_t)(n - at) * item;
        if (upper) memset(y, 0, first), memcpy(y + first, x + first, rest);
        else memcpy(y, x, first), memset(y + first, 0, rest);
    }
}

static void tril_any(const rg_call *call, int64_t begin, int64_t end)
{
    triangle(call, begin, end, false);
}

static void triu_any(const rg_call *call, int64_t begin, int64_t end)
{
    triangle(call, begin, end, true);
}

static void describe_diagonal(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "diagonal %lld", (long long)*(const int64_t *)attributes);
}

static const int64_t main_one = 0, above = 2, below = -1, far_above = INT64_MAX, far_below = INT64_MIN;
#define X(diagonal, ...) { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = &diagonal }
static const rg_sample triangle_samples[] = {
    X(main_one, 3, 4), X(above, 3, 5), X(below, 4, 3), X(main_one, 2, 3, 3), X(far_above, 3, 2), X(far_below, 3, 2),
    X(main_one, 1, 1), X(main_one, 0, 3), X(main_one, 3, 0),
    { .operands = 1, .in = { { .shape = S(3) } }, .attributes = &main_one, .refuse = RG_E_SHAPE },
    { .operands = 1, .attributes = &main_one, .refuse = RG_E_SHAPE }, { .operands = 0 },
};
#define TRIANGLE(name_, text)                                                                                      \
    static rg_tensor name_##_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)                             \
    {                                                                                                              \
        (void)k, (void)in;                                                                                         \
        return rg_##name_(g, *(const int64_t *)rg_attributes_of(y));                                               \
    }                                                                                                              \
    const rg_op rg_op_##name_ = { .name = #name_, .doc = text, .arity = 1, .kind = RG_ITEMS,                       \
                                  .attribute_size = sizeof(int64_t), .shape = matrix_shape, .any = name_##_any,    \
                                  .items = rg_items_rows, .item_work = rg_row_elements, .item_elements = rg_row_elements,    \
                                  .vjp = name_##_vjp, .batch = rg_batch_same, .samples = triangle_samples,         \
                                  .describe = describe_diagonal };                                                 \
    rg_tensor rg_##name_##_at(const char *site, rg_tensor x, int64_t diagonal)                                     \
    {                                                                                                              \
        return rg_apply_at(site, &rg_op_##name_, &diagonal, 1, &x);                                                \
    }
TRIANGLE(tril, "up to a diagonal of each matrix, and zeros")
TRIANGLE(triu, "from a diagonal of each matrix on, and zeros")

rg_tensor rg_eye_at(const char *site, rg_tape *tape, rg_dtype dtype, int64_t rows, int64_t columns, int64_t diagonal)
{
    rg_tensor ones = rg_full_at(site, tape, dtype, RG_SHAPE(rows, columns), 1);
    return rg_tril_at(site, rg_triu_at(site, ones, diagonal), diagonal);
}
