/* test_svg.c: charts have readable ticks, are well-formed whatever they are given, and show what they should. */
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
#include "svg.h"

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
    double ticks[TOOL_SVG_MOST_TICKS];
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        for (int most = 3; most <= TOOL_SVG_MOST_TICKS; most++) {
            double low = ranges[i][0], high = ranges[i][1];
            int count = tool_svg_ticks(low, high, most, ticks);
            assert_in_range(count, 2, most);
            assert_true(ticks[0] <= low + 1e-6 * fabs(low) && ticks[count - 1] >= high - 1e-6 * fabs(high));
            assert_true(is_round(ticks[1] - ticks[0]) || fabs(low) > 1e6 * (high - low));
        }
    }
}

static void ticks_of_a_usual_axis_are_the_ones_a_hand_would_draw(void **state)
{
    double ticks[TOOL_SVG_MOST_TICKS];
    (void)state;
    assert_int_equal(tool_svg_ticks(0, 10, 8, ticks), 6);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(ticks[i] - 2 * i) < 1e-12);
    assert_int_equal(tool_svg_ticks(88.3, 99.9, 8, ticks), 7);
    assert_true(ticks[0] == 88 && ticks[6] == 100);
}

static void logarithmic_ticks_are_1_2_5_times_powers_of_ten(void **state)
{
    static const double ranges[][2] = {
        { 1, 10 }, { 0.02, 0.09 }, { 3, 3 }, { 1, 1 }, { 0.0123, 2.3 }, { 1e-9, 1e9 }, { 1e-299, 1e299 }, { 2.1, 4.9 },
        { 0.999, 1.001 }, { 5, 50 },
    };
    double ticks[TOOL_SVG_MOST_TICKS], range[2];
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        double low = ranges[i][0], high = ranges[i][1];
        int count = tool_svg_log_ticks(low, high, 8, ticks, range);
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

static void labels_have_the_digits_they_need(void **state)
{
    static const struct { double value, distance; const char *text; } cases[] = {
        { 0, 0.5, "0" }, { 1e-17, 0.1, "0" }, { 0.30000000000000004, 0.1, "0.3" }, { 2, 2, "2" },
        { 97.5, 0.5, "97.5" },
        { 98, 0.5, "98.0" }, { 1500, 500, "1500" }, { 20000, 5000, "20k" }, { 1.5e6, 5e5, "1.5M" }, { -4, 2, "-4" },
        { 0.002, 0.001, "0.002" }, { 2e-7, 1e-7, "2e-07" }, { 3e12, 1e12, "3e+12" },
    };
    char text[40];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tool_svg_label(cases[i].value, cases[i].distance, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static char *picture;
static size_t picture_size;

static FILE *begin(void)
{
    free(picture);
    picture = NULL;
    FILE *out = open_memstream(&picture, &picture_size);
    assert_non_null(out);
    return out;
}

static int teardown(void **state)
{
    (void)state;
    free(picture);
    picture = NULL;
    return 0;
}

static void escapes_to(const char *text, const char *expected)
{
    FILE *out = begin();
    tool_svg_text(out, text);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(picture, expected);
}

static void text_is_escaped_and_never_malformed(void **state)
{
    (void)state;
    escapes_to("a<b & \"c\" > 'd'", "a&lt;b &amp; &quot;c&quot; &gt; &#39;d&#39;");
    escapes_to("caf\xC3\xA9 \xE2\x80\x93 \xF0\x9F\x98\x80", "caf\xC3\xA9 \xE2\x80\x93 \xF0\x9F\x98\x80");
    escapes_to("bell\a esc\033[1m", "bell? esc?[1m");
    escapes_to("\xFF\xFE", "??");
    escapes_to("cut \xC3", "cut ?");
    escapes_to("long \xC0\x80 \xE0\x80\x80", "long ?? ???");
    escapes_to("surrogate \xED\xA0\x80", "surrogate ???");
}

/* Tags nest and close, and no number is NaN or infinite. */
static void assert_well_formed(const char *text)
{
    int depth = 0;
    for (const char *at = strchr(text, '<'); at != NULL; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        assert_null(memchr(at + 1, '<', (size_t)(end - at - 1)));
        depth += at[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
        assert_true(depth >= 0);
        assert_null(strstr(at, "\"nan"));
        assert_null(strstr(at, "\"inf"));
        assert_null(strstr(at, "\"-nan"));
    }
    assert_int_equal(depth, 0);
    assert_null(strstr(text, "nan "));
    assert_null(strstr(text, "inf "));
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        count++;
    return count;
}

static void draw(const tool_svg_chart *chart)
{
    FILE *out = begin();
    tool_svg_write(out, "A <title>", 1, chart, 400, 300);
    assert_int_equal(fclose(out), 0);
    assert_well_formed(picture);
}

static void a_chart_has_titles_labels_legend_and_lines(void **state)
{
    const double x[] = { 0, 1, 2, 3 }, y[] = { 4, 2, 1, 0.5 };
    const tool_svg_series series[] = {
        { "train", 0, .count = 4, .x = x, .y = y },
        { "test & more", 1, .marks = true, .count = 4, .x = x, .y = y },
    };
    (void)state;
    draw(&(tool_svg_chart){ "Loss", "epoch", "nats", .count = 2, .series = series });
    assert_non_null(strstr(picture, ">A &lt;title&gt;</text>"));
    assert_non_null(strstr(picture, ">Loss</text>"));
    assert_non_null(strstr(picture, ">epoch</text>"));
    assert_non_null(strstr(picture, ">nats</text>"));
    assert_non_null(strstr(picture, ">test &amp; more</text>"));
    assert_int_equal(count_of(picture, "<path"), 2);
    assert_int_equal(count_of(picture, "<circle"), 4);
    assert_non_null(strstr(picture, tool_svg_colour(0)));
    assert_non_null(strstr(picture, tool_svg_colour(1)));
}

static void what_cannot_be_drawn_leaves_a_gap(void **state)
{
    const double x[] = { 0, 1, 2, 3, 4 }, y[] = { 4, 2, NAN, 1, INFINITY };
    const tool_svg_series series[] = { { "y", 0, .count = 5, .x = x, .y = y } };
    (void)state;
    draw(&(tool_svg_chart){ "t", "x", "y", .count = 1, .series = series });
    const char *path = strstr(picture, " d=\"");
    assert_non_null(path);
    const char *end = strchr(path + 4, '"');
    int moves = 0, lines = 0;
    for (const char *at = path + 4; at < end; at++) {
        moves += *at == 'M';
        lines += *at == 'L';
    }
    assert_int_equal(moves, 2);
    assert_int_equal(lines, 1);
}

static void hard_numbers_make_a_picture_all_the_same(void **state)
{
    static const double hard[][4] = {
        { NAN, NAN, NAN, NAN }, { 0, 0, 0, 0 }, { 5, 5, 5, 5 }, { -1, 0, 1, 1e300 }, { 1e-320, 1e-310, 1e-5, 1 },
        { INFINITY, -INFINITY, 1, 2 }, { 9e299, -9e299, 0, 1 }, { 1e-8, 1e8, 1, 1 }, { -3, -2, -1, 0 },
    };
    const double x[] = { 0, 1, 2, 3 };
    (void)state;
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
        for (size_t count = 0; count <= 4; count++) {
            for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
                const tool_svg_series line = { "y", 0, .marks = true, .count = count, .x = x, .y = hard[i] };
                const tool_svg_series turned = { "y", 0, .marks = true, .count = count, .x = hard[i], .y = x };
                draw(&(tool_svg_chart){ "t", "x", "y", .logarithmic = logarithmic, .count = 1, .series = &line });
                draw(&(tool_svg_chart){ "t", "x", "y", .logarithmic = logarithmic, .count = 1, .series = &turned });
            }
        }
    }
}

static void colours_differ_and_come_again(void **state)
{
    (void)state;
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(tool_svg_colour(i), tool_svg_colour(k));
    assert_string_equal(tool_svg_colour(7), tool_svg_colour(0));
    assert_string_equal(tool_svg_colour(-1), tool_svg_colour(6));
}

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
        cmocka_unit_test(ticks_are_1_2_5_apart_and_cover_the_range),
        cmocka_unit_test(ticks_of_a_usual_axis_are_the_ones_a_hand_would_draw),
        cmocka_unit_test(logarithmic_ticks_are_1_2_5_times_powers_of_ten),
        cmocka_unit_test(labels_have_the_digits_they_need),
        cmocka_unit_test_teardown(text_is_escaped_and_never_malformed, teardown),
        cmocka_unit_test_teardown(a_chart_has_titles_labels_legend_and_lines, teardown),
        cmocka_unit_test_teardown(what_cannot_be_drawn_leaves_a_gap, teardown),
        cmocka_unit_test_teardown(hard_numbers_make_a_picture_all_the_same, teardown),
        cmocka_unit_test(colours_differ_and_come_again),
        cmocka_unit_test_teardown(a_long_history_takes_no_more_room_and_keeps_the_mean, free_curves),
        cmocka_unit_test_teardown(classes_have_two_charts_and_numbers_one, free_curves),
        cmocka_unit_test_teardown(an_empty_history_makes_a_picture, free_curves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
