/* test_reductions.c: sums, means and maxima over any axes are those of plain loops, long sums lose no precision, and what
 * has no elements or no order is treated as the header says. */
#include "tensors.h"

enum { MOST = 70000 };

static double numbers[MOST];

static void fill(uint64_t stream)
{
    for (int i = 0; i < MOST; i++) numbers[i] = rg_random_normal(3, stream, (uint64_t)i);
}

/* ---- Against loops ------------------------------------------------------------------------------------------------------ */

typedef struct {
    double sum, largest;
    int64_t count;
} folded;

/* Element by element into the place that is left when the masked axes are struck out. */
static void fold(rg_shape shape, const bool *reduced, folded *into)
{
    for (int64_t i = 0; i < rg_shape_count(shape); i++) {
        int64_t rest = i, place = 0, stride = 1;
        for (int d = shape.rank - 1; d >= 0; d--) {
            if (!reduced[d]) {
                place += rest % shape.size[d] * stride;
                stride *= shape.size[d];
            }
            rest /= shape.size[d];
        }
        folded *f = &into[place];
        f->sum += numbers[i];
        f->largest = f->count++ == 0 || numbers[i] > f->largest ? numbers[i] : f->largest;
    }
}

static void check_axes(rg_tape *tape, rg_shape shape, unsigned mask, bool keepdims)
{
    static folded want[MOST];
    bool reduced[RG_MAX_RANK];
    rg_axes axes = { .count = 0 };
    rg_shape left = { .rank = 0 };
    for (int d = 0; d < shape.rank; d++) {
        reduced[d] = mask == 0 || mask >> d & 1u;
        if (mask >> d & 1u) axes.axis[axes.count++] = d % 2 ? d - shape.rank : d;
        if (!reduced[d] || keepdims) left.size[left.rank++] = reduced[d] ? 1 : shape.size[d];
    }
    memset(want, 0, sizeof want[0] * (size_t)rg_shape_count(shape));
    fold(shape, reduced, want);
    rg_tensor x = rg_input(tape, RG_F64, shape, numbers);
    rg_tensor sum = rg_sum_axes(x, axes, keepdims), mean = rg_mean_axes(x, axes, keepdims), most = rg_max_axes(x, axes, keepdims);
    assert_int_equal(rg_eval(3, (rg_tensor[]){ sum, mean, most }), RG_OK);
    assert_shape(sum, left);
    assert_shape(mean, left);
    assert_shape(most, left);
    for (int64_t i = 0; i < rg_shape_count(left); i++) {
        assert_true(fabs(element(sum, i) - want[i].sum) < 1e-11);
        assert_true(fabs(element(mean, i) - want[i].sum / (double)want[i].count) < 1e-12);
        assert_true(element(most, i) == want[i].largest);
    }
    rg_tape_reset(tape);
}

static void reductions_over_any_axes_are_those_of_plain_loops(void **state)
{
    (void)state;
    const rg_shape shapes[] = { RG_SHAPE(7), RG_SHAPE(3, 5), RG_SHAPE(2, 3, 4), RG_SHAPE(3, 1, 2, 5), RG_SHAPE(2, 2, 3, 1, 2),
                                RG_SHAPE(1), RG_SHAPE(1, 1, 1), RG_SHAPE(130, 300), RG_SHAPE(3, 9000), RG_SHAPE(9000, 3),
                                RG_SHAPE(20, 30, 40) };
    fill(1);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 3 });
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (unsigned mask = 0; mask < 1u << shapes[i].rank; mask++)
            for (int time = 0; time < 4; time++) check_axes(tape, shapes[i], mask, time % 2);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_scalar_can_be_reduced(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_scalar(tape, RG_F64, 3);
    assert_exactly(rg_sum(x), 3);
    assert_exactly(rg_mean(x), 3);
    assert_exactly(rg_max(x), 3);
    assert_exactly(rg_sum_axes(x, RG_ALL_AXES, true), 3);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Precision ------------------------------------------------------------------------------------------------------------ */

/* The plain sum of a million equal f32 numbers is off by per mille; ours may be off by a few units in the last place. */
static void long_single_precision_sums_keep_their_precision(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    float *x = malloc(N * sizeof *x), plain = 0;
    for (int i = 0; i < N; i++) plain += x[i] = 0.1f;
    const double exact = N * (double)0.1f;
    assert_true(fabs(plain - exact) > 1e-3 * exact);
    rg_tape *tape = rg_tape_new();
    const rg_shape shapes[] = { RG_SHAPE(N), RG_SHAPE(N / 16, 16), RG_SHAPE(16, N / 16), RG_SHAPE(N, 1), RG_SHAPE(1, N) };
    for (size_t i = 0; i < COUNT(shapes); i++) {
        rg_tensor t = rg_input_borrowed(tape, RG_F32, shapes[i], x);
        assert_true(fabs(element(rg_sum(t), 0) - exact) < 1e-6 * exact);
        assert_true(fabs(element(rg_mean(t), 0) - (double)0.1f) < 1e-6 * 0.1);
        for (int axis = 0; axis < shapes[i].rank; axis++) {
            rg_tensor part = rg_sum_axes(t, RG_AXES(axis), false);
            const double want = exact / (double)(rg_shape_count(rg_shape_of(part)));
            assert_true(fabs(element(part, 0) - want) < 2e-6 * want);
        }
    }
    assert_fine(tape);
    rg_tape_free(tape);
    free(x);
}

static void sums_of_random_numbers_are_accurate(void **state)
{
    (void)state;
    static float single[MOST];
    fill(2);
    rg_tape *tape = rg_tape_new();
    for (int n = 1; n < MOST; n = n * 3 / 2 + 1) {
        double exact = 0, absolute = 0;
        for (int i = 0; i < n; i++) {
            single[i] = (float)numbers[i];
            exact += single[i];
            absolute += fabs(single[i]);
        }
        rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(n), single);
        assert_true(fabs(element(rg_sum(x), 0) - exact) <= 1e-6 * absolute);
        rg_tensor e = rg_logsumexp(x, 0, false);
        double total = 0;
        for (int i = 0; i < n; i++) total += exp(single[i]);
        assert_true(fabs(element(e, 0) - log(total)) <= 1e-6 * (1 + log(total)));
        double softmax = 0;
        rg_tensor s = rg_softmax(x, 0);
        for (int i = 0; i < n; i++) softmax += element(s, i);
        assert_true(fabs(softmax - 1) < 1e-5);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void exponentials_neither_overflow_nor_vanish(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor large = VECTOR(tape, 1000, 1001, 999), small = VECTOR(tape, -1000, -1001, -1002);
    assert_values(rg_logsumexp(large, 0, false), 1001 + log(1 + exp(-1) + exp(-2)));
    assert_values(rg_logsumexp(small, 0, true), -1000 + log(1 + exp(-1) + exp(-2)));
    assert_values(rg_log_softmax(large, 0), -1 - log(1 + exp(-1) + exp(-2)), -log(1 + exp(-1) + exp(-2)),
                  -2 - log(1 + exp(-1) + exp(-2)));
    const double sum = 1 + exp(-1) + exp(-2);
    assert_values(rg_softmax(small, -1), 1 / sum, exp(-1) / sum, exp(-2) / sum);
    rg_tensor label = rg_input(tape, RG_I64, RG_SCALAR, (int64_t[]){ 2 });
    assert_values(rg_cross_entropy(large, label), 2 + log(sum));
    rg_tensor logits = VECTOR(tape, 800, -800), targets = VECTOR(tape, 1, 1);
    assert_values(rg_binary_cross_entropy(logits, targets), 400);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- The odd ones ------------------------------------------------------------------------------------------------------------ */

static void nothing_sums_to_zero_and_has_no_largest(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor none = rg_input(tape, RG_F64, RG_SHAPE(0, 3), NULL);
        assert_exactly(rg_sum(none), 0);
        assert_exactly(rg_sum_axes(none, RG_AXES(0), false), 0, 0, 0);
        assert_int_equal(rg_shape_count(rg_shape_of(rg_sum_axes(none, RG_AXES(1), false))), 0);
        assert_true(isnan(element(rg_mean(none), 0)));
        assert_int_equal(rg_shape_count(rg_shape_of(rg_max_axes(none, RG_AXES(1), true))), 0);
        assert_int_equal(rg_shape_count(rg_shape_of(rg_softmax(none, 1))), 0);
        rg_tensor slope = gradient(rg_sum(rg_square(none)), none);
        assert_shape(slope, RG_SHAPE(0, 3));
        assert_non_null(rg_data(slope));
        assert_fine(tape);
        assert_true(rg_is_null(rg_max(none)));
        assert_int_equal(rg_tape_status(tape), RG_E_SHAPE);
        rg_tape_clear_error(tape);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void not_a_number_is_the_largest_wherever_it_stands(void **state)
{
    (void)state;
    enum { N = 50 };
    double row[N];
    rg_tape *tape = rg_tape_new();
    for (int at = 0; at < N; at++) {
        for (int i = 0; i < N; i++) row[i] = i == at ? (double)NAN : (double)i;
        rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(N), row);
        assert_true(isnan(element(rg_max(x), 0)));
        assert_true(isnan(element(rg_max_axes(rg_reshape(x, RG_SHAPE(10, 5)), RG_AXES(0), false), at % 5)));
        assert_true(isnan(element(rg_sum(x), 0)));
        assert_true(isnan(element(rg_logsumexp(x, 0, false), 0)));
        rg_tape_reset(tape);
    }
    rg_tensor x = VECTOR(tape, 1, INFINITY, -INFINITY), low = VECTOR(tape, -INFINITY, -INFINITY);
    assert_true(element(rg_max(x), 0) == INFINITY);
    assert_true(element(rg_logsumexp(x, 0, false), 0) == INFINITY);
    assert_true(element(rg_logsumexp(low, 0, false), 0) == -INFINITY);
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reductions_over_any_axes_are_those_of_plain_loops),
        cmocka_unit_test(a_scalar_can_be_reduced),
        cmocka_unit_test(long_single_precision_sums_keep_their_precision),
        cmocka_unit_test(sums_of_random_numbers_are_accurate),
        cmocka_unit_test(exponentials_neither_overflow_nor_vanish),
        cmocka_unit_test(nothing_sums_to_zero_and_has_no_largest),
        cmocka_unit_test(not_a_number_is_the_largest_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
