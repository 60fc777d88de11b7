/* rewind.c: going back to a place on the tape. What came after it is left where it lies, as a reset does: a round of a loop
 * that repeats the last one is compared with it instead of being recorded. */
#include "tape.h"

void rg_note_late(rg_tape *tape, size_t node)
{
    for (size_t i = tape->mark_count; i-- > 0 && node < tape->marks[i].nodes;) tape->marks[i].late = true;
}

/* A mark at the place of the last one is the last one: a loop may set it in every round. */
static rg_marked *take_mark(rg_tape *tape)
{
    rg_marked *last = tape->mark_count > 0 ? &tape->marks[tape->mark_count - 1] : NULL;
    if (last && last->nodes == tape->node_count && last->words == tape->signature_count) return last;
    if (!rg_grow((void **)&tape->marks, &tape->mark_capacity, tape->mark_count + 1, sizeof *tape->marks)) return NULL;
    last = &tape->marks[tape->mark_count++];
    *last = (rg_marked){ .serial = ++tape->mark_serial, .leftovers = tape->leftovers };
    tape->leftovers = false;
    return last;
}

rg_mark rg_tape_mark_at(const char *site, rg_tape *tape)
{
    if (!tape) return (rg_mark){ 0 };
    if (tape->recording_flags & RG_NODE_ADJOINT) {
        rg_fail(tape, site, RG_E_STATE, "mark: derivatives are being recorded");
        return (rg_mark){ 0 };
    }
    if (tape->node_count > tape->segment_first || tape->signature_count > tape->segment_word) rg_segment_end(tape, NULL);
    rg_marked *mark = take_mark(tape);
    if (!mark) {
        rg_fail(tape, site, RG_E_MEMORY, "mark: out of memory");
        return (rg_mark){ 0 };
    }
    mark->late = false;
    mark->nodes = tape->node_count;
    mark->edges = tape->edge_count;
    mark->words = tape->signature_count;
    mark->answers = tape->answer_count;
    mark->bindings = tape->binding_count;
    mark->checkpoints = tape->checkpoint_count;
    mark->checkpoint_open = tape->checkpoint_open;
    mark->checkpoint_ended = tape->checkpoint_ended;
    mark->records = tape->records;
    mark->names = tape->names;
    mark->values = tape->values;
    return (rg_mark){ tape, (uint32_t)(mark - tape->marks), mark->serial };
}

static void forget_parameters(rg_tape *tape, const rg_marked *mark)
{
    tape->binding_count = mark->bindings;
    for (size_t i = 0; i < tape->binding_count; i++)
        for (size_t k = 0; k < tape->bindings[i].capacity; k++)
            if (tape->bindings[i].leaf[k] >= mark->nodes) tape->bindings[i].leaf[k] = UINT32_MAX;
}

/* Values and names of earlier nodes that came after the mark lie between those of later ones: then nothing is taken back
 * this time, and they lie before the mark from now on. It happens no more often than there are such nodes. */
static void return_memory(rg_tape *tape, rg_marked *mark)
{
    if (mark->late) {
        mark->names = tape->names;
        mark->values = tape->values;
    }
    mark->late = false;
    rg_arena_return(&tape->names, &mark->names);
    rg_arena_return(&tape->values, &mark->values);
}

static void rewind_to(rg_tape *tape, rg_marked *mark)
{
    rg_trace_leave(tape, &mark->records);
    return_memory(tape, mark);
    tape->node_count = tape->segment_first = mark->nodes;
    tape->edge_count = mark->edges;
    tape->signature_count = tape->segment_word = mark->words;
    tape->answer_count = mark->answers;
    rg_checkpoints_return(tape, mark->checkpoints, mark->checkpoint_open, mark->checkpoint_ended);
    tape->external_count = 0;
    tape->segment_open_gradient = false;
    tape->segment++; /* what had a number as an external has none now */
    if (++tape->epoch == 0) tape->epoch = 1;
    forget_parameters(tape, mark);
}

rg_status rg_tape_rewind_at(const char *site, rg_mark mark)
{
    rg_tape *tape = mark.tape;
    if (!tape) return RG_E_NULL;
    const bool there = mark.number < tape->mark_count && tape->marks[mark.number].serial == mark.serial;
    const bool within_a_rule = tape->recording_flags & RG_NODE_ADJOINT;
    if (!there || within_a_rule) {
        rg_fail(tape, site, RG_E_STATE, "rewind: %s", within_a_rule ? "derivatives are being recorded"
                : "the mark is from before rg_tape_reset, or behind one that has been rewound to");
        return RG_E_STATE;
    }
    while (tape->mark_count > (size_t)mark.number + 1) tape->leftovers |= tape->marks[--tape->mark_count].leftovers;
    rewind_to(tape, &tape->marks[mark.number]);
    return RG_OK;
}
