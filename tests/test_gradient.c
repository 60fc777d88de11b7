/* test_gradient.c: the gradient is what backpropagation as dynamic programming says, and what the header promises about
 * constants, seeds and accumulation. */
#include "tensors.h"

/* ---- The recurrence -------------------------------------------------------------------------------------------------- */

static void gradient_of_a_reused_node_is_the_sum_over_its_consumers(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0.5, -1, 2), h = rg_square(x);
    rg_tensor first = rg_sum(rg_mul(h, VECTOR(tape, 1, 2, 3))), second = rg_sum(rg_square(h)), third = rg_sum(rg_neg(h));
    rg_tensor all = rg_add(rg_add(first, second), third);
    /* d/dx (c h + h^2 - h) with h = x^2: 2 c x + 4 x^3 - 2 x */
    assert_values(gradient(all, x), 2 * 0.5 + 4 * 0.125 - 1, -4 - 4 + 2, 12 + 32 - 4);
    rg_tensor parts = rg_add(rg_add(gradient(first, x), gradient(second, x)), gradient(third, x));
    assert_values(rg_sub(gradient(all, x), parts), 0, 0, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void an_operand_used_twice_by_one_node_counts_twice(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 3, -2);
    assert_values(gradient(rg_sum(rg_mul(x, x)), x), 6, -4);
    assert_values(gradient(rg_sum(rg_div(x, x)), x), 0, 0);
    assert_values(gradient(rg_sum(rg_maximum(x, x)), x), 1, 1);
    rg_tensor m = MATRIX(tape, 2, 2, 1, 2, 3, 4);
    /* d sum(M M) / dM = 1 M' + M' 1 */
    assert_values(gradient(rg_sum(rg_matmul(m, m)), m), 3 + 4, 7 + 4, 3 + 6, 7 + 6);
    rg_tensor twice[] = { x, x, x };
    assert_values(gradient(rg_sum(rg_square(rg_concat(3, twice, 0))), x), 18, -12);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* 2^60 paths lead from the last node to the first; one adjoint a node is enough. */
static void exponentially_many_paths_take_linear_work(void **state)
{
    (void)state;
    enum { DOUBLINGS = 60 };
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++) {
        rg_tensor x = rg_scalar(tape, RG_F64, 1.5), y = x;
        for (int i = 0; i < DOUBLINGS; i++) y = rg_add(y, y);
        uint64_t before = rg_tape_get_stats(tape).nodes;
        assert_exactly(gradient(y, x), 0x1p60);
        assert_in_range(rg_tape_get_stats(tape).nodes - before, DOUBLINGS, 3 * DOUBLINGS);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void gradients_are_summed_over_what_broadcasting_repeated(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor column = MATRIX(tape, 3, 1, 1, 2, 3), row = VECTOR(tape, 10, 20), one = rg_scalar(tape, RG_F64, 5);
    rg_tensor y = rg_sum(rg_mul(rg_mul(column, row), one)), wrt[] = { column, row, one }, slope[3];
    assert_int_equal(rg_grad(y, wrt, 3, slope), RG_OK);
    assert_shape(slope[0], RG_SHAPE(3, 1));
    assert_values(slope[0], 150, 150, 150);
    assert_shape(slope[1], RG_SHAPE(2));
    assert_values(slope[1], 30, 30);
    assert_shape(slope[2], RG_SCALAR);
    assert_values(slope[2], 180);
    rg_tensor wide = rg_expand(rg_reshape(row, RG_SHAPE(1, 2)), RG_SHAPE(4, 3, 2));
    assert_values(gradient(rg_sum(wide), row), 12, 12);
    rg_tensor batch = rg_matmul(rg_expand(column, RG_SHAPE(5, 3, 1)), rg_reshape(row, RG_SHAPE(1, 2)));
    assert_values(gradient(rg_sum(batch), column), 150, 150, 150);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void gradient_with_respect_to_what_y_does_not_depend_on_is_zero(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), apart = MATRIX(tape, 1, 3, 4, 5, 6), y = rg_sum(rg_exp(x)), later = VECTOR(tape, 7);
    rg_tensor labels = rg_greater(x, x), wrt[] = { apart, later, x, labels }, slope[4];
    assert_int_equal(rg_grad(y, wrt, 4, slope), RG_OK);
    assert_shape(slope[0], RG_SHAPE(1, 3));
    assert_exactly(slope[0], 0, 0, 0);
    assert_exactly(slope[1], 0);
    assert_values(slope[2], exp(1), exp(2));
    assert_exactly(slope[3], 0, 0);
    rg_tensor switched = rg_sum(rg_where(rg_greater(x, rg_scalar(tape, RG_F64, 1.5)), x, rg_neg(x)));
    assert_exactly(gradient(switched, x), -1, 1);
    assert_exactly(gradient(y, y), 1);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void gradient_may_be_taken_with_respect_to_any_node_on_the_way(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0.5, 2), h = rg_square(x), k = rg_scale(h, 3), y = rg_sum(rg_mul(k, h));
    rg_tensor wrt[] = { h, x, k, y }, slope[4];
    assert_int_equal(rg_grad(y, wrt, 4, slope), RG_OK);
    assert_values(slope[0], 6 * 0.25, 6 * 4);       /* 3 h^2 */
    assert_values(slope[1], 12 * 0.125, 12 * 8);    /* 3 x^4 */
    assert_values(slope[2], 0.25, 4);               /* k h, with h held */
    assert_values(slope[3], 1);
    rg_item(y);
    assert_values(gradient(y, h), 1.5, 24); /* after the values have been asked for, too */
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Gradients of gradients ---------------------------------------------------------------------------------------------- */

static void gradients_can_be_differentiated_again(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++) {
        const double at = 0.3 + 0.1 * step, t = tanh(at), s = 1 - t * t;
        rg_tensor x = rg_scalar(tape, RG_F64, at), y = rg_tanh(x), slope = gradient(y, x), bend = gradient(slope, x);
        assert_values(slope, s);
        assert_values(bend, -2 * t * s);
        assert_values(gradient(bend, x), s * (6 * t * t - 2));
        rg_tensor cube = rg_mul(x, rg_square(x));
        assert_values(gradient(gradient(gradient(cube, x), x), x), 6);
        assert_exactly(gradient(gradient(gradient(gradient(cube, x), x), x), x), 0);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* d/dx (x d/dy (x + y)) is 1: the inner derivative does not see the outer variable [Siskind and Pearlmutter 2005]. */
static void nested_derivatives_do_not_confuse_their_variables(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_scalar(tape, RG_F64, 1), y = rg_scalar(tape, RG_F64, 1);
    rg_tensor inner = gradient(rg_add(x, y), y);
    assert_exactly(inner, 1);
    assert_exactly(gradient(rg_mul(x, inner), x), 1);
    rg_tensor product = gradient(rg_mul(x, y), y); /* x */
    assert_exactly(gradient(rg_mul(x, product), x), 2);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* jvp by two vjps: u -> J'u is linear, and its own transpose at v is J v. */
static void two_transposed_products_make_a_forward_product(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0.5, -1, 2), v = VECTOR(tape, 1, 10, 100), u = rg_full(tape, RG_F64, RG_SHAPE(3), 0);
    rg_tensor y = rg_mul(rg_tanh(x), rg_sum(x)), pulled, pushed;
    rg_tensor cotangent = rg_add(u, VECTOR(tape, 0, 0, 0));
    assert_int_equal(rg_vjp(y, cotangent, &x, 1, &pulled), RG_OK);
    assert_int_equal(rg_vjp(pulled, v, &cotangent, 1, &pushed), RG_OK);
    const double total = 1.5, along = 111, at[] = { 0.5, -1, 2 }, direction[] = { 1, 10, 100 };
    double want[3];
    for (int i = 0; i < 3; i++) want[i] = (1 - pow(tanh(at[i]), 2)) * direction[i] * total + tanh(at[i]) * along;
    assert_numbers(pushed, want, 3, 1e-12);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Constants ----------------------------------------------------------------------------------------------------------------- */

static void constants_and_walls_let_no_gradient_through(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 2, 3), c = rg_constant(tape, RG_F64, RG_SHAPE(2), NUMBERS(5, 6));
    assert_exactly(gradient(rg_sum(rg_mul(x, c)), c), 0, 0);
    assert_exactly(gradient(rg_sum(rg_mul(x, rg_stop_gradient(x))), x), 2, 3);
    assert_exactly(gradient(rg_sum(rg_mul(x, rg_stop_gradient(rg_exp(x)))), x), exp(2), exp(3));
    assert_false(rg_no_grad(tape, true));
    rg_tensor held = rg_square(x);
    assert_true(rg_no_grad(tape, false));
    assert_exactly(gradient(rg_sum(rg_mul(held, x)), x), 4, 9);
    assert_exactly(gradient(rg_sum(held), held), 0, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void parameters_recorded_without_gradient_are_constants(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_param a = rg_params_find(theta, "a");
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor before = rg_parameter(tape, a);
        rg_no_grad(tape, true);
        rg_tensor frozen = rg_parameter(tape, a);
        rg_no_grad(tape, false);
        rg_tensor after = rg_parameter(tape, a);
        assert_int_not_equal(before.node, frozen.node);
        assert_int_equal(before.node, after.node); /* asking twice gives the same node, whatever came between */
        rg_tensor loss = rg_sum(rg_mul(rg_add(rg_mul(before, rg_scalar(tape, RG_F64, 10)), after), frozen));
        assert_int_equal(rg_backward(loss), RG_OK);
        assert_gradient(theta, 11 * 1, 11 * 2);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- Seeds ------------------------------------------------------------------------------------------------------------------------ */

static void a_cotangent_weighs_the_elements_of_y(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), y = rg_matmul(MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), x), out;
    rg_tensor seed = VECTOR(tape, 1, 0, -2);
    assert_int_equal(rg_vjp(y, seed, &x, 1, &out), RG_OK);
    assert_values(out, 1 - 10, 2 - 12);
    assert_values(gradient(rg_sum(rg_mul(seed, y)), x), -9, -10);
    rg_tensor to_seed;
    rg_vjp(y, seed, &seed, 1, &to_seed); /* y does not depend on its cotangent */
    assert_exactly(to_seed, 0, 0, 0);
    assert_values(gradient(rg_sum(rg_mul(out, out)), seed), 2 * (-9 * 1 - 10 * 2), 2 * (-9 * 3 - 10 * 4), 2 * (-9 * 5 - 10 * 6));
    rg_tensor single = rg_reshape(rg_sum(x), RG_SHAPE(1, 1));
    assert_exactly(gradient(single, x), 1, 1); /* one element is enough of a scalar */
    assert_fine(tape);
    rg_tape_free(tape);
}

static void backward_from_a_cotangent_is_backward_from_their_product(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor a = rg_parameter(tape, rg_params_at(theta, 0)), b = rg_parameter(tape, rg_params_at(theta, 1));
        rg_tensor y = rg_mul(a, b), seed = VECTOR(tape, 10, 1.0 + step);
        assert_int_equal(rg_backward_seeded(y, seed), RG_OK);
        assert_gradient(theta, 30, 4 * (1.0 + step), 10, 2 * (1.0 + step));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- What a derivative is at the odd places ---------------------------------------------------------------------------------------- */

static void kinks_and_ties_have_the_slopes_the_header_says(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, -1, 0, 2), y = VECTOR(tape, -1, 1, 1);
    assert_exactly(gradient(rg_sum(rg_relu(x)), x), 0, 0, 1);
    assert_exactly(gradient(rg_sum(rg_maximum(x, y)), x), 0.5, 0, 1);
    assert_exactly(gradient(rg_sum(rg_maximum(x, y)), y), 0.5, 1, 0);
    assert_exactly(gradient(rg_sum(rg_minimum(x, y)), x), 0.5, 1, 0);
    assert_exactly(gradient(rg_max(y), y), 0, 0.5, 0.5);
    assert_exactly(gradient(rg_sum(rg_power(x, 0)), x), 0, 0, 0);
    assert_exactly(gradient(rg_sum(rg_power(x, 1)), x), 1, 1, 1);
    rg_tensor nan = VECTOR(tape, -1, 0, 4), root = rg_where(rg_greater(nan, rg_scalar(tape, RG_F64, 1)), rg_sqrt(nan), x);
    assert_exactly(gradient(rg_sum(root), x), 1, 1, 0); /* sqrt(-1) in the branch not taken */
    assert_fine(tape);
    rg_tape_free(tape);
}

static void dropout_drops_the_same_elements_of_the_adjoint(void **state)
{
    (void)state;
    enum { N = 1000 };
    static double ones[N];
    for (int i = 0; i < N; i++) ones[i] = 1;
    rg_tape *tape = rg_tape_new();
    for (uint64_t step = 0; step < 4; step++) {
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(N), ones), y = rg_dropout(x, 0.25, rg_random_key(tape, 9, step));
        rg_tensor slope = gradient(rg_sum(y), x);
        int dropped = 0;
        for (int i = 0; i < N; i++) {
            assert_true(element(y, i) == element(slope, i));
            assert_true(element(y, i) == 0 || element(y, i) == 1 / 0.75);
            dropped += element(y, i) == 0;
        }
        assert_in_range(dropped, 180, 320);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_a_reused_node_is_the_sum_over_its_consumers),
        cmocka_unit_test(an_operand_used_twice_by_one_node_counts_twice),
        cmocka_unit_test(exponentially_many_paths_take_linear_work),
        cmocka_unit_test(gradients_are_summed_over_what_broadcasting_repeated),
        cmocka_unit_test(gradient_with_respect_to_what_y_does_not_depend_on_is_zero),
        cmocka_unit_test(gradient_may_be_taken_with_respect_to_any_node_on_the_way),
        cmocka_unit_test(gradients_can_be_differentiated_again),
        cmocka_unit_test(nested_derivatives_do_not_confuse_their_variables),
        cmocka_unit_test(two_transposed_products_make_a_forward_product),
        cmocka_unit_test(constants_and_walls_let_no_gradient_through),
        cmocka_unit_test(parameters_recorded_without_gradient_are_constants),
        cmocka_unit_test(a_cotangent_weighs_the_elements_of_y),
        cmocka_unit_test(backward_from_a_cotangent_is_backward_from_their_product),
        cmocka_unit_test(kinks_and_ties_have_the_slopes_the_header_says),
        cmocka_unit_test(dropout_drops_the_same_elements_of_the_adjoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
