/* rules.h: the update rules, as the optimiser sees them. Internal. */
#ifndef RETROGRAD_OPTIM_RULES_H
#define RETROGRAD_OPTIM_RULES_H

#include "optim.h"
#include "step.h"

#define RG_OPT_MOST_STATES 2

/* AdamW is Adam with other numbers. */
enum { RG_OPT_SGD, RG_OPT_MOMENTUM, RG_OPT_ADAM, RG_OPT_RULES };

/* The numbers of one step, worked out in double and rounded to the dtype once. */
typedef struct {
    double scale;   /* of the gradient: clipping by norm */
    double limit;   /* of each number of it: clipping by value; infinity for none */
    double decay;   /* of theta, added to the gradient */
    double shrink;  /* of theta, before the step */
    double rate;    /* of the step */
    double keep1, add1; /* first state:  keep1 old + add1 new */
    double keep2, add2; /* second state: likewise with the square */
    double gradient_part, state_part; /* momentum: the direction as a sum of the two */
    double root;    /* Adam: what the root of the second moment is multiplied by */
    double epsilon;
    bool plain;     /* nothing is done to the gradient: scale, limit and decay are 1, infinity and 0 */
} rg_opt_numbers;

/* Everything has `count` numbers; the states are those of the rule. */
typedef void rg_opt_update(size_t count, void *theta, const void *gradient, void *const *states,
                           const rg_opt_numbers *numbers);

/* The rules, and the sum of squares in double, for one dtype and level of vector instructions. */
typedef struct {
    rg_opt_update *update[RG_OPT_RULES];
    double (*squares)(size_t count, const void *numbers);
} rg_opt_kernels;

/* The rule without states as an op that gives the moved theta: of theta, its gradient, and the numbers (uniform). */
extern const rg_op rg_opt_sgd_update;
/* The same of a matrix whose gradient is a column times a row: see rg_update. */
extern const rg_op rg_opt_sgd_rank_one;

/* The kernels for f32 or f64 and a level of rg_simd_level; the same bits on every level. */
const rg_opt_kernels *rg_opt_kernels_for(rg_dtype dtype, int level);

/* By repeated squaring: the same bits with every mathematical library. */
double rg_opt_power(double base, uint64_t exponent);

#endif
