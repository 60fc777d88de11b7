/* graph_json.c: the graph, and the plan, as JSON: one object, with a line for each of its nodes, steps and buffers. It is
 * written as it goes, for there may be hundreds of thousands. docs/graph-schema.json says what each member is. */
#include <math.h>

#include "graph_text.h"
#include "sketch.h"

typedef struct {
    FILE *out;
    rg_excerpt excerpt;
    rg_graph_options options;
    rg_sketch sketch;
} writing;

static const char *truth(bool value)
{
    return value ? "true" : "false";
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
        rg_put(out, "null");
    } else if (count > RG_FEW_ELEMENTS) {
        const rg_digest d = rg_digest_of(dtype, data, count);
        rg_put(out, "{'min':$f,'max':$f,'mean':$f,'norm':$f,'not_finite':$f}", d.min, d.max, d.mean, d.norm, (double)d.odd);
    } else {
        rg_put(out, "[");
        for (int64_t i = 0; i < count; i++) rg_put(out, "$,$f", (size_t)i, rg_element(dtype, data, i));
        rg_put(out, "]");
    }
}

static void put_node(const writing *w, uint32_t entry)
{
    const rg_excerpt *e = &w->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    const char *path = e->tape->scopes[node->scope].path;
    char attributes[RG_ATTRIBUTES_SIZE];
    rg_format_attributes(node, attributes, sizeof attributes);
    rg_put(w->out, "$,\n    {'id':$u,'op':'$j','attributes':'$j','name':'$j','scope':'$j','dtype':'$j','shape':[", (size_t)entry, entry,
        node->op->name, attributes, node->name ? node->name : "", path ? path : "", rg_dtype_name((rg_dtype)node->dtype));
    for (int i = 0; i < node->shape->rank; i++) rg_put(w->out, "$,$f", (size_t)i, (double)node->shape->size[i]);
    rg_put(w->out, "],'bytes':$z,'role':'$j','saved':$r,'site':'$j','adjoint':$u,'operands':[", rg_node_bytes(node),
        rg_role_names[e->role[entry]], truth(e->saved[entry]), site_of(w, entry), e->adjoint[entry]);
    for (uint32_t k = 0; k < node->operands; k++) rg_put(w->out, "$,$u", (size_t)k, rg_excerpt_operand(e, entry, k));
    rg_put(w->out, "]");
    for (int which = 0; which < 2; which++) {
        if (!(which ? w->options.gradients : w->options.values)) continue;
        rg_put(w->out, which ? ",'gradient':" : ",'values':");
        put_numbers(w->out, node, (which ? rg_excerpt_gradient : rg_excerpt_values)(e, entry));
    }
    rg_put(w->out, "}");
}

static void put_half(const writing *w, bool backward)
{
    size_t written = 0;
    for (uint32_t k = 0; k < w->excerpt.count; k++)
        if ((w->excerpt.two_halves && w->excerpt.backward[k]) == backward) rg_put(w->out, "$,$u", written++, k);
}

/* ---- The plan ------------------------------------------------------------------------------------------------------- */

static void put_step(const writing *w, size_t number)
{
    const rg_sketch *sketch = &w->sketch;
    const rg_sketch_step *step = &sketch->steps[number];
    const rg_account *account = &sketch->plan.accounts[number];
    rg_put(w->out, "$,\n    {'step':$z,'parts':[", number, number);
    for (size_t i = 0; i < step->part_count; i++) {
        const rg_sketch_part *part = &sketch->parts[step->first_part + i];
        rg_put(w->out, "$,{'op':'$j','node':$u,'buffer':$u}", i, part->op->name, part->entry, part->buffer);
    }
    rg_put(w->out, "],'reads':[");
    for (size_t i = 0; i < step->read_count; i++) rg_put(w->out, "$,$u", i, sketch->reads[step->first_read + i]);
    rg_put(w->out, "],'backward':$r,'operations':$f,'bytes_read':$f,'bytes_written':$f,'site':'$j'}", truth(account->backward),
        account->operations, account->bytes_read, account->bytes_written, site_of(w, step->entry));
}

static void put_buffer(const writing *w, size_t number)
{
    static const char *const places[] = { [RG_IN_SOURCE] = "leaf", [RG_IN_OUTPUT] = "result", [RG_IN_GRADIENT] = "gradient",
                                          [RG_IN_WORKSPACE] = "workspace" };
    const rg_sketch_buffer *buffer = &w->sketch.buffers[number];
    const double none = (double)NAN;
    rg_put(w->out, "$,\n    {'id':$z,'place':'$j','offset':$f,'bytes':$z,'first':$f,'last':$f,'node':$u}", number, number,
        places[buffer->place], buffer->place == RG_IN_WORKSPACE ? (double)buffer->offset : none, buffer->bytes,
        buffer->first < 0 ? none : (double)buffer->first, buffer->last < 0 ? none : (double)buffer->last, buffer->entry);
}

static void put_plan(const writing *w)
{
    const rg_sketch *sketch = &w->sketch;
    rg_put(w->out, ",\n  'plan': {'workspace_bytes':$z,'unshared_bytes':$f,'node_bytes':$f,\n  'steps': [",
        sketch->plan.workspace_bytes, sketch->unshared_bytes, sketch->node_bytes);
    for (size_t i = 0; i < sketch->step_count; i++) put_step(w, i);
    rg_put(w->out, "],\n  'buffers': [");
    for (size_t i = 0; i < sketch->buffer_count; i++) put_buffer(w, i);
    rg_put(w->out, "]}");
}

/* ---- All together --------------------------------------------------------------------------------------------------- */

static void put_graph(const writing *w)
{
    rg_put(w->out, "{\n  'format': 'retrograd-graph', 'version': 1,\n  'title': '$j',\n  'root': $u,\n  'nodes': [",
        w->options.title ? w->options.title : "", w->excerpt.root);
    for (uint32_t k = 0; k < w->excerpt.count; k++) put_node(w, k);
    rg_put(w->out, "],\n  'halves': {'forward':[");
    put_half(w, false);
    rg_put(w->out, "],'backward':[");
    put_half(w, true);
    rg_put(w->out, "]}");
    if (w->options.plan) put_plan(w);
    rg_put(w->out, "\n}\n");
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
