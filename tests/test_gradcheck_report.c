/* test_gradcheck_report.c: what the check finds can be read by programs: JSON a line, and JUnit's XML. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "gradcheck_report.h"

static char text[1 << 16];

static void read_back(FILE *file)
{
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
}

static rg_tensor doubled_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return rg_scale(g, 2);
}

/* A copy of an op with a rule that is wrong, checked. */
static tool_checked checked_wrong(rg_op *op)
{
    tool_checked checked = { .op = op, .seconds = 0.25 };
    *op = *rg_op_find("neg");
    op->name = "<neg> & \"co\"";
    op->vjp = doubled_vjp;
    const rg_gradcheck_options options = { .seed = 7, .seeds = 1, .row = tool_add_row, .row_context = &checked };
    assert_false(rg_gradcheck_op(op, &options, &checked.result));
    return checked;
}

static void every_row_and_every_op_is_an_object_on_a_line(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "op", "node", "name", "site", "argument", "index", "analytic", "numeric", "absolute", "relative", "ulp",
        "bound", "step", "order", "convergence", "oracle", "seed", "replay", "message", "dtype", "sample",
    };
    rg_op op;
    tool_checked checked = checked_wrong(&op);
    size_t rows = 0, ops = 0;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(checked.count > 1 && checked.count == (size_t)checked.result.failed);
    assert_true(tool_print_checked_json(file, &checked));
    read_back(file);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *object = cJSON_Parse(line);
        assert_non_null(object);
        if (cJSON_GetObjectItem(object, "row")) {
            for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
                if (!cJSON_HasObjectItem(object, fields[i])) fail_msg("no %s", fields[i]);
            assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "row")), "wrong");
            assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "seed")) == 7);
            assert_non_null(strstr(cJSON_GetStringValue(cJSON_GetObjectItem(object, "replay")), "--seed 7 --seeds 1"));
            rows++;
        } else {
            assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "failures")) == checked.result.failed);
            ops++;
        }
        cJSON_Delete(object);
    }
    assert_int_equal(rows, checked.count);
    assert_int_equal(ops, 1);
    free(checked.rows);
}

static void junit_has_a_case_for_each_op_and_a_failure_for_each_row(void **state)
{
    (void)state;
    rg_op op;
    tool_checked all[] = { { .op = rg_op_find("add") }, checked_wrong(&op),
                           { .op = rg_op_find("exp"), .skipped = "not there" } };
    FILE *file = tmpfile();
    assert_non_null(file);
    tool_print_junit(file, all, 3);
    read_back(file);
    assert_non_null(strstr(text, "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0.250000\">"));
    assert_non_null(strstr(text, "name=\"add\" time=\"0.000000\"/>"));
    assert_non_null(strstr(text, "name=\"&lt;neg&gt; &amp; &quot;co&quot;\" time=\"0.250000\">"));
    assert_non_null(strstr(text, "<skipped message=\"not there\"/>"));
    size_t failures = 0, cases = 0, ends = 0;
    for (const char *at = text; (at = strstr(at, "<failure type=\"wrong\" message=\"")); at++) failures++;
    for (const char *at = text; (at = strstr(at, "<testcase ")); at++) cases++;
    for (const char *at = text; (at = strstr(at, "</testcase>")); at++) ends++;
    assert_int_equal(failures, all[1].count);
    assert_int_equal(cases, 3);
    assert_int_equal(ends, 2);
    assert_non_null(strstr(text, "</testsuites>\n"));
    free(all[1].rows);
}

static void what_xml_cannot_hold_is_replaced(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    tool_print_xml(file, "a<b>&\"c\"\t\n\x01\x1f v\xcc\x84");
    read_back(file);
    assert_string_equal(text, "a&lt;b&gt;&amp;&quot;c&quot;&#9;&#10;?? v\xcc\x84");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_and_every_op_is_an_object_on_a_line),
        cmocka_unit_test(junit_has_a_case_for_each_op_and_a_failure_for_each_row),
        cmocka_unit_test(what_xml_cannot_hold_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
