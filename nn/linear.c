/* linear.c: the linear layer and dropout. */
#define RG_NO_SITES
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn.h"
#include "tape.h"

#define WEIGHT ".weight"
#define BIAS ".bias"

static rg_nn_init chosen(rg_nn_init init, rg_nn_init otherwise)
{
    return init.draw ? init : otherwise;
}

/* Adds the parameter "<name><suffix>" and fills it. */
static rg_param add_filled(rg_params *store, const char *name, const char *suffix, rg_shape shape, rg_nn_init init,
                           int64_t fan_in, int64_t fan_out)
{
    size_t length = strlen(name), suffix_length = strlen(suffix), bytes;
    char *full = rg_size_add(length, suffix_length + 1, &bytes) ? malloc(bytes) : NULL;
    if (!full) {
        rg_params_fail(store, RG_E_MEMORY, "linear %s: out of memory", name);
        return (rg_param){ 0 };
    }
    memcpy(full, name, length);
    memcpy(full + length, suffix, suffix_length + 1);
    rg_param param = rg_params_add(store, full, shape);
    free(full);
    rg_nn_initialise(param, init, fan_in, fan_out);
    return param;
}

rg_nn_linear rg_nn_linear_new(rg_params *store, const char *name, int64_t in, int64_t out)
{
    return rg_nn_linear_with(store, name, in, out, (rg_nn_linear_options){ 0 });
}

rg_nn_linear rg_nn_linear_with(rg_params *store, const char *name, int64_t in, int64_t out,
                               rg_nn_linear_options options)
{
    rg_nn_linear layer = { .store = store };
    if (!name || !*name)
        rg_params_fail(store, RG_E_NULL, "linear: a layer needs a name");
    else if (in < 1 || out < 1)
        rg_params_fail(store, RG_E_ARGUMENT, "linear %s: sizes must be at least 1, not %lld to %lld", name,
                       (long long)in, (long long)out);
    if (rg_params_status(store)) return layer;

    rg_nn_init usual = rg_nn_init_fan_in_uniform();
    layer.weight = add_filled(store, name, WEIGHT, RG_SHAPE(out, in), chosen(options.weight, usual), in, out);
    if (!options.no_bias)
        layer.bias = add_filled(store, name, BIAS, RG_SHAPE(out), chosen(options.bias, usual), in, out);
    return layer;
}

/* The layer's name is that of its weight without the suffix. */
static void push_scope(rg_tape *tape, rg_param weight)
{
    const char *name = rg_param_name(weight);
    const size_t length = strlen(name), suffix = sizeof WEIGHT - 1;
    const bool usual = length > suffix && memcmp(name + length - suffix, WEIGHT, suffix) == 0;
    rg_scope_push_part(tape, name, usual ? length - suffix : length);
}

rg_tensor rg_nn_linear_forward_at(const char *site, const rg_nn_linear *layer, rg_tensor x)
{
    rg_tape *tape = x.tape;
    if (rg_failed(tape)) return (rg_tensor){ 0 };
    if (!layer) return rg_fail(tape, site, RG_E_NULL, "linear: the layer is NULL");
    rg_status status = rg_params_status(layer->store);
    if (status) return rg_fail(tape, site, status, "%s", rg_params_message(layer->store));
    if (!layer->weight.store) return rg_fail(tape, site, RG_E_NULL, "linear: the layer has no weight");

    push_scope(tape, layer->weight);
    rg_tensor weight = rg_parameter_at(site, tape, layer->weight);
    rg_tensor y = rg_matmul_at(site, x, rg_transpose_at(site, weight));
    if (layer->bias.store) y = rg_add_at(site, y, rg_parameter_at(site, tape, layer->bias));
    rg_scope_pop(tape);
    return y;
}

rg_tensor rg_nn_linear_forward(const rg_nn_linear *layer, rg_tensor x)
{
    return rg_nn_linear_forward_at(NULL, layer, x);
}

/* ---- Dropout -------------------------------------------------------------------------------------------- */

rg_tensor rg_nn_dropout_forward_at(const char *site, const rg_nn_dropout *layer, rg_tensor x)
{
    rg_tape *tape = x.tape;
    if (rg_failed(tape)) return (rg_tensor){ 0 };
    if (!layer || !layer->store) return rg_fail(tape, site, RG_E_NULL, "dropout: the layer or its store is NULL");
    rg_status status = rg_params_status(layer->store);
    if (status) return rg_fail(tape, site, status, "%s", rg_params_message(layer->store));
    if (!(layer->probability >= 0.0 && layer->probability < 1.0))
        return rg_fail(tape, site, RG_E_ARGUMENT, "dropout: the probability must be in [0, 1), not %g",
                       layer->probability);
    if (layer->probability == 0.0 || !rg_is_training(tape)) return x;

    return rg_dropout_at(site, x, layer->probability, rg_random_draw_at(site, tape, layer->store));
}

rg_tensor rg_nn_dropout_forward(const rg_nn_dropout *layer, rg_tensor x)
{
    return rg_nn_dropout_forward_at(NULL, layer, x);
}
