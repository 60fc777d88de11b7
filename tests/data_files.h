/* data_files.h: files for the tests of data/ to read, in a directory of their own. */
#ifndef RETROGRAD_TESTS_DATA_FILES_H
#define RETROGRAD_TESTS_DATA_FILES_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ZLIB_CONST
#include <zlib.h>

#include "data.h"

static char files_directory[256];
static char files_path_room[8][512];

/* Group setup and teardown. */
static inline int files_make_directory(void **state)
{
    (void)state;
    const char *parent = getenv("TMPDIR");
    snprintf(files_directory, sizeof files_directory, "%.200s/retrograd-test-XXXXXX", parent ? parent : "/tmp");
    return mkdtemp(files_directory) ? 0 : -1;
}

/* The path of a file in the directory. The last eight are good at a time. */
static inline const char *files_path(const char *name)
{
    static unsigned used;
    char *path = files_path_room[used++ % 8];
    snprintf(path, sizeof files_path_room[0], "%s/%s", files_directory, name);
    return path;
}

static inline int files_remove_directory(void **state)
{
    (void)state;
    DIR *directory = opendir(files_directory);
    if (!directory) return -1;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.') remove(files_path(entry->d_name));
    closedir(directory);
    return rmdir(files_directory);
}

static inline const char *files_write(const char *name, const void *bytes, size_t size)
{
    const char *path = files_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline const char *files_write_text(const char *name, const char *text)
{
    return files_write(name, text, strlen(text));
}

static inline const char *files_write_gzip(const char *name, const void *bytes, size_t size)
{
    const char *path = files_path(name);
    gzFile file = gzopen(path, "wb9");
    assert_non_null(file);
    if (size > 0) assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

/* Nothing to free, nothing to mistake for a result. */
static inline void assert_empty_set(const rg_data_set *set)
{
    static const rg_data_set empty;
    assert_int_equal(set->count, 0);
    assert_int_equal(set->width, 0);
    assert_int_equal(set->classes, 0);
    assert_int_equal(set->shape.rank, empty.shape.rank);
    assert_null(set->features);
    assert_null(set->bytes);
    assert_null(set->labels);
    assert_null(set->targets);
    assert_null(set->feature_names);
    assert_null(set->class_names);
}

/* The status, and what the message must say. */
static inline void assert_error(rg_status status, const rg_error *error, rg_status expected, const char *part)
{
    if (status != expected || error->status != expected || !strstr(error->message, part))
        fail_msg("%s \"%s\", expected %s \"%s\"", rg_status_name(status), error->message, rg_status_name(expected),
                 part);
}

static inline void assert_ok(rg_status status, const rg_error *error)
{
    if (status != RG_OK) fail_msg("%s: %s", rg_status_name(status), error->message);
}

#endif
