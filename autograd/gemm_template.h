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

#if SQUARE == 4
/* Two lines of four numbers: a tile of six rows is a square and this. */
static TARGET inline __attribute__((always_inline)) void NAME(turn_pair)(const REAL *from, int64_t across, REAL *to, int64_t apart)
{
    typedef REAL half __attribute__((vector_size(8), aligned(sizeof(REAL)), may_alias));
    const NAME(line) a = LINE(from), b = LINE(from + across);
    UNROLLED for (int i = 0; i < 2; i++) {
        const NAME(line) both = i == 0 ? __builtin_shufflevector(a, b, 0, 4, 1, 5) : __builtin_shufflevector(a, b, 2, 6, 3, 7);
        *(half *)(void *)(to + 2 * i * apart) = __builtin_shufflevector(both, both, 0, 1);
        *(half *)(void *)(to + (2 * i + 1) * apart) = __builtin_shufflevector(both, both, 2, 3);
    }
}
#endif

/* `lines` lines of `length` numbers each, turned: number p of line j goes to to[p * apart + j]. */
static TARGET void NAME(copy_turned)(const REAL *from, int64_t across, int64_t lines, int64_t length, REAL *to, int64_t apart)
{
    const int64_t squares = length / SQUARE * SQUARE;
    int64_t j = 0, side;
    for (; j < lines; j += side) {
        const REAL *line = from + j * across;
        int64_t p = 0;
        side = lines - j >= SQUARE ? SQUARE : SQUARE == 4 && lines - j >= 2 ? 2 : 1;
        if (side == SQUARE)
            for (; p < squares; p += SQUARE) NAME(turn)(line + p, across, to + p * apart + j, apart);
#if SQUARE == 4
        if (side == 2)
            for (; p < squares; p += SQUARE) NAME(turn_pair)(line + p, across, to + p * apart + j, apart);
#endif
        for (; p < length; p++)
            for (int64_t i = 0; i < side; i++) to[p * apart + j + i] = line[i * across + p];
    }
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

/* Whether a panel pays to be copied, to lie side by side. Lines that are a multiple of a page apart fall on one another in
 * the caches: where they are many, a second tile finds nothing there of what the first has read. */
static bool NAME(worth_a_copy)(NAME(table) panel, int64_t rows, int64_t depth)
{
    const bool crowded = panel.along * (int64_t)sizeof(REAL) % 4096 == 0 && depth > CROWD;
    return rows >= (crowded ? ROWS * (int64_t)(sizeof(REAL) / sizeof(float)) + 1 : ROWS_WORTH_A_COPY);
}

/* All panels, times a part of the multiplier. */
static TARGET void NAME(panels_times)(int64_t rows, int64_t width, int64_t depth, NAME(table) multiplier, bool gathered,
                                      NAME(table) panels, NAME(result) c, bool add)
{
    _Alignas(64) REAL copy[DEEP * DEPTH * WIDTH];
    for (int64_t j = 0; j < width; j += WIDTH) {
        const int64_t part = width - j < WIDTH ? width - j : WIDTH;
        NAME(table) panel = NAME(part)(panels, j, 0);
        const bool in_place = panel.across == 1 && part % LANES == 0 && !NAME(worth_a_copy)(panel, rows, depth);
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
/* The same, row of tiles by row of tiles, where all panels can be read as they lie; else so many at a time are turned. */
static TARGET void NAME(shallow_product)(int64_t rows, int64_t width, int64_t k, NAME(table) multiplier, NAME(table) panels,
                                         NAME(result) c)
{
    enum { APART = SHALLOW_WIDTH + 64 / sizeof(REAL) }; /* not as far apart as lines that push one another out */
    _Alignas(64) REAL turned[SHALLOW * APART];
    const int64_t most = panels.across == 1 ? width : SHALLOW_WIDTH;
    for (int64_t j = 0; j < width; j += most) {
        const int64_t part = width - j < most ? width - j : most, whole = part / WIDTH * WIDTH;
        NAME(table) some = NAME(part)(panels, j, 0);
        if (panels.across != 1) {
            NAME(copy)(some, k, part, turned, APART);
            some = (NAME(table)){ turned, 1, APART };
        }
        for (int64_t i = 0, count; i < rows; i += count) {
            count = NAME(tile_height)(rows - i);
            NAME(sweeps)[count - 1](whole / LANES, k, NAME(part)(multiplier, i, 0), some, c.data + j + i * c.across, c.across);
        }
        if (whole < part)
            NAME(product)(rows, part - whole, k, multiplier, NAME(part)(some, whole, 0),
                          (NAME(result)){ c.data + j + whole, c.across, 1 });
    }
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

#if !LEAN
/* So small that what stands around a tile would take longer than this. */
static TARGET void NAME(tiny_product)(int64_t m, int64_t n, int64_t k, NAME(table) a, NAME(table) b, REAL *c, int64_t stride)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            const REAL *x = a.data + i * a.across, *y = b.data + j * b.across;
            REAL sum = 0;
            for (int64_t p = 0; p < k; p++) sum = FMA_NUMBER(x[p * a.along], y[p * b.along], sum);
            c[i * stride + j] = sum;
        }
}
#endif

/* ---- All together --------------------------------------------------------------------------------------------------- */

static TARGET void NAME(multiply)(int64_t m, int64_t n, int64_t k, rg_matrix a, rg_matrix b, void *c, int64_t c_stride)
{
    const NAME(table) left = { a.data, a.row_stride, a.column_stride }, right = { b.data, b.column_stride, b.row_stride };
    /* The panel is to be the one that lies right for it, or else the one that is cheaper to copy. */
    const bool turned = m > 1 && right.across != 1 && ((m <= n && m < SWAP_MOST) || left.across == 1);
    const bool swap = n == 1 || turned || (n < LANES && m >= LANES && left.across == 1);
    if (m == 0 || n == 0) return;
    if (n == 1 && m > 1 && c_stride == 1 && left.across == 1) {
        NAME(multiply)(1, m, k, (rg_matrix){ b.data, b.column_stride, b.row_stride },
                       (rg_matrix){ a.data, a.column_stride, a.row_stride }, c, m);
        return;
    }
    if (m == 1 && right.across == 1 && n >= LANES && k > 1) {
        (n > 64 * LANES || k > 2 * DEPTH ? NAME(broad_row) : NAME(narrow_row))(n, k, left, right, c);
        return;
    }
#if !LEAN
    if (n < LANES && k > 1 && m * n * k <= TINY) {
        NAME(tiny_product)(m, n, k, left, right, c, c_stride);
        return;
    }
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
#if !LEAN
    else if (k <= SHALLOW && n >= WIDTH && (right.across == 1 || left.across != 1))
        NAME(shallow_product)(m, n, k, left, right, (NAME(result)){ c, c_stride, 1 });
#endif
    else if (swap) NAME(product)(n, m, k, right, left, (NAME(result)){ c, 1, c_stride });
    else NAME(product)(m, n, k, left, right, (NAME(result)){ c, c_stride, 1 });
}
