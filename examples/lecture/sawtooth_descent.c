/* 8b. The sawtooth: what can be found
 *
 * There are weights with which 6 layers of two units have 64 edges (sawtooth.c). That does not mean that gradient
 * descent finds them. From random weights a larger network learns 4 edges, and of 64 hardly more than their mean: even
 * sixteen times as many steps leave well over half of the loss.
 *
 * The lower pictures say why. All weights are right but one, which is moved. The loss of 4 edges is a valley, and its
 * gradient leads to the solution from everywhere. That of 64 is a plain with a narrow hole; nothing outside tells of
 * it, and the sign of the gradient might as well be that of a coin. [Shalev-Shwartz, Shamir and Shammah 2017, Failures
 * of gradient-based deep learning, has more of the kind] */
#include <math.h>

#include "lecture.h"

enum { N = 129, SEEDS = 8, STEPS = 500, PLACES = 400 };

/* One target on N points, and what becomes of it. */
typedef struct {
    int k;                        /* 2^k edges */
    double target[N], constant;   /* and the loss of their mean */
    double y[N], best;            /* learned from seed 0; the smallest loss of all seeds */
    int found;                    /* how many seeds get below a 20th of the constant's loss */
    double f[PLACES], df[PLACES]; /* loss and gradient over weights */
    double towards;               /* share of those gradients that lead to the solution */
} task;

/* Adam on 6 layers of 16 units from random weights. */
static double learn(task *t, const double *x, uint64_t seed)
{
    static const int64_t sizes[] = { 1, 16, 16, 16, 16, 16, 16, 1 };
    rg_params *theta = rg_params_new(RG_F64, seed);
    rg_nn *net = rg_nn_mlp_with(theta, rg_relu, sizes, 8, (rg_nn_mlp_options){ .bias = rg_nn_init_fan_in_uniform() });
    rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.005 });
    rg_tape *tape = rg_tape_new();
    double loss = NAN;
    for (int step = 0; step <= STEPS && !rg_failed(tape); step++) {
        rg_tape_reset(tape);
        rg_tensor y = rg_keep(rg_nn_forward(net, matrix(tape, N, 1, x))), f = rg_mse(y, matrix(tape, N, 1, t->target));
        if (step < STEPS) rg_opt_minimise(opt, f);
        else rg_read(y, t->y, sizeof t->y);
        loss = rg_item(f);
    }
    stop_if_failed(tape);
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_nn_free(net);
    rg_params_free(theta);
    return loss;
}

/* Over the weight of the first unit, from 0.8 to 1.2; 1 is right. */
static void look_around(rg_tape *tape, task *t, const double *x, double *weight)
{
    int towards = 0;
    for (int i = 0; i < PLACES; i++) {
        double slopes[2];
        weight[i] = 0.8 + 0.4 * (i + 0.5) / PLACES;
        rg_tape_reset(tape);
        rg_tensor W1 = matrix(tape, 2, 1, (const double[]){ weight[i], 1 }), df;
        rg_tensor f = rg_mse(sawtooth(matrix(tape, 1, N, x), W1, t->k), matrix(tape, 1, N, t->target));
        rg_grad(f, &W1, 1, &df);
        rg_read(df, slopes, sizeof slopes);
        t->f[i] = rg_item(f);
        t->df[i] = slopes[0];
        stop_if_failed(tape);
        towards += slopes[0] * (weight[i] - 1) > 0;
    }
    t->towards = (double)towards / PLACES;
}

static void attempt(rg_tape *tape, task *t, const double *x, double *weight)
{
    rg_tape_reset(tape);
    rg_tensor y = sawtooth(matrix(tape, 1, N, x), matrix(tape, 2, 1, (const double[]){ 1, 1 }), t->k);
    rg_read(y, t->target, sizeof t->target);
    t->constant = rg_item(rg_var(y, 0));
    t->best = INFINITY;
    printf("%d edges: loss of a constant %.4f, learned from seeds %d to 0", 1 << t->k, t->constant, SEEDS - 1);
    for (uint64_t seed = SEEDS; seed-- > 0;) {
        const double loss = learn(t, x, seed);
        t->best = fmin(t->best, loss);
        t->found += loss < t->constant / 20;
        printf(" %.4f", loss);
    }
    look_around(tape, t, x, weight);
    printf("\n%d edges: gradients that lead to the solution %.0f %%\n", 1 << t->k, 100 * t->towards);
}

int main(int argc, char **argv)
{
    static task few = { .k = 2 }, many = { .k = 6 };
    double x[N], weight[PLACES];
    rg_tape *tape = rg_tape_new();
    spread(0, 1, N, x);
    attempt(tape, &few, x, weight);
    attempt(tape, &many, x, weight);
    rg_tape_free(tape);
    claim(few.found >= SEEDS - 2, "4 edges are found from %d of %d random starts", few.found, SEEDS);
    claim(many.best > 0.9 * many.constant, "64 from none: after %d steps hardly better than a constant", STEPS);
    claim(few.towards == 1, "the gradient of 4 edges leads to the solution from all %d weights", PLACES);
    claim(fabs(many.towards - 0.5) < 0.1, "that of 64 edges from about half of them");

    const rg_plot_series curves[4][2] = {
        { curve("weights by hand", 0, N, x, few.target), curve("gradient descent", 1, N, x, few.y) },
        { faint(curve("weights by hand", 0, N, x, many.target)), curve("gradient descent", 1, N, x, many.y) },
        { curve("4 edges", 2, PLACES, weight, few.f), curve("64 edges", 4, PLACES, weight, many.f) },
        { curve("4 edges", 2, PLACES, weight, few.df), curve("64 edges", 4, PLACES, weight, many.df) } };
    const rg_plot_chart charts[] = {
        chart("4 edges are found", "x", "y", 2, curves[0]), chart("64 are not", "x", "y", 2, curves[1]),
        chart("The loss over one weight", "W1[1] (1 is right)", "f", 2, curves[2]),
        chart("and its gradient", "W1[1] (1 is right)", "df / dW1[1]", 2, curves[3]) };
    draw(argc, argv, "sawtooth_descent.svg",
         &(rg_plot){ .title = "The sawtooth, by gradient descent", .count = 4, .charts = charts, .columns = 2 });
    return 0;
}
