/* scaling.c: any case, with the library's threads compared instead: what so many of them do, and what one does. */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

typedef struct {
    const bench_case *of;
    void *several, *one;
    bool one_failed;
} scaling_state;

static void free_state(void *state)
{
    scaling_state *s = state;
    if (s->several) s->of->family->free(s->several);
    if (s->one) s->of->family->free(s->one);
    free(s);
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    scaling_state *s = calloc(1, sizeof *s);
    bench_conditions with_one = *with;
    if (!s) return NULL;
    with_one.threads = 1;
    s->of = each->setup;
    s->several = s->of->family->make(s->of, with);
    s->one = s->of->family->make(s->of, &with_one);
    if (!s->several || !s->one) return free_state(s), NULL;
    return s;
}

static bool ours(void *state, int64_t passes)
{
    const scaling_state *s = state;
    return !s->one_failed && s->of->family->ours(s->several, passes);
}

static void limit(void *state, int which, int64_t passes)
{
    scaling_state *s = state;
    (void)which;
    s->one_failed = !s->of->family->ours(s->one, passes) || s->one_failed;
}

/* Both from the first hand-written limit that there is. */
static double difference(void *state, int which)
{
    const scaling_state *s = state;
    const bench_family *family = s->of->family;
    (void)which;
    for (int i = 0; i < bench_limits(s->of); i++)
        if (!family->has || family->has(s->one, i)) {
            const double of_several = family->difference(s->several, i), of_one = family->difference(s->one, i);
            return isnan(of_several) || isnan(of_one) ? NAN : fmax(of_several, of_one);
        }
    return 0;
}

static const char *message(const void *state)
{
    const scaling_state *s = state;
    return s->of->family->message(s->one_failed ? s->one : s->several);
}

static bool measure(const bench_case *each, const bench_conditions *with, bench_result *result, char *message_text,
                    size_t size)
{
    const bench_case *of = each->setup;
    return of->family->measure(of, with, result, message_text, size);
}

bench_case bench_scaled(const bench_case *each)
{
    static const bench_family in_passes = {
        .limits = { "one thread" },
        .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
    };
    static const bench_family by_itself = { .limits = { "one thread" }, .measure = measure };
    bench_case scaled = *each;
    scaled.family = each->family->measure ? &by_itself : &in_passes;
    scaled.setup = each;
    return scaled;
}
