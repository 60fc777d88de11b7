/* limit_dense_template.h: a training step of dense layers. A template: see each_kind.h. */

/* Bytes as numbers in [0, 1]. */
static TARGET void NAME(from_bytes)(int64_t count, const unsigned char *restrict bytes, void *numbers)
{
    REAL *restrict x = numbers;
    for (int64_t i = 0; i < count; i++) x[i] = (REAL)bytes[i] * ((REAL)1 / 255);
}

/* z = relu(z + bias), a row after the other. */
static TARGET void NAME(add_bias_relu)(int64_t rows, int64_t n, const REAL *restrict bias, REAL *restrict z)
{
    for (int64_t r = 0; r < rows; r++, z += n)
        for (int64_t j = 0; j < n; j++) {
            REAL a = z[j] + bias[j];
            z[j] = a > 0 ? a : 0;
        }
}

static TARGET void NAME(add_bias_tanh)(int64_t rows, int64_t n, const REAL *restrict bias, REAL *restrict z)
{
    for (int64_t r = 0; r < rows; r++, z += n)
        for (int64_t j = 0; j < n; j++) z[j] = OF_TYPE(rg_tanh)(z[j] + bias[j]);
}

/* delta (the adjoint of h) becomes that of what h = relu(z) was made of; sums its columns. */
static TARGET void NAME(back_relu)(int64_t rows, int64_t n, const REAL *restrict h, REAL *restrict delta,
                                   REAL *restrict sum)
{
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, h += n, delta += n)
        for (int64_t j = 0; j < n; j++) {
            delta[j] = h[j] > 0 ? delta[j] : 0;
            sum[j] += delta[j];
        }
}

static TARGET void NAME(back_tanh)(int64_t rows, int64_t n, const REAL *restrict h, REAL *restrict delta,
                                   REAL *restrict sum)
{
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, h += n, delta += n)
        for (int64_t j = 0; j < n; j++) {
            delta[j] *= 1 - h[j] * h[j];
            sum[j] += delta[j];
        }
}

/* The mean cross-entropy of z + bias, its adjoint, and the sum of that over the rows. The exponentials of all rows
 * are one long loop. */
static TARGET double NAME(cross_entropy)(int64_t rows, int64_t n, const REAL *restrict bias, REAL *restrict z,
                                         const int32_t *labels, REAL *restrict delta, REAL *restrict sum)
{
    const REAL share = 1 / (REAL)rows;
    REAL loss = 0;
    for (int64_t r = 0; r < rows; r++) {
        REAL *row = z + r * n, most;
        for (int64_t j = 0; j < n; j++) row[j] += bias[j];
        most = row[0];
        for (int64_t j = 1; j < n; j++) most = row[j] > most ? row[j] : most;
        for (int64_t j = 0; j < n; j++) row[j] -= most;
        loss -= row[labels[r]];
    }
    for (int64_t i = 0; i < rows * n; i++) delta[i] = OF_TYPE(rg_exp)(z[i]);
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, delta += n) {
        REAL total = 0;
        for (int64_t j = 0; j < n; j++) total += delta[j];
        loss += OF_TYPE(rg_log)(total);
        const REAL scale = share / total;
        for (int64_t j = 0; j < n; j++) delta[j] *= scale;
        delta[labels[r]] -= share;
        for (int64_t j = 0; j < n; j++) sum[j] += delta[j];
    }
    return (double)(loss * share);
}

static TARGET double NAME(squared_error)(int64_t rows, int64_t n, const REAL *restrict bias, const REAL *restrict z,
                                         const REAL *targets, REAL *restrict delta, REAL *restrict sum)
{
    const REAL share = 1 / (REAL)(rows * n);
    REAL loss = 0;
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, z += n, targets += n, delta += n)
        for (int64_t j = 0; j < n; j++) {
            const REAL error = z[j] + bias[j] - targets[j];
            loss += error * error;
            delta[j] = 2 * share * error;
            sum[j] += delta[j];
        }
    return (double)(loss * share);
}

/* y -= rate g */
static TARGET void NAME(descend)(int64_t count, REAL rate, const REAL *restrict g, REAL *restrict y)
{
    for (int64_t i = 0; i < count; i++) y[i] -= rate * g[i];
}

/* w = beta w + alpha delta x', for one example. */
static TARGET void NAME(outer_product)(int64_t out, int64_t in, REAL alpha, const REAL *restrict delta,
                                       const REAL *restrict x, bool add, REAL *restrict w)
{
    for (int64_t i = 0; i < out; i++, w += in) {
        const REAL factor = alpha * delta[i];
        if (add)
            for (int64_t j = 0; j < in; j++) w[j] += factor * x[j];
        else
            for (int64_t j = 0; j < in; j++) w[j] = factor * x[j];
    }
}

static TARGET void NAME(forward)(mlp_net *net, const mlp_batch *batch, const bench_product *product)
{
    const mlp_setup *s = &net->setup;
    const int64_t rows = s->batch;
    const REAL *x = batch->x;
    for (int i = 0; i < s->layers; i++) {
        const int64_t in = s->size[i], out = s->size[i + 1];
        const REAL *bias = net->theta.bias[i];
        REAL *y = net->output[i];
        product->multiply(product, rows, out, in, (rg_matrix){ x, in, 1 },
                          (rg_matrix){ net->theta.weight[i], 1, in }, y);
        if (i + 1 < s->layers && s->classify) NAME(add_bias_relu)(rows, out, bias, y);
        else if (i + 1 < s->layers) NAME(add_bias_tanh)(rows, out, bias, y);
        x = y;
    }
}

/* The gradient by a layer's weight; in place it is not kept, but a step is taken along it. */
static TARGET void NAME(back_weight)(mlp_net *net, int layer, const REAL *x, const bench_product *product,
                                     bool in_place)
{
    const int64_t rows = net->setup.batch, in = net->setup.size[layer], out = net->setup.size[layer + 1];
    const REAL *delta = net->delta[layer], rate = (REAL)net->rate;
    REAL *gradient = net->gradient.weight[layer], *weight = net->theta.weight[layer];
    const rg_matrix left = { delta, 1, out }, right = { x, in, 1 };
    if (rows == 1) NAME(outer_product)(out, in, in_place ? -rate : 1, delta, x, in_place, in_place ? weight : gradient);
    else if (in_place && product->add) product->add(product, out, in, rows, -net->rate, left, right, weight);
    else product->multiply(product, out, in, rows, left, right, gradient);
    if (rows > 1 && in_place && !product->add) NAME(descend)(in * out, rate, gradient, weight);
}

static TARGET void NAME(backward)(mlp_net *net, const mlp_batch *batch, const bench_product *product, bool in_place)
{
    const mlp_setup *s = &net->setup;
    const int64_t rows = s->batch;
    const REAL rate = (REAL)net->rate;
    for (int i = s->layers - 1; i >= 0; i--) {
        const int64_t in = s->size[i], out = s->size[i + 1];
        const REAL *x = i > 0 ? net->output[i - 1] : batch->x;
        if (i > 0) {
            REAL *before = net->delta[i - 1], *sum = net->gradient.bias[i - 1];
            product->multiply(product, rows, in, out, (rg_matrix){ net->delta[i], out, 1 },
                              (rg_matrix){ net->theta.weight[i], in, 1 }, before);
            if (s->classify) NAME(back_relu)(rows, in, x, before, sum);
            else NAME(back_tanh)(rows, in, x, before, sum);
        }
        NAME(back_weight)(net, i, x, product, in_place);
        if (in_place) NAME(descend)(out, rate, net->gradient.bias[i], net->theta.bias[i]);
    }
    if (!in_place) NAME(descend)(net->count, rate, net->gradient.all, net->theta.all);
}

static TARGET void NAME(step)(mlp_net *net, const mlp_batch *batch, const bench_product *product, bool in_place)
{
    const mlp_setup *s = &net->setup;
    const int last = s->layers - 1;
    const int64_t rows = s->batch, out = s->size[s->layers];
    const REAL *bias = net->theta.bias[last];
    REAL *z = net->output[last], *delta = net->delta[last], *sum = net->gradient.bias[last];
    NAME(forward)(net, batch, product);
    net->loss = s->classify ? NAME(cross_entropy)(rows, out, bias, z, batch->labels, delta, sum)
                            : NAME(squared_error)(rows, out, bias, z, batch->targets, delta, sum);
    NAME(backward)(net, batch, product, in_place);
}
