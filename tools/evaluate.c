/* evaluate.c: how well a model does on examples. */
#include "evaluate.h"

#include <math.h>

/* Examples first, ..., first + count - 1 where they lie. */
static rg_data_batch view(const rg_data_set *set, int64_t first, int64_t count)
{
    size_t size = rg_dtype_size(set->dtype);
    rg_data_batch batch = {
        .count = count, .shape = RG_SHAPE(count, set->width), .dtype = set->dtype,
        .features = (const char *)set->features + (size_t)(first * set->width) * size,
    };

    if (set->labels != NULL)
        batch.labels = set->labels + first;
    if (set->targets != NULL)
        batch.targets = (const char *)set->targets + (size_t)first * size;
    return batch;
}

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
static bool evaluate_batch(const tool_evaluation *evaluation, rg_tape *tape, int64_t first, double *loss,
                           int64_t *right)
{
    int64_t left = evaluation->rows - first;
    rg_data_batch batch = view(evaluation->set, first, left < TOOL_EVALUATION_BATCH ? left : TOOL_EVALUATION_BATCH);
    rg_tensor wanted[2] = { tool_model_forward(evaluation->model, tape, &batch) };
    int count = 1;

    if (batch.labels != NULL || batch.targets != NULL)
        wanted[count++] = tool_model_loss(evaluation->model, tape, &batch, wanted[0]);
    if (rg_eval(count, wanted) != RG_OK)
        return false;
    if (count == 2)
        *loss += rg_item(wanted[1]) * (double)batch.count;
    const void *data = rg_data(wanted[0]);
    if (data == NULL)
        return false;
    *right += read_rows(evaluation, &batch, data, first);
    return true;
}

bool tool_evaluate(const tool_evaluation *evaluation, rg_tape *tape, tool_score *score)
{
    bool training = rg_training(tape, false), constant = rg_no_grad(tape, true), good = true;
    const rg_data_set *set = evaluation->set;
    double loss = 0;
    int64_t right = 0;

    for (int64_t first = 0; first < evaluation->rows && good; first += TOOL_EVALUATION_BATCH) {
        rg_tape_reset(tape);
        good = evaluate_batch(evaluation, tape, first, &loss, &right);
    }
    rg_tape_reset(tape);
    rg_training(tape, training);
    rg_no_grad(tape, constant);
    score->loss = set->labels != NULL || set->targets != NULL ? loss / (double)evaluation->rows : NAN;
    score->accuracy = set->labels != NULL ? (double)right / (double)evaluation->rows : NAN;
    return good;
}
