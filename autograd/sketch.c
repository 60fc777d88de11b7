/* sketch.c: what a plan does, told by the nodes it was made of. The plan is made as one for a compiled program is, and its
 * builder says afterwards which node went into which step, and where each value lies, and how long. */
#include "sketch.h"

#include <string.h>

#include "builder.h"
#include "ops.h"

typedef struct {
    rg_sketch *sketch;
    rg_builder builder;
    uint32_t *node_of;        /* [values] the entry that it is the value of */
    uint32_t *row_of;         /* [values] of a kernel that adds a row: the entry of the sum */
    uint32_t *buffer_of;      /* [values] */
    uint32_t *seen;           /* [values] the last step that has been found to read it */
} sketching;

/* ---- The plan ---------------------------------------------------------------------------------------------------- */

/* The tensor, and the gradients if they are shown: those of parameters go to their stores. */
static bool ask(const rg_excerpt *e, rg_request *request)
{
    uint32_t *wanted = rg_arena_take(&e->tape->scratch, ((size_t)e->count + 1) * sizeof *wanted);
    rg_sink *sinks = rg_arena_take(&e->tape->scratch, ((size_t)e->count + 1) * sizeof *sinks);
    if (!wanted || !sinks) return false;
    *request = (rg_request){ .end = (uint32_t)e->tape->node_count, .wanted = wanted, .sinks = sinks, .optimise = true,
                             .accounts = true, .apart = true };
    wanted[request->wanted_count++] = e->nodes[e->root];
    for (uint32_t k = 0; e->adjoints == RG_ADJOINTS_SHOWN && k < e->count; k++) {
        const rg_node *node = rg_excerpt_node(e, k);
        if (node->op->kind != RG_LEAF || e->adjoint_node[k] == RG_NOT_SHOWN) continue;
        if (node->op == &rg_op_parameter) sinks[request->sink_count++] = (rg_sink){ e->nodes[k], e->adjoint_node[k] };
        else wanted[request->wanted_count++] = e->adjoint_node[k];
    }
    return true;
}

/* ---- Which node is where ----------------------------------------------------------------------------------------- */

static void name_values(sketching *s)
{
    const rg_builder *b = &s->builder;
    const rg_excerpt *e = s->sketch->excerpt;
    for (uint32_t i = 0; i < b->count; i++) {
        const rg_node *node = &e->tape->nodes[i];
        const bool computed = node->op->kind != RG_VIEW && node->op->kind != RG_LEAF;
        if (b->needed[i] && computed) s->sketch->node_bytes += (double)rg_node_bytes(node);
        const uint32_t value = b->placements[i].value;
        if (!b->needed[i] || b->same_as[i] != i || node->op->kind == RG_VIEW || value == RG_NONE) continue;
        if (s->node_of[value] == RG_NOT_SHOWN) s->node_of[value] = e->entries[i];
        else if (node->op == &rg_op_add && s->row_of[value] == RG_NOT_SHOWN) s->row_of[value] = e->entries[i];
    }
}

static void list_buffers(sketching *s, bool of_workspace)
{
    const rg_builder *b = &s->builder;
    const rg_excerpt *e = s->sketch->excerpt;
    for (size_t v = 0; v < b->value_count; v++) {
        const rg_value *value = &b->values[v];
        if (!rg_value_stored(value) || (value->place == RG_IN_WORKSPACE) != of_workspace) continue;
        rg_sketch_buffer *buffer = &s->sketch->buffers[s->sketch->buffer_count];
        s->buffer_of[v] = (uint32_t)s->sketch->buffer_count++;
        *buffer = (rg_sketch_buffer){ .place = value->place, .bytes = value->bytes, .first = value->defined,
                                      .last = value->last_use, .leaf = RG_NOT_SHOWN,
                                      .entry = s->row_of[v] != RG_NOT_SHOWN ? s->row_of[v] : s->node_of[v] };
        if (buffer->last < buffer->first) buffer->last = buffer->first;
        buffer->until = buffer->last;
        if (value->place == RG_IN_OUTPUT) buffer->entry = e->entries[b->plan->outputs[value->index].node];
        if (value->place == RG_IN_GRADIENT) {
            buffer->entry = e->entries[b->request->sinks[value->index].adjoint];
            buffer->leaf = e->entries[b->request->sinks[value->index].leaf];
        }
        if (!of_workspace) continue;
        buffer->offset = value->offset;
        buffer->room = rg_workspace_room(value->bytes);
        s->sketch->unshared_bytes += (double)buffer->room;
        s->sketch->workspace_buffers++;
    }
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static void add_part(sketching *s, rg_sketch_step *step, const rg_op *op, uint32_t entry, uint32_t buffer)
{
    s->sketch->parts[step->first_part + step->part_count++] = (rg_sketch_part){ op, entry, buffer };
    if (buffer != RG_NOT_SHOWN) s->sketch->buffers[buffer].op = op;
}

static void add_read(sketching *s, rg_sketch_step *step, uint32_t value)
{
    const uint32_t number = (uint32_t)(step - s->sketch->steps), buffer = s->buffer_of[value];
    if (buffer == RG_NOT_SHOWN || s->builder.values[value].defined == (int64_t)number || s->seen[value] == number) return;
    s->seen[value] = number;
    s->sketch->reads[step->first_read + step->read_count++] = buffer;
}

/* Where the step writes `over`, there may have been another value until now. */
static void note_overwritten(const sketching *s, int64_t step, uint32_t over, uint32_t before)
{
    if (before == RG_NOT_SHOWN) return;
    const rg_sketch_buffer *written = &s->sketch->buffers[over];
    rg_sketch_buffer *read = &s->sketch->buffers[before];
    const bool both = written->place == RG_IN_WORKSPACE && read->place == RG_IN_WORKSPACE;
    if (both && read->offset == written->offset && read->last == step) read->until = step - 1;
}

/* What the step reads, and what its own earlier parts have written, may be written over. */
static void note_all_overwritten(const sketching *s, const rg_sketch_step *step)
{
    const rg_sketch_part *parts = &s->sketch->parts[step->first_part];
    const uint32_t *reads = &s->sketch->reads[step->first_read];
    const int64_t number = step - s->sketch->steps;
    for (size_t p = 0; p < step->part_count; p++) {
        if (parts[p].buffer == RG_NOT_SHOWN) continue;
        for (size_t r = 0; r < step->read_count; r++) note_overwritten(s, number, parts[p].buffer, reads[r]);
        for (size_t q = 0; q < p; q++) note_overwritten(s, number, parts[p].buffer, parts[q].buffer);
    }
}

static void sketch_step(sketching *s, const rg_draft *draft, rg_sketch_step *step)
{
    if (draft->op && draft->row) {
        add_part(s, step, draft->op, s->node_of[draft->value], RG_NOT_SHOWN);
        add_part(s, step, &rg_op_add, s->row_of[draft->value], s->buffer_of[draft->value]);
    } else if (draft->op) {
        add_part(s, step, draft->op, s->node_of[draft->value], s->buffer_of[draft->value]);
    }
    for (int i = 0; draft->group && i < draft->group->member_count; i++) {
        const rg_member *member = &draft->group->members[i];
        add_part(s, step, member->op, s->node_of[member->value], s->buffer_of[member->value]);
    }
    for (int i = 0; draft->group && i < draft->group->matrix_count; i++) {
        const uint32_t value = draft->group->matrices[i].value;
        add_part(s, step, &rg_op_concat, s->node_of[value], s->buffer_of[value]);
    }
    for (int k = 0; draft->op && k < draft->operands + draft->row; k++) add_read(s, step, draft->in[k].value);
    for (int k = 0; draft->group && k < draft->group->read_count; k++) add_read(s, step, draft->group->reads[k].value);
    note_all_overwritten(s, step);
}

static bool sketch_steps(sketching *s)
{
    rg_sketch *sketch = s->sketch;
    const rg_builder *b = &s->builder;
    size_t parts = 0, reads = 0;
    for (size_t i = 0; i < b->draft_count; i++) {
        const rg_draft *draft = &b->drafts[i];
        parts += 2 + (draft->group ? (size_t)(draft->group->member_count + draft->group->matrix_count) : 0);
        reads += 1 + (size_t)draft->operands + (draft->group ? (size_t)draft->group->read_count : 0);
    }
    sketch->steps = rg_arena_take_zeroed(b->scratch, (b->draft_count + 1) * sizeof *sketch->steps);
    sketch->parts = rg_arena_take(b->scratch, (parts + 1) * sizeof *sketch->parts);
    sketch->reads = rg_arena_take(b->scratch, (reads + 1) * sizeof *sketch->reads);
    if (!sketch->steps || !sketch->parts || !sketch->reads) return false;
    parts = reads = 0;
    for (size_t i = 0; i < b->draft_count; i++) {
        rg_sketch_step *step = &sketch->steps[sketch->step_count++];
        const uint32_t node = b->drafts[i].node;
        step->first_part = parts;
        step->first_read = reads;
        step->entry = node == RG_NONE ? RG_NOT_SHOWN : sketch->excerpt->entries[node];
        sketch_step(s, &b->drafts[i], step);
        parts += step->part_count;
        reads += step->read_count;
    }
    return true;
}

/* Plans what computes the excerpt's tensor and, if it has them, the gradients. False when out of memory. */
static bool make_sketch(rg_sketch *sketch, const rg_excerpt *e)
{
    rg_request request;
    sketching s = { .sketch = sketch };
    rg_arena *scratch = &e->tape->scratch;
    *sketch = (rg_sketch){ .excerpt = e };
    if (!ask(e, &request) || !rg_builder_plan(&s.builder, e->tape, &request, &sketch->plan)) return false;
    const size_t values = s.builder.value_count;
    s.node_of = rg_take_filled(scratch, values);
    s.row_of = rg_take_filled(scratch, values);
    s.buffer_of = rg_take_filled(scratch, values);
    s.seen = rg_take_filled(scratch, values);
    sketch->buffers = rg_arena_take(scratch, (values + 1) * sizeof *sketch->buffers);
    if (!s.node_of || !s.row_of || !s.buffer_of || !s.seen || !sketch->buffers) return false;
    name_values(&s);
    list_buffers(&s, true);
    list_buffers(&s, false);
    return sketch_steps(&s);
}

rg_status rg_view_write(FILE *out, rg_tensor t, const rg_graph_options *options, bool plan,
                        rg_status (*write)(rg_view *view))
{
    rg_view view = { .out = out };
    if (!out) return RG_E_NULL;
    if (options) view.options = *options;
    rg_status status = rg_excerpt_begin(&view.excerpt, t, view.options.backward ? RG_ADJOINTS_SHOWN
                                        : view.options.gradients ? RG_ADJOINTS_KNOWN : RG_ADJOINTS_NONE);
    if (status == RG_OK && plan && !make_sketch(&view.sketch, &view.excerpt)) status = RG_E_MEMORY;
    if (status == RG_OK) status = write(&view);
    rg_arena_free(&view.sketch.plan.arena);
    rg_excerpt_end(&view.excerpt);
    const bool written = fflush(out) == 0 && !ferror(out);
    return status == RG_OK && !written ? RG_E_FILE : status;
}

/* ---- In words ---------------------------------------------------------------------------------------------------- */

void rg_line_entry(rg_line *line, const rg_excerpt *e, uint32_t entry)
{
    const rg_node *node = rg_excerpt_node(e, entry);
    if (node->op == &rg_op_parameter && rg_is_named(node)) rg_line_print(line, "%s", node->name);
    else rg_line_print(line, "%%%u", entry);
}

static void add_buffer(rg_line *line, const rg_sketch *sketch, uint32_t number, bool first)
{
    const rg_sketch_buffer *buffer = &sketch->buffers[number];
    const bool gradient = buffer->place == RG_IN_GRADIENT;
    if (!first) rg_line_print(line, ", ");
    if (gradient) rg_line_print(line, "gradient of ");
    if (buffer->place == RG_IN_WORKSPACE) rg_line_print(line, "b%u", number);
    else rg_line_entry(line, sketch->excerpt, gradient ? buffer->leaf : buffer->entry);
}

void rg_line_parts(rg_line *line, const rg_sketch *sketch, const rg_sketch_step *step)
{
    for (size_t i = 0; i < step->part_count; i++) {
        const rg_sketch_part *part = &sketch->parts[step->first_part + i];
        rg_line_print(line, i ? " + %s" : "%s", part->op->name);
        if (part->entry != RG_NOT_SHOWN) rg_line_print(line, " %%%u", part->entry);
    }
}

void rg_line_reads(rg_line *line, const rg_sketch *sketch, const rg_sketch_step *step)
{
    for (size_t i = 0; i < step->read_count; i++) add_buffer(line, sketch, sketch->reads[step->first_read + i], i == 0);
}

void rg_line_writes(rg_line *line, const rg_sketch *sketch, const rg_sketch_step *step)
{
    bool first = true;
    for (size_t i = 0; i < step->part_count; i++) {
        const uint32_t buffer = sketch->parts[step->first_part + i].buffer;
        if (buffer == RG_NOT_SHOWN || sketch->buffers[buffer].until < sketch->buffers[buffer].first) continue;
        add_buffer(line, sketch, buffer, first);
        first = false;
    }
}

void rg_line_plan(rg_line *line, const rg_sketch *sketch)
{
    const double bytes[] = { (double)sketch->plan.workspace_bytes, sketch->unshared_bytes, sketch->node_bytes };
    char text[3][RG_NUMBER_SIZE];
    size_t fused = 0;
    for (size_t i = 0; i < sketch->step_count; i++) fused += sketch->steps[i].part_count > 1;
    for (int i = 0; i < 3; i++) rg_format_bytes(text[i], RG_NUMBER_SIZE, bytes[i]);
    rg_line_print(line, "%zu step%s, %zu of them fused; workspace %s for %zu buffers, unshared %s; node by node %s",
                  sketch->step_count, sketch->step_count == 1 ? "" : "s", fused, text[0], sketch->workspace_buffers, text[1],
                  text[2]);
}
