/* report.c: a result as a row of a table, or as a line of JSON. */
#include <cjson/cJSON.h>
#include <math.h>

#include "bench.h"

/* "12.3 us": the time that a unit takes at that rate. */
static const char *duration(double rate, char *text, size_t size)
{
    static const char *const names[] = { "ns", "us", "ms", "s" };
    double each = 1e9 / rate;
    int i = 0;
    for (; i < 3 && each >= 1000; i++) each /= 1000;
    snprintf(text, size, each < 10 ? "%.2f %s" : "%.1f %s", each, names[i]);
    return text;
}

/* Small rates with their decimals. */
static const char *number(double rate, char *text, size_t size)
{
    snprintf(text, size, "%.*f", rate < 10 ? 3 : rate < 1000 ? 1 : 0, rate);
    return text;
}

void bench_print_heading(const bench_conditions *with)
{
    static const char *const names[2][4] = { { "ours", "limit", "ours each", "limit" },
                                             { "threads", "one thread", "each", "one" } };
    const char *const *name = names[with->scaling];
    printf("\n%-34s %12s %12s  %-10s %6s  %-13s", "case", name[0], name[1], "unit", "ratio", "quartiles");
    if (with->peer) printf(" %12s %9s", "peer", "ours/peer");
    printf(" %9s %9s  %s\n", name[2], name[3], "the limit's way");
    fflush(stdout);
}

/* A line for each way, under the row. */
static void print_each_limit(const bench_case *each, const bench_result *result)
{
    char text[32];
    for (int i = 0; i < bench_limits(each); i++)
        if (result->limits[i] > 0)
            printf("  %-32s %12s %12s  %-10s %6.3f\n", each->family->limits[i], "",
                   number(result->limits[i], text, sizeof text), each->unit, result->ours / result->limits[i]);
}

void bench_print_row(const bench_case *each, const bench_conditions *with, const bench_result *result)
{
    char text[32];
    const bool limited = result->best != BENCH_NO_LIMIT;
    const double best = limited ? result->limits[result->best] : 0;
    printf("%-34s %12s", each->name, number(result->ours, text, sizeof text));
    if (limited)
        printf(" %12s  %-10s %6.3f  %.3f - %.3f", number(best, text, sizeof text), each->unit, result->ratio,
               result->low, result->high);
    else
        printf(" %12s  %-10s %6s  %-13s", "-", each->unit, "-", "-");
    if (with->peer && result->peer > 0)
        printf(" %12s %9.3f", number(result->peer, text, sizeof text), result->ours / result->peer);
    else if (with->peer)
        printf(" %12s %9s", "-", "-");
    printf(" %9s", duration(result->ours, text, sizeof text));
    if (limited) printf(" %9s  %s", duration(best, text, sizeof text), each->family->limits[result->best]);
    if (result->ours_peak > 0) printf(", %.0f MB; ours %.0f MB", result->limit_peak, result->ours_peak);
    putchar('\n');
    if (with->all_limits) print_each_limit(each, result);
    fflush(stdout);
}

/* On a line; the object is gone then. */
static bool print_object(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (!text) return false;
    puts(text);
    fflush(stdout);
    cJSON_free(text);
    return true;
}

static void add_limits(cJSON *object, const bench_case *each, const bench_result *result)
{
    cJSON_AddNumberToObject(object, "limit", result->limits[result->best]);
    cJSON_AddNumberToObject(object, "ratio", result->ratio);
    cJSON_AddNumberToObject(object, "ratio_low", result->low);
    cJSON_AddNumberToObject(object, "ratio_high", result->high);
    cJSON_AddStringToObject(object, "limit_way", each->family->limits[result->best]);
    cJSON *ways = cJSON_AddObjectToObject(object, "limits");
    for (int i = 0; i < bench_limits(each); i++)
        if (result->limits[i] > 0) cJSON_AddNumberToObject(ways, each->family->limits[i], result->limits[i]);
}

bool bench_print_json(const bench_case *each, const bench_conditions *with, const bench_result *result)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "case", each->name);
    cJSON_AddNumberToObject(object, "threads", with->threads);
    cJSON_AddNumberToObject(object, "ours", result->ours);
    cJSON_AddStringToObject(object, "unit", each->unit);
    if (result->best != BENCH_NO_LIMIT) add_limits(object, each, result);
    if (result->peer > 0) {
        cJSON_AddNumberToObject(object, "peer", result->peer);
        cJSON_AddNumberToObject(object, "peer_ratio", result->ours / result->peer);
    }
    if (result->ours_peak > 0) {
        cJSON_AddNumberToObject(object, "ours_peak_mb", result->ours_peak);
        cJSON_AddNumberToObject(object, "limit_peak_mb", result->limit_peak);
    }
    cJSON_AddNumberToObject(object, "difference", result->difference);
    cJSON_AddNumberToObject(object, "repeats", result->repeats);
    return print_object(object);
}

/* ---- Summaries -------------------------------------------------------------------------------------------------- */

void bench_add(bench_summary *summary, const char *name, const bench_result *result)
{
    if (!summary->name || result->best == BENCH_NO_LIMIT) return;
    summary->ours += log(result->ours);
    summary->limit += log(result->limits[result->best]);
    if (summary->cases++ > 0 && result->ratio >= summary->lowest) return;
    summary->lowest = result->ratio;
    summary->lowest_case = name;
}

static bool print_summary_json(const bench_summary *summary, const bench_conditions *with, const char *name)
{
    const double ours = exp(summary->ours / summary->cases), limit = exp(summary->limit / summary->cases);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "case", name);
    cJSON_AddNumberToObject(object, "threads", with->threads);
    if (summary->unit) {
        cJSON_AddNumberToObject(object, "ours", ours);
        cJSON_AddNumberToObject(object, "limit", limit);
        cJSON_AddStringToObject(object, "unit", summary->unit);
    }
    cJSON_AddNumberToObject(object, "ratio", ours / limit);
    cJSON_AddNumberToObject(object, "lowest", summary->lowest);
    cJSON_AddStringToObject(object, "lowest_case", summary->lowest_case);
    cJSON_AddNumberToObject(object, "cases", summary->cases);
    return print_object(object);
}

bool bench_print_summary(const bench_summary *summary, const bench_conditions *with, bool json)
{
    if (summary->cases == 0) return true;
    const double ours = exp(summary->ours / summary->cases), limit = exp(summary->limit / summary->cases);
    char name[64], our_rate[32] = "", limit_rate[32] = "";
    snprintf(name, sizeof name, "%s-geomean", summary->name);
    if (json) return print_summary_json(summary, with, name);
    if (summary->unit) {
        number(ours, our_rate, sizeof our_rate);
        number(limit, limit_rate, sizeof limit_rate);
    }
    printf("%-34s %12s %12s  %-10s %6.3f  of %d cases; the lowest is %.3f, %s\n", name, our_rate, limit_rate,
           summary->unit ? summary->unit : "", ours / limit, summary->cases, summary->lowest, summary->lowest_case);
    return true;
}
