/* A deep network trained in a quarter of the memory that it takes: what to keep and what to compute again is planned,
 * by dynamic programming, and then carried out. The losses are the same to the bit. */
#include <retrograd.h>
#include <stdlib.h>

enum { LAYERS = 64, WIDE = 128, ROWS = 256, STEPS = 8 };

typedef struct {
    rg_chain layers;
    const float *target;
} model;

/* The layers, and then the loss: the last stage of the chain. */
static rg_tensor stage(void *context, int i, rg_tensor x)
{
    const model *m = context;
    if (i < m->layers.count) return m->layers.stage(m->layers.context, i, x);
    return rg_mse(x, rg_input_borrowed(x.tape, RG_F32, RG_SHAPE(ROWS, WIDE), m->target));
}

/* Trains from the same beginning, within a quarter of the workspace or in as much as it takes. */
static bool train(bool budget, const float *input, const float *target, double *loss, uint64_t *bytes)
{
    int64_t sizes[LAYERS + 1];
    for (int i = 0; i <= LAYERS; i++) sizes[i] = WIDE;
    rg_params *theta = rg_params_new(RG_F32, 7);
    rg_nn *net = rg_nn_mlp(theta, rg_tanh, sizes, LAYERS + 1);
    rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 1e-4 });
    rg_tape *tape = rg_tape_new();
    model m = { rg_nn_chain(net), target };
    const rg_chain chain = { stage, &m, LAYERS + 1 };
    rg_checkpoint_schedule *schedule = NULL;

    if (budget) {
        rg_tensor x = rg_input_borrowed(tape, RG_F32, RG_SHAPE(ROWS, WIDE), input);
        const size_t all = rg_chain_workspace(&chain, x, NULL);
        schedule = rg_chain_plan(&chain, x, all / 4);
        if (schedule)
            printf("%.1f MB of %.1f MB; %d checkpoints, %.0f %% of the forward pass is computed again\n",
                   (double)schedule->peak / 1e6, (double)all / 1e6, schedule->ranges,
                   100 * schedule->again / schedule->forward);
        rg_tape_reset(tape);
    }
    for (int step = 0; step < STEPS && !rg_failed(tape); step++) {
        rg_tensor x = rg_input_borrowed(tape, RG_F32, RG_SHAPE(ROWS, WIDE), input);
        rg_tensor y = rg_chain_forward(&chain, x, schedule);
        rg_backward(y);
        rg_opt_step(opt);
        loss[step] = rg_item(y);
        rg_tape_reset(tape);
    }
    if (rg_failed(tape)) fprintf(stderr, "%s\n", rg_message(tape));
    const bool done = !rg_failed(tape) && (schedule || !budget);
    *bytes = rg_tape_get_stats(tape).workspace_bytes;
    rg_checkpoint_schedule_free(schedule);
    rg_tape_free(tape), rg_opt_free(opt), rg_nn_free(net), rg_params_free(theta);
    return done;
}

int main(void)
{
    static float input[ROWS * WIDE], target[ROWS * WIDE];
    double kept[STEPS], again[STEPS];
    uint64_t all, less;
    for (int i = 0; i < ROWS * WIDE; i++) {
        input[i] = (float)rg_random_normal(1, 1, (uint64_t)i);
        target[i] = (float)rg_random_normal(1, 2, (uint64_t)i) / 4;
    }
    if (!train(false, input, target, kept, &all) || !train(true, input, target, again, &less)) return 1;
    bool same = true;
    for (int step = 0; step < STEPS; step++) same = same && kept[step] == again[step];
    printf("loss %.6f to %.6f, in %.1f MB and in %.1f MB: %s\n", kept[0], kept[STEPS - 1], (double)all / 1e6,
           (double)less / 1e6, same ? "the same bits" : "which differ");
    return same && less <= all / 4 && kept[STEPS - 1] < kept[0] ? 0 : 1;
}
