/* state.c: an ordered list of named tensors and strings, and a parameter store's way in and out of it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* ---- A state and its errors ------------------------------------------------------------------------------ */

rg_nn_state *rg_nn_state_new(void)
{
    return calloc(1, sizeof(rg_nn_state));
}

void rg_nn_state_free(rg_nn_state *state)
{
    if (!state) return;
    for (size_t i = 0; i < state->count; i++) {
        free(state->entries[i].name);
        free(state->entries[i].copy);
    }
    for (size_t i = 0; i < state->string_count; i++) {
        free(state->strings[i].key);
        free(state->strings[i].text);
    }
    free(state->entries);
    free(state->strings);
    free(state->block);
    free(state);
}

rg_status rg_nn_state_status(const rg_nn_state *state)
{
    return state ? state->error.status : RG_E_NULL;
}

const char *rg_nn_state_message(const rg_nn_state *state)
{
    return state ? state->error.message : "the state is NULL";
}

/* Makes the state fail with "what name: reason"; the first failure stays. */
static rg_status refuse(rg_nn_state *state, rg_status status, const char *what, const char *name, const char *reason)
{
    char shown[RG_NN_SHOWN];
    if (state->error.status) return state->error.status;
    rg_nn_show(shown, name ? name : "");
    return rg_nn_report(&state->error, status, NULL, "%s \"%s\": %s", what, shown, reason);
}

/* ---- Tensors ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    rg_dtype dtype;
} dtypes[] = { { "F32", RG_F32 }, { "F64", RG_F64 }, { "I32", RG_I32 }, { "I64", RG_I64 } };
#define DTYPES (sizeof dtypes / sizeof dtypes[0])

const char *rg_nn_file_dtype(rg_dtype dtype)
{
    for (size_t i = 0; i < DTYPES; i++)
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    return NULL;
}

rg_dtype rg_nn_dtype_of_file(const char *name)
{
    for (size_t i = 0; i < DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) return dtypes[i].dtype;
    return RG_NO_DTYPE;
}

static char *copy_text(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

bool rg_nn_state_append(rg_nn_state *state, rg_nn_state_entry entry, const char *name)
{
    if (!rg_grow((void **)&state->entries, &state->capacity, state->count + 1, sizeof entry)) return false;
    entry.name = copy_text(name);
    if (!entry.name) return false;
    state->entries[state->count++] = entry;
    return true;
}

/* What is wrong with a name for a tensor; NULL if nothing is. */
static const char *name_fault(const rg_nn_state *state, const char *name)
{
    if (!*name) return "the name is empty";
    if (!rg_nn_is_utf8(name, strlen(name))) return "the name is not UTF-8";
    if (strcmp(name, RG_NN_METADATA) == 0) return "the name is reserved";
    if (rg_nn_state_find(state, name).name) return "the name is taken";
    return NULL;
}

static rg_status add(rg_nn_state *state, const char *name, rg_nn_state_entry entry, bool copied)
{
    static const char what[] = "tensor", nothing[RG_ALIGNMENT];
    if (!state) return RG_E_NULL;
    if (state->error.status) return state->error.status;
    if (!name) return refuse(state, RG_E_NULL, what, name, "no name");
    const char *fault = name_fault(state, name);
    if (fault) return refuse(state, RG_E_ARGUMENT, what, name, fault);
    if (!rg_nn_file_dtype(entry.dtype)) return refuse(state, RG_E_DTYPE, what, name, "not a dtype");
    int64_t count = rg_shape_count(entry.shape);
    if (count < 0) return refuse(state, RG_E_SHAPE, what, name, "a malformed or too large shape");
    if (!rg_size_mul((size_t)count, rg_dtype_size(entry.dtype), &entry.bytes))
        return refuse(state, RG_E_MEMORY, what, name, "too large for memory");
    if (!entry.data && count > 0) return refuse(state, RG_E_NULL, what, name, "no data");
    if (entry.bytes == 0) {
        entry.data = nothing;
    } else if (copied) {
        entry.copy = malloc(entry.bytes);
        if (!entry.copy) return refuse(state, RG_E_MEMORY, what, name, "out of memory");
        entry.data = memcpy(entry.copy, entry.data, entry.bytes);
    }
    if (rg_nn_state_append(state, entry, name)) return RG_OK;
    free(entry.copy);
    return refuse(state, RG_E_MEMORY, what, name, "out of memory");
}

rg_status rg_nn_state_add(rg_nn_state *state, const char *name, rg_dtype dtype, rg_shape shape, const void *data)
{
    return add(state, name, (rg_nn_state_entry){ .dtype = dtype, .shape = shape, .data = data }, true);
}

rg_status rg_nn_state_add_borrowed(rg_nn_state *state, const char *name, rg_dtype dtype, rg_shape shape,
                                   const void *data)
{
    return add(state, name, (rg_nn_state_entry){ .dtype = dtype, .shape = shape, .data = data }, false);
}

size_t rg_nn_state_count(const rg_nn_state *state)
{
    return state ? state->count : 0;
}

rg_nn_state_tensor rg_nn_state_at(const rg_nn_state *state, size_t index)
{
    if (!state || index >= state->count) return (rg_nn_state_tensor){ 0 };
    const rg_nn_state_entry *entry = &state->entries[index];
    return (rg_nn_state_tensor){ entry->name, entry->dtype, entry->shape, entry->bytes, entry->data };
}

rg_nn_state_tensor rg_nn_state_find(const rg_nn_state *state, const char *name)
{
    for (size_t i = 0; state && name && i < state->count; i++)
        if (strcmp(state->entries[i].name, name) == 0) return rg_nn_state_at(state, i);
    return (rg_nn_state_tensor){ 0 };
}

/* ---- Strings ----------------------------------------------------------------------------------------------- */

static rg_nn_state_string *find_string(const rg_nn_state *state, const char *key)
{
    for (size_t i = 0; state && key && i < state->string_count; i++)
        if (strcmp(state->strings[i].key, key) == 0) return &state->strings[i];
    return NULL;
}

bool rg_nn_state_append_string(rg_nn_state *state, const char *key, const char *text)
{
    if (!rg_grow((void **)&state->strings, &state->string_capacity, state->string_count + 1, sizeof *state->strings))
        return false;
    rg_nn_state_string string = { copy_text(key), copy_text(text) };
    if (!string.key || !string.text) {
        free(string.key);
        free(string.text);
        return false;
    }
    state->strings[state->string_count++] = string;
    return true;
}

static bool replace_text(rg_nn_state_string *string, const char *text)
{
    char *copy = copy_text(text);
    if (!copy) return false;
    free(string->text);
    string->text = copy;
    return true;
}

rg_status rg_nn_state_set_text(rg_nn_state *state, const char *key, const char *text)
{
    static const char what[] = "metadata";
    if (!state) return RG_E_NULL;
    if (state->error.status) return state->error.status;
    if (!key || !text) return refuse(state, RG_E_NULL, what, key, "no key or no text");
    if (!rg_nn_is_utf8(key, strlen(key)) || !rg_nn_is_utf8(text, strlen(text)))
        return refuse(state, RG_E_ARGUMENT, what, key, "the key or the text is not UTF-8");
    if (strncmp(key, RG_NN_CHECKSUM, sizeof RG_NN_CHECKSUM - 1) == 0)
        return refuse(state, RG_E_ARGUMENT, what, key, "such keys belong to the checksums");
    rg_nn_state_string *string = find_string(state, key);
    bool done = string ? replace_text(string, text) : rg_nn_state_append_string(state, key, text);
    return done ? RG_OK : refuse(state, RG_E_MEMORY, what, key, "out of memory");
}

const char *rg_nn_state_get_text(const rg_nn_state *state, const char *key)
{
    const rg_nn_state_string *string = find_string(state, key);
    return string ? string->text : NULL;
}

rg_status rg_nn_state_set_integer(rg_nn_state *state, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return rg_nn_state_set_text(state, key, text);
}

bool rg_nn_state_get_integer(const rg_nn_state *state, const char *key, uint64_t *value)
{
    const char *text = rg_nn_state_get_text(state, key);
    if (!text || !*text || !value) return false;
    uint64_t number = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10) return false;
        number = 10 * number + digit;
    }
    *value = number;
    return true;
}

/* ---- Parameter stores ---------------------------------------------------------------------------------------- */

static char *param_pointer(const rg_params *store, rg_param param)
{
    char *theta = rg_params_data((rg_params *)(uintptr_t)store);
    return theta ? theta + (size_t)rg_param_offset(param) * rg_dtype_size(rg_params_dtype(store)) : NULL;
}

rg_status rg_nn_state_add_params(rg_nn_state *state, const rg_params *store)
{
    if (!state) return RG_E_NULL;
    if (state->error.status) return state->error.status;
    rg_status status = rg_params_status(store);
    if (status) return rg_nn_report(&state->error, status, NULL, "%s", rg_params_message(store));
    for (size_t i = 0; i < rg_params_size(store); i++) {
        rg_param param = rg_params_at(store, i);
        rg_nn_state_add_borrowed(state, rg_param_name(param), rg_params_dtype(store), rg_param_shape(param),
                                 param_pointer(store, param));
    }
    return state->error.status;
}

static void shape_text(char *text, size_t size, rg_dtype dtype, rg_shape shape)
{
    int used = snprintf(text, size, "%s[", rg_dtype_name(dtype));
    for (int i = 0; i < shape.rank && used >= 0 && (size_t)used < size; i++)
        used += snprintf(text + used, size - (size_t)used, i ? ",%lld" : "%lld", (long long)shape.size[i]);
    if (used >= 0 && (size_t)used < size) snprintf(text + used, size - (size_t)used, "]");
}

/* Whether the state has a tensor that fits the parameter. */
static rg_status check_param(const rg_nn_state *state, rg_param param, rg_error *error)
{
    char shown[RG_NN_SHOWN], there[120], here[120];
    const char *name = rg_nn_show(shown, rg_param_name(param));
    rg_nn_state_tensor tensor = rg_nn_state_find(state, rg_param_name(param));
    if (!tensor.name) return rg_nn_report(error, RG_E_FORMAT, NULL, "there is no tensor \"%s\"", name);
    bool same_shape = rg_shape_equal(tensor.shape, rg_param_shape(param));
    if (same_shape && tensor.dtype == rg_params_dtype(param.store)) return RG_OK;
    shape_text(there, sizeof there, tensor.dtype, tensor.shape);
    shape_text(here, sizeof here, rg_params_dtype(param.store), rg_param_shape(param));
    return rg_nn_report(error, same_shape ? RG_E_DTYPE : RG_E_SHAPE, NULL,
                        "tensor \"%s\" is %s, the parameter is %s", name, there, here);
}

rg_status rg_nn_state_get_params(const rg_nn_state *state, rg_params *store, rg_error *error)
{
    rg_status failed = rg_nn_state_status(state);
    if (failed) return rg_nn_report(error, failed, NULL, "%s", rg_nn_state_message(state));
    failed = rg_params_status(store);
    if (failed) return rg_nn_report(error, failed, NULL, "%s", rg_params_message(store));
    for (size_t i = 0; i < rg_params_size(store); i++) {
        rg_status status = check_param(state, rg_params_at(store, i), error);
        if (status) return status;
    }
    for (size_t i = 0; i < state->count; i++) {
        char shown[RG_NN_SHOWN];
        const char *name = state->entries[i].name;
        if (strchr(name, ':') || rg_params_find(store, name).store) continue;
        rg_nn_show(shown, name);
        return rg_nn_report(error, RG_E_FORMAT, NULL, "there is no parameter for tensor \"%s\"", shown);
    }
    for (size_t i = 0; i < rg_params_size(store); i++) {
        rg_param param = rg_params_at(store, i);
        rg_nn_state_tensor tensor = rg_nn_state_find(state, rg_param_name(param));
        if (tensor.bytes > 0) memcpy(param_pointer(store, param), tensor.data, tensor.bytes);
    }
    rg_params_changed(store);
    return RG_OK;
}

rg_status rg_nn_save(const rg_params *store, const char *path, rg_error *error)
{
    rg_nn_state *state = rg_nn_state_new();
    if (!state) return rg_nn_report(error, RG_E_MEMORY, path, "out of memory");
    rg_nn_state_add_params(state, store);
    rg_status status = rg_nn_state_save(state, path, error);
    rg_nn_state_free(state);
    return status;
}

rg_status rg_nn_load(rg_params *store, const char *path, rg_error *error)
{
    rg_error why;
    rg_nn_state *state = rg_nn_state_load(path, &why);
    if (!state) return rg_nn_report(error, why.status, NULL, "%s", why.message);
    rg_status status = rg_nn_state_get_params(state, store, &why);
    if (status) rg_nn_report(error, status, path, "%s", why.message);
    rg_nn_state_free(state);
    return status;
}
