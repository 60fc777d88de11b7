/* gradcheck_verdicts.h: what tests of the gradient check share. Included by one file of a program, after cmocka.h. */
#ifndef RETROGRAD_GRADCHECK_VERDICTS_H
#define RETROGRAD_GRADCHECK_VERDICTS_H

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

/* Lets each allocation of a check fail in turn, with all that follow: it must not pass, and must not leak. */
static inline void assert_no_allocation_is_trusted(rg_verdict attempt(void))
{
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
