/* init.c: initialisers as values, and filling a parameter from one. */
#define RG_NO_SITES
#include <math.h>
#include <string.h>
#include <xxhash.h>

#include "nn.h"

/* ---- Draws: mean 0; uniform on [-1, 1) or variance 1 ---------------------------------------------------- */

static double draw_uniform(uint64_t seed, uint64_t stream, uint64_t index)
{
    return 2.0 * rg_random_uniform(seed, stream, index) - 1.0;
}

static double draw_nothing(uint64_t seed, uint64_t stream, uint64_t index)
{
    (void)seed, (void)stream, (void)index;
    return 0.0;
}

/* ---- Initialisers --------------------------------------------------------------------------------------- */

/* U(-a, a) has variance a^2 / 3: hence the 3 under each root of a uniform one. */

rg_nn_init rg_nn_init_xavier_uniform(void)
{
    return (rg_nn_init){ .draw = draw_uniform, .spread = sqrt(3.0 * 2.0), .fan_in_weight = 1.0, .fan_out_weight = 1.0 };
}

rg_nn_init rg_nn_init_xavier_normal(void)
{
    return (rg_nn_init){ .draw = rg_random_normal, .spread = sqrt(2.0), .fan_in_weight = 1.0, .fan_out_weight = 1.0 };
}

rg_nn_init rg_nn_init_he_uniform(void)
{
    return (rg_nn_init){ .draw = draw_uniform, .spread = sqrt(3.0 * 2.0), .fan_in_weight = 1.0 };
}

rg_nn_init rg_nn_init_he_normal(void)
{
    return (rg_nn_init){ .draw = rg_random_normal, .spread = sqrt(2.0), .fan_in_weight = 1.0 };
}

rg_nn_init rg_nn_init_lecun_normal(void)
{
    return (rg_nn_init){ .draw = rg_random_normal, .spread = 1.0, .fan_in_weight = 1.0 };
}

rg_nn_init rg_nn_init_fan_in_uniform(void)
{
    return (rg_nn_init){ .draw = draw_uniform, .spread = 1.0, .fan_in_weight = 1.0 };
}

rg_nn_init rg_nn_init_uniform(double low, double high)
{
    return (rg_nn_init){ .draw = draw_uniform, .center = 0.5 * (low + high), .spread = 0.5 * (high - low) };
}

rg_nn_init rg_nn_init_normal(double mean, double deviation)
{
    return (rg_nn_init){ .draw = rg_random_normal, .center = mean, .spread = deviation };
}

rg_nn_init rg_nn_init_zeros(void)
{
    return rg_nn_init_constant(0.0);
}

rg_nn_init rg_nn_init_constant(double value)
{
    return (rg_nn_init){ .draw = draw_nothing, .center = value };
}

/* ---- Filling -------------------------------------------------------------------------------------------- */

static rg_status refuse(rg_param param, const char *reason)
{
    rg_params_fail(param.store, RG_E_ARGUMENT, "initialise %s: %s", rg_param_name(param), reason);
    return RG_E_ARGUMENT;
}

/* Fans that were not given come from the shape [out, in, ...]; false if they do not. */
static bool find_fans(rg_shape shape, double *fan_in, double *fan_out)
{
    if (*fan_in > 0.0 && *fan_out > 0.0) return true;
    if (shape.rank < 2) return false;
    double each = 1.0;
    for (int i = 2; i < shape.rank; i++) each *= (double)shape.size[i];
    if (!(*fan_in > 0.0)) *fan_in = each * (double)shape.size[1];
    if (!(*fan_out > 0.0)) *fan_out = each * (double)shape.size[0];
    return true;
}

static void fill(rg_param param, int64_t count, rg_nn_init init, double scale)
{
    const char *name = rg_param_name(param);
    uint64_t seed = rg_params_seed(param.store), stream = XXH3_64bits(name, strlen(name));
    bool single = rg_params_dtype(param.store) == RG_F32;
    float *f32 = rg_params_data(param.store);
    double *f64 = rg_params_data(param.store);
    int64_t offset = rg_param_offset(param);
    for (int64_t i = 0; i < count; i++) {
        double value = init.center + scale * init.draw(seed, stream, (uint64_t)i);
        if (single)
            f32[offset + i] = (float)value;
        else
            f64[offset + i] = value;
    }
    rg_params_changed(param.store);
}

rg_status rg_nn_initialise(rg_param param, rg_nn_init init, int64_t fan_in, int64_t fan_out)
{
    if (!param.store) return RG_E_NULL;
    if (rg_params_status(param.store)) return rg_params_status(param.store);
    if (param.index >= rg_params_size(param.store)) return RG_E_NULL;
    if (!init.draw) return refuse(param, "the initialiser has no draw function");
    if (fan_in < 0 || fan_out < 0) return refuse(param, "a negative fan");

    rg_shape shape = rg_param_shape(param);
    int64_t count = rg_shape_count(shape);
    if (count <= 0) {
        if (count < 0) return refuse(param, "a malformed shape");
        return RG_OK;
    }
    double in = (double)fan_in, out = (double)fan_out, scale = init.spread;
    if (init.fan_in_weight != 0.0 || init.fan_out_weight != 0.0) {
        bool needed_given = (init.fan_in_weight == 0.0 || in > 0.0) && (init.fan_out_weight == 0.0 || out > 0.0);
        if (!needed_given && !find_fans(shape, &in, &out))
            return refuse(param, "the fans are neither given nor in the shape [out, in]");
        scale /= sqrt(in * init.fan_in_weight + out * init.fan_out_weight);
    }
    if (!isfinite(scale) || !isfinite(init.center)) return refuse(param, "the numbers would not be finite");
    fill(param, count, init, scale);
    return RG_OK;
}
