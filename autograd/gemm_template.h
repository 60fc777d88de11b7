/* gemm_template.h: the matrix product for numbers of type REAL in vectors of BYTES bytes, compiled for TARGET, with
 * ROWS x VECTORS accumulators and FMA(a, b, c) = a b + c rounded once, under names of its own, NAME(f). Included by
 * gemm_level.h once for each; so there is no guard.
 *
 * Both operands are read alike: one, the multiplier, number by number, each spread over a vector; the other, the panel,
 * in vectors. Usually a is the multiplier and the panel is a strip of b. Since a b = (b' a')', they can change places;
 * the result is then written transposed.
 *
 * Three loops stand around a tile: along k in parts of DEPTH, over the multiplier in parts of HEIGHT rows, which stay in
 * the second-level cache, and over the panels, each of which stays in the first [Goto and van de Geijn 2008]. */

#define LANES ((int64_t)(BYTES / sizeof(REAL)))
#define WIDTH (VECTORS * LANES)
#define DEPTH ((int64_t)RG_GEMM_BLOCK)
#define DEEP ((int64_t)(16 / sizeof(REAL))) /* times as deep where the result lies the other way: it is written in turned
                                              tiles, better only once */
#define HEIGHT ((int64_t)(192 * sizeof(float) / sizeof(REAL)) / ROWS * ROWS)

typedef REAL NAME(vector) __attribute__((vector_size(BYTES)));
/* As they lie in memory: anywhere. */
typedef REAL NAME(loose) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
/* Four floats or two doubles: the side of a square that is turned at a time. */
typedef REAL NAME(line) __attribute__((vector_size(16)));
typedef REAL NAME(loose_line) __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));

#define LOAD(address) ((NAME(vector))*(const NAME(loose) *)(const void *)(address))
#define STORE(address, value) (*(NAME(loose) *)(void *)(address) = (value))
#define LINE(address) ((NAME(line))*(const NAME(loose_line) *)(const void *)(address))
#define STORE_LINE(address, value) (*(NAME(loose_line) *)(void *)(address) = (value))
#define SPREAD(number) ((number) - (NAME(vector)){ 0 })

/* One operand as a table: element (i, p) at data[i * across + p * along], p counting along k. */
typedef struct {
    const REAL *data;
    int64_t across, along;
} NAME(table);

/* The result: element (multiplier i, panel j) at data[i * across + j * along]. */
typedef struct {
    REAL *data;
    int64_t across, along;
} NAME(result);

static inline NAME(table) NAME(part)(NAME(table) from, int64_t i, int64_t p)
{
    return (NAME(table)){ from.data + i * from.across + p * from.along, from.across, from.along };
}

/* ---- A tile: rows x vectors accumulators, over a whole number of blocks or what is left of one --------------------- */

#define CLEAR(v, i) sum[i][v] = (NAME(vector)){ 0 }
#define CLEAR_ROW(i, vectors)                                                                                      \
    do {                                                                                                           \
        __builtin_prefetch(to + (i) * stride, 1);                                                                  \
        REPEAT_VECTORS(vectors, CLEAR, i);                                                                         \
    } while (0)
#define READ(v, p) strip[v] = LOAD((p) + (v) * LANES)
#define MULTIPLY(v, i) sum[i][v] = FMA(spread, strip[v], sum[i][v])
#define MULTIPLY_ROW(i, vectors)                                                                                   \
    do {                                                                                                           \
        const NAME(vector) spread = SPREAD(s[(i) * multiplier.across]);                                            \
        REPEAT_VECTORS(vectors, MULTIPLY, i);                                                                      \
    } while (0)
#define PUT(v, i)                                                                                                  \
    STORE(to + (i) * stride + (v) * LANES, add ? LOAD(to + (i) * stride + (v) * LANES) + sum[i][v] : sum[i][v])
#define PUT_ROW(i, vectors) REPEAT_VECTORS(vectors, PUT, i)

static TARGET inline __attribute__((always_inline)) void NAME(tile)(const int rows, const int vectors, int64_t depth,
                                                                    NAME(table) multiplier, NAME(table) panel, REAL *to,
                                                                    int64_t stride, bool add)
{
    for (int64_t first = 0; first < depth; first += RG_GEMM_BLOCK, add = true) {
        const int64_t end = depth - first < RG_GEMM_BLOCK ? depth : first + RG_GEMM_BLOCK;
        const REAL *s = multiplier.data + first * multiplier.along, *p = panel.data + first * panel.along;
        NAME(vector) sum[8][8], strip[8];
        REPEAT(rows, CLEAR_ROW, vectors);
        TWICE for (int64_t at = first; at < end; at++, s += multiplier.along, p += panel.along) {
            REPEAT_VECTORS(vectors, READ, p);
            REPEAT(rows, MULTIPLY_ROW, vectors);
        }
        REPEAT(rows, PUT_ROW, vectors);
    }
}

#if !LEAN
/* A row of tiles, side by side, over a depth of one block or less: what comes before and after a tile would take longer
 * than the tile, and the result is written as it lies in memory. `count` vectors, a multiple of those of a tile. */
static TARGET inline __attribute__((always_inline)) void NAME(sweep)(const int rows, int64_t count, int64_t depth,
                                                                     NAME(table) multiplier, NAME(table) panel, REAL *to,
                                                                     int64_t stride)
{
    const bool add = false;
    for (const REAL *const end = to + count * LANES; to < end; to += WIDTH, panel.data += WIDTH) {
        const REAL *s = multiplier.data, *p = panel.data;
        NAME(vector) sum[8][8], strip[8];
        REPEAT(rows, CLEAR_ROW, VECTORS);
        TWICE for (int64_t at = 0; at < depth; at++, s += multiplier.along, p += panel.along) {
            REPEAT_VECTORS(VECTORS, READ, p);
            REPEAT(rows, MULTIPLY_ROW, VECTORS);
        }
        REPEAT(rows, PUT_ROW, VECTORS);
    }
}

typedef void NAME(sweep_kernel)(int64_t count, int64_t depth, NAME(table) multiplier, NAME(table) panel, REAL *to, int64_t stride);

#define SWEEP(rows)                                                                                                \
    static TARGET void NAME(sweep_##rows)(int64_t count, int64_t depth, NAME(table) multiplier, NAME(table) panel, \
                                          REAL *to, int64_t stride)                                                \
    {                                                                                                              \
        NAME(sweep)(rows, count, depth, multiplier, panel, to, stride);                                            \
    }
SWEEP(1) SWEEP(2) SWEEP(3) SWEEP(4)
#if ROWS > 4
SWEEP(5) SWEEP(6)
#endif
#if ROWS > 6
SWEEP(7) SWEEP(8)
#endif
static NAME(sweep_kernel) *const NAME(sweeps)[ROWS] = {
    NAME(sweep_1), NAME(sweep_2), NAME(sweep_3), NAME(sweep_4),
#if ROWS > 4
    NAME(sweep_5), NAME(sweep_6),
#endif
#if ROWS > 6
    NAME(sweep_7), NAME(sweep_8),
#endif
};

#endif

/* ---- Few columns: all rows one after another, without a call between their tiles ------------------------------------- */

#if !LEAN
/* Columns that fill so many vectors, over one block or less; eight sums side by side. `add`: a row to be added, or NULL. */
#define SET(v, i) sum[i][v] = (NAME(vector)){ 0 }
#define SET_ROW(i, vectors) REPEAT_VECTORS(vectors, SET, i)
#define ADD(v, i) sum[i][v] += LOAD(add + (v) * LANES)
#define ADD_ROW(i, vectors) REPEAT_VECTORS(vectors, ADD, i)
#define WRITE(v, i) STORE(c + (i) * stride + (v) * LANES, sum[i][v])
#define WRITE_ROW(i, vectors) REPEAT_VECTORS(vectors, WRITE, i)

static TARGET inline __attribute__((always_inline)) void NAME(strip_rows)(const int rows, const int vectors, int64_t k,
                                                                          NAME(table) multiplier, NAME(table) panel,
                                                                          const REAL *add, REAL *c, int64_t stride)
{
    const REAL *s = multiplier.data, *p = panel.data;
    NAME(vector) sum[8][8], strip[8];
    REPEAT(rows, SET_ROW, vectors);
    for (int64_t at = 0; at < k; at++, s += multiplier.along, p += panel.along) {
        REPEAT_VECTORS(vectors, READ, p);
        REPEAT(rows, MULTIPLY_ROW, vectors);
    }
    if (add) REPEAT(rows, ADD_ROW, vectors);
    REPEAT(rows, WRITE_ROW, vectors);
}

#define STRIP(vectors)                                                                                             \
    static TARGET void NAME(strip_##vectors)(int64_t m, int64_t k, NAME(table) multiplier, NAME(table) panel,      \
                                             const REAL *add, REAL *c, int64_t stride)                             \
    {                                                                                                              \
        enum { AT_ONCE = 8 / vectors };                                                                            \
        int64_t i = 0;                                                                                             \
        for (; i + AT_ONCE <= m; i += AT_ONCE, c += AT_ONCE * stride, multiplier.data += AT_ONCE * multiplier.across) \
            NAME(strip_rows)(AT_ONCE, vectors, k, multiplier, panel, add, c, stride);                              \
        for (; i + 2 <= m; i += 2, c += 2 * stride, multiplier.data += 2 * multiplier.across)                      \
            NAME(strip_rows)(2, vectors, k, multiplier, panel, add, c, stride);                                    \
        for (; i < m; i++, c += stride, multiplier.data += multiplier.across)                                      \
            NAME(strip_rows)(1, vectors, k, multiplier, panel, add, c, stride);                                    \
    }
STRIP(1) STRIP(2) STRIP(4)

#endif

#undef SET
#undef SET_ROW
#undef ADD
#undef ADD_ROW
#undef WRITE
#undef WRITE_ROW
#undef STRIP
#undef CLEAR
#undef CLEAR_ROW
#undef READ
#undef MULTIPLY
#undef MULTIPLY_ROW
#undef PUT
#undef PUT_ROW

typedef void NAME(tile_kernel)(int64_t depth, NAME(table) multiplier, NAME(table) panel, REAL *to, int64_t stride, bool add);

#define TILE(rows, vectors)                                                                                        \
    static TARGET void NAME(tile_##rows##_##vectors)(int64_t depth, NAME(table) multiplier, NAME(table) panel, REAL *to, \
                                                     int64_t stride, bool add)                                     \
    {                                                                                                              \
        NAME(tile)(rows, vectors, depth, multiplier, panel, to, stride, add);                                      \
    }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
TILES(1) TILES(2) TILES(3) TILES(4)
#if ROWS > 4
TILES(5) TILES(6)
#endif
#if ROWS > 6
TILES(7) TILES(8)
#endif
#if VECTORS > 2
TILE(1, 3) TILE(2, 3) TILE(3, 3) TILE(4, 3) TILE(5, 3) TILE(6, 3) TILE(7, 3) TILE(8, 3)
#define ROW_OF_TILES(rows) { NAME(tile_##rows##_1), NAME(tile_##rows##_2), NAME(tile_##rows##_3) }
#else
#define ROW_OF_TILES(rows) { NAME(tile_##rows##_1), NAME(tile_##rows##_2) }
#endif
/* For a single row: up to as many chains side by side as it takes to keep the multipliers busy. */
#if !LEAN
TILE(1, 4) TILE(1, 8)
#endif
static NAME(tile_kernel) *const NAME(tiles)[ROWS][VECTORS] = {
    ROW_OF_TILES(1), ROW_OF_TILES(2), ROW_OF_TILES(3), ROW_OF_TILES(4),
#if ROWS > 4
    ROW_OF_TILES(5), ROW_OF_TILES(6),
#endif
#if ROWS > 6
    ROW_OF_TILES(7), ROW_OF_TILES(8),
#endif
};

/* ---- Copying: what lies apart, side by side ------------------------------------------------------------------------ */

/* A square of numbers, turned: line i of `from` begins at from + i * across, line i of `to` at to + i * apart. */
static TARGET inline __attribute__((always_inline)) void NAME(turn)(const REAL *from, int64_t across, REAL *to, int64_t apart)
{
    const NAME(line) a = LINE(from), b = LINE(from + across);
#if SQUARE == 2
    STORE_LINE(to, __builtin_shufflevector(a, b, 0, 2));
    STORE_LINE(to + apart, __builtin_shufflevector(a, b, 1, 3));
#else
    const NAME(line) c = LINE(from + 2 * across), d = LINE(from + 3 * across);
    const NAME(line) low_ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), high_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const NAME(line) low_cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), high_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    STORE_LINE(to, __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5));
    STORE_LINE(to + apart, __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7));
    STORE_LINE(to + 2 * apart, __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5));
    STORE_LINE(to + 3 * apart, __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7));
#endif
}

/* `lines` lines of `length` numbers each, turned: number p of line j goes to to[p * apart + j]. */
static TARGET void NAME(copy_turned)(const REAL *from, int64_t across, int64_t lines, int64_t length, REAL *to, int64_t apart)
{
    int64_t j = 0;
    for (; j + SQUARE <= lines; j += SQUARE) {
        int64_t p = 0;
        for (; p + SQUARE <= length; p += SQUARE) NAME(turn)(from + j * across + p, across, to + p * apart + j, apart);
        for (; p < length; p++)
            for (int64_t i = j; i < j + SQUARE; i++) to[p * apart + i] = from[i * across + p];
    }
    for (; j < lines; j++)
        for (int64_t p = 0; p < length; p++) to[p * apart + j] = from[j * across + p];
}

/* Numbers [p][j] of the table, p < depth, j < width, to to[p * apart + j]. */
static TARGET void NAME(copy)(NAME(table) from, int64_t depth, int64_t width, REAL *to, int64_t apart)
{
    if (from.across != 1 && from.along == 1) {
        NAME(copy_turned)(from.data, from.across, width, depth, to, apart);
        return;
    }
    for (int64_t p = 0; p < depth; p++, to += apart) {
        const REAL *line = from.data + p * from.along;
        int64_t j = 0;
        for (; from.across == 1 && j + SQUARE <= width; j += SQUARE) STORE_LINE(to + j, LINE(line + j));
        for (; j < width; j++) to[j] = line[j * from.across];
    }
}

/* A panel of `width` numbers, filled up with zeros to whole vectors. */
static TARGET NAME(table) NAME(copied)(NAME(table) from, int64_t depth, int64_t width, REAL *to)
{
    const int64_t padded = (width + LANES - 1) / LANES * LANES;
    NAME(copy)(from, depth, width, to, padded);
    for (int64_t p = 0; p < depth && width < padded; p++)
        for (int64_t j = width; j < padded; j++) to[p * padded + j] = 0;
    return (NAME(table)){ to, 1, padded };
}

/* ---- All tiles of a panel ------------------------------------------------------------------------------------------ */

/* The tile is computed aside: it is wider than the result, or the result lies the other way. */
static TARGET void NAME(tile_aside)(NAME(tile_kernel) *kernel, int64_t depth, NAME(table) multiplier, NAME(table) panel,
                                    NAME(result) c, int64_t rows, int64_t width, bool add)
{
    _Alignas(64) REAL aside[ROWS * WIDTH];
    if (add) NAME(copy)((NAME(table)){ c.data, c.along, c.across }, rows, width, aside, WIDTH);
    kernel(depth, multiplier, panel, aside, WIDTH, add);
    if (c.along == 1) NAME(copy)((NAME(table)){ aside, 1, WIDTH }, rows, width, c.data, c.across);
    else NAME(copy)((NAME(table)){ aside, WIDTH, 1 }, width, rows, c.data, c.along);
}

/* Tiles of nearly the same height: that of the next one. */
static int64_t NAME(tile_height)(int64_t rows)
{
    return rows / ((rows + ROWS - 1) / ROWS);
}

/* The multiplier's numbers, copied tile by tile in the order in which a tile reads them. Where they lie, they would
 * push one another out of the cache, half used. */
static TARGET void NAME(gather)(NAME(table) multiplier, int64_t rows, int64_t depth, REAL *copy)
{
    for (int64_t i = 0, count; i < rows; i += count, copy += count * depth) {
        count = NAME(tile_height)(rows - i);
        NAME(copy)(NAME(part)(multiplier, i, 0), depth, count, copy, count);
    }
}

/* `gathered`: the multiplier is such a copy. A tile that is wider than the result may be written as it is where nothing
 * but rows of the result that come later lie behind its own. */
static TARGET void NAME(panel_times)(int64_t rows, int64_t width, int64_t depth, NAME(table) multiplier, bool gathered,
                                     NAME(table) panel, NAME(result) c, bool add)
{
    const int64_t vectors = (width + LANES - 1) / LANES, more = vectors * LANES - width;
    const bool over_rows = c.across == width && !add && depth <= DEPTH;
    for (int64_t i = 0, count; i < rows; i += count) {
        count = NAME(tile_height)(rows - i);
        const bool direct = c.along == 1 && (more == 0 || (over_rows && (rows - i - count) * width >= more));
        NAME(tile_kernel) *kernel = NAME(tiles)[count - 1][vectors - 1];
        const NAME(table) part = gathered ? (NAME(table)){ multiplier.data + i * depth, 1, count } : NAME(part)(multiplier, i, 0);
        const NAME(result) to = { c.data + i * c.across, c.across, c.along };
        if (direct) kernel(depth, part, panel, to.data, to.across, add);
        else NAME(tile_aside)(kernel, depth, part, panel, to, count, width, add);
    }
}

/* All panels, times a part of the multiplier. */
static TARGET void NAME(panels_times)(int64_t rows, int64_t width, int64_t depth, NAME(table) multiplier, bool gathered,
                                      NAME(table) panels, NAME(result) c, bool add)
{
    _Alignas(64) REAL copy[DEEP * DEPTH * WIDTH];
    for (int64_t j = 0; j < width; j += WIDTH) {
        const int64_t part = width - j < WIDTH ? width - j : WIDTH;
        NAME(table) panel = NAME(part)(panels, j, 0);
        const bool in_place = panel.across == 1 && part % LANES == 0 && rows < ROWS_WORTH_A_COPY;
        if (!in_place) panel = NAME(copied)(panel, depth, part, copy);
        NAME(panel_times)(rows, part, depth, multiplier, gathered, panel, (NAME(result)){ c.data + j * c.along, c.across, c.along },
                          add);
    }
}

/* c = multiplier x panels */
static TARGET void NAME(product)(int64_t rows, int64_t width, int64_t k, NAME(table) multiplier, NAME(table) panels,
                                 NAME(result) c)
{
    _Alignas(64) REAL copy[HEIGHT * DEPTH];
    const bool gathers = rows > 1 && width > WIDTH && (multiplier.across == 1 || width >= WIDTH_WORTH_A_GATHER);
    const int64_t most = c.along == 1 ? DEPTH : DEEP * DEPTH, tall = c.along == 1 ? HEIGHT : HEIGHT / DEEP / ROWS * ROWS;
    for (int64_t p = 0; p < k; p += most)
        for (int64_t i = 0; i < rows; i += tall) {
            const int64_t depth = k - p < most ? k - p : most, height = rows - i < tall ? rows - i : tall;
            NAME(table) part = NAME(part)(multiplier, i, p);
            if (gathers) {
                NAME(gather)(part, height, depth, copy);
                part.data = copy;
            }
            NAME(panels_times)(height, width, depth, part, gathers, NAME(part)(panels, 0, p),
                               (NAME(result)){ c.data + i * c.across, c.across, c.along }, p > 0);
        }
}

#if !LEAN
/* The same, row of tiles by row of tiles, where all panels can be read as they lie, or are few enough to be turned. */
static TARGET void NAME(shallow_product)(int64_t rows, int64_t width, int64_t k, NAME(table) multiplier, NAME(table) panels,
                                         NAME(result) c)
{
    _Alignas(64) REAL turned[SHALLOW * SHALLOW_WIDTH];
    const int64_t whole = width / WIDTH * WIDTH;
    if (panels.across != 1) {
        NAME(copy)(panels, k, width, turned, width);
        panels = (NAME(table)){ turned, 1, width };
    }
    for (int64_t i = 0, count; i < rows; i += count) {
        count = NAME(tile_height)(rows - i);
        NAME(sweeps)[count - 1](whole / LANES, k, NAME(part)(multiplier, i, 0), panels, c.data + i * c.across, c.across);
    }
    if (whole < width)
        NAME(product)(rows, width - whole, k, multiplier, NAME(part)(panels, whole, 0),
                      (NAME(result)){ c.data + whole, c.across, 1 });
}

#endif

/* ---- k = 1 --------------------------------------------------------------------------------------------------------- */

/* Some rows at a time, so that b is read once for them. Adding zero makes of a product what a chain from zero would: -0
 * becomes 0. */
static TARGET inline __attribute__((always_inline)) void NAME(outer_rows)(const int rows, int64_t n, const REAL *a,
                                                                          int64_t across, NAME(table) b, REAL *c, int64_t c_stride)
{
    const NAME(vector) zero = { 0 };
    NAME(vector) spread[4];
    int64_t j = 0;
    UNROLLED for (int i = 0; i < rows; i++) spread[i] = SPREAD(a[i * across]);
    for (; b.across == 1 && j + LANES <= n; j += LANES) {
        const NAME(vector) part = LOAD(b.data + j);
        UNROLLED for (int i = 0; i < rows; i++) STORE(c + i * c_stride + j, FMA(spread[i], part, zero));
    }
    for (; j < n; j++)
        for (int i = 0; i < rows; i++) c[i * c_stride + j] = a[i * across] * b.data[j * b.across] + (REAL)0;
}

static TARGET void NAME(outer_product)(int64_t m, int64_t n, NAME(table) a, NAME(table) b, REAL *c, int64_t c_stride)
{
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) NAME(outer_rows)(4, n, a.data + i * a.across, a.across, b, c + i * c_stride, c_stride);
    for (; i < m; i++) NAME(outer_rows)(1, n, a.data + i * a.across, a.across, b, c + i * c_stride, c_stride);
}

/* ---- One row whose panel's vectors can be read where they are ------------------------------------------------------- */

/* Few: with their sums in registers. Those that do not fill the last vector are computed twice. */
static TARGET void NAME(narrow_row)(int64_t width, int64_t k, NAME(table) multiplier, NAME(table) panel, REAL *c)
{
    int64_t j = 0;
    while (width - j >= LANES) {
        const int64_t left = (width - j) / LANES, vectors = !LEAN && left >= 8 ? 8 : !LEAN && left >= 4 ? 4 : left >= 2 ? 2 : 1;
        const NAME(table) part = NAME(part)(panel, j, 0);
#if !LEAN
        if (vectors == 8) NAME(tile_1_8)(k, multiplier, part, c + j, 0, false);
        if (vectors == 4) NAME(tile_1_4)(k, multiplier, part, c + j, 0, false);
#endif
        if (vectors == 2) NAME(tile_1_2)(k, multiplier, part, c + j, 0, false);
        if (vectors == 1) NAME(tile_1_1)(k, multiplier, part, c + j, 0, false);
        j += vectors * LANES;
    }
    if (j < width) NAME(tile_1_1)(k, multiplier, NAME(part)(panel, width - LANES, 0), c + width - LANES, 0, false);
}

/* Many: lines of the panel are read one after another as they lie in memory, and the sums are kept nearby. */
static TARGET void NAME(broad_row)(int64_t width, int64_t k, NAME(table) multiplier, NAME(table) panel, REAL *c)
{
    enum { NUMBERS = 8192 / sizeof(REAL), LINES = 4 };
    _Alignas(64) REAL sums[NUMBERS];
    for (int64_t j = 0; j < width; j += NUMBERS) {
        const int64_t part = width - j < NUMBERS ? width - j : NUMBERS, whole = part / LANES * LANES;
        for (int64_t first = 0; first < k; first += RG_GEMM_BLOCK) {
            const int64_t end = k - first < RG_GEMM_BLOCK ? k : first + RG_GEMM_BLOCK;
            memset(sums, 0, (size_t)part * sizeof *sums);
            for (int64_t p = first, lines; p < end; p += lines) {
                lines = end - p < LINES ? 1 : LINES;
                const REAL *line = panel.data + j + p * panel.along, *s = multiplier.data + p * multiplier.along;
                NAME(vector) spread[LINES];
                for (int64_t i = 0; i < lines; i++) spread[i] = SPREAD(s[i * multiplier.along]);
                for (int64_t at = 0; at < whole; at += LANES) {
                    NAME(vector) sum = FMA(spread[0], LOAD(line + at), LOAD(sums + at));
                    for (int64_t i = 1; i < lines; i++) sum = FMA(spread[i], LOAD(line + at + i * panel.along), sum);
                    STORE(sums + at, sum);
                }
            }
            for (int64_t at = 0; at < whole; at++) c[j + at] = first > 0 ? c[j + at] + sums[at] : sums[at];
        }
        if (whole < part) NAME(narrow_row)(LANES, k, multiplier, NAME(part)(panel, j + part - LANES, 0), c + j + part - LANES);
    }
}

/* ---- Few columns ---------------------------------------------------------------------------------------------------- */

#if !LEAN
static bool NAME(is_strip)(int64_t m, int64_t n, int64_t k, int64_t across)
{
    return m > 1 && (n == LANES || n == 2 * LANES || n == 4 * LANES) && k > 1 &&
           (across == 1 ? k <= DEPTH : k * n <= STRIP_WORTH_A_TURN);
}

static bool NAME(is_turned_strip)(int64_t m, int64_t n, int64_t k, int64_t across)
{
    return n < LANES && across == 1 && m * n <= STRIP_WORTH_A_TURN && NAME(is_strip)(n, m, k, 1);
}

static TARGET void NAME(strip_product)(int64_t m, int64_t n, int64_t k, NAME(table) a, NAME(table) b, const REAL *add, REAL *c,
                                       int64_t stride)
{
    _Alignas(64) REAL turned[STRIP_WORTH_A_TURN];
    if (b.across != 1) {
        NAME(copy)(b, k, n, turned, n);
        b = (NAME(table)){ turned, 1, n };
    }
    if (n == LANES) NAME(strip_1)(m, k, a, b, add, c, stride);
    else if (n == 2 * LANES) NAME(strip_2)(m, k, a, b, add, c, stride);
    else NAME(strip_4)(m, k, a, b, add, c, stride);
}

/* The other way round, and turned at the end. */
static TARGET void NAME(turned_strip_product)(int64_t m, int64_t n, int64_t k, NAME(table) a, NAME(table) b, REAL *c,
                                              int64_t stride)
{
    _Alignas(64) REAL turned[STRIP_WORTH_A_TURN];
    NAME(strip_product)(n, m, k, b, a, NULL, turned, m);
    NAME(copy_turned)(turned, m, n, m, c, stride);
}

#endif

/* ---- All together --------------------------------------------------------------------------------------------------- */

static TARGET void NAME(multiply)(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c, int64_t c_stride)
{
    const NAME(table) left = { a.data, a.row_stride, a.column_stride }, right = { b.data, b.column_stride, b.row_stride };
    /* The panel is to be the one that lies right for it, or else the one that is cheaper to copy. */
    const bool turned = m > 1 && right.across != 1 && (m < n || (m == n && m <= SWAP_MOST) || left.across == 1);
    const bool swap = n == 1 || turned || (n < LANES && m >= LANES && left.across == 1);
    if (m == 0 || n == 0) return;
    if (m == 1 && right.across == 1 && n >= LANES && k > 1) {
        (n > 64 * LANES ? NAME(broad_row) : NAME(narrow_row))(n, k, left, right, c);
        return;
    }
#if !LEAN
    if (NAME(is_strip)(m, n, k, right.across)) {
        NAME(strip_product)(m, n, k, left, right, NULL, c, c_stride);
        return;
    }
    if (NAME(is_turned_strip)(m, n, k, left.across)) {
        NAME(turned_strip_product)(m, n, k, left, right, c, c_stride);
        return;
    }
#endif
    if (k == 0)
        for (int64_t i = 0; i < m; i++) memset((REAL *)c + i * c_stride, 0, (size_t)n * sizeof(REAL));
    else if (k == 1) NAME(outer_product)(m, n, left, right, c, c_stride);
    else if (swap) NAME(product)(n, m, k, right, left, (NAME(result)){ c, 1, c_stride });
#if !LEAN
    else if (k <= SHALLOW && n >= WIDTH && (right.across == 1 || n <= SHALLOW_WIDTH))
        NAME(shallow_product)(m, n, k, left, right, (NAME(result)){ c, c_stride, 1 });
#endif
    else NAME(product)(m, n, k, left, right, (NAME(result)){ c, c_stride, 1 });
}

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
