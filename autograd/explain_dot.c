/* explain_dot.c: an explanation as DOT: the graph with the memo table in its boxes. */
#include "explain_show.h"

/* Tints of Okabe and Ito's palette, which colour-blind people can tell apart, under dark text. */
typedef enum { ROOT, SHARED, ONCE, LEAF, APART, ROLES } role;
static const struct {
    const char *name, *fill, *line;
} looks[ROLES] = {
    [ROOT] = { "base case", "#cdeee1", "#008a62" },
    [SHARED] = { "solved once, needed by several", "#ffe0cc", "#d55e00" },
    [ONCE] = { "solved, needed by one", "#ffffff", "#5c6670" },
    [LEAF] = { "leaf that is asked for", "#d9ecf8", "#3d8fc4" },
    [APART] = { "not a subproblem", "#ececec", "#8c8c8c" },
};
#define QUIET "#4d5761"
#define PATH "#a0457c"
#define FONT "Helvetica,Arial,sans-serif"
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
    fprintf(out, "    n%zu [fillcolor=\"%s\", color=\"%s\", penwidth=%s, tooltip=\"", i, looks[r].fill,
            s->on_strongest_path ? PATH : looks[r].line, s->on_strongest_path ? "2" : "1");
    rg_put_text(out, s->site, RG_TEXT_STRING);
    fputs("\", label=<<b>", out);
    rg_put_text(out, s->label, RG_TEXT_LABEL);
    fputs("</b> <font color=\"" QUIET "\">", out);
    rg_put_text(out, s->op, RG_TEXT_LABEL);
    fputs(*s->attributes ? " " : "", out);
    rg_put_text(out, s->attributes, RG_TEXT_LABEL);
    fputs("</font>", out);
    put_numbers(out, "v", &s->value);
    if (s->solved) {
        put_numbers(out, "v̄", &s->adjoint);
        rg_path_count_text(s->paths, paths, sizeof paths);
        fprintf(out, "<br/><font point-size=\"9\" color=\"" QUIET "\">turn %u, %s path%s</font>", s->turn, paths,
                s->paths.exact == 1 ? "" : "s");
    }
    fputs(">];\n", out);
}

static void put_edges(FILE *out, const rg_explanation *e)
{
    for (size_t j = 0; j < e->count; j++)
        for (size_t k = 0; k < e->subproblems[j].operand_count; k++) {
            const uint32_t i = e->subproblems[j].operands[k];
            const rg_subproblem *s = &e->subproblems[i];
            const rg_explained_term *term = NULL;
            for (size_t t = 0; t < s->term_count; t++)
                if (e->terms[s->first_term + t].consumer == j && e->terms[s->first_term + t].k == (int)k)
                    term = &e->terms[s->first_term + t];
            bool on_path = false;
            for (size_t p = 1; term && p < e->path_count; p++) on_path = on_path || (e->path[p - 1] == i && e->path[p] == j);
            fprintf(out, "    n%u -> n%zu [%s", i, j, on_path ? "color=\"" PATH "\", penwidth=2" : term ? "" : "style=dashed");
            if (term && term->single) {
                fputs(on_path ? ", label=\" " : "label=\" ", out);
                rg_show_number(out, term->slope);
                fputc('"', out);
            }
            fputs("];\n", out);
        }
}

static void put_legend(FILE *out, const rg_explanation *e)
{
    bool used[ROLES] = { false };
    char paths[48];
    for (size_t i = 0; i < e->count; i++) used[role_of(e, &e->subproblems[i])] = true;
    rg_path_count_text(e->paths, paths, sizeof paths);
    fputs("    label=<<font point-size=\"14\"><b>", out);
    rg_put_text(out, e->title, RG_TEXT_LABEL);
    fprintf(out, "</b></font><br/>%zu edges, %s paths<br/>", e->term_count, paths);
    for (int r = 0; r < ROLES; r++)
        if (used[r]) fprintf(out, "<font color=\"%s\">■</font> %s &#160;", looks[r].line, looks[r].name);
    if (e->path_count > 0) fputs("<font color=\"" PATH "\">━</font> the most influential path", out);
    fputs(">;\n", out);
}

rg_status rg_explanation_dot(FILE *out, const rg_explanation *e)
{
    if (!out || !e) return RG_E_NULL;
    fputs("digraph explanation {\n"
          "    graph [rankdir=TB, bgcolor=white, labelloc=t, nodesep=0.3, ranksep=0.45, pad=0.2,\n"
          "           fontname=\"" FONT "\", fontsize=10, fontcolor=\"" QUIET "\"];\n"
          "    node [shape=box, style=\"rounded,filled\", fontname=\"" FONT "\", fontsize=11, fontcolor=\"#1b2026\"];\n"
          "    edge [color=\"#8a949e\", arrowsize=0.6, fontname=\"" FONT "\", fontsize=9, fontcolor=\"" QUIET "\"];\n", out);
    put_legend(out, e);
    for (size_t i = 0; i < e->count; i++) put_box(out, e, i);
    put_edges(out, e);
    fputs("}\n", out);
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}
