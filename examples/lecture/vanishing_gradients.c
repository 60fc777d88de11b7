/* 9. Vanishing gradients
 *
 * A network of L layers, h_l = sigma(W_l h_(l-1) - b_l), hands the gradient back with one factor a layer:
 *
 *     df/dh_(l-1) = W_l' (sigma'(z_l) . df/dh_l),   z_l = W_l h_(l-1) - b_l.
 *
 * The slope of the sigmoid is at most 1/4. So with ||W|| for the largest singular value of W
 *
 *     ||df/dh_(l-1)|| <= 1/4 ||W_l|| ||df/dh_l||,   ||df/dh_0|| <= (1/4)^L ||W_1|| ... ||W_L|| ||df/dh_L||:
 *
 * unless weights are large, the first layers learn nothing. And large ones drive the sigmoid to where it is flat.
 *
 * The slope of relu is 1 or 0, and 0 for about half of the units: those that are inactive, z <= 0, for a given input. That
 * halves the square of the norm. Weights of variance 1/n [Xavier: Glorot and Bengio 2010], which keep it if there is no
 * sigma, lose a factor of sqrt(2) a layer; weights of variance 2/n [He et al. 2015] make up for it.
 *
 * A unit that is inactive for every input of the batch is dead: no gradient reaches its weights. There are hardly any in
 * the first layers. Further up all inputs look more and more alike, and nearly half of a layer is dead. */
#include <math.h>

#include "lecture.h"

enum { WIDTH = 64, BATCH = 32, DEEPEST = 50, DEPTHS = 7 };

enum { XAVIER, LARGE, RELU_XAVIER, RELU_HE, KINDS };
static const struct { const char *name; rg_nn_activation *sigma; rg_nn_init (*weights)(void); double times; } kinds[] = {
    { "sigmoid, Xavier", rg_sigmoid, rg_nn_init_xavier_normal, 1 },
    { "sigmoid, 4 x Xavier", rg_sigmoid, rg_nn_init_xavier_normal, 4 },
    { "relu, Xavier", rg_relu, rg_nn_init_xavier_normal, 1 },
    { "relu, He", rg_relu, rg_nn_init_he_normal, 1 } };

/* What one network shows, by layer. */
typedef struct {
    double gradient[DEEPEST + 1]; /* ||df/dh_l|| over the whole batch, of ||df/dh_L||; 0 is the input */
    double bound[DEEPEST + 1];    /* the product of 1/4 ||W|| over the layers from there on */
    double inactive[DEEPEST + 1], dead[DEEPEST + 1]; /* shares of the units */
    bool bounded;
} network;

static rg_tensor normal(rg_tape *tape, uint64_t stream)
{
    double numbers[WIDTH * BATCH];
    for (uint64_t i = 0; i < WIDTH * BATCH; i++) numbers[i] = rg_random_normal(1, stream, i);
    return matrix(tape, WIDTH, BATCH, numbers);
}

/* ||W||, or up to 7 % more: the trace of (W'W)^32 is the sum of the 64th powers of the singular values. */
static rg_tensor norm_from_above(rg_tensor W)
{
    rg_tensor power = rg_matmul(rg_transpose(W), W);
    for (int i = 0; i < 4; i++) power = rg_matmul(power, power);
    return rg_power(rg_norm(power, 2), 1.0 / 32);
}

static void look_into(int kind, int depth, network *n)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_nn_init weights = kinds[kind].weights();
    weights.spread *= kinds[kind].times;
    for (int l = 1; l <= depth; l++) {
        char name[16];
        snprintf(name, sizeof name, "W%d", l);
        rg_nn_initialise(rg_params_add(theta, name, RG_SHAPE(WIDTH, WIDTH)), weights, 0, 0);
    }
    rg_tape *tape = rg_tape_new();
    rg_tensor W[DEEPEST + 1], z[DEEPEST + 1], h[DEEPEST + 1], df[DEEPEST + 1];
    rg_tensor b = rg_full(tape, RG_F64, RG_SHAPE(WIDTH, 1), 0);
    h[0] = normal(tape, 0);
    for (int l = 1; l <= depth; l++) {
        W[l] = rg_parameter(tape, rg_params_at(theta, (size_t)l - 1));
        z[l] = rg_sub(rg_matmul(W[l], h[l - 1]), b);
        h[l] = kinds[kind].sigma(z[l]);
    }
    rg_grad(rg_mse(h[depth], normal(tape, 1)), h, depth + 1, df);
    const double last = rg_item(rg_norm(df[depth], 2));
    n->gradient[depth] = n->bound[depth] = n->bounded = 1;
    for (int l = depth; l >= 1 && !rg_failed(tape); l--) {
        double *gradient = n->gradient + l, *bound = n->bound + l;
        gradient[-1] = rg_item(rg_norm(df[l - 1], 2)) / last;
        bound[-1] = bound[0] * rg_item(norm_from_above(W[l])) / 4;
        n->bounded = n->bounded && gradient[-1] <= bound[-1] && gradient[-1] / gradient[0] <= bound[-1] / bound[0];
        rg_tensor active = rg_mean_axes(rg_greater(z[l], b), RG_AXES(1), false); /* for which share of the inputs */
        n->inactive[l] = 1 - rg_item(rg_mean(active));
        n->dead[l] = 1 - rg_item(rg_mean(rg_greater(active, rg_scalar(tape, RG_F64, 0))));
    }
    stop_if_failed(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

int main(int argc, char **argv)
{
    static network n[KINDS]; /* of the deepest, at last */
    const double depth[DEPTHS] = { 2, 5, 10, 20, 30, 40, DEEPEST };
    double layer[DEEPEST + 1], first[KINDS][DEPTHS], bound[DEPTHS], inactive = 0;
    bool bounded = true, halved = true, kept = true;
    rg_plot_series by_layer[KINDS], by_depth[KINDS + 1];
    spread(0, DEEPEST, DEEPEST + 1, layer);
    printf("||df/dh_0|| / ||df/dh_L||");
    for (int i = 0; i < DEPTHS; i++) printf("  L = %2.0f ", depth[i]);
    for (int kind = 0; kind < KINDS; kind++) {
        printf("\n%25s", kinds[kind].name);
        for (int i = 0; i < DEPTHS; i++) {
            look_into(kind, (int)depth[i], &n[kind]);
            const double left = first[kind][i] = n[kind].gradient[0];
            if (kind == XAVIER) bound[i] = n[kind].bound[0];
            if (kind == XAVIER || kind == LARGE) bounded = bounded && n[kind].bounded;
            if (kind == RELU_XAVIER) halved = halved && fabs(log2(left) + depth[i] / 2) < log2(10);
            if (kind == RELU_HE) kept = kept && fabs(log2(left)) < log2(30);
            printf(" %8.1e", left);
        }
        by_layer[kind] = curve(kinds[kind].name, kind, DEEPEST + 1, layer, n[kind].gradient);
        by_depth[kind] = curve(kinds[kind].name, kind, DEPTHS, depth, first[kind]);
        by_depth[kind].kind = RG_PLOT_LINE_AND_POINTS;
    }
    by_depth[KINDS] = dashed(curve("bound of sigmoid, Xavier", 0, DEPTHS, depth, bound));
    putchar('\n');
    claim(bounded, "sigmoid: each layer leaves at most 1/4 ||W_l|| of the norm, and all at most the product");
    claim(n[XAVIER].gradient[0] < 1e-25 && n[LARGE].gradient[0] < 1e-6,
          "sigmoid: after 50 layers next to nothing is left, with large weights, too");
    claim(halved, "relu, Xavier: 2^(-L/2) at all depths L, within a factor of 10");
    claim(kept, "relu, He: 1 at all depths, within a factor of 30");
    const network *he = &n[RELU_HE];
    for (int l = 1; l <= DEEPEST; l++) inactive += he->inactive[l] / DEEPEST;
    claim(fabs(inactive - 0.5) < 0.03, "relu: for a given input %.1f %% of all units are inactive", 100 * inactive);
    claim(he->dead[1] < 0.02 && he->dead[DEEPEST] > 0.3, "for all %d of them %.0f %% of layer 1, %.0f %% of 50", BATCH,
          100 * he->dead[1], 100 * he->dead[DEEPEST]);

    const rg_plot_series shares[] = { curve("inactive for a given input", 3, DEEPEST, layer + 1, he->inactive + 1),
                                      curve("dead: inactive for all inputs", 4, DEEPEST, layer + 1, he->dead + 1) };
    rg_plot_chart charts[] = {
        chart("50 layers: the gradient by layer", "layer l", "|df/dh_l| / |df/dh_50|", KINDS, by_layer),
        chart("What reaches the input", "layers L", "|df/dh_0| / |df/dh_L|", KINDS + 1, by_depth),
        chart("relu, He: units that hand nothing back", "layer l", "share of the layer", 2, shares) };
    charts[0].y.logarithmic = charts[1].y.logarithmic = true;
    charts[2].y.high = 1;
    draw(argc, argv, "vanishing_gradients.svg",
         &(rg_plot){ .title = "Vanishing gradients, at initialisation", .count = 3, .charts = charts });
    return 0;
}
