/* gradcheck_system.c: a function at a point, and its adjoint. */
#include "gradcheck_system.h"

#include <string.h>

#include "shape.h"

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

bool rg_check_record(rg_check_system *s)
{
    return record(s, -1, NULL);
}

/* The same program in f64: as it is recorded at the point, with an argument that has moved since. */
static bool walk(rg_check_system *s, int k, const double *moved, double *out, bool *applies)
{
    int floats = 0;
    if (!record(s, -1, NULL)) return false;
    for (int i = 0; i < s->arguments; i++) {
        if (s->argument[i].role == RG_ROLE_INDEX) continue;
        s->wrt[floats] = s->in[i];
        s->at[floats++] = (rg_parts){ i == k ? moved : s->argument[i].at, NULL };
    }
    rg_walk walk = { .tape = s->tape, .arena = s->walk, .inputs = floats, .in = s->wrt, .at = s->at };
    rg_walk_end end = rg_walk_to(&walk, s->outputs, s->out, s->result);
    *applies = end != RG_WALK_NO_KERNEL;
    if (end == RG_WALK_NO_KERNEL) return true;
    if (end == RG_WALK_FAILED) return fail(s, RG_E_MEMORY, "gradcheck: out of memory");
    for (int i = 0; i < s->outputs; out += s->output_count[i++])
        if (s->output_count[i] > 0) memcpy(out, s->result[i].real, (size_t)s->output_count[i] * sizeof *out);
    return true;
}

static bool run(rg_check_system *s, int k, const double *moved, double *out)
{
    if (!record(s, k, moved) || rg_eval(s->outputs, s->out) != RG_OK) return false;
    for (int i = 0; i < s->outputs; i++) {
        if (!rg_check_read(s->out[i], s->output_count[i], s->numbers, out)) return false;
        out += s->output_count[i];
    }
    return true;
}

bool rg_check_evaluate(rg_check_system *s, int k, const double *moved, double *out)
{
    bool applies;
    return s->wide ? walk(s, k, moved, out, &applies) : run(s, k, moved, out);
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

bool rg_check_room(rg_check_system *s, void *place, int64_t count, size_t item)
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
    return rg_check_room(s, &s->moved, most, sizeof(double)) && rg_check_room(s, &s->numbers, most, sizeof(double));
}

static bool take_tables(rg_check_system *s)
{
    const int64_t n = s->arguments + 1;
    return rg_check_room(s, &s->in, n, sizeof *s->in) && rg_check_room(s, &s->out, n, sizeof *s->out) &&
           rg_check_room(s, &s->wrt, n, sizeof *s->wrt) && rg_check_room(s, &s->gradient, n, sizeof *s->gradient) &&
           rg_check_room(s, &s->at, n, sizeof *s->at) && rg_check_room(s, &s->result, n, sizeof *s->result);
}

static bool take_values(rg_check_system *s)
{
    const size_t item = sizeof(double);
    return take_numbers(s) && rg_check_room(s, &s->value, s->results, item) &&
           rg_check_room(s, &s->above, s->results, item) && rg_check_room(s, &s->below, s->results, item);
}

/* A program of f32 is compared with itself in f64, if its ops can do that. */
static bool choose_width(rg_check_system *s)
{
    for (int i = 0; i < s->arguments; i++) s->narrow = s->narrow || s->argument[i].dtype == RG_F32;
    return !s->narrow || walk(s, -1, NULL, s->below, &s->wide);
}

bool rg_check_open(rg_check_system *s)
{
    s->variables = s->results = 0;
    s->outputs = s->order == 1;
    for (int i = 0; i < s->arguments; i++) {
        if (s->argument[i].role != RG_ROLE_FREE) continue;
        s->argument[i].first = s->variables;
        s->variables += s->argument[i].count;
        if (s->order == 2 && i < s->operands) s->outputs++;
    }
    s->output_count = NULL;
    s->narrow = s->wide = false;
    if (!take_tables(s) || !take_numbers(s) || !record(s, -1, NULL)) return false;
    int64_t *counts;
    if (!rg_check_room(s, &counts, s->arguments + 1, sizeof *counts)) return false;
    for (int i = 0; i < s->outputs; i++) s->results += counts[i] = rg_shape_count(rg_shape_of(s->out[i]));
    s->output_count = counts;
    s->shape = s->outputs ? rg_shape_of(s->out[0]) : RG_SCALAR;
    s->dtype = s->outputs ? rg_dtype_of(s->out[0]) : RG_NO_DTYPE;
    if (!take_values(s) || !run(s, -1, NULL, s->value) || !run(s, -1, NULL, s->above)) return false;
    s->repeats = memcmp(s->value, s->above, (size_t)s->results * sizeof *s->value) == 0;
    return choose_width(s);
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
