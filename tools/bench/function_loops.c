/* function_loops.c: functions whose derivatives are a few loops: k-means, a logarithm of a sum of exponentials, least
 * squares, and a differential equation. */
#include <math.h>
#include <string.h>

#include "elementary.h"
#include "function.h"

enum { MOST_MEANS = 128, MOST_DIMENSIONS = 16, STATES = 256, STAGES = 4 };
#define STEP_SIZE 0.01

#define REAL double
#define TYPE f64
#define INTRINSIC pd
#define TEMPLATE "bench/function_loops_template.h"
#include "each_level.h"

static void as_drawn(const function_numbers *numbers)
{
    (void)numbers;
}

/* ---- k-means: the sum of squared distances to the nearest of k means [k, d]. Differentiated is the product of its
 * gradient with a fixed vector, which gives the Hessian's product with that. ---------------------------------------- */

static function_extent kmeans_extent(const int64_t *size)
{
    const int64_t n = size[0], k = size[1], d = size[2];
    return (function_extent){ { k * d }, n * d + k * d, 0 };
}

static rg_tensor kmeans_record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers)
{
    const int64_t n = numbers->size[0], k = numbers->size[1], d = numbers->size[2];
    rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(n, d), numbers->data), slope;
    rg_tensor direction = rg_input_borrowed(tape, RG_F64, RG_SHAPE(k * d), numbers->data + n * d);
    rg_tensor means = rg_reshape(theta[0], RG_SHAPE(k, d));
    /* |x - c|^2 = |x|^2 - (2 x c - |c|^2), and what does not depend on the mean is left out of the choice. */
    rg_tensor nearness = rg_sub(rg_scale(rg_matmul(x, rg_transpose(means)), 2),
                                rg_sum_axes(rg_square(means), RG_AXES(1), false));
    rg_tensor cost = rg_sub(rg_sum(rg_square(x)), rg_sum(rg_max_axes(nearness, RG_AXES(1), false)));
    rg_grad(cost, theta, 1, &slope);
    return rg_sum(rg_mul(slope, direction));
}

const function_problem function_kmeans = { kmeans_extent, as_drawn, kmeans_record, NULL, LEVELS(kmeans_f64) };

/* ---- log sum exp ---------------------------------------------------------------------------------------------------- */

static function_extent logsumexp_extent(const int64_t *size)
{
    return (function_extent){ { size[0] }, 0, 0 };
}

static rg_tensor logsumexp_record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers)
{
    (void)tape, (void)numbers;
    return rg_logsumexp(theta[0], 0, false);
}

const function_problem function_logsumexp = { logsumexp_extent, as_drawn, logsumexp_record, NULL, LEVELS(logsumexp_f64) };

/* ---- Least squares: |A theta - y|^2 / 2, where a row of A is the powers of a point of a grid --------------------- */

static function_extent grid_extent(const int64_t *size)
{
    return (function_extent){ { size[1] }, size[0] * (size[1] + 1), 0 };
}

static void grid_prepare(const function_numbers *numbers)
{
    const int64_t n = numbers->size[0], m = numbers->size[1];
    for (int64_t i = 0; i < n; i++) {
        const double t = 2 * (double)i / (double)(n - 1) - 1;
        double power = 1;
        for (int64_t j = 0; j < m; j++, power *= t) numbers->data[i * m + j] = power;
    }
}

static rg_tensor grid_record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers)
{
    const int64_t n = numbers->size[0], m = numbers->size[1];
    rg_tensor a = rg_input_borrowed(tape, RG_F64, RG_SHAPE(n, m), numbers->data);
    rg_tensor y = rg_input_borrowed(tape, RG_F64, RG_SHAPE(n), numbers->data + n * m);
    return rg_scale(rg_sum(rg_square(rg_sub(rg_matmul(a, theta[0]), y))), 0.5);
}

const function_problem function_grid = { grid_extent, grid_prepare, grid_record, NULL, LEVELS(grid_f64) };

/* ---- Logistic growth y' = r y (1 - y) by Runge and Kutta's method of order four: half the squared end states, with
 * respect to the first states [n] and the rates [n] ------------------------------------------------------------------ */

static function_extent runge_kutta_extent(const int64_t *size)
{
    return (function_extent){ { size[0], size[0] }, 0, (size[1] + 1) * STATES };
}

static void runge_kutta_prepare(const function_numbers *numbers)
{
    for (int64_t i = 0; i < 2 * numbers->size[0]; i++) numbers->theta[i] = 0.1 + fabs(numbers->theta[i]) / 4;
}

static rg_tensor growth(rg_tensor y, rg_tensor rate)
{
    return rg_mul(rate, rg_mul(y, rg_one_minus(y)));
}

static rg_tensor runge_kutta_record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers)
{
    const double h = STEP_SIZE;
    rg_tensor y = theta[0], rate = theta[1];
    (void)tape;
    for (int64_t t = 0; t < numbers->size[1]; t++) {
        rg_tensor a = growth(y, rate), b = growth(rg_add(y, rg_scale(a, h / 2)), rate);
        rg_tensor c = growth(rg_add(y, rg_scale(b, h / 2)), rate), d = growth(rg_add(y, rg_scale(c, h)), rate);
        y = rg_add(y, rg_scale(rg_add(rg_add(a, d), rg_scale(rg_add(b, c), 2)), h / 6));
    }
    return rg_scale(rg_sum(rg_square(y)), 0.5);
}

const function_problem function_runge_kutta = { runge_kutta_extent, runge_kutta_prepare, runge_kutta_record, NULL,
                                                LEVELS(runge_kutta_f64) };
