/* gradcheck_compare.c: a function at a point: every probe of every argument, zeros and repetitions, and the same for
 * its gradient. */
#include "gradcheck_compare.h"

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

/* ---- A system at its point ----------------------------------------------------------------------------------- */

/* "argument 1 (weights)", or what else the system has an argument for. */
void rg_check_describe(const rg_check *check, const rg_check_system *system, int k, char *text, size_t size)
{
    const char *name = check->in && k < system->operands ? check->in[k].name : NULL;
    if (k >= system->operands) snprintf(text, size, "the result's cotangent");
    else snprintf(text, size, name ? "argument %d (%.40s)" : "argument %d", system->argument[k].number, name);
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
        rg_check_describe(check, system, k, text, sizeof text);
        const double number = gradient[argument->first + index];
        const rg_finding finding = { .order = system->order, .argument = argument->number, .index = index,
                                     .analytic = number };
        check->result->checked++;
        rg_check_fail_at(check, RG_CHECK_NONFINITE, &finding, "%s, element %" PRId64 ": the derivative is %g", text,
                         index, number);
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
    else rg_check_fail(check, RG_CHECK_NONDETERMINISTIC, system->order, -1,
                       "the same numbers give another %s each time", value);
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
    const size_t results = (size_t)system->results * sizeof(double);
    const size_t variables = (size_t)system->variables * sizeof(double);
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
        const double *gradient = free ? room->gradient + argument->first : NULL;
        rg_probe p = { check, system, k, room->cotangent, gradient, room->u, false };
        if (!rg_check_probe(&p, turn)) return false;
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

static rg_check_system system_at(rg_check *check, rg_function *function, void *context, int n,
                                 rg_check_argument *argument)
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
