/* gradcheck_adjoint.c: the adjoint dot test, c'(J u) = (J'c)'u. J u is the derivative of (J'c)'u by c, and so costs two
 * sweeps in reverse: the rules must be linear in the cotangent, and their own rules the transpose of what they do. */
#include <math.h>

#include "gradcheck_system.h"
#include "shape.h"

/* Both sides as they stand on the tape. */
typedef struct {
    rg_tensor *cotangent;     /* c, one for each output */
    rg_tensor *forward;       /* J u, likewise */
    rg_tensor reverse;        /* (J'c) for the argument */
} products;

static rg_tensor dot(rg_tensor a, rg_tensor b)
{
    return rg_sum(rg_mul(a, b));
}

static rg_tensor cotangent_input(rg_check_system *s, int output, const double *numbers)
{
    const rg_check_argument like = { .dtype = rg_dtype_of(s->out[output]), .shape = rg_shape_of(s->out[output]),
                                     .count = s->output_count[output] };
    return rg_check_input(s->tape, &like, numbers, s->numbers);
}

static bool record_products(rg_check_system *s, int k, const double *u, const double *cotangent, products *p)
{
    rg_tensor total = { 0 }, slope;
    if (!rg_check_record(s) || !rg_check_room(s, &p->cotangent, s->outputs + 1, sizeof *p->cotangent) ||
        !rg_check_room(s, &p->forward, s->outputs + 1, sizeof *p->forward))
        return false;
    for (int i = 0; i < s->outputs; cotangent += s->output_count[i++]) {
        p->cotangent[i] = cotangent_input(s, i, cotangent);
        slope = dot(s->out[i], p->cotangent[i]);
        total = i == 0 ? slope : rg_add(total, slope);
    }
    const rg_tensor direction = rg_check_input(s->tape, &s->argument[k], u, s->numbers);
    return rg_grad(total, &s->in[k], 1, &p->reverse) == RG_OK &&
           rg_grad(dot(p->reverse, direction), p->cotangent, s->outputs, p->forward) == RG_OK &&
           rg_eval(s->outputs, p->forward) == RG_OK;
}

/* Adds a'b of the tensor's numbers. */
static bool add_product(rg_check_system *s, rg_tensor t, int64_t count, const double *b, rg_check_slope *sum)
{
    double *numbers;
    if (!rg_check_room(s, &numbers, count + 1, sizeof *numbers) || !rg_check_read(t, count, s->numbers, numbers))
        return false;
    for (int64_t i = 0; i < count; i++) {
        sum->value += numbers[i] * b[i];
        sum->size += fabs(numbers[i] * b[i]);
    }
    return true;
}

bool rg_check_products(rg_check_system *s, int k, const double *u, const double *cotangent, bool *applies,
                       rg_check_slope *forward, rg_check_slope *reverse)
{
    products p;
    *forward = *reverse = (rg_check_slope){ .order = NAN };
    bool done = record_products(s, k, u, cotangent, &p);
    *applies = done;
    if (!done && rg_tape_status(s->tape) == RG_E_GRADIENT) {
        rg_tape_clear_error(s->tape);
        return true;
    }
    for (int i = 0; done && i < s->outputs; cotangent += s->output_count[i++])
        done = add_product(s, p.forward[i], s->output_count[i], cotangent, forward);
    return done && add_product(s, p.reverse, s->argument[k].count, u, reverse);
}
