/* picture.h: what the files of plot/ share. Everything goes to the caller's stream as it is drawn; positions are pixels
 * from the top left. "Coordinate" means a number as its axis counts: itself, or its logarithm to the base 10. */
#ifndef RETROGRAD_PLOT_PICTURE_H
#define RETROGRAD_PLOT_PICTURE_H

#include "plot.h"

/* ---- text.c: markup ------------------------------------------------------------------------------------------- */

/* printf of up to 511 bytes of markup, whose numbers have a point in every locale: so the format holds no comma. */
void rg_plot_put(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* At most `most` characters of a text (cut, the last is "…") with the five characters of XML escaped, and what XML or
 * UTF-8 forbids as "?". */
void rg_plot_put_text(FILE *out, const char *text, int most);
void rg_plot_text_at(FILE *out, double x, double y, const char *attributes, const char *text, double most);
/* From bottom to top, centred on the position. */
void rg_plot_text_turned(FILE *out, double x, double y, const char *text, double most);
/* Characters, where one of a script that writes wide ones counts as two. */
int rg_plot_characters(const char *text);

void rg_plot_put_rectangle(FILE *out, double x, double y, double width, double height, const char *attributes);
/* Along x, or for direction 'v' along y. */
void rg_plot_put_line(FILE *out, double x, double y, char direction, double length, const char *colour);
/* A part of the picture with units of its own, in which view[] = { left, top, width, height } is seen, cut off at its
 * edges. To be closed by </svg>. */
void rg_plot_open_view(FILE *out, double x, double y, double width, double height, const double view[4],
                       const char *attributes);

/* Of numbers, none of them NaN. */
static inline double rg_plot_lesser(double a, double b)
{
    return a < b ? a : b;
}

static inline double rg_plot_greater(double a, double b)
{
    return a > b ? a : b;
}

/* Fonts differ: so much a character holds texts apart in all the usual ones. */
#define RG_PLOT_CHARACTER 7.2
enum { RG_PLOT_LINE_HEIGHT = 18 };

/* ---- axis.c: ticks and scales ---------------------------------------------------------------------------------- */

enum { RG_PLOT_MOST_TICKS = 16, RG_PLOT_LABEL_SIZE = 40 };

/* Positions 1, 2 or 5 times a power of ten apart, covering low..high in at most `most` places of `ticks` (3 <= most <=
 * RG_PLOT_MOST_TICKS). Returns how many; the first is <= low and the last >= high. Both below 1e300 in size. */
int rg_plot_ticks(double low, double high, int most, double *ticks);
/* The same for a logarithmic axis from range[0] to range[1], which are 1, 2 or 5 times powers of ten and cover
 * low..high; the ticks within are all such numbers, or powers of ten alone if those are too many. 1e-300 <= low <= high
 * <= 1e300. */
int rg_plot_log_ticks(double low, double high, int most, double *ticks, double range[2]);
/* A tick's label, with the digits that its distance to the next one asks for; distance 0: with those it has. */
void rg_plot_label(double value, double distance, char *text, size_t size);

/* An axis with its ticks, and where it lies. */
typedef struct {
    bool logarithmic;
    double low, high;       /* coordinates of both ends; low < high */
    double start, end;      /* the pixels where low and high are; of a y axis the end is less */
    int count;
    double ticks[RG_PLOT_MOST_TICKS], distance; /* of the ticks; 0: they are not even */
    const char *const *names; /* [name_count] instead, or NULL */
    int name_count;
} rg_plot_scale;

/* NaN if the number cannot be drawn. */
double rg_plot_coordinate(const rg_plot_scale *scale, double value);
/* The pixel of a coordinate; one far outside of the axis is drawn in to a million times its length. NaN remains NaN. */
double rg_plot_at(const rg_plot_scale *scale, double coordinate);
/* The pixel of a number. */
double rg_plot_position(const rg_plot_scale *scale, double value);
/* Sets where the axis ends (coordinates), or has it end at the ticks around these, and about `most` ticks. */
void rg_plot_scale_set(rg_plot_scale *scale, double low, double high, bool to_ticks, int most);
int rg_plot_tick_count(const rg_plot_scale *scale);
/* The position of a tick, or NaN if it is not on the axis; its label in *label, which may lie in `room`. */
double rg_plot_tick(const rg_plot_scale *scale, int i, const char **label, char room[RG_PLOT_LABEL_SIZE]);
/* Pixels of the widest label. */
double rg_plot_label_width(const rg_plot_scale *scale);

/* Widens range, which begins as { INFINITY, -INFINITY }, to hold a coordinate; NaN changes nothing. */
void rg_plot_include(double range[2], double coordinate);

/* ---- chart.c: a chart and where it lies ----------------------------------------------------------------------- */

typedef struct {
    const rg_plot_chart *chart;
    rg_plot_scale x, y, z;  /* z: the field's colours, along their bar */
    bool any;               /* something can be drawn */
    double bar_distance;    /* the least of two bars' x; 0: no bars */
    int bar_series;
} rg_plot_frame;

/* What all charts of a picture have alike, so that they line up. */
typedef struct {
    double width, height;   /* of each chart, with all that belongs to it */
    double left, bottom;    /* of it, beside and below the axes */
    bool titles, labels;
    int legend_lines;       /* the most */
} rg_plot_layout;

/* Finds what the chart shows, and widens the layout for it; when all have done so, the lines that its legend takes; and
 * at last where its axes lie. */
rg_status rg_plot_measure(rg_plot_frame *frame, rg_plot_layout *layout);
int rg_plot_legend_lines(const rg_plot_chart *chart, const rg_plot_layout *layout);
void rg_plot_place(rg_plot_frame *frame, const rg_plot_layout *layout, double left, double top);
void rg_plot_draw_chart(FILE *out, const rg_plot_frame *frame, const rg_plot_layout *layout, double left, double top);

/* ---- series.c -------------------------------------------------------------------------------------------------- */

/* The ranges that the series need, with the bars' distance. RG_E_MEMORY. */
rg_status rg_plot_measure_series(rg_plot_frame *frame, double x_range[2], double y_range[2]);
void rg_plot_draw_series(FILE *out, const rg_plot_frame *frame);
enum { RG_PLOT_SWATCH = 22 };

/* A sample of the series for the legend, so many pixels wide. */
void rg_plot_draw_swatch(FILE *out, const rg_plot_series *series, double x, double y);

/* ---- field.c --------------------------------------------------------------------------------------------------- */

void rg_plot_measure_field(rg_plot_frame *frame, double x_range[2], double y_range[2]);
void rg_plot_draw_heat(FILE *out, const rg_plot_frame *frame);
void rg_plot_draw_contours(FILE *out, const rg_plot_frame *frame);
/* The colour of contours where there is no heat map to go with. */
void rg_plot_draw_field_swatch(FILE *out, double x, double y);
/* Pixels to the right of the axes that the bar of colours takes; 0: there is none. */
double rg_plot_bar_width(const rg_plot_frame *frame);
void rg_plot_draw_bar(FILE *out, const rg_plot_frame *frame);

#endif
