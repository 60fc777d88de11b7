/* test_nested_derivatives.c: transforms nest in any order and to any depth, and no variable is taken for another. */
#include "tensors.h"

static rg_tensor jacobian(rg_tensor y, rg_tensor x)
{
    rg_tensor out = { 0 };
    rg_jacobian(y, &x, 1, &out);
    return out;
}

static rg_tensor hessian(rg_tensor y, rg_tensor x)
{
    rg_tensor out = { 0 };
    rg_hessian(y, &x, 1, &out);
    return out;
}

static rg_tensor forward(rg_tensor y, rg_tensor x, rg_tensor v)
{
    rg_tensor out = { 0 };
    rg_jvp(y, &x, &v, 1, &out);
    return out;
}

static rg_tensor hessian_times(rg_tensor y, rg_tensor x, rg_tensor v)
{
    rg_tensor out = { 0 };
    rg_hvp(y, &x, &v, 1, &out);
    return out;
}

static rg_tensor over(rg_tensor y, rg_tensor x, rg_tensor batch)
{
    rg_tensor out = { 0 };
    rg_vmap(&y, 1, &x, &batch, 1, &out);
    return out;
}

static rg_tensor number(rg_tape *tape, double value)
{
    return rg_scalar(tape, RG_F64, value);
}

/* ---- Perturbation confusion [Siskind and Pearlmutter 2005, 2008] --------------------------------------- */

/* d/dx (x d/dy (x + y)) = 1: by all combinations of forward and reverse. */
static void the_inner_derivative_does_not_see_the_outer_variable(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int outer = 0; outer < 2; outer++)
        for (int inner = 0; inner < 2; inner++) {
            rg_tensor x = number(tape, 1), y = number(tape, 1), one = number(tape, 1), sum = rg_add(x, y);
            rg_tensor slope = inner ? forward(sum, y, one) : gradient(sum, y), product = rg_mul(x, slope);
            assert_exactly(outer ? forward(product, x, one) : gradient(product, x), 1);
        }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* d/dx (x d/dy (x y)) = 2 x; and where y is taken where x is: d/dx (x [d/dy (x y^2)] at y = x) = d/dx 2 x^3. */
static void the_inner_derivative_may_depend_on_the_outer_variable(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    const double at = 1.5;
    rg_tensor x = number(tape, at), y = number(tape, 7), one = number(tape, 1);
    assert_values(gradient(rg_mul(x, gradient(rg_mul(x, y), y)), x), 2 * at);
    rg_tensor copy = rg_scale(x, 1), inner = gradient(rg_mul(x, rg_square(copy)), copy); /* 2 x y */
    assert_values(gradient(rg_mul(x, inner), x), 6 * at * at);
    assert_values(forward(rg_mul(x, inner), x, one), 6 * at * at);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* d/dx (x d/dy (y d/dz (x y z))) = d/dx (x 2 y x) = 4 x y, three deep. */
static void three_levels_keep_their_variables_apart(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = number(tape, 3), y = number(tape, 5), z = number(tape, 7);
    rg_tensor inmost = gradient(rg_mul(rg_mul(x, y), z), z);
    rg_tensor middle = gradient(rg_mul(y, inmost), y);
    assert_exactly(gradient(rg_mul(x, middle), x), 4 * 3 * 5);
    rg_tensor one = number(tape, 1);
    inmost = forward(rg_mul(rg_mul(x, y), z), z, one);
    middle = gradient(rg_mul(y, inmost), y);
    assert_exactly(forward(rg_mul(x, middle), x, one), 4 * 3 * 5);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* The curried example: a derivative of a function that returns functions. f(s)(g)(x) = g(x + s); d/ds at 0, applied twice
 * to exp, is the second derivative of exp, and not 0. */
static void derivatives_of_shifted_functions_add_up(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = number(tape, 1), s = number(tape, 0), t = number(tape, 0);
    rg_tensor y = rg_exp(rg_add(rg_add(x, s), t));
    assert_values(gradient(gradient(y, s), t), exp(1));
    rg_tensor one = number(tape, 1);
    assert_values(forward(forward(y, s, one), t, one), exp(1));
    assert_fine(tape);
    rg_tape_free(tape);
}

/* A direction that depends on the outer variable is differentiated with it. */
static void directions_are_variables_too(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), v = rg_square(x), y = rg_mul(rg_square(x), x);
    rg_tensor along = forward(y, x, v); /* 3 x^2 x^2 */
    assert_values(gradient(rg_sum(along), x), 12, 12 * 8);
    rg_tensor h = hessian_times(rg_sum(y), x, v); /* 6 x x^2 */
    assert_values(gradient(rg_sum(h), x), 18, 72);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- To any depth -------------------------------------------------------------------------------------- */

/* The derivatives of sin are sin, cos, -sin, -cos; forward and reverse take turns. */
static void derivatives_of_all_orders(void **state)
{
    (void)state;
    enum { ORDERS = 8 };
    rg_tape *tape = rg_tape_new();
    for (int ways = 0; ways < 3; ways++) {
        const double at = 0.7, want[] = { sin(at), cos(at), -sin(at), -cos(at) };
        rg_tensor x = number(tape, at), y = rg_sin(x), one = number(tape, 1);
        for (int order = 1; order <= ORDERS; order++) {
            y = ways == 2 || (ways == 1 && order % 2) ? forward(y, x, one) : gradient(y, x);
            assert_values(y, want[order % 4]);
        }
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* y_i = x_i^2 x_(1 - i): all third derivatives are known. */
static void a_jacobian_of_a_jacobian_of_a_jacobian(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 3, 5), swap = MATRIX(tape, 2, 2, 0, 1, 1, 0), y = rg_mul(rg_square(x), rg_matmul(swap, x));
    rg_tensor first = jacobian(y, x), second = jacobian(first, x), third = jacobian(second, x);
    assert_values(first, 2 * 3 * 5, 9, 25, 2 * 3 * 5);
    assert_shape(second, RG_SHAPE(2, 2, 2));
    assert_values(second, 10, 6, 6, 0, 0, 10, 10, 6);
    assert_shape(third, RG_SHAPE(2, 2, 2, 2));
    assert_values(third, 0, 2, 2, 0, 2, 0, 0, 0, 0, 0, 0, 2, 0, 2, 2, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_product_with_the_hessian_within_a_gradient(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0.5, -1), v = VECTOR(tape, 2, 3), y = rg_sum(rg_exp(rg_mul(x, x)));
    rg_tensor h = hessian_times(y, x, v), quadratic = rg_sum(rg_mul(h, v)); /* Σ v^2 (2 + 4 x^2) e^(x^2) */
    double value = 0, slope[2], at[] = { 0.5, -1 }, along[] = { 2, 3 };
    for (int i = 0; i < 2; i++) {
        const double a = at[i], e = exp(a * a), v2 = along[i] * along[i];
        value += v2 * (2 + 4 * a * a) * e;
        slope[i] = v2 * (12 * a + 8 * a * a * a) * e;
    }
    assert_values(quadratic, value);
    assert_numbers(gradient(quadratic, x), slope, 2, 1e-13);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- With vmap, in every order ------------------------------------------------------------------------- */

static rg_tensor energy(rg_tensor x)
{
    return rg_sum(rg_mul(rg_exp(x), rg_sum(rg_square(x))));
}

static rg_tensor row(rg_tensor batch, int64_t i, rg_shape shape)
{
    return rg_reshape(rg_slice(batch, 0, i, i + 1), shape);
}

static void assert_rows(rg_tensor all, int i, rg_tensor one)
{
    const int64_t n = rg_shape_count(rg_shape_of(one));
    for (int64_t k = 0; k < n; k++)
        if (!(fabs(element(all, i * n + k) - element(one, k)) < 1e-12 * fmax(1, fabs(element(one, k)))))
            fail_msg("row %d, element %d: %.17g, not %.17g", i, (int)k, element(all, i * n + k), element(one, k));
}

static void a_batch_of_hessians_and_of_jacobians(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++) {
        rg_tensor batch = MATRIX(tape, 3, 2, 0.1, 0.2, -0.3, 0.4, 0.5, 0.1 * step), x = rg_batch_member(batch), y = energy(x);
        rg_tensor v = VECTOR(tape, 1, -2);
        rg_tensor H = over(hessian(y, x), x, batch), J = over(jacobian(rg_mul(x, y), x), x, batch), h = over(hessian_times(y, x, v), x, batch);
        rg_tensor f = over(forward(y, x, v), x, batch);
        assert_shape(H, RG_SHAPE(3, 2, 2));
        for (int i = 0; i < 3; i++) {
            rg_tensor one = row(batch, i, RG_SHAPE(2)), z = energy(one);
            assert_rows(H, i, hessian(z, one));
            assert_rows(J, i, jacobian(rg_mul(one, z), one));
            assert_rows(h, i, hessian_times(z, one, v));
            assert_rows(f, i, forward(z, one, v));
        }
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* The Jacobian of a batch has the Jacobians of its members on its diagonal, and zeros beside it. */
static void a_jacobian_of_a_batch_is_block_diagonal(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor batch = MATRIX(tape, 3, 2, 0.1, 0.2, -0.3, 0.4, 0.5, 0.6), x = rg_batch_member(batch), y = energy(x);
    rg_tensor J = jacobian(over(y, x, batch), batch), g = over(gradient(y, x), x, batch);
    assert_shape(J, RG_SHAPE(3, 3, 2));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 2; k++) {
                const double want = i == j ? element(g, 2 * i + k) : 0;
                assert_true(fabs(element(J, (i * 3 + j) * 2 + k) - want) < 1e-13);
            }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* The gradient of the sum of squared norms of gradients by sample, against differences. */
static void a_gradient_through_gradients_by_sample(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    double at[] = { 0.3, -0.2 }, value[2], slope[2];
    for (int i = 0; i < 2; i++)
        for (int side = -1; side < 2; side++) {
            const double step = 1e-5;
            double moved[] = { at[0], at[1] };
            moved[i] += side * step;
            rg_tensor w = VECTOR(tape, moved[0], moved[1]), batch = MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), x = rg_batch_member(batch);
            rg_tensor loss = rg_square(rg_tanh(rg_sum(rg_mul(w, x)))), all = over(gradient(loss, w), x, batch), norms = rg_sum(rg_square(all));
            if (side == 0) slope[i] = element(gradient(norms, w), i);
            else value[side > 0] = rg_item(norms);
            rg_tape_reset(tape);
            if (side == 1) assert_true(fabs(slope[i] - (value[1] - value[0]) / (2 * step)) < 1e-6 * fmax(1, fabs(slope[i])));
        }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inner_derivative_does_not_see_the_outer_variable),
        cmocka_unit_test(the_inner_derivative_may_depend_on_the_outer_variable),
        cmocka_unit_test(three_levels_keep_their_variables_apart),
        cmocka_unit_test(derivatives_of_shifted_functions_add_up),
        cmocka_unit_test(directions_are_variables_too),
        cmocka_unit_test(derivatives_of_all_orders),
        cmocka_unit_test(a_jacobian_of_a_jacobian_of_a_jacobian),
        cmocka_unit_test(a_product_with_the_hessian_within_a_gradient),
        cmocka_unit_test(a_batch_of_hessians_and_of_jacobians),
        cmocka_unit_test(a_jacobian_of_a_batch_is_block_diagonal),
        cmocka_unit_test(a_gradient_through_gradients_by_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
