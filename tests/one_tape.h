/* one_tape.h: a tape of its own for each test of a program, which must end without an error. Included by its one file. */
#ifndef RETROGRAD_TESTS_ONE_TAPE_H
#define RETROGRAD_TESTS_ONE_TAPE_H

#include "tensors.h"

static rg_tape *tape;

static inline int set_up(void **state)
{
    (void)state;
    return (tape = rg_tape_new()) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    assert_fine(tape);
    rg_tape_free(tape);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
