/* train.c: `retrograd train`. */
#include <math.h>
#include <string.h>

#include "graph_file.h"
#include "output.h"
#include "subcommands.h"
#include "training.h"

#define SLOT(member) offsetof(tool_train_values, member)

static const tool_option options[] = {
    { .kind = TOOL_HEADING, .name = "Data" },
    { TOOL_TEXT, "data", "PATH", SLOT(data), "digits", .keeping = TOOL_KEPT,
      .help = "a CSV file, a directory with the four files of MNIST (plain or .gz), or the bundled digits. CSV "
              "features are standardised" },
    { TOOL_TEXT, "label", "COL", SLOT(label), NULL, .keeping = TOOL_KEPT,
      .help = "label column of a CSV: its name, or its number from 0 (from the end if negative); default: the last" },
    { TOOL_TEXT, "test-data", "PATH", SLOT(test_data), NULL, .keeping = TOOL_KEPT,
      .help = "a CSV file to test with" },
    { TOOL_NUMBER, "test-split", "PART", SLOT(test_split), "0.2", .low = 0, .high = 1, .below = true,
      .keeping = TOOL_KEPT, .help = "part of a CSV that is set aside to test with, if there is no --test-data" },

    { .kind = TOOL_HEADING, .name = "Model" },
    TOOL_MODEL_ROWS(SLOT(model)),

    { .kind = TOOL_HEADING, .name = "Training" },
    { TOOL_CHOICE, "optimizer", NULL, SLOT(optimizer), "adam", .choices = TOOL_OPTIMIZERS, .keeping = TOOL_KEPT_RUN,
      .help = "how steps are taken" },
    { TOOL_NUMBER, "lr", "X", SLOT(lr), NULL, .low = 0, .high = 1e6, .above = true, .keeping = TOOL_KEPT,
      .help = "learning rate; default: 0.2 for sgd, 0.1 for momentum, 0.002 for adam and adamw" },
    { TOOL_PARSED, "schedule", "WORDS", SLOT(schedule), "cosine", .keeping = TOOL_KEPT, .parse = tool_schedule_parse,
      .print = tool_schedule_print, .wants = TOOL_SCHEDULE_WANTS,
      .help = "how the rate changes: constant; step:EVERY,FACTOR multiplies it with FACTOR every EVERY steps; "
              "cosine[:FLOOR] takes it down to FLOOR (0) of itself by the end; warmup:STEPS+ before any of these" },
    { TOOL_NUMBER, "momentum", "X", SLOT(momentum), "0.9", .low = 0, .high = 1, .below = true, .keeping = TOOL_KEPT,
      .help = "for --optimizer momentum" },
    { TOOL_FLAG, "nesterov", NULL, SLOT(nesterov), NULL, .keeping = TOOL_KEPT, .help = "Nesterov's form of momentum" },
    { TOOL_NUMBER, "weight-decay", "X", SLOT(weight_decay), NULL, .low = 0, .high = 1e6, .keeping = TOOL_KEPT,
      .help = "decoupled in adamw, L2 in the others; default: 0.01 for adamw, else 0" },
    { TOOL_NUMBER, "clip-norm", "X", SLOT(clip_norm), "0", .low = 0, .high = 1e30, .keeping = TOOL_KEPT,
      .help = "make the gradient this long if it is longer; 0: do not" },
    { TOOL_NUMBER, "clip-value", "X", SLOT(clip_value), "0", .low = 0, .high = 1e30, .keeping = TOOL_KEPT,
      .help = "move each number of the gradient into [-X, X]; 0: do not" },
    { TOOL_INTEGER, "batch", "N", SLOT(batch), "64", .low = 1, .high = 1 << 24, .keeping = TOOL_KEPT_RUN,
      .help = "examples in a step; the last step of an epoch has what is left" },
    { TOOL_INTEGER, "epochs", "N", SLOT(epochs), "10", .low = 1, .high = 1000000, .keeping = TOOL_KEPT,
      .help = "how many times to go through the data, in all" },
    { TOOL_INTEGER, "steps", "N", SLOT(steps), NULL, .low = 1, .high = 1e15,
      .help = "stop after so many steps in all, though the schedule stays that of --epochs" },
    { TOOL_INTEGER, "seed", "N", SLOT(seed), "1", .low = 0, .high = 9007199254740992, .keeping = TOOL_KEPT_RUN,
      .help = "of everything random: first weights, shuffling, splits, dropout" },
    { TOOL_INTEGER, "threads", "N", SLOT(threads), "0", .low = 0, .high = 256,
      .help = "0: RG_THREADS from the environment, else all processors. The results are the same bits" },
    { TOOL_PARSED, "memory", "BYTES", SLOT(memory), NULL, .parse = tool_bytes_parse, .print = tool_bytes_print,
      .wants = TOOL_BYTES_WANTS,
      .help = "what a step may take beside parameters, such as 64M: layers are computed again instead of kept, with the same "
              "bits. 'retrograd plan' shows what that costs" },

    { .kind = TOOL_HEADING, .name = "Files" },
    { TOOL_TEXT, "save", "FILE", SLOT(save), NULL,
      .help = "keep model and training in a safetensors file: at the end, on Ctrl-C, and now and then between "
              "epochs" },
    { TOOL_TEXT, "load", "FILE", SLOT(load), NULL,
      .help = "go on with a saved training. Its options hold unless typed again, and those of the model, --optimizer, "
              "--batch and --seed cannot change" },
    { TOOL_FLAG, "restart", NULL, SLOT(restart), NULL,
      .help = "with --load: begin a new training with the network in the file; only the model's options hold" },
    { TOOL_TEXT, "plot", "FILE", SLOT(plot), NULL, .help = "draw loss and accuracy as SVG" },
    { TOOL_TEXT, "graph", "FILE", SLOT(graph), NULL,
      .help = "draw the graph of a training step, gradients included: " TOOL_GRAPH_KINDS },

    { .kind = TOOL_HEADING, .name = "Output" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL, .help = "make the last line of standard output one JSON object" },
    { TOOL_CHOICE, "progress", NULL, SLOT(progress), "auto", .choices = TOOL_PROGRESS_CHOICES,
      .help = "on standard error; auto: a bar on a terminal, else plain lines" },
    { .kind = TOOL_END },
};

/* What each option allows by itself, but not together. */
static int check_combinations(const tool_training *t)
{
    const tool_train_values *v = &t->values;
    const char *for_momentum[] = { "momentum", "nesterov" };

    for (int i = 0; i < 2 && v->load == NULL; i++)
        if (tool_given(t->command, t->given, for_momentum[i]) && v->optimizer != TOOL_MOMENTUM)
            return tool_misuse(t->command, "--%s needs --optimizer momentum", for_momentum[i]);
    if (v->nesterov && v->momentum == 0)
        return tool_misuse(t->command, "--nesterov needs a --momentum above 0");
    if (v->restart && v->load == NULL)
        return tool_misuse(t->command, "--restart needs --load");
    if (v->test_data != NULL && tool_given(t->command, t->given, "test-split"))
        return tool_misuse(t->command, "--test-data and --test-split exclude each other");
    if (v->graph != NULL && tool_kind_of(tool_graph_kinds, v->graph) == NULL)
        return tool_misuse(t->command, "--graph wants a name that ends in " TOOL_GRAPH_KINDS ", not '%s'", v->graph);
    return 0;
}

static int check_outputs(const tool_training *t)
{
    const tool_train_values *v = &t->values;
    char message[512];

    if ((v->save != NULL && !tool_output_check(v->save, true, message, sizeof message)) ||
        (v->plot != NULL && !tool_output_check(v->plot, false, message, sizeof message)) ||
        (v->graph != NULL && !tool_output_check(v->graph, false, message, sizeof message)))
        return tool_fail(t->command, "%s", message);
    return 0;
}

/* The graph is that of a step on the first examples. Drawing must not change what is trained. */
static int draw_graph(tool_training *t)
{
    uint64_t counter = rg_params_random_counter(t->model.theta);
    rg_data_batches first;
    rg_data_batch batch;
    rg_error error;
    char message[1024], title[700];

    if (rg_data_batches_new(&first, &t->train, (rg_data_batch_options){ .size = t->values.batch, .in_order = true },
                            &error) != RG_OK)
        return tool_fail(t->command, "%s", error.message);
    rg_data_batches_next(&first, &batch);
    rg_tensor outputs = tool_model_forward(&t->model, t->tape, &batch);
    rg_tensor loss = tool_model_loss(&t->model, t->tape, &batch, outputs);
    tool_model_sizes(&t->model, title, sizeof title);
    tool_graph_shown shown = { .t = rg_name(loss, "loss"), .outputs = outputs, .options = { .backward = true, .title = title } };
    tool_drawing drawn = tool_draw(t->values.graph, tool_graph_kinds, &shown, t->tape, message, sizeof message);
    rg_tape_reset(t->tape);
    rg_data_batches_free(&first);
    rg_params_set_random_counter(t->model.theta, counter);
    t->graph_drawn = drawn == TOOL_DRAWN;
    if (drawn == TOOL_DRAWN_AS_DOT)
        tool_warn(t->command, "%s", message);
    return drawn == TOOL_NOT_DRAWN ? tool_fail(t->command, "%s", message) : 0;
}

static int draw_curves(const tool_training *t)
{
    char sizes[400], title[800], optimizer[16], message[512];
    tool_output output;

    tool_model_sizes(&t->model, sizes, sizeof sizes);
    tool_choice_name(TOOL_OPTIMIZERS, t->values.optimizer, optimizer, sizeof optimizer);
    snprintf(title, sizeof title, "%.300s: %s, %s, batch %lld", t->values.data, sizes, optimizer,
             (long long)t->values.batch);
    if (!tool_output_open(&output, t->values.plot, message, sizeof message))
        return tool_fail(t->command, "%s", message);
    if (!tool_curves_write(&t->curves, title, output.file)) {
        tool_output_discard(&output);
        return tool_fail(t->command, "cannot write %s: out of memory", t->values.plot);
    }
    return tool_output_close(&output, message, sizeof message) ? 0 : tool_fail(t->command, "%s", message);
}

static int train(tool_training *t)
{
    int status = check_combinations(t);

    if (status == 0)
        status = check_outputs(t);
    if (status == 0)
        status = tool_training_prepare(t);
    if (status != 0)
        return status;
    tool_report_beginning(t);
    if (t->values.graph != NULL)
        status = draw_graph(t);
    if (status == 0)
        status = tool_training_run(t);
    if (status == 0 && t->values.plot != NULL)
        status = draw_curves(t);
    return status == 0 ? tool_report_end(t) : status;
}

static int run(const tool_command *command, const void *values, const bool *given)
{
    tool_training t = { .command = command, .given = given };

    memcpy(&t.values, values, sizeof t.values);
    if (!tool_given(command, given, "weight-decay"))
        t.values.weight_decay = -1;
    int status = train(&t);
    tool_training_free(&t);
    return status;
}

const tool_command tool_train = {
    .name = "train",
    .summary = "train a network on images or a table",
    .about = "Trains a multi-layer perceptron, tests it after every epoch, and tells how well it does. The same seed "
             "gives the same bits, with any number of threads, and whether the training was stopped and gone on "
             "with or not.",
    .examples =
        "  retrograd train\n"
        "  retrograd train --data iris.csv --label species --layers 16 --epochs 50\n"
        "  retrograd train --layers 512,256 --dropout 0.2 --save big.safetensors --plot curves.svg\n"
        "  retrograd train --load big.safetensors --epochs 20 --save big.safetensors\n",
    .options = options,
    .values_size = sizeof(tool_train_values),
    .run = run,
};
