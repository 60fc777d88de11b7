/* dot.c: an excerpt of the tape as DOT. Labels are HTML-like, so that a name may hold any character. */
#include "excerpt.h"
#include "params.h"

#include <string.h>

/* ---- Roles and their colours ----------------------------------------------------------------------------------- */

typedef enum { INPUT, PARAMETER, CONSTANT, OPERATION, ADJOINT, GRADIENT, RESULT, ROLES } role;

/* Tints of Okabe and Ito's palette, which colour-blind people can tell apart, under dark text. */
static const struct {
    const char *name, *fill, *line;
} looks[ROLES] = {
    [INPUT] = { "input", "#d9ecf8", "#3d8fc4" },
    [PARAMETER] = { "parameter", "#fdeac4", "#d08e00" },
    [CONSTANT] = { "constant", "#ececec", "#8c8c8c" },
    [OPERATION] = { "operation", "#ffffff", "#5c6670" },
    [ADJOINT] = { "adjoint", "#f8e9f2", "#b8709a" },
    [GRADIENT] = { "gradient", "#efc9df", "#a0457c" },
    [RESULT] = { "result", "#cdeee1", "#008a62" },
};

#define QUIET "#4d5761"       /* what stands second in a box */
#define FONT "Helvetica,Arial,sans-serif"

enum { FEW_ELEMENTS = 16, ELEMENTS_A_LINE = 4, FEW_ADJOINTS = 3, LINKED_ENTRIES = 120 };

/* A scope of the tape: the entries recorded in it, and the scopes in it, in order of appearance. */
typedef struct {
    uint32_t first_entry, last_entry, first_child, last_child, next; /* RG_NOT_SHOWN: none */
    bool entered;
} frame;

typedef struct {
    FILE *out;
    rg_excerpt excerpt;
    rg_dot_options options;
    uint32_t *owner;          /* [count] the first entry that has this one as adjoint, or RG_NOT_SHOWN */
    uint32_t *next_owner;     /* [count] the next entry with the same adjoint as this one */
    frame *frames;            /* [scopes] of the half that is being written */
    uint32_t *next_entry;     /* [count] the next entry of the same frame */
    bool two_halves;
    int clusters;             /* written so far */
} drawing;

static bool is_number(const rg_node *node)
{
    return node->op->arity == 0 && node->op->kind != RG_LEAF;
}

static role role_of(const drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(&d->excerpt, entry);
    if (entry == d->excerpt.root) return RESULT;
    for (uint32_t v = d->owner[entry]; v != RG_NOT_SHOWN; v = d->next_owner[v])
        if (rg_excerpt_node(&d->excerpt, v)->op->kind == RG_LEAF) return GRADIENT;
    if (d->excerpt.backward[entry]) return ADJOINT;
    if (node->op == &rg_op_parameter) return PARAMETER;
    if (node->op == &rg_op_input || node->op == &rg_op_scalar) return INPUT;
    return node->op->kind == RG_LEAF || is_number(node) ? CONSTANT : OPERATION;
}

/* ---- Text ------------------------------------------------------------------------------------------------------ */

/* The length of the character at s if it is one that XML allows, in UTF-8; else 0. */
static size_t character_length(const unsigned char *s)
{
    static const uint32_t least[] = { 0, 0x20, 0x80, 0x800, 0x10000 };
    size_t length = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
    if (length == 0) return 0;
    uint32_t code = length == 1 ? *s : *s & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2) return 0;
        code = code << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = code >> 11 == 0x1b, control = code == 0x7f, nothing = code >> 1 == 0x7fff;
    bool allowed = code >= least[length] && code <= 0x10ffff && !surrogate && !control && !nothing;
    return allowed ? length : 0;
}

/* Writes text into an HTML-like label. White space becomes a space, what is no character U+FFFD. */
static void put_text(FILE *out, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t length = character_length(s);
        if (*s == '&') fputs("&amp;", out);
        else if (*s == '<') fputs("&lt;", out);
        else if (*s == '>') fputs("&gt;", out);
        else if (*s == '"') fputs("&quot;", out);
        else if (*s == '\t' || *s == '\n' || *s == '\r') fputc(' ', out);
        else if (length) fwrite(s, 1, length, out);
        else fputs("\xef\xbf\xbd", out);
        s += length ? length : 1;
    }
}

static bool is_named(const rg_node *node)
{
    return node->name && *node->name;
}

/* Shown for a node as a whole: its name, else what it is. */
static const char *title_of(const rg_node *node)
{
    return is_named(node) ? node->name : node->op->name;
}

/* ---- Values ---------------------------------------------------------------------------------------------------- */

/* The node's numbers if they are there and few. A parameter that has changed since has others. */
static const void *few_numbers(const rg_node *node)
{
    int64_t count = rg_shape_count(*node->shape);
    if (count < 1 || count > FEW_ELEMENTS) return NULL;
    if (node->op != &rg_op_parameter) return node->data;
    const rg_parameter_leaf *leaf = node->attributes;
    return leaf->version == rg_params_version(leaf->param.store) ? rg_param_pointer(leaf->param) : NULL;
}

/* Four digits, with a point in every locale. */
static void format_real(char *text, size_t size, double value)
{
    snprintf(text, size, "%.4g", value == 0 ? 0 : value); /* -0 is 0 */
    for (char *s = text; *s; s++)
        if (*s == ',') *s = '.';
}

enum { ELEMENT_SIZE = 24 };

static void format_element(char *text, rg_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case RG_F32: format_real(text, ELEMENT_SIZE, ((const float *)data)[i]); break;
    case RG_F64: format_real(text, ELEMENT_SIZE, ((const double *)data)[i]); break;
    case RG_I32: snprintf(text, ELEMENT_SIZE, "%ld", (long)((const int32_t *)data)[i]); break;
    case RG_I64: snprintf(text, ELEMENT_SIZE, "%lld", (long long)((const int64_t *)data)[i]); break;
    case RG_NO_DTYPE: break;
    }
}

/* A row of the tensor on each line, a long one on several, in columns. */
static void put_values(FILE *out, const rg_node *node)
{
    const void *data = few_numbers(node);
    if (!data) return;
    const int count = (int)rg_shape_count(*node->shape);
    const int row = node->shape->rank > 0 ? (int)node->shape->size[node->shape->rank - 1] : 1;
    char text[FEW_ELEMENTS][ELEMENT_SIZE] = { "" };
    size_t widest[ELEMENTS_A_LINE] = { 0 };
    for (int i = 0; i < count; i++) {
        const int column = i % row % ELEMENTS_A_LINE;
        format_element(text[i], (rg_dtype)node->dtype, data, i);
        if (strlen(text[i]) > widest[column]) widest[column] = strlen(text[i]);
    }
    fputs("<font face=\"monospace\" point-size=\"9\">", out);
    for (int i = 0; i < count; i++) {
        const int column = i % row % ELEMENTS_A_LINE;
        fputs(column == 0 ? "<br/>" : "&#160;", out);
        for (size_t k = strlen(text[i]); k < widest[column]; k++) fputs("&#160;", out);
        fputs(text[i], out);
    }
    fputs("</font>", out);
}

/* ---- Boxes ----------------------------------------------------------------------------------------------------- */

/* "∂loss/∂fc1.weight" for each named node that this is the adjoint of. Returns how many. */
static int put_adjoint_titles(const drawing *d, uint32_t entry)
{
    int titles = 0;
    const rg_node *root = rg_excerpt_node(&d->excerpt, d->excerpt.root);
    for (uint32_t v = d->owner[entry]; v != RG_NOT_SHOWN && titles < FEW_ADJOINTS; v = d->next_owner[v]) {
        const rg_node *node = rg_excerpt_node(&d->excerpt, v);
        if (!is_named(node) && v != d->excerpt.root) continue;
        fputs(titles++ ? "<br/><b>∂" : "<b>∂", d->out);
        put_text(d->out, title_of(root));
        fputs("/∂", d->out);
        put_text(d->out, title_of(node));
        fputs("</b>", d->out);
    }
    return titles;
}

static void put_op(FILE *out, const rg_node *node)
{
    char attributes[160] = "";
    put_text(out, node->op->name);
    if (node->op->describe && node->attributes) node->op->describe(node->attributes, attributes, sizeof attributes);
    attributes[sizeof attributes - 1] = '\0';
    if (!*attributes) return;
    fputs(" <font color=\"" QUIET "\">", out);
    put_text(out, attributes);
    fputs("</font>", out);
}

static void put_label(const drawing *d, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(&d->excerpt, entry);
    char shape[128];
    rg_describe_shape((rg_dtype)node->dtype, node->shape, shape, sizeof shape);
    fputs("<", d->out);
    if (is_named(node)) {
        fputs("<b>", d->out);
        put_text(d->out, node->name);
        fputs("</b><br/>", d->out);
    } else if (put_adjoint_titles(d, entry)) {
        fputs("<br/>", d->out);
    }
    put_op(d->out, node);
    fprintf(d->out, "<br/><font point-size=\"9\" color=\"" QUIET "\">%s</font>", shape);
    if (d->options.sites && node->site) {
        fputs("<br/><font point-size=\"9\" color=\"" QUIET "\"><i>", d->out);
        put_text(d->out, rg_site_short(node->site));
        fputs("</i></font>", d->out);
    }
    if (d->options.values) put_values(d->out, node);
    fputs(">", d->out);
}

static void put_node(const drawing *d, uint32_t entry)
{
    role r = role_of(d, entry);
    fprintf(d->out, "n%u [fillcolor=\"%s\", color=\"%s\", ", entry, looks[r].fill, looks[r].line);
    if (r == RESULT || r == GRADIENT) fputs("penwidth=1.8, ", d->out);
    fputs("label=", d->out);
    put_label(d, entry);
    fputs("];\n", d->out);
}

/* ---- Frames: one for each scope, nested ------------------------------------------------------------------------ */

/* Links the scope to its parent, that to its own, and so on. */
static void enter(drawing *d, uint32_t scope)
{
    for (frame *f = &d->frames[scope]; !f->entered && scope != 0; f = &d->frames[scope]) {
        uint32_t number = d->excerpt.tape->scopes[scope].parent;
        frame *parent = &d->frames[number];
        f->entered = true;
        if (parent->first_child == RG_NOT_SHOWN) parent->first_child = scope;
        else d->frames[parent->last_child].next = scope;
        parent->last_child = scope;
        scope = number;
    }
}

static void sort_into_frames(drawing *d, bool backward)
{
    const rg_excerpt *e = &d->excerpt;
    for (size_t s = 0; s < e->tape->scope_count; s++)
        d->frames[s] = (frame){ RG_NOT_SHOWN, RG_NOT_SHOWN, RG_NOT_SHOWN, RG_NOT_SHOWN, RG_NOT_SHOWN, false };
    for (uint32_t k = 0; k < e->count; k++) {
        if (e->backward[k] != backward) continue;
        const uint32_t scope = rg_excerpt_node(e, k)->scope;
        frame *f = &d->frames[scope];
        enter(d, scope);
        if (f->first_entry == RG_NOT_SHOWN) f->first_entry = k;
        else d->next_entry[f->last_entry] = k;
        d->next_entry[k] = RG_NOT_SHOWN;
        f->last_entry = k;
    }
}

static void indent(FILE *out, int depth)
{
    for (int i = 0; i < depth; i++) fputs("    ", out);
}

static void open_cluster(drawing *d, int depth, const char *name, const char *style)
{
    indent(d->out, depth);
    fprintf(d->out, "subgraph cluster_%d {\n", ++d->clusters);
    indent(d->out, depth + 1);
    fputs("label=<", d->out);
    put_text(d->out, name);
    fprintf(d->out, ">; %s;\n", style);
}

static void close_cluster(drawing *d, int depth)
{
    indent(d->out, depth);
    fputs("}\n", d->out);
}

static void put_entries(const drawing *d, const frame *f, int depth)
{
    for (uint32_t k = f->first_entry; k != RG_NOT_SHOWN; k = d->next_entry[k]) {
        indent(d->out, depth);
        put_node(d, k);
    }
}

/* One half of the graph, or all of it. Walks the tree of frames without recursion, for scopes may nest as deep as
 * a program likes. */
static void put_half(drawing *d, bool backward, int depth)
{
    const char *style = "style=\"rounded,filled\"; color=\"#c9ced3\"; fillcolor=\"#f6f7f8\"";
    const rg_scope *scopes = d->excerpt.tape->scopes;
    sort_into_frames(d, backward);
    put_entries(d, &d->frames[0], depth);
    for (uint32_t s = 0, down = d->frames[0].first_child; s != 0 || down != RG_NOT_SHOWN;) {
        if (down != RG_NOT_SHOWN) {
            s = down;
            open_cluster(d, depth++, scopes[s].name, style);
            put_entries(d, &d->frames[s], depth);
            down = d->frames[s].first_child;
        } else {
            close_cluster(d, --depth);
            down = d->frames[s].next;
            s = scopes[s].parent;
        }
    }
}

static void put_nodes(drawing *d)
{
    const char *style = "style=rounded; color=\"#dfe3e6\"; fontsize=12";
    if (!d->two_halves) {
        put_half(d, d->excerpt.backward[d->excerpt.root], 1);
        return;
    }
    for (int half = 0; half < 2; half++) {
        open_cluster(d, 1, half ? "backward: adjoints" : "forward", style);
        put_half(d, half, 2);
        close_cluster(d, 1);
    }
}

/* ---- Edges ----------------------------------------------------------------------------------------------------- */

/* In the backward half an edge is written from consumer to operand and its arrow drawn at the other end, so that
 * this half is laid out from bottom to top, beside the forward half. Edges stand before the boxes because dot then
 * puts the forward half on the left. */
static void put_edges(const drawing *d)
{
    const rg_excerpt *e = &d->excerpt;
    for (uint32_t k = 0; k < e->count; k++)
        for (uint32_t i = 0; i < rg_excerpt_node(e, k)->operands; i++) {
            uint32_t from = rg_excerpt_operand(e, k, i);
            if (e->backward[k] && e->backward[from])
                fprintf(d->out, "    n%u -> n%u [dir=back, color=\"%s\"];\n", k, from, looks[ADJOINT].line);
            else if (e->backward[k] != e->backward[from])
                fprintf(d->out, "    n%u -> n%u [constraint=false, color=\"#b4bdc6\"];\n", from, k);
            else
                fprintf(d->out, "    n%u -> n%u;\n", from, k);
        }
}

/* What makes it dynamic programming: each node has one adjoint. The lines also hold the halves side by side; where
 * there would be too many, they are not seen. */
static void put_links(const drawing *d)
{
    const rg_excerpt *e = &d->excerpt;
    for (uint32_t k = 0; k < e->count; k++)
        if (e->adjoint[k] != RG_NOT_SHOWN)
            fprintf(d->out, "    n%u -> n%u [style=%s, arrowhead=none, minlen=0, color=\"%s\"];\n",
                    k, e->adjoint[k], e->count > LINKED_ENTRIES ? "invis" : "dashed", looks[ADJOINT].line);
}

/* ---- All together ---------------------------------------------------------------------------------------------- */

static bool prepare(drawing *d)
{
    const rg_excerpt *e = &d->excerpt;
    d->owner = rg_arena_take(&e->tape->scratch, e->count * sizeof *d->owner);
    d->next_owner = rg_arena_take(&e->tape->scratch, e->count * sizeof *d->next_owner);
    d->next_entry = rg_arena_take(&e->tape->scratch, e->count * sizeof *d->next_entry);
    d->frames = rg_arena_take(&e->tape->scratch, e->tape->scope_count * sizeof *d->frames);
    if (!d->owner || !d->next_owner || !d->next_entry || !d->frames) return false;
    memset(d->owner, 0xff, e->count * sizeof *d->owner);
    for (uint32_t k = e->count; k-- > 0;) {
        if (e->adjoint[k] == RG_NOT_SHOWN) continue;
        d->next_owner[k] = d->owner[e->adjoint[k]];
        d->owner[e->adjoint[k]] = k;
    }
    for (uint32_t k = 0; k < e->count; k++)
        if (e->backward[k] != e->backward[e->root]) d->two_halves = true;
    return true;
}

/* The title, and which colour means what. */
static void put_title(const drawing *d)
{
    bool used[ROLES] = { false };
    for (uint32_t k = 0; k < d->excerpt.count; k++) used[role_of(d, k)] = true;
    fputs("    label=<", d->out);
    if (d->options.title && *d->options.title) {
        fputs("<font point-size=\"14\"><b>", d->out);
        put_text(d->out, d->options.title);
        fputs("</b></font><br/>", d->out);
    }
    for (int r = 0; r < ROLES; r++)
        if (used[r]) fprintf(d->out, "<font color=\"%s\">■</font> %s &#160;", looks[r].line, looks[r].name);
    fputs(">;\n", d->out);
}

static void put_graph(drawing *d)
{
    fputs("digraph retrograd {\n"
          "    graph [rankdir=TB, newrank=true, bgcolor=white, labelloc=t, nodesep=0.3, ranksep=0.35, pad=0.2,\n"
          "           fontname=\"" FONT "\", fontsize=10, fontcolor=\"" QUIET "\"];\n"
          "    node [shape=box, style=\"rounded,filled\", fontname=\"" FONT "\", fontsize=11, fontcolor=\"#1b2026\",\n"
          "          margin=\"0.12,0.06\", height=0.3];\n"
          "    edge [color=\"#5c6670\", arrowsize=0.6, penwidth=0.9];\n", d->out);
    put_title(d);
    put_edges(d);
    put_links(d);
    put_nodes(d);
    fputs("}\n", d->out);
}

rg_status rg_dot(FILE *out, rg_tensor t, const rg_dot_options *options)
{
    drawing d = { .out = out };
    if (!out) return RG_E_NULL;
    if (options) d.options = *options;
    rg_status status = rg_excerpt_begin(&d.excerpt, t, d.options.backward);
    if (status == RG_OK && !prepare(&d)) status = RG_E_MEMORY;
    if (status == RG_OK) put_graph(&d);
    rg_excerpt_end(&d.excerpt);
    bool written = fflush(out) == 0 && !ferror(out);
    return status == RG_OK && !written ? RG_E_FILE : status;
}
