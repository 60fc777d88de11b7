/* Newton's method without a Hessian: each step solves H d = -g by conjugate gradients, which only need products H v. The
 * function is Rosenbrock's in ten variables; its minimum is at (1, ..., 1). */
#include <math.h>
#include <retrograd.h>

enum { N = 10 };

/* Σ 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2 */
static rg_tensor rosenbrock(rg_tensor x)
{
    rg_tensor first = rg_slice(x, 0, 0, N - 1), next = rg_slice(x, 0, 1, N);
    rg_tensor valley = rg_sub(next, rg_square(first));
    return rg_add(rg_scale(rg_sum(rg_square(valley)), 100), rg_sum(rg_square(rg_one_minus(first))));
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < N; i++) sum += a[i] * b[i];
    return sum;
}

/* Value and gradient, or (with v) the product of the Hessian with v. Each call's nodes are forgotten again. */
static double evaluate(rg_tape *tape, rg_mark start, const double *at, const double *v, double *out)
{
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(N), at), y = rosenbrock(x), result;
    if (v) {
        rg_tensor direction = rg_input(tape, RG_F64, RG_SHAPE(N), v);
        rg_hvp(y, &x, &direction, 1, &result);
    } else rg_grad(y, &x, 1, &result);
    double value = v ? 0 : rg_item(y);
    rg_read(result, out, N * sizeof *out);
    rg_tape_rewind(start);
    return value;
}

/* d with H d = -g, or as far as the curvature is positive. */
static void conjugate_gradients(rg_tape *tape, rg_mark start, const double *x, const double *g, double *d)
{
    double r[N], p[N], Hp[N], rr = dot(g, g);
    const double enough = 1e-20 * rr;
    for (int i = 0; i < N; i++) {
        d[i] = 0;
        p[i] = r[i] = -g[i];
    }
    for (int step = 0; step < 2 * N && rr > enough; step++) {
        evaluate(tape, start, x, p, Hp);
        const double curvature = dot(p, Hp);
        if (curvature <= 0) {
            for (int i = 0; i < N && step == 0; i++) d[i] = p[i];
            return;
        }
        const double length = rr / curvature, before = rr;
        for (int i = 0; i < N; i++) {
            d[i] += length * p[i];
            r[i] -= length * Hp[i];
        }
        rr = dot(r, r);
        for (int i = 0; i < N; i++) p[i] = r[i] + rr / before * p[i];
    }
}

int main(void)
{
    rg_tape *tape = rg_tape_new();
    rg_mark  start = rg_tape_mark(tape);
    double x[N], g[N], d[N], moved[N], other[N];
    int steps = 0;
    for (int i = 0; i < N; i++) x[i] = 0;

    double value = evaluate(tape, start, x, NULL, g);
    while (sqrt(dot(g, g)) > 1e-9 && steps < 100 && !rg_failed(tape)) {
        conjugate_gradients(tape, start, x, g, d);
        double length = 1, next = INFINITY;
        for (; next > value + 1e-4 * length * dot(g, d) && length > 1e-10; length /= 2) {
            for (int i = 0; i < N; i++) moved[i] = x[i] + length * d[i];
            next = evaluate(tape, start, moved, NULL, other);
        }
        for (int i = 0; i < N; i++) {
            x[i] = moved[i];
            g[i] = other[i];
        }
        value = next;
        printf("step %2d   value %.3e   gradient %.3e\n", ++steps, value, sqrt(dot(g, g)));
    }
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    bool right = !rg_failed(tape);
    for (int i = 0; i < N; i++) right = right && fabs(x[i] - 1) < 1e-8; /* not so of NaN */
    rg_tape_free(tape);
    return right ? 0 : 1;
}
