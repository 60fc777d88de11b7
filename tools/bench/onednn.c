/* onednn.c: oneDNN's matrix product, where it was found when this was compiled. */
#include "blas.h"

#ifdef RG_BENCH_ONEDNN
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

static void multiply(const bench_product *self, int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c)
{
    const blas_storage sa = blas_storage_of(k, a), sb = blas_storage_of(n, b);
    (void)self;
    dnnl_sgemm(sa.plain ? 'N' : 'T', sb.plain ? 'N' : 'T', m, n, k, 1, a.data, sa.leading, b.data, sb.leading, 0, c, n);
}

/* Its threads are OpenMP's, if it has any. */
static void set_threads(int threads)
{
    void (*set)(int) = NULL;
    *(void **)&set = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (set) set(threads);
}

const bench_product *bench_product_of_onednn(rg_dtype dtype)
{
    static const bench_product product = { .multiply = multiply, .set_threads = set_threads };
    return dtype == RG_F32 ? &product : NULL;
}
#else
const bench_product *bench_product_of_onednn(rg_dtype dtype)
{
    (void)dtype;
    return NULL;
}
#endif
