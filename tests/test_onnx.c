/* test_onnx.c: every op is written in ONNX, or refused by name; a model is well-formed, has the tape's names and
 * numbers, and is the same bytes every time. That other programs compute the same is checked by
 * tests/parity/onnx_check.py, for which `test_onnx --write DIRECTORY` writes the models. */
#include "tensors.h"

#include <sys/stat.h>

#include "failing_malloc.h"
#include "golden.h"
#include "onnx_models.h"
#include "onnx_text.h"
#include "refused.h"
#include "samples.h"

enum { MOST_TEXT = 1 << 16 };

typedef struct {
    char *bytes;
    size_t count;
    rg_status status;
} model;

static model export_with(rg_tensor y, const rg_onnx_options *options)
{
    model m = { .bytes = NULL };
    FILE *out = open_memstream(&m.bytes, &m.count);
    assert_non_null(out);
    m.status = rg_onnx(out, y, options);
    fclose(out);
    return m;
}

/* The model as text, which is well-formed; to be freed. */
static char *text_with(rg_tensor y, const rg_onnx_options *options, bool sites)
{
    model m = export_with(y, options);
    char *text = calloc(MOST_TEXT, 1);
    if (m.status != RG_OK) fail_msg("%s: %s", rg_status_name(m.status), rg_message(y.tape));
    const char *fault = onnx_as_text(m.bytes, m.count, sites, text, MOST_TEXT);
    if (fault) fail_msg("%s, behind:\n%s", fault, text);
    free(m.bytes);
    return text;
}

static char *text_of(rg_tensor y)
{
    return text_with(y, NULL, false);
}

static void assert_there(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no \"%s\" in:\n%s", part, text);
}

static void assert_not_there(const char *text, const char *part)
{
    if (strstr(text, part)) fail_msg("\"%s\" in:\n%s", part, text);
}

/* ---- Every op ---------------------------------------------------------------------------------------------------- */

/* What ONNX has no words for. An op that is in neither table of onnx_rules.c, or in the wrong one, fails the test. */
static const char *const refused_ops[] = {
    "lgamma", "digamma", "polygamma", "uniform", "standard_normal", "bernoulli", "permutation", "linear_recurrence",
    "cholesky", "cholesky_adjoint", "cholesky_tangent", "cofactors", "triangular_solve", "solve", "inverse", "logdet",
    "log_abs_determinant", "sign_determinant",
};

static bool must_be_refused(const char *name)
{
    for (size_t i = 0; i < COUNT(refused_ops); i++)
        if (strcmp(refused_ops[i], name) == 0) return true;
    return false;
}

static rg_tensor record_sample(rg_tape *tape, const rg_op *op, const rg_sample *sample, rg_dtype floats)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    const operands drawn = draw(sample, floats);
    rg_tensor in[RG_MAX_OPERANDS];
    record_inputs(tape, &drawn, in);
    for (int k = 0; k < drawn.count; k++)
        in[k] = sample->in[k].same_as ? in[sample->in[k].same_as - 1] : rg_name(in[k], names[k]);
    return rg_apply_at(RG_SITE, op, sample->attributes, drawn.count, in);
}

static void every_op_is_written_or_refused(void **state)
{
    (void)state;
    size_t ops, refused = 0, written = 0;
    const rg_op *const *table = rg_op_table(&ops);
    rg_tape *tape = rg_tape_new();
    for (size_t i = 0; i < ops; i++) {
        const rg_op *op = table[i];
        if (op->missing && op->missing()) continue;
        FOR_EACH_SAMPLE(sample, op) {
            if (sample->refuse != RG_OK) continue;
            rg_tape_reset(tape);
            const rg_tensor y = record_sample(tape, op, sample, RG_F64);
            assert_fine(tape);
            model m = export_with(y, NULL);
            if (must_be_refused(op->name)) {
                char begins[100];
                snprintf(begins, sizeof begins, "onnx: %s: ", op->name);
                if (m.status != RG_E_UNSUPPORTED || m.count > 0) fail_msg("%s is written", op->name);
                assert_not_there(rg_message(tape), "does not know");
                assert_there(rg_message(tape), "test_onnx.c:");
                assert_there(rg_message(tape), begins);
                rg_tape_clear_error(tape);
                refused++;
            } else {
                if (m.status != RG_OK)
                    fail_msg("%s is neither written nor among those to be refused: %s", op->name, rg_message(tape));
                free(text_of(y));
                written++;
            }
            free(m.bytes);
        }
    }
    print_message("%zu samples written, %zu refused\n", written, refused);
    assert_true(written > 500 && refused > 40);
    rg_tape_free(tape);
}

/* ---- Models ------------------------------------------------------------------------------------------------------ */

/* The formulas that tests/parity/onnx_check.py has found to be right: of each op's first sample the nodes. */
static void ops_are_written_as_the_golden_file_has_them(void **state)
{
    (void)state;
    size_t ops, used = 0;
    const rg_op *const *table = rg_op_table(&ops);
    rg_tape *tape = rg_tape_new();
    char *all = calloc(MOST_TEXT, 1);
    for (size_t i = 0; i < ops; i++) {
        const rg_sample *sample = table[i]->samples;
        if (must_be_refused(table[i]->name) || (table[i]->missing && table[i]->missing()) || !sample) continue;
        while (sample->refuse != RG_OK) sample++;
        rg_tape_reset(tape);
        char *text = text_of(record_sample(tape, table[i], sample, RG_F64)), *rest = text;
        for (char *line; (line = strtok_r(rest, "\n", &rest));)
            if (strchr(line, '=')) used += (size_t)snprintf(all + used, MOST_TEXT - used, "%s\n", line);
        free(text);
    }
    assert_true(used < MOST_TEXT);
    assert_golden(all, "onnx_ops.txt");
    free(all);
    rg_tape_free(tape);
}

static void models_are_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++)
        for (rg_dtype dtype = RG_F32; dtype <= RG_F64; dtype++) {
            studio s = studio_new(dtype);
            const rg_tensor y = record_twice(&s, models[i].record);
            free(text_of(y));
            studio_free(&s);
        }
}

static void a_perceptron_is_written_as_the_golden_file_has_it(void **state)
{
    (void)state;
    studio s = studio_new(RG_F32);
    char *text = text_with(record_twice(&s, mlp_loss), &(rg_onnx_options){ .name = "perceptron" }, false);
    assert_golden(text, "onnx_perceptron.txt");
    free(text);
    studio_free(&s);
}

static void attention_is_written_as_the_golden_file_has_it(void **state)
{
    (void)state;
    studio s = studio_new(RG_F64);
    char *text = text_of(record_twice(&s, transformer_block));
    assert_golden(text, "onnx_attention.txt");
    free(text);
    studio_free(&s);
}

static void the_bytes_are_the_same_and_the_tape_stays_as_it_was(void **state)
{
    (void)state;
    studio s = studio_new(RG_F32);
    const rg_tensor loss = record_twice(&s, mlp_loss);
    const rg_tape_stats before = rg_tape_get_stats(s.tape);
    model first = export_with(loss, NULL);
    const rg_tape_stats after = rg_tape_get_stats(s.tape);
    assert_int_equal(before.nodes, after.nodes);
    assert_int_equal(after.steps, 0);
    assert_true(isfinite(rg_item(loss)));
    model second = export_with(loss, NULL);
    assert_int_equal(first.count, second.count);
    assert_memory_equal(first.bytes, second.bytes, first.count);
    free(first.bytes);
    free(second.bytes);
    studio_free(&s);
}

/* ---- Names, numbers, inputs and outputs -------------------------------------------------------------------------- */

static void names_are_unique_and_plain(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(VECTOR(tape, 1, 2), "x");
    rg_scope_push(tape, "net");
    rg_scope_push(tape, "fc1");
    rg_tensor h = rg_exp(rg_exp(x));
    rg_scope_pop(tape);
    h = rg_name(rg_exp(h), "x");
    h = rg_name(rg_exp(h), "x_2");
    h = rg_name(rg_exp(h), "x_2");
    h = rg_name(rg_exp(h), "β <1>\n\xff");
    h = rg_name(rg_silu(h), "a:1");
    rg_scope_pop(tape);
    rg_scope_push(tape, "naïve");
    h = rg_name(rg_exp(h), "");
    rg_scope_pop(tape);
    char *text = text_of(h);
    assert_there(text, "input x f64[2]\n");
    assert_there(text, "net.fc1/exp = Exp(x)\nnet.fc1/exp_2 = Exp(net.fc1/exp)\nx_2 = Exp(net.fc1/exp_2)\n");
    assert_there(text, "x_2_2 = Exp(x_2)\nx_2_3 = Exp(x_2_2)\n____1___ = Exp(x_2_3)\n");
    assert_there(text, "a_1:1 = Sigmoid(____1___)\na_1 = Mul(____1___, a_1:1)\nna__ve/exp = Exp(a_1)\n");
    free(text);
    text = text_with(h, &(rg_onnx_options){ .name = "caf\xe9 1" }, true);
    assert_there(text, "graph caf__1\n");
    assert_there(text, "  # test_onnx.c:");
    free(text);
    rg_tape_free(tape);
}

static void many_alike_names_take_linear_time(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(VECTOR(tape, 1), "x");
    for (int i = 0; i < MANY; i++) x = rg_sin(x);
    model m = export_with(x, NULL);
    assert_int_equal(m.status, RG_OK);
    assert_true(m.count > MANY * 20);
    free(m.bytes);
    rg_tape_free(tape);
}

static bool holds(const model *m, const void *bytes, size_t count)
{
    for (size_t i = 0; i + count <= m->count; i++)
        if (memcmp(m->bytes + i, bytes, count) == 0) return true;
    return false;
}

static void parameters_and_constants_are_in_the_model_as_they_are_now(void **state)
{
    (void)state;
    rg_params *theta = STORE(3, 2);
    rg_tape *tape = rg_tape_new();
    const double constants[] = { 0.25, -7.5, 1e300 }, ninth = 9.75;
    rg_tensor c = rg_name(rg_constant(tape, RG_F64, RG_SHAPE(3), constants), "c");
    rg_tensor a = rg_parameter(tape, rg_params_find(theta, "a")), t = rg_name(rg_scalar(tape, RG_F64, ninth), "t");
    rg_tensor y = rg_mul(rg_mul(a, c), t);
    model m = export_with(y, NULL);
    assert_int_equal(m.status, RG_OK);
    assert_true(holds(&m, constants, sizeof constants));
    assert_true(holds(&m, NUMBERS(1, 2, 3), 3 * sizeof(double)));
    assert_false(holds(&m, &ninth, sizeof ninth));
    free(m.bytes);
    ((double *)rg_params_data(theta))[1] = 0.125;
    rg_params_changed(theta);
    m = export_with(y, NULL);
    assert_true(holds(&m, NUMBERS(1, 0.125, 3), 3 * sizeof(double)));
    free(m.bytes);
    char *text = text_of(y);
    assert_there(text, "input t f64[]\n");
    assert_there(text, "c = f64[3] 0.25 -7.5 1e+300\n");
    assert_there(text, "a = f64[3] 1 0.125 3\n");
    assert_not_there(text, "\nb = ");
    free(text);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void outputs_are_what_was_asked_for(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(VECTOR(tape, 1, 2), "x"), unused = rg_name(VECTOR(tape, 3), "unused");
    rg_tensor h = rg_name(rg_exp(x), "h"), y = rg_sum(h);
    rg_exp(unused);
    char *text = text_of(x);
    assert_there(text, "input x f64[2]\noutput = Identity(x)\noutput output f64[2]\n");
    free(text);
    const rg_tensor others[] = { h, x, y, h };
    text = text_with(y, &(rg_onnx_options){ .others = others, .other_count = 4 }, false);
    assert_there(text, "output sum f64[]\noutput h f64[2]\noutput output f64[2]\noutput output_2 f64[]\n"
                       "output output_3 f64[2]\n");
    assert_there(text, "output = Identity(x)\noutput_2 = Identity(sum)\noutput_3 = Identity(h)\n");
    assert_not_there(text, "unused");
    free(text);
    rg_tape_free(tape);
}

static void dropout_is_there_without_its_key(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(VECTOR(tape, 1, 2), "x");
    char *text = text_of(rg_dropout(x, 0.25, rg_random_key(tape, 1, 2)));
    assert_there(text, "dropout:1 = Constant{value=f64[] 0.25}\ndropout = Dropout(x, dropout:1)\n");
    assert_not_there(text, "key");
    free(text);
    rg_tape_free(tape);
}

static rg_tensor show(void *context, rg_tensor x, rg_tensor adjoint)
{
    (void)context, (void)x;
    return adjoint;
}

static rg_tensor my_rule(void *context, int k, const rg_tensor *x, rg_tensor y, rg_tensor g)
{
    (void)context, (void)y;
    return rg_mul(g, x[k]);
}

/* Hooks and derivatives of one's own are nothing to the forward graph. */
static void views_that_do_nothing_are_identities(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_name(VECTOR(tape, 1, 2), "x"), z = rg_name(VECTOR(tape, 1, 2), "z");
    rg_tensor h = rg_hook(x, show, NULL);
    rg_tensor wrt[] = { x, z };
    rg_tensor y = rg_custom_vjp(rg_exp(h), wrt, 2, my_rule, NULL);
    char *text = text_of(y);
    assert_there(text, "hook = Identity(x)\nexp = Exp(hook)\ncustom_vjp = Identity(exp)\noutput custom_vjp f64[2]\n");
    assert_not_there(text, "input z");
    free(text);
    rg_tape_free(tape);
}

static rg_tensor export_x(void *context, rg_tensor x, rg_tensor adjoint)
{
    model m = export_with(x, NULL);
    assert_int_equal(m.status, RG_OK);
    ++*(int *)context;
    free(m.bytes);
    return adjoint;
}

static void an_export_in_the_middle_of_a_gradient_disturbs_nothing(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    int exports = 0;
    rg_tensor x = VECTOR(tape, 1, 2), y = x;
    for (int i = 0; i < 20; i++) y = rg_scale(rg_hook(rg_square(y), export_x, &exports), 0.5);
    rg_tensor slope = gradient(rg_sum(y), x);
    assert_int_equal(exports, 20);
    rg_tensor plain = x;
    for (int i = 0; i < 20; i++) plain = rg_scale(rg_square(plain), 0.5);
    rg_tensor expected = gradient(rg_sum(plain), x);
    assert_exactly(slope, element(expected, 0), element(expected, 1));
    assert_fine(tape);
    rg_tape_free(tape);
}

/* ---- Misuse ------------------------------------------------------------------------------------------------------ */

static void own_f64(const rg_call *call, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) ((double *)call->out)[i] = 2 * ((const double *)call->in[0])[i];
}
static const rg_op own = { .name = "twice", .doc = "2 x", .arity = 1, .shape = rg_shape_same, .f64 = own_f64 };

#define REFUSED(call, status, begins, holds, line_)                                                                \
    do {                                                                                                           \
        assert_int_equal(call, status);                                                                            \
        assert_refused(tape, __FILE__, line_, status, begins, holds);                                              \
    } while (0)

static void mistakes_are_refused(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new(), *elsewhere = rg_tape_new();
    rg_tensor old = VECTOR(tape, 1);
    rg_tape_reset(tape);
    rg_tensor x = rg_name(VECTOR(tape, 1, 2), "x"), foreign = VECTOR(elsewhere, 1), null = { 0 };
    const int line = __LINE__ + 1;
    rg_tensor mine = rg_name(rg_apply(&own, NULL, 1, &x), "mine"), y = rg_exp(mine), plain = rg_exp(x);
    FILE *out = tmpfile();
    assert_int_equal(rg_onnx(NULL, plain, NULL), RG_E_NULL);
    assert_int_equal(rg_onnx(out, null, NULL), RG_E_NULL);
    assert_int_equal(rg_onnx(out, plain, &(rg_onnx_options){ .other_count = 1 }), RG_E_NULL);
    assert_int_equal(rg_onnx(out, plain, &(rg_onnx_options){ .others = &null, .other_count = 1 }), RG_E_NULL);
    assert_false(rg_failed(tape));
    REFUSED(rg_onnx(out, old, NULL), RG_E_TAPE, "onnx: the tensor is from before", "", 0);
    REFUSED(rg_onnx(out, plain, &(rg_onnx_options){ .others = &old, .other_count = 1 }), RG_E_TAPE,
            "onnx: the tensor is from before", "", 0);
    REFUSED(rg_onnx(out, plain, &(rg_onnx_options){ .others = &foreign, .other_count = 1 }), RG_E_TAPE,
            "onnx: output 2 is on another tape", "", 0);
    REFUSED(rg_onnx(out, y, NULL), RG_E_UNSUPPORTED, "onnx: twice: it is an op that ONNX does not know", "mine f64[2]",
            line);
    rg_fail(tape, NULL, RG_E_STATE, "failed before");
    REFUSED(rg_onnx(out, plain, NULL), RG_E_STATE, "failed before", "", 0);
    assert_int_equal(ftell(out), 0);
    assert_int_equal(rg_onnx(out, plain, NULL), RG_OK);
    assert_true(ftell(out) > 0);
    fclose(out);
    if ((out = fopen("/dev/full", "wb"))) {
        assert_int_equal(rg_onnx(out, plain, NULL), RG_E_FILE);
        assert_false(rg_failed(tape));
        fclose(out);
    }
    assert_exactly(y, exp(2), exp(4));
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
}

static void an_export_survives_any_failing_allocation(void **state)
{
    (void)state;
    if (!FAILING_MALLOC) skip();
    int refused = 0;
    for (int once = 0; once < 2; once++)
        for (long k = 0, failed = 1; failed > 0; k++) {
            const long alive = allocations_alive;
            studio s = studio_new(RG_F32);
            const rg_tensor y = record_twice(&s, transformer_block);
            FILE *out = fopen("/dev/null", "wb");
            setvbuf(out, NULL, _IONBF, 0);
            (once ? allocations_fail_once_after : allocations_fail_after)(k);
            const rg_status status = rg_onnx(out, y, NULL);
            failed = allocations_failed;
            allocations_fail_after(-1);
            /* The arena tries again for less. */
            if (status != RG_OK && (!failed || status != RG_E_MEMORY))
                fail_msg("allocation %ld: %s", k, rg_status_name(status));
            assert_false(rg_failed(s.tape));
            refused += status == RG_E_MEMORY;
            assert_int_equal(rg_onnx(out, y, NULL), RG_OK);
            fclose(out);
            studio_free(&s);
            if (allocations_alive != alive) fail_msg("allocation %ld: %ld blocks leaked", k, allocations_alive - alive);
        }
    assert_true(refused >= 4);
}

/* ---- For other programs ------------------------------------------------------------------------------------------ */

static void write_numbers(FILE *out, const char *kind, const char *name, rg_tensor t)
{
    const rg_shape shape = rg_shape_of(t);
    const rg_dtype dtype = rg_dtype_of(t);
    const int64_t count = rg_shape_count(shape);
    double room[1024];
    assert_true(count <= 1024);
    assert_int_equal(rg_read(t, room, (size_t)count * rg_dtype_size(dtype)), RG_OK);
    fprintf(out, "%s %s %s", kind, name, rg_dtype_name(dtype));
    for (int i = 0; i < shape.rank; i++) fprintf(out, " %lld", (long long)shape.size[i]);
    fprintf(out, " :");
    for (int64_t i = 0; i < count; i++) {
        if (dtype == RG_F32) fprintf(out, " %.9g", (double)((float *)room)[i]);
        if (dtype == RG_F64) fprintf(out, " %.17g", room[i]);
        if (dtype == RG_I32) fprintf(out, " %d", (int)((int32_t *)room)[i]);
        if (dtype == RG_I64) fprintf(out, " %lld", (long long)((int64_t *)room)[i]);
    }
    fprintf(out, "\n");
}

/* The inputs that y depends on, each once: they are called what they are called in the model. */
static void write_inputs(FILE *out, rg_tensor t, bool *seen)
{
    static const char *const names[] = { "a", "b", "c", "d", "x", "labels", "words", "signal" };
    if (seen[t.node]) return;
    seen[t.node] = true;
    const rg_tensor first = rg_operand(t, 0);
    for (int k = 0; !rg_is_null(rg_operand(t, k)); k++) write_inputs(out, rg_operand(t, k), seen);
    if (!rg_is_null(first) || strcmp(rg_op_of(t)->name, "input") != 0) return;
    for (size_t i = 0; i < COUNT(names); i++) {
        char *text = text_of(t), line[64];
        snprintf(line, sizeof line, "input %s ", names[i]);
        if (strstr(text, line)) write_numbers(out, "in", names[i], t);
        free(text);
    }
}

/* DIRECTORY/NAME.onnx, and NAME.txt with what goes in and should come out. */
static void write_case(const char *directory, const char *name, rg_tensor y)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.onnx", directory, name);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(rg_onnx(out, y, NULL), RG_OK);
    fclose(out);
    snprintf(path, sizeof path, "%s/%s.txt", directory, name);
    out = fopen(path, "w");
    assert_non_null(out);
    bool *seen = calloc((size_t)y.node + 1, sizeof *seen);
    write_inputs(out, y, seen);
    free(seen);
    const bool drops = strcmp(rg_op_of(y)->name, "dropout") == 0;
    write_numbers(out, "out", "y", drops ? rg_operand(y, 0) : y);
    fclose(out);
}

/* An elementwise op where functions have their edges, every number beside every other. */
static void write_edges(const char *directory, rg_tape *tape, const rg_op *op, rg_dtype dtype)
{
    static const double numbers[] = { 0, -1, 0.5, 2.5, 1e-10, -50, 1, -1.5, 1.5, -0.5, -1e-10, 3, 50 };
    const rg_sample *sample = op->samples;
    const int few = op->arity < 3 ? (int)COUNT(numbers) : 9;
    char name[128];
    int count = 1;
    if (op->kind != RG_ELEMENTWISE || op->arity < 1 || op->uniform) return;
    while (sample->refuse != RG_OK) sample++;
    for (int k = 0; k < op->arity; k++) count *= few;
    rg_tape_reset(tape);
    rg_tensor in[RG_MAX_OPERANDS];
    for (int k = 0, apart = 1; k < op->arity; k++, apart *= few) {
        float narrow[1024];
        double wide[1024];
        for (int i = 0; i < count; i++) narrow[i] = (float)(wide[i] = numbers[i / apart % few]);
        in[k] = rg_input(tape, dtype, RG_SHAPE(count), dtype == RG_F32 ? (void *)narrow : wide);
        rg_name(in[k], (char[]){ (char)('a' + k), '\0' });
    }
    snprintf(name, sizeof name, "%s.edges.%s", op->name, rg_dtype_name(dtype));
    write_case(directory, name, rg_apply(op, sample->attributes, op->arity, in));
}

static int write_cases(const char *directory)
{
    size_t ops;
    const rg_op *const *table = rg_op_table(&ops);
    char name[128];
    mkdir(directory, 0777);
    for (rg_dtype dtype = RG_F32; dtype <= RG_F64; dtype++) {
        for (size_t i = 0; i < COUNT(models); i++) {
            studio s = studio_new(dtype);
            snprintf(name, sizeof name, "model.%s.%s", models[i].name, rg_dtype_name(dtype));
            write_case(directory, name, record_twice(&s, models[i].record));
            studio_free(&s);
        }
        rg_tape *tape = rg_tape_new();
        for (size_t i = 0; i < ops; i++) {
            int number = 0;
            if (must_be_refused(table[i]->name)) continue;
            write_edges(directory, tape, table[i], dtype);
            FOR_EACH_SAMPLE(sample, table[i]) {
                if (sample->refuse != RG_OK) continue;
                rg_tape_reset(tape);
                snprintf(name, sizeof name, "%s.%d.%s", table[i]->name, number++, rg_dtype_name(dtype));
                write_case(directory, name, record_sample(tape, table[i], sample, dtype));
            }
        }
        rg_tape_free(tape);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_is_written_or_refused),
        cmocka_unit_test(ops_are_written_as_the_golden_file_has_them),
        cmocka_unit_test(models_are_well_formed),
        cmocka_unit_test(a_perceptron_is_written_as_the_golden_file_has_it),
        cmocka_unit_test(attention_is_written_as_the_golden_file_has_it),
        cmocka_unit_test(the_bytes_are_the_same_and_the_tape_stays_as_it_was),
        cmocka_unit_test(names_are_unique_and_plain),
        cmocka_unit_test(many_alike_names_take_linear_time),
        cmocka_unit_test(parameters_and_constants_are_in_the_model_as_they_are_now),
        cmocka_unit_test(outputs_are_what_was_asked_for),
        cmocka_unit_test(dropout_is_there_without_its_key),
        cmocka_unit_test(views_that_do_nothing_are_identities),
        cmocka_unit_test(an_export_in_the_middle_of_a_gradient_disturbs_nothing),
        cmocka_unit_test(mistakes_are_refused),
        cmocka_unit_test(an_export_survives_any_failing_allocation),
    };
    if (argc == 3 && strcmp(argv[1], "--write") == 0) return write_cases(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
