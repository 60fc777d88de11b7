/* limits.h: networks trained by hand-written C: preallocated, fused, without a framework. */
#ifndef RETROGRAD_BENCH_LIMITS_H
#define RETROGRAD_BENCH_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

enum { MLP_MOST_LAYERS = 4 };

/* A network of dense layers; what is between them, and the loss, goes with the task. */
typedef struct {
    int layers;
    int64_t size[MLP_MOST_LAYERS + 1];
    int64_t batch;
    bool classify;           /* ReLU and cross-entropy; else tanh and mean squared error */
} mlp_setup;

/* Of each example: the inputs, and a class or numbers to come near to. */
typedef struct {
    const float *x;
    const int32_t *labels;
    const float *targets;
} mlp_batch;

/* ---- Over BLAS, for layers of any size (limit_blas.c) ---------------------------------------------------------- */

/* A vector laid out as the library's theta: of each layer the weight [out, in] and the bias [out]. */
typedef struct {
    float *all, *weight[MLP_MOST_LAYERS], *bias[MLP_MOST_LAYERS];
} mlp_vector;

typedef struct mlp_net mlp_net;
struct mlp_net {
    mlp_setup setup;
    void (*step)(mlp_net *net, const mlp_batch *batch, bool in_place);
    mlp_vector theta, gradient;
    int64_t count;                        /* of numbers in theta */
    float *output[MLP_MOST_LAYERS];       /* of each layer: [batch, out] */
    float *delta[MLP_MOST_LAYERS];        /* the adjoint of its output before the activation */
    float rate;
    double loss;                          /* of the last step */
    void *memory;
};

/* False when out of memory. */
bool mlp_net_make(mlp_net *net, const mlp_setup *setup, float rate);
void mlp_net_free(mlp_net *net);
/* One training step. in_place: products add straight into the weights; else there is a gradient, and then an
 * update. */
static inline void mlp_net_step(mlp_net *net, const mlp_batch *batch, bool in_place)
{
    net->step(net, batch, in_place);
}

/* ---- In plain loops, for 2-16-16-1 and batches of 1 or a multiple of 4 (limit_small.c) ------------------------- */

enum { SMALL_IN = 2, SMALL_HIDDEN = 16 };

typedef struct small_net small_net;
struct small_net {
    _Alignas(64) float w1[SMALL_IN][SMALL_HIDDEN];   /* [in][out], so that loops over `out` are vectors */
    float b1[SMALL_HIDDEN];
    float w2[SMALL_HIDDEN][SMALL_HIDDEN], w2_transposed[SMALL_HIDDEN][SMALL_HIDDEN];
    float b2[SMALL_HIDDEN];
    float w3[SMALL_HIDDEN];
    float b3, rate;
    float (*h1)[SMALL_HIDDEN], (*h2)[SMALL_HIDDEN], (*d1)[SMALL_HIDDEN], (*d2)[SMALL_HIDDEN]; /* [batch] */
    int64_t batch;
    double loss;
    void (*step)(small_net *net, const mlp_batch *batch);
};

bool small_net_fits(const mlp_setup *setup);
/* NULL when out of memory, or if the network is of another size. */
small_net *small_net_new(const mlp_setup *setup, float rate);
void small_net_free(small_net *net);
/* theta as the library lays it out, read and written. */
void small_net_set(small_net *net, const float *theta);
void small_net_get(const small_net *net, float *theta);

#endif
