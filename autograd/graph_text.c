/* graph_text.c: names and numbers of nodes as text. Names are the user's and may hold any bytes. */
#include "graph_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "characters.h"
#include "shape.h"

/* What stands for a character that means something there; NULL: itself. Graphviz reads entities in strings too. JSON may
 * stand in the script of a page, where no text may begin a tag. */
static const char *escape_of(unsigned char c, rg_text_kind kind)
{
    if (kind == RG_TEXT_PLAIN) return NULL;
    if (kind == RG_TEXT_JSON) return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '<' ? "\\u003c" : NULL;
    if (c == '&') return "&amp;";
    if (c == '<') return "&lt;";
    if (c == '>') return "&gt;";
    if (c == '"') return "&quot;";
    return c == '\\' && kind == RG_TEXT_STRING ? "\\\\" : NULL;
}

/* Graphviz reads no more than 16384 bytes of a label at once. */
enum { MOST_DRAWN = 500 };

size_t rg_put_text(FILE *out, const char *text, rg_text_kind kind)
{
    const bool drawn = kind == RG_TEXT_LABEL || kind == RG_TEXT_STRING;
    size_t characters = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s; characters++) {
        if (drawn && characters == MOST_DRAWN) {
            if (out) fputs("…", out);
            return characters + 1;
        }
        const size_t length = rg_character_length(s);
        const char *escape = escape_of(*s, kind);
        const bool control = *s < 0x20 && kind == RG_TEXT_JSON;
        if (*s == '\t' || *s == '\n' || *s == '\r') escape = " ";
        else if (length == 0) escape = "\xef\xbf\xbd";
        if (out && control) fprintf(out, "\\u%04x", *s);
        else if (out && escape) fputs(escape, out);
        else if (out) fwrite(s, 1, length, out);
        s += length ? length : 1;
    }
    return characters;
}

void rg_line_print(rg_line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const size_t room = sizeof line->text - line->used;
    const int written = vsnprintf(line->text + line->used, room, format, arguments);
    va_end(arguments);
    if (written > 0) line->used += (size_t)written < room ? (size_t)written : room - 1;
}

/* ---- Templates ------------------------------------------------------------------------------------------------------ */

static void put_number(FILE *out, double number)
{
    char text[RG_NUMBER_SIZE] = "null";
    bool same = !isfinite(number);
    for (int digits = 15; !same && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        same = strtod(text, NULL) == number;
    }
    rg_set_point(text);
    fputs(text, out);
}

void rg_put(FILE *out, const char *template, ...)
{
    static const char kinds[] = "rlqj"; /* in the order of rg_text_kind */
    va_list values;
    va_start(values, template);
    for (const char *s = template; *s; s++) {
        if (*s != '$') {
            fputc(*s == '\'' ? '"' : *s, out);
        } else if (*++s == 'u') {
            const uint32_t index = va_arg(values, uint32_t);
            put_number(out, index == RG_NOT_SHOWN ? (double)NAN : (double)index);
        } else if (*s == 'f') {
            put_number(out, va_arg(values, double));
        } else if (*s == 'b') {
            fputs(va_arg(values, int) ? "true" : "false", out);
        } else if (*s == 'z') {
            fprintf(out, "%zu", va_arg(values, size_t));
        } else if (*s == ',') {
            if (va_arg(values, size_t) > 0) fputc(',', out);
        } else {
            rg_put_text(out, va_arg(values, const char *), (rg_text_kind)(strchr(kinds, *s) - kinds));
        }
    }
    va_end(values);
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

void rg_format_attributes(const rg_node *node, char *text, size_t size)
{
    *text = '\0';
    if (node->op->describe && node->attributes) node->op->describe(node->attributes, text, size);
    text[size - 1] = '\0';
}

void rg_format_real(char *text, size_t size, int digits, double value)
{
    snprintf(text, size, "%.*g", digits, value + 0.0); /* -0 is 0 */
    rg_set_point(text);
}

void rg_format_count(char *text, size_t size, uint64_t count)
{
    char digits[RG_NUMBER_SIZE];
    const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    size_t used = 0;
    for (int i = 0; i < length; i++)
        rg_append(text, size, &used, i > 0 && (length - i) % 3 == 0 ? ",%c" : "%c", digits[i]);
}

void rg_format_bytes(char *text, size_t size, double bytes)
{
    static const char units[][3] = { "B", "kB", "MB", "GB", "TB" };
    int unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++) bytes /= 1000;
    char number[RG_NUMBER_SIZE];
    snprintf(number, sizeof number, bytes < 10 && unit > 0 ? "%.1f" : "%.0f", bytes);
    rg_set_point(number);
    snprintf(text, size, "%s %s", number, units[unit]);
}

void rg_format_element(char *text, size_t size, rg_dtype dtype, const void *data, int64_t i)
{
    if (dtype == RG_I64) snprintf(text, size, "%lld", (long long)((const int64_t *)data)[i]);
    else if (dtype == RG_I32) snprintf(text, size, "%ld", (long)((const int32_t *)data)[i]);
    else rg_format_real(text, size, 4, rg_element(dtype, data, i));
}

size_t rg_node_bytes(const rg_node *node)
{
    return node->op->kind == RG_VIEW ? 0 : (size_t)rg_shape_count(*node->shape) * rg_dtype_size((rg_dtype)node->dtype);
}

rg_digest rg_digest_of(rg_dtype dtype, const void *data, int64_t count)
{
    rg_digest d = { .min = INFINITY, .max = -INFINITY };
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        const double x = rg_element(dtype, data, i);
        if (!isfinite(x)) {
            d.odd++;
            continue;
        }
        if (x < d.min) d.min = x;
        if (x > d.max) d.max = x;
        sum += x;
        squares += x * x;
    }
    const double finite = (double)(count - d.odd);
    d.mean = sum / finite;
    d.norm = sqrt(squares);
    d.rms = sqrt(squares / finite);
    return d;
}

void rg_format_digest(char *text, size_t size, const rg_digest *d, const char *line_break)
{
    size_t used = 0;
    *text = '\0';
    if (d->min <= d->max)
        rg_append(text, size, &used, "min %.4g max %.4g%smean %.4g norm %.4g", d->min + 0.0, d->max + 0.0, line_break,
                  d->mean + 0.0, d->norm);
    rg_set_point(text);
    if (d->odd) rg_append(text, size, &used, "%s%lld not finite", used ? line_break : "", (long long)d->odd);
}
