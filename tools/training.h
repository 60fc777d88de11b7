/* training.h: one run of `retrograd train`, in parts: prepared, run, saved, told of. */
#ifndef RETROGRAD_TOOLS_TRAINING_H
#define RETROGRAD_TOOLS_TRAINING_H

#include "curves.h"
#include "dataset.h"
#include "evaluate.h"
#include "kept.h"
#include "model.h"
#include "optim.h"
#include "progress.h"
#include "schedule.h"

#define TOOL_OPTIMIZERS "sgd|momentum|adam|adamw"
enum { TOOL_SGD, TOOL_MOMENTUM, TOOL_ADAM, TOOL_ADAMW };

#define TOOL_SCORED_ROWS 10000 /* of the training set are scored after each epoch: the first ones */

/* What can be typed. */
typedef struct {
    const char *data, *label, *test_data;
    double test_split;
    tool_model_options model;
    int optimizer;
    double lr, momentum, weight_decay, clip_norm, clip_value; /* lr 0, weight_decay below 0: the optimiser's usual */
    bool nesterov;
    tool_schedule schedule;
    int64_t batch, epochs, steps, seed, threads, memory; /* memory 0: as much as it takes */
    const char *save, *load, *plot, *graph;
    bool restart, json;
    int progress;
} tool_train_values;

typedef struct {
    const tool_command *command;
    const bool *given;
    tool_train_values values;       /* decided: as typed, as kept in the file, or the defaults */
    rg_nn_state *file;              /* what was loaded, or NULL; texts of the values live in it */
    rg_data_set train, test;
    uint64_t fingerprint;           /* of the training set */
    tool_model model;
    rg_checkpoint_schedule *schedule; /* of the network, for a budget of memory; or NULL */
    size_t workspace;               /* of a step, under it */
    rg_opt *opt;
    rg_tape *tape;
    rg_data_batches batches;
    int64_t first_step, last_step;  /* of this run; the optimiser counts the steps done */
    double seconds;                 /* spent in training steps in this run */
    int64_t samples;                /* trained on in this run */
    bool interrupted, graph_drawn;
    tool_score train_score, test_score;
    tool_curves curves;
    tool_progress progress;
    double saved_at;
} tool_training;

/* Everything before the first step. Like all of these, returns the exit status: 0, or else has said why. */
int tool_training_prepare(tool_training *t);
/* The steps, with evaluations between epochs, until all are done or a signal (SIGINT, SIGTERM) asks for the end. */
int tool_training_run(tool_training *t);
void tool_training_free(tool_training *t);

int64_t tool_training_step(const tool_training *t);
double tool_training_epoch(const tool_training *t);

/* checkpoint.c: the file holds the model, the kept options, the optimiser's vectors, the number of steps done (and
 * with it the place in the shuffled data), the counter of random numbers and the fingerprint of the data, so that
 * going on from it gives the bits that not stopping would have given. */
int tool_checkpoint_save(const tool_training *t);
/* Whether it can be saved, as far as that can be known beforehand. */
int tool_checkpoint_check(const tool_training *t);
int tool_checkpoint_restore(tool_training *t);

/* train_report.c */
void tool_report_beginning(const tool_training *t);
int tool_report_end(const tool_training *t);

double tool_now(void);

#endif
