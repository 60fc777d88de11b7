/* limits.h: networks trained by hand-written C: preallocated, fused, without a framework. */
#ifndef RETROGRAD_BENCH_LIMITS_H
#define RETROGRAD_BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "autograd.h"
#include "product.h"

enum { MLP_MOST_LAYERS = 4 };

/* A network of dense layers; what is between them, and the loss, goes with the task. */
typedef struct {
    int layers;
    int64_t size[MLP_MOST_LAYERS + 1];
    int64_t batch;
    bool classify;           /* ReLU and cross-entropy; else tanh and mean squared error */
} mlp_setup;

/* Of each example: the inputs, and a class or numbers to come near to. Numbers here are of the network's dtype. */
typedef struct {
    const void *x;
    const int32_t *labels;
    const void *targets;
} mlp_batch;

/* ---- Over a matrix product, for layers of any size (limit_dense.c) --------------------------------------------- */

/* A vector laid out as the library's theta: of each layer the weight [out, in] and the bias [out]. */
typedef struct {
    void *all, *weight[MLP_MOST_LAYERS], *bias[MLP_MOST_LAYERS];
} mlp_vector;

typedef struct mlp_net mlp_net;
struct mlp_net {
    mlp_setup setup;
    rg_dtype dtype;
    int threads;                          /* of BLAS */
    void (*step)(mlp_net *net, const mlp_batch *batch, const bench_product *product, bool in_place);
    void (*from_bytes)(int64_t count, const unsigned char *bytes, void *numbers); /* byte / 255 */
    mlp_vector theta, gradient;
    int64_t count;                        /* of numbers in theta */
    void *output[MLP_MOST_LAYERS];        /* of each layer: [batch, out] */
    void *delta[MLP_MOST_LAYERS];         /* the adjoint of its output before the activation */
    double rate;
    double loss;                          /* of the last step */
    void *memory;
};

/* The ways to go about a training step, for the best of them is the limit. */
enum { MLP_MATERIALISED, MLP_IN_PLACE, MLP_OWN_MATERIALISED, MLP_OWN_LAYERWISE, MLP_WAYS };
#define MLP_NAMES_OF_WAYS                                                                                          \
    [MLP_MATERIALISED] = "gradient, then update", [MLP_IN_PLACE] = "update in the product",                        \
    [MLP_OWN_MATERIALISED] = "gradient, then update; our product",                                                 \
    [MLP_OWN_LAYERWISE] = "layer by layer; our product"

/* False when out of memory. */
bool mlp_net_make(mlp_net *net, const mlp_setup *setup, rg_dtype dtype, double rate, int threads);
void mlp_net_free(mlp_net *net);
/* Before and after steps: gives BLAS its threads, and takes them again so that the library finds it as it wants it. */
void mlp_net_begin(const mlp_net *net);
void mlp_net_end(const mlp_net *net);
/* One training step. */
static inline void mlp_net_step(mlp_net *net, const mlp_batch *batch, int way)
{
    const bool own = way == MLP_OWN_MATERIALISED || way == MLP_OWN_LAYERWISE;
    net->step(net, batch, own ? bench_product_of_library(net->dtype) : bench_product_of_blas(net->dtype),
              way == MLP_IN_PLACE || way == MLP_OWN_LAYERWISE);
}

/* ---- In plain loops, for 2-16-16-1 and batches of 1 or a multiple of 4 (limit_small.c) ------------------------- */

enum { SMALL_IN = 2, SMALL_HIDDEN = 16 };

typedef struct small_net small_net;
struct small_net {
    const struct small_kind *kind;        /* what depends on the dtype and the level */
    void *numbers;
    int64_t batch;
    double rate, loss;
};

bool small_net_fits(const mlp_setup *setup);
/* NULL when out of memory, or if the network is of another size. */
small_net *small_net_new(const mlp_setup *setup, rg_dtype dtype, double rate);
void small_net_free(small_net *net);
void small_net_step(small_net *net, const mlp_batch *batch);
/* theta as the library lays it out, read and written. */
void small_net_set(small_net *net, const void *theta);
void small_net_get(const small_net *net, void *theta);

#endif
