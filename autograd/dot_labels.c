/* dot_labels.c: what stands in a box, and how it looks. Labels are HTML-like, so that a name may hold any character. */
#include "dot_drawing.h"

#include <math.h>
#include <string.h>

const rg_look rg_looks[RG_LOOKS] = {
    [RG_ROLE_INPUT] = { "#d9ecf8", "#3d8fc4" },
    [RG_ROLE_PARAMETER] = { "#fdeac4", "#d08e00" },
    [RG_ROLE_CONSTANT] = { "#ececec", "#8c8c8c" },
    [RG_ROLE_OPERATION] = { "#ffffff", "#5c6670" },
    [RG_ROLE_RECOMPUTED] = { "#ffffff", "#5c6670" },
    [RG_ROLE_ADJOINT] = { "#f8e9f2", RG_DOT_ADJOINT },
    [RG_ROLE_GRADIENT] = { "#efc9df", "#a0457c" },
    [RG_ROLE_RESULT] = { "#cdeee1", "#008a62" },
    [RG_LOOK_SCOPE] = { "#e6e9f2", "#5b6b9a" },
    [RG_LOOK_FOLD] = { "#ffffff", "#b4bdc6" },
};

/* From viridis: the same to everyone, and in order without colour too. */
const char rg_heat[RG_HEATS][8] = { "#440154", "#443983", "#31688e", "#21918c", "#35b779", "#90d743", "#fde725" };

enum { ELEMENTS_A_LINE = 4, FEW_ADJOINTS = 3 };

const char rg_dot_font[] = "Helvetica,Arial,sans-serif";

const char *rg_look_name(int look)
{
    return look < RG_ROLES ? rg_role_names[look] : "scope";
}

void rg_put_dot_title(FILE *out, const rg_graph_options *options)
{
    fputs("    label=<", out);
    if (options->title && *options->title) rg_put(out, "<font point-size='14'><b>$l</b></font><br/>", options->title);
}

int rg_look_of(const rg_drawing *d, uint32_t box)
{
    if (d->boxes.kind[box] == RG_BOX_NODE) return (int)d->excerpt->role[box];
    return d->boxes.kind[box] == RG_BOX_SCOPE ? RG_LOOK_SCOPE : RG_LOOK_FOLD;
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

static const char *heat_of(const rg_digest *digest)
{
    const double decade = digest->rms > 0 ? floor(log10(digest->rms) + 0.5) : -INFINITY; /* of 1e-4, ..., 1e+2 */
    return rg_heat[decade < -4 ? 0 : decade > 2 ? RG_HEATS - 1 : (int)decade + 4];
}

/* A row of the tensor on each line, a long one on several, in columns. */
static void put_elements(FILE *out, rg_dtype dtype, const rg_shape *shape, const void *data, const char *before)
{
    const int count = (int)rg_shape_count(*shape);
    const int row = shape->rank > 0 ? (int)shape->size[shape->rank - 1] : 1;
    char text[RG_FEW_ELEMENTS][RG_NUMBER_SIZE] = { "" };
    size_t widest[ELEMENTS_A_LINE] = { 0 };
    for (int i = 0; i < count; i++) {
        const int column = i % row % ELEMENTS_A_LINE;
        rg_format_element(text[i], RG_NUMBER_SIZE, dtype, data, i);
        if (strlen(text[i]) > widest[column]) widest[column] = strlen(text[i]);
    }
    rg_put(out, "<font face='monospace' point-size='9'>");
    for (int i = 0; i < count; i++) {
        const int column = i % row % ELEMENTS_A_LINE;
        fputs(column == 0 ? "<br/>" : "&#160;", out);
        if (column == 0) fputs(i == 0 ? before : *before ? "&#160;&#160;&#160;" : "", out);
        for (size_t k = strlen(text[i]); k < widest[column]; k++) fputs("&#160;", out);
        fputs(text[i], out);
    }
    fputs("</font>", out);
}

/* What is known of a node in numbers: its own, and those of its gradient. */
enum { VALUES, GRADIENTS, NUMBERS };

static const void *numbers_of(const rg_drawing *d, uint32_t entry, int which)
{
    if (!(which == VALUES ? d->options->values : d->options->gradients)) return NULL;
    return which == VALUES ? rg_excerpt_values(d->excerpt, entry) : rg_excerpt_gradient(d->excerpt, entry);
}

static int64_t elements_of(const rg_drawing *d, uint32_t entry)
{
    return rg_shape_count(*rg_excerpt_node(d->excerpt, entry)->shape);
}

bool rg_has_strip(const rg_drawing *d, uint32_t box)
{
    if (d->boxes.kind[box] != RG_BOX_NODE || elements_of(d, box) <= RG_FEW_ELEMENTS) return false;
    return numbers_of(d, box, VALUES) || numbers_of(d, box, GRADIENTS);
}

static void put_few(const rg_drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(d->excerpt, entry);
    if (elements_of(d, entry) < 1 || elements_of(d, entry) > RG_FEW_ELEMENTS) return;
    for (int which = 0; which < NUMBERS; which++) {
        const void *data = numbers_of(d, entry, which);
        if (data) put_elements(d->out, (rg_dtype)node->dtype, node->shape, data, which == GRADIENTS ? "∂:&#160;" : "");
    }
}

static void put_many(const rg_drawing *d, uint32_t entry)
{
    for (int which = 0; which < NUMBERS; which++) {
        const void *data = numbers_of(d, entry, which);
        if (!data) continue;
        char text[RG_DIGEST_SIZE];
        const rg_dtype dtype = (rg_dtype)rg_excerpt_node(d->excerpt, entry)->dtype;
        const rg_digest digest = rg_digest_of(dtype, data, elements_of(d, entry));
        rg_format_digest(text, sizeof text, &digest, "<br/>");
        rg_put(d->out, "<tr><td><font face='monospace' point-size='9'>$r$r</font></td></tr>"
                       "<tr><td height='5' bgcolor='$r'></td></tr>",
               which == GRADIENTS ? "∂: " : "", text, heat_of(&digest));
    }
}

/* ---- A node ------------------------------------------------------------------------------------------------------ */

#define QUIET(text) "<font point-size='9' color='" RG_DOT_QUIET "'>" text "</font>"

/* "∂loss/∂fc1.weight" for each named node that this is the adjoint of. */
static void put_adjoint_titles(const rg_drawing *d, uint32_t entry)
{
    int titles = 0;
    const rg_excerpt *e = d->excerpt;
    for (uint32_t v = e->owner[entry]; v != RG_NOT_SHOWN && titles < FEW_ADJOINTS; v = e->next_owner[v]) {
        if (!rg_is_named(rg_excerpt_node(e, v)) && v != e->root) continue;
        const char *root = rg_title_of(rg_excerpt_node(e, e->root)), *node = rg_title_of(rg_excerpt_node(e, v));
        rg_put(d->out, "<b>∂$l/∂$l</b><br/>", root, node);
        titles++;
    }
}

static void put_shape(const rg_drawing *d, const rg_node *node)
{
    char shape[128], bytes[RG_NUMBER_SIZE];
    rg_describe_shape((rg_dtype)node->dtype, node->shape, shape, sizeof shape);
    rg_format_bytes(bytes, sizeof bytes, (double)rg_node_bytes(node));
    rg_put(d->out, node->op->kind == RG_VIEW ? "<br/>" QUIET("$r") : "<br/>" QUIET("$r · $r"), shape, bytes);
}

static void put_node_label(const rg_drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(d->excerpt, entry);
    const bool strip = rg_has_strip(d, entry);
    char attributes[RG_ATTRIBUTES_SIZE];
    rg_format_attributes(node, attributes, sizeof attributes);
    if (strip) rg_put(d->out, "<table border='0' cellborder='0' cellspacing='0' cellpadding='1'><tr><td>");
    if (rg_is_named(node)) rg_put(d->out, "<b>$l</b><br/>", node->name);
    else put_adjoint_titles(d, entry);
    rg_put(d->out, *attributes ? "$l <font color='" RG_DOT_QUIET "'>$l</font>" : "$l", node->op->name, attributes);
    put_shape(d, node);
    if (d->options->sites && *rg_site_short(node->site)) rg_put(d->out, "<br/>" QUIET("<i>$l</i>"), rg_site_short(node->site));
    put_few(d, entry);
    if (!strip) return;
    rg_put(d->out, "</td></tr>");
    put_many(d, entry);
    rg_put(d->out, "</table>");
}

/* ---- A box of several -------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t nodes, ops, parameters, saved_bytes;
    uint32_t read_outside;    /* the only entry that is; or RG_NOT_SHOWN */
    bool result, gradients;
} contents;

static contents contents_of(const rg_drawing *d, uint32_t box)
{
    const rg_excerpt *e = d->excerpt;
    contents c = { .read_outside = RG_NOT_SHOWN };
    uint64_t readers = 0;
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = d->boxes.next[k]) {
        const rg_node *node = rg_excerpt_node(e, k);
        c.nodes++;
        c.ops += node->op->kind != RG_LEAF && !rg_is_number(node);
        if (e->role[k] == RG_ROLE_PARAMETER) c.parameters += (uint64_t)rg_shape_count(*node->shape);
        if (e->saved[k]) c.saved_bytes += rg_node_bytes(node);
        c.result = c.result || k == e->root;
        c.gradients = c.gradients || e->role[k] == RG_ROLE_GRADIENT;
        if (d->read_outside[k]) c.read_outside = readers++ ? RG_NOT_SHOWN : k;
    }
    return c;
}

static void put_scope_label(const rg_drawing *d, uint32_t box)
{
    const contents c = contents_of(d, box);
    const rg_scope *scope = &d->excerpt->tape->scopes[rg_box_scope(&d->boxes, box)];
    char ops[RG_NUMBER_SIZE], parameters[RG_NUMBER_SIZE], saved[RG_NUMBER_SIZE];
    rg_format_count(ops, sizeof ops, c.ops);
    rg_format_count(parameters, sizeof parameters, c.parameters);
    rg_format_bytes(saved, sizeof saved, (double)c.saved_bytes);
    rg_put(d->out, "<b>$l</b><br/>$r $r$r", scope->name, ops, d->excerpt->backward[box] ? "adjoint" : "op",
           c.ops == 1 ? "" : "s");
    if (c.parameters) rg_put(d->out, " · $r parameter$r", parameters, c.parameters == 1 ? "" : "s");
    if (c.read_outside != RG_NOT_SHOWN) put_shape(d, rg_excerpt_node(d->excerpt, c.read_outside));
    if (c.saved_bytes) rg_put(d->out, "<br/>" QUIET("saves $r"), saved);
}

static void put_fold_label(const rg_drawing *d, uint32_t box)
{
    char count[RG_NUMBER_SIZE];
    rg_format_count(count, sizeof count, contents_of(d, box).nodes);
    rg_put(d->out, "<i>… $r nodes not shown</i>", count);
}

/* ---- Boxes ------------------------------------------------------------------------------------------------------- */

static bool on_path(const rg_drawing *d, uint32_t box)
{
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = d->boxes.next[k])
        if (d->on_path[k]) return true;
    return false;
}

/* A scope with the result or a gradient in it has its border. */
static void put_border(const rg_drawing *d, uint32_t box, int look)
{
    const bool path = on_path(d, box);
    const contents c = d->boxes.kind[box] == RG_BOX_SCOPE ? contents_of(d, box) : (contents){ .result = false };
    const int border = c.result ? RG_ROLE_RESULT : c.gradients ? RG_ROLE_GRADIENT : look;
    const bool strong = border == RG_ROLE_RESULT || border == RG_ROLE_GRADIENT;
    const bool saved = d->boxes.kind[box] == RG_BOX_NODE && d->excerpt->saved[box];
    const bool dashed = look == RG_ROLE_RECOMPUTED || look == RG_LOOK_FOLD;
    rg_put(d->out, "n$u [fillcolor='$r', color='$r', $r$r$r", box, rg_looks[look].fill,
           path ? RG_DOT_PATH : rg_looks[border].line, path ? "penwidth=2.6, " : strong ? "penwidth=1.8, " : "",
           saved ? "peripheries=2, " : "", dashed ? "style=\"rounded,filled,dashed\", " : "");
}

void rg_put_box(const rg_drawing *d, uint32_t box)
{
    static void (*const labels[])(const rg_drawing *, uint32_t) = {
        [RG_BOX_NODE] = put_node_label, [RG_BOX_SCOPE] = put_scope_label, [RG_BOX_FOLD] = put_fold_label,
    };
    const rg_node *node = rg_excerpt_node(d->excerpt, box);
    const rg_box_kind kind = d->boxes.kind[box];
    const char *at = node->site ? " at " : "", *site = rg_site_short(node->site);
    put_border(d, box, rg_look_of(d, box));
    if (kind == RG_BOX_NODE) rg_put(d->out, "tooltip='%$u $q$r$q'", box, node->op->name, at, site);
    else if (kind == RG_BOX_FOLD) rg_put(d->out, "tooltip='not shown'");
    else rg_put(d->out, "tooltip='$q'", d->excerpt->tape->scopes[rg_box_scope(&d->boxes, box)].path);
    rg_put(d->out, ", label=<");
    labels[kind](d, box);
    rg_put(d->out, ">];\n");
}
