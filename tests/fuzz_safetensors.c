/* Any bytes as a safetensors file: as they are, or (if the first is odd) as a header whose length is right, before
 * as many zeros as the second byte says. What is loaded is saved again and must load. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nn.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void put(int file, const void *bytes, size_t count)
{
    if (write(file, bytes, count) != (ssize_t)count) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const uint8_t zeros[256];
    char path[64];
    rg_error error;
    int file = memfd_create("fuzz", 0);
    if (file < 0) abort();
    if (count > 2 && bytes[0] % 2) {
        uint64_t length = count - 2;
        put(file, &length, sizeof length);
        put(file, bytes + 2, count - 2);
        put(file, zeros, bytes[1]);
    } else {
        put(file, bytes, count);
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    rg_nn_state *state = rg_nn_state_load(path, &error);
    if (!state && (error.status == RG_OK || !*error.message)) abort();
    for (size_t i = 0; i < rg_nn_state_count(state); i++) {
        rg_nn_state_tensor tensor = rg_nn_state_at(state, i);
        if (rg_shape_count(tensor.shape) * (int64_t)rg_dtype_size(tensor.dtype) != (int64_t)tensor.bytes) abort();
    }
    if (state) {
        char saved[] = "/tmp/retrograd-fuzz-XXXXXX";
        if (!mkdtemp(saved)) abort();
        char model[80];
        snprintf(model, sizeof model, "%s/model", saved);
        if (rg_nn_state_save(state, model, &error)) abort();
        rg_nn_state *again = rg_nn_state_load(model, &error);
        if (!again || rg_nn_state_count(again) != rg_nn_state_count(state)) abort();
        rg_nn_state_free(again);
        remove(model);
        rmdir(saved);
    }
    rg_nn_state_free(state);
    close(file);
    return 0;
}
