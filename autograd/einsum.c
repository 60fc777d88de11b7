/* einsum.c: Einstein's summation convention, taken apart into products, sums and views while it is recorded.
 *
 * A term is a tensor with a label for each of its dimensions. Terms are made simple (no label twice, none that only has
 * to be summed over) and then multiplied two at a time until one is left. A label of a product stands in both terms or
 * in one, and is still needed or summed over: so it belongs to the batch, to the inner dimension, to the rows or to the
 * columns of a matrix product. */
#include <string.h>

#include "ops.h"

enum { LETTERS = 52, LABELS = LETTERS + RG_MAX_RANK, MOST_OPERANDS = 16 };

typedef struct {
    int count;
    int label[RG_MAX_RANK];
} labels;

typedef struct {
    rg_tensor tensor;
    labels of;
} term;

typedef struct {
    const char *site, *text;
    rg_tape *tape;
    int n;
    const rg_tensor *in;
    term terms[MOST_OPERANDS];
    labels output;
    int64_t size[LABELS];      /* -1: not known yet */
    int broadcast;             /* dimensions that "..." stands for, at most */
} einsum;

static rg_tensor refuse(const einsum *e, const char *at, const char *reason)
{
    const int character = (int)(at - e->text) + 1;
    return rg_fail(e->tape, e->site, RG_E_ARGUMENT, "einsum: character %d of \"%s\": %s", character, e->text, reason);
}

static rg_tensor misfit(const einsum *e, const char *reason)
{
    return rg_fail_op(e->tape, e->site, RG_E_SHAPE, "einsum", reason, e->n, e->in);
}

static int position(const labels *l, int label)
{
    for (int i = 0; i < l->count; i++)
        if (l->label[i] == label) return i;
    return -1;
}

static bool has(const labels *l, int label)
{
    return position(l, label) >= 0;
}

static void add(labels *l, int label)
{
    if (l->count < RG_MAX_RANK) l->label[l->count] = label;
    l->count++;                /* more than fit are found out later */
}

/* ---- Reading the subscripts ------------------------------------------------------------------------------------- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static int label_of(char letter)
{
    const char *found = letter ? strchr(letters, letter) : NULL;
    return found ? (int)(found - letters) : -1;
}

/* The letters of one operand, or of the result, up to what stands behind them; dots: how many letters stand before the
 * "...", or -1. */
static const char *read_letters(const einsum *e, const char *at, labels *found, int *dots)
{
    *found = (labels){ 0 };
    *dots = -1;
    for (; *at && *at != ',' && *at != '-'; at++) {
        if (*at == ' ') continue;
        if (strncmp(at, "...", 3) == 0) {
            if (*dots >= 0) return refuse(e, at, "a second ellipsis"), NULL;
            *dots = found->count;
            at += 2;
        } else if (label_of(*at) < 0) {
            return refuse(e, at, "neither a letter nor an ellipsis"), NULL;
        } else if (found->count == RG_MAX_RANK) {
            return refuse(e, at, "more letters than a tensor has dimensions"), NULL;
        } else {
            add(found, label_of(*at));
        }
    }
    return at;
}

/* The labels of dimensions that these letters and an ellipsis of `covered` dimensions name. */
static labels spread(const labels *named, int dots, int covered)
{
    labels all = { 0 };
    for (int i = 0; i <= named->count; i++) {
        for (int d = 0; i == dots && d < covered; d++) add(&all, LABELS - covered + d);
        if (i < named->count) add(&all, named->label[i]);
    }
    return all;
}

static bool set_size(einsum *e, int k, int axis, int label)
{
    char reason[RG_REASON_SIZE];
    const int64_t size = rg_shape_of(e->in[k]).size[axis], known = e->size[label];
    const bool repeats = label >= LETTERS && (size == 1 || known == 1);
    if (known < 0 || (repeats && known == 1)) e->size[label] = size;
    if (known < 0 || repeats || known == size) return true;
    snprintf(reason, sizeof reason, "%.*s is %lld in operand %d, and was %lld before", label < LETTERS ? 1 : 3,
             label < LETTERS ? &letters[label] : "...", (long long)size, k + 1, (long long)known);
    return misfit(e, reason), false;
}

static const char *read_operand(einsum *e, const char *at, int k)
{
    labels named;
    int dots;
    const char *begin = at;
    if (!(at = read_letters(e, at, &named, &dots))) return NULL;
    const int covered = rg_shape_of(e->in[k]).rank - named.count;
    if (covered < 0 || (covered > 0 && dots < 0)) {
        char reason[80];
        snprintf(reason, sizeof reason, "%d letters for operand %d, which has %d dimensions", named.count, k + 1,
                 covered + named.count);
        return refuse(e, begin, reason), NULL;
    }
    e->terms[k] = (term){ e->in[k], spread(&named, dots, covered) };
    if (covered > e->broadcast) e->broadcast = covered;
    for (int i = 0; i < e->terms[k].of.count; i++)
        if (!set_size(e, k, i, e->terms[k].of.label[i])) return NULL;
    return at;
}

/* Without an arrow: what "..." stands for, and the letters that occur once. */
static void imply_output(einsum *e)
{
    const labels none = { 0 };
    e->output = spread(&none, 0, e->broadcast);
    for (int letter = 0; letter < LETTERS; letter++) {
        int times = 0;
        for (int k = 0; k < e->n; k++)
            for (int i = 0; i < e->terms[k].of.count; i++) times += e->terms[k].of.label[i] == letter;
        if (times == 1) add(&e->output, letter);
    }
}

static bool read_output(einsum *e, const char *at)
{
    labels named;
    int dots;
    const char *begin = at, *end = read_letters(e, at, &named, &dots);
    if (!end) return false;
    if (*end) return refuse(e, end, "nothing may follow the result"), false;
    for (int found = 0; at < end; at++) {
        const int label = label_of(*at);
        if (label < 0) continue;
        if (e->size[label] < 0) return refuse(e, at, "a letter that no operand has"), false;
        if (position(&named, label) < found) return refuse(e, at, "a letter that the result has already"), false;
        found++;
    }
    if (e->broadcast > 0 && dots < 0) return refuse(e, begin, "the result must have the operands' ellipsis"), false;
    e->output = spread(&named, dots, e->broadcast);
    return true;
}

static bool read_subscripts(einsum *e)
{
    const char *at = e->text;
    for (int i = 0; i < LABELS; i++) e->size[i] = -1;
    for (int k = 0; k < e->n; k++) {
        if (!(at = read_operand(e, at, k))) return false;
        if (k + 1 < e->n && *at != ',') return refuse(e, at, "more operands are given than named"), false;
        if (k + 1 < e->n) at++;
    }
    if (*at == ',') return refuse(e, at, "more operands are named than given"), false;
    if (*at == '-' && at[1] != '>') return refuse(e, at, "an arrow is ->"), false;
    if (!*at) imply_output(e);
    else if (!read_output(e, at + 2)) return false;
    return e->output.count <= RG_MAX_RANK || (misfit(e, "the result has too many dimensions"), false);
}

/* ---- One term --------------------------------------------------------------------------------------------------- */

/* Whether the result, or a term other than these two, has the label. */
static bool is_needed(const einsum *e, int label, int a, int b)
{
    bool needed = has(&e->output, label);
    for (int k = 0; k < e->n; k++) needed = needed || (k != a && k != b && has(&e->terms[k].of, label));
    return needed;
}

static rg_tensor ordered(const einsum *e, const term *t, const labels *order)
{
    rg_axes axes = { .count = t->of.count };
    bool same = true;
    for (int i = 0; i < t->of.count; i++) {
        axes.axis[i] = position(&t->of, order->label[i]);
        same = same && axes.axis[i] == i;
    }
    return same ? t->tensor : rg_permute_at(e->site, t->tensor, axes);
}

/* A dimension that another term repeats. */
static void drop_axis(const einsum *e, term *t, int axis)
{
    rg_shape shape = rg_shape_of(t->tensor);
    for (int i = axis; i + 1 < shape.rank; i++) {
        shape.size[i] = shape.size[i + 1];
        t->of.label[i] = t->of.label[i + 1];
    }
    shape.rank = --t->of.count;
    t->tensor = rg_reshape_at(e->site, t->tensor, shape);
}

/* The diagonal of two dimensions: moved to the end they are n rows of n; in rows of n + 1 it is a column. */
static void take_diagonal(const einsum *e, term *t, int first, int second)
{
    const int label = t->of.label[first], last = t->of.count - 1;
    const int64_t n = e->size[label];
    rg_axes order = { .count = t->of.count };
    labels rest = { 0 };
    for (int i = 0; i < t->of.count; i++) {
        if (i == first || i == second) continue;
        order.axis[rest.count] = i;
        add(&rest, t->of.label[i]);
    }
    order.axis[last - 1] = first;
    order.axis[last] = second;
    rg_tensor moved = rg_permute_at(e->site, t->tensor, order);
    rg_shape shape = rg_shape_of(moved);
    shape.rank = last;
    shape.size[last - 1] = n * n;
    rg_tensor longer = rg_pad_at(e->site, rg_reshape_at(e->site, moved, shape), -1, 0, n);
    shape.rank = last + 1;
    shape.size[last - 1] = n;
    shape.size[last] = n + 1;
    rg_tensor column = rg_slice_at(e->site, rg_reshape_at(e->site, longer, shape), -1, 0, 1);
    shape.rank = last;
    t->tensor = rg_reshape_at(e->site, column, shape);
    add(&rest, label);
    t->of = rest;
}

static bool take_a_diagonal(const einsum *e, term *t)
{
    for (int i = 0; i < t->of.count; i++)
        for (int j = i + 1; j < t->of.count; j++)
            if (t->of.label[i] == t->of.label[j]) return take_diagonal(e, t, i, j), true;
    return false;
}

static void simplify(einsum *e, int k)
{
    term *t = &e->terms[k];
    rg_axes unneeded = { .count = 0 };
    labels rest = { 0 };
    while (take_a_diagonal(e, t)) {}
    for (int i = t->of.count; i-- > 0;)
        if (rg_shape_of(t->tensor).size[i] != e->size[t->of.label[i]]) drop_axis(e, t, i);
    for (int i = 0; i < t->of.count; i++) {
        if (is_needed(e, t->of.label[i], k, k)) add(&rest, t->of.label[i]);
        else unneeded.axis[unneeded.count++] = i;
    }
    if (unneeded.count) t->tensor = rg_sum_axes_at(e->site, t->tensor, unneeded, false);
    t->of = rest;
}

/* ---- Two terms -------------------------------------------------------------------------------------------------- */

typedef struct {
    labels batch, rows, inner, columns;
} roles;

/* Those of `from`, in the order they have in the result; others behind them. */
static labels sorted(const einsum *e, const labels *from)
{
    labels order = { 0 };
    for (int i = 0; i < e->output.count; i++)
        if (has(from, e->output.label[i])) add(&order, e->output.label[i]);
    for (int i = 0; i < from->count; i++)
        if (!has(&order, from->label[i])) add(&order, from->label[i]);
    return order;
}

static roles roles_of(const einsum *e, int a, int b)
{
    const labels left = sorted(e, &e->terms[a].of), right = sorted(e, &e->terms[b].of);
    roles r = { 0 };
    for (int i = 0; i < left.count; i++) {
        const int label = left.label[i];
        if (!has(&right, label)) add(&r.rows, label);
        else if (is_needed(e, label, a, b)) add(&r.batch, label);
        else add(&r.inner, label);
    }
    for (int i = 0; i < right.count; i++)
        if (!has(&left, right.label[i])) add(&r.columns, right.label[i]);
    return r;
}

static labels joined(const labels *a, const labels *b, const labels *c)
{
    const labels *const parts[] = { a, b, c };
    labels all = { 0 };
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < parts[p]->count; i++) add(&all, parts[p]->label[i]);
    return all;
}

/* The term's dimensions in this order, with a 1 for each label that it lacks. */
static rg_tensor aligned(const einsum *e, const term *t, const labels *order)
{
    labels own = { 0 };
    rg_shape shape = { .rank = 0 };
    for (int i = 0; i < order->count; i++) {
        const bool present = has(&t->of, order->label[i]);
        if (present) add(&own, order->label[i]);
        if (present || shape.rank > 0) shape.size[shape.rank++] = present ? e->size[order->label[i]] : 1;
    }
    rg_tensor x = ordered(e, t, &own);
    return shape.rank == own.count ? x : rg_reshape_at(e->site, x, shape);
}

/* Element by element; then the inner labels are summed over. */
static term multiplied(const einsum *e, const term *a, const term *b, const roles *r)
{
    const labels beside = joined(&r->batch, &r->rows, &r->columns), outer = sorted(e, &beside), none = { 0 };
    const labels all = joined(&outer, &r->inner, &none);
    if (all.count > RG_MAX_RANK) return (term){ misfit(e, "a product on the way has too many dimensions"), outer };
    rg_axes inner = { .count = 0 };
    for (int i = outer.count; i < all.count; i++) inner.axis[inner.count++] = i;
    rg_tensor left = aligned(e, a, &all), right = aligned(e, b, &all);
    rg_tensor product = rg_mul_at(e->site, left, right);
    return (term){ inner.count ? rg_sum_axes_at(e->site, product, inner, false) : product, outer };
}

static int64_t size_of(const einsum *e, const labels *l)
{
    int64_t size = 1;
    for (int i = 0; i < l->count; i++) size *= e->size[l->label[i]];
    return size;
}

/* The dimensions of each group as one, behind those of the batch. */
static rg_tensor as_matrices(const einsum *e, const term *t, const roles *r, const labels *rows, const labels *columns)
{
    const labels order = joined(&r->batch, rows, columns);
    rg_tensor x = ordered(e, t, &order);
    if (rows->count == 1 && columns->count == 1) return x;
    rg_shape shape = { .rank = r->batch.count };
    for (int i = 0; i < shape.rank; i++) shape.size[i] = e->size[r->batch.label[i]];
    shape.size[shape.rank++] = size_of(e, rows);
    shape.size[shape.rank++] = size_of(e, columns);
    return rg_reshape_at(e->site, x, shape);
}

static term contracted(const einsum *e, const term *a, const term *b, const roles *r)
{
    const labels all = joined(&r->batch, &r->rows, &r->columns);
    if (all.count > RG_MAX_RANK || r->batch.count + 2 > RG_MAX_RANK)
        return (term){ misfit(e, "a product on the way has too many dimensions"), all };
    rg_tensor left = as_matrices(e, a, r, &r->rows, &r->inner);
    rg_tensor right = as_matrices(e, b, r, &r->inner, &r->columns);
    rg_tensor product = rg_matmul_at(e->site, left, right);
    if (r->rows.count == 1 && r->columns.count == 1) return (term){ product, all };
    rg_shape shape = { .rank = all.count };
    for (int i = 0; i < all.count; i++) shape.size[i] = e->size[all.label[i]];
    return (term){ rg_reshape_at(e->site, product, shape), all };
}

/* Whether the result has columns in front of rows: then a' and b' are multiplied the other way round. */
static bool is_turned(const einsum *e, const roles *r)
{
    if (r->rows.count == 0 || r->columns.count == 0) return false;
    const int row = position(&e->output, r->rows.label[0]), column = position(&e->output, r->columns.label[0]);
    return row >= 0 && column >= 0 && column < row;
}

static term product(const einsum *e, int a, int b)
{
    roles r = roles_of(e, a, b);
    const bool only_batch = r.batch.count > 0 && r.rows.count == 0 && r.columns.count == 0;
    if (r.inner.count == 0 || only_batch) return multiplied(e, &e->terms[a], &e->terms[b], &r);
    if (!is_turned(e, &r)) return contracted(e, &e->terms[a], &e->terms[b], &r);
    r = roles_of(e, b, a);
    return contracted(e, &e->terms[b], &e->terms[a], &r);
}

/* ---- All together ----------------------------------------------------------------------------------------------- */

static double cost(const einsum *e, int a, int b)
{
    double operations = 1;
    for (int label = 0; label < LABELS; label++)
        if (has(&e->terms[a].of, label) || has(&e->terms[b].of, label)) operations *= (double)e->size[label];
    return operations;
}

static void multiply_cheapest(einsum *e)
{
    int a = 0, b = 1;
    for (int i = 0; i < e->n; i++)
        for (int j = i + 1; j < e->n; j++)
            if (cost(e, i, j) < cost(e, a, b)) a = i, b = j;
    e->terms[a] = product(e, a, b);
    for (int k = b; k + 1 < e->n; k++) e->terms[k] = e->terms[k + 1];
    e->n--;
}

rg_tensor rg_einsum_at(const char *site, const char *subscripts, int n, const rg_tensor *operands)
{
    if (n < 1 || !operands) return (rg_tensor){ 0 };
    einsum e = { .site = site, .text = subscripts, .n = n, .in = operands };
    e.tape = rg_operands_checked(site, "einsum", n, operands);
    if (!e.tape) return (rg_tensor){ 0 };
    if (!subscripts) return rg_fail(e.tape, site, RG_E_NULL, "einsum: no subscripts");
    if (n > MOST_OPERANDS) return rg_fail(e.tape, site, RG_E_ARGUMENT, "einsum: more than %d operands", MOST_OPERANDS);
    for (int k = 0; k < n; k++) {
        if (!rg_dtype_is_float(rg_dtype_of(operands[k])))
            return rg_fail_op(e.tape, site, RG_E_DTYPE, "einsum", "takes f32 or f64", n, operands);
        if (rg_dtype_of(operands[k]) != rg_dtype_of(operands[0]))
            return rg_fail_op(e.tape, site, RG_E_DTYPE, "einsum", "dtypes differ", n, operands);
    }
    if (!read_subscripts(&e)) return (rg_tensor){ 0 };
    for (int k = 0; k < n; k++) simplify(&e, k);
    while (e.n > 1 && !rg_failed(e.tape)) multiply_cheapest(&e);
    return rg_failed(e.tape) ? (rg_tensor){ 0 } : ordered(&e, &e.terms[0], &e.output);
}
