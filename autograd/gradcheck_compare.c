/* gradcheck_compare.c: the derivative against what the oracles say at one point, and the verdict on it. */
#include "gradcheck_compare.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
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

/* ---- One comparison ------------------------------------------------------------------------------------------ */

/* One derivative told in two ways. */
typedef struct {
    rg_oracle oracle;
    double analytic, numeric, error;
    double allowance;         /* how far apart they may be, for all that is known of rounding */
    double step, convergence;
    bool bent;
} comparison;

/* Everything about one probe of one argument. */
typedef struct {
    rg_check *check;
    rg_check_system *system;
    int k;                    /* the argument */
    const double *cotangent;
    const double *gradient;   /* of the argument; NULL: declared zero */
    double *u;                /* the direction, */
    bool scaled;              /* with each element's size in it */
} probe;

static int64_t elements(const probe *p)
{
    return p->system->argument[p->k].count;
}

/* What the user asks for; or what can be asked of an oracle, in the first order and in the second. */
static rg_tolerance tolerance_of(const probe *p, rg_oracle oracle)
{
    const rg_gradcheck_options *o = &p->check->options;
    const bool first = p->system->order == 1;
    double relative = oracle == RG_ORACLE_DIFFERENCES ? first ? 1e-7 : 1e-6 : first ? 1e-11 : 1e-9;
    if (p->system->narrow) relative = (first ? 64 : 256) * (double)FLT_EPSILON;
    if (o->relative > 0) relative = o->relative;
    return (rg_tolerance){ .relative = relative, .absolute = p->system->narrow ? relative : relative / 10 };
}

/* (J'c)'u, and the size of its terms. */
static double analytic_slope(const probe *p, double *size)
{
    double sum = 0;
    *size = 0;
    for (int64_t i = 0; p->gradient && i < elements(p); i++) {
        sum += p->gradient[i] * p->u[i];
        *size += fabs(p->gradient[i] * p->u[i]);
    }
    return sum;
}

static double last_place_of(rg_dtype dtype)
{
    return dtype == RG_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}

/* What rounding each element of the gradient may make of its slope along u. */
static double rounding_of(const probe *p, double size)
{
    double sum = 0;
    for (int64_t i = 0; i < elements(p); i++) sum += fabs(p->u[i]);
    return 64 * last_place_of(p->system->narrow ? RG_F32 : RG_F64) * size * sum;
}

/* The terms of a sum may be much larger than the sum, and so may the rounding error of an analytic derivative: but for
 * that of differences, whose own error says more. */
static comparison compared(const probe *p, rg_oracle oracle, double analytic, double terms, const rg_check_slope *slope)
{
    const rg_tolerance t = tolerance_of(p, oracle);
    const bool exact = oracle != RG_ORACLE_DIFFERENCES || p->system->narrow;
    const double larger = fmax(fabs(analytic), fabs(slope->value)), size = exact ? fmax(larger, terms) : larger;
    const double asked = p->check->options.absolute, known = fmax(slope->size, p->system->size);
    const double absolute = asked > 0 ? asked : t.absolute * known + (exact ? rounding_of(p, known) : 0);
    return (comparison){ .oracle = oracle, .analytic = analytic, .numeric = slope->value, .error = slope->error,
                         .allowance = absolute + t.relative * size, .step = slope->step, .convergence = slope->order,
                         .bent = slope->bent };
}

/* An oracle compares along p->u. False on an error; *applies is left alone unless the oracle has nothing to say. */
typedef bool ask(const probe *p, comparison *c, bool *applies);

static bool ask_differences(const probe *p, comparison *c, bool *applies)
{
    rg_check_slope slope;
    double terms;
    (void)applies;
    if (!rg_check_differences(p->system, p->k, p->u, p->scaled, p->cotangent, tolerance_of(p, RG_ORACLE_DIFFERENCES), &slope))
        return false;
    const double analytic = analytic_slope(p, &terms);
    *c = compared(p, RG_ORACLE_DIFFERENCES, analytic, terms, &slope);
    return true;
}

static bool ask_complex(const probe *p, comparison *c, bool *applies)
{
    rg_check_slope slope;
    double terms;
    if (!rg_check_complex(p->system, p->k, p->u, p->cotangent, applies, &slope)) return false;
    const double analytic = analytic_slope(p, &terms);
    *c = compared(p, RG_ORACLE_COMPLEX, analytic, terms, &slope);
    return true;
}

static bool ask_adjoint(const probe *p, comparison *c, bool *applies)
{
    rg_check_slope forward, reverse;
    if (!rg_check_products(p->system, p->k, p->u, p->cotangent, applies, &forward, &reverse)) return false;
    const double terms = forward.size + reverse.size;
    forward.size = terms;
    for (int64_t i = 0; i < p->system->results; i++) forward.size += fabs(p->cotangent[i] * p->system->value[i]);
    forward.size = fmin(forward.size, 1);
    *c = compared(p, RG_ORACLE_ADJOINT, reverse.value, terms, &forward);
    return true;
}

/* The slopes of both sides: they differ as if one were analytic and the other numeric. */
static bool ask_sides(const probe *p, comparison *c, bool *applies)
{
    rg_check_slope sides[2];
    if (!rg_check_sides(p->system, p->k, p->u, p->cotangent, sides)) return false;
    const double size = fmax(fabs(sides[0].value), fabs(sides[1].value)), apart = fabs(sides[0].value - sides[1].value);
    *c = (comparison){ .oracle = RG_ORACLE_SIDES, .analytic = sides[0].value, .numeric = sides[1].value,
                       .error = fmax(sides[0].error, sides[1].error), .allowance = 1e-5 * size, .step = sides[1].step,
                       .convergence = NAN };
    *applies = isfinite(apart) && c->error < 1e-3 * apart;
    return true;
}

static double bound_of(const comparison *c)
{
    return c->allowance + fmin(c->error, c->allowance);
}

/* Differences that are uncertain by more than the tolerance cannot confirm anything; they still refute what is far
 * outside their uncertainty. */
static rg_verdict judge(const comparison *c)
{
    const double apart = fabs(c->analytic - c->numeric);
    enum { CERTAINTY = 10 };
    if (!isfinite(c->analytic) || !isfinite(c->numeric)) return RG_CHECK_NONFINITE;
    if (apart > c->allowance + CERTAINTY * c->error) return RG_CHECK_WRONG;
    if (!(c->error <= c->allowance)) return RG_CHECK_NOISE;
    return apart <= bound_of(c) ? RG_CHECK_OK : RG_CHECK_WRONG;
}

/* How badly they differ; what cannot be compared differs most. */
static double severity(const comparison *c)
{
    if (c->analytic == c->numeric) return 0;
    double ratio = fabs(c->analytic - c->numeric) / bound_of(c);
    return isnan(ratio) ? INFINITY : ratio;
}

/* ---- The worst element --------------------------------------------------------------------------------------- */

/* Along the direction restricted to begin <= i < end; along ones if there is none. */
static bool ask_within(probe *p, ask *oracle, const double *direction, int64_t begin, int64_t end, comparison *c)
{
    bool applies = true;
    for (int64_t i = 0; i < elements(p); i++) p->u[i] = i < begin || i >= end ? 0 : direction ? direction[i] : 1;
    return oracle(p, c, &applies);
}

/* Halves the range while it is long, then looks at each element. */
static bool locate(probe *p, ask *oracle, const double *direction, int64_t *worst, comparison *found)
{
    enum { FEW = 16 };
    int64_t begin = 0, end = elements(p);
    double most = -1;
    comparison c, d;
    while (end - begin > FEW) {
        int64_t middle = begin + (end - begin) / 2;
        if (!ask_within(p, oracle, direction, begin, middle, &c) || !ask_within(p, oracle, direction, middle, end, &d))
            return false;
        if (severity(&c) >= severity(&d)) end = middle;
        else begin = middle;
    }
    for (int64_t i = begin; i < end; i++) {
        if (!ask_within(p, oracle, p->scaled ? direction : NULL, i, i + 1, &c)) return false;
        if (severity(&c) <= most) continue;
        most = severity(&c);
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

static void report_failure(const probe *p, rg_verdict verdict, int64_t index, const comparison *c, double analytic)
{
    char argument[64], element[48] = "";
    const char *comment = verdict == RG_CHECK_NOISE ? ": the differences do not converge"
                        : p->gradient ? "" : ": declared to have no gradient, but the result changes with it";
    const rg_finding finding = { .oracle = c->oracle, .order = p->system->order, .argument = p->system->argument[p->k].number,
                                 .index = index, .analytic = analytic, .numeric = c->numeric, .bound = bound_of(c),
                                 .step = c->step, .convergence = c->convergence };
    describe_argument(p->system, p->k, argument, sizeof argument);
    if (index >= 0) snprintf(element, sizeof element, ", element %" PRId64, index);
    if (c->oracle == RG_ORACLE_SIDES)
        rg_check_fail_at(p->check, verdict, &finding, "%s%s: analytic %.10g, slope %.6g below and %.6g above", argument,
                         element, analytic, c->analytic, c->numeric);
    else
        rg_check_fail_at(p->check, verdict, &finding, "%s%s%s: analytic %.10g, numeric %.10g, bound %.2g", argument, element,
                         comment, analytic, c->numeric, finding.bound);
}

static bool handle_failure(probe *p, ask *oracle, rg_verdict verdict, comparison c)
{
    int64_t index = -1;
    const rg_gradcheck_options *o = &p->check->options;
    double terms, analytic = c.oracle == RG_ORACLE_ADJOINT ? c.analytic : analytic_slope(p, &terms);
    bool locates = verdict == RG_CHECK_WRONG || verdict == RG_CHECK_KINK;
    if (locates && (p->check->result->failed == 0 || o->report || o->row)) {
        double *direction = rg_check_take(p->check, elements(p), sizeof *direction);
        if (!direction) return false;
        memcpy(direction, p->u, (size_t)elements(p) * sizeof *direction);
        if (!locate(p, oracle, direction, &index, &c)) return rg_check_tape_failed(p->check, p->check->tape);
        analytic = c.oracle == RG_ORACLE_ADJOINT ? c.analytic : p->gradient ? p->gradient[index] * (p->scaled ? direction[index] : 1) : 0;
    }
    report_failure(p, verdict, index, &c, analytic);
    return true;
}

/* ---- The oracles in turn --------------------------------------------------------------------------------------- */

static void count(const probe *p, rg_oracle oracle)
{
    p->check->result->checked++;
    p->check->result->oracles |= 1u << oracle;
}

/* Whether there is a kink along u, and then what is to be said of it: what is given must lie between the slopes of
 * both sides. */
static bool look_for_kink(const probe *p, bool *found, rg_verdict *verdict, comparison *c)
{
    bool applies = true;
    double terms;
    *found = false;
    if (p->system->narrow && !p->system->wide) return true;
    if (!ask_sides(p, c, &applies)) return false;
    if (!applies || severity(c) <= 1) return true;
    const double analytic = analytic_slope(p, &terms), slack = 1e-3 * fabs(c->analytic - c->numeric);
    const bool between = analytic >= fmin(c->analytic, c->numeric) - slack && analytic <= fmax(c->analytic, c->numeric) + slack;
    *found = true;
    *verdict = !between ? RG_CHECK_WRONG : p->check->options.accept_kinks ? RG_CHECK_OK : RG_CHECK_KINK;
    count(p, RG_ORACLE_SIDES);
    return true;
}

/* Each element by its own size: what is very large does not hide what is very small. */
static void scale_by_argument(const probe *p)
{
    const double *at = p->system->argument[p->k].at;
    double smallest = 1;
    for (int64_t i = 0; i < elements(p); i++)
        if (at[i] != 0) smallest = fmin(smallest, fabs(at[i]));
    for (int64_t i = 0; i < elements(p); i++) p->u[i] *= at[i] != 0 ? fabs(at[i]) : smallest;
}

/* So that elements have shares of one size in the slope: a factor that is wrong where the derivative is a million times
 * smaller than elsewhere shows too. But what is smaller than a 10,000th may be little more than rounding error. */
static bool scale_by_gradient(const probe *p)
{
    double most = p->system->size;
    for (int64_t i = 0; i < p->system->results; i++) most = fmax(most, fmin(1, fabs(p->cotangent[i] * p->system->value[i])));
    for (int64_t i = 0; i < elements(p); i++) most = fmax(most, fabs(p->gradient[i]));
    for (int64_t i = 0; most > 0 && i < elements(p); i++) p->u[i] /= fmax(fabs(p->gradient[i]), 1e-4 * most);
    return most > 0;
}

static void draw_direction(const probe *p, int turn)
{
    const uint64_t stream = rg_check_stream(p->check, RG_DRAW_DIRECTION, p->system->order, turn, p->k);
    rg_check_draw_signed(p->check->seed, stream, elements(p), p->u);
}

/* What one oracle found, unless all is well. */
typedef struct {
    ask *oracle;
    rg_verdict verdict;
    comparison c;
} objection;

/* All arguments moved by some last places, so that what is computed from them is rounded otherwise. */
static bool nudge(const probe *p, int turn)
{
    for (int k = 0; k < p->system->arguments; k++) {
        rg_check_argument *a = &p->system->argument[k];
        if (a->role == RG_ROLE_INDEX) continue;
        double *at = rg_check_take(p->check, a->count + 1, sizeof *at);
        if (!at) return false;
        rg_check_draw_signed(p->check->seed, rg_check_stream(p->check, RG_DRAW_NUDGE, p->system->order, turn, k), a->count, at);
        const double far = a->role == RG_ROLE_FREE ? (a->dtype == RG_F32 ? 4 : 64) * last_place_of(a->dtype) : 0;
        for (int64_t i = 0; i < a->count; i++) {
            at[i] = a->at[i] * (1 + far * at[i]);
            if (a->dtype == RG_F32) at[i] = (double)(float)at[i];
        }
        a->at = at;
    }
    return true;
}

/* What rounding does to a comparison that has no estimate of it: where it is a matter of rounding that two numbers
 * differ, they differ otherwise some last places away. */
static bool estimate_rounding(const probe *p, ask *oracle, comparison *c)
{
    enum { NEIGHBOURS = 3 };
    rg_check_system *s = p->system;
    const double **at = rg_check_take(p->check, s->arguments, sizeof *at);
    bool applies = true, done = at != NULL;
    for (int k = 0; done && k < s->arguments; k++) at[k] = s->argument[k].at;
    for (int turn = 0; done && turn < NEIGHBOURS; turn++) {
        comparison other;
        done = nudge(p, turn) && oracle(p, &other, &applies);
        for (int k = 0; k < s->arguments; k++) s->argument[k].at = at[k];
        if (done) c->error = fmax(c->error, fabs(other.analytic - other.numeric - (c->analytic - c->numeric)));
    }
    return done;
}

/* Notes the oracle's objection if it has one and there is none yet. What its own rounding hides is none. */
static bool consult(const probe *p, ask *oracle, objection *first, comparison *c)
{
    bool applies = true;
    if (!oracle(p, c, &applies)) return rg_check_tape_failed(p->check, p->check->tape);
    if (!applies) return true;
    count(p, c->oracle);
    rg_verdict verdict = judge(c);
    if (verdict == RG_CHECK_WRONG && oracle != ask_differences) {
        if (!estimate_rounding(p, oracle, c)) return rg_check_tape_failed(p->check, p->check->tape);
        verdict = judge(c) == RG_CHECK_NOISE ? RG_CHECK_OK : judge(c);
    }
    if (verdict != RG_CHECK_OK && first->verdict == RG_CHECK_OK) *first = (objection){ oracle, verdict, *c };
    return true;
}

/* Differences, and if they lead nowhere along this direction, along one in which each element moves by its own size. */
static bool consult_differences(probe *p, int turn, objection *first, comparison *c)
{
    objection plain = { .verdict = RG_CHECK_OK }, scaled = plain;
    if (!consult(p, ask_differences, &plain, c)) return false;
    if (plain.verdict == RG_CHECK_NOISE || plain.verdict == RG_CHECK_NONFINITE) {
        p->scaled = true;
        scale_by_argument(p);
        bool done = consult(p, ask_differences, &scaled, c);
        if (scaled.verdict == RG_CHECK_OK || scaled.verdict == RG_CHECK_WRONG) plain = scaled;
        p->scaled = plain.verdict == RG_CHECK_WRONG;
        if (!p->scaled) draw_direction(p, turn);
        if (!done) return false;
    }
    if (plain.verdict != RG_CHECK_OK && first->verdict == RG_CHECK_OK) *first = plain;
    return true;
}

static bool compare_argument(probe *p, int turn)
{
    const rg_check_argument *argument = &p->system->argument[p->k];
    objection first = { .verdict = RG_CHECK_OK };
    comparison c = { .bent = false };
    if (argument->count == 0 || argument->role == RG_ROLE_INDEX || argument->role == RG_ROLE_WALL) return true;
    draw_direction(p, turn);
    if (!consult(p, ask_complex, &first, &c) || !consult_differences(p, turn, &first, &c)) return false;
    if (c.bent || first.verdict != RG_CHECK_OK) {
        bool kink;
        rg_verdict verdict;
        if (!p->scaled && !look_for_kink(p, &kink, &verdict, &c)) return rg_check_tape_failed(p->check, p->check->tape);
        if (!p->scaled && kink) first = (objection){ ask_sides, verdict, c };
        if (first.verdict != RG_CHECK_OK) return handle_failure(p, first.oracle, first.verdict, first.c);
        return true;
    }
    if (!p->gradient) return true;
    if (!p->check->options.first_order_only && !consult(p, ask_adjoint, &first, &c)) return false;
    if (first.verdict == RG_CHECK_OK && !p->system->narrow && scale_by_gradient(p)) {
        p->scaled = true;
        if (!consult(p, ask_complex, &first, &c)) return false;
    }
    return first.verdict == RG_CHECK_OK || handle_failure(p, first.oracle, first.verdict, first.c);
}

/* ---- A system at its point ----------------------------------------------------------------------------------- */

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
        const double number = gradient[argument->first + index];
        const rg_finding finding = { .order = system->order, .argument = argument->number, .index = index,
                                     .analytic = number };
        check->result->checked++;
        rg_check_fail_at(check, RG_CHECK_NONFINITE, &finding, "%s, element %" PRId64 ": the derivative is %g", text, index,
                         number);
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
    else rg_check_fail(check, RG_CHECK_NONDETERMINISTIC, system->order, -1, "the same numbers give another %s each time", value);
    return false;
}

/* Room for what all probes of a system share. */
typedef struct {
    double *cotangent, *gradient, *again, *u;
} probe_room;

static bool take_probe_room(rg_check *check, const rg_check_system *system, probe_room *room)
{
    int64_t most = 1;
    for (int k = 0; k < system->arguments; k++)
        if (system->argument[k].count > most) most = system->argument[k].count;
    room->cotangent = rg_check_take(check, system->results, sizeof(double));
    room->gradient = rg_check_take(check, system->variables + 1, sizeof(double));
    room->again = rg_check_take(check, system->variables + 1, sizeof(double));
    room->u = rg_check_take(check, most, sizeof(double));
    return room->cotangent && room->gradient && room->again && room->u;
}

/* J'0 = 0, and nothing else: not even a NaN from a factor of infinity. */
static bool check_zero(rg_check *check, rg_check_system *system, const probe_room *room)
{
    memset(room->cotangent, 0, (size_t)system->results * sizeof *room->cotangent);
    if (!rg_check_adjoint(system, room->cotangent, room->gradient)) return rg_check_tape_failed(check, check->tape);
    check->result->checked++;
    check->result->oracles |= 1u << RG_ORACLE_ZERO;
    for (int64_t i = 0; i < system->variables; i++) {
        const double number = room->gradient[i];
        if (number == 0) continue;
        const rg_finding finding = { .oracle = RG_ORACLE_ZERO, .order = system->order, .argument = -1, .index = -1,
                                     .analytic = number };
        rg_check_fail_at(check, isfinite(number) ? RG_CHECK_WRONG : RG_CHECK_NONFINITE, &finding,
                         "a cotangent of zeros gives a derivative of %g", number);
        return true;
    }
    return true;
}

/* When all is done the value is still what it was, and the gradient the same as just before. */
static bool check_repetition(rg_check *check, rg_check_system *system, const probe_room *room)
{
    const size_t results = (size_t)system->results * sizeof(double), variables = (size_t)system->variables * sizeof(double);
    const bool wide = system->wide;
    system->wide = false;
    bool done = rg_check_evaluate(system, -1, NULL, system->above) &&
                rg_check_adjoint(system, room->cotangent, room->gradient) &&
                rg_check_adjoint(system, room->cotangent, room->again);
    system->wide = wide;
    if (!done) return rg_check_tape_failed(check, check->tape);
    check->result->checked++;
    check->result->oracles |= 1u << RG_ORACLE_REPETITION;
    const bool value = memcmp(system->above, system->value, results) == 0;
    if (value && memcmp(room->gradient, room->again, variables) == 0) return true;
    const rg_finding finding = { .oracle = RG_ORACLE_REPETITION, .order = system->order, .argument = -1, .index = -1 };
    rg_check_fail_at(check, RG_CHECK_NONDETERMINISTIC, &finding, "the same numbers give another %s each time",
                     value ? "gradient" : "value");
    return true;
}

static bool compare_turn(rg_check *check, rg_check_system *system, const probe_room *room, int turn, bool *reached)
{
    const uint64_t stream = rg_check_stream(check, RG_DRAW_COTANGENT, system->order, turn, 0);
    rg_check_draw_signed(check->seed, stream, system->results, room->cotangent);
    if (!rg_check_adjoint(system, room->cotangent, room->gradient)) return rg_check_tape_failed(check, check->tape);
    if (!gradient_is_finite(check, system, room->gradient)) return false;
    if (reached) note_reached(system, room->gradient, reached);
    for (int k = 0; k < system->arguments; k++) {
        const rg_check_argument *argument = &system->argument[k];
        bool free = argument->role == RG_ROLE_FREE;
        probe p = { check, system, k, room->cotangent, free ? room->gradient + argument->first : NULL, room->u, false };
        if (!compare_argument(&p, turn)) return false;
    }
    return true;
}

static bool compare_system(rg_check *check, rg_check_system *system, bool *reached)
{
    probe_room room;
    if (!rg_check_open(system)) return rg_check_tape_failed(check, check->tape);
    if (!take_probe_room(check, system, &room)) return false;
    if (!value_is_usable(check, system) || system->results == 0) return true;
    for (int turn = 0; turn < check->options.directions; turn++)
        if (!compare_turn(check, system, &room, turn, reached)) return check->result->verdict != RG_CHECK_ERROR;
    return check_repetition(check, system, &room) && check_zero(check, system, &room);
}

static rg_check_system system_at(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument)
{
    return (rg_check_system){ .tape = check->tape, .arena = &check->arena, .walk = &check->walk, .function = function,
                              .context = context, .order = 1, .operands = n, .arguments = n, .argument = argument };
}

bool rg_check_kink(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument,
                   double *gradient)
{
    rg_check_system system = system_at(check, function, context, n, argument);
    const rg_gradcheck_options asked = check->options;
    probe_room room;
    if (!rg_check_open(&system)) return rg_check_tape_failed(check, check->tape);
    if (!take_probe_room(check, &system, &room)) return false;
    for (int64_t i = 0; i < system.results; i++) room.cotangent[i] = 1;
    if (!rg_check_adjoint(&system, room.cotangent, gradient)) return rg_check_tape_failed(check, check->tape);
    check->options.accept_kinks = check->options.first_order_only = true;
    check->system = &system;
    bool going = compare_turn(check, &system, &room, 0, NULL);
    check->system = NULL;
    check->options = asked;
    return going;
}

bool rg_check_near(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument)
{
    rg_check_system system = system_at(check, function, context, n, argument);
    probe_room room;
    if (!rg_check_open(&system)) return rg_check_tape_failed(check, check->tape);
    if (system.results == 0 || first_nonfinite(system.value, system.results) >= 0) return true;
    if (!take_probe_room(check, &system, &room)) return false;
    check->system = &system;
    bool going = compare_turn(check, &system, &room, 0, NULL);
    check->system = NULL;
    return going;
}

bool rg_check_point(rg_check *check, rg_function *function, void *context, int n, rg_check_argument *argument,
                    bool first_order_only, bool *reached)
{
    const int failed = check->result->failed;
    rg_check_system first = system_at(check, function, context, n, argument);
    check->system = &first;
    bool going = compare_system(check, &first, reached);
    check->system = NULL;
    /* The derivative of a wrong derivative tells nothing. */
    bool differentiable = first.variables > 0 && (first.dtype == RG_F32 || first.dtype == RG_F64);
    if (!going || first_order_only || !differentiable || check->result->failed > failed) return going;

    double *seed = rg_check_take(check, first.results, sizeof *seed);
    if (!seed) return false;
    rg_check_draw_signed(check->seed, rg_check_stream(check, RG_DRAW_SEED, 2, 0, n), first.results, seed);
    argument[n] = (rg_check_argument){ .role = RG_ROLE_FREE, .number = n, .dtype = first.dtype, .shape = first.shape,
                                       .count = first.results, .at = seed };
    rg_check_system second = first;
    second.size = 0;
    for (int64_t i = 0; i < first.results; i++) second.size += fabs(seed[i] * first.value[i]);
    second.size = fmin(second.size, 1);
    second.order = 2;
    second.arguments = n + 1;
    check->system = &second;
    going = compare_system(check, &second, NULL);
    check->system = NULL;
    return going;
}
