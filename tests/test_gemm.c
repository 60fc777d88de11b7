/* test_gemm.c: the matrix product is right, and how it is shared out cannot be told from the bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef RG_TEST_CBLAS
#include <cblas.h>
#endif

#include "autograd.h"
#include "gemm.h"
#include "simd.h"

/* ---- Cases --------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t m, n, k;
    bool a_transposed, b_transposed;
    size_t item;               /* bytes of a number: 4 or 8 */
    void *memory_a, *memory_b;
    rg_matrix a, b;
} product;

static uint64_t drawn;

static int64_t draw(int64_t below)
{
    return (int64_t)(rg_random_bits(7, 0, drawn++) % (uint64_t)below);
}

/* Rows lie apart now and then; and the numbers have signs, zeros among them. */
static void *make_matrix(const product *p, int64_t rows, int64_t columns, bool transposed, rg_matrix *matrix)
{
    const int64_t lines = transposed ? columns : rows, length = transposed ? rows : columns, stride = length + draw(2) * 5;
    void *memory = malloc((size_t)(lines * stride + 1) * p->item);
    for (int64_t i = 0; i < lines * stride; i++) {
        const double number = draw(16) ? rg_random_uniform(7, 1, drawn++) - 0.5 : -0.0;
        if (p->item == 4) ((float *)memory)[i] = (float)number;
        else ((double *)memory)[i] = number;
    }
    *matrix = transposed ? (rg_matrix){ memory, 1, stride } : (rg_matrix){ memory, stride, 1 };
    return memory;
}

static product make_product(int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed, size_t item)
{
    product p = { .m = m, .n = n, .k = k, .a_transposed = a_transposed, .b_transposed = b_transposed, .item = item };
    p.memory_a = make_matrix(&p, m, k, a_transposed, &p.a);
    p.memory_b = make_matrix(&p, k, n, b_transposed, &p.b);
    return p;
}

static void free_product(const product *p)
{
    free(p->memory_a);
    free(p->memory_b);
}

static double number(const product *p, const void *numbers, int64_t i)
{
    return p->item == 4 ? (double)((const float *)numbers)[i] : ((const double *)numbers)[i];
}

static double element(const product *p, rg_matrix a, int64_t i, int64_t j)
{
    return number(p, a.data, i * a.row_stride + j * a.column_stride);
}

static rg_gemm *gemm_of(const product *p, int level)
{
    return (p->item == 4 ? rg_gemm_f32 : rg_gemm_f64)[level];
}

static void *multiply(const product *p, int level)
{
    void *c = malloc((size_t)(p->m * p->n + 1) * p->item);
    memset(c, 0xff, (size_t)(p->m * p->n + 1) * p->item);
    gemm_of(p, level)(p->m, p->n, p->k, p->a, p->b, c, p->n);
    const unsigned char *behind = (const unsigned char *)c + (size_t)(p->m * p->n) * p->item;
    for (size_t i = 0; i < p->item; i++) assert_int_equal(behind[i], 0xff); /* nothing is written there */
    return c;
}

/* Sizes around those of tiles and blocks, and some that are large. */
static int64_t draw_size(void)
{
    static const int64_t sizes[] = { 0, 1, 2, 3, 5, 6, 7, 8, 9, 15, 16, 17, 24, 31, 33, 47, 48, 49, 64, 100, 130, 257 };
    const int64_t count = sizeof sizes / sizeof sizes[0];
    return draw(4) ? sizes[draw(count)] : draw(40);
}

static int64_t draw_depth(void)
{
    static const int64_t depths[] = { 0, 1, 2, 3, 4, 15, 16, 17, 255, 256, 257, 512, 513, 700 };
    return depths[draw(sizeof depths / sizeof depths[0])];
}

/* Now and then wider than what is turned at a time. */
static product draw_product(void)
{
    if (draw(10) == 0) return make_product(1 + draw(20), 450 + draw(600), 1 + draw(33), draw(2), draw(2), draw(2) ? 4 : 8);
    const int64_t m = draw_size(), n = draw_size(), k = draw_depth();
    const bool a_transposed = draw(2), b_transposed = draw(2);
    return make_product(m, n, k, a_transposed, b_transposed, draw(2) ? 4 : 8);
}

enum { CASES = 400, SMALL = 20 };

/* ---- It is right --------------------------------------------------------------------------------------------- */

/* Each of the k roundings is off by half a unit of a sum that is at most `size`. */
static void check_against_sums(const product *p, const void *c)
{
    const double unit = p->item == 4 ? 0x1p-23 : 0x1p-52;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            long double sum = 0, size = 0;
            for (int64_t x = 0; x < p->k; x++) {
                const long double each = (long double)element(p, p->a, i, x) * (long double)element(p, p->b, x, j);
                sum += each;
                size += fabsl(each);
            }
            const double off = (double)fabsl((long double)number(p, c, i * p->n + j) - sum);
            assert_true(off <= (double)p->k * unit * (double)size / 2);
        }
}

static void product_is_the_sum_of_products(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const product p = draw_product();
        for (int level = rg_simd_level() > 0; level <= rg_simd_level(); level++) {
            void *c = multiply(&p, level);
            check_against_sums(&p, c);
            free(c);
        }
        free_product(&p);
    }
}

/* Even where signs of zeros are concerned: a chain begins with 0, not with -0. */
static void product_of_negative_zeros_is_zero(void **state)
{
    (void)state;
    for (int64_t k = 0; k < 3; k++) {
        product p = make_product(9, 17, k, false, false, 4);
        for (int64_t i = 0; i < p.m * p.a.row_stride; i++) ((float *)p.memory_a)[i] = -0.0f;
        float *c = multiply(&p, rg_simd_level());
        for (int64_t i = 0; i < p.m * p.n; i++) assert_true(c[i] == 0 && !signbit(c[i]));
        free(c);
        free_product(&p);
    }
}

static void infinity_and_nan_stay_in_their_row_and_column(void **state)
{
    (void)state;
    product p = make_product(20, 37, 30, true, true, 8);
    ((double *)p.memory_a)[3 * p.a.row_stride + 5 * p.a.column_stride] = INFINITY;
    ((double *)p.memory_b)[4 * p.b.row_stride + 7 * p.b.column_stride] = NAN;
    double *c = multiply(&p, rg_simd_level());
    for (int64_t i = 0; i < p.m; i++)
        for (int64_t j = 0; j < p.n; j++) assert_int_equal(!isfinite(c[i * p.n + j]), i == 3 || j == 7);
    free(c);
    free_product(&p);
}

#ifdef RG_TEST_CBLAS
static void product_is_that_of_cblas(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const product p = draw_product();
        if (p.m == 0 || p.n == 0 || p.k == 0) {
            free_product(&p);
            continue;
        }
        double *ours = multiply(&p, rg_simd_level()), *theirs = calloc((size_t)(p.m * p.n), sizeof *theirs);
        double *a = calloc((size_t)(p.m * p.k), sizeof *a), *b = calloc((size_t)(p.k * p.n), sizeof *b);
        for (int64_t x = 0; x < p.m * p.k; x++) a[x] = element(&p, p.a, x / p.k, x % p.k);
        for (int64_t x = 0; x < p.k * p.n; x++) b[x] = element(&p, p.b, x / p.n, x % p.n);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p.m, (int)p.n, (int)p.k, 1, a, (int)p.k, b, (int)p.n, 0,
                    theirs, (int)p.n);
        const double bound = (double)p.k * (double)p.k * (p.item == 4 ? 0x1p-23 : 0x1p-51);
        for (int64_t x = 0; x < p.m * p.n; x++) assert_true(fabs(number(&p, ours, x) - theirs[x]) <= bound);
        free(ours);
        free(theirs);
        free(a);
        free(b);
        free_product(&p);
    }
}
#endif

/* ---- The same bits ------------------------------------------------------------------------------------------- */

static void check_bits(const product *p, const void *one, const void *other)
{
    assert_memory_equal(one, other, (size_t)(p->m * p->n) * p->item + p->item);
}

static void every_level_gives_the_same_bits(void **state)
{
    (void)state;
    for (int i = 0; i < CASES / 4; i++) {
        const product p = draw_product();
        void *portable = multiply(&p, 0);
        for (int level = 1; level <= rg_simd_level(); level++) {
            void *c = multiply(&p, level);
            check_bits(&p, portable, c);
            free(c);
        }
        free(portable);
        free_product(&p);
    }
}

static rg_matrix part(rg_matrix a, int64_t row, int64_t column, size_t item)
{
    a.data = (const char *)a.data + (row * a.row_stride + column * a.column_stride) * (int64_t)item;
    return a;
}

/* In pieces of any size, as threads would take them: rows of another batch, and columns. */
static void pieces_give_the_same_bits_as_the_whole(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const product p = draw_product();
        const int level = rg_simd_level();
        void *whole = multiply(&p, level), *pieces = multiply(&p, level);
        memset(pieces, 0, (size_t)(p.m * p.n) * p.item);
        for (int64_t row = 0, rows; row < p.m; row += rows)
            for (int64_t column = (rows = 1 + draw(p.m - row), 0), columns; column < p.n; column += columns) {
                columns = 1 + draw(p.n - column);
                gemm_of(&p, level)(rows, columns, p.k, part(p.a, row, 0, p.item), part(p.b, 0, column, p.item),
                                   (char *)pieces + (size_t)(row * p.n + column) * p.item, p.n);
            }
        check_bits(&p, whole, pieces);
        free(whole);
        free(pieces);
        free_product(&p);
    }
}

/* Which of two equal matrices lies which way cannot be told either. */
static void storage_cannot_be_told_from_the_bits(void **state)
{
    (void)state;
    for (int i = 0; i < CASES / 4; i++) {
        const product p = draw_product();
        product turned = make_product(p.m, p.n, p.k, !p.a_transposed, !p.b_transposed, p.item);
        for (int64_t x = 0; x < p.m; x++)
            for (int64_t y = 0; y < p.k; y++)
                memcpy((char *)turned.memory_a + (size_t)(x * turned.a.row_stride + y * turned.a.column_stride) * p.item,
                       part(p.a, x, y, p.item).data, p.item);
        for (int64_t x = 0; x < p.k; x++)
            for (int64_t y = 0; y < p.n; y++)
                memcpy((char *)turned.memory_b + (size_t)(x * turned.b.row_stride + y * turned.b.column_stride) * p.item,
                       part(p.b, x, y, p.item).data, p.item);
        void *one = multiply(&p, rg_simd_level()), *other = multiply(&turned, rg_simd_level());
        check_bits(&p, one, other);
        free(one);
        free(other);
        free_product(&p);
        free_product(&turned);
    }
}

/* ---- A plain loop, to the bit, and within the operands' memory ---------------------------------------------------- */

/* A matrix whose last number is the last of its memory, so that reading behind it is found out where memory is watched. */
static void *make_exact(const product *p, int64_t rows, int64_t columns, bool transposed, int64_t gap, rg_matrix *matrix)
{
    const int64_t lines = transposed ? columns : rows, length = transposed ? rows : columns, stride = length + gap;
    const int64_t count = lines > 0 && length > 0 ? (lines - 1) * stride + length : 0;
    void *memory = malloc((size_t)(count > 0 ? count : 1) * p->item);
    for (int64_t i = 0; i < count; i++) {
        const double value = (double)(rg_random_bits(7, 2, drawn++) >> 11) * 0x1p-52 - 1;
        if (p->item == 4) ((float *)memory)[i] = (float)value;
        else ((double *)memory)[i] = value;
    }
    *matrix = transposed ? (rg_matrix){ memory, 1, stride } : (rg_matrix){ memory, stride, 1 };
    return memory;
}

/* Chains of fused additions from zero, one for each block along k; then these one after another. */
static double plain_sum(const product *p, int64_t i, int64_t j)
{
    double total = 0;
    for (int64_t first = 0; first < p->k; first += RG_GEMM_BLOCK) {
        double sum = 0;
        for (int64_t x = first; x < p->k && x < first + RG_GEMM_BLOCK; x++) {
            const double a = element(p, p->a, i, x), b = element(p, p->b, x, j);
            sum = p->item == 4 ? (double)fmaf((float)a, (float)b, (float)sum) : fma(a, b, sum);
        }
        total = first == 0 ? sum : p->item == 4 ? (double)((float)total + (float)sum) : total + sum;
    }
    return total;
}

/* The result's rows lie `gap` apart, and what lies between them is left alone. */
static void check_exactly(int64_t m, int64_t n, int64_t k, int kind, int64_t gap_a, int64_t gap_b, int64_t gap_c)
{
    product p = { .m = m, .n = n, .k = k, .item = kind & 4 ? 8 : 4 };
    p.memory_a = make_exact(&p, m, k, kind & 1, gap_a, &p.a);
    p.memory_b = make_exact(&p, k, n, kind & 2, gap_b, &p.b);
    const int64_t count = m > 0 && n > 0 ? (m - 1) * (n + gap_c) + n : 0;
    const size_t bytes = (size_t)count * p.item;
    unsigned char *want = malloc(bytes + 1), *c = malloc(bytes ? bytes : 1);
    memset(want, 0xa5, bytes);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const double sum = plain_sum(&p, i, j);
            if (p.item == 4) ((float *)(void *)want)[i * (n + gap_c) + j] = (float)sum;
            else ((double *)(void *)want)[i * (n + gap_c) + j] = sum;
        }
    for (int level = 0; level <= rg_simd_level(); level++) {
        if (level == 0 && m * n * k > 30000) continue; /* slow */
        memset(c, 0xa5, bytes);
        gemm_of(&p, level)(m, n, k, p.a, p.b, c, n + gap_c);
        if (memcmp(c, want, bytes) != 0)
            fail_msg("level %d: %lld x %lld x %lld, kind %d, gaps %lld %lld %lld", level, (long long)m, (long long)n,
                     (long long)k, kind, (long long)gap_a, (long long)gap_b, (long long)gap_c);
    }
    free(want);
    free(c);
    free_product(&p);
}

static void small_products_are_a_plain_loop_to_the_bit(void **state)
{
    (void)state;
    static const int64_t gaps[][3] = { { 0, 0, 0 }, { 3, 1, 2 } };
    for (int64_t m = 0; m <= SMALL; m++)
        for (int64_t n = 0; n <= SMALL; n++)
            for (int64_t k = 0; k <= SMALL; k += 1 + (k > 9))
                for (int kind = 0; kind < 8; kind++) {
                    const int64_t *gap = gaps[(m + n + k + kind) % 2];
                    check_exactly(m, n, k, kind, gap[0], gap[1], gap[2]);
                }
}

/* Sizes on both sides of each choice that is made; and lines a page apart, which are copied sooner. */
static void larger_products_are_a_plain_loop_to_the_bit(void **state)
{
    (void)state;
    static const int64_t sizes[] = { 1, 2, 6, 7, 8, 12, 13, 14, 16, 23, 24, 25, 32, 46, 47, 48, 49, 63, 64, 65, 96, 97, 193 };
    static const int64_t depths[] = { 2, 5, 31, 32, 33, 127, 128, 129, 130, 256, 257, 511, 512, 1025 };
    for (int i = 0; i < CASES; i++) {
        int64_t m = sizes[draw(sizeof sizes / sizeof *sizes)], n = sizes[draw(sizeof sizes / sizeof *sizes)];
        const int64_t k = depths[draw(sizeof depths / sizeof *depths)];
        const int kind = (int)draw(8);
        while (m * n * k > 700000) *(m > n ? &m : &n) /= 2;
        const int64_t page = 4096 / (kind & 4 ? 8 : 4), length_a = kind & 1 ? m : k, length_b = kind & 2 ? k : n;
        const bool apart_a = draw(3) == 0, apart_b = draw(3) == 0;
        check_exactly(m, n, k, kind, apart_a ? (page - length_a % page) % page : draw(3),
                      apart_b ? (page - length_b % page) % page : draw(3), draw(2) * draw(9));
    }
}

/* ---- A matrix times a vector ------------------------------------------------------------------------------------ */

static void times_vector(const product *p, int level, int64_t first, int64_t rows, void *y)
{
    (p->item == 4 ? rg_gemv_f32 : rg_gemv_f64)[level](rows, p->k, part(p->a, first, 0, p->item).data, p->a.row_stride,
                                                      p->memory_b, (char *)y + (size_t)first * p->item);
}

static void matrix_times_vector(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++) {
        const product p = make_product(draw_size(), 1, draw_depth(), false, true, draw(2) ? 4 : 8);
        void *whole = calloc((size_t)p.m + 1, p.item), *other = calloc((size_t)p.m + 1, p.item);
        times_vector(&p, rg_simd_level(), 0, p.m, whole);
        check_against_sums(&p, whole);
        for (int64_t row = 0, rows; row < p.m; row += rows) times_vector(&p, rg_simd_level(), row, rows = 1 + draw(p.m - row), other);
        check_bits(&p, whole, other);
        for (int level = 0; level < rg_simd_level(); level++) {
            times_vector(&p, level, 0, p.m, other);
            check_bits(&p, whole, other);
        }
        free(whole);
        free(other);
        free_product(&p);
    }
}

int main(void)
{
    rg_gemm_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_is_the_sum_of_products),
        cmocka_unit_test(product_of_negative_zeros_is_zero),
        cmocka_unit_test(infinity_and_nan_stay_in_their_row_and_column),
#ifdef RG_TEST_CBLAS
        cmocka_unit_test(product_is_that_of_cblas),
#endif
        cmocka_unit_test(every_level_gives_the_same_bits),
        cmocka_unit_test(pieces_give_the_same_bits_as_the_whole),
        cmocka_unit_test(storage_cannot_be_told_from_the_bits),
        cmocka_unit_test(small_products_are_a_plain_loop_to_the_bit),
        cmocka_unit_test(larger_products_are_a_plain_loop_to_the_bit),
        cmocka_unit_test(matrix_times_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
