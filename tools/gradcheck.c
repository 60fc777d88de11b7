/* gradcheck.c: `retrograd gradcheck`: the derivatives of the ops checked, the check itself attacked, and what gradients
 * cost. */
#define _POSIX_C_SOURCE 200809L
#include "autograd.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cost.h"
#include "gradcheck_report.h"
#include "mutations.h"
#include "output.h"
#include "print_json.h"
#include "subcommands.h"

typedef struct {
    const char *op, *junit;
    bool all, json, first_order, mutate, cost;
    int64_t seeds, seed, directions;
} values;

#define SLOT(member) offsetof(values, member)

static const tool_option options[] = {
    { TOOL_TEXT, "op", "NAME", SLOT(op), NULL, .help = "take this op only" },
    { TOOL_FLAG, "all", NULL, SLOT(all), NULL, .help = "take every op (the default)" },
    { TOOL_INTEGER, "seeds", "N", SLOT(seeds), "3", .low = 1, .high = 10000,
      .help = "how many sets of random numbers" },
    { TOOL_INTEGER, "seed", "N", SLOT(seed), "0", .low = 0, .high = 9007199254740992, .help = "the first of them" },
    { TOOL_INTEGER, "directions", "N", SLOT(directions), "4", .low = 1, .high = 1000,
      .help = "how many directions and cotangents for each argument" },
    { TOOL_FLAG, "first-order", NULL, SLOT(first_order), NULL, .help = "leave out the gradients of gradients" },
    { .kind = TOOL_HEADING, .name = "Instead of checking" },
    { TOOL_FLAG, "mutate", NULL, SLOT(mutate), NULL,
      .help = "plant wrong derivatives into the ops, check those, and tell how many are found" },
    { TOOL_FLAG, "cost", NULL, SLOT(cost), NULL,
      .help = "count the work of value and gradient over that of the value, for each op and for an MLP" },
    { .kind = TOOL_HEADING, .name = "Output" },
    { TOOL_FLAG, "json", NULL, SLOT(json), NULL,
      .help = "make every line of standard output one JSON object: one for each failure and each op, the totals last" },
    { TOOL_TEXT, "junit", "FILE", SLOT(junit), NULL, .help = "write the results as JUnit's XML too" },
    { .kind = TOOL_END },
};

static int print_object(const tool_command *command, cJSON *object)
{
    return tool_print_json(stdout, object) ? 0 : tool_fail(command, "out of memory");
}

static bool is_chosen(const values *v, const rg_op *op)
{
    return v->op == NULL || strcmp(v->op, op->name) == 0;
}

/* ---- The check ------------------------------------------------------------------------------------------------ */

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Leaves hold numbers from outside and have nothing to differentiate. What an op needs may not be there. */
static void check_op(const rg_op *op, const values *v, tool_checked *checked)
{
    const rg_gradcheck_options check = {
        .seeds = (int)v->seeds, .seed = (uint64_t)v->seed, .directions = (int)v->directions,
        .first_order_only = v->first_order, .row = tool_add_row, .row_context = checked,
    };
    const double begin = seconds_now();

    *checked = (tool_checked){ .op = op };
    if (op->kind == RG_LEAF)
        checked->skipped = "a leaf: nothing to differentiate";
    else if (op->missing)
        checked->skipped = op->missing();
    if (checked->skipped == NULL)
        rg_gradcheck_op(op, &check, &checked->result);
    checked->seconds = seconds_now() - begin;
}

static int write_junit(const tool_command *command, const char *path, const tool_checked *checked, size_t count)
{
    tool_output output;
    char message[512];

    if (!tool_output_open(&output, path, message, sizeof message))
        return tool_fail(command, "%s", message);
    tool_print_junit(output.file, checked, count);
    return tool_output_close(&output, message, sizeof message) ? 0 : tool_fail(command, "%s", message);
}

static int print_totals(const tool_command *command, bool json, const tool_checked *checked, size_t count)
{
    int skipped = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        skipped += checked[i].skipped != NULL;
        failed += !checked[i].skipped && checked[i].result.verdict != RG_CHECK_OK;
    }
    if (json) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddNumberToObject(object, "checked", (double)count - skipped);
        cJSON_AddNumberToObject(object, "failed", failed);
        cJSON_AddNumberToObject(object, "skipped", skipped);
        if (print_object(command, object) != 0)
            return 1;
    } else {
        printf("\n%d checked, %d failed, %d skipped\n", (int)count - skipped, failed, skipped);
    }
    return failed == 0 ? 0 : 1;
}

static int check(const tool_command *command, const values *v)
{
    size_t ops, count = 0;
    const rg_op *const *table = rg_op_table(&ops);
    tool_checked *checked = calloc(ops, sizeof *checked);
    bool printed = true;

    if (checked == NULL)
        return tool_fail(command, "out of memory");
    if (!v->json)
        tool_print_checked_head();
    for (size_t i = 0; i < ops; i++) {
        if (!is_chosen(v, table[i]))
            continue;
        check_op(table[i], v, &checked[count]);
        if (v->json)
            printed = tool_print_checked_json(stdout, &checked[count]) && printed;
        else
            tool_print_checked(&checked[count]);
        fflush(stdout);
        count++;
    }
    int status = printed ? 0 : tool_fail(command, "out of memory");
    if (v->junit != NULL && status == 0)
        status = write_junit(command, v->junit, checked, count);
    if (status == 0)
        status = print_totals(command, v->json, checked, count);
    for (size_t i = 0; i < count; i++)
        free(checked[i].rows);
    free(checked);
    return status;
}

/* ---- The attack ------------------------------------------------------------------------------------------------- */

typedef struct {
    int planted, killed, equivalent;
} tally;

static void attack_op(const rg_op *op, const tool_mutation *mutation, const values *v, tally *sum, cJSON *survivors)
{
    for (int k = 0; k < tool_mutable_operands(op); k++) {
        rg_gradcheck_result result;
        char survivor[256];
        if (!tool_is_mutable(op, k))
            continue;
        tool_mutant_fate fate = tool_mutate(op, k, mutation, (uint64_t)v->seed, &result);
        sum->planted += fate != TOOL_MUTANT_EQUIVALENT;
        sum->killed += fate == TOOL_MUTANT_KILLED;
        sum->equivalent += fate == TOOL_MUTANT_EQUIVALENT;
        if (fate != TOOL_MUTANT_SURVIVED)
            continue;
        snprintf(survivor, sizeof survivor, "%s, operand %d: %s", op->name, k, tool_mutation_name(mutation));
        cJSON_AddItemToArray(survivors, cJSON_CreateString(survivor));
        if (!v->json)
            printf("SURVIVOR  %s: %s %s\n", survivor, rg_verdict_name(result.verdict), result.message);
    }
}

static void print_tally(bool json, const char *name, const tally *sum)
{
    if (!json)
        printf("%-30s %8d %8d %10d\n", name, sum->planted, sum->killed, sum->equivalent);
}

static int attack(const tool_command *command, const values *v)
{
    size_t ops;
    const rg_op *const *table = rg_op_table(&ops);
    cJSON *object = cJSON_CreateObject(), *survivors = cJSON_CreateArray();
    tally total = { 0, 0, 0 };

    if (!v->json)
        printf("%-30s %8s %8s %10s\n", "mistake", "planted", "killed", "equivalent");
    for (size_t m = 0; m < tool_mutations(); m++) {
        const tool_mutation *mutation = tool_mutation_at(m);
        tally sum = { 0, 0, 0 };
        for (size_t i = 0; i < ops; i++)
            if (is_chosen(v, table[i]))
                attack_op(table[i], mutation, v, &sum, survivors);
        print_tally(v->json, tool_mutation_name(mutation), &sum);
        total = (tally){ total.planted + sum.planted, total.killed + sum.killed, total.equivalent + sum.equivalent };
    }
    print_tally(v->json, "in all", &total);
    if (!v->json)
        printf("\nkilled %d of %d: %.4g %%\n", total.killed, total.planted,
               total.planted > 0 ? 100.0 * total.killed / total.planted : 100.0);
    cJSON_AddNumberToObject(object, "planted", total.planted);
    cJSON_AddNumberToObject(object, "killed", total.killed);
    cJSON_AddItemToObject(object, "survivors", survivors);
    if (!v->json)
        cJSON_Delete(object);
    else if (print_object(command, object) != 0)
        return 1;
    return total.killed == total.planted ? 0 : 1;
}

/* ---- What gradients cost ----------------------------------------------------------------------------------------- */

static int print_cost(const tool_command *command, bool json, const char *what, const tool_cost *cost,
                      const char *about)
{
    if (!json) {
        printf("%-20s %10g %12g %8.4f  %s\n", what, cost->value, cost->both, cost->ratio, about);
        return 0;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "of", what);
    cJSON_AddNumberToObject(object, "value", cost->value);
    cJSON_AddNumberToObject(object, "both", cost->both);
    cJSON_AddNumberToObject(object, "ratio", cost->ratio);
    return print_object(command, object);
}

static int print_mlps(const tool_command *command, bool json, double *most)
{
    enum { LAYERS = 6, WIDTH = 64 };
    int status = 0;

    for (int layers = 1; layers <= LAYERS && status == 0; layers++) {
        tool_cost all, products;
        char what[32], about[64];
        if (!tool_cost_of_mlp(layers, WIDTH, &all, &products))
            return tool_fail(command, "out of memory");
        snprintf(what, sizeof what, "MLP, %d layers", layers);
        status = print_cost(command, json, what, &all, "all of it");
        snprintf(about, sizeof about, "its matrix products; 3 - 1/L is %.4f", 3 - 1.0 / layers);
        if (status == 0)
            status = print_cost(command, json, what, &products, about);
        *most = all.ratio > *most ? all.ratio : *most;
    }
    return status;
}

static int print_costs(const tool_command *command, const values *v)
{
    size_t ops;
    const rg_op *const *table = rg_op_table(&ops);
    double most = 0;
    bool dear = false;
    int status = 0;

    if (!v->json)
        printf("%-20s %10s %12s %8s\n", "", "value", "and gradient", "ratio");
    for (size_t i = 0; i < ops && status == 0; i++) {
        int sample = 0;
        char about[64];
        if (!is_chosen(v, table[i]))
            continue;
        tool_cost cost = tool_cost_of_op(table[i], &sample);
        if (cost.ratio == 0)
            continue;
        snprintf(about, sizeof about, "sample %d", sample);
        status = print_cost(command, v->json, table[i]->name, &cost, about);
        dear = dear || !(cost.ratio <= TOOL_COST_MOST);
        most = cost.ratio > most ? cost.ratio : most;
    }
    if (status == 0 && v->op == NULL)
        status = print_mlps(command, v->json, &most);
    if (v->json && status == 0) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddNumberToObject(object, "most", most);
        cJSON_AddNumberToObject(object, "bound", TOOL_COST_MOST);
        status = print_object(command, object);
    } else if (status == 0) {
        printf("\nat most %.4g times the value; the bound is %d\n", most, TOOL_COST_MOST);
    }
    return status != 0 ? status : !dear && most <= TOOL_COST_MOST ? 0 : 1;
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

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

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    const values *v = given_values;
    char message[512];

    (void)given;
    if (v->op != NULL && v->all)
        return tool_misuse(command, "--op and --all exclude each other");
    if (v->mutate && v->cost)
        return tool_misuse(command, "--mutate and --cost exclude each other");
    if (v->junit != NULL && (v->mutate || v->cost))
        return tool_misuse(command, "--junit is for checks");
    if (v->op != NULL && rg_op_find(v->op) == NULL)
        return unknown_op(command, v->op);
    if (v->junit != NULL && !tool_output_check(v->junit, false, message, sizeof message))
        return tool_fail(command, "%s", message);
    return v->mutate ? attack(command, v) : v->cost ? print_costs(command, v) : check(command, v);
}

const tool_command tool_gradcheck = {
    .name = "gradcheck",
    .summary = "check the derivatives of the ops",
    .about = "Checks the derivative of each op of the library, and the derivative of that, in f64 and f32, at random "
             "points and in random directions, by four oracles: central differences (d), the complex step (c), the "
             "adjoint test against forward mode (a) and one-sided slopes at kinks (s). An op without a complex form "
             "goes without (c). Each failure comes with the command that shows it again.\n\n"
             "With --mutate the check itself is attacked: a sign, a factor, a lost element and other mistakes are "
             "planted into each derivative, one at a time, and all must be found. With --cost the work of the gradient is "
             "counted: with the value it must not be more than five times the value.\n\n"
             "Exit status: 0 if all is well; 1 if a derivative fails, a mistake survives or a gradient is too dear, or "
             "something cannot be written; 2 if the command is used wrongly.",
    .examples = "  retrograd gradcheck --op tanh\n"
                "  retrograd gradcheck --all --seeds 100 --junit gradcheck.xml\n"
                "  retrograd gradcheck --mutate --json | tail -n 1\n",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
