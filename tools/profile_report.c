/* profile_report.c: a profile as a table, and in JSON. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "print_json.h"
#include "profile.h"
#include "progress.h"

/* A step, or all those that have the same in common. */
typedef struct {
    const char *what, *where; /* NULL: not in common */
    bool backward;
    const rg_profile_step *step; /* of a row of its own */
    size_t steps;
    double seconds, operations, bytes;
} row;

/* A layer says more than the line where all layers are run; what an optimiser does comes from neither. */
static const char *place(const rg_profile_step *step)
{
    return step->scope[0] != '\0' ? step->scope : step->site[0] != '\0' ? step->site : "optimizer";
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int longest_first(const void *a, const void *b)
{
    const double x = ((const row *)a)->seconds, y = ((const row *)b)->seconds;
    return (x < y) - (x > y);
}

/* To be freed; NULL when out of memory. */
static row *make_rows(const tool_profile *profile, int by, size_t *count)
{
    row *rows = calloc(profile->steps.count + 1, sizeof *rows);

    *count = 0;
    for (size_t i = 0; rows != NULL && i < profile->steps.count; i++) {
        const rg_profile_step *step = &profile->steps.steps[i];
        const char *what = by == TOOL_BY_LINE ? NULL : step->what, *where = by == TOOL_BY_OP ? NULL : place(step);
        size_t at = by == TOOL_BY_STEP ? *count : 0;
        while (at < *count && !(same(rows[at].what, what) && same(rows[at].where, where)))
            at++;
        if (at == *count)
            rows[(*count)++] = (row){ .what = what, .where = where, .backward = step->backward, .step = step };
        rows[at].steps++;
        rows[at].seconds += step->seconds;
        rows[at].operations += step->operations;
        rows[at].bytes += step->bytes_read + step->bytes_written;
    }
    if (rows != NULL && by != TOOL_BY_STEP)
        qsort(rows, *count, sizeof *rows, longest_first);
    return rows;
}

static row total(const row *rows, size_t count)
{
    row all = { .steps = 0 };

    for (size_t i = 0; i < count; i++) {
        all.steps += rows[i].steps;
        all.seconds += rows[i].seconds;
        all.operations += rows[i].operations;
        all.bytes += rows[i].bytes;
    }
    return all;
}

/* Of something in a second, in billions; 0 where no time was seen to pass. */
static double rate(double amount, double seconds)
{
    return seconds > 0 ? 1e-9 * amount / seconds : 0;
}

static double part(double of, double whole)
{
    return whole > 0 ? of / whole : 0;
}

/* ---- The table ------------------------------------------------------------------------------------------------ */

typedef struct {
    const tool_profile *profile;
    int what, where;         /* columns */
    double seconds;          /* of all */
} table;

enum { NUMBER = 16, BESIDE_TEXT = 53 };

/* "" for nothing. */
static const char *amount(double value, char *text)
{
    text[0] = '\0';
    return value > 0 ? tool_amount(value, text, NUMBER) : text;
}

/* With three digits, if there are not more. */
static const char *number(double value, char *text)
{
    snprintf(text, NUMBER, "%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value);
    return text;
}

static const char *number_if_any(double value, char *text)
{
    text[0] = '\0';
    return value > 0 ? number(value, text) : text;
}

static const char *percent(double value, char *text)
{
    text[0] = '\0';
    if (value > 0)
        snprintf(text, NUMBER, "%.0f%%", 100 * value);
    return text;
}

static void print_cut(const char *text, int width)
{
    if ((int)strlen(text) > width)
        printf(" %.*s~", width - 1, text);
    else
        printf(" %-*s", width, text);
}

static void print_row(const table *t, const row *r, const char *first, const char *second)
{
    char us[NUMBER], share[NUMBER], operations[NUMBER], gflops[NUMBER], of_peak[NUMBER];
    char bytes[NUMBER], gbytes[NUMBER], of_memory[NUMBER];
    double arithmetic = rate(r->operations, r->seconds), memory = rate(r->bytes, r->seconds);

    snprintf(share, sizeof share, "%.1f%%", 100 * part(r->seconds, t->seconds));
    printf("%6s %5s", number(1e6 * r->seconds, us), strcmp(share, "100.0%") == 0 ? "100%" : share);
    print_cut(first, t->what);
    print_cut(second, t->where);
    printf(" %5s %7s %4s %5s", amount(r->operations, operations), number_if_any(arithmetic, gflops),
           percent(part(arithmetic, t->profile->arithmetic), of_peak), amount(r->bytes, bytes));
    if (memory > 0)
        printf(" %5s %4s", number_if_any(memory, gbytes), percent(part(memory, t->profile->memory), of_memory));
    putchar('\n');
}

static void print_header(const tool_profile *p)
{
    char processor[256];

    printf("%s, %s: medians of %d runs on %d thread%s\n", p->model, p->setting, p->steps.runs, p->threads,
           p->threads == 1 ? "" : "s");
    printf("%s, %s", tool_processor(processor, sizeof processor), rg_simd_name());
    if (p->arithmetic > 0)
        printf("; peak %.1f GFLOP/s, %.1f GB/s", p->arithmetic, p->memory);
    printf("\n\n");
}

static int longest(const row *rows, size_t count, bool what)
{
    int most = 8;

    for (size_t i = 0; i < count; i++) {
        const char *text = what ? rows[i].what : rows[i].where;
        if (text != NULL && (int)strlen(text) > most)
            most = (int)strlen(text);
    }
    return most;
}

/* The places in full if there is room, and the ops as far as there is. */
static void lay_out(table *t, const row *rows, size_t count, int width)
{
    enum { FEWEST = 15, MOST_PLACE = 40 };
    int room = width - BESIDE_TEXT, what = longest(rows, count, true), where = longest(rows, count, false);

    if (room < FEWEST + 8)
        room = FEWEST + 8;
    t->where = where < MOST_PLACE ? where : MOST_PLACE;
    if (t->where > room - FEWEST)
        t->where = room - FEWEST;
    t->what = what < room - t->where ? what : room - t->where;
}

static void print_rows(const table *t, const row *rows, size_t count, int by)
{
    char steps[40];

    for (size_t i = 0; i < count; i++) {
        bool begins = by == TOOL_BY_STEP && (i == 0 || rows[i].backward != rows[i - 1].backward);
        if (begins)
            printf("%s\n", rows[i].backward ? "backward" : "forward");
        snprintf(steps, sizeof steps, "%zu step%s", rows[i].steps, rows[i].steps == 1 ? "" : "s");
        const char *what = rows[i].what != NULL ? rows[i].what : steps;
        print_row(t, &rows[i], what, rows[i].where != NULL ? rows[i].where : steps);
    }
}

bool tool_profile_table(const tool_profile *profile, int by, int width)
{
    size_t count;
    row *rows = make_rows(profile, by, &count), all;
    char steps[40];

    if (rows == NULL)
        return false;
    all = total(rows, count);
    table t = { .profile = profile, .seconds = all.seconds };
    lay_out(&t, rows, count, width);
    print_header(profile);
    printf("%6s %5s", "us", "share");
    print_cut("what", t.what);
    print_cut(by == TOOL_BY_OP ? "" : "where", t.where);
    printf(" %5s %7s %4s %5s %5s %4s\n", "FLOP", "GFLOP/s", "peak", "bytes", "GB/s", "peak");
    print_rows(&t, rows, count, by);
    snprintf(steps, sizeof steps, "%zu steps", all.steps);
    print_row(&t, &all, steps, "");
    printf("\nThe same without a look at the clock after each step: %.1f us\n", 1e6 * profile->run);
    free(rows);
    return true;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

static void add_measured(cJSON *object, const tool_profile *profile, const row *r)
{
    double arithmetic = rate(r->operations, r->seconds), memory = rate(r->bytes, r->seconds);

    cJSON_AddNumberToObject(object, "seconds", r->seconds);
    cJSON_AddNumberToObject(object, "operations", r->operations);
    cJSON_AddNumberToObject(object, "bytes", r->bytes);
    cJSON_AddNumberToObject(object, "gflops", arithmetic);
    cJSON_AddNumberToObject(object, "gflops_of_peak", part(arithmetic, profile->arithmetic));
    cJSON_AddNumberToObject(object, "gbytes_per_second", memory);
    cJSON_AddNumberToObject(object, "gbytes_of_peak", part(memory, profile->memory));
}

static bool print_row_json(const tool_profile *profile, const row *r, int by, double seconds)
{
    cJSON *object = cJSON_CreateObject();
    const rg_profile_step *step = r->step;

    if (r->what != NULL)
        cJSON_AddStringToObject(object, "what", r->what);
    if (by == TOOL_BY_STEP) {
        cJSON_AddNumberToObject(object, "ops", step->ops);
        cJSON_AddStringToObject(object, "pass", step->backward ? "backward" : "forward");
        cJSON_AddStringToObject(object, "scope", step->scope);
        cJSON_AddStringToObject(object, "site", step->site);
        cJSON_AddNumberToObject(object, "bytes_read", step->bytes_read);
        cJSON_AddNumberToObject(object, "bytes_written", step->bytes_written);
    } else {
        if (r->where != NULL)
            cJSON_AddStringToObject(object, "where", r->where);
        cJSON_AddNumberToObject(object, "steps", (double)r->steps);
    }
    cJSON_AddNumberToObject(object, "share", part(r->seconds, seconds));
    add_measured(object, profile, r);
    return tool_print_json(stdout, object);
}

bool tool_profile_json(const tool_profile *profile, int by)
{
    size_t count;
    row *rows = make_rows(profile, by, &count);
    char processor[256];

    if (rows == NULL)
        return false;
    row all = total(rows, count);
    bool printed = true;
    for (size_t i = 0; i < count && printed; i++)
        printed = print_row_json(profile, &rows[i], by, all.seconds);
    free(rows);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", profile->model);
    cJSON_AddStringToObject(object, "setting", profile->setting);
    cJSON_AddNumberToObject(object, "batch", (double)profile->batch);
    cJSON_AddNumberToObject(object, "steps", (double)all.steps);
    cJSON_AddNumberToObject(object, "runs", profile->steps.runs);
    cJSON_AddNumberToObject(object, "threads", profile->threads);
    cJSON_AddStringToObject(object, "processor", tool_processor(processor, sizeof processor));
    cJSON_AddStringToObject(object, "simd", rg_simd_name());
    cJSON_AddNumberToObject(object, "peak_gflops", profile->arithmetic);
    cJSON_AddNumberToObject(object, "peak_gbytes_per_second", profile->memory);
    add_measured(object, profile, &all);
    cJSON_AddNumberToObject(object, "run_seconds", profile->run);
    return tool_print_json(stdout, object) && printed;
}
