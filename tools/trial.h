/* trial.h: a training step on random examples, for the subcommands that look at what it costs. */
#ifndef RETROGRAD_TOOLS_TRIAL_H
#define RETROGRAD_TOOLS_TRIAL_H

#include "model.h"
#include "optim.h"
#include "training.h"

typedef struct {
    tool_model_options model;
    int64_t inputs, outputs, batch;
    int optimizer;
    const char *load;
} tool_trial_options;

/* The rows for these options in a table of a struct that has a tool_trial_options at offset `at`. */
#define TOOL_TRIAL_ROWS(at)                                                                                        \
    TOOL_MODEL_ROWS((at) + offsetof(tool_trial_options, model)),                                                   \
    { TOOL_INTEGER, "inputs", "N", (at) + offsetof(tool_trial_options, inputs), "784", .low = 1, .high = 1 << 24,  \
      .help = "features of an example" },                                                                          \
    { TOOL_INTEGER, "outputs", "N", (at) + offsetof(tool_trial_options, outputs), "10", .low = 1, .high = 1 << 20, \
      .help = "classes; 1: a number is predicted" },                                                               \
    { TOOL_TEXT, "load", "FILE", (at) + offsetof(tool_trial_options, load), NULL,                                  \
      .help = "the network in this file instead" },                                                                \
    { TOOL_INTEGER, "batch", "N", (at) + offsetof(tool_trial_options, batch), "64", .low = 1, .high = 1 << 20,     \
      .help = "examples in a step" },                                                                              \
    { TOOL_CHOICE, "optimizer", NULL, (at) + offsetof(tool_trial_options, optimizer), "sgd",                       \
      .choices = TOOL_OPTIMIZERS, .help = "how steps are taken" }

/* All zeros is none; free it with tool_trial_free. */
typedef struct {
    const tool_trial_options *options;
    tool_model model;
    rg_opt *opt;
    rg_data_batch examples;
} tool_trial;

/* Each returns the exit status: 0, or else has said why. Whether the options go together; and the network, its
 * optimiser and the examples. */
int tool_trial_check(const tool_command *command, const tool_trial_options *options, const bool *given);
int tool_trial_make(const tool_command *command, const tool_trial_options *options, tool_trial *trial);
void tool_trial_free(tool_trial *trial);

/* Records the network on the examples and their loss, in a scope of its own. */
rg_tensor tool_trial_record(const tool_trial *trial, rg_tape *tape);
/* "batch 64, relu, f32, sgd" */
const char *tool_trial_setting(const tool_trial *trial, char *text, size_t size);

#endif
