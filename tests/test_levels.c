/* test_levels.c: every elementwise op gives the same bits at every level of vector instructions, in a long loop and one
 * element at a time. */
#include "tensors.h"

#include "simd.h"
#include "step.h"

enum { N = 1027, MOST = 3 };

static const double awkward[] = { 0, -0.0, 1, -1, 0.5, INFINITY, -INFINITY, NAN, 1e300, -1e300, 1e-310, 1e-40, 88.8, -104, 709.9,
                                  -746, 14.4, 38.6, -38.6, 27.25, 1e38, 3e38, 0x1p-60, -0x1p-30 };

/* The awkward numbers, and around them all magnitudes. */
static double number(int operand, int i)
{
    if ((size_t)i < COUNT(awkward)) return awkward[(size_t)(i + 5 * operand) % COUNT(awkward)];
    double u = 2 * rg_random_uniform(1, (uint64_t)operand, (uint64_t)i) - 1;
    return ldexp(u, i % 12 - 5);
}

typedef struct {
    _Alignas(64) char bytes[N * sizeof(double)];
} column;

static column in[MOST], expected, found;

static void fill(rg_dtype dtype, int operands)
{
    for (int k = 0; k < operands; k++)
        for (int i = 0; i < N; i++) {
            if (dtype == RG_F32) ((float *)(void *)in[k].bytes)[i] = (float)number(k, i);
            else ((double *)(void *)in[k].bytes)[i] = number(k, i);
        }
}

static const void *attributes_of(const rg_op *op)
{
    return op->samples ? op->samples->attributes : NULL;
}

/* As a step where the op has one, else by its kernel. */
static void run(const rg_op *op, rg_dtype dtype, int level, int begin, int count, column *out)
{
    const size_t item = rg_dtype_size(dtype), at = (size_t)begin * item;
    rg_step_kernel *kernel = rg_op_step(op, dtype, level, count);
    if (kernel) {
        rg_step steps[2] = { { .kernel = kernel, .out = out->bytes + at, .attributes = attributes_of(op), .count = count },
                             { .kernel = rg_step_stop } };
        for (int k = 0; k < op->arity; k++) steps[0].in[k] = in[k].bytes + at;
        kernel(steps);
        return;
    }
    const void *pointers[MOST] = { in[0].bytes, in[1].bytes, in[2].bytes };
    const rg_call call = { .out = out->bytes, .in = pointers, .attributes = attributes_of(op), .operands = op->arity };
    rg_op_kernel(op, dtype, level)(&call, begin, begin + count);
}

/* NaN is NaN, whatever its sign and its other bits. */
static bool same(rg_dtype dtype, int i)
{
    if (dtype == RG_F32) {
        const float a = ((const float *)(const void *)expected.bytes)[i], b = ((const float *)(const void *)found.bytes)[i];
        return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
    }
    const double a = ((const double *)(const void *)expected.bytes)[i], b = ((const double *)(const void *)found.bytes)[i];
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void every_level_gives_the_same_bits(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    int checked = 0;
    for (size_t j = 0; j < count; j++) {
        const rg_op *op = table[j];
        if (op->kind != RG_ELEMENTWISE || op->uniform || op->arity == 0 || op->arity > MOST) continue;
        for (rg_dtype dtype = RG_F32; dtype <= RG_F64; dtype++) {
            fill(dtype, op->arity);
            run(op, dtype, 0, 0, N, &expected);
            for (int level = 0; level <= rg_simd_level(); level++)
                for (int one_by_one = 0; one_by_one < 2; one_by_one++) {
                    memset(&found, 0xee, sizeof found);
                    for (int i = 0; one_by_one && i < N; i++) run(op, dtype, level, i, 1, &found);
                    if (!one_by_one) run(op, dtype, level, 0, N, &found);
                    for (int i = 0; i < N; i++)
                        if (!same(dtype, i))
                            fail_msg("%s in %s at level %d differs at %g", op->name, rg_dtype_name(dtype), level, number(0, i));
                    checked++;
                }
        }
    }
    assert_true(checked > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_level_gives_the_same_bits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
