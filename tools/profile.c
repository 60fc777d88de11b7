/* profile.c: `retrograd profile`. */
#define _POSIX_C_SOURCE 200809L
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "optim.h"
#include "subcommands.h"
#include "training.h"

typedef struct {
    tool_model_options model;
    int64_t inputs, outputs, batch, threads, repeats;
    int optimizer, by;
    bool json;
} values;

#define SLOT(member) offsetof(values, member)
enum { MOST_NUMBERS = 1 << 28, FEWEST_RUNS = 5, MOST_RUNS = 2000, MOST_WIDTH = 120 };
static const double at_most = 1, for_peak = 0.4; /* seconds */

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_MODEL_ROWS(SLOT(model)),
    { TOOL_INTEGER, "inputs", "N", SLOT(inputs), "784", .low = 1, .high = 1 << 24, .help = "features of an example" },
    { TOOL_INTEGER, "outputs", "N", SLOT(outputs), "10", .low = 1, .high = 1 << 20,
      .help = "classes; 1: a number is predicted" },
    { TOOL_INTEGER, "batch", "N", SLOT(batch), "64", .low = 1, .high = 1 << 20, .help = "examples in a step" },
    { TOOL_CHOICE, "optimizer", NULL, SLOT(optimizer), "sgd", .choices = TOOL_OPTIMIZERS,
      .help = "how steps are taken" },
    { .kind = TOOL_HEADING, .name = "Measuring" },
    { TOOL_INTEGER, "threads", "N", SLOT(threads), "1", .low = 0, .high = 256,
      .help = "0: RG_THREADS from the environment, else all processors. The peak is that of so many" },
    { TOOL_INTEGER, "repeats", "N", SLOT(repeats), NULL, .low = 1, .high = 100000,
      .help = "how many training steps are timed; default: as many as take a second, but 5 to 2000" },
    { .kind = TOOL_HEADING, .name = "Output" },
    { TOOL_CHOICE, "by", NULL, SLOT(by), "step", .choices = TOOL_PROFILE_ROWS,
      .help = "a row for each step of the plan, in the order in which they are done; or for all that do the same ops, "
              "or come from the same layer or line, the longest first" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL,
      .help = "one JSON object a line instead, the last one about the whole" },
    { .kind = TOOL_END },
};

typedef struct {
    const tool_command *command;
    const values *values;
    tool_model model;
    rg_opt *opt;
    rg_tape *tape;
    rg_program *program;
} subject;

/* ---- The step that is measured ------------------------------------------------------------------------------ */

static rg_opt *make_optimizer(rg_params *theta, int which)
{
    switch (which) {
    case TOOL_MOMENTUM: return rg_opt_sgd(theta, (rg_opt_sgd_options){ .momentum = 0.9 });
    case TOOL_ADAM: return rg_opt_adam(theta, (rg_opt_adam_options){ 0 });
    case TOOL_ADAMW: return rg_opt_adamw(theta, (rg_opt_adam_options){ .weight_decay = 0.01 });
    default: return rg_opt_sgd(theta, (rg_opt_sgd_options){ 0 });
    }
}

static int compile(subject *s)
{
    rg_data_batch batch;

    if (!tool_batch_draw(&s->model, s->values->batch, &batch)) {
        tool_batch_free(&batch);
        return tool_fail(s->command, "%s", strerror(ENOMEM));
    }
    rg_tensor outputs = tool_model_forward(&s->model, s->tape, &batch);
    rg_scope_push(s->tape, "loss");
    rg_tensor loss = tool_model_loss(&s->model, s->tape, &batch, outputs);
    rg_scope_pop(s->tape);
    s->program = rg_opt_compile(s->opt, loss, 0, NULL);
    int status = s->program != NULL ? 0 : tool_fail(s->command, "%s", rg_message(s->tape));
    rg_tape_reset(s->tape);
    tool_batch_free(&batch);
    return status;
}

static int prepare(subject *s)
{
    const values *v = s->values;
    rg_error error;

    if (tool_model_described(&s->model, v->model, v->inputs, v->outputs, NULL, 1, &error) != RG_OK)
        return tool_fail(s->command, "%s", error.message);
    s->opt = make_optimizer(s->model.theta, v->optimizer);
    bool fits = v->batch <= MOST_NUMBERS / v->inputs;
    s->tape = fits ? rg_tape_new_with((rg_tape_options){ .threads = (int)v->threads, .profiles = true }) : NULL;
    return s->opt != NULL && s->tape != NULL ? compile(s) : tool_fail(s->command, "%s", strerror(ENOMEM));
}

/* ---- Measuring it ----------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of so many steps; they may be fewer where each takes long. Negative: a step failed. */
static double time_runs(rg_program *program, int *runs, bool exactly)
{
    double seconds[MOST_RUNS], all = 0;
    int count = 0;

    for (; count < *runs && count < MOST_RUNS && (exactly || count < FEWEST_RUNS || all < at_most); count++) {
        double began = tool_now();
        if (rg_program_run(program) != RG_OK)
            return -1;
        seconds[count] = tool_now() - began;
        all += seconds[count];
    }
    if (!exactly)
        *runs = count;
    qsort(seconds, (size_t)count, sizeof *seconds, ascending);
    return seconds[count / 2];
}

static int measure(subject *s, tool_profile *profile)
{
    const values *v = s->values;
    const bool exactly = v->repeats > 0;
    int warm_up = 2, runs = exactly ? (int)v->repeats : MOST_RUNS;
    tool_peak peak;

    if (time_runs(s->program, &warm_up, true) < 0 || (profile->run = time_runs(s->program, &runs, exactly)) < 0 ||
        rg_program_profile(s->program, runs, &profile->steps) != RG_OK)
        return tool_fail(s->command, "%s", rg_program_message(s->program));
    profile->threads = rg_tape_get_stats(s->tape).threads;
    if (tool_measure_peak(for_peak, &peak)) {
        profile->arithmetic = profile->threads * (tool_dtype(&s->model.options) == RG_F64 ? peak.f64 : peak.f32);
        profile->memory = profile->threads * (peak.sum > peak.copy ? peak.sum : peak.copy);
    }
    return 0;
}

static int report(subject *s, tool_profile *profile)
{
    const values *v = s->values;
    const tool_model_options *model = &s->model.options;
    char sizes[512], activation[16], dtype[8], setting[128];
    int width = tool_width(stdout, 80);

    tool_model_sizes(&s->model, sizes, sizeof sizes);
    snprintf(setting, sizeof setting, "batch %" PRId64 ", %s, %s, %s", v->batch,
             tool_choice_name(TOOL_ACTIVATIONS, model->activation, activation, sizeof activation),
             tool_choice_name(TOOL_DTYPES, model->dtype, dtype, sizeof dtype), rg_opt_name(s->opt));
    profile->model = sizes;
    profile->setting = setting;
    profile->batch = v->batch;
    bool shown = v->json ? tool_profile_json(profile, v->by)
                         : tool_profile_table(profile, v->by, width > MOST_WIDTH ? MOST_WIDTH : width);
    return shown ? 0 : tool_fail(s->command, "%s", strerror(ENOMEM));
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    subject s = { .command = command, .values = given_values };
    tool_profile profile = { .run = 0 };
    int status = prepare(&s);
    (void)given;

    if (status == 0)
        status = measure(&s, &profile);
    if (status == 0)
        status = report(&s, &profile);
    rg_program_free(s.program);
    rg_tape_free(s.tape);
    rg_opt_free(s.opt);
    tool_model_free(&s.model);
    return status;
}

const tool_command tool_profile_command = {
    .name = "profile",
    .summary = "show where the time of a training step goes",
    .about = "Compiles a training step on random examples and times it step by step of its plan: how long each takes, "
             "how many operations on floating-point numbers (FLOP) and bytes of memory that is, and what it reaches of "
             "what this machine can do, which is measured as well. Times are medians; looking at the clock is not "
             "counted. An operand counts once, and what stays in registers not at all. What is in a cache is read faster "
             "than memory, so that more than 100 % of its peak can be reached. For a layer the place is its name, else "
             "the line that recorded the step, or what it is the adjoint of.",
    .examples =
        "  retrograd profile --batch 32\n"
        "  retrograd profile --layers 1024,1024 --batch 128 --by op\n"
        "  retrograd profile --optimizer adam --json\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
