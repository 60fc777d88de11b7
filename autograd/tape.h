/* tape.h: what a tape is made of. Internal.
 *
 * The tape is an append-only list of nodes, cut into segments: each time a value is asked for, the nodes
 * recorded since the last time (the segment) are planned and run, and the next segment begins. While
 * recording, the tape also writes the segment's signature: op, attributes, dtype, shape and edges of each
 * node, and what is to be kept; never values, names, pointers to data or source lines. Two segments with
 * equal signatures are the same program.
 *
 * A training step records the same trace again and again. So a reset leaves the last trace where it lies, and as
 * long as what is recorded is what was recorded then, it is only compared: shape rules are not asked, nothing is
 * copied, and the signature is already written. Where the two part, recording goes on as if there had been none. */
#ifndef RETROGRAD_TAPE_H
#define RETROGRAD_TAPE_H

#define RG_NO_SITES
#include "arena.h"
#include "autograd.h"
#include "size.h"

/* Attributes of the ops as they stand in the signature are whole words, so that no padding is compared. */

enum {
    RG_NODE_NEEDS_GRADIENT = 1, /* a parameter, or depends on one */
    RG_NODE_NO_GRADIENT = 2,    /* recorded under rg_no_grad, or a constant */
    RG_NODE_KEEP = 4,
    RG_NODE_ADJOINT = 8,        /* recorded by the gradient transform; for dumps */
    RG_NODE_RECOMPUTED = 16     /* recorded again there, of a checkpoint; for dumps */
};

typedef struct {
    const rg_op *op;
    const char *site;
    const rg_shape *shape;      /* in the tape's arena, or shared with an operand */
    const void *attributes;
    void *data;                 /* the value, contiguous, or NULL: not computed, or not kept */
    const char *name;
    uint32_t first_edge;        /* operands are tape->edges[first_edge ...] */
    uint32_t operands;
    uint32_t scope;
    uint32_t slot;              /* as an external of the segment whose number is slot_segment */
    uint32_t slot_segment;
    uint32_t forward;           /* of an adjoint node: the node whose vjp recorded it */
    uint32_t first_word, words; /* of the signature */
    uint32_t epoch;             /* of the tape when it was recorded, and of every handle on it */
    uint8_t dtype;
    uint8_t flags;
} rg_node;

/* What a parameter leaf refers to, in its attributes. */
typedef struct {
    rg_param param;
    uint64_t version;           /* of the store when the leaf was recorded */
    uint64_t fingerprint;       /* of its numbers then, where the tape verifies them */
} rg_parameter_leaf;

/* Of a borrowed input's numbers when it was recorded, in its attributes, where the tape verifies them. */
typedef struct {
    uint64_t fingerprint;
} rg_borrowed_leaf;

/* Whose next draw a random key is, in its attributes; a key given by the caller has none. */
typedef struct {
    rg_params *store;
} rg_drawn_key;

typedef struct {
    uint32_t parent;
    const char *path;           /* "net.fc1" */
    const char *name;           /* its last part, */
    size_t length;              /* of so many bytes */
} rg_scope;

/* The leaves already recorded for one store's parameters: two for each, the second recorded under rg_no_grad.
 * UINT32_MAX where there is none. */
typedef struct {
    rg_params *store;
    uint32_t *leaf;
    size_t capacity;
} rg_binding;

/* The tape as rg_tape_mark found it. A segment begins there. */
typedef struct {
    uint32_t serial;            /* whose it is */
    bool late;                  /* an earlier node has got a value or a name since */
    bool leftovers;             /* of the tape */
    size_t nodes, edges, words, answers, bindings, checkpoints;
    uint32_t checkpoint_open, checkpoint_ended;
    rg_arena records, names, values;
} rg_marked;

/* Nodes that are computed again where their adjoints need them. Others are referred to by their number, from 1; 0: none. */
typedef struct {
    uint32_t first, end;        /* UINT32_MAX while it goes on */
    uint32_t outer;             /* that it is nested in */
    uint32_t before;            /* once it has ended: the one that had ended last; to a sweep it is the next */
} rg_checkpointed;

typedef struct rg_cache rg_cache;
typedef struct rg_pool rg_pool;
typedef struct rg_plan rg_plan;

/* The end of a segment, and the plan that answered it, as long as the cache has lost none since. */
typedef struct {
    size_t words, nodes;
    rg_plan *plan;              /* NULL: none, or run node by node */
    uint64_t losses;            /* of the cache */
} rg_answer;

/* What plans run on. */
typedef struct {
    int threads;
    rg_pool *pool;              /* NULL until it is needed */
    void *workspace;
    size_t workspace_bytes;
} rg_engine;

struct rg_tape {
    rg_error error;
    uint32_t epoch;
    bool no_grad, training, eager, profiles, verify;
    uint8_t recording_flags;    /* RG_NODE_ADJOINT while the gradient transform records */
    uint32_t recording_forward;
    const char *site;           /* what plain functions stamp */
    uint32_t scope;             /* the current one; 0 is the outermost */
    uint32_t next_scope;        /* likely to be pushed next */

    rg_node *nodes;
    size_t node_count, node_capacity;
    uint32_t *edges;
    size_t edge_count, edge_capacity;
    rg_scope *scopes;
    size_t scope_count, scope_capacity;
    rg_binding *bindings;
    size_t binding_count, binding_capacity;

    size_t segment_first;       /* its first node */
    size_t segment_word;        /* of the signature, its first */
    uint32_t segment;           /* its number since the last reset, from 1 */
    bool segment_open_gradient; /* refers to an earlier node through which a gradient would flow */
    uint64_t *signature;        /* of the whole trace */
    size_t signature_count, signature_capacity;
    size_t last_nodes, last_words; /* how long the last trace was, while this one repeats it; else 0 */
    bool leftovers;             /* behind this trace lie records of one that it does not repeat */
    rg_answer *answers;         /* of this trace's segments, then of the last one's */
    size_t answer_count, last_answers, answer_capacity;
    rg_checkpointed *checkpoints; /* in the order of recording */
    size_t checkpoint_count, checkpoint_capacity;
    uint32_t checkpoint_open;   /* the innermost that goes on, by its number; 0: none */
    uint32_t checkpoint_ended;  /* the one that ended last */
    rg_marked *marks;           /* one behind the other */
    size_t mark_count, mark_capacity;
    uint32_t mark_serial;
    size_t most_nodes;          /* that there have been before a reset or a rewind: so far, nodes are readable */
    uint32_t *externals;        /* nodes of earlier segments that this one refers to */
    size_t external_count, external_capacity;

    rg_arena records;           /* shapes and attributes */
    rg_arena names;
    rg_arena values;            /* data handed out or kept */
    rg_arena scratch;           /* of the call at hand */
    rg_arena transient;         /* of a plan that runs once */
    rg_arena inner_transient;   /* of one that computes again what another needs */
    rg_arena scope_names;
    rg_cache *cache;
    rg_engine engine;
    int simd;                   /* 0 portable, 1 AVX2, 2 AVX-512 */
    rg_tape_stats stats;
};

/* Words that mark an event in the signature; no op's address has the top bit. */
#define RG_SIGNATURE_KEEP (UINT64_C(1) << 63)
#define RG_SIGNATURE_ASK (UINT64_C(3) << 62)
#define RG_SIGNATURE_CHECKPOINT (UINT64_C(5) << 61) /* or 1: begins; else ends */
#define RG_EDGE_EXTERNAL (UINT64_C(1) << 62)

static inline rg_tensor rg_handle(rg_tape *tape, size_t node)
{
    return (rg_tensor){ tape, (uint32_t)node, tape->nodes[node].epoch };
}

static inline const uint32_t *rg_edges(const rg_tape *tape, const rg_node *node)
{
    return tape->edges + node->first_edge;
}

/* The node behind a handle, or NULL with the reason as status. Never fails a tape. */
rg_node *rg_node_of(rg_tensor t, rg_status *reason);
/* The node behind a handle; else the tape (if there is one) fails, saying so for `what`. */
rg_node *rg_node_checked(const char *site, const char *what, rg_tensor t);
/* Every operand must be a live tensor of one tape: returns it, or NULL if there is none or it has failed. The tape
 * that an error belongs to is that of the first operand that has one. */
rg_tape *rg_operands_checked(const char *site, const char *what, int n, const rg_tensor *in);

/* Appends a node whose operands have been checked. NULL attributes of an op with attribute_size 0. */
rg_tensor rg_record(rg_tape *tape, const char *site, const rg_op *op, const void *attributes, int n,
                    const rg_tensor *in);
/* Appends a leaf: its data are found in `data`, or by its attributes. */
rg_tensor rg_record_leaf(rg_tape *tape, const char *site, const rg_op *op, rg_dtype dtype, const rg_shape *shape,
                         const void *attributes, size_t attribute_bytes, void *data, uint8_t flags);

/* False, and the tape fails, if it verifies numbers and a leaf's are not those that were recorded. (leaves.c) */
bool rg_verify_leaf(rg_tape *tape, const rg_node *node);

/* rg_scope_push of the first `length` bytes of `name`. (lifetime.c) */
void rg_scope_push_part(rg_tape *tape, const char *name, size_t length);

/* ---- The signature (signature.c) ---- */

/* Adds a reference to a node: by its place in the segment, or as an external. */
bool rg_signature_add_edge(rg_tape *tape, uint32_t target);
bool rg_signature_add(rg_tape *tape, const uint64_t *words, size_t count);
/* Adds all of a node's words or, out of memory, none: a node that is not on the tape must leave no trace of it. */
bool rg_signature_add_node(rg_tape *tape, rg_node *node);
/* Gives a node of an earlier segment its number as an external of this one. */
bool rg_note_external(rg_tape *tape, uint32_t target);
/* Ends the segment, which this plan has answered: what is recorded from now on belongs to the next. */
void rg_segment_end(rg_tape *tape, rg_plan *plan);
/* The plan that answered the same segment of the last trace; NULL if this trace is another, or it is gone. */
rg_plan *rg_known_answer(const rg_tape *tape);
/* From here on the trace is not the last one, whose nodes and words may be overwritten. */
void rg_trace_part(rg_tape *tape);
/* Begins a trace. */
void rg_trace_begin(rg_tape *tape);
/* Leaves the trace from here on where it is, to be compared with what comes; or if it is none of one piece, has its
 * records written over, from where they were. */
void rg_trace_leave(rg_tape *tape, const rg_arena *records);

/* A node has got something that lies in memory which rewinding takes back. (rewind.c) */
void rg_note_late(rg_tape *tape, size_t node);
/* Which tensor an invalid handle was, as far as it is known: ": %5 tanh, recorded at model.c:12". (message.c) */
void rg_describe_gone(rg_tensor t, char *text, size_t size);

/* What is recorded only to be looked at, and then forgotten: the tape is then as it was. */
typedef struct {
    size_t nodes, edges, signature, externals, checkpoints;
    uint32_t checkpoint_open, checkpoint_ended;
    bool open_gradient;
    rg_arena records;
} rg_bookmark;
/* Forgets checkpoints that have begun since; what was open is open again. (checkpoint.c) */
void rg_checkpoints_return(rg_tape *tape, size_t count, uint32_t open, uint32_t ended);
rg_bookmark rg_tape_bookmark(const rg_tape *tape);
void rg_tape_forget(rg_tape *tape, const rg_bookmark *since);

/* The tape fails with: site: op: reason: operands with their shapes. */
rg_tensor rg_fail_op(rg_tape *tape, const char *site, rg_status status, const char *op, const char *reason, int n,
                     const rg_tensor *in);
/* "fc1.weight f32[128,784]"; of a view without a name "fc1.weight permute f32[784,128]" */
void rg_describe(const rg_tape *tape, const rg_node *node, char *text, size_t size);
void rg_describe_shape(rg_dtype dtype, const rg_shape *shape, char *text, size_t size);
/* The site without the folders of its file; "" for NULL. */
const char *rg_site_short(const char *site);
/* Appends printf-style text at `used`, as far as there is room. */
void rg_append(char *text, size_t size, size_t *used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void rg_error_set(rg_error *error, rg_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

extern const rg_op rg_op_input, rg_op_constant, rg_op_scalar, rg_op_parameter, rg_op_random_key;

#endif
