/* summary.c: `retrograd summary`. */
#include "summary.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "print_json.h"
#include "progress.h"
#include "subcommands.h"
#include "trial.h"

typedef struct {
    tool_trial_options trial;
    int64_t threads;
    bool json;
} values;

#define SLOT(member) offsetof(values, member)
enum { RUNS = 3, MOST_WIDTH = 120 };
/* The network, the optimiser and other small things, and what malloc keeps of what they have given back. */
enum { SMALL_THINGS = 8 << 10 };

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_TRIAL_ROWS(SLOT(trial)),
    { TOOL_INTEGER, "threads", "N", SLOT(threads), "1", .low = 0, .high = 256,
      .help = "0: RG_THREADS from the environment, else all processors" },
    { .kind = TOOL_HEADING, .name = "Output" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL, .help = "one JSON object instead" },
    { .kind = TOOL_END },
};

/* Bytes of a training step. */
typedef struct {
    double parameters, state, examples, workspace, kept, plans, small_things;
    double predicted, measured; /* measured: 0 where it cannot be */
} memory;

typedef struct {
    const tool_command *command;
    const values *values;
    tool_trial trial;
    rg_tape *tape;            /* on which the step has been recorded, to be looked at */
    rg_program *program;
    tool_summary summary;
    memory memory;
} subject;

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

/* What the C library's allocator has given out; 0 where that is not known, as under a sanitizer, which has its own. */
static double allocated(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 now = mallinfo2();
    return (double)now.uordblks + (double)now.hblkhd;
#else
    return 0;
#endif
}

/* All of it is known from the model and the plan, before anything runs. */
static void predict(subject *s)
{
    memory *m = &s->memory;
    const tool_trial *t = &s->trial;
    const double item = (double)rg_dtype_size(rg_params_dtype(t->model.theta));
    const double batch = (double)t->options->described.batch;
    const rg_program_stats program = rg_program_get_stats(s->program);

    m->parameters = (double)rg_params_bytes(t->model.theta);
    m->state = rg_opt_state_count(t->opt) * (double)rg_params_count(t->model.theta) * item;
    m->examples = batch * (((double)t->model.inputs + 1) * item + sizeof(int32_t));
    m->workspace = (double)program.workspace_bytes;
    m->kept = (double)program.kept_bytes;
    m->plans = (double)program.plan_bytes;
    m->small_things = SMALL_THINGS;
    m->predicted = m->parameters + m->state + m->examples + m->workspace + m->kept + m->plans + m->small_things;
}

static int compile(subject *s)
{
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = (int)s->values->threads });

    if (tape == NULL)
        return tool_fail(s->command, "%s", strerror(ENOMEM));
    rg_tensor loss = tool_trial_record(&s->trial, tape);
    s->program = rg_opt_compile(s->trial.opt, loss, 0, NULL);
    int status = s->program != NULL ? 0 : tool_fail(s->command, "%s", rg_message(tape));
    rg_tape_free(tape);
    return status;
}

/* Nothing is given back while steps run, so what is allocated after some is the most that has been. */
static int measure(subject *s, double before)
{
    for (int i = 0; i < RUNS; i++)
        if (rg_program_run(s->program) != RG_OK)
            return tool_fail(s->command, "%s", rg_program_message(s->program));
    s->memory.measured = before > 0 ? allocated() - before : 0;
    return 0;
}

/* ---- The table -------------------------------------------------------------------------------------------------- */

enum { NUMBER = 32, SHAPE = 160 };

static const char *bytes_text(double bytes, char *text)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    int unit = 0;

    for (; bytes >= 999.5 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(text, NUMBER, "%.*f %s", unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2, bytes, units[unit]);
    return text;
}

static const char *shape_text(const tool_summary_row *row, char *text)
{
    size_t used = (size_t)snprintf(text, SHAPE, "%s[", rg_dtype_name(row->dtype));

    for (int i = 0; i < row->output.rank; i++)
        used += (size_t)snprintf(text + used, SHAPE - used, i > 0 ? ",%" PRId64 : "%" PRId64, row->output.size[i]);
    snprintf(text + used, SHAPE - used, "]");
    return text;
}

static void print_row(const tool_summary_row *row, const char *name, int name_width, bool with_output)
{
    char shape[SHAPE] = "", parameters[NUMBER], operations[NUMBER], saved[NUMBER];
    const int length = (int)strlen(name);

    if (with_output)
        shape_text(row, shape);
    printf("  %-*.*s%s  %-18s %13s %9s %9s\n", length > name_width ? name_width - 1 : name_width,
           length > name_width ? name_width - 1 : name_width, name, length > name_width ? "~" : "", shape,
           tool_grouped(row->parameters, parameters, sizeof parameters), tool_amount(row->operations, operations, sizeof operations),
           bytes_text((double)row->saved, saved));
}

static void print_layers(const subject *s, int width)
{
    enum { BESIDE_NAME = 56, FEWEST = 8 };
    const tool_summary *summary = &s->summary;
    int longest = FEWEST;
    char text[SHAPE], forward[NUMBER], step[NUMBER];
    const tool_summary_row in = { .dtype = tool_dtype(&s->trial.model.options),
                                  .output = RG_SHAPE(s->values->trial.described.batch, s->trial.model.inputs) };

    for (size_t i = 0; i < summary->count; i++)
        if ((int)strlen(summary->rows[i].name) > longest)
            longest = (int)strlen(summary->rows[i].name);
    if (longest > width - BESIDE_NAME)
        longest = width - BESIDE_NAME > FEWEST ? width - BESIDE_NAME : FEWEST;
    printf("  %-*s  %-18s %13s %9s %9s\n", longest, "layer", "output", "parameters", "FLOP", "saved");
    printf("  %-*s  %s\n", longest, "(input)", shape_text(&in, text));
    for (size_t i = 0; i < summary->count; i++)
        print_row(&summary->rows[i], summary->rows[i].name, longest, true);
    print_row(&summary->total, "total", longest, false);
    printf("\n  A training step is %s FLOP: %s forward, %s backward.\n",
           tool_amount(summary->step_operations, text, sizeof text),
           tool_amount(summary->total.operations, forward, sizeof forward),
           tool_amount(summary->step_operations - summary->total.operations, step, sizeof step));
    printf("  Saved is what the forward pass computes and the backward pass reads.\n");
}

static void print_bytes(const char *what, double bytes, const char *more)
{
    char text[NUMBER];

    printf("  %-28s %10s%s\n", what, bytes_text(bytes, text), more);
}

static void print_memory(const subject *s)
{
    const memory *m = &s->memory;
    char text[64];

    printf("\n  %-28s %10s\n", "memory of a training step", "bytes");
    print_bytes("parameters and gradient", m->parameters, "");
    snprintf(text, sizeof text, "state of %.40s", rg_opt_name(s->trial.opt));
    print_bytes(text, m->state, "");
    print_bytes("the batch", m->examples, "");
    print_bytes("its copy, and the loss", m->kept, "");
    print_bytes("workspace of the plan", m->workspace, "");
    print_bytes("the plan itself", m->plans, "");
    print_bytes("small things, about", m->small_things, "");
    printf("  ---------------------------------------\n");
    print_bytes("predicted peak", m->predicted, "");
    if (m->measured > 0) {
        snprintf(text, sizeof text, "   %+.1f %%", 100 * (m->measured - m->predicted) / m->predicted);
        print_bytes("measured peak", m->measured, text);
    } else {
        printf("  %-28s %10s\n", "measured peak", "unknown");
    }
    printf("\n  Predicted before a step has run; measured: what malloc has given out after %d.\n", RUNS);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static cJSON *row_json(const tool_summary_row *row)
{
    cJSON *object = cJSON_CreateObject();

    if (row->name != NULL) {
        cJSON_AddStringToObject(object, "name", row->name);
        cJSON_AddStringToObject(object, "dtype", rg_dtype_name(row->dtype));
        cJSON *sizes = cJSON_AddArrayToObject(object, "output");
        for (int i = 0; i < row->output.rank; i++)
            cJSON_AddItemToArray(sizes, cJSON_CreateNumber((double)row->output.size[i]));
    }
    cJSON_AddNumberToObject(object, "parameters", (double)row->parameters);
    cJSON_AddNumberToObject(object, "operations", row->operations);
    cJSON_AddNumberToObject(object, "saved_bytes", (double)row->saved);
    return object;
}

static bool print_json(const subject *s, const char *sizes, const char *setting)
{
    const memory *m = &s->memory;
    const tool_summary *summary = &s->summary;
    cJSON *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "model", sizes);
    cJSON_AddStringToObject(object, "setting", setting);
    cJSON_AddNumberToObject(object, "batch", (double)s->values->trial.described.batch);
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (size_t i = 0; i < summary->count; i++)
        cJSON_AddItemToArray(layers, row_json(&summary->rows[i]));
    cJSON *total = row_json(&summary->total);
    cJSON_AddNumberToObject(total, "product_operations", summary->products);
    cJSON_AddNumberToObject(total, "step_operations", summary->step_operations);
    cJSON_AddItemToObject(object, "total", total);
    cJSON *bytes = cJSON_AddObjectToObject(object, "memory");
    cJSON_AddNumberToObject(bytes, "parameters_and_gradient", m->parameters);
    cJSON_AddNumberToObject(bytes, "optimizer_state", m->state);
    cJSON_AddNumberToObject(bytes, "batch", m->examples);
    cJSON_AddNumberToObject(bytes, "kept", m->kept);
    cJSON_AddNumberToObject(bytes, "workspace", m->workspace);
    cJSON_AddNumberToObject(bytes, "plan", m->plans);
    cJSON_AddNumberToObject(bytes, "small_things", m->small_things);
    cJSON_AddNumberToObject(bytes, "predicted_peak", m->predicted);
    if (m->measured > 0)
        cJSON_AddNumberToObject(bytes, "measured_peak", m->measured);
    return tool_print_json(stdout, object);
}

/* ---- All together ----------------------------------------------------------------------------------------------- */

static int report(const subject *s)
{
    char sizes[512], setting[128];
    int width = tool_width(stdout, 80);

    tool_model_sizes(&s->trial.model, sizes, sizeof sizes);
    tool_trial_setting(&s->trial, setting, sizeof setting);
    if (s->values->json)
        return print_json(s, sizes, setting) ? 0 : tool_fail(s->command, "%s", strerror(ENOMEM));
    printf("%s, %s\n\n", sizes, setting);
    print_layers(s, width > MOST_WIDTH ? MOST_WIDTH : width);
    print_memory(s);
    return 0;
}

static int look(subject *s)
{
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    if (s->tape == NULL)
        return tool_fail(s->command, "%s", strerror(ENOMEM));
    rg_tensor loss = tool_trial_record(&s->trial, s->tape);
    if (!rg_failed(s->tape) && tool_summarise(loss, &s->summary))
        return 0;
    return tool_fail(s->command, "%s", rg_failed(s->tape) ? rg_message(s->tape) : strerror(ENOMEM));
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    subject s = { .command = command, .values = given_values };
    int status = tool_description_check(command, &s.values->trial.described, given);
    const double before = allocated();

    if (status == 0)
        status = tool_trial_make(command, &s.values->trial, &s.trial);
    if (status == 0)
        status = compile(&s);
    if (status == 0)
        predict(&s);
    if (status == 0)
        status = measure(&s, before);
    if (status == 0)
        status = look(&s);
    if (status == 0)
        status = report(&s);
    tool_summary_free(&s.summary);
    rg_program_free(s.program);
    rg_tape_free(s.tape);
    tool_trial_free(&s.trial);
    return status;
}

const tool_command tool_summary_command = {
    .name = "summary",
    .summary = "show the layers of a network and what a training step takes",
    .about = "Lists the layers of a network with the shape of their output, their parameters, the operations on "
             "floating-point numbers (FLOP) of the forward pass, and the bytes that they save for the backward pass; "
             "and the memory of a training step that is compiled (rg_opt_compile): predicted from the network and the "
             "plan before anything runs, and measured once some steps have run, as what malloc has given out.",
    .examples =
        "  retrograd summary --batch 128\n"
        "  retrograd summary --layers 1024,1024 --optimizer adam --json\n"
        "  retrograd summary --load digits.safetensors\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
