/* graph.c: `retrograd graph`. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_file.h"
#include "model.h"
#include "output.h"
#include "subcommands.h"

typedef struct {
    tool_description described;
    int64_t collapse, most_nodes;
    const char *output;
    bool backward, sites, values, gradients, plan;
} values;

#define SLOT(member) offsetof(values, member)

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_DESCRIPTION_ROWS(SLOT(described)),
    { .kind = TOOL_HEADING, .name = "What is shown" },
    { TOOL_FLAG, "backward", NULL, SLOT(backward), NULL, .help = "the backward pass too" },
    { TOOL_FLAG, "values", NULL, SLOT(values), NULL,
      .help = "the numbers of each tensor, for inputs drawn at random: few in full, many as minimum, maximum, mean and norm" },
    { TOOL_FLAG, "gradients", NULL, SLOT(gradients), NULL, .help = "the same of its gradient" },
    { TOOL_FLAG, "sites", NULL, SLOT(sites), NULL, .help = "the source line that recorded each node" },
    { TOOL_FLAG, "plan", NULL, SLOT(plan), NULL,
      .help = "the plan that computes it: its steps, and where in memory values lie and how long. A picture shows it instead "
              "of the graph, a text has it as one more part" },
    { TOOL_INTEGER, "collapse", "DEPTH", SLOT(collapse), NULL, .low = 1, .high = 1 << 20,
      .help = "scopes so deep are one box each; 1: every layer; default: none" },
    { TOOL_INTEGER, "most-nodes", "N", SLOT(most_nodes), NULL, .low = 1, .high = 1 << 20,
      .help = "above so many boxes, layers are collapsed and then the middle is folded; of a plan, so many rows are drawn. "
              "Default: 400 boxes, 60 rows" },
    { TOOL_TEXT, "output", "FILE", SLOT(output), NULL,
      .help = "where to: " TOOL_GRAPH_KINDS " (pictures need Graphviz; .txt reads like a program; .onnx is the network "
              "itself, for other programs); default: DOT on standard output" },
    { .kind = TOOL_END },
};

static int draw(const tool_command *command, const values *v, rg_tensor outputs, rg_tensor loss, const char *title)
{
    const tool_graph_shown shown = { .t = loss, .outputs = outputs, .options = {
        .backward = v->backward, .plan = v->plan, .sites = v->sites, .values = v->values, .gradients = v->gradients,
        .collapse_depth = (int)v->collapse, .most_nodes = (size_t)v->most_nodes, .title = title,
    } };
    const rg_tape *tape = loss.tape;
    char message[1024];

    if (v->output == NULL) {
        rg_status status = tool_graph_kinds[0].write(stdout, &shown); /* DOT */
        return status == RG_OK ? 0
               : tool_fail(command, "%s", rg_failed(tape) ? rg_message(tape) : rg_status_name(status));
    }
    return tool_draw(v->output, tool_graph_kinds, &shown, tape, message, sizeof message) == TOOL_DRAWN
               ? 0 : tool_fail(command, "%s", message);
}

/* Records a step on made-up examples and draws it. Nothing is computed unless its numbers are to be shown: then node by
 * node, for so each one's are kept. */
static int draw_step(const tool_command *command, const values *v, const tool_model *model, rg_tape *tape)
{
    rg_data_batch batch;
    char title[512];
    int status = 0;

    if (tool_batch_draw(model, v->described.batch, &batch)) {
        rg_tensor outputs = tool_model_forward(model, tape, &batch), loss = tool_model_loss(model, tape, &batch, outputs);
        if (v->gradients)
            rg_backward(loss);
        else if (v->values)
            rg_eval(1, &loss);
        tool_model_sizes(model, title, sizeof title);
        status = rg_failed(tape) ? tool_fail(command, "%s", rg_message(tape))
                                 : draw(command, v, rg_name(outputs, "outputs"), rg_name(loss, "loss"), title);
    } else {
        status = tool_fail(command, "%s", strerror(ENOMEM));
    }
    tool_batch_free(&batch);
    return status;
}

static int check(const tool_command *command, const values *v)
{
    char message[512];

    if (v->output != NULL && tool_kind_of(tool_graph_kinds, v->output) == NULL)
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
    int status = tool_description_check(command, &v->described, given);

    if (status == 0)
        status = check(command, v);
    if (status != 0)
        return status;
    if (tool_model_described(&model, &v->described, 0, &error) != RG_OK) {
        tool_model_free(&model);
        return tool_fail(command, "%s", error.message);
    }
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = v->values || v->gradients });
    status = tape == NULL ? tool_fail(command, "%s", strerror(ENOMEM)) : draw_step(command, v, &model, tape);
    rg_tape_free(tape);
    tool_model_free(&model);
    return status;
}

const tool_command tool_graph = {
    .name = "graph",
    .summary = "show the graph of a network, or its plan, without training it",
    .about = "Records one training step of a network and writes its graph: every node with its op, shape, dtype, bytes and "
             "name, in the order of recording. What the file's name ends in says how: as a picture, as Graphviz DOT, as text "
             "that reads like a program, as JSON (docs/graph-schema.json), or the network alone as an ONNX model.",
    .examples =
        "  retrograd graph --layers 128,64 --output graph.svg\n"
        "  retrograd graph --layers 32,32,32 --backward --collapse 1 --output layers.png\n"
        "  retrograd graph --inputs 3 --layers 4 --outputs 2 --batch 2 --backward --values --gradients --output mlp.svg\n"
        "  retrograd graph --layers 128,64 --backward --plan --output plan.svg\n"
        "  retrograd graph --load model.safetensors --backward --plan --output model.txt\n"
        "  retrograd graph --inputs 3 --layers 4 --outputs 2 --backward | dot -Tsvg > graph.svg\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
