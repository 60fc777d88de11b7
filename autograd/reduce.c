/* reduce.c: sums, products, maxima and minima over axes.
 *
 * Recorded in one form: the reduced axes stand side by side (others are permuted away first), so that a kernel
 * sees [outer, reduced, inner] and writes [outer, inner]. Order is part of the result: a sum along a row runs in
 * sixteen lanes over blocks that are then added pairwise; a sum down columns adds row after row in blocks. No
 * SIMD level and no cut of the work between threads changes it. */
#include "complex_functions.h"
#include "lanes.h"
#include "ops.h"
#include "simd.h"
#include "step.h"

typedef struct {
    int64_t first, last, keepdims; /* the reduced axes are first <= i < last */
} reduce_attributes;

typedef struct {
    int64_t outer, reduced, inner;
} extent;

static int64_t product(const rg_shape *shape, int64_t from, int64_t to)
{
    int64_t count = 1;
    for (int64_t i = from; i < to; i++) count *= shape->size[i];
    return count;
}

static extent extent_of(const rg_shape *shape, const reduce_attributes *attributes)
{
    return (extent){ product(shape, 0, attributes->first), product(shape, attributes->first, attributes->last),
                     product(shape, attributes->last, shape->rank) };
}

static rg_status reduce_shape(rg_shape_call *call)
{
    const reduce_attributes *attributes = call->attributes;
    const rg_shape *in = call->in[0];
    call->dtype = call->in_dtype[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (attributes->first < 0 || attributes->last < attributes->first || attributes->last > in->rank)
        return rg_refuse(call, RG_E_ARGUMENT, "axes out of range");
    call->shape.rank = 0;
    for (int i = 0; i < in->rank; i++) {
        bool reduced = i >= attributes->first && i < attributes->last;
        if (!reduced || attributes->keepdims) call->shape.size[call->shape.rank++] = reduced ? 1 : in->size[i];
    }
    return RG_OK;
}

static rg_status extreme_shape(rg_shape_call *call, const char *what)
{
    rg_status status = reduce_shape(call);
    if (status) return status;
    extent e = extent_of(call->in[0], call->attributes);
    if (e.reduced == 0 && e.outer > 0 && e.inner > 0) return rg_refuse(call, RG_E_SHAPE, "the %s of no elements", what);
    return RG_OK;
}

static rg_status max_shape(rg_shape_call *call)
{
    return extreme_shape(call, "largest");
}

static rg_status min_shape(rg_shape_call *call)
{
    return extreme_shape(call, "smallest");
}

static void reduce_prepare(const rg_call *call, void *prepared)
{
    *(extent *)prepared = extent_of(&call->layout[1].shape, call->attributes);
}

static int64_t reduced_work(const rg_call *call)
{
    return extent_of(&call->layout[1].shape, call->attributes).reduced;
}

/* One for each element that goes in. */
static double operand_elements(const rg_call *call)
{
    return (double)rg_shape_count(call->layout[1].shape);
}

enum { COLUMNS = 128, FEW = 16, BLOCK_ROWS = 64, GROUP_ROWS = 64 * BLOCK_ROWS };

/* Items are elements of the result; those of one outer index and neighbouring inner ones go together. */
#define REDUCE_KERNEL(name, type, suffix, target, along)                                                     \
    target static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                            \
    {                                                                                                              \
        const extent e = *(const extent *)call->prepared;                                                          \
        const type *x = call->in[0];                                                                               \
        type *y = call->out;                                                                                       \
        for (int64_t i = begin; i < end;) {                                                                        \
            const int64_t outer = i / e.inner, inner = i % e.inner;                                                \
            const type *from = x + outer * e.reduced * e.inner + inner;                                            \
            if (e.inner == 1) {                                                                                    \
                along##_##suffix(from, e.reduced, end - i, y + (i - call->origin));                                \
                return;                                                                                            \
            }                                                                                                      \
            int64_t n = e.inner - inner < end - i ? e.inner - inner : end - i;                                     \
            if (n > COLUMNS) n = COLUMNS;                                                                          \
            name##_down_##suffix(from, e.reduced, e.inner, n, y + (i - call->origin));                                       \
            i += n;                                                                                                \
        }                                                                                                          \
    }

/* All of a small call as a step. */
#define REDUCE_STEP(name, type, suffix, target, along)                                                             \
    target static const rg_step *name##_step_##suffix(const rg_step *step)                                         \
    {                                                                                                              \
        const extent e = *(const extent *)step->attributes;                                                        \
        const type *x = step->in[0];                                                                               \
        type *y = step->out;                                                                                       \
        if (e.inner == 1) along##_##suffix(x, e.reduced, e.outer, y);                                              \
        for (int64_t outer = 0; e.inner > 1 && outer < e.outer; outer++, x += e.reduced * e.inner, y += e.inner)   \
            for (int64_t j = 0; j < e.inner; j += COLUMNS)                                                         \
                name##_down_##suffix(x + j, e.reduced, e.inner, e.inner - j < COLUMNS ? e.inner - j : COLUMNS, y + j); \
        return RG_NEXT_STEP(step);                                                                                 \
    }

/* Blocks of rows are summed apart and then added, and so are groups of blocks: the error of a long column grows with the
 * number of rows in a block, of blocks in a group and of groups, and not with their product. */
#define SUM_FEW(name, type, suffix, target, unused)                                                                \
    target static void name##_few_##suffix(const type *x, int64_t rows, int64_t stride, int64_t n, type *restrict y) \
    {                                                                                                              \
        for (; n >= FEW; n -= FEW, x += FEW, y += FEW) {                                                           \
            type sum[FEW];                                                                                         \
            for (int j = 0; j < FEW; j++) sum[j] = rows > 0 ? x[j] : 0;                                            \
            for (int64_t i = 1; i < rows; i++)                                                                     \
                for (int j = 0; j < FEW; j++) sum[j] += x[i * stride + j];                                         \
            for (int j = 0; j < FEW; j++) y[j] = 0 + sum[j];                                                       \
        }                                                                                                          \
        for (int64_t j = 0; j < n; j++) {                                                                          \
            type sum = rows > 0 ? x[j] : 0;                                                                        \
            for (int64_t i = 1; i < rows; i++) sum += x[i * stride + j];                                           \
            y[j] = 0 + sum;                                                                                        \
        }                                                                                                          \
    }
#define SUM_DOWN(name, type, suffix, target, unused)                                                               \
    target static void name##_down_##suffix(const type *x, int64_t rows, int64_t stride, int64_t n, type *restrict y) \
    {                                                                                                              \
        type block[COLUMNS], group[COLUMNS];                                                                       \
        if (rows <= BLOCK_ROWS && n <= 2 * FEW) {                                                                  \
            name##_few_##suffix(x, rows, stride, n, y);                                                            \
            return;                                                                                                \
        }                                                                                                          \
        for (int64_t j = 0; j < n; j++) y[j] = 0;                                                                  \
        for (int64_t first = 0; first < rows; first += BLOCK_ROWS) {                                               \
            const int64_t last = rows - first < BLOCK_ROWS ? rows : first + BLOCK_ROWS;                            \
            const bool begins = first % GROUP_ROWS == 0, ends = last % GROUP_ROWS == 0 || last == rows;            \
            for (int64_t j = 0; j < n; j++) block[j] = x[first * stride + j];                                      \
            for (int64_t i = first + 1; i < last; i++)                                                             \
                for (int64_t j = 0; j < n; j++) block[j] += x[i * stride + j];                                     \
            for (int64_t j = 0; j < n; j++) group[j] = begins ? block[j] : group[j] + block[j];                    \
            for (int64_t j = 0; ends && j < n; j++) y[j] += group[j];                                              \
        }                                                                                                          \
    }

#define EXTREME_DOWN(name, type, suffix, target, CHOOSE)                                                           \
    target static void name##_down_##suffix(const type *x, int64_t rows, int64_t stride, int64_t n, type *restrict y) \
    {                                                                                                              \
        for (int64_t j = 0; j < n; j++) y[j] = x[j];                                                               \
        for (int64_t i = 1; i < rows; i++)                                                                         \
            for (int64_t j = 0; j < n; j++) y[j] = CHOOSE(x[i * stride + j], y[j]);                                \
    }

#define EXTREME_ALONG(name, type, suffix, target, unused)                                                          \
    target static void name##_along_##suffix(const type *x, int64_t n, int64_t rows, type *restrict y)             \
    {                                                                                                              \
        for (int64_t row = 0; row < rows; row++) y[row] = rg_lanes_##name##_##type(x + row * n, n);                \
    }
/* One factor after another: where a product overflows or vanishes depends on the order, so it is the plainest. */
#define PRODUCT_DOWN(name, type, suffix, target, unused)                                                           \
    target static void name##_down_##suffix(const type *x, int64_t rows, int64_t stride, int64_t n, type *restrict y) \
    {                                                                                                              \
        for (int64_t j = 0; j < n; j++) y[j] = 1;                                                                  \
        for (int64_t i = 0; i < rows; i++)                                                                         \
            for (int64_t j = 0; j < n; j++) y[j] *= x[i * stride + j];                                             \
    }
#define PRODUCT_ALONG(name, type, suffix, target, unused)                                                          \
    target static void name##_along_##suffix(const type *x, int64_t n, int64_t rows, type *restrict y)             \
    {                                                                                                              \
        for (int64_t row = 0; row < rows; row++, x += n) {                                                         \
            y[row] = 1;                                                                                            \
            for (int64_t i = 0; i < n; i++) y[row] *= x[i];                                                        \
        }                                                                                                          \
    }

RG_EACH_KERNEL(SUM_FEW, sum, 0)
RG_EACH_KERNEL(SUM_DOWN, sum, 0)
RG_EACH_KERNEL(REDUCE_KERNEL, sum, rg_sum_rows)
RG_EACH_KERNEL(REDUCE_STEP, sum, rg_sum_rows)
RG_EACH_KERNEL(EXTREME_DOWN, max, RG_LARGER)
RG_EACH_KERNEL(REDUCE_KERNEL, max, rg_max_rows)

/* The rarer ones, without vector instructions of their own. */
#define PORTABLE(MAKE, name, ...)                                                                                  \
    MAKE(name, float, f32, RG_TARGET_PORTABLE, __VA_ARGS__)                                                        \
    MAKE(name, double, f64, RG_TARGET_PORTABLE, __VA_ARGS__)
PORTABLE(EXTREME_ALONG, min, 0)
PORTABLE(EXTREME_DOWN, min, RG_SMALLER)
PORTABLE(REDUCE_KERNEL, min, min_along)
PORTABLE(PRODUCT_ALONG, prod, 0)
PORTABLE(PRODUCT_DOWN, prod, 0)
PORTABLE(REDUCE_KERNEL, prod, prod_along)

/* The largest, or smallest, by its real part; a NaN wins, as in RG_LARGER. */
static void extreme_complex_f64(const rg_call *call, int64_t begin, int64_t end, int sign)
{
    const extent e = extent_of(&call->layout[1].shape, call->attributes);
    for (int64_t i = begin; i < end; i++) {
        const rg_complex *x = (const rg_complex *)call->in[0] + i / e.inner * e.reduced * e.inner + i % e.inner;
        rg_complex most = x[0];
        for (int64_t j = 1; j < e.reduced; j++) {
            const rg_complex next = x[j * e.inner];
            if (sign * RE(next) > sign * RE(most) || RE(next) != RE(next)) most = next;
        }
        ((rg_complex *)call->out)[i] = most;
    }
}

static void max_complex_f64(const rg_call *call, int64_t begin, int64_t end)
{
    extreme_complex_f64(call, begin, end, 1);
}

static void min_complex_f64(const rg_call *call, int64_t begin, int64_t end)
{
    extreme_complex_f64(call, begin, end, -1);
}

static void prod_complex_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const extent e = extent_of(&call->layout[1].shape, call->attributes);
    for (int64_t i = begin; i < end; i++) {
        const rg_complex *x = (const rg_complex *)call->in[0] + i / e.inner * e.reduced * e.inner + i % e.inner;
        rg_complex y = 1;
        for (int64_t j = 0; j < e.reduced; j++) y *= x[j * e.inner];
        ((rg_complex *)call->out)[i - call->origin] = y;
    }
}

/* ---- A fold: the sum of all elements, as rg_lanes_sum does it, in two parts ------------------------------------ */

/* A part of a block, whose lanes are in the state; and the sum so far. */
#define SUM_BLOCKS(name, type, suffix, target, unused)                                                             \
    target static void part_of_block_##suffix(const type *x, int64_t n, rg_fold_state *state, type *y)             \
    {                                                                                                              \
        type *kept = (type *)(void *)state->lanes, lane[RG_LANES], joined[RG_LANES];                               \
        for (int j = 0; j < RG_LANES; j++) lane[j] = state->begins ? 0 : kept[j];                                  \
        rg_lanes_add_##type(lane, x, n);                                                                           \
        for (int j = 0; j < RG_LANES; j++) kept[j] = joined[j] = lane[j];                                          \
        *y = rg_lanes_join_##type(joined);                                                                         \
    }                                                                                                              \
    static const rg_step *name##_step_##suffix(const rg_step *step)                                                \
    {                                                                                                              \
        part_of_block_##suffix(step->in[0], step->count, step->in[1], step->out);                                  \
        return RG_NEXT_STEP(step);                                                                                 \
    }                                                                                                              \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        part_of_block_##suffix((const type *)call->in[0] + begin, end - begin,                                     \
                               (rg_fold_state *)(uintptr_t)call->in[1], call->out);                                \
    }
RG_EACH_KERNEL(SUM_BLOCKS, sum_blocks, 0)

#define SUM_TOGETHER(type, suffix)                                                                                 \
    static void sum_together_##suffix(const rg_call *call, int64_t begin, int64_t end)                             \
    {                                                                                                              \
        const type *blocks = call->in[0];                                                                          \
        rg_lanes_counter_##type counter = { .depth = 0 };                                                          \
        (void)begin, (void)end;                                                                                    \
        for (int64_t i = 0; i < call->layout[1].shape.size[0]; i++) rg_lanes_count_##type(&counter, blocks[i]);    \
        *(type *)call->out = rg_lanes_total_##type(&counter);                                                      \
    }
SUM_TOGETHER(float, f32)
SUM_TOGETHER(double, f64)

static rg_step_kernel *sum_small(const void *prepared, rg_dtype dtype, int simd)
{
    static rg_step_kernel *const f32[] = { sum_step_f32, sum_step_f32_avx2, sum_step_f32_avx512 };
    static rg_step_kernel *const f64[] = { sum_step_f64, sum_step_f64_avx2, sum_step_f64_avx512 };
    (void)prepared;
    return (dtype == RG_F32 ? f32 : f64)[simd];
}
static const rg_op_small sum_as_step = { .step = sum_small };

static bool sums_all(const rg_layout *in, const void *attributes)
{
    const reduce_attributes *axes = attributes;
    return axes->first == 0 && axes->last == in->shape.rank;
}

static const rg_op_steps sum_blocks_steps = {
    .many = { { sum_blocks_step_f32, sum_blocks_step_f32_avx2, sum_blocks_step_f32_avx512 },
              { sum_blocks_step_f64, sum_blocks_step_f64_avx2, sum_blocks_step_f64_avx512 } },
};
static const rg_op sum_blocks = { .name = "sum", .doc = "sums of blocks", .arity = 1, RG_KERNELS(sum_blocks),
                                  .steps = &sum_blocks_steps };
static const rg_op sum_together = { .name = "sum", .doc = "the sum of sums of blocks", .arity = 1, .kind = RG_ITEMS,
                                    .f32 = sum_together_f32, .f64 = sum_together_f64, .operations = operand_elements };

/* ---- Folds of rows ----------------------------------------------------------------------------------------------- */

#define ROWS_STEP(name, type, suffix, target, along)                                                               \
    static const rg_step *name##_step_##suffix(const rg_step *step)                                                \
    {                                                                                                              \
        const int64_t n = *(const int64_t *)step->attributes;                                                      \
        along##_##suffix(step->in[0], n, step->count / n, step->out);                                              \
        return RG_NEXT_STEP(step);                                                                                 \
    }
#define ROWS_OP(id, name_)                                                                                         \
    RG_EACH_KERNEL(ROWS_STEP, id, rg_##id)                                                                         \
    static const rg_op_steps id##_steps = { .many = { { id##_step_f32, id##_step_f32_avx2, id##_step_f32_avx512 }, \
                                                      { id##_step_f64, id##_step_f64_avx2, id##_step_f64_avx512 } } }; \
    static const rg_op id = { .name = name_, .doc = name_ " of each row", .arity = 1, .steps = &id##_steps };
ROWS_OP(sum_rows, "sum")
ROWS_OP(max_rows, "max")

static int64_t reduced_row(const rg_layout *in, const void *attributes)
{
    const extent e = extent_of(&in->shape, attributes);
    return e.inner == 1 ? e.reduced : 0;
}

static const rg_op_fold sum_fold = { &sum_blocks, &sum_together, sums_all, &sum_rows, reduced_row };
static const rg_op_fold max_fold = { .rows = &max_rows, .row = reduced_row };

/* ---- Derivatives ------------------------------------------------------------------------------------ */

/* t of the reduced shape, seen with the reduced axes as size 1, so that it broadcasts against x. */
static rg_tensor with_axes_kept(rg_tensor t, rg_tensor x, const reduce_attributes *attributes)
{
    if (attributes->keepdims) return t;
    rg_shape shape = rg_shape_of(x);
    for (int64_t i = attributes->first; i < attributes->last; i++) shape.size[i] = 1;
    return rg_reshape(t, shape);
}

static rg_tensor sum_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    return rg_expand(with_axes_kept(g, in[0], rg_attributes_of(y)), rg_shape_of(in[0]));
}

/* g goes to the places that hold the extreme value, shared equally among ties (PyTorch's amax and amin do so). */
static rg_tensor extreme_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const reduce_attributes *attributes = rg_attributes_of(y);
    const reduce_attributes kept = { attributes->first, attributes->last, 1 };
    rg_tensor there = rg_equal(in[0], with_axes_kept(y, in[0], attributes));
    rg_tensor ties = rg_apply(&rg_op_sum, &kept, 1, &there);
    rg_tensor share = rg_div(with_axes_kept(g, in[0], attributes), ties);
    return rg_where(there, share, rg_full(g.tape, rg_dtype_of(g), RG_SCALAR, 0));
}

/* Each element's slope is the product of the others, which no division gives where there are zeros. */
static rg_tensor prod_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const reduce_attributes *attributes = rg_attributes_of(y);
    const rg_shape shape = rg_shape_of(in[0]);
    const extent e = extent_of(&shape, attributes);
    if (rg_shape_count(shape) == 0) return (rg_tensor){ 0 };
    rg_tensor rows = rg_swap_axes(NULL, rg_reshape(in[0], RG_SHAPE(e.outer, e.reduced, e.inner)), 1, 2);
    rg_tensor others = rg_reshape(rg_swap_axes(NULL, rg_products_of_others(rows), 1, 2), shape);
    return rg_mul(with_axes_kept(g, in[0], attributes), others);
}

static rg_tensor reduce_batch(const rg_batch_call *call)
{
    const reduce_attributes *axes = call->attributes;
    const reduce_attributes behind = { axes->first + 1, axes->last + 1, axes->keepdims };
    return rg_apply_at(call->site, call->op, &behind, 1, call->in);
}

/* ---- Samples and the table's entries ------------------------------------------------------------------- */

static void describe_axes(const void *attributes, char *text, size_t size)
{
    const reduce_attributes *axes = attributes;
    snprintf(text, size, "axes %d:%d%s", (int)axes->first, (int)axes->last, axes->keepdims ? ", keepdims" : "");
}

static const reduce_attributes all_of_2 = { 0, 2, 0 }, first_of_2 = { 0, 1, 0 }, last_kept = { 1, 2, 1 },
                               middle = { 1, 2, 0 }, nothing = { 0, 0, 0 }, outside = { 1, 3, 0 };
#define X(attributes_, ...)                                                                                        \
    { .operands = 1, .in = { { .shape = { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } } } },                      \
      .attributes = &attributes_ }
static const rg_sample sum_samples[] = {
    X(all_of_2, 3, 4), X(first_of_2, 70, 3), X(last_kept, 3, 40), X(middle, 2, 3, 4), X(all_of_2, 1, 1),
    X(first_of_2, 0, 3), X(middle, 2, 0, 2), { .operands = 1, .attributes = &nothing },
    { .operands = 1, .in = { { .shape = { 2, { 3, 4 } } } }, .attributes = &outside, .refuse = RG_E_ARGUMENT },
    { .operands = 1, .in = { { .dtype = RG_I64, .shape = { 2, { 3, 4 } } } }, .attributes = &first_of_2,
      .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
static const rg_sample prod_samples[] = {
    X(all_of_2, 3, 4), X(first_of_2, 5, 3), X(last_kept, 3, 6), X(middle, 2, 3, 4), X(all_of_2, 1, 1),
    X(first_of_2, 0, 3), X(middle, 2, 0, 2), { .operands = 1, .attributes = &nothing },
    /* most are 0, and in some rows just one is */
    { .operands = 1, .in = { { .shape = { 2, { 6, 3 } }, .low = -1, .high = 1, .step = 1 } }, .attributes = &last_kept },
    { .operands = 1, .in = { { .shape = { 2, { 3, 4 } } } }, .attributes = &outside, .refuse = RG_E_ARGUMENT },
    { .operands = 1, .in = { { .dtype = RG_I64, .shape = { 2, { 3, 4 } } } }, .attributes = &first_of_2,
      .refuse = RG_E_DTYPE },
    { .operands = 0 },
};
static const rg_sample extreme_samples[] = {
    X(all_of_2, 3, 4), X(first_of_2, 7, 3), X(last_kept, 3, 40), X(middle, 2, 3, 4), X(all_of_2, 1, 1),
    X(last_kept, 0, 3), { .operands = 1, .attributes = &nothing },
    { .operands = 1, .in = { { .shape = { 2, { 0, 3 } } } }, .attributes = &first_of_2, .refuse = RG_E_SHAPE },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = { 2, { 3, 4 } } } }, .attributes = &first_of_2,
      .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

static const double two_of_three[] = { 2, 1, 2 }, shared_by_two[] = { 0.5, 0, 0.5 }, one_of_three[] = { 1, 2, 1 };
static const double all_alike[] = { 1, 1, 1 }, shared_by_all[] = { 1 / 3.0, 1 / 3.0, 1 / 3.0 };
static const reduce_attributes all_of_1 = { 0, 1, 0 };
#define EXTREME_KINKS(name, ties)                                                                                  \
    static const rg_kink name##_kinks[] = {                                                                        \
        { .operands = 1, .in = { { { 1, { 3 } }, ties, shared_by_two } }, .attributes = &all_of_1 },               \
        { .operands = 1, .in = { { { 1, { 3 } }, all_alike, shared_by_all } }, .attributes = &all_of_1 },          \
        { .operands = 0 },                                                                                         \
    };
EXTREME_KINKS(max, two_of_three)
EXTREME_KINKS(min, one_of_three)

#define PORTABLE_KERNELS(name) .f32 = name##_f32, .f64 = name##_f64
#define REDUCTION(name_, shape_, KERNELS, small_, fold_, vjp_, samples_, text, ...)                                \
    const rg_op rg_op_##name_ = { .name = #name_, .doc = text, .arity = 1, .kind = RG_ITEMS,                       \
                                  .attribute_size = sizeof(reduce_attributes), .shape = shape_,                    \
                                  KERNELS(name_), .prepared_size = sizeof(extent), .prepare = reduce_prepare,      \
                                  .items = rg_items_elements, .item_work = reduced_work, .operations = operand_elements, \
                                  .item_elements = rg_one_element, .small = small_, .fold = fold_, .vjp = vjp_,       \
                                  .batch = reduce_batch, .samples = samples_, .describe = describe_axes, __VA_ARGS__ };
REDUCTION(sum, reduce_shape, RG_KERNELS, &sum_as_step, &sum_fold, sum_vjp, sum_samples, "sum over axes",
          .linearity = RG_LINEAR)
REDUCTION(prod, reduce_shape, PORTABLE_KERNELS, NULL, NULL, prod_vjp, prod_samples, "product over axes",
          .complex_f64 = prod_complex_f64)
REDUCTION(max, max_shape, RG_KERNELS, NULL, &max_fold, extreme_vjp, extreme_samples,
          "largest over axes; ties share the cotangent", .complex_f64 = max_complex_f64, .kinks = max_kinks)
REDUCTION(min, min_shape, PORTABLE_KERNELS, NULL, NULL, extreme_vjp, extreme_samples,
          "smallest over axes; ties share the cotangent", .complex_f64 = min_complex_f64, .kinks = min_kinks)

/* ---- Recording ----------------------------------------------------------------------------------------- */

/* A permutation that moves the chosen axes to the end, keeping the order of both kinds. */
static rg_axes chosen_last(int rank, uint32_t mask)
{
    rg_axes order = { .count = 0 };
    for (int chosen = 0; chosen < 2; chosen++)
        for (int i = 0; i < rank; i++)
            if ((mask >> i & 1u) == (uint32_t)chosen) order.axis[order.count++] = i;
    return order;
}

static rg_tensor reduce(const char *site, const char *name, const rg_op *op, rg_tensor x, rg_axes axes, bool keepdims)
{
    uint32_t mask;
    if (!rg_axes_checked(site, name, x, axes, &mask)) return (rg_tensor){ 0 };
    const rg_node *node = &x.tape->nodes[x.node];
    const int rank = node->shape->rank;
    reduce_attributes attributes = { 0, 0, keepdims };
    int chosen = 0;
    for (int i = rank - 1; i >= 0; i--)
        if (mask >> i & 1u) {
            attributes.first = i;
            chosen++;
        }
    attributes.last = attributes.first + chosen;
    bool trivial = node->shape->rank > 0;
    rg_shape rest = { .rank = 0 };
    for (int i = 0; i < rank; i++) {
        const bool reduced = mask >> i & 1u;
        trivial = trivial && (!reduced || node->shape->size[i] == 1);
        if (!reduced || keepdims) rest.size[rest.rank++] = node->shape->size[i];
    }
    if (trivial) return rg_reshape_at(site, x, rest); /* of one element each */
    bool side_by_side = mask == ((1u << chosen) - 1u) << attributes.first;
    if (side_by_side) return rg_apply_one(site, x, op, &attributes);

    rg_shape kept = *node->shape;
    for (int i = 0; i < rank; i++)
        if (mask >> i & 1u) kept.size[i] = 1;
    attributes = (reduce_attributes){ rank - chosen, rank, 0 };
    rg_tensor moved = rg_permute_at(site, x, chosen_last(rank, mask));
    rg_tensor y = rg_apply_one(site, moved, op, &attributes);
    return keepdims ? rg_reshape_at(site, y, kept) : y;
}

#define REDUCED(name)                                                                                              \
    rg_tensor rg_##name##_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims)                      \
    {                                                                                                              \
        return reduce(site, #name, &rg_op_##name, x, axes, keepdims);                                              \
    }                                                                                                              \
    rg_tensor rg_##name##_at(const char *site, rg_tensor x)                                                        \
    {                                                                                                              \
        return reduce(site, #name, &rg_op_##name, x, RG_ALL_AXES, false);                                          \
    }
REDUCED(sum)
REDUCED(max)
REDUCED(min)
REDUCED(prod)

/* The mean of no elements is 0/0, NaN, as everywhere else. */
rg_tensor rg_mean_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims)
{
    rg_tensor sum = reduce(site, "mean", &rg_op_sum, x, axes, keepdims);
    if (rg_is_null(sum)) return sum;
    const rg_node *nodes = x.tape->nodes;
    const double elements = (double)rg_elements(nodes[x.node].shape), results = (double)rg_elements(nodes[sum.node].shape);
    return rg_scale_at(site, sum, results / elements);
}

rg_tensor rg_mean_at(const char *site, rg_tensor x)
{
    return rg_mean_axes_at(site, x, RG_ALL_AXES, false);
}
