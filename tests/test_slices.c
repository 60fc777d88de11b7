/* test_slices.c: the adjoint of what is read slice by slice is one sum, made in place. */
#include "tensors.h"

enum { ROWS = 600, COLUMNS = 7 };

/* Each row times a number of its own, and some of them twice. */
static rg_tensor weighted(rg_tensor x, int rows)
{
    rg_tensor sum = rg_sum(rg_slice(x, 1, 2, 4));
    for (int i = 0; i < rows; i++) {
        rg_tensor row = rg_slice(x, 0, i, i + 1);
        sum = rg_add(sum, rg_scale(rg_sum(row), i));
        if (i % 5 == 0) sum = rg_add(sum, rg_sum(rg_square(row)));
    }
    return sum;
}

static void fill(double *numbers)
{
    for (int i = 0; i < ROWS * COLUMNS; i++) numbers[i] = rg_random_normal(4, 0, (uint64_t)i);
}

static void adjoint_of_slices_is_the_sum_of_theirs(void **state)
{
    (void)state;
    static double numbers[ROWS * COLUMNS];
    fill(numbers);
    for (int eager = 0; eager < 2; eager++) {
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .eager = eager });
        for (int step = 0; step < 3; step++) {
            rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(ROWS, COLUMNS), numbers), dx;
            rg_grad(weighted(x, ROWS), &x, 1, &dx);
            for (int i = 0; i < ROWS * COLUMNS; i++) {
                const int row = i / COLUMNS, column = i % COLUMNS;
                const double want = row + (column == 2 || column == 3) + (row % 5 == 0 ? 2 * numbers[i] : 0);
                if (fabs(element(dx, i) - want) > 1e-12) fail_msg("element %d is %g, not %g", i, element(dx, i), want);
            }
            rg_tape_reset(tape);
        }
        rg_tape_free(tape);
    }
}

/* ---- In place ---------------------------------------------------------------------------------------------------- */

static int calls, in_place;

static void add_one(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    (void)begin, (void)end;
    calls++;
    in_place += (const void *)x == call->out;
    for (int64_t i = 0; i < rg_shape_count(call->layout[0].shape); i++) y[i] = x[i] + 1;
}
static const rg_op one_more = { .name = "one_more", .doc = "x + 1", .arity = 1, .kind = RG_ITEMS, .shape = rg_shape_same,
                                .f64 = add_one, .in_place = true };

/* Five in a row, where the third is read again at the end. */
static void an_op_finds_its_result_where_its_operand_dies(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    for (int step = 0; step < 3; step++) {
        rg_tensor x = VECTOR(tape, 1, 2, 3), third, last = rg_scale(x, 2);
        calls = in_place = 0;
        for (int i = 0; i < 3; i++) last = rg_apply(&one_more, NULL, 1, &last);
        third = last;
        for (int i = 0; i < 2; i++) last = rg_apply(&one_more, NULL, 1, &last);
        assert_exactly(rg_add(rg_scale(last, 1), third), 12, 16, 20);
        rg_tape_reset(tape);
    }
    assert_int_equal(calls, 5);
    assert_int_equal(in_place, 4); /* not the fourth: what it reads is read again */
    rg_tape_free(tape);
}

/* x - z, for which only x may be written over. */
static void subtract(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0], *z = call->in[1];
    double *y = call->out;
    (void)begin, (void)end;
    for (int64_t i = 0; i < rg_shape_count(call->layout[0].shape); i++) y[i] = x[i];
    for (int64_t i = 0; i < rg_shape_count(call->layout[0].shape); i++) y[i] -= z[i];
}
static const rg_op minus = { .name = "minus", .doc = "x - z", .arity = 2, .kind = RG_ITEMS, .shape = rg_shape_same,
                             .f64 = subtract, .in_place = true };

static void no_other_operand_is_written_over(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    for (int step = 0; step < 3; step++) {
        rg_tensor given = VECTOR(tape, 1, 2, 3), in[] = { rg_scale(given, 5), rg_scale(given, 2) };
        rg_tensor y = rg_apply(&minus, NULL, 2, in);
        assert_exactly(rg_add(rg_apply(&one_more, NULL, 1, &y), in[0]), 9, 17, 25); /* z dies first */
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static bool is_add_part(rg_tensor sum)
{
    return rg_op_of(sum) == rg_op_find("add_part");
}

/* A slice read before the whole, and behind it. */
static void a_slice_is_added_in_either_order(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2, 3), part = rg_slice(x, 0, 0, 2), whole = rg_square(x), dx;
    rg_grad(rg_add(rg_sum(part), rg_sum(whole)), &x, 1, &dx);
    assert_true(is_add_part(dx));
    assert_exactly(dx, 3, 5, 6);
    whole = rg_square(x), part = rg_slice(x, 0, 0, 2);
    rg_grad(rg_add(rg_sum(part), rg_sum(whole)), &x, 1, &dx);
    assert_true(is_add_part(dx));
    assert_exactly(dx, 3, 5, 6);
    rg_tape_free(tape);
}

static void its_derivative_is_right(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), dx, dxx;
    rg_tensor first = rg_slice(x, 0, 0, 2), last = rg_slice(x, 0, 1, 3);
    rg_grad(rg_sum(rg_mul(rg_square(first), last)), &x, 1, &dx);
    assert_values(dx, 6, 16, 31, 52, 9, 16);
    rg_grad(rg_sum(rg_square(dx)), &x, 1, &dxx);
    assert_true(rg_gradcheck_op(rg_op_find("add_part"), NULL, NULL));
    assert_fine(tape);
    assert_shape(dxx, RG_SHAPE(3, 2));
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjoint_of_slices_is_the_sum_of_theirs),
        cmocka_unit_test(an_op_finds_its_result_where_its_operand_dies),
        cmocka_unit_test(no_other_operand_is_written_over),
        cmocka_unit_test(a_slice_is_added_in_either_order),
        cmocka_unit_test(its_derivative_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
