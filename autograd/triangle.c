/* triangle.c: the lower, or the upper, triangle of each matrix, as an op. It selects, and is its own adjoint. */
#include "ops.h"

typedef struct {
    int64_t upper;
    double diagonal;
} triangle_attributes;

static rg_status triangle_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in[0]->rank < 2) return rg_refuse(call, RG_E_SHAPE, "takes matrices");
    return RG_OK;
}

static int64_t last_size(const rg_call *call)
{
    const rg_shape *y = &call->layout[0].shape;
    return y->size[y->rank - 1];
}

static int64_t triangle_items(const rg_call *call)
{
    const int64_t columns = last_size(call);
    return columns ? rg_elements(&call->layout[0].shape) / columns : 0;
}

#define TRIANGLE(type, suffix)                                                                                     \
    static void triangle_##suffix(const rg_call *call, int64_t begin, int64_t end)                                 \
    {                                                                                                              \
        const triangle_attributes *how = call->attributes;                                                         \
        const rg_shape *shape = &call->layout[0].shape;                                                            \
        const int64_t rows = shape->size[shape->rank - 2], columns = shape->size[shape->rank - 1];                 \
        const type diagonal = (type)how->diagonal;                                                                 \
        for (int64_t item = begin; item < end; item++) {                                                           \
            const int64_t row = item % rows;                                                                       \
            const type *x = (const type *)call->in[0] + item * columns;                                            \
            type *y = (type *)call->out + (item * columns - call->origin);                                         \
            for (int64_t i = 0; i < columns; i++) y[i] = (how->upper ? i > row : i < row) ? x[i] : 0;              \
            if (row < columns && diagonal != 0) y[row] = diagonal * x[row];                                        \
        }                                                                                                          \
    }
TRIANGLE(float, f32)
TRIANGLE(double, f64)

static rg_tensor triangle_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    const triangle_attributes how = *(const triangle_attributes *)rg_attributes_of(y);
    return rg_apply(&rg_op_triangle, &how, 1, &g);
}

static void describe_triangle(const void *attributes, char *text, size_t size)
{
    const triangle_attributes *how = attributes;
    snprintf(text, size, "%s, diagonal times %g", how->upper ? "upper" : "lower", how->diagonal);
}

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
#define HOW(attributes_, ...) { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = attributes_ }
static const triangle_attributes lower = { 0, 1 }, strictly_upper = { 1, 0 }, lower_half = { 0, 0.5 };
static const rg_sample triangle_samples[] = {
    HOW(&lower_half, 3, 3), HOW(&strictly_upper, 2, 3, 4), HOW(&lower, 4, 2), HOW(&lower, 0, 3),
    { .operands = 1, .in = { { .shape = S(3) } }, .attributes = &lower, .refuse = RG_E_SHAPE },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(3, 3) } }, .attributes = &lower, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
const rg_op rg_op_triangle = { .name = "triangle", .doc = "a triangle of each matrix, its diagonal times a factor",
                               .arity = 1, .kind = RG_ITEMS, .attribute_size = sizeof(triangle_attributes),
                               .shape = triangle_shape, .f32 = triangle_f32, .f64 = triangle_f64, .items = triangle_items,
                               .item_elements = last_size, .vjp = triangle_vjp, .batch = rg_batch_matrices,
                               .samples = triangle_samples, .describe = describe_triangle };

rg_tensor rg_triangle_at(const char *site, rg_tensor x, bool upper, double diagonal)
{
    const triangle_attributes how = { upper, diagonal };
    return rg_apply_at(site, &rg_op_triangle, &how, 1, &x);
}
