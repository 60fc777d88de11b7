/* dataset.c: examples to train and test with. */
#define _POSIX_C_SOURCE 200809L
#include "dataset.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

tool_data_kind tool_data_kind_of(const char *path)
{
    struct stat found;

    if (strcmp(path, "digits") == 0)
        return TOOL_DIGITS;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode) ? TOOL_DIRECTORY : TOOL_TABLE;
}

static rg_status load_images(const tool_data_request *request, rg_data_part part, rg_data_set *set, rg_error *error)
{
    rg_data_idx_options options = { .dtype = request->dtype };

    if (tool_data_kind_of(request->path) == TOOL_DIGITS)
        return rg_data_digits(NULL, part, options, set, error);
    return rg_data_load_mnist_directory(request->path, part, options, set, error);
}

/* What is known of the labels of a CSV: by the request, or by the examples that were trained on. */
static rg_data_csv_options table_options(const tool_data_request *request, const rg_data_set *train)
{
    rg_data_csv_options options = { .dtype = request->dtype, .task = request->task, .label = request->label };

    if (request->model != NULL && request->model->classes > 0) {
        options.classes = request->model->classes;
        options.class_names = (const char *const *)request->model->class_names;
    } else if (train != NULL && train->classes > 0) {
        options.classes = train->classes;
        options.class_names = train->class_names;
    }
    if (request->model != NULL)
        options.task = request->model->classes > 0 ? RG_DATA_CLASSIFICATION : RG_DATA_REGRESSION;
    else if (train != NULL)
        options.task = train->labels != NULL ? RG_DATA_CLASSIFICATION : RG_DATA_REGRESSION;
    return options;
}

static rg_status load_tables(const tool_data_request *request, rg_data_set *train, rg_data_set *test, rg_error *error)
{
    rg_data_set whole;
    rg_status status = rg_data_load_csv(request->path, table_options(request, NULL), &whole, error);

    if (status != RG_OK)
        return status;
    if (request->test_path != NULL || request->test_fraction == 0) {
        *train = whole;
        return request->test_path == NULL ? RG_OK
               : rg_data_load_csv(request->test_path, table_options(request, train), test, error);
    }
    rg_data_split_options split = {
        .test_fraction = request->test_fraction, .seed = request->seed, .stratified = whole.labels != NULL,
    };
    status = rg_data_split(&whole, split, train, test, error);
    rg_data_free(&whole);
    return status;
}

rg_status tool_load_sets(const tool_data_request *request, rg_data_set *train, rg_data_set *test, rg_error *error)
{
    *train = *test = (rg_data_set){ 0 };
    if (tool_data_kind_of(request->path) == TOOL_TABLE)
        return load_tables(request, train, test, error);
    if (request->test_path != NULL) {
        error->status = RG_E_ARGUMENT;
        snprintf(error->message, sizeof error->message,
                 "--test-data is for CSV files; %.300s has test images of its own", request->path);
        return RG_E_ARGUMENT;
    }
    rg_status status = load_images(request, RG_DATA_TRAIN, train, error);
    return status == RG_OK ? load_images(request, RG_DATA_TEST, test, error) : status;
}

rg_status tool_load_unseen(const tool_data_request *request, rg_data_part part, rg_data_set *set, rg_error *error)
{
    rg_error unlabelled;
    rg_data_csv_options options = table_options(request, NULL);

    if (tool_data_kind_of(request->path) != TOOL_TABLE)
        return load_images(request, part, set, error);
    rg_status status = rg_data_load_csv(request->path, options, set, error);
    if (status == RG_E_FILE || (status == RG_OK && set->width == request->model->inputs))
        return status;
    /* One column too few, or what stands in the label column is no label: perhaps there is none. */
    rg_data_free(set);
    options.task = RG_DATA_UNLABELLED;
    options.label = NULL;
    options.classes = 0;
    options.class_names = NULL;
    if (rg_data_load_csv(request->path, options, set, &unlabelled) != RG_OK && status != RG_OK)
        return status;
    if (set->width == request->model->inputs)
        return RG_OK;
    if (status == RG_OK) {
        error->status = status = RG_E_SHAPE;
        snprintf(error->message, sizeof error->message, "%.300s has %" PRId64 " columns, but the model takes %" PRId64
                 " features and perhaps a label", request->path, set->width, request->model->inputs);
    }
    rg_data_free(set);
    return status;
}

/* XXH3-64 of all features, a batch after the other, because there may be bytes in their place. */
static rg_status hash_features(const rg_data_set *set, uint64_t *hash, rg_error *error)
{
    const rg_data_batch_options in_order = { .size = 64, .in_order = true };
    rg_data_batches batches;
    rg_data_batch batch;
    rg_status status = rg_data_batches_new(&batches, set, in_order, error);
    XXH3_state_t *state = status == RG_OK ? XXH3_createState() : NULL;

    if (status == RG_OK && state == NULL) {
        status = error->status = RG_E_MEMORY;
        snprintf(error->message, sizeof error->message, "out of memory");
    }
    if (status == RG_OK) {
        XXH3_64bits_reset(state);
        while (rg_data_batches_next(&batches, &batch))
            XXH3_64bits_update(state, batch.features, (size_t)(batch.count * set->width) * rg_dtype_size(set->dtype));
        *hash = XXH3_64bits_digest(state);
    }
    XXH3_freeState(state);
    rg_data_batches_free(&batches);
    return status;
}

rg_status tool_fingerprint(const rg_data_set *set, uint64_t *fingerprint, rg_error *error)
{
    const size_t count = (size_t)set->count;
    rg_status status = hash_features(set, fingerprint, error);

    if (status == RG_OK && set->labels != NULL)
        *fingerprint = XXH3_64bits_withSeed(set->labels, count * sizeof *set->labels, *fingerprint);
    if (status == RG_OK && set->targets != NULL)
        *fingerprint = XXH3_64bits_withSeed(set->targets, count * rg_dtype_size(set->dtype), *fingerprint);
    return status;
}
