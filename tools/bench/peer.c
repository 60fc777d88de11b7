/* peer.c: another program, made with another library, that takes its turn beside ours and the limits.
 *
 * For every case, CMD CASE THREADS is started through the shell, on the same processors. It prepares the case, and
 * then reads lines. Each holds a number of seconds: it does the case's work for about as long and answers with a line
 * of its own, the rate in the case's unit: a number, or a JSON object with a number "rate". It ends when its input
 * does. If it does not know the case it ends with status 3 instead of answering; with any other it has failed, and is
 * not started again. A program that reads nothing, prints one line and ends is understood, too. */
#define _POSIX_C_SOURCE 200809L
#include <cjson/cJSON.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { UNKNOWN_CASE = 3 };

static void become(const char *command, const char *name, int threads)
{
    char script[BENCH_MOST_COMMAND + 8], number[16];
    snprintf(script, sizeof script, "%s \"$@\"", command);
    snprintf(number, sizeof number, "%d", threads);
    signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", script, "sh", name, number, (char *)NULL);
    _exit(127);
}

void bench_peer_start(bench_peer *peer, const bench_case *each, int threads)
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 };
    peer->process = -1;
    peer->answers = 0;
    peer->to = peer->from = NULL;
    if (peer->failed || pipe(in) != 0) return;
    fflush(stdout);
    signal(SIGPIPE, SIG_IGN);
    if (pipe(out) == 0 && (peer->process = fork()) == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int i = 0; i < 2; i++) close(in[i]), close(out[i]);
        become(peer->command, each->name, threads);
    }
    close(in[0]);
    if (out[1] >= 0) close(out[1]);
    if (!(peer->to = fdopen(in[1], "w"))) close(in[1]);
    if (out[0] >= 0 && !(peer->from = fdopen(out[0], "r"))) close(out[0]);
}

static double rate_in(const char *line)
{
    char *end;
    double rate = strtod(line, &end);
    if (end != line) return rate;
    cJSON *object = cJSON_Parse(line);
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, "rate");
    rate = cJSON_IsNumber(number) ? number->valuedouble : NAN;
    cJSON_Delete(object);
    return rate;
}

double bench_peer_rate(bench_peer *peer, double seconds)
{
    char line[1024];
    if (!peer->to || !peer->from) return NAN;
    fprintf(peer->to, "%g\n", seconds);
    fflush(peer->to);
    if (!fgets(line, sizeof line, peer->from)) return NAN;
    const double rate = rate_in(line);
    if (!(rate > 0 && rate < INFINITY)) return NAN;
    peer->answers++;
    return rate;
}

void bench_peer_end(bench_peer *peer, const bench_case *each)
{
    int status = -1;
    if (peer->to) fclose(peer->to);
    if (peer->from) fclose(peer->from);
    if (peer->process > 0) waitpid(peer->process, &status, 0);
    if (peer->failed || peer->answers > 0) return;
    if (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == UNKNOWN_CASE) return;
    peer->failed = true;
    fprintf(stderr, "retrograd-bench: the peer '%s' gives no rate for %s (it ended with status %d); going on without "
            "it\n", peer->command, each->name, status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
