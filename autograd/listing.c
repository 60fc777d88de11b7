/* listing.c: the graph, and the plan, as a program to read: a line for each node, step and buffer, in columns. Lines are
 * written twice: to see how wide the columns are, and to the stream. */
#include <string.h>

#include "sketch.h"

enum { CALL, SHAPE, BYTES, SITE, COLUMNS };
enum { WIDEST = 64, MOST_OPERANDS = 6, FEW_OWNERS = 3 };

typedef struct {
    rg_line column[COLUMNS], comment;
} text_line;

typedef struct {
    const rg_view *view;
    FILE *out;                /* NULL: only the widths are of interest */
    size_t width[COLUMNS];
} listing;

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

/* Bytes stand to the right. What is very long stands out of its column, which it does not widen. */
static void put_line(listing *l, const text_line *line)
{
    size_t blanks = 2;
    for (int i = 0; i < COLUMNS; i++) {
        const char *text = line->column[i].text;
        const size_t characters = rg_put_text(NULL, text, RG_TEXT_PLAIN);
        if (!l->out && characters > l->width[i] && characters <= WIDEST) l->width[i] = characters;
        if (!l->out || l->width[i] == 0) continue;
        const size_t fill = l->width[i] > characters ? l->width[i] - characters : 0;
        const bool right = i == BYTES && *text >= '0' && *text <= '9';
        if (characters) fprintf(l->out, "%*s", (int)(blanks + (right ? fill : 0)), "");
        blanks = characters ? 2 + (right ? 0 : fill) : blanks + fill + 2;
        rg_put_text(l->out, text, RG_TEXT_PLAIN);
    }
    if (!l->out) return;
    if (line->comment.used) fprintf(l->out, "%*s; ", (int)blanks, "");
    rg_put_text(l->out, line->comment.text, RG_TEXT_PLAIN);
    fputc('\n', l->out);
}

/* Begins one more part of a comment. */
static rg_line *comment(text_line *line)
{
    if (line->comment.used) rg_line_print(&line->comment, " · ");
    return &line->comment;
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

static void add_call(rg_line *call, const rg_excerpt *e, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(e, entry);
    char attributes[RG_ATTRIBUTES_SIZE];
    rg_line_print(call, "%%%u = %s", entry, node->op->name);
    if (node->op == &rg_op_parameter && rg_is_named(node)) rg_line_print(call, " %s", node->name);
    for (uint32_t k = 0; k < node->operands && k < MOST_OPERANDS; k++) {
        rg_line_print(call, k ? ", " : " ");
        rg_line_entry(call, e, rg_excerpt_operand(e, entry, k));
    }
    if (node->operands > MOST_OPERANDS) rg_line_print(call, ", and %u more", node->operands - MOST_OPERANDS);
    rg_format_attributes(node, attributes, sizeof attributes);
    if (*attributes) rg_line_print(call, node->operands ? " (%s)" : " %s", attributes);
}

static void add_owners(text_line *line, const rg_excerpt *e, uint32_t entry)
{
    int owners = 0;
    for (uint32_t v = e->owner[entry]; v != RG_NOT_SHOWN; v = e->next_owner[v]) {
        const rg_node *node = rg_excerpt_node(e, v);
        if (owners++ >= FEW_OWNERS) continue;
        rg_line_print(owners == 1 ? comment(line) : &line->comment, owners == 1 ? "adjoint of %%%u" : ", %%%u", v);
        if (rg_is_named(node)) rg_line_print(&line->comment, " %s", node->name);
    }
    if (owners > FEW_OWNERS) rg_line_print(&line->comment, " and %d more", owners - FEW_OWNERS);
    if (e->role[entry] == RG_ROLE_GRADIENT) rg_line_print(&line->comment, ": a gradient");
}

static void add_numbers(text_line *line, const char *what, const rg_node *node, const void *data)
{
    char text[RG_DIGEST_SIZE];
    const int64_t count = rg_shape_count(*node->shape);
    const rg_dtype dtype = (rg_dtype)node->dtype;
    if (!data || count < 1) return;
    rg_line_print(comment(line), "%s", what);
    for (int64_t i = 0; count <= RG_FEW_ELEMENTS && i < count; i++) {
        rg_format_element(text, sizeof text, dtype, data, i);
        rg_line_print(&line->comment, " %s", text);
    }
    if (count <= RG_FEW_ELEMENTS) return;
    const rg_digest digest = rg_digest_of(dtype, data, count);
    rg_format_digest(text, sizeof text, &digest, " ");
    rg_line_print(&line->comment, " %s", text);
}

static void put_node(listing *l, uint32_t entry)
{
    const rg_excerpt *e = &l->view->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    const char *path = e->tape->scopes[node->scope].path;
    text_line line = { .comment.used = 0 };
    add_call(&line.column[CALL], e, entry);
    rg_describe_shape((rg_dtype)node->dtype, node->shape, line.column[SHAPE].text, sizeof line.column[SHAPE].text);
    if (node->op->kind != RG_VIEW)
        rg_format_bytes(line.column[BYTES].text, sizeof line.column[BYTES].text, (double)rg_node_bytes(node));
    rg_line_print(&line.column[SITE], "%s", rg_site_short(node->site));
    if (rg_is_named(node) && node->op != &rg_op_parameter) rg_line_print(comment(&line), "%s", node->name);
    if (path && *path) rg_line_print(comment(&line), "in %s", path);
    add_owners(&line, e, entry);
    if (e->saved[entry]) rg_line_print(comment(&line), "saved for backward");
    if (e->role[entry] == RG_ROLE_RECOMPUTED) rg_line_print(comment(&line), "recomputed");
    if (l->view->options.values) add_numbers(&line, "values", node, rg_excerpt_values(e, entry));
    if (l->view->options.gradients) add_numbers(&line, "gradient", node, rg_excerpt_gradient(e, entry));
    put_line(l, &line);
}

/* ---- Steps and buffers ------------------------------------------------------------------------------------------- */

/* How wide the number of the last of so many is, or a little wider. */
static int digits_of(size_t count)
{
    return snprintf(NULL, 0, "%zu", count);
}

static void put_step(listing *l, size_t number)
{
    const rg_sketch *sketch = &l->view->sketch;
    const rg_sketch_step *step = &sketch->steps[number];
    text_line line = { .comment.used = 0 };
    rg_line_print(&line.column[CALL], "%*zu  ", digits_of(sketch->step_count), number);
    rg_line_parts(&line.column[CALL], sketch, step);
    if (step->read_count) rg_line_print(&line.column[SHAPE], "reads ");
    rg_line_reads(&line.column[SHAPE], sketch, step);
    rg_line_print(&line.column[BYTES], "writes ");
    rg_line_writes(&line.column[BYTES], sketch, step);
    rg_line_print(&line.column[SITE], "%s", rg_excerpt_site(&l->view->excerpt, step->entry));
    put_line(l, &line);
}

static void put_buffer(listing *l, size_t number)
{
    const rg_sketch_buffer *buffer = &l->view->sketch.buffers[number];
    text_line line = { .comment.used = 0 };
    rg_line_print(&line.column[CALL], "b%-*zu  %s", digits_of(l->view->sketch.workspace_buffers), number,
           buffer->op ? buffer->op->name : "scratch");
    if (buffer->entry != RG_NOT_SHOWN) rg_line_print(&line.column[CALL], " %%%u", buffer->entry);
    rg_line_print(&line.column[SHAPE], "[%zu, %zu)", buffer->offset, buffer->offset + buffer->room);
    rg_format_bytes(line.column[BYTES].text, sizeof line.column[BYTES].text, (double)buffer->bytes);
    rg_line_print(&line.column[SITE], "steps %lld-%lld", (long long)buffer->first, (long long)buffer->last);
    put_line(l, &line);
}

/* ---- Sections ---------------------------------------------------------------------------------------------------- */

static void put_half(listing *l, bool backward)
{
    for (uint32_t k = 0; k < l->view->excerpt.count; k++)
        if (l->view->excerpt.backward[k] == backward) put_node(l, k);
}

static void put_forward(listing *l)
{
    put_half(l, l->view->excerpt.two_halves ? false : l->view->excerpt.backward[l->view->excerpt.root]);
}

static void put_backward(listing *l)
{
    put_half(l, true);
}

static void put_steps(listing *l)
{
    for (size_t i = 0; i < l->view->sketch.step_count; i++) put_step(l, i);
}

static void put_buffers(listing *l)
{
    for (size_t i = 0; i < l->view->sketch.workspace_buffers; i++) put_buffer(l, i);
}

static void put_section(const rg_view *view, void (*lines)(listing *))
{
    listing l = { .view = view };
    lines(&l);
    l.out = view->out;
    lines(&l);
}

static rg_status put_listing(rg_view *view)
{
    if (view->options.title && *view->options.title) rg_put(view->out, "; $r\n", view->options.title);
    rg_put(view->out, "forward\n");
    put_section(view, put_forward);
    if (view->excerpt.two_halves) rg_put(view->out, "\nbackward\n");
    if (view->excerpt.two_halves) put_section(view, put_backward);
    if (!view->options.plan) return RG_OK;
    rg_line plan = { .used = 0 };
    rg_line_plan(&plan, &view->sketch);
    rg_put(view->out, "\nplan: $r\n", plan.text);
    put_section(view, put_steps);
    if (view->sketch.workspace_buffers) rg_put(view->out, "\nworkspace\n");
    put_section(view, put_buffers);
    return RG_OK;
}

rg_status rg_listing(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    return rg_view_write(out, t, options, options && options->plan, put_listing);
}
