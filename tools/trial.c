/* trial.c: a training step on random examples. */
#include "trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NUMBERS = 1 << 28 };

int tool_trial_check(const tool_command *command, const tool_trial_options *options, const bool *given)
{
    static const char *const described[] = { "layers", "activation", "loss", "dropout", "dtype", "inputs", "outputs" };

    for (size_t i = 0; i < sizeof described / sizeof described[0] && options->load != NULL; i++)
        if (tool_given(command, given, described[i]))
            return tool_misuse(command, "--load and --%s exclude each other: the file has it", described[i]);
    return 0;
}

static rg_status make_model(const tool_trial_options *options, tool_model *model, rg_error *error)
{
    const int32_t classes = options->outputs == 1 ? 0 : (int32_t)options->outputs;
    rg_data_set described = { .width = options->inputs, .classes = classes };

    if (options->load == NULL)
        return tool_model_new(model, options->model, &described, 1, error);
    rg_nn_state *state = rg_nn_state_load(options->load, error);
    rg_status status = state == NULL ? error->status : tool_model_load(model, state, -1, 1, options->load, error);
    rg_nn_state_free(state);
    return status;
}

static rg_opt *make_optimizer(rg_params *theta, int which)
{
    switch (which) {
    case TOOL_MOMENTUM: return rg_opt_sgd(theta, (rg_opt_sgd_options){ .momentum = 0.9 });
    case TOOL_ADAM: return rg_opt_adam(theta, (rg_opt_adam_options){ 0 });
    case TOOL_ADAMW: return rg_opt_adamw(theta, (rg_opt_adam_options){ .weight_decay = 0.01 });
    default: return rg_opt_sgd(theta, (rg_opt_sgd_options){ 0 });
    }
}

/* Random examples, whose labels cannot be learned: how long a step takes does not depend on them, as long as they are
 * ordinary numbers. */
static bool draw_examples(tool_trial *trial)
{
    const size_t count = (size_t)trial->options->batch, numbers = count * (size_t)trial->model.inputs;
    const rg_dtype dtype = tool_dtype(&trial->model.options);
    const size_t item = rg_dtype_size(dtype);
    void *features = calloc(numbers, item), *targets = calloc(count, item);
    int32_t *labels = calloc(count, sizeof *labels);

    trial->examples = (rg_data_batch){ .count = trial->options->batch, .dtype = dtype, .features = features,
                                       .labels = labels, .targets = targets };
    if (features == NULL || targets == NULL || labels == NULL)
        return false;
    for (size_t i = 0; i < numbers + count; i++) {
        void *to = i < numbers ? features : targets;
        size_t at = i < numbers ? i : i - numbers;
        double number = rg_random_normal(1, 1, i);
        if (dtype == RG_F32)
            ((float *)to)[at] = (float)number;
        else
            ((double *)to)[at] = number;
    }
    for (size_t i = 0; i < count && trial->model.classes > 0; i++)
        labels[i] = (int32_t)(rg_random_bits(1, 2, i) % (uint64_t)trial->model.classes);
    return true;
}

int tool_trial_make(const tool_command *command, const tool_trial_options *options, tool_trial *trial)
{
    rg_error error;

    *trial = (tool_trial){ .options = options };
    if (make_model(options, &trial->model, &error) != RG_OK)
        return tool_fail(command, "%s", error.message);
    trial->opt = make_optimizer(trial->model.theta, options->optimizer);
    bool fits = options->batch <= MOST_NUMBERS / trial->model.inputs;
    return trial->opt != NULL && fits && draw_examples(trial) ? 0 : tool_fail(command, "%s", strerror(ENOMEM));
}

void tool_trial_free(tool_trial *trial)
{
    free((void *)(uintptr_t)trial->examples.features);
    free((void *)(uintptr_t)trial->examples.labels);
    free((void *)(uintptr_t)trial->examples.targets);
    rg_opt_free(trial->opt);
    tool_model_free(&trial->model);
}

rg_tensor tool_trial_record(const tool_trial *trial, rg_tape *tape)
{
    rg_tensor outputs = tool_model_forward(&trial->model, tape, &trial->examples);
    rg_scope_push(tape, "loss");
    rg_tensor loss = tool_model_loss(&trial->model, tape, &trial->examples, outputs);
    rg_scope_pop(tape);
    return loss;
}

const char *tool_trial_setting(const tool_trial *trial, char *text, size_t size)
{
    const tool_model_options *model = &trial->model.options;
    char activation[16], dtype[8];

    snprintf(text, size, "batch %" PRId64 ", %s, %s, %s", trial->options->batch,
             tool_choice_name(TOOL_ACTIVATIONS, model->activation, activation, sizeof activation),
             tool_choice_name(TOOL_DTYPES, model->dtype, dtype, sizeof dtype), rg_opt_name(trial->opt));
    return text;
}
