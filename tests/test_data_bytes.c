/* Sets of images keep the bytes of their files, and nobody can tell from the numbers that come out: batches, made
 * features and standardised ones are byte / 255 to the last bit, at every level of vector instructions. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "data_files.h"

/* So many bytes a row that vectors, and what is left behind them, are both met. */
enum { ROWS = 9, WIDTH = 4 * 67 };

/* Every byte is there; on the heap, because sets own their arrays. */
static rg_data_set make_bytes(rg_dtype dtype)
{
    rg_data_set set = { .count = ROWS, .width = WIDTH, .shape = RG_SHAPE(ROWS, 4, 67), .dtype = dtype, .classes = 3,
                        .bytes = malloc(ROWS * WIDTH), .labels = malloc(ROWS * sizeof(int32_t)) };
    assert_true(set.bytes && set.labels);
    for (int i = 0; i < ROWS * WIDTH; i++) set.bytes[i] = (unsigned char)(i % 256);
    for (int i = 0; i < ROWS; i++) set.labels[i] = i % 3;
    return set;
}

static bool is_quotient(const void *features, rg_dtype dtype, int64_t i, unsigned char byte)
{
    return dtype == RG_F32 ? ((const float *)features)[i] == (float)byte / 255.0f
                           : ((const double *)features)[i] == byte / 255.0;
}

static void assert_quotients(const void *features, rg_dtype dtype, const unsigned char *bytes, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!is_quotient(features, dtype, i, bytes[i])) fail_msg("feature %d of byte %d", (int)i, bytes[i]);
}

static void go_through_batches(const rg_data_set *set, rg_data_batch_options options)
{
    rg_error error;
    rg_data_batches batches;
    rg_data_batch batch;
    assert_ok(rg_data_batches_new(&batches, set, options, &error), &error);
    for (int epoch = 0; epoch < 2; epoch++)
        while (rg_data_batches_next(&batches, &batch)) {
            assert_true(batch.dtype == set->dtype && batch.shape.rank == 3 && batch.shape.size[0] == batch.count);
            for (int64_t i = 0; i < batch.count; i++) {
                const char *row = (const char *)batch.features + (size_t)i * WIDTH * rg_dtype_size(set->dtype);
                assert_quotients(row, set->dtype, set->bytes + batch.rows[i] * WIDTH, WIDTH);
                assert_int_equal(batch.labels[i], set->labels[batch.rows[i]]);
            }
        }
    rg_data_batches_free(&batches);
}

static void batches_bring_the_bits_of_the_quotient(void **state)
{
    (void)state;
    static const char *const levels[] = { "portable", "avx2", "avx512" };
    for (size_t level = 0; level < sizeof levels / sizeof *levels; level++)
        for (int wide = 0; wide < 2; wide++) {
            assert_int_equal(setenv("RG_SIMD", levels[level], 1), 0);
            rg_data_set set = make_bytes(wide ? RG_F64 : RG_F32);
            for (int64_t size = 1; size <= ROWS; size += 2) {
                go_through_batches(&set, (rg_data_batch_options){ .size = size, .seed = 3 });
                go_through_batches(&set, (rg_data_batch_options){ .size = size, .in_order = true });
            }
            assert_null(set.features);
            rg_data_free(&set);
            assert_empty_set(&set);
        }
    assert_int_equal(unsetenv("RG_SIMD"), 0);
}

static void features_are_made_when_asked_for(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        rg_error error;
        rg_data_set set = make_bytes(wide ? RG_F64 : RG_F32), same = make_bytes(RG_F32);
        assert_ok(rg_data_make_features(&set, &error), &error);
        assert_null(set.bytes);
        assert_quotients(set.features, set.dtype, same.bytes, ROWS * WIDTH);
        const void *made = set.features;
        assert_ok(rg_data_make_features(&set, &error), &error);
        assert_ptr_equal(set.features, made);
        rg_data_free(&set);
        rg_data_free(&same);
    }
}

static void selected_bytes_stay_bytes(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set = make_bytes(RG_F32), out;
    const int64_t rows[] = { 7, 0, 7, 8 };
    assert_ok(rg_data_select(&set, rows, 4, &out, &error), &error);
    assert_null(out.features);
    assert_true(out.count == 4 && out.width == WIDTH && out.shape.rank == 3 && out.shape.size[0] == 4);
    assert_true(out.dtype == RG_F32 && out.classes == 3);
    for (int i = 0; i < 4; i++) {
        assert_memory_equal(out.bytes + i * WIDTH, set.bytes + rows[i] * WIDTH, WIDTH);
        assert_int_equal(out.labels[i], set.labels[rows[i]]);
    }
    rg_data_free(&out);
    rg_data_free(&set);
}

static void split_bytes_stay_bytes(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set = make_bytes(RG_F32), train, test;
    rg_data_split_options options = { .test_fraction = 0.34, .seed = 5, .stratified = true };
    assert_ok(rg_data_split(&set, options, &train, &test, &error), &error);
    assert_true(train.count == 6 && test.count == 3 && !train.features && !test.features);
    int64_t from_train = 0, from_test = 0;
    for (int64_t i = 0; i < ROWS; i++) {
        bool tested = from_test < 3 && memcmp(test.bytes + from_test * WIDTH, set.bytes + i * WIDTH, WIDTH) == 0;
        const rg_data_set *side = tested ? &test : &train;
        int64_t at = tested ? from_test++ : from_train++;
        assert_true(at < side->count);
        assert_memory_equal(side->bytes + at * WIDTH, set.bytes + i * WIDTH, WIDTH);
        assert_int_equal(side->labels[at], set.labels[i]);
    }
    rg_data_free(&train);
    rg_data_free(&test);
    rg_data_free(&set);
}

/* As if the features had been there from the beginning. */
static void bytes_are_standardised_as_the_numbers_they_stand_for(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        rg_error error;
        rg_data_standardiser of_bytes, of_numbers;
        rg_data_set bytes = make_bytes(wide ? RG_F64 : RG_F32), numbers = make_bytes(wide ? RG_F64 : RG_F32);
        assert_ok(rg_data_make_features(&numbers, &error), &error);
        assert_ok(rg_data_standardiser_fit(&of_bytes, &bytes, &error), &error);
        assert_non_null(bytes.bytes);
        assert_ok(rg_data_standardiser_fit(&of_numbers, &numbers, &error), &error);
        assert_memory_equal(of_bytes.mean, of_numbers.mean, WIDTH * sizeof(double));
        assert_memory_equal(of_bytes.deviation, of_numbers.deviation, WIDTH * sizeof(double));
        assert_ok(rg_data_standardiser_apply(&of_bytes, &bytes, &error), &error);
        assert_ok(rg_data_standardiser_apply(&of_numbers, &numbers, &error), &error);
        assert_null(bytes.bytes);
        assert_memory_equal(bytes.features, numbers.features, ROWS * WIDTH * rg_dtype_size(bytes.dtype));
        rg_data_standardiser_free(&of_bytes);
        rg_data_standardiser_free(&of_numbers);
        rg_data_free(&bytes);
        rg_data_free(&numbers);
    }
}

/* A set that lost its bytes, or never had any, is refused wherever examples are read. */
static void a_set_with_neither_bytes_nor_features_is_refused(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set hollow = { .count = 2, .width = 1, .shape = RG_SHAPE(2, 1), .dtype = RG_F32 }, out, other;
    rg_data_batches batches;
    rg_data_standardiser standardiser, fitted = { .width = 1, .mean = (double[]){ 0 }, .deviation = (double[]){ 1 } };
    assert_error(rg_data_make_features(&hollow, &error), &error, RG_E_NULL, "features: no examples");
    assert_error(rg_data_make_features(NULL, &error), &error, RG_E_NULL, "features: no examples");
    assert_int_equal(rg_data_make_features(NULL, NULL), RG_E_NULL);
    assert_error(rg_data_batches_new(&batches, &hollow, (rg_data_batch_options){ .size = 1 }, &error), &error,
                 RG_E_ARGUMENT, "empty");
    assert_error(rg_data_select(&hollow, (int64_t[]){ 0 }, 1, &out, &error), &error, RG_E_NULL, "no examples");
    assert_empty_set(&out);
    assert_error(rg_data_split(&hollow, (rg_data_split_options){ .test_fraction = 0.5 }, &out, &other, &error), &error,
                 RG_E_NULL, "no examples");
    assert_error(rg_data_standardiser_fit(&standardiser, &hollow, &error), &error, RG_E_NULL, "no examples");
    assert_error(rg_data_standardiser_apply(&fitted, &hollow, &error), &error, RG_E_NULL, "no examples");
}

/* Who gives the features of images to a tape without making them hears of it. */
static void features_that_were_never_made_are_an_error_of_the_tape(void **state)
{
    (void)state;
    rg_data_set set = make_bytes(RG_F32);
    rg_tape *tape = rg_tape_new();
    rg_input_borrowed(tape, set.dtype, RG_SHAPE(set.count, set.width), set.features);
    assert_int_equal(rg_tape_status(tape), RG_E_NULL);
    rg_tape_free(tape);
    rg_data_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_bring_the_bits_of_the_quotient),
        cmocka_unit_test(features_are_made_when_asked_for),
        cmocka_unit_test(selected_bytes_stay_bytes),
        cmocka_unit_test(split_bytes_stay_bytes),
        cmocka_unit_test(bytes_are_standardised_as_the_numbers_they_stand_for),
        cmocka_unit_test(a_set_with_neither_bytes_nor_features_is_refused),
        cmocka_unit_test(features_that_were_never_made_are_an_error_of_the_tape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
