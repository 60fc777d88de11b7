/* test_same_bits.c: training gives the same parameters, gradients and losses, bit for bit, however it is run: node by
 * node or planned, at first sight or found again, on any number of threads, with any vector instructions. */
#include "tensors.h"

/* Large enough for products in several tiles and for elementwise work in several tasks; the last batch is ragged. */
enum { BATCH = 160, LAST = 37, INPUTS = 90, HIDDEN = 130, CLASSES = 10, STEPS = 20, BATCHES = 4 };

typedef struct {
    const char *name;
    rg_tape_options options;
    const char *simd;  /* RG_SIMD while the tape is made */
    const char *eager; /* RG_EAGER likewise */
    bool fresh;        /* a new tape for every step */
} way;

/* All that is compared. */
typedef struct {
    size_t parameters;
    double loss[STEPS];
    char *theta, *gradient; /* gradient: of the last step */
} result;

static const int layers[] = { INPUTS, HIDDEN, HIDDEN, CLASSES };

static rg_params *new_parameters(rg_dtype dtype)
{
    rg_params *theta = rg_params_new(dtype, 11);
    for (size_t i = 0; i + 1 < COUNT(layers); i++) {
        rg_params_add(theta, (char[]){ 'w', (char)('0' + i), '\0' }, RG_SHAPE(layers[i], layers[i + 1]));
        rg_params_add(theta, (char[]){ 'b', (char)('0' + i), '\0' }, RG_SHAPE(layers[i + 1]));
    }
    for (int64_t i = 0; i < rg_params_count(theta); i++) {
        double number = 0.15 * rg_random_normal(12, 0, (uint64_t)i);
        if (dtype == RG_F32) ((float *)rg_params_data(theta))[i] = (float)number;
        else ((double *)rg_params_data(theta))[i] = number;
    }
    rg_params_changed(theta);
    return theta;
}

static rg_tensor batch_of(rg_tape *tape, rg_dtype dtype, int rows, uint64_t number)
{
    static double x[BATCH * INPUTS];
    static float single[BATCH * INPUTS];
    for (int i = 0; i < rows * INPUTS; i++) single[i] = (float)(x[i] = rg_random_normal(13, number, (uint64_t)i));
    return dtype == RG_F32 ? rg_input_borrowed(tape, RG_F32, RG_SHAPE(rows, INPUTS), single)
                           : rg_input_borrowed(tape, RG_F64, RG_SHAPE(rows, INPUTS), x);
}

static rg_tensor loss_of(rg_tape *tape, rg_params *theta, int rows, uint64_t number)
{
    int32_t labels[BATCH];
    for (int i = 0; i < rows; i++) labels[i] = (int32_t)(rg_random_bits(14, number, (uint64_t)i) % CLASSES);
    rg_tensor h = batch_of(tape, rg_params_dtype(theta), rows, number);
    for (size_t i = 0; i + 1 < COUNT(layers); i++) {
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 2 * i)), b = rg_parameter(tape, rg_params_at(theta, 2 * i + 1));
        h = rg_add(rg_matmul(h, w), b);
        if (i + 2 == COUNT(layers)) break;
        h = i == 0 ? rg_tanh(h) : rg_relu(h);
        h = rg_dropout(h, 0.2, rg_random_key(tape, 15, rg_params_draw(theta)));
    }
    rg_tensor decay = rg_mean(rg_square(rg_parameter(tape, rg_params_at(theta, 2))));
    rg_tensor fit = rg_cross_entropy(h, rg_input(tape, RG_I32, RG_SHAPE(rows), labels));
    return rg_add(fit, rg_mul(rg_scalar(tape, rg_params_dtype(theta), 0.01 * (double)number), decay));
}

static void descend(rg_params *theta)
{
    void *data = rg_params_data(theta), *slope = rg_params_gradient(theta);
    for (int64_t i = 0; i < rg_params_count(theta); i++) {
        if (rg_params_dtype(theta) == RG_F32) ((float *)data)[i] -= 0.1f * ((float *)slope)[i];
        else ((double *)data)[i] -= 0.1 * ((double *)slope)[i];
    }
    rg_params_changed(theta);
    rg_params_consume_gradient(theta);
}

static rg_tape *tape_for(const way *w)
{
    if (w->simd) setenv("RG_SIMD", w->simd, 1);
    if (w->eager) setenv("RG_EAGER", w->eager, 1);
    rg_tape *tape = rg_tape_new_with(w->options);
    unsetenv("RG_SIMD");
    unsetenv("RG_EAGER");
    return tape;
}

static result train(rg_dtype dtype, const way *w)
{
    rg_params *theta = new_parameters(dtype);
    rg_tape *tape = tape_for(w);
    result r = { .parameters = (size_t)rg_params_count(theta) };
    for (uint64_t step = 0; step < STEPS; step++) {
        int rows = step % BATCHES == BATCHES - 1 ? LAST : BATCH;
        rg_tensor loss = loss_of(tape, theta, rows, step);
        if (step % 7 == 3) rg_backward(rg_scale(loss_of(tape, theta, LAST, 100 + step), 0.5)); /* adds to it */
        rg_backward(loss);
        descend(theta);
        r.loss[step] = rg_item(loss);
        if (rg_failed(tape)) fail_msg("%s: %s", w->name, rg_message(tape));
        rg_tape_reset(tape);
        if (!w->fresh) continue;
        rg_tape_free(tape);
        tape = tape_for(w);
    }
    const size_t bytes = r.parameters * rg_dtype_size(dtype);
    r.theta = malloc(bytes);
    r.gradient = malloc(bytes);
    memcpy(r.theta, rg_params_data(theta), bytes);
    memcpy(r.gradient, rg_params_gradient(theta), bytes);
    rg_tape_free(tape);
    rg_params_free(theta);
    return r;
}

static void result_free(result *r)
{
    free(r->theta);
    free(r->gradient);
}

static void assert_same(rg_dtype dtype, const way *w, const result *a, const result *b)
{
    const size_t item = rg_dtype_size(dtype);
    for (int step = 0; step < STEPS; step++)
        if (memcmp(&a->loss[step], &b->loss[step], sizeof(double)) != 0)
            fail_msg("%s, %s: the loss of step %d is %.17g, not %.17g", w->name, rg_dtype_name(dtype), step, b->loss[step],
                     a->loss[step]);
    for (size_t i = 0; i < a->parameters; i++)
        if (memcmp(a->theta + i * item, b->theta + i * item, item) != 0 ||
            memcmp(a->gradient + i * item, b->gradient + i * item, item) != 0)
            fail_msg("%s, %s: parameter %zu or its gradient differs", w->name, rg_dtype_name(dtype), i);
}

/* Each of these ways in comparison with the first. */
static void compare(rg_dtype dtype, const way *ways, size_t count)
{
    result first = train(dtype, &ways[0]);
    assert_true(first.loss[STEPS - 2] < 0.9 * first.loss[0]); /* it learns */
    for (size_t i = 1; i < count; i++) {
        result other = train(dtype, &ways[i]);
        assert_same(dtype, &ways[i], &first, &other);
        result_free(&other);
    }
    result_free(&first);
}

static void planned_training_has_the_bits_of_node_by_node(void **state)
{
    (void)state;
    static const way ways[] = {
        { .name = "planned", .options = { .threads = 1 } },
        { .name = "node by node", .options = { .threads = 1, .eager = true } },
        { .name = "RG_EAGER=1", .options = { .threads = 1 }, .eager = "1" },
        { .name = "always at first sight", .options = { .threads = 1 }, .fresh = true },
        { .name = "planned again and again", .options = { .threads = 1, .plans = 1 } },
    };
    compare(RG_F32, ways, COUNT(ways));
    compare(RG_F64, ways, COUNT(ways));
}

static void training_on_any_number_of_threads_has_the_same_bits(void **state)
{
    (void)state;
    static const way ways[] = {
        { .name = "1 thread", .options = { .threads = 1 } },
        { .name = "2 threads", .options = { .threads = 2 } },
        { .name = "3 threads", .options = { .threads = 3 } },
        { .name = "4 threads, node by node", .options = { .threads = 4, .eager = true } },
        { .name = "7 threads", .options = { .threads = 7 } },
    };
    compare(RG_F32, ways, COUNT(ways));
    compare(RG_F64, ways, COUNT(ways) - 2);
}

static void training_with_any_vector_instructions_has_the_same_bits(void **state)
{
    (void)state;
    static const way ways[] = {
        { .name = "widest", .options = { .threads = 1 } },
        { .name = "avx2", .options = { .threads = 1 }, .simd = "avx2" },
        { .name = "portable", .options = { .threads = 1 }, .simd = "portable" },
        { .name = "portable, node by node", .options = { .threads = 2, .eager = true }, .simd = "portable" },
    };
    compare(RG_F32, ways, COUNT(ways));
    compare(RG_F64, ways, COUNT(ways) - 1);
}

static void another_seed_has_other_bits(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_params *theta = new_parameters(RG_F32);
    double one = rg_item(loss_of(tape, theta, LAST, 1));
    rg_params_set_random_counter(theta, 0); /* the same masks */
    rg_tape_reset(tape);
    assert_true(rg_item(loss_of(tape, theta, LAST, 1)) == one);
    rg_tape_reset(tape);
    assert_true(rg_item(loss_of(tape, theta, LAST, 1)) != one);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planned_training_has_the_bits_of_node_by_node),
        cmocka_unit_test(training_on_any_number_of_threads_has_the_same_bits),
        cmocka_unit_test(training_with_any_vector_instructions_has_the_same_bits),
        cmocka_unit_test(another_seed_has_other_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
