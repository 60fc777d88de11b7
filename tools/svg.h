/* svg.h: line charts as SVG: axes with 1-2-5 ticks, a legend, titles; dark text on a light card, so that
 * the picture reads on a page of any colour. */
#ifndef RETROGRAD_TOOLS_SVG_H
#define RETROGRAD_TOOLS_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct {
    const char *name;       /* in the legend; NULL: not there */
    int colour;             /* of the palette, see tool_svg_colour */
    bool faint;             /* thin and pale: noise behind the other lines */
    bool marks;             /* a dot at every point */
    size_t count;
    const double *x, *y;    /* a value that cannot be drawn (NaN, 1e300 and beyond; not positive on a
                               logarithmic axis) leaves a gap */
} tool_svg_series;

typedef struct {
    const char *title, *x_label, *y_label;
    bool logarithmic;       /* the y axis */
    double x_low, x_high;   /* the x axis, where all of the data must lie; both 0: as far as the data goes */
    size_t count;
    const tool_svg_series *series;
} tool_svg_chart;

/* Writes one picture: a title, and the charts side by side, each `width` by `height` units. The caller
 * looks at ferror(out). */
void tool_svg_write(FILE *out, const char *title, size_t count, const tool_svg_chart *charts, int width, int height);

/* Colour number i of a palette that tells apart under every common colour blindness [Okabe and Ito 2008],
 * as "#rrggbb"; it starts again after the last. */
const char *tool_svg_colour(int i);

#define TOOL_SVG_MOST_TICKS 16

/* Positions 1, 2 or 5 times a power of ten apart, covering low..high in at most `most` places of `ticks`
 * (3 <= most <= TOOL_SVG_MOST_TICKS). Returns how many; the first is <= low and the last >= high. Both
 * below 1e300 in size. */
int tool_svg_ticks(double low, double high, int most, double *ticks);
/* The same for a logarithmic axis from range[0] to range[1], which are 1, 2 or 5 times powers of ten and
 * cover low..high; the ticks within are all such numbers, or powers of ten alone if those are too many.
 * 1e-300 < low <= high < 1e300. */
int tool_svg_log_ticks(double low, double high, int most, double *ticks, double range[2]);
/* A tick's label, with the digits that its distance to the next one asks for. */
void tool_svg_label(double value, double distance, char *text, size_t size);

/* Text with the five characters of XML escaped, and what XML or UTF-8 forbids as "?". */
void tool_svg_text(FILE *out, const char *text);

#endif
