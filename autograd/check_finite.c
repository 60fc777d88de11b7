/* check_finite.c: where a value stops being finite. All nodes are computed, in the order of recording, forward and then
 * adjoints; a producer is the first to hold what none of its operands does, and what comes behind it propagates. */
#include <math.h>
#include <string.h>

#include "evaluate.h"
#include "gradient.h"
#include "params.h"
#include "shape.h"

enum { INFINITE = 1, NAN_THERE = 2 };

/* What a node's value holds. */
typedef struct {
    uint8_t kinds;
    int64_t first_infinite, first_nan;
} finding;

typedef struct {
    rg_tape *tape;
    size_t count;
    finding *findings;         /* by node */
} search;

static const void *value_of(const rg_node *node)
{
    const rg_parameter_leaf *leaf = node->op == &rg_op_parameter ? node->attributes : NULL;
    return leaf ? rg_param_pointer(leaf->param) : node->data;
}

static double number_at(const rg_node *node, int64_t i)
{
    return rg_element((rg_dtype)node->dtype, value_of(node), i);
}

static finding look_at(const rg_node *node)
{
    finding f = { 0, -1, -1 };
    const int64_t count = rg_elements(node->shape);
    if (!rg_dtype_is_float((rg_dtype)node->dtype)) return f;
    for (int64_t i = 0; i < count && f.kinds != (INFINITE | NAN_THERE); i++) {
        const double x = number_at(node, i);
        if (isnan(x) && !(f.kinds & NAN_THERE)) {
            f.kinds |= NAN_THERE;
            f.first_nan = i;
        } else if (isinf(x) && !(f.kinds & INFINITE)) {
            f.kinds |= INFINITE;
            f.first_infinite = i;
        }
    }
    return f;
}

/* ---- Computing everything ------------------------------------------------------------------------------ */

/* The nodes that have no value are given one, for the time being. */
static bool compute_all(search *s, uint32_t **lacking, size_t *count)
{
    rg_tape *tape = s->tape;
    *count = 0;
    *lacking = rg_arena_take(&tape->scratch, (s->count + 1) * sizeof **lacking);
    s->findings = rg_arena_take_zeroed(&tape->scratch, (s->count + 1) * sizeof *s->findings);
    if (!*lacking || !s->findings) return rg_fail(tape, NULL, RG_E_MEMORY, "check_finite: out of memory"), false;
    for (uint32_t i = 0; i < s->count; i++) {
        const rg_node *node = &tape->nodes[i];
        const rg_parameter_leaf *leaf = node->op == &rg_op_parameter ? node->attributes : NULL;
        if (leaf && leaf->version != rg_params_version(leaf->param.store)) {
            rg_fail(tape, NULL, RG_E_STALE, "check_finite: stale: parameter %s has changed since it was recorded at %s",
                    node->name, rg_site_short(node->site));
            return false;
        }
        if (node->op->kind != RG_LEAF && !node->data) (*lacking)[(*count)++] = i;
    }
    return *count == 0 || rg_recompute(tape, *lacking, *count);
}

/* ---- Which node ---------------------------------------------------------------------------------------- */

/* The nodes to report, in the order of preference; node count: none. */
typedef struct {
    size_t made, infinite_leaf;
} first_ones;

static first_ones classify(search *s, rg_finite_report *report)
{
    first_ones first = { s->count, s->count };
    for (size_t i = 0; i < s->count; i++) {
        const rg_node *node = &s->tape->nodes[i];
        const finding f = s->findings[i] = look_at(node);
        uint8_t in = 0;
        if (!f.kinds) continue;
        for (uint32_t k = 0; k < node->operands; k++) in |= s->findings[rg_edges(s->tape, node)[k]].kinds;
        const bool made = (f.kinds & NAN_THERE && !(in & NAN_THERE)) || (f.kinds && !in);
        if (made && (node->op->kind == RG_LEAF || node->operands == 0) && f.kinds == INFINITE) {
            if (first.infinite_leaf == s->count) first.infinite_leaf = i;
        } else if (made) {
            report->producers++;
            if (first.made == s->count) first.made = i;
        } else report->propagators++;
    }
    return first;
}

/* ---- In words ------------------------------------------------------------------------------------------ */

static void index_of(const rg_shape *shape, int64_t flat, int64_t *index)
{
    for (int i = shape->rank; i-- > 0;) {
        index[i] = flat % shape->size[i];
        flat /= shape->size[i];
    }
}

/* Where an operand of an elementwise op is read for that element of the result. */
static int64_t place_in(const rg_shape *operand, const rg_shape *result, const int64_t *index)
{
    int64_t flat = 0;
    for (int i = 0; i < operand->rank; i++) {
        const int64_t at = index[result->rank - operand->rank + i];
        flat = flat * operand->size[i] + (operand->size[i] == 1 ? 0 : at);
    }
    return flat;
}

static void describe_operand(const search *s, const rg_node *node, int k, rg_finite_report *report, size_t *used)
{
    const rg_node *operand = &s->tape->nodes[rg_edges(s->tape, node)[k]];
    const int64_t count = rg_elements(operand->shape);
    const bool by_element = node->op->kind == RG_ELEMENTWISE && !(node->op->uniform >> k & 1u);
    const char *between = k ? ", " : "";
    char text[160];
    rg_describe(s->tape, operand, text, sizeof text);
    report->operand[k] = NAN;
    if (count == 1 || (by_element && count > 0)) {
        report->operand[k] = number_at(operand, count == 1 ? 0 : place_in(operand->shape, node->shape, report->index));
        rg_append(report->message, sizeof report->message, used, "%s%s is %.9g%s", between, text, report->operand[k],
                  count == 1 ? "" : " there");
        return;
    }
    double low = INFINITY, high = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        const double x = number_at(operand, i);
        if (x < low) low = x;
        if (x > high) high = x;
    }
    char *message = report->message;
    if (count == 0) rg_append(message, sizeof report->message, used, "%s%s has no elements", between, text);
    else rg_append(message, sizeof report->message, used, "%s%s is from %.9g to %.9g", between, text, low, high);
}

static void describe_place(const search *s, const rg_node *node, rg_finite_report *report, size_t *used)
{
    char text[160];
    char *message = report->message;
    rg_append(message, sizeof report->message, used, "%s%s%s: %g at [", rg_site_short(node->site), node->site ? ": " : "",
              node->op->name, report->value);
    for (int i = 0; i < report->rank; i++)
        rg_append(message, sizeof report->message, used, i ? ",%lld" : "%lld", (long long)report->index[i]);
    rg_describe(s->tape, node, text, sizeof text);
    if (!report->backward) {
        rg_append(message, sizeof report->message, used, "] of %s", text);
        return;
    }
    rg_append(message, sizeof report->message, used, "] of the adjoint %s", text);
    rg_describe(s->tape, &s->tape->nodes[node->forward], text, sizeof text);
    rg_append(message, sizeof report->message, used, ", in the derivative of %s", text);
}

static void describe(const search *s, size_t number, rg_finite_report *report)
{
    const rg_node *node = &s->tape->nodes[number];
    const finding f = s->findings[number];
    uint8_t in = 0;
    size_t used = 0;
    for (uint32_t k = 0; k < node->operands; k++) in |= s->findings[rg_edges(s->tape, node)[k]].kinds;
    const int64_t at = f.kinds & NAN_THERE ? f.first_nan : f.first_infinite;
    report->found = true;
    report->backward = node->flags & RG_NODE_ADJOINT;
    report->given = node->op->kind == RG_LEAF || node->operands == 0;
    report->op = node->op->name;
    report->site = node->site ? node->site : "";
    report->tensor = rg_handle(s->tape, report->backward ? node->forward : number);
    report->rank = node->shape->rank;
    report->value = number_at(node, at);
    index_of(node->shape, at, report->index);
    describe_place(s, node, report, &used);
    rg_append(report->message, sizeof report->message, &used, "%s", report->given ? ", as it was given"
              : in ? ", made of what is not NaN: " : ", made of finite numbers: ");
    report->operands = node->operands < RG_MAX_OPERANDS ? (int)node->operands : RG_MAX_OPERANDS;
    for (int k = 0; k < report->operands; k++) describe_operand(s, node, k, report, &used);
    if (report->producers > 1)
        rg_append(report->message, sizeof report->message, &used, "; %zu more are made elsewhere", report->producers - 1);
    if (report->propagators > 0)
        rg_append(report->message, sizeof report->message, &used,
                  "; %zu values behind are not finite because an operand is not", report->propagators);
}

/* ---- The call ------------------------------------------------------------------------------------------ */

/* What is behind the bookmark is of the check: a tensor named in the report is not. */
static void check(rg_tape *tape, rg_tensor loss, rg_finite_report *report)
{
    rg_sweep sweep;
    search s = { .tape = tape };
    uint32_t *lacking;
    size_t count;
    if (loss.tape && rg_solve_for_leaves(&sweep, "check_finite", loss, false)) return;
    s.count = tape->node_count;
    const rg_arena values = tape->values;
    const bool computed = compute_all(&s, &lacking, &count);
    if (computed) {
        const first_ones first = classify(&s, report);
        if (first.made < s.count) describe(&s, first.made, report);
        else if (first.infinite_leaf < s.count) describe(&s, first.infinite_leaf, report);
    }
    for (size_t i = 0; s.findings && i < count; i++) tape->nodes[lacking[i]].data = NULL;
    rg_arena_return(&tape->values, &values);
}

rg_status rg_tape_check_finite_at(const char *site, rg_tape *tape, rg_tensor loss, rg_finite_report *report)
{
    if (report) *report = (rg_finite_report){ .found = false };
    if (!tape) return RG_E_NULL;
    if (tape->error.status) return tape->error.status;
    const char *previous = rg_set_site(tape, site ? site : tape->site);
    if (!report) rg_fail(tape, site, RG_E_NULL, "check_finite: no report");
    else if (tape->recording_flags & RG_NODE_ADJOINT)
        rg_fail(tape, site, RG_E_STATE, "check_finite: derivatives are being recorded");
    else if (loss.tape && loss.tape != tape) rg_fail(tape, site, RG_E_TAPE, "check_finite: the loss is on another tape");
    else if (!loss.tape || rg_node_checked(site, "check_finite", loss)) {
        const rg_arena scratch = tape->scratch;
        const rg_bookmark before = rg_tape_bookmark(tape);
        check(tape, loss, report);
        rg_tape_forget(tape, &before);
        rg_arena_return(&tape->scratch, &scratch);
    }
    rg_set_site(tape, previous);
    return tape->error.status;
}
