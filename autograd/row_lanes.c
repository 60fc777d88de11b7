/* row_lanes.c: sums and maxima of many rows, in the order of lanes.h.
 *
 * Where a row ends within the lanes, all of them read on into the next row, and what they find there is left out: short
 * rows have little else. The end of the last rows, behind which there may be nothing, is copied first. */
#include "lanes.h"

#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

enum { BYTES = 32 };

#define TYPES(type, integer)                                                                                       \
    typedef type numbers_##type __attribute__((vector_size(BYTES), aligned(sizeof(type)), may_alias));             \
    typedef integer bits_##type __attribute__((vector_size(BYTES), aligned(sizeof(type)), may_alias));             \
    static const integer within_##type[2 * RG_LANES] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
TYPES(float, int32_t)
TYPES(double, int64_t)

/* What is done to a line of lanes: at the beginning of a row x, where it is zero; with the next numbers; with the last
 * ones, where they are within the row; and with single lanes. */
#define SUM_BEGIN(type, x, lane)
#define SUM_NEXT(type, next, lane) lane += next
#define SUM_LAST(type, next, within, lane) lane += (numbers_##type)(next & within)
#define SUM_JOIN(a, b) ((a) + (b))
#define MAX_BEGIN(type, x, lane) lane = x[0] - lane
#define MAX_NEXT(type, next, lane)                                                                                 \
    do {                                                                                                           \
        const numbers_##type a = next, b = lane;                                                                   \
        const bits_##type is_a = (bits_##type)(a > b) | (bits_##type)(a != a);                                     \
        lane = (numbers_##type)(((bits_##type)a & is_a) | ((bits_##type)b & ~is_a));                               \
    } while (0)
#define MAX_LAST(type, next, within, lane)                                                                         \
    MAX_NEXT(type, (numbers_##type)((next & within) | ((bits_##type)lane & ~within)), lane)
#define MAX_JOIN(a, b) RG_LARGER(a, b)

/* One row after another: what is done without vectors that can choose, and with rows of several blocks. */
#define EACH_ROW(name, type) for (int64_t i = 0; i < rows; i++) y[i] = rg_lanes_##name##_##type(x + i * n, n);
#define PORTABLE(name, type, suffix)                                                                               \
    void rg_##name##_rows_##suffix(const type *x, int64_t n, int64_t rows, type *restrict y)                       \
    {                                                                                                              \
        EACH_ROW(name, type)                                                                                       \
    }
#define SUM_LONG(type)                                                                                             \
    if (n > RG_LANE_BLOCK) {                                                                                       \
        EACH_ROW(sum, type)                                                                                        \
        return;                                                                                                    \
    }
#define MAX_LONG(type)

#define ROWS(name, type, suffix, target, NAME)                                                                     \
    target void rg_##name##_rows_##suffix(const type *x, int64_t n, int64_t rows, type *restrict y)                \
    {                                                                                                              \
        typedef numbers_##type numbers;                                                                            \
        typedef bits_##type bits;                                                                                  \
        enum { WIDE = BYTES / sizeof(type), PARTS = RG_LANES / WIDE };                                             \
        NAME##_LONG(type)                                                                                          \
        const int64_t whole = n / RG_LANES * RG_LANES, left = n - whole;                                           \
        type copy[RG_LANES] = { 0 }, last[WIDE];                                                                   \
        bits within[PARTS];                                                                                        \
        UNROLLED for (int p = 0; p < PARTS; p++)                                                                   \
            within[p] = *(const bits *)(within_##type + RG_LANES - left + p * WIDE);                               \
        for (int64_t row = 0; row < rows; row++, x += n) {                                                         \
            numbers lane[PARTS] = { { 0 } };                                                                       \
            const type *end = x + whole;                                                                           \
            UNROLLED for (int p = 0; p < PARTS; p++) NAME##_BEGIN(type, x, lane[p]);                               \
            for (int64_t i = 0; i < whole; i += RG_LANES)                                                          \
                UNROLLED for (int p = 0; p < PARTS; p++) NAME##_NEXT(type, *(const numbers *)(x + i + p * WIDE), lane[p]); \
            if ((rows - row) * n < whole + RG_LANES) {                                                             \
                for (int64_t j = 0; j < left; j++) copy[j] = end[j];                                               \
                end = copy;                                                                                        \
            }                                                                                                      \
            if (left > 0)                                                                                          \
                UNROLLED for (int p = 0; p < PARTS; p++)                                                           \
                    NAME##_LAST(type, *(const bits *)(end + p * WIDE), within[p], lane[p]);                        \
            UNROLLED for (int p = 0; p < PARTS - 2; p++) NAME##_NEXT(type, lane[p + 2], lane[p]);                  \
            NAME##_NEXT(type, lane[1], lane[0]);                                                                   \
            UNROLLED for (int j = 0; j < WIDE; j++) last[j] = lane[0][j];                                          \
            UNROLLED for (int j = 0; j < WIDE - 4; j++) last[j] = NAME##_JOIN(last[j + 4], last[j]);               \
            UNROLLED for (int j = 0; j < 2; j++) last[j] = NAME##_JOIN(last[j + 2], last[j]);                      \
            y[row] = NAME##_JOIN(last[1], last[0]);                                                                \
        }                                                                                                          \
    }

PORTABLE(sum, float, f32)
PORTABLE(sum, double, f64)
PORTABLE(max, float, f32)
PORTABLE(max, double, f64)
ROWS(sum, float, f32_avx2, RG_TARGET_AVX2, SUM)
ROWS(sum, double, f64_avx2, RG_TARGET_AVX2, SUM)
ROWS(sum, float, f32_avx512, RG_TARGET_AVX512, SUM)
ROWS(sum, double, f64_avx512, RG_TARGET_AVX512, SUM)
ROWS(max, float, f32_avx2, RG_TARGET_AVX2, MAX)
ROWS(max, double, f64_avx2, RG_TARGET_AVX2, MAX)
ROWS(max, float, f32_avx512, RG_TARGET_AVX512, MAX)
ROWS(max, double, f64_avx512, RG_TARGET_AVX512, MAX)
