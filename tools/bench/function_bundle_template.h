/* function_bundle_template.h: the residuals and blocks of function_bundle.c by hand, as many observations side by side as
 * a vector has numbers. A template: see each_level.h. */

typedef double NAME(vector) __attribute__((vector_size(BYTES), may_alias));
enum { NAME(wide) = BYTES / sizeof(double) };

/* What there is of a rotation by a = |r|: cos a, sin a / a, (1 - cos a) / a^2; and a^-2 of r times the slopes of the
 * last two. */
typedef struct {
    NAME(vector) square, cosine, once, twice, once_slope, twice_slope;
} NAME(turn);

static inline __attribute__((always_inline)) TARGET void NAME(turn_of)(NAME(turn) *turn)
{
    enum { LANES = NAME(wide) };
    double *square = (double *)&turn->square, *cosine = (double *)&turn->cosine, *once = (double *)&turn->once;
    double *twice = (double *)&turn->twice, *once_slope = (double *)&turn->once_slope;
    double *twice_slope = (double *)&turn->twice_slope;
    for (int l = 0; l < LANES; l++) {
        const double s = square[l], a = __builtin_sqrt(s), under = 1 / s, c = rg_cos_within_f64(a);
        const double o = s > 0 ? rg_sin_within_f64(a) / a : 1, t = s > 0 ? (1 - c) * under : 1;
        cosine[l] = c;
        once[l] = o;
        twice[l] = t;
        once_slope[l] = s > 0 ? (c - o) * under : 0;
        twice_slope[l] = s > 0 ? (o - 2 * t) * under : 0;
    }
}

/* The slopes with respect to v and r of what has the slope g with respect to v turned by r. */
static inline __attribute__((always_inline)) TARGET void NAME(turn_back)(const NAME(turn) *turn, const NAME(vector) *r,
                                                                         const NAME(vector) *v, NAME(vector) along,
                                                                         const NAME(vector) *g, NAME(vector) *of_v,
                                                                         NAME(vector) *of_r)
{
    const NAME(vector) v_g[3] = { v[1] * g[2] - v[2] * g[1], v[2] * g[0] - v[0] * g[2], v[0] * g[1] - v[1] * g[0] };
    const NAME(vector) g_r[3] = { g[1] * r[2] - g[2] * r[1], g[2] * r[0] - g[0] * r[2], g[0] * r[1] - g[1] * r[0] };
    const NAME(vector) g_on_r = g[0] * r[0] + g[1] * r[1] + g[2] * r[2], g_on_v = g[0] * v[0] + g[1] * v[1] + g[2] * v[2];
    const NAME(vector) volume = v_g[0] * r[0] + v_g[1] * r[1] + v_g[2] * r[2];
    const NAME(vector) on_r = turn->once_slope * volume - turn->once * g_on_v + turn->twice_slope * along * g_on_r;
    const NAME(vector) twice_along = turn->twice * along, twice_g = turn->twice * g_on_r;
    UNROLLED for (int i = 0; i < 3; i++) {
        of_v[i] = turn->cosine * g[i] + turn->once * g_r[i] + twice_g * r[i];
        of_r[i] = on_r * r[i] + turn->once * v_g[i] + twice_g * v[i] + twice_along * g[i];
    }
}

/* Of an observation: off [2], then slope [2, BLOCK]. */
static TARGET __attribute__((noinline)) void NAME(observe)(const NAME(vector) *p, NAME(vector) *off, NAME(vector) *slope)
{
    const NAME(vector) focal = p[FOCAL], weight = p[BLOCK - 1], *r = p, *seen = p + BLOCK;
    const NAME(vector) v[3] = { p[CAMERA] - p[CENTRE], p[CAMERA + 1] - p[CENTRE + 1], p[CAMERA + 2] - p[CENTRE + 2] };
    NAME(turn) turn = { .square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2] };
    NAME(turn_of)(&turn);
    const NAME(vector) along = r[0] * v[0] + r[1] * v[1] + r[2] * v[2], forth = turn.twice * along;
    const NAME(vector) x = turn.cosine * v[0] + turn.once * (r[1] * v[2] - r[2] * v[1]) + forth * r[0];
    const NAME(vector) y = turn.cosine * v[1] + turn.once * (r[2] * v[0] - r[0] * v[2]) + forth * r[1];
    const NAME(vector) z = turn.cosine * v[2] + turn.once * (r[0] * v[1] - r[1] * v[0]) + forth * r[2];
    const NAME(vector) near = 1 / z, flat[2] = { x * near, y * near };
    const NAME(vector) u = flat[0] * flat[0] + flat[1] * flat[1], bent = 1 + u * (p[RADIAL] + p[RADIAL + 1] * u);
    const NAME(vector) bends = 2 * (p[RADIAL] + 2 * p[RADIAL + 1] * u), large = weight * focal * near;
    const NAME(vector) mixed = large * bends * flat[0] * flat[1];
    UNROLLED for (int j = 0; j < 2; j++) {
        NAME(vector) *s = slope + j * BLOCK, of_v[3], g[3];
        const NAME(vector) scaled = bent * flat[j], far = focal * scaled + p[PRINCIPAL + j] - seen[j];
        g[j] = large * (bent + bends * flat[j] * flat[j]);
        g[1 - j] = mixed;
        g[2] = -(g[0] * flat[0] + g[1] * flat[1]);
        NAME(turn_back)(&turn, r, v, along, g, of_v, s);
        UNROLLED for (int i = 0; i < 3; i++) {
            s[CAMERA + i] = of_v[i];
            s[CENTRE + i] = -of_v[i];
        }
        s[FOCAL] = weight * scaled;
        s[PRINCIPAL + j] = weight;
        s[PRINCIPAL + 1 - j] = weight - weight;
        s[RADIAL] = weight * focal * flat[j] * u;
        s[RADIAL + 1] = s[RADIAL] * u;
        s[BLOCK - 1] = far;
        off[j] = weight * far;
    }
}

static TARGET double NAME(bundle)(const function_numbers *numbers)
{
    enum { LANES = NAME(wide) };
    const int64_t n = numbers->size[0], cameras = numbers->size[1], points = numbers->size[2];
    const double *point = numbers->theta + cameras * CAMERA, *weight = point + points * POINT;
    double *off = numbers->gradient, *slope = off + 2 * n;
    NAME(vector) p[BLOCK + 2] = { { 0 } }, of_off[2], of_slope[2 * BLOCK];
    double (*in)[LANES] = (double (*)[LANES])(void *)p;
    for (int64_t first = 0; first < n; first += LANES) {
        const int lanes = n - first < LANES ? (int)(n - first) : LANES;
        for (int l = 0; l < lanes; l++) {
            const int64_t i = first + l;
            const double *c = numbers->theta + CAMERA * (int64_t)camera_of(numbers)[i];
            const double *q = point + POINT * (int64_t)point_of(numbers)[i];
            for (int k = 0; k < CAMERA; k++) in[k][l] = c[k];
            for (int k = 0; k < POINT; k++) in[CAMERA + k][l] = q[k];
            in[BLOCK - 1][l] = weight[i];
            for (int j = 0; j < 2; j++) in[BLOCK + j][l] = numbers->data[2 * i + j];
        }
        NAME(observe)(p, of_off, of_slope);
        for (int l = 0; l < lanes; l++) {
            for (int j = 0; j < 2; j++) off[2 * (first + l) + j] = of_off[j][l];
            for (int k = 0; k < 2 * BLOCK; k++) slope[2 * BLOCK * (first + l) + k] = of_slope[k][l];
        }
    }
    return 0;
}
