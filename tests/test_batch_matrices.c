/* test_batch_matrices.c: ops on matrices give for a batch what they give for each member, whichever of their operands have
 * the batch's dimension and however many leading dimensions stand behind it. */
#include "tensors.h"

enum { SIZE = 3 };             /* of the batch */

static rg_tensor random_tensor(rg_tape *tape, rg_shape shape, uint64_t stream, double diagonal)
{
    const int64_t count = rg_shape_count(shape), columns = shape.size[shape.rank - 1], rows = shape.size[shape.rank - 2];
    double *numbers = calloc((size_t)count + 1, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = 2 * rg_random_uniform(5, stream, (uint64_t)i) - 1;
        if (i / columns % rows == i % columns) numbers[i] += diagonal;
    }
    rg_tensor t = rg_input(tape, RG_F64, shape, numbers);
    free(numbers);
    return t;
}

static rg_tensor member_of(rg_tensor t, int64_t i)
{
    rg_shape shape = rg_shape_of(t);
    for (int k = 1; k < shape.rank; k++) shape.size[k - 1] = shape.size[k];
    shape.rank--;
    return rg_reshape(rg_slice(t, 0, i, i + 1), shape);
}

static void assert_batched(const rg_op *op, const void *attributes, int n, const rg_shape *shapes, unsigned mask)
{
    rg_tape *tape = rg_tape_new();
    rg_tensor in[2];
    bool batched[2];
    for (int k = 0; k < n; k++) {
        rg_shape shape = shapes[k];
        batched[k] = mask >> k & 1u;
        if (batched[k]) {
            shape = RG_SHAPE(SIZE);
            for (int i = 0; i < shapes[k].rank; i++) shape.size[shape.rank++] = shapes[k].size[i];
        }
        in[k] = random_tensor(tape, shape, (uint64_t)k, k == 0 ? 4 : 0);
    }
    const rg_batch_call call = { .site = RG_SITE, .op = op, .attributes = attributes, .operands = n, .in = in,
                                 .batched = batched, .size = SIZE };
    rg_tensor all = op->batch(&call);
    if (rg_failed(tape)) fail_msg("%s, mask %u: %s", op->name, mask, rg_message(tape));
    assert_int_equal(rg_shape_of(all).size[0], SIZE);
    for (int64_t i = 0; i < SIZE; i++) {
        rg_tensor one[2];
        for (int k = 0; k < n; k++) one[k] = batched[k] ? member_of(in[k], i) : in[k];
        rg_tensor expected = rg_apply(op, attributes, n, one), found = member_of(all, i);
        assert_shape(found, rg_shape_of(expected));
        assert_numbers(found, rg_data(expected), (size_t)rg_shape_count(rg_shape_of(expected)), 1e-13);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

#define S(...) { RG_COUNT_INT64(__VA_ARGS__), { __VA_ARGS__ } }
static const rg_shape pairs[][2] = {
    { S(4, 4), S(4, 2) }, { S(2, 4, 4), S(4, 2) }, { S(4, 4), S(5, 4, 2) }, { S(2, 1, 4, 4), S(5, 4, 2) }, { S(1, 1), S(1, 1) },
    { S(2, 4, 4), S(2, 4, 1) }, { S(0, 4, 4), S(4, 2) },
};

static void products_are_those_of_each_member(void **state)
{
    (void)state;
    const rg_shape wide[] = { S(3, 4), S(4, 5) }, row[] = { S(1, 4), S(2, 4, 5) };
    for (unsigned mask = 1; mask <= 3; mask++) {
        for (size_t i = 0; i < COUNT(pairs); i++) assert_batched(rg_op_find("matmul"), NULL, 2, pairs[i], mask);
        assert_batched(rg_op_find("matmul"), NULL, 2, wide, mask);
        assert_batched(rg_op_find("matmul"), NULL, 2, row, mask);
    }
}

static void solutions_are_those_of_each_member(void **state)
{
    (void)state;
    const rg_shape squares[] = { S(2, 4, 4), S(4, 4) }, deeper[] = { S(4, 4), S(2, 4, 4) };
    const int64_t plain = 0, other = RG_UPPER | RG_TRANSPOSED, transposed = RG_TRANSPOSED;
    if (!rg_has_lapack()) skip();
    for (unsigned mask = 1; mask <= 3; mask++) {
        assert_batched(rg_op_find("cholesky_adjoint"), NULL, 2, squares, mask);
        assert_batched(rg_op_find("cholesky_adjoint"), NULL, 2, deeper, mask);
        assert_batched(rg_op_find("cholesky_tangent"), NULL, 2, squares, mask);
        assert_batched(rg_op_find("cholesky_tangent"), NULL, 2, deeper, mask);
        for (size_t i = 0; i < COUNT(pairs); i++) {
            assert_batched(rg_op_find("solve"), &plain, 2, pairs[i], mask);
            assert_batched(rg_op_find("solve"), &transposed, 2, pairs[i], mask);
            assert_batched(rg_op_find("triangular_solve"), &plain, 2, pairs[i], mask);
            assert_batched(rg_op_find("triangular_solve"), &other, 2, pairs[i], mask);
        }
    }
}

static void what_is_made_of_one_matrix_is_made_of_each_member(void **state)
{
    (void)state;
    static const char *const names[] = { "cholesky", "inverse",             "determinant",     "cofactors",
                                         "logdet",   "log_abs_determinant", "sign_determinant" };
    const int64_t below = -1;
    for (size_t i = 0; i < COUNT(pairs); i++) assert_batched(rg_op_find("tril"), &below, 1, pairs[i], 1);
    if (!rg_has_lapack()) skip();
    for (size_t k = 0; k < COUNT(names); k++)
        for (size_t i = 0; i < COUNT(pairs); i++) assert_batched(rg_op_find(names[k]), NULL, 1, pairs[i], 1);
}

/* With one dimension more than there can be. */
static void a_batch_of_too_many_dimensions_is_refused(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    const rg_tensor in[] = { rg_full(tape, RG_F64, RG_SHAPE(SIZE, 2, 2), 1), rg_full(tape, RG_F64, RG_SHAPE(1, 1, 1, 1, 1, 1, 2, 2), 1) };
    const bool batched[] = { true, false };
    const rg_batch_call call = { .site = RG_SITE, .op = rg_op_find("matmul"), .operands = 2, .in = in, .batched = batched,
                                 .size = SIZE };
    assert_true(rg_is_null(call.op->batch(&call)));
    assert_int_equal(rg_tape_status(tape), RG_E_SHAPE);
    assert_non_null(strstr(rg_message(tape), "matmul: too many dimensions for a batch: "));
    assert_non_null(strstr(rg_message(tape), "test_batch_matrices.c:"));
    rg_tape_free(tape);
}

/* A plan reads them by one distance from each matrix to the next, or by their places in every dimension; by a plain loop
 * for small ones. Element by element they are chains of fused multiplications and additions. */
static void matrices_of_a_batch_are_found_wherever_they_lie(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1, 2, 5, 9 };
    rg_tape *tape = rg_tape_new();
    for (size_t s = 0; s < COUNT(sizes); s++) {
        const int64_t n = sizes[s];
        rg_tensor a = random_tensor(tape, RG_SHAPE(2, 3, n, n), 1, 0), b = random_tensor(tape, RG_SHAPE(3, 2, n, n), 2, 0);
        rg_tensor turned = rg_permute(b, RG_AXES(1, 0, 3, 2)), y = rg_matmul(a, turned);
        const double *x = rg_data(a), *z = rg_data(b), *found = rg_data(y);
        assert_non_null(found);
        for (int64_t p = 0; p < 2 * 3 * n * n; p++) {
            const int64_t c = p % n, r = p / n % n, second = p / n / n % 3, first = p / n / n / 3;
            double sum = 0;
            for (int64_t k = 0; k < n; k++)
                sum = fma(x[((first * 3 + second) * n + r) * n + k], z[((second * 2 + first) * n + c) * n + k], sum);
            if (found[p] != sum) fail_msg("%d x %d: element %d", (int)n, (int)n, (int)p);
        }
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_each_member),
        cmocka_unit_test(solutions_are_those_of_each_member),
        cmocka_unit_test(what_is_made_of_one_matrix_is_made_of_each_member),
        cmocka_unit_test(a_batch_of_too_many_dimensions_is_refused),
        cmocka_unit_test(matrices_of_a_batch_are_found_wherever_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
