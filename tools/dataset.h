/* dataset.h: examples to train and test with, from what a path turns out to be. */
#ifndef RETROGRAD_TOOLS_DATASET_H
#define RETROGRAD_TOOLS_DATASET_H

#include "data.h"
#include "model.h"

/* What a path is: the word "digits" (the bundled set; ./digits for a file of that name), a directory with the four
 * files of MNIST, or else a CSV file. */
typedef enum { TOOL_DIGITS, TOOL_DIRECTORY, TOOL_TABLE } tool_data_kind;
tool_data_kind tool_data_kind_of(const char *path);

typedef struct {
    const char *path, *label;   /* label: the column of a CSV, or NULL for the last */
    const char *test_path;      /* a CSV to test with, or NULL */
    double test_fraction;       /* else this much of the examples of a CSV; 0: no test at all */
    uint64_t seed;              /* of the split */
    rg_dtype dtype;
    rg_data_task task;          /* of a CSV */
    const tool_model *model;    /* whose classes they are; NULL: found out */
} tool_data_request;

/* Loads both sets; a test set of zeros if there is none. */
rg_status tool_load_sets(const tool_data_request *request, rg_data_set *train, rg_data_set *test, rg_error *error);

/* Loads examples for a trained model to look at: with labels if they are there. */
rg_status tool_load_unseen(const tool_data_request *request, rg_data_part part, rg_data_set *set, rg_error *error);

/* 64 bits that differ for different examples: XXH3-64 of features (as numbers), of labels and of targets, each the
 * seed of the next. */
rg_status tool_fingerprint(const rg_data_set *set, uint64_t *fingerprint, rg_error *error);

#endif
