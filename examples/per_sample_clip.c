/* Gradients by sample, each clipped to a norm, then added up, as private learning does [Abadi et al. 2016]: vmap of grad, in
 * one plan and without a loop. A network of two layers; checked against a loop over the samples. */
#include <math.h>
#include <retrograd.h>

enum { BATCH = 16, IN = 5, HIDDEN = 8, WEIGHTS = 2 };

static rg_tensor loss_of(const rg_tensor *w, rg_tensor x, rg_tensor target)
{
    rg_tensor hidden = rg_tanh(rg_matmul(w[0], x));
    return rg_square(rg_sub(rg_sum(rg_mul(w[1], hidden)), target));
}

/* Each row of g, [BATCH, ...], times min(1, bound / norm) of that row, summed over the rows. */
static void clip_and_add(const rg_tensor *g, double bound, rg_tensor *sum)
{
    rg_tensor squares = rg_add(rg_sum_axes(rg_square(g[0]), RG_AXES(1, 2), false), rg_sum_axes(rg_square(g[1]), RG_AXES(1), false));
    rg_tensor one = rg_full(squares.tape, RG_F64, RG_SCALAR, 1);
    rg_tensor factor = rg_minimum(one, rg_scale(rg_power(squares, -0.5), bound));
    sum[0] = rg_sum_axes(rg_mul(g[0], rg_reshape(factor, RG_SHAPE(BATCH, 1, 1))), RG_AXES(0), false);
    sum[1] = rg_sum_axes(rg_mul(g[1], rg_reshape(factor, RG_SHAPE(BATCH, 1))), RG_AXES(0), false);
}

int main(void)
{
    const double bound = 8;
    const int64_t sizes[WEIGHTS] = { HIDDEN * IN, HIDDEN };
    double numbers[4][BATCH * HIDDEN * IN], got[WEIGHTS][HIDDEN * IN], want[WEIGHTS][HIDDEN * IN] = { { 0 } };
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < BATCH * HIDDEN * IN; i++) numbers[k][i] = rg_random_normal(1, (uint64_t)k, (uint64_t)i);

    rg_tape  *tape = rg_tape_new();
    rg_tensor w[] = { rg_input(tape, RG_F64, RG_SHAPE(HIDDEN, IN), numbers[0]), rg_input(tape, RG_F64, RG_SHAPE(HIDDEN), numbers[1]) };
    rg_tensor batch[] = { rg_input(tape, RG_F64, RG_SHAPE(BATCH, IN), numbers[2]), rg_input(tape, RG_F64, RG_SHAPE(BATCH), numbers[3]) };

    /* One sample stands for all. */
    rg_tensor sample[] = { rg_batch_member(batch[0]), rg_batch_member(batch[1]) }, g[WEIGHTS], all[WEIGHTS], clipped[WEIGHTS];
    rg_grad(loss_of(w, sample[0], sample[1]), w, WEIGHTS, g);
    rg_vmap(g, WEIGHTS, sample, batch, 2, all);
    clip_and_add(all, bound, clipped);
    rg_eval(WEIGHTS, clipped);
    for (int k = 0; k < WEIGHTS; k++) rg_read(clipped[k], got[k], (size_t)sizes[k] * sizeof(double));

    int cut = 0;
    for (int i = 0; i < BATCH; i++) {
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(IN), numbers[2] + i * IN), target = rg_scalar(tape, RG_F64, numbers[3][i]);
        double one[WEIGHTS][HIDDEN * IN], squares = 0;
        rg_grad(loss_of(w, x, target), w, WEIGHTS, g);
        for (int k = 0; k < WEIGHTS; k++) {
            rg_read(g[k], one[k], (size_t)sizes[k] * sizeof(double));
            for (int j = 0; j < sizes[k]; j++) squares += one[k][j] * one[k][j];
        }
        const double factor = fmin(1, bound / sqrt(squares));
        cut += factor < 1;
        for (int k = 0; k < WEIGHTS; k++)
            for (int j = 0; j < sizes[k]; j++) want[k][j] += factor * one[k][j];
    }
    double apart = 0; /* a sum, as the largest one would hide NaN */
    for (int k = 0; k < WEIGHTS; k++)
        for (int j = 0; j < sizes[k]; j++) apart += fabs(got[k][j] - want[k][j]);
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    printf("%d of %d gradients were clipped to norm %g; in all they differ from a loop by %.1e\n", cut, BATCH, bound, apart);
    bool right = !rg_failed(tape) && apart < 1e-12 && cut > 0 && cut < BATCH;
    rg_tape_free(tape);
    return right ? 0 : 1;
}
