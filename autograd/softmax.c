/* softmax.c: ops along the last axis, a row at a time: softmax and its logarithm, logsumexp, cross-entropy.
 * Every one subtracts the row's largest element first, so that nothing overflows. */
#include <float.h>
#include <math.h>

#include "complex_functions.h"
#include "elementary.h"
#include "lanes.h"
#include "ops.h"

#define EXP(x) _Generic((x), float: rg_exp_f32, double: rg_exp_f64)(x)
#define LOG(x) _Generic((x), float: rg_log_f32, double: rg_log_f64)(x)

static int64_t last_size(const rg_shape *shape)
{
    return shape->rank > 0 ? shape->size[shape->rank - 1] : 1;
}

static int64_t row_work(const rg_call *call)
{
    return 8 * last_size(&call->layout[1].shape);
}

/* Of an element of a row: compared, subtracted from, raised to a power of e, and added; in softmax divided, in its
 * logarithm subtracted from once more. What is done once a row is not worth counting. */
static double four_an_element(const rg_call *call)
{
    return 4 * (double)rg_shape_count(call->layout[1].shape);
}

static double five_an_element(const rg_call *call)
{
    return 5 * (double)rg_shape_count(call->layout[1].shape);
}

/* Short rows go together, so that their exponentials are one loop: so many elements. */
enum { SPAN = 256, TOGETHER = 4 * SPAN };

static int64_t rows_together(int64_t n, int64_t left)
{
    const int64_t most = n > 0 && n <= SPAN ? TOGETHER / n : 1;
    return left < most ? left : most;
}

/* Each row less its largest element, which is kept. */
#define LESS_THE_LARGEST(name, type, suffix, target, unused)                                                       \
    target static void name##_##suffix(const type *x, int64_t n, int64_t rows, type *most, type *y)                \
    {                                                                                                              \
        rg_max_rows_##suffix(x, n, rows, most);                                                                    \
        for (int64_t row = 0; row < rows; row++)                                                                   \
            for (int64_t i = row * n; i < (row + 1) * n; i++) y[i] = x[i] - most[row];                             \
    }
RG_EACH_KERNEL(LESS_THE_LARGEST, less_the_largest, 0)

/* ln sum e^(x - m) + m. A row of -inf has m = -inf, and a +inf in it m = +inf: then m itself is the answer. The
 * exponentials are summed in blocks, as lanes.h sums a row. */
#define LOGSUMEXP(name, type, suffix, target, unused)                                                              \
    target static __attribute__((noinline)) type row_##name##_##suffix(const type *x, int64_t n)                   \
    {                                                                                                              \
        type e[SPAN], sum = 0, m, part;                                                                            \
        rg_max_rows_##suffix(x, n, 1, &m);                                                                         \
        if (!(m - m == 0)) return m;                                                                               \
        for (int64_t first = 0; first < n; first += SPAN) {                                                        \
            const int64_t count = n - first < SPAN ? n - first : SPAN;                                             \
            for (int64_t i = 0; i < count; i++) e[i] = EXP(x[first + i] - m);                                      \
            rg_sum_rows_##suffix(e, count, 1, &part);                                                              \
            sum += part;                                                                                           \
        }                                                                                                          \
        return LOG(sum) + m;                                                                                       \
    }                                                                                                              \
    /* The same for rows of at most SPAN elements together. */                                                     \
    target static __attribute__((noinline)) void rows_##name##_##suffix(const type *x, int64_t n, int64_t rows, type *y)\
    {                                                                                                              \
        type e[TOGETHER], most[TOGETHER], sum[TOGETHER];                                                           \
        less_the_largest_##suffix(x, n, rows, most, e);                                                            \
        for (int64_t i = 0; i < rows * n; i++) e[i] = EXP(e[i]);                                                   \
        rg_sum_rows_##suffix(e, n, rows, sum);                                                                     \
        for (int64_t row = 0; row < rows; row++) sum[row] = LOG(sum[row]) + most[row];                             \
        for (int64_t row = 0; row < rows; row++) y[row] = most[row] - most[row] == 0 ? sum[row] : most[row];       \
    }                                                                                                              \
    target static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                            \
    {                                                                                                              \
        const int64_t n = last_size(&call->layout[1].shape);                                                       \
        const type *x = call->in[0];                                                                               \
        type *y = call->out;                                                                                       \
        for (int64_t row = begin, rows; row < end; row += rows) {                                                  \
            rows = rows_together(n, end - row);                                                                    \
            if (n <= SPAN) rows_##name##_##suffix(x + row * n, n, rows, y + (row - call->origin));                 \
            else y[row - call->origin] = row_##name##_##suffix(x + row * n, n);                                    \
        }                                                                                                          \
    }
RG_EACH_KERNEL(LOGSUMEXP, logsumexp, 0)

#define SOFTMAX(name, type, suffix, target, unused)                                                                \
    target static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                            \
    {                                                                                                              \
        const int64_t n = last_size(&call->layout[1].shape);                                                       \
        for (int64_t first = begin, rows; first < end; first += rows) {                                            \
            const type *x = (const type *)call->in[0] + first * n;                                                 \
            type *y = (type *)call->out + (first * n - call->origin), each[TOGETHER];                              \
            rows = rows_together(n, end - first);                                                                  \
            less_the_largest_##suffix(x, n, rows, each, y);                                                        \
            for (int64_t i = 0; i < rows * n; i++) y[i] = EXP(y[i]);                                               \
            rg_sum_rows_##suffix(y, n, rows, each);                                                                \
            for (int64_t row = 0; row < rows; row++)                                                               \
                for (int64_t i = row * n; i < (row + 1) * n; i++) y[i] /= each[row];                               \
        }                                                                                                          \
    }
RG_EACH_KERNEL(SOFTMAX, softmax, 0)

#define LOG_SOFTMAX(name, type, suffix, target, unused)                                                            \
    target static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                            \
    {                                                                                                              \
        const int64_t n = last_size(&call->layout[1].shape);                                                       \
        for (int64_t row = begin; row < end; row++) {                                                              \
            const type *x = (const type *)call->in[0] + row * n;                                                   \
            type *y = (type *)call->out + (row * n - call->origin);                                                \
            const type l = row_logsumexp_##suffix(x, n);                                                           \
            RG_INDEPENDENT                                                                                         \
            for (int64_t i = 0; i < n; i++) y[i] = x[i] - l;                                                       \
        }                                                                                                          \
    }
RG_EACH_KERNEL(LOG_SOFTMAX, log_softmax, 0)

#define CROSS_ENTROPY(name, type, suffix, target, unused)                                                          \
    target static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                            \
    {                                                                                                              \
        const int64_t n = last_size(&call->layout[1].shape);                                                       \
        const bool wide = call->layout[2].dtype == RG_I64;                                                         \
        const type *x = call->in[0];                                                                               \
        type *y = call->out, sums[TOGETHER];                                                                       \
        for (int64_t first = begin, rows; first < end; first += rows) {                                            \
            rows = rows_together(n, end - first);                                                                  \
            if (n <= SPAN) rows_logsumexp_##suffix(x + first * n, n, rows, sums);                                  \
            else sums[0] = row_logsumexp_##suffix(x + first * n, n);                                               \
            for (int64_t row = first; row < first + rows; row++) {                                                 \
                const int64_t label = wide ? ((const int64_t *)call->in[1])[row] : ((const int32_t *)call->in[1])[row]; \
                const bool known = label >= 0 && label < n;                                                        \
                if (!known) rg_kernel_fault(call, row);                                                            \
                y[row - call->origin] = known ? sums[row - first] - x[row * n + label] : 0;                        \
            }                                                                                                      \
        }                                                                                                          \
    }
RG_EACH_KERNEL(CROSS_ENTROPY, cross_entropy_rows, 0)

/* For complex numbers: the row's largest real part is subtracted, and the sum goes straight on. */
static rg_complex complex_exponentials(const rg_complex *x, int64_t n, rg_complex *y, double *largest)
{
    rg_complex sum = 0;
    *largest = -INFINITY;
    for (int64_t i = 0; i < n; i++) *largest = RG_LARGER(RE(x[i]), *largest);
    for (int64_t i = 0; i < n; i++) {
        const rg_complex e = cexp(x[i] - *largest);
        if (y) y[i] = e;
        sum += e;
    }
    return sum;
}

static rg_complex complex_logsumexp(const rg_complex *x, int64_t n)
{
    double largest;
    const rg_complex sum = complex_exponentials(x, n, NULL, &largest);
    return largest + clog(sum);
}

#define COMPLEX_ROWS(name, ...)                                                                                    \
    static void name##_complex_f64(const rg_call *call, int64_t begin, int64_t end)                                \
    {                                                                                                              \
        const int64_t n = last_size(&call->layout[1].shape);                                                       \
        for (int64_t row = begin; row < end; row++) {                                                              \
            const rg_complex *x = (const rg_complex *)call->in[0] + row * n;                                       \
            rg_complex *y = call->out;                                                                             \
            __VA_ARGS__                                                                                            \
        }                                                                                                          \
    }
COMPLEX_ROWS(logsumexp, y[row] = complex_logsumexp(x, n);)
COMPLEX_ROWS(log_softmax, const rg_complex l = complex_logsumexp(x, n);
             for (int64_t i = 0; i < n; i++) y[row * n + i] = x[i] - l;)
COMPLEX_ROWS(softmax, double largest; const rg_complex sum = complex_exponentials(x, n, y + row * n, &largest);
             for (int64_t i = 0; i < n; i++) y[row * n + i] /= sum;)
COMPLEX_ROWS(cross_entropy_rows, const bool wide = call->layout[2].dtype == RG_I64;
             const int64_t label = wide ? ((const int64_t *)call->in[1])[row] : ((const int32_t *)call->in[1])[row];
             const bool known = label >= 0 && label < n;
             if (!known) rg_kernel_fault(call, row);
             y[row] = known ? complex_logsumexp(x, n) - x[label] : 0;)

/* ---- Shape rules ------------------------------------------------------------------------------------- */

static rg_status rows_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in[0]->rank < 1) return rg_refuse(call, RG_E_SHAPE, "takes at least one axis");
    return RG_OK;
}

static rg_status row_to_one_shape(rg_shape_call *call)
{
    rg_status status = rows_shape(call);
    if (status) return status;
    if (last_size(call->in[0]) == 0) return rg_refuse(call, RG_E_SHAPE, "a row of no elements");
    call->like = 0;
    call->shape = *call->in[0];
    call->shape.rank--;
    return RG_OK;
}

static rg_status cross_entropy_shape(rg_shape_call *call)
{
    rg_status status = row_to_one_shape(call);
    if (status) return status;
    if (!rg_dtype_is_index(call->in_dtype[1])) return rg_refuse(call, RG_E_DTYPE, "labels must be i32 or i64");
    if (!rg_shape_equal(call->shape, *call->in[1])) return rg_refuse(call, RG_E_SHAPE, "one label a row is needed");
    return RG_OK;
}

/* ---- Derivatives -------------------------------------------------------------------------------------
 * One call records at a time: the order in which C evaluates two arguments is the compiler's choice, and the order
 * of the nodes must not be. */

static rg_tensor as_column(rg_tensor t)
{
    rg_shape shape = rg_shape_of(t);
    shape.size[shape.rank++] = 1;
    return rg_reshape(t, shape);
}

static rg_tensor logsumexp_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    return rg_adjoint_mul(as_column(g), rg_exp(rg_sub(in[0], as_column(y))));
}

static rg_tensor softmax_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    return rg_mul(y, rg_sub(g, rg_sum_axes(rg_mul(g, y), RG_AXES(-1), true)));
}

static rg_tensor log_softmax_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)y;
    rg_tensor probabilities = rg_softmax(in[0], -1);
    return rg_sub(g, rg_mul(probabilities, rg_sum_axes(g, RG_AXES(-1), true)));
}

static rg_tensor cross_entropy_rows_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)y;
    rg_shape shape = rg_shape_of(in[0]);
    rg_tensor target = rg_one_hot(in[1], shape.size[shape.rank - 1], rg_dtype_of(in[0]));
    rg_tensor error = rg_sub(rg_softmax(in[0], -1), target);
    return rg_mul(error, as_column(g));
}

/* ---- The table's entries ------------------------------------------------------------------------------- */

#define X(...) { .operands = 1, .in = { { .shape = { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } } } } }
static const rg_sample row_samples[] = {
    X(3, 4), X(5), X(2, 3, 17), X(1, 2), X(0, 3), { .operands = 1, .refuse = RG_E_SHAPE },
    RG_REFUSE_INDEX_DTYPE_1, { .operands = 0 },
};
#define LABELLED(shape_, labels_, classes)                                                                         \
    { .operands = 2, .in = { { .shape = shape_ }, { .dtype = RG_I32, .shape = labels_, .high = (classes) - 1 } } }
#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
static const rg_sample label_samples[] = {
    LABELLED(S(3, 4), S(3), 4), LABELLED(S(1, 2), S(1), 2), LABELLED(S(2, 3, 5), S(2, 3), 5), LABELLED(S(0, 3), S(0), 3),
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .dtype = RG_I64, .shape = S(3), .low = 3, .high = 5 } },
      .refuse = RG_E_INDEX },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .dtype = RG_I32, .shape = S(4) } }, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(3) } }, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

#define ROW_OP(name_, shape_, elements, counted, text)                                                             \
    const rg_op rg_op_##name_ = { .name = #name_, .doc = text, .arity = 1, .kind = RG_ITEMS, .shape = shape_,      \
                                  RG_KERNELS(name_), .complex_f64 = name_##_complex_f64,                           \
                                  .items = rg_items_operand_rows, .item_work = row_work,                                       \
                                  .item_elements = elements, .operations = counted, .vjp = name_##_vjp,            \
                                  .batch = rg_batch_same, .samples = row_samples };
ROW_OP(softmax, rows_shape, rg_operand_row_elements, five_an_element, "e^x over the sum of e^x, along the last axis")
ROW_OP(log_softmax, rows_shape, rg_operand_row_elements, five_an_element, "x - logsumexp(x), along the last axis")
ROW_OP(logsumexp, row_to_one_shape, rg_one_element, four_an_element, "ln of the sum of e^x, along the last axis")
const rg_op rg_op_cross_entropy_rows = {
    .name = "cross_entropy_rows", .doc = "logsumexp(z) - z[label], along the last axis", .arity = 2, .kind = RG_ITEMS,
    .shape = cross_entropy_shape, RG_KERNELS(cross_entropy_rows),
    .complex_f64 = cross_entropy_rows_complex_f64, .items = rg_items_operand_rows, .item_work = row_work,
    .item_elements = rg_one_element, .operations = four_an_element, .vjp = cross_entropy_rows_vjp, .batch = rg_batch_same,
    .no_gradient = 2, .samples = label_samples,
};

/* ---- Recording ------------------------------------------------------------------------------------------ */

rg_tensor rg_softmax_at(const char *site, rg_tensor x, int axis)
{
    return rg_along_axis(site, &rg_op_softmax, NULL, x, axis);
}

rg_tensor rg_log_softmax_at(const char *site, rg_tensor x, int axis)
{
    return rg_along_axis(site, &rg_op_log_softmax, NULL, x, axis);
}

/* Of so many elements the exponentials are worth keeping: the derivative is made of them. */
enum { WORTH_KEEPING = 1 << 14 };

/* The logarithm of the sum of all e^(x - m), plus m: the largest, or what comes closest to it if that is infinite. */
static rg_tensor logsumexp_of_all(const char *site, rg_tensor x)
{
    const double most = rg_dtype_of(x) == RG_F32 ? (double)FLT_MAX : DBL_MAX;
    rg_tensor m = rg_clamp_at(site, rg_stop_gradient_at(site, rg_max_at(site, x)), -most, most);
    rg_tensor sum = rg_sum_at(site, rg_exp_at(site, rg_sub_at(site, x, m)));
    return rg_add_at(site, rg_log_at(site, sum), m);
}

rg_tensor rg_logsumexp_axes_at(const char *site, rg_tensor x, rg_axes axes, bool keepdims)
{
    rg_shape left;
    rg_tensor rows = rg_axes_as_last(site, "logsumexp", x, axes, keepdims, &left);
    if (rg_is_null(rows)) return rows;
    const bool all = rg_shape_count(left) == 1 && rg_shape_count(rg_shape_of(rows)) >= WORTH_KEEPING;
    rg_tensor y = all ? logsumexp_of_all(site, rows) : rg_apply_one(site, rows, &rg_op_logsumexp, NULL);
    return rg_is_null(y) || rg_shape_equal(rg_shape_of(y), left) ? y : rg_reshape_at(site, y, left);
}

rg_tensor rg_logsumexp_at(const char *site, rg_tensor x, int axis, bool keepdims)
{
    const rg_node *node = rg_node_checked(site, "logsumexp", x);
    if (node && node->shape->rank == 0)
        return rg_fail_op(x.tape, site, RG_E_SHAPE, "logsumexp", "takes at least one axis", 1, &x);
    return rg_logsumexp_axes_at(site, x, (rg_axes){ .count = 1, .axis = { axis } }, keepdims);
}

rg_tensor rg_cross_entropy_rows_at(const char *site, rg_tensor logits, rg_tensor labels)
{
    const rg_tensor in[] = { logits, labels };
    return rg_apply_two(site, in[0], in[1], &rg_op_cross_entropy_rows);
}

rg_tensor rg_cross_entropy_at(const char *site, rg_tensor logits, rg_tensor labels)
{
    return rg_mean_at(site, rg_cross_entropy_rows_at(site, logits, labels));
}

/* The shapes must be equal: a prediction [n, 1] broadcast against targets [n] is a mistake everybody makes. */
static bool comparable(const char *site, const char *name, rg_tensor a, rg_tensor b)
{
    const rg_tensor both[] = { a, b };
    rg_tape *tape = rg_operands_checked(site, name, 2, both);
    if (!tape) return false;
    const rg_node *x = &tape->nodes[a.node], *y = &tape->nodes[b.node];
    if (!rg_dtype_is_float((rg_dtype)x->dtype)) rg_fail_op(tape, site, RG_E_DTYPE, name, "takes f32 or f64", 2, both);
    else if (x->dtype != y->dtype) rg_fail_op(tape, site, RG_E_DTYPE, name, "dtypes differ", 2, both);
    else if (!rg_same_shape(x->shape, y->shape))
        rg_fail_op(tape, site, RG_E_SHAPE, name, "shapes differ", 2, both);
    return tape->error.status == RG_OK;
}

rg_tensor rg_mse_at(const char *site, rg_tensor prediction, rg_tensor target)
{
    if (!comparable(site, "mse", prediction, target)) return (rg_tensor){ 0 };
    return rg_mean_at(site, rg_square_at(site, rg_sub_at(site, prediction, target)));
}

rg_tensor rg_binary_cross_entropy_at(const char *site, rg_tensor logits, rg_tensor targets)
{
    if (!comparable(site, "binary_cross_entropy", logits, targets)) return (rg_tensor){ 0 };
    return rg_mean_at(site, rg_logistic_loss_at(site, logits, targets));
}
