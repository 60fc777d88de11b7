/* training.c: one run of `retrograd train`. */
#define _POSIX_C_SOURCE 200809L
#include "training.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const double between_saves = 30; /* seconds, at least; only between epochs */
enum { MOST_EPOCH_LINES = 25 };

/* The one thing that a signal may touch. */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* The first signal asks for the end, a second one of its kind ends at once. One that was ignored from the start (by
 * nohup, or in the background of a shell) stays so. */
static void listen_to_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM };
    struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND | SA_RESTART }, before;

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

double tool_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t tool_training_step(const tool_training *t)
{
    return (int64_t)rg_opt_step_count(t->opt);
}

double tool_training_epoch(const tool_training *t)
{
    return (double)tool_training_step(t) / (double)t->batches.per_epoch;
}

void tool_training_free(tool_training *t)
{
    tool_curves_free(&t->curves);
    rg_data_batches_free(&t->batches);
    rg_tape_free(t->tape);
    rg_opt_free(t->opt);
    tool_model_free(&t->model);
    rg_checkpoint_schedule_free(t->schedule);
    rg_data_free(&t->test);
    rg_data_free(&t->train);
    rg_nn_state_free(t->file);
}

/* ---- Before the first step -------------------------------------------------------------------------- */

static int prepare_file(tool_training *t)
{
    tool_resumption resumption = t->values.restart ? TOOL_RESTART : TOOL_GO_ON;
    rg_error error;

    t->file = rg_nn_state_load(t->values.load, &error);
    rg_status status = t->file == NULL ? error.status
                       : tool_kept_load(t->command->options, t->given, resumption, t->file, t->values.load, &t->values,
                                        &error);
    if (status == RG_OK)
        status = tool_model_load(&t->model, t->file, t->values.model.dropout, (uint64_t)t->values.seed,
                                 t->values.load, &error);
    return status == RG_OK ? 0 : tool_fail(t->command, "%s", error.message);
}

static int prepare_data(tool_training *t)
{
    int loss = t->values.model.loss;
    bool loaded = t->model.theta != NULL;
    rg_error error;
    tool_data_request request = {
        .path = t->values.data, .label = t->values.label, .test_path = t->values.test_data,
        .test_fraction = t->values.test_split, .seed = (uint64_t)t->values.seed, .dtype = tool_dtype(&t->values.model),
        .task = loss == TOOL_LOSS_AUTO ? RG_DATA_AUTO : loss == TOOL_LOSS_MSE ? RG_DATA_REGRESSION
                                                                              : RG_DATA_CLASSIFICATION,
        .model = loaded ? &t->model : NULL,
    };

    rg_status status = tool_load_sets(&request, &t->train, &t->test, &error);
    if (status == RG_OK)
        status = tool_fingerprint(&t->train, &t->fingerprint, &error);
    if (status == RG_OK && !loaded) {
        status = tool_model_new(&t->model, t->values.model, &t->train, (uint64_t)t->values.seed, &error);
        t->values.model = t->model.options;
        if (status == RG_OK && tool_data_kind_of(request.path) == TOOL_TABLE)
            status = tool_model_find_scales(&t->model, &t->train, &error);
    }
    if (status == RG_OK)
        status = tool_model_fits(&t->model, &t->train, request.path, &error);
    if (status == RG_OK && t->test.count > 0)
        status = tool_model_fits(&t->model, &t->test, request.test_path != NULL ? request.test_path : request.path,
                                 &error);
    if (status == RG_OK)
        status = tool_model_apply_scales(&t->model, &t->train, &error);
    if (status == RG_OK && t->test.count > 0)
        status = tool_model_apply_scales(&t->model, &t->test, &error);
    return status == RG_OK ? 0 : tool_fail(t->command, "%s", error.message);
}

/* What suits most problems of this size, where nothing was typed. */
static void decide_rates(tool_train_values *values)
{
    static const double rates[] = { [TOOL_SGD] = 0.2, [TOOL_MOMENTUM] = 0.1, [TOOL_ADAM] = 2e-3, [TOOL_ADAMW] = 2e-3 };

    if (values->lr == 0)
        values->lr = rates[values->optimizer];
    if (values->weight_decay < 0)
        values->weight_decay = values->optimizer == TOOL_ADAMW ? 0.01 : 0;
}

static int prepare_optimizer(tool_training *t)
{
    const tool_train_values *v = &t->values;
    rg_opt_sgd_options sgd = { .lr = v->lr, .weight_decay = v->weight_decay };
    rg_opt_adam_options adam = { .lr = v->lr, .weight_decay = v->weight_decay };

    if (v->optimizer == TOOL_MOMENTUM) {
        sgd.momentum = v->momentum;
        sgd.nesterov = v->nesterov;
    }
    if (v->optimizer == TOOL_ADAM)
        t->opt = rg_opt_adam(t->model.theta, adam);
    else if (v->optimizer == TOOL_ADAMW)
        t->opt = rg_opt_adamw(t->model.theta, adam);
    else
        t->opt = rg_opt_sgd(t->model.theta, sgd);
    if (t->opt == NULL)
        return tool_fail(t->command, "%s", rg_params_status(t->model.theta) != RG_OK
                                               ? rg_params_message(t->model.theta) : strerror(ENOMEM));
    rg_opt_clip_norm(t->opt, v->clip_norm);
    rg_opt_clip_value(t->opt, v->clip_value);
    return 0;
}

/* The number of steps to do, and where in the data to begin. */
static int prepare_steps(tool_training *t)
{
    const tool_train_values *v = &t->values;
    rg_data_batch_options options = { .size = v->batch, .seed = (uint64_t)v->seed };
    rg_error error;

    if (rg_data_batches_new(&t->batches, &t->train, options, &error) != RG_OK)
        return tool_fail(t->command, "%s", error.message);
    t->first_step = tool_training_step(t);
    t->last_step = v->epochs * t->batches.per_epoch;
    if (rg_opt_set_schedule(t->opt, tool_schedule_make(&v->schedule, t->last_step)) != RG_OK)
        return tool_fail(t->command, "the schedule is malformed");
    if (v->steps > 0 && v->steps < t->last_step)
        t->last_step = v->steps;
    if (t->last_step < t->first_step)
        t->last_step = t->first_step;
    rg_data_batches_seek(&t->batches, t->first_step / t->batches.per_epoch, t->first_step % t->batches.per_epoch);
    return 0;
}

/* Planned for a batch of random numbers: of the step only the shapes matter, and smaller batches take less. */
static int prepare_memory(tool_training *t)
{
    const int64_t rows = t->values.batch < t->train.count ? t->values.batch : t->train.count;
    rg_data_batch batch;

    if (t->values.memory == 0)
        return 0;
    bool drawn = tool_batch_draw(&t->model, rows, &batch);
    tool_model_step step = { &t->model, &batch };
    const rg_chain chain = tool_model_chain(&step);
    if (drawn) {
        const rg_tensor x = tool_model_input(&t->model, t->tape, &batch);
        t->schedule = (rg_chain_plan)(&chain, x, (size_t)t->values.memory);
        t->workspace = (rg_chain_workspace)(&chain, x, t->schedule);
    }
    tool_batch_free(&batch);
    if (t->schedule == NULL)
        return tool_fail(t->command, "--memory: %s", drawn ? rg_message(t->tape) : strerror(ENOMEM));
    rg_tape_reset(t->tape);
    rg_nn_set_schedule(t->model.net, t->schedule);
    return 0;
}

int tool_training_prepare(tool_training *t)
{
    int status = t->values.load != NULL ? prepare_file(t) : 0;

    if (status != 0 || (status = prepare_data(t)) != 0)
        return status;
    decide_rates(&t->values);
    if ((status = prepare_optimizer(t)) != 0)
        return status;
    if (t->file != NULL && !t->values.restart && (status = tool_checkpoint_restore(t)) != 0)
        return status;
    if ((status = prepare_steps(t)) != 0)
        return status;
    if (t->values.save != NULL && (status = tool_checkpoint_check(t)) != 0)
        return status;
    t->tape = rg_tape_new_with((rg_tape_options){ .threads = (int)t->values.threads });
    return t->tape != NULL ? prepare_memory(t) : tool_fail(t->command, "%s", strerror(ENOMEM));
}

/* ---- Steps --------------------------------------------------------------------------------------------- */

static int train_step(tool_training *t, const rg_data_batch *batch, double *loss_value)
{
    rg_tape_reset(t->tape);
    rg_tensor outputs = tool_model_forward(&t->model, t->tape, batch);
    rg_tensor loss = tool_model_loss(&t->model, t->tape, batch, outputs);
    rg_backward(loss);
    *loss_value = rg_item(loss);
    rg_status status = rg_failed(t->tape) ? RG_OK : rg_opt_step(t->opt);
    tool_progress *p = &t->progress;

    if (rg_failed(t->tape) || status != RG_OK || !isfinite(*loss_value))
        tool_progress_finish(p);
    if (rg_failed(t->tape))
        return tool_fail(t->command, "%s", rg_message(t->tape));
    if (status != RG_OK)
        return tool_fail(t->command, "%s", rg_opt_message(t->opt));
    if (!isfinite(*loss_value))
        return tool_fail(t->command, "the loss is %g at step %" PRId64 ": training has diverged; try a smaller --lr "
                         "(it was %g) or --clip-norm 1", *loss_value, tool_training_step(t), t->values.lr);
    return 0;
}

static void show(tool_training *t, double loss)
{
    int64_t step = tool_training_step(t), begun = (step - 1) / t->batches.per_epoch + 1;
    tool_progress_state state = {
        .epoch = begun, .epochs = t->values.epochs, .step = step, .steps = t->last_step,
        .samples = t->samples, .seconds = t->seconds, .loss = loss,
    };

    tool_curves_step(&t->curves, tool_training_epoch(t), loss);
    tool_progress_show(&t->progress, &state, tool_now());
}

static int evaluate(tool_training *t)
{
    tool_evaluation train = { &t->model, &t->train, t->train.count, NULL };
    tool_evaluation test = { &t->model, &t->test, t->test.count, NULL };
    rg_error error;

    if (train.rows > TOOL_SCORED_ROWS)
        train.rows = TOOL_SCORED_ROWS;
    t->test_score = (tool_score){ NAN, NAN };
    if (tool_evaluate(&train, t->tape, &t->train_score, &error) != RG_OK ||
        (test.rows > 0 && tool_evaluate(&test, t->tape, &t->test_score, &error) != RG_OK)) {
        tool_progress_finish(&t->progress);
        return tool_fail(t->command, "%s", error.message);
    }
    tool_curve_point point = { tool_training_epoch(t), t->train_score, t->test_score };
    return tool_curves_add(&t->curves, point) ? 0 : tool_fail(t->command, "%s", strerror(ENOMEM));
}

static void format_score(const char *name, tool_score score, char *text, size_t size)
{
    text[0] = '\0';
    if (!isnan(score.accuracy))
        snprintf(text, size, "   %s %.4f %6.2f %%", name, score.loss, 100 * score.accuracy);
    else if (!isnan(score.loss))
        snprintf(text, size, "   %s %.5g", name, score.loss);
}

/* A line for the epoch; of very many epochs not for each. */
static void say_epoch(tool_training *t, bool last)
{
    static const int64_t strides[] = { 1, 2, 5 };
    int64_t stride = 1, epoch = (int64_t)tool_training_epoch(t);
    char train[64], test[64];

    for (int64_t i = 0, power = 1; t->values.epochs / stride > MOST_EPOCH_LINES; i++) {
        power = i % 3 == 2 ? power * 10 : power;
        stride = strides[(i + 1) % 3] * power;
    }
    if (!last && epoch % stride != 0 && epoch != 1)
        return;
    format_score("train", t->train_score, train, sizeof train);
    format_score("test", t->test_score, test, sizeof test);
    int width = snprintf(NULL, 0, "%" PRId64, t->values.epochs);
    tool_progress_say(&t->progress, "epoch %*.*f/%" PRId64 "%s%s   %.1f s", width,
                      tool_training_step(t) % t->batches.per_epoch == 0 ? 0 : 2, tool_training_epoch(t),
                      t->values.epochs, train, test, t->seconds);
}

static int end_epoch(tool_training *t)
{
    bool last = t->interrupted || tool_training_step(t) >= t->last_step;
    int status = 0;

    /* Saved before it is evaluated: a second signal then loses nothing. */
    if (t->values.save != NULL && (last || tool_now() - t->saved_at >= between_saves)) {
        status = tool_checkpoint_save(t);
        t->saved_at = tool_now();
    }
    if (status == 0)
        status = evaluate(t);
    if (status == 0)
        say_epoch(t, last);
    return status;
}

int tool_training_run(tool_training *t)
{
    int status = 0;
    double loss;
    rg_data_batch batch;

    listen_to_signals();
    t->saved_at = tool_now();
    tool_progress_start(&t->progress, stderr, (tool_progress_mode)t->values.progress, t->first_step, t->saved_at);
    if (t->first_step >= t->last_step)
        status = end_epoch(t);
    while (status == 0 && !t->interrupted && tool_training_step(t) < t->last_step) {
        double began = tool_now();
        if (!rg_data_batches_next(&t->batches, &batch))
            continue;
        status = train_step(t, &batch, &loss);
        t->seconds += tool_now() - began;
        t->samples += batch.count;
        if (status != 0)
            break;
        show(t, loss);
        t->interrupted = interrupted != 0;
        int64_t step = tool_training_step(t);
        if (t->interrupted || step % t->batches.per_epoch == 0 || step >= t->last_step)
            status = end_epoch(t);
    }
    tool_progress_finish(&t->progress);
    return status;
}
