/* workspace.c: values that are not alive at the same time share memory. */
#include "builder.h"

#include <stdlib.h>

/* Free ranges of the workspace, by offset. */
typedef struct {
    size_t offset, bytes;
} hole;

typedef struct {
    hole *holes;
    int count, capacity;
    size_t end;              /* of all that was ever used */
    size_t used, most;       /* so much now, and at most */
} space;

/* The smallest hole that fits, or more room at the end. Few holes are looked at: a plan takes linear time. */
enum { HOLES_LOOKED_AT = 64 };

static size_t allocate(rg_builder *b, space *s, size_t bytes)
{
    int best = -1;
    s->used += bytes;
    if (s->used > s->most) s->most = s->used;
    for (int i = 0; i < s->count && i < HOLES_LOOKED_AT; i++)
        if (s->holes[i].bytes >= bytes && (best < 0 || s->holes[i].bytes < s->holes[best].bytes)) best = i;
    if (best >= 0) {
        size_t offset = s->holes[best].offset;
        s->holes[best].offset += bytes;
        s->holes[best].bytes -= bytes;
        if (s->holes[best].bytes == 0) s->holes[best] = s->holes[--s->count];
        return offset;
    }
    size_t offset = s->end;
    for (int i = 0; i < s->count && i < HOLES_LOOKED_AT; i++)
        if (s->holes[i].offset + s->holes[i].bytes == s->end) { /* the last hole can grow */
            offset = s->holes[i].offset;
            s->holes[i] = s->holes[--s->count];
            break;
        }
    if (!rg_size_add(offset, bytes, &s->end)) b->failed = true;
    return offset;
}

static bool add_hole(rg_builder *b, space *s, size_t offset, size_t bytes)
{
    for (int i = 0; i < s->count && i < HOLES_LOOKED_AT; i++) {
        hole *each = &s->holes[i];
        bool before = each->offset + each->bytes == offset, after = offset + bytes == each->offset;
        if (!before && !after) continue;
        hole joined = { before ? each->offset : offset, each->bytes + bytes };
        s->holes[i] = s->holes[--s->count];
        return add_hole(b, s, joined.offset, joined.bytes);
    }
    if (!rg_builder_grow(b, (void **)&s->holes, s->count, &s->capacity, sizeof *s->holes)) return false;
    s->holes[s->count++] = (hole){ offset, bytes };
    return true;
}

static bool release(rg_builder *b, space *s, size_t offset, size_t bytes)
{
    s->used -= bytes;
    return add_hole(b, s, offset, bytes);
}

/* Tiny values lie close together, behind all others; the others in cache lines of their own, so that no vector lies
 * across two of them. */
enum { TINY = 16 };

size_t rg_workspace_room(size_t bytes)
{
    size_t rounded;
    return rg_size_align(bytes ? bytes : 1, bytes <= TINY ? TINY : RG_ALIGNMENT, &rounded) ? rounded : SIZE_MAX / 4;
}

typedef struct {
    space large, tiny;
} spaces;

static space *space_for(spaces *s, const rg_value *value)
{
    return value->bytes <= TINY ? &s->tiny : &s->large;
}

static bool read_by_kernel(const rg_draft *draft, uint32_t value)
{
    for (int k = 0; draft->op && k < draft->operands; k++)
        if (draft->in[k].value == value) return true;
    return false;
}

/* A value that dies in this step may be written over by member `i` of its group: if only the group reads it, at
 * the same elements, and nobody after i. */
static uint32_t dying_operand(const rg_builder *b, const rg_draft *draft, int64_t step, int i, const bool *gone)
{
    const size_t bytes = b->values[draft->group->members[i].value].bytes;
    uint32_t found = RG_NONE;
    for (int r = 0; r < draft->group->read_count; r++) {
        const rg_group_read *read = &draft->group->reads[r];
        const rg_value *value = &b->values[read->value];
        bool dying = value->place == RG_IN_WORKSPACE && !value->local && value->last_use == step && !gone[read->value];
        bool alike = read->kind == RG_READ_DIRECT && read->offset == 0 && value->bytes == bytes && read->last_member <= i;
        if (!dying || !alike || read_by_kernel(draft, read->value)) continue;
        bool once = true;
        for (int other = 0; other < draft->group->read_count; other++)
            once = once && (other == r || draft->group->reads[other].value != read->value);
        if (once) found = read->value;
    }
    return found;
}

/* Values by the step of their last use, as lists: next[value] of head[step]. */
static bool list_deaths(rg_builder *b, uint32_t **head, uint32_t **next)
{
    *head = rg_builder_take(b, b->draft_count + 1, sizeof **head);
    *next = rg_builder_room(b, b->value_count + 1, sizeof **next);
    if (b->failed) return false;
    for (size_t step = 0; step <= b->draft_count; step++) (*head)[step] = RG_NONE;
    for (size_t i = b->value_count; i-- > 0;) {
        const rg_value *value = &b->values[i];
        if (value->place != RG_IN_WORKSPACE || !rg_value_stored(value)) continue;
        size_t step = (size_t)(value->last_use > value->defined ? value->last_use : value->defined);
        (*next)[i] = (*head)[step];
        (*head)[step] = (uint32_t)i;
    }
    return true;
}

/* Likewise for the kernel of an elementwise op, or of one that can work in place. */
static uint32_t dying_input(const rg_builder *b, const rg_draft *draft, int64_t step, const bool *gone)
{
    const int operands = draft->op->kind == RG_ELEMENTWISE ? draft->operands : draft->op->in_place ? 1 : 0;
    if (!b->request->optimise || draft->group) return RG_NONE;
    for (int k = 0; k < operands; k++) {
        const rg_placement *in = &draft->in[k];
        const rg_value *value = &b->values[in->value];
        bool dying = value->place == RG_IN_WORKSPACE && value->last_use == step && !gone[in->value];
        bool alike = in->offset == 0 && value->bytes == b->values[draft->value].bytes && !(draft->op->uniform >> k & 1u);
        for (int other = 0; other < draft->operands; other++)
            alike = alike && (other == k || draft->in[other].value != in->value ||
                              (operands == draft->operands && draft->in[other].offset == 0 && !(draft->op->uniform >> other & 1u)));
        if (dying && alike) return in->value;
    }
    return RG_NONE;
}

/* What would be written over by an output, or a gradient, if that were in the workspace, lies in its place from the
 * beginning: unless it is added to what is there. The last step comes first, as what has moved may do the same. */
static bool place_ahead(rg_builder *b)
{
    const bool *gone = rg_builder_take(b, b->value_count + 1, sizeof *gone);
    if (!gone) return false;
    for (size_t step = b->draft_count; b->request->optimise && !b->request->accumulate && step-- > 0;) {
        const rg_draft *draft = &b->drafts[step];
        for (int i = 0; draft->group && i < draft->group->member_count; i++) {
            const rg_value *value = &b->values[draft->group->members[i].value];
            if (value->place != RG_IN_OUTPUT && value->place != RG_IN_GRADIENT) continue;
            const uint32_t over = dying_operand(b, draft, (int64_t)step, i, gone);
            if (over == RG_NONE) continue;
            b->values[over].place = value->place;
            b->values[over].index = value->index;
        }
    }
    return true;
}

/* first[value] is the value whose memory it has: the one that was there before all that have written over it. */
static void place_result(rg_builder *b, spaces *s, bool *gone, uint32_t *first, uint32_t value, uint32_t over)
{
    rg_value *result = &b->values[value];
    if (over != RG_NONE) gone[over] = true;
    first[value] = over != RG_NONE ? first[over] : value;
    result->offset = over != RG_NONE ? b->values[over].offset
                                     : allocate(b, space_for(s, result), rg_workspace_room(result->bytes));
}

/* ---- Once more, where memory has fallen into pieces -------------------------------------------------------------- */

/* Memory with the steps in which it is in use. */
typedef struct {
    size_t offset, bytes;
    int64_t begin, end;
    uint32_t value;            /* the first one in it */
    double weight;             /* the heaviest is placed first */
} block;

static int heaviest_first(const void *left, const void *right)
{
    const block *a = left, *b = right;
    if (a->weight != b->weight) return a->weight < b->weight ? 1 : -1;
    return a->value < b->value ? -1 : a->value > b->value;
}

static size_t list_blocks(const rg_builder *b, const uint32_t *first, uint32_t *block_of, block *blocks)
{
    size_t count = 0;
    for (uint32_t i = 0; i < b->value_count; i++) {
        const rg_value *value = &b->values[i];
        if (first[i] == RG_NONE || value->bytes <= TINY) continue;
        const int64_t end = value->last_use > value->defined ? value->last_use : value->defined;
        if (first[i] == i) {
            block_of[i] = (uint32_t)count;
            const size_t bytes = rg_workspace_room(value->bytes);
            blocks[count++] = (block){ 0, bytes, value->defined, end, i, (double)bytes };
        } else if (end > blocks[block_of[first[i]]].end)
            blocks[block_of[first[i]]].end = end;
    }
    return count;
}

/* The smallest gap that fits between those of the blocks placed before, in the order of their offsets, that are in use
 * at the same time. */
static size_t gap_for(const block *blocks, const block *each, const uint32_t *placed, size_t count)
{
    size_t reached = 0, best = SIZE_MAX, smallest = SIZE_MAX;
    for (size_t k = 0; k < count; k++) {
        const block *other = &blocks[placed[k]];
        if (other->end < each->begin || each->end < other->begin) continue;
        const size_t gap = other->offset > reached ? other->offset - reached : 0;
        if (gap >= each->bytes && gap < smallest) {
            smallest = gap;
            best = reached;
        }
        if (other->offset + other->bytes > reached) reached = other->offset + other->bytes;
    }
    return best != SIZE_MAX ? best : reached;
}

static size_t place_by_weight(block *blocks, size_t count, uint32_t *placed)
{
    size_t end = 0;
    qsort(blocks, count, sizeof *blocks, heaviest_first);
    for (size_t i = 0; i < count; i++) {
        block *each = &blocks[i];
        each->offset = gap_for(blocks, each, placed, i);
        if (each->offset + each->bytes > end) end = each->offset + each->bytes;
        size_t at = i;
        for (; at > 0 && blocks[placed[at - 1]].offset > each->offset; at--) placed[at] = placed[at - 1];
        placed[at] = (uint32_t)i;
    }
    return end;
}

/* All is known now, so the largest can come first [Pisarchyk and Lee 2020, "Efficient memory management for deep neural
 * net inference"]; and in the next round what has come to lie highest. A round takes the square of the blocks, so this
 * is for plans in which there are not too many, and where there is something to gain. */
enum { MOST_BLOCKS = 2048, WORTH_PACKING = 1 << 16, WORK = 1 << 22, ROUNDS = 100 };

static bool pack(rg_builder *b, space *s, const uint32_t *first)
{
    if (b->value_count > MOST_BLOCKS || s->end < WORTH_PACKING || s->end - s->most <= s->most / 64) return true;
    block *blocks = rg_builder_room(b, b->value_count, sizeof *blocks);
    uint32_t *of = rg_builder_room(b, b->value_count, sizeof *of);
    uint32_t *placed = rg_builder_room(b, b->value_count, sizeof *placed);
    if (b->failed) return false;
    const size_t count = list_blocks(b, first, of, blocks);
    for (size_t round = 0; round < ROUNDS && round * count * count < WORK && s->end > s->most; round++) {
        const size_t end = place_by_weight(blocks, count, placed);
        for (size_t k = 0; k < count; k++) {
            if (end < s->end) b->values[blocks[k].value].offset = blocks[k].offset;
            if (blocks[k].offset + blocks[k].bytes == end) blocks[k].weight += (double)s->most;
        }
        if (end < s->end) s->end = end;
    }
    for (uint32_t i = 0; i < b->value_count; i++)
        if (first[i] != RG_NONE && b->values[i].bytes > TINY) b->values[i].offset = b->values[first[i]].offset;
    return true;
}

bool rg_builder_layout(rg_builder *b)
{
    uint32_t *head, *next;
    spaces s = { .large = { .end = 0 } };
    bool *gone = rg_builder_take(b, b->value_count + 1, sizeof *gone); /* its memory has a new owner */
    uint32_t *first = rg_builder_room(b, b->value_count + 1, sizeof *first);
    if (!gone || !first || !place_ahead(b) || !list_deaths(b, &head, &next)) return false;
    for (size_t i = 0; i < b->value_count; i++) first[i] = RG_NONE;
    for (size_t step = 0; step < b->draft_count; step++) {
        const rg_draft *draft = &b->drafts[step];
        if (draft->op && b->values[draft->value].place == RG_IN_WORKSPACE && !b->values[draft->value].local)
            place_result(b, &s, gone, first, draft->value, dying_input(b, draft, (int64_t)step, gone));
        if (draft->scratch != RG_NONE && !rg_draft_follows(b, draft)) place_result(b, &s, gone, first, draft->scratch, RG_NONE);
        if (draft->follower != RG_NONE)
            place_result(b, &s, gone, first, b->drafts[draft->follower].scratch, RG_NONE);
        if (draft->memory != RG_NONE) place_result(b, &s, gone, first, draft->memory, RG_NONE);
        for (int i = 0; draft->group && i < draft->group->member_count; i++) {
            uint32_t value = draft->group->members[i].value, from = RG_NONE;
            if (b->values[value].place != RG_IN_WORKSPACE || !rg_value_stored(&b->values[value])) continue;
            if (b->request->optimise) from = dying_operand(b, draft, (int64_t)step, i, gone);
            place_result(b, &s, gone, first, value, from);
        }
        for (int i = 0; draft->group && i < draft->group->matrix_count; i++) {
            const uint32_t value = draft->group->matrices[i].value;
            if (b->values[value].place == RG_IN_WORKSPACE) place_result(b, &s, gone, first, value, RG_NONE);
        }
        if (b->plan->accounts) b->plan->accounts[step].alive = s.large.used + s.tiny.used;
        for (uint32_t value = head[step]; value != RG_NONE; value = next[value])
            if (!gone[value] && !release(b, space_for(&s, &b->values[value]), b->values[value].offset,
                                         rg_workspace_room(b->values[value].bytes)))
                return false;
    }
    if (!pack(b, &s.large, first)) return false;
    for (size_t i = 0; i < b->value_count; i++)
        if (b->values[i].bytes <= TINY && !rg_size_add(b->values[i].offset, s.large.end, &b->values[i].offset)) return false;
    return rg_size_add(s.large.end, s.tiny.end, &b->plan->workspace_bytes) && !b->failed;
}
