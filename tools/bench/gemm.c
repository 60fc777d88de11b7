/* gemm.c: the library's matrix product against CBLAS's, in the three shapes that a layer of a network has: the output,
 * and the gradients by input and by weight. Both on one thread, however many there are: the library shares out its
 * products in tiles, one thread each. */
#include "gemm.h"

#include <math.h>
#include <stdlib.h>

#include "bench.h"
#include "limits.h"

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
} gemm_state;

static void free_state(void *state)
{
    gemm_state *s = state;
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

static void *make(const bench_case *each, int threads)
{
    const gemm_setup *setup = each->setup;
    gemm_state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    (void)threads;
    s->dtype = each->dtype;
    s->x = make_matrix(s->dtype, setup->batch * setup->in, 0);
    s->w = make_matrix(s->dtype, setup->out * setup->in, 1);
    s->dy = make_matrix(s->dtype, setup->batch * setup->out, 2);
    choose_operands(s, setup);
    s->our_result = make_matrix(s->dtype, s->m * s->n, 3);
    s->limit_result = make_matrix(s->dtype, s->m * s->n, 4);
    if (!s->x || !s->w || !s->dy || !s->our_result || !s->limit_result) return free_state(s), NULL;
    return s;
}

static bool ours(void *state, int64_t products)
{
    gemm_state *s = state;
    const mlp_product *product = mlp_product_of_library(s->dtype);
    for (; products > 0; products--) product->multiply(s->m, s->n, s->k, s->a, s->b, s->our_result);
    return true;
}

static void limit(void *state, int which, int64_t products)
{
    gemm_state *s = state;
    const mlp_product *product = mlp_product_of_blas(s->dtype);
    (void)which;
    for (; products > 0; products--) product->multiply(s->m, s->n, s->k, s->a, s->b, s->limit_result);
}

static double difference(void *state, int which)
{
    gemm_state *s = state;
    ours(s, 1);
    limit(s, which, 1);
    return bench_distance(s->dtype, s->limit_result, s->our_result, s->m * s->n);
}

static const char *message(const void *state)
{
    (void)state;
    return "";
}

static const bench_family gemm = {
    .limits = { "CBLAS" }, .summary = "gemm",
    .make = make, .free = free_state, .ours = ours, .limit = limit, .difference = difference, .message = message,
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

static const bench_case cases[] = { LAYERS(f32, RG_F32), LAYERS(f64, RG_F64) };

bench_table bench_gemm_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
