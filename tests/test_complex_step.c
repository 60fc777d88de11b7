/* test_complex_step.c: the complex step follows the same program as the library: its real part is the value, its
 * imaginary part the derivative to the last digits, and where an op has no complex form it says so. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "gradcheck_walk.h"

static const double step = 0x1p-100;

/* The complex step along the one input of a scalar function. */
static double complex_slope(rg_tape *tape, rg_tensor x, double at, rg_tensor y)
{
    const double imaginary = step;
    rg_arena arena = { 0 };
    const rg_parts parts = { &at, &imaginary };
    rg_walk walk = { .tape = tape, .arena = &arena, .inputs = 1, .in = &x, .at = &parts };
    rg_parts result;
    assert_int_equal(rg_walk_to(&walk, 1, &y, &result), RG_WALK_DONE);
    double slope = *result.imaginary / step;
    rg_arena_free(&arena);
    return slope;
}

/* e^x / sqrt(sin^3 x + cos^3 x), the usual example. */
static rg_tensor classic(rg_tensor x)
{
    rg_tensor s = rg_sin(x), c = rg_cos(x);
    rg_tensor cubes = rg_add(rg_power(s, 3), rg_power(c, 3));
    return rg_div(rg_exp(x), rg_sqrt(cubes));
}

static void the_classic_example(void **state)
{
    (void)state;
    const double at = 1.5, known = 4.05342789389862;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F64, RG_SCALAR, &at), y = classic(x), slope;
    rg_grad(y, &x, 1, &slope);
    const double derivative = rg_item(slope), by_step = complex_slope(tape, x, at, y);
    assert_true(fabs(derivative - known) <= 1e-14);
    assert_true(fabs(by_step - known) <= 1e-14);
    assert_true(fabs(by_step - derivative) <= 1e-14);
    rg_tape_free(tape);
}

/* ---- Every op ---------------------------------------------------------------------------------------------------- */

enum { MOST = 4096 };

typedef struct {
    rg_tensor in[RG_MAX_OPERANDS], wrt[RG_MAX_OPERANDS];
    int floats;
    double at[RG_MAX_OPERANDS][MOST], along[RG_MAX_OPERANDS][MOST];
} operands;

static void record_operands(rg_tape *tape, const rg_sample *sample, rg_dtype dtype, operands *o)
{
    o->floats = 0;
    for (int k = 0; k < sample->operands; k++) {
        const rg_sample_operand *in = &sample->in[k];
        const int64_t count = rg_shape_count(rg_sample_shape(in));
        const bool usual = in->low == 0 && in->high == 0;
        const double low = usual ? -2 : in->low, high = usual ? 2 : in->high;
        int64_t integers[MOST];
        float narrow[MOST];
        assert_true(count <= MOST);
        if (in->same_as) {
            o->in[k] = o->in[in->same_as - 1];
            continue;
        }
        for (int64_t i = 0; i < count; i++) {
            const double u = rg_random_uniform(3, (uint64_t)k, (uint64_t)i);
            const bool grid = in->dtype != RG_NO_DTYPE || in->step != 0;
            const double points = grid ? floor((in->high - in->low) / (in->step != 0 ? in->step : 1)) + 1 : 0;
            integers[i] = (int64_t)(in->low + floor(u * (in->high - in->low + 1)));
            narrow[i] = (float)(grid ? in->low + floor(u * points) * in->step : low + u * (high - low));
            const int rank = rg_sample_shape(in).rank;
            const bool matrix = rank >= 2 && low != high;
            if (matrix && i / rg_sample_shape(in).size[rank - 1] % rg_sample_shape(in).size[rank - 2] == i % rg_sample_shape(in).size[rank - 1])
                narrow[i] += (float)in->diagonal;
            o->at[o->floats][i] = (double)narrow[i];
            o->along[o->floats][i] = step * (rg_random_uniform(4, (uint64_t)k, (uint64_t)i) - 0.5);
        }
        int32_t *small = (int32_t *)(void *)narrow;
        for (int64_t i = 0; in->dtype == RG_I32 && i < count; i++) small[i] = (int32_t)integers[i];
        if (in->dtype == RG_I32 || in->dtype == RG_I64) {
            o->in[k] = rg_input(tape, in->dtype, rg_sample_shape(in), in->dtype == RG_I32 ? (const void *)small : integers);
            continue;
        }
        o->in[k] = rg_input(tape, dtype, rg_sample_shape(in), dtype == RG_F32 ? (const void *)narrow : o->at[o->floats]);
        o->wrt[o->floats++] = o->in[k];
    }
}

static void assert_near(const rg_op *op, const double *expected, const double *found, int64_t count, double tolerance)
{
    double size = 1;
    for (int64_t i = 0; i < count; i++) size = fmax(size, fabs(expected[i]));
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(expected[i] - found[i]) <= tolerance * size))
            fail_msg("%s, element %d: %.17g, not %.17g", op->name, (int)i, found[i], expected[i]);
}

/* The op's value over real numbers and the real part over complex ones, both against the library. */
static bool walk_sample(const rg_op *op, const rg_sample *sample)
{
    static operands o;
    static double value[MOST];
    rg_tape *tape = rg_tape_new();
    rg_arena arena = { 0 };
    rg_parts parts[RG_MAX_OPERANDS], real, complex;
    record_operands(tape, sample, RG_F64, &o);
    rg_tensor y = rg_apply(op, sample->attributes, sample->operands, o.in);
    const int64_t count = rg_shape_count(rg_shape_of(y));
    assert_true(count <= MOST);
    /* A cast to something narrower: complex numbers are as wide as ever. */
    if (rg_dtype_size(rg_dtype_of(y)) < sizeof(double)) return rg_tape_free(tape), false;
    if (rg_read(y, value, (size_t)count * sizeof *value) != RG_OK) fail_msg("%s: %s", op->name, rg_message(tape));
    for (int i = 0; i < o.floats; i++) parts[i] = (rg_parts){ o.at[i], NULL };
    rg_walk walk = { .tape = tape, .arena = &arena, .inputs = o.floats, .in = o.wrt, .at = parts };
    assert_int_equal(rg_walk_to(&walk, 1, &y, &real), RG_WALK_DONE);
    assert_null(real.imaginary);
    assert_near(op, value, real.real, count, 1e-14);
    for (int i = 0; i < o.floats; i++) parts[i].imaginary = o.along[i];
    const rg_walk_end end = rg_walk_to(&walk, 1, &y, &complex);
    assert_int_not_equal(end, RG_WALK_FAILED);
    if (end == RG_WALK_DONE) assert_near(op, value, complex.real, count, 1e-13);
    else assert_int_equal(walk.stop, y.node);
    rg_arena_free(&arena);
    rg_tape_free(tape);
    return end == RG_WALK_DONE;
}

static void every_op_has_the_same_value_over_complex_numbers(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    int with = 0;
    for (size_t i = 0; i < count; i++)
        for (const rg_sample *sample = table[i]->samples; sample && sample->operands; sample++)
            if (sample->refuse == RG_OK) with += walk_sample(table[i], sample);
    assert_true(with > 100);
    assert_true(walk_sample(rg_op_find("exp"), rg_op_find("exp")->samples));
    assert_false(walk_sample(rg_op_find("erf"), rg_op_find("erf")->samples));
}

/* What f32 stands for can be had to more digits than it has. */
static void an_f32_program_is_followed_in_f64(void **state)
{
    (void)state;
    const float at = 0.1f;
    const double wide = (double)at;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_input(tape, RG_F32, RG_SCALAR, &at), y = rg_exp(rg_sin(x));
    rg_arena arena = { 0 };
    const rg_parts parts = { &wide, NULL };
    rg_walk walk = { .tape = tape, .arena = &arena, .inputs = 1, .in = &x, .at = &parts };
    rg_parts result;
    assert_int_equal(rg_walk_to(&walk, 1, &y, &result), RG_WALK_DONE);
    assert_true(fabs(*result.real - exp(sin(wide))) < 1e-15);
    rg_arena_free(&arena);
    rg_tape_free(tape);
}

/* Of three factors that are 0 the complex step makes h^3, and of none of them a slope. */
static void products_of_zeros_have_no_slope(void **state)
{
    (void)state;
    rg_gradcheck_result result;
    if (!rg_gradcheck_op(rg_op_find("prod"), &(rg_gradcheck_options){ .seeds = 1, .seed = 55 }, &result))
        fail_msg("%s", result.message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_zeros_have_no_slope),
        cmocka_unit_test(the_classic_example),
        cmocka_unit_test(every_op_has_the_same_value_over_complex_numbers),
        cmocka_unit_test(an_f32_program_is_followed_in_f64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
