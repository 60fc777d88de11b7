/* matmul.c: the matrix product as an op, in tiles of rows. */
#include "gemm.h"
#include "ops.h"

/* The sizes of one product, and how its rows are cut into tiles. The cut depends on the sizes alone, never on
 * the number of threads, because a BLAS may round differently for another number of rows. */
typedef struct {
    int64_t m, n, k, batch, tile, tiles;
} sizes;

enum { TILE_LEAST = 64, TILE_MOST = 512, TILES_WANTED = 4, SMALL_PRODUCT = 1 << 18 };

/* In floating point: the sizes of views of little memory may have a product that no integer holds. */
static double multiplications(int64_t rows, const sizes *s)
{
    return (double)rows * (double)s->n * (double)s->k;
}

static sizes sizes_of(const rg_call *call)
{
    const rg_shape *y = &call->layout[0].shape, *a = &call->layout[1].shape;
    sizes s = { y->size[y->rank - 2], y->size[y->rank - 1], a->size[a->rank - 1], 1, 0, 1 };
    for (int i = 0; i < y->rank - 2; i++) s.batch *= y->size[i];
    s.tile = s.m;
    if (multiplications(s.m, &s) >= SMALL_PRODUCT) {
        s.tile = ((s.m + TILES_WANTED - 1) / TILES_WANTED + 15) / 16 * 16;
        if (s.tile < TILE_LEAST) s.tile = TILE_LEAST;
        if (s.tile > TILE_MOST) s.tile = TILE_MOST;
        if (s.tile > s.m) s.tile = s.m;
    }
    if (s.tile > 0) s.tiles = (s.m + s.tile - 1) / s.tile;
    return s;
}

static int64_t matmul_items(const rg_call *call)
{
    sizes s = sizes_of(call);
    return s.batch * s.tiles;
}

static int64_t matmul_work(const rg_call *call)
{
    sizes s = sizes_of(call);
    const double work = multiplications(s.tile, &s) / 8, most = 0x1p60;
    return (int64_t)(work < most ? work : most);
}

/* Tiles of a batch lie behind one another only if each matrix is cut evenly. */
static int64_t matmul_elements(const rg_call *call)
{
    sizes s = sizes_of(call);
    return s.batch == 1 || s.m == s.tile * s.tiles ? s.tile * s.n : 0;
}

static bool matmul_accepts(const rg_layout *operand)
{
    int r = operand->shape.rank;
    return r >= 2 && rg_gemm_accepts(operand->shape.size[r - 2], operand->shape.size[r - 1], operand->stride[r - 2],
                                     operand->stride[r - 1]);
}

/* Where matrix number `index` of the result's batch begins in an operand that may repeat over the batch. */
static int64_t batch_offset(const rg_layout *operand, const rg_shape *y, int64_t index)
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

#define MATMUL(name, type, suffix)                                                                                 \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        const sizes s = sizes_of(call);                                                                            \
        const rg_layout *y = &call->layout[0], *a = &call->layout[1], *b = &call->layout[2];                       \
        const int64_t *a_stride = a->stride + a->shape.rank - 2, *b_stride = b->stride + b->shape.rank - 2;        \
        for (int64_t item = begin; item < end; item++) {                                                           \
            const int64_t index = item / s.tiles, row = item % s.tiles * s.tile;                                   \
            const int64_t rows = s.m - row < s.tile ? s.m - row : s.tile;                                          \
            const type *from_a = (const type *)call->in[0] + batch_offset(a, &y->shape, index) + row * a_stride[0]; \
            const type *from_b = (const type *)call->in[1] + batch_offset(b, &y->shape, index);                    \
            type *to = (type *)call->out + (index * s.m + row) * s.n;                                              \
            rg_gemm_##suffix(rows, s.n, s.k, (rg_matrix){ from_a, a_stride[0], a_stride[1] },                      \
                             (rg_matrix){ from_b, b_stride[0], b_stride[1] }, to);                                 \
        }                                                                                                          \
    }
MATMUL(matmul, float, f32)
MATMUL(matmul, double, f64)

static rg_status matmul_shape(rg_shape_call *call)
{
    const rg_shape *a = call->in[0], *b = call->in[1];
    call->dtype = call->in_dtype[0];
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in_dtype[1] != call->dtype) return rg_refuse(call, RG_E_DTYPE, "dtypes differ");
    if (a->rank < 2 || b->rank < 2) return rg_refuse(call, RG_E_SHAPE, "takes matrices");
    int64_t m = a->size[a->rank - 2], k = a->size[a->rank - 1], n = b->size[b->rank - 1];
    if (b->size[b->rank - 2] != k) return rg_refuse(call, RG_E_SHAPE, "inner sizes differ");
    if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX) return rg_refuse(call, RG_E_SHAPE, "a size above 2^31 - 1");
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
                             .kind = RG_ITEMS, .shape = matmul_shape, .f32 = matmul_f32, .f64 = matmul_f64,
                             .items = matmul_items, .item_work = matmul_work, .item_elements = matmul_elements,
                             .accepts = matmul_accepts, .vjp = matmul_vjp, .samples = matmul_samples };

/* ---- Recording: vectors become matrices, and a batch times one matrix is one product --------------------- */

static rg_tensor reshaped(const char *site, rg_tensor t, int rank, const int64_t *size)
{
    rg_shape shape = { .rank = rank };
    for (int i = 0; i < rank; i++) shape.size[i] = size[i];
    return rg_reshape_at(site, t, shape);
}

rg_tensor rg_matmul_at(const char *site, rg_tensor a, rg_tensor b)
{
    rg_tensor in[] = { a, b };
    const rg_tape *tape = rg_operands_checked(site, "matmul", 2, in);
    if (!tape) return (rg_tensor){ 0 };
    const bool matrices = tape->nodes[a.node].shape->rank == 2 && tape->nodes[b.node].shape->rank == 2;
    if (matrices) return rg_apply_at(site, &rg_op_matmul, NULL, 2, in);
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
