/* gradcheck_verdicts.h: what tests of the gradient check share. Included by one file of a program, after cmocka.h. */
#ifndef RETROGRAD_GRADCHECK_VERDICTS_H
#define RETROGRAD_GRADCHECK_VERDICTS_H

#include <string.h>

#include "autograd.h"
#include "failing_malloc.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define ASSERT_VERDICT(expected, result)                                                                           \
    do {                                                                                                           \
        const rg_gradcheck_result result_ = (result);                                                              \
        if (result_.verdict != (expected))                                                                         \
            fail_msg("%s, not %s: %s", rg_verdict_name(result_.verdict), rg_verdict_name(expected),                \
                     result_.message);                                                                             \
    } while (0)

/* How many lines of a report contain these words. */
static inline int lines_with(FILE *report, const char *words)
{
    char line[1024];
    int count = 0;
    rewind(report);
    while (fgets(line, sizeof line, report)) count += strstr(line, words) != NULL;
    return count;
}

/* Under a sanitizer or valgrind the allocations are not ours to let fail. Called by a pointer, because a compiler
 * knows malloc and would take for granted that it changes nothing here. */
static inline bool allocations_are_ours(void)
{
    void *(*volatile take)(size_t) = malloc;
    allocations_fail_after(0);
    void *block = take(1);
    bool ours = !block && allocations_failed == 1;
    allocations_fail_after(-1);
    free(block);
    return ours;
}

/* Lets each allocation of a check fail in turn, with all that follow: it must not pass, and must not leak. */
static inline void assert_no_allocation_is_trusted(rg_verdict attempt(void))
{
    if (!allocations_are_ours()) skip();
    const rg_verdict undisturbed = attempt();
    const long alive_before = allocations_alive;
    int errors = 0;
    for (long n = 0; n < 10000; n++) {
        allocations_fail_after(n);
        rg_verdict verdict = attempt();
        long failed = allocations_failed;
        allocations_fail_after(-1);
        assert_int_equal(allocations_alive, alive_before);
        if (failed == 0) {
            assert_int_equal(verdict, undisturbed);
            break;
        }
        assert_int_not_equal(verdict, RG_CHECK_OK);
        errors += verdict == RG_CHECK_ERROR;
    }
    assert_true(errors > 10);
}

#endif
