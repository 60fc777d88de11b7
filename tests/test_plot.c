/* test_plot.c: pictures of numbers are well-formed whatever they are given, and show what they should. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pictures.h"

#include <locale.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void draw_plot(rg_plot plot)
{
    rg_error error = { 0 };
    FILE *out = begin();
    rg_status status = rg_plot_write(out, &plot, &error);
    assert_int_equal(fclose(out), 0);
    if (status) fail_msg("%s: %s", rg_status_name(status), error.message);
    assert_well_formed(picture);
}

static void draw(rg_plot_chart chart)
{
    draw_plot((rg_plot){ .title = "A <title>", .count = 1, .charts = &chart, .width = 400, .height = 300 });
}

/* The numbers behind the n-th (from 0) of these texts. */
static void numbers_after(const char *what, int n, int count, double *numbers)
{
    const char *at = strstr(picture, what);
    for (; n > 0 && at; n--) at = strstr(at + 1, what);
    if (!at) fail_msg("not drawn: %s", what);
    at += strlen(what);
    for (int i = 0; i < count; i++) {
        char *end;
        at += strcspn(at, "-0123456789");
        numbers[i] = strtod(at, &end);
        assert_true(end > at);
        at = end;
    }
}

static void a_chart_has_titles_labels_legend_and_lines(void **state)
{
    const double x[] = { 0, 1, 2, 3 }, y[] = { 4, 2, 1, 0.5 };
    const rg_plot_series series[] = {
        { .name = "train", .count = 4, .x = x, .y = y },
        { .name = "test & more", .colour = 1, .kind = RG_PLOT_LINE_AND_POINTS, .count = 4, .x = x, .y = y },
    };
    (void)state;
    draw((rg_plot_chart){ .title = "Loss", .x.label = "epoch", .y.label = "nats", .count = 2, .series = series });
    assert_non_null(strstr(picture, ">A &lt;title&gt;</text>"));
    assert_non_null(strstr(picture, ">Loss</text>"));
    assert_non_null(strstr(picture, ">epoch</text>"));
    assert_non_null(strstr(picture, ">nats</text>"));
    assert_non_null(strstr(picture, ">test &amp; more</text>"));
    assert_int_equal(count_of(picture, "L"), 1 + 6); /* that of Loss too */
    assert_int_equal(count_of(picture, "m-3 0a3"), 4 + 1); /* one in the legend */
    assert_non_null(strstr(picture, rg_plot_colour(0)));
    assert_non_null(strstr(picture, rg_plot_colour(1)));
}

/* Of the first line: pieces that begin, and lines. */
static void count_strokes(int *moves, int *lines)
{
    const char *path = strstr(picture, "stroke=\"currentColor\"");
    assert_non_null(path);
    path = strstr(path, " d=\"") + 4;
    *moves = *lines = 0;
    for (; *path != '"'; path++) {
        *moves += *path == 'M';
        *lines += *path == 'L';
    }
}

static void what_cannot_be_drawn_leaves_a_gap(void **state)
{
    const double x[] = { 0, 1, 2, 3, 400 }, y[] = { 4, 2, NAN, 1, INFINITY };
    const rg_plot_series series[] = { { .count = 5, .x = x, .y = y } };
    double n[8], frame[3];
    int moves, lines;
    (void)state;
    draw((rg_plot_chart){ .count = 1, .series = series });
    count_strokes(&moves, &lines);
    assert_int_equal(moves, 2);
    assert_int_equal(lines, 1);
    numbers_after("<path stroke=\"#666\" d=\"M", 0, 3, frame);
    numbers_after("stroke-width=\"2.2\" d=\"M", 0, 8, n);
    assert_true(fabs(n[0] - frame[0]) < 0.2 && fabs(n[5] - frame[0] - frame[2]) < 0.2); /* the axis ends at 3 */
}

static void lines_end_where_the_axes_end(void **state)
{
    const double x[] = { -10, 10, 0.5, 0.5 }, y[] = { -10, 10, 1e299, -1e299 };
    const rg_plot_series series[] = { { .count = 4, .x = x, .y = y } };
    const rg_plot_axis unit = { .low = 0, .high = 1 };
    double n[10], frame[5];
    int moves, lines;
    (void)state;
    draw((rg_plot_chart){ .x = unit, .y = unit, .count = 1, .series = series });
    count_strokes(&moves, &lines);
    assert_int_equal(moves, 2); /* the diagonal, nothing of the second piece, and the upright */
    assert_int_equal(lines, 2);
    numbers_after("<path stroke=\"#666\" d=\"M", 0, 3, frame); /* the x axis */
    numbers_after("stroke-width=\"2.2\" d=\"M", 0, 10, n);
    assert_true(fabs(n[0] - frame[0]) < 0.2 && fabs(n[1] - frame[1]) < 0.2);
    assert_true(fabs(n[3] - frame[0] - frame[2]) < 0.2);
    assert_true(fabs(n[5] - frame[0] - frame[2] / 2) < 0.2 && fabs(n[8] - n[5]) < 0.01);
    assert_true(n[9] > n[6] && fabs(n[9] - frame[1]) < 0.2);
}

static void hard_numbers_make_a_picture_all_the_same(void **state)
{
    static const double hard[][4] = {
        { NAN, NAN, NAN, NAN }, { 0, 0, 0, 0 }, { 5, 5, 5, 5 }, { -1, 0, 1, 1e300 }, { 1e-320, 1e-310, 1e-5, 1 },
        { INFINITY, -INFINITY, 1, 2 }, { 9e299, -9e299, 0, 1 }, { 1e-8, 1e8, 1, 1 }, { -3, -2, -1, 0 },
        { 1e-299, 1e299, 1, 1 },
    };
    const double x[] = { 0, 1, 2, 3 };
    (void)state;
    for (size_t i = 0; i < sizeof hard / sizeof hard[0]; i++) {
        for (size_t count = 0; count <= 4; count++) {
            for (int form = 0; form < 32; form++) {
                const rg_plot_kind kind = (rg_plot_kind)(form >> 3);
                const rg_plot_series line = { .name = "y", .kind = kind, .count = count, .x = x, .y = hard[i] };
                const rg_plot_series turned = { .name = "y", .kind = kind, .count = count, .x = hard[i], .y = x };
                const rg_plot_field field = { 2, 2, hard[i], 1, 2, 1, 4, .heat = count % 2, .contours = 3,
                                              .logarithmic = form & 1 };
                rg_plot_chart chart = { .x.logarithmic = form & 1, .y.logarithmic = form & 2, .equal = form & 4,
                                        .count = 1, .series = &line, .field = count > 2 ? &field : NULL };
                draw(chart);
                chart.series = &turned;
                draw(chart);
            }
        }
    }
}

static void text_of_any_kind_and_length_makes_a_picture(void **state)
{
    char text[3000];
    const double x[] = { 0, 1 };
    (void)state;
    for (size_t i = 0; i + 1 < sizeof text; i++) text[i] = (char)(1 + i * 7919 % 255);
    text[sizeof text - 1] = '\0';
    const char *const names[] = { text, NULL, "", "]]>", "<!--" };
    const rg_plot_axis axis = { .label = text, .names = names, .name_count = 5 };
    rg_plot_series series[6];
    for (int i = 0; i < 6; i++)
        series[i] = (rg_plot_series){ .name = names[i % 5], .kind = (rg_plot_kind)(i % 4), .count = 2, .x = x, .y = x };
    const double z[] = { 1, 2, 3, 4 };
    const rg_plot_field field = { 2, 2, z, 0, 4, 0, 4, .heat = true, .contours = 2, .name = text };
    const rg_plot_chart charts[] = {
        { .title = text, .x = axis, .y = axis, .count = 6, .series = series, .field = &field },
        { .title = text, .x = axis, .y = axis, .count = 6, .series = series },
    };
    draw_plot((rg_plot){ .title = text, .count = 2, .charts = charts });
    draw_plot((rg_plot){ .title = text, .count = 2, .charts = charts, .width = 100, .height = 100, .columns = 1 });
}

static void charts_stand_in_rows(void **state)
{
    const rg_plot_chart charts[5] = { { .title = "one" } };
    double size[4];
    (void)state;
    static const struct {
        int columns;
        double across, down;
    } cases[] = { { 0, 5, 1 }, { 2, 2, 3 }, { 9, 5, 1 }, { 1, 1, 5 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        draw_plot((rg_plot){ .count = 5, .charts = charts, .columns = cases[i].columns, .width = 200, .height = 150 });
        numbers_after("viewBox=\"", 0, 4, size);
        assert_true(size[2] == 40 + 200 * cases[i].across && fabs(size[3] - 40 - 150 * cases[i].down) <= 50);
        assert_int_equal(count_of(picture, "no finite values"), 5);
        const int texts = count_of(picture, "<text x=\"") - 1; /* that of the title beside; the others are alike */
        double first[2], last[2];
        numbers_after("<text x=\"", texts / 5, 2, first);
        numbers_after("<text x=\"", texts, 2, last);
        assert_true(last[0] - first[0] == 200 * (4 % (int)cases[i].across));
        assert_true(last[1] - first[1] >= 150 * (cases[i].down - 1) && last[1] - first[1] < 170 * cases[i].down);
        assert_true(cases[i].down > 1 || last[1] == first[1]);
    }
}

static void a_unit_is_as_long_on_both_equal_axes(void **state)
{
    const double x[] = { 0, 30 }, y[] = { 0, 10 };
    const rg_plot_series series[] = { { .count = 2, .x = x, .y = y } };
    double n[5];
    (void)state;
    draw((rg_plot_chart){ .equal = true, .count = 1, .series = series });
    numbers_after("stroke-width=\"2.2\" d=\"M", 0, 5, n);
    assert_true(fabs((n[3] - n[0]) - 3 * (n[1] - n[4])) < 0.5);
}

static void logarithmic_axes_are_even_in_powers(void **state)
{
    const double x[] = { 1, 10, 100 }, y[] = { 1, 100, 10000 };
    const rg_plot_series series[] = { { .count = 3, .x = x, .y = y } };
    double n[7];
    (void)state;
    draw((rg_plot_chart){ .x.logarithmic = true, .y.logarithmic = true, .count = 1, .series = series });
    numbers_after("stroke-width=\"2.2\" d=\"M", 0, 7, n);
    assert_true(fabs(n[0] + n[5] - 2 * n[3]) < 0.2 && fabs(n[1] + n[6] - 2 * n[4]) < 0.2);
    assert_non_null(strstr(picture, ">100</text>"));
    assert_non_null(strstr(picture, ">10000</text>"));
}

static void bars_are_as_high_as_their_numbers_and_stand_beside_each_other(void **state)
{
    const double x[] = { 0, 20, 10 }, a[] = { 1, 4, -2 }, b[] = { 2, 3, 1 };
    const rg_plot_series series[] = {
        { .kind = RG_PLOT_BARS, .count = 3, .x = x, .y = a }, { .kind = RG_PLOT_BARS, .count = 3, .x = x, .y = b },
    };
    double bar[6][4];
    (void)state;
    draw((rg_plot_chart){ .count = 2, .series = series });
    for (int i = 0; i < 6; i++) numbers_after("<rect x=\"", 1 + i, 4, bar[i]); /* behind the card */
    double unit = bar[0][3], base = bar[0][1] + bar[0][3];
    for (int i = 0; i < 6; i++) {
        double y = i < 3 ? a[i] : b[i - 3];
        assert_true(fabs(bar[i][3] - unit * fabs(y)) < 0.6);
        assert_true(fabs(bar[i][1] + (y > 0 ? bar[i][3] : 0) - base) < 0.2);
        assert_true(fabs(bar[i][2] - bar[0][2]) < 0.2);
    }
    for (int i = 0; i < 3; i++) assert_true(bar[i + 3][0] >= bar[i][0] + bar[i][2]);
    assert_true(bar[0][0] < bar[2][0] && bar[2][0] < bar[1][0]); /* by x, not by place in the array */
    assert_true(bar[3][0] + bar[3][2] < bar[2][0] && bar[5][0] + bar[5][2] < bar[1][0]); /* groups do not touch */
    assert_true(bar[0][2] > 30);

    const double high[] = { 8, 9, 10 };
    const rg_plot_series alone = { .kind = RG_PLOT_BARS, .count = 3, .x = x, .y = high };
    draw((rg_plot_chart){ .count = 1, .series = &alone });
    for (int i = 0; i < 2; i++) numbers_after("<rect x=\"", 1 + i, 4, bar[i]);
    assert_true(fabs(bar[0][3] / bar[1][3] - 8.0 / 9) < 0.01); /* from 0 */
}

static void names_stand_below_bars_and_a_logarithmic_axis_shows_the_smallest(void **state)
{
    const double x[] = { 0, 1, 2 }, y[] = { 1e-9, 1e-3, 1 };
    const char *const names[] = { "zero", "one", "two" };
    const rg_plot_series series[] = { { .kind = RG_PLOT_BARS, .count = 3, .x = x, .y = y } };
    double bar[3][4], label[2];
    (void)state;
    draw((rg_plot_chart){ .x = { .names = names, .name_count = 3 }, .y.logarithmic = true, .count = 1,
                          .series = series });
    const int texts = count_of(picture, "<text x=\"");
    for (int i = 0; i < 3; i++) {
        numbers_after("<rect x=\"", 1 + i, 4, bar[i]);
        numbers_after("<text x=\"", texts - 3 + i, 2, label);
        assert_true(fabs(bar[i][0] + bar[i][2] / 2 - label[0]) < 0.2 && label[1] > bar[i][1] + bar[i][3]);
        assert_non_null(strstr(picture, names[i]));
    }
    assert_true(bar[0][3] > 2);
    assert_true(fabs((bar[1][3] - bar[0][3]) / 6 - (bar[2][3] - bar[1][3]) / 3) < 0.3);
}

/* ---- Fields ---------------------------------------------------------------------------------------------------- */

enum { GRID = 41 };

static double bowl[GRID * GRID];

static rg_plot_field make_bowl(void)
{
    for (int r = 0; r < GRID; r++)
        for (int c = 0; c < GRID; c++)
            bowl[r * GRID + c] = pow(-2 + 4.0 * c / (GRID - 1), 2) + pow(-2 + 4.0 * r / (GRID - 1), 2);
    return (rg_plot_field){ GRID, GRID, bowl, -2, 2, -2, 2, .heat = false };
}

static void contours_of_a_bowl_are_circles(void **state)
{
    rg_plot_field field = make_bowl();
    double view[8];
    (void)state;
    field.contours = 7; /* of 0 to 8: at 1, 2, ... 7 */
    draw((rg_plot_chart){ .field = &field });
    numbers_after("<svg x=\"", 0, 8, view);
    const char *at = strstr(picture, "<svg x=");
    for (int level = 1; level <= 7; level++) {
        int points = 0;
        at = strstr(at, "<path stroke=");
        assert_non_null(at);
        for (at = strstr(at, "d=\"") + 3; *at != '"'; points++) {
            char *end;
            double x = strtod(at + 1, &end), y = strtod(end, &end);
            x = -2 + 4 * (x - view[0]) / view[2];
            y = 2 - 4 * (y - view[1]) / view[3];
            assert_true(fabs(x * x + y * y - level) < 0.02);
            at = end;
        }
        assert_true(points > (level < 5 ? 80 : 20)); /* those beyond the square are not whole */
    }
}

/* The lines go around the corners that differ from the mean of the four. */
static void a_saddle_is_resolved_by_its_mean(void **state)
{
    double n[2][4];
    (void)state;
    for (int high = 0; high < 2; high++) {
        const double z[] = { high ? 4 : 3, 0, 0, high ? 4 : 3 };
        /* The level is 1.8: above the mean of the first and below that of the second. */
        const rg_plot_field field = { 2, 2, z, 0, 1, 0, 1, .contours = 1, .low = 0.6, .high = 3 };
        draw((rg_plot_chart){ .field = &field });
        const char *path = strstr(strstr(picture, "<svg x="), " d=\"M");
        char *end;
        n[high][0] = strtod(path + 5, &end);
        n[high][1] = strtod(end, &end);
        n[high][2] = strtod(end + 1, &end);
        n[high][3] = strtod(end, &end);
    }
    /* The first line from the lower side: to the left one around the high corner, or to the right one. */
    assert_true(n[0][2] < n[0][0] && n[0][3] < n[0][1]);
    assert_true(n[1][2] > n[1][0] && n[1][3] < n[1][1]);
}

static void colours_of_a_heat_map_go_with_its_numbers(void **state)
{
    const double z[] = { 0, 1, 2, 3, 4, NAN }; /* the lower row first */
    const rg_plot_field field = { 3, 2, z, 0, 2, 0, 1, .heat = true, .name = "height" };
    static const char *const cells[] = { "M0 1h1", "M1 1h1", "M2 1h1", "M0 0h1", "M1 0h1" };
    (void)state;
    draw((rg_plot_chart){ .field = &field });
    const char *at = strstr(picture, "<svg x=");
    int before = -1;
    for (int i = 0; i < 5; i++) {
        const char *cell = strstr(at, cells[i]); /* colours from low to high, so cells by their numbers */
        assert_non_null(cell);
        at = cell;
        while (*cell != '#') cell--;
        int red = (int)strtol((char[]){ cell[1], cell[2], 0 }, NULL, 16);
        assert_true(red > before);
        before = red;
    }
    assert_true(before >= 0xf8);
    assert_int_equal(count_of(picture, "M2 0h"), 0); /* NaN */
    assert_non_null(strstr(picture, ">height</text>"));
}

static void a_heat_map_is_small_and_equal_cells_are_one(void **state)
{
    static double z[100 * 100];
    (void)state;
    for (int i = 0; i < 100 * 100; i++) z[i] = i * 7919 % 10007;
    rg_plot_field field = { 100, 100, z, 0, 1, 0, 1, .heat = true };
    draw((rg_plot_chart){ .field = &field });
    assert_in_range(picture_size, 10000, 120000); /* noise */
    for (int i = 0; i < 100 * 100; i++) z[i] = i / 100 < 50;
    draw((rg_plot_chart){ .field = &field });
    assert_in_range(picture_size, 1000, 15000);
    assert_int_equal(count_of(picture, "h100"), 100);
}

static void lines_over_a_heat_map_have_a_white_outline(void **state)
{
    const double x[] = { 0, 1 };
    rg_plot_field field = make_bowl();
    const rg_plot_series line = { .count = 2, .x = x, .y = x };
    (void)state;
    draw((rg_plot_chart){ .field = &field, .count = 1, .series = &line });
    assert_null(strstr(picture, "<path stroke=\"#fff\" stroke-width=\"4.4\""));
    field.heat = true;
    draw((rg_plot_chart){ .field = &field, .count = 1, .series = &line });
    const char *below = strstr(picture, "<path stroke=\"#fff\" stroke-width=\"4.4\"");
    assert_non_null(below);
    assert_non_null(strstr(below, "<path stroke=\"currentColor\""));
}

/* ---- Promises about all pictures ------------------------------------------------------------------------------- */

static rg_plot_chart make_chart(const rg_plot_field *field)
{
    static const double x[] = { -1.25, 0.5, 1.75 };
    static const rg_plot_series line = { .name = "s", .kind = RG_PLOT_LINE_AND_POINTS, .count = 3, .x = x, .y = x };
    return (rg_plot_chart){ .field = field, .count = 1, .series = &line };
}

static void equal_numbers_give_equal_bytes_in_every_locale(void **state)
{
    static const char *const locales[] = { "C", "C", "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8" };
    rg_plot_field field = make_bowl();
    char *first = NULL;
    (void)state;
    field.heat = true;
    field.contours = 5;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        const rg_plot_chart charts[] = { make_chart(&field), make_chart(NULL) };
        if (!setlocale(LC_NUMERIC, locales[i])) continue;
        draw_plot((rg_plot){ .count = 2, .charts = charts });
        setlocale(LC_NUMERIC, "C");
        if (first) assert_string_equal(picture, first);
        else first = strdup(picture);
    }
    assert_non_null(strstr(picture, ">-0.5</text>"));
    free(first);
}

static void refuses(rg_plot plot, rg_status status, const char *message)
{
    rg_error error = { 0 };
    FILE *out = begin();
    assert_int_equal(rg_plot_write(out, &plot, &error), status);
    assert_int_equal(rg_plot_write(out, &plot, NULL), status);
    assert_int_equal(rg_plot_save("no_such_folder/no.svg", &plot, NULL), status);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(error.status, status);
    if (!strstr(error.message, message)) fail_msg("no \"%s\" in: %s", message, error.message);
    assert_int_equal(picture_size, 0);
}

static void refuses_chart(rg_plot_chart chart, rg_status status, const char *message)
{
    const rg_plot_chart charts[] = { { 0 }, chart };
    refuses((rg_plot){ .count = 2, .charts = charts }, status, message);
}

static void misuse_is_refused_with_a_message(void **state)
{
    const double x[4] = { 1, 2, 3, 4 };
    const rg_plot_chart chart = { 0 };
    const rg_plot plot = { .count = 1, .charts = &chart };
    rg_error error = { 0 };
    (void)state;
    assert_int_equal(rg_plot_write(NULL, &plot, &error), RG_E_NULL);
    assert_string_equal(error.message, "plot: no stream");
    assert_int_equal(rg_plot_write(stderr, NULL, &error), RG_E_NULL);
    assert_string_equal(error.message, "plot: no plot");
    assert_int_equal(rg_plot_save(NULL, &plot, &error), RG_E_NULL);
    assert_string_equal(error.message, "plot: no path");

    refuses((rg_plot){ .charts = &chart }, RG_E_ARGUMENT, "plot: count is out of range");
    refuses((rg_plot){ .count = 1 }, RG_E_NULL, "charts");
    refuses((rg_plot){ .count = 1, .charts = &chart, .columns = -1 }, RG_E_ARGUMENT, "columns");
    refuses((rg_plot){ .count = 1, .charts = &chart, .width = 99 }, RG_E_ARGUMENT, "width");
    refuses((rg_plot){ .count = 1, .charts = &chart, .height = 10001 }, RG_E_ARGUMENT, "height");

    const rg_plot_series wrong[] = {
        { .count = 1, .x = x }, { .count = 1, .y = x }, { .kind = (rg_plot_kind)4 }, { .kind = (rg_plot_kind)-1 },
        { .mark = (rg_plot_mark)5 }, { .count = SIZE_MAX, .x = x, .y = x },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const rg_plot_series series[] = { { 0 }, wrong[i] };
        refuses_chart((rg_plot_chart){ .count = 2, .series = series }, i < 2 ? RG_E_NULL : RG_E_ARGUMENT,
                      "plot: chart 1, series 1: ");
    }
    refuses_chart((rg_plot_chart){ .count = 1 }, RG_E_NULL, "plot: chart 1: series is NULL");

    const rg_plot_axis axes[] = {
        { .name_count = 1 }, { .low = 1 }, { .low = 1, .high = 1 }, { .low = NAN, .high = 1 }, { .high = INFINITY },
        { .high = 1, .logarithmic = true },
        { .names = (const char *const[]){ "a" }, .name_count = 1, .logarithmic = true },
    };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        rg_status status = i == 0 ? RG_E_NULL : RG_E_ARGUMENT;
        refuses_chart((rg_plot_chart){ .x = axes[i] }, status, "plot: chart 1, x axis: ");
        refuses_chart((rg_plot_chart){ .y = axes[i] }, status, "plot: chart 1, y axis: ");
    }
    const rg_plot_field fields[] = {
        { 2, 2, NULL, 0, 1, 0, 1, .heat = true }, { 1, 2, x, 0, 1, 0, 1, .heat = true },
        { 2, 1, x, 0, 1, 0, 1, .heat = true }, { 2, SIZE_MAX, x, 0, 1, 0, 1, .heat = true },
        { 2, 2, x, 1, 1, 0, 1, .heat = true }, { 2, 2, x, 0, 1, 0, NAN, .heat = true },
        { 2, 2, x, 0, 1, 0, 1, .contours = -1 }, { 2, 2, x, 0, 1, 0, 1, .contours = 101 },
        { 2, 2, x, 0, 1, 0, 1, .low = 2, .high = 1 }, { 2, 2, x, 0, 1, 0, 1, .high = 1, .logarithmic = true },
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        refuses_chart((rg_plot_chart){ .field = &fields[i] }, i == 0 ? RG_E_NULL : RG_E_ARGUMENT,
                      "plot: chart 1: ");
    const rg_plot_field at_zero = { 2, 2, x, 0, 1, 1, 2, .heat = true };
    refuses_chart((rg_plot_chart){ .x.logarithmic = true, .field = &at_zero }, RG_E_ARGUMENT, "x_low to x_high");
    draw((rg_plot_chart){ .y.logarithmic = true, .field = &at_zero });
}

static void a_file_is_replaced_wholly_or_not_at_all(void **state)
{
    char folder[] = "/tmp/test_plot_XXXXXX", path[64], text[8] = "";
    struct stat found;
    const rg_plot_chart chart = make_chart(NULL);
    const rg_plot plot = { .count = 1, .charts = &chart };
    rg_error error = { 0 };
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.svg", folder);
    assert_int_equal(rg_plot_save(path, &plot, &error), RG_OK);
    assert_int_equal(rg_plot_save(path, &plot, &error), RG_OK);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, 4, file), 4);
    fclose(file);
    assert_string_equal(text, "<svg");
    assert_int_equal(stat(path, &found), 0);
    const off_t length = found.st_size;
    /* A disk that is full. */
    const struct rlimit none = { 10, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &none);
    rg_status status = rg_plot_save(path, &plot, &error);
    setrlimit(RLIMIT_FSIZE, &all);
    signal(SIGXFSZ, before);
    assert_int_equal(status, RG_E_FILE);
    assert_true(stat(path, &found) == 0 && found.st_size == length);

    assert_int_equal(unlink(path), 0);
    assert_int_equal(rg_plot_save(folder, &plot, &error), RG_E_FILE);
    assert_non_null(strstr(error.message, folder));
    assert_int_equal(rmdir(folder), 0); /* nothing else is left in it */
    assert_int_equal(rg_plot_save(path, &plot, &error), RG_E_FILE);
    assert_non_null(strstr(error.message, path));
}

static void a_full_disk_is_reported(void **state)
{
    const rg_plot_chart chart = make_chart(NULL);
    const rg_plot plot = { .count = 1, .charts = &chart };
    rg_error error = { 0 };
    struct stat found;
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (!full) skip();
    assert_int_equal(rg_plot_write(full, &plot, &error), RG_E_FILE);
    assert_non_null(strstr(error.message, "No space left"));
    fclose(full);
    assert_int_equal(rg_plot_save("/dev/full", &plot, &error), RG_E_FILE);
    assert_non_null(strstr(error.message, "/dev/full"));
    assert_true(stat("/dev/full", &found) == 0 && S_ISCHR(found.st_mode));
}

static void colours_differ_and_come_again(void **state)
{
    (void)state;
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(rg_plot_colour(i), rg_plot_colour(k));
    assert_string_equal(rg_plot_colour(7), rg_plot_colour(0));
    assert_string_equal(rg_plot_colour(-1), rg_plot_colour(6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_chart_has_titles_labels_legend_and_lines, teardown),
        cmocka_unit_test_teardown(what_cannot_be_drawn_leaves_a_gap, teardown),
        cmocka_unit_test_teardown(lines_end_where_the_axes_end, teardown),
        cmocka_unit_test_teardown(hard_numbers_make_a_picture_all_the_same, teardown),
        cmocka_unit_test_teardown(text_of_any_kind_and_length_makes_a_picture, teardown),
        cmocka_unit_test_teardown(charts_stand_in_rows, teardown),
        cmocka_unit_test_teardown(a_unit_is_as_long_on_both_equal_axes, teardown),
        cmocka_unit_test_teardown(logarithmic_axes_are_even_in_powers, teardown),
        cmocka_unit_test_teardown(bars_are_as_high_as_their_numbers_and_stand_beside_each_other, teardown),
        cmocka_unit_test_teardown(names_stand_below_bars_and_a_logarithmic_axis_shows_the_smallest, teardown),
        cmocka_unit_test_teardown(contours_of_a_bowl_are_circles, teardown),
        cmocka_unit_test_teardown(a_saddle_is_resolved_by_its_mean, teardown),
        cmocka_unit_test_teardown(colours_of_a_heat_map_go_with_its_numbers, teardown),
        cmocka_unit_test_teardown(a_heat_map_is_small_and_equal_cells_are_one, teardown),
        cmocka_unit_test_teardown(lines_over_a_heat_map_have_a_white_outline, teardown),
        cmocka_unit_test_teardown(equal_numbers_give_equal_bytes_in_every_locale, teardown),
        cmocka_unit_test_teardown(misuse_is_refused_with_a_message, teardown),
        cmocka_unit_test_teardown(a_file_is_replaced_wholly_or_not_at_all, teardown),
        cmocka_unit_test_teardown(a_full_disk_is_reported, teardown),
        cmocka_unit_test_teardown(colours_differ_and_come_again, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
