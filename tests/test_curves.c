/* test_curves.c: what training looked like is kept in little room, and drawn. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "curves.h"
#include "pictures.h"

#include <math.h>

static tool_curves curves;

static int free_curves(void **state)
{
    tool_curves_free(&curves);
    return teardown(state);
}

static void a_long_history_takes_no_more_room_and_keeps_the_mean(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++)
        tool_curves_step(&curves, i, 3.0);
    assert_in_range(curves.bins, TOOL_CURVE_BINS / 2, TOOL_CURVE_BINS);
    for (size_t i = 0; i + 1 < curves.bins; i++) {
        assert_true(fabs(curves.bin_loss[i] - 3.0) < 1e-9);
        assert_true(i == 0 || curves.bin_epoch[i] > curves.bin_epoch[i - 1]);
    }
    assert_true(fabs(curves.bin_epoch[0] - (double)(curves.bin_size - 1) / 2) < 1e-9);
}

static void classes_have_two_charts_and_numbers_one(void **state)
{
    (void)state;
    for (int classes = 0; classes < 2; classes++) {
        tool_curves_free(&curves);
        for (int i = 1; i <= 3; i++) {
            double accuracy = classes ? 0.9 : NAN;
            tool_curves_step(&curves, i, 1.0 / i);
            tool_curve_point point = { i, { 1.0 / i, accuracy }, { 1.1 / i, accuracy } };
            assert_true(tool_curves_add(&curves, point));
        }
        FILE *out = begin();
        assert_true(tool_curves_write(&curves, "title", out));
        assert_int_equal(fclose(out), 0);
        assert_well_formed(picture);
        assert_int_equal(strstr(picture, ">Accuracy<") != NULL, classes);
        assert_non_null(strstr(picture, ">Loss<"));
    }
}

static void an_empty_history_makes_a_picture(void **state)
{
    (void)state;
    FILE *out = begin();
    assert_true(tool_curves_write(&curves, "title", out));
    assert_int_equal(fclose(out), 0);
    assert_well_formed(picture);
    assert_non_null(strstr(picture, "no finite values"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_long_history_takes_no_more_room_and_keeps_the_mean, free_curves),
        cmocka_unit_test_teardown(classes_have_two_charts_and_numbers_one, free_curves),
        cmocka_unit_test_teardown(an_empty_history_makes_a_picture, free_curves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
