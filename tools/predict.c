/* predict.c: `retrograd predict`. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "evaluate.h"
#include "print_json.h"
#include "subcommands.h"

typedef struct {
    const char *load, *data, *label;
    int part;
    int64_t threads;
    bool json;
} values;

#define SLOT(member) offsetof(values, member)

static const tool_option options[] = {
    { TOOL_TEXT, "load", "FILE", SLOT(load), NULL, .help = "the network, as 'retrograd train --save' left it" },
    { TOOL_TEXT, "data", "PATH", SLOT(data), NULL,
      .help = "what to look at: a CSV file with or without the labels, a directory with the files of MNIST, or "
              "digits" },
    { TOOL_TEXT, "label", "COL", SLOT(label), NULL,
      .help = "label column of the CSV; default: as in training" },
    { TOOL_CHOICE, "part", NULL, SLOT(part), "test", .choices = "test|train", .help = "of digits or a directory" },
    { TOOL_INTEGER, "threads", "N", SLOT(threads), "0", .low = 0, .high = 256,
      .help = "0: RG_THREADS from the environment, else all processors" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL, .help = "one JSON object instead of a table" },
    { .kind = TOOL_END },
};

/* What was asked, and what came out. */
typedef struct {
    const tool_command *command;
    const values *v;
    tool_model model;
    rg_data_set set;
    double *targets; /* [set.count] as they were before scaling, for numbers with targets */
    double *outputs; /* [set.count, model.outputs] */
    tool_score score;
} prediction;

/* Scaling and back would lose the last digits. */
static bool keep_targets(prediction *p)
{
    if (p->set.targets == NULL)
        return true;
    p->targets = calloc((size_t)p->set.count, sizeof *p->targets);
    for (int64_t row = 0; row < p->set.count && p->targets != NULL; row++)
        p->targets[row] = p->set.dtype == RG_F64 ? ((const double *)p->set.targets)[row]
                                                 : (double)((const float *)p->set.targets)[row];
    return p->targets != NULL;
}

/* A field of a CSV, quoted where it must be. */
static void print_field(const char *text)
{
    if (strpbrk(text, ",\"\n\r") == NULL) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++)
        fputs(*text == '"' ? "\"\"" : (char[2]){ *text, '\0' }, stdout);
    putchar('"');
}

static void print_class(const prediction *p, int64_t row, tool_prediction read)
{
    char number[16];

    printf("%" PRId64 ",", row);
    print_field(tool_class_name(&p->model, read.class, number, sizeof number));
    if (!isnan(read.probability))
        printf(",%.6f", read.probability);
    if (p->set.labels != NULL) {
        putchar(',');
        print_field(tool_class_name(&p->model, p->set.labels[row], number, sizeof number));
    }
    putchar('\n');
}

static void print_table(const prediction *p)
{
    bool classes = p->model.classes > 0, probability = classes && p->model.options.loss != TOOL_LOSS_MSE;
    bool labelled = p->set.labels != NULL || p->set.targets != NULL;

    printf("row,%s%s%s\n", classes ? "class" : "prediction", probability ? ",probability" : "",
           labelled ? (classes ? ",label" : ",target") : "");
    for (int64_t row = 0; row < p->set.count; row++) {
        tool_prediction read = tool_model_read(&p->model, p->outputs + row * p->model.outputs);
        if (classes)
            print_class(p, row, read);
        else if (labelled)
            printf("%" PRId64 ",%.7g,%.7g\n", row, read.value, p->targets[row]);
        else
            printf("%" PRId64 ",%.7g\n", row, read.value);
    }
}

static void add_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static cJSON *row_object(const prediction *p, int64_t row)
{
    tool_prediction read = tool_model_read(&p->model, p->outputs + row * p->model.outputs);
    cJSON *object = cJSON_CreateObject();

    if (p->model.classes == 0) {
        add_number(object, "prediction", read.value);
        if (p->targets != NULL)
            add_number(object, "target", p->targets[row]);
        return object;
    }
    cJSON_AddNumberToObject(object, "class", read.class);
    if (p->model.class_names != NULL)
        cJSON_AddStringToObject(object, "name", p->model.class_names[read.class]);
    add_number(object, "probability", read.probability);
    if (p->set.labels != NULL)
        cJSON_AddNumberToObject(object, "label", p->set.labels[row]);
    return object;
}

static int print_json(const prediction *p)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddNumberToObject(object, "rows", (double)p->set.count);
    add_number(object, "loss", p->score.loss);
    add_number(object, "accuracy", p->score.accuracy);
    cJSON *rows = cJSON_AddArrayToObject(object, "predictions");
    for (int64_t row = 0; row < p->set.count; row++)
        cJSON_AddItemToArray(rows, row_object(p, row));
    return tool_print_json(stdout, object) ? 0 : tool_fail(p->command, "%s", strerror(ENOMEM));
}

static rg_status load(prediction *p, rg_nn_state *state, rg_error *error)
{
    const char *label = p->v->label != NULL ? p->v->label : rg_nn_state_get_text(state, "label");
    rg_status status = tool_model_load(&p->model, state, -1, 0, p->v->load, error);
    tool_data_request request = {
        .path = p->v->data, .label = label != NULL && label[0] != '\0' ? label : NULL,
        .dtype = tool_dtype(&p->model.options), .model = &p->model,
    };

    if (status == RG_OK)
        status = tool_load_unseen(&request, p->v->part == 0 ? RG_DATA_TEST : RG_DATA_TRAIN, &p->set, error);
    return status == RG_OK ? tool_model_fits(&p->model, &p->set, p->v->data, error) : status;
}

static int evaluate(prediction *p)
{
    tool_evaluation evaluation = { &p->model, &p->set, p->set.count, NULL };
    rg_error error;

    p->outputs = p->set.count > INT32_MAX / 8 ? NULL
                 : calloc((size_t)p->set.count, (size_t)p->model.outputs * sizeof *p->outputs);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = (int)p->v->threads });
    int status = 0;
    evaluation.outputs = p->outputs;
    if (p->outputs == NULL || tape == NULL || !keep_targets(p))
        status = tool_fail(p->command, "%s", strerror(ENOMEM));
    else if (tool_model_apply_scales(&p->model, &p->set, &error) != RG_OK ||
             tool_evaluate(&evaluation, tape, &p->score, &error) != RG_OK)
        status = tool_fail(p->command, "%s", error.message);
    rg_tape_free(tape);
    return status;
}

/* On standard error, so that standard output is a table and nothing else. */
static void print_sum(const prediction *p)
{
    if (!isnan(p->score.accuracy))
        fprintf(stderr, "accuracy %.2f %% of %" PRId64 " rows, loss %.5g\n", 100 * p->score.accuracy, p->set.count,
                p->score.loss);
    else if (!isnan(p->score.loss))
        fprintf(stderr, "loss %.5g over %" PRId64 " rows\n", p->score.loss, p->set.count);
}

static int predict(prediction *p)
{
    rg_error error;
    rg_nn_state *state = rg_nn_state_load(p->v->load, &error);
    rg_status loaded = state == NULL ? error.status : load(p, state, &error);

    rg_nn_state_free(state);
    if (loaded != RG_OK)
        return tool_fail(p->command, "%s", error.message);
    int status = evaluate(p);
    if (status != 0)
        return status;
    if (p->v->json)
        return print_json(p);
    print_table(p);
    print_sum(p);
    return 0;
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    prediction p = { .command = command, .v = given_values };
    (void)given;

    if (p.v->load == NULL || p.v->data == NULL)
        return tool_misuse(command, "--%s is needed", p.v->load == NULL ? "load" : "data");
    int status = predict(&p);
    free(p.outputs);
    free(p.targets);
    rg_data_free(&p.set);
    tool_model_free(&p.model);
    return status;
}

const tool_command tool_predict = {
    .name = "predict",
    .summary = "use a trained network on new examples",
    .about = "Prints as CSV what a trained network makes of each example: the class and its probability, or the "
             "number; and the label, where there is one. How much of it is right goes to standard error.",
    .examples = "  retrograd predict --load iris.safetensors --data flowers.csv > predicted.csv\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
