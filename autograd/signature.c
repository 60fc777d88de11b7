/* signature.c: the words that say what a trace is, and where it parts from the last one. */
#include <string.h>

#include "cache.h"
#include "tape.h"

void rg_trace_part(rg_tape *tape)
{
    if (tape->node_count < tape->last_nodes || tape->signature_count < tape->last_words) tape->leftovers = true;
    tape->last_nodes = tape->last_words = 0;
}

/* Room for `count` more words, which are then written and counted; NULL when out of memory. */
static uint64_t *reserve_words(rg_tape *tape, size_t count)
{
    rg_trace_part(tape);
    if (rg_grow((void **)&tape->signature, &tape->signature_capacity, tape->signature_count + count,
                sizeof *tape->signature))
        return tape->signature + tape->signature_count;
    rg_fail(tape, NULL, RG_E_MEMORY, "out of memory while recording");
    return NULL;
}

bool rg_signature_add(rg_tape *tape, const uint64_t *words, size_t count)
{
    const bool repeats = tape->last_words >= tape->signature_count + count &&
                         memcmp(tape->signature + tape->signature_count, words, count * sizeof *words) == 0;
    if (!repeats) {
        uint64_t *at = reserve_words(tape, count);
        if (!at) return false;
        memcpy(at, words, count * sizeof *words);
    }
    tape->signature_count += count;
    return true;
}

/* ---- Nodes and edges ------------------------------------------------------------------------------ */

static uint64_t head_word(rg_dtype dtype, int rank, uint8_t flags, size_t operands)
{
    return (uint64_t)dtype | (uint64_t)rank << 8 | (uint64_t)flags << 16 | (uint64_t)operands << 32;
}

/* The most words that an edge takes. */
enum { EDGE_WORDS = 2 + RG_MAX_RANK };

bool rg_note_external(rg_tape *tape, uint32_t target)
{
    rg_node *node = &tape->nodes[target];
    if (node->slot_segment == tape->segment) return true;
    if (!rg_grow((void **)&tape->externals, &tape->external_capacity, tape->external_count + 1,
                 sizeof *tape->externals)) {
        rg_fail(tape, NULL, RG_E_MEMORY, "out of memory while recording");
        return false;
    }
    node->slot = (uint32_t)tape->external_count;
    node->slot_segment = tape->segment;
    tape->externals[tape->external_count++] = target;
    if (node->flags & RG_NODE_NEEDS_GRADIENT) tape->segment_open_gradient = true;
    return true;
}

/* The first reference to a node of an earlier segment describes it, so that the plan may count on its dtype and
 * shape; which node it is, is not structure. Returns where the next word goes; NULL when out of memory. */
static uint64_t *write_external(rg_tape *tape, uint64_t *at, uint32_t target)
{
    const rg_node *node = &tape->nodes[target];
    const bool seen = node->slot_segment == tape->segment;
    if (!rg_note_external(tape, target)) return NULL;
    *at++ = RG_EDGE_EXTERNAL | node->slot;
    if (seen) return at;
    const uint8_t structure = node->flags & (RG_NODE_NEEDS_GRADIENT | RG_NODE_NO_GRADIENT);
    *at++ = head_word((rg_dtype)node->dtype, node->shape->rank, structure, node->op->kind == RG_LEAF);
    for (int i = 0; i < node->shape->rank; i++) *at++ = (uint64_t)node->shape->size[i];
    return at;
}

static inline uint64_t *write_edge(rg_tape *tape, uint64_t *at, uint32_t target)
{
    if (target < tape->segment_first) return write_external(tape, at, target);
    *at++ = target - tape->segment_first;
    return at;
}

bool rg_signature_add_edge(rg_tape *tape, uint32_t target)
{
    uint64_t words[EDGE_WORDS], *end = write_edge(tape, words, target);
    return end && rg_signature_add(tape, words, (size_t)(end - words));
}

static bool write_node(rg_tape *tape, const rg_node *node)
{
    const bool leaf = node->op->kind == RG_LEAF;
    const size_t bytes = leaf ? 0 : node->op->attribute_size, words = (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    uint64_t *at = reserve_words(tape, 2 + RG_MAX_RANK + node->operands * EDGE_WORDS + words);
    if (!at) return false;
    *at++ = (uint64_t)(uintptr_t)node->op;
    *at++ = head_word((rg_dtype)node->dtype, node->shape->rank, node->flags, node->operands);
    for (int i = 0; leaf && i < node->shape->rank; i++) *at++ = (uint64_t)node->shape->size[i];
    for (uint32_t k = 0; k < node->operands; k++)
        if (!(at = write_edge(tape, at, rg_edges(tape, node)[k]))) return false;
    if (words) {
        at[words - 1] = 0;
        memcpy(at, node->attributes, bytes);
        at += words;
    }
    tape->signature_count = (size_t)(at - tape->signature);
    return true;
}

bool rg_signature_add_node(rg_tape *tape, rg_node *node)
{
    const size_t first = tape->signature_count, externals = tape->external_count;
    if (write_node(tape, node)) {
        node->first_word = (uint32_t)first;
        node->words = (uint32_t)(tape->signature_count - first);
        if (tape->signature_count > UINT32_MAX) tape->leftovers = true; /* too long to be repeated */
        return true;
    }
    while (tape->external_count > externals) tape->nodes[tape->externals[--tape->external_count]].slot_segment = 0;
    return false;
}

/* ---- Segments and traces --------------------------------------------------------------------------- */

static const rg_answer *last_answer(const rg_tape *tape)
{
    if (tape->last_words == 0 || tape->answer_count >= tape->last_answers) return NULL;
    const rg_answer *answer = &tape->answers[tape->answer_count];
    return answer->words == tape->signature_count ? answer : NULL;
}

rg_plan *rg_known_answer(const rg_tape *tape)
{
    const rg_answer *answer = last_answer(tape);
    return answer && answer->losses == rg_cache_losses(tape->cache) ? answer->plan : NULL;
}

/* A segment must end where the last one did, for edges are told from its beginning. Running out of memory for the
 * answer loses nothing but time. */
void rg_segment_end(rg_tape *tape, rg_plan *plan)
{
    const rg_answer *last = last_answer(tape);
    if (!last || last->nodes != tape->node_count) rg_trace_part(tape);
    if (tape->last_nodes == 0) tape->last_answers = 0;
    if (rg_grow((void **)&tape->answers, &tape->answer_capacity, tape->answer_count + 1, sizeof *tape->answers))
        tape->answers[tape->answer_count++] = (rg_answer){ tape->signature_count, tape->node_count, plan,
                                                           rg_cache_losses(tape->cache) };
    else tape->leftovers = true;
    tape->segment_first = tape->node_count;
    tape->segment_word = tape->signature_count;
    tape->segment++;
    tape->segment_open_gradient = false;
    tape->external_count = 0;
}

/* A trace that is only the beginning of the last one leaves the rest of it where it is. */
void rg_trace_leave(rg_tape *tape, const rg_arena *records)
{
    if (tape->node_count > tape->most_nodes) tape->most_nodes = tape->node_count;
    if (tape->leftovers) {
        tape->last_nodes = tape->last_words = tape->last_answers = 0;
        rg_arena_return(&tape->records, records);
    } else if (tape->last_words == 0) {
        tape->last_nodes = tape->node_count;
        tape->last_words = tape->signature_count;
        tape->last_answers = tape->answer_count;
    }
    tape->leftovers = false;
}

void rg_trace_begin(rg_tape *tape)
{
    const rg_arena nothing = { .first = tape->records.first, .current = tape->records.first };
    while (tape->mark_count > 0) tape->leftovers |= tape->marks[--tape->mark_count].leftovers;
    rg_trace_leave(tape, &nothing);
    tape->answer_count = 0;
    tape->checkpoint_count = tape->checkpoint_open = tape->checkpoint_ended = 0;
    tape->node_count = tape->edge_count = 0;
    tape->signature_count = tape->external_count = 0;
    tape->segment_first = tape->segment_word = 0;
    tape->segment = 1;
    tape->segment_open_gradient = false;
}

rg_bookmark rg_tape_bookmark(const rg_tape *tape)
{
    return (rg_bookmark){ .nodes = tape->node_count, .edges = tape->edge_count, .signature = tape->signature_count,
                          .externals = tape->external_count, .checkpoints = tape->checkpoint_count,
                          .checkpoint_open = tape->checkpoint_open, .checkpoint_ended = tape->checkpoint_ended,
                          .open_gradient = tape->segment_open_gradient,
                          .records = tape->records };
}

void rg_tape_forget(rg_tape *tape, const rg_bookmark *since)
{
    if (tape->node_count > tape->most_nodes) tape->most_nodes = tape->node_count;
    for (size_t i = since->externals; i < tape->external_count; i++)
        tape->nodes[tape->externals[i]].slot_segment = 0;
    for (size_t i = 0; i < tape->binding_count; i++)
        for (size_t k = 0; k < tape->bindings[i].capacity; k++)
            if (tape->bindings[i].leaf[k] >= since->nodes) tape->bindings[i].leaf[k] = UINT32_MAX;
    tape->node_count = since->nodes;
    if (++tape->epoch == 0) tape->epoch = 1; /* handles on what is forgotten are no more */
    tape->edge_count = since->edges;
    tape->signature_count = since->signature;
    tape->external_count = since->externals;
    tape->segment_open_gradient = since->open_gradient;
    rg_checkpoints_return(tape, since->checkpoints, since->checkpoint_open, since->checkpoint_ended);
    tape->records.current = since->records.current;
    tape->records.used = since->records.used;
}
