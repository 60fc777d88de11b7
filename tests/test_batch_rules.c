/* test_batch_rules.c: an op over a batch gives what it gives for each member by itself, values and gradients, whichever of
 * its operands are batched; and the ops that cannot be batched are known by name. */
#include "tensors.h"

/* They may get rules; no other may lose its own. */
static const char *const without_rule[] = { "matmul", "uniform", "standard_normal", "permutation" };

enum { ROOM = 4096 };

typedef struct {
    const rg_op *op;
    const rg_sample *sample;
    rg_dtype dtype;            /* of floats */
    unsigned batched;          /* bit k: operand k */
    int64_t members;
} batch_case;

static int cases, inexact;

static void describe(const batch_case *c, char *text, size_t size)
{
    snprintf(text, size, "%s, sample %d, %s, %d members, batched operands %x", c->op->name,
             (int)(c->sample - c->op->samples), rg_dtype_name(c->dtype), (int)c->members, c->batched);
}

/* ---- Operands -------------------------------------------------------------------------------------------------------- */

static int origin_of(const rg_sample *sample, int k)
{
    while (sample->in[k].same_as) k = sample->in[k].same_as - 1;
    return k;
}

static bool is_batched(const batch_case *c, int k)
{
    return c->batched >> k & 1u;
}

static rg_dtype dtype_of(const batch_case *c, int k)
{
    const rg_dtype dtype = c->sample->in[origin_of(c->sample, k)].dtype;
    return dtype == RG_NO_DTYPE ? c->dtype : dtype;
}

static bool is_float(rg_dtype dtype)
{
    return dtype == RG_F32 || dtype == RG_F64;
}

static double number_for(const rg_sample_operand *in, rg_dtype dtype, int k, int64_t i)
{
    const bool whole = !is_float(dtype), usual = in->low == 0 && in->high == 0;
    const double low = !whole && usual ? -2 : in->low, high = !whole && usual ? 2 : in->high, step = whole ? 1 : in->step;
    const double u = rg_random_uniform(17, (uint64_t)k, (uint64_t)i);
    if (!usual && low == high) return whole ? low : in->value;
    return step != 0 ? low + step * floor(u * (floor((high - low) / step) + 1)) : low + u * (high - low);
}

static void store(void *data, rg_dtype dtype, int64_t i, double number)
{
    switch (dtype) {
    case RG_F32: ((float *)data)[i] = (float)number; break;
    case RG_F64: ((double *)data)[i] = number; break;
    case RG_I32: ((int32_t *)data)[i] = (int32_t)number; break;
    default: ((int64_t *)data)[i] = (int64_t)number; break;
    }
}

/* Operand k as it is for one member, or, for member -1, with all of them in front. */
static rg_tensor operand(rg_tape *tape, const batch_case *c, int k, int64_t member)
{
    static double room[ROOM];
    const rg_sample_operand *in = &c->sample->in[k];
    const rg_dtype dtype = dtype_of(c, k);
    const int64_t count = rg_shape_count(rg_sample_shape(in)), members = is_batched(c, k) && member < 0 ? c->members : 1;
    const int64_t first = is_batched(c, k) && member > 0 ? member * count : 0;
    rg_shape shape = rg_sample_shape(in);
    assert_true(count * members <= ROOM);
    const int rank = rg_sample_shape(in).rank;
    const int64_t columns = rank >= 2 ? rg_sample_shape(in).size[rank - 1] : 1, rows = rank >= 2 ? rg_sample_shape(in).size[rank - 2] : 1;
    for (int64_t i = 0; i < count * members; i++) {
        const bool shifted = rank >= 2 && is_float(dtype) && (in->low != in->high || in->low == 0) && i / columns % rows == i % columns;
        store(room, dtype, i, number_for(in, dtype, k, first + i) + (shifted ? in->diagonal : 0));
    }
    if (is_batched(c, k) && member < 0) {
        shape.size[0] = members;
        for (int i = 0; i < rg_sample_shape(in).rank; i++) shape.size[1 + i] = rg_sample_shape(in).size[i];
        shape.rank = rg_sample_shape(in).rank + 1;
    }
    return rg_input(tape, dtype, shape, room);
}

static void operands(rg_tape *tape, const batch_case *c, int64_t member, rg_tensor *in)
{
    for (int k = 0; k < c->sample->operands; k++) {
        const int from = origin_of(c->sample, k);
        in[k] = from == k ? operand(tape, c, k, member) : in[from];
    }
}

/* ---- Comparing --------------------------------------------------------------------------------------------------------- */

static double number_at(const void *data, rg_dtype dtype, int64_t i)
{
    switch (dtype) {
    case RG_F32: return (double)((const float *)data)[i];
    case RG_F64: return ((const double *)data)[i];
    case RG_I32: return ((const int32_t *)data)[i];
    default: return (double)((const int64_t *)data)[i];
    }
}

/* Part `member` of the batched numbers against those of the member. */
static void assert_member(const batch_case *c, const char *what, rg_tensor batched, int64_t member, rg_tensor alone)
{
    const rg_dtype dtype = rg_dtype_of(alone);
    const int64_t count = rg_shape_count(rg_shape_of(alone));
    const void *all = rg_data(batched), *one = rg_data(alone);
    const double tolerance = dtype == RG_F32 ? 1e-6 : 1e-12;
    char text[160];
    describe(c, text, sizeof text);
    if (!all || !one) fail_msg("%s: %s: %s", text, what, rg_message(alone.tape));
    for (int64_t i = 0; i < count; i++) {
        const double got = number_at(all, dtype, member * count + i), want = number_at(one, dtype, i);
        inexact += got != want;
        if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want))))
            fail_msg("%s: %s, member %d, element %d: %.17g, not %.17g", text, what, (int)member, (int)i, got, want);
    }
}

static void assert_shapes(const batch_case *c, rg_tensor batched, rg_tensor alone)
{
    const rg_shape all = rg_shape_of(batched), one = rg_shape_of(alone);
    char text[160];
    describe(c, text, sizeof text);
    bool same = rg_dtype_of(batched) == rg_dtype_of(alone) && all.rank == one.rank + 1 && all.size[0] == c->members;
    for (int i = 0; same && i < one.rank; i++) same = all.size[1 + i] == one.size[i];
    if (!same) fail_msg("%s: the shape or the dtype of the result is wrong: %s", text, rg_message(batched.tape));
}

/* A cotangent for each member, and all of them side by side. */
static rg_tensor cotangent(rg_tape *tape, const batch_case *c, rg_tensor y, int64_t member)
{
    static double room[ROOM];
    const rg_shape shape = rg_shape_of(y);
    const int64_t count = rg_shape_count(shape), first = member > 0 ? member * count : 0;
    assert_true(count <= ROOM);
    for (int64_t i = 0; i < count; i++) store(room, c->dtype, i, rg_random_uniform(19, 3, (uint64_t)(first + i)) - 0.4);
    return rg_input(tape, c->dtype, shape, room);
}

static bool has_gradient(const batch_case *c, int k)
{
    return is_float(dtype_of(c, k)) && origin_of(c->sample, k) == k;
}

/* The gradient for a batched operand is that of its members, for another one their sum. */
static void check_gradients(rg_tape *tape, const batch_case *c, const rg_tensor *in, rg_tensor y)
{
    rg_tensor sum[RG_MAX_OPERANDS] = { { 0 } };
    for (int k = 0; k < c->sample->operands; k++) {
        rg_tensor all, each;
        if (!has_gradient(c, k)) continue;
        assert_int_equal(rg_vjp(y, cotangent(tape, c, y, -1), &in[k], 1, &all), RG_OK);
        for (int64_t member = 0; member < c->members; member++) {
            rg_tensor own[RG_MAX_OPERANDS];
            operands(tape, c, member, own);
            rg_tensor alone = rg_apply(c->op, c->sample->attributes, c->sample->operands, own);
            assert_int_equal(rg_vjp(alone, cotangent(tape, c, alone, member), &own[k], 1, &each), RG_OK);
            if (is_batched(c, k)) assert_member(c, "gradient", all, member, each);
            else sum[k] = member == 0 ? each : rg_add(sum[k], each);
        }
        if (!is_batched(c, k) && c->members > 0) assert_member(c, "gradient", all, 0, sum[k]);
    }
}

static void check_case(rg_tape *tape, const batch_case *c)
{
    rg_tensor in[RG_MAX_OPERANDS], own[RG_MAX_OPERANDS];
    bool batched[RG_MAX_OPERANDS];
    const int n = c->sample->operands;
    char text[160];
    describe(c, text, sizeof text);
    rg_tape_reset(tape);
    operands(tape, c, -1, in);
    for (int k = 0; k < n; k++) batched[k] = is_batched(c, k);
    const rg_batch_call call = { .site = RG_SITE, .op = c->op, .attributes = c->sample->attributes, .operands = n, .in = in,
                                 .batched = batched, .size = c->members };
    rg_tensor y = c->op->batch(&call);
    if (rg_is_null(y)) fail_msg("%s: %s", text, rg_message(tape));
    for (int64_t member = 0; member < c->members; member++) {
        operands(tape, c, member, own);
        rg_tensor alone = rg_apply(c->op, c->sample->attributes, n, own);
        assert_shapes(c, y, alone);
        assert_member(c, "value", y, member, alone);
    }
    if (is_float(rg_dtype_of(y)) && c->op->vjp && rg_dtype_of(y) == c->dtype) check_gradients(tape, c, in, y);
    if (rg_failed(tape)) fail_msg("%s: %s", text, rg_message(tape));
    cases++;
}

/* ---- The table ----------------------------------------------------------------------------------------------------------- */

/* Operands that are one tensor are batched together. */
static bool is_possible(const rg_sample *sample, unsigned batched)
{
    for (int k = 0; k < sample->operands; k++)
        if ((batched >> k & 1u) != (batched >> origin_of(sample, k) & 1u)) return false;
    return true;
}

static void check_op(rg_tape *tape, const rg_op *op)
{
    for (const rg_sample *sample = op->samples; sample && sample->operands; sample++) {
        if (sample->refuse != RG_OK) continue;
        for (unsigned batched = 1; batched < 1u << sample->operands; batched++)
            for (int64_t members = 0; members <= 3 && is_possible(sample, batched); members += members == 1 ? 2 : 1)
                for (int wide = 0; wide < 2; wide++)
                    check_case(tape, &(batch_case){ op, sample, wide ? RG_F64 : RG_F32, batched, members });
    }
}

static void check_table(rg_tape_options options)
{
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    rg_tape *tape = rg_tape_new_with(options);
    const int before = cases;
    inexact = 0;
    for (size_t i = 0; i < count; i++)
        if (table[i]->batch) check_op(tape, table[i]);
    print_message("%d cases, %d numbers that are not the same to the bit\n", cases - before, inexact);
    assert_true(cases - before > 1000);
    rg_tape_free(tape);
}

static void a_batch_is_its_members_node_by_node(void **state)
{
    (void)state;
    check_table((rg_tape_options){ .eager = true });
}

static void a_batch_is_its_members_as_planned(void **state)
{
    (void)state;
    check_table((rg_tape_options){ .threads = 3 });
}

static void ops_without_a_rule_are_known(void **state)
{
    (void)state;
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool known = table[i]->batch || table[i]->kind == RG_ELEMENTWISE;
        for (size_t j = 0; j < COUNT(without_rule); j++) known = known || strcmp(table[i]->name, without_rule[j]) == 0;
        if (!known) fail_msg("%s has no batch rule", table[i]->name);
    }
}

/* There is no ninth dimension. */
static void a_batch_that_makes_too_many_dimensions_is_refused(void **state)
{
    (void)state;
    const int64_t attributes[9] = { 8, 1, 1, 1, 1, 1, 1, 1, 2 };
    const struct {
        const char *name;
        rg_shape shape;
    } ops[] = { { "reshape", RG_SHAPE(3, 2) }, { "expand", RG_SHAPE(3, 1) } };
    rg_tape *tape = rg_tape_new();
    for (size_t i = 0; i < COUNT(ops); i++) {
        const rg_op *op = rg_op_find(ops[i].name);
        rg_tensor x = rg_full(tape, RG_F64, ops[i].shape, 1);
        const rg_batch_call call = { .site = RG_SITE, .op = op, .attributes = attributes, .operands = 1, .in = &x,
                                     .batched = (const bool[]){ true }, .size = 3 };
        assert_true(rg_is_null(op->batch(&call)));
        assert_int_equal(rg_tape_status(tape), RG_E_SHAPE);
        assert_non_null(strstr(rg_message(tape), ops[i].name));
        rg_tape_clear_error(tape);
    }
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_its_members_node_by_node),
        cmocka_unit_test(a_batch_is_its_members_as_planned),
        cmocka_unit_test(ops_without_a_rule_are_known),
        cmocka_unit_test(a_batch_that_makes_too_many_dimensions_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
