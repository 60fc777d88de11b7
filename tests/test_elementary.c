/* test_elementary.c: the elementary functions are as accurate as elementary.h and trigonometric.h say, right at the
 * edges, and the same bits at every SIMD level. Build with the flags elementary.h asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "elementary_functions.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Accuracy ----------------------------------------------------------------------------------------- */

static void f32_results_are_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const elementary *f = &functions[i];
        for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 997) {
            float x = rg_number_f32((uint32_t)bits);
            double want = f->reference(x);
            double error = ulps_f32(f->f32(x), want);
            if (!(error <= f->bound_f32)) {
                fail_msg("%s(%a) = %a, not %a: %.2f ulp", f->name, (double)x, (double)f->f32(x), want, error);
            }
        }
    }
}

static void f64_results_are_within_their_bounds(void **state)
{
    (void)state;
    if (!has_spare_digits()) {
        skip();
    }
    uint64_t random = 1;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const elementary *f = &functions[i];
        for (int turn = 0; turn < 200000; turn++) {
            double x = next_argument(&random, turn);
            long double want = f->reference_long(x);
            double error = ulps_f64(f->f64(x), want);
            if (!(error <= f->bound_f64)) {
                fail_msg("%s(%a) = %a, not %La: %.2f ulp", f->name, x, f->f64(x), want, error);
            }
        }
    }
}

/* ---- Special arguments --------------------------------------------------------------------------------- */

/* Equal, and zeros of one sign; or both NaN. */
static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

typedef struct {
    double argument, result;
} pair;

static void check_pairs(const elementary *f, const pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x = pairs[i].argument, want = pairs[i].result;
        if (!same(f->f32((float)x), want) || !same(f->f64(x), want)) {
            fail_msg("%s(%g) = %g in f32, %g in f64, not %g", f->name, x, (double)f->f32((float)x), f->f64(x), want);
        }
    }
}

static void special_arguments_give_the_limits(void **state)
{
    (void)state;
    static const pair of_exp[] = { { 0, 1 }, { -0.0, 1 }, { INFINITY, INFINITY }, { -INFINITY, 0 }, { 710, INFINITY },
                                   { -746, 0 }, { 1e30, INFINITY }, { -1e30, 0 }, { NAN, NAN }, { -NAN, NAN } };
    static const pair of_log[] = { { 1, 0 }, { 0, -INFINITY }, { -0.0, -INFINITY }, { INFINITY, INFINITY },
                                   { -INFINITY, NAN }, { -1, NAN }, { -1e-40, NAN }, { NAN, NAN }, { -NAN, NAN } };
    static const pair of_tanh[] = { { 0, 0 }, { -0.0, -0.0 }, { INFINITY, 1 }, { -INFINITY, -1 }, { 30, 1 },
                                    { -30, -1 }, { 1e30, 1 }, { -1e30, -1 }, { NAN, NAN }, { -NAN, NAN } };
    static const pair of_sigmoid[] = { { 0, 0.5 }, { -0.0, 0.5 }, { INFINITY, 1 }, { -INFINITY, 0 }, { 50, 1 },
                                       { -750, 0 }, { 1e30, 1 }, { -1e30, 0 }, { NAN, NAN }, { -NAN, NAN } };
    static const pair of_softplus[] = { { INFINITY, INFINITY }, { -INFINITY, 0 }, { 64, 64 }, { 0x1p100, 0x1p100 },
                                        { -750, 0 }, { -1e30, 0 }, { NAN, NAN }, { -NAN, NAN } };
    static const pair of_erf[] = { { 0, 0 }, { -0.0, -0.0 }, { INFINITY, 1 }, { -INFINITY, -1 }, { 6, 1 },
                                   { -6, -1 }, { 1e30, 1 }, { -1e30, -1 }, { NAN, NAN }, { -NAN, NAN } };
    static const pair of_sin[] = { { 0, 0 }, { -0.0, -0.0 }, { INFINITY, NAN }, { -INFINITY, NAN }, { NAN, NAN },
                                   { -NAN, NAN } };
    static const pair of_cos[] = { { 0, 1 }, { -0.0, 1 }, { INFINITY, NAN }, { -INFINITY, NAN }, { NAN, NAN },
                                   { -NAN, NAN } };
    check_pairs(&functions[EXP], of_exp, COUNT(of_exp));
    check_pairs(&functions[LOG], of_log, COUNT(of_log));
    check_pairs(&functions[TANH], of_tanh, COUNT(of_tanh));
    check_pairs(&functions[SIGMOID], of_sigmoid, COUNT(of_sigmoid));
    check_pairs(&functions[SOFTPLUS], of_softplus, COUNT(of_softplus));
    check_pairs(&functions[ERF], of_erf, COUNT(of_erf));
    check_pairs(&functions[SIN], of_sin, COUNT(of_sin));
    check_pairs(&functions[COS], of_cos, COUNT(of_cos));
}

static void tiny_arguments_of_tanh_and_sin_are_their_own_result(void **state)
{
    (void)state;
    for (int exponent = -149; exponent < -24; exponent++) {
        float x = ldexpf(1, exponent);
        assert_true(rg_tanh_f32(x) == x && rg_tanh_f32(-x) == -x);
        assert_true(rg_sin_f32(x) == x && rg_sin_f32(-x) == -x);
    }
    for (int exponent = -1074; exponent < -53; exponent++) {
        double x = ldexp(1, exponent);
        assert_true(rg_tanh_f64(x) == x && rg_tanh_f64(-x) == -x);
        assert_true(rg_sin_f64(x) == x && rg_sin_f64(-x) == -x);
    }
}

static void logarithms_of_powers_of_two_reach_down_to_the_smallest_denormal(void **state)
{
    (void)state;
    const double ln2 = 0.693147180559945309417;
    for (int n = -149; n < 128; n++) {
        assert_true(fabs((double)rg_log_f32(ldexpf(1, n)) - n * ln2) <= FLT_EPSILON * fabs(n * ln2));
    }
    for (int n = -1074; n < 1024; n++) {
        assert_true(fabs(rg_log_f64(ldexp(1, n)) - n * ln2) <= DBL_EPSILON * fabs(n * ln2));
    }
}

/* e^x, its logistic function and its softplus are one and the same number there, to the last denormal. */
static void exp_sigmoid_and_softplus_vanish_alike(void **state)
{
    (void)state;
    float last = 1;
    for (float x = -80; x > -105; x -= 0.0625f) {
        float y = rg_exp_f32(x);
        assert_true(rg_sigmoid_f32(x) == y && rg_softplus_f32(x) == y && y <= last);
        last = y;
    }
    assert_true(last == 0 && rg_exp_f32(-103) == 0x1p-149f);
    double last_double = 1;
    for (double x = -700; x > -747; x -= 0.0625) {
        double y = rg_exp_f64(x);
        assert_true(rg_sigmoid_f64(x) == y && rg_softplus_f64(x) == y && y <= last_double);
        last_double = y;
    }
    assert_true(last_double == 0 && rg_exp_f64(-745) == 0x1p-1074);
}

/* The doubles that come closest to a multiple of pi/2, of all and of those that are not huge, and the floats; with the
 * results of a computation in 400 digits. */
static void sine_and_cosine_are_right_next_to_their_zeros(void **state)
{
    (void)state;
    static const struct {
        int function;
        double argument, result;
    } near[] = {
        { COS, 0x1.6ac5b262ca1ffp+849, -0x1.14ae72e6ba22fp-61 }, { SIN, 0x1.6ac5b262ca1ffp+849, 1 },
        { COS, 0x1.6c6cbc45dc8dep+5, -0x1.6d61b58c99c43p-61 },   { SIN, 0x1.6c6cbc45dc8dep+6, -0x1.6d61b58c99c43p-60 },
        { COS, 0x1.f37c8ap+95, -0x1.bbdd52a58eafbp-30 },         { COS, 0x1.f9cbe2p+7, -0x1.1fa3bb9a07e78p-28 },
        { SIN, 0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53 },    { SIN, 0x1.fffffffffffffp+1023, 0x1.452fc98b34e97p-8 },
        { SIN, 0x1p18, -0x1.58809c5ce39b6p-4 },                  { SIN, 0x1.0000000000001p18, -0x1.58809c60dffa8p-4 },
    };
    for (size_t i = 0; i < COUNT(near); i++) {
        const elementary *f = &functions[near[i].function];
        double x = near[i].argument, want = near[i].result, got = f->f64(x);
        if (!(ulps_f64(got, want) <= 2)) fail_msg("%s(%a) = %a, not %a", f->name, x, got, want);
        if (x != (double)(float)x) continue;
        float got_f32 = f->f32((float)x);
        if (got_f32 != (float)want) fail_msg("%s(%a) = %a, not %a", f->name, x, (double)got_f32, want);
    }
}

static void sine_is_odd_and_cosine_even_at_every_size(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int turn = 0; turn < 20000; turn++) {
        double x = ldexp(1 + (double)(next_bits(&random) >> 12) * 0x1p-52, (int)(next_bits(&random) % 30));
        float y = (float)x;
        assert_true(rg_sin_f64(-x) == -rg_sin_f64(x) && rg_cos_f64(-x) == rg_cos_f64(x));
        assert_true(rg_sin_f32(-y) == -rg_sin_f32(y) && rg_cos_f32(-y) == rg_cos_f32(y));
    }
}

/* ---- The same bits -------------------------------------------------------------------------------------- */

typedef void loop_f32(size_t n, const float *x, float *y);
typedef void loop_f64(size_t n, const double *x, double *y);

#define LOOP(level, target, name, type)                                                                            \
    target static void name##_##level(size_t n, const type *x, type *y)                                            \
    {                                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                                           \
            y[i] = rg_##name(x[i]);                                                                                \
        }                                                                                                          \
    }

/* Sine and cosine as a kernel does them: first the loop, then what it has left. */
#define LOOP_AND_REST(level, target, function, suffix, type)                                                       \
    target static void function##_##suffix##_##level(size_t n, const type *x, type *y)                             \
    {                                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                                           \
            y[i] = rg_##function##_within_##suffix(x[i]);                                                          \
        }                                                                                                          \
        rg_##function##_finish_##suffix(y, (int64_t)n);                                                            \
    }

#define LOOPS(level, target)                                                                                       \
    LOOP(level, target, exp_f32, float)                                                                            \
    LOOP(level, target, log_f32, float)                                                                            \
    LOOP(level, target, tanh_f32, float)                                                                           \
    LOOP(level, target, sigmoid_f32, float)                                                                        \
    LOOP(level, target, softplus_f32, float)                                                                       \
    LOOP(level, target, erf_f32, float)                                                                            \
    LOOP_AND_REST(level, target, sin, f32, float)                                                                  \
    LOOP_AND_REST(level, target, cos, f32, float)                                                                  \
    LOOP(level, target, exp_f64, double)                                                                           \
    LOOP(level, target, log_f64, double)                                                                           \
    LOOP(level, target, tanh_f64, double)                                                                          \
    LOOP(level, target, sigmoid_f64, double)                                                                       \
    LOOP(level, target, softplus_f64, double)                                                                      \
    LOOP(level, target, erf_f64, double)                                                                           \
    LOOP_AND_REST(level, target, sin, f64, double)                                                                 \
    LOOP_AND_REST(level, target, cos, f64, double)                                                                 \
    static loop_f32 *const level##_f32[FUNCTIONS] = {                                                              \
        exp_f32_##level, log_f32_##level, tanh_f32_##level, sigmoid_f32_##level, softplus_f32_##level,             \
        erf_f32_##level, sin_f32_##level, cos_f32_##level,                                                         \
    };                                                                                                             \
    static loop_f64 *const level##_f64[FUNCTIONS] = {                                                              \
        exp_f64_##level, log_f64_##level, tanh_f64_##level, sigmoid_f64_##level, softplus_f64_##level,             \
        erf_f64_##level, sin_f64_##level, cos_f64_##level,                                                         \
    };

LOOPS(baseline, )
#if defined(__x86_64__)
LOOPS(avx2, __attribute__((target("avx2"))))
LOOPS(fma, __attribute__((target("avx2,fma")))) /* here a compiler that contracts would show */
LOOPS(avx512, __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))))
#endif

/* Not a multiple of any vector, so that scalar code computes the last ones. */
enum { ARGUMENTS = 100003 };

static float arguments_f32[ARGUMENTS], results_f32[ARGUMENTS];
static double arguments_f64[ARGUMENTS], results_f64[ARGUMENTS];

static void make_arguments(void)
{
    uint64_t random = 2;
    for (int i = 0; i < ARGUMENTS; i++) {
        arguments_f64[i] = next_argument(&random, i);
        arguments_f32[i] = i % ARGUMENT_KINDS ? (float)arguments_f64[i] : rg_number_f32((uint32_t)next_bits(&random));
    }
}

/* Whatever the loops give must be, bit for bit, what one scalar call after the other gives. */
static void check_loops(loop_f32 *const *f32, loop_f64 *const *f64)
{
    make_arguments();
    for (int k = 0; k < FUNCTIONS; k++) {
        f32[k](ARGUMENTS, arguments_f32, results_f32);
        f64[k](ARGUMENTS, arguments_f64, results_f64);
        for (size_t i = 0; i < ARGUMENTS; i++) {
            float y = functions[k].f32(arguments_f32[i]);
            if (rg_bits_f32(y) != rg_bits_f32(results_f32[i])) {
                fail_msg("%s(%a) = %a in the loop, %a alone", functions[k].name, (double)arguments_f32[i],
                         (double)results_f32[i], (double)y);
            }
            double y_double = functions[k].f64(arguments_f64[i]);
            if (rg_bits_f64(y_double) != rg_bits_f64(results_f64[i])) {
                fail_msg("%s(%a) = %a in the loop, %a alone", functions[k].name, arguments_f64[i], results_f64[i],
                         y_double);
            }
        }
    }
}

static void baseline_loops_give_the_bits_of_single_calls(void **state)
{
    (void)state;
    check_loops(baseline_f32, baseline_f64);
}

#if defined(__x86_64__)
static void avx2_loops_give_the_bits_of_single_calls(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("avx2")) {
        skip();
    }
    check_loops(avx2_f32, avx2_f64);
}

static void loops_that_could_use_fma_give_the_bits_of_single_calls(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
        skip();
    }
    check_loops(fma_f32, fma_f64);
}

static void avx512_loops_give_the_bits_of_single_calls(void **state)
{
    (void)state;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw")) {
        skip();
    }
    check_loops(avx512_f32, avx512_f64);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_results_are_within_their_bounds),
        cmocka_unit_test(f64_results_are_within_their_bounds),
        cmocka_unit_test(special_arguments_give_the_limits),
        cmocka_unit_test(tiny_arguments_of_tanh_and_sin_are_their_own_result),
        cmocka_unit_test(logarithms_of_powers_of_two_reach_down_to_the_smallest_denormal),
        cmocka_unit_test(exp_sigmoid_and_softplus_vanish_alike),
        cmocka_unit_test(sine_and_cosine_are_right_next_to_their_zeros),
        cmocka_unit_test(sine_is_odd_and_cosine_even_at_every_size),
        cmocka_unit_test(baseline_loops_give_the_bits_of_single_calls),
#if defined(__x86_64__)
        cmocka_unit_test(avx2_loops_give_the_bits_of_single_calls),
        cmocka_unit_test(loops_that_could_use_fma_give_the_bits_of_single_calls),
        cmocka_unit_test(avx512_loops_give_the_bits_of_single_calls),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
