/* Each update rule is that of its paper: against numbers worked out by hand, and against a second implementation. A
 * step never changes the gradient, and an optimiser restored from its state goes on as if nothing had happened. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "failing_malloc.h"
#include "optimiser_problem.h"

/* ---- By hand ------------------------------------------------------------------------------------------------- */

/* theta starts at 1 and meets three gradients. */
static void check_by_hand(rg_opt *(*make)(rg_params *theta), const double *gradients, const double *wanted)
{
    static const rg_dtype dtypes[] = { RG_F32, RG_F64 };
    for (int d = 0; d < 2; d++) {
        problem p = make_problem(dtypes[d], 1, NULL);
        rg_opt *opt = make(p.theta);
        assert_non_null(opt);
        for (int step = 0; step < 3; step++) {
            give_gradient(&p, &gradients[step]);
            assert_int_equal(rg_opt_step(opt), RG_OK);
            assert_int_equal(rg_opt_step_count(opt), step + 1);
            check_near(theta_at(&p, 0), wanted[step], dtypes[d] == RG_F32 ? 3e-7 : 1e-14);
        }
        rg_opt_free(opt);
        free_problem(&p);
    }
}

static const double one_two_minus_one[] = { 1.0, 2.0, -1.0 };

static rg_opt *plain_sgd(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1 });
}

static rg_opt *decayed_sgd(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1, .weight_decay = 0.1 });
}

static rg_opt *momentum_sgd(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1, .momentum = 0.5 });
}

static rg_opt *dampened_sgd(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1, .momentum = 0.5, .dampening = 0.5 });
}

static rg_opt *nesterov_sgd(rg_params *theta)
{
    return rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 0.1, .momentum = 0.5, .nesterov = true });
}

static void sgd_by_hand(void **state)
{
    (void)state;
    check_by_hand(plain_sgd, one_two_minus_one, (double[]){ 0.9, 0.7, 0.8 });
    /* g + 0.1 theta: 1.1, 2.089, -0.93189 */
    check_by_hand(decayed_sgd, one_two_minus_one, (double[]){ 0.89, 0.6811, 0.774289 });
}

static void momentum_by_hand(void **state)
{
    (void)state;
    /* m: 1, 2.5, 0.25; dampened 1, 1.5, 0.25; nesterov steps along 1.5, 3.25, -0.875 */
    check_by_hand(momentum_sgd, one_two_minus_one, (double[]){ 0.9, 0.65, 0.625 });
    check_by_hand(dampened_sgd, one_two_minus_one, (double[]){ 0.9, 0.75, 0.725 });
    check_by_hand(nesterov_sgd, one_two_minus_one, (double[]){ 0.85, 0.525, 0.6125 });
}

#define SIMPLE_BETAS .lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 1e-300
static const double two_zero_minus_two[] = { 2.0, 0.0, -2.0 };

static rg_opt *simple_adam(rg_params *theta)
{
    return rg_opt_adam(theta, (rg_opt_adam_options){ SIMPLE_BETAS });
}

static rg_opt *simple_adamw(rg_params *theta)
{
    return rg_opt_adamw(theta, (rg_opt_adam_options){ SIMPLE_BETAS, .weight_decay = 0.5 });
}

/* m: 1, 1/2, -3/4; v: 1, 3/4, 25/16; corrected m: 2, 2/3, -6/7; corrected v: 4, 12/7, 100/37 */
static void adam_by_hand(void **state)
{
    (void)state;
    double second = 0.1 * (2.0 / 3.0) / sqrt(12.0 / 7.0), third = 0.1 * (6.0 / 7.0) / sqrt(100.0 / 37.0);
    double wanted[] = { 0.9, 0.9 - second, 0.9 - second + third };
    check_by_hand(simple_adam, two_zero_minus_two, wanted);
    double decayed[] = { 0.85, 0.95 * 0.85 - second, 0.95 * (0.95 * 0.85 - second) + third };
    check_by_hand(simple_adamw, two_zero_minus_two, decayed);
}

static rg_opt *decayed_adam(rg_params *theta)
{
    return rg_opt_adam(theta, (rg_opt_adam_options){ SIMPLE_BETAS, .weight_decay = 2.0 });
}

static rg_opt *default_adam(rg_params *theta)
{
    return rg_opt_adam(theta, (rg_opt_adam_options){ .epsilon = 0.5 });
}

/* Whatever the gradient, Adam's first step is lr g / (|g| + epsilon); with decay, g is 2 theta here, then stays
 * positive. A constant gradient keeps the corrected moments at g and g^2. */
static void adam_steps_by_the_rate_in_the_direction_of_the_sign(void **state)
{
    (void)state;
    problem p = make_problem(RG_F64, 1, NULL);
    rg_opt *opt = decayed_adam(p.theta);
    give_gradient(&p, &(double){ 0.0 });
    assert_int_equal(rg_opt_step(opt), RG_OK);
    check_near(theta_at(&p, 0), 0.9, 1e-14);
    rg_opt_free(opt);
    free_problem(&p);
    double step = 1e-3 * 2.0 / 2.5;
    check_by_hand(default_adam, (double[]){ 2.0, 2.0, 2.0 }, (double[]){ 1.0 - step, 1.0 - 2 * step, 1.0 - 3 * step });
}

/* ---- A second implementation: one number at a time, in double, as the papers write it ------------------------ */

typedef struct {
    double m, v, beta1_t, beta2_t;
    bool begun;
} memory;

static double reference_sgd(double theta, double g, memory *s, rg_opt_sgd_options o)
{
    g += o.weight_decay * theta;
    if (o.momentum != 0.0) {
        s->m = s->begun ? o.momentum * s->m + (1.0 - o.dampening) * g : g;
        s->begun = true;
        g = o.nesterov ? g + o.momentum * s->m : s->m;
    }
    return theta - o.lr * g;
}

static double reference_adam(double theta, double g, memory *s, rg_opt_adam_options o, bool decoupled)
{
    if (!s->begun) s->beta1_t = s->beta2_t = 1.0;
    s->begun = true;
    s->beta1_t *= o.beta1;
    s->beta2_t *= o.beta2;
    if (decoupled)
        theta -= o.lr * o.weight_decay * theta;
    else
        g += o.weight_decay * theta;
    s->m = o.beta1 * s->m + (1.0 - o.beta1) * g;
    s->v = o.beta2 * s->v + (1.0 - o.beta2) * g * g;
    double mean = s->m / (1.0 - s->beta1_t), square = s->v / (1.0 - s->beta2_t);
    return theta - o.lr * mean / (sqrt(square) + o.epsilon);
}

static const rg_opt_sgd_options sgd_options[] = {
    { .lr = 0.05 },
    { .lr = 0.05, .weight_decay = 0.02 },
    { .lr = 0.05, .momentum = 0.9 },
    { .lr = 0.05, .momentum = 0.9, .dampening = 0.3, .weight_decay = 0.02 },
    { .lr = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 0.02 },
};
static const rg_opt_adam_options adam_options[] = {
    { .lr = 0.01, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 },
    { .lr = 0.01, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .weight_decay = 0.1 },
};
#define SGDS 5
#define ADAMS 2
#define RULES (SGDS + 2 * ADAMS)

static rg_opt *make_rule(rg_params *theta, int rule)
{
    if (rule < SGDS) return rg_opt_sgd(theta, sgd_options[rule]);
    if (rule < SGDS + ADAMS) return rg_opt_adam(theta, adam_options[rule - SGDS]);
    return rg_opt_adamw(theta, adam_options[rule - SGDS - ADAMS]);
}

static double reference(int rule, double theta, double g, memory *s)
{
    if (rule < SGDS) return reference_sgd(theta, g, s, sgd_options[rule]);
    bool decoupled = rule >= SGDS + ADAMS;
    return reference_adam(theta, g, s, adam_options[(rule - SGDS) % ADAMS], decoupled);
}

/* Sizes on both sides of every vector width. */
static void check_rule(int rule, rg_dtype dtype, int count, double tolerance)
{
    static double start[MOST], gradient[MOST], wanted[MOST];
    static memory states[MOST];
    memset(states, 0, sizeof states);
    for (int i = 0; i < count; i++) wanted[i] = start[i] = (double)(float)rg_random_normal(6, 0, (uint64_t)i);
    problem p = make_problem(dtype, count, start);
    rg_opt *opt = make_rule(p.theta, rule);
    assert_non_null(opt);
    for (int step = 0; step < 25; step++) {
        draw_gradient(gradient, count, step);
        give_gradient(&p, gradient);
        assert_int_equal(rg_opt_step(opt), RG_OK);
        for (int i = 0; i < count; i++) {
            wanted[i] = reference(rule, wanted[i], gradient[i], &states[i]);
            check_near(theta_at(&p, i), wanted[i], tolerance);
        }
    }
    rg_opt_free(opt);
    free_problem(&p);
}

static void every_rule_agrees_with_a_second_implementation(void **state)
{
    (void)state;
    static const int counts[] = { 1, 2, 3, 7, 8, 17, 100, 263 };
    for (int rule = 0; rule < RULES; rule++)
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            check_rule(rule, RG_F64, counts[i], 1e-13);
            check_rule(rule, RG_F32, counts[i], 3e-5);
        }
}

static void every_level_of_vector_instructions_gives_the_same_bits(void **state)
{
    (void)state;
    static const char *const levels[] = { "portable", "avx2", "avx512" };
    static double start[MOST], gradient[MOST], first[MOST], norm;
    for (int i = 0; i < MOST; i++) start[i] = rg_random_normal(6, 0, (uint64_t)i);
    for (int rule = 0; rule < RULES; rule++)
        for (int d = 0; d < 2; d++)
            for (int level = 0; level < 3; level++) {
                setenv("RG_SIMD", levels[level], 1);
                problem p = make_problem(d ? RG_F64 : RG_F32, MOST, start);
                rg_opt *opt = make_rule(p.theta, rule);
                rg_opt_clip_norm(opt, 50.0);
                rg_opt_clip_value(opt, 20.0);
                for (int step = 0; step < 3; step++) {
                    draw_gradient(gradient, MOST, step);
                    give_gradient(&p, gradient);
                    assert_int_equal(rg_opt_step(opt), RG_OK);
                }
                size_t bytes = MOST * rg_dtype_size(p.dtype);
                if (level == 0) {
                    memcpy(first, rg_params_data(p.theta), bytes);
                    norm = rg_opt_gradient_norm(p.theta);
                }
                assert_memory_equal(first, rg_params_data(p.theta), bytes);
                assert_true(norm == rg_opt_gradient_norm(p.theta));
                rg_opt_free(opt);
                free_problem(&p);
            }
    unsetenv("RG_SIMD");
}

/* ---- Going on ------------------------------------------------------------------------------------------------ */

static void a_step_never_changes_the_gradient(void **state)
{
    (void)state;
    static double gradient[100], before[100];
    for (int rule = 0; rule < RULES; rule++) {
        problem p = make_problem(RG_F64, 100, NULL);
        rg_opt *opt = make_rule(p.theta, rule);
        rg_opt_clip_norm(opt, 0.1);
        rg_opt_clip_value(opt, 0.01);
        draw_gradient(gradient, 100, rule);
        give_gradient(&p, gradient);
        memcpy(before, rg_params_gradient(p.theta), sizeof before);
        assert_int_equal(rg_opt_step(opt), RG_OK);
        assert_memory_equal(before, rg_params_gradient(p.theta), sizeof before);
        rg_opt_free(opt);
        free_problem(&p);
    }
}

static rg_opt *make_scheduled(rg_params *theta, int rule)
{
    rg_opt *opt = make_rule(theta, rule);
    rg_opt_set_schedule(opt, rg_opt_schedule_warm_up(rg_opt_schedule_cosine(15, 0.1), 4));
    rg_opt_clip_norm(opt, 30.0);
    return opt;
}

static void run(const problem *p, rg_opt *opt, int from, int to)
{
    double gradient[50];
    for (int step = from; step < to; step++) {
        draw_gradient(gradient, 50, step);
        give_gradient(p, gradient);
        assert_int_equal(rg_opt_step(opt), RG_OK);
    }
}

static void a_restored_optimiser_goes_on_as_if_never_stopped(void **state)
{
    (void)state;
    for (int rule = 0; rule < RULES; rule++) {
        problem whole = make_problem(RG_F32, 50, NULL), parts = make_problem(RG_F32, 50, NULL);
        rg_opt *through = make_scheduled(whole.theta, rule), *first = make_scheduled(parts.theta, rule);
        run(&whole, through, 0, 20);
        run(&parts, first, 0, 9);
        rg_opt *second = make_scheduled(parts.theta, rule);
        assert_int_equal(rg_opt_state_count(second), rule < 2 ? 0 : rule < SGDS ? 1 : 2);
        for (int i = 0; i < rg_opt_state_count(second); i++)
            memcpy(rg_opt_state_data(second, i), rg_opt_state_data(first, i), 50 * sizeof(float));
        rg_opt_set_step_count(second, rg_opt_step_count(first));
        rg_opt_free(first);
        run(&parts, second, 9, 20);
        assert_memory_equal(rg_params_data(whole.theta), rg_params_data(parts.theta), 50 * sizeof(float));
        rg_opt_free(through);
        rg_opt_free(second);
        free_problem(&whole);
        free_problem(&parts);
    }
}

static void states_have_names_for_checkpoints(void **state)
{
    (void)state;
    problem p = make_problem(RG_F32, 3, NULL);
    rg_opt *momentum = momentum_sgd(p.theta), *adam = simple_adam(p.theta), *plain = plain_sgd(p.theta);
    assert_string_equal(rg_opt_state_name(momentum, 0), "optimizer:momentum");
    assert_string_equal(rg_opt_state_name(adam, 0), "optimizer:first_moment");
    assert_string_equal(rg_opt_state_name(adam, 1), "optimizer:second_moment");
    assert_null(rg_opt_state_name(adam, 2));
    assert_null(rg_opt_state_data(adam, -1));
    assert_int_equal(rg_opt_state_count(plain), 0);
    assert_string_equal(rg_opt_name(plain), "sgd");
    assert_string_equal(rg_opt_name(momentum), "momentum");
    assert_string_equal(rg_opt_name(adam), "adam");
    rg_opt_free(momentum);
    rg_opt_free(adam);
    rg_opt_free(plain);
    free_problem(&p);
}

/* ---- Misuse -------------------------------------------------------------------------------------------------- */

static void a_step_without_a_gradient_does_nothing(void **state)
{
    (void)state;
    problem p = make_problem(RG_F64, 1, NULL);
    rg_opt *opt = plain_sgd(p.theta);
    assert_int_equal(rg_opt_step(opt), RG_E_STATE);
    assert_string_equal(rg_opt_message(opt), "sgd: no gradient: no rg_backward succeeded since the last step");
    give_gradient(&p, one_two_minus_one);
    assert_int_equal(rg_opt_step(opt), RG_OK);
    assert_string_equal(rg_opt_message(opt), "");
    assert_int_equal(rg_opt_step(opt), RG_E_STATE);
    assert_true(theta_at(&p, 0) == 0.9);
    assert_int_equal(rg_opt_step_count(opt), 1);
    assert_int_equal(rg_params_status(p.theta), RG_OK);

    rg_backward(rg_sum(rg_reshape(rg_parameter(p.tape, p.w), RG_SHAPE(7))));
    assert_true(rg_failed(p.tape));
    assert_int_equal(rg_opt_step(opt), RG_E_STATE);
    assert_true(theta_at(&p, 0) == 0.9);
    rg_opt_free(opt);
    free_problem(&p);
}

static void gradients_add_up_until_a_step_and_start_again_after_it(void **state)
{
    (void)state;
    problem p = make_problem(RG_F64, 1, NULL);
    rg_opt *opt = plain_sgd(p.theta);
    give_gradient(&p, (double[]){ 1.0 });
    give_gradient(&p, (double[]){ 2.0 });
    rg_opt_step(opt);
    check_near(theta_at(&p, 0), 0.7, 1e-15);
    give_gradient(&p, (double[]){ 1.0 });
    rg_opt_step(opt);
    check_near(theta_at(&p, 0), 0.6, 1e-15);
    rg_opt_free(opt);
    free_problem(&p);
}

static void a_store_that_grew_is_reported(void **state)
{
    (void)state;
    static const char message[] = "momentum: theta has grown from 2 numbers to 5 since the optimiser was made";
    problem p = make_problem(RG_F64, 2, NULL);
    rg_opt *opt = momentum_sgd(p.theta);
    rg_params_add(p.theta, "late", RG_SHAPE(3));
    give_gradient(&p, one_two_minus_one);
    assert_int_equal(rg_opt_step(opt), RG_E_STATE);
    assert_string_equal(rg_opt_message(opt), message);
    assert_string_equal(rg_params_message(p.theta), message);
    assert_true(theta_at(&p, 0) == 1.0);
    rg_opt_free(opt);
    free_problem(&p);
}

static void zeros_are_the_usual_options(void **state)
{
    (void)state;
    const rg_opt_adam_options usual = { .lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 };
    double theta[3][2];
    for (int i = 0; i < 3; i++) {
        problem p = make_problem(RG_F64, 2, NULL);
        rg_opt *opt = rg_opt_adam(p.theta, i == 0 ? usual : (rg_opt_adam_options){ 0 });
        if (i == 2) {
            rg_opt_free(opt);
            opt = rg_opt_adamw(p.theta, (rg_opt_adam_options){ 0 });
        }
        for (int step = 0; step < 5; step++) {
            double gradient[2] = { 1e-7 * (step + 1), 3.0 - step };
            give_gradient(&p, gradient);
            rg_opt_step(opt);
        }
        memcpy(theta[i], rg_params_data(p.theta), sizeof theta[i]);
        rg_opt_free(opt);
        free_problem(&p);
    }
    assert_memory_equal(theta[0], theta[1], sizeof theta[0]);
    assert_memory_equal(theta[0], theta[2], sizeof theta[0]);
    problem p = make_problem(RG_F64, 2, NULL);
    rg_opt *opt = rg_opt_sgd(p.theta, (rg_opt_sgd_options){ 0 });
    assert_true(rg_opt_learning_rate(opt) == 0.01);
    rg_opt_free(opt);
    free_problem(&p);
}

static void a_step_marks_theta_as_changed(void **state)
{
    (void)state;
    problem p = make_problem(RG_F64, 1, NULL);
    rg_opt *opt = plain_sgd(p.theta);
    uint64_t before = rg_params_version(p.theta);
    assert_int_equal(rg_opt_step(opt), RG_E_STATE);
    assert_true(rg_params_version(p.theta) == before);
    give_gradient(&p, one_two_minus_one);
    assert_int_equal(rg_opt_step(opt), RG_OK);
    assert_true(rg_params_version(p.theta) > before);
    rg_opt_free(opt);
    free_problem(&p);
}

static void bad_options_stick_to_the_store(void **state)
{
    (void)state;
    static const struct {
        rg_opt_sgd_options options;
        const char *message;
    } sgd[] = {
        { { .lr = -0.1 }, "sgd: lr must be finite and above 0" },
        { { .lr = NAN }, "sgd: lr must be finite and above 0" },
        { { .lr = INFINITY }, "sgd: lr must be finite and above 0" },
        { { .momentum = 1.0 }, "momentum: momentum must be in [0, 1)" },
        { { .momentum = NAN }, "momentum: momentum must be in [0, 1)" },
        { { .momentum = 0.5, .dampening = 1.5 }, "momentum: dampening must be in [0, 1]" },
        { { .weight_decay = -1.0 }, "sgd: weight_decay must be finite and not negative" },
        { { .nesterov = true }, "sgd: nesterov needs momentum and no dampening" },
        { { .nesterov = true, .momentum = 0.5, .dampening = 0.1 },
          "momentum: nesterov needs momentum and no dampening" },
    };
    static const struct {
        rg_opt_adam_options options;
        const char *message;
    } adam[] = {
        { { .lr = -1.0 }, "adamw: lr must be finite and above 0" },
        { { .beta1 = 1.0 }, "adamw: beta1 must be in (0, 1)" },
        { { .beta2 = -0.5 }, "adamw: beta2 must be in (0, 1)" },
        { { .epsilon = -1e-8 }, "adamw: epsilon must be finite and above 0" },
        { { .weight_decay = NAN }, "adamw: weight_decay must be finite and not negative" },
    };
    size_t sgds = sizeof sgd / sizeof sgd[0], adams = sizeof adam / sizeof adam[0];
    for (size_t i = 0; i < sgds + adams; i++) {
        problem p = make_problem(RG_F32, 1, NULL);
        rg_opt *opt = i < sgds ? rg_opt_sgd(p.theta, sgd[i].options) : rg_opt_adamw(p.theta, adam[i - sgds].options);
        const char *message = i < sgds ? sgd[i].message : adam[i - sgds].message;
        assert_null(opt);
        assert_int_equal(rg_params_status(p.theta), RG_E_ARGUMENT);
        assert_string_equal(rg_params_message(p.theta), message);
        rg_parameter(p.tape, p.w);
        assert_int_equal(rg_tape_status(p.tape), RG_E_ARGUMENT);
        assert_non_null(strstr(rg_message(p.tape), message));
        free_problem(&p);
    }
}

static void no_optimiser_is_safe_everywhere(void **state)
{
    (void)state;
    assert_null(rg_opt_sgd(NULL, (rg_opt_sgd_options){ 0 }));
    assert_null(rg_opt_adam(NULL, (rg_opt_adam_options){ 0 }));
    assert_int_equal(rg_opt_step(NULL), RG_E_NULL);
    assert_string_equal(rg_opt_message(NULL), "the optimiser is NULL");
    assert_string_equal(rg_opt_name(NULL), "");
    assert_true(rg_opt_learning_rate(NULL) == 0.0);
    assert_int_equal(rg_opt_set_learning_rate(NULL, 1.0), RG_E_NULL);
    assert_int_equal(rg_opt_clip_norm(NULL, 1.0), RG_E_NULL);
    assert_int_equal(rg_opt_clip_value(NULL, 1.0), RG_E_NULL);
    assert_int_equal(rg_opt_set_schedule(NULL, rg_opt_schedule_constant()), RG_E_NULL);
    assert_int_equal(rg_opt_state_count(NULL), 0);
    assert_null(rg_opt_state_data(NULL, 0));
    assert_int_equal(rg_opt_step_count(NULL), 0);
    rg_opt_set_step_count(NULL, 3);
    rg_opt_free(NULL);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    for (long n = 0; n <= 3; n++) {
        problem p = make_problem(RG_F32, 10, NULL);
        long before = allocations_alive;
        allocations_fail_after(n);
        rg_opt *opt = simple_adam(p.theta);
        allocations_fail_after(-1);
        assert_int_equal(opt != NULL, n == 3);
        rg_opt_free(opt);
        assert_int_equal(allocations_alive, before);
        assert_int_equal(rg_params_status(p.theta), n < 3 ? RG_E_MEMORY : RG_OK);
        assert_string_equal(rg_params_message(p.theta), n < 3 ? "adam: out of memory" : "");
        free_problem(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_by_hand),
        cmocka_unit_test(momentum_by_hand),
        cmocka_unit_test(adam_by_hand),
        cmocka_unit_test(adam_steps_by_the_rate_in_the_direction_of_the_sign),
        cmocka_unit_test(every_rule_agrees_with_a_second_implementation),
        cmocka_unit_test(every_level_of_vector_instructions_gives_the_same_bits),
        cmocka_unit_test(a_step_never_changes_the_gradient),
        cmocka_unit_test(a_restored_optimiser_goes_on_as_if_never_stopped),
        cmocka_unit_test(states_have_names_for_checkpoints),
        cmocka_unit_test(a_step_without_a_gradient_does_nothing),
        cmocka_unit_test(gradients_add_up_until_a_step_and_start_again_after_it),
        cmocka_unit_test(a_store_that_grew_is_reported),
        cmocka_unit_test(zeros_are_the_usual_options),
        cmocka_unit_test(a_step_marks_theta_as_changed),
        cmocka_unit_test(bad_options_stick_to_the_store),
        cmocka_unit_test(no_optimiser_is_safe_everywhere),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
