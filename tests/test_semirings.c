/* test_semirings.c: the sweep of backpropagation over other semirings finds what it says, on the real tape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "autograd.h"
#include "op.h"

static rg_tensor scalar(rg_tape *tape, double value)
{
    return rg_scalar(tape, RG_F64, value);
}

/* ---- Networks of units ----------------------------------------------------------------------------------------- */

static void unit_f64(const rg_call *call, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    double sum = 0;
    for (int k = 0; k < call->operands; k++) sum += *(const double *)call->in[k];
    *(double *)call->out = sum;
}

static rg_status unit_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    return RG_OK;
}

static rg_tensor unit_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in, (void)y;
    return g;
}

static const rg_op unit = { .name = "unit", .doc = "the sum of its inputs", .arity = RG_VARIADIC, .kind = RG_ITEMS, .shape = unit_shape,
                            .f64 = unit_f64, .vjp = unit_vjp };

enum { MOST_UNITS = 784 };

/* A network of so many units a layer, each reading all of the layer before: the units of its ends. */
static void connect(rg_tape *tape, int layers, const int *units, rg_tensor *inputs, rg_tensor *outputs)
{
    rg_tensor before[MOST_UNITS], now[MOST_UNITS];
    for (int i = 0; i < units[0]; i++) inputs[i] = before[i] = scalar(tape, i);
    for (int l = 1; l < layers; l++) {
        for (int i = 0; i < units[l]; i++) now[i] = rg_apply(&unit, NULL, units[l - 1], before);
        for (int i = 0; i < units[l]; i++) before[i] = now[i];
    }
    for (int i = 0; i < units[layers - 1]; i++) outputs[i] = before[i];
}

static void check_network(int layers, const int *units, uint64_t paths, size_t edges, size_t nodes)
{
    static rg_tensor inputs[MOST_UNITS], outputs[MOST_UNITS];
    static rg_path_count count[MOST_UNITS];
    rg_tape *tape = rg_tape_new();
    rg_sweep_size size;
    uint64_t sum = 0;
    connect(tape, layers, units, inputs, outputs);
    rg_semiring_solve(&rg_semiring_paths, outputs, units[layers - 1], inputs, units[0], count, &size);
    if (rg_failed(tape)) fail_msg("%s", rg_message(tape));
    for (int i = 0; i < units[0]; i++) sum += count[i].exact;
    assert_int_equal(sum, paths);
    assert_int_equal(size.edges, edges);
    assert_int_equal(size.nodes, nodes);
    rg_tape_free(tape);
}

static void networks_have_as_many_paths_as_the_product_of_their_layers_and_edges_as_the_sum(void **state)
{
    (void)state;
    check_network(3, (const int[]){ 3, 4, 2 }, 24, 20, 9);
    check_network(4, (const int[]){ 784, 128, 64, 10 }, 64225280, 109184, 986);
}

/* ---- Doubling: x1 = x0 + x0, x2 = x1 + x1, ... --------------------------------------------------------------- */

static rg_tensor doubled(rg_tensor x, int times)
{
    for (int k = 0; k < times; k++) x = rg_add(x, x);
    return x;
}

static void doubling_has_2_to_the_k_paths_over_2_k_edges(void **state)
{
    (void)state;
    for (int k = 0; k <= 63; k++) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x = scalar(tape, 1), y = doubled(x, k);
        rg_path_count count;
        rg_sweep_size size;
        double slope;
        assert_int_equal(rg_semiring_solve(&rg_semiring_paths, &y, 1, &x, 1, &count, &size), RG_OK);
        assert_true(count.exact == UINT64_C(1) << k);
        assert_true(count.about == ldexp(1, k));
        assert_int_equal(size.edges, 2 * k);
        assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &x, 1, &slope, NULL), RG_OK);
        assert_true(slope == ldexp(1, k));
        rg_tape_free(tape);
    }
}

static void counts_beyond_64_bits_say_that_they_are_about(void **state)
{
    (void)state;
    for (int k = 64; k <= 1000; k += 117) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x = scalar(tape, 1), y = doubled(x, k);
        rg_path_count count;
        char text[48];
        assert_int_equal(rg_semiring_solve(&rg_semiring_paths, &y, 1, &x, 1, &count, NULL), RG_OK);
        assert_true(count.exact == 0);
        assert_true(count.about == ldexp(1, k));
        rg_path_count_text(count, text, sizeof text);
        assert_memory_equal(text, "about ", 6);
        rg_tape_free(tape);
    }
}

/* "Add into both operands, then recurse into each." */
static void recursion_without_a_table_gives_2_8_48_416_where_2_4_8_16_is_right(void **state)
{
    static const double wrong[] = { 2, 8, 48, 416 };
    (void)state;
    for (int k = 1; k <= 4; k++) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x = scalar(tape, 1), y = doubled(x, k), slope;
        double naive;
        uint64_t visits;
        assert_int_equal(rg_naive_recursion(y, &x, 1, 1000, &naive, &visits), RG_OK);
        assert_true(naive == wrong[k - 1]);
        assert_int_equal(visits, (1 << (k + 1)) - 1);
        assert_int_equal(rg_grad(y, &x, 1, &slope), RG_OK);
        assert_true(rg_item(slope) == ldexp(1, k));
        rg_tape_free(tape);
    }
}

static void the_recursion_gives_up_after_as_many_visits_as_it_may_make(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = scalar(tape, 1), y = doubled(x, 200);
    double naive = 0;
    uint64_t visits;
    assert_int_equal(rg_naive_recursion(y, &x, 1, 5000, &naive, &visits), RG_OK);
    assert_true(isnan(naive) && visits == 5001);
    rg_tape_free(tape);
}

static void the_recursion_is_right_where_nothing_is_shared(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = scalar(tape, 0.5), y = rg_exp(rg_sin(rg_square(x))), slope;
    double naive;
    uint64_t visits;
    assert_int_equal(rg_naive_recursion(y, &x, 1, 1000, &naive, &visits), RG_OK);
    assert_int_equal(rg_grad(y, &x, 1, &slope), RG_OK);
    assert_true(fabs(naive - rg_item(slope)) < 1e-14 && visits == 4);
    rg_tape_free(tape);
}

/* ---- Random graphs, against walking every path -------------------------------------------------------------------- */

enum { NODES = 14, LEAVES = 3 };

typedef struct {
    double count, sum, best, total, weighted_log;
    bool reached;
} walked;

/* Of the ops that the graphs are made of: sum, product, sine. */
static double slope_by_hand(rg_tensor consumer, int k)
{
    const rg_op *op = rg_op_of(consumer);
    if (op->arity == 1) return cos(rg_item(rg_operand(consumer, 0)));
    return strcmp(op->name, "mul") == 0 ? rg_item(rg_operand(consumer, 1 - k)) : 1;
}

static void walk(rg_tensor from, rg_tensor to, double weight, walked *w)
{
    if (from.node == to.node) {
        w->count++;
        w->sum += weight;
        w->best = fmax(w->best, fabs(weight));
        w->total += fabs(weight);
        if (weight != 0) w->weighted_log += fabs(weight) * log(fabs(weight));
        w->reached = true;
        return;
    }
    for (int k = 0; !rg_is_null(rg_operand(from, k)); k++)
        walk(rg_operand(from, k), to, weight * slope_by_hand(from, k), w);
}

static rg_tensor random_graph(rg_tape *tape, uint64_t seed, rg_tensor *leaves)
{
    rg_tensor nodes[NODES];
    for (int i = 0; i < LEAVES; i++) nodes[i] = leaves[i] = scalar(tape, rg_random_normal(seed, 1, (uint64_t)i));
    for (int i = LEAVES; i < NODES; i++) {
        const uint64_t bits = rg_random_bits(seed, 2, (uint64_t)i);
        rg_tensor a = nodes[bits % (uint64_t)i], b = nodes[i - 1 - (int)(bits / 64 % 3)];
        nodes[i] = bits >> 60 < 4 ? rg_sin(b) : bits >> 60 < 10 ? rg_mul(a, b) : rg_add(a, b);
    }
    return nodes[NODES - 1];
}

static void near(double is, double should)
{
    if (!(fabs(is - should) <= 1e-10 * fmax(1, fabs(should)))) fail_msg("%.17g instead of %.17g", is, should);
}

static void all_agree_with_walking_every_path(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x[LEAVES], y = random_graph(tape, seed, x), grads[LEAVES];
        rg_path_count counts[LEAVES];
        rg_strongest best[LEAVES];
        rg_path_weights weights[LEAVES];
        double slopes[LEAVES];
        bool reached[LEAVES];
        assert_int_equal(rg_semiring_solve(&rg_semiring_paths, &y, 1, x, LEAVES, counts, NULL), RG_OK);
        assert_int_equal(rg_semiring_solve(&rg_semiring_reach, &y, 1, x, LEAVES, reached, NULL), RG_OK);
        assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, x, LEAVES, slopes, NULL), RG_OK);
        assert_int_equal(rg_semiring_solve(&rg_semiring_strongest, &y, 1, x, LEAVES, best, NULL), RG_OK);
        assert_int_equal(rg_semiring_solve(&rg_semiring_entropy, &y, 1, x, LEAVES, weights, NULL), RG_OK);
        assert_int_equal(rg_grad(y, x, LEAVES, grads), RG_OK);
        for (int i = 0; i < LEAVES; i++) {
            walked w = { 0 };
            walk(y, x[i], 1, &w);
            near(counts[i].about, w.count);
            assert_int_equal(reached[i], w.reached);
            near(slopes[i], w.sum);
            near(slopes[i], rg_item(grads[i]));
            near(best[i].weight, w.best);
            near(weights[i].total, w.total);
            near(rg_path_entropy(weights[i]), w.total > 0 ? log(w.total) - w.weighted_log / w.total : 0);
        }
        rg_tape_free(tape);
    }
}

static void the_strongest_path_is_one_of_edges_whose_slopes_multiply_to_its_weight(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x[LEAVES], y = random_graph(tape, seed, x), path[NODES];
        size_t count;
        rg_strongest best;
        assert_int_equal(rg_semiring_solve(&rg_semiring_strongest, &y, 1, &x[0], 1, &best, NULL), RG_OK);
        assert_int_equal(rg_strongest_path(y, x[0], path, NODES, &count), RG_OK);
        assert_int_equal(count == 0, best.weight == 0);
        double weight = 1;
        for (size_t i = 1; i < count; i++) {
            double most = 0;
            for (int k = 0; !rg_is_null(rg_operand(path[i], k)); k++) {
                if (rg_operand(path[i], k).node == path[i - 1].node) most = fmax(most, fabs(slope_by_hand(path[i], k)));
            }
            weight *= most;
        }
        if (count > 0) {
            assert_int_equal(path[0].node, x[0].node);
            assert_int_equal(path[count - 1].node, y.node);
            near(weight, best.weight);
        }
        rg_tape_free(tape);
    }
}

/* ---- Tensors, and a semiring of one's own ------------------------------------------------------------------------ */

/* Between tensors a slope is how much longer the edge makes the cotangent that flows. */
static void slopes_of_tensors_are_ratios_of_norms(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    const double numbers[] = { 3, 4 };
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(2), numbers), y = rg_sum(rg_square(rg_scale(x, 0.5)));
    rg_strongest best;
    double slope;
    assert_int_equal(rg_semiring_solve(&rg_semiring_strongest, &y, 1, &x, 1, &best, NULL), RG_OK);
    near(best.weight, 2.5); /* |grad| = |x / 2|, in each step as long as the whole says */
    assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &x, 1, &slope, NULL), RG_E_SHAPE);
    assert_non_null(strstr(rg_message(tape), "not single numbers"));
    rg_tape_free(tape);
}

static void longest_zero(void *v) { *(int *)v = -1; }
static void longest_one(void *v) { *(int *)v = 0; }
static void longest_add(void *sum, const void *term) { if (*(const int *)term > *(int *)sum) *(int *)sum = *(const int *)term; }
static void longest_extend(void *term, const void *v, const rg_edge *edge)
{
    (void)edge;
    *(int *)term = *(const int *)v < 0 ? -1 : *(const int *)v + 1;
}

static void a_semiring_of_ones_own_finds_the_longest_path(void **state)
{
    static const rg_semiring longest = { "longest", sizeof(int), false, longest_zero, longest_one, longest_add,
                                         longest_extend };
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = scalar(tape, 1), apart = scalar(tape, 2), y = rg_add(x, rg_exp(rg_exp(rg_mul(x, x)))), wrt[] = { x, apart };
    int length[2];
    assert_int_equal(rg_semiring_solve(&longest, &y, 1, wrt, 2, length, NULL), RG_OK);
    assert_int_equal(length[0], 4);
    assert_int_equal(length[1], -1);
    rg_tape_free(tape);
}

static void what_carries_no_derivative_is_no_path(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = scalar(tape, 1), y = rg_mul(rg_stop_gradient(x), rg_exp(rg_constant(tape, RG_F64, RG_SCALAR, &(double){ 2 })));
    rg_path_count count;
    assert_int_equal(rg_semiring_solve(&rg_semiring_paths, &y, 1, &x, 1, &count, NULL), RG_OK);
    assert_true(count.exact == 0 && count.about == 0);
    rg_tape_free(tape);
}

static void misuse_gets_a_status_and_a_message(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new(), *other = rg_tape_new();
    rg_tensor x = scalar(tape, 1), y = rg_exp(x), far = scalar(other, 1), path[1];
    double out;
    size_t count;
    uint64_t visits;
    assert_int_equal(rg_semiring_solve(NULL, &y, 1, &x, 1, &out, NULL), RG_E_NULL);
    assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &x, 1, NULL, NULL), RG_E_NULL);
    assert_int_equal(rg_strongest_path(y, x, NULL, 1, &count), RG_E_NULL);
    assert_int_equal(rg_naive_recursion(y, &x, 1, 10, &out, NULL), RG_E_NULL);
    assert_false(rg_failed(tape));
    assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &far, 1, &out, NULL), RG_E_TAPE);
    assert_non_null(strstr(rg_message(tape), "another tape"));
    rg_tape_clear_error(tape);
    assert_int_equal(rg_strongest_path(y, x, path, 1, &count), RG_E_ARGUMENT);
    assert_non_null(strstr(rg_message(tape), "2 tensors"));
    rg_tape_clear_error(tape);
    assert_int_equal(rg_semiring_solve(&rg_semiring_real, &y, 1, &x, 1, &out, NULL), RG_OK);
    near(out, exp(1));
    rg_tape_reset(tape);
    assert_int_equal(rg_naive_recursion(y, &x, 1, 10, &out, &visits), RG_E_TAPE);
    rg_tape_free(tape);
    rg_tape_free(other);
}

static void a_deep_graph_is_no_deep_recursion(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = scalar(tape, 0.5), y = x;
    for (int i = 0; i < 100000; i++) y = rg_neg(y);
    rg_path_count count;
    double slope;
    uint64_t visits;
    assert_int_equal(rg_semiring_solve(&rg_semiring_paths, &y, 1, &x, 1, &count, NULL), RG_OK);
    assert_int_equal(count.exact, 1);
    assert_int_equal(rg_naive_recursion(y, &x, 1, 1000000, &slope, &visits), RG_OK);
    assert_true(slope == 1 && visits == 100001);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_have_as_many_paths_as_the_product_of_their_layers_and_edges_as_the_sum),
        cmocka_unit_test(doubling_has_2_to_the_k_paths_over_2_k_edges),
        cmocka_unit_test(counts_beyond_64_bits_say_that_they_are_about),
        cmocka_unit_test(recursion_without_a_table_gives_2_8_48_416_where_2_4_8_16_is_right),
        cmocka_unit_test(the_recursion_gives_up_after_as_many_visits_as_it_may_make),
        cmocka_unit_test(the_recursion_is_right_where_nothing_is_shared),
        cmocka_unit_test(all_agree_with_walking_every_path),
        cmocka_unit_test(the_strongest_path_is_one_of_edges_whose_slopes_multiply_to_its_weight),
        cmocka_unit_test(slopes_of_tensors_are_ratios_of_norms),
        cmocka_unit_test(a_semiring_of_ones_own_finds_the_longest_path),
        cmocka_unit_test(what_carries_no_derivative_is_no_path),
        cmocka_unit_test(misuse_gets_a_status_and_a_message),
        cmocka_unit_test(a_deep_graph_is_no_deep_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
