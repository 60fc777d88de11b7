/* limit_dense.c: the hand-written network over a matrix product, CBLAS's or the library's. */
#include "limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "elementary.h"

#define TEMPLATE "bench/limit_dense_template.h"
#include "each_kind.h"

/* ---- The network ------------------------------------------------------------------------------------------------ */

static mlp_vector vector_at(const mlp_setup *setup, rg_dtype dtype, void *numbers)
{
    mlp_vector vector = { .all = numbers };
    for (int i = 0; i < setup->layers; i++) {
        vector.weight[i] = numbers;
        numbers = bench_at(dtype, numbers, setup->size[i] * setup->size[i + 1]);
        vector.bias[i] = numbers;
        numbers = bench_at(dtype, numbers, setup->size[i + 1]);
    }
    return vector;
}

/* So many numbers fill cache lines. */
static int64_t padded(int64_t count)
{
    enum { LINE = 16 };
    return (count + LINE - 1) / LINE * LINE;
}

bool mlp_net_make(mlp_net *net, const mlp_setup *setup, rg_dtype dtype, double rate, int threads)
{
    static void (*const steps[2][3])(mlp_net *, const mlp_batch *, const bench_product *, bool) = KINDS(step);
    static void (*const from_bytes[2][3])(int64_t, const unsigned char *, void *) = KINDS(from_bytes);
    *net = (mlp_net){ .setup = *setup, .dtype = dtype, .rate = rate, .threads = threads,
                      .step = steps[BENCH_TYPE(dtype)][bench_level()],
                      .from_bytes = from_bytes[BENCH_TYPE(dtype)][bench_level()] };
    int64_t outputs = 0;
    for (int i = 0; i < setup->layers; i++) {
        net->count += (setup->size[i] + 1) * setup->size[i + 1];
        outputs += padded(setup->batch * setup->size[i + 1]);
    }
    const int64_t vector = padded(net->count);
    const size_t bytes = (size_t)(2 * vector + 2 * outputs) * rg_dtype_size(dtype);
    void *next = net->memory = aligned_alloc(64, bytes);
    if (!next) return false;
    memset(next, 0, bytes);
    net->theta = vector_at(setup, dtype, next);
    net->gradient = vector_at(setup, dtype, bench_at(dtype, next, vector));
    next = bench_at(dtype, next, 2 * vector);
    for (int i = 0; i < setup->layers; i++) {
        const int64_t length = padded(setup->batch * setup->size[i + 1]);
        net->output[i] = next;
        net->delta[i] = bench_at(dtype, next, length);
        next = bench_at(dtype, next, 2 * length);
    }
    return true;
}

void mlp_net_free(mlp_net *net)
{
    free(net->memory);
}

void mlp_net_begin(const mlp_net *net)
{
    if (net->threads > 1) bench_set_blas_threads(net->threads);
}

void mlp_net_end(const mlp_net *net)
{
    if (net->threads > 1) bench_set_blas_threads(1);
}
