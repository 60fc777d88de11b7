/* plot.c: a picture as a whole: what is refused, how charts are put together, and the file. */
#define _POSIX_C_SOURCE 200809L
#include "picture.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CARD_MARGIN = 20, TITLE_HEIGHT = 34, LINE_OF_LEGEND = 18, USUAL_WIDTH = 470, USUAL_HEIGHT = 340 };
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

static rg_status refuse(rg_error *error, rg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

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

static const char *wrong_axis(const rg_plot_axis *axis, rg_status *status)
{
    *status = RG_E_ARGUMENT;
    if ((axis->low != 0 || axis->high != 0) && !is_range(axis->low, axis->high, axis->logarithmic))
        return "low and high are no range of this axis";
    if (axis->name_count > 0 && axis->logarithmic) return "names on a logarithmic axis";
    if (axis->name_count > INT32_MAX) return "too many names";
    *status = RG_E_NULL;
    return axis->name_count > 0 && !axis->names ? "names is NULL, name_count is not 0" : NULL;
}

static const char *wrong_field(const rg_plot_chart *chart, rg_status *status)
{
    const rg_plot_field *f = chart->field;
    *status = RG_E_ARGUMENT;
    if (f->columns < 2 || f->columns > MOST_GRID || f->rows < 2 || f->rows > MOST_GRID)
        return "columns and rows must be 2 to 2048";
    if (!is_range(f->x_low, f->x_high, chart->x.logarithmic)) return "x_low and x_high are no range of the x axis";
    if (!is_range(f->y_low, f->y_high, chart->y.logarithmic)) return "y_low and y_high are no range of the y axis";
    if ((f->low != 0 || f->high != 0) && !is_range(f->low, f->high, f->logarithmic)) return "low and high are no range of z";
    if (f->contours < 0 || f->contours > MOST_CONTOURS) return "contours must be 0 to 100";
    *status = RG_E_NULL;
    return f->z ? NULL : "z is NULL";
}

static const char *wrong_series(const rg_plot_series *series, rg_status *status)
{
    *status = RG_E_ARGUMENT;
    if ((unsigned)series->kind > RG_PLOT_BARS) return "no such kind";
    if ((unsigned)series->mark > RG_PLOT_STAR) return "no such mark";
    if (series->count > PTRDIFF_MAX / sizeof(double)) return "count is larger than any memory";
    *status = RG_E_NULL;
    return series->count > 0 && (!series->x || !series->y) ? "x or y is NULL, count is not 0" : NULL;
}

static rg_status check_chart(const rg_plot_chart *chart, size_t i, rg_error *error)
{
    rg_status status;
    const char *wrong = wrong_axis(&chart->x, &status);
    if (wrong) return refuse(error, status, "plot: chart %zu, x axis: %s", i, wrong);
    if ((wrong = wrong_axis(&chart->y, &status)) != NULL)
        return refuse(error, status, "plot: chart %zu, y axis: %s", i, wrong);
    if (chart->field && (wrong = wrong_field(chart, &status)) != NULL)
        return refuse(error, status, "plot: chart %zu, field: %s", i, wrong);
    if (chart->count > 0 && !chart->series)
        return refuse(error, RG_E_NULL, "plot: chart %zu: series is NULL, count is not 0", i);
    for (size_t s = 0; s < chart->count; s++)
        if ((wrong = wrong_series(&chart->series[s], &status)) != NULL)
            return refuse(error, status, "plot: chart %zu, series %zu: %s", i, s, wrong);
    return RG_OK;
}

static bool is_size(int size)
{
    return size == 0 || (size >= LEAST_SIZE && size <= MOST_SIZE);
}

static rg_status check(const rg_plot *plot, rg_error *error)
{
    if (!plot) return refuse(error, RG_E_NULL, "plot: no plot");
    if (plot->count < 1 || plot->count > MOST_CHARTS)
        return refuse(error, RG_E_ARGUMENT, "plot: %zu charts, must be 1 to %d", plot->count, MOST_CHARTS);
    if (!plot->charts) return refuse(error, RG_E_NULL, "plot: charts is NULL, count is not 0");
    if (plot->columns < 0 || plot->columns > MOST_CHARTS)
        return refuse(error, RG_E_ARGUMENT, "plot: %d columns", plot->columns);
    if (!is_size(plot->width) || !is_size(plot->height))
        return refuse(error, RG_E_ARGUMENT, "plot: width %d and height %d must be %d to %d", plot->width, plot->height,
                      LEAST_SIZE, MOST_SIZE);
    for (size_t i = 0; i < plot->count; i++) {
        rg_status status = check_chart(&plot->charts[i], i, error);
        if (status) return status;
    }
    return RG_OK;
}

/* ---- The picture ----------------------------------------------------------------------------------------------- */

static void draw(FILE *out, const rg_plot *plot, const rg_plot_layout *layout, rg_plot_frame *frames)
{
    const size_t columns = plot->columns > 0 && (size_t)plot->columns < plot->count ? (size_t)plot->columns : plot->count;
    const size_t rows = (plot->count + columns - 1) / columns;
    const double title = plot->title ? TITLE_HEIGHT : 0;
    const double down_each = layout->height + (layout->legend_lines > 1 ? LINE_OF_LEGEND * (layout->legend_lines - 1) : 0);
    const double across = (double)columns * layout->width + 2 * CARD_MARGIN;
    const double down = (double)rows * down_each + title + 2 * CARD_MARGIN;

    rg_plot_put(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
                "role=\"img\" ", across, down, across, down);
    fputs("font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" font-size=\"12.5\">\n", out);
    if (plot->title) {
        fputs("<title>", out);
        rg_plot_put_text(out, plot->title, SIZE_MAX);
        fputs("</title>\n", out);
    }
    rg_plot_put(out, "<rect width=\"%.0f\" height=\"%.0f\" rx=\"10\" fill=\"#ffffff\"/>\n", across, down);
    if (plot->title)
        rg_plot_text_at(out, CARD_MARGIN + layout->left, CARD_MARGIN + 14, "font-size=\"17\" font-weight=\"600\" fill=\"#111\"",
                        plot->title, (across - 2 * CARD_MARGIN - layout->left) / 9.8);
    for (size_t i = 0; i < plot->count; i++) {
        double left = CARD_MARGIN + (double)(i % columns) * layout->width;
        double top = CARD_MARGIN + title + (double)(i / columns) * down_each;
        rg_plot_place(&frames[i], layout, left, top);
        rg_plot_draw_chart(out, &frames[i], layout, left, top);
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
