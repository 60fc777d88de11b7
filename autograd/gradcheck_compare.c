/* gradcheck_compare.c: the derivative against the differences at one point, and the verdict on them. */
#include "gradcheck_compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- Random numbers ------------------------------------------------------------------------------------------ */

uint64_t rg_check_stream(const rg_check *check, rg_draw use, int order, int turn, int argument)
{
    uint64_t stream = (uint64_t)use;
    stream = stream << 2 | (uint64_t)order;
    stream = stream << 24 | (uint64_t)turn;
    stream = stream << 16 | (uint64_t)argument;
    return stream << 16 | (uint64_t)(check->sample + 1);
}

void rg_check_draw_signed(uint64_t seed, uint64_t stream, int64_t count, double *numbers)
{
    for (int64_t i = 0; i < count; i++) {
        double x = 2 * rg_random_uniform(seed, stream, (uint64_t)i) - 1;
        numbers[i] = (double)(float)(x < 0 ? (x - 1) / 2 : (x + 1) / 2);
    }
}

/* ---- Verdicts ------------------------------------------------------------------------------------------------ */

static const char *const verdicts[] = {
    [RG_CHECK_OK] = "ok",           [RG_CHECK_WRONG] = "wrong", [RG_CHECK_NONFINITE] = "non-finite",
    [RG_CHECK_VACUOUS] = "vacuous", [RG_CHECK_NOISE] = "noise", [RG_CHECK_ERROR] = "error",
};

const char *rg_verdict_name(rg_verdict verdict)
{
    return (unsigned)verdict < sizeof verdicts / sizeof verdicts[0] ? verdicts[verdict] : "?";
}

/* "swish: argument 1: text (order 1, sample 2, seed 4)" */
static void write_message(const rg_check *check, int order, const char *text, char *message)
{
    size_t used = 0;
    message[0] = '\0';
    if (check->name) rg_append(message, RG_MESSAGE_SIZE, &used, "%s: ", check->name);
    rg_append(message, RG_MESSAGE_SIZE, &used, "%s (", text);
    if (order) rg_append(message, RG_MESSAGE_SIZE, &used, "order %d, ", order);
    if (check->sample >= 0) rg_append(message, RG_MESSAGE_SIZE, &used, "sample %d, ", check->sample);
    rg_append(message, RG_MESSAGE_SIZE, &used, "seed %" PRIu64 ")", check->seed);
}

void rg_check_fail(rg_check *check, rg_verdict verdict, int order, int argument, const char *format, ...)
{
    char text[RG_MESSAGE_SIZE], message[RG_MESSAGE_SIZE];
    rg_gradcheck_result *result = check->result;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_message(check, order, text, message);
    if (check->options.report) fprintf(check->options.report, "%s: %s\n", rg_verdict_name(verdict), message);
    if (result->failed++) return;
    result->verdict = verdict;
    result->order = order;
    result->argument = argument;
    result->sample = check->sample;
    result->seed = check->seed;
    memcpy(result->message, message, sizeof message);
}

bool rg_check_tape_failed(rg_check *check, const rg_tape *tape)
{
    rg_check_fail(check, RG_CHECK_ERROR, 0, -1, "%s", rg_message(tape));
    return false;
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

bool rg_check_begin(rg_check *check, const char *name, const rg_gradcheck_options *options,
                    rg_gradcheck_result *result)
{
    *check = (rg_check){ .name = name, .result = result, .sample = -1 };
    *result = (rg_gradcheck_result){ .argument = -1, .index = -1, .sample = -1 };
    if (options) check->options = *options;
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
    if (check->options.report)
        fprintf(check->options.report, "%s: %d checked, %d failed: %s\n", check->name ? check->name : "gradcheck",
                result->checked, result->failed, rg_verdict_name(result->verdict));
    return result->verdict == RG_CHECK_OK;
}

/* ---- One comparison ------------------------------------------------------------------------------------------ */

/* One derivative told in two ways. */
typedef struct {
    double analytic, numeric, error;
} comparison;

static rg_tolerance tolerance_of(const rg_check *check, int order)
{
    const rg_gradcheck_options *o = &check->options;
    return (rg_tolerance){ .absolute = o->absolute > 0 ? o->absolute : 1e-8,
                           .relative = o->relative > 0 ? o->relative : order == 1 ? 1e-7 : 1e-6 };
}

static double allowed(const comparison *c, rg_tolerance tolerance)
{
    return rg_tolerance_at(tolerance, fmax(fabs(c->analytic), fabs(c->numeric)));
}

static double bound_of(const comparison *c, rg_tolerance tolerance)
{
    double allowance = allowed(c, tolerance);
    return allowance + fmin(c->error, allowance);
}

/* Differences that are uncertain by more than the tolerance cannot confirm anything; they still refute what is far
 * outside their uncertainty. */
static rg_verdict judge(const comparison *c, rg_tolerance tolerance)
{
    const double apart = fabs(c->analytic - c->numeric), allowance = allowed(c, tolerance);
    enum { CERTAINTY = 10 };
    if (!isfinite(c->analytic) || !isfinite(c->numeric)) return RG_CHECK_NONFINITE;
    if (apart > allowance + CERTAINTY * c->error) return RG_CHECK_WRONG;
    if (!(c->error <= allowance)) return RG_CHECK_NOISE;
    return apart <= bound_of(c, tolerance) ? RG_CHECK_OK : RG_CHECK_WRONG;
}

/* Everything about one probe of one argument. */
typedef struct {
    rg_check *check;
    rg_check_system *system;
    int k;                    /* the argument */
    const double *cotangent;
    const double *gradient;   /* of the argument; NULL: declared zero */
    rg_tolerance tolerance;
    double *u;
} probe;

static bool compare(const probe *p, comparison *c)
{
    const int64_t count = p->system->argument[p->k].count;
    rg_check_slope slope;
    if (!rg_check_differences(p->system, p->k, p->u, p->cotangent, p->tolerance, &slope)) return false;
    *c = (comparison){ 0, slope.value, slope.error };
    for (int64_t i = 0; p->gradient && i < count; i++) c->analytic += p->gradient[i] * p->u[i];
    return true;
}

/* How badly they differ; what cannot be compared differs most. */
static double severity(const comparison *c, rg_tolerance tolerance)
{
    double ratio = fabs(c->analytic - c->numeric) / bound_of(c, tolerance);
    return isnan(ratio) ? INFINITY : ratio;
}

/* ---- The worst element --------------------------------------------------------------------------------------- */

/* Along the direction restricted to begin <= i < end; along ones if there is none. */
static bool compare_within(probe *p, const double *direction, int64_t begin, int64_t end, comparison *c)
{
    const int64_t count = p->system->argument[p->k].count;
    for (int64_t i = 0; i < count; i++) p->u[i] = i < begin || i >= end ? 0 : direction ? direction[i] : 1;
    return compare(p, c);
}

/* Halves the range while it is long, then looks at each element. */
static bool locate(probe *p, const double *direction, int64_t *worst, comparison *found)
{
    enum { FEW = 16 };
    int64_t begin = 0, end = p->system->argument[p->k].count;
    double most = -1;
    comparison c, d;
    while (end - begin > FEW) {
        int64_t middle = begin + (end - begin) / 2;
        if (!compare_within(p, direction, begin, middle, &c) || !compare_within(p, direction, middle, end, &d))
            return false;
        if (severity(&c, p->tolerance) >= severity(&d, p->tolerance)) end = middle;
        else begin = middle;
    }
    for (int64_t i = begin; i < end; i++) {
        if (!compare_within(p, NULL, i, i + 1, &c)) return false;
        if (severity(&c, p->tolerance) <= most) continue;
        most = severity(&c, p->tolerance);
        *worst = i;
        *found = c;
    }
    return true;
}

/* ---- A failed comparison ------------------------------------------------------------------------------------- */

/* "argument 1", or what else the system has an argument for. */
static void describe_argument(const rg_check_system *system, int k, char *text, size_t size)
{
    if (k < system->operands) snprintf(text, size, "argument %d", system->argument[k].number);
    else snprintf(text, size, "the result's cotangent");
}

static void report_failure(const probe *p, rg_verdict verdict, int64_t index, const comparison *c)
{
    char argument[64], element[48] = "";
    const char *comment = verdict == RG_CHECK_NOISE ? ": the differences do not converge"
                        : p->gradient ? "" : ": declared to have no gradient, but the result changes with it";
    const double bound = bound_of(c, p->tolerance);
    rg_gradcheck_result *result = p->check->result;
    describe_argument(p->system, p->k, argument, sizeof argument);
    if (index >= 0) snprintf(element, sizeof element, ", element %" PRId64, index);
    if (result->failed == 0) {
        result->index = index;
        result->analytic = c->analytic;
        result->numeric = c->numeric;
        result->bound = bound;
    }
    rg_check_fail(p->check, verdict, p->system->order, p->system->argument[p->k].number,
                  "%s%s%s: analytic %.10g, numeric %.10g, bound %.2g", argument, element, comment, c->analytic,
                  c->numeric, bound);
}

static bool handle_failure(probe *p, rg_verdict verdict, comparison c)
{
    const int64_t count = p->system->argument[p->k].count;
    int64_t index = -1;
    if (verdict == RG_CHECK_WRONG && (p->check->result->failed == 0 || p->check->options.report)) {
        double *direction = rg_check_take(p->check, count, sizeof *direction);
        if (!direction) return false;
        memcpy(direction, p->u, (size_t)count * sizeof *direction);
        if (!locate(p, direction, &index, &c)) return rg_check_tape_failed(p->check, p->check->tape);
    }
    report_failure(p, verdict, index, &c);
    return true;
}

/* ---- A system at its point ----------------------------------------------------------------------------------- */

static bool compare_argument(probe *p, int turn)
{
    const rg_check_argument *argument = &p->system->argument[p->k];
    rg_check *check = p->check;
    comparison c;
    if (argument->count == 0 || argument->role == RG_ROLE_INDEX || argument->role == RG_ROLE_WALL) return true;
    uint64_t stream = rg_check_stream(check, RG_DRAW_DIRECTION, p->system->order, turn, p->k);
    rg_check_draw_signed(check->seed, stream, argument->count, p->u);
    if (!compare(p, &c)) return rg_check_tape_failed(check, check->tape);
    check->result->checked++;
    rg_verdict verdict = judge(&c, p->tolerance);
    return verdict == RG_CHECK_OK || handle_failure(p, verdict, c);
}

/* The first element that is not finite, or -1. */
static int64_t first_nonfinite(const double *numbers, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(numbers[i])) return i;
    return -1;
}

static bool gradient_is_finite(rg_check *check, const rg_check_system *system, const double *gradient)
{
    for (int k = 0; k < system->arguments; k++) {
        const rg_check_argument *argument = &system->argument[k];
        if (argument->role != RG_ROLE_FREE) continue;
        int64_t index = first_nonfinite(gradient + argument->first, argument->count);
        if (index < 0) continue;
        char text[64];
        describe_argument(system, k, text, sizeof text);
        double number = gradient[argument->first + index];
        check->result->checked++;
        if (check->result->failed == 0) {
            check->result->index = index;
            check->result->analytic = number;
        }
        rg_check_fail(check, RG_CHECK_NONFINITE, system->order, argument->number,
                      "%s, element %" PRId64 ": the derivative is %g", text, index, number);
        return false;
    }
    return true;
}

static void note_reached(const rg_check_system *system, const double *gradient, bool *reached)
{
    for (int k = 0; k < system->operands; k++) {
        const rg_check_argument *argument = &system->argument[k];
        if (argument->role != RG_ROLE_FREE) continue;
        for (int64_t i = 0; i < argument->count; i++) reached[k] = reached[k] || gradient[argument->first + i] != 0;
    }
}

static bool value_is_usable(rg_check *check, const rg_check_system *system)
{
    const char *value = system->order == 1 ? "value" : "derivative";
    bool finite = first_nonfinite(system->value, system->results) < 0;
    if (finite && system->repeats) return true;
    check->result->checked++;
    if (!finite) rg_check_fail(check, RG_CHECK_NONFINITE, system->order, -1, "the %s is not finite", value);
    else rg_check_fail(check, RG_CHECK_NOISE, system->order, -1, "the same numbers give another %s each time", value);
    return false;
}

static bool compare_system(rg_check *check, rg_check_system *system, bool *reached)
{
    int64_t most = 1;
    if (!rg_check_open(system)) return rg_check_tape_failed(check, check->tape);
    for (int k = 0; k < system->arguments; k++)
        if (system->argument[k].count > most) most = system->argument[k].count;
    double *cotangent = rg_check_take(check, system->results, sizeof *cotangent);
    double *gradient = rg_check_take(check, system->variables, sizeof *gradient);
    double *u = rg_check_take(check, most, sizeof *u);
    if (!cotangent || !gradient || !u) return false;
    if (!value_is_usable(check, system)) return true;
    for (int turn = 0; system->results > 0 && turn < check->options.directions; turn++) {
        uint64_t stream = rg_check_stream(check, RG_DRAW_COTANGENT, system->order, turn, 0);
        rg_check_draw_signed(check->seed, stream, system->results, cotangent);
        if (!rg_check_adjoint(system, cotangent, gradient)) return rg_check_tape_failed(check, check->tape);
        if (!gradient_is_finite(check, system, gradient)) return true;
        if (system->order == 1) note_reached(system, gradient, reached);
        for (int k = 0; k < system->arguments; k++) {
            const rg_check_argument *argument = &system->argument[k];
            bool free = argument->role == RG_ROLE_FREE;
            probe p = { check, system, k, cotangent, free ? gradient + argument->first : NULL,
                        tolerance_of(check, system->order), u };
            if (!compare_argument(&p, turn)) return false;
        }
    }
    return true;
}

bool rg_check_point(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument,
                    bool *reached)
{
    const int failed = check->result->failed;
    rg_check_system first = { .tape = check->tape, .arena = &check->arena, .function = function, .context = context,
                              .order = 1, .operands = n, .arguments = n, .argument = argument };
    if (!compare_system(check, &first, reached)) return false;
    /* The derivative of a wrong derivative tells nothing. */
    bool differentiable = first.variables > 0 && (first.dtype == RG_F32 || first.dtype == RG_F64);
    if (check->options.first_order_only || !differentiable || check->result->failed > failed) return true;

    double *seed = rg_check_take(check, first.results, sizeof *seed);
    if (!seed) return false;
    rg_check_draw_signed(check->seed, rg_check_stream(check, RG_DRAW_SEED, 2, 0, n), first.results, seed);
    argument[n] = (rg_check_argument){ .role = RG_ROLE_FREE, .number = n, .dtype = first.dtype, .shape = first.shape,
                                       .count = first.results, .at = seed };
    rg_check_system second = first;
    second.order = 2;
    second.arguments = n + 1;
    return compare_system(check, &second, NULL);
}
