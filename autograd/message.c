/* message.c: what errors say. "train.c:41: matmul: inner sizes differ: x f32[32,784] · fc1.weight f32[128,784]" */
#include <stdarg.h>
#include <string.h>

#include "params.h"

const char *rg_status_name(rg_status status)
{
    static const char *const names[] = {
        [RG_OK] = "RG_OK",
        [RG_E_NULL] = "RG_E_NULL",
        [RG_E_SHAPE] = "RG_E_SHAPE",
        [RG_E_DTYPE] = "RG_E_DTYPE",
        [RG_E_ARGUMENT] = "RG_E_ARGUMENT",
        [RG_E_TAPE] = "RG_E_TAPE",
        [RG_E_STALE] = "RG_E_STALE",
        [RG_E_INDEX] = "RG_E_INDEX",
        [RG_E_GRADIENT] = "RG_E_GRADIENT",
        [RG_E_MEMORY] = "RG_E_MEMORY",
        [RG_E_FILE] = "RG_E_FILE",
        [RG_E_FORMAT] = "RG_E_FORMAT",
        [RG_E_STATE] = "RG_E_STATE",
        [RG_E_UNSUPPORTED] = "RG_E_UNSUPPORTED",
    };
    bool known = (unsigned)status < sizeof names / sizeof names[0];
    return known ? names[status] : "unknown status";
}

const char *rg_version(void)
{
    return RG_VERSION_STRING;
}

static void append_list(char *text, size_t size, size_t *used, const char *format, va_list arguments)
{
    if (*used >= size) return;
    int written = vsnprintf(text + *used, size - *used, format, arguments);
    if (written > 0) *used += (size_t)written;
    if (*used >= size) *used = size - 1;
}

void rg_append(char *text, size_t size, size_t *used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append_list(text, size, used, format, arguments);
    va_end(arguments);
}

void rg_error_set(rg_error *error, rg_status status, const char *format, ...)
{
    if (!error) return;
    size_t used = 0;
    va_list arguments;
    error->status = status;
    error->message[0] = '\0';
    va_start(arguments, format);
    append_list(error->message, sizeof error->message, &used, format, arguments);
    va_end(arguments);
}

const char *rg_site_short(const char *site)
{
    if (!site) return "";
    const char *slash = strrchr(site, '/');
    return slash ? slash + 1 : site;
}

void rg_describe_gone(rg_tensor t, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    if (!t.tape || (t.node >= t.tape->node_count && t.node >= t.tape->most_nodes)) return;
    const rg_node *node = &t.tape->nodes[t.node];
    const bool same = node->epoch == t.epoch;
    rg_append(text, size, &used, same ? ": %%%u %s" : ": %%%u, whose place %s has taken", (unsigned)t.node, node->op->name);
    if (node->site) rg_append(text, size, &used, ", recorded at %s", rg_site_short(node->site));
}

/* A failure also takes back what the tape has added to gradients since the last step: an optimiser must not
 * step along half a gradient. */
static size_t start_message(rg_tape *tape, const char *site, rg_status status)
{
    size_t used = 0;
    for (size_t i = 0; i < tape->binding_count; i++) rg_params_end_backward(tape->bindings[i].store, false);
    if (!site) site = tape->site;
    tape->error.status = status;
    tape->error.message[0] = '\0';
    if (site) rg_append(tape->error.message, RG_MESSAGE_SIZE, &used, "%s: ", rg_site_short(site));
    return used;
}

rg_tensor rg_fail(rg_tape *tape, const char *site, rg_status status, const char *format, ...)
{
    if (!tape || tape->error.status || status == RG_OK) return (rg_tensor){ 0 };
    size_t used = start_message(tape, site, status);
    va_list arguments;
    va_start(arguments, format);
    append_list(tape->error.message, RG_MESSAGE_SIZE, &used, format, arguments);
    va_end(arguments);
    return (rg_tensor){ 0 };
}

void rg_describe_shape(rg_dtype dtype, const rg_shape *shape, char *text, size_t size)
{
    size_t used = 0;
    rg_append(text, size, &used, "%s[", rg_dtype_name(dtype));
    for (int i = 0; i < shape->rank; i++)
        rg_append(text, size, &used, i ? ",%lld" : "%lld", (long long)shape->size[i]);
    rg_append(text, size, &used, "]");
}

void rg_describe(const rg_tape *tape, const rg_node *node, char *text, size_t size)
{
    char shape[128];
    size_t used = 0;
    rg_describe_shape((rg_dtype)node->dtype, node->shape, shape, sizeof shape);
    const rg_node *base = node;
    while (!base->name && base->op->kind == RG_VIEW) base = &tape->nodes[rg_edges(tape, base)[0]];
    if (node->name) rg_append(text, size, &used, "%s %s", node->name, shape);
    else if (base->name) rg_append(text, size, &used, "%s %s %s", base->name, node->op->name, shape);
    else rg_append(text, size, &used, "%%%zu %s %s", (size_t)(node - tape->nodes), node->op->name, shape);
}

rg_tensor rg_fail_op(rg_tape *tape, const char *site, rg_status status, const char *op, const char *reason, int n,
                     const rg_tensor *in)
{
    if (!tape || tape->error.status) return (rg_tensor){ 0 };
    char *message = tape->error.message;
    size_t used = start_message(tape, site, status);
    rg_append(message, RG_MESSAGE_SIZE, &used, "%s: %s: ", op, *reason ? reason : rg_status_name(status));
    for (int k = 0; k < n; k++) {
        char operand[160];
        rg_status why;
        const rg_node *node = rg_node_of(in[k], &why);
        if (!node) continue;
        rg_describe(in[k].tape, node, operand, sizeof operand);
        rg_append(message, RG_MESSAGE_SIZE, &used, k ? " · %s" : "%s", operand);
    }
    return (rg_tensor){ 0 };
}
