/* limit_dense.c: the hand-written network over a matrix product, CBLAS's or the library's. */
#include "limits.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "elementary.h"

#define TEMPLATE "bench/limit_dense_template.h"
#include "each_kind.h"

/* ---- The product ------------------------------------------------------------------------------------------------ */

/* How BLAS is to read a matrix: a leading dimension is at least as long as what it strides over. */
typedef struct {
    CBLAS_TRANSPOSE transpose;
    int leading;
} storage;

static storage storage_of(int64_t columns, rg_matrix a)
{
    const bool plain = a.column_stride == 1 && a.row_stride >= columns;
    return plain ? (storage){ CblasNoTrans, (int)a.row_stride } : (storage){ CblasTrans, (int)a.column_stride };
}

/* A product that has one row is a matrix by a vector: y = b' a'. */
#define BLAS(suffix, type, letter)                                                                                 \
    static void blas_##suffix(int64_t m, int64_t n, int64_t k, type factor, rg_matrix a, rg_matrix b, type beta,   \
                              type *c)                                                                             \
    {                                                                                                              \
        const storage sa = storage_of(k, a), sb = storage_of(n, b);                                                \
        const bool plain = sb.transpose == CblasNoTrans;                                                           \
        if (m == 1)                                                                                                \
            cblas_##letter##gemv(CblasRowMajor, plain ? CblasTrans : CblasNoTrans, (int)(plain ? k : n),           \
                                 (int)(plain ? n : k), factor, b.data, sb.leading, a.data, (int)a.column_stride,   \
                                 beta, c, 1);                                                                      \
        else                                                                                                       \
            cblas_##letter##gemm(CblasRowMajor, sa.transpose, sb.transpose, (int)m, (int)n, (int)k, factor,        \
                                 a.data, sa.leading, b.data, sb.leading, beta, c, (int)n);                         \
    }                                                                                                              \
    static void multiply_##suffix(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c)              \
    {                                                                                                              \
        blas_##suffix(m, n, k, 1, a, b, 0, c);                                                                     \
    }                                                                                                              \
    static void add_##suffix(int64_t m, int64_t n, int64_t k, double factor, rg_matrix a, rg_matrix b, void *c)    \
    {                                                                                                              \
        blas_##suffix(m, n, k, (type)factor, a, b, 1, c);                                                          \
    }
BLAS(f32, float, s)
BLAS(f64, double, d)

const mlp_product *mlp_product_of_blas(rg_dtype dtype)
{
    static const mlp_product products[] = { { multiply_f32, add_f32 }, { multiply_f64, add_f64 } };
    return &products[BENCH_TYPE(dtype)];
}

#define OWN(suffix)                                                                                                \
    static void own_##suffix(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c)                   \
    {                                                                                                              \
        const bool row = m == 1 && n != 1;                                                                         \
        if (rg_gemm_is_gemv(m, n, a, b))                                                                           \
            rg_gemv_##suffix[bench_level()](m * n, k, row ? b.data : a.data, row ? b.column_stride : a.row_stride, \
                                            row ? a.data : b.data, c);                                             \
        else rg_gemm_##suffix[bench_level()](m, n, k, a, b, c, n);                                                 \
    }
OWN(f32)
OWN(f64)

const mlp_product *mlp_product_of_library(rg_dtype dtype)
{
    static const mlp_product products[] = { { own_f32, NULL }, { own_f64, NULL } };
    return &products[BENCH_TYPE(dtype)];
}

/* ---- The network ------------------------------------------------------------------------------------------------ */

static mlp_vector vector_at(const mlp_setup *setup, rg_dtype dtype, void *numbers)
{
    mlp_vector vector = { .all = numbers };
    for (int i = 0; i < setup->layers; i++) {
        vector.weight[i] = numbers;
        numbers = bench_at(dtype, numbers, setup->size[i] * setup->size[i + 1]);
        vector.bias[i] = numbers;
        numbers = bench_at(dtype, numbers, setup->size[i + 1]);
    }
    return vector;
}

/* So many numbers fill cache lines. */
static int64_t padded(int64_t count)
{
    enum { LINE = 16 };
    return (count + LINE - 1) / LINE * LINE;
}

bool mlp_net_make(mlp_net *net, const mlp_setup *setup, rg_dtype dtype, double rate, int threads)
{
    static void (*const steps[2][3])(mlp_net *, const mlp_batch *, const mlp_product *, bool) = KINDS(step);
    static void (*const from_bytes[2][3])(int64_t, const unsigned char *, void *) = KINDS(from_bytes);
    *net = (mlp_net){ .setup = *setup, .dtype = dtype, .rate = rate, .threads = threads,
                      .step = steps[BENCH_TYPE(dtype)][bench_level()],
                      .from_bytes = from_bytes[BENCH_TYPE(dtype)][bench_level()] };
    int64_t outputs = 0;
    for (int i = 0; i < setup->layers; i++) {
        net->count += (setup->size[i] + 1) * setup->size[i + 1];
        outputs += padded(setup->batch * setup->size[i + 1]);
    }
    const int64_t vector = padded(net->count);
    const size_t bytes = (size_t)(2 * vector + 2 * outputs) * rg_dtype_size(dtype);
    void *next = net->memory = aligned_alloc(64, bytes);
    if (!next) return false;
    memset(next, 0, bytes);
    net->theta = vector_at(setup, dtype, next);
    net->gradient = vector_at(setup, dtype, bench_at(dtype, next, vector));
    next = bench_at(dtype, next, 2 * vector);
    for (int i = 0; i < setup->layers; i++) {
        const int64_t length = padded(setup->batch * setup->size[i + 1]);
        net->output[i] = next;
        net->delta[i] = bench_at(dtype, next, length);
        next = bench_at(dtype, next, 2 * length);
    }
    return true;
}

void mlp_net_free(mlp_net *net)
{
    free(net->memory);
}

void mlp_net_begin(const mlp_net *net)
{
    if (net->threads > 1) bench_set_blas_threads(net->threads);
}

void mlp_net_end(const mlp_net *net)
{
    if (net->threads > 1) bench_set_blas_threads(1);
}
