/* test_pool.c: the thread pool runs every task of every job once, and has run them all when it returns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pool.h"

enum { MOST_TASKS = 5000, MOST_THREADS = 7 };

/* Tasks write without any lock: the pool must order them before its return, or a thread sanitizer says so. */
typedef struct {
    int64_t tasks;
    int runs[MOST_TASKS];
    int64_t result[MOST_TASKS];
    int64_t factor;
} job;

static void count_task(void *context, int64_t task)
{
    job *j = context;
    j->runs[task]++;
    j->result[task] = task * j->factor;
}

static void check_job(rg_pool *pool, job *j, int64_t tasks, int64_t factor)
{
    for (int64_t i = 0; i < tasks; i++) j->runs[i] = 0;
    j->factor = factor;
    rg_pool_run(pool, tasks, count_task, j);
    for (int64_t i = 0; i < tasks; i++) {
        assert_int_equal(j->runs[i], 1);
        assert_int_equal(j->result[i], i * factor);
    }
}

static void every_task_runs_once(void **state)
{
    (void)state;
    job *j = calloc(1, sizeof *j);
    for (int threads = 1; threads <= MOST_THREADS; threads++) {
        rg_pool *pool = rg_pool_new(threads);
        assert_true((threads == 1) == (pool == NULL)); /* one thread needs no pool */
        for (int64_t tasks = 0; tasks < 40; tasks++) check_job(pool, j, tasks, tasks + 1);
        check_job(pool, j, MOST_TASKS, 3);
        rg_pool_free(pool);
    }
    free(j);
}

static void many_small_jobs_follow_each_other(void **state)
{
    (void)state;
    job *j = calloc(1, sizeof *j);
    for (int threads = 2; threads <= MOST_THREADS; threads += threads < 4 ? 1 : 3) {
        rg_pool *pool = rg_pool_new(threads);
        assert_non_null(pool);
        for (int64_t i = 0; i < 3000; i++) check_job(pool, j, 1 + i % 9, i);
        rg_pool_free(pool);
    }
    free(j);
}

typedef struct {
    _Atomic int64_t sum, count;
} total;

static void add_task(void *context, int64_t task)
{
    total *t = context;
    atomic_fetch_add_explicit(&t->sum, task, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->count, 1, memory_order_relaxed);
}

/* A ticket numbers twenty bits of tasks; what is more is run in several rounds. */
static void more_tasks_than_a_ticket_can_number_are_run(void **state)
{
    (void)state;
    const int64_t tasks = ((int64_t)1 << 20) + 12345;
    total t = { 0, 0 };
    rg_pool *pool = rg_pool_new(3);
    rg_pool_run(pool, tasks, add_task, &t);
    assert_int_equal(t.count, tasks);
    assert_int_equal(t.sum, tasks * (tasks - 1) / 2);
    rg_pool_free(pool);
}

/* Workers that are late, or asleep, or have had nothing to do. */
static void a_pool_can_be_freed_at_any_time(void **state)
{
    (void)state;
    job *j = calloc(1, sizeof *j);
    for (int i = 0; i < 60; i++) {
        rg_pool *pool = rg_pool_new(2 + i % 6);
        for (int k = 0; k < i % 3; k++) check_job(pool, j, 5, k);
        rg_pool_free(pool);
    }
    rg_pool_free(NULL);
    free(j);
}

static void several_pools_do_not_disturb_each_other(void **state)
{
    (void)state;
    enum { POOLS = 3 };
    rg_pool *pools[POOLS];
    job *jobs = calloc(POOLS, sizeof *jobs);
    for (int i = 0; i < POOLS; i++) pools[i] = rg_pool_new(2 + i);
    for (int round = 0; round < 300; round++)
        for (int i = 0; i < POOLS; i++) check_job(pools[i], &jobs[i], 1 + (round + i) % 20, round);
    for (int i = 0; i < POOLS; i++) rg_pool_free(pools[i]);
    free(jobs);
}

static void uneven_tasks_are_shared_out(void **state)
{
    (void)state;
    job *j = calloc(1, sizeof *j);
    rg_pool *pool = rg_pool_new(4);
    for (int round = 0; round < 200; round++) check_job(pool, j, round % 2 ? MOST_TASKS / 10 : 2, round);
    rg_pool_free(pool);
    assert_true(rg_processor_count() >= 1);
    free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(many_small_jobs_follow_each_other),
        cmocka_unit_test(more_tasks_than_a_ticket_can_number_are_run),
        cmocka_unit_test(a_pool_can_be_freed_at_any_time),
        cmocka_unit_test(several_pools_do_not_disturb_each_other),
        cmocka_unit_test(uneven_tasks_are_shared_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
