/* gradcheck_culprit.c: which node of a function has the wrong derivative: each is checked alone, where it stands. */
#include <stdlib.h>
#include <string.h>

#include "gradcheck_compare.h"
#include "shape.h"

enum { MOST_NODES = 1000, MOST_ELEMENTS = 100000 };

static rg_tensor apply_node(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    const rg_node *node = context;
    (void)tape;
    return rg_apply(node->op, node->attributes, n, in);
}

/* The node's operands as arguments, with the values that they have on the tape. */
static bool take_operands(rg_tape *tape, const rg_node *node, rg_gradcheck_input *in, double **values)
{
    int64_t total = 0, used = 0;
    for (uint32_t k = 0; k < node->operands; k++) total += rg_elements(tape->nodes[rg_edges(tape, node)[k]].shape);
    if (total > MOST_ELEMENTS) return false;
    double *numbers = *values = malloc(2 * ((size_t)total + 1) * sizeof *numbers);
    for (uint32_t k = 0; numbers && k < node->operands; k++) {
        const rg_tensor t = rg_handle(tape, rg_edges(tape, node)[k]);
        const int64_t count = rg_shape_count(rg_shape_of(t));
        in[k] = (rg_gradcheck_input){ .dtype = rg_dtype_of(t), .shape = rg_shape_of(t), .values = numbers + used,
                                      .no_gradient = k < 32 && node->op->no_gradient >> k & 1u };
        if (!rg_check_read(t, count, numbers + total + 1, numbers + used)) return false;
        used += count;
    }
    return numbers != NULL;
}

/* Whether the derivative of this node alone fails. */
static bool is_culprit(rg_tape *tape, rg_node node)
{
    rg_gradcheck_input in[RG_MAX_OPERANDS];
    rg_gradcheck_result result = { .verdict = RG_CHECK_OK };
    double *values = NULL;
    const rg_gradcheck_options quiet = { .seeds = 1, .directions = 3, .allow_vacuous = true };
    bool worth_it = node.op->kind != RG_LEAF && node.op->vjp && node.operands > 0 && node.operands <= RG_MAX_OPERANDS;
    if (worth_it && take_operands(tape, &node, in, &values))
        rg_gradcheck(apply_node, &node, (int)node.operands, in, &quiet, &result);
    free(values);
    return result.verdict == RG_CHECK_WRONG || result.verdict == RG_CHECK_NONFINITE;
}

/* A check inside a check: on a tape of its own, and never of an op alone, where it would not end. */
void rg_check_find_culprit(const rg_check *check, rg_gradcheck_result *result)
{
    const rg_check_system *s = check->system;
    const rg_tape_options options = { .threads = 1, .eager = true };
    rg_tape *tape = s->function == apply_node ? NULL : rg_tape_new_with(options);
    rg_tensor *in = calloc((size_t)s->operands + 1, sizeof *in);
    double *room = NULL;
    int64_t most = 1;
    for (int i = 0; i < s->operands; i++) most = s->argument[i].count > most ? s->argument[i].count : most;
    room = malloc((size_t)most * sizeof *room);
    if (tape && in && room) {
        for (int i = 0; i < s->operands; i++) in[i] = rg_check_input(tape, &s->argument[i], s->argument[i].at, room);
        const rg_tensor y = s->function(tape, in, s->operands, s->context);
        const bool good = !rg_failed(tape) && !rg_is_null(y) && y.tape == tape && tape->node_count <= MOST_NODES;
        for (uint32_t j = 0; good && j <= y.node; j++) {
            if (!is_culprit(tape, tape->nodes[j])) continue;
            const rg_node *node = &tape->nodes[j];
            snprintf(result->op, sizeof result->op, "%s", node->op->name);
            if (node->name) snprintf(result->name, sizeof result->name, "%s", node->name);
            if (node->site) snprintf(result->site, sizeof result->site, "%s", node->site);
            result->node = j;
            break;
        }
    }
    free(room);
    free(in);
    rg_tape_free(tape);
}
