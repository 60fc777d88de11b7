/* plot.c: a picture as a whole: what is refused, how charts are put together, and the file. */
#define _POSIX_C_SOURCE 200809L
#include "picture.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CARD_MARGIN = 20, TITLE_HEIGHT = 34, ROW_GAP = 12, USUAL_WIDTH = 470, USUAL_HEIGHT = 340 };
enum { LEAST_SIZE = 100, MOST_SIZE = 10000, MOST_CHARTS = 10000, MOST_GRID = 2048, MOST_CONTOURS = 100 };

/* The colours of Okabe and Ito, which tell apart under every common colour blindness, without the yellow, which a light
 * card swallows. */
static const char *const palette[] = {
    "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000",
};

const char *rg_plot_colour(int i)
{
    int count = (int)(sizeof palette / sizeof palette[0]);
    return palette[((i % count) + count) % count];
}

/* ---- What is refused ------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static rg_status refuse(rg_error *error, rg_status status, const char *format, ...)
{
    if (!error) return status;
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

/* Both ends of an axis; false if it cannot run from one to the other. */
static bool is_range(double low, double high, bool logarithmic)
{
    return fabs(low) < 1e300 && fabs(high) < 1e300 && low < high && (!logarithmic || low > 1e-300);
}

/* The same where both 0 stands for as far as the data go. */
static bool is_optional_range(double low, double high, bool logarithmic)
{
    return (low == 0 && high == 0) || is_range(low, high, logarithmic);
}

/* What is wrong with a part of a chart; NULL: nothing. A member that is out of its range, or in `missing` NULL. */
static const char *wrong_axis(const rg_plot_axis *axis, const char **missing)
{
    if (axis->name_count > 0 && !axis->names) *missing = "names";
    if (axis->name_count > (axis->logarithmic ? 0 : INT32_MAX)) return "name_count";
    return is_optional_range(axis->low, axis->high, axis->logarithmic) ? NULL : "low to high";
}

static const char *wrong_field(const rg_plot_chart *chart, const char **missing)
{
    const rg_plot_field *f = chart->field;
    if (chart->count > 0 && !chart->series) *missing = "series";
    if (!f) return NULL;
    if (!f->z) *missing = "z";
    if (f->columns < 2 || f->columns > MOST_GRID) return "columns";
    if (f->rows < 2 || f->rows > MOST_GRID) return "rows";
    if (!is_range(f->x_low, f->x_high, chart->x.logarithmic)) return "x_low to x_high";
    if (!is_range(f->y_low, f->y_high, chart->y.logarithmic)) return "y_low to y_high";
    if ((unsigned)f->contours > MOST_CONTOURS) return "contours";
    return is_optional_range(f->low, f->high, f->logarithmic) ? NULL : "low to high";
}

static const char *wrong_series(const rg_plot_series *series, const char **missing)
{
    if (series->count > 0 && (!series->x || !series->y)) *missing = series->x ? "y" : "x";
    if ((unsigned)series->kind > RG_PLOT_BARS) return "kind";
    if ((unsigned)series->mark > RG_PLOT_STAR) return "mark";
    return series->count > PTRDIFF_MAX / sizeof(double) ? "count" : NULL;
}

static rg_status check_chart(const rg_plot_chart *chart, size_t i, rg_error *error)
{
    static const char *const parts[] = { ", x axis", ", y axis", "", ", series " };
    enum { FIRST_SERIES = 3 };
    for (size_t part = 0; part < FIRST_SERIES + chart->count; part++) {
        const char *missing = NULL, *wrong = part < 2 ? wrong_axis(part == 0 ? &chart->x : &chart->y, &missing)
                                             : part == 2 ? wrong_field(chart, &missing)
                                             : wrong_series(&chart->series[part - FIRST_SERIES], &missing);
        if (!missing && !wrong) continue;
        char number[24] = "";
        if (part >= FIRST_SERIES) snprintf(number, sizeof number, "%zu", part - FIRST_SERIES);
        return refuse(error, missing ? RG_E_NULL : RG_E_ARGUMENT, "plot: chart %zu%s%s: %s is %s", i,
                      parts[part < FIRST_SERIES ? part : FIRST_SERIES], number, missing ? missing : wrong,
                      missing ? "NULL" : "out of range");
    }
    return RG_OK;
}

static bool is_size(int size)
{
    return size == 0 || (size >= LEAST_SIZE && size <= MOST_SIZE);
}

static rg_status check(const rg_plot *plot, rg_error *error)
{
    if (!plot) return refuse(error, RG_E_NULL, "plot: no plot");
    const char *wrong = plot->count < 1 || plot->count > MOST_CHARTS ? "count"
                        : (unsigned)plot->columns > MOST_CHARTS ? "columns"
                        : !is_size(plot->width) ? "width" : !is_size(plot->height) ? "height" : NULL;
    if (wrong) return refuse(error, RG_E_ARGUMENT, "plot: %s is out of range", wrong);
    if (!plot->charts) return refuse(error, RG_E_NULL, "plot: charts is NULL");
    rg_status status = RG_OK;
    for (size_t i = 0; i < plot->count && !status; i++) status = check_chart(&plot->charts[i], i, error);
    return status;
}

/* ---- The picture ----------------------------------------------------------------------------------------------- */

static void draw(FILE *out, const rg_plot *plot, const rg_plot_layout *layout, rg_plot_frame *frames)
{
    const int count = (int)plot->count, columns = plot->columns > 0 && plot->columns < count ? plot->columns : count;
    const int rows = (count + columns - 1) / columns, more_lines = layout->legend_lines - 1;
    const double top = CARD_MARGIN + (plot->title ? TITLE_HEIGHT : 0);
    const double each = layout->height + ROW_GAP + (more_lines > 0 ? RG_PLOT_LINE_HEIGHT * more_lines : 0);
    const double across = columns * layout->width + 2 * CARD_MARGIN, down = top + rows * each - ROW_GAP + CARD_MARGIN;

    rg_plot_put(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
                "height=\"%.0f\" role=\"img\" ", across, down, across, down);
    fputs("font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" font-size=\"12.5\">\n", out);
    if (plot->title) {
        fputs("<title>", out);
        rg_plot_put_text(out, plot->title, INT_MAX);
        fputs("</title>\n", out);
    }
    rg_plot_put_rectangle(out, 0, 0, across, down, " rx=\"10\" fill=\"#fff\"");
    if (plot->title)
        rg_plot_text_at(out, CARD_MARGIN + layout->left, CARD_MARGIN + 14,
                        "font-size=\"17\" font-weight=\"600\" fill=\"#111\"", plot->title,
                        (across - 2 * CARD_MARGIN - layout->left) / 9.8);
    for (int i = 0; i < count; i++) {
        const double x = CARD_MARGIN + i % columns * layout->width, y = top + i / columns * each;
        rg_plot_place(&frames[i], layout, x, y);
        rg_plot_draw_chart(out, &frames[i], layout, x, y);
    }
    fputs("</svg>\n", out);
}

/* Measures all charts before anything is written, and puts what they have alike into the layout. */
static rg_status measure(const rg_plot *plot, rg_plot_layout *layout, rg_plot_frame *frames)
{
    for (size_t i = 0; i < plot->count; i++) {
        frames[i].chart = &plot->charts[i];
        rg_status status = rg_plot_measure(&frames[i], layout);
        if (status) return status;
    }
    for (size_t i = 0; i < plot->count; i++) {
        int lines = rg_plot_legend_lines(&plot->charts[i], layout);
        layout->legend_lines = lines > layout->legend_lines ? lines : layout->legend_lines;
    }
    return RG_OK;
}

static rg_status write_checked(FILE *out, const rg_plot *plot, rg_error *error)
{
    rg_plot_layout layout = { .width = plot->width > 0 ? plot->width : USUAL_WIDTH,
                              .height = plot->height > 0 ? plot->height : USUAL_HEIGHT };
    rg_plot_frame *frames = calloc(plot->count, sizeof *frames);
    rg_status status = frames ? measure(plot, &layout, frames) : RG_E_MEMORY;
    if (status) refuse(error, status, "plot: out of memory");
    else {
        errno = 0;
        draw(out, plot, &layout, frames);
        if (fflush(out) != 0 || ferror(out))
            status = refuse(error, RG_E_FILE, "plot: cannot write: %s", strerror(errno ? errno : EIO));
    }
    free(frames);
    return status;
}

rg_status rg_plot_write(FILE *out, const rg_plot *plot, rg_error *error)
{
    if (!out) return refuse(error, RG_E_NULL, "plot: no stream");
    rg_status status = check(plot, error);
    return status ? status : write_checked(out, plot, error);
}

/* ---- The file -------------------------------------------------------------------------------------------------- */

static rg_status fail_file(rg_error *error, const char *path)
{
    return refuse(error, RG_E_FILE, "plot: cannot write %s: %s", path, strerror(errno ? errno : EIO));
}

/* Writes to a file of the first name and gives it the second, if that is another. */
static rg_status write_file(const char *name, const char *path, const rg_plot *plot, rg_error *error)
{
    const bool beside = name != path;
    errno = 0;
    FILE *out = fopen(name, beside ? "wbx" : "wb");
    if (!out) return fail_file(error, path);
    rg_status status = write_checked(out, plot, error);
    if (status == RG_E_FILE || (!status && beside && fsync(fileno(out)) != 0)) status = fail_file(error, path);
    if (fclose(out) != 0 && !status) status = fail_file(error, path);
    if (!status && beside && rename(name, path) != 0) status = fail_file(error, path);
    if (status && beside) remove(name);
    return status;
}

rg_status rg_plot_save(const char *path, const rg_plot *plot, rg_error *error)
{
    if (!path) return refuse(error, RG_E_NULL, "plot: no path");
    rg_status status = check(plot, error);
    if (status) return status;
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) return write_file(path, path, plot, error);
    const size_t size = strlen(path) + 32;
    char *name = malloc(size);
    if (!name) return refuse(error, RG_E_MEMORY, "plot: out of memory");
    snprintf(name, size, "%s.%ld.part", path, (long)getpid());
    status = write_file(name, path, plot, error);
    free(name);
    return status;
}
