/* plan.h: a plan is the flat list of steps that computes what was asked of a segment. Internal.
 *
 * Building one: mark what is needed, merge equal nodes, resolve views to strides, make steps, join elementwise
 * nodes into groups, lay out buffers by liveness. Node by node ("eager") is the same without merging, joining
 * and reuse, and with every value kept; what a step does is the same code either way, so the bits are too. */
#ifndef RETROGRAD_PLAN_H
#define RETROGRAD_PLAN_H

#include "gradient.h"
#include "shape.h"
#include "step.h"
#include "tape.h"

#define RG_NONE UINT32_MAX

enum {
    RG_GROUP_MEMBERS = 1 << 14,
    RG_GROUP_READS = 384,        /* operands from outside */
    RG_GROUP_FOLDS = 8,
    RG_GROUP_STREAMS = 8,
    RG_GROUP_OPERANDS = RG_MAX_OPERANDS,
    RG_GROUP_BYTES = 128 << 10, /* on the stack, for a group's steps and registers: if they take more, they are in the
                                 * workspace */
    RG_TILE_MOST = 1024,         /* elements that a group does at a time, a power of two; and a block of a fold */
    RG_LOCAL_BYTES = 48 << 10    /* of a kernel's results that only its group reads, and that are kept nowhere else */
};

/* ---- Where numbers are while a plan runs -------------------------------------------------------------- */

typedef enum {
    RG_IN_SOURCE,              /* a leaf, or a value of an earlier segment */
    RG_IN_OUTPUT,              /* handed out: in the tape's memory for values */
    RG_IN_GRADIENT,            /* the gradient of a parameter */
    RG_IN_WORKSPACE,
    RG_IN_NUMBERS,             /* what an update reads beside theta and its gradient */
    RG_IN_PLAN                 /* a constant */
} rg_place;

/* A pointer of a step, as a distance from the beginning of a region: a source, an output, a gradient or the
 * workspace. It is set when its region has moved since the last run. */
typedef struct {
    void **pointer;
    size_t offset;
} rg_patch;

typedef struct {
    char *base;
    size_t first_patch;        /* of the plan's patches; they end where those of the next region begin */
} rg_region;

/* ---- Steps ------------------------------------------------------------------------------------------------ */

typedef enum {
    RG_SLOT_ARGUMENT,          /* at the same elements of an argument */
    RG_SLOT_REGISTER,          /* a tile of scratch memory */
    RG_SLOT_WHOLE,             /* an argument, not by elements */
    RG_SLOT_LOCAL,             /* what the kernel has just computed, where only the group reads it */
    RG_SLOT_FOLD,              /* an argument with one element for so many, which a fold has made of them */
    RG_SLOT_STATE              /* of a fold */
} rg_slot_kind;

typedef struct {
    rg_slot_kind kind;
    uint32_t index;
    uint32_t per;              /* of a fold's result */
} rg_slot;

/* An operand of a group that does not lie like the result: it is copied into a register, tile by tile. */
typedef struct {
    uint32_t argument, into;
    bool one_number;           /* the same for every tile, so once is enough */
    rg_layout layout;
} rg_load;

typedef struct {
    rg_step_kernel *step;      /* NULL: the kernel */
    rg_kernel *kernel;
    const void *attributes;
    int operands;
    rg_slot in[RG_GROUP_OPERANDS], out;
} rg_micro;

/* Columns of a matrix that a group has computed: put side by side, tile by tile. */
typedef struct {
    uint32_t argument;         /* the matrix */
    int columns;
    rg_slot *from;
} rg_columns;

/* A run of elementwise ops over the same number of elements, done tile by tile. */
typedef struct {
    int64_t count, tile;       /* elements; of a tile */
    rg_dtype dtype;
    int loads, micros, folds, streams, matrices;
    int registers;             /* tiles of scratch memory */
    int moves;                 /* pointers of members that go on from tile to tile */
    rg_load *load;
    rg_micro *micro;
    rg_columns *matrix;
    uint32_t stream[RG_GROUP_STREAMS]; /* arguments that are read or written element by element: the first few */
} rg_group;

/* A kernel with its call and, if there is more than should be done in one go, how its items are cut up. */
struct rg_work {
    rg_kernel *kernel;         /* NULL: only the group */
    rg_call call;              /* its pointers are patched */
    int64_t items;             /* of the kernel, or elements of the group */
    int64_t item_elements;     /* of the result that one item writes */
    int64_t items_per_chunk, items_unit; /* shared out are multiples of the unit */
    bool worth_threads;        /* so much that waking another thread pays */
    bool local;                /* the result is kept in chunks, for the group alone */
    rg_group *group;           /* after each chunk of items, over their elements; or NULL */
    void **pointers;           /* what the group's slots number */
    char *memory;              /* of the group, memory_bytes for each part; NULL: it needs none */
    size_t memory_bytes;
    rg_kernel *follower;       /* done behind each chunk, an item for each items_unit of this one's; or NULL */
    const rg_call *follower_call;
    uint32_t node;             /* relative to the segment: whose line a message names; or RG_NONE */
};

typedef struct {
    bool external;
    uint32_t index;            /* slot of the external, or node relative to the segment */
} rg_source;

typedef struct {
    uint32_t node;             /* relative to the segment */
    size_t bytes;
} rg_output;

/* What a step does: what a profile tells of it. */
typedef struct {
    const rg_op *op;           /* of its kernel, or its first member */
    const rg_op **members;     /* those that follow */
    int member_count;
    uint32_t node;             /* relative to the segment: whose line and layer are named; or RG_NONE */
    bool backward;             /* computes an adjoint, or what is made of one */
    double operations, bytes_read, bytes_written;
    size_t alive;              /* bytes of the workspace that are in use while it is done */
} rg_account;

struct rg_plan {
    rg_arena arena;            /* everything below lies here */
    rg_source *sources;
    rg_output *outputs;
    uint32_t *sinks;           /* source numbers of the parameters whose gradients are written */
    size_t source_count, output_count, sink_count;
    rg_region *regions;        /* one for each source, output and sink, in this order, the workspace, numbers, and an end */
    rg_patch *patches;         /* by region */
    rg_step *steps, *last;     /* the last one a stop without work */
    size_t step_count;         /* without stops */
    rg_account *accounts;      /* of the steps, without stops; NULL: not asked for */
    size_t workspace_bytes;
    int64_t *fault;            /* the first position of a step's index that is out of range; else INT64_MAX */
};

/* What becomes of the gradients of a store's parameters, if they are not to be kept. */
typedef struct {
    const rg_op *op;           /* elementwise: theta, its gradient and the numbers (uniform) -> theta */
    const rg_op *rank_one;     /* the same of a matrix whose gradient is a column times a row: of these and the numbers */
    const void *numbers;
    rg_params *store;
} rg_update;

/* Of a node's value in the workspace; if it is not there, -1. */
typedef struct {
    int64_t defined, last_use; /* the steps that compute it, and that read it last; if it is held, the number of steps */
    size_t bytes;              /* 0: it is also that of an earlier node */
} rg_lifetime;

/* What is wanted of the nodes first <= i < end. */
typedef struct {
    uint32_t first, end;
    const uint32_t *wanted;    /* nodes whose values are read */
    size_t wanted_count;
    const rg_sink *sinks;      /* adjoints to be put, or added, into gradients */
    size_t sink_count;
    bool accumulate;           /* add to the gradients instead of writing them */
    const rg_update *update;   /* or: to be applied to them, instead of writing them; or NULL */
    bool optimise;             /* merge, join and reuse; else node by node */
    bool accounts;             /* of the steps are to be kept */
    const uint32_t *held;      /* nodes whose values stay in the workspace, as if they were read after the last step */
    size_t held_count;
    rg_lifetime *lifetimes;    /* set for every node; or NULL */
    bool apart;                /* from the tape: what is marked to be kept there is of no concern */
} rg_request;

/* Builds a plan into `plan` (all zeros); false when out of memory. Its arena must be freed either way. */
bool rg_plan_build(rg_tape *tape, const rg_request *request, rg_plan *plan);
/* Runs it on the tape as it stands. False once the tape has failed. */
bool rg_plan_run(rg_tape *tape, const rg_request *request, rg_plan *plan);

/* ---- The parts of running one (run.c) ---- */

/* The number of the region of that place, and of that index where there are several. */
size_t rg_plan_region(const rg_plan *plan, rg_place place, size_t index);
/* Sets all pointers into the region, if it has moved. */
void rg_plan_move(rg_plan *plan, size_t region, void *base);
/* So much is made room for: the workspace of plans in whole pages. */
#define RG_PAGE ((size_t)4096)
/* Room for the plan's workspace; false when out of memory. */
bool rg_engine_reserve(rg_engine *engine, const rg_plan *plan);
void rg_engine_free(rg_engine *engine);
/* Elements begin <= i < end of every member of the group; `local` is what the kernel computed of them. `memory`: as much as
 * rg_group_memory says, or NULL if that is no more than RG_GROUP_BYTES. (tiles.c) */
void rg_group_run(const rg_group *group, void *const *pointers, int64_t begin, int64_t end, char *local, char *memory);
size_t rg_group_memory(const rg_group *group);
/* How many parts the work is done in, if it is shared out at all. */
int64_t rg_work_parts(const rg_engine *engine, const rg_work *work);
/* Does what a step stops for. */
void rg_work_do(rg_engine *engine, const rg_work *work);
/* Does all steps. NULL, or the work that found an index out of range, at position *plan->fault. */
const rg_work *rg_plan_do(rg_engine *engine, rg_plan *plan);
/* Which index was out of range, in words. */
void rg_fault_reason(const rg_work *work, int64_t position, char *text, size_t size);

#endif
