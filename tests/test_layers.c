/* Layers compute what they say, name their parameters, and report mistakes at the line of whoever called them; models
 * made of them learn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn.h"
#include "optim.h"

#define HERE "test_layers.c:" RG_STRING(__LINE__) ": "

static rg_tape *new_tape(void)
{
    return rg_tape_new_with((rg_tape_options){ .threads = 1 });
}

static void set_theta(rg_params *theta, const double *values)
{
    for (int64_t i = 0; i < rg_params_count(theta); i++) {
        if (rg_params_dtype(theta) == RG_F32)
            ((float *)rg_params_data(theta))[i] = (float)values[i];
        else
            ((double *)rg_params_data(theta))[i] = values[i];
    }
    rg_params_changed(theta);
}

static void check_param(rg_params *theta, size_t index, const char *name, rg_shape shape)
{
    rg_param param = rg_params_at(theta, index);
    assert_string_equal(rg_param_name(param), name);
    assert_true(rg_shape_equal(rg_param_shape(param), shape));
}

static void check_message(rg_tape *tape, rg_status status, const char *message)
{
    assert_string_equal(rg_message(tape), message);
    assert_int_equal(rg_tape_status(tape), status);
    rg_tape_clear_error(tape);
}

/* ---- Linear ---- */

static void a_linear_layer_has_a_weight_and_a_bias_of_its_name(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 3);
    rg_nn_linear with = rg_nn_linear_new(theta, "in", 100, 32);
    rg_nn_linear without = rg_nn_linear_with(theta, "block.out", 32, 2, (rg_nn_linear_options){ .no_bias = true });
    assert_int_equal(rg_params_size(theta), 3);
    check_param(theta, 0, "in.weight", RG_SHAPE(32, 100));
    check_param(theta, 1, "in.bias", RG_SHAPE(32));
    check_param(theta, 2, "block.out.weight", RG_SHAPE(2, 32));
    assert_non_null(with.bias.store);
    assert_null(without.bias.store);
    const double *numbers = rg_params_data(theta);
    double largest = 0.0;
    for (int i = 0; i < 3232; i++) {
        assert_true(numbers[i] != 0.0 && fabs(numbers[i]) <= 0.1);
        largest = fmax(largest, fabs(numbers[i]));
    }
    assert_true(largest > 0.099);
    rg_params_free(theta);
}

static void linear_options_choose_the_initialisers(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 3);
    rg_nn_linear_options options = { .weight = rg_nn_init_constant(2.0), .bias = rg_nn_init_constant(-1.0) };
    rg_nn_linear_with(theta, "in", 2, 3, options);
    for (int i = 0; i < 9; i++) assert_true(((const double *)rg_params_data(theta))[i] == (i < 6 ? 2.0 : -1.0));
    rg_params_free(theta);
}

static void linear_is_x_times_the_transposed_weight_plus_bias(void **state)
{
    (void)state;
    static const rg_dtype dtypes[] = { RG_F32, RG_F64 };
    for (int d = 0; d < 2; d++) {
        rg_tape *tape = new_tape();
        rg_params *theta = rg_params_new(dtypes[d], 1);
        rg_nn_linear layer = rg_nn_linear_new(theta, "in", 3, 2);
        set_theta(theta, (double[]){ 1, 2, 3, 4, 5, 6, 10, 20 });
        float single[] = { 1, 0, 0, 0, 1, -1 };
        double twice[] = { 1, 0, 0, 0, 1, -1 };
        const void *numbers = d ? (const void *)twice : single;
        static const double wanted[] = { 11, 24, 9, 19 };
        const rg_shape shapes[] = { RG_SHAPE(2, 3), RG_SHAPE(2, 1, 3), RG_SHAPE(3) };
        for (int s = 0; s < 3; s++) {
            rg_tensor y = rg_nn_linear_forward(&layer, rg_input(tape, dtypes[d], shapes[s], numbers));
            rg_shape shape = shapes[s];
            shape.size[shape.rank - 1] = 2;
            assert_true(rg_shape_equal(rg_shape_of(y), shape));
            const void *out = rg_data(y);
            for (int i = 0; i < (s == 2 ? 2 : 4); i++)
                assert_true((d ? ((const double *)out)[i] : (double)((const float *)out)[i]) == wanted[i]);
        }
        rg_tape_free(tape);
        rg_params_free(theta);
    }
}

static void the_gradient_reaches_weight_and_bias(void **state)
{
    (void)state;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_nn_linear layer = rg_nn_linear_new(theta, "in", 2, 2);
    double x[] = { 3, 5, 1, 2 }, c[] = { 1, -1, 2, 0 };
    rg_tensor y = rg_nn_linear_forward(&layer, rg_input(tape, RG_F64, RG_SHAPE(2, 2), x));
    assert_int_equal(rg_backward(rg_sum(rg_mul(y, rg_constant(tape, RG_F64, RG_SHAPE(2, 2), c)))), RG_OK);
    static const double wanted[] = { 5, 9, -3, -5, 3, -1 };
    for (int i = 0; i < 6; i++) assert_true(((const double *)rg_params_gradient(theta))[i] == wanted[i]);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void bad_layers_stick_to_the_store_and_show_at_the_forward(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int64_t in, out;
        rg_status status;
        const char *message;
    } bad[] = {
        { NULL, 3, 2, RG_E_NULL, "linear: a layer needs a name" },
        { "", 3, 2, RG_E_NULL, "linear: a layer needs a name" },
        { "in", 0, 2, RG_E_ARGUMENT, "linear in: sizes must be at least 1, not 0 to 2" },
        { "in", 3, -2, RG_E_ARGUMENT, "linear in: sizes must be at least 1, not 3 to -2" },
        { "taken", 3, 2, RG_E_ARGUMENT, "parameter taken.weight: the name is taken" },
        { "in", INT64_MAX, 2, RG_E_SHAPE, "parameter in.weight: a malformed or too large shape" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rg_tape *tape = new_tape();
        rg_params *theta = rg_params_new(RG_F64, 1);
        rg_nn_linear_new(theta, "taken", 1, 1);
        rg_nn_linear layer = rg_nn_linear_new(theta, bad[i].name, bad[i].in, bad[i].out);
        assert_int_equal(rg_params_status(theta), bad[i].status);
        assert_string_equal(rg_params_message(theta), bad[i].message);
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(3), (double[]){ 1, 2, 3 });
        char wanted[RG_MESSAGE_SIZE];
        assert_true(rg_is_null(rg_nn_linear_forward(&layer, x)));
        snprintf(wanted, sizeof wanted, "test_layers.c:%d: %s", __LINE__ - 1, bad[i].message);
        check_message(tape, bad[i].status, wanted);
        rg_tape_free(tape);
        rg_params_free(theta);
    }
}

static void mistakes_are_reported_at_the_line_of_the_caller(void **state)
{
    (void)state;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_nn_linear layer = rg_nn_linear_new(theta, "in", 3, 2), none = { 0 };
    rg_tensor x = rg_name(rg_input(tape, RG_F64, RG_SHAPE(5, 4), (double[20]){ 0 }), "x");
    const char *line = HERE; assert_true(rg_is_null(rg_tanh(rg_nn_linear_forward(&layer, x))));
    assert_int_equal(rg_tape_status(tape), RG_E_SHAPE);
    assert_memory_equal(rg_message(tape), line, strlen(line));
    assert_non_null(strstr(rg_message(tape), "x f64[5,4]"));
    assert_non_null(strstr(rg_message(tape), "[3,2]"));
    rg_tape_clear_error(tape);
    line = HERE "linear: the layer is NULL"; rg_nn_linear_forward(NULL, x);
    check_message(tape, RG_E_NULL, line);
    line = HERE "no parameter store"; rg_nn_linear_forward(&none, x);
    check_message(tape, RG_E_NULL, line);
    none.store = theta;
    line = HERE "linear: the layer has no weight"; rg_nn_linear_forward(&none, x);
    check_message(tape, RG_E_NULL, line);
    assert_true(rg_is_null(rg_nn_linear_forward(&layer, (rg_tensor){ 0 })));
    assert_int_equal(rg_tape_status(tape), RG_OK);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* A layer of one's own hands its caller's site down; a plain function stamps it too. */
static rg_tensor own_layer_at(const char *site, const rg_nn_linear *layer, rg_tensor x)
{
    const char *previous = rg_set_site(x.tape, site);
    rg_tensor y = (rg_nn_linear_forward)(layer, x);
    rg_set_site(x.tape, previous);
    return y;
}

static void plain_functions_stamp_the_site_of_the_layer_around_them(void **state)
{
    (void)state;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_nn_linear layer = rg_nn_linear_new(theta, "in", 3, 2);
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(4), (double[4]){ 0 });
    const char *line = HERE; own_layer_at(RG_SITE, &layer, x);
    assert_memory_equal(rg_message(tape), line, strlen(line));
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- Dropout ---- */

static void dropout_zeroes_its_part_and_scales_the_rest(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static double ones[COUNT];
    for (int i = 0; i < COUNT; i++) ones[i] = 1.0;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 11);
    rg_nn_dropout layer = { theta, 0.2 };
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(COUNT), ones);
    rg_tensor y = rg_nn_dropout_forward(&layer, x), z = rg_nn_dropout_forward(&layer, x);
    rg_eval(2, (rg_tensor[]){ y, z });
    const double *a = rg_data(y), *b = rg_data(z);
    int zeros = 0, both = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_true(a[i] == 0.0 || a[i] == 1.0 / 0.8);
        zeros += a[i] == 0.0;
        both += a[i] == 0.0 && b[i] == 0.0;
    }
    assert_true(abs(zeros - 4000) < 300);
    assert_true(abs(both - 800) < 150);
    assert_int_equal(rg_params_random_counter(theta), 2);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void dropout_is_the_identity_when_there_is_nothing_to_drop(void **state)
{
    (void)state;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 11);
    rg_nn_dropout some = { theta, 0.5 }, none = { theta, 0.0 };
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(4), (double[4]){ 0 });
    assert_int_equal(rg_nn_dropout_forward(&none, x).node, x.node);
    rg_training(tape, false);
    assert_int_equal(rg_nn_dropout_forward(&some, x).node, x.node);
    assert_int_equal(rg_params_random_counter(theta), 0);
    rg_training(tape, true);
    assert_int_not_equal(rg_nn_dropout_forward(&some, x).node, x.node);
    assert_int_equal(rg_params_random_counter(theta), 1);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void the_counter_restores_the_masks(void **state)
{
    (void)state;
    double first[64], again[64], ones[64];
    for (int i = 0; i < 64; i++) ones[i] = 1.0;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 11);
    rg_nn_dropout layer = { theta, 0.5 };
    rg_params_set_random_counter(theta, 40);
    for (int turn = 0; turn < 2; turn++) {
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(64), ones);
        assert_int_equal(rg_read(rg_nn_dropout_forward(&layer, x), turn ? again : first, sizeof first), RG_OK);
        rg_params_set_random_counter(theta, 40);
    }
    assert_memory_equal(first, again, sizeof first);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void bad_dropout_is_reported_at_the_line_of_the_caller(void **state)
{
    (void)state;
    rg_tape *tape = new_tape();
    rg_params *theta = rg_params_new(RG_F64, 11);
    rg_nn_dropout much = { theta, 1.0 }, lost = { NULL, 0.5 };
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(4), (double[4]){ 0 });
    const char *line = HERE "dropout: the probability must be in [0, 1), not 1"; rg_nn_dropout_forward(&much, x);
    check_message(tape, RG_E_ARGUMENT, line);
    much.probability = NAN;
    rg_nn_dropout_forward(&much, x);
    assert_int_equal(rg_tape_status(tape), RG_E_ARGUMENT);
    rg_tape_clear_error(tape);
    line = HERE "dropout: the layer or its store is NULL"; rg_nn_dropout_forward(&lost, x);
    check_message(tape, RG_E_NULL, line);
    line = HERE "dropout: the layer or its store is NULL"; rg_nn_dropout_forward(NULL, x);
    check_message(tape, RG_E_NULL, line);
    assert_int_equal(rg_params_random_counter(theta), 0);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- Losses ---- */

static void losses_have_names(void **state)
{
    (void)state;
    size_t count;
    const rg_nn_loss *table = rg_nn_loss_table(&count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) assert_ptr_equal(rg_nn_loss_find(table[i].name), &table[i]);
    assert_null(rg_nn_loss_find("hinge"));
    assert_null(rg_nn_loss_find(NULL));
    assert_true(rg_nn_loss_find("xent")->labels && !rg_nn_loss_find("mse")->labels);

    rg_tape *tape = new_tape();
    rg_tensor a = rg_input(tape, RG_F64, RG_SHAPE(1, 2), (double[]){ 1, 3 });
    rg_tensor b = rg_input(tape, RG_F64, RG_SHAPE(1, 2), (double[]){ 0, 1 });
    rg_tensor label = rg_input(tape, RG_I32, RG_SHAPE(1), (int32_t[]){ 1 });
    assert_true(rg_item(rg_nn_loss_forward(rg_nn_loss_find("mse"), a, b)) == 2.5);
    assert_true(rg_item(rg_nn_loss_forward(rg_nn_loss_find("xent"), a, label)) == rg_item(rg_cross_entropy(a, label)));
    assert_true(rg_item(rg_nn_loss_forward(rg_nn_loss_find("bce"), a, b)) == rg_item(rg_binary_cross_entropy(a, b)));
    const char *line = HERE; rg_nn_loss_forward(rg_nn_loss_find("mse"), a, label);
    assert_memory_equal(rg_message(tape), line, strlen(line));
    rg_tape_clear_error(tape);
    line = HERE "loss: the loss is NULL"; rg_nn_loss_forward(NULL, a, b);
    check_message(tape, RG_E_NULL, line);
    rg_tape_free(tape);
}

/* ---- Learning ---- */

typedef struct {
    rg_nn_linear in, gate, out;
} gated;

static gated gated_new(rg_params *p)
{
    return (gated){ .in = rg_nn_linear_new(p, "in", 2, 8),
                    .gate = rg_nn_linear_new(p, "gate", 2, 8),
                    .out = rg_nn_linear_new(p, "out", 8, 1) };
}

static rg_tensor gated_forward(const gated *m, rg_tensor x)
{
    rg_tensor h = rg_tanh(rg_nn_linear_forward(&m->in, x));
    rg_tensor g = rg_sigmoid(rg_nn_linear_forward(&m->gate, x));
    return rg_nn_linear_forward(&m->out, rg_mul(h, g));
}

/* The loss after learning exclusive or, by a module or else by the model above. */
static double learn_xor(rg_params *theta, const rg_nn *net, const gated *model, rg_opt *opt)
{
    static const double corners[] = { 0, 0, 0, 1, 1, 0, 1, 1 }, targets[] = { 0, 1, 1, 0 };
    double x[8], loss = NAN;
    float xs[8], ts[4];
    for (int i = 0; i < 8; i++) xs[i] = (float)(x[i] = corners[i]);
    for (int i = 0; i < 4; i++) ts[i] = (float)targets[i];
    bool single = rg_params_dtype(theta) == RG_F32;
    rg_dtype dtype = rg_params_dtype(theta);
    rg_tape *tape = new_tape();
    for (int step = 0; step < 400 && !rg_failed(tape); step++) {
        rg_tensor in = rg_input(tape, dtype, RG_SHAPE(4, 2), single ? (const void *)xs : x);
        rg_tensor wanted = rg_input(tape, dtype, RG_SHAPE(4, 1), single ? (const void *)ts : targets);
        rg_tensor out = net ? rg_nn_forward(net, in) : gated_forward(model, in);
        rg_tensor error = rg_binary_cross_entropy(out, wanted);
        rg_backward(error);
        rg_opt_step(opt);
        loss = rg_item(error);
        rg_tape_reset(tape);
    }
    assert_string_equal(rg_message(tape), "");
    rg_tape_free(tape);
    return loss;
}

static void a_perceptron_learns_exclusive_or(void **state)
{
    (void)state;
    static const rg_dtype dtypes[] = { RG_F32, RG_F64 };
    static rg_nn_activation *const activations[] = { rg_tanh, rg_relu };
    for (int i = 0; i < 4; i++) {
        rg_params *theta = rg_params_new(dtypes[i / 2], 4);
        rg_nn *net = RG_MLP(theta, activations[i % 2], 2, 16, 1);
        rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.05 });
        assert_true(learn_xor(theta, net, NULL, opt) < 0.02);
        rg_opt_free(opt);
        rg_nn_free(net);
        rg_params_free(theta);
    }
}

static void a_struct_and_a_function_learn_exclusive_or(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 4);
    gated model = gated_new(theta);
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.5, .momentum = 0.9, .nesterov = true });
    assert_true(learn_xor(theta, NULL, &model, opt) < 0.02);
    assert_int_equal(rg_params_size(theta), 6);
    rg_opt_free(opt);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_layer_has_a_weight_and_a_bias_of_its_name),
        cmocka_unit_test(linear_options_choose_the_initialisers),
        cmocka_unit_test(linear_is_x_times_the_transposed_weight_plus_bias),
        cmocka_unit_test(the_gradient_reaches_weight_and_bias),
        cmocka_unit_test(bad_layers_stick_to_the_store_and_show_at_the_forward),
        cmocka_unit_test(mistakes_are_reported_at_the_line_of_the_caller),
        cmocka_unit_test(plain_functions_stamp_the_site_of_the_layer_around_them),
        cmocka_unit_test(dropout_zeroes_its_part_and_scales_the_rest),
        cmocka_unit_test(dropout_is_the_identity_when_there_is_nothing_to_drop),
        cmocka_unit_test(the_counter_restores_the_masks),
        cmocka_unit_test(bad_dropout_is_reported_at_the_line_of_the_caller),
        cmocka_unit_test(losses_have_names),
        cmocka_unit_test(a_perceptron_learns_exclusive_or),
        cmocka_unit_test(a_struct_and_a_function_learn_exclusive_or),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
