/* onnx_models.h: some networks, to be written in ONNX. Included by one file of a program. */
#ifndef RETROGRAD_TESTS_ONNX_MODELS_H
#define RETROGRAD_TESTS_ONNX_MODELS_H

#include "tensors.h"

#include "nn.h"

/* What a model is recorded with, and on. */
typedef struct {
    rg_tape *tape;
    rg_params *theta;
    rg_dtype dtype;
    uint64_t stream;
} studio;

static studio studio_new(rg_dtype dtype)
{
    return (studio){ .tape = rg_tape_new_with((rg_tape_options){ .threads = 1 }), .theta = rg_params_new(dtype, 7),
                     .dtype = dtype };
}

static void studio_free(studio *s)
{
    rg_tape_free(s->tape);
    rg_params_free(s->theta);
}

static rg_tensor normal_input(studio *s, const char *name, rg_shape shape)
{
    float narrow[1024];
    double wide[1024];
    s->stream++;
    for (int64_t i = 0; i < rg_shape_count(shape); i++)
        narrow[i] = (float)(wide[i] = rg_random_normal(3, s->stream, (uint64_t)i));
    return rg_name(rg_input(s->tape, s->dtype, shape, s->dtype == RG_F32 ? (void *)narrow : wide), name);
}

/* What is recorded before a parameter is made cannot be computed after that: see record_twice. */
static rg_tensor parameter(studio *s, const char *name, rg_shape shape)
{
    rg_param param = rg_params_find(s->theta, name);
    if (!param.store) rg_nn_initialise(param = rg_params_add(s->theta, name, shape), rg_nn_init_normal(0, 0.5), 0, 0);
    return rg_parameter(s->tape, param);
}

static rg_tensor record_twice(studio *s, rg_tensor (*record)(studio *s))
{
    record(s);
    rg_tape_reset(s->tape);
    s->stream = 0;
    const rg_tensor y = record(s);
    assert_fine(s->tape);
    return y;
}

static rg_tensor linear(studio *s, const char *name, rg_tensor x, int64_t out)
{
    char weight[32], bias[32];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    rg_scope_push(s->tape, name);
    rg_tensor y = rg_matmul(x, rg_transpose(parameter(s, weight, RG_SHAPE(out, rg_shape_of(x).size[1]))));
    y = rg_add(y, parameter(s, bias, RG_SHAPE(out)));
    rg_scope_pop(s->tape);
    return y;
}

static rg_tensor labels_of(studio *s, int64_t count, int64_t classes)
{
    int32_t labels[64];
    for (int64_t i = 0; i < count; i++) labels[i] = (int32_t)(i * 2 % classes);
    return rg_name(rg_input(s->tape, RG_I32, RG_SHAPE(count), labels), "labels");
}

static rg_tensor mlp_loss(studio *s)
{
    rg_tensor x = normal_input(s, "x", RG_SHAPE(2, 5));
    rg_tensor y = rg_name(linear(s, "fc2", rg_relu(linear(s, "fc1", x, 4)), 3), "logits");
    return rg_name(rg_cross_entropy(y, labels_of(s, 2, 3)), "loss");
}

/* One call records at a time: in which order C evaluates two arguments is the compiler's choice. */
static rg_tensor layer_norm(studio *s, rg_tensor x, const char *gain_name, const char *offset_name)
{
    const int64_t width = rg_shape_of(x).size[rg_shape_of(x).rank - 1];
    rg_tensor centred = rg_sub(x, rg_mean_axes(x, RG_AXES(-1), true));
    rg_tensor variance = rg_mean_axes(rg_square(centred), RG_AXES(-1), true);
    rg_tensor unit = rg_mul(centred, rg_rsqrt(rg_shift(variance, 1e-5)));
    rg_tensor scaled = rg_mul(unit, parameter(s, gain_name, RG_SHAPE(width)));
    return rg_add(scaled, parameter(s, offset_name, RG_SHAPE(width)));
}

/* Two heads over sequences of four, causal, with a feed-forward part behind. */
static rg_tensor transformer_block(studio *s)
{
    enum { BATCH = 2, TIME = 4, WIDTH = 6, HEADS = 2 };
    rg_tensor x = normal_input(s, "x", RG_SHAPE(BATCH, TIME, WIDTH)), parts[3], heads[3];
    rg_scope_push(s->tape, "block.1");
    rg_scope_push(s->tape, "attention");
    rg_tensor normal = layer_norm(s, x, "gain_1", "offset_1");
    rg_tensor joined = rg_matmul(normal, parameter(s, "qkv", RG_SHAPE(WIDTH, 3 * WIDTH)));
    rg_split(joined, -1, 3, NULL, parts);
    for (int i = 0; i < 3; i++)
        heads[i] = rg_permute(rg_reshape(parts[i], RG_SHAPE(BATCH, TIME, HEADS, -1)), RG_AXES(0, 2, 1, 3));
    rg_tensor scores = rg_scale(rg_einsum("bhid,bhjd->bhij", 2, heads), 1 / sqrt(3.0));
    rg_tensor seen = rg_tril(rg_full(s->tape, s->dtype, RG_SHAPE(TIME, TIME), 1), 0);
    scores = rg_where(seen, scores, rg_full(s->tape, s->dtype, RG_SCALAR, -1e9));
    rg_tensor mixed = rg_permute(rg_matmul(rg_softmax(scores, -1), heads[2]), RG_AXES(0, 2, 1, 3));
    mixed = rg_reshape(mixed, RG_SHAPE(BATCH, TIME, WIDTH));
    x = rg_add(x, rg_matmul(mixed, parameter(s, "out", RG_SHAPE(WIDTH, WIDTH))));
    rg_scope_pop(s->tape);
    rg_scope_push(s->tape, "mlp");
    normal = layer_norm(s, x, "gain_2", "offset_2");
    rg_tensor h = rg_gelu(rg_matmul(normal, parameter(s, "up", RG_SHAPE(WIDTH, 8))));
    x = rg_add(x, rg_matmul(h, parameter(s, "down", RG_SHAPE(8, WIDTH))));
    rg_scope_pop(s->tape);
    rg_scope_pop(s->tape);
    return x;
}

static rg_tensor convolution(studio *s)
{
    rg_tensor x = normal_input(s, "signal", RG_SHAPE(2, 12));
    rg_tensor windows = rg_unfold(rg_pad(x, 1, 1, 1), 1, 3, 2);
    rg_tensor h = rg_leaky_relu(rg_matmul(windows, parameter(s, "filters", RG_SHAPE(3, 4))), 0.1);
    return rg_overlap_add(rg_permute(h, RG_AXES(0, 1, 2)), 1, 14, 2);
}

static rg_tensor embedding(studio *s)
{
    const int64_t words[] = { 3, 0, 6, 6, 2, 1 };
    rg_tensor index = rg_name(rg_input(s->tape, RG_I64, RG_SHAPE(2, 3), words), "words");
    rg_tensor rows = rg_gather_rows(parameter(s, "embedding", RG_SHAPE(7, 4)), index);
    rg_tensor mean = rg_mean_axes(rows, RG_AXES(1), false), most = rg_max_axes(rows, RG_AXES(1), false);
    rg_tensor pooled = rg_concat(2, (rg_tensor[]){ mean, most }, 1);
    rg_tensor one_hot = rg_one_hot(rg_argmax_axes(pooled, RG_AXES(-1), false), 8, s->dtype);
    return rg_log_softmax(rg_add(rg_tanh(pooled), one_hot), 0);
}

static rg_tensor statistics(studio *s)
{
    rg_tensor x = normal_input(s, "x", RG_SHAPE(3, 4, 2)), places;
    rg_tensor spread = rg_std_axes(x, RG_AXES(0, 2), 1, true);
    rg_tensor most = rg_top_k(rg_flip(x, RG_AXES(1)), 2, 1, true, &places);
    rg_tensor sums = rg_cumsum(rg_div(x, spread), 1);
    return rg_add(rg_slice_step(sums, 1, 3, 2, -2), rg_mul(most, rg_cast(places, s->dtype)));
}

/* A gradient is a graph like another. */
static rg_tensor slope(studio *s)
{
    rg_tensor x = normal_input(s, "x", RG_SHAPE(4, 3)), dx;
    rg_tensor y = rg_sum(rg_logsumexp(rg_silu(rg_matmul(x, parameter(s, "w", RG_SHAPE(3, 5)))), -1, false));
    rg_grad(y, &x, 1, &dx);
    return dx;
}

static const struct {
    const char *name;
    rg_tensor (*record)(studio *s);
} models[] = {
    { "mlp_loss", mlp_loss },       { "transformer_block", transformer_block }, { "convolution", convolution },
    { "embedding", embedding },     { "statistics", statistics },               { "slope", slope },
};

#endif
