/* limit_small.c: the hand-written 2-16-16-1, too small for BLAS. */
#include "limits.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "elementary.h"

/* Numbers are what the template has defined for that type and level. */
typedef struct small_kind {
    void *(*make)(int64_t batch);                                             /* NULL when out of memory */
    double (*train)(void *numbers, double rate, const mlp_batch *batch);      /* returns the loss */
    void (*set)(void *numbers, const void *theta);
    void (*get)(const void *numbers, void *theta);
} small_kind;

#define TEMPLATE "bench/limit_small_template.h"
#include "each_kind.h"

static const small_kind *const kinds[2][3] = KINDS(&kind);

bool small_net_fits(const mlp_setup *setup)
{
    return setup->layers == 3 && setup->size[0] == SMALL_IN && setup->size[1] == SMALL_HIDDEN &&
           setup->size[2] == SMALL_HIDDEN && setup->size[3] == 1 && !setup->classify &&
           (setup->batch == 1 || setup->batch % 4 == 0);
}

small_net *small_net_new(const mlp_setup *setup, rg_dtype dtype, double rate)
{
    small_net *net = small_net_fits(setup) ? malloc(sizeof *net) : NULL;
    if (!net) return NULL;
    *net = (small_net){ .kind = kinds[BENCH_TYPE(dtype)][bench_level()], .batch = setup->batch, .rate = rate };
    if (!(net->numbers = net->kind->make(setup->batch))) return small_net_free(net), NULL;
    return net;
}

void small_net_free(small_net *net)
{
    if (net) free(net->numbers);
    free(net);
}

void small_net_step(small_net *net, const mlp_batch *batch)
{
    net->loss = net->kind->train(net->numbers, net->rate, batch);
}

void small_net_set(small_net *net, const void *theta)
{
    net->kind->set(net->numbers, theta);
}

void small_net_get(const small_net *net, void *theta)
{
    net->kind->get(net->numbers, theta);
}
