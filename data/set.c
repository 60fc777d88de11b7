/* set.c: data sets as values: room for them, copies of them, and the errors of this folder. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "data_internal.h"
#include "size.h"

/* The stream of random numbers that splits are drawn from, far from any small counter. */
#define SPLIT_STREAM UINT64_C(0x53504c4954000000)

rg_status rg_data_fail(rg_error *error, rg_status status, const char *format, ...)
{
    if (!error) return status;
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

rg_status rg_data_out_of_memory(rg_error *error)
{
    return rg_data_fail(error, RG_E_MEMORY, "out of memory");
}

void *rg_data_allocate(int64_t count, size_t size)
{
    size_t bytes;
    if (count < 0 || !rg_size_mul((size_t)count, size, &bytes)) return NULL;
    return malloc(bytes ? bytes : 1);
}

rg_status rg_data_choose_dtype(rg_dtype *dtype, rg_error *error)
{
    if (*dtype == RG_NO_DTYPE) *dtype = RG_F32;
    if (*dtype == RG_F32 || *dtype == RG_F64) return RG_OK;
    return rg_data_fail(error, RG_E_DTYPE, "features are f32 or f64, not %s", rg_dtype_name(*dtype));
}

bool rg_data_has_examples(const rg_data_set *set)
{
    return set && (set->features || set->bytes);
}

rg_status rg_data_set_new(rg_data_set *out, rg_shape shape, rg_dtype dtype, rg_error *error)
{
    int64_t elements = rg_shape_count(shape);
    *out = (rg_data_set){ .count = shape.size[0], .shape = shape, .dtype = dtype };
    out->width = out->count > 0 ? elements / out->count : 0;
    out->features = elements < 0 ? NULL : rg_data_allocate(elements, rg_dtype_size(dtype));
    if (out->features) return RG_OK;
    *out = (rg_data_set){ 0 };
    return rg_data_out_of_memory(error);
}

void rg_data_free(rg_data_set *set)
{
    if (!set) return;
    free(set->features);
    free(set->bytes);
    free(set->labels);
    free(set->targets);
    free((void *)set->feature_names);
    free((void *)set->class_names);
    *set = (rg_data_set){ 0 };
}

const char **rg_data_copy_names(const char *const *names, int64_t count)
{
    size_t bytes;
    if (!rg_size_mul((size_t)count, sizeof *names, &bytes)) return NULL;
    for (int64_t i = 0; i < count; i++)
        if (!rg_size_add(bytes, strlen(names[i]) + 1, &bytes)) return NULL;
    const char **copy = malloc(bytes);
    if (!copy) return NULL;
    char *text = (char *)(copy + count);
    for (int64_t i = 0; i < count; i++) {
        size_t size = strlen(names[i]) + 1;
        copy[i] = memcpy(text, names[i], size);
        text += size;
    }
    return copy;
}

/* *out: a set with room for so many examples of `set`, in the form that they have there, and with its names. */
static bool make_room_like(rg_data_set *out, const rg_data_set *set, int64_t count)
{
    size_t element = rg_dtype_size(set->dtype);
    *out = (rg_data_set){ .count = count, .width = set->width, .shape = set->shape, .dtype = set->dtype,
                          .classes = set->classes };
    out->shape.size[0] = count;
    if (set->features)
        out->features = rg_data_allocate(count, (size_t)set->width * element);
    else
        out->bytes = rg_data_allocate(count, (size_t)set->width);
    if (set->labels) out->labels = rg_data_allocate(out->count, sizeof *out->labels);
    if (set->targets) out->targets = rg_data_allocate(out->count, element);
    if (set->feature_names) out->feature_names = rg_data_copy_names(set->feature_names, set->width);
    if (set->class_names) out->class_names = rg_data_copy_names(set->class_names, set->classes);
    return rg_data_has_examples(out) && !out->labels == !set->labels && !out->targets == !set->targets &&
           !out->feature_names == !set->feature_names && !out->class_names == !set->class_names;
}

static void copy_items(const void *items, size_t size, const int64_t *rows, int64_t count, void *out)
{
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)out + (size_t)i * size, (const char *)items + (size_t)rows[i] * size, size);
}

void rg_data_copy_rows(const rg_data_set *set, const int64_t *rows, int64_t count, void *features, int32_t *labels,
                       void *targets)
{
    size_t element = rg_dtype_size(set->dtype);
    if (features && set->features)
        copy_items(set->features, (size_t)set->width * element, rows, count, features);
    else if (features)
        rg_data_convert_rows(set, rows, count, features);
    for (int64_t i = 0; set->labels && i < count; i++) labels[i] = set->labels[rows[i]];
    if (set->targets) copy_items(set->targets, element, rows, count, targets);
}

rg_status rg_data_select(const rg_data_set *set, const int64_t *rows, int64_t count, rg_data_set *out,
                         rg_error *error)
{
    if (!out) return rg_data_fail(error, RG_E_NULL, "select: no place for the result");
    *out = (rg_data_set){ 0 };
    if (!rg_data_has_examples(set) || !rows) return rg_data_fail(error, RG_E_NULL, "select: no examples or no rows");
    if (count < 1) return rg_data_fail(error, RG_E_ARGUMENT, "select: %lld rows", (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (rows[i] < 0 || rows[i] >= set->count)
            return rg_data_fail(error, RG_E_INDEX, "select: row %lld is outside [0, %lld)", (long long)rows[i],
                                (long long)set->count);
    if (!make_room_like(out, set, count)) {
        rg_data_free(out);
        return rg_data_out_of_memory(error);
    }
    if (out->bytes) copy_items(set->bytes, (size_t)set->width, rows, count, out->bytes);
    rg_data_copy_rows(set, rows, count, out->features, out->labels, out->targets);
    return RG_OK;
}

/* Fills rows with the examples of the training set and, from the returned position on, those of the test
 * set. room: [n] for a permutation and then marks; quota: [groups] for what each class still gives. */
static int64_t choose_rows(const rg_data_set *set, rg_data_split_options options, int64_t *rows, int64_t *room,
                           int64_t *quota)
{
    int32_t groups = options.stratified ? set->classes : 1;
    for (int32_t c = 0; c < groups; c++) quota[c] = options.stratified ? 0 : set->count;
    for (int64_t i = 0; options.stratified && i < set->count; i++) quota[set->labels[i]]++;
    for (int32_t c = 0; c < groups; c++) quota[c] = (int64_t)(options.test_fraction * (double)quota[c] + 0.5);

    rg_data_permutation(options.seed, SPLIT_STREAM, set->count, room);
    int64_t train = 0, test = 0;
    for (int64_t i = 0; i < set->count; i++) {
        int64_t *left = &quota[options.stratified ? set->labels[room[i]] : 0];
        rows[room[i]] = *left > 0;
        if (*left > 0) (*left)--, test++;
    }
    /* From marks to rows in their order; marks are read from `rows` before they are overwritten. */
    memcpy(room, rows, (size_t)set->count * sizeof *rows);
    for (int64_t i = 0, next_test = set->count - test; i < set->count; i++) rows[room[i] ? next_test++ : train++] = i;
    return train;
}

static rg_status check_split(const rg_data_set *set, rg_data_split_options options, rg_error *error)
{
    if (!rg_data_has_examples(set)) return rg_data_fail(error, RG_E_NULL, "split: no examples");
    if (!(options.test_fraction > 0 && options.test_fraction < 1))
        return rg_data_fail(error, RG_E_ARGUMENT, "split: the test fraction is %g, not between 0 and 1",
                            options.test_fraction);
    if (!options.stratified) return RG_OK;
    if (!set->labels) return rg_data_fail(error, RG_E_ARGUMENT, "split: stratified, but there are no classes");
    for (int64_t i = 0; i < set->count; i++)
        if (set->labels[i] < 0 || set->labels[i] >= set->classes)
            return rg_data_fail(error, RG_E_INDEX, "split: example %lld has label %d, outside [0, %d)", (long long)i,
                                set->labels[i], set->classes);
    return RG_OK;
}

rg_status rg_data_split(const rg_data_set *set, rg_data_split_options options, rg_data_set *train,
                        rg_data_set *test, rg_error *error)
{
    if (train) *train = (rg_data_set){ 0 };
    if (test) *test = (rg_data_set){ 0 };
    if (!train || !test) return rg_data_fail(error, RG_E_NULL, "split: no place for the results");
    rg_status status = check_split(set, options, error);
    if (status != RG_OK) return status;

    int64_t *rows = rg_data_allocate(set->count, sizeof *rows), *room = rg_data_allocate(set->count, sizeof *room);
    int64_t *quota = rg_data_allocate(options.stratified ? set->classes : 1, sizeof *quota);
    if (!rows || !room || !quota) {
        status = rg_data_out_of_memory(error);
    } else {
        int64_t kept = choose_rows(set, options, rows, room, quota);
        if (kept == 0 || kept == set->count)
            status = rg_data_fail(error, RG_E_ARGUMENT, "split: %g of %lld examples leaves one side empty",
                                  options.test_fraction, (long long)set->count);
        if (status == RG_OK) status = rg_data_select(set, rows, kept, train, error);
        if (status == RG_OK) status = rg_data_select(set, rows + kept, set->count - kept, test, error);
        if (status != RG_OK) rg_data_free(train);
    }
    free(rows);
    free(room);
    free(quota);
    return status;
}
