/* main.c: retrograd-bench, the library's speed as a ratio to hand-written C in the same run. */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

enum { MOST_PATTERNS = 16, MOST_THREADS = 256, PEAK_SECONDS = 1 };

typedef struct {
    const char *patterns[MOST_PATTERNS];
    int pattern_count;
    bool list, json, quick, help;
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
          "  --threads N    threads of the library, and of the BLAS of the limits (default 1)\n"
          "  --scaling      the library with N threads (default 2) against itself with one, in turn\n"
          "  --all-limits   the ratio to each limit, not to the best alone\n"
          "  --json         one JSON object a line; the machine goes to standard error\n"
          "  --peer CMD     run 'CMD CASE THREADS' in turn, a program made with another library, such as\n"
          "                 'python3 tools/bench/peer_torch.py'; tools/bench/peer.c says how it answers\n"
          "  --quick        a moment for each case: shows that it works, not how fast\n"
          "  --repeats N    repeats that the median is taken of (default 25), or, with several threads, the\n"
          "                 fastest (default 51)\n"
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

/* What was not asked for. Several threads are timed often and shortly, so that some repeats are not interrupted. */
static void choose_conditions(request *r)
{
    bench_conditions *with = &r->with;
    if (with->scaling && with->threads == 1) with->threads = 2;
    const bool several = with->threads > 1;
    if (with->repeats == 0) with->repeats = r->quick ? 3 : several ? 51 : 25;
    with->slice = r->quick ? 0.001 : several ? 0.004 : 0.02;
}

static bool parse(int argc, char **argv, request *r)
{
    enum { LIST = 1, CASE, THREADS, SCALING, ALL_LIMITS, JSON, QUICK, REPEATS, PEER, HELP };
    static const struct option options[] = {
        { "list", no_argument, NULL, LIST },        { "case", required_argument, NULL, CASE },
        { "json", no_argument, NULL, JSON },        { "threads", required_argument, NULL, THREADS },
        { "quick", no_argument, NULL, QUICK },      { "repeats", required_argument, NULL, REPEATS },
        { "help", no_argument, NULL, HELP },        { "peer", required_argument, NULL, PEER },
        { "scaling", no_argument, NULL, SCALING },  { "all-limits", no_argument, NULL, ALL_LIMITS },
        { NULL, 0, NULL, 0 },
    };
    *r = (request){ .with = { .threads = 1 } };
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        switch (option) {
        case LIST: r->list = true; break;
        case JSON: r->json = true; break;
        case HELP: r->help = true; break;
        case SCALING: r->with.scaling = true; break;
        case ALL_LIMITS: r->with.all_limits = true; break;
        case QUICK: r->quick = true; break;
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
    choose_conditions(r);
    return good;
}

static bool is_chosen(const request *r, const bench_case *each)
{
    bool chosen = r->pattern_count == 0;
    if (r->with.scaling && each->family->measure && !each->family->scales) return false;
    for (int i = 0; i < r->pattern_count; i++) chosen = chosen || fnmatch(r->patterns[i], each->name, 0) == 0;
    return chosen;
}

/* One case, measured and reported. */
static bool do_case(const request *r, const bench_case *each, bench_result *result)
{
    char message[512];
    const bench_case scaled = bench_scaled(each), *measured = r->with.scaling ? &scaled : each;
    if (!bench_measure(measured, &r->with, result, message, sizeof message)) {
        fprintf(stderr, "retrograd-bench: %s\n", message);
        return false;
    }
    if (r->json) return bench_print_json(measured, &r->with, result);
    bench_print_row(measured, &r->with, result);
    return true;
}

static void begin(const request *r)
{
    if (r->list) return;
    FILE *out = r->json ? stderr : stdout;
    bench_set_blas_threads(1);
    bench_print_machine(out, &r->with, bench_pin(r->with.threads));
    bench_print_peak(out, r->quick ? 0 : PEAK_SECONDS);
    if (!r->json) bench_print_heading(&r->with);
}

/* What has been done so far. */
typedef struct {
    int chosen, failed;
    bench_summary all;
} progress;

/* Those of a table that were asked for. A table's cases that are summed up are of one family. */
static void do_table(const request *r, bench_table table, progress *p)
{
    bench_summary summary = { .name = NULL };
    for (int i = 0; i < table.count; i++) {
        const bench_case *each = &table.cases[i];
        bench_result result;
        if (!is_chosen(r, each)) continue;
        if (p->chosen++ == 0) begin(r);
        if (r->list) printf("%-34s %s\n", each->name, each->about);
        else if (!do_case(r, each, &result)) p->failed++;
        else {
            summary.name = each->family->summary;
            summary.unit = each->unit;
            bench_add(&summary, each->name, &result);
            bench_add(&p->all, each->name, &result);
        }
    }
    if (!bench_print_summary(&summary, &r->with, r->json)) p->failed++;
}

static int run(const request *r)
{
    /* The epoch first: its processes begin as copies of this one, which then has hardly any memory. */
    const bench_table tables[] = { bench_epoch_cases(),    bench_startup_cases(), bench_mlp_cases(),
                                   bench_chain_cases(),    bench_fused_cases(),   bench_overhead_cases(),
                                   bench_shapes_cases(),   bench_function_cases(), bench_gemm_cases() };
    progress p = { .all = { .name = r->with.threads > 1 ? "all" : NULL } };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) do_table(r, tables[i], &p);
    if (p.all.cases > 1 && !bench_print_summary(&p.all, &r->with, r->json)) p.failed++;
    if (p.chosen > 0) return p.failed > 0;
    fprintf(stderr, "retrograd-bench: no case of that name; --list shows them\n");
    return 2;
}

/* Threads of OpenMP, which oneDNN brings, spin for milliseconds after their work, on the processors of whoever has its
 * turn next. They are told not to, which is read when a program begins: so it begins again. */
static void calm_openmp(const request *r, char **argv)
{
    const bool several = r->with.threads > 1 || r->with.scaling;
    if (!several || getenv("OMP_WAIT_POLICY") || setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
    execv("/proc/self/exe", argv); /* if it cannot, it goes on as it is */
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
    calm_openmp(&r, argv);
    return run(&r);
}
