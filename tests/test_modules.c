/* Modules forward themselves, one after the other; a perceptron is layers with names, shapes and initialisers by its
 * activation; and what could not be built says why at the forward. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_malloc.h"
#include "nn.h"

#define HERE "test_modules.c:" RG_STRING(__LINE__) ": "

typedef struct {
    rg_tape *tape;
    rg_params *theta;
    rg_tensor x;
} fixture;

static fixture make(void)
{
    fixture f = { rg_tape_new_with((rg_tape_options){ .threads = 1 }), rg_params_new(RG_F64, 5), { 0 } };
    f.x = rg_input(f.tape, RG_F64, RG_SHAPE(1, 2), (double[]){ 0.5, -1.0 });
    return f;
}

static void drop(fixture *f)
{
    rg_tape_free(f->tape);
    rg_params_free(f->theta);
}

static void check_message(rg_tape *tape, rg_status status, const char *message)
{
    assert_string_equal(rg_message(tape), message);
    assert_int_equal(rg_tape_status(tape), status);
    rg_tape_clear_error(tape);
}

/* ---- Modules of one's own ---- */

typedef struct {
    double factor;
    int *freed;
} scaling;

static rg_tensor forward_scaling(const void *self, const char *site, rg_tensor x)
{
    return rg_scale_at(site, x, ((const scaling *)self)->factor);
}

static void free_scaling(void *self)
{
    (*((scaling *)self)->freed)++;
}

static const rg_nn_interface scaling_interface = {
    .name = "scaling", .forward = forward_scaling, .free = free_scaling,
};

static rg_nn *scaling_module(double factor, int *freed)
{
    return rg_nn_module(&scaling_interface, &(scaling){ factor, freed }, sizeof(scaling));
}

static rg_tensor shifted(rg_tensor x, void *context)
{
    return (rg_shift)(x, *(const double *)context);
}

static void modules_run_in_their_order_and_are_freed_once(void **state)
{
    (void)state;
    fixture f = make();
    int freed = 0;
    double offset = 1.0;
    rg_nn *inner = RG_SEQUENTIAL(scaling_module(2.0, &freed), rg_nn_module_function(shifted, &offset));
    rg_nn *net = RG_SEQUENTIAL(inner, rg_nn_module_activation(rg_relu), scaling_module(10.0, &freed));
    const double *y = rg_data(rg_nn_forward(net, f.x));
    assert_true(y[0] == 20.0 && y[1] == 0.0);
    rg_nn_free(net);
    assert_int_equal(freed, 2);
    drop(&f);
}

static void an_empty_sequence_is_the_identity(void **state)
{
    (void)state;
    fixture f = make();
    rg_nn *net = rg_nn_sequential(NULL, 0);
    assert_int_equal(rg_nn_forward(net, f.x).node, f.x.node);
    rg_nn_free(net);
    drop(&f);
}

/* ---- Sites ---- */

static rg_tensor wrong(rg_tensor x)
{
    return (rg_reshape)(x, RG_SHAPE(7));
}

static rg_tensor wrong_with_context(rg_tensor x, void *context)
{
    (void)context;
    return wrong(x);
}

static void functions_inside_a_module_stamp_the_line_of_the_forward(void **state)
{
    (void)state;
    fixture f = make();
    rg_nn *net = RG_SEQUENTIAL(rg_nn_module_activation(rg_tanh), rg_nn_module_activation(wrong));
    rg_nn *with = rg_nn_module_function(wrong_with_context, NULL);
    const char *line = HERE; rg_nn_forward(net, f.x);
    assert_memory_equal(rg_message(f.tape), line, strlen(line));
    rg_tape_clear_error(f.tape);
    line = HERE; rg_nn_forward(with, f.x);
    assert_memory_equal(rg_message(f.tape), line, strlen(line));
    rg_tape_clear_error(f.tape);
    assert_null(rg_set_site(f.tape, "outer.c:1"));
    (rg_nn_forward)(with, f.x);
    assert_memory_equal(rg_message(f.tape), "outer.c:1: ", 11);
    rg_tape_clear_error(f.tape);
    (rg_nn_forward)(net, f.x);
    assert_memory_equal(rg_message(f.tape), "outer.c:1: ", 11);
    assert_string_equal(rg_set_site(f.tape, NULL), "outer.c:1");
    rg_nn_free(net);
    rg_nn_free(with);
    drop(&f);
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)); text++) count++;
    return count;
}

/* Two layers of five nodes each, and the activation. */
static void every_node_has_the_line_of_the_forward_and_the_scope_of_its_layer(void **state)
{
    (void)state;
    fixture f = make();
    rg_nn *net = RG_MLP(f.theta, rg_relu, 2, 3, 1);
    char *dump = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&dump, &bytes);
    const char *line = "<i>" HERE; rg_tensor y = rg_nn_forward(net, f.x);
    assert_int_equal(rg_dot(stream, y, &(rg_dot_options){ .sites = true }), RG_OK);
    fclose(stream);
    char site[80];
    snprintf(site, sizeof site, "%.*s</i>", (int)strlen(line) - 2, line);
    assert_int_equal(occurrences(dump, site), 11);
    assert_int_equal(occurrences(dump, "label=<fc1>;"), 1);
    assert_int_equal(occurrences(dump, "label=<fc2>;"), 1);
    assert_int_equal(occurrences(dump, "\n    subgraph"), 2);
    free(dump);
    rg_nn_free(net);
    drop(&f);
}

static void what_is_missing_is_reported_at_the_line_of_the_forward(void **state)
{
    (void)state;
    fixture f = make();
    rg_nn *hole = RG_SEQUENTIAL(rg_nn_module_activation(rg_tanh), NULL);
    rg_nn *idle = rg_nn_module_activation(NULL), *lost = rg_nn_module_function(NULL, NULL);
    const char *line = HERE "forward: the module is NULL"; rg_nn_forward(NULL, f.x);
    check_message(f.tape, RG_E_NULL, line);
    line = HERE "sequential: module 2 of 2 is NULL"; rg_nn_forward(hole, f.x);
    check_message(f.tape, RG_E_NULL, line);
    line = HERE "activation: the function is NULL"; rg_nn_forward(idle, f.x);
    check_message(f.tape, RG_E_NULL, line);
    line = HERE "module: the function is NULL"; rg_nn_forward(lost, f.x);
    check_message(f.tape, RG_E_NULL, line);
    assert_true(rg_is_null(rg_nn_forward(hole, (rg_tensor){ 0 })));
    assert_null(rg_nn_module(NULL, NULL, 0));
    assert_null(rg_nn_module(&(rg_nn_interface){ .name = "none" }, NULL, 0));
    rg_nn_free(hole);
    rg_nn_free(idle);
    rg_nn_free(lost);
    rg_nn_free(NULL);
    drop(&f);
}

/* ---- Perceptrons ---- */

static void check_param(rg_params *theta, size_t index, const char *name, rg_shape shape)
{
    rg_param param = rg_params_at(theta, index);
    assert_string_equal(rg_param_name(param), name);
    assert_true(rg_shape_equal(rg_param_shape(param), shape));
}

static void a_perceptron_has_named_layers_of_its_sizes(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F32, 42);
    rg_nn *net = RG_MLP(theta, rg_relu, 784, 128, 64, 10);
    assert_int_equal(rg_params_size(theta), 6);
    check_param(theta, 0, "fc1.weight", RG_SHAPE(128, 784));
    check_param(theta, 1, "fc1.bias", RG_SHAPE(128));
    check_param(theta, 2, "fc2.weight", RG_SHAPE(64, 128));
    check_param(theta, 3, "fc2.bias", RG_SHAPE(64));
    check_param(theta, 4, "fc3.weight", RG_SHAPE(10, 64));
    check_param(theta, 5, "fc3.bias", RG_SHAPE(10));
    const float *bias = (const float *)rg_params_data(theta) + rg_param_offset(rg_params_at(theta, 1));
    for (int i = 0; i < 128; i++) assert_true(bias[i] == 0.0F);
    rg_nn_free(net);

    rg_nn_mlp_options options = { .no_bias = true, .prefix = "encoder", .weight = rg_nn_init_constant(3.0) };
    net = rg_nn_mlp_with(theta, rg_tanh, (int64_t[]){ 2, 3 }, 2, options);
    assert_int_equal(rg_params_size(theta), 7);
    check_param(theta, 6, "encoder.fc1.weight", RG_SHAPE(3, 2));
    assert_true(((const float *)rg_params_data(theta))[rg_params_count(theta) - 1] == 3.0F);
    rg_nn_free(net);
    rg_params_free(theta);
}

static rg_tensor own_activation(rg_tensor x)
{
    return rg_mul(x, rg_sigmoid(x));
}

static void the_activation_chooses_the_initialiser(void **state)
{
    (void)state;
    const struct {
        rg_nn_activation *activation;
        rg_nn_init init;
    } choices[] = {
        { rg_relu, rg_nn_init_he_normal() },
        { rg_tanh, rg_nn_init_xavier_uniform() },
        { rg_sigmoid, rg_nn_init_xavier_uniform() },
        { rg_softplus, rg_nn_init_lecun_normal() },
        { own_activation, rg_nn_init_lecun_normal() },
    };
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        rg_params *built = rg_params_new(RG_F64, 9), *wanted = rg_params_new(RG_F64, 9);
        rg_nn *net = RG_MLP(built, choices[i].activation, 6, 5, 4);
        static const char *const names[] = { "fc1.weight", "fc2.weight" };
        for (int layer = 0; layer < 2; layer++) {
            rg_param other = rg_params_add(wanted, names[layer], layer ? RG_SHAPE(4, 5) : RG_SHAPE(5, 6));
            rg_nn_initialise(other, choices[i].init, 0, 0);
            const double *a = rg_params_data(built), *b = rg_params_data(wanted);
            a += rg_param_offset(rg_params_find(built, names[layer]));
            assert_memory_equal(a, b + rg_param_offset(other), (layer ? 20 : 30) * sizeof(double));
        }
        rg_nn_free(net);
        rg_params_free(built);
        rg_params_free(wanted);
    }
}

static void a_perceptron_is_its_layers_with_activations_between(void **state)
{
    (void)state;
    fixture f = make();
    rg_nn *net = RG_MLP(f.theta, rg_tanh, 2, 4, 3, 2);
    rg_tensor y = f.x;
    for (size_t layer = 0; layer < 3; layer++) {
        rg_tensor weight = rg_parameter(f.tape, rg_params_at(f.theta, 2 * layer));
        rg_tensor bias = rg_parameter(f.tape, rg_params_at(f.theta, 2 * layer + 1));
        y = rg_add(rg_matmul(y, rg_transpose(weight)), bias);
        if (layer < 2) y = rg_tanh(y);
    }
    double by_hand[2], by_net[2];
    assert_int_equal(rg_read(y, by_hand, sizeof by_hand), RG_OK);
    assert_int_equal(rg_read(rg_nn_forward(net, f.x), by_net, sizeof by_net), RG_OK);
    assert_memory_equal(by_hand, by_net, sizeof by_hand);
    rg_nn_free(net);
    drop(&f);
}

static void dropout_follows_every_activation_while_training(void **state)
{
    (void)state;
    fixture f = make();
    rg_nn_mlp_options options = { .dropout = 0.5 };
    rg_nn *net = rg_nn_mlp_with(f.theta, rg_tanh, (int64_t[]){ 2, 64, 64, 1 }, 4, options);
    double first = rg_item(rg_nn_forward(net, f.x)), second = rg_item(rg_nn_forward(net, f.x));
    assert_int_equal(rg_params_random_counter(f.theta), 4);
    assert_true(first != second);
    rg_training(f.tape, false);
    first = rg_item(rg_nn_forward(net, f.x)), second = rg_item(rg_nn_forward(net, f.x));
    assert_int_equal(rg_params_random_counter(f.theta), 4);
    assert_true(first == second);
    rg_nn_free(net);
    drop(&f);
}

static void a_perceptron_that_cannot_be_built_says_why_at_the_forward(void **state)
{
    (void)state;
    static const int64_t good[] = { 2, 3, 1 }, zero[] = { 2, 0, 1 };
    const struct {
        rg_nn_activation *activation;
        const int64_t *sizes;
        int count;
        double dropout;
        rg_status status;
        const char *message;
    } bad[] = {
        { rg_relu, good, 1, 0.0, RG_E_ARGUMENT, "mlp: needs from 2 to 100000 sizes, not 1" },
        { rg_relu, NULL, 3, 0.0, RG_E_ARGUMENT, "mlp: needs from 2 to 100000 sizes, not 0" },
        { rg_relu, good, -1, 0.0, RG_E_ARGUMENT, "mlp: needs from 2 to 100000 sizes, not -1" },
        { rg_relu, zero, 3, 0.0, RG_E_ARGUMENT, "mlp: sizes must be at least 1, and number 2 is 0" },
        { NULL, good, 3, 0.0, RG_E_NULL, "mlp: the activation is NULL" },
        { rg_relu, good, 3, 1.0, RG_E_ARGUMENT, "mlp: the dropout probability must be in [0, 1), not 1" },
        { rg_relu, good, 3, -0.5, RG_E_ARGUMENT, "mlp: the dropout probability must be in [0, 1), not -0.5" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fixture f = make();
        rg_nn_mlp_options options = { .dropout = bad[i].dropout };
        rg_nn *net = rg_nn_mlp_with(f.theta, bad[i].activation, bad[i].sizes, bad[i].count, options);
        assert_non_null(net);
        assert_string_equal(rg_params_message(f.theta), bad[i].message);
        char wanted[RG_MESSAGE_SIZE];
        assert_true(rg_is_null(rg_nn_forward(net, f.x)));
        snprintf(wanted, sizeof wanted, "test_modules.c:%d: %s", __LINE__ - 1, bad[i].message);
        check_message(f.tape, bad[i].status, wanted);
        rg_nn_free(net);
        drop(&f);
    }
    fixture f = make();
    rg_nn *net = RG_MLP(NULL, rg_relu, 2, 3, 1);
    const char *line = HERE "no parameter store"; rg_nn_forward(net, f.x);
    check_message(f.tape, RG_E_NULL, line);
    rg_nn_free(net);
    drop(&f);
}

static void each_allocation_of_a_perceptron_may_fail(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    for (long turn = 0;; turn++) {
        long before = allocations_alive;
        fixture f = make();
        if (turn % 2)
            allocations_fail_after(turn / 2);
        else
            allocations_fail_once_after(turn / 2);
        rg_nn *net = rg_nn_mlp_with(f.theta, rg_relu, (int64_t[]){ 2, 3, 1 }, 3, (rg_nn_mlp_options){ .dropout = 0.1 });
        bool failed = allocations_failed > 0;
        allocations_fail_after(-1);
        rg_nn_forward(net, f.x);
        if (failed) {
            assert_int_equal(rg_params_status(f.theta), RG_E_MEMORY);
            assert_int_equal(rg_tape_status(f.tape), net ? RG_E_MEMORY : RG_E_NULL);
        } else {
            assert_int_equal(rg_tape_status(f.tape), RG_OK);
        }
        rg_nn_free(net);
        drop(&f);
        assert_int_equal(allocations_alive, before);
        assert_true(turn < 200);
        if (!failed) break;
    }
}

static void a_module_that_finds_no_memory_frees_what_it_was_given(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    int freed = 0;
    allocations_fail_after(0);
    assert_null(scaling_module(1.0, &freed));
    allocations_fail_after(-1);
    assert_int_equal(freed, 1);
    for (long n = 0; n < 2; n++) {
        rg_nn *parts[] = { scaling_module(1.0, &freed), scaling_module(2.0, &freed) };
        freed = 0;
        allocations_fail_after(n);
        assert_null(rg_nn_sequential(parts, 2));
        allocations_fail_after(-1);
        assert_int_equal(freed, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_run_in_their_order_and_are_freed_once),
        cmocka_unit_test(an_empty_sequence_is_the_identity),
        cmocka_unit_test(functions_inside_a_module_stamp_the_line_of_the_forward),
        cmocka_unit_test(every_node_has_the_line_of_the_forward_and_the_scope_of_its_layer),
        cmocka_unit_test(what_is_missing_is_reported_at_the_line_of_the_forward),
        cmocka_unit_test(a_perceptron_has_named_layers_of_its_sizes),
        cmocka_unit_test(the_activation_chooses_the_initialiser),
        cmocka_unit_test(a_perceptron_is_its_layers_with_activations_between),
        cmocka_unit_test(dropout_follows_every_activation_while_training),
        cmocka_unit_test(a_perceptron_that_cannot_be_built_says_why_at_the_forward),
        cmocka_unit_test(each_allocation_of_a_perceptron_may_fail),
        cmocka_unit_test(a_module_that_finds_no_memory_frees_what_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
