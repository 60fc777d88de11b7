/* safetensors_write.c: a state as the bytes of a safetensors file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "state.h"

/* ---- A text that grows --------------------------------------------------------------------------------------- */

typedef struct {
    char *bytes;
    size_t used, capacity;
    bool failed; /* out of memory: what follows does nothing */
} text;

static void put(text *header, const void *bytes, size_t count)
{
    size_t needed;
    header->failed = header->failed || !rg_size_add(header->used, count, &needed) ||
                     !rg_grow((void **)&header->bytes, &header->capacity, needed, 1);
    if (header->failed) return;
    memcpy(header->bytes + header->used, bytes, count);
    header->used = needed;
}

static void put_text(text *header, const char *string)
{
    put(header, string, strlen(string));
}

static void put_number(text *header, uint64_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    put_text(header, digits);
}

/* What may stand in a JSON string as it is, does; control characters, quotes and backslashes are escaped. */
static void put_escaped(text *header, const char *string)
{
    char escaped[8];
    for (; *string; string++) {
        if ((unsigned char)*string < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)*string);
            put_text(header, escaped);
        } else {
            if (*string == '"' || *string == '\\') put(header, "\\", 1);
            put(header, string, 1);
        }
    }
}

static void put_quoted(text *header, const char *prefix, const char *string)
{
    put_text(header, "\"");
    put_escaped(header, prefix);
    put_escaped(header, string);
    put_text(header, "\"");
}

/* ---- The header ------------------------------------------------------------------------------------------------ */

/* Wider dtypes first, otherwise in the order of the state: so that every tensor starts at a multiple of its
 * element's size. */
static size_t sort_tensors(const rg_nn_state *state, const rg_nn_state_entry **order)
{
    size_t used = 0;
    for (size_t width = sizeof(int64_t); width > 0; width--)
        for (size_t i = 0; i < state->count; i++)
            if (rg_dtype_size(state->entries[i].dtype) == width) order[used++] = &state->entries[i];
    return used;
}

static void put_metadata(text *header, const rg_nn_state *state, const rg_nn_state_entry *const *order, size_t count)
{
    const char *separator = "";
    put_quoted(header, "", RG_NN_METADATA);
    put_text(header, ":{");
    for (size_t i = 0; i < state->string_count; i++, separator = ",") {
        put_text(header, separator);
        put_quoted(header, "", state->strings[i].key);
        put_text(header, ":");
        put_quoted(header, "", state->strings[i].text);
    }
    for (size_t i = 0; i < count; i++, separator = ",") {
        char sum[24];
        snprintf(sum, sizeof sum, "%016" PRIx64, (uint64_t)XXH3_64bits(order[i]->data, order[i]->bytes));
        put_text(header, separator);
        put_quoted(header, RG_NN_CHECKSUM, order[i]->name);
        put_text(header, ":");
        put_quoted(header, "", sum);
    }
    put_text(header, "}");
}

static void put_tensor(text *header, const rg_nn_state_entry *entry, uint64_t offset)
{
    put_quoted(header, "", entry->name);
    put_text(header, ":{\"dtype\":");
    put_quoted(header, "", rg_nn_file_dtype(entry->dtype));
    put_text(header, ",\"shape\":[");
    for (int i = 0; i < entry->shape.rank; i++) {
        if (i > 0) put_text(header, ",");
        put_number(header, (uint64_t)entry->shape.size[i]);
    }
    put_text(header, "],\"data_offsets\":[");
    put_number(header, offset);
    put_text(header, ",");
    put_number(header, offset + entry->bytes);
    put_text(header, "]}");
}

/* Eight bytes of length, then the JSON, padded. */
static void put_header(text *header, const rg_nn_state *state, const rg_nn_state_entry *const *order, size_t count)
{
    uint64_t offset = 0;
    put(header, &offset, sizeof offset);
    put_text(header, "{");
    put_metadata(header, state, order, count);
    for (size_t i = 0; i < count; offset += order[i]->bytes, i++) {
        put_text(header, ",");
        put_tensor(header, order[i], offset);
    }
    put_text(header, "}");
    while (!header->failed && header->used % sizeof(uint64_t) != 0) put_text(header, " ");
    if (header->failed) return;
    uint64_t length = header->used - sizeof length;
    memcpy(header->bytes, &length, sizeof length);
}

/* ---- The file -------------------------------------------------------------------------------------------------- */

bool rg_nn_is_little_endian(void)
{
    static const uint16_t one = 1;
    return *(const unsigned char *)&one == 1;
}

static rg_status write_state(const rg_nn_state *state, const rg_nn_state_entry **order, rg_nn_piece *pieces,
                             const char *path, rg_error *error)
{
    text header = { 0 };
    size_t count = sort_tensors(state, order);
    put_header(&header, state, order, count);
    pieces[0] = (rg_nn_piece){ header.bytes, header.used };
    for (size_t i = 0; i < count; i++) pieces[1 + i] = (rg_nn_piece){ order[i]->data, order[i]->bytes };
    rg_status status = header.failed ? rg_nn_report(error, RG_E_MEMORY, path, "out of memory")
                                     : rg_nn_replace_file(path, pieces, count + 1, error);
    free(header.bytes);
    return status;
}

rg_status rg_nn_state_save(const rg_nn_state *state, const char *path, rg_error *error)
{
    if (!path) return rg_nn_report(error, RG_E_NULL, NULL, "save: no path");
    if (!state) return rg_nn_report(error, RG_E_NULL, path, "the state is NULL");
    if (state->error.status) return rg_nn_report(error, state->error.status, path, "%s", state->error.message);
    if (!rg_nn_is_little_endian())
        return rg_nn_report(error, RG_E_UNSUPPORTED, path, "safetensors are little-endian, this machine is not");

    const rg_nn_state_entry **order = calloc(state->count + 1, sizeof(const rg_nn_state_entry *));
    rg_nn_piece *pieces = calloc(state->count + 1, sizeof *pieces);
    rg_status status = order && pieces ? write_state(state, order, pieces, path, error)
                                       : rg_nn_report(error, RG_E_MEMORY, path, "out of memory");
    free(order);
    free(pieces);
    return status;
}
