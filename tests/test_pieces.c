/* test_pieces.c: tensors that are padded, joined, stacked, cut, turned, repeated, or put on a diagonal hold the elements that
 * NumPy would put there, and their gradients go back to where each came from; many parts cost no more each than a few. */
#include "one_tape.h"

/* The gradient of the elements weighted with 1, 2, 3, ... */
static rg_tensor weighted(rg_tensor y, rg_tensor x)
{
    double weights[64];
    for (int i = 0; i < 64; i++) weights[i] = i + 1;
    assert_true(rg_shape_count(rg_shape_of(y)) <= 64);
    return gradient(rg_sum(rg_mul(y, rg_input(tape, RG_F64, rg_shape_of(y), weights))), x);
}

static void padding_takes_any_number(void **state)
{
    (void)state;
    rg_tensor x = MATRIX(tape, 2, 2, 1, 2, 3, 4);
    assert_exactly(rg_pad_value(x, 1, 1, 2, -7), -7, 1, 2, -7, -7, -7, 3, 4, -7, -7);
    assert_exactly(rg_pad(x, 0, 1, 0), 0, 0, 1, 2, 3, 4);
    assert_exactly(weighted(rg_pad_value(x, 1, 1, 2, -7), x), 2, 3, 7, 8);
    assert_true(element(rg_pad_value(x, -1, 1, 0, (double)INFINITY), 0) == INFINITY);
    assert_exactly(rg_pad_value(rg_full(tape, RG_F32, RG_SHAPE(0), 1), 0, 1, 1, 0.5), 0.5, 0.5);
}

/* Every way to pad the axis of 1 2 3 4 that PyTorch takes. */
static void padding_takes_numbers_of_its_own(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, 2, 3, 4), m = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6);
    assert_exactly(rg_pad_reflect(x, 0, 3, 2), 4, 3, 2, 1, 2, 3, 4, 3, 2);
    assert_exactly(rg_pad_replicate(x, 0, 3, 2), 1, 1, 1, 1, 2, 3, 4, 4, 4);
    assert_exactly(rg_pad_circular(x, 0, 4, 3), 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3);
    assert_exactly(rg_pad_circular(x, 0, 1, 0), 4, 1, 2, 3, 4);
    assert_exactly(rg_pad_reflect(x, 0, 0, 1), 1, 2, 3, 4, 3);
    assert_exactly(rg_pad_replicate(m, 0, 1, 0), 1, 2, 3, 1, 2, 3, 4, 5, 6);
    assert_exactly(rg_pad_reflect(m, -1, 1, 2), 2, 1, 2, 3, 2, 1, 5, 4, 5, 6, 5, 4);
    assert_exactly(weighted(rg_pad_reflect(x, 0, 3, 2), x), 4, 3 + 5 + 9, 2 + 6 + 8, 1 + 7);
    assert_exactly(weighted(rg_pad_replicate(x, 0, 3, 2), x), 1 + 2 + 3 + 4, 5, 6, 7 + 8 + 9);
    assert_exactly(weighted(rg_pad_circular(x, 0, 1, 2), x), 2 + 6, 3 + 7, 4, 1 + 5);
    rg_tensor (*const ways[])(rg_tensor, int, int64_t, int64_t) = { rg_pad_reflect, rg_pad_replicate, rg_pad_circular };
    for (size_t i = 0; i < COUNT(ways); i++) {
        assert_exactly(ways[i](x, 0, 0, 0), 1, 2, 3, 4);
        assert_shape(ways[i](rg_full(tape, RG_F32, RG_SHAPE(2, 0), 1), 1, 0, 0), RG_SHAPE(2, 0));
        assert_shape(ways[i](rg_full(tape, RG_F32, RG_SHAPE(0, 3), 1), 1, 2, 1), RG_SHAPE(0, 6));
    }
}

static void identities_have_their_ones_on_any_diagonal(void **state)
{
    (void)state;
    assert_exactly(rg_eye(tape, RG_F64, 2, 2, 0), 1, 0, 0, 1);
    assert_exactly(rg_eye(tape, RG_F32, 2, 3, 1), 0, 1, 0, 0, 0, 1);
    assert_exactly(rg_eye(tape, RG_F64, 3, 2, -2), 0, 0, 0, 0, 1, 0);
    assert_exactly(rg_eye(tape, RG_F64, 2, 2, 2), 0, 0, 0, 0);
    assert_exactly(rg_eye(tape, RG_F64, 2, 2, INT64_MIN), 0, 0, 0, 0);
    assert_exactly(rg_eye(tape, RG_F64, 2, 2, INT64_MAX), 0, 0, 0, 0);
    assert_shape(rg_eye(tape, RG_F64, 0, 3, 0), RG_SHAPE(0, 3));
    rg_tensor m = MATRIX(tape, 2, 2, 1, 2, 3, 4);
    assert_exactly(rg_matmul(m, rg_eye(tape, RG_F64, 2, 2, 0)), 1, 2, 3, 4);
    assert_int_equal(rg_dtype_of(rg_eye(tape, RG_F32, 1, 1, 0)), RG_F32);
}

static void slices_take_steps_both_ways(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 0, 1, 2, 3, 4, 5, 6);
    assert_exactly(rg_slice_step(x, 0, 1, 3, 2), 1, 3, 5);
    assert_exactly(rg_slice_step(x, 0, -1, 3, -3), 6, 3, 0);
    assert_exactly(rg_slice_step(x, -1, 4, 1, -100), 4);
    assert_shape(rg_slice_step(x, 0, 7, 0, 1), RG_SHAPE(0));
    assert_exactly(weighted(rg_slice_step(x, 0, 1, 3, 2), x), 0, 1, 0, 2, 0, 3, 0);
    assert_exactly(weighted(rg_slice_step(x, 0, -1, 3, -3), x), 3, 0, 0, 2, 0, 0, 1);
    assert_exactly(weighted(rg_slice_step(x, 0, 0, 2, 6), x), 1, 0, 0, 0, 0, 0, 2);
    rg_tensor table = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6);
    assert_exactly(rg_flip(table, RG_AXES(1)), 3, 2, 1, 6, 5, 4);
    assert_exactly(rg_flip(table, RG_ALL_AXES), 6, 5, 4, 3, 2, 1);
    assert_exactly(rg_matmul(rg_flip(table, RG_AXES(0)), rg_flip(rg_transpose(table), RG_AXES(0))), 28, 73, 10, 28);
    assert_exactly(weighted(rg_flip(table, RG_ALL_AXES), table), 6, 5, 4, 3, 2, 1);
    rg_tensor whole = rg_flip(rg_input(tape, RG_I32, RG_SHAPE(3), (int32_t[]){ 7, 8, 9 }), RG_AXES(0));
    assert_memory_equal(rg_data(whole), ((const int32_t[]){ 9, 8, 7 }), 12);
    assert_exactly(rg_flip(rg_scalar(tape, RG_F64, 2), RG_ALL_AXES), 2);
}

static void axes_of_size_1_come_and_go(void **state)
{
    (void)state;
    rg_tensor x = MATRIX(tape, 2, 1, 1, 2);
    assert_shape(rg_squeeze(x, 1), RG_SHAPE(2));
    assert_shape(rg_squeeze(x, -1), RG_SHAPE(2));
    assert_shape(rg_unsqueeze(x, 0), RG_SHAPE(1, 2, 1));
    assert_shape(rg_unsqueeze(x, -1), RG_SHAPE(2, 1, 1));
    assert_shape(rg_unsqueeze(x, 1), RG_SHAPE(2, 1, 1));
    assert_shape(rg_unsqueeze(rg_scalar(tape, RG_F64, 1), 0), RG_SHAPE(1));
    assert_exactly(weighted(rg_unsqueeze(x, 0), x), 1, 2);
}

static void stacks_and_their_parts_are_inverse(void **state)
{
    (void)state;
    rg_tensor a = VECTOR(tape, 1, 2, 3), b = VECTOR(tape, 4, 5, 6), parts[] = { a, b, a };
    assert_exactly(rg_stack(2, parts, 0), 1, 2, 3, 4, 5, 6);
    assert_exactly(rg_stack(2, parts, 1), 1, 4, 2, 5, 3, 6);
    assert_exactly(rg_stack(2, parts, -1), 1, 4, 2, 5, 3, 6);
    assert_shape(rg_stack(3, parts, 0), RG_SHAPE(3, 3));
    assert_exactly(weighted(rg_stack(3, parts, 0), a), 8, 10, 12);
    const rg_tensor scalars[] = { rg_scalar(tape, RG_F64, 7), rg_scalar(tape, RG_F64, 8) };
    assert_exactly(rg_stack(2, scalars, 0), 7, 8);
    assert_exactly(weighted(rg_stack(2, scalars, 0), scalars[1]), 2);
    rg_tensor table = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), out[3];
    assert_int_equal(rg_split(table, 1, 3, NULL, out), RG_OK);
    assert_exactly(out[1], 2, 5);
    assert_shape(out[2], RG_SHAPE(2, 1));
    assert_int_equal(rg_split(table, -1, 3, (int64_t[]){ 1, 0, 2 }, out), RG_OK);
    assert_shape(out[1], RG_SHAPE(2, 0));
    assert_exactly(out[2], 2, 3, 5, 6);
    assert_exactly(weighted(out[2], table), 0, 1, 2, 0, 3, 4);
}

static void what_is_rolled_comes_round_again(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, 2, 3, 4, 5), table = MATRIX(tape, 2, 2, 1, 2, 3, 4);
    assert_exactly(rg_roll(x, 0, 2), 4, 5, 1, 2, 3);
    assert_exactly(rg_roll(x, 0, -1), 2, 3, 4, 5, 1);
    assert_exactly(rg_roll(x, 0, 5), 1, 2, 3, 4, 5);
    assert_exactly(rg_roll(x, -1, INT64_MIN), 4, 5, 1, 2, 3); /* -2^63 is 2 modulo 5 */
    assert_exactly(rg_roll(table, 1, 1), 2, 1, 4, 3);
    assert_exactly(weighted(rg_roll(x, 0, 2), x), 3, 4, 5, 1, 2);
    assert_shape(rg_roll(rg_full(tape, RG_F64, RG_SHAPE(0, 2), 1), 0, 3), RG_SHAPE(0, 2));
}

static void tiles_and_repetitions_are_those_of_numpy(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, 2), table = MATRIX(tape, 2, 2, 1, 2, 3, 4);
    assert_exactly(rg_tile(x, RG_SHAPE(3)), 1, 2, 1, 2, 1, 2);
    assert_exactly(rg_tile(x, RG_SHAPE(2, 1)), 1, 2, 1, 2);
    assert_shape(rg_tile(x, RG_SHAPE(2, 1)), RG_SHAPE(2, 2));
    assert_exactly(rg_tile(table, RG_SHAPE(1, 2)), 1, 2, 1, 2, 3, 4, 3, 4);
    assert_exactly(rg_tile(table, RG_SHAPE(2)), 1, 2, 1, 2, 3, 4, 3, 4); /* aligned at the end */
    assert_shape(rg_tile(table, RG_SHAPE(0, 2)), RG_SHAPE(0, 4));
    assert_exactly(rg_tile(rg_scalar(tape, RG_F64, 3), RG_SHAPE(2)), 3, 3);
    assert_exactly(rg_tile(table, RG_SCALAR), 1, 2, 3, 4);
    assert_exactly(weighted(rg_tile(table, RG_SHAPE(1, 2)), table), 4, 6, 12, 14);
    assert_exactly(rg_repeat(x, 0, 2), 1, 1, 2, 2);
    assert_exactly(rg_repeat(table, 0, 2), 1, 2, 1, 2, 3, 4, 3, 4);
    assert_shape(rg_repeat(table, 1, 0), RG_SHAPE(2, 0));
    assert_exactly(weighted(rg_repeat(x, 0, 2), x), 3, 7);
    rg_tensor whole = rg_repeat(rg_input(tape, RG_I64, RG_SHAPE(2), (int64_t[]){ 7, 8 }), 0, 2);
    assert_memory_equal(rg_data(whole), ((const int64_t[]){ 7, 7, 8, 8 }), 32);
}

static void triangles_and_diagonals_are_those_of_numpy(void **state)
{
    (void)state;
    rg_tensor x = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), v = VECTOR(tape, 7, 8), nan = MATRIX(tape, 2, 2, NAN, NAN, 1, NAN);
    assert_exactly(rg_tril(x, 0), 1, 0, 0, 4, 5, 0);
    assert_exactly(rg_tril(x, 1), 1, 2, 0, 4, 5, 6);
    assert_exactly(rg_tril(x, -1), 0, 0, 0, 4, 0, 0);
    assert_exactly(rg_triu(x, 0), 1, 2, 3, 0, 5, 6);
    assert_exactly(rg_triu(x, 2), 0, 0, 3, 0, 0, 0);
    assert_exactly(rg_triu(x, -9), 1, 2, 3, 4, 5, 6);
    assert_exactly(rg_tril(nan, -1), 0, 0, 1, 0); /* cut off, not multiplied by 0 */
    assert_exactly(weighted(rg_tril(x, 0), x), 1, 0, 0, 4, 5, 0);
    assert_exactly(rg_diagonal(x, 0), 1, 5);
    assert_exactly(rg_diagonal(x, 1), 2, 6);
    assert_exactly(rg_diagonal(x, 2), 3);
    assert_exactly(rg_diagonal(x, -1), 4);
    assert_shape(rg_diagonal(x, 3), RG_SHAPE(0));
    assert_shape(rg_diagonal(x, INT64_MIN), RG_SHAPE(0));
    assert_exactly(rg_diagonal(rg_transpose(x), 0), 1, 5);
    assert_exactly(weighted(rg_diagonal(x, 1), x), 0, 1, 0, 0, 0, 2);
    assert_exactly(rg_diag(v, 0), 7, 0, 0, 8);
    assert_exactly(rg_diag(v, 1), 0, 7, 0, 0, 0, 8, 0, 0, 0);
    assert_exactly(rg_diag(v, -1), 0, 0, 0, 7, 0, 0, 0, 8, 0);
    assert_exactly(weighted(rg_diag(v, -1), v), 4, 8);
    assert_shape(rg_diag(rg_full(tape, RG_F64, RG_SHAPE(5, 0), 1), 2), RG_SHAPE(5, 2, 2));
}

static void windows_are_added_back_where_they_overlap(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1, 2, 3, 4, 5), w = rg_unfold(x, 0, 3, 1);
    assert_exactly(w, 1, 2, 3, 2, 3, 4, 3, 4, 5);
    assert_exactly(rg_unfold(x, 0, 2, 3), 1, 2, 4, 5);
    assert_exactly(rg_sum_axes(w, RG_AXES(1), false), 6, 9, 12);
    assert_exactly(rg_overlap_add(w, 0, 5, 1), 1, 4, 9, 8, 5);
    assert_exactly(weighted(w, x), 1, 6, 15, 14, 9);
    assert_exactly(rg_matmul(w, VECTOR(tape, 1, 0, -1)), -2, -2, -2); /* a convolution */
    rg_tensor table = MATRIX(tape, 4, 2, 1, 2, 3, 4, 5, 6, 7, 8);
    assert_shape(rg_unfold(table, 0, 2, 2), RG_SHAPE(2, 2, 2));
    assert_exactly(rg_unfold(table, 0, 2, 2), 1, 3, 2, 4, 5, 7, 6, 8);
    assert_exactly(rg_overlap_add(rg_unfold(table, 0, 2, 2), 0, 4, 2), 1, 2, 3, 4, 5, 6, 7, 8);
    assert_exactly(rg_overlap_add(rg_unfold(x, -1, 2, 2), -1, 5, 2), 1, 2, 3, 4, 0); /* 5 is in no window */
    assert_exactly(rg_exp(rg_mul(rg_unfold(rg_flip(x, RG_AXES(0)), 0, 1, 4), rg_scalar(tape, RG_F64, 0))), 1, 1);
}

/* Each part's gradient is its slice, however many there are. To find where it begins, the parts before it are counted: so no
 * more than 64 are joined at a time, or the time for all gradients would grow with the square of their number. */
static void thousands_of_parts_are_joined_in_a_tree(void **state)
{
    (void)state;
    static const int counts[] = { 1, 2, 63, 64, 65, 128, 129, 4095, 4096, 4097, 6000 };
    static rg_tensor parts[6000];
    for (size_t i = 0; i < COUNT(counts); i++)
        for (int stacked = 0; stacked < 2; stacked++) {
            const int n = counts[i];
            rg_tensor x = VECTOR(tape, 1, 2);
            for (int k = 0; k < n; k++) parts[k] = rg_scale(x, k % 100);
            rg_tensor y = stacked ? rg_stack(n, parts, 0) : rg_concat(n, parts, 0);
            assert_fine(tape);
            assert_true(rg_is_null(rg_operand(y, 64)));
            const double *data = rg_data(y);
            assert_int_equal(rg_shape_count(rg_shape_of(y)), 2 * n);
            double sum = 0;
            for (int k = 0; k < n; k++) {
                assert_true(data[2 * k] == k % 100 && data[2 * k + 1] == 2 * (k % 100));
                sum += k % 100;
            }
            rg_tensor pairs = rg_reshape(y, RG_SHAPE(n, 2)), slope;
            rg_grad(rg_sum(rg_mul(pairs, VECTOR(tape, 1, 10))), &x, 1, &slope);
            assert_exactly(slope, sum, 10 * sum);
            rg_tape_reset(tape);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(padding_takes_any_number),
        TEST(padding_takes_numbers_of_its_own),
        TEST(identities_have_their_ones_on_any_diagonal),
        TEST(slices_take_steps_both_ways),
        TEST(axes_of_size_1_come_and_go),
        TEST(stacks_and_their_parts_are_inverse),
        TEST(what_is_rolled_comes_round_again),
        TEST(tiles_and_repetitions_are_those_of_numpy),
        TEST(triangles_and_diagonals_are_those_of_numpy),
        TEST(windows_are_added_back_where_they_overlap),
        TEST(thousands_of_parts_are_joined_in_a_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
