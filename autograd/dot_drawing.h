/* dot_drawing.h: the state of a drawing, and the labels of its boxes. Internal. */
#ifndef RETROGRAD_DOT_DRAWING_H
#define RETROGRAD_DOT_DRAWING_H

#include "boxes.h"
#include "sketch.h"

#define RG_DOT_QUIET "#4d5761" /* what stands second in a box */
#define RG_DOT_ADJOINT "#b8709a"
#define RG_DOT_PATH "#d55e00"

typedef struct {
    FILE *out;
    const rg_excerpt *excerpt;
    const rg_graph_options *options;
    rg_boxes boxes;
    uint32_t *on_path;        /* [entries] its place on the path, from 1; 0: none */
    bool *read_outside;       /* [entries] in another box of the same half */
    uint32_t *bold_to, *drawn_to; /* [entries] of a box, while edges are drawn: the last one that a bold edge, or any,
                                 leads to from there */
    uint32_t clusters;        /* written so far */
} rg_drawing;

/* How the boxes of each role look: tints of Okabe and Ito's palette, which colour-blind people can tell apart, under dark
 * text. Behind the roles come a scope and a fold. */
enum { RG_LOOK_SCOPE = RG_ROLES, RG_LOOK_FOLD, RG_LOOKS };
typedef struct {
    char fill[8], line[8];
} rg_look;
extern const rg_look rg_looks[RG_LOOKS];
const char *rg_look_name(int look);
int rg_look_of(const rg_drawing *d, uint32_t box);

/* The strip under a large tensor's numbers is coloured by the decade of their root mean square. */
enum { RG_HEATS = 7 };
extern const char rg_heat[RG_HEATS][8];

/* Whether the box would have a strip. */
bool rg_has_strip(const rg_drawing *d, uint32_t box);
extern const char rg_dot_font[];
/* Begins the label of a graph. */
void rg_put_dot_title(FILE *out, const rg_graph_options *options);
/* "n7 [fillcolor=..., label=<...>];" */
void rg_put_box(const rg_drawing *d, uint32_t box);

#endif
