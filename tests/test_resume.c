/* test_resume.c: the same seed gives the same bits, whatever the number of threads, planned or node by node, and
 * whether the training was stopped and gone on with or not; and Ctrl-C loses nothing. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "run_command.h"

static void assert_same(const char *a, const char *b)
{
    char command[128];
    snprintf(command, sizeof command, "cmp %s %s", a, b);
    if (system(command) != 0)
        fail_msg("%s and %s differ", a, b);
}

#define STEPS_200                                                                                                  \
    "train", "--layers", "48,32", "--dropout", "0.2", "--schedule", "warmup:20+cosine:0.1", "--seed", "7",         \
        "--clip-norm", "1", "--epochs", "4", "--batch", "100", "--progress", "none", "--steps", "200"

/* 200 steps on the bundled digits with one thread, to compare with: 100 steps an epoch. */
static int setup(void **state)
{
    return enter_directory(state) != 0 || RUN(STEPS_200, "--threads", "1", "--save", "one.st") != 0 ? -1 : 0;
}

static void any_number_of_threads_gives_the_same_file(void **state)
{
    static const char *const threads[] = { "2", "3", "4", "7" };
    (void)state;
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        assert_int_equal(RUN(STEPS_200, "--threads", threads[i], "--save", "many.st"), 0);
        assert_same("one.st", "many.st");
    }
}

static void node_by_node_gives_the_same_file(void **state)
{
    (void)state;
    setenv("RG_EAGER", "1", 1);
    int status = RUN(STEPS_200, "--save", "eager.st");
    unsetenv("RG_EAGER");
    assert_int_equal(status, 0);
    assert_same("one.st", "eager.st");
}

static void another_seed_gives_another_file(void **state)
{
    (void)state;
    assert_int_equal(RUN(STEPS_200, "--seed", "8", "--save", "other.st"), 0);
    assert_int_not_equal(system("cmp -s one.st other.st"), 0);
}

/* At the end of an epoch, in the middle of one, and twice. */
static void stopping_and_going_on_gives_the_same_file(void **state)
{
    static const char *const stops[] = { "100", "57", "101" };
    (void)state;
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        assert_int_equal(RUN(STEPS_200, "--steps", stops[i], "--save", "part.st"), 0);
        assert_int_not_equal(system("cmp -s one.st part.st"), 0);
        assert_int_equal(RUN("train", "--load", "part.st", "--steps", "150", "--save", "part.st", "--threads",
                             "3"), 0);
        assert_int_equal(RUN("train", "--load", "part.st", "--steps", "200", "--save", "part.st"), 0);
        assert_same("one.st", "part.st");
    }
}

static void every_optimizer_can_be_gone_on_with(void **state)
{
    static const char *const optimizers[] = { "sgd", "momentum", "adam", "adamw" };
    (void)state;
    for (size_t i = 0; i < sizeof optimizers / sizeof optimizers[0]; i++) {
#define SHORT "train", "--layers", "16", "--batch", "500", "--progress", "none", "--optimizer", optimizers[i]
        assert_int_equal(RUN(SHORT, "--epochs", "2", "--save", "whole.st"), 0);
        assert_int_equal(RUN(SHORT, "--epochs", "2", "--steps", "15", "--save", "part.st"), 0);
        assert_int_equal(RUN("train", "--load", "part.st", "--save", "part.st"), 0);
        assert_same("whole.st", "part.st");
    }
}

static void a_table_is_split_and_scaled_the_same_way_again(void **state)
{
    char table[8192] = "";
    size_t at = 0;
    (void)state;
    for (int i = 0; i < 200; i++)
        at += (size_t)snprintf(table + at, sizeof table - at, "%d,%d,%.1f\n", i, i * i % 17, 0.5 * i + i * i % 17);
    write_file("table.csv", table);
    assert_int_equal(RUN("train", "--data", "table.csv", "--epochs", "6", "--seed", "3", "--save", "whole.st"), 0);
    assert_int_equal(RUN("train", "--data", "table.csv", "--epochs", "6", "--seed", "3", "--steps", "8", "--save",
                         "part.st"), 0);
    assert_int_equal(RUN("train", "--load", "part.st", "--save", "part.st"), 0);
    assert_same("whole.st", "part.st");
}

static void what_is_done_already_is_left_as_it_is(void **state)
{
    (void)state;
    assert_int_equal(RUN("train", "--load", "one.st", "--steps", "10", "--save", "again.st", "--json"), 0);
    assert_true(field("steps") == 200);
    assert_same("one.st", "again.st");
}

/* Waits until the first epoch has been told of. */
static void wait_for_the_first_epoch(void)
{
    const struct timespec pause = { .tv_nsec = 10000000 };
    for (int i = 0; i < 6000; i++) {
        read_file("complained.txt", complained, sizeof complained);
        if (strstr(complained, "epoch") != NULL)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("no epoch in a minute");
}

static void a_signal_ends_after_the_step_and_saves(void **state)
{
    static const int signals[] = { SIGINT, SIGTERM };
    char steps[32];
    (void)state;
    for (int i = 0; i < 2; i++) {
        remove("complained.txt");
        pid_t child = START("train", "--layers", "16", "--epochs", "1000000", "--schedule", "constant", "--save",
                            "stopped.st", "--plot", "stopped.svg", "--json");
        wait_for_the_first_epoch();
        assert_int_equal(kill(child, signals[i]), 0);
        assert_int_equal(finish(child), 0);
        assert_said(said, "\"interrupted\":true");
        assert_said(said, "retrograd train --load stopped.st");
        assert_true(access("stopped.svg", F_OK) == 0);
        /* As if it had been asked to stop there. */
        snprintf(steps, sizeof steps, "%.0f", field("steps"));
        assert_int_equal(RUN("train", "--layers", "16", "--epochs", "1000000", "--schedule", "constant",
                             "--steps", steps, "--save", "asked.st", "--progress", "none"), 0);
        assert_same("asked.st", "stopped.st");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_file),
        cmocka_unit_test(node_by_node_gives_the_same_file),
        cmocka_unit_test(another_seed_gives_another_file),
        cmocka_unit_test(stopping_and_going_on_gives_the_same_file),
        cmocka_unit_test(every_optimizer_can_be_gone_on_with),
        cmocka_unit_test(a_table_is_split_and_scaled_the_same_way_again),
        cmocka_unit_test(what_is_done_already_is_left_as_it_is),
        cmocka_unit_test(a_signal_ends_after_the_step_and_saves),
    };
    return cmocka_run_group_tests(tests, setup, leave_directory);
}
