/* gradcheck_op.c: the check of an op on its samples: its derivatives; the same bits however it is run; both float
 * dtypes; and that it refuses what it says it refuses. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "gradcheck_compare.h"
#include "ops.h"

/* A sample as a function: operands that repeat are one argument. */
typedef struct {
    const rg_op *op;
    const rg_sample *sample;
    int arguments;
    int argument_of[RG_MAX_OPERANDS]; /* by operand */
    rg_check_argument argument[RG_MAX_OPERANDS + 1];
} sampled;

typedef struct {
    rg_check *check;
    const rg_op *op;
    rg_tape *eager, *planned;
    bool present[RG_MAX_OPERANDS], reached[RG_MAX_OPERANDS]; /* by operand, over all samples */
} op_check;

static rg_tensor apply_sampled(rg_tape *tape, const rg_tensor *in, int n, void *context)
{
    const sampled *s = context;
    rg_tensor operands[RG_MAX_OPERANDS];
    (void)tape, (void)n;
    for (int k = 0; k < s->sample->operands; k++) operands[k] = in[s->argument_of[k]];
    return rg_apply(s->op, s->sample->attributes, s->sample->operands, operands);
}

/* ---- Operands ------------------------------------------------------------------------------------------------ */

/* A wall changes with its operand and has no derivative: that is what it is for. Any other op that declares a
 * derivative to be zero is held to it. */
static rg_check_role role_of(const rg_op *op, int k, rg_dtype dtype)
{
    if (!rg_dtype_is_float(dtype)) return RG_ROLE_INDEX;
    if (!(op->no_gradient >> k & 1u)) return RG_ROLE_FREE;
    return op == &rg_op_stop_gradient ? RG_ROLE_WALL : RG_ROLE_DECLARED;
}

static bool set_out(op_check *o, const rg_sample *sample, sampled *s)
{
    *s = (sampled){ .op = o->op, .sample = sample };
    if (sample->operands > RG_MAX_OPERANDS) {
        rg_check_fail(o->check, RG_CHECK_ERROR, 0, -1, "a sample has more than %d operands", RG_MAX_OPERANDS);
        return false;
    }
    for (int k = 0; k < sample->operands; k++) {
        const rg_sample_operand *in = &sample->in[k];
        const rg_dtype dtype = in->dtype == RG_NO_DTYPE ? RG_F64 : in->dtype;
        const int64_t count = rg_shape_count(rg_sample_shape(in));
        if (in->same_as > k || (in->same_as == 0 && count < 0)) {
            rg_check_fail(o->check, RG_CHECK_ERROR, 0, k, "operand %d of the sample is malformed", k);
            return false;
        }
        if (in->same_as) {
            s->argument_of[k] = s->argument_of[in->same_as - 1];
            rg_check_argument *shared = &s->argument[s->argument_of[k]];
            if (role_of(o->op, k, shared->dtype) == RG_ROLE_FREE) shared->role = RG_ROLE_FREE;
            continue;
        }
        s->argument_of[k] = s->arguments;
        s->argument[s->arguments++] = (rg_check_argument){
            .role = role_of(o->op, k, dtype), .number = k, .dtype = dtype, .shape = rg_sample_shape(in), .count = count,
        };
    }
    return true;
}

/* Where operand number `argument->number` is drawn from. */
typedef struct {
    double low, high;
    bool exact, spread;       /* one given number; anywhere between low and high */
} range;

static range range_of(const sampled *s, int k)
{
    const rg_sample_operand *in = &s->sample->in[s->argument[k].number];
    const bool is_float = rg_dtype_is_float(s->argument[k].dtype), given = in->low != 0 || in->high != 0;
    range r = { .low = in->low, .high = in->high, .exact = given && in->low == in->high };
    if (is_float && !given) r = (range){ .low = -2, .high = 2 };
    r.spread = is_float && !r.exact && in->step == 0;
    return r;
}

/* Numbers that are exact, or on a grid: low, low + step, ..., at most high. */
static void draw_grid(op_check *o, const sampled *s, int k, double *numbers)
{
    const rg_check_argument *argument = &s->argument[k];
    const rg_sample_operand *in = &s->sample->in[argument->number];
    const range r = range_of(s, k);
    const double step = in->step != 0 ? in->step : 1, points = floor((r.high - r.low) / step) + 1;
    const uint64_t stream = rg_check_stream(o->check, RG_DRAW_NUMBERS, 0, 0, argument->number);
    for (int64_t i = 0; i < argument->count; i++) {
        double uniform = rg_random_uniform(o->check->seed, stream, (uint64_t)i);
        numbers[i] = r.exact ? in->value : r.low + step * floor(uniform * points);
        if (rg_dtype_is_float(argument->dtype)) numbers[i] = (double)(float)numbers[i];
    }
}

/* The first argument whose numbers are drawn together with those of argument k. */
static int leader_of(const sampled *s, int k)
{
    const range r = range_of(s, k);
    for (int j = 0; j < k; j++) {
        const range other = range_of(s, j);
        if (other.spread && other.low == r.low && other.high == r.high) return j;
    }
    return k;
}

/* A random order of `slots` things. */
static int64_t *deal(op_check *o, int64_t slots, int leader)
{
    int64_t *slot = rg_check_take(o->check, slots, sizeof *slot);
    const uint64_t stream = rg_check_stream(o->check, RG_DRAW_ORDER, 0, 0, leader);
    for (int64_t i = 0; slot && i < slots; i++) {
        int64_t j = (int64_t)(rg_random_bits(o->check->seed, stream, (uint64_t)i) % (uint64_t)(i + 1));
        slot[i] = slot[j];
        slot[j] = i;
    }
    return slot;
}

/* Numbers for all arguments of one range: it is cut into as many slots as there are numbers, and each number lies in
 * the middle half of a slot of its own. So an op that compares its operands, or compares them with the middle of the
 * range, has no kink within a quarter of a slot. The numbers are such as f32 can hold: both dtypes are checked at the
 * same point. */
static bool draw_spread(op_check *o, const sampled *s, int leader, double *const *numbers)
{
    const range r = range_of(s, leader);
    int64_t count = 0;
    for (int k = leader; k < s->arguments; k++)
        if (range_of(s, k).spread && leader_of(s, k) == leader) count += s->argument[k].count;
    const int64_t slots = count + count % 2; /* even, so that the middle of the range is between two of them */
    const int64_t *slot = deal(o, slots, leader);
    if (!slot) return false;
    for (int k = leader; k < s->arguments; k++) {
        if (!range_of(s, k).spread || leader_of(s, k) != leader) continue;
        const uint64_t stream = rg_check_stream(o->check, RG_DRAW_NUMBERS, 0, 0, s->argument[k].number);
        for (int64_t i = 0; i < s->argument[k].count; i++) {
            double place = (double)*slot++ + 0.25 + 0.5 * rg_random_uniform(o->check->seed, stream, (uint64_t)i);
            numbers[k][i] = (double)(float)(r.low + (r.high - r.low) * place / (double)slots);
        }
    }
    return true;
}

static void shift_diagonal(const sampled *s, int k, double *numbers)
{
    const rg_check_argument *argument = &s->argument[k];
    const double shift = s->sample->in[argument->number].diagonal;
    const int rank = argument->shape.rank;
    if (shift == 0 || rank < 2 || range_of(s, k).exact) return;
    const int64_t rows = argument->shape.size[rank - 2], columns = argument->shape.size[rank - 1];
    for (int64_t i = 0; i < argument->count; i++)
        if (i / columns % rows == i % columns) numbers[i] = (double)(float)(numbers[i] + shift);
}

static bool draw_operands(op_check *o, sampled *s)
{
    double *numbers[RG_MAX_OPERANDS];
    for (int k = 0; k < s->arguments; k++) {
        numbers[k] = rg_check_take(o->check, s->argument[k].count, sizeof(double));
        if (!numbers[k]) return false;
        s->argument[k].at = numbers[k];
    }
    for (int k = 0; k < s->arguments; k++) {
        if (!range_of(s, k).spread) draw_grid(o, s, k, numbers[k]);
        else if (leader_of(s, k) == k && !draw_spread(o, s, k, numbers)) return false;
    }
    for (int k = 0; k < s->arguments; k++) shift_diagonal(s, k, numbers[k]);
    return true;
}

/* ---- The same bits, however it is run ------------------------------------------------------------------------ */

/* The value and the gradient for each float argument, as they were read. */
typedef struct {
    int tensors;
    int argument[1 + RG_MAX_OPERANDS]; /* that it is the gradient for; -1: the value */
    rg_dtype dtype[1 + RG_MAX_OPERANDS];
    int64_t count[1 + RG_MAX_OPERANDS];
    void *data[1 + RG_MAX_OPERANDS];
} outcome;

static bool add_to_outcome(op_check *o, outcome *result, int argument, rg_tensor t)
{
    const int i = result->tensors++;
    result->argument[i] = argument;
    result->dtype[i] = rg_dtype_of(t);
    result->count[i] = rg_shape_count(rg_shape_of(t));
    result->data[i] = rg_check_take(o->check, result->count[i] + 1, sizeof(double));
    return result->data[i] != NULL;
}

/* Records the op and its adjoint with floats of this dtype. */
static bool record_outcome(op_check *o, rg_tape *tape, sampled *s, rg_dtype dtype, rg_tensor *all, outcome *result)
{
    rg_tensor in[RG_MAX_OPERANDS], wrt[RG_MAX_OPERANDS];
    int floats[RG_MAX_OPERANDS], count = 0;
    *result = (outcome){ 0 };
    rg_tape_reset(tape);
    for (int k = 0; k < s->arguments; k++) {
        rg_check_argument argument = s->argument[k];
        if (s->sample->in[argument.number].dtype == RG_NO_DTYPE) argument.dtype = dtype;
        void *room = rg_check_take(o->check, argument.count + 1, sizeof(double));
        if (!room) return false;
        in[k] = rg_check_input(tape, &argument, argument.at, room);
        if (argument.role == RG_ROLE_INDEX) continue;
        floats[count] = k;
        wrt[count++] = in[k];
    }
    all[0] = apply_sampled(tape, in, s->arguments, s);
    if (rg_failed(tape)) return rg_check_tape_failed(o->check, tape);
    if (!add_to_outcome(o, result, -1, all[0])) return false;
    if (count == 0 || !rg_dtype_is_float(result->dtype[0])) return true;

    const rg_check_argument cotangent = { .dtype = result->dtype[0], .shape = rg_shape_of(all[0]),
                                          .count = result->count[0] };
    double *numbers = rg_check_take(o->check, cotangent.count, sizeof *numbers);
    void *room = rg_check_take(o->check, cotangent.count + 1, sizeof(double));
    if (!numbers || !room) return false;
    rg_check_draw_signed(o->check->seed, rg_check_stream(o->check, RG_DRAW_SEED, 0, 0, 0), cotangent.count, numbers);
    rg_tensor seed = rg_check_input(tape, &cotangent, numbers, room);
    if (rg_vjp(all[0], seed, wrt, count, all + 1) != RG_OK) return rg_check_tape_failed(o->check, tape);
    for (int i = 0; i < count; i++)
        if (!add_to_outcome(o, result, floats[i], all[1 + i])) return false;
    return true;
}

static bool run(op_check *o, rg_tape *tape, sampled *s, rg_dtype dtype, outcome *result)
{
    rg_tensor all[1 + RG_MAX_OPERANDS];
    if (!record_outcome(o, tape, s, dtype, all, result)) return false;
    bool read = rg_eval(result->tensors, all) == RG_OK;
    for (int i = 0; read && i < result->tensors; i++)
        read = rg_read(all[i], result->data[i], (size_t)result->count[i] * rg_dtype_size(result->dtype[i])) == RG_OK;
    return read || rg_check_tape_failed(o->check, tape);
}

static void describe_part(const outcome *result, const sampled *s, int i, char *text, size_t size)
{
    if (result->argument[i] < 0) snprintf(text, size, "the value");
    else snprintf(text, size, "the gradient for argument %d", s->argument[result->argument[i]].number);
}

static void compare_bits(op_check *o, const sampled *s, const outcome *expected, const outcome *found, const char *how)
{
    char part[64];
    for (int i = 0; i < expected->tensors; i++) {
        size_t bytes = (size_t)expected->count[i] * rg_dtype_size(expected->dtype[i]);
        bool same = found->dtype[i] == expected->dtype[i] && found->count[i] == expected->count[i] &&
                    memcmp(found->data[i], expected->data[i], bytes) == 0;
        if (same) continue;
        describe_part(expected, s, i, part, sizeof part);
        rg_check_fail(o->check, RG_CHECK_WRONG, 0, -1, "%s in %s differs in its bits from a run node by node %s", part,
                      rg_dtype_name(expected->dtype[i]), how);
    }
}

/* Node by node, and then three times on a tape that plans: the first sight of the structure, the plan, and a hit. */
static bool run_every_way(op_check *o, sampled *s, rg_dtype dtype, outcome *expected)
{
    static const char *const ways[] = { "at first sight", "by a new plan", "by a plan that was found" };
    if (!run(o, o->eager, s, dtype, expected)) return false;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        outcome found;
        if (!run(o, o->planned, s, dtype, &found)) return false;
        compare_bits(o, s, expected, &found, ways[i]);
    }
    o->check->result->checked++;
    return true;
}

static double number_at(const outcome *result, int i, int64_t j)
{
    return rg_element(result->dtype[i], result->data[i], j);
}

/* A sample's numbers are of the size of one and its sums are short, so an f32 result errs by some tens of units in the
 * last place of the largest number around. */
static void compare_dtypes(op_check *o, const sampled *s, const outcome *wide, const outcome *narrow)
{
    enum { UNITS = 64 };
    char part[64];
    for (int i = 0; i < wide->tensors; i++) {
        double size = 1;
        for (int64_t j = 0; j < wide->count[i]; j++) size = fmax(size, fabs(number_at(wide, i, j)));
        for (int64_t j = 0; j < wide->count[i]; j++) {
            double exact = number_at(wide, i, j), rounded = number_at(narrow, i, j);
            if (fabs(rounded - exact) <= UNITS * (double)FLT_EPSILON * size || !isfinite(exact)) continue;
            describe_part(wide, s, i, part, sizeof part);
            rg_check_fail(o->check, RG_CHECK_WRONG, 0, -1, "%s, element %" PRId64 ": %.9g in f32, %.9g in f64", part,
                          j, rounded, exact);
            break;
        }
    }
}

/* What is declared to have no gradient gets zeros. */
static void compare_declared(op_check *o, const sampled *s, const outcome *result)
{
    for (int i = 1; i < result->tensors; i++) {
        const rg_check_argument *argument = &s->argument[result->argument[i]];
        bool zero = true;
        for (int64_t j = 0; j < result->count[i]; j++) zero = zero && number_at(result, i, j) == 0;
        if (argument->role != RG_ROLE_FREE && !zero)
            rg_check_fail(o->check, RG_CHECK_WRONG, 1, argument->number,
                          "argument %d: declared to have no gradient, and has one", argument->number);
    }
}

static bool runs_in_f32(const rg_op *op)
{
    return op->f32 || op->any || op->kind == RG_VIEW;
}

static bool check_runs(op_check *o, sampled *s)
{
    outcome wide, narrow;
    if (!run_every_way(o, s, RG_F64, &wide)) return false;
    compare_declared(o, s, &wide);
    if (!runs_in_f32(o->op)) return true;
    if (!run_every_way(o, s, RG_F32, &narrow)) return false;
    compare_dtypes(o, s, &wide, &narrow);
    return true;
}

/* The derivatives, with floats of this dtype. Numbers are such as f32 can hold. */
static bool check_derivatives(op_check *o, sampled *s, rg_dtype dtype, bool *reached)
{
    for (int k = 0; k < s->arguments; k++)
        if (s->sample->in[s->argument[k].number].dtype == RG_NO_DTYPE) s->argument[k].dtype = dtype;
    const bool first = o->check->options.first_order_only;
    return rg_check_point(o->check, apply_sampled, s, s->arguments, s->argument, first, reached);
}

/* ---- One sample ---------------------------------------------------------------------------------------------- */

/* Recorded and run, the sample must make the tape fail as it says, in words that name the op. */
static bool check_refusal(op_check *o, sampled *s)
{
    rg_tape *tape = o->planned;
    const rg_status expected = s->sample->refuse;
    rg_tensor in[RG_MAX_OPERANDS], y = { 0 };
    rg_tape_reset(tape);
    for (int k = 0; k < s->arguments; k++) {
        void *room = rg_check_take(o->check, s->argument[k].count + 1, sizeof(double));
        if (!room) return false;
        in[k] = rg_check_input(tape, &s->argument[k], s->argument[k].at, room);
    }
    if (rg_failed(tape)) return rg_check_tape_failed(o->check, tape);
    y = apply_sampled(tape, in, s->arguments, s);
    if (!rg_failed(tape)) rg_eval(1, &y);
    o->check->result->checked++;
    if (rg_tape_status(tape) != expected)
        rg_check_fail(o->check, RG_CHECK_WRONG, 0, -1, "must be refused with %s, and gives %s",
                      rg_status_name(expected), rg_status_name(rg_tape_status(tape)));
    else if (!strstr(rg_message(tape), o->op->name))
        rg_check_fail(o->check, RG_CHECK_WRONG, 0, -1, "is refused without being named: %s", rg_message(tape));
    rg_tape_clear_error(tape);
    return true;
}

/* Whether another operand is the same tensor: then the derivative is not this operand's alone. */
static bool is_shared(const sampled *s, int k)
{
    for (int j = 0; j < s->sample->operands; j++)
        if (j != k && s->argument_of[j] == s->argument_of[k]) return true;
    return false;
}

static bool check_sample(op_check *o, const rg_sample *sample)
{
    sampled s;
    bool reached[RG_MAX_OPERANDS + 1] = { false };
    rg_arena_rewind(&o->check->arena);
    if (!set_out(o, sample, &s) || !draw_operands(o, &s)) return false;
    if (sample->refuse != RG_OK) return o->check->seed != o->check->options.seed || check_refusal(o, &s);
    if (!check_runs(o, &s)) return false;
    if (!check_derivatives(o, &s, RG_F64, reached)) return false;
    if (runs_in_f32(o->op) && !check_derivatives(o, &s, RG_F32, reached)) return false;
    for (int k = 0; k < sample->operands; k++) {
        const rg_check_argument *argument = &s.argument[s.argument_of[k]];
        if (argument->role != RG_ROLE_FREE || argument->count == 0 || is_shared(&s, k)) continue;
        o->present[k] = true;
        if (reached[s.argument_of[k]]) o->reached[k] = true;
    }
    return true;
}

/* ---- The op -------------------------------------------------------------------------------------------------- */

/* Whether there is a sample that the op must take. */
static bool has_samples(const rg_op *op)
{
    for (const rg_sample *sample = op->samples; sample && sample->operands > 0; sample++)
        if (sample->refuse == RG_OK) return true;
    return false;
}

static void check_samples(op_check *o)
{
    rg_check *check = o->check;
    for (int turn = 0; turn < check->options.seeds; turn++) {
        check->seed = check->options.seed + (uint64_t)turn;
        check->sample = 0;
        for (const rg_sample *sample = o->op->samples; sample->operands > 0; sample++, check->sample++)
            if (!check_sample(o, sample)) return;
    }
    check->sample = -1;
    check->seed = check->options.seed;
    if (o->op->kinks && !rg_check_kinks(check)) return;
    for (int k = 0; k < RG_MAX_OPERANDS && check->result->failed == 0 && !check->options.allow_vacuous; k++)
        if (o->present[k] && !o->reached[k])
            rg_check_fail(check, RG_CHECK_VACUOUS, 1, k,
                          "argument %d: the derivative is zero everywhere, and not declared so", k);
}

bool rg_gradcheck_op(const rg_op *op, const rg_gradcheck_options *options, rg_gradcheck_result *result)
{
    rg_check check;
    rg_gradcheck_result own;
    op_check o = { .check = &check, .op = op };
    if (!rg_check_begin(&check, op, options, result ? result : &own)) return rg_check_end(&check);
    if (!op) {
        rg_check_fail(&check, RG_CHECK_ERROR, 0, -1, "no op");
    } else if (op->kind != RG_LEAF && op->arity != 0) { /* else there is nothing to differentiate */
        o.eager = rg_tape_new_with((rg_tape_options){ .threads = 1, .eager = true });
        o.planned = rg_tape_new_with((rg_tape_options){ .threads = 1 });
        if (!o.eager || !o.planned) rg_check_fail(&check, RG_CHECK_ERROR, 0, -1, "out of memory");
        else if (!has_samples(op)) rg_check_fail(&check, RG_CHECK_ERROR, 0, -1, "has no samples");
        else check_samples(&o);
    }
    rg_tape_free(o.eager);
    rg_tape_free(o.planned);
    return rg_check_end(&check);
}
