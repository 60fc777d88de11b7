/* table.c: the op table, as a list. */
#include <string.h>

#include "ops.h"

#define ENTRY(name) &rg_op_##name,
static const rg_op *const table[] = { RG_OPS(ENTRY) };

const rg_op *const *rg_op_table(size_t *count)
{
    if (count) *count = sizeof table / sizeof table[0];
    return table;
}

const rg_op *rg_op_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}
