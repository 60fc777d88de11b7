/* gemm_steps_template.h: a matrix times a vector, and small products as steps of a plan (step.h), for the type, vectors and
 * level of gemm_template.h, which stands before it. Included by gemm_level.h once for each; so there is no guard. */

/* ---- A matrix times a vector ---------------------------------------------------------------------------------------- */

enum { NAME(parts) = 64 / BYTES }; /* vectors that hold RG_GEMV_BYTES of sums */

/* Sums side by side, the second half added to the first until a line is left. */
static TARGET inline __attribute__((always_inline)) NAME(line) NAME(join_lines)(const NAME(vector) *sum)
{
#if BYTES == 64 && SQUARE == 4
    typedef REAL half_vector __attribute__((vector_size(32)));
    const half_vector half = __builtin_shufflevector(sum[0], sum[0], 0, 1, 2, 3, 4, 5, 6, 7) +
                             __builtin_shufflevector(sum[0], sum[0], 8, 9, 10, 11, 12, 13, 14, 15);
#elif BYTES == 64
    typedef REAL half_vector __attribute__((vector_size(32)));
    const half_vector half = __builtin_shufflevector(sum[0], sum[0], 0, 1, 2, 3) + __builtin_shufflevector(sum[0], sum[0], 4, 5, 6, 7);
#elif BYTES == 32
    const NAME(vector) half = sum[0] + sum[1];
#else
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
#endif
#if BYTES > 16 && SQUARE == 4
    return __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#elif BYTES > 16
    return __builtin_shufflevector(half, half, 0, 1) + __builtin_shufflevector(half, half, 2, 3);
#endif
}

/* The sum of each of four lines, likewise by halves. */
static TARGET inline __attribute__((always_inline)) void NAME(across)(const NAME(line) *line, REAL *y)
{
#if SQUARE == 2
    STORE_LINE(y, __builtin_shufflevector(line[0], line[1], 0, 2) + __builtin_shufflevector(line[0], line[1], 1, 3));
    STORE_LINE(y + 2, __builtin_shufflevector(line[2], line[3], 0, 2) + __builtin_shufflevector(line[2], line[3], 1, 3));
#else
    const NAME(line) first = __builtin_shufflevector(line[0], line[1], 0, 1, 4, 5) + __builtin_shufflevector(line[0], line[1], 2, 3, 6, 7);
    const NAME(line) last = __builtin_shufflevector(line[2], line[3], 0, 1, 4, 5) + __builtin_shufflevector(line[2], line[3], 2, 3, 6, 7);
    STORE_LINE(y, __builtin_shufflevector(first, last, 0, 2, 4, 6) + __builtin_shufflevector(first, last, 1, 3, 5, 7));
#endif
}

/* The sums of a few rows at a time. `whole`: k is a multiple of the sums that run side by side. */
static TARGET inline __attribute__((always_inline)) void NAME(dots)(const int rows, const bool whole, int64_t k,
                                                                    const REAL *matrix, int64_t stride, const REAL *x, REAL *y)
{
    enum { PARTS = NAME(parts) };
    const int64_t sums = PARTS * LANES;
    NAME(vector) sum[4][PARTS];
    int64_t p = 0;
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int v = 0; v < PARTS; v++) sum[i][v] = (NAME(vector)){ 0 };
    for (; p + sums <= k; p += sums)
        UNROLLED for (int v = 0; v < PARTS; v++) {
            const NAME(vector) factor = LOAD(x + p + v * LANES);
            UNROLLED for (int i = 0; i < rows; i++)
                sum[i][v] = FMA(factor, LOAD(matrix + i * stride + p + v * LANES), sum[i][v]);
        }
    if (!whole && p < k) {
        REAL last[2][64 / sizeof(REAL)] = { { 0 } };
        for (int64_t j = p; j < k; j++) last[0][j - p] = x[j];
        UNROLLED for (int i = 0; i < rows; i++) {
            for (int64_t j = p; j < k; j++) last[1][j - p] = matrix[i * stride + j];
            UNROLLED for (int v = 0; v < PARTS; v++) sum[i][v] = FMA(LOAD(last[0] + v * LANES), LOAD(last[1] + v * LANES), sum[i][v]);
        }
    }
    NAME(line) joined[4] = { { 0 } };
    UNROLLED for (int i = 0; i < rows; i++) joined[i] = NAME(join_lines)(sum[i]);
    REAL last[4];
    NAME(across)(joined, last);
    for (int i = 0; i < rows; i++) y[i] = last[i];
}

/* Just as many numbers as sums, and four rows at a time: line by line, where halves of wide vectors need not be put
 * together. `add`: numbers to add, or NULL. */
static TARGET void NAME(line_dots)(int64_t m, const REAL *matrix, int64_t stride, const REAL *x, const REAL *add, REAL *y)
{
    const NAME(line) zero = { 0 };
    NAME(line) factor[4];
    UNROLLED for (int v = 0; v < 4; v++) factor[v] = LINE(x + v * SQUARE);
    for (int64_t i = 0; i < m; i += 4, matrix += 4 * stride) {
        NAME(line) joined[4];
        UNROLLED for (int r = 0; r < 4; r++) {
            NAME(line) product[4];
            UNROLLED for (int v = 0; v < 4; v++) product[v] = factor[v] * LINE(matrix + r * stride + v * SQUARE) + zero;
            joined[r] = (product[0] + product[2]) + (product[1] + product[3]);
        }
        NAME(across)(joined, y + i);
        for (int v = 0; add && v < 4; v += SQUARE) STORE_LINE(y + i + v, LINE(y + i + v) + LINE(add + i + v));
    }
}

/* Fewer numbers than sums: most of those would be zero. */
static TARGET void NAME(short_dots)(int64_t m, int64_t k, const REAL *matrix, int64_t stride, const REAL *x, REAL *y)
{
    for (int64_t i = 0; i < m; i++, matrix += stride) {
        REAL total[64 / sizeof(REAL)] = { 0 };
        int64_t half = 1;
        for (int64_t j = 0; j < k; j++) total[j] = matrix[j] * x[j] + (REAL)0;
        while (2 * half < k) half *= 2;
        for (; half > 0; half /= 2)
            for (int64_t j = 0; j < half; j++) total[j] += total[j + half];
        y[i] = total[0];
    }
}

/* `add`: numbers to add, or NULL. */
static TARGET void NAME(pairs)(int64_t m, const REAL *restrict matrix, int64_t stride, REAL a, REAL b, const REAL *add,
                               REAL *restrict y)
{
    int64_t i = 0;
    const NAME(line) zero = { 0 };
    for (; stride == 2 && i + SQUARE <= m; i += SQUARE) {
        const NAME(line) first = LINE(matrix + 2 * i), last = LINE(matrix + 2 * i + SQUARE);
#if SQUARE == 2
        const NAME(line) even = __builtin_shufflevector(first, last, 0, 2), odd = __builtin_shufflevector(first, last, 1, 3);
#else
        const NAME(line) even = __builtin_shufflevector(first, last, 0, 2, 4, 6), odd = __builtin_shufflevector(first, last, 1, 3, 5, 7);
#endif
        const NAME(line) sum = (even * a + zero) + (odd * b + zero);
        STORE_LINE(y + i, add ? sum + LINE(add + i) : sum);
    }
    for (; i < m; i++) {
        const REAL sum = (matrix[i * stride] * a + (REAL)0) + (matrix[i * stride + 1] * b + (REAL)0);
        y[i] = add ? sum + add[i] : sum;
    }
}

static TARGET void NAME(times_vector)(int64_t m, int64_t k, const void *matrix, int64_t stride, const void *x, void *y)
{
    const REAL *row = matrix;
    int64_t i = 0;
    if (k == 2) NAME(pairs)(m, row, stride, ((const REAL *)x)[0], ((const REAL *)x)[1], NULL, y);
    else if (k * (int64_t)sizeof(REAL) < RG_GEMV_BYTES) NAME(short_dots)(m, k, row, stride, x, y);
    if (k == 2 || k * (int64_t)sizeof(REAL) < RG_GEMV_BYTES) return;
    if (k * (int64_t)sizeof(REAL) == RG_GEMV_BYTES) {
        i = m / 4 * 4;
        NAME(line_dots)(i, row, stride, x, NULL, y);
    }
    if (k * (int64_t)sizeof(REAL) % RG_GEMV_BYTES == 0)
        for (; i + 4 <= m; i += 4) NAME(dots)(4, true, k, row + i * stride, stride, x, (REAL *)y + i);
    for (; i + 4 <= m; i += 4) NAME(dots)(4, false, k, row + i * stride, stride, x, (REAL *)y + i);
    for (; i < m; i++) NAME(dots)(1, false, k, row + i * stride, stride, x, (REAL *)y + i);
}

/* ---- Small products as steps ---------------------------------------------------------------------------------------- */

static TARGET void NAME(add_row)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    const REAL *restrict row = step->in[2];
    REAL *restrict c = step->out;
    for (int64_t i = 0; i < s->m; i++, c += s->n)
        for (int64_t j = 0; j < s->n; j++) c[j] += row[j];
}

static inline __attribute__((always_inline)) const rg_step *NAME(next)(const rg_step *step)
{
    if (step->in[2]) NAME(add_row)(step);
    return RG_NEXT_STEP(step);
}

#if !LEAN
/* k = 1, b of whole vectors. */
static TARGET const rg_step *NAME(outer_step)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    const NAME(vector) zero = { 0 };
    const REAL *a = step->in[0], *b = step->in[1];
    REAL *c = step->out;
    const int64_t m = s->m, n = s->n, stride = s->a.row_stride;
    for (int64_t j = 0; j < n; j += LANES) {
        const NAME(vector) part = LOAD(b + j);
        for (int64_t i = 0; i < m; i++) STORE(c + i * n + j, FMA(SPREAD(a[i * stride]), part, zero));
    }
    return NAME(next)(step);
}

/* k = 1, b of two numbers. */
static TARGET const rg_step *NAME(outer_pair_step)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    const REAL *restrict a = step->in[0], *b = step->in[1], x = b[0], y = b[s->b.column_stride];
    REAL *restrict c = step->out;
    const int64_t m = s->m, stride = s->a.row_stride;
    for (int64_t i = 0; stride == 1 && i < m; i++) {
        c[2 * i] = a[i] * x + (REAL)0;
        c[2 * i + 1] = a[i] * y + (REAL)0;
    }
    for (int64_t i = 0; stride != 1 && i < m; i++) {
        c[2 * i] = a[i * stride] * x + (REAL)0;
        c[2 * i + 1] = a[i * stride] * y + (REAL)0;
    }
    return NAME(next)(step);
}

/* One row, whose panel's vectors can be read where they are. */
static TARGET const rg_step *NAME(row_step)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    NAME(narrow_row)(s->n, s->k, (NAME(table)){ step->in[0], 0, s->a.column_stride },
                     (NAME(table)){ step->in[1], 1, s->b.row_stride }, step->out);
    return NAME(next)(step);
}

/* The same of just so many vectors, over one block. */
#define SHORT_ROW_STEP(vectors)                                                                                    \
    static TARGET const rg_step *NAME(row_step_##vectors)(const rg_step *step)                                     \
    {                                                                                                              \
        const rg_gemm_shape *s = step->attributes;                                                                 \
        const REAL *a = step->in[0], *b = step->in[1], *const end = a + s->k;                                      \
        const int64_t stride = s->b.row_stride;                                                                    \
        NAME(vector) sum[vectors] = { { 0 } };                                                                     \
        FOUR_TIMES for (; a < end; a++, b += stride)                                                                          \
            UNROLLED for (int v = 0; v < vectors; v++) sum[v] = FMA(SPREAD(*a), LOAD(b + v * LANES), sum[v]);      \
        if (step->in[2])                                                                                           \
            UNROLLED for (int v = 0; v < vectors; v++) sum[v] += LOAD((const REAL *)step->in[2] + v * LANES);      \
        UNROLLED for (int v = 0; v < vectors; v++) STORE((REAL *)step->out + v * LANES, sum[v]);                   \
        return RG_NEXT_STEP(step);                                                                                 \
    }
SHORT_ROW_STEP(1) SHORT_ROW_STEP(2) SHORT_ROW_STEP(4)

#endif

/* A matrix times a vector, or turned, a vector times a matrix. */
typedef struct {
    int64_t m, stride;
    const REAL *matrix, *x, *row; /* to be added, of m numbers; NULL */
} NAME(gemv);

static inline NAME(gemv) NAME(gemv_of)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    return s->n == 1 ? (NAME(gemv)){ s->m, s->a.row_stride, step->in[0], step->in[1], NULL }
                     : (NAME(gemv)){ s->n, s->b.column_stride, step->in[1], step->in[0], step->in[2] };
}

static TARGET const rg_step *NAME(vector_step)(const rg_step *step)
{
    const NAME(gemv) of = NAME(gemv_of)(step);
    NAME(times_vector)(of.m, ((const rg_gemm_shape *)step->attributes)->k, of.matrix, of.stride, of.x, step->out);
    return NAME(next)(step);
}

#if !LEAN
static TARGET const rg_step *NAME(line_dots_step)(const rg_step *step)
{
    const NAME(gemv) of = NAME(gemv_of)(step);
    NAME(line_dots)(of.m, of.matrix, of.stride, of.x, of.row, step->out);
    return of.row ? RG_NEXT_STEP(step) : NAME(next)(step);
}

static TARGET const rg_step *NAME(one_dot_step)(const rg_step *step)
{
    REAL *y = step->out;
    NAME(dots)(1, true, ((const rg_gemm_shape *)step->attributes)->k, step->in[0], 0, step->in[1], y);
    if (step->in[2]) *y += *(const REAL *)step->in[2];
    return RG_NEXT_STEP(step);
}

static TARGET const rg_step *NAME(pairs_step)(const rg_step *step)
{
    const NAME(gemv) of = NAME(gemv_of)(step);
    NAME(pairs)(of.m, of.matrix, of.stride, of.x[0], of.x[1], of.row, step->out);
    return of.row ? RG_NEXT_STEP(step) : NAME(next)(step);
}

/* A matrix that lies along k times a vector. */
static rg_step_kernel *NAME(vector_step_for)(const rg_gemm_shape *s)
{
    const int64_t m = s->m * s->n, bytes = s->k * (int64_t)sizeof(REAL);
    if (s->k == 2) return NAME(pairs_step);
    if (bytes == RG_GEMV_BYTES && m % 4 == 0) return NAME(line_dots_step);
    if (m == 1 && s->k > 0 && bytes % RG_GEMV_BYTES == 0) return NAME(one_dot_step);
    return NAME(vector_step);
}

static TARGET const rg_step *NAME(strip_step)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    NAME(strip_product)(s->m, s->n, s->k, (NAME(table)){ step->in[0], s->a.row_stride, s->a.column_stride },
                        (NAME(table)){ step->in[1], s->b.column_stride, s->b.row_stride }, step->in[2], step->out, s->n);
    return RG_NEXT_STEP(step);
}

#endif

static TARGET const rg_step *NAME(any_step)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    NAME(multiply)(s->m, s->n, s->k, (rg_matrix){ step->in[0], s->a.row_stride, s->a.column_stride },
                   (rg_matrix){ step->in[1], s->b.row_stride, s->b.column_stride }, step->out, s->n);
    return NAME(next)(step);
}

static rg_step_kernel *NAME(step_for)(const rg_gemm_shape *s)
{
#if LEAN
    return rg_gemm_is_gemv(s->m, s->n, s->a, s->b) ? NAME(vector_step) : NAME(any_step);
#else
    if (rg_gemm_is_gemv(s->m, s->n, s->a, s->b)) return NAME(vector_step_for)(s);
    if (s->k == 1 && s->n == 2) return NAME(outer_pair_step);
    if (s->k == 1 && s->b.column_stride == 1 && s->n % LANES == 0) return NAME(outer_step);
    const bool row = s->m == 1 && s->b.column_stride == 1 && s->k > 1;
    if (row && s->k <= RG_GEMM_BLOCK && s->a.column_stride == 1) {
        if (s->n == LANES) return NAME(row_step_1);
        if (s->n == 2 * LANES) return NAME(row_step_2);
        if (s->n == 4 * LANES) return NAME(row_step_4);
    }
    if (row && s->n >= LANES && s->n <= 64 * LANES) return NAME(row_step);
    return NAME(is_strip)(s->m, s->n, s->k, s->b.column_stride) ? NAME(strip_step) : NAME(any_step);
#endif
}

#undef LANES
#undef WIDTH
#undef DEPTH
#undef DEEP
#undef HEIGHT
#undef LOAD
#undef STORE
#undef LINE
#undef STORE_LINE
#undef SPREAD
#undef TILE
#undef TILES
#undef SWEEP
#undef ROW_OF_TILES
