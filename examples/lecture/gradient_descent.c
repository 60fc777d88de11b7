/* 6. Gradient descent
 *
 * All weights of a network are one big vector theta, and so is the gradient of the loss f. A step is
 *
 *     theta <- theta - rate grad f(theta)
 *
 * and that is all that `descend` does: the library keeps both in just this form, one layer behind the other. The gradient
 * says which way is down, not how far. With a rate that is too small, little happens. With one that is too large, each
 * step lands on the other side of the valley, further up than where it came from.
 *
 * Theta has 25 dimensions here. The picture shows the loss on a plane through the place where the descent ends: one
 * direction leads back to where it began, the other is the one in which its path bends. */
#include <math.h>
#include <string.h>

#include "lecture.h"

enum { HIDDEN = 8, EXAMPLES = 32, STEPS = 601, BEND = 20, THETA = 3 * HIDDEN + 1, SIDE = 41 };
typedef double vector[THETA];

/* The losses of networks with a row of theta each, on examples of a wave. */
static rg_tensor f(rg_tensor theta)
{
    double x[EXAMPLES], y[EXAMPLES];
    for (int i = 0; i < EXAMPLES; i++) {
        double t = 2.0 * i / (EXAMPLES - 1) - 1;
        x[i] = 3 * t;
        y[i] = 4 * t * (1 - t * t);
    }
    rg_tape *tape = theta.tape;
    return losses_of(theta, matrix(tape, 1, EXAMPLES, x), rg_input(tape, RG_F64, RG_SHAPE(EXAMPLES), y));
}

/* From the same beginning for each rate; notes the loss before, and theta after, each step. */
static void descend(rg_tape *tape, double rate, double loss[STEPS], vector path[STEPS])
{
    rg_params *params = rg_params_new(RG_F64, 1);
    rg_param all = rg_params_add(params, "theta", RG_SHAPE(1, THETA));
    double *theta = rg_params_data(params), *gradient = rg_params_gradient(params);
    for (uint64_t i = 0; i < THETA; i++) theta[i] = rg_random_normal(1, 1, i);
    for (int step = 0; step < STEPS; step++) {
        rg_params_changed(params);
        rg_params_zero_gradient(params);
        memcpy(path[step], theta, sizeof path[step]);
        rg_tensor value = rg_sum(f(rg_parameter(tape, all)));
        rg_backward(value);
        loss[step] = rg_item(value);
        for (int i = 0; i < THETA; i++) theta[i] -= rate * gradient[i];
        end_step(tape);
    }
    rg_params_free(params);
}

static double inner(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < THETA; i++) sum += a[i] * b[i];
    return sum;
}

/* From one place towards another, at right angles to `across`, and of length 1. */
static void towards(vector direction, vector from, vector to, vector across)
{
    for (int i = 0; i < THETA; i++) direction[i] = to[i] - from[i];
    double along = inner(direction, across);
    for (int i = 0; i < THETA; i++) direction[i] -= along * across[i];
    double length = sqrt(inner(direction, direction));
    for (int i = 0; i < THETA; i++) direction[i] /= length;
}

/* The loss on the plane through `origin`, column by column and row by row of the field. */
static void survey(rg_tape *tape, vector origin, vector direction[2], rg_plot_field field, double *z)
{
    static vector theta[SIDE * SIDE];
    double a[SIDE], b[SIDE];
    spread(field.x_low, field.x_high, SIDE, a);
    spread(field.y_low, field.y_high, SIDE, b);
    for (int p = 0; p < SIDE * SIDE; p++)
        for (int i = 0; i < THETA; i++)
            theta[p][i] = origin[i] + a[p % SIDE] * direction[0][i] + b[p / SIDE] * direction[1][i];
    rg_read(f(matrix(tape, SIDE * SIDE, THETA, *theta)), z, SIDE * SIDE * sizeof *z);
    end_step(tape);
}

enum { LARGE, RIGHT, SMALL, RATES };
static const double rate[] = { 1, 0.1, 0.002 };
static const char *const name[] = { "1: too large", "0.1: right", "0.002: too small" };
static const size_t stride[] = { 1, 1, 50 }; /* from one step that the plane shows to the next */

int main(int argc, char **argv)
{
    static double loss[RATES][STEPS], steps[STEPS], at[RATES][2][STEPS], z[SIDE * SIDE];
    static vector path[RATES][STEPS], direction[2];
    rg_tape *tape = rg_tape_new();
    for (int k = 0; k < RATES; k++) {
        descend(tape, rate[k], loss[k], path[k]);
        printf("rate %-5g  loss %.3f at first, %.3g after 10 steps\n", rate[k], loss[k][0], loss[k][10]);
    }
    double *end = path[RIGHT][STEPS - 1], last = loss[RIGHT][STEPS - 1];
    claim(last < 0.1, "right: %.3f after %d steps", last, STEPS - 1);
    claim(loss[SMALL][STEPS - 1] > 3 * last, "too small: still %.3f", loss[SMALL][STEPS - 1]);
    claim(!(loss[LARGE][STEPS - 1] < 1e100), "too large: beyond 1e100");

    const rg_plot_field field = { .columns = SIDE, .rows = SIDE, .z = z, .x_low = -2, .x_high = 5, .y_low = -2,
                                  .y_high = 3.5, .heat = true, .contours = 12, .logarithmic = true, .name = "loss" };
    towards(direction[0], end, path[RIGHT][0], direction[1]); /* which is 0 as yet */
    towards(direction[1], end, path[RIGHT][BEND], direction[0]);
    survey(tape, end, direction, field, z);
    rg_tape_free(tape);

    rg_plot_series curves[RATES], paths[RATES];
    spread(0, STEPS - 1, STEPS, steps);
    for (int k = 0; k < RATES; k++) {
        size_t shown = (STEPS - 1) / stride[k] + 1;
        for (size_t i = 0; i < 2 * shown; i++)
            at[k][i % 2][i / 2] = inner(path[k][i / 2 * stride[k]], direction[i % 2]) - inner(end, direction[i % 2]);
        curves[k] = curve(name[k], k, STEPS, steps, loss[k]);
        paths[k] = curve(name[k], k, shown, at[k][0], at[k][1]);
        if (k != RIGHT) paths[k].kind = RG_PLOT_LINE_AND_POINTS;
    }
    rg_plot_chart charts[] = {
        chart("The loss", "step", "loss", RATES, curves),
        chart("A plane of theta, and the paths on it", "towards the beginning", "towards the bend", RATES, paths) };
    charts[0].y = (rg_plot_axis){ .label = "loss", .logarithmic = true, .low = 0.05, .high = 100 };
    charts[1].field = &field;
    charts[1].x.low = charts[1].y.low = -2, charts[1].x.high = 5, charts[1].y.high = 3.5; /* as the field */
    draw(argc, argv, "gradient_descent.svg",
         &(rg_plot){ .title = "Gradient descent at three rates", .count = 2, .charts = charts });
    return 0;
}
