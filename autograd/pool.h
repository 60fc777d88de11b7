/* pool.h: threads that share out the tasks of one step. Internal. */
#ifndef RETROGRAD_POOL_H
#define RETROGRAD_POOL_H

#include <stdint.h>

typedef struct rg_pool rg_pool;
typedef void rg_task(void *context, int64_t task);

/* threads - 1 workers; NULL if none could be started. */
rg_pool *rg_pool_new(int threads);
void rg_pool_free(rg_pool *pool);
/* Runs every task once, on the workers and on the calling thread, and returns when all are done. Which thread
 * runs a task is not determined, so tasks must not depend on it. */
void rg_pool_run(rg_pool *pool, int64_t tasks, rg_task *task, void *context);
/* Processors this process may run on. */
int rg_processor_count(void);

#endif
