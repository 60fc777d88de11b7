/* The README's list of ops is the op table, row by row and in its order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    assert_non_null(file);
    assert_non_null(text);
    size_t length = fread(text, 1, (1 << 20) - 1, file);
    assert_true(length > 0);
    fclose(file);
    return text;
}

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

static void the_readme_lists_every_op_of_the_table(void **state)
{
    (void)state;
    char *readme = read_text(RG_TEST_SOURCE "/README.md");
    const char *at = strstr(readme, "| op |");
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    assert_non_null(at);
    for (size_t i = 0; i < count; i++) {
        char row[512], operands[16];
        operands_of(table[i], operands, sizeof operands);
        snprintf(row, sizeof row, "| `%s` | %s | %s | %s |\n", table[i]->name, operands,
                 derivative_of(table[i]), table[i]->doc);
        const char *found = strstr(at, row);
        if (!found) print_message("README.md lacks, or has out of order: %s", row);
        assert_non_null(found);
        at = found;
    }
    free(readme);
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
        cmocka_unit_test(the_readme_lists_every_op_of_the_table),
        cmocka_unit_test(every_op_has_a_name_a_doc_and_a_shape_rule_and_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
