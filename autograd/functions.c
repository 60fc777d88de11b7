/* functions.c: rows of the functions that are computed one number at a time (special.c). */
#include "rows.h"

#define ONE_AT_A_TIME(name)                                                                                        \
    static float name##_f32(float x)                                                                               \
    {                                                                                                              \
        return (float)name##_f64((double)x);                                                                       \
    }
ONE_AT_A_TIME(rg_tan)
ONE_AT_A_TIME(rg_sinh)
ONE_AT_A_TIME(rg_cosh)
ONE_AT_A_TIME(rg_atan)
ONE_AT_A_TIME(rg_asin)
ONE_AT_A_TIME(rg_acos)
ONE_AT_A_TIME(rg_erfc)
ONE_AT_A_TIME(rg_lgamma)
ONE_AT_A_TIME(rg_digamma)

static float rg_atan2_f32(float y, float x)
{
    return (float)rg_atan2_f64((double)y, (double)x);
}

static float rg_hypot_f32(float x, float y)
{
    return (float)rg_hypot_f64((double)x, (double)y);
}

static float rg_polygamma_f32(float x, float order)
{
    return (float)rg_polygamma_f64((double)x, (double)order);
}

#define TAN(x) _Generic((x), float: rg_tan_f32, double: rg_tan_f64, rg_complex: ctan)(x)
#define SINH(x) _Generic((x), float: rg_sinh_f32, double: rg_sinh_f64, rg_complex: csinh)(x)
#define COSH(x) _Generic((x), float: rg_cosh_f32, double: rg_cosh_f64, rg_complex: ccosh)(x)
#define ATAN(x) _Generic((x), float: rg_atan_f32, double: rg_atan_f64, rg_complex: catan)(x)
#define ASIN(x) _Generic((x), float: rg_asin_f32, double: rg_asin_f64, rg_complex: casin)(x)
#define ACOS(x) _Generic((x), float: rg_acos_f32, double: rg_acos_f64, rg_complex: cacos)(x)
#define ERFC(x) _Generic((x), float: rg_erfc_f32, double: rg_erfc_f64)(x)
#define LGAMMA(x) _Generic((x), float: rg_lgamma_f32, double: rg_lgamma_f64)(x)
#define DIGAMMA(x) _Generic((x), float: rg_digamma_f32, double: rg_digamma_f64)(x)
#define POLYGAMMA(x, n) _Generic((x), float: rg_polygamma_f32, double: rg_polygamma_f64)(x, n)
#define ATAN2(y, x) _Generic((y), float: rg_atan2_f32, double: rg_atan2_f64)(y, x)
#define HYPOT(x, y) _Generic((x), float: rg_hypot_f32, double: rg_hypot_f64)(x, y)

#define TWO_OVER_ROOT_PI 1.1283791670955125739

/* sqrt(1 - x^2), of which rounding the square would lose the digits near 1. */
static rg_tensor root_of_one_minus_square(rg_tensor x)
{
    return rg_sqrt(rg_mul(rg_one_minus(x), rg_shift(x, 1)));
}

/* g a / r^2, which may be within range where r^2 is not. */
static rg_tensor over_square(rg_tensor g, rg_tensor a, rg_tensor r)
{
    return rg_adjoint_mul(rg_adjoint_div(g, r), rg_div(a, r));
}

UNARY(tan, RARE, HOLOMORPHIC, TAN(a), rg_adjoint_mul(g, rg_shift(rg_square(y), 1)), rg_samples_unit, "tangent")
UNARY(asin, RARE, HOLOMORPHIC, ASIN(a), rg_adjoint_div(g, root_of_one_minus_square(in[0])), rg_samples_unit,
      "inverse sine, in [-pi/2, pi/2]", .operations = rg_operations_4)
UNARY(acos, RARE, HOLOMORPHIC, ACOS(a), rg_neg(rg_adjoint_div(g, root_of_one_minus_square(in[0]))), rg_samples_unit,
      "inverse cosine, in [0, pi]", .operations = rg_operations_4)
UNARY(atan, RARE, HOLOMORPHIC, ATAN(a), rg_adjoint_div(g, rg_shift(rg_square(in[0]), 1)), rg_samples_real,
      "inverse tangent, in [-pi/2, pi/2]")
BINARY(atan2, RARE, REAL_ONLY, ATAN2(a, b), over_square(g, in[1], rg_hypot(in[0], in[1])),
       rg_neg(over_square(g, in[0], rg_hypot(in[0], in[1]))), 0, rg_samples_pair_over,
       "the angle of the point (b, a), in [-pi, pi]", .operations = rg_operations_4)
/* The slopes at (0, 0) are 0, as those of a norm. */
static const double origin[] = { 0 };
static const rg_kink hypot_kinks[] = {
    { .operands = 2, .in = { { S(1), origin, origin }, { S(1), origin, origin } } }, { .operands = 0 }
};
BINARY(hypot, RARE, REAL_ONLY, HYPOT(a, b), rg_adjoint_mul(g, rg_adjoint_div(in[0], y)),
       rg_adjoint_mul(g, rg_adjoint_div(in[1], y)), 0, rg_samples_pair,
       "sqrt(a^2 + b^2), without overflow on the way; slopes 0 at the origin", .operations = rg_operations_4,
       .kinks = hypot_kinks)
UNARY(sinh, RARE, HOLOMORPHIC, SINH(a), rg_adjoint_mul(g, rg_cosh(in[0])), rg_samples_real, "hyperbolic sine")
UNARY(cosh, RARE, HOLOMORPHIC, COSH(a), rg_adjoint_mul(g, rg_sinh(in[0])), rg_samples_real, "hyperbolic cosine")

UNARY(erfc, RARE, REAL_ONLY, ERFC(a),
      rg_adjoint_mul(g, rg_scale(rg_exp(rg_neg(rg_square(in[0]))), -TWO_OVER_ROOT_PI)), rg_samples_real,
      "1 - erf x, accurate where it is small")

/* ---- Gamma ------------------------------------------------------------------------------------------------ */

UNARY(lgamma, RARE, REAL_ONLY, LGAMMA(a), rg_adjoint_mul(g, rg_digamma(in[0])), rg_samples_positive,
      "logarithm of abs gamma(x)")
UNARY(digamma, RARE, REAL_ONLY, DIGAMMA(a), rg_adjoint_mul(g, rg_polygamma(in[0], 1)), rg_samples_positive,
      "derivative of lgamma")

static rg_status polygamma_shape(rg_shape_call *call)
{
    const double order = *(const double *)call->attributes;
    rg_status status = rg_shape_same(call);
    if (status == RG_OK && !(order >= 0 && order <= RG_POLYGAMMA_MOST))
        status = rg_refuse(call, RG_E_ARGUMENT, "the order %g is not from 0 to %d", order, RG_POLYGAMMA_MOST);
    return status;
}

RARE_KERNELS(polygamma, 1, NUMBER, POLYGAMMA(a, p))
DERIVATIVE(polygamma, rg_adjoint_mul(g, rg_polygamma(in[0], (int)number_of(y) + 1)))
static const double orders[] = { 0, 1, 2, 3, RG_POLYGAMMA_MOST + 1 };
static const rg_sample polygamma_samples[] = {
    ONE(S(2, 1, 37), 0.5, 4, orders), ONE(S(3, 4), 0.5, 4, orders + 1),      ONE(S(3, 4), -0.9, -0.1, orders + 1),
    ONE({ 0 }, 1, 3, orders + 2),     ONE(S(2, 0), 0.5, 4, orders + 3),
    { .operands = 1, .in = { { .shape = S(3) } }, .attributes = orders + 4, .refuse = RG_E_ARGUMENT },
    REFUSE_INDICES(orders), END,
};
const rg_op rg_op_polygamma = { .name = "polygamma", .doc = "derivative of digamma of a fixed order", .arity = 1,
                                .attribute_size = sizeof(double), .shape = polygamma_shape, RARE_FIELDS(polygamma),
                                .vjp = polygamma_vjp, .samples = polygamma_samples, .describe = describe_number };

rg_tensor rg_polygamma_at(const char *site, rg_tensor x, int order)
{
    const double number = order;
    return rg_apply_at(site, &rg_op_polygamma, &number, 1, &x);
}
