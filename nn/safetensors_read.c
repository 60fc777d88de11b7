/* safetensors_read.c: the bytes of a safetensors file as a state. The file is not trusted: what it says is
 * believed only after it has been compared with what is there. */
#define _POSIX_C_SOURCE 200809L
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "state.h"

#define LARGEST_HEADER UINT64_C(100000000) /* the limit of the format's own library */
#define LARGEST_INTEGER 9007199254740992.0 /* 2^53: up to here a JSON number is exact */

/* What the header says of one tensor. */
typedef struct {
    const char *name;
    rg_dtype dtype;
    rg_shape shape;
    uint64_t begin, end; /* within the data */
    void *data;
} record;

typedef struct {
    const char *path;
    int file;
    uint64_t data_start, data_bytes;
    cJSON *json;
    const cJSON *metadata;  /* or NULL */
    record *records;        /* in the order of the header */
    record **sorted;        /* the same, by place or by name */
    size_t count;
    rg_error *error;
} reader;

static rg_status malformed(const reader *r, const char *what)
{
    return rg_nn_report(r->error, RG_E_FORMAT, r->path, "%s", what);
}

static rg_status tensor_fault(const reader *r, rg_status status, const char *name, const char *what)
{
    char shown[RG_NN_SHOWN];
    return rg_nn_report(r->error, status, r->path, "tensor \"%s\": %s", rg_nn_show(shown, name), what);
}

static rg_status out_of_memory(const reader *r)
{
    return rg_nn_report(r->error, RG_E_MEMORY, r->path, "out of memory");
}

static rg_status read_at(const reader *r, void *bytes, uint64_t count, uint64_t offset)
{
    for (char *to = bytes; count > 0;) {
        ssize_t got = pread(r->file, to, (size_t)count, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return rg_nn_report(r->error, RG_E_FILE, r->path, "cannot be read: %s", strerror(errno));
        if (got == 0) return malformed(r, "ends early");
        to += got;
        offset += (uint64_t)got;
        count -= (uint64_t)got;
    }
    return RG_OK;
}

/* ---- The header as text ------------------------------------------------------------------------------------------ */

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

/* What the JSON parser would let pass: other encodings, control characters, and a null character in a name, which
 * would end it early. */
static const char *text_fault(const char *header, size_t length)
{
    if (header[0] != '{') return "the header does not begin with {";
    if (!rg_nn_is_utf8(header, length)) return "the header is not UTF-8";
    for (size_t i = 0; i < length; i++) {
        if (is_control(header[i])) return "the header holds a control character";
        if (header[i] != '\\') continue;
        if (length - i >= 6 && memcmp(header + i, "\\u0000", 6) == 0) return "the header holds a null character";
        i++;
    }
    return NULL;
}

static rg_status parse_header(reader *r, const char *header, size_t length)
{
    const char *fault = text_fault(header, length), *end = header;
    if (fault) return malformed(r, fault);
    errno = 0;
    r->json = cJSON_ParseWithLengthOpts(header, length, &end, 0);
    if (!r->json && errno == ENOMEM) return out_of_memory(r);
    if (!r->json)
        return rg_nn_report(r->error, RG_E_FORMAT, r->path, "the header is not JSON near its byte %zu",
                            (size_t)(end - header));
    for (; end < header + length; end++)
        if (*end != ' ') return malformed(r, "the header goes on after its JSON");
    return RG_OK;
}

/* Reads the length, believes it if the file is long enough for it, and reads the header. */
static rg_status read_header(reader *r)
{
    struct stat status;
    if (fstat(r->file, &status) != 0)
        return rg_nn_report(r->error, RG_E_FILE, r->path, "cannot be read: %s", strerror(errno));
    if (!S_ISREG(status.st_mode)) return rg_nn_report(r->error, RG_E_FILE, r->path, "not a regular file");
    uint64_t size = (uint64_t)status.st_size, length = 0;
    if (size < sizeof length) return malformed(r, "too short for a safetensors file");
    rg_status result = read_at(r, &length, sizeof length, 0);
    if (result) return result;
    if (length > size - sizeof length)
        return rg_nn_report(r->error, RG_E_FORMAT, r->path,
                            "the header should have %" PRIu64 " bytes, and the file has only %" PRIu64, length, size);
    if (length > LARGEST_HEADER) return malformed(r, "the header is larger than 100 MB");
    if (length < 2) return malformed(r, "the header is empty");
    r->data_start = sizeof length + length;
    r->data_bytes = size - r->data_start;

    char *header = malloc((size_t)length);
    if (!header) return out_of_memory(r);
    result = read_at(r, header, length, sizeof length);
    if (!result) result = parse_header(r, header, (size_t)length);
    free(header);
    return result;
}

/* ---- The header as records --------------------------------------------------------------------------------------- */

static bool get_integer(const cJSON *item, double most, uint64_t *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0.0 && item->valuedouble <= most)) return false;
    *value = (uint64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}

static rg_status get_dtype(const reader *r, record *tensor, const cJSON *dtype)
{
    char what[160], shown[RG_NN_SHOWN];
    if (!cJSON_IsString(dtype)) return tensor_fault(r, RG_E_FORMAT, tensor->name, "dtype is not a string");
    tensor->dtype = rg_nn_dtype_of_file(dtype->valuestring);
    if (tensor->dtype) return RG_OK;
    snprintf(what, sizeof what, "dtype %s is not F32, F64, I32 or I64", rg_nn_show(shown, dtype->valuestring));
    return tensor_fault(r, RG_E_DTYPE, tensor->name, what);
}

static rg_status get_shape(const reader *r, record *tensor, const cJSON *shape)
{
    if (!cJSON_IsArray(shape)) return tensor_fault(r, RG_E_FORMAT, tensor->name, "shape is not a list");
    const cJSON *item;
    cJSON_ArrayForEach(item, shape) {
        uint64_t size;
        if (!get_integer(item, LARGEST_INTEGER, &size))
            return tensor_fault(r, RG_E_FORMAT, tensor->name, "shape holds something else than sizes");
        if (tensor->shape.rank == RG_MAX_RANK)
            return tensor_fault(r, RG_E_SHAPE, tensor->name, "more than " RG_STRING(RG_MAX_RANK) " dimensions");
        tensor->shape.size[tensor->shape.rank++] = (int64_t)size;
    }
    return RG_OK;
}

static rg_status get_range(const reader *r, record *tensor, const cJSON *offsets)
{
    const cJSON *first = cJSON_IsArray(offsets) ? offsets->child : NULL, *second = first ? first->next : NULL;
    if (!second || second->next || !get_integer(first, LARGEST_INTEGER, &tensor->begin) ||
        !get_integer(second, LARGEST_INTEGER, &tensor->end))
        return tensor_fault(r, RG_E_FORMAT, tensor->name, "data_offsets are not two offsets");
    if (tensor->begin > tensor->end) return tensor_fault(r, RG_E_FORMAT, tensor->name, "ends before it begins");
    if (tensor->end > r->data_bytes)
        return tensor_fault(r, RG_E_FORMAT, tensor->name, "reaches beyond the end of the file");

    size_t bytes;
    int64_t count = rg_shape_count(tensor->shape);
    if (count < 0 || !rg_size_mul((size_t)count, rg_dtype_size(tensor->dtype), &bytes) ||
        bytes != tensor->end - tensor->begin)
        return tensor_fault(r, RG_E_FORMAT, tensor->name, "its shape does not fit its bytes");
    return RG_OK;
}

/* Three members, and each of the three is there: so none occurs twice and there is no other. */
static rg_status get_record(const reader *r, record *tensor, const cJSON *item)
{
    tensor->name = item->string;
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    if (!*tensor->name) return malformed(r, "a tensor has an empty name");
    if (!cJSON_IsObject(item) || cJSON_GetArraySize(item) != 3 || !dtype || !shape || !offsets)
        return tensor_fault(r, RG_E_FORMAT, tensor->name, "should have dtype, shape and data_offsets");
    rg_status status = get_dtype(r, tensor, dtype);
    if (!status) status = get_shape(r, tensor, shape);
    if (!status) status = get_range(r, tensor, offsets);
    return status;
}

static rg_status get_records(reader *r)
{
    size_t most = (size_t)cJSON_GetArraySize(r->json);
    r->records = calloc(most + 1, sizeof *r->records);
    r->sorted = calloc(most + 1, sizeof *r->sorted);
    if (!r->records || !r->sorted) return out_of_memory(r);
    const cJSON *item;
    cJSON_ArrayForEach(item, r->json) {
        if (strcmp(item->string, RG_NN_METADATA) == 0) {
            if (r->metadata) return malformed(r, RG_NN_METADATA " occurs twice");
            if (!cJSON_IsObject(item)) return malformed(r, RG_NN_METADATA " is not an object");
            r->metadata = item;
            continue;
        }
        rg_status status = get_record(r, &r->records[r->count], item);
        if (status) return status;
        r->sorted[r->count] = &r->records[r->count];
        r->count++;
    }
    return RG_OK;
}

/* ---- The records together ---------------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
    const record *const *left = a, *const *right = b;
    int order = compare((*left)->begin, (*right)->begin);
    return order ? order : compare((*left)->end, (*right)->end);
}

static int by_name(const void *a, const void *b)
{
    const record *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static rg_status check_records(const reader *r)
{
    uint64_t covered = 0;
    qsort(r->sorted, r->count, sizeof *r->sorted, by_place);
    for (size_t i = 0; i < r->count; i++) {
        const record *tensor = r->sorted[i];
        if (tensor->begin < covered) return tensor_fault(r, RG_E_FORMAT, tensor->name, "overlaps another");
        if (tensor->begin > covered) return tensor_fault(r, RG_E_FORMAT, tensor->name, "begins after a gap");
        covered = tensor->end;
    }
    if (covered < r->data_bytes)
        return rg_nn_report(r->error, RG_E_FORMAT, r->path, "%" PRIu64 " bytes at the end belong to no tensor",
                            r->data_bytes - covered);
    qsort(r->sorted, r->count, sizeof *r->sorted, by_name);
    for (size_t i = 1; i < r->count; i++)
        if (strcmp(r->sorted[i - 1]->name, r->sorted[i]->name) == 0)
            return tensor_fault(r, RG_E_FORMAT, r->sorted[i]->name, "the name occurs twice");
    return RG_OK;
}

/* ---- The metadata ------------------------------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b)
{
    const cJSON *const *left = a, *const *right = b;
    return strcmp((*left)->string, (*right)->string);
}

static rg_status metadata_fault(const reader *r, const char *key, const char *what)
{
    char shown[RG_NN_SHOWN];
    return rg_nn_report(r->error, RG_E_FORMAT, r->path, "metadata \"%s\": %s", rg_nn_show(shown, key), what);
}

static const char *checksum_of(const char *key)
{
    size_t prefix = sizeof RG_NN_CHECKSUM - 1;
    return strncmp(key, RG_NN_CHECKSUM, prefix) == 0 ? key + prefix : NULL;
}

static rg_status check_metadata(const reader *r)
{
    size_t count = r->metadata ? (size_t)cJSON_GetArraySize(r->metadata) : 0, used = 0;
    const cJSON **sorted = calloc(count + 1, sizeof(const cJSON *)), *item;
    if (!sorted) return out_of_memory(r);
    rg_status status = RG_OK;
    cJSON_ArrayForEach(item, r->metadata) {
        sorted[used++] = item;
        if (!status && !cJSON_IsString(item)) status = metadata_fault(r, item->string, "not a string");
    }
    qsort(sorted, count, sizeof(const cJSON *), by_key);
    for (size_t i = 1; i < count && !status; i++)
        if (strcmp(sorted[i - 1]->string, sorted[i]->string) == 0)
            status = metadata_fault(r, sorted[i]->string, "the key occurs twice");
    free(sorted);
    return status;
}

/* Whether the tensor's bytes have the sum that the metadata says. */
static rg_status check_sum(const reader *r, const cJSON *item)
{
    record key = { .name = checksum_of(item->string) }, *wanted = &key;
    record *const *found = bsearch(&wanted, r->sorted, r->count, sizeof *r->sorted, by_name);
    if (!found) return metadata_fault(r, item->string, "a checksum of a tensor that is not there");
    const record *tensor = *found;
    char sum[24];
    size_t bytes = (size_t)(tensor->end - tensor->begin);
    snprintf(sum, sizeof sum, "%016" PRIx64, (uint64_t)XXH3_64bits(tensor->data, bytes));
    if (strcmp(sum, item->valuestring) == 0) return RG_OK;
    return tensor_fault(r, RG_E_FORMAT, tensor->name, "damaged: its bytes do not have the checksum of the metadata");
}

/* ---- The state --------------------------------------------------------------------------------------------------- */

/* One block for the numbers, each tensor aligned in it wherever it stands in the file. */
static rg_status read_tensors(const reader *r, rg_nn_state *state)
{
    size_t total = RG_ALIGNMENT, used = 0;
    for (size_t i = 0; i < r->count; i++)
        if (!rg_size_add(total, (size_t)(r->records[i].end - r->records[i].begin), &total) ||
            !rg_size_align(total, RG_ALIGNMENT, &total))
            return out_of_memory(r);
    char *block = state->block = aligned_alloc(RG_ALIGNMENT, total);
    if (!block) return out_of_memory(r);
    for (size_t i = 0; i < r->count; i++) {
        record *tensor = &r->records[i];
        size_t bytes = (size_t)(tensor->end - tensor->begin);
        tensor->data = block + used;
        rg_status status = read_at(r, tensor->data, bytes, r->data_start + tensor->begin);
        if (status) return status;
        rg_nn_state_entry entry = { .dtype = tensor->dtype, .shape = tensor->shape, .bytes = bytes,
                                    .data = tensor->data };
        if (!rg_nn_state_append(state, entry, tensor->name)) return out_of_memory(r);
        used += bytes + (RG_ALIGNMENT - bytes % RG_ALIGNMENT) % RG_ALIGNMENT;
    }
    return RG_OK;
}

static rg_status read_metadata(const reader *r, rg_nn_state *state)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, r->metadata) {
        rg_status status = RG_OK;
        if (checksum_of(item->string))
            status = check_sum(r, item);
        else if (!rg_nn_state_append_string(state, item->string, item->valuestring))
            status = out_of_memory(r);
        if (status) return status;
    }
    return RG_OK;
}

static rg_nn_state *read_state(reader *r)
{
    rg_status status = read_header(r);
    if (!status) status = get_records(r);
    if (!status) status = check_records(r);
    if (!status) status = check_metadata(r);
    if (status) return NULL;
    rg_nn_state *state = rg_nn_state_new();
    if (!state) {
        out_of_memory(r);
        return NULL;
    }
    status = read_tensors(r, state);
    if (!status) status = read_metadata(r, state);
    if (!status) return state;
    rg_nn_state_free(state);
    return NULL;
}

rg_nn_state *rg_nn_state_load(const char *path, rg_error *error)
{
    reader r = { .path = path, .error = error };
    if (!path) {
        rg_nn_report(error, RG_E_NULL, NULL, "load: no path");
        return NULL;
    }
    if (!rg_nn_is_little_endian()) {
        rg_nn_report(error, RG_E_UNSUPPORTED, path, "safetensors are little-endian, this machine is not");
        return NULL;
    }
    /* Not blocking, so that a pipe without a writer is refused instead of waited for. */
    r.file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (r.file < 0) {
        rg_nn_report(error, RG_E_FILE, path, "cannot be opened: %s", strerror(errno));
        return NULL;
    }
    rg_nn_state *state = read_state(&r);
    close(r.file);
    cJSON_Delete(r.json);
    free(r.records);
    free(r.sorted);
    return state;
}
