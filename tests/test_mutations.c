/* test_mutations.c: no wrong derivative gets past the gradient check. Plants mistakes into the derivative of every
 * operand of every op of the table, one at a time, and demands that each is found, and found to be what it is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"
#include "mutations.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FOR_EACH_OP(op)                                                                                            \
    size_t ops_ = 0;                                                                                               \
    const rg_op *const *table_ = rg_op_table(&ops_);                                                               \
    const rg_op *op = NULL;                                                                                        \
    for (size_t i_ = 0; i_ < ops_ && (op = table_[i_]); i_++)

#define FOR_EACH_RULE(op, k)                                                                                       \
    FOR_EACH_OP(op)                                                                                                \
        for (int k = 0; k < tool_mutable_operands(op); k++)                                                        \
            if (tool_is_mutable(op, k))

/* ---- Mistakes of the rules -------------------------------------------------------------------------------------- */

typedef struct {
    int planted, killed, equivalent;
} tally;

static tally plant_everywhere(const tool_mutation *mutation)
{
    tally sum = { 0, 0, 0 };
    FOR_EACH_RULE(op, k) {
        rg_gradcheck_result result;
        tool_mutant_fate fate = tool_mutate(op, k, mutation, 0, &result);
        sum.equivalent += fate == TOOL_MUTANT_EQUIVALENT;
        sum.planted += fate != TOOL_MUTANT_EQUIVALENT;
        sum.killed += fate == TOOL_MUTANT_KILLED;
        if (fate == TOOL_MUTANT_SURVIVED)
            print_message("SURVIVOR  %s, operand %d: %s: %s %s\n", op->name, k, tool_mutation_name(mutation),
                          rg_verdict_name(result.verdict), result.message);
    }
    print_message("%-30s planted %3d, killed %3d, equivalent in %3d\n", tool_mutation_name(mutation), sum.planted,
                  sum.killed, sum.equivalent);
    return sum;
}

static void every_planted_mistake_is_found(void **state)
{
    (void)state;
    int planted = 0, killed = 0;
    for (size_t i = 0; i < tool_mutations(); i++) {
        tally sum = plant_everywhere(tool_mutation_at(i));
        assert_true(sum.planted > 0);
        planted += sum.planted;
        killed += sum.killed;
    }
    print_message("killed %d of %d\n", killed, planted);
    assert_int_equal(killed, planted);
    assert_true(planted > 600);
}

/* Every op with a rule has been under attack: there is none in which a flipped sign makes no difference. */
static void every_rule_is_attacked(void **state)
{
    (void)state;
    FOR_EACH_RULE(op, k) {
        rg_gradcheck_result result;
        if (tool_mutate(op, k, tool_mutation_at(0), 0, &result) != TOOL_MUTANT_KILLED)
            fail_msg("%s, operand %d", op->name, k);
    }
}

/* Else its branches at a tie could not be attacked. */
static void every_op_with_a_kink_states_its_convention(void **state)
{
    (void)state;
    int kinked = 0;
    FOR_EACH_OP(op) {
        const bool bends = op->vjp && tool_has_kink(op);
        if (bends && !op->kinks) fail_msg("%s has a kink, and no rg_op.kinks", op->name);
        kinked += bends;
    }
    assert_true(kinked >= 4);
    assert_true(tool_has_kink(rg_op_find("relu")) && tool_has_kink(rg_op_find("max")));
    assert_false(tool_has_kink(rg_op_find("exp")) || tool_has_kink(rg_op_find("sqrt")));
}

/* ---- False declarations -------------------------------------------------------------------------------------- */

static rg_verdict verdict_of(const rg_op *op)
{
    rg_gradcheck_result result;
    rg_gradcheck_op(op, &(rg_gradcheck_options){ .seeds = 1 }, &result);
    return result.verdict;
}

static void a_derivative_declared_away_is_found(void **state)
{
    (void)state;
    int planted = 0;
    FOR_EACH_RULE(op, k) {
        rg_op liar = *op;
        liar.no_gradient |= 1u << k;
        if (verdict_of(&liar) != RG_CHECK_WRONG) fail_msg("%s, operand %d", op->name, k);
        planted++;
    }
    assert_true(planted > 40);
}

/* Which operand's rule has given nothing. */
typedef struct {
    rg_op op;
    const rg_op *original;
    int operand;
    bool gave_nothing;
} witness;

static rg_tensor witness_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    witness *w = (witness *)(uintptr_t)rg_op_of(y);
    rg_tensor r = w->original->vjp(k, in, y, g);
    w->gave_nothing = w->gave_nothing || (k == w->operand && rg_is_null(r));
    return r;
}

static void a_zero_that_is_not_declared_is_found(void **state)
{
    (void)state;
    int planted = 0;
    FOR_EACH_OP(op)
        for (int k = 0; k < tool_mutable_operands(op); k++) {
            witness w = { .op = *op, .original = op, .operand = k };
            if (!(op->no_gradient >> k & 1u)) continue;
            w.op.no_gradient &= ~(1u << k);
            w.op.vjp = witness_vjp;
            const rg_verdict verdict = verdict_of(&w.op);
            if (w.gave_nothing && verdict != RG_CHECK_VACUOUS)
                fail_msg("%s, operand %d: %s", op->name, k, rg_verdict_name(verdict));
            planted += w.gave_nothing;
        }
    assert_true(planted > 5);
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
        cmocka_unit_test(every_op_with_a_kink_states_its_convention),
        cmocka_unit_test(a_derivative_declared_away_is_found),
        cmocka_unit_test(a_zero_that_is_not_declared_is_found),
        cmocka_unit_test(mistakes_of_the_transform_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
