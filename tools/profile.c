/* profile.c: `retrograd profile`. */
#define _POSIX_C_SOURCE 200809L
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "subcommands.h"
#include "training.h"
#include "trial.h"

typedef struct {
    tool_trial_options trial;
    int64_t threads, repeats;
    int by;
    const char *trace;
    bool json;
} values;

#define SLOT(member) offsetof(values, member)
enum { FEWEST_RUNS = 5, MOST_RUNS = 2000, MOST_WIDTH = 120 };
static const double at_most = 1, for_peak = 0.4; /* seconds */

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_TRIAL_ROWS(SLOT(trial)),
    { .kind = TOOL_HEADING, .name = "Measuring" },
    { TOOL_INTEGER, "threads", "N", SLOT(threads), "1", .low = 0, .high = 256,
      .help = "0: RG_THREADS from the environment, else all processors. The peak is that of so many" },
    { TOOL_INTEGER, "repeats", "N", SLOT(repeats), NULL, .low = 1, .high = 100000,
      .help = "how many training steps are timed; default: as many as take a second, but 5 to 2000" },
    { .kind = TOOL_HEADING, .name = "Output" },
    { TOOL_CHOICE, "by", NULL, SLOT(by), "step", .choices = TOOL_PROFILE_ROWS,
      .help = "a row for each step of the plan, in the order in which they are done; or for all that do the same ops, "
              "or come from the same layer or line, the longest first" },
    { TOOL_TEXT, "trace", "FILE.json", SLOT(trace), NULL,
      .help = "the steps as a Chrome trace too, one after the other, each as long as its median: for chrome://tracing "
              "or ui.perfetto.dev" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL,
      .help = "one JSON object a line instead, the last one about the whole" },
    { .kind = TOOL_END },
};

typedef struct {
    const tool_command *command;
    const values *values;
    tool_trial trial;
    rg_tape *tape;
    rg_program *program;
} subject;

/* ---- The step that is measured ------------------------------------------------------------------------------ */

static int prepare(subject *s)
{
    const values *v = s->values;
    int status = tool_trial_make(s->command, &v->trial, &s->trial);

    if (status != 0)
        return status;
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = (int)v->threads, .profiles = true });
    if (s->tape == NULL)
        return tool_fail(s->command, "%s", strerror(ENOMEM));
    rg_tensor loss = tool_trial_record(&s->trial, s->tape);
    s->program = rg_opt_compile(s->trial.opt, loss, 0, NULL);
    status = s->program != NULL ? 0 : tool_fail(s->command, "%s", rg_message(s->tape));
    rg_tape_reset(s->tape);
    return status;
}

/* ---- Measuring it ----------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double tool_median(double *numbers, size_t count)
{
    qsort(numbers, count, sizeof *numbers, ascending);
    return numbers[count / 2];
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
    return tool_median(seconds, (size_t)count);
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
        profile->arithmetic = profile->threads * (tool_dtype(&s->trial.model.options) == RG_F64 ? peak.f64 : peak.f32);
        profile->memory = profile->threads * (peak.sum > peak.copy ? peak.sum : peak.copy);
    }
    return 0;
}

static int write_trace(subject *s, const tool_profile *profile)
{
    tool_output output;
    char message[512];

    if (!tool_output_open(&output, s->values->trace, message, sizeof message))
        return tool_fail(s->command, "%s", message);
    if (!tool_profile_trace(profile, output.file)) {
        tool_output_discard(&output);
        return tool_fail(s->command, "cannot write %s: out of memory", s->values->trace);
    }
    return tool_output_close(&output, message, sizeof message) ? 0 : tool_fail(s->command, "%s", message);
}

static int report(subject *s, tool_profile *profile)
{
    const values *v = s->values;
    char sizes[512], setting[128];
    int width = tool_width(stdout, 80);

    tool_model_sizes(&s->trial.model, sizes, sizeof sizes);
    profile->model = sizes;
    profile->setting = tool_trial_setting(&s->trial, setting, sizeof setting);
    profile->batch = v->trial.described.batch;
    bool shown = v->json ? tool_profile_json(profile, v->by)
                         : tool_profile_table(profile, v->by, width > MOST_WIDTH ? MOST_WIDTH : width);
    if (!shown)
        return tool_fail(s->command, "%s", strerror(ENOMEM));
    return v->trace != NULL ? write_trace(s, profile) : 0;
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    subject s = { .command = command, .values = given_values };
    tool_profile profile = { .run = 0 };
    char message[512];
    int status = tool_description_check(command, &s.values->trial.described, given);

    if (status == 0 && s.values->trace != NULL && !tool_output_check(s.values->trace, false, message, sizeof message))
        status = tool_fail(command, "%s", message);
    if (status == 0)
        status = prepare(&s);
    if (status == 0)
        status = measure(&s, &profile);
    if (status == 0)
        status = report(&s, &profile);
    rg_program_free(s.program);
    rg_tape_free(s.tape);
    tool_trial_free(&s.trial);
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
        "  retrograd profile --optimizer adam --json\n"
        "  retrograd profile --by line --trace step.json\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
