/* fuzz_data.c: whatever the bytes of a file, a loader returns a sound data set or an error with a message.
 *
 * The first two bytes choose loader and options, the rest is the file (two files for images with labels). Built with
 * -fsanitize=fuzzer this is a fuzz target; test_data_fuzz.c runs it over seeds and changes of them. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Stops the program, which a fuzzer and a test both notice. */
static void require(bool holds)
{
    if (!holds) abort();
}

static void check_set(const rg_data_set *set, rg_status status, const rg_error *error)
{
    if (status != RG_OK) {
        require(error->status == status && error->message[0] != '\0');
        require(!set->features && !set->bytes && !set->labels && !set->targets);
        require(!set->feature_names && !set->class_names);
        return;
    }
    require(set->count > 0 && set->width > 0 && set->shape.size[0] == set->count);
    require(rg_shape_count(set->shape) == set->count * set->width);
    require(!(set->labels && set->targets) && !set->labels == (set->classes == 0));
    require(!set->features != !set->bytes);
    for (int64_t i = 0; set->features && i < set->count * set->width; i++)
        require(isfinite(set->dtype == RG_F32 ? (double)((const float *)set->features)[i]
                                              : ((const double *)set->features)[i]));
    for (int64_t i = 0; set->labels && i < set->count; i++)
        require(set->labels[i] >= 0 && set->labels[i] < set->classes);
    for (int64_t i = 0; set->feature_names && i < set->width; i++) require(strlen(set->feature_names[i]) < SIZE_MAX);
    for (int64_t i = 0; set->class_names && i < set->classes; i++) require(set->class_names[i][0] != '\0');
}

static rg_status load_csv(const uint8_t *bytes, size_t size, unsigned choice, rg_data_set *set, rg_error *error)
{
    static const char *const columns[] = { NULL, "0", "-2", "y" };
    static const char *const names[] = { "a", "b", "7" };
    rg_data_csv_options options = {
        .dtype = choice & 1 ? RG_F64 : RG_F32,
        .task = (rg_data_task)(choice >> 1 & 3),
        .header = (rg_data_header)((choice >> 3 & 3) % 3),
        .label = columns[choice >> 5 & 3],
        .classes = choice & 128 ? 3 : 0,
        .class_names = choice & 256 ? names : NULL,
        .delimiter = choice & 512 ? ';' : '\0',
    };
    rg_data_source source;
    rg_status status = rg_data_source_open_memory(&source, "fuzz.csv", bytes, size, error);
    if (status == RG_OK) status = rg_data_read_csv(&source, options, set, error);
    rg_data_source_close(&source);
    return status;
}

static rg_status load_idx(const uint8_t *bytes, size_t size, unsigned choice, rg_data_set *set, rg_error *error)
{
    /* Where the labels begin: at the end, to have none. */
    size_t images_size = (choice & 255) < size ? size - (choice & 255) : size;
    bool labelled = images_size < size;
    rg_data_idx_options options = { .dtype = choice & 256 ? RG_F64 : RG_F32, .classes = choice & 512 ? 10 : 0 };
    rg_data_source images, labels = { .descriptor = -1 };
    rg_status status = rg_data_source_open_memory(&images, "fuzz-images", bytes, images_size, error);
    if (status == RG_OK && labelled)
        status = rg_data_source_open_memory(&labels, "fuzz-labels", bytes + images_size, size - images_size, error);
    if (status == RG_OK) status = rg_data_read_idx(&images, labelled ? &labels : NULL, options, set, error);
    rg_data_source_close(&images);
    rg_data_source_close(&labels);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2) return 0;
    unsigned choice = bytes[0] | (unsigned)bytes[1] << 8;
    rg_error error = { .status = RG_OK };
    rg_data_set set = { 0 };
    rg_status status = choice & 0x8000 ? load_idx(bytes + 2, size - 2, choice, &set, &error)
                                       : load_csv(bytes + 2, size - 2, choice, &set, &error);
    check_set(&set, status, &error);
    if (status == RG_OK) {
        require(rg_data_make_features(&set, &error) == RG_OK);
        check_set(&set, status, &error);
    }
    rg_data_free(&set);
    return 0;
}
