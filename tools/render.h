/* render.h: the graph of a tensor as a picture, by Graphviz where it is installed. */
#ifndef RETROGRAD_TOOLS_RENDER_H
#define RETROGRAD_TOOLS_RENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "autograd.h"

typedef enum {
    TOOL_DRAWN,        /* the file is there */
    TOOL_DRAWN_AS_DOT, /* there is no Graphviz: the DOT text was written beside it; the message says so */
    TOOL_NOT_DRAWN     /* nothing was written; the message says why */
} tool_drawing;

#define TOOL_GRAPH_KINDS ".dot, .svg, .png or .pdf"
/* Whether the path ends in one of these. */
bool tool_graph_kind_known(const char *path);

/* Writes what t depends on (see rg_dot) to a file of the kind that its name says. Graphviz gets a minute. */
tool_drawing tool_draw_graph(const char *path, rg_tensor t, const rg_dot_options *options, char *message,
                             size_t size);

/* Whether `dot` can be run; its version as text. */
bool tool_find_graphviz(char *version, size_t size);

#endif
