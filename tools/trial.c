/* trial.c: a training step on random examples. */
#include "trial.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static rg_opt *make_optimizer(rg_params *theta, int which)
{
    switch (which) {
    case TOOL_MOMENTUM: return rg_opt_sgd(theta, (rg_opt_sgd_options){ .momentum = 0.9 });
    case TOOL_ADAM: return rg_opt_adam(theta, (rg_opt_adam_options){ 0 });
    case TOOL_ADAMW: return rg_opt_adamw(theta, (rg_opt_adam_options){ .weight_decay = 0.01 });
    default: return rg_opt_sgd(theta, (rg_opt_sgd_options){ 0 });
    }
}

int tool_trial_make(const tool_command *command, const tool_trial_options *options, tool_trial *trial)
{
    rg_error error;

    *trial = (tool_trial){ .options = options };
    if (tool_model_described(&trial->model, &options->described, 1, &error) != RG_OK)
        return tool_fail(command, "%s", error.message);
    trial->opt = make_optimizer(trial->model.theta, options->optimizer);
    bool ready = trial->opt != NULL && tool_batch_draw(&trial->model, options->described.batch, &trial->examples);
    return ready ? 0 : tool_fail(command, "%s", strerror(ENOMEM));
}

void tool_trial_free(tool_trial *trial)
{
    tool_batch_free(&trial->examples);
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

    snprintf(text, size, "batch %" PRId64 ", %s, %s, %s", trial->options->described.batch,
             tool_choice_name(TOOL_ACTIVATIONS, model->activation, activation, sizeof activation),
             tool_choice_name(TOOL_DTYPES, model->dtype, dtype, sizeof dtype), rg_opt_name(trial->opt));
    return text;
}
