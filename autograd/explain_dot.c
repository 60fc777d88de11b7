/* explain_dot.c: an explanation as DOT: the graph with the memo table in its boxes. */
#include "dot_drawing.h"
#include "explain_show.h"

#include <math.h>

/* Tints of Okabe and Ito's palette, which colour-blind people can tell apart, under dark text. */
typedef enum { ROOT, SHARED, ONCE, LEAF, APART, ROLES } role;
static const struct {
    const char *name, *fill, *line;
} looks[ROLES] = {
    [ROOT] = { "base case", "#cdeee1", "#008a62" },
    [SHARED] = { "solved once, used more than once", "#ffe0cc", "#d55e00" },
    [ONCE] = { "solved, used once", "#ffffff", "#5c6670" },
    [LEAF] = { "leaf that is asked for", "#d9ecf8", "#3d8fc4" },
    [APART] = { "not a subproblem", "#ececec", "#8c8c8c" },
};
#define PATH "#a0457c"
enum { FEW_IN_A_BOX = 6 };

static role role_of(const rg_explanation *e, const rg_subproblem *s)
{
    if (!s->solved) return APART;
    if (s == &e->subproblems[e->count - 1]) return ROOT;
    return s->term_count > 1 ? SHARED : s->leaf ? LEAF : ONCE;
}

static void put_numbers(FILE *out, const char *what, const rg_numbers *n)
{
    fprintf(out, "<br/>%s = ", what);
    if (!n->few || n->count > FEW_IN_A_BOX) {
        fprintf(out, "%lld numbers, norm ", (long long)n->count);
        rg_show_number(out, n->norm);
        return;
    }
    if (n->count != 1) fputc('[', out);
    for (int64_t i = 0; i < n->count; i++) {
        if (i > 0) fputs(", ", out);
        rg_show_number(out, n->few[i]);
    }
    if (n->count != 1) fputc(']', out);
}

static void put_box(FILE *out, const rg_explanation *e, size_t i)
{
    const rg_subproblem *s = &e->subproblems[i];
    const role r = role_of(e, s);
    char paths[48];
    rg_put(out, "    n$z [fillcolor='$r', color='$r', penwidth=$r, tooltip='$q', label=<<b>$l</b>", i, looks[r].fill,
           s->on_strongest_path ? PATH : looks[r].line, s->on_strongest_path ? "2" : "1", s->site, s->label);
    rg_put(out, " <font color='" RG_DOT_QUIET "'>$l$r$l</font>", s->op, *s->attributes ? " " : "", s->attributes);
    put_numbers(out, "v", &s->value);
    if (s->solved) {
        put_numbers(out, "v̄", &s->adjoint);
        rg_path_count_text(s->paths, paths, sizeof paths);
        rg_put(out, "<br/><font point-size='9' color='" RG_DOT_QUIET "'>turn $u, $r path$r</font>", s->turn, paths,
               s->paths.exact == 1 ? "" : "s");
    }
    rg_put(out, ">];\n");
}

/* The term that consumer j hands to its operand k, subproblem i; NULL: no derivative flows there. */
static const rg_explained_term *find_term(const rg_explanation *e, uint32_t i, size_t j, size_t k)
{
    const rg_subproblem *s = &e->subproblems[i];
    for (const rg_explained_term *t = e->terms + s->first_term; t < e->terms + s->first_term + s->term_count; t++)
        if (t->consumer == j && t->k == (int)k) return t;
    return NULL;
}

/* A path goes along one edge only: of several between the same two nodes, along the first of the steepest. */
static bool is_on_path(const rg_explanation *e, const rg_explained_term *term)
{
    const rg_subproblem *s = &e->subproblems[term->operand];
    bool found = false;
    for (size_t p = 1; p < e->path_count && !found; p++)
        found = e->path[p - 1] == term->operand && e->path[p] == term->consumer;
    for (const rg_explained_term *t = e->terms + s->first_term, *end = t + s->term_count; found && t < end; t++)
        if (t->consumer == term->consumer)
            found = fabs(t->slope) < fabs(term->slope) || (fabs(t->slope) == fabs(term->slope) && t >= term);
    return found;
}

static void put_edge(FILE *out, const rg_explanation *e, uint32_t i, size_t j, size_t k)
{
    const rg_explained_term *term = find_term(e, i, j, k);
    const bool on_path = term && is_on_path(e, term);
    rg_put(out, "    n$u -> n$z [$r", i, j, on_path ? "color=\"" PATH "\", penwidth=2" : term ? "" : "style=dashed");
    if (term && term->single) {
        rg_put(out, on_path ? ", label=' " : "label=' ");
        rg_show_number(out, term->slope);
        rg_put(out, "'");
    }
    rg_put(out, "];\n");
}

static void put_legend(FILE *out, const rg_explanation *e)
{
    bool used[ROLES] = { false };
    char paths[48];
    for (size_t i = 0; i < e->count; i++) used[role_of(e, &e->subproblems[i])] = true;
    rg_path_count_text(e->paths, paths, sizeof paths);
    rg_put_dot_title(out, &(rg_graph_options){ .title = e->title });
    rg_put(out, "$z edge$r, $r path$r<br/>", e->term_count, e->term_count == 1 ? "" : "s", paths,
           e->paths.exact == 1 ? "" : "s");
    for (int r = 0; r < ROLES; r++)
        if (used[r]) rg_put(out, "<font color='$r'>■</font> $r &#160;", looks[r].line, looks[r].name);
    if (e->path_count > 0) rg_put(out, "<font color='" PATH "'>━</font> the most influential path");
    rg_put(out, ">;\n");
}

rg_status rg_explanation_dot(FILE *out, const rg_explanation *e)
{
    if (!out || !e) return RG_E_NULL;
    rg_put(out, "digraph explanation {\n"
                "    graph [rankdir=TB, bgcolor=white, labelloc=t, nodesep=0.3, ranksep=0.45, pad=0.2,\n"
                "           fontname='$r', fontsize=10, fontcolor='" RG_DOT_QUIET "'];\n"
                "    node [shape=box, style='rounded,filled', fontname='$r', fontsize=11, fontcolor='#1b2026'];\n"
                "    edge [color='#8a949e', arrowsize=0.6, fontname='$r', fontsize=9, fontcolor='" RG_DOT_QUIET "'];\n",
           rg_dot_font, rg_dot_font, rg_dot_font);
    put_legend(out, e);
    for (size_t i = 0; i < e->count; i++) put_box(out, e, i);
    for (size_t j = 0; j < e->count; j++)
        for (size_t k = 0; k < e->subproblems[j].operand_count; k++) put_edge(out, e, e->subproblems[j].operands[k], j, k);
    rg_put(out, "}\n");
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}
