/* graph.c: `retrograd graph`. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "output.h"
#include "render.h"
#include "subcommands.h"

typedef struct {
    tool_model_options model;
    int64_t inputs, outputs, batch;
    const char *load, *output;
    bool backward, sites;
} values;

#define SLOT(member) offsetof(values, member)
enum { MOST_NUMBERS = 1 << 28 };

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_MODEL_ROWS(SLOT(model)),
    { TOOL_INTEGER, "inputs", "N", SLOT(inputs), "784", .low = 1, .high = 1 << 24, .help = "features of an example" },
    { TOOL_INTEGER, "outputs", "N", SLOT(outputs), "10", .low = 1, .high = 1 << 20,
      .help = "classes; 1: a number is predicted" },
    { TOOL_INTEGER, "batch", "N", SLOT(batch), "64", .low = 1, .high = 1 << 20, .help = "examples in a step" },
    { TOOL_TEXT, "load", "FILE", SLOT(load), NULL, .help = "the network in this file instead" },
    { .kind = TOOL_HEADING, .name = "Drawing" },
    { TOOL_FLAG, "backward", NULL, SLOT(backward), NULL, .help = "the gradients too" },
    { TOOL_FLAG, "sites", NULL, SLOT(sites), NULL, .help = "the source line that recorded each node" },
    { TOOL_TEXT, "output", "FILE", SLOT(output), NULL,
      .help = "where to: " TOOL_GRAPH_KINDS " (pictures need Graphviz); default: DOT on standard output" },
    { .kind = TOOL_END },
};

static int draw(const tool_command *command, const values *v, rg_tape *tape, rg_tensor loss, const char *title)
{
    rg_dot_options look = { .backward = v->backward, .sites = v->sites, .title = title };
    char message[1024];

    if (v->output == NULL) {
        rg_status status = rg_dot(stdout, loss, &look);
        return status == RG_OK ? 0
               : tool_fail(command, "%s", rg_failed(tape) ? rg_message(tape) : rg_status_name(status));
    }
    return tool_draw_graph(v->output, loss, &look, message, sizeof message) == TOOL_DRAWN
               ? 0 : tool_fail(command, "%s", message);
}

/* Records a step on zeros and draws it; nothing is computed. */
static int draw_step(const tool_command *command, const values *v, const tool_model *model, rg_tape *tape)
{
    size_t size = (size_t)(v->batch * model->inputs);
    void *zeros = calloc(size < (size_t)v->batch ? (size_t)v->batch : size, sizeof(double));
    rg_data_batch batch = {
        .count = v->batch, .dtype = tool_dtype(&model->options), .features = zeros, .labels = zeros, .targets = zeros,
    };
    char title[512];

    if (zeros == NULL)
        return tool_fail(command, "%s", strerror(ENOMEM));
    rg_tensor loss = tool_model_loss(model, tape, &batch, tool_model_forward(model, tape, &batch));
    tool_model_sizes(model, title, sizeof title);
    int status = rg_failed(tape) ? tool_fail(command, "%s", rg_message(tape))
                                 : draw(command, v, tape, rg_name(loss, "loss"), title);
    free(zeros);
    return status;
}

static int check(const tool_command *command, const values *v, const bool *given)
{
    static const char *const described[] = { "layers", "activation", "loss", "dropout", "dtype", "inputs", "outputs" };
    char message[512];

    for (size_t i = 0; i < sizeof described / sizeof described[0] && v->load != NULL; i++)
        if (tool_given(command, given, described[i]))
            return tool_misuse(command, "--load and --%s exclude each other: the file has it", described[i]);
    if (v->output != NULL && !tool_graph_kind_known(v->output))
        return tool_misuse(command, "--output wants a name that ends in " TOOL_GRAPH_KINDS ", not '%s'", v->output);
    if (v->output != NULL && !tool_output_check(v->output, false, message, sizeof message))
        return tool_fail(command, "%s", message);
    return 0;
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    const values *v = given_values;
    tool_model model = { 0 };
    rg_error error;
    int status = check(command, v, given);

    if (status != 0)
        return status;
    if (tool_model_described(&model, v->model, v->inputs, v->outputs, v->load, 0, &error) != RG_OK) {
        tool_model_free(&model);
        return tool_fail(command, "%s", error.message);
    }
    bool fits = v->batch <= MOST_NUMBERS / model.inputs;
    rg_tape *tape = fits ? rg_tape_new_with((rg_tape_options){ .threads = 1 }) : NULL;
    status = tape == NULL ? tool_fail(command, "%s", strerror(ENOMEM)) : draw_step(command, v, &model, tape);
    rg_tape_free(tape);
    tool_model_free(&model);
    return status;
}

const tool_command tool_graph = {
    .name = "graph",
    .summary = "draw the graph of a network without training it",
    .about = "Records one training step of a network and writes its graph: every node with its op, shape, dtype and "
             "name, in the order of recording.",
    .examples =
        "  retrograd graph --layers 128,64 --output graph.svg\n"
        "  retrograd graph --inputs 3 --layers 4 --outputs 2 --backward | dot -Tsvg > graph.svg\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
