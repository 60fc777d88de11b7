/* checkpoint.c: a training, stopped and gone on with. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "output.h"
#include "training.h"

static rg_nn_state *describe(const tool_training *t)
{
    rg_nn_state *state = rg_nn_state_new();
    char fingerprint[24];

    if (state == NULL)
        return NULL;
    tool_model_save(&t->model, state);
    tool_kept_save(t->command->options, &t->values, state);
    for (int i = 0; i < rg_opt_state_count(t->opt); i++)
        rg_nn_state_add_borrowed(state, rg_opt_state_name(t->opt, i), rg_params_dtype(t->model.theta),
                                 RG_SHAPE(rg_params_count(t->model.theta)), rg_opt_state_data(t->opt, i));
    rg_nn_state_set_integer(state, "step", rg_opt_step_count(t->opt));
    rg_nn_state_set_integer(state, "random_counter", rg_params_random_counter(t->model.theta));
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, t->fingerprint);
    rg_nn_state_set_text(state, "data_fingerprint", fingerprint);
    return state;
}

int tool_checkpoint_save(const tool_training *t)
{
    rg_nn_state *state = describe(t);
    rg_error error;

    if (state == NULL)
        return tool_fail(t->command, "cannot save %s: %s", t->values.save, strerror(ENOMEM));
    rg_status status = rg_nn_state_save(state, t->values.save, &error);
    rg_nn_state_free(state);
    return status == RG_OK ? 0 : tool_fail(t->command, "%s", error.message);
}

int tool_checkpoint_check(const tool_training *t)
{
    rg_nn_state *state = describe(t);
    char message[512];

    if (state == NULL)
        return tool_fail(t->command, "%s", strerror(ENOMEM));
    bool good = rg_nn_state_status(state) == RG_OK;
    if (!good)
        tool_fail(t->command, "cannot save %s: %s", t->values.save, rg_nn_state_message(state));
    rg_nn_state_free(state);
    if (good && !tool_output_check(t->values.save, true, message, sizeof message))
        return tool_fail(t->command, "%s", message);
    return good ? 0 : 1;
}

int tool_checkpoint_restore(tool_training *t)
{
    const char *path = t->values.load, *text = rg_nn_state_get_text(t->file, "data_fingerprint");
    uint64_t step, counter;
    char fingerprint[24];

    if (!rg_nn_state_get_integer(t->file, "step", &step) || text == NULL || step > INT64_MAX ||
        !rg_nn_state_get_integer(t->file, "random_counter", &counter))
        return tool_fail(t->command, "%s holds no training to go on with; --restart trains its network afresh", path);
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, t->fingerprint);
    if (strcmp(text, fingerprint) != 0)
        return tool_fail(t->command, "%s was trained on other data than %s; --restart trains its network afresh", path,
                         t->values.data);
    for (int i = 0; i < rg_opt_state_count(t->opt); i++) {
        rg_nn_state_tensor saved = rg_nn_state_find(t->file, rg_opt_state_name(t->opt, i));
        if (saved.data == NULL || saved.dtype != rg_params_dtype(t->model.theta) ||
            !rg_shape_equal(saved.shape, RG_SHAPE(rg_params_count(t->model.theta))))
            return tool_fail(t->command, "%s lacks %s, or it has another size", path, rg_opt_state_name(t->opt, i));
        memcpy(rg_opt_state_data(t->opt, i), saved.data, saved.bytes);
    }
    rg_opt_set_step_count(t->opt, step);
    rg_params_set_random_counter(t->model.theta, counter);
    return 0;
}
