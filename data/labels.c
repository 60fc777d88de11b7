/* labels.c: class numbers from what is written in a label column. Sorting brings equal labels together,
 * and sorting again by what orders the classes numbers them. */
#include <stdlib.h>
#include <string.h>

#include "data_internal.h"

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_integer_then_row(const void *left, const void *right)
{
    const rg_data_label *a = left, *b = right;
    int order = compare(a->integer, b->integer);
    return order ? order : compare(a->row, b->row);
}

static int by_text_then_row(const void *left, const void *right)
{
    const rg_data_label *a = left, *b = right;
    int order = strcmp(a->text, b->text);
    return order ? order : compare(a->row, b->row);
}

static void sort(rg_data_label *labels, int64_t count, int (*order)(const void *, const void *))
{
    qsort(labels, (size_t)count, sizeof *labels, order);
}

int64_t rg_data_count_integers(rg_data_label *labels, int64_t count)
{
    sort(labels, count, by_integer_then_row);
    int64_t different = count > 0;
    for (int64_t i = 1; i < count; i++) different += labels[i].integer != labels[i - 1].integer;
    return different;
}

/* Equal labels stand together, the one with the first row first: gives each group that row for its key. */
static void key_by_first_row(rg_data_label *labels, int64_t count, bool by_integer)
{
    const rg_data_label *first = labels;
    int64_t value = labels[0].integer;
    for (int64_t i = 0; i < count; i++) {
        bool same = by_integer ? labels[i].integer == value : strcmp(labels[i].text, first->text) == 0;
        if (!same) first = &labels[i];
        value = labels[i].integer;
        labels[i].integer = first->row;
    }
}

rg_status rg_data_number_classes(rg_data_label *labels, int64_t count, bool by_integer, bool in_order,
                                 int32_t *out, int32_t *classes, const char ***names, rg_error *error)
{
    *names = NULL;
    sort(labels, count, by_integer ? by_integer_then_row : by_text_then_row);
    if (in_order) {
        key_by_first_row(labels, count, by_integer);
        sort(labels, count, by_integer_then_row);
    }
    const char **texts = rg_data_allocate(count, sizeof *texts);
    if (!texts) return rg_data_out_of_memory(error);
    int32_t class = -1;
    bool numbers_serve = by_integer && !in_order;
    for (int64_t i = 0; i < count; i++) {
        if (i == 0 || labels[i].integer != labels[i - 1].integer) {
            texts[++class] = labels[i].text;
            numbers_serve = numbers_serve && labels[i].integer == class;
        }
        if (labels[i].row >= 0) out[labels[i].row] = class;
    }
    *classes = class + 1;
    if (!numbers_serve) *names = rg_data_copy_names(texts, *classes);
    free(texts);
    return numbers_serve || *names ? RG_OK : rg_data_out_of_memory(error);
}
