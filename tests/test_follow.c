/* test_follow.c: a turned matrix times what elementwise ops make of the matrix times a vector is done by the step of that
 * product, block by block; with the bits of node by node, on any number of threads. */
#include "scene.h"

#include <math.h>

/* Just more than what is large, and no whole number of blocks. */
enum { ROWS = 16500, COLUMNS = 67, RUNS = 3 };

typedef void script(scene *s, rg_tensor matrix, rg_tensor theta);

/* ---- Scripts -------------------------------------------------------------------------------------------------------- */

static void least_squares(scene *s, rg_tensor a, rg_tensor theta)
{
    rg_tensor off = rg_shift(rg_matmul(a, theta), -1), slope;
    rg_grad(rg_sum(rg_square(off)), &theta, 1, &slope);
    show(s, slope);
}

/* With the sum, what lies between, and a way back to the matrix. */
static void logistic(scene *s, rg_tensor a, rg_tensor theta)
{
    rg_tensor p = rg_sigmoid(rg_matmul(a, theta)), loss = rg_sum(rg_square(p)), slope[2];
    rg_grad(loss, (const rg_tensor[]){ theta, a }, 2, slope);
    show(s, loss);
    show(s, p);
    show(s, slope[0]);
    show(s, rg_sum(slope[1]));
}

/* Some columns of a larger matrix, and the product with the Hessian: two followers of one vector's step, and one of another's. */
static void curvature(scene *s, rg_tensor a, rg_tensor theta)
{
    rg_tensor part = rg_slice(a, 1, 1, COLUMNS), of = rg_slice(theta, 0, 1, COLUMNS), slope, more;
    rg_tensor t = rg_tanh(rg_matmul(part, of));
    rg_grad(rg_sum(rg_square(t)), &of, 1, &slope);
    rg_grad(rg_sum(rg_square(slope)), &of, 1, &more);
    show(s, slope);
    show(s, more);
    show(s, rg_matmul(rg_transpose(part), rg_exp(t)));
}

/* What must not follow: the other matrix, part of the rows, a vector that is no column of the step, and columns. */
static void others(scene *s, rg_tensor a, rg_tensor theta)
{
    rg_tensor y = rg_matmul(a, theta), z = rg_tanh(y), half = rg_slice(a, 0, 0, ROWS / 2), turned = rg_transpose(a);
    show(s, rg_matmul(rg_transpose(half), rg_slice(z, 0, ROWS / 2, ROWS)));
    show(s, rg_matmul(rg_transpose(rg_flip(a, RG_AXES(0))), z));
    show(s, rg_matmul(turned, rg_stack(2, (const rg_tensor[]){ z, rg_neg(z) }, 1)));
    show(s, rg_matmul(turned, rg_flip(z, RG_AXES(0))));
}

/* What is computed and kept between the two products; other rows of the same matrix; and a matrix whose product with the
 * vector is by another rule, because it lies along the sum. */
static void between_and_beside(scene *s, rg_tensor a, rg_tensor theta)
{
    const int64_t rows = rg_shape_of(a).size[0];
    rg_tensor z = rg_tanh(rg_matmul(a, theta)), summed = rg_cumsum(rg_slice(z, 0, 0, 4000), 0), product = rg_matmul(rg_transpose(a), z);
    rg_tensor first = rg_slice(a, 0, 0, rows - 1), last = rg_slice(a, 0, 1, rows);
    rg_tensor wide = rg_reshape(a, RG_SHAPE(COLUMNS, rows));
    show(s, product);
    show(s, rg_cumsum(summed, 0));
    show(s, rg_matmul(rg_transpose(last), rg_exp(rg_matmul(first, theta))));
    show(s, rg_matmul(wide, rg_exp(rg_matmul(rg_transpose(wide), theta))));
}

static script *const scripts[] = { least_squares, logistic, curvature, others, between_and_beside };

/* ---- Comparing -------------------------------------------------------------------------------------------------------- */

static double matrix_numbers[ROWS * COLUMNS * 2], theta_numbers[COLUMNS];

static void fill(rg_dtype dtype, double *to, int64_t count, uint64_t stream)
{
    for (int64_t i = 0; i < count; i++) {
        const double number = rg_random_normal(5, stream, (uint64_t)i) / 8;
        if (dtype == RG_F32) ((float *)to)[i] = (float)number;
        else to[i] = number;
    }
}

static int64_t rows_of(rg_dtype dtype)
{
    return dtype == RG_F32 ? 2 * ROWS : ROWS;
}

static void record(scene *s, rg_tape *tape, rg_dtype dtype, script *run)
{
    s->count = 0;
    run(s, rg_input_borrowed(tape, dtype, RG_SHAPE(rows_of(dtype), COLUMNS), matrix_numbers),
        rg_input_borrowed(tape, dtype, RG_SHAPE(COLUMNS), theta_numbers));
    rg_eval(s->count, s->out);
    assert_fine(tape);
}

static void compare(const scene *expected, rg_dtype dtype, size_t which, int threads)
{
    scene found;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    for (int round = 0; round < RUNS; round++) {
        record(&found, tape, dtype, scripts[which]);
        for (int i = 0; i < found.count; i++) {
            const size_t bytes = (size_t)rg_shape_count(rg_shape_of(found.out[i])) * rg_dtype_size(dtype);
            if (memcmp(rg_data(expected->out[i]), rg_data(found.out[i]), bytes) != 0)
                fail_msg("script %zu, %s, %d threads, round %d: result %d differs", which, rg_dtype_name(dtype), threads,
                         round, i);
        }
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
}

static void followers_have_the_bits_of_node_by_node(void **state)
{
    static const int threads[] = { 1, 2, 3, 4, 7 };
    (void)state;
    for (int d = 0; d < 2; d++) {
        const rg_dtype dtype = d ? RG_F64 : RG_F32;
        fill(dtype, matrix_numbers, rows_of(dtype) * COLUMNS, 1);
        fill(dtype, theta_numbers, COLUMNS, 2);
        for (size_t which = 0; which < COUNT(scripts); which++) {
            rg_tape *eager = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
            scene expected;
            record(&expected, eager, dtype, scripts[which]);
            for (size_t i = 0; i < COUNT(threads); i++) compare(&expected, dtype, which, threads[i]);
            rg_tape_free(eager);
        }
    }
}

/* ---- Whether it follows --------------------------------------------------------------------------------------------------- */

/* Of the compiled script: the products whose step only adds up numbers for each element. */
static int followers(script *run)
{
    scene s;
    rg_profile profile;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .profiles = true });
    s.count = 0;
    run(&s, rg_input_borrowed(tape, RG_F64, RG_SHAPE(ROWS, COLUMNS), matrix_numbers),
        rg_input_borrowed(tape, RG_F64, RG_SHAPE(COLUMNS), theta_numbers));
    rg_program *program = rg_compile(0, NULL, s.count, s.out);
    assert_non_null(program);
    assert_int_equal(rg_program_profile(program, 3, &profile), RG_OK);
    int count = 0;
    for (size_t i = 0; i < profile.count; i++) {
        const rg_profile_step *step = &profile.steps[i];
        count += strcmp(step->what, "matmul") == 0 && step->operations == COLUMNS && step->bytes_read < 1e6;
    }
    rg_program_free(program);
    rg_tape_free(tape);
    return count;
}

static void products_follow_where_they_can(void **state)
{
    (void)state;
    fill(RG_F64, matrix_numbers, ROWS * COLUMNS, 1);
    fill(RG_F64, theta_numbers, COLUMNS, 2);
    assert_int_equal(followers(least_squares), 1);
    assert_int_equal(followers(logistic), 1);
    assert_int_equal(followers(others), 0);
    assert_int_equal(followers(between_and_beside), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(followers_have_the_bits_of_node_by_node),
        cmocka_unit_test(products_follow_where_they_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
