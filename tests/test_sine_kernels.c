/* test_sine_kernels.c: the ops sin and cos give the bits of the functions of trigonometric.h, for arguments within the
 * reach of its loops and beyond, mixed: with any vector instructions, for one element and many, alone and in place. */
#include "tensors.h"

#include "trigonometric.h"

enum { MOST = 3001, STEPS = 4 };

static float single[MOST];
static double numbers[MOST];

/* Every `rare`-th is beyond, one of them infinite and one NaN if there are as many. */
static void make_numbers(int n, int rare)
{
    for (int i = 0; i < n; i++) {
        double u = 2 * rg_random_uniform(21, (uint64_t)n, (uint64_t)i) - 1;
        numbers[i] = i % rare == rare - 1 ? ldexp(u, 20 + i % 100) : 30 * u;
    }
    if (n > 100) numbers[50] = INFINITY, numbers[60] = NAN;
    for (int i = 0; i < n; i++) single[i] = (float)numbers[i];
}

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static double sine(rg_dtype dtype, int i)
{
    return dtype == RG_F32 ? (double)rg_sin_f32(single[i]) : rg_sin_f64(numbers[i]);
}

static double cosine(rg_dtype dtype, int i)
{
    return dtype == RG_F32 ? (double)rg_cos_f32(single[i]) : rg_cos_f64(numbers[i]);
}

/* Alone, and behind an op whose result nobody else reads, so that it may be written over. */
static void check(rg_tape *tape, rg_dtype dtype, int n)
{
    for (int step = 0; step < STEPS; step++) {
        rg_tensor x = rg_input(tape, dtype, RG_SHAPE(n), dtype == RG_F32 ? (const void *)single : numbers);
        rg_tensor asked[] = { rg_sin(x), rg_cos(x), rg_neg(rg_sin(rg_neg(x))), rg_neg(rg_cos(rg_neg(x))) };
        rg_eval(COUNT(asked), asked);
        assert_fine(tape);
        for (int i = 0; i < n; i++) {
            const double wanted[] = { sine(dtype, i), cosine(dtype, i), sine(dtype, i), -cosine(dtype, i) };
            for (size_t k = 0; k < COUNT(asked); k++)
                if (!same(element(asked[k], i), wanted[k]))
                    fail_msg("%s, tensor %zu, argument %a: %a, not %a", rg_dtype_name(dtype), k, numbers[i],
                             element(asked[k], i), wanted[k]);
        }
        rg_tape_reset(tape);
    }
}

static void sin_and_cos_give_the_bits_of_the_functions(void **state)
{
    (void)state;
    static const char *const levels[] = { "portable", "avx2", NULL };
    static const int sizes[] = { 1, 2, 15, 300, MOST };
    for (size_t level = 0; level < COUNT(levels); level++) {
        if (levels[level]) setenv("RG_SIMD", levels[level], 1);
        rg_tape *tape = rg_tape_new();
        unsetenv("RG_SIMD");
        for (size_t k = 0; k < COUNT(sizes); k++)
            for (int rare = 1; rare <= 16; rare *= 4) {
                make_numbers(sizes[k], rare);
                check(tape, RG_F32, sizes[k]);
                check(tape, RG_F64, sizes[k]);
            }
        rg_tape_free(tape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sin_and_cos_give_the_bits_of_the_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
