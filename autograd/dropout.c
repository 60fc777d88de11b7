/* dropout.c: masks as a function of (seed, stream, index), so that nothing has to be kept for the adjoint. */
#include <string.h>

#include "characters.h"
#include "ops.h"
#include "philox.h"

typedef struct {
    double probability;
    int64_t member;            /* 0; or of a batch with a key for each member: elements of a member */
} dropout_attributes;

/* Keys behind which as many elements come as a member has: [..., 2], with the leading dimensions of x. */
static bool fits_keys(const rg_shape *x, const rg_shape *keys, int64_t member)
{
    int64_t behind = 1;
    if (keys->rank < 1 || keys->rank - 1 > x->rank || keys->size[keys->rank - 1] != 2) return false;
    for (int i = 0; i < keys->rank - 1; i++)
        if (keys->size[i] != x->size[i]) return false;
    for (int i = keys->rank - 1; i < x->rank; i++) behind *= x->size[i];
    return member ? behind == member || rg_elements(x) == 0 : keys->rank == 1;
}

static rg_status dropout_shape(rg_shape_call *call)
{
    const dropout_attributes *attributes = call->attributes;
    const double probability = attributes->probability;
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    if (call->in_dtype[1] != RG_I64 || !fits_keys(call->in[0], call->in[1], attributes->member))
        return rg_refuse_random_key(call);
    if (!(probability >= 0 && probability < 1))
        return rg_refuse(call, RG_E_ARGUMENT, "the probability %g is not in [0, 1)", probability);
    return RG_OK;
}

/* Four elements share one call of the generator, each with 32 bits of its own: element i (of its member) takes word
 * i mod 4 of counter i / 4, wherever a range begins. */
#define DROPOUT_LOOP(name, type, suffix)                                                          \
    static void name##_##suffix(const rg_call *call, int64_t begin, int64_t end)                                   \
    {                                                                                                              \
        const dropout_attributes *attributes = call->attributes;                                                   \
        const uint64_t threshold = (uint64_t)(attributes->probability * 0x1p32);                                   \
        const type factor = (type)(1 / (1 - attributes->probability)), *x = call->in[0];                           \
        type *y = call->out;                                                                                       \
        for (int64_t i = begin, stop; i < end; i = stop) {                                                         \
            const int64_t at = call->base + i, member = attributes->member, number = member ? at / member : 0;     \
            const int64_t left = member ? (number + 1) * member - at : end - i;                                    \
            uint64_t key[2], counter = UINT64_MAX;                                                                 \
            uint32_t words[4];                                                                                     \
            memcpy(key, (const uint64_t *)call->in[1] + 2 * number, sizeof key);                                   \
            stop = left < end - i ? i + left : end;                                                                \
            for (int64_t e = i; e < stop; e++) {                                                                   \
                const uint64_t index = (uint64_t)(call->base + e - number * member);                               \
                if (index / 4 != counter) rg_philox4(key[0], key[1], counter = index / 4, words);                  \
                y[e] = words[index % 4] < threshold ? 0 : x[e] * factor;                                           \
            }                                                                                                      \
        }                                                                                                          \
    }

DROPOUT_LOOP(dropout, float, f32)
DROPOUT_LOOP(dropout, double, f64)

static rg_tensor dropout_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)k;
    const rg_tensor operands[] = { g, in[1] };
    return rg_apply(&rg_op_dropout, rg_attributes_of(y), 2, operands);
}

/* Every member with a key: its own if the keys are batched, else the same, which gives all members the same mask. */
static rg_tensor dropout_batch(const rg_batch_call *call)
{
    const dropout_attributes *attributes = call->attributes;
    rg_tensor in[2];
    dropout_attributes by_member = *attributes;
    const rg_shape x = rg_shape_of(call->in[0]);
    if (!by_member.member) by_member.member = rg_shape_count(x) / (call->batched[0] && call->size ? call->size : 1);
    if (!by_member.member) by_member.member = 1; /* of no elements */
    for (int k = 0; k < 2; k++) {
        const rg_shape from = rg_shape_of(call->in[k]);
        rg_shape to = { .rank = 1, .size = { call->size } };
        for (int i = 0; i < from.rank && to.rank < RG_MAX_RANK; i++) to.size[to.rank++] = from.size[i];
        in[k] = call->batched[k] ? call->in[k] : rg_expand_at(call->site, call->in[k], to);
    }
    return rg_apply_at(call->site, &rg_op_dropout, &by_member, 2, in);
}

static void describe_probability(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "p = %.4g", *(const double *)attributes);
    rg_set_point(text);
}

static const dropout_attributes half = { 0.5, 0 }, none = { 0, 0 }, certain = { 1, 0 }, by_three = { 0.5, 3 };
#define KEY { .dtype = RG_I64, .shape = { 1, { 2 } }, .high = 1000 }
static const rg_sample dropout_samples[] = {
    { .operands = 2, .in = { { .shape = { 2, { 5, 7 } } }, KEY }, .attributes = &half },
    { .operands = 2, .in = { { .shape = { 1, { 9 } } }, KEY }, .attributes = &none },
    { .operands = 2, .in = { { .shape = { 1, { 0 } } }, KEY }, .attributes = &half },
    { .operands = 2, .in = { { .shape = { 2, { 5, 3 } } }, { .dtype = RG_I64, .shape = { 2, { 5, 2 } }, .high = 1000 } },
      .attributes = &by_three },
    { .operands = 2, .in = { { .shape = { 2, { 5, 4 } } }, { .dtype = RG_I64, .shape = { 2, { 5, 2 } }, .high = 1000 } },
      .attributes = &by_three, .refuse = RG_E_DTYPE },
    { .operands = 2, .in = { { .shape = { 1, { 9 } } }, KEY }, .attributes = &certain, .refuse = RG_E_ARGUMENT },
    { .operands = 2, .in = { { .shape = { 1, { 9 } } }, { .shape = { 1, { 2 } } } }, .attributes = &half,
      .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

const rg_op rg_op_dropout = { .name = "dropout", .doc = "0 with a probability, else x / (1 - p)", .arity = 2,
                              .attribute_size = sizeof(dropout_attributes), .shape = dropout_shape, .f32 = dropout_f32,
                              .f64 = dropout_f64, .vjp = dropout_vjp, .batch = dropout_batch, .linearity = RG_LINEAR,
                              .no_gradient = 2, .uniform = 2,
                              .samples = dropout_samples, .describe = describe_probability };

rg_tensor rg_dropout_at(const char *site, rg_tensor x, double probability, rg_tensor key)
{
    const rg_tensor in[] = { x, key };
    const dropout_attributes attributes = { probability, 0 };
    return rg_apply_at(site, &rg_op_dropout, &attributes, 2, in);
}
