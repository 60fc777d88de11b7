/* terms.c: the terms of the recurrence's sums. gradient.c adds them up as it goes, and notes them for who explains it, or
 * wants other sums. Slopes of single numbers are asked for once more. */
#define RG_NO_SITES
#include "terms.h"

#include <math.h>
#include <string.h>

#include "ops.h"
#include "shape.h"
#include "transform.h"

static bool is_edge(const rg_sweep *s, uint32_t j, uint32_t k)
{
    const rg_node *node = &s->tape->nodes[j];
    const uint32_t i = rg_edges(s->tape, node)[k];
    const bool declared_zero = k < 32 && node->op->no_gradient >> k & 1u;
    return i >= s->first && s->active[i - s->first] && !declared_zero;
}

/* The nodes that have a part in it: those that the last ones depend on through active edges. */
static bool *mark_reached(const rg_sweep *s, rg_arena *memory)
{
    const size_t count = (size_t)s->last - s->first + 1;
    bool *reached = rg_arena_take_zeroed(memory, count);
    for (uint32_t j = s->last + 1; reached && j-- > s->first;) {
        if (!s->active[j - s->first]) continue;
        if (!rg_is_null(s->adjoint[j - s->first])) reached[j - s->first] = true;
        for (uint32_t k = 0; reached[j - s->first] && k < s->tape->nodes[j].operands; k++)
            if (is_edge(s, j, k)) reached[rg_edges(s->tape, &s->tape->nodes[j])[k] - s->first] = true;
    }
    return reached;
}

bool rg_sweep_note_handed(rg_sweep *s)
{
    const rg_node *last = &s->tape->nodes[s->last];
    s->handed = rg_arena_take_zeroed(&s->tape->scratch, ((size_t)last->first_edge + last->operands + 1) * sizeof *s->handed);
    return s->handed;
}

/* The derivative of a single number: what its rule makes of 1. A hook is called once, by the sweep, and need not be
 * linear: its derivative is by how much it changed what it was shown. */
static rg_tensor local_slope(rg_tape *tape, const rg_term *t)
{
    const rg_node *node = &tape->nodes[t->consumer];
    const rg_op *op = node->op;
    const uint32_t n = node->operands;
    rg_tensor few[RG_MAX_OPERANDS], *in = few;
    if (op == &rg_hook_view) return rg_is_null(t->handed) ? t->handed : rg_adjoint_div(t->handed, t->adjoint);
    if (n > RG_MAX_OPERANDS && !(in = rg_arena_take(&tape->scratch, n * sizeof *in)))
        return rg_fail(tape, NULL, RG_E_MEMORY, "explain: out of memory");
    for (uint32_t k = 0; k < n; k++) in[k] = rg_handle(tape, rg_edges(tape, node)[k]);
    const rg_tensor one = rg_full(tape, (rg_dtype)node->dtype, *node->shape, 1);
    const rg_tensor c = op->vjp(t->k, in, rg_handle(tape, t->consumer), one);
    return rg_unbroadcast(c, *tape->nodes[t->operand].shape);
}

static bool is_one_number(const rg_tape *tape, uint32_t i)
{
    return rg_shape_count(*tape->nodes[i].shape) == 1;
}

static void record_term(const rg_sweep *s, rg_term *t)
{
    rg_tape *tape = s->tape;
    const rg_stamp stamp = rg_stamp_as(tape, t->consumer);
    const rg_arena scratch = tape->scratch;
    tape->recording_flags = RG_NODE_ADJOINT;
    tape->recording_forward = t->consumer;
    t->adjoint = s->adjoint[t->consumer - s->first];
    t->handed = s->handed[tape->nodes[t->consumer].first_edge + (uint32_t)t->k];
    t->single = is_one_number(tape, t->consumer) && is_one_number(tape, t->operand);
    if (t->single) t->local = local_slope(tape, t);
    rg_arena_return(&tape->scratch, &scratch);
    rg_stamp_restore(tape, &stamp);
}

bool rg_terms_find(const rg_sweep *s, bool tensors, rg_arena *memory, rg_terms *terms)
{
    rg_tape *tape = s->tape;
    size_t capacity = 0, nodes = 0;
    const bool *reached = mark_reached(s, memory);
    for (uint32_t j = s->first; reached && j <= s->last; j++)
        if (reached[j - s->first]) nodes++, capacity += tape->nodes[j].operands;
    *terms = (rg_terms){ .nodes = nodes };
    if (reached) terms->term = rg_arena_take(memory, (capacity + 1) * sizeof *terms->term);
    if (!terms->term) return rg_fail(tape, NULL, RG_E_MEMORY, "explain: out of memory"), false;
    for (uint32_t j = s->last + 1; j-- > s->first;)
        for (uint32_t k = 0; reached[j - s->first] && k < tape->nodes[j].operands; k++)
            if (is_edge(s, j, k))
                terms->term[terms->count++] = (rg_term){ .operand = rg_edges(tape, &tape->nodes[j])[k], .consumer = j,
                                                         .k = (int)k, .slope = NAN };
    for (size_t i = 0; tensors && i < terms->count && !tape->error.status; i++) record_term(s, &terms->term[i]);
    return !tape->error.status;
}

/* The root of the sum of the squares. */
static double norm_of(rg_tensor t)
{
    const void *data = rg_data(t);
    double sum = 0;
    const int64_t count = data ? rg_shape_count(rg_shape_of(t)) : 0;
    for (int64_t i = 0; i < count; i++) {
        const double x = rg_element(rg_dtype_of(t), data, i);
        sum += x * x;
    }
    return sqrt(sum);
}

static double slope_of(const rg_term *t)
{
    if (t->single) return rg_is_null(t->local) ? 0 : rg_item(t->local);
    if (rg_is_null(t->handed)) return 0;
    const double flows = norm_of(t->adjoint);
    return flows > 0 ? norm_of(t->handed) / flows : 0;
}

bool rg_evaluate_all(rg_tape *tape, const rg_tensor *tensors, size_t n)
{
    rg_arena memory = { 0 };
    int count = 0;
    rg_tensor *there = n < INT32_MAX ? rg_arena_take(&memory, (n + 1) * sizeof *there) : NULL;
    for (size_t i = 0; there && i < n; i++)
        if (!rg_is_null(tensors[i])) there[count++] = tensors[i];
    if (!there) rg_fail(tape, NULL, RG_E_MEMORY, "explain: out of memory");
    else if (count > 0) rg_eval(count, there);
    rg_arena_free(&memory);
    return !tape->error.status;
}

bool rg_terms_evaluate(rg_tape *tape, rg_terms *terms)
{
    rg_arena memory = { 0 };
    rg_tensor *all = rg_arena_take(&memory, (3 * terms->count + 1) * sizeof *all);
    for (size_t i = 0; all && i < terms->count; i++) {
        const rg_term *t = &terms->term[i];
        memcpy(all + 3 * i, (const rg_tensor[]){ t->handed, t->local, t->adjoint }, 3 * sizeof *all);
    }
    if (!all) rg_fail(tape, NULL, RG_E_MEMORY, "explain: out of memory");
    else rg_evaluate_all(tape, all, 3 * terms->count);
    rg_arena_free(&memory);
    for (size_t i = 0; i < terms->count && !tape->error.status; i++) terms->term[i].slope = slope_of(&terms->term[i]);
    return !tape->error.status;
}

void *rg_terms_solve(rg_tape *tape, const rg_terms *terms, const rg_semiring *semiring, uint32_t first, uint32_t last,
                     const rg_tensor *outputs, int count, rg_arena *memory)
{
    const size_t nodes = (size_t)last - first + 1, size = semiring->size;
    size_t bytes;
    void *term = rg_arena_take(memory, size);
    char *table = rg_size_mul(nodes, size, &bytes) ? rg_arena_take(memory, bytes) : NULL;
    if (!table || !term) return NULL;
    for (size_t i = 0; i < nodes; i++) semiring->zero(table + i * size);
    for (int i = 0; i < count; i++)
        if (outputs[i].node >= first) semiring->one(table + (outputs[i].node - first) * size);
    for (size_t i = 0; i < terms->count; i++) {
        const rg_term *t = &terms->term[i];
        const rg_edge edge = { rg_handle(tape, t->operand), rg_handle(tape, t->consumer), t->k, t->slope };
        semiring->extend(term, table + (t->consumer - first) * size, &edge);
        semiring->add(table + (t->operand - first) * size, term);
    }
    return table;
}
