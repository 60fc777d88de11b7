/* shape.h: sizes, strides and broadcasting. Internal. */
#ifndef RETROGRAD_SHAPE_H
#define RETROGRAD_SHAPE_H

#include "tape.h"

/* Row-major strides for the layout's shape. */
void rg_layout_contiguous(rg_layout *layout);
bool rg_layout_is_contiguous(const rg_layout *layout);
/* The layout of an operand as seen when broadcast to `shape`: stride 0 where it repeats. */
void rg_layout_broadcast(const rg_layout *in, const rg_shape *shape, rg_layout *out);
/* The same elements in the same order with as few dimensions as possible, none of size 1. */
void rg_layout_collapse(rg_layout *layout);
/* Copies elements begin, ..., begin + count - 1 (in row-major order) to `out`, side by side; quickest from a
 * collapsed layout. */
void rg_layout_gather(const rg_layout *layout, const void *data, int64_t begin, int64_t count, void *out);
/* Puts columns, each of them `rows` elements side by side, next to each other: to[rows, columns]. */
void rg_side_by_side(size_t item, int columns, const void *const *from, int64_t rows, void *to);
/* Where matrix number `index` of the result y, whose last two dimensions are a matrix, finds the one that belongs to it
 * in an operand that may repeat over the leading dimensions. */
int64_t rg_matrix_offset(const rg_layout *operand, const rg_shape *y, int64_t index);
/* NumPy's rule; false if the sizes do not fit. */
bool rg_broadcast(const rg_shape *a, const rg_shape *b, rg_shape *out);
/* The shape as three dimensions: all before the axis, the axis, and all behind it. */
rg_shape rg_shape_about(const rg_shape *shape, int axis);
/* An axis in [-rank, rank) as one in [0, rank), or -1. */
int rg_axis_normal(int axis, int rank);
/* A bit for each axis chosen; no axis means all. False if one is out of range or named twice. */
bool rg_axes_mask(rg_axes axes, int rank, uint32_t *mask);

/* rg_shape_equal and rg_shape_count without copies, of shapes that are known to be well-formed. */
static inline bool rg_same_shape(const rg_shape *a, const rg_shape *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->size[i] == b->size[i];
    return same;
}

static inline int64_t rg_elements(const rg_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++) count *= shape->size[i];
    return count;
}

/* A shape as an op's attributes: whole words, without padding. */
typedef struct {
    int64_t rank;
    int64_t size[RG_MAX_RANK];
} rg_shape_attributes;

rg_shape_attributes rg_shape_pack(rg_shape shape);
rg_shape rg_shape_unpack(const rg_shape_attributes *attributes);

/* Fills in a rule's reason; returns the status, so that a rule can end with it. */
rg_status rg_refuse(rg_shape_call *call, rg_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Element i of numbers of any dtype. */
double rg_element(rg_dtype dtype, const void *data, int64_t i);

static inline bool rg_dtype_is_float(rg_dtype dtype)
{
    return dtype == RG_F32 || dtype == RG_F64;
}

static inline bool rg_dtype_is_index(rg_dtype dtype)
{
    return dtype == RG_I32 || dtype == RG_I64;
}

#endif
