/* failing_malloc.h: lets the n-th allocation of a call fail, for tests that make each fail in turn. Included by one
 * file of a program. Works through glibc's own names; under a sanitizer, which has its own malloc, and elsewhere
 * FAILING_MALLOC is 0 and the sweep is left out. */
#ifndef RETROGRAD_FAILING_MALLOC_H
#define RETROGRAD_FAILING_MALLOC_H

#include <errno.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define FAILING_MALLOC 0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#undef FAILING_MALLOC
#define FAILING_MALLOC 0
#endif
#ifndef FAILING_MALLOC
#define FAILING_MALLOC 1
#endif

static long allocations_left = -1;   /* this many succeed, then the next fails; negative: all succeed */
static int allocations_fail_on;      /* and all after it */
static long allocations_failed;      /* since the countdown was set */
static long allocations_alive __attribute__((unused));

/* The next `count` allocations succeed, later ones fail; a negative count ends that. */
static inline void allocations_fail_after(long count)
{
    allocations_left = count;
    allocations_fail_on = 1;
    allocations_failed = 0;
}

/* The same, but only one fails. */
static inline void allocations_fail_once_after(long count)
{
    allocations_fail_after(count);
    allocations_fail_on = 0;
}

#if FAILING_MALLOC
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

static int allocation_fails(void)
{
    if (allocations_left < 0) return 0;
    if (allocations_left > 0) {
        allocations_left--;
        return 0;
    }
    allocations_failed++;
    if (!allocations_fail_on) allocations_left = -1;
    errno = ENOMEM;
    return 1;
}

static void *alive(void *block)
{
    if (block) allocations_alive++;
    return block;
}

void *malloc(size_t bytes)
{
    return allocation_fails() ? NULL : alive(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return allocation_fails() ? NULL : alive(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
    if (allocation_fails()) return NULL;
    void *block = __libc_realloc(old, bytes);
    return old ? block : alive(block);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return allocation_fails() ? NULL : alive(__libc_memalign(alignment, bytes));
}

void free(void *block)
{
    if (block) allocations_alive--;
    __libc_free(block);
}
#endif

#endif
