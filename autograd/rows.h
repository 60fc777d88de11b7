/* rows.h: what a row of the elementwise files is made of. Internal, and included by those files alone.
 *
 * A row makes an op's kernels, its derivative rule, its entry of the op table and the public function. In a formula a, b,
 * c are the operands' elements and p (and q) the op's numbers; in a derivative in[k] are the operands, y the result and g
 * its cotangent. What a formula compares is RE(...) of an operand, so that it serves for complex numbers too.
 *
 * A row says how fast it must be, for a fast one takes ten times the room of a rare one:
 *   FAST      a loop for every SIMD level, as a step of threaded code (step.h), and one for a single element
 *   STEPS     steps, too, but one element after another: for functions that are calls anyway
 *   VECTOR    a loop for AVX2, and else one element after another
 *   RARE      one element after another
 * and what it is over complex numbers: HOLOMORPHIC, by the same formula, or REAL_ONLY. */
#ifndef RETROGRAD_ROWS_H
#define RETROGRAD_ROWS_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "characters.h"
#include "complex_functions.h"
#include "elementary.h"
#include "ops.h"
#include "special.h"
#include "step.h"
#include "trigonometric.h"

/* ---- Functions of float, double and complex numbers ------------------------------------------------ */

#define EXP(x) _Generic((x), float: rg_exp_f32, double: rg_exp_f64, rg_complex: cexp)(x)
#define LOG(x) _Generic((x), float: rg_log_f32, double: rg_log_f64, rg_complex: clog)(x)
#define SIGMOID(x) _Generic((x), float: rg_sigmoid_f32, double: rg_sigmoid_f64, rg_complex: rg_complex_sigmoid)(x)
#define SOFTPLUS(x) _Generic((x), float: rg_softplus_f32, double: rg_softplus_f64, rg_complex: rg_complex_softplus)(x)
#define EXPM1(x) _Generic((x), float: rg_expm1_f32, double: rg_expm1_f64, rg_complex: rg_complex_expm1)(x)
#define SQRT(x) _Generic((x), float: sqrtf, double: sqrt, rg_complex: csqrt)(x)
#define ABS(x) (RE(x) < 0 ? -(x) : (x))

/* ---- Loops ------------------------------------------------------------------------------------------ */

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
#define TWO_NUMBERS(type) NUMBER(type) const type q = (type)((const double *)step->attributes)[1];
#define NO_FINISH(y, n)

/* The loop as a step. FINISH is for what the loop leaves undone, as few elements as that may be. */
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
    }

/* A kernel that makes a step of the items of a call, for those who know no steps. */
#define CALL(name, type, suffix, operands)                                                                         \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        rg_step steps[2];                                                                                          \
        for (int k = 0; k < operands; k++) steps->in[k] = (type *)(uintptr_t)call->in[k] + begin;                  \
        steps->out = (type *)call->out + begin;                                                                    \
        steps->attributes = call->attributes;                                                                      \
        steps->count = end - begin;                                                                                \
        steps[1].kernel = rg_step_stop;                                                                            \
        name##_steps.many[sizeof(type) == sizeof(double)][0](steps);                                               \
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

/* The loop as a kernel and nothing else. (Attributes and operands are found by the names of a step.) */
#define PLAIN_LOOP(name, type, suffix, target, operands, ATTRIBUTES, formula)                                      \
    target static void name##_##suffix(const rg_call *step, int64_t begin, int64_t end)                            \
    {                                                                                                              \
        ATTRIBUTES(type)                                                                                           \
        const type *const x[] = { POINTERS_##operands(type) };                                                     \
        type *y = step->out;                                                                                       \
        RG_INDEPENDENT                                                                                             \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            READ_##operands(type)                                                                                  \
            y[i] = formula;                                                                                        \
        }                                                                                                          \
    }

/* One element after another: a loop around a function is a tenth of what the compiler makes of a long formula. */
#define ONE_BY_ONE(name, type, suffix, operands, ATTRIBUTES, formula)                                              \
    static __attribute__((noinline)) type name##_at_##suffix(const rg_call *step, int64_t i)                       \
    {                                                                                                              \
        ATTRIBUTES(type)                                                                                           \
        const type *const x[] = { POINTERS_##operands(type) };                                                     \
        READ_##operands(type)                                                                                      \
        return formula;                                                                                            \
    }                                                                                                              \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        for (int64_t i = begin; i < end; i++) ((type *)call->out)[i] = name##_at_##suffix(call, i);                \
    }

/* ---- The kernels of a row, and the fields that they fill in ------------------------------------------ */

/* For the levels that not every processor has. */
#define WIDE_LOOPS(id, operands, ATTRIBUTES, formula, FINISH)                                                      \
    LOOP(id, float, f32_avx2, RG_TARGET_AVX2, operands, ATTRIBUTES, formula, FINISH)                               \
    LOOP(id, double, f64_avx2, RG_TARGET_AVX2, operands, ATTRIBUTES, formula, FINISH)                              \
    LOOP(id, float, f32_avx512, RG_TARGET_AVX512, operands, ATTRIBUTES, formula, FINISH)                           \
    LOOP(id, double, f64_avx512, RG_TARGET_AVX512, operands, ATTRIBUTES, formula, FINISH)

#define FINISHED_KERNELS(id, operands, ATTRIBUTES, formula, FINISH)                                                \
    LOOP(id, float, f32, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, FINISH)                                \
    LOOP(id, double, f64, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, FINISH)                               \
    WIDE_LOOPS(id, operands, ATTRIBUTES, formula, FINISH)                                                          \
    ONE_ELEMENT(id, float, f32, operands, ATTRIBUTES, formula, FINISH)                                             \
    ONE_ELEMENT(id, double, f64, operands, ATTRIBUTES, formula, FINISH)                                            \
    static const rg_op_steps id##_steps = {                                                                        \
        .one = { id##_one_f32, id##_one_f64 },                                                                     \
        .many = { { id##_step_f32, id##_step_f32_avx2, id##_step_f32_avx512 },                                     \
                  { id##_step_f64, id##_step_f64_avx2, id##_step_f64_avx512 } },                                   \
    };                                                                                                             \
    CALL(id, float, f32, operands)                                                                                 \
    CALL(id, double, f64, operands)
#define FAST_KERNELS(id, operands, ATTRIBUTES, formula) FINISHED_KERNELS(id, operands, ATTRIBUTES, formula, NO_FINISH)
#define FAST_FIELDS(id) .f32 = id##_f32, .f64 = id##_f64, .steps = &id##_steps

#define STEPS_KERNELS(id, operands, ATTRIBUTES, formula)                                                           \
    LOOP(id, float, f32, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, NO_FINISH)                             \
    LOOP(id, double, f64, RG_TARGET_PORTABLE, operands, ATTRIBUTES, formula, NO_FINISH)                            \
    ONE_ELEMENT(id, float, f32, operands, ATTRIBUTES, formula, NO_FINISH)                                          \
    ONE_ELEMENT(id, double, f64, operands, ATTRIBUTES, formula, NO_FINISH)                                         \
    static const rg_op_steps id##_steps = {                                                                        \
        .one = { id##_one_f32, id##_one_f64 },                                                                     \
        .many = { { id##_step_f32, id##_step_f32, id##_step_f32 }, { id##_step_f64, id##_step_f64, id##_step_f64 } }, \
    };                                                                                                             \
    CALL(id, float, f32, operands)                                                                                 \
    CALL(id, double, f64, operands)
#define STEPS_FIELDS(id) FAST_FIELDS(id)

#define VECTOR_KERNELS(id, operands, ATTRIBUTES, formula)                                                          \
    RARE_KERNELS(id, operands, ATTRIBUTES, formula)                                                                \
    PLAIN_LOOP(id, float, f32_avx2, RG_TARGET_AVX2, operands, ATTRIBUTES, formula)                                 \
    PLAIN_LOOP(id, double, f64_avx2, RG_TARGET_AVX2, operands, ATTRIBUTES, formula)
#define VECTOR_FIELDS(id) RARE_FIELDS(id), .f32_simd = { id##_f32_avx2 }, .f64_simd = { id##_f64_avx2 }

#define RARE_KERNELS(id, operands, ATTRIBUTES, formula)                                                            \
    ONE_BY_ONE(id, float, f32, operands, ATTRIBUTES, formula)                                                      \
    ONE_BY_ONE(id, double, f64, operands, ATTRIBUTES, formula)
#define RARE_FIELDS(id) .f32 = id##_f32, .f64 = id##_f64

#define HOLOMORPHIC_KERNEL(id, operands, ATTRIBUTES, formula)                                                      \
    ONE_BY_ONE(id, rg_complex, complex_f64, operands, ATTRIBUTES, formula)
#define HOLOMORPHIC_FIELD(id) .complex_f64 = id##_complex_f64
/* A formula with a function that the C library does not have for complex numbers. */
#define REAL_ONLY_KERNEL(id, operands, ATTRIBUTES, formula)
#define REAL_ONLY_FIELD(id) .complex_f64 = NULL

/* ---- Derivatives -------------------------------------------------------------------------------------- */

#define DERIVATIVE(name, expression)                                                                               \
    static rg_tensor name##_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)                              \
    {                                                                                                              \
        (void)k, (void)in, (void)y, (void)g;                                                                       \
        return expression;                                                                                         \
    }

#define NOTHING ((rg_tensor){ 0 })

static inline double number_of(rg_tensor y)
{
    double number;
    memcpy(&number, rg_attributes_of(y), sizeof number);
    return number;
}

static inline void describe_number(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%.6g", *(const double *)attributes);
    rg_set_point(text);
}

static inline rg_tensor constant_like(rg_tensor t, double value)
{
    return rg_full(t.tape, rg_dtype_of(t), RG_SCALAR, value);
}

/* ---- Samples ------------------------------------------------------------------------------------------ */

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
#define END { .operands = 0 }
#define ONE(shape_, low_, high_, attributes_)                                                                      \
    { .operands = 1, .in = { { .shape = shape_, .low = low_, .high = high_ } }, .attributes = attributes_ }
#define REFUSE_INDICES(attributes_)                                                                                \
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = S(3) } }, .attributes = attributes_, .refuse = RG_E_DTYPE }
/* Two ranges; a scalar, sizes 1 and 0; an index dtype refused; and what the row adds. */
#define SAMPLES_1(attributes_, low_1, high_1, low_2, high_2, ...)                                                  \
    {                                                                                                              \
        ONE(S(3, 4), low_1, high_1, attributes_),    ONE(S(3, 4), low_2, high_2, attributes_),                     \
        { .operands = 1, .in = { { .low = low_1, .high = high_1 } }, .attributes = attributes_ },                  \
        ONE(S(1), low_2, high_2, attributes_),       ONE(S(2, 0), low_1, high_1, attributes_),                     \
        ONE(S(2, 1, 37), low_1, high_1, attributes_), REFUSE_INDICES(attributes_),                                 \
        __VA_ARGS__                                                                                                \
    }

#define FEW_SAMPLES_1(low_1, high_1, low_2, high_2)                                                                \
    {                                                                                                              \
        ONE(S(3, 4), low_1, high_1, NULL), ONE(S(2, 1, 37), low_2, high_2, NULL), ONE({ 0 }, low_1, high_1, NULL), \
        ONE(S(2, 0), low_1, high_1, NULL), REFUSE_INDICES(NULL), END,                                              \
    }
/* For each of the row's numbers. */
#define NUMBER_SAMPLES(numbers, low_, high_)                                                                       \
    {                                                                                                              \
        ONE(S(3, 4), low_, high_, numbers),   ONE(S(2, 1, 37), low_, high_, numbers + 1),                          \
        ONE(S(1), low_, high_, numbers + 2),  ONE({ 0 }, low_, high_, numbers + 3),                                \
        ONE(S(2, 0), low_, high_, numbers),   REFUSE_INDICES(numbers), END,                                        \
    }

#define TWO(shape_1, shape_2, low_a, high_a, low_b, high_b, step_)                                                 \
    { .operands = 2, .in = { { .shape = shape_1, .low = low_a, .high = high_a, .step = step_ },                    \
                             { .shape = shape_2, .low = low_b, .high = high_b, .step = step_ } } }
/* Equal shapes, broadcasting both ways and together, a repeated operand, scalars, sizes 1 and 0; refusals. */
#define SAMPLES_2(low_a, high_a, low_b, high_b, step_)                                                             \
    {                                                                                                              \
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
    }

/* Of ops of two operands, for which others stand in broadcasting. */
#define FEW_SAMPLES_2(low_a, high_a, low_b, high_b, step_)                                                         \
    {                                                                                                              \
        TWO(S(3, 4), S(3, 4), low_a, high_a, low_b, high_b, step_),                                                \
        TWO(S(3, 1), S(1, 5), low_a, high_a, low_b, high_b, step_),                                                \
        TWO(S(0, 3), S(3), low_a, high_a, low_b, high_b, step_),                                                   \
        TWO({ 0 }, { 0 }, low_a, high_a, low_b, high_b, step_),                                                    \
        { .operands = 2, .in = { { .shape = S(3, 4), .low = low_b, .high = high_b, .step = step_ },                \
                                 { .same_as = 1 } } },                                                             \
        { .operands = 2, .in = { { .shape = S(3) }, { .shape = S(2) } }, .refuse = RG_E_SHAPE },                   \
        END,                                                                                                       \
    }

/* Samples take more room than a kernel; so rows share them (samples.c). Of one operand: */
extern const rg_sample rg_samples_real[];          /* from [-2, 2] and [-4, 4] */
extern const rg_sample rg_samples_positive[];      /* from [0.5, 4] and [0.1, 1] */
extern const rg_sample rg_samples_unit[];          /* from [-0.9, 0.9] and [0.2, 0.8] */
extern const rg_sample rg_samples_level[];         /* between integers and halves of integers, where rounding is level */
/* Of one, with a number: */
extern const rg_sample rg_samples_number[];        /* from [-2, 2] */
extern const rg_sample rg_samples_exponent[];      /* from [0.5, 2] */
/* Of two: */
extern const rg_sample rg_samples_pair[];          /* both from [-2, 2] */
extern const rg_sample rg_samples_pair_over[];     /* the second from [0.5, 2] */
extern const rg_sample rg_samples_pair_positive[]; /* both from [0.5, 2] */
extern const rg_sample rg_samples_pair_grid[];     /* both -1, 0 or 1 */

/* ---- Rows ----------------------------------------------------------------------------------------------- */

/* What stands after the samples is the text, and further fields of the op. */
#define UNARY(id, KIND, COMPLEX, formula, derivative, samples_, ...)                                               \
    KIND##_KERNELS(id, 1, NO_NUMBER, formula)                                                                      \
    COMPLEX##_KERNEL(id, 1, NO_NUMBER, formula)                                                                    \
    DERIVATIVE(id, derivative)                                                                                     \
    const rg_op rg_op_##id = { .name = #id, .arity = 1, .shape = rg_shape_same, KIND##_FIELDS(id),                 \
                               COMPLEX##_FIELD(id), .vjp = id##_vjp, .samples = samples_, .doc = __VA_ARGS__ };    \
    rg_tensor rg_##id##_at(const char *site, rg_tensor x)                                                          \
    {                                                                                                              \
        return rg_apply_one(site, x, &rg_op_##id, NULL);                                                         \
    }

/* One operand and a number that belongs to the structure. */
#define UNARY_WITH(id, KIND, COMPLEX, formula, derivative, samples_, ...)                                          \
    KIND##_KERNELS(id, 1, NUMBER, formula)                                                                         \
    COMPLEX##_KERNEL(id, 1, NUMBER, formula)                                                                       \
    DERIVATIVE(id, derivative)                                                                                     \
    const rg_op rg_op_##id = { .name = #id, .arity = 1, .attribute_size = sizeof(double), .shape = rg_shape_same,  \
                               KIND##_FIELDS(id), COMPLEX##_FIELD(id), .vjp = id##_vjp, .samples = samples_,       \
                               .describe = describe_number, .doc = __VA_ARGS__ };                                  \
    rg_tensor rg_##id##_at(const char *site, rg_tensor x, double parameter)                                        \
    {                                                                                                              \
        return rg_apply_one(site, x, &rg_op_##id, &parameter);                                                   \
    }

#define BINARY(id, KIND, COMPLEX, formula, derivative_a, derivative_b, zero_mask, samples_, ...)                   \
    KIND##_KERNELS(id, 2, NO_NUMBER, formula)                                                                      \
    COMPLEX##_KERNEL(id, 2, NO_NUMBER, formula)                                                                    \
    DERIVATIVE(id, k == 0 ? derivative_a : derivative_b)                                                           \
    const rg_op rg_op_##id = { .name = #id, .arity = 2, .shape = rg_shape_broadcast, KIND##_FIELDS(id),            \
                               COMPLEX##_FIELD(id), .vjp = id##_vjp, .no_gradient = zero_mask,                     \
                               .samples = samples_, .doc = __VA_ARGS__ };                                          \
    rg_tensor rg_##id##_at(const char *site, rg_tensor a, rg_tensor b)                                             \
    {                                                                                                              \
        return rg_apply_two(site, a, b, &rg_op_##id);                                                              \
    }

#endif
