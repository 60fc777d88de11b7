/* program.c: a trace compiled once, with its plans bound for good: only what moves is set at a run. */
#define RG_NO_SITES
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "params.h"
#include "stopwatch.h"

/* What becomes of the gradients decides between these. A program without any has the first alone. */
enum { WRITE, ACCUMULATE, UPDATE, PLANS };

typedef struct {
    rg_params *store;
    void *data, *gradient;     /* where they were at the last run */
} bound_store;

/* A key that is drawn anew for each run. */
typedef struct {
    rg_params *store;
    uint64_t key[2];
} drawn_key;

typedef struct {
    const rg_op *op;
    const char *site;
} origin;

struct rg_program {
    rg_engine engine;
    rg_arena arena;
    rg_plan plans[PLANS];
    bool has[PLANS], backward;
    size_t input_count, output_count, store_count, key_count, parameter_count;
    size_t *input_region[PLANS];   /* SIZE_MAX: the program does not read this input */
    rg_param *written[PLANS];      /* whose gradients each plan writes */
    const void **inputs;
    void **outputs;
    bound_store *stores;
    drawn_key *keys;
    rg_param *parameters;          /* of the leaves, by node; store NULL for other nodes */
    origin *origins;               /* of every node */
    const char **scopes;           /* of every node, for profiles; NULL if there are to be none */
    rg_program_step step;
    rg_arena profile;              /* the last one */
    rg_error error;
};

void rg_program_free(rg_program *program)
{
    if (!program) return;
    for (int i = 0; i < PLANS; i++) rg_arena_free(&program->plans[i].arena);
    rg_arena_free(&program->arena);
    rg_arena_free(&program->profile);
    rg_engine_free(&program->engine);
    free(program);
}

const char *rg_program_message(const rg_program *program)
{
    return program ? program->error.message : "no program: it could not be compiled";
}

rg_program_stats rg_program_get_stats(const rg_program *program)
{
    if (!program) return (rg_program_stats){ 0 };
    rg_program_stats stats = { program->engine.workspace_bytes, program->arena.bytes, sizeof *program };
    for (int i = 0; i < PLANS; i++) stats.plan_bytes += program->plans[i].arena.bytes;
    return stats;
}

/* ---- Compiling ------------------------------------------------------------------------------------------- */

/* What is asked of the compiler, and what it has to remember meanwhile. */
typedef struct {
    const char *site;
    rg_tape *tape;
    rg_tensor loss;
    int inputs, outputs;
    const rg_tensor *in, *out;
    rg_program *program;
    void **constants;              /* by node: a copy of its numbers, or where its key is drawn */
    rg_sink *sinks;
    size_t sink_count;
} compilation;

static bool out_of_memory(const compilation *c)
{
    return rg_fail(c->tape, c->site, RG_E_MEMORY, "compile: out of memory"), false;
}

static bool refuse(const compilation *c, const char *what, int k, const char *why)
{
    return rg_fail(c->tape, c->site, RG_E_ARGUMENT, "compile: %s %d %s", what, k + 1, why), false;
}

static bool check(const compilation *c)
{
    for (int k = 0; k < c->inputs; k++) {
        const rg_node *node = rg_node_checked(c->site, "compile", c->in[k]);
        if (!node || c->in[k].tape != c->tape) return refuse(c, "input", k, "is not a tensor of this tape");
        const bool bindable = node->op->kind == RG_LEAF && node->op != &rg_op_parameter;
        if (!bindable) return refuse(c, "input", k, "was not recorded as one");
    }
    for (int k = 0; k < c->outputs; k++) {
        const rg_node *node = rg_node_checked(c->site, "compile", c->out[k]);
        if (!node || c->out[k].tape != c->tape) return refuse(c, "output", k, "is not a tensor of this tape");
        if (node->op->kind == RG_LEAF) return refuse(c, "output", k, "is a leaf: there is nothing to compute");
    }
    return true;
}

/* A copy of the leaf's numbers, unless they are a parameter's: those are read where they are. */
static bool copy_leaf(compilation *c, size_t i)
{
    rg_program *p = c->program;
    const rg_node *node = &c->tape->nodes[i];
    if (node->op == &rg_op_parameter) {
        p->parameters[i] = ((const rg_parameter_leaf *)node->attributes)->param;
        return true;
    }
    if (node->op == &rg_op_random_key && node->attributes) {
        drawn_key *key = &p->keys[p->key_count++];
        key->store = ((const rg_drawn_key *)node->attributes)->store;
        c->constants[i] = key->key;
        return true;
    }
    if (!rg_verify_leaf(c->tape, node)) return false;
    const size_t bytes = (size_t)rg_shape_count(*node->shape) * rg_dtype_size((rg_dtype)node->dtype);
    void *copy = rg_arena_take(&p->arena, bytes ? bytes : 1);
    if (!copy) return out_of_memory(c);
    if (bytes) memcpy(copy, node->data, bytes);
    c->constants[i] = copy;
    return true;
}

static bool note_store(compilation *c, rg_params *store)
{
    rg_program *p = c->program;
    for (size_t i = 0; i < p->store_count; i++)
        if (p->stores[i].store == store) return true;
    p->stores[p->store_count++] = (bound_store){ .store = store };
    return true;
}

/* What a profile names beside lines: the scopes of the nodes. */
static bool copy_scopes(compilation *c)
{
    rg_program *p = c->program;
    const rg_tape *tape = c->tape;
    const char **paths = rg_arena_take(&c->tape->scratch, (tape->scope_count + 1) * sizeof *paths);
    p->scopes = rg_arena_take(&p->arena, tape->node_count * sizeof *p->scopes);
    if (!paths || !p->scopes) return out_of_memory(c);
    for (size_t i = 0; i < tape->scope_count; i++) {
        const char *path = tape->scopes[i].path ? tape->scopes[i].path : "";
        const size_t bytes = strlen(path) + 1;
        char *copy = rg_arena_take(&p->arena, bytes);
        if (!copy) return out_of_memory(c);
        paths[i] = memcpy(copy, path, bytes);
    }
    for (size_t i = 0; i < tape->node_count; i++) p->scopes[i] = paths[tape->nodes[i].scope];
    return true;
}

/* Everything that the program keeps of the tape. */
static bool copy_trace(compilation *c)
{
    rg_program *p = c->program;
    const size_t nodes = c->tape->node_count;
    p->input_count = (size_t)c->inputs;
    p->output_count = (size_t)c->outputs;
    p->inputs = rg_arena_take_zeroed(&p->arena, (p->input_count + 1) * sizeof *p->inputs);
    p->outputs = rg_arena_take_zeroed(&p->arena, (p->output_count + 1) * sizeof *p->outputs);
    p->parameters = rg_arena_take_zeroed(&p->arena, nodes * sizeof *p->parameters);
    p->origins = rg_arena_take_zeroed(&p->arena, nodes * sizeof *p->origins);
    p->keys = rg_arena_take_zeroed(&p->arena, nodes * sizeof *p->keys);
    p->stores = rg_arena_take_zeroed(&p->arena, (c->tape->binding_count + 1) * sizeof *p->stores);
    c->constants = rg_arena_take_zeroed(&c->tape->scratch, nodes * sizeof *c->constants);
    if (!p->inputs || !p->outputs || !p->parameters || !p->origins || !p->keys || !p->stores || !c->constants)
        return out_of_memory(c);
    for (size_t i = 0; i < nodes; i++) {
        const rg_node *node = &c->tape->nodes[i];
        p->origins[i] = (origin){ node->op, node->site };
        if (node->op->kind == RG_LEAF && !copy_leaf(c, i)) return false;
        if (p->parameters[i].store) note_store(c, p->parameters[i].store);
    }
    for (int k = 0; k < c->inputs; k++) p->inputs[k] = c->constants[c->in[k].node];
    return true;
}

static bool build(compilation *c, int which)
{
    rg_program *p = c->program;
    rg_plan *plan = &p->plans[which];
    uint32_t *wanted = rg_arena_take(&c->tape->scratch, ((size_t)c->outputs + 1) * sizeof *wanted);
    p->input_region[which] = rg_arena_take(&p->arena, (p->input_count + 1) * sizeof *p->input_region[which]);
    if (!wanted || !p->input_region[which]) return out_of_memory(c);
    for (int k = 0; k < c->outputs; k++) wanted[k] = c->out[k].node;
    const rg_request request = { .first = 0, .end = (uint32_t)c->tape->node_count, .wanted = wanted,
                                 .wanted_count = (size_t)c->outputs, .sinks = c->sinks, .sink_count = c->sink_count,
                                 .accumulate = which == ACCUMULATE, .update = which == UPDATE ? &p->step.update : NULL,
                                 .optimise = true, .accounts = c->tape->profiles, .apart = true };
    if (!rg_plan_build(c->tape, &request, plan) || !rg_engine_reserve(&p->engine, plan)) return out_of_memory(c);
    p->has[which] = true;
    p->written[which] = rg_arena_take(&p->arena, (plan->sink_count + 1) * sizeof *p->written[which]);
    if (!p->written[which]) return out_of_memory(c);
    for (size_t i = 0; i < plan->sink_count; i++) p->written[which][i] = p->parameters[plan->sources[plan->sinks[i]].index];
    for (size_t k = 0; k < p->input_count; k++) p->input_region[which][k] = SIZE_MAX;
    for (size_t i = 0; i < plan->source_count; i++) {
        const uint32_t node = plan->sources[i].index;
        rg_plan_move(plan, rg_plan_region(plan, RG_IN_SOURCE, i), c->constants[node]);
        for (int k = 0; k < c->inputs; k++)
            if (c->in[k].node == node) p->input_region[which][k] = rg_plan_region(plan, RG_IN_SOURCE, i);
    }
    if (which == UPDATE) rg_plan_move(plan, rg_plan_region(plan, RG_IN_NUMBERS, 0), (void *)(uintptr_t)p->step.update.numbers);
    return true;
}

/* Every plan puts its outputs into the same memory; and all use one workspace, the largest. */
static bool bind_outputs(compilation *c)
{
    rg_program *p = c->program;
    for (int k = 0; k < c->outputs; k++) {
        const rg_node *node = &c->tape->nodes[c->out[k].node];
        const size_t bytes = (size_t)rg_shape_count(*node->shape) * rg_dtype_size((rg_dtype)node->dtype);
        for (int before = 0; before < k; before++)
            if (c->out[before].node == c->out[k].node) p->outputs[k] = p->outputs[before];
        if (!p->outputs[k] && !(p->outputs[k] = rg_arena_take(&p->arena, bytes ? bytes : 1))) return out_of_memory(c);
    }
    for (int which = 0; which < PLANS; which++) {
        rg_plan *plan = &p->plans[which];
        if (!p->has[which]) continue;
        rg_plan_move(plan, rg_plan_region(plan, RG_IN_WORKSPACE, 0), p->engine.workspace);
        for (size_t i = 0; i < plan->output_count; i++)
            for (int k = 0; k < c->outputs; k++)
                if (c->out[k].node == plan->outputs[i].node)
                    rg_plan_move(plan, rg_plan_region(plan, RG_IN_OUTPUT, i), p->outputs[k]);
    }
    return true;
}

static bool record_gradient(compilation *c)
{
    const rg_tensor seed = rg_seed_for(c->site, "compile", c->loss, (rg_tensor){ 0 });
    if (rg_is_null(seed) || !rg_gradient_of_parameters(c->tape, c->loss, seed, &c->sinks, &c->sink_count)) return false;
    c->program->backward = true;
    return true;
}

static bool compile(compilation *c)
{
    rg_program *p = c->program;
    const bool backward = !rg_is_null(c->loss);
    if (backward && !record_gradient(c)) return false;
    if (!copy_trace(c) || (c->tape->profiles && !copy_scopes(c))) return false;
    const bool alone = p->store_count == 1 && p->stores[0].store == p->step.update.store;
    return build(c, WRITE) && (!backward || build(c, ACCUMULATE)) &&
           (!p->step.update.op || !alone || build(c, UPDATE)) && bind_outputs(c);
}

/* The adjoints that the compiler records are forgotten again: the tape is left as it was. */
static rg_program *compile_at(compilation *c, const rg_program_step *step)
{
    rg_tape *tape = c->tape;
    if (!tape || tape->error.status) return NULL;
    if (!check(c)) return NULL;
    if (!(c->program = calloc(1, sizeof *c->program))) return out_of_memory(c), NULL;
    c->program->engine.threads = tape->engine.threads;
    if (step) c->program->step = *step;
    const char *previous = rg_set_site(tape, c->site ? c->site : tape->site);
    const rg_bookmark before = rg_tape_bookmark(tape);
    const rg_arena scratch = tape->scratch;
    const bool done = compile(c);
    rg_tape_forget(tape, &before);
    rg_arena_return(&tape->scratch, &scratch);
    rg_set_site(tape, previous);
    if (done) return c->program;
    rg_program_free(c->program);
    return NULL;
}

static rg_tape *tape_of(int inputs, const rg_tensor *in, int outputs, const rg_tensor *out)
{
    if (outputs > 0 && out) return out[0].tape;
    return inputs > 0 && in ? in[0].tape : NULL;
}

rg_program *rg_compile_at(const char *site, int inputs, const rg_tensor *in, int outputs, const rg_tensor *out)
{
    rg_tape *tape = tape_of(inputs, in, outputs, out);
    if ((inputs > 0 && !in) || outputs < 1 || !out) return rg_fail(tape, site, RG_E_NULL, "compile: no outputs, or no inputs"), NULL;
    return compile_at(&(compilation){ .site = site, .tape = tape, .inputs = inputs, .in = in, .outputs = outputs, .out = out },
                      NULL);
}

rg_program *rg_compile_step(const char *site, rg_tensor loss, int inputs, const rg_tensor *in, const rg_program_step *step)
{
    if (inputs > 0 && !in) return rg_fail(loss.tape, site, RG_E_NULL, "compile: no inputs"), NULL;
    return compile_at(&(compilation){ .site = site, .tape = loss.tape, .loss = loss, .inputs = inputs, .in = in,
                                      .outputs = 1, .out = &loss }, step);
}

rg_program *rg_compile_backward_at(const char *site, rg_tensor loss, int inputs, const rg_tensor *in)
{
    return rg_compile_step(site, loss, inputs, in, NULL);
}

/* ---- Running ------------------------------------------------------------------------------------------------- */

rg_status rg_program_bind(rg_program *program, int input, const void *data)
{
    if (!program) return RG_E_NULL;
    program->error.status = RG_OK;
    program->error.message[0] = '\0';
    if (input < 0 || (size_t)input >= program->input_count)
        rg_error_set(&program->error, RG_E_ARGUMENT, "bind: there is no input %d", input);
    else if (!data)
        rg_error_set(&program->error, RG_E_NULL, "bind: no numbers for input %d", input);
    if (program->error.status) return program->error.status;
    program->inputs[input] = data;
    return RG_OK;
}

const void *rg_program_output(const rg_program *program, int output)
{
    return program && output >= 0 && (size_t)output < program->output_count ? program->outputs[output] : NULL;
}

/* theta and its gradient are where they were, as long as no parameter has been added. */
static bool stores_moved(rg_program *p)
{
    bool moved = false;
    for (size_t i = 0; i < p->store_count; i++) {
        bound_store *each = &p->stores[i];
        moved = moved || each->store->data != each->data || each->store->gradient != each->gradient;
        each->data = each->store->data;
        each->gradient = each->store->gradient;
    }
    return moved;
}

static void bind_stores(rg_program *p)
{
    for (int which = 0; which < PLANS; which++) {
        rg_plan *plan = &p->plans[which];
        for (size_t i = 0; i < plan->source_count; i++) {
            const rg_param param = p->parameters[plan->sources[i].index];
            if (param.store) rg_plan_move(plan, rg_plan_region(plan, RG_IN_SOURCE, i), rg_param_pointer(param));
        }
        for (size_t i = 0; i < plan->sink_count; i++)
            rg_plan_move(plan, rg_plan_region(plan, RG_IN_GRADIENT, i), rg_param_gradient_pointer(p->written[which][i]));
    }
}

/* Whether there are gradients to be added to. */
static bool begin(rg_program *p)
{
    bool accumulate = false;
    for (size_t i = 0; i < p->key_count; i++) {
        p->keys[i].key[0] = rg_params_seed(p->keys[i].store);
        p->keys[i].key[1] = rg_params_draw(p->keys[i].store);
    }
    if (stores_moved(p)) bind_stores(p);
    for (size_t i = 0; p->backward && i < p->store_count; i++)
        accumulate = rg_params_begin_backward(p->stores[i].store) || accumulate;
    for (size_t i = 0; accumulate && i < p->store_count; i++) rg_params_fill_unwritten(p->stores[i].store);
    return accumulate;
}

static void bind_inputs(rg_program *p, int which)
{
    const size_t *region = p->input_region[which];
    for (size_t k = 0; k < p->input_count; k++)
        if (region[k] != SIZE_MAX) rg_plan_move(&p->plans[which], region[k], (void *)(uintptr_t)p->inputs[k]);
}

static void end(rg_program *p, int which)
{
    const bool succeeded = p->error.status == RG_OK;
    for (size_t i = 0; succeeded && i < p->plans[which].sink_count; i++) rg_param_mark_written(p->written[which][i]);
    for (size_t i = 0; p->backward && i < p->store_count; i++)
        (which == UPDATE ? rg_params_end_update : rg_params_end_backward)(p->stores[i].store, succeeded);
}

static void note_fault(rg_program *p, const rg_plan *plan, const rg_work *faulty)
{
    char reason[RG_REASON_SIZE];
    const origin nowhere = { NULL, NULL }, *from = faulty->node == RG_NONE ? &nowhere : &p->origins[faulty->node];
    rg_fault_reason(faulty, *plan->fault, reason, sizeof reason);
    rg_error_set(&p->error, RG_E_INDEX, "%s%s%s: %s", rg_site_short(from->site), from->site ? ": " : "",
                 from->op ? from->op->name : "index", reason);
}

static const char no_step[] = "run: the optimiser cannot make a step";

/* With a stopwatch, or NULL. */
static rg_status run(rg_program *p, rg_stopwatch *watch)
{
    p->error.status = RG_OK;
    p->error.message[0] = '\0';
    bool update = true;
    rg_status status = p->step.begin ? p->step.begin(p->step.context, &update) : RG_OK;
    if (status) return rg_error_set(&p->error, status, no_step), status;
    const bool accumulate = begin(p);
    const int which = accumulate ? ACCUMULATE : update && p->has[UPDATE] ? UPDATE : WRITE;
    rg_plan *plan = &p->plans[which];
    bind_inputs(p, which);
    const rg_work *faulty = watch ? rg_plan_time(&p->engine, plan, watch) : rg_plan_do(&p->engine, plan);
    if (faulty) note_fault(p, plan, faulty);
    end(p, which);
    if (p->error.status || !p->step.end) return p->error.status;
    if (watch) rg_stopwatch_start(watch);
    status = p->step.end(p->step.context, which == UPDATE);
    if (watch) rg_stopwatch_stop(watch);
    if (status) rg_error_set(&p->error, status, no_step);
    return status;
}

rg_status rg_program_run(rg_program *program)
{
    return program ? run(program, NULL) : RG_E_NULL;
}

/* ---- Profiles ------------------------------------------------------------------------------------------------ */

static void describe_step(const rg_program *p, const rg_account *account, rg_profile_step *step)
{
    const bool somewhere = account->node != RG_NONE;
    *step = (rg_profile_step){ .ops = 1 + account->member_count, .backward = account->backward,
                               .site = rg_site_short(somewhere ? p->origins[account->node].site : NULL),
                               .scope = somewhere ? p->scopes[account->node] : "", .operations = account->operations,
                               .bytes_read = account->bytes_read, .bytes_written = account->bytes_written };
}

/* The steps of the plan that was timed, and of an optimiser that came after it. */
static bool describe(rg_program *p, rg_stopwatch *watch, rg_profile *profile)
{
    const rg_plan *plan = watch->plan;
    const bool more = p->step.end && plan != &p->plans[UPDATE];
    rg_profile_step *steps = rg_arena_take(&p->profile, (plan->step_count + 1) * sizeof *steps);
    if (!steps) return false;
    for (size_t i = 0; i < plan->step_count; i++) {
        describe_step(p, &plan->accounts[i], &steps[i]);
        steps[i].seconds = rg_stopwatch_median(watch, i);
        if (!(steps[i].what = rg_account_name(&plan->accounts[i], &p->profile))) return false;
    }
    if (more)
        steps[plan->step_count] = (rg_profile_step){
            .what = p->step.name, .ops = 1, .backward = true, .site = "", .scope = "", .operations = p->step.operations,
            .bytes_read = p->step.bytes_read, .bytes_written = p->step.bytes_written,
            .seconds = rg_stopwatch_median(watch, plan->step_count),
        };
    *profile = (rg_profile){ plan->step_count + more, steps, watch->runs };
    return true;
}

static rg_status check_profile(rg_program *p, int repeats, const rg_profile *profile)
{
    p->error.status = RG_OK;
    if (!profile) rg_error_set(&p->error, RG_E_NULL, "profile: nowhere to put it");
    else if (repeats < 1) rg_error_set(&p->error, RG_E_ARGUMENT, "profile: repeats must be at least 1, not %d", repeats);
    else if (!p->scopes)
        rg_error_set(&p->error, RG_E_STATE, "profile: compiled from a tape without rg_tape_options.profiles");
    return p->error.status;
}

rg_status rg_program_profile(rg_program *program, int repeats, rg_profile *profile)
{
    if (profile) *profile = (rg_profile){ .count = 0 };
    if (!program) return RG_E_NULL;
    rg_program *p = program;
    rg_stopwatch watch = { .steps = 1 };
    rg_status status = check_profile(p, repeats, profile);
    if (status) return status;
    for (int which = 0; which < PLANS; which++)
        if (p->plans[which].step_count >= watch.steps) watch.steps = p->plans[which].step_count + 1;
    rg_arena_rewind(&p->profile);
    bool enough = rg_stopwatch_make(&watch, repeats);
    for (int i = 0; enough && !status && i < repeats; i++) status = run(p, &watch);
    enough = enough && (status || describe(p, &watch, profile));
    rg_stopwatch_free(&watch);
    if (!enough) rg_error_set(&p->error, status = RG_E_MEMORY, "profile: out of memory");
    return status;
}
