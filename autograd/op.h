/* op.h: what an op is, for those who write their own. Part of autograd.h, which includes it. */
#include "autograd.h" /* before the guard: included first, that one includes this */
#ifndef RETROGRAD_OP_H
#define RETROGRAD_OP_H

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Ops: one struct is all there is to an op --------------------------------------------------------- */

#define RG_MAX_OPERANDS 4 /* of an elementwise op, and of a sample */
#define RG_VARIADIC (-1)

/* Where an operand or a result lies: strides in elements, contiguous unless the op says otherwise. */
typedef struct {
    rg_dtype dtype;
    rg_shape shape;
    int64_t stride[RG_MAX_RANK];
} rg_layout;

/* One call of a kernel. */
typedef struct {
    void *out;
    const void *const *in;    /* one pointer an operand */
    const rg_layout *layout;  /* [0] the result, [1 + k] operand k; not for elementwise kernels */
    const void *attributes;
    const void *prepared;     /* what the op's prepare made of this call's layouts and attributes */
    void *scratch;            /* as many bytes as the op's scratch asked for, for all items together */
    int64_t base;             /* elementwise: the index in the result of the element at position 0 */
    int64_t origin;           /* others with item_elements: `out` points to this element of the result, else 0 */
    int operands;
    int64_t *fault;           /* an index out of range: see rg_kernel_fault */
} rg_call;

/* What the complex step may make of an op by its real kernels alone. */
typedef enum {
    RG_NOT_LINEAR = 0,
    RG_LINEAR,                /* in all its float operands together: sum, reshape, concat */
    RG_MULTILINEAR            /* in each of its float operands, the others being fixed: matmul */
} rg_linearity;

/* Computes work items begin <= i < end. Elementwise: items are elements, and every operand has been
 * laid out like the result. Otherwise `items` of the op says what an item is; without it there is one.
 * Each item must be computed alike however the range is cut: ranges run on several threads. */
typedef void rg_kernel(const rg_call *call, int64_t begin, int64_t end);

/* Called by a kernel: the index operand has a value out of range at this position. The tape fails with
 * RG_E_INDEX naming the first such position. */
RG_API void rg_kernel_fault(const rg_call *call, int64_t position);

/* What a shape rule sees and decides. */
typedef struct {
    int operands;
    const rg_shape *const *in; /* shape and dtype of each operand */
    const rg_dtype *in_dtype;
    const void *attributes;
    rg_dtype dtype;           /* to be set: of the result */
    rg_shape shape;           /* to be set: of the result, */
    int like;                 /* or: 1 + the number of the operand that has the result's shape */
    char *reason;             /* on an error: why, in a few words, RG_REASON_SIZE characters */
} rg_shape_call;

#define RG_REASON_SIZE 160
typedef rg_status rg_shape_rule(rg_shape_call *call);

/* The usual shape rules: operands of one float dtype and one shape; or broadcast together. */
RG_API rg_status rg_shape_same(rg_shape_call *call);
RG_API rg_status rg_shape_broadcast(rg_shape_call *call);

/* The derivative, in ordinary ops: the cotangent of operand k, given the cotangent g of y. It may have
 * y's shape where operand k was broadcast. The null tensor means zero. A function of its arguments alone:
 * where rg_backward finds its plan again, the rule is not called. */
typedef rg_tensor rg_vjp_rule(int k, const rg_tensor *in, rg_tensor y, rg_tensor g);

/* An op over a batch: for some operands, a leading dimension more. */
typedef struct {
    const char *site;
    const rg_op *op;
    const void *attributes;
    int operands;
    const rg_tensor *in;      /* operand k begins with a dimension of `size` where batched[k], and else is as it was */
    const bool *batched;      /* at least one */
    int64_t size;
    rg_tensor y;              /* the result that has been recorded for one member */
} rg_batch_call;
/* In ordinary ops: the result for each member of the batch, along a leading dimension of `size`. */
typedef rg_tensor rg_batch_rule(const rg_batch_call *call);

/* One operand to check an op with. Integers are drawn from low, low + 1, ..., high. Floats without a step lie apart:
 * no two of a sample's operands of one range, and none and the middle of its range, are nearer than a quarter of
 * (high - low) / elements, so that an op that compares has no kink there. */
typedef struct {
    uint8_t dtype;            /* an rg_dtype; RG_NO_DTYPE: the float dtype under test */
    uint8_t same_as;          /* 1 + number of the operand this one repeats; 0: its own */
    struct {
        int16_t rank, size[RG_MAX_RANK];
    } shape;                  /* as an rg_shape; small, as there are hundreds: see rg_sample_shape */
    double low, high;         /* drawn at random from here: see below. Both 0: [-2, 2], for integers 0 */
    double step;              /* if not 0: only low, low + step, ... (for a mask low 0, high 1, step 1) */
    union {
        double value;         /* if low == high != 0: exactly this */
        double diagonal;      /* else: added to the diagonal of each matrix, so that it is regular, or positive definite */
    };
} rg_sample_operand;

static inline rg_shape rg_sample_shape(const rg_sample_operand *in)
{
    rg_shape shape = { .rank = in->shape.rank };
    for (int i = 0; i < RG_MAX_RANK; i++) shape.size[i] = in->shape.size[i];
    return shape;
}

typedef struct {
    int operands;             /* 0 ends a list of samples */
    rg_status refuse;         /* RG_OK: the check must pass; else: recording or running it must fail so */
    rg_sample_operand in[RG_MAX_OPERANDS];
    const void *attributes;
} rg_sample;

/* Where an op has a kink, or a tie: no difference can tell what the derivative is there, only a convention. */
typedef struct {
    int operands;             /* 0 ends a list of kinks */
    struct {
        rg_shape shape;
        const double *values; /* the point */
        const double *slope;  /* the derivative there for a cotangent of ones; NULL: not of this operand */
    } in[RG_MAX_OPERANDS];
    const void *attributes;
} rg_kink;

typedef enum {
    RG_ELEMENTWISE = 0,       /* the engine broadcasts, fuses, tiles and threads */
    RG_ITEMS,                 /* a kernel over items */
    RG_VIEW,                  /* no kernel: another way to look at the operand's elements */
    RG_LEAF                   /* numbers from outside */
} rg_op_kind;

struct rg_op {
    const char *name;
    const char *doc;          /* one line */
    int arity;                /* or RG_VARIADIC */
    rg_op_kind kind;
    size_t attribute_size;    /* bytes; compared with memcmp, so no padding */
    rg_shape_rule *shape;
    rg_kernel *f32, *f64;     /* NULL where the dtype is not supported */
    rg_kernel *f32_simd[2], *f64_simd[2]; /* optional: the same for AVX2 and AVX-512 */
    const struct rg_op_steps *steps; /* of the library's own elementwise ops; NULL */
    const struct rg_op_small *small; /* of the library's own other ops; NULL */
    const struct rg_op_fold *fold; /* of the library's own reductions; NULL */
    rg_kernel *any;           /* optional: for operands of any dtype (by element size) */
    int64_t (*items)(const rg_call *call);
    int64_t (*item_work)(const rg_call *call); /* optional: operations an item costs, to share out work */
    int64_t (*item_elements)(const rg_call *call); /* optional: item i writes just the elements from i times
                                 this on, less call->origin; lets the engine fuse what follows. 0: not in this call */
    double (*operations)(const rg_call *call); /* optional: on floating-point numbers, of the whole call, for profiles; of
                                 an elementwise op only layout[0] is known. Without it one for each element of the
                                 result, and none of an op that has `any`, which can only move what it is given */
    size_t prepared_size;     /* optional: bytes that prepare fills in once, when the call is planned; the kernel finds */
    void (*prepare)(const rg_call *call, void *prepared); /* them in call->prepared. Pointers are not known yet */
    size_t (*scratch)(const rg_call *call); /* optional: bytes that the kernel needs for itself; what for is up to it,
                                 but items must not share them. PTRDIFF_MAX: more than there can be */
    bool (*accepts)(const rg_layout *operand); /* optional: whether the kernel reads this layout as it is;
                                 without it, and where not, operands are made contiguous first */
    bool (*view)(const void *attributes, const rg_layout *in, rg_layout *out, int64_t *offset); /* sets strides
                                 and adds to the offset; false: the operand must be made contiguous first */
    const char *(*missing)(void); /* optional: what the op needs and is not there, in words; NULL: it can be recorded, which
                                 else is RG_E_UNSUPPORTED */
    bool in_place;            /* the kernel may find its result where operand 0 is, if nothing reads that any more */
    rg_vjp_rule *vjp;         /* NULL: no derivative; asking for one is RG_E_GRADIENT */
    rg_batch_rule *batch;     /* NULL: cannot be batched, or is elementwise, where broadcasting is the rule */
    rg_kernel *complex_f64;   /* optional: the same for numbers that are `double complex`, for the complex step: prepared as
                                 for f64, with twice the scratch memory, and every operand contiguous. An op that is linear
                                 needs none */
    rg_linearity linearity;   /* a view, and an op that has `any`, are linear by nature: they only move elements */
    uint32_t no_gradient;     /* bit k: operand k has none, by declaration (labels, masks) */
    double neutral;           /* for the operands of neutral_operands (bit k: operand k): where that operand is this */
    uint32_t neutral_operands; /* number everywhere, the result is the other one of two, to the bit. Of an op of one
                                 operand, bit 1: where that is its attribute, a double */
    uint32_t uniform;         /* bit k: operand k of an elementwise op is passed whole, not by element */
    const rg_sample *samples; /* ends with a sample of no operands */
    const rg_kink *kinks;     /* optional: conventions that the check holds the op to */
    void (*describe)(const void *attributes, char *text, size_t size); /* optional: attributes as text */
};

/* Records op on n operands of one tape. Attributes are copied. The op must outlive the tape.
 * errors  RG_E_ARGUMENT wrong number of operands, and whatever the op's shape rule says. */
RG_API rg_tensor rg_apply(const rg_op *op, const void *attributes, int n, const rg_tensor *in);

/* Every op of the library, in the order of the reference. */
RG_API const rg_op *const *rg_op_table(size_t *count);
/* The op of that name, or NULL. */
RG_API const rg_op *rg_op_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
