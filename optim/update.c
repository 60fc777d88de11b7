/* update.c: the update rules and the gradient's norm, in f32 and f64 and for each level of vector instructions. */
#include <math.h>

#include "gemm.h"
#include "rules.h"
#include "simd.h"
#include "step.h"

#define CHUNK ((size_t)1024)
#define LANES ((size_t)8)
#define VECTOR ((int64_t)(32 / sizeof(REAL)))

/* ---- f32 ---- */

#define REAL float
#define ROOT sqrtf

#define NAME(name) name##_f32
#define TARGET RG_TARGET_PORTABLE
#include "update_template.h"
#undef NAME
#undef TARGET

#define NAME(name) name##_f32_avx2
#define TARGET RG_TARGET_AVX2
#include "update_template.h"
#undef NAME
#undef TARGET

#define NAME(name) name##_f32_avx512
#define TARGET RG_TARGET_AVX512
#include "update_template.h"
#undef NAME
#undef TARGET

#undef REAL
#undef ROOT

/* ---- f64 ---- */

#define REAL double
#define ROOT sqrt

#define NAME(name) name##_f64
#define TARGET RG_TARGET_PORTABLE
#include "update_template.h"
#undef NAME
#undef TARGET

#define NAME(name) name##_f64_avx2
#define TARGET RG_TARGET_AVX2
#include "update_template.h"
#undef NAME
#undef TARGET

#define NAME(name) name##_f64_avx512
#define TARGET RG_TARGET_AVX512
#include "update_template.h"
#undef NAME
#undef TARGET

static const rg_op_steps sgd_steps = {
    .one = { sgd_step_f32, sgd_step_f64 },
    .many = { { sgd_step_f32, sgd_step_f32_avx2, sgd_step_f32_avx512 },
              { sgd_step_f64, sgd_step_f64_avx2, sgd_step_f64_avx512 } },
};
/* A product and a difference for each number. */
static double sgd_operations(const rg_call *call)
{
    return 2 * (double)rg_shape_count(call->layout[0].shape);
}

const rg_op rg_opt_sgd_update = {
    .name = "sgd", .doc = "theta after a step of gradient descent", .arity = 3, .uniform = 4, .steps = &sgd_steps,
    .f32 = sgd_kernel_f32, .f64 = sgd_kernel_f64, .f32_simd = { sgd_kernel_f32_avx2, sgd_kernel_f32_avx512 },
    .f64_simd = { sgd_kernel_f64_avx2, sgd_kernel_f64_avx512 }, .operations = sgd_operations,
};

/* ---- By a gradient of rank one -------------------------------------------------------------------------------- */

static void rank_one_prepare(const rg_call *call, void *prepared)
{
    const rg_layout *a = &call->layout[1], *b = &call->layout[2];
    *(rg_gemm_shape *)prepared = (rg_gemm_shape){ a->shape.size[0], b->shape.size[1], 1, { NULL, a->stride[0], a->stride[1] },
                                                  { NULL, b->stride[0], b->stride[1] } };
}

static int64_t rank_one_rows(const rg_call *call)
{
    return call->layout[1].shape.size[0];
}

static int64_t rank_one_columns(const rg_call *call)
{
    return call->layout[2].shape.size[1];
}

/* A product for the gradient, and two more operations for each number. */
static double rank_one_operations(const rg_call *call)
{
    return 3 * (double)rank_one_rows(call) * (double)rank_one_columns(call);
}

static rg_step_kernel *rank_one_step(const void *prepared, rg_dtype dtype, int simd)
{
    static rg_step_kernel *const f32[] = { sgd_rank_one_step_f32, sgd_rank_one_step_f32_avx2, sgd_rank_one_step_f32_avx512 };
    static rg_step_kernel *const f64[] = { sgd_rank_one_step_f64, sgd_rank_one_step_f64_avx2, sgd_rank_one_step_f64_avx512 };
    (void)prepared;
    return (dtype == RG_F32 ? f32 : f64)[simd];
}

const rg_op rg_opt_sgd_rank_one = {
    .name = "sgd", .doc = "theta after a step of gradient descent along a column times a row", .arity = 3, .kind = RG_ITEMS,
    RG_KERNELS(sgd_rank_one), .prepared_size = sizeof(rg_gemm_shape), .prepare = rank_one_prepare,
    .small = &(const rg_op_small){ .step = rank_one_step }, .items = rank_one_rows, .item_elements = rank_one_columns,
    .operations = rank_one_operations,
};

const rg_opt_kernels *rg_opt_kernels_for(rg_dtype dtype, int level)
{
    static const rg_opt_kernels *const f32[] = { &kernels_f32, &kernels_f32_avx2, &kernels_f32_avx512 };
    static const rg_opt_kernels *const f64[] = { &kernels_f64, &kernels_f64_avx2, &kernels_f64_avx512 };
    return dtype == RG_F32 ? f32[level] : f64[level];
}
