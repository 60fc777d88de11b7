/* test_minimise.c: backward and step in one give the bits of the two, whatever the optimiser and the graph. */
#include "tensors.h"

#include "nn.h"
#include "optim.h"

enum { IN = 37, HIDDEN = 72, OUT = 5, MOST_ROWS = 70, STEPS = 6 };

typedef struct {
    rg_dtype dtype;
    int threads, rows;
    bool eager;
    rg_opt *(*optimiser)(rg_params *theta);
    rg_tensor (*loss)(rg_tape *tape, rg_params *theta, const rg_nn *net, int rows, uint64_t step);
} setup;

/* ---- Optimisers -------------------------------------------------------------------------------------- */

static rg_opt *plain(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1 });
}

static rg_opt *scheduled(rg_params *theta)
{
    rg_opt *opt = plain(theta);
    rg_opt_set_schedule(opt, rg_opt_schedule_warm_up(rg_opt_schedule_cosine(4, 0.1), 2));
    return opt;
}

static rg_opt *clipped_by_value(rg_params *theta)
{
    rg_opt *opt = plain(theta);
    rg_opt_clip_value(opt, 1e-3);
    return opt;
}

static rg_opt *clipped_by_norm(rg_params *theta)
{
    rg_opt *opt = plain(theta);
    rg_opt_clip_norm(opt, 1e-2);
    return opt;
}

static rg_opt *decaying(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1, .weight_decay = 0.2 });
}

static rg_opt *with_momentum(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1, .momentum = 0.9 });
}

static rg_opt *adam(rg_params *theta)
{
    return rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.01 });
}

/* ---- Graphs ------------------------------------------------------------------------------------------ */

static rg_tensor noise(rg_tape *tape, rg_dtype dtype, rg_shape shape, uint64_t stream)
{
    double numbers[MOST_ROWS * HIDDEN];
    const int64_t count = rg_shape_count(shape);
    for (int64_t i = 0; i < count; i++) {
        const double number = rg_random_normal(9, stream, (uint64_t)i);
        if (dtype == RG_F32) ((float *)numbers)[i] = (float)number;
        else numbers[i] = number;
    }
    return rg_input(tape, dtype, shape, numbers);
}

static rg_tensor of_network(rg_tape *tape, rg_params *theta, const rg_nn *net, int rows, uint64_t step)
{
    const rg_dtype dtype = rg_params_dtype(theta);
    return rg_mse(rg_nn_forward(net, noise(tape, dtype, RG_SHAPE(rows, IN), step)),
                  noise(tape, dtype, RG_SHAPE(rows, OUT), 1000 + step));
}

/* Every weight is read again after its gradient's product, one parameter is not reached, and one is used up in parts. */
static rg_tensor of_tied_weights(rg_tape *tape, rg_params *theta, const rg_nn *net, int rows, uint64_t step)
{
    const rg_tensor weight = rg_parameter(tape, rg_params_find(theta, "fc1.weight"));
    const rg_tensor x = noise(tape, rg_params_dtype(theta), RG_SHAPE(rows, IN), step);
    (void)net;
    rg_tensor h = rg_tanh(rg_matmul(x, rg_transpose(weight)));
    h = rg_tanh(rg_matmul(rg_matmul(h, weight), rg_transpose(weight)));
    const rg_tensor part = rg_slice(rg_parameter(tape, rg_params_find(theta, "fc2.weight")), 0, 1, 3);
    return rg_add(rg_mean(rg_square(h)), rg_add(rg_mean(rg_square(rg_matmul(part, rg_transpose(h)))),
                                                rg_mean(rg_square(rg_square(weight)))));
}

/* The weight's gradient is there early in the backward pass, and the weight is read late in it, as a constant. */
static rg_tensor of_weight_read_late(rg_tape *tape, rg_params *theta, const rg_nn *net, int rows, uint64_t step)
{
    const rg_tensor weight = rg_parameter(tape, rg_params_find(theta, "fc2.weight"));
    const rg_tensor factor = rg_parameter(tape, rg_params_find(theta, "fc2.bias"));
    (void)net;
    rg_tensor h = rg_mul(noise(tape, rg_params_dtype(theta), RG_SHAPE(rows, HIDDEN), step), rg_shift(factor, 1));
    h = rg_tanh(rg_matmul(h, rg_stop_gradient(weight)));
    return rg_mean(rg_square(rg_matmul(h, weight)));
}

/* ---- Comparing --------------------------------------------------------------------------------------- */

static char *train(const setup *s, bool in_one, size_t *bytes)
{
    rg_params *theta = rg_params_new(s->dtype, 4);
    rg_nn *net = rg_nn_mlp(theta, rg_relu, (const int64_t[]){ IN, HIDDEN, HIDDEN, OUT }, 4);
    rg_opt *opt = s->optimiser(theta);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = s->threads, .eager = s->eager });
    double total = 0;
    for (uint64_t step = 0; step < STEPS; step++) {
        const rg_tensor loss = s->loss(tape, theta, net, s->rows, step);
        if (in_one) assert_int_equal(rg_opt_minimise(opt, loss), RG_OK);
        else assert_int_equal(rg_backward(loss) || rg_opt_step(opt), 0);
        total += rg_item(loss);
        assert_fine(tape);
        rg_tape_reset(tape);
    }
    assert_int_equal(rg_opt_step_count(opt), STEPS);
    const size_t of_theta = (size_t)rg_params_count(theta) * rg_dtype_size(s->dtype);
    char *result = malloc(of_theta + sizeof total);
    memcpy(result, rg_params_data(theta), of_theta);
    memcpy(result + of_theta, &total, sizeof total);
    *bytes = of_theta + sizeof total;
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_nn_free(net);
    rg_params_free(theta);
    return result;
}

static void compare(const setup *s)
{
    size_t a_bytes, b_bytes;
    char *a = train(s, true, &a_bytes), *b = train(s, false, &b_bytes);
    assert_int_equal(a_bytes, b_bytes);
    assert_memory_equal(a, b, a_bytes);
    free(a);
    free(b);
}

static void the_bits_are_those_of_two_calls(void **state)
{
    (void)state;
    static rg_opt *(*const optimisers[])(rg_params *) = { plain,    scheduled,     clipped_by_value, clipped_by_norm,
                                                           decaying, with_momentum, adam };
    static const int rows[] = { 1, 3, 70 };
    for (size_t i = 0; i < COUNT(optimisers); i++)
        for (size_t r = 0; r < COUNT(rows); r++)
            for (int form = 0; form < 12; form++)
                compare(&(setup){ .dtype = form & 1 ? RG_F32 : RG_F64, .threads = form & 2 ? 3 : 1, .rows = rows[r],
                                  .eager = form == 5, .optimiser = optimisers[i],
                                  .loss = form & 8 ? of_weight_read_late : form & 4 ? of_tied_weights : of_network });
}

static rg_tensor half_square(rg_tape *tape, rg_params *theta)
{
    return rg_scale(rg_sum(rg_square(rg_parameter(tape, rg_params_at(theta, 0)))), 0.5);
}

static rg_params *three_numbers(void)
{
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_params_add(theta, "w", RG_SHAPE(3));
    for (int i = 0; i < 3; i++) ((double *)rg_params_data(theta))[i] = 1 + i;
    rg_params_changed(theta);
    return theta;
}

/* What is kept of theta, even as a view, is what it was. */
static void a_kept_value_is_from_before_the_step(void **state)
{
    (void)state;
    rg_params *theta = three_numbers();
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.5 });
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        double *w = rg_params_data(theta);
        for (int i = 0; i < 3; i++) w[i] = 1 + i;
        rg_params_changed(theta);
        const rg_tensor loss = half_square(tape, theta);
        const rg_tensor column = rg_keep(rg_reshape(rg_parameter(tape, rg_params_at(theta, 0)), RG_SHAPE(3, 1)));
        assert_int_equal(rg_opt_minimise(opt, loss), RG_OK);
        assert_values(column, 1, 2, 3);
        assert_values(loss, 7);
        assert_true(w[0] == 0.5 && w[1] == 1 && w[2] == 1.5);
        rg_tape_reset(tape);
    }
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
}

static void a_gradient_that_waits_is_added_to(void **state)
{
    (void)state;
    rg_params *theta = three_numbers();
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.25 });
    rg_tape *tape = rg_tape_new();
    rg_backward(half_square(tape, theta));
    assert_int_equal(rg_opt_minimise(opt, half_square(tape, theta)), RG_OK);
    const double *w = rg_params_data(theta);
    assert_true(w[0] == 0.5 && w[1] == 1 && w[2] == 1.5);
    assert_false(rg_params_gradient_ready(theta));
    assert_int_equal(rg_opt_step(opt), RG_E_STATE);
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
}

static void a_failure_moves_nothing(void **state)
{
    (void)state;
    rg_params *theta = three_numbers();
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.25 });
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        const int64_t far = 3;
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0));
        assert_int_equal(rg_opt_minimise(opt, rg_sum(rg_gather_rows(w, rg_input(tape, RG_I64, RG_SHAPE(1), &far)))), RG_E_INDEX);
        assert_non_null(strstr(rg_message(tape), "test_minimise.c"));
        rg_tape_clear_error(tape);
        assert_int_equal(rg_opt_minimise(opt, rg_tanh(w)), RG_E_GRADIENT);
        rg_tape_clear_error(tape);
        rg_tape_reset(tape);
    }
    const double *w = rg_params_data(theta);
    assert_true(w[0] == 1 && w[1] == 2 && w[2] == 3);
    assert_int_equal(rg_opt_step_count(opt), 0);
    assert_int_equal(rg_opt_minimise(NULL, half_square(tape, theta)), RG_E_NULL);
    rg_tape_free(tape);
    rg_opt_free(opt);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bits_are_those_of_two_calls),
        cmocka_unit_test(a_kept_value_is_from_before_the_step),
        cmocka_unit_test(a_gradient_that_waits_is_added_to),
        cmocka_unit_test(a_failure_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
