/* 7. Non-convex, but fine
 *
 * The loss of a network is not convex, so gradient descent might end anywhere: in a valley that is not the deepest, as
 * it does when the network is small. But the more weights there are, the less it does. With several times as many
 * weights as examples, even labels that were drawn by lot are learned by heart, from every beginning.
 *
 * The places where the runs end are not one place: they lie far apart, and on the straight line between two of them the
 * loss is high again. There are many valleys, and all of them are deep enough. (Many are mirror images: exchange two
 * hidden neurons, and theta is another, but the network is the same.)
 *
 * In the program theta has a row for each run. The gradient of the sum of their losses holds the gradient of each
 * one's own, so all runs descend at the same time and know nothing of each other. */
#include <math.h>
#include <string.h>

#include "lecture.h"

enum { EXAMPLES = 10, RUNS = 24, STEPS = 2000, WIDTHS = 6, WIDEST = 16, WEIGHTS = 4 * WIDEST + 1 };
enum { PAIRS = RUNS * (RUNS - 1) / 2, PLACES = 21 };
static const int width[WIDTHS] = { 1, 2, 3, 4, 8, WIDEST };

/* theta [runs, 4 hidden + 1] -> losses [runs], of y = W2 sigma(W1 x - b1) - b2. */
static rg_tensor losses_of(rg_tensor theta, int64_t hidden)
{
    double points[2][EXAMPLES], labels[EXAMPLES];
    for (uint64_t i = 0; i < EXAMPLES; i++) {
        for (uint64_t k = 0; k < 2; k++) points[k][i] = rg_random_normal(1, k, i);
        labels[i] = rg_random_uniform(1, 2, i) < 0.5 ? -1 : 1;
    }
    int64_t runs = rg_shape_of(theta).size[0];
    rg_tensor x = rg_input(theta.tape, RG_F64, RG_SHAPE(2, EXAMPLES), points), part[4];
    rg_tensor y = rg_input(theta.tape, RG_F64, RG_SHAPE(EXAMPLES), labels);
    rg_split(theta, 1, 4, (const int64_t[]){ 2 * hidden, hidden, hidden, 1 }, part);
    rg_tensor w1 = rg_reshape(part[0], RG_SHAPE(runs, hidden, 2)), b1 = rg_reshape(part[1], RG_SHAPE(runs, hidden, 1));
    rg_tensor w2 = rg_reshape(part[2], RG_SHAPE(runs, 1, hidden)), b2 = part[3];
    rg_tensor h = rg_sigmoid(rg_sub(rg_matmul(w1, x), b1));
    rg_tensor answer = rg_sub(rg_squeeze(rg_matmul(w2, h), 1), b2);
    return rg_mean_axes(rg_square(rg_sub(answer, y)), RG_AXES(1), false);
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
        rg_tensor losses = rg_keep(losses_of(rg_parameter(tape, all), hidden));
        rg_opt_minimise(opt, rg_sum(losses));
        rg_read(losses, loss[step], sizeof loss[step]);
        stop_if_failed(tape);
        rg_tape_reset(tape);
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
    rg_tensor all = rg_input(tape, RG_F64, RG_SHAPE(PAIRS * PLACES, WEIGHTS), between);
    rg_read(losses_of(all, WIDEST), loss, PAIRS * PLACES * sizeof **loss);
    stop_if_failed(tape);
    return distances / PAIRS;
}

enum { SHOWN = STEPS / 10, LINES = RUNS - 1 }; /* every tenth step, and the lines from run 0 to each */

static void draw_all(int argc, char **argv, double loss[WIDTHS][STEPS][RUNS], double hill[PAIRS][PLACES])
{
    static double steps[SHOWN], falling[2][RUNS][SHOWN], at[WIDTHS][RUNS], end[WIDTHS][RUNS], way[PLACES];
    rg_plot_series curves[2 * RUNS], ends[WIDTHS + 1], lines[LINES];
    for (int i = 0; i < SHOWN; i++) steps[i] = 10 * i;
    for (int k = 0; k < PLACES; k++) way[k] = (double)k / (PLACES - 1);
    for (int run = 0; run < RUNS; run++) {
        for (int wide = 0; wide < 2; wide++) {
            double *fall = falling[wide][run];
            for (int i = 0; i < SHOWN; i++) fall[i] = loss[wide ? WIDTHS - 1 : 1][10 * i][run];
            curves[2 * run + wide] =
                (rg_plot_series){ .colour = wide, .faint = true, .count = SHOWN, .x = steps, .y = fall };
        }
        for (int w = 0; w < WIDTHS; w++) { /* side by side, so that each is seen */
            at[w][run] = w + 0.6 * run / (RUNS - 1) - 0.3;
            end[w][run] = loss[w][STEPS - 1][run];
        }
    }
    curves[0].name = "2 hidden neurons", curves[1].name = "16 hidden neurons";
    for (int w = 0; w < WIDTHS; w++)
        ends[w] = (rg_plot_series){ .colour = w == WIDTHS - 1, .kind = RG_PLOT_POINTS, .count = RUNS, .x = at[w],
                                    .y = end[w] };
    const double enough_x[] = { 1.5, 1.5 }, enough_y[] = { 1e-32, 1 };
    ends[WIDTHS] = (rg_plot_series){ .name = "more weights than examples from here on", .colour = 2, .dashed = true,
                                     .count = 2, .x = enough_x, .y = enough_y };
    for (int k = 0; k < LINES; k++)
        lines[k] = (rg_plot_series){ .colour = 1, .faint = true, .count = PLACES, .x = way, .y = hill[k] };
    const char *const names[WIDTHS] = { "1", "2", "3", "4", "8", "16" };
    const rg_plot_axis falls = { .label = "loss", .logarithmic = true, .low = 1e-8, .high = 10 };
    const rg_plot_axis last = { .label = "loss", .logarithmic = true, .low = 1e-32, .high = 1 };
    const rg_plot_axis widths = { .label = "hidden neurons", .names = names, .name_count = WIDTHS };
    const rg_plot_chart charts[] = {
        { .title = "24 runs of two networks", .x = { .label = "step" }, .y = falls, .count = 2 * RUNS,
          .series = curves },
        { .title = "Where the runs end", .x = widths, .y = last, .count = WIDTHS + 1, .series = ends },
        { .title = "Straight from one end to the 23 others", .x = { .label = "share of the way" },
          .y = { .label = "loss" }, .count = LINES, .series = lines },
    };
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

    double length = 0, lowest = INFINITY, distance = join(tape, theta, hill);
    for (int i = 0; i < WEIGHTS; i++) length += theta[0][i] * theta[0][i];
    for (int pair = 0; pair < PAIRS; pair++) {
        double top = 0;
        for (int k = 0; k < PLACES; k++) top = fmax(top, hill[pair][k]);
        lowest = fmin(lowest, top);
    }
    printf("width %d: theta is %.1f long, and two of them are %.1f apart on average\n", WIDEST, sqrt(length), distance);
    claim(lowest > 0.01, "on the straight line between any two the loss rises to %.2f or more", lowest);
    rg_tape_free(tape);
    draw_all(argc, argv, loss, hill);
    return 0;
}
