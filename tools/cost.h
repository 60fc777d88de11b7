/* cost.h: the cheap-gradient audit: what a gradient costs beside its value.
 *
 * Work is counted in operations on floating-point numbers, node by node as recorded, live nodes alone and equal ones
 * once: what rg_op.operations says, else one for each element of the result, be it an addition or a tanh; in a matrix
 * product a multiplication and an addition are two. What only moves numbers (a view, a copy, a gather), chooses one of
 * two or flips a sign has none; but the value is counted as one for each element of its result at least. Reverse mode
 * costs at most five times the value [Baur and Strassen 1983; Griewank and Walther 2008, 4.4]. */
#ifndef RETROGRAD_TOOLS_COST_H
#define RETROGRAD_TOOLS_COST_H

#include "autograd.h"

typedef struct {
    double value;             /* operations for the value alone */
    double both;              /* for the value and its gradient for every operand that has one */
    double ratio;             /* both / value; 0: nothing to differentiate, or no elements */
} tool_cost;

/* Of y and its gradients; with `only`, of that op alone. All NAN when out of memory. */
tool_cost tool_cost_of(rg_tensor y, int n, const rg_tensor *gradients, const rg_op *only);
/* Of this node alone. NAN when out of memory. */
double tool_work_of(rg_tensor t);

/* What the ratio may be. */
enum { TOOL_COST_MOST = 5 };

/* The sample of the op for which the gradient is dearest. `sample` (if not NULL) gets its number. */
tool_cost tool_cost_of_op(const rg_op *op, int *sample);

/* Of an MLP of `layers` layers that are all `width` wide, with a batch as large and tanh between them, down to the
 * mean of squares, by all parameters and not by its input: all of it, and the matrix products alone. */
bool tool_cost_of_mlp(int layers, int width, tool_cost *all, tool_cost *products);

#endif
