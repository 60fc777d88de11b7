/* field.c: heat maps and contour lines. */
#include "picture.h"

#include <math.h>

enum { COLOURS = 64, BAR_GAP = 14, BAR_WIDTH = 13, NAME_WIDTH = 22 };

/* From dark blue to yellow in even steps of lightness, through grey: blue and yellow are told apart by everybody who
 * tells two colours apart. Lightness 0.26 to 0.92 in Oklab [Ottosson 2020]; between these, straight in sRGB. */
static const unsigned char ramp[][3] = {
    { 0x09, 0x1e, 0x56 }, { 0x24, 0x37, 0x62 }, { 0x40, 0x4f, 0x6e }, { 0x5f, 0x67, 0x77 }, { 0x7f, 0x7f, 0x7f },
    { 0x9e, 0x99, 0x7e }, { 0xbe, 0xb3, 0x7b }, { 0xe2, 0xcd, 0x6b }, { 0xff, 0xe8, 0x50 },
};

/* share in [0, 1] */
static void put_colour(char text[8], double share)
{
    const int last = (int)(sizeof ramp / sizeof *ramp) - 1;
    int i = (int)(share * last), rgb[3];
    i = i < last ? i : last - 1;
    for (int k = 0; k < 3; k++) rgb[k] = (int)lround(ramp[i][k] + (share * last - i) * (ramp[i + 1][k] - ramp[i][k]));
    snprintf(text, 8, "#%02x%02x%02x", (unsigned)rgb[0] & 255, (unsigned)rgb[1] & 255, (unsigned)rgb[2] & 255);
}

static double coordinate_at(const rg_plot_frame *frame, int row, int column)
{
    const rg_plot_field *field = frame->chart->field;
    return rg_plot_coordinate(&frame->z, field->z[(size_t)row * field->columns + (size_t)column]);
}

/* In pixels: where column 0 and row 0 are, and how far it is to the next; upwards is negative. */
typedef struct {
    double x, y, across, up;
} grid;

static grid grid_of(const rg_plot_frame *frame)
{
    const rg_plot_field *field = frame->chart->field;
    const double x = rg_plot_position(&frame->x, field->x_low), y = rg_plot_position(&frame->y, field->y_low);
    return (grid){ x, y, (rg_plot_position(&frame->x, field->x_high) - x) / ((int)field->columns - 1),
                   (rg_plot_position(&frame->y, field->y_high) - y) / ((int)field->rows - 1) };
}

void rg_plot_measure_field(rg_plot_frame *frame, double x_range[2], double y_range[2])
{
    const rg_plot_field *field = frame->chart->field;
    const int rows = (int)field->rows, columns = (int)field->columns;
    double range[2] = { INFINITY, -INFINITY };
    frame->z.logarithmic = field->logarithmic;
    rg_plot_include(x_range, rg_plot_coordinate(&frame->x, field->x_low));
    rg_plot_include(x_range, rg_plot_coordinate(&frame->x, field->x_high));
    rg_plot_include(y_range, rg_plot_coordinate(&frame->y, field->y_low));
    rg_plot_include(y_range, rg_plot_coordinate(&frame->y, field->y_high));
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) rg_plot_include(range, coordinate_at(frame, r, c));
    frame->any = frame->any || range[0] <= range[1];
    if (field->low != 0 || field->high != 0) {
        range[0] = rg_plot_coordinate(&frame->z, field->low);
        range[1] = rg_plot_coordinate(&frame->z, field->high);
    } else if (range[0] > range[1]) range[0] = range[1] = 0;
    rg_plot_scale_set(&frame->z, range[0], range[1], false, 8);
}

/* ---- Heat ------------------------------------------------------------------------------------------------------ */

/* Its colour's number, or -1. */
static int level(const rg_plot_frame *frame, double z)
{
    double share = (z - frame->z.low) / (frame->z.high - frame->z.low) * COLOURS;
    return isnan(share) ? -1 : (int)rg_plot_greater(0, rg_plot_lesser(COLOURS - 1, share));
}

/* All cells of a colour, as lines as thick as a row is high: cells of a row that are alike are one line. */
static void put_cells(FILE *out, const rg_plot_frame *frame, int colour)
{
    const int rows = (int)frame->chart->field->rows, columns = (int)frame->chart->field->columns;
    char text[8];
    put_colour(text, (colour + 0.5) / COLOURS);
    rg_plot_put(out, "<path stroke=\"%s\" d=\"", text);
    for (int r = 0; r < rows; r++) {
        for (int c = 0, begin; c < columns; c++) {
            begin = c;
            while (c < columns && level(frame, coordinate_at(frame, r, c)) == colour) c++;
            if (c > begin) rg_plot_put(out, "M%d %dh%d", begin, rows - 1 - r, c - begin);
        }
    }
    fputs("\"/>\n", out);
}

#define CRISP "shape-rendering=\"crispEdges\""

/* A cell around every point of the grid: the drawing counts in cells and is cut off where the axes end. */
void rg_plot_draw_heat(FILE *out, const rg_plot_frame *frame)
{
    const rg_plot_scale *x = &frame->x, *y = &frame->y;
    const grid g = grid_of(frame);
    const double view[] = { (x->start - g.x) / g.across + 0.5,
                            (int)frame->chart->field->rows - 1 - (y->end - g.y) / g.up,
                            (x->end - x->start) / g.across, (y->end - y->start) / g.up };
    if (!(g.across > 1e-6 && g.up < -1e-6)) return; /* lost in axes that show very much more, or something else */
    rg_plot_open_view(out, x->start, y->end, x->end - x->start, y->start - y->end, view, CRISP);
    for (int colour = 0; colour < COLOURS; colour++) put_cells(out, frame, colour);
    fputs("</svg>\n", out);
}

double rg_plot_bar_width(const rg_plot_frame *frame)
{
    const rg_plot_field *field = frame->chart->field;
    if (!field || !field->heat) return 0;
    return BAR_GAP + BAR_WIDTH + 8 + rg_plot_label_width(&frame->z) + (field->name ? NAME_WIDTH : 0);
}

/* ---- Contours -------------------------------------------------------------------------------------------------- */

static double contour_level(const rg_plot_frame *frame, int i)
{
    return frame->z.low + (frame->z.high - frame->z.low) * (i + 1) / (frame->chart->field->contours + 1);
}

/* On colours white or dark, whichever is seen better; on the light card as dark as the ramp is below. */
static void contour_colour(const rg_plot_field *field, int i, char text[8])
{
    double share = (i + 1.0) / (field->contours + 1);
    if (field->heat) snprintf(text, 8, "%s", share < 0.55 ? "#ddd" : "#333");
    else put_colour(text, 0.75 * share);
}

typedef struct {
    double x, y;
} point;

/* One line through a cell; the end of the last one spares a move of the pen. */
static void put_segment(FILE *out, const point *from, const point *to, point *pen)
{
    if (to->x == pen->x && to->y == pen->y) {
        to = from;
        from = pen;
    }
    if (from->x != pen->x || from->y != pen->y) rg_plot_put(out, "M%.1f %.1f", from->x, from->y);
    rg_plot_put(out, "L%.1f %.1f", to->x, to->y);
    *pen = *to;
}

/* Marching squares. Corners are numbered from the lower left against the clock, side k goes from corner k to the next.
 * A line crosses each side whose ends lie on different sides of the level. Where all four are crossed, the cell is a
 * saddle, and the mean of its corners says what its middle is like: the lines go around the corners that differ. */
static void put_cell(FILE *out, const rg_plot_frame *frame, const grid *g, int row, int column, double value,
                     point *pen)
{
    static const struct {
        unsigned char column, row;
    } corners[4] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 } };
    double z[4], mean = 0;
    point crossings[4];
    int crossed = 0;
    for (int k = 0; k < 4; k++) {
        z[k] = coordinate_at(frame, row + corners[k].row, column + corners[k].column);
        mean += z[k] / 4;
    }
    for (int k = 0; k < 4; k++) {
        /* Always from left to right and upwards, so that both cells of a side find the same point. */
        const int next = (k + 1) % 4, a = k < 2 ? k : next, b = k < 2 ? next : k;
        if ((z[a] >= value) == (z[b] >= value)) continue;
        const double share = (value - z[a]) / (z[b] - z[a]);
        const double u = corners[a].column + share * (corners[b].column - corners[a].column);
        const double v = corners[a].row + share * (corners[b].row - corners[a].row);
        crossings[crossed++] = (point){ g->x + g->across * (column + u), g->y + g->up * (row + v) };
    }
    if (isnan(mean) || crossed == 0) return;
    /* Corner 0 lies between sides 3 and 0, corner 1 between 0 and 1. */
    const int partner = crossed == 4 && (mean >= value) != (z[0] >= value) ? 3 : 1;
    put_segment(out, &crossings[0], &crossings[partner], pen);
    if (crossed == 4) put_segment(out, &crossings[2], &crossings[4 - partner], pen);
}

void rg_plot_draw_contours(FILE *out, const rg_plot_frame *frame)
{
    const rg_plot_field *field = frame->chart->field;
    const rg_plot_scale *x = &frame->x, *y = &frame->y;
    const double view[] = { x->start, y->end, x->end - x->start, y->start - y->end }; /* the same units, but cut off */
    const grid g = grid_of(frame);
    char colour[8];
    rg_plot_open_view(out, view[0], view[1], view[2], view[3], view, "fill=\"none\" stroke-linejoin=\"round\"");
    for (int i = 0; i < field->contours; i++) {
        const double value = contour_level(frame, i);
        point pen = { NAN, NAN };
        contour_colour(field, i, colour);
        rg_plot_put(out, "<path stroke=\"%s\" d=\"", colour);
        for (int r = 0; r < (int)field->rows - 1; r++)
            for (int c = 0; c < (int)field->columns - 1; c++) put_cell(out, frame, &g, r, c, value, &pen);
        fputs("\"/>\n", out);
    }
    fputs("</svg>\n", out);
}

void rg_plot_draw_field_swatch(FILE *out, double x, double y)
{
    char colour[8];
    for (int i = 0; i < 3; i++) {
        put_colour(colour, 0.25 * i);
        rg_plot_put_line(out, x, y + 4 - 4 * i, 'h', RG_PLOT_SWATCH, colour);
    }
}

/* ---- The bar of colours ---------------------------------------------------------------------------------------- */

void rg_plot_draw_bar(FILE *out, const rg_plot_frame *frame)
{
    static const double view[] = { 0, -0.5, 1, COLOURS };
    const rg_plot_field *field = frame->chart->field;
    const rg_plot_scale *z = &frame->z;
    const double left = frame->x.end + BAR_GAP, right = left + BAR_WIDTH, height = z->start - z->end;
    char text[RG_PLOT_LABEL_SIZE];
    const char *label;
    rg_plot_open_view(out, left, z->end, BAR_WIDTH, height, view, CRISP);
    for (int i = 0; i < COLOURS; i++) {
        put_colour(text, (i + 0.5) / COLOURS);
        rg_plot_put_line(out, 0, COLOURS - 1 - i, 'h', 1, text);
    }
    fputs("</svg>\n", out);
    for (int i = 0; i < field->contours; i++) {
        contour_colour(field, i, text);
        rg_plot_put_line(out, left, rg_plot_at(z, contour_level(frame, i)), 'h', BAR_WIDTH, text);
    }
    for (int i = 0; i < rg_plot_tick_count(z); i++) {
        double y = rg_plot_tick(z, i, &label, text);
        rg_plot_put_line(out, right, y, 'h', 4, "#666");
        rg_plot_text_at(out, right + 7, y + 4, "fill=\"#444\"", label, RG_PLOT_LABEL_SIZE);
    }
    if (field->name)
        rg_plot_text_turned(out, right + 22 + rg_plot_label_width(z), z->start - height / 2, field->name,
                            height / RG_PLOT_CHARACTER);
}
