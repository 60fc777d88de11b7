/* listing.c: the graph, and the plan, as a program to read: a line for each node, step and buffer, in columns. Lines are
 * written twice: to see how wide the columns are, and to the stream. */
#include <string.h>

#include "graph_text.h"
#include "sketch.h"

enum { CALL, SHAPE, BYTES, SITE, COLUMNS };
enum { LINE = 512, WIDEST = 64, MOST_OPERANDS = 6, FEW_OWNERS = 3 };

typedef struct {
    char column[COLUMNS][LINE];
    char comment[LINE];
} text_line;

typedef struct {
    FILE *out;                /* NULL: only the widths are of interest */
    rg_excerpt excerpt;
    rg_graph_options options;
    rg_sketch sketch;
    size_t width[COLUMNS];
} listing;

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

/* Bytes stand to the right. What is very long stands out of its column, which it does not widen. */
static void put_line(listing *l, const text_line *line)
{
    size_t blanks = 2;
    for (int i = 0; i < COLUMNS; i++) {
        const size_t characters = rg_put_text(NULL, line->column[i], RG_TEXT_PLAIN);
        if (!l->out && characters > l->width[i] && characters <= WIDEST) l->width[i] = characters;
        if (!l->out || l->width[i] == 0) continue;
        const size_t fill = l->width[i] > characters ? l->width[i] - characters : 0;
        const bool right = i == BYTES && line->column[i][0] >= '0' && line->column[i][0] <= '9';
        if (characters) fprintf(l->out, "%*s", (int)(blanks + (right ? fill : 0)), "");
        blanks = characters ? 2 + (right ? 0 : fill) : blanks + fill + 2;
        if (l->out) rg_put_text(l->out, line->column[i], RG_TEXT_PLAIN);
    }
    if (!l->out) return;
    if (*line->comment) {
        fprintf(l->out, "%*s; ", (int)blanks, "");
        rg_put_text(l->out, line->comment, RG_TEXT_PLAIN);
    }
    fputc('\n', l->out);
}

static void comment(text_line *line, const char *format, const char *text)
{
    size_t used = strlen(line->comment);
    if (used) rg_append(line->comment, LINE, &used, " · ");
    rg_append(line->comment, LINE, &used, format, text);
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

static void write_call(const listing *l, uint32_t entry, char *text)
{
    const rg_excerpt *e = &l->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    char attributes[RG_ATTRIBUTES_SIZE];
    size_t used = 0;
    rg_append(text, LINE, &used, "%%%u = %s", entry, node->op->name);
    if (node->op == &rg_op_parameter && rg_is_named(node)) rg_append(text, LINE, &used, " %s", node->name);
    for (uint32_t k = 0; k < node->operands && k < MOST_OPERANDS; k++) {
        rg_append(text, LINE, &used, k ? ", " : " ");
        rg_append_entry(text, LINE, &used, e, rg_excerpt_operand(e, entry, k));
    }
    if (node->operands > MOST_OPERANDS) rg_append(text, LINE, &used, ", and %u more", node->operands - MOST_OPERANDS);
    rg_format_attributes(node, attributes, sizeof attributes);
    if (*attributes) rg_append(text, LINE, &used, node->operands ? " (%s)" : " %s", attributes);
}

static void comment_owners(const listing *l, uint32_t entry, text_line *line)
{
    char text[LINE] = "";
    size_t used = 0;
    int owners = 0;
    const rg_excerpt *e = &l->excerpt;
    for (uint32_t v = e->owner[entry]; v != RG_NOT_SHOWN; v = e->next_owner[v]) {
        const rg_node *node = rg_excerpt_node(e, v);
        if (owners++ >= FEW_OWNERS) continue;
        rg_append(text, sizeof text, &used, owners > 1 ? ", %%%u" : "%%%u", v);
        if (rg_is_named(node)) rg_append(text, sizeof text, &used, " %s", node->name);
    }
    if (owners > FEW_OWNERS) rg_append(text, sizeof text, &used, " and %d more", owners - FEW_OWNERS);
    if (owners) comment(line, e->role[entry] == RG_ROLE_GRADIENT ? "adjoint of %s: a gradient" : "adjoint of %s", text);
}

static void comment_numbers(const rg_node *node, const void *data, const char *format, text_line *line)
{
    char text[LINE] = "";
    size_t used = 0;
    const int64_t count = rg_shape_count(*node->shape);
    const rg_dtype dtype = (rg_dtype)node->dtype;
    if (!data || count < 1) return;
    if (count > RG_FEW_ELEMENTS) {
        const rg_digest digest = rg_digest_of(dtype, data, count);
        rg_format_digest(text, sizeof text, &digest, " ");
    }
    for (int64_t i = 0; count <= RG_FEW_ELEMENTS && i < count; i++) {
        char number[RG_NUMBER_SIZE];
        rg_format_element(number, sizeof number, dtype, data, i);
        rg_append(text, sizeof text, &used, i ? " %s" : "%s", number);
    }
    comment(line, format, text);
}

static void put_node(listing *l, uint32_t entry)
{
    const rg_excerpt *e = &l->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    const char *path = e->tape->scopes[node->scope].path;
    text_line line = { .comment = "" };
    write_call(l, entry, line.column[CALL]);
    rg_describe_shape((rg_dtype)node->dtype, node->shape, line.column[SHAPE], LINE);
    if (node->op->kind != RG_VIEW) rg_format_bytes(line.column[BYTES], LINE, (double)rg_node_bytes(node));
    size_t used = 0;
    rg_append(line.column[SITE], LINE, &used, "%s", rg_site_short(node->site));
    if (rg_is_named(node) && node->op != &rg_op_parameter) comment(&line, "%s", node->name);
    if (path && *path) comment(&line, "in %s", path);
    comment_owners(l, entry, &line);
    if (e->saved[entry]) comment(&line, "%s", "saved for backward");
    if (e->role[entry] == RG_ROLE_RECOMPUTED) comment(&line, "%s", "recomputed");
    if (l->options.values) comment_numbers(node, rg_excerpt_values(e, entry), "values %s", &line);
    if (l->options.gradients) comment_numbers(node, rg_excerpt_gradient(e, entry), "gradient %s", &line);
    put_line(l, &line);
}

/* ---- Steps and buffers ------------------------------------------------------------------------------------------- */

static void put_step(listing *l, size_t number)
{
    const rg_sketch *sketch = &l->sketch;
    const rg_sketch_step *step = &sketch->steps[number];
    text_line line = { .comment = "" };
    size_t used[COLUMNS] = { 0 };
    char most[RG_NUMBER_SIZE];
    const int digits = snprintf(most, sizeof most, "%zu", sketch->step_count);
    rg_append(line.column[CALL], LINE, &used[CALL], "%*zu  ", digits, number);
    rg_append_parts(line.column[CALL], LINE, &used[CALL], sketch, step);
    if (step->read_count) rg_append(line.column[SHAPE], LINE, &used[SHAPE], "reads ");
    rg_append_reads(line.column[SHAPE], LINE, &used[SHAPE], sketch, step);
    rg_append(line.column[BYTES], LINE, &used[BYTES], "writes ");
    rg_append_writes(line.column[BYTES], LINE, &used[BYTES], sketch, step);
    if (step->entry != RG_NOT_SHOWN)
        rg_append(line.column[SITE], LINE, &used[SITE], "%s", rg_site_short(rg_excerpt_node(&l->excerpt, step->entry)->site));
    put_line(l, &line);
}

static void put_buffer(listing *l, size_t number)
{
    const rg_sketch_buffer *buffer = &l->sketch.buffers[number];
    text_line line = { .comment = "" };
    char most[RG_NUMBER_SIZE];
    size_t used[COLUMNS] = { 0 };
    const int digits = snprintf(most, sizeof most, "%zu", l->sketch.workspace_buffers);
    rg_append(line.column[CALL], LINE, &used[CALL], "b%-*zu  %s", digits, number, buffer->op ? buffer->op->name : "scratch");
    if (buffer->entry != RG_NOT_SHOWN) rg_append(line.column[CALL], LINE, &used[CALL], " %%%u", buffer->entry);
    rg_append(line.column[SHAPE], LINE, &used[SHAPE], "[%zu, %zu)", buffer->offset, buffer->offset + buffer->room);
    rg_format_bytes(line.column[BYTES], LINE, (double)buffer->bytes);
    rg_append(line.column[SITE], LINE, &used[SITE], "steps %lld-%lld", (long long)buffer->first, (long long)buffer->last);
    put_line(l, &line);
}

/* ---- Sections ---------------------------------------------------------------------------------------------------- */

static void put_half(listing *l, bool backward)
{
    for (uint32_t k = 0; k < l->excerpt.count; k++)
        if (l->excerpt.backward[k] == backward) put_node(l, k);
}

static void put_forward(listing *l)
{
    put_half(l, l->excerpt.two_halves ? false : l->excerpt.backward[l->excerpt.root]);
}

static void put_backward(listing *l)
{
    put_half(l, true);
}

static void put_steps(listing *l)
{
    for (size_t i = 0; i < l->sketch.step_count; i++) put_step(l, i);
}

static void put_buffers(listing *l)
{
    for (size_t i = 0; i < l->sketch.workspace_buffers; i++) put_buffer(l, i);
}

static void put_section(listing *l, void (*lines)(listing *))
{
    FILE *out = l->out;
    memset(l->width, 0, sizeof l->width);
    l->out = NULL;
    lines(l);
    l->out = out;
    lines(l);
}

static void put_listing(listing *l)
{
    const rg_excerpt *e = &l->excerpt;
    if (l->options.title && *l->options.title) {
        fputs("; ", l->out);
        rg_put_text(l->out, l->options.title, RG_TEXT_PLAIN);
        fputc('\n', l->out);
    }
    fputs("forward\n", l->out);
    put_section(l, put_forward);
    if (e->two_halves) fputs("\nbackward\n", l->out);
    if (e->two_halves) put_section(l, put_backward);
    if (!l->options.plan) return;
    char text[LINE];
    rg_describe_plan(text, sizeof text, &l->sketch);
    fprintf(l->out, "\nplan: %s\n", text);
    put_section(l, put_steps);
    if (l->sketch.workspace_buffers) fputs("\nworkspace\n", l->out);
    put_section(l, put_buffers);
}

rg_status rg_listing(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    listing l = { .out = out };
    if (options) l.options = *options;
    rg_status status = rg_excerpt_for(&l.excerpt, out, t, &l.options);
    if (status == RG_OK && l.options.plan && !rg_sketch_make(&l.sketch, &l.excerpt)) status = RG_E_MEMORY;
    if (status == RG_OK) put_listing(&l);
    rg_sketch_free(&l.sketch);
    return rg_excerpt_written(&l.excerpt, out, status);
}
