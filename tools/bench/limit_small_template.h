/* limit_small_template.h: training steps of 2-16-16-1 with tanh and squared error. A template: see each_kind.h.
 * A row of sixteen numbers is VECTORS vectors, which stay in registers. */

typedef REAL NAME(vector) __attribute__((vector_size(BYTES), may_alias));
#define VECTOR NAME(vector)
#define LANES (BYTES / (int)sizeof(REAL))
#define VECTORS (SMALL_HIDDEN / LANES)
#define EACH UNROLLED for (int v = 0; v < VECTORS; v++)
#define ROWS (VECTORS > 2 ? 2 : 4) /* side by side: as many as there are registers for */

typedef struct {
    VECTOR part[SMALL_HIDDEN / (BYTES / sizeof(REAL))];
} NAME(row);

typedef struct {
    _Alignas(64) REAL w1[SMALL_IN][SMALL_HIDDEN];   /* [in][out], so that loops over `out` are vectors */
    REAL b1[SMALL_HIDDEN];
    REAL w2[SMALL_HIDDEN][SMALL_HIDDEN], w2_transposed[SMALL_HIDDEN][SMALL_HIDDEN];
    REAL b2[SMALL_HIDDEN];
    REAL w3[SMALL_HIDDEN];
    REAL b3, rate, loss;
    REAL (*h1)[SMALL_HIDDEN], (*h2)[SMALL_HIDDEN], (*d1)[SMALL_HIDDEN], (*d2)[SMALL_HIDDEN]; /* [batch] */
    int64_t batch;
} NAME(numbers);

#define ROW NAME(row)
#define NUMBERS NAME(numbers)
#define INLINE static inline __attribute__((always_inline)) TARGET

INLINE ROW NAME(load)(const REAL *from)
{
    ROW row;
    EACH row.part[v] = ((const VECTOR *)(const void *)from)[v];
    return row;
}

INLINE void NAME(store)(REAL *to, ROW row)
{
    EACH ((VECTOR *)(void *)to)[v] = row.part[v];
}

/* c + a b */
INLINE ROW NAME(add_scaled)(ROW c, REAL a, ROW b)
{
    const VECTOR all = a - (VECTOR){ 0 };
    EACH c.part[v] = MULTIPLY_ADD(all, b.part[v], c.part[v]);
    return c;
}

INLINE ROW NAME(sum_of)(ROW a, ROW b)
{
    EACH a.part[v] += b.part[v];
    return a;
}

/* d (1 - h^2): through tanh. */
INLINE ROW NAME(back)(ROW d, ROW h)
{
    EACH d.part[v] *= 1 - h.part[v] * h.part[v];
    return d;
}

INLINE REAL NAME(dot)(ROW a, ROW b)
{
    VECTOR sum = a.part[0] * b.part[0];
    UNROLLED for (int v = 1; v < VECTORS; v++) sum = MULTIPLY_ADD(a.part[v], b.part[v], sum);
    REAL lane[LANES];
    memcpy(lane, &sum, sizeof lane);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

INLINE void NAME(tanh_all)(int64_t count, REAL *x)
{
    RG_INDEPENDENT
    for (int64_t i = 0; i < count; i++) x[i] = OF_TYPE(rg_tanh)(x[i]);
}

/* One example: every update is made as soon as the old weight has been read. */
static TARGET void NAME(step_of_one)(NUMBERS *net, const mlp_batch *batch)
{
    const REAL *x = batch->x, *targets = batch->targets, x0 = x[0], x1 = x[1], rate = net->rate;
    REAL *h1 = net->h1[0], *h2 = net->h2[0], *d2 = net->d2[0];
    NAME(store)(h1, NAME(add_scaled)(NAME(add_scaled)(NAME(load)(net->b1), x0, NAME(load)(net->w1[0])), x1,
                                     NAME(load)(net->w1[1])));
    NAME(tanh_all)(SMALL_HIDDEN, h1);
    ROW even = NAME(load)(net->b2), odd = { { { 0 } } };
    for (int i = 0; i < SMALL_HIDDEN; i += 2) {
        even = NAME(add_scaled)(even, h1[i], NAME(load)(net->w2[i]));
        odd = NAME(add_scaled)(odd, h1[i + 1], NAME(load)(net->w2[i + 1]));
    }
    NAME(store)(h2, NAME(sum_of)(even, odd));
    NAME(tanh_all)(SMALL_HIDDEN, h2);

    const ROW h1_row = NAME(load)(h1), h2_row = NAME(load)(h2), w3 = NAME(load)(net->w3), zero = { { { 0 } } };
    const REAL error = NAME(dot)(h2_row, w3) + net->b3 - targets[0], dy = 2 * error, down = -rate * dy;
    net->loss = error * error;
    const ROW d2_row = NAME(back)(NAME(add_scaled)(zero, dy, w3), h2_row);
    NAME(store)(d2, d2_row);
    NAME(store)(net->w3, NAME(add_scaled)(w3, down, h2_row));
    net->b3 += down;
    ROW d1 = zero, d1_odd = zero;
    for (int i = 0; i < SMALL_HIDDEN; i += 2) {
        const ROW w = NAME(load)(net->w2_transposed[i]), w_odd = NAME(load)(net->w2_transposed[i + 1]);
        d1 = NAME(add_scaled)(d1, d2[i], w);
        d1_odd = NAME(add_scaled)(d1_odd, d2[i + 1], w_odd);
        NAME(store)(net->w2_transposed[i], NAME(add_scaled)(w, -rate * d2[i], h1_row));
        NAME(store)(net->w2_transposed[i + 1], NAME(add_scaled)(w_odd, -rate * d2[i + 1], h1_row));
    }
    for (int i = 0; i < SMALL_HIDDEN; i++)
        NAME(store)(net->w2[i], NAME(add_scaled)(NAME(load)(net->w2[i]), -rate * h1[i], d2_row));
    NAME(store)(net->b2, NAME(add_scaled)(NAME(load)(net->b2), -rate, d2_row));
    d1 = NAME(back)(NAME(sum_of)(d1, d1_odd), h1_row);
    NAME(store)(net->w1[0], NAME(add_scaled)(NAME(load)(net->w1[0]), -rate * x0, d1));
    NAME(store)(net->w1[1], NAME(add_scaled)(NAME(load)(net->w1[1]), -rate * x1, d1));
    NAME(store)(net->b1, NAME(add_scaled)(NAME(load)(net->b1), -rate, d1));
}

/* y[r] = start + sum over k of a(r, k) b[k], ROWS rows side by side, where a(r, k) = a[r * by_row + k * by_k]. */
INLINE void NAME(product)(int64_t rows, int64_t terms, const REAL *a, int64_t by_row, int64_t by_k,
                          const REAL (*b)[SMALL_HIDDEN], ROW start, REAL (*y)[SMALL_HIDDEN])
{
    for (int64_t r = 0; r < rows; r += ROWS) {
        ROW sum[ROWS];
        const REAL *at = a + r * by_row;
        UNROLLED for (int i = 0; i < ROWS; i++) sum[i] = start;
        for (int64_t k = 0; k < terms; k++, at += by_k) {
            const ROW each = NAME(load)(b[k]);
            UNROLLED for (int i = 0; i < ROWS; i++) sum[i] = NAME(add_scaled)(sum[i], at[i * by_row], each);
        }
        UNROLLED for (int i = 0; i < ROWS; i++) NAME(store)(y[r + i], sum[i]);
    }
}

/* The last layer both ways: the loss, d2, and the update of w3, b3 and b2. */
INLINE void NAME(turn)(NUMBERS *net, const mlp_batch *batch)
{
    const ROW w3 = NAME(load)(net->w3), zero = { { { 0 } } };
    const REAL share = 1 / (REAL)net->batch, *targets = batch->targets;
    ROW w3_sum = zero, b2_sum = zero;
    REAL b3_sum = 0, loss = 0;
    for (int64_t r = 0; r < net->batch; r++) {
        const ROW h2 = NAME(load)(net->h2[r]);
        const REAL error = NAME(dot)(h2, w3) + net->b3 - targets[r], dy = 2 * share * error;
        const ROW d2 = NAME(back)(NAME(add_scaled)(zero, dy, w3), h2);
        loss += error * error;
        w3_sum = NAME(add_scaled)(w3_sum, dy, h2);
        b2_sum = NAME(sum_of)(b2_sum, d2);
        b3_sum += dy;
        NAME(store)(net->d2[r], d2);
    }
    net->loss = loss * share;
    NAME(store)(net->w3, NAME(add_scaled)(w3, -net->rate, w3_sum));
    NAME(store)(net->b2, NAME(add_scaled)(NAME(load)(net->b2), -net->rate, b2_sum));
    net->b3 -= net->rate * b3_sum;
}

static TARGET void NAME(step)(NUMBERS *net, const mlp_batch *batch)
{
    const int64_t rows = net->batch;
    const REAL *x = batch->x;
    const ROW zero = { { { 0 } } };
    _Alignas(64) REAL gradient[SMALL_HIDDEN][SMALL_HIDDEN];
    NAME(product)(rows, SMALL_IN, x, SMALL_IN, 1, (const REAL(*)[SMALL_HIDDEN])net->w1, NAME(load)(net->b1),
                  net->h1);
    NAME(tanh_all)(rows * SMALL_HIDDEN, net->h1[0]);
    NAME(product)(rows, SMALL_HIDDEN, net->h1[0], SMALL_HIDDEN, 1, (const REAL(*)[SMALL_HIDDEN])net->w2,
                  NAME(load)(net->b2), net->h2);
    NAME(tanh_all)(rows * SMALL_HIDDEN, net->h2[0]);
    NAME(turn)(net, batch);

    NAME(product)(rows, SMALL_HIDDEN, net->d2[0], SMALL_HIDDEN, 1, (const REAL(*)[SMALL_HIDDEN])net->w2_transposed,
                  zero, net->d1);
    NAME(product)(SMALL_HIDDEN, rows, net->h1[0], 1, SMALL_HIDDEN, (const REAL(*)[SMALL_HIDDEN])net->d2, zero,
                  gradient);
    for (int i = 0; i < SMALL_HIDDEN; i++) {
        NAME(store)(net->w2[i], NAME(add_scaled)(NAME(load)(net->w2[i]), -net->rate, NAME(load)(gradient[i])));
        for (int o = 0; o < SMALL_HIDDEN; o++) net->w2_transposed[o][i] = net->w2[i][o];
    }
    ROW w1_sum = zero, w1_sum_1 = zero, b1_sum = zero;
    for (int64_t r = 0; r < rows; r++) {
        const ROW d1 = NAME(back)(NAME(load)(net->d1[r]), NAME(load)(net->h1[r]));
        w1_sum = NAME(add_scaled)(w1_sum, x[2 * r], d1);
        w1_sum_1 = NAME(add_scaled)(w1_sum_1, x[2 * r + 1], d1);
        b1_sum = NAME(sum_of)(b1_sum, d1);
    }
    NAME(store)(net->w1[0], NAME(add_scaled)(NAME(load)(net->w1[0]), -net->rate, w1_sum));
    NAME(store)(net->w1[1], NAME(add_scaled)(NAME(load)(net->w1[1]), -net->rate, w1_sum_1));
    NAME(store)(net->b1, NAME(add_scaled)(NAME(load)(net->b1), -net->rate, b1_sum));
}

/* ---- Making, reading and writing ------------------------------------------------------------------------------- */

static void *NAME(make)(int64_t batch)
{
    const size_t each = (size_t)batch * sizeof(REAL[SMALL_HIDDEN]);
    NUMBERS *net = aligned_alloc(64, sizeof *net + 4 * each);
    if (!net) return NULL;
    memset(net, 0, sizeof *net + 4 * each);
    net->h1 = (REAL(*)[SMALL_HIDDEN])(void *)(net + 1);
    net->h2 = net->h1 + batch;
    net->d1 = net->h2 + batch;
    net->d2 = net->d1 + batch;
    net->batch = batch;
    return net;
}

static double NAME(train)(void *numbers, double rate, const mlp_batch *batch)
{
    NUMBERS *net = numbers;
    net->rate = (REAL)rate;
    if (net->batch == 1) NAME(step_of_one)(net, batch);
    else NAME(step)(net, batch);
    return (double)net->loss;
}

static void NAME(set)(void *numbers, const void *from)
{
    NUMBERS *net = numbers;
    const REAL *theta = from;
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_IN; i++) net->w1[i][o] = *theta++;
    for (int o = 0; o < SMALL_HIDDEN; o++) net->b1[o] = *theta++;
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_HIDDEN; i++) net->w2[i][o] = net->w2_transposed[o][i] = *theta++;
    for (int o = 0; o < SMALL_HIDDEN; o++) net->b2[o] = *theta++;
    for (int i = 0; i < SMALL_HIDDEN; i++) net->w3[i] = *theta++;
    net->b3 = *theta;
}

static void NAME(get)(const void *numbers, void *to)
{
    const NUMBERS *net = numbers;
    REAL *theta = to;
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_IN; i++) *theta++ = net->w1[i][o];
    for (int o = 0; o < SMALL_HIDDEN; o++) *theta++ = net->b1[o];
    for (int o = 0; o < SMALL_HIDDEN; o++)
        for (int i = 0; i < SMALL_HIDDEN; i++) *theta++ = net->w2[i][o];
    for (int o = 0; o < SMALL_HIDDEN; o++) *theta++ = net->b2[o];
    for (int i = 0; i < SMALL_HIDDEN; i++) *theta++ = net->w3[i];
    *theta = net->b3;
}

static const small_kind NAME(kind) = { NAME(make), NAME(train), NAME(set), NAME(get) };

#undef VECTOR
#undef LANES
#undef VECTORS
#undef EACH
#undef ROWS
#undef ROW
#undef NUMBERS
#undef INLINE
