/* svg.c: line charts as SVG. */
#include "svg.h"

#include <math.h>
#include <string.h>

enum { CARD_MARGIN = 20, TITLE_HEIGHT = 34, LEFT = 62, RIGHT = 16, TOP = 58, BOTTOM = 46, LEGEND_SWATCH = 22 };

static const char *const palette[] = {
    "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000",
};

/* Where a chart's plot lies, and the ranges of its axes (y as its logarithm on a logarithmic axis). */
typedef struct {
    double left, top, width, height;
    double x_low, x_high, y_low, y_high;
    bool logarithmic;
} frame;

const char *tool_svg_colour(int i)
{
    int count = (int)(sizeof palette / sizeof palette[0]);
    return palette[((i % count) + count) % count];
}

/* The length of the valid UTF-8 sequence at `at` that XML allows, or 0. */
static size_t sequence(const unsigned char *at)
{
    size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xC2 && at[0] < 0xE0 ? 2 : (at[0] & 0xF0) == 0xE0 ? 3
                    : at[0] >= 0xF0 && at[0] < 0xF5 ? 4 : 0;

    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if (length == 1 && at[0] < 0x20 && at[0] != '\t' && at[0] != '\n')
        return 0;
    if (length == 3) {
        unsigned point = (at[0] & 0x0Fu) << 12 | (at[1] & 0x3Fu) << 6 | (at[2] & 0x3Fu);
        return point < 0x800 || (point >= 0xD800 && point < 0xE000) || point >= 0xFFFE ? 0 : 3;
    }
    if (length == 4 && ((at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F)))
        return 0;
    return length;
}

void tool_svg_text(FILE *out, const char *text)
{
    static const char special[] = "&<>\"'";
    static const char *const entity[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };

    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; ) {
        size_t length = sequence(at);
        const char *escaped = strchr(special, *at);
        if (length == 0)
            fputc('?', out);
        else if (escaped != NULL)
            fputs(entity[escaped - special], out);
        else
            fwrite(at, 1, length, out);
        at += length == 0 ? 1 : length;
    }
}

/* The smallest of 1, 2, 5, 10 times a power of ten that is not below the distance. */
static double round_up(double distance)
{
    double power = pow(10, floor(log10(distance)));
    double digit = distance / power;

    /* A distance that is such a number but for rounding must not become the next one. */
    return power * (digit <= 1 + 1e-9 ? 1 : digit <= 2 + 1e-9 ? 2 : digit <= 5 + 1e-9 ? 5 : 10);
}

int tool_svg_ticks(double low, double high, int most, double *ticks)
{
    double size = fmax(fabs(low), fabs(high));

    if (high - low <= 1e-9 * size || high - low < 1e-300) {
        double room = size > 0 ? 0.05 * size : 1;
        low -= room;
        high += room;
    }
    for (double step = round_up((high - low) / (most - 1)); ; step = round_up(step * 1.5)) {
        double first = floor(low / step + 1e-9), last = ceil(high / step - 1e-9);
        if (last - first > most - 1)
            continue;
        for (int i = 0; i <= (int)(last - first); i++)
            ticks[i] = (first + i) * step;
        return (int)(last - first) + 1;
    }
}

/* The number of 1-2-5 steps from 1 up to the value: 0, 1, 2, 3 for 1, 2, 5, 10; a fraction between them. */
static double log_position(double value)
{
    double power = floor(log10(value) + 1e-12), digit = value / pow(10, power);

    return 3 * power + (digit < 2 ? log2(digit) : digit < 5 ? 1 + log(digit / 2) / log(2.5) : 2 + log2(digit / 5));
}

static double at_log_position(int position)
{
    static const double digits[] = { 1, 2, 5 };
    int power = (position >= 0 ? position : position - 2) / 3;

    return digits[position - 3 * power] * pow(10, power);
}

int tool_svg_log_ticks(double low, double high, int most, double *ticks, double range[2])
{
    int first = (int)floor(log_position(low) + 1e-9), last = (int)ceil(log_position(high) - 1e-9);
    int count = 0, stride = 1;

    if (last == first)
        last++;
    range[0] = at_log_position(first);
    range[1] = at_log_position(last);
    if (last - first + 1 > most) {
        first += (3 - (first % 3 + 3) % 3) % 3; /* the first power of ten */
        stride = 3 * ((last - first) / 3 / most + 1);
    }
    for (int position = first; position <= last; position += stride)
        ticks[count++] = at_log_position(position);
    return count;
}

void tool_svg_label(double value, double distance, char *text, size_t size)
{
    double magnitude = fmax(fabs(value), distance);

    if (fabs(value) < distance * 1e-6)
        snprintf(text, size, "0");
    else if (magnitude >= 1e9 || distance < 1e-5)
        snprintf(text, size, "%g", value);
    else if (magnitude >= 1e6 && distance >= 1e4)
        snprintf(text, size, "%gM", value / 1e6);
    else if (magnitude >= 1e4 && distance >= 100)
        snprintf(text, size, "%gk", value / 1e3);
    else
        snprintf(text, size, "%.*f", (int)fmax(0, -floor(log10(distance) + 1e-9)), value);
}

static bool drawable(const frame *f, double x, double y)
{
    /* Beyond 1e300 (and below 1e-300 on a logarithmic axis) differences and powers of ten overflow. */
    return fabs(x) < 1e300 && fabs(y) < 1e300 && (!f->logarithmic || y > 1e-300);
}

static double at_x(const frame *f, double x)
{
    return f->left + f->width * (x - f->x_low) / (f->x_high - f->x_low);
}

static double at_y(const frame *f, double y)
{
    double height = ((f->logarithmic ? log10(y) : y) - f->y_low) / (f->y_high - f->y_low);
    return f->top + f->height * (1 - height);
}

/* Finds the smallest and the largest of everything that can be drawn; false if there is nothing. */
static bool find_range(const tool_svg_chart *chart, double range[4])
{
    frame f = { .logarithmic = chart->logarithmic };
    bool any = false;

    for (size_t s = 0; s < chart->count; s++) {
        const tool_svg_series *line = &chart->series[s];
        for (size_t i = 0; i < line->count; i++) {
            double x = line->x[i], y = line->y[i];
            if (!drawable(&f, x, y))
                continue;
            range[0] = any ? fmin(range[0], x) : x;
            range[1] = any ? fmax(range[1], x) : x;
            range[2] = any ? fmin(range[2], y) : y;
            range[3] = any ? fmax(range[3], y) : y;
            any = true;
        }
    }
    return any;
}

static void text_at(FILE *out, double x, double y, const char *attributes, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    tool_svg_text(out, text);
    fputs("</text>\n", out);
}

static void draw_y_axis(FILE *out, frame *f, double low, double high)
{
    double ticks[TOOL_SVG_MOST_TICKS], range[2];
    char text[40];
    int count;

    if (f->logarithmic) {
        count = tool_svg_log_ticks(low, high, 8, ticks, range);
        f->y_low = log10(range[0]);
        f->y_high = log10(range[1]);
    } else {
        count = tool_svg_ticks(low, high, 8, ticks);
        f->y_low = ticks[0];
        f->y_high = ticks[count - 1];
    }
    for (int i = 0; i < count; i++) {
        double y = at_y(f, ticks[i]);
        fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#e2e2e2\"/>\n", f->left, y,
                f->left + f->width, y);
        if (f->logarithmic)
            snprintf(text, sizeof text, "%g", ticks[i]);
        else
            tool_svg_label(ticks[i], ticks[1] - ticks[0], text, sizeof text);
        text_at(out, f->left - 8, y + 4, "text-anchor=\"end\" fill=\"#444\"", text);
    }
}

/* The x axis ends where the data does, so its ticks beyond are left out. */
static void draw_x_axis(FILE *out, frame *f, double low, double high)
{
    double ticks[TOOL_SVG_MOST_TICKS];
    int count = tool_svg_ticks(low, high, 8, ticks);
    char text[40];

    f->x_low = high > low ? low : ticks[0];
    f->x_high = high > low ? high : ticks[count - 1];
    for (int i = 0; i < count; i++) {
        double x = at_x(f, ticks[i]), bottom = f->top + f->height;
        if (x < f->left - 0.01 || x > f->left + f->width + 0.01)
            continue;
        fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#666\"/>\n", x, bottom, x,
                bottom + 5);
        tool_svg_label(ticks[i], ticks[1] - ticks[0], text, sizeof text);
        text_at(out, x, bottom + 19, "text-anchor=\"middle\" fill=\"#444\"", text);
    }
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#666\"/>\n", f->left,
            f->top + f->height, f->left + f->width, f->top + f->height);
}

static void draw_series(FILE *out, const frame *f, const tool_svg_series *line)
{
    const char *colour = tool_svg_colour(line->colour);
    bool pen_down = false;

    fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-opacity=\"%s\" "
            "stroke-linejoin=\"round\" stroke-linecap=\"round\" d=\"", colour, line->faint ? "1" : "2.2",
            line->faint ? "0.35" : "1");
    for (size_t i = 0; i < line->count; i++) {
        if (drawable(f, line->x[i], line->y[i])) {
            fprintf(out, "%c%.1f %.1f", pen_down ? 'L' : 'M', at_x(f, line->x[i]), at_y(f, line->y[i]));
            pen_down = true;
        } else {
            pen_down = false;
        }
    }
    fputs("\"/>\n", out);
    for (size_t i = 0; i < line->count && (line->marks || line->count == 1); i++)
        if (drawable(f, line->x[i], line->y[i]))
            fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" stroke=\"#fff\"/>\n",
                    at_x(f, line->x[i]), at_y(f, line->y[i]), colour);
}

static void draw_legend(FILE *out, const frame *f, const tool_svg_chart *chart)
{
    double x = f->left, y = f->top - 14;

    for (size_t s = 0; s < chart->count; s++) {
        const tool_svg_series *line = &chart->series[s];
        if (line->name == NULL)
            continue;
        fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%s\" "
                "stroke-opacity=\"%s\"/>\n", x, y - 4, x + LEGEND_SWATCH, y - 4, tool_svg_colour(line->colour),
                line->faint ? "1" : "2.2", line->faint ? "0.5" : "1");
        text_at(out, x + LEGEND_SWATCH + 6, y, "fill=\"#222\"", line->name);
        /* Fonts differ; this much a character holds the names apart in all the usual ones. */
        x += LEGEND_SWATCH + 6 + 7.0 * (double)strlen(line->name) + 16;
    }
}

static void draw_chart(FILE *out, const tool_svg_chart *chart, double left, double top, int width, int height)
{
    frame f = {
        .left = left + LEFT, .top = top + TOP, .width = width - LEFT - RIGHT, .height = height - TOP - BOTTOM,
        .logarithmic = chart->logarithmic,
    };
    double range[4] = { 0, 1, 1, 1 }, middle = f.top + f.height / 2;
    bool any = find_range(chart, range);
    char turned[96];

    if (chart->x_high > chart->x_low) {
        range[0] = chart->x_low;
        range[1] = chart->x_high;
    }
    text_at(out, f.left, top + 16, "font-size=\"15\" font-weight=\"600\" fill=\"#111\"", chart->title);
    draw_y_axis(out, &f, range[2], range[3]);
    draw_x_axis(out, &f, range[0], range[1]);
    text_at(out, f.left + f.width / 2, f.top + f.height + 40, "text-anchor=\"middle\" fill=\"#222\"", chart->x_label);
    snprintf(turned, sizeof turned, "text-anchor=\"middle\" fill=\"#222\" transform=\"rotate(-90 %.1f %.1f)\"",
             left + 12, middle);
    text_at(out, left + 12, middle, turned, chart->y_label);
    for (size_t s = 0; s < chart->count; s++)
        draw_series(out, &f, &chart->series[s]);
    draw_legend(out, &f, chart);
    if (!any)
        text_at(out, f.left + f.width / 2, middle, "text-anchor=\"middle\" fill=\"#444\"", "no finite values");
}

void tool_svg_write(FILE *out, const char *title, size_t count, const tool_svg_chart *charts, int width, int height)
{
    int across = (int)count * width + 2 * CARD_MARGIN, down = height + TITLE_HEIGHT + 2 * CARD_MARGIN;

    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "role=\"img\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" font-size=\"12.5\">\n",
            across, down, across, down);
    fputs("<title>", out);
    tool_svg_text(out, title);
    fputs("</title>\n", out);
    fprintf(out, "<rect width=\"%d\" height=\"%d\" rx=\"10\" fill=\"#ffffff\"/>\n", across, down);
    text_at(out, CARD_MARGIN + LEFT, CARD_MARGIN + 14, "font-size=\"17\" font-weight=\"600\" fill=\"#111\"", title);
    for (size_t i = 0; i < count; i++)
        draw_chart(out, &charts[i], CARD_MARGIN + (double)i * width, CARD_MARGIN + TITLE_HEIGHT, width, height);
    fputs("</svg>\n", out);
}
