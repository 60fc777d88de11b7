/* gradcheck_probe.c: one probe of one argument: the derivative against what each oracle says of it. */
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "gradcheck_compare.h"

typedef rg_probe probe;

/* ---- One comparison ------------------------------------------------------------------------------------------ */

/* One derivative told in two ways. */
typedef struct {
    rg_oracle oracle;
    double analytic, numeric, error;
    double allowance;         /* how far apart they may be, for all that is known of rounding */
    double step, convergence;
    bool bent, blind;
} comparison;

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

static double largest_of(const double *numbers, int64_t count)
{
    double size = 0;
    for (int64_t i = 0; i < count; i++) size = fmax(size, fabs(numbers[i]));
    return size;
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
    const double share = p->scaled && !exact ? largest_of(p->u, elements(p)) : 1;
    const double absolute = asked > 0 ? asked : t.absolute * known * share + (exact ? rounding_of(p, known) : 0);
    return (comparison){ .oracle = oracle, .analytic = analytic, .numeric = slope->value, .error = slope->error,
                         .allowance = absolute + t.relative * size, .step = slope->step, .convergence = slope->order,
                         .bent = slope->bent, .blind = slope->blind };
}

/* An oracle compares along p->u. False on an error; *applies is left alone unless the oracle has nothing to say. */
typedef bool ask(const probe *p, comparison *c, bool *applies);

static bool ask_differences(const probe *p, comparison *c, bool *applies)
{
    rg_check_slope slope;
    double terms;
    const rg_tolerance tolerance = tolerance_of(p, RG_ORACLE_DIFFERENCES);
    (void)applies;
    if (!rg_check_differences(p->system, p->k, p->u, p->scaled, p->cotangent, tolerance, &slope)) return false;
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

static void report_failure(const probe *p, rg_verdict verdict, int64_t index, const comparison *c, double analytic)
{
    char argument[64], element[48] = "";
    const char *comment = verdict == RG_CHECK_NOISE ? ": the differences do not converge"
                        : p->gradient ? "" : ": declared to have no gradient, but the result changes with it";
    const rg_finding finding = { .oracle = c->oracle, .order = p->system->order,
                                 .argument = p->system->argument[p->k].number, .index = index, .analytic = analytic,
                                 .numeric = c->numeric, .bound = bound_of(c), .step = c->step,
                                 .convergence = c->convergence };
    rg_check_describe(p->check, p->system, p->k, argument, sizeof argument);
    if (index >= 0) snprintf(element, sizeof element, ", element %" PRId64, index);
    if (c->oracle == RG_ORACLE_SIDES)
        rg_check_fail_at(p->check, verdict, &finding, "%s%s: analytic %.10g, slope %.6g below and %.6g above", argument,
                         element, analytic, c->analytic, c->numeric);
    else
        rg_check_fail_at(p->check, verdict, &finding, "%s%s%s: analytic %.10g, numeric %.10g, bound %.2g", argument,
                         element, comment, analytic, c->numeric, finding.bound);
}

static bool handle_failure(probe *p, ask *oracle, rg_verdict verdict, comparison c)
{
    int64_t index = -1;
    const rg_gradcheck_options *o = &p->check->options;
    const bool adjoint = c.oracle == RG_ORACLE_ADJOINT;
    double terms, analytic = adjoint ? c.analytic : analytic_slope(p, &terms);
    bool locates = verdict == RG_CHECK_WRONG || verdict == RG_CHECK_KINK;
    if (locates && (p->check->result->failed == 0 || o->report || o->row)) {
        double *direction = rg_check_take(p->check, elements(p), sizeof *direction);
        if (!direction) return false;
        memcpy(direction, p->u, (size_t)elements(p) * sizeof *direction);
        if (!locate(p, oracle, direction, &index, &c)) return rg_check_tape_failed(p->check, p->check->tape);
        const double along = p->scaled ? direction[index] : 1;
        analytic = adjoint ? c.analytic : p->gradient ? p->gradient[index] * along : 0;
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
    const double low = fmin(c->analytic, c->numeric) - slack, high = fmax(c->analytic, c->numeric) + slack;
    const bool between = analytic >= low && analytic <= high;
    *found = true;
    *verdict = !between ? RG_CHECK_WRONG : p->check->options.accept_kinks ? RG_CHECK_OK : RG_CHECK_KINK;
    count(p, RG_ORACLE_SIDES);
    return true;
}

/* Elements of an argument that are of about one size, within a factor of 1,000. */
static int band_of(double number)
{
    return number == 0 ? 0 : (int)floor(log2(fabs(number)) / 10);
}

/* The direction within a band alone, each element by its own size. False if the band is empty. */
static bool restrict_to_band(const probe *p, int band)
{
    const double *at = p->system->argument[p->k].at;
    bool any = false;
    for (int64_t i = 0; i < elements(p); i++) {
        const bool inside = band_of(at[i]) == band;
        p->u[i] *= !inside ? 0 : at[i] == 0 ? 1 : fabs(at[i]);
        any = any || inside;
    }
    return any;
}

/* So that elements have shares of one size in the slope: a factor that is wrong where the derivative is a million times
 * smaller than elsewhere shows too. But what is smaller than a 10,000th may be little more than rounding error. */
static bool scale_by_gradient(const probe *p)
{
    double most = p->system->size;
    for (int64_t i = 0; i < p->system->results; i++)
        most = fmax(most, fmin(1, fabs(p->cotangent[i] * p->system->value[i])));
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

/* All arguments moved a little, so that what is computed from them is rounded otherwise. */
static bool nudge(const probe *p, int turn)
{
    for (int k = 0; k < p->system->arguments; k++) {
        rg_check_argument *a = &p->system->argument[k];
        if (a->role == RG_ROLE_INDEX) continue;
        double *at = rg_check_take(p->check, a->count + 1, sizeof *at);
        if (!at) return false;
        const uint64_t stream = rg_check_stream(p->check, RG_DRAW_NUDGE, p->system->order, turn, k);
        rg_check_draw_signed(p->check->seed, stream, a->count, at);
        const double far = a->role == RG_ROLE_FREE ? sqrt(last_place_of(a->dtype)) : 0;
        for (int64_t i = 0; i < a->count; i++) {
            at[i] = a->at[i] * (1 + far * at[i]);
            if (a->dtype == RG_F32) at[i] = (double)(float)at[i];
        }
        a->at = at;
    }
    return true;
}

/* The comparison made again at another point, with the gradient there. */
static bool ask_nearby(const probe *p, ask *oracle, int turn, comparison *c)
{
    rg_check_system *s = p->system;
    probe nearby = *p;
    bool applies = true;
    double *gradient = rg_check_take(p->check, s->variables + 1, sizeof *gradient);
    if (!gradient || !nudge(p, turn) || !rg_check_adjoint(s, p->cotangent, gradient)) return false;
    if (p->gradient) nearby.gradient = gradient + s->argument[p->k].first;
    return oracle(&nearby, c, &applies);
}

/* What rounding does to a comparison that has no estimate of it: where it is a matter of rounding by how much two
 * numbers differ, they differ by other amounts at other points near by. The point itself has no part in that: a rule
 * that is wrong there alone is wrong. */
static bool estimate_rounding(const probe *p, ask *oracle, comparison *c)
{
    enum { NEIGHBOURS = 4 };
    rg_check_system *s = p->system;
    const double **at = rg_check_take(p->check, s->arguments, sizeof *at);
    bool done = at != NULL;
    double least = INFINITY, most = -INFINITY;
    for (int k = 0; done && k < s->arguments; k++) at[k] = s->argument[k].at;
    for (int turn = 0; done && turn < NEIGHBOURS; turn++) {
        comparison other;
        done = ask_nearby(p, oracle, turn, &other);
        for (int k = 0; k < s->arguments; k++) s->argument[k].at = at[k];
        if (!done) break;
        least = fmin(least, other.analytic - other.numeric);
        most = fmax(most, other.analytic - other.numeric);
    }
    c->error = most - least;
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

/* Whether differences agree band by band. */
static bool consult_bands(probe *p, int turn, bool *agree)
{
    const double *at = p->system->argument[p->k].at;
    int low = INT_MAX, high = INT_MIN;
    for (int64_t i = 0; i < elements(p); i++) {
        const int band = band_of(at[i]);
        low = band < low ? band : low;
        high = band > high ? band : high;
    }
    *agree = p->scaled = true;
    for (int band = low; band <= high && *agree; band++) {
        comparison c;
        objection found = { .verdict = RG_CHECK_OK };
        draw_direction(p, turn);
        if (!restrict_to_band(p, band)) continue;
        if (!consult(p, ask_differences, &found, &c)) return false;
        *agree = found.verdict == RG_CHECK_OK;
    }
    p->scaled = false;
    draw_direction(p, turn);
    return true;
}

/* Differences. If they object, it may be that steps as large as the largest element are too large for the smallest:
 * then each band is asked by itself, and if all agree there is no objection. */
static bool consult_differences(probe *p, int turn, objection *first, comparison *c)
{
    objection plain = { .verdict = RG_CHECK_OK };
    bool agree;
    if (!consult(p, ask_differences, &plain, c)) return false;
    if (plain.verdict == RG_CHECK_OK) return true;
    if (!consult_bands(p, turn, &agree)) return false;
    if (agree) c->bent = false;
    else if (first->verdict == RG_CHECK_OK) *first = plain;
    return true;
}

bool rg_check_probe(probe *p, int turn)
{
    const rg_check_argument *argument = &p->system->argument[p->k];
    objection first = { .verdict = RG_CHECK_OK };
    comparison c = { .bent = false };
    if (argument->count == 0 || argument->role == RG_ROLE_INDEX || argument->role == RG_ROLE_WALL) return true;
    draw_direction(p, turn);
    const int checked = p->check->result->checked;
    if (!consult(p, ask_complex, &first, &c)) return false;
    const bool confirmed = p->check->result->checked > checked && fabs(c.analytic - c.numeric) <= c.allowance;
    if (!consult_differences(p, turn, &first, &c)) return false;
    /* Of a function that goes up and down within the smallest step differences see noise, however steep it is. */
    if (confirmed && first.verdict == RG_CHECK_WRONG && first.c.blind) first.verdict = RG_CHECK_NOISE;
    if (c.bent || first.verdict != RG_CHECK_OK) {
        bool kink;
        rg_verdict verdict;
        if (!look_for_kink(p, &kink, &verdict, &c)) return rg_check_tape_failed(p->check, p->check->tape);
        if (kink) first = (objection){ ask_sides, verdict, c };
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
