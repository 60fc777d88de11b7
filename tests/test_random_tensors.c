/* test_random_tensors.c: random tensors hold the numbers of their key's stream, place by place, however they are computed;
 * they are distributed as they should be; and gradients go through mean and deviation. Casts keep or round numbers. */
#include "one_tape.h"
#include "refused.h"

enum { SEED = 42, STREAM = 7, ROWS = 301, COLUMNS = 401, N = ROWS * COLUMNS };
#define ALL RG_SHAPE(ROWS, COLUMNS)

/* ---- Which numbers ------------------------------------------------------------------------------------------------- */

static void element_i_is_number_i_of_the_stream(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        rg_tape_reset(tape);
        rg_tensor key = rg_random_key(tape, SEED, STREAM + (uint64_t)round), half = rg_full(tape, RG_F32, ALL, 0.5);
        rg_tensor all[] = { rg_uniform(key, RG_F64, ALL), rg_uniform(key, RG_F32, ALL), rg_standard_normal(key, RG_F64, ALL),
                            rg_standard_normal(key, RG_F32, ALL), rg_bernoulli(half, key) };
        if (rg_eval(COUNT(all), all) != RG_OK) fail_msg("%s", rg_message(tape));
        for (uint64_t i = 0; i < N; i++) {
            const uint64_t stream = STREAM + (uint64_t)round;
            const double u = rg_random_uniform(SEED, stream, i), z = rg_random_normal(SEED, stream, i);
            assert_true(((const double *)rg_data(all[0]))[i] == u);
            assert_true((double)((const float *)rg_data(all[1]))[i] == floor(u * 0x1p24) * 0x1p-24);
            assert_true(((const double *)rg_data(all[2]))[i] == z);
            assert_true(((const float *)rg_data(all[3]))[i] == (float)z);
            assert_true(((const float *)rg_data(all[4]))[i] == (u < 0.5 ? 1.0f : 0.0f));
        }
    }
}

/* Something of everything, behind which elementwise ops stand. */
static void all_together(rg_tape *on, double *out)
{
    rg_tape_reset(on);
    rg_tensor key = rg_random_key(on, 3, 4), other = rg_random_key(on, 3, 5);
    rg_tensor u = rg_uniform(key, RG_F64, ALL), z = rg_standard_normal(other, RG_F64, ALL);
    rg_tensor y = rg_add(rg_mul(u, rg_tanh(z)), rg_bernoulli(u, other));
    if (rg_read(y, out, N * sizeof *out) != RG_OK) fail_msg("%s", rg_message(on));
}

static void the_same_bits_for_any_number_of_threads_and_node_by_node(void **state)
{
    (void)state;
    static double expected[N], found[N];
    all_together(tape, expected);
    static const rg_tape_options ways[] = { { .threads = 1 }, { .threads = 2 }, { .threads = 3 }, { .threads = 7 }, { .eager = true } };
    for (size_t i = 0; i < COUNT(ways); i++) {
        rg_tape *other = rg_tape_new_with(ways[i]);
        for (int round = 0; round < 3; round++) {
            all_together(other, found);
            assert_memory_equal(found, expected, sizeof expected);
        }
        rg_tape_free(other);
    }
}

static void one_key_draws_the_same_and_another_does_not(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        rg_tape_reset(tape);
        rg_tensor key = rg_random_key(tape, 1, 2), again = rg_random_key(tape, 1, 2), next = rg_random_key(tape, 1, 3);
        rg_tensor all[] = { rg_uniform(key, RG_F64, RG_SHAPE(2000)), rg_uniform(key, RG_F64, RG_SHAPE(2000)),
                            rg_uniform(again, RG_F64, RG_SHAPE(2000)), rg_uniform(next, RG_F64, RG_SHAPE(2000)) };
        assert_int_equal(rg_eval(4, all), RG_OK);
        assert_memory_equal(rg_data(all[0]), rg_data(all[1]), 2000 * sizeof(double));
        assert_memory_equal(rg_data(all[0]), rg_data(all[2]), 2000 * sizeof(double));
        assert_memory_not_equal(rg_data(all[0]), rg_data(all[3]), 2000 * sizeof(double));
    }
}

static void a_new_key_needs_no_new_plan(void **state)
{
    (void)state;
    for (uint64_t step = 0; step < 10; step++) {
        rg_tape_reset(tape);
        rg_item(rg_sum(rg_uniform(rg_random_key(tape, 1, step), RG_F64, RG_SHAPE(100))));
    }
    assert_fine(tape);
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
}

/* ---- How they are distributed ---------------------------------------------------------------------------------------- */

/* To six standard errors. */
static void assert_near(double got, double mean, double deviation)
{
    if (!(fabs(got - mean) <= 6 * deviation / sqrt(N))) fail_msg("%g instead of %g", got, mean);
}

static void moments_are_right(void **state)
{
    (void)state;
    rg_tensor key = rg_random_key(tape, 11, 1);
    rg_tensor u = rg_uniform(key, RG_F64, ALL), z = rg_standard_normal(key, RG_F64, ALL);
    rg_tensor b = rg_bernoulli(rg_full(tape, RG_F64, ALL, 0.3), key);
    assert_near(rg_item(rg_mean(u)), 0.5, sqrt(1.0 / 12));
    assert_near(rg_item(rg_mean(rg_square(u))), 1.0 / 3, sqrt(4.0 / 45));
    assert_near(rg_item(rg_mean(z)), 0, 1);
    assert_near(rg_item(rg_mean(rg_square(z))), 1, sqrt(2));
    assert_near(rg_item(rg_mean(rg_power(z, 4))), 3, sqrt(96));
    assert_near(rg_item(rg_mean(b)), 0.3, sqrt(0.21));
    assert_true(rg_item(rg_max(u)) < 1 && rg_item(rg_max(rg_neg(u))) <= 0);
    assert_true(rg_item(rg_max(rg_uniform(key, RG_F32, ALL))) < 1);
}

static void certain_probabilities_are_certain(void **state)
{
    (void)state;
    rg_tensor drawn = rg_bernoulli(VECTOR(tape, 0, 1, -1, 2, NAN), rg_random_key(tape, 1, 1));
    for (int i = 0; i < 4; i++) assert_true(element(drawn, i) == i % 2);
    assert_true(isnan(element(drawn, 4)));
}

static void permutations_are_permutations_and_each_as_likely(void **state)
{
    (void)state;
    enum { KEYS = 6000 };
    int seen[6] = { 0 };
    for (uint64_t k = 0; k < KEYS; k++) {
        rg_tape_reset(tape);
        const int64_t *order = rg_data(rg_permutation(rg_random_key(tape, 5, k), 3));
        assert_non_null(order);
        assert_int_equal(1 << order[0] | 1 << order[1] | 1 << order[2], 7);
        seen[2 * order[0] + (order[1] > order[2])]++;
    }
    for (int i = 0; i < 6; i++) assert_true(abs(seen[i] - KEYS / 6) < 6 * 29); /* sqrt(6000 5/36) = 28.9 */
    static bool there[1000];
    const int64_t *order = rg_data(rg_permutation(rg_random_key(tape, 1, 1), 1000));
    for (int i = 0; i < 1000; i++) there[order[i]] = true;
    for (int i = 0; i < 1000; i++) assert_true(there[i]);
    rg_tensor rows = rg_gather_rows(MATRIX(tape, 3, 1, 1, 2, 3), rg_permutation(rg_random_key(tape, 1, 9), 3));
    assert_true(rg_item(rg_sum(rows)) == 6);
}

/* ---- Gradients --------------------------------------------------------------------------------------------------------- */

static void gradients_go_through_mean_and_deviation(void **state)
{
    (void)state;
    rg_tensor key = rg_random_key(tape, 9, 9), mean = VECTOR(tape, 1, 2, 3), deviation = VECTOR(tape, 0.5);
    rg_tensor x = rg_normal(mean, deviation, key);
    double z[3], sum = 0;
    for (uint64_t i = 0; i < 3; i++) sum += z[i] = rg_random_normal(9, 9, i);
    assert_shape(x, RG_SHAPE(3));
    assert_values(x, 1 + 0.5 * z[0], 2 + 0.5 * z[1], 3 + 0.5 * z[2]);
    assert_exactly(gradient(rg_sum(x), mean), 1, 1, 1);
    assert_values(gradient(rg_sum(x), deviation), sum);
    assert_exactly(gradient(rg_sum(rg_bernoulli(mean, key)), mean), 0, 0, 0);
}

/* ---- Casts --------------------------------------------------------------------------------------------------------------- */

static void floats_are_cast_there_and_their_cotangents_back(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        rg_tape_reset(tape);
        rg_tensor x = VECTOR(tape, 0.1, 2, -3), narrow = rg_cast(x, RG_F32), y = rg_cast(rg_square(narrow), RG_F64);
        assert_int_equal(rg_dtype_of(narrow), RG_F32);
        rg_tensor slope = gradient(rg_sum(rg_mul(y, x)), x);
        assert_int_equal(rg_dtype_of(slope), RG_F64);
        assert_numbers(slope, NUMBERS(0.03, 12, 27), 3, 1e-7);
        assert_numbers(gradient(rg_sum(slope), x), NUMBERS(0.6, 12, -18), 3, 1e-7);
        assert_true(element(narrow, 0) == (double)0.1f);
    }
}

static void what_does_not_fit_becomes_the_nearest_that_does(void **state)
{
    (void)state;
    rg_tensor x = VECTOR(tape, 1.9, -1.9, 1e300, -INFINITY, NAN, 2147483648.0);
    const int32_t small[] = { 1, -1, INT32_MAX, INT32_MIN, 0, INT32_MAX };
    const int64_t large[] = { 1, -1, INT64_MAX, INT64_MIN, 0, INT64_C(2147483648) };
    assert_memory_equal(rg_data(rg_cast(x, RG_I32)), small, sizeof small);
    assert_memory_equal(rg_data(rg_cast(x, RG_I64)), large, sizeof large);
    assert_memory_equal(rg_data(rg_cast(rg_cast(x, RG_I64), RG_I32)), small, sizeof small);
    assert_memory_equal(rg_data(rg_cast(rg_cast(x, RG_F32), RG_I32)), small, sizeof small);
    rg_tensor l = rg_input(tape, RG_I64, RG_SHAPE(2), (int64_t[]){ INT64_C(16777217), -3 });
    assert_exactly(rg_cast(l, RG_F64), 16777217, -3);
    assert_exactly(rg_cast(l, RG_F32), 16777216, -3);
    assert_exactly(rg_cast(rg_transpose(rg_input(tape, RG_I32, RG_SHAPE(2, 2), (int32_t[]){ 1, 2, 3, 4 })), RG_F64), 1, 3, 2, 4);
    assert_exactly(gradient(rg_sum(rg_mul(rg_cast(rg_cast(x, RG_I32), RG_F64), x)), x), 1, -1, INT32_MAX, INT32_MIN, 0, INT32_MAX);
}

/* ---- Misuse ---------------------------------------------------------------------------------------------------------------- */

static void refused(int line, rg_tensor t, rg_status status, const char *begins)
{
    assert_true(rg_is_null(t));
    assert_refused(tape, __FILE__, line, status, begins, "");
    assert_true(rg_item(rg_sum(VECTOR(tape, 1, 2))) == 3);
}
#define REFUSED(call, status, begins) refused(__LINE__, call, status, begins)

static void what_cannot_be_drawn_is_refused(void **state)
{
    (void)state;
    rg_tensor old = rg_random_key(tape, 1, 1), null = { 0 };
    rg_tape_reset(tape);
    rg_tensor key = rg_random_key(tape, 1, 1), x = VECTOR(tape, 1, 2), three = VECTOR(tape, 1, 2, 3);
    rg_tensor f = rg_full(tape, RG_F32, RG_SHAPE(2), 1);
    rg_tape *elsewhere = rg_tape_new();
    rg_tensor foreign = rg_random_key(elsewhere, 1, 1);
    REFUSED(rg_uniform(x, RG_F64, RG_SHAPE(2)), RG_E_DTYPE, "uniform: the key must come from rg_random_key");
    REFUSED(rg_uniform(key, RG_I32, RG_SHAPE(2)), RG_E_DTYPE, "uniform: makes f32 or f64");
    REFUSED(rg_uniform(key, RG_F64, RG_SHAPE(-2)), RG_E_SHAPE, "uniform: a malformed or too large shape");
    REFUSED(rg_uniform(key, RG_F64, (rg_shape){ .rank = 9 }), RG_E_SHAPE, "uniform: a malformed or too large shape");
    REFUSED(rg_standard_normal(old, RG_F64, RG_SHAPE(2)), RG_E_TAPE, "standard_normal: operand 1 is a tensor from before");
    REFUSED(rg_normal(x, three, key), RG_E_SHAPE, "normal: sizes do not broadcast");
    REFUSED(rg_normal(x, f, key), RG_E_DTYPE, "normal: takes f32 or f64, the same for both");
    REFUSED(rg_normal(x, x, null), RG_E_NULL, "normal: operand 3 is the null tensor");
    REFUSED(rg_normal(x, x, foreign), RG_E_TAPE, "normal: operand 3 is on another tape");
    REFUSED(rg_normal(x, x, x), RG_E_DTYPE, "standard_normal: the key must come from rg_random_key");
    REFUSED(rg_bernoulli(key, key), RG_E_DTYPE, "bernoulli: takes f32 or f64");
    REFUSED(rg_bernoulli(x, x), RG_E_DTYPE, "bernoulli: the key must come from rg_random_key");
    REFUSED(rg_permutation(key, -1), RG_E_ARGUMENT, "permutation: -1 numbers");
    REFUSED(rg_permutation(key, INT64_MAX), RG_E_ARGUMENT, "permutation: ");
    REFUSED(rg_permutation(x, 3), RG_E_DTYPE, "permutation: the key must come from rg_random_key");
    REFUSED(rg_cast(x, (rg_dtype)17), RG_E_DTYPE, "cast: 17 is not a dtype");
    REFUSED(rg_cast(x, RG_NO_DTYPE), RG_E_DTYPE, "cast: 0 is not a dtype");
    assert_true(rg_is_null(rg_uniform(null, RG_F64, RG_SHAPE(2))) && rg_is_null(rg_cast(null, RG_F32)));
    rg_tape_free(elsewhere);
}


int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(element_i_is_number_i_of_the_stream),
        TEST(the_same_bits_for_any_number_of_threads_and_node_by_node),
        TEST(one_key_draws_the_same_and_another_does_not),
        TEST(a_new_key_needs_no_new_plan),
        TEST(moments_are_right),
        TEST(certain_probabilities_are_certain),
        TEST(permutations_are_permutations_and_each_as_likely),
        TEST(gradients_go_through_mean_and_deviation),
        TEST(floats_are_cast_there_and_their_cotangents_back),
        TEST(what_does_not_fit_becomes_the_nearest_that_does),
        TEST(what_cannot_be_drawn_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
