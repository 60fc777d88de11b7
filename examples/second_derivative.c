/* Gradients are tensors on the same tape, so they can be differentiated again: tanh, its slope and its curvature. */
#include <math.h>
#include <retrograd.h>

int main(void)
{
    const double at[] = { -1.5, -0.5, 0.25, 2.0 };
    rg_tape  *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(4), at);
    rg_tensor y = rg_tanh(x), slope, curvature;

    rg_grad(rg_sum(y), &x, 1, &slope);
    rg_grad(rg_sum(slope), &x, 1, &curvature);

    double value[4], first[4], second[4], worst = 0;
    rg_read(y, value, sizeof value);
    rg_read(slope, first, sizeof first);
    rg_read(curvature, second, sizeof second);
    if (rg_failed(tape)) {
        fprintf(stderr, "%s\n", rg_message(tape));
        rg_tape_free(tape);
        return 1;
    }
    printf("     x    tanh x   tanh' x  tanh'' x\n");
    for (int i = 0; i < 4; i++) {
        printf("%6.2f  %8.5f  %8.5f  %8.5f\n", at[i], value[i], first[i], second[i]);
        double t = tanh(at[i]);
        worst = fmax(worst, fabs(first[i] - (1 - t * t)) + fabs(second[i] + 2 * t * (1 - t * t)));
    }
    rg_tape_free(tape);
    return worst < 1e-14 ? 0 : 1;
}
