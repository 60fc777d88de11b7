/* gradcheck.c: `retrograd gradcheck`. */
#include "autograd.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "subcommands.h"

typedef struct {
    const char *op;
    bool all, json, first_order;
    int64_t seeds, seed;
} values;

#define SLOT(member) offsetof(values, member)

static const tool_option options[] = {
    { TOOL_TEXT, "op", "NAME", SLOT(op), NULL, .help = "check this op only" },
    { TOOL_FLAG, "all", NULL, SLOT(all), NULL, .help = "check every op (the default)" },
    { TOOL_INTEGER, "seeds", "N", SLOT(seeds), "3", .low = 1, .high = 10000,
      .help = "how many sets of random numbers" },
    { TOOL_INTEGER, "seed", "N", SLOT(seed), "0", .low = 0, .high = 9007199254740992, .help = "the first of them" },
    { TOOL_FLAG, "first-order", NULL, SLOT(first_order), NULL, .help = "leave out the gradients of gradients" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL, .help = "make the last line of standard output one JSON object" },
    { .kind = TOOL_END },
};

typedef struct {
    int checked, failed, skipped;
} tally;

/* Leaves hold numbers from outside and have nothing to differentiate. What an op needs may not be there. */
static void check_op(const rg_op *op, const values *v, tally *sum)
{
    rg_gradcheck_options check = {
        .seeds = (int)v->seeds, .seed = (uint64_t)v->seed, .first_order_only = v->first_order,
    };
    rg_gradcheck_result result;

    if (op->kind == RG_LEAF) {
        sum->skipped++;
        printf("%-20s %-10s %8s  a leaf: nothing to differentiate\n", op->name, "-", "-");
        return;
    }
    const char *missing = op->missing ? op->missing() : NULL;
    if (missing) {
        sum->skipped++;
        printf("%-20s %-10s %8s  %s\n", op->name, "-", "-", missing);
        return;
    }
    bool good = rg_gradcheck_op(op, &check, &result);
    sum->checked++;
    sum->failed += !good;
    printf("%-20s %-10s %8d  %s\n", op->name, rg_verdict_name(result.verdict), result.checked,
           good ? op->doc : result.message);
    fflush(stdout);
}

static int unknown_op(const tool_command *command, const char *name)
{
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    const char *nearest = NULL;

    for (size_t i = 0; i < count; i++)
        if (tool_alike(name, table[i]->name) &&
            (nearest == NULL || tool_distance(name, table[i]->name) < tool_distance(name, nearest)))
            nearest = table[i]->name;
    if (nearest == NULL)
        return tool_misuse(command, "--op: there is no op called '%s'", name);
    return tool_misuse(command, "--op: there is no op called '%s'; did you mean '%s'?", name, nearest);
}

static int print_json(const tool_command *command, tally sum)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddNumberToObject(object, "checked", sum.checked);
    cJSON_AddNumberToObject(object, "failed", sum.failed);
    cJSON_AddNumberToObject(object, "skipped", sum.skipped);
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (text == NULL)
        return tool_fail(command, "out of memory");
    puts(text);
    cJSON_free(text);
    return 0;
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    const values *v = given_values;
    tally sum = { 0, 0, 0 };
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    (void)given;

    if (v->op != NULL && v->all)
        return tool_misuse(command, "--op and --all exclude each other");
    if (v->op != NULL && rg_op_find(v->op) == NULL)
        return unknown_op(command, v->op);
    printf("%-20s %-10s %8s\n", "op", "verdict", "checks");
    for (size_t i = 0; i < count; i++)
        if (v->op == NULL || strcmp(v->op, table[i]->name) == 0)
            check_op(table[i], v, &sum);
    printf("\n%d checked, %d failed, %d skipped\n", sum.checked, sum.failed, sum.skipped);
    if (v->json && print_json(command, sum) != 0)
        return 1;
    return sum.failed == 0 ? 0 : 1;
}

const tool_command tool_gradcheck = {
    .name = "gradcheck",
    .summary = "check the derivatives of the ops",
    .about = "Checks the derivative of each op of the library, and the derivative of that, against differences of "
             "the op itself, in f64, at random points and in random directions.",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
