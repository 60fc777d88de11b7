/* test_parity.c: values, gradients and second derivatives in f64 are those of PyTorch and those of JAX, for at least 20
 * random cases of each op and library. tests/parity/writing.py wrote the cases, and says what stands in a file; neither
 * library is needed here. RG_PARITY_CASES names another file of cases, to be read alone. */
#include "tensors.h"

#include <zlib.h>

enum { CASES = 20, REACHED = 10, OPERANDS = 4, PARAMETERS = 8, ELEMENTS = 64, LINE = 4096 };

/* ---- What each name stands for ---------------------------------------------------------------------------------- */

typedef enum { ALGEBRAIC, TRANSCENDENTAL, LAPACK } kind;
static const double bounds[] = { 1e-12, 1e-10, 1e-10 };

static rg_axes axes_from(const int *numbers, int count)
{
    rg_axes axes = { .count = count };
    for (int i = 0; i < count; i++) axes.axis[i] = numbers[i];
    return axes;
}

static rg_shape sizes_from(const int *numbers, int count)
{
    rg_shape shape = { .rank = count };
    for (int i = 0; i < count; i++) shape.size[i] = numbers[i];
    return shape;
}

static rg_tensor piece(rg_tensor x, const int *parameters, int count)
{
    int64_t sizes[PARAMETERS];
    rg_tensor pieces[PARAMETERS] = { { 0 } };
    for (int i = 2; i < count; i++) sizes[i - 2] = parameters[i];
    rg_split(x, parameters[0], count - 2, sizes, pieces);
    return pieces[parameters[1]];
}

static rg_tensor tangent_of_cholesky(rg_tensor a, rg_tensor direction)
{
    rg_tensor tangent = { 0 };
    rg_jvp(rg_cholesky(a), &a, &direction, 1, &tangent);
    return tangent;
}

static rg_tensor on_a_diagonal(rg_tensor a, int diagonal)
{
    const rg_shape shape = rg_shape_of(a);
    return rg_mul(rg_eye(a.tape, RG_F64, shape.size[0], shape.size[1], diagonal), a);
}

static const char *const subscripts[] = { "ij,jk->ik", "bij,bjk->bik", "ij,ij->", "i,j->ji", "ij,kj->ik", "ijk,j->ki",
                                          "ii,ij->j", "...i,ij->...j" };

/* The operands are x[0] to x[n - 1], also called a, b and c; the parameters p[0] to p[m - 1], as integers i[0], ... */
#define ROWS(X)                                                                                                     \
    X(add, ALGEBRAIC, rg_add(a, b)) X(sub, ALGEBRAIC, rg_sub(a, b)) X(mul, ALGEBRAIC, rg_mul(a, b))                 \
    X(div, ALGEBRAIC, rg_div(a, b)) X(neg, ALGEBRAIC, rg_neg(a)) X(one_minus, ALGEBRAIC, rg_one_minus(a))           \
    X(scale, ALGEBRAIC, rg_scale(a, p[0])) X(shift, ALGEBRAIC, rg_shift(a, p[0])) X(abs, ALGEBRAIC, rg_abs(a))      \
    X(square, ALGEBRAIC, rg_square(a)) X(reciprocal, ALGEBRAIC, rg_reciprocal(a)) X(sqrt, ALGEBRAIC, rg_sqrt(a))    \
    X(rsqrt, ALGEBRAIC, rg_rsqrt(a)) X(hypot, ALGEBRAIC, rg_hypot(a, b)) X(mod, ALGEBRAIC, rg_mod(a, b))            \
    X(adjoint_mul, ALGEBRAIC, rg_adjoint_mul(a, b)) X(adjoint_div, ALGEBRAIC, rg_adjoint_div(a, b))                 \
    X(power, TRANSCENDENTAL, rg_power(a, p[0])) X(pow, TRANSCENDENTAL, rg_pow(a, b))                                \
    X(exp, TRANSCENDENTAL, rg_exp(a)) X(expm1, TRANSCENDENTAL, rg_expm1(a)) X(log, TRANSCENDENTAL, rg_log(a))       \
    X(log1p, TRANSCENDENTAL, rg_log1p(a)) X(sin, TRANSCENDENTAL, rg_sin(a)) X(cos, TRANSCENDENTAL, rg_cos(a))       \
    X(tan, TRANSCENDENTAL, rg_tan(a)) X(asin, TRANSCENDENTAL, rg_asin(a)) X(acos, TRANSCENDENTAL, rg_acos(a))       \
    X(atan, TRANSCENDENTAL, rg_atan(a)) X(atan2, TRANSCENDENTAL, rg_atan2(a, b))                                    \
    X(sinh, TRANSCENDENTAL, rg_sinh(a)) X(cosh, TRANSCENDENTAL, rg_cosh(a)) X(tanh, TRANSCENDENTAL, rg_tanh(a))     \
    X(erf, TRANSCENDENTAL, rg_erf(a)) X(erfc, TRANSCENDENTAL, rg_erfc(a)) X(lgamma, TRANSCENDENTAL, rg_lgamma(a))   \
    X(digamma, TRANSCENDENTAL, rg_digamma(a)) X(polygamma, TRANSCENDENTAL, rg_polygamma(a, i[0]))                   \
    X(sigmoid, TRANSCENDENTAL, rg_sigmoid(a)) X(log_sigmoid, TRANSCENDENTAL, rg_log_sigmoid(a))                     \
    X(softplus, TRANSCENDENTAL, rg_softplus(a)) X(softsign, ALGEBRAIC, rg_softsign(a)) X(relu, ALGEBRAIC, rg_relu(a)) \
    X(leaky_relu, ALGEBRAIC, rg_leaky_relu(a, p[0])) X(elu, TRANSCENDENTAL, rg_elu(a, p[0]))                        \
    X(selu, TRANSCENDENTAL, rg_selu(a)) X(silu, TRANSCENDENTAL, rg_silu(a)) X(gelu, TRANSCENDENTAL, rg_gelu(a))     \
    X(gelu_tanh, TRANSCENDENTAL, rg_gelu_tanh(a)) X(maximum, ALGEBRAIC, rg_maximum(a, b))                           \
    X(minimum, ALGEBRAIC, rg_minimum(a, b)) X(clamp, ALGEBRAIC, rg_clamp(a, p[0], p[1]))                            \
    X(hard_tanh, ALGEBRAIC, rg_hard_tanh(a, p[0], p[1])) X(sign, ALGEBRAIC, rg_sign(a))                             \
    X(floor, ALGEBRAIC, rg_floor(a)) X(ceil, ALGEBRAIC, rg_ceil(a)) X(round, ALGEBRAIC, rg_round(a))                \
    X(where, ALGEBRAIC, rg_where(a, b, c)) X(cast, ALGEBRAIC, rg_cast(rg_cast(a, RG_F32), RG_F64))                  \
    X(stop_gradient, ALGEBRAIC, rg_mul(rg_square(a), rg_stop_gradient(a)))                                          \
    X(sum, ALGEBRAIC, rg_sum_axes(a, axes_from(i + 1, m - 1), i[0]))                                                \
    X(mean, ALGEBRAIC, rg_mean_axes(a, axes_from(i + 1, m - 1), i[0]))                                              \
    X(prod, ALGEBRAIC, rg_prod_axes(a, axes_from(i + 1, m - 1), i[0]))                                              \
    X(max, ALGEBRAIC, rg_max_axes(a, axes_from(i + 1, m - 1), i[0]))                                                \
    X(min, ALGEBRAIC, rg_min_axes(a, axes_from(i + 1, m - 1), i[0]))                                                \
    X(logsumexp, TRANSCENDENTAL, rg_logsumexp_axes(a, axes_from(i + 1, m - 1), i[0]))                               \
    X(var, ALGEBRAIC, rg_var_axes(a, axes_from(i + 2, m - 2), p[0], i[1]))                                          \
    X(std, ALGEBRAIC, rg_std_axes(a, axes_from(i + 2, m - 2), p[0], i[1]))                                          \
    X(norm, TRANSCENDENTAL, rg_norm_axes(a, p[0], axes_from(i + 2, m - 2), i[1]))                                   \
    X(softmax, TRANSCENDENTAL, rg_softmax(a, i[0])) X(log_softmax, TRANSCENDENTAL, rg_log_softmax(a, i[0]))         \
    X(cumsum, ALGEBRAIC, rg_cumsum(a, i[0])) X(cumprod, ALGEBRAIC, rg_cumprod(a, i[0]))                             \
    X(sort, ALGEBRAIC, rg_sort(a, i[0], i[1])) X(top_k, ALGEBRAIC, rg_top_k(a, i[1], i[0], i[2], NULL))             \
    X(mse, ALGEBRAIC, rg_mse(a, b)) X(binary_cross_entropy, TRANSCENDENTAL, rg_binary_cross_entropy(a, b))          \
    X(cross_entropy, TRANSCENDENTAL, rg_cross_entropy(a, b))                                                        \
    X(cross_entropy_rows, TRANSCENDENTAL, rg_cross_entropy_rows(a, b))                                              \
    X(transpose, ALGEBRAIC, rg_transpose(a)) X(permute, ALGEBRAIC, rg_permute(a, axes_from(i, m)))                  \
    X(reshape, ALGEBRAIC, rg_reshape(a, sizes_from(i, m))) X(squeeze, ALGEBRAIC, rg_squeeze(a, i[0]))               \
    X(unsqueeze, ALGEBRAIC, rg_unsqueeze(a, i[0])) X(expand, ALGEBRAIC, rg_expand(a, sizes_from(i, m)))             \
    X(slice, ALGEBRAIC, rg_slice(a, i[0], i[1], i[2]))                                                              \
    X(slice_step, ALGEBRAIC, rg_slice_step(a, i[0], i[1], i[2], i[3]))                                              \
    X(flip, ALGEBRAIC, rg_flip(a, axes_from(i, m))) X(diagonal, ALGEBRAIC, rg_diagonal(a, i[0]))                    \
    X(diag, ALGEBRAIC, rg_diag(a, i[0])) X(tril, ALGEBRAIC, rg_tril(a, i[0])) X(triu, ALGEBRAIC, rg_triu(a, i[0]))  \
    X(unfold, ALGEBRAIC, rg_unfold(a, i[0], i[1], i[2])) X(tile, ALGEBRAIC, rg_tile(a, sizes_from(i, m)))           \
    X(overlap_add, ALGEBRAIC, rg_overlap_add(a, i[0], i[1], i[2])) X(repeat, ALGEBRAIC, rg_repeat(a, i[0], i[1]))   \
    X(pad, ALGEBRAIC, rg_pad(a, i[0], i[1], i[2])) X(pad_value, ALGEBRAIC, rg_pad_value(a, i[0], i[1], i[2], p[3])) \
    X(concat, ALGEBRAIC, rg_concat(n, x, i[0])) X(stack, ALGEBRAIC, rg_stack(n, x, i[0]))                           \
    X(split, ALGEBRAIC, piece(a, i, m)) X(roll, ALGEBRAIC, rg_roll(a, i[0], i[1]))                                  \
    X(gather_rows, ALGEBRAIC, rg_gather_rows(a, b)) X(scatter_rows, ALGEBRAIC, rg_scatter_rows(a, b, i[0]))         \
    X(index_select, ALGEBRAIC, rg_index_select(a, i[0], b)) X(gather, ALGEBRAIC, rg_gather(a, i[0], b))             \
    X(scatter_add, ALGEBRAIC, rg_scatter_add(a, i[0], b, i[1])) X(segment_sum, ALGEBRAIC, rg_segment_sum(a, b, i[0])) \
    X(matmul, ALGEBRAIC, rg_matmul(a, b)) X(inner, ALGEBRAIC, rg_inner(a, b)) X(outer, ALGEBRAIC, rg_outer(a, b))   \
    X(einsum, ALGEBRAIC, rg_einsum(subscripts[i[0]], n, x))                                                         \
    X(cholesky, LAPACK, rg_cholesky(a)) X(cholesky_solve, LAPACK, rg_cholesky_solve(a, b))                          \
    X(triangular_solve, LAPACK, rg_triangular_solve(a, b, i[0])) X(solve, LAPACK, rg_solve(a, b))                   \
    X(inverse, LAPACK, rg_inverse(a)) X(determinant, LAPACK, rg_determinant(a)) X(logdet, LAPACK, rg_logdet(a))     \
    X(slogdet, LAPACK, rg_slogdet(a, NULL)) X(cholesky_jvp, LAPACK, tangent_of_cholesky(a, b))                      \
    X(eye, ALGEBRAIC, on_a_diagonal(a, i[0])) X(pad_reflect, ALGEBRAIC, rg_pad_reflect(a, i[0], i[1], i[2]))        \
    X(pad_replicate, ALGEBRAIC, rg_pad_replicate(a, i[0], i[1], i[2]))                                              \
    X(pad_circular, ALGEBRAIC, rg_pad_circular(a, i[0], i[1], i[2]))

#define APPLY(name, kind, ...)                                                                                      \
    static rg_tensor apply_##name(const rg_tensor *x, int n, const double *p, const int *i, int m)                  \
    {                                                                                                               \
        rg_tensor a = x[0], b = x[1], c = x[2];                                                                     \
        (void)a, (void)b, (void)c, (void)n, (void)p, (void)i, (void)m;                                              \
        return __VA_ARGS__;                                                                                         \
    }
ROWS(APPLY)

#define ROW(name, kind, ...) { #name, kind, apply_##name },
static const struct {
    const char *name;
    kind kind;
    rg_tensor (*apply)(const rg_tensor *x, int n, const double *p, const int *i, int m);
} rows[] = { ROWS(ROW) };

/* Ops with a derivative that no case comes to. */
static const struct {
    const char *name, *why;
} left_out[] = {
    { "dropout", "its mask is random" },
    { "recompute", "a mark for checkpoints: the same elements" },
    { "contiguous", "recorded by batch rules alone: the same elements" },
};

/* ---- A case ----------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t count;
    double numbers[ELEMENTS];
} array;

typedef struct {
    rg_shape shape;
    bool index;
    double low, high, step, diagonal; /* of an index only high */
} operand;

typedef struct {
    char name[64];
    uint64_t number;
    int parameters, operands, floats, gradients, seconds;
    double parameter[PARAMETERS];
    operand in[OPERANDS];
    rg_shape shape;
    array value, gradient[OPERANDS], second[OPERANDS];
} example;

static rg_shape shape_from(const char *text)
{
    rg_shape shape = RG_SCALAR;
    for (char *at = (char *)(uintptr_t)text; *at >= '0' && *at <= '9'; at += *at == 'x')
        shape.size[shape.rank++] = strtol(at, &at, 10);
    return shape;
}

static const char *next_word(char **rest)
{
    const char *word = strtok_r(NULL, " \n", rest);
    return word ? word : "";
}

static int numbers_from(char **rest, double *numbers, int room)
{
    int count = 0;
    for (const char *word; *(word = next_word(rest)); count++) {
        assert_true(count < room);
        numbers[count] = strtod(word, NULL);
    }
    return count;
}

static void read_operand(example *e, bool index, char **rest)
{
    assert_true(e->operands < OPERANDS);
    operand *in = &e->in[e->operands++];
    in->index = index;
    in->shape = shape_from(next_word(rest));
    e->floats += !index;
    if (!index) in->low = strtod(next_word(rest), NULL);
    in->high = strtod(next_word(rest), NULL);
    if (!index) in->step = strtod(next_word(rest), NULL), in->diagonal = strtod(next_word(rest), NULL);
}

static void read_line(example *e, const char *keyword, char **rest)
{
    if (strcmp(keyword, "op") == 0) {
        snprintf(e->name, sizeof e->name, "%s", next_word(rest));
        e->number = strtoull(next_word(rest), NULL, 10);
    } else if (strcmp(keyword, "parameters") == 0) {
        e->parameters = numbers_from(rest, e->parameter, PARAMETERS);
    } else if (strcmp(keyword, "float") == 0 || strcmp(keyword, "index") == 0) {
        read_operand(e, keyword[0] == 'i', rest);
    } else if (strcmp(keyword, "value") == 0) {
        e->shape = shape_from(next_word(rest));
        e->value.count = numbers_from(rest, e->value.numbers, ELEMENTS);
    } else if (strcmp(keyword, "gradient") == 0) {
        assert_true(e->gradients < OPERANDS);
        array *gradient = &e->gradient[e->gradients++];
        gradient->count = numbers_from(rest, gradient->numbers, ELEMENTS);
    } else if (strcmp(keyword, "second") == 0) {
        assert_true(e->seconds < OPERANDS);
        array *second = &e->second[e->seconds++];
        second->count = numbers_from(rest, second->numbers, ELEMENTS);
    } else {
        fail_msg("what is \"%s\"?", keyword);
    }
}

/* The same numbers as in cases.py. */
static rg_tensor drawn(rg_tape *tape, const operand *in, uint64_t stream)
{
    double numbers[ELEMENTS];
    int64_t indices[ELEMENTS];
    const int64_t count = rg_shape_count(in->shape);
    assert_true(count <= ELEMENTS);
    for (int64_t i = 0; i < count; i++) {
        const double u = rg_random_uniform(0, stream, (uint64_t)i);
        indices[i] = (int64_t)floor(u * in->high);
        numbers[i] = in->step != 0 ? in->low + in->step * floor(u * ((in->high - in->low) / in->step + 1))
                                   : in->low + (in->high - in->low) * u;
        if (in->diagonal != 0) {
            const int64_t *size = &in->shape.size[in->shape.rank - 2];
            if (i / size[1] % size[0] == i % size[1]) numbers[i] += in->diagonal;
        }
    }
    return in->index ? rg_constant(tape, RG_I64, in->shape, indices) : rg_input(tape, RG_F64, in->shape, numbers);
}

enum { COTANGENT = 8, DIRECTION = 9, STREAMS = 16 };

static rg_tensor direction_like(rg_tensor t, uint64_t stream)
{
    return drawn(t.tape, &(operand){ .shape = rg_shape_of(t), .low = -1, .high = 1 }, stream);
}

/* ---- What was found --------------------------------------------------------------------------------------------- */

typedef struct {
    int cases, seconds;
    double worst[3];          /* by order */
    char complaint[256];      /* the first that is beyond the bound, or "" */
} finding;

static const char *const orders[] = { "value", "gradient", "second derivative" };

/* A file, and what was found in it. */
static struct source {
    const char *path;
    char library[64];             /* the file's first line: "# " and the library's name and version */
    finding found[COUNT(rows)];
    int *reached;                 /* by number in the op table: cases whose value or gradient is made with it */
} sources[] = { { .path = RG_TEST_SOURCE "/tests/parity/derivatives.txt.gz" },
                { .path = RG_TEST_SOURCE "/tests/parity/derivatives_jax.txt.gz" } };
static size_t source_count = COUNT(sources);

/* Relative to the element, or to a hundredth of the array's largest where it is smaller than that, or to a thousandth:
 * what cancels is as exact as the numbers that do, and these are about 1. */
static void compare(finding *f, int order, int k, const example *e, double bound, rg_tensor t, const array *expected)
{
    double largest = 0;
    if (rg_shape_count(rg_shape_of(t)) != expected->count)
        fail_msg("%s: another size in case %d", e->name, (int)e->number);
    for (int64_t i = 0; i < expected->count; i++) largest = fmax(largest, fabs(expected->numbers[i]));
    for (int64_t i = 0; i < expected->count; i++) {
        const double got = element(t, i), want = expected->numbers[i];
        const double error = fabs(got - want) / fmax(fmax(fabs(want), 0.01 * largest), 0.001);
        if (!(error <= f->worst[order])) f->worst[order] = error;
        if (!(error <= bound) && !f->complaint[0])
            snprintf(f->complaint, sizeof f->complaint, "case %d: the %s, operand %d, element %d is %.17g, not %.17g",
                     (int)e->number, orders[order], k, (int)i, got, want);
    }
}

static void count_ops(int *reached, rg_tape *tape, uint32_t epoch)
{
    size_t count;
    const rg_op *const *table = rg_op_table(&count);
    const uint64_t nodes = rg_tape_get_stats(tape).nodes;
    for (size_t k = 0; k < count; k++)
        for (uint32_t node = 0; node < nodes; node++)
            if (rg_op_of((rg_tensor){ tape, node, epoch }) == table[k]) {
                reached[k]++;
                break;
            }
}

static void check_case(struct source *source, rg_tape *tape, const example *e)
{
    size_t row = 0;
    rg_tensor x[OPERANDS] = { { 0 } }, variables[OPERANDS], gradients[OPERANDS], seconds[OPERANDS];
    int integers[PARAMETERS] = { 0 }, n = 0;
    while (row < COUNT(rows) && strcmp(rows[row].name, e->name) != 0) row++;
    if (row == COUNT(rows)) fail_msg("%s has cases, but no row here", e->name);
    if (rows[row].kind == LAPACK && !rg_has_lapack()) return;
    finding *f = &source->found[row];
    const double bound = bounds[rows[row].kind];
    for (int k = 0; k < e->parameters; k++)
        integers[k] = isfinite(e->parameter[k]) ? (int)e->parameter[k] : 0;
    for (int k = 0; k < e->operands; k++) {
        x[k] = drawn(tape, &e->in[k], STREAMS * e->number + (uint64_t)k);
        if (!e->in[k].index) variables[n++] = x[k];
    }
    rg_tensor y = rows[row].apply(x, e->operands, e->parameter, integers, e->parameters);
    assert_fine(tape);
    if (!rg_shape_equal(rg_shape_of(y), e->shape)) fail_msg("%s: another shape in case %d", e->name, (int)e->number);
    rg_vjp(y, direction_like(y, STREAMS * e->number + COTANGENT), variables, n, gradients);
    count_ops(source->reached, tape, y.epoch);
    rg_tensor along = rg_full(tape, RG_F64, RG_SCALAR, 0);
    for (int k = 0; k < n; k++) {
        rg_tensor direction = direction_like(gradients[k], STREAMS * e->number + DIRECTION + (uint64_t)k);
        along = rg_add(along, rg_sum(rg_mul(gradients[k], direction)));
    }
    rg_grad(along, variables, n, seconds);
    assert_fine(tape);
    assert_int_equal(e->gradients, n);
    compare(f, 0, 0, e, bound, y, &e->value);
    for (int k = 0; k < n; k++) compare(f, 1, k, e, bound, gradients[k], &e->gradient[k]);
    for (int k = 0; k < e->seconds; k++) compare(f, 2, k, e, bound, seconds[k], &e->second[k]);
    f->cases++;
    f->seconds += e->seconds == n;
}

static bool run_cases_of(struct source *source)
{
    static example e;
    static char line[LINE];
    size_t count;
    gzFile file = gzopen(source->path, "r");
    if (!file || !gzgets(file, source->library, sizeof source->library)) return false;
    rg_op_table(&count);
    source->reached = calloc(count, sizeof *source->reached);
    rg_tape *tape = rg_tape_new();
    while (gzgets(file, line, sizeof line)) {
        char *rest;
        const char *keyword = strtok_r(line, " \n", &rest);
        if (keyword) {
            read_line(&e, keyword, &rest);
        } else if (e.name[0]) {
            check_case(source, tape, &e);
            rg_tape_reset(tape);
            memset(&e, 0, sizeof e);
        }
    }
    rg_tape_free(tape);
    return gzclose(file) == Z_OK && !e.name[0];
}

static int run_all_cases(void **state)
{
    (void)state;
    const char *asked = getenv("RG_PARITY_CASES");
    if (asked) sources[0].path = asked, source_count = 1;
    for (size_t i = 0; i < source_count; i++)
        if (!run_cases_of(&sources[i])) return -1;
    return 0;
}

static int forget(void **state)
{
    (void)state;
    for (size_t i = 0; i < source_count; i++) free(sources[i].reached);
    return 0;
}

/* ---- Tests ------------------------------------------------------------------------------------------------------ */

static int differences(const struct source *source)
{
    int bad = 0, cases = 0, seconds = 0;
    double worst[COUNT(bounds)] = { 0 };
    print_message("%s%-22s cases     value  gradient    second\n", source->library, "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const finding *f = &source->found[i];
        if (!f->cases && rows[i].kind == LAPACK && !rg_has_lapack()) continue;
        print_message("%-22s %5d   %7.1e   %7.1e   %7.1e\n", rows[i].name, f->cases, f->worst[0], f->worst[1],
                      f->worst[2]);
        if (f->complaint[0]) print_error("%s: %s\n", rows[i].name, f->complaint);
        bad += f->complaint[0] != '\0';
        cases += f->cases;
        seconds += f->seconds;
        for (int order = 0; order < 3; order++) worst[rows[i].kind] = fmax(worst[rows[i].kind], f->worst[order]);
    }
    print_message("%d cases, %d with second derivatives; worst: %.1e algebraic, %.1e transcendental, %.1e LAPACK\n",
                  cases, seconds, worst[ALGEBRAIC], worst[TRANSCENDENTAL], worst[LAPACK]);
    return bad;
}

static void values_and_derivatives_are_those_of_pytorch_and_jax(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t k = 0; k < source_count; k++) bad += differences(&sources[k]);
    if (!rg_has_lapack()) print_message("without LAPACK: its ops are skipped\n");
    assert_int_equal(bad, 0);
}

static void every_op_has_its_cases_of_each_library(void **state)
{
    (void)state;
    for (size_t k = 0; k < source_count; k++)
        for (size_t i = 0; i < COUNT(rows); i++) {
            const finding *f = &sources[k].found[i];
            if ((rows[i].kind != LAPACK || rg_has_lapack()) && (f->cases < CASES || f->seconds < CASES))
                fail_msg("%s: %d cases, %d with second derivatives\n%s", rows[i].name, f->cases, f->seconds,
                         sources[k].library);
        }
}

static bool has_a_derivative(const rg_op *op)
{
    const int operands = op->arity == RG_VARIADIC ? 31 : op->arity;
    return op->vjp && ~op->no_gradient & ((1u << operands) - 1);
}

/* The derivative of an op that makes a value is checked as a gradient, of one that makes a gradient, as a second. Fewer
 * cases do here, as an op that has nothing to do (the smallest of one number) is not recorded. */
static int ops_not_reached(const struct source *source)
{
    size_t count;
    int bad = 0;
    const rg_op *const *table = rg_op_table(&count);
    print_message("%s", source->library);
    for (size_t k = 0; k < count; k++) {
        bool excused = !has_a_derivative(table[k]);
        for (size_t i = 0; i < COUNT(left_out); i++) {
            if (strcmp(left_out[i].name, table[k]->name) != 0) continue;
            print_message("left out: %s: %s\n", table[k]->name, left_out[i].why);
            if (source->reached[k]) print_error("%s is not left out\n", table[k]->name), bad++;
            excused = true;
        }
        if (excused || source->reached[k] >= REACHED) continue;
        print_error("%s: in %d cases\n", table[k]->name, source->reached[k]);
        bad++;
    }
    return bad;
}

static void no_derivative_of_the_op_table_is_left_out(void **state)
{
    (void)state;
    int bad = 0;
    if (!rg_has_lapack()) skip(); /* some are in its ops' derivatives alone */
    for (size_t k = 0; k < source_count; k++) bad += ops_not_reached(&sources[k]);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_derivatives_are_those_of_pytorch_and_jax),
        cmocka_unit_test(every_op_has_its_cases_of_each_library),
        cmocka_unit_test(no_derivative_of_the_op_table_is_left_out),
    };
    return cmocka_run_group_tests(tests, run_all_cases, forget);
}
