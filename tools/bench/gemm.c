/* gemm.c: the library's matrix product against those of others, in the three shapes that a layer of a network has: the
 * output, and the gradients by input and by weight; and of cubes. On one thread it is the kernel alone; several threads
 * share a product of a compiled program. */
#include <math.h>
#include <stdlib.h>

#include "bench.h"
#include "product.h"

/* y = x w' with x [batch, in], w [out, in] and y [batch, out]; dy is the adjoint of y. */
typedef enum {
    FORWARD, /* y = x w' */
    INPUT,   /* dx = dy w */
    WEIGHT   /* dw = dy' x */
} gemm_kind;

typedef struct {
    gemm_kind kind;
    int64_t in, out, batch;
} gemm_setup;

typedef struct {
    rg_dtype dtype;
    int64_t m, n, k;
    rg_matrix a, b;
    void *x, *w, *dy, *our_result, *limit_result;
    int threads;
    rg_tape *tape;
    rg_program *program;       /* NULL: the kernel is called as it is */
} gemm_state;

enum { CBLAS, CORES, ONEDNN = CORES + BENCH_CORES };

static void free_state(void *state)
{
    gemm_state *s = state;
    rg_program_free(s->program);
    rg_tape_free(s->tape);
    free(s->x);
    free(s->w);
    free(s->dy);
    free(s->our_result);
    free(s->limit_result);
    free(s);
}

static void *make_matrix(rg_dtype dtype, int64_t count, uint64_t stream)
{
    const size_t bytes = (size_t)count * rg_dtype_size(dtype);
    void *numbers = aligned_alloc(64, (bytes + 63) / 64 * 64);
    for (int64_t i = 0; i < count && numbers; i++)
        bench_set(dtype, numbers, i, rg_random_uniform(1, stream, (uint64_t)i) - 0.5);
    return numbers;
}

static void choose_operands(gemm_state *s, const gemm_setup *setup)
{
    const int64_t in = setup->in, out = setup->out, batch = setup->batch;
    switch (setup->kind) {
    case FORWARD:
        s->m = batch, s->n = out, s->k = in;
        s->a = (rg_matrix){ s->x, in, 1 };
        s->b = (rg_matrix){ s->w, 1, in };
        break;
    case INPUT:
        s->m = batch, s->n = in, s->k = out;
        s->a = (rg_matrix){ s->dy, out, 1 };
        s->b = (rg_matrix){ s->w, in, 1 };
        break;
    case WEIGHT:
        s->m = out, s->n = in, s->k = batch;
        s->a = (rg_matrix){ s->dy, 1, out };
        s->b = (rg_matrix){ s->x, in, 1 };
        break;
    }
}

/* A matrix as a tape is to see it; *leaf is where its numbers go. */
static rg_tensor record_matrix(const gemm_state *s, int64_t rows, int64_t columns, rg_matrix a, rg_tensor *leaf)
{
    const bool plain = a.column_stride == 1;
    *leaf = rg_input_borrowed(s->tape, s->dtype, plain ? RG_SHAPE(rows, columns) : RG_SHAPE(columns, rows), a.data);
    return plain ? *leaf : rg_transpose(*leaf);
}

static bool compile(gemm_state *s)
{
    s->tape = rg_tape_new_with((rg_tape_options){ .threads = s->threads });
    rg_tensor in[2];
    const rg_tensor a = record_matrix(s, s->m, s->k, s->a, &in[0]), b = record_matrix(s, s->k, s->n, s->b, &in[1]);
    const rg_tensor c = rg_matmul(a, b);
    s->program = rg_compile(2, in, 1, &c);
    rg_program_bind(s->program, 0, s->a.data);
    return rg_program_bind(s->program, 1, s->b.data) == RG_OK;
}

static void *make(const bench_case *each, const bench_conditions *with)
{
    const gemm_setup *setup = each->setup;
    gemm_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->dtype = each->dtype;
    s->threads = with->threads;
    s->x = make_matrix(s->dtype, setup->batch * setup->in, 0);
    s->w = make_matrix(s->dtype, setup->out * setup->in, 1);
    s->dy = make_matrix(s->dtype, setup->batch * setup->out, 2);
    choose_operands(s, setup);
    s->our_result = make_matrix(s->dtype, s->m * s->n, 3);
    s->limit_result = make_matrix(s->dtype, s->m * s->n, 4);
    if (!s->x || !s->w || !s->dy || !s->our_result || !s->limit_result) return free_state(s), NULL;
    if ((s->threads > 1 || with->scaling) && !compile(s)) return free_state(s), NULL;
    return s;
}

static bool ours(void *state, int64_t products)
{
    gemm_state *s = state;
    const bench_product *product = bench_product_of_library(s->dtype);
    bool done = true;
    for (; products > 0 && done; products--)
        if (s->program) done = rg_program_run(s->program) == RG_OK;
        else product->multiply(product, s->m, s->n, s->k, s->a, s->b, s->our_result);
    return done;
}

static const bench_product *product_of(const gemm_state *s, int which)
{
    return which == CBLAS    ? bench_product_of_blas(s->dtype)
           : which == ONEDNN ? bench_product_of_onednn(s->dtype)
                             : bench_product_of_core(s->dtype, which - CORES);
}

static bool has(const void *state, int which)
{
    return product_of(state, which) != NULL;
}

/* Other cases find each library with one thread. */
static void limit(void *state, int which, int64_t products)
{
    gemm_state *s = state;
    const bench_product *product = product_of(s, which);
    if (product->set_threads) product->set_threads(s->threads);
    for (; products > 0; products--) product->multiply(product, s->m, s->n, s->k, s->a, s->b, s->limit_result);
    if (product->set_threads) product->set_threads(1);
}

static double difference(void *state, int which)
{
    gemm_state *s = state;
    const bool done = ours(s, 1);
    limit(s, which, 1);
    const void *result = s->program ? rg_program_output(s->program, 0) : s->our_result;
    return done ? bench_distance(s->dtype, s->limit_result, result, s->m * s->n) : NAN;
}

static const char *message(const void *state)
{
    const gemm_state *s = state;
    return s->program ? rg_program_message(s->program) : "";
}

static const bench_family gemm = {
    .limits = { [CBLAS] = "CBLAS", [CORES] = BENCH_NAMES_OF_CORES, [ONEDNN] = "oneDNN" }, .summary = "gemm",
    .make = make, .free = free_state, .has = has,
    .ours = ours, .limit = limit, .difference = difference, .message = message,
};

/* Every size of layer by type, kind and batch. The slices are short, for there are many. */
#define CASE(type_, dtype_, in_, out_, name_, kind_, batch_)                                                       \
    { .name = "gemm-" #type_ "-" #in_ "x" #out_ "-" name_ "-b" #batch_, .dtype = dtype_, .unit = "products/s",     \
      .about = "a layer's product of matrices: " name_, .units = 1, .slice = 0.2,             \
      .family = &gemm, .setup = &(const gemm_setup){ kind_, in_, out_, batch_ } }
#define BATCHES(...)                                                                                               \
    CASE(__VA_ARGS__, 1), CASE(__VA_ARGS__, 8), CASE(__VA_ARGS__, 32), CASE(__VA_ARGS__, 128), CASE(__VA_ARGS__, 1024)
#define PRODUCTS(type_, dtype_, in_, out_)                                                                         \
    BATCHES(type_, dtype_, in_, out_, "forward", FORWARD), BATCHES(type_, dtype_, in_, out_, "input", INPUT),      \
        BATCHES(type_, dtype_, in_, out_, "weight", WEIGHT)
#define LAYERS(type_, dtype_)                                                                                      \
    PRODUCTS(type_, dtype_, 784, 128), PRODUCTS(type_, dtype_, 128, 10), PRODUCTS(type_, dtype_, 1024, 1024),      \
        PRODUCTS(type_, dtype_, 16, 16)

/* Square matrices as they lie, which is how an input's gradient finds its operands. */
#define CUBE(type_, dtype_, size_, slice_)                                                                         \
    { .name = "gemm-" #type_ "-" #size_ "x" #size_ "x" #size_, .dtype = dtype_, .unit = "products/s",              \
      .about = "a product of square matrices", .units = 1, .slice = slice_, .family = &gemm,                       \
      .setup = &(const gemm_setup){ INPUT, size_, size_, size_ } }
#define CUBES(type_, dtype_)                                                                                       \
    CUBE(type_, dtype_, 4, 0.2), CUBE(type_, dtype_, 16, 0.2), CUBE(type_, dtype_, 2048, 1)

static const bench_case cases[] = {
    LAYERS(f32, RG_F32), CUBES(f32, RG_F32), LAYERS(f64, RG_F64), CUBES(f64, RG_F64),
};

bench_table bench_gemm_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
