/* 6. Gradient descent
 *
 * All weights of a network are one big vector theta, and so is the gradient of the loss f. A step is
 *
 *     theta <- theta - rate grad f(theta)
 *
 * and that is all that `descend` does: the library keeps theta and its gradient in just this form, one layer behind the
 * other. The gradient says which way is down, not how far. With a rate that is too small, little happens. With one that
 * is too large, each step lands on the other side of the valley, further up than where it came from.
 *
 * Theta has 25 dimensions here. The picture shows the loss on a plane through the place where the descent ends: one
 * direction leads back to where it began, the other is the one in which its path bends. */
#include <math.h>
#include <string.h>

#include "lecture.h"

enum { HIDDEN = 8, EXAMPLES = 32, STEPS = 601, BEND = 20, THETA = 3 * HIDDEN + 1, SIDE = 41 };
typedef double vector[THETA];

typedef struct {
    rg_params *theta;
    rg_param w1, b1, w2, b2;
} network;

static network network_new(void)
{
    network net = { .theta = rg_params_new(RG_F64, 1) };
    net.w1 = rg_params_add(net.theta, "W1", RG_SHAPE(HIDDEN, 1));
    net.b1 = rg_params_add(net.theta, "b1", RG_SHAPE(HIDDEN, 1));
    net.w2 = rg_params_add(net.theta, "W2", RG_SHAPE(1, HIDDEN));
    net.b2 = rg_params_add(net.theta, "b2", RG_SHAPE(1, 1));
    return net;
}

/* y = W2 sigma(W1 x - b1) - b2 for all examples at once, the columns of x, and its squared loss. */
static rg_tensor loss_of(const network *net, rg_tape *tape)
{
    double inputs[EXAMPLES], targets[EXAMPLES];
    for (int i = 0; i < EXAMPLES; i++) {
        double t = 2.0 * i / (EXAMPLES - 1) - 1;
        inputs[i] = 3 * t;
        targets[i] = 4 * t * (1 - t * t); /* a wave */
    }
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(1, EXAMPLES), inputs);
    rg_tensor y = rg_input(tape, RG_F64, RG_SHAPE(1, EXAMPLES), targets);
    rg_tensor z = rg_sub(rg_matmul(rg_parameter(tape, net->w1), x), rg_parameter(tape, net->b1));
    rg_tensor h = rg_sigmoid(z);
    return rg_mse(rg_sub(rg_matmul(rg_parameter(tape, net->w2), h), rg_parameter(tape, net->b2)), y);
}

/* From the same beginning for each rate; notes the loss before, and theta after, each step. */
static void descend(network *net, rg_tape *tape, double rate, double loss[STEPS], vector path[STEPS])
{
    double *theta = rg_params_data(net->theta), *gradient = rg_params_gradient(net->theta);
    for (uint64_t i = 0; i < THETA; i++) theta[i] = rg_random_normal(1, 1, i);
    rg_params_changed(net->theta);
    for (int step = 0; step < STEPS; step++) {
        memcpy(path[step], theta, sizeof path[step]);
        rg_tensor f = loss_of(net, tape);
        rg_params_zero_gradient(net->theta);
        rg_backward(f);
        loss[step] = rg_item(f);
        for (int i = 0; i < THETA; i++) theta[i] -= rate * gradient[i];
        rg_params_changed(net->theta);
        stop_if_failed(tape);
        rg_tape_reset(tape);
    }
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
static void survey(network *net, rg_tape *tape, vector origin, vector direction[2], rg_plot_field field, double *z)
{
    double *theta = rg_params_data(net->theta);
    for (int place = 0; place < SIDE * SIDE; place++) {
        double a = field.x_low + (field.x_high - field.x_low) * (place % SIDE) / (SIDE - 1);
        double c = field.y_low + (field.y_high - field.y_low) * (place / SIDE) / (SIDE - 1);
        for (int i = 0; i < THETA; i++) theta[i] = origin[i] + a * direction[0][i] + c * direction[1][i];
        rg_params_changed(net->theta);
        z[place] = rg_item(loss_of(net, tape));
        stop_if_failed(tape);
        rg_tape_reset(tape);
    }
}

enum { LARGE, RIGHT, SMALL, RATES };
static const double rate[] = { 1, 0.1, 0.002 };
static const char *const name[] = { "1: too large", "0.1: right", "0.002: too small" };
static const size_t stride[] = { 1, 1, 50 }; /* from one step that the plane shows to the next */
static const rg_plot_kind kind[] = { RG_PLOT_LINE_AND_POINTS, RG_PLOT_LINE, RG_PLOT_LINE_AND_POINTS };

int main(int argc, char **argv)
{
    static double loss[RATES][STEPS], steps[STEPS], at[RATES][2][STEPS], z[SIDE * SIDE];
    static vector path[RATES][STEPS], direction[2];
    network  net  = network_new();
    rg_tape *tape = rg_tape_new();
    for (int k = 0; k < RATES; k++) {
        descend(&net, tape, rate[k], loss[k], path[k]);
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
    survey(&net, tape, end, direction, field, z);
    rg_tape_free(tape);
    rg_params_free(net.theta);

    rg_plot_series curves[RATES], paths[RATES];
    for (int step = 0; step < STEPS; step++) steps[step] = step;
    for (int k = 0; k < RATES; k++) {
        size_t shown = (STEPS - 1) / stride[k] + 1;
        for (int d = 0; d < 2; d++)
            for (size_t i = 0; i < shown; i++)
                at[k][d][i] = inner(path[k][i * stride[k]], direction[d]) - inner(end, direction[d]);
        curves[k] = (rg_plot_series){ .name = name[k], .colour = k, .count = STEPS, .x = steps, .y = loss[k] };
        paths[k] = (rg_plot_series){ .name = name[k], .colour = k, .kind = kind[k], .count = shown,
                                     .x = at[k][0], .y = at[k][1] };
    }
    const rg_plot_chart charts[] = {
        { .title = "The loss", .x = { .label = "step" },
          .y = { .label = "loss", .logarithmic = true, .low = 0.05, .high = 100 }, .count = RATES, .series = curves },
        { .title = "A plane of theta, and the paths on it", .field = &field, .count = RATES, .series = paths,
          .x = { .label = "towards the beginning", .low = field.x_low, .high = field.x_high },
          .y = { .label = "towards the bend", .low = field.y_low, .high = field.y_high } },
    };
    draw(argc, argv, "gradient_descent.svg", &(rg_plot){ .title = "Gradient descent at three rates", .count = 2,
                                                         .charts = charts });
    return 0;
}
