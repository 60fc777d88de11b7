/* protobuf.c: writes protobuf messages. */
#include "protobuf.h"

#include <string.h>

#include "size.h"

void rg_protobuf_bytes(rg_protobuf *m, const void *bytes, size_t count)
{
    size_t needed;
    m->failed = m->failed || !rg_size_add(m->count, count, &needed) ||
                !rg_grow((void **)&m->bytes, &m->capacity, needed, 1);
    if (m->failed || count == 0) return;
    memcpy(m->bytes + m->count, bytes, count);
    m->count = needed;
}

size_t rg_varint(uint64_t number, unsigned char bytes[RG_VARINT_BYTES])
{
    size_t count = 0;
    for (; number >= 0x80; number >>= 7) bytes[count++] = (unsigned char)(number | 0x80);
    bytes[count++] = (unsigned char)number;
    return count;
}

void rg_protobuf_varint(rg_protobuf *m, uint64_t number)
{
    unsigned char bytes[RG_VARINT_BYTES];
    rg_protobuf_bytes(m, bytes, rg_varint(number, bytes));
}

void rg_protobuf_integer(rg_protobuf *m, unsigned field, int64_t number)
{
    rg_protobuf_varint(m, field << 3 | RG_NUMBER_KEY);
    rg_protobuf_varint(m, (uint64_t)number);
}

void rg_protobuf_text(rg_protobuf *m, unsigned field, const char *text)
{
    const size_t length = strlen(text);
    rg_protobuf_varint(m, field << 3 | RG_LENGTH_KEY);
    rg_protobuf_varint(m, length);
    rg_protobuf_bytes(m, text, length);
}

size_t rg_protobuf_begin(rg_protobuf *m, unsigned field)
{
    rg_protobuf_varint(m, field << 3 | RG_LENGTH_KEY);
    return m->count;
}

/* The length is known only now, and the content makes room for it. */
void rg_protobuf_end(rg_protobuf *m, size_t from)
{
    unsigned char length[RG_VARINT_BYTES];
    if (m->failed) return;
    const size_t content = m->count - from, bytes = rg_varint(content, length);
    rg_protobuf_bytes(m, length, bytes);
    if (m->failed) return;
    memmove(m->bytes + from + bytes, m->bytes + from, content);
    memcpy(m->bytes + from, length, bytes);
}
