/* A minimum over x of a maximum over y, found by gradients that go through the inner loop: the saddle of
 * f(x, y) = (x1^2 + x2^2) - (y1^2 + y2^2), as in the benchmark of Siskind and Pearlmutter [2008]. The inner loop's steps are
 * nodes of the tape, so the outer derivative is exact for what the loop computes; the outer loop rewinds them. */
#include <math.h>
#include <retrograd.h>

enum { INNER = 40, OUTER = 60 };

static rg_tensor f(rg_tensor x, rg_tensor y)
{
    return rg_sub(rg_sum(rg_square(x)), rg_sum(rg_square(y)));
}

/* max over y of f(x, y), by gradient ascent from `start`; y is where it ends, and depends on x as far as it does. */
static rg_tensor maximum_over_y(rg_tensor x, rg_tensor start, rg_tensor *y)
{
    *y = start;
    for (int i = 0; i < INNER; i++) {
        rg_tensor slope;
        rg_grad(f(x, *y), y, 1, &slope);
        *y = rg_add(*y, rg_scale(slope, 0.2));
    }
    return f(x, *y);
}

int main(void)
{
    double x[] = { 1, 1 }, y[] = { 1, 1 };
    rg_tape  *tape = rg_tape_new();
    rg_tensor start = rg_input(tape, RG_F64, RG_SHAPE(2), y);
    rg_mark   mark = rg_tape_mark(tape);
    for (int i = 0; i < OUTER; i++) {
        rg_tensor at = rg_input(tape, RG_F64, RG_SHAPE(2), x), best, slope, next;
        rg_tensor value = maximum_over_y(at, start, &best);
        rg_grad(value, &at, 1, &slope);
        next = rg_sub(at, rg_scale(slope, 0.2));
        const rg_tensor wanted[] = { next, best, value };
        rg_eval(3, wanted);
        rg_read(next, x, sizeof x);
        rg_read(best, y, sizeof y);
        if (i % 10 == 0) printf("%2d  f = %+.3e at x = (%.2e, %.2e), y = (%.2e, %.2e)\n", i, rg_item(value), x[0], x[1], y[0], y[1]);
        rg_tape_rewind(mark);
    }
    bool right = !rg_failed(tape) && rg_tape_get_stats(tape).plans_built <= 2;
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    for (int i = 0; i < 2; i++) right = right && fabs(x[i]) < 1e-8 && fabs(y[i]) < 1e-8;

    /* A case whose inner minimum moves with x: g(x) = min over y of (y - x^2)^2 + y x. After enough inner steps, y is
     * x^2 - x/2, and dg/dx = 3 x^2 - x/2. */
    double at[] = { 0.8 };
    rg_tensor z = rg_input(tape, RG_F64, RG_SHAPE(1), at), inner = rg_full(tape, RG_F64, RG_SHAPE(1), 0), value = inner, slope;
    for (int i = 0; i < INNER; i++) {
        value = rg_sum(rg_add(rg_square(rg_sub(inner, rg_square(z))), rg_mul(inner, z)));
        rg_grad(value, &inner, 1, &slope);
        inner = rg_sub(inner, rg_scale(slope, 0.3));
    }
    value = rg_sum(rg_add(rg_square(rg_sub(inner, rg_square(z))), rg_mul(inner, z)));
    rg_grad(value, &z, 1, &slope);
    double through = rg_item(slope), want = 3 * at[0] * at[0] - at[0] / 2;
    printf("through the inner loop: %.12f, by hand %.12f\n", through, want);
    right = right && fabs(through - want) < 1e-12;
    rg_tape_free(tape);
    return right ? 0 : 1;
}
