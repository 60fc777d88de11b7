/* curves.c: what training looked like. */
#include "curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

enum { TRAIN_COLOUR = 0, TEST_COLOUR = 1 }; /* of the palette */

static void halve_bins(tool_curves *curves)
{
    for (size_t i = 0; i < TOOL_CURVE_BINS / 2; i++) {
        curves->bin_epoch[i] = (curves->bin_epoch[2 * i] + curves->bin_epoch[2 * i + 1]) / 2;
        curves->bin_loss[i] = (curves->bin_loss[2 * i] + curves->bin_loss[2 * i + 1]) / 2;
    }
    curves->bins = TOOL_CURVE_BINS / 2;
    curves->bin_size *= 2;
}

void tool_curves_step(tool_curves *curves, double epoch, double loss)
{
    if (curves->bin_size == 0)
        curves->bin_size = 1;
    if (curves->in_bin == 0) {
        if (curves->bins == TOOL_CURVE_BINS)
            halve_bins(curves);
        curves->bin_epoch[curves->bins] = curves->bin_loss[curves->bins] = 0;
        curves->bins++;
    }
    curves->bin_epoch[curves->bins - 1] += epoch;
    curves->bin_loss[curves->bins - 1] += loss;
    if (++curves->in_bin == curves->bin_size) {
        curves->bin_epoch[curves->bins - 1] /= (double)curves->bin_size;
        curves->bin_loss[curves->bins - 1] /= (double)curves->bin_size;
        curves->in_bin = 0;
    }
}

bool tool_curves_add(tool_curves *curves, tool_curve_point point)
{
    if (curves->count == curves->capacity) {
        size_t capacity = curves->capacity == 0 ? 64 : 2 * curves->capacity;
        tool_curve_point *points = capacity > SIZE_MAX / sizeof *points
                                       ? NULL : realloc(curves->points, capacity * sizeof *points);
        if (points == NULL)
            return false;
        curves->points = points;
        curves->capacity = capacity;
    }
    curves->points[curves->count++] = point;
    return true;
}

void tool_curves_free(tool_curves *curves)
{
    free(curves->points);
    *curves = (tool_curves){ 0 };
}

/* One number of every point, as a column for the chart. */
typedef enum { EPOCH, TRAIN_LOSS, TEST_LOSS, TRAIN_ACCURACY, TEST_ACCURACY, COLUMNS } column;

static double read_point(const tool_curve_point *point, column which)
{
    switch (which) {
    case EPOCH:
        return point->epoch;
    case TRAIN_LOSS:
        return point->train.loss;
    case TEST_LOSS:
        return point->test.loss;
    case TRAIN_ACCURACY:
        return 100 * point->train.accuracy;
    default:
        return 100 * point->test.accuracy;
    }
}

/* A loss that falls to a small part of where it was shows more on a logarithmic axis. */
static bool falls_far(const double *values, size_t count)
{
    double low = INFINITY, high = 0;

    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    return low > 0 && high > 20 * low;
}

static rg_status draw(const tool_curves *curves, const char *title, FILE *out, double *const *numbers)
{
    size_t n = curves->count, bins = curves->bins - (curves->in_bin > 0 ? 1 : 0);
    bool classes = n > 0 && !isnan(curves->points[n - 1].test.accuracy);
    rg_plot_kind kind = n <= 40 ? RG_PLOT_LINE_AND_POINTS : RG_PLOT_LINE;
    char names[4][48] = { "train", "test", "train", "test" };
    rg_plot_series series[5] = { { .name = "each step", .colour = TRAIN_COLOUR, .faint = true, .count = bins,
                                   .x = curves->bin_epoch, .y = curves->bin_loss } };

    for (int i = 0; i < 4; i++) {
        if (n > 0)
            snprintf(names[i], sizeof names[i], i < 2 ? "%s %.4g" : "%s %.2f %%", i % 2 == 0 ? "train" : "test",
                     numbers[TRAIN_LOSS + i][n - 1]);
        series[1 + i] = (rg_plot_series){ .name = names[i], .colour = i % 2 == 0 ? TRAIN_COLOUR : TEST_COLOUR,
                                          .kind = kind, .count = n, .x = numbers[EPOCH], .y = numbers[TRAIN_LOSS + i] };
    }
    bool logarithmic = falls_far(curves->bin_loss, bins) || falls_far(numbers[TRAIN_LOSS], n);
    double first = bins > 0 ? floor(curves->bin_epoch[0]) : 0, last = n > 0 ? numbers[EPOCH][n - 1] : 0;
    rg_plot_axis epochs = { .label = "epoch" };
    if (last > first) {
        epochs.low = first;
        epochs.high = last;
    }
    const rg_plot_chart charts[] = {
        { .title = "Loss", .x = epochs, .count = 3, .series = series,
          .y = { .label = logarithmic ? "loss (logarithmic)" : "loss", .logarithmic = logarithmic } },
        { .title = "Accuracy", .x = epochs, .y = { .label = "% right" }, .count = 2, .series = series + 3 },
    };
    return rg_plot_write(out, &(rg_plot){ .title = title, .count = classes ? 2 : 1, .charts = charts }, NULL);
}

bool tool_curves_write(const tool_curves *curves, const char *title, FILE *out)
{
    size_t n = curves->count;
    double *block = calloc(n == 0 ? 1 : n, COLUMNS * sizeof *block);
    double *numbers[COLUMNS];

    if (block == NULL)
        return false;
    for (int c = 0; c < COLUMNS; c++) {
        numbers[c] = block + (size_t)c * n;
        for (size_t i = 0; i < n; i++)
            numbers[c][i] = read_point(&curves->points[i], (column)c);
    }
    rg_status status = draw(curves, title, out, numbers);
    free(block);
    return status != RG_E_MEMORY;
}
