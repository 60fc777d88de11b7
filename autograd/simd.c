/* simd.c: which kernels this processor can run. */
#include "simd.h"

#include <stdlib.h>
#include <string.h>

#include "step.h"

static const char *const level_names[] = { "portable", "avx2", "avx512" };

int rg_simd_level(void)
{
    int level = 0;
#if defined(__x86_64__)
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    level = avx512 && avx2 ? 2 : avx2 ? 1 : 0;
#endif
    const char *wanted = getenv("RG_SIMD");
    for (int i = 0; wanted && i < level; i++)
        if (strcmp(wanted, level_names[i]) == 0) level = i;
    return level;
}

const char *rg_simd_name(void)
{
    return level_names[rg_simd_level()];
}

rg_kernel *rg_op_kernel(const rg_op *op, rg_dtype dtype, int simd)
{
    if (dtype != RG_F32 && dtype != RG_F64) return op->any;
    rg_kernel *const *levels = dtype == RG_F32 ? op->f32_simd : op->f64_simd;
    for (int i = simd; i > 0; i--)
        if (levels[i - 1]) return levels[i - 1];
    rg_kernel *portable = dtype == RG_F32 ? op->f32 : op->f64;
    return portable ? portable : op->any;
}

rg_step_kernel *rg_op_step(const rg_op *op, rg_dtype dtype, int simd, int64_t count)
{
    if (!op->steps || (dtype != RG_F32 && dtype != RG_F64)) return NULL;
    return count == 1 ? op->steps->one[dtype == RG_F64] : op->steps->many[dtype == RG_F64][simd];
}
