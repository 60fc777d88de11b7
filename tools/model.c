/* model.c: the multi-layer perceptron that the subcommands share. */
#define _POSIX_C_SOURCE 200809L
#include "model.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_UNITS = 1 << 24 };

bool tool_layers_parse(const char *text, void *slot)
{
    tool_layers *layers = slot;

    *layers = (tool_layers){ 0 };
    if (strcmp(text, "none") == 0)
        return true;
    for (const char *at = text; ; at++) {
        char word[24];
        size_t length = strcspn(at, ",");
        int64_t size;
        if (length >= sizeof word || layers->count == TOOL_MOST_LAYERS)
            return false;
        memcpy(word, at, length);
        word[length] = '\0';
        if (!tool_integer(word, &size) || size < 1 || size > MOST_UNITS)
            return false;
        layers->size[layers->count++] = size;
        at += length;
        if (*at == '\0')
            return true;
    }
}

void tool_layers_print(const void *slot, char *text, size_t size)
{
    const tool_layers *layers = slot;
    size_t used = 0;

    snprintf(text, size, "none");
    for (int i = 0; i < layers->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i > 0 ? "," : "", layers->size[i]);
}

void tool_model_sizes(const tool_model *model, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%" PRId64, model->inputs);

    for (int i = 0; i < model->options.layers.count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "-%" PRId64, model->options.layers.size[i]);
    if (used < size)
        snprintf(text + used, size - used, "-%" PRId64, model->outputs);
}

rg_dtype tool_dtype(const tool_model_options *options)
{
    return options->dtype == 1 ? RG_F64 : RG_F32;
}

static rg_status fail(rg_error *error, rg_status status, const char *format, ...) TOOL_PRINTF(3, 4);

static rg_status fail(rg_error *error, rg_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

/* A copy of names, pointers and text in one block; NULL when out of memory. */
static char **copy_names(const char *const *names, int32_t count)
{
    size_t bytes = (size_t)count * sizeof(char *);

    for (int32_t i = 0; i < count; i++)
        bytes += strlen(names[i]) + 1;
    char **copy = malloc(bytes);
    if (copy == NULL)
        return NULL;
    char *text = (char *)(copy + count);
    for (int32_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]) + 1;
        copy[i] = memcpy(text, names[i], length);
        text += length;
    }
    return copy;
}

/* Decides the loss and with it the number of outputs. */
static rg_status decide_loss(tool_model *model, rg_error *error)
{
    static const char *const names[] = { NULL, "xent", "mse", "bce" };
    int *loss = &model->options.loss;

    if (*loss == TOOL_LOSS_AUTO)
        *loss = model->classes > 0 ? TOOL_LOSS_XENT : TOOL_LOSS_MSE;
    if (model->classes == 0 && *loss != TOOL_LOSS_MSE)
        return fail(error, RG_E_ARGUMENT, "--loss %s needs classes, but the labels are numbers; use mse",
                    names[*loss]);
    if (model->classes == 1)
        return fail(error, RG_E_ARGUMENT, "all examples are of one class: there is nothing to learn");
    model->outputs = model->classes == 0 || (*loss == TOOL_LOSS_BCE && model->classes == 2) ? 1 : model->classes;
    model->loss = rg_nn_loss_find(names[*loss]);
    return model->loss != NULL ? RG_OK : fail(error, RG_E_UNSUPPORTED, "no loss called %s", names[*loss]);
}

static rg_status build_network(tool_model *model, uint64_t seed, rg_error *error)
{
    static rg_nn_activation *const activations[] = { rg_relu, rg_tanh, rg_sigmoid };
    const tool_model_options *options = &model->options;
    int64_t sizes[TOOL_MOST_LAYERS + 2] = { model->inputs };
    int count = 1;

    for (int i = 0; i < options->layers.count; i++)
        sizes[count++] = options->layers.size[i];
    sizes[count++] = model->outputs;
    model->theta = rg_params_new(tool_dtype(options), seed);
    if (model->theta == NULL)
        return fail(error, RG_E_MEMORY, "%s", strerror(ENOMEM));
    model->net = rg_nn_mlp_with(model->theta, activations[options->activation], sizes, count,
                                (rg_nn_mlp_options){ .dropout = options->dropout });
    if (rg_params_status(model->theta) != RG_OK)
        return fail(error, rg_params_status(model->theta), "%s", rg_params_message(model->theta));
    return model->net != NULL ? RG_OK : fail(error, RG_E_MEMORY, "%s", strerror(ENOMEM));
}

rg_status tool_model_new(tool_model *model, tool_model_options options, const rg_data_set *set, uint64_t seed,
                         rg_error *error)
{
    *model = (tool_model){ .options = options, .inputs = set->width, .classes = set->classes };
    if (set->class_names != NULL) {
        model->class_names = copy_names(set->class_names, set->classes);
        if (model->class_names == NULL)
            return fail(error, RG_E_MEMORY, "%s", strerror(ENOMEM));
    }
    rg_status status = decide_loss(model, error);
    return status == RG_OK ? build_network(model, seed, error) : status;
}

void tool_model_free(tool_model *model)
{
    rg_nn_free(model->net);
    rg_params_free(model->theta);
    rg_data_standardiser_free(&model->inputs_scale);
    rg_data_standardiser_free(&model->target_scale);
    free(model->class_names);
    *model = (tool_model){ 0 };
}

rg_status tool_model_fits(const tool_model *model, const rg_data_set *set, const char *path, rg_error *error)
{
    if (set->width != model->inputs)
        return fail(error, RG_E_SHAPE, "%s has %" PRId64 " features, but the model takes %" PRId64, path, set->width,
                    model->inputs);
    if (set->labels != NULL && model->classes == 0)
        return fail(error, RG_E_ARGUMENT, "%s has classes, but the model predicts numbers", path);
    if (set->targets != NULL && model->classes != 0)
        return fail(error, RG_E_ARGUMENT, "%s has numbers for labels, but the model predicts classes", path);
    if (set->classes > model->classes)
        return fail(error, RG_E_ARGUMENT, "%s has %d classes, but the model knows %d", path, (int)set->classes,
                    (int)model->classes);
    return RG_OK;
}

/* The targets as a set of one feature, so that a standardiser fits them too. */
static rg_data_set targets_as_features(const rg_data_set *set)
{
    return (rg_data_set){ .count = set->count, .width = 1, .shape = RG_SHAPE(set->count, 1), .dtype = set->dtype,
                          .features = set->targets };
}

rg_status tool_model_find_scales(tool_model *model, const rg_data_set *set, rg_error *error)
{
    rg_status status = rg_data_standardiser_fit(&model->inputs_scale, set, error);
    rg_data_set targets = targets_as_features(set);

    return status == RG_OK && set->targets != NULL
               ? rg_data_standardiser_fit(&model->target_scale, &targets, error) : status;
}

rg_status tool_model_apply_scales(const tool_model *model, rg_data_set *set, rg_error *error)
{
    rg_status status = RG_OK;
    rg_data_set targets = targets_as_features(set);

    if (model->inputs_scale.width > 0)
        status = rg_data_standardiser_apply(&model->inputs_scale, set, error);
    if (status == RG_OK && model->target_scale.width > 0 && set->targets != NULL)
        status = rg_data_standardiser_apply(&model->target_scale, &targets, error);
    return status;
}

int tool_description_check(const tool_command *command, const tool_description *described, const bool *given)
{
    static const char *const in_file[] = { "layers", "activation", "loss", "dropout", "dtype", "inputs", "outputs" };

    for (size_t i = 0; i < sizeof in_file / sizeof in_file[0] && described->load != NULL; i++)
        if (tool_given(command, given, in_file[i]))
            return tool_misuse(command, "--load and --%s exclude each other: the file has it", in_file[i]);
    return 0;
}

rg_status tool_model_described(tool_model *model, const tool_description *described, uint64_t seed, rg_error *error)
{
    rg_data_set set = { .width = described->inputs, .classes = described->outputs == 1 ? 0 : (int32_t)described->outputs };
    const char *path = described->load;

    if (path == NULL)
        return tool_model_new(model, described->model, &set, seed, error);
    rg_nn_state *state = rg_nn_state_load(path, error);
    rg_status status = state == NULL ? error->status : tool_model_load(model, state, -1, seed, path, error);
    rg_nn_state_free(state);
    return status;
}

bool tool_batch_draw(const tool_model *model, int64_t count, rg_data_batch *batch)
{
    enum { MOST_NUMBERS = 1 << 28 };

    *batch = (rg_data_batch){ .count = 0 };
    if (count > MOST_NUMBERS / model->inputs)
        return false;
    const size_t rows = (size_t)count, numbers = rows * (size_t)model->inputs;
    const rg_dtype dtype = tool_dtype(&model->options);
    const size_t item = rg_dtype_size(dtype);
    void *features = calloc(numbers, item), *targets = calloc(rows, item);
    int32_t *labels = calloc(rows, sizeof *labels);

    *batch = (rg_data_batch){ .count = count, .dtype = dtype, .features = features, .labels = labels, .targets = targets };
    if (features == NULL || targets == NULL || labels == NULL)
        return false;
    for (size_t i = 0; i < numbers + rows; i++) {
        void *to = i < numbers ? features : targets;
        size_t at = i < numbers ? i : i - numbers;
        double number = rg_random_normal(1, 1, i);
        if (dtype == RG_F32)
            ((float *)to)[at] = (float)number;
        else
            ((double *)to)[at] = number;
    }
    for (size_t i = 0; i < rows && model->classes > 0; i++)
        labels[i] = (int32_t)(rg_random_bits(1, 2, i) % (uint64_t)model->classes);
    return true;
}

void tool_batch_free(rg_data_batch *batch)
{
    free((void *)(uintptr_t)batch->features);
    free((void *)(uintptr_t)batch->labels);
    free((void *)(uintptr_t)batch->targets);
}

static rg_tensor record_stage(void *context, int i, rg_tensor x)
{
    const tool_model_step *step = context;
    const rg_chain layers = rg_nn_chain(step->model->net);

    return i < layers.count ? layers.stage(layers.context, i, x)
                            : tool_model_loss(step->model, x.tape, step->batch, x);
}

rg_chain tool_model_chain(tool_model_step *step)
{
    return (rg_chain){ record_stage, step, rg_nn_chain(step->model->net).count + 1 };
}

rg_tensor tool_model_input(const tool_model *model, rg_tape *tape, const rg_data_batch *batch)
{
    return rg_name(rg_input_borrowed(tape, batch->dtype, RG_SHAPE(batch->count, model->inputs), batch->features), "x");
}

rg_tensor tool_model_forward(const tool_model *model, rg_tape *tape, const rg_data_batch *batch)
{
    return rg_nn_forward(model->net, tool_model_input(model, tape, batch));
}

rg_tensor tool_model_loss(const tool_model *model, rg_tape *tape, const rg_data_batch *batch, rg_tensor outputs)
{
    rg_tensor target;

    if (model->classes == 0) {
        target = rg_input_borrowed(tape, batch->dtype, RG_SHAPE(batch->count, 1), batch->targets);
        return rg_nn_loss_forward(model->loss, outputs, rg_name(target, "target"));
    }
    target = rg_name(rg_input_borrowed(tape, RG_I32, RG_SHAPE(batch->count), batch->labels), "labels");
    if (!model->loss->labels)
        target = rg_one_hot(target, model->classes, batch->dtype);
    if (!model->loss->labels && model->outputs == 1)
        target = rg_slice(target, 1, 1, 2);
    return rg_nn_loss_forward(model->loss, outputs, target);
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

tool_prediction tool_model_read(const tool_model *model, const double *outputs)
{
    tool_prediction p = { .class = -1, .probability = NAN, .value = outputs[0] };
    double sum = 0;

    if (model->classes == 0) {
        if (model->target_scale.width > 0)
            p.value = outputs[0] * model->target_scale.deviation[0] + model->target_scale.mean[0];
        return p;
    }
    if (model->outputs == 1) {
        p.class = outputs[0] > 0;
        p.probability = logistic(p.class == 1 ? outputs[0] : -outputs[0]);
        return p;
    }
    p.class = 0;
    for (int32_t i = 1; i < model->classes; i++)
        if (outputs[i] > outputs[p.class])
            p.class = i;
    p.value = outputs[p.class];
    for (int32_t i = 0; i < model->classes; i++)
        sum += exp(outputs[i] - p.value);
    if (model->options.loss == TOOL_LOSS_XENT)
        p.probability = 1 / sum;
    else if (model->options.loss == TOOL_LOSS_BCE)
        p.probability = logistic(p.value);
    return p;
}

const char *tool_class_name(const tool_model *model, int32_t class, char *text, size_t size)
{
    if (model->class_names != NULL && class >= 0 && class < model->classes)
        return model->class_names[class];
    snprintf(text, size, "%d", (int)class);
    return text;
}
