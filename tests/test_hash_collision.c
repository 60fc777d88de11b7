/* test_hash_collision.c: the structure is compared on every hit, so that two programs with one hash cannot be confused.
 * Here every trace and every node has the same hash: the engine's own files are compiled in with a hash that is
 * constant, and take the place of the library's. */
#include "tensors.h"

#include <xxhash.h>

static XXH128_hash_t constant_hash(const void *data, size_t bytes)
{
    (void)data, (void)bytes;
    return (XXH128_hash_t){ 1, 1 };
}

#define XXH3_128bits(data, bytes) constant_hash(data, bytes)
#define XXH3_128bits_withSeed(data, bytes, seed) ((void)(seed), constant_hash(data, bytes))
#include "cache.c"
#include "plan.c"
#undef XXH3_128bits
#undef XXH3_128bits_withSeed

/* The program of number n. */
static rg_tensor record(rg_tape *tape, int n)
{
    rg_tensor x = VECTOR(tape, 1, 2, 3), y = VECTOR(tape, 4, 5, 6);
    switch (n) {
    case 0: return rg_sum(rg_mul(x, y));
    case 1: return rg_sum(rg_mul(x, x));
    case 2: return rg_sum(rg_mul(y, x));
    case 3: return rg_sum(rg_add(x, y));
    case 4: return rg_sum(rg_scale(x, 2));
    case 5: return rg_sum(rg_scale(x, 3));
    case 6: return rg_sum(rg_slice(x, 0, 0, 2));
    case 7: return rg_sum(rg_slice(x, 0, 1, 3));
    default: return rg_sum(rg_add(rg_mul(x, y), rg_sub(x, y)));
    }
}

static void programs_with_one_hash_are_told_apart(void **state)
{
    (void)state;
    static const double results[] = { 32, 14, 32, 21, 12, 18, 3, 5, 23 };
    rg_tape *tape = rg_tape_new();
    for (int round = 0; round < 5; round++)
        for (size_t n = 0; n < COUNT(results); n++) {
            assert_exactly(record(tape, (int)n), results[n]);
            rg_tape_reset(tape);
        }
    assert_int_equal(rg_tape_get_stats(tape).plans_built, COUNT(results));
    assert_fine(tape);
    rg_tape_free(tape);
}

static void one_hash_is_no_reason_to_throw_out_the_wrong_plan(void **state)
{
    (void)state;
    static const double results[] = { 32, 14, 32, 21, 12, 18, 3, 5, 23 };
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .plans = 3 });
    for (int round = 0; round < 5; round++)
        for (size_t n = 0; n < COUNT(results); n++)
            for (int time = 0; time < 3; time++) {
                assert_exactly(record(tape, (int)n), results[n]);
                rg_tape_reset(tape);
            }
    assert_int_equal(rg_tape_get_stats(tape).plans_cached, 3);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void nodes_with_one_hash_are_merged_only_if_they_are_equal(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int time = 0; time < 4; time++) {
        rg_tensor x = VECTOR(tape, 1, 2, 3), y = VECTOR(tape, 4, 5, 6), total = rg_scalar(tape, RG_F64, 0);
        for (int i = 0; i < 50; i++) {
            total = rg_add(total, rg_sum(rg_mul(rg_scale(x, i % 5), rg_shift(i % 2 ? x : y, i % 3))));
            total = rg_add(total, rg_sum(i % 2 ? rg_sub(x, y) : rg_sub(y, x)));
        }
        double want = 0;
        for (int i = 0; i < 50; i++)
            for (int k = 1; k <= 3; k++) want += i % 5 * k * ((i % 2 ? k : k + 3) + i % 3);
        assert_exactly(total, want);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_with_one_hash_are_told_apart),
        cmocka_unit_test(nodes_with_one_hash_are_merged_only_if_they_are_equal),
        cmocka_unit_test(one_hash_is_no_reason_to_throw_out_the_wrong_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
