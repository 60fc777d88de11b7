/* trial.h: a training step on random examples, for the subcommands that look at what it costs. */
#ifndef RETROGRAD_TOOLS_TRIAL_H
#define RETROGRAD_TOOLS_TRIAL_H

#include "model.h"
#include "optim.h"
#include "training.h"

typedef struct {
    tool_description described;
    int optimizer;
} tool_trial_options;

/* The rows for these options in a table of a struct that has a tool_trial_options at offset `at`. */
#define TOOL_TRIAL_ROWS(at)                                                                                        \
    TOOL_DESCRIPTION_ROWS((at) + offsetof(tool_trial_options, described)),                                         \
    { TOOL_CHOICE, "optimizer", NULL, (at) + offsetof(tool_trial_options, optimizer), "sgd",                       \
      .choices = TOOL_OPTIMIZERS, .help = "how steps are taken" }

/* All zeros is none; free it with tool_trial_free. */
typedef struct {
    const tool_trial_options *options;
    tool_model model;
    rg_opt *opt;
    rg_data_batch examples;
} tool_trial;

/* The network, its optimiser and the examples. Returns the exit status: 0, or else it has said why. */
int tool_trial_make(const tool_command *command, const tool_trial_options *options, tool_trial *trial);
void tool_trial_free(tool_trial *trial);

/* Records the network on the examples and their loss, in a scope of its own. */
rg_tensor tool_trial_record(const tool_trial *trial, rg_tape *tape);
/* "batch 64, relu, f32, sgd" */
const char *tool_trial_setting(const tool_trial *trial, char *text, size_t size);

#endif
