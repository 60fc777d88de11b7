/* boxes.h: which nodes are drawn as one box, and in which frame each box stands. Internal. */
#ifndef RETROGRAD_BOXES_H
#define RETROGRAD_BOXES_H

#include "excerpt.h"

typedef enum {
    RG_BOX_NODE,              /* a node by itself */
    RG_BOX_SCOPE,             /* all that was recorded in a scope and in those within it */
    RG_BOX_FOLD               /* a run of boxes for which there is no room */
} rg_box_kind;

/* A scope of the tape: the boxes in it, and the scopes in it, in order of appearance. */
typedef struct {
    uint32_t first_box, last_box, first_child, last_child, next; /* RG_NOT_SHOWN: none */
    bool entered;
} rg_frame;

/* A box has the number of its first entry. No box has entries of both halves. */
typedef struct {
    const rg_excerpt *excerpt;
    size_t count;             /* of boxes */
    uint32_t *of;             /* [entries] the box that the entry is in */
    uint32_t *next;           /* [entries] the next one in the same box; RG_NOT_SHOWN */
    rg_box_kind *kind;        /* [entries] of a box */
    uint32_t *depth;          /* [scopes] 0 is the outermost */
    uint32_t *shown;          /* [scopes] itself, or the scope around it that is drawn as a box */
    uint32_t collapse_depth;  /* scopes of this depth are boxes */
    rg_frame *frames;         /* [scopes] of the half that was sorted last */
    uint32_t *next_box;       /* [entries] the next box in the same frame */
} rg_boxes;

/* Scopes of that depth (0: none) are boxes, and so are those of less, down to the outermost, as long as there are more
 * than `most` boxes; if there still are, the middle of each half is folded. False when out of memory. */
bool rg_boxes_make(rg_boxes *boxes, const rg_excerpt *excerpt, int collapse_depth, size_t most);
/* Sets the frames for one half. */
void rg_boxes_sort(rg_boxes *boxes, bool backward);

/* The scope that a box of a scope stands for. */
static inline uint32_t rg_box_scope(const rg_boxes *boxes, uint32_t box)
{
    return boxes->shown[rg_excerpt_node(boxes->excerpt, box)->scope];
}

#endif
