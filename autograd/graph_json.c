/* graph_json.c: the graph, and the plan, as JSON: one object, with a line for each of its nodes, steps and buffers. It is
 * written as it goes, for there may be hundreds of thousands. docs/graph-schema.json says what each member is. */
#include <math.h>

#include "shape.h"
#include "sketch.h"

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

static void put_node(const rg_view *view, uint32_t entry)
{
    const rg_excerpt *e = &view->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    const char *path = e->tape->scopes[node->scope].path;
    char attributes[RG_ATTRIBUTES_SIZE];
    rg_format_attributes(node, attributes, sizeof attributes);
    rg_put(view->out, "$,\n    {'id':$u,'op':'$j','attributes':'$j','name':'$j','scope':'$j','dtype':'$j','shape':[",
           (size_t)entry, entry, node->op->name, attributes, node->name ? node->name : "", path ? path : "",
           rg_dtype_name((rg_dtype)node->dtype));
    for (int i = 0; i < node->shape->rank; i++) rg_put(view->out, "$,$f", (size_t)i, (double)node->shape->size[i]);
    rg_put(view->out, "],'bytes':$z,'role':'$j','saved':$b,'site':'$j','adjoint':$u,'operands':[", rg_node_bytes(node),
        rg_role_names[e->role[entry]], e->saved[entry], rg_excerpt_site(e, entry), e->adjoint[entry]);
    for (uint32_t k = 0; k < node->operands; k++) rg_put(view->out, "$,$u", (size_t)k, rg_excerpt_operand(e, entry, k));
    rg_put(view->out, "]");
    for (int which = 0; which < 2; which++) {
        if (!(which ? view->options.gradients : view->options.values)) continue;
        rg_put(view->out, which ? ",'gradient':" : ",'values':");
        put_numbers(view->out, node, (which ? rg_excerpt_gradient : rg_excerpt_values)(e, entry));
    }
    rg_put(view->out, "}");
}

static void put_half(const rg_view *view, bool backward)
{
    size_t written = 0;
    for (uint32_t k = 0; k < view->excerpt.count; k++)
        if ((view->excerpt.two_halves && view->excerpt.backward[k]) == backward) rg_put(view->out, "$,$u", written++, k);
}

/* ---- The plan ------------------------------------------------------------------------------------------------------- */

static void put_step(const rg_view *view, size_t number)
{
    const rg_sketch *sketch = &view->sketch;
    const rg_sketch_step *step = &sketch->steps[number];
    const rg_account *account = &sketch->plan.accounts[number];
    rg_put(view->out, "$,\n    {'step':$z,'parts':[", number, number);
    for (size_t i = 0; i < step->part_count; i++) {
        const rg_sketch_part *part = &sketch->parts[step->first_part + i];
        rg_put(view->out, "$,{'op':'$j','node':$u,'buffer':$u}", i, part->op->name, part->entry, part->buffer);
    }
    rg_put(view->out, "],'reads':[");
    for (size_t i = 0; i < step->read_count; i++) rg_put(view->out, "$,$u", i, sketch->reads[step->first_read + i]);
    rg_put(view->out, "],'backward':$b,'operations':$f,'bytes_read':$f,'bytes_written':$f,'site':'$j'}",
           account->backward, account->operations, account->bytes_read, account->bytes_written, rg_excerpt_site(&view->excerpt, step->entry));
}

static void put_buffer(const rg_view *view, size_t number)
{
    static const char *const places[] = { [RG_IN_SOURCE] = "leaf", [RG_IN_OUTPUT] = "result", [RG_IN_GRADIENT] = "gradient",
                                          [RG_IN_WORKSPACE] = "workspace" };
    const rg_sketch_buffer *buffer = &view->sketch.buffers[number];
    const double none = (double)NAN;
    rg_put(view->out, "$,\n    {'id':$z,'place':'$j','offset':$f,'bytes':$z,'first':$f,'last':$f,'node':$u}", number, number,
        places[buffer->place], buffer->place == RG_IN_WORKSPACE ? (double)buffer->offset : none, buffer->bytes,
        buffer->first < 0 ? none : (double)buffer->first, buffer->last < 0 ? none : (double)buffer->last, buffer->entry);
}

static void put_plan(const rg_view *view)
{
    const rg_sketch *sketch = &view->sketch;
    rg_put(view->out, ",\n  'plan': {'workspace_bytes':$z,'unshared_bytes':$f,'node_bytes':$f,\n  'steps': [",
        sketch->plan.workspace_bytes, sketch->unshared_bytes, sketch->node_bytes);
    for (size_t i = 0; i < sketch->step_count; i++) put_step(view, i);
    rg_put(view->out, "],\n  'buffers': [");
    for (size_t i = 0; i < sketch->buffer_count; i++) put_buffer(view, i);
    rg_put(view->out, "]}");
}

/* ---- All together --------------------------------------------------------------------------------------------------- */

static rg_status put_graph(rg_view *view)
{
    rg_put(view->out, "{\n  'format': 'retrograd-graph', 'version': 1,\n  'title': '$j',\n  'root': $u,\n  'nodes': [",
        view->options.title ? view->options.title : "", view->excerpt.root);
    for (uint32_t k = 0; k < view->excerpt.count; k++) put_node(view, k);
    rg_put(view->out, "],\n  'halves': {'forward':[");
    put_half(view, false);
    rg_put(view->out, "],'backward':[");
    put_half(view, true);
    rg_put(view->out, "]}");
    if (view->options.plan) put_plan(view);
    rg_put(view->out, "\n}\n");
    return RG_OK;
}

rg_status rg_graph_json(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    return rg_view_write(out, t, options, options && options->plan, put_graph);
}
