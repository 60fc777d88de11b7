/* excerpt.c: which nodes of a tape to show. Looking at a tape leaves it as it was: adjoints that are recorded to
 * be shown are forgotten again, so that a trace which is looked at finds the same plan as one that is not. */
#include "excerpt.h"

#include <string.h>

#include <xxhash.h>

#include "gradient.h"
#include "ops.h"
#include "params.h"
#include "shape.h"

uint32_t *rg_take_filled(rg_arena *arena, size_t count)
{
    uint32_t *numbers = rg_arena_take(arena, (count + 1) * sizeof *numbers);
    if (numbers) memset(numbers, 0xff, (count + 1) * sizeof *numbers);
    return numbers;
}

/* ---- The gradient ---------------------------------------------------------------------------------------------- */

/* A parameter, or an input if no parameter is at hand, and whatever depends on it. */
static void mark_active(rg_sweep *sweep, bool parameters)
{
    for (uint32_t j = 0; j <= sweep->last; j++) {
        const rg_node *node = &sweep->tape->nodes[j];
        bool *active = &sweep->active[j];
        if (node->flags & RG_NODE_NO_GRADIENT) continue;
        if (parameters) {
            *active = node->flags & RG_NODE_NEEDS_GRADIENT;
            continue;
        }
        bool input = node->op == &rg_op_input || node->op == &rg_op_scalar;
        *active = input && rg_dtype_is_float((rg_dtype)node->dtype);
        for (uint32_t k = 0; k < node->operands && !*active; k++) {
            bool declared_zero = k < 32 && node->op->no_gradient >> k & 1u;
            *active = sweep->active[rg_edges(sweep->tape, node)[k]] && !declared_zero;
        }
    }
}

rg_status rg_solve_for_leaves(rg_sweep *sweep, const char *what, rg_tensor t, bool handed)
{
    rg_tape *tape = t.tape;
    const size_t count = (size_t)t.node + 1;
    *sweep = (rg_sweep){ .tape = tape, .last = t.node, .checkpoint = { .ahead = rg_checkpoint_first(tape) } };
    sweep->adjoint = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->adjoint);
    sweep->active = rg_arena_take_zeroed(&tape->scratch, count * sizeof *sweep->active);
    if (!sweep->adjoint || !sweep->active || (handed && !rg_sweep_note_handed(sweep))) return RG_E_MEMORY;
    mark_active(sweep, tape->nodes[t.node].flags & RG_NODE_NEEDS_GRADIENT);
    if (!sweep->active[t.node]) return RG_OK;
    rg_tensor seed = rg_seed_for(NULL, what, t, (rg_tensor){ 0 });
    sweep->adjoint[t.node] = seed;
    return !rg_is_null(seed) && rg_solve_adjoints(sweep) ? RG_OK : tape->error.status;
}

/* ---- Adjoints that had been recorded already ------------------------------------------------------------------ */

/* Of each node: */
typedef struct {
    uint32_t same;            /* the first equal node; itself if there is none before it */
    uint32_t data, name;      /* if it is the first: an equal one that has a value, and one that has a name */
    uint32_t next;            /* if it is the first: the next of its list */
    uint32_t newest;          /* of the list with this number */
} twin;

static bool equal_nodes(const rg_tape *tape, const twin *twins, const rg_node *a, const rg_node *b)
{
    if (a->op != b->op || a->operands != b->operands) return false;
    for (uint32_t k = 0; k < a->operands; k++)
        if (twins[rg_edges(tape, a)[k]].same != twins[rg_edges(tape, b)[k]].same) return false;
    const size_t bytes = a->op == &rg_op_recompute ? 0 : a->op->attribute_size; /* that is when it was recorded */
    return bytes == 0 || memcmp(a->attributes, b->attributes, bytes) == 0;
}

/* Equal nodes are kept in one list: equal adjoints come from the derivative of the same node, and of fixed numbers, which come
 * from anywhere, there may be as many as there are nodes. */
static uint32_t list_of(const rg_tape *tape, const rg_node *node)
{
    if (!rg_is_number(node)) return node->forward;
    return (uint32_t)(XXH3_64bits(node->attributes, node->op->attribute_size) % tape->node_count);
}

/* What is recorded now takes value and name from what is equal and was there before. */
static bool take_over(const rg_excerpt *excerpt, uint32_t root)
{
    rg_tape *tape = excerpt->tape;
    twin *twins = rg_arena_take(&tape->scratch, tape->node_count * sizeof *twins);
    if (!twins) return false;
    for (uint32_t i = 0; i < tape->node_count; i++) twins[i] = (twin){ i, i, i, UINT32_MAX, UINT32_MAX };
    for (uint32_t i = root + 1; i < tape->node_count; i++) {
        rg_node *node = &tape->nodes[i];
        if (!(node->flags & RG_NODE_ADJOINT || rg_is_number(node))) continue;
        uint32_t *newest = &twins[list_of(tape, node)].newest, same = *newest;
        while (same != UINT32_MAX && !equal_nodes(tape, twins, node, &tape->nodes[same])) same = twins[same].next;
        if (same == UINT32_MAX) {
            twins[i].next = *newest;
            *newest = same = i;
        }
        twins[i].same = same;
        if (node->data) twins[same].data = i;
        if (node->name) twins[same].name = i;
        if (i < excerpt->before.nodes) continue;
        node->data = tape->nodes[twins[same].data].data;
        node->name = tape->nodes[twins[same].name].name;
    }
    return true;
}

/* ---- Entries --------------------------------------------------------------------------------------------------- */

/* entries[i] becomes 0 for the nodes to show. Operands stand before their consumers: one pass is enough. */
static void mark_shown(rg_excerpt *excerpt, const rg_sweep *sweep, uint32_t root)
{
    const rg_tape *tape = excerpt->tape;
    excerpt->entries[root] = 0;
    for (uint32_t i = 0; sweep && i <= root; i++) /* gradients are the adjoints of active leaves */
        if (tape->nodes[i].op->kind == RG_LEAF && !rg_is_null(sweep->adjoint[i]))
            excerpt->entries[sweep->adjoint[i].node] = 0;
    for (size_t i = tape->node_count; i-- > 0;)
        for (uint32_t k = 0; excerpt->entries[i] == 0 && k < tape->nodes[i].operands; k++)
            excerpt->entries[rg_edges(tape, &tape->nodes[i])[k]] = 0;
}

static bool number_entries(rg_excerpt *excerpt, const rg_sweep *sweep, uint32_t root)
{
    rg_tape *tape = excerpt->tape;
    excerpt->nodes = rg_arena_take(&tape->scratch, tape->node_count * sizeof *excerpt->nodes);
    if (!excerpt->nodes) return false;
    for (uint32_t i = 0; i < tape->node_count; i++)
        if (excerpt->entries[i] == 0) {
            excerpt->entries[i] = excerpt->count;
            excerpt->nodes[excerpt->count++] = i;
        }
    excerpt->root = excerpt->entries[root];

    excerpt->adjoint = rg_take_filled(&tape->scratch, excerpt->count);
    excerpt->adjoint_node = rg_take_filled(&tape->scratch, excerpt->count);
    if (!excerpt->adjoint || !excerpt->adjoint_node) return false;
    for (uint32_t k = 0; k < excerpt->count; k++) {
        const uint32_t i = excerpt->nodes[k];
        if (!sweep || i > root || rg_is_null(sweep->adjoint[i])) continue;
        excerpt->adjoint_node[k] = sweep->adjoint[i].node;
        excerpt->adjoint[k] = excerpt->entries[sweep->adjoint[i].node];
    }
    return true;
}

/* To the backward half belong the nodes that the gradient recorded, and fixed numbers that only these use: the
 * adjoint that the sweep began with. */
static bool find_backward(rg_excerpt *excerpt)
{
    rg_arena *scratch = &excerpt->tape->scratch;
    excerpt->backward = rg_arena_take_zeroed(scratch, excerpt->count * sizeof *excerpt->backward);
    bool *used_forward = rg_arena_take_zeroed(scratch, excerpt->count * sizeof *used_forward);
    if (!excerpt->backward || !used_forward) return false;
    for (uint32_t k = excerpt->count; k-- > 0;) {
        const rg_node *node = rg_excerpt_node(excerpt, k);
        bool only_backward = rg_is_number(node) && !used_forward[k] && k != excerpt->root;
        excerpt->backward[k] = node->flags & RG_NODE_ADJOINT || only_backward;
        for (uint32_t i = 0; i < node->operands; i++)
            if (!excerpt->backward[k]) used_forward[rg_excerpt_operand(excerpt, k, i)] = true;
    }
    for (uint32_t k = 0; k < excerpt->count; k++) /* a rule may give a forward node for a derivative: it stays one */
        if (excerpt->adjoint[k] != RG_NOT_SHOWN && !excerpt->backward[excerpt->adjoint[k]])
            excerpt->adjoint[k] = RG_NOT_SHOWN;
    return true;
}

/* ---- Roles ------------------------------------------------------------------------------------------------------- */

const char rg_role_names[RG_ROLES][12] = {
    [RG_ROLE_INPUT] = "input", [RG_ROLE_PARAMETER] = "parameter", [RG_ROLE_CONSTANT] = "constant",
    [RG_ROLE_OPERATION] = "operation", [RG_ROLE_RECOMPUTED] = "recomputed", [RG_ROLE_ADJOINT] = "adjoint",
    [RG_ROLE_GRADIENT] = "gradient", [RG_ROLE_RESULT] = "result",
};

static rg_role role_of(const rg_excerpt *e, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(e, entry);
    if (entry == e->root) return RG_ROLE_RESULT;
    for (uint32_t v = e->owner[entry]; v != RG_NOT_SHOWN; v = e->next_owner[v])
        if (rg_excerpt_node(e, v)->op->kind == RG_LEAF) return RG_ROLE_GRADIENT;
    if (node->flags & RG_NODE_RECOMPUTED) return RG_ROLE_RECOMPUTED;
    if (e->backward[entry]) return RG_ROLE_ADJOINT;
    if (node->op == &rg_op_parameter) return RG_ROLE_PARAMETER;
    if (node->op == &rg_op_input || node->op == &rg_op_scalar) return RG_ROLE_INPUT;
    return node->op->kind == RG_LEAF || rg_is_number(node) ? RG_ROLE_CONSTANT : RG_ROLE_OPERATION;
}

/* Behind a view it is what the view looks at that has to stay. */
static void note_saved(rg_excerpt *e, uint32_t entry)
{
    while (!e->backward[entry] && rg_excerpt_node(e, entry)->op->kind == RG_VIEW) entry = rg_excerpt_operand(e, entry, 0);
    const rg_node *node = rg_excerpt_node(e, entry);
    if (!e->backward[entry] && node->op->kind != RG_LEAF && !rg_is_number(node)) e->saved[entry] = true;
}

static bool find_roles(rg_excerpt *e)
{
    rg_arena *scratch = &e->tape->scratch;
    e->owner = rg_take_filled(scratch, e->count);
    e->next_owner = rg_take_filled(scratch, e->count);
    e->role = rg_arena_take(scratch, e->count * sizeof *e->role);
    e->saved = rg_arena_take_zeroed(scratch, e->count * sizeof *e->saved);
    if (!e->owner || !e->next_owner || !e->role || !e->saved) return false;
    for (uint32_t k = e->count; k-- > 0;) {
        if (e->adjoint[k] == RG_NOT_SHOWN) continue;
        e->next_owner[k] = e->owner[e->adjoint[k]];
        e->owner[e->adjoint[k]] = k;
    }
    for (uint32_t k = 0; k < e->count; k++) {
        e->role[k] = role_of(e, k);
        e->two_halves = e->two_halves || e->backward[k] != e->backward[e->root];
        for (uint32_t i = 0; e->backward[k] && i < rg_excerpt_node(e, k)->operands; i++)
            note_saved(e, rg_excerpt_operand(e, k, i));
    }
    return true;
}

/* ---- Numbers ----------------------------------------------------------------------------------------------------- */

const void *rg_excerpt_values(const rg_excerpt *e, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(e, entry);
    if (node->op != &rg_op_parameter) return node->data;
    const rg_parameter_leaf *leaf = node->attributes;
    return leaf->version == rg_params_version(leaf->param.store) ? rg_param_pointer(leaf->param) : NULL;
}

const void *rg_excerpt_gradient(const rg_excerpt *e, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(e, entry);
    if (node->op == &rg_op_parameter) {
        const rg_param param = ((const rg_parameter_leaf *)node->attributes)->param;
        const rg_params_entry *written = rg_params_entry_of(param);
        if (rg_params_gradient_ready(param.store) && written->written == param.store->generation)
            return rg_param_gradient_pointer(param);
    }
    return e->adjoint_node[entry] == RG_NOT_SHOWN ? NULL : e->tape->nodes[e->adjoint_node[entry]].data;
}

/* ---- All together ---------------------------------------------------------------------------------------------- */

rg_status rg_excerpt_begin(rg_excerpt *excerpt, rg_tensor t, rg_adjoints adjoints)
{
    rg_status reason;
    const rg_node *node = rg_node_of(t, &reason);
    *excerpt = (rg_excerpt){ .tape = t.tape };
    if (!t.tape) return RG_E_NULL;
    excerpt->before = rg_tape_bookmark(t.tape);
    excerpt->scratch = t.tape->scratch;
    if (!node) return rg_fail(t.tape, NULL, reason, "graph: the tensor is from before rg_tape_reset"), reason;
    rg_sweep sweep;
    const bool solve = adjoints && rg_dtype_is_float((rg_dtype)node->dtype) && rg_shape_count(*node->shape) == 1;
    excerpt->adjoints = solve ? adjoints : RG_ADJOINTS_NONE;
    rg_status status = solve ? rg_solve_for_leaves(&sweep, "graph", t, false) : RG_OK;
    if (status) return status;
    excerpt->entries = rg_take_filled(&t.tape->scratch, t.tape->node_count);
    if (!excerpt->entries || !take_over(excerpt, t.node)) return RG_E_MEMORY;
    mark_shown(excerpt, excerpt->adjoints == RG_ADJOINTS_SHOWN ? &sweep : NULL, t.node);
    bool done = number_entries(excerpt, solve ? &sweep : NULL, t.node) && find_backward(excerpt) && find_roles(excerpt);
    return done ? RG_OK : RG_E_MEMORY;
}

void rg_excerpt_end(rg_excerpt *excerpt)
{
    if (!excerpt->tape) return;
    rg_tape_forget(excerpt->tape, &excerpt->before);
    rg_arena_return(&excerpt->tape->scratch, &excerpt->scratch);
}
