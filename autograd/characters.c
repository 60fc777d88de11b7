/* characters.c: which bytes are a character, and which of them the decimal point. */
#include "characters.h"

#include <stdbool.h>
#include <stdint.h>

size_t rg_character_length(const unsigned char *s)
{
    static const uint32_t least[] = { 0, 0x20, 0x80, 0x800, 0x10000 };
    size_t length = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
    if (length == 0) return 0;
    uint32_t code = length == 1 ? *s : *s & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2) return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = code >> 11 == 0x1b, control = code == 0x7f, nothing = code >> 1 == 0x7fff;
    bool allowed = code >= least[length] && code <= 0x10ffff && !surrogate && !control && !nothing;
    return allowed ? length : 0;
}

void rg_set_point(char *text)
{
    char *to = text;
    for (const char *s = text; *s; s++) {
        const unsigned char c = (unsigned char)*s;
        if (c >> 6 != 2) *to++ = c == ',' || c >= 0x80 ? '.' : *s; /* a comma, or the Arabic one, of two bytes */
    }
    *to = '\0';
}
