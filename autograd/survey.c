/* survey.c: before anything is placed: which nodes are needed, which are equal, and how often each is read. */
#include "builder.h"

#include <string.h>
#include <xxhash.h>

/* ---- What is needed ---------------------------------------------------------------------------------------------- */

bool rg_builder_is_source(const rg_builder *b, const rg_node *node)
{
    return node->op->kind == RG_LEAF || (b->request->first == 0 && !b->request->optimise && node->data);
}

static void mark(rg_builder *b, uint32_t node)
{
    if (node >= b->request->first) b->needed[node - b->request->first] = true;
}

bool rg_builder_keeps(const rg_builder *b, const rg_node *node)
{
    return node->flags & RG_NODE_KEEP && b->request->first == b->tape->segment_first && !b->request->apart;
}

static void mark_needed(rg_builder *b)
{
    const rg_request *request = b->request;
    for (size_t i = 0; i < request->wanted_count; i++) mark(b, request->wanted[i]);
    for (size_t i = 0; i < request->sink_count; i++) mark(b, request->sinks[i].adjoint);
    for (uint32_t i = b->count; i-- > 0;) {
        const rg_node *node = &b->tape->nodes[request->first + i];
        b->needed[i] = b->needed[i] || rg_builder_keeps(b, node);
        const uint32_t read = node->op->kind == RG_VIEW && node->operands > 1 ? 1 : node->operands;
        for (uint32_t k = 0; b->needed[i] && !rg_builder_is_source(b, node) && k < read; k++)
            mark(b, rg_edges(b->tape, node)[k]);
    }
}

/* ---- Merging equal nodes ------------------------------------------------------------------------------------------ */

static uint32_t merged(const rg_builder *b, uint32_t node)
{
    return node < b->request->first ? node : b->request->first + b->same_as[node - b->request->first];
}

static bool equal_nodes(const rg_builder *b, const rg_node *x, const rg_node *y)
{
    if (x->op != y->op || x->operands != y->operands) return false;
    if (x->op->attribute_size && memcmp(x->attributes, y->attributes, x->op->attribute_size) != 0) return false;
    for (uint32_t k = 0; k < x->operands; k++)
        if (merged(b, rg_edges(b->tape, x)[k]) != merged(b, rg_edges(b->tape, y)[k])) return false;
    return true;
}

static uint64_t hash_node(const rg_builder *b, const rg_node *node)
{
    uint64_t words[1 + RG_MAX_OPERANDS] = { (uint64_t)(uintptr_t)node->op };
    uint32_t n = node->operands < RG_MAX_OPERANDS ? node->operands : RG_MAX_OPERANDS;
    for (uint32_t k = 0; k < n; k++) words[1 + k] = merged(b, rg_edges(b->tape, node)[k]);
    uint64_t attributes = node->op->attribute_size ? XXH3_64bits(node->attributes, node->op->attribute_size) : 0;
    XXH128_hash_t hash = XXH3_128bits_withSeed(words, (1 + n) * sizeof words[0], attributes);
    return hash.low64 ^ hash.high64;
}

/* In the order of recording, so that operands are merged before what reads them. The structure is compared on
 * every hit. Leaves are never merged: what they hold may differ. */
static void merge_equal(rg_builder *b)
{
    size_t size = 16;
    while (size < 2 * (size_t)b->count) size *= 2;
    for (uint32_t i = 0; i < b->count; i++) b->same_as[i] = i;
    uint32_t *table = b->request->optimise ? rg_builder_take(b, size, sizeof *table) : NULL;
    for (uint32_t i = 0; table && i < b->count; i++) {
        const rg_node *node = &b->tape->nodes[b->request->first + i];
        if (!b->needed[i] || rg_builder_is_source(b, node)) continue;
        size_t at = hash_node(b, node) & (size - 1);
        while (table[at] && !equal_nodes(b, &b->tape->nodes[b->request->first + table[at] - 1], node))
            at = (at + 1) & (size - 1);
        if (table[at]) b->same_as[i] = table[at] - 1;
        else table[at] = i + 1;
    }
}

static void note_use(rg_builder *b, uint32_t node, uint32_t reader)
{
    if (node < b->request->first) return;
    const uint32_t i = b->same_as[node - b->request->first];
    b->uses[i]++;
    b->reader[i] = reader;
}

static void count_uses(rg_builder *b)
{
    const rg_request *request = b->request;
    for (size_t i = 0; i < request->wanted_count; i++) note_use(b, request->wanted[i], RG_NONE);
    for (size_t i = 0; i < request->sink_count; i++) note_use(b, request->sinks[i].adjoint, RG_NONE);
    for (uint32_t i = 0; i < b->count; i++) {
        const rg_node *node = &b->tape->nodes[request->first + i];
        if (b->needed[i] && rg_builder_keeps(b, node)) note_use(b, request->first + i, RG_NONE);
        if (!b->needed[i] || b->same_as[i] != i || rg_builder_is_source(b, node)) continue;
        for (uint32_t k = 0; k < node->operands; k++) note_use(b, rg_edges(b->tape, node)[k], i);
    }
}

void rg_builder_survey(rg_builder *b)
{
    mark_needed(b);
    merge_equal(b);
    count_uses(b);
}
