/* source.c: the bytes of a file or of memory, decompressed on the way if they are gzip [RFC 1952]. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data_internal.h"

/* Deflate cannot say more than 258 bytes in two bits, so this bounds what a compressed file can hold. */
#define MOST_PER_COMPRESSED_BYTE 1032
/* Memory for content whose size is not known: at first this much, see larger_room. */
#define FIRST_BLOCK 65536
/* The longest part of a path that a message shows, its end. */
#define NAME_SHOWN 160

static rg_status fail_system(rg_error *error, const char *what, const char *name)
{
    int number = errno;
    char reason[128] = "";
    if (strerror_r(number, reason, sizeof reason) != 0 || reason[0] == '\0')
        return rg_data_fail(error, RG_E_FILE, "%s: cannot %s (error %d)", name, what, number);
    return rg_data_fail(error, RG_E_FILE, "%s: cannot %s: %s", name, what, reason);
}

/* Gets more stored bytes if none are at hand; available stays 0 at the end. */
static rg_status refill(rg_data_source *source, rg_error *error)
{
    if (source->available > 0 || source->descriptor < 0) return RG_OK;
    ssize_t got;
    do {
        got = read(source->descriptor, source->buffer, sizeof source->buffer);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return fail_system(error, "read", source->name);
    source->next = source->buffer;
    source->available = (size_t)got;
    return RG_OK;
}

/* Looks at the first bytes for gzip's magic number. stored: how many bytes there are, -1 if not known. */
static rg_status recognise(rg_data_source *source, int64_t stored, rg_error *error)
{
    rg_status status = refill(source, error);
    if (status != RG_OK) return status;
    source->stored = stored;
    source->most = stored < 0 ? INT64_MAX : stored;
    if (source->available < 2 || source->next[0] != 0x1f || source->next[1] != 0x8b) return RG_OK;
    source->most = stored < 0 || stored > INT64_MAX / MOST_PER_COMPRESSED_BYTE ? INT64_MAX
                                                                               : stored * MOST_PER_COMPRESSED_BYTE;
    if (inflateInit2(&source->inflater, 15 + 16) != Z_OK) return rg_data_out_of_memory(error);
    source->gzip = true;
    return RG_OK;
}

rg_status rg_data_source_open(rg_data_source *source, const char *path, rg_error *error)
{
    *source = (rg_data_source){ .descriptor = -1 };
    if (!path) return rg_data_fail(error, RG_E_NULL, "the path is NULL");
    size_t length = strlen(path);
    source->name = length > NAME_SHOWN ? path + length - NAME_SHOWN : path;
    source->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (source->descriptor < 0) return fail_system(error, "open", source->name);
    struct stat facts;
    if (fstat(source->descriptor, &facts) != 0) return fail_system(error, "read", source->name);
    return recognise(source, S_ISREG(facts.st_mode) ? (int64_t)facts.st_size : -1, error);
}

rg_status rg_data_source_open_memory(rg_data_source *source, const char *name, const void *bytes, size_t size,
                                     rg_error *error)
{
    *source = (rg_data_source){ .name = name, .descriptor = -1, .next = bytes, .available = size };
    return recognise(source, (int64_t)size, error);
}

void rg_data_source_close(rg_data_source *source)
{
    if (source->gzip) inflateEnd(&source->inflater);
    if (source->descriptor >= 0) close(source->descriptor);
    source->gzip = false;
    source->descriptor = -1;
}

static rg_status fail_gzip(const rg_data_source *source, int code, rg_error *error)
{
    if (code == Z_MEM_ERROR) return rg_data_out_of_memory(error);
    if (source->between)
        return rg_data_fail(error, RG_E_FORMAT, "%s: trailing bytes after the gzip data", source->name);
    return rg_data_fail(error, RG_E_FORMAT, "%s: damaged gzip data: %s", source->name,
                        source->inflater.msg ? source->inflater.msg : "unknown reason");
}

/* Decompresses at least one byte, unless the end has come. */
static rg_status decompress(rg_data_source *source, unsigned char *out, size_t room, size_t *got, rg_error *error)
{
    z_stream *inflater = &source->inflater;
    for (*got = 0; *got == 0;) {
        rg_status status = refill(source, error);
        if (status != RG_OK) return status;
        if (source->available == 0) {
            if (source->between) return RG_OK;
            return rg_data_fail(error, RG_E_FORMAT, "%s: truncated: ends inside gzip data", source->name);
        }
        if (source->between) inflateReset(inflater);
        uInt given = source->available < UINT_MAX ? (uInt)source->available : UINT_MAX;
        uInt space = room < UINT_MAX ? (uInt)room : UINT_MAX;
        inflater->next_in = source->next;
        inflater->avail_in = given;
        inflater->next_out = out;
        inflater->avail_out = space;
        int code = inflate(inflater, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return fail_gzip(source, code, error);
        source->between = code == Z_STREAM_END;
        source->next += given - inflater->avail_in;
        source->available -= given - inflater->avail_in;
        source->used += given - inflater->avail_in;
        *got = space - inflater->avail_out;
    }
    return RG_OK;
}

/* Hands out at least one byte, unless the end has come. */
static rg_status read_some(rg_data_source *source, unsigned char *out, size_t room, size_t *got, rg_error *error)
{
    if (source->gzip) return decompress(source, out, room, got, error);
    *got = 0;
    rg_status status = refill(source, error);
    if (status != RG_OK || source->available == 0) return status;
    *got = room < source->available ? room : source->available;
    memcpy(out, source->next, *got);
    source->next += *got;
    source->available -= *got;
    return RG_OK;
}

rg_status rg_data_source_read(rg_data_source *source, void *out, size_t wanted, size_t *got, rg_error *error)
{
    for (*got = 0; *got < wanted;) {
        size_t some;
        rg_status status = read_some(source, (unsigned char *)out + *got, wanted - *got, &some, error);
        if (status != RG_OK) return status;
        if (some == 0) break;
        *got += some;
    }
    return RG_OK;
}

/* What there should be room for after this many bytes have come: twice as many, or, if that is more, a quarter above
 * what the whole file makes if it goes on as it began. So little of what has come is copied to a larger block. */
static size_t larger_room(const rg_data_source *source, size_t size, size_t most)
{
    double expected = 0;
    if (source->gzip && source->stored > 0)
        expected = 1.25 * (double)size * (double)source->stored / (double)source->used;
    if (size > most / 2 || expected >= (double)most) return most;
    return expected > 2 * (double)size ? (size_t)expected : 2 * size;
}

rg_status rg_data_source_read_all(rg_data_source *source, int64_t limit, unsigned char **bytes, size_t *size,
                                  rg_error *error)
{
    /* A plain file's size is a fact, not a claim; one byte more lets its end be seen without growing. */
    int64_t expected = source->gzip || source->most == INT64_MAX ? FIRST_BLOCK : source->most + 1;
    size_t room = (size_t)(expected < limit ? expected : limit);
    size_t most = limit < PTRDIFF_MAX ? (size_t)limit : PTRDIFF_MAX - 1;
    unsigned char *block = NULL;
    *bytes = NULL;
    for (*size = 0;;) {
        unsigned char *larger = realloc(block, room + 1);
        if (!larger) {
            free(block);
            return rg_data_out_of_memory(error);
        }
        block = larger;
        size_t got;
        rg_status status = rg_data_source_read(source, block + *size, room - *size, &got, error);
        if (status != RG_OK) {
            free(block);
            return status;
        }
        *size += got;
        if (*size < room || room == most) break;
        room = larger_room(source, *size, most);
    }
    block[*size] = 0;
    *bytes = block;
    return RG_OK;
}
