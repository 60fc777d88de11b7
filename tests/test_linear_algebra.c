/* test_linear_algebra.c: factorisations, equations and determinants are what they are called, with their derivatives, for
 * matrices of every size, in batches, and where there is no result. Skipped where there is no LAPACK. */
#include "tensors.h"

#include <dlfcn.h>

enum { LARGE = 150 };          /* so large that OpenBLAS would share it out among its threads */

static rg_tape *tape;

static int set_up(void **state)
{
    (void)state;
    tape = rg_tape_new();
    if (!rg_has_lapack()) print_message("skipped: there is no LAPACK here\n");
    return tape ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rg_tape_free(tape);
    return 0;
}

#define NEEDS_LAPACK                                                                                               \
    (void)state;                                                                                                   \
    rg_tape_reset(tape);                                                                                           \
    rg_tape_clear_error(tape);                                                                                     \
    if (!rg_has_lapack()) skip()

/* ---- Matrices --------------------------------------------------------------------------------------------------- */

/* Numbers in [-1, 1). */
static rg_tensor random_tensor(rg_shape shape, uint64_t stream)
{
    const int64_t count = rg_shape_count(shape);
    double *numbers = calloc((size_t)count + 1, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) numbers[i] = 2 * rg_random_uniform(5, stream, (uint64_t)i) - 1;
    rg_tensor t = rg_input(tape, RG_F64, shape, numbers);
    free(numbers);
    return t;
}

static rg_tensor identity(int64_t n)
{
    double *numbers = calloc((size_t)(n * n) + 1, sizeof *numbers);
    for (int64_t i = 0; i < n; i++) numbers[i * (n + 1)] = 1;
    rg_tensor t = rg_constant(tape, RG_F64, RG_SHAPE(n, n), numbers);
    free(numbers);
    return t;
}

/* x x' + 1, of matrices. */
static rg_tensor positive(rg_tensor x)
{
    const rg_shape shape = rg_shape_of(x);
    return rg_add(rg_matmul(x, rg_transpose(x)), identity(shape.size[shape.rank - 1]));
}

static double largest_difference(rg_tensor a, rg_tensor b)
{
    if (rg_failed(tape)) fail_msg("%s", rg_message(tape));
    if (!rg_shape_equal(rg_shape_of(a), rg_shape_of(b))) fail_msg("shapes differ");
    if (rg_shape_count(rg_shape_of(a)) == 0) return rg_data(a) || !rg_failed(tape) ? 0 : 1;
    const double worst = rg_item(rg_sqrt(rg_max(rg_square(rg_sub(a, b)))));
    assert_fine(tape);
    return worst;
}
#define assert_close(a, b, tolerance)                                                                              \
    do {                                                                                                           \
        const double worst_ = largest_difference(a, b);                                                            \
        if (!(worst_ <= (tolerance))) fail_msg("line %d: they differ by %g", __LINE__, worst_);                    \
    } while (0)

static rg_tensor as_f32(rg_tensor t)
{
    const rg_shape shape = rg_shape_of(t);
    const int64_t count = rg_shape_count(shape);
    const double *numbers = rg_data(t);
    float *narrow = calloc((size_t)count + 1, sizeof *narrow);
    for (int64_t i = 0; i < count; i++) narrow[i] = (float)numbers[i];
    rg_tensor copy = rg_input(tape, RG_F32, shape, narrow);
    free(narrow);
    return copy;
}

static const rg_shape square_shapes[] = {
    { 2, { 0, 0 } }, { 2, { 1, 1 } }, { 2, { 2, 2 } }, { 2, { 7, 7 } }, { 2, { LARGE, LARGE } }, { 3, { 3, 4, 4 } },
    { 4, { 2, 3, 5, 5 } }, { 3, { 0, 3, 3 } },
};

/* ---- Values ----------------------------------------------------------------------------------------------------- */

static void a_factor_times_its_transpose_is_the_matrix(void **state)
{
    NEEDS_LAPACK;
    for (size_t i = 0; i < COUNT(square_shapes); i++) {
        rg_tensor a = positive(random_tensor(square_shapes[i], i)), l = rg_cholesky(a);
        assert_close(rg_matmul(l, rg_transpose(l)), a, 1e-12);
        rg_tensor narrow = as_f32(a), factor = rg_cholesky(narrow);
        if (rg_shape_count(square_shapes[i]) == 0) continue;
        rg_tensor error = rg_max(rg_square(rg_sub(rg_matmul(factor, rg_transpose(factor)), narrow)));
        assert_true(sqrt(rg_item(error)) < 1e-4);
    }
    assert_exactly(rg_cholesky(MATRIX(tape, 2, 2, 4, 2, 2, 10)), 2, 0, 1, 3);
    assert_exactly(rg_cholesky(MATRIX(tape, 2, 2, 4, 1, 3, 10)), 2, 0, 1, 3); /* the mean of both triangles */
}

/* The triangle of a that is meant, written out. */
static rg_tensor meant(rg_tensor a, int how)
{
    const int64_t n = rg_shape_of(a).size[0];
    const double *numbers = rg_data(a);
    double *all = calloc((size_t)(n * n), sizeof *all);
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++) {
            const bool inside = how & RG_UPPER ? c > r : c < r;
            const double number = c != r ? inside ? numbers[r * n + c] : 0 : how & RG_UNIT_DIAGONAL ? 1 : numbers[r * n + c];
            *(how & RG_TRANSPOSED ? &all[c * n + r] : &all[r * n + c]) = number;
        }
    rg_tensor t = rg_input(tape, RG_F64, RG_SHAPE(n, n), all);
    free(all);
    return t;
}

static void triangular_systems_are_solved_in_all_ways(void **state)
{
    NEEDS_LAPACK;
    for (int how = 0; how < 8; how++) {
        rg_tensor a = rg_add(random_tensor(RG_SHAPE(6, 6), 1), rg_scale(identity(6), 3)), b = random_tensor(RG_SHAPE(6, 4), 2);
        rg_tensor v = random_tensor(RG_SHAPE(6), 3);
        assert_close(rg_matmul(meant(a, how), rg_triangular_solve(a, b, how)), b, 1e-12);
        assert_close(rg_matmul(meant(a, how), rg_triangular_solve(a, v, how)), v, 1e-12);
    }
    rg_tensor a = positive(random_tensor(RG_SHAPE(2, 6, 6), 1)), b = random_tensor(RG_SHAPE(2, 6, 3), 2);
    assert_close(rg_matmul(a, rg_cholesky_solve(rg_cholesky(a), b)), b, 1e-11);
    /* One vector for all: as many matrices as it has elements, so that half of the way it could be taken for a matrix. */
    rg_tensor each = positive(random_tensor(RG_SHAPE(3, 3, 3), 3)), one = random_tensor(RG_SHAPE(3), 4);
    rg_tensor x = rg_cholesky_solve(rg_cholesky(each), one);
    assert_shape(x, RG_SHAPE(3, 3));
    assert_close(rg_einsum("...ij,...j->...i", 2, (rg_tensor[]){ each, x }), rg_expand(one, RG_SHAPE(3, 3)), 1e-11);
}

/* What stands on the diagonal first would be no pivot. */
static rg_tensor awkward(rg_shape shape, uint64_t stream)
{
    const int64_t n = shape.size[shape.rank - 1];
    rg_tensor turned = n > 1 ? rg_concat(2, (rg_tensor[]){ rg_slice(identity(n), 0, 1, n), rg_slice(identity(n), 0, 0, 1) }, 0)
                             : identity(n);
    return rg_add(rg_scale(random_tensor(shape, stream), 0.3), rg_scale(turned, n > 50 ? 10 : 2));
}

static void solutions_fit_their_equations(void **state)
{
    NEEDS_LAPACK;
    for (size_t i = 0; i < COUNT(square_shapes); i++) {
        rg_shape sides = square_shapes[i];
        rg_tensor a = awkward(sides, i), b, one;
        b = random_tensor(sides, i + 20);
        assert_close(rg_matmul(a, rg_solve(a, b)), b, 1e-12);
        one = random_tensor(RG_SHAPE(sides.size[sides.rank - 1]), i + 40);
        rg_tensor x = rg_einsum("...ij,...j->...i", 2, (rg_tensor[]){ a, rg_solve(a, one) });
        assert_close(x, rg_expand(one, rg_shape_of(x)), 1e-12);
        rg_tensor unit = identity(sides.size[sides.rank - 1]), product = rg_matmul(a, rg_inverse(a));
        assert_close(product, rg_expand(unit, sides), 1e-12);
    }
    rg_tensor a = awkward(RG_SHAPE(4, 4), 1), batch = awkward(RG_SHAPE(3, 1, 4, 4), 2), b = random_tensor(RG_SHAPE(2, 4, 5), 3);
    assert_close(rg_matmul(a, rg_solve(a, b)), b, 1e-13);
    assert_close(rg_matmul(batch, rg_solve(batch, b)), rg_expand(b, RG_SHAPE(3, 2, 4, 5)), 1e-13);
}

static void determinants_are_what_they_are(void **state)
{
    NEEDS_LAPACK;
    rg_tensor sign;
    assert_values(rg_determinant(MATRIX(tape, 2, 2, 1, 2, 3, 4)), -2);
    assert_values(rg_determinant(MATRIX(tape, 3, 3, 0, 1, 0, 0, 0, 1, 1, 0, 0)), 1);
    assert_values(rg_determinant(MATRIX(tape, 3, 3, 0, 1, 0, 1, 0, 0, 0, 0, 2)), -2);
    assert_values(rg_determinant(random_tensor(RG_SHAPE(2, 0, 0), 1)), 1, 1);
    assert_values(rg_logdet(MATRIX(tape, 2, 2, 3, 1, 1, 3)), log(8));
    assert_values(rg_slogdet(MATRIX(tape, 2, 2, 1, 2, 3, 4), &sign), log(2));
    assert_exactly(sign, -1);
    assert_values(rg_slogdet(MATRIX(tape, 1, 1, -3), NULL), log(3));
    for (size_t i = 0; i < COUNT(square_shapes); i++) {
        const rg_shape shape = square_shapes[i];
        rg_tensor a = awkward(shape, i), b = awkward(shape, i + 9), ab = rg_matmul(a, b), sign_a, sign_b, sign_ab;
        rg_tensor sum = rg_add(rg_slogdet(a, &sign_a), rg_slogdet(b, &sign_b));
        assert_close(rg_slogdet(ab, &sign_ab), sum, 1e-9);
        assert_close(rg_mul(sign_a, sign_b), sign_ab, 0);
        if (shape.size[shape.rank - 1] < LARGE)
            assert_close(rg_mul(sign_a, rg_exp(rg_slogdet(a, NULL))), rg_determinant(a), 1e-10);
    }
    rg_tensor p = positive(random_tensor(RG_SHAPE(9, 9), 1)), l = rg_cholesky(p);
    const rg_tensor factor[] = { l };
    assert_close(rg_logdet(p), rg_scale(rg_sum(rg_log(rg_einsum("ii->i", 1, factor))), 2), 1e-12);
    assert_close(rg_slogdet(rg_scale(identity(400), 1e-3), &sign), rg_full(tape, RG_F64, RG_SCALAR, 400 * log(1e-3)), 1e-9);
    assert_exactly(sign, 1);
}

/* ---- Where there is no result ----------------------------------------------------------------------------------- */

static void assert_first_is_nan(rg_tensor t, rg_tensor second)
{
    const int64_t half = rg_shape_count(rg_shape_of(t)) / 2;
    const double *numbers = rg_data(t), *right = rg_data(second);
    if (!numbers || !right) fail_msg("%s", rg_message(tape));
    for (int64_t i = 0; i < half; i++) {
        assert_true(isnan(numbers[i]));
        assert_true(numbers[half + i] == right[i]);
    }
}

static void a_matrix_without_a_result_gives_nan_and_leaves_the_others_alone(void **state)
{
    NEEDS_LAPACK;
    rg_tensor fine = MATRIX(tape, 2, 2, 4, 2, 2, 10), b = MATRIX(tape, 2, 1, 1, 2);
    rg_tensor indefinite = rg_input(tape, RG_F64, RG_SHAPE(2, 2, 2), NUMBERS(1, 2, 2, 1, 4, 2, 2, 10));
    rg_tensor singular = rg_input(tape, RG_F64, RG_SHAPE(2, 2, 2), NUMBERS(1, 2, 2, 4, 4, 2, 2, 10));
    rg_tensor no_pivot = rg_input(tape, RG_F64, RG_SHAPE(2, 2, 2), NUMBERS(1, 0, 1, 0, 4, 2, 2, 10));
    assert_first_is_nan(rg_cholesky(indefinite), rg_cholesky(fine));
    assert_first_is_nan(rg_solve(singular, b), rg_solve(fine, b));
    assert_first_is_nan(rg_inverse(singular), rg_inverse(fine));
    assert_first_is_nan(rg_triangular_solve(no_pivot, b, RG_LOWER), rg_triangular_solve(fine, b, RG_LOWER));
    rg_tensor sign;
    assert_values(rg_determinant(singular), 0, 36);
    const double *log_of = rg_data(rg_slogdet(singular, &sign));
    assert_true(log_of[0] == -INFINITY && fabs(log_of[1] - log(36)) < 1e-12);
    assert_exactly(sign, 0, 1);
    const double *of_value = rg_data(rg_logdet(rg_input(tape, RG_F64, RG_SHAPE(2, 2, 2), NUMBERS(1, 2, 3, 4, 1, 2, 2, 4))));
    assert_true(isnan(of_value[0]) && of_value[1] == -INFINITY);
    assert_true(isnan(rg_item(rg_sum(rg_cholesky(MATRIX(tape, 1, 1, NAN))))));
    assert_true(isnan(rg_item(rg_determinant(MATRIX(tape, 2, 2, NAN, 1, 1, 2)))));
    assert_fine(tape);
}

/* ---- Derivatives ------------------------------------------------------------------------------------------------ */

static void gradients_have_their_closed_forms(void **state)
{
    NEEDS_LAPACK;
    rg_tensor a = awkward(RG_SHAPE(5, 5), 1), inverse = rg_inverse(a), transposed = rg_transpose(inverse);
    assert_close(gradient(rg_slogdet(a, NULL), a), transposed, 1e-12);
    assert_close(gradient(rg_determinant(a), a), rg_mul(rg_determinant(a), transposed), 1e-11);
    rg_tensor wide = rg_add(rg_scale(random_tensor(RG_SHAPE(LARGE, LARGE), 9), 0.01), identity(LARGE)), det = rg_determinant(wide);
    assert_close(gradient(det, wide), rg_mul(det, rg_transpose(rg_inverse(wide))), 1e-12);
    rg_tensor p = random_tensor(RG_SHAPE(3, 5, 5), 2), s = positive(p);
    assert_close(gradient(rg_sum(rg_logdet(s)), s), rg_inverse(s), 1e-12);
    /* tr(a b) of a = L L' is sum(L L' b'): b itself, made symmetric. */
    rg_tensor b = random_tensor(RG_SHAPE(3, 5, 5), 3), l = rg_cholesky(s);
    rg_tensor trace = rg_sum(rg_mul(rg_matmul(l, rg_transpose(l)), b)), slope = gradient(trace, s);
    assert_close(slope, rg_scale(rg_add(b, rg_transpose(b)), 0.5), 1e-11);
    assert_close(slope, rg_transpose(slope), 1e-12);
    const rg_shape large = RG_SHAPE(LARGE, LARGE); /* in blocks */
    s = positive(rg_scale(random_tensor(large, 2), 0.2));
    b = random_tensor(large, 3);
    l = rg_cholesky(s);
    slope = gradient(rg_sum(rg_mul(rg_matmul(l, rg_transpose(l)), b)), s);
    assert_close(slope, rg_scale(rg_add(b, rg_transpose(b)), 0.5), 1e-11);
    rg_tensor x = random_tensor(RG_SHAPE(5), 4);
    assert_close(gradient(rg_inner(rg_solve(a, x), x), x),
                 rg_matmul(rg_add(inverse, transposed), x), 1e-12);
}

/* T with T L' + L T' = w is what the factor L of a moves by as a moves by w: forwards, and with batches, blocks, and both. */
static void the_tangent_of_a_factor_fits_its_matrix(void **state)
{
    NEEDS_LAPACK;
    static const rg_shape shapes[] = { { 2, { 1, 1 } }, { 3, { 3, 5, 5 } }, { 2, { 33, 33 } }, { 2, { LARGE, LARGE } } };
    for (size_t i = 0; i < COUNT(shapes); i++) {
        rg_tensor a = positive(rg_scale(random_tensor(shapes[i], 2), 0.2)), w = random_tensor(shapes[i], 3), t;
        w = rg_add(w, rg_transpose(w));
        rg_tensor l = rg_cholesky(a);
        assert_int_equal(rg_jvp(l, &a, &w, 1, &t), RG_OK);
        rg_tensor product = rg_matmul(t, rg_transpose(l));
        assert_close(rg_add(product, rg_transpose(product)), w, 1e-11);
        assert_close(rg_triu(t, 1), rg_full(tape, RG_F64, shapes[i], 0), 0);
    }
}

/* A matrix that stands for many gets the sum of what they would get, in one product. */
static void a_matrix_for_many_sides_gets_the_sum(void **state)
{
    NEEDS_LAPACK;
    static const rg_shape matrices[] = { { 2, { 3, 3 } }, { 4, { 2, 1, 3, 3 } }, { 5, { 1, 4, 1, 3, 3 } } };
    const rg_shape sides = RG_SHAPE(2, 4, 5, 3, 2), all = RG_SHAPE(2, 4, 5, 3, 3);
    for (size_t i = 0; i < COUNT(matrices); i++)
        for (int how = 0; how < 3; how++) {
            rg_shape few = matrices[i];
            if (few.rank == 4) few.size[0] = 4; /* [4, 1] of [2, 4, 5] */
            rg_tensor a = awkward(few, i), b = random_tensor(sides, 7), each = rg_expand(a, all), x, y;
            a = how ? rg_add(a, rg_scale(identity(3), 4)) : a;
            each = rg_expand(a, all);
            x = how ? rg_triangular_solve(a, b, how) : rg_solve(a, b);
            y = how ? rg_triangular_solve(each, b, how) : rg_solve(each, b);
            assert_close(gradient(rg_sum(rg_square(x)), a), gradient(rg_sum(rg_square(y)), a), 1e-11);
        }
}

/* Of what is left without row r and column c; by the first row. */
static double minor_determinant(int n, const double *a, unsigned rows, unsigned columns)
{
    int row = 0, sign = 1;
    double sum = 0;
    while (row < n && !(rows >> row & 1u)) row++;
    if (row == n) return 1;
    for (int c = 0; c < n; c++) {
        if (!(columns >> c & 1u)) continue;
        sum += sign * a[row * n + c] * minor_determinant(n, a, rows & ~(1u << row), columns & ~(1u << c));
        sign = -sign;
    }
    return sum;
}

static rg_tensor cofactors_by_minors(int n, const double *a)
{
    const unsigned all = (1u << n) - 1;
    double numbers[64];
    for (int i = 0; i < n * n; i++)
        numbers[i] = ((i / n + i % n) % 2 ? -1 : 1) * minor_determinant(n, a, all & ~(1u << i / n), all & ~(1u << i % n));
    return rg_input(tape, RG_F64, RG_SHAPE(n, n), numbers);
}

/* Small whole numbers times such of rank `rank`: pivots that are exactly 0, wherever they come. */
static rg_tensor of_rank(int n, int rank, uint64_t stream)
{
    double left[64] = { 0 }, right[64] = { 0 };
    for (int i = 0; i < n * rank; i++) {
        left[i] = floor(5 * rg_random_uniform(6, stream, (uint64_t)i)) - 2;
        right[i] = floor(5 * rg_random_uniform(7, stream, (uint64_t)i)) - 2;
    }
    return rg_matmul(rg_input(tape, RG_F64, RG_SHAPE(n, rank), left), rg_input(tape, RG_F64, RG_SHAPE(rank, n), right));
}

static void determinants_have_gradients_where_they_are_0(void **state)
{
    NEEDS_LAPACK;
    rg_tensor a = MATRIX(tape, 2, 2, 1, 2, 2, 4);
    assert_exactly(gradient(rg_determinant(a), a), 4, -2, -2, 1);
    a = MATRIX(tape, 2, 2, 0, 1, 0, 0);
    assert_exactly(gradient(rg_determinant(a), a), 0, 0, -1, 0);
    a = MATRIX(tape, 1, 1, 0);
    assert_exactly(gradient(rg_determinant(a), a), 1);
    a = MATRIX(tape, 3, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0); /* no pivot in the first column */
    assert_exactly(gradient(rg_determinant(a), a), 0, 0, 0, 0, 0, 0, 1, 0, 0);
    a = rg_full(tape, RG_F64, RG_SHAPE(3, 3), 2);
    assert_exactly(gradient(rg_determinant(a), a), 0, 0, 0, 0, 0, 0, 0, 0, 0);
    a = MATRIX(tape, 2, 2, 1e-200, 0, 0, 3e-200); /* whose determinant is too small for a number */
    assert_values(rg_scale(gradient(rg_determinant(a), a), 1e200), 3, 0, 0, 1);
    a = rg_input(tape, RG_F64, RG_SHAPE(3, 2, 2), NUMBERS(1, 2, 2, 4, 0, 0, 0, 0, 1, 2, 3, 4));
    assert_values(gradient(rg_sum(rg_determinant(a)), a), 4, -2, -2, 1, 0, 0, 0, 0, 4, -3, -2, 1);
    a = rg_input(tape, RG_F32, RG_SHAPE(3, 3), (float[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9 });
    assert_true(fabs(element(gradient(rg_determinant(a), a), 4) + 12) < 1e-4);
    a = MATRIX(tape, 2, 2, 0, 0, NAN, 1);
    assert_true(isnan(element(gradient(rg_determinant(a), a), 1)));
    for (int n = 1; n <= 6; n++)
        for (int rank = n > 3 ? n - 3 : 0; rank <= n; rank++)
            for (uint64_t stream = 0; stream < 40; stream++) {
                rg_tape_reset(tape);
                a = of_rank(n, rank, stream);
                rg_tensor expected = cofactors_by_minors(n, rg_data(a)), size = rg_shift(rg_max(rg_abs(expected)), 1);
                assert_close(rg_div(gradient(rg_determinant(a), a), size), rg_div(expected, size), 1e-11);
            }
}

static rg_tensor determinants(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)t, (void)n, (void)context;
    return rg_determinant(in[0]);
}

/* As differences have it: they are between regular matrices. */
static void gradients_at_singular_matrices_agree_with_differences(void **state)
{
    NEEDS_LAPACK;
    for (int n = 2; n <= 5; n++)
        for (uint64_t stream = 0; stream < 10; stream++) {
            rg_tape_reset(tape);
            rg_tensor two[] = { of_rank(n, n - 1, stream), rg_add(of_rank(n, n, stream), identity(n)) };
            rg_tensor pair = rg_stack(2, two, 0);
            const rg_gradcheck_input in = { .shape = RG_SHAPE(2, n, n), .values = rg_data(pair) };
            const rg_gradcheck_options options = { .first_order_only = true, .seeds = 1 };
            rg_gradcheck_result result;
            assert_fine(tape);
            rg_gradcheck(determinants, NULL, 1, &in, &options, &result);
            if (result.verdict != RG_CHECK_OK) fail_msg("n = %d: %s", n, result.message);
            assert_true(result.oracles >> RG_ORACLE_DIFFERENCES & 1u);
        }
}

/* The log marginal likelihood of a Gaussian process, and what else meets in practice. */
static rg_tensor likelihood(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context, (void)t;
    rg_tensor k = rg_add(rg_matmul(in[0], rg_transpose(in[0])), in[2]), l = rg_cholesky(k);
    rg_tensor fit = rg_inner(in[1], rg_cholesky_solve(l, in[1]));
    const rg_tensor factor[] = { l };
    return rg_add(fit, rg_sum(rg_log(rg_einsum("ii->i", 1, factor))));
}

static rg_tensor mixed(rg_tape *t, const rg_tensor *in, int n, void *context)
{
    (void)n, (void)context, (void)t;
    rg_tensor a = rg_add(in[0], in[2]), x = rg_solve(a, in[1]);
    return rg_add(rg_mul(rg_determinant(a), rg_inner(x, in[1])), rg_logdet(rg_matmul(a, rg_transpose(a))));
}

static void derivatives_are_right_to_second_order(void **state)
{
    NEEDS_LAPACK;
    const double matrix[] = { 0.7, -0.3, 0.4, 0.9, -0.6, 1.1, 0.3, -0.9, 0.2 }, vector[] = { 0.4, -1.1, 0.8 };
    const double shift[] = { 2, 0.1, 0.3, 0.1, 3, -0.2, 0.3, -0.2, 2.5 };
    const rg_gradcheck_input in[] = { { .shape = RG_SHAPE(3, 3), .values = matrix },
                                      { .shape = RG_SHAPE(3), .values = vector },
                                      { .shape = RG_SHAPE(3, 3), .values = shift } };
    rg_function *const functions[] = { likelihood, mixed };
    for (size_t i = 0; i < COUNT(functions); i++) {
        rg_gradcheck_result result;
        rg_gradcheck(functions[i], NULL, 3, in, NULL, &result);
        if (result.verdict != RG_CHECK_OK) fail_msg("function %zu: %s", i, result.message);
    }
}

/* ---- The same bits ---------------------------------------------------------------------------------------------- */

enum { RESULTS = 7 };

static void record_all(rg_tape *t, const double *numbers, rg_tensor *results)
{
    rg_tensor a = rg_input(t, RG_F64, RG_SHAPE(3, LARGE, LARGE), numbers);
    rg_tensor b = rg_slice(a, 2, 0, 20), p = rg_matmul(a, rg_transpose(a)), l = rg_cholesky(p), x = rg_solve(a, b);
    results[0] = l;
    results[1] = x;
    results[2] = rg_inverse(a);
    results[3] = rg_slogdet(a, NULL);
    results[4] = rg_cholesky_solve(l, b);
    rg_grad(rg_add(rg_sum(x), rg_sum(rg_square(l))), &a, 1, &results[5]);
    rg_grad(rg_sum(results[3]), &a, 1, &results[6]);
}

static void bits_depend_on_neither_threads_nor_plans(void **state)
{
    NEEDS_LAPACK;
    static const int threads[] = { 1, 2, 3, 4, 7 };
    const double *numbers = rg_data(rg_add(random_tensor(RG_SHAPE(3, LARGE, LARGE), 1), rg_scale(identity(LARGE), 9)));
    rg_tape *eager = rg_tape_new_with((rg_tape_options){ .eager = true, .threads = 1 });
    rg_tensor expected[RESULTS], found[RESULTS];
    record_all(eager, numbers, expected);
    assert_int_equal(rg_eval(RESULTS, expected), RG_OK);
    for (size_t i = 0; i < COUNT(threads); i++) {
        rg_tape *planned = rg_tape_new_with((rg_tape_options){ .threads = threads[i] });
        for (int round = 0; round < 3; round++) {
            rg_tape_reset(planned);
            record_all(planned, numbers, found);
            if (rg_eval(RESULTS, found)) fail_msg("%s", rg_message(planned));
            for (int r = 0; r < RESULTS; r++) {
                const size_t bytes = (size_t)rg_shape_count(rg_shape_of(found[r])) * sizeof(double);
                assert_memory_equal(rg_data(found[r]), rg_data(expected[r]), bytes);
            }
        }
        rg_tape_free(planned);
    }
    rg_tape_free(eager);
}

/* The program may itself use OpenBLAS, with as many threads as it likes. */
static void threads_of_openblas_make_no_difference_and_stay_as_they_were(void **state)
{
    NEEDS_LAPACK;
    enum { SIZE = 300 };
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    void (*set)(int) = NULL;
    int (*get)(void) = NULL;
    void *symbols[] = { library ? dlsym(library, "openblas_set_num_threads") : NULL,
                        library ? dlsym(library, "openblas_get_num_threads") : NULL };
    if (!symbols[0] || !symbols[1]) skip();
    memcpy(&set, &symbols[0], sizeof set);
    memcpy(&get, &symbols[1], sizeof get);
    const double *one = NULL;
    for (int threads = 1; threads <= 2; threads++) {
        rg_tensor a = positive(random_tensor(RG_SHAPE(SIZE, SIZE), 1)), l = rg_cholesky(a);
        set(threads);
        const double *found = rg_data(rg_concat(2, (rg_tensor[]){ l, rg_inverse(a) }, 0));
        assert_fine(tape);
        assert_int_equal(get(), threads);
        if (threads == 1) one = found;
        else assert_memory_equal(found, one, 2 * SIZE * SIZE * sizeof *one);
    }
    dlclose(library);
}

/* ---- Misuse ----------------------------------------------------------------------------------------------------- */

static void assert_refused_at(int line, rg_tensor y, rg_status status, const char *begins, const char *holds)
{
    char expected[160];
    snprintf(expected, sizeof expected, "test_linear_algebra.c:%d: %s", line, begins);
    if (!rg_is_null(y) || rg_tape_status(tape) != status || strncmp(rg_message(tape), expected, strlen(expected)) != 0 ||
        !strstr(rg_message(tape), holds))
        fail_msg("not %s \"%s ... %s\" but %s: %s", rg_status_name(status), expected, holds,
                 rg_status_name(rg_tape_status(tape)), rg_message(tape));
    rg_tape_clear_error(tape);
    assert_values(rg_sum(VECTOR(tape, 1, 2)), 3);
}
#define REFUSED(call, ...) assert_refused_at(__LINE__, call, __VA_ARGS__)

typedef struct {
    const char *name;
    rg_tensor (*record)(const char *site, rg_tensor a);
} of_one;
typedef struct {
    const char *name;
    rg_tensor (*record)(const char *site, rg_tensor a, rg_tensor b);
} of_two;

static rg_tensor slogdet_at(const char *site, rg_tensor a)
{
    return rg_slogdet_at(site, a, NULL);
}

static rg_tensor triangular_solve_at(const char *site, rg_tensor a, rg_tensor b)
{
    return rg_triangular_solve_at(site, a, b, RG_UPPER);
}

static const of_one ones[] = { { "cholesky: ", rg_cholesky_at },       { "inverse: ", rg_inverse_at },
                               { "determinant: ", rg_determinant_at }, { "logdet: ", rg_logdet_at },
                               { "log_abs_determinant: ", slogdet_at } };
static const of_two twos[] = { { "solve: ", rg_solve_at },
                               { "triangular_solve: ", triangular_solve_at },
                               { "triangular_solve: ", rg_cholesky_solve_at } };

static void unfit_operands_are_refused(void **state)
{
    NEEDS_LAPACK;
    rg_tape *elsewhere = rg_tape_new();
    rg_tensor old = MATRIX(tape, 1, 1, 1), null = { 0 };
    rg_tape_reset(tape);
    rg_tensor v = rg_name(VECTOR(tape, 1, 2), "v"), wide = rg_name(MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), "wide");
    rg_tensor a = rg_name(MATRIX(tape, 2, 2, 1, 2, 3, 4), "a"), foreign = MATRIX(elsewhere, 2, 2, 1, 2, 3, 4);
    rg_tensor whole = rg_name(rg_input(tape, RG_I32, RG_SHAPE(1, 1), (int32_t[]){ 1 }), "whole");
    rg_tensor narrow = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2, 1), (float[]){ 1, 2 }), "narrow");
    rg_tensor tall = rg_name(MATRIX(tape, 3, 1, 1, 2, 3), "tall"), three = rg_name(VECTOR(tape, 1, 2, 3), "three");
    for (size_t i = 0; i < COUNT(ones); i++) {
        REFUSED(ones[i].record(RG_SITE, wide), RG_E_SHAPE, ones[i].name, "the matrix is not square: wide f64[2,3]");
        REFUSED(ones[i].record(RG_SITE, v), RG_E_SHAPE, ones[i].name, "takes matrices: v f64[2]");
        REFUSED(ones[i].record(RG_SITE, whole), RG_E_DTYPE, ones[i].name, "takes f32 or f64: whole i32[1,1]");
        REFUSED(ones[i].record(RG_SITE, old), RG_E_TAPE, ones[i].name, "from before rg_tape_reset");
        assert_true(rg_is_null(ones[i].record(RG_SITE, null)));
    }
    for (size_t i = 0; i < COUNT(twos); i++) {
        const char *name = twos[i].name;
        const char *wide_v = "the vector's size is not the matrix's: wide f64[2,3] · v f64[2]"; /* a call is on one line: */
        const char *a_three = "the vector's size is not the matrix's: a f64[2,2] · three f64[3]"; /* compilers differ on */
        const char *a_tall = "as many rows on the right as in the matrix are needed: a f64[2,2]"; /* which it is of two */
        REFUSED(twos[i].record(RG_SITE, wide, v), RG_E_SHAPE, name, wide_v);
        REFUSED(twos[i].record(RG_SITE, wide, a), RG_E_SHAPE, name, "the matrix is not square: wide f64[2,3] · a f64[2,2]");
        REFUSED(twos[i].record(RG_SITE, v, v), RG_E_SHAPE, name, "takes matrices: v f64[2] · v f64[2]");
        REFUSED(twos[i].record(RG_SITE, a, three), RG_E_SHAPE, name, a_three);
        REFUSED(twos[i].record(RG_SITE, a, tall), RG_E_SHAPE, name, a_tall);
        REFUSED(twos[i].record(RG_SITE, a, narrow), RG_E_DTYPE, name, "dtypes differ: a f64[2,2] · narrow f32[2,1]");
        REFUSED(twos[i].record(RG_SITE, a, null), RG_E_NULL, name, "operand 2 is the null tensor");
        REFUSED(twos[i].record(RG_SITE, a, old), RG_E_TAPE, name, "operand 2 is a tensor from before rg_tape_reset");
        REFUSED(twos[i].record(RG_SITE, a, foreign), RG_E_TAPE, name, "operand 2 is on another tape");
    }
    REFUSED(rg_triangular_solve(a, a, 8), RG_E_ARGUMENT, "triangular_solve: ", "an unknown way to read the matrix: 8");
    REFUSED(rg_triangular_solve(a, a, -1), RG_E_ARGUMENT, "triangular_solve: ", "an unknown way to read the matrix: -1");
    REFUSED(rg_inner(a, v), RG_E_SHAPE, "inner: ", "takes two vectors: a f64[2,2] · v f64[2]");
    REFUSED(rg_inner(v, three), RG_E_SHAPE, "inner: ", "the sizes differ: v f64[2] · three f64[3]");
    REFUSED(rg_outer(v, a), RG_E_SHAPE, "outer: ", "takes two vectors: v f64[2] · a f64[2,2]");
    REFUSED(rg_outer(v, null), RG_E_NULL, "outer: ", "operand 2 is the null tensor");
    rg_tape_free(elsewhere);
}

static void without_lapack_these_are_refused_and_products_are_not(void **state)
{
    (void)state;
    rg_tape_reset(tape);
    rg_tensor a = rg_name(MATRIX(tape, 2, 2, 4, 2, 2, 10), "a");
    const char *no_lapack = "there is no LAPACK here (Debian package liblapack3)";
    setenv("RG_LAPACK", "none", 1);
    assert_false(rg_has_lapack());
    for (size_t i = 0; i < COUNT(ones); i++)
        REFUSED(ones[i].record(RG_SITE, a), RG_E_UNSUPPORTED, ones[i].name, no_lapack);
    for (size_t i = 0; i < COUNT(twos); i++)
        REFUSED(twos[i].record(RG_SITE, a, a), RG_E_UNSUPPORTED, twos[i].name, no_lapack);
    assert_exactly(rg_matmul(a, a), 20, 28, 28, 104);
    assert_exactly(rg_inner(VECTOR(tape, 1, 2), VECTOR(tape, 3, 4)), 11);
    assert_exactly(rg_outer(VECTOR(tape, 1, 2), VECTOR(tape, 3, 4, 5)), 3, 4, 5, 6, 8, 10);
    unsetenv("RG_LAPACK");
    if (!rg_has_lapack()) skip();
    assert_exactly(rg_cholesky(a), 2, 0, 1, 3);
    rg_tensor later = rg_cholesky(rg_neg(rg_neg(a)));
    setenv("RG_LAPACK", "none", 1); /* and gone before it is needed */
    assert_true(isnan(rg_item(rg_sum(later))));
    unsetenv("RG_LAPACK");
    assert_fine(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_factor_times_its_transpose_is_the_matrix),
        cmocka_unit_test(triangular_systems_are_solved_in_all_ways),
        cmocka_unit_test(solutions_fit_their_equations),
        cmocka_unit_test(determinants_are_what_they_are),
        cmocka_unit_test(a_matrix_without_a_result_gives_nan_and_leaves_the_others_alone),
        cmocka_unit_test(gradients_have_their_closed_forms),
        cmocka_unit_test(the_tangent_of_a_factor_fits_its_matrix),
        cmocka_unit_test(a_matrix_for_many_sides_gets_the_sum),
        cmocka_unit_test(determinants_have_gradients_where_they_are_0),
        cmocka_unit_test(gradients_at_singular_matrices_agree_with_differences),
        cmocka_unit_test(derivatives_are_right_to_second_order),
        cmocka_unit_test(bits_depend_on_neither_threads_nor_plans),
        cmocka_unit_test(threads_of_openblas_make_no_difference_and_stay_as_they_were),
        cmocka_unit_test(unfit_operands_are_refused),
        cmocka_unit_test(without_lapack_these_are_refused_and_products_are_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
