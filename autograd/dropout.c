/* dropout.c: masks as a function of (seed, stream, index), so that nothing has to be kept for the adjoint. */
#include <string.h>

#include "ops.h"
#include "philox.h"

static rg_status dropout_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    double probability = *(const double *)call->attributes;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (!rg_is_random_key(call, 1)) return rg_refuse_random_key(call);
    if (!(probability >= 0 && probability < 1))
        return rg_refuse(call, RG_E_ARGUMENT, "the probability %g is not in [0, 1)", probability);
    return RG_OK;
}

/* Four elements share one call of the generator, each with 32 bits of its own: element i takes word i mod 4
 * of counter i / 4, wherever a range begins. */
#define DROPOUT_LOOP(name, type, suffix)                                                          \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        double probability;                                                                                        \
        uint64_t key[2];                                                                                           \
        memcpy(&probability, call->attributes, sizeof probability);                                                \
        memcpy(key, call->in[1], sizeof key);                                                                      \
        const uint64_t threshold = (uint64_t)(probability * 0x1p32);                                               \
        const type factor = (type)(1 / (1 - probability)), *x = call->in[0];                                       \
        type *y = call->out;                                                                                       \
        uint32_t words[4];                                                                                         \
        uint64_t counter = UINT64_MAX;                                                                             \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            const uint64_t index = (uint64_t)(call->base + i);                                                     \
            if (index / 4 != counter) rg_philox4(key[0], key[1], counter = index / 4, words);                      \
            y[i] = words[index % 4] < threshold ? 0 : x[i] * factor;                                               \
        }                                                                                                          \
    }

DROPOUT_LOOP(dropout, float, f32)
DROPOUT_LOOP(dropout, double, f64)

static rg_tensor dropout_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    double probability;
    memcpy(&probability, rg_attributes_of(y), sizeof probability);
    return rg_dropout(g, probability, in[1]);
}

static void describe_probability(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "p = %.4g", *(const double *)attributes);
}

static const double half = 0.5, none = 0, certain = 1;
#define KEY { .dtype = RG_I64, .shape = { 1, { 2 } }, .high = 1000 }
static const rg_sample dropout_samples[] = {
    { .operands = 2, .in = { { .shape = { 2, { 5, 7 } } }, KEY }, .attributes = &half },
    { .operands = 2, .in = { { .shape = { 1, { 9 } } }, KEY }, .attributes = &none },
    { .operands = 2, .in = { { .shape = { 1, { 0 } } }, KEY }, .attributes = &half },
    { .operands = 2, .in = { { .shape = { 1, { 9 } } }, KEY }, .attributes = &certain, .refuse = RG_E_ARGUMENT },
    { .operands = 2, .in = { { .shape = { 1, { 9 } } }, { .shape = { 1, { 2 } } } }, .attributes = &half,
      .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

const rg_op rg_op_dropout = { .name = "dropout", .doc = "0 with a probability, else x / (1 - p)", .arity = 2,
                              .attribute_size = sizeof(double), .shape = dropout_shape, .f32 = dropout_f32,
                              .f64 = dropout_f64, .vjp = dropout_vjp, .linearity = RG_LINEAR, .no_gradient = 2, .uniform = 2,
                              .samples = dropout_samples, .describe = describe_probability };

rg_tensor rg_dropout_at(const char *site, rg_tensor x, double probability, rg_tensor key)
{
    const rg_tensor in[] = { x, key };
    return rg_apply_at(site, &rg_op_dropout, &probability, 2, in);
}
