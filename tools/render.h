/* render.h: the graph of a tensor, or its plan, in a file of any kind: as text, or as a picture by Graphviz where it is
 * installed. */
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

#define TOOL_GRAPH_KINDS ".dot, .svg, .png, .pdf, .txt or .json"
/* Whether the path ends in one of these. */
bool tool_graph_kind_known(const char *path);

/* Writes what t depends on (see graph.h) to a file of the kind that its name says: .txt is a listing, the others but .json
 * are drawn. With `options->plan` what is drawn is the plan, and texts have it as a part. Graphviz gets a minute. */
tool_drawing tool_draw_graph(const char *path, rg_tensor t, const rg_graph_options *options, char *message, size_t size);
/* The same to a stream, as DOT. */
rg_status tool_write_dot(FILE *out, rg_tensor t, const rg_graph_options *options);

/* Whether `dot` can be run; its version as text. */
bool tool_find_graphviz(char *version, size_t size);

#endif
