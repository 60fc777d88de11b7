/* test_vmap.c: a program over a batch computes what the program computes for each member, without a loop, and vmap and
 * derivatives can be taken in any order. */
#include "tensors.h"

enum { SIZE = 5, IN = 3, HIDDEN = 4 };

/* Numbers in (-1, 1) that do not repeat. */
static const double *numbers(int n, int from)
{
    static double all[4096];
    for (int i = 0; i < n; i++) all[i] = rg_random_uniform(7, (uint64_t)from, (uint64_t)i) * 2 - 1;
    return all;
}

static rg_tensor input(rg_tape *tape, rg_shape shape, int from)
{
    return rg_input(tape, RG_F64, shape, numbers((int)rg_shape_count(shape), from));
}

static rg_tensor row(rg_tensor batch, int64_t i)
{
    rg_shape shape = rg_shape_of(batch), rest = { .rank = shape.rank - 1 };
    for (int k = 0; k < rest.rank; k++) rest.size[k] = shape.size[1 + k];
    return rg_reshape(rg_slice(batch, 0, i, i + 1), rest);
}

/* Row i of the batch is what was computed for member i, to a relative error. */
static void assert_row(rg_tensor batch, int64_t i, rg_tensor member)
{
    const int64_t n = rg_shape_count(rg_shape_of(member));
    assert_int_equal(rg_shape_count(rg_shape_of(batch)) / rg_shape_of(batch).size[0], n);
    for (int64_t k = 0; k < n; k++) {
        const double got = element(batch, i * n + k), want = element(member, k);
        if (!(fabs(got - want) <= 1e-13 * fmax(1, fabs(want)))) fail_msg("row %d, element %d: %.17g, not %.17g", (int)i, (int)k, got, want);
    }
}

/* ---- Elementwise: broadcasting is the rule ------------------------------------------------------------- */

typedef rg_tensor function(const rg_tensor *x);

static rg_tensor shorter_left(const rg_tensor *x) { return rg_mul(x[0], x[1]); }
static rg_tensor shorter_right(const rg_tensor *x) { return rg_sub(rg_exp(x[1]), x[0]); }
static rg_tensor chosen(const rg_tensor *x) { return rg_where(rg_greater(x[1], x[0]), rg_tanh(x[1]), x[0]); }
static rg_tensor repeated(const rg_tensor *x) { return rg_add(rg_mul(x[0], x[0]), rg_scale(x[1], 3)); }
static rg_tensor multiplied(const rg_tensor *x) { return rg_matmul(x[1], rg_reshape(x[0], RG_SHAPE(IN, 1))); }
static rg_tensor multiplied_by_a_vector(const rg_tensor *x) { return rg_matmul(x[0], rg_transpose(x[1])); }
static rg_tensor summed(const rg_tensor *x) { return rg_sum_axes(rg_mul(x[1], x[0]), RG_AXES(0), false); }
static rg_tensor averaged(const rg_tensor *x) { return rg_add(rg_mean_axes(x[1], RG_AXES(1), true), rg_sum(x[0])); }
static rg_tensor expanded(const rg_tensor *x) { return rg_mul(rg_expand(x[0], RG_SHAPE(2, IN)), rg_slice(x[1], 0, 1, 3)); }

/* x[0] is a vector and x[1] a matrix; either or both are batched. */
static function *const functions[] = { shorter_left, shorter_right, chosen, repeated, multiplied, multiplied_by_a_vector,
                                             summed, averaged, expanded };

static void a_batch_is_what_a_loop_over_its_members_computes(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++)
        for (size_t f = 0; f < COUNT(functions); f++)
            for (int which = 1; which < 4; which++) {
                rg_tensor whole[] = { input(tape, RG_SHAPE(SIZE, IN), 1), input(tape, RG_SHAPE(SIZE, HIDDEN, IN), 2) };
                rg_tensor member[] = { rg_batch_member(whole[0]), rg_batch_member(whole[1]) }, x[2], batches[2], all;
                int n = 0;
                for (int k = 0; k < 2; k++)
                    if (which >> k & 1) {
                        x[n] = member[k];
                        batches[n++] = whole[k];
                    }
                const rg_tensor y = functions[f](member);
                assert_int_equal(rg_vmap(&y, 1, x, batches, n, &all), RG_OK);
                assert_int_equal(rg_shape_of(all).size[0], SIZE);
                for (int i = 0; i < SIZE; i++) {
                    const rg_tensor one[] = { which & 1 ? row(whole[0], i) : member[0], which & 2 ? row(whole[1], i) : member[1] };
                    assert_row(all, i, functions[f](one));
                }
                rg_tape_reset(tape);
            }
    assert_fine(tape);
    rg_tape_free(tape);
}

static void what_does_not_depend_on_a_member_is_the_same_for_all(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor batch = MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), x = rg_batch_member(batch), c = VECTOR(tape, 7, 8);
    rg_tensor y[] = { rg_square(c), rg_add(x, rg_square(c)), x, c }, all[4];
    assert_int_equal(rg_vmap(y, 4, &x, &batch, 1, all), RG_OK);
    assert_values(all[0], 49, 64, 49, 64, 49, 64);
    assert_values(all[1], 50, 66, 52, 68, 54, 70);
    assert_values(all[2], 1, 2, 3, 4, 5, 6);
    assert_values(all[3], 7, 8, 7, 8, 7, 8);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* There is no node for each member, and the member itself is never computed. */
static void a_batch_takes_as_many_nodes_whatever_its_size(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    uint64_t nodes[2];
    for (int big = 0; big < 2; big++) {
        const int64_t size = big ? 1000 : 2;
        rg_tensor batch = rg_full(tape, RG_F64, RG_SHAPE(size, IN), 0.5), x = rg_batch_member(batch), y = rg_sum(rg_tanh(x)), all;
        const uint64_t before = rg_tape_get_stats(tape).nodes;
        assert_int_equal(rg_vmap(&y, 1, &x, &batch, 1, &all), RG_OK);
        nodes[big] = rg_tape_get_stats(tape).nodes - before;
        const uint64_t steps = rg_tape_get_stats(tape).steps;
        element(all, 0);
        assert_in_range(rg_tape_get_stats(tape).steps - steps, 1, 3); /* full, tanh, sum */
        rg_tape_reset(tape);
    }
    assert_int_equal(nodes[0], nodes[1]);
    assert_int_equal(nodes[0], 2);
    rg_tape_free(tape);
}

static void batches_of_no_and_of_one_member(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), y = rg_sum(rg_square(x)), all;
    rg_tensor none = rg_input(tape, RG_F64, RG_SHAPE(0, 2), NULL), one = MATRIX(tape, 1, 2, 3, 4);
    assert_int_equal(rg_vmap(&y, 1, &x, &none, 1, &all), RG_OK);
    assert_shape(all, RG_SHAPE(0));
    assert_non_null(rg_data(all));
    assert_int_equal(rg_vmap(&y, 1, &x, &one, 1, &all), RG_OK);
    assert_values(all, 25);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- With derivatives ---------------------------------------------------------------------------------- */

static rg_tensor network(rg_tensor w, rg_tensor b, rg_tensor v, rg_tensor x)
{
    return rg_sum(rg_square(rg_matmul(v, rg_tanh(rg_add(rg_matmul(w, x), b)))));
}

static void gradients_by_sample_are_those_of_a_loop(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor w = input(tape, RG_SHAPE(HIDDEN, IN), 1), b = input(tape, RG_SHAPE(HIDDEN), 2), v = input(tape, RG_SHAPE(2, HIDDEN), 3);
        rg_tensor batch = input(tape, RG_SHAPE(SIZE, IN), 4 + step), x = rg_batch_member(batch), wrt[] = { w, b, v }, g[3], all[3];
        rg_grad(network(w, b, v, x), wrt, 3, g);
        assert_int_equal(rg_vmap(g, 3, &x, &batch, 1, all), RG_OK);
        for (int i = 0; i < SIZE; i++) {
            rg_tensor one[3];
            rg_grad(network(w, b, v, row(batch, i)), wrt, 3, one);
            for (int k = 0; k < 3; k++) assert_row(all[k], i, one[k]);
        }
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* Of 100 equal steps, few plans are built and all later steps are hits. */
static void gradients_by_sample_find_their_plan(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 100; step++) {
        rg_tensor w = input(tape, RG_SHAPE(HIDDEN, IN), 1), b = input(tape, RG_SHAPE(HIDDEN), 2), v = input(tape, RG_SHAPE(2, HIDDEN), 3);
        rg_tensor batch = input(tape, RG_SHAPE(SIZE, IN), 4 + step), x = rg_batch_member(batch), g, all;
        rg_grad(network(w, b, v, x), &w, 1, &g);
        rg_vmap(&g, 1, &x, &batch, 1, &all);
        element(all, 0);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    assert_int_equal(rg_tape_get_stats(tape).hits, 98);
    rg_tape_free(tape);
}

static void gradient_flows_through_a_batch(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor batch = input(tape, RG_SHAPE(SIZE, IN), 1), x = rg_batch_member(batch), w = input(tape, RG_SHAPE(IN), 2), all, out[2];
    rg_tensor y = rg_sum(rg_sin(rg_mul(x, w))), wrt[] = { batch, w };
    rg_vmap(&y, 1, &x, &batch, 1, &all);
    assert_int_equal(rg_grad(rg_sum(rg_square(all)), wrt, 2, out), RG_OK);
    rg_tensor direct = rg_sum_axes(rg_sin(rg_mul(batch, w)), RG_AXES(1), false), want[2];
    rg_grad(rg_sum(rg_square(direct)), wrt, 2, want);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < rg_shape_count(rg_shape_of(want[k])); i++)
            assert_true(fabs(element(out[k], i) - element(want[k], i)) < 1e-13);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* All pairs of two batches: a batch of batches. */
static void batches_nest(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor a = input(tape, RG_SHAPE(3, 2), 1), b = input(tape, RG_SHAPE(4, 2), 2), x = rg_batch_member(a), y = rg_batch_member(b);
    rg_tensor distance = rg_sum(rg_square(rg_sub(x, y))), row_of, all, slope;
    assert_int_equal(rg_vmap(&distance, 1, &y, &b, 1, &row_of), RG_OK);
    assert_int_equal(rg_vmap(&row_of, 1, &x, &a, 1, &all), RG_OK);
    assert_shape(all, RG_SHAPE(3, 4));
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            double want = 0;
            for (int k = 0; k < 2; k++) want += pow(element(a, 2 * i + k) - element(b, 2 * j + k), 2);
            assert_true(fabs(element(all, 4 * i + j) - want) < 1e-14);
        }
    rg_grad(rg_sum(all), &a, 1, &slope);
    double want = 0;
    for (int j = 0; j < 4; j++) want += 2 * (element(a, 3) - element(b, 2 * j + 1));
    assert_true(fabs(element(slope, 3) - want) < 1e-13);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void constants_and_walls_stay_what_they_are(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor batch = MATRIX(tape, 2, 2, 1, 2, 3, 4), x = rg_batch_member(batch), all, slope;
    rg_no_grad(tape, true);
    rg_tensor held = rg_square(x);
    rg_no_grad(tape, false);
    rg_tensor y = rg_sum(rg_add(rg_mul(held, x), rg_mul(rg_stop_gradient(x), x)));
    rg_vmap(&y, 1, &x, &batch, 1, &all);
    rg_grad(rg_sum(all), &batch, 1, &slope);
    assert_values(all, 1 + 8 + 1 + 4, 27 + 64 + 9 + 16);
    assert_values(slope, 1 + 1, 4 + 2, 9 + 3, 16 + 4); /* x^2 and x, which were held */
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Random masks -------------------------------------------------------------------------------------- */

static void every_member_gets_the_same_mask(void **state)
{
    (void)state;
    enum { N = 64 };
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 3; step++) {
        rg_tensor batch = input(tape, RG_SHAPE(SIZE, N), 1), x = rg_batch_member(batch), key = rg_random_key(tape, 3, (uint64_t)step);
        rg_tensor y = rg_dropout(x, 0.25, key), all, slope;
        assert_int_equal(rg_vmap(&y, 1, &x, &batch, 1, &all), RG_OK);
        rg_grad(rg_sum(all), &batch, 1, &slope);
        int dropped = 0;
        for (int i = 0; i < SIZE; i++) {
            rg_tensor one = rg_dropout(row(batch, i), 0.25, key);
            for (int k = 0; k < N; k++) {
                assert_true(element(all, i * N + k) == element(one, k));
                assert_true(element(slope, i * N + k) == (element(one, k) == 0 ? 0 : 1 / 0.75));
                dropped += element(one, k) == 0;
            }
        }
        assert_in_range(dropped, 1, SIZE * N / 2);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* A dropped element is 0 whatever it was: the mask selects. */
static void a_mask_selects_in_a_batch_too(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    double bad[2][64];
    for (int i = 0; i < 128; i++) bad[i / 64][i % 64] = i % 2 ? NAN : INFINITY;
    rg_tensor batch = rg_input(tape, RG_F64, RG_SHAPE(2, 64), bad), x = rg_batch_member(batch), all;
    rg_tensor y = rg_dropout(x, 0.5, rg_random_key(tape, 1, 2));
    rg_vmap(&y, 1, &x, &batch, 1, &all);
    int zeros = 0;
    for (int i = 0; i < 128; i++) zeros += element(all, i) == 0;
    assert_in_range(zeros, 30, 100);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* With a key for each member, each has a mask of its own: that which the key gives it alone. */
static void batched_keys_give_every_member_a_mask_of_its_own(void **state)
{
    (void)state;
    enum { N = 30 };
    rg_tape *tape = rg_tape_new();
    for (int which = 0; which < 2; which++) {
        const int64_t words[SIZE][2] = { { 1, 1 }, { 1, 2 }, { 2, 1 }, { 9, 9 }, { 1, 1 } };
        rg_tensor batch = input(tape, RG_SHAPE(SIZE, N), 1), x = rg_batch_member(batch), one_for_all = x;
        rg_tensor keys = rg_input(tape, RG_I64, RG_SHAPE(SIZE, 2), words), key = rg_batch_member(keys), all, slope;
        rg_tensor y = rg_dropout(x, 0.5, key), xs[] = { key, x }, batches[] = { keys, batch };
        assert_int_equal(rg_vmap(&y, 1, xs, batches, 1 + which, &all), RG_OK);
        rg_grad(rg_sum(all), which ? &batch : &x, 1, &slope);
        for (int i = 0; i < SIZE; i++) {
            rg_tensor own = rg_dropout(which ? row(batch, i) : one_for_all, 0.5,
                                       rg_random_key(tape, (uint64_t)words[i][0], (uint64_t)words[i][1]));
            for (int k = 0; k < N; k++) {
                assert_true(element(all, i * N + k) == element(own, k));
                if (which) assert_true(element(slope, i * N + k) == (element(own, k) == 0 ? 0 : 2));
            }
        }
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_what_a_loop_over_its_members_computes),
        cmocka_unit_test(what_does_not_depend_on_a_member_is_the_same_for_all),
        cmocka_unit_test(a_batch_takes_as_many_nodes_whatever_its_size),
        cmocka_unit_test(batches_of_no_and_of_one_member),
        cmocka_unit_test(gradients_by_sample_are_those_of_a_loop),
        cmocka_unit_test(gradients_by_sample_find_their_plan),
        cmocka_unit_test(gradient_flows_through_a_batch),
        cmocka_unit_test(batches_nest),
        cmocka_unit_test(constants_and_walls_stay_what_they_are),
        cmocka_unit_test(every_member_gets_the_same_mask),
        cmocka_unit_test(a_mask_selects_in_a_batch_too),
        cmocka_unit_test(batched_keys_give_every_member_a_mask_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
