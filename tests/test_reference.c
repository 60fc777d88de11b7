/* test_reference.c: docs/ops.md is the op table. With RG_UPDATE_GOLDEN=1 in the environment it is written anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"
#include "golden.h"

static void operands_of(const rg_op *op, char *text, size_t size)
{
    if (op->arity == RG_VARIADIC) snprintf(text, size, "any");
    else snprintf(text, size, "%d", op->arity);
}

static const char *derivative_of(const rg_op *op)
{
    bool all_zero = op->arity > 0 && op->no_gradient == (1u << op->arity) - 1u;
    return all_zero ? "zero" : op->vjp ? "yes" : "none";
}

static void append(char *text, size_t size, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void the_reference_lists_every_op_of_the_table(void **state)
{
    (void)state;
    static char text[1 << 16];
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    text[0] = '\0';
    append(text, sizeof text, "# The ops\n\nEverything that a tape can record, in the order of the op table. \"Derivative\" is "
           "`zero` where an op declares that it\nhas none, and `none` where asking for one is an error; \"batch\" says whether "
           "`rg_vmap` takes it.\n\n| op | operands | derivative | batch | what it computes |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        char operands[16];
        operands_of(table[i], operands, sizeof operands);
        append(text, sizeof text, "| `%s` | %s | %s | %s | %s |\n", table[i]->name, operands, derivative_of(table[i]),
               table[i]->batch || table[i]->kind == RG_ELEMENTWISE ? "yes" : "no", table[i]->doc);
    }
    assert_true(strlen(text) + 1 < sizeof text);
    assert_golden(text, "../../docs/ops.md");
}

static void every_op_has_a_name_a_doc_and_a_shape_rule_and_is_found_by_its_name(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    assert_true(count > 30);
    for (size_t i = 0; i < count; i++) {
        assert_true(table[i]->name && *table[i]->name && table[i]->doc && *table[i]->doc && table[i]->shape);
        assert_ptr_equal(rg_op_find(table[i]->name), table[i]);
    }
    assert_null(rg_op_find("no such op"));
    assert_null(rg_op_find(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_lists_every_op_of_the_table),
        cmocka_unit_test(every_op_has_a_name_a_doc_and_a_shape_rule_and_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
