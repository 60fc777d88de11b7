/* mnist.c: directories that name their files as MNIST does, and the bundled one. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data_internal.h"

/* Where the bundled digits are, as the build says: in its own tree and once installed. Without a word from
 * it they are where a program that runs in the source tree finds them. */
static const char *const bundled[] = {
#ifdef RG_DATA_DIRECTORY
    RG_DATA_DIRECTORY,
#endif
#ifdef RG_DATA_INSTALLED
    RG_DATA_INSTALLED,
#endif
    "data/digits",
};

/* Every way to write the end of one of the four names. */
static const struct {
    char before_idx;
    const char *after;
} spellings[] = { { '-', "" }, { '-', ".gz" }, { '.', "" }, { '.', ".gz" } };

/* A new string: the path of the first file there is, or if there is none, of one there might be. */
static char *find_file(const char *directory, const char *part, const char *what, int rank)
{
    size_t room = strlen(directory) + 64;
    char *path = malloc(room);
    for (size_t i = 0; path && i < sizeof spellings / sizeof *spellings; i++) {
        snprintf(path, room, "%s/%s-%s%cidx%d-ubyte%s", directory, part, what, spellings[i].before_idx, rank,
                 spellings[i].after);
        if (access(path, F_OK) == 0) break;
    }
    return path;
}

rg_status rg_data_load_mnist_directory(const char *directory, rg_data_part part, rg_data_idx_options options,
                                       rg_data_set *out, rg_error *error)
{
    static const char *const parts[] = { "train", "t10k" };
    if (!out) return rg_data_fail(error, RG_E_NULL, "idx: no place for the result");
    *out = (rg_data_set){ 0 };
    if (!directory) return rg_data_fail(error, RG_E_NULL, "idx: the directory is NULL");
    if (part != RG_DATA_TRAIN && part != RG_DATA_TEST)
        return rg_data_fail(error, RG_E_ARGUMENT, "idx: part %d is neither RG_DATA_TRAIN nor RG_DATA_TEST", (int)part);
    char *images = find_file(directory, parts[part], "images", 3);
    char *labels = find_file(directory, parts[part], "labels", 1);
    rg_status status = images && labels ? rg_data_load_idx(images, labels, options, out, error)
                                        : rg_data_out_of_memory(error);
    free(images);
    free(labels);
    return status;
}

rg_status rg_data_digits(const char *directory, rg_data_part part, rg_data_idx_options options, rg_data_set *out,
                         rg_error *error)
{
    if (!directory) directory = getenv("RG_DATA");
    for (size_t i = 0; !directory && i < sizeof bundled / sizeof *bundled; i++)
        if (access(bundled[i], F_OK) == 0) directory = bundled[i];
    if (directory) return rg_data_load_mnist_directory(directory, part, options, out, error);
    if (out) *out = (rg_data_set){ 0 };
    return rg_data_fail(error, RG_E_FILE, "the bundled digits are not in %s; the environment variable RG_DATA can name "
                        "their directory", bundled[0]);
}
