/* pairs.c: two elementwise ops in one pass, such as a product and the sum that reads it. Both are rounded, as they are apart.
 * They run in groups alone, on whole tiles: what is left over at the end of a loop may be slow (see CMakeLists.txt). */
#include "rows.h"

/* Where there are better levels, the portable one is for old processors, which do without. */
#if defined(__x86_64__)
#define PORTABLE_LOOP(...)
#define PORTABLE(step) NULL
#else
#define PORTABLE_LOOP(...) LOOP(__VA_ARGS__)
#define PORTABLE(step) step
#endif

#define PAIR(id, operands, ATTRIBUTES, formula)                                                                    \
    PORTABLE_LOOP(id, float, f32, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, NO_FINISH)                    \
    PORTABLE_LOOP(id, double, f64, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, NO_FINISH)                   \
    WIDE_LOOPS(id, operands, ATTRIBUTES, formula, NO_FINISH)                                                       \
    static const rg_op_steps id##_steps = {                                                                        \
        .many = { { PORTABLE(id##_step_f32), id##_step_f32_avx2, id##_step_f32_avx512 },                           \
                  { PORTABLE(id##_step_f64), id##_step_f64_avx2, id##_step_f64_avx512 } },                         \
    };

/* The operands of the first, then the other one of the second; the number of the first. */
PAIR(mul_then_add, 3, NO_NUMBER, a * b + c)
PAIR(mul_then_sub, 3, NO_NUMBER, a * b - c)
PAIR(sub_of_mul, 3, NO_NUMBER, c - a * b)
PAIR(adjoint_mul_then_add, 3, NO_NUMBER, (a == 0 ? a : a * b) + c)
PAIR(sub_of_adjoint_mul, 3, NO_NUMBER, c - (a == 0 ? a : a * b))
PAIR(scale_then_add, 2, NUMBER, a * p + b)
PAIR(mul_by_one_minus, 2, NO_NUMBER, (1 - a) * b)
PAIR(adjoint_mul_by_one_minus, 2, NO_NUMBER, b == 0 ? b : b * (1 - a))

const rg_op_steps *rg_pair_steps(const rg_op *first, const rg_op *second, int k, int simd)
{
    static const struct {
        const rg_op *first, *second;
        int operand;               /* of the second that the first is; -1: either */
        const rg_op_steps *steps;
    } pairs[] = {
        { &rg_op_mul, &rg_op_add, -1, &mul_then_add_steps },
        { &rg_op_mul, &rg_op_sub, 0, &mul_then_sub_steps },
        { &rg_op_mul, &rg_op_sub, 1, &sub_of_mul_steps },
        { &rg_op_adjoint_mul, &rg_op_add, -1, &adjoint_mul_then_add_steps },
        { &rg_op_adjoint_mul, &rg_op_sub, 1, &sub_of_adjoint_mul_steps },
        { &rg_op_scale, &rg_op_add, -1, &scale_then_add_steps },
        { &rg_op_one_minus, &rg_op_mul, -1, &mul_by_one_minus_steps },
        { &rg_op_one_minus, &rg_op_adjoint_mul, 1, &adjoint_mul_by_one_minus_steps },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].first == first && pairs[i].second == second && (pairs[i].operand < 0 || pairs[i].operand == k))
            return pairs[i].steps->many[0][simd] ? pairs[i].steps : NULL;
    return NULL;
}
