/* test_lecture_example.c: the worked example of a lecture on perceptrons, and its gradients by hand.
 *
 *     h1 = relu(W1 x - b1),  y = relu(W2 h1 - b2);   f = (sigma(w x - b) - y)^2 for a single perceptron. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "autograd.h"

#define NUMBERS(...) ((const double[]){ __VA_ARGS__ })
#define TOLERANCE 1e-12

static rg_tensor input(rg_tape *tape, const char *name, rg_shape shape, const double *numbers)
{
    return rg_name(rg_input(tape, RG_F64, shape, numbers), name);
}

static rg_tensor layer(rg_tensor weight, rg_tensor x, rg_tensor bias)
{
    return rg_relu(rg_sub(rg_matmul(weight, x), bias));
}

/* Both with the numbers as inputs and with one example in a batch, as a network would have it. */
static void the_two_layer_network_gives_0_1_exactly(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = input(tape, "x", RG_SHAPE(3), NUMBERS(1, 0, 0));
    rg_tensor w1 = input(tape, "W1", RG_SHAPE(4, 3), NUMBERS(2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0));
    rg_tensor b1 = input(tape, "b1", RG_SHAPE(4), NUMBERS(1, 1, 1, 1));
    rg_tensor w2 = input(tape, "W2", RG_SHAPE(2, 4), NUMBERS(-1, -1, -1, -1, 0, 0, 0, 0));
    rg_tensor b2 = input(tape, "b2", RG_SHAPE(2), NUMBERS(-1, -1));
    rg_tensor h = rg_keep(layer(w1, x, b1)), y = layer(w2, h, b2);
    double hidden[4], result[2];
    assert_int_equal(rg_read(y, result, sizeof result), RG_OK);
    assert_int_equal(rg_read(h, hidden, sizeof hidden), RG_OK);
    assert_memory_equal(hidden, NUMBERS(1, 0, 0, 0), sizeof hidden);
    assert_memory_equal(result, NUMBERS(0, 1), sizeof result);

    rg_tensor rows = rg_reshape(x, RG_SHAPE(1, 3));
    rg_tensor h_rows = rg_relu(rg_sub(rg_matmul(rows, rg_transpose(w1)), b1));
    rg_tensor y_rows = rg_relu(rg_sub(rg_matmul(h_rows, rg_transpose(w2)), b2));
    assert_int_equal(rg_read(y_rows, result, sizeof result), RG_OK);
    assert_memory_equal(result, NUMBERS(0, 1), sizeof result);
    rg_tape_free(tape);
}

/* ---- A perceptron with squared loss ---------------------------------------------------------------------------- */

enum { WIDTH = 5, CASES = 50 };

typedef struct {
    double w[WIDTH], b, x[WIDTH], y;
} perceptron_case;

static perceptron_case random_case(uint64_t number)
{
    perceptron_case c;
    for (uint64_t j = 0; j < WIDTH; j++) {
        c.w[j] = rg_random_normal(1, number, j);
        c.x[j] = rg_random_normal(2, number, j);
    }
    c.b = rg_random_normal(3, number, 0);
    c.y = rg_random_uniform(4, number, 0);
    return c;
}

static void assert_near(double is, double should)
{
    if (!(fabs(is - should) <= TOLERANCE)) fail_msg("%.17g instead of %.17g", is, should);
}

/* df/db = -2 (sigma - y) sigma',  df/dw_j = 2 (sigma - y) sigma' x_j, with sigma' = sigma (1 - sigma). */
static void gradients_of_the_squared_loss_are_those_by_hand(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (uint64_t number = 0; number < CASES; number++) {
        const perceptron_case c = random_case(number);
        rg_tape_reset(tape);
        rg_tensor w = input(tape, "w", RG_SHAPE(WIDTH), c.w), b = input(tape, "b", RG_SCALAR, &c.b);
        rg_tensor x = input(tape, "x", RG_SHAPE(WIDTH), c.x), y = input(tape, "y", RG_SCALAR, &c.y);
        rg_tensor f = rg_square(rg_sub(rg_sigmoid(rg_sub(rg_matmul(w, x), b)), y));
        rg_tensor wrt[] = { w, b }, gradient[2];
        double by_w[WIDTH], by_b;
        assert_int_equal(rg_grad(f, wrt, 2, gradient), RG_OK);
        assert_int_equal(rg_read(gradient[0], by_w, sizeof by_w), RG_OK);
        assert_int_equal(rg_read(gradient[1], &by_b, sizeof by_b), RG_OK);

        double z = -c.b;
        for (int j = 0; j < WIDTH; j++) z += c.w[j] * c.x[j];
        double sigma = 1 / (1 + exp(-z)), outer = 2 * (sigma - c.y) * sigma * (1 - sigma);
        assert_near(rg_item(f), (sigma - c.y) * (sigma - c.y));
        assert_near(by_b, -outer);
        for (int j = 0; j < WIDTH; j++) assert_near(by_w[j], outer * c.x[j]);
    }
    assert_string_equal(rg_message(tape), "");
    rg_tape_free(tape);
}

/* The same through parameters and rg_backward: theta is (w, b), and so is its gradient. */
static void the_flat_gradient_of_the_parameters_is_the_same(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_param w = rg_params_add(theta, "w", RG_SHAPE(WIDTH)), b = rg_params_add(theta, "b", RG_SCALAR);
    rg_tape *tape = rg_tape_new();
    for (uint64_t number = 0; number < CASES; number++) {
        const perceptron_case c = random_case(number);
        rg_tape_reset(tape);
        double *numbers = rg_params_data(theta);
        memcpy(numbers, c.w, sizeof c.w);
        numbers[WIDTH] = c.b;
        rg_params_changed(theta);
        rg_params_zero_gradient(theta);
        rg_tensor x = input(tape, "x", RG_SHAPE(WIDTH), c.x), y = input(tape, "y", RG_SCALAR, &c.y);
        rg_tensor sigma = rg_sigmoid(rg_sub(rg_matmul(rg_parameter(tape, w), x), rg_parameter(tape, b)));
        assert_int_equal(rg_backward(rg_square(rg_sub(rg_keep(sigma), y))), RG_OK);

        const double s = rg_item(sigma), *gradient = rg_params_gradient(theta);
        for (int j = 0; j < WIDTH; j++) assert_near(gradient[j], 2 * (s - c.y) * s * (1 - s) * c.x[j]);
        assert_near(gradient[WIDTH], -2 * (s - c.y) * s * (1 - s));
    }
    assert_string_equal(rg_message(tape), "");
    rg_tape_free(tape);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_two_layer_network_gives_0_1_exactly),
        cmocka_unit_test(gradients_of_the_squared_loss_are_those_by_hand),
        cmocka_unit_test(the_flat_gradient_of_the_parameters_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
