/* mutations.c: wrong derivatives, planted into the rules of ops.
 *
 * A mutant is a copy of an op whose rule calls the original one and spoils what it gives. Where a mistake cannot be
 * told from the truth by any result, whatever the numbers, the mutant is equivalent to the op and is not planted. The
 * rule for that is each mistake's own and stands at its head: it gives back r itself, the right cotangent, or it gives
 * another tensor, and then it must be found. Nothing is left out because of what the check says of it.
 *
 * Two mistakes are not the rules' but the gradient transform's: a cotangent that is not summed over what was broadcast,
 * and one that overwrites another instead of being added to it. Here the rule does itself what the transform would
 * do wrong: it gives a cotangent of its operand's shape that holds the first of the repeats alone, or nothing for an
 * operand that comes again later. What arrives at the operand is what a broken transform would leave there, and the
 * transform itself has no hook that could be left switched on. */
#include "mutations.h"

#include <math.h>
#include <string.h>

/* What becomes of r, the right cotangent of operand k. */
typedef rg_tensor mistake(const rg_op *original, int k, const rg_tensor *in, rg_tensor y, rg_tensor g, rg_tensor r);

struct tool_mutation {
    const char *name;
    mistake *make;
    rg_verdict verdict;       /* how it must be found */
    int side;                 /* of a tie at which the wrong branch is taken; 0: not of this kind */
};

typedef struct {
    rg_op op;                 /* comes first: the rule finds its mutant behind the op of its node */
    const rg_op *original;
    const tool_mutation *mutation;
    int operand;
    int applied;              /* how often it made a difference to what was recorded */
} mutant;

static bool same_node(rg_tensor a, rg_tensor b)
{
    return a.tape == b.tape && a.node == b.node;
}

static rg_tensor mutant_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    mutant *m = (mutant *)(uintptr_t)rg_op_of(y);
    rg_tensor r = m->original->vjp(k, in, y, g);
    if (k != m->operand || rg_is_null(r)) return r;
    rg_tensor wrong = m->mutation->make(m->original, k, in, y, g, r);
    m->applied += !same_node(wrong, r);
    return wrong;
}

/* ---- The mistakes -------------------------------------------------------------------------------------------- */

#define MISTAKE(name)                                                                                              \
    static rg_tensor name(const rg_op *original, int k, const rg_tensor *in, rg_tensor y, rg_tensor g, rg_tensor r)
#define UNUSED (void)original, (void)k, (void)in, (void)y, (void)g, (void)r

static int64_t count_of(rg_tensor t)
{
    return rg_shape_count(rg_shape_of(t));
}

MISTAKE(sign_flipped)
{
    UNUSED;
    return rg_neg(r);
}

MISTAKE(factor_1_001)
{
    UNUSED;
    return rg_scale(r, 1.001);
}

MISTAKE(factor_2)
{
    UNUSED;
    return rg_scale(r, 2);
}

MISTAKE(zero)
{
    UNUSED;
    return (rg_tensor){ 0 };
}

/* The element of the largest size becomes this number: any other might be zero by right. Equivalent: no elements. */
static rg_tensor largest_becomes(rg_tensor r, double number)
{
    if (count_of(r) == 0) return r;
    rg_tensor size = rg_square(r), largest = rg_equal(size, rg_max(size));
    return rg_where(largest, rg_full(r.tape, rg_dtype_of(r), RG_SCALAR, number), r);
}

MISTAKE(element_dropped)
{
    UNUSED;
    return largest_becomes(r, 0);
}

MISTAKE(nan_in_one_element)
{
    UNUSED;
    return largest_becomes(r, NAN);
}

/* A view of the same shape is the identity, unless it permutes. */
static bool is_identity(rg_tensor r, rg_tensor g)
{
    while (!same_node(r, g)) {
        const rg_op *op = rg_op_of(r);
        rg_tensor operand = rg_operand(r, 0);
        bool plain = op && op->kind == RG_VIEW && op != rg_op_find("permute");
        if (!plain || !rg_shape_equal(rg_shape_of(r), rg_shape_of(operand))) return false;
        r = operand;
    }
    return true;
}

/* Equivalent: the rule passes g on as it is; and there is no such mistake where shapes or dtypes differ. */
MISTAKE(inner_derivative_missing)
{
    UNUSED;
    bool fits = rg_shape_equal(rg_shape_of(r), rg_shape_of(g)) && rg_dtype_of(r) == rg_dtype_of(g) && count_of(r) > 1;
    return fits && !is_identity(r, g) ? g : r;
}

/* Equivalent: no two axes with more than one element each. */
MISTAKE(transposed)
{
    UNUSED;
    rg_shape shape = rg_shape_of(r);
    if (shape.rank < 2 || shape.size[shape.rank - 1] < 2 || shape.size[shape.rank - 2] < 2) return r;
    return rg_reshape(rg_transpose(r), shape);
}

/* Equivalent: nothing was broadcast. */
static bool is_broadcast(rg_tensor operand, rg_tensor r)
{
    return count_of(operand) > 0 && count_of(r) > count_of(operand);
}

/* The mean over what was repeated, instead of the sum. */
MISTAKE(unbroadcast_as_mean)
{
    UNUSED;
    return is_broadcast(in[k], r) ? rg_scale(r, (double)count_of(in[k]) / (double)count_of(r)) : r;
}

/* What was repeated is not summed at all. */
MISTAKE(unbroadcast_missing)
{
    UNUSED;
    if (!is_broadcast(in[k], r)) return r;
    rg_shape to = rg_shape_of(in[k]), from = rg_shape_of(r);
    rg_tensor first = r;
    for (int i = 0; i < from.rank; i++) {
        int j = i - (from.rank - to.rank);
        if (j < 0 || to.size[j] != from.size[i]) first = rg_slice(first, i, 0, 1);
    }
    return rg_reshape(first, to);
}

/* The last contribution to a repeated operand overwrites the others. Equivalent: the operand does not come again, or
 * then adds nothing. */
MISTAKE(assigned_not_accumulated)
{
    UNUSED;
    for (int j = k + 1; !rg_is_null(rg_operand(y, j)); j++)
        if (same_node(in[k], in[j])) return (rg_tensor){ 0 };
    return r;
}

/* Equivalent: there is no other operand with a rule, or of this shape. */
MISTAKE(of_the_next_operand)
{
    UNUSED;
    const int next = rg_is_null(rg_operand(y, k + 1)) ? 0 : k + 1;
    if (next == k || original->no_gradient >> next & 1u) return r;
    rg_tensor other = original->vjp(next, in, y, g);
    return rg_shape_equal(rg_shape_of(other), rg_shape_of(r)) ? other : r;
}

/* The same numbers, but no gradient of the gradient. */
MISTAKE(detached)
{
    UNUSED;
    return rg_stop_gradient(r);
}

MISTAKE(cotangent_detached)
{
    UNUSED;
    return original->vjp(k, in, y, rg_stop_gradient(g));
}

/* ---- Values of another time ------------------------------------------------------------------------------------ */

enum { MOST_ELEMENTS = 4096 };

/* The same numbers in reverse order: of the op's domain, and not what they were. */
static rg_tensor reversed(rg_tensor t)
{
    const int64_t count = count_of(t);
    const bool is_float = rg_dtype_of(t) == RG_F32 || rg_dtype_of(t) == RG_F64;
    int64_t order[MOST_ELEMENTS];
    if (!is_float || count < 2 || count > MOST_ELEMENTS) return t;
    for (int64_t i = 0; i < count; i++) order[i] = count - 1 - i;
    rg_tensor flat = rg_reshape(t, RG_SHAPE(count));
    return rg_reshape(rg_gather_rows(flat, rg_constant(t.tape, RG_I64, RG_SHAPE(count), order)), rg_shape_of(t));
}

static bool depends_on(rg_tensor t, uint32_t first, uint32_t last)
{
    if (t.node >= first && t.node <= last) return true;
    for (int k = 0; t.node > last && !rg_is_null(rg_operand(t, k)); k++)
        if (depends_on(rg_operand(t, k), first, last)) return true;
    return false;
}

/* The rule reads what an earlier run has saved: other operands of the same shapes, and their result. Equivalent: it
 * reads none of these. */
MISTAKE(stale_value)
{
    UNUSED;
    rg_tensor old[RG_MAX_OPERANDS];
    int n = 0;
    const uint32_t first = rg_full(y.tape, RG_F64, RG_SCALAR, 0).node;
    for (; n < RG_MAX_OPERANDS && !rg_is_null(rg_operand(y, n)); n++) old[n] = reversed(in[n]);
    rg_tensor result = rg_apply(original, rg_attributes_of(y), n, old);
    const uint32_t last = result.node;
    rg_tensor wrong = original->vjp(k, old, result, g);
    bool moved = false;
    for (int j = 0; j < n; j++) moved = moved || !same_node(old[j], in[j]);
    return moved && depends_on(wrong, first, last) ? wrong : r;
}

/* ---- Ties ------------------------------------------------------------------------------------------------------- */

/* Breaks a tie: every element is moved by a few last places, neighbours by different amounts. Where there is no tie, this
 * does not show in any digit that is looked at. */
static rg_tensor to_one_side(rg_tensor x, int side)
{
    const int64_t count = count_of(x);
    const bool narrow = rg_dtype_of(x) == RG_F32;
    double by[MOST_ELEMENTS];
    float narrow_by[MOST_ELEMENTS];
    if ((!narrow && rg_dtype_of(x) != RG_F64) || count > MOST_ELEMENTS) return x;
    for (int64_t i = 0; i < count; i++) {
        by[i] = side * 0x1p-51 * (double)(1 + i % 8);
        narrow_by[i] = (float)(by[i] * 0x1p29);
    }
    return rg_add(x, rg_constant(x.tape, rg_dtype_of(x), rg_shape_of(x), narrow ? (const void *)narrow_by : by));
}

static rg_tensor from_one_side(const rg_op *original, int k, const rg_tensor *in, rg_tensor y, rg_tensor g, int side)
{
    rg_tensor moved[RG_MAX_OPERANDS];
    int n = 0;
    for (; n < RG_MAX_OPERANDS && !rg_is_null(rg_operand(y, n)); n++)
        moved[n] = n == k ? to_one_side(in[n], side) : in[n];
    return original->vjp(k, moved, rg_apply(original, rg_attributes_of(y), n, moved), g);
}

/* The branch above the tie is taken, or the one below. Equivalent: that is the convention, or the op has no kink. */
MISTAKE(upper_branch)
{
    UNUSED;
    return from_one_side(original, k, in, y, g, 1);
}

MISTAKE(lower_branch)
{
    UNUSED;
    return from_one_side(original, k, in, y, g, -1);
}

/* The sum of the op's result, with element `index` of operand k (if any) moved by `by`, and all of it apart. */
static double sum_near(const rg_op *op, const rg_kink *kink, int k, int side, int64_t index, double by)
{
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
    rg_tensor in[RG_MAX_OPERANDS];
    for (int j = 0; j < kink->operands; j++) {
        double at[MOST_ELEMENTS];
        const int64_t count = rg_shape_count(kink->in[j].shape);
        for (int64_t i = 0; i < count && i < MOST_ELEMENTS; i++)
            at[i] = kink->in[j].values[i] + (j == k ? side * 1e-3 * (double)(1 + i) + (i == index ? by : 0) : 0);
        in[j] = rg_input(tape, RG_F64, kink->in[j].shape, at);
    }
    double sum = rg_item(rg_sum(rg_apply(op, kink->attributes, kink->operands, in)));
    rg_tape_free(tape);
    return sum;
}

/* Whether the slope on that side of a kink is other than the convention: told by values alone. */
static bool side_differs(const rg_op *op, int k, int side)
{
    const double step = 1e-5;
    for (const rg_kink *kink = op->kinks; kink && kink->operands > 0; kink++)
        for (int64_t i = 0; kink->in[k].slope && i < rg_shape_count(kink->in[k].shape); i++) {
            double slope = (sum_near(op, kink, k, side, i, step) - sum_near(op, kink, k, side, i, -step)) / (2 * step);
            if (!(fabs(slope - kink->in[k].slope[i]) < 0.05)) return true;
        }
    return false;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static const tool_mutation mutations[] = {
    { "sign flipped", sign_flipped, RG_CHECK_WRONG, 0 },
    { "factor 1.001", factor_1_001, RG_CHECK_WRONG, 0 },
    { "factor 2", factor_2, RG_CHECK_WRONG, 0 },
    { "zero", zero, RG_CHECK_WRONG, 0 },
    { "an element dropped", element_dropped, RG_CHECK_WRONG, 0 },
    { "NaN in one element", nan_in_one_element, RG_CHECK_NONFINITE, 0 },
    { "inner derivative missing", inner_derivative_missing, RG_CHECK_WRONG, 0 },
    { "transposed", transposed, RG_CHECK_WRONG, 0 },
    { "mean instead of un-broadcast", unbroadcast_as_mean, RG_CHECK_WRONG, 0 },
    { "un-broadcast missing", unbroadcast_missing, RG_CHECK_WRONG, 0 },
    { "assigned, not accumulated", assigned_not_accumulated, RG_CHECK_WRONG, 0 },
    { "of the next operand", of_the_next_operand, RG_CHECK_WRONG, 0 },
    { "stale value", stale_value, RG_CHECK_WRONG, 0 },
    { "upper branch at a tie", upper_branch, RG_CHECK_WRONG, 1 },
    { "lower branch at a tie", lower_branch, RG_CHECK_WRONG, -1 },
    { "detached", detached, RG_CHECK_WRONG, 0 },
    { "cotangent detached", cotangent_detached, RG_CHECK_WRONG, 0 },
};

size_t tool_mutations(void)
{
    return sizeof mutations / sizeof mutations[0];
}

const tool_mutation *tool_mutation_at(size_t i)
{
    return &mutations[i];
}

const char *tool_mutation_name(const tool_mutation *mutation)
{
    return mutation->name;
}

/* Operands that the op has in a sample it must take. */
int tool_mutable_operands(const rg_op *op)
{
    int most = 0;
    if (op->missing && op->missing()) return 0;
    for (const rg_sample *sample = op->samples; op->vjp && sample && sample->operands; sample++)
        if (sample->refuse == RG_OK && sample->operands > most) most = sample->operands;
    return most;
}

bool tool_is_mutable(const rg_op *op, int k)
{
    bool is_float = false;
    for (const rg_sample *sample = op->samples; op->vjp && sample && sample->operands; sample++) {
        if (sample->refuse != RG_OK || k >= sample->operands) continue;
        const rg_dtype dtype = sample->in[k].dtype;
        is_float = is_float || dtype == RG_NO_DTYPE || dtype == RG_F32 || dtype == RG_F64;
    }
    return is_float && !(op->no_gradient >> k & 1u);
}

tool_mutant_fate tool_mutate(const rg_op *op, int k, const tool_mutation *mutation, uint64_t seed,
                             rg_gradcheck_result *result)
{
    mutant m = { .op = *op, .original = op, .mutation = mutation, .operand = k };
    m.op.vjp = mutant_vjp;
    *result = (rg_gradcheck_result){ .verdict = RG_CHECK_OK };
    if (mutation->side && !side_differs(op, k, mutation->side)) return TOOL_MUTANT_EQUIVALENT;
    rg_gradcheck_op(&m.op, &(rg_gradcheck_options){ .seeds = 1, .seed = seed }, result);
    if (m.applied == 0) return TOOL_MUTANT_EQUIVALENT;
    return result->verdict == mutation->verdict && result->order > 0 ? TOOL_MUTANT_KILLED : TOOL_MUTANT_SURVIVED;
}

/* ---- Kinks that nobody has stated -------------------------------------------------------------------------------- */

/* The slope of the sum from a point on to one side, along an element of operand k. */
static double side_slope(const rg_op *op, const rg_kink *at, int k, double step)
{
    return (sum_near(op, at, k, 0, 0, step) - sum_near(op, at, k, 0, 0, 0)) / step;
}

/* With every number of the first sample the same. */
static bool bends_at(const rg_op *op, const rg_sample *sample, double number)
{
    double numbers[MOST_ELEMENTS];
    rg_kink at = { .operands = sample->operands, .attributes = sample->attributes };
    for (int i = 0; i < MOST_ELEMENTS; i++) numbers[i] = number;
    for (int j = 0; j < sample->operands; j++) {
        const rg_sample_operand *in = &sample->in[j];
        if (in->dtype != RG_NO_DTYPE || in->same_as || rg_shape_count(rg_sample_shape(in)) > MOST_ELEMENTS) return false;
        at.in[j].shape = rg_sample_shape(in);
        at.in[j].values = numbers;
    }
    for (int k = 0; k < sample->operands; k++) {
        if (!tool_is_mutable(op, k)) continue;
        const double above = side_slope(op, &at, k, 1e-4), below = side_slope(op, &at, k, -1e-4);
        const double nearer = side_slope(op, &at, k, 1e-5) - side_slope(op, &at, k, -1e-5);
        bool steady = fabs(above - below) < 100 && fabs(nearer - (above - below)) < 0.1 * fabs(above - below);
        if (steady && fabs(above - below) > 0.01) return true;
    }
    return false;
}

bool tool_has_kink(const rg_op *op)
{
    static const double likely[] = { 0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 6 };
    for (const rg_sample *sample = op->samples; sample && sample->operands; sample++)
        for (size_t i = 0; sample->refuse == RG_OK && i < sizeof likely / sizeof likely[0]; i++)
            if (bends_at(op, sample, likely[i])) return true;
    return false;
}
