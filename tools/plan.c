/* plan.c: `retrograd plan`. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "optim.h"
#include "profile.h"
#include "progress.h"
#include "subcommands.h"
#include "training.h"

typedef struct {
    tool_description described;
    int64_t memory, steps, threads;
    tool_layers binomial, bracketing;
} values;

#define SLOT(member) offsetof(values, member)
enum { WARM_UP = 3, MOST_STEPS = 1000, BUDGETS = 12 };

#define SIZES(what, from)                                                                                           \
    .parse = tool_layers_parse, .print = tool_layers_print, .wants = what " sizes from 1 on, such as " from

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_DESCRIPTION_ROWS(SLOT(described)),
    { .kind = TOOL_HEADING, .name = "Planning" },
    { TOOL_PARSED, "memory", "BYTES", SLOT(memory), NULL, .parse = tool_bytes_parse, .print = tool_bytes_print,
      .wants = TOOL_BYTES_WANTS,
      .help = "what a step may take, such as 64M or 512k (k: 1024); default: a table of what less memory costs" },
    { TOOL_INTEGER, "steps", "N", SLOT(steps), "20", .low = 1, .high = MOST_STEPS,
      .help = "with --memory: how many training steps are timed, with the plan and without; three more come before, to "
              "warm up" },
    { TOOL_INTEGER, "threads", "N", SLOT(threads), "0", .low = 0, .high = 256,
      .help = "0: RG_THREADS from the environment, else all processors. The plan does not depend on it" },
    { .kind = TOOL_HEADING, .name = "By hand" },
    { TOOL_PARSED, "binomial", "L,S", SLOT(binomial), NULL, SIZES("two", "100,5"),
      .help = "instead: the fewest steps forward that reverse L equal stages with S states in memory" },
    { TOOL_PARSED, "bracketing", "SIZES", SLOT(bracketing), NULL, SIZES("2 to 32", "30,35,15"),
      .help = "instead: the cheapest order of a product of matrices, such as a chain of Jacobians: the first is SIZES[0] by "
              "SIZES[1], the next SIZES[1] by SIZES[2]" },
    { .kind = TOOL_END },
};

typedef struct {
    const tool_command *command;
    const values *values;
    tool_model model;
    rg_data_batch batch;
    tool_model_step step;
    rg_chain chain;
    rg_tape *tape;
    rg_tensor x;
    rg_stage *stages;
    size_t all;                /* bytes of workspace without a plan */
} subject;

/* ---- By hand ------------------------------------------------------------------------------------------------- */

static int print_binomial(const tool_command *command, const tool_layers *sizes)
{
    if (sizes->count != 2)
        return tool_misuse(command, "--binomial wants two sizes, stages and states, such as 100,5");
    const int64_t l = sizes->size[0], s = sizes->size[1], steps = rg_binomial_steps(l, s);
    printf("%" PRId64 " stage%s, %" PRId64 " state%s: %" PRId64 " step%s forward, %.2f times each stage, and once more to be "
           "reversed\n", l, l == 1 ? "" : "s", s, s == 1 ? "" : "s", steps, steps == 1 ? "" : "s", (double)steps / (double)l);
    return 0;
}

static int print_bracketing(const tool_command *command, const tool_layers *sizes)
{
    rg_bracketing_cost cost;
    char text[8 * TOOL_MOST_LAYERS];
    rg_error error;

    if (sizes->count < 2)
        return tool_misuse(command, "--bracketing wants at least two sizes, such as 30,35,15");
    if (rg_bracketing(sizes->size, sizes->count - 1, &cost, text, sizeof text, &error) != RG_OK)
        return tool_fail(command, "%s", error.message);
    printf("best     %14" PRId64 " multiplications   %s\n"
           "reverse  %14" PRId64 "                   ((A1A2)A3)...: from what comes out\n"
           "forward  %14" PRId64 "                   A1(A2(A3...)): from what goes in\n", cost.best, text, cost.reverse,
           cost.forward);
    return 0;
}

/* ---- The model, measured --------------------------------------------------------------------------------------- */

static int measure(subject *s)
{
    const values *v = s->values;
    rg_error error;

    if (tool_model_described(&s->model, &v->described, 1, &error) != RG_OK)
        return tool_fail(s->command, "%s", error.message);
    bool drawn = tool_batch_draw(&s->model, v->described.batch, &s->batch);
    s->step = (tool_model_step){ &s->model, &s->batch };
    s->chain = tool_model_chain(&s->step);
    s->tape = drawn ? rg_tape_new_with((rg_tape_options){ .threads = (int)v->threads }) : NULL;
    s->stages = calloc((size_t)s->chain.count, sizeof *s->stages);
    if (s->tape == NULL || s->stages == NULL)
        return tool_fail(s->command, "%s", strerror(ENOMEM));
    s->x = tool_model_input(&s->model, s->tape, &s->batch);
    (rg_chain_measure)(&s->chain, s->x, s->stages);
    s->all = (rg_chain_workspace)(&s->chain, s->x, NULL);
    return rg_failed(s->tape) ? tool_fail(s->command, "%s", rg_message(s->tape)) : 0;
}

static void print_heading(const subject *s)
{
    char sizes[512], activation[16], all[32];

    tool_model_sizes(&s->model, sizes, sizeof sizes);
    printf("%s, batch %" PRId64 ", %s, %s: a step takes %s of workspace.\n"
           "There lie the activations, adjoints and temporaries of a step; not counted are\n"
           "its inputs, the parameters and their gradients: these are there whatever the\n"
           "plan.\n\n", sizes, s->batch.count,
           tool_choice_name(TOOL_ACTIVATIONS, s->model.options.activation, activation, sizeof activation),
           rg_dtype_name(rg_params_dtype(s->model.theta)), tool_bytes((double)s->all, all, sizeof all));
}

/* ---- What less memory costs -------------------------------------------------------------------------------------- */

static double percent_again(const rg_checkpoint_schedule *schedule)
{
    return schedule->forward > 0 ? 100 * schedule->again / schedule->forward : 0;
}

/* The plan that takes least memory: what a budget of one byte is told. */
static size_t least_workspace(subject *s)
{
    const size_t least = rg_checkpoint_least(s->stages, s->chain.count, NULL);
    rg_checkpoint_schedule *schedule = rg_checkpoint_plan(s->stages, s->chain.count, least, NULL);
    const size_t bytes = schedule != NULL ? (rg_chain_workspace)(&s->chain, s->x, schedule) : 0;

    rg_checkpoint_schedule_free(schedule);
    return bytes;
}

/* From the least to all, in equal steps; a plan that comes again is told once. */
static int print_budgets(subject *s)
{
    const size_t least = least_workspace(s);
    size_t last = 0;

    print_heading(s);
    printf("%12s  %12s  %12s  %14s  %11s\n", "budget", "predicted", "workspace", "computed again", "checkpoints");
    for (int k = 0; k <= BUDGETS; k++) {
        const size_t part = s->all > least ? (s->all - least) / BUDGETS * (size_t)k : 0;
        const size_t budget = k == BUDGETS && s->all > least ? s->all : least + part;
        rg_checkpoint_schedule *schedule = (rg_chain_plan)(&s->chain, s->x, budget);
        if (schedule == NULL)
            return tool_fail(s->command, "%s", rg_message(s->tape));
        const size_t workspace = (rg_chain_workspace)(&s->chain, s->x, schedule);
        char text[3][32];
        if (workspace != last)
            printf("%12s  %12s  %12s  %12.1f %%  %11d\n", tool_bytes((double)budget, text[0], sizeof text[0]),
                   tool_bytes((double)schedule->peak, text[1], sizeof text[1]),
                   tool_bytes((double)workspace, text[2], sizeof text[2]), percent_again(schedule), schedule->ranges);
        last = workspace;
        rg_checkpoint_schedule_free(schedule);
    }
    return 0;
}

/* ---- A plan, and training with it ---------------------------------------------------------------------------------- */

/* The checkpoints that stage i is in, outermost first, as lines that begin and end: the brackets of the schedule,
 * turned. */
static int draw_brackets(const rg_checkpoint_schedule *schedule, int i, char *text, size_t size)
{
    size_t used = 0;
    int depth = 0;

    for (int k = 0; k < schedule->ranges; k++) {
        const rg_stage_range *range = &schedule->range[k];
        if (i < range->first || i >= range->end)
            continue;
        const bool begins = i == range->first, ends = i == range->end - 1;
        depth++;
        if (used + 1 < size)
            text[used++] = begins && ends ? '[' : begins ? '/' : ends ? '\\' : '|';
    }
    text[used] = '\0';
    return depth;
}

static void print_stages(const subject *s, const rg_checkpoint_schedule *schedule)
{
    printf("  %-6s %12s  %10s  %10s  %-16s %s\n", "stage", "operations", "output", "saved", "decision", "checkpoints");
    for (int i = 0; i < schedule->stages; i++) {
        const rg_stage *stage = &s->stages[i];
        char name[16] = "loss", output[32], saved[32], brackets[TOOL_MOST_LAYERS + 8], decision[32] = "kept";
        const int times = draw_brackets(schedule, i, brackets, sizeof brackets);
        if (i < schedule->stages - 1)
            snprintf(name, sizeof name, "fc%d", i + 1);
        if (times > 0)
            snprintf(decision, sizeof decision, times == 1 ? "computed again" : "again, %d times", times);
        printf("  %-6s %12.4g  %10s  %10s  %-*s%s\n", name, stage->forward,
               tool_bytes((double)stage->output, output, sizeof output),
               tool_bytes((double)stage->saved, saved, sizeof saved), times > 0 ? 17 : 0, decision, brackets);
    }
    putchar('\n');
}

typedef struct {
    double loss, seconds;      /* the last loss; the median */
    uint64_t workspace;        /* measured */
} trained;

/* Steps of gradient descent from the same parameters, with and without a plan. */
static int train(subject *s, const rg_checkpoint_schedule *schedule, trained *out)
{
    double seconds[MOST_STEPS];
    const int steps = (int)s->values->steps;
    rg_params *theta = s->model.theta;
    const size_t bytes = (size_t)rg_params_count(theta) * rg_dtype_size(rg_params_dtype(theta));
    const uint64_t draws = rg_params_random_counter(theta);
    void *before = malloc(bytes);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = (int)s->values->threads });
    rg_opt *opt = rg_opt_sgd(theta, (rg_opt_sgd_options){ .lr = 1e-3 });
    int status = before == NULL || tape == NULL || opt == NULL ? tool_fail(s->command, "%s", strerror(ENOMEM)) : 0;

    if (before != NULL)
        memcpy(before, rg_params_data(theta), bytes);
    for (int i = -WARM_UP; i < steps && status == 0; i++) {
        const double began = tool_now();
        const rg_tensor loss = rg_chain_forward(&s->chain, tool_model_input(&s->model, tape, &s->batch), schedule);
        rg_backward(loss);
        rg_opt_step(opt);
        out->loss = rg_item(loss);
        if (i >= 0)
            seconds[i] = tool_now() - began;
        rg_tape_reset(tape);
        status = rg_failed(tape) ? tool_fail(s->command, "%s", rg_message(tape)) : 0;
    }
    out->seconds = status == 0 ? tool_median(seconds, (size_t)steps) : 0;
    out->workspace = rg_tape_get_stats(tape).workspace_bytes;
    if (before != NULL)
        memcpy(rg_params_data(theta), before, bytes);
    rg_params_changed(theta);
    rg_params_set_random_counter(theta, draws);
    rg_opt_free(opt);
    rg_tape_free(tape);
    free(before);
    return status;
}

static int print_training(subject *s, const rg_checkpoint_schedule *schedule)
{
    trained planned, plain;
    char predicted[32], measured[32], budget[32];
    int status = train(s, schedule, &planned);

    if (status == 0)
        status = train(s, NULL, &plain);
    if (status != 0)
        return status;
    const bool same = memcmp(&planned.loss, &plain.loss, sizeof plain.loss) == 0;
    printf("Work   %.1f %% of the forward pass is computed again\n", percent_again(schedule));
    printf("Peak   %s predicted, %s measured, of %s\n", tool_bytes((double)schedule->peak, predicted, sizeof predicted),
           tool_bytes((double)planned.workspace, measured, sizeof measured),
           tool_bytes((double)s->values->memory, budget, sizeof budget));
    printf("Time   %.3g ms a step, %.3g ms with everything kept\n", 1e3 * planned.seconds, 1e3 * plain.seconds);
    printf("Loss   %.9g after %" PRId64 " steps, %s\n", planned.loss, s->values->steps + WARM_UP,
           same ? "the same bits with everything kept" : "but not with everything kept");
    if (!same)
        return tool_fail(s->command, "the loss is %.17g with everything kept", plain.loss);
    return planned.workspace <= (uint64_t)s->values->memory ? 0 : tool_fail(s->command, "the budget was exceeded");
}

static int print_plan(subject *s)
{
    rg_checkpoint_schedule *schedule = (rg_chain_plan)(&s->chain, s->x, (size_t)s->values->memory);

    if (schedule == NULL)
        return tool_fail(s->command, "%s", rg_message(s->tape));
    print_heading(s);
    print_stages(s, schedule);
    int status = print_training(s, schedule);
    rg_checkpoint_schedule_free(schedule);
    return status;
}

static int check(const tool_command *command, const values *v, const bool *given)
{
    static const char *const by_hand[] = { "binomial", "bracketing" };
    static const char *const of_a_step[] = { "layers", "activation", "loss", "dropout", "dtype", "inputs", "outputs", "batch",
                                             "load", "memory", "steps", "threads" };

    if (tool_given(command, given, by_hand[0]) && tool_given(command, given, by_hand[1]))
        return tool_misuse(command, "--%s and --%s exclude each other", by_hand[0], by_hand[1]);
    for (size_t i = 0; i < sizeof by_hand / sizeof by_hand[0]; i++)
        for (size_t k = 0; k < sizeof of_a_step / sizeof of_a_step[0]; k++)
            if (tool_given(command, given, by_hand[i]) && tool_given(command, given, of_a_step[k]))
                return tool_misuse(command, "--%s is for no network: it has no use for --%s", by_hand[i], of_a_step[k]);
    if (tool_given(command, given, "steps") && v->memory == 0)
        return tool_misuse(command, "--steps needs --memory");
    return 0;
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    subject s = { .command = command, .values = given_values };
    int status = tool_description_check(command, &s.values->described, given);

    if (status == 0)
        status = check(command, s.values, given);
    if (status != 0)
        return status;
    if (tool_given(command, given, "binomial"))
        return print_binomial(command, &s.values->binomial);
    if (tool_given(command, given, "bracketing"))
        return print_bracketing(command, &s.values->bracketing);
    status = measure(&s);
    if (status == 0)
        status = s.values->memory > 0 ? print_plan(&s) : print_budgets(&s);
    rg_tape_free(s.tape);
    tool_batch_free(&s.batch);
    tool_model_free(&s.model);
    free(s.stages);
    return status;
}

const tool_command tool_plan = {
    .name = "plan",
    .summary = "fit a training step into less memory, and show what that costs",
    .about = "Measures what each layer of a network takes, and finds by dynamic programming what to keep for the backward "
             "pass and what to compute again, so that a step stays within --memory and costs least. Then trains that way, "
             "with the same bits, and says what it took. Of layers within a bracket only the input is kept: when the "
             "backward pass comes to them they are computed again, and again within the brackets inside.",
    .examples =
        "  retrograd plan --layers 256,256,256,256,256,256,256,256 --batch 256\n"
        "  retrograd plan --layers 256,256,256,256,256,256,256,256 --batch 256 --memory 1M\n"
        "  retrograd plan --binomial 100,5\n"
        "  retrograd plan --bracketing 30,35,15,5,10,20,25\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
