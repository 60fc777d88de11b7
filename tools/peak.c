/* peak.c: the fastest of many short runs counts, for whatever else the machine does can only slow one down. */
#define _POSIX_C_SOURCE 200809L
#include "peak.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "simd.h"

/* Chains: as many as hide the time that an instruction takes, and fit into registers. An array: far larger than any
 * cache, and a multiple of CHAINS of the widest vectors. */
enum { CHAINS = 10, ROUNDS = 20000, FEWEST_RUNS = 3, ARRAY = CHAINS * 64 << 18 };

typedef struct {
    double (*multiply_and_add)(int64_t rounds);
    double (*sum_of)(int64_t bytes, const void *numbers);
    int operations;            /* in a round */
} peak_loops;

#define TEMPLATE "peak_template.h"
#include "each_kind.h"

typedef struct {
    const peak_loops *loops;
    void *from, *to;
    double result;             /* to be used, so that the work has to be done */
} peak_subject;

static void multiply_and_add(peak_subject *s)
{
    s->result += s->loops->multiply_and_add(ROUNDS);
}

static void sum(peak_subject *s)
{
    s->result += s->loops->sum_of(ARRAY, s->from);
}

static void copy(peak_subject *s)
{
    memcpy(s->to, s->from, ARRAY);
    s->result += ((const volatile float *)s->to)[ARRAY / sizeof(float) - 1];
}

/* The thread's own time: it stands still while another program has the processor. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The shortest time that the work has taken; it is repeated for so many seconds. */
static double shortest(void (*work)(peak_subject *s), peak_subject *s, double seconds)
{
    const double begin = now();
    double before = begin, best = 0;
    for (int runs = 0; runs < FEWEST_RUNS || before - begin < seconds; runs++) {
        work(s);
        const double after = now();
        if (best == 0 || after - before < best) best = after - before;
        before = after;
    }
    return best;
}

bool tool_measure_peak(double seconds, tool_peak *peak)
{
    static const peak_loops *const loops[2][3] = KINDS(&loops);
    enum { MEASUREMENTS = 4 };
    const int level = rg_simd_level();
    const double each = seconds / MEASUREMENTS;
    peak_subject s = { .from = aligned_alloc(64, ARRAY), .to = aligned_alloc(64, ARRAY) };
    const bool made = s.from && s.to;
    *peak = (tool_peak){ .f32 = 0 };
    if (made) {
        memset(s.from, 0, ARRAY);
        memset(s.to, 0, ARRAY);
        s.loops = loops[1][level];
        peak->f64 = 1e-9 * ROUNDS * s.loops->operations / shortest(multiply_and_add, &s, each);
        s.loops = loops[0][level];
        peak->f32 = 1e-9 * ROUNDS * s.loops->operations / shortest(multiply_and_add, &s, each);
        peak->sum = 1e-9 * ARRAY / shortest(sum, &s, each);
        peak->copy = 1e-9 * 2 * ARRAY / shortest(copy, &s, each);
    }
    free(s.from);
    free(s.to);
    return made && s.result > 0;
}

const char *tool_processor(char *text, size_t size)
{
    char line[512], name[256] = "unknown";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "model name : %255[^\n]", name) == 1) break;
    if (file) fclose(file);
    snprintf(text, size, "%s", name);
    return text;
}
