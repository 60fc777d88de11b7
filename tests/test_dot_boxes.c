/* test_dot_boxes.c: a large graph is drawn in few boxes, which say what they stand for; and boxes say what their values,
 * their gradients and their places in the backward pass are. */
#define _POSIX_C_SOURCE 200809L
#include "drawing.h"

#include <math.h>

/* The line of the box of which `part` is in the label; to be freed. */
static char *box_with(const char *text, const char *part)
{
    const char *at = strstr(text, "[fillcolor=");
    for (; at; at = strstr(at + 1, "[fillcolor=")) {
        const char *end = strchr(at, '\n');
        char *line = strndup(at, (size_t)(end - at));
        if (strstr(line, part)) return line;
        free(line);
    }
    fail_msg("no box with %s", part);
    return NULL;
}

static void assert_box(const char *text, const char *which, const char *part)
{
    char *box = box_with(text, which);
    if (!strstr(box, part)) fail_msg("'%s' is not in %s", part, box);
    free(box);
}

static void assert_not_in_box(const char *text, const char *which, const char *part)
{
    char *box = box_with(text, which);
    if (strstr(box, part)) fail_msg("'%s' is in %s", part, box);
    free(box);
}

static int edges_in(const char *text)
{
    return count_of(text, " -> ") - count_of(text, "arrowhead=none");
}

/* ---- Scopes that are boxes ---------------------------------------------------------------------------------------- */

static void a_layer_can_be_one_box(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = draw_with(perceptron_loss(&p), (rg_dot_options){ .backward = true, .collapse_depth = 1 });
    assert_golden(text, "dot_collapsed.dot");
    assert_drawn(text, "<b>fc1</b><br/>3 ops · 16 parameters<br/>"
                       "<font point-size=\"9\" color=\"#4d5761\">f64[2,4] · 64 B</font>");
    assert_drawn(text, "<b>fc2</b><br/>3 ops · 10 parameters");
    assert_box(text, "<b>fc2</b><br/>3 ops", "saves 32 B");
    assert_box(text, "adjoints", "penwidth=1.8"); /* it has gradients in it */
    assert_not_drawn(text, "fc1.weight");
    assert_int_equal(count_of(text, "subgraph"), 2); /* the halves */
    assert_valid_dot(text);
    free(text);
    perceptron_free(&p);
}

/* outer(inner(exp, tanh), sqrt), then neg */
static rg_tensor nested(rg_tape *tape)
{
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(3), NUMBERS(1, 2, 3)), "x");
    rg_scope_push(tape, "outer");
    rg_scope_push(tape, "inner");
    x = rg_tanh(rg_exp(x));
    rg_scope_pop(tape);
    x = rg_sqrt(x);
    rg_scope_pop(tape);
    return rg_name(rg_neg(x), "y");
}

static void scopes_are_boxes_from_the_depth_that_was_asked_for(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor y = nested(tape);
    static const struct { int depth, boxes, frames, edges; } expected[] = {
        { 0, 5, 2, 4 }, { 1, 3, 0, 2 }, { 2, 4, 1, 3 }, { 3, 5, 2, 4 },
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char *text = draw_with(y, (rg_dot_options){ .collapse_depth = expected[i].depth });
        assert_int_equal(boxes_in(text), expected[i].boxes);
        assert_int_equal(count_of(text, "subgraph"), expected[i].frames);
        assert_int_equal(edges_in(text), expected[i].edges);
        free(text);
    }
    rg_tape_free(tape);
}

static void the_deepest_scopes_collapse_first(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor y = nested(tape);
    static const struct { size_t most; int boxes; const char *drawn, *not_drawn; } expected[] = {
        { 5, 5, "label=<tanh<br/>", "2 ops" },
        { 4, 4, "<b>inner</b><br/>2 ops", "label=<tanh<br/>" },
        { 3, 3, "<b>outer</b><br/>3 ops", "inner" },
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char *text = draw_with(y, (rg_dot_options){ .most_nodes = expected[i].most });
        assert_int_equal(boxes_in(text), expected[i].boxes);
        assert_drawn(text, expected[i].drawn);
        assert_not_drawn(text, expected[i].not_drawn);
        assert_not_drawn(text, "not shown");
        free(text);
    }
    rg_tape_free(tape);
}

/* Of a chain without scopes, and of one whose scopes are too many. */
static void what_is_too_much_is_counted(void **state)
{
    (void)state;
    enum { LONG = 100000 };
    rg_tape *tape = rg_tape_new();
    for (int scoped = 0; scoped < 2; scoped++) {
        rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(0.5)), "x");
        for (int i = 0; i < LONG / (scoped ? 10 : 1); i++) {
            char name[20];
            snprintf(name, sizeof name, "block%d", i % 1000);
            if (scoped) rg_scope_push(tape, name);
            x = rg_tanh(x);
            if (scoped) rg_scope_pop(tape);
        }
        char *text = draw_with(rg_name(rg_neg(x), "y"), (rg_dot_options){ .most_nodes = 100 });
        char left[64];
        const int ends = 49, shown = 2 * ends, nodes = LONG + 2 - shown;
        snprintf(left, sizeof left, "<i>… %d,%03d nodes not shown</i>", nodes / 1000, nodes % 1000);
        if (!scoped) assert_drawn(text, left);
        assert_int_equal(boxes_in(text), 99);
        assert_int_equal(edges_in(text), scoped ? edges_in(text) : 98);
        assert_drawn(text, "<b>x</b>");
        assert_drawn(text, "<b>y</b>");
        free(text);
        text = draw_with(x, (rg_dot_options){ .backward = true });
        assert_in_range(boxes_in(text), 390, 400); /* the default */
        assert_int_equal(count_of(text, "not shown</i>"), 2);
        assert_true(strlen(text) < 300000);
        free(text);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void a_folded_graph_can_be_rendered(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(0.5));
    for (int i = 0; i < 1000; i++) x = i % 2 ? rg_tanh(x) : rg_mul(x, x);
    char *text = draw_with(x, (rg_dot_options){ .backward = true, .most_nodes = 30 });
    assert_in_range(boxes_in(text), 20, 30);
    assert_valid_dot(text);
    free(text);
    rg_tape_free(tape);
}

/* ---- The backward pass --------------------------------------------------------------------------------------------- */

static void what_an_adjoint_reads_is_saved(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(2, 2), NUMBERS(1, 2, 3, 4)), "x");
    rg_tensor a = rg_name(rg_tanh(x), "a"), b = rg_name(rg_neg(a), "b"), c = rg_name(rg_exp(x), "c");
    rg_tensor y = rg_name(rg_sum(rg_matmul(b, rg_name(rg_transpose(c), "view"))), "y");
    char *text = draw(y, true);
    assert_box(text, "<b>a</b>", "peripheries=2");       /* tanh' is made of it */
    assert_box(text, "<b>b</b>", "peripheries=2");       /* read through a view of the backward half */
    assert_box(text, "<b>c</b>", "peripheries=2");       /* through one of the forward half */
    assert_not_in_box(text, "<b>view</b>", "peripheries");
    assert_not_in_box(text, "<b>x</b>", "peripheries");  /* there anyway */
    assert_not_in_box(text, "<b>y</b>", "peripheries");
    assert_drawn(text, "saved for backward");
    free(text);
    text = draw(y, false);
    assert_not_drawn(text, "peripheries");
    assert_not_drawn(text, "saved for backward");
    free(text);
    rg_tape_free(tape);
}

static void what_a_checkpoint_records_again_is_dashed(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(1)), "x");
    rg_checkpoint_begin(tape);
    rg_tensor h = rg_tanh(rg_exp(x));
    rg_checkpoint_end(tape);
    char *text = draw(rg_name(rg_square(h), "y"), true);
    assert_int_equal(count_of(text, "rounded,filled,dashed"), 3); /* what reads x, exp, tanh */
    assert_drawn(text, "recomputed &#160;");
    free(text);
    rg_tape_free(tape);
}

/* ---- Numbers -------------------------------------------------------------------------------------------------------- */

static void many_numbers_are_a_summary_with_a_strip(void **state)
{
    (void)state;
    double many[100];
    for (int i = 0; i < 100; i++) many[i] = i % 2 ? 3 : -4;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(10, 10), many);
    char *text = draw_with(x, (rg_dot_options){ .values = true });
    assert_drawn(text, "min -4 max 3<br/>mean -0.5 norm 35.36</font>"); /* sqrt(50 (9 + 16)) */
    assert_drawn(text, "bgcolor=\"#90d743\""); /* their root mean square is nearest to 10 by decades */
    assert_drawn(text, "root mean square");
    assert_valid_dot(text);
    free(text);
    many[0] = NAN;
    many[1] = INFINITY;
    x = rg_input(tape, RG_F64, RG_SHAPE(10, 10), many);
    text = draw_with(x, (rg_dot_options){ .values = true });
    assert_drawn(text, "min -4 max 3<br/>mean -0.5 norm 35<br/>2 not finite");
    free(text);
    static const double decades[] = { 0, 1e-9, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1e9 };
    static const char *const colors[] = { "440154", "440154", "440154", "443983", "31688e",
                                          "21918c", "35b779", "90d743", "fde725", "fde725" };
    for (int k = 0; k < 10; k++) {
        for (int i = 0; i < 100; i++) many[i] = decades[k];
        text = draw_with(rg_input(tape, RG_F64, RG_SHAPE(100), many), (rg_dot_options){ .values = true });
        char strip[40];
        snprintf(strip, sizeof strip, "bgcolor=\"#%s\"", colors[k]);
        assert_drawn(text, strip);
        free(text);
    }
    for (int i = 0; i < 100; i++) many[i] = NAN;
    text = draw_with(rg_input(tape, RG_F64, RG_SHAPE(100), many), (rg_dot_options){ .values = true });
    assert_drawn(text, "100 not finite");
    assert_not_drawn(text, "min");
    free(text);
    rg_tape_free(tape);
}

static void gradients_stand_beside_values(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 5)), "x"), y = rg_sum(rg_square(x)), dy;
    char *text = draw_with(y, (rg_dot_options){ .gradients = true });
    assert_not_drawn(text, "∂:");
    free(text);
    assert_int_equal(rg_grad(y, &x, 1, &dy), RG_OK);
    assert_non_null(rg_data(dy));
    text = draw_with(y, (rg_dot_options){ .gradients = true });
    assert_box(text, "<b>x</b>", "∂:&#160;6&#160;10<");
    assert_int_equal(boxes_in(text), 3); /* the adjoints themselves are not drawn */
    free(text);
    rg_tape_free(tape);
}

static void a_parameter_has_the_gradient_of_its_store(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_param bias = rg_params_find(p.theta, "fc2.bias");
    rg_tensor loss = perceptron_loss(&p);
    assert_int_equal(rg_backward(loss), RG_OK);
    double *gradient = (double *)rg_params_gradient(p.theta) + rg_param_offset(bias);
    gradient[0] = 123;
    gradient[1] = 456;
    char *text = draw_with(loss, (rg_dot_options){ .gradients = true });
    assert_box(text, "<b>fc2.bias</b>", "123&#160;456");
    free(text);
    rg_params_consume_gradient(p.theta);
    text = draw_with(loss, (rg_dot_options){ .gradients = true });
    assert_not_in_box(text, "<b>fc2.bias</b>", "123");
    free(text);
    perceptron_free(&p);
}

/* ---- A path ---------------------------------------------------------------------------------------------------------- */

static void a_path_stands_out(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x");
    rg_tensor a = rg_name(rg_exp(x), "a"), b = rg_name(rg_tanh(x), "b"), y = rg_name(rg_mul(a, b), "y");
    const rg_tensor down[] = { x, b, y }, up[] = { y, b, x };
    char *first = draw_with(y, (rg_dot_options){ .path = down, .path_count = 3, .path_name = "the <one>" });
    assert_int_equal(count_of(first, "penwidth=2.6"), 3 + 2);
    assert_drawn(first, "n0 -> n2 [color=\"#d55e00\", penwidth=2.6];");
    assert_drawn(first, "n2 -> n3 [color=\"#d55e00\", penwidth=2.6];");
    assert_drawn(first, "n0 -> n1;");
    assert_not_in_box(first, "<b>a</b>", "#d55e00");
    assert_drawn(first, "the &lt;one&gt;");
    assert_valid_dot(first);
    char *second = draw_with(y, (rg_dot_options){ .path = up, .path_count = 3, .path_name = "the <one>" });
    assert_string_equal(first, second);
    free(first);
    free(second);
    const rg_tensor apart[] = { x, y };
    first = draw_with(y, (rg_dot_options){ .path = apart, .path_count = 2 });
    assert_int_equal(count_of(first, "penwidth=2.6"), 2); /* there is no edge between them */
    free(first);
    rg_tape_free(tape);
}

static void a_path_leads_through_boxes_of_several(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor y = nested(tape), path[5] = { y };
    for (int i = 1; i < 5; i++) path[i] = rg_operand(path[i - 1], 0);
    char *text = draw_with(y, (rg_dot_options){ .path = path, .path_count = 5, .collapse_depth = 1 });
    assert_int_equal(count_of(text, "penwidth=2.6"), 3 + 2);
    free(text);
    rg_tape_free(tape);
}

/* ---- Tooltips -------------------------------------------------------------------------------------------------------- */

static void a_tooltip_has_the_line_whatever_it_is(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input_at("/a/my \"model\"\\N&<1>.c:12", tape, RG_F64, RG_SCALAR, NUMBERS(3));
    char *text = draw(x, false);
    assert_drawn(text, "tooltip=\"%0 input at my &quot;model&quot;\\\\N&amp;&lt;1&gt;.c:12\"");
    assert_valid_dot(text);
    free(text);
    rg_scope_push(tape, "a \"scope\" \\");
    text = draw_with(rg_exp(x), (rg_dot_options){ .collapse_depth = 1 });
    assert_drawn(text, "tooltip=\"a &quot;scope&quot; \\\\\"");
    assert_valid_dot(text);
    free(text);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_can_be_one_box),
        cmocka_unit_test(scopes_are_boxes_from_the_depth_that_was_asked_for),
        cmocka_unit_test(the_deepest_scopes_collapse_first),
        cmocka_unit_test(what_is_too_much_is_counted),
        cmocka_unit_test(a_folded_graph_can_be_rendered),
        cmocka_unit_test(what_an_adjoint_reads_is_saved),
        cmocka_unit_test(what_a_checkpoint_records_again_is_dashed),
        cmocka_unit_test(many_numbers_are_a_summary_with_a_strip),
        cmocka_unit_test(gradients_stand_beside_values),
        cmocka_unit_test(a_parameter_has_the_gradient_of_its_store),
        cmocka_unit_test(a_path_stands_out),
        cmocka_unit_test(a_path_leads_through_boxes_of_several),
        cmocka_unit_test(a_tooltip_has_the_line_whatever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
