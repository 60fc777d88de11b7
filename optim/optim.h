/* optim.h: gradient descent and its family, on the parameters as one flat vector.
 *
 * Copyright (c) 2026 the Retrograd authors. MIT licence, see LICENSE.
 *
 *     rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 1e-3 });
 *     rg_opt_set_schedule(opt, rg_opt_schedule_warm_up(rg_opt_schedule_cosine(10000, 0.01), 500));
 *     rg_opt_clip_norm(opt, 1.0);
 *     for (...) {
 *         ...
 *         rg_opt_minimise(opt, loss);    // or rg_backward(loss), as often as you like, and rg_opt_step(opt)
 *     }
 *     rg_opt_free(opt);
 *
 * A step reads the gradient of rg_params_gradient, writes theta, and marks the gradient consumed, so that the next
 * rg_backward starts from zero. It never changes the gradient: clipping and decay act on what is read. The same
 * numbers give the same bits. The arithmetic is that of the store's dtype; factors are worked out in double.
 *
 * ERRORS
 *   Bad options stick to the parameter store, so that the next use of it makes the tape fail with the message; the
 *   constructor then returns NULL, with which every call here is safe. */
#ifndef RETROGRAD_OPTIM_H
#define RETROGRAD_OPTIM_H

#include "autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rg_opt rg_opt;

/* ---- Optimisers ----------------------------------------------------------------------------------
 * Below, g is the gradient after clipping, theta the parameters, t = 1, 2, ... the number of the step and lr the
 * learning rate times the schedule's factor. Each constructor returns NULL when out of memory and on
 * errors  RG_E_NULL no store, RG_E_ARGUMENT an option out of its range; they stick to the store. */

typedef struct {
    double lr;           /* > 0; 0: 0.01 */
    double momentum;     /* [0, 1) */
    double dampening;    /* [0, 1]: how much of a new gradient the momentum leaves out */
    double weight_decay; /* >= 0: L2 */
    bool nesterov;       /* needs momentum, and no dampening */
} rg_opt_sgd_options;

/* Stochastic gradient descent:
 *     g <- g + weight_decay theta
 *     m <- momentum m + (1 - dampening) g      (m <- g at the first step)
 *     theta <- theta - lr m                    nesterov: theta - lr (g + momentum m)
 * [Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013, On the importance of initialization and momentum in deep
 * learning; in PyTorch's form, where lr is not part of m] */
RG_API rg_opt *rg_opt_sgd(rg_params *theta, rg_opt_sgd_options options);

typedef struct {
    double lr;           /* > 0; 0: 0.001 */
    double beta1;        /* (0, 1); 0: 0.9 */
    double beta2;        /* (0, 1); 0: 0.999 */
    double epsilon;      /* > 0; 0: 1e-8 */
    double weight_decay; /* >= 0: L2 in Adam, decoupled in AdamW (where 0.01 is usual) */
} rg_opt_adam_options;

/* Adam:
 *     g <- g + weight_decay theta
 *     m <- beta1 m + (1 - beta1) g
 *     v <- beta2 v + (1 - beta2) g^2
 *     theta <- theta - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 * [Kingma & Ba 2015, Adam: a method for stochastic optimization, algorithm 1] */
RG_API rg_opt *rg_opt_adam(rg_params *theta, rg_opt_adam_options options);

/* AdamW: as Adam, but the decay shrinks theta instead of joining the gradient:
 *     theta <- (1 - lr weight_decay) theta, then Adam without decay.
 * [Loshchilov & Hutter 2019, Decoupled weight decay regularization, algorithm 2; in PyTorch's form, where the decay
 * is multiplied by lr] */
RG_API rg_opt *rg_opt_adamw(rg_params *theta, rg_opt_adam_options options);

/* Frees the optimiser, not the store. NULL is allowed. */
RG_API void rg_opt_free(rg_opt *opt);

/* ---- Stepping ------------------------------------------------------------------------------------ */

/* One step.
 * errors  RG_E_NULL no optimiser. RG_E_STATE no gradient: rg_backward was not called since the last step, or its
 *         tape has failed. RG_E_STATE theta has grown since the optimiser was made; this sticks to the store as
 *         well. On an error nothing changes. */
RG_API rg_status rg_opt_step(rg_opt *opt);
/* rg_backward(loss) and rg_opt_step(opt) in one, with the same bits. Plain gradient descent, without momentum, decay or
 * clipping by the norm, then moves each parameter as soon as its gradient is there, and the gradient is not kept: do not
 * read it afterwards.
 * errors  as rg_backward, on the tape; and as rg_opt_step. */
RG_API rg_status rg_opt_minimise(rg_opt *opt, rg_tensor loss);
RG_API rg_status rg_opt_minimise_at(const char *site, rg_opt *opt, rg_tensor loss);
/* A program whose every run does what rg_opt_minimise(opt, loss) would: see rg_compile_backward, also for errors and for
 * `in`. The optimiser must outlive it, and may be changed between runs. Its learning rate and the like are those of each
 * run. */
RG_API rg_program *rg_opt_compile(rg_opt *opt, rg_tensor loss, int inputs, const rg_tensor *in);
RG_API rg_program *rg_opt_compile_at(const char *site, rg_opt *opt, rg_tensor loss, int inputs, const rg_tensor *in);
/* Why the last step did nothing; "" if it did. Never NULL. */
RG_API const char *rg_opt_message(const rg_opt *opt);
/* "sgd", "momentum", "adam", "adamw"; "" for NULL. */
RG_API const char *rg_opt_name(const rg_opt *opt);

/* The learning rate of the next step, with the schedule's factor; and the rate that the factor multiplies.
 * errors  RG_E_NULL, RG_E_ARGUMENT not a finite number above 0. */
RG_API double rg_opt_learning_rate(const rg_opt *opt);
RG_API rg_status rg_opt_set_learning_rate(rg_opt *opt, double lr);

/* ---- Clipping ------------------------------------------------------------------------------------ */

/* From now on, steps read the gradient times most / norm whenever its norm (of the whole vector) is larger than
 * `most`. [Pascanu, Mikolov & Bengio 2013, On the difficulty of training recurrent neural networks, algorithm 1]
 * 0: no longer. errors RG_E_NULL, RG_E_ARGUMENT negative or not finite. */
RG_API rg_status rg_opt_clip_norm(rg_opt *opt, double most);
/* From now on, steps read each number of the gradient moved into [-most, most], after clipping by the norm. 0: no
 * longer. errors as above. */
RG_API rg_status rg_opt_clip_value(rg_opt *opt, double most);
/* The Euclidean norm of the whole gradient, summed in double in a fixed order; 0 without a store. In f64 it
 * overflows from numbers of 1e154 on. */
RG_API double rg_opt_gradient_norm(rg_params *theta);

/* ---- Schedules ----------------------------------------------------------------------------------- */

/* A factor for the learning rate as a function of the number of steps done. All zeros is the constant 1. A
 * function of your own serves as well as those below. */
typedef struct rg_opt_schedule rg_opt_schedule;
struct rg_opt_schedule {
    double (*factor)(const rg_opt_schedule *schedule, uint64_t step); /* after the warm-up; NULL: 1 */
    uint64_t period;  /* steps */
    double level;
    uint64_t warm_up; /* steps */
};

RG_API rg_opt_schedule rg_opt_schedule_constant(void);
/* factor^(step / every), rounded down: 1, then factor, then factor^2, ... Needs every > 0 and factor >= 0. */
RG_API rg_opt_schedule rg_opt_schedule_step(uint64_t every, double factor);
/* From 1 to `floor` in `total` steps along half a cosine, then `floor`. Needs total > 0 and 0 <= floor <= 1.
 * [Loshchilov & Hutter 2017, SGDR: stochastic gradient descent with warm restarts, (5), one cycle] */
RG_API rg_opt_schedule rg_opt_schedule_cosine(uint64_t total, double floor);
/* 1 / steps, 2 / steps, ..., 1 and then the given schedule from its beginning.
 * [Goyal et al. 2017, Accurate, large minibatch SGD, 2.2] */
RG_API rg_opt_schedule rg_opt_schedule_warm_up(rg_opt_schedule schedule, uint64_t steps);

/* The factor after `step` steps; NaN if the schedule is malformed. A pure function. */
RG_API double rg_opt_schedule_factor(rg_opt_schedule schedule, uint64_t step);
/* errors  RG_E_NULL, RG_E_ARGUMENT the schedule is malformed (then the old one stays). */
RG_API rg_status rg_opt_set_schedule(rg_opt *opt, rg_opt_schedule schedule);

/* ---- State, for checkpoints ------------------------------------------------------------------------- */

/* Beside theta, an optimiser consists of the number of steps done and of vectors laid out like theta, in its dtype
 * and with rg_params_count numbers: "optimizer:momentum"; "optimizer:first_moment" and "optimizer:second_moment".
 * Write to rg_opt_state_data to restore them. NULL for what there is not. */
RG_API int rg_opt_state_count(const rg_opt *opt);
RG_API const char *rg_opt_state_name(const rg_opt *opt, int index);
RG_API void *rg_opt_state_data(rg_opt *opt, int index);
RG_API uint64_t rg_opt_step_count(const rg_opt *opt);
RG_API void rg_opt_set_step_count(rg_opt *opt, uint64_t steps);

#ifdef __cplusplus
}
#endif

#ifndef RG_NO_SITES
#define rg_opt_minimise(...) rg_opt_minimise_at(RG_SITE, __VA_ARGS__)
#define rg_opt_compile(...) rg_opt_compile_at(RG_SITE, __VA_ARGS__)
#endif
#endif
