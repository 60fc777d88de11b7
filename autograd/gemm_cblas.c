/* gemm_cblas.c: the matrix product through a CBLAS, instead of gemm.c, where the library is built with RG_CBLAS. The same
 * bits for every number of threads and every batch are then a matter of that BLAS. */
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

const char *rg_gemm_name(void)
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

bool rg_gemm_is_gemv(int64_t m, int64_t n, rg_matrix a, rg_matrix b)
{
    return (m == 1 || n == 1) && a.column_stride == 1 && b.row_stride == 1;
}

#define MULTIPLY(suffix, type, letter)                                                                         \
    static void multiply_##suffix(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c, int64_t c_stride) \
    {                                                                                                              \
        if (m == 0 || n == 0) return;                                                                              \
        if (k == 0) {                                                                                              \
            for (int64_t i = 0; i < m; i++) memset((type *)c + i * c_stride, 0, (size_t)n * sizeof(type));         \
            return;                                                                                                \
        }                                                                                                          \
        const storage sa = storage_of(m, k, a), sb = storage_of(k, n, b);                                          \
        const bool turns = must_take_turns();                                                                      \
        if (turns) pthread_mutex_lock(&one_at_a_time);                                                             \
        cblas_##letter##gemm(CblasRowMajor, sa.transpose, sb.transpose, (int)m, (int)n, (int)k, 1, a.data, sa.leading, b.data, \
                   sb.leading, 0, c, (int)c_stride);                                                               \
        if (turns) pthread_mutex_unlock(&one_at_a_time);                                                           \
    }                                                                                                              \
    static void times_vector_##suffix(int64_t m, int64_t k, const void *matrix, int64_t stride, const void *x, void *y) \
    {                                                                                                              \
        multiply_##suffix(m, 1, k, (rg_matrix){ matrix, stride, 1 }, (rg_matrix){ x, 1, 1 }, y, 1);                \
    }
MULTIPLY(f32, float, s)
MULTIPLY(f64, double, d)

rg_gemm *const rg_gemm_f32[3] = { multiply_f32, multiply_f32, multiply_f32 };
rg_gemm *const rg_gemm_f64[3] = { multiply_f64, multiply_f64, multiply_f64 };
rg_gemv *const rg_gemv_f32[3] = { times_vector_f32, times_vector_f32, times_vector_f32 };
rg_gemv *const rg_gemv_f64[3] = { times_vector_f64, times_vector_f64, times_vector_f64 };

const bool rg_gemm_has_steps = false;

rg_step_kernel *rg_gemm_step(const rg_gemm_shape *shape, bool f64, int level)
{
    (void)shape, (void)f64, (void)level;
    return NULL;
}
