/* csv.c: tables of numbers. The text is gone through twice: once to count, changing nothing, and once to
 * fill arrays of just the right size, making strings of fields in their place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_internal.h"

/* Integers of more different values than this are quantities, not classes. */
#define MOST_INTEGER_CLASSES 100

typedef struct {
    rg_data_csv_options options;
    rg_data_cursor start;  /* of the first record that is not a header */
    int64_t columns, rows;
    int64_t label;         /* the column of labels; -1: none */
    const char **header;   /* [columns], or NULL */
    rg_data_label *labels; /* [known + rows]: classes known by name, and the labels in the file */
    int64_t known;
    bool any_name;         /* among the labels: something that is not a number */
    bool any_fraction;     /* a number not written as an integer */
} table;

/* ---- First pass: where columns and labels are, and how many records ------------------------------- */

/* Counts the fields of the record at the cursor and goes past it. */
static rg_status count_fields(rg_data_cursor *cursor, int64_t *count, rg_error *error)
{
    rg_data_field field = { .last = false };
    for (*count = 0; !field.last; (*count)++) {
        rg_status status = rg_data_next_field(cursor, &field, error);
        if (status != RG_OK) return status;
    }
    return RG_OK;
}

/* The label column if it is given by a number; -1 if not. */
static int64_t label_by_number(const table *t)
{
    int64_t number = -1;
    const char *label = t->options.label;
    if (label && !rg_data_parse_integer(label, strlen(label), &number)) return -1;
    if (number < 0) number += t->columns;
    return number >= 0 && number < t->columns ? number : -1;
}

static rg_status detect_header(const table *t, bool *header, rg_error *error)
{
    int64_t number;
    const char *label = t->options.label;
    *header = t->options.header == RG_DATA_HEADER;
    if (t->options.header != RG_DATA_HEADER_AUTO) return RG_OK;
    *header = label && t->options.task != RG_DATA_UNLABELLED && !rg_data_parse_integer(label, strlen(label), &number);
    int64_t skipped = t->options.task == RG_DATA_UNLABELLED ? -1 : label_by_number(t);
    rg_data_cursor cursor = t->start;
    for (int64_t column = 0; !*header && column < t->columns; column++) {
        rg_data_field field;
        double value;
        rg_status status = rg_data_next_field(&cursor, &field, error);
        if (status != RG_OK) return status;
        *header = column != skipped && !rg_data_parse_number(field.text, field.length, &value);
    }
    return RG_OK;
}

/* Makes strings of the header's fields and goes past it. */
static rg_status read_header(table *t, rg_error *error)
{
    t->header = rg_data_allocate(t->columns, sizeof *t->header);
    if (!t->header) return rg_data_out_of_memory(error);
    for (int64_t column = 0; column < t->columns; column++) {
        rg_data_field field;
        rg_status status = rg_data_next_field(&t->start, &field, error);
        if (status != RG_OK) return status;
        t->header[column] = rg_data_field_string(&field);
    }
    return RG_OK;
}

static rg_status find_label(table *t, rg_error *error)
{
    const char *label = t->options.label;
    t->label = -1;
    if (t->options.task == RG_DATA_UNLABELLED) return RG_OK;
    for (int64_t column = 0; label && t->header && t->label < 0 && column < t->columns; column++)
        if (strcmp(t->header[column], label) == 0) t->label = column;
    if (t->label < 0) t->label = label_by_number(t);
    if (t->label < 0)
        return rg_data_fail(error, RG_E_ARGUMENT, "%s: there is no label column '%.80s' among %lld columns%s",
                            t->start.name, label, (long long)t->columns, t->header ? "" : " without a header");
    if (t->columns > 1) return RG_OK;
    return rg_data_fail(error, RG_E_FORMAT, "%s:%lld:1: one column: labels, but no features", t->start.name,
                        (long long)t->start.line);
}

static rg_status count_rows(table *t, rg_error *error)
{
    rg_data_cursor cursor = t->start;
    for (t->rows = 0; rg_data_next_record(&cursor); t->rows++) {
        int64_t columns, line = cursor.line;
        rg_status status = count_fields(&cursor, &columns, error);
        if (status != RG_OK) return status;
        if (columns != t->columns)
            return rg_data_fail(error, RG_E_FORMAT, "%s:%lld:%lld: the number of fields is %lld, but %lld in the first "
                                "record", cursor.name, (long long)line, (long long)columns, (long long)columns,
                                (long long)t->columns);
    }
    if (t->rows > 0) return RG_OK;
    return rg_data_fail(error, RG_E_FORMAT, "%s: no records after the header", t->start.name);
}

static rg_status survey(table *t, rg_error *error)
{
    if (!rg_data_next_record(&t->start)) return rg_data_fail(error, RG_E_FORMAT, "%s: no records", t->start.name);
    rg_data_cursor cursor = t->start;
    rg_status status = count_fields(&cursor, &t->columns, error);
    bool header = false;
    if (status == RG_OK) status = detect_header(t, &header, error);
    if (status == RG_OK && header) status = read_header(t, error);
    if (status == RG_OK) status = find_label(t, error);
    return status == RG_OK ? count_rows(t, error) : status;
}

/* ---- Second pass: numbers and labels -------------------------------------------------------------- */

/* Puts a number written as text into an array of the dtype. Returns a complaint, or NULL. */
static const char *store(const char *text, size_t length, rg_dtype dtype, void *array, int64_t i)
{
    double value;
    if (length == 0) return "is not a number: the field is empty";
    if (!rg_data_parse_number(text, length, &value)) return "is not a number";
    if (dtype == RG_F64) {
        ((double *)array)[i] = value;
        return isfinite(value) ? NULL : "is too large for f64";
    }
    /* Converting what is out of range is undefined, and rounding brings a little more into range. */
    bool fits = fabs(value) < 0x1.ffffffp127;
    ((float *)array)[i] = fits ? (float)value : 0;
    return fits ? NULL : "is too large for f32";
}

/* Notes what the label in this field is. Returns a complaint, or NULL. */
static const char *note_label(table *t, rg_data_field *field, int64_t row)
{
    rg_data_label *label = &t->labels[t->known + row];
    double value;
    if (field->length == 0) return "is not a label: the field is empty";
    *label = (rg_data_label){ .row = row, .line = field->line, .text = rg_data_field_string(field) };
    if (rg_data_parse_integer(label->text, field->length, &label->integer)) return NULL;
    if (rg_data_parse_number(label->text, field->length, &value))
        t->any_fraction = true;
    else
        t->any_name = true;
    return NULL;
}

static rg_status read_rows(table *t, rg_data_set *out, rg_error *error)
{
    rg_data_cursor cursor = t->start;
    int64_t next = 0;
    for (int64_t row = 0; row < t->rows && rg_data_next_record(&cursor); row++)
        for (int64_t column = 0; column < t->columns; column++) {
            rg_data_field field;
            rg_status status = rg_data_next_field(&cursor, &field, error);
            if (status != RG_OK) return status;
            const char *complaint = column == t->label ? note_label(t, &field, row)
                                                       : store(field.text, field.length, out->dtype,
                                                               out->features, next++);
            if (complaint)
                return rg_data_fail_field(error, cursor.name, field.line, field.column, field.text, field.length,
                                          complaint);
        }
    return RG_OK;
}

static rg_status fail_label(const table *t, const rg_data_label *label, const char *complaint, rg_error *error)
{
    return rg_data_fail_field(error, t->start.name, label->line, t->label + 1, label->text, strlen(label->text),
                              complaint);
}

static rg_status read_targets(table *t, rg_data_set *out, rg_error *error)
{
    out->targets = rg_data_allocate(t->rows, rg_dtype_size(out->dtype));
    if (!out->targets) return rg_data_out_of_memory(error);
    for (int64_t i = t->known; i < t->known + t->rows; i++) {
        const rg_data_label *label = &t->labels[i];
        const char *complaint = store(label->text, strlen(label->text), out->dtype, out->targets, label->row);
        if (complaint) return fail_label(t, label, complaint, error);
    }
    return RG_OK;
}

/* Classes known by their number alone. */
static rg_status check_numbers(table *t, rg_data_set *out, rg_error *error)
{
    out->classes = t->options.classes;
    for (int64_t i = 0; i < t->rows; i++) {
        int64_t number;
        const char *text = t->labels[i].text;
        if (!rg_data_parse_integer(text, strlen(text), &number) || number < 0 || number >= out->classes)
            return fail_label(t, &t->labels[i], "is none of the known classes", error);
        out->labels[i] = (int32_t)number;
    }
    return RG_OK;
}

/* Classes known by name were numbered first: a larger number belongs to a stranger. */
static rg_status check_known(const table *t, rg_error *error)
{
    int64_t different = 0;
    const rg_data_label *stranger = NULL;
    for (int64_t i = 0; i < t->known + t->rows; i++) {
        const rg_data_label *label = &t->labels[i];
        different += label->row < 0 && label->row == label->integer; /* the first of its class */
        if (label->integer >= 0 && (!stranger || label->row < stranger->row)) stranger = label;
    }
    if (different < t->known)
        return rg_data_fail(error, RG_E_ARGUMENT, "%s: two of the %lld known classes have the same name", t->start.name,
                            (long long)t->known);
    return stranger ? fail_label(t, stranger, "is none of the known classes", error) : RG_OK;
}

static rg_status read_classes(table *t, rg_data_set *out, rg_error *error)
{
    out->labels = rg_data_allocate(t->rows, sizeof *out->labels);
    if (!out->labels) return rg_data_out_of_memory(error);
    if (t->options.classes > 0 && t->known == 0) return check_numbers(t, out, error);
    if (t->known + t->rows > INT32_MAX)
        return rg_data_fail(error, RG_E_FORMAT, "%s: %lld records are too many to number their classes", t->start.name,
                            (long long)t->rows);
    bool by_integer = !t->any_name && !t->any_fraction;
    rg_status status = rg_data_number_classes(t->labels, t->known + t->rows, by_integer, !by_integer || t->known > 0,
                                              out->labels, &out->classes, &out->class_names, error);
    return status == RG_OK && t->known > 0 ? check_known(t, error) : status;
}

static rg_data_task decide_task(table *t)
{
    if (t->options.task != RG_DATA_AUTO) return t->options.task;
    if (t->options.classes > 0) return RG_DATA_CLASSIFICATION;
    if (t->any_fraction) return RG_DATA_REGRESSION;
    if (t->any_name) return RG_DATA_CLASSIFICATION;
    bool few = rg_data_count_integers(t->labels, t->rows) <= MOST_INTEGER_CLASSES;
    return few ? RG_DATA_CLASSIFICATION : RG_DATA_REGRESSION;
}

/* Room for the labels, after those of the classes that are known by name. */
static rg_status prepare_labels(table *t, rg_error *error)
{
    const char *const *names = t->options.class_names;
    t->known = names && t->options.task != RG_DATA_REGRESSION ? t->options.classes : 0;
    t->labels = rg_data_allocate(t->known + t->rows, sizeof *t->labels);
    if (!t->labels) return rg_data_out_of_memory(error);
    for (int64_t i = 0; i < t->known; i++) {
        if (!names[i]) return rg_data_fail(error, RG_E_NULL, "class_names[%lld] is NULL", (long long)i);
        t->labels[i] = (rg_data_label){ .text = names[i], .row = i - t->known };
        if (!rg_data_parse_integer(names[i], strlen(names[i]), &t->labels[i].integer)) t->any_name = true;
    }
    return RG_OK;
}

static rg_status name_features(const table *t, rg_data_set *out, rg_error *error)
{
    if (!t->header) return RG_OK;
    int64_t kept = 0;
    for (int64_t column = 0; column < t->columns; column++)
        if (column != t->label) t->header[kept++] = t->header[column];
    out->feature_names = rg_data_copy_names(t->header, kept);
    return out->feature_names ? RG_OK : rg_data_out_of_memory(error);
}

static rg_status fill(table *t, rg_data_set *out, rg_error *error)
{
    rg_status status = rg_data_set_new(out, RG_SHAPE(t->rows, t->columns - (t->label >= 0)), t->options.dtype, error);
    if (status == RG_OK && t->label >= 0) status = prepare_labels(t, error);
    if (status == RG_OK) status = read_rows(t, out, error);
    if (status == RG_OK) status = name_features(t, out, error);
    if (status != RG_OK || t->label < 0) return status;
    return decide_task(t) == RG_DATA_REGRESSION ? read_targets(t, out, error) : read_classes(t, out, error);
}

/* ---- Loading -------------------------------------------------------------------------------------- */

static rg_status check_options(rg_data_csv_options *options, rg_error *error)
{
    if ((unsigned)options->task > RG_DATA_UNLABELLED || (unsigned)options->header > RG_DATA_NO_HEADER)
        return rg_data_fail(error, RG_E_ARGUMENT, "csv: no such task or header option");
    if (options->delimiter && !strchr(",;|: \t", options->delimiter))
        return rg_data_fail(error, RG_E_ARGUMENT, "csv: the delimiter is none of , ; | : space and tab");
    if (options->classes < 0) return rg_data_fail(error, RG_E_ARGUMENT, "csv: %d classes", options->classes);
    return rg_data_choose_dtype(&options->dtype, error);
}

rg_status rg_data_read_csv(rg_data_source *source, rg_data_csv_options options, rg_data_set *out, rg_error *error)
{
    *out = (rg_data_set){ 0 };
    unsigned char *text;
    size_t size;
    rg_status status = check_options(&options, error);
    if (status == RG_OK) status = rg_data_source_read_all(source, INT64_MAX, &text, &size, error);
    if (status != RG_OK) return status;
    table t = { .options = options };
    t.start = rg_data_cursor_new(source->name, (char *)text, size, options.delimiter);
    status = survey(&t, error);
    if (status == RG_OK) status = fill(&t, out, error);
    if (status != RG_OK) rg_data_free(out);
    free(t.header);
    free(t.labels);
    free(text);
    return status;
}

rg_status rg_data_load_csv(const char *path, rg_data_csv_options options, rg_data_set *out, rg_error *error)
{
    if (!out) return rg_data_fail(error, RG_E_NULL, "csv: no place for the result");
    *out = (rg_data_set){ 0 };
    rg_data_source source;
    rg_status status = rg_data_source_open(&source, path, error);
    if (status == RG_OK) status = rg_data_read_csv(&source, options, out, error);
    rg_data_source_close(&source);
    return status;
}
