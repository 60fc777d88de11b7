/* cast.c: the same numbers in another dtype. */
#include <string.h>

#include "ops.h"

static rg_dtype dtype_of(const void *attributes)
{
    return (rg_dtype)*(const int64_t *)attributes;
}

static rg_status cast_shape(rg_shape_call *call)
{
    call->dtype = dtype_of(call->attributes);
    call->like = 1;
    if (rg_dtype_size(call->dtype) == 0) return rg_refuse(call, RG_E_DTYPE, "%d is not a dtype", (int)call->dtype);
    return RG_OK;
}

/* Towards zero. What does not fit becomes the nearest that does, and NaN 0: C leaves that undefined. */
static int64_t integer_of(double number, double least, double beyond, int64_t first, int64_t last)
{
    if (number != number) return 0;
    return number < least ? first : number >= beyond ? last : (int64_t)number;
}

static void put_real(rg_dtype to, void *out, int64_t i, double number)
{
    switch (to) {
    case RG_F32: ((float *)out)[i] = (float)number; break;
    case RG_F64: ((double *)out)[i] = number; break;
    case RG_I32: ((int32_t *)out)[i] = (int32_t)integer_of(number, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX); break;
    case RG_I64: ((int64_t *)out)[i] = integer_of(number, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX); break;
    case RG_NO_DTYPE: break;
    }
}

static void put_integer(rg_dtype to, void *out, int64_t i, int64_t number)
{
    switch (to) {
    case RG_F32: ((float *)out)[i] = (float)number; break;
    case RG_F64: ((double *)out)[i] = (double)number; break;
    case RG_I32: ((int32_t *)out)[i] = (int32_t)(number < INT32_MIN ? INT32_MIN : number > INT32_MAX ? INT32_MAX : number); break;
    case RG_I64: ((int64_t *)out)[i] = number; break;
    case RG_NO_DTYPE: break;
    }
}

static void cast_any(const rg_call *call, int64_t begin, int64_t end)
{
    const rg_dtype from = call->layout[1].dtype, to = call->layout[0].dtype;
    char *out = (char *)call->out - (size_t)call->origin * rg_dtype_size(to);
    const float *narrow = call->in[0];
    const double *wide = call->in[0];
    const int32_t *few = call->in[0];
    const int64_t *many = call->in[0];
    if (from == RG_F32 && to == RG_F64) {
        for (int64_t i = begin; i < end; i++) ((double *)(void *)out)[i] = (double)narrow[i];
    } else if (from == RG_F64 && to == RG_F32) {
        for (int64_t i = begin; i < end; i++) ((float *)(void *)out)[i] = (float)wide[i];
    } else {
        for (int64_t i = begin; i < end; i++)
            if (rg_dtype_is_float(from)) put_real(to, out, i, from == RG_F32 ? (double)narrow[i] : wide[i]);
            else put_integer(to, out, i, from == RG_I32 ? few[i] : many[i]);
    }
}

/* Of a number from integers there is none. */
static rg_tensor cast_vjp(int k, const rg_tensor *in, rg_tensor y, rg_tensor g)
{
    (void)y;
    const rg_dtype from = rg_dtype_of(in[k]);
    if (!rg_dtype_is_float(from)) return (rg_tensor){ 0 };
    return from == rg_dtype_of(g) ? g : rg_cast(g, from);
}

static void describe_dtype(const void *attributes, char *text, size_t size)
{
    snprintf(text, size, "%s", rg_dtype_name(dtype_of(attributes)));
}

/* From f64 to f32 there is no sample: rounded to f32, the numbers lie too far apart for differences. */
static const int64_t to_f64 = RG_F64, to_i32 = RG_I32, to_nothing = 99;
#define X(attributes_, status, ...) { .operands = 1, .in = { { __VA_ARGS__ } }, .attributes = attributes_, .refuse = status }
static const rg_sample cast_samples[] = {
    X(&to_f64, RG_OK, .shape = { 2, { 3, 4 } }),
    X(&to_f64, RG_OK, .shape = { 2, { 0, 3 } }),
    X(&to_f64, RG_OK, .shape = { 0 }),
    X(&to_f64, RG_OK, .dtype = RG_I32, .shape = { 1, { 5 } }, .low = -9, .high = 9),
    X(&to_i32, RG_OK, .dtype = RG_I64, .shape = { 1, { 5 } }, .low = -9, .high = 9),
    X(&to_nothing, RG_E_DTYPE, .shape = { 1, { 3 } }),
    { .operands = 0 },
};

const rg_op rg_op_cast = { .name = "cast", .doc = "the same numbers in another dtype", .arity = 1, .kind = RG_ITEMS,
                           .attribute_size = sizeof(int64_t), .shape = cast_shape, .any = cast_any, .items = rg_items_elements,
                           .item_elements = rg_one_element, .linearity = RG_LINEAR, .vjp = cast_vjp, .batch = rg_batch_same,
                           .samples = cast_samples, .describe = describe_dtype };

rg_tensor rg_cast_at(const char *site, rg_tensor x, rg_dtype dtype)
{
    const int64_t to = dtype;
    return rg_apply_one(site, x, &rg_op_cast, &to);
}
