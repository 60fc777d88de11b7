/* explain_text.c: an explanation as text. */
#include "explain_show.h"

#include <math.h>

enum { DIGITS = 6 };

void rg_show_number(FILE *out, double value)
{
    char text[RG_NUMBER_SIZE];
    rg_format_real(text, sizeof text, DIGITS, value);
    fputs(text, out);
}

void rg_path_count_text(rg_path_count count, char *text, size_t size)
{
    char about[RG_NUMBER_SIZE];
    rg_format_real(about, sizeof about, DIGITS, count.about);
    if (count.exact || count.about == 0) snprintf(text, size, "%llu", (unsigned long long)count.exact);
    else if (isinf(count.about)) snprintf(text, size, "more than 1e308");
    else snprintf(text, size, "about %s", about);
}

/* ---- Pieces ---------------------------------------------------------------------------------------------------- */

static void put_count(FILE *out, rg_path_count count)
{
    char text[48];
    rg_path_count_text(count, text, sizeof text);
    fputs(text, out);
}

/* "0.25", "[1, 2, 3]", or of more numbers what they are like. */
static void put_numbers(FILE *out, const rg_numbers *n)
{
    if (n->count == 1 && n->few) {
        rg_show_number(out, n->few[0]);
    } else if (n->few) {
        fputc('[', out);
        for (int64_t i = 0; i < n->count; i++) {
            if (i > 0) fputs(", ", out);
            rg_show_number(out, n->few[i]);
        }
        fputc(']', out);
    } else {
        fputc('[', out);
        rg_show_number(out, n->least);
        fputs(" ... ", out);
        rg_show_number(out, n->most);
        fprintf(out, ", %lld numbers, norm ", (long long)n->count);
        rg_show_number(out, n->norm);
        fputc(']', out);
    }
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static const rg_subproblem *root_of(const rg_explanation *e)
{
    return &e->subproblems[e->count - 1];
}

static int width_of(const char *text)
{
    return (int)rg_put_text(NULL, text, RG_TEXT_PLAIN);
}

static void put_padded(FILE *out, const char *text, int width)
{
    fputs(text, out);
    for (int i = width_of(text); i < width; i++) fputc(' ', out);
}

static int widest_label(const rg_explanation *e)
{
    int widest = 4;
    for (size_t i = 0; i < e->count; i++)
        if (width_of(e->subproblems[i].label) > widest) widest = width_of(e->subproblems[i].label);
    return widest < 28 ? widest : 28;
}

/* "v̄_h": not ∂y/∂h, which stands for the slope of the edge from h to y, too. */
static void put_adjoint(FILE *out, const rg_subproblem *s)
{
    fprintf(out, "v̄_%s", s->label);
}

/* ---- Sections -------------------------------------------------------------------------------------------------- */

static void put_program(FILE *out, const rg_explanation *e)
{
    const char *y = root_of(e)->label;
    fprintf(out, "%s\n\nBackpropagation is dynamic programming over the graph:\n\n", e->title);
    fprintf(out, "  subproblem   v̄ = ∂%s/∂v, one for each node v: %zu of %zu nodes have one\n", y, e->solved, e->count);
    fprintf(out, "  recurrence   v̄_i = Σ over consumers j of v̄_j · ∂v_j/∂v_i: %zu term%s, one an edge\n", e->term_count,
            plural(e->term_count));
    fprintf(out, "  base case    v̄_%s = ∂%s/∂%s = 1\n", y, y, y);
    fprintf(out, "  order        the reverse of recording: a node's consumers are solved before it\n");
    fprintf(out, "  memo table   one adjoint a node; %zu of them %s used more than once\n", e->overlapping,
            e->overlapping == 1 ? "is" : "are");
}

static void put_forward(FILE *out, const rg_explanation *e, int label)
{
    fprintf(out, "\nForward: each node once, in the order of recording\n\n");
    for (size_t i = 0; i < e->count; i++) {
        const rg_subproblem *s = &e->subproblems[i];
        fprintf(out, "  %3zu  ", i);
        put_padded(out, s->label, label);
        fprintf(out, " = %s", s->op);
        for (size_t k = 0; k < s->operand_count; k++)
            fprintf(out, "%s %s", k ? "," : "", e->subproblems[s->operands[k]].label);
        fprintf(out, "%s%s%s = ", *s->attributes ? " (" : "", s->attributes, *s->attributes ? ")" : "");
        put_numbers(out, &s->value);
        fprintf(out, "   %s%s%s\n", s->shape, *s->site ? "  " : "", s->site);
    }
}

static void put_solution(FILE *out, const rg_explanation *e, const rg_subproblem *s, int label)
{
    const rg_subproblem *y = root_of(e);
    const rg_explained_term *terms = e->terms + s->first_term;
    bool numbers = s->adjoint.few && s->adjoint.count == 1;
    fprintf(out, "  %3u  ", s->turn);
    put_adjoint(out, s);
    for (int i = width_of(s->label); i < label; i++) fputc(' ', out);
    if (s == y) {
        fputs(" = 1, the base case\n", out);
        return;
    }
    for (size_t i = 0; i < s->term_count; i++) {
        fprintf(out, " %c ", i ? '+' : '=');
        put_adjoint(out, &e->subproblems[terms[i].consumer]);
        fprintf(out, " · ∂%s/∂%s", e->subproblems[terms[i].consumer].label, s->label);
        numbers = numbers && terms[i].single;
    }
    for (size_t i = 0; i < s->term_count; i++) {
        fprintf(out, " %c ", i ? '+' : '=');
        if (numbers) {
            rg_show_number(out, e->subproblems[terms[i].consumer].adjoint.few[0]);
            fputs(" · ", out);
            rg_show_number(out, terms[i].slope);
        } else {
            put_numbers(out, &terms[i].handed);
        }
    }
    if (numbers || s->term_count > 1) {
        fputs(" = ", out);
        put_numbers(out, &s->adjoint);
    }
    fputc('\n', out);
}

static void put_backward(FILE *out, const rg_explanation *e, int label)
{
    fprintf(out, "\nBackward: the recurrence, each subproblem once\n\n");
    for (size_t i = e->count; i-- > 0;)
        if (e->subproblems[i].solved) put_solution(out, e, &e->subproblems[i], label);
}

static void put_memo(FILE *out, const rg_explanation *e, int label)
{
    fprintf(out, "\nThe memo table, filled\n\n  %-*s  terms  paths to %s%*s  adjoint\n", label, "node", root_of(e)->label,
            12 - width_of(root_of(e)->label) > 0 ? 12 - width_of(root_of(e)->label) : 0, "");
    for (size_t i = e->count; i-- > 0;) {
        const rg_subproblem *s = &e->subproblems[i];
        char paths[48];
        if (!s->solved) continue;
        rg_path_count_text(s->paths, paths, sizeof paths);
        fputs("  ", out);
        put_padded(out, s->label, label);
        fprintf(out, "  %5zu  %-21s  ", s->term_count, paths);
        put_numbers(out, &s->adjoint);
        fputc('\n', out);
    }
}

static void put_mistake(FILE *out, const rg_explanation *e)
{
    const rg_subproblem *s = e->naive_wrong == UINT32_MAX ? NULL : &e->subproblems[e->naive_wrong];
    if (!e->naive_done) {
        fputs("  That is too many to try.\n", out);
        return;
    }
    if (!s) {
        fputs("  \"Add into each operand, then recurse into each\" is right here:\n"
              "  no sum is handed on before it is complete.\n", out);
        return;
    }
    fprintf(out, "  \"Add into each operand, then recurse into each\" goes wrong first\n  at %s%s", s->label,
            e->naive_counts ? ": in it, " : ", where it finds ");
    if (e->naive_counts) {
        fprintf(out, "∂%s/∂%s = 1 counts ", root_of(e)->label, root_of(e)->label);
        rg_show_number(out, s->naive);
        fputs(" times instead of ", out);
        put_count(out, s->paths);
    } else {
        rg_show_number(out, s->naive);
        fputs(" instead of ", out);
        put_numbers(out, &s->adjoint);
    }
    fputs(":\n  it hands on a sum that is not complete, and what was in it already once more.\n", out);
}

static void put_without(FILE *out, const rg_explanation *e)
{
    fputs("\nWithout the table\n\n  The chain rule as a sum over paths has ", out);
    put_count(out, e->paths);
    fprintf(out, " path%s; the table has %zu edge%s.\n  Recursion from %s makes ", e->paths.exact == 1 ? "" : "s",
            e->term_count, plural(e->term_count), root_of(e)->label);
    put_count(out, e->calls);
    fprintf(out, " calls, where %zu subproblems are solved once each.\n", e->solved);
    put_mistake(out, e);
}

static void put_path(FILE *out, const rg_explanation *e)
{
    if (e->path_count == 0) return;
    fputs("\nThe same sweep with max in place of +: the most influential path\n\n  ", out);
    for (size_t i = 0; i < e->path_count; i++)
        fprintf(out, "%s%s", i ? " → " : "", e->subproblems[e->path[i]].label);
    fputs("   weight ", out);
    rg_show_number(out, e->path_weight);
    fputc('\n', out);
    if (isnan(e->entropy)) return;
    fputs("  Influence is spread over the paths with an entropy of ", out);
    rg_show_number(out, e->entropy);
    fputs(" nats:\n  as evenly as over ", out);
    rg_show_number(out, exp(e->entropy));
    fputs(" paths.\n", out);
}

rg_status rg_explanation_text(FILE *out, const rg_explanation *e)
{
    if (!out || !e) return RG_E_NULL;
    const int label = widest_label(e);
    put_program(out, e);
    put_forward(out, e, label);
    put_backward(out, e, label);
    put_memo(out, e, label);
    put_without(out, e);
    put_path(out, e);
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}
