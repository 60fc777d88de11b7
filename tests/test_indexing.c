/* test_indexing.c: elements are picked and added by index along any axis as plain loops do it, with the same bits for any
 * number of threads, node by node and planned; an index out of range is named with its position; and so are the places where
 * large tensors are sorted, scanned and folded. */
#include "tensors.h"

static double *random_numbers(int64_t n, uint64_t stream)
{
    double *numbers = malloc((size_t)n * sizeof *numbers);
    for (int64_t i = 0; i < n; i++) numbers[i] = rg_random_normal(7, stream, (uint64_t)i);
    return numbers;
}

static int64_t *random_index(int64_t n, int64_t limit, uint64_t stream)
{
    int64_t *index = malloc((size_t)n * sizeof *index);
    for (int64_t i = 0; i < n; i++) index[i] = (int64_t)(rg_random_bits(8, stream, (uint64_t)i) % (uint64_t)limit);
    return index;
}

/* ---- Against loops ------------------------------------------------------------------------------------------------------ */

static void check_along(rg_tape *tape, rg_shape shape, int axis, int64_t m)
{
    int64_t outer = 1, inner = 1;
    const int64_t n = shape.size[axis];
    for (int i = 0; i < shape.rank; i++)
        if (i != axis) *(i < axis ? &outer : &inner) *= shape.size[i];
    rg_shape index_shape = shape;
    index_shape.size[axis] = m;
    double *x = random_numbers(outer * n * inner, 1), *g = random_numbers(outer * m * inner, 2);
    double *added = calloc((size_t)(outer * n * inner) + 1, sizeof *added);
    int64_t *index = random_index(outer * m * inner, n, 3);
    rg_tensor table = rg_input(tape, RG_F64, shape, x), places = rg_input(tape, RG_I64, index_shape, index);
    rg_tensor picked = rg_gather(table, axis - shape.rank, places), weights = rg_input(tape, RG_F64, index_shape, g);
    rg_tensor back = rg_scatter_add(weights, axis, places, n), slope = gradient(rg_sum(rg_mul(picked, weights)), table);
    rg_tensor again = gradient(rg_sum(rg_mul(back, table)), weights);
    for (int64_t i = 0; i < outer * m * inner; i++) {
        const int64_t from = (i / (m * inner) * n + index[i]) * inner + i % inner;
        assert_true(element(picked, i) == x[from] && element(again, i) == x[from]);
        added[from] += g[i]; /* in the order of the index */
    }
    assert_numbers(back, added, (size_t)(outer * n * inner), 0);
    assert_numbers(slope, added, (size_t)(outer * n * inner), 0);
    assert_fine(tape);
    free(x), free(g), free(added), free(index);
}

static void gathering_and_adding_along_an_axis_are_those_of_loops(void **state)
{
    (void)state;
    const rg_shape shapes[] = { RG_SHAPE(7), RG_SHAPE(3, 5), RG_SHAPE(2, 3, 4), RG_SHAPE(1, 6, 1), RG_SHAPE(40, 30), RG_SHAPE(0, 3) };
    rg_tape *tape = rg_tape_new();
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (int axis = 0; axis < shapes[s].rank; axis++)
            for (int64_t m = 0; m < 12 && shapes[s].size[axis] > 0; m += 5)
                for (int time = 0; time < 3; time++) {
                    check_along(tape, shapes[s], axis, m);
                    rg_tape_reset(tape);
                }
    rg_tape_free(tape);
}

static void slices_are_selected_and_segments_added(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6);
    rg_tensor index = rg_input(tape, RG_I32, RG_SHAPE(4), (int32_t[]){ 2, 0, 2, 1 });
    rg_tensor segments = rg_input(tape, RG_I64, RG_SHAPE(2), (int64_t[]){ 2, 2 });
    assert_exactly(rg_index_select(x, 1, index), 3, 1, 3, 2, 6, 4, 6, 5);
    assert_exactly(rg_index_select(x, -2, rg_slice(index, 0, 1, 2)), 1, 2, 3);
    assert_exactly(gradient(rg_sum(rg_index_select(x, 1, index)), x), 1, 1, 2, 1, 1, 2);
    assert_exactly(rg_segment_sum(x, segments, 4), 0, 0, 0, 0, 0, 0, 5, 7, 9, 0, 0, 0);
    assert_exactly(gradient(rg_sum(rg_square(rg_segment_sum(x, segments, 4))), x), 10, 14, 18, 10, 14, 18);
    /* of whole numbers too, and with an index that was sorted */
    rg_tensor whole = rg_input(tape, RG_I32, RG_SHAPE(3), (int32_t[]){ 70, 80, 90 }), row = VECTOR(tape, 3, 1, 2);
    assert_memory_equal(rg_data(rg_gather(whole, 0, rg_argsort(row, 0, false))), ((const int32_t[]){ 80, 90, 70 }), 12);
    assert_exactly(rg_gather(row, 0, rg_reshape(rg_argmax(row), RG_SHAPE(1))), 3);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- An index out of range ------------------------------------------------------------------------------------------------ */

static void assert_fault(rg_tape *tape, rg_tensor t, int line, const char *text)
{
    char expected[160];
    snprintf(expected, sizeof expected, "test_indexing.c:%d: %s", line, text);
    assert_null(rg_data(t));
    assert_int_equal(rg_tape_status(tape), RG_E_INDEX);
    if (strncmp(rg_message(tape), expected, strlen(expected)) != 0) fail_msg("%s, not %s", rg_message(tape), expected);
    rg_tape_clear_error(tape);
}

static void an_index_out_of_range_is_named_with_its_position(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int time = 0; time < 3; time++) {
        rg_tensor x = MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), whole = rg_input(tape, RG_I32, RG_SHAPE(2), (int32_t[]){ 1, 2 });
        rg_tensor index = rg_input(tape, RG_I64, RG_SHAPE(2, 2), (int64_t[]){ 0, 2, 1, 3 });
        rg_tensor far = rg_input(tape, RG_I32, RG_SHAPE(70), (int32_t[70]){ [69] = -4 });
        int line = __LINE__; rg_tensor picked = rg_gather(x, 0, index);
        assert_fault(tape, picked, line, "gather: index 3 at position 3 is out of range: ");
        line = __LINE__; picked = rg_scatter_add(rg_slice(x, 0, 0, 2), 0, index, 3);
        assert_fault(tape, picked, line, "scatter_add: index 3 at position 3 is out of range: ");
        line = __LINE__; picked = rg_gather(x, 1, rg_transpose(rg_slice_step(index, 0, 0, 2, 1)));
        assert_int_equal(rg_tape_status(tape), RG_E_SHAPE); /* 2 rows are not 3 */
        rg_tape_clear_error(tape);
        line = __LINE__; picked = rg_index_select(x, 1, far);
        assert_fault(tape, picked, line, "gather_rows: index -4 at position 69 is out of range: ");
        /* a short table of whole numbers has nothing at position 69 */
        line = __LINE__; picked = rg_gather(whole, 0, far);
        assert_fault(tape, picked, line, "gather: index -4 at position 69 is out of range: ");
        line = __LINE__; picked = rg_gather_rows(whole, far);
        assert_fault(tape, picked, line, "gather_rows: index -4 at position 69 is out of range: ");
        line = __LINE__; picked = rg_segment_sum(x, rg_slice(far, 0, 67, 70), 2);
        assert_fault(tape, picked, line, "scatter_rows: index -4 at position 2 is out of range: ");
        assert_exactly(rg_sum(rg_gather(x, 0, rg_slice(index, 0, 0, 1))), 7);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

/* ---- The same bits ---------------------------------------------------------------------------------------------------------- */

enum { ROWS = 300, COLUMNS = 200, RESULTS = 16 };

typedef struct {
    int64_t count[RESULTS];
    double *numbers[RESULTS];
} outcome;

/* Everything that shares work out among threads, large enough that it is. */
static int record(rg_tape *tape, const double *x, const int64_t *index, rg_tensor *out)
{
    int n = 0;
    rg_tensor t = rg_input(tape, RG_F64, RG_SHAPE(ROWS, COLUMNS), x), i = rg_input(tape, RG_I64, RG_SHAPE(ROWS, COLUMNS), index);
    rg_tensor turned = rg_flip(t, RG_ALL_AXES), windows = rg_unfold(t, 0, 7, 3), slope;
    out[n++] = rg_prod_axes(t, RG_AXES(0), false);
    out[n++] = rg_prod_axes(rg_shift(t, 1), RG_AXES(1), false);
    out[n++] = rg_min_axes(turned, RG_AXES(0), false);
    out[n++] = rg_min_axes(t, RG_AXES(1), true);
    out[n++] = rg_cumsum(t, 0);
    out[n++] = rg_cumprod(rg_shift(t, 0.5), 1);
    out[n++] = rg_sort(t, 0, true);
    out[n++] = rg_sort(turned, 1, false);
    out[n++] = rg_gather(t, 0, i);
    out[n++] = rg_scatter_add(t, 0, i, ROWS);
    out[n++] = rg_scatter_add(t, 1, i, ROWS);
    out[n++] = rg_overlap_add(windows, 0, ROWS, 3);
    out[n++] = rg_tril(turned, 20);
    out[n++] = rg_var_axes(windows, RG_AXES(0), 1, false);
    rg_tensor y = rg_add(rg_sum(rg_mul(rg_norm_axes(windows, 3, RG_AXES(2), false), rg_slice_step(t, 0, 97, 98, -1))),
                         rg_sum(rg_square(rg_gather(rg_cumsum(rg_tanh(turned), 1), 0, i))));
    rg_grad(y, &t, 1, &slope);
    out[n++] = slope;
    out[n++] = y;
    return n;
}

static void run(rg_tape *tape, outcome *result)
{
    double *x = random_numbers(ROWS * COLUMNS, 4);
    int64_t *index = random_index(ROWS * COLUMNS, ROWS, 5);
    rg_tensor out[RESULTS];
    rg_tape_reset(tape);
    assert_int_equal(record(tape, x, index, out), RESULTS);
    rg_eval(RESULTS, out);
    assert_fine(tape);
    for (int i = 0; i < RESULTS; i++) {
        result->count[i] = rg_shape_count(rg_shape_of(out[i]));
        result->numbers[i] = malloc((size_t)result->count[i] * sizeof(double));
        rg_read(out[i], result->numbers[i], (size_t)result->count[i] * sizeof(double));
    }
    free(x), free(index);
}

static void release(outcome *result)
{
    for (int i = 0; i < RESULTS; i++) free(result->numbers[i]);
}

static void bits_depend_neither_on_threads_nor_on_planning(void **state)
{
    (void)state;
    static const int threads[] = { 1, 2, 3, 4, 7 };
    static const char *const levels[] = { "portable", "avx2", NULL };
    outcome expected, found;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
    run(tape, &expected);
    rg_tape_free(tape);
    for (size_t l = 0; l < COUNT(levels); l++)
        for (size_t k = 0; k < COUNT(threads); k++) {
            if (levels[l]) setenv("RG_SIMD", levels[l], 1);
            tape = rg_tape_new_with((rg_tape_options){ .threads = threads[k] });
            unsetenv("RG_SIMD");
            for (int time = 0; time < 3; time++) {
                run(tape, &found);
                for (int i = 0; i < RESULTS; i++)
                    if (memcmp(found.numbers[i], expected.numbers[i], (size_t)expected.count[i] * sizeof(double)) != 0)
                        fail_msg("result %d with %d threads, time %d", i, threads[k], time);
                release(&found);
            }
            rg_tape_free(tape);
        }
    release(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathering_and_adding_along_an_axis_are_those_of_loops),
        cmocka_unit_test(slices_are_selected_and_segments_added),
        cmocka_unit_test(an_index_out_of_range_is_named_with_its_position),
        cmocka_unit_test(bits_depend_neither_on_threads_nor_on_planning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
