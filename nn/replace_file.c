/* replace_file.c: a file appears whole or not at all. It is written beside the old one, brought to the disk and
 * renamed; then the directory, which holds the name, is brought to the disk too. Everything is relative to the
 * directory opened first, so that it stays the same directory throughout. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state.h"

#define ATTEMPTS 1000

static bool write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

static bool write_pieces(int file, const rg_nn_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!write_all(file, pieces[i].data, pieces[i].bytes)) return false;
    return true;
}

/* A file of a new name in the directory, or -1. */
static int create_temporary(int directory, char *name, size_t size)
{
    int file = -1;
    for (int i = 0; i < ATTEMPTS && file < 0; i++) {
        snprintf(name, size, ".retrograd-%ld-%d.tmp", (long)getpid(), i);
        file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0 && errno != EEXIST) break;
    }
    return file;
}

/* Fills a new file and renames it. On a failure the new file goes and errno says why. `old` is what stands in its
 * place, or NULL. */
static bool write_and_rename(int directory, const char *base, const struct stat *old, const rg_nn_piece *pieces,
                             size_t count)
{
    char temporary[64];
    int file = create_temporary(directory, temporary, sizeof temporary);
    if (file < 0) return false;
    bool written = write_pieces(file, pieces, count) && (!old || fchmod(file, old->st_mode & 0777) == 0) &&
                   fsync(file) == 0;
    int reason = errno;
    if (close(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && renameat(directory, temporary, directory, base) != 0) {
        written = false;
        reason = errno;
    }
    if (!written) unlinkat(directory, temporary, 0);
    errno = reason;
    return written;
}

static rg_status replace_in(int directory, const char *base, const char *path, const rg_nn_piece *pieces, size_t count,
                            rg_error *error)
{
    struct stat old;
    bool exists = fstatat(directory, base, &old, 0) == 0;
    if (exists && !S_ISREG(old.st_mode)) return rg_nn_report(error, RG_E_FILE, path, "not a regular file");
    if (!write_and_rename(directory, base, exists ? &old : NULL, pieces, count))
        return rg_nn_report(error, RG_E_FILE, path, "cannot be written: %s", strerror(errno));
    /* Some file systems have nothing to bring to the disk for a directory and say EINVAL. */
    if (fsync(directory) != 0 && errno != EINVAL)
        return rg_nn_report(error, RG_E_FILE, path, "written, but may not outlast a power failure: %s",
                            strerror(errno));
    return RG_OK;
}

rg_status rg_nn_replace_file(const char *path, const rg_nn_piece *pieces, size_t count, rg_error *error)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (!*base) return rg_nn_report(error, RG_E_FILE, path, "not the name of a file");
    size_t length = slash ? (size_t)(slash - path) + 1 : 2;
    char *folder = malloc(length + 1);
    if (!folder) return rg_nn_report(error, RG_E_MEMORY, path, "out of memory");
    memcpy(folder, slash ? path : "./", length);
    folder[length] = '\0';

    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rg_status status = directory < 0
                           ? rg_nn_report(error, RG_E_FILE, path, "cannot open its directory: %s", strerror(errno))
                           : replace_in(directory, base, path, pieces, count, error);
    if (directory >= 0) close(directory);
    free(folder);
    return status;
}
