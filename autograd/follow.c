/* follow.c: where a matrix times a vector is followed, behind elementwise ops, by the turned matrix times what these have
 * made of the result, as for the gradient of least squares, a large matrix would come from memory twice. So the step of the
 * first product does the second as well, a few blocks along its sum at a time, while these rows are in the cache; and the
 * second's own step only adds up the blocks, by the rule of gemm.h. */
#include "builder.h"
#include "gemm.h"
#include "ops.h"

/* Of the matrix, so that no cache holds it, and a block of whose rows is less. */
enum { LARGE_BYTES = 1 << 22 };

/* ---- The product in two parts ---------------------------------------------------------------------------------------- */

static int64_t block_count(const rg_call *call)
{
    return (call->layout[1].shape.size[1] + RG_GEMM_BLOCK - 1) / RG_GEMM_BLOCK;
}

static size_t blocks_bytes(const rg_call *call)
{
    return (size_t)(block_count(call) * call->layout[0].shape.size[0]) * rg_dtype_size(call->layout[0].dtype);
}

/* An item is a block of the matrix, whose rows and columns are turned; its product is a row of the scratch memory. */
static void do_blocks(const rg_call *call, int64_t begin, int64_t end, rg_gemm *multiply)
{
    const rg_layout *a = &call->layout[1], *b = &call->layout[2];
    const int64_t m = a->shape.size[0], k = a->shape.size[1], item = (int64_t)rg_dtype_size(a->dtype);
    for (; begin < end; begin++) {
        const int64_t p = begin * RG_GEMM_BLOCK, depth = k - p < RG_GEMM_BLOCK ? k - p : RG_GEMM_BLOCK;
        const rg_matrix left = { (const char *)call->in[0] + p * a->stride[1] * item, a->stride[0], a->stride[1] };
        const rg_matrix right = { (const char *)call->in[1] + p * b->stride[0] * item, b->stride[0], b->stride[1] };
        multiply(m, 1, depth, left, right, (char *)call->scratch + begin * m * item, 1);
    }
}

#define BLOCKS(suffix, type, level)                                                                                \
    static void blocks_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        do_blocks(call, begin, end, rg_gemm_##type[level]);                                                        \
    }
BLOCKS(f32, f32, 0)
BLOCKS(f64, f64, 0)
BLOCKS(f32_avx2, f32, 1)
BLOCKS(f64_avx2, f64, 1)
BLOCKS(f32_avx512, f32, 2)
BLOCKS(f64_avx512, f64, 2)

rg_kernel *rg_follower_kernel(rg_dtype dtype, int simd)
{
    static rg_kernel *const kernels[2][3] = { { blocks_f32, blocks_f32_avx2, blocks_f32_avx512 },
                                              { blocks_f64, blocks_f64_avx2, blocks_f64_avx512 } };
    return kernels[dtype == RG_F64][simd];
}

#define IN_ORDER(type, suffix)                                                                                     \
    static void in_order_##suffix(const rg_call *call, int64_t begin, int64_t end)                                 \
    {                                                                                                              \
        const int64_t blocks = block_count(call), m = call->layout[0].shape.size[0];                               \
        const type *in = call->scratch;                                                                            \
        type *out = call->out;                                                                                     \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            out[i] = in[i];                                                                                        \
            for (int64_t b = 1; b < blocks; b++) out[i] += in[b * m + i];                                          \
        }                                                                                                          \
    }
IN_ORDER(float, f32)
IN_ORDER(double, f64)

static const rg_op in_order = { .name = "matmul", .doc = "the sum of a product's blocks", .arity = 2, .kind = RG_ITEMS,
                                .f32 = in_order_f32, .f64 = in_order_f64, .items = rg_items_elements,
                                .item_work = block_count, .scratch = blocks_bytes };

/* ---- Who follows ------------------------------------------------------------------------------------------------------ */

static bool is_turned(const rg_placement *a, const rg_placement *b)
{
    const rg_layout *x = &a->layout, *y = &b->layout;
    return a->value == b->value && a->offset == b->offset && x->shape.rank == 2 && y->shape.rank == 2 &&
           x->shape.size[0] == y->shape.size[1] && x->shape.size[1] == y->shape.size[0] &&
           x->stride[0] == y->stride[1] && x->stride[1] == y->stride[0];
}

/* The step that the product of the two can follow, or RG_BEFORE. A matrix that lies along the sum has a rule of its own. */
static int64_t step_to_follow(const rg_builder *b, const rg_placement *in, const rg_layout *out)
{
    const rg_value *vector = &b->values[in[1].value];
    const int64_t rows = in[1].layout.shape.size[0], step = vector->defined;
    const double bytes = (double)rg_elements(&in[0].layout.shape) * (double)rg_dtype_size(out->dtype);
    if (!b->request->optimise || !rg_gemm_has_steps || out->shape.rank != 2 || out->shape.size[1] != 1) return RG_BEFORE;
    if (bytes < LARGE_BYTES || bytes / (double)rows * RG_GEMM_BLOCK > LARGE_BYTES) return RG_BEFORE;
    if (step < b->earliest || vector->micro < 0 || in[1].offset != 0) return RG_BEFORE;
    if (in[0].layout.stride[1] == 1) return RG_BEFORE;
    const rg_draft *first = &b->drafts[step];
    const bool by_rows = first->op == &rg_op_matmul && first->item_elements == 1;
    return by_rows && first->follower == RG_NONE && is_turned(&first->in[0], &in[0]) ? step : RG_BEFORE;
}

uint32_t rg_builder_follow(rg_builder *b, const rg_placement *in, const rg_layout *out, uint32_t node)
{
    const int64_t step = step_to_follow(b, in, out);
    const uint32_t value = step != RG_BEFORE ? rg_builder_kernel(b, &in_order, NULL, 2, in, out, node) : RG_NONE;
    if (value == RG_NONE) return RG_NONE;
    const int64_t own = (int64_t)b->draft_count - 1;
    const uint32_t scratch = b->drafts[own].scratch;
    b->drafts[step].follower = (uint32_t)own;
    if (b->request->accounts) b->drafts[step].operations += 2 * (double)rg_elements(&in[0].layout.shape);
    b->values[scratch].defined = step;
    rg_builder_use(b, scratch, own);
    return value;
}

bool rg_draft_follows(const rg_builder *b, const rg_draft *draft)
{
    return draft->op == &in_order && b->values[draft->scratch].defined < draft - b->drafts;
}
