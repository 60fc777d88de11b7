/* 1. The perceptron
 *
 * A threshold unit says 1 where w.x > b, and 0 elsewhere. The perceptron learning rule takes one example (x, y) after
 * the other, and moves the line whenever the unit's answer h is wrong:
 *
 *     w <- w + (y - h) x,    b <- b - (y - h)
 *
 * If some line separates the examples, the rule comes to rest at one that does, after at most (R / gamma)^2 mistakes:
 * R is the length of the longest (x, -1), and gamma how far the examples are from a line that separates them, in the
 * space of (w, b) [Novikoff 1962]. If there is no such line, the rule never rests, and where it is stopped is luck.
 * Gradient descent on the squared loss of a sigmoid neuron, h = sigma(w.x - b), has a sum over all examples to go down
 * on: it settles, and makes fewer errors. */
#include <math.h>
#include <string.h>

#include "lecture.h"

enum { EXAMPLES = 100 /* so that a number of them is a percentage */, EPOCHS = 60, LINES = 8 };

typedef struct {
    double x[EXAMPLES][2], y[EXAMPLES];
} examples;

/* How far x is from the line 0.6 x1 + 0.8 x2 = 0.1, and on which side of it. */
static double side(const double x[2])
{
    return 0.6 * x[0] + 0.8 * x[1] - 0.1;
}

/* Labelled by the side of that line that they are on, but for a share of wrong labels; none is next to it. */
static examples draw_examples(double share_wrong)
{
    examples all;
    uint64_t tried = 0;
    for (int i = 0; i < EXAMPLES; tried++) {
        for (uint64_t k = 0; k < 2; k++) all.x[i][k] = 2 * rg_random_uniform(1, k, tried) - 1;
        all.y[i] = (side(all.x[i]) > 0) != (rg_random_uniform(1, 2, tried) < share_wrong);
        if (fabs(side(all.x[i])) >= 0.03) i++;
    }
    return all;
}

/* (R / gamma)^2, with the gamma of that line. */
static double novikoff_bound(const examples *all)
{
    double r_squared = 0, gamma = INFINITY;
    for (int i = 0; i < EXAMPLES; i++) {
        r_squared = fmax(r_squared, all->x[i][0] * all->x[i][0] + all->x[i][1] * all->x[i][1] + 1);
        gamma = fmin(gamma, fabs(side(all->x[i])) / sqrt(0.6 * 0.6 + 0.8 * 0.8 + 0.1 * 0.1));
    }
    return r_squared / (gamma * gamma);
}

/* Once through all examples, with theta = (w, b); returns how many were answered wrongly. A rate of 0 only counts. */
static int perceptron_epoch(double theta[3], const examples *all, double rate)
{
    int mistakes = 0;
    for (int i = 0; i < EXAMPLES; i++) {
        const double *x = all->x[i];
        int h = theta[0] * x[0] + theta[1] * x[1] > theta[2]; /* the threshold unit */
        double error = all->y[i] - h;
        theta[0] += rate * error * x[0];
        theta[1] += rate * error * x[1];
        theta[2] -= rate * error;
        mistakes += error != 0;
    }
    return mistakes;
}

/* The line w.x = b, at both ends of the picture. */
static const double line_x[] = { -1, 1 };
static void boundary(const double theta[3], double line_y[2])
{
    for (int end = 0; end < 2; end++) line_y[end] = (theta[2] - theta[0] * line_x[end]) / theta[1];
}

/* Gradient descent for a sigmoid neuron, by the library. */
static void descend(const examples *all, double wrong[EPOCHS], double theta_found[3])
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_param   w     = rg_params_add(theta, "w", RG_SHAPE(2)), b = rg_params_add(theta, "b", RG_SCALAR);
    rg_opt    *opt   = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 10 });
    rg_tape   *tape  = rg_tape_new();
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(EXAMPLES, 2), all->x);
        rg_tensor y = rg_input(tape, RG_F64, RG_SHAPE(EXAMPLES), all->y);
        rg_tensor h = rg_sigmoid(rg_sub(rg_matmul(x, rg_parameter(tape, w)), rg_parameter(tape, b)));
        rg_opt_minimise(opt, rg_mse(h, y));
        stop_if_failed(tape);
        rg_tape_reset(tape);
        memcpy(theta_found, rg_params_data(theta), 3 * sizeof *theta_found);
        wrong[epoch] = perceptron_epoch(theta_found, all, 0);
    }
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
}

enum { SEPARABLE, MIXED };

int main(int argc, char **argv)
{
    const examples all[] = { draw_examples(0), draw_examples(0.1) };
    double theta[2][3] = { { 0 } }, neuron[3], epochs[EPOCHS], wrong[3][EPOCHS], luckiest = 100, mean = 0;
    double x1[EXAMPLES], x2[2][EXAMPLES], line_y[LINES + 1][2];
    int mistakes[2][EPOCHS], total = 0, busy = 0, fewest = EXAMPLES;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        epochs[epoch] = epoch + 1;
        for (int k = SEPARABLE; k <= MIXED; k++) {
            mistakes[k][epoch] = perceptron_epoch(theta[k], &all[k], 1);
            wrong[k][epoch] = perceptron_epoch(theta[k], &all[k], 0);
        }
        total += mistakes[SEPARABLE][epoch];
        busy += mistakes[SEPARABLE][epoch] > 0;
        fewest = (int)fmin(fewest, mistakes[MIXED][epoch]);
        luckiest = fmin(luckiest, wrong[MIXED][epoch]);
        mean += wrong[MIXED][epoch] / EPOCHS;
        if (epoch >= EPOCHS - LINES) boundary(theta[MIXED], line_y[epoch - (EPOCHS - LINES)]);
    }
    descend(&all[MIXED], wrong[2], neuron);
    boundary(neuron, line_y[LINES]);

    double bound = novikoff_bound(&all[SEPARABLE]), settled = wrong[2][EPOCHS - 1];
    claim(busy < EPOCHS && mistakes[SEPARABLE][EPOCHS - 1] == 0, "separable: the rule rests after %d epochs", busy);
    claim(total <= bound, "separable: %d mistakes, at most (R / gamma)^2 = %.0f", total, bound);
    claim(fewest > 0, "not separable: the rule never rests, with %d mistakes or more in every epoch", fewest);
    claim(settled < luckiest, "not separable: gradient descent settles at %.0f %% wrong; the rule has %.0f %% after an"
          " epoch on average, and %.0f %% at its luckiest", settled, mean, luckiest);

    for (int i = 0; i < EXAMPLES; i++) { /* two clouds, with gaps where the other's points are */
        x1[i] = all[MIXED].x[i][0];
        for (int label = 0; label < 2; label++) x2[label][i] = all[MIXED].y[i] == label ? all[MIXED].x[i][1] : NAN;
    }
    rg_plot_series data[LINES + 3] = {
        { .name = "y = 0", .colour = 0, .kind = RG_PLOT_POINTS, .count = EXAMPLES, .x = x1, .y = x2[0] },
        { .name = "y = 1", .colour = 1, .kind = RG_PLOT_POINTS, .count = EXAMPLES, .x = x1, .y = x2[1] },
    };
    data[1].mark = RG_PLOT_TRIANGLE;
    for (int k = 0; k <= LINES; k++)
        data[2 + k] = (rg_plot_series){ .colour = 2, .faint = k < LINES - 1, .count = 2, .x = line_x, .y = line_y[k] };
    data[LINES + 1].name = "the rule, last epochs";
    data[LINES + 2].name = "gradient descent", data[LINES + 2].colour = 3;
    const rg_plot_series errors[] = {
        { .name = "the rule, separable", .colour = 4, .count = EPOCHS, .x = epochs, .y = wrong[SEPARABLE] },
        { .name = "the rule", .colour = 2, .count = EPOCHS, .x = epochs, .y = wrong[MIXED] },
        { .name = "gradient descent", .colour = 3, .count = EPOCHS, .x = epochs, .y = wrong[2] },
    };
    const rg_plot_axis first = { .label = "x1", .low = -1, .high = 1 };
    const rg_plot_axis second = { .label = "x2", .low = -1, .high = 1 };
    const rg_plot_chart charts[] = {
        { .title = "Not separable: one label in ten is wrong", .x = first, .y = second, .equal = true,
          .count = LINES + 3, .series = data },
        { .title = "Errors after each epoch", .x = { .label = "epoch" }, .y = { .label = "% wrong" }, .count = 3,
          .series = errors },
    };
    draw(argc, argv, "perceptron.svg", &(rg_plot){ .title = "The perceptron rule, and gradient descent", .count = 2,
                                                   .height = 420, .charts = charts });
    return 0;
}
