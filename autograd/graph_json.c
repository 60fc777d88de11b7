/* graph_json.c: the graph, and the plan, as JSON: one object, with a line for each of its nodes, steps and buffers.
 * docs/graph-schema.json says what each member is. */
#include <math.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "graph_text.h"
#include "sketch.h"

typedef struct {
    FILE *out;
    rg_excerpt excerpt;
    rg_graph_options options;
    rg_sketch sketch;
    bool failed;              /* out of memory */
} writing;

/* ---- Members ----------------------------------------------------------------------------------------------------- */

/* Takes the item over. */
static void add(writing *w, cJSON *object, const char *name, cJSON *item)
{
    if (item && object && cJSON_AddItemToObject(object, name, item)) return;
    cJSON_Delete(item);
    w->failed = true;
}

static void add_number(writing *w, cJSON *object, const char *name, double number)
{
    add(w, object, name, isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull());
}

static void add_entry(writing *w, cJSON *object, const char *name, uint32_t entry)
{
    add_number(w, object, name, entry == RG_NOT_SHOWN ? (double)NAN : (double)entry);
}

/* Text of any bytes: what is no character becomes U+FFFD. NULL when out of memory. */
static cJSON *string_of(const writing *w, const char *text)
{
    rg_arena *scratch = &w->excerpt.tape->scratch;
    const rg_arena before = *scratch;
    char *clean = rg_arena_take(scratch, 3 * strlen(text) + 1), *to = clean;
    for (const unsigned char *s = (const unsigned char *)text; clean && *s;) {
        const size_t length = *s < 0x20 ? 1 : rg_character_length(s); /* cJSON escapes what JSON does not allow */
        memcpy(to, length ? (const char *)s : "\xef\xbf\xbd", length ? length : 3);
        to += length ? length : 3;
        s += length ? length : 1;
    }
    if (clean) *to = '\0';
    cJSON *string = clean ? cJSON_CreateString(clean) : NULL;
    rg_arena_return(scratch, &before);
    return string;
}

static void add_text(writing *w, cJSON *object, const char *name, const char *text)
{
    add(w, object, name, string_of(w, text));
}

static void append(writing *w, cJSON *list, double number)
{
    cJSON *item = isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull();
    if (item && list && cJSON_AddItemToArray(list, item)) return;
    cJSON_Delete(item);
    w->failed = true;
}

static cJSON *begin_list(writing *w, cJSON *object, const char *name)
{
    cJSON *list = cJSON_CreateArray();
    add(w, object, name, list);
    return w->failed ? NULL : list;
}

/* One line of a list. Takes the object over. */
static void put_object(writing *w, cJSON *object, bool *first)
{
    char *text = w->failed ? NULL : cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (!text) w->failed = true;
    else fprintf(w->out, *first ? "\n    %s" : ",\n    %s", text);
    *first = false;
    cJSON_free(text);
}

/* ---- Nodes ------------------------------------------------------------------------------------------------------- */

static void add_shape(writing *w, cJSON *object, const rg_shape *shape)
{
    cJSON *list = begin_list(w, object, "shape");
    for (int i = 0; i < shape->rank; i++) append(w, list, (double)shape->size[i]);
}

/* All elements of a few, the digest of many, or null. */
static void add_numbers(writing *w, cJSON *object, const char *name, const rg_node *node, const void *data)
{
    const int64_t count = rg_shape_count(*node->shape);
    const rg_dtype dtype = (rg_dtype)node->dtype;
    if (!data) {
        add(w, object, name, cJSON_CreateNull());
        return;
    }
    if (count <= RG_FEW_ELEMENTS) {
        cJSON *list = begin_list(w, object, name);
        for (int64_t i = 0; i < count; i++) append(w, list, rg_element(dtype, data, i));
        return;
    }
    const rg_digest digest = rg_digest_of(dtype, data, count);
    cJSON *numbers = cJSON_CreateObject();
    add(w, object, name, numbers);
    if (w->failed) return;
    add_number(w, numbers, "min", digest.min);
    add_number(w, numbers, "max", digest.max);
    add_number(w, numbers, "mean", digest.mean);
    add_number(w, numbers, "norm", digest.norm);
    add_number(w, numbers, "not_finite", (double)digest.odd);
}

static void put_node(writing *w, uint32_t entry, bool *first)
{
    const rg_excerpt *e = &w->excerpt;
    const rg_node *node = rg_excerpt_node(e, entry);
    const char *path = e->tape->scopes[node->scope].path;
    char attributes[RG_ATTRIBUTES_SIZE];
    cJSON *object = cJSON_CreateObject();
    rg_format_attributes(node, attributes, sizeof attributes);
    add_number(w, object, "id", entry);
    add_text(w, object, "op", node->op->name);
    add_text(w, object, "attributes", attributes);
    add_text(w, object, "name", node->name ? node->name : "");
    add_text(w, object, "scope", path ? path : "");
    add_text(w, object, "dtype", rg_dtype_name((rg_dtype)node->dtype));
    add_shape(w, object, node->shape);
    add_number(w, object, "bytes", (double)rg_node_bytes(node));
    add_text(w, object, "role", rg_role_names[e->role[entry]]);
    add(w, object, "saved", cJSON_CreateBool(e->saved[entry]));
    add_text(w, object, "site", rg_site_short(node->site));
    add_entry(w, object, "adjoint", e->adjoint[entry]);
    cJSON *operands = begin_list(w, object, "operands");
    for (uint32_t k = 0; k < node->operands; k++) append(w, operands, rg_excerpt_operand(e, entry, k));
    if (w->options.values) add_numbers(w, object, "values", node, rg_excerpt_values(e, entry));
    if (w->options.gradients) add_numbers(w, object, "gradient", node, rg_excerpt_gradient(e, entry));
    put_object(w, object, first);
}

/* ---- Steps and buffers ------------------------------------------------------------------------------------------- */

static void add_part(writing *w, cJSON *list, const rg_sketch_part *part)
{
    cJSON *object = cJSON_CreateObject();
    add_text(w, object, "op", part->op->name);
    add_entry(w, object, "node", part->entry);
    add_entry(w, object, "buffer", part->buffer);
    if (object && list && cJSON_AddItemToArray(list, object)) return;
    cJSON_Delete(object);
    w->failed = true;
}

static void put_step(writing *w, size_t number, bool *first)
{
    const rg_sketch *sketch = &w->sketch;
    const rg_sketch_step *step = &sketch->steps[number];
    const rg_account *account = &sketch->plan.accounts[number];
    cJSON *object = cJSON_CreateObject();
    add_number(w, object, "step", (double)number);
    cJSON *parts = begin_list(w, object, "parts");
    for (size_t i = 0; i < step->part_count; i++) add_part(w, parts, &sketch->parts[step->first_part + i]);
    cJSON *reads = begin_list(w, object, "reads");
    for (size_t i = 0; i < step->read_count; i++) append(w, reads, sketch->reads[step->first_read + i]);
    add(w, object, "backward", cJSON_CreateBool(account->backward));
    add_number(w, object, "operations", account->operations);
    add_number(w, object, "bytes_read", account->bytes_read);
    add_number(w, object, "bytes_written", account->bytes_written);
    add_text(w, object, "site", step->entry == RG_NOT_SHOWN ? "" : rg_site_short(rg_excerpt_node(&w->excerpt, step->entry)->site));
    put_object(w, object, first);
}

static void put_buffer(writing *w, size_t number, bool *first)
{
    static const char *const places[] = { [RG_IN_SOURCE] = "leaf", [RG_IN_OUTPUT] = "result", [RG_IN_GRADIENT] = "gradient",
                                          [RG_IN_WORKSPACE] = "workspace" };
    const rg_sketch_buffer *buffer = &w->sketch.buffers[number];
    const bool within = buffer->place == RG_IN_WORKSPACE;
    cJSON *object = cJSON_CreateObject();
    add_number(w, object, "id", (double)number);
    add_text(w, object, "place", places[buffer->place]);
    add_number(w, object, "offset", within ? (double)buffer->offset : (double)NAN);
    add_number(w, object, "bytes", (double)buffer->bytes);
    add_number(w, object, "first", buffer->first < 0 ? (double)NAN : (double)buffer->first);
    add_number(w, object, "last", buffer->last < 0 ? (double)NAN : (double)buffer->last);
    add_entry(w, object, "node", buffer->entry);
    put_object(w, object, first);
}

/* ---- All together ------------------------------------------------------------------------------------------------ */

static void put_half(writing *w, bool backward)
{
    const char *comma = "";
    for (uint32_t k = 0; k < w->excerpt.count; k++) {
        if ((w->excerpt.two_halves && w->excerpt.backward[k]) != backward) continue;
        fprintf(w->out, "%s%u", comma, k);
        comma = ",";
    }
}

static void put_plan(writing *w)
{
    const rg_sketch *sketch = &w->sketch;
    fprintf(w->out, ",\n  \"plan\": {\"workspace_bytes\":%zu,\"unshared_bytes\":%.0f,\"node_bytes\":%.0f,\n  \"steps\": [",
            sketch->plan.workspace_bytes, sketch->unshared_bytes, sketch->node_bytes);
    bool first = true;
    for (size_t i = 0; i < sketch->step_count && !w->failed; i++) put_step(w, i, &first);
    fputs("],\n  \"buffers\": [", w->out);
    first = true;
    for (size_t i = 0; i < sketch->buffer_count && !w->failed; i++) put_buffer(w, i, &first);
    fputs("]}", w->out);
}

static void put_graph(writing *w)
{
    bool first = true;
    cJSON *title = string_of(w, w->options.title ? w->options.title : "");
    char *text = title ? cJSON_PrintUnformatted(title) : NULL;
    cJSON_Delete(title);
    if (text) fprintf(w->out, "{\n  \"format\": \"retrograd-graph\", \"version\": 1,\n  \"title\": %s,\n", text);
    w->failed = !text;
    cJSON_free(text);
    if (w->failed) return;
    fprintf(w->out, "  \"root\": %u,\n  \"nodes\": [", w->excerpt.root);
    for (uint32_t k = 0; k < w->excerpt.count && !w->failed; k++) put_node(w, k, &first);
    fputs("],\n  \"halves\": {\"forward\":[", w->out);
    put_half(w, false);
    fputs("],\"backward\":[", w->out);
    put_half(w, true);
    fputs("]}", w->out);
    if (w->options.plan) put_plan(w);
    fputs("\n}\n", w->out);
}

rg_status rg_graph_json(FILE *out, rg_tensor t, const rg_graph_options *options)
{
    writing w = { .out = out };
    if (options) w.options = *options;
    rg_status status = rg_excerpt_for(&w.excerpt, out, t, &w.options);
    if (status == RG_OK && w.options.plan && !rg_sketch_make(&w.sketch, &w.excerpt)) status = RG_E_MEMORY;
    if (status == RG_OK) put_graph(&w);
    rg_sketch_free(&w.sketch);
    return rg_excerpt_written(&w.excerpt, out, w.failed && status == RG_OK ? RG_E_MEMORY : status);
}
