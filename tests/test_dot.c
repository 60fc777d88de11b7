/* test_dot.c: a drawing shows what was recorded: nodes and adjoints, scopes, values, and names of any kind. */
#define _POSIX_C_SOURCE 200809L
#include "drawing.h"

#include "characters.h"

#include <locale.h>

/* ---- What is drawn --------------------------------------------------------------------------------------------- */

static void a_perceptron_is_drawn_as_the_golden_file_has_it(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = draw_with(perceptron_loss(&p), (rg_dot_options){ .title = "3-4-2 perceptron" });
    assert_golden(text, "dot_forward.dot");
    free(text);
    perceptron_free(&p);
}

static void adjoints_are_drawn_as_the_golden_file_has_them(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = draw_with(perceptron_loss(&p), (rg_dot_options){ .title = "3-4-2 perceptron", .backward = true });
    assert_golden(text, "dot_backward.dot");
    free(text);
    perceptron_free(&p);
}

static void values_and_sites_are_drawn_as_the_golden_file_has_them(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor w = rg_input_at("/a/b/model.c:1", tape, RG_F64, RG_SHAPE(2, 3), NUMBERS(1, -0.5, 1e-9, 3, 1e99, -0.0));
    rg_tensor x = rg_constant_at("model.c:2", tape, RG_F64, RG_SHAPE(3), NUMBERS(1, 2, 0));
    rg_tensor wx = rg_matmul_at("model.c:3", w, x), two = rg_scalar_at("model.c:4", tape, RG_F64, 2);
    rg_tensor y = rg_div_at("model.c:5", wx, two), all[] = { wx, y };
    assert_int_equal(rg_eval(2, all), RG_OK);
    char *text = draw_with(y, (rg_dot_options){ .sites = true, .values = true });
    assert_golden(text, "dot_values.dot");
    free(text);
    rg_tape_free(tape);
}

static void only_what_the_tensor_depends_on_is_drawn(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_tensor loss = perceptron_loss(&p);
    char *alone = draw(loss, true);
    rg_tape_reset(p.tape);
    rg_tensor other = rg_name(rg_input(p.tape, RG_F64, RG_SHAPE(3), NUMBERS(1, 2, 3)), "other");
    rg_name(rg_exp(other), "elsewhere");
    loss = perceptron_loss(&p);
    rg_backward(rg_name(rg_square(loss), "later"));
    char *among_others = draw(loss, true);
    assert_string_equal(alone, among_others);
    free(alone);
    free(among_others);
    perceptron_free(&p);
}

static void scopes_nest_and_keep_their_order(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_scope_push(tape, "unused");
    rg_scope_pop(tape);
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(1), NUMBERS(1));
    rg_scope_push(tape, "outer");
    rg_scope_push(tape, "inner");
    x = rg_exp(x);
    rg_scope_pop(tape);
    x = rg_sqrt(x);
    rg_scope_push(tape, "second");
    x = rg_neg(x);
    rg_scope_pop(tape);
    rg_scope_pop(tape);
    char *text = draw(x, false);
    const char *outer = strstr(text, "label=<outer>"), *inner = strstr(text, "label=<inner>");
    const char *second = strstr(text, "label=<second>"), *root = strstr(text, "sqrt<br/>");
    assert_true(outer && inner && second && root && outer < root && root < inner && inner < second);
    assert_not_drawn(text, "unused");
    assert_int_equal(count_of(text, "subgraph"), 3);
    assert_int_equal(count_of(text, "{"), count_of(text, "}"));
    free(text);
    rg_tape_free(tape);
}

static void scopes_may_nest_very_deep(void **state)
{
    (void)state;
    enum { DEEP = 2000 };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(1), NUMBERS(1));
    for (int i = 0; i < DEEP; i++) rg_scope_push(tape, "s");
    char *text = draw(rg_exp(x), false);
    assert_int_equal(count_of(text, "subgraph"), DEEP);
    assert_int_equal(count_of(text, "{"), count_of(text, "}"));
    free(text);
    rg_tape_free(tape);
}

/* ---- Adjoints -------------------------------------------------------------------------------------------------- */

static void adjoints_that_have_values_show_them(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 5)), "x");
    rg_tensor y = rg_sum(rg_square(x)), dy, other;
    char *before = draw_with(y, (rg_dot_options){ .backward = true, .values = true });
    assert_int_equal(rg_grad(y, &x, 1, &dy), RG_OK);
    assert_int_equal(rg_grad(rg_sum(rg_exp(x)), &x, 1, &other), RG_OK);
    assert_non_null(rg_data(rg_name(dy, "slope")));
    char *after = draw_with(y, (rg_dot_options){ .backward = true, .values = true });
    assert_not_drawn(before, "><br/>6&#160;10<");
    assert_drawn(after, "><br/>6&#160;10<");
    assert_drawn(before, "∂sum/∂x");
    assert_drawn(after, "<b>slope</b>");
    assert_int_equal(boxes_in(before), boxes_in(after));
    free(before);
    free(after);
    rg_tape_free(tape);
}

/* Adjoints that only look alike: several nodes from one rule, on the same operand. */
static rg_tensor alike_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return rg_add(rg_add(rg_exp(g), rg_neg(g)), rg_add(rg_scale(g, 2), rg_scale(g, 3)));
}

#define QUIET(text) "<font color=\"#4d5761\">" text "</font>"
#define BOX(op, values)                                                                                              \
    op "<br/><font point-size=\"9\" color=\"#4d5761\">f64[4] · 32 B</font>"                                            \
       "<font face=\"monospace\" point-size=\"9\"><br/>" values "<"

static void only_adjoints_of_this_very_gradient_show_their_values(void **state)
{
    (void)state;
    static const rg_op alike = { .name = "alike", .doc = "", .arity = 1, .shape = rg_shape_same, .f64 = half_square,
                                 .vjp = alike_vjp };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(4), NUMBERS(1, 2, 3, 4)), "x"), dy;
    rg_tensor y = rg_sum(rg_slice(rg_apply(&alike, NULL, 1, &x), 0, 0, 1)), seed = rg_scalar(tape, RG_F64, 7);
    assert_int_equal(rg_vjp(y, seed, &x, 1, &dy), RG_OK);
    (void)rg_data(dy);
    char *text = draw_with(y, (rg_dot_options){ .backward = true, .values = true });
    assert_not_drawn(text, "14&#160;");
    free(text);

    assert_int_equal(rg_grad(y, &x, 1, &dy), RG_OK);
    rg_tensor a = rg_operand(dy, 0), b = rg_operand(dy, 1);
    rg_tensor parts[] = { rg_operand(a, 0), rg_operand(a, 1), rg_operand(b, 0), rg_operand(b, 1) };
    assert_int_equal(rg_eval(4, parts), RG_OK);
    text = draw_with(y, (rg_dot_options){ .backward = true, .values = true });
    assert_drawn(text, BOX("scale " QUIET("2"), "2&#160;0&#160;0&#160;0"));
    assert_drawn(text, BOX("scale " QUIET("3"), "3&#160;0&#160;0&#160;0"));
    assert_drawn(text, BOX("neg", "-1&#160;0&#160;0&#160;0"));
    assert_drawn(text, "<br/>2.718&#160;1&#160;1&#160;1<");
    free(text);
    rg_tape_free(tape);
}

static rg_tensor operand_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y, (void)g;
    return in[k];
}

static void a_node_that_serves_as_an_adjoint_stays_in_the_forward_half(void **state)
{
    (void)state;
    static const rg_op op = { .name = "half_square", .doc = "x^2 / 2", .arity = 1, .shape = rg_shape_same,
                              .f64 = half_square, .vjp = operand_vjp };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x");
    char *text = draw(rg_apply(&op, NULL, 1, &x), true);
    assert_not_drawn(text, "dashed");
    assert_not_drawn(text, "gradient");
    assert_int_equal(boxes_in(text), 2);
    free(text);
    rg_tape_free(tape);
}

static void a_node_that_two_consumers_share_has_one_adjoint(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x");
    rg_tensor y = rg_name(rg_mul(x, x), "y");
    char *text = draw(y, true); /* x, y; one, two products and their sum */
    assert_int_equal(boxes_in(text), 6);
    assert_int_equal(count_of(text, "style=dashed"), 2);
    assert_drawn(text, "<b>∂y/∂x</b><br/>add");
    free(text);
    rg_tape_free(tape);
}

static void an_adjoint_of_many_names_the_first_of_them(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x"), sum = x;
    for (int i = 0; i < 6; i++) sum = rg_name(rg_shift(sum, 1), "sum");
    char *text = draw(sum, true);
    assert_int_equal(count_of(text, "∂sum/∂"), 3);
    assert_int_equal(count_of(text, "dashed"), 7);
    free(text);
    rg_tape_free(tape);
}

static void lines_to_adjoints_are_hidden_in_a_large_graph(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(0.5)), "x");
    for (int i = 0; i < 100; i++) x = rg_square(x);
    char *text = draw(x, true);
    assert_not_drawn(text, "dashed");
    assert_int_equal(count_of(text, "invis"), 101);
    free(text);
    rg_tape_free(tape);
}

static void an_input_has_an_adjoint_if_there_is_no_parameter(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = draw(perceptron_loss(&p), true);
    assert_not_drawn(text, "∂loss/∂x");
    free(text);
    rg_tensor x = rg_name(rg_input(p.tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 5)), "x");
    text = draw(rg_sum(x), true);
    assert_drawn(text, "∂sum/∂x");
    free(text);
    rg_tensor constant = rg_constant(p.tape, RG_F64, RG_SCALAR, NUMBERS(3));
    rg_tensor input = rg_input(p.tape, RG_F64, RG_SCALAR, NUMBERS(3)), without[4];
    bool before = rg_no_grad(p.tape, true);
    without[0] = rg_exp(input);
    rg_no_grad(p.tape, before);
    without[1] = rg_exp(constant);
    without[2] = rg_greater(input, input);
    without[3] = rg_stop_gradient(input);
    for (int i = 0; i < 4; i++) {
        text = draw(without[i], true);
        assert_int_equal(boxes_in(text), 2);
        free(text);
    }
    perceptron_free(&p);
}

static rg_status integer_shape(rg_shape_call *call)
{
    call->dtype = RG_I32;
    call->shape = RG_SCALAR;
    return RG_OK;
}

static void write_one(const rg_call *call, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) ((int32_t *)call->out)[i] = 1;
}

static void what_is_no_scalar_is_drawn_without_adjoints(void **state)
{
    (void)state;
    static const rg_op to_integer = { .name = "to_integer", .doc = "", .arity = 1, .kind = RG_ITEMS,
                                      .shape = integer_shape, .any = write_one };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 5));
    int32_t label = 1;
    rg_tensor i = rg_input(tape, RG_I32, RG_SCALAR, &label);
    char *text = draw(rg_exp(x), true);
    assert_int_equal(boxes_in(text), 2);
    free(text);
    text = draw(i, true);
    assert_int_equal(boxes_in(text), 1);
    free(text);
    text = draw(rg_apply(&to_integer, NULL, 1, &x), true);
    assert_int_equal(boxes_in(text), 2);
    free(text);
    rg_tape_free(tape);
}

static void a_gradient_of_a_gradient_can_be_drawn(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 5)), "x"), dy, d2y;
    assert_int_equal(rg_grad(rg_sum(rg_tanh(x)), &x, 1, &dy), RG_OK);
    assert_int_equal(rg_grad(rg_sum(dy), &x, 1, &d2y), RG_OK);
    char *text = draw(rg_name(d2y, "d2y"), true);
    assert_drawn(text, "label=<backward: adjoints>");
    assert_drawn(text, "<b>d2y</b>");
    free(text);
    text = draw(rg_name(rg_sum(d2y), "s"), true);
    assert_drawn(text, "∂s/∂x");
    free(text);
    rg_tape_free(tape);
}

/* ---- Values ---------------------------------------------------------------------------------------------------- */

static void a_parameter_that_has_changed_does_not_show_other_numbers(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_param bias = rg_params_find(p.theta, "fc2.bias");
    rg_tensor b = rg_parameter(p.tape, bias);
    char *before = draw_with(b, (rg_dot_options){ .values = true });
    assert_drawn(before, "<br/>0&#160;0<");
    ((double *)rg_params_data(p.theta))[rg_param_offset(bias)] = 5;
    rg_params_changed(p.theta);
    char *after = draw_with(b, (rg_dot_options){ .values = true });
    assert_not_drawn(after, "<br/>5");
    free(before);
    free(after);
    perceptron_free(&p);
}

static void long_rows_are_broken_and_tensors_of_nothing_left_out(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor row = rg_input(tape, RG_F64, RG_SHAPE(6), NUMBERS(1, 2, 3, 4, 5, 6));
    char *text = draw_with(row, (rg_dot_options){ .values = true });
    assert_drawn(text, "<br/>1&#160;2&#160;3&#160;4<br/>5&#160;6<");
    free(text);
    text = draw_with(rg_input(tape, RG_F64, RG_SHAPE(3, 0), NUMBERS(0)), (rg_dot_options){ .values = true });
    assert_not_drawn(text, "monospace");
    free(text);
    rg_tape_free(tape);
}

/* ---- Any text -------------------------------------------------------------------------------------------------- */

static void any_name_can_be_drawn(void **state)
{
    (void)state;
    static const char *const names[] = {
        "<b>&amp;</b>", "\"quoted\" \\N \\", "two\nlines\tand tabs", "\x01\x1b[31m\x7f", "",
        "β∂θ→漢字🙂", "}; n0 -> n1; {",
        "\xff\xfe", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xef\xbf\xbf", "\xe0\x80\x80",
    };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        rg_scope_push(tape, names[i]);
        x = rg_name(rg_exp(x), names[i]);
        rg_scope_pop(tape);
    }
    char *text = draw_with(x, (rg_dot_options){ .title = names[0], .backward = true });
    assert_drawn(text, "<b>&lt;b&gt;&amp;amp;&lt;/b&gt;</b>");
    assert_drawn(text, "<b>&quot;quoted&quot; \\N \\</b>");
    assert_drawn(text, "<b>two lines and tabs</b>");
    assert_drawn(text, "<b>β∂θ→漢字🙂</b>");
    assert_drawn(text, "<b>\xef\xbf\xbd\xef\xbf\xbd[31m\xef\xbf\xbd</b>");
    assert_not_drawn(text, "<b></b>");
    assert_not_drawn(text, "\xff");
    assert_not_drawn(text, "\xed\xa0");
    assert_valid_dot(text);
    free(text);
    rg_tape_free(tape);
}

/* Of which Graphviz reads no more than it has room for. */
static void long_names_are_drawn_in_part(void **state)
{
    (void)state;
    enum { LONG = 20000 };
    char *name = malloc(LONG + 1);
    memset(name, '&', LONG);
    name[0] = 'n';
    name[LONG] = '\0';
    rg_tape *tape = rg_tape_new();
    rg_scope_push(tape, name);
    rg_tensor y = rg_name(rg_tanh(rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(1.5)), name)), name);
    rg_scope_pop(tape);
    char *text = draw_with(y, (rg_dot_options){ .title = name, .sites = true });
    assert_drawn(text, "n&amp;&amp;");
    assert_drawn(text, "&amp;…");
    assert_true(strlen(text) < LONG);
    assert_valid_dot(text);
    free(text);
    free(name);
    rg_tape_free(tape);
}

static void the_decimal_point_of_any_locale_becomes_one(void **state)
{
    (void)state;
    char comma[] = "1,5 to -2,25e-07", arabic[] = "1\xd9\xab" "5 to -2\xd9\xab" "25e-07", point[] = "p = 0.5";
    rg_set_point(comma);
    rg_set_point(arabic);
    rg_set_point(point);
    assert_string_equal(comma, "1.5 to -2.25e-07");
    assert_string_equal(arabic, "1.5 to -2.25e-07");
    assert_string_equal(point, "p = 0.5");
}

/* Those of attributes, too, as far as there is one of these locales. */
static void numbers_have_a_point_in_every_locale(void **state)
{
    (void)state;
    static const char *const locales[] = { "C", "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "ps_AF.UTF-8" };
    static const char *const drawn[] = { "<br/>1.5<", ">0.375<", ">-0.75 to 2.5<", ">p = 0.125<", "1 before, 1 after, 0.25<" };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(1), NUMBERS(1.5)), y = rg_clamp(rg_scale(x, 0.375), -0.75, 2.5);
    y = rg_pad_value(rg_dropout(y, 0.125, rg_random_key(tape, 1, 2)), 0, 1, 1, 0.25);
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        if (!setlocale(LC_NUMERIC, locales[i])) continue;
        char *text = draw_with(y, (rg_dot_options){ .values = true });
        setlocale(LC_NUMERIC, "C");
        for (size_t k = 0; k < sizeof drawn / sizeof drawn[0]; k++) assert_drawn(text, drawn[k]);
        free(text);
    }
    rg_tape_free(tape);
}

static void graphviz_reads_the_golden_files(void **state)
{
    (void)state;
    static const char *const names[] = { "dot_forward.dot", "dot_backward.dot", "dot_values.dot" };
    if (!graphviz_present()) skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *text = golden_read(names[i]);
        assert_valid_dot(text);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perceptron_is_drawn_as_the_golden_file_has_it),
        cmocka_unit_test(adjoints_are_drawn_as_the_golden_file_has_them),
        cmocka_unit_test(values_and_sites_are_drawn_as_the_golden_file_has_them),
        cmocka_unit_test(only_what_the_tensor_depends_on_is_drawn),
        cmocka_unit_test(scopes_nest_and_keep_their_order),
        cmocka_unit_test(scopes_may_nest_very_deep),
        cmocka_unit_test(adjoints_that_have_values_show_them),
        cmocka_unit_test(only_adjoints_of_this_very_gradient_show_their_values),
        cmocka_unit_test(a_node_that_serves_as_an_adjoint_stays_in_the_forward_half),
        cmocka_unit_test(a_node_that_two_consumers_share_has_one_adjoint),
        cmocka_unit_test(an_adjoint_of_many_names_the_first_of_them),
        cmocka_unit_test(lines_to_adjoints_are_hidden_in_a_large_graph),
        cmocka_unit_test(an_input_has_an_adjoint_if_there_is_no_parameter),
        cmocka_unit_test(what_is_no_scalar_is_drawn_without_adjoints),
        cmocka_unit_test(a_gradient_of_a_gradient_can_be_drawn),
        cmocka_unit_test(a_parameter_that_has_changed_does_not_show_other_numbers),
        cmocka_unit_test(long_rows_are_broken_and_tensors_of_nothing_left_out),
        cmocka_unit_test(any_name_can_be_drawn),
        cmocka_unit_test(long_names_are_drawn_in_part),
        cmocka_unit_test(the_decimal_point_of_any_locale_becomes_one),
        cmocka_unit_test(numbers_have_a_point_in_every_locale),
        cmocka_unit_test(graphviz_reads_the_golden_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
