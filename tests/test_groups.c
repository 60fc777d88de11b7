/* test_groups.c: long elementwise programs, with reductions, constants and ops of the user's among them, give the bits of
 * the same programs node by node. */
#include "scene.h"

#include <math.h>

enum { LENGTH = 40000, RUNS = 3 };

/* x and y are of LENGTH elements. */
typedef void script(scene *s);

/* ---- Scripts ------------------------------------------------------------------------------------------------------- */

/* More members than a group has room for, each result read twice. */
static void long_chain(scene *s)
{
    rg_tensor before = s->x, last = s->y;
    for (int i = 0; i < 300; i++) {
        rg_tensor next = i % 3 == 0 ? rg_add(before, last) : i % 3 == 1 ? rg_mul(rg_sigmoid(last), before) : rg_sub(last, s->x);
        before = last;
        last = next;
    }
    rg_tensor sum = rg_sum(last), slope;
    rg_grad(sum, &s->x, 1, &slope);
    show(s, sum);
    show(s, slope);
}

/* More sums than a group folds. */
static void many_sums(scene *s)
{
    rg_tensor t = s->x;
    for (int i = 0; i < 12; i++) {
        t = rg_mul(t, i % 2 ? s->x : s->y);
        show(s, rg_sum(t));
    }
    show(s, t);
}

/* Sums of what lies otherwise, and of inputs themselves. */
static void sums_of_views(scene *s)
{
    rg_tensor table = rg_reshape(s->x, RG_SHAPE(200, 200));
    show(s, rg_sum(s->x));
    show(s, rg_sum(rg_transpose(table)));
    show(s, rg_sum(rg_expand(rg_slice(table, 0, 3, 4), RG_SHAPE(200, 200))));
    show(s, rg_sum(rg_mul(rg_transpose(table), rg_reshape(s->y, RG_SHAPE(200, 200)))));
    show(s, rg_mean(rg_exp(rg_slice(s->y, 0, 1, LENGTH - 1))));
    show(s, rg_sum(rg_full(s->tape, rg_dtype_of(s->x), RG_SHAPE(LENGTH), 0.1)));
}

/* An op without steps. */
static void half_any(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = x[i] / 2;
}

static const rg_op half = { .name = "half", .doc = "x / 2", .arity = 1, .shape = rg_shape_same, .f64 = half_any };

static void own_ops_among_others(scene *s)
{
    if (rg_dtype_of(s->x) != RG_F64) return;
    rg_tensor doubled = rg_add(s->x, s->y), t = rg_apply(&half, NULL, 1, &doubled);
    rg_tensor u = rg_tanh(rg_mul(t, s->y));
    show(s, rg_sum(u));
    show(s, rg_sum(rg_apply(&half, NULL, 1, &u)));
    show(s, t);
}

/* Constants: as operands, where they change nothing and where they do, as results, and where strides are refused. */
static void constants(scene *s)
{
    const rg_dtype dtype = rg_dtype_of(s->x);
    rg_tensor one = rg_full(s->tape, dtype, RG_SCALAR, 1), ones = rg_full(s->tape, dtype, RG_SHAPE(LENGTH), 1);
    rg_tensor two = rg_full(s->tape, dtype, RG_SHAPE(1), 2), table = rg_reshape(s->x, RG_SHAPE(200, 200));
    show(s, rg_mul(s->x, one));
    show(s, rg_mul(rg_expand(one, RG_SHAPE(LENGTH)), s->y));
    show(s, rg_div(s->x, ones));
    show(s, rg_div(ones, s->x));
    show(s, rg_mul(rg_expand(rg_reshape(s->x, RG_SHAPE(1, LENGTH)), RG_SHAPE(2, LENGTH)), one));
    show(s, rg_mul(one, rg_full(s->tape, dtype, RG_SHAPE(3), -0.0)));
    show(s, rg_add(two, rg_mul(s->x, two)));
    show(s, ones);
    show(s, rg_matmul(table, rg_full(s->tape, dtype, RG_SHAPE(200, 7), 0.5)));
    show(s, rg_softmax(rg_full(s->tape, dtype, RG_SHAPE(4, 5), 3), -1));
    show(s, rg_mul(rg_mul(s->x, one), rg_mul(s->x, one)));
}

/* What a kernel computes for its group alone lives in chunks; or does not, where others read it, too. */
static void behind_kernels(scene *s)
{
    rg_tensor a = rg_reshape(s->x, RG_SHAPE(200, 200)), b = rg_reshape(s->y, RG_SHAPE(200, 200));
    rg_tensor thin = rg_matmul(rg_slice(a, 1, 0, 3), rg_slice(b, 0, 0, 3)), read_twice = rg_matmul(a, b);
    show(s, rg_tanh(rg_add(thin, rg_slice(b, 0, 0, 1))));
    show(s, rg_mul(rg_relu(read_twice), b));
    show(s, rg_sum_axes(read_twice, RG_AXES(0), false));
    show(s, rg_mul(rg_softmax(a, -1), b));
    show(s, rg_square(rg_sum_axes(rg_reshape(s->x, RG_SHAPE(20000, 2)), RG_AXES(1), false)));
    show(s, rg_tanh(rg_matmul(rg_reshape(s->x, RG_SHAPE(20000, 2)), rg_slice(s->y, 0, 2, 4))));
    show(s, rg_neg(rg_matmul(rg_reshape(s->x, RG_SHAPE(LENGTH, 1)), rg_slice(rg_reshape(s->y, RG_SHAPE(1, LENGTH)), 1, 0, 2))));
}

/* Columns side by side: computed, read, repeated, lying otherwise, constant; an odd number of them, and two. They are read
 * after the last member, so until then no register is free, and nothing is written over what a kernel has computed. */
static void columns(scene *s)
{
    const rg_shape shape = RG_SHAPE(LENGTH, 1);
    rg_tensor x = rg_reshape(s->x, shape), y = rg_reshape(s->y, shape), summed = rg_cumsum(x, 0);
    rg_tensor summed_too = rg_cumsum(y, 0), steep = rg_tanh(rg_add(x, y)), steeper = rg_exp(steep);
    rg_tensor turned = rg_reshape(rg_flip(s->x, RG_AXES(0)), shape), a = rg_tanh(x), b = rg_mul(a, y);
    rg_tensor constant = rg_full(s->tape, rg_dtype_of(x), shape, 3);
    rg_tensor matrix = rg_concat(7, (rg_tensor[]){ a, b, y, turned, constant, a, rg_exp(b) }, 1);
    rg_tensor of_kernel = rg_concat(2, (rg_tensor[]){ summed, rg_square(summed) }, 1);
    show(s, matrix);
    show(s, of_kernel);
    show(s, rg_neg(summed));
    show(s, rg_concat(3, (rg_tensor[]){ steep, steeper, rg_square(steeper) }, 1));
    show(s, rg_concat(2, (rg_tensor[]){ summed_too, rg_exp(x) }, 1));
    show(s, rg_cumsum(rg_neg(summed_too), 0));
    show(s, rg_mul(matrix, matrix));
    show(s, rg_stack(3, (rg_tensor[]){ s->x, rg_relu(s->x), rg_mul(s->y, s->x) }, -1));
    rg_tensor halves[] = { rg_slice(a, 0, 0, LENGTH / 2), rg_slice(b, 0, LENGTH / 2, LENGTH) };
    show(s, rg_concat(2, halves, 1));
    show(s, rg_concat(2, (rg_tensor[]){ matrix, a }, 1));
    rg_tensor pairs[] = { rg_reshape(s->x, RG_SHAPE(LENGTH / 2, 2)), rg_reshape(s->y, RG_SHAPE(LENGTH / 2, 2)) };
    show(s, rg_concat(2, pairs, 0)); /* no columns, though there are as many as one would have */
}

/* What has one operand is done by all that read it, if each of them can: for one reader and for several, on either side and
 * on both, where some cannot, and where it is handed out. */
static void repeated_by_readers(scene *s)
{
    rg_tensor x = s->x, y = s->y, twice = rg_scale(x, 2.5), rest = rg_one_minus(x), shown = rg_scale(y, -3);
    rg_tensor mixed = rg_one_minus(y), alone = rg_scale(rg_tanh(y), 0.3), root = rg_one_minus(rg_square(x)), slope[2];
    show(s, rg_add(rg_mul(rg_add(twice, y), rg_add(x, twice)), rg_add(twice, twice)));
    show(s, rg_add(rg_mul(rest, y), rg_mul(rg_mul(x, rest), rg_mul(rest, rest))));
    show(s, rg_add(shown, x));
    show(s, shown);
    show(s, rg_add(rg_mul(mixed, x), rg_exp(mixed)));
    show(s, rg_add(alone, rg_mul(rest, alone)));
    show(s, rg_adjoint_mul(rg_relu(x), rest));
    show(s, rg_adjoint_mul(rest, rg_relu(y)));
    rg_grad(rg_sum(rg_mul(root, rg_mul(root, y))), (const rg_tensor[]){ x, y }, 2, slope);
    for (int i = 0; i < 2; i++) show(s, slope[i]);
}

/* A product that only a sum reads, on either side of it, and what looks like one. The kernel's result that the product
 * reads dies with it: what comes between the two may not be written over it. */
static void products_in_sums(scene *s)
{
    rg_tensor x = s->x, y = s->y, summed = rg_cumsum(x, 0), product = rg_mul(summed, y), between = rg_tanh(x), slope[2];
    show(s, rg_cumsum(between, 0));
    show(s, rg_add(product, between));
    show(s, rg_add(x, rg_neg(y)));
    show(s, rg_add(rg_neg(rg_square(x)), rg_neg(rg_square(y))));
    show(s, rg_sub(rg_mul(x, y), rg_exp(y)));
    show(s, rg_sub(rg_exp(y), rg_mul(x, x)));
    show(s, rg_sub(rg_mul(x, y), rg_mul(rg_exp(x), y)));
    rg_tensor read_twice = rg_mul(x, rg_sigmoid(y)), opposite = rg_neg(read_twice);
    show(s, rg_add(read_twice, read_twice));
    show(s, rg_add(rg_add(read_twice, x), rg_mul(opposite, opposite)));
    show(s, rg_add(rg_mul(x, rg_full(s->tape, rg_dtype_of(x), RG_SCALAR, 2)), y));
    rg_tensor f = rg_sub(rg_mul(rg_sin(x), y), rg_mul(rg_mul(x, y), rg_cos(y)));
    rg_grad(rg_sum(rg_add(f, rg_div(x, rg_exp(f)))), (rg_tensor[]){ x, y }, 2, slope);
    show(s, slope[0]);
    show(s, slope[1]);
}

/* Sums and largest elements of rows of many lengths, each with what computes them: those that go into one another share a
 * group, others and long ones do not. */
static void rows(scene *s)
{
    static const int64_t lengths[] = { 10, 5, 40, 20, 8, 16, 1000, 2, 2000, LENGTH };
    rg_tensor t = rg_mul(rg_add(s->x, s->y), s->x);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        rg_tensor table = rg_reshape(t, RG_SHAPE(LENGTH / lengths[i], lengths[i]));
        show(s, rg_sum_axes(table, RG_AXES(1), false));
        show(s, rg_max_axes(table, RG_AXES(1), i % 2));
    }
}

/* Behind a kernel, whose items are whole rows, or are not; with a sum of everything; with what reads the rows' results; and
 * of what lies otherwise. */
static void rows_behind_kernels(scene *s)
{
    rg_tensor a = rg_reshape(s->x, RG_SHAPE(200, 200)), b = rg_reshape(s->y, RG_SHAPE(200, 200)), slope[2];
    rg_tensor apart = rg_sub(rg_matmul(rg_slice(a, 1, 0, 7), rg_slice(b, 0, 0, 7)), rg_matmul(rg_slice(b, 0, 0, 1), a));
    rg_tensor squares = rg_sum_axes(rg_square(rg_reshape(apart, RG_SHAPE(200, 8, 25))), RG_AXES(2), false);
    rg_tensor each = rg_logsumexp(rg_scale(squares, -0.5), 1, false);
    rg_grad(rg_sum(each), (rg_tensor[]){ s->x, s->y }, 2, slope);
    show(s, each);
    show(s, slope[0]);
    show(s, slope[1]);
    rg_tensor summed = rg_reshape(rg_tanh(rg_cumsum(s->x, 0)), RG_SHAPE(400, 100)), product = rg_exp(rg_matmul(b, a));
    show(s, rg_sum_axes(summed, RG_AXES(1), false));
    show(s, rg_max_axes(rg_reshape(product, RG_SHAPE(1000, 40)), RG_AXES(1), false));
    rg_tensor probability = rg_square(rg_softmax(a, -1)); /* no whole ones in a row of it */
    show(s, rg_sum_axes(rg_reshape(probability, RG_SHAPE(160, 250)), RG_AXES(1), false));
    rg_tensor t = rg_reshape(rg_mul(s->x, s->y), RG_SHAPE(5000, 8)), largest = rg_max_axes(t, RG_AXES(1), true);
    show(s, rg_sum(t));
    show(s, rg_exp(rg_sub(t, largest)));
    show(s, rg_softmax(t, 1));
    show(s, rg_sum_axes(rg_square(rg_transpose(a)), RG_AXES(1), false));
    show(s, rg_sum_axes(rg_square(rg_slice(a, 1, 0, 100)), RG_AXES(1), false));
}

static const struct {
    const char *name;
    script *run;
} scripts[] = {
    { "long chain", long_chain }, { "many sums", many_sums },     { "sums of views", sums_of_views },
    { "constants", constants },   { "own ops", own_ops_among_others }, { "behind kernels", behind_kernels },
    { "columns", columns },       { "products in sums", products_in_sums },
    { "rows", rows },             { "rows behind kernels", rows_behind_kernels },
    { "repeated by readers", repeated_by_readers },
};

/* ---- Comparing ------------------------------------------------------------------------------------------------------- */

/* Not only usual numbers. */
static double number(uint64_t stream, int64_t i)
{
    static const double unusual[] = { 0, -0.0, INFINITY, -INFINITY, NAN, 1e-310, 1 };
    if (i % 4001 == 17) return unusual[i / 4001 % 7];
    return rg_random_uniform(9, stream, (uint64_t)i) * 2 - 1;
}

static void *numbers(rg_dtype dtype, uint64_t stream)
{
    void *memory = malloc(LENGTH * rg_dtype_size(dtype));
    for (int64_t i = 0; i < LENGTH; i++)
        if (dtype == RG_F32) ((float *)memory)[i] = (float)number(stream, i);
        else ((double *)memory)[i] = number(stream, i);
    return memory;
}

static void record(scene *s, rg_tape *tape, rg_dtype dtype, script *run, const void *x, const void *y)
{
    *s = (scene){ .tape = tape, .x = rg_input_borrowed(tape, dtype, RG_SHAPE(LENGTH), x),
                  .y = rg_input_borrowed(tape, dtype, RG_SHAPE(LENGTH), y) };
    run(s);
    if (s->count > 0) rg_eval(s->count, s->out);
    assert_fine(tape);
}

/* NaNs are alike, whatever else they carry. */
static bool same(rg_dtype dtype, const void *a, const void *b, int64_t count)
{
    if (memcmp(a, b, (size_t)count * rg_dtype_size(dtype)) == 0) return true;
    for (int64_t i = 0; i < count; i++) {
        const float *f = a, *g = b;
        const double *d = a, *e = b;
        const bool nans = dtype == RG_F32 ? isnan(f[i]) && isnan(g[i]) : isnan(d[i]) && isnan(e[i]);
        const size_t item = rg_dtype_size(dtype);
        if (!nans && memcmp((const char *)a + (size_t)i * item, (const char *)b + (size_t)i * item, item) != 0) return false;
    }
    return true;
}

static void compare(rg_dtype dtype, size_t which, int threads)
{
    void *x = numbers(dtype, 1), *y = numbers(dtype, 2);
    rg_tape *eager = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
    rg_tape *planned = rg_tape_new_with((rg_tape_options){ .threads = threads });
    scene expected, found;
    record(&expected, eager, dtype, scripts[which].run, x, y);
    for (int run = 0; run < RUNS; run++) {
        record(&found, planned, dtype, scripts[which].run, x, y);
        for (int i = 0; i < expected.count; i++)
            if (!same(dtype, rg_data(expected.out[i]), rg_data(found.out[i]), rg_shape_count(rg_shape_of(found.out[i]))))
                fail_msg("%s, %s, %d threads, run %d: result %d differs", scripts[which].name, rg_dtype_name(dtype), threads,
                         run, i);
        rg_tape_reset(planned);
    }
    if (expected.count > 0) assert_true(rg_tape_get_stats(planned).plans_built > 0);
    rg_tape_free(eager);
    rg_tape_free(planned);
    free(x);
    free(y);
}

static void planned_programs_have_the_bits_of_node_by_node(void **state)
{
    (void)state;
    for (size_t which = 0; which < COUNT(scripts); which++)
        for (int threads = 1; threads <= 3; threads += 2) {
            compare(RG_F32, which, threads);
            compare(RG_F64, which, threads);
        }
}

/* What only its group reads is stored nowhere: a step over vectors of 160 KB has next to no workspace. */
static void what_only_a_group_reads_is_not_stored(void **state)
{
    (void)state;
    static float x[LENGTH];
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    for (int run = 0; run < RUNS; run++) {
        rg_tensor t = rg_input_borrowed(tape, RG_F32, RG_SHAPE(LENGTH), x), a = rg_exp(t), b = rg_mul(rg_sigmoid(a), a), slope;
        rg_grad(rg_sum(rg_tanh(b)), &t, 1, &slope);
        assert_non_null(rg_data(slope));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    assert_true(rg_tape_get_stats(tape).workspace_bytes <= 4096);
    rg_tape_free(tape);
}

static size_t workspace_of(rg_tensor (*program)(rg_tensor x))
{
    static double x[LENGTH];
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    for (int run = 0; run < RUNS; run++) {
        rg_tensor y = program(rg_input_borrowed(tape, RG_F64, RG_SHAPE(LENGTH), x));
        assert_non_null(rg_data(y));
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    const size_t bytes = rg_tape_get_stats(tape).workspace_bytes;
    rg_tape_free(tape);
    return bytes;
}

static rg_tensor lengths_of_rows(rg_tensor x)
{
    return rg_sum_axes(rg_square(rg_reshape(x, RG_SHAPE(LENGTH / 40, 40))), RG_AXES(1), false);
}

static rg_tensor shares(rg_tensor x)
{
    rg_tensor e = rg_exp(x);
    return rg_div(e, rg_sum(e));
}

/* Nor are rows that are only summed, and what an output is made of, element by element, and dies then, lies in its place. */
static void what_is_summed_by_rows_and_what_outputs_are_made_of_take_no_room(void **state)
{
    (void)state;
    assert_true(workspace_of(lengths_of_rows) <= 4096);
    assert_true(workspace_of(shares) <= 4096);
}

/* Which number a constant of an earlier segment holds is no part of this segment's structure: the plan that was made while
 * it was 1 serves for others, too. */
static void constant_of_an_earlier_segment_may_change(void **state)
{
    (void)state;
    const double factors[] = { 1, 1, 1, 2, 1, 3 }, x[] = { 5, 7 };
    rg_tape *tape = rg_tape_new();
    for (size_t i = 0; i < COUNT(factors); i++) {
        rg_tensor factor = rg_full(tape, RG_F64, RG_SHAPE(2), factors[i]), t = rg_input(tape, RG_F64, RG_SHAPE(2), x);
        rg_eval(1, &factor);
        rg_tensor product = rg_mul(t, factor), quotient = rg_div(t, factor);
        rg_eval(2, (const rg_tensor[]){ product, quotient });
        assert_exactly(product, 5 * factors[i], 7 * factors[i]);
        assert_exactly(quotient, 5 / factors[i], 7 / factors[i]);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planned_programs_have_the_bits_of_node_by_node),
        cmocka_unit_test(constant_of_an_earlier_segment_may_change),
        cmocka_unit_test(what_only_a_group_reads_is_not_stored),
        cmocka_unit_test(what_is_summed_by_rows_and_what_outputs_are_made_of_take_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
