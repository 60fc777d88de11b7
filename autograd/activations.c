/* activations.c: rows of activation functions.
 *
 * Where a derivative takes more than a few ops, it is a row of its own, named ..._slope. All are accurate to the last
 * digits in their tails, where 1 + erf and 1 + tanh have none left, and have their limits at infinity. */
#include "rows.h"

#define GELU(x) _Generic((x), float: rg_gelu_f32, double: rg_gelu_f64)(x)
#define GELU_SLOPE(x) _Generic((x), float: rg_gelu_slope_f32, double: rg_gelu_slope_f64)(x)
#define SELU(x) _Generic((x), float: selu_of_f32, double: selu_of_f64)(x)

/* From here on e^-|x| does not count, in f64 nor in f32. */
#define BEYOND 746

/* ---- Linear above 0 ---------------------------------------------------------------------------------------- */

/* [Klambauer et al. 2017]: the fixed point of mean 0 and variance 1. */
#define SELU_SCALE 1.0507009873554804934193349852946
#define SELU_ALPHA 1.6732632423543772848170429916717

RG_ELEMENTARY double selu_of_f64(double x)
{
    return x > 0 ? SELU_SCALE * x : SELU_SCALE * SELU_ALPHA * rg_expm1_f64(x);
}

RG_ELEMENTARY float selu_of_f32(float x)
{
    return (float)selu_of_f64((double)x);
}

/* At 0, where the number is the slope of what is below. */
static const double zero[] = { 0 }, half[] = { 0.5 }, one[] = { 1 }, selu_slope[] = { SELU_SCALE * SELU_ALPHA };
static const rg_kink half_below_kinks[] = {
    { .operands = 1, .in = { { S(1), zero, half } }, .attributes = half }, { .operands = 0 }
};
static const rg_kink one_below_kinks[] = {
    { .operands = 1, .in = { { S(1), zero, one } }, .attributes = one }, { .operands = 0 }
};
static const rg_kink selu_kinks[] = { { .operands = 1, .in = { { S(1), zero, selu_slope } } }, { .operands = 0 } };

static rg_tensor leaky(rg_tensor g, rg_tensor x, double slope)
{
    return rg_where(rg_greater(x, constant_like(x, 0)), g, rg_scale(g, slope));
}

UNARY_WITH(leaky_relu, VECTOR, HOLOMORPHIC, RE(a) > 0 ? a : p * a, leaky(g, in[0], number_of(y)), rg_samples_number,
           "x above 0, a fixed factor times x below; that slope at 0", .kinks = half_below_kinks)
UNARY_WITH(elu, VECTOR, HOLOMORPHIC, RE(a) > 0 ? a : p * EXPM1(a),
           rg_adjoint_mul(g, rg_elu_slope_at(NULL, in[0], number_of(y))), rg_samples_number,
           "x above 0, alpha (e^x - 1) below", .kinks = half_below_kinks)
/* Below 0 it is its own derivative, and above there is none. */
UNARY_WITH(elu_slope, VECTOR, HOLOMORPHIC, RE(a) > 0 ? 1 : p * EXP(a),
           rg_adjoint_mul(g, rg_where(rg_greater(in[0], constant_like(y, 0)), constant_like(y, 0), y)), rg_samples_number,
           "1 above 0, alpha e^x below: the derivative of elu", .kinks = one_below_kinks)
UNARY(selu, RARE, REAL_ONLY, SELU(a),
      rg_adjoint_mul(g, rg_scale(rg_elu_slope_at(NULL, in[0], SELU_ALPHA), SELU_SCALE)), rg_samples_real,
      "scaled elu that keeps mean 0 and variance 1", .kinks = selu_kinks)

/* ---- x times a share ------------------------------------------------------------------------------------------ */

/* s (1 - s) (2 + x (1 - 2 s)), s = sigmoid(x). */
static rg_tensor silu_curvature(rg_tensor x)
{
    rg_tensor s = rg_sigmoid(x);
    rg_tensor bend = rg_shift(rg_mul(x, rg_one_minus(rg_scale(s, 2))), 2);
    return rg_mul(rg_mul(s, rg_one_minus(s)), bend);
}

UNARY(silu, VECTOR, HOLOMORPHIC, RE(a) < -BEYOND ? 0 : a * SIGMOID(a), rg_adjoint_mul(g, rg_silu_slope_at(NULL, in[0])),
      rg_samples_real, "x sigmoid(x)", .operations = rg_operations_4)
UNARY(silu_slope, VECTOR, HOLOMORPHIC,
      RE(a) < -BEYOND ? 0 : RE(a) > BEYOND ? 1 : SIGMOID(a) * (1 + a * (1 - SIGMOID(a))),
      rg_adjoint_mul(g, silu_curvature(in[0])), rg_samples_real, "the derivative of silu",
      .operations = rg_operations_8)

/* phi(x) (2 - x^2), phi the density of the normal distribution. */
static rg_tensor gelu_curvature(rg_tensor x)
{
    rg_tensor square = rg_square(x);
    return rg_mul(rg_scale(rg_exp(rg_scale(square, -0.5)), 0.39894228040143267794), rg_shift(rg_neg(square), 2));
}

UNARY(gelu, VECTOR, REAL_ONLY, GELU(a), rg_adjoint_mul(g, rg_gelu_slope_at(NULL, in[0])), rg_samples_real,
      "x times the share of a normal distribution below x", .operations = rg_operations_4)
UNARY(gelu_slope, VECTOR, REAL_ONLY, GELU_SLOPE(a), rg_adjoint_mul(g, gelu_curvature(in[0])), rg_samples_real,
      "the derivative of gelu", .operations = rg_operations_8)

/* x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3). */
#define TANH_LINEAR 1.5957691216057307117
#define TANH_CUBIC (TANH_LINEAR * 0.044715)

#define GELU_TANH(type, suffix)                                                                                    \
    RG_ELEMENTARY type gelu_tanh_of_##suffix(type x)                                                               \
    {                                                                                                              \
        type y = x * SIGMOID(x * ((type)TANH_LINEAR + (type)TANH_CUBIC * (x * x)));                                \
        return RE(x) < -BEYOND ? 0 : y;                                                                            \
    }                                                                                                              \
    RG_ELEMENTARY type gelu_tanh_slope_of_##suffix(type x)                                                         \
    {                                                                                                              \
        type square = x * x, s = SIGMOID(x * ((type)TANH_LINEAR + (type)TANH_CUBIC * square));                     \
        type y = s * (1 + x * (1 - s) * ((type)TANH_LINEAR + (type)(3 * TANH_CUBIC) * square));                    \
        y = RE(x) < -BEYOND ? 0 : y;                                                                               \
        return RE(x) > BEYOND ? 1 : y;                                                                             \
    }
GELU_TANH(float, f32)
GELU_TANH(double, f64)
GELU_TANH(rg_complex, complex)
#define GELU_TANH_OF(x)                                                                                            \
    _Generic((x), float: gelu_tanh_of_f32, double: gelu_tanh_of_f64, rg_complex: gelu_tanh_of_complex)(x)
#define GELU_TANH_SLOPE_OF(x)                                                                                      \
    _Generic((x), float: gelu_tanh_slope_of_f32, double: gelu_tanh_slope_of_f64,                                   \
             rg_complex: gelu_tanh_slope_of_complex)(x)

/* s (1 - s) (2 w' + x ((1 - 2 s) w'^2 + w'')), s = sigmoid(w), w = 2 u. */
static rg_tensor gelu_tanh_curvature(rg_tensor x)
{
    rg_tensor square = rg_square(x);
    rg_tensor s = rg_sigmoid(rg_mul(x, rg_shift(rg_scale(square, TANH_CUBIC), TANH_LINEAR)));
    rg_tensor w_1 = rg_shift(rg_scale(square, 3 * TANH_CUBIC), TANH_LINEAR), w_2 = rg_scale(x, 6 * TANH_CUBIC);
    rg_tensor bend = rg_add(rg_mul(rg_one_minus(rg_scale(s, 2)), rg_square(w_1)), w_2);
    return rg_mul(rg_mul(s, rg_one_minus(s)), rg_add(rg_scale(w_1, 2), rg_mul(x, bend)));
}

UNARY(gelu_tanh, VECTOR, HOLOMORPHIC, GELU_TANH_OF(a), rg_adjoint_mul(g, rg_gelu_tanh_slope_at(NULL, in[0])),
      rg_samples_real, "gelu by way of tanh", .operations = rg_operations_8)
UNARY(gelu_tanh_slope, VECTOR, HOLOMORPHIC, GELU_TANH_SLOPE_OF(a), rg_adjoint_mul(g, gelu_tanh_curvature(in[0])),
      rg_samples_real, "the derivative of gelu_tanh", .operations = rg_operations_16)

/* ---- Others ----------------------------------------------------------------------------------------------------- */

UNARY(log_sigmoid, RARE, HOLOMORPHIC, -SOFTPLUS(-a), rg_adjoint_mul(g, rg_sigmoid(rg_neg(in[0]))), rg_samples_real,
      "ln sigmoid(x)")
/* Beyond 10^38 it is 1 to the last digit, and infinity is not divided by itself. */
UNARY(softsign, RARE, HOLOMORPHIC, RE(ABS(a)) > 1e38 ? (RE(a) > 0 ? 1 : -1) : a / (1 + ABS(a)),
      rg_adjoint_div(g, rg_square(rg_shift(rg_abs(in[0]), 1))), rg_samples_real, "x / (1 + abs x)")
