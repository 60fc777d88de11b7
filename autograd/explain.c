/* explain.c: the dynamic program of a graph at hand, with its numbers. What gradient.c does is asked for term by term. */
#define RG_NO_SITES
#include "autograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "characters.h"
#include "graph_text.h"
#include "ops.h"
#include "shape.h"
#include "terms.h"

enum { MOST_CALLS = 1000000 };

/* The explanation and where all of it lies. */
typedef struct {
    rg_explanation public; /* first, so that a pointer to one is a pointer to the other */
    rg_arena arena;
} holder;

/* An explanation in the making. */
typedef struct {
    rg_tape *tape;
    rg_tensor y;
    holder *made;
    rg_sweep sweep;
    rg_terms terms;
    rg_arena memory;          /* given back at the end */
    rg_tensor *adjoint;       /* [y.node + 1] */
    uint32_t *number;         /* [y.node + 1] the subproblem of each node; UINT32_MAX: none */
    uint32_t *node;           /* [count] and the other way round */
    rg_subproblem *sub;
    rg_explained_term *term;
    uint32_t count;
} maker;

static bool out_of_memory(maker *m)
{
    rg_fail(m->tape, NULL, RG_E_MEMORY, "explain: out of memory");
    return false;
}

/* ---- What there is to solve ------------------------------------------------------------------------------------ */

/* The nodes that y depends on, in the order of recording. */
static bool number_subproblems(maker *m)
{
    rg_tape *tape = m->tape;
    const size_t all = (size_t)m->y.node + 1;
    m->number = rg_arena_take(&m->memory, all * sizeof *m->number);
    m->node = rg_arena_take(&m->memory, all * sizeof *m->node);
    if (!m->number || !m->node) return out_of_memory(m);
    memset(m->number, 0xff, all * sizeof *m->number);
    m->number[m->y.node] = 0;
    for (size_t i = all; i-- > 0;)
        for (uint32_t k = 0; m->number[i] == 0 && k < tape->nodes[i].operands; k++)
            m->number[rg_edges(tape, &tape->nodes[i])[k]] = 0;
    for (uint32_t i = 0; i < all; i++)
        if (m->number[i] == 0) {
            m->number[i] = m->count;
            m->node[m->count++] = i;
        }
    return true;
}

/* The sweep as rg_backward or, without parameters, rg_grad would do it; and each term of its sums by itself. */
static bool solve(maker *m)
{
    rg_tape *tape = m->tape;
    const size_t all = (size_t)m->y.node + 1;
    const rg_arena scratch = tape->scratch;
    bool solved = rg_solve_for_leaves(&m->sweep, "explain", m->y, true) == RG_OK;
    if (!solved && !tape->error.status) return out_of_memory(m);
    if (solved && rg_is_null(m->sweep.adjoint[m->y.node]))
        rg_fail_op(tape, NULL, RG_E_GRADIENT, "explain", "depends on no parameter and no float input", 1, &m->y);
    solved = solved && !tape->error.status && rg_terms_find(&m->sweep, true, &m->memory, &m->terms);
    m->adjoint = solved ? rg_arena_take(&m->memory, all * sizeof *m->adjoint) : NULL;
    if (m->adjoint) memcpy(m->adjoint, m->sweep.adjoint, all * sizeof *m->adjoint);
    for (uint32_t i = 0; m->adjoint && i < all; i++)
        if (!m->sweep.active[i]) m->adjoint[i] = (rg_tensor){ 0 };
    rg_arena_return(&tape->scratch, &scratch);
    if (solved && !m->adjoint) return out_of_memory(m);
    return solved;
}

static bool evaluate(maker *m)
{
    rg_tensor *all = rg_arena_take(&m->memory, 2 * m->count * sizeof *all);
    if (!all) return out_of_memory(m);
    for (uint32_t i = 0; i < m->count; i++) {
        all[2 * i] = rg_handle(m->tape, m->node[i]);
        all[2 * i + 1] = m->adjoint[m->node[i]];
    }
    return rg_evaluate_all(m->tape, all, 2 * m->count) && rg_terms_evaluate(m->tape, &m->terms);
}

/* ---- What is kept of it ---------------------------------------------------------------------------------------- */

static void *take(maker *m, size_t count, size_t size)
{
    size_t bytes;
    void *memory = rg_size_mul(count ? count : 1, size, &bytes) ? rg_arena_take_zeroed(&m->made->arena, bytes) : NULL;
    if (!memory) out_of_memory(m);
    return memory;
}

/* White space becomes a space, and what is no character a question mark: so it fits into a line, and into JSON. */
static const char *keep_text(maker *m, const char *text)
{
    char *copy = take(m, strlen(text) + 1, 1), *to = copy;
    if (!copy) return "";
    for (const char *s = text; *s;) {
        const size_t length = rg_character_length((const unsigned char *)s);
        if (length) memcpy(to, s, length);
        else *to = *s == '\n' || *s == '\t' || *s == '\r' ? ' ' : '?';
        to += length ? length : 1;
        s += length ? length : 1;
    }
    return copy;
}

static rg_numbers keep_numbers(maker *m, rg_tensor t)
{
    rg_numbers n = { .count = 0 };
    const void *data = rg_is_null(t) ? NULL : rg_data(t);
    if (!data) return n;
    n = (rg_numbers){ .count = rg_shape_count(rg_shape_of(t)), .least = INFINITY, .most = -INFINITY };
    double *few = n.count <= RG_EXPLAINED_FEW ? take(m, (size_t)n.count, sizeof *few) : NULL, squares = 0;
    for (int64_t i = 0; i < n.count; i++) {
        const double x = rg_element(rg_dtype_of(t), data, i);
        if (few) few[i] = x;
        n.least = fmin(n.least, x);
        n.most = fmax(n.most, x);
        n.mean += x / (double)n.count;
        squares += x * x;
    }
    n.norm = sqrt(squares);
    n.few = few;
    return n;
}

static void keep_subproblem(maker *m, uint32_t i)
{
    const rg_node *node = &m->tape->nodes[m->node[i]];
    rg_subproblem *s = &m->sub[i];
    char text[160] = "", number[16];
    snprintf(number, sizeof number, "%%%u", i);
    s->label = keep_text(m, node->name && *node->name ? node->name : number);
    s->op = keep_text(m, node->op->name);
    if (node->op->describe && node->attributes) node->op->describe(node->attributes, text, sizeof text);
    text[sizeof text - 1] = '\0';
    s->attributes = keep_text(m, text);
    rg_describe_shape((rg_dtype)node->dtype, node->shape, text, sizeof text);
    s->shape = keep_text(m, text);
    s->scope = keep_text(m, m->tape->scopes[node->scope].path ? m->tape->scopes[node->scope].path : "");
    s->site = keep_text(m, rg_site_short(node->site));
    s->leaf = node->op->kind == RG_LEAF;
    s->solved = !rg_is_null(m->adjoint[m->node[i]]);
    uint32_t *operands = take(m, node->operands, sizeof *operands);
    for (uint32_t k = 0; operands && k < node->operands; k++)
        operands[k] = m->number[rg_edges(m->tape, &m->tape->nodes[m->node[i]])[k]];
    s->operands = operands;
    s->operand_count = operands ? m->tape->nodes[m->node[i]].operands : 0;
    s->value = keep_numbers(m, rg_handle(m->tape, m->node[i]));
    s->adjoint = keep_numbers(m, m->adjoint[m->node[i]]);
    s->naive = NAN;
}

static bool keep_subproblems(maker *m)
{
    rg_explanation *e = &m->made->public;
    if (!(m->sub = take(m, m->count, sizeof *m->sub))) return false;
    e->subproblems = m->sub;
    e->count = m->count;
    for (uint32_t i = 0; i < m->count && !m->tape->error.status; i++) keep_subproblem(m, i);
    for (uint32_t i = m->count; i-- > 0;)
        if (m->sub[i].solved) m->sub[i].turn = (uint32_t)++e->solved;
    return !m->tape->error.status;
}

/* By operand; those of one operand in the order of the sweep, which is that in which they are added. */
static bool keep_terms(maker *m)
{
    rg_explanation *e = &m->made->public;
    if (!(m->term = take(m, m->terms.count, sizeof *m->term))) return false;
    e->terms = m->term;
    e->term_count = m->terms.count;
    for (size_t i = 0; i < m->terms.count; i++) m->sub[m->number[m->terms.term[i].operand]].term_count++;
    size_t next = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        m->sub[i].first_term = next;
        next += m->sub[i].term_count;
        if (m->sub[i].term_count > 1) e->overlapping++;
        m->sub[i].term_count = 0;
    }
    for (size_t i = 0; i < m->terms.count; i++) {
        const rg_term *t = &m->terms.term[i];
        rg_subproblem *s = &m->sub[m->number[t->operand]];
        m->term[s->first_term + s->term_count++] =
            (rg_explained_term){ .operand = m->number[t->operand], .consumer = m->number[t->consumer], .k = t->k,
                                 .single = t->single, .slope = t->slope, .handed = keep_numbers(m, t->handed) };
    }
    return !m->tape->error.status;
}

/* ---- The same sweep, asked other questions ------------------------------------------------------------------- */

static void *sweep_over(maker *m, const rg_semiring *semiring)
{
    void *table = rg_terms_solve(m->tape, &m->terms, semiring, 0, m->y.node, &m->y, 1, &m->memory);
    if (!table) out_of_memory(m);
    return table;
}

static bool is_asked_for(const rg_subproblem *s)
{
    return s->leaf && s->solved;
}

static bool count_paths(maker *m)
{
    rg_explanation *e = &m->made->public;
    const rg_path_count *paths = sweep_over(m, &rg_semiring_paths);
    for (uint32_t i = 0; paths && i < m->count; i++) {
        if (!m->sub[i].solved) continue;
        m->sub[i].paths = paths[m->node[i]];
        rg_semiring_paths.add(&e->calls, &m->sub[i].paths);
        if (is_asked_for(&m->sub[i])) rg_semiring_paths.add(&e->paths, &m->sub[i].paths);
    }
    return paths;
}

static bool find_path(maker *m)
{
    rg_explanation *e = &m->made->public;
    const rg_strongest *best = sweep_over(m, &rg_semiring_strongest);
    const rg_path_weights *spread = sweep_over(m, &rg_semiring_entropy);
    rg_path_weights total = { 0, 0 };
    uint32_t start = UINT32_MAX, *path = take(m, m->count, sizeof *path);
    if (!best || !spread || !path) return false;
    for (uint32_t i = 0; i < m->count; i++) {
        if (!is_asked_for(&m->sub[i])) continue;
        rg_semiring_entropy.add(&total, &spread[m->node[i]]);
        if (best[m->node[i]].weight > e->path_weight) e->path_weight = best[m->node[start = i]].weight;
    }
    e->entropy = rg_path_entropy(total);
    e->path = path;
    for (uint32_t i = start; i != UINT32_MAX;) {
        const rg_tensor next = best[m->node[i]].next;
        path[e->path_count++] = i;
        m->sub[i].on_strongest_path = true;
        i = rg_is_null(next) ? UINT32_MAX : m->number[next.node];
    }
    return true;
}

/* Rounding is no mistake: the recursion adds in another order, and in f64. */
static bool far_apart(rg_dtype dtype, double a, double b)
{
    return !(fabs(a - b) <= (dtype == RG_F32 ? 1e-5 : 1e-9) * fmax(fabs(a), fabs(b)));
}

static bool try_without_table(maker *m, uint64_t most)
{
    rg_explanation *e = &m->made->public;
    uint64_t calls;
    e->naive_wrong = UINT32_MAX;
    if (e->calls.about > (double)most) return true;
    for (size_t i = 0; i < m->terms.count; i++) e->naive_counts = e->naive_counts || !m->terms.term[i].single;
    const double *sums = rg_terms_recurse(&m->terms, e->naive_counts, 0, m->y.node, m->y.node, most, &m->memory, &calls);
    if (!sums) return out_of_memory(m);
    e->naive_done = true;
    for (uint32_t i = m->count; i-- > 0;) {
        if (!m->sub[i].solved) continue;
        m->sub[i].naive = sums[m->node[i]];
        const double right = e->naive_counts ? m->sub[i].paths.about : m->sub[i].adjoint.few[0];
        if (e->naive_wrong == UINT32_MAX && far_apart(rg_dtype_of(m->y), m->sub[i].naive, right)) e->naive_wrong = i;
    }
    return true;
}

/* ---- All together ---------------------------------------------------------------------------------------------- */

static bool keep_title(maker *m, const char *title)
{
    char text[160];
    snprintf(text, sizeof text, "The derivatives of %.100s", m->sub[m->count - 1].label);
    m->made->public.title = keep_text(m, title && *title ? title : text);
    return !m->tape->error.status;
}

static bool make(maker *m, const rg_explain_options *o)
{
    return number_subproblems(m) && solve(m) && evaluate(m) && keep_subproblems(m) && keep_terms(m) && count_paths(m) &&
           find_path(m) && try_without_table(m, o->most_calls ? o->most_calls : MOST_CALLS) && keep_title(m, o->title);
}

rg_explanation *rg_explain_at(const char *site, rg_tensor y, const rg_explain_options *options)
{
    const rg_explain_options o = options ? *options : (rg_explain_options){ 0 };
    rg_tape *tape = y.tape;
    if (!tape || !rg_node_checked(site, "explain", y)) return NULL;
    maker m = { .tape = tape, .y = y, .made = calloc(1, sizeof *m.made) };
    if (!m.made) return rg_fail(tape, site, RG_E_MEMORY, "explain: out of memory"), NULL;
    const char *previous = rg_set_site(tape, site ? site : tape->site);
    const bool made = make(&m, &o);
    rg_set_site(tape, previous);
    rg_arena_free(&m.memory);
    if (made) return &m.made->public;
    rg_explanation_free(&m.made->public);
    return NULL;
}

void rg_explanation_free(rg_explanation *explanation)
{
    if (!explanation) return;
    holder *made = (holder *)explanation;
    rg_arena_free(&made->arena);
    free(made);
}
