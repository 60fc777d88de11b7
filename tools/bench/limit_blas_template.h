/* limit_blas_template.h: a training step, compiled for TARGET, under names of its own, NAME(f). Included by
 * limit_blas.c once for each level of vector instructions; so there is no guard. */

/* z = relu(z + bias), a row after the other. */
static TARGET void NAME(add_bias_relu)(int64_t rows, int64_t n, const float *restrict bias, float *restrict z)
{
    for (int64_t r = 0; r < rows; r++, z += n)
        for (int64_t j = 0; j < n; j++) {
            float a = z[j] + bias[j];
            z[j] = a > 0 ? a : 0;
        }
}

static TARGET void NAME(add_bias_tanh)(int64_t rows, int64_t n, const float *restrict bias, float *restrict z)
{
    for (int64_t r = 0; r < rows; r++, z += n)
        for (int64_t j = 0; j < n; j++) z[j] = rg_tanh_f32(z[j] + bias[j]);
}

/* delta (the adjoint of h) becomes that of what h = relu(z) was made of; sums its columns. */
static TARGET void NAME(back_relu)(int64_t rows, int64_t n, const float *restrict h, float *restrict delta,
                                   float *restrict sum)
{
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, h += n, delta += n)
        for (int64_t j = 0; j < n; j++) {
            delta[j] = h[j] > 0 ? delta[j] : 0;
            sum[j] += delta[j];
        }
}

static TARGET void NAME(back_tanh)(int64_t rows, int64_t n, const float *restrict h, float *restrict delta,
                                   float *restrict sum)
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
static TARGET double NAME(cross_entropy)(int64_t rows, int64_t n, const float *restrict bias, float *restrict z,
                                         const int32_t *labels, float *restrict delta, float *restrict sum)
{
    const float share = 1 / (float)rows;
    float loss = 0;
    for (int64_t r = 0; r < rows; r++) {
        float *row = z + r * n, most;
        for (int64_t j = 0; j < n; j++) row[j] += bias[j];
        most = row[0];
        for (int64_t j = 1; j < n; j++) most = row[j] > most ? row[j] : most;
        for (int64_t j = 0; j < n; j++) row[j] -= most;
        loss -= row[labels[r]];
    }
    for (int64_t i = 0; i < rows * n; i++) delta[i] = rg_exp_f32(z[i]);
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, delta += n) {
        float total = 0;
        for (int64_t j = 0; j < n; j++) total += delta[j];
        loss += rg_log_f32(total);
        const float scale = share / total;
        for (int64_t j = 0; j < n; j++) delta[j] *= scale;
        delta[labels[r]] -= share;
        for (int64_t j = 0; j < n; j++) sum[j] += delta[j];
    }
    return (double)(loss * share);
}

static TARGET double NAME(squared_error)(int64_t rows, int64_t n, const float *restrict bias, const float *restrict z,
                                         const float *targets, float *restrict delta, float *restrict sum)
{
    const float share = 1 / (float)(rows * n);
    float loss = 0;
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t r = 0; r < rows; r++, z += n, targets += n, delta += n)
        for (int64_t j = 0; j < n; j++) {
            const float error = z[j] + bias[j] - targets[j];
            loss += error * error;
            delta[j] = 2 * share * error;
            sum[j] += delta[j];
        }
    return (double)(loss * share);
}

/* y -= rate g */
static TARGET void NAME(descend)(int64_t count, float rate, const float *restrict g, float *restrict y)
{
    for (int64_t i = 0; i < count; i++) y[i] -= rate * g[i];
}

/* w = beta w + alpha delta x', for one example. */
static TARGET void NAME(outer_product)(int64_t out, int64_t in, float alpha, const float *restrict delta,
                                       const float *restrict x, bool add, float *restrict w)
{
    for (int64_t i = 0; i < out; i++, w += in) {
        const float factor = alpha * delta[i];
        if (add)
            for (int64_t j = 0; j < in; j++) w[j] += factor * x[j];
        else
            for (int64_t j = 0; j < in; j++) w[j] = factor * x[j];
    }
}

static TARGET void NAME(forward)(mlp_net *net, const mlp_batch *batch)
{
    const mlp_setup *s = &net->setup;
    const int rows = (int)s->batch;
    const float *x = batch->x;
    for (int i = 0; i < s->layers; i++) {
        const int in = (int)s->size[i], out = (int)s->size[i + 1];
        const float *weight = net->theta.weight[i], *bias = net->theta.bias[i];
        float *y = net->output[i];
        if (rows == 1) cblas_sgemv(CblasRowMajor, CblasNoTrans, out, in, 1, weight, in, x, 1, 0, y, 1);
        else cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, out, in, 1, x, in, weight, in, 0, y, out);
        if (i + 1 < s->layers && s->classify) NAME(add_bias_relu)(rows, out, bias, y);
        else if (i + 1 < s->layers) NAME(add_bias_tanh)(rows, out, bias, y);
        x = y;
    }
}

static TARGET void NAME(backward)(mlp_net *net, const mlp_batch *batch, bool in_place)
{
    const mlp_setup *s = &net->setup;
    const int rows = (int)s->batch;
    const float alpha = in_place ? -net->rate : 1;
    for (int i = s->layers - 1; i >= 0; i--) {
        const int in = (int)s->size[i], out = (int)s->size[i + 1];
        const float *x = i > 0 ? net->output[i - 1] : batch->x, *delta = net->delta[i], *weight = net->theta.weight[i];
        float *result = in_place ? net->theta.weight[i] : net->gradient.weight[i];
        if (i > 0) {
            float *before = net->delta[i - 1], *sum = net->gradient.bias[i - 1];
            if (rows == 1) cblas_sgemv(CblasRowMajor, CblasTrans, out, in, 1, weight, in, delta, 1, 0, before, 1);
            else cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, in, out, 1, delta, out, weight, in, 0,
                             before, in);
            if (s->classify) NAME(back_relu)(rows, in, x, before, sum);
            else NAME(back_tanh)(rows, in, x, before, sum);
        }
        if (rows == 1) NAME(outer_product)(out, in, alpha, delta, x, in_place, result);
        else cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, rows, alpha, delta, out, x, in,
                         in_place ? 1 : 0, result, in);
        if (in_place) NAME(descend)(out, net->rate, net->gradient.bias[i], net->theta.bias[i]);
    }
    if (!in_place) NAME(descend)(net->count, net->rate, net->gradient.all, net->theta.all);
}

static TARGET void NAME(step)(mlp_net *net, const mlp_batch *batch, bool in_place)
{
    const mlp_setup *s = &net->setup;
    const int last = s->layers - 1;
    const int64_t rows = s->batch, out = s->size[s->layers];
    const float *bias = net->theta.bias[last];
    float *z = net->output[last], *delta = net->delta[last], *sum = net->gradient.bias[last];
    NAME(forward)(net, batch);
    net->loss = s->classify ? NAME(cross_entropy)(rows, out, bias, z, batch->labels, delta, sum)
                            : NAME(squared_error)(rows, out, bias, z, batch->targets, delta, sum);
    NAME(backward)(net, batch, in_place);
}
