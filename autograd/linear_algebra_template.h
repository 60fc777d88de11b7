/* linear_algebra_template.h: for one dtype, what linear_algebra.c does with one matrix; it defines REAL and NAME.
 * Included once for each.
 *
 * LAPACK's matrices lie by columns, ours by rows: what we call a, it calls a'. So a = L L' is asked for as a' = U' U,
 * and a x = b is solved as x' a' = b', from the right. Nothing is ever transposed for it. */

static const REAL *NAME(matrix)(const rg_call *call, const job *j, int k, int64_t i)
{
    return (const REAL *)call->in[k] + offset_of(call, j, k, i);
}

/* ---- Cholesky --------------------------------------------------------------------------------------------------- */

static void NAME(copy_lower)(int64_t n, const REAL *from, REAL *to)
{
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++) to[r * n + c] = c > r ? 0 : from[r * n + c];
}

static bool NAME(compute_cholesky)(const rg_call *call, const job *j, int64_t i, void *y)
{
    int info = 0;
    NAME(copy_lower)(j->n, NAME(matrix)(call, j, 0, i), y);
    if (j->n) j->lapack.potrf("U", &j->n, y, &j->n, &info, 1);
    return info == 0;
}

/* c += factor op(a) b, where op(a) is m x k and b k x n, by rows. */
static void NAME(add_product)(const job *j, const char *op, int m, int n, int k, REAL factor, const REAL *a,
                              const REAL *b, REAL *c, int c_row)
{
    const REAL one = 1;
    if (m && n && k) j->lapack.gemm("N", op, &n, &m, &k, &factor, b, &j->n, a, &j->n, &one, c, &c_row, 1, 1);
}

/* The adjoint of the factorisation of one block, its last column first. */
static void NAME(adjoint_of_block)(const REAL *l, REAL *s, int size, int64_t n)
{
    for (int64_t k = size - 1; k >= 0; k--) {
        for (int64_t r = k + 1; r < size; r++) {
            s[k * n + k] -= l[r * n + k] * s[r * n + k] / l[k * n + k];
            s[r * n + k] /= l[k * n + k];
        }
        s[k * n + k] /= 2 * l[k * n + k];
        for (int64_t c = 0; c < k; c++) s[k * n + c] -= 2 * s[k * n + k] * l[k * n + c];
        for (int64_t r = k + 1; r < size; r++)
            for (int64_t c = 0; c < k; c++) {
                s[k * n + c] -= s[r * n + k] * l[r * n + c];
                s[r * n + c] -= s[r * n + k] * l[k * n + c];
            }
    }
}

/* The adjoint of the factorisation, block by block from the last to the first [Murray 2016, section 3.3]. Where
 *     . . .
 *     R D .
 *     B C .
 * are blocks of L, those of s are the cotangent of L, and at the end that of a. Only lower triangles are read. */
static bool NAME(compute_cholesky_adjoint)(const rg_call *call, const job *j, int64_t i, void *y)
{
    enum { BLOCK = 32 };
    const int n = j->n;
    const REAL *l = NAME(matrix)(call, j, 0, i), one = 1;
    REAL *s = y, square[BLOCK * BLOCK];
    NAME(copy_lower)(n, NAME(matrix)(call, j, 1, i), s);
    for (int end = n, first; end > 0; end = first) {
        first = end > BLOCK ? end - BLOCK : 0;
        const int size = end - first, below = n - end;
        const int64_t to_r = (int64_t)first * n, to_d = to_r + first, to_b = (int64_t)end * n, to_c = to_b + first;
        if (below) j->lapack.trsm("L", "U", "N", "N", &size, &below, &one, l + to_d, &n, s + to_c, &n, 1, 1, 1, 1);
        NAME(add_product)(j, "N", below, first, size, -1, s + to_c, l + to_r, s + to_b, n);
        memset(square, 0, sizeof square);
        NAME(add_product)(j, "T", size, size, below, -1, s + to_c, l + to_c, square, BLOCK);
        for (int64_t r = 0; r < size; r++)
            for (int64_t c = 0; c <= r; c++) s[to_d + r * n + c] += square[r * BLOCK + c];
        NAME(adjoint_of_block)(l + to_d, s + to_d, size, n);
        NAME(add_product)(j, "T", size, first, below, -1, s + to_c, l + to_b, s + to_r, n);
        NAME(add_product)(j, "N", size, first, size, -1, s + to_d, l + to_r, s + to_r, n);
        NAME(add_product)(j, "T", size, first, size, -1, s + to_d, l + to_r, s + to_r, n);
    }
    return true;
}

/* ---- Equations -------------------------------------------------------------------------------------------------- */

/* x op(t) = x, in place, for a triangle t as LAPACK sees it. */
static void NAME(from_the_right)(const job *j, const char *uplo, const char *op, const char *unit, const REAL *t,
                                 REAL *x)
{
    const REAL one = 1;
    if (j->n && j->m) j->lapack.trsm("R", uplo, op, unit, &j->m, &j->n, &one, t, &j->n, x, &j->m, 1, 1, 1, 1);
}

static bool NAME(compute_triangular_solve)(const rg_call *call, const job *j, int64_t i, void *y)
{
    const bool unit = has_flag(call, RG_UNIT_DIAGONAL);
    const REAL *a = NAME(matrix)(call, j, 0, i);
    if (j->elements) memcpy(y, NAME(matrix)(call, j, 1, i), (size_t)j->elements * sizeof(REAL));
    for (int64_t d = 0; !unit && d < j->n; d++)
        if (a[d * j->n + d] == 0) return false;
    const char *uplo = has_flag(call, RG_UPPER) ? "L" : "U", *op = has_flag(call, RG_TRANSPOSED) ? "T" : "N";
    NAME(from_the_right)(j, uplo, op, unit ? "U" : "N", a, y);
    return true;
}

/* a' = P L U in scratch memory, with the interchanges behind it; false if U has a zero on its diagonal. */
static bool NAME(factorise)(const rg_call *call, const job *j, int64_t i, REAL **lu, int **pivots)
{
    const size_t bytes = (size_t)j->n * (size_t)j->n * sizeof(REAL);
    char *room = (char *)call->scratch + (size_t)i * j->room;
    int info = 0;
    *lu = (REAL *)(void *)room;
    *pivots = (int *)(void *)(room + bytes);
    if (j->n == 0) return true;
    memcpy(*lu, NAME(matrix)(call, j, 0, i), bytes);
    j->lapack.getrf(&j->n, &j->n, *lu, &j->n, *pivots, &info);
    return info == 0;
}

/* Rows of x, exchanged as the factorisation did, or back. */
static void NAME(interchange)(const job *j, const int *pivots, bool back, REAL *x)
{
    for (int step = 0; step < j->n; step++) {
        const int row = back ? j->n - 1 - step : step;
        REAL *a = x + (int64_t)row * j->m, *b = x + (int64_t)(pivots[row] - 1) * j->m;
        for (int c = 0; a != b && c < j->m; c++) {
            const REAL kept = a[c];
            a[c] = b[c];
            b[c] = kept;
        }
    }
}

/* a x = b is x' P L U = b';  a' x = b is x' U' L' P' = b'. */
static bool NAME(compute_solve)(const rg_call *call, const job *j, int64_t i, void *y)
{
    REAL *lu;
    int *pivots;
    if (j->elements) memcpy(y, NAME(matrix)(call, j, 1, i), (size_t)j->elements * sizeof(REAL));
    if (!NAME(factorise)(call, j, i, &lu, &pivots)) return false;
    if (has_flag(call, RG_TRANSPOSED)) {
        NAME(interchange)(j, pivots, false, y);
        NAME(from_the_right)(j, "L", "T", "U", lu, y);
        NAME(from_the_right)(j, "U", "T", "N", lu, y);
    } else {
        NAME(from_the_right)(j, "U", "N", "N", lu, y);
        NAME(from_the_right)(j, "L", "N", "U", lu, y);
        NAME(interchange)(j, pivots, true, y);
    }
    return true;
}

/* The factors are copied to the result, and their memory is LAPACK's to work in. */
static bool NAME(compute_inverse)(const rg_call *call, const job *j, int64_t i, void *y)
{
    enum { COLUMNS_AT_ONCE = 64 };
    const int room = j->n * (j->n < COLUMNS_AT_ONCE ? j->n : COLUMNS_AT_ONCE);
    REAL *lu;
    int *pivots, info = 0;
    if (!NAME(factorise)(call, j, i, &lu, &pivots)) return false;
    if (j->n == 0) return true;
    memcpy(y, lu, (size_t)j->elements * sizeof(REAL));
    j->lapack.getri(&j->n, y, &j->n, pivots, lu, &room, &info);
    return info == 0;
}

/* ---- Determinants ----------------------------------------------------------------------------------------------- */

static determinant NAME(determinant_of)(const rg_call *call, const job *j, int64_t i)
{
    determinant d = { 1, 1, 0 };
    REAL *lu;
    int *pivots;
    NAME(factorise)(call, j, i, &lu, &pivots);
    for (int64_t r = 0; r < j->n; r++) multiply_in(&d, (double)lu[r * (j->n + 1)], pivots[r] != r + 1);
    return d;
}

#define DETERMINANT(name, part)                                                                                    \
    static bool NAME(compute_##name)(const rg_call *call, const job *j, int64_t i, void *y)                        \
    {                                                                                                              \
        const determinant d = NAME(determinant_of)(call, j, i);                                                    \
        *(REAL *)y = (REAL)(part);                                                                                 \
        return true;                                                                                               \
    }
DETERMINANT(determinant, d.value)
DETERMINANT(sign_determinant, d.sign)
DETERMINANT(log_abs_determinant, d.log)
DETERMINANT(logdet, d.sign < 0 ? NAN : d.log)
#undef DETERMINANT

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

#define KERNEL(name)                                                                                               \
    static void NAME(name)(const rg_call *call, int64_t begin, int64_t end)                                        \
    {                                                                                                              \
        compute_each(call, begin, end, NAME(compute_##name));                                                      \
    }
KERNEL(cholesky)
KERNEL(cholesky_adjoint)
KERNEL(triangular_solve)
KERNEL(solve)
KERNEL(inverse)
KERNEL(determinant)
KERNEL(sign_determinant)
KERNEL(log_abs_determinant)
KERNEL(logdet)
#undef KERNEL
