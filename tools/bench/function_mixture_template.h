/* function_mixture_template.h: the mixture by hand. A template: see each_level.h. Sixteen points at a time, side by side,
 * so that all sums over dimensions are sums of vectors; whatever depends on Q alone is worked out once. */

/* Q with its diagonal. */
static TARGET void NAME(matrices)(const function_numbers *numbers, double *matrix)
{
    const int64_t d = numbers->size[1], k = numbers->size[2];
    const double *q = numbers->theta + k + k * d, *below = q + k * d;
    for (int64_t c = 0; c < k; c++)
        for (int64_t r = 0; r < d; r++) {
            memcpy(matrix + (c * d + r) * d, below + (c * d + r) * d, (size_t)r * sizeof *matrix);
            matrix[(c * d + r) * d + r] = rg_exp_f64(q[c * d + r]);
        }
}

/* y = Q (x - mu) of all points and one Gaussian; returns nothing, adds up |y|^2. */
static TARGET void NAME(apart)(int64_t d, const double *matrix, const double *mu, const double (*x)[POINTS],
                               double (*y)[POINTS], double *squares)
{
    double off[MOST_DIMENSIONS][POINTS];
    for (int64_t r = 0; r < d; r++)
        for (int p = 0; p < POINTS; p++) off[r][p] = x[r][p] - mu[r];
    for (int p = 0; p < POINTS; p++) squares[p] = 0;
    for (int64_t r = 0; r < d; r++) {
        double sum[POINTS] = { 0 };
        for (int64_t c = 0; c <= r; c++)
            for (int p = 0; p < POINTS; p++) sum[p] += matrix[r * d + c] * off[c][p];
        for (int p = 0; p < POINTS; p++) {
            y[r][p] = sum[p];
            squares[p] += sum[p] * sum[p];
        }
    }
}

/* The gradient with respect to one Gaussian, of points that are its to the extent of `share`. The gradient of mu is
 * Q' sum(y) over the points: the product is left for the end. */
static TARGET void NAME(back)(int64_t d, int points, const double *mu, const double (*rows)[MOST_DIMENSIONS],
                              const double (*y)[POINTS], const double *share, double *sums, double *matrix_gradient)
{
    double off[POINTS][MOST_DIMENSIONS];
    for (int p = 0; p < points; p++)
        for (int64_t c = 0; c < d; c++) off[p][c] = rows[p][c] - mu[c];
    for (int64_t r = 0; r < d; r++) {
        double *to = matrix_gradient + r * d, sum = 0;
        for (int p = 0; p < points; p++) {
            const double down = share[p] * y[r][p];
            sum += down;
            for (int64_t c = 0; c <= r; c++) to[c] -= down * off[p][c];
        }
        sums[r] += sum;
    }
}

static TARGET double NAME(mixture)(const function_numbers *numbers)
{
    const int64_t n = numbers->size[0], d = numbers->size[1], k = numbers->size[2];
    const double *alpha = numbers->theta, *mu = alpha + k, *q = mu + k * d;
    double *d_alpha = numbers->gradient, *d_mu = d_alpha + k, *d_q = d_mu + k * d, *d_matrix = d_q + k * d;
    double (*y)[POINTS] = (double (*)[POINTS])(void *)numbers->room, *matrix = numbers->room + k * d * POINTS;
    double (*height)[POINTS] = (double (*)[POINTS])(void *)(matrix + k * d * d), *top = (double *)(void *)(height + k);
    double total = 0, most = alpha[0], sum = 0;
    memset(numbers->gradient, 0, (size_t)(k + 2 * k * d + k * d * d) * sizeof(double));
    NAME(matrices)(numbers, matrix);
    for (int64_t c = 0; c < k; c++) {
        top[c] = alpha[c];
        for (int64_t r = 0; r < d; r++) top[c] += q[c * d + r];
    }
    for (int64_t first = 0; first < n; first += POINTS) {
        const int points = n - first < POINTS ? (int)(n - first) : POINTS;
        double x[MOST_DIMENSIONS][POINTS] = { { 0 } }, rows[POINTS][MOST_DIMENSIONS];
        for (int p = 0; p < points; p++)
            for (int64_t r = 0; r < d; r++) x[r][p] = rows[p][r] = numbers->data[(first + p) * d + r];
        double largest[POINTS], exponentials[POINTS] = { 0 };
        for (int64_t c = 0; c < k; c++) {
            double squares[POINTS];
            NAME(apart)(d, matrix + c * d * d, mu + c * d, (const double (*)[POINTS])x, y + c * d, squares);
            for (int p = 0; p < POINTS; p++) {
                height[c][p] = top[c] - squares[p] / 2;
                largest[p] = c == 0 || height[c][p] > largest[p] ? height[c][p] : largest[p];
            }
        }
        for (int64_t c = 0; c < k; c++)
            for (int p = 0; p < POINTS; p++) exponentials[p] += height[c][p] = rg_exp_f64(height[c][p] - largest[p]);
        for (int p = 0; p < points; p++) total += largest[p] + rg_log_f64(exponentials[p]);
        for (int64_t c = 0; c < k; c++) {
            double share[POINTS];
            for (int p = 0; p < POINTS; p++) share[p] = height[c][p] / exponentials[p];
            for (int p = 0; p < points; p++) d_alpha[c] += share[p];
            NAME(back)(d, points, mu + c * d, (const double (*)[MOST_DIMENSIONS])rows, (const double (*)[POINTS])(y + c * d),
                       share, d_mu + c * d, d_matrix + c * d * d);
        }
    }
    for (int64_t c = 0; c < k; c++) most = alpha[c] > most ? alpha[c] : most;
    for (int64_t c = 0; c < k; c++) sum += rg_exp_f64(alpha[c] - most);
    for (int64_t c = 0; c < k; c++) {
        const double shares = d_alpha[c];
        double *gradient = d_matrix + c * d * d, back[MOST_DIMENSIONS] = { 0 };
        d_alpha[c] -= (double)n * rg_exp_f64(alpha[c] - most) / sum;
        for (int64_t r = 0; r < d; r++) {
            d_q[c * d + r] = shares + gradient[r * d + r] * matrix[(c * d + r) * d + r];
            gradient[r * d + r] = 0;
            for (int64_t i = 0; i <= r; i++) back[i] += matrix[(c * d + r) * d + i] * d_mu[c * d + r];
        }
        memcpy(d_mu + c * d, back, (size_t)d * sizeof *back);
    }
    return total - (double)n * (most + rg_log_f64(sum));
}
