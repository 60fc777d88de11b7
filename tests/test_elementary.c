/* test_elementary.c: the elementary functions are as accurate as elementary.h says, right at the edges, and the
 * same bits at every SIMD level. Build with the flags elementary.h asks for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "elementary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- The functions and what they are measured by ------------------------------------------------------- */

static double sigmoid(double x)
{
    double z = exp(-fabs(x));
    return (x < 0 ? z : 1) / (1 + z);
}

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static long double sigmoid_long(long double x)
{
    long double z = expl(-fabsl(x));
    return (x < 0 ? z : 1) / (1 + z);
}

static long double softplus_long(long double x)
{
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
}

typedef struct {
    const char *name;
    float (*f32)(float);
    double (*f64)(double);
    double (*reference)(double);
    long double (*reference_long)(long double);
    double bound; /* in ulp, as elementary.h states it */
} elementary;

static const elementary functions[] = {
    { "exp", rg_exp_f32, rg_exp_f64, exp, expl, 0.95 },
    { "log", rg_log_f32, rg_log_f64, log, logl, 0.9 },
    { "tanh", rg_tanh_f32, rg_tanh_f64, tanh, tanhl, 1.95 },
    { "sigmoid", rg_sigmoid_f32, rg_sigmoid_f64, sigmoid, sigmoid_long, 1.9 },
    { "softplus", rg_softplus_f32, rg_softplus_f64, softplus, softplus_long, 1.7 },
};

/* ---- Arguments ---------------------------------------------------------------------------------------- */

/* SplitMix64 [Steele, Lea and Flood 2014]. */
static uint64_t next_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* In turn: any bits at all, any magnitude from 2^-40 to 2^10, the range where exp is finite, close to 1, and where
 * every function bends. */
static double next_argument(uint64_t *state, int turn)
{
    uint64_t bits = next_bits(state);
    double unit = (double)(next_bits(state) >> 11) * 0x1p-53;
    double sign = bits >> 63 ? -1 : 1;
    switch (turn % 5) {
    case 0:
        return rg_number_f64(bits);
    case 1:
        return sign * ldexp(1 + unit, (int)(bits % 51) - 40);
    case 2:
        return sign * unit * 750;
    case 3:
        return 1 + sign * ldexp(unit, -(int)(bits % 30));
    default:
        return sign * unit * 4;
    }
}

/* ---- Accuracy ----------------------------------------------------------------------------------------- */

/* |got - want| in units of the last of `digits` binary digits of want, or of the denormals below 2^lowest. A want
 * that overflows, or is not a number, must be met exactly. */
static double ulps(long double got, long double want, bool overflow, int digits, int lowest)
{
    if (isnan(want) || overflow) {
        return (isnan(want) && isnan(got)) || got == (want > 0 ? INFINITY : -INFINITY) ? 0 : INFINITY;
    }
    if (got == want) {
        return 0;
    }
    int exponent = want == 0 || ilogbl(want) < lowest ? lowest : ilogbl(want);
    return isfinite(got) ? (double)ldexpl(fabsl(got - want), digits - 1 - exponent) : INFINITY;
}

static void f32_results_are_within_their_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const elementary *f = &functions[i];
        for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 997) {
            float x = rg_number_f32((uint32_t)bits);
            double want = f->reference(x);
            double error = ulps(f->f32(x), want, isinf((float)want), FLT_MANT_DIG, FLT_MIN_EXP - 1);
            if (!(error <= f->bound)) {
                fail_msg("%s(%a) = %a, not %a: %.2f ulp", f->name, (double)x, (double)f->f32(x), want, error);
            }
        }
    }
}

static void f64_results_are_within_their_bounds(void **state)
{
    (void)state;
    volatile long double one = 1, digit = DBL_EPSILON / 256;
    if (one + digit == one) {
        skip(); /* long double has no digits to spare for a reference, by nature or under an emulator */
    }
    uint64_t random = 1;
    for (size_t i = 0; i < COUNT(functions); i++) {
        const elementary *f = &functions[i];
        for (int turn = 0; turn < 200000; turn++) {
            double x = next_argument(&random, turn);
            long double want = f->reference_long(x);
            double error = ulps(f->f64(x), want, isinf((double)want), DBL_MANT_DIG, DBL_MIN_EXP - 1);
            if (!(error <= f->bound)) {
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
    check_pairs(&functions[0], of_exp, COUNT(of_exp));
    check_pairs(&functions[1], of_log, COUNT(of_log));
    check_pairs(&functions[2], of_tanh, COUNT(of_tanh));
    check_pairs(&functions[3], of_sigmoid, COUNT(of_sigmoid));
    check_pairs(&functions[4], of_softplus, COUNT(of_softplus));
}

static void tiny_arguments_of_tanh_are_their_own_result(void **state)
{
    (void)state;
    for (int exponent = -149; exponent < -24; exponent++) {
        float x = ldexpf(1, exponent);
        assert_true(rg_tanh_f32(x) == x && rg_tanh_f32(-x) == -x);
    }
    for (int exponent = -1074; exponent < -53; exponent++) {
        double x = ldexp(1, exponent);
        assert_true(rg_tanh_f64(x) == x && rg_tanh_f64(-x) == -x);
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

#define LOOPS(level, target)                                                                                       \
    LOOP(level, target, exp_f32, float)                                                                            \
    LOOP(level, target, log_f32, float)                                                                            \
    LOOP(level, target, tanh_f32, float)                                                                           \
    LOOP(level, target, sigmoid_f32, float)                                                                        \
    LOOP(level, target, softplus_f32, float)                                                                       \
    LOOP(level, target, exp_f64, double)                                                                           \
    LOOP(level, target, log_f64, double)                                                                           \
    LOOP(level, target, tanh_f64, double)                                                                          \
    LOOP(level, target, sigmoid_f64, double)                                                                       \
    LOOP(level, target, softplus_f64, double)                                                                      \
    static loop_f32 *const level##_f32[] = { exp_f32_##level, log_f32_##level, tanh_f32_##level,                   \
                                             sigmoid_f32_##level, softplus_f32_##level };                          \
    static loop_f64 *const level##_f64[] = { exp_f64_##level, log_f64_##level, tanh_f64_##level,                   \
                                             sigmoid_f64_##level, softplus_f64_##level };

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
        arguments_f32[i] = i % 5 ? (float)arguments_f64[i] : rg_number_f32((uint32_t)next_bits(&random));
    }
}

/* Whatever the loops give must be, bit for bit, what one scalar call after the other gives. */
static void check_loops(loop_f32 *const *f32, loop_f64 *const *f64)
{
    make_arguments();
    for (size_t k = 0; k < COUNT(functions); k++) {
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
        cmocka_unit_test(tiny_arguments_of_tanh_are_their_own_result),
        cmocka_unit_test(logarithms_of_powers_of_two_reach_down_to_the_smallest_denormal),
        cmocka_unit_test(exp_sigmoid_and_softplus_vanish_alike),
        cmocka_unit_test(baseline_loops_give_the_bits_of_single_calls),
#if defined(__x86_64__)
        cmocka_unit_test(avx2_loops_give_the_bits_of_single_calls),
        cmocka_unit_test(loops_that_could_use_fma_give_the_bits_of_single_calls),
        cmocka_unit_test(avx512_loops_give_the_bits_of_single_calls),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
