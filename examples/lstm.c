/* An LSTM by hand [Hochreiter and Schmidhuber 1997; with the forget gate of Gers, Schmidhuber and Cummins 2000], on the
 * adding problem of the first of these papers: each step has a number and a mark, two steps of each sequence are
 * marked, and the sum of their numbers is asked for at the end. Who always says 1 has a mean squared error of 1/6. */
#include <math.h>
#include <retrograd.h>

enum { LENGTH = 10, BATCH = 32, IN = 2, HIDDEN = 16, STEPS = 600, UNSEEN = 10 };

/* Of all four gates, side by side: [in, 4 h], [h, 4 h], [4 h]; and of what is said at the end: [h, 1], [1]. */
enum { INPUT, STATE, BIAS, OUT, SHIFT, WEIGHTS };

/* One step: x [batch, in]; hidden and cell, [batch, h], become the next ones. */
static void cell_forward(const rg_tensor *w, rg_tensor x, rg_tensor *hidden, rg_tensor *cell)
{
    rg_tensor gates = rg_add(rg_add(rg_matmul(x, w[INPUT]), rg_matmul(*hidden, w[STATE])), w[BIAS]), part[4];
    rg_split(gates, 1, 4, NULL, part);
    rg_tensor in = rg_sigmoid(part[0]), keep = rg_sigmoid(part[1]), out = rg_sigmoid(part[2]);
    *cell = rg_add(rg_mul(keep, *cell), rg_mul(in, rg_tanh(part[3])));
    *hidden = rg_mul(out, rg_tanh(*cell));
}

/* Mean squared error of what is said behind the last step: x [batch, length, in], target [batch, 1]. */
static rg_tensor loss_of(const rg_tensor *w, rg_tensor x, rg_tensor target)
{
    rg_shape  shape = rg_shape_of(x), state = rg_shape_of(w[STATE]);
    rg_tensor hidden = rg_full(x.tape, RG_F64, RG_SHAPE(shape.size[0], state.size[0]), 0), cell = hidden;
    for (int64_t t = 0; t < shape.size[1]; t++)
        cell_forward(w, rg_squeeze(rg_slice(x, 1, t, t + 1), 1), &hidden, &cell);
    return rg_mse(rg_add(rg_matmul(hidden, w[OUT]), w[SHIFT]), target);
}

static rg_tensor checked(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return loss_of(in, in[WEIGHTS], in[WEIGHTS + 1]);
}

/* The same cell, three wide, over four steps, with two sequences. */
static bool gradient_is_right(void)
{
    double numbers[WEIGHTS + 2][64];
    for (int k = 0; k < WEIGHTS + 2; k++)
        for (int i = 0; i < 64; i++) numbers[k][i] = rg_random_normal(2, (uint64_t)k, (uint64_t)i);
    const rg_gradcheck_input in[] = {
        { .shape = RG_SHAPE(IN, 12), .values = numbers[0], .name = "input" },
        { .shape = RG_SHAPE(3, 12), .values = numbers[1], .name = "state" },
        { .shape = RG_SHAPE(12), .values = numbers[2], .name = "bias" },
        { .shape = RG_SHAPE(3, 1), .values = numbers[3], .name = "out" },
        { .shape = RG_SHAPE(1), .values = numbers[4], .name = "shift" },
        { .shape = RG_SHAPE(2, 4, IN), .values = numbers[5], .name = "x" },
        { .shape = RG_SHAPE(2, 1), .values = numbers[6], .name = "target" },
    };
    const rg_gradcheck_options options = { .name = "lstm", .report = stdout };
    return rg_gradcheck(checked, NULL, WEIGHTS + 2, in, &options, NULL);
}

/* New sequences for each `number`: one mark in the first half, one in the second. */
static void draw(uint64_t number, double x[BATCH][LENGTH][IN], double *target)
{
    for (int b = 0; b < BATCH; b++) {
        const uint64_t half = LENGTH / 2, at = (uint64_t)b;
        const uint64_t marked[] = { rg_random_bits(3, number, at) % half, half + rg_random_bits(4, number, at) % half };
        for (uint64_t t = 0; t < LENGTH; t++) {
            x[b][t][0] = rg_random_uniform(5, number, at * LENGTH + t);
            x[b][t][1] = t == marked[0] || t == marked[1];
        }
        target[b] = x[b][marked[0]][0] + x[b][marked[1]][0];
    }
}

int main(void)
{
    double x[BATCH][LENGTH][IN], target[BATCH], unseen = 0;
    bool right = gradient_is_right();

    rg_params *theta = rg_params_new(RG_F64, 1);
    const rg_param p[] = { rg_params_add(theta, "input", RG_SHAPE(IN, 4 * HIDDEN)),
                           rg_params_add(theta, "state", RG_SHAPE(HIDDEN, 4 * HIDDEN)),
                           rg_params_add(theta, "bias", RG_SHAPE(4 * HIDDEN)),
                           rg_params_add(theta, "out", RG_SHAPE(HIDDEN, 1)),
                           rg_params_add(theta, "shift", RG_SHAPE(1)) };
    double *numbers = rg_params_data(theta), *bias = numbers + rg_param_offset(p[BIAS]);
    for (int64_t i = 0; i < rg_params_count(theta); i++) numbers[i] = 0.25 * rg_random_normal(1, 1, (uint64_t)i);
    for (int i = 0; i < 4 * HIDDEN; i++) bias[i] = i / HIDDEN == 1; /* it begins by keeping */
    rg_params_changed(theta);

    rg_opt  *opt  = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.01 });
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < STEPS + UNSEEN && !rg_failed(tape); step++) {
        rg_tensor w[WEIGHTS];
        draw((uint64_t)step, x, target);
        for (int k = 0; k < WEIGHTS; k++) w[k] = rg_parameter(tape, p[k]);
        rg_tensor loss = loss_of(w, rg_input(tape, RG_F64, RG_SHAPE(BATCH, LENGTH, IN), x),
                                 rg_input(tape, RG_F64, RG_SHAPE(BATCH, 1), target));
        if (step < STEPS) rg_opt_minimise(opt, loss);
        else unseen += rg_item(loss) / UNSEEN;
        if (step < STEPS && step % 100 == 0) printf("%5d  %.5f\n", step, rg_item(loss));
        rg_tape_reset(tape);
    }
    printf("on unseen sequences %.5f\n", unseen);
    right = right && !rg_failed(tape) && unseen < 0.01;
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    else if (!right) fprintf(stderr, "it has not learned to add, or the gradient is wrong\n");
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
    return right ? 0 : 1;
}
