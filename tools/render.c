/* render.c: what can be shown, in a file. `dot` is started without a shell, so that no character of a
 * path means anything to anyone. */
#define _POSIX_C_SOURCE 200809L
#include "render.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

extern char **environ;

enum { TIME_LIMIT = 60, POLLS_A_SECOND = 100 };

const tool_kind *tool_kind_of(const tool_kind *kinds, const char *path)
{
    size_t length = strlen(path);

    for (; kinds->ending != NULL; kinds++) {
        size_t ending = strlen(kinds->ending);
        if (length > ending && strcmp(path + length - ending, kinds->ending) == 0)
            return kinds;
    }
    return NULL;
}

/* Waits for a child, at most for the time limit. Returns its exit status, or -1 if it did not end by itself. */
static int wait_for(pid_t child)
{
    const struct timespec pause = { .tv_nsec = 1000000000 / POLLS_A_SECOND };
    int status;

    for (int i = 0; i < TIME_LIMIT * POLLS_A_SECOND; i++) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (ended < 0 && errno != EINTR)
            return -1;
        nanosleep(&pause, NULL);
    }
    kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return -1;
}

/* Runs dot with these arguments; what it says goes to `said`. Returns 0 and its exit status (see wait_for), or the
 * error number of starting it. */
static int run_dot(char *const *arguments, FILE *said, int *status)
{
    posix_spawn_file_actions_t files;
    pid_t child;
    int error = posix_spawn_file_actions_init(&files);

    if (error != 0)
        return error;
    error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    for (int stream = 1; stream <= 2 && error == 0; stream++)
        error = posix_spawn_file_actions_adddup2(&files, fileno(said), stream);
    if (error == 0)
        error = posix_spawnp(&child, "dot", &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    if (error == 0)
        *status = wait_for(child);
    return error;
}

static void first_line(FILE *said, char *text, size_t size)
{
    rewind(said);
    if (fgets(text, (int)size, said) == NULL)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

bool tool_find_graphviz(char *version, size_t size)
{
    char program[] = "dot", flag[] = "-V";
    char *arguments[] = { program, flag, NULL };
    FILE *said = tmpfile();
    int status = -1;
    bool found = said != NULL && run_dot(arguments, said, &status) == 0 && status == 0;

    version[0] = '\0';
    if (found)
        first_line(said, version, size);
    if (said != NULL)
        fclose(said);
    return found;
}

static bool write_text(const char *path, tool_writer *write, const void *shown, const rg_tape *tape, char *message,
                       size_t size)
{
    tool_output output;

    if (!tool_output_open(&output, path, message, size))
        return false;
    rg_status status = write(output.file, shown);
    if (status == RG_OK)
        return tool_output_close(&output, message, size);
    tool_output_discard(&output);
    snprintf(message, size, "cannot write %s: %s", path,
             tape != NULL && rg_failed(tape) ? rg_message(tape) : rg_status_name(status));
    return false;
}

/* Has dot make `picture` of the DOT text at `text`. */
static tool_drawing render(const char *path, const char *kind, char *text, char *picture, char *message, size_t size)
{
    char program[] = "dot", format[8], to[] = "-o", line[160] = "";
    char *arguments[] = { program, format, to, picture, text, NULL };
    FILE *said = tmpfile();
    int status = -1, error = said == NULL ? errno : 0;

    snprintf(format, sizeof format, "-T%s", kind + 1);
    if (said != NULL) {
        error = run_dot(arguments, said, &status);
        first_line(said, line, sizeof line);
        fclose(said);
    }
    if (error == ENOENT)
        return TOOL_DRAWN_AS_DOT;
    if (error != 0)
        snprintf(message, size, "cannot write %s: cannot run dot: %s", path, strerror(error));
    else if (status == -1)
        snprintf(message, size, "cannot write %s: dot was ended or took more than %d s", path, TIME_LIMIT);
    else if (status != 0)
        snprintf(message, size, "cannot write %s: dot failed: %s", path, line);
    else if (rename(picture, path) != 0)
        snprintf(message, size, "cannot write %s: %s", path, strerror(errno));
    else
        return TOOL_DRAWN;
    return TOOL_NOT_DRAWN;
}

/* Puts the DOT text where it can be found: graph.dot for graph.svg. */
static tool_drawing keep_dot(const char *path, const char *kind, const char *text, char *message, size_t size)
{
    size_t stem = strlen(path) - strlen(kind);
    char *beside = malloc(stem + sizeof ".dot");

    if (beside == NULL) {
        snprintf(message, size, "cannot write %s: %s", path, strerror(ENOMEM));
        return TOOL_NOT_DRAWN;
    }
    memcpy(beside, path, stem);
    memcpy(beside + stem, ".dot", sizeof ".dot");
    tool_drawing result = rename(text, beside) == 0 ? TOOL_DRAWN_AS_DOT : TOOL_NOT_DRAWN;
    if (result == TOOL_DRAWN_AS_DOT)
        snprintf(message, size, "no Graphviz here to draw %s: wrote %s instead; install graphviz for pictures", path,
                 beside);
    else
        snprintf(message, size, "cannot write %s: %s", beside, strerror(errno));
    free(beside);
    return result;
}

tool_drawing tool_draw(const char *path, const tool_kind *kinds, const void *shown, const rg_tape *tape, char *message,
                       size_t size)
{
    const tool_kind *kind = tool_kind_of(kinds, path);
    tool_drawing result = TOOL_NOT_DRAWN;

    if (kind == NULL) {
        snprintf(message, size, "cannot write %s: its name ends in nothing that is known here", path);
        return TOOL_NOT_DRAWN;
    }
    if (!kind->picture)
        return write_text(path, kind->write, shown, tape, message, size) ? TOOL_DRAWN : TOOL_NOT_DRAWN;
    char *text = tool_temporary_path(path, ".dot"), *picture = tool_temporary_path(path, kind->ending);
    if (text == NULL || picture == NULL) {
        snprintf(message, size, "cannot write %s: %s", path, strerror(ENOMEM));
    } else if (write_text(text, kind->write, shown, tape, message, size)) {
        result = render(path, kind->ending, text, picture, message, size);
        if (result == TOOL_DRAWN_AS_DOT)
            result = keep_dot(path, kind->ending, text, message, size);
        unlink(text);
        unlink(picture);
    }
    free(text);
    free(picture);
    return result;
}
