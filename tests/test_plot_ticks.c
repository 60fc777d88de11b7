/* test_plot_ticks.c: ticks are where a hand would put them, with the digits they need; text is never malformed. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "picture.h"
#include "pictures.h"

#include <math.h>

/* Whether the number is 1, 2 or 5 times a power of ten. */
static bool is_round(double number)
{
    double power = pow(10, floor(log10(number) + 1e-9)), digit = number / power;
    return fabs(digit - 1) < 1e-6 || fabs(digit - 2) < 1e-6 || fabs(digit - 5) < 1e-6;
}

static void ticks_are_1_2_5_apart_and_cover_the_range(void **state)
{
    static const double ranges[][2] = {
        { 0, 1 }, { 0, 10 }, { 0.3, 2.3 }, { -7, 13 }, { 97.2, 98.1 }, { 0, 1570 }, { 1e-12, 3e-12 }, { -5, -1 },
        { 3, 3 }, { 0, 0 }, { -2e-200, 1e-200 }, { 1e299, 9e299 }, { -9e299, 9e299 }, { 1e15, 1e15 + 4 },
    };
    double ticks[RG_PLOT_MOST_TICKS];
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        for (int most = 3; most <= RG_PLOT_MOST_TICKS; most++) {
            double low = ranges[i][0], high = ranges[i][1];
            int count = rg_plot_ticks(low, high, most, ticks);
            assert_in_range(count, 2, most);
            assert_true(ticks[0] <= low + 1e-6 * fabs(low) && ticks[count - 1] >= high - 1e-6 * fabs(high));
            assert_true(is_round(ticks[1] - ticks[0]) || fabs(low) > 1e6 * (high - low));
        }
    }
}

/* A twentieth of the smallest numbers is 0, and no room. */
static void ticks_of_the_smallest_numbers_are_those_of_0(void **state)
{
    (void)state;
    static const double ends[] = { 5e-324, 1e-310, 2.3e-308 };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        double ticks[RG_PLOT_MOST_TICKS], of_zero[RG_PLOT_MOST_TICKS];
        const int count = rg_plot_ticks(0, 0, 6, of_zero);
        assert_int_equal(rg_plot_ticks(0, ends[i], 6, ticks), count);
        for (int k = 0; k < count; k++) assert_true(ticks[k] == of_zero[k]);
    }
}

static void ticks_of_a_usual_axis_are_the_ones_a_hand_would_draw(void **state)
{
    double ticks[RG_PLOT_MOST_TICKS];
    (void)state;
    assert_int_equal(rg_plot_ticks(0, 10, 8, ticks), 6);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(ticks[i] - 2 * i) < 1e-12);
    assert_int_equal(rg_plot_ticks(88.3, 99.9, 8, ticks), 7);
    assert_true(ticks[0] == 88 && ticks[6] == 100);
}

static void an_axis_that_does_not_end_at_ticks_has_two_or_more(void **state)
{
    static const double ranges[][2] = { { -3, 3 }, { -1.2, 1.3 }, { 0.3, 2.3 }, { 97.2, 98.1 }, { -9, 1 }, { 41, 44 } };
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        for (int most = 3; most <= RG_PLOT_MOST_TICKS; most++) {
            rg_plot_scale scale = { 0 };
            rg_plot_scale_set(&scale, ranges[i][0], ranges[i][1], false, most);
            assert_in_range(rg_plot_tick_count(&scale), 2, most + 2);
        }
    }
}

static void logarithmic_ticks_are_1_2_5_times_powers_of_ten(void **state)
{
    static const double ranges[][2] = {
        { 1, 10 }, { 0.02, 0.09 }, { 3, 3 }, { 1, 1 }, { 0.0123, 2.3 }, { 1e-9, 1e9 }, { 1e-299, 1e299 }, { 2.1, 4.9 },
        { 0.999, 1.001 }, { 5, 50 },
    };
    double ticks[RG_PLOT_MOST_TICKS], range[2];
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        double low = ranges[i][0], high = ranges[i][1];
        int count = rg_plot_log_ticks(low, high, 8, ticks, range);
        assert_in_range(count, 2, 8);
        assert_true(range[0] <= low * (1 + 1e-6) && range[1] >= high * (1 - 1e-6) && range[0] < range[1]);
        assert_true(is_round(range[0]) && is_round(range[1]));
        for (int k = 0; k < count; k++) {
            assert_true(is_round(ticks[k]));
            assert_true(ticks[k] >= range[0] * (1 - 1e-6) && ticks[k] <= range[1] * (1 + 1e-6));
            assert_true(k == 0 || ticks[k] > ticks[k - 1]);
        }
    }
}

/* Where not every power of ten has a tick, 1 has one. */
static void ticks_of_many_decades_are_multiples_of_their_step(void **state)
{
    double ticks[RG_PLOT_MOST_TICKS], range[2];
    (void)state;
    for (int low = -40; low < 0; low++)
        for (int high = 1; high <= 40; high++) {
            const int count = rg_plot_log_ticks(pow(10, low), pow(10, high), 7, ticks, range);
            bool one = high - low < 4;
            for (int k = 0; k < count; k++) one = one || ticks[k] == 1;
            assert_true(one);
        }
}

static void labels_have_the_digits_they_need(void **state)
{
    static const struct { double value, distance; const char *text; } cases[] = {
        { 0, 0.5, "0" }, { 1e-17, 0.1, "0" }, { 0.30000000000000004, 0.1, "0.3" }, { 2, 2, "2" },
        { 97.5, 0.5, "97.5" },
        { 98, 0.5, "98.0" }, { 1500, 500, "1500" }, { 20000, 5000, "20k" }, { 1.5e6, 5e5, "1.5M" }, { -4, 2, "-4" },
        { 0.002, 0.001, "0.002" }, { 2e-7, 1e-7, "2e-7" }, { 3e12, 1e12, "3e12" },
        { 0.0005, 0, "0.0005" }, { 1e-5, 0, "1e-5" }, { 1e100, 0, "1e100" }, { 2000, 0, "2000" },
    };
    char text[40];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rg_plot_label(cases[i].value, cases[i].distance, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void escapes_to(const char *text, int most, const char *expected)
{
    FILE *out = begin();
    rg_plot_put_text(out, text, most);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(picture, expected);
}

static void numbers_have_a_point_in_every_locale(void **state)
{
    (void)state;
    FILE *out = begin();
    rg_plot_put(out, "x=\"%s\" y=\"%d\"", "1,5", 2); /* as a number is printed where a comma is usual */
    assert_int_equal(fclose(out), 0);
    assert_string_equal(picture, "x=\"1.5\" y=\"2\"");
}

static void text_is_escaped_and_never_malformed(void **state)
{
    (void)state;
    escapes_to("a<b & \"c\" > 'd'", 100, "a&lt;b &amp; &quot;c&quot; &gt; &#39;d&#39;");
    escapes_to("caf\xC3\xA9 \xE2\x80\x93 \xF0\x9F\x98\x80", 100, "caf\xC3\xA9 \xE2\x80\x93 \xF0\x9F\x98\x80");
    escapes_to("bell\a esc\033[1m", 100, "bell? esc?[1m");
    escapes_to("\xFF\xFE", 100, "??");
    escapes_to("cut \xC3", 100, "cut ?");
    escapes_to("long \xC0\x80 \xE0\x80\x80", 100, "long ?? ???");
    escapes_to("surrogate \xED\xA0\x80", 100, "surrogate ???");
    escapes_to("just fits", 9, "just fits");
    escapes_to("too <long>", 6, "too &lt;\xE2\x80\xA6");
    escapes_to("\xC3\xA9\xC3\xA9\xC3\xA9", 2, "\xC3\xA9\xE2\x80\xA6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_1_2_5_apart_and_cover_the_range),
        cmocka_unit_test(ticks_of_the_smallest_numbers_are_those_of_0),
        cmocka_unit_test(ticks_of_a_usual_axis_are_the_ones_a_hand_would_draw),
        cmocka_unit_test(an_axis_that_does_not_end_at_ticks_has_two_or_more),
        cmocka_unit_test(logarithmic_ticks_are_1_2_5_times_powers_of_ten),
        cmocka_unit_test(ticks_of_many_decades_are_multiples_of_their_step),
        cmocka_unit_test(labels_have_the_digits_they_need),
        cmocka_unit_test_teardown(numbers_have_a_point_in_every_locale, teardown),
        cmocka_unit_test_teardown(text_is_escaped_and_never_malformed, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
