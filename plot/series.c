/* series.c: lines, marks and bars. */
#include "picture.h"

#include <math.h>
#include <stdlib.h>

/* Around the point where the pen is. Filled shapes, so that all can have an outline. */
static const char *const marks[] = {
    [RG_PLOT_CIRCLE] = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",
    [RG_PLOT_SQUARE] = "m-2.8-2.8h5.6v5.6h-5.6z",
    [RG_PLOT_TRIANGLE] = "m0-4l3.7 6.5h-7.4z",
    [RG_PLOT_CROSS] = "m0-1.4l2.4-2.4 1.4 1.4-2.4 2.4 2.4 2.4-1.4 1.4-2.4-2.4-2.4 2.4-1.4-1.4 2.4-2.4-2.4-2.4 1.4-1.4z",
    [RG_PLOT_STAR] = "m0-5.2l1.3 3.5 3.7.1-2.9 2.3 1 3.6-3.1-2-3.1 2 1-3.6-2.9-2.3 3.7-.1z",
};

#define GROUP_SHARE 0.8 /* of the distance to the next one that a group of bars takes */

/* ---- Ranges ---------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static rg_status measure_bars(rg_plot_frame *frame)
{
    const rg_plot_series *series = frame->chart->series, *end = series + frame->chart->count;
    size_t count = 0, used = 0;
    for (const rg_plot_series *s = series; s < end; s++) {
        if (s->kind != RG_PLOT_BARS) continue;
        count += s->count;
        frame->bar_series++;
    }
    if (count == 0) return RG_OK;
    double *x = calloc(count, sizeof *x);
    if (!x) return RG_E_MEMORY;
    for (const rg_plot_series *s = series; s < end; s++) {
        for (size_t i = 0; s->kind == RG_PLOT_BARS && i < s->count; i++) {
            x[used] = rg_plot_coordinate(&frame->x, s->x[i]);
            used += isnan(x[used]) ? 0 : 1;
        }
    }
    qsort(x, used, sizeof *x, compare);
    frame->bar_distance = INFINITY;
    for (size_t i = 1; i < used; i++) {
        double distance = x[i] - x[i - 1];
        if (distance > 1e-6 * (x[used - 1] - x[0])) /* else they differ by rounding alone */
            frame->bar_distance = rg_plot_lesser(frame->bar_distance, distance);
    }
    if (isinf(frame->bar_distance)) frame->bar_distance = 1;
    free(x);
    return RG_OK;
}

rg_status rg_plot_measure_series(rg_plot_frame *frame, double x_range[2], double y_range[2])
{
    const rg_plot_chart *chart = frame->chart;
    rg_status status = measure_bars(frame);
    double points[2] = { INFINITY, -INFINITY };
    for (size_t s = 0; s < chart->count; s++) {
        const rg_plot_series *series = &chart->series[s];
        const bool bars = series->kind == RG_PLOT_BARS;
        const double beside = bars ? frame->bar_distance / 2 : 0;
        for (size_t i = 0; i < series->count; i++) {
            double x = rg_plot_coordinate(&frame->x, series->x[i]), y = rg_plot_coordinate(&frame->y, series->y[i]);
            if (isnan(x) || isnan(y)) continue;
            rg_plot_include(x_range, x - beside);
            rg_plot_include(x_range, x + beside);
            rg_plot_include(y_range, y);
            /* A logarithmic axis begins somewhat below the smallest bar, which would not be seen otherwise. */
            if (bars) rg_plot_include(y_range, chart->y.logarithmic ? y - 0.3 : 0);
            if (series->kind == RG_PLOT_POINTS) rg_plot_include(points, x);
        }
    }
    /* So that no mark hangs half over the end of the axis. */
    if (points[0] <= points[1] && !chart->field) {
        double room = 0.03 * (x_range[1] - x_range[0]);
        rg_plot_include(x_range, points[0] - room);
        rg_plot_include(x_range, points[1] + room);
    }
    return status;
}

/* ---- Lines ----------------------------------------------------------------------------------------------------- */

typedef struct {
    double x, y;
} point;

/* In pixels; NaN in one of both if it cannot be drawn. */
static point point_at(const rg_plot_frame *frame, const rg_plot_series *series, size_t i)
{
    return (point){ rg_plot_position(&frame->x, series->x[i]), rg_plot_position(&frame->y, series->y[i]) };
}

/* How much of the way from a to b lies within an axis: part[0] and part[1] move together [Liang and Barsky 1984]. */
static void clip(double a, double b, double low, double high, double part[2])
{
    if (a == b) {
        if (a < low || a > high) part[1] = -1;
        return;
    }
    double first = (low - a) / (b - a), last = (high - a) / (b - a);
    part[0] = rg_plot_greater(part[0], rg_plot_lesser(first, last));
    part[1] = rg_plot_lesser(part[1], rg_plot_greater(first, last));
}

#define SLACK 0.01 /* pixels: what lies beyond the end of an axis by no more than rounding */

/* The path's data: the part of every piece that lies within the axes. */
static void put_path(FILE *out, const rg_plot_frame *frame, const rg_plot_series *series)
{
    const rg_plot_scale *across = &frame->x, *up = &frame->y;
    point last = { NAN, NAN };
    bool pen_down = false;
    for (size_t i = 0; i < series->count; i++) {
        const point to = point_at(frame, series, i);
        const bool drawable = !isnan(to.x + to.y), joined = drawable && !isnan(last.x + last.y);
        const point from = joined ? last : to;
        double part[2] = { 0, 1 };
        last = to;
        if (drawable) {
            clip(from.x, to.x, across->start - SLACK, across->end + SLACK, part);
            clip(from.y, to.y, up->end - SLACK, up->start + SLACK, part);
        }
        if (!drawable || part[0] > part[1]) {
            pen_down = false;
            continue;
        }
        const double x = to.x - from.x, y = to.y - from.y;
        /* The line of no length shows a point that has no neighbours. */
        if (!pen_down || part[0] > 0) rg_plot_put(out, "M%.1f %.1fh0", from.x + part[0] * x, from.y + part[0] * y);
        if (joined) rg_plot_put(out, "L%.1f %.1f", from.x + part[1] * x, from.y + part[1] * y);
        pen_down = part[1] == 1;
    }
}

static void put_stroke(FILE *out, const rg_plot_series *series, bool below)
{
    const char *width = below ? "4.4" : series->faint ? "1" : "2.2";
    rg_plot_put(out, "<path stroke=\"%s\" stroke-width=\"%s\"%s d=\"", below ? "#fff" : "currentColor", width,
                series->dashed && !below ? " stroke-dasharray=\"6 5\"" : "");
}

static void draw_line(FILE *out, const rg_plot_frame *frame, const rg_plot_series *series)
{
    /* Over a heat map, which has all colours, a white line below makes it stand out. */
    for (int below = frame->chart->field && frame->chart->field->heat ? 1 : 0; below >= 0; below--) {
        put_stroke(out, series, below);
        put_path(out, frame, series);
        fputs("\"/>\n", out);
    }
}

/* ---- Marks and bars -------------------------------------------------------------------------------------------- */

static void put_mark(FILE *out, const rg_plot_series *series, double x, double y)
{
    rg_plot_put(out, "<path d=\"M%.1f %.1f%s\"/>\n", x, y, marks[series->mark]);
}

static void draw_marks(FILE *out, const rg_plot_frame *frame, const rg_plot_series *series)
{
    fputs("<g fill=\"currentColor\" stroke=\"#fff\">\n", out);
    for (size_t i = 0; i < series->count; i++) {
        const point at = point_at(frame, series, i);
        if (at.x >= frame->x.start - SLACK && at.x <= frame->x.end + SLACK && at.y >= frame->y.end - SLACK &&
            at.y <= frame->y.start + SLACK)
            put_mark(out, series, at.x, at.y);
    }
    fputs("</g>\n", out);
}

static double within(double value, double low, double high)
{
    return rg_plot_greater(low, rg_plot_lesser(high, value));
}

/* Series `place` of those that are bars. */
static void draw_bars(FILE *out, const rg_plot_frame *frame, const rg_plot_series *series, int place)
{
    const rg_plot_scale *x = &frame->x, *y = &frame->y;
    const double wide = GROUP_SHARE * frame->bar_distance / frame->bar_series * (x->end - x->start) /
                        (x->high - x->low);
    const double beside = wide * (place - frame->bar_series / 2.0);
    const double base = y->logarithmic ? y->start : within(rg_plot_at(y, 0), y->end, y->start);
    const double gap = frame->bar_series > 1 && wide > 4 ? 1 : 0; /* between neighbours */
    for (size_t i = 0; i < series->count; i++) {
        const point at = point_at(frame, series, i);
        if (isnan(at.x + at.y)) continue;
        const double left = within(at.x + beside, x->start, x->end), end = within(at.y, y->end, y->start);
        const double right = within(at.x + beside + wide - gap, x->start, x->end);
        if (right > left)
            rg_plot_put_rectangle(out, left, rg_plot_lesser(base, end), right - left, fabs(base - end),
                                  " fill=\"currentColor\"");
    }
}

/* What all marks of a series have alike: so it is drawn, and so it is shown in the legend. */
static void open_group(FILE *out, const rg_plot_series *series)
{
    rg_plot_put(out, "<g color=\"%s\" fill=\"none\" stroke-linejoin=\"round\" stroke-linecap=\"round\"%s>\n",
                rg_plot_colour(series->colour), series->faint ? " opacity=\"0.4\"" : "");
}

void rg_plot_draw_series(FILE *out, const rg_plot_frame *frame)
{
    int bars = 0;
    for (size_t s = 0; s < frame->chart->count; s++) {
        const rg_plot_series *series = &frame->chart->series[s];
        const bool line = series->kind == RG_PLOT_LINE || series->kind == RG_PLOT_LINE_AND_POINTS;
        open_group(out, series);
        if (series->kind == RG_PLOT_BARS) draw_bars(out, frame, series, bars++);
        else {
            if (line) draw_line(out, frame, series);
            if (series->kind != RG_PLOT_LINE || series->count == 1) draw_marks(out, frame, series);
        }
        fputs("</g>\n", out);
    }
}

void rg_plot_draw_swatch(FILE *out, const rg_plot_series *series, double x, double y)
{
    open_group(out, series);
    if (series->kind == RG_PLOT_BARS)
        rg_plot_put_rectangle(out, x + RG_PLOT_SWATCH - 14, y - 6, 12, 11, " fill=\"currentColor\"");
    if (series->kind == RG_PLOT_LINE || series->kind == RG_PLOT_LINE_AND_POINTS) {
        put_stroke(out, series, false);
        rg_plot_put(out, "M%.1f %.1fh%d\"/>\n", x, y, RG_PLOT_SWATCH);
    }
    if (series->kind == RG_PLOT_POINTS || series->kind == RG_PLOT_LINE_AND_POINTS) {
        fputs("<g fill=\"currentColor\">", out);
        put_mark(out, series, x + (double)RG_PLOT_SWATCH / 2, y);
        fputs("</g>", out);
    }
    fputs("</g>\n", out);
}
