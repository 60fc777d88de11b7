/* workspace.c: values that are not alive at the same time share memory. */
#include "builder.h"

/* Free ranges of the workspace, by offset. */
typedef struct {
    size_t offset, bytes;
} hole;

typedef struct {
    hole *holes;
    int count, capacity;
    size_t end;              /* of all that was ever used */
} space;

/* The smallest hole that fits, or more room at the end. Few holes are looked at: a plan takes linear time. */
enum { HOLES_LOOKED_AT = 64 };

static size_t allocate(rg_builder *b, space *s, size_t bytes)
{
    int best = -1;
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

static bool release(rg_builder *b, space *s, size_t offset, size_t bytes)
{
    for (int i = 0; i < s->count && i < HOLES_LOOKED_AT; i++) {
        hole *each = &s->holes[i];
        bool before = each->offset + each->bytes == offset, after = offset + bytes == each->offset;
        if (!before && !after) continue;
        hole joined = { before ? each->offset : offset, each->bytes + bytes };
        s->holes[i] = s->holes[--s->count];
        return release(b, s, joined.offset, joined.bytes);
    }
    if (!rg_builder_grow(b, (void **)&s->holes, s->count, &s->capacity, sizeof *s->holes)) return false;
    s->holes[s->count++] = (hole){ offset, bytes };
    return true;
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
    for (size_t step = 0; step < b->draft_count; step++) (*head)[step] = RG_NONE;
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

static void place_result(rg_builder *b, spaces *s, bool *gone, uint32_t value, uint32_t over)
{
    rg_value *result = &b->values[value];
    if (over != RG_NONE) gone[over] = true;
    result->offset = over != RG_NONE ? b->values[over].offset
                                     : allocate(b, space_for(s, result), rg_workspace_room(result->bytes));
}

bool rg_builder_layout(rg_builder *b)
{
    uint32_t *head, *next;
    spaces s = { .large = { .end = 0 } };
    bool *gone = rg_builder_take(b, b->value_count + 1, sizeof *gone); /* its memory has a new owner */
    if (!gone || !list_deaths(b, &head, &next)) return false;
    for (size_t step = 0; step < b->draft_count; step++) {
        const rg_draft *draft = &b->drafts[step];
        if (draft->op && b->values[draft->value].place == RG_IN_WORKSPACE && !b->values[draft->value].local)
            place_result(b, &s, gone, draft->value, dying_input(b, draft, (int64_t)step, gone));
        if (draft->op && draft->scratch != RG_NONE) place_result(b, &s, gone, draft->scratch, RG_NONE);
        for (int i = 0; draft->group && i < draft->group->member_count; i++) {
            uint32_t value = draft->group->members[i].value, from = RG_NONE;
            if (b->values[value].place != RG_IN_WORKSPACE || !rg_value_stored(&b->values[value])) continue;
            if (b->request->optimise) from = dying_operand(b, draft, (int64_t)step, i, gone);
            place_result(b, &s, gone, value, from);
        }
        for (uint32_t value = head[step]; value != RG_NONE; value = next[value])
            if (!gone[value] && !release(b, space_for(&s, &b->values[value]), b->values[value].offset,
                                         rg_workspace_room(b->values[value].bytes)))
                return false;
    }
    for (size_t i = 0; i < b->value_count; i++)
        if (b->values[i].bytes <= TINY && !rg_size_add(b->values[i].offset, s.large.end, &b->values[i].offset)) return false;
    return rg_size_add(s.large.end, s.tiny.end, &b->plan->workspace_bytes) && !b->failed;
}
