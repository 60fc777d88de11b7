/* explain_json.c: an explanation in JSON, and the page that plays it. */
#include "explain_show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* Adds the item, and says whether there is one: cJSON gives NULL when out of memory. */
static bool add(cJSON *object, const char *name, cJSON *item)
{
    return name ? cJSON_AddItemToObject(object, name, item) : cJSON_AddItemToArray(object, item);
}

/* With as many digits as it takes to read the same number again, which cJSON leaves out; a point in every locale. Null for
 * NaN and infinities, which JSON does not know. */
static cJSON *number_of(double value)
{
    char text[32];
    if (!isfinite(value)) return cJSON_CreateNull();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    for (char *s = text; *s; s++)
        if (*s == ',') *s = '.';
    return cJSON_CreateRaw(text);
}

static cJSON *count_of(rg_path_count count)
{
    char text[48];
    rg_path_count_text(count, text, sizeof text);
    return cJSON_CreateString(text);
}

static cJSON *indices_of(const uint32_t *index, size_t count)
{
    cJSON *array = cJSON_CreateArray();
    bool good = array;
    for (size_t i = 0; good && i < count; i++) good = add(array, NULL, cJSON_CreateNumber(index[i]));
    if (good) return array;
    cJSON_Delete(array);
    return NULL;
}

static cJSON *numbers_of(const rg_numbers *n)
{
    cJSON *object = cJSON_CreateObject();
    bool good = object && add(object, "count", cJSON_CreateNumber((double)n->count));
    if (good && n->few) {
        cJSON *few = cJSON_AddArrayToObject(object, "few");
        good = few;
        for (int64_t i = 0; good && i < n->count; i++) good = add(few, NULL, number_of(n->few[i]));
    } else if (good && n->count > 0) {
        good = add(object, "least", number_of(n->least)) && add(object, "mean", number_of(n->mean)) &&
               add(object, "most", number_of(n->most)) && add(object, "norm", number_of(n->norm));
    }
    if (good) return object;
    cJSON_Delete(object);
    return NULL;
}

static bool add_subproblem(cJSON *array, const rg_subproblem *s)
{
    cJSON *o = cJSON_CreateObject();
    return add(array, NULL, o) && add(o, "label", cJSON_CreateString(s->label)) && add(o, "op", cJSON_CreateString(s->op)) &&
           add(o, "attributes", cJSON_CreateString(s->attributes)) && add(o, "shape", cJSON_CreateString(s->shape)) &&
           add(o, "scope", cJSON_CreateString(s->scope)) && add(o, "site", cJSON_CreateString(s->site)) &&
           add(o, "leaf", cJSON_CreateBool(s->leaf)) && add(o, "solved", cJSON_CreateBool(s->solved)) &&
           add(o, "turn", cJSON_CreateNumber(s->turn)) && add(o, "operands", indices_of(s->operands, s->operand_count)) &&
           add(o, "value", numbers_of(&s->value)) && add(o, "adjoint", numbers_of(&s->adjoint)) &&
           add(o, "paths", count_of(s->paths)) && add(o, "naive", number_of(s->naive)) &&
           add(o, "strongest", cJSON_CreateBool(s->on_strongest_path));
}

static bool add_term(cJSON *array, const rg_explained_term *t)
{
    cJSON *o = cJSON_CreateObject();
    return add(array, NULL, o) && add(o, "operand", cJSON_CreateNumber(t->operand)) &&
           add(o, "consumer", cJSON_CreateNumber(t->consumer)) && add(o, "k", cJSON_CreateNumber(t->k)) &&
           add(o, "single", cJSON_CreateBool(t->single)) && add(o, "slope", number_of(t->slope)) &&
           add(o, "handed", numbers_of(&t->handed));
}

static bool add_totals(cJSON *object, const rg_explanation *e)
{
    cJSON *o = cJSON_AddObjectToObject(object, "totals");
    const bool wrong = e->naive_wrong != UINT32_MAX;
    return o && add(o, "solved", cJSON_CreateNumber((double)e->solved)) &&
           add(o, "edges", cJSON_CreateNumber((double)e->term_count)) &&
           add(o, "overlapping", cJSON_CreateNumber((double)e->overlapping)) && add(o, "paths", count_of(e->paths)) &&
           add(o, "calls", count_of(e->calls)) && add(o, "naive_done", cJSON_CreateBool(e->naive_done)) &&
           add(o, "naive_counts", cJSON_CreateBool(e->naive_counts)) &&
           add(o, "naive_wrong", wrong ? cJSON_CreateNumber(e->naive_wrong) : cJSON_CreateNull()) &&
           add(o, "path_weight", number_of(e->path_weight)) && add(o, "entropy", number_of(e->entropy));
}

/* To be freed by cJSON_free; NULL when out of memory. */
static char *print(const rg_explanation *e)
{
    cJSON *object = cJSON_CreateObject();
    bool good = object && add(object, "title", cJSON_CreateString(e->title));
    cJSON *subproblems = good ? cJSON_AddArrayToObject(object, "subproblems") : NULL;
    for (size_t i = 0; (good = good && subproblems) && i < e->count; i++) good = add_subproblem(subproblems, &e->subproblems[i]);
    cJSON *terms = good ? cJSON_AddArrayToObject(object, "terms") : NULL;
    for (size_t i = 0; (good = good && terms) && i < e->term_count; i++) good = add_term(terms, &e->terms[i]);
    good = good && add(object, "path", indices_of(e->path, e->path_count)) && add_totals(object, e);
    char *text = good ? cJSON_PrintUnformatted(object) : NULL;
    cJSON_Delete(object);
    return text;
}

rg_status rg_explanation_json(FILE *out, const rg_explanation *e)
{
    char *text = out && e ? print(e) : NULL;
    if (!out || !e) return RG_E_NULL;
    if (!text) return RG_E_MEMORY;
    fprintf(out, "%s\n", text);
    cJSON_free(text);
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}

/* Inside a script no text may begin a tag, whatever a tensor is called. */
static void put_in_script(FILE *out, const char *json)
{
    for (; *json; json++)
        if (*json == '<') fputs("\\u003c", out);
        else fputc(*json, out);
}

rg_status rg_explanation_html(FILE *out, const rg_explanation *e)
{
    static const char place[] = "/*EXPLANATION*/null";
    char *text = out && e ? print(e) : NULL;
    if (!out || !e) return RG_E_NULL;
    if (!text) return RG_E_MEMORY;
    const char *before = strstr(rg_explain_page, place);
    fwrite(rg_explain_page, 1, (size_t)(before - rg_explain_page), out);
    put_in_script(out, text);
    fputs(before + strlen(place), out);
    cJSON_free(text);
    return fflush(out) == 0 && !ferror(out) ? RG_OK : RG_E_FILE;
}
