/* curves.h: what training looked like: loss and accuracy over epochs, and their picture. */
#ifndef RETROGRAD_TOOLS_CURVES_H
#define RETROGRAD_TOOLS_CURVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How a model did on one set of examples. */
typedef struct {
    double loss;
    double accuracy;       /* in [0, 1]; NaN for regression */
} tool_score;

/* One evaluation. */
typedef struct {
    double epoch;          /* how far training was, in epochs */
    tool_score train, test;
} tool_curve_point;

#define TOOL_CURVE_BINS 400

/* All evaluations, and the loss of every step: those in bins whose width doubles when there are too many,
 * so that a long run takes no more memory than a short one. All zeros is an empty history. */
typedef struct {
    tool_curve_point *points;
    size_t count, capacity;
    double bin_epoch[TOOL_CURVE_BINS], bin_loss[TOOL_CURVE_BINS]; /* means of the full bins; sums of the last */
    size_t bins;           /* begun */
    int64_t in_bin, bin_size;
} tool_curves;

void tool_curves_step(tool_curves *curves, double epoch, double loss);
/* false when out of memory */
bool tool_curves_add(tool_curves *curves, tool_curve_point point);
void tool_curves_free(tool_curves *curves);

/* The picture as SVG. The caller looks at ferror(out); false when out of memory. */
bool tool_curves_write(const tool_curves *curves, const char *title, FILE *out);

#endif
