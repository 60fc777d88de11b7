/* 9. Vanishing gradients
 *
 * A network of L layers, h_l = sigma(W_l h_(l-1) - b_l), hands the gradient back with one factor a layer:
 *
 *     df/dh_(l-1) = W_l' (sigma'(z_l) . df/dh_l),   df/dW_l = (sigma'(z_l) . df/dh_l) h_(l-1)',
 *     z_l = W_l h_(l-1) - b_l.
 *
 * The slope of the sigmoid is at most 1/4. So with ||W|| for the largest singular value of W
 *
 *     ||df/dh_(l-1)|| <= 1/4 ||W_l|| ||df/dh_l||,   ||df/dh_0|| <= (1/4)^L ||W_1|| ... ||W_L|| ||df/dh_L||:
 *
 * unless weights are large, the first layers learn nothing. And large ones drive the sigmoid to where it is flat: with
 * four times as large ones, too, the gradient vanishes.
 *
 * The slope of relu is 1 or 0, and 0 for about half of the units: those that are inactive, z <= 0, for a given input.
 * That halves the square of the norm in each layer. Weights of variance 1/n [Xavier: Glorot and Bengio 2010], which
 * keep the norm if there is no sigma, lose a factor of sqrt(2) a layer; weights of variance 2/n [He et al. 2015] make
 * up for it.
 *
 * A unit that is inactive for every input of the batch is dead: no gradient reaches its weights. There are hardly any
 * in the first layers. Further up all inputs look more and more alike, and nearly half of a layer is dead. */
#include <math.h>

#include "lecture.h"

enum { WIDTH = 64, BATCH = 32, DEEPEST = 50, DEPTHS = 7, KINDS = 4 };

static const struct {
    const char *name;
    rg_nn_activation *sigma;
    rg_nn_init (*weights)(void);
    double times;
} kinds[KINDS] = { { "sigmoid, Xavier", rg_sigmoid, rg_nn_init_xavier_normal, 1 },
                   { "sigmoid, 4 x Xavier", rg_sigmoid, rg_nn_init_xavier_normal, 4 },
                   { "relu, Xavier", rg_relu, rg_nn_init_xavier_normal, 1 },
                   { "relu, He", rg_relu, rg_nn_init_he_normal, 1 } };

/* What one network shows, by layer. */
typedef struct {
    double gradient[DEEPEST + 1]; /* ||df/dh_l|| over the whole batch, of ||df/dh_L||; 0 is the input */
    double bound[DEEPEST + 1];    /* the product of 1/4 ||W|| over the layers from there on */
    double inactive[DEEPEST + 1], dead[DEEPEST + 1]; /* shares of the units */
} network;

static rg_tensor normal(rg_tape *tape, uint64_t stream)
{
    double numbers[WIDTH * BATCH];
    for (uint64_t i = 0; i < WIDTH * BATCH; i++) numbers[i] = rg_random_normal(1, stream, i);
    return rg_input(tape, RG_F64, RG_SHAPE(WIDTH, BATCH), numbers);
}

/* ||W||, or up to 7 % more: the trace of (W'W)^32 is the sum of the 64th powers of the singular values. */
static rg_tensor norm_from_above(rg_tensor W)
{
    rg_tensor power = rg_matmul(rg_transpose(W), W);
    for (int i = 0; i < 4; i++) power = rg_matmul(power, power);
    return rg_power(rg_norm(power, 2), 1.0 / 32);
}

static void count_active(rg_tensor active, double *inactive, double *dead)
{
    rg_tensor by_unit = rg_mean_axes(active, RG_AXES(1), false);
    *inactive = 1 - rg_item(rg_mean(by_unit));
    *dead = 1 - rg_item(rg_mean(rg_greater(by_unit, rg_scalar(active.tape, RG_F64, 0))));
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
    n->gradient[depth] = n->bound[depth] = 1;
    for (int l = depth; l >= 1 && !rg_failed(tape); l--) {
        n->gradient[l - 1] = rg_item(rg_norm(df[l - 1], 2)) / last;
        n->bound[l - 1] = n->bound[l] * rg_item(norm_from_above(W[l])) / 4;
        count_active(rg_greater(z[l], b), &n->inactive[l], &n->dead[l]);
    }
    stop_if_failed(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* The claims of the comment; n[kind][i] is of depth[i]. */
static void check(network n[KINDS][DEPTHS], const int *depth)
{
    bool bounded = true, halved = true, kept = true;
    for (int i = 0; i < DEPTHS; i++) {
        for (int kind = 0; kind < 2; kind++)
            for (int l = 0; l < depth[i]; l++) {
                const double *gradient = n[kind][i].gradient + l, *bound = n[kind][i].bound + l;
                bounded = bounded && gradient[0] <= bound[0] && gradient[0] / gradient[1] <= bound[0] / bound[1];
            }
        halved = halved && fabs(log2(n[2][i].gradient[0]) + depth[i] / 2.0) < log2(10);
        kept = kept && fabs(log2(n[3][i].gradient[0])) < log2(30);
    }
    claim(bounded, "sigmoid: each layer leaves at most 1/4 ||W_l|| of the norm, and all at most the product");
    claim(n[0][DEPTHS - 1].gradient[0] < 1e-25 && n[1][DEPTHS - 1].gradient[0] < 1e-6,
          "sigmoid: after 50 layers next to nothing is left, with large weights, too");
    claim(halved, "relu, Xavier: 2^(-L/2) at all depths L, within a factor of 10");
    claim(kept, "relu, He: 1 at all depths, within a factor of 30");
    const network *deep = &n[3][DEPTHS - 1];
    double inactive = 0;
    for (int l = 1; l <= DEEPEST; l++) inactive += deep->inactive[l] / DEEPEST;
    claim(fabs(inactive - 0.5) < 0.03, "relu: for a given input %.1f %% of all units are inactive", 100 * inactive);
    claim(deep->dead[1] < 0.02 && deep->dead[DEEPEST] > 0.3, "for all %d of them %.0f %% of layer 1, %.0f %% of 50",
          BATCH, 100 * deep->dead[1], 100 * deep->dead[DEEPEST]);
}

int main(int argc, char **argv)
{
    static const int depth[DEPTHS] = { 2, 5, 10, 20, 30, 40, DEEPEST };
    static network n[KINDS][DEPTHS];
    double layer[DEEPEST + 1], depths[DEPTHS], first[KINDS][DEPTHS], bound[DEPTHS];
    rg_plot_series by_layer[KINDS], by_depth[KINDS + 1];
    for (int l = 0; l <= DEEPEST; l++) layer[l] = l;
    printf("||df/dh_0|| / ||df/dh_L||");
    for (int i = 0; i < DEPTHS; i++) printf("  L = %2d ", depth[i]);
    for (int kind = 0; kind < KINDS; kind++) {
        printf("\n%25s", kinds[kind].name);
        for (int i = 0; i < DEPTHS; i++) {
            look_into(kind, depth[i], &n[kind][i]);
            first[kind][i] = n[kind][i].gradient[0];
            bound[i] = n[0][i].bound[0];
            depths[i] = depth[i];
            printf(" %8.1e", first[kind][i]);
        }
        by_layer[kind] = (rg_plot_series){ .name = kinds[kind].name, .colour = kind, .count = DEEPEST + 1,
                                           .x = layer, .y = n[kind][DEPTHS - 1].gradient };
        by_depth[kind] = (rg_plot_series){ .name = kinds[kind].name, .colour = kind, .kind = RG_PLOT_LINE_AND_POINTS,
                                           .count = DEPTHS, .x = depths, .y = first[kind] };
    }
    by_depth[KINDS] = (rg_plot_series){ .name = "bound of sigmoid, Xavier", .dashed = true, .count = DEPTHS,
                                        .x = depths, .y = bound };
    putchar('\n');
    check(n, depth);

    const network *deep = &n[3][DEPTHS - 1];
    const rg_plot_series shares[] = {
        { .name = "inactive for a given input", .colour = 3, .count = DEEPEST, .x = layer + 1,
          .y = deep->inactive + 1 },
        { .name = "dead: inactive for all inputs", .colour = 4, .count = DEEPEST, .x = layer + 1,
          .y = deep->dead + 1 } };
    const rg_plot_chart charts[] = {
        { .title = "50 layers: the gradient by layer", .x = { .label = "layer l" },
          .y = { .label = "|df/dh_l| / |df/dh_50|", .logarithmic = true }, .count = KINDS, .series = by_layer },
        { .title = "What reaches the input", .x = { .label = "layers L" },
          .y = { .label = "|df/dh_0| / |df/dh_L|", .logarithmic = true }, .count = KINDS + 1, .series = by_depth },
        { .title = "relu, He: units that hand nothing back", .x = { .label = "layer l" },
          .y = { .label = "share of the layer", .high = 1 }, .count = 2, .series = shares } };
    draw(argc, argv, "vanishing_gradients.svg",
         &(rg_plot){ .title = "Vanishing gradients, at initialisation", .count = 3, .charts = charts });
    return 0;
}
