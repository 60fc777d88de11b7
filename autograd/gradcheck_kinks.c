/* gradcheck_kinks.c: an op at its kinks, where the derivative is a convention: it must be the one that the op states,
 * and lie between the slopes of both sides. */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "gradcheck_compare.h"
#include "shape.h"

typedef struct {
    const rg_op *op;
    const rg_kink *kink;
} kinked;

static rg_tensor apply_kinked(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    const kinked *at = context;
    (void)tape;
    return rg_apply(at->op, at->kink->attributes, n, in);
}

static void take_arguments(const rg_check *check, const rg_kink *kink, rg_dtype dtype, rg_check_argument *argument)
{
    for (int k = 0; k < kink->operands; k++) {
        const rg_shape shape = kink->in[k].shape;
        argument[k] = (rg_check_argument){ .number = k, .dtype = dtype, .shape = shape, .count = rg_shape_count(shape),
                                           .at = kink->in[k].values };
        argument[k].role = check->op->no_gradient >> k & 1u ? RG_ROLE_WALL : RG_ROLE_FREE;
    }
}

static void compare_convention(rg_check *check, const rg_kink *kink, int k, const rg_check_argument *argument,
                               const double *gradient)
{
    const double bound = 64 * (argument->dtype == RG_F32 ? (double)FLT_EPSILON : DBL_EPSILON);
    for (int64_t i = 0; kink->in[k].slope && i < argument->count; i++) {
        const double given = gradient[i], stated = kink->in[k].slope[i];
        if (fabs(given - stated) <= bound) continue;
        const rg_finding finding = { .order = 1, .argument = k, .index = i, .analytic = given, .numeric = stated,
                                     .bound = bound };
        rg_check_fail_at(check, RG_CHECK_WRONG, &finding,
                         "argument %d, element %" PRId64 " of kink %d: analytic %.10g, by convention %.10g", k, i,
                         (int)(kink - check->op->kinks), given, stated);
        return;
    }
}

static bool check_kink(rg_check *check, const rg_kink *kink, rg_dtype dtype)
{
    rg_check_argument argument[RG_MAX_OPERANDS + 1];
    kinked at = { check->op, kink };
    int64_t variables = 1;
    rg_arena_rewind(&check->arena);
    take_arguments(check, kink, dtype, argument);
    for (int k = 0; k < kink->operands; k++) variables += argument[k].count;
    double *gradient = rg_check_take(check, variables, sizeof *gradient);
    if (!gradient || !rg_check_kink(check, apply_kinked, &at, kink->operands, argument, gradient)) return false;
    check->result->checked++;
    for (int k = 0; k < kink->operands; k++)
        if (argument[k].role == RG_ROLE_FREE)
            compare_convention(check, kink, k, &argument[k], gradient + argument[k].first);
    return true;
}

static bool is_well_formed(const rg_kink *kink)
{
    bool good = kink->operands <= RG_MAX_OPERANDS;
    for (int k = 0; good && k < kink->operands; k++)
        good = rg_shape_count(kink->in[k].shape) >= 0 && kink->in[k].values;
    return good;
}

bool rg_check_kinks(rg_check *check)
{
    for (const rg_kink *kink = check->op->kinks; kink->operands > 0; kink++) {
        if (!is_well_formed(kink)) {
            rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "kink %d is malformed", (int)(kink - check->op->kinks));
            return false;
        }
        if (!check_kink(check, kink, RG_F64)) return false;
        if (check->op->f32 && !check_kink(check, kink, RG_F32)) return false;
    }
    return true;
}
