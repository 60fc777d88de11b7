/* elementwise.c: arithmetic and the functions that everything is made of, one row each: name, formula, derivative, where
 * to sample it, what it is (rows.h).
 *
 * A derivative multiplies its cotangent by a slope through rg_adjoint_mul, or divides it through rg_adjoint_div: where
 * the cotangent is exactly 0, so is the result, whatever the slope is. So what `where` has not taken leaves no trace,
 * even where its slope is infinite or not a number. */
#include "gradient.h"
#include "rows.h"

#define TANH(x) _Generic((x), float: rg_tanh_f32, double: rg_tanh_f64, rg_complex: ctanh)(x)
#define ERF(x) _Generic((x), float: rg_erf_f32, double: rg_erf_f64)(x)
#define LOG1P(x) _Generic((x), float: rg_log1p_f32, double: rg_log1p_f64, rg_complex: rg_complex_log1p)(x)
#define SIN(x) _Generic((x), float: rg_sin_within_f32, double: rg_sin_within_f64, rg_complex: csin)(x)
#define COS(x) _Generic((x), float: rg_cos_within_f32, double: rg_cos_within_f64, rg_complex: ccos)(x)
#define SIN_FINISH(y, n) _Generic((y), float *: rg_sin_finish_f32, double *: rg_sin_finish_f64)(y, n);
#define COS_FINISH(y, n) _Generic((y), float *: rg_cos_finish_f32, double *: rg_cos_finish_f64)(y, n);
#define SINE_KERNELS(id, operands, ATTRIBUTES, formula) FINISHED_KERNELS(id, operands, ATTRIBUTES, formula, SIN_FINISH)
#define COSINE_KERNELS(id, operands, ATTRIBUTES, formula) FINISHED_KERNELS(id, operands, ATTRIBUTES, formula, COS_FINISH)
#define SINE_FIELDS(id) FAST_FIELDS(id)
#define COSINE_FIELDS(id) FAST_FIELDS(id)
#define POWER(x, p) _Generic((x), float: powf, double: pow, rg_complex: rg_complex_power)(x, RE(p))
#define POW(x, p) _Generic((x), float: powf, double: pow, rg_complex: cpow)(x, p)

#define THREE(shape_a, shape_b, shape_c, low_, high_, step_)                                                       \
    { .operands = 3, .in = { { .shape = shape_a, .low = low_, .high = high_, .step = step_ },                      \
                             { .shape = shape_b }, { .shape = shape_c } } }
/* The range is that of operand a. */
#define TERNARY(id, KIND, COMPLEX, formula, derivative_a, derivative_b, derivative_c, zero_mask, low_, high_, step_, text) \
    KIND##_KERNELS(id, 3, NO_NUMBER, formula)                                                                      \
    COMPLEX##_KERNEL(id, 3, NO_NUMBER, formula)                                                                    \
    DERIVATIVE(id, k == 0 ? derivative_a : k == 1 ? derivative_b : derivative_c)                                   \
    static const rg_sample id##_samples[] = {                                                                      \
        THREE(S(3, 4), S(3, 4), S(3, 4), low_, high_, step_),                                                      \
        THREE(S(3, 1), S(4), S(3, 4), low_, high_, step_),                                                         \
        THREE(S(2), S(3, 2), S(1), low_, high_, step_),                                                            \
        THREE(S(0, 2), S(2), S(1), low_, high_, step_),                                                            \
        { .operands = 3, .in = { { .shape = S(3, 4), .low = low_, .high = high_, .step = step_ }, { .shape = S(4) }, \
                                 { .same_as = 2 } } },                                                             \
        { .operands = 3, .in = { { .shape = S(2) }, { .shape = S(2) }, { .shape = S(3) } }, .refuse = RG_E_SHAPE },\
        { .operands = 3, .in = { { .dtype = RG_F32 }, { .dtype = RG_F64 }, { .dtype = RG_F64 } },                  \
          .refuse = RG_E_DTYPE },                                                                                  \
        END,                                                                                                       \
    };                                                                                                             \
    const rg_op rg_op_##id = { .name = #id, .doc = text, .arity = 3, .shape = rg_shape_broadcast,                  \
                               KIND##_FIELDS(id), COMPLEX##_FIELD(id), .vjp = id##_vjp, .no_gradient = zero_mask,  \
                               .samples = id##_samples };                                                          \
    rg_tensor rg_##id##_at(const char *site, rg_tensor a, rg_tensor b, rg_tensor c)                                \
    {                                                                                                              \
        const rg_tensor in[] = { a, b, c };                                                                        \
        return rg_apply_at(site, &rg_op_##id, NULL, 3, in);                                                        \
    }

#define TWO_OVER_ROOT_PI 1.1283791670955125739

/* p x^(p-1), with x^0 a constant even at 0, where 0 x^-1 would be 0/0. */
static rg_tensor power_slope(double p, rg_tensor x, rg_tensor g)
{
    if (p == 0) return NOTHING;
    return p == 1 ? g : rg_adjoint_mul(g, rg_scale(rg_power(x, p - 1), p));
}

/* b a^(b-1), and 0 where b is 0, at a = 0 too. */
static rg_tensor pow_slope_of_base(rg_tensor a, rg_tensor b)
{
    rg_tensor zero = constant_like(b, 0);
    return rg_where(rg_equal(b, zero), zero, rg_mul(b, rg_pow(a, rg_shift(b, -1))));
}

/* y ln a, and 0 where a is 0 and b is not negative: there a^b = 0 for all b above 0. */
static rg_tensor pow_slope_of_exponent(rg_tensor a, rg_tensor b, rg_tensor y)
{
    rg_tensor zero = constant_like(b, 0);
    rg_tensor flat = rg_logical_and(rg_equal(a, zero), rg_greater_equal(b, zero));
    return rg_where(flat, zero, rg_mul(y, rg_log(a)));
}

/* ---- The chain rule's product ------------------------------------------------------------------------- */

/* By the slope, the derivative is the product of two cotangents: 0 where either is, for where the first is 0 the result
 * is 0 whatever the slope is. */
BINARY(adjoint_mul, FAST, HOLOMORPHIC, a == 0 ? a : a * b, rg_adjoint_mul(g, in[1]), rg_adjoint_both_at(NULL, g, in[0]),
       0, rg_samples_pair, "a b, and 0 where a is 0, whatever b is: a cotangent times a slope", .neutral = 1,
       .neutral_operands = 3)
BINARY(adjoint_div, FAST, HOLOMORPHIC, a == 0 ? a : a / b, rg_adjoint_div(g, in[1]),
       rg_neg(rg_adjoint_both_at(NULL, rg_adjoint_div(g, in[1]), y)), 0, rg_samples_pair_over,
       "a / b, and 0 where a is 0, whatever b is: a cotangent over a slope", .neutral = 1, .neutral_operands = 2)
BINARY(adjoint_both, FAST, HOLOMORPHIC, a == 0 ? a : b == 0 ? b : a * b, rg_adjoint_both_at(NULL, g, in[1]),
       rg_adjoint_both_at(NULL, g, in[0]), 0, rg_samples_pair,
       "a b, and 0 where either is 0, whatever the other is: two cotangents", .neutral = 1, .neutral_operands = 3)

/* Where a row has a kink, and the derivative there. */
static const double around_zero[] = { -1, 0, 1 }, right_of_zero[] = { 0, 0, 1 };
static const rg_kink abs_kinks[] = {
    { .operands = 1, .in = { { S(3), around_zero, around_zero } } }, { .operands = 0 }
};

/* ---- Arithmetic --------------------------------------------------------------------------------------- */

BINARY(add, FAST, HOLOMORPHIC, a + b, g, g, 0, rg_samples_pair, "a + b")
/* Where b was repeated, its cotangents are summed first: the fewer numbers have their signs changed. */
BINARY(sub, FAST, HOLOMORPHIC, a - b, g, rg_neg(rg_unbroadcast(g, rg_shape_of(in[1]))), 0, rg_samples_pair, "a - b")
BINARY(mul, FAST, HOLOMORPHIC, a * b, rg_adjoint_mul(g, in[1]), rg_adjoint_mul(g, in[0]), 0, rg_samples_pair, "a b",
       .neutral = 1, .neutral_operands = 3)
BINARY(div, FAST, HOLOMORPHIC, a / b, rg_adjoint_div(g, in[1]), rg_neg(rg_adjoint_mul(rg_adjoint_div(g, in[1]), y)), 0,
       rg_samples_pair_over, "a / b", .neutral = 1, .neutral_operands = 2)

UNARY(neg, FAST, HOLOMORPHIC, -a, rg_neg(g), rg_samples_real, "-x")
UNARY(one_minus, FAST, HOLOMORPHIC, 1 - a, rg_neg(g), rg_samples_real, "1 - x")
UNARY(abs, FAST, HOLOMORPHIC, ABS(a), rg_adjoint_mul(g, rg_sign(in[0])), rg_samples_real, "absolute value; slope 0 at 0",
      .kinks = abs_kinks)
UNARY(square, FAST, HOLOMORPHIC, a * a, rg_adjoint_mul(g, rg_scale(in[0], 2)), rg_samples_real, "x^2")
UNARY(reciprocal, FAST, HOLOMORPHIC, 1 / a, rg_neg(rg_adjoint_mul(g, rg_square(y))), rg_samples_positive, "1 / x")
UNARY(sqrt, FAST, HOLOMORPHIC, SQRT(a), rg_adjoint_div(g, rg_scale(y, 2)), rg_samples_positive, "square root")
UNARY(rsqrt, VECTOR, HOLOMORPHIC, 1 / SQRT(a), rg_adjoint_div(rg_adjoint_mul(g, y), rg_scale(in[0], -2)),
      rg_samples_positive, "1 / square root of x")

UNARY_WITH(scale, FAST, HOLOMORPHIC, p * a, rg_scale(g, number_of(y)), rg_samples_number, "a fixed factor times x",
           .neutral = 1, .neutral_operands = 2)
UNARY_WITH(shift, FAST, HOLOMORPHIC, a + p, g, rg_samples_number, "x plus a fixed offset")
UNARY_WITH(power, STEPS, HOLOMORPHIC, POWER(a, p), power_slope(number_of(y), in[0], g), rg_samples_exponent,
           "x to a fixed exponent")
BINARY(pow, RARE, HOLOMORPHIC, POW(a, b), rg_adjoint_mul(g, pow_slope_of_base(in[0], in[1])),
       rg_adjoint_mul(g, pow_slope_of_exponent(in[0], in[1], y)), 0, rg_samples_pair_positive, "a^b",
       .operations = rg_operations_8)

/* ---- Functions ------------------------------------------------------------------------------------------ */

UNARY(exp, FAST, HOLOMORPHIC, EXP(a), rg_adjoint_mul(g, y), rg_samples_real, "e^x")
UNARY(log, FAST, HOLOMORPHIC, LOG(a), rg_adjoint_div(g, in[0]), rg_samples_positive, "natural logarithm")
/* Not y + 1, which would lose the digits of a small e^x. */
UNARY(expm1, VECTOR, HOLOMORPHIC, EXPM1(a), rg_adjoint_mul(g, rg_exp(in[0])), rg_samples_real,
      "e^x - 1, accurate near 0")
UNARY(log1p, VECTOR, HOLOMORPHIC, LOG1P(a), rg_adjoint_div(g, rg_shift(in[0], 1)), rg_samples_unit,
      "ln(1 + x), accurate near 0")
UNARY(sin, SINE, HOLOMORPHIC, SIN(a), rg_adjoint_mul(g, rg_cos(in[0])), rg_samples_real, "sine")
UNARY(cos, COSINE, HOLOMORPHIC, COS(a), rg_neg(rg_adjoint_mul(g, rg_sin(in[0]))), rg_samples_real, "cosine")
UNARY(tanh, FAST, HOLOMORPHIC, TANH(a), rg_tanh_adjoint(g, y), rg_samples_real, "hyperbolic tangent")
UNARY(sigmoid, FAST, HOLOMORPHIC, SIGMOID(a), rg_sigmoid_adjoint(g, y), rg_samples_real, "1 / (1 + e^-x)")
UNARY(softplus, FAST, HOLOMORPHIC, SOFTPLUS(a), rg_adjoint_mul(g, rg_sigmoid(in[0])), rg_samples_real, "ln(1 + e^x)")
UNARY(erf, FAST, REAL_ONLY, ERF(a),
      rg_adjoint_mul(g, rg_scale(rg_exp(rg_neg(rg_square(in[0]))), TWO_OVER_ROOT_PI)), rg_samples_real, "error function")

/* One pass over the numbers instead of three. Near 1, 1 - b^2 has few digits left. */
static const rg_sample tanh_adjoint_samples[] = FEW_SAMPLES_2(-2, 2, -0.9, 0.9, 0);
BINARY(tanh_adjoint, FAST, HOLOMORPHIC, a == 0 ? a : a * (1 - b * b), rg_tanh_adjoint(g, in[1]),
       rg_scale(rg_adjoint_both_at(NULL, g, rg_adjoint_mul(in[0], in[1])), -2), 0, tanh_adjoint_samples,
       "a (1 - b^2), and 0 where a is 0: the adjoint of b = tanh(x)", .operations = rg_operations_4)
BINARY(sigmoid_adjoint, FAST, HOLOMORPHIC, a == 0 ? a : a * (b * (1 - b)), rg_sigmoid_adjoint(g, in[1]),
       rg_adjoint_both_at(NULL, g, rg_adjoint_mul(in[0], rg_one_minus(rg_scale(in[1], 2)))), 0, rg_samples_pair,
       "a b (1 - b), and 0 where a is 0: the adjoint of b = sigmoid(x)", .operations = rg_operations_4)

/* max(z, 0) - z t + ln(1 + e^-|z|): softplus(z) - z t without its cancellation for large z. */
static const rg_sample logistic_loss_samples[] = FEW_SAMPLES_2(-4, 4, 0.1, 0.9, 0);
BINARY(logistic_loss, VECTOR, HOLOMORPHIC, (RE(a) > 0 ? a : 0) - a * b + SOFTPLUS(RE(a) < 0 ? a : -a),
       rg_adjoint_mul(g, rg_sub(rg_sigmoid(in[0]), in[1])), rg_neg(rg_adjoint_mul(g, in[0])), 0, logistic_loss_samples,
       "cross-entropy of target b under the logit a", .operations = rg_operations_4)

/* ---- Choices ---------------------------------------------------------------------------------------------- */

static const rg_kink relu_kinks[] = {
    { .operands = 1, .in = { { S(3), around_zero, right_of_zero } } }, { .operands = 0 }
};
static const double crossing[] = { 1, 0, -1 }, where_smaller[] = { 1, 0.5, 0 }, where_larger[] = { 0, 0.5, 1 };
static const rg_kink maximum_kinks[] = {
    { .operands = 2, .in = { { S(3), crossing, where_smaller }, { S(3), around_zero, where_larger } } },
    { .operands = 0 }
};
static const rg_kink minimum_kinks[] = {
    { .operands = 2, .in = { { S(3), crossing, where_larger }, { S(3), around_zero, where_smaller } } },
    { .operands = 0 }
};

/* NaN passes through both the function and its adjoint, but for a cotangent that is exactly 0. relu's adjoint asks for
 * the result's sign, and the next layer keeps it anyway; the operand need not be kept. */
UNARY(relu, FAST, HOLOMORPHIC, RE(a) > 0 ? a : RE(a) != RE(a) ? a : 0, rg_gate(g, y), rg_samples_real,
      "max(x, 0); slope 0 at 0", .kinks = relu_kinks)
BINARY(gate, FAST, HOLOMORPHIC, RE(b) > 0 ? a : RE(b) != RE(b) && a != 0 ? b : 0, rg_gate(g, in[1]), NOTHING, 2,
       rg_samples_pair, "a where b > 0, else 0: the adjoint of relu")

/* Ties go half to each, as in PyTorch: the mean of the one-sided slopes. */
BINARY(maximum, FAST, HOLOMORPHIC, RE(a) > RE(b) || RE(a) != RE(a) ? a : b, rg_share(g, in[0], in[1]),
       rg_share(g, in[1], in[0]), 0, rg_samples_pair, "the larger of two; a tie shares the cotangent",
       .kinks = maximum_kinks)
BINARY(minimum, FAST, HOLOMORPHIC, RE(a) < RE(b) || RE(a) != RE(a) ? a : b, rg_share(g, in[1], in[0]),
       rg_share(g, in[0], in[1]), 0, rg_samples_pair, "the smaller of two; a tie shares the cotangent",
       .kinks = minimum_kinks)
TERNARY(share, FAST, HOLOMORPHIC,
        RE(b) > RE(c) ? a : RE(b) == RE(c) ? a / 2 : RE(b) < RE(c) || a == 0 ? 0 : b + c, rg_share(g, in[1], in[2]),
        NOTHING, NOTHING, 6, -2, 2, 0, "a where b > c, a/2 where b = c, else 0: the adjoint of maximum")

TERNARY(where, FAST, HOLOMORPHIC, RE(a) != 0 ? b : c, NOTHING, rg_where(in[0], g, constant_like(g, 0)),
        rg_where(in[0], constant_like(g, 0), g), 1, 0, 1, 1, "a where the mask is not 0, else b")

/* ---- Full: elementwise without an operand ------------------------------------------------------------ */

typedef struct {
    double value;
    int64_t dtype;
    rg_shape_attributes shape;
} full_attributes;

static rg_status full_shape(rg_shape_call *call)
{
    const full_attributes *attributes = call->attributes;
    call->dtype = (rg_dtype)attributes->dtype;
    call->shape = rg_shape_unpack(&attributes->shape);
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "makes f32 or f64");
    return RG_OK;
}

FAST_KERNELS(full, 0, NUMBER, p)
const rg_op rg_op_full = { .name = "full", .doc = "a fixed number everywhere", .arity = 0, .shape = full_shape,
                           .attribute_size = sizeof(full_attributes), FAST_FIELDS(full), .describe = describe_number };

rg_tensor rg_full_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, double value)
{
    if (!tape || tape->error.status) return NOTHING;
    if (rg_shape_count(shape) < 0) return rg_fail(tape, site, RG_E_SHAPE, "full: a malformed or too large shape");
    full_attributes attributes = { value, dtype, rg_shape_pack(shape) };
    return rg_record(tape, site, &rg_op_full, &attributes, 0, NULL);
}
