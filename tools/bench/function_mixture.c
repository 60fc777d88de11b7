/* function_mixture.c: a mixture of Gaussians, as ADBench [Srajer, Kukelova and Fitzgibbon 2018] has it, without a prior:
 * sum over i of log sum over k of exp(alpha_k + sum q_k - |Q_k (x_i - mu_k)|^2 / 2), less n log sum exp alpha, where Q_k is
 * lower triangular with exp(q_k) on its diagonal. Parts of theta: alpha [k], mu [k, d], q [k, d], and the rest of Q as
 * [k, d, d], of which only what lies below the diagonal counts. */
#include <math.h>
#include <string.h>

#include "elementary.h"
#include "function.h"

enum { POINTS = 16, MOST_DIMENSIONS = 64 };

#define REAL double
#define TYPE f64
#define INTRINSIC pd
#define TEMPLATE "bench/function_mixture_template.h"
#include "each_level.h"

static function_extent extent(const int64_t *size)
{
    const int64_t n = size[0], d = size[1], k = size[2];
    return (function_extent){ { k, k * d, k * d, k * d * d }, n * d, k * d * POINTS + k * d * d + k * POINTS + k };
}

static void prepare(const function_numbers *numbers)
{
    const int64_t d = numbers->size[1], k = numbers->size[2];
    for (int64_t i = k + k * d; i < k + 2 * k * d + k * d * d; i++) numbers->theta[i] /= 10;
}

static rg_tensor constant(rg_tape *tape, int64_t d, bool below)
{
    double numbers[MOST_DIMENSIONS * MOST_DIMENSIONS];
    for (int64_t i = 0; i < d * d; i++) numbers[i] = below ? i % d < i / d : i % d == i / d;
    return rg_constant(tape, RG_F64, RG_SHAPE(d, d), numbers);
}

static rg_tensor record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers)
{
    const int64_t n = numbers->size[0], d = numbers->size[1], k = numbers->size[2];
    rg_tensor x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(n, d), numbers->data), zero = rg_full(tape, RG_F64, RG_SCALAR, 0);
    rg_tensor alpha = theta[0], mu = rg_reshape(theta[1], RG_SHAPE(k, d, 1)), q = rg_reshape(theta[2], RG_SHAPE(k, d));
    rg_tensor below = rg_where(constant(tape, d, true), rg_reshape(theta[3], RG_SHAPE(k, d, d)), zero);
    rg_tensor diagonal = rg_mul(constant(tape, d, false), rg_reshape(rg_exp(q), RG_SHAPE(k, d, 1)));
    rg_tensor all = rg_add(below, diagonal);
    rg_tensor of_x = rg_matmul(x, rg_transpose(rg_reshape(all, RG_SHAPE(k * d, d))));
    rg_tensor apart = rg_sub(of_x, rg_reshape(rg_matmul(all, mu), RG_SHAPE(k * d)));
    rg_tensor squares = rg_sum_axes(rg_reshape(rg_square(apart), RG_SHAPE(n, k, d)), RG_AXES(2), false);
    rg_tensor height = rg_add(alpha, rg_sum_axes(q, RG_AXES(1), false));
    rg_tensor each = rg_logsumexp(rg_sub(height, rg_scale(squares, 0.5)), 1, false);
    return rg_sub(rg_sum(each), rg_scale(rg_logsumexp(alpha, 0, false), (double)n));
}

const function_problem function_mixture = { extent, prepare, record, NULL, LEVELS(mixture_f64) };
