/* idx.c: arrays of unsigned bytes in the IDX format: two zero bytes, a type code, the rank, each size as
 * four bytes with the highest first, and the elements [LeCun, "The MNIST database", file formats]. */
#include <stdlib.h>
#include <string.h>

#include "data_internal.h"

#define UNSIGNED_BYTES 0x08

static rg_status read_header_part(rg_data_source *source, unsigned char *out, size_t wanted, rg_error *error)
{
    size_t got;
    rg_status status = rg_data_source_read(source, out, wanted, &got, error);
    if (status != RG_OK || got == wanted) return status;
    return rg_data_fail(error, RG_E_FORMAT, "%s: truncated: ends inside the IDX header", source->name);
}

static rg_status check_magic(const rg_data_source *source, const unsigned char *magic, int least_rank, int most_rank,
                             rg_error *error)
{
    int rank = magic[3];
    if (magic[0] != 0 || magic[1] != 0)
        return rg_data_fail(error, RG_E_FORMAT, "%s: not an IDX file: begins with %02x %02x, not with two zero bytes",
                            source->name, magic[0], magic[1]);
    if (magic[2] != UNSIGNED_BYTES)
        return rg_data_fail(error, RG_E_FORMAT, "%s: the elements have type code 0x%02x; only unsigned bytes, 0x08, "
                            "are read", source->name, magic[2]);
    if (rank >= least_rank && rank <= most_rank) return RG_OK;
    return rg_data_fail(error, RG_E_FORMAT, "%s: %d dimensions; %s", source->name, rank,
                        most_rank == 1 ? "labels have 1" : "images have 2 to 8, the first of them counting them");
}

/* Reads the header and checks it against what the file can hold. */
static rg_status read_header(rg_data_source *source, int least_rank, int most_rank, rg_shape *shape, rg_error *error)
{
    unsigned char magic[4], sizes[4 * RG_MAX_RANK];
    rg_status status = read_header_part(source, magic, sizeof magic, error);
    if (status == RG_OK) status = check_magic(source, magic, least_rank, most_rank, error);
    if (status == RG_OK) status = read_header_part(source, sizes, 4 * (size_t)magic[3], error);
    if (status != RG_OK) return status;

    *shape = (rg_shape){ .rank = magic[3] };
    for (int i = 0; i < shape->rank; i++) {
        const unsigned char *s = sizes + 4 * i;
        shape->size[i] = (int64_t)s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3];
        if (shape->size[i] == 0)
            return rg_data_fail(error, RG_E_FORMAT, "%s: size 0 in dimension %d", source->name, i);
    }
    int64_t elements = rg_shape_count(*shape);
    if (elements >= 0 && elements <= source->most - 4 - 4 * shape->rank) return RG_OK;
    return rg_data_fail(error, RG_E_FORMAT, "%s: truncated: the header promises more elements than the file can hold",
                        source->name);
}

static rg_status read_array(rg_data_source *source, int least_rank, int most_rank, rg_shape *shape,
                            unsigned char **bytes, rg_error *error)
{
    rg_status status = read_header(source, least_rank, most_rank, shape, error);
    if (status != RG_OK) return status;
    int64_t expected = rg_shape_count(*shape);
    size_t size, extra = 0;
    status = rg_data_source_read_all(source, expected, bytes, &size, error);
    if (status != RG_OK) return status;
    if (size < (size_t)expected) {
        status = rg_data_fail(error, RG_E_FORMAT, "%s: truncated: %zu elements of %lld", source->name, size,
                              (long long)expected);
    } else {
        unsigned char one;
        status = rg_data_source_read(source, &one, 1, &extra, error);
        if (extra > 0)
            status = rg_data_fail(error, RG_E_FORMAT, "%s: trailing bytes after %lld elements", source->name,
                                  (long long)expected);
    }
    if (status == RG_OK) return RG_OK;
    free(*bytes);
    *bytes = NULL;
    return status;
}

static rg_status read_labels(rg_data_source *source, int32_t classes, rg_data_set *out, rg_error *error)
{
    rg_shape shape;
    unsigned char *bytes;
    rg_status status = read_array(source, 1, 1, &shape, &bytes, error);
    if (status != RG_OK) return status;
    out->classes = classes;
    if (shape.size[0] != out->count)
        status = rg_data_fail(error, RG_E_FORMAT, "%s: %lld labels for %lld images", source->name,
                              (long long)shape.size[0], (long long)out->count);
    else if (!(out->labels = rg_data_allocate(out->count, sizeof *out->labels)))
        status = rg_data_out_of_memory(error);
    for (int64_t i = 0; status == RG_OK && i < out->count; i++) {
        out->labels[i] = bytes[i];
        if (classes == 0 && bytes[i] >= out->classes) out->classes = bytes[i] + 1;
        if (bytes[i] >= out->classes)
            status = rg_data_fail(error, RG_E_FORMAT, "%s: label %lld is %d, but there are %d classes", source->name,
                                  (long long)i, bytes[i], classes);
    }
    free(bytes);
    return status;
}

rg_status rg_data_read_idx(rg_data_source *images, rg_data_source *labels, rg_data_idx_options options,
                           rg_data_set *out, rg_error *error)
{
    *out = (rg_data_set){ 0 };
    if (options.classes < 0) return rg_data_fail(error, RG_E_ARGUMENT, "idx: %d classes", options.classes);
    rg_shape shape;
    unsigned char *bytes;
    rg_status status = rg_data_choose_dtype(&options.dtype, error);
    if (status == RG_OK) status = read_array(images, 2, RG_MAX_RANK, &shape, &bytes, error);
    if (status != RG_OK) return status;
    *out = (rg_data_set){ .count = shape.size[0], .width = rg_shape_count(shape) / shape.size[0], .shape = shape,
                          .dtype = options.dtype, .bytes = bytes };
    if (labels) status = read_labels(labels, options.classes, out, error);
    if (status != RG_OK) rg_data_free(out);
    return status;
}

rg_status rg_data_load_idx(const char *images, const char *labels, rg_data_idx_options options, rg_data_set *out,
                           rg_error *error)
{
    if (!out) return rg_data_fail(error, RG_E_NULL, "idx: no place for the result");
    *out = (rg_data_set){ 0 };
    rg_data_source image_source, label_source = { .descriptor = -1 };
    rg_status status = rg_data_source_open(&image_source, images, error);
    if (status == RG_OK && labels) status = rg_data_source_open(&label_source, labels, error);
    if (status == RG_OK) status = rg_data_read_idx(&image_source, labels ? &label_source : NULL, options, out, error);
    rg_data_source_close(&image_source);
    rg_data_source_close(&label_source);
    return status;
}
