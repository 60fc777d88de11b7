/* gradcheck_complex.c: the slope of a function by a complex step: the imaginary part of c'f(x + i h u) / h. Nothing is
 * subtracted, so h can be so small that the result is right to the last digits [Squire and Trapp 1998]. */
#include <math.h>

#include "gradcheck_system.h"
#include "shape.h"

static const double step = 0x1p-100;

static bool place(rg_check_system *s, int k, const double *u, int *floats)
{
    double *imaginary;
    if (!rg_check_room(s, &imaginary, s->argument[k].count + 1, sizeof *imaginary)) return false;
    for (int64_t i = 0; i < s->argument[k].count; i++) imaginary[i] = step * u[i];
    *floats = 0;
    for (int i = 0; i < s->arguments; i++) {
        if (s->argument[i].role == RG_ROLE_INDEX) continue;
        s->wrt[*floats] = s->in[i];
        s->at[(*floats)++] = (rg_parts){ s->argument[i].at, i == k ? imaginary : NULL };
    }
    return true;
}

bool rg_check_complex(rg_check_system *s, int k, const double *u, const double *cotangent, bool *applies,
                      rg_check_slope *slope)
{
    int floats;
    double magnitude = 0;
    if (!rg_check_record(s) || !place(s, k, u, &floats)) return false;
    rg_walk walk = { .tape = s->tape, .arena = s->walk, .inputs = floats, .in = s->wrt, .at = s->at };
    const rg_walk_end end = rg_walk_to(&walk, s->outputs, s->out, s->result);
    if (end == RG_WALK_FAILED) {
        rg_fail(s->tape, NULL, RG_E_MEMORY, "gradcheck: out of memory");
        return false;
    }
    *applies = end == RG_WALK_DONE;
    *slope = (rg_check_slope){ .step = step, .order = NAN };
    for (int i = 0; *applies && i < s->outputs; cotangent += s->output_count[i++])
        for (int64_t j = 0; j < s->output_count[i]; j++) {
            magnitude += fabs(cotangent[j] * s->result[i].real[j]);
            if (s->result[i].imaginary) slope->value += cotangent[j] * s->result[i].imaginary[j];
        }
    slope->value /= step;
    /* Where all is 0, what is left of the third order is not: h^2, far below the last digit of h. */
    slope->size = fmin(magnitude + step, 1);
    return true;
}
