/* leaves.c: numbers from outside: inputs, constants, scalars, parameters, random keys. */
#include <string.h>
#include <xxhash.h>

#include "params.h"
#include "repeat.h"
#include "shape.h"

const rg_op rg_op_input = { .name = "input", .doc = "numbers from the caller", .kind = RG_LEAF };
const rg_op rg_op_constant = { .name = "constant", .doc = "numbers that have no gradient", .kind = RG_LEAF };
const rg_op rg_op_scalar = { .name = "scalar", .doc = "one number that may change from step to step",
                             .kind = RG_LEAF };
const rg_op rg_op_parameter = { .name = "parameter", .doc = "a view of theta", .kind = RG_LEAF };
const rg_op rg_op_random_key = { .name = "random_key", .doc = "the key of one random draw", .kind = RG_LEAF };

/* The bytes of a leaf's numbers; false if the tape has failed, now or before. */
static bool leaf_bytes(rg_tape *tape, const char *site, const rg_op *op, rg_dtype dtype, const rg_shape *shape,
                       const void *data, size_t *bytes)
{
    *bytes = 0;
    if (!tape || tape->error.status) return false;
    int64_t count = rg_shape_count(*shape);
    size_t item = rg_dtype_size(dtype);
    if (item == 0)
        rg_fail(tape, site, RG_E_DTYPE, "%s: %d is not a dtype", op->name, (int)dtype);
    else if (count < 0)
        rg_fail(tape, site, RG_E_SHAPE, "%s: a malformed or too large shape of rank %d", op->name, shape->rank);
    else if (!data && count > 0)
        rg_fail(tape, site, RG_E_NULL, "%s: no data", op->name);
    else if (!rg_size_mul((size_t)count, item, bytes))
        rg_fail(tape, site, RG_E_MEMORY, "%s: too large for memory", op->name);
    return tape->error.status == RG_OK;
}

static rg_tensor copied_leaf(const char *site, rg_tape *tape, const rg_op *op, rg_dtype dtype, rg_shape shape,
                             const void *data, uint8_t flags)
{
    size_t bytes;
    if (!leaf_bytes(tape, site, op, dtype, &shape, data, &bytes)) return (rg_tensor){ 0 };
    void *copy = rg_arena_take(&tape->values, bytes ? bytes : 1);
    if (!copy) return rg_fail(tape, site, RG_E_MEMORY, "%s: out of memory for %zu bytes", op->name, bytes);
    if (bytes) memcpy(copy, data, bytes);
    return rg_record_leaf(tape, site, op, dtype, &shape, NULL, 0, copy, flags);
}

rg_tensor rg_input_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data)
{
    return copied_leaf(site, tape, &rg_op_input, dtype, shape, data, 0);
}

rg_tensor rg_constant_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data)
{
    return copied_leaf(site, tape, &rg_op_constant, dtype, shape, data, RG_NODE_NO_GRADIENT);
}

static uint64_t fingerprint_of(const void *numbers, rg_dtype dtype, const rg_shape *shape)
{
    return XXH3_64bits(numbers, (size_t)rg_elements(shape) * rg_dtype_size(dtype));
}

static bool is_unchanged(const rg_tape *tape, const rg_node *node)
{
    if (!tape->verify || !node->attributes) return true;
    if (node->op == &rg_op_parameter) {
        const rg_parameter_leaf *leaf = node->attributes;
        return fingerprint_of(rg_param_pointer(leaf->param), (rg_dtype)node->dtype, node->shape) == leaf->fingerprint;
    }
    if (node->op != &rg_op_input) return true;
    const rg_borrowed_leaf *leaf = node->attributes;
    return fingerprint_of(node->data, (rg_dtype)node->dtype, node->shape) == leaf->fingerprint;
}

/* A version tells what the user says has changed; that comes first. */
bool rg_verify_leaf(rg_tape *tape, const rg_node *node)
{
    const rg_parameter_leaf *leaf = node->op == &rg_op_parameter ? node->attributes : NULL;
    if ((leaf && leaf->version != leaf->param.store->version) || is_unchanged(tape, node)) return true;
    char text[160];
    rg_describe(tape, node, text, sizeof text);
    rg_fail(tape, NULL, RG_E_STALE, "stale: %s changed in place%s: %s, recorded at %s",
            leaf ? "a parameter was" : "a borrowed input was", leaf ? " without rg_params_changed" : "", text,
            rg_site_short(node->site));
    return false;
}

rg_tensor rg_input_borrowed_at(const char *site, rg_tape *tape, rg_dtype dtype, rg_shape shape, const void *data)
{
    size_t bytes;
    static const char nothing[RG_ALIGNMENT];
    if (!leaf_bytes(tape, site, &rg_op_input, dtype, &shape, data, &bytes)) return (rg_tensor){ 0 };
    /* Nothing writes through a leaf's pointer: only values computed on the tape are results of a step. */
    void *numbers = (void *)(uintptr_t)(bytes ? data : nothing);
    const rg_borrowed_leaf leaf = { tape->verify ? fingerprint_of(numbers, dtype, &shape) : 0 };
    return rg_record_leaf(tape, site, &rg_op_input, dtype, &shape, tape->verify ? &leaf : NULL,
                          tape->verify ? sizeof leaf : 0, numbers, 0);
}

rg_tensor rg_scalar_at(const char *site, rg_tape *tape, rg_dtype dtype, double value)
{
    float single = (float)value;
    if (tape && !tape->error.status && !rg_dtype_is_float(dtype))
        return rg_fail(tape, site, RG_E_DTYPE, "scalar: takes f32 or f64, not %s", rg_dtype_name(dtype));
    const void *data = dtype == RG_F32 ? (const void *)&single : &value;
    return copied_leaf(site, tape, &rg_op_scalar, dtype, RG_SCALAR, data, 0);
}

rg_tensor rg_random_key_at(const char *site, rg_tape *tape, uint64_t seed, uint64_t stream)
{
    uint64_t key[2] = { seed, stream };
    return copied_leaf(site, tape, &rg_op_random_key, RG_I64, RG_SHAPE(2), key, RG_NODE_NO_GRADIENT);
}

rg_tensor rg_random_draw_at(const char *site, rg_tape *tape, rg_params *store)
{
    if (!tape || tape->error.status) return (rg_tensor){ 0 };
    if (rg_params_status(store))
        return rg_fail(tape, site, rg_params_status(store), "random_key: %s", rg_params_message(store));
    uint64_t *key = rg_arena_take(&tape->values, 2 * sizeof *key);
    if (!key) return rg_fail(tape, site, RG_E_MEMORY, "random_key: out of memory");
    key[0] = rg_params_seed(store);
    key[1] = rg_params_draw(store);
    const rg_drawn_key drawn = { store };
    return rg_record_leaf(tape, site, &rg_op_random_key, RG_I64, &RG_SHAPE(2), &drawn, sizeof drawn, key, RG_NODE_NO_GRADIENT);
}

/* ---- Parameters: one leaf for each (and one without gradient), as long as theta does not change -------- */

static __attribute__((noinline)) rg_binding *bind_anew(rg_tape *tape, rg_params *store)
{
    size_t before = tape->binding_capacity;
    if (!rg_grow((void **)&tape->bindings, &tape->binding_capacity, tape->binding_count + 1, sizeof *tape->bindings))
        return NULL;
    memset(tape->bindings + before, 0, (tape->binding_capacity - before) * sizeof *tape->bindings);
    rg_binding *binding = &tape->bindings[tape->binding_count++];
    binding->store = store;
    if (binding->leaf) memset(binding->leaf, 0xff, binding->capacity * sizeof *binding->leaf);
    return binding;
}

static inline rg_binding *bind_store(rg_tape *tape, rg_params *store)
{
    for (size_t i = 0; i < tape->binding_count; i++)
        if (tape->bindings[i].store == store) return &tape->bindings[i];
    return bind_anew(tape, store);
}

static bool make_room(rg_binding *binding, size_t index)
{
    size_t before = binding->capacity;
    if (index < before) return true;
    if (!rg_grow((void **)&binding->leaf, &binding->capacity, index + 1, sizeof *binding->leaf)) return false;
    memset(binding->leaf + before, 0xff, (binding->capacity - before) * sizeof *binding->leaf);
    return true;
}

rg_tensor rg_parameter_at(const char *site, rg_tape *tape, rg_param param)
{
    if (!tape || tape->error.status) return (rg_tensor){ 0 };
    rg_params *store = param.store;
    const rg_params_entry *entry = rg_params_entry_of(param);
    if (!store || store->error.status)
        return rg_fail(tape, site, rg_params_status(store), "parameter: %s", rg_params_message(store));
    if (!entry) return rg_fail(tape, site, RG_E_ARGUMENT, "parameter: its store has no parameter number %u", param.index);
    const size_t place = 2 * (size_t)param.index + tape->no_grad;
    rg_binding *binding = bind_store(tape, store);
    if (!binding || !make_room(binding, place))
        return rg_fail(tape, site, RG_E_MEMORY, "parameter %s: out of memory", entry->name);

    uint32_t known = binding->leaf[place];
    if (known < tape->node_count) {
        const rg_parameter_leaf *leaf = tape->nodes[known].attributes;
        if (leaf->version == store->version) return rg_handle(tape, known);
    }
    const rg_parameter_leaf leaf = {
        .param = param, .version = store->version,
        .fingerprint = tape->verify ? fingerprint_of(rg_param_pointer(param), store->dtype, &entry->shape) : 0
    };
    const rg_node *before = rg_expected_node(tape, &rg_op_parameter, 0);
    rg_tensor t;
    if (before && before->dtype == (uint8_t)store->dtype && rg_same_shape(before->shape, &entry->shape)) {
        *(rg_parameter_leaf *)(uintptr_t)before->attributes = leaf;
        t = rg_repeat_node(tape, site, NULL, 0);
    } else {
        t = rg_record_leaf(tape, site, &rg_op_parameter, store->dtype, &entry->shape, &leaf, sizeof leaf, NULL,
                           RG_NODE_NEEDS_GRADIENT);
    }
    if (rg_is_null(t)) return t;
    tape->nodes[t.node].name = entry->name;
    binding->leaf[place] = t.node;
    return t;
}
