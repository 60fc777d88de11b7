/* limit_blas.c: the hand-written network over BLAS. */
#include "limits.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "elementary.h"
#include "simd.h"

#define NAME(name) name##_portable
#define TARGET RG_TARGET_PORTABLE
#include "limit_blas_template.h"
#undef NAME
#undef TARGET

#define NAME(name) name##_avx2
#define TARGET RG_TARGET_AVX2
#include "limit_blas_template.h"
#undef NAME
#undef TARGET

#define NAME(name) name##_avx512
#define TARGET RG_TARGET_AVX512
#include "limit_blas_template.h"
#undef NAME
#undef TARGET

static mlp_vector vector_at(const mlp_setup *setup, float *numbers)
{
    mlp_vector vector = { .all = numbers };
    for (int i = 0; i < setup->layers; i++) {
        vector.weight[i] = numbers;
        numbers += setup->size[i] * setup->size[i + 1];
        vector.bias[i] = numbers;
        numbers += setup->size[i + 1];
    }
    return vector;
}

bool mlp_net_make(mlp_net *net, const mlp_setup *setup, float rate)
{
    static void (*const steps[])(mlp_net *, const mlp_batch *, bool) = { step_portable, step_avx2, step_avx512 };
    enum { LINE = 16 }; /* floats of a cache line */
    *net = (mlp_net){ .setup = *setup, .rate = rate, .step = steps[bench_level()] };
    int64_t outputs = 0;
    for (int i = 0; i < setup->layers; i++) {
        net->count += (setup->size[i] + 1) * setup->size[i + 1];
        outputs += (setup->batch * setup->size[i + 1] + LINE - 1) / LINE * LINE;
    }
    const int64_t vector = (net->count + LINE - 1) / LINE * LINE;
    const size_t bytes = (size_t)(2 * vector + 2 * outputs) * sizeof(float);
    float *next = net->memory = aligned_alloc(64, bytes);
    if (!next) return false;
    memset(next, 0, bytes);
    net->theta = vector_at(setup, next);
    net->gradient = vector_at(setup, next + vector);
    next += 2 * vector;
    for (int i = 0; i < setup->layers; i++) {
        const int64_t length = (setup->batch * setup->size[i + 1] + LINE - 1) / LINE * LINE;
        net->output[i] = next;
        net->delta[i] = next + length;
        next += 2 * length;
    }
    return true;
}

void mlp_net_free(mlp_net *net)
{
    free(net->memory);
}
