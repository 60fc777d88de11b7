/* gradcheck.c: the check of a function of tensors. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "gradcheck_compare.h"
#include "shape.h"

/* Whether the number can be converted to the dtype. NaN and infinity can be to a float, and are found out later. */
static bool fits(double number, rg_dtype dtype)
{
    switch (dtype) {
    case RG_F32: return !isfinite(number) || fabs(number) <= (double)FLT_MAX;
    case RG_I32: return number >= INT32_MIN && number <= INT32_MAX;
    case RG_I64: return number >= -0x1p63 && number < 0x1p63;
    default: return true;
    }
}

static bool take_input(rg_check *check, int k, const rg_gradcheck_input *in, rg_check_argument *argument)
{
    rg_dtype dtype = in->dtype == RG_NO_DTYPE ? RG_F64 : in->dtype;
    int64_t count = rg_shape_count(in->shape);
    const char *reason = rg_dtype_size(dtype) == 0 ? "not a dtype"
                       : count < 0 ? "a malformed or too large shape"
                       : count > 0 && !in->values ? "no values" : NULL;
    for (int64_t i = 0; !reason && i < count; i++)
        if (!fits(in->values[i], dtype)) reason = "a value does not fit its dtype";
    if (reason) rg_check_fail(check, RG_CHECK_ERROR, 0, k, "argument %d: %s", k, reason);
    *argument = (rg_check_argument){ .number = k, .dtype = dtype, .shape = in->shape, .count = count };
    argument->role = !rg_dtype_is_float(dtype) ? RG_ROLE_INDEX : in->no_gradient ? RG_ROLE_DECLARED : RG_ROLE_FREE;
    return !reason;
}

static bool take_inputs(rg_check *check, int n, const rg_gradcheck_input *in, rg_check_argument *argument)
{
    int floats = 0;
    for (int k = 0; k < n; k++) {
        if (!take_input(check, k, &in[k], &argument[k])) return false;
        floats += argument[k].role != RG_ROLE_INDEX;
    }
    if (floats == 0) rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "no argument of a float dtype: nothing to check");
    return floats > 0;
}

/* The numbers as their dtype has them; or very near: a rule may be right at round numbers alone. Zeros and masks stay
 * what they are. */
static bool place(rg_check *check, int n, const rg_gradcheck_input *in, rg_check_argument *argument, bool near)
{
    for (int k = 0; k < n; k++) {
        rg_check_argument *a = &argument[k];
        const double nearness = near && a->role == RG_ROLE_FREE ? 0x1p-20 : 0;
        const uint64_t stream = rg_check_stream(check, RG_DRAW_JITTER, 0, 0, k);
        double *at = rg_check_take(check, a->count + 1, sizeof *at);
        if (!at) return false;
        for (int64_t i = 0; i < a->count; i++) {
            const double u = 2 * rg_random_uniform(check->seed, stream, (uint64_t)i) - 1;
            at[i] = in[k].values[i] * (1 + nearness * u);
            if (a->dtype == RG_F32) at[i] = (double)(float)at[i];
        }
        a->at = at;
    }
    return true;
}

/* At the point, and near it as far as the function is defined there. */
static bool check_seed(rg_check *check, rg_function *f, void *context, int n, rg_check_argument *argument,
                       bool *reached)
{
    const int failed = check->result->failed;
    rg_arena_rewind(&check->arena);
    if (!place(check, n, check->in, argument, false)) return false;
    if (!rg_check_point(check, f, context, n, argument, check->options.first_order_only, reached)) return false;
    if (check->result->failed > failed) return true;
    rg_arena_rewind(&check->arena);
    return place(check, n, check->in, argument, true) && rg_check_near(check, f, context, n, argument);
}

static void check_function(rg_check *check, rg_function *f, void *context, int n, rg_check_argument *argument,
                           bool *reached)
{
    for (int turn = 0; turn < check->options.seeds; turn++) {
        check->seed = check->options.seed + (uint64_t)turn;
        if (!check_seed(check, f, context, n, argument, reached)) return;
    }
    for (int k = 0; k < n && check->result->failed == 0 && !check->options.allow_vacuous; k++)
        if (argument[k].role == RG_ROLE_FREE && argument[k].count > 0 && !reached[k])
            rg_check_fail(check, RG_CHECK_VACUOUS, 1, k,
                          "argument %d: the derivative is zero everywhere, and not declared so", k);
}

bool rg_gradcheck(rg_function *f, void *context, int n, const rg_gradcheck_input *in,
                  const rg_gradcheck_options *options, rg_gradcheck_result *result)
{
    rg_check check;
    rg_gradcheck_result own;
    rg_check_argument *argument = NULL;
    bool *reached = NULL;
    if (!rg_check_begin(&check, NULL, options, result ? result : &own)) return rg_check_end(&check);
    check.in = in;
    if (!f || n < 1 || !in) {
        rg_check_fail(&check, RG_CHECK_ERROR, 0, -1, "no function or no arguments");
    } else {
        argument = calloc((size_t)n + 1, sizeof *argument);
        reached = calloc((size_t)n, sizeof *reached);
        if (!argument || !reached) rg_check_fail(&check, RG_CHECK_ERROR, 0, -1, "out of memory");
        else if (take_inputs(&check, n, in, argument)) check_function(&check, f, context, n, argument, reached);
    }
    free(argument);
    free(reached);
    return rg_check_end(&check);
}
