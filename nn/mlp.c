/* mlp.c: the multi-layer perceptron, a sequence of linear layers with an activation between them. */
#define RG_NO_SITES
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn.h"
#include "size.h"

#define MOST_SIZES 100000

/* He's factor of 2 is for layers that a relu feeds. The first layer is fed by data; it gets the same, for one
 * factor of 2 does not matter when it applies to one layer only (He et al. 2015, section 2.2). */
static rg_nn_init init_for(rg_nn_activation *activation)
{
    static const struct {
        rg_nn_activation *activation;
        rg_nn_init (*init)(void);
    } table[] = {
        { rg_relu, rg_nn_init_he_normal },
        { rg_tanh, rg_nn_init_xavier_uniform },
        { rg_sigmoid, rg_nn_init_xavier_uniform },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].activation == activation) return table[i].init();
    return rg_nn_init_lecun_normal();
}

/* ---- A perceptron that could not be built: its forward says why ------------------------------------------ */

typedef struct {
    rg_params *store;
} failed_self;

static rg_tensor forward_failed(const void *self, const char *site, rg_tensor x)
{
    const failed_self *failed = self;
    return rg_fail(x.tape, site, rg_params_status(failed->store), "%s", rg_params_message(failed->store));
}

static rg_nn *failed_module(rg_params *store)
{
    static const rg_nn_interface interface = { .name = "mlp", .forward = forward_failed };
    return rg_nn_module(&interface, &(failed_self){ store }, sizeof(failed_self));
}

/* ---- Building -------------------------------------------------------------------------------------------- */

static void check(rg_params *store, rg_nn_activation *activation, const int64_t *sizes, int count, double dropout)
{
    if (!sizes || count < 2 || count > MOST_SIZES) {
        rg_params_fail(store, RG_E_ARGUMENT, "mlp: needs from 2 to %d sizes, not %d", MOST_SIZES, sizes ? count : 0);
        return;
    }
    if (!activation && count > 2) rg_params_fail(store, RG_E_NULL, "mlp: the activation is NULL");
    if (!(dropout >= 0.0 && dropout < 1.0))
        rg_params_fail(store, RG_E_ARGUMENT, "mlp: the dropout probability must be in [0, 1), not %g", dropout);
    for (int i = 0; i < count; i++)
        if (sizes[i] < 1)
            rg_params_fail(store, RG_E_ARGUMENT, "mlp: sizes must be at least 1, and number %d is %lld", i + 1,
                           (long long)sizes[i]);
}

/* Layer number i, counted from 1; NULL when out of memory. */
static rg_nn *layer_module(rg_params *store, int i, const int64_t *sizes, rg_nn_linear_options linear,
                           const char *prefix)
{
    size_t length = prefix ? strlen(prefix) : 0, bytes;
    char *name = rg_size_add(length, sizeof ".fc" + 3 * sizeof(int), &bytes) ? malloc(bytes) : NULL;
    if (!name) return NULL;
    snprintf(name, bytes, "%s%sfc%d", length ? prefix : "", length ? "." : "", i);
    rg_nn_linear layer = rg_nn_linear_with(store, name, sizes[i - 1], sizes[i], linear);
    free(name);
    return rg_nn_module_linear(layer);
}

/* The layer with what follows it, as one module; NULL when out of memory. */
static rg_nn *with_activation(rg_params *store, rg_nn *layer, rg_nn_activation *activation, double dropout)
{
    rg_nn *all[3] = { layer, rg_nn_module_activation(activation) };
    int count = 2;
    if (dropout > 0.0) all[count++] = rg_nn_module_dropout((rg_nn_dropout){ store, dropout });
    rg_nn *module = rg_nn_sequential(all, count);
    for (int i = 0; module && i < count; i++)
        if (!all[i]) {
            rg_nn_free(module);
            return NULL;
        }
    return module;
}

/* Fills modules[]; NULLs among them when out of memory. */
static void build(rg_params *store, rg_nn_activation *activation, const int64_t *sizes, int layers,
                  rg_nn_mlp_options options, rg_nn **modules)
{
    rg_nn_linear_options linear = { .no_bias = options.no_bias };
    linear.weight = options.weight.draw ? options.weight : init_for(activation);
    linear.bias = options.bias.draw ? options.bias : rg_nn_init_zeros();
    for (int i = 1; i <= layers; i++) {
        modules[i - 1] = layer_module(store, i, sizes, linear, options.prefix);
        if (i < layers) modules[i - 1] = with_activation(store, modules[i - 1], activation, options.dropout);
    }
}

rg_nn *rg_nn_mlp_with(rg_params *store, rg_nn_activation *activation, const int64_t *sizes, int count,
                      rg_nn_mlp_options options)
{
    check(store, activation, sizes, count, options.dropout);
    if (rg_params_status(store)) return failed_module(store);
    rg_nn **modules = calloc((size_t)count, sizeof *modules);
    bool complete = modules;
    if (modules) build(store, activation, sizes, count - 1, options, modules);
    for (int i = 0; complete && i < count - 1; i++) complete = modules[i];
    rg_nn *net = rg_nn_sequential(modules, modules ? count - 1 : 0);
    free(modules);
    if (!net || !complete) rg_params_fail(store, RG_E_MEMORY, "mlp: out of memory");
    if (!rg_params_status(store)) return net;
    rg_nn_free(net);
    return failed_module(store);
}

rg_nn *rg_nn_mlp(rg_params *store, rg_nn_activation *activation, const int64_t *sizes, int count)
{
    return rg_nn_mlp_with(store, activation, sizes, count, (rg_nn_mlp_options){ 0 });
}
