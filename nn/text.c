/* text.c: strings that come from outside or go there. */
#include <stdarg.h>
#include <string.h>

#include "state.h"

/* The length of the UTF-8 sequence at text, of which `left` bytes are there; 0 if it is none: not shortest form,
 * a surrogate, beyond U+10FFFF, or cut [RFC 3629]. */
static size_t sequence_length(const unsigned char *text, size_t left)
{
    unsigned char first = text[0], low = 0x80, high = 0xBF;
    if (first < 0x80) return 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length > left) return 0;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xC0) != 0x80) return 0;
    return length;
}

bool rg_nn_is_utf8(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0, step; i < length; i += step) {
        step = sequence_length(bytes + i, length - i);
        if (step == 0) return false;
    }
    return true;
}

const char *rg_nn_show(char shown[RG_NN_SHOWN], const char *text)
{
    static const char dots[] = "...";
    size_t length = strlen(text), used = 0;
    if (length >= RG_NN_SHOWN) {
        used = sizeof dots - 1;
        memcpy(shown, dots, used);
        text += length - (RG_NN_SHOWN - 1 - used);
        while ((*text & 0xC0) == 0x80) text++;
    }
    for (; *text; text++) shown[used++] = (unsigned char)*text < 0x20 || *text == 0x7F ? '?' : *text;
    shown[used] = '\0';
    return shown;
}

rg_status rg_nn_report(rg_error *error, rg_status status, const char *path, const char *format, ...)
{
    if (!error) return status;
    char shown[RG_NN_SHOWN];
    size_t used = 0;
    error->status = status;
    if (path) {
        rg_nn_show(shown, path);
        used = strlen(shown);
        memcpy(error->message, shown, used);
        memcpy(error->message + used, ": ", 2);
        used += 2;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message + used, sizeof error->message - used, format, arguments);
    va_end(arguments);
    return status;
}
