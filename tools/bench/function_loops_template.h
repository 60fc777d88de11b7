/* function_loops_template.h: the functions of function_loops.c by hand. A template: see each_level.h. */

enum { NAME(side_by_side) = 16 };

/* ---- k-means: the Hessian is diagonal, twice the number of points of each mean. The points are taken sixteen at a time. */

static TARGET double NAME(kmeans)(const function_numbers *numbers)
{
    enum { POINTS = NAME(side_by_side) };
    const int64_t n = numbers->size[0], k = numbers->size[1], d = numbers->size[2];
    const double *means = numbers->theta, *direction = numbers->data + n * d;
    int64_t count[MOST_MEANS] = { 0 };
    double sum[MOST_MEANS][MOST_DIMENSIONS] = { { 0 } }, square[MOST_MEANS] = { 0 }, value = 0;
    for (int64_t c = 0; c < k; c++)
        for (int64_t j = 0; j < d; j++) square[c] += means[c * d + j] * means[c * d + j];
    for (int64_t first = 0; first < n; first += POINTS) {
        const int points = n - first < POINTS ? (int)(n - first) : POINTS;
        const double *from = numbers->data + first * d;
        double x[MOST_DIMENSIONS][POINTS] = { { 0 } }, least[POINTS];
        double nearest[POINTS];
        for (int p = 0; p < points; p++)
            for (int64_t j = 0; j < d; j++) x[j][p] = from[p * d + j];
        for (int p = 0; p < POINTS; p++) least[p] = INFINITY, nearest[p] = 0;
        for (int64_t c = 0; c < k; c++) {
            double dot[POINTS] = { 0 };
            for (int64_t j = 0; j < d; j++)
                for (int p = 0; p < POINTS; p++) dot[p] += means[c * d + j] * x[j][p];
            for (int p = 0; p < POINTS; p++) {
                const double distance = square[c] - 2 * dot[p];
                nearest[p] = distance < least[p] ? (double)c : nearest[p];
                least[p] = distance < least[p] ? distance : least[p];
            }
        }
        for (int p = 0; p < points; p++) {
            const int64_t c = (int64_t)nearest[p];
            count[c]++;
            for (int64_t j = 0; j < d; j++) sum[c][j] += from[p * d + j];
        }
    }
    for (int64_t c = 0; c < k; c++)
        for (int64_t j = 0; j < d; j++) {
            const double times = 2 * (double)count[c];
            numbers->gradient[c * d + j] = times * direction[c * d + j];
            value += (times * means[c * d + j] - 2 * sum[c][j]) * direction[c * d + j];
        }
    return value;
}

/* ---- log sum exp ---------------------------------------------------------------------------------------------------- */

static TARGET double NAME(logsumexp)(const function_numbers *numbers)
{
    enum { LANES = NAME(side_by_side) };
    const int64_t n = numbers->size[0];
    const double *x = numbers->theta;
    double *gradient = numbers->gradient, lane[LANES], largest, sum = 0;
    for (int j = 0; j < LANES; j++) lane[j] = x[0];
    for (int64_t i = 0; i < n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    largest = lane[0];
    for (int j = 1; j < LANES; j++) largest = lane[j] > largest ? lane[j] : largest;
    for (int j = 0; j < LANES; j++) lane[j] = 0;
    for (int64_t i = 0; i < n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += gradient[i + j] = rg_exp_f64(x[i + j] - largest);
    for (int j = 0; j < LANES; j++) sum += lane[j];
    const double share = 1 / sum;
    for (int64_t i = 0; i < n; i++) gradient[i] *= share;
    return largest + rg_log_f64(sum);
}

/* ---- Least squares: both ways while a row is at hand -------------------------------------------------------------- */

static TARGET double NAME(grid)(const function_numbers *numbers)
{
    enum { LANES = NAME(side_by_side) };
    const int64_t n = numbers->size[0], m = numbers->size[1];
    const double *row = numbers->data, *y = row + n * m, *theta = numbers->theta;
    double *gradient = numbers->gradient, sum = 0;
    memset(gradient, 0, (size_t)m * sizeof *gradient);
    for (int64_t i = 0; i < n; i++, row += m) {
        double lane[LANES] = { 0 }, off = -y[i];
        for (int64_t j = 0; j < m; j += LANES)
            for (int l = 0; l < LANES; l++) lane[l] += row[j + l] * theta[j + l];
        for (int l = 0; l < LANES; l++) off += lane[l];
        for (int64_t j = 0; j < m; j++) gradient[j] += off * row[j];
        sum += off * off;
    }
    return sum / 2;
}

/* ---- Runge and Kutta: some states through all steps and back, whose states alone are kept --------------------------- */

static inline __attribute__((always_inline)) TARGET double NAME(stages)(double y, double rate, double *at)
{
    const double h = STEP_SIZE;
    double slope[STAGES];
    at[0] = y;
    slope[0] = rate * (y * (1 - y));
    at[1] = y + slope[0] * (h / 2);
    slope[1] = rate * (at[1] * (1 - at[1]));
    at[2] = y + slope[1] * (h / 2);
    slope[2] = rate * (at[2] * (1 - at[2]));
    at[3] = y + slope[2] * h;
    slope[3] = rate * (at[3] * (1 - at[3]));
    return y + ((slope[0] + slope[3]) + (slope[1] + slope[2]) * 2) * (h / 6);
}

/* Back through one step: dy becomes the cotangent of the state before it; adds to that of the rate. */
static inline __attribute__((always_inline)) TARGET double NAME(stages_back)(double y, double rate, double dy, double *d_rate)
{
    const double h = STEP_SIZE;
    double at[STAGES], d_slope = dy * (h / 6), all = dy;
    NAME(stages)(y, rate, at);
    static const double weight[STAGES] = { 1, 2, 2, 1 }, reach[STAGES] = { 0.5, 0.5, 1, 0 };
    double d_at = 0;
    UNROLLED for (int s = STAGES - 1; s >= 0; s--) {
        const double d = d_slope * weight[s] + d_at * h * reach[s];
        *d_rate += d * (at[s] * (1 - at[s]));
        d_at = d * rate * (1 - 2 * at[s]);
        all += d_at;
    }
    return all;
}

static TARGET double NAME(runge_kutta)(const function_numbers *numbers)
{
    enum { LANES = NAME(side_by_side) };
    const int64_t n = numbers->size[0], steps = numbers->size[1];
    double (*y)[STATES] = (double (*)[STATES])(void *)numbers->room, lane[LANES] = { 0 }, sum = 0;
    for (int64_t first = 0; first < n; first += STATES) {
        const int64_t states = n - first < STATES ? n - first : STATES;
        const double *rate = numbers->theta + n + first;
        double *dy = numbers->gradient + first, *d_rate = dy + n;
        memcpy(y[0], numbers->theta + first, (size_t)states * sizeof **y);
        for (int64_t t = 0; t < steps; t++)
            RG_INDEPENDENT
            for (int64_t i = 0; i < states; i++) {
                double at[STAGES];
                y[t + 1][i] = NAME(stages)(y[t][i], rate[i], at);
            }
        for (int64_t i = 0; i < states; i++) {
            lane[i % LANES] += y[steps][i] * y[steps][i];
            dy[i] = y[steps][i];
            d_rate[i] = 0;
        }
        for (int64_t t = steps; t-- > 0;)
            RG_INDEPENDENT
            for (int64_t i = 0; i < states; i++) {
                double more = d_rate[i];
                dy[i] = NAME(stages_back)(y[t][i], rate[i], dy[i], &more);
                d_rate[i] = more;
            }
    }
    for (int j = 0; j < LANES; j++) sum += lane[j];
    return sum / 2;
}
