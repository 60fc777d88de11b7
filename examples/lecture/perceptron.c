/* 1. The perceptron
 *
 * A threshold unit says 1 where w.x > b, and 0 elsewhere. The perceptron learning rule takes one example (x, y) after the
 * other, and moves the line whenever the unit's answer h is wrong:
 *
 *     w <- w + (y - h) x,    b <- b - (y - h)
 *
 * If some line separates the examples, the rule comes to rest at one that does, after at most (R / gamma)^2 mistakes: R is
 * the length of the longest (x, -1), and gamma how far the examples are from a line that separates them, in the space of
 * (w, b) [Novikoff 1962]. If there is none, the rule never rests, and where it is stopped is luck. Gradient descent on the
 * squared loss of a sigmoid neuron, h = sigma(w.x - b), settles, and makes fewer errors. */
#include <math.h>
#include <string.h>

#include "lecture.h"

enum { EXAMPLES = 100 /* so that a number of them is a percentage */, EPOCHS = 60, LINES = 8 /* drawn */ };

typedef struct {
    double x[EXAMPLES][2], y[EXAMPLES], bound; /* of mistakes: (R / gamma)^2 */
} examples;

/* Labelled by the side of the line 0.6 x1 + 0.8 x2 = 0.1 they are on, but for a share of wrong labels; none is next to it. */
static examples draw_examples(double share_wrong)
{
    examples all;
    double r_squared = 0, gamma = INFINITY;
    uint64_t tried = 0;
    for (int i = 0; i < EXAMPLES; tried++) {
        double *x = all.x[i];
        for (uint64_t k = 0; k < 2; k++) x[k] = 2 * rg_random_uniform(1, k, tried) - 1;
        const double side = 0.6 * x[0] + 0.8 * x[1] - 0.1;
        all.y[i] = (side > 0) != (rg_random_uniform(1, 2, tried) < share_wrong);
        if (fabs(side) < 0.03) continue;
        r_squared = fmax(r_squared, x[0] * x[0] + x[1] * x[1] + 1);
        gamma = fmin(gamma, fabs(side) / sqrt(0.6 * 0.6 + 0.8 * 0.8 + 0.1 * 0.1));
        i++;
    }
    all.bound = r_squared / (gamma * gamma);
    return all;
}

/* Once through all examples, with theta = (w, b); returns how many were answered wrongly. A rate of 0 only counts. */
static int perceptron_epoch(double theta[3], const examples *all, double rate)
{
    int mistakes = 0;
    for (int i = 0; i < EXAMPLES; i++) {
        const double *x = all->x[i];
        int h = theta[0] * x[0] + theta[1] * x[1] > theta[2]; /* the threshold unit */
        double error = all->y[i] - h;
        for (int k = 0; k < 2; k++) theta[k] += rate * error * x[k];
        theta[2] -= rate * error;
        mistakes += error != 0;
    }
    return mistakes;
}

/* How learning goes: after each epoch the share of wrong answers, and where the line w.x = b is at x1 = -1 and 1. */
typedef struct {
    double theta[3], wrong[EPOCHS], line[EPOCHS][2];
} course;

static void note(course *c, int epoch, const examples *all)
{
    c->wrong[epoch] = perceptron_epoch(c->theta, all, 0);
    for (int end = 0; end < 2; end++) c->line[epoch][end] = (c->theta[2] - c->theta[0] * (2 * end - 1)) / c->theta[1];
}

/* Gradient descent for a sigmoid neuron, by the library. */
static void descend(course *c, const examples *all)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_param   w     = rg_params_add(theta, "w", RG_SHAPE(2)), b = rg_params_add(theta, "b", RG_SCALAR);
    rg_opt    *opt   = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 10 });
    rg_tape   *tape  = rg_tape_new();
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        rg_tensor x = matrix(tape, EXAMPLES, 2, *all->x), y = rg_input(tape, RG_F64, RG_SHAPE(EXAMPLES), all->y);
        rg_tensor h = rg_sigmoid(rg_sub(rg_matmul(x, rg_parameter(tape, w)), rg_parameter(tape, b)));
        rg_opt_minimise(opt, rg_mse(h, y));
        end_step(tape);
        memcpy(c->theta, rg_params_data(theta), sizeof c->theta);
        note(c, epoch, all);
    }
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
}

int main(int argc, char **argv)
{
    enum { SEPARABLE, MIXED };
    const examples all[] = { draw_examples(0), draw_examples(0.1) };
    course rule[2] = { 0 }, neuron;
    double epochs[EPOCHS], luckiest = 100, mean = 0;
    int mistakes[2], total = 0, busy = 0, fewest = EXAMPLES;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        for (int k = SEPARABLE; k <= MIXED; k++) {
            mistakes[k] = perceptron_epoch(rule[k].theta, &all[k], 1);
            note(&rule[k], epoch, &all[k]);
        }
        total += mistakes[SEPARABLE], busy += mistakes[SEPARABLE] > 0;
        if (mistakes[MIXED] < fewest) fewest = mistakes[MIXED];
        luckiest = fmin(luckiest, rule[MIXED].wrong[epoch]);
        mean += rule[MIXED].wrong[epoch] / EPOCHS;
    }
    descend(&neuron, &all[MIXED]);
    claim(busy < EPOCHS && mistakes[SEPARABLE] == 0, "separable: the rule rests after %d epochs", busy);
    claim(total <= all[SEPARABLE].bound, "separable: %d mistakes, at most (R / gamma)^2 = %.0f", total, all[SEPARABLE].bound);
    claim(fewest > 0, "not separable: the rule never rests, with %d mistakes or more in every epoch", fewest);
    claim(neuron.wrong[EPOCHS - 1] < luckiest, "not separable: gradient descent settles at %.0f %% wrong; the rule has"
          " %.0f %% after an epoch on average, and %.0f %% at its luckiest", neuron.wrong[EPOCHS - 1], mean, luckiest);

    double x1[EXAMPLES], x2[2][EXAMPLES];
    for (int i = 0; i < EXAMPLES; i++) { /* two clouds, with gaps where the other's points are */
        x1[i] = all[MIXED].x[i][0];
        for (int label = 0; label < 2; label++) x2[label][i] = all[MIXED].y[i] == label ? all[MIXED].x[i][1] : NAN;
    }
    static const double ends[] = { -1, 1 };
    rg_plot_series data[LINES + 3] = { points("y = 0", 0, EXAMPLES, x1, x2[0]), points("y = 1", 1, EXAMPLES, x1, x2[1]) };
    data[1].mark = RG_PLOT_TRIANGLE;
    for (int k = 0; k < LINES; k++) data[2 + k] = faint(curve(NULL, 2, 2, ends, rule[MIXED].line[EPOCHS - LINES + k]));
    data[LINES + 1] = curve("the rule, last epochs", 2, 2, ends, rule[MIXED].line[EPOCHS - 1]);
    data[LINES + 2] = curve("gradient descent", 3, 2, ends, neuron.line[EPOCHS - 1]);
    spread(1, EPOCHS, EPOCHS, epochs);
    const rg_plot_series errors[] = { curve("the rule, separable", 4, EPOCHS, epochs, rule[SEPARABLE].wrong),
                                      curve("the rule", 2, EPOCHS, epochs, rule[MIXED].wrong),
                                      curve("gradient descent", 3, EPOCHS, epochs, neuron.wrong) };
    rg_plot_chart charts[] = { chart("Not separable: one label in ten is wrong", "x1", "x2", LINES + 3, data),
                               chart("Errors after each epoch", "epoch", "% wrong", 3, errors) };
    charts[0].x.low = charts[0].y.low = -1, charts[0].x.high = charts[0].y.high = charts[0].equal = 1;
    draw(argc, argv, "perceptron.svg", &(rg_plot){ .title = "The perceptron rule, and gradient descent", .count = 2,
                                                   .height = 420, .charts = charts });
    return 0;
}
