/* test_every_op.c: every op of the library is in the table, is sampled well, has right derivatives to second order,
 * and refuses what it must. RG_GRADCHECK_SEEDS=300 in the environment asks for more random numbers than usual. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "autograd.h"

#include "samples.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What cannot be recorded here is left out; the first test says so. */
#define FOR_EACH_OP(op)                                                                                            \
    size_t ops_ = 0;                                                                                               \
    const rg_op *const *table_ = rg_op_table(&ops_);                                                               \
    const rg_op *op = NULL;                                                                                        \
    for (size_t i_ = 0; i_ < ops_ && (op = table_[i_]); i_++)                                                      \
        if (op->missing && op->missing()) continue;                                                                \
        else

/* ---- Right derivatives --------------------------------------------------------------------------------------- */

static void every_op_passes_to_second_order(void **state)
{
    (void)state;
    const char *asked = getenv("RG_GRADCHECK_SEEDS");
    const rg_gradcheck_options options = { .seeds = asked ? atoi(asked) : 3, .report = stderr };
    int checked = 0, failed = 0;
    FOR_EACH_OP(op) {
        rg_gradcheck_result result;
        rg_gradcheck_options quiet = options;
        quiet.report = NULL;
        bool good = rg_gradcheck_op(op, &quiet, &result);
        if (!good) rg_gradcheck_op(op, &options, NULL);
        checked += result.checked;
        failed += !good;
        assert_true(good || result.failed > 0);
        if (op->arity != 0) assert_true(result.checked > 0);
    }
    for (size_t i = 0; i < ops_; i++)
        if (table_[i]->missing && table_[i]->missing()) print_message("skipped: %s: %s\n", table_[i]->name, table_[i]->missing());
    print_message("%d comparisons with %d seeds\n", checked, options.seeds);
    assert_int_equal(failed, 0);
}

/* ---- The table is complete ----------------------------------------------------------------------------------- */

static bool is_leaf(const char *name)
{
    static const char *const leaves[] = { "input", "constant", "scalar", "parameter", "random_key" };
    for (size_t i = 0; i < COUNT(leaves); i++)
        if (strcmp(leaves[i], name) == 0) return true;
    return false;
}

/* As the linker sees it: an object called rg_op_... is an op. */
static void every_op_of_the_library_is_in_the_table(void **state)
{
    (void)state;
    const char *end = strrchr(RG_TEST_COMMAND, '/');
    char command[4096], line[512], name[256], kind;
    int found = 0;
    assert_non_null(end);
    snprintf(command, sizeof command, "nm '%.*s/libretrograd.a' 2>/dev/null", (int)(end - RG_TEST_COMMAND),
             RG_TEST_COMMAND);
    FILE *symbols = popen(command, "r");
    assert_non_null(symbols);
    while (fgets(line, sizeof line, symbols)) {
        bool is_object = sscanf(line, "%*x %c rg_op_%255s", &kind, name) == 2 && strchr("RrDdBb", kind);
        if (!is_object || is_leaf(name)) continue;
        if (!rg_op_find(name)) fail_msg("rg_op_%s is not in the table", name);
        assert_string_equal(rg_op_find(name)->name, name);
        found++;
    }
    size_t count;
    rg_op_table(&count);
    if (pclose(symbols) != 0) skip(); /* no nm, or another kind of build */
    assert_int_equal(found, count);
}

static void no_op_is_in_the_table_twice(void **state)
{
    (void)state;
    FOR_EACH_OP(op) {
        assert_ptr_equal(rg_op_find(op->name), op);
        assert_true(strlen(op->name) > 0 && strlen(op->doc) > 0);
    }
    assert_null(rg_op_find("no such op"));
    assert_null(rg_op_find(NULL));
}

/* ---- The samples are good ------------------------------------------------------------------------------------ */

static bool takes_anything(const rg_op *op)
{
    rg_tape *tape = rg_tape_new();
    const int32_t integer = 1;
    rg_tensor scalar = rg_input(tape, RG_I32, RG_SCALAR, &integer);
    rg_tensor empty = rg_input(tape, RG_F64, RG_SHAPE(2, 0), NULL);
    rg_apply(op, NULL, 1, &scalar);
    rg_apply(op, NULL, 1, &empty);
    bool taken = !rg_failed(tape);
    rg_tape_free(tape);
    return taken;
}

static int free_operands(const rg_op *op, const rg_sample *sample)
{
    int count = 0;
    for (int k = 0; k < sample->operands; k++) {
        rg_dtype dtype = sample->in[k].dtype;
        count += dtype != RG_I32 && dtype != RG_I64 && !(op->no_gradient >> k & 1u);
    }
    return count;
}

/* ---- Operands for one's own use ------------------------------------------------------------------------------ */

static const rg_sample *first_good_sample(const rg_op *op)
{
    FOR_EACH_SAMPLE(sample, op)
        if (sample->refuse == RG_OK) return sample;
    return NULL;
}

/* Whether the result has no elements, as it may of operands that have some: of a random key, say. */
static bool gives_nothing(const rg_op *op, const rg_sample *sample)
{
    rg_tape *tape = rg_tape_new();
    const operands drawn = draw(sample, RG_F64);
    rg_tensor in[RG_MAX_OPERANDS];
    record_inputs(tape, &drawn, in);
    const bool nothing = rg_shape_count(rg_shape_of(rg_apply(op, sample->attributes, drawn.count, in))) == 0;
    rg_tape_free(tape);
    return nothing;
}

static void every_op_is_sampled_empty_repeated_and_refused(void **state)
{
    (void)state;
    FOR_EACH_OP(op) {
        bool empty = false, repeated = false, refused = false, several = false;
        FOR_EACH_SAMPLE(sample, op) {
            bool must_pass = sample->refuse == RG_OK;
            refused = refused || !must_pass;
            several = several || (must_pass && free_operands(op, sample) > 1);
            empty = empty || (must_pass && gives_nothing(op, sample));
            for (int k = 0; must_pass && k < sample->operands; k++) {
                repeated = repeated || sample->in[k].same_as;
                empty = empty || (!sample->in[k].same_as && rg_shape_count(rg_sample_shape(&sample->in[k])) == 0);
            }
        }
        if (op->arity == 0) continue;
        if (!empty) fail_msg("%s: no sample without elements", op->name);
        if (several && !repeated) fail_msg("%s: no sample with a repeated operand", op->name);
        if (!refused && !takes_anything(op)) fail_msg("%s: no sample that must be refused", op->name);
    }
}

/* ---- Refusals ------------------------------------------------------------------------------------------------ */

#define ASSERT_REFUSED(tape, op, expected)                                                                         \
    do {                                                                                                           \
        if (rg_tape_status(tape) != (expected) || !strstr(rg_message(tape), (op)->name))                           \
            fail_msg("%s: not %s but %s: \"%s\"", (op)->name, rg_status_name(expected),                            \
                     rg_status_name(rg_tape_status(tape)), rg_message(tape));                                      \
        rg_tape_clear_error(tape);                                                                                 \
    } while (0)

static void every_op_refuses_operands_it_cannot_have(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new(), *other = rg_tape_new();
    FOR_EACH_OP(op) {
        const rg_sample *sample = first_good_sample(op);
        if (!sample) continue;
        operands drawn = draw(sample, RG_F64);
        rg_tensor in[RG_MAX_OPERANDS + 1], wrong[RG_MAX_OPERANDS + 1];
        rg_tensor old[RG_MAX_OPERANDS], elsewhere[RG_MAX_OPERANDS];
        record_inputs(tape, &drawn, old);
        rg_tape_reset(tape);
        record_inputs(tape, &drawn, in);
        record_inputs(other, &drawn, elsewhere);
        const int n = sample->operands;
        for (int k = 0; k < n; k++) {
            memcpy(wrong, in, sizeof in);
            wrong[k] = old[k];
            assert_true(rg_is_null(rg_apply(op, sample->attributes, n, wrong)));
            ASSERT_REFUSED(tape, op, RG_E_TAPE);
            wrong[k] = elsewhere[k];
            rg_apply(op, sample->attributes, n, wrong);
            if (n > 1) ASSERT_REFUSED(k == 0 ? other : tape, op, RG_E_TAPE);
            wrong[k] = (rg_tensor){ 0 };
            assert_true(rg_is_null(rg_apply(op, sample->attributes, n, wrong)));
            if (n > 1) ASSERT_REFUSED(tape, op, RG_E_NULL);
        }
        in[n] = in[0];
        if (op->arity != RG_VARIADIC) {
            assert_true(rg_is_null(rg_apply(op, sample->attributes, n + 1, in)));
            ASSERT_REFUSED(tape, op, RG_E_ARGUMENT);
        }
        if (op->attribute_size) {
            assert_true(rg_is_null(rg_apply(op, NULL, n, in)));
            ASSERT_REFUSED(tape, op, RG_E_NULL);
        }
        assert_true(rg_is_null(rg_apply(op, sample->attributes, 0, NULL)));
        assert_false(rg_failed(tape));
    }
    rg_tape_free(tape);
    rg_tape_free(other);
}

static void integers_have_no_gradient(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    int asked = 0;
    FOR_EACH_OP(op) {
        const rg_sample *sample = first_good_sample(op);
        for (int k = 0; sample && k < sample->operands; k++) {
            if (sample->in[k].dtype != RG_I32 && sample->in[k].dtype != RG_I64) continue;
            rg_tensor in[RG_MAX_OPERANDS], gradient;
            operands drawn = draw(sample, RG_F64);
            rg_tape_reset(tape);
            record_inputs(tape, &drawn, in);
            rg_tensor y = rg_apply(op, sample->attributes, sample->operands, in);
            if (rg_dtype_of(y) != RG_F32 && rg_dtype_of(y) != RG_F64) continue;
            assert_int_equal(rg_grad(rg_sum(y), &in[k], 1, &gradient), RG_E_GRADIENT);
            rg_tape_clear_error(tape);
            asked++;
        }
    }
    assert_true(asked >= 4);
    rg_tape_free(tape);
}

/* ---- Operands that are views --------------------------------------------------------------------------------- */

/* The same elements, lying otherwise: the last two axes swapped in memory, or a piece of something longer. */
static rg_tensor as_view(rg_tensor x)
{
    const rg_shape shape = rg_shape_of(x);
    const rg_dtype dtype = rg_dtype_of(x);
    if (shape.rank >= 2) {
        rg_tensor swapped = rg_transpose(x);
        return rg_transpose(rg_apply(rg_op_find("contiguous"), NULL, 1, &swapped));
    }
    bool is_float = dtype == RG_F32 || dtype == RG_F64;
    if (shape.rank == 1 && shape.size[0] > 0 && is_float) return rg_slice(rg_pad(x, 0, 1, 2), 0, 1, 1 + shape.size[0]);
    return x;
}

typedef struct {
    int tensors;
    int64_t count[1 + RG_MAX_OPERANDS];
    double numbers[1 + RG_MAX_OPERANDS][1024];
} outcome;

static bool has_float_derivative(const rg_op *op, const operands *drawn, int k)
{
    return drawn->dtype[k] == RG_F64 && !(op->no_gradient >> k & 1u);
}

static void read_numbers(rg_tensor t, int64_t count, double *numbers)
{
    double room[1024];
    const rg_dtype dtype = rg_dtype_of(t);
    if (rg_read(t, room, (size_t)count * rg_dtype_size(dtype)) != RG_OK) return;
    for (int64_t i = 0; i < count; i++)
        numbers[i] = dtype == RG_F32 ? (double)((const float *)room)[i] : dtype == RG_F64 ? room[i]
                   : dtype == RG_I32 ? (double)((const int32_t *)room)[i] : (double)((const int64_t *)room)[i];
}

static outcome run(rg_tape *tape, const rg_op *op, const rg_sample *sample, const operands *drawn, bool views)
{
    rg_tensor x[RG_MAX_OPERANDS], in[RG_MAX_OPERANDS], wrt[RG_MAX_OPERANDS], all[1 + RG_MAX_OPERANDS];
    int n = 0;
    outcome result = { .tensors = 1 };
    rg_tape_reset(tape);
    record_inputs(tape, drawn, x);
    for (int k = 0; k < drawn->count; k++) {
        in[k] = views ? as_view(x[k]) : x[k];
        if (has_float_derivative(op, drawn, k)) wrt[n++] = x[k];
    }
    all[0] = rg_apply(op, sample->attributes, drawn->count, in);
    double seed[1024];
    const int64_t count = rg_shape_count(rg_shape_of(all[0]));
    assert_true(count <= 1024);
    for (int64_t i = 0; i < count; i++) seed[i] = rg_random_uniform(3, 5, (uint64_t)i) - 0.4;
    if (n > 0) rg_vjp(all[0], rg_input(tape, RG_F64, rg_shape_of(all[0]), seed), wrt, n, all + 1);
    result.tensors += n;
    rg_eval(result.tensors, all);
    for (int i = 0; i < result.tensors; i++) {
        result.count[i] = rg_shape_count(rg_shape_of(all[i]));
        read_numbers(all[i], result.count[i], result.numbers[i]);
    }
    if (rg_failed(tape)) fail_msg("%s: %s", op->name, rg_message(tape));
    return result;
}

static void assert_close(const rg_op *op, const outcome *a, const outcome *b, double tolerance)
{
    for (int i = 0; i < a->tensors; i++)
        for (int64_t j = 0; j < a->count[i]; j++)
            if (!(fabs(a->numbers[i][j] - b->numbers[i][j]) <= tolerance))
                fail_msg("%s: tensor %d, element %d: %.17g, and %.17g from views", op->name, i, (int)j,
                         a->numbers[i][j], b->numbers[i][j]);
}

static void views_as_operands_make_no_difference(void **state)
{
    (void)state;
    rg_tape *planned = rg_tape_new(), *eager = rg_tape_new_with((rg_tape_options){ .eager = true });
    FOR_EACH_OP(op)
        FOR_EACH_SAMPLE(sample, op) {
            if (sample->refuse != RG_OK) continue;
            const operands drawn = draw(sample, RG_F64);
            const outcome plain = run(eager, op, sample, &drawn, false);
            const outcome expected = run(eager, op, sample, &drawn, true);
            assert_close(op, &plain, &expected, 1e-13);
            for (int round = 0; round < 3; round++) {
                const outcome found = run(planned, op, sample, &drawn, true);
                assert_close(op, &expected, &found, 0);
            }
        }
    rg_tape_free(planned);
    rg_tape_free(eager);
}

/* ---- Full: it has no operands, so nothing to sample ---------------------------------------------------------- */

static void full_runs_in_both_dtypes(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int round = 0; round < 3; round++) {
        rg_tape_reset(tape);
        rg_tensor wide = rg_full(tape, RG_F64, RG_SHAPE(2, 3), 1.5);
        rg_tensor narrow = rg_full(tape, RG_F32, RG_SHAPE(37), -0.25);
        rg_tensor none = rg_full(tape, RG_F64, RG_SHAPE(0), 1);
        const rg_tensor all[] = { wide, narrow, none };
        assert_int_equal(rg_eval(3, all), RG_OK);
        for (int i = 0; i < 6; i++) assert_true(((const double *)rg_data(wide))[i] == 1.5);
        for (int i = 0; i < 37; i++) assert_true(((const float *)rg_data(narrow))[i] == -0.25f);
    }
    rg_full(tape, RG_I32, RG_SHAPE(2), 1);
    assert_int_equal(rg_tape_status(tape), RG_E_DTYPE);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_passes_to_second_order),
        cmocka_unit_test(every_op_of_the_library_is_in_the_table),
        cmocka_unit_test(no_op_is_in_the_table_twice),
        cmocka_unit_test(every_op_is_sampled_empty_repeated_and_refused),
        cmocka_unit_test(every_op_refuses_operands_it_cannot_have),
        cmocka_unit_test(integers_have_no_gradient),
        cmocka_unit_test(views_as_operands_make_no_difference),
        cmocka_unit_test(full_runs_in_both_dtypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
