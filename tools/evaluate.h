/* evaluate.h: how well a model does on examples. */
#ifndef RETROGRAD_TOOLS_EVALUATE_H
#define RETROGRAD_TOOLS_EVALUATE_H

#include "curves.h"
#include "model.h"

#define TOOL_EVALUATION_BATCH 500

typedef struct {
    const tool_model *model;
    const rg_data_set *set;
    int64_t rows;     /* the first so many examples */
    double *outputs;  /* [rows, model->outputs] to be filled, or NULL */
} tool_evaluation;

/* Goes through the examples in order, in batches of fixed size with a smaller one at the end, without dropout and
 * without gradients. The score is NaN where there is nothing to compare with. Resets the tape. */
rg_status tool_evaluate(const tool_evaluation *evaluation, rg_tape *tape, tool_score *score, rg_error *error);

#endif
