/* stopwatch.c: a plan timed step by step. The clock's own time is taken from each step's, which may be shorter, and of
 * many runs the median counts, because whatever else the machine does can be in any of them. */
#define _POSIX_C_SOURCE 200809L
#include "stopwatch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* In nanoseconds: since the machine was started, that is too much for all of them to fit into a double. */
static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return INT64_C(1000000000) * time.tv_sec + time.tv_nsec;
}

static double seconds_since(int64_t begin)
{
    return 1e-9 * (double)(now() - begin);
}

/* ---- One step ------------------------------------------------------------------------------------------------- */

/* A step passes on to the next one: a copy stands here before a stop. Steps with work are stops themselves. */
static double time_step(rg_engine *engine, const rg_step *step)
{
    const rg_step alone[] = { *step, { .kernel = rg_step_stop } };
    const int64_t begin = now();
    alone->kernel(alone);
    if (alone->work) rg_work_do(engine, alone->work);
    return seconds_since(begin);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof *numbers, ascending);
    return (numbers[(count - 1) / 2] + numbers[count / 2]) / 2;
}

/* What timing a step comes to that does nothing. */
static double cost_of_timing(void)
{
    enum { TRIES = 1001 };
    double seconds[TRIES];
    for (int i = 0; i < TRIES; i++) seconds[i] = time_step(NULL, &(rg_step){ .kernel = rg_step_stop });
    return median(seconds, TRIES);
}

/* ---- Runs ------------------------------------------------------------------------------------------------------ */

bool rg_stopwatch_make(rg_stopwatch *watch, int repeats)
{
    size_t count, bytes;
    watch->repeats = repeats;
    watch->cost = cost_of_timing();
    if (!rg_size_mul((size_t)repeats, watch->steps, &count) || !rg_size_mul(count, sizeof *watch->seconds, &bytes))
        return false;
    watch->seconds = malloc(bytes);
    watch->sorted = malloc((size_t)repeats * sizeof *watch->sorted);
    return watch->seconds && watch->sorted;
}

void rg_stopwatch_free(rg_stopwatch *watch)
{
    free(watch->seconds);
    free(watch->sorted);
}

static double *last_row(const rg_stopwatch *watch)
{
    return watch->seconds + (size_t)(watch->runs - 1) * watch->steps;
}

/* A step may be done before the clock has moved on. */
static double without_cost(const rg_stopwatch *watch, double seconds)
{
    return seconds > watch->cost ? seconds - watch->cost : 0;
}

const rg_work *rg_plan_time(rg_engine *engine, rg_plan *plan, rg_stopwatch *watch)
{
    if (watch->plan != plan) watch->runs = 0;
    watch->plan = plan;
    watch->runs++;
    double *seconds = last_row(watch);
    *plan->fault = INT64_MAX;
    for (const rg_step *step = plan->steps; step < plan->last; step++) {
        const bool between = step->kernel == rg_step_stop && !step->work;
        if (between) continue;
        *seconds++ = without_cost(watch, time_step(engine, step));
        if (*plan->fault != INT64_MAX) return step->work;
    }
    *seconds = 0;
    return NULL;
}

void rg_stopwatch_start(rg_stopwatch *watch)
{
    watch->started = now();
}

void rg_stopwatch_stop(rg_stopwatch *watch)
{
    last_row(watch)[watch->plan->step_count] = without_cost(watch, seconds_since(watch->started));
}

double rg_stopwatch_median(rg_stopwatch *watch, size_t step)
{
    const double *seconds = watch->seconds + step;
    for (int run = 0; run < watch->runs; run++, seconds += watch->steps) watch->sorted[run] = *seconds;
    return median(watch->sorted, watch->runs);
}

/* A group may have thousands of members: after so many their names say no more. */
enum { MOST_NAMED = 64 };

const char *rg_account_name(const rg_account *account, rg_arena *arena)
{
    const bool all = account->member_count <= MOST_NAMED;
    const int named = all ? account->member_count : MOST_NAMED;
    size_t bytes = strlen(account->op->name) + sizeof "+...";
    for (int i = 0; i < named; i++) bytes += 1 + strlen(account->members[i]->name);
    char *name = rg_arena_take(arena, bytes), *at = name;
    if (!name) return NULL;
    strcpy(at, account->op->name);
    for (int i = 0; i < named; i++) {
        at += strlen(at);
        *at++ = '+';
        strcpy(at, account->members[i]->name);
    }
    if (!all) strcat(at, "+...");
    return name;
}
