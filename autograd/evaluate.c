/* evaluate.c: asking for values and for gradients: the segment ends here, and its plan is found or made. */
#include "evaluate.h"

#include <math.h>
#include <string.h>

#include "cache.h"
#include "gradient.h"
#include "ops.h"
#include "params.h"
#include "plan.h"

static void note_peak(rg_tape *tape)
{
    tape->stats.peak_bytes = rg_tape_get_stats(tape).peak_bytes;
}

static bool out_of_memory(rg_tape *tape)
{
    rg_fail(tape, NULL, RG_E_MEMORY, "out of memory while planning %zu nodes", tape->node_count - tape->segment_first);
    return false;
}

/* ---- Node by node ------------------------------------------------------------------------------------------- */

static bool run_once(rg_tape *tape, rg_arena *memory, const rg_request *request)
{
    rg_plan plan = { .arena = *memory };
    rg_arena_rewind(&plan.arena);
    bool built = rg_plan_build(tape, request, &plan);
    bool done = built ? rg_plan_run(tape, request, &plan) : out_of_memory(tape);
    *memory = plan.arena;
    return done;
}

/* In memory of its own: this runs while another plan waits for its sources. */
bool rg_recompute(rg_tape *tape, const uint32_t *nodes, size_t count)
{
    rg_request request = { .first = 0, .end = 0, .wanted = nodes, .wanted_count = count };
    for (size_t i = 0; i < count; i++)
        if (nodes[i] >= request.end) request.end = nodes[i] + 1;
    return run_once(tape, &tape->inner_transient, &request);
}

/* ---- By plan ------------------------------------------------------------------------------------------------ */

/* Fills in a request whose plan is not known yet: records what it takes to answer. */
typedef bool completion(rg_tape *tape, rg_request *request, const void *context);

/* At second sight. The signature is that of the segment with the question, not with what answers it. */
static bool run_new_plan(rg_tape *tape, const rg_request *request, size_t words, rg_plan **plan)
{
    rg_plan fresh = { .arena = { 0 } };
    const uint64_t *signature = tape->signature + tape->segment_word;
    if (rg_plan_build(tape, request, &fresh)) *plan = rg_cache_put(tape->cache, signature, words, &fresh);
    if (!*plan) {
        rg_arena_free(&fresh.arena);
        return out_of_memory(tape);
    }
    tape->stats.plans_built++;
    return rg_plan_run(tape, request, *plan);
}

enum { ASK_VALUES = 1, ASK_BACKWARD = 2, ASK_SINKS = 3, ASK_UPDATE = 4 };

static bool sign_ask(rg_tape *tape, uint64_t kind, bool accumulate, size_t count)
{
    uint64_t words[] = { RG_SIGNATURE_ASK | kind | (uint64_t)accumulate << 8, count };
    return rg_signature_add(tape, words, 2);
}

static bool sign_sinks(rg_tape *tape, const rg_request *request)
{
    bool done = sign_ask(tape, ASK_SINKS, request->accumulate, request->sink_count);
    for (size_t i = 0; done && i < request->sink_count; i++)
        done = rg_signature_add_edge(tape, request->sinks[i].leaf) && rg_signature_add_edge(tape, request->sinks[i].adjoint);
    return done;
}

/* Whether all that was recorded since follows from what had been recorded before: a derivative rule of the user's
 * may have recorded a leaf, or reached back to a value of an earlier segment; and a hook wants to be called. */
static bool self_contained(const rg_tape *tape, size_t nodes, size_t externals)
{
    for (size_t i = nodes; i < tape->node_count; i++)
        if (tape->nodes[i].op->kind == RG_LEAF || tape->nodes[i].op == &rg_observed_adjoint) return false;
    return tape->external_count == externals;
}

static bool run_known_plan(rg_tape *tape, const rg_request *request, rg_plan *plan)
{
    tape->stats.hits++;
    return rg_plan_run(tape, request, plan);
}

/* The signature, complete with what is asked, finds the plan. At first sight the segment is run node by node,
 * at second sight it is planned. What the request's completion adds is part of the structure only if it has to be.
 * *plan is the plan in the cache that answered, if one did. */
static bool run_request(rg_tape *tape, rg_request *request, completion *complete, const void *context, rg_plan **plan)
{
    if (tape->eager) return (!complete || complete(tape, request, context)) && run_once(tape, &tape->transient, request);
    if ((*plan = rg_known_answer(tape))) {
        rg_cache_touch(tape->cache, *plan);
        return run_known_plan(tape, request, *plan);
    }
    const size_t words = tape->signature_count - tape->segment_word;
    rg_sight sight = rg_cache_find(tape->cache, tape->signature + tape->segment_word, words, plan);
    if (sight == RG_SIGHT_PLANNED) return run_known_plan(tape, request, *plan);
    const size_t nodes = tape->node_count, externals = tape->external_count;
    if (complete && !complete(tape, request, context)) return false;
    if (complete && !self_contained(tape, nodes, externals))
        return sign_sinks(tape, request) && run_request(tape, request, NULL, NULL, plan);
    tape->stats.misses++;
    /* Node by node every value is kept, which is what a checkpoint is there to avoid. */
    request->optimise = sight == RG_SIGHT_AGAIN || tape->checkpoint_count > 0;
    return request->optimise ? run_new_plan(tape, request, words, plan) : run_once(tape, &tape->transient, request);
}

/* Every ask ends here, so that what follows it begins a new segment. */
static void end_ask(rg_tape *tape, rg_plan *plan)
{
    rg_arena_rewind(&tape->scratch);
    rg_segment_end(tape, plan);
    note_peak(tape);
}

/* ---- Values ---------------------------------------------------------------------------------------------------- */

static bool has_value(const rg_node *node)
{
    return node->data || node->op == &rg_op_parameter;
}

/* Values of earlier segments that are wanted again are computed first; then those of this segment, in one plan. */
static bool evaluate(rg_tape *tape, int n, const rg_tensor *tensors)
{
    uint32_t *wanted = rg_arena_take(&tape->scratch, (size_t)n * sizeof *wanted);
    uint32_t *earlier = rg_arena_take(&tape->scratch, (size_t)n * sizeof *earlier);
    size_t count = 0, earlier_count = 0;
    if (!wanted || !earlier) return out_of_memory(tape);
    for (int i = 0; i < n; i++) {
        if (has_value(&tape->nodes[tensors[i].node])) continue;
        if (tensors[i].node >= tape->segment_first) wanted[count++] = tensors[i].node;
        else earlier[earlier_count++] = tensors[i].node;
    }
    if (earlier_count > 0 && !rg_recompute(tape, earlier, earlier_count)) return false;
    if (count == 0) return true;
    bool signed_off = sign_ask(tape, ASK_VALUES, false, count);
    for (size_t i = 0; signed_off && i < count; i++) signed_off = rg_signature_add_edge(tape, wanted[i]);
    rg_request request = { .first = (uint32_t)tape->segment_first, .end = (uint32_t)tape->node_count,
                           .wanted = wanted, .wanted_count = count };
    rg_plan *plan = NULL;
    bool done = signed_off && run_request(tape, &request, NULL, NULL, &plan);
    end_ask(tape, plan);
    return done;
}

/* Not in the middle of a sweep, whose nodes are not all recorded yet. */
static bool may_ask(const char *site, const char *what, rg_tape *tape)
{
    if (!(tape->recording_flags & RG_NODE_ADJOINT)) return true;
    rg_fail(tape, site, RG_E_STATE, "%s: derivatives are being recorded: their values can be asked for after that", what);
    return false;
}

rg_status rg_eval_at(const char *site, int n, const rg_tensor *tensors)
{
    rg_tape *tape = n > 0 && tensors ? tensors[0].tape : NULL;
    if (!tape) return RG_E_NULL;
    if (!rg_operands_checked(site, "eval", n, tensors) || !may_ask(site, "eval", tape)) return tape->error.status;
    const char *previous = rg_set_site(tape, site ? site : tape->site);
    evaluate(tape, n, tensors);
    rg_arena_rewind(&tape->scratch);
    rg_set_site(tape, previous);
    return tape->error.status;
}

/* A parameter's own numbers are read where they are, as long as they are those that were recorded. */
static const void *value_of(const char *site, const char *what, rg_tensor t)
{
    if (!rg_node_checked(site, what, t) || rg_eval_at(site, 1, &t)) return NULL;
    const rg_node *node = &t.tape->nodes[t.node];
    if (node->op != &rg_op_parameter) return node->data;
    const rg_parameter_leaf *leaf = node->attributes;
    if (leaf->version == rg_params_version(leaf->param.store)) return rg_param_pointer(leaf->param);
    rg_fail(t.tape, site, RG_E_STALE, "%s: stale: parameter %s has changed since it was recorded at %s", what, node->name,
            rg_site_short(node->site));
    return NULL;
}

const void *rg_data_at(const char *site, rg_tensor t)
{
    return value_of(site, "data", t);
}

double rg_item_at(const char *site, rg_tensor t)
{
    const rg_node *node = rg_node_checked(site, "item", t);
    if (node && rg_shape_count(*node->shape) != 1) {
        rg_fail_op(t.tape, site, RG_E_SHAPE, "item", "not a single element", 1, &t);
        return NAN;
    }
    const void *data = value_of(site, "item", t);
    return data ? rg_element(rg_dtype_of(t), data, 0) : NAN;
}

rg_status rg_read_at(const char *site, rg_tensor t, void *out, size_t bytes)
{
    const rg_node *node = rg_node_checked(site, "read", t);
    if (!node) return t.tape ? t.tape->error.status : RG_E_NULL;
    size_t needed = (size_t)rg_shape_count(*node->shape) * rg_dtype_size((rg_dtype)node->dtype);
    if (!out && needed) rg_fail(t.tape, site, RG_E_NULL, "read: nowhere to write");
    else if (bytes != needed)
        rg_fail(t.tape, site, RG_E_ARGUMENT, "read: the value has %zu bytes, and there is room for %zu", needed, bytes);
    const void *data = t.tape->error.status ? NULL : value_of(site, "read", t);
    if (data && needed) memcpy(out, data, needed);
    return t.tape->error.status;
}

/* ---- Backward ---------------------------------------------------------------------------------------------------- */

/* Whether the gradients of the stores on this tape hold anything that has to be added to. */
static bool begin_backward(rg_tape *tape)
{
    bool accumulate = false;
    for (size_t i = 0; i < tape->binding_count; i++)
        accumulate = rg_params_begin_backward(tape->bindings[i].store) || accumulate;
    for (size_t i = 0; accumulate && i < tape->binding_count; i++)
        rg_params_fill_unwritten(tape->bindings[i].store);
    return accumulate;
}

static void end_backward(rg_tape *tape)
{
    for (size_t i = 0; i < tape->binding_count; i++)
        rg_params_end_backward(tape->bindings[i].store, tape->error.status == RG_OK);
}

/* The gradient flows through nodes of earlier segments, so the segment's own structure does not tell the
 * plan: the adjoints are recorded, and the signature goes over them too. A loss of an earlier segment is computed
 * first, because it is kept, and what its adjoints need with it. */
static bool backward_recorded(rg_tape *tape, rg_tensor y, rg_tensor seed, bool accumulate, rg_plan **plan)
{
    rg_sink *sinks;
    size_t count;
    if (y.node < tape->segment_first && !has_value(&tape->nodes[y.node]) && !rg_recompute(tape, &y.node, 1)) return false;
    if (!rg_gradient_of_parameters(tape, y, seed, &sinks, &count)) return false;
    const bool within = y.node >= tape->segment_first;
    rg_request request = { .first = (uint32_t)tape->segment_first, .end = (uint32_t)tape->node_count, .wanted = &y.node,
                           .wanted_count = within, .sinks = sinks, .sink_count = count, .accumulate = accumulate };
    return sign_sinks(tape, &request) && (!within || rg_signature_add_edge(tape, y.node)) &&
           run_request(tape, &request, NULL, NULL, plan);
}

typedef struct {
    rg_tensor y, seed;
    bool accumulate;
} question;

static bool record_adjoints(rg_tape *tape, rg_request *request, const void *context)
{
    const question *asked = context;
    rg_sink *sinks;
    rg_tensor seed = rg_seed_for(NULL, "backward", asked->y, asked->seed);
    if (rg_is_null(seed) || !rg_gradient_of_parameters(tape, asked->y, seed, &sinks, &request->sink_count)) return false;
    request->sinks = sinks;
    request->wanted = &asked->y.node;
    request->wanted_count = 1;
    request->accumulate = asked->accumulate;
    request->end = (uint32_t)tape->node_count;
    return true;
}

/* The segment holds all that the gradient flows through: its signature and the question determine the
 * adjoints, so a known trace does not record them again. */
static bool backward_known(rg_tape *tape, rg_tensor y, rg_tensor seed, bool accumulate, const rg_update *update,
                           rg_plan **plan)
{
    const bool seeded = !rg_is_null(seed);
    const question asked = { y, seed, accumulate };
    const uint64_t op = (uint64_t)(uintptr_t)(update ? update->op : NULL);
    rg_request request = { .first = (uint32_t)tape->segment_first, .end = (uint32_t)tape->node_count, .update = update };
    return sign_ask(tape, update ? ASK_UPDATE : ASK_BACKWARD, accumulate, seeded ? 2 : 1) &&
           (!update || rg_signature_add(tape, &op, 1)) && rg_signature_add_edge(tape, y.node) &&
           (!seeded || rg_signature_add_edge(tape, seed.node)) && run_request(tape, &request, record_adjoints, &asked, plan);
}

/* The gradients of one store alone, which nothing waits for, can be used up as they are computed. */
static bool can_update(const rg_tape *tape, const rg_update *update, bool accumulate)
{
    return update && !accumulate && tape->binding_count == 1 && tape->bindings[0].store == update->store;
}

static void backward_checked(const char *site, rg_tensor y, rg_tensor seed, bool seeded, const rg_update *update,
                             bool *updated)
{
    rg_tape *tape = y.tape;
    const bool single = rg_shape_count(rg_shape_of(y)) == 1;
    const bool within = y.node >= tape->segment_first && (!seeded || (seed.tape == tape && seed.node >= tape->segment_first));
    const bool closed = !tape->segment_open_gradient && tape->checkpoint_open == 0;
    const bool known = within && closed && (single || seeded), accumulate = begin_backward(tape);
    rg_plan *plan = NULL;
    if (known) {
        *updated = can_update(tape, update, accumulate);
        backward_known(tape, y, seed, accumulate, *updated ? update : NULL, &plan);
    } else {
        rg_tensor start = rg_seed_for(site, "backward", y, seed);
        if (!rg_is_null(start)) backward_recorded(tape, y, start, accumulate, &plan);
    }
    end_ask(tape, plan);
    end_backward(tape);
    if (*updated) rg_params_end_update(update->store, tape->error.status == RG_OK);
}

static rg_status backward(const char *site, rg_tensor y, rg_tensor seed, bool seeded, const rg_update *update,
                          bool *updated)
{
    rg_tape *tape = y.tape;
    *updated = false;
    if (!tape) return RG_E_NULL;
    const char *previous = rg_set_site(tape, site ? site : tape->site);
    const rg_node *node = rg_node_checked(site, "backward", y);
    if (node && seeded && rg_is_null(seed)) rg_fail(tape, site, RG_E_NULL, "backward: the cotangent is the null tensor");
    if (node && !tape->error.status && may_ask(site, "backward", tape)) backward_checked(site, y, seed, seeded, update, updated);
    rg_set_site(tape, previous);
    return tape->error.status;
}

rg_status rg_backward_at(const char *site, rg_tensor loss)
{
    bool updated;
    return backward(site, loss, (rg_tensor){ 0 }, false, NULL, &updated);
}

rg_status rg_backward_seeded_at(const char *site, rg_tensor y, rg_tensor seed)
{
    bool updated;
    return backward(site, y, seed, true, NULL, &updated);
}

rg_status rg_backward_update(const char *site, rg_tensor loss, const rg_update *update, bool *updated)
{
    return backward(site, loss, (rg_tensor){ 0 }, false, update, updated);
}
