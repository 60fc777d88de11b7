/* dot.c: an excerpt of the tape as DOT: edges, frames, legend. What stands in the boxes is in dot_labels.c, and which boxes
 * there are in boxes.c. */
#include "dot_drawing.h"

#include <string.h>

enum { LINKED_BOXES = 120, MOST_BOXES = 400 };

/* ---- Frames: one for each scope, nested ------------------------------------------------------------------------- */

static void indent(FILE *out, int depth)
{
    for (int i = 0; i < depth; i++) fputs("    ", out);
}

static void open_cluster(rg_drawing *d, int depth, const char *name, const char *style)
{
    indent(d->out, depth);
    rg_put(d->out, "subgraph cluster_$u {\n", ++d->clusters);
    indent(d->out, depth + 1);
    rg_put(d->out, "label=<$l>; $r;\n", name, style);
}

static void close_cluster(rg_drawing *d, int depth)
{
    indent(d->out, depth);
    rg_put(d->out, "}\n");
}

static void put_boxes(const rg_drawing *d, const rg_frame *f, int depth)
{
    for (uint32_t box = f->first_box; box != RG_NOT_SHOWN; box = d->boxes.next_box[box]) {
        indent(d->out, depth);
        rg_put_box(d, box);
    }
}

/* One half of the graph, or all of it. Walks the tree of frames without recursion, for scopes may nest as deep as
 * a program likes. */
static void put_half(rg_drawing *d, bool backward, int depth)
{
    const char *style = "style=\"rounded,filled\"; color=\"#c9ced3\"; fillcolor=\"#f6f7f8\"";
    const rg_scope *scopes = d->excerpt->tape->scopes;
    const rg_frame *frames = d->boxes.frames;
    rg_boxes_sort(&d->boxes, backward);
    put_boxes(d, &frames[0], depth);
    for (uint32_t s = 0, down = frames[0].first_child; s != 0 || down != RG_NOT_SHOWN;) {
        if (down != RG_NOT_SHOWN) {
            s = down;
            open_cluster(d, depth++, scopes[s].name, style);
            put_boxes(d, &frames[s], depth);
            down = frames[s].first_child;
        } else {
            close_cluster(d, --depth);
            down = frames[s].next;
            s = scopes[s].parent;
        }
    }
}

static void put_nodes(rg_drawing *d)
{
    const char *style = "style=rounded; color=\"#dfe3e6\"; fontsize=12";
    if (!d->excerpt->two_halves) {
        put_half(d, d->excerpt->backward[d->excerpt->root], 1);
        return;
    }
    for (int half = 0; half < 2; half++) {
        open_cluster(d, 1, half ? "backward: adjoints" : "forward", style);
        put_half(d, half, 2);
        close_cluster(d, 1);
    }
}

/* ---- Edges ------------------------------------------------------------------------------------------------------- */

static bool follow_on_path(const rg_drawing *d, uint32_t a, uint32_t b)
{
    const uint32_t first = d->on_path[a], second = d->on_path[b];
    return first && second && (first + 1 == second || second + 1 == first);
}

/* In the backward half an edge is written from consumer to operand and its arrow drawn at the other end, so that
 * this half is laid out from bottom to top, beside the forward half. Edges stand before the boxes because dot then
 * puts the forward half on the left. */
static void put_edge(const rg_drawing *d, uint32_t from, uint32_t to, bool bold)
{
    const bool *backward = d->excerpt->backward, within = backward[from] && backward[to];
    const bool across = backward[from] != backward[to];
    const bool plain = !within && !across && !bold;
    const char *color = bold ? RG_DOT_PATH : within ? RG_DOT_ADJOINT : "#b4bdc6";
    rg_put(d->out, plain ? "    n$u -> n$u;\n" : "    n$u -> n$u [$rcolor='$r'$r];\n",
           within ? to : from, within ? from : to, within ? "dir=back, " : across ? "constraint=false, " : "", color,
           bold ? ", penwidth=2.6" : "");
}

/* The boxes that this one reads. Between nodes there is a line for each operand, even if two are the same; a box of several
 * has one line to each other box. */
static void put_edges_to(const rg_drawing *d, uint32_t box)
{
    const rg_excerpt *e = d->excerpt;
    const rg_boxes *b = &d->boxes;
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = b->next[k])
        for (uint32_t i = 0; i < rg_excerpt_node(e, k)->operands; i++) {
            const uint32_t from = rg_excerpt_operand(e, k, i);
            if (follow_on_path(d, from, k)) d->bold_to[b->of[from]] = box;
        }
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = b->next[k])
        for (uint32_t i = 0; i < rg_excerpt_node(e, k)->operands; i++) {
            const uint32_t from = b->of[rg_excerpt_operand(e, k, i)];
            const bool nodes = b->kind[box] == RG_BOX_NODE && b->kind[from] == RG_BOX_NODE;
            if (from == box || (!nodes && d->drawn_to[from] == box)) continue;
            d->drawn_to[from] = box;
            put_edge(d, from, box, d->bold_to[from] == box);
        }
}

/* What makes it dynamic programming: each node has one adjoint. The lines also hold the halves side by side; where
 * there would be too many, they are not seen. */
static void put_links_of(const rg_drawing *d, uint32_t box)
{
    const rg_excerpt *e = d->excerpt;
    const rg_boxes *b = &d->boxes;
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = b->next[k]) {
        const uint32_t to = e->adjoint[k] == RG_NOT_SHOWN ? RG_NOT_SHOWN : b->of[e->adjoint[k]];
        if (to == RG_NOT_SHOWN || d->drawn_to[to] == box) continue;
        d->drawn_to[to] = box;
        rg_put(d->out, "    n$u -> n$u [style=$r, arrowhead=none, minlen=0, color='" RG_DOT_ADJOINT "'];\n", box, to,
               b->count > LINKED_BOXES ? "invis" : "dashed");
    }
}

static void put_edges(const rg_drawing *d)
{
    const uint32_t count = d->excerpt->count;
    for (uint32_t box = 0; box < count; box++)
        if (d->boxes.of[box] == box) put_edges_to(d, box);
    memset(d->drawn_to, 0xff, count * sizeof *d->drawn_to);
    for (uint32_t box = 0; box < count; box++)
        if (d->boxes.of[box] == box) put_links_of(d, box);
}

/* ---- All together ------------------------------------------------------------------------------------------------ */

static bool note_readers(rg_drawing *d)
{
    const rg_excerpt *e = d->excerpt;
    rg_arena *scratch = &e->tape->scratch;
    d->read_outside = rg_arena_take_zeroed(scratch, e->count * sizeof *d->read_outside);
    d->bold_to = rg_take_filled(scratch, e->count);
    d->drawn_to = rg_take_filled(scratch, e->count);
    if (!d->read_outside || !d->bold_to || !d->drawn_to) return false;
    for (uint32_t k = 0; k < e->count; k++)
        for (uint32_t i = 0; i < rg_excerpt_node(e, k)->operands; i++) {
            const uint32_t from = rg_excerpt_operand(e, k, i);
            if (d->boxes.of[from] != d->boxes.of[k] && e->backward[from] == e->backward[k]) d->read_outside[from] = true;
        }
    return true;
}

static rg_status mark_path(rg_drawing *d)
{
    const rg_excerpt *e = d->excerpt;
    const rg_graph_options *o = d->options;
    d->on_path = rg_arena_take_zeroed(&e->tape->scratch, e->count * sizeof *d->on_path);
    if (!d->on_path) return RG_E_MEMORY;
    for (size_t i = 0; i < o->path_count; i++) {
        rg_status reason = RG_E_NULL;
        const rg_node *node = o->path ? rg_node_of(o->path[i], &reason) : NULL;
        if (node && o->path[i].tape != e->tape) reason = RG_E_TAPE;
        if (!node || o->path[i].tape != e->tape) {
            rg_fail(e->tape, NULL, reason, "graph: tensor %zu of the path is %s", i + 1,
                    reason == RG_E_NULL ? "the null tensor" : "on another tape, or from before rg_tape_reset");
            return reason;
        }
        const uint32_t entry = o->path[i].node < e->before.nodes ? e->entries[o->path[i].node] : RG_NOT_SHOWN;
        if (entry != RG_NOT_SHOWN) d->on_path[entry] = (uint32_t)i + 1;
    }
    return RG_OK;
}

static rg_status prepare(rg_drawing *d)
{
    const size_t most = d->options->most_nodes ? d->options->most_nodes : MOST_BOXES;
    rg_status status = mark_path(d);
    if (status) return status;
    return rg_boxes_make(&d->boxes, d->excerpt, d->options->collapse_depth, most) && note_readers(d) ? RG_OK : RG_E_MEMORY;
}

/* What is in the picture, by which the legend is chosen. */
typedef struct {
    bool look[RG_LOOKS], saved, strip, path;
} used_looks;

static used_looks find_looks(const rg_drawing *d)
{
    used_looks used = { .path = false };
    for (uint32_t k = 0; k < d->excerpt->count; k++) {
        used.path = used.path || d->on_path[k];
        const rg_role role = d->excerpt->role[k];
        if (role >= RG_ROLE_GRADIENT && d->boxes.kind[d->boxes.of[k]] == RG_BOX_SCOPE) used.look[role] = true; /* its border */
        if (d->boxes.of[k] != k) continue;
        used.look[rg_look_of(d, k)] = true;
        used.strip = used.strip || rg_has_strip(d, k);
        used.saved = used.saved || (d->boxes.kind[k] == RG_BOX_NODE && d->excerpt->saved[k]);
    }
    used.look[RG_LOOK_FOLD] = false; /* says so itself */
    return used;
}

static void put_legend(const rg_drawing *d)
{
    const used_looks used = find_looks(d);
    for (int i = 0; i < RG_LOOKS; i++)
        if (used.look[i])
            rg_put(d->out, "<font color='$r'>$r</font> $r &#160;", rg_looks[i].line, i == RG_ROLE_RECOMPUTED ? "┄" : "■",
                   rg_look_name(i));
    if (used.saved) rg_put(d->out, "▣ saved for backward &#160;");
    const char *path = d->options->path_name ? d->options->path_name : "path";
    if (used.path) rg_put(d->out, "<font color='" RG_DOT_PATH "'>━</font> $l &#160;", path);
    if (!used.strip) return;
    rg_put(d->out, "<br/>strip: root mean square, 1e-4 or less ");
    for (int i = 0; i < RG_HEATS; i++) rg_put(d->out, "<font color='$r'>■</font>", rg_heat[i]);
    rg_put(d->out, " 1e+2 or more");
}

static void put_title(const rg_drawing *d)
{
    rg_put_dot_title(d->out, d->options);
    put_legend(d);
    rg_put(d->out, ">;\n");
}

static void put_graph(rg_drawing *d)
{
    rg_put(d->out, "digraph retrograd {\n"
                   "    graph [rankdir=TB, newrank=true, bgcolor=white, labelloc=t, nodesep=0.3, ranksep=0.35, pad=0.2,\n"
                   "           fontname='$r', fontsize=10, fontcolor='" RG_DOT_QUIET "'];\n"
                   "    node [shape=box, style='rounded,filled', fontname='$r', fontsize=11, fontcolor='#1b2026',\n"
                   "          margin='0.12,0.06', height=0.3];\n"
                   "    edge [color='#5c6670', arrowsize=0.6, penwidth=0.9];\n", rg_dot_font, rg_dot_font);
    put_title(d);
    put_edges(d);
    put_nodes(d);
    rg_put(d->out, "}\n");
}

static rg_status draw_graph(rg_view *view)
{
    rg_drawing d = { .out = view->out, .excerpt = &view->excerpt, .options = &view->options };
    rg_status status = prepare(&d);
    if (status == RG_OK) put_graph(&d);
    return status;
}

rg_status rg_dot(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    return rg_view_write(out, t, options, false, draw_graph);
}
