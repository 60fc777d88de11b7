/* test_mutations.c: no wrong derivative gets past the gradient check. Plants mistakes into the derivative of every
 * operand of every op of the table, one at a time, and demands that each is found, and found to be what it is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- A mutant is a copy of an op with a mistake in its derivative -------------------------------------------- */

typedef struct mutant mutant;

/* What becomes of r, the right cotangent of operand k. Where the mistake is none (a null cotangent has no sign to
 * flip) it must give back r itself. */
typedef rg_tensor mistake(const rg_op *original, int k, const rg_tensor *in, rg_tensor y, rg_tensor g, rg_tensor r);

typedef struct {
    const char *name;
    mistake *make;
    rg_verdict verdict;       /* how it must be found */
    int order;
} mutation;

struct mutant {
    rg_op op;                 /* comes first: the rule finds its mutant behind the op of its node */
    const rg_op *original;
    const mutation *mutation;
    int operand;
    int applied;              /* how often it made a difference to what was recorded */
};

static bool same_node(rg_tensor a, rg_tensor b)
{
    return a.tape == b.tape && a.node == b.node;
}

static rg_tensor mutant_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    mutant *m = (mutant *)(uintptr_t)rg_op_of(y);
    rg_tensor r = m->original->vjp(k, in, y, g);
    if (k != m->operand) return r;
    rg_tensor wrong = m->mutation->make(m->original, k, in, y, g, r);
    m->applied += !same_node(wrong, r);
    return wrong;
}

/* ---- The mistakes -------------------------------------------------------------------------------------------- */

#define MISTAKE(name)                                                                                              \
    static rg_tensor name(const rg_op *original, int k, const rg_tensor *in, rg_tensor y, rg_tensor g, rg_tensor r)
#define UNUSED (void)original, (void)k, (void)in, (void)y, (void)g

static int64_t count_of(rg_tensor t)
{
    return rg_shape_count(rg_shape_of(t));
}

MISTAKE(sign_flipped)
{
    UNUSED;
    return rg_is_null(r) ? r : rg_neg(r);
}

MISTAKE(factor_1_001)
{
    UNUSED;
    return rg_is_null(r) ? r : rg_scale(r, 1.001);
}

MISTAKE(factor_2)
{
    UNUSED;
    return rg_is_null(r) ? r : rg_scale(r, 2);
}

MISTAKE(zero)
{
    UNUSED;
    return rg_is_null(r) ? r : (rg_tensor){ 0 };
}

/* The element of the largest size becomes this number: any other might be zero by right. */
static rg_tensor largest_becomes(rg_tensor r, double number)
{
    if (rg_is_null(r) || count_of(r) == 0) return r;
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

MISTAKE(inner_derivative_missing)
{
    UNUSED;
    bool fits = !rg_is_null(r) && rg_shape_equal(rg_shape_of(r), rg_shape_of(g)) && count_of(r) > 1;
    return fits && !is_identity(r, g) ? g : r;
}

MISTAKE(transposed)
{
    UNUSED;
    rg_shape shape = rg_shape_of(r);
    if (rg_is_null(r) || shape.rank < 2 || shape.size[shape.rank - 1] < 2 || shape.size[shape.rank - 2] < 2) return r;
    return rg_reshape(rg_transpose(r), shape);
}

static bool is_broadcast(rg_tensor operand, rg_tensor r)
{
    return !rg_is_null(r) && count_of(operand) > 0 && count_of(r) > count_of(operand);
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

/* The last contribution to a repeated operand overwrites the others. */
MISTAKE(assigned_not_accumulated)
{
    UNUSED;
    for (int j = k + 1; !rg_is_null(rg_operand(y, j)); j++)
        if (same_node(in[k], in[j])) return rg_is_null(r) ? r : (rg_tensor){ 0 };
    return r;
}

MISTAKE(of_the_next_operand)
{
    UNUSED;
    const int next = rg_is_null(rg_operand(y, k + 1)) ? 0 : k + 1;
    if (rg_is_null(r) || next == k || original->no_gradient >> next & 1u) return r;
    rg_tensor other = original->vjp(next, in, y, g);
    return rg_shape_equal(rg_shape_of(other), rg_shape_of(r)) ? other : r;
}

/* The same numbers, but no gradient of the gradient. */
MISTAKE(detached)
{
    UNUSED;
    return rg_is_null(r) ? r : rg_stop_gradient(r);
}

MISTAKE(cotangent_detached)
{
    UNUSED;
    return rg_is_null(r) ? r : original->vjp(k, in, y, rg_stop_gradient(g));
}

static const mutation mutations[] = {
    { "sign flipped", sign_flipped, RG_CHECK_WRONG, 1 },
    { "factor 1.001", factor_1_001, RG_CHECK_WRONG, 1 },
    { "factor 2", factor_2, RG_CHECK_WRONG, 1 },
    { "zero", zero, RG_CHECK_WRONG, 1 },
    { "an element dropped", element_dropped, RG_CHECK_WRONG, 1 },
    { "NaN in one element", nan_in_one_element, RG_CHECK_NONFINITE, 1 },
    { "inner derivative missing", inner_derivative_missing, RG_CHECK_WRONG, 1 },
    { "transposed", transposed, RG_CHECK_WRONG, 1 },
    { "mean instead of un-broadcast", unbroadcast_as_mean, RG_CHECK_WRONG, 1 },
    { "un-broadcast missing", unbroadcast_missing, RG_CHECK_WRONG, 1 },
    { "assigned, not accumulated", assigned_not_accumulated, RG_CHECK_WRONG, 1 },
    { "of the next operand", of_the_next_operand, RG_CHECK_WRONG, 1 },
    { "detached", detached, RG_CHECK_WRONG, 2 },
    { "cotangent detached", cotangent_detached, RG_CHECK_WRONG, 2 },
};

/* ---- Planting them ------------------------------------------------------------------------------------------- */

typedef struct {
    int planted, killed, inapplicable;
} tally;

static bool is_declared(const rg_op *op, int k)
{
    return op->no_gradient >> k & 1u;
}

/* Operands that the op has in a sample it must take; none if what it needs is not there. */
static int operands_of(const rg_op *op)
{
    int most = 0;
    if (op->missing && op->missing()) return 0;
    for (const rg_sample *sample = op->samples; sample && sample->operands; sample++)
        if (sample->refuse == RG_OK && sample->operands > most) most = sample->operands;
    return most;
}

static void judge(const mutant *m, const char *what, rg_verdict verdict, int order, tally *sum)
{
    rg_gradcheck_result result;
    rg_gradcheck_op(&m->op, &(rg_gradcheck_options){ .seeds = 1 }, &result);
    if (m->applied == 0) {
        sum->inapplicable++;
        return;
    }
    sum->planted++;
    bool killed = result.verdict == verdict && result.order == order && result.argument >= 0;
    sum->killed += killed;
    if (!killed)
        print_message("SURVIVOR  %s, operand %d: %s: %s %s\n", m->op.name, m->operand, what,
                      rg_verdict_name(result.verdict), result.message);
}

static void every_planted_mistake_is_found(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    tally total = { 0, 0, 0 };
    for (size_t i = 0; i < COUNT(mutations); i++) {
        tally sum = { 0, 0, 0 };
        for (size_t j = 0; j < count; j++)
            for (int k = 0; table[j]->vjp && k < operands_of(table[j]); k++) {
                mutant m = { .op = *table[j], .original = table[j], .mutation = &mutations[i], .operand = k };
                m.op.vjp = mutant_vjp;
                if (is_declared(table[j], k)) continue; /* nobody asks for it */
                judge(&m, mutations[i].name, mutations[i].verdict, mutations[i].order, &sum);
            }
        print_message("%-30s planted %3d, killed %3d; makes no difference in %d\n", mutations[i].name, sum.planted,
                      sum.killed, sum.inapplicable);
        assert_true(sum.planted > 0);
        total.planted += sum.planted;
        total.killed += sum.killed;
    }
    print_message("killed %d of %d\n", total.killed, total.planted);
    assert_int_equal(total.killed, total.planted);
    assert_true(total.planted > 300);
}

/* Every op with a rule has been under attack, unless it declares that there is nothing to derive. */
static void every_rule_is_attacked(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    for (size_t j = 0; j < count; j++) {
        int attacked = 0, rules = 0;
        for (int k = 0; table[j]->vjp && k < operands_of(table[j]); k++) {
            if (is_declared(table[j], k)) continue;
            mutant m = { .op = *table[j], .original = table[j], .mutation = &mutations[0], .operand = k };
            m.op.vjp = mutant_vjp;
            rules++;
            rg_gradcheck_op(&m.op, &(rg_gradcheck_options){ .seeds = 1 }, NULL);
            attacked += m.applied > 0;
        }
        if (attacked != rules) fail_msg("%s: %d of %d rules attacked", table[j]->name, attacked, rules);
    }
}

/* ---- False declarations -------------------------------------------------------------------------------------- */

MISTAKE(unchanged)
{
    UNUSED;
    return r;
}
static const mutation none = { "none", unchanged, RG_CHECK_OK, 0 };

static void a_derivative_declared_away_is_found(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    tally sum = { 0, 0, 0 };
    for (size_t j = 0; j < count; j++)
        for (int k = 0; table[j]->vjp && k < operands_of(table[j]); k++) {
            mutant m = { .op = *table[j], .original = table[j], .operand = k, .applied = 1 };
            m.op.no_gradient |= 1u << k;
            if (!is_declared(table[j], k)) judge(&m, "declared away", RG_CHECK_WRONG, 1, &sum);
        }
    print_message("%-30s planted %3d, killed %3d\n", "declared away", sum.planted, sum.killed);
    assert_true(sum.planted > 40);
    assert_int_equal(sum.killed, sum.planted);
}

/* Notes whether the rule gives nothing for the operand. */
static rg_tensor noting_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    mutant *m = (mutant *)(uintptr_t)rg_op_of(y);
    rg_tensor r = m->original->vjp(k, in, y, g);
    m->applied += k == m->operand && rg_is_null(r);
    return r;
}

static void a_zero_that_is_not_declared_is_found(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    tally sum = { 0, 0, 0 };
    for (size_t j = 0; j < count; j++)
        for (int k = 0; table[j]->vjp && k < operands_of(table[j]); k++) {
            mutant m = { .op = *table[j], .original = table[j], .mutation = &none, .operand = k };
            m.op.no_gradient &= ~(1u << k);
            m.op.vjp = noting_vjp;
            if (is_declared(table[j], k)) judge(&m, "not declared", RG_CHECK_VACUOUS, 1, &sum);
        }
    print_message("%-30s planted %3d, killed %3d\n", "not declared", sum.planted, sum.killed);
    assert_true(sum.planted > 5);
    assert_int_equal(sum.killed, sum.planted);
}

/* ---- Mistakes of the gradient transform, as functions -------------------------------------------------------- */

static const double numbers[] = { 0.7, -1.3, 0.4, 1.9, -0.6, 1.1 };

static rg_tensor diamond(rg_tensor a, rg_tensor left, rg_tensor right)
{
    return rg_mul(rg_add(rg_tanh(left), rg_exp(right)), a);
}

/* All paths from x to y count. */
static rg_tensor all_paths(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor a = rg_sigmoid(in[0]);
    return diamond(a, a, a);
}

/* = instead of +=: one consumer's contribution alone arrives at a node that has several. */
static rg_tensor last_consumer_only(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor a = rg_sigmoid(in[0]);
    return diamond(a, rg_stop_gradient(a), rg_stop_gradient(a));
}

/* An adjoint is handed on before all consumers have added to it. */
static rg_tensor handed_on_too_early(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor a = rg_sigmoid(in[0]);
    return diamond(a, a, rg_sigmoid(rg_stop_gradient(in[0])));
}

/* A path counts twice. */
static rg_tensor a_path_twice(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor a = rg_sigmoid(in[0]), again = rg_sub(a, rg_stop_gradient(a));
    return diamond(a, a, rg_add(a, again));
}

/* The first gradient is right, the second misses that the adjoint itself depends on x. */
static rg_tensor second_order_only(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    (void)tape, (void)n, (void)context;
    rg_tensor fixed = rg_stop_gradient(in[0]), away = rg_sub(in[0], fixed);
    return rg_add(rg_exp(fixed), rg_mul(rg_exp(fixed), away));
}

static void mistakes_of_the_transform_are_found(void **state)
{
    (void)state;
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(2, 3), .values = numbers } };
    static const struct {
        const char *name;
        rg_function *f;
        rg_verdict verdict;
    } functions[] = {
        { "all paths", all_paths, RG_CHECK_OK },
        { "last consumer only", last_consumer_only, RG_CHECK_WRONG },
        { "handed on too early", handed_on_too_early, RG_CHECK_WRONG },
        { "a path twice", a_path_twice, RG_CHECK_WRONG },
        { "second order only", second_order_only, RG_CHECK_WRONG },
    };
    for (size_t i = 0; i < COUNT(functions); i++) {
        rg_gradcheck_result result;
        rg_gradcheck(functions[i].f, NULL, 1, in, NULL, &result);
        if (result.verdict != functions[i].verdict)
            fail_msg("%s: %s %s", functions[i].name, rg_verdict_name(result.verdict), result.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_planted_mistake_is_found),
        cmocka_unit_test(every_rule_is_attacked),
        cmocka_unit_test(a_derivative_declared_away_is_found),
        cmocka_unit_test(a_zero_that_is_not_declared_is_found),
        cmocka_unit_test(mistakes_of_the_transform_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
