/* explain.c: `retrograd explain`. */
#include <errno.h>
#include <string.h>

#include "explain_examples.h"
#include "model.h"
#include "output.h"
#include "render.h"
#include "subcommands.h"

typedef struct {
    const char *what, *output;
    int64_t depth, batch;
} values;

#define SLOT(member) offsetof(values, member)
#define KINDS ".txt, .json, .html, .dot, .svg, .png or .pdf"

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "What" },
    { TOOL_TEXT, "of", "WHAT", SLOT(what), "shared",
      .help = "shared, doubling, perceptron, multilayer or layers; or the file of a network that train has saved" },
    { TOOL_INTEGER, "depth", "N", SLOT(depth), "0", .low = 0, .high = 4096,
      .help = "how many layers doubling and layers have; 0: 4 and 3" },
    { TOOL_INTEGER, "batch", "N", SLOT(batch), "1", .low = 1, .high = 1 << 16,
      .help = "random examples that the network is shown" },
    { .kind = TOOL_HEADING, .name = "Output" },
    { TOOL_TEXT, "output", "FILE", SLOT(output), NULL,
      .help = "where to, by its ending: " KINDS " (pictures need Graphviz); default: text on standard output" },
    { .kind = TOOL_END },
};

/* ---- A way to say it for each ending --------------------------------------------------------------------------- */

static rg_status write_text(FILE *out, const void *shown) { return rg_explanation_text(out, shown); }
static rg_status write_json(FILE *out, const void *shown) { return rg_explanation_json(out, shown); }
static rg_status write_html(FILE *out, const void *shown) { return rg_explanation_html(out, shown); }
static rg_status write_dot(FILE *out, const void *shown) { return rg_explanation_dot(out, shown); }

static const tool_kind kinds[] = {
    { ".txt", write_text, false }, { ".json", write_json, false }, { ".html", write_html, false },
    { ".dot", write_dot, false },  { ".svg", write_dot, true },    { ".png", write_dot, true },
    { ".pdf", write_dot, true },   { .ending = NULL },
};

static int put(const tool_command *command, const values *v, const rg_explanation *explanation)
{
    char message[1024];

    if (v->output == NULL) {
        rg_status status = rg_explanation_text(stdout, explanation);
        return status == RG_OK ? 0 : tool_fail(command, "%s", rg_status_name(status));
    }
    return tool_draw(v->output, kinds, explanation, NULL, message, sizeof message) == TOOL_DRAWN
               ? 0 : tool_fail(command, "%s", message);
}

static int explain(const tool_command *command, const values *v, rg_tensor y, rg_tape *tape, const char *title)
{
    rg_explanation *explanation = rg_explain(y, &(rg_explain_options){ .title = title });
    int status = explanation == NULL ? tool_fail(command, "%s", rg_failed(tape) ? rg_message(tape) : strerror(ENOMEM))
                                     : put(command, v, explanation);

    rg_explanation_free(explanation);
    return status;
}

/* ---- What is explained ------------------------------------------------------------------------------------------- */

static int explain_example(const tool_command *command, const values *v, const tool_explained *example, rg_tape *tape)
{
    if (v->depth > 0 && example->standard_depth == 0)
        return tool_misuse(command, "%s has no depth", example->name);
    int depth = v->depth > 0 ? (int)v->depth : example->standard_depth;
    return explain(command, v, example->record(tape, depth), tape, example->title);
}

static int explain_network(const tool_command *command, const values *v, const tool_model *model, rg_tape *tape)
{
    rg_data_batch batch;
    char title[512];
    int status = 1;

    if (tool_batch_draw(model, v->batch, &batch)) {
        rg_tensor loss = tool_model_loss(model, tape, &batch, tool_model_forward(model, tape, &batch));
        tool_model_sizes(model, title, sizeof title);
        status = explain(command, v, rg_name(loss, "loss"), tape, title);
    } else {
        status = tool_fail(command, "%s", strerror(ENOMEM));
    }
    tool_batch_free(&batch);
    return status;
}

static int explain_file(const tool_command *command, const values *v, rg_tape *tape)
{
    tool_model model = { 0 };
    rg_error error = { .status = RG_OK };
    rg_nn_state *state = rg_nn_state_load(v->what, &error);
    rg_status status = state == NULL ? error.status : tool_model_load(&model, state, -1, 0, v->what, &error);
    int result = status != RG_OK ? tool_fail(command, "%s", error.message)
                                  : explain_network(command, v, &model, tape);

    tool_model_free(&model);
    rg_nn_state_free(state);
    return result;
}

/* A word without a dot or a slash is meant as an example's name. */
static int no_example(const tool_command *command, const values *v)
{
    const char *nearest = NULL;

    for (const tool_explained *e = tool_explain_examples; e->name != NULL; e++)
        if (tool_alike(v->what, e->name))
            nearest = e->name;
    if (nearest != NULL)
        return tool_misuse(command, "there is no example '%.60s'; did you mean '%s'?", v->what, nearest);
    return tool_misuse(command, "there is no example '%.60s', and the name of a file has a dot or a slash", v->what);
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    const values *v = given_values;
    const tool_explained *example = tool_explain_examples;
    char message[1024];

    while (example->name != NULL && strcmp(example->name, v->what) != 0)
        example++;
    if (example->name == NULL && strpbrk(v->what, "./") == NULL)
        return no_example(command, v);
    if (example->name == NULL && tool_given(command, given, "depth"))
        return tool_misuse(command, "--depth is for examples, not for a network");
    if (example->name != NULL && tool_given(command, given, "batch"))
        return tool_misuse(command, "--batch is for a network, not for an example");
    if (v->output != NULL && tool_kind_of(kinds, v->output) == NULL)
        return tool_misuse(command, "--output wants a name that ends in " KINDS ", not '%s'", v->output);
    if (v->output != NULL && !tool_output_check(v->output, false, message, sizeof message))
        return tool_fail(command, "%s", message);
    rg_tape *tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    int status = tape == NULL            ? tool_fail(command, "%s", strerror(ENOMEM))
                 : example->name != NULL ? explain_example(command, v, example, tape)
                                         : explain_file(command, v, tape);
    rg_tape_free(tape);
    return status;
}

const tool_command tool_explain = {
    .name = "explain",
    .summary = "show backpropagation as dynamic programming over a graph",
    .about = "Takes the derivatives of a small graph, or of a network's loss, and shows how they were found: the "
             "subproblems (one a node), the recurrence with its numbers, the order, the memo table as it fills, the paths "
             "that the plain chain rule would have to add up, and where recursion without the table goes wrong. As text, as "
             "a picture, or as a page for a browser that plays it step by step.",
    .examples =
        "  retrograd explain perceptron\n"
        "  retrograd explain layers --depth 8 --output layers.html\n"
        "  retrograd explain digits.safetensors --output digits.html\n",
    .options = options,
    .bare = "of",
    .values_size = sizeof(values),
    .run = run,
};
