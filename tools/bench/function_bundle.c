/* function_bundle.c: bundle adjustment, as ADBench [Srajer, Kukelova and Fitzgibbon 2018] has it: how far off each
 * observation of a point by a camera is, and the Jacobian of that, of which there is a block of 2 x 15 for each
 * observation: its camera's eleven parameters, its point's three, and its weight. Parts of theta: cameras [cameras, 11],
 * points [points, 3], weights [n]. The data are what was seen, [n, 2]. Results: [n, 2], and [n, 2, 15]. */
#include <math.h>

#include "function.h"
#include "trigonometric.h"

/* A camera: rotation [3], centre [3], focal length, principal point [2] and radial distortion [2], in this order. */
enum { CAMERA = 11, POINT = 3, BLOCK = CAMERA + POINT + 1, CENTRE = 3, FOCAL = 6, PRINCIPAL = 7, RADIAL = 9 };

#define REAL double
#define TYPE f64
#define INTRINSIC pd
#define TEMPLATE "bench/function_bundle_template.h"

/* Which camera has seen which point. */
static int32_t *camera_of(const function_numbers *numbers)
{
    return (int32_t *)(void *)numbers->room;
}

static int32_t *point_of(const function_numbers *numbers)
{
    return camera_of(numbers) + numbers->size[0];
}

#include "each_level.h"

static function_extent extent(const int64_t *size)
{
    const int64_t n = size[0], cameras = size[1], points = size[2];
    return (function_extent){ { cameras * CAMERA, points * POINT, n }, 2 * n, n };
}

/* The cameras look at a cloud of points, and each point is seen by several of them. */
static void prepare(const function_numbers *numbers)
{
    const int64_t n = numbers->size[0], cameras = numbers->size[1], points = numbers->size[2];
    for (int64_t i = 0; i < cameras; i++) {
        const double usual[CAMERA] = { 0, 0, 0, 0, 0, -6, 500, 320, 240, -0.1, 0.02 };
        const double spread[CAMERA] = { 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 20, 5, 5, 0.01, 0.002 };
        double *camera = numbers->theta + i * CAMERA;
        for (int k = 0; k < CAMERA; k++) camera[k] = usual[k] + spread[k] * camera[k];
    }
    double *weight = numbers->theta + cameras * CAMERA + points * POINT;
    for (int64_t i = 0; i < n; i++) {
        camera_of(numbers)[i] = (int32_t)((i * 13 + i * points / n) % cameras);
        point_of(numbers)[i] = (int32_t)(i * points / n);
        weight[i] = 1 + 0.1 * weight[i];
        for (int j = 0; j < 2; j++) {
            double *seen = &numbers->data[2 * i + j];
            *seen = (j == 0 ? 320 : 240) + 100 * *seen;
        }
    }
}

/* Three numbers of each observation, each a column. */
typedef struct {
    rg_tensor x, y, z;
} vectors;

static rg_tensor column(rg_tensor t, int k)
{
    return rg_slice(t, 1, k, k + 1);
}

static vectors times(rg_tensor a, vectors b)
{
    return (vectors){ rg_mul(a, b.x), rg_mul(a, b.y), rg_mul(a, b.z) };
}

static vectors plus(vectors a, vectors b)
{
    return (vectors){ rg_add(a.x, b.x), rg_add(a.y, b.y), rg_add(a.z, b.z) };
}

static rg_tensor two_by_two(rg_tensor a, rg_tensor b, rg_tensor c, rg_tensor d)
{
    return rg_sub(rg_mul(a, b), rg_mul(c, d));
}

static vectors cross(vectors a, vectors b)
{
    return (vectors){ two_by_two(a.y, b.z, a.z, b.y), two_by_two(a.z, b.x, a.x, b.z), two_by_two(a.x, b.y, a.y, b.x) };
}

/* v turned about r by a = |r|: v + w t + q x t with t = q x v, where (w, q) = sqrt(2) (cos(a/2), sin(a/2)/a r) is the
 * quaternion, scaled so that there is no 2. */
static vectors rotate(vectors r, vectors v)
{
    rg_tensor square = rg_add(rg_add(rg_square(r.x), rg_square(r.y)), rg_square(r.z)), a = rg_sqrt(square);
    rg_tensor half = rg_scale(a, 0.5), w = rg_scale(rg_cos(half), sqrt(2));
    rg_tensor zero = rg_full(r.x.tape, RG_F64, RG_SCALAR, 0), limit = rg_full(r.x.tape, RG_F64, RG_SCALAR, sqrt(0.5));
    rg_tensor ratio = rg_where(rg_greater(square, zero), rg_div(rg_scale(rg_sin(half), sqrt(2)), a), limit);
    vectors q = times(ratio, r), t = cross(q, v);
    return plus(v, plus(times(w, t), cross(q, t)));
}

/* Of each observation one number that depends on that observation's parameters alone: the slope of their sum is the slope
 * of each. */
static int record(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers, rg_tensor *out)
{
    const int64_t n = numbers->size[0], cameras = numbers->size[1], points = numbers->size[2];
    rg_tensor camera_index = rg_input_borrowed(tape, RG_I32, RG_SHAPE(n), camera_of(numbers));
    rg_tensor point_index = rg_input_borrowed(tape, RG_I32, RG_SHAPE(n), point_of(numbers));
    rg_tensor camera = rg_reshape(theta[0], RG_SHAPE(cameras, CAMERA)), point = rg_reshape(theta[1], RG_SHAPE(points, POINT));
    rg_tensor seen = rg_input_borrowed(tape, RG_F64, RG_SHAPE(n, 2), numbers->data);
    rg_tensor p[BLOCK], off[2], slope[2 * BLOCK];
    for (int k = 0; k < CAMERA; k++) p[k] = rg_gather_rows(column(camera, k), camera_index);
    for (int k = 0; k < POINT; k++) p[CAMERA + k] = rg_gather_rows(column(point, k), point_index);
    p[BLOCK - 1] = rg_reshape(theta[2], RG_SHAPE(n, 1));

    vectors from = { rg_sub(p[CAMERA], p[CENTRE]), rg_sub(p[CAMERA + 1], p[CENTRE + 1]), rg_sub(p[CAMERA + 2], p[CENTRE + 2]) };
    vectors ahead = rotate((vectors){ p[0], p[1], p[2] }, from);
    rg_tensor near = rg_reciprocal(ahead.z), flat[2] = { rg_mul(ahead.x, near), rg_mul(ahead.y, near) };
    rg_tensor square = rg_add(rg_square(flat[0]), rg_square(flat[1]));
    rg_tensor bent = rg_shift(rg_mul(square, rg_add(p[RADIAL], rg_mul(p[RADIAL + 1], square))), 1);
    rg_tensor large = rg_mul(p[FOCAL], bent), ones = rg_full(tape, RG_F64, RG_SHAPE(n, 1), 1);
    for (int j = 0; j < 2; j++) {
        rg_tensor at = rg_add(rg_mul(large, flat[j]), p[PRINCIPAL + j]);
        off[j] = rg_mul(p[BLOCK - 1], rg_sub(at, column(seen, j)));
    }
    for (int j = 0; j < 2; j++) rg_vjp(off[j], ones, p, BLOCK, slope + j * BLOCK);
    out[0] = rg_concat(2, off, 1);
    out[1] = rg_reshape(rg_concat(2 * BLOCK, slope, 1), RG_SHAPE(n, 2, BLOCK));
    return 2;
}

const function_problem function_bundle = { .extent = extent, .prepare = prepare, .record_arrays = record,
                                           .by_hand = LEVELS(bundle_f64) };
