/* run_command.h: runs the command as a shell would, and keeps what it says. The command is the program that the
 * environment names in RETROGRAD, or else the one that was built along with the test. */
#ifndef RETROGRAD_TESTS_RUN_COMMAND_H
#define RETROGRAD_TESTS_RUN_COMMAND_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef RG_TEST_COMMAND
#define RG_TEST_COMMAND "retrograd"
#endif

/* What the last run said, and where tests may write: a new directory, which is the working directory too. */
static char said[1 << 20], complained[1 << 16], directory[64];

static inline int enter_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/retrograd-test-XXXXXX");
    unsetenv("RG_EAGER");
    unsetenv("RG_THREADS");
    return mkdtemp(directory) == NULL || chdir(directory) != 0 ? -1 : 0;
}

static inline int leave_directory(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", directory, directory);
    return chdir("/") != 0 || system(command) != 0 ? -1 : 0;
}

static inline size_t read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t count = file == NULL ? 0 : fread(text, 1, size - 1, file);
    text[count] = '\0';
    if (file != NULL)
        fclose(file);
    return count;
}

static inline void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static inline const char *program(void)
{
    const char *named = getenv("RETROGRAD");
    return named != NULL ? named : RG_TEST_COMMAND;
}

#define MOST_ARGUMENTS 40

/* Starts the command with arguments that end with NULL. */
static inline pid_t start_with(char *const *arguments)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
    int to = open("said.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int errors = open("complained.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (to < 0 || errors < 0 || dup2(to, 1) < 0 || dup2(errors, 2) < 0)
        _exit(126);
    execv(program(), arguments);
    _exit(127);
}

/* Waits for the end, three minutes at most; the exit status, or 128 + the signal that ended it. */
static inline int finish(pid_t child)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    int status = 0;
    assert_true(child > 0);
    for (int i = 0; waitpid(child, &status, WNOHANG) == 0; i++) {
        if (i == 90000)
            kill(child, SIGKILL);
        nanosleep(&pause, NULL);
    }
    read_file("said.txt", said, sizeof said);
    read_file("complained.txt", complained, sizeof complained);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* START("train", "--epochs", "3"): the process; RUN(...) its exit status. */
#define START(...) start_with((char *const *)(const char *[MOST_ARGUMENTS]){ "retrograd", __VA_ARGS__, NULL })
#define RUN(...) finish(START(__VA_ARGS__))

/* The last line of what was said. */
static inline const char *last_line(void)
{
    size_t length = strlen(said);
    while (length > 0 && said[length - 1] == '\n')
        said[--length] = '\0';
    const char *line = strrchr(said, '\n');
    return line == NULL ? said : line + 1;
}

/* A number of the JSON object in the last line; NaN if it is not there. */
static inline double field(const char *name)
{
    cJSON *object = cJSON_Parse(last_line());
    double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));
    cJSON_Delete(object);
    return value;
}

static inline void assert_said(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not contain '%s'", text, part);
}

#endif
