/* measure.c: medians of interleaved repeats. Whatever else the machine does then hits all sides alike. Several threads
 * are timed by the clock on the wall, which nothing but their work can turn back: there the fastest repeat counts. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

/* A pass that takes longer than a slice is not repeated beyond so many seconds, but for a few times. So many passes, or
 * slices, go before. */
enum { OURS = -1, WARM_UP = 8, WARM_UP_SLICES = 4, MOST_SECONDS = 6, FEWEST_REPEATS = 5, MOST_TRIES = 4 };

/* The threads of a BLAS look for more work for a while after a product before they sleep: on our processors. */
static const struct timespec until_they_sleep = { .tv_nsec = 40000000 };

/* Sums are in another order: a wrong gradient is off by far more. */
static const double tolerances[] = { 1e-4, 1e-12 };

typedef struct {
    const bench_case *each;
    void *state;
    int limits, threads;
} subject;

double bench_now(int threads)
{
    struct timespec time;
    clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool has_limit(const subject *s, int which)
{
    return !s->each->family->has || s->each->family->has(s->state, which);
}

/* Seconds that the passes took; NaN if the library failed. */
static double run(const subject *s, int side, int64_t passes)
{
    bool done = true;
    const double start = bench_now(s->threads);
    if (side == OURS) done = s->each->family->ours(s->state, passes);
    else s->each->family->limit(s->state, side, passes);
    const double seconds = bench_now(s->threads) - start;
    return done ? seconds : NAN;
}

/* How often another program has taken a processor from this one. */
static long interruptions(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? used.ru_nivcsw : 0;
}

/* The clock of several threads runs on while another program has a processor of ours: then the passes are done again,
 * and if there is no peace the shortest time counts. */
static double run_in_peace(const subject *s, int side, int64_t passes)
{
    double shortest = INFINITY;
    for (int i = 0; i < MOST_TRIES; i++) {
        const long before = interruptions();
        const double seconds = run(s, side, passes);
        if (isnan(seconds) || s->threads == 1 || interruptions() == before) return seconds;
        shortest = fmin(shortest, seconds);
    }
    return shortest;
}

/* How many passes fill a slice, and how long they take; 0 if the library failed. */
static int64_t passes_for(const subject *s, int side, double slice, double *taken)
{
    for (int64_t passes = 1;; passes *= 2) {
        const double seconds = run(s, side, passes);
        if (isnan(seconds)) return 0;
        if (seconds >= WARM_UP_SLICES * slice || (passes >= WARM_UP && seconds >= slice / 2)) {
            int64_t fitting = (int64_t)((double)passes * slice / seconds);
            fitting = fitting > 0 ? fitting : 1;
            *taken = seconds * (double)fitting / (double)passes;
            return fitting;
        }
    }
}

/* As many as are asked for, as far as there is time. */
static int repeats_for(const bench_conditions *with, double seconds)
{
    const double fitting = MOST_SECONDS / seconds;
    const int fewest = with->repeats < FEWEST_REPEATS ? with->repeats : FEWEST_REPEATS;
    return fitting >= with->repeats ? with->repeats : fitting > fewest ? (int)fitting : fewest;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The number at that fraction of the sorted ones. */
static double quantile(const double *numbers, int count, double fraction)
{
    double sorted[BENCH_MOST_REPEATS];
    memcpy(sorted, numbers, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    const double at = fraction * (count - 1);
    const int below = (int)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

double bench_distance(rg_dtype dtype, const void *a, const void *b, int64_t count)
{
    double difference = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        const double x = bench_get(dtype, a, i), y = bench_get(dtype, b, i);
        difference = fmax(difference, fabs(x - y));
        most = fmax(most, fabs(y));
        if (isnan(x) || isnan(y)) return NAN;
    }
    return most > 0 ? difference / most : difference;
}

static bool check(const subject *s, bench_result *result, char *message, size_t size)
{
    for (int i = 0; i < s->limits; i++) {
        const double difference = has_limit(s, i) ? s->each->family->difference(s->state, i) : 0;
        if (!(difference <= tolerances[BENCH_TYPE(s->each->dtype)])) {
            const char *why = s->each->family->message(s->state);
            snprintf(message, size, "%s: the limit '%s' differs from the library by %.3g of the largest number%s%s",
                     s->each->name, s->each->family->limits[i], difference, *why ? ": " : "", why);
            return false;
        }
        if (difference > result->difference) result->difference = difference;
    }
    return true;
}

void bench_summarise(const bench_samples *samples, int limits, int threads, bench_result *result)
{
    const int repeats = result->repeats = samples->repeats;
    const double typical = threads == 1 ? 0.5 : 1;
    double ratios[BENCH_MOST_REPEATS];
    result->ours = quantile(samples->ours, repeats, typical);
    result->best = BENCH_NO_LIMIT;
    result->peer = samples->peers > 0 ? quantile(samples->peer, samples->peers, typical) : 0;
    for (int i = 0; i < limits; i++) {
        const double rate = result->limits[i] = quantile(samples->limits[i], repeats, typical);
        if (rate > 0 && (result->best == BENCH_NO_LIMIT || rate > result->limits[result->best])) result->best = i;
    }
    if (result->best == BENCH_NO_LIMIT) return;
    for (int i = 0; i < repeats; i++) ratios[i] = samples->ours[i] / samples->limits[result->best][i];
    result->ratio = result->ours / result->limits[result->best];
    result->low = quantile(ratios, repeats, 0.25);
    result->high = quantile(ratios, repeats, 0.75);
}

void bench_take_turn_of_peer(const bench_conditions *with, bench_samples *samples)
{
    const double rate = with->peer ? bench_peer_rate(with->peer, with->slice) : NAN;
    if (!isnan(rate)) samples->peer[samples->peers++] = rate;
}

static bool time_all(const subject *s, const bench_conditions *with, bench_result *result)
{
    bench_samples samples = { .peers = 0 };
    int64_t passes[1 + BENCH_MOST_LIMITS] = { 0 }; /* of a limit that is not there none */
    const double slice = with->slice * (s->each->slice > 0 ? s->each->slice : 1);
    double taken, all = 0;
    for (int side = OURS; side < s->limits; side++) {
        if (side != OURS && !has_limit(s, side)) continue;
        if ((passes[1 + side] = passes_for(s, side, slice, &taken)) == 0) return false;
        all += taken;
    }
    samples.repeats = repeats_for(with, all);
    for (int i = 0; i < samples.repeats; i++, bench_take_turn_of_peer(with, &samples)) {
        if (s->threads > 1 && !with->scaling) nanosleep(&until_they_sleep, NULL);
        for (int side = OURS; side < s->limits; side++) {
            if (passes[1 + side] == 0) continue;
            const double seconds = run_in_peace(s, side, passes[1 + side]);
            if (isnan(seconds)) return false;
            double *rates = side == OURS ? samples.ours : samples.limits[side];
            rates[i] = s->each->units * (double)passes[1 + side] / seconds;
        }
    }
    bench_summarise(&samples, s->limits, with->threads, result);
    return true;
}

/* Checks a case, and times it if that is asked for. */
static bool examine(const bench_case *each, const bench_conditions *with, bool timed, bench_result *result,
                    char *message, size_t size)
{
    *result = (bench_result){ .best = 0 };
    subject s = { .each = each, .state = each->family->make(each, with), .threads = with->threads,
                  .limits = bench_limits(each) };
    if (!s.state) {
        snprintf(message, size, "%s: out of memory", each->name);
        return false;
    }
    bool done = check(&s, result, message, size);
    if (done && timed && !(done = time_all(&s, with, result)))
        snprintf(message, size, "%s: %s", each->name, each->family->message(s.state));
    each->family->free(s.state);
    return done;
}

int bench_limits(const bench_case *each)
{
    int limits = 0;
    while (limits < BENCH_MOST_LIMITS && each->family->limits[limits]) limits++;
    return limits;
}

bool bench_check(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                 size_t size)
{
    return examine(each, with, false, result, message, size);
}

bool bench_measure(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                   size_t size)
{
    if (with->peer) bench_peer_start(with->peer, each, with->threads);
    const bool done = each->family->measure ? each->family->measure(each, with, result, message, size)
                                            : examine(each, with, true, result, message, size);
    if (with->peer) bench_peer_end(with->peer, each);
    return done;
}
