/* mutations.h: an attack on the gradient check: wrong derivatives, planted into every op of the table. */
#ifndef RETROGRAD_TOOLS_MUTATIONS_H
#define RETROGRAD_TOOLS_MUTATIONS_H

#include "autograd.h"

/* A mistake that one can make in a derivative rule. */
typedef struct tool_mutation tool_mutation;

size_t tool_mutations(void);
const tool_mutation *tool_mutation_at(size_t i);
const char *tool_mutation_name(const tool_mutation *mutation);

/* What became of one mistake in the rule of one operand. */
typedef enum {
    TOOL_MUTANT_EQUIVALENT = 0, /* it would make no difference to any result: nothing is planted */
    TOOL_MUTANT_KILLED,         /* the check failed, with the verdict that the mistake deserves */
    TOOL_MUTANT_SURVIVED
} tool_mutant_fate;

/* How many operands of the op can have a rule attacked, and whether operand k has one: declared zeros have none. */
int tool_mutable_operands(const rg_op *op);
bool tool_is_mutable(const rg_op *op, int k);

/* Plants the mistake into the op's rule for operand k, and checks the op with one seed. *result is the check's. */
tool_mutant_fate tool_mutate(const rg_op *op, int k, const tool_mutation *mutation, uint64_t seed,
                             rg_gradcheck_result *result);

/* Whether the op seems to have a kink at one of some likely places, by its values alone; then it should state its
 * convention there (rg_op.kinks), or a wrong branch could not be told from the right one. */
bool tool_has_kink(const rg_op *op);

#endif
