/* test_cheap_gradient.c: value and gradient together take at most five times the work of the value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cost.h"

static void no_op_takes_more_than_five_times_its_value(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    int audited = 0;
    for (size_t i = 0; i < count; i++) {
        int sample = -1;
        const tool_cost cost = tool_cost_of_op(table[i], &sample);
        if (!(cost.ratio <= TOOL_COST_MOST)) fail_msg("%s: %g times, in sample %d", table[i]->name, cost.ratio, sample);
        if (cost.ratio == 0) continue;
        assert_true(cost.ratio >= 1 && cost.both >= cost.value);
        audited++;
    }
    assert_true(audited > 35);
}

static void what_is_counted_is_what_is_done(void **state)
{
    (void)state;
    /* e^x: one, and one product. */
    const tool_cost exponential = tool_cost_of_op(rg_op_find("exp"), NULL);
    assert_true(exponential.value == 12 && exponential.both == 24 && exponential.ratio == 2);
    /* A quotient of a column and a row: itself, g/b, that times y, and two sums; flipping a sign is no arithmetic. */
    const tool_cost quotient = tool_cost_of_op(rg_op_find("div"), NULL);
    assert_true(quotient.value == 15 && quotient.both == 5 * 15);
    assert_true(tool_cost_of_op(rg_op_find("greater"), NULL).ratio == 0);
    assert_true(tool_cost_of_op(rg_op_find("permute"), NULL).ratio == 1);
}

/* Each layer has a product in the value and two in the gradient, but for the first, whose input has none. */
static void the_products_of_an_mlp_cost_three_less_one_over_its_layers(void **state)
{
    (void)state;
    for (int layers = 1; layers <= 8; layers++) {
        tool_cost all, products;
        assert_true(tool_cost_of_mlp(layers, 32, &all, &products));
        assert_true(products.value == 2.0 * 32 * 32 * 32 * layers);
        assert_true(products.both == 2.0 * 32 * 32 * 32 * (3 * layers - 1));
        assert_true(fabs(products.ratio - (3 - 1.0 / layers)) < 1e-15 * 4);
        assert_true(all.ratio <= 5 && all.value > products.value);
    }
    tool_cost all, products;
    assert_false(tool_cost_of_mlp(0, 32, &all, &products));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_op_takes_more_than_five_times_its_value),
        cmocka_unit_test(what_is_counted_is_what_is_done),
        cmocka_unit_test(the_products_of_an_mlp_cost_three_less_one_over_its_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
