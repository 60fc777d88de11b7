/* text.c: markup, and text in it. */
#include "picture.h"

#include <stdarg.h>
#include <string.h>

#include "characters.h"

void rg_plot_put(FILE *out, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    rg_set_point(text);
    fputs(text, out);
}

/* The length of what can be shown at `at`, or 0: white space looks like a blank. */
static size_t sequence(const unsigned char *at)
{
    return *at == '\t' || *at == '\n' ? 1 : rg_character_length(at);
}

/* From U+3000 on, and pictographs. */
static int columns_of(unsigned char first)
{
    return first >= 0xE3 ? 2 : 1;
}

int rg_plot_characters(const char *text)
{
    int count = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t length = sequence(at);
        count += length ? columns_of(*at) : 1;
        at += length ? length : 1;
    }
    return count;
}

void rg_plot_put_text(FILE *out, const char *text, int most)
{
    static const char special[] = "&<>\"'";
    static const char *const entity[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" };
    bool cut = rg_plot_characters(text) > most;
    int used = 0, room = cut && most > 0 ? most - 1 : most;

    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t length = sequence(at);
        const char *escaped = strchr(special, *at);
        used += length ? columns_of(*at) : 1;
        if (used > room) break;
        if (!length) fputc('?', out);
        else if (escaped) fputs(entity[escaped - special], out);
        else fwrite(at, 1, length, out);
        at += length ? length : 1;
    }
    if (cut && most > 0) fputs("\xE2\x80\xA6", out);
}

void rg_plot_text_at(FILE *out, double x, double y, const char *attributes, const char *text, double most)
{
    rg_plot_put(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    rg_plot_put_text(out, text, most > 1 ? (int)most : 1);
    fputs("</text>\n", out);
}

void rg_plot_text_turned(FILE *out, double x, double y, const char *text, double most)
{
    rg_plot_put(out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" fill=\"#222\">", x,
                y);
    rg_plot_put_text(out, text, most > 1 ? (int)most : 1);
    fputs("</text>\n", out);
}

void rg_plot_put_rectangle(FILE *out, double x, double y, double width, double height, const char *attributes)
{
    rg_plot_put(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"%s/>\n", x, y, width, height,
                attributes);
}

void rg_plot_put_line(FILE *out, double x, double y, char direction, double length, const char *colour)
{
    rg_plot_put(out, "<path stroke=\"%s\" d=\"M%.1f %.1f%c%.1f\"/>\n", colour, x, y, direction, length);
}

void rg_plot_open_view(FILE *out, double x, double y, double width, double height, const double view[4],
                       const char *attributes)
{
    rg_plot_put(out, "<svg x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" viewBox=\"%.4f %.4f %.4f %.4f\" "
                "preserveAspectRatio=\"none\" %s>\n", x, y, width, height, view[0], view[1], view[2], view[3],
                attributes);
}
