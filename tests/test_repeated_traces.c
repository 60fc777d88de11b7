/* test_repeated_traces.c: a tape that has recorded much the same before gives the bits of one that has recorded nothing,
 * whatever differs from trace to trace. RG_TEST_SEEDS=100000 in the environment tries as many programs, and
 * RG_TEST_FIRST_SEED=n begins with number n. */
#include "tensors.h"

enum { SEEDS = 300, TRACES = 14, LENGTH = 28, MOST_VALUES = 160, STORES = 3, MOST_MARKS = 6, COLUMNS = 4, BORROWED = 8 };

typedef enum {
    INPUT, SCALAR, PARAMETER, TIED, UNARY, WITH_NUMBER, BINARY, MATMUL, REDUCE, ROWS, PIECES, GATHER, DROPOUT,
    OWN_OP, OWN_OF_TWO, OWN_RULE, HOOK, CHECKPOINT, NO_GRADIENT, TRAINING, KEEP, NAME, SCOPE, READ, EVALUATE, BACKWARD,
    GRADIENT, DIRECTION, MARK, REWIND, MISTAKE, STALE, FOREIGN, CHANGE, GROW, LOOK, COMPILE, WRITTEN_IN_PLACE, KINDS
} kind;

/* How often each comes, in proportion. */
static const int weights[KINDS] = {
    [INPUT] = 6, [SCALAR] = 3, [PARAMETER] = 8, [TIED] = 3, [UNARY] = 12, [WITH_NUMBER] = 8, [BINARY] = 12, [MATMUL] = 4,
    [REDUCE] = 4, [ROWS] = 3, [PIECES] = 6, [GATHER] = 2, [DROPOUT] = 2, [OWN_OP] = 3, [OWN_OF_TWO] = 2, [OWN_RULE] = 2,
    [HOOK] = 2, [CHECKPOINT] = 3, [NO_GRADIENT] = 3, [TRAINING] = 1, [KEEP] = 4, [NAME] = 2, [SCOPE] = 2, [READ] = 3,
    [EVALUATE] = 1, [BACKWARD] = 2, [GRADIENT] = 2, [DIRECTION] = 1, [MARK] = 3, [REWIND] = 2, [MISTAKE] = 1, [STALE] = 2,
    [FOREIGN] = 1, [CHANGE] = 1, [GROW] = 1, [LOOK] = 1, [COMPILE] = 1, [WRITTEN_IN_PLACE] = 1,
};

typedef struct {
    kind kind;
    unsigned a, b, c;
} instruction;

/* One of two tapes that record the same. */
typedef struct {
    rg_tape *tape;
    rg_params *store[STORES];
    rg_tensor value[MOST_VALUES];
    int count;
    struct { rg_mark mark; int count; } mark[MOST_MARKS];
    int marks, checkpoints;
    double *borrowed[BORROWED];
    int borrowed_count;
    int64_t rows;
    bool fails;                  /* it has failed in this trace, which the other has not */
} recorder;

static uint64_t drawn, stream;   /* of what is chosen */
static rg_tape *foreign_tape;
static bool verifies;            /* what is changed in place is found out */

static unsigned draw(unsigned below)
{
    return (unsigned)(rg_random_bits(stream, 0, drawn++) % below);
}

static instruction draw_instruction(void)
{
    int total = 0, k = 0;
    for (int i = 0; i < KINDS; i++) total += weights[i];
    for (int at = (int)draw((unsigned)total); at >= weights[k]; k++) at -= weights[k];
    return (instruction){ (kind)k, draw(1000), draw(1000), draw(1000) };
}

/* ---- What an instruction does  -------------------- */

static void scaled_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *x = call->in[0], factor = *(const double *)call->attributes;
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = factor * x[i];
}

static rg_tensor scaled_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k, (void)in;
    return rg_scale(g, *(const double *)rg_attributes_of(y));
}

static void third_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const double *a = call->in[0], *b = call->in[1];
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i] = a[i] + b[i] / 3;
}

static rg_tensor third_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)in, (void)y;
    return k == 0 ? g : rg_scale(g, 1.0 / 3);
}

static const rg_op own_scaled = { .name = "own_scaled", .arity = 1, .attribute_size = 8, .shape = rg_shape_same,
                                  .f64 = scaled_f64, .vjp = scaled_vjp },
                   own_twice = { .name = "own_twice", .arity = 1, .attribute_size = 8, .shape = rg_shape_same,
                                 .f64 = scaled_f64, .vjp = scaled_vjp },
                   own_third = { .name = "own_third", .arity = 2, .shape = rg_shape_broadcast, .f64 = third_f64,
                                 .vjp = third_vjp };

static double factors[] = { 0.5, 2, -1, 3 };

static rg_tensor straight_through(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)k, (void)x, (void)y;
    return rg_scale(g, *(const double *)context);
}

static rg_tensor scale_adjoint(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)x;
    return rg_scale(adjoint, *(const double *)context);
}

static rg_tensor leaf(recorder *r, uint64_t trace, int at, unsigned how)
{
    double *numbers = malloc((size_t)(r->rows * COLUMNS) * sizeof *numbers);
    const rg_shape shape = RG_SHAPE(r->rows, COLUMNS);
    for (int64_t i = 0; i < r->rows * COLUMNS; i++)
        numbers[i] = 2 * rg_random_uniform(trace, 1 + (uint64_t)at, (uint64_t)i) - 1;
    if (how % 5 == 0) return free(numbers), rg_full(r->tape, RG_F64, shape, 0.25 * (how % 3));
    if (how % 5 == 1 && r->borrowed_count < BORROWED) {
        r->borrowed[r->borrowed_count++] = numbers;
        return rg_input_borrowed(r->tape, RG_F64, shape, numbers);
    }
    rg_tensor t = (how % 5 == 2 ? rg_constant : rg_input)(r->tape, RG_F64, shape, numbers);
    free(numbers);
    return t;
}

static rg_tensor value(recorder *r, unsigned i)
{
    static const double zeros[8 * COLUMNS];
    if (r->count == 0) return rg_input(r->tape, RG_F64, RG_SHAPE(r->rows, COLUMNS), zeros);
    const unsigned count = (unsigned)r->count, recent = count < 5 ? count : 5;
    return r->value[i % 3 ? count - 1 - i % recent : i % count];
}

static rg_tensor with_parameter(rg_tensor x, rg_tensor w)
{
    const rg_shape shape = rg_shape_of(w);
    return shape.rank == 2 && shape.size[0] == COLUMNS ? rg_matmul(x, w) : rg_mul(x, w);
}

static rg_tensor parameter(recorder *r, instruction in)
{
    rg_params *store = r->store[in.c % STORES];
    return rg_parameter(r->tape, rg_params_at(store, in.b % rg_params_size(store)));
}

static rg_tensor unary(rg_tensor x, unsigned which)
{
    switch (which % 9) {
    case 0: return rg_neg(x);
    case 1: return rg_tanh(x);
    case 2: return rg_sigmoid(x);
    case 3: return rg_relu(x);
    case 4: return rg_exp(rg_tanh(x));
    case 5: return rg_square(rg_tanh(x));
    case 6: return rg_one_minus(x);
    case 7: return rg_stop_gradient(x);
    default: return rg_transpose(rg_softplus(rg_transpose(x)));
    }
}

static rg_tensor with_number(rg_tensor x, double number, unsigned which)
{
    switch (which % 4) {
    case 0: return rg_shift(x, number);
    case 1: return rg_power(rg_shift(rg_square(x), 1), number);
    case 2: return rg_cast(rg_cast(rg_scale(x, number), RG_F32), RG_F64);
    default: return rg_scale(x, number);
    }
}

static rg_tensor binary(rg_tensor a, rg_tensor b, unsigned which)
{
    switch (which % 7) {
    case 0: return rg_add(a, b);
    case 1: return rg_sub(a, b);
    case 2: return rg_mul(a, b);
    case 3: return rg_maximum(a, b);
    case 4: return rg_div(a, rg_shift(rg_square(b), 1));
    case 5: return rg_where(rg_greater(a, b), b, a);
    default: return rg_mul(rg_add(a, b), rg_add(a, b));
    }
}

static rg_tensor reduced(rg_tensor x, unsigned which)
{
    switch (which % 6) {
    case 0: return rg_mul(x, rg_sum(x));
    case 1: return rg_sub(x, rg_mean_axes(x, RG_AXES(1), true));
    case 2: return rg_add(x, rg_sum_axes(x, RG_AXES(0), which & 64));
    case 3: return rg_sub(x, rg_max_axes(x, RG_AXES(0), true));
    case 4: return rg_mul(x, rg_logsumexp(x, 1, true));
    default: return rg_expand(rg_sum_axes(x, RG_AXES(0), true), rg_shape_of(x));
    }
}

static rg_tensor by_rows(rg_tensor x, unsigned which)
{
    switch (which % 4) {
    case 0: return rg_softmax(x, 1);
    case 1: return rg_log_softmax(x, (int)which / 4 % 2);
    case 2: return rg_cumsum(x, 1);
    default: return rg_sort(x, 1, which & 64);
    }
}

static rg_tensor pieces(rg_tensor a, rg_tensor b, unsigned which)
{
    const int64_t rows = rg_shape_of(a).size[0], cut = 1 + which / 8 % 3;
    rg_tensor both = which % 8 < 2 ? rg_concat(2, (rg_tensor[]){ a, b }, 1) : a;
    switch (which % 8) {
    case 0: return rg_slice(both, 1, cut, cut + COLUMNS);
    case 1: return rg_slice_step(both, 1, cut, COLUMNS, 1);
    case 2: return rg_flip(a, RG_AXES((int)which / 8 % 2));
    case 3: return rg_slice(rg_pad(a, 1, cut, 2), 1, 0, COLUMNS);
    case 4: return rg_reshape(rg_tanh(rg_reshape(a, RG_SHAPE(COLUMNS * rows))), RG_SHAPE(rows, COLUMNS));
    case 5: return rg_concat(2, (rg_tensor[]){ rg_slice(a, 1, 0, cut), rg_slice(b, 1, cut, COLUMNS) }, 1);
    case 6: return rg_add(rg_slice(a, 1, 0, 1), b);
    default: return rg_permute(rg_square(rg_permute(a, RG_AXES(1, 0))), RG_AXES(1, 0));
    }
}

static rg_tensor gathered(recorder *r, rg_tensor x, uint64_t trace, int at, unsigned which)
{
    int64_t index[8];
    for (int64_t i = 0; i < r->rows; i++)
        index[i] = (int64_t)(rg_random_bits(trace, 77 + (uint64_t)at, (uint64_t)i) % (uint64_t)r->rows);
    if (which % 40 == 0) index[r->rows - 1] = r->rows; /* found out when it is computed */
    return rg_gather_rows(x, rg_input(r->tape, RG_I64, RG_SHAPE(r->rows), index));
}

static rg_tensor dropped(recorder *r, rg_tensor x, instruction in)
{
    rg_tensor key = in.b % 2 ? rg_random_draw(r->tape, r->store[in.c % STORES]) : rg_random_key(r->tape, in.b, in.c);
    return rg_is_training(r->tape) ? rg_dropout(x, 0.25 * (1 + in.a % 2), key) : rg_scale(x, 0.5);
}

static void change(recorder *r, instruction in)
{
    rg_params *store = r->store[in.c % STORES];
    double *theta = rg_params_data(store);
    for (int64_t i = 0; i < rg_params_count(store); i++) theta[i] = -theta[i];
    rg_params_changed(store);
}

static void grow(recorder *r, instruction in)
{
    char name[32];
    rg_params *store = r->store[in.c % STORES];
    if (rg_params_size(store) >= 8) return;
    snprintf(name, sizeof name, "grown%zu", rg_params_size(store));
    rg_params_add(store, name, in.b % 2 ? RG_SHAPE(COLUMNS) : RG_SHAPE(COLUMNS, COLUMNS));
}

static void look(recorder *r, instruction in)
{
    rg_tensor x = value(r, in.a);
    if (in.b % 2) {
        rg_finite_report report;
        rg_tape_check_finite(r->tape, rg_sum(x), &report);
        return;
    }
    FILE *nowhere = fopen("/dev/null", "w");
    rg_listing(nowhere, x, &(rg_graph_options){ .plan = in.c % 2 });
    fclose(nowhere);
}

static rg_tensor gradients(recorder *r, instruction in)
{
    rg_tensor wrt[2] = { value(r, in.b), in.c % 2 ? value(r, in.c) : parameter(r, in) }, slope[2] = { { 0 } };
    rg_grad(rg_sum(rg_tanh(value(r, in.a))), wrt, 2, slope);
    if (in.c % 2 && r->count < MOST_VALUES) r->value[r->count++] = slope[1];
    return slope[0];
}

static rg_tensor direction(recorder *r, instruction in)
{
    rg_tensor y = value(r, in.a), x = value(r, in.b), slope = { 0 };
    rg_jvp(y, &x, &y, 1, &slope);
    return slope;
}

static rg_tensor compiled(recorder *r, instruction in)
{
    rg_tensor y = rg_neg(value(r, in.a));
    rg_program *program = rg_compile(0, NULL, 1, &y);
    if (!program || rg_program_run(program)) return (rg_tensor){ 0 };
    rg_tensor out = rg_input(r->tape, RG_F64, rg_shape_of(y), rg_program_output(program, 0));
    rg_program_free(program);
    return out;
}

static rg_tensor mistaken(recorder *r, instruction in)
{
    rg_tensor x = value(r, in.a);
    switch (in.b % 4) {
    case 0: return rg_add(x, rg_full(r->tape, RG_F64, RG_SHAPE(9), 1));
    case 1: return rg_matmul(x, x);
    case 2: return rg_slice(x, 1, 0, 99);
    default: return rg_tanh(rg_cast(x, RG_I64));
    }
}

static rg_tensor to_number(recorder *r, unsigned i)
{
    return rg_sum(rg_tanh(value(r, i)));
}

static void checkpoint(recorder *r)
{
    if (r->checkpoints > 0) rg_checkpoint_end(r->tape), r->checkpoints--;
    else rg_checkpoint_begin(r->tape), r->checkpoints++;
}

static void mark(recorder *r)
{
    if (r->marks == MOST_MARKS) return;
    r->mark[r->marks].mark = rg_tape_mark(r->tape);
    r->mark[r->marks++].count = r->count;
}

static void rewind_to(recorder *r, unsigned which)
{
    if (r->marks == 0 || r->checkpoints > 0) return;
    const int to = (int)which % r->marks;
    rg_tape_rewind(r->mark[to].mark);
    r->count = r->mark[to].count;
    r->marks = to + 1;
}

/* Of values that there are no more, none may be taken for one that there is. */
static void use_what_is_gone(recorder *r, instruction in, const rg_tensor *gone, int count)
{
    if (count == 0 || rg_failed(r->tape)) return;
    rg_tensor old = gone[in.b % (unsigned)count], x = value(r, in.a);
    if (rg_failed(r->tape)) return;
    rg_tensor y = { 0 };
    if (old.tape != r->tape) rg_fail(r->tape, NULL, RG_E_TAPE, "as the other one"); /* which takes back gradients */
    else y = in.c % 3 == 0 ? rg_tanh(old) : in.c % 3 == 1 ? rg_mul(old, x) : rg_mul(x, old);
    assert_true(rg_is_null(y));
    assert_int_equal(rg_tape_status(r->tape), RG_E_TAPE);
    rg_tape_clear_error(r->tape);
}

static void use_a_foreign_one(recorder *r, instruction in)
{
    rg_tensor x = value(r, in.a), other = { foreign_tape, x.node, x.epoch };
    if (rg_failed(r->tape)) return;
    assert_true(rg_is_null(rg_add(x, other)));
    assert_int_equal(rg_tape_status(r->tape), RG_E_TAPE);
    rg_tape_clear_error(r->tape);
    rg_tape_clear_error(foreign_tape);
}

/* What records nothing that later instructions read. */
static void act(recorder *r, instruction in, const rg_tensor *gone, int gone_count)
{
    rg_tensor some[] = { value(r, in.a), value(r, in.b), value(r, in.c) };
    switch (in.kind) {
    case CHECKPOINT: checkpoint(r); break;
    case NO_GRADIENT: rg_no_grad(r->tape, in.a % 2); break;
    case TRAINING: rg_training(r->tape, in.a % 2); break;
    case KEEP: rg_keep(some[0]); break;
    case NAME: rg_name(some[0], in.b % 2 ? "one" : "another"); break;
    case SCOPE: in.a % 2 ? rg_scope_push(r->tape, in.b % 2 ? "first" : "second") : rg_scope_pop(r->tape); break;
    case READ: rg_data(some[0]); break;
    case EVALUATE: rg_eval(3, some); break;
    case BACKWARD: rg_backward(to_number(r, in.a)); break;
    case MARK: mark(r); break;
    case REWIND: rewind_to(r, in.a); break;
    case STALE: use_what_is_gone(r, in, gone, gone_count); break;
    case FOREIGN: use_a_foreign_one(r, in); break;
    case CHANGE: change(r, in); break;
    case GROW: grow(r, in); break;
    case LOOK: look(r, in); break;
    case WRITTEN_IN_PLACE:
        if (verifies && r->borrowed_count > 0) r->borrowed[in.a % (unsigned)r->borrowed_count][0] += 1;
        break;
    default: break;
    }
}

static rg_tensor record(recorder *r, instruction in, uint64_t trace, int at)
{
    rg_tensor x = value(r, in.a);
    switch (in.kind) {
    case INPUT: return leaf(r, trace, at, in.a);
    case SCALAR: return rg_mul(x, rg_scalar(r->tape, RG_F64, rg_random_uniform(trace, 3, in.b)));
    case PARAMETER: return with_parameter(x, parameter(r, in));
    case TIED: return with_parameter(rg_tanh(with_parameter(x, parameter(r, in))), parameter(r, in));
    case UNARY: return unary(x, in.b);
    case WITH_NUMBER: return with_number(x, 0.5 * (in.b % 5) - 1, in.c);
    case BINARY: return binary(x, value(r, in.b), in.c);
    case MATMUL: return rg_tanh(rg_matmul(rg_matmul(x, rg_transpose(value(r, in.b))), value(r, in.c)));
    case REDUCE: return reduced(x, in.b);
    case ROWS: return by_rows(x, in.b);
    case PIECES: return pieces(x, value(r, in.b), in.c);
    case GATHER: return gathered(r, x, trace, at, in.b);
    case DROPOUT: return dropped(r, x, in);
    case OWN_OP: return rg_apply(in.b % 2 ? &own_scaled : &own_twice, &factors[in.c % 4], 1, &x);
    case OWN_OF_TWO: return rg_apply(&own_third, NULL, 2, (rg_tensor[]){ x, value(r, in.b) });
    case OWN_RULE: return rg_custom_vjp(rg_greater(x, value(r, in.b)), &x, 1, straight_through, &factors[in.c % 4]);
    case HOOK: return rg_hook(x, scale_adjoint, &factors[in.c % 4]);
    case GRADIENT: return gradients(r, in);
    case DIRECTION: return direction(r, in);
    case MISTAKE: return mistaken(r, in);
    default: return compiled(r, in);
    }
}

static void do_instruction(recorder *r, instruction in, uint64_t trace, int at, const rg_tensor *gone, int gone_count)
{
    static const bool acts[KINDS] = { [CHECKPOINT] = 1, [NO_GRADIENT] = 1, [TRAINING] = 1, [KEEP] = 1, [NAME] = 1,
                                      [SCOPE] = 1,
                                      [READ] = 1, [EVALUATE] = 1, [BACKWARD] = 1, [MARK] = 1, [REWIND] = 1, [STALE] = 1,
                                      [FOREIGN] = 1, [CHANGE] = 1, [GROW] = 1, [LOOK] = 1, [WRITTEN_IN_PLACE] = 1 };
    if (acts[in.kind]) {
        act(r, in, gone, gone_count);
        return;
    }
    rg_tensor t = record(r, in, trace, at);
    if (!rg_is_null(t) && !rg_failed(r->tape) && r->count < MOST_VALUES) r->value[r->count++] = t;
}

/* ---- The two side by side  -------------------- */

static bool same_numbers(const double *a, const double *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

/* But for the numbers of nodes: a plan that is known spares its adjoints. */
static bool same_message(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        if (*a == '%')
            for (int k = 0; k < 2; k++) *(k ? &a : &b) += strspn(k ? a + 1 : b + 1, "0123456789");
    return *a == *b;
}

/* What one tape has kept may be stale on the other: then there is no more to compare in this trace. Else they fail alike,
 * and go on. */
static bool agree(recorder *a, recorder *b, const char *where)
{
    const rg_status first = rg_tape_status(a->tape), second = rg_tape_status(b->tape);
    const bool stale = first == RG_E_STALE || second == RG_E_STALE;
    if (!stale && (first != second || !same_message(rg_message(a->tape), rg_message(b->tape))))
        fail_msg("%s: %s | %s", where, rg_message(a->tape), rg_message(b->tape));
    rg_tape_clear_error(a->tape);
    rg_tape_clear_error(b->tape);
    return !stale;
}

static bool same_values(recorder *a, recorder *b, const char *where)
{
    assert_int_equal(a->count, b->count);
    for (int i = a->count - 1; i >= 0; i--) {
        const double *one = rg_data(a->value[i]), *other = rg_data(b->value[i]);
        if (!agree(a, b, where)) return false;
        if (!one || !other) continue;
        if (!same_numbers(one, other, rg_shape_count(rg_shape_of(a->value[i])))) fail_msg("%s: value %d differs", where, i);
    }
    return true;
}

static void same_gradients(recorder *a, recorder *b, const char *where)
{
    for (int s = 0; s < STORES; s++) {
        if (rg_params_gradient_ready(a->store[s]) != rg_params_gradient_ready(b->store[s]))
            fail_msg("%s: of store %d only one has a gradient", where, s);
        const double *one = rg_params_gradient(a->store[s]), *other = rg_params_gradient(b->store[s]);
        if (!same_numbers(one, other, rg_params_count(a->store[s]))) fail_msg("%s: gradients of store %d differ", where, s);
    }
}

static rg_params *make_store(uint64_t seed)
{
    static const rg_shape shapes[] = { { 1, { COLUMNS } }, { 0, { 0 } }, { 2, { 1, COLUMNS } }, { 2, { 1, 1 } },
                                       { 2, { COLUMNS, COLUMNS } } };
    rg_params *store = rg_params_new(RG_F64, seed);
    const int count = 1 + (int)(rg_random_bits(seed, 1, 0) % 4);
    for (int i = 0; i < count; i++)
        rg_params_add(store, (char[]){ (char)('a' + i), '\0' },
                      shapes[rg_random_bits(seed, 2, (uint64_t)i) % COUNT(shapes)]);
    double *theta = rg_params_data(store);
    for (int64_t i = 0; i < rg_params_count(store); i++) theta[i] = 2 * rg_random_uniform(seed, 3, (uint64_t)i) - 1;
    rg_params_changed(store);
    return store;
}

static void begin_trace(recorder *r, int64_t rows)
{
    rg_no_grad(r->tape, false);
    rg_training(r->tape, true);
    r->count = r->marks = r->checkpoints = 0;
    r->rows = rows;
}

static void end_trace(recorder *r, unsigned how)
{
    while (r->checkpoints > 0) rg_checkpoint_end(r->tape), r->checkpoints--;
    for (; r->borrowed_count > 0; r->borrowed_count--) free(r->borrowed[r->borrowed_count - 1]);
    for (int s = 0; s < STORES; s++) {
        if (how % 4 == 0) rg_params_zero_gradient(r->store[s]);
        if (how % 4 == 1) rg_params_consume_gradient(r->store[s]);
    }
    rg_tape_reset(r->tape);
}

/* Something else here and there; `program` itself drifts now and then. */
static void vary(instruction *program, instruction *varied)
{
    static const int changes[] = { 0, 0, 0, 0, 1, 1, 1, 2, 4 };
    memcpy(varied, program, LENGTH * sizeof *program);
    for (int n = changes[draw(COUNT(changes))]; n > 0; n--) {
        instruction *at = &varied[draw(LENGTH)];
        const unsigned how = draw(8);
        if (how == 0) at->a = draw(1000);
        else if (how == 1) at->b = draw(1000);
        else if (how == 2) at->c = draw(1000);
        else if (how == 3 && at < varied + LENGTH - 1) { /* change places */
            const instruction next = at[1];
            at[1] = at[0];
            at[0] = next;
        } else if (how == 4 && at < varied + LENGTH - 2) { /* the one between has no gradient */
            at[0] = (instruction){ .kind = NO_GRADIENT, .a = 1 };
            at[2] = (instruction){ .kind = NO_GRADIENT, .a = 0 };
        } else *at = draw_instruction();
    }
    if (draw(6) == 0) memcpy(program, varied, LENGTH * sizeof *program);
}

static void run_trace(recorder *a, recorder *b, const instruction *program, uint64_t seed, int trace, const rg_tensor *gone,
                      int gone_count)
{
    char where[64];
    const uint64_t numbers = seed * 1000 + (uint64_t)trace;
    const int stop = draw(8) == 0 ? (int)draw(LENGTH) : LENGTH;
    bool same = true;
    for (int i = 0; i < stop && same; i++) {
        snprintf(where, sizeof where, "seed %llu, trace %d, instruction %d (%d)", (unsigned long long)seed, trace, i,
                 program[i].kind);
        do_instruction(a, program[i], numbers, i, gone, gone_count);
        do_instruction(b, program[i], numbers, i, gone, gone_count);
        same = agree(a, b, where);
    }
    for (; a->checkpoints > 0; a->checkpoints--, b->checkpoints--) rg_checkpoint_end(a->tape), rg_checkpoint_end(b->tape);
    snprintf(where, sizeof where, "seed %llu, trace %d, at the end", (unsigned long long)seed, trace);
    const unsigned how = draw(4);
    if (same && how > 0 && a->count > 0) {
        recorder *both[] = { a, b };
        for (int k = 0; k < 2; k++) rg_backward(to_number(both[k], 1)); /* from one line, which messages name */
        same = agree(a, b, where);
    }
    if (same && how > 1) same = same_values(a, b, where);
    if (same) same_gradients(a, b, where);
    for (int s = 0; s < STORES && !same; s++) {
        rg_params_zero_gradient(a->store[s]);
        rg_params_zero_gradient(b->store[s]);
    }
}

/* A store in the place of another, most likely at its address. */
static void renew_store(recorder *a, recorder *b, int s, uint64_t seed)
{
    recorder *both[] = { a, b };
    for (int k = 0; k < 2; k++) {
        rg_params_free(both[k]->store[s]);
        both[k]->store[s] = make_store(seed);
    }
}

static void check_program(uint64_t seed, rg_tape_options options, rg_tape_options fresh)
{
    instruction program[LENGTH], varied[LENGTH];
    rg_tensor gone[MOST_VALUES];
    int gone_count = 0;
    recorder a = { .tape = rg_tape_new_with(options) }, b = { .tape = NULL };
    stream = seed;
    drawn = 0;
    for (int s = 0; s < STORES; s++) {
        a.store[s] = make_store(seed * 31 + (uint64_t)s);
        b.store[s] = make_store(seed * 31 + (uint64_t)s);
    }
    for (int i = 0; i < LENGTH; i++) program[i] = draw_instruction();
    for (int trace = 0; trace < TRACES; trace++) {
        b.tape = rg_tape_new_with(fresh);
        const int64_t rows = draw(8) ? 3 : 1 + draw(5);
        begin_trace(&a, rows);
        begin_trace(&b, rows);
        vary(program, varied);
        run_trace(&a, &b, varied, seed, trace, gone, gone_count);
        if (draw(3) == 0) memcpy(gone, a.value, (size_t)(gone_count = a.count) * sizeof *gone);
        const unsigned how = draw(8);
        end_trace(&a, how);
        end_trace(&b, how);
        rg_tape_free(b.tape);
        if (draw(6) == 0) renew_store(&a, &b, (int)draw(STORES), seed * 77 + (uint64_t)trace);
    }
    rg_tape_free(a.tape);
    for (int s = 0; s < STORES; s++) rg_params_free(a.store[s]), rg_params_free(b.store[s]);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void check_programs(rg_tape_options options, rg_tape_options fresh)
{
    const uint64_t first = from_environment("RG_TEST_FIRST_SEED", 1), seeds = from_environment("RG_TEST_SEEDS", SEEDS);
    foreign_tape = rg_tape_new();
    options.threads = fresh.threads = 1;
    verifies = options.verify;
    for (uint64_t seed = first; seed < first + seeds; seed++) check_program(seed, options, fresh);
    rg_tape_free(foreign_tape);
}

static void a_tape_that_has_recorded_before_gives_the_bits_of_one_that_has_not(void **state)
{
    (void)state;
    check_programs((rg_tape_options){ .plans = 0 }, (rg_tape_options){ .plans = 0 });
}

static void so_it_does_with_few_plans(void **state)
{
    (void)state;
    check_programs((rg_tape_options){ .plans = 2 }, (rg_tape_options){ .plans = 0 });
}

static void so_it_does_where_numbers_are_verified(void **state)
{
    (void)state;
    check_programs((rg_tape_options){ .verify = true }, (rg_tape_options){ .verify = true });
}

static void so_it_does_node_by_node(void **state)
{
    (void)state;
    check_programs((rg_tape_options){ .eager = true }, (rg_tape_options){ .eager = true });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tape_that_has_recorded_before_gives_the_bits_of_one_that_has_not),
        cmocka_unit_test(so_it_does_with_few_plans),
        cmocka_unit_test(so_it_does_where_numbers_are_verified),
        cmocka_unit_test(so_it_does_node_by_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
