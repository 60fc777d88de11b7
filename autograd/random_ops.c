/* random_ops.c: random tensors. Element i of a tensor is number i of the stream that its key names: a function of key and
 * place, whatever the order, the threads and the vector instructions. The key is a leaf, so a new draw needs no new plan,
 * and only draws of one key, which are one tensor, are ever merged. */
#include <string.h>

#include "ops.h"
#include "philox.h"

typedef struct {
    uint64_t seed, stream;
} random_key;

static random_key key_of(const rg_call *call, int k)
{
    random_key key;
    memcpy(&key, call->in[k], sizeof key);
    return key;
}

bool rg_is_random_key(const rg_shape_call *call, int k)
{
    return call->in_dtype[k] == RG_I64 && call->in[k]->rank == 1 && call->in[k]->size[0] == 2;
}

rg_status rg_refuse_random_key(rg_shape_call *call)
{
    return rg_refuse(call, RG_E_DTYPE, "the key must come from rg_random_key, i64[2]");
}

#define KEY { .dtype = RG_I64, .shape = { 1, { 2 } }, .high = 1000 }

/* ---- Uniform and normal numbers: of any shape ---------------------------------------------------------------- */

typedef struct {
    int64_t dtype;
    rg_shape_attributes shape;
} drawn;

static rg_status drawn_shape(rg_shape_call *call)
{
    const drawn *attributes = call->attributes;
    call->dtype = (rg_dtype)attributes->dtype;
    call->shape = rg_shape_unpack(&attributes->shape);
    if (!rg_is_random_key(call, 0)) return rg_refuse_random_key(call);
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "makes f32 or f64");
    if (rg_shape_count(call->shape) < 0) return rg_refuse(call, RG_E_SHAPE, "a malformed or too large shape");
    return RG_OK;
}

static void uniform_f64(const rg_call *call, int64_t begin, int64_t end)
{
    const random_key key = key_of(call, 0);
    double *y = call->out;
    for (int64_t i = begin; i < end; i++) y[i - call->origin] = rg_random_uniform(key.seed, key.stream, (uint64_t)i);
}

/* Cut off after 24 bits: rounded, the largest would be 1. */
static void uniform_f32(const rg_call *call, int64_t begin, int64_t end)
{
    const random_key key = key_of(call, 0);
    float *y = call->out;
    for (int64_t i = begin; i < end; i++)
        y[i - call->origin] = (float)(rg_random_bits(key.seed, key.stream, (uint64_t)i) >> 40) * 0x1p-24f;
}

/* Both numbers of a pair at once. */
#define NORMAL(type, suffix)                                                                                       \
    static void standard_normal_##suffix(const rg_call *call, int64_t begin, int64_t end)                          \
    {                                                                                                              \
        const random_key key = key_of(call, 0);                                                                    \
        double pair[2];                                                                                            \
        type *y = call->out;                                                                                       \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            if (i % 2 == 0 || i == begin) rg_random_normal_pair(key.seed, key.stream, (uint64_t)(i / 2), pair);    \
            y[i - call->origin] = (type)pair[i % 2];                                                               \
        }                                                                                                          \
    }
NORMAL(float, f32)
NORMAL(double, f64)

enum { DRAW_WORK = 32 }; /* in additions or so */
static int64_t drawn_work(const rg_call *call)
{
    (void)call;
    return DRAW_WORK;
}

static void describe_drawn(const void *attributes, char *text, size_t size)
{
    const drawn *d = attributes;
    size_t used = 0;
    rg_append(text, size, &used, "%s", rg_dtype_name((rg_dtype)d->dtype));
    for (int i = 0; i < d->shape.rank; i++) rg_append(text, size, &used, ", %lld", (long long)d->shape.size[i]);
}

static const drawn some = { RG_F64, { 2, { 3, 5 } } }, one = { RG_F32, { 0, { 0 } } }, none = { RG_F64, { 2, { 0, 4 } } },
                   indices = { RG_I32, { 1, { 3 } } }, malformed = { RG_F64, { 1, { -1 } } };
static const rg_sample drawn_samples[] = {
    { .operands = 1, .in = { KEY }, .attributes = &some },
    { .operands = 1, .in = { KEY }, .attributes = &one },
    { .operands = 1, .in = { KEY }, .attributes = &none },
    { .operands = 1, .in = { KEY }, .attributes = &indices, .refuse = RG_E_DTYPE },
    { .operands = 1, .in = { KEY }, .attributes = &malformed, .refuse = RG_E_SHAPE },
    { .operands = 1, .in = { { .shape = { 1, { 2 } } } }, .attributes = &some, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

#define DRAWN(id, text)                                                                                            \
    const rg_op rg_op_##id = { .name = #id, .doc = text, .arity = 1, .kind = RG_ITEMS, .no_gradient = 1,           \
                               .attribute_size = sizeof(drawn), .shape = drawn_shape, .f32 = id##_f32,             \
                               .f64 = id##_f64, .items = rg_items_elements, .item_elements = rg_one_element,                \
                               .item_work = drawn_work, .samples = drawn_samples, .describe = describe_drawn };    \
    rg_tensor rg_##id##_at(const char *site, rg_tensor key, rg_dtype dtype, rg_shape shape)                        \
    {                                                                                                              \
        const drawn attributes = { dtype, rg_shape_pack(shape) };                                                  \
        return rg_apply_at(site, &rg_op_##id, &attributes, 1, &key);                                               \
    }
DRAWN(uniform, "uniform random numbers in [0, 1)")
DRAWN(standard_normal, "normal random numbers of mean 0 and deviation 1")

rg_tensor rg_normal_at(const char *site, rg_tensor mean, rg_tensor deviation, rg_tensor key)
{
    const rg_tensor in[] = { mean, deviation, key };
    rg_tape *tape = rg_operands_checked(site, "normal", 3, in);
    if (!tape) return (rg_tensor){ 0 };
    const rg_dtype dtype = rg_dtype_of(mean);
    const rg_shape a = rg_shape_of(mean), b = rg_shape_of(deviation);
    rg_shape both;
    if (!rg_dtype_is_float(dtype) || rg_dtype_of(deviation) != dtype)
        return rg_fail_op(tape, site, RG_E_DTYPE, "normal", "takes f32 or f64, the same for both", 3, in);
    if (!rg_broadcast(&a, &b, &both))
        return rg_fail_op(tape, site, RG_E_SHAPE, "normal", "sizes do not broadcast", 3, in);
    rg_tensor z = rg_standard_normal_at(site, key, dtype, both);
    return rg_add_at(site, mean, rg_mul_at(site, deviation, z));
}

/* ---- Bernoulli: by element -------------------------------------------------------------------------------------- */

static rg_status bernoulli_shape(rg_shape_call *call)
{
    call->dtype = call->in_dtype[0];
    call->like = 1;
    if (!rg_dtype_is_float(call->dtype)) return rg_refuse(call, RG_E_DTYPE, "takes f32 or f64");
    return rg_is_random_key(call, 1) ? RG_OK : rg_refuse_random_key(call);
}

/* Compared in f64, so that both dtypes draw alike. */
#define BERNOULLI(type, suffix)                                                                                    \
    static void bernoulli_##suffix(const rg_call *call, int64_t begin, int64_t end)                                \
    {                                                                                                              \
        const random_key key = key_of(call, 1);                                                                    \
        const type *p = call->in[0];                                                                               \
        type *y = call->out;                                                                                       \
        for (int64_t i = begin; i < end; i++) {                                                                    \
            const double u = rg_random_uniform(key.seed, key.stream, (uint64_t)(call->base + i));                  \
            y[i] = p[i] != p[i] ? p[i] : u < (double)p[i] ? 1 : 0;                                                 \
        }                                                                                                          \
    }
BERNOULLI(float, f32)
BERNOULLI(double, f64)

#define PROBABILITIES(...) { .shape = { __VA_ARGS__ }, .low = 0.1, .high = 0.9 }
static const rg_sample bernoulli_samples[] = {
    { .operands = 2, .in = { PROBABILITIES(2, { 5, 7 }), KEY } },
    { .operands = 2, .in = { PROBABILITIES(0), KEY } },
    { .operands = 2, .in = { PROBABILITIES(1, { 0 }), KEY } },
    { .operands = 2, .in = { PROBABILITIES(1, { 2 }), PROBABILITIES(1, { 2 }) }, .refuse = RG_E_DTYPE },
    { .operands = 2, .in = { KEY, KEY }, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

const rg_op rg_op_bernoulli = { .name = "bernoulli", .doc = "1 with a probability, else 0", .arity = 2,
                                .shape = bernoulli_shape, .f32 = bernoulli_f32, .f64 = bernoulli_f64, .no_gradient = 3,
                                .uniform = 2, .samples = bernoulli_samples };

rg_tensor rg_bernoulli_at(const char *site, rg_tensor probability, rg_tensor key)
{
    const rg_tensor in[] = { probability, key };
    return rg_apply_at(site, &rg_op_bernoulli, NULL, 2, in);
}

/* ---- Permutation --------------------------------------------------------------------------------------------------- */

static rg_status permutation_shape(rg_shape_call *call)
{
    const int64_t n = *(const int64_t *)call->attributes;
    call->dtype = RG_I64;
    call->shape = (rg_shape){ .rank = 1, .size = { n } };
    if (!rg_is_random_key(call, 0)) return rg_refuse_random_key(call);
    if (rg_shape_count(call->shape) < 0) return rg_refuse(call, RG_E_ARGUMENT, "%lld numbers", (long long)n);
    return RG_OK;
}

/* Each number goes to a place among those before it, and what was there goes to the end [Fisher and Yates 1938, from
 * inside out]. The remainder favours no place by more than n 2^-64. */
static void permutation_any(const rg_call *call, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    const random_key key = key_of(call, 0);
    const int64_t n = *(const int64_t *)call->attributes;
    int64_t *order = call->out;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t place = rg_random_bits(key.seed, key.stream, (uint64_t)i) % (uint64_t)(i + 1);
        order[i] = order[place];
        order[place] = i;
    }
}

static void describe_count(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%lld", (long long)*(const int64_t *)attributes);
}

static const int64_t nine = 9, single = 1, nothing = 0, negative = -1;
static const rg_sample permutation_samples[] = {
    { .operands = 1, .in = { KEY }, .attributes = &nine },
    { .operands = 1, .in = { KEY }, .attributes = &single },
    { .operands = 1, .in = { KEY }, .attributes = &nothing },
    { .operands = 1, .in = { KEY }, .attributes = &negative, .refuse = RG_E_ARGUMENT },
    { .operands = 1, .in = { { .shape = { 1, { 2 } } } }, .attributes = &nine, .refuse = RG_E_DTYPE },
    { .operands = 0 },
};

const rg_op rg_op_permutation = { .name = "permutation", .doc = "0, ..., n - 1 in random order", .arity = 1,
                                  .kind = RG_ITEMS, .attribute_size = sizeof(int64_t), .shape = permutation_shape,
                                  .any = permutation_any, .no_gradient = 1, .samples = permutation_samples,
                                  .describe = describe_count };

rg_tensor rg_permutation_at(const char *site, rg_tensor key, int64_t n)
{
    return rg_apply_at(site, &rg_op_permutation, &n, 1, &key);
}
