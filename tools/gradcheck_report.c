/* gradcheck_report.c: what `retrograd gradcheck` has found. */
#include "gradcheck_report.h"
#include "print_json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void tool_add_row(const rg_gradcheck_result *row, void *checked)
{
    tool_checked *c = checked;

    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 8 : 2 * c->capacity;
        rg_gradcheck_result *rows = realloc(c->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return;
        c->rows = rows;
        c->capacity = capacity;
    }
    c->rows[c->count++] = *row;
}

/* ---- Text --------------------------------------------------------------------------------------------------- */

void tool_print_checked_head(void)
{
    printf("%-20s %-14s %8s  %s\n", "op", "verdict", "checks", "by");
}

/* A letter for each oracle of derivatives that has had its say. */
static const char *oracle_letters(uint32_t oracles, char *text)
{
    static const struct {
        rg_oracle oracle;
        char letter;
    } letters[] = { { RG_ORACLE_DIFFERENCES, 'd' }, { RG_ORACLE_COMPLEX, 'c' }, { RG_ORACLE_ADJOINT, 'a' },
                    { RG_ORACLE_SIDES, 's' } };
    size_t used = 0;

    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        text[used++] = (oracles >> letters[i].oracle & 1u) != 0 ? letters[i].letter : '-';
    text[used] = '\0';
    return text;
}

void tool_print_checked(const tool_checked *checked)
{
    const rg_gradcheck_result *r = &checked->result;
    char letters[8];

    if (checked->skipped) {
        printf("%-20s %-14s %8s  %-4s  %s\n", checked->op->name, "-", "-", "-", checked->skipped);
        return;
    }
    printf("%-20s %-14s %8d  %s  %s\n", checked->op->name, rg_verdict_name(r->verdict), r->checked,
           oracle_letters(r->oracles, letters), r->verdict == RG_CHECK_OK ? checked->op->doc : r->message);
    if (r->verdict != RG_CHECK_OK)
        printf("%-20s again with: %s\n", "", r->replay);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

static void add_numbers(cJSON *object, const rg_gradcheck_result *row)
{
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        { "node", (double)row->node },       { "argument", row->argument }, { "index", (double)row->index },
        { "analytic", row->analytic },       { "numeric", row->numeric },   { "absolute", row->absolute },
        { "relative", row->relative },       { "ulp", row->ulp },           { "bound", row->bound },
        { "step", row->step },               { "order", row->order },       { "convergence", row->convergence },
        { "sample", row->sample },           { "seed", (double)row->seed },
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (isfinite(numbers[i].value))
            cJSON_AddNumberToObject(object, numbers[i].name, numbers[i].value);
        else
            cJSON_AddNullToObject(object, numbers[i].name);
}

static bool print_row(FILE *out, const rg_gradcheck_result *row)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "row", rg_verdict_name(row->verdict));
    cJSON_AddStringToObject(object, "op", row->op);
    cJSON_AddStringToObject(object, "name", row->name);
    cJSON_AddStringToObject(object, "site", row->site);
    cJSON_AddStringToObject(object, "oracle", rg_oracle_name(row->oracle));
    cJSON_AddStringToObject(object, "dtype", rg_dtype_name(row->dtype));
    add_numbers(object, row);
    cJSON_AddStringToObject(object, "replay", row->replay);
    cJSON_AddStringToObject(object, "message", row->message);
    return tool_print_json(out, object);
}

bool tool_print_checked_json(FILE *out, const tool_checked *checked)
{
    cJSON *object = cJSON_CreateObject();
    bool printed = true;

    for (size_t i = 0; i < checked->count; i++)
        printed = print_row(out, &checked->rows[i]) && printed;
    cJSON_AddStringToObject(object, "op", checked->op->name);
    cJSON_AddStringToObject(object, "verdict", checked->skipped ? "skipped" : rg_verdict_name(checked->result.verdict));
    cJSON_AddNumberToObject(object, "comparisons", checked->result.checked);
    cJSON_AddNumberToObject(object, "failures", checked->result.failed);
    cJSON *oracles = cJSON_AddArrayToObject(object, "oracles");
    for (int i = 0; i < RG_ORACLES; i++)
        if ((checked->result.oracles >> i & 1u) != 0)
            cJSON_AddItemToArray(oracles, cJSON_CreateString(rg_oracle_name((rg_oracle)i)));
    return tool_print_json(out, object) && printed;
}

/* ---- JUnit ------------------------------------------------------------------------------------------------------ */

void tool_print_xml(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\t': case '\n': case '\r': fprintf(out, "&#%d;", *text); break;
        default: fputc((unsigned char)*text < ' ' ? '?' : *text, out); break;
        }
    }
}

static void print_attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s=\"", name);
    tool_print_xml(out, text);
    fputc('"', out);
}

static void print_failure(FILE *out, const rg_gradcheck_result *row)
{
    fputs("      <failure", out);
    print_attribute(out, "type", rg_verdict_name(row->verdict));
    print_attribute(out, "message", row->message);
    fputc('>', out);
    tool_print_xml(out, row->replay);
    fputs("</failure>\n", out);
}

static void print_case(FILE *out, const tool_checked *checked)
{
    const bool plain = !checked->skipped && checked->result.failed == 0;

    fputs("    <testcase classname=\"retrograd.gradcheck\"", out);
    print_attribute(out, "name", checked->op->name);
    fprintf(out, " time=\"%.6f\"%s>\n", checked->seconds, plain ? "/" : "");
    if (plain)
        return;
    if (checked->skipped) {
        fputs("      <skipped", out);
        print_attribute(out, "message", checked->skipped);
        fputs("/>\n", out);
    }
    for (size_t i = 0; i < checked->count; i++)
        print_failure(out, &checked->rows[i]);
    if (checked->count == 0 && !checked->skipped)
        print_failure(out, &checked->result);
    fputs("    </testcase>\n", out);
}

void tool_print_junit(FILE *out, const tool_checked *checked, size_t count)
{
    size_t failures = 0, skipped = 0;
    double seconds = 0;

    for (size_t i = 0; i < count; i++) {
        failures += !checked[i].skipped && checked[i].result.failed > 0;
        skipped += checked[i].skipped != NULL;
        seconds += checked[i].seconds;
    }
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
            "  <testsuite name=\"retrograd gradcheck\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" "
            "time=\"%.6f\">\n", count, failures, skipped, seconds);
    for (size_t i = 0; i < count; i++)
        print_case(out, &checked[i]);
    fputs("  </testsuite>\n</testsuites>\n", out);
}
