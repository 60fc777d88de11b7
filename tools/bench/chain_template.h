/* chain_template.h: the hand-written chain. A template: see each_level.h. */

static TARGET void NAME(op_by_op)(const chain_setup *setup, chain_numbers *numbers)
{
    const int64_t n = setup->n;
    const float *restrict w = numbers->w, *restrict b = numbers->b;
    float *restrict y = numbers->y, *restrict g = numbers->g, *restrict kept = numbers->kept, sum = 0;
    float *restrict w_gradient = numbers->w_gradient, *restrict b_gradient = numbers->b_gradient;
    memcpy(y, numbers->x, (size_t)n * sizeof *y);
    for (int64_t i = 0; i < setup->ops / 2; i++, kept += n)
        for (int64_t j = 0; j < n; j++) {
            kept[j] = y[j];
            y[j] = y[j] * w[j] + b[j];
        }
    for (int64_t j = 0; j < n; j++) sum += y[j];
    numbers->loss = (double)sum;
    for (int64_t j = 0; j < n; j++) {
        g[j] = 1;
        w_gradient[j] = b_gradient[j] = 0;
    }
    for (int64_t i = 0; i < setup->ops / 2; i++) {
        kept -= n;
        for (int64_t j = 0; j < n; j++) {
            b_gradient[j] += g[j];
            w_gradient[j] += g[j] * kept[j];
            g[j] *= w[j];
        }
    }
}

typedef float NAME(vector) __attribute__((vector_size(BYTES), may_alias));
#define VECTOR NAME(vector)
#define AT(numbers, v) (((VECTOR *)(void *)(numbers) + first)[v])
#define EACH for (int v = 0; v < vectors; v++)

/* The whole chain for a few vectors, then for the next: all but what the backward pass needs stays in registers. */
static inline __attribute__((always_inline)) TARGET void NAME(in_tiles)(const chain_setup *setup,
                                                                        chain_numbers *numbers, const int vectors)
{
    const int64_t all = (setup->n * (int64_t)sizeof(float) + BYTES - 1) / BYTES, pairs = setup->ops / 2;
    const VECTOR none = { 0 };
    for (int64_t first = 0; first < all; first += vectors) {
        VECTOR y[MOST_VECTORS], g[MOST_VECTORS], w[MOST_VECTORS], b[MOST_VECTORS], *kept = (void *)numbers->kept;
        VECTOR w_gradient[MOST_VECTORS], b_gradient[MOST_VECTORS];
        EACH y[v] = AT(numbers->x, v);
        EACH w[v] = AT(numbers->w, v);
        EACH b[v] = AT(numbers->b, v);
        for (int64_t i = 0; i < pairs; i++, kept += vectors) {
            EACH kept[v] = y[v];
            EACH y[v] = y[v] * w[v] + b[v];
        }
        EACH AT(numbers->y, v) = y[v];
        EACH g[v] = 1 + none;
        EACH w_gradient[v] = b_gradient[v] = none;
        for (int64_t i = 0; i < pairs; i++) {
            kept -= vectors;
            EACH b_gradient[v] += g[v];
            EACH w_gradient[v] += g[v] * kept[v];
            EACH g[v] *= w[v];
        }
        EACH AT(numbers->w_gradient, v) = w_gradient[v];
        EACH AT(numbers->b_gradient, v) = b_gradient[v];
    }
}

static TARGET void NAME(tiled)(const chain_setup *setup, chain_numbers *numbers)
{
    const int64_t bytes = setup->n * (int64_t)sizeof(float);
    float sum = 0;
    if (bytes <= BYTES) NAME(in_tiles)(setup, numbers, 1);
    else if (bytes <= 2 * BYTES) NAME(in_tiles)(setup, numbers, 2);
    else NAME(in_tiles)(setup, numbers, MOST_VECTORS);
    for (int64_t j = 0; j < setup->n; j++) sum += numbers->y[j];
    numbers->loss = (double)sum;
}

#undef VECTOR
#undef AT
#undef EACH
