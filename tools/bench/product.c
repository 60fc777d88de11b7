/* product.c: the products of the CBLAS at hand and of the library. */
#include "product.h"

#include "bench.h"
#include "blas.h"

/* ---- CBLAS ------------------------------------------------------------------------------------------------------ */

blas_storage blas_storage_of(int64_t columns, rg_matrix a)
{
    const bool plain = a.column_stride == 1 && a.row_stride >= columns;
    return (blas_storage){ plain, (int)(plain ? a.row_stride : a.column_stride) };
}

static CBLAS_TRANSPOSE transposed(bool plain)
{
    return plain ? CblasNoTrans : CblasTrans;
}

/* A product that has one row is a matrix by a vector: y = b' a'. */
#define PRODUCT(suffix, type, letter)                                                                              \
    static void compute_##suffix(const bench_product *self, int64_t m, int64_t n, int64_t k, type factor,          \
                                 rg_matrix a, rg_matrix b, type beta, type *c)                                     \
    {                                                                                                              \
        const blas_storage sa = blas_storage_of(k, a), sb = blas_storage_of(n, b);                                 \
        if (m == 1)                                                                                                \
            self->blas->letter##gemv(CblasRowMajor, transposed(!sb.plain), (int)(sb.plain ? k : n),                \
                                     (int)(sb.plain ? n : k), factor, b.data, sb.leading, a.data,                  \
                                     (int)a.column_stride, beta, c, 1);                                            \
        else                                                                                                       \
            self->blas->letter##gemm(CblasRowMajor, transposed(sa.plain), transposed(sb.plain), (int)m, (int)n,    \
                                     (int)k, factor, a.data, sa.leading, b.data, sb.leading, beta, c, (int)n);     \
    }                                                                                                              \
    static void multiply_##suffix(const bench_product *self, int64_t m, int64_t n, int64_t k, rg_matrix a,         \
                                  rg_matrix b, void *c)                                                            \
    {                                                                                                              \
        compute_##suffix(self, m, n, k, 1, a, b, 0, c);                                                            \
    }                                                                                                              \
    static void add_##suffix(const bench_product *self, int64_t m, int64_t n, int64_t k, double factor,            \
                             rg_matrix a, rg_matrix b, void *c)                                                    \
    {                                                                                                              \
        compute_##suffix(self, m, n, k, (type)factor, a, b, 1, c);                                                 \
    }
PRODUCT(f32, float, s)
PRODUCT(f64, double, d)

static const blas at_hand = { cblas_sgemm, cblas_dgemm, cblas_sgemv, cblas_dgemv };

const bench_product blas_products[2] = {
    { multiply_f32, add_f32, bench_set_blas_threads, &at_hand },
    { multiply_f64, add_f64, bench_set_blas_threads, &at_hand },
};

const bench_product *bench_product_of_blas(rg_dtype dtype)
{
    return &blas_products[BENCH_TYPE(dtype)];
}

/* ---- The library ------------------------------------------------------------------------------------------------ */

#define OWN(suffix)                                                                                                \
    static void own_##suffix(const bench_product *self, int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, \
                             void *c)                                                                              \
    {                                                                                                              \
        const bool row = m == 1 && n != 1;                                                                         \
        (void)self;                                                                                                \
        if (rg_gemm_is_gemv(m, n, a, b))                                                                           \
            rg_gemv_##suffix[bench_level()](m * n, k, row ? b.data : a.data, row ? b.column_stride : a.row_stride, \
                                            row ? a.data : b.data, c);                                             \
        else rg_gemm_##suffix[bench_level()](m, n, k, a, b, c, n);                                                 \
    }
OWN(f32)
OWN(f64)

const bench_product *bench_product_of_library(rg_dtype dtype)
{
    static const bench_product products[] = { { .multiply = own_f32 }, { .multiply = own_f64 } };
    return &products[BENCH_TYPE(dtype)];
}
