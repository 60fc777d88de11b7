/* characters.h: UTF-8, for all that show texts of the user's, which may hold any bytes. Internal. */
#ifndef RETROGRAD_CHARACTERS_H
#define RETROGRAD_CHARACTERS_H

#include <stddef.h>

/* The length of the character at s if it is one that XML allows and shows; else 0, for white space other than a blank, too. */
size_t rg_character_length(const unsigned char *s);

#endif
