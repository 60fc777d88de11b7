/* gradcheck_differences.c: the slope of a function by differences of its values: central ones over a ladder of steps,
 * with the order in which they converge; and one-sided ones, where a kink is suspected. */
#include <float.h>
#include <math.h>

#include "gradcheck_system.h"

/* Steps h, h/shrink, ...: from where a smooth function is extrapolated best down to where rounding takes over. The
 * first few decide if they agree; else all are taken, and the last few tell how noisy the function is. */
enum { RUNGS = 18, FEWEST = 3, EARLY = 7 };
static const double first_step = 0x1p-7;

/* From one rung to the next. Not 2, nor any other simple fraction: where a function goes up and down many times within
 * a step, as a program of round numbers may, half a step often ends in a like place, and rung after rung tells of the
 * same slope that is not there. */
static const double shrink = 1.8885438;

static double largest(const double *numbers, int64_t count)
{
    double size = 0;
    for (int64_t i = 0; i < count; i++)
        if (fabs(numbers[i]) > size) size = fabs(numbers[i]);
    return size;
}

/* Points x + h u of one argument. Steps are as large as its largest element, or 1; a direction that is scaled has the
 * size of each element in it already. */
typedef struct {
    rg_check_system *system;
    int k;
    const double *u, *cotangent;
    double size;              /* of the argument, at least 1 */
    bool scaled;
} line;

static line line_along(rg_check_system *s, int k, const double *u, bool scaled, const double *cotangent)
{
    const double size = scaled ? 1 : fmax(1, largest(s->argument[k].at, s->argument[k].count));
    return (line){ s, k, u, cotangent, size, scaled };
}

static bool evaluate_at(const line *l, double step, double *out)
{
    const rg_check_argument *argument = &l->system->argument[l->k];
    for (int64_t i = 0; i < argument->count; i++)
        l->system->moved[i] = argument->at[i] + step * l->u[i];
    return rg_check_evaluate(l->system, l->k, l->system->moved, out);
}

/* c'(to - from) / distance; the error is what rounding the points and the values must be expected to make: of a part of
 * the argument, the values that it moves. */
static rg_check_slope difference(const line *l, const double *to, const double *from, double distance)
{
    double sum = 0, magnitude = 0;
    for (int64_t i = 0; i < l->system->results; i++) {
        sum += l->cotangent[i] * (to[i] - from[i]);
        if (!l->scaled || to[i] != from[i]) magnitude += fabs(l->cotangent[i]) * (fabs(to[i]) + fabs(from[i]));
    }
    rg_check_slope slope = { .value = sum / distance, .step = distance / 2, .order = NAN };
    slope.size = fmin(magnitude / 2, 1);
    slope.error = DBL_EPSILON * (magnitude + 2 * l->size * fabs(slope.value)) / distance;
    return slope;
}

/* ---- The tableau ---------------------------------------------------------------------------------------------- */

/* Extrapolation to step 0 [Ridders 1982; Press et al. 2007, 5.7]: column j of the tableau is free of the first j terms
 * of the error, and an entry is as good as it agrees with its two parents. `base` is what the first term is divided by
 * from one rung to the next: shrink^2 for central differences, and then its powers; shrink for one-sided ones. */
typedef struct {
    double base;
    int rows;
    double step[RUNGS];
    double rounding[RUNGS];
    double entry[RUNGS][RUNGS];
    double jump[RUNGS];       /* of the slope, from below the point to above it */
} tableau;

static void add_row(tableau *t, rg_check_slope plain)
{
    const int i = t->rows++;
    double power = 1;
    t->step[i] = plain.step;
    t->rounding[i] = plain.error;
    t->entry[i][0] = plain.value;
    for (int j = 1; j <= i; j++) {
        power *= t->base;
        t->entry[i][j] = t->entry[i][j - 1] + (t->entry[i][j - 1] - t->entry[i - 1][j - 1]) / (power - 1);
    }
}

/* The best entry of the rows from `first` on, when a value is uncertain by `noise`. */
static rg_check_slope best_entry(const tableau *t, int first, double noise)
{
    rg_check_slope best = { .value = NAN, .error = INFINITY };
    for (int i = first; i < t->rows; i++)
        for (int j = 1; j <= i; j++) {
            double before = t->entry[i][j - 1], above = t->entry[i - 1][j - 1], value = t->entry[i][j];
            double error = fmax(fabs(value - before), fabs(value - above)) + t->rounding[i] + noise / t->step[i];
            if (error < best.error) best = (rg_check_slope){ .value = value, .error = error, .step = t->step[i] };
        }
    return best;
}

/* At the smallest steps neighbouring entries of one column differ by noise alone. Without knowing it, one would find
 * two entries of a noisy tableau that agree by luck. */
static double noise_of(const tableau *t)
{
    enum { COLUMN = 2 };
    double noise = 0;
    for (int i = t->rows - t->rows / 3; i < t->rows; i++)
        if (i > COLUMN) noise = fmax(noise, fabs(t->entry[i][COLUMN] - t->entry[i - 1][COLUMN]) * t->step[i]);
    return noise;
}

/* The exponent of the error's first term, where three plain differences show it above their rounding; else NaN. */
static double observed_order(const tableau *t)
{
    for (int i = 2; i < t->rows; i++) {
        const double first = fabs(t->entry[i - 1][0] - t->entry[i - 2][0]);
        const double second = fabs(t->entry[i][0] - t->entry[i - 1][0]);
        const double rounding = 100 * (t->rounding[i] + t->rounding[i - 1]);
        if (first > rounding && second > rounding) return log(first / second) / log(shrink);
    }
    return NAN;
}

/* Where the function is smooth, the slopes on both sides of the point draw near to each other as the step does. */
static bool seems_bent(const tableau *t)
{
    if (t->rows < 2) return false;
    const double last = fabs(t->jump[t->rows - 1]), before = fabs(t->jump[t->rows - 2]);
    return last > 0.75 * before && last > 1000 * t->rounding[t->rows - 1];
}

/* ---- Central differences ---------------------------------------------------------------------------------------- */

/* c'(f(x + h u) - 2 f(x) + f(x - h u)) / h */
static double jump_at(const line *l, double step)
{
    const rg_check_system *s = l->system;
    double sum = 0;
    if (s->wide) return 0; /* the value is that of f32 */
    for (int64_t i = 0; i < s->results; i++)
        sum += l->cotangent[i] * ((s->above[i] - s->value[i]) - (s->value[i] - s->below[i]));
    return sum / step;
}

/* Large steps see no line, and neither do small ones: what the function does happens within a step. */
static bool seems_blind(const tableau *t, rg_check_slope best, double size)
{
    double change = 0;
    for (int i = 1; i < t->rows && i < EARLY; i++)
        change = fmax(change, fabs(t->entry[i][0] - t->entry[i - 1][0]) * t->step[i]);
    return fmin(change, best.error * best.step) > 0.01 * size;
}

static rg_check_slope completed(rg_check_slope best, const tableau *t, double size)
{
    best.order = observed_order(t);
    best.bent = seems_bent(t);
    best.blind = seems_blind(t, best, size);
    best.size = size;
    return best;
}

/* A large step may leave the function's domain, or reach over a kink: then smaller ones decide. */
static bool climb(const line *l, rg_tolerance tolerance, rg_check_slope *slope)
{
    rg_check_system *s = l->system;
    tableau t = { .base = shrink * shrink };
    double step = first_step * l->size, size = 1;
    *slope = (rg_check_slope){ .value = NAN, .error = INFINITY, .order = NAN, .size = 1 };
    for (int rung = 0; rung < RUNGS; rung++, step /= shrink) {
        if (!evaluate_at(l, step, s->above) || !evaluate_at(l, -step, s->below)) return false;
        const rg_check_slope plain = difference(l, s->above, s->below, 2 * step);
        if (!isfinite(plain.value) && t.rows > 0) return true;
        if (!isfinite(plain.value)) continue;
        size = fmin(size, plain.size);
        t.jump[t.rows] = jump_at(l, step);
        add_row(&t, plain);
        rg_check_slope best = best_entry(&t, t.rows - 1, 0);
        bool met = best.error <= 0.01 * (tolerance.absolute * size + tolerance.relative * fabs(best.value));
        if (met && t.rows >= FEWEST && t.rows <= EARLY) {
            *slope = completed(best, &t, size);
            return true;
        }
    }
    *slope = completed(best_entry(&t, 1, noise_of(&t)), &t, size);
    return true;
}

bool rg_check_differences(rg_check_system *s, int k, const double *u, bool scaled, const double *cotangent,
                          rg_tolerance tolerance, rg_check_slope *slope)
{
    const line l = line_along(s, k, u, scaled, cotangent);
    return climb(&l, tolerance, slope);
}

/* ---- One-sided differences -------------------------------------------------------------------------------------- */

static bool climb_side(const line *l, double sign, rg_check_slope *slope)
{
    rg_check_system *s = l->system;
    tableau t = { .base = shrink };
    double step = first_step * l->size;
    if (!rg_check_evaluate(s, -1, NULL, s->below)) return false;
    for (int rung = 0; rung < RUNGS; rung++, step /= shrink) {
        if (!evaluate_at(l, sign * step, s->above)) return false;
        rg_check_slope plain = difference(l, s->above, s->below, sign * step);
        plain.error = fabs(plain.error);
        plain.step = step;
        if (isfinite(plain.value)) add_row(&t, plain);
    }
    *slope = best_entry(&t, 1, noise_of(&t));
    return true;
}

bool rg_check_sides(rg_check_system *s, int k, const double *u, const double *cotangent, rg_check_slope sides[2])
{
    const line l = line_along(s, k, u, false, cotangent);
    return climb_side(&l, -1, &sides[0]) && climb_side(&l, 1, &sides[1]);
}
