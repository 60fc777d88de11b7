/* characters.h: UTF-8, for all that show texts of the user's, which may hold any bytes. Internal. */
#ifndef RETROGRAD_CHARACTERS_H
#define RETROGRAD_CHARACTERS_H

#include <stddef.h>

/* The length of the character at s if it is one that XML allows and shows; else 0, for white space other than a blank, too. */
size_t rg_character_length(const unsigned char *s);

/* Of text that holds numbers as printf writes them, and no other comma or character beyond ASCII: the decimal point, whatever it
 * is in the locale, is one. */
void rg_set_point(char *text);

#endif
