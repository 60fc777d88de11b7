/* linear_algebra_kernels.c: what the ops of linear_algebra.c compute. It is LAPACK's work, but for what has to be done with the
 * elements themselves (linear_algebra_template.h).
 *
 * LAPACK's matrices lie by columns, ours by rows: what we call a, it calls a'. So a = L L' is asked for as a' = U' U,
 * and a x = b is solved as x' a' = b', from the right. Nothing is ever transposed for it. */
#include "linear_algebra_kernels.h"

#include <string.h>

#include "complex_functions.h"

typedef rg_matrix_job job;

enum { BLOCK = 32 };           /* columns of a Cholesky factor that are differentiated at a time */

typedef enum { VALUE, SIGN, LOG_ABS, LOG } determinant_part;

/* Of whatever type. */
typedef union {
    float f32;
    double f64;
    rg_complex complex_f64;
} number;
typedef union {
    float f32[BLOCK * BLOCK];
    double f64[BLOCK * BLOCK];
    rg_complex complex_f64[BLOCK * BLOCK];
} block_square;

/* What depends on the type of the numbers. */
typedef struct rg_matrix_numbers {
    size_t item;
    const void *one, *minus_one, *nan;
    void (*copy_lower)(int64_t n, const void *from, void *to);
    bool (*has_pivots)(int64_t count, int64_t n, const void *a); /* the first on the diagonal are not 0 */
    void (*adjoint_of_block)(const void *l, void *s, int size, int64_t n);
    void (*tangent_of_block)(const void *l, void *s, int size, int64_t n);
    void (*add_square)(const void *square, bool and_transpose, void *to, int size, int64_t n);
    void (*determinant_of)(int64_t n, const void *lu, const int *rows, const int *columns, determinant_part part, void *y);
    void (*eliminate)(int64_t n, void *a, int *rows, int *columns); /* NULL: of singular matrices nothing is continued */
    void (*cofactors_of_triangle)(int64_t n, const void *u, const void *but_last, const void *last, void *y);
} numbers;

/* Elements that lie `apart` bytes from each other. */
static void exchange(int64_t count, size_t item, void *a, void *b, size_t apart)
{
    char *x = a, *y = b;
    for (; x != y && count > 0; count--, x += apart, y += apart)
        for (size_t at = 0; at < item; at += sizeof(uint32_t)) {
            uint32_t kept;
            memcpy(&kept, x + at, sizeof kept);
            memcpy(x + at, y + at, sizeof kept);
            memcpy(y + at, &kept, sizeof kept);
        }
}

/* The logarithm of the absolute value, continued to where it is differentiable. */
#define LOG_ABS(x) _Generic((x), rg_complex: clog(RE(x) < 0 ? -(x) : (x)), default: log(fabs(RE(x))))

#define REAL float
#define WIDE double
#define NAME(name) name##_f32
#include "linear_algebra_template.h"
#undef REAL
#undef WIDE
#undef NAME
#define REAL double
#define WIDE double
#define NAME(name) name##_f64
#include "linear_algebra_template.h"
#undef REAL
#undef WIDE
#undef NAME
#define REAL rg_complex
#define WIDE rg_complex
#define NAME(name) name##_complex
#define IS_COMPLEX
#include "linear_algebra_template.h"

/* ---- One call --------------------------------------------------------------------------------------------------- */

int64_t rg_matrix_size(const rg_call *call)
{
    const rg_shape *a = &call->layout[1].shape;
    return a->size[a->rank - 1];
}

/* Whether the result has one number for each matrix, and not another matrix. */
static bool gives_numbers(const rg_call *call)
{
    return call->operands == 1 && call->layout[0].shape.rank != call->layout[1].shape.rank;
}

int64_t rg_matrices(const rg_call *call)
{
    const rg_shape *y = &call->layout[0].shape;
    const int leading = gives_numbers(call) ? y->rank : y->rank - 2;
    int64_t count = 1;
    for (int i = 0; i < leading; i++) count *= y->size[i];
    return count;
}

int64_t rg_matrix_elements(const rg_call *call)
{
    const rg_shape *y = &call->layout[0].shape;
    return y->size[y->rank - 2] * y->size[y->rank - 1];
}

/* A factorised matrix with its interchanges of rows and columns. */
static size_t factor_room(int64_t n, rg_dtype dtype)
{
    size_t bytes, room, elements;
    bool fits = rg_size_mul((size_t)n, (size_t)n, &elements) && rg_size_mul(elements, rg_dtype_size(dtype), &bytes) &&
                rg_size_add(bytes, (size_t)n * 2 * sizeof(int), &room) && rg_size_align(room, 8, &room);
    return fits ? room : PTRDIFF_MAX;
}

size_t rg_matrix_scratch(const rg_call *call)
{
    size_t bytes;
    bool fits = rg_size_mul((size_t)rg_matrices(call), factor_room(rg_matrix_size(call), call->layout[1].dtype), &bytes);
    return fits ? bytes : PTRDIFF_MAX;
}

void rg_matrix_prepare(const rg_call *call, void *prepared)
{
    const bool wide = call->layout[0].dtype == RG_F64;
    job *j = prepared;
    *j = (job){ .n = (int)rg_matrix_size(call), .room = factor_room(rg_matrix_size(call), call->layout[0].dtype) };
    j->numbers = wide ? &numbers_f64 : &numbers_f32;
    j->found = rg_lapack_find(wide ? RG_LAPACK_F64 : RG_LAPACK_F32, &j->lapack);
    j->m = gives_numbers(call) ? 0 : (int)rg_row_elements(call);
    j->elements = gives_numbers(call) ? 1 : rg_matrix_elements(call);
}

static bool has_flag(const rg_call *call, int flag)
{
    return (*(const int64_t *)call->attributes & flag) != 0;
}

/* Operand k's matrix number i. */
static const char *matrix(const rg_call *call, const job *j, int k, int64_t i)
{
    const int64_t at = call->operands == 1 ? i * j->n * j->n
                                           : rg_matrix_offset(&call->layout[1 + k], &call->layout[0].shape, i);
    return (const char *)call->in[k] + (size_t)at * j->numbers->item;
}

/* ---- Cholesky --------------------------------------------------------------------------------------------------- */

/* LAPACK's of complex numbers would conjugate. */
static bool factorise_complex(int64_t n, rg_complex *l)
{
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c <= r; c++) {
            rg_complex sum = l[r * n + c];
            for (int64_t k = 0; k < c; k++) sum -= l[r * n + k] * l[c * n + k];
            if (c == r && !(creal(sum) > 0)) return false;
            l[r * n + c] = c == r ? csqrt(sum) : sum / l[c * n + c];
        }
    return true;
}

static bool compute_cholesky(const rg_call *call, const job *j, int64_t i, char *y)
{
    int info = 0;
    j->numbers->copy_lower(j->n, matrix(call, j, 0, i), y);
    if (j->numbers == &numbers_complex) return factorise_complex(j->n, (rg_complex *)(void *)y);
    if (j->n) j->lapack.potrf("U", &j->n, y, &j->n, &info, 1);
    return info == 0;
}

/* c -= op_a(a) op_b(b), where the one is m x k and the other k x n, by rows. */
static void subtract_product(const job *j, const char *op_a, const char *op_b, int m, int n, int k, const void *a,
                             const void *b, void *c, int c_row)
{
    if (m && n && k)
        j->lapack.gemm(op_b, op_a, &n, &m, &k, j->numbers->minus_one, b, &j->n, a, &j->n, j->numbers->one, c, &c_row, 1, 1);
}

/* t x = x for a triangle of LAPACK's, times a factor. */
static void from_the_left(const job *j, const char *uplo, const char *op, const char *unit, const void *factor, int rows,
                          int columns, const void *t, void *x)
{
    if (rows && columns)
        j->lapack.trsm("L", uplo, op, unit, &rows, &columns, factor, t, &j->n, x, &j->n, 1, 1, 1, 1);
}

/* Where
 *     . . .
 *     R D .
 *     B C .
 * are blocks of a matrix and D, from `first` on, is on its diagonal: elements in front of them. */
typedef struct {
    int first, size, below;
    int64_t r, d, b, c;        /* in bytes */
} blocks;

static blocks blocks_at(const job *j, int first, int end)
{
    const int64_t item = (int64_t)j->numbers->item, row = j->n * item, r = first * row, b = end * row;
    return (blocks){ first, end - first, j->n - end, r, r + first * item, b, b + first * item };
}

/* The derivative of the factorisation, block by block [Murray 2016, section 3.3]: the adjoint from the last to the first, in
 * which s is the cotangent of L and becomes that of a; the tangent from the first to the last, with that of a, and then of L.
 * Only lower triangles are read. */
static bool compute_cholesky_adjoint(const rg_call *call, const job *j, int64_t i, char *s)
{
    const char *l = matrix(call, j, 0, i);
    const void *one = j->numbers->one;
    block_square square;
    j->numbers->copy_lower(j->n, matrix(call, j, 1, i), s);
    for (int end = j->n, first; end > 0; end = first) {
        first = end > BLOCK ? end - BLOCK : 0;
        const blocks at = blocks_at(j, first, end);
        from_the_left(j, "U", "N", "N", one, at.size, at.below, l + at.d, s + at.c);
        subtract_product(j, "N", "N", at.below, first, at.size, s + at.c, l + at.r, s + at.b, j->n);
        if (at.below > 0) {
            memset(&square, 0, sizeof square);
            subtract_product(j, "T", "N", at.size, at.size, at.below, s + at.c, l + at.c, &square, BLOCK);
            j->numbers->add_square(&square, false, s + at.d, at.size, j->n);
        }
        j->numbers->adjoint_of_block(l + at.d, s + at.d, at.size, j->n);
        subtract_product(j, "T", "N", at.size, first, at.below, s + at.c, l + at.b, s + at.r, j->n);
        subtract_product(j, "N", "N", at.size, first, at.size, s + at.d, l + at.r, s + at.r, j->n);
        subtract_product(j, "T", "N", at.size, first, at.size, s + at.d, l + at.r, s + at.r, j->n);
    }
    return true;
}

static bool compute_cholesky_tangent(const rg_call *call, const job *j, int64_t i, char *s)
{
    const char *l = matrix(call, j, 0, i);
    const void *one = j->numbers->one;
    block_square square;
    j->numbers->copy_lower(j->n, matrix(call, j, 1, i), s);
    for (int first = 0, end; first < j->n; first = end) {
        end = j->n - first > BLOCK ? first + BLOCK : j->n;
        const blocks at = blocks_at(j, first, end);
        if (first > 0) {
            memset(&square, 0, sizeof square);
            subtract_product(j, "N", "T", at.size, at.size, first, s + at.r, l + at.r, &square, BLOCK);
            j->numbers->add_square(&square, true, s + at.d, at.size, j->n);
        }
        j->numbers->tangent_of_block(l + at.d, s + at.d, at.size, j->n);
        subtract_product(j, "N", "T", at.below, at.size, first, s + at.b, l + at.r, s + at.c, j->n);
        subtract_product(j, "N", "T", at.below, at.size, first, l + at.b, s + at.r, s + at.c, j->n);
        subtract_product(j, "N", "T", at.below, at.size, at.size, l + at.c, s + at.d, s + at.c, j->n);
        from_the_left(j, "U", "T", "N", one, at.size, at.below, l + at.d, s + at.c);
    }
    return true;
}

/* ---- Equations -------------------------------------------------------------------------------------------------- */

/* x op(t) = x, in place, for a triangle t as LAPACK sees it. */
static void from_the_right(const job *j, const char *uplo, const char *op, const char *unit, const void *t, void *x)
{
    if (j->n && j->m)
        j->lapack.trsm("R", uplo, op, unit, &j->m, &j->n, j->numbers->one, t, &j->n, x, &j->m, 1, 1, 1, 1);
}

static void copy_sides(const rg_call *call, const job *j, int64_t i, char *y)
{
    if (j->elements) memcpy(y, matrix(call, j, 1, i), (size_t)j->elements * j->numbers->item);
}

static bool compute_triangular_solve(const rg_call *call, const job *j, int64_t i, char *y)
{
    const bool unit = has_flag(call, RG_UNIT_DIAGONAL);
    const char *a = matrix(call, j, 0, i);
    copy_sides(call, j, i, y);
    if (!unit && !j->numbers->has_pivots(j->n, j->n, a)) return false;
    const char *uplo = has_flag(call, RG_UPPER) ? "L" : "U", *op = has_flag(call, RG_TRANSPOSED) ? "T" : "N";
    from_the_right(j, uplo, op, unit ? "U" : "N", a, y);
    return true;
}

/* a' = P L U Q, where the interchanges of columns are none. */
typedef struct {
    char *lu;
    int *rows, *columns;
    bool regular;              /* U has no zero on its diagonal */
} factors;

static factors factorise(const rg_call *call, const job *j, int64_t i)
{
    const size_t bytes = (size_t)j->n * (size_t)j->n * j->numbers->item;
    int info = 0;
    factors f = { .lu = (char *)call->scratch + (size_t)i * j->room };
    f.rows = (int *)(void *)(f.lu + bytes);
    f.columns = f.rows + j->n;
    for (int k = 0; k < j->n; k++) f.columns[k] = k + 1;
    if (j->n) {
        memcpy(f.lu, matrix(call, j, 0, i), bytes);
        j->lapack.getrf(&j->n, &j->n, f.lu, &j->n, f.rows, &info);
    }
    f.regular = info == 0;
    return f;
}

/* Rows of x, exchanged as the factorisation did, or back. */
static void interchange(const job *j, const int *rows, bool back, char *x)
{
    const size_t row = (size_t)j->m * j->numbers->item;
    for (int step = 0; step < j->n; step++) {
        const int k = back ? j->n - 1 - step : step;
        exchange(1, row, x + (size_t)k * row, x + (size_t)(rows[k] - 1) * row, row);
    }
}

/* a x = b is x' P L U = b';  a' x = b is x' U' L' P' = b'. */
static bool compute_solve(const rg_call *call, const job *j, int64_t i, char *y)
{
    copy_sides(call, j, i, y);
    const factors f = factorise(call, j, i);
    if (!f.regular) return false;
    if (has_flag(call, RG_TRANSPOSED)) {
        interchange(j, f.rows, false, y);
        from_the_right(j, "L", "T", "U", f.lu, y);
        from_the_right(j, "U", "T", "N", f.lu, y);
    } else {
        from_the_right(j, "U", "N", "N", f.lu, y);
        from_the_right(j, "L", "N", "U", f.lu, y);
        interchange(j, f.rows, true, y);
    }
    return true;
}

/* The factors are copied to the result, and their memory is LAPACK's to work in. */
static bool compute_inverse(const rg_call *call, const job *j, int64_t i, char *y)
{
    enum { COLUMNS_AT_ONCE = 64 };
    const int room = j->n * (j->n < COLUMNS_AT_ONCE ? j->n : COLUMNS_AT_ONCE);
    int info = 0;
    const factors f = factorise(call, j, i);
    if (!f.regular || j->n == 0) return f.regular;
    memcpy(y, f.lu, (size_t)j->elements * j->numbers->item);
    j->lapack.getri(&j->n, y, &j->n, f.rows, f.lu, &room, &info);
    return info == 0;
}

/* ---- Determinants ----------------------------------------------------------------------------------------------- */

#define DETERMINANT(name, part)                                                                                    \
    static bool compute_##name(const rg_call *call, const job *j, int64_t i, char *y)                              \
    {                                                                                                              \
        const factors f = factorise(call, j, i);                                                                   \
        j->numbers->determinant_of(j->n, f.lu, f.rows, f.columns, part, y);                                        \
        return true;                                                                                               \
    }
DETERMINANT(determinant, VALUE)
DETERMINANT(sign_determinant, SIGN)
DETERMINANT(log_abs_determinant, LOG_ABS)
DETERMINANT(logdet, LOG)

/* Those of P L U Q are det(P) det(Q) P L'^-1 C Q, where C are the cofactors of U. With
 *     U = V u   C = det(V)   d V'^-1    0
 *         0 d              -(V^-1 u)'   1
 * and nothing is divided by the last pivot d, which may be 0: then they are of rank one. If an earlier one is, although the
 * largest came first, the rank of a is less than n - 1, and all cofactors are 0. */
static bool compute_cofactors(const rg_call *call, const job *j, int64_t i, char *y)
{
    const int n = j->n, but_one = n - 1;
    const size_t item = j->numbers->item, row = (size_t)n * item;
    number product, d;
    int info = 0;
    const factors f = factorise(call, j, i);
    if (n == 0) return true;
    if (!j->numbers->has_pivots(but_one, n, f.lu)) {
        if (!j->numbers->eliminate) return false;
        memcpy(f.lu, matrix(call, j, 0, i), (size_t)n * row);
        j->numbers->eliminate(n, f.lu, f.rows, f.columns);
        if (!j->numbers->has_pivots(but_one, n, f.lu)) return memset(y, 0, (size_t)n * row), true;
    }
    char *u = f.lu + (size_t)but_one * row, *last = u + row - item;
    memcpy(&d, last, item);
    memcpy(last, j->numbers->one, item);
    j->numbers->determinant_of(n, f.lu, f.rows, f.columns, VALUE, &product);
    from_the_left(j, "U", "N", "N", j->numbers->minus_one, but_one, 1, f.lu, u);
    if (but_one) j->lapack.trtri("U", "N", &but_one, f.lu, &n, &info, 1, 1);
    j->numbers->cofactors_of_triangle(n, f.lu, &product, &d, y);
    from_the_left(j, "L", "T", "U", j->numbers->one, n, n, f.lu, y);
    for (int k = n - 1; k >= 0; k--) {
        exchange(n, item, y + (size_t)k * item, y + (size_t)(f.rows[k] - 1) * item, row);
        exchange(n, item, y + (size_t)k * row, y + (size_t)(f.columns[k] - 1) * row, item);
    }
    return true;
}

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* Computes the result for matrix number i; false: there is none. */
typedef bool compute(const rg_call *call, const job *j, int64_t i, char *y);

/* Matrices begin <= i < end. */
static __attribute__((noinline)) void compute_each(const rg_call *call, const job *j, int64_t begin, int64_t end, compute *one)
{
    const size_t size = j->numbers->item * (size_t)j->elements;
    if (j->found) rg_lapack_enter(&j->lapack);
    for (int64_t i = begin; i < end; i++) {
        char *y = (char *)call->out + (i * j->elements - call->origin) * (int64_t)j->numbers->item;
        if (j->found && one(call, j, i, y)) continue;
        for (size_t at = 0; at < size; at += j->numbers->item) memcpy(y + at, j->numbers->nan, j->numbers->item);
    }
    if (j->found) rg_lapack_leave(&j->lapack);
}

/* A call that was prepared for f64, with twice the scratch memory. */
static __attribute__((noinline)) void compute_complex(const rg_call *call, int64_t begin, int64_t end, compute *one)
{
    job j = *(const job *)call->prepared;
    j.numbers = &numbers_complex;
    j.found = rg_lapack_find(RG_LAPACK_COMPLEX_F64, &j.lapack);
    j.room *= 2;
    compute_each(call, &j, begin, end, one);
}

#define KERNELS(name)                                                                                              \
    void rg_matrix_##name(const rg_call *call, int64_t begin, int64_t end)                                         \
    {                                                                                                              \
        compute_each(call, call->prepared, begin, end, compute_##name);                                            \
    }                                                                                                              \
    void rg_matrix_##name##_complex(const rg_call *call, int64_t begin, int64_t end)                               \
    {                                                                                                              \
        compute_complex(call, begin, end, compute_##name);                                                         \
    }
RG_MATRIX_KERNELS(KERNELS)
