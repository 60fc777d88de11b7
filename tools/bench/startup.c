/* startup.c: how long a process takes from its start to its end: that of `retrograd info`, one that does nothing, and
 * what nobody notices. The command is the one that stands beside this program. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

typedef struct {
    const char *arguments[3];  /* the first one is the program's path */
} startup_side;

/* Threads, as far as the clock is concerned: it runs while the other process does. */
enum { SEVERAL = 2 };

static const double unnoticed = 0.02; /* seconds */

static bool find_command(char *path, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length <= 0) return false;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash - path) + sizeof "/retrograd" > size) return false;
    strcpy(slash, "/retrograd");
    return access(path, X_OK) == 0;
}

/* Seconds; 0 if it has failed. What it says goes nowhere. */
static double start_and_wait(const startup_side *side)
{
    extern char **environ;
    posix_spawn_file_actions_t actions;
    pid_t process;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    const double start = bench_now(SEVERAL);
    const int failed = posix_spawn(&process, side->arguments[0], &actions, NULL,
                                   (char *const *)(uintptr_t)side->arguments, environ);
    if (!failed) waitpid(process, &status, 0);
    const double seconds = bench_now(SEVERAL) - start;
    posix_spawn_file_actions_destroy(&actions);
    return !failed && status == 0 ? seconds : 0;
}

/* In one repeat: so many that they fill a slice, and the mean. */
static double mean_of(const startup_side *side, double slice)
{
    double sum = 0;
    int count = 0;
    do {
        const double seconds = start_and_wait(side);
        if (seconds == 0) return 0;
        sum += seconds;
        count++;
    } while (sum < slice);
    return sum / count;
}

static bool measure(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                    size_t size)
{
    char command[4096];
    const startup_side ours = { { command, each->setup, NULL } }, limit = { { "/bin/true", NULL } };
    bench_samples samples = { .repeats = with->repeats };
    *result = (bench_result){ .best = 0 };
    if (!find_command(command, sizeof command))
        return snprintf(message, size, "%s: there is no command 'retrograd' beside this program", each->name), false;
    for (int i = 0; i < samples.repeats; i++) {
        const double our_time = mean_of(&ours, with->slice), limit_time = mean_of(&limit, with->slice);
        if (our_time == 0 || limit_time == 0)
            return snprintf(message, size, "%s: a program has failed", each->name), false;
        samples.ours[i] = each->units / our_time;
        samples.limits[0][i] = each->units / limit_time;
        samples.limits[1][i] = each->units / unnoticed;
        bench_take_turn_of_peer(with, &samples);
    }
    bench_summarise(&samples, bench_limits(each), 1, result);
    return true;
}

static const bench_family startup = { .limits = { "an empty program", "20 ms" }, .measure = measure };

static const bench_case cases[] = {
    { .name = "startup-info", .about = "the whole process of 'retrograd info'", .dtype = RG_F32, .unit = "starts/s",
      .units = 1, .family = &startup, .setup = "info" },
};

bench_table bench_startup_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
