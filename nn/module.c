/* module.c: a module is a table of functions and a copy of what they work on. */
#define RG_NO_SITES
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "nn.h"
#include "size.h"

struct rg_nn {
    const rg_nn_interface *interface;
    max_align_t self[];
};

rg_nn *rg_nn_module(const rg_nn_interface *interface, const void *self, size_t size)
{
    size_t bytes;
    bool complete = interface && interface->forward && (self || size == 0);
    rg_nn *module = complete && rg_size_add(sizeof(rg_nn), size, &bytes) ? malloc(bytes) : NULL;
    if (module) {
        module->interface = interface;
        if (size > 0) memcpy(module->self, self, size);
    } else if (complete && interface->free) {
        interface->free((void *)(uintptr_t)self);
    }
    return module;
}

void rg_nn_free(rg_nn *module)
{
    if (!module) return;
    if (module->interface->free) module->interface->free(module->self);
    free(module);
}

rg_tensor rg_nn_forward_at(const char *site, const rg_nn *module, rg_tensor x)
{
    if (!module) return rg_fail(x.tape, site, RG_E_NULL, "forward: the module is NULL");
    return module->interface->forward(module->self, site, x);
}

rg_tensor rg_nn_forward(const rg_nn *module, rg_tensor x)
{
    return rg_nn_forward_at(NULL, module, x);
}

/* ---- The layers as modules -------------------------------------------------------------------------------- */

static rg_tensor forward_linear(const void *self, const char *site, rg_tensor x)
{
    return rg_nn_linear_forward_at(site, self, x);
}

static rg_tensor forward_dropout(const void *self, const char *site, rg_tensor x)
{
    return rg_nn_dropout_forward_at(site, self, x);
}

rg_nn *rg_nn_module_linear(rg_nn_linear layer)
{
    static const rg_nn_interface interface = { .name = "linear", .forward = forward_linear };
    return rg_nn_module(&interface, &layer, sizeof layer);
}

rg_nn *rg_nn_module_dropout(rg_nn_dropout layer)
{
    static const rg_nn_interface interface = { .name = "dropout", .forward = forward_dropout };
    return rg_nn_module(&interface, &layer, sizeof layer);
}

/* ---- Functions as modules: they stamp the site of whoever called the module -------------------------------- */

typedef struct {
    rg_nn_activation *function;
} activation_self;

typedef struct {
    rg_tensor (*function)(rg_tensor x, void *context);
    void *context;
} function_self;

static rg_tensor forward_activation(const void *self, const char *site, rg_tensor x)
{
    const activation_self *activation = self;
    if (!activation->function) return rg_fail(x.tape, site, RG_E_NULL, "activation: the function is NULL");
    const char *previous = rg_set_site(x.tape, site);
    if (!site) rg_set_site(x.tape, previous);
    rg_tensor y = activation->function(x);
    rg_set_site(x.tape, previous);
    return y;
}

static rg_tensor forward_function(const void *self, const char *site, rg_tensor x)
{
    const function_self *with = self;
    if (!with->function) return rg_fail(x.tape, site, RG_E_NULL, "module: the function is NULL");
    const char *previous = rg_set_site(x.tape, site);
    if (!site) rg_set_site(x.tape, previous);
    rg_tensor y = with->function(x, with->context);
    rg_set_site(x.tape, previous);
    return y;
}

rg_nn *rg_nn_module_activation(rg_nn_activation *activation)
{
    static const rg_nn_interface interface = { .name = "activation", .forward = forward_activation };
    return rg_nn_module(&interface, &(activation_self){ activation }, sizeof(activation_self));
}

rg_nn *rg_nn_module_function(rg_tensor (*function)(rg_tensor x, void *context), void *context)
{
    static const rg_nn_interface interface = { .name = "function", .forward = forward_function };
    return rg_nn_module(&interface, &(function_self){ function, context }, sizeof(function_self));
}

/* ---- One after the other ---------------------------------------------------------------------------------- */

typedef struct {
    rg_nn **modules;
    int count;
    const rg_checkpoint_schedule *schedule; /* borrowed; NULL: none */
} sequential_self;

static void free_all(rg_nn *const *modules, int count)
{
    for (int i = 0; i < count; i++) rg_nn_free(modules[i]);
}

static rg_tensor forward_module(const sequential_self *sequence, const char *site, int i, rg_tensor x)
{
    if (sequence->modules[i]) return rg_nn_forward_at(site, sequence->modules[i], x);
    return rg_fail(x.tape, site, RG_E_NULL, "sequential: module %d of %d is NULL", i + 1, sequence->count);
}

/* A sequence with the site that its modules are to record under. */
typedef struct {
    const sequential_self *sequence;
    const char *site;
} sited_sequence;

static rg_tensor forward_sited(void *context, int i, rg_tensor x)
{
    const sited_sequence *sited = context;
    return forward_module(sited->sequence, sited->site, i, x);
}

static rg_tensor forward_stage(void *context, int i, rg_tensor x)
{
    return forward_module(context, NULL, i, x);
}

static rg_tensor forward_sequential(const void *self, const char *site, rg_tensor x)
{
    sited_sequence sited = { self, site };
    const rg_chain chain = { forward_sited, &sited, sited.sequence->count };
    return rg_chain_forward_at(site, &chain, x, sited.sequence->schedule);
}

static void free_sequential(void *self)
{
    sequential_self *sequence = self;
    free_all(sequence->modules, sequence->count);
    free(sequence->modules);
}

static const rg_nn_interface sequential = { .name = "sequential", .forward = forward_sequential,
                                            .free = free_sequential };

rg_nn *rg_nn_sequential(rg_nn *const *modules, int count)
{
    sequential_self self = { .count = modules && count > 0 ? count : 0 };
    size_t bytes;
    bool fits = rg_size_mul((size_t)self.count, sizeof(rg_nn *), &bytes);
    self.modules = fits ? malloc(bytes > 0 ? bytes : 1) : NULL;
    if (!self.modules) {
        free_all(modules, self.count);
        return NULL;
    }
    if (bytes > 0) memcpy(self.modules, modules, bytes);
    return rg_nn_module(&sequential, &self, sizeof self);
}

rg_chain rg_nn_chain(const rg_nn *sequence)
{
    if (!sequence || sequence->interface != &sequential) return (rg_chain){ 0 };
    const sequential_self *self = (const void *)sequence->self;
    return (rg_chain){ forward_stage, (void *)(uintptr_t)self, self->count };
}

rg_status rg_nn_set_schedule(rg_nn *sequence, const rg_checkpoint_schedule *schedule)
{
    if (!sequence || sequence->interface != &sequential) return RG_E_NULL;
    sequential_self *self = (void *)sequence->self;
    self->schedule = schedule;
    return RG_OK;
}
