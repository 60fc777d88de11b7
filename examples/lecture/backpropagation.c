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
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <string.h>
#include <time.h>

#include "lecture.h"

enum { DEEPEST = 16, DRAWN = 40, SHOWN = 3 };

/* The network of so many layers, from numbers a and b. */
static rg_tensor network(rg_tensor a, rg_tensor b, int depth)
{
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

static double seconds_since(struct timespec start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
}

/* Both ways to one derivative. Times go to standard error, for they differ from run to run. */
static void compare(int depth)
{
    rg_tape *tape = rg_tape_new();
    rg_tensor a = rg_scalar(tape, RG_F64, 0.3), b = rg_scalar(tape, RG_F64, -0.2), y = network(a, b, depth), slope;
    struct timespec start;
    long calls = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    rg_grad(y, &a, 1, &slope);
    double by_table = rg_item(slope), table_seconds = seconds_since(start);
    for (uint32_t i = 0; i <= y.node; i++) rg_item((rg_tensor){ tape, i, y.epoch }); /* the values, for the recursion */
    clock_gettime(CLOCK_MONOTONIC, &start);
    double by_recursion = chain_rule(y, a, &calls), recursion_seconds = seconds_since(start);
    stop_if_failed(tape);
    fprintf(stderr, "%2d layers: table %6.1f us, recursion %10.1f us\n", depth, 1e6 * table_seconds, 1e6 * recursion_seconds);
    claim(fabs(by_table - by_recursion) <= 1e-12 * fabs(by_table) && calls > 1L << depth,
          "%2d layers: table and recursion find %.6f, which takes recursion %ld calls", depth, by_table, calls);
    rg_tape_free(tape);
}

/* Paths and edges between both inputs and y, by the same sweep over another semiring. */
static void count(int depth, double *paths, double *edges)
{
    rg_tape *tape = rg_tape_new();
    const rg_tensor x[] = { rg_scalar(tape, RG_F64, 0), rg_scalar(tape, RG_F64, 0) }, y = network(x[0], x[1], depth);
    rg_path_count found[2];
    rg_sweep_size size = { 0 };
    rg_semiring_solve(&rg_semiring_paths, &y, 1, x, 2, found, &size);
    stop_if_failed(tape);
    *paths = found[0].about + found[1].about;
    *edges = (double)size.edges;
    rg_tape_free(tape);
}

/* "Add into both operands, then recurse into each", on x + x doubled up to four times. */
static void add_and_recurse(void)
{
    static const double wrong[] = { 2, 8, 48, 416 };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_scalar(tape, RG_F64, 1), y = x;
    for (int k = 1; k <= 4; k++) {
        double found = 0;
        uint64_t visits;
        y = rg_add(y, y);
        rg_naive_recursion(y, &x, 1, 1000, &found, &visits);
        stop_if_failed(tape);
        claim(found == wrong[k - 1], "doubled %d times: to add and recurse finds %.0f, where %d is right", k, found, 1 << k);
    }
    rg_tape_free(tape);
}

/* The page, and the graph with the memo table in its boxes. */
static void explain(const char *page, const char *graph)
{
    rg_tape *tape = rg_tape_new();
    rg_tensor a = rg_name(rg_scalar(tape, RG_F64, 0.3), "a"), b = rg_name(rg_scalar(tape, RG_F64, -0.2), "b");
    rg_explanation *e = rg_explain(network(a, b, SHOWN), &(rg_explain_options){ .title = "Each layer doubles the paths" });
    stop_if_failed(tape);
    FILE *html = fopen(page, "w"), *dot = fopen(graph, "w");
    bool written = html && dot && rg_explanation_html(html, e) == RG_OK && rg_explanation_dot(dot, e) == RG_OK;
    if (html) written = fclose(html) == 0 && written;
    if (dot) written = fclose(dot) == 0 && written;
    if (!written) claim(false, "%s and %s can be written", page, graph);
    rg_explanation_free(e);
    rg_tape_free(tape);
}

int main(int argc, char **argv)
{
    double depth[DRAWN], paths[DRAWN], edges[DRAWN];
    for (int d = 4; d <= DEEPEST; d += 4) compare(d);
    for (int d = 0; d < DRAWN; d++) {
        depth[d] = d + 1;
        count(d + 1, &paths[d], &edges[d]);
        if (d > 0 && (paths[d] != 2 * paths[d - 1] || edges[d] != edges[d - 1] + 6)) claim(false, "%d layers: as all others", d);
    }
    claim(true, "each layer doubles the paths and adds 6 edges: %d layers have %.0f paths over %.0f edges", DRAWN,
          paths[DRAWN - 1], edges[DRAWN - 1]);
    add_and_recurse();

    char page[FILENAME_MAX], graph[FILENAME_MAX];
    if (picture_path(argc, argv, "backpropagation.html", page) && picture_path(argc, argv, "backpropagation_graph.dot", graph))
        explain(page, graph);
    const rg_plot_series series[] = {
        { .name = "paths: terms of the chain rule", .colour = 1, .count = DRAWN, .x = depth, .y = paths },
        { .name = "edges: terms of all sums in the table", .colour = 0, .count = DRAWN, .x = depth, .y = edges },
    };
    const rg_plot_chart chart = { .x = { .label = "layers" }, .y = { .label = "how many", .logarithmic = true }, .count = 2,
                                  .series = series };
    draw(argc, argv, "backpropagation.svg",
         &(rg_plot){ .title = "Paths and edges", .count = 1, .width = 620, .height = 400, .charts = &chart });
    return 0;
}
