/* params.h: what a parameter store is made of. Internal. */
#ifndef RETROGRAD_PARAMS_H
#define RETROGRAD_PARAMS_H

#include "tape.h"

typedef struct {
    char *name;
    rg_shape shape;
    int64_t offset, count;
    uint64_t written; /* the generation of the gradient in which this one was last written */
} rg_params_entry;

struct rg_params {
    rg_dtype dtype;
    uint64_t seed, random_counter;
    rg_params_entry *entries;
    size_t size, capacity;
    int64_t count;
    char *data, *gradient;
    size_t data_capacity, gradient_capacity; /* in elements */
    uint64_t version;    /* of theta: counts changes */
    uint64_t generation; /* of the gradient: an entry written in an older one is logically zero */
    size_t written;      /* entries written in this one */
    bool ready;          /* something was added since the last step */
    bool consumed;       /* the next backward pass starts from zero */
    rg_error error;
};

/* NULL for what is not a parameter. */
static inline rg_params_entry *rg_params_entry_of(rg_param param)
{
    return param.store && param.index < param.store->size ? &param.store->entries[param.index] : NULL;
}

static inline size_t rg_params_byte(const rg_params *params, const rg_params_entry *entry)
{
    return (size_t)entry->offset * (params->dtype == RG_F32 ? sizeof(float) : sizeof(double));
}

/* Where its numbers, and those of its gradient, lie now. */
static inline void *rg_param_pointer(rg_param param)
{
    const rg_params_entry *entry = rg_params_entry_of(param);
    return entry ? param.store->data + rg_params_byte(param.store, entry) : NULL;
}

static inline void *rg_param_gradient_pointer(rg_param param)
{
    const rg_params_entry *entry = rg_params_entry_of(param);
    return entry ? param.store->gradient + rg_params_byte(param.store, entry) : NULL;
}

static inline void rg_param_mark_written(rg_param param)
{
    rg_params_entry *entry = rg_params_entry_of(param);
    if (!entry || entry->written == param.store->generation) return;
    entry->written = param.store->generation;
    param.store->written++;
}

/* Starts from zero if the gradient has been consumed; whether it then holds anything to add to. */
bool rg_params_begin_backward(rg_params *params);
void rg_params_end_backward(rg_params *params, bool succeeded);
/* As that, of a pass that has moved theta instead of writing gradients. */
void rg_params_end_update(rg_params *params, bool succeeded);
/* Zeroes the gradients of parameters that no backward pass has reached. */
void rg_params_fill_unwritten(rg_params *params);

#endif
