/* train_mlp.c: a multi-layer perceptron learns to read the bundled handwritten digits.
 *
 *     cc train_mlp.c $(pkg-config --cflags --libs retrograd) -o train_mlp && ./train_mlp */
#include <retrograd.h>

#include <stdio.h>

/* The share of images whose largest score is that of their label. */
static double accuracy(rg_tape *tape, const rg_nn *net, const rg_data_set *set)
{
    rg_tensor x = rg_input_borrowed(tape, set->dtype, RG_SHAPE(set->count, set->width), set->features);
    const float *scores = rg_data(rg_nn_forward(net, x));
    int64_t right = 0;
    for (int64_t i = 0; scores && i < set->count; i++) {
        const float *row = scores + i * set->classes;
        int32_t best = 0;
        for (int32_t c = 1; c < set->classes; c++)
            if (row[c] > row[best]) best = c;
        right += best == set->labels[i];
    }
    rg_tape_reset(tape);
    return (double)right / (double)set->count;
}

static void train(rg_tape *tape, const rg_nn *net, rg_opt *opt, rg_data_batches *batches)
{
    const int64_t width = batches->set->width;
    rg_data_batch batch;
    while (!rg_failed(tape) && rg_data_batches_next(batches, &batch)) {
        rg_tensor x = rg_input_borrowed(tape, batch.dtype, RG_SHAPE(batch.count, width), batch.features);
        rg_tensor y = rg_input(tape, RG_I32, RG_SHAPE(batch.count), batch.labels);
        rg_backward(rg_cross_entropy(rg_nn_forward(net, x), y));
        rg_opt_step(opt);
        rg_tape_reset(tape);
    }
}

int main(void)
{
    const rg_data_idx_options as_they_are = { 0 };
    rg_error error = { 0 };
    rg_data_set digits = { 0 }, test = { 0 };
    rg_data_batches batches = { 0 };
    if (rg_data_digits(NULL, RG_DATA_TRAIN, as_they_are, &digits, &error) ||
        rg_data_digits(NULL, RG_DATA_TEST, as_they_are, &test, &error) || rg_data_make_features(&test, &error) ||
        rg_data_batches_new(&batches, &digits, (rg_data_batch_options){ .size = 32, .seed = 42 }, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }

    rg_params *theta = rg_params_new(RG_F32, 42);
    rg_nn *net = RG_MLP(theta, rg_relu, digits.width, 64, digits.classes);
    rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 2e-3 });
    rg_tape *tape = rg_tape_new();
    double reached = 0;
    for (int epoch = 1; epoch <= 3 && !rg_failed(tape); epoch++) {
        train(tape, net, opt, &batches);
        reached = accuracy(tape, net, &test);
        printf("epoch %d: %.1f %% of the test images read right\n", epoch, 100 * reached);
    }
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));

    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_nn_free(net);
    rg_params_free(theta);
    rg_data_batches_free(&batches);
    rg_data_free(&digits);
    rg_data_free(&test);
    return reached > 0.9 ? 0 : 1;
}
