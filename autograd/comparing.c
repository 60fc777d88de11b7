/* comparing.c: rows of what looks at where a number lies: rounding, limits, comparisons and masks.
 *
 * Rounding and sign are level but for jumps. They declare that they have no gradient, so that none flows: asked for, it
 * is zeros, as in PyTorch, and costs nothing. */
#include "rows.h"

#define FLOOR(x) _Generic((x), float: floorf, double: floor)(x)
#define CEIL(x) _Generic((x), float: ceilf, double: ceil)(x)
#define ROUND(x) _Generic((x), float: rintf, double: rint)(x)
#define MOD(a, b) _Generic((a), float: rg_mod_f32, double: rg_mod_f64)(a, b)

static float rg_mod_f32(float a, float b)
{
    return (float)rg_mod_f64((double)a, (double)b);
}

/* ---- Rounding --------------------------------------------------------------------------------------------- */

UNARY(sign, VECTOR, HOLOMORPHIC, RE(a) > 0 ? 1 : RE(a) < 0 ? -1 : RE(a), NOTHING, rg_samples_real, "-1, 0 or 1; no gradient",
      .no_gradient = 1)
UNARY(floor, RARE, HOLOMORPHIC, FLOOR(RE(a)), NOTHING, rg_samples_level, "the next integer below; no gradient",
      .no_gradient = 1)
UNARY(ceil, RARE, HOLOMORPHIC, CEIL(RE(a)), NOTHING, rg_samples_level, "the next integer above; no gradient",
      .no_gradient = 1)
UNARY(round, RARE, HOLOMORPHIC, ROUND(RE(a)), NOTHING, rg_samples_level,
      "the nearest integer, an even one for halves; no gradient", .no_gradient = 1)

/* b floor(a / b) = a - y, and their quotient is an integer but for rounding, which floor would make one less of. */
static rg_tensor whole_quotient(rg_tensor a, rg_tensor b, rg_tensor y)
{
    return rg_round(rg_div(rg_sub(a, y), b));
}

/* One with several whole quotients. */
static const rg_sample mod_samples[] = {
    { .operands = 2, .in = { { .shape = S(3, 4), .low = 1.25, .high = 7.25, .step = 2 },
                             { .shape = S(3, 4), .low = 1.9, .high = 2.1 } } },
    TWO(S(3, 4), S(3, 4), 4.25, 4.75, 1.9, 2.1, 0), TWO(S(3, 1), S(1, 5), 4.25, 4.75, 1.9, 2.1, 0),
    TWO(S(0, 3), S(3), 4.25, 4.75, 1.9, 2.1, 0), TWO({ 0 }, { 0 }, 4.25, 4.75, 1.9, 2.1, 0),
    { .operands = 2, .in = { { .shape = S(3, 4), .low = 1.9, .high = 2.1 }, { .same_as = 1 } } },
    { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(2) } }, .refuse = RG_E_SHAPE }, END,
};
BINARY(mod, RARE, REAL_ONLY, MOD(a, b), g, rg_neg(rg_adjoint_mul(g, whole_quotient(in[0], in[1], y))), 0, mod_samples,
       "a - b floor(a / b): the remainder with the sign of b", .operations = rg_operations_4)

/* ---- Limits --------------------------------------------------------------------------------------------------- */

typedef struct {
    double low, high;
} limits;

static limits limits_of(rg_tensor y)
{
    limits of;
    memcpy(&of, rg_attributes_of(y), sizeof of);
    return of;
}

static void describe_limits(const void *attributes, char *text, size_t size)
{
    const limits *of = attributes;
    snprintf(text, size, "%.6g to %.6g", of->low, of->high);
    rg_set_point(text);
}

static rg_status limits_shape(rg_shape_call *call)
{
    const limits *of = call->attributes;
    rg_status status = rg_shape_same(call);
    if (status == RG_OK && !(of->low <= of->high))
        status = rg_refuse(call, RG_E_ARGUMENT, "the limits %g and %g are not in order", of->low, of->high);
    return status;
}

/* What the drawn numbers keep away from, by how many there are: see rg_sample_operand. */
static const limits thirds = { -1, 1 }, halves = { -0.25, 1.75 }, crossed = { 1, -1 }, none_below = { -INFINITY, 1 };
static const rg_sample limits_samples[] = {
    ONE(S(3, 4), -2, 2, &thirds), ONE(S(2, 1, 36), -2, 2, &thirds), ONE(S(3, 4), -2, 2, &none_below),
    ONE(S(1), -2, 2, &halves),    ONE({ 0 }, -2, 2, &halves),       ONE(S(2, 0), -2, 2, &thirds),
    { .operands = 1, .in = { { .shape = S(3) } }, .attributes = &crossed, .refuse = RG_E_ARGUMENT },
    REFUSE_INDICES(&thirds), END,
};

#define LIMITED(id, kernels, COMPLEX, derivative, ...)                                                             \
    DERIVATIVE(id, derivative)                                                                                     \
    const rg_op rg_op_##id = { .name = #id, .arity = 1, .attribute_size = sizeof(limits), .shape = limits_shape,   \
                               VECTOR_FIELDS(kernels), COMPLEX##_FIELD(kernels), .vjp = id##_vjp,                    \
                               .samples = limits_samples, .describe = describe_limits, .doc = __VA_ARGS__ };       \
    rg_tensor rg_##id##_at(const char *site, rg_tensor x, double low, double high)                                 \
    {                                                                                                              \
        const limits between = { low, high };                                                                      \
        return rg_apply_at(site, &rg_op_##id, &between, 1, &x);                                                    \
    }

static rg_tensor where_within(rg_tensor g, rg_tensor x, double low, double high)
{
    return rg_where(rg_within_at(NULL, x, low, high), g, constant_like(g, 0));
}

/* The interval without its ends, as floats of the dtype are spaced. */
static rg_tensor where_inside(rg_tensor g, rg_tensor x, limits of)
{
    if (rg_dtype_of(x) == RG_F64)
        return where_within(g, x, nextafter(of.low, INFINITY), nextafter(of.high, -INFINITY));
    return where_within(g, x, (double)nextafterf((float)of.low, INFINITY), (double)nextafterf((float)of.high, -INFINITY));
}

/* One limit at a time: along a direction through both, no convention lies between the slopes of both sides. */
static const double around_low[] = { -2, -1, 0 }, around_high[] = { 0, 1, 2 };
static const double from_low[] = { 0, 1, 1 }, to_high[] = { 1, 1, 0 }, above_low[] = { 0, 0, 1 }, below_high[] = { 1, 0, 0 };
#define LIMIT_KINKS(name, low, high)                                                                               \
    static const rg_kink name##_kinks[] = {                                                                        \
        { .operands = 1, .in = { { S(3), around_low, low } }, .attributes = &thirds },                             \
        { .operands = 1, .in = { { S(3), around_high, high } }, .attributes = &thirds }, { .operands = 0 },        \
    };
LIMIT_KINKS(clamp, from_low, to_high)
LIMIT_KINKS(hard_tanh, above_low, below_high)

VECTOR_KERNELS(clamp, 1, TWO_NUMBERS, RE(a) < RE(p) ? p : RE(a) > RE(q) ? q : a)
HOLOMORPHIC_KERNEL(clamp, 1, TWO_NUMBERS, RE(a) < RE(p) ? p : RE(a) > RE(q) ? q : a)
LIMITED(clamp, clamp, HOLOMORPHIC, where_within(g, in[0], limits_of(y).low, limits_of(y).high),
        "x, but not below and not above the limits; slope 1 at both", .kinks = clamp_kinks)
LIMITED(hard_tanh, clamp, HOLOMORPHIC, where_inside(g, in[0], limits_of(y)),
        "x, but not below and not above the limits; slope 0 at both", .kinks = hard_tanh_kinks)
VECTOR_KERNELS(within, 1, TWO_NUMBERS, (RE(a) >= RE(p) && RE(a) <= RE(q) ? 1 : 0))
HOLOMORPHIC_KERNEL(within, 1, TWO_NUMBERS, (RE(a) >= RE(p) && RE(a) <= RE(q) ? 1 : 0))
LIMITED(within, within, HOLOMORPHIC, NOTHING, "1 where x is between the limits or one of them, else 0; no gradient",
        .no_gradient = 1)

/* ---- Comparisons and masks ------------------------------------------------------------------------------------- */

#define COMPARISON(id, KIND, formula, samples, text)                                                               \
    BINARY(id, KIND, HOLOMORPHIC, (formula ? 1 : 0), NOTHING, NOTHING, 3, samples, text)
COMPARISON(greater, FAST, RE(a) > RE(b), rg_samples_pair, "1 where a > b, else 0")
COMPARISON(greater_equal, VECTOR, RE(a) >= RE(b), rg_samples_pair, "1 where a >= b, else 0")
COMPARISON(less, VECTOR, RE(a) < RE(b), rg_samples_pair, "1 where a < b, else 0")
COMPARISON(less_equal, VECTOR, RE(a) <= RE(b), rg_samples_pair, "1 where a <= b, else 0")
COMPARISON(equal, FAST, RE(a) == RE(b), rg_samples_pair_grid, "1 where a = b, else 0")
COMPARISON(not_equal, VECTOR, RE(a) != RE(b), rg_samples_pair_grid, "1 where a and b differ, else 0")
COMPARISON(logical_and, RARE, RE(a) != 0 && RE(b) != 0, rg_samples_pair_grid, "1 where neither is 0, else 0")
COMPARISON(logical_or, RARE, RE(a) != 0 || RE(b) != 0, rg_samples_pair_grid, "1 where one is not 0, else 0")
COMPARISON(logical_xor, RARE, (RE(a) != 0) != (RE(b) != 0), rg_samples_pair_grid, "1 where just one is 0, else 0")
UNARY(logical_not, RARE, HOLOMORPHIC, (RE(a) == 0 ? 1 : 0), NOTHING, rg_samples_real, "1 where x is 0, else 0",
      .no_gradient = 1)
UNARY(is_finite, RARE, HOLOMORPHIC, (RE(a) - RE(a) == 0 ? 1 : 0), NOTHING, rg_samples_real,
      "1 where x is neither infinite nor NaN, else 0", .no_gradient = 1)
UNARY(is_nan, RARE, HOLOMORPHIC, (RE(a) != RE(a) ? 1 : 0), NOTHING, rg_samples_real, "1 where x is NaN, else 0",
      .no_gradient = 1)
