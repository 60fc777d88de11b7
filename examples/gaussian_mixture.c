/* A mixture of Gaussians with full covariances: the logarithm of its likelihood, in the parameters of ADBench [Srajer,
 * Kukelova and Fitzgibbon 2018]. Any numbers will do for them: the shares are a softmax, and the inverse of each
 * covariance is Q' Q, with a lower triangle Q whose diagonal is given by its logarithms. Its gradient is checked, and
 * then finds the clusters that points were drawn from. */
#include <math.h>
#include <retrograd.h>
#include <string.h>

enum { CLUSTERS = 3, D = 2, TRIANGLE = D * (D + 1) / 2, POINTS = 500, STEPS = 300 };

/* The parameters, [k], [k, d] and [k, d (d + 1) / 2]; of each triangle the diagonal's logarithms, then what is below
 * it, by columns. */
enum { LOGITS, MEANS, TRIANGLES, PARAMETERS };

typedef struct {
    double logits[CLUSTERS], means[CLUSTERS][D], triangles[CLUSTERS][TRIANGLE];
} mixture;

static const mixture truth = { { 0.5, 0, -0.5 }, { { -2, 0 }, { 2, 1 }, { 0, -3 } },
                               { { 0, 0.9, -1.75 }, { 0.7, 0.5, 1.3 }, { 0.2, 1.2, 0 } } };

/* The triangles as matrices, [k, d, d]. */
static rg_tensor unpacked(rg_tensor packed)
{
    int32_t place[D][D], next = D;
    for (int column = 0; column < D; column++) {
        for (int row = 0; row < column; row++) place[row][column] = TRIANGLE; /* a zero */
        place[column][column] = column;
        for (int row = column + 1; row < D; row++) place[row][column] = next++;
    }
    rg_tensor diagonal = rg_exp(rg_slice(packed, 1, 0, D)), below = rg_slice(packed, 1, D, TRIANGLE);
    const rg_tensor parts[] = { diagonal, rg_pad(below, 1, 0, 1) };
    rg_tensor index = rg_constant(packed.tape, RG_I32, RG_SHAPE(D * D), place);
    return rg_reshape(rg_index_select(rg_concat(2, parts, 1), 1, index), RG_SHAPE(-1, D, D));
}

/* Σ_i ln Σ_k share_k N(x_i; mean_k, (Q_k' Q_k)^-1), x [n, d] */
static rg_tensor log_likelihood(const rg_tensor *p, rg_tensor x)
{
    const double n = (double)rg_shape_of(x).size[0], ln_2pi = log(2 * acos(-1));
    rg_tensor centred = rg_sub(x, rg_reshape(p[MEANS], RG_SHAPE(-1, 1, D)));                   /* [k, n, d] */
    rg_tensor z = rg_matmul(centred, rg_transpose(unpacked(p[TRIANGLES])));
    rg_tensor logdet = rg_sum_axes(rg_slice(p[TRIANGLES], 1, 0, D), RG_AXES(1), false);
    rg_tensor height = rg_reshape(rg_add(p[LOGITS], logdet), RG_SHAPE(-1, 1));
    rg_tensor each = rg_sub(height, rg_scale(rg_sum_axes(rg_square(z), RG_AXES(2), false), 0.5)); /* [k, n] */
    rg_tensor mixed = rg_sum(rg_logsumexp(each, 0, false));
    return rg_shift(rg_sub(mixed, rg_scale(rg_logsumexp(p[LOGITS], 0, false), n)), -0.5 * n * D * ln_2pi);
}

static rg_tensor checked(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    return log_likelihood(in, in[PARAMETERS]);
}

static bool gradient_is_right(const double *x)
{
    const rg_gradcheck_input in[] = {
        { .shape = RG_SHAPE(CLUSTERS), .values = truth.logits, .name = "logits" },
        { .shape = RG_SHAPE(CLUSTERS, D), .values = truth.means[0], .name = "means" },
        { .shape = RG_SHAPE(CLUSTERS, TRIANGLE), .values = truth.triangles[0], .name = "triangles" },
        { .shape = RG_SHAPE(10, D), .values = x, .name = "points" },
    };
    const rg_gradcheck_options options = { .name = "log-likelihood", .report = stdout };
    return rg_gradcheck(checked, NULL, PARAMETERS + 1, in, &options, NULL);
}

/* Points of the mixture: x with Q (x - mean) normal. */
static void draw(double (*x)[D])
{
    double share[CLUSTERS], all = 0;
    for (int k = 0; k < CLUSTERS; k++) all += share[k] = exp(truth.logits[k]);
    for (uint64_t i = 0; i < POINTS; i++) {
        const double u = all * rg_random_uniform(1, 0, i);
        const double z[D] = { rg_random_normal(1, 1, i), rg_random_normal(1, 2, i) };
        const int k = u < share[0] ? 0 : u < share[0] + share[1] ? 1 : 2;
        const double *q = truth.triangles[k], first = z[0] * exp(-q[0]), second = (z[1] - q[2] * first) * exp(-q[1]);
        x[i][0] = truth.means[k][0] + first;
        x[i][1] = truth.means[k][1] + second;
    }
}

/* A point, and then each time the one that is farthest from all those chosen. [Gonzalez 1985] */
static void start(mixture *m, double (*x)[D])
{
    int chosen = 0;
    for (int k = 0; k < CLUSTERS; k++) {
        double farthest = 0;
        memcpy(m->means[k], x[chosen], sizeof x[chosen]);
        for (int i = 0; i < POINTS; i++) {
            double nearest = INFINITY;
            for (int j = 0; j <= k; j++)
                nearest = fmin(nearest, hypot(x[i][0] - m->means[j][0], x[i][1] - m->means[j][1]));
            if (nearest > farthest) chosen = i;
            farthest = fmax(farthest, nearest);
        }
    }
}

/* How far the mean and the triangle of cluster k are from those of the nearest one that has been found. */
static double distance(const mixture *m, int k)
{
    double nearest = INFINITY;
    for (int i = 0; i < CLUSTERS; i++) {
        double apart = 0;
        for (int j = 0; j < D; j++) apart = fmax(apart, fabs(m->means[i][j] - truth.means[k][j]));
        for (int j = 0; j < TRIANGLE; j++) apart = fmax(apart, fabs(m->triangles[i][j] - truth.triangles[k][j]));
        nearest = fmin(nearest, apart);
    }
    return nearest;
}

int main(void)
{
    double x[POINTS][D], reached = NAN;
    draw(x);
    bool right = gradient_is_right(x[0]);

    rg_params *theta = rg_params_new(RG_F64, 1);
    const rg_param p[] = { rg_params_add(theta, "logits", RG_SHAPE(CLUSTERS)),
                           rg_params_add(theta, "means", RG_SHAPE(CLUSTERS, D)),
                           rg_params_add(theta, "triangles", RG_SHAPE(CLUSTERS, TRIANGLE)) };
    mixture *found = rg_params_data(theta); /* laid out alike */
    start(found, x);
    rg_params_changed(theta);

    rg_opt  *opt  = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.05 });
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < STEPS && !rg_failed(tape); step++) {
        rg_tensor at[PARAMETERS], points = rg_input(tape, RG_F64, RG_SHAPE(POINTS, D), x);
        for (int k = 0; k < PARAMETERS; k++) at[k] = rg_parameter(tape, p[k]);
        rg_tensor loss = rg_scale(log_likelihood(at, points), -1.0 / POINTS);
        rg_opt_minimise(opt, loss);
        reached = -POINTS * rg_item(loss);
        if (step % 50 == 0) printf("%5d  %.4f\n", step, reached);
        rg_tape_reset(tape);
    }
    /* The likelihoods are what others compute: PyTorch's distributions, and expectation maximisation. */
    const rg_tensor from[] = { rg_input(tape, RG_F64, RG_SHAPE(CLUSTERS), truth.logits),
                               rg_input(tape, RG_F64, RG_SHAPE(CLUSTERS, D), truth.means),
                               rg_input(tape, RG_F64, RG_SHAPE(CLUSTERS, TRIANGLE), truth.triangles) };
    const double was = rg_item(log_likelihood(from, rg_input(tape, RG_F64, RG_SHAPE(POINTS, D), x)));
    printf("reached %.4f, where the points are from %.4f\n", reached, was);
    right = right && fabs(was + 1377.5145324019) < 1e-8 && fabs(reached + 1372.0766726491) < 1e-4;
    for (int k = 0; k < CLUSTERS; k++) {
        printf("a cluster at (%6.3f, %6.3f)\n", found->means[k][0], found->means[k][1]);
        right = right && distance(found, k) < 0.2;
    }
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    else if (!right) fprintf(stderr, "the clusters were not found, or the gradient is wrong\n");
    right = right && !rg_failed(tape);
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
    return right ? 0 : 1;
}
