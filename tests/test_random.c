/* test_random.c: the random numbers are Philox's, depend on seed, stream and index alone, and are distributed as they
 * should be. */
#include "tensors.h"

#include "philox.h"

/* The known answers that the authors publish with the generator (Random123, kat_vectors, philox 4x32 10). */
static void philox_gives_its_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t index, stream, seed;
        uint32_t words[4];
    } known[] = {
        { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { UINT64_C(0x85a308d3243f6a88), UINT64_C(0x0370734413198a2e), UINT64_C(0x299f31d0a4093822),
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        uint32_t words[4];
        rg_philox4(known[i].seed, known[i].stream, known[i].index, words);
        assert_memory_equal(words, known[i].words, sizeof words);
        assert_true(rg_random_bits(known[i].seed, known[i].stream, known[i].index) ==
                    ((uint64_t)words[1] << 32 | words[0]));
    }
}

static void every_argument_matters(void **state)
{
    (void)state;
    const uint64_t bits = rg_random_bits(1, 2, 3);
    assert_true(bits == rg_random_bits(1, 2, 3));
    for (int shift = 0; shift < 64; shift++) {
        const uint64_t flip = UINT64_C(1) << shift;
        assert_true(rg_random_bits(1 ^ flip, 2, 3) != bits);
        assert_true(rg_random_bits(1, 2 ^ flip, 3) != bits);
        assert_true(rg_random_bits(1, 2, 3 ^ flip) != bits);
    }
}

enum { DRAWS = 200000 };

/* Moments, to six standard errors. */
static void assert_mean(const char *what, double sum, double mean, double deviation)
{
    double got = sum / DRAWS;
    if (fabs(got - mean) > 6 * deviation / sqrt(DRAWS)) fail_msg("%s: %g instead of %g", what, got, mean);
}

static void uniform_numbers_are_uniform(void **state)
{
    (void)state;
    double sum = 0, squares = 0, neighbours = 0, last = 0.5;
    int bins[16] = { 0 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = rg_random_uniform(42, 7, i);
        assert_true(u >= 0 && u < 1 && u * 0x1p53 == floor(u * 0x1p53));
        sum += u;
        squares += u * u;
        neighbours += (u - 0.5) * (last - 0.5);
        bins[(int)(u * 16)]++;
        last = u;
    }
    assert_mean("mean", sum, 0.5, sqrt(1.0 / 12));
    assert_mean("mean square", squares, 1.0 / 3, sqrt(4.0 / 45));
    assert_mean("covariance of neighbours", neighbours, 0, 1.0 / 12);
    double chi = 0;
    for (int i = 0; i < 16; i++) chi += pow(bins[i] - DRAWS / 16.0, 2) / (DRAWS / 16.0);
    assert_true(chi < 50); /* 15 degrees of freedom: once in 80,000 */
}

static void normal_numbers_are_normal(void **state)
{
    (void)state;
    double sum = 0, squares = 0, cubes = 0, fourths = 0, pairs = 0, last = 0;
    int beyond_two = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double z = rg_random_normal(42, 8, i);
        assert_true(isfinite(z) && fabs(z) < 9);
        sum += z;
        squares += z * z;
        cubes += z * z * z;
        fourths += z * z * z * z;
        if (i % 2) pairs += 2 * z * last; /* the two that share their uniforms */
        beyond_two += fabs(z) > 2;
        last = z;
    }
    assert_mean("mean", sum, 0, 1);
    assert_mean("variance", squares, 1, sqrt(2));
    assert_mean("third moment", cubes, 0, sqrt(15));
    assert_mean("fourth moment", fourths, 3, sqrt(96));
    assert_mean("covariance of a pair", pairs, 0, sqrt(2));
    assert_mean("beyond two deviations", beyond_two, 0.0455, 0.2084);
}

static void dropout_uses_a_word_for_each_element(void **state)
{
    (void)state;
    enum { N = 1003 };
    static float ones[N];
    for (int i = 0; i < N; i++) ones[i] = 1;
    for (int threads = 1; threads <= 3; threads += 2) {
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
        for (int step = 0; step < 4; step++) {
            rg_tensor x = rg_input(tape, RG_F32, RG_SHAPE(17, 59), ones), y = rg_dropout(x, 0.3, rg_random_key(tape, 4, 5));
            for (int64_t i = 0; i < N; i++) {
                uint32_t words[4];
                rg_philox4(4, 5, (uint64_t)i / 4, words);
                bool dropped = words[i % 4] < (uint32_t)(0.3 * 0x1p32);
                assert_true(element(y, i) == (dropped ? 0 : (double)(float)(1 / 0.7)));
            }
            rg_tape_reset(tape);
        }
        rg_tape_free(tape);
    }
}

static void a_store_counts_its_streams(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F32, 99);
    assert_true(rg_params_seed(theta) == 99);
    assert_true(rg_params_random_counter(theta) == 0);
    assert_true(rg_params_draw(theta) == 0);
    assert_true(rg_params_draw(theta) == 1);
    assert_true(rg_params_random_counter(theta) == 2);
    rg_params_set_random_counter(theta, UINT64_C(1) << 40);
    assert_true(rg_params_draw(theta) == UINT64_C(1) << 40);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_its_known_answers),
        cmocka_unit_test(every_argument_matters),
        cmocka_unit_test(uniform_numbers_are_uniform),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(dropout_uses_a_word_for_each_element),
        cmocka_unit_test(a_store_counts_its_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
