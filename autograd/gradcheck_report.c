/* gradcheck_report.c: a check from its options to its result, and what is said of each failure. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "gradcheck_compare.h"

static const char *const verdicts[] = {
    [RG_CHECK_OK] = "ok",           [RG_CHECK_WRONG] = "wrong", [RG_CHECK_NONFINITE] = "non-finite",
    [RG_CHECK_VACUOUS] = "vacuous", [RG_CHECK_NOISE] = "noise", [RG_CHECK_KINK] = "kink",
    [RG_CHECK_NONDETERMINISTIC] = "nondeterministic",           [RG_CHECK_ERROR] = "error",
};
static const char *const oracles[] = {
    [RG_ORACLE_NONE] = "none",   [RG_ORACLE_DIFFERENCES] = "differences", [RG_ORACLE_COMPLEX] = "complex",
    [RG_ORACLE_ADJOINT] = "adjoint", [RG_ORACLE_SIDES] = "sides",         [RG_ORACLE_ZERO] = "zero",
    [RG_ORACLE_REPETITION] = "repetition",
};

const char *rg_verdict_name(rg_verdict verdict)
{
    return (unsigned)verdict < sizeof verdicts / sizeof verdicts[0] ? verdicts[verdict] : "?";
}

const char *rg_oracle_name(rg_oracle oracle)
{
    return (unsigned)oracle < sizeof oracles / sizeof oracles[0] ? oracles[oracle] : "?";
}

/* ---- Beginning and end --------------------------------------------------------------------------------------- */

void *rg_check_take(rg_check *check, int64_t count, size_t item)
{
    size_t bytes;
    void *memory = NULL;
    if (rg_size_mul((size_t)count, item, &bytes)) memory = rg_arena_take_zeroed(&check->arena, bytes);
    if (!memory) rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "out of memory");
    return memory;
}

static bool is_tolerance(double number)
{
    return number >= 0 && number < INFINITY;
}

static const rg_gradcheck_result nothing_found = { .argument = -1, .index = -1, .sample = -1, .node = -1 };

bool rg_check_begin(rg_check *check, const rg_op *op, const rg_gradcheck_options *options,
                    rg_gradcheck_result *result)
{
    *check = (rg_check){ .op = op, .result = result, .sample = -1 };
    *result = nothing_found;
    if (options) check->options = *options;
    check->name = op ? op->name : check->options.name;
    if (check->options.seeds == 0) check->options.seeds = 3;
    if (check->options.directions == 0) check->options.directions = 4;
    check->seed = check->options.seed;
    const rg_gradcheck_options *o = &check->options;
    bool sensible = o->seeds > 0 && o->directions > 0 && is_tolerance(o->relative) && is_tolerance(o->absolute);
    if (!sensible) {
        rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "an option is negative or not a number");
        return false;
    }
    check->tape = rg_tape_new_with((rg_tape_options){ .threads = 1 });
    if (!check->tape) rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "out of memory");
    return check->tape != NULL;
}

bool rg_check_end(rg_check *check)
{
    const rg_gradcheck_result *result = check->result;
    rg_tape_free(check->tape);
    rg_arena_free(&check->arena);
    rg_arena_free(&check->walk);
    if (check->options.report)
        fprintf(check->options.report, "%s: %d checked, %d failed: %s\n", check->name ? check->name : "gradcheck",
                result->checked, result->failed, rg_verdict_name(result->verdict));
    return result->verdict == RG_CHECK_OK;
}

/* ---- Failures -------------------------------------------------------------------------------------------------- */

/* "swish: argument 1: text, at tanh (model.c:41) (complex, order 1, sample 2, seed 4)" */
static void write_message(const rg_check *check, const rg_gradcheck_result *row, const char *text, char *message)
{
    size_t used = 0;
    message[0] = '\0';
    if (check->name) rg_append(message, RG_MESSAGE_SIZE, &used, "%s: ", check->name);
    rg_append(message, RG_MESSAGE_SIZE, &used, "%s", text);
    if (!check->op && row->op[0])
        rg_append(message, RG_MESSAGE_SIZE, &used, ", because of %s%s%s (%s)", row->op, row->name[0] ? " " : "",
                  row->name, rg_site_short(row->site));
    rg_append(message, RG_MESSAGE_SIZE, &used, " (");
    if (row->oracle) rg_append(message, RG_MESSAGE_SIZE, &used, "%s, ", rg_oracle_name(row->oracle));
    if (row->order) rg_append(message, RG_MESSAGE_SIZE, &used, "order %d, ", row->order);
    if (row->dtype == RG_F32) rg_append(message, RG_MESSAGE_SIZE, &used, "f32, ");
    if (row->sample >= 0) rg_append(message, RG_MESSAGE_SIZE, &used, "sample %d, ", row->sample);
    rg_append(message, RG_MESSAGE_SIZE, &used, "seed %" PRIu64 ")", row->seed);
}

/* The distance to the next number of the dtype. */
static double last_place(double number, rg_dtype dtype)
{
    const double size = fabs(number), epsilon = dtype == RG_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    return size > DBL_MIN ? exp2(floor(log2(size))) * epsilon : DBL_MIN * epsilon;
}

static void measure(rg_gradcheck_result *row)
{
    const double larger = fmax(fabs(row->analytic), fabs(row->numeric));
    row->absolute = fabs(row->analytic - row->numeric);
    row->relative = row->absolute > 0 ? row->absolute / larger : row->absolute;
    row->ulp = row->absolute > 0 ? row->absolute / last_place(larger, row->dtype) : row->absolute;
}

static void describe_function(const rg_check *check, rg_gradcheck_result *row)
{
    const int k = row->argument;
    const bool derivative = row->order > 0 && (row->verdict == RG_CHECK_WRONG || row->verdict == RG_CHECK_NONFINITE);
    if (k >= 0 && check->system && k < check->system->operands && check->in && check->in[k].name)
        snprintf(row->name, sizeof row->name, "%s", check->in[k].name);
    if (derivative && check->system && (check->result->failed == 0 || check->options.row))
        rg_check_find_culprit(check, row);
    snprintf(row->replay, sizeof row->replay, "rg_gradcheck with .seed = %" PRIu64 ", .seeds = 1, .directions = %d%s",
             row->seed, check->options.directions, check->options.first_order_only ? ", .first_order_only = true" : "");
}

static void describe_op(const rg_check *check, rg_gradcheck_result *row)
{
    const char *order = check->options.first_order_only ? " --first-order" : "";
    snprintf(row->op, sizeof row->op, "%s", check->name);
    snprintf(row->replay, sizeof row->replay,
             "retrograd gradcheck --op %s --seed %" PRIu64 " --seeds 1 --directions %d%s", check->name, row->seed,
             check->options.directions, order);
}

void rg_check_fail_at(rg_check *check, rg_verdict verdict, const rg_finding *finding, const char *format, ...)
{
    char text[RG_MESSAGE_SIZE];
    rg_gradcheck_result row = nothing_found, *result = check->result;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    row.verdict = verdict;
    row.oracle = finding->oracle;
    row.order = finding->order;
    row.argument = finding->argument;
    row.index = finding->index;
    row.analytic = finding->analytic;
    row.numeric = finding->numeric;
    row.bound = finding->bound;
    row.step = finding->step;
    row.convergence = finding->convergence;
    row.dtype = check->system && check->system->narrow ? RG_F32 : RG_F64;
    row.sample = check->sample;
    row.seed = check->seed;
    measure(&row);
    if (check->op) describe_op(check, &row);
    else describe_function(check, &row);
    write_message(check, &row, text, row.message);
    row.checked = result->checked;
    row.oracles = result->oracles;
    row.failed = result->failed + 1;
    if (check->options.report) fprintf(check->options.report, "%s: %s\n", rg_verdict_name(verdict), row.message);
    if (check->options.row) check->options.row(&row, check->options.row_context);
    if (result->failed++ == 0) *result = row;
}

bool rg_check_tape_failed(rg_check *check, const rg_tape *tape)
{
    rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "%s", rg_message(tape));
    return false;
}
