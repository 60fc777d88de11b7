/* order.c: where the largest and the smallest stand, elements in order, and the first few of them. Places are i64; what
 * stands there is gathered, so its gradient is that of gather. */
#include "ops.h"

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }

static double operand_elements(const rg_call *call)
{
    return (double)rg_shape_count(call->layout[1].shape);
}

static rg_status places_shape(rg_shape_call *call)
{
    if (!rg_dtype_is_float(call->in_dtype[0])) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in[0]->rank < 1) return rg_refuse(call, RG_E_SHAPE, "takes at least one axis");
    call->dtype = RG_I64;
    call->like = 1;
    return RG_OK;
}

/* ---- The place of the largest, and of the smallest ------------------------------------------------------------- */

static rg_status place_shape(rg_shape_call *call)
{
    rg_status status = places_shape(call);
    if (status) return status;
    call->like = 0;
    call->shape = *call->in[0];
    if (call->shape.size[--call->shape.rank] == 0) return rg_refuse(call, RG_E_SHAPE, "a row of no elements");
    return RG_OK;
}

/* A NaN that has been found stays, as does the first of several. */
#define PLACE(name, type, suffix, FURTHER)                                                                         \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        const int64_t n = rg_operand_row_elements(call);                                                                         \
        for (int64_t row = begin; row < end; row++) {                                                              \
            const type *x = (const type *)call->in[0] + row * n;                                                   \
            int64_t at = 0;                                                                                        \
            for (int64_t i = 1; i < n && x[at] == x[at]; i++)                                                      \
                if (x[i] FURTHER x[at] || x[i] != x[i]) at = i;                                                    \
            ((int64_t *)call->out)[row - call->origin] = at;                                                       \
        }                                                                                                          \
    }
#define BY_DTYPE(name)                                                                                             \
    static void name##_any(const rg_call *call, int64_t begin, int64_t end)                                        \
    {                                                                                                              \
        (call->layout[1].dtype == RG_F32 ? name##_f32 : name##_f64)(call, begin, end);                             \
    }

#define X(...) { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } } }
static const rg_sample place_samples[] = {
    X(3, 4), X(5), X(2, 3, 17), X(2, 1), X(0, 3),
    { .operands = 1, .refuse = RG_E_SHAPE }, { .operands = 1, .in = { { .shape = S(3, 0) } }, .refuse = RG_E_SHAPE },
    RG_REFUSE_INDEX_DTYPE_1, { .operands = 0 },
};
#define PLACE_OP(name_, FURTHER, text)                                                                             \
    PLACE(name_, float, f32, FURTHER)                                                                              \
    PLACE(name_, double, f64, FURTHER)                                                                             \
    BY_DTYPE(name_)                                                                                                \
    const rg_op rg_op_##name_ = { .name = #name_, .doc = text, .arity = 1, .kind = RG_ITEMS, .shape = place_shape, \
                                  .any = name_##_any, .items = rg_items_operand_rows, .item_work = rg_operand_row_elements,                  \
                                  .item_elements = rg_one_element, .operations = operand_elements,                    \
                                  .batch = rg_batch_same, .no_gradient = 1, .samples = place_samples };            \
    rg_tensor rg_##name_##_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims)                     \
    {                                                                                                              \
        return place(site, &rg_op_##name_, x, axes, keepdims);                                                     \
    }                                                                                                              \
    rg_tensor rg_##name_##_at(const char *site, rg_tensor x)                                                       \
    {                                                                                                              \
        return place(site, &rg_op_##name_, x, RG_ALL_AXES, false);                                                 \
    }

static rg_tensor place(const char *site, const rg_op *op, rg_tensor x, rg_axes axes, bool keepdims)
{
    rg_shape left;
    rg_tensor rows = rg_axes_as_last(site, op->name, x, axes, keepdims, &left);
    if (rg_is_null(rows)) return rows;
    rg_tensor y = rg_apply_at(site, op, NULL, 1, &rows);
    return rg_is_null(y) || rg_shape_equal(rg_shape_of(y), left) ? y : rg_reshape_at(site, y, left);
}

PLACE_OP(argmax, >, "place of the first largest, along the last axis")
PLACE_OP(argmin, <, "place of the first smallest, along the last axis")

/* ---- The places in order --------------------------------------------------------------------------------------- */

/* No two places are equal, so there is one order, and a sort that needs no memory beside the result finds it. */
#define ARGSORT(type, suffix)                                                                                      \
    static inline bool before_##suffix(const type *x, int64_t descending, int64_t a, int64_t b)                    \
    {                                                                                                              \
        const bool a_last = x[a] != x[a], b_last = x[b] != x[b];                                                   \
        if (a_last != b_last) return b_last;                                                                       \
        if (a_last || x[a] == x[b]) return a < b;                                                                  \
        return descending ? x[a] > x[b] : x[a] < x[b];                                                             \
    }                                                                                                              \
    /* Heapsort [Williams 1964; Floyd 1964]: place[first] sinks until what is below comes before it. */            \
    static void sink_##suffix(const type *x, int64_t descending, int64_t *place, int64_t first, int64_t n)         \
    {                                                                                                              \
        const int64_t sinking = place[first];                                                                      \
        for (int64_t below; (below = 2 * first + 1) < n; first = below) {                                          \
            if (below + 1 < n && before_##suffix(x, descending, place[below], place[below + 1])) below++;          \
            if (!before_##suffix(x, descending, sinking, place[below])) break;                                     \
            place[first] = place[below];                                                                           \
        }                                                                                                          \
        place[first] = sinking;                                                                                    \
    }                                                                                                              \
    static void argsort_##suffix(const rg_call *call, int64_t begin, int64_t end)                                  \
    {                                                                                                              \
        const int64_t n = rg_operand_row_elements(call), descending = *(const int64_t *)call->attributes;                        \
        for (int64_t row = begin; row < end; row++) {                                                              \
            const type *x = (const type *)call->in[0] + row * n;                                                   \
            int64_t *place = (int64_t *)call->out + (row * n - call->origin);                                      \
            for (int64_t i = 0; i < n; i++) place[i] = i;                                                          \
            for (int64_t i = n / 2; i-- > 0;) sink_##suffix(x, descending, place, i, n);                           \
            for (int64_t i = n - 1; i > 0; i--) {                                                                  \
                const int64_t last = place[0];                                                                     \
                place[0] = place[i];                                                                               \
                place[i] = last;                                                                                   \
                sink_##suffix(x, descending, place, 0, i);                                                         \
            }                                                                                                      \
        }                                                                                                          \
    }
ARGSORT(float, f32)
ARGSORT(double, f64)
BY_DTYPE(argsort)

/* Some twenty comparisons an element of what may be sorted in a second. */
static int64_t sort_work(const rg_call *call)
{
    return 20 * rg_operand_row_elements(call);
}

static void describe_order(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%s", *(const int64_t *)attributes ? "descending" : "ascending");
}

static const int64_t ascending = 0, falling = 1;
#define SORTED(order, ...) { .operands = 1, .in = { { .shape = S(__VA_ARGS__) } }, .attributes = &order }
static const rg_sample argsort_samples[] = {
    SORTED(ascending, 3, 4), SORTED(falling, 5), SORTED(ascending, 2, 3, 17), SORTED(falling, 2, 1),
    SORTED(ascending, 0, 3), SORTED(ascending, 3, 0),
    { .operands = 1, .attributes = &ascending, .refuse = RG_E_SHAPE },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(3) } }, .attributes = &ascending, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
const rg_op rg_op_argsort = { .name = "argsort", .doc = "places of the elements in order, along the last axis",
                              .arity = 1, .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = places_shape,
                              .any = argsort_any, .items = rg_items_operand_rows, .item_work = sort_work,
                              .item_elements = rg_operand_row_elements, .operations = operand_elements, .batch = rg_batch_same,
                              .no_gradient = 1, .samples = argsort_samples, .describe = describe_order };

static rg_tensor argsort(const char *site, const char *name, rg_tensor x, int axis, bool descending)
{
    const rg_node *node = rg_node_checked(site, name, x);
    if (node && !rg_dtype_is_float((rg_dtype)node->dtype))
        return rg_fail_op(x.tape, site, RG_E_DTYPE, name, "takes f32 or f64", 1, &x);
    rg_tensor moved = rg_axis_to_last(site, name, x, axis);
    if (rg_is_null(moved)) return moved;
    rg_tensor places = rg_apply_at(site, &rg_op_argsort, descending ? &falling : &ascending, 1, &moved);
    return rg_axis_from_last(site, places, axis);
}

rg_tensor rg_argsort_at(const char *site, rg_tensor x, int axis, bool descending)
{
    return argsort(site, "argsort", x, axis, descending);
}

rg_tensor rg_sort_at(const char *site, rg_tensor x, int axis, bool descending)
{
    rg_tensor places = argsort(site, "sort", x, axis, descending);
    return rg_is_null(places) ? places : rg_gather_at(site, x, axis, places);
}

rg_tensor rg_top_k_at(const char *site, rg_tensor x, int64_t k, int axis, bool largest, rg_tensor *places)
{
    if (places) *places = (rg_tensor){ 0 };
    rg_tensor all = argsort(site, "top_k", x, axis, largest);
    if (rg_is_null(all)) return all;
    const rg_shape shape = rg_shape_of(x);
    if (k < 0 || k > shape.size[rg_axis_normal(axis, shape.rank)])
        return rg_fail_op(x.tape, site, RG_E_ARGUMENT, "top_k", "the axis has not that many elements", 1, &x);
    rg_tensor first = rg_slice_step_at(site, all, axis, 0, k, 1);
    if (places) *places = first;
    return rg_gather_at(site, x, axis, first);
}
