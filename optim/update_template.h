/* update_template.h: the update rules for one dtype, REAL, with its root, ROOT, compiled for TARGET, under names of
 * their own, NAME(f). Included by update.c once for each; so there is no guard. Every number of theta is computed
 * alike and by itself, so the loops can be vectorised at any width without a change of bits. */

/* A comparison with NaN is false, so a NaN stays one. */
static inline TARGET REAL NAME(clipped)(REAL gradient, REAL scale, REAL limit)
{
    gradient *= scale;
    gradient = gradient > limit ? limit : gradient;
    return gradient < -limit ? -limit : gradient;
}

static TARGET void NAME(sgd)(size_t count, void *theta, const void *gradient, void *const *states,
                              const rg_opt_numbers *numbers)
{
    REAL *restrict x = theta;
    const REAL *restrict g = gradient;
    const REAL scale = (REAL)numbers->scale, limit = (REAL)numbers->limit;
    const REAL decay = (REAL)numbers->decay, rate = (REAL)numbers->rate;
    (void)states;
    if (numbers->plain) {
        RG_INDEPENDENT
        for (size_t i = 0; i < count; i++) x[i] -= rate * g[i];
        return;
    }
    for (size_t i = 0; i < count; i++)
        x[i] -= rate * (NAME(clipped)(g[i], scale, limit) + decay * x[i]);
}

/* As an op. It runs over theta in place, in part, and fused into what computes the gradient. */
static void NAME(sgd_kernel)(const rg_call *call, int64_t begin, int64_t end)
{
    NAME(sgd)((size_t)(end - begin), (REAL *)call->out + begin, (const REAL *)call->in[1] + begin, NULL, call->in[2]);
}

static const rg_step *NAME(sgd_step)(const rg_step *step)
{
    NAME(sgd)((size_t)step->count, step->out, step->in[1], NULL, step->in[2]);
    return RG_NEXT_STEP(step);
}

/* x -= rate (a b + 0), where the product is rounded as that of matrices is: m rows of n numbers, n a multiple of VECTOR.
 * A short row b stays in registers; a long one is read once for four rows of theta. */
static TARGET void NAME(rank_one_plain)(int64_t m, int64_t n, REAL *x, const REAL *a, int64_t stride, const REAL *b, REAL rate)
{
    typedef REAL vector __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));
    const vector zero = { 0 }, *row = (const vector *)(const void *)b;
    const int64_t vectors = n / VECTOR;
    vector *to = (vector *)(void *)x;
    if (vectors == 2) {
        const vector first = row[0], last = row[1];
        for (int64_t i = 0; i < m; i++, to += 2) {
            to[0] -= rate * (a[i * stride] * first + zero);
            to[1] -= rate * (a[i * stride] * last + zero);
        }
        return;
    }
    int64_t i = 0;
    for (; i + 4 <= m; i += 4, to += 4 * vectors) {
        const REAL *each = a + i * stride, first = each[0], second = each[stride], third = each[2 * stride], last = each[3 * stride];
        for (int64_t j = 0; j < vectors; j++) {
            to[j] -= rate * (first * row[j] + zero);
            to[vectors + j] -= rate * (second * row[j] + zero);
            to[2 * vectors + j] -= rate * (third * row[j] + zero);
            to[3 * vectors + j] -= rate * (last * row[j] + zero);
        }
    }
    for (; i < m; i++, to += vectors)
        for (int64_t j = 0; j < vectors; j++) to[j] -= rate * (a[i * stride] * row[j] + zero);
}

/* The same for two numbers a row, where a lies side by side. */
static TARGET void NAME(rank_one_pairs)(int64_t m, REAL *restrict x, const REAL *restrict a, REAL b, REAL c, REAL rate)
{
    for (int64_t i = 0; i < m; i++) {
        x[2 * i] -= rate * (a[i] * b + (REAL)0);
        x[2 * i + 1] -= rate * (a[i] * c + (REAL)0);
    }
}

/* m rows of theta by the gradient a b. */
static TARGET void NAME(rank_one)(const rg_gemm_shape *s, int64_t m, REAL *x, const REAL *a, const REAL *b,
                                  const rg_opt_numbers *numbers)
{
    const int64_t n = s->n, stride = s->a.row_stride, along = s->b.column_stride;
    REAL gradient[CHUNK];
    if (numbers->plain && n % VECTOR == 0 && along == 1) {
        NAME(rank_one_plain)(m, n, x, a, stride, b, (REAL)numbers->rate);
        return;
    }
    if (numbers->plain && n == 2 && stride == 1) {
        NAME(rank_one_pairs)(m, x, a, b[0], b[along], (REAL)numbers->rate);
        return;
    }
    for (int64_t i = 0; i < m; i++, x += n, a += stride)
        for (int64_t j = 0, part; j < n; j += part) {
            part = n - j < (int64_t)CHUNK ? n - j : (int64_t)CHUNK;
            for (int64_t k = 0; k < part; k++) gradient[k] = *a * b[(j + k) * along] + (REAL)0;
            NAME(sgd)((size_t)part, x + j, gradient, NULL, numbers);
        }
}

static TARGET const rg_step *NAME(sgd_rank_one_step)(const rg_step *step)
{
    const rg_gemm_shape *s = step->attributes;
    NAME(rank_one)(s, s->m, step->out, step->in[0], step->in[1], step->in[2]);
    return RG_NEXT_STEP(step);
}

static void NAME(sgd_rank_one)(const rg_call *call, int64_t begin, int64_t end)
{
    const rg_gemm_shape *s = call->prepared;
    NAME(rank_one)(s, end - begin, (REAL *)call->out + begin * s->n, (const REAL *)call->in[0] + begin * s->a.row_stride,
                   call->in[1], call->in[2]);
}

static TARGET void NAME(momentum)(size_t count, void *theta, const void *gradient, void *const *states,
                              const rg_opt_numbers *numbers)
{
    REAL *restrict x = theta, *restrict m = states[0];
    const REAL *restrict g = gradient;
    const REAL scale = (REAL)numbers->scale, limit = (REAL)numbers->limit;
    const REAL decay = (REAL)numbers->decay, rate = (REAL)numbers->rate;
    const REAL keep = (REAL)numbers->keep1, add = (REAL)numbers->add1;
    const REAL gradient_part = (REAL)numbers->gradient_part, state_part = (REAL)numbers->state_part;
    for (size_t i = 0; i < count; i++) {
        REAL each = NAME(clipped)(g[i], scale, limit) + decay * x[i];
        m[i] = keep * m[i] + add * each;
        x[i] -= rate * (gradient_part * each + state_part * m[i]);
    }
}

static TARGET void NAME(adam)(size_t count, void *theta, const void *gradient, void *const *states,
                              const rg_opt_numbers *numbers)
{
    REAL *restrict x = theta, *restrict m = states[0], *restrict v = states[1];
    const REAL *restrict g = gradient;
    const REAL scale = (REAL)numbers->scale, limit = (REAL)numbers->limit;
    const REAL decay = (REAL)numbers->decay, shrink = (REAL)numbers->shrink, rate = (REAL)numbers->rate;
    const REAL keep1 = (REAL)numbers->keep1, add1 = (REAL)numbers->add1;
    const REAL keep2 = (REAL)numbers->keep2, add2 = (REAL)numbers->add2;
    const REAL root = (REAL)numbers->root, epsilon = (REAL)numbers->epsilon;
    for (size_t i = 0; i < count; i++) {
        REAL each = NAME(clipped)(g[i], scale, limit) + decay * x[i];
        m[i] = keep1 * m[i] + add1 * each;
        v[i] = keep2 * v[i] + add2 * (each * each);
        x[i] = shrink * x[i] - rate * (m[i] / (ROOT(v[i]) * root + epsilon));
    }
}

/* Chunks of a fixed size, eight interleaved sums in each, and the chunks added with what rounding loses of them
 * [Kahan 1965; Neumaier 1974]: a fixed order, and an error that hardly grows with the count. */
static TARGET double NAME(squares)(size_t count, const void *vector)
{
    const REAL *numbers = vector;
    double total = 0.0, lost = 0.0;
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t end = count - start < CHUNK ? count : start + CHUNK, i = start;
        double lanes[LANES] = { 0.0 };
        for (; i + LANES <= end; i += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                lanes[lane] += (double)numbers[i + lane] * (double)numbers[i + lane];
        for (size_t lane = 0; i < end; i++, lane++) lanes[lane] += (double)numbers[i] * (double)numbers[i];
        double low = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
        double high = (lanes[4] + lanes[5]) + (lanes[6] + lanes[7]);
        double chunk = low + high, sum = total + chunk;
        lost += total >= chunk ? (total - sum) + chunk : (chunk - sum) + total;
        total = sum;
    }
    return isfinite(total) ? total + lost : total;
}

static const rg_opt_kernels NAME(kernels) = {
    .update = { [RG_OPT_SGD] = NAME(sgd), [RG_OPT_MOMENTUM] = NAME(momentum), [RG_OPT_ADAM] = NAME(adam) },
    .squares = NAME(squares),
};
