/* test_views.c: views of views, in any order, show the elements that plain index arithmetic shows, to every kind of op
 * that reads them; and their gradients bring each number back to where it came from. */
#include "tensors.h"

/* A tensor and, for each of its elements, the number of the element of the base that it shows. */
typedef struct {
    rg_tensor t;
    rg_shape shape;
    int64_t *from;
} seen;

enum { MOST = 5000 };

static seen seen_base(rg_tensor t)
{
    seen s = { t, rg_shape_of(t), malloc(MOST * sizeof *s.from) };
    for (int64_t i = 0; i < rg_shape_count(s.shape); i++) s.from[i] = i;
    return s;
}

/* The view whose element at position p shows that at `back(p)`, found by trying every position. */
static void reindex_by(seen *s, rg_tensor t, rg_shape shape, const int *axis_of, const int64_t *start, const int64_t *step)
{
    int64_t *from = malloc(MOST * sizeof *from);
    for (int64_t i = 0; i < rg_shape_count(shape); i++) {
        int64_t rest = i, position[RG_MAX_RANK] = { 0 }, at = 0;
        for (int d = shape.rank - 1; d >= 0; d--) {
            if (axis_of[d] >= 0) position[axis_of[d]] += step[d] * (rest % shape.size[d]) + start[d];
            rest /= shape.size[d];
        }
        for (int d = 0; d < s->shape.rank; d++) at = at * s->shape.size[d] + position[d];
        from[i] = s->from[at];
    }
    free(s->from);
    *s = (seen){ t, shape, from };
}

static void reindex(seen *s, rg_tensor t, rg_shape shape, const int *axis_of, const int64_t *start, const bool *repeat)
{
    int64_t step[RG_MAX_RANK];
    for (int d = 0; d < shape.rank; d++) step[d] = !repeat[d];
    reindex_by(s, t, shape, axis_of, start, step);
}

static void random_permute(seen *s, uint64_t bits)
{
    rg_axes order = { .count = s->shape.rank };
    rg_shape shape = { .rank = s->shape.rank };
    int64_t start[RG_MAX_RANK] = { 0 };
    bool repeat[RG_MAX_RANK] = { false };
    for (int d = 0; d < shape.rank; d++) order.axis[d] = d;
    for (int d = shape.rank - 1; d > 0; d--) {
        int k = (int)(bits >> 4 * d & 15) % (d + 1), axis = order.axis[d];
        order.axis[d] = order.axis[k];
        order.axis[k] = axis;
    }
    for (int d = 0; d < shape.rank; d++) shape.size[d] = s->shape.size[order.axis[d]];
    reindex(s, rg_permute(s->t, order), shape, order.axis, start, repeat);
}

static void random_slice(seen *s, uint64_t bits)
{
    const int axis = (int)(bits % (uint64_t)s->shape.rank);
    const int64_t size = s->shape.size[axis];
    if (size < 2) return;
    rg_shape shape = s->shape;
    int64_t begin = (int64_t)(bits >> 8) % size, length = 1 + (int64_t)(bits >> 16 & 0xffff) % (size - begin);
    int axis_of[RG_MAX_RANK];
    int64_t start[RG_MAX_RANK] = { 0 };
    bool repeat[RG_MAX_RANK] = { false };
    for (int d = 0; d < shape.rank; d++) axis_of[d] = d;
    start[axis] = begin;
    shape.size[axis] = length;
    bool from_end = bits >> 40 & 1 && begin + length < size;
    rg_tensor t = from_end ? rg_slice(s->t, axis - shape.rank, begin - size, begin + length - size)
                           : rg_slice(s->t, axis, begin, begin + length);
    reindex(s, t, shape, axis_of, start, repeat);
}

/* Every so many elements, forwards or backwards; or simply turned round. */
static void random_steps(seen *s, uint64_t bits)
{
    const int axis = (int)(bits % (uint64_t)s->shape.rank);
    const int64_t size = s->shape.size[axis], start = (int64_t)(bits >> 8 & 0xff) % size;
    const bool turned = bits >> 20 & 1;
    const int64_t stride = 1 + (int64_t)(bits >> 16 & 3), step = bits >> 24 & 1 ? stride : -stride;
    const int64_t count = 1 + (step > 0 ? size - 1 - start : start) / stride;
    rg_shape shape = s->shape;
    int axis_of[RG_MAX_RANK];
    int64_t from[RG_MAX_RANK] = { 0 }, steps[RG_MAX_RANK];
    for (int d = 0; d < shape.rank; d++) {
        axis_of[d] = d;
        steps[d] = 1;
    }
    from[axis] = turned ? size - 1 : start;
    steps[axis] = turned ? -1 : step;
    if (!turned) shape.size[axis] = count;
    rg_tensor t = turned ? rg_flip(s->t, RG_AXES(axis)) : rg_slice_step(s->t, axis, bits >> 25 & 1 ? start : start - size, count, step);
    reindex_by(s, t, shape, axis_of, from, steps);
}

static void random_windows(seen *s, uint64_t bits)
{
    const int axis = (int)(bits % (uint64_t)s->shape.rank);
    const int64_t n = s->shape.size[axis], size = 1 + (int64_t)(bits >> 8 & 0xff) % n, every = 1 + (int64_t)(bits >> 16 & 3);
    if (s->shape.rank >= 6 || rg_shape_count(s->shape) * size > MOST) return;
    rg_shape shape = s->shape;
    int axis_of[RG_MAX_RANK];
    int64_t start[RG_MAX_RANK] = { 0 }, steps[RG_MAX_RANK];
    for (int d = 0; d < shape.rank; d++) {
        axis_of[d] = d;
        steps[d] = d == axis ? every : 1;
    }
    shape.size[axis] = (n - size) / every + 1;
    axis_of[shape.rank] = axis;
    steps[shape.rank] = 1;
    shape.size[shape.rank++] = size;
    reindex_by(s, rg_unfold(s->t, axis, size, every), shape, axis_of, start, steps);
}

static void random_expand(seen *s, uint64_t bits)
{
    rg_shape shape = { .rank = 0 };
    int axis_of[RG_MAX_RANK];
    int64_t start[RG_MAX_RANK] = { 0 };
    bool repeat[RG_MAX_RANK] = { false };
    if (rg_shape_count(s->shape) > MOST / 30 || s->shape.rank >= 6) return;
    if (bits & 1) {
        axis_of[0] = -1;
        shape.size[shape.rank++] = 2 + (int64_t)(bits >> 1 & 1);
    }
    for (int d = 0; d < s->shape.rank; d++) {
        repeat[shape.rank] = s->shape.size[d] == 1;
        axis_of[shape.rank] = d;
        shape.size[shape.rank++] = s->shape.size[d] == 1 ? 1 + (int64_t)(bits >> (4 + 2 * d) & 3) : s->shape.size[d];
    }
    if (rg_shape_count(shape) > MOST) return;
    reindex(s, rg_expand(s->t, shape), shape, axis_of, start, repeat);
}

static void random_reshape(seen *s, uint64_t bits)
{
    int64_t count = rg_shape_count(s->shape);
    rg_shape shape = { .rank = 0 };
    for (int64_t n = 2; n <= 5 && shape.rank < 4; n++)
        if (count % n == 0 && bits >> n & 1) {
            shape.size[shape.rank++] = n;
            count /= n;
        }
    shape.size[shape.rank++] = count;
    if (bits >> 10 & 1) shape.size[shape.rank++] = 1;
    s->t = rg_reshape(s->t, shape);
    s->shape = shape;
}

static void look(seen *s, uint64_t bits)
{
    switch (bits % 6) {
    case 0: random_permute(s, bits >> 2); break;
    case 1: random_slice(s, bits >> 2); break;
    case 2: random_expand(s, bits >> 2); break;
    case 3: random_steps(s, bits >> 2); break;
    case 4: random_windows(s, bits >> 2); break;
    default: random_reshape(s, bits >> 2); break;
    }
}

static double base_value(int64_t i)
{
    return 1 + (double)(i % 97) * 0.5 + (double)i;
}

/* What an op makes of the view: read directly, elementwise, broadcast, summed, and as a matrix. */
static void check_readers(rg_tape *tape, const seen *s)
{
    const int64_t count = rg_shape_count(s->shape), last = s->shape.size[s->shape.rank - 1];
    rg_tensor row = rg_full(tape, RG_F64, RG_SHAPE(last), 2), column = rg_full(tape, RG_F64, RG_SHAPE(last, 1), 1);
    rg_tensor all[] = { s->t, rg_add(s->t, row), rg_mul(s->t, s->t), rg_sum_axes(s->t, RG_AXES(-1), false),
                        rg_matmul(s->t, column), rg_concat(2, (rg_tensor[]){ s->t, s->t }, 0) };
    assert_int_equal(rg_eval((int)COUNT(all), all), RG_OK);
    for (int64_t i = 0; i < count; i++) {
        double x = base_value(s->from[i]);
        assert_true(element(all[0], i) == x);
        assert_true(element(all[1], i) == x + 2);
        assert_true(element(all[2], i) == x * x);
        assert_true(element(all[5], i) == x && element(all[5], count + i) == x);
    }
    for (int64_t r = 0; r < count / last; r++) {
        double sum = 0;
        for (int64_t i = 0; i < last; i++) sum += base_value(s->from[r * last + i]);
        assert_true(fabs(element(all[3], r) - sum) < 1e-9 * sum);
        assert_true(fabs(element(all[4], r) - sum) < 1e-9 * sum);
    }
}

/* The sum of weighted elements of the view: each weight must arrive where its element came from. */
static void check_gradient(rg_tape *tape, const seen *s, rg_tensor base)
{
    const int64_t count = rg_shape_count(s->shape), elements = rg_shape_count(rg_shape_of(base));
    double *weights = malloc((size_t)count * sizeof *weights), *want = calloc((size_t)elements, sizeof *want);
    for (int64_t i = 0; i < count; i++) want[s->from[i]] += weights[i] = (double)(i % 11) - 4;
    rg_tensor loss = rg_sum(rg_mul(s->t, rg_input(tape, RG_F64, s->shape, weights)));
    assert_numbers(gradient(loss, base), want, (size_t)elements, 1e-12);
    free(weights);
    free(want);
}

static void check_chain(rg_tape *tape, uint64_t seed, bool computed)
{
    static const rg_shape shapes[] = { { 3, { 3, 4, 5 } }, { 2, { 12, 10 } }, { 4, { 2, 1, 6, 3 } }, { 2, { 1, 40 } } };
    double numbers[120];
    for (int64_t i = 0; i < 120; i++) numbers[i] = base_value(i) - (computed ? 1 : 0);
    rg_tensor base = rg_input(tape, RG_F64, shapes[seed % 4], numbers);
    seen s = seen_base(computed ? rg_shift(base, 1) : base);
    for (uint64_t i = 0; i < 1 + seed % 7; i++) look(&s, rg_random_bits(21, seed, i));
    assert_shape(s.t, s.shape);
    check_readers(tape, &s);
    check_gradient(tape, &s, base);
    assert_fine(tape);
    free(s.from);
}

static void views_of_views_show_the_right_elements(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (uint64_t seed = 0; seed < 600; seed++)
        for (int time = 0; time < 3; time++) { /* node by node, planned, found */
            check_chain(tape, seed, seed % 2);
            rg_tape_reset(tape);
        }
    rg_tape_free(tape);
}

static void shapes_are_worked_out(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    rg_tensor x = rg_full(tape, RG_F32, RG_SHAPE(2, 3, 4), 1);
    assert_shape(rg_transpose(x), RG_SHAPE(2, 4, 3));
    assert_shape(rg_permute(x, RG_AXES(-1, 0, 1)), RG_SHAPE(4, 2, 3));
    assert_shape(rg_reshape(x, RG_SHAPE(-1)), RG_SHAPE(24));
    assert_shape(rg_reshape(x, RG_SHAPE(4, -1, 1)), RG_SHAPE(4, 6, 1));
    assert_shape(rg_expand(rg_reshape(x, RG_SHAPE(24, 1)), RG_SHAPE(5, 24, 2)), RG_SHAPE(5, 24, 2));
    assert_shape(rg_slice(x, -1, -3, -1), RG_SHAPE(2, 3, 2));
    assert_shape(rg_pad(x, 1, 2, 5), RG_SHAPE(2, 10, 4));
    assert_shape(rg_concat(3, (rg_tensor[]){ x, x, x }, -2), RG_SHAPE(2, 9, 4));
    assert_shape(rg_reshape(rg_scalar(tape, RG_F32, 1), RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    assert_shape(rg_matmul(x, rg_full(tape, RG_F32, RG_SHAPE(4), 1)), RG_SHAPE(2, 3));
    assert_shape(rg_matmul(rg_full(tape, RG_F32, RG_SHAPE(3), 1), x), RG_SHAPE(2, 4));
    assert_shape(rg_matmul(rg_full(tape, RG_F32, RG_SHAPE(5, 1, 7, 3), 1), x), RG_SHAPE(5, 2, 7, 4));
    assert_fine(tape);
    rg_tape_free(tape);
}

static void whole_numbers_can_be_viewed_too(void **state)
{
    (void)state;
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor index = rg_input(tape, RG_I64, RG_SHAPE(2, 3), (int64_t[]){ 5, 0, 1, 2, 3, 4 });
        rg_tensor some = rg_slice(rg_transpose(index), 0, 1, 3); /* [[0, 3], [1, 4]] */
        rg_tensor table = MATRIX(tape, 6, 1, 10, 11, 12, 13, 14, 15);
        assert_exactly(rg_gather_rows(table, some), 10, 13, 11, 14);
        assert_exactly(rg_gather_rows(table, rg_expand(rg_reshape(rg_slice(index, 1, 0, 1), RG_SHAPE(1, 2)), RG_SHAPE(2, 2))),
                       15, 12, 15, 12);
        assert_exactly(rg_scatter_rows(VECTOR(tape, 1, 2, 3, 4), rg_reshape(some, RG_SHAPE(4)), 5), 1, 3, 0, 2, 4);
        assert_exactly(rg_one_hot(rg_slice(rg_transpose(index), 0, 1, 2), 4, RG_F64), 1, 0, 0, 0, 0, 0, 0, 1);
        const int64_t want[] = { 0, 3, 1, 4 };
        assert_memory_equal(rg_data(some), want, sizeof want);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_of_views_show_the_right_elements),
        cmocka_unit_test(shapes_are_worked_out),
        cmocka_unit_test(whole_numbers_can_be_viewed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
