/* test_listing.c: a listing reads like the program that was recorded: every node and operand, adjoints, columns. */
#define _POSIX_C_SOURCE 200809L
#include "drawing.h"

#include <time.h>

static char *list(rg_tensor t, rg_graph_options options)
{
    return written_by(rg_listing, t, options);
}

static void a_perceptron_is_listed_as_the_golden_file_has_it(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = list(perceptron_loss(&p), (rg_graph_options){ .backward = true, .plan = true, .title = "3-4-2 perceptron" });
    assert_golden(text, "listing.txt");
    free(text);
    perceptron_free(&p);
}

static void values_and_gradients_are_listed_as_the_golden_file_has_them(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_tape *eager = rg_tape_new_with((rg_tape_options){ .eager = true, .threads = 1 });
    rg_tape_free(p.tape);
    p.tape = eager;
    rg_tensor loss = perceptron_loss(&p);
    assert_int_equal(rg_backward(loss), RG_OK);
    char *text = list(loss, (rg_graph_options){ .values = true, .gradients = true });
    assert_golden(text, "listing_values.txt");
    assert_not_drawn(text, "backward\n");
    free(text);
    perceptron_free(&p);
}

static void a_line_has_op_operands_attributes_shape_bytes_and_site(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_params_add(theta, "w", RG_SHAPE(4, 3));
    rg_tensor x = rg_input_at("/src/model.c:30", tape, RG_F32, RG_SHAPE(2, 4), (const float[8]){ 0 });
    rg_tensor w = rg_parameter_at("model.c:30", tape, rg_params_find(theta, "w"));
    rg_scope_push(tape, "fc1");
    rg_tensor y = rg_name(rg_scale_at("model.c:32", rg_matmul_at("model.c:31", x, w), 0.5), "y");
    rg_scope_pop(tape);
    char *text = list(y, (rg_graph_options){ .title = NULL });
    assert_string_equal(text, "forward\n"
                              "  %0 = input           f32[2,4]  32 B  model.c:30\n"
                              "  %1 = parameter w     f32[4,3]  48 B  model.c:30\n"
                              "  %2 = matmul %0, w    f32[2,3]  24 B  model.c:31  ; in fc1\n"
                              "  %3 = scale %2 (0.5)  f32[2,3]  24 B  model.c:32  ; y · in fc1\n");
    free(text);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void an_adjoint_says_whose_it_is(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x"), sum = x;
    for (int i = 0; i < 6; i++) sum = rg_shift(sum, 1);
    char *text = list(rg_name(rg_mul(sum, rg_tanh(x)), "y"), (rg_graph_options){ .backward = true });
    assert_drawn(text, "; adjoint of %8 y\n");
    assert_drawn(text, "adjoint of %1, %2, %3 and 3 more");
    assert_drawn(text, "adjoint of %0 x: a gradient");
    free(text);
    rg_tape_free(tape);
}

static void many_operands_are_counted(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(2), NUMBERS(1, 2)), parts[40];
    for (int i = 0; i < 40; i++) parts[i] = x;
    char *text = list(rg_concat(40, parts, 0), (rg_graph_options){ .title = NULL });
    assert_drawn(text, "concat %0, %0, %0, %0, %0, %0, and 34 more");
    free(text);
    rg_tape_free(tape);
}

static void what_a_rule_records_has_the_line_of_its_node(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    char *text = list(perceptron_loss(&p), (rg_graph_options){ .backward = true });
    assert_int_equal(count_of(text, ".c:"), count_of(text, "model.c:"));
    free(text);
    perceptron_free(&p);
}

static void what_is_computed_again_says_so(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x");
    rg_checkpoint_begin(tape);
    rg_tensor y = rg_tanh(rg_exp(x));
    rg_checkpoint_end(tape);
    char *text = list(y, (rg_graph_options){ .backward = true });
    assert_int_equal(count_of(text, "; recomputed\n"), 3); /* what reads x, exp, tanh */
    assert_not_drawn(text, "saved"); /* x is there anyway */
    free(text);
    text = list(y, (rg_graph_options){ .backward = false });
    assert_not_drawn(text, "recomputed");
    free(text);
    rg_tape_free(tape);
}

/* A checkpoint's copies are found again among those that the real gradient recorded. */
static void adjoints_of_a_checkpoint_show_their_values(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .eager = true });
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(0)), "x"), dy;
    rg_checkpoint_begin(tape);
    rg_tensor y = rg_scale(rg_exp(rg_scale(x, 2)), 3);
    rg_checkpoint_end(tape);
    assert_int_equal(rg_grad(y, &x, 1, &dy), RG_OK);
    assert_true(rg_item(dy) == 6);
    char *text = list(y, (rg_graph_options){ .backward = true, .values = true });
    assert_drawn(text, "recomputed · values 1\n");
    assert_drawn(text, "adjoint of %0 x: a gradient · values 6\n");
    free(text);
    rg_tape_free(tape);
}

static void any_name_can_be_listed(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input_at(NULL, tape, RG_F64, RG_SCALAR, NUMBERS(3)), "a\nb\x1b[31m\xff; \"&<");
    char *text = list(x, (rg_graph_options){ .title = "one\nline" });
    assert_string_equal(text, "; one line\nforward\n  %0 = input  f64[]  8 B  ; a b\xef\xbf\xbd[31m\xef\xbf\xbd; \"&<\n");
    free(text);
    char long_name[3000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    text = list(rg_name(x, long_name), (rg_graph_options){ .title = long_name });
    assert_drawn(text, "%0 = input");
    free(text);
    rg_tape_free(tape);
}

/* The plan is that of what is shown: the gradients are known, but not part of it. */
static void gradients_without_their_half_do_not_change_the_plan(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_tensor loss = perceptron_loss(&p);
    char *alone = list(loss, (rg_graph_options){ .plan = true });
    char *with = list(loss, (rg_graph_options){ .plan = true, .gradients = true });
    assert_string_equal(with, alone);
    assert_not_drawn(with, "gradient");
    free(alone);
    free(with);
    for (int i = 0; i < 2; i++)
        free(written_by(i ? rg_graph_json : rg_plan_dot, loss, (rg_graph_options){ .plan = true, .gradients = true }));
    perceptron_free(&p);
}

static double seconds_to_list(int nodes)
{
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(0.5));
    for (int i = 0; i < nodes; i++) x = i % 2 ? rg_tanh(x) : rg_mul(x, x);
    const clock_t start = clock();
    char *text = list(x, (rg_graph_options){ .backward = true, .plan = true });
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    int lines = 0; /* not by strstr, for which a sanitizer looks for the end each time */
    for (const char *at = text; *at; at++) lines += *at == '\n';
    assert_true(lines > 3 * nodes); /* forward, backward, and steps */
    free(text);
    rg_tape_free(tape);
    return seconds;
}

/* Numbers that have nothing to do with it, recorded behind what is shown. */
static double seconds_to_list_before(int numbers)
{
    rg_tape *tape = rg_tape_new();
    rg_tensor y = rg_exp(rg_scalar(tape, RG_F64, 1));
    for (int i = 0; i < numbers; i++) rg_full(tape, RG_F64, RG_SCALAR, i);
    FILE *out = fopen("/dev/null", "w");
    const clock_t start = clock();
    assert_int_equal(rg_listing(out, y, NULL), RG_OK);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    fclose(out);
    rg_tape_free(tape);
    return seconds;
}

/* By a wide margin: what is not linear takes a hundred times as long for each node. */
static void a_long_chain_is_listed_in_linear_time(void **state)
{
    (void)state;
    const double few = seconds_to_list(1000), many = seconds_to_list(100000);
    if (many > 100 * 10 * few + 1) fail_msg("%g s for 1,000 nodes, %g s for 100,000", few, many);
}

static void numbers_that_are_not_shown_are_passed_over_quickly(void **state)
{
    (void)state;
    const double few = seconds_to_list_before(1000), many = seconds_to_list_before(100000);
    if (many > 100 * 10 * few + 1) fail_msg("%g s behind 1,000 numbers, %g s behind 100,000", few, many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perceptron_is_listed_as_the_golden_file_has_it),
        cmocka_unit_test(values_and_gradients_are_listed_as_the_golden_file_has_them),
        cmocka_unit_test(a_line_has_op_operands_attributes_shape_bytes_and_site),
        cmocka_unit_test(an_adjoint_says_whose_it_is),
        cmocka_unit_test(many_operands_are_counted),
        cmocka_unit_test(what_a_rule_records_has_the_line_of_its_node),
        cmocka_unit_test(what_is_computed_again_says_so),
        cmocka_unit_test(adjoints_of_a_checkpoint_show_their_values),
        cmocka_unit_test(any_name_can_be_listed),
        cmocka_unit_test(gradients_without_their_half_do_not_change_the_plan),
        cmocka_unit_test(a_long_chain_is_listed_in_linear_time),
        cmocka_unit_test(numbers_that_are_not_shown_are_passed_over_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
