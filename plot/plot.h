/* plot.h: pictures of numbers as SVG: curves, scatter, bars, heat maps and contour lines.
 *
 * Copyright (c) 2026 the Retrograd authors. MIT licence, see LICENSE.
 *
 * A plot is one or more charts on a light card, which reads on a page of any colour: axes with ticks at 1, 2 or 5
 * times powers of ten, titles, a legend, and colours that tell apart under every common colour blindness [Okabe and
 * Ito 2008]. It is described by plain structs that borrow the caller's numbers; the same numbers give the same bytes.
 *
 *     double x[100], y[100];
 *     ...
 *     const rg_plot_series curves[] = { { .name = "loss", .count = 100, .x = x, .y = y } };
 *     const rg_plot_chart  charts[] = { { .x = { .label = "step" }, .y = { .label = "loss", .logarithmic = true },
 *                                         .count = 1, .series = curves } };
 *     rg_plot_save("loss.svg", &(rg_plot){ .title = "How it learned", .count = 1, .charts = charts }, NULL); */
#ifndef RETROGRAD_PLOT_H
#define RETROGRAD_PLOT_H

#include "autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    RG_PLOT_LINE,             /* through the points, in their order */
    RG_PLOT_POINTS,           /* a mark at each */
    RG_PLOT_LINE_AND_POINTS,
    RG_PLOT_BARS              /* from 0 (on a logarithmic axis from its end) up to each point; bars of several series
                                 stand side by side, each group as wide as the smallest distance of two x allows */
} rg_plot_kind;

typedef enum { RG_PLOT_CIRCLE, RG_PLOT_SQUARE, RG_PLOT_TRIANGLE, RG_PLOT_CROSS, RG_PLOT_STAR } rg_plot_mark;

/* Numbers that belong together. A point that cannot be drawn (NaN, 1e300 and beyond, not positive on a logarithmic
 * axis) leaves a gap. */
typedef struct {
    const char *name;         /* in the legend; NULL: not there */
    int colour;               /* of the palette, see rg_plot_colour */
    rg_plot_kind kind;
    rg_plot_mark mark;        /* of points */
    bool faint;               /* thin and pale: noise behind the other lines */
    bool dashed;
    size_t count;
    const double *x, *y;      /* [count] */
} rg_plot_series;

/* z = f(x, y) on a grid, behind the series. */
typedef struct {
    size_t columns, rows;     /* 2 to 2048 of each */
    const double *z;          /* [rows][columns], row 0 at y_low, column 0 at x_low; NaN: not drawn */
    double x_low, x_high, y_low, y_high; /* where the first and the last column and row are; the others are at even
                                 steps between, of the logarithm where the axis is logarithmic */
    bool heat;                /* as colours, from dark blue (low) to yellow (high), with a bar beside the chart that
                                 says what they mean */
    int contours;             /* so many lines of equal z, at even steps; up to 100, 0: none */
    bool logarithmic;         /* colours and steps by log10 z; z that is not positive is not drawn */
    const char *name;         /* of z, at the bar of colours or, if there is none, in the legend */
    double low, high;         /* of z: where the colours end, which are the same beyond; both 0: as far as z goes */
} rg_plot_field;

typedef struct {
    const char *label;
    bool logarithmic;
    double low, high;         /* what is shown; both 0: as far as the data go, and on the y axis of a
                                 chart without a field to the next tick */
    const char *const *names; /* [name_count] in place of numbers, at 0, 1, 2, ...; NULL: numbers. Not logarithmic. */
    size_t name_count;
} rg_plot_axis;

typedef struct {
    const char *title;        /* may be NULL */
    rg_plot_axis x, y;
    const rg_plot_field *field; /* or NULL */
    bool equal;               /* a unit is as long on both axes, one of which is made shorter for it */
    size_t count;
    const rg_plot_series *series;
} rg_plot_chart;

typedef struct {
    const char *title;
    size_t count;             /* 1 to 10,000 */
    const rg_plot_chart *charts;
    int columns;              /* of charts, row by row; 0: all side by side */
    int width, height;        /* of each chart, in pixels: 100 to 10,000; 0: 470 by 340. A legend of several lines makes
                                 it higher. */
} rg_plot;

/* Writes the picture to the caller's stream, and flushes it. Text is UTF-8; what is none appears as "?", and what
 * is too long for its place ends in "…".
 * errors  RG_E_NULL no stream, plot, charts, series, numbers or names where a count says that there are some;
 *         RG_E_ARGUMENT a size, count, kind or mark out of its range, an axis or field that does not end above where it
 *         begins, or that is to be logarithmic and begins at 0 or below; RG_E_MEMORY; RG_E_FILE the stream reports an
 *         error. The message names the chart and the series, counted from 0. Nothing is written but with RG_OK and
 *         RG_E_FILE. `error` may be NULL. */
RG_API rg_status rg_plot_write(FILE *out, const rg_plot *plot, rg_error *error);
/* The same to a file, which is replaced only when all has been written; what is no regular file (a pipe, a terminal) is
 * written to directly. */
RG_API rg_status rg_plot_save(const char *path, const rg_plot *plot, rg_error *error);

/* Colour number i of the palette, as "#rrggbb"; it starts again after the last. */
RG_API const char *rg_plot_colour(int i);

#ifdef __cplusplus
}
#endif
#endif
