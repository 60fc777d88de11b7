/* A model of your own is a struct of layers and a function that calls them. This one, a gated layer, learns a sine. */
#include <math.h>
#include <retrograd.h>

typedef struct {
    rg_nn_linear in, gate, out;
} gated;

static gated gated_new(rg_params *p)
{
    return (gated){ .in   = rg_nn_linear_new(p, "in",   1, 32),
                    .gate = rg_nn_linear_new(p, "gate", 1, 32),
                    .out  = rg_nn_linear_new(p, "out", 32, 1) };
}

static rg_tensor gated_forward(const gated *m, rg_tensor x)
{
    rg_tensor h = rg_tanh(rg_nn_linear_forward(&m->in, x));
    rg_tensor g = rg_sigmoid(rg_nn_linear_forward(&m->gate, x));
    return rg_nn_linear_forward(&m->out, rg_mul(h, g));
}

enum { POINTS = 64, STEPS = 1000 };

int main(void)
{
    float at[POINTS], sine[POINTS];
    for (int i = 0; i < POINTS; i++) {
        at[i] = (float)(6.0 * i / POINTS - 3.0);
        sine[i] = sinf(at[i]);
    }
    rg_params *theta = rg_params_new(RG_F32, 7);
    gated      model = gated_new(theta);
    rg_opt    *opt   = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 1e-2 });
    rg_tape   *tape  = rg_tape_new();
    double     loss  = NAN;

    for (int step = 0; step <= STEPS && !rg_failed(tape); step++) {
        rg_tensor x     = rg_input(tape, RG_F32, RG_SHAPE(POINTS, 1), at);
        rg_tensor y     = rg_input(tape, RG_F32, RG_SHAPE(POINTS, 1), sine);
        rg_tensor error = rg_mse(gated_forward(&model, x), y);
        rg_backward(error);
        rg_opt_step(opt);
        loss = rg_item(error);
        if (step % 200 == 0) printf("%5d  %.6f\n", step, loss);
        rg_tape_reset(tape);
    }
    int status = 0;
    if (rg_failed(tape)) {
        fprintf(stderr, "%s\n", rg_message(tape));
        status = 1;
    } else if (!(loss < 1e-3)) {
        fprintf(stderr, "the sine was not learned: loss %g\n", loss);
        status = 1;
    }
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
    return status;
}
