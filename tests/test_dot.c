/* test_dot.c: a drawing shows what was recorded, is the same text every time, and leaves no trace on the tape. */
#define _POSIX_C_SOURCE 200809L
#include "golden.h"

#include <locale.h>

#include "failing_malloc.h"
#include "nn.h"

#define NUMBERS(...) ((const double[]){ __VA_ARGS__ })

/* The text of a drawing, to be freed. */
static char *draw_with(rg_tensor t, rg_dot_options options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    rg_status status = rg_dot(stream, t, &options);
    fclose(stream);
    if (status) fail_msg("%s: %s", rg_status_name(status), rg_message(t.tape));
    return text;
}

static char *draw(rg_tensor t, bool backward)
{
    return draw_with(t, (rg_dot_options){ .backward = backward });
}

static void assert_drawn(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("not drawn: %s", part);
}

static void assert_not_drawn(const char *text, const char *part)
{
    if (strstr(text, part)) fail_msg("drawn: %s", part);
}

/* Occurrences of a part. */
static int count_of(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)) != NULL; text++) count++;
    return count;
}

static int boxes_in(const char *text)
{
    return count_of(text, "[fillcolor=");
}

/* ---- A perceptron to draw ---------------------------------------------------------------------------------- */

typedef struct {
    rg_params *theta;
    rg_nn *net;
    rg_tape *tape;
} perceptron;

static perceptron perceptron_new(void)
{
    perceptron p = { .theta = rg_params_new(RG_F64, 7), .tape = rg_tape_new_with((rg_tape_options){ .threads = 1 }) };
    p.net = RG_MLP(p.theta, rg_tanh, 3, 4, 2);
    assert_non_null(p.net);
    return p;
}

static void perceptron_free(perceptron *p)
{
    rg_nn_free(p->net);
    rg_tape_free(p->tape);
    rg_params_free(p->theta);
}

static rg_tensor perceptron_loss(const perceptron *p)
{
    static const int32_t labels[] = { 0, 1 };
    rg_tensor x = rg_name(rg_input(p->tape, RG_F64, RG_SHAPE(2, 3), NUMBERS(1, 2, 3, 4, 5, 6)), "x");
    rg_tensor y = rg_name(rg_input(p->tape, RG_I32, RG_SHAPE(2), labels), "labels");
    return rg_name(rg_cross_entropy(rg_nn_forward(p->net, x), y), "loss");
}

/* ---- What is drawn ------------------------------------------------------------------------------------------- */

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

/* ---- Adjoints ---------------------------------------------------------------------------------------------------- */

static void the_drawing_is_the_same_before_and_after_the_gradient_is_asked_for(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_tensor loss = perceptron_loss(&p);
    char *before = draw(loss, true);
    assert_int_equal(rg_backward(loss), RG_OK);
    char *after = draw(loss, true);
    assert_string_equal(before, after);
    assert_drawn(before, "∂loss/∂fc1.weight");
    free(before);
    free(after);
    perceptron_free(&p);
}

/* Five steps; the figures of the tape and the gradient at the end. */
static rg_tape_stats train(bool drawing, bool in_two_parts, double *gradient)
{
    perceptron p = perceptron_new();
    for (int step = 0; step < 5; step++) {
        rg_tape_reset(p.tape);
        rg_tensor loss = perceptron_loss(&p);
        if (in_two_parts) {
            rg_item(loss);
            loss = rg_square(loss);
        }
        if (drawing) free(draw(loss, true));
        if (drawing) free(draw(rg_operand(loss, 0), true));
        assert_int_equal(rg_backward(loss), RG_OK);
        if (drawing) free(draw(loss, true));
    }
    const double *is = rg_params_gradient(p.theta);
    memcpy(gradient, is, 26 * sizeof *is);
    assert_int_equal(rg_params_count(p.theta), 26);
    rg_tape_stats stats = rg_tape_get_stats(p.tape);
    perceptron_free(&p);
    return stats;
}

static void drawing_leaves_the_tape_and_its_plans_as_they_were(void **state)
{
    (void)state;
    for (int in_two_parts = 0; in_two_parts < 2; in_two_parts++) {
        double gradient[26], undisturbed[26];
        rg_tape_stats drawn = train(true, in_two_parts, gradient), plain = train(false, in_two_parts, undisturbed);
        assert_memory_equal(gradient, undisturbed, sizeof gradient);
        assert_int_equal(drawn.nodes, plain.nodes);
        assert_int_equal(drawn.steps, plain.steps); /* nothing was evaluated */
        assert_int_equal(drawn.hits, plain.hits);
        assert_int_equal(drawn.misses, plain.misses);
        assert_int_equal(drawn.plans_built, plain.plans_built);
    }
}

static void adjoints_that_have_values_show_them(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 5)), "x");
    rg_tensor y = rg_sum(rg_square(x)), dy, other;
    char *before = draw_with(y, (rg_dot_options){ .backward = true, .values = true });
    assert_int_equal(rg_grad(y, &x, 1, &dy), RG_OK);
    assert_int_equal(rg_grad(rg_sum(rg_exp(x)), &x, 1, &other), RG_OK);
    assert_non_null(rg_data(dy));
    char *after = draw_with(y, (rg_dot_options){ .backward = true, .values = true });
    assert_not_drawn(before, "<b>6 &#160;10</b>");
    assert_drawn(after, "<b>6 &#160;10</b>");
    assert_drawn(after, "∂sum/∂x");
    assert_int_equal(boxes_in(before), boxes_in(after));
    free(before);
    free(after);
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
    x = rg_constant(p.tape, RG_F64, RG_SCALAR, NUMBERS(3));
    text = draw(rg_exp(x), true);
    assert_int_equal(boxes_in(text), 2);
    free(text);
    perceptron_free(&p);
}

static void what_is_no_scalar_is_drawn_without_adjoints(void **state)
{
    (void)state;
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

/* ---- Any text ------------------------------------------------------------------------------------------------------- */

static bool graphviz_present(void)
{
    return system("dot -V >/dev/null 2>&1") == 0;
}

/* Graphviz reads the text without complaint. */
static void assert_valid(const char *text)
{
    if (!graphviz_present()) return;
    char said[256] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    fputs(text, file);
    fflush(file);
    char command[128];
    snprintf(command, sizeof command, "dot -Tsvg /proc/self/fd/%d 2>&1 >/dev/null", fileno(file));
    FILE *dot = popen(command, "r");
    assert_non_null(dot);
    fgets(said, sizeof said, dot);
    int status = pclose(dot);
    fclose(file);
    if (status != 0 || *said) fail_msg("dot says: %s", said);
}

static void any_name_can_be_drawn(void **state)
{
    (void)state;
    static const char *const names[] = {
        "<b>&amp;</b>", "\"quoted\" \\N \\", "two\nlines\tand tabs", "\x01\x1b[31m\x7f", "", "β∂θ→漢字🙂", "}; n0 -> n1; {",
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
    assert_valid(text);
    free(text);
    rg_tape_free(tape);
}

static void numbers_have_a_point_in_every_locale(void **state)
{
    (void)state;
    static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8" };
    bool found = false;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0] && !found; i++)
        found = setlocale(LC_NUMERIC, locales[i]) != NULL;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(1.5));
    char *text = draw_with(x, (rg_dot_options){ .values = true });
    setlocale(LC_NUMERIC, "C");
    assert_drawn(text, "<b>1.5</b>");
    free(text);
    rg_tape_free(tape);
}

static void graphviz_reads_the_golden_files(void **state)
{
    (void)state;
    static const char *const names[] = { "dot_forward.dot", "dot_backward.dot", "dot_values.dot" };
    if (!graphviz_present()) skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *text = golden_read(names[i]);
        assert_valid(text);
        free(text);
    }
}

/* ---- Errors ------------------------------------------------------------------------------------------------------------- */

static void a_stream_that_cannot_be_written_is_an_error_that_does_not_stick(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3));
    FILE *full = fopen("/dev/full", "w"), *unwritable = fopen("/dev/null", "r");
    assert_non_null(unwritable);
    if (full) assert_int_equal(rg_dot(full, x, NULL), RG_E_FILE);
    assert_int_equal(rg_dot(unwritable, x, NULL), RG_E_FILE);
    assert_int_equal(rg_dot(NULL, x, NULL), RG_E_NULL);
    assert_false(rg_failed(tape));
    if (full) fclose(full);
    fclose(unwritable);
    rg_tape_free(tape);
}

static void a_bad_tensor_is_an_error(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3));
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(rg_dot(out, (rg_tensor){ 0 }, NULL), RG_E_NULL);
    rg_tape_reset(tape);
    assert_int_equal(rg_dot(out, x, NULL), RG_E_TAPE);
    assert_int_equal(rg_tape_status(tape), RG_E_TAPE);
    assert_non_null(strstr(rg_message(tape), "reset"));
    assert_int_equal(ftell(out), 0);
    fclose(out);
    rg_tape_free(tape);
}

static void double_it(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = 2 * x[i];
}

static void adjoints_of_an_op_without_a_rule_are_an_error(void **state)
{
    (void)state;
    static const rg_op without = { .name = "without", .doc = "", .arity = 1, .shape = rg_shape_same, .f64 = double_it };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), y = rg_apply(&without, NULL, 1, &x);
    uint64_t nodes = rg_tape_get_stats(tape).nodes;
    char *text = draw(y, false);
    assert_drawn(text, "without");
    free(text);
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_int_equal(rg_dot(out, y, &(rg_dot_options){ .backward = true }), RG_E_GRADIENT);
    assert_int_equal(rg_tape_status(tape), RG_E_GRADIENT);
    assert_int_equal(rg_tape_get_stats(tape).nodes, nodes);
    text = draw(y, false); /* a tape that has failed can be looked at */
    assert_drawn(text, "without");
    free(text);
    assert_int_equal(rg_dot(out, y, &(rg_dot_options){ .backward = true }), RG_E_GRADIENT);
    assert_int_equal(ftell(out), 0);
    fclose(out);
    rg_tape_free(tape);
}

static void running_out_of_memory_anywhere_is_an_error(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    static char room[BUFSIZ];
    FILE *out = fopen("/dev/null", "w");
    assert_non_null(out);
    setvbuf(out, room, _IOFBF, sizeof room);
    rg_status status = RG_E_MEMORY;
    for (long n = 0; status != RG_OK; n++) {
        long alive = allocations_alive;
        perceptron p = perceptron_new();
        rg_tensor loss = perceptron_loss(&p);
        allocations_fail_after(n);
        status = rg_dot(out, loss, &(rg_dot_options){ .backward = true });
        long failed = allocations_failed;
        allocations_fail_after(-1);
        assert_true(status == RG_E_MEMORY ? failed > 0 : status == RG_OK && failed == 0);
        perceptron_free(&p);
        assert_int_equal(allocations_alive, alive);
        assert_in_range(n, 0, 1000);
    }
    fclose(out);
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
        cmocka_unit_test(the_drawing_is_the_same_before_and_after_the_gradient_is_asked_for),
        cmocka_unit_test(drawing_leaves_the_tape_and_its_plans_as_they_were),
        cmocka_unit_test(adjoints_that_have_values_show_them),
        cmocka_unit_test(a_node_that_two_consumers_share_has_one_adjoint),
        cmocka_unit_test(an_input_has_an_adjoint_if_there_is_no_parameter),
        cmocka_unit_test(what_is_no_scalar_is_drawn_without_adjoints),
        cmocka_unit_test(a_gradient_of_a_gradient_can_be_drawn),
        cmocka_unit_test(any_name_can_be_drawn),
        cmocka_unit_test(numbers_have_a_point_in_every_locale),
        cmocka_unit_test(graphviz_reads_the_golden_files),
        cmocka_unit_test(a_stream_that_cannot_be_written_is_an_error_that_does_not_stick),
        cmocka_unit_test(a_bad_tensor_is_an_error),
        cmocka_unit_test(adjoints_of_an_op_without_a_rule_are_an_error),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
