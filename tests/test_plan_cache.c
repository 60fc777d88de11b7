/* test_plan_cache.c: the cache of plans is bounded, keeps what is used, and never confuses two programs. */
#include "tensors.h"

#include "cache.h"

/* A program for each length. */
static double run_length(rg_tape *tape, int64_t length)
{
    double numbers[256];
    for (int64_t i = 0; i < length; i++) numbers[i] = (double)(i + 1);
    double sum = rg_item(rg_sum(rg_square(rg_input(tape, RG_F64, RG_SHAPE(length), numbers))));
    rg_tape_reset(tape);
    return sum;
}

static void assert_length(rg_tape *tape, int64_t length)
{
    assert_true(run_length(tape, length) == (double)(length * (length + 1) * (2 * length + 1)) / 6);
}

static void the_number_of_plans_is_bounded(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .plans = 5 });
    uint64_t most = 0, bytes = 0;
    for (int round = 0; round < 4; round++)
        for (int64_t length = 1; length <= 30; length++) {
            for (int i = 0; i < 3; i++) assert_length(tape, length);
            rg_tape_stats stats = rg_tape_get_stats(tape);
            assert_in_range(stats.plans_cached, 1, 5);
            if (stats.plans_cached > most) most = stats.plans_cached;
            if (round == 0) bytes = stats.plan_bytes > bytes ? stats.plan_bytes : bytes;
            assert_in_range(stats.plan_bytes, 1, bytes);
        }
    assert_int_equal(most, 5);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void the_plan_not_used_for_longest_goes_first(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .plans = 2 });
    for (int64_t length = 1; length <= 2; length++)
        for (int i = 0; i < 2; i++) assert_length(tape, length);
    assert_length(tape, 1); /* so that 2 is the older */
    for (int i = 0; i < 2; i++) assert_length(tape, 3);
    uint64_t hits = rg_tape_get_stats(tape).hits, built = rg_tape_get_stats(tape).plans_built;
    assert_int_equal(built, 3);
    assert_length(tape, 1);
    assert_length(tape, 3);
    assert_int_equal(rg_tape_get_stats(tape).hits, hits + 2);
    assert_length(tape, 2);
    assert_int_equal(rg_tape_get_stats(tape).hits, hits + 2);
    rg_tape_free(tape);
}

static void a_shape_that_changes_every_time_is_never_planned(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int64_t length = 1; length <= 256; length++) assert_length(tape, length);
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 0);
    assert_int_equal(rg_tape_get_stats(tape).plans_cached, 0);
    rg_tape_free(tape);
}

/* Sixty lengths in turn, as in training on sequences: each comes again only after all the others. */
static void traces_that_take_turns_are_all_planned(void **state)
{
    (void)state;
    enum { LENGTHS = 60, ROUNDS = 5 };
    rg_tape *tape = rg_tape_new();
    for (int round = 0; round < ROUNDS; round++)
        for (int64_t length = 1; length <= LENGTHS; length++) assert_length(tape, length);
    rg_tape_stats stats = rg_tape_get_stats(tape);
    assert_int_equal(stats.plans_built, LENGTHS);
    assert_int_equal(stats.hits, (ROUNDS - 2) * LENGTHS);
    rg_tape_free(tape);
}

/* ---- The table itself ------------------------------------------------------------------------------------------------------ */

enum { SIGNATURES = 300, WORDS = 4 };

static void signature_number(int i, uint64_t *words)
{
    for (int k = 0; k < WORDS; k++) words[k] = (uint64_t)k;
    words[i % WORDS] ^= UINT64_C(1) << (i / WORDS % 64); /* each differs from the others in one or two bits */
    words[WORDS - 1] += (uint64_t)(i / 256) << 32;
}

/* More plans than buckets, so that most share one: each signature finds the plan that was put under it. */
static void every_signature_finds_its_own_plan(void **state)
{
    (void)state;
    rg_cache *cache = rg_cache_new(SIGNATURES);
    for (int i = 0; i < SIGNATURES; i++) {
        uint64_t words[WORDS];
        rg_plan plan = { .step_count = (size_t)i }, *found = NULL;
        signature_number(i, words);
        assert_int_equal(rg_cache_find(cache, words, WORDS, &found), RG_SIGHT_FIRST);
        assert_int_equal(rg_cache_find(cache, words, WORDS, &found), RG_SIGHT_AGAIN);
        assert_non_null(rg_cache_put(cache, words, WORDS, &plan));
    }
    assert_int_equal(rg_cache_plans(cache), SIGNATURES);
    for (int i = 0; i < SIGNATURES; i++) {
        uint64_t words[WORDS];
        rg_plan *found = NULL;
        signature_number(i, words);
        assert_int_equal(rg_cache_find(cache, words, WORDS, &found), RG_SIGHT_PLANNED);
        assert_int_equal(found->step_count, i);
        assert_int_not_equal(rg_cache_find(cache, words, WORDS - 1, &found), RG_SIGHT_PLANNED);
    }
    rg_cache_free(cache);
}

static void a_cache_of_one_plan_works(void **state)
{
    (void)state;
    rg_cache *cache = rg_cache_new(1);
    for (int i = 0; i < SIGNATURES; i++) {
        uint64_t words[WORDS];
        rg_plan plan = { .step_count = (size_t)i }, *found = NULL;
        signature_number(i, words);
        assert_non_null(rg_cache_put(cache, words, WORDS, &plan));
        assert_int_equal(rg_cache_find(cache, words, WORDS, &found), RG_SIGHT_PLANNED);
        assert_int_equal(found->step_count, i);
        assert_int_equal(rg_cache_plans(cache), 1);
        if (i > 0) signature_number(i - 1, words);
        if (i > 0) assert_int_not_equal(rg_cache_find(cache, words, WORDS, &found), RG_SIGHT_PLANNED);
    }
    rg_cache_free(cache);
    rg_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_of_plans_is_bounded),
        cmocka_unit_test(the_plan_not_used_for_longest_goes_first),
        cmocka_unit_test(a_shape_that_changes_every_time_is_never_planned),
        cmocka_unit_test(traces_that_take_turns_are_all_planned),
        cmocka_unit_test(every_signature_finds_its_own_plan),
        cmocka_unit_test(a_cache_of_one_plan_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
