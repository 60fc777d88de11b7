/* boxes.c: from the entries of an excerpt to the boxes of a picture. A picture of more than some hundred boxes shows
 * nobody anything, so scopes become boxes, the deepest first, and what is then too much is counted. */
#include "boxes.h"

#include <string.h>

static uint32_t scope_of(const rg_boxes *b, uint32_t entry)
{
    return rg_excerpt_node(b->excerpt, entry)->scope;
}

/* ---- How deep ---------------------------------------------------------------------------------------------------- */

/* How many nodes, and how many scopes that anything was recorded in, there are of each depth, in both halves. */
static bool count_depths(const rg_boxes *b, size_t *nodes, size_t *scopes)
{
    const rg_excerpt *e = b->excerpt;
    bool *entered = rg_arena_take_zeroed(&e->tape->scratch, 2 * e->tape->scope_count * sizeof *entered);
    if (!entered) return false;
    for (uint32_t k = 0; k < e->count; k++) {
        uint32_t s = scope_of(b, k);
        nodes[b->depth[s]]++;
        for (bool *half = entered + (e->backward[k] ? e->tape->scope_count : 0); !half[s]; s = e->tape->scopes[s].parent) {
            half[s] = true;
            scopes[b->depth[s]]++;
        }
    }
    return true;
}

/* Collapsed at depth d, the nodes of less depth and the scopes of depth d are boxes: the less deep, the fewer. */
static bool choose_depth(rg_boxes *b, int collapse_depth, size_t most)
{
    const rg_excerpt *e = b->excerpt;
    uint32_t deepest = 0;
    for (uint32_t s = 0; s < e->tape->scope_count; s++) {
        b->depth[s] = s == 0 ? 0 : b->depth[e->tape->scopes[s].parent] + 1;
        if (b->depth[s] > deepest) deepest = b->depth[s];
    }
    size_t *nodes = rg_arena_take_zeroed(&e->tape->scratch, ((size_t)deepest + 2) * sizeof *nodes);
    size_t *scopes = rg_arena_take_zeroed(&e->tape->scratch, ((size_t)deepest + 2) * sizeof *scopes);
    if (!nodes || !scopes || !count_depths(b, nodes, scopes)) return false;
    const uint32_t most_deep = collapse_depth > 0 ? (uint32_t)collapse_depth : UINT32_MAX;
    size_t above = e->count;
    uint32_t depth = deepest + 1;
    b->count = above;
    while (depth > 1 && (depth > most_deep || b->count > most)) {
        depth--;
        above -= nodes[depth];
        b->count = above + scopes[depth];
    }
    b->collapse_depth = depth;
    for (uint32_t s = 0; s < e->tape->scope_count; s++)
        b->shown[s] = b->depth[s] > depth ? b->shown[e->tape->scopes[s].parent] : s;
    return true;
}

/* ---- Boxes ------------------------------------------------------------------------------------------------------- */

static bool collapse_scopes(rg_boxes *b)
{
    const rg_excerpt *e = b->excerpt;
    uint32_t *first = rg_take_filled(&e->tape->scratch, 2 * e->tape->scope_count);
    if (!first) return false;
    for (uint32_t k = 0; k < e->count; k++) {
        const uint32_t s = b->shown[scope_of(b, k)];
        const bool collapsed = b->depth[s] == b->collapse_depth;
        uint32_t *box = &first[e->backward[k] ? e->tape->scope_count + s : s];
        if (*box == RG_NOT_SHOWN) *box = k;
        b->of[k] = collapsed ? *box : k;
        b->kind[k] = collapsed ? RG_BOX_SCOPE : RG_BOX_NODE;
    }
    return true;
}

/* Each half keeps as many boxes as there is room for, at its beginning and at its end, and one for those between. */
static void fold_middle(rg_boxes *b, size_t most)
{
    const rg_excerpt *e = b->excerpt;
    size_t boxes[2] = { 0 }, seen[2] = { 0 };
    uint32_t fold[2] = { RG_NOT_SHOWN, RG_NOT_SHOWN };
    const size_t share = e->two_halves ? most / 2 : most;
    for (uint32_t k = 0; k < e->count; k++) boxes[e->backward[k]] += b->of[k] == k;
    for (uint32_t k = 0; k < e->count; k++) {
        const bool half = e->backward[k];
        const size_t ends = share > 3 ? (share - 1) / 2 : 1;
        if (b->of[k] != k) {
            b->of[k] = b->of[b->of[k]]; /* its first entry, which has had its turn */
            continue;
        }
        const size_t number = seen[half]++;
        if (number < ends || number + ends >= boxes[half] || boxes[half] <= 2 * ends + 1) continue;
        if (fold[half] == RG_NOT_SHOWN) fold[half] = k;
        b->of[k] = fold[half];
        b->kind[fold[half]] = RG_BOX_FOLD;
    }
}

static bool list_entries(rg_boxes *b)
{
    const rg_excerpt *e = b->excerpt;
    uint32_t *last = rg_take_filled(&e->tape->scratch, e->count);
    if (!last) return false;
    b->count = 0;
    for (uint32_t k = 0; k < e->count; k++) {
        const uint32_t box = b->of[k];
        if (box == k) b->count++;
        else b->next[last[box]] = k;
        last[box] = k;
    }
    return true;
}

bool rg_boxes_make(rg_boxes *b, const rg_excerpt *e, int collapse_depth, size_t most)
{
    rg_arena *scratch = &e->tape->scratch;
    const size_t scopes = e->tape->scope_count;
    *b = (rg_boxes){ .excerpt = e };
    b->of = rg_take_filled(scratch, e->count);
    b->next = rg_take_filled(scratch, e->count);
    b->next_box = rg_take_filled(scratch, e->count);
    b->depth = rg_take_filled(scratch, scopes);
    b->shown = rg_take_filled(scratch, scopes);
    b->kind = rg_arena_take(scratch, e->count * sizeof *b->kind);
    b->frames = rg_arena_take(scratch, scopes * sizeof *b->frames);
    if (!b->of || !b->next || !b->next_box || !b->depth || !b->shown || !b->kind || !b->frames) return false;
    if (!choose_depth(b, collapse_depth, most) || !collapse_scopes(b)) return false;
    if (b->count > most) fold_middle(b, most);
    return list_entries(b);
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

/* Links the scope to its parent, that to its own, and so on. */
static void enter(rg_boxes *b, uint32_t scope)
{
    for (rg_frame *f = &b->frames[scope]; !f->entered && scope != 0; f = &b->frames[scope]) {
        const uint32_t number = b->excerpt->tape->scopes[scope].parent;
        rg_frame *parent = &b->frames[number];
        f->entered = true;
        if (parent->first_child == RG_NOT_SHOWN) parent->first_child = scope;
        else b->frames[parent->last_child].next = scope;
        parent->last_child = scope;
        scope = number;
    }
}

/* The scope that a box stands in. */
static uint32_t home_of(const rg_boxes *b, uint32_t box)
{
    if (b->kind[box] == RG_BOX_FOLD) return 0;
    return b->kind[box] == RG_BOX_SCOPE ? b->excerpt->tape->scopes[rg_box_scope(b, box)].parent : scope_of(b, box);
}

void rg_boxes_sort(rg_boxes *b, bool backward)
{
    const rg_excerpt *e = b->excerpt;
    for (size_t s = 0; s < e->tape->scope_count; s++)
        b->frames[s] = (rg_frame){ RG_NOT_SHOWN, RG_NOT_SHOWN, RG_NOT_SHOWN, RG_NOT_SHOWN, RG_NOT_SHOWN, false };
    for (uint32_t k = 0; k < e->count; k++) {
        if (e->backward[k] != backward || b->of[k] != k) continue;
        const uint32_t home = home_of(b, k);
        rg_frame *f = &b->frames[home];
        enter(b, home);
        if (f->first_box == RG_NOT_SHOWN) f->first_box = k;
        else b->next_box[f->last_box] = k;
        b->next_box[k] = RG_NOT_SHOWN;
        f->last_box = k;
    }
}
