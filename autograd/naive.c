/* naive.c: backpropagation by recursion without a table: what dynamic programming saves, and what goes wrong without it. */
#include "terms.h"

/* A call that has not returned: its node, and the term whose operand is called next. */
typedef struct {
    uint32_t node;
    size_t next;
} call;

typedef struct {
    const rg_terms *terms;
    bool counts;
    uint32_t origin;          /* the first node of the sweep */
    size_t *first;            /* of each node: its first term; they end where the consumer is another */
    double *sum;              /* of each node: what has been added into it so far */
    call *calls;              /* no deeper than there are nodes */
    uint64_t visits;
} recursion;

static bool is_term_of(const recursion *r, size_t i, uint32_t node)
{
    return i < r->terms->count && r->terms->term[i].consumer == node;
}

/* "Add into each operand": of what has come together here by now, whether that is all or not. */
static call visit(recursion *r, uint32_t node)
{
    const size_t first = r->first[node - r->origin];
    r->visits++;
    for (size_t i = first; is_term_of(r, i, node); i++) {
        const rg_term *t = &r->terms->term[i];
        r->sum[t->operand - r->origin] += r->sum[node - r->origin] * (r->counts ? 1 : t->slope);
    }
    return (call){ node, first };
}

/* "Then do the same with each operand": on a stack of our own, for a graph may be deeper than the machine's. */
static void recurse(recursion *r, uint32_t root, uint64_t most)
{
    size_t depth = 0;
    r->calls[depth++] = visit(r, root);
    while (depth > 0 && r->visits <= most) {
        call *top = &r->calls[depth - 1];
        if (is_term_of(r, top->next, top->node)) {
            const uint32_t operand = r->terms->term[top->next++].operand;
            r->calls[depth++] = visit(r, operand);
        } else {
            depth--;
        }
    }
}

double *rg_terms_recurse(const rg_terms *terms, bool counts, uint32_t first, uint32_t last, uint32_t root, uint64_t most,
                         rg_arena *memory, uint64_t *visits)
{
    const size_t nodes = (size_t)last - first + 1;
    recursion r = { .terms = terms, .counts = counts, .origin = first };
    r.first = rg_arena_take(memory, nodes * sizeof *r.first);
    r.sum = rg_arena_take_zeroed(memory, nodes * sizeof *r.sum);
    r.calls = rg_arena_take(memory, (nodes + 1) * sizeof *r.calls);
    if (!r.first || !r.sum || !r.calls) return NULL;
    for (size_t i = 0; i < nodes; i++) r.first[i] = terms->count;
    for (size_t i = terms->count; i-- > 0;) r.first[terms->term[i].consumer - first] = i;
    r.sum[root - first] = 1;
    recurse(&r, root, most);
    *visits = r.visits;
    return r.sum;
}
