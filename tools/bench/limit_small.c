/* limit_small.c: the hand-written 2-16-16-1, too small for BLAS. */
#include "limits.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "elementary.h"
#include "simd.h"

/* At each level: a vector of floats, and how it multiplies and adds. */
typedef float four __attribute__((vector_size(16), may_alias));

#define NAME(name) name##_portable
#define TARGET RG_TARGET_PORTABLE
#define VECTOR four
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#include "limit_small_template.h"
#undef NAME
#undef TARGET
#undef VECTOR
#undef MULTIPLY_ADD

#if defined(__x86_64__)
#include <immintrin.h>

#define NAME(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR __m256
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#include "limit_small_template.h"
#undef NAME
#undef TARGET
#undef VECTOR
#undef MULTIPLY_ADD

#define NAME(name) name##_avx512
#define TARGET RG_TARGET_AVX512
#define VECTOR __m512
#define MULTIPLY_ADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#include "limit_small_template.h"
#undef NAME
#undef TARGET
#undef VECTOR
#undef MULTIPLY_ADD

static void (*const steps[])(small_net *, const mlp_batch *) = { step_portable, step_avx2, step_avx512 };
static void (*const steps_of_one[])(small_net *, const mlp_batch *) = { step_of_one_portable, step_of_one_avx2,
                                                                        step_of_one_avx512 };
#else
static void (*const steps[])(small_net *, const mlp_batch *) = { step_portable };
static void (*const steps_of_one[])(small_net *, const mlp_batch *) = { step_of_one_portable };
#endif

bool small_net_fits(const mlp_setup *setup)
{
    return setup->layers == 3 && setup->size[0] == SMALL_IN && setup->size[1] == SMALL_HIDDEN &&
           setup->size[2] == SMALL_HIDDEN && setup->size[3] == 1 && !setup->classify &&
           (setup->batch == 1 || setup->batch % 4 == 0);
}

small_net *small_net_new(const mlp_setup *setup, float rate)
{
    if (!small_net_fits(setup)) return NULL;
    const size_t bytes = sizeof(small_net), each = (size_t)setup->batch * sizeof(float[SMALL_HIDDEN]);
    char *memory = aligned_alloc(64, bytes + 4 * each);
    if (!memory) return NULL;
    memset(memory, 0, bytes + 4 * each);
    small_net *net = (small_net *)(void *)memory;
    net->h1 = (float(*)[SMALL_HIDDEN])(void *)(memory + bytes);
    net->h2 = net->h1 + setup->batch;
    net->d1 = net->h2 + setup->batch;
    net->d2 = net->d1 + setup->batch;
    net->batch = setup->batch;
    net->rate = rate;
    net->step = setup->batch == 1 ? steps_of_one[bench_level()] : steps[bench_level()];
    return net;
}

void small_net_free(small_net *net)
{
    free(net);
}

void small_net_set(small_net *net, const float *theta)
{
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_IN; i++) net->w1[i][o] = *theta++;
    for (int o = 0; o < SMALL_HIDDEN; o++) net->b1[o] = *theta++;
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_HIDDEN; i++) net->w2[i][o] = net->w2_transposed[o][i] = *theta++;
    for (int o = 0; o < SMALL_HIDDEN; o++) net->b2[o] = *theta++;
    for (int i = 0; i < SMALL_HIDDEN; i++) net->w3[i] = *theta++;
    net->b3 = *theta;
}

void small_net_get(const small_net *net, float *theta)
{
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_IN; i++) *theta++ = net->w1[i][o];
    for (int o = 0; o < SMALL_HIDDEN; o++) *theta++ = net->b1[o];
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_HIDDEN; i++) *theta++ = net->w2[i][o];
    for (int o = 0; o < SMALL_HIDDEN; o++) *theta++ = net->b2[o];
    for (int i = 0; i < SMALL_HIDDEN; i++) *theta++ = net->w3[i];
    *theta = net->b3;
}
