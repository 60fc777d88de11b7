/* semiring.c: the recurrence of gradient.c over any semiring. The walk is the same: from the last node to the first, each
 * consumer handing on its finished value along its edges. */
#define RG_NO_SITES
#include "autograd.h"

#include <math.h>
#include <string.h>

#include "shape.h"
#include "terms.h"
#include "transform.h"

/* ---- The semirings --------------------------------------------------------------------------------------------- */

static void real_zero(void *v) { *(double *)v = 0; }
static void real_one(void *v) { *(double *)v = 1; }
static void real_add(void *sum, const void *term) { *(double *)sum += *(const double *)term; }
static void real_extend(void *term, const void *v, const rg_edge *e) { *(double *)term = *(const double *)v * e->slope; }
const rg_semiring rg_semiring_real = { "real", sizeof(double), true, real_zero, real_one, real_add, real_extend };

static void paths_zero(void *v) { *(rg_path_count *)v = (rg_path_count){ 0, 0 }; }
static void paths_one(void *v) { *(rg_path_count *)v = (rg_path_count){ 1, 1 }; }

/* Once a count does not fit it never does again: counts only grow. */
static void paths_add(void *sum, const void *term)
{
    rg_path_count *a = sum;
    const rg_path_count *b = term;
    const bool inexact = (a->about > 0 && a->exact == 0) || (b->about > 0 && b->exact == 0);
    if (inexact || __builtin_add_overflow(a->exact, b->exact, &a->exact)) a->exact = 0;
    a->about = a->exact ? (double)a->exact : a->about + b->about;
}

static void paths_extend(void *term, const void *v, const rg_edge *e)
{
    (void)e;
    *(rg_path_count *)term = *(const rg_path_count *)v;
}
const rg_semiring rg_semiring_paths = { "paths", sizeof(rg_path_count), false, paths_zero, paths_one, paths_add,
                                        paths_extend };

static void reach_zero(void *v) { *(bool *)v = false; }
static void reach_one(void *v) { *(bool *)v = true; }
static void reach_add(void *sum, const void *term) { *(bool *)sum = *(bool *)sum || *(const bool *)term; }
static void reach_extend(void *term, const void *v, const rg_edge *e) { (void)e, *(bool *)term = *(const bool *)v; }
const rg_semiring rg_semiring_reach = { "reach", sizeof(bool), false, reach_zero, reach_one, reach_add, reach_extend };

static void strongest_zero(void *v) { *(rg_strongest *)v = (rg_strongest){ .weight = 0 }; }
static void strongest_one(void *v) { *(rg_strongest *)v = (rg_strongest){ .weight = 1 }; }

static void strongest_add(void *sum, const void *term)
{
    rg_strongest *best = sum;
    const rg_strongest *other = term;
    if (other->weight > best->weight) *best = *other;
}

static void strongest_extend(void *term, const void *v, const rg_edge *e)
{
    *(rg_strongest *)term = (rg_strongest){ ((const rg_strongest *)v)->weight * fabs(e->slope), e->consumer };
}
const rg_semiring rg_semiring_strongest = { "strongest", sizeof(rg_strongest), true, strongest_zero, strongest_one,
                                            strongest_add, strongest_extend };

static void entropy_zero(void *v) { *(rg_path_weights *)v = (rg_path_weights){ 0, 0 }; }
static void entropy_one(void *v) { *(rg_path_weights *)v = (rg_path_weights){ 1, 0 }; }

static void entropy_add(void *sum, const void *term)
{
    rg_path_weights *a = sum;
    const rg_path_weights *b = term;
    *a = (rg_path_weights){ a->total + b->total, a->weighted_log + b->weighted_log };
}

/* Each weight w becomes w s: Σ w s ln (w s) = s Σ w ln w + s ln s Σ w. */
static void entropy_extend(void *term, const void *v, const rg_edge *e)
{
    const rg_path_weights *a = v;
    const double s = fabs(e->slope);
    *(rg_path_weights *)term = s > 0 ? (rg_path_weights){ s * a->total, s * a->weighted_log + s * log(s) * a->total }
                               : (rg_path_weights){ 0, 0 };
}
const rg_semiring rg_semiring_entropy = { "entropy", sizeof(rg_path_weights), true, entropy_zero, entropy_one, entropy_add,
                                         entropy_extend };

double rg_path_entropy(rg_path_weights spread)
{
    const double entropy = spread.total > 0 ? log(spread.total) - spread.weighted_log / spread.total : 0;
    if (!isfinite(spread.total) || !isfinite(spread.weighted_log)) return (double)NAN;
    return entropy > 0 ? entropy : 0; /* of one path, rounding may leave less than nothing */
}

/* ---- The sweep ------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *site, *what, *previous;
    rg_tape *tape;
    const rg_semiring *semiring;
    const rg_tensor *y, *wrt;
    int outputs, n;
    rg_sweep sweep;
    rg_terms terms;
    rg_arena memory;          /* of the terms and the table */
    char *table;              /* the memo table: a value for each node */
} solver;

static bool check(const solver *s)
{
    rg_tape *tape = s->tape;
    if (tape->error.status) return false;
    if (s->outputs < 1 || !s->y || s->n < 0 || (s->n > 0 && !s->wrt))
        return rg_fail(tape, NULL, RG_E_NULL, "%s: no place for outputs or variables", s->what), false;
    for (int i = 0; i < s->outputs + s->n; i++) {
        const rg_tensor t = i < s->outputs ? s->y[i] : s->wrt[i - s->outputs];
        if (t.tape != tape)
            rg_fail(tape, NULL, t.tape ? RG_E_TAPE : RG_E_NULL, "%s: a tensor is %s", s->what,
                    t.tape ? "on another tape" : "the null tensor");
        if (tape->error.status || !rg_node_checked(NULL, s->what, t)) return false;
    }
    return true;
}

/* The base case of the sweep that measures slopes, and the mark of where this one begins. */
static bool begin(solver *s)
{
    rg_tape *tape = s->tape;
    uint32_t first = UINT32_MAX, last = 0;
    for (int i = 0; i < s->outputs; i++)
        if (s->y[i].node > last) last = s->y[i].node;
    for (int i = 0; i < s->n; i++)
        if (s->wrt[i].node < first) first = s->wrt[i].node;
    if (first > last) first = last;
    if (!rg_sweep_begin(&s->sweep, tape, first, last)) return false;
    if (s->semiring->slopes && !rg_sweep_note_handed(&s->sweep))
        return rg_fail(tape, NULL, RG_E_MEMORY, "%s: out of memory", s->what), false;
    for (int i = 0; i < s->n; i++)
        if (s->wrt[i].node <= last) s->sweep.active[s->wrt[i].node - first] = true;
    rg_mark_dependents(&s->sweep);
    for (int i = 0; i < s->outputs; i++) {
        if (s->y[i].node < first) continue;
        rg_tensor *entry = &s->sweep.adjoint[s->y[i].node - first];
        rg_tensor seed = s->semiring->slopes ? rg_seed_for(NULL, s->what, s->y[i], (rg_tensor){ 0 }) : s->y[i];
        if (rg_is_null(seed)) return false;
        *entry = rg_is_null(*entry) || !s->semiring->slopes ? seed : rg_add(*entry, seed);
    }
    return !tape->error.status;
}

static bool measure(solver *s)
{
    const bool slopes = s->semiring->slopes;
    if (slopes && !rg_solve_adjoints(&s->sweep)) return false;
    if (!rg_terms_find(&s->sweep, slopes, &s->memory, &s->terms)) return false;
    for (size_t i = 0; s->semiring == &rg_semiring_real && i < s->terms.count; i++)
        if (!s->terms.term[i].single) {
            const rg_tensor ends[] = { rg_handle(s->tape, s->terms.term[i].operand),
                                       rg_handle(s->tape, s->terms.term[i].consumer) };
            return rg_fail_op(s->tape, NULL, RG_E_SHAPE, s->what, "an edge between tensors that are not single numbers", 2,
                              ends), false;
        }
    return true;
}

/* Where the sweep keeps the value of a node. */
static void *entry_of(const solver *s, uint32_t node)
{
    return s->table + (size_t)(node - s->sweep.first) * s->semiring->size;
}

static bool solve(solver *s)
{
    s->table = rg_terms_solve(s->tape, &s->terms, s->semiring, s->sweep.first, s->sweep.last, s->y, s->outputs, &s->memory);
    if (!s->table) rg_fail(s->tape, NULL, RG_E_MEMORY, "%s: out of memory", s->what);
    return s->table;
}

/* With all but the table, which the caller makes use of before it calls finish. */
static bool run(solver *s)
{
    s->previous = rg_set_site(s->tape, s->site ? s->site : s->tape->site);
    if (!check(s)) return false;
    const rg_arena scratch = s->tape->scratch;
    const bool found = begin(s) && measure(s);
    rg_arena_return(&s->tape->scratch, &scratch);
    return found && (!s->semiring->slopes || rg_terms_evaluate(s->tape, &s->terms)) && solve(s);
}

static rg_status finish(solver *s)
{
    rg_arena_free(&s->memory);
    rg_set_site(s->tape, s->previous);
    return s->tape->error.status;
}

rg_status rg_semiring_solve_at(const char *site, const rg_semiring *semiring, const rg_tensor *y, int outputs,
                               const rg_tensor *wrt, int n, void *out, rg_sweep_size *size)
{
    rg_tape *tape = rg_tape_among(outputs, y);
    if (!tape || !semiring || (n > 0 && !out)) return RG_E_NULL;
    solver s = { .site = site, .what = semiring->name, .tape = tape, .semiring = semiring, .y = y, .wrt = wrt,
                 .outputs = outputs, .n = n };
    if (run(&s)) {
        for (int i = 0; i < n; i++) {
            void *to = (char *)out + (size_t)i * semiring->size;
            if (wrt[i].node <= s.sweep.last) memcpy(to, entry_of(&s, wrt[i].node), semiring->size);
            else semiring->zero(to);
        }
        if (size) *size = (rg_sweep_size){ s.terms.nodes, s.terms.count };
    }
    return finish(&s);
}

/* ---- The most influential path ------------------------------------------------------------------------------- */

rg_status rg_strongest_path_at(const char *site, rg_tensor y, rg_tensor x, rg_tensor *path, size_t most, size_t *count)
{
    if (!y.tape || !count || (most > 0 && !path)) return RG_E_NULL;
    solver s = { .site = site, .what = "strongest path", .tape = y.tape, .semiring = &rg_semiring_strongest, .y = &y, .wrt = &x,
                 .outputs = 1, .n = 1 };
    *count = 0;
    if (run(&s) && x.node <= y.node && ((rg_strongest *)entry_of(&s, x.node))->weight > 0) {
        for (rg_tensor t = x; !rg_is_null(t); t = ((rg_strongest *)entry_of(&s, t.node))->next) {
            if (*count < most) path[*count] = t;
            ++*count;
        }
        if (*count > most) rg_fail(y.tape, NULL, RG_E_ARGUMENT, "strongest path: it has %zu tensors, and there is room for %zu",
                                   *count, most);
    }
    if (y.tape->error.status) *count = 0;
    return finish(&s);
}

/* ---- Recursion without a table ------------------------------------------------------------------------------- */

rg_status rg_naive_recursion_at(const char *site, rg_tensor y, const rg_tensor *wrt, int n, uint64_t most, double *out,
                                uint64_t *visits)
{
    if (!y.tape || !visits || (n > 0 && !out)) return RG_E_NULL;
    solver s = { .site = site, .what = "naive recursion", .tape = y.tape, .semiring = &rg_semiring_real, .y = &y, .wrt = wrt,
                 .outputs = 1, .n = n };
    *visits = 0;
    if (run(&s) && y.node >= s.sweep.first) {
        const uint32_t first = s.sweep.first;
        const double *sums = rg_terms_recurse(&s.terms, false, first, s.sweep.last, y.node, most, &s.memory, visits);
        if (!sums) rg_fail(y.tape, NULL, RG_E_MEMORY, "%s: out of memory", s.what);
        for (int i = 0; sums && i < n; i++)
            out[i] = *visits > most ? NAN : wrt[i].node <= s.sweep.last ? sums[wrt[i].node - first] : 0;
    }
    return finish(&s);
}
