/* explain_json.c: an explanation in JSON, and the page that plays it. */
#include "explain_show.h"

#include <string.h>

static void put_indices(FILE *out, const char *name, const uint32_t *index, size_t count)
{
    rg_put(out, ",'$j':[", name);
    for (size_t i = 0; i < count; i++) rg_put(out, "$,$u", i, index[i]);
    rg_put(out, "]");
}

static void put_count(FILE *out, const char *name, rg_path_count count)
{
    char text[48];
    rg_path_count_text(count, text, sizeof text);
    rg_put(out, ",'$j':'$j'", name, text);
}

static void put_numbers(FILE *out, const char *name, const rg_numbers *n)
{
    rg_put(out, ",'$j':{'count':$f", name, (double)n->count);
    if (n->few) {
        rg_put(out, ",'few':[");
        for (int64_t i = 0; i < n->count; i++) rg_put(out, "$,$f", (size_t)i, n->few[i]);
        rg_put(out, "]");
    } else if (n->count > 0) {
        rg_put(out, ",'least':$f,'mean':$f,'most':$f,'norm':$f", n->least, n->mean, n->most, n->norm);
    }
    rg_put(out, "}");
}

static void put_subproblem(FILE *out, const rg_subproblem *s)
{
    rg_put(out, "{'label':'$j','op':'$j','attributes':'$j','shape':'$j','scope':'$j','site':'$j'", s->label, s->op,
           s->attributes, s->shape, s->scope, s->site);
    rg_put(out, ",'leaf':$b,'solved':$b,'turn':$u", s->leaf, s->solved, s->turn);
    put_indices(out, "operands", s->operands, s->operand_count);
    put_numbers(out, "value", &s->value);
    put_numbers(out, "adjoint", &s->adjoint);
    put_count(out, "paths", s->paths);
    rg_put(out, ",'naive':$f,'strongest':$b}", s->naive, s->on_strongest_path);
}

static void put_term(FILE *out, const rg_explained_term *t)
{
    rg_put(out, "{'operand':$u,'consumer':$u,'k':$u,'single':$b,'slope':$f", t->operand, t->consumer, (uint32_t)t->k, t->single,
           t->slope);
    put_numbers(out, "handed", &t->handed);
    rg_put(out, "}");
}

static void put_totals(FILE *out, const rg_explanation *e)
{
    rg_put(out, ",'totals':{'solved':$z,'edges':$z,'overlapping':$z", e->solved, e->term_count, e->overlapping);
    put_count(out, "paths", e->paths);
    put_count(out, "calls", e->calls);
    rg_put(out, ",'naive_done':$b,'naive_counts':$b,'naive_wrong':$u", e->naive_done, e->naive_counts, e->naive_wrong);
    rg_put(out, ",'path_weight':$f,'entropy':$f}", e->path_weight, e->entropy);
}

static void put_explanation(FILE *out, const rg_explanation *e)
{
    rg_put(out, "{'title':'$j','subproblems':[", e->title);
    for (size_t i = 0; i < e->count; i++) {
        rg_put(out, "$,", i);
        put_subproblem(out, &e->subproblems[i]);
    }
    rg_put(out, "],'terms':[");
    for (size_t i = 0; i < e->term_count; i++) {
        rg_put(out, "$,", i);
        put_term(out, &e->terms[i]);
    }
    rg_put(out, "]");
    put_indices(out, "path", e->path, e->path_count);
    put_totals(out, e);
    rg_put(out, "}");
}

rg_status rg_explanation_json(FILE *out, const rg_explanation *e)
{
    if (!out || !e) return RG_E_NULL;
    put_explanation(out, e);
    fputc('\n', out);
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}

rg_status rg_explanation_html(FILE *out, const rg_explanation *e)
{
    static const char place[] = "/*EXPLANATION*/null";
    if (!out || !e) return RG_E_NULL;
    const char *before = strstr(rg_explain_page, place);
    fwrite(rg_explain_page, 1, (size_t)(before - rg_explain_page), out);
    put_explanation(out, e);
    fputs(before + strlen(place), out);
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}
