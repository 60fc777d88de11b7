/* optimiser.c: an optimiser is a rule, its options and its vectors. A rule is a row of a table: what its vectors
 * are called, its update for each dtype, and how a step's numbers follow from the options. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate.h"
#include "program.h"
#include "rules.h"
#include "simd.h"
#include "size.h"

typedef struct {
    double lr, momentum, dampening, weight_decay;
    double beta1, beta2, epsilon;
    bool nesterov;
} opt_options;

typedef struct {
    const char *name;
    int states;
    const char *state_names[RG_OPT_MOST_STATES];
    int update; /* RG_OPT_SGD, ... */
    int operations; /* on each number, without decay and clipping */
    void (*prepare)(const opt_options *options, uint64_t step, double lr, rg_opt_numbers *numbers);
} opt_rule;

struct rg_opt {
    const opt_rule *rule;
    const rg_opt_kernels *kernels;
    rg_params *theta;
    size_t count;
    opt_options options;
    rg_opt_schedule schedule;
    double clip_norm, clip_value;
    uint64_t steps;
    rg_opt_numbers numbers; /* of the next step, or the last */
    void *states[RG_OPT_MOST_STATES];
    char message[160];
};

/* ---- Rules ---------------------------------------------------------------------------------------------- */

static void prepare_sgd(const opt_options *options, uint64_t step, double lr, rg_opt_numbers *numbers)
{
    (void)step;
    numbers->decay = options->weight_decay;
    numbers->rate = lr;
}

static void prepare_momentum(const opt_options *options, uint64_t step, double lr, rg_opt_numbers *numbers)
{
    numbers->decay = options->weight_decay;
    numbers->rate = lr;
    numbers->keep1 = options->momentum;
    numbers->add1 = step == 1 ? 1.0 : 1.0 - options->dampening;
    numbers->gradient_part = options->nesterov ? 1.0 : 0.0;
    numbers->state_part = options->nesterov ? options->momentum : 1.0;
}

static void prepare_adam(const opt_options *options, uint64_t step, double lr, rg_opt_numbers *numbers)
{
    numbers->decay = options->weight_decay;
    numbers->shrink = 1.0;
    numbers->rate = lr / (1.0 - rg_opt_power(options->beta1, step));
    numbers->keep1 = options->beta1;
    numbers->add1 = 1.0 - options->beta1;
    numbers->keep2 = options->beta2;
    numbers->add2 = 1.0 - options->beta2;
    numbers->root = 1.0 / sqrt(1.0 - rg_opt_power(options->beta2, step));
    numbers->epsilon = options->epsilon;
}

static void prepare_adamw(const opt_options *options, uint64_t step, double lr, rg_opt_numbers *numbers)
{
    prepare_adam(options, step, lr, numbers);
    numbers->decay = 0.0;
    numbers->shrink = 1.0 - lr * options->weight_decay;
}

#define FIRST_MOMENT "optimizer:first_moment"
#define SECOND_MOMENT "optimizer:second_moment"

static const opt_rule rule_sgd = {
    .name = "sgd", .update = RG_OPT_SGD, .operations = 2, .prepare = prepare_sgd,
};
static const opt_rule rule_momentum = {
    .name = "momentum", .update = RG_OPT_MOMENTUM, .operations = 5, .prepare = prepare_momentum,
    .states = 1, .state_names = { "optimizer:momentum" },
};
static const opt_rule rule_adam = {
    .name = "adam", .update = RG_OPT_ADAM, .operations = 13, .prepare = prepare_adam,
    .states = 2, .state_names = { FIRST_MOMENT, SECOND_MOMENT },
};
static const opt_rule rule_adamw = {
    .name = "adamw", .update = RG_OPT_ADAM, .operations = 14, .prepare = prepare_adamw,
    .states = 2, .state_names = { FIRST_MOMENT, SECOND_MOMENT },
};

/* ---- Making and freeing ----------------------------------------------------------------------------------- */

void rg_opt_free(rg_opt *opt)
{
    if (!opt) return;
    for (int i = 0; i < RG_OPT_MOST_STATES; i++) free(opt->states[i]);
    free(opt);
}

static bool allocate_states(rg_opt *opt)
{
    size_t bytes;
    if (!rg_size_mul(opt->count, rg_dtype_size(rg_params_dtype(opt->theta)), &bytes)) return false;
    for (int i = 0; i < opt->rule->states; i++) {
        opt->states[i] = calloc(bytes > 0 ? bytes : 1, 1);
        if (!opt->states[i]) return false;
    }
    return true;
}

static rg_opt *make(rg_params *theta, const opt_rule *rule, opt_options options)
{
    if (rg_params_status(theta)) return NULL;
    rg_opt *opt = calloc(1, sizeof *opt);
    if (opt) {
        opt->rule = rule;
        opt->kernels = rg_opt_kernels_for(rg_params_dtype(theta), rg_simd_level());
        opt->theta = theta;
        opt->count = (size_t)rg_params_count(theta);
        opt->options = options;
        if (allocate_states(opt)) return opt;
        rg_opt_free(opt);
    }
    rg_params_fail(theta, RG_E_MEMORY, "%s: out of memory", rule->name);
    return NULL;
}

static bool is_positive(double value)
{
    return value > 0.0 && isfinite(value);
}

/* Makes the store fail unless the condition holds. */
static bool demand(rg_params *theta, const opt_rule *rule, bool holds, const char *what)
{
    if (!holds) rg_params_fail(theta, RG_E_ARGUMENT, "%s: %s", rule->name, what);
    return holds;
}

rg_opt *rg_opt_sgd(rg_params *theta, rg_opt_sgd_options given)
{
    const opt_rule *rule = given.momentum != 0.0 ? &rule_momentum : &rule_sgd;
    opt_options options = { .lr = given.lr != 0.0 ? given.lr : 0.01,
                            .momentum = given.momentum,
                            .dampening = given.dampening,
                            .weight_decay = given.weight_decay,
                            .nesterov = given.nesterov };
    bool good = demand(theta, rule, is_positive(options.lr), "lr must be finite and above 0") &&
                demand(theta, rule, given.momentum >= 0.0 && given.momentum < 1.0, "momentum must be in [0, 1)") &&
                demand(theta, rule, given.dampening >= 0.0 && given.dampening <= 1.0,
                       "dampening must be in [0, 1]") &&
                demand(theta, rule, given.weight_decay == 0.0 || is_positive(given.weight_decay),
                       "weight_decay must be finite and not negative") &&
                demand(theta, rule, !given.nesterov || (given.momentum > 0.0 && given.dampening == 0.0),
                       "nesterov needs momentum and no dampening");
    return good ? make(theta, rule, options) : NULL;
}

static rg_opt *make_adam(rg_params *theta, const opt_rule *rule, rg_opt_adam_options given)
{
    opt_options options = { .lr = given.lr != 0.0 ? given.lr : 1e-3,
                            .beta1 = given.beta1 != 0.0 ? given.beta1 : 0.9,
                            .beta2 = given.beta2 != 0.0 ? given.beta2 : 0.999,
                            .epsilon = given.epsilon != 0.0 ? given.epsilon : 1e-8,
                            .weight_decay = given.weight_decay };
    bool good = demand(theta, rule, is_positive(options.lr), "lr must be finite and above 0") &&
                demand(theta, rule, options.beta1 > 0.0 && options.beta1 < 1.0, "beta1 must be in (0, 1)") &&
                demand(theta, rule, options.beta2 > 0.0 && options.beta2 < 1.0, "beta2 must be in (0, 1)") &&
                demand(theta, rule, is_positive(options.epsilon), "epsilon must be finite and above 0") &&
                demand(theta, rule, given.weight_decay == 0.0 || is_positive(given.weight_decay),
                       "weight_decay must be finite and not negative");
    return good ? make(theta, rule, options) : NULL;
}

rg_opt *rg_opt_adam(rg_params *theta, rg_opt_adam_options given)
{
    return make_adam(theta, &rule_adam, given);
}

rg_opt *rg_opt_adamw(rg_params *theta, rg_opt_adam_options given)
{
    return make_adam(theta, &rule_adamw, given);
}

/* ---- Stepping ------------------------------------------------------------------------------------------------ */

static double gradient_norm(rg_params *theta, const rg_opt_kernels *kernels)
{
    const void *gradient = rg_params_gradient(theta);
    return sqrt(kernels->squares((size_t)rg_params_count(theta), gradient));
}

double rg_opt_gradient_norm(rg_params *theta)
{
    return theta ? gradient_norm(theta, rg_opt_kernels_for(rg_params_dtype(theta), rg_simd_level())) : 0.0;
}

/* Whether theta is what it was when the optimiser was made; else the message says so. */
static bool fits(rg_opt *opt)
{
    opt->message[0] = '\0';
    const size_t count = (size_t)rg_params_count(opt->theta);
    if (count == opt->count) return true;
    snprintf(opt->message, sizeof opt->message, "%s: theta has grown from %zu numbers to %zu since the optimiser was made",
             opt->rule->name, opt->count, count);
    rg_params_fail(opt->theta, RG_E_STATE, "%s", opt->message);
    return false;
}

/* Whether a step can be made; else the message says why not. */
static bool is_ready(rg_opt *opt)
{
    if (!fits(opt)) return false;
    if (rg_params_gradient_ready(opt->theta)) return true;
    snprintf(opt->message, sizeof opt->message, "%s: no gradient: no rg_backward succeeded since the last step",
             opt->rule->name);
    return false;
}

/* Sets the numbers of the next step; the norm is that of the whole gradient, if it is to be clipped. */
static void next_numbers(rg_opt *opt, double norm)
{
    rg_opt_numbers *numbers = &opt->numbers;
    numbers->scale = norm > opt->clip_norm ? opt->clip_norm / norm : 1.0;
    numbers->limit = opt->clip_value > 0.0 ? opt->clip_value : INFINITY;
    opt->rule->prepare(&opt->options, opt->steps + 1, rg_opt_learning_rate(opt), numbers);
    numbers->plain = numbers->scale == 1.0 && opt->clip_value == 0.0 && numbers->decay == 0.0;
}

rg_status rg_opt_step(rg_opt *opt)
{
    if (!opt) return RG_E_NULL;
    if (!is_ready(opt)) return RG_E_STATE;
    const double norm = opt->clip_norm > 0.0 ? gradient_norm(opt->theta, opt->kernels) : 0.0;
    next_numbers(opt, norm);
    opt->kernels->update[opt->rule->update](opt->count, rg_params_data(opt->theta), rg_params_gradient(opt->theta),
                                            opt->states, &opt->numbers);
    opt->steps++;
    rg_params_changed(opt->theta);
    rg_params_consume_gradient(opt->theta);
    return RG_OK;
}

/* What needs nothing but each number's own gradient can be done while that is in a cache. A parameter that the loss does
 * not reach must not move, so there is no decay. */
static bool goes_with_gradient(const rg_opt *opt)
{
    return opt->rule->update == RG_OPT_SGD && opt->clip_norm == 0.0 && opt->options.weight_decay == 0.0 &&
           opt->count == (size_t)rg_params_count(opt->theta);
}

rg_status rg_opt_minimise_at(const char *site, rg_opt *opt, rg_tensor loss)
{
    if (!opt) return RG_E_NULL;
    opt->message[0] = '\0';
    if (!goes_with_gradient(opt)) {
        const rg_status status = rg_backward_at(site, loss);
        return status ? status : rg_opt_step(opt);
    }
    next_numbers(opt, 0.0);
    const rg_update update = { .op = &rg_opt_sgd_update, .rank_one = &rg_opt_sgd_rank_one, .numbers = &opt->numbers,
                                .store = opt->theta };
    bool updated;
    const rg_status status = rg_backward_update(site, loss, &update, &updated);
    if (status) return status;
    if (!updated) return rg_opt_step(opt);
    opt->steps++;
    return RG_OK;
}

rg_status rg_opt_minimise(rg_opt *opt, rg_tensor loss)
{
    return rg_opt_minimise_at(NULL, opt, loss);
}

/* ---- Compiled steps ------------------------------------------------------------------------------------------- */

static rg_status begin_step(void *context, bool *update)
{
    rg_opt *opt = context;
    if (!fits(opt)) return RG_E_STATE;
    *update = goes_with_gradient(opt);
    if (*update) next_numbers(opt, 0.0);
    return RG_OK;
}

static rg_status end_step(void *context, bool updated)
{
    rg_opt *opt = context;
    if (!updated) return rg_opt_step(opt);
    opt->steps++;
    return RG_OK;
}

rg_program *rg_opt_compile_at(const char *site, rg_opt *opt, rg_tensor loss, int inputs, const rg_tensor *in)
{
    if (!opt) return rg_fail(loss.tape, site, RG_E_NULL, "compile: the optimiser is NULL"), NULL;
    const double count = (double)opt->count, bytes = count * (double)rg_dtype_size(rg_params_dtype(opt->theta));
    const rg_program_step step = {
        .update = { .op = goes_with_gradient(opt) ? &rg_opt_sgd_update : NULL, .rank_one = &rg_opt_sgd_rank_one,
                    .numbers = &opt->numbers, .store = opt->theta },
        .context = opt, .begin = begin_step, .end = end_step, .name = opt->rule->name,
        .operations = opt->rule->operations * count, .bytes_read = (2 + opt->rule->states) * bytes,
        .bytes_written = (1 + opt->rule->states) * bytes,
    };
    return rg_compile_step(site, loss, inputs, in, &step);
}

rg_program *rg_opt_compile(rg_opt *opt, rg_tensor loss, int inputs, const rg_tensor *in)
{
    return rg_opt_compile_at(NULL, opt, loss, inputs, in);
}

/* ---- Settings and state ---------------------------------------------------------------------------------------- */

const char *rg_opt_message(const rg_opt *opt)
{
    return opt ? opt->message : "the optimiser is NULL";
}

const char *rg_opt_name(const rg_opt *opt)
{
    return opt ? opt->rule->name : "";
}

double rg_opt_learning_rate(const rg_opt *opt)
{
    if (!opt) return 0.0;
    const bool constant = !opt->schedule.factor && opt->schedule.warm_up == 0;
    return constant ? opt->options.lr : opt->options.lr * rg_opt_schedule_factor(opt->schedule, opt->steps);
}

rg_status rg_opt_set_learning_rate(rg_opt *opt, double lr)
{
    if (!opt) return RG_E_NULL;
    if (!is_positive(lr)) return RG_E_ARGUMENT;
    opt->options.lr = lr;
    return RG_OK;
}

rg_status rg_opt_set_schedule(rg_opt *opt, rg_opt_schedule schedule)
{
    if (!opt) return RG_E_NULL;
    if (isnan(rg_opt_schedule_factor(schedule, 0))) return RG_E_ARGUMENT;
    opt->schedule = schedule;
    return RG_OK;
}

static rg_status set_limit(rg_opt *opt, double *limit, double most)
{
    if (!opt) return RG_E_NULL;
    if (most != 0.0 && !is_positive(most)) return RG_E_ARGUMENT;
    *limit = most;
    return RG_OK;
}

rg_status rg_opt_clip_norm(rg_opt *opt, double most)
{
    return set_limit(opt, opt ? &opt->clip_norm : NULL, most);
}

rg_status rg_opt_clip_value(rg_opt *opt, double most)
{
    return set_limit(opt, opt ? &opt->clip_value : NULL, most);
}

int rg_opt_state_count(const rg_opt *opt)
{
    return opt ? opt->rule->states : 0;
}

const char *rg_opt_state_name(const rg_opt *opt, int index)
{
    return index >= 0 && index < rg_opt_state_count(opt) ? opt->rule->state_names[index] : NULL;
}

void *rg_opt_state_data(rg_opt *opt, int index)
{
    return index >= 0 && index < rg_opt_state_count(opt) ? opt->states[index] : NULL;
}

uint64_t rg_opt_step_count(const rg_opt *opt)
{
    return opt ? opt->steps : 0;
}

void rg_opt_set_step_count(rg_opt *opt, uint64_t steps)
{
    if (opt) opt->steps = steps;
}
