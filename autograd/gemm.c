/* gemm.c: the matrix product through CBLAS. */
#include "gemm.h"

#include <cblas.h>
#include <pthread.h>
#include <string.h>

#include "autograd.h"

/* OpenBLAS only, and absent from other libraries. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern int openblas_get_parallel(void) __attribute__((weak));
extern char *openblas_get_config(void) __attribute__((weak));

/* OpenBLAS built without threads keeps buffers that two callers would share, and then returns wrong numbers: with
 * that one, products take turns, whichever tape they belong to. The lock guards the BLAS's state; there is none
 * of our own. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static bool must_take_turns(void)
{
    return openblas_get_parallel && openblas_get_parallel() == 0;
}

void rg_gemm_prepare(void)
{
    if (openblas_set_num_threads) openblas_set_num_threads(1);
}

const char *rg_blas_name(void)
{
    return openblas_get_config ? openblas_get_config() : "CBLAS";
}

bool rg_gemm_accepts(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride)
{
    bool plain = (column_stride == 1 || columns <= 1) && (rows <= 1 || row_stride >= columns);
    bool transposed = (row_stride == 1 || rows <= 1) && (columns <= 1 || column_stride >= rows);
    return (plain && row_stride <= INT32_MAX) || (transposed && column_stride <= INT32_MAX);
}

typedef struct {
    CBLAS_TRANSPOSE transpose;
    int leading;
} storage;

/* A leading dimension must not be less than the row it strides over, even where there is only one row. */
static storage storage_of(int64_t rows, int64_t columns, rg_matrix a)
{
    bool plain = (a.column_stride == 1 || columns <= 1) && (rows <= 1 || a.row_stride >= columns);
    int64_t stride = plain ? a.row_stride : a.column_stride, least = plain ? columns : rows;
    bool only_one = plain ? rows <= 1 : columns <= 1;
    if (only_one || stride < least) stride = least;
    return (storage){ plain ? CblasNoTrans : CblasTrans, (int)(stride > 1 ? stride : 1) };
}

#define RG_GEMM(suffix, type, cblas_gemm)                                                                          \
    void rg_gemm_##suffix(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, type *c)                      \
    {                                                                                                              \
        if (m == 0 || n == 0) return;                                                                              \
        if (k == 0) {                                                                                              \
            memset(c, 0, (size_t)m * (size_t)n * sizeof *c);                                                       \
            return;                                                                                                \
        }                                                                                                          \
        const storage sa = storage_of(m, k, a), sb = storage_of(k, n, b);                                          \
        const bool turns = must_take_turns();                                                                      \
        if (turns) pthread_mutex_lock(&one_at_a_time);                                                             \
        cblas_gemm(CblasRowMajor, sa.transpose, sb.transpose, (int)m, (int)n, (int)k, 1, a.data, sa.leading, b.data, \
                   sb.leading, 0, c, (int)n);                                                                      \
        if (turns) pthread_mutex_unlock(&one_at_a_time);                                                           \
    }
RG_GEMM(f32, float, cblas_sgemm)
RG_GEMM(f64, double, cblas_dgemm)
