/* test_checkpoint.c: what is recorded in a checkpoint is computed again for the backward pass, with the same bits and in
 * less memory. */
#include "tensors.h"

enum { LAYERS = 32, ROWS = 64, WIDE = 64 };

typedef enum { WHOLE, IN_CHECKPOINTS } way;

/* A chain of blocks, each with a weight of its own, a view of it, dropout, and a branch. */
static rg_tensor chain(rg_tape *tape, rg_params *theta, rg_tensor x, way how, int layers)
{
    rg_tensor h = x;
    for (int i = 0; i < layers; i++) {
        rg_tensor outside = rg_random_key(tape, 5, (uint64_t)i);
        if (how == IN_CHECKPOINTS) rg_checkpoint_begin(tape);
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, (size_t)i)), key = i % 2 ? outside : rg_random_key(tape, 6, (uint64_t)i);
        rg_tensor z = rg_tanh(rg_matmul(h, rg_transpose(w)));
        z = rg_dropout(rg_sigmoid(rg_add(z, rg_mul(z, h))), 0.1, key);
        h = rg_add(rg_scale(z, 0.5), rg_sin(h));
        if (how == IN_CHECKPOINTS) rg_checkpoint_end(tape);
    }
    return rg_sum(rg_square(h));
}

static rg_params *weights(int layers, rg_dtype dtype)
{
    rg_params *theta = rg_params_new(dtype, 1);
    for (int i = 0; i < layers; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        rg_params_add(theta, name, RG_SHAPE(WIDE, WIDE));
    }
    for (int64_t i = 0; i < rg_params_count(theta); i++) {
        const double number = rg_random_normal(3, 4, (uint64_t)i) / 8;
        if (dtype == RG_F32) ((float *)rg_params_data(theta))[i] = (float)number;
        else ((double *)rg_params_data(theta))[i] = number;
    }
    rg_params_changed(theta);
    return theta;
}

static rg_tensor batch(rg_tape *tape)
{
    static double numbers[ROWS * WIDE];
    for (int i = 0; i < ROWS * WIDE; i++) numbers[i] = rg_random_normal(8, 9, (uint64_t)i);
    return rg_input(tape, RG_F64, RG_SHAPE(ROWS, WIDE), numbers);
}

/* ---- The same bits ------------------------------------------------------------------------------------- */

static void gradients_have_the_bits_of_what_is_kept(void **state)
{
    (void)state;
    for (int threads = 1; threads < 4; threads += 2)
        for (int eager = 0; eager < 2; eager++) {
            rg_params *theta = weights(4, RG_F64);
            const size_t bytes = (size_t)rg_params_count(theta) * sizeof(double);
            double *kept = malloc(bytes), value = 0;
            for (way how = WHOLE; how <= IN_CHECKPOINTS; how++) {
                rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = threads, .eager = eager });
                for (int step = 0; step < 4; step++) {
                    rg_tensor loss = chain(tape, theta, batch(tape), how, 4);
                    rg_params_zero_gradient(theta);
                    assert_int_equal(rg_backward(loss), RG_OK);
                    if (how == WHOLE) {
                        memcpy(kept, rg_params_gradient(theta), bytes);
                        value = rg_item(loss);
                    } else {
                        assert_true(rg_item(loss) == value);
                        assert_memory_equal(kept, rg_params_gradient(theta), bytes);
                    }
                    rg_tape_reset(tape);
                }
                if (!eager) assert_int_equal(rg_tape_get_stats(tape).hits, how == WHOLE ? 2 : 3);
                assert_fine(tape);
                rg_tape_free(tape);
            }
            free(kept);
            rg_params_free(theta);
        }
}

static void derivatives_of_any_kind_and_order_are_the_same(void **state)
{
    (void)state;
    double want[4][3] = { { 0 } };
    for (way how = WHOLE; how <= IN_CHECKPOINTS; how++) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x = VECTOR(tape, 0.5, -1, 2), v = VECTOR(tape, 1, -2, 3), w = VECTOR(tape, 0.1, 0.2, 0.3), out[4], H;
        if (how == IN_CHECKPOINTS) rg_checkpoint_begin(tape);
        rg_tensor h = rg_mul(rg_tanh(rg_mul(x, w)), rg_sum(x));
        if (how == IN_CHECKPOINTS) rg_checkpoint_end(tape);
        if (how == IN_CHECKPOINTS) rg_checkpoint_begin(tape);
        rg_tensor k = rg_sigmoid(rg_mul(h, rg_stop_gradient(h))), y = rg_sum(rg_mul(k, h));
        if (how == IN_CHECKPOINTS) rg_checkpoint_end(tape);
        rg_grad(y, &x, 1, &out[0]);
        rg_hvp(y, &x, &v, 1, &out[1]);
        rg_jvp(k, &x, &v, 1, &out[2]);
        rg_grad(rg_sum(rg_square(out[0])), &w, 1, &out[3]);
        rg_hessian(y, &x, 1, &H);
        for (int k_ = 0; k_ < 4; k_++)
            for (int i = 0; i < 3; i++) {
                if (how == WHOLE) want[k_][i] = element(out[k_], i);
                else assert_true(fabs(element(out[k_], i) - want[k_][i]) <= 1e-15 * fabs(want[k_][i]));
            }
        for (int i = 0; i < 3; i++) {
            double along = 0;
            for (int j = 0; j < 3; j++) along += element(H, 3 * i + j) * element(v, j);
            assert_true(fabs(along - want[1][i]) < 1e-12);
        }
        assert_fine(tape);
        rg_tape_free(tape);
    }
}

static void any_part_of_a_checkpoint_may_be_differentiated(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0.5, 2);
    rg_checkpoint_begin(tape);
    rg_tensor h = rg_square(x), k = rg_exp(h), c = rg_constant(tape, RG_F64, RG_SHAPE(2), NUMBERS(3, 4)), y = rg_mul(k, c);
    rg_checkpoint_begin(tape); /* belongs to the outer one */
    rg_tensor z = rg_mul(y, rg_full(tape, RG_F64, RG_SCALAR, 2));
    rg_checkpoint_end(tape);
    rg_tensor inside = gradient(rg_sum(h), x); /* a gradient recorded within a checkpoint */
    rg_tensor last = rg_mul(z, inside);
    rg_checkpoint_end(tape);
    assert_values(gradient(rg_sum(k), h), exp(0.25), exp(4));
    assert_values(gradient(rg_sum(y), x), 3 * exp(0.25), 4 * 4 * exp(4));
    assert_values(gradient(rg_sum(z), k), 6, 8);
    /* d/dx 2 c e^(x^2) 2 x = 4 c e^(x^2) (1 + 2 x^2) */
    assert_values(gradient(rg_sum(last), x), 12 * exp(0.25) * 1.5, 16 * exp(4) * 9);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void vmap_goes_through_a_checkpoint_and_its_gradient(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor rows = MATRIX(tape, 2, 2, 0.1, 0.2, 0.3, 0.4), x = rg_batch_member(rows), out[2];
    rg_checkpoint_begin(tape);
    rg_tensor y = rg_sum(rg_exp(rg_square(x)));
    rg_checkpoint_end(tape);
    rg_tensor both[] = { y, gradient(y, x) };
    assert_int_equal(rg_vmap(both, 2, &x, &rows, 1, out), RG_OK);
    assert_values(out[1], 0.2 * exp(0.01), 0.4 * exp(0.04), 0.6 * exp(0.09), 0.8 * exp(0.16));
    assert_fine(tape);
    rg_tape_free(tape);
}

/* A checkpoint that was not there the last time makes another program, and so does its place. */
static void checkpoints_are_part_of_the_structure(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    uint64_t built[4];
    for (int kind = 0; kind < 4; kind++) {
        for (int step = 0; step < 3; step++) {
            rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_sin(w);
            if (kind == 1) rg_checkpoint_begin(tape);
            h = rg_exp(h);
            if (kind == 2) rg_checkpoint_begin(tape);
            h = rg_tanh(h);
            if (kind == 1 || kind == 2) rg_checkpoint_end(tape);
            h = rg_sin(h);
            assert_int_equal(rg_backward(rg_sum(h)), RG_OK);
            rg_params_consume_gradient(theta);
            rg_tape_reset(tape);
        }
        built[kind] = rg_tape_get_stats(tape).plans_built;
    }
    assert_int_equal(built[0], 1);
    assert_int_equal(built[1], 2);
    assert_int_equal(built[2], 3);
    assert_int_equal(built[3], 3); /* without any, once more */
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* ---- Less memory --------------------------------------------------------------------------------------- */

/* A chain keeps several values a layer; in checkpoints, what lies between layers and the inside of one. */
static void a_deep_chain_takes_less_memory(void **state)
{
    (void)state;
    rg_params *theta = weights(LAYERS, RG_F64);
    uint64_t workspace[2], peak[2];
    for (way how = WHOLE; how <= IN_CHECKPOINTS; how++) {
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
        for (int step = 0; step < 3; step++) {
            assert_int_equal(rg_backward(chain(tape, theta, batch(tape), how, LAYERS)), RG_OK);
            rg_params_consume_gradient(theta);
            rg_tape_reset(tape);
        }
        assert_fine(tape);
        workspace[how] = rg_tape_get_stats(tape).workspace_bytes;
        peak[how] = rg_tape_get_stats(tape).peak_bytes;
        rg_tape_free(tape);
    }
    const uint64_t value = ROWS * WIDE * sizeof(double);
    print_message("workspace %.1f values kept, %.1f in checkpoints; peak %.1f and %.1f\n", (double)workspace[0] / (double)value,
                  (double)workspace[1] / (double)value, (double)peak[0] / (double)value, (double)peak[1] / (double)value);
    assert_true(workspace[WHOLE] >= 3 * LAYERS * value);
    assert_true(workspace[IN_CHECKPOINTS] <= (LAYERS + 16) * value);
    assert_true(peak[IN_CHECKPOINTS] < peak[WHOLE] / 2);
    rg_params_free(theta);
}

/* Everything in a checkpoint is computed once more, and nothing else is. */
static void what_is_computed_again_is_computed_once(void **state)
{
    (void)state;
    rg_params *theta = weights(4, RG_F64);
    double products[2] = { 0 };
    for (way how = WHOLE; how <= IN_CHECKPOINTS; how++) {
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .profiles = true });
        rg_tensor x = batch(tape), loss = chain(tape, theta, x, how, 4);
        rg_program *program = rg_compile_backward(loss, 1, &x);
        rg_profile profile;
        assert_non_null(program);
        assert_int_equal(rg_program_profile(program, 1, &profile), RG_OK);
        for (size_t i = 0; i < profile.count; i++)
            if (strncmp(profile.steps[i].what, "matmul", 6) == 0) products[how] += 1;
        rg_program_free(program);
        rg_tape_free(tape);
    }
    assert_true(products[WHOLE] == 4 + 4 + 3); /* the input needs no gradient */
    assert_true(products[IN_CHECKPOINTS] == products[WHOLE] + 4);
    rg_params_free(theta);
}

/* ---- Odd uses ------------------------------------------------------------------------------------------ */

static void values_within_a_checkpoint_can_be_asked_for(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0));
        rg_checkpoint_begin(tape);
        rg_tensor h = rg_square(w);
        if (step % 2) assert_values(h, 1, 4); /* a segment ends within */
        rg_tensor k = rg_keep(rg_exp(h));
        rg_checkpoint_end(tape);
        rg_tensor loss = rg_sum(k);
        assert_int_equal(rg_backward(loss), RG_OK);
        assert_gradient(theta, 2 * exp(1), 4 * exp(4));
        assert_values(k, exp(1), exp(4));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_checkpoint_that_goes_on_is_one(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_checkpoint_begin(tape);
        rg_tensor loss = rg_sum(rg_exp(rg_square(rg_parameter(tape, rg_params_at(theta, 0)))));
        assert_int_equal(rg_backward(loss), RG_OK);
        assert_gradient(theta, 2 * exp(1), 4 * exp(4));
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape); /* ends it too */
    }
    rg_mark mark = rg_tape_mark(tape);
    for (int step = 0; step < 4; step++) {
        rg_tensor x = VECTOR(tape, 1, 2);
        rg_checkpoint_begin(tape);
        rg_tensor y = rg_sum(rg_exp(x));
        assert_values(gradient(y, x), exp(1), exp(2));
        rg_tape_rewind(mark);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_have_the_bits_of_what_is_kept),
        cmocka_unit_test(derivatives_of_any_kind_and_order_are_the_same),
        cmocka_unit_test(any_part_of_a_checkpoint_may_be_differentiated),
        cmocka_unit_test(vmap_goes_through_a_checkpoint_and_its_gradient),
        cmocka_unit_test(checkpoints_are_part_of_the_structure),
        cmocka_unit_test(a_deep_chain_takes_less_memory),
        cmocka_unit_test(what_is_computed_again_is_computed_once),
        cmocka_unit_test(values_within_a_checkpoint_can_be_asked_for),
        cmocka_unit_test(a_checkpoint_that_goes_on_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
