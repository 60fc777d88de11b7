/* pool.c: workers spin for a moment and then sleep: waking a sleeper costs tens of microseconds, asking a
 * spinner less than one.
 *
 * All there is to know about the job at hand is one atomic word, the ticket: which job, how many tasks, which
 * is next. A task is taken by exchanging the ticket for its successor, so a worker that comes late to a job
 * finds it exhausted or replaced and can never run a task of one job as that of another. Nobody waits for
 * workers that took no task. */
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SPINS = 4000, TASK_BITS = 20 };
#define TASK_MASK ((UINT64_C(1) << TASK_BITS) - 1)

struct rg_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    _Atomic uint64_t ticket;    /* job number, tasks, next task */
    _Atomic int64_t finished;   /* tasks of the job that have been run */
    int sleeping;               /* under the lock */
    bool caller_sleeps, quit;   /* under the lock */
    rg_task *task;              /* these two are read only by who holds a task of the job */
    void *context;
    int spins;
    int workers;
    pthread_t thread[];
};

static uint64_t ticket_job(uint64_t ticket)
{
    return ticket >> (2 * TASK_BITS);
}

static uint64_t ticket_tasks(uint64_t ticket)
{
    return ticket >> TASK_BITS & TASK_MASK;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

int rg_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

/* Runs tasks as long as the job has any left. */
static void take_tasks(rg_pool *pool)
{
    uint64_t ticket = atomic_load(&pool->ticket);
    while ((ticket & TASK_MASK) < ticket_tasks(ticket)) {
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket + 1)) continue;
        pool->task(pool->context, (int64_t)(ticket & TASK_MASK));
        if (atomic_fetch_add(&pool->finished, 1) + 1 == (int64_t)ticket_tasks(ticket)) {
            pthread_mutex_lock(&pool->lock);
            if (pool->caller_sleeps) pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
        ticket = atomic_load(&pool->ticket);
    }
}

/* The number of a job other than `seen`; `seen` again when the pool ends. */
static uint64_t await_job(rg_pool *pool, uint64_t seen)
{
    for (int i = 0; i < pool->spins; i++) {
        uint64_t job = ticket_job(atomic_load(&pool->ticket));
        if (job != seen) return job;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    pool->sleeping++;
    while (ticket_job(atomic_load(&pool->ticket)) == seen && !pool->quit)
        pthread_cond_wait(&pool->work, &pool->lock);
    pool->sleeping--;
    uint64_t job = ticket_job(atomic_load(&pool->ticket));
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *context)
{
    rg_pool *pool = context;
    for (uint64_t seen = 0, job; (job = await_job(pool, seen)) != seen; seen = job) take_tasks(pool);
    return NULL;
}

rg_pool *rg_pool_new(int threads)
{
    if (threads < 2) return NULL;
    rg_pool *pool = calloc(1, sizeof *pool + (size_t)(threads - 1) * sizeof pool->thread[0]);
    if (!pool) return NULL;
    /* More threads than processors must not spin: they would keep each other from working. */
    pool->spins = threads <= rg_processor_count() ? SPINS : 0;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    while (pool->workers < threads - 1 && pthread_create(&pool->thread[pool->workers], NULL, work, pool) == 0)
        pool->workers++;
    if (pool->workers > 0) return pool;
    rg_pool_free(pool);
    return NULL;
}

void rg_pool_free(rg_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->quit = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->workers; i++) pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static void run_job(rg_pool *pool, int64_t tasks, rg_task *task, void *context)
{
    pool->task = task;
    pool->context = context;
    atomic_store(&pool->finished, 0);
    pthread_mutex_lock(&pool->lock);
    uint64_t job = ticket_job(atomic_load(&pool->ticket)) + 1;
    atomic_store(&pool->ticket, job << (2 * TASK_BITS) | (uint64_t)tasks << TASK_BITS);
    if (pool->sleeping > 0) pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);

    take_tasks(pool);
    for (int i = 0; i < pool->spins && atomic_load(&pool->finished) < tasks; i++) relax();
    if (atomic_load(&pool->finished) == tasks) return;
    pthread_mutex_lock(&pool->lock);
    pool->caller_sleeps = true;
    while (atomic_load(&pool->finished) < tasks) pthread_cond_wait(&pool->done, &pool->lock);
    pool->caller_sleeps = false;
    pthread_mutex_unlock(&pool->lock);
}

typedef struct {
    rg_task *task;
    void *context;
    int64_t first;
} offset_job;

static void offset_task(void *context, int64_t task)
{
    const offset_job *job = context;
    job->task(job->context, job->first + task);
}

void rg_pool_run(rg_pool *pool, int64_t tasks, rg_task *task, void *context)
{
    if (!pool || tasks <= 1) {
        for (int64_t i = 0; i < tasks; i++) task(context, i);
        return;
    }
    for (int64_t first = 0; first < tasks; first += (int64_t)TASK_MASK) { /* all that a ticket can number */
        int64_t count = tasks - first < (int64_t)TASK_MASK ? tasks - first : (int64_t)TASK_MASK;
        offset_job job = { task, context, first };
        run_job(pool, count, offset_task, &job);
    }
}
