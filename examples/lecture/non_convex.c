/* 7. Non-convex, but fine
 *
 * The loss of a network is not convex, so gradient descent might end anywhere: in a valley that is not the deepest, as it
 * does when the network is small. But the more weights there are, the less it does. With several times as many weights as
 * examples, even labels that were drawn by lot are learned by heart, from every beginning.
 *
 * The places where the runs end lie far apart, and on the straight line between two of them the loss is high again. There
 * are many valleys, and all of them are deep enough. (Many are mirror images: exchange two hidden neurons, and theta is
 * another, but the network is the same.)
 *
 * In the program theta has a row for each run. The gradient of the sum of their losses holds the gradient of each one's
 * own, so all runs descend at the same time and know nothing of each other. */
#include <math.h>
#include <string.h>

#include "lecture.h"

enum { EXAMPLES = 10, RUNS = 24, STEPS = 2000, WIDTHS = 6, WIDEST = 16, WEIGHTS = 4 * WIDEST + 1 };
enum { PAIRS = RUNS * (RUNS - 1) / 2, PLACES = 21 };
static const int width[WIDTHS] = { 1, 2, 3, 4, 8, WIDEST };

/* The losses of networks with a row of theta each, on examples with labels drawn by lot. */
static rg_tensor f(rg_tensor theta)
{
    double x[2][EXAMPLES], y[EXAMPLES];
    for (uint64_t i = 0; i < EXAMPLES; i++) {
        for (uint64_t k = 0; k < 2; k++) x[k][i] = rg_random_normal(1, k, i);
        y[i] = rg_random_uniform(1, 2, i) < 0.5 ? -1 : 1;
    }
    rg_tape *tape = theta.tape;
    return losses_of(theta, matrix(tape, 2, EXAMPLES, *x), rg_input(tape, RG_F64, RG_SHAPE(EXAMPLES), y));
}

/* All runs, from their own beginnings; notes their losses before each step, and leaves theta where they end. */
static void descend(rg_tape *tape, int hidden, double theta[], double loss[STEPS][RUNS])
{
    int count = 4 * hidden + 1;
    rg_params *params = rg_params_new(RG_F64, 1);
    rg_param   all    = rg_params_add(params, "theta", RG_SHAPE(RUNS, count));
    double    *number = rg_params_data(params);
    for (int i = 0; i < RUNS * count; i++) number[i] = 2 * rg_random_normal((uint64_t)hidden, 3, (uint64_t)i);
    rg_params_changed(params);
    rg_opt *opt = rg_opt_sgd(params, (rg_opt_sgd_options){ .lr = 0.1, .momentum = 0.9 });
    for (int step = 0; step < STEPS; step++) {
        rg_tensor losses = rg_keep(f(rg_parameter(tape, all)));
        rg_opt_minimise(opt, rg_sum(losses));
        rg_read(losses, loss[step], sizeof loss[step]);
        end_step(tape);
    }
    memcpy(theta, number, (size_t)(RUNS * count) * sizeof *theta);
    rg_opt_free(opt);
    rg_params_free(params);
}

/* The losses on the straight lines between the ends of all pairs of runs; how far these are apart on average. */
static double join(rg_tape *tape, double theta[RUNS][WEIGHTS], double loss[PAIRS][PLACES])
{
    static double between[PAIRS][PLACES][WEIGHTS];
    double distances = 0;
    for (int a = 0, pair = 0; a < RUNS; a++) {
        for (int b = a + 1; b < RUNS; b++, pair++) {
            double squared = 0;
            for (int i = 0; i < WEIGHTS; i++) {
                double way = theta[b][i] - theta[a][i];
                squared += way * way;
                for (int k = 0; k < PLACES; k++) between[pair][k][i] = theta[a][i] + way * k / (PLACES - 1);
            }
            distances += sqrt(squared);
        }
    }
    rg_read(f(matrix(tape, PAIRS * PLACES, WEIGHTS, **between)), loss, PAIRS * PLACES * sizeof **loss);
    stop_if_failed(tape);
    return distances / PAIRS;
}

enum { SHOWN = STEPS / 10 }; /* every tenth step */

static void draw_all(int argc, char **argv, double loss[WIDTHS][STEPS][RUNS], double hill[PAIRS][PLACES])
{
    static double steps[SHOWN], fall[2 * RUNS][SHOWN], at[WIDTHS][RUNS], way[PLACES];
    rg_plot_series curves[2 * RUNS], ends[WIDTHS + 1], lines[RUNS - 1];
    spread(0, 10 * (SHOWN - 1), SHOWN, steps);
    spread(0, 1, PLACES, way);
    for (int i = 0; i < 2 * RUNS; i++) { /* of two hidden neurons and of the most in turns */
        for (int k = 0; k < SHOWN; k++) fall[i][k] = loss[i % 2 ? WIDTHS - 1 : 1][10 * k][i / 2];
        curves[i] = faint(curve(NULL, i % 2, SHOWN, steps, fall[i]));
    }
    curves[0].name = "2 hidden neurons", curves[1].name = "16 hidden neurons";
    for (int w = 0; w < WIDTHS; w++) {
        for (int run = 0; run < RUNS; run++) at[w][run] = w + 0.6 * run / (RUNS - 1) - 0.3; /* side by side */
        ends[w] = points(NULL, w == WIDTHS - 1, RUNS, at[w], loss[w][STEPS - 1]);
    }
    ends[WIDTHS] = dashed(curve("more weights than examples from here on", 2, 2, (const double[]){ 1.5, 1.5 },
                                (const double[]){ 1e-32, 1 }));
    for (int k = 0; k < RUNS - 1; k++) lines[k] = faint(curve(NULL, 1, PLACES, way, hill[k])); /* from run 0 to each */
    const char *const names[WIDTHS] = { "1", "2", "3", "4", "8", "16" };
    rg_plot_chart charts[] = { chart("24 runs of two networks", "step", "loss", 2 * RUNS, curves),
                               chart("Where the runs end", "hidden neurons", "loss", WIDTHS + 1, ends),
                               chart("Straight from one end to the 23 others", "share of the way", "loss", RUNS - 1, lines) };
    charts[0].y = (rg_plot_axis){ .label = "loss", .logarithmic = true, .low = 1e-8, .high = 10 };
    charts[1].y = (rg_plot_axis){ .label = "loss", .logarithmic = true, .low = 1e-32, .high = 1 };
    charts[1].x.names = names, charts[1].x.name_count = WIDTHS;
    draw(argc, argv, "non_convex.svg",
         &(rg_plot){ .title = "Many valleys, all deep enough", .count = 3, .charts = charts });
}

int main(int argc, char **argv)
{
    static double loss[WIDTHS][STEPS][RUNS], theta[RUNS][WEIGHTS], hill[PAIRS][PLACES];
    rg_tape *tape = rg_tape_new();
    int low[WIDTHS] = { 0 }; /* runs that learned all labels by heart */
    for (int w = 0; w < WIDTHS; w++) {
        descend(tape, width[w], *theta, loss[w]);
        for (int run = 0; run < RUNS; run++) low[w] += loss[w][STEPS - 1][run] < 1e-3;
        printf("width %2d, %2d weights: %2d of %d runs end below 0.001\n", width[w], 4 * width[w] + 1, low[w], RUNS);
    }
    claim(low[0] == 0 && low[1] == 0, "with fewer weights than the %d examples, none does", EXAMPLES);
    claim(low[2] >= RUNS / 3 && low[3] >= RUNS * 2 / 3, "with a few more, many do");
    claim(low[4] >= RUNS - 1 && low[5] == RUNS, "with many more, nearly all do, and then all");

    double length = 0, lowest = INFINITY, top = 0, distance = join(tape, theta, hill);
    for (int i = 0; i < WEIGHTS; i++) length += theta[0][i] * theta[0][i];
    for (int pair = 0; pair < PAIRS; pair++, lowest = fmin(lowest, top), top = 0)
        for (int k = 0; k < PLACES; k++) top = fmax(top, hill[pair][k]);
    printf("width %d: theta is %.1f long, and two of them are %.1f apart on average\n", WIDEST, sqrt(length), distance);
    claim(lowest > 0.01, "on the straight line between any two the loss rises to %.2f or more", lowest);
    rg_tape_free(tape);
    draw_all(argc, argv, loss, hill);
    return 0;
}
