/* builder.h: the state of building a plan, shared by plan.c, group.c, workspace.c and account.c. Internal. */
#ifndef RETROGRAD_BUILDER_H
#define RETROGRAD_BUILDER_H

#include "plan.h"

#define RG_BEFORE (-1) /* the "step" at which sources are defined */

/* Numbers side by side, written by one step. */
typedef struct {
    rg_place place;
    uint32_t index;            /* of its source, output or sink */
    size_t bytes;
    size_t offset;             /* in the workspace */
    int64_t defined, last_use; /* steps; last_use < defined: never read */
    int micro;                 /* computed by this member of its step's group; -1: by the kernel, or a source */
    bool local;                /* computed by a kernel, for its group alone, and kept in chunks */
    void *constant;            /* RG_IN_PLAN: where it is */
} rg_value;

/* How a node's elements lie in a value. */
typedef struct {
    uint32_t value;            /* RG_NONE: not placed */
    int64_t offset;            /* in elements */
    rg_layout layout;
} rg_placement;

/* An operand of a member of a group under construction. */
typedef struct {
    bool from_member;          /* result of member `index`; else read number `index` */
    int index;
} rg_member_operand;

typedef struct {
    const rg_op *op;
    const void *attributes;
    int operands;
    rg_member_operand in[RG_GROUP_OPERANDS];
    int64_t per;               /* elements for each of its results: 1, but of a fold */
    bool state;                /* keeps something from tile to tile */
    uint32_t value;
    const rg_op_steps *pair;   /* with a member before it that only it reads: its steps */
    bool done_later;           /* the first one of such a pair */
} rg_member;

typedef enum { RG_READ_DIRECT, RG_READ_NUMBER, RG_READ_STRIDED, RG_READ_WHOLE } rg_read_kind;

typedef struct {
    rg_read_kind kind;
    uint32_t value;
    int64_t offset;
    rg_layout layout;          /* broadcast to the group's elements; for RG_READ_STRIDED */
    int last_member;           /* the last one that reads it */
} rg_group_read;

/* Columns that the group puts side by side. */
typedef struct {
    uint32_t value;            /* the matrix */
    int columns;
    rg_member_operand *from;
} rg_column_matrix;

typedef struct {
    rg_member *members;
    rg_group_read *reads;
    rg_column_matrix *matrices;
    int member_count, read_count, matrix_count;
    int member_capacity, read_capacity, matrix_capacity;
    int folds;
    int64_t row;               /* elements of the longest rows that are folded, of which a tile has whole ones; 0 */
} rg_members;

/* A step under construction. */
typedef struct {
    const rg_op *op;           /* of the kernel; NULL: only a group */
    const void *attributes;
    int operands;
    const rg_placement *in;
    uint32_t value;            /* the kernel's result; RG_NONE */
    uint32_t scratch;          /* memory for the kernel itself; RG_NONE */
    rg_layout out;             /* its layout, or the group's elements */
    int64_t count;             /* elements of the result */
    int64_t items, item_elements, item_work;
    rg_members *group;
    bool row;                  /* adds a row to its result, which is one operand more: see rg_op_small */
    uint32_t node;
    uint32_t memory;           /* for the group; RG_NONE */
    uint32_t follower;         /* the product that this step does as well: see rg_builder_follow; RG_NONE */
    rg_work *work;             /* once it is made */
    bool backward;
    double operations;         /* of the kernel */
} rg_draft;

/* A pointer that a step will need. */
typedef struct {
    uint32_t value;
    int64_t offset;            /* in bytes */
    void **pointer;
} rg_argument;

/* A broadcast or strided operand of a small step, copied so that it lies like the result. */
typedef struct {
    rg_placement from, copy;
} rg_small_copy;

enum {
    RG_SMALL_COPIES = 8,
    RG_NEAREST_BYTES = 96 << 10 /* of all registers of a group, so that they are in the nearest caches */
};

typedef struct {
    rg_tape *tape;
    const rg_request *request;
    rg_plan *plan;
    rg_arena *scratch;
    uint32_t count;            /* nodes of the segment */
    bool *needed;
    uint32_t *same_as;         /* the first equal node; its own number otherwise */
    uint32_t *uses;            /* how often a node's value is read or handed out */
    uint32_t *reader;          /* the last node that reads it; RG_NONE */
    rg_placement *placements;  /* of nodes, then of externals */
    uint32_t *output_of;       /* the output a node's value is handed out as; RG_NONE */
    rg_value *values;
    size_t value_count, value_capacity;
    rg_draft *drafts;
    size_t draft_count, draft_capacity;
    uint32_t *source_of;       /* source numbers of nodes, then of externals; RG_NONE */
    rg_argument *arguments;
    size_t argument_count;
    rg_small_copy copies[RG_SMALL_COPIES]; /* the latest */
    size_t copy_count;
    bool backward;             /* what is being placed is an adjoint, or made of one */
    int64_t recomputation, begun; /* of a checkpoint, the latest; and the step that it began with */
    int64_t earliest;          /* step that what is being placed may join */
    bool failed;
} rg_builder;

/* As rg_plan_build; what the plan was made of stays in the builder, and in the tape's scratch memory. (plan.c) */
bool rg_builder_plan(rg_builder *b, rg_tape *tape, const rg_request *request, rg_plan *plan);
/* Memory that lives as long as the build; NULL marks the build as failed. */
void *rg_builder_room(rg_builder *b, size_t count, size_t size);
/* The same, cleared. */
void *rg_builder_take(rg_builder *b, size_t count, size_t size);
/* Doubles a list in such memory when it is full. False when the build has failed. */
bool rg_builder_grow(rg_builder *b, void **items, int count, int *capacity, size_t size);

/* A new value, defined by step `defined`. */
uint32_t rg_builder_value(rg_builder *b, rg_place place, uint32_t index, size_t bytes, int64_t defined, int micro);
/* Notes that step `step` reads the value. */
void rg_builder_use(rg_builder *b, uint32_t value, int64_t step);
rg_draft *rg_builder_draft(rg_builder *b);
/* Works out how the draft's kernel, whose operands are set, is cut into items. (plan.c) */
void rg_builder_cut(rg_builder *b, rg_draft *draft);

/* Finds out which nodes are needed, which are equal, and how often each is read. (survey.c) */
void rg_builder_survey(rg_builder *b);
/* Whether the node's numbers are there before the plan runs. */
bool rg_builder_is_source(const rg_builder *b, const rg_node *node);
/* Whether its value is to be kept: what rg_keep marked is computed with its segment, and not when an older value is computed
 * again. */
bool rg_builder_keeps(const rg_builder *b, const rg_node *node);

/* A step with a kernel; returns its value. (plan.c) */
uint32_t rg_builder_kernel(rg_builder *b, const rg_op *op, const void *attributes, int n, const rg_placement *in,
                           const rg_layout *out, uint32_t node);
/* Places an elementwise op: joins it to a group if it may be, else begins one. Returns its value. (group.c) */
uint32_t rg_builder_elementwise(rg_builder *b, const rg_op *op, const void *attributes, int n,
                                const rg_placement *in, const rg_layout *out, uint32_t node);
/* Whether `to`, which nothing else reads, is the result of the last step, and that can add `row` to it; if so, it does,
 * and its result is the sum. (group.c) */
bool rg_builder_add_row(rg_builder *b, const rg_placement *to, const rg_placement *row);
/* Whether the draft will be a kernel that is done by one thread in one go, and cannot find an index out of range: nothing
 * has to be decided when it runs. (steps.c) */
bool rg_builder_is_small_work(const rg_draft *draft);
/* Places an update of theta, in[0], by its gradient, in[1]: with the step that computes the gradient, if theta is not
 * read after that; else by itself. (group.c) */
uint32_t rg_builder_update(rg_builder *b, const rg_op *op, const rg_placement *in, const rg_layout *theta,
                           uint32_t node);
/* Places an op over all elements of in: as a fold. Returns its value. (group.c) */
uint32_t rg_builder_fold(rg_builder *b, const rg_op_fold *fold, const rg_placement *in, const rg_layout *out, uint32_t node);
/* Places an op that makes one number of each row of so many elements, with the step that computes in. Returns its value, or
 * RG_NONE. (group.c) */
uint32_t rg_builder_rows(rg_builder *b, const rg_op *op, int64_t row, const rg_placement *in, uint32_t node);
/* Places tensors side by side as the columns of a matrix, by the group that computes the last of them, if there is one.
 * Returns the value of the matrix, or RG_NONE. (group.c) */
uint32_t rg_builder_columns(rg_builder *b, int n, const rg_placement *in, const rg_layout *out);
/* Places the product of in[0] and the vector in[1] so that the step that computes this does most of it, if in[0] is the turned
 * matrix that this step reads. Returns its value, or RG_NONE. (follow.c) */
uint32_t rg_builder_follow(rg_builder *b, const rg_placement *in, const rg_layout *out, uint32_t node);
/* Whether it is such a product. Its scratch memory is then written by that step. */
bool rg_draft_follows(const rg_builder *b, const rg_draft *draft);
/* What that step does of it. */
rg_kernel *rg_follower_kernel(rg_dtype dtype, int simd);
/* The finished group of a step; its slots number the pointers from `pointers` on, of which there are enough.
 * (group_finish.c) */
rg_group *rg_builder_finish_group(rg_builder *b, const rg_draft *draft, void **pointers);
/* The most pointers that a group needs. */
size_t rg_group_pointers(const rg_members *members);
/* What each step does, once they are all made. (account.c) */
bool rg_builder_account(rg_builder *b);
/* On floating-point numbers, of a call whose result has so many elements. (account.c) */
double rg_op_operations(const rg_op *op, const rg_call *call, int64_t elements);
/* The room that a value of so many bytes takes in the workspace. (workspace.c) */
size_t rg_workspace_room(size_t bytes);
/* Lays out the values that live in the workspace. (workspace.c) */
bool rg_builder_layout(rg_builder *b);
/* Makes the plan's steps of the drafts. (steps.c) */
bool rg_builder_finish(rg_builder *b);
/* Has *pointer point to `offset` elements into the value, whenever the plan runs. */
void rg_builder_argument(rg_builder *b, void **pointer, uint32_t value, int64_t offset, rg_dtype dtype);
/* Whether the value is anywhere in memory: it is not if it only lives in a group's registers. */
bool rg_value_stored(const rg_value *value);

#endif
