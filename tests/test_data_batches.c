/* Batches cover each epoch once, in an order that is a function of seed and epoch, and go on from any step. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "data_files.h"

/* Example i has features 10 i and 10 i + 1, label i mod 3 or target i / 2. On the stack: never freed. */
typedef struct {
    rg_data_set set;
    float features[64];
    double features64[64];
    int32_t labels[32];
    float targets[32];
} small;

static const rg_data_set *make_small(small *s, int64_t count, bool regression)
{
    for (int i = 0; i < 32; i++) {
        s->features64[2 * i] = s->features[2 * i] = (float)(10 * i);
        s->features64[2 * i + 1] = s->features[2 * i + 1] = (float)(10 * i + 1);
        s->labels[i] = i % 3;
        s->targets[i] = (float)i / 2;
    }
    s->set = (rg_data_set){ .count = count, .width = 2, .shape = RG_SHAPE(count, 1, 2), .dtype = RG_F32,
                            .features = s->features };
    if (regression) {
        s->set.targets = s->targets;
    } else {
        s->set.labels = s->labels;
        s->set.classes = 3;
    }
    return &s->set;
}

static rg_data_batches start(const rg_data_set *set, int64_t size, uint64_t seed)
{
    rg_error error;
    rg_data_batches batches;
    rg_data_batch_options options = { .size = size, .seed = seed };
    assert_ok(rg_data_batches_new(&batches, set, options, &error), &error);
    return batches;
}

static void assert_batch_is_of(const rg_data_batch *batch, const rg_data_set *set)
{
    assert_int_equal(batch->dtype, set->dtype);
    assert_int_equal(batch->shape.rank, set->shape.rank);
    assert_int_equal(batch->shape.size[0], batch->count);
    assert_int_equal(batch->shape.size[1], set->shape.size[1]);
    assert_true(!batch->labels == !set->labels && !batch->targets == !set->targets);
    for (int64_t i = 0; i < batch->count; i++) {
        int64_t row = batch->rows[i];
        for (int64_t j = 0; j < set->width; j++)
            assert_true(((const float *)batch->features)[i * set->width + j] ==
                        ((const float *)set->features)[row * set->width + j]);
        if (set->labels) assert_int_equal(batch->labels[i], set->labels[row]);
        if (set->targets) assert_true(((const float *)batch->targets)[i] == ((const float *)set->targets)[row]);
    }
}

/* ---- Permutations --------------------------------------------------------------------------------- */

static void a_permutation_has_each_number_once(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    int64_t order[MOST + 1];
    for (int64_t count = 1; count <= MOST; count += count < 20 ? 1 : 97) {
        bool seen[MOST] = { false };
        order[count] = -7;
        rg_data_permutation(5, 6, count, order);
        for (int64_t i = 0; i < count; i++) {
            assert_true(order[i] >= 0 && order[i] < count && !seen[order[i]]);
            seen[order[i]] = true;
        }
        assert_int_equal(order[count], -7);
    }
    order[0] = 3;
    rg_data_permutation(5, 6, 0, order);
    rg_data_permutation(5, 6, -1, order);
    assert_int_equal(order[0], 3);
}

static void every_permutation_is_equally_likely(void **state)
{
    (void)state;
    enum { DRAWS = 48000 };
    int met[256] = { 0 }, different = 0;
    double statistic = 0;
    for (uint64_t epoch = 0; epoch < DRAWS; epoch++) {
        int64_t order[4];
        rg_data_permutation(42, epoch, 4, order);
        met[order[0] * 64 + order[1] * 16 + order[2] * 4 + order[3]]++;
    }
    for (int i = 0; i < 256; i++)
        if (met[i] > 0) {
            different++;
            statistic += pow(met[i] - DRAWS / 24.0, 2) / (DRAWS / 24.0);
        }
    assert_int_equal(different, 24);
    /* Chi squared with 23 degrees of freedom: within its central 99.9 %. */
    assert_true(statistic > 6.5 && statistic < 50.5);
}

static void seed_and_epoch_alone_decide(void **state)
{
    (void)state;
    int64_t one[50], same[50], other_epoch[50], other_seed[50];
    rg_data_permutation(1, 2, 50, one);
    rg_data_permutation(1, 2, 50, same);
    rg_data_permutation(1, 3, 50, other_epoch);
    rg_data_permutation(2, 2, 50, other_seed);
    assert_memory_equal(one, same, sizeof one);
    assert_memory_not_equal(one, other_epoch, sizeof one);
    assert_memory_not_equal(one, other_seed, sizeof one);
    assert_memory_not_equal(other_epoch, other_seed, sizeof one);
}

/* The same on every machine and in every version: trained models depend on it. */
static void the_order_of_a_seed_never_changes(void **state)
{
    (void)state;
    static const int64_t expected[] = { 0, 9, 6, 7, 8, 1, 4, 5, 3, 2 };
    int64_t order[10];
    rg_data_permutation(42, 1, 10, order);
    assert_memory_equal(order, expected, sizeof expected);
}

/* ---- Batches -------------------------------------------------------------------------------------- */

static void an_epoch_has_every_example_once_and_a_ragged_end(void **state)
{
    (void)state;
    for (int regression = 0; regression < 2; regression++) {
        small s;
        const rg_data_set *set = make_small(&s, 10, regression);
        rg_data_batches batches = start(set, 4, 42);
        assert_int_equal(batches.per_epoch, 3);
        for (int epoch = 0; epoch < 3; epoch++) {
            static const int64_t counts[] = { 4, 4, 2 };
            bool seen[10] = { false };
            rg_data_batch batch;
            assert_int_equal(batches.epoch, epoch);
            for (int i = 0; i < 3; i++) {
                assert_true(rg_data_batches_next(&batches, &batch));
                assert_int_equal(batch.count, counts[i]);
                assert_batch_is_of(&batch, set);
                for (int64_t k = 0; k < batch.count; k++) {
                    assert_false(seen[batch.rows[k]]);
                    seen[batch.rows[k]] = true;
                }
            }
            assert_false(rg_data_batches_next(&batches, &batch));
            assert_int_equal(batch.count, 0);
        }
        rg_data_batches_free(&batches);
        assert_null(batches.order);
    }
}

static void sizes_that_divide_or_exceed_the_set(void **state)
{
    (void)state;
    static const struct { int64_t size, batches, last; } cases[] = {
        { 1, 12, 1 }, { 4, 3, 4 }, { 11, 2, 1 }, { 12, 1, 12 }, { 13, 1, 12 }, { INT64_MAX, 1, 12 },
    };
    small s;
    const rg_data_set *set = make_small(&s, 12, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rg_data_batches batches = start(set, cases[i].size, 1);
        rg_data_batch batch;
        int64_t count = 0, last = 0;
        for (; rg_data_batches_next(&batches, &batch); count++) last = batch.count;
        assert_int_equal(count, cases[i].batches);
        assert_int_equal(batches.per_epoch, cases[i].batches);
        assert_int_equal(last, cases[i].last);
        rg_data_batches_free(&batches);
    }
}

static void epochs_are_shuffled_by_their_permutation(void **state)
{
    (void)state;
    small s;
    const rg_data_set *set = make_small(&s, 30, false);
    rg_data_batches batches = start(set, 30, 9);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        int64_t order[30];
        rg_data_batch batch;
        rg_data_permutation(9, epoch, 30, order);
        assert_true(rg_data_batches_next(&batches, &batch));
        assert_memory_equal(batch.rows, order, sizeof order);
        assert_false(rg_data_batches_next(&batches, &batch));
    }
    rg_data_batches_free(&batches);
}

static void in_order_means_unshuffled(void **state)
{
    (void)state;
    small s;
    rg_error error;
    rg_data_batches batches;
    rg_data_batch batch;
    const rg_data_set *set = make_small(&s, 9, true);
    rg_data_batch_options options = { .size = 4, .seed = 3, .in_order = true };
    assert_ok(rg_data_batches_new(&batches, set, options, &error), &error);
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int64_t row = 0; rg_data_batches_next(&batches, &batch); row += batch.count) {
            assert_batch_is_of(&batch, set);
            for (int64_t i = 0; i < batch.count; i++) assert_int_equal(batch.rows[i], row + i);
        }
    }
    rg_data_batches_free(&batches);
}

static void any_step_can_be_resumed(void **state)
{
    (void)state;
    enum { STEPS = 23 };
    small s;
    const rg_data_set *set = make_small(&s, 17, false);
    int64_t rows[STEPS][5] = { { 0 } }, counts[STEPS];
    rg_data_batch batch;
    rg_data_batches batches = start(set, 5, 77);
    for (int step = 0; step < STEPS; step++) {
        if (!rg_data_batches_next(&batches, &batch)) assert_true(rg_data_batches_next(&batches, &batch));
        counts[step] = batch.count;
        memcpy(rows[step], batch.rows, (size_t)batch.count * sizeof *rows[step]);
    }
    rg_data_batches_free(&batches);
    for (int step = STEPS - 1; step >= 0; step--) {
        rg_data_batches resumed = start(set, 5, 77);
        assert_int_equal(rg_data_batches_seek(&resumed, step / resumed.per_epoch, step % resumed.per_epoch), RG_OK);
        for (int next = step; next < STEPS; next++) {
            if (!rg_data_batches_next(&resumed, &batch)) assert_true(rg_data_batches_next(&resumed, &batch));
            assert_int_equal(batch.count, counts[next]);
            assert_memory_equal(batch.rows, rows[next], (size_t)batch.count * sizeof *rows[next]);
            assert_batch_is_of(&batch, set);
        }
        rg_data_batches_free(&resumed);
    }
}

static void seeking_outside_an_epoch_is_refused(void **state)
{
    (void)state;
    small s;
    rg_data_batch batch;
    rg_data_batches batches = start(make_small(&s, 10, false), 4, 1), nothing = { .set = NULL };
    assert_int_equal(rg_data_batches_seek(&batches, 2, 3), RG_OK); /* the end of epoch 2 */
    assert_int_equal(rg_data_batches_seek(&batches, -1, 0), RG_E_ARGUMENT);
    assert_int_equal(rg_data_batches_seek(&batches, 0, -1), RG_E_ARGUMENT);
    assert_int_equal(rg_data_batches_seek(&batches, 0, 4), RG_E_ARGUMENT);
    assert_int_equal(rg_data_batches_seek(NULL, 0, 0), RG_E_NULL);
    assert_int_equal(rg_data_batches_seek(&nothing, 0, 0), RG_E_NULL);
    assert_true(batches.epoch == 2 && batches.next == 3);
    assert_false(rg_data_batches_next(&batches, &batch));
    assert_true(batches.epoch == 3 && batches.next == 0);
    assert_false(rg_data_batches_next(&nothing, &batch));
    assert_false(rg_data_batches_next(NULL, &batch));
    assert_false(rg_data_batches_next(&batches, NULL));
    rg_data_batches_free(&batches);
    rg_data_batches_free(NULL);
}

static void bad_iterators_are_refused(void **state)
{
    (void)state;
    small s;
    rg_error error;
    rg_data_batches batches;
    const rg_data_set *set = make_small(&s, 10, false), empty = { .count = 0 };
    rg_data_batch_options four = { .size = 4 }, none = { .size = 0 };
    assert_error(rg_data_batches_new(&batches, set, none, &error), &error, RG_E_ARGUMENT, "0 examples");
    assert_error(rg_data_batches_new(&batches, &empty, four, &error), &error, RG_E_ARGUMENT, "empty");
    assert_error(rg_data_batches_new(&batches, NULL, four, &error), &error, RG_E_NULL, "no data set");
    assert_error(rg_data_batches_new(NULL, set, four, &error), &error, RG_E_NULL, "iterator");
    assert_null(batches.order);
}

/* ---- Choosing and splitting ----------------------------------------------------------------------- */

static void selected_rows_bring_everything_along(void **state)
{
    (void)state;
    small s;
    rg_error error;
    rg_data_set out;
    const char *features[] = { "left", "right" }, *classes[] = { "a", "", "c" };
    make_small(&s, 20, false);
    s.set.feature_names = features;
    s.set.class_names = classes;
    assert_ok(rg_data_select(&s.set, (int64_t[]){ 7, 0, 7, 19 }, 4, &out, &error), &error);
    assert_true(out.count == 4 && out.width == 2 && out.shape.rank == 3 && out.shape.size[0] == 4 && out.classes == 3);
    static const float expected[] = { 70, 71, 0, 1, 70, 71, 190, 191 };
    assert_memory_equal(out.features, expected, sizeof expected);
    static const int32_t labels[] = { 1, 0, 1, 1 };
    assert_memory_equal(out.labels, labels, sizeof labels);
    for (int i = 0; i < 2; i++) assert_string_equal(out.feature_names[i], features[i]);
    assert_true(out.feature_names[0] != features[0]);
    for (int i = 0; i < 3; i++) assert_string_equal(out.class_names[i], classes[i]);
    rg_data_free(&out);

    make_small(&s, 20, true);
    assert_ok(rg_data_select(&s.set, (int64_t[]){ 3 }, 1, &out, &error), &error);
    assert_true(((float *)out.targets)[0] == 1.5f && !out.labels);
    rg_data_free(&out);

    assert_error(rg_data_select(&s.set, (int64_t[]){ 3, 20 }, 2, &out, &error), &error, RG_E_INDEX,
                 "row 20 is outside [0, 20)");
    assert_error(rg_data_select(&s.set, (int64_t[]){ -1 }, 1, &out, &error), &error, RG_E_INDEX, "row -1");
    assert_error(rg_data_select(&s.set, (int64_t[]){ 0 }, 0, &out, &error), &error, RG_E_ARGUMENT, "0 rows");
    assert_error(rg_data_select(&s.set, NULL, 1, &out, &error), &error, RG_E_NULL, "no rows");
    assert_error(rg_data_select(NULL, (int64_t[]){ 0 }, 1, &out, &error), &error, RG_E_NULL, "no examples");
    assert_error(rg_data_select(&s.set, (int64_t[]){ 0 }, 1, NULL, &error), &error, RG_E_NULL, "result");
    assert_empty_set(&out);
}

/* Examples keep their order, each goes to one side: which, as bits. */
static uint32_t split_mask(const rg_data_set *set, rg_data_split_options options, int64_t expected)
{
    rg_error error;
    rg_data_set train, test;
    uint32_t in_test = 0;
    assert_ok(rg_data_split(set, options, &train, &test, &error), &error);
    assert_int_equal(test.count, expected);
    assert_int_equal(train.count, set->count - expected);
    int64_t from_train = 0, from_test = 0;
    for (int64_t i = 0; i < set->count; i++) {
        float mark = ((const float *)set->features)[2 * i];
        bool tested = from_test < test.count && ((const float *)test.features)[2 * from_test] == mark;
        const rg_data_set *side = tested ? &test : &train;
        int64_t at = tested ? from_test++ : from_train++;
        assert_true(((const float *)side->features)[2 * at] == mark);
        if (set->labels) assert_int_equal(side->labels[at], set->labels[i]);
        if (tested) in_test |= UINT32_C(1) << i;
    }
    assert_true(from_test == test.count && from_train == train.count);
    rg_data_free(&train);
    rg_data_free(&test);
    return in_test;
}

static void a_split_is_a_partition_decided_by_its_seed(void **state)
{
    (void)state;
    small s;
    const rg_data_set *set = make_small(&s, 30, true);
    uint32_t one = split_mask(set, (rg_data_split_options){ .test_fraction = 0.25, .seed = 1 }, 8);
    assert_int_equal(one, split_mask(set, (rg_data_split_options){ .test_fraction = 0.25, .seed = 1 }, 8));
    assert_int_not_equal(one, split_mask(set, (rg_data_split_options){ .test_fraction = 0.25, .seed = 2 }, 8));
    int often[30] = { 0 };
    for (uint64_t seed = 0; seed < 300; seed++) {
        uint32_t mask = split_mask(set, (rg_data_split_options){ .test_fraction = 0.5, .seed = seed }, 15);
        for (int i = 0; i < 30; i++) often[i] += (mask >> i & 1) != 0;
    }
    for (int i = 0; i < 30; i++) assert_true(often[i] > 115 && often[i] < 185); /* four deviations from 150 */
}

static void a_stratified_split_takes_its_share_of_every_class(void **state)
{
    (void)state;
    small s;
    make_small(&s, 30, false);
    for (int i = 0; i < 30; i++) s.labels[i] = i < 20 ? 0 : i < 28 ? 1 : 2; /* 20, 8 and 2 */
    for (uint64_t seed = 0; seed < 20; seed++) {
        rg_data_split_options options = { .test_fraction = 0.25, .seed = seed, .stratified = true };
        uint32_t mask = split_mask(&s.set, options, 8);
        int share[3] = { 0 };
        for (int i = 0; i < 30; i++) share[s.labels[i]] += (mask >> i & 1) != 0;
        assert_true(share[0] == 5 && share[1] == 2 && share[2] == 1);
    }
}

static void bad_splits_are_refused(void **state)
{
    (void)state;
    small s;
    rg_error error;
    rg_data_set train, test;
    const rg_data_set *set = make_small(&s, 10, true);
    static const double fractions[] = { 0, 1, -0.1, 1.5, NAN };
    for (size_t i = 0; i < sizeof fractions / sizeof *fractions; i++)
        assert_error(rg_data_split(set, (rg_data_split_options){ .test_fraction = fractions[i] }, &train, &test,
                                   &error), &error, RG_E_ARGUMENT, "fraction");
    rg_data_split_options half = { .test_fraction = 0.5 }, little = { .test_fraction = 0.01 };
    rg_data_split_options much = { .test_fraction = 0.99 };
    assert_error(rg_data_split(set, little, &train, &test, &error), &error, RG_E_ARGUMENT, "one side empty");
    assert_error(rg_data_split(set, much, &train, &test, &error), &error, RG_E_ARGUMENT, "one side empty");
    assert_error(rg_data_split(NULL, half, &train, &test, &error), &error, RG_E_NULL, "no examples");
    assert_error(rg_data_split(set, half, NULL, &test, &error), &error, RG_E_NULL, "results");
    assert_error(rg_data_split(set, half, &train, NULL, &error), &error, RG_E_NULL, "results");
    half.stratified = true;
    assert_error(rg_data_split(set, half, &train, &test, &error), &error, RG_E_ARGUMENT, "no classes");
    make_small(&s, 10, false);
    s.labels[4] = 3;
    assert_error(rg_data_split(set, half, &train, &test, &error), &error, RG_E_INDEX, "example 4 has label 3");
    assert_empty_set(&train);
    assert_empty_set(&test);
}

/* ---- Standardisation ------------------------------------------------------------------------------ */

static void features_get_mean_0_and_deviation_1(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        small s;
        rg_error error;
        rg_data_standardiser standardiser;
        make_small(&s, 32, false);
        if (wide) s.set.dtype = RG_F64, s.set.features = s.features64;
        assert_ok(rg_data_standardiser_fit(&standardiser, &s.set, &error), &error);
        assert_int_equal(standardiser.width, 2);
        double deviation = 10 * sqrt((32.0 * 32.0 - 1) / 12); /* of 0, 10, ..., 310 */
        assert_true(standardiser.mean[0] == 155 && standardiser.mean[1] == 156);
        assert_true(fabs(standardiser.deviation[0] - deviation) < 1e-12);
        assert_true(fabs(standardiser.deviation[1] - deviation) < 1e-12);
        assert_ok(rg_data_standardiser_apply(&standardiser, &s.set, &error), &error);
        for (int i = 0; i < 64; i++) {
            double expected = (10 * (i / 2) - 155) / standardiser.deviation[0];
            if (wide)
                assert_true(fabs(s.features64[i] - expected) < 1e-15);
            else
                assert_true(s.features[i] == (float)expected);
        }
        rg_data_standardiser_free(&standardiser);
        assert_null(standardiser.mean);
    }
}

static void a_feature_that_never_changes_becomes_0(void **state)
{
    (void)state;
    static const double constants[] = { 0, 0.1, -1e30, 1.0 / 3, 1e300, 5e-324 };
    for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
        small s;
        rg_error error;
        rg_data_standardiser standardiser;
        make_small(&s, 31, false);
        s.set.dtype = RG_F64;
        s.set.features = s.features64;
        for (int i = 0; i < 31; i++) s.features64[2 * i + 1] = constants[c];
        assert_ok(rg_data_standardiser_fit(&standardiser, &s.set, &error), &error);
        assert_true(standardiser.mean[1] == constants[c] && standardiser.deviation[1] == 1);
        assert_ok(rg_data_standardiser_apply(&standardiser, &s.set, &error), &error);
        for (int i = 0; i < 31; i++) assert_true(s.features64[2 * i + 1] == 0);
        rg_data_standardiser_free(&standardiser);
    }
}

static void a_large_offset_does_not_spoil_the_deviation(void **state)
{
    (void)state;
    small s;
    rg_error error;
    rg_data_standardiser standardiser;
    make_small(&s, 32, false);
    s.set.dtype = RG_F64;
    s.set.features = s.features64;
    for (int i = 0; i < 64; i++) s.features64[i] = 1e12 + (i / 2 % 2);
    assert_ok(rg_data_standardiser_fit(&standardiser, &s.set, &error), &error);
    assert_true(standardiser.mean[0] == 1e12 + 0.5 && standardiser.deviation[0] == 0.5);
    rg_data_standardiser_free(&standardiser);
}

static void what_cannot_be_standardised_is_refused(void **state)
{
    (void)state;
    small s;
    rg_error error;
    rg_data_standardiser standardiser, never = { .width = 2 };
    make_small(&s, 8, false);
    s.set.dtype = RG_F64;
    s.set.features = s.features64;
    s.features64[3] = 1e200; /* its square is too large */
    assert_error(rg_data_standardiser_fit(&standardiser, &s.set, &error), &error, RG_E_ARGUMENT,
                 "the sums of feature 1 are not finite");
    assert_null(standardiser.mean);
    make_small(&s, 8, false);
    assert_error(rg_data_standardiser_fit(&standardiser, NULL, &error), &error, RG_E_NULL, "no examples");
    assert_error(rg_data_standardiser_fit(NULL, &s.set, &error), &error, RG_E_NULL, "result");
    assert_error(rg_data_standardiser_apply(&never, &s.set, &error), &error, RG_E_NULL, "never fitted");
    assert_ok(rg_data_standardiser_fit(&standardiser, &s.set, &error), &error);
    assert_error(rg_data_standardiser_apply(&standardiser, NULL, &error), &error, RG_E_NULL, "no examples");
    s.set.width = 1;
    assert_error(rg_data_standardiser_apply(&standardiser, &s.set, &error), &error, RG_E_SHAPE,
                 "1 features, but fitted on 2");
    rg_data_standardiser_free(&standardiser);
    rg_data_standardiser_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_permutation_has_each_number_once),
        cmocka_unit_test(every_permutation_is_equally_likely),
        cmocka_unit_test(seed_and_epoch_alone_decide),
        cmocka_unit_test(the_order_of_a_seed_never_changes),
        cmocka_unit_test(an_epoch_has_every_example_once_and_a_ragged_end),
        cmocka_unit_test(sizes_that_divide_or_exceed_the_set),
        cmocka_unit_test(epochs_are_shuffled_by_their_permutation),
        cmocka_unit_test(in_order_means_unshuffled),
        cmocka_unit_test(any_step_can_be_resumed),
        cmocka_unit_test(seeking_outside_an_epoch_is_refused),
        cmocka_unit_test(bad_iterators_are_refused),
        cmocka_unit_test(selected_rows_bring_everything_along),
        cmocka_unit_test(a_split_is_a_partition_decided_by_its_seed),
        cmocka_unit_test(a_stratified_split_takes_its_share_of_every_class),
        cmocka_unit_test(bad_splits_are_refused),
        cmocka_unit_test(features_get_mean_0_and_deviation_1),
        cmocka_unit_test(a_feature_that_never_changes_becomes_0),
        cmocka_unit_test(a_large_offset_does_not_spoil_the_deviation),
        cmocka_unit_test(what_cannot_be_standardised_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
