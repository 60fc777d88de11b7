/* excerpt.h: the part of a tape that one tensor depends on, with its adjoints, for those who show it. Internal. */
#ifndef RETROGRAD_EXCERPT_H
#define RETROGRAD_EXCERPT_H

#include "tape.h"

#define RG_NOT_SHOWN UINT32_MAX

/* Entry k is the k-th of the nodes shown, in the order of recording. */
typedef struct {
    rg_tape *tape;
    uint32_t count;
    uint32_t root;            /* the entry of the tensor itself */
    uint32_t *nodes;          /* [count] their numbers on the tape */
    uint32_t *adjoint;        /* [count] the entry of the node's adjoint, or RG_NOT_SHOWN */
    bool *backward;           /* [count] belongs to the backward half */
    uint32_t *entries;        /* of each node of the tape: its entry, or RG_NOT_SHOWN */
    rg_bookmark before;
} rg_excerpt;

/* Takes what t depends on. With `adjoints`, and if t is a single number, also what the gradients of t with
 * respect to its parameters depend on, or to its inputs if it depends on no parameter. These are recorded anew,
 * with values and names of equal nodes that are on the tape already, and forgotten again by rg_excerpt_end,
 * which must be called in any case.
 * errors  RG_E_NULL, RG_E_TAPE, RG_E_GRADIENT and what else recording says: these stick to the tape.
 *         RG_E_MEMORY does not, unless recording ran out of it. */
rg_status rg_excerpt_begin(rg_excerpt *excerpt, rg_tensor t, bool adjoints);
void rg_excerpt_end(rg_excerpt *excerpt);

static inline const rg_node *rg_excerpt_node(const rg_excerpt *excerpt, uint32_t entry)
{
    return &excerpt->tape->nodes[excerpt->nodes[entry]];
}

static inline uint32_t rg_excerpt_operand(const rg_excerpt *excerpt, uint32_t entry, uint32_t k)
{
    return excerpt->entries[rg_edges(excerpt->tape, rg_excerpt_node(excerpt, entry))[k]];
}

#endif
