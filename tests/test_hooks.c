/* test_hooks.c: hooks see and replace adjoints, and a rule of the user's stands for what was recorded, in every derivative
 * and every step. */
#include "tensors.h"

#include "optim.h"

/* ---- Observing ----------------------------------------------------------------------------------------- */

typedef struct {
    rg_tensor seen;
    int calls;
} observer;

static rg_tensor observe(void *context, rg_tensor x, rg_tensor adjoint)
{
    observer *o = context;
    assert_true(rg_shape_equal(rg_shape_of(x), rg_shape_of(adjoint)));
    o->seen = rg_keep(adjoint);
    o->calls++;
    return (rg_tensor){ 0 };
}

static void a_hook_sees_the_whole_adjoint_in_every_step(void **state)
{
    (void)state;
    for (int eager = 0; eager < 2; eager++) {
        rg_params *theta = STORE(2);
        rg_tape *tape = rg_tape_new_with((rg_tape_options){ .eager = eager });
        observer o = { .calls = 0 };
        for (int step = 0; step < 20; step++) {
            rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), c = VECTOR(tape, 10, step);
            rg_tensor h = rg_hook(rg_square(w), observe, &o), loss = rg_sum(rg_add(rg_mul(h, c), rg_square(h)));
            assert_int_equal(rg_backward(loss), RG_OK);
            assert_int_equal(o.calls, step + 1);
            const uint64_t steps = rg_tape_get_stats(tape).steps;
            assert_values(o.seen, 10 + 2 * 1, step + 2 * 4);
            assert_int_equal(rg_tape_get_stats(tape).steps, steps); /* reading costs nothing */
            assert_gradient(theta, 2 * 12, 4 * (step + 8.0));
            rg_params_consume_gradient(theta);
            rg_tape_reset(tape);
        }
        assert_fine(tape);
        if (!eager) {
            assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
            assert_int_equal(rg_tape_get_stats(tape).hits, 18);
        }
        rg_tape_free(tape);
        rg_params_free(theta);
    }
}

static void hooks_on_leaves_and_on_the_loss(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    observer on_x = { .calls = 0 }, on_y = { .calls = 0 }, never = { .calls = 0 };
    rg_tensor x = VECTOR(tape, 1, 2), hooked = rg_hook(x, observe, &on_x), unused = rg_hook(hooked, observe, &never), slope;
    rg_tensor y = rg_hook(rg_sum(rg_mul(hooked, rg_exp(hooked))), observe, &on_y);
    assert_int_equal(rg_grad(y, &x, 1, &slope), RG_OK);
    assert_values(slope, 2 * exp(1), 3 * exp(2));
    assert_values(on_x.seen, 2 * exp(1), 3 * exp(2));
    assert_values(on_y.seen, 1);
    assert_int_equal(on_x.calls + on_y.calls, 2);
    assert_int_equal(never.calls, 0);
    assert_values(unused, 1, 2);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Replacing ----------------------------------------------------------------------------------------- */

static rg_tensor clip(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)x;
    const double bound = *(const double *)context;
    rg_tensor high = rg_full(adjoint.tape, rg_dtype_of(adjoint), RG_SCALAR, bound);
    return rg_maximum(rg_minimum(adjoint, high), rg_neg(high));
}

static void a_hook_replaces_the_adjoint(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 6; step++) {
        double bound = step < 4 ? 5 : 3; /* what a hook records may differ from step to step */
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_hook(rg_square(w), clip, &bound);
        assert_int_equal(rg_backward(rg_sum(rg_mul(h, VECTOR(tape, 2, -100)))), RG_OK);
        assert_gradient(theta, 2 * 2, 4 * -bound);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void what_a_hook_records_is_differentiated_again(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    double bound = 100;
    rg_tensor x = VECTOR(tape, 2, 3), h = rg_hook(x, clip, &bound), y = rg_sum(rg_mul(rg_square(h), h));
    rg_tensor slope = gradient(y, x);
    assert_values(slope, 12, 27);
    rg_tensor bend = gradient(rg_sum(slope), x);
    assert_values(bend, 12, 18);
    assert_fine(tape);
    rg_tape_free(tape);
}

static rg_tensor other_shape(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context, (void)x;
    return rg_sum(adjoint);
}

static rg_tensor other_dtype(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context;
    return rg_full(adjoint.tape, RG_F32, rg_shape_of(x), 1);
}

static rg_tensor other_tape(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)x, (void)adjoint;
    return *(rg_tensor *)context;
}

static rg_tensor asks(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context, (void)x;
    rg_item(rg_sum(adjoint));
    return adjoint;
}

static rg_tensor resets(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context;
    rg_tape_reset(x.tape);
    return adjoint;
}

static rg_tensor rewinds(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)x;
    rg_tape_rewind(*(rg_mark *)context);
    return adjoint;
}

static rg_tensor marks(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context, (void)adjoint;
    rg_tape_mark(x.tape);
    return (rg_tensor){ 0 };
}

static void a_hook_cannot_do_what_makes_no_sense(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new(), *elsewhere = rg_tape_new();
    rg_mark mark = rg_tape_mark(tape);
    rg_tensor foreign = VECTOR(elsewhere, 1, 2);
    const struct {
        rg_adjoint_hook *hook;
        void *context;
        rg_status status;
        const char *says;
    } hooks[] = {
        { other_shape, NULL, RG_E_GRADIENT, "hook: its adjoint has another shape" },
        { other_dtype, NULL, RG_E_GRADIENT, "hook: its adjoint has another dtype" },
        { other_tape, &foreign, RG_E_GRADIENT, "hook: it gives a tensor of another tape" },
        { asks, NULL, RG_E_STATE, "eval: derivatives are being recorded" },
        { resets, NULL, RG_E_STATE, "reset: derivatives are being recorded" },
        { marks, NULL, RG_E_STATE, "mark: derivatives are being recorded" },
        { rewinds, &mark, RG_E_STATE, "rewind: derivatives are being recorded" },
    };
    for (size_t i = 0; i < COUNT(hooks); i++)
        for (int way = 0; way < 2; way++) {
            rg_tensor x = way ? rg_parameter(tape, rg_params_at(theta, 0)) : VECTOR(tape, 1, 2), slope;
            rg_tensor y = rg_sum(rg_square(rg_hook(x, hooks[i].hook, hooks[i].context)));
            assert_int_equal(way ? rg_backward(y) : rg_grad(y, &x, 1, &slope), hooks[i].status);
            if (!strstr(rg_message(tape), hooks[i].says)) fail_msg("no \"%s\" in: %s", hooks[i].says, rg_message(tape));
            if (!strstr(rg_message(tape), "test_hooks.c:")) fail_msg("no line in: %s", rg_message(tape));
            rg_tape_clear_error(tape);
            assert_exactly(rg_sum(x), 3);
        }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
    rg_params_free(theta);
}

static void a_hook_in_a_batch_sees_all_members(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    observer o = { .calls = 0 };
    rg_tensor batch = MATRIX(tape, 2, 2, 1, 2, 3, 4), x = rg_batch_member(batch), all, slope;
    rg_tensor y = rg_sum(rg_square(rg_hook(x, observe, &o)));
    rg_vmap(&y, 1, &x, &batch, 1, &all);
    rg_grad(rg_sum(all), &batch, 1, &slope);
    assert_int_equal(o.calls, 1);
    assert_values(o.seen, 2, 4, 6, 8);
    assert_values(slope, 2, 4, 6, 8);
    assert_fine(tape);
    rg_tape_free(tape);
}

static void a_program_contains_what_the_hook_recorded(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    rg_tape *tape = rg_tape_new();
    double bound = 5;
    rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), c = VECTOR(tape, 2, -100), h = rg_hook(rg_square(w), clip, &bound);
    rg_program *program = rg_compile_backward(rg_sum(rg_mul(h, c)), 1, &c);
    assert_fine(tape);
    bound = 0;
    for (int run = 0; run < 3; run++) {
        assert_int_equal(rg_program_run(program), RG_OK);
        assert_gradient(theta, 4, -20);
        rg_params_consume_gradient(theta);
    }
    rg_program_free(program);
    rg_tape_free(tape);
    rg_params_free(theta);
}

typedef struct {
    FILE *out;
    bool looking;
    int looks;
} looker;

/* Looks at what it is given in every way, and compiles it. That is differentiated again, through the hook. */
static rg_tensor look(void *context, rg_tensor x, rg_tensor adjoint)
{
    looker *l = context;
    FILE *out = l->out;
    if (l->looking) return (rg_tensor){ 0 };
    l->looking = true;
    l->looks++;
    const rg_graph_options all = { .backward = true, .plan = true, .values = true, .gradients = true };
    rg_tensor y = rg_sum(rg_square(rg_mul(adjoint, rg_exp(x))));
    assert_int_equal(rg_dot(out, y, &all), RG_OK);
    assert_int_equal(rg_listing(out, y, &all), RG_OK);
    assert_int_equal(rg_graph_json(out, y, &all), RG_OK);
    assert_int_equal(rg_plan_dot(out, y, &all), RG_OK);
    rg_program *program = rg_compile(0, NULL, 1, &y);
    assert_non_null(program);
    rg_program_free(program);
    l->looking = false;
    return (rg_tensor){ 0 };
}

static void looking_within_a_hook_changes_nothing(void **state)
{
    (void)state;
    looker l = { .out = tmpfile() };
    double want[3];
    for (int with = 0; with < 2; with++) {
        rg_tape *tape = rg_tape_new();
        rg_tensor x = VECTOR(tape, 1, 2, 3), h = rg_square(x);
        if (with) h = rg_hook(h, look, &l);
        for (int i = 0; i < 30; i++) h = rg_tanh(rg_add(h, x));
        if (with) h = rg_hook(h, look, &l);
        rg_tensor slope = gradient(rg_sum(rg_mul(h, h)), x);
        if (with) assert_numbers(slope, want, 3, 0);
        else assert_int_equal(rg_read(slope, want, sizeof want), RG_OK);
        assert_fine(tape);
        rg_tape_free(tape);
    }
    assert_int_equal(l.looks, 2);
    fclose(l.out);
}

static rg_tensor in_a_checkpoint(void *context, rg_tensor x, rg_tensor adjoint)
{
    ++*(int *)context;
    rg_checkpoint_begin(x.tape);
    rg_tensor instead = rg_tanh(rg_mul(adjoint, rg_exp(x)));
    rg_checkpoint_end(x.tape);
    return instead;
}

/* A checkpoint that a hook has begun is forgotten with all that it has recorded, and what comes to lie there is none. */
static void looking_leaves_no_checkpoint(void **state)
{
    (void)state;
    FILE *out = tmpfile();
    rg_tape *tape = rg_tape_new();
    int calls = 0;
    rg_tensor x = VECTOR(tape, 1, 2, 3);
    rg_tensor y = rg_sum(rg_square(rg_hook(x, in_a_checkpoint, &calls)));
    assert_int_equal(rg_dot(out, y, &(rg_graph_options){ .backward = true }), RG_OK);
    assert_int_equal(calls, 1);
    rg_tensor h = x;
    for (int i = 0; i < 10; i++) h = rg_tanh(rg_mul(h, x));
    assert_int_equal(rg_listing(out, rg_sum(h), &(rg_graph_options){ .backward = true }), RG_OK);
    rewind(out);
    char line[512];
    while (fgets(line, sizeof line, out)) assert_null(strstr(line, "; recomputed"));
    assert_fine(tape);
    rg_tape_free(tape);
    fclose(out);
}

/* With an optimiser, whose step may be part of the same plan: theta goes the same way, and the hook is called every time. */
static void an_optimiser_minimises_through_hooks_and_checkpoints(void **state)
{
    (void)state;
    double plain[4096];
    for (int with = 0; with < 2; with++) {
        rg_params *theta = STORE(2048);
        for (int i = 0; i < 2048; i++) ((double *)rg_params_data(theta))[i] = sin(i);
        rg_params_changed(theta);
        rg_tape *tape = rg_tape_new();
        rg_opt *opt = rg_opt_adam(theta, (rg_opt_adam_options){ .lr = 0.01 });
        observer o = { .calls = 0 };
        for (int step = 0; step < 12; step++) {
            rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), h = rg_sin(w);
            if (with) rg_checkpoint_begin(tape);
            h = rg_tanh(rg_mul(h, w));
            if (with) rg_checkpoint_end(tape);
            if (with) h = rg_hook(h, observe, &o);
            assert_int_equal(rg_opt_minimise(opt, rg_sum(rg_square(h))), RG_OK);
            if (with) assert_true(element(o.seen, 1) != 0);
            rg_tape_reset(tape);
        }
        assert_fine(tape);
        assert_int_equal(o.calls, with ? 12 : 0);
        if (with) assert_memory_equal(plain, rg_params_data(theta), 2048 * sizeof(double));
        else memcpy(plain, rg_params_data(theta), 2048 * sizeof(double));
        rg_opt_free(opt);
        rg_tape_free(tape);
        rg_params_free(theta);
    }
}

/* ---- A rule for what was recorded ---------------------------------------------------------------------- */

static int rule_calls;

static rg_tensor straight_through(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)x, (void)y;
    rule_calls++;
    return g;
}

static void a_rule_stands_for_what_has_no_derivative(void **state)
{
    (void)state;
    rg_params *theta = STORE(3);
    rg_tape *tape = rg_tape_new();
    rule_calls = 0;
    for (int step = 0; step < 10; step++) {
        rg_tensor w = rg_parameter(tape, rg_params_at(theta, 0)), bit = rg_greater(w, rg_scalar(tape, RG_F64, 1.5));
        rg_tensor y = rg_custom_vjp(bit, &w, 1, straight_through, NULL), loss = rg_sum(rg_mul(y, VECTOR(tape, 5, 6, step)));
        assert_int_equal(rg_backward(loss), RG_OK);
        assert_true(rg_item(loss) == 6 + step);
        assert_gradient(theta, 5, 6, step);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_int_equal(rule_calls, 2); /* then the plan is known */
    assert_int_equal(rg_tape_get_stats(tape).plans_built, 1);
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

/* log(1 + e^x), whose composed derivative is lost for large x, where it is 0 times infinity, with the derivative written down. */
static rg_tensor logistic(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)y;
    return rg_mul(g, rg_sub(rg_full(g.tape, rg_dtype_of(g), RG_SCALAR, 1),
                            rg_div(rg_full(g.tape, rg_dtype_of(g), RG_SCALAR, 1), rg_shift(rg_exp(x[k]), 1))));
}

static rg_tensor log1pexp(rg_tensor x)
{
    return rg_custom_vjp(rg_log(rg_shift(rg_exp(x), 1)), &x, 1, logistic, NULL);
}

static void a_rule_is_used_at_any_order_and_in_any_transform(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 0, 1000), v = VECTOR(tape, 2, 3), along, J, composed = rg_log(rg_shift(rg_exp(x), 1));
    assert_true(element(gradient(rg_sum(composed), x), 1) != 1);
    assert_values(gradient(rg_sum(log1pexp(x)), x), 0.5, 1);
    rg_tensor z = VECTOR(tape, 0.3, -0.7), y = log1pexp(z), slope = gradient(rg_sum(y), z);
    double s[2], bend[2];
    for (int i = 0; i < 2; i++) {
        s[i] = 1 / (1 + exp(-element(z, i)));
        bend[i] = s[i] * (1 - s[i]);
    }
    assert_numbers(slope, s, 2, 1e-14);
    assert_numbers(gradient(rg_sum(slope), z), bend, 2, 1e-14);
    assert_int_equal(rg_jvp(y, &z, &v, 1, &along), RG_OK);
    assert_values(along, 2 * s[0], 3 * s[1]);
    assert_int_equal(rg_jacobian(y, &z, 1, &J), RG_OK);
    assert_values(J, s[0], 0, 0, s[1]);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* Of a product: one variable by the rule, the other by none; and what is not named gets nothing. */
static rg_tensor only_first(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)y;
    return k == 0 ? rg_scale(rg_mul(g, x[1]), *(const double *)context) : (rg_tensor){ 0 };
}

static void a_rule_decides_for_all_variables(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    double factor = 10;
    rg_tensor a = VECTOR(tape, 1, 2), b = VECTOR(tape, 3, 4), c = VECTOR(tape, 5, 6), x[] = { a, b }, wrt[] = { a, b, c }, slope[3];
    rg_tensor y = rg_custom_vjp(rg_mul(rg_mul(a, b), c), x, 2, only_first, &factor);
    assert_values(y, 15, 48);
    rg_grad(rg_sum(rg_add(y, rg_mul(a, c))), wrt, 3, slope);
    assert_values(slope[0], 30 + 5, 40 + 6);
    assert_exactly(slope[1], 0, 0);
    assert_values(slope[2], 1, 2);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* The rule is one for members: here it depends on the sum over a member's own elements. */
static rg_tensor by_norm(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)y;
    return rg_mul(g, rg_mul(x[k], rg_sum(rg_square(x[1 - k]))));
}

static void a_rule_in_a_batch_is_that_of_each_member(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int which = 1; which < 4; which++) { /* which of the two is batched */
        rg_tensor A = MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), B = MATRIX(tape, 3, 2, 1, -1, 0.5, 2, 3, 0), w = VECTOR(tape, 1, 2);
        rg_tensor a = rg_batch_member(A), b = rg_batch_member(B), x[] = { a, b }, from[2], to[2], wrt[2], slope[2], one[2], all;
        int n = 0;
        for (int k = 0; k < 2; k++)
            if (which >> k & 1) {
                from[n] = x[k];
                to[n++] = k ? B : A;
            }
        rg_tensor y = rg_sum(rg_mul(rg_custom_vjp(rg_mul(a, b), x, 2, by_norm, NULL), w));
        assert_int_equal(rg_vmap(&y, 1, from, to, n, &all), RG_OK);
        for (int k = 0; k < 2; k++) wrt[k] = which >> k & 1 ? (k ? B : A) : x[k];
        assert_int_equal(rg_grad(rg_sum(all), wrt, 2, slope), RG_OK);
        double sums[2][2] = { { 0 } };
        for (int i = 0; i < 3; i++) {
            rg_tensor own[2] = { a, b };
            for (int k = 0; k < 2; k++)
                if (which >> k & 1) own[k] = rg_reshape(rg_slice(k ? B : A, 0, i, i + 1), RG_SHAPE(2));
            rg_tensor z = rg_sum(rg_mul(rg_custom_vjp(rg_mul(own[0], own[1]), own, 2, by_norm, NULL), w));
            rg_grad(z, own, 2, one);
            for (int k = 0; k < 2; k++)
                for (int e = 0; e < 2; e++) {
                    if (which >> k & 1) assert_true(fabs(element(slope[k], 2 * i + e) - element(one[k], e)) < 1e-12);
                    else sums[k][e] += element(one[k], e);
                }
        }
        for (int k = 0; k < 2; k++)
            for (int e = 0; !(which >> k & 1) && e < 2; e++) assert_true(fabs(element(slope[k], e) - sums[k][e]) < 1e-12);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

/* A rule may leave it to the library to sum over what was broadcast, of each member by itself. */
static void a_rule_in_a_batch_may_give_what_was_broadcast(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor factors = VECTOR(tape, 1, 2, 3), t = rg_batch_member(factors), c = VECTOR(tape, 10, 20), all, slope;
    rg_tensor y = rg_sum(rg_custom_vjp(rg_mul(rg_stop_gradient(t), c), &t, 1, straight_through, NULL));
    assert_int_equal(rg_vmap(&y, 1, &t, &factors, 1, &all), RG_OK);
    assert_int_equal(rg_grad(rg_sum(rg_mul(all, VECTOR(tape, 1, 2, 4))), &factors, 1, &slope), RG_OK);
    assert_values(all, 30, 60, 90);
    assert_values(slope, 2, 4, 8);
    assert_fine(tape);
    rg_tape_free(tape);
}

/* All pairs of two batches, and the derivative of the derivative through them. */
static void a_rule_holds_in_batches_of_batches(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor A = MATRIX(tape, 3, 2, 1, 2, 3, 4, 5, 6), B = MATRIX(tape, 4, 2, 1, -1, 0.5, 2, 3, 0, 1, 1);
    rg_tensor a = rg_batch_member(A), b = rg_batch_member(B), x[] = { a, b }, inner, all, wrt[] = { A, B }, slope[2], one[2];
    rg_tensor y = rg_sum(rg_custom_vjp(rg_mul(a, b), x, 2, by_norm, NULL));
    assert_int_equal(rg_vmap(&y, 1, &b, &B, 1, &inner), RG_OK);
    assert_int_equal(rg_vmap(&inner, 1, &a, &A, 1, &all), RG_OK);
    assert_shape(all, RG_SHAPE(3, 4));
    assert_int_equal(rg_grad(rg_sum(all), wrt, 2, slope), RG_OK);
    double sums[2][8] = { { 0 } };
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            rg_tensor own[] = { rg_reshape(rg_slice(A, 0, i, i + 1), RG_SHAPE(2)), rg_reshape(rg_slice(B, 0, j, j + 1), RG_SHAPE(2)) };
            rg_grad(rg_sum(rg_custom_vjp(rg_mul(own[0], own[1]), own, 2, by_norm, NULL)), own, 2, one);
            for (int e = 0; e < 2; e++) {
                sums[0][2 * i + e] += element(one[0], e);
                sums[1][2 * j + e] += element(one[1], e);
            }
        }
    assert_numbers(slope[0], sums[0], 6, 1e-13);
    assert_numbers(slope[1], sums[1], 8, 1e-13);
    rg_tensor bend = gradient(rg_sum(rg_square(slope[0])), B);
    assert_true(element(bend, 0) != 0);
    assert_fine(tape);
    rg_tape_free(tape);
}

static rg_tensor no_fit(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)k, (void)x, (void)y;
    return rg_full(g.tape, rg_dtype_of(g), RG_SHAPE(7), 1);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = VECTOR(tape, 1, 2), slope;
    rg_tensor y = rg_sum(rg_custom_vjp(rg_square(x), &x, 1, no_fit, NULL));
    assert_int_equal(rg_grad(y, &x, 1, &slope), RG_E_GRADIENT);
    assert_non_null(strstr(rg_message(tape), "test_hooks.c:"));
    rg_tape_clear_error(tape);
    assert_exactly(gradient(rg_sum(x), x), 1, 1);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hook_sees_the_whole_adjoint_in_every_step),
        cmocka_unit_test(hooks_on_leaves_and_on_the_loss),
        cmocka_unit_test(a_hook_replaces_the_adjoint),
        cmocka_unit_test(what_a_hook_records_is_differentiated_again),
        cmocka_unit_test(a_hook_cannot_do_what_makes_no_sense),
        cmocka_unit_test(a_hook_in_a_batch_sees_all_members),
        cmocka_unit_test(a_program_contains_what_the_hook_recorded),
        cmocka_unit_test(looking_within_a_hook_changes_nothing),
        cmocka_unit_test(looking_leaves_no_checkpoint),
        cmocka_unit_test(an_optimiser_minimises_through_hooks_and_checkpoints),
        cmocka_unit_test(a_rule_stands_for_what_has_no_derivative),
        cmocka_unit_test(a_rule_is_used_at_any_order_and_in_any_transform),
        cmocka_unit_test(a_rule_decides_for_all_variables),
        cmocka_unit_test(a_rule_in_a_batch_is_that_of_each_member),
        cmocka_unit_test(a_rule_in_a_batch_may_give_what_was_broadcast),
        cmocka_unit_test(a_rule_holds_in_batches_of_batches),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
