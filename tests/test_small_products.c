/* test_small_products.c: a small product takes a row along, and a gradient that is a column times a row moves theta at
 * once; whatever the sizes, the bits are those of node by node. */
#include "tensors.h"

#include "nn.h"
#include "optim.h"

enum { MOST = 64 * 64 };

static void *numbers(rg_dtype dtype, uint64_t stream)
{
    static double room[4][MOST];
    void *at = room[stream % 4];
    for (uint64_t i = 0; i < MOST; i++) {
        const double each = i % 11 == 3 ? -0.0 : rg_random_normal(5, stream, i);
        if (dtype == RG_F32) ((float *)at)[i] = (float)each;
        else ((double *)at)[i] = each;
    }
    return at;
}

static void assert_same_bits(rg_tensor want, const void *got, const char *what, const int64_t *size)
{
    const size_t bytes = (size_t)rg_shape_count(rg_shape_of(want)) * rg_dtype_size(rg_dtype_of(want));
    if (memcmp(rg_data(want), got, bytes) != 0)
        fail_msg("%s [%d,%d,%d] %s", what, (int)size[0], (int)size[1], (int)size[2], rg_dtype_name(rg_dtype_of(want)));
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

typedef enum { ROW, ONE_NUMBER, COLUMN, ALL, OF_ROW_ITSELF, ADDENDS } addend;

static rg_tensor added(rg_tape *tape, rg_dtype dtype, addend which, int64_t m, int64_t n)
{
    const void *data = numbers(dtype, 2);
    switch (which) {
    case ROW: return rg_input(tape, dtype, RG_SHAPE(n), data);
    case ONE_NUMBER: return rg_input(tape, dtype, RG_SHAPE(1), data);
    case COLUMN: return rg_input(tape, dtype, RG_SHAPE(m, 1), data);
    case OF_ROW_ITSELF: return rg_slice(rg_input(tape, dtype, RG_SHAPE(2, n), data), 0, 1, 2);
    default: return rg_input(tape, dtype, RG_SHAPE(m, n), data);
    }
}

/* The sum with the product, what is made of it, and of the product itself where `shared`. */
static int record(rg_tape *tape, rg_dtype dtype, const int64_t *size, int form, addend which, rg_tensor *out)
{
    const int64_t m = size[0], n = size[1], k = size[2];
    const bool a_turned = form & 1, b_turned = form & 2, shared = form & 4, first = form & 8;
    rg_tensor a = rg_input(tape, dtype, a_turned ? RG_SHAPE(k, m) : RG_SHAPE(m, k), numbers(dtype, 0));
    rg_tensor b = rg_input(tape, dtype, b_turned ? RG_SHAPE(n, k) : RG_SHAPE(k, n), numbers(dtype, 1));
    rg_tensor row = added(tape, dtype, which, m, n);
    rg_tensor product = rg_matmul(a_turned ? rg_transpose(a) : a, b_turned ? rg_transpose(b) : b);
    rg_tensor sum = first ? rg_add(row, product) : rg_add(product, row);
    out[0] = sum;
    out[1] = rg_tanh(sum);
    if (shared) out[2] = rg_square(product);
    return shared ? 3 : 2;
}

static void compare_rows(rg_dtype dtype, const int64_t *size, int form, addend which)
{
    rg_tape *eager = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    rg_tensor want[3], out[3];
    const int count = record(eager, dtype, size, form, which, want);
    assert_int_equal(record(tape, dtype, size, form, which, out), count);
    rg_program *program = rg_compile(0, NULL, count, out);
    if (!program) fail_msg("%s", rg_message(tape));
    assert_int_equal(rg_program_run(program), RG_OK);
    for (int i = 0; i < count; i++) assert_same_bits(want[i], rg_program_output(program, i), "a product with a row", size);
    rg_program_free(program);
    rg_tape_free(tape);
    rg_tape_free(eager);
}

static void a_product_and_a_row_have_the_bits_of_node_by_node(void **state)
{
    static const int64_t m[] = { 1, 2, 3, 5, 16, 33 }, n[] = { 1, 2, 3, 4, 8, 13, 16, 32, 64 }, k[] = { 0, 1, 2, 3, 8, 16, 17, 32 };
    (void)state;
    int form = 0;
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        for (size_t j = 0; j < sizeof n / sizeof n[0]; j++)
            for (size_t l = 0; l < sizeof k / sizeof k[0]; l++)
                for (int dtype = RG_F32; dtype <= RG_F64; dtype++, form += 7) {
                    const int64_t size[] = { m[i], n[j], k[l] };
                    compare_rows((rg_dtype)dtype, size, form % 16, form % 3 ? ROW : (addend)(form / 3 % ADDENDS));
                }
}

/* The layer's steps: without the sum there would be one more. */
static void a_small_layer_is_two_steps(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .profiles = true });
    rg_tensor out[3];
    record(tape, RG_F32, (const int64_t[]){ 4, 16, 16 }, 2, ROW, out);
    rg_program *program = rg_compile(0, NULL, 1, &out[1]);
    rg_profile profile;
    assert_int_equal(rg_program_profile(program, 1, &profile), RG_OK);
    assert_int_equal(profile.count, 2);
    assert_int_equal(profile.steps[0].ops, 2);
    rg_program_free(program);
    rg_tape_free(tape);
}

/* ---- Gradients of rank one ------------------------------------------------------------------------------------------ */

typedef struct {
    rg_params *theta;
    rg_opt *opt;
    rg_tape *tape;
    rg_param weight;
} learner;

static learner learner_new(rg_dtype dtype, const int64_t *size, int threads, double clip)
{
    learner l = { .theta = rg_params_new(dtype, 3) };
    l.weight = rg_params_add(l.theta, "weight", RG_SHAPE(size[0], size[1]));
    memcpy(rg_params_data(l.theta), numbers(dtype, 0), (size_t)(size[0] * size[1]) * rg_dtype_size(dtype));
    l.opt = rg_opt_sgd(l.theta, (rg_opt_sgd_options){ .lr = 0.25 });
    rg_opt_clip_value(l.opt, clip);
    l.tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    return l;
}

static void learner_free(learner *l)
{
    rg_tape_free(l->tape);
    rg_opt_free(l->opt);
    rg_params_free(l->theta);
}

/* Of a column, the weight and a row; or of one more product with the weight, which reads it before it moves. */
static rg_tensor loss_of(const learner *l, rg_dtype dtype, const int64_t *size, int form)
{
    const bool spread = form & 1, again = form & 2;
    const int64_t m = size[0], n = size[1];
    rg_tensor w = rg_parameter(l->tape, l->weight);
    rg_tensor column = rg_input(l->tape, dtype, RG_SHAPE(1, m), numbers(dtype, 1));
    rg_tensor row = spread ? rg_expand(rg_input(l->tape, dtype, RG_SHAPE(1, 1), numbers(dtype, 2)), RG_SHAPE(n, 1))
                           : rg_input(l->tape, dtype, RG_SHAPE(n, 1), numbers(dtype, 2));
    rg_tensor y = rg_sum(rg_tanh(rg_matmul(rg_matmul(column, w), row)));
    return again ? rg_add(y, rg_sum(rg_matmul(w, row))) : y;
}

static void compare_updates(rg_dtype dtype, const int64_t *size, int form, int threads)
{
    const double clip = form & 4 ? 0.05 : 0.0;
    learner a = learner_new(dtype, size, 1, clip), b = learner_new(dtype, size, threads, clip);
    for (int step = 0; step < 4; step++) {
        rg_backward(loss_of(&a, dtype, size, form));
        rg_opt_step(a.opt);
        assert_int_equal(rg_opt_minimise(b.opt, loss_of(&b, dtype, size, form)), RG_OK);
        rg_tape_reset(a.tape);
        rg_tape_reset(b.tape);
    }
    if (memcmp(rg_params_data(a.theta), rg_params_data(b.theta), (size_t)(size[0] * size[1]) * rg_dtype_size(dtype)) != 0)
        fail_msg("update of [%d,%d] %s, form %d, %d threads", (int)size[0], (int)size[1], rg_dtype_name(dtype), form, threads);
    learner_free(&a);
    learner_free(&b);
}

static void an_update_of_rank_one_has_the_bits_of_gradient_and_step(void **state)
{
    static const int64_t m[] = { 1, 2, 3, 4, 7, 16, 64 }, n[] = { 1, 2, 3, 4, 8, 12, 16, 24, 32, 64 };
    (void)state;
    for (size_t i = 0; i < sizeof m / sizeof m[0]; i++)
        for (size_t j = 0; j < sizeof n / sizeof n[0]; j++)
            for (int form = 0; form < 8; form++) {
                const int64_t size[] = { m[i], n[j] };
                compare_updates(RG_F32, size, form, 1);
                compare_updates(RG_F64, size, form, 1 + form % 3);
            }
}

/* So large that threads share it. */
static void a_large_update_of_rank_one_too(void **state)
{
    (void)state;
    enum { ROWS = 600, COLUMNS = 800 };
    static float column[ROWS], row[COLUMNS];
    for (int i = 0; i < ROWS; i++) column[i] = (float)rg_random_normal(7, 0, (uint64_t)i);
    for (int i = 0; i < COLUMNS; i++) row[i] = (float)rg_random_normal(7, 1, (uint64_t)i);
    float *moved[3];
    static const int threads[] = { 1, 2, 3 };
    for (int t = 0; t < 3; t++) {
        rg_params *theta = rg_params_new(RG_F32, 3);
        rg_param weight = rg_params_add(theta, "weight", RG_SHAPE(ROWS, COLUMNS));
        rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.25 });
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads[t] });
        for (int step = 0; step < 3; step++) {
            rg_tensor y = rg_matmul(rg_matmul(rg_input(tape, RG_F32, RG_SHAPE(1, ROWS), column), rg_parameter(tape, weight)),
                                    rg_input(tape, RG_F32, RG_SHAPE(COLUMNS, 1), row));
            rg_tensor loss = rg_sum(rg_shift(y, 1));
            if (t == 0) {
                rg_backward(loss);
                rg_opt_step(opt);
            } else {
                assert_int_equal(rg_opt_minimise(opt, loss), RG_OK);
            }
            rg_tape_reset(tape);
        }
        moved[t] = malloc(sizeof(float[ROWS * COLUMNS]));
        assert_non_null(moved[t]);
        memcpy(moved[t], rg_params_data(theta), sizeof(float[ROWS * COLUMNS]));
        rg_tape_free(tape);
        rg_opt_free(opt);
        rg_params_free(theta);
        assert_memory_equal(moved[t], moved[0], sizeof(float[ROWS * COLUMNS]));
    }
    for (int t = 0; t < 3; t++) free(moved[t]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_and_a_row_have_the_bits_of_node_by_node),
        cmocka_unit_test(a_small_layer_is_two_steps),
        cmocka_unit_test(an_update_of_rank_one_has_the_bits_of_gradient_and_step),
        cmocka_unit_test(a_large_update_of_rank_one_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
