/* output.h: files that are either written wholly or not at all. */
#ifndef RETROGRAD_TOOLS_OUTPUT_H
#define RETROGRAD_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A file being written: under another name beside its own until it is complete. A path that is no regular
 * file (a pipe, a terminal) is written directly. */
typedef struct {
    FILE *file;
    char *path, *temporary; /* temporary is NULL when writing directly */
} tool_output;

/* Each returns false with a message that names the path. */

/* Whether the path could be opened, tried out; nothing is left behind. For a file that is written after long
 * work. regular: nothing but a regular file will do. */
bool tool_output_check(const char *path, bool regular, char *message, size_t size);
bool tool_output_open(tool_output *output, const char *path, char *message, size_t size);
/* Brings the file to the disk and under its own name. The output is closed whatever happens. */
bool tool_output_close(tool_output *output, char *message, size_t size);
/* Closes the output and leaves no trace of it. */
void tool_output_discard(tool_output *output);

/* The path with something behind it that no other process puts there, and nothing before it that a program
 * might take for an option; NULL when out of memory. To be freed. */
char *tool_temporary_path(const char *path, const char *suffix);

#endif
