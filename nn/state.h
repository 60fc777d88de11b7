/* state.h: a state, and what reading and writing one share. Internal. */
#ifndef RETROGRAD_NN_STATE_H
#define RETROGRAD_NN_STATE_H

#define RG_NO_SITES
#include "nn.h"
#include "size.h"

#define RG_NN_METADATA "__metadata__"
#define RG_NN_CHECKSUM "xxh3:"

typedef struct {
    char *name;
    rg_dtype dtype;
    rg_shape shape;
    size_t bytes;
    const void *data;
    void *copy; /* of its own, or NULL */
} rg_nn_state_entry;

typedef struct {
    char *key, *text;
} rg_nn_state_string;

struct rg_nn_state {
    rg_nn_state_entry *entries;
    size_t count, capacity;
    rg_nn_state_string *strings;
    size_t string_count, string_capacity;
    void *block; /* the numbers of a state that was loaded */
    rg_error error;
};

/* Appends without a look at names that are there already. False when out of memory. */
bool rg_nn_state_append(rg_nn_state *state, rg_nn_state_entry entry, const char *name);
bool rg_nn_state_append_string(rg_nn_state *state, const char *key, const char *text);

/* "F32" for RG_F32 and back; NULL and RG_NO_DTYPE for what the format or the library does not know. */
const char *rg_nn_file_dtype(rg_dtype dtype);
rg_dtype rg_nn_dtype_of_file(const char *name);

bool rg_nn_is_utf8(const char *text, size_t length);
bool rg_nn_is_little_endian(void);

/* A name from outside as it may stand in a message: without control characters, and its end if it is long. */
#define RG_NN_SHOWN 112
const char *rg_nn_show(char shown[RG_NN_SHOWN], const char *text);

/* Fills in the error, if there is one, with "path: ..."; without a path if that is NULL. Returns the status. */
rg_status rg_nn_report(rg_error *error, rg_status status, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

typedef struct {
    const void *data;
    size_t bytes;
} rg_nn_piece;

/* Puts a file of these pieces in the place of `path`, or leaves what was there. */
rg_status rg_nn_replace_file(const char *path, const rg_nn_piece *pieces, size_t count, rg_error *error);

#endif
