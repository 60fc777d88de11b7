/* elementwise.c: one row per op: name, formula, derivative, where to sample it, what it is.
 *
 * A row makes the kernels of both dtypes for every SIMD level, the derivative rule, the samples, the entry of
 * the op table and the public function. In a formula a, b, c are the operands' elements and p the op's scalar
 * attribute; in a derivative in[k] are the operands, y the result and g its cotangent. */
#include <math.h>
#include <string.h>

#include "complex_functions.h"
#include "elementary.h"
#include "ops.h"
#include "step.h"
#include "trigonometric.h"

#define EXP(x) _Generic((x), float: rg_exp_f32, double: rg_exp_f64, rg_complex: cexp)(x)
#define LOG(x) _Generic((x), float: rg_log_f32, double: rg_log_f64, rg_complex: clog)(x)
#define TANH(x) _Generic((x), float: rg_tanh_f32, double: rg_tanh_f64, rg_complex: ctanh)(x)
#define SIGMOID(x) _Generic((x), float: rg_sigmoid_f32, double: rg_sigmoid_f64, rg_complex: rg_complex_sigmoid)(x)
#define SOFTPLUS(x) _Generic((x), float: rg_softplus_f32, double: rg_softplus_f64, rg_complex: rg_complex_softplus)(x)
#define ERF(x) _Generic((x), float: rg_erf_f32, double: rg_erf_f64)(x)
#define SIN(x) _Generic((x), float: rg_sin_within_f32, double: rg_sin_within_f64, rg_complex: csin)(x)
#define COS(x) _Generic((x), float: rg_cos_within_f32, double: rg_cos_within_f64, rg_complex: ccos)(x)
#define SIN_FINISH(y, n) _Generic((y), float *: rg_sin_finish_f32, double *: rg_sin_finish_f64)(y, n);
#define COS_FINISH(y, n) _Generic((y), float *: rg_cos_finish_f32, double *: rg_cos_finish_f64)(y, n);
#define SQRT(x) _Generic((x), float: sqrtf, double: sqrt, rg_complex: csqrt)(x)
#define POW(x, p) _Generic((x), float: powf, double: pow, rg_complex: rg_complex_power)(x, RE(p))

/* ---- What a row is made of ------------------------------------------------------------------------- */

/* The operands' elements under the names that a formula uses. */
#define READ_0(type)
#define READ_1(type) const type a = x[0][i];
#define READ_2(type) const type a = x[0][i], b = x[1][i];
#define READ_3(type) const type a = x[0][i], b = x[1][i], c = x[2][i];
#define POINTERS_0(type) NULL
#define POINTERS_1(type) step->in[0]
#define POINTERS_2(type) step->in[0], step->in[1]
#define POINTERS_3(type) step->in[0], step->in[1], step->in[2]
#define NO_NUMBER(type)
#define NUMBER(type) const type p = (type)(*(const double *)step->attributes);
#define NO_FINISH(y, n)

/* The loop as a step, and the kernel that makes a step of the items of a call. FINISH is for what the loop leaves
 * undone, as few elements as that may be. */
#define LOOP(name, type, suffix, target, operands, ATTRIBUTES, formula, FINISH)                                    \
    target static const rg_step *name##_step_##suffix(const rg_step *step)                                         \
    {                                                                                                              \
        ATTRIBUTES(type)                                                                                           \
        const type *const x[] = { POINTERS_##operands(type) };                                                     \
        const int64_t n = step->count;                                                                             \
        type *y = step->out;                                                                                       \
        (void)x;                                                                                                   \
        RG_INDEPENDENT                                                                                             \
        for (int64_t i = 0; i < n; i++) {                                                                          \
            READ_##operands(type)                                                                                  \
            y[i] = formula;                                                                                        \
        }                                                                                                          \
        FINISH(y, n)                                                                                               \
        return RG_NEXT_STEP(step);                                                                                 \
    }                                                                                                              \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        rg_step steps[2];                                                                                          \
        for (int k = 0; k < operands; k++) steps->in[k] = (type *)(uintptr_t)call->in[k] + begin;                  \
        steps->out = (type *)call->out + begin;                                                                    \
        steps->attributes = call->attributes;                                                                      \
        steps->count = end - begin;                                                                                \
        steps[1].kernel = rg_step_stop;                                                                            \
        name##_step_##suffix(steps);                                                                               \
    }

/* One element: scalar programs are made of these. */
#define ONE_ELEMENT(name, type, suffix, operands, ATTRIBUTES, formula, FINISH)                                     \
    static const rg_step *name##_one_##suffix(const rg_step *step)                                                 \
    {                                                                                                              \
        enum { i = 0 };                                                                                            \
        ATTRIBUTES(type)                                                                                           \
        const type *const x[] = { POINTERS_##operands(type) };                                                     \
        type *y = step->out;                                                                                       \
        (void)x;                                                                                                   \
        READ_##operands(type)                                                                                      \
        *y = formula;                                                                                              \
        FINISH(y, 1)                                                                                               \
        return RG_NEXT_STEP(step);                                                                                 \
    }

/* The same formula for complex numbers. What it compares must be RE(...) of an operand. */
#define HOLOMORPHIC_LOOP(name, operands, ATTRIBUTES, formula)                                                      \
    static void name##_complex_f64(const rg_call *step, int64_t begin, int64_t end)                                \
    {                                                                                                              \
        ATTRIBUTES(rg_complex)                                                                                     \
        const rg_complex *const x[] = { POINTERS_##operands(rg_complex) };                                         \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            READ_##operands(rg_complex)                                                                            \
            ((rg_complex *)step->out)[i] = formula;                                                                \
        }                                                                                                          \
    }
#define HOLOMORPHIC_KERNEL(name) .complex_f64 = name##_complex_f64
/* A formula with a function that the C library does not have for complex numbers. */
#define REAL_ONLY_LOOP(name, operands, ATTRIBUTES, formula)
#define REAL_ONLY_KERNEL(name) .complex_f64 = NULL

/* All the kernels of a row. */
#define KERNELS(id, operands, ATTRIBUTES, formula)                                                                 \
    KERNELS_FINISHED(id, operands, ATTRIBUTES, formula, NO_FINISH)                                                 \
    HOLOMORPHIC_LOOP(id, operands, ATTRIBUTES, formula)
#define KERNELS_FINISHED(id, operands, ATTRIBUTES, formula, FINISH)                                                \
    LOOP(id, float, f32, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, FINISH)                                \
    LOOP(id, double, f64, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, FINISH)                               \
    LOOP(id, float, f32_avx2, RG_TARGET_AVX2, operands, ATTRIBUTES, formula, FINISH)                               \
    LOOP(id, double, f64_avx2, RG_TARGET_AVX2, operands, ATTRIBUTES, formula, FINISH)                              \
    LOOP(id, float, f32_avx512, RG_TARGET_AVX512, operands, ATTRIBUTES, formula, FINISH)                           \
    LOOP(id, double, f64_avx512, RG_TARGET_AVX512, operands, ATTRIBUTES, formula, FINISH)                          \
    ONE_ELEMENT(id, float, f32, operands, ATTRIBUTES, formula, FINISH)                                             \
    ONE_ELEMENT(id, double, f64, operands, ATTRIBUTES, formula, FINISH)                                            \
    static const rg_op_steps id##_steps = {                                                                        \
        .one = { id##_one_f32, id##_one_f64 },                                                                     \
        .many = { { id##_step_f32, id##_step_f32_avx2, id##_step_f32_avx512 },                                     \
                  { id##_step_f64, id##_step_f64_avx2, id##_step_f64_avx512 } },                                   \
    };
#define REAL_KERNELS(id) RG_KERNELS(id), .steps = &id##_steps
#define ROW_KERNELS(id) REAL_KERNELS(id), HOLOMORPHIC_KERNEL(id)

#define DERIVATIVE(name, expression)                                                                               \
    static rg_tensor name##_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)                              \
    {                                                                                                              \
        (void)k, (void)in, (void)y, (void)g;                                                                       \
        return expression;                                                                                         \
    }

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
#define ONE(shape_, low_, high_, attributes_)                                                                      \
    { .operands = 1, .in = { { .shape = shape_, .low = low_, .high = high_ } }, .attributes = attributes_ }
/* Two ranges; a scalar, sizes 1 and 0; an index dtype refused; and what the row adds. */
#define SAMPLES_1(name, attributes_, low_1, high_1, low_2, high_2, ...)                                            \
    static const rg_sample name##_samples[] = {                                                                    \
        ONE(S(3, 4), low_1, high_1, attributes_),    ONE(S(3, 4), low_2, high_2, attributes_),                     \
        { .operands = 1, .in = { { .low = low_1, .high = high_1 } }, .attributes = attributes_ },                  \
        ONE(S(1), low_2, high_2, attributes_),       ONE(S(2, 0), low_1, high_1, attributes_),                     \
        ONE(S(2, 1, 37), low_1, high_1, attributes_),                                                              \
        { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(3) } }, .attributes = attributes_,                  \
          .refuse = RG_E_DTYPE },                                                                                  \
        __VA_ARGS__                                                                                                \
    };
#define END { .operands = 0 }

#define TWO(shape_1, shape_2, low_a, high_a, low_b, high_b, step_)                                                 \
    { .operands = 2, .in = { { .shape = shape_1, .low = low_a, .high = high_a, .step = step_ },                    \
                             { .shape = shape_2, .low = low_b, .high = high_b, .step = step_ } } }
/* Equal shapes, broadcasting both ways and together, a repeated operand, scalars, sizes 1 and 0; refusals. */
#define SAMPLES_2(name, low_a, high_a, low_b, high_b, step_)                                                       \
    static const rg_sample name##_samples[] = {                                                                    \
        TWO(S(3, 4), S(3, 4), low_a, high_a, low_b, high_b, step_),                                                \
        TWO(S(3, 4), S(4), low_a, high_a, low_b, high_b, step_),                                                   \
        TWO(S(4), S(2, 3, 4), low_a, high_a, low_b, high_b, step_),                                                \
        TWO(S(3, 1), S(1, 5), low_a, high_a, low_b, high_b, step_),                                                \
        TWO(S(1), S(1, 1), low_a, high_a, low_b, high_b, step_),                                                   \
        TWO(S(0, 3), S(3), low_a, high_a, low_b, high_b, step_),                                                   \
        TWO({ 0 }, { 0 }, low_a, high_a, low_b, high_b, step_),                                                    \
        { .operands = 2, .in = { { .shape = S(3, 4), .low = low_b, .high = high_b, .step = step_ },                \
                                 { .same_as = 1 } } },                                                             \
        { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(2) } }, .refuse = RG_E_SHAPE },                   \
        { .operands = 2, .in = { { .dtype = RG_F32, .shape = S(3) }, { .dtype = RG_F64, .shape = S(3) } },         \
          .refuse = RG_E_DTYPE },                                                                                  \
        RG_REFUSE_INDEX_DTYPE_2,                                                                                   \
        END,                                                                                                       \
    };

/* What stands after the text are further fields of the op. */
#define UNARY(id, formula, derivative, low_1, high_1, low_2, high_2, ...)                                          \
    UNARY_FINISHED(id, formula, NO_FINISH, HOLOMORPHIC, derivative, low_1, high_1, low_2, high_2, __VA_ARGS__)
#define UNARY_FINISHED(id, formula, FINISH, COMPLEX, derivative, low_1, high_1, low_2, high_2, ...)                \
    KERNELS_FINISHED(id, 1, NO_NUMBER, formula, FINISH)                                                            \
    COMPLEX##_LOOP(id, 1, NO_NUMBER, formula)                                                                      \
    DERIVATIVE(id, derivative)                                                                                     \
    SAMPLES_1(id, NULL, low_1, high_1, low_2, high_2, END)                                                         \
    const rg_op rg_op_##id = { .name = #id, .arity = 1, .shape = rg_shape_same, REAL_KERNELS(id),                  \
                                 COMPLEX##_KERNEL(id), .vjp = id##_vjp, .samples = id##_samples,                    \
                                 .doc = __VA_ARGS__ };                                                             \
    rg_tensor rg_##id##_at(const char *site, rg_tensor x)                                                          \
    {                                                                                                              \
        return rg_apply_at(site, &rg_op_##id, NULL, 1, &x);                                                        \
    }

/* One operand and a number that belongs to the structure, with four numbers to sample it with. */
#define UNARY_WITH(id, parameter, formula, derivative, p_0, p_1, p_2, p_3, low_, high_, text)                      \
    KERNELS(id, 1, NUMBER, formula)                                                                          \
    DERIVATIVE(id, derivative)                                                                                     \
    static const double id##_numbers[] = { p_0, p_1, p_2, p_3 };                                                   \
    SAMPLES_1(id, id##_numbers, low_, high_, low_, high_, ONE(S(3, 4), low_, high_, id##_numbers + 1),             \
              ONE(S(3, 4), low_, high_, id##_numbers + 2), ONE(S(3, 4), low_, high_, id##_numbers + 3), END)       \
    const rg_op rg_op_##id = { .name = #id, .doc = text, .arity = 1, .attribute_size = sizeof(double),             \
                                 .shape = rg_shape_same, ROW_KERNELS(id), .vjp = id##_vjp,                          \
                                 .samples = id##_samples, .describe = describe_number };                           \
    rg_tensor rg_##id##_at(const char *site, rg_tensor x, double parameter)                                        \
    {                                                                                                              \
        return rg_apply_at(site, &rg_op_##id, &parameter, 1, &x);                                                  \
    }

#define BINARY(id, formula, derivative_a, derivative_b, zero_mask, low_a, high_a, low_b, high_b, ...)              \
    BINARY_ON_GRID(id, formula, derivative_a, derivative_b, zero_mask, low_a, high_a, low_b, high_b, 0, __VA_ARGS__)
#define BINARY_ON_GRID(id, formula, derivative_a, derivative_b, zero_mask, low_a, high_a, low_b, high_b, step, ...) \
    KERNELS(id, 2, NO_NUMBER, formula)                                                                          \
    DERIVATIVE(id, k == 0 ? derivative_a : derivative_b)                                                           \
    SAMPLES_2(id, low_a, high_a, low_b, high_b, step)                                                              \
    const rg_op rg_op_##id = { .name = #id, .arity = 2, .shape = rg_shape_broadcast, ROW_KERNELS(id),              \
                                 .vjp = id##_vjp, .no_gradient = zero_mask, .samples = id##_samples,               \
                                 .doc = __VA_ARGS__ };                                                             \
    rg_tensor rg_##id##_at(const char *site, rg_tensor a, rg_tensor b)                                             \
    {                                                                                                              \
        const rg_tensor in[] = { a, b };                                                                           \
        return rg_apply_at(site, &rg_op_##id, NULL, 2, in);                                                        \
    }

#define THREE(shape_a, shape_b, shape_c, low_, high_, step_)                                                       \
    { .operands = 3, .in = { { .shape = shape_a, .low = low_, .high = high_, .step = step_ },                      \
                             { .shape = shape_b }, { .shape = shape_c } } }
/* The range is that of operand a. */
#define TERNARY(id, formula, derivative_a, derivative_b, derivative_c, zero_mask, low_, high_, step_, text)        \
    KERNELS(id, 3, NO_NUMBER, formula)                                                                          \
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
                                 ROW_KERNELS(id), .vjp = id##_vjp, .no_gradient = zero_mask,                        \
                                 .samples = id##_samples };                                                        \
    rg_tensor rg_##id##_at(const char *site, rg_tensor a, rg_tensor b, rg_tensor c)                                \
    {                                                                                                              \
        const rg_tensor in[] = { a, b, c };                                                                        \
        return rg_apply_at(site, &rg_op_##id, NULL, 3, in);                                                        \
    }

#define NOTHING ((rg_tensor){ 0 })
#define TWO_OVER_ROOT_PI 1.1283791670955125739

static void describe_number(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%.6g", *(const double *)attributes);
}

static double number_of(rg_tensor y)
{
    double number;
    memcpy(&number, rg_attributes_of(y), sizeof number);
    return number;
}

static rg_tensor zero_like(rg_tensor t)
{
    return rg_full(t.tape, rg_dtype_of(t), RG_SCALAR, 0);
}

/* p x^(p-1), with x^0 a constant even at 0, where 0 x^-1 would be 0/0. */
static rg_tensor power_slope(double p, rg_tensor x, rg_tensor g)
{
    if (p == 0) return NOTHING;
    return p == 1 ? g : rg_mul(g, rg_scale(rg_power(x, p - 1), p));
}

/* Where a row has a kink, and the derivative there. */
static const double around_zero[] = { -1, 0, 1 }, right_of_zero[] = { 0, 0, 1 };
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

/* ---- The rows ---------------------------------------------------------------------------------------- */

BINARY(add, a + b, g, g, 0, -2, 2, -2, 2, "a + b")
BINARY(sub, a - b, g, rg_neg(g), 0, -2, 2, -2, 2, "a - b")
BINARY(mul, a * b, rg_mul(g, in[1]), rg_mul(g, in[0]), 0, -2, 2, -2, 2, "a b", .neutral = 1, .neutral_operands = 3)
BINARY(div, a / b, rg_div(g, in[1]), rg_neg(rg_mul(rg_div(g, in[1]), y)), 0, -2, 2, 0.5, 2, "a / b",
       .neutral = 1, .neutral_operands = 2)

UNARY(neg, -a, rg_neg(g), -2, 2, -2, 2, "-x")
UNARY(exp, EXP(a), rg_mul(g, y), -2, 2, -5, 1, "e^x")
UNARY(log, LOG(a), rg_div(g, in[0]), 0.5, 4, 0.1, 1, "natural logarithm")
UNARY(sqrt, SQRT(a), rg_div(g, rg_scale(y, 2)), 0.5, 4, 0.2, 1, "square root")
UNARY(square, a * a, rg_mul(g, rg_scale(in[0], 2)), -2, 2, 1, 3, "x^2")
UNARY_FINISHED(sin, SIN(a), SIN_FINISH, HOLOMORPHIC, rg_mul(g, rg_cos(in[0])), -2, 2, 4, 8, "sine")
UNARY_FINISHED(cos, COS(a), COS_FINISH, HOLOMORPHIC, rg_neg(rg_mul(g, rg_sin(in[0]))), -2, 2, 4, 8, "cosine")
UNARY_FINISHED(erf, ERF(a), NO_FINISH, REAL_ONLY,
               rg_mul(g, rg_scale(rg_exp(rg_neg(rg_square(in[0]))), TWO_OVER_ROOT_PI)), -2, 2, -0.5, 0.5,
               "error function")
UNARY(tanh, TANH(a), rg_mul(g, rg_one_minus(rg_square(y))), -2, 2, -0.5, 0.5, "hyperbolic tangent")
UNARY(sigmoid, SIGMOID(a), rg_mul(g, rg_mul(y, rg_one_minus(y))), -2, 2, -4, 4, "1 / (1 + e^-x)")
UNARY(softplus, SOFTPLUS(a), rg_mul(g, rg_sigmoid(in[0])), -2, 2, -4, 4, "ln(1 + e^x)")
UNARY(one_minus, 1 - a, rg_neg(g), -2, 2, -2, 2, "1 - x")

/* NaN passes through both the function and its adjoint: neither comparison may swallow it. The result has the sign that
 * the adjoint asks for, and the next layer keeps it anyway; the operand need not be kept. */
UNARY(relu, RE(a) > 0 ? a : RE(a) != RE(a) ? a : 0, rg_gate(g, y), -2, 2, -2, -0.1, "max(x, 0); slope 0 at 0",
      .kinks = relu_kinks)
BINARY(gate, RE(b) > 0 ? a : RE(b) != RE(b) ? b : 0, rg_gate(g, in[1]), NOTHING, 2, -2, 2, -2, 2,
       "a where b > 0, else 0: the adjoint of relu")

/* max(z, 0) - z t + ln(1 + e^-|z|): softplus(z) - z t without its cancellation for large z. */
BINARY(logistic_loss, (RE(a) > 0 ? a : 0) - a * b + SOFTPLUS(RE(a) < 0 ? a : -a),
       rg_mul(g, rg_sub(rg_sigmoid(in[0]), in[1])), rg_neg(rg_mul(g, in[0])), 0, -4, 4, 0.1, 0.9, "cross-entropy of target b under the logit a",
       .operations = rg_operations_4)

UNARY_WITH(scale, factor, p * a, rg_scale(g, number_of(y)), 2.5, 0, 1, -1, -2, 2, "a fixed factor times x")
UNARY_WITH(shift, offset, a + p, g, 2.5, 0, 1, -1, -2, 2, "x plus a fixed offset")
UNARY_WITH(power, exponent, POW(a, p), power_slope(number_of(y), in[0], g), 2.5, 0, 1, -1, 0.5, 2,
           "x to a fixed exponent")

/* Ties go half to each, as in PyTorch: the mean of the one-sided slopes. */
BINARY(maximum, RE(a) > RE(b) || RE(a) != RE(a) ? a : b, rg_share(g, in[0], in[1]), rg_share(g, in[1], in[0]), 0,
       -2, 2, -2, 2, "the larger of two; a tie shares the cotangent", .kinks = maximum_kinks)
BINARY(minimum, RE(a) < RE(b) || RE(a) != RE(a) ? a : b, rg_share(g, in[1], in[0]), rg_share(g, in[0], in[1]), 0,
       -2, 2, -2, 2, "the smaller of two; a tie shares the cotangent", .kinks = minimum_kinks)

BINARY(greater, (RE(a) > RE(b) ? 1 : 0), NOTHING, NOTHING, 3, -2, 2, -2, 2, "1 where a > b, else 0")
BINARY_ON_GRID(equal, (RE(a) == RE(b) ? 1 : 0), NOTHING, NOTHING, 3, -1, 1, -1, 1, 1, "1 where a = b, else 0")

TERNARY(where, RE(a) != 0 ? b : c, NOTHING, rg_where(in[0], g, zero_like(g)), rg_where(in[0], zero_like(g), g),
        1, 0, 1, 1, "a where the mask is not 0, else b")
TERNARY(share, RE(b) > RE(c) ? a : RE(b) == RE(c) ? a / 2 : RE(b) < RE(c) ? 0 : b + c,
        rg_share(g, in[1], in[2]), NOTHING, NOTHING, 6, -2, 2, 0, "a where b > c, a/2 where b = c, else 0: the adjoint of maximum")

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

KERNELS_FINISHED(full, 0, NUMBER, p, NO_FINISH)
const rg_op rg_op_full = { .name = "full", .doc = "a fixed number everywhere", .arity = 0, .shape = full_shape,
                           .attribute_size = sizeof(full_attributes), REAL_KERNELS(full), .describe = describe_number };

rg_tensor rg_full_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, double value)
{
    if (!tape || tape->error.status) return NOTHING;
    if (rg_shape_count(shape) < 0) return rg_fail(tape, site, RG_E_SHAPE, "full: a malformed or too large shape");
    full_attributes attributes = { value, dtype, rg_shape_pack(shape) };
    return rg_record(tape, site, &rg_op_full, &attributes, 0, NULL);
}
