/* 4. Squared loss and its gradient
 *
 * How wrong a network is for one example x with the target t is f(theta) = (y - t)^2, where
 *
 *     h1 = sigma(W1 x - b1),   y = sigma(W2 h1 - b2),   sigma(z) = 1 / (1 + e^-z).
 *
 * The chain rule gives its gradient by hand. With sigma' = sigma (1 - sigma), and "." for products by element,
 *
 *     d2 = 2 (y - t) y (1 - y)           df/dW2 = d2 h1'    df/db2 = -d2
 *     d1 = (W2' d2) . h1 . (1 - h1)      df/dW1 = d1 x'     df/db1 = -d1.
 *
 * The table has these numbers beside those of the library, and beside (f(theta + e) - f(theta - e)) / 2e, which knows no
 * calculus. Then rg_gradcheck asks all of its oracles.
 *
 * Which way does b2 push? A slide says that increasing b2 increases f. But b2 is subtracted: dy/db2 = -y (1 - y) < 0, so a
 * larger b2 always makes y smaller. For the loss, df/db2 = -2 (y - t) y (1 - y): f grows with b2 where y is below its
 * target, and falls where y is above. So the slide is right for y < t alone. (With + b2 it would be so for y > t.) In the
 * picture the two losses over b2 lean opposite ways; the tangents are the library's gradient. */
#include <math.h>

#include "lecture.h"

enum { IN = 2, HIDDEN = 2, W1 = 0, B1 = 4, W2 = 6, B2 = 8, COUNT = 9, POINTS = 81 };
static const char *names[] = { "W1[1,1]", "W1[1,2]", "W1[2,1]", "W1[2,2]", "b1[1]", "b1[2]", "W2[1]", "W2[2]", "b2" };
static const double start[COUNT] = { 1.5, -1, 0.5, 2, 0.25, -0.5, 2, -1.5, 0.5 }, example[IN] = { 1, 0.5 };

static rg_tensor network(rg_tensor theta)
{
    rg_tensor x = rg_constant(theta.tape, RG_F64, RG_SHAPE(IN), example), p[4]; /* W1, b1, W2, b2 */
    rg_split(theta, 0, 4, (const int64_t[]){ HIDDEN * IN, HIDDEN, HIDDEN, 1 }, p);
    rg_tensor h1 = rg_sigmoid(rg_sub(rg_matmul(rg_reshape(p[0], RG_SHAPE(HIDDEN, IN)), x), p[1]));
    return rg_sigmoid(rg_sub(rg_matmul(p[2], h1), rg_reshape(p[3], RG_SCALAR)));
}

/* f, as rg_gradcheck wants a function; the context is the target. */
static rg_tensor loss(rg_tape *tape, const rg_tensor *theta, int n, void *target)
{
    (void)n;
    return rg_square(rg_sub(network(theta[0]), rg_scalar(tape, RG_F64, *(const double *)target)));
}

/* f at `start` with number k moved to `to`, and d, the gradients of f and of y. */
static double evaluate(rg_tape *tape, int k, double to, double target, double d[2][COUNT])
{
    double at[COUNT];
    for (int i = 0; i < COUNT; i++) at[i] = i == k ? to : start[i];
    rg_tensor theta = rg_input(tape, RG_F64, RG_SHAPE(COUNT), at), f = loss(tape, &theta, 1, &target), df, dy;
    rg_grad(f, &theta, 1, &df), rg_grad(network(theta), &theta, 1, &dy);
    rg_read(df, d[0], sizeof d[0]), rg_read(dy, d[1], sizeof d[1]);
    const double value = rg_item(f);
    end_step(tape);
    return value;
}

static double sigma(double z) { return 1 / (1 + exp(-z)); }

/* y, and the formulas above. */
static double by_hand(double target, double *df)
{
    double h1[HIDDEN], z = -start[B2];
    for (int i = 0; i < HIDDEN; i++) {
        h1[i] = sigma(start[W1 + 2 * i] * example[0] + start[W1 + 2 * i + 1] * example[1] - start[B1 + i]);
        z += start[W2 + i] * h1[i];
    }
    const double y = sigma(z), d2 = 2 * (y - target) * y * (1 - y);
    df[B2] = -d2;
    for (int i = 0; i < HIDDEN; i++) {
        const double d1 = start[W2 + i] * d2 * h1[i] * (1 - h1[i]);
        df[W2 + i] = d2 * h1[i];
        df[B1 + i] = -d1;
        for (int j = 0; j < IN; j++) df[W1 + 2 * i + j] = d1 * example[j];
    }
    return y;
}

static void compare(rg_tape *tape, double target)
{
    double hand[COUNT], library[2][COUNT], unused[2][COUNT], apart = 0, apart_differences = 0;
    const double e = 1e-5, y = by_hand(target, hand), f = evaluate(tape, B2, start[B2], target, library);
    printf("\ny = %.6f, target %g, f = %.6f\n", y, target, f);
    printf("   df/d           by hand    by the library    by differences\n");
    for (int k = 0; k < COUNT; k++) {
        const double above = evaluate(tape, k, start[k] + e, target, unused);
        const double difference = (above - evaluate(tape, k, start[k] - e, target, unused)) / (2 * e);
        printf("%7s  %16.13f  %16.13f  %16.13f\n", names[k], hand[k], library[0][k], difference);
        apart = fmax(apart, fabs(library[0][k] - hand[k]));
        apart_differences = fmax(apart_differences, fabs(difference - hand[k]));
    }
    claim(apart < 1e-15, "the library's gradient is that by hand, within 1e-15");
    claim(apart_differences < 1e-9, "differences agree within 1e-9");
    const rg_gradcheck_input in = { .shape = RG_SHAPE(COUNT), .values = start };
    rg_gradcheck_result result;
    const bool passed = rg_gradcheck(loss, &target, 1, &in, NULL, &result);
    claim(passed, "rg_gradcheck: %s, %d comparisons", rg_verdict_name(result.verdict), result.checked);
    const double df = library[0][B2], dy = library[1][B2];
    claim(dy < 0 && fabs(dy + y * (1 - y)) < 1e-15, "dy/db2 = -y (1 - y) = %.6f: y falls as b2 grows", dy);
    claim((df > 0) == (y < target), "df/db2 = %+.6f: y is %s its target, so f %s as b2 grows", df,
          y < target ? "below" : "above", y < target ? "grows" : "falls");
}

/* f over number k of theta, for targets 0 and 1, with three tangents each; NaN parts those. */
typedef struct {
    double x[POINTS], f[2][POINTS], tangent_x[18], tangent_y[18];
    rg_plot_series series[3];
} curves;

static rg_plot_chart chart_of(rg_tape *tape, int k, double low, double high, const char *title, curves *c)
{
    int end = 0;
    spread(low, high, POINTS, c->x);
    for (int i = 0; i < 2 * POINTS; i++) {
        const int t = i % 2, at = i / 2;
        double d[2][COUNT], reach = (high - low) / 12;
        c->f[t][at] = evaluate(tape, k, c->x[at], t, d);
        if (at % (POINTS / 4) || at == 0 || at == POINTS - 1) continue;
        for (int way = -1; way <= 3; way += 2, end++) {
            c->tangent_x[end] = way == 3 ? NAN : c->x[at] + reach * way;
            c->tangent_y[end] = c->f[t][at] + reach * way * d[0][k];
        }
    }
    for (int t = 0; t < 2; t++) c->series[t] = curve(t ? "target 1" : "target 0", t, POINTS, c->x, c->f[t]);
    c->series[2] = dashed(curve("tangents", 2, 18, c->tangent_x, c->tangent_y));
    rg_plot_chart drawn = chart(title, names[k], "f = (y - t)^2", 3, c->series);
    drawn.y.high = 1;
    return drawn;
}

int main(int argc, char **argv)
{
    static curves weight, bias;
    rg_tape *tape = rg_tape_new();
    compare(tape, 1);
    compare(tape, 0);
    const rg_plot_chart charts[] = { chart_of(tape, W2, -6, 8, "over a weight: y grows with it", &weight),
                                     chart_of(tape, B2, -6, 6, "over b2: y falls as it grows", &bias) };
    draw(argc, argv, "squared_loss.svg",
         &(rg_plot){ .title = "Squared loss, and tangents from its gradient", .count = 2, .charts = charts });
    rg_tape_free(tape);
    return 0;
}
