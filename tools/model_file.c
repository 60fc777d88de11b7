/* model_file.c: a model in a safetensors file. The parameters stand under their own names, the scales as tensors
 * with a colon in theirs, and what else describes the model as text in the metadata. */
#include "model.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"

static const tool_option rows[] = { TOOL_MODEL_ROWS(0), { .kind = TOOL_END } };

enum { MOST_CLASSES = 1 << 20 };

static rg_status malformed(rg_error *error, const char *path, const char *what)
{
    error->status = RG_E_FORMAT;
    snprintf(error->message, sizeof error->message, "%.200s is no model of 'retrograd train': %.200s", path, what);
    return RG_E_FORMAT;
}

static rg_status out_of_memory(rg_error *error)
{
    error->status = RG_E_MEMORY;
    snprintf(error->message, sizeof error->message, "%s", strerror(ENOMEM));
    return RG_E_MEMORY;
}

static void save_scale(const rg_data_standardiser *scale, const char *mean, const char *deviation, rg_nn_state *state)
{
    if (scale->width == 0)
        return;
    rg_nn_state_add_borrowed(state, mean, RG_F64, RG_SHAPE(scale->width), scale->mean);
    rg_nn_state_add_borrowed(state, deviation, RG_F64, RG_SHAPE(scale->width), scale->deviation);
}

void tool_model_save(const tool_model *model, rg_nn_state *state)
{
    rg_nn_state_set_text(state, "format", "retrograd model 1");
    rg_nn_state_set_integer(state, "inputs", (uint64_t)model->inputs);
    rg_nn_state_set_integer(state, "classes", (uint64_t)model->classes);
    if (model->class_names != NULL) {
        cJSON *names = cJSON_CreateStringArray((const char *const *)model->class_names, model->classes);
        char *text = names == NULL ? NULL : cJSON_PrintUnformatted(names);
        rg_nn_state_set_text(state, "class_names", text); /* NULL sticks as an error */
        cJSON_free(text);
        cJSON_Delete(names);
    }
    tool_kept_save(rows, &model->options, state);
    rg_nn_state_add_params(state, model->theta);
    save_scale(&model->inputs_scale, "scale:mean", "scale:deviation", state);
    save_scale(&model->target_scale, "target:mean", "target:deviation", state);
}

static bool load_vector(const rg_nn_state *state, const char *name, int64_t width, double **out)
{
    rg_nn_state_tensor tensor = rg_nn_state_find(state, name);

    if (tensor.data == NULL || tensor.dtype != RG_F64 || !rg_shape_equal(tensor.shape, RG_SHAPE(width)))
        return false;
    *out = malloc(tensor.bytes);
    if (*out != NULL)
        memcpy(*out, tensor.data, tensor.bytes);
    return true;
}

/* A scale may be missing, but not in part. */
static rg_status load_scale(const rg_nn_state *state, const char *mean, const char *deviation, int64_t width,
                            rg_data_standardiser *scale, const char *path, rg_error *error)
{
    if (rg_nn_state_find(state, mean).data == NULL && rg_nn_state_find(state, deviation).data == NULL)
        return RG_OK;
    if (!load_vector(state, mean, width, &scale->mean) || !load_vector(state, deviation, width, &scale->deviation))
        return malformed(error, path, "its scales do not fit");
    scale->width = width;
    return scale->mean != NULL && scale->deviation != NULL ? RG_OK : out_of_memory(error);
}

/* The names as pointers into a JSON array, which the caller deletes. */
static rg_status read_names(const rg_nn_state *state, int32_t classes, cJSON **array, const char ***names,
                            const char *path, rg_error *error)
{
    const char *text = rg_nn_state_get_text(state, "class_names");
    int32_t i = 0;

    if (text == NULL)
        return RG_OK;
    *array = cJSON_Parse(text);
    if (classes == 0 || !cJSON_IsArray(*array) || cJSON_GetArraySize(*array) != classes)
        return malformed(error, path, "its class names do not fit");
    *names = malloc((size_t)classes * sizeof **names);
    if (*names == NULL)
        return out_of_memory(error);
    for (const cJSON *item = (*array)->child; item != NULL; item = item->next) {
        if (!cJSON_IsString(item))
            return malformed(error, path, "its class names do not fit");
        (*names)[i++] = item->valuestring;
    }
    return RG_OK;
}

/* The numbers of the description must be those of the tensors before anything is allocated for them. */
static rg_status check_sizes(const tool_model_options *options, const rg_data_set *set, const rg_nn_state *state,
                             const char *path, rg_error *error)
{
    int64_t in = set->width;

    for (int i = 0; i <= options->layers.count; i++) {
        char name[32];
        snprintf(name, sizeof name, "fc%d.weight", i + 1);
        rg_nn_state_tensor weight = rg_nn_state_find(state, name);
        bool last = i == options->layers.count;
        int64_t out = weight.data == NULL || weight.shape.rank != 2 ? 0 : weight.shape.size[0];
        if (out == 0 || weight.shape.size[1] != in || (!last && out != options->layers.size[i]) ||
            (last && out != 1 && out != set->classes))
            return malformed(error, path, "its layers do not fit its tensors");
        in = out;
    }
    return RG_OK;
}

static rg_status load_into(tool_model *model, const rg_nn_state *state, tool_model_options options,
                           const rg_data_set *described, uint64_t seed, const char *path, rg_error *error)
{
    rg_error reason;
    rg_status status = check_sizes(&options, described, state, path, error);

    if (status == RG_OK)
        status = tool_model_new(model, options, described, seed, error);
    if (status == RG_OK && rg_nn_state_get_params(state, model->theta, &reason) != RG_OK)
        status = malformed(error, path, reason.message);
    if (status == RG_OK)
        status = load_scale(state, "scale:mean", "scale:deviation", model->inputs, &model->inputs_scale, path, error);
    if (status == RG_OK)
        status = load_scale(state, "target:mean", "target:deviation", 1, &model->target_scale, path, error);
    return status;
}

rg_status tool_model_load(tool_model *model, const rg_nn_state *state, double dropout, uint64_t seed, const char *path,
                          rg_error *error)
{
    tool_model_options options = { .dropout = 0 };
    const char *format = rg_nn_state_get_text(state, "format");
    uint64_t inputs, classes;
    cJSON *array = NULL;
    const char **names = NULL;

    *model = (tool_model){ 0 };
    if (format == NULL || strcmp(format, "retrograd model 1") != 0)
        return malformed(error, path, "it does not say that it is one");
    if (!rg_nn_state_get_integer(state, "inputs", &inputs) || !rg_nn_state_get_integer(state, "classes", &classes) ||
        inputs < 1 || inputs > INT32_MAX || classes > MOST_CLASSES)
        return malformed(error, path, "its inputs or classes are missing");
    rg_status status = tool_kept_load(rows, NULL, TOOL_GO_ON, state, path, &options, error);
    if (dropout >= 0)
        options.dropout = dropout;
    if (status == RG_OK)
        status = read_names(state, (int32_t)classes, &array, &names, path, error);
    rg_data_set described = { .width = (int64_t)inputs, .classes = (int32_t)classes, .class_names = names };
    if (status == RG_OK)
        status = load_into(model, state, options, &described, seed, path, error);
    free(names);
    cJSON_Delete(array);
    return status;
}
