/* excerpt.h: the part of a tape that one tensor depends on, with its adjoints, for those who show it. Internal. */
#ifndef RETROGRAD_EXCERPT_H
#define RETROGRAD_EXCERPT_H

#include "tape.h"

#define RG_NOT_SHOWN UINT32_MAX

typedef enum {
    RG_ROLE_INPUT, RG_ROLE_PARAMETER, RG_ROLE_CONSTANT, RG_ROLE_OPERATION,
    RG_ROLE_RECOMPUTED,       /* by a checkpoint: in the backward half */
    RG_ROLE_ADJOINT,
    RG_ROLE_GRADIENT,         /* the adjoint of a leaf */
    RG_ROLE_RESULT,           /* the tensor itself */
    RG_ROLES
} rg_role;
extern const char rg_role_names[RG_ROLES][12];

typedef enum {
    RG_ADJOINTS_NONE,
    RG_ADJOINTS_SHOWN,        /* those that lead to the gradients */
    RG_ADJOINTS_KNOWN         /* none has an entry, but their numbers are found */
} rg_adjoints;

/* Entry k is the k-th of the nodes shown, in the order of recording. */
typedef struct {
    rg_tape *tape;
    rg_adjoints adjoints;     /* none, if the tensor is no single number */
    uint32_t count;
    uint32_t root;            /* the entry of the tensor itself */
    uint32_t *nodes;          /* [count] their numbers on the tape */
    uint32_t *adjoint;        /* [count] the entry of the node's adjoint, or RG_NOT_SHOWN */
    uint32_t *adjoint_node;   /* [count] the node that is its adjoint, shown or not, or RG_NOT_SHOWN */
    uint32_t *owner;          /* [count] the first entry that has this one as adjoint, or RG_NOT_SHOWN, */
    uint32_t *next_owner;     /* [count] and the next one that has the same adjoint as this one */
    rg_role *role;            /* [count] */
    bool *backward;           /* [count] belongs to the backward half */
    bool *saved;              /* [count] of the forward half, computed, and read by the backward half */
    bool two_halves;
    uint32_t *entries;        /* of each node of the tape: its entry, or RG_NOT_SHOWN */
    rg_bookmark before;       /* what is on the tape, */
    rg_arena scratch;         /* and in its scratch memory: a hook may look while a sweep has its tables there */
} rg_excerpt;

/* Takes what t depends on. With `adjoints`, and if t is a single number, also what the gradients of t with
 * respect to its parameters depend on, or to its inputs if it depends on no parameter. These are recorded anew,
 * with values and names of equal nodes that are on the tape already, and forgotten again by rg_excerpt_end,
 * which must be called in any case.
 * errors  RG_E_NULL, RG_E_TAPE, RG_E_GRADIENT and what else recording says: these stick to the tape.
 *         RG_E_MEMORY does not, unless recording ran out of it. */
rg_status rg_excerpt_begin(rg_excerpt *excerpt, rg_tensor t, rg_adjoints adjoints);
void rg_excerpt_end(rg_excerpt *excerpt);
/* The entry's numbers, contiguous, or NULL if they have not been computed: a parameter that has changed since it was
 * recorded has others. And those of its gradient. */
const void *rg_excerpt_values(const rg_excerpt *excerpt, uint32_t entry);
const void *rg_excerpt_gradient(const rg_excerpt *excerpt, uint32_t entry);

/* So many numbers, all UINT32_MAX; NULL when out of memory. */
uint32_t *rg_take_filled(rg_arena *arena, size_t count);

/* A fixed number, which depends on nothing. */
static inline bool rg_is_number(const rg_node *node)
{
    return node->op->arity == 0 && node->op->kind != RG_LEAF;
}

static inline const rg_node *rg_excerpt_node(const rg_excerpt *excerpt, uint32_t entry)
{
    return &excerpt->tape->nodes[excerpt->nodes[entry]];
}

/* As it is shown; of RG_NOT_SHOWN: that of no node. */
static inline const char *rg_excerpt_site(const rg_excerpt *excerpt, uint32_t entry)
{
    return rg_site_short(entry == RG_NOT_SHOWN ? NULL : rg_excerpt_node(excerpt, entry)->site);
}

static inline uint32_t rg_excerpt_operand(const rg_excerpt *excerpt, uint32_t entry, uint32_t k)
{
    return excerpt->entries[rg_edges(excerpt->tape, rg_excerpt_node(excerpt, entry))[k]];
}

#endif
