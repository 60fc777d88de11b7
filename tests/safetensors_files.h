/* safetensors_files.h: files for tests, below one temporary directory. */
#ifndef RETROGRAD_SAFETENSORS_FILES_H
#define RETROGRAD_SAFETENSORS_FILES_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char test_directory[] = "/tmp/retrograd-test-XXXXXX";

static inline int make_directory(void **state)
{
    (void)state;
    return mkdtemp(test_directory) ? 0 : -1;
}

/* The path of a file of that name; good until the call after the next. */
static inline const char *path_of(const char *name)
{
    static char paths[2][256];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", test_directory, name);
    return paths[turn];
}

static inline int files_in_directory(void)
{
    int count = 0;
    DIR *directory = opendir(test_directory);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) count++;
    if (directory) closedir(directory);
    return count;
}

static inline void empty_directory(void)
{
    DIR *directory = opendir(test_directory);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", test_directory, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove(path);
    }
    if (directory) closedir(directory);
}

static inline int remove_directory(void **state)
{
    (void)state;
    empty_directory();
    return rmdir(test_directory);
}

static inline void write_bytes(const char *name, const void *bytes, size_t count)
{
    FILE *file = fopen(path_of(name), "wb");
    if (!file || fwrite(bytes, 1, count, file) != count || fclose(file) != 0) fail_msg("cannot write %s", name);
}

/* A file with this header, padded with no more than what it says, and `data_bytes` bytes 0, 1, 2, ... */
static inline void write_safetensors(const char *name, const char *header, size_t header_bytes, size_t data_bytes)
{
    unsigned char *bytes = malloc(8 + header_bytes + data_bytes);
    uint64_t length = header_bytes;
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(length >> 8 * i);
    memcpy(bytes + 8, header, header_bytes);
    for (size_t i = 0; i < data_bytes; i++) bytes[8 + header_bytes + i] = (unsigned char)i;
    write_bytes(name, bytes, 8 + header_bytes + data_bytes);
    free(bytes);
}

/* The file's bytes, to be freed, with a null character behind them; NULL if there is none. */
static inline unsigned char *read_bytes(const char *name, size_t *count)
{
    FILE *file = fopen(path_of(name), "rb");
    *count = 0;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *count = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = calloc(*count + 1, 1);
    if (fread(bytes, 1, *count, file) != *count) fail_msg("cannot read %s", name);
    fclose(file);
    return bytes;
}

#endif
