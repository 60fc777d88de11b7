/* train_report.c: what a training tells on standard output. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "print_json.h"
#include "training.h"

/* "1 epoch", "2 epochs" */
static const char *counted(int64_t number, const char *what, char *text, size_t size)
{
    snprintf(text, size, "%" PRId64 " %s%s", number, what, number == 1 ? "" : "s");
    return text;
}

static void print_data(const tool_training *t)
{
    char train[32], test[32], kind[64] = "numbers to predict";

    if (t->model.classes > 0)
        snprintf(kind, sizeof kind, "%d classes", (int)t->model.classes);
    printf("Data      %s: %s examples to train, %s to test, %" PRId64 " features, %s\n", t->values.data,
           tool_grouped(t->train.count, train, sizeof train), tool_grouped(t->test.count, test, sizeof test), t->model.inputs,
           kind);
}

static void print_model(const tool_training *t)
{
    char sizes[400], activation[16], parameters[32], dropout[32] = "";

    tool_model_sizes(&t->model, sizes, sizeof sizes);
    tool_choice_name(TOOL_ACTIVATIONS, t->values.model.activation, activation, sizeof activation);
    if (t->values.model.dropout > 0)
        snprintf(dropout, sizeof dropout, ", dropout %g", t->values.model.dropout);
    printf("Model     %s, %s%s, %s, %s parameters in %s\n", sizes, activation, dropout, t->model.loss->name,
           tool_grouped(rg_params_count(t->model.theta), parameters, sizeof parameters),
           rg_dtype_name(rg_params_dtype(t->model.theta)));
}

void tool_report_beginning(const tool_training *t)
{
    const tool_train_values *v = &t->values;
    char optimizer[16], schedule[80], steps[32], epochs[40], threads[40], from[64] = "", taken[32], budget[32];

    print_data(t);
    print_model(t);
    tool_choice_name(TOOL_OPTIMIZERS, v->optimizer, optimizer, sizeof optimizer);
    tool_schedule_print(&v->schedule, schedule, sizeof schedule);
    if (t->first_step > 0)
        snprintf(from, sizeof from, " from step %" PRId64, t->first_step);
    printf("Training  %s, lr %g %s, batch %" PRId64 ", %s to step %s%s, seed %" PRId64 ", %s\n", optimizer, v->lr,
           schedule, v->batch, counted(v->epochs, "epoch", epochs, sizeof epochs),
           tool_grouped(t->last_step, steps, sizeof steps), from, v->seed,
           counted(rg_tape_get_stats(t->tape).threads, "thread", threads, sizeof threads));
    if (t->schedule != NULL)
        printf("Memory    %s for a step, of %s: %.1f %% of the forward pass is computed again\n",
               tool_bytes((double)t->workspace, taken, sizeof taken), tool_bytes((double)v->memory, budget, sizeof budget),
               100 * t->schedule->again / t->schedule->forward);
    if (t->first_step >= t->last_step)
        printf("          that is done already; a larger --epochs would go on\n");
    fflush(stdout);
}

/* The root of the mean squared error in the units of the target, from the loss in standardised ones. */
static double root_error(const tool_training *t, tool_score score)
{
    double unit = t->model.target_scale.width > 0 ? t->model.target_scale.deviation[0] : 1;
    return t->model.classes > 0 ? NAN : sqrt(score.loss) * unit;
}

static void print_score(const tool_training *t, const char *name, const char *note, tool_score score)
{
    if (isnan(score.loss))
        return;
    printf("%-9s loss %.5g", name, score.loss);
    if (!isnan(score.accuracy))
        printf(", accuracy %.2f %%", 100 * score.accuracy);
    else if (t->model.classes == 0)
        printf(", root mean square error %.4g", root_error(t, score));
    printf("%s\n", note);
}

static double rate(const tool_training *t)
{
    return t->seconds > 0 ? (double)t->samples / t->seconds : 0;
}

static void print_end(const tool_training *t)
{
    const tool_train_values *v = &t->values;
    rg_tape_stats stats = rg_tape_get_stats(t->tape);
    char steps[32], amount[16], bytes[16], note[64] = "";

    printf("%s %s steps in %.2f s, %s samples/s\n", t->interrupted ? "Stopped  " : "Trained  ",
           tool_grouped(tool_training_step(t) - t->first_step, steps, sizeof steps), t->seconds,
           tool_amount(rate(t), amount, sizeof amount));
    if (t->train.count > TOOL_SCORED_ROWS)
        snprintf(note, sizeof note, " (first %s)", tool_grouped(TOOL_SCORED_ROWS, steps, sizeof steps));
    print_score(t, "Train", note, t->train_score);
    print_score(t, "Test", "", t->test_score);
    printf("Engine    %" PRIu64 " plans for %" PRIu64 " runs, at most %s of memory\n", stats.plans_built,
           stats.hits + stats.misses, tool_bytes((double)stats.peak_bytes, bytes, sizeof bytes));
    if (v->save != NULL)
        printf("Saved     %s\n", v->save);
    if (v->plot != NULL)
        printf("Curves    %s\n", v->plot);
    if (t->graph_drawn)
        printf("Graph     %s\n", v->graph);
    if (t->interrupted && v->save != NULL)
        printf("Go on with: retrograd train --load %s --save %s\n", v->save, v->save);
}

/* NaN becomes null. */
static void add_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static int print_json(const tool_training *t)
{
    rg_tape_stats stats = rg_tape_get_stats(t->tape);
    cJSON *object = cJSON_CreateObject();

    add_number(object, "epochs", tool_training_epoch(t));
    add_number(object, "steps", (double)tool_training_step(t));
    add_number(object, "train_loss", t->train_score.loss);
    add_number(object, "train_accuracy", t->train_score.accuracy);
    add_number(object, "test_loss", t->test_score.loss);
    add_number(object, "test_accuracy", t->test_score.accuracy);
    add_number(object, "test_rmse", root_error(t, t->test_score));
    add_number(object, "seconds", t->seconds);
    add_number(object, "samples_per_second", rate(t));
    add_number(object, "parameters", (double)rg_params_count(t->model.theta));
    add_number(object, "plans_built", (double)stats.plans_built);
    add_number(object, "plan_hits", (double)stats.hits);
    add_number(object, "plan_misses", (double)stats.misses);
    add_number(object, "peak_bytes", (double)stats.peak_bytes);
    add_number(object, "threads", stats.threads);
    cJSON_AddBoolToObject(object, "interrupted", t->interrupted);
    return tool_print_json(stdout, object) ? 0 : tool_fail(t->command, "out of memory");
}

int tool_report_end(const tool_training *t)
{
    print_end(t);
    return t->values.json ? print_json(t) : 0;
}
