/* The gradient through a thousand steps of Runge and Kutta's method, for a vector field that is a network of its own
 * [Chen et al. 2018]. In checkpoints of some thirty steps, the backward pass computes each piece once more and keeps the
 * inside of one: a small part of the memory, and the same bits. */
#include <math.h>
#include <retrograd.h>
#include <string.h>

enum { STEPS = 1000, PIECE = 32, STATE = 64, WEIGHTS = STATE * STATE };

static rg_tensor field(rg_tensor w, rg_tensor y)
{
    return rg_tanh(rg_matmul(w, y));
}

static rg_tensor step(rg_tensor w, rg_tensor y, double h)
{
    rg_tensor a = field(w, y);
    rg_tensor b = field(w, rg_add(y, rg_scale(a, h / 2)));
    rg_tensor c = field(w, rg_add(y, rg_scale(b, h / 2)));
    rg_tensor d = field(w, rg_add(y, rg_scale(c, h)));
    return rg_add(y, rg_scale(rg_add(rg_add(a, d), rg_scale(rg_add(b, c), 2)), h / 6));
}

static rg_tensor solve(rg_tensor w, rg_tensor y, bool checkpoints)
{
    for (int i = 0; i < STEPS; i++) {
        if (checkpoints && i % PIECE == 0) rg_checkpoint_begin(y.tape);
        y = step(w, y, 1.0 / STEPS);
        if (checkpoints && (i % PIECE == PIECE - 1 || i == STEPS - 1)) rg_checkpoint_end(y.tape);
    }
    return rg_sum(rg_square(y));
}

/* The loss, its gradient, and the memory of the plan. What is recorded for the second time is planned. */
static double run(const double *weights, const double *start, bool checkpoints, double *slope, uint64_t *bytes)
{
    rg_tape *tape = rg_tape_new();
    double   value = NAN;
    for (int pass = 0; pass < 2; pass++) {
        rg_tape_reset(tape);
        rg_tensor w = rg_input(tape, RG_F64, RG_SHAPE(STATE, STATE), weights), y = rg_input(tape, RG_F64, RG_SHAPE(STATE), start), g;
        rg_tensor loss = solve(w, y, checkpoints);
        rg_grad(loss, &w, 1, &g);
        const rg_tensor wanted[] = { loss, g };
        rg_eval(2, wanted);
        rg_read(g, slope, WEIGHTS * sizeof *slope);
        value = rg_item(loss);
    }
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    *bytes = rg_tape_get_stats(tape).workspace_bytes;
    rg_tape_free(tape);
    return value;
}

int main(void)
{
    static double weights[WEIGHTS], start[STATE], kept[WEIGHTS], again[WEIGHTS], moved[WEIGHTS];
    uint64_t bytes[3];
    for (int i = 0; i < WEIGHTS; i++) weights[i] = rg_random_normal(1, 1, (uint64_t)i) / 8;
    for (int i = 0; i < STATE; i++) start[i] = rg_random_normal(1, 2, (uint64_t)i);

    double value = run(weights, start, false, kept, &bytes[0]), same = run(weights, start, true, again, &bytes[1]);
    printf("loss %.6f; %.1f MB, in checkpoints %.1f MB\n", value, (double)bytes[0] / 1e6, (double)bytes[1] / 1e6);

    /* The slope along one weight, by differences. */
    const double h = 1e-5;
    weights[7] += h;
    double up = run(weights, start, true, moved, &bytes[2]);
    weights[7] -= 2 * h;
    double down = run(weights, start, true, moved, &bytes[2]);
    double difference = (up - down) / (2 * h);
    printf("one slope %.8f, by differences %.8f\n", kept[7], difference);
    bool right = value == same && memcmp(kept, again, sizeof kept) == 0 && fabs(kept[7] - difference) < 1e-6 * fmax(1, fabs(difference));
    return right && bytes[1] < bytes[0] / 3 ? 0 : 1;
}
