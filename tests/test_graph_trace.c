/* test_graph_trace.c: looking at a tape, in any form, leaves it as it was, and what cannot be shown is an error. */
#define _POSIX_C_SOURCE 200809L
#include "drawing.h"

#include "failing_malloc.h"

static graph_writer *const writers[] = { rg_dot, rg_plan_dot, rg_listing, rg_graph_json };
enum { WRITERS = sizeof writers / sizeof writers[0] };

/* In all forms. */
static void look(rg_tensor t)
{
    const rg_graph_options all = { .backward = true, .plan = true, .values = true, .gradients = true };
    for (int i = 0; i < WRITERS; i++) free(written_by(writers[i], t, all));
}

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

/* What a step asks for: the gradient of a loss, of one that builds on what was evaluated, or of one beside it. */
typedef enum { AT_ONCE, IN_TWO_PARTS, TWO_LOSSES, KINDS } step_kind;

/* Six steps, of which one is drawn; the figures of the tape and the gradient at the end. */
static rg_tape_stats train(step_kind kind, int drawn, double *gradient)
{
    perceptron p = perceptron_new();
    rg_params *others = rg_params_new(RG_F64, 1);
    rg_param other = rg_params_add(others, "other", RG_SCALAR);
    for (int step = 0; step < 6; step++) {
        rg_tape_reset(p.tape);
        rg_tensor first = perceptron_loss(&p), loss = first;
        if (kind != AT_ONCE) rg_item(first);
        if (kind == IN_TWO_PARTS) loss = rg_square(first);
        if (kind == TWO_LOSSES) loss = rg_exp(rg_parameter(p.tape, other));
        if (step == drawn) look(first);
        if (step == drawn) look(loss);
        assert_int_equal(rg_backward(loss), RG_OK);
        if (step == drawn) look(first);
    }
    assert_int_equal(rg_params_count(p.theta), 26);
    memcpy(gradient, rg_params_gradient(p.theta), 26 * sizeof *gradient);
    memcpy(gradient + 26, rg_params_gradient(others), sizeof *gradient);
    rg_tape_stats stats = rg_tape_get_stats(p.tape);
    perceptron_free(&p);
    rg_params_free(others);
    return stats;
}

static void drawing_leaves_the_tape_and_its_plans_as_they_were(void **state)
{
    (void)state;
    for (step_kind kind = AT_ONCE; kind < KINDS; kind++) {
        double undisturbed[27], gradient[27];
        rg_tape_stats plain = train(kind, -1, undisturbed);
        for (int step = 0; step < 6; step++) {
            rg_tape_stats drawn = train(kind, step, gradient);
            assert_memory_equal(gradient, undisturbed, sizeof gradient);
            assert_int_equal(drawn.nodes, plain.nodes);
            assert_int_equal(drawn.steps, plain.steps); /* nothing was evaluated */
            assert_int_equal(drawn.hits, plain.hits);
            assert_int_equal(drawn.misses, plain.misses);
            assert_int_equal(drawn.plans_built, plain.plans_built);
        }
    }
}

static rg_param slope; /* of the op below: its rule is the first to refer to it */

static rg_tensor slope_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return rg_mul(g, rg_parameter(g.tape, slope));
}

static void a_parameter_that_only_a_rule_refers_to_is_forgotten_too(void **state)
{
    (void)state;
    static const rg_op op = { .name = "op", .doc = "", .arity = 1, .shape = rg_shape_same, .vjp = slope_vjp,
                              .f64 = half_square };
    rg_params *theta = rg_params_new(RG_F64, 1);
    slope = rg_params_add(theta, "slope", RG_SCALAR);
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), "x");
    char *text = draw(rg_apply(&op, NULL, 1, &x), true);
    assert_drawn(text, "<b>slope</b>");
    free(text);
    for (int i = 0; i < 5; i++) x = rg_exp(x);
    assert_string_equal(rg_op_of(rg_parameter(tape, slope))->name, "parameter");
    assert_false(rg_failed(tape));
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void drawing_often_takes_no_more_memory_than_once(void **state)
{
    (void)state;
    perceptron p = perceptron_new();
    rg_tensor loss = perceptron_loss(&p);
    look(loss);
    uint64_t bytes = rg_tape_get_stats(p.tape).tape_bytes;
    for (int i = 0; i < 100; i++) look(loss);
    assert_int_equal(rg_tape_get_stats(p.tape).tape_bytes, bytes);
    perceptron_free(&p);
}

/* ---- Errors ---------------------------------------------------------------------------------------------------- */

static void a_stream_that_cannot_be_written_is_an_error_that_does_not_stick(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3));
    FILE *full = fopen("/dev/full", "w"), *unwritable = fopen("/dev/null", "r");
    assert_non_null(unwritable);
    for (int i = 0; i < WRITERS; i++) {
        if (full) assert_int_equal(writers[i](full, x, NULL), RG_E_FILE);
        assert_int_equal(writers[i](unwritable, x, NULL), RG_E_FILE);
        assert_int_equal(writers[i](NULL, x, NULL), RG_E_NULL);
    }
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
    for (int i = 0; i < WRITERS; i++) assert_int_equal(writers[i](out, (rg_tensor){ 0 }, NULL), RG_E_NULL);
    rg_tape_reset(tape);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(writers[i](out, x, NULL), RG_E_TAPE);
        assert_int_equal(rg_tape_status(tape), RG_E_TAPE);
        assert_non_null(strstr(rg_message(tape), "graph: the tensor is from before rg_tape_reset"));
        rg_tape_clear_error(tape);
    }
    assert_int_equal(ftell(out), 0);
    look(rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3))); /* the next correct call works */
    fclose(out);
    rg_tape_free(tape);
}

static void a_bad_path_is_an_error(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new(), *other = rg_tape_new();
    rg_tensor old = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3));
    rg_tape_reset(tape);
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), elsewhere = rg_input(other, RG_F64, RG_SCALAR, NUMBERS(3));
    const struct {
        rg_tensor path[2];
        rg_status status;
        const char *message;
    } bad[] = {
        { { x, { 0 } }, RG_E_NULL, "graph: tensor 2 of the path is the null tensor" },
        { { elsewhere, x }, RG_E_TAPE, "graph: tensor 1 of the path is on another tape" },
        { { x, old }, RG_E_TAPE, "graph: tensor 2 of the path is on another tape, or from before rg_tape_reset" },
    };
    FILE *out = tmpfile();
    assert_non_null(out);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rg_dot(out, x, &(rg_dot_options){ .path = bad[i].path, .path_count = 2 }), bad[i].status);
        assert_non_null(strstr(rg_message(tape), bad[i].message));
        rg_tape_clear_error(tape);
    }
    assert_int_equal(rg_dot(out, x, &(rg_dot_options){ .path_count = 2 }), RG_E_NULL);
    rg_tape_clear_error(tape);
    assert_int_equal(ftell(out), 0);
    rg_tensor unrelated = rg_exp(x);
    assert_int_equal(rg_dot(out, x, &(rg_dot_options){ .path = &unrelated, .path_count = 1 }), RG_OK);
    assert_false(rg_failed(tape) || rg_failed(other));
    fclose(out);
    rg_tape_free(tape);
    rg_tape_free(other);
}

static void adjoints_of_an_op_without_a_rule_are_an_error(void **state)
{
    (void)state;
    static const rg_op without = { .name = "without", .doc = "", .arity = 1, .shape = rg_shape_same,
                                   .f64 = half_square };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, NUMBERS(3)), y = rg_apply(&without, NULL, 1, &x);
    char *text = draw(y, false);
    assert_drawn(text, "without");
    free(text);
    rg_tensor mask = rg_greater(x, x);
    text = draw(rg_apply(&without, NULL, 1, &mask), true); /* no gradient gets there */
    assert_int_equal(boxes_in(text), 3);
    free(text);
    uint64_t nodes = rg_tape_get_stats(tape).nodes;
    FILE *out = tmpfile();
    assert_non_null(out);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(writers[i](out, y, &(rg_graph_options){ .gradients = true }), RG_E_GRADIENT);
        rg_tape_clear_error(tape);
        assert_int_equal(writers[i](out, y, &(rg_graph_options){ .backward = true }), RG_E_GRADIENT);
        assert_int_equal(rg_tape_status(tape), RG_E_GRADIENT);
        if (i + 1 < WRITERS) rg_tape_clear_error(tape);
    }
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
    const rg_graph_options all = { .backward = true, .plan = true, .values = true, .gradients = true, .collapse_depth = 1 };
    for (int i = 0; i < 2 * WRITERS; i++) {
        rg_status status = RG_E_MEMORY;
        for (long n = 0; status != RG_OK; n++) {
            long alive = allocations_alive;
            perceptron p = perceptron_new();
            rg_tensor loss = perceptron_loss(&p);
            /* Alone, or with all that follow. */
            if (i < WRITERS) allocations_fail_after(n);
            else allocations_fail_once_after(n);
            status = writers[i % WRITERS](out, loss, &all);
            long failed = allocations_failed;
            allocations_fail_after(-1);
            assert_true(status == RG_E_MEMORY ? failed > 0 : status == RG_OK && (failed == 0 || i >= WRITERS));
            if (failed > 0 && status == RG_OK) status = RG_E_MEMORY; /* it could do without */
            rg_tape_clear_error(p.tape);
            assert_int_equal(rg_backward(loss), RG_OK);
            perceptron_free(&p);
            assert_int_equal(allocations_alive, alive);
            assert_in_range(n, 0, 20000);
        }
    }
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_drawing_is_the_same_before_and_after_the_gradient_is_asked_for),
        cmocka_unit_test(drawing_leaves_the_tape_and_its_plans_as_they_were),
        cmocka_unit_test(a_parameter_that_only_a_rule_refers_to_is_forgotten_too),
        cmocka_unit_test(drawing_often_takes_no_more_memory_than_once),
        cmocka_unit_test(a_stream_that_cannot_be_written_is_an_error_that_does_not_stick),
        cmocka_unit_test(a_bad_tensor_is_an_error),
        cmocka_unit_test(a_bad_path_is_an_error),
        cmocka_unit_test(adjoints_of_an_op_without_a_rule_are_an_error),
        cmocka_unit_test(running_out_of_memory_anywhere_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
