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

const char *rg_look_name(int look)
{
    return look < RG_ROLES ? rg_role_names[look] : "scope";
}

void rg_put_dot_title(FILE *out, const rg_graph_options *options)
{
    fputs("    label=<", out);
    if (!options->title || !*options->title) return;
    fputs("<font point-size=\"14\"><b>", out);
    rg_put_text(out, options->title, RG_TEXT_LABEL);
    fputs("</b></font><br/>", out);
}

int rg_look_of(const rg_drawing *d, uint32_t box)
{
    if (d->boxes.kind[box] == RG_BOX_NODE) return (int)d->excerpt.role[box];
    return d->boxes.kind[box] == RG_BOX_SCOPE ? RG_LOOK_SCOPE : RG_LOOK_FOLD;
}

static void put_label_text(const rg_drawing *d, const char *text)
{
    rg_put_text(d->out, text, RG_TEXT_LABEL);
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
    fputs("<font face=\"monospace\" point-size=\"9\">", out);
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
    if (!(which == VALUES ? d->options.values : d->options.gradients)) return NULL;
    return which == VALUES ? rg_excerpt_values(&d->excerpt, entry) : rg_excerpt_gradient(&d->excerpt, entry);
}

static int64_t elements_of(const rg_drawing *d, uint32_t entry)
{
    return rg_shape_count(*rg_excerpt_node(&d->excerpt, entry)->shape);
}

bool rg_has_strip(const rg_drawing *d, uint32_t box)
{
    if (d->boxes.kind[box] != RG_BOX_NODE || elements_of(d, box) <= RG_FEW_ELEMENTS) return false;
    return numbers_of(d, box, VALUES) || numbers_of(d, box, GRADIENTS);
}

static void put_few(const rg_drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(&d->excerpt, entry);
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
        const rg_dtype dtype = (rg_dtype)rg_excerpt_node(&d->excerpt, entry)->dtype;
        const rg_digest digest = rg_digest_of(dtype, data, elements_of(d, entry));
        rg_format_digest(text, sizeof text, &digest, "<br/>");
        fprintf(d->out, "<tr><td><font face=\"monospace\" point-size=\"9\">%s%s</font></td></tr>"
                        "<tr><td height=\"5\" bgcolor=\"%s\"></td></tr>",
                which == GRADIENTS ? "∂: " : "", text, heat_of(&digest));
    }
}

/* ---- A node ------------------------------------------------------------------------------------------------------ */

/* "∂loss/∂fc1.weight" for each named node that this is the adjoint of. Returns how many. */
static int put_adjoint_titles(const rg_drawing *d, uint32_t entry)
{
    int titles = 0;
    const rg_excerpt *e = &d->excerpt;
    for (uint32_t v = e->owner[entry]; v != RG_NOT_SHOWN && titles < FEW_ADJOINTS; v = e->next_owner[v]) {
        if (!rg_is_named(rg_excerpt_node(e, v)) && v != e->root) continue;
        fputs(titles++ ? "<br/><b>∂" : "<b>∂", d->out);
        put_label_text(d, rg_title_of(rg_excerpt_node(e, e->root)));
        fputs("/∂", d->out);
        put_label_text(d, rg_title_of(rg_excerpt_node(e, v)));
        fputs("</b>", d->out);
    }
    return titles;
}

static void put_op(const rg_drawing *d, const rg_node *node)
{
    char attributes[RG_ATTRIBUTES_SIZE];
    put_label_text(d, node->op->name);
    rg_format_attributes(node, attributes, sizeof attributes);
    if (!*attributes) return;
    fputs(" <font color=\"" RG_DOT_QUIET "\">", d->out);
    put_label_text(d, attributes);
    fputs("</font>", d->out);
}

static void put_shape(const rg_drawing *d, const rg_node *node)
{
    char shape[128], bytes[RG_NUMBER_SIZE];
    rg_describe_shape((rg_dtype)node->dtype, node->shape, shape, sizeof shape);
    rg_format_bytes(bytes, sizeof bytes, (double)rg_node_bytes(node));
    fprintf(d->out, "<br/><font point-size=\"9\" color=\"" RG_DOT_QUIET "\">%s", shape);
    if (node->op->kind != RG_VIEW) fprintf(d->out, " · %s", bytes);
    fputs("</font>", d->out);
}

static void put_node_label(const rg_drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(&d->excerpt, entry);
    const bool strip = rg_has_strip(d, entry);
    if (strip) fputs("<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"1\"><tr><td>", d->out);
    if (rg_is_named(node)) {
        fputs("<b>", d->out);
        put_label_text(d, node->name);
        fputs("</b><br/>", d->out);
    } else if (put_adjoint_titles(d, entry)) {
        fputs("<br/>", d->out);
    }
    put_op(d, node);
    put_shape(d, node);
    if (d->options.sites && node->site) {
        fputs("<br/><font point-size=\"9\" color=\"" RG_DOT_QUIET "\"><i>", d->out);
        put_label_text(d, rg_site_short(node->site));
        fputs("</i></font>", d->out);
    }
    put_few(d, entry);
    if (!strip) return;
    fputs("</td></tr>", d->out);
    put_many(d, entry);
    fputs("</table>", d->out);
}

static void put_node_tooltip(const rg_drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(&d->excerpt, entry);
    fprintf(d->out, "%%%u ", entry);
    rg_put_text(d->out, node->op->name, RG_TEXT_STRING);
    if (!node->site) return;
    fputs(" at ", d->out);
    rg_put_text(d->out, rg_site_short(node->site), RG_TEXT_STRING);
}

/* ---- A box of several -------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t nodes, ops, parameters, saved_bytes;
    uint32_t read_outside;    /* the only entry that is; or RG_NOT_SHOWN */
    bool result, gradients, saved;
} contents;

static contents contents_of(const rg_drawing *d, uint32_t box)
{
    const rg_excerpt *e = &d->excerpt;
    contents c = { .read_outside = RG_NOT_SHOWN };
    uint64_t readers = 0;
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = d->boxes.next[k]) {
        const rg_node *node = rg_excerpt_node(e, k);
        c.nodes++;
        c.ops += node->op->kind != RG_LEAF && !rg_is_number(node);
        if (e->role[k] == RG_ROLE_PARAMETER) c.parameters += (uint64_t)rg_shape_count(*node->shape);
        if (e->saved[k]) c.saved_bytes += rg_node_bytes(node);
        c.saved = c.saved || e->saved[k];
        c.result = c.result || k == e->root;
        c.gradients = c.gradients || e->role[k] == RG_ROLE_GRADIENT;
        if (d->read_outside[k]) c.read_outside = readers++ ? RG_NOT_SHOWN : k;
    }
    return c;
}

static void put_scope_label(const rg_drawing *d, uint32_t box)
{
    const contents c = contents_of(d, box);
    const rg_scope *scope = &d->excerpt.tape->scopes[rg_box_scope(&d->boxes, box)];
    char count[RG_NUMBER_SIZE];
    fputs("<b>", d->out);
    put_label_text(d, *scope->name ? scope->name : "\"\"");
    rg_format_count(count, sizeof count, c.ops);
    const char *what = d->excerpt.backward[box] ? "adjoint" : "op";
    fprintf(d->out, "</b><br/>%s %s%s", count, what, c.ops == 1 ? "" : "s");
    rg_format_count(count, sizeof count, c.parameters);
    if (c.parameters) fprintf(d->out, " · %s parameter%s", count, c.parameters == 1 ? "" : "s");
    if (c.read_outside != RG_NOT_SHOWN) put_shape(d, rg_excerpt_node(&d->excerpt, c.read_outside));
    rg_format_bytes(count, sizeof count, (double)c.saved_bytes);
    if (c.saved) fprintf(d->out, "<br/><font point-size=\"9\" color=\"" RG_DOT_QUIET "\">saves %s</font>", count);
}

static void put_fold_label(const rg_drawing *d, uint32_t box)
{
    char count[RG_NUMBER_SIZE];
    const uint64_t nodes = contents_of(d, box).nodes;
    rg_format_count(count, sizeof count, nodes);
    fprintf(d->out, "<i>… %s node%s not shown</i>", count, nodes == 1 ? "" : "s");
}

/* ---- Boxes ------------------------------------------------------------------------------------------------------- */

static bool on_path(const rg_drawing *d, uint32_t box)
{
    for (uint32_t k = box; k != RG_NOT_SHOWN; k = d->boxes.next[k])
        if (d->on_path[k]) return true;
    return false;
}

/* A scope with the result or a gradient in it has its border. */
static void put_frame_of_box(const rg_drawing *d, uint32_t box, int look)
{
    const bool path = on_path(d, box);
    const contents c = d->boxes.kind[box] == RG_BOX_SCOPE ? contents_of(d, box) : (contents){ .result = false };
    const int border = c.result ? RG_ROLE_RESULT : c.gradients ? RG_ROLE_GRADIENT : look;
    const bool strong = border == RG_ROLE_RESULT || border == RG_ROLE_GRADIENT;
    fprintf(d->out, "n%u [fillcolor=\"%s\", color=\"%s\", ", box, rg_looks[look].fill,
            path ? RG_DOT_PATH : rg_looks[border].line);
    if (path) fputs("penwidth=2.6, ", d->out);
    else if (strong) fputs("penwidth=1.8, ", d->out);
    if (d->boxes.kind[box] == RG_BOX_NODE && d->excerpt.saved[box]) fputs("peripheries=2, ", d->out);
    if (look == RG_ROLE_RECOMPUTED || look == RG_LOOK_FOLD) fputs("style=\"rounded,filled,dashed\", ", d->out);
}

void rg_put_box(const rg_drawing *d, uint32_t box)
{
    static void (*const labels[])(const rg_drawing *, uint32_t) = {
        [RG_BOX_NODE] = put_node_label, [RG_BOX_SCOPE] = put_scope_label, [RG_BOX_FOLD] = put_fold_label,
    };
    const rg_box_kind kind = d->boxes.kind[box];
    put_frame_of_box(d, box, rg_look_of(d, box));
    fputs("tooltip=\"", d->out);
    if (kind == RG_BOX_NODE) put_node_tooltip(d, box);
    else if (kind == RG_BOX_SCOPE) rg_put_text(d->out, d->excerpt.tape->scopes[rg_box_scope(&d->boxes, box)].path, RG_TEXT_STRING);
    else fputs("not shown", d->out);
    fputs("\", label=<", d->out);
    labels[kind](d, box);
    fputs(">];\n", d->out);
}
