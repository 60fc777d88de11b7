/* output.c: files that are either written wholly or not at all. */
#define _POSIX_C_SOURCE 200809L
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *tool_temporary_path(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 32;
    char *text = malloc(size);

    if (text != NULL)
        snprintf(text, size, "%s%s.%ld%s", path[0] == '-' ? "./" : "", path, (long)getpid(), suffix);
    return text;
}

static bool complain(const char *path, const char *why, char *message, size_t size)
{
    snprintf(message, size, "cannot write %s: %s", path, why);
    return false;
}

/* What stands at the path: nothing or a regular file, something else that can be written to, or neither. */
static bool is_special(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

static bool is_directory(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

bool tool_output_open(tool_output *output, const char *path, char *message, size_t size)
{
    *output = (tool_output){ .path = strdup(path) };
    if (!is_special(path))
        output->temporary = tool_temporary_path(path, ".part");
    if (output->path == NULL || (output->temporary == NULL && !is_special(path))) {
        tool_output_discard(output);
        return complain(path, strerror(ENOMEM), message, size);
    }
    if (is_directory(path)) {
        tool_output_discard(output);
        return complain(path, strerror(EISDIR), message, size);
    }
    bool direct = output->temporary == NULL;
    output->file = fopen(direct ? path : output->temporary, direct ? "wb" : "wbx");
    if (output->file == NULL) {
        int why = errno;
        tool_output_discard(output);
        return complain(path, strerror(why), message, size);
    }
    return true;
}

void tool_output_discard(tool_output *output)
{
    if (output->file != NULL) {
        fclose(output->file);
        if (output->temporary != NULL)
            unlink(output->temporary);
    }
    free(output->temporary);
    free(output->path);
    *output = (tool_output){ 0 };
}

bool tool_output_close(tool_output *output, char *message, size_t size)
{
    bool direct = output->temporary == NULL;
    bool good = ferror(output->file) == 0 && fflush(output->file) == 0 &&
                (direct || fsync(fileno(output->file)) == 0);
    int why = good ? 0 : errno != 0 ? errno : EIO;

    if (good && !direct && rename(output->temporary, output->path) != 0) {
        good = false;
        why = errno;
    }
    if (good) {
        good = fclose(output->file) == 0;
        why = errno;
        output->file = NULL;
    }
    if (!good)
        complain(output->path, strerror(why), message, size);
    tool_output_discard(output);
    return good;
}

bool tool_output_check(const char *path, bool regular, char *message, size_t size)
{
    tool_output output;

    if (is_special(path)) {
        if (regular)
            return complain(path, "not a regular file", message, size);
        return access(path, W_OK) == 0 || complain(path, strerror(errno), message, size);
    }
    if (!tool_output_open(&output, path, message, size))
        return false;
    tool_output_discard(&output);
    return true;
}
