/* fused_template.h: the hand-written chain of fused.c, both ways in one pass over memory. A template: see each_kind.h.
 *
 * Whatever stands between the two inputs and the two results lives in registers, or, where a loop over all of it has
 * more of it than there are registers, in a tile that stays in the nearest cache. */

/* The sum of a tile in LANES partial sums, which is what a vector loop wants. */
static TARGET REAL NAME(sum_tile)(const REAL *y)
{
    enum { LANES = 64 };
    REAL lane[LANES] = { 0 }, sum = 0;
    for (int i = 0; i < TILE; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += y[i + j];
    for (int j = 0; j < LANES; j++) sum += lane[j];
    return sum;
}

/* The same steps as in record_sum, with the names from there; d_e is the derivative of y by e, and so on. */
static TARGET double NAME(one_loop)(const fused_numbers *numbers)
{
    const REAL *x = numbers->x, *w = numbers->w;
    REAL *w_gradient = numbers->w_gradient;
    _Alignas(64) REAL y[TILE];
    double sum = 0;
    for (int64_t first = 0; first < numbers->n; first += TILE, x += TILE, w += TILE, w_gradient += TILE) {
        RG_INDEPENDENT
        for (int i = 0; i < TILE; i++) {
            const REAL a = x[i] * w[i], b = a + x[i], c = OF_TYPE(rg_sigmoid)(b), d = c * a;
            const REAL e = OF_TYPE(rg_tanh)(d), f = e + c, g = f * f, h = g * x[i], one_minus_h = 1 - h;
            y[i] = one_minus_h * e;
            const REAL d_f = -e * x[i] * 2 * f, d_d = (one_minus_h + d_f) * (1 - e * e);
            const REAL d_b = (d_f + d_d * a) * c * (1 - c);
            w_gradient[i] = (d_d * c + d_b) * x[i];
        }
        sum += (double)NAME(sum_tile)(y);
    }
    return sum;
}

/* The two functions by themselves, so that their constants need not share registers with the rest. */
static TARGET double NAME(three_loops)(const fused_numbers *numbers)
{
    const REAL *x = numbers->x, *w = numbers->w;
    REAL *w_gradient = numbers->w_gradient;
    _Alignas(64) REAL c[TILE], e[TILE], y[TILE];
    double sum = 0;
    for (int64_t first = 0; first < numbers->n; first += TILE, x += TILE, w += TILE, w_gradient += TILE) {
        for (int i = 0; i < TILE; i++) c[i] = OF_TYPE(rg_sigmoid)(x[i] * w[i] + x[i]);
        for (int i = 0; i < TILE; i++) e[i] = OF_TYPE(rg_tanh)(c[i] * (x[i] * w[i]));
        RG_INDEPENDENT
        for (int i = 0; i < TILE; i++) {
            const REAL a = x[i] * w[i], f = e[i] + c[i], one_minus_h = 1 - f * f * x[i];
            y[i] = one_minus_h * e[i];
            const REAL d_f = -e[i] * x[i] * 2 * f, d_d = (one_minus_h + d_f) * (1 - e[i] * e[i]);
            const REAL d_b = (d_f + d_d * a) * c[i] * (1 - c[i]);
            w_gradient[i] = (d_d * c[i] + d_b) * x[i];
        }
        sum += (double)NAME(sum_tile)(y);
    }
    return sum;
}
