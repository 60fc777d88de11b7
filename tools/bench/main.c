/* main.c: retrograd-bench, the library's speed as a ratio to hand-written C in the same run. */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum { MOST_PATTERNS = 16, MOST_THREADS = 256 };

typedef struct {
    const char *patterns[MOST_PATTERNS];
    int pattern_count;
    bool list, json, help;
    bench_conditions with;
    bench_peer peer;
} request;

static void help(FILE *out)
{
    fputs("Usage: retrograd-bench [options]\n\n"
          "Measures the library against hand-written C that does the same without a framework, over the\n"
          "same BLAS, in the same run. Each limit's gradients are checked against the library's before\n"
          "it is timed. A ratio below 1 means that the library is slower than the limit.\n\n"
          "  --list         show the cases and end\n"
          "  --case NAME    only this case, or those that a pattern such as 'mlp-*' names; may be repeated\n"
          "  --threads N    threads of the library (default 1)\n"
          "  --json         one JSON object a line; the machine goes to standard error\n"
          "  --peer CMD     run 'CMD CASE THREADS' in turn, a program made with another library, such as\n"
          "                 'python3 tools/bench/peer_torch.py'; tools/bench/peer.c says how it answers\n"
          "  --quick        a moment for each case: shows that it works, not how fast\n"
          "  --repeats N    repeats that the median is taken of (default 25)\n"
          "  --help         show this text\n\n"
          "RG_MNIST_DIR in the environment names a directory with the files of MNIST for the epoch; without\n"
          "it the images are made up.\n\n"
          "Exit status: 0 well, 1 failed, 2 used wrongly.\n", out);
}

static bool read_integer(const char *option, const char *text, int most, int *value)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number < 1 || number > most) {
        fprintf(stderr, "retrograd-bench: --%s takes a number from 1 to %d, not '%.40s'\n", option, most, text);
        return false;
    }
    *value = (int)number;
    return true;
}

static bool parse(int argc, char **argv, request *r)
{
    enum { LIST = 1, CASE, THREADS, JSON, QUICK, REPEATS, PEER, HELP };
    static const struct option options[] = {
        { "list", no_argument, NULL, LIST },        { "case", required_argument, NULL, CASE },
        { "json", no_argument, NULL, JSON },        { "threads", required_argument, NULL, THREADS },
        { "quick", no_argument, NULL, QUICK },      { "repeats", required_argument, NULL, REPEATS },
        { "help", no_argument, NULL, HELP },        { "peer", required_argument, NULL, PEER },
        { NULL, 0, NULL, 0 },
    };
    *r = (request){ .with = { .threads = 1, .repeats = 25, .slice = 0.02 } };
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (option) {
        case LIST: r->list = true; break;
        case JSON: r->json = true; break;
        case HELP: r->help = true; break;
        case QUICK: r->with.repeats = 3, r->with.slice = 0.001; break;
        case THREADS: good = read_integer("threads", optarg, MOST_THREADS, &r->with.threads); break;
        case REPEATS: good = read_integer("repeats", optarg, BENCH_MOST_REPEATS, &r->with.repeats); break;
        case CASE:
            good = r->pattern_count < MOST_PATTERNS;
            if (good) r->patterns[r->pattern_count++] = optarg;
            else fprintf(stderr, "retrograd-bench: --case is given more than %d times\n", MOST_PATTERNS);
            break;
        case PEER:
            good = *optarg && strlen(optarg) <= BENCH_MOST_COMMAND;
            r->peer = (bench_peer){ .command = optarg };
            r->with.peer = &r->peer;
            if (!good) fprintf(stderr, "retrograd-bench: --peer takes a command\n");
            break;
        default: good = false; break;
        }
    if (good && optind < argc) {
        fprintf(stderr, "retrograd-bench: takes no argument '%.40s'\n", argv[optind]);
        good = false;
    }
    return good;
}

static bool is_chosen(const request *r, const bench_case *each)
{
    bool chosen = r->pattern_count == 0;
    for (int i = 0; i < r->pattern_count; i++) chosen = chosen || fnmatch(r->patterns[i], each->name, 0) == 0;
    return chosen;
}

/* One case, measured and reported. */
static bool do_case(const request *r, const bench_case *each, bench_summary *summary)
{
    char message[512];
    bench_result result;
    if (!bench_measure(each, &r->with, &result, message, sizeof message)) {
        fprintf(stderr, "retrograd-bench: %s\n", message);
        return false;
    }
    bench_add(summary, each, &result);
    if (r->json) return bench_print_json(each, &r->with, &result);
    bench_print_row(each, &r->with, &result);
    return true;
}

static void begin(const request *r)
{
    if (r->list) return;
    bench_set_blas_threads(1);
    bench_print_machine(r->json ? stderr : stdout, &r->with, bench_pin(r->with.threads));
    if (!r->json) bench_print_heading(&r->with);
}

/* Those of a table that were asked for. Counts them and those that failed. */
static void do_table(const request *r, bench_table table, int *chosen, int *failed)
{
    bench_summary summary = { .cases = 0 };
    for (int i = 0; i < table.count; i++) {
        const bench_case *each = &table.cases[i];
        if (!is_chosen(r, each)) continue;
        if ((*chosen)++ == 0) begin(r);
        if (r->list) printf("%-34s %s\n", each->name, each->about);
        else if (!do_case(r, each, &summary)) (*failed)++;
    }
    if (!bench_print_summary(&summary, &r->with, r->json)) (*failed)++;
}

static int run(const request *r)
{
    /* The epoch first: its processes begin as copies of this one, which then has hardly any memory. */
    const bench_table tables[] = { bench_epoch_cases(), bench_mlp_cases(), bench_chain_cases(), bench_fused_cases(),
                                   bench_gemm_cases() };
    int chosen = 0, failed = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) do_table(r, tables[i], &chosen, &failed);
    if (chosen > 0) return failed > 0;
    fprintf(stderr, "retrograd-bench: no case of that name; --list shows them\n");
    return 2;
}

int main(int argc, char **argv)
{
    request r;
    if (!parse(argc, argv, &r)) {
        fprintf(stderr, "Try 'retrograd-bench --help'.\n");
        return 2;
    }
    if (r.help) {
        help(stdout);
        return 0;
    }
    return run(&r);
}
