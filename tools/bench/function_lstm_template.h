/* function_lstm_template.h: the LSTM by hand. A template: see each_level.h. Of every step what the way back needs is kept. */

typedef struct {
    double forget[WIDTH], in[WIDTH], out[WIDTH], change[WIDTH], cell[WIDTH], hidden[WIDTH];
} NAME(kept);

#define EACH                                                                                                       \
    RG_INDEPENDENT                                                                                                 \
    for (int i = 0; i < WIDTH; i++)

static TARGET void NAME(forward)(const double *w, const double *b, const double *x, const NAME(kept) *before, NAME(kept) *now)
{
    EACH now->forget[i] = rg_sigmoid_f64(x[i] * w[i] + b[i]);
    EACH now->in[i] = rg_sigmoid_f64(before->hidden[i] * w[WIDTH + i] + b[WIDTH + i]);
    EACH now->out[i] = rg_sigmoid_f64(x[i] * w[2 * WIDTH + i] + b[2 * WIDTH + i]);
    EACH now->change[i] = rg_tanh_f64(before->hidden[i] * w[3 * WIDTH + i] + b[3 * WIDTH + i]);
    EACH now->cell[i] = before->cell[i] * now->forget[i] + now->in[i] * now->change[i];
    EACH now->hidden[i] = now->out[i] * rg_tanh_f64(now->cell[i]);
}

/* The loss of one step, and its gradient with respect to z, in z. */
static TARGET double NAME(loss)(double *z, const double *target)
{
    double largest = z[0], sum = 0, dot = 0, e[WIDTH];
    for (int i = 1; i < WIDTH; i++) largest = z[i] > largest ? z[i] : largest;
    EACH e[i] = rg_exp_f64(z[i] - largest);
    for (int i = 0; i < WIDTH; i++) sum += e[i];
    for (int i = 0; i < WIDTH; i++) dot += z[i] * target[i];
    EACH z[i] = e[i] / sum - target[i];
    return largest + rg_log_f64(sum) - dot;
}

static TARGET double NAME(lstm)(const function_numbers *numbers)
{
    const int64_t steps = numbers->size[0];
    const double *w = numbers->theta, *b = w + 4 * WIDTH, *result = b + 4 * WIDTH, share = 1 / (double)steps;
    double *dw = numbers->gradient, *db = dw + 4 * WIDTH, *d_result = db + 4 * WIDTH, loss = 0;
    NAME(kept) *kept = (NAME(kept) *)(void *)numbers->room;
    double d_hidden[WIDTH] = { 0 }, d_cell[WIDTH] = { 0 };
    memset(kept, 0, sizeof *kept);
    memset(numbers->gradient, 0, 10 * WIDTH * sizeof(double));
    for (int64_t t = 0; t < steps; t++) NAME(forward)(w, b, numbers->data + t * WIDTH, &kept[t], &kept[t + 1]);
    for (int64_t t = steps; t-- > 0;) {
        const NAME(kept) *before = &kept[t], *now = &kept[t + 1];
        const double *x = numbers->data + t * WIDTH;
        double z[WIDTH];
        EACH z[i] = now->hidden[i] * result[i] + result[WIDTH + i];
        loss += NAME(loss)(z, numbers->data + (steps + t) * WIDTH);
        EACH {
            const double dz = z[i] * share, h = now->hidden[i], out = now->out[i], in = now->in[i], change = now->change[i];
            d_result[i] += dz * h;
            d_result[WIDTH + i] += dz;
            const double dh = d_hidden[i] + dz * result[i], tanh_cell = rg_tanh_f64(now->cell[i]);
            const double dc = d_cell[i] + dh * out * (1 - tanh_cell * tanh_cell), forget = now->forget[i];
            const double d_out = dh * tanh_cell * out * (1 - out), d_forget = dc * before->cell[i] * forget * (1 - forget);
            const double d_in = dc * change * in * (1 - in), d_change = dc * in * (1 - change * change);
            dw[i] += d_forget * x[i];
            db[i] += d_forget;
            dw[WIDTH + i] += d_in * before->hidden[i];
            db[WIDTH + i] += d_in;
            dw[2 * WIDTH + i] += d_out * x[i];
            db[2 * WIDTH + i] += d_out;
            dw[3 * WIDTH + i] += d_change * before->hidden[i];
            db[3 * WIDTH + i] += d_change;
            d_hidden[i] = d_in * w[WIDTH + i] + d_change * w[3 * WIDTH + i];
            d_cell[i] = dc * forget;
        }
    }
    return loss * share;
}

#undef EACH
