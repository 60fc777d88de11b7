/* test_explain.c: an explanation has the numbers of the derivatives as they are taken, and says right what the table saves. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include <cjson/cJSON.h>

#include "autograd.h"
#include "explain_examples.h"
#include "nn.h"

#include "failing_malloc.h"
#include "golden.h"

static rg_tape *tape;

static int set_up(void **state)
{
    (void)state;
    return (tape = rg_tape_new()) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rg_tape_free(tape);
    return 0;
}

static rg_explanation *explain(rg_tensor y)
{
    rg_explanation *e = rg_explain(y, NULL);
    if (!e) fail_msg("%s", rg_message(tape));
    return e;
}

static rg_tensor example(const char *name, int depth)
{
    for (const tool_explained *e = tool_explain_examples; e->name; e++)
        if (strcmp(e->name, name) == 0) return e->record(tape, depth ? depth : e->standard_depth);
    fail_msg("no example %s", name);
    return (rg_tensor){ 0 };
}

static const rg_subproblem *labelled(const rg_explanation *e, const char *label)
{
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->subproblems[i].label, label) == 0) return &e->subproblems[i];
    fail_msg("no %s", label);
    return NULL;
}

/* ---- Figures ------------------------------------------------------------------------------------------------------ */

static void doubling_four_times_is_explained_with_its_figures(void **state)
{
    (void)state;
    rg_explanation *e = explain(example("doubling", 4));
    assert_int_equal(e->count, 5);
    assert_int_equal(e->solved, 5);
    assert_int_equal(e->term_count, 8);
    assert_int_equal(e->overlapping, 4);
    assert_true(e->paths.exact == 16 && e->calls.exact == 31);
    assert_true(e->naive_done && !e->naive_counts);
    assert_string_equal(e->subproblems[e->naive_wrong].label, "x2");
    static const double right[] = { 16, 8, 4, 2, 1 }, naive[] = { 416, 48, 8, 2, 1 };
    for (int i = 0; i < 5; i++) {
        const rg_subproblem *s = &e->subproblems[i];
        assert_true(s->adjoint.few[0] == right[i]);
        assert_true(s->naive == naive[i]);
        assert_true(s->paths.exact == (uint64_t)right[i]);
        assert_int_equal(s->turn, 5 - i);
        assert_true(s->on_strongest_path);
    }
    assert_true(e->path_weight == 1);
    assert_true(fabs(e->entropy - log(16)) < 1e-12);
    rg_explanation_free(e);
}

static void layers_of_three_units_have_3_to_the_depth_plus_1_paths(void **state)
{
    (void)state;
    for (int depth = 1; depth <= 6; depth++) {
        rg_explanation *e = explain(example("layers", depth));
        assert_true(e->paths.exact == (uint64_t)pow(3, depth + 1));
        assert_int_equal(e->term_count, 9 * depth + 3);
        assert_int_equal(e->overlapping, 3 * depth);
        rg_explanation_free(e);
        rg_tape_reset(tape);
    }
}

static void too_many_calls_are_not_made(void **state)
{
    (void)state;
    rg_explanation *e = explain(example("doubling", 200));
    assert_false(e->naive_done);
    assert_true(e->naive_wrong == UINT32_MAX);
    assert_true(e->paths.exact == 0 && e->paths.about == ldexp(1, 200));
    assert_true(labelled(e, "x0")->adjoint.few[0] == ldexp(1, 200));
    rg_explanation_free(e);
}

static void path_counts_are_told_exactly_about_or_as_beyond_all_numbers(void **state)
{
    (void)state;
    static const struct { int depth; const char *text; } wanted[] = {
        { 63, "9223372036854775808" }, { 64, "about 1.84467e+19" }, { 1023, "about 8.98847e+307" }, { 1025, "more than 1e308" },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        rg_explanation *e = explain(example("doubling", wanted[i].depth));
        char text[48];
        rg_path_count_text(e->paths, text, sizeof text);
        assert_string_equal(text, wanted[i].text);
        assert_true(wanted[i].depth > 1024 ? isnan(e->entropy) : fabs(e->entropy - wanted[i].depth * log(2)) < 1e-9);
        rg_explanation_free(e);
        rg_tape_reset(tape);
    }
}

/* ---- The numbers are those of the derivatives ---------------------------------------------------------------------- */

/* Each adjoint is the sum of its terms in the order of the sweep; consumers have earlier turns. */
static void check_sums(const rg_explanation *e)
{
    for (size_t i = 0; i < e->count; i++) {
        const rg_subproblem *s = &e->subproblems[i];
        assert_int_equal(s->turn > 0, s->solved);
        if (!s->solved) assert_int_equal(s->adjoint.count, 0);
        double sum[RG_EXPLAINED_FEW] = { 0 };
        for (size_t k = 0; k < s->term_count; k++) {
            const rg_explained_term *t = &e->terms[s->first_term + k];
            assert_int_equal(t->operand, i);
            assert_true(e->subproblems[t->consumer].turn < s->turn);
            assert_int_equal(e->subproblems[t->consumer].operands[t->k], i);
            for (int64_t n = 0; s->adjoint.few && n < s->adjoint.count; n++) sum[n] += t->handed.few[n];
        }
        for (int64_t n = 0; s->term_count > 0 && s->adjoint.few && n < s->adjoint.count; n++)
            assert_true(sum[n] == s->adjoint.few[n]);
    }
}

static void every_example_has_sums_of_terms_and_the_adjoints_of_rg_grad(void **state)
{
    (void)state;
    for (const tool_explained *x = tool_explain_examples; x->name; x++) {
        rg_tensor y = x->record(tape, x->standard_depth), leaves[16], slopes[16];
        int n = 0;
        for (uint32_t i = 0; i <= y.node; i++) {
            rg_tensor t = { tape, i, y.epoch };
            if (strcmp(rg_op_of(t)->name, "input") == 0 || strcmp(rg_op_of(t)->name, "scalar") == 0) leaves[n++] = t;
        }
        assert_true(n > 0 && n <= 16);
        assert_int_equal(rg_grad(y, leaves, n, slopes), RG_OK);
        rg_explanation *e = explain(y);
        check_sums(e);
        size_t solved = 0;
        for (size_t i = 0, leaf = 0; i < e->count; i++) {
            const rg_subproblem *s = &e->subproblems[i];
            if (!s->leaf || !s->solved) continue;
            double numbers[RG_EXPLAINED_FEW];
            assert_int_equal(rg_read(slopes[leaf++], numbers, (size_t)s->adjoint.count * sizeof *numbers), RG_OK);
            assert_memory_equal(numbers, s->adjoint.few, (size_t)s->adjoint.count * sizeof *numbers);
            solved++;
        }
        assert_int_equal(solved, n);
        rg_explanation_free(e);
        rg_tape_reset(tape);
    }
}

static void a_network_is_explained_by_its_parameters_and_keeps_its_gradient(void **state)
{
    (void)state;
    const float points[2][3] = { { 1, 2, 3 }, { -1, 0.5f, 0.25f } };
    const int32_t labels[] = { 1, 0 };
    rg_params *theta = rg_params_new(RG_F32, 3);
    rg_nn *net = RG_MLP(theta, rg_tanh, 3, 4, 2);
    rg_tensor x = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2, 3), points), "x");
    rg_tensor loss = rg_name(rg_cross_entropy(rg_nn_forward(net, x), rg_input(tape, RG_I32, RG_SHAPE(2), labels)), "loss");
    rg_explanation *e = explain(loss);
    check_sums(e);
    assert_false(labelled(e, "x")->solved);
    assert_string_equal(labelled(e, "fc1.weight")->op, "parameter");
    assert_int_equal(rg_backward(loss), RG_OK);
    for (size_t i = 0; i < rg_params_size(theta); i++) {
        rg_param p = rg_params_at(theta, i);
        const rg_subproblem *s = labelled(e, rg_param_name(p));
        const float *gradient = (const float *)rg_params_gradient(theta) + rg_param_offset(p);
        for (int64_t n = 0; n < s->adjoint.count; n++) assert_true(s->adjoint.few[n] == (double)gradient[n]);
    }
    rg_tape_free(tape); /* the explanation needs it no more */
    tape = rg_tape_new();
    assert_true(strstr(labelled(e, "loss")->site, "test_explain.c:") != NULL);
    rg_explanation_free(e);
    rg_nn_free(net);
    rg_params_free(theta);
}

static void checkpoints_and_hooks_change_no_number_and_large_tensors_are_told_by_their_norm(void **state)
{
    (void)state;
    double numbers[40];
    for (int i = 0; i < 40; i++) numbers[i] = sin(i);
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(40), numbers), "x");
    rg_checkpoint_begin(tape);
    rg_tensor h = rg_exp(rg_sin(x));
    rg_checkpoint_end(tape);
    rg_tensor y = rg_sum(rg_square(h)), slope;
    rg_explanation *e = explain(y);
    const rg_subproblem *s = labelled(e, "x");
    assert_null(s->adjoint.few);
    assert_int_equal(s->adjoint.count, 40);
    assert_int_equal(rg_grad(y, &x, 1, &slope), RG_OK);
    double squares = 0, least = INFINITY;
    for (int i = 0; i < 40; i++) {
        const double g = ((const double *)rg_data(slope))[i];
        squares += g * g;
        least = fmin(least, g);
    }
    assert_true(s->adjoint.norm == sqrt(squares) && s->adjoint.least == least);
    assert_true(e->naive_counts && e->naive_done && e->naive_wrong == UINT32_MAX);
    rg_explanation_free(e);
}

static rg_tensor nothing(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)x, (void)y, (void)g;
    return (rg_tensor){ 0 };
}

/* The null tensor means zero: what lies behind such a rule has no adjoint, and its own rules are not asked. */
static void a_rule_may_give_nothing(void **state)
{
    (void)state;
    rg_tensor x = rg_name(rg_scalar(tape, RG_F64, 2), "x"), h = rg_name(rg_tanh(x), "h");
    rg_tensor y = rg_mul(x, rg_custom_vjp(rg_square(h), &h, 1, nothing, NULL)), slope;
    rg_explanation *e = explain(y);
    assert_int_equal(rg_grad(y, &x, 1, &slope), RG_OK);
    assert_true(labelled(e, "x")->adjoint.few[0] == rg_item(slope));
    assert_false(labelled(e, "h")->solved);
    assert_true(!e->naive_counts && e->naive_done);
    rg_explanation_free(e);

    double real;
    rg_strongest best;
    assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &x, 1, &real, NULL), RG_OK);
    assert_true(real == rg_item(slope));
    assert_int_equal(rg_semiring_solve(&rg_semiring_strongest, &y, 1, &x, 1, &best, NULL), RG_OK);
    assert_true(best.weight == fabs(real) && best.next.node == y.node);
}

typedef struct {
    rg_tensor seen;
    int calls;
} observer;

static rg_tensor double_it(void *context, rg_tensor x, rg_tensor adjoint)
{
    observer *o = context;
    (void)x;
    o->calls++;
    o->seen = rg_keep(adjoint);
    return rg_scale(adjoint, 2);
}

static void a_hook_is_called_once_and_with_the_adjoint(void **state)
{
    (void)state;
    for (int semiring = 0; semiring < 2; semiring++) {
        observer o = { .calls = 0 };
        rg_tensor x = rg_name(rg_scalar(tape, RG_F64, 3), "x");
        rg_tensor y = rg_square(rg_square(rg_hook(x, double_it, &o)));
        double real;
        if (semiring) {
            assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &x, 1, &real, NULL), RG_OK);
            assert_true(real == 2 * 4 * 27);
        } else {
            rg_explanation *e = explain(y);
            assert_true(labelled(e, "x")->adjoint.few[0] == 2 * 4 * 27);
            const rg_explained_term *term = &e->terms[labelled(e, "x")->first_term];
            assert_true(term->single && term->slope == 2 && term->handed.few[0] == 2 * 4 * 27);
            assert_int_equal(e->naive_wrong, UINT32_MAX);
            rg_explanation_free(e);
        }
        assert_int_equal(o.calls, 1);
        assert_true(rg_item(o.seen) == 4 * 27);
    }
}

/* ---- What is written ----------------------------------------------------------------------------------------------- */

static char *written(rg_status write(FILE *, const rg_explanation *), const rg_explanation *e)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(write(file, e), RG_OK);
    const long size = ftell(file);
    char *text = calloc((size_t)size + 1, 1);
    rewind(file);
    assert_int_equal(fread(text, 1, (size_t)size, file), size);
    fclose(file);
    return text;
}

static void check_golden(const char *name, rg_status write(FILE *, const rg_explanation *), const char *file)
{
    rg_explanation *e = explain(example(name, 0));
    char *text = written(write, e);
    assert_golden(text, file);
    free(text);
    rg_explanation_free(e);
    rg_tape_reset(tape);
}

static void text_json_and_dot_are_as_they_were(void **state)
{
    (void)state;
    check_golden("shared", rg_explanation_text, "explain_shared.txt");
    check_golden("doubling", rg_explanation_text, "explain_doubling.txt");
    check_golden("multilayer", rg_explanation_text, "explain_multilayer.txt");
    check_golden("perceptron", rg_explanation_json, "explain_perceptron.json");
    check_golden("layers", rg_explanation_dot, "explain_layers.dot");
}

static void json_has_what_the_structs_have(void **state)
{
    (void)state;
    rg_explanation *e = explain(example("layers", 3));
    char *text = written(rg_explanation_json, e);
    cJSON *o = cJSON_Parse(text), *subproblems = cJSON_GetObjectItem(o, "subproblems"), *terms = cJSON_GetObjectItem(o, "terms");
    assert_non_null(o);
    assert_int_equal(cJSON_GetArraySize(subproblems), e->count);
    assert_int_equal(cJSON_GetArraySize(terms), e->term_count);
    for (size_t i = 0; i < e->count; i++) {
        const rg_subproblem *s = &e->subproblems[i];
        const cJSON *row = cJSON_GetArrayItem(subproblems, (int)i), *few = cJSON_GetObjectItem(row, "adjoint");
        char paths[48];
        rg_path_count_text(s->paths, paths, sizeof paths);
        assert_string_equal(cJSON_GetObjectItem(row, "label")->valuestring, s->label);
        assert_string_equal(cJSON_GetObjectItem(row, "paths")->valuestring, paths);
        assert_int_equal(cJSON_GetObjectItem(row, "turn")->valueint, s->turn);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(row, "operands")), s->operand_count);
        assert_true(cJSON_GetArrayItem(cJSON_GetObjectItem(few, "few"), 0)->valuedouble == s->adjoint.few[0]);
    }
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(o, "totals"), "paths")->valuestring, "81");
    cJSON_Delete(o);
    free(text);
    rg_explanation_free(e);
}

/* How often it is in the text. */
static int occurrences(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) count++;
    return count;
}

static void a_name_cannot_end_the_script_of_the_page_nor_break_dot(void **state)
{
    (void)state;
    rg_tensor x = rg_name(rg_scalar(tape, RG_F64, 2), "</script><b a=\"1\">\\N\xff & \n");
    rg_explanation *e = explain(rg_name(rg_square(x), "<i>"));
    char *page = written(rg_explanation_html, e), *dot = written(rg_explanation_dot, e);
    assert_int_equal(occurrences(page, "</script>"), 1);
    assert_int_equal(occurrences(page, "/*EXPLANATION*/"), 0);
    assert_int_equal(occurrences(page, "\\u003c/script>\\u003cb a="), 1);
    assert_null(strstr(page, "http://") == strstr(page, "http://www.w3.org/2000/svg") ? NULL : page);
    assert_null(strstr(page, "https://"));
    assert_null(strstr(page, "src="));
    assert_int_equal(occurrences(dot, "<b a"), 0);
    FILE *checked = popen("dot -Tsvg > /dev/null 2>&1", "w");
    fputs(dot, checked);
    const int status = pclose(checked);
    assert_true(status == 0 || status == 127 << 8);
    free(page);
    free(dot);
    rg_explanation_free(e);
}

/* Of two edges between the same nodes, along the steeper one, or along the first. */
static void the_path_in_the_picture_goes_along_one_edge(void **state)
{
    (void)state;
    rg_explanation *e = explain(example("doubling", 4));
    char *dot = written(rg_explanation_dot, e);
    assert_int_equal(occurrences(dot, " -> "), 8);
    assert_int_equal(occurrences(dot, "penwidth=2, label"), 4);
    free(dot);
    rg_explanation_free(e);

    rg_tensor x = rg_name(rg_scalar(tape, RG_F64, 2), "x"), y = rg_name(rg_pow(x, x), "y"); /* 4, with slopes 4 and 4 ln 2 */
    e = explain(rg_scale(y, 3));
    dot = written(rg_explanation_dot, e);
    assert_int_equal(occurrences(dot, "penwidth=2, label"), 2);
    assert_int_equal(occurrences(dot, "penwidth=2, label=\" 4\""), 1);
    assert_non_null(strstr(dot, "3 edges, 2 paths<"));
    free(dot);
    rg_explanation_free(e);
    e = explain(rg_exp(x));
    dot = written(rg_explanation_dot, e);
    assert_non_null(strstr(dot, "1 edge, 1 path<"));
    free(dot);
    rg_explanation_free(e);
}

/* ---- Misuse ------------------------------------------------------------------------------------------------------ */

static void misuse_is_refused_with_the_callers_line(void **state)
{
    (void)state;
    const double two[] = { 1, 2 };
    assert_null(rg_explain((rg_tensor){ 0 }, NULL));
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(2), two);
    assert_null(rg_explain(rg_exp(x), NULL));
    assert_int_equal(rg_tape_status(tape), RG_E_GRADIENT);
    assert_non_null(strstr(rg_message(tape), "test_explain.c:"));
    rg_tape_clear_error(tape);
    assert_null(rg_explain(rg_sum(rg_constant(tape, RG_F64, RG_SHAPE(2), two)), NULL));
    assert_int_equal(rg_tape_status(tape), RG_E_GRADIENT);
    assert_non_null(strstr(rg_message(tape), "depends on no parameter"));
    rg_tape_clear_error(tape);
    rg_explanation *e = explain(rg_sum(x));
    assert_int_equal(rg_explanation_text(NULL, e), RG_E_NULL);
    assert_int_equal(rg_explanation_dot(stdout, NULL), RG_E_NULL);
    assert_int_equal(rg_explanation_json(NULL, e), RG_E_NULL);
    assert_int_equal(rg_explanation_html(stdout, NULL), RG_E_NULL);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_int_equal(rg_explanation_text(full, e), RG_E_FILE);
        fclose(full);
    }
    rg_explanation_free(e);
    rg_explanation_free(NULL);
    rg_tape_reset(tape);
    assert_null(rg_explain(x, NULL));
    assert_int_equal(rg_tape_status(tape), RG_E_TAPE);
}

static void out_of_memory_is_said_and_nothing_is_lost(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) return;
    long fails = 0;
    for (bool done = false; !done; fails++) {
        assert_true(fails < 5000);
        const long before = allocations_alive;
        rg_tape *own = rg_tape_new();
        rg_tensor y = tool_explain_examples[3].record(own, 0);
        allocations_fail_after(fails);
        rg_explanation *e = rg_explain(y, NULL);
        done = allocations_failed == 0;
        allocations_fail_after(-1);
        if (!e) assert_int_equal(rg_tape_status(own), RG_E_MEMORY);
        else check_sums(e);
        rg_explanation_free(e);
        rg_tape_free(own);
        assert_int_equal(allocations_alive, before);
    }
    assert_true(fails > 10);
    rg_explanation *e = explain(example("shared", 0));
    rg_status (*const writers[])(FILE *, const rg_explanation *) = { rg_explanation_text, rg_explanation_dot,
                                                                     rg_explanation_json, rg_explanation_html };
    FILE *out = tmpfile();
    for (int i = 0; i < 4; i++) { /* which need none */
        allocations_fail_after(0);
        const rg_status status = writers[i](out, e);
        allocations_fail_after(-1);
        assert_int_equal(status, RG_OK);
    }
    fclose(out);
    rg_explanation_free(e);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(doubling_four_times_is_explained_with_its_figures),
        TEST(layers_of_three_units_have_3_to_the_depth_plus_1_paths),
        TEST(too_many_calls_are_not_made),
        TEST(path_counts_are_told_exactly_about_or_as_beyond_all_numbers),
        TEST(every_example_has_sums_of_terms_and_the_adjoints_of_rg_grad),
        TEST(a_network_is_explained_by_its_parameters_and_keeps_its_gradient),
        TEST(a_rule_may_give_nothing),
        TEST(a_hook_is_called_once_and_with_the_adjoint),
        TEST(checkpoints_and_hooks_change_no_number_and_large_tensors_are_told_by_their_norm),
        TEST(text_json_and_dot_are_as_they_were),
        TEST(json_has_what_the_structs_have),
        TEST(a_name_cannot_end_the_script_of_the_page_nor_break_dot),
        TEST(the_path_in_the_picture_goes_along_one_edge),
        TEST(misuse_is_refused_with_the_callers_line),
        TEST(out_of_memory_is_said_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
