/* gradcheck_system.c: a function's differences, and its adjoint. */
#include "gradcheck_system.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- Numbers in and out -------------------------------------------------------------------------------------- */

#define CONVERT_TO(type)                                                                                           \
    for (int64_t i = 0; i < count; i++) ((type *)room)[i] = (type)numbers[i]

rg_tensor rg_check_input(rg_tape *tape, const rg_check_argument *argument, const double *numbers, void *room)
{
    const int64_t count = argument->count;
    switch (argument->dtype) {
    case RG_F32: CONVERT_TO(float); break;
    case RG_I32: CONVERT_TO(int32_t); break;
    case RG_I64: CONVERT_TO(int64_t); break;
    default: return rg_input(tape, RG_F64, argument->shape, count > 0 ? numbers : room);
    }
    return rg_input(tape, argument->dtype, argument->shape, room);
}

#define CONVERT_FROM(type)                                                                                         \
    for (int64_t i = 0; i < count; i++) out[i] = (double)((const type *)room)[i]

bool rg_check_read(rg_tensor t, int64_t count, void *room, double *out)
{
    const rg_dtype dtype = rg_dtype_of(t);
    if (rg_read(t, room, (size_t)count * rg_dtype_size(dtype)) != RG_OK) return false;
    switch (dtype) {
    case RG_F32: CONVERT_FROM(float); break;
    case RG_F64: CONVERT_FROM(double); break;
    case RG_I32: CONVERT_FROM(int32_t); break;
    case RG_I64: CONVERT_FROM(int64_t); break;
    case RG_NO_DTYPE: return false;
    }
    return true;
}

/* ---- Recording ----------------------------------------------------------------------------------------------- */

static bool fail(rg_check_system *s, rg_status status, const char *message)
{
    rg_fail(s->tape, NULL, status, "%s", message);
    return false;
}

/* Records the function at the point, argument k (if any) moved; the result is checked to be one. */
static bool record_function(rg_check_system *s, int k, const double *moved, rg_tensor *y)
{
    rg_tape_reset(s->tape);
    for (int i = 0; i < s->arguments; i++)
        s->in[i] = rg_check_input(s->tape, &s->argument[i], i == k ? moved : s->argument[i].at, s->numbers);
    if (rg_failed(s->tape)) return false;
    *y = s->function(s->tape, s->in, s->operands, s->context);
    if (rg_failed(s->tape)) return false;
    if (rg_is_null(*y)) return fail(s, RG_E_NULL, "the function returns the null tensor");
    if (y->tape != s->tape) return fail(s, RG_E_TAPE, "the function returns a tensor of another tape");
    return true;
}

static int free_operands(const rg_check_system *s, int limit, rg_tensor *wrt)
{
    int count = 0;
    for (int i = 0; i < limit; i++)
        if (s->argument[i].role == RG_ROLE_FREE) wrt[count++] = s->in[i];
    return count;
}

/* Records the system's outputs, of the sizes that they had when it was opened. */
static bool record(rg_check_system *s, int k, const double *moved)
{
    rg_tensor y;
    if (!record_function(s, k, moved, &y)) return false;
    const int count = free_operands(s, s->operands, s->wrt);
    if (s->order == 1) s->out[0] = y;
    else if (rg_vjp(y, s->in[s->operands], s->wrt, count, s->out) != RG_OK) return false;
    for (int i = 0; s->output_count && i < s->outputs; i++)
        if (rg_shape_count(rg_shape_of(s->out[i])) != s->output_count[i])
            return fail(s, RG_E_SHAPE, "the shape of the result changes");
    return true;
}

static bool evaluate(rg_check_system *s, int k, const double *moved, double *out)
{
    if (!record(s, k, moved) || rg_eval(s->outputs, s->out) != RG_OK) return false;
    for (int i = 0; i < s->outputs; i++) {
        if (!rg_check_read(s->out[i], s->output_count[i], s->numbers, out)) return false;
        out += s->output_count[i];
    }
    return true;
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

static bool take(rg_check_system *s, void *place, int64_t count, size_t item)
{
    size_t bytes;
    void *memory = rg_size_mul((size_t)count, item, &bytes) ? rg_arena_take_zeroed(s->arena, bytes) : NULL;
    memcpy(place, &memory, sizeof memory);
    return memory || fail(s, RG_E_MEMORY, "gradcheck: out of memory");
}

/* Room for the largest number of doubles that one tensor has; first for what is known before the outputs are. */
static bool take_numbers(rg_check_system *s)
{
    int64_t most = 1;
    for (int i = 0; i < s->arguments; i++)
        if (s->argument[i].count > most) most = s->argument[i].count;
    for (int i = 0; s->output_count && i < s->outputs; i++)
        if (s->output_count[i] > most) most = s->output_count[i];
    return take(s, &s->moved, most, sizeof(double)) && take(s, &s->numbers, most, sizeof(double));
}

bool rg_check_open(rg_check_system *s)
{
    const int64_t n = s->arguments + 1;
    s->variables = s->results = 0;
    s->outputs = s->order == 1;
    for (int i = 0; i < s->arguments; i++) {
        if (s->argument[i].role != RG_ROLE_FREE) continue;
        s->argument[i].first = s->variables;
        s->variables += s->argument[i].count;
        if (s->order == 2 && i < s->operands) s->outputs++;
    }
    s->output_count = NULL;
    if (!take(s, &s->in, n, sizeof *s->in) || !take(s, &s->out, n, sizeof *s->out) ||
        !take(s, &s->wrt, n, sizeof *s->wrt) || !take(s, &s->gradient, n, sizeof *s->gradient) || !take_numbers(s))
        return false;
    if (!record(s, -1, NULL)) return false;
    int64_t *counts;
    if (!take(s, &counts, n, sizeof *counts)) return false;
    for (int i = 0; i < s->outputs; i++) s->results += counts[i] = rg_shape_count(rg_shape_of(s->out[i]));
    s->output_count = counts;
    s->shape = s->outputs ? rg_shape_of(s->out[0]) : RG_SCALAR;
    s->dtype = s->outputs ? rg_dtype_of(s->out[0]) : RG_NO_DTYPE;
    bool room = take_numbers(s) && take(s, &s->value, s->results, sizeof(double)) &&
                take(s, &s->above, s->results, sizeof(double)) && take(s, &s->below, s->results, sizeof(double));
    if (!room || !evaluate(s, -1, NULL, s->value) || !evaluate(s, -1, NULL, s->above)) return false;
    s->repeats = memcmp(s->value, s->above, (size_t)s->results * sizeof *s->value) == 0;
    return true;
}

/* ---- The adjoint --------------------------------------------------------------------------------------------- */

/* Adds J'c of one output into the gradient. */
static bool add_adjoint(rg_check_system *s, int output, const double *cotangent, double *gradient)
{
    if (!record(s, -1, NULL)) return false;
    const rg_tensor y = s->out[output];
    const rg_check_argument seed = { .dtype = rg_dtype_of(y), .shape = rg_shape_of(y),
                                     .count = s->output_count[output] };
    const int count = free_operands(s, s->arguments, s->wrt);
    if (count == 0) return true;
    if (rg_vjp(y, rg_check_input(s->tape, &seed, cotangent, s->numbers), s->wrt, count, s->gradient) != RG_OK ||
        rg_eval(count, s->gradient) != RG_OK)
        return false;
    for (int i = 0, next = 0; i < s->arguments; i++) {
        const rg_check_argument *argument = &s->argument[i];
        if (argument->role != RG_ROLE_FREE) continue;
        if (!rg_check_read(s->gradient[next++], argument->count, s->numbers, s->moved)) return false;
        for (int64_t j = 0; j < argument->count; j++) gradient[argument->first + j] += s->moved[j];
    }
    return true;
}

bool rg_check_adjoint(rg_check_system *s, const double *cotangent, double *gradient)
{
    if (s->variables) memset(gradient, 0, (size_t)s->variables * sizeof *gradient);
    for (int i = 0; i < s->outputs; i++) {
        if (!add_adjoint(s, i, cotangent, gradient)) return false;
        cotangent += s->output_count[i];
    }
    return true;
}

/* ---- Differences --------------------------------------------------------------------------------------------- */

/* Steps h, h/2, h/4, ...: from where a smooth function is extrapolated best down to where rounding takes over. The
 * first few decide if they agree; else all are taken, and the last few tell how noisy the function is. */
enum { RUNGS = 18, FEWEST = 3, EARLY = 7 };
static const double first_step = 0x1p-7;

static double largest(const double *numbers, int64_t count)
{
    double size = 0;
    for (int64_t i = 0; i < count; i++)
        if (fabs(numbers[i]) > size) size = fabs(numbers[i]);
    return size;
}

static bool evaluate_at(rg_check_system *s, int k, const double *u, double step, double *out)
{
    const rg_check_argument *argument = &s->argument[k];
    for (int64_t i = 0; i < argument->count; i++) s->moved[i] = argument->at[i] + step * u[i];
    return evaluate(s, k, s->moved, out);
}

/* c'(f(x + h u) - f(x - h u)) / 2h; the error is what rounding the points and the values must be expected to make. */
static rg_check_slope difference(const rg_check_system *s, const double *cotangent, double step, double size)
{
    double sum = 0, magnitude = 0;
    for (int64_t i = 0; i < s->results; i++) {
        sum += cotangent[i] * (s->above[i] - s->below[i]);
        magnitude += fabs(cotangent[i]) * (fabs(s->above[i]) + fabs(s->below[i]));
    }
    rg_check_slope slope = { .value = sum / (2 * step) };
    slope.error = DBL_EPSILON * (magnitude / 2 + size * fabs(slope.value)) / step;
    return slope;
}

/* Ridders' extrapolation of central differences to step 0 [Ridders 1982; Press et al. 2007, 5.7]: column j of the
 * tableau is free of the errors of order 2, 4, ..., 2j, and an entry is as good as it agrees with its two parents. */
typedef struct {
    int rows;
    double step[RUNGS];
    double rounding[RUNGS];
    double entry[RUNGS][RUNGS];
} tableau;

static void add_row(tableau *t, double step, rg_check_slope plain)
{
    const int i = t->rows++;
    double power = 1;
    t->step[i] = step;
    t->rounding[i] = plain.error;
    t->entry[i][0] = plain.value;
    for (int j = 1; j <= i; j++) {
        power *= 4;
        t->entry[i][j] = t->entry[i][j - 1] + (t->entry[i][j - 1] - t->entry[i - 1][j - 1]) / (power - 1);
    }
}

/* The best entry of the rows from `first` on, when a value is uncertain by `noise`. */
static rg_check_slope best_entry(const tableau *t, int first, double noise)
{
    rg_check_slope best = { NAN, INFINITY };
    for (int i = first; i < t->rows; i++)
        for (int j = 1; j <= i; j++) {
            double before = t->entry[i][j - 1], above = t->entry[i - 1][j - 1], value = t->entry[i][j];
            double error = fmax(fabs(value - before), fabs(value - above)) + t->rounding[i] + noise / t->step[i];
            if (error < best.error) best = (rg_check_slope){ value, error };
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

/* A large step may leave the function's domain, or reach over a kink: then smaller ones decide. */
bool rg_check_differences(rg_check_system *s, int k, const double *u, const double *cotangent,
                          rg_tolerance tolerance, rg_check_slope *slope)
{
    tableau t = { .rows = 0 };
    const double size = largest(s->argument[k].at, s->argument[k].count);
    double step = first_step * (size > 1 ? size : 1);
    *slope = (rg_check_slope){ NAN, INFINITY };
    for (int rung = 0; rung < RUNGS; rung++, step /= 2) {
        if (!evaluate_at(s, k, u, step, s->above) || !evaluate_at(s, k, u, -step, s->below)) return false;
        const rg_check_slope plain = difference(s, cotangent, step, size);
        if (!isfinite(plain.value) && t.rows > 0) return true;
        if (!isfinite(plain.value)) continue;
        add_row(&t, step, plain);
        rg_check_slope best = best_entry(&t, t.rows - 1, 0);
        bool met = best.error <= 0.01 * rg_tolerance_at(tolerance, fabs(best.value));
        if (met && t.rows >= FEWEST && t.rows <= EARLY) {
            *slope = best;
            return true;
        }
    }
    *slope = best_entry(&t, 1, noise_of(&t));
    return true;
}
