/* test_jacobian.c: products with Jacobians and Hessians and whole ones have the right numbers, and cost what the header
 * says they do. */
#include "tensors.h"

static double random_number(uint64_t stream, int64_t i)
{
    return rg_random_uniform(11, stream, (uint64_t)i) * 2 - 1;
}

static rg_tensor input(rg_tape *tape, rg_shape shape, uint64_t stream)
{
    static double all[1 << 16];
    const int64_t n = rg_shape_count(shape);
    for (int64_t i = 0; i < n; i++) all[i] = random_number(stream, i);
    return rg_input(tape, RG_F64, shape, all);
}

static void assert_same(rg_tensor a, rg_tensor b)
{
    const int64_t n = rg_shape_count(rg_shape_of(a));
    assert_true(rg_shape_equal(rg_shape_of(a), rg_shape_of(b)));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(element(a, i) - element(b, i)) <= 1e-12 * fmax(1, fabs(element(b, i)))))
            fail_msg("element %d is %.17g, not %.17g", (int)i, element(a, i), element(b, i));
}

/* ---- Products ------------------------------------------------------------------------------------------ */

static void jvp_is_the_derivative_along_a_direction(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++) {
        rg_tensor x = VECTOR(tape, 0.5, -1, 2), z = rg_scalar(tape, RG_F64, 3), v = VECTOR(tape, 1, 10, 100), w = rg_scalar(tape, RG_F64, 7);
        rg_tensor y = rg_mul(rg_mul(rg_tanh(x), rg_sum(x)), z), wrt[] = { x, z }, along[] = { v, w }, out;
        assert_int_equal(rg_jvp(y, wrt, along, 2, &out), RG_OK);
        double want[3];
        for (int i = 0; i < 3; i++) {
            const double t = tanh(element(x, i));
            want[i] = 3 * ((1 - t * t) * element(v, i) * 1.5 + t * 111) + 7 * t * 1.5;
        }
        assert_numbers(out, want, 3, 1e-13);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void several_outputs_are_pushed_and_pulled_at_once(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), a = rg_square(x), b = rg_sum(rg_mul(a, x)), y[] = { a, b, x }, v = VECTOR(tape, 10, 1), out[3];
    assert_int_equal(rg_jvp_many(y, 3, &x, &v, 1, out), RG_OK);
    assert_values(out[0], 20, 4);
    assert_values(out[1], 3 * 10 + 12 * 1);
    assert_values(out[2], 10, 1);
    rg_tensor seeds[] = { VECTOR(tape, 1, -1), rg_scalar(tape, RG_F64, 2), VECTOR(tape, 100, 200) }, pulled;
    assert_int_equal(rg_vjp_many(y, seeds, 3, &x, 1, &pulled), RG_OK);
    assert_values(pulled, 2 + 6 + 100, -4 + 24 + 200);
    rg_tensor twice[] = { a, a }, both[] = { seeds[0], seeds[0] };
    assert_int_equal(rg_vjp_many(twice, both, 2, &x, 1, &pulled), RG_OK);
    assert_values(pulled, 4, -8);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void what_does_not_depend_has_a_derivative_of_zero(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), apart = rg_exp(VECTOR(tape, 3, 4, 5)), v = VECTOR(tape, 1, 1), out, c = VECTOR(tape, 3, 4);
    rg_tensor held = rg_mul(rg_stop_gradient(x), c);
    assert_int_equal(rg_jvp(apart, &x, &v, 1, &out), RG_OK);
    assert_exactly(out, 0, 0, 0);
    assert_int_equal(rg_jvp(held, &x, &v, 1, &out), RG_OK);
    assert_exactly(out, 0, 0);
    assert_int_equal(rg_jacobian(held, &x, 1, &out), RG_OK);
    assert_exactly(out, 0, 0, 0, 0);
    assert_int_equal(rg_jacobian(held, &c, 1, &out), RG_OK);
    assert_exactly(out, 1, 0, 0, 2);
    rg_tensor y = rg_sum(rg_mul(x, c));
    assert_int_equal(rg_hessian(y, &x, 1, &out), RG_OK);
    assert_exactly(out, 0, 0, 0, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void hvp_is_the_hessian_times_a_vector(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++) {
        rg_tensor x = input(tape, RG_SHAPE(4), 1), z = input(tape, RG_SHAPE(2, 3), 2), wrt[] = { x, z };
        rg_tensor v[] = { input(tape, RG_SHAPE(4), 3), input(tape, RG_SHAPE(2, 3), 4) }, h[2], whole[4];
        rg_tensor y = rg_mul(rg_sum(rg_exp(rg_mul(x, rg_sum(rg_square(z))))), rg_sum(rg_sin(z)));
        assert_int_equal(rg_hvp(y, wrt, v, 2, h), RG_OK);
        assert_int_equal(rg_hessian(y, wrt, 2, whole), RG_OK);
        assert_shape(whole[1], RG_SHAPE(4, 2, 3));
        assert_shape(whole[2], RG_SHAPE(2, 3, 4));
        const int count[] = { 4, 6 };
        for (int i = 0; i < 2; i++)
            for (int r = 0; r < count[i]; r++) {
                double want = 0;
                for (int j = 0; j < 2; j++)
                    for (int c = 0; c < count[j]; c++) want += element(whole[2 * i + j], r * count[j] + c) * element(v[j], c);
                assert_true(fabs(element(h[i], r) - want) < 1e-12);
            }
        for (int r = 0; r < 4; r++) /* a Hessian is its own transpose */
            for (int c = 0; c < 6; c++) assert_true(fabs(element(whole[1], 6 * r + c) - element(whole[2], 4 * c + r)) < 1e-13);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Whole Jacobians ----------------------------------------------------------------------------------- */

static void a_jacobian_has_the_shape_of_y_and_then_of_x(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int wide = 0; wide < 2; wide++) { /* by rows, by columns */
        const int64_t m = wide ? 3 : 2, n = wide ? 2 : 5;
        rg_tensor x = input(tape, RG_SHAPE(n, 1), 1), a = input(tape, RG_SHAPE(2, m, n), 2), y = rg_tanh(rg_matmul(a, x)), J;
        assert_int_equal(rg_jacobian(y, &x, 1, &J), RG_OK);
        assert_shape(J, RG_SHAPE(2, m, 1, n, 1));
        for (int64_t i = 0; i < 2 * m; i++)
            for (int64_t j = 0; j < n; j++) {
                const double t = element(y, i), want = (1 - t * t) * element(a, i * n + j);
                assert_true(fabs(element(J, i * n + j) - want) < 1e-14);
            }
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void rows_and_columns_agree(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = input(tape, RG_SHAPE(3), 1), z = input(tape, RG_SHAPE(2), 2), y = rg_mul(rg_sin(rg_mul(x, rg_sum(rg_square(z)))), x);
    rg_tensor wrt[] = { x, z }, together[2], apart[2];
    assert_int_equal(rg_jacobian(y, wrt, 2, together), RG_OK); /* 3 rows, not 5 columns */
    assert_int_equal(rg_jacobian(y, &x, 1, &apart[0]), RG_OK);
    assert_int_equal(rg_jacobian(y, &z, 1, &apart[1]), RG_OK); /* 2 columns, not 3 rows */
    for (int i = 0; i < 2; i++) assert_same(together[i], apart[i]);
    rg_tensor single = rg_sum(y), row, slope = gradient(single, x);
    assert_int_equal(rg_jacobian(single, &x, 1, &row), RG_OK);
    assert_same(row, slope);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void single_precision_has_jacobians_too(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    const float at[] = { 1, 2, 3 };
    rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(3), at), J, H;
    assert_int_equal(rg_jacobian(rg_square(x), &x, 1, &J), RG_OK);
    assert_exactly(J, 2, 0, 0, 0, 4, 0, 0, 0, 6);
    rg_tensor y = rg_sum(rg_mul(rg_square(x), x));
    assert_int_equal(rg_hessian(y, &x, 1, &H), RG_OK);
    assert_exactly(H, 6, 0, 0, 0, 12, 0, 0, 0, 18);
    rg_tensor none = rg_input(tape, RG_F32, RG_SHAPE(0), NULL);
    assert_int_equal(rg_jacobian(rg_square(none), &none, 1, &J), RG_OK);
    assert_shape(J, RG_SHAPE(0, 0));
    assert_non_null(rg_data(J));
    assert_fine(tape);
    rg_tape_free(tape);
}

/* Under rg_no_grad, what comes out is a constant, and has the same numbers. */
static void transforms_work_where_nothing_needs_a_gradient(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), v = VECTOR(tape, 1, 1), y = rg_mul(rg_square(x), x), s = rg_sum(y), out, wide = rg_expand(y, RG_SHAPE(2, 2));
    rg_no_grad(tape, true);
    rg_jvp(y, &x, &v, 1, &out);
    assert_values(out, 3, 12);
    assert_exactly(gradient(rg_sum(out), x), 0, 0);
    rg_hvp(s, &x, &v, 1, &out);
    assert_values(out, 6, 12);
    rg_hessian(s, &x, 1, &out);
    assert_values(out, 6, 0, 0, 12);
    rg_jacobian(y, &x, 1, &out);
    assert_values(out, 3, 0, 0, 12);
    rg_jacobian(wide, &x, 1, &out);
    assert_values(out, 3, 0, 0, 12, 3, 0, 0, 12);
    assert_true(rg_no_grad(tape, false));
    assert_exactly(gradient(rg_sum(out), x), 0, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- What it costs ------------------------------------------------------------------------------------- */

/* The operations on numbers of the plan that computes these, in products of matrices and in all. */
typedef struct {
    double all, products;
    size_t steps;
} cost;

static cost cost_of(int n, const rg_tensor *out)
{
    rg_profile profile;
    cost c = { 0, 0, 0 };
    rg_program *program = rg_compile(0, NULL, n, out);
    if (!program) fail_msg("%s", rg_message(out[0].tape));
    assert_int_equal(rg_program_profile(program, 1, &profile), RG_OK);
    for (size_t i = 0; i < profile.count; i++) {
        c.all += profile.steps[i].operations;
        if (strncmp(profile.steps[i].what, "matmul", 6) == 0 && profile.steps[i].ops == 1) c.products += profile.steps[i].operations;
    }
    c.steps = profile.count;
    rg_program_free(program);
    return c;
}

/* A network of three layers, from `inputs` numbers to `outputs`. */
static rg_tensor network(rg_tape *tape, rg_tensor x, int64_t inputs, int64_t hidden, int64_t outputs)
{
    rg_tensor h = rg_tanh(rg_matmul(x, input(tape, RG_SHAPE(inputs, hidden), 1)));
    h = rg_sigmoid(rg_matmul(h, input(tape, RG_SHAPE(hidden, hidden), 2)));
    return rg_matmul(h, input(tape, RG_SHAPE(hidden, outputs), 3));
}

/* Forward mode by hand computes each product once for the value and once for the tangent, whatever the sizes. */
static void jvp_costs_what_forward_mode_costs(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .profiles = true });
    const int64_t sizes[][2] = { { 1, 50 }, { 50, 1 }, { 30, 30 } };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const int64_t in = sizes[i][0], out = sizes[i][1];
        rg_tensor x = input(tape, RG_SHAPE(1, in), 4), v = input(tape, RG_SHAPE(1, in), 5), y = network(tape, x, in, 20, out), both[2] = { y };
        assert_int_equal(rg_jvp(y, &x, &v, 1, &both[1]), RG_OK);
        const cost value = cost_of(1, both), with_tangent = cost_of(2, both);
        assert_true(value.products == 2.0 * (double)(in * 20 + 20 * 20 + 20 * out));
        assert_true(with_tangent.products == 2 * value.products);
        assert_true(with_tangent.all <= 3 * value.all);
        assert_true(with_tangent.steps <= 3 * value.steps);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* As many numbers come out as there are elements: their number is no factor. */
static void jvp_of_a_long_chain_costs_a_small_multiple_of_it(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .profiles = true });
    rg_tensor x = input(tape, RG_SHAPE(50), 1), v = input(tape, RG_SHAPE(50), 2), y = x, both[2];
    for (int i = 0; i < 40; i++) y = i % 2 ? rg_sin(rg_mul(y, x)) : rg_tanh(rg_add(y, x));
    both[0] = y;
    assert_int_equal(rg_jvp(y, &x, &v, 1, &both[1]), RG_OK);
    const cost value = cost_of(1, both), with_tangent = cost_of(2, both);
    assert_true(value.all == 80 * 50);
    assert_true(with_tangent.all <= 4 * value.all);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void hvp_costs_a_small_multiple_of_the_function(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .profiles = true });
    const int64_t hidden[] = { 10, 40 };
    for (size_t i = 0; i < COUNT(hidden); i++) {
        rg_tensor x = input(tape, RG_SHAPE(1, 30), 4), v = input(tape, RG_SHAPE(1, 30), 5);
        rg_tensor y = rg_sum(rg_square(network(tape, x, 30, hidden[i], 20))), h;
        assert_int_equal(rg_hvp(y, &x, &v, 1, &h), RG_OK);
        assert_true(cost_of(1, &h).products <= 4 * cost_of(1, &y).products);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* A Jacobian is no loop: its steps do not become more with its rows. */
static void a_jacobian_takes_as_many_steps_whatever_its_size(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .profiles = true });
    size_t steps[2][2];
    for (int big = 0; big < 2; big++)
        for (int columns = 0; columns < 2; columns++) {
            const int64_t few = big ? 20 : 4, many = 2 * few;
            rg_tensor x = input(tape, RG_SHAPE(1, columns ? few : many), 1), y, J;
            y = network(tape, x, columns ? few : many, 8, columns ? many : few);
            assert_int_equal(rg_jacobian(y, &x, 1, &J), RG_OK);
            steps[big][columns] = cost_of(1, &J).steps;
            rg_tape_reset(tape);
        }
    for (int columns = 0; columns < 2; columns++) assert_int_equal(steps[0][columns], steps[1][columns]);
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jvp_is_the_derivative_along_a_direction),
        cmocka_unit_test(several_outputs_are_pushed_and_pulled_at_once),
        cmocka_unit_test(what_does_not_depend_has_a_derivative_of_zero),
        cmocka_unit_test(hvp_is_the_hessian_times_a_vector),
        cmocka_unit_test(a_jacobian_has_the_shape_of_y_and_then_of_x),
        cmocka_unit_test(rows_and_columns_agree),
        cmocka_unit_test(single_precision_has_jacobians_too),
        cmocka_unit_test(transforms_work_where_nothing_needs_a_gradient),
        cmocka_unit_test(jvp_costs_what_forward_mode_costs),
        cmocka_unit_test(jvp_of_a_long_chain_costs_a_small_multiple_of_it),
        cmocka_unit_test(hvp_costs_a_small_multiple_of_the_function),
        cmocka_unit_test(a_jacobian_takes_as_many_steps_whatever_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
