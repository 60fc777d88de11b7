/* lifetime.c: making, resetting and freeing a tape; its switches, scopes and figures. */
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "gemm.h"
#include "plan.h"
#include "pool.h"
#include "simd.h"
#include "tape.h"

enum { DEFAULT_PLANS = 64, MAX_THREADS = 256 };

static bool environment_true(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

static int thread_count(int asked)
{
    const char *value = getenv("RG_THREADS");
    if (asked <= 0 && value) asked = (int)strtol(value, NULL, 10);
    if (asked <= 0) asked = rg_processor_count();
    return asked > MAX_THREADS ? MAX_THREADS : asked;
}

rg_tape *rg_tape_new(void)
{
    return rg_tape_new_with((rg_tape_options){ 0 });
}

rg_tape *rg_tape_new_with(rg_tape_options options)
{
    rg_tape *tape = calloc(1, sizeof *tape);
    if (!tape) return NULL;
    tape->epoch = 1;
    tape->segment = 1;
    tape->training = true;
    tape->eager = options.eager || environment_true("RG_EAGER");
    tape->profiles = options.profiles;
    tape->verify = options.verify || environment_true("RG_VERIFY");
    tape->engine.threads = thread_count(options.threads);
    tape->simd = rg_simd_level();
    rg_gemm_prepare();
    tape->cache = rg_cache_new(options.plans > 0 ? (size_t)options.plans : DEFAULT_PLANS);
    tape->scopes = calloc(1, sizeof *tape->scopes);
    tape->scope_count = tape->scope_capacity = 1;
    if (!tape->cache || !tape->scopes) {
        rg_tape_free(tape);
        return NULL;
    }
    tape->scopes[0].path = tape->scopes[0].name = "";
    return tape;
}

void rg_tape_free(rg_tape *tape)
{
    if (!tape) return;
    rg_engine_free(&tape->engine);
    rg_cache_free(tape->cache);
    for (size_t i = 0; i < tape->binding_capacity; i++) free(tape->bindings[i].leaf);
    free(tape->bindings);
    free(tape->nodes);
    free(tape->edges);
    free(tape->scopes);
    free(tape->signature);
    free(tape->externals);
    free(tape->answers);
    free(tape->marks);
    free(tape->checkpoints);
    rg_arena_free(&tape->records);
    rg_arena_free(&tape->names);
    rg_arena_free(&tape->values);
    rg_arena_free(&tape->scratch);
    rg_arena_free(&tape->transient);
    rg_arena_free(&tape->inner_transient);
    rg_arena_free(&tape->scope_names);
    free(tape);
}

void rg_tape_reset(rg_tape *tape)
{
    if (!tape) return;
    if (tape->recording_flags & RG_NODE_ADJOINT) {
        rg_fail(tape, NULL, RG_E_STATE, "reset: derivatives are being recorded");
        return;
    }
    tape->epoch++;
    if (tape->epoch == 0) tape->epoch = 1;
    tape->binding_count = 0;
    tape->scope = tape->next_scope = 0;
    rg_arena_rewind(&tape->names);
    rg_arena_rewind(&tape->values);
    rg_trace_begin(tape);
}

bool rg_failed(const rg_tape *tape)
{
    return !tape || tape->error.status != RG_OK;
}

rg_status rg_tape_status(const rg_tape *tape)
{
    return tape ? tape->error.status : RG_E_NULL;
}

const char *rg_message(const rg_tape *tape)
{
    return tape ? tape->error.message : "no tape: out of memory?";
}

void rg_tape_clear_error(rg_tape *tape)
{
    if (tape) tape->error = (rg_error){ .status = RG_OK };
}

static bool exchange(bool *place, bool on)
{
    bool previous = *place;
    *place = on;
    return previous;
}

bool rg_no_grad(rg_tape *tape, bool on)
{
    return tape ? exchange(&tape->no_grad, on) : false;
}

bool rg_training(rg_tape *tape, bool on)
{
    return tape ? exchange(&tape->training, on) : false;
}

bool rg_is_training(const rg_tape *tape)
{
    return tape && tape->training;
}

const char *rg_set_site(rg_tape *tape, const char *site)
{
    if (!tape) return NULL;
    const char *previous = tape->site;
    tape->site = site;
    return previous;
}

/* ---- Scopes: a tree of names that outlives resets, so that a repeated step adds nothing ------------ */

static uint32_t scope_add(rg_tape *tape, const char *name, size_t length)
{
    const char *parent = tape->scopes[tape->scope].path;
    const size_t prefix = *parent ? strlen(parent) + 1 : 0;
    char *path = rg_arena_take(&tape->scope_names, prefix + length + 1);
    if (!path || !rg_grow((void **)&tape->scopes, &tape->scope_capacity, tape->scope_count + 1, sizeof *tape->scopes)) {
        rg_fail(tape, NULL, RG_E_MEMORY, "scope %s: out of memory", name);
        return tape->scope;
    }
    if (prefix) {
        memcpy(path, parent, prefix - 1);
        path[prefix - 1] = '.';
    }
    memcpy(path + prefix, name, length);
    path[prefix + length] = '\0';
    tape->scopes[tape->scope_count] = (rg_scope){ .parent = tape->scope, .path = path, .name = path + prefix, .length = length };
    return (uint32_t)tape->scope_count++;
}

static bool is_scope(const rg_tape *tape, uint32_t i, const char *name, size_t length)
{
    const rg_scope *scope = &tape->scopes[i];
    return scope->parent == tape->scope && scope->length == length && memcmp(scope->name, name, length) == 0;
}

/* Programs push their scopes in the same order again and again. */
void rg_scope_push_part(rg_tape *tape, const char *name, size_t length)
{
    uint32_t i = tape->next_scope;
    if (i == 0 || i >= tape->scope_count || !is_scope(tape, i, name, length))
        for (i = 1; i < tape->scope_count && !is_scope(tape, i, name, length);) i++;
    tape->scope = i < tape->scope_count ? i : scope_add(tape, name, length);
    tape->next_scope = i + 1;
}

void rg_scope_push(rg_tape *tape, const char *name)
{
    if (!tape) return;
    if (name) rg_scope_push_part(tape, name, strlen(name));
    else rg_fail(tape, NULL, RG_E_NULL, "scope: no name");
}

void rg_scope_pop(rg_tape *tape)
{
    if (tape) tape->scope = tape->scopes[tape->scope].parent;
}

rg_tape_stats rg_tape_get_stats(const rg_tape *tape)
{
    if (!tape) return (rg_tape_stats){ 0 };
    rg_tape_stats stats = tape->stats;
    stats.plans_cached = rg_cache_plans(tape->cache);
    stats.plan_bytes = rg_cache_bytes(tape->cache);
    stats.workspace_bytes = tape->engine.workspace_bytes;
    stats.tape_bytes = tape->node_capacity * sizeof *tape->nodes + tape->edge_capacity * sizeof *tape->edges +
                       tape->signature_capacity * sizeof *tape->signature + tape->answer_capacity * sizeof *tape->answers +
                       tape->mark_capacity * sizeof *tape->marks +
                       tape->checkpoint_capacity * sizeof *tape->checkpoints +
                       tape->records.bytes + tape->names.bytes + tape->values.bytes +
                       tape->scratch.bytes + tape->transient.bytes + tape->inner_transient.bytes;
    uint64_t now = stats.plan_bytes + stats.workspace_bytes + stats.tape_bytes;
    if (now > stats.peak_bytes) stats.peak_bytes = now;
    stats.nodes = tape->node_count;
    stats.threads = tape->engine.threads;
    return stats;
}
