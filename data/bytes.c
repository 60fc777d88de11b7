/* bytes.c: features from the bytes that a set keeps. */
#include <stdlib.h>

#include "data_internal.h"
#include "simd.h"

enum { LINE_BYTES = 64, ROWS_AHEAD = 2 };

/* x[i] = byte / 255, rounded once as by the division but without one: 1 / 255 is the sum of 2^-8, 2^-16, 2^-24 and
 * so on. The first terms, three in f32 and six in f64, make a product that is exact; its share of the second factor
 * is the next as many terms, and what is beyond those is too little to change how the sum is rounded. */
#define CONVERT(name, type, suffix, target, ...)                                                                   \
    target static void name##_##suffix(const unsigned char *restrict bytes, int64_t count, void *numbers)          \
    {                                                                                                              \
        const bool single = sizeof(type) == sizeof(float);                                                         \
        const type first = (type)(single ? 0x1.0101p-8 : 0x1.0101010101p-8);                                       \
        const type next = (type)(single ? 0x1p-24 : 0x1p-48);                                                      \
        type *restrict x = numbers;                                                                                \
        for (int64_t i = 0; i < count; i++) {                                                                      \
            const type most = (type)bytes[i] * first;                                                              \
            x[i] = most + most * next;                                                                             \
        }                                                                                                          \
    }
RG_EACH_KERNEL(CONVERT, convert, )

typedef void converter(const unsigned char *restrict bytes, int64_t count, void *numbers);

/* For this dtype, the fastest that the processor has. */
static converter *find_converter(rg_dtype dtype)
{
    static converter *const converters[2][3] = { { convert_f32, convert_f32_avx2, convert_f32_avx512 },
                                                 { convert_f64, convert_f64_avx2, convert_f64_avx512 } };
    return converters[dtype == RG_F64][rg_simd_level()];
}

/* A row at random is nowhere near the processor, and short: what fetches ahead by itself has hardly begun when it
 * ends. */
static void fetch(const unsigned char *row, int64_t width)
{
    for (int64_t i = 0; i < width; i += LINE_BYTES) __builtin_prefetch(row + i);
}

void rg_data_convert_rows(const rg_data_set *set, const int64_t *rows, int64_t count, void *features)
{
    converter *convert = find_converter(set->dtype);
    size_t row_size = (size_t)set->width * rg_dtype_size(set->dtype);
    for (int64_t i = 0; i < count; i++) {
        if (i + ROWS_AHEAD < count) fetch(set->bytes + rows[i + ROWS_AHEAD] * set->width, set->width);
        convert(set->bytes + rows[i] * set->width, set->width, (char *)features + (size_t)i * row_size);
    }
}

rg_status rg_data_make_features(rg_data_set *set, rg_error *error)
{
    if (!rg_data_has_examples(set)) return rg_data_fail(error, RG_E_NULL, "features: no examples");
    if (set->features) return RG_OK;
    void *features = rg_data_allocate(set->count, (size_t)set->width * rg_dtype_size(set->dtype));
    if (!features) return rg_data_out_of_memory(error);
    find_converter(set->dtype)(set->bytes, set->count * set->width, features);
    free(set->bytes);
    set->features = features;
    set->bytes = NULL;
    return RG_OK;
}
