/* model.h: the multi-layer perceptron that the subcommands share: its options, the network itself, what it takes to
 * feed it and to read it, and all of that in a file. */
#ifndef RETROGRAD_TOOLS_MODEL_H
#define RETROGRAD_TOOLS_MODEL_H

#include "autograd.h"
#include "data.h"
#include "nn.h"
#include "options.h"

#define TOOL_MOST_LAYERS 32
#define TOOL_ACTIVATIONS "relu|tanh|sigmoid"
#define TOOL_LOSSES "auto|xent|mse|bce"
#define TOOL_DTYPES "f32|f64"
enum { TOOL_LOSS_AUTO, TOOL_LOSS_XENT, TOOL_LOSS_MSE, TOOL_LOSS_BCE };

/* Sizes of the hidden layers, as in "128,64"; "none" for none. */
typedef struct {
    int count;
    int64_t size[TOOL_MOST_LAYERS];
} tool_layers;

bool tool_layers_parse(const char *text, void *layers);
void tool_layers_print(const void *layers, char *text, size_t size);

typedef struct {
    tool_layers layers;
    int activation, loss, dtype; /* positions in the lists above */
    double dropout;
} tool_model_options;

/* The rows for these options in a table of a struct that has a tool_model_options at offset `at`. */
#define TOOL_MODEL_ROWS(at)                                                                                        \
    { TOOL_PARSED, "layers", "SIZES", (at) + offsetof(tool_model_options, layers), "128",                          \
      .help = "sizes of the hidden layers, such as 128,64; or none", .parse = tool_layers_parse,             \
      .print = tool_layers_print, .wants = "up to 32 sizes such as 128,64, or none", .keeping = TOOL_KEPT_MODEL }, \
    { TOOL_CHOICE, "activation", NULL, (at) + offsetof(tool_model_options, activation), "relu",                    \
      .help = "what follows each hidden layer", .choices = TOOL_ACTIVATIONS, .keeping = TOOL_KEPT_MODEL },         \
    { TOOL_CHOICE, "loss", NULL, (at) + offsetof(tool_model_options, loss), "auto",                                \
      .help = "what is minimised: cross-entropy over classes, mean squared error, or binary cross-entropy (one "   \
              "output for two classes, else one for each). auto: xent for classes, mse for numbers",               \
      .choices = TOOL_LOSSES, .keeping = TOOL_KEPT_MODEL },                                                        \
    { TOOL_NUMBER, "dropout", "P", (at) + offsetof(tool_model_options, dropout), "0",                              \
      .help = "probability with which a hidden unit is left out of a training step", .low = 0, .high = 1,          \
      .below = true, .keeping = TOOL_KEPT },                                                                       \
    { TOOL_CHOICE, "dtype", NULL, (at) + offsetof(tool_model_options, dtype), "f32",                               \
      .help = "numbers with 32 or 64 bits", .choices = TOOL_DTYPES, .keeping = TOOL_KEPT_MODEL }

rg_dtype tool_dtype(const tool_model_options *options);

/* A network and what belongs to it. All zeros is no model; free it with tool_model_free. */
typedef struct {
    tool_model_options options;   /* the loss is decided, never auto */
    int64_t inputs, outputs;
    int32_t classes;              /* 0: it predicts a number */
    char **class_names;           /* [classes], one block; NULL: classes are called by their numbers */
    rg_data_standardiser inputs_scale, target_scale; /* of width 0: numbers are taken as they are */
    rg_params *theta;
    rg_nn *net;
    const rg_nn_loss *loss;
} tool_model;

/* A new network, randomly initialised: for the classes and the width of a set (which may be described only, without
 * data). The scales stay empty. */
rg_status tool_model_new(tool_model *model, tool_model_options options, const rg_data_set *set, uint64_t seed,
                         rg_error *error);
void tool_model_free(tool_model *model);

/* Adds all of the model to a state, and makes a model from one again. For training it once more: dropout to use
 * instead of the file's, if not negative, and the seed of its random numbers. */
void tool_model_save(const tool_model *model, rg_nn_state *state);
rg_status tool_model_load(tool_model *model, const rg_nn_state *state, double dropout, uint64_t seed, const char *path,
                          rg_error *error);

/* Whether the set can be fed to the model: its width and classes. */
rg_status tool_model_fits(const tool_model *model, const rg_data_set *set, const char *path, rg_error *error);
/* Finds the scales on a set, or applies them to one. */
rg_status tool_model_find_scales(tool_model *model, const rg_data_set *set, rg_error *error);
rg_status tool_model_apply_scales(const tool_model *model, rg_data_set *set, rg_error *error);

/* A model without a data set: a new one for examples of that shape, or the one in a file. */
typedef struct {
    tool_model_options model;
    int64_t inputs, outputs, batch;
    const char *load;
} tool_description;

/* The rows for it in a table of a struct that has a tool_description at offset `at`. */
#define TOOL_DESCRIPTION_ROWS(at)                                                                                  \
    TOOL_MODEL_ROWS((at) + offsetof(tool_description, model)),                                                     \
    { TOOL_INTEGER, "inputs", "N", (at) + offsetof(tool_description, inputs), "784", .low = 1, .high = 1 << 24,    \
      .help = "features of an example" },                                                                          \
    { TOOL_INTEGER, "outputs", "N", (at) + offsetof(tool_description, outputs), "10", .low = 1, .high = 1 << 20,   \
      .help = "classes; 1: a number is predicted" },                                                               \
    { TOOL_INTEGER, "batch", "N", (at) + offsetof(tool_description, batch), "64", .low = 1, .high = 1 << 20,       \
      .help = "examples in a step" },                                                                              \
    { TOOL_TEXT, "load", "FILE", (at) + offsetof(tool_description, load), NULL,                                    \
      .help = "the network in this file instead" }

/* Whether the options go together: the exit status, 0, or else it has said why. */
int tool_description_check(const tool_command *command, const tool_description *described, const bool *given);
rg_status tool_model_described(tool_model *model, const tool_description *described, uint64_t seed, rg_error *error);

/* Random examples, whose labels cannot be learned: how long a step takes, and how much memory, does not depend on them,
 * as long as they are ordinary numbers. False when out of memory, or where they are more than anyone means; to be freed
 * either way. */
bool tool_batch_draw(const tool_model *model, int64_t count, rg_data_batch *batch);
void tool_batch_free(rg_data_batch *batch);

/* A training step as a chain: a stage for each layer, and the loss. It begins with tool_model_input. */
typedef struct {
    const tool_model *model;
    const rg_data_batch *batch;
} tool_model_step;
rg_chain tool_model_chain(tool_model_step *step);
rg_tensor tool_model_input(const tool_model *model, rg_tape *tape, const rg_data_batch *batch);

/* Records the network on a batch: its outputs [count, outputs]. */
rg_tensor tool_model_forward(const tool_model *model, rg_tape *tape, const rg_data_batch *batch);
/* Records the loss of outputs on the same batch's labels or targets. */
rg_tensor tool_model_loss(const tool_model *model, rg_tape *tape, const rg_data_batch *batch, rg_tensor outputs);

/* What one row of outputs says. */
typedef struct {
    int32_t class;       /* -1 for a number */
    double probability;  /* of the class; NaN where the loss gives none */
    double value;        /* the number, in the target's own units */
} tool_prediction;

tool_prediction tool_model_read(const tool_model *model, const double *outputs);
/* The class as text; its number in `text` if it has no name. */
const char *tool_class_name(const tool_model *model, int32_t class, char *text, size_t size);
/* "784-128-10" */
void tool_model_sizes(const tool_model *model, char *text, size_t size);

#endif
