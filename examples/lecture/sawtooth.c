/* 8. The sawtooth: what can be represented
 *
 * Two units make a tent, 2 relu(x) - 4 relu(x - 1/2), which goes up from 0 to 1 and down again. Each further layer of
 * two units makes two edges of one: after k layers y has 2^k straight edges over [0, 1], of slope +2^k and -2^k in
 * turns, exactly. A single layer would need at least 2^k - 1 units. [Telgarsky 2015, Representation benefits of deep
 * feedforward networks]
 *
 *     h1 = relu(W1 x - b),   h2 = relu(W h1 - b),   ...,   y = (2, -4) hk
 *     W1 = (1, 1)',   W = (2, -4; 2, -4),   b = (0, 1/2)'
 *
 * Differences fail here: a step over many edges sees none of them. rg_gradcheck finds out why: "kink" where two edges
 * meet, "noise" where many lie within its smallest step. The library's gradient is 2^30 there, to the bit. */
#include <math.h>

#include "lecture.h"

enum { MOST = 12, POINTS = (2 << MOST) + 1, STEPS = 121 };

/* As rg_gradcheck wants a function; the context is k. */
static rg_tensor by_hand(rg_tape *tape, const rg_tensor *x, int n, void *k)
{
    (void)n;
    return sawtooth(x[0], matrix(tape, 2, 1, (const double[]){ 1, 1 }), *(const int *)k);
}

/* y and dy/dx at n places. */
static void evaluate(rg_tape *tape, int k, int n, const double *at, double *y, double *slope)
{
    rg_tape_reset(tape);
    rg_tensor x = matrix(tape, 1, n, at), value = by_hand(tape, &x, 1, &k), d;
    rg_grad(rg_sum(value), &x, 1, &d);
    rg_read(value, y, (size_t)n * sizeof *y);
    rg_read(d, slope, (size_t)n * sizeof *slope);
    stop_if_failed(tape);
}

/* All corners and all edges, for every k. */
static void represent(rg_tape *tape)
{
    static double at[POINTS], y[POINTS], slope[POINTS];
    bool corners = true, edges = true;
    for (int k = 1; k <= MOST; k++) {
        spread(0, 1, (2 << k) + 1, at);
        evaluate(tape, k, (2 << k) + 1, at, y, slope);
        for (int i = 0; i <= 2 << k; i += 2) corners = corners && y[i] == i / 2 % 2;
        for (int i = 1; i <= 2 << k; i += 2)
            edges = edges && y[i] == 0.5 && slope[i] == (i / 2 % 2 ? -1 : 1) * (1 << k);
    }
    claim(corners, "k = 1, ..., %d layers: y(i / 2^k) is 0 for every even i and 1 for every odd i, to the bit", MOST);
    claim(edges, "between them y is 1/2 and dy/dx is +2^k and -2^k in turns, to the bit");
}

/* (y(x + h) - y(x - h)) / 2h at x = 0.3 with 2^12 edges, for h from 0.1 down to 1e-7. */
static void differ(rg_tape *tape, double *step, double *size)
{
    for (int i = 0; i < STEPS; i++) {
        double y[2], slope[2];
        step[i] = pow(10, -1 - 6.0 * i / (STEPS - 1));
        evaluate(tape, MOST, 2, (const double[]){ 0.3 - step[i], 0.3 + step[i] }, y, slope);
        size[i] = fabs(y[1] - y[0]) / (2 * step[i]);
        if (i % 20 == 0) printf("2^%d edges, x = 0.3, h = %.0e: slope by differences +-%.5g\n", MOST, step[i], size[i]);
    }
    claim(size[0] < 10 && fabs(size[STEPS - 1] / (1 << MOST) - 1) < 1e-6,
          "a step over many edges sees next to nothing, one within an edge the slope of 2^%d", MOST);
}

static rg_verdict verdict(int k, double x)
{
    const rg_gradcheck_input in = { .shape = RG_SHAPE(1, 1), .values = &x };
    rg_gradcheck_result result;
    rg_gradcheck(by_hand, &k, 1, &in, &(rg_gradcheck_options){ .first_order_only = true }, &result);
    printf("rg_gradcheck, 2^%d edges, x = %g: %s\n", k, x, rg_verdict_name(result.verdict));
    return result.verdict;
}

int main(int argc, char **argv)
{
    enum { SHOWN = 4 };
    static const int layers[SHOWN] = { 1, 2, 3, 6 };
    static const char *const names[SHOWN] = { "k = 1", "k = 2", "k = 3", NULL };
    double x[SHOWN][65], y[SHOWN][65], slope[65], step[STEPS], size[STEPS];
    rg_plot_series curves[SHOWN];
    rg_tape *tape = rg_tape_new();
    represent(tape);
    differ(tape, step, size);
    claim(verdict(8, 0.3) == RG_CHECK_OK, "rg_gradcheck agrees where its smaller steps are within an edge");
    claim(verdict(8, 0.5) == RG_CHECK_KINK, "it says so where two edges meet");
    claim(verdict(30, 0.3) == RG_CHECK_NOISE, "and where no step is within an edge: differences do not converge");
    evaluate(tape, 30, 1, (const double[]){ 0.3 }, y[0], slope);
    claim(fabs(slope[0]) == 0x1p30, "the library's slope there is +-2^30, to the bit");

    for (int s = 0; s < SHOWN; s++) {
        const int edges = 1 << layers[s];
        spread(0, 1, edges + 1, x[s]);
        evaluate(tape, layers[s], edges + 1, x[s], y[s], slope);
        curves[s] = curve(names[s], s, (size_t)edges + 1, x[s], y[s]);
    }
    const rg_plot_series differences[] = {
        points("by differences", 0, STEPS, step, size),
        curve("by the library", 1, 2, (const double[]){ 1e-7, 0.1 }, (const double[]){ 1 << MOST, 1 << MOST }) };
    rg_plot_chart charts[] = { chart("k layers of 2 units: 2^k edges", "x", "y", 3, curves),
                               chart("k = 6", "x", "y", 1, curves + 3),
                               chart("2^12 edges: the slope at 0.3", "step h", "|dy/dx|", 2, differences) };
    charts[2].x.logarithmic = charts[2].y.logarithmic = true;
    draw(argc, argv, "sawtooth.svg", &(rg_plot){ .title = "The sawtooth", .count = 3, .charts = charts });
    rg_tape_free(tape);
    return 0;
}
