/* test_memory_command.c: the command plans a network for a budget of memory, trains within it, and gives the same
 * model. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>

#include "run_command.h"

#define DEEP "--layers", "96,96,96,96,96,96,96,96,96,96", "--batch", "128", "--inputs", "50"

static void assert_says(const char *text, const char *expected)
{
    if (strstr(text, expected) == NULL)
        fail_msg("no \"%s\" in:\n%s", expected, text);
}

static void figures_by_hand_are_those_of_the_literature(void **state)
{
    (void)state;
    assert_int_equal(RUN("plan", "--binomial", "100,5"), 0);
    assert_says(said, "100 stages, 5 states: 316 steps");
    assert_int_equal(RUN("plan", "--bracketing", "30,35,15,5,10,20,25"), 0);
    assert_says(said, "15125 multiplications   ((A1(A2A3))((A4A5)A6))");
    assert_int_equal(RUN("plan", "--binomial", "2,1"), 0);
    assert_says(said, "2 stages, 1 state: 1 step forward");
    assert_int_equal(RUN("plan", "--bracketing", "64,8,64,8,64"), 0);
    assert_says(said, "40960");
    assert_says(strstr(said, "reverse"), "98304");
    assert_says(strstr(said, "forward"), "98304");
}

/* From the least memory to all: no plan takes more than its budget, and what is computed again becomes less. */
static void a_table_tells_what_less_memory_costs(void **state)
{
    (void)state;
    assert_int_equal(RUN("plan", DEEP), 0);
    double before = 1e9;
    int rows = 0;
    for (const char *at = strstr(said, "budget"); (at = strchr(at, '\n')) && at[1]; at++) {
        double budget, predicted, workspace, percent;
        char unit[3][8];
        if (sscanf(at, " %lf %7s %lf %7s %lf %7s %lf %%", &budget, unit[0], &predicted, unit[1], &workspace, unit[2], &percent) != 7)
            break;
        if (strcmp(unit[0], unit[2]) == 0)
            assert_true(workspace <= budget + 0.1);
        assert_true(percent <= before);
        before = percent;
        rows++;
    }
    assert_true(rows >= 5);
}

static void a_plan_is_trained_with_and_holds_its_budget(void **state)
{
    char least[32];
    (void)state;
    assert_int_equal(RUN("plan", DEEP, "--memory", "1k", "--threads", "1"), 1);
    assert_says(complained, "1024 bytes are too few for these 12 stages: the least is ");
    assert_int_equal(sscanf(strstr(complained, "the least is "), "the least is %31[0-9]", least), 1);
    assert_int_equal(RUN("plan", DEEP, "--memory", least, "--steps", "3", "--threads", "1"), 0);
    assert_says(said, "computed again");
    assert_says(said, "the same bits with everything kept");
    assert_int_equal(RUN("plan", DEEP, "--memory", "200k", "--steps", "3", "--dropout", "0.1", "--dtype", "f64", "--threads", "1"), 1);
    assert_int_equal(RUN("plan", DEEP, "--memory", "600k", "--steps", "3", "--dropout", "0.1", "--dtype", "f64", "--threads", "1"), 0);
    assert_says(said, "the same bits with everything kept");
    assert_int_equal(RUN("plan", DEEP, "--memory", "1G", "--steps", "3", "--outputs", "1", "--threads", "1"), 0);
    assert_says(said, "0.0 % of the forward pass is computed again");
}

static void training_within_a_budget_gives_the_same_model(void **state)
{
    static char models[2][1 << 20];
    size_t bytes[2];
    (void)state;
    assert_int_equal(RUN("train", "--layers", "48,48,48,48,48,48", "--steps", "20", "--save", "kept", "--threads", "1"), 0);
    assert_int_equal(RUN("train", "--layers", "48,48,48,48,48,48", "--steps", "20", "--save", "again", "--threads", "1",
                         "--memory", "48k"), 0);
    assert_says(said, "of the forward pass is computed again");
    bytes[0] = read_file("kept", models[0], sizeof models[0]);
    bytes[1] = read_file("again", models[1], sizeof models[1]);
    assert_true(bytes[0] > 1000 && bytes[0] < sizeof models[0] - 1);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(models[0], models[1], bytes[0]);
    assert_int_equal(RUN("train", "--steps", "1", "--memory", "1000"), 1);
    assert_says(complained, "--memory: chain: 1000 bytes are too few");
    assert_int_equal(RUN("plan", "--load", "kept", "--memory", "48k", "--steps", "2"), 0);
    assert_says(said, "784-48-48-48-48-48-48-10");
}

#define REFUSES(text, ...)                                                                                          \
    do {                                                                                                            \
        assert_int_equal(RUN(__VA_ARGS__), 2);                                                                      \
        assert_says(complained, text);                                                                              \
    } while (0)

static void wrong_use_is_named(void **state)
{
    static const char *const bad[] = { "x", "0", "-1", "12Q", "k", "", "9999999999999G", "1.5M" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        REFUSES("--memory wants bytes above 0, such as 64M", "plan", "--memory", bad[i]);
    REFUSES("--steps needs --memory", "plan", "--steps", "3");
    REFUSES("--binomial wants two sizes", "plan", "--binomial", "3");
    REFUSES("--bracketing wants at least two sizes", "plan", "--bracketing", "3");
    REFUSES("--bracketing wants", "plan", "--bracketing", "3,x");
    REFUSES("--binomial is for no network: it has no use for --memory", "plan", "--memory", "1M", "--binomial", "3,2");
    REFUSES("--bracketing is for no network: it has no use for --layers", "plan", "--bracketing", "3,2", "--layers", "8");
    REFUSES("--binomial and --bracketing exclude each other", "plan", "--bracketing", "3,2", "--binomial", "3,2");
    REFUSES("--load and --layers exclude each other", "plan", "--load", "x", "--layers", "3");
    assert_int_equal(RUN("plan", "--load", "missing"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_by_hand_are_those_of_the_literature),
        cmocka_unit_test(a_table_tells_what_less_memory_costs),
        cmocka_unit_test(a_plan_is_trained_with_and_holds_its_budget),
        cmocka_unit_test(training_within_a_budget_gives_the_same_model),
        cmocka_unit_test(wrong_use_is_named),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
