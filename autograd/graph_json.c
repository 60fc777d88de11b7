/* graph_json.c: the graph, and the plan, as JSON: one object, with a line for each of its nodes, steps and buffers. It is
 * written as it goes, for there may be hundreds of thousands. docs/graph-schema.json says what each member is. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "graph_text.h"
#include "sketch.h"

typedef struct {
    FILE *out;
    rg_excerpt excerpt;
    rg_graph_options options;
    rg_sketch sketch;
} writing;

/* ---- Templates ------------------------------------------------------------------------------------------------------ */

/* As few digits as read as the same number, with a point in every locale; what is not finite is null. */
static void put_number(FILE *out, double number)
{
    char text[RG_NUMBER_SIZE] = "null";
    if (isfinite(number)) snprintf(text, sizeof text, "%.15g", number);
    if (isfinite(number) && strtod(text, NULL) != number) snprintf(text, sizeof text, "%.17g", number);
    rg_set_point(text);
    fputs(text, out);
}

/* Writes a template in which ' is a double quote, $s a string (const char *), $u an entry, a buffer, or null (uint32_t),
 * $f a number, or null (double), $b a truth value (int), and $, a comma but before the first of a list (size_t). */
static void put(FILE *out, const char *template, ...)
{
    va_list values;
    va_start(values, template);
    for (const char *s = template; *s; s++) {
        if (*s != '$') {
            fputc(*s == '\'' ? '"' : *s, out);
            continue;
        }
        if (*++s == 's') {
            fputc('"', out);
            rg_put_text(out, va_arg(values, const char *), RG_TEXT_JSON);
            fputc('"', out);
        } else if (*s == 'u') {
            const uint32_t index = va_arg(values, uint32_t);
            put_number(out, index == RG_NOT_SHOWN ? (double)NAN : (double)index);
        } else if (*s == 'f') {
            put_number(out, va_arg(values, double));
        } else if (*s == 'b') {
            fputs(va_arg(values, int) ? "true" : "false", out);
        } else if (va_arg(values, size_t) > 0) {
            fputc(',', out);
        }
    }
    va_end(values);
}

/* The site of an entry, or of none. */
static const char *site_of(const writing *w, uint32_t entry)
{
    return rg_site_short(entry == RG_NOT_SHOWN ? NULL : rg_excerpt_node(&w->excerpt, entry)->site);
}

/* ---- Nodes ---------------------------------------------------------------------------------------------------------- */

/* All elements of a few, a summary of many, or null. */
static void put_numbers(FILE *out, const rg_node *node, const void *data)
{
    const int64_t count = rg_shape_count(*node->shape);
    const rg_dtype dtype = (rg_dtype)node->dtype;
    if (!data) {
        put(out, "null");
    } else if (count > RG_FEW_ELEMENTS) {
        const rg_digest d = rg_digest_of(dtype, data, count);
        put(out, "{'min':$f,'max':$f,'mean':$f,'norm':$f,'not_finite':$f}", d.min, d.max, d.mean, d.norm, (double)d.odd);
    } else {
        put(out, "[");
        for (int64_t i = 0; i < count; i++) put(out, "$,$f", (size_t)i, rg_element(dtype, data, i));
        put(out, "]");
    }
}

static void put_node(const writing *w, uint32_t entry)
{
    const rg_excerpt *e = &w->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    const char *path = e->tape->scopes[node->scope].path;
    char attributes[RG_ATTRIBUTES_SIZE];
    rg_format_attributes(node, attributes, sizeof attributes);
    put(w->out, "$,\n    {'id':$u,'op':$s,'attributes':$s,'name':$s,'scope':$s,'dtype':$s,'shape':[", (size_t)entry, entry,
        node->op->name, attributes, node->name ? node->name : "", path ? path : "", rg_dtype_name((rg_dtype)node->dtype));
    for (int i = 0; i < node->shape->rank; i++) put(w->out, "$,$f", (size_t)i, (double)node->shape->size[i]);
    put(w->out, "],'bytes':$f,'role':$s,'saved':$b,'site':$s,'adjoint':$u,'operands':[", (double)rg_node_bytes(node),
        rg_role_names[e->role[entry]], (int)e->saved[entry], site_of(w, entry), e->adjoint[entry]);
    for (uint32_t k = 0; k < node->operands; k++) put(w->out, "$,$u", (size_t)k, rg_excerpt_operand(e, entry, k));
    put(w->out, "]");
    for (int which = 0; which < 2; which++) {
        if (!(which ? w->options.gradients : w->options.values)) continue;
        put(w->out, which ? ",'gradient':" : ",'values':");
        put_numbers(w->out, node, (which ? rg_excerpt_gradient : rg_excerpt_values)(e, entry));
    }
    put(w->out, "}");
}

static void put_half(const writing *w, bool backward)
{
    size_t written = 0;
    for (uint32_t k = 0; k < w->excerpt.count; k++)
        if ((w->excerpt.two_halves && w->excerpt.backward[k]) == backward) put(w->out, "$,$u", written++, k);
}

/* ---- The plan ------------------------------------------------------------------------------------------------------- */

static void put_step(const writing *w, size_t number)
{
    const rg_sketch *sketch = &w->sketch;
    const rg_sketch_step *step = &sketch->steps[number];
    const rg_account *account = &sketch->plan.accounts[number];
    put(w->out, "$,\n    {'step':$f,'parts':[", number, (double)number);
    for (size_t i = 0; i < step->part_count; i++) {
        const rg_sketch_part *part = &sketch->parts[step->first_part + i];
        put(w->out, "$,{'op':$s,'node':$u,'buffer':$u}", i, part->op->name, part->entry, part->buffer);
    }
    put(w->out, "],'reads':[");
    for (size_t i = 0; i < step->read_count; i++) put(w->out, "$,$u", i, sketch->reads[step->first_read + i]);
    put(w->out, "],'backward':$b,'operations':$f,'bytes_read':$f,'bytes_written':$f,'site':$s}", (int)account->backward,
        account->operations, account->bytes_read, account->bytes_written, site_of(w, step->entry));
}

static void put_buffer(const writing *w, size_t number)
{
    static const char *const places[] = { [RG_IN_SOURCE] = "leaf", [RG_IN_OUTPUT] = "result", [RG_IN_GRADIENT] = "gradient",
                                          [RG_IN_WORKSPACE] = "workspace" };
    const rg_sketch_buffer *buffer = &w->sketch.buffers[number];
    const double none = (double)NAN;
    put(w->out, "$,\n    {'id':$f,'place':$s,'offset':$f,'bytes':$f,'first':$f,'last':$f,'node':$u}", number, (double)number,
        places[buffer->place], buffer->place == RG_IN_WORKSPACE ? (double)buffer->offset : none, (double)buffer->bytes,
        buffer->first < 0 ? none : (double)buffer->first, buffer->last < 0 ? none : (double)buffer->last, buffer->entry);
}

static void put_plan(const writing *w)
{
    const rg_sketch *sketch = &w->sketch;
    put(w->out, ",\n  'plan': {'workspace_bytes':$f,'unshared_bytes':$f,'node_bytes':$f,\n  'steps': [",
        (double)sketch->plan.workspace_bytes, sketch->unshared_bytes, sketch->node_bytes);
    for (size_t i = 0; i < sketch->step_count; i++) put_step(w, i);
    put(w->out, "],\n  'buffers': [");
    for (size_t i = 0; i < sketch->buffer_count; i++) put_buffer(w, i);
    put(w->out, "]}");
}

/* ---- All together --------------------------------------------------------------------------------------------------- */

static void put_graph(const writing *w)
{
    put(w->out, "{\n  'format': 'retrograd-graph', 'version': 1,\n  'title': $s,\n  'root': $u,\n  'nodes': [",
        w->options.title ? w->options.title : "", w->excerpt.root);
    for (uint32_t k = 0; k < w->excerpt.count; k++) put_node(w, k);
    put(w->out, "],\n  'halves': {'forward':[");
    put_half(w, false);
    put(w->out, "],'backward':[");
    put_half(w, true);
    put(w->out, "]}");
    if (w->options.plan) put_plan(w);
    put(w->out, "\n}\n");
}

rg_status rg_graph_json(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    writing w = { .out = out };
    if (options) w.options = *options;
    rg_status status = rg_excerpt_for(&w.excerpt, out, t, &w.options);
    if (status == RG_OK && w.options.plan && !rg_sketch_make(&w.sketch, &w.excerpt)) status = RG_E_MEMORY;
    if (status == RG_OK) put_graph(&w);
    rg_sketch_free(&w.sketch);
    return rg_excerpt_written(&w.excerpt, out, status);
}
