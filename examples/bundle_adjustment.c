/* Bundle adjustment: cameras and points such that the points are where the cameras saw them. An observation depends on
 * one camera, one point and its weight, so the Jacobian is made of blocks, 2 x 15 in the parameters of ADBench [Srajer,
 * Kukelova and Fitzgibbon 2018]: all of them at once as vmap of jacobian. Some are checked against differences, then
 * steps of Levenberg and Marquardt bring the error down. The steps need LAPACK. */
#include <math.h>
#include <retrograd.h>
#include <string.h>

/* A camera: rotation [3], centre [3], focal length, principal point [2] and radial distortion [2], in this order. */
enum { CAMERA = 11, POINT = 3, BLOCK = CAMERA + POINT + 1 };
enum { CAMERAS = 4, POINTS = 20, SEEN = CAMERAS * POINTS, UNKNOWN = CAMERAS * CAMERA + POINTS * POINT, STEPS = 30 };

typedef struct {
    double x[UNKNOWN + SEEN]; /* cameras, points, weights */
    double seen[SEEN][2];
} scene;

/* What the cameras see, and how it changes with the fifteen numbers of each observation. */
typedef struct {
    double r[SEEN][2], J[SEEN][2][BLOCK];
} linear;

/* Where in x number k of observation i is. Every camera sees every point. */
static int place(int i, int k)
{
    if (k < CAMERA) return i % CAMERAS * CAMERA + k;
    return k < BLOCK - 1 ? CAMERAS * CAMERA + i / CAMERAS * POINT + k - CAMERA : UNKNOWN + i;
}

static rg_tensor part(rg_tensor p, int64_t start, int64_t size)
{
    return rg_slice(p, 0, start, start + size);
}

/* sin(a) / a for a^2 = s; near 0, the first terms of its series. Of the two, the gradient sees only the one that is
 * chosen: that the other is 0 / 0 at 0 does no harm. */
static rg_tensor sinc(rg_tensor s)
{
    rg_tensor a = rg_sqrt(s), far = rg_greater(s, rg_full(s.tape, RG_F64, RG_SCALAR, 1e-4));
    rg_tensor series = rg_shift(rg_mul(s, rg_shift(rg_scale(s, 1.0 / 120), -1.0 / 6)), 1);
    return rg_where(far, rg_div(rg_sin(a), a), series);
}

static rg_tensor cross(rg_tensor a, rg_tensor b)
{
    return rg_sub(rg_mul(rg_roll(a, 0, -1), rg_roll(b, 0, -2)), rg_mul(rg_roll(a, 0, -2), rg_roll(b, 0, -1)));
}

/* Rodrigues' formula, v turned about r by a = |r|: v + sin(a)/a r x v + (1 - cos(a))/a^2 r x (r x v).
 * 1 - cos(a) = 2 sin(a/2)^2, without cancellation. */
static rg_tensor rotate(rg_tensor r, rg_tensor v)
{
    rg_tensor square = rg_sum(rg_square(r)), once = cross(r, v), half = sinc(rg_scale(square, 0.25));
    rg_tensor twice = rg_mul(rg_scale(rg_square(half), 0.5), cross(r, once));
    return rg_add(v, rg_add(rg_mul(sinc(square), once), twice));
}

/* One observation: p [15], a camera, a point and a weight; seen [2] -> how far off that is, weighted [2] */
static rg_tensor residual(rg_tensor p, rg_tensor seen)
{
    rg_tensor ahead = rotate(part(p, 0, 3), rg_sub(part(p, CAMERA, POINT), part(p, 3, 3)));
    rg_tensor flat = rg_div(part(ahead, 0, 2), part(ahead, 2, 1)), square = rg_sum(rg_square(flat));
    rg_tensor bent = rg_mul(square, rg_add(part(p, 9, 1), rg_mul(part(p, 10, 1), square)));
    rg_tensor at = rg_add(rg_mul(part(p, 6, 1), rg_mul(flat, rg_shift(bent, 1))), part(p, 7, 2));
    return rg_mul(part(p, BLOCK - 1, 1), rg_sub(at, seen));
}

/* All residuals and all blocks. One observation stands for all. */
static void evaluate(rg_tape *tape, rg_mark start, const scene *s, linear *out)
{
    int32_t places[SEEN][BLOCK];
    for (int i = 0; i < SEEN; i++)
        for (int k = 0; k < BLOCK; k++) places[i][k] = place(i, k);
    rg_tensor x = rg_input(tape, RG_F64, RG_SHAPE(UNKNOWN + SEEN), s->x);
    rg_tensor index = rg_constant(tape, RG_I32, RG_SHAPE(SEEN, BLOCK), places);
    const rg_tensor batch[] = { rg_gather_rows(x, index), rg_input(tape, RG_F64, RG_SHAPE(SEEN, 2), s->seen) };
    const rg_tensor one[] = { rg_batch_member(batch[0]), rg_batch_member(batch[1]) };
    rg_tensor of_one[2], of_all[2];
    of_one[0] = residual(one[0], one[1]);
    rg_jacobian(of_one[0], one, 1, &of_one[1]);
    rg_vmap(of_one, 2, one, batch, 2, of_all);
    rg_eval(2, of_all);
    rg_read(of_all[0], out->r, sizeof out->r);
    rg_read(of_all[1], out->J, sizeof out->J);
    rg_tape_rewind(start);
}

/* How much in all observation i's block is off central differences, relatively. */
static double check(rg_tape *tape, rg_mark start, const scene *s, const linear *at, int i)
{
    static linear up, down;
    double off = 0;
    for (int k = 0; k < BLOCK; k++) {
        scene moved = *s;
        double *number = &moved.x[place(i, k)], h = 1e-5 * fmax(1, fabs(*number));
        *number += h;
        evaluate(tape, start, &moved, &up);
        *number -= 2 * h;
        evaluate(tape, start, &moved, &down);
        for (int j = 0; j < 2; j++) {
            const double slope = (up.r[i][j] - down.r[i][j]) / (2 * h);
            off += fabs(at->J[i][j][k] - slope) / fmax(1, fabs(slope));
        }
    }
    return off;
}

/* The d with (J'J + damping (1 + diag J'J)) d = -J'r, of cameras and points; the weights stay. */
static void solve(rg_tape *tape, rg_mark start, const linear *at, double damping, double *d)
{
    static double H[UNKNOWN][UNKNOWN];
    double g[UNKNOWN] = { 0 };
    memset(H, 0, sizeof H);
    for (int i = 0; i < SEEN; i++) {
        const double *r = at->r[i], (*J)[BLOCK] = at->J[i];
        for (int a = 0; a < BLOCK - 1; a++) {
            g[place(i, a)] -= J[0][a] * r[0] + J[1][a] * r[1];
            for (int b = 0; b < BLOCK - 1; b++) H[place(i, a)][place(i, b)] += J[0][a] * J[0][b] + J[1][a] * J[1][b];
        }
    }
    for (int a = 0; a < UNKNOWN; a++) H[a][a] += damping * (1 + H[a][a]);
    rg_tensor l = rg_cholesky(rg_input(tape, RG_F64, RG_SHAPE(UNKNOWN, UNKNOWN), H));
    rg_read(rg_cholesky_solve(l, rg_input(tape, RG_F64, RG_SHAPE(UNKNOWN), g)), d, UNKNOWN * sizeof *d);
    rg_tape_rewind(start);
}

static double error_of(const linear *at)
{
    double sum = 0;
    for (int i = 0; i < SEEN; i++) sum += at->r[i][0] * at->r[i][0] + at->r[i][1] * at->r[i][1];
    return sqrt(sum / SEEN);
}

/* Cameras that look at a cloud of points; the first one is not turned at all, the second one hardly. What they see is
 * exact; then all but the rotations is moved a little. */
static scene set_up(rg_tape *tape, rg_mark start)
{
    static linear exact;
    scene s = { .x = { 0 } };
    for (int c = 0; c < CAMERAS; c++) {
        const double turn = 0.005 * c * c * c;
        const double camera[CAMERA] = { 0.2 * turn, -turn, 0.5 * turn, c, 0.2 * c * c, -6, 500, 320, 240, -0.1, 0.02 };
        memcpy(s.x + c * CAMERA, camera, sizeof camera);
    }
    for (uint64_t i = CAMERAS * CAMERA; i < UNKNOWN; i++) s.x[i] = rg_random_normal(1, 1, i);
    for (int i = 0; i < SEEN; i++) s.x[UNKNOWN + i] = 1;
    evaluate(tape, start, &s, &exact);
    memcpy(s.seen, exact.r, sizeof s.seen); /* as what was seen is 0 so far */
    for (uint64_t i = 0; i < UNKNOWN; i++) {
        const double little = 0.01 * fmax(1, fabs(s.x[i]));
        if (i >= CAMERAS * CAMERA || i % CAMERA >= 3) s.x[i] += little * rg_random_normal(1, 2, i);
    }
    return s;
}

int main(void)
{
    static linear at, there;
    rg_tape *tape = rg_tape_new();
    rg_mark  start = rg_tape_mark(tape);
    scene    s = set_up(tape, start);
    evaluate(tape, start, &s, &at);

    double off = 0, damping = 1e-3, error = error_of(&at);
    for (int i = 0; i < SEEN; i += 7) off += check(tape, start, &s, &at, i);
    printf("%d blocks of 2 x %d, some of them checked and in all off by %.1e; error %.3e\n", SEEN, BLOCK, off, error);
    bool right = !rg_failed(tape) && off < 1e-6;
    if (!right) fprintf(stderr, "the Jacobian is wrong: %s\n", rg_message(tape));

    for (int step = 1; step <= STEPS && error > 1e-9 && rg_has_lapack() && !rg_failed(tape); step++) {
        double d[UNKNOWN] = { 0 };
        scene  next = s;
        solve(tape, start, &at, damping, d);
        for (int i = 0; i < UNKNOWN; i++) next.x[i] += d[i];
        evaluate(tape, start, &next, &there);
        const bool better = error_of(&there) < error;
        damping *= better ? 0.1 : 10;
        if (!better) continue;
        s = next;
        at = there;
        error = error_of(&at);
        printf("step %2d   error %.3e\n", step, error);
    }
    if (!rg_has_lapack()) printf("no steps: there is no LAPACK here\n");
    else if (!(error <= 1e-9)) {
        fprintf(stderr, "the error stays at %g: %s\n", error, rg_message(tape));
        right = false;
    }
    rg_tape_free(tape);
    return right ? 0 : 1;
}
