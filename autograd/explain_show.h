/* explain_show.h: what those who show an explanation share. Internal. */
#ifndef RETROGRAD_EXPLAIN_SHOW_H
#define RETROGRAD_EXPLAIN_SHOW_H

#include "graph_text.h"

/* With six digits, and a point in every locale. (explain_text.c) */
void rg_show_number(FILE *out, double value);

/* explain_page.html, which the build makes a text of. */
extern const char rg_explain_page[];

#endif
