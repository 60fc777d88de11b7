/* test_misuse_shapes.c: every kind of misuse of reductions, running sums, order, shapes, pieces and indexing gives its status and a
 * message that names the caller's line, the function and the operands; and after each a correct call works. */
#include "refused.h"

#include <limits.h>

static rg_tape *tape, *elsewhere;
static rg_tensor x, d, v, s, i, w, empty, deep, old, foreign, null; /* f32[2,3], f64[2,3], f32[2], f32[], i32[2], i32[2,3], ... */
static int kinds;

static int set_up(void **state)
{
    (void)state;
    const float six[] = { 1, 2, 3, 4, 5, 6 };
    tape = rg_tape_new();
    elsewhere = rg_tape_new();
    old = rg_input(tape, RG_F32, RG_SHAPE(2), six);
    rg_tape_reset(tape);
    foreign = rg_name(rg_input(elsewhere, RG_F32, RG_SHAPE(2), six), "foreign");
    x = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2, 3), six), "x");
    d = rg_name(MATRIX(tape, 2, 3, 1, 2, 3, 4, 5, 6), "d");
    v = rg_name(rg_input(tape, RG_F32, RG_SHAPE(2), six), "v");
    s = rg_name(rg_scalar(tape, RG_F32, 2), "s");
    i = rg_name(rg_input(tape, RG_I32, RG_SHAPE(2), (int32_t[]){ 1, 0 }), "i");
    w = rg_name(rg_input(tape, RG_I32, RG_SHAPE(2, 3), (int32_t[]){ 1, 0, 1, 0, 1, 0 }), "w");
    empty = rg_name(rg_input(tape, RG_F32, RG_SHAPE(0, 3), NULL), "empty");
    deep = rg_name(rg_full(tape, RG_F32, RG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 1), "deep");
    return rg_failed(tape) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    rg_tape_free(tape);
    rg_tape_free(elsewhere);
    return 0;
}

static void refused(int line, rg_status status, const char *begins, const char *holds)
{
    assert_refused(tape, __FILE__, line, status, begins, holds);
    if (rg_item(rg_sum(rg_mul(x, s))) != 42 || rg_failed(tape)) fail_msg("after line %d: %s", line, rg_message(tape));
    assert_false(rg_failed(elsewhere));
    kinds++;
}

#define REFUSED(call, status, begins, holds) (assert_true(rg_is_null(call)), refused(__LINE__, status, begins, holds))

static void reductions_refuse_axes_that_are_none_and_what_is_no_float(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        rg_tensor (*record)(const char *site, rg_tensor x, rg_axes axes, bool keepdims);
    } reductions[] = { { "prod: ", rg_prod_axes_at },     { "min: ", rg_min_axes_at }, { "argmax: ", rg_argmax_axes_at },
                       { "argmin: ", rg_argmin_axes_at }, { "any: ", rg_any_axes_at }, { "all: ", rg_all_axes_at },
                       { "logsumexp: ", rg_logsumexp_axes_at } };
    for (size_t k = 0; k < COUNT(reductions); k++) {
        const char *name = reductions[k].name;
        REFUSED(reductions[k].record(RG_SITE, x, RG_AXES(2), true), RG_E_ARGUMENT, name, "an axis is out of range or named twice: x f32[2,3]");
        REFUSED(reductions[k].record(RG_SITE, x, RG_AXES(0, -2), true), RG_E_ARGUMENT, name, "x f32[2,3]");
        REFUSED(reductions[k].record(RG_SITE, x, ((rg_axes){ .count = 9 }), true), RG_E_ARGUMENT, name, "x f32[2,3]");
        REFUSED(reductions[k].record(RG_SITE, x, ((rg_axes){ .count = -1 }), true), RG_E_ARGUMENT, name, "x f32[2,3]");
        REFUSED(reductions[k].record(RG_SITE, i, RG_ALL_AXES, true), RG_E_DTYPE, name, "takes f32 or f64: i i32[2]");
        REFUSED(reductions[k].record(RG_SITE, old, RG_ALL_AXES, true), RG_E_TAPE, name, "before rg_tape_reset");
        assert_true(rg_is_null(reductions[k].record(RG_SITE, null, RG_ALL_AXES, true)));
        assert_false(rg_failed(tape));
    }
    REFUSED(rg_min(empty), RG_E_SHAPE, "min: the smallest of no elements", "empty f32[0,3]");
    REFUSED(rg_argmax(empty), RG_E_SHAPE, "argmax: a row of no elements", "");
    REFUSED(rg_argmin_axes(empty, RG_AXES(0), true), RG_E_SHAPE, "argmin: ", "");
    REFUSED(rg_logsumexp_axes(empty, RG_ALL_AXES, true), RG_E_SHAPE, "logsumexp: a row of no elements", "");
}

static void statistics_refuse_numbers_that_are_none(void **state)
{
    (void)state;
    REFUSED(rg_var(x, -1), RG_E_ARGUMENT, "var: the correction must be finite and not negative", "x f32[2,3]");
    REFUSED(rg_var(x, NAN), RG_E_ARGUMENT, "var: ", "x f32[2,3]");
    REFUSED(rg_std(x, (double)INFINITY), RG_E_ARGUMENT, "std: ", "x f32[2,3]");
    REFUSED(rg_std_axes(x, RG_AXES(5), 0, true), RG_E_ARGUMENT, "std: an axis is out of range", "x f32[2,3]");
    REFUSED(rg_var_axes(i, RG_AXES(0), 0, true), RG_E_DTYPE, "var: ", "i i32[2]");
    REFUSED(rg_var(old, 0), RG_E_TAPE, "var: ", "before rg_tape_reset");
    REFUSED(rg_norm(x, 0), RG_E_ARGUMENT, "norm: p must be greater than 0", "x f32[2,3]");
    REFUSED(rg_norm(x, -2), RG_E_ARGUMENT, "norm: ", "x f32[2,3]");
    REFUSED(rg_norm(x, NAN), RG_E_ARGUMENT, "norm: ", "x f32[2,3]");
    REFUSED(rg_norm_axes(x, 2, RG_AXES(-3), true), RG_E_ARGUMENT, "norm: an axis", "x f32[2,3]");
    REFUSED(rg_norm(i, 1), RG_E_DTYPE, "norm: ", "i i32[2]");
    REFUSED(rg_norm(empty, (double)INFINITY), RG_E_SHAPE, "max: the largest of no elements", "");
    assert_true(rg_is_null(rg_var(null, 0)) && rg_is_null(rg_std(null, 0)) && rg_is_null(rg_norm(null, 2)));
    assert_false(rg_failed(tape));
}

static void scans_and_order_refuse_axes_that_are_none(void **state)
{
    (void)state;
    rg_tensor places = x;
    REFUSED(rg_cumsum(x, 2), RG_E_ARGUMENT, "cumsum: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_cumsum(s, 0), RG_E_SHAPE, "cumsum: takes at least one axis", "s f32[]");
    REFUSED(rg_cumsum(i, 0), RG_E_DTYPE, "cumsum: takes f32 or f64", "i i32[2]");
    REFUSED(rg_cumsum(old, 0), RG_E_TAPE, "cumsum: ", "before");
    REFUSED(rg_cumprod(x, -3), RG_E_ARGUMENT, "cumprod: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_cumprod(s, 0), RG_E_SHAPE, "cumprod: takes at least one axis", "s f32[]");
    REFUSED(rg_cumprod(i, 0), RG_E_DTYPE, "cumprod: takes f32 or f64", "i i32[2]");
    REFUSED(rg_cumprod(old, 0), RG_E_TAPE, "cumprod: ", "before");
    REFUSED(rg_sort(x, INT_MAX, true), RG_E_ARGUMENT, "sort: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_sort(s, 0, true), RG_E_SHAPE, "sort: takes at least one axis", "s f32[]");
    REFUSED(rg_sort(i, 0, true), RG_E_DTYPE, "sort: takes f32 or f64", "i i32[2]");
    REFUSED(rg_argsort(x, INT_MIN, true), RG_E_ARGUMENT, "argsort: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_argsort(i, 0, true), RG_E_DTYPE, "argsort: ", "i i32[2]");
    REFUSED(rg_argsort(old, 0, true), RG_E_TAPE, "argsort: ", "before");
    REFUSED(rg_top_k(x, 4, 1, true, &places), RG_E_ARGUMENT, "top_k: the axis has not that many elements", "x f32[2,3]");
    assert_true(rg_is_null(places));
    REFUSED(rg_top_k(x, -1, 1, true, NULL), RG_E_ARGUMENT, "top_k: ", "x f32[2,3]");
    REFUSED(rg_top_k(x, 1, 2, true, NULL), RG_E_ARGUMENT, "top_k: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_top_k(i, 1, 0, true, NULL), RG_E_DTYPE, "top_k: ", "i i32[2]");
    assert_true(rg_is_null(rg_cumsum(null, 0)) && rg_is_null(rg_cumprod(null, 0)) && rg_is_null(rg_sort(null, 0, true)));
    assert_true(rg_is_null(rg_top_k(null, 1, 0, true, NULL)));
    assert_false(rg_failed(tape));
}

static void shapes_refuse_what_does_not_fit(void **state)
{
    (void)state;
    REFUSED(rg_squeeze(x, 0), RG_E_SHAPE, "squeeze: the axis has not size 1", "x f32[2,3]");
    REFUSED(rg_squeeze(x, 2), RG_E_ARGUMENT, "squeeze: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_squeeze(old, 0), RG_E_TAPE, "squeeze: ", "before");
    REFUSED(rg_unsqueeze(x, 3), RG_E_ARGUMENT, "unsqueeze: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_unsqueeze(deep, 0), RG_E_SHAPE, "unsqueeze: more than 8 dimensions", "deep f32[1,");
    REFUSED(rg_slice_step(x, 1, 0, 2, 0), RG_E_ARGUMENT, "slice: a step of 0", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, 0, 3, 2), RG_E_ARGUMENT, "slice: the range is outside the axis", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, 1, 3, -1), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, 3, 1, 1), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, -4, 1, 1), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, 0, -1, 1), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, 2, INT64_MAX, INT64_MAX), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 1, 2, 3, INT64_MIN), RG_E_ARGUMENT, "slice: ", "x f32[2,3]");
    REFUSED(rg_slice_step(x, 2, 0, 1, 1), RG_E_ARGUMENT, "slice: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_flip(x, RG_AXES(0, 0)), RG_E_ARGUMENT, "flip: an axis is out of range or named twice", "x f32[2,3]");
    REFUSED(rg_flip(old, RG_ALL_AXES), RG_E_TAPE, "flip: ", "before");
    REFUSED(rg_diagonal(v, 0), RG_E_SHAPE, "diagonal: takes at least two axes", "v f32[2]");
    REFUSED(rg_unfold(x, 1, 4, 1), RG_E_ARGUMENT, "unfold: a window must have 1 to 3 elements", "x f32[2,3]");
    REFUSED(rg_unfold(x, 1, 0, 1), RG_E_ARGUMENT, "unfold: ", "x f32[2,3]");
    REFUSED(rg_unfold(x, 1, 2, 0), RG_E_ARGUMENT, "unfold: the step must be at least 1", "x f32[2,3]");
    REFUSED(rg_unfold(x, 7, 2, 1), RG_E_ARGUMENT, "unfold: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_unfold(deep, 0, 1, 1), RG_E_SHAPE, "unfold: more than 8 dimensions", "deep f32[1,");
    REFUSED(rg_overlap_add(x, 0, 5, 1), RG_E_SHAPE, "overlap_add: 2 windows of 3 do not fit 5 elements", "x f32[2,3]");
    REFUSED(rg_overlap_add(x, 0, -5, 1), RG_E_SHAPE, "overlap_add: ", "x f32[2,3]");
    REFUSED(rg_overlap_add(x, 1, 4, 1), RG_E_ARGUMENT, "overlap_add: the axis is out of range, or the last one", "x f32[2,3]");
    REFUSED(rg_overlap_add(x, 0, 4, -1), RG_E_ARGUMENT, "overlap_add: the step must be at least 1", "x f32[2,3]");
    REFUSED(rg_overlap_add(w, 0, 4, 1), RG_E_DTYPE, "overlap_add: takes f32 or f64", "w i32[2,3]");
    REFUSED(rg_overlap_add(s, 0, 4, 1), RG_E_ARGUMENT, "overlap_add: ", "s f32[]");
    REFUSED(rg_tile(x, RG_SHAPE(2, -1)), RG_E_SHAPE, "tile: a negative or too large number of times", "x f32[2,3]");
    REFUSED(rg_tile(x, ((rg_shape){ .rank = 9 })), RG_E_SHAPE, "tile: ", "x f32[2,3]");
    REFUSED(rg_tile(x, RG_SHAPE(INT64_MAX, INT64_MAX)), RG_E_SHAPE, "tile: ", "x f32[2,3]");
    REFUSED(rg_tile(x, RG_SHAPE((int64_t)1 << 40, (int64_t)1 << 20)), RG_E_SHAPE, "tile: ", "x f32[2,3]");
    REFUSED(rg_repeat(x, 0, -1), RG_E_ARGUMENT, "repeat: a negative or too large number of times", "x f32[2,3]");
    REFUSED(rg_repeat(x, 0, INT64_MAX), RG_E_ARGUMENT, "repeat: ", "x f32[2,3]");
    REFUSED(rg_repeat(x, 0, INT64_MAX / 8), RG_E_SHAPE, "expand: a malformed or too large shape", "");
    REFUSED(rg_repeat(x, 2, 1), RG_E_ARGUMENT, "repeat: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_tril(v, 0), RG_E_SHAPE, "tril: takes at least two axes", "v f32[2]");
    REFUSED(rg_triu(s, 0), RG_E_SHAPE, "triu: takes at least two axes", "s f32[]");
    assert_true(rg_is_null(rg_squeeze(null, 0)) && rg_is_null(rg_unsqueeze(null, 0)) && rg_is_null(rg_flip(null, RG_ALL_AXES)));
    assert_true(rg_is_null(rg_tile(null, RG_SHAPE(2))) && rg_is_null(rg_repeat(null, 0, 2)) && rg_is_null(rg_diagonal(null, 0)));
    assert_true(rg_is_null(rg_unfold(null, 0, 2, 1)) && rg_is_null(rg_overlap_add(null, 0, 2, 1)) && rg_is_null(rg_tril(null, 0)));
    assert_false(rg_failed(tape));
}

static void pieces_refuse_what_does_not_fit(void **state)
{
    (void)state;
    rg_tensor out[3] = { x, x, x }, many[70];
    for (int k = 0; k < 70; k++) many[k] = v;
    REFUSED(rg_pad_value(x, 2, 1, 1, 5), RG_E_ARGUMENT, "pad: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_pad_value(x, 0, -1, 1, 5), RG_E_ARGUMENT, "pad: negative or too large padding", "x f32[2,3]");
    REFUSED(rg_pad_value(i, 0, 1, 1, 5), RG_E_DTYPE, "pad: takes f32 or f64", "i i32[2]");
    const char *too_much = ": negative or too large padding";
    static const struct {
        rg_tensor (*pad)(const char *site, rg_tensor x, int axis, int64_t before, int64_t after);
        const char *name;
        int64_t too_much;     /* of [2, 3] along axis 1 */
    } paddings[] = { { rg_pad_reflect_at, "pad_reflect", 3 }, { rg_pad_circular_at, "pad_circular", 4 },
                     { rg_pad_replicate_at, "pad_replicate", INT64_MAX } };
    for (size_t k = 0; k < COUNT(paddings); k++) {
        const char *name = paddings[k].name;
        char text[64];
        snprintf(text, sizeof text, "%s%s", name, too_much);
        REFUSED(paddings[k].pad(RG_SITE, x, 1, paddings[k].too_much, 0), RG_E_ARGUMENT, text, "x f32[2,3]");
        REFUSED(paddings[k].pad(RG_SITE, x, -1, 0, paddings[k].too_much), RG_E_ARGUMENT, text, "x f32[2,3]");
        REFUSED(paddings[k].pad(RG_SITE, x, 1, -1, 2), RG_E_ARGUMENT, text, "x f32[2,3]");
        REFUSED(paddings[k].pad(RG_SITE, x, 1, INT64_MIN, INT64_MIN), RG_E_ARGUMENT, text, "x f32[2,3]");
        REFUSED(paddings[k].pad(RG_SITE, x, 1, 2, -1), RG_E_ARGUMENT, text, "x f32[2,3]");
        REFUSED(paddings[k].pad(RG_SITE, rg_slice_step(x, 1, 0, 0, 1), 1, 1, 0), RG_E_ARGUMENT, text, "f32[2,0]");
        snprintf(text, sizeof text, "%s: the axis is out of range", name);
        REFUSED(paddings[k].pad(RG_SITE, x, 2, 1, 1), RG_E_ARGUMENT, text, "x f32[2,3]");
        REFUSED(paddings[k].pad(RG_SITE, s, 0, 1, 1), RG_E_ARGUMENT, text, "s f32[]");
        snprintf(text, sizeof text, "%s: takes f32 or f64", name);
        REFUSED(paddings[k].pad(RG_SITE, i, 0, 1, 1), RG_E_DTYPE, text, "i i32[2]");
        REFUSED(paddings[k].pad(RG_SITE, old, 0, 1, 1), RG_E_TAPE, name, "before rg_tape_reset");
        assert_true(rg_is_null(paddings[k].pad(RG_SITE, null, 0, 1, 1)));
    }
    REFUSED(rg_stack(2, ((rg_tensor[]){ x, v }), 0), RG_E_SHAPE, "stack: shapes differ", "x f32[2,3] · v f32[2]");
    REFUSED(rg_stack(2, ((rg_tensor[]){ x, x }), 3), RG_E_ARGUMENT, "stack: the axis is out of range", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_stack(1, &deep, 0), RG_E_SHAPE, "stack: more than 8 dimensions", "deep f32[1,");
    REFUSED(rg_stack(2, ((rg_tensor[]){ x, d }), 0), RG_E_DTYPE, "concat: dtypes differ", "");
    REFUSED(rg_stack(2, ((rg_tensor[]){ v, foreign }), 0), RG_E_TAPE, "stack: operand 2 is on another tape", "");
    REFUSED(rg_stack(2, ((rg_tensor[]){ v, null }), 0), RG_E_NULL, "stack: operand 2 is the null tensor", "");
    many[69] = null;
    REFUSED(rg_concat(70, many, 0), RG_E_NULL, "concat: operand 70 is the null tensor", "");
    many[69] = old;
    REFUSED(rg_stack(70, many, 0), RG_E_TAPE, "stack: operand 70 is a tensor from before", "");
    many[69] = x;
    REFUSED(rg_concat(70, many, 0), RG_E_SHAPE, "concat: ranks differ", "");
    assert_int_equal(rg_split(x, 1, 2, NULL, out), RG_E_SHAPE); refused(__LINE__, RG_E_SHAPE, "split: the pieces do not make up the axis", "x f32[2,3]");
    assert_true(rg_is_null(out[0]) && rg_is_null(out[1]));
    assert_int_equal(rg_split(x, 1, 2, (int64_t[]){ 4, -1 }, out), RG_E_SHAPE); refused(__LINE__, RG_E_SHAPE, "split: ", "x f32[2,3]");
    assert_int_equal(rg_split(x, 1, 2, (int64_t[]){ INT64_MAX, INT64_MAX }, out), RG_E_SHAPE); refused(__LINE__, RG_E_SHAPE, "split: ", "");
    assert_int_equal(rg_split(x, 2, 1, NULL, out), RG_E_ARGUMENT); refused(__LINE__, RG_E_ARGUMENT, "split: the axis is out of range", "x f32[2,3]");
    assert_int_equal(rg_split(x, 0, 2, NULL, NULL), RG_E_NULL); refused(__LINE__, RG_E_NULL, "split: no place for the results", "");
    assert_int_equal(rg_split(x, 0, 0, NULL, out), RG_E_NULL); refused(__LINE__, RG_E_NULL, "split: ", "");
    assert_int_equal(rg_split(old, 0, 1, NULL, out), RG_E_TAPE); refused(__LINE__, RG_E_TAPE, "split: ", "before");
    assert_int_equal(rg_split(null, 0, 1, NULL, out), RG_E_NULL);
    REFUSED(rg_roll(x, 2, 1), RG_E_ARGUMENT, "roll: the axis is out of range", "x f32[2,3]");
    REFUSED(rg_roll(i, 0, 1), RG_E_DTYPE, "roll: takes f32 or f64", "i i32[2]");
    REFUSED(rg_diag(s, 0), RG_E_SHAPE, "diag: takes 1 to 7 axes", "s f32[]");
    REFUSED(rg_diag(deep, 0), RG_E_SHAPE, "diag: takes 1 to 7 axes", "deep f32[1,");
    REFUSED(rg_diag(i, 0), RG_E_DTYPE, "diag: takes f32 or f64", "i i32[2]");
    REFUSED(rg_diag(v, INT64_MIN), RG_E_SHAPE, "diag: the result is too large", "v f32[2]");
    REFUSED(rg_diag(v, (int64_t)1 << 30), RG_E_SHAPE, "pad: the result is too large", "");
    assert_true(rg_is_null(rg_stack(0, &x, 0)) && rg_is_null(rg_stack(2, NULL, 0)) && rg_is_null(rg_roll(null, 0, 1)));
    assert_true(rg_is_null(rg_diag(null, 0)) && rg_is_null(rg_pad_value(null, 0, 1, 1, 1)));
    assert_false(rg_failed(tape));
}

static void indexing_refuses_what_is_no_index(void **state)
{
    (void)state;
    REFUSED(rg_gather(x, 2, w), RG_E_ARGUMENT, "gather: the axis is out of range", "x f32[2,3] · w i32[2,3]");
    REFUSED(rg_gather(s, 0, w), RG_E_ARGUMENT, "gather: ", "s f32[] · w i32[2,3]");
    REFUSED(rg_gather(x, 0, i), RG_E_SHAPE, "gather: sizes differ off the axis", "x f32[2,3] · i i32[2]");
    REFUSED(rg_gather(x, 0, x), RG_E_DTYPE, "gather: the index must be i32 or i64", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_gather(x, 0, null), RG_E_NULL, "gather: operand 2 is the null tensor", "");
    REFUSED(rg_gather(old, 0, w), RG_E_TAPE, "gather: operand 1", "");
    assert_false(rg_failed(tape));
}

static void adding_refuses_what_is_no_index(void **state)
{
    (void)state;
    REFUSED(rg_scatter_add(x, 2, w, 4), RG_E_ARGUMENT, "scatter_add: the axis is out of range", "x f32[2,3] · w i32[2,3]");
    REFUSED(rg_scatter_add(x, 0, w, -1), RG_E_ARGUMENT, "scatter_add: a negative number of elements", "x f32[2,3] · w i32[2,3]");
    REFUSED(rg_scatter_add(empty, 0, w, 4), RG_E_SHAPE, "scatter_add: one index an element is needed", "empty f32[0,3] · w i32[2,3]");
    REFUSED(rg_scatter_add(v, 0, w, 4), RG_E_SHAPE, "scatter_add: sizes differ off the axis", "v f32[2] · w i32[2,3]");
    REFUSED(rg_scatter_add(w, 0, w, 4), RG_E_DTYPE, "scatter_add: takes f32 or f64", "w i32[2,3] · w i32[2,3]");
    REFUSED(rg_scatter_add(x, 0, x, 4), RG_E_DTYPE, "scatter_add: the index must be i32 or i64", "x f32[2,3] · x f32[2,3]");
    REFUSED(rg_scatter_add(x, 0, w, INT64_MAX), RG_E_SHAPE, "scatter_add: the result is too large", "x f32[2,3]");
    REFUSED(rg_scatter_add(x, 0, old, 4), RG_E_TAPE, "scatter_add: operand 2", "");
    REFUSED(rg_index_select(x, 2, i), RG_E_ARGUMENT, "index_select: the axis is out of range", "x f32[2,3] · i i32[2]");
    REFUSED(rg_index_select(x, 0, w), RG_E_SHAPE, "index_select: the index must have one axis", "x f32[2,3] · w i32[2,3]");
    REFUSED(rg_index_select(x, 0, v), RG_E_DTYPE, "index_select: the index must be i32 or i64", "x f32[2,3] · v f32[2]");
    REFUSED(rg_index_select(x, 0, null), RG_E_NULL, "index_select: operand 2", "");
    REFUSED(rg_segment_sum(x, v, 2), RG_E_DTYPE, "scatter_rows: the index must be i32 or i64", "x f32[2,3] · v f32[2]");
    REFUSED(rg_segment_sum(x, i, -2), RG_E_ARGUMENT, "scatter_rows: a negative number of rows", "x f32[2,3] · i i32[2]");
    assert_true(rg_is_null(rg_gather(null, 0, null)) && rg_is_null(rg_scatter_add(null, 0, null, 3)));
    assert_true(rg_is_null(rg_index_select(null, 0, null)) && rg_is_null(rg_segment_sum(null, null, 3)));
    assert_false(rg_failed(tape));
}

static void these_were_more_than_a_hundred_kinds(void **state)
{
    (void)state;
    assert_true(kinds > 130);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(reductions_refuse_axes_that_are_none_and_what_is_no_float),
        TEST(statistics_refuse_numbers_that_are_none),
        TEST(scans_and_order_refuse_axes_that_are_none),
        TEST(shapes_refuse_what_does_not_fit),
        TEST(pieces_refuse_what_does_not_fit),
        TEST(indexing_refuses_what_is_no_index),
        TEST(adding_refuses_what_is_no_index),
        cmocka_unit_test(these_were_more_than_a_hundred_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
