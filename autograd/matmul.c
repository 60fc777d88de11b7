/* matmul.c: the matrix product as an op. */
#define RG_NO_SITES
#include <math.h>

#include "gemm.h"
#include "ops.h"
#include "simd.h"
#include "step.h"

/* What an item of work is. How items are shared out cannot be told from the bits. */
typedef enum {
    BY_ROWS,                   /* a row of the result; matrices of a batch one after the other */
    BY_COLUMNS,                /* some columns of a result of few rows */
    BY_ELEMENTS                /* of a matrix times a vector */
} manner;

typedef struct {
    rg_gemm_shape of;
    int64_t batch;
    manner by;
    bool small;                /* each is so small that a plain loop is quicker */
    bool regular;              /* the matrices of each operand lie at one distance: */
    int64_t step_a, step_b;    /* from each to the next, in elements */
} sizes;

enum {
    FEW_ROWS = 64,
    COLUMNS = 32,
    OPERATIONS_AT_ONCE = 8,
    SMALL_PRODUCT = 128        /* multiplications of a whole matrix: less than a block along k */
};

static rg_matrix matrix_of(const rg_layout *operand)
{
    const int r = operand->shape.rank;
    return (rg_matrix){ NULL, operand->stride[r - 2], operand->stride[r - 1] };
}

static sizes sizes_of(const rg_call *call)
{
    const rg_shape *y = &call->layout[0].shape, *a = &call->layout[1].shape;
    sizes s = { { y->size[y->rank - 2], y->size[y->rank - 1], a->size[a->rank - 1], matrix_of(&call->layout[1]),
                  matrix_of(&call->layout[2]) }, 1, BY_ROWS, false, false, 0, 0 };
    for (int i = 0; i < y->rank - 2; i++) s.batch *= y->size[i];
    if (s.batch != 1) return s;
    if (rg_gemm_is_gemv(s.of.m, s.of.n, s.of.a, s.of.b)) s.by = BY_ELEMENTS;
    else if (s.of.m < FEW_ROWS && s.of.n >= 2 * COLUMNS) s.by = BY_COLUMNS;
    return s;
}

/* Whether the operand's matrices that belong to those of the result, one after the other, lie at one distance. */
static bool lie_regularly(const rg_layout *operand, const rg_shape *y, int64_t *step)
{
    rg_layout batch, leading = *operand;
    rg_shape of = *y;
    leading.shape.rank -= 2;
    of.rank -= 2;
    rg_layout_broadcast(&leading, &of, &batch);
    rg_layout_collapse(&batch);
    *step = batch.shape.rank == 1 ? batch.stride[0] : 0;
    return batch.shape.rank <= 1;
}

static void matmul_prepare(const rg_call *call, void *prepared)
{
    sizes *s = prepared;
    const rg_shape *y = &call->layout[0].shape;
    *s = sizes_of(call);
    s->small = s->batch != 1 && s->of.m <= SMALL_PRODUCT && s->of.n <= SMALL_PRODUCT && s->of.k <= SMALL_PRODUCT &&
               s->of.m * s->of.n * s->of.k <= SMALL_PRODUCT;
    s->regular = lie_regularly(&call->layout[1], y, &s->step_a);
    s->regular = lie_regularly(&call->layout[2], y, &s->step_b) && s->regular;
}

static int64_t matmul_items(const rg_call *call)
{
    const sizes s = sizes_of(call);
    return s.by == BY_ROWS ? s.batch * s.of.m : s.by == BY_ELEMENTS ? s.of.m * s.of.n : (s.of.n + COLUMNS - 1) / COLUMNS;
}

/* In floating point: the sizes of views of little memory may have a product that no integer holds. */
static int64_t matmul_work(const rg_call *call)
{
    const sizes s = sizes_of(call);
    const double elements = s.by == BY_ROWS ? (double)s.of.n : s.by == BY_ELEMENTS ? 1 : (double)s.of.m * COLUMNS;
    const double work = elements * (double)s.of.k / OPERATIONS_AT_ONCE, most = 0x1p60;
    return work < most ? (int64_t)work : (int64_t)most;
}

/* A multiplication and an addition for each element of each product that is summed. */
static double matmul_operations(const rg_call *call)
{
    const sizes s = sizes_of(call);
    return 2 * (double)s.batch * (double)s.of.m * (double)s.of.n * (double)s.of.k;
}

static int64_t matmul_elements(const rg_call *call)
{
    const sizes s = sizes_of(call);
    return s.by == BY_ROWS ? s.of.n : s.by == BY_ELEMENTS ? 1 : 0;
}

static bool matmul_accepts(const rg_layout *operand)
{
    int r = operand->shape.rank;
    return r >= 2 && rg_gemm_accepts(operand->shape.size[r - 2], operand->shape.size[r - 1], operand->stride[r - 2],
                                     operand->stride[r - 1]);
}

static rg_matrix part(rg_matrix a, const void *data, int64_t row, int64_t column, size_t item)
{
    a.data = (const char *)data + (row * a.row_stride + column * a.column_stride) * (int64_t)item;
    return a;
}

/* By the rule of gemm.h, without preparing anything: that takes longer than a product of matrices so small. */
typedef void small_product(int64_t rows, const rg_gemm_shape *of, const void *a, const void *b, void *c);

#define SMALL(suffix, type, target, fused)                                                                         \
    target static void small_##suffix(int64_t rows, const rg_gemm_shape *of, const void *a, const void *b, void *c) \
    {                                                                                                              \
        const type *left = a, *right = b;                                                                          \
        type *y = c;                                                                                               \
        for (int64_t i = 0; i < rows; i++)                                                                         \
            for (int64_t j = 0; j < of->n; j++) {                                                                  \
                type sum = 0;                                                                                      \
                for (int64_t p = 0; p < of->k; p++)                                                                \
                    sum = fused(left[i * of->a.row_stride + p * of->a.column_stride],                              \
                                right[p * of->b.row_stride + j * of->b.column_stride], sum);                       \
                y[i * of->n + j] = sum;                                                                            \
            }                                                                                                      \
    }
SMALL(f32, float, RG_TARGET_PORTABLE, fmaf)
SMALL(f64, double, RG_TARGET_PORTABLE, fma)
SMALL(f32_fma, float, RG_TARGET_AVX2, __builtin_fmaf)
SMALL(f64_fma, double, RG_TARGET_AVX2, __builtin_fma)

/* Rows first <= i < last of one matrix of the batch. */
static void some_rows(const rg_call *call, const sizes *s, int64_t index, int64_t first, int64_t last, rg_gemm *multiply,
                      small_product *small, size_t item)
{
    const rg_shape *y = &call->layout[0].shape;
    const int64_t before = (index * s->of.m + first) * s->of.n - call->origin;
    const int64_t to_a = s->regular ? index * s->step_a : rg_matrix_offset(&call->layout[1], y, index);
    const int64_t to_b = s->regular ? index * s->step_b : rg_matrix_offset(&call->layout[2], y, index);
    const char *a = (const char *)call->in[0] + to_a * (int64_t)item;
    const char *b = (const char *)call->in[1] + to_b * (int64_t)item;
    const rg_matrix left = part(s->of.a, a, first, 0, item);
    void *c = (char *)call->out + before * (int64_t)item;
    if (s->small) small(last - first, &s->of, left.data, b, c);
    else multiply(last - first, s->of.n, s->of.k, left, part(s->of.b, b, 0, 0, item), c, s->of.n);
}

static inline __attribute__((always_inline)) void product(const rg_call *call, int64_t begin, int64_t end, rg_gemm *multiply,
                                                          rg_gemv *times_vector, small_product *small, size_t item)
{
    const sizes *s = call->prepared;
    if (s->by == BY_ELEMENTS) {
        const bool row = s->of.m == 1 && s->of.n != 1; /* times a matrix */
        const rg_matrix matrix = row ? part(s->of.b, call->in[1], 0, begin, item) : part(s->of.a, call->in[0], begin, 0, item);
        times_vector(end - begin, s->of.k, matrix.data, row ? s->of.b.column_stride : s->of.a.row_stride, call->in[row ? 0 : 1],
                     (char *)call->out + (begin - call->origin) * (int64_t)item);
    } else if (s->by == BY_COLUMNS) {
        const int64_t first = begin * COLUMNS, last = end * COLUMNS < s->of.n ? end * COLUMNS : s->of.n;
        multiply(s->of.m, last - first, s->of.k, part(s->of.a, call->in[0], 0, 0, item), part(s->of.b, call->in[1], 0, first, item),
                 (char *)call->out + first * (int64_t)item, s->of.n);
    } else {
        for (int64_t row = begin, next; row < end; row = next) {
            const int64_t index = s->batch == 1 ? 0 : row / s->of.m;
            next = (index + 1) * s->of.m < end ? (index + 1) * s->of.m : end;
            some_rows(call, s, index, row - index * s->of.m, next - index * s->of.m, multiply, small, item);
        }
    }
}

static rg_step_kernel *matmul_step(const void *prepared, rg_dtype dtype, int simd)
{
    const sizes *s = prepared;
    return s->batch == 1 ? rg_gemm_step(&s->of, dtype == RG_F64, simd) : NULL;
}

static bool matmul_is_rank_one(const rg_layout *out, const rg_layout *in)
{
    return out->shape.rank == 2 && in[0].shape.rank == 2 && in[0].shape.size[1] == 1;
}

/* Any product of two matrices has a step, unless a CBLAS makes it. */
static bool matmul_takes_row(const rg_layout *out)
{
    return rg_gemm_has_steps && out->shape.rank == 2;
}

#define MATMUL(suffix, type, level, small, size)                                                                    \
    static void matmul_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        product(call, begin, end, rg_gemm_##type[level], rg_gemv_##type[level], small, size);                      \
    }
MATMUL(f32, f32, 0, small_f32, 4)
MATMUL(f64, f64, 0, small_f64, 8)
MATMUL(f32_avx2, f32, 1, small_f32_fma, 4)
MATMUL(f64_avx2, f64, 1, small_f64_fma, 8)
MATMUL(f32_avx512, f32, 2, small_f32_fma, 4)
MATMUL(f64_avx512, f64, 2, small_f64_fma, 8)

static rg_status matmul_shape(rg_shape_call *call)
{
    const rg_shape *a = call->in[0], *b = call->in[1];
    call->dtype = call->in_dtype[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in_dtype[1] != call->dtype) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
    if (a->rank < 2 || b->rank < 2) return rg_refuse(call, RG_E_SHAPE, "takes matrices");
    int64_t m = a->size[a->rank - 2], k = a->size[a->rank - 1], n = b->size[b->rank - 1];
    if (b->size[b->rank - 2] != k) return rg_refuse(call, RG_E_SHAPE, "inner sizes differ");
    rg_shape batch_a = *a, batch_b = *b;
    batch_a.rank -= 2;
    batch_b.rank -= 2;
    if (!rg_broadcast(&batch_a, &batch_b, &call->shape))
        return rg_refuse(call, RG_E_SHAPE, "leading sizes do not broadcast");
    call->shape.size[call->shape.rank++] = m;
    call->shape.size[call->shape.rank++] = n;
    return RG_OK;
}

static rg_tensor matmul_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y;
    return k == 0 ? rg_matmul(g, rg_transpose(in[1])) : rg_matmul(rg_transpose(in[0]), g);
}

static rg_tensor reshaped(const char *site, rg_tensor t, int rank, const int64_t *size)
{
    rg_shape shape = { .rank = rank };
    for (int i = 0; i < rank; i++) shape.size[i] = size[i];
    return rg_reshape_at(site, t, shape);
}

/* The operands with the batch's dimension in front of all others: what has fewer of them than another operand gets
 * ones between. */
static void line_up(const rg_batch_call *call, rg_tensor *in)
{
    int most = 0;
    for (int k = 0; k < call->operands; k++) {
        const int rank = rg_shape_of(call->in[k]).rank - (call->batched[k] ? 1 : 0);
        most = rank > most ? rank : most;
    }
    for (int k = 0; k < call->operands; k++) {
        const rg_shape shape = rg_shape_of(call->in[k]);
        const int missing = most + 1 - shape.rank;
        in[k] = call->in[k];
        if (!call->batched[k] || missing == 0) continue;
        int64_t size[2 * RG_MAX_RANK + 1] = { shape.size[0] };
        for (int i = 0; i < missing; i++) size[1 + i] = 1;
        for (int i = 1; i < shape.rank; i++) size[i + missing] = shape.size[i];
        in[k] = most < RG_MAX_RANK ? reshaped(call->site, in[k], most + 1, size)
                                   : rg_fail_op(in[k].tape, call->site, RG_E_SHAPE, call->op->name,
                                                "too many dimensions for a batch", call->operands, call->in);
    }
}

rg_tensor rg_batch_matrices(const rg_batch_call *call)
{
    rg_tensor in[RG_MAX_OPERANDS];
    line_up(call, in);
    return rg_apply_at(call->site, call->op, call->attributes, call->operands, in);
}

static rg_tensor matmul_batch(const rg_batch_call *call)
{
    rg_tensor in[2];
    line_up(call, in);
    return rg_matmul_at(call->site, in[0], in[1]);
}

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
#define AB(a, b) { .operands = 2, .in = { { .shape = a }, { .shape = b } } }
static const rg_sample matmul_samples[] = {
    AB(S(3, 4), S(4, 2)), AB(S(1, 1), S(1, 1)), AB(S(2, 3, 4), S(2, 4, 2)), AB(S(2, 1, 3, 2), S(4, 2, 2)),
    AB(S(3, 2), S(2, 2, 3)), AB(S(0, 4), S(4, 2)), AB(S(3, 0), S(0, 2)),
    { .operands = 2, .in = { { .shape = S(3, 3) }, { .same_as = 1 } } },
    { .operands = 2, .in = { { .shape = S(3, 4) }, { .shape = S(3, 4) } }, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .shape = S(2, 3, 4) }, { .shape = S(3, 4, 2) } }, .refuse = RG_E_SHAPE },
    { .operands = 2, .in = { { .dtype = RG_F32, .shape = S(3, 4) }, { .dtype = RG_F64, .shape = S(4, 2) } },
      .refuse = RG_E_DTYPE },
    { .operands = 2, .in = { { .shape = S(4) }, { .shape = S(4, 2) } }, .refuse = RG_E_SHAPE },
    { .operands = 0 },
};

const rg_op rg_op_matmul = { .name = "matmul", .doc = "matrix product; leading dimensions broadcast", .arity = 2,
                             .kind = RG_ITEMS, .shape = matmul_shape, RG_KERNELS(matmul),
                             .prepared_size = sizeof(sizes), .prepare = matmul_prepare, .linearity = RG_MULTILINEAR,
                             .small = &(const rg_op_small){ .step = matmul_step, .is_rank_one = matmul_is_rank_one,
                                                           .takes_row = matmul_takes_row },
                             .items = matmul_items, .item_work = matmul_work, .item_elements = matmul_elements,
                             .operations = matmul_operations, .accepts = matmul_accepts, .vjp = matmul_vjp,
                             .batch = matmul_batch, .samples = matmul_samples };

/* ---- Recording: vectors become matrices, and a batch times one matrix is one product --------------------- */

rg_tensor rg_matmul_at(const char *site, rg_tensor a, rg_tensor b)
{
    rg_tensor in[] = { a, b };
    const rg_tape *tape = rg_operands_checked(site, "matmul", 2, in);
    if (!tape) return (rg_tensor){ 0 };
    const bool matrices = tape->nodes[a.node].shape->rank == 2 && tape->nodes[b.node].shape->rank == 2;
    if (matrices) return rg_apply_two(site, a, b, &rg_op_matmul);
    const rg_shape sa = rg_shape_of(a), sb = rg_shape_of(b);
    if (sa.rank == 0 || sb.rank == 0) return rg_apply_at(site, &rg_op_matmul, NULL, 2, in);
    int64_t inner_a = sa.size[sa.rank - 1], inner_b = sb.size[sb.rank == 1 ? 0 : sb.rank - 2];
    if (inner_a != inner_b) return rg_fail_op(a.tape, site, RG_E_SHAPE, "matmul", "inner sizes differ", 2, in);
    if (sa.rank == 1) in[0] = reshaped(site, a, 2, (const int64_t[]){ 1, inner_a });
    if (sb.rank == 1) in[1] = reshaped(site, b, 2, (const int64_t[]){ inner_b, 1 });
    bool one_matrix = sb.rank <= 2 && sa.rank > 2;
    if (one_matrix) {
        int64_t rows = inner_a ? rg_shape_count(sa) / inner_a : 0;
        if (inner_a) in[0] = reshaped(site, a, 2, (const int64_t[]){ rows, inner_a });
        else one_matrix = false;
    }
    rg_tensor y = rg_apply_at(site, &rg_op_matmul, NULL, 2, in);
    if (rg_is_null(y) || (sa.rank > 1 && sb.rank > 1 && !one_matrix)) return y;

    /* The shape of the result without the dimensions that vectors did not have. */
    rg_shape shape = rg_shape_of(y);
    if (one_matrix) {
        shape = sa;
        shape.size[shape.rank - 1] = sb.rank == 1 ? 1 : sb.size[1];
    }
    if (sb.rank == 1) shape.rank--;
    if (sa.rank == 1) {
        int row = shape.rank - (sb.rank == 1 ? 1 : 2);
        for (int i = row; i + 1 < shape.rank; i++) shape.size[i] = shape.size[i + 1];
        shape.rank--;
    }
    return rg_reshape_at(site, y, shape);
}

/* ---- Vectors ------------------------------------------------------------------------------------------------ */

static bool are_vectors(const char *site, const char *name, const rg_tensor *in)
{
    rg_tape *tape = rg_operands_checked(site, name, 2, in);
    if (!tape) return false;
    const rg_node *a = &tape->nodes[in[0].node], *b = &tape->nodes[in[1].node];
    if (a->shape->rank == 1 && b->shape->rank == 1) return true;
    return rg_fail_op(tape, site, RG_E_SHAPE, name, "takes two vectors", 2, in), false;
}

rg_tensor rg_inner_at(const char *site, rg_tensor a, rg_tensor b)
{
    const rg_tensor in[] = { a, b };
    if (!are_vectors(site, "inner", in)) return (rg_tensor){ 0 };
    if (rg_shape_of(a).size[0] != rg_shape_of(b).size[0])
        return rg_fail_op(a.tape, site, RG_E_SHAPE, "inner", "the sizes differ", 2, in);
    return rg_matmul_at(site, a, b);
}

rg_tensor rg_outer_at(const char *site, rg_tensor a, rg_tensor b)
{
    const rg_tensor in[] = { a, b };
    if (!are_vectors(site, "outer", in)) return (rg_tensor){ 0 };
    rg_tensor column = reshaped(site, a, 2, (const int64_t[]){ -1, 1 });
    return rg_mul_at(site, column, b);
}
