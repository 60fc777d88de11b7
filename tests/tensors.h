/* tensors.h: small helpers for tests of the engine: tensors from numbers, and numbers from tensors. Included by one file
 * of a program. Defines _POSIX_C_SOURCE, so it comes first. */
#ifndef RETROGRAD_TENSORS_H
#define RETROGRAD_TENSORS_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NUMBERS(...) ((const double[]){ __VA_ARGS__ })
/* An f64 input of one dimension with these numbers. */
#define VECTOR(tape, ...) rg_input(tape, RG_F64, RG_SHAPE((int64_t)COUNT(NUMBERS(__VA_ARGS__))), NUMBERS(__VA_ARGS__))
/* A matrix: rows, columns, and the numbers row by row. */
#define MATRIX(tape, rows, columns, ...) rg_input(tape, RG_F64, RG_SHAPE(rows, columns), NUMBERS(__VA_ARGS__))

static inline void assert_fine(const rg_tape *tape)
{
    if (rg_failed(tape)) fail_msg("%s", rg_message(tape));
}

static inline double element(rg_tensor t, int64_t i)
{
    const void *data = rg_data(t);
    if (!data) fail_msg("%s", rg_message(t.tape));
    return rg_dtype_of(t) == RG_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* The tensor has as many elements as there are numbers, and they agree to `tolerance`. */
static inline void assert_numbers(rg_tensor t, const double *numbers, size_t count, double tolerance)
{
    if (rg_is_null(t)) fail_msg("the null tensor");
    assert_int_equal(rg_shape_count(rg_shape_of(t)), count);
    for (size_t i = 0; i < count; i++) {
        double got = element(t, (int64_t)i);
        if (!(fabs(got - numbers[i]) <= tolerance * fmax(1, fabs(numbers[i]))))
            fail_msg("element %zu is %.17g, not %.17g", i, got, numbers[i]);
    }
}
#define assert_values(t, ...) assert_numbers(t, NUMBERS(__VA_ARGS__), COUNT(NUMBERS(__VA_ARGS__)), 1e-12)
#define assert_exactly(t, ...) assert_numbers(t, NUMBERS(__VA_ARGS__), COUNT(NUMBERS(__VA_ARGS__)), 0)

static inline void assert_shape(rg_tensor t, rg_shape shape)
{
    if (!rg_shape_equal(rg_shape_of(t), shape)) fail_msg("rank %d, not %d, or other sizes", rg_shape_of(t).rank, shape.rank);
}

static inline rg_tensor gradient(rg_tensor y, rg_tensor x)
{
    rg_tensor slope = { 0 };
    rg_grad(y, &x, 1, &slope);
    return slope;
}

/* A store with one f64 parameter for each count: vectors a, b, c, ... filled with 1, 2, 3, ... throughout. */
static inline rg_params *store_of(int n, const int64_t *counts)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    for (int i = 0; i < n; i++) rg_params_add(theta, (char[]){ (char)('a' + i), '\0' }, RG_SHAPE(counts[i]));
    double *data = rg_params_data(theta);
    for (int64_t i = 0; i < rg_params_count(theta); i++) data[i] = (double)(i + 1);
    rg_params_changed(theta);
    return theta;
}
#define STORE(...) store_of((int)COUNT(((const int64_t[]){ __VA_ARGS__ })), (const int64_t[]){ __VA_ARGS__ })

#define assert_gradient(theta, ...) assert_gradient_is(theta, NUMBERS(__VA_ARGS__), COUNT(NUMBERS(__VA_ARGS__)))
static inline void assert_gradient_is(rg_params *theta, const double *numbers, size_t count)
{
    const double *gradient_of_theta = rg_params_gradient(theta);
    assert_int_equal(rg_params_count(theta), count);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(gradient_of_theta[i] - numbers[i]) <= 1e-12 * fmax(1, fabs(numbers[i]))))
            fail_msg("gradient %zu is %.17g, not %.17g", i, gradient_of_theta[i], numbers[i]);
}

#endif
