/* chart.c: one chart: what its axes show, where they lie, and all that stands around them. */
#include "picture.h"

#include <math.h>

enum { LEAST_LEFT = 62, RIGHT = 16, TICK_ROOM_X = 49, TICK_ROOM_Y = 29, AROUND = 104, NAME_LEAST = 6, LEAST = 20 };

/* ---- Measures -------------------------------------------------------------------------------------------------- */

/* Puts an axis's ends: those asked for, or as far as the data go. */
static void set_axis(rg_plot_scale *scale, const rg_plot_axis *axis, double range[2], bool to_ticks, double pixels)
{
    const bool given = axis->low != 0 || axis->high != 0;
    if (given) {
        range[0] = rg_plot_coordinate(scale, axis->low);
        range[1] = rg_plot_coordinate(scale, axis->high);
    } else if (scale->names) {
        rg_plot_include(range, -0.5);
        rg_plot_include(range, scale->name_count - 0.5);
    } else if (range[0] > range[1]) {
        range[0] = 0;
        range[1] = 1;
    }
    rg_plot_scale_set(scale, range[0], range[1], to_ticks && !given && !scale->names, (int)pixels);
}

static rg_plot_scale new_scale(const rg_plot_axis *axis)
{
    bool named = axis->name_count > 0;
    return (rg_plot_scale){ .logarithmic = axis->logarithmic, .names = named ? axis->names : NULL,
                            .name_count = (int)axis->name_count };
}

rg_status rg_plot_measure(rg_plot_frame *frame, rg_plot_layout *layout)
{
    const rg_plot_chart *chart = frame->chart;
    double x_range[2] = { INFINITY, -INFINITY }, y_range[2] = { INFINITY, -INFINITY };
    frame->x = new_scale(&chart->x);
    frame->y = new_scale(&chart->y);
    rg_status status = rg_plot_measure_series(frame, x_range, y_range);
    frame->any = x_range[0] <= x_range[1];
    if (chart->field) rg_plot_measure_field(frame, x_range, y_range);
    set_axis(&frame->x, &chart->x, x_range, false, (layout->width - LEAST_LEFT - RIGHT) / TICK_ROOM_X);
    set_axis(&frame->y, &chart->y, y_range, !chart->field, (layout->height - AROUND) / TICK_ROOM_Y);

    double labels = rg_plot_lesser(rg_plot_label_width(&frame->y), 0.35 * layout->width);
    layout->left = rg_plot_greater(layout->left, rg_plot_greater(LEAST_LEFT, labels + (chart->y.label ? 32 : 16)));
    layout->titles = layout->titles || chart->title;
    layout->labels = layout->labels || chart->x.label;
    layout->bottom = layout->labels ? 46 : 28;
    return status;
}

/* Shrinks the axes until a unit is as long on both; where that would leave less than a third of an axis, it shows more
 * instead. */
static void make_equal(rg_plot_scale *x, rg_plot_scale *y)
{
    rg_plot_scale *const both[] = { x, y };
    const double unit = rg_plot_lesser((x->end - x->start) / (x->high - x->low),
                                       (y->start - y->end) / (y->high - y->low));
    for (int i = 0; i < 2; i++) {
        rg_plot_scale *s = both[i];
        const double least = fabs(s->end - s->start) / 3, more = (least / unit - (s->high - s->low)) / 2;
        if (more > 0) {
            s->low -= more;
            s->high += more;
        }
    }
    x->end = x->start + unit * (x->high - x->low);
    y->start = y->end + unit * (y->high - y->low);
}

/* `top` for this many lines of legend. */
static double top_of(const rg_plot_layout *layout, int lines)
{
    return (layout->titles ? 30 : 4) + RG_PLOT_LINE_HEIGHT * lines + 10;
}

static void find_ticks(rg_plot_scale *scale, double room)
{
    rg_plot_scale_set(scale, scale->low, scale->high, false, (int)(fabs(scale->end - scale->start) / room));
}

void rg_plot_place(rg_plot_frame *frame, const rg_plot_layout *layout, double left, double top)
{
    rg_plot_scale *x = &frame->x, *y = &frame->y;
    x->start = left + layout->left;
    x->end = rg_plot_greater(x->start + LEAST, left + layout->width - RIGHT - rg_plot_bar_width(frame));
    y->end = top + top_of(layout, layout->legend_lines);
    /* What a legend takes beyond its first line is added below. */
    const double height = layout->height - top_of(layout, layout->legend_lines > 0) - layout->bottom;
    y->start = y->end + rg_plot_greater(LEAST, height);
    if (frame->chart->equal) make_equal(x, y);
    frame->z.start = y->start;
    frame->z.end = y->end;
    find_ticks(x, TICK_ROOM_X);
    find_ticks(y, TICK_ROOM_Y);
    if (frame->chart->field) find_ticks(&frame->z, TICK_ROOM_Y);
}

/* ---- The legend ------------------------------------------------------------------------------------------------ */

/* Writes the legend, its last line at y, or with no stream only finds how many lines it takes. */
static int legend(FILE *out, const rg_plot_chart *chart, double left, double right, double y)
{
    const rg_plot_field *field = chart->field;
    const size_t lines_of_field = field && !field->heat && field->contours > 0 ? 1 : 0;
    double x = left;
    int line = 0;
    for (size_t s = 0; s < chart->count + lines_of_field; s++) {
        const rg_plot_series *series = s < chart->count ? &chart->series[s] : NULL;
        const char *name = series ? series->name : field->name;
        if (!name) continue;
        double wide = RG_PLOT_SWATCH + 6 + RG_PLOT_CHARACTER * rg_plot_characters(name);
        if (x > left && x + wide > right) {
            x = left;
            line++;
        }
        if (out) {
            double at = y + RG_PLOT_LINE_HEIGHT * line;
            if (series) rg_plot_draw_swatch(out, series, x, at - 4);
            else rg_plot_draw_field_swatch(out, x, at - 4);
            rg_plot_text_at(out, x + RG_PLOT_SWATCH + 6, at, "fill=\"#222\"", name,
                            (right - x - RG_PLOT_SWATCH - 6) / RG_PLOT_CHARACTER);
        }
        x += wide + 16;
    }
    return line + (x > left ? 1 : 0);
}

int rg_plot_legend_lines(const rg_plot_chart *chart, const rg_plot_layout *layout)
{
    return legend(NULL, chart, 0, layout->width - layout->left - RIGHT, 0);
}

/* ---- Axes ------------------------------------------------------------------------------------------------------ */

static void draw_y_axis(FILE *out, const rg_plot_frame *frame, const rg_plot_layout *layout)
{
    const rg_plot_scale *y = &frame->y;
    const double left = frame->x.start, names = layout->left - (frame->chart->y.label ? 32 : 12);
    char room[RG_PLOT_LABEL_SIZE];
    const char *label;
    for (int i = 0; i < rg_plot_tick_count(y); i++) {
        double at = rg_plot_tick(y, i, &label, room);
        if (isnan(at)) continue;
        rg_plot_put_line(out, left, at, 'h', frame->x.end - left, "#e2e2e2");
        rg_plot_text_at(out, left - 8, at + 4, "text-anchor=\"end\" fill=\"#444\"", label,
                        y->names ? names / RG_PLOT_CHARACTER : RG_PLOT_LABEL_SIZE);
    }
}

/* Labels that would touch the last one are left out. */
static void draw_x_labels(FILE *out, const rg_plot_frame *frame)
{
    const rg_plot_scale *x = &frame->x;
    const double bottom = frame->y.start, unit = (x->end - x->start) / (x->high - x->low);
    const double most = x->names ? rg_plot_greater(NAME_LEAST, (unit - 6) / RG_PLOT_CHARACTER) : RG_PLOT_LABEL_SIZE;
    double used = -INFINITY;
    char room[RG_PLOT_LABEL_SIZE];
    const char *label;
    for (int i = 0; i < rg_plot_tick_count(x); i++) {
        double at = rg_plot_tick(x, i, &label, room);
        if (isnan(at)) continue;
        if (!x->names) rg_plot_put_line(out, at, bottom, 'v', 5, "#666");
        double half = RG_PLOT_CHARACTER * rg_plot_lesser(rg_plot_characters(label), most) / 2;
        if (at - half < used) continue;
        used = at + half + 4;
        rg_plot_text_at(out, at, bottom + 19, "text-anchor=\"middle\" fill=\"#444\"", label, most);
    }
}

/* The lines at the ends of the axes, over what is drawn in between. */
static void draw_edges(FILE *out, const rg_plot_frame *frame)
{
    const rg_plot_scale *x = &frame->x, *y = &frame->y;
    const double width = x->end - x->start;
    if (frame->chart->field)
        rg_plot_put_rectangle(out, x->start, y->end, width, y->start - y->end, " fill=\"none\" stroke=\"#666\"");
    else rg_plot_put_line(out, x->start, y->start, 'h', width, "#666");
    if (frame->bar_series > 0 && !y->logarithmic && y->low < 0 && y->high > 0)
        rg_plot_put_line(out, x->start, rg_plot_at(y, 0), 'h', width, "#666");
}

#define CENTRED "text-anchor=\"middle\" fill=\"#222\""

void rg_plot_draw_chart(FILE *out, const rg_plot_frame *frame, const rg_plot_layout *layout, double left, double top)
{
    const rg_plot_chart *chart = frame->chart;
    const rg_plot_scale *x = &frame->x, *y = &frame->y;
    const double right = left + layout->width - RIGHT;
    const double middle = (x->start + x->end) / 2, half_way = (y->start + y->end) / 2;
    if (chart->title)
        rg_plot_text_at(out, x->start, top + 16, "font-size=\"15\" font-weight=\"600\" fill=\"#111\"", chart->title,
                        (right - x->start) / 8.7);
    draw_y_axis(out, frame, layout);
    if (chart->field && chart->field->heat) {
        rg_plot_draw_heat(out, frame);
        rg_plot_draw_bar(out, frame);
    }
    if (chart->field && chart->field->contours > 0) rg_plot_draw_contours(out, frame);
    if (chart->x.label)
        rg_plot_text_at(out, middle, y->start + 40, CENTRED, chart->x.label, (x->end - x->start) / RG_PLOT_CHARACTER);
    if (chart->y.label)
        rg_plot_text_turned(out, left + 16, half_way, chart->y.label, (y->start - y->end) / RG_PLOT_CHARACTER);
    draw_edges(out, frame);
    draw_x_labels(out, frame);
    rg_plot_draw_series(out, frame);
    const int lines = legend(NULL, chart, x->start, right, 0);
    legend(out, chart, x->start, right, y->end - 14 - RG_PLOT_LINE_HEIGHT * (lines - 1));
    if (!frame->any)
        rg_plot_text_at(out, middle, half_way, CENTRED, "no finite values", RG_PLOT_LABEL_SIZE);
}
