/* test_plan_picture.c: the plan that is shown is the one that a compiled program runs: its steps, what is fused, and where
 * values lie. */
#define _POSIX_C_SOURCE 200809L
#include "drawing.h"

#include <cjson/cJSON.h>

#define MEMBER(object, name) cJSON_GetObjectItemCaseSensitive(object, name)

static cJSON *plan_of(rg_tensor t, bool backward)
{
    char *text = written_by(rg_graph_json, t, (rg_graph_options){ .backward = backward, .plan = true });
    cJSON *json = cJSON_Parse(text), *plan = cJSON_DetachItemFromObjectCaseSensitive(json, "plan");
    assert_non_null(plan);
    cJSON_Delete(json);
    free(text);
    return plan;
}

static double number_of(const cJSON *object, const char *name)
{
    const cJSON *item = MEMBER(object, name);
    if (!cJSON_IsNumber(item)) fail_msg("no number: %s", name);
    return item->valuedouble;
}

static int steps_of(const cJSON *plan)
{
    return cJSON_GetArraySize(MEMBER(plan, "steps"));
}

/* "matmul+add+relu" */
static const char *ops_of(const cJSON *plan, int step)
{
    static char text[256];
    const cJSON *part;
    text[0] = '\0';
    cJSON_ArrayForEach(part, MEMBER(cJSON_GetArrayItem(MEMBER(plan, "steps"), step), "parts")) {
        if (*text) strcat(text, "+");
        strcat(text, MEMBER(part, "op")->valuestring);
    }
    return text;
}

static rg_tensor numbers(rg_tape *tape, rg_shape shape)
{
    static float zeros[1 << 16];
    return rg_input(tape, RG_F32, shape, zeros);
}

static void a_product_with_bias_and_activation_is_one_step(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = numbers(tape, RG_SHAPE(64, 128)), w = numbers(tape, RG_SHAPE(128, 96)), b = numbers(tape, RG_SHAPE(96));
    cJSON *plan = plan_of(rg_relu(rg_add(rg_matmul(x, w), b)), false);
    assert_int_equal(steps_of(plan), 1);
    assert_string_equal(ops_of(plan, 0), "matmul+add+relu");
    const cJSON *step = cJSON_GetArrayItem(MEMBER(plan, "steps"), 0), *parts = MEMBER(step, "parts");
    for (int i = 0; i < 3; i++) assert_int_equal(number_of(cJSON_GetArrayItem(parts, i), "node"), 3 + i);
    assert_true(cJSON_IsNull(MEMBER(cJSON_GetArrayItem(parts, 1), "buffer"))); /* in registers */
    assert_int_equal(cJSON_GetArraySize(MEMBER(step, "reads")), 3);
    assert_true(number_of(step, "operations") == 2.0 * 64 * 128 * 96 + 2.0 * 64 * 96);
    assert_true(number_of(step, "bytes_read") == 4.0 * (64 * 128 + 128 * 96 + 96));
    assert_true(number_of(step, "bytes_written") == 4.0 * 64 * 96);
    assert_true(number_of(plan, "node_bytes") == 3 * 4.0 * 64 * 96);
    cJSON_Delete(plan);
    rg_tape_free(tape);
}

static void a_small_product_takes_its_bias_along(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = numbers(tape, RG_SHAPE(2, 3)), w = numbers(tape, RG_SHAPE(3, 4)), b = numbers(tape, RG_SHAPE(4));
    cJSON *plan = plan_of(rg_tanh(rg_add(rg_matmul(x, w), b)), false);
    assert_int_equal(steps_of(plan), 2);
    assert_string_equal(ops_of(plan, 0), "matmul+add");
    const cJSON *parts = MEMBER(cJSON_GetArrayItem(MEMBER(plan, "steps"), 0), "parts");
    assert_int_equal(number_of(cJSON_GetArrayItem(parts, 0), "node"), 3);
    assert_int_equal(number_of(cJSON_GetArrayItem(parts, 1), "node"), 4);
    const cJSON *buffer = cJSON_GetArrayItem(MEMBER(plan, "buffers"), (int)number_of(cJSON_GetArrayItem(parts, 1), "buffer"));
    assert_int_equal(number_of(buffer, "node"), 4); /* of the sum, not of the product */
    cJSON_Delete(plan);
    rg_tape_free(tape);
}

/* The product is written over at once: what the step writes is the result. */
static void what_a_step_writes_over_is_no_result(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = numbers(tape, RG_SHAPE(64, 128)), w = numbers(tape, RG_SHAPE(128, 96)), b = numbers(tape, RG_SHAPE(96));
    rg_tensor h = rg_relu(rg_add(rg_matmul(x, w), b));
    char *text = written_by(rg_listing, rg_matmul(rg_transpose(h), h), (rg_graph_options){ .plan = true });
    assert_drawn(text, "0  matmul %3 + add %4 + relu %5  reads %0, %1, %2  writes b1 ");
    assert_drawn(text, "b0  matmul %3");
    assert_drawn(text, "1  matmul %7 ");
    free(text);
    rg_tape_free(tape);
}

static void equal_nodes_and_views_are_no_steps(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = numbers(tape, RG_SHAPE(3, 2));
    cJSON *plan = plan_of(rg_matmul(x, rg_transpose(x)), false);
    assert_int_equal(steps_of(plan), 1);
    assert_string_equal(ops_of(plan, 0), "matmul");
    cJSON_Delete(plan);
    plan = plan_of(rg_mul(rg_exp(x), rg_exp(x)), false);
    assert_int_equal(steps_of(plan), 2);
    assert_string_equal(ops_of(plan, 1), "mul");
    cJSON_Delete(plan);
    plan = plan_of(x, false);
    assert_int_equal(steps_of(plan), 0);
    cJSON_Delete(plan);
    rg_tape_free(tape);
}

/* Two values never lie at one place at one time, but where one takes the other's place in the step that reads it last. */
static void check_buffers(const cJSON *plan)
{
    const cJSON *a, *b;
    const double workspace = number_of(plan, "workspace_bytes");
    cJSON_ArrayForEach(a, MEMBER(plan, "buffers")) {
        if (strcmp(MEMBER(a, "place")->valuestring, "workspace") != 0) continue;
        const double a0 = number_of(a, "offset"), a1 = a0 + number_of(a, "bytes");
        assert_true(a1 <= workspace && number_of(a, "first") <= number_of(a, "last"));
        for (b = a->next; b; b = b->next) {
            if (strcmp(MEMBER(b, "place")->valuestring, "workspace") != 0) continue;
            const double b0 = number_of(b, "offset"), b1 = b0 + number_of(b, "bytes");
            const double later = number_of(a, "first") > number_of(b, "first") ? number_of(a, "first") : number_of(b, "first");
            const double sooner = number_of(a, "last") < number_of(b, "last") ? number_of(a, "last") : number_of(b, "last");
            if (a0 >= b1 || b0 >= a1 || later > sooner) continue;
            if (later != sooner || a0 != b0) fail_msg("buffers %g and %g overlap", number_of(a, "id"), number_of(b, "id"));
        }
    }
}

static void values_share_memory(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    cJSON *plan = plan_of(perceptron_loss(&p), true);
    check_buffers(plan);
    assert_true(number_of(plan, "workspace_bytes") < number_of(plan, "unshared_bytes"));
    cJSON_Delete(plan);
    perceptron_free(&p);

    rg_tape *tape = rg_tape_new();
    rg_tensor x = numbers(tape, RG_SHAPE(100));
    for (int i = 0; i < 20; i++) x = rg_tanh(rg_cumsum(x, 0));
    plan = plan_of(x, false);
    check_buffers(plan);
    assert_int_equal(steps_of(plan), 40);
    assert_true(number_of(plan, "unshared_bytes") == 39 * 448); /* 400 bytes in cache lines; the last one is handed out */
    assert_true(number_of(plan, "workspace_bytes") <= 2 * 448);
    assert_true(number_of(plan, "node_bytes") == 40 * 400);
    cJSON_Delete(plan);
    rg_tape_free(tape);
}

/* As a profile of the program that is really compiled tells. */
static void the_steps_are_those_of_the_compiled_program(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_tape_free(p.tape);
    p.tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .profiles = true });
    rg_tensor loss = perceptron_loss(&p);
    cJSON *plan = plan_of(loss, true);
    rg_program *program = rg_compile_backward(loss, 0, NULL);
    assert_non_null(program);
    rg_profile profile;
    assert_int_equal(rg_program_profile(program, 1, &profile), RG_OK);
    assert_int_equal(profile.count, steps_of(plan));
    for (size_t i = 0; i < profile.count; i++) {
        const cJSON *step = cJSON_GetArrayItem(MEMBER(plan, "steps"), (int)i);
        assert_string_equal(profile.steps[i].what, ops_of(plan, (int)i));
        assert_int_equal(profile.steps[i].backward, cJSON_IsTrue(MEMBER(step, "backward")));
        assert_true(profile.steps[i].operations == number_of(step, "operations"));
        assert_true(profile.steps[i].bytes_read == number_of(step, "bytes_read"));
        assert_true(profile.steps[i].bytes_written == number_of(step, "bytes_written"));
        assert_string_equal(profile.steps[i].site, MEMBER(step, "site")->valuestring);
    }
    rg_program_free(program);
    cJSON_Delete(plan);
    perceptron_free(&p);
}

static void gradients_go_to_their_parameters(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = written_by(rg_plan_dot, perceptron_loss(&p), (rg_graph_options){ .backward = true });
    static const char *const names[] = { "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias" };
    for (int i = 0; i < 4; i++) {
        char written[64];
        snprintf(written, sizeof written, "<td align=\"left\">gradient of %s</td>", names[i]);
        assert_drawn(text, written);
    }
    free(text);
    perceptron_free(&p);
}

/* ---- The picture -------------------------------------------------------------------------------------------------- */

static void a_plan_is_drawn_as_the_golden_file_has_it(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = written_by(rg_plan_dot, perceptron_loss(&p), (rg_graph_options){ .backward = true, .title = "3-4-2 perceptron" });
    assert_golden(text, "plan.dot");
    assert_valid_dot(text);
    free(text);
    perceptron_free(&p);
}

static void any_name_can_be_drawn(void **state)
{
    (void)state;
    static const char *const names[] = { "<b>&amp;</b>", "\"quoted\" \\N \\", "two\nlines", "\x01\x1b[31m\x7f", "β🙂", "\xff\xfe", "'$l" };
    rg_tape *tape = rg_tape_new();
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_tensor y = numbers(tape, RG_SHAPE(3));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rg_tensor w = rg_parameter_at(names[i], tape, rg_params_add(theta, names[i], RG_SHAPE(3)));
        y = rg_name(rg_cumsum_at(names[i], rg_mul(y, w), 0), names[i]);
    }
    char *text = written_by(rg_plan_dot, rg_sum(y), (rg_graph_options){ .backward = true, .title = names[0] });
    assert_drawn(text, "<b>&lt;b&gt;&amp;amp;&lt;/b&gt;</b>");
    assert_drawn(text, "gradient of &quot;quoted&quot; \\N \\<");
    assert_drawn(text, "gradient of '$l<");
    assert_not_drawn(text, "\xff");
    assert_valid_dot(text);
    free(text);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* Of a leaf the plan is a step that makes its adjoint, 1, which no line has recorded. */
static void a_step_without_a_line_can_be_drawn(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    char *text = written_by(rg_plan_dot, rg_scalar(tape, RG_F64, 3), (rg_graph_options){ .backward = true });
    assert_not_drawn(text, "<i></i>");
    assert_valid_dot(text);
    free(text);
    rg_tape_free(tape);
}

/* Every row of the table fills the same columns, those below a rectangle from above included. */
static void check_table(const char *text)
{
    int covered[200] = { 0 }, columns = 0, row = 0;
    const char *end = strstr(text, "</table>");
    for (const char *at = strstr(text, "<tr>"); at && at < end; at = strstr(at + 1, "<tr>"), row++) {
        const char *row_end = strstr(at, "</tr>");
        int column = 0;
        for (const char *cell = strstr(at, "<td"); cell && cell < row_end; cell = strstr(cell + 1, "<td")) {
            const char *close = strchr(cell, '>'), *wide = strstr(cell, "colspan=\""), *high = strstr(cell, "rowspan=\"");
            const int width = wide && wide < close ? atoi(wide + 9) : 1, height = high && high < close ? atoi(high + 9) : 1;
            while (column < 200 && covered[column] > row) column++;
            for (int i = 0; i < width; i++, column++) {
                assert_true(column < 200 && covered[column] <= row);
                covered[column] = row + height;
            }
        }
        while (column < 200 && covered[column] > row) column++;
        if (row == 0) columns = column;
        if (column != columns) fail_msg("row %d has %d columns of %d", row, column, columns);
    }
    for (int i = 0; i < columns; i++) assert_int_equal(covered[i], row);
    assert_true(row > 1);
}

static rg_tensor chain(rg_tape *tape, int n)
{
    rg_tensor x = numbers(tape, RG_SHAPE(50));
    for (int i = 0; i < n; i++) x = i % 3 == 0 ? rg_cumsum(x, 0) : i % 3 == 1 ? rg_tanh(x) : rg_mul(x, x);
    return rg_sum(x);
}

static void the_table_has_no_holes(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = written_by(rg_plan_dot, perceptron_loss(&p), (rg_graph_options){ .backward = true });
    check_table(text);
    free(text);
    for (size_t most = 1; most < 40; most += 3) {
        text = written_by(rg_plan_dot, chain(p.tape, 20), (rg_graph_options){ .backward = true, .most_nodes = most });
        check_table(text);
        free(text);
    }
    perceptron_free(&p);
}

static void of_many_steps_the_middle_is_counted(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor y = chain(tape, 100000);
    cJSON *plan = plan_of(y, true);
    char *text = written_by(rg_plan_dot, y, (rg_graph_options){ .backward = true, .most_nodes = 20 }), count[64];
    int left = steps_of(plan) - 20;
    snprintf(count, sizeof count, "… %d,%03d steps not shown", left / 1000, left % 1000);
    assert_drawn(text, count);
    assert_int_equal(count_of(text, "<tr>"), 20 + 2);
    assert_true(strlen(text) < 40000);
    check_table(text);
    assert_valid_dot(text);
    free(text);
    cJSON_Delete(plan);
    rg_tape_free(tape);
}

static void a_map_that_would_be_too_wide_is_left_out(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = numbers(tape, RG_SHAPE(50)), parts[100];
    for (int i = 0; i < 100; i++) parts[i] = rg_cumsum(rg_scale(x, i + 1), 0);
    char *text = written_by(rg_plan_dot, rg_concat(100, parts, 0), (rg_graph_options){ .most_nodes = 1000 });
    assert_drawn(text, "would be too wide");
    assert_not_drawn(text, "addresses");
    check_table(text);
    free(text);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_with_bias_and_activation_is_one_step),
        cmocka_unit_test(a_small_product_takes_its_bias_along),
        cmocka_unit_test(what_a_step_writes_over_is_no_result),
        cmocka_unit_test(equal_nodes_and_views_are_no_steps),
        cmocka_unit_test(values_share_memory),
        cmocka_unit_test(the_steps_are_those_of_the_compiled_program),
        cmocka_unit_test(gradients_go_to_their_parameters),
        cmocka_unit_test(a_plan_is_drawn_as_the_golden_file_has_it),
        cmocka_unit_test(any_name_can_be_drawn),
        cmocka_unit_test(a_step_without_a_line_can_be_drawn),
        cmocka_unit_test(the_table_has_no_holes),
        cmocka_unit_test(of_many_steps_the_middle_is_counted),
        cmocka_unit_test(a_map_that_would_be_too_wide_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
