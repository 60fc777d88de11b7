/* Gaussian-process regression [Rasmussen and Williams 2006, chapters 2 and 5]: the length, height and noise of the kernel
 * are those that make the observations most likely. The logarithm of that likelihood needs a Cholesky factor; its gradient
 * comes by itself. Needs LAPACK. */
#include <math.h>
#include <retrograd.h>

enum { POINTS = 30, STEPS = 400 };

typedef struct {
    rg_param length, height, noise; /* logarithms: any number will do */
} kernel;

/* height^2 exp(-(a - b)^2 / (2 length^2)), for each a with each b. */
static rg_tensor covariance(const kernel *k, rg_tensor a, rg_tensor b)
{
    rg_tensor length = rg_exp(rg_parameter(a.tape, k->length)), height = rg_exp(rg_parameter(a.tape, k->height));
    rg_tensor column = rg_reshape(a, RG_SHAPE(-1, 1)), apart = rg_div(rg_sub(column, b), length);
    return rg_mul(rg_square(height), rg_exp(rg_scale(rg_square(apart), -0.5)));
}

/* L L' = K(x, x) + noise^2 */
static rg_tensor factor_of(const kernel *k, rg_tensor x)
{
    double one[POINTS][POINTS] = { { 0 } };
    for (int i = 0; i < POINTS; i++) one[i][i] = 1;
    rg_tensor identity = rg_constant(x.tape, RG_F64, RG_SHAPE(POINTS, POINTS), one);
    rg_tensor noise = rg_exp(rg_parameter(x.tape, k->noise));
    return rg_cholesky(rg_add(covariance(k, x, x), rg_mul(rg_square(noise), identity)));
}

/* -ln p(y | x) = y' K^-1 y / 2 + ln det L + n ln(2 pi) / 2 */
static rg_tensor unlikelihood(const kernel *k, rg_tensor x, rg_tensor y)
{
    rg_tensor l = factor_of(k, x), fit = rg_inner(y, rg_cholesky_solve(l, y));
    rg_tensor diagonal = rg_einsum("ii->i", 1, &l);
    return rg_shift(rg_add(rg_scale(fit, 0.5), rg_sum(rg_log(diagonal))), 0.5 * POINTS * log(2 * acos(-1)));
}

/* What is expected at other points. */
static rg_tensor predicted(const kernel *k, rg_tensor x, rg_tensor y, rg_tensor at)
{
    return rg_matmul(covariance(k, at, x), rg_cholesky_solve(factor_of(k, x), y));
}

static bool near(double number, double expected)
{
    return fabs(number - expected) < 1e-5 * fmax(1, fabs(expected));
}

int main(void)
{
    double x[POINTS], y[POINTS], loss = NAN, sine = NAN;
    const double new_point = 3.3;
    for (int i = 0; i < POINTS; i++) {
        x[i] = 0.25 * i;
        y[i] = sin(x[i]) + 0.1 * cos(7.0 * i * i);
    }
    if (!rg_has_lapack()) {
        printf("skipped: there is no LAPACK here\n");
        return 0;
    }
    rg_params *theta = rg_params_new(RG_F64, 1);
    kernel     k     = { rg_params_add(theta, "length", RG_SCALAR), rg_params_add(theta, "height", RG_SCALAR),
                         rg_params_add(theta, "noise", RG_SCALAR) };
    rg_opt    *opt   = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.05 });
    rg_tape   *tape  = rg_tape_new();

    for (int step = 0; step <= STEPS && !rg_failed(tape); step++) {
        rg_tensor in = rg_input(tape, RG_F64, RG_SHAPE(POINTS), x), out = rg_input(tape, RG_F64, RG_SHAPE(POINTS), y);
        rg_tensor at = rg_input(tape, RG_F64, RG_SHAPE(1), &new_point);
        rg_tensor unlikely = unlikelihood(&k, in, out);
        if (step == STEPS) sine = rg_item(predicted(&k, in, out, at));
        rg_backward(unlikely);
        loss = rg_item(unlikely);
        if (step < STEPS) rg_opt_step(opt);
        if (step % 100 == 0) printf("%5d  %.6f\n", step, loss);
        rg_tape_reset(tape);
    }
    const double *log_of = rg_params_data(theta), length = exp(log_of[0]), height = exp(log_of[1]), noise = exp(log_of[2]);
    printf("length %.6f, height %.6f, noise %.6f; at %.1f: %.6f\n", length, height, noise, new_point, sine);

    /* What Newton's method finds, elsewhere. */
    bool found = near(loss, -20.507554286) && near(length, 1.690602615) && near(height, 0.911456671) &&
                 near(noise, 0.065283330) && near(sine, -0.190307834);
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    else if (!found) fprintf(stderr, "these are not the most likely ones\n");
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
    return found ? 0 : 1;
}
