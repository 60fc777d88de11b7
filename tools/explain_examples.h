/* explain_examples.h: small graphs in which backpropagation can be watched. */
#ifndef RETROGRAD_TOOLS_EXPLAIN_EXAMPLES_H
#define RETROGRAD_TOOLS_EXPLAIN_EXAMPLES_H

#include "autograd.h"

typedef struct {
    const char *name, *title;
    int standard_depth;       /* 0: it has no depth */
    rg_tensor (*record)(rg_tape *tape, int depth);
} tool_explained;

/* The list ends with a name of NULL. */
extern const tool_explained tool_explain_examples[];

#endif
