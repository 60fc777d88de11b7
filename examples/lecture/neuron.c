/* 2. The neuron
 *
 * A neuron is h = sigma(w.x - b): it weighs its inputs, compares the sum with b, and sigma says how it answers.
 *
 *     threshold    1 where z > 0, else 0    sigma'(z) = 0 wherever it has a slope
 *     sigmoid      1 / (1 + e^-z)           sigma'(z) = sigma(z) (1 - sigma(z)), at most 1/4, at z = 0
 *     ReLU         max(0, z)                sigma'(z) = 1 where z > 0, else 0 (at z = 0 by convention)
 *
 * The threshold unit gives gradient descent nothing to go by: a small step changes nothing. The sigmoid is a threshold
 * made smooth; the ReLU does not flatten out on the right. Their slopes are the library's: rg_grad of the sum of all
 * sigma(z) has sigma'(z) at each z. By the chain rule dh/dw = sigma'(z) x, and dh/db = -sigma'(z): the minus of -b. */
#include <math.h>

#include "lecture.h"

enum { POINTS = 641, MIDDLE = 320, SIDE = 61 };

typedef struct {
    double at[POINTS], value[POINTS], slope[POINTS];
} response;

/* The slope is asked for at all points in one go: each z has a part in its own sigma(z) only. */
static void trace(rg_tape *tape, rg_tensor (*sigma)(rg_tensor), response *drawn)
{
    rg_tensor z = rg_input(tape, RG_F64, RG_SHAPE(POINTS), drawn->at), y = sigma(z), slope;
    rg_grad(rg_sum(y), &z, 1, &slope);
    rg_read(y, drawn->value, sizeof drawn->value);
    rg_read(slope, drawn->slope, sizeof drawn->slope);
    stop_if_failed(tape);
}

static rg_tensor threshold(rg_tensor z)
{
    return rg_greater(z, rg_full(z.tape, RG_F64, RG_SCALAR, 0));
}

/* h = sigma(w.x - b) for x on a grid over [-3, 3]^2. */
static void survey(rg_tape *tape, rg_tensor w, rg_tensor b, double height[SIDE * SIDE])
{
    double at[SIDE * SIDE][2];
    for (int i = 0; i < SIDE * SIDE; i++) {
        at[i][0] = -3 + 6.0 * (i % SIDE) / (SIDE - 1);
        at[i][1] = -3 + 6.0 * (i / SIDE) / (SIDE - 1);
    }
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(SIDE * SIDE, 2), at);
    rg_read(rg_sigmoid(rg_sub(rg_matmul(x, w), b)), height, SIDE * SIDE * sizeof *height);
    stop_if_failed(tape);
}

int main(int argc, char **argv)
{
    static response unit, sigmoid, relu;
    for (int i = 0; i < POINTS; i++) unit.at[i] = sigmoid.at[i] = relu.at[i] = (i - MIDDLE) / 40.0;
    rg_tape *tape = rg_tape_new();
    trace(tape, threshold, &unit);
    trace(tape, rg_sigmoid, &sigmoid);
    trace(tape, rg_relu, &relu);

    double formula = 0, steepest = 0;
    bool flat = true, step = true;
    for (int i = 0; i < POINTS; i++) {
        formula = fmax(formula, fabs(sigmoid.slope[i] - sigmoid.value[i] * (1 - sigmoid.value[i])));
        if (i != MIDDLE) steepest = fmax(steepest, sigmoid.slope[i]);
        flat = flat && unit.slope[i] == 0;
        step = step && relu.slope[i] == (i > MIDDLE);
    }
    claim(flat, "the threshold unit's slope is 0 everywhere");
    claim(formula < 1e-15, "sigma' = sigma (1 - sigma), to %.0e", 1e-15);
    claim(sigmoid.slope[MIDDLE] == 0.25 && steepest < 0.25, "sigma'(0) = 1/4, and less elsewhere, %.5f next to it",
          steepest);
    claim(step, "relu' is 1 where z > 0, else 0; relu'(0) = %g", relu.slope[MIDDLE]);

    const double numbers[] = { 1, 2 }, point[] = { 0.5, -1 };
    rg_tensor w = rg_input(tape, RG_F64, RG_SHAPE(2), numbers), x = rg_input(tape, RG_F64, RG_SHAPE(2), point);
    rg_tensor b = rg_scalar(tape, RG_F64, 1), h = rg_sigmoid(rg_sub(rg_inner(w, x), b)), gradient[2];
    rg_grad(h, (rg_tensor[]){ w, b }, 2, gradient);
    double by_w[2], by_b = rg_item(gradient[1]), value = rg_item(h), slope = value * (1 - value);
    rg_read(gradient[0], by_w, sizeof by_w);
    stop_if_failed(tape);
    double most = fmax(fabs(by_w[0] - slope * point[0]), fabs(by_w[1] - slope * point[1]));
    printf("w = (1, 2), b = 1, x = (0.5, -1): h = %.6f, dh/dw = (%.6f, %.6f), dh/db = %.6f\n", value, by_w[0], by_w[1],
           by_b);
    claim(most < 1e-15, "dh/dw = sigma'(z) x");
    claim(fabs(by_b + slope) < 1e-15, "dh/db = -sigma'(z)");

    static double height[SIDE * SIDE];
    survey(tape, w, b, height);
    rg_tape_free(tape);

    const rg_plot_series smooth[] = {
        dashed(curve("threshold", 2, POINTS, unit.at, unit.value)),
        curve("sigmoid", 0, POINTS, sigmoid.at, sigmoid.value),
        curve("its slope", 1, POINTS, sigmoid.at, sigmoid.slope),
    }, bent[] = {
        curve("ReLU", 0, POINTS, relu.at, relu.value),
        curve("its slope", 1, POINTS, relu.at, relu.slope),
    };
    const double line_x[] = { -3, 3 }, line_y[] = { 2, -1 }; /* x1 + 2 x2 = 1 */
    const rg_plot_series line = dashed(curve("w.x = b", 1, 2, line_x, line_y));
    const rg_plot_field field = { .columns = SIDE, .rows = SIDE, .z = height, .x_low = -3, .x_high = 3, .y_low = -3,
                                  .y_high = 3, .heat = true, .name = "h" };
    const rg_plot_axis z = { .label = "z", .low = -8, .high = 8 }, near = { .label = "z", .low = -2, .high = 2 };
    const rg_plot_chart charts[] = {
        { .title = "Sigmoid", .x = z, .count = 3, .series = smooth },
        { .title = "ReLU", .x = near, .y = { .low = -0.1, .high = 2 }, .count = 2, .series = bent },
        { .title = "h = sigma(w.x - b)", .x = { .label = "x1" }, .y = { .label = "x2" }, .equal = true, .field = &field,
          .count = 1, .series = &line } };
    draw(argc, argv, "neuron.svg", &(rg_plot){ .title = "The neuron", .count = 3, .charts = charts });
    return 0;
}
