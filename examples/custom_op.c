/* An op of your own is one const struct: kernel, derivative, samples. The engine broadcasts, fuses, threads and
 * plans it like its own, and the gradient check tries it on every sample, to second order. */
#include <math.h>
#include <retrograd.h>

static void swish_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = x[i] / (1 + exp(-x[i]));
}

/* y = x s(x), so dy/dx = s + y (1 - s). */
static rg_tensor swish_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    rg_tensor s = rg_sigmoid(in[k]);
    return rg_mul(g, rg_add(s, rg_mul(y, rg_one_minus(s))));
}

static const rg_sample swish_samples[] = {
    { .operands = 1, .in = { { .shape = { 2, { 3, 4 } } } } },
    { .operands = 1, .in = { { .shape = { 1, { 7 } }, .low = -20, .high = 20 } } },
    { .operands = 1, .in = { { .dtype = RG_I32, .shape = { 1, { 2 } } } }, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

static const rg_op swish = {
    .name = "swish", .doc = "x * sigmoid(x)", .arity = 1, .shape = rg_shape_same,
    .f64 = swish_f64, .vjp = swish_vjp, .samples = swish_samples,
};

static rg_tensor my_swish(rg_tensor x)
{
    return rg_apply(&swish, NULL, 1, &x);
}

int main(void)
{
    bool right = rg_gradcheck_op(&swish, &(rg_gradcheck_options){ .seeds = 5, .report = stdout }, NULL);

    const double at[] = { -1, 0, 1 };
    rg_tape  *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(3), at), slope;
    rg_grad(rg_sum(my_swish(x)), &x, 1, &slope);
    const double *numbers = rg_data(slope);
    if (numbers) printf("swish'(-1, 0, 1) = %.6f %.6f %.6f\n", numbers[0], numbers[1], numbers[2]);
    else fprintf(stderr, "%s\n", rg_message(tape));
    bool computed = numbers != NULL;
    rg_tape_free(tape);
    return right && computed ? 0 : 1;
}
