/* data_internal.h: what the files of data/ share with each other. */
#ifndef RETROGRAD_DATA_INTERNAL_H
#define RETROGRAD_DATA_INTERNAL_H

#define ZLIB_CONST
#include <zlib.h>

#include "data.h"

/* Fills in *error (unless NULL) and returns status, so that `return rg_data_fail(...)` reads well. */
rg_status rg_data_fail(rg_error *error, rg_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
rg_status rg_data_out_of_memory(rg_error *error);

/* ---- source.c: the bytes of a file or of memory, decompressed on the way if they are gzip --------- */

typedef struct {
    const char *name;          /* for messages; borrowed */
    int descriptor;            /* -1: the bytes are in memory */
    const unsigned char *next; /* bytes at hand, as stored */
    size_t available;
    bool gzip;
    bool between;              /* of gzip: at the end of a member, where the file may end */
    int64_t stored, used;      /* bytes stored, -1 if not known, and how many of them have been decompressed */
    int64_t most;              /* no more bytes than this can come out; INT64_MAX: not known */
    z_stream inflater;
    unsigned char buffer[16384];
} rg_data_source;

/* Whatever these return, rg_data_source_close is allowed, once. */
rg_status rg_data_source_open(rg_data_source *source, const char *path, rg_error *error);
rg_status rg_data_source_open_memory(rg_data_source *source, const char *name, const void *bytes, size_t size,
                                     rg_error *error);
void rg_data_source_close(rg_data_source *source);

/* Reads `wanted` bytes, or fewer at the end. */
rg_status rg_data_source_read(rg_data_source *source, void *out, size_t wanted, size_t *got, rg_error *error);
/* Reads up to `limit` bytes, or all there are, into a new block that grows with what has really come, and
 * puts a zero byte after them. */
rg_status rg_data_source_read_all(rg_data_source *source, int64_t limit, unsigned char **bytes, size_t *size,
                                  rg_error *error);

/* ---- set.c ---------------------------------------------------------------------------------------- */

/* Room for count elements of a size; NULL when that does not fit in memory. Never NULL for count 0. */
void *rg_data_allocate(int64_t count, size_t size);
/* Whether there is something to read features from. */
bool rg_data_has_examples(const rg_data_set *set);
/* *out: a set with room for the features of this shape, and nothing else. */
rg_status rg_data_set_new(rg_data_set *out, rg_shape shape, rg_dtype dtype, rg_error *error);
/* Copies examples to arrays with room for them: features as numbers, unless that is NULL, and the labels and targets
 * if the set has them. */
void rg_data_copy_rows(const rg_data_set *set, const int64_t *rows, int64_t count, void *features, int32_t *labels,
                       void *targets);
/* A copy of the names in one block; NULL when out of memory. */
const char **rg_data_copy_names(const char *const *names, int64_t count);
/* RG_NO_DTYPE becomes RG_F32; RG_E_DTYPE for what is not a float dtype. */
rg_status rg_data_choose_dtype(rg_dtype *dtype, rg_error *error);

/* ---- bytes.c -------------------------------------------------------------------------------------- */

/* Writes the features of examples of a set that keeps bytes. */
void rg_data_convert_rows(const rg_data_set *set, const int64_t *rows, int64_t count, void *features);

/* ---- idx.c and csv.c: the loaders behind the public ones ------------------------------------------ */

/* labels: NULL for none. */
rg_status rg_data_read_idx(rg_data_source *images, rg_data_source *labels, rg_data_idx_options options,
                           rg_data_set *out, rg_error *error);
rg_status rg_data_read_csv(rg_data_source *source, rg_data_csv_options options, rg_data_set *out, rg_error *error);

/* ---- number.c ------------------------------------------------------------------------------------- */

/* [+-] digits [. digits] [e [+-] digits], the nearest double whatever the locale; HUGE_VAL if it is too
 * large. false for anything else, and then *value is untouched. */
bool rg_data_parse_number(const char *text, size_t length, double *value);
/* [+-] digits that fit. */
bool rg_data_parse_integer(const char *text, size_t length, int64_t *value);

/* ---- fields.c: records and fields of a CSV text --------------------------------------------------- */

/* Where we are in a text; a copy remembers a place. */
typedef struct {
    const char *name; /* of the file */
    char *at, *end;   /* *end is a zero byte */
    int64_t line;     /* of at, from 1 */
    int64_t column;   /* of the field read last */
    char delimiter;
} rg_data_cursor;

typedef struct {
    char *text;
    size_t length;
    int64_t line, column;
    bool quoted;
    bool last;        /* of its record */
} rg_data_field;

/* The beginning of a text, after a byte order mark. delimiter 0: found out from the first record. */
rg_data_cursor rg_data_cursor_new(const char *name, char *text, size_t size, char delimiter);
/* Goes to the first field of the next record, past empty lines and comments; false at the end. */
bool rg_data_next_record(rg_data_cursor *cursor);
/* Reads the next field of the record; changes nothing in the text. */
rg_status rg_data_next_field(rg_data_cursor *cursor, rg_data_field *field, rg_error *error);
/* Makes a string of a field in its place. The cursor must have gone past it, and cannot go back. */
char *rg_data_field_string(rg_data_field *field);
/* "name:line:column: 'text' complaint" */
rg_status rg_data_fail_field(rg_error *error, const char *name, int64_t line, int64_t column, const char *text,
                             size_t length, const char *complaint);

/* ---- labels.c: class numbers from what is written in a label column ------------------------------- */

typedef struct {
    const char *text; /* borrowed */
    int64_t integer;  /* its value, if it is one; later what orders the classes */
    int64_t row;      /* below 0: a class that is known beforehand */
    int64_t line;     /* of the file */
} rg_data_label;

/* The number of different integers; sorts. */
int64_t rg_data_count_integers(rg_data_label *labels, int64_t count);
/* Writes the class number of each label with a row >= 0 to out[row], and *names: one block, or NULL where
 * classes are called by their numbers. Labels are sorted on the way. by_integer: all of them are integers.
 * in_order: number classes in the order of first rows, else by value. */
rg_status rg_data_number_classes(rg_data_label *labels, int64_t count, bool by_integer, bool in_order,
                                 int32_t *out, int32_t *classes, const char ***names, rg_error *error);

#endif
