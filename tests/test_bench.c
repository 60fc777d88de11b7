/* test_bench.c: the benchmark runs what it is asked to, agrees with its limits, and tells it in a form that programs
 * read. Not how fast anything is: that is no matter for a test. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>

#undef RG_TEST_COMMAND
#define RG_TEST_COMMAND RG_TEST_BENCH
#include "run_command.h"

static int setup(void **state)
{
    unsetenv("RETROGRAD");
    unsetenv("RG_MNIST_DIR");
    return enter_directory(state);
}

#define QUICK(...) RUN("--quick", "--json", __VA_ARGS__)

static void assert_rates(const char *unit)
{
    assert_true(field("ours") > 0);
    assert_true(field("limit") > 0);
    assert_true(fabs(field("ratio") - field("ours") / field("limit")) < 1e-6);
    assert_said(last_line(), unit);
}

static void every_family_agrees_with_its_limits(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "mlp-2-16-16-1-b*"), 0);
    assert_rates("\"unit\":\"steps/s\"");
    assert_said(said, "\"case\":\"mlp-2-16-16-1-b32\"");
    assert_true(field("difference") < 1e-12); /* the last one is in f64 */
    assert_int_equal(QUICK("--case", "mlp-784-128-10-b32*"), 0);
    assert_int_equal(QUICK("--case", "chain-1000-n16"), 0);
    assert_rates("\"unit\":\"ops/s\"");
    assert_int_equal(QUICK("--case", "fused-*"), 0);
    assert_rates("\"unit\":\"elements/s\"");
    assert_int_equal(QUICK("--case", "changing-2-16-16-1"), 0);
    assert_rates("\"limit_way\":\"node by node\"");
}

static void minimised_and_compiled_steps_have_the_same_limits(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "mlp-*-b1-minimise"), 0);
    assert_said(said, "\"case\":\"mlp-784-128-10-b1-minimise\"");
    assert_rates("\"unit\":\"steps/s\"");
    assert_int_equal(QUICK("--case", "mlp-784-128-10-b32-*compiled", "--case", "mlp-2-16-16-1-b*-compiled"), 0);
    assert_said(said, "\"case\":\"mlp-784-128-10-b32-f64-compiled\"");
    assert_said(last_line(), "\"loops without a product\":");
    assert_true(field("difference") < 1e-12);
    assert_int_equal(QUICK("--case", "chain-1000-n1-compiled"), 0);
    assert_rates("\"unit\":\"ops/s\"");
}

static void each_limit_is_told_if_asked_for(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "mlp-784-128-10-b1"), 0);
    cJSON *object = cJSON_Parse(last_line());
    const cJSON *limits = cJSON_GetObjectItemCaseSensitive(object, "limits");
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(limits, "gradient, then update")) > 0);
    cJSON_Delete(object);
    assert_int_equal(RUN("--quick", "--case", "mlp-784-128-10-b1"), 0);
    assert_null(strstr(said, "gradient, then update  "));
    assert_said(said, "Peak       of one thread: ");
    assert_int_equal(RUN("--quick", "--case", "mlp-784-128-10-b1", "--all-limits"), 0);
    assert_said(said, "\n  gradient, then update  ");
    assert_said(said, "\n  update in the product  ");
}

static void a_jacobian_is_compared_in_blocks(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "bundle-*"), 0);
    assert_rates("\"unit\":\"Jacobians/s\"");
    assert_said(said, "\"case\":\"bundle-30000\"");
    assert_said(last_line(), "\"case\":\"bundle-30000-compiled\"");
    assert_true(field("difference") < 1e-12);
}

static void what_is_nothing_by_hand_has_no_limit(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "record-1000", "--case", "plan-1000"), 0);
    assert_said(said, "\"case\":\"record-1000\"");
    assert_said(last_line(), "\"unit\":\"nodes/s\"");
    assert_true(field("ours") > 0);
    assert_true(isnan(field("ratio")));
    assert_int_equal(RUN("--quick", "--case", "op-*"), 0);
    assert_said(said, "op-tanh-n1 ");
    assert_said(said, " passes/s ");
}

static void the_command_starts_and_ends(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "startup-info"), 0);
    assert_rates("\"unit\":\"starts/s\"");
}

static void products_are_summed_up_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "gemm-*-16x16-*", "--case", "gemm-*-128x10-*-b8"), 0);
    assert_rates("\"case\":\"gemm-geomean\"");
    assert_true(field("cases") == 36);
    assert_true(field("lowest") > 0 && field("lowest") <= field("ratio"));
    assert_int_equal(QUICK("--case", "gemm-*-4x4x4", "--case", "gemm-*-16x16x16"), 0);
    assert_true(field("cases") == 4);
}

static void an_epoch_tells_its_peak_of_memory(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "epoch-*", "--repeats", "1"), 0);
    assert_rates("\"unit\":\"epochs/s\"");
    assert_true(field("limit_peak_mb") > 60000 * 784 / 1e6); /* the images, in bytes */
    assert_true(field("ours_peak_mb") > 60000 * 784 / 1e6);
    assert_true(field("ours_peak_mb") < field("limit_peak_mb") + 15);
    setenv("RG_MNIST_DIR", "/nonexistent", 1);
    assert_int_equal(QUICK("--case", "epoch-*"), 1);
    assert_said(complained, "/nonexistent");
    unsetenv("RG_MNIST_DIR");
}

static void several_threads_agree_as_well(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "mlp-784-128-10-b128", "--threads", "2"), 0);
    assert_rates("\"unit\":\"steps/s\"");
    assert_true(field("threads") == 2);
    assert_int_equal(QUICK("--case", "gemm-*-128x10-*-b8", "--case", "mlp-2-16-16-1-b32*", "--threads", "2"), 0);
    assert_said(last_line(), "\"case\":\"all-geomean\"");
    assert_true(field("cases") == 12);
    assert_true(field("lowest") > 0 && field("lowest") <= field("ratio"));
}

static void threads_are_compared_with_one(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--scaling", "--case", "mlp-784-128-10-b128", "--case", "gemm-f32-16x16x16",
                           "--case", "op-tanh-n1", "--case", "startup-info"), 0);
    assert_said(said, "\"case\":\"gemm-f32-16x16x16\"");
    assert_said(said, "\"limit_way\":\"one thread\"");
    assert_null(strstr(said, "startup-info"));
    assert_true(field("threads") == 2);
    assert_true(field("cases") == 3);
    assert_int_equal(RUN("--quick", "--scaling", "--threads", "3", "--case", "chain-1000-n1024"), 0);
    assert_said(said, "one thread");
}

static void a_peer_takes_its_turn(void **state)
{
    (void)state;
    write_file("peer.sh", "case $1 in chain-1000-n1) exit 3;; chain-1000-n16) echo 250; exit;; esac\n"
                          "while read seconds; do echo \"{\\\"rate\\\": $2}\"; done\n");
    assert_int_equal(QUICK("--case", "chain-1000-n1", "--peer", "sh peer.sh"), 0);
    assert_true(isnan(field("peer")));
    assert_int_equal(QUICK("--case", "chain-1000-n16", "--peer", "sh peer.sh"), 0);
    assert_true(field("peer") == 250);
    assert_int_equal(QUICK("--case", "chain-1000-n1024", "--threads", "2", "--peer", "sh peer.sh"), 0);
    assert_true(field("peer") == 2);
    assert_true(fabs(field("peer_ratio") - field("ours") / 2) < 1e-6 * field("ours"));
    assert_int_equal(RUN("--quick", "--case", "chain-1000-n1024", "--peer", "sh peer.sh"), 0);
    assert_said(said, "ours/peer");
}

static void a_peer_that_fails_is_told_of_once_and_left_out(void **state)
{
    (void)state;
    assert_int_equal(QUICK("--case", "chain-1000-n1*", "--peer", "exit 1;"), 0);
    assert_said(complained, "gives no rate for chain-1000-n1 (it ended with status 1)");
    assert_null(strstr(complained, "gives no rate for chain-1000-n16"));
    assert_said(said, "\"case\":\"chain-1000-n1024\"");
}

static void what_is_asked_for_wrongly_is_named(void **state)
{
    (void)state;
    assert_int_equal(RUN("--case", "no-such-case"), 2);
    assert_said(complained, "no case of that name");
    assert_int_equal(RUN("--threads", "none"), 2);
    assert_said(complained, "--threads takes a number");
    assert_int_equal(RUN("--list", "--case", "mlp-*-f64"), 0);
    assert_said(said, "mlp-784-128-10-b1024-f64");
    assert_null(strstr(said, "chain"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_agrees_with_its_limits),
        cmocka_unit_test(minimised_and_compiled_steps_have_the_same_limits),
        cmocka_unit_test(each_limit_is_told_if_asked_for),
        cmocka_unit_test(a_jacobian_is_compared_in_blocks),
        cmocka_unit_test(what_is_nothing_by_hand_has_no_limit),
        cmocka_unit_test(the_command_starts_and_ends),
        cmocka_unit_test(products_are_summed_up_at_the_end),
        cmocka_unit_test(an_epoch_tells_its_peak_of_memory),
        cmocka_unit_test(several_threads_agree_as_well),
        cmocka_unit_test(threads_are_compared_with_one),
        cmocka_unit_test(a_peer_takes_its_turn),
        cmocka_unit_test(a_peer_that_fails_is_told_of_once_and_left_out),
        cmocka_unit_test(what_is_asked_for_wrongly_is_named),
    };
    return cmocka_run_group_tests(tests, setup, leave_directory);
}
