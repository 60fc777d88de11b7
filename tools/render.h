/* render.h: what can be shown, in a file of any kind: as text, or as a picture by Graphviz where it is installed. */
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

/* Writes what is shown to a stream. */
typedef rg_status tool_writer(FILE *out, const void *shown);

/* A kind of file: what is written, and whether dot then makes a picture of it. */
typedef struct {
    const char *ending;       /* ".svg"; NULL ends a list */
    tool_writer *write;
    bool picture;
} tool_kind;

/* The kind whose ending the path has, or NULL. */
const tool_kind *tool_kind_of(const tool_kind *kinds, const char *path);

/* Writes what is shown to a file of the kind that its name says. Graphviz gets a minute. A tape that has failed, if one is
 * given, says why it could not be written. */
tool_drawing tool_draw(const char *path, const tool_kind *kinds, const void *shown, const rg_tape *tape, char *message,
                       size_t size);

/* Whether `dot` can be run; its version as text. */
bool tool_find_graphviz(char *version, size_t size);

#endif
