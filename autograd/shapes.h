/* shapes.h: other shapes for the same elements, pieces, and indexing. Part of autograd.h, which includes it. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_SHAPES_H
#define RETROGRAD_SHAPES_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Shape: any dtype. Views cost nothing: what reads them follows their strides ------------------------ */

/* Swaps the last two axes. vjp: swaps them back. errors RG_E_SHAPE rank below 2. */
RG_API rg_tensor rg_transpose(rg_tensor x);
/* Axis i of the result is axis order.axis[i] of x. errors RG_E_ARGUMENT not a permutation. */
RG_API rg_tensor rg_permute(rg_tensor x, rg_axes order);
/* The same elements in row-major order; one size may be -1 and is worked out. */
RG_API rg_tensor rg_reshape(rg_tensor x, rg_shape shape);
/* Takes an axis of size 1 away; puts one in, so that it is axis `axis` of the result.
 * errors RG_E_ARGUMENT the axis is out of range, RG_E_SHAPE its size is not 1, or there would be more than 8. */
RG_API rg_tensor rg_squeeze(rg_tensor x, int axis);
RG_API rg_tensor rg_unsqueeze(rg_tensor x, int axis);
/* Repeats along dimensions of size 1 and along new leading ones. vjp: sums over them. */
RG_API rg_tensor rg_expand(rg_tensor x, rg_shape shape);
/* Elements start, ..., stop - 1 along one axis; negative positions count from the end.
 * vjp: g inside, zeros outside. errors RG_E_ARGUMENT an empty or outlying range. */
RG_API rg_tensor rg_slice(rg_tensor x, int axis, int64_t start, int64_t stop);
/* Elements start, start + step, ...: `count` of them along one axis. A negative start counts from the end; the step may be
 * negative. (NumPy's x[4:1:-2] starts at 4, with 2 elements in steps of -2.)
 * vjp: g in those places, zeros elsewhere. errors RG_E_ARGUMENT an element outside the axis, or a step of 0. */
RG_API rg_tensor rg_slice_step(rg_tensor x, int axis, int64_t start, int64_t count, int64_t step);
/* The order along the axes reversed. vjp: reverses g. errors RG_E_ARGUMENT an axis out of range or twice. */
RG_API rg_tensor rg_flip(rg_tensor x, rg_axes axes);
/* The diagonal of each matrix, number `diagonal` above the main one, below it if negative: [..., n, m] -> [..., count].
 * vjp: g on the diagonal. errors RG_E_SHAPE rank below 2. */
RG_API rg_tensor rg_diagonal(rg_tensor x, int64_t diagonal);
/* All windows of `size` elements along an axis, one every `step`: [..., n, ...] -> [..., (n - size) / step + 1, ..., size]:
 * the window's elements become a new last axis. They overlap where step < size, and none is copied.
 * vjp: rg_overlap_add of g. errors RG_E_ARGUMENT size is not in 1, ..., n, or step below 1; RG_E_SHAPE more than 8 axes. */
RG_API rg_tensor rg_unfold(rg_tensor x, int axis, int64_t size, int64_t step);

/* Repeated whole: times.size[i] copies of x along axis i, one after another, as NumPy's tile does; axes are aligned at the
 * end. vjp: sums over the copies. errors RG_E_SHAPE a negative number or too large a result. */
RG_API rg_tensor rg_tile(rg_tensor x, rg_shape times);
/* Each element along the axis `times` times in a row, as NumPy's repeat and PyTorch's repeat_interleave do.
 * vjp: sums over the repetitions. errors RG_E_ARGUMENT the axis is out of range or `times` negative. */
RG_API rg_tensor rg_repeat(rg_tensor x, int axis, int64_t times);
/* The lower triangle of each matrix with zeros elsewhere, up to and including diagonal number `diagonal` (0 the main one,
 * above it positive); the upper triangle from that diagonal on. vjp: the same of g. errors RG_E_SHAPE rank below 2. */
RG_API rg_tensor rg_tril(rg_tensor x, int64_t diagonal);
RG_API rg_tensor rg_triu(rg_tensor x, int64_t diagonal);

/* ---- Pieces: f32 and f64 ------------------------------------------------------------------------------- */

/* Zeros, or a fixed number, before and after along one axis. vjp: the slice of g. errors RG_E_ARGUMENT negative padding. */
RG_API rg_tensor rg_pad(rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_pad_value(rg_tensor x, int axis, int64_t before, int64_t after, double value);
/* Numbers of x's own before and after along one axis, as PyTorch's padding modes have them. Of 1 2 3 and two on either side:
 *     reflect     3 2 [1 2 3] 2 1   mirrored at the first and at the last element; fewer on a side than there are
 *     replicate   1 1 [1 2 3] 3 3   the first and the last element, of which there must be one
 *     circular    2 3 [1 2 3] 1 2   as if the end were followed by the beginning; at most as many on a side as there are
 * vjp: g, with what is before and after added to the elements that stand there.
 * errors RG_E_ARGUMENT the axis is out of range, negative padding, or too much. */
RG_API rg_tensor rg_pad_reflect(rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_pad_replicate(rg_tensor x, int axis, int64_t before, int64_t after);
RG_API rg_tensor rg_pad_circular(rg_tensor x, int axis, int64_t before, int64_t after);
/* Joins n >= 1 tensors along an axis. vjp: slices of g. */
RG_API rg_tensor rg_concat(int n, const rg_tensor *parts, int axis);
/* Joins n >= 1 tensors of one shape along a new axis, which is axis `axis` of the result. vjp: slices of g. */
RG_API rg_tensor rg_stack(int n, const rg_tensor *parts, int axis);
/* Cuts x along an axis into n slices of these sizes, or of one size if sizes is NULL.
 * errors RG_E_SHAPE the sizes do not add up to that of the axis, RG_E_NULL no place for the results. */
RG_API rg_status rg_split(rg_tensor x, int axis, int n, const int64_t *sizes, rg_tensor *out);
/* Moved on along the axis by `shift` places; what falls off the end comes in at the beginning. vjp: moves g back. */
RG_API rg_tensor rg_roll(rg_tensor x, int axis, int64_t shift);
/* Each vector on a diagonal of a matrix of zeros: [..., n] -> [..., n + |diagonal|, n + |diagonal|], diagonal as in
 * rg_diagonal, which is also the vjp. errors RG_E_SHAPE x is a scalar, or has 8 axes. */
RG_API rg_tensor rg_diag(rg_tensor x, int64_t diagonal);
/* The adjoint of rg_unfold: windows [..., count, ..., size] are added where they came from, along an axis of n elements, in
 * the order of the windows: -> [..., n, ...]. vjp: rg_unfold of g.
 * errors RG_E_ARGUMENT the axis is out of range or the last one, or step below 1; RG_E_SHAPE that many windows of that size
 *        do not fit n. */
RG_API rg_tensor rg_overlap_add(rg_tensor windows, int axis, int64_t n, int64_t step);

/* ---- Indexing: the index is i32 or i64; what is added is added in the order of the index -----------------
 * errors  RG_E_DTYPE the index is not of integers; RG_E_INDEX when a value is asked for and an index is out of range. */

/* rg_gather_rows(table, index): table [n, ...], index of any shape -> [index..., ...].
 * vjp     table: rows of g added at their indices. */
RG_API rg_tensor rg_gather_rows(rg_tensor table, rg_tensor index);
/* The adjoint of rg_gather_rows: g [index..., ...] -> [rows, ...], rows of g added at their indices. */
RG_API rg_tensor rg_scatter_rows(rg_tensor g, rg_tensor index, int64_t rows);
/* Slices along any axis by a vector of indices: x [..., n, ...], index [m] -> [..., m, ...]. PyTorch's index_select.
 * vjp     x: slices of g added at their indices. */
RG_API rg_tensor rg_index_select(rg_tensor x, int axis, rg_tensor index);
/* Along an axis each element by an index of its own: x [..., n, ...], index [..., m, ...] -> [..., m, ...], the other sizes
 * being equal. PyTorch's gather, NumPy's take_along_axis.
 * vjp     x: rg_scatter_add of g. */
RG_API rg_tensor rg_gather(rg_tensor x, int axis, rg_tensor index);
/* The adjoint of rg_gather: zeros along an axis of n elements, to which the elements of g [..., m, ...] are added at their
 * indices [..., m, ...] -> [..., n, ...]. vjp  g: rg_gather. */
RG_API rg_tensor rg_scatter_add(rg_tensor g, int axis, rg_tensor index, int64_t n);
/* Rows of x that carry the same number are added up: x [n, ...], segments [n] -> [count, ...]: rg_scatter_rows under the
 * name of its other use. vjp  x: rows of g. */
RG_API rg_tensor rg_segment_sum(rg_tensor x, rg_tensor segments, int64_t count);
/* labels i32 or i64 of any shape -> [labels..., classes] with a 1 at the label. No gradient. */
RG_API rg_tensor rg_one_hot(rg_tensor labels, int64_t classes, rg_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
