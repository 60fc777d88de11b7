/* test_order.c: what is sorted is in order and stable, NaNs last, whichever way; the first few are those of the whole; running
 * sums and products are those of plain loops; and gradients go with the values. */
#include "tensors.h"

enum { MOST = 3000 };

static double numbers[MOST];

static void fill(int n, uint64_t stream, int kinds)
{
    for (int i = 0; i < n; i++) {
        const uint64_t bits = rg_random_bits(5, stream, (uint64_t)i);
        numbers[i] = kinds ? (double)(bits % (uint64_t)kinds) : rg_random_normal(6, stream, (uint64_t)i);
        if (kinds == 7 && bits % 7 == 3) numbers[i] = (double)NAN;
        if (kinds == 7 && bits % 7 == 5) numbers[i] = -INFINITY;
    }
}

/* Whether b may stand right behind a. */
static bool in_order(int64_t a, int64_t b, bool descending)
{
    const double x = numbers[a], y = numbers[b];
    if (isnan(x) || x == y) return isnan(y) == isnan(x) && a < b;
    return isnan(y) || (descending ? x > y : x < y);
}

static void check_sorted(rg_tape *tape, int n, bool descending)
{
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(n), numbers), sorted = rg_sort(x, 0, descending);
    rg_tensor places = rg_argsort(x, 0, descending);
    const int64_t *place = rg_data(places);
    const double *value = rg_data(sorted);
    bool *seen = calloc((size_t)n + 1, sizeof *seen);
    assert_fine(tape);
    for (int i = 0; i < n; i++) {
        assert_true(place[i] >= 0 && place[i] < n && !seen[place[i]]);
        seen[place[i]] = true;
        assert_true(memcmp(&value[i], &numbers[place[i]], sizeof *value) == 0);
        if (i > 0 && !in_order(place[i - 1], place[i], descending)) fail_msg("%d of %d is out of order", i, n);
    }
    free(seen);
}

static void sorting_is_stable_and_puts_nans_last(void **state)
{
    (void)state;
    static const int kinds[] = { 0, 1, 2, 7, 50 };
    rg_tape *tape = rg_tape_new();
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (int n = 0; n < MOST; n = n < 20 ? n + 1 : n * 2) {
            fill(n, (uint64_t)n, kinds[k]);
            check_sorted(tape, n, false);
            check_sorted(tape, n, true);
            rg_tape_reset(tape);
        }
    rg_tape_free(tape);
}

static void sorting_goes_along_any_axis_with_its_gradient(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int time = 0; time < 3; time++) {
        rg_tensor x = MATRIX(tape, 3, 2, 5, -1, 2, 4, 3, 0), g = MATRIX(tape, 3, 2, 10, 20, 30, 40, 50, 60);
        assert_exactly(rg_sort(x, 0, false), 2, -1, 3, 0, 5, 4);
        assert_exactly(rg_sort(x, -1, true), 5, -1, 4, 2, 3, 0);
        assert_exactly(gradient(rg_sum(rg_mul(rg_sort(x, 0, false), g)), x), 50, 20, 10, 60, 30, 40);
        rg_tensor places, best = rg_top_k(x, 2, 0, true, &places), least = rg_top_k(x, 1, 1, false, NULL);
        assert_exactly(best, 5, 4, 3, 0);
        assert_memory_equal(rg_data(places), ((const int64_t[]){ 0, 1, 2, 2 }), 4 * sizeof(int64_t));
        assert_exactly(least, -1, 2, 0);
        assert_exactly(gradient(rg_sum(rg_mul(best, MATRIX(tape, 2, 2, 1, 2, 3, 4))), x), 1, 0, 0, 2, 3, 4);
        assert_shape(rg_top_k(x, 0, 0, true, NULL), RG_SHAPE(0, 2));
        assert_non_null(rg_data(rg_top_k(x, 0, 0, true, NULL)));
        rg_tensor tie = VECTOR(tape, 1, 1, 0);
        assert_exactly(gradient(rg_sum(rg_top_k(tie, 1, 0, true, NULL)), tie), 1, 0, 0); /* the first of equals */
        rg_tensor single = rg_input(tape, RG_F32, RG_SHAPE(4), (float[]){ 2, 1, 4, 3 });
        assert_exactly(rg_sort(single, 0, true), 4, 3, 2, 1);
        assert_fine(tape);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

/* ---- Running sums and products ----------------------------------------------------------------------------------------- */

static void running_sums_and_products_are_those_of_loops(void **state)
{
    (void)state;
    static const rg_shape shapes[] = { { 1, { 9 } }, { 2, { 3, 5 } }, { 3, { 2, 4, 3 } }, { 2, { 1, 1 } }, { 2, { 0, 3 } }, { 2, { 3, 0 } } };
    rg_tape *tape = rg_tape_new();
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int axis = 0; axis < shapes[s].rank; axis++)
            for (int time = 0; time < 3; time++) {
                int64_t inner = 1, n = shapes[s].size[axis];
                for (int i = axis + 1; i < shapes[s].rank; i++) inner *= shapes[s].size[i];
                fill(100, s, 0);
                rg_tensor x = rg_input(tape, RG_F64, shapes[s], numbers);
                rg_tensor sum = rg_cumsum(x, axis), product = rg_cumprod(x, axis - shapes[s].rank);
                assert_int_equal(rg_eval(2, (rg_tensor[]){ sum, product }), RG_OK);
                for (int64_t i = 0; i < rg_shape_count(shapes[s]); i++) {
                    double added = 0, multiplied = 1;
                    for (int64_t k = i / inner % n; k >= 0; k--) {
                        added += numbers[i - k * inner];
                        multiplied *= numbers[i - k * inner];
                    }
                    assert_true(fabs(element(sum, i) - added) < 1e-14 * 9);
                    assert_true(fabs(element(product, i) - multiplied) < 1e-14);
                }
                rg_tape_reset(tape);
            }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_long_running_sum_of_floats_keeps_its_digits(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    float *x = malloc(N * sizeof *x);
    for (int i = 0; i < N; i++) x[i] = 0.1f;
    rg_tape *tape = rg_tape_new();
    rg_tensor sum = rg_cumsum(rg_input_borrowed(tape, RG_F32, RG_SHAPE(N), x), 0);
    assert_true(fabs(element(sum, N - 1) - N * (double)0.1f) < 1e-7 * N);
    rg_tape_free(tape);
    free(x);
}

static void gradients_of_running_sums_run_back(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2, 0, 4), g = VECTOR(tape, 1, 10, 100, 1000);
    assert_exactly(gradient(rg_sum(rg_mul(rg_cumsum(x, 0), g)), x), 1111, 1110, 1100, 1000);
    /* products 1, 2, 0, 0: by x[0] 1 + 20, by x[1] 10, by x[2] 200 + 8000, by x[3] 0 */
    assert_exactly(gradient(rg_sum(rg_mul(rg_cumprod(x, 0), g)), x), 21, 10, 8200, 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorting_is_stable_and_puts_nans_last),
        cmocka_unit_test(sorting_goes_along_any_axis_with_its_gradient),
        cmocka_unit_test(running_sums_and_products_are_those_of_loops),
        cmocka_unit_test(a_long_running_sum_of_floats_keeps_its_digits),
        cmocka_unit_test(gradients_of_running_sums_run_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
