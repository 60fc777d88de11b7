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
    printf("\n%-34s %12s %12s  %-10s %6s  %-13s", "case", "ours", "limit", "unit", "ratio", "quartiles");
    if (with->peer) printf(" %12s %9s", "peer", "ours/peer");
    printf(" %9s %9s  %s\n", "ours each", "limit", "the limit's way");
    fflush(stdout);
}

void bench_print_row(const bench_case *each, const bench_conditions *with, const bench_result *result)
{
    char text[32];
    const double best = result->limits[result->best];
    printf("%-34s %12s", each->name, number(result->ours, text, sizeof text));
    printf(" %12s  %-10s %6.3f  %.3f - %.3f", number(best, text, sizeof text), each->unit, result->ratio, result->low,
           result->high);
    if (with->peer && result->peer > 0)
        printf(" %12s %9.3f", number(result->peer, text, sizeof text), result->ours / result->peer);
    else if (with->peer)
        printf(" %12s %9s", "-", "-");
    printf(" %9s", duration(result->ours, text, sizeof text));
    printf(" %9s  %s", duration(best, text, sizeof text), each->family->limits[result->best]);
    if (result->ours_peak > 0) printf(", %.0f MB; ours %.0f MB", result->limit_peak, result->ours_peak);
    putchar('\n');
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

bool bench_print_json(const bench_case *each, const bench_conditions *with, const bench_result *result)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "case", each->name);
    cJSON_AddNumberToObject(object, "threads", with->threads);
    cJSON_AddNumberToObject(object, "ours", result->ours);
    cJSON_AddNumberToObject(object, "limit", result->limits[result->best]);
    cJSON_AddNumberToObject(object, "ratio", result->ratio);
    cJSON_AddStringToObject(object, "unit", each->unit);
    cJSON_AddNumberToObject(object, "ratio_low", result->low);
    cJSON_AddNumberToObject(object, "ratio_high", result->high);
    cJSON_AddStringToObject(object, "limit_way", each->family->limits[result->best]);
    cJSON *ways = cJSON_AddObjectToObject(object, "limits");
    for (int i = 0; i < BENCH_MOST_LIMITS && each->family->limits[i]; i++)
        cJSON_AddNumberToObject(ways, each->family->limits[i], result->limits[i]);
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

void bench_add(bench_summary *summary, const bench_case *each, const bench_result *result)
{
    if (!each->family->summary) return;
    summary->family = each->family;
    summary->unit = each->unit;
    summary->ours += log(result->ours);
    summary->limit += log(result->limits[result->best]);
    if (summary->cases++ > 0 && result->ratio >= summary->lowest) return;
    summary->lowest = result->ratio;
    summary->lowest_case = each->name;
}

bool bench_print_summary(const bench_summary *summary, const bench_conditions *with, bool json)
{
    if (summary->cases == 0) return true;
    const double ours = exp(summary->ours / summary->cases), limit = exp(summary->limit / summary->cases);
    char name[64], our_rate[32], limit_rate[32];
    snprintf(name, sizeof name, "%s-geomean", summary->family->summary);
    if (!json) {
        printf("%-34s %12s %12s  %-10s %6.3f  of %d cases; the lowest is %.3f, %s\n", name,
               number(ours, our_rate, sizeof our_rate), number(limit, limit_rate, sizeof limit_rate), summary->unit,
               ours / limit, summary->cases, summary->lowest, summary->lowest_case);
        return true;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "case", name);
    cJSON_AddNumberToObject(object, "threads", with->threads);
    cJSON_AddNumberToObject(object, "ours", ours);
    cJSON_AddNumberToObject(object, "limit", limit);
    cJSON_AddNumberToObject(object, "ratio", ours / limit);
    cJSON_AddStringToObject(object, "unit", summary->unit);
    cJSON_AddNumberToObject(object, "lowest", summary->lowest);
    cJSON_AddStringToObject(object, "lowest_case", summary->lowest_case);
    cJSON_AddNumberToObject(object, "cases", summary->cases);
    return print_object(object);
}
