/* explain_show.h: what those who show an explanation share. Internal. */
#ifndef RETROGRAD_EXPLAIN_SHOW_H
#define RETROGRAD_EXPLAIN_SHOW_H

#include "autograd.h"

/* With six digits, and a point in every locale. */
void rg_show_number(char *text, size_t size, double value);

/* explain_page.html, which the build makes a text of. */
extern const char rg_explain_page[];

#endif
