/* test_long_groups.c: thousands of elementwise ops in one group, whose registers lie in the workspace, give the bits of the
 * same program node by node, on any number of threads and again and again; and take next to no memory. */
#include "scene.h"

#include <math.h>

enum { RUNS = 3, ROWS = 40, LONGEST = 41000 };

typedef void script(scene *s);

static void show_slopes(scene *s, rg_tensor loss)
{
    const rg_tensor of[] = { s->x, s->y };
    rg_tensor slope[2];
    rg_grad(loss, of, 2, slope);
    show(s, loss);
    for (int i = 0; i < 2; i++) show(s, slope[i]);
}

/* ---- Scripts ------------------------------------------------------------------------------------------------------- */

static rg_tensor growth(rg_tensor y, rg_tensor rate)
{
    return rg_mul(rate, rg_mul(y, rg_one_minus(y)));
}

static rg_tensor integrated(rg_tensor y, rg_tensor rate, int steps)
{
    const double h = 0.01;
    for (int t = 0; t < steps; t++) {
        rg_tensor a = growth(y, rate), b = growth(rg_add(y, rg_scale(a, h / 2)), rate);
        rg_tensor c = growth(rg_add(y, rg_scale(b, h / 2)), rate), d = growth(rg_add(y, rg_scale(c, h)), rate);
        y = rg_add(y, rg_scale(rg_add(rg_add(a, d), rg_scale(rg_add(b, c), 2)), h / 6));
    }
    return y;
}

/* What is computed first is read last. */
static void there_and_back(scene *s)
{
    rg_tensor y = integrated(s->x, s->y, 40);
    show(s, y);
    show_slopes(s, rg_scale(rg_sum(rg_square(y)), 0.5));
}

/* An op without steps. */
#define HALF(type, suffix)                                                                                         \
    static void half_##suffix(const rg_call *call, int64_t begin, int64_t end)                                     \
    {                                                                                                              \
        const type *x = call->in[0];                                                                               \
        type *y = call->out;                                                                                       \
        for (int64_t i = begin; i < end; i++) y[i] = x[i] / 2;                                                     \
    }
HALF(float, f32)
HALF(double, f64)
static const rg_op half = { .name = "half", .doc = "x / 2", .arity = 1, .shape = rg_shape_same, .f32 = half_f32, .f64 = half_f64 };

/* Calls among steps, what lies otherwise, sums on the way, results that are handed out, and columns at the end. */
static void all_sorts(scene *s)
{
    const rg_shape shape = rg_shape_of(s->x);
    const int64_t columns = shape.size[0] / ROWS;
    rg_tensor turned = rg_reshape(rg_transpose(rg_reshape(s->x, RG_SHAPE(columns, ROWS))), shape);
    rg_tensor kept = s->y, t = rg_sigmoid(rg_add(s->x, turned)), number = rg_slice(s->x, 0, 3, 4), ends[3];
    for (int i = 0; i < 900; i++) {
        rg_tensor next = i % 3 == 0 ? rg_mul(t, rg_expand(number, shape)) : i % 3 == 1 ? rg_add(t, turned) : rg_sub(kept, t);
        if (i % 50 == 0) kept = t;
        t = i % 7 == 0 ? rg_apply(&half, NULL, 1, &next) : next;
        if (i % 300 == 299) ends[i / 300] = t;
        if (i % 450 == 100) show(s, rg_sum(t));
        if (i == 600) show(s, t);
    }
    show(s, rg_stack(3, ends, -1));
}

static void chain(scene *s, int length)
{
    rg_tensor t = s->x;
    for (int i = 0; i < length; i++) t = i % 2 ? rg_sub(t, s->y) : rg_tanh(t);
    show(s, t);
}

/* As many members as are done without a stop, one more and one less. */
static void up_to_stops(scene *s)
{
    const int lengths[] = { 1023, 1024, 1025, 2048 };
    for (size_t i = 0; i < COUNT(lengths); i++) chain(s, lengths[i]);
}

static void one_stretch(scene *s)
{
    chain(s, 1024);
}

static void two_stretches(scene *s)
{
    chain(s, 2048);
}

/* Longer than any group. */
static void too_long(scene *s)
{
    rg_tensor t = s->x;
    for (int i = 0; i < 6500; i++) t = i % 2 ? rg_add(t, s->y) : rg_mul(t, rg_one_minus(s->y));
    show_slopes(s, rg_sum(t));
}

/* ---- Comparing ------------------------------------------------------------------------------------------------------ */

static void fill(rg_dtype dtype, void *to, uint64_t stream)
{
    for (int64_t i = 0; i < LONGEST; i++) {
        const double number = 0.1 + fabs(rg_random_normal(3, stream, (uint64_t)i)) / 4;
        if (dtype == RG_F32) ((float *)to)[i] = (float)number;
        else ((double *)to)[i] = number;
    }
}

static void record(scene *s, rg_tape *tape, rg_dtype dtype, int64_t length, script *run)
{
    static double x[LONGEST], y[LONGEST];
    fill(dtype, x, 1);
    fill(dtype, y, 2);
    *s = (scene){ .tape = tape, .x = rg_input(tape, dtype, RG_SHAPE(length), x), .y = rg_input(tape, dtype, RG_SHAPE(length), y) };
    run(s);
    rg_eval(s->count, s->out);
    assert_fine(tape);
}

static void compare(const scene *expected, rg_dtype dtype, int64_t length, script *run, int threads)
{
    scene found;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    for (int round = 0; round < RUNS; round++) {
        record(&found, tape, dtype, length, run);
        for (int i = 0; i < found.count; i++) {
            const size_t bytes = (size_t)rg_shape_count(rg_shape_of(found.out[i])) * rg_dtype_size(dtype);
            if (memcmp(rg_data(expected->out[i]), rg_data(found.out[i]), bytes) != 0)
                fail_msg("%s, %lld elements, %d threads, round %d: result %d differs", rg_dtype_name(dtype),
                         (long long)length, threads, round, i);
        }
        rg_tape_reset(tape);
    }
    assert_true(rg_tape_get_stats(tape).plans_built > 0);
    rg_tape_free(tape);
}

static void compare_all(script *run, int64_t length, const int *threads, size_t count)
{
    for (int which = 0; which < 2; which++) {
        const rg_dtype dtype = which ? RG_F64 : RG_F32;
        rg_tape *eager = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
        scene expected;
        record(&expected, eager, dtype, length, run);
        for (size_t i = 0; i < count; i++) compare(&expected, dtype, length, run, threads[i]);
        rg_tape_free(eager);
    }
}

static const int all_threads[] = { 1, 2, 3, 4, 7 };

static void thousands_of_members_have_the_bits_of_node_by_node(void **state)
{
    /* Hardly more than a small step, tiles that are not whole, parts that differ. */
    static const int64_t lengths[] = { 1240, 3000, 12280 };
    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        compare_all(there_and_back, lengths[i], all_threads, COUNT(all_threads));
        compare_all(all_sorts, lengths[i], all_threads, COUNT(all_threads));
    }
}

static void stops_stand_between_members(void **state)
{
    (void)state;
    compare_all(up_to_stops, 1240, all_threads, 1);
    compare_all(one_stretch, 1240, all_threads, 1);
    compare_all(two_stretches, 1240, all_threads, 1);
}

static void what_is_too_long_is_several_groups(void **state)
{
    (void)state;
    compare_all(too_long, 1240, all_threads, 2);
}

/* ---- Memory --------------------------------------------------------------------------------------------------------- */

static uint64_t workspace(int threads, int steps)
{
    scene s;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    for (int round = 0; round < RUNS; round++) {
        static double x[LONGEST], y[LONGEST];
        fill(RG_F64, x, 1);
        s = (scene){ .tape = tape, .x = rg_input_borrowed(tape, RG_F64, RG_SHAPE(LONGEST), x),
                     .y = rg_input_borrowed(tape, RG_F64, RG_SHAPE(LONGEST), y) };
        show_slopes(&s, rg_sum(integrated(s.x, s.y, steps)));
        rg_eval(s.count, s.out);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    const uint64_t bytes = rg_tape_get_stats(tape).workspace_bytes;
    rg_tape_free(tape);
    return bytes;
}

/* 100 steps save eight numbers each for the way back, which are 262 MB for all elements together: they are there for a tile
 * at a time, in each thread. */
static void values_for_the_way_back_are_there_for_a_tile(void **state)
{
    (void)state;
    const uint64_t alone = workspace(1, 100), both = workspace(2, 100);
    assert_true(alone > 1 << 16 && alone < 4 << 20);
    assert_true(both > alone && both <= 2 * alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_of_members_have_the_bits_of_node_by_node),
        cmocka_unit_test(stops_stand_between_members),
        cmocka_unit_test(what_is_too_long_is_several_groups),
        cmocka_unit_test(values_for_the_way_back_are_there_for_a_tile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
