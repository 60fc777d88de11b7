/* params.c: theta as one contiguous vector, its parameters as named views, and its gradient laid out alike. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "params.h"
#include "shape.h"

rg_params *rg_params_new(rg_dtype dtype, uint64_t seed)
{
    if (!rg_dtype_is_float(dtype)) return NULL;
    rg_params *params = calloc(1, sizeof *params);
    if (!params) return NULL;
    params->dtype = dtype;
    params->seed = seed;
    params->generation = 1;
    return params;
}

void rg_params_free(rg_params *params)
{
    if (!params) return;
    for (size_t i = 0; i < params->size; i++) free(params->entries[i].name);
    free(params->entries);
    free(params->data);
    free(params->gradient);
    free(params);
}

void rg_params_fail(rg_params *params, rg_status status, const char *format, ...)
{
    if (!params || params->error.status || status == RG_OK) return;
    va_list arguments;
    va_start(arguments, format);
    params->error.status = status;
    vsnprintf(params->error.message, sizeof params->error.message, format, arguments);
    va_end(arguments);
}

/* To an eighth more than is needed, and not to twice as much: most of a model is in few of its parameters, and theta is
 * most of the memory that there is. */
static bool grow(char **numbers, size_t *capacity, size_t count, size_t item)
{
    size_t roomy, bytes;
    if (count <= *capacity) return true;
    if (!rg_size_add(count, count / 8, &roomy) || !rg_size_mul(roomy, item, &bytes)) return false;
    char *larger = realloc(*numbers, bytes);
    if (!larger) return false;
    *numbers = larger;
    *capacity = roomy;
    return true;
}

/* There is always room for one: a parameter without elements has an address, too. */
static bool grow_vectors(rg_params *params, size_t count)
{
    size_t item = rg_dtype_size(params->dtype);
    if (count == 0) count = 1;
    return grow(&params->data, &params->data_capacity, count, item) &&
           grow(&params->gradient, &params->gradient_capacity, count, item);
}

size_t rg_params_bytes(const rg_params *params)
{
    return params ? (params->data_capacity + params->gradient_capacity) * rg_dtype_size(params->dtype) : 0;
}

static rg_param refuse(rg_params *params, rg_status status, const char *name, const char *reason)
{
    rg_params_fail(params, status, "parameter %s: %s", name ? name : "(no name)", reason);
    return (rg_param){ 0 };
}

rg_param rg_params_add(rg_params *params, const char *name, rg_shape shape)
{
    if (!params || params->error.status) return (rg_param){ 0 };
    if (!name || !*name) return refuse(params, RG_E_NULL, name, "a parameter needs a name");
    int64_t count = rg_shape_count(shape);
    if (count < 0) return refuse(params, RG_E_SHAPE, name, "a malformed or too large shape");
    if (rg_params_find(params, name).store) return refuse(params, RG_E_ARGUMENT, name, "the name is taken");

    size_t total, item = rg_dtype_size(params->dtype), bytes = strlen(name) + 1;
    if (!rg_size_add((size_t)params->count, (size_t)count, &total) || params->size >= UINT32_MAX ||
        !rg_grow((void **)&params->entries, &params->capacity, params->size + 1, sizeof(rg_params_entry)) ||
        !grow_vectors(params, total))
        return refuse(params, RG_E_MEMORY, name, "out of memory");
    char *copy = malloc(bytes);
    if (!copy) return refuse(params, RG_E_MEMORY, name, "out of memory");
    memcpy(copy, name, bytes);
    if (count > 0) memset(params->data + (size_t)params->count * item, 0, (size_t)count * item);
    params->entries[params->size] = (rg_params_entry){ .name = copy, .shape = shape, .offset = params->count, .count = count };
    params->count = (int64_t)total;
    params->version++;
    return (rg_param){ params, (uint32_t)params->size++ };
}

rg_param rg_params_at(const rg_params *params, size_t index)
{
    if (!params || index >= params->size) return (rg_param){ 0 };
    return (rg_param){ (rg_params *)(uintptr_t)params, (uint32_t)index };
}

rg_param rg_params_find(const rg_params *params, const char *name)
{
    for (size_t i = 0; params && name && i < params->size; i++)
        if (strcmp(params->entries[i].name, name) == 0) return rg_params_at(params, i);
    return (rg_param){ 0 };
}

size_t rg_params_size(const rg_params *params)
{
    return params ? params->size : 0;
}

int64_t rg_params_count(const rg_params *params)
{
    return params ? params->count : 0;
}

rg_dtype rg_params_dtype(const rg_params *params)
{
    return params ? params->dtype : RG_NO_DTYPE;
}

uint64_t rg_params_seed(const rg_params *params)
{
    return params ? params->seed : 0;
}

const char *rg_param_name(rg_param param)
{
    const rg_params_entry *found = rg_params_entry_of(param);
    return found ? found->name : "";
}

rg_shape rg_param_shape(rg_param param)
{
    const rg_params_entry *found = rg_params_entry_of(param);
    return found ? found->shape : RG_SCALAR;
}

int64_t rg_param_offset(rg_param param)
{
    const rg_params_entry *found = rg_params_entry_of(param);
    return found ? found->offset : 0;
}

rg_status rg_params_status(const rg_params *params)
{
    return params ? params->error.status : RG_E_NULL;
}

const char *rg_params_message(const rg_params *params)
{
    return params ? params->error.message : "no parameter store";
}

/* ---- theta ------------------------------------------------------------------------------------------ */

void *rg_params_data(rg_params *params)
{
    return params ? params->data : NULL;
}

void rg_params_changed(rg_params *params)
{
    if (params) params->version++;
}

uint64_t rg_params_version(const rg_params *params)
{
    return params ? params->version : 0;
}

/* ---- The gradient ----------------------------------------------------------------------------------- */

static void begin_generation(rg_params *params)
{
    params->generation++;
    params->written = 0;
}

bool rg_params_begin_backward(rg_params *params)
{
    if (params->consumed) begin_generation(params);
    params->consumed = false;
    return params->written > 0;
}

/* A failed pass discards what was added since the last step: half a gradient is no gradient. */
void rg_params_end_backward(rg_params *params, bool succeeded)
{
    params->ready = succeeded;
    params->consumed = !succeeded;
}

void rg_params_end_update(rg_params *params, bool succeeded)
{
    params->ready = false;
    params->consumed = true;
    if (succeeded) params->version++;
}

void rg_params_fill_unwritten(rg_params *params)
{
    size_t item = rg_dtype_size(params->dtype);
    for (size_t i = 0; params->written < params->size && i < params->size; i++) {
        rg_params_entry *each = &params->entries[i];
        if (each->written == params->generation) continue;
        if (each->count > 0) memset(params->gradient + (size_t)each->offset * item, 0, (size_t)each->count * item);
        each->written = params->generation;
        params->written++;
    }
}

void *rg_params_gradient(rg_params *params)
{
    if (!params) return NULL;
    rg_params_fill_unwritten(params);
    return params->gradient;
}

void rg_params_zero_gradient(rg_params *params)
{
    if (!params) return;
    begin_generation(params);
    params->ready = params->consumed = false;
}

void rg_params_consume_gradient(rg_params *params)
{
    if (!params) return;
    params->consumed = true;
    params->ready = false;
}

bool rg_params_gradient_ready(const rg_params *params)
{
    return params && params->ready && !params->consumed;
}

/* ---- Random streams ----------------------------------------------------------------------------------- */

uint64_t rg_params_random_counter(const rg_params *params)
{
    return params ? params->random_counter : 0;
}

void rg_params_set_random_counter(rg_params *params, uint64_t counter)
{
    if (params) params->random_counter = counter;
}

uint64_t rg_params_draw(rg_params *params)
{
    return params ? params->random_counter++ : 0;
}
