/* 5. Backpropagation is dynamic programming
 *
 * The chain rule is a sum over paths: the derivative of y with respect to x is, over all paths from x to y, the sum of the
 * products of the derivatives along them. Each layer of
 *
 *     a <- tanh(a + b),    b <- tanh(a - b)
 *
 * doubles the paths, and adds six edges. Recursion follows every path: it solves the same subproblem, the derivative of y
 * with respect to a node, once for each path that leads to it. A table with one entry a node, filled from y back to the
 * first node, solves it once: its work is as the number of edges. That is backpropagation. The order matters as much as the
 * table: who adds into the operands of a node and then recurses into each hands on sums that are not complete, and gets
 * x + x, doubled four times, wrong by a factor of 26.
 *
 * The program also writes a page, backpropagation.html, that plays both sweeps step by step. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "lecture.h"

enum { DEEPEST = 16, DRAWN = 40, SHOWN = 3 };

/* y of so many layers, and the numbers x = (a, b) that it is made from. */
static rg_tensor network(rg_tape *tape, int depth, rg_tensor x[2])
{
    rg_tensor a = x[0] = rg_name(rg_scalar(tape, RG_F64, 0.3), "a");
    rg_tensor b = x[1] = rg_name(rg_scalar(tape, RG_F64, -0.2), "b");
    for (int layer = 0; layer < depth; layer++) {
        rg_tensor sum = rg_tanh(rg_add(a, b)), difference = rg_tanh(rg_sub(a, b));
        a = sum, b = difference;
    }
    return rg_name(rg_add(a, b), "y");
}

/* The derivative of a node with respect to its operand k, of the three ops that the network is made of. */
static double local_derivative(rg_tensor v, int k)
{
    const char *op = rg_op_of(v)->name;
    if (strcmp(op, "tanh") == 0) return 1 - rg_item(v) * rg_item(v);
    return strcmp(op, "sub") == 0 && k == 1 ? -1 : 1;
}

/* The chain rule as it stands: no table, every path. */
static double chain_rule(rg_tensor y, rg_tensor x, long *calls)
{
    double sum = 0;
    ++*calls;
    if (y.node == x.node) return 1;
    for (int k = 0; !rg_is_null(rg_operand(y, k)); k++) sum += local_derivative(y, k) * chain_rule(rg_operand(y, k), x, calls);
    return sum;
}

/* Both ways to one derivative. Times go to standard error, for they differ from run to run. */
static void compare(rg_tape *tape, int depth)
{
    rg_tensor x[2], y = network(tape, depth, x), slope;
    long calls = 0;
    clock_t start = clock();
    rg_grad(y, x, 1, &slope);
    double by_table = rg_item(slope), of_table = (double)(clock() - start) / CLOCKS_PER_SEC;
    for (uint32_t i = 0; i <= y.node; i++) rg_item((rg_tensor){ tape, i, y.epoch }); /* the values, for the recursion */
    start = clock();
    double by_recursion = chain_rule(y, x[0], &calls), of_recursion = (double)(clock() - start) / CLOCKS_PER_SEC;
    end_step(tape);
    fprintf(stderr, "%2d layers: table %6.0f us, recursion %8.0f us\n", depth, 1e6 * of_table, 1e6 * of_recursion);
    claim(fabs(by_table - by_recursion) <= 1e-12 * fabs(by_table) && calls > 1L << depth,
          "%2d layers: table and recursion find %.6f, which takes recursion %ld calls", depth, by_table, calls);
}

/* Paths and edges between x and y, by the same sweep over another semiring. */
static void count(rg_tape *tape, int depth, double *paths, double *edges)
{
    rg_tensor x[2], y = network(tape, depth, x);
    rg_path_count found[2];
    rg_sweep_size size = { 0 };
    rg_semiring_solve(&rg_semiring_paths, &y, 1, x, 2, found, &size);
    end_step(tape);
    *paths = found[0].about + found[1].about;
    *edges = (double)size.edges;
}

/* "Add into both operands, then recurse into each", on x + x doubled up to four times. */
static void add_and_recurse(rg_tape *tape)
{
    static const double wrong[] = { 2, 8, 48, 416 };
    rg_tensor x = rg_scalar(tape, RG_F64, 1), y = x;
    for (int k = 1; k <= 4; k++) {
        double found = 0;
        uint64_t visits;
        y = rg_add(y, y);
        rg_naive_recursion(y, &x, 1, 1000, &found, &visits);
        claim(found == wrong[k - 1], "doubled %d times: to add and recurse finds %.0f, where %d is right", k, found, 1 << k);
    }
    end_step(tape);
}

int main(int argc, char **argv)
{
    double depth[DRAWN], paths[DRAWN], edges[DRAWN];
    bool alike = true;
    rg_tape *tape = rg_tape_new();
    for (int d = 4; d <= DEEPEST; d += 4) compare(tape, d);
    for (int d = 0; d < DRAWN; d++) {
        depth[d] = d + 1;
        count(tape, d + 1, &paths[d], &edges[d]);
        alike = alike && (d == 0 || (paths[d] == 2 * paths[d - 1] && edges[d] == edges[d - 1] + 6));
    }
    claim(alike, "each layer doubles the paths and adds 6 edges: %d layers have %.0f paths over %.0f edges", DRAWN,
          paths[DRAWN - 1], edges[DRAWN - 1]);
    add_and_recurse(tape);

    rg_tensor x[2];
    rg_explanation *e = rg_explain(network(tape, SHOWN, x), &(rg_explain_options){ .title = "Each layer doubles the paths" });
    stop_if_failed(tape);
    FILE *page = open_picture(argc, argv, "backpropagation.html");
    if (page) close_picture(page, rg_explanation_html(page, e));
    FILE *graph = open_picture(argc, argv, "backpropagation_graph.dot"); /* with the memo table in its boxes */
    if (graph) close_picture(graph, rg_explanation_dot(graph, e));
    rg_explanation_free(e);
    rg_tape_free(tape);
    const rg_plot_series series[] = { curve("paths: terms of the chain rule", 1, DRAWN, depth, paths),
                                      curve("edges: terms of all sums in the table", 0, DRAWN, depth, edges) };
    rg_plot_chart grows = chart(NULL, "layers", "how many", 2, series);
    grows.y.logarithmic = true;
    draw(argc, argv, "backpropagation.svg",
         &(rg_plot){ .title = "Paths and edges", .count = 1, .width = 620, .height = 400, .charts = &grows });
    return 0;
}
