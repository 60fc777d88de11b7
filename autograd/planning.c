/* planning.c: planning is dynamic programming too.
 *
 * In gradient.c a subproblem is a node, and its solution an adjoint. Here a subproblem is a piece of a chain of stages
 * that is to be reversed, given the input of its first stage, in a part of the memory:
 *
 *   subproblem    C(s, t, m), the least work that reverses stages s to t in m bytes
 *   base case     C(s, s, m) = f_s, the cost of stage s, if its backward pass fits into m; else ∞
 *   recurrence    C(s, t, m) = the least of
 *                     f_s + C(s+1, t, m - saved_s)                          keep what s saves, and go on; or, for any e,
 *                     f_s + ... + f_e-1 + C(e, t, m - output_e-1) + C(s, e-1, m)
 *                                                                           step over s to e-1 and keep only the input
 *                                                                           of e; reverse what comes after; then these
 *   order         short pieces before long ones: a piece is made of shorter ones
 *   memo table    one number for every piece and every amount of memory
 *
 * The subproblems overlap: there are exponentially many schedules, but a piece costs the same in all that contain it.
 * And as in gradient.c the table is not yet the answer: that is read off it, from the whole chain down, by asking at
 * each piece which of the terms was the least.
 *
 * The order of a product has the same form, with the place where it is cut for a decision: C(s, t) = the least over k of
 * C(s, k) + C(k+1, t) + the cost of the last multiplication. In binomial checkpointing stages are equal, memory is
 * counted in states and no stage is kept; there the recurrence can be solved by hand. */
#include "planning.h"

#include <math.h>
#include <stdlib.h>

#include "tape.h"

/* Of a table: at most so many numbers. */
enum { MOST_STAGES = 500, MOST_UNITS = 500, MOST_NUMBERS = 1 << 25 };

void rg_checkpoint_schedule_free(rg_checkpoint_schedule *schedule)
{
    free(schedule);
}

/* Ranges lie behind it, for which there is room. A cut makes a range, and stages can be cut apart only so often. */
static rg_checkpoint_schedule *new_schedule(int stages, rg_error *error)
{
    rg_checkpoint_schedule *schedule = calloc(1, sizeof *schedule + (size_t)stages * sizeof *schedule->range);
    if (!schedule) return rg_error_set(error, RG_E_MEMORY, "checkpoint plan: out of memory"), NULL;
    schedule->stages = stages;
    schedule->range = (const rg_stage_range *)(schedule + 1);
    return schedule;
}

static void add_range(rg_checkpoint_schedule *schedule, int first, int end)
{
    ((rg_stage_range *)(schedule + 1))[schedule->ranges++] = (rg_stage_range){ first, end };
}

/* ---- Binomial checkpointing ------------------------------------------------------------------------------------ */

/* The least r for which C(s + r, s) >= l: no stage has to be stepped over more often. And C(s + r - 1, s). */
static int64_t repetitions(int64_t l, int64_t s, int64_t *reach)
{
    int64_t r = 0, next = 1;
    for (*reach = 0; next < l; next = next * (s + r) / r) {
        *reach = next;
        r++;
    }
    return r;
}

int64_t rg_binomial_steps(int64_t stages, int64_t states)
{
    int64_t reach;
    if (stages < 1 || states < 1 || stages > INT32_MAX) return -1;
    if (states > stages) states = stages;
    if (states == 1) return stages * (stages - 1) / 2;
    const int64_t r = repetitions(stages, states, &reach);
    return r * stages - reach * (states + r) / (states + 1); /* C(s + r, r - 1) = C(s + r, s + 1) */
}

/* Where the first state is kept: p is linear in l between the numbers C(s + r, s), with slope r, so any m will do that
 * leaves both parts on the pieces whose slopes are the same. */
static int64_t first_kept(int64_t l, int64_t s)
{
    int64_t reach;
    if (s == 1) return l - 1;
    const int64_t r = repetitions(l, s, &reach), rest = reach * s / (s + r - 1); /* C(s - 1 + r - 1, s - 1) */
    return reach < l - rest ? reach : l - rest;
}

/* The rest of a chain, to be cut once what comes before it has been. */
typedef struct {
    int first, stages, states;
} remaining;

rg_checkpoint_schedule *rg_binomial_schedule(int stages, int states, rg_error *error)
{
    if (stages < 1 || states < 1) {
        rg_error_set(error, RG_E_ARGUMENT, "binomial checkpointing: %d stages with %d states", stages, states);
        return NULL;
    }
    rg_checkpoint_schedule *schedule = new_schedule(stages, error);
    remaining *rests = schedule ? malloc((size_t)stages * sizeof *rests) : NULL;
    if (!rests) {
        if (schedule) rg_error_set(error, RG_E_MEMORY, "binomial checkpointing: out of memory");
        free(schedule);
        return NULL;
    }
    int waiting = 0;
    rests[waiting++] = (remaining){ 0, stages, states < stages ? states : stages };
    while (waiting > 0) {
        const remaining p = rests[--waiting];
        if (p.stages == 1) continue;
        const int m = (int)first_kept(p.stages, p.states < p.stages ? p.states : p.stages);
        add_range(schedule, p.first, p.first + m);
        rests[waiting++] = (remaining){ p.first + m, p.stages - m, p.states - 1 };
        rests[waiting++] = (remaining){ p.first, m, p.states };
    }
    free(rests);
    schedule->forward = stages;
    schedule->again = (double)rg_binomial_steps(stages, states);
    return schedule;
}

/* ---- Any stages ------------------------------------------------------------------------------------------------ */

typedef struct {
    const rg_stage *stage;
    int count;
    size_t unit;               /* of memory, in bytes; */
    size_t units;              /* so many are in the budget */
    double *cost;              /* C(s, t, m) for each m from 0 to units, piece by piece; NULL: memory is to be least */
    size_t *least;             /* the least bytes of each piece */
    rg_checkpoint_schedule *schedule;
} planner;

/* Of a piece, in the tables. Behind the last one comes the piece of no stages. */
static size_t number_of(int s, int t)
{
    return (size_t)t * ((size_t)t + 1) / 2 + (size_t)s;
}

static double *costs_of(const planner *p, size_t piece)
{
    return p->cost + piece * (p->units + 1);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Rounded up, so that a plan in units is one in bytes. */
static size_t in_units(const planner *p, size_t bytes)
{
    return bytes / p->unit + (bytes % p->unit != 0);
}

/* While s is computed, and while it is reversed, in a piece that ends with t. */
static size_t need_to_keep(const planner *p, int s, int t)
{
    const size_t forward = s < t ? p->stage[s].forward_peak : p->stage[s].final_peak;
    return larger(p->stage[t].adjoint + forward, p->stage[s].backward_peak);
}

/* While stage j of a piece from s to t is stepped over. */
static size_t need_to_advance(const planner *p, int s, int j, int t)
{
    return p->stage[t].adjoint + (j > s ? p->stage[j - 1].output : 0) + p->stage[j].advance_peak;
}

/* What can be decided for a piece from s to t: to keep s, or to compute s to end - 1 again. */
typedef struct {
    int end;                   /* s: it is kept */
    double work;               /* that is done at once, */
    size_t need, held;         /* and the bytes that it takes, and that stay */
    size_t behind, within;     /* the pieces that are left: one is reversed while they are there, then the other */
} option;

/* The next option after this one. False: that was the last. */
static bool next_option(const planner *p, int s, int t, option *o)
{
    const rg_stage *stage = p->stage;
    const size_t nothing = number_of(0, p->count);
    const int e = o->end + 1;
    if (e > s && e > t) return false;
    if (e == s) {
        *o = (option){ e, stage[s].forward, need_to_keep(p, s, t), s < t ? stage[s].saved : 0,
                       s < t ? number_of(s + 1, t) : nothing, nothing };
        return true;
    }
    const bool more = e - 1 > s; /* than one stage: the last option has the others */
    const size_t need = need_to_advance(p, s, e - 1, t);
    *o = (option){ e, (more ? o->work : 0) + stage[e - 1].forward, more ? larger(o->need, need) : need,
                   stage[e - 1].output, number_of(e, t), number_of(s, e - 1) };
    return true;
}

static size_t bytes_with(const planner *p, const option *o)
{
    return larger(larger(o->need, o->held + p->least[o->behind]), p->least[o->within]);
}

static double cost_with(const planner *p, const option *o, size_t m)
{
    const size_t held = in_units(p, o->held);
    return m < larger(in_units(p, o->need), held) ? INFINITY
               : o->work + costs_of(p, o->behind)[m - held] + costs_of(p, o->within)[m];
}

static void fill_least(const planner *p, int s, int t)
{
    size_t *least = &p->least[number_of(s, t)];
    *least = SIZE_MAX;
    for (option o = { .end = s - 1 }; next_option(p, s, t, &o);)
        if (bytes_with(p, &o) < *least) *least = bytes_with(p, &o);
}

static void fill_costs(const planner *p, int s, int t)
{
    double *cost = costs_of(p, number_of(s, t));
    for (size_t m = 0; m <= p->units; m++) cost[m] = INFINITY;
    for (option o = { .end = s - 1 }; next_option(p, s, t, &o);) {
        const size_t held = in_units(p, o.held);
        const double *behind = costs_of(p, o.behind), *within = costs_of(p, o.within);
        for (size_t m = larger(in_units(p, o.need), held); m <= p->units; m++) {
            const double with = o.work + behind[m - held] + within[m];
            cost[m] = with < cost[m] ? with : cost[m];
        }
    }
}

static void fill(const planner *p, void piece_of(const planner *p, int s, int t))
{
    for (int length = 0; length < p->count; length++)
        for (int s = 0; s + length < p->count; s++) piece_of(p, s, s + length);
}

/* The one whose solution is in the table. */
static option decision(const planner *p, int s, int t, size_t m)
{
    const size_t this = number_of(s, t);
    option o = { .end = s - 1 };
    while (next_option(p, s, t, &o))
        if (p->cost ? cost_with(p, &o, m) <= costs_of(p, this)[m] : bytes_with(p, &o) <= p->least[this]) break;
    return o;
}

/* Reads the schedule of a piece off the table. Returns the bytes that it takes, of which the table knows only units. */
static size_t read_off(const planner *p, int s, int t, size_t m)
{
    size_t most = 0, held = 0;
    while (s <= t) {
        const option o = decision(p, s, t, m);
        most = larger(most, held + o.need);
        if (o.end > s) {
            add_range(p->schedule, s, o.end);
            for (int j = s; j < o.end; j++) p->schedule->again += p->stage[j].forward;
            most = larger(most, held + read_off(p, s, o.end - 1, m));
        }
        held += o.held;
        m -= p->cost ? in_units(p, o.held) : 0;
        s = o.end > s ? o.end : s + 1;
    }
    return most;
}

#define SIZES(stage)                                                                                                \
    { (stage)->output, (stage)->adjoint, (stage)->saved, (stage)->advance_peak, (stage)->forward_peak,               \
      (stage)->final_peak, (stage)->backward_peak }

/* Each field counts at most once in any sum that is made of them, so none of those overflows if all together do not. */
static bool check(const rg_stage *stages, int count, rg_error *error)
{
    size_t all = 0;
    if (!stages) return rg_error_set(error, RG_E_NULL, "checkpoint plan: no stages"), false;
    if (count < 1 || count > MOST_STAGES) {
        rg_error_set(error, RG_E_ARGUMENT, "checkpoint plan: 1 to %d stages, not %d", MOST_STAGES, count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        const rg_stage *each = &stages[i];
        const size_t sizes[] = SIZES(each);
        bool fits = each->forward >= 0 && isfinite(each->forward);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) fits = rg_size_add(all, sizes[k], &all) && fits;
        if (fits) continue;
        rg_error_set(error, RG_E_ARGUMENT,
                     "checkpoint plan: stage %d costs less than 0, or its sizes do not fit in memory", i);
        return false;
    }
    return true;
}

static bool plan_least(planner *p, rg_error *error)
{
    const size_t pieces = number_of(0, p->count);
    p->least = malloc((pieces + 1) * sizeof *p->least);
    if (!p->least) return rg_error_set(error, RG_E_MEMORY, "checkpoint plan: out of memory"), false;
    p->least[pieces] = 0;
    fill(p, fill_least);
    return true;
}

size_t rg_checkpoint_least(const rg_stage *stages, int count, rg_error *error)
{
    planner p = { .stage = stages, .count = count, .unit = 1 };
    if (!check(stages, count, error) || !plan_least(&p, error)) return 0;
    const size_t least = p.least[number_of(0, count - 1)];
    free(p.least);
    return least;
}

static size_t common_divisor(size_t a, size_t b)
{
    while (b) {
        const size_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* As small as there is room for; or as large as leaves nothing to be rounded. */
static void choose_unit(planner *p, size_t budget)
{
    const size_t room = MOST_NUMBERS / number_of(0, p->count), most = room < MOST_UNITS ? room : MOST_UNITS;
    size_t divisor = 0;
    for (int i = 0; i < p->count; i++) {
        const rg_stage *each = &p->stage[i];
        const size_t sizes[] = SIZES(each);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) divisor = common_divisor(sizes[k], divisor);
    }
    p->unit = larger(larger(divisor, 1), budget / most + (budget % most != 0));
    p->units = budget / p->unit;
}

/* Where rounding leaves no schedule, the one that takes least memory does. */
static bool plan_within(planner *p, size_t budget, rg_error *error)
{
    const size_t pieces = number_of(0, p->count);
    choose_unit(p, budget);
    p->cost = malloc((pieces + 1) * (p->units + 1) * sizeof *p->cost);
    if (!p->cost) return rg_error_set(error, RG_E_MEMORY, "checkpoint plan: out of memory"), false;
    for (size_t m = 0; m <= p->units; m++) costs_of(p, pieces)[m] = 0;
    fill(p, fill_costs);
    if (isfinite(costs_of(p, number_of(0, p->count - 1))[p->units])) return true;
    free(p->cost);
    p->cost = NULL;
    return true;
}

/* What it takes if nothing is computed again. */
static size_t peak_of_all(const planner *p)
{
    size_t most = 0, held = 0;
    for (int i = 0; i < p->count; i++) {
        most = larger(most, held + need_to_keep(p, i, p->count - 1));
        held += p->stage[i].saved;
    }
    return most;
}

rg_checkpoint_schedule *rg_checkpoint_plan(const rg_stage *stages, int count, size_t budget, rg_error *error)
{
    planner p = { .stage = stages, .count = count, .unit = 1 };
    bool done = check(stages, count, error) && plan_least(&p, error);
    const size_t least = done ? p.least[number_of(0, count - 1)] : 0;
    if (done && budget < least) {
        rg_error_set(error, RG_E_ARGUMENT,
                     "checkpoint plan: %zu bytes are too few for these %d stages: the least is %zu", budget, count,
                     least);
        done = false;
    }
    done = done && (p.schedule = new_schedule(count, error));
    const size_t all = done ? peak_of_all(&p) : 0;
    done = done && (all <= budget || plan_within(&p, budget, error));
    if (done) {
        for (int i = 0; i < count; i++) p.schedule->forward += stages[i].forward;
        p.schedule->peak = all <= budget ? all : read_off(&p, 0, count - 1, p.units);
    } else {
        free(p.schedule);
        p.schedule = NULL;
    }
    free(p.least);
    free(p.cost);
    return p.schedule;
}

/* ---- The order of a product ------------------------------------------------------------------------------------- */

typedef struct {
    const int64_t *sizes;
    int64_t *cost;            /* of factors s to t, the memo table; INT64_MAX: more than can be counted */
    int *cut;                 /* behind which factor their product is cut in two */
    char *text;
    size_t bytes, used;
} product;

/* a + b c d, or INT64_MAX if that is less. */
static int64_t plus_product(int64_t a, int64_t b, int64_t c, int64_t d)
{
    int64_t result;
    if (b == 0 || c == 0 || d == 0) return a;
    return __builtin_mul_overflow(b, c, &result) || __builtin_mul_overflow(result, d, &result) ||
           __builtin_add_overflow(result, a, &result) ? INT64_MAX : result;
}

static void cut_product(const product *p, int s, int t)
{
    int64_t best = INT64_MAX;
    int cut = s;
    for (int k = s; k < t; k++) {
        int64_t cost;
        if (__builtin_add_overflow(p->cost[number_of(s, k)], p->cost[number_of(k + 1, t)], &cost)) continue;
        cost = plus_product(cost, p->sizes[s], p->sizes[k + 1], p->sizes[t + 1]);
        if (cost >= best) continue;
        best = cost;
        cut = k;
    }
    p->cost[number_of(s, t)] = s == t ? 0 : best;
    p->cut[number_of(s, t)] = cut;
}

static void write_product(product *p, int s, int t)
{
    const int cut = p->cut[number_of(s, t)];
    if (s == t) {
        rg_append(p->text, p->bytes, &p->used, "A%d", s + 1);
        return;
    }
    rg_append(p->text, p->bytes, &p->used, "(");
    write_product(p, s, cut);
    write_product(p, cut + 1, t);
    rg_append(p->text, p->bytes, &p->used, ")");
}

rg_status rg_bracketing(const int64_t *sizes, int matrices, rg_bracketing_cost *cost, char *text, size_t bytes,
                        rg_error *error)
{
    rg_error own;
    if (!error) error = &own;
    rg_error_set(error, RG_OK, "%s", "");
    if (!sizes || !cost) rg_error_set(error, RG_E_NULL, "bracketing: no sizes, or nowhere to put costs");
    else if (matrices < 1 || matrices > MOST_STAGES)
        rg_error_set(error, RG_E_ARGUMENT, "bracketing: 1 to %d matrices, not %d", MOST_STAGES, matrices);
    for (int k = 0; !error->status && k <= matrices; k++)
        if (sizes[k] < 0) rg_error_set(error, RG_E_ARGUMENT, "bracketing: size %d is %lld", k, (long long)sizes[k]);
    if (error->status) return error->status;

    const size_t pieces = number_of(0, matrices);
    product p = { sizes, malloc(pieces * sizeof *p.cost), malloc(pieces * sizeof *p.cut), text, bytes, 0 };
    *cost = (rg_bracketing_cost){ 0 };
    if (p.cost && p.cut) {
        for (int length = 0; length < matrices; length++)
            for (int s = 0; s + length < matrices; s++) cut_product(&p, s, s + length);
        cost->best = p.cost[number_of(0, matrices - 1)];
        for (int k = 1; k < matrices; k++) {
            cost->reverse = plus_product(cost->reverse, sizes[0], sizes[k], sizes[k + 1]);
            cost->forward = plus_product(cost->forward, sizes[k - 1], sizes[k], sizes[matrices]);
        }
        if (text && bytes > 0) write_product(&p, 0, matrices - 1);
        if (cost->best == INT64_MAX || cost->reverse == INT64_MAX || cost->forward == INT64_MAX)
            rg_error_set(error, RG_E_ARGUMENT, "bracketing: more multiplications than can be counted");
    } else {
        rg_error_set(error, RG_E_MEMORY, "bracketing: out of memory");
    }
    free(p.cost);
    free(p.cut);
    return error->status;
}
