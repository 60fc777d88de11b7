/* consumer.c: learns exclusive or with what is installed, and says OK if it did. */
#include <retrograd.h>

#include <stdio.h>

int main(void)
{
    const float inputs[] = { 0, 0, 0, 1, 1, 0, 1, 1 };
    const int32_t labels[] = { 0, 1, 1, 0 };
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_nn *net = RG_MLP(theta, rg_tanh, 2, 8, 2);
    rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.05 });
    rg_tape *tape = rg_tape_new();
    double first = 0, last = 0;

    for (int step = 0; step < 100 && !rg_failed(tape); step++) {
        rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(4, 2), inputs);
        rg_tensor y = rg_input(tape, RG_I32, RG_SHAPE(4), labels);
        rg_tensor loss = rg_cross_entropy(rg_nn_forward(net, x), y);
        rg_backward(loss);
        rg_opt_step(opt);
        last = rg_item(loss);
        if (step == 0) first = last;
        rg_tape_reset(tape);
    }
    bool learned = !rg_failed(tape) && last < 0.1 * first;
    if (!learned) printf("loss %g, then %g: %s\n", first, last, rg_message(tape));
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_nn_free(net);
    rg_params_free(theta);
    if (learned) printf("OK\n");
    return learned ? 0 : 1;
}
