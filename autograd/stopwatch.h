/* stopwatch.h: plans timed step by step. Internal. */
#ifndef RETROGRAD_STOPWATCH_H
#define RETROGRAD_STOPWATCH_H

#include "plan.h"

/* The times of runs, each run's in a row: of the plan's steps, and then of what comes after them. */
typedef struct {
    size_t steps;              /* in a row: at least one more than the plan has */
    int runs, repeats;         /* rows that are filled; and that there are */
    const rg_plan *plan;       /* of these runs: those of another one are forgotten */
    double *seconds, *sorted;
    double cost;               /* of timing nothing */
    int64_t started;
} rg_stopwatch;

/* For so many runs; watch->steps is set, all else is zeros. False when out of memory: it must be freed either way. */
bool rg_stopwatch_make(rg_stopwatch *watch, int repeats);
void rg_stopwatch_free(rg_stopwatch *watch);

/* As rg_plan_do, and times each step: the next run's. */
const rg_work *rg_plan_time(rg_engine *engine, rg_plan *plan, rg_stopwatch *watch);
/* Before and after what comes after the plan's steps. */
void rg_stopwatch_start(rg_stopwatch *watch);
void rg_stopwatch_stop(rg_stopwatch *watch);

double rg_stopwatch_median(rg_stopwatch *watch, size_t step);
/* "matmul+add+relu"; NULL when out of memory. */
const char *rg_account_name(const rg_account *account, rg_arena *arena);

#endif
