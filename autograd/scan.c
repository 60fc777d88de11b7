/* scan.c: running sums, and linear recurrences, of which running products are one. Along the last axis; others are
 * brought there by views. */
#include "characters.h"
#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }

static rg_status rows_shape(rg_shape_call *call)
{
    if (call->in[0]->rank < 1) return rg_refuse(call, RG_E_SHAPE, "takes at least one axis");
    return rg_shape_same(call);
}

/* ---- Running sums ---------------------------------------------------------------------------------------------- */

/* In double precision, so that a long sum of floats keeps its digits. */
#define CUMSUM(type, suffix)                                                                                       \
    static void cumsum_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        const int64_t n = rg_row_elements(call), reverse = *(const int64_t *)call->attributes;                        \
        for (int64_t row = begin; row < end; row++) {                                                              \
            const type *x = (const type *)call->in[0] + row * n;                                                   \
            type *y = (type *)call->out + (row * n - call->origin);                                                \
            double sum = 0;                                                                                        \
            for (int64_t j = 0; j < n; j++) {                                                                      \
                const int64_t i = reverse ? n - 1 - j : j;                                                         \
                y[i] = (type)(sum += (double)x[i]);                                                                \
            }                                                                                                      \
        }                                                                                                          \
    }
CUMSUM(float, f32)
CUMSUM(double, f64)

static rg_tensor cumsum_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    const int64_t back = !*(const int64_t *)rg_attributes_of(y);
    return rg_apply(&rg_op_cumsum, &back, 1, &g);
}

static void describe_direction(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%s", *(const int64_t *)attributes ? "from the end" : "");
}

static const int64_t forwards = 0, from_the_end = 1;
#define X(attributes_, ...) { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = attributes_ }
static const rg_sample cumsum_samples[] = {
    X(&forwards, 3, 4), X(&from_the_end, 2, 5), X(&forwards, 2, 3, 9), X(&forwards, 1), X(&forwards, 0),
    X(&forwards, 0, 3),
    { .operands = 1, .attributes = &forwards, .refuse = RG_E_SHAPE },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(3) } }, .attributes = &forwards, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
const rg_op rg_op_cumsum = { .name = "cumsum", .doc = "sums of the elements so far, along the last axis", .arity = 1,
                             .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = rows_shape,
                             .f32 = cumsum_f32, .f64 = cumsum_f64, .items = rg_items_rows, .item_work = rg_row_elements,
                             .item_elements = rg_row_elements, .linearity = RG_LINEAR, .vjp = cumsum_vjp, .batch = rg_batch_same,
                             .samples = cumsum_samples, .describe = describe_direction };

rg_tensor rg_cumsum_at(const char *site, rg_tensor x, int axis)
{
    return rg_along_axis(site, &rg_op_cumsum, &forwards, x, axis);
}

/* ---- Linear recurrences: r[i] = b[i] + a[i] r[i-1], where without b it is 0 -----------------------------------------
 * With s[i] = g[i] + a[i+1] s[i+1], a recurrence from the other end, the cotangent of b[i] is s[i] and that of a[i] is
 * s[i] r[i-1]. No element is divided by, so zeros do no harm, and the derivative is made of such recurrences again. */

typedef struct {
    double initial;            /* in front of the first element */
    int64_t reverse;           /* the first is the last */
} recurrence_attributes;

#define RECURRENCE(type, suffix)                                                                                   \
    static void recurrence_##suffix(const rg_call *call, int64_t begin, int64_t end)                               \
    {                                                                                                              \
        const recurrence_attributes *attributes = call->attributes;                                                \
        const int64_t n = rg_row_elements(call);                                                                      \
        const bool alone = call->operands == 1;                                                                    \
        for (int64_t row = begin; row < end; row++) {                                                              \
            const type *a = (const type *)call->in[0] + row * n, *b = alone ? NULL : (const type *)call->in[1] + row * n; \
            type *y = (type *)call->out + (row * n - call->origin), r = (type)attributes->initial;                 \
            for (int64_t j = 0; j < n; j++) {                                                                      \
                const int64_t i = attributes->reverse ? n - 1 - j : j;                                             \
                y[i] = r = alone ? a[i] * r : b[i] + a[i] * r;                                                     \
            }                                                                                                      \
        }                                                                                                          \
    }
RECURRENCE(float, f32)
RECURRENCE(double, f64)
RECURRENCE(double _Complex, complex_f64)

static rg_tensor recurrence(const char *site, rg_tensor a, rg_tensor b, double initial, bool reverse)
{
    const recurrence_attributes attributes = { initial, reverse };
    return rg_apply_at(site, &rg_op_linear_recurrence, &attributes, 2, (rg_tensor[]){ a, b });
}

/* Each element's neighbour: the one before it, the first one's being `edge`; or the one behind it. */
static rg_tensor neighbour(rg_tensor x, double edge, bool behind)
{
    const rg_shape shape = rg_shape_of(x);
    const int64_t n = shape.size[shape.rank - 1];
    if (n == 0) return x;
    rg_tensor longer = rg_pad_value(x, -1, !behind, behind, edge);
    return rg_slice(longer, -1, behind, n + behind);
}

static rg_tensor linear_recurrence_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    const recurrence_attributes *attributes = rg_attributes_of(y);
    const bool reverse = attributes->reverse;
    const double initial = attributes->initial;
    rg_tensor of_b = recurrence(NULL, neighbour(in[0], 0, !reverse), g, 0, !reverse);
    return k == 1 ? of_b : rg_mul(of_b, neighbour(y, initial, reverse));
}

static void describe_recurrence(const void *attributes, char *text, size_t size)
{
    const recurrence_attributes *recurrence_of = attributes;
    char initial[32];
    snprintf(initial, sizeof initial, "%.6g", recurrence_of->initial);
    rg_set_point(initial);
    snprintf(text, size, "from %s%s", initial, recurrence_of->reverse ? ", from the end" : "");
}

static const recurrence_attributes from_0 = { 0, 0 }, from_1 = { 1, 0 }, back_from_2 = { 2, 1 };
#define TWO(attributes_, ...)                                                                                      \
    { .operands = 2, .in = { { .shape = S(__VA_ARGS__) }, { .shape = S(__VA_ARGS__) } }, .attributes = attributes_ }
static const rg_sample recurrence_samples[] = {
    TWO(&from_1, 3, 4), TWO(&from_0, 2, 5), TWO(&back_from_2, 2, 2, 4), TWO(&from_1, 1), TWO(&from_0, 3, 0),
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .same_as = 1 } }, .attributes = &from_1 },
    { .operands = 1, .in = { { .shape = S(3, 4) } }, .attributes = &from_1 },
    { .operands = 1, .in = { { .shape = S(2, 5), .low = -1, .high = 1, .step = 1 } }, .attributes = &back_from_2 },
    { .operands = 3, .in = { { .shape = S(3) }, { .shape = S(3) }, { .shape = S(3) } }, .attributes = &from_1,
      .refuse = RG_E_ARGUMENT },
    /* a is 0 in many places */
    { .operands = 2, .in = { { .shape = S(3, 6), .low = -1, .high = 1, .step = 1 }, { .shape = S(3, 6) } },
      .attributes = &from_1 },
    { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(2) } }, .attributes = &from_1, .refuse = RG_E_SHAPE },
    { .operands = 2, .attributes = &from_1, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .dtype = RG_I32, .shape = S(3) }, { .dtype = RG_I32, .shape = S(3) } },
      .attributes = &from_1, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

static double one_an_operand(const rg_call *call)
{
    return call->operands * (double)rg_shape_count(call->layout[0].shape);
}

static rg_status recurrence_shape(rg_shape_call *call)
{
    return call->operands > 2 ? rg_refuse(call, RG_E_ARGUMENT, "takes one operand or two") : rows_shape(call);
}

const rg_op rg_op_linear_recurrence = {
    .name = "linear_recurrence", .doc = "r[i] = b[i] + a[i] r[i-1], along the last axis", .arity = RG_VARIADIC, .kind = RG_ITEMS,
    .attribute_size = sizeof(recurrence_attributes), .shape = recurrence_shape, .f32 = recurrence_f32, .f64 = recurrence_f64,
    .complex_f64 = recurrence_complex_f64, .items = rg_items_rows, .item_work = rg_row_elements, .item_elements = rg_row_elements, 
    .operations = one_an_operand,
    .vjp = linear_recurrence_vjp, .batch = rg_batch_same, .samples = recurrence_samples, .describe = describe_recurrence,
};

/* ---- Running products ------------------------------------------------------------------------------------------ */

static rg_tensor products(const char *site, rg_tensor x, bool reverse)
{
    const recurrence_attributes attributes = { 1, reverse };
    return rg_apply_at(site, &rg_op_linear_recurrence, &attributes, 1, &x);
}

rg_tensor rg_cumprod_at(const char *site, rg_tensor x, int axis)
{
    const rg_node *node = rg_node_checked(site, "cumprod", x);
    if (node && !rg_dtype_is_float((rg_dtype)node->dtype))
        return rg_fail_op(x.tape, site, RG_E_DTYPE, "cumprod", "takes f32 or f64", 1, &x);
    rg_tensor moved = rg_axis_to_last(site, "cumprod", x, axis);
    return rg_is_null(moved) ? moved : rg_axis_from_last(site, products(site, moved, false), axis);
}

rg_tensor rg_products_of_others(rg_tensor x)
{
    rg_tensor before = products(NULL, neighbour(x, 1, false), false);
    rg_tensor behind = products(NULL, neighbour(x, 1, true), true);
    return rg_mul(before, behind);
}
