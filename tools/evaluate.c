/* evaluate.c: how well a model does on examples. */
#include "evaluate.h"

#include <math.h>

static double element(const void *data, rg_dtype dtype, int64_t i)
{
    return dtype == RG_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

/* Reads the rows of outputs: how many are right. */
static int64_t read_rows(const tool_evaluation *evaluation, const rg_data_batch *batch, const void *data,
                         int64_t first)
{
    const tool_model *model = evaluation->model;
    int64_t right = 0, width = model->outputs;

    for (int64_t i = 0; i < batch->count; i++) {
        int32_t best = 0;
        for (int64_t k = 0; k < width; k++) {
            double value = element(data, batch->dtype, i * width + k);
            if (value > element(data, batch->dtype, i * width + best))
                best = (int32_t)k;
            if (evaluation->outputs != NULL)
                evaluation->outputs[(first + i) * width + k] = value;
        }
        if (width == 1)
            best = element(data, batch->dtype, i) > 0;
        right += batch->labels != NULL && batch->labels[i] == best;
    }
    return right;
}

/* One batch: adds to the sum of losses and to the examples that are right. */
static bool evaluate_batch(const tool_evaluation *evaluation, rg_tape *tape, const rg_data_batch *batch, double *loss,
                           int64_t *right)
{
    rg_tensor wanted[2] = { tool_model_forward(evaluation->model, tape, batch) };
    int count = 1;

    if (batch->labels != NULL || batch->targets != NULL)
        wanted[count++] = tool_model_loss(evaluation->model, tape, batch, wanted[0]);
    if (rg_eval(count, wanted) != RG_OK)
        return false;
    if (count == 2)
        *loss += rg_item(wanted[1]) * (double)batch->count;
    const void *data = rg_data(wanted[0]);
    if (data == NULL)
        return false;
    *right += read_rows(evaluation, batch, data, batch->rows[0]);
    return true;
}

rg_status tool_evaluate(const tool_evaluation *evaluation, rg_tape *tape, tool_score *score, rg_error *error)
{
    const rg_data_batch_options in_order = { .size = TOOL_EVALUATION_BATCH, .in_order = true };
    rg_data_set part = *evaluation->set; /* borrows its first rows */
    rg_data_batches batches;
    rg_data_batch batch;
    double loss = 0;
    int64_t right = 0;

    part.count = part.shape.size[0] = evaluation->rows;
    rg_status status = rg_data_batches_new(&batches, &part, in_order, error);
    if (status != RG_OK)
        return status;
    bool training = rg_training(tape, false), constant = rg_no_grad(tape, true);
    rg_tape_reset(tape);
    while (rg_data_batches_next(&batches, &batch) && evaluate_batch(evaluation, tape, &batch, &loss, &right))
        rg_tape_reset(tape);
    rg_tape_reset(tape);
    rg_training(tape, training);
    rg_no_grad(tape, constant);
    rg_data_batches_free(&batches);
    score->loss = part.labels != NULL || part.targets != NULL ? loss / (double)part.count : NAN;
    score->accuracy = part.labels != NULL ? (double)right / (double)part.count : NAN;
    if (!rg_failed(tape))
        return RG_OK;
    *error = (rg_error){ .status = rg_tape_status(tape) };
    snprintf(error->message, sizeof error->message, "%s", rg_message(tape));
    return error->status;
}
