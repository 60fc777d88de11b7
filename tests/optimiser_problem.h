/* optimiser_problem.h: a store with one vector, and gradients to order. */
#ifndef RETROGRAD_OPTIMISER_PROBLEM_H
#define RETROGRAD_OPTIMISER_PROBLEM_H

#include <math.h>

#include "optim.h"

#define MOST 4099

typedef struct {
    rg_dtype dtype;
    int count;
    rg_params *theta;
    rg_param w;
    rg_tape *tape;
} problem;

static inline double number(const void *vector, rg_dtype dtype, int i)
{
    return dtype == RG_F32 ? (double)((const float *)vector)[i] : ((const double *)vector)[i];
}

static inline void set_number(void *vector, rg_dtype dtype, int i, double value)
{
    if (dtype == RG_F32)
        ((float *)vector)[i] = (float)value;
    else
        ((double *)vector)[i] = value;
}

static inline double theta_at(const problem *p, int i)
{
    return number(rg_params_data(p->theta), p->dtype, i);
}

static inline problem make_problem(rg_dtype dtype, int count, const double *start)
{
    problem p = { .dtype = dtype, .count = count, .theta = rg_params_new(dtype, 1) };
    p.w = rg_params_add(p.theta, "w", RG_SHAPE(count));
    p.tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    for (int i = 0; i < count; i++) set_number(rg_params_data(p.theta), dtype, i, start ? start[i] : 1.0);
    return p;
}

static inline void free_problem(problem *p)
{
    rg_tape_free(p->tape);
    rg_params_free(p->theta);
}

/* The gradient of sum(w c) is c. */
static inline void give_gradient(const problem *p, const double *gradient)
{
    static double buffer[MOST];
    for (int i = 0; i < p->count; i++) set_number(buffer, p->dtype, i, gradient[i]);
    rg_tensor c = rg_constant(p->tape, p->dtype, RG_SHAPE(p->count), buffer);
    assert_int_equal(rg_backward(rg_sum(rg_mul(rg_parameter(p->tape, p->w), c))), RG_OK);
    rg_tape_reset(p->tape);
}

static inline void check_near(double value, double wanted, double tolerance)
{
    if (!(fabs(value - wanted) <= tolerance * (1.0 + fabs(wanted)))) fail_msg("%.17g is not %.17g", value, wanted);
}

/* Numbers that f32 holds exactly, a few of them large. */
static inline void draw_gradient(double *gradient, int count, int step)
{
    for (int i = 0; i < count; i++) {
        gradient[i] = rg_random_normal(5, (uint64_t)step, (uint64_t)i) * (i % 7 == 0 ? 100.0 : 0.1);
        gradient[i] = (double)(float)gradient[i];
    }
}

#endif
