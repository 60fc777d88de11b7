/* items.c: how the work of many ops is cut into items, and what an item writes: see rg_op. */
#include "ops.h"

static int64_t row_of(const rg_shape *shape)
{
    return shape->rank > 0 ? shape->size[shape->rank - 1] : 1;
}

static int64_t rows_of(const rg_shape *shape)
{
    const int64_t n = row_of(shape);
    return n > 0 ? rg_elements(shape) / n : 0;
}

int64_t rg_items_elements(const rg_call *call)
{
    return rg_elements(&call->layout[0].shape);
}

int64_t rg_items_rows(const rg_call *call)
{
    return rows_of(&call->layout[0].shape);
}

int64_t rg_row_elements(const rg_call *call)
{
    return row_of(&call->layout[0].shape);
}

int64_t rg_items_operand_rows(const rg_call *call)
{
    return rows_of(&call->layout[1].shape);
}

int64_t rg_operand_row_elements(const rg_call *call)
{
    return row_of(&call->layout[1].shape);
}

int64_t rg_one_element(const rg_call *call)
{
    (void)call;
    return 1;
}

double rg_no_operations(const rg_call *call)
{
    (void)call;
    return 0;
}
