/* linear_algebra_template.h: for one type of numbers, what linear_algebra_kernels.c does with the elements of a matrix itself; it
 * defines REAL, NAME, and WIDE, in which determinants are multiplied up. Included once for each.
 *
 * Over complex numbers, IS_COMPLEX, nothing is conjugated, and what is compared is a real part: so it continues the real
 * function. */

static void NAME(copy_lower)(int64_t n, const void *from, void *to)
{
    const REAL *x = from;
    REAL *y = to;
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c < n; c++) y[r * n + c] = c > r ? 0 : x[r * n + c];
}

static bool NAME(has_pivots)(int64_t count, int64_t n, const void *matrix)
{
    const REAL *a = matrix;
    int64_t k = 0;
    while (k < count && RE(a[k * (n + 1)]) != 0) k++;
    return k >= count;
}

/* ---- Cholesky --------------------------------------------------------------------------------------------------- */

/* The adjoint of the factorisation of one block, its last column first. */
static void NAME(adjoint_of_block)(const void *factor, void *cotangent, int size, int64_t n)
{
    const REAL *l = factor;
    REAL *s = cotangent;
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

/* Its tangent, the first column first. */
static void NAME(tangent_of_block)(const void *factor, void *tangent, int size, int64_t n)
{
    const REAL *l = factor;
    REAL *s = tangent;
    for (int64_t k = 0; k < size; k++) {
        for (int64_t c = 0; c < k; c++) s[k * n + k] -= 2 * l[k * n + c] * s[k * n + c];
        s[k * n + k] /= 2 * l[k * n + k];
        for (int64_t r = k + 1; r < size; r++) {
            REAL *x = &s[r * n + k];
            *x -= l[r * n + k] * s[k * n + k];
            for (int64_t c = 0; c < k; c++) *x -= s[r * n + c] * l[k * n + c] + l[r * n + c] * s[k * n + c];
            *x /= l[k * n + k];
        }
    }
}

/* A square of BLOCK columns is added to the lower triangle of a block, or that and its transpose are. */
static void NAME(add_square)(const void *square, bool and_transpose, void *to, int size, int64_t n)
{
    const REAL *x = square;
    REAL *s = to;
    for (int64_t r = 0; r < size; r++)
        for (int64_t c = 0; c <= r; c++) s[r * n + c] += x[r * BLOCK + c] + (and_transpose ? x[c * BLOCK + r] : 0);
}

/* ---- Determinants ----------------------------------------------------------------------------------------------- */

/* Of P L U Q; each interchange turns the sign. */
static void NAME(determinant_of)(int64_t n, const void *factors, const int *rows, const int *columns, determinant_part part,
                                 void *y)
{
    const REAL *lu = factors;
    WIDE value = 1, log_of_size = 0;
    double sign = 1;
    for (int64_t k = 0; k < n; k++) {
        const WIDE u = lu[k * (n + 1)];
        const double turned = (rows[k] != k + 1) != (columns[k] != k + 1) ? -1 : 1;
        value *= turned * u;
        sign *= turned * (RE(u) > 0 ? 1 : RE(u) < 0 ? -1 : RE(u));
        log_of_size += LOG_ABS(u);
    }
    const WIDE parts[] = { value, sign, log_of_size, sign < 0 ? (WIDE)NAN : log_of_size };
    *(REAL *)y = (REAL)parts[part];
}

#ifndef IS_COMPLEX
/* P L U Q = a' in place, by elimination with the largest of what is left for a pivot: so pivots that are 0 come last, as many
 * as the rank leaves. Interchanges as LAPACK has them, from 1. */
static void NAME(eliminate)(int64_t n, void *matrix, int *rows, int *columns)
{
    REAL *a = matrix;
    for (int64_t k = 0; k < n; k++) {
        int64_t row = k, column = k;
        for (int64_t c = k; c < n; c++)
            for (int64_t r = k; r < n; r++)
                if (fabs(a[r + c * n]) > fabs(a[row + column * n]) || isnan(a[r + c * n])) row = r, column = c;
        rows[k] = (int)row + 1;
        columns[k] = (int)column + 1;
        exchange(n, sizeof *a, a + k, a + row, (size_t)n * sizeof *a);
        exchange(n, sizeof *a, a + k * n, a + column * n, sizeof *a);
        const REAL pivot = a[k * (n + 1)];
        for (int64_t r = k + 1; r < n && pivot != 0; r++) {
            const REAL factor = a[r + k * n] /= pivot;
            for (int64_t c = k + 1; c < n; c++) a[r + c * n] -= factor * a[k + c * n];
        }
    }
}

#endif

/* Where compute_cofactors says C det(P) det(Q), for V^-1 and -V^-1 u in the places of V and u, and 1 in that of d. */
static void NAME(cofactors_of_triangle)(int64_t n, const void *triangle, const void *but_last, const void *last, void *result)
{
    const REAL *u = triangle;
    REAL *y = result;
    const WIDE product = *(const REAL *)but_last, d = *(const REAL *)last;
    for (int64_t r = 0; r < n; r++) {
        const WIDE factor = r < n - 1 ? d : 1;
        for (int64_t c = 0; c < n; c++) y[r + c * n] = c > r ? 0 : (REAL)(product * u[r * n + c] * factor);
    }
}

static const numbers NAME(numbers) = {
    .item = sizeof(REAL),
    .one = &(const REAL){ 1 },
    .minus_one = &(const REAL){ -1 },
    .nan = &(const REAL){ (REAL)NAN },
    .copy_lower = NAME(copy_lower),
    .has_pivots = NAME(has_pivots),
    .adjoint_of_block = NAME(adjoint_of_block),
    .tangent_of_block = NAME(tangent_of_block),
    .add_square = NAME(add_square),
    .determinant_of = NAME(determinant_of),
#ifndef IS_COMPLEX
    .eliminate = NAME(eliminate),
#endif
    .cofactors_of_triangle = NAME(cofactors_of_triangle),
};
