/* repeat.h: recording what the last trace has left where it comes again: it is compared, and a few fields are set. Most of
 * a known trace's recording is done here, so all of it is inline. Internal. */
#ifndef RETROGRAD_REPEAT_H
#define RETROGRAD_REPEAT_H

#include <string.h>

#include "tape.h"

/* What a node is, beside op, operands and attributes. Whether it needs a gradient follows from its operands. */
static inline uint8_t rg_state_flags(const rg_tape *tape)
{
    return (uint8_t)((tape->no_grad ? RG_NODE_NO_GRADIENT : 0) | tape->recording_flags);
}

/* The handle is on this node, which an edge of the last trace leads to. Number and epoch come in one register, and are
 * compared at once. */
static inline bool rg_repeats_operand(const rg_tape *tape, rg_tensor t, uint32_t node)
{
    const struct { uint32_t node, epoch; } is = { t.node, t.epoch }, wanted = { node, tape->epoch };
    uint64_t is_bits, wanted_bits;
    memcpy(&is_bits, &is, sizeof is_bits);
    memcpy(&wanted_bits, &wanted, sizeof wanted_bits);
    return t.tape == tape && (is_bits == wanted_bits || (t.node == node && t.epoch == tape->nodes[node].epoch));
}

static inline bool rg_repeats_attributes(const rg_op *op, const void *attributes, const rg_node *node)
{
    uint64_t word, known;
    if (op->attribute_size != sizeof word) return memcmp(attributes, node->attributes, op->attribute_size) == 0;
    memcpy(&word, attributes, sizeof word);
    memcpy(&known, node->attributes, sizeof known);
    return word == known;
}

/* The node that the last trace left here, if it is of this op with so many operands. */
static inline __attribute__((always_inline)) const rg_node *rg_expected_node(const rg_tape *tape, const rg_op *op, int n)
{
    if (tape->node_count >= tape->last_nodes) return NULL;
    const rg_node *node = &tape->nodes[tape->node_count];
    return node->op == op && node->operands == (uint32_t)n && node->first_word == tape->signature_count &&
                   (node->flags & (RG_NODE_NO_GRADIENT | RG_NODE_ADJOINT | RG_NODE_RECOMPUTED)) == rg_state_flags(tape)
               ? node
               : NULL;
}

static inline bool rg_repeats_op(const rg_tape *tape, const rg_op *op, const void *attributes, int n, const rg_tensor *in)
{
    const rg_node *node = rg_expected_node(tape, op, n);
    for (int k = 0; node && k < n; k++)
        if (!rg_repeats_operand(tape, in[k], rg_edges(tape, node)[k])) return false;
    return node && (op->attribute_size == 0 || (attributes && rg_repeats_attributes(op, attributes, node)));
}

/* All but what the node is. */
static inline __attribute__((always_inline)) rg_tensor rg_repeat_node(rg_tape *tape, const char *site, void *data, uint32_t operands)
{
    const size_t number = tape->node_count;
    rg_node *node = &tape->nodes[number];
    node->site = site ? site : tape->site;
    node->data = data;
    node->name = NULL;
    node->epoch = tape->epoch;
    node->scope = tape->scope;
    node->slot_segment = 0;
    node->forward = tape->recording_forward;
    node->flags &= (uint8_t)~RG_NODE_KEEP;
    tape->signature_count += node->words;
    tape->edge_count += operands;
    tape->node_count = number + 1;
    return (rg_tensor){ tape, (uint32_t)number, tape->epoch };
}

#endif
