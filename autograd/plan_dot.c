/* plan_dot.c: a plan as a picture: one table, whose rows are the steps. On the left is what each step does; on the right a
 * map of the workspace, in which a value is a rectangle: the columns of its addresses by the rows of its life. Memory that
 * is used again is seen as one rectangle under another. */
#include <stdlib.h>
#include <string.h>

#include "dot_drawing.h"
#include "sketch.h"

enum { MOST_ROWS = 60, MOST_COLUMNS = 64, LEFT_COLUMNS = 5 };

/* Tints on which dark text can be read. */
static const char tints[][8] = { "#cfe6f5", "#fbe3b4", "#cdeee1", "#f3d6e6", "#e4e0f4", "#f7e9d0", "#d9ead3", "#fbd9cc" };
enum { TINTS = sizeof tints / sizeof tints[0] };

typedef struct {
    const rg_view *view;
    FILE *out;
    size_t first, last;       /* the steps before `first` and from `last` on are drawn */
    size_t *edges;            /* addresses at which a column begins or ends, in order */
    size_t edge_count;        /* 0: no map */
    uint32_t *at;             /* [columns] the buffer there; RG_NOT_SHOWN */
    uint32_t *first_of, *next_of; /* [steps], [buffers] of the map: those that begin in a step, as a list */
} plan_drawing;

static size_t columns_of(const plan_drawing *d)
{
    return d->edge_count > 0 ? d->edge_count - 1 : 0;
}

static bool is_drawn(const plan_drawing *d, size_t step)
{
    return step < d->first || step >= d->last;
}

/* ---- The columns of the map -------------------------------------------------------------------------------------- */

static int compare_sizes(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Whether the buffer fills a rectangle of the map: it lives in a row that is drawn. */
static bool is_mapped(const plan_drawing *d, const rg_sketch_buffer *buffer)
{
    if (buffer->until < buffer->first) return false;
    return is_drawn(d, (size_t)buffer->first) || is_drawn(d, (size_t)buffer->until) ||
           (d->first < d->last && (size_t)buffer->first < d->first && (size_t)buffer->until >= d->last);
}

static bool find_columns(plan_drawing *d)
{
    rg_arena *scratch = &d->view->excerpt.tape->scratch;
    size_t count = 0, unique = 0;
    d->edges = rg_arena_take(scratch, (2 * d->view->sketch.workspace_buffers + 1) * sizeof *d->edges);
    d->at = rg_arena_take(scratch, (2 * d->view->sketch.workspace_buffers + 1) * sizeof *d->at);
    if (!d->edges || !d->at) return false;
    for (size_t i = 0; i < d->view->sketch.workspace_buffers; i++) {
        const rg_sketch_buffer *buffer = &d->view->sketch.buffers[i];
        if (!is_mapped(d, buffer)) continue;
        d->edges[count++] = buffer->offset;
        d->edges[count++] = buffer->offset + buffer->room;
    }
    if (count > 0) qsort(d->edges, count, sizeof *d->edges, compare_sizes);
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || d->edges[i] != d->edges[unique - 1]) d->edges[unique++] = d->edges[i];
    d->edge_count = unique > MOST_COLUMNS + 1 ? 0 : unique;
    return true;
}

static bool list_beginnings(plan_drawing *d)
{
    rg_arena *scratch = &d->view->excerpt.tape->scratch;
    const size_t buffers = d->view->sketch.workspace_buffers;
    d->first_of = rg_take_filled(scratch, d->view->sketch.step_count);
    d->next_of = rg_take_filled(scratch, buffers);
    if (!d->first_of || !d->next_of) return false;
    for (size_t i = buffers; i-- > 0;) {
        const rg_sketch_buffer *buffer = &d->view->sketch.buffers[i];
        if (!is_mapped(d, buffer)) continue;
        d->next_of[i] = d->first_of[buffer->first];
        d->first_of[buffer->first] = (uint32_t)i;
    }
    return true;
}

static size_t column_of(const plan_drawing *d, size_t address)
{
    size_t column = 0;
    while (d->edges[column] < address) column++;
    return column;
}

/* ---- Cells of the map -------------------------------------------------------------------------------------------- */

static void put_buffer(const plan_drawing *d, size_t number, size_t columns, size_t rows)
{
    const rg_sketch_buffer *buffer = &d->view->sketch.buffers[number];
    const rg_node *node = buffer->entry == RG_NOT_SHOWN ? NULL : rg_excerpt_node(&d->view->excerpt, buffer->entry);
    const char *name = node && rg_is_named(node) ? node->name : buffer->op ? buffer->op->name : "scratch";
    char bytes[RG_NUMBER_SIZE];
    rg_format_bytes(bytes, sizeof bytes, (double)buffer->bytes);
    rg_put(d->out, "<td colspan='$z' rowspan='$z' bgcolor='$r'><font point-size='8'><b>b$z</b> $l", columns, rows,
           tints[number % TINTS], number, name);
    if (node) rg_put(d->out, " %$u", buffer->entry);
    rg_put(d->out, "<br/>$r</font></td>", bytes);
}

static void place(plan_drawing *d, size_t number, bool *fresh)
{
    const rg_sketch_buffer *buffer = &d->view->sketch.buffers[number];
    for (size_t c = column_of(d, buffer->offset); d->edges[c] < buffer->offset + buffer->room; c++) {
        d->at[c] = (uint32_t)number;
        fresh[c] = true;
    }
}

/* Where rows begin, above or behind those that are not drawn, all that lives begins. */
static void place_all(plan_drawing *d, int64_t step, bool *fresh)
{
    for (size_t i = 0; i < d->view->sketch.workspace_buffers; i++) {
        const rg_sketch_buffer *buffer = &d->view->sketch.buffers[i];
        if (is_mapped(d, buffer) && buffer->first <= step && buffer->until >= step) place(d, i, fresh);
    }
}

/* Of the row of a step: what begins here, and what is empty; the rest is covered by rectangles from above. `end` is the
 * first step that is not drawn below this one without a gap. */
static void put_map(plan_drawing *d, size_t step, bool begins, size_t end)
{
    const size_t columns = columns_of(d);
    const rg_sketch_buffer *buffers = d->view->sketch.buffers;
    bool fresh[MOST_COLUMNS] = { false };
    if (columns == 0) return;
    for (size_t c = 0; c < columns; c++)
        if (begins || (d->at[c] != RG_NOT_SHOWN && buffers[d->at[c]].until < (int64_t)step)) d->at[c] = RG_NOT_SHOWN;
    if (begins) place_all(d, (int64_t)step, fresh);
    for (uint32_t i = d->first_of[step]; i != RG_NOT_SHOWN && !begins; i = d->next_of[i]) place(d, i, fresh);
    for (size_t c = 0, width; c < columns; c += width) {
        for (width = 1; c + width < columns && d->at[c + width] == d->at[c] && fresh[c + width] == fresh[c];) width++;
        if (d->at[c] == RG_NOT_SHOWN) {
            rg_put(d->out, "<td colspan='$z' bgcolor='#fafafa'></td>", width);
        } else if (fresh[c]) {
            const size_t until = (size_t)d->view->sketch.buffers[d->at[c]].until + 1;
            put_buffer(d, d->at[c], width, (until < end ? until : end) - step);
        }
    }
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void put_parts(const plan_drawing *d, const rg_sketch_step *step)
{
    rg_put(d->out, "<td align='left' bgcolor='$r'>", step->part_count > 1 ? "#e6e9f2" : "#ffffff");
    for (size_t i = 0; i < step->part_count; i++) {
        const rg_sketch_part *part = &d->view->sketch.parts[step->first_part + i];
        rg_put(d->out, i == 0 ? "" : i % 4 == 0 ? " +<br align='left'/>" : " + ");
        rg_put(d->out, part->entry == RG_NOT_SHOWN ? "<b>$l</b>" : "<b>$l</b> %$u", part->op->name, part->entry);
    }
    rg_put(d->out, "<br align='left'/></td>");
}

static void put_step(plan_drawing *d, size_t number, bool begins, size_t end)
{
    const rg_sketch_step *step = &d->view->sketch.steps[number];
    rg_line reads = { .used = 0 }, writes = { .used = 0 };
    rg_line_reads(&reads, &d->view->sketch, step);
    rg_line_writes(&writes, &d->view->sketch, step);
    rg_put(d->out, "<tr><td align='right' bgcolor='$r'>$z</td>",
           d->view->sketch.plan.accounts[number].backward ? rg_looks[RG_ROLE_ADJOINT].fill : "#ffffff", number);
    put_parts(d, step);
    const char *site = rg_excerpt_site(&d->view->excerpt, step->entry);
    rg_put(d->out, "<td align='left'>$l</td><td align='left'>$l</td>", reads.text, writes.text);
    rg_put(d->out, *site ? "<td align='left'><i>$l</i></td>" : "<td></td>", site); /* nothing in italics is an error to dot */
    put_map(d, number, begins, end);
    rg_put(d->out, "</tr>\n");
}

static void put_gap(const plan_drawing *d)
{
    char count[RG_NUMBER_SIZE];
    rg_format_count(count, sizeof count, d->last - d->first);
    rg_put(d->out, "<tr><td colspan='$z'><i>… $r steps not shown</i></td></tr>\n", LEFT_COLUMNS + columns_of(d), count);
}

static void put_head(const plan_drawing *d)
{
    rg_line line = { .used = 0 };
    char bytes[RG_NUMBER_SIZE];
    const bool too_wide = d->edge_count == 0 && d->view->sketch.workspace_buffers > 0;
    rg_line_plan(&line, &d->view->sketch);
    rg_put(d->out, "digraph plan {\n"
                   "    graph [bgcolor=white, labelloc=t, pad=0.2, fontname='$r', fontsize=10, fontcolor='" RG_DOT_QUIET "'];\n"
                   "    node [shape=plain, fontname='$r', fontsize=10, fontcolor='#1b2026'];\n", rg_dot_font, rg_dot_font);
    rg_put_dot_title(d->out, &d->view->options);
    rg_put(d->out, "$r<br/><font color='$r'>■</font> fused &#160;"
                   "<font color='" RG_DOT_ADJOINT "'>■</font> backward$r>;\n", line.text, rg_looks[RG_LOOK_SCOPE].line,
           too_wide ? " &#160;the map of the workspace would be too wide" : "");
    rg_put(d->out, "    plan [tooltip='plan', label=<"
                   "<table border='0' cellborder='1' cellspacing='0' cellpadding='4' color='#dfe3e6'>\n"
                   "<tr><td></td><td><b>does</b></td><td><b>reads</b></td><td><b>writes</b></td><td><b>line</b></td>");
    rg_format_bytes(bytes, sizeof bytes, (double)d->view->sketch.plan.workspace_bytes);
    if (columns_of(d) > 0)
        rg_put(d->out, "<td colspan='$z'><b>workspace, $r</b>: addresses grow to the right</td>", columns_of(d), bytes);
    rg_put(d->out, "</tr>\n");
}

static void put_plan(plan_drawing *d)
{
    put_head(d);
    for (size_t i = 0; i < d->first; i++) put_step(d, i, i == 0, d->first);
    if (d->last > d->first) put_gap(d);
    for (size_t i = d->last; i < d->view->sketch.step_count; i++)
        put_step(d, i, i == d->last && (i == 0 || d->last > d->first), d->view->sketch.step_count);
    rg_put(d->out, "</table>>];\n}\n");
}

/* More steps than there are rows for: the first and the last. */
static bool prepare(plan_drawing *d)
{
    const size_t asked = d->view->options.most_nodes, most = asked ? asked : MOST_ROWS, steps = d->view->sketch.step_count;
    const bool all = steps <= most + 1; /* one for the row that counts the rest */
    d->first = all ? steps : (most + 1) / 2;
    d->last = all ? steps : steps - most / 2;
    return find_columns(d) && list_beginnings(d);
}

static rg_status draw_plan(rg_view *view)
{
    plan_drawing d = { .view = view, .out = view->out };
    if (!prepare(&d)) return RG_E_MEMORY;
    put_plan(&d);
    return RG_OK;
}

rg_status rg_plan_dot(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    return rg_view_write(out, t, options, true, draw_plan);
}
