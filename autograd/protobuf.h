/* protobuf.h: writes protobuf messages [protobuf.dev/programming-guides/encoding]. Internal.
 *
 * All it takes are numbers of variable length, and the length of a message before its content: of these few lines a
 * library would save none, and it would want the description of the messages, compiled. */
#ifndef RETROGRAD_PROTOBUF_H
#define RETROGRAD_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros is an empty one; its bytes are to be freed. */
typedef struct {
    unsigned char *bytes;
    size_t count, capacity;
    bool failed;              /* out of memory: what is put after that is not */
} rg_protobuf;

/* A field's key is its number << 3, and one of the last two. */
enum { RG_VARINT_BYTES = 10, RG_NUMBER_KEY = 0, RG_LENGTH_KEY = 2 };

/* Seven bits a byte, the lowest first; how many bytes these are. */
size_t rg_varint(uint64_t number, unsigned char bytes[RG_VARINT_BYTES]);
void rg_protobuf_bytes(rg_protobuf *m, const void *bytes, size_t count);
void rg_protobuf_varint(rg_protobuf *m, uint64_t number);
void rg_protobuf_integer(rg_protobuf *m, unsigned field, int64_t number);
void rg_protobuf_text(rg_protobuf *m, unsigned field, const char *text);
/* A message within, from begin to end, which is given what begin gave. */
size_t rg_protobuf_begin(rg_protobuf *m, unsigned field);
void rg_protobuf_end(rg_protobuf *m, size_t from);

#endif
