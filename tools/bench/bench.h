/* bench.h: what the benchmark is made of.
 *
 * A case is one piece of work that is done by the library ("ours") and by hand-written C without a framework
 * ("limit"), from the same numbers, in the same run. A limit may be written in several ways; the fastest counts.
 * Its results are checked against the library's before anything is timed. Adding a case is adding a row to a
 * family's table; a family is a kind of work, in a file of its own. Where the library can do it in another way, that
 * is another family with the same limits. */
#ifndef RETROGRAD_BENCH_H
#define RETROGRAD_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "autograd.h"

enum { BENCH_MOST_LIMITS = 5, BENCH_NO_LIMIT = -1, BENCH_MOST_REPEATS = 101, BENCH_MOST_COMMAND = 4000 };

typedef struct bench_case bench_case;
typedef struct bench_peer bench_peer;

typedef struct {
    int threads;
    bool scaling;              /* the library with so many threads against itself with one */
    bool all_limits;           /* tell of each how it compares, not of the best alone */
    int repeats;               /* at most BENCH_MOST_REPEATS */
    double slice;              /* seconds that one repeat of one side takes */
    bench_peer *peer;          /* or NULL */
} bench_conditions;

typedef struct {
    double ours, limits[BENCH_MOST_LIMITS]; /* medians of the rates, or with several threads the
                                  highest; 0: there is no such limit here */
    int best;                  /* the limit with the highest; BENCH_NO_LIMIT: the case has none */
    double ratio;              /* ours / limits[best] */
    double low, high;          /* quartiles of the ratios of neighbouring repeats */
    double peer;               /* likewise; 0: it has none */
    double ours_peak, limit_peak; /* megabytes of memory, the largest of all repeats; 0: not measured */
    double difference;         /* the largest of all limits */
    int repeats;               /* less than asked for where a pass takes long */
} bench_result;

/* A kind of work. A pass is the smallest part of it that makes sense by itself, such as a training step. */
typedef struct {
    const char *limits[BENCH_MOST_LIMITS + 1]; /* what each way of writing the limit is called; ends with NULL. None
                                  for what would come to nothing if it were written by hand */
    int way;                   /* how the library is to do it, where it can in several ways: the family's own number */
    const char *summary;       /* what a row is called that sums up all its cases; NULL: there is none */
    void *(*make)(const bench_case *each, const bench_conditions *with); /* NULL when out of memory */
    bool (*has)(const void *state, int which); /* whether that limit is there at all; NULL: all are */
    void (*free)(void *state);
    bool (*ours)(void *state, int64_t passes);
    void (*limit)(void *state, int which, int64_t passes);
    /* The largest difference of that limit's gradients and loss from ours, relative to the largest number of each;
     * NaN if they cannot be had. */
    double (*difference)(void *state, int which);
    const char *(*message)(const void *state); /* why ours failed */
    /* For what cannot be measured in passes, instead of all the functions above: bench_measure. The library's threads
     * are not compared then, unless `scales`. */
    bool scales;
    bool (*measure)(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                    size_t size);
} bench_family;

struct bench_case {
    const char *name;
    const char *about;
    rg_dtype dtype;            /* that it computes in: RG_F32 or RG_F64 */
    const char *unit;          /* of the rates: "steps/s" */
    double units;              /* done in one pass */
    double slice;              /* as a part of the usual one; 0: all of it */
    const bench_family *family;
    const void *setup;         /* the family's own description of the case */
};

typedef struct {
    const bench_case *cases;
    int count;
} bench_table;

bench_table bench_startup_cases(void);
bench_table bench_epoch_cases(void);
bench_table bench_mlp_cases(void);
bench_table bench_chain_cases(void);
bench_table bench_fused_cases(void);
bench_table bench_overhead_cases(void);
bench_table bench_shapes_cases(void);
bench_table bench_function_cases(void);
bench_table bench_gemm_cases(void);

/* Training steps of networks of dense layers; the setup is an mlp_setup. */
extern const bench_family bench_dense;

/* ---- Measuring (measure.c) ---------------------------------------------------------------------------------- */

/* False with a message if the library fails or a limit computes something else. */
bool bench_measure(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                   size_t size);
/* The same without timing. */
bool bench_check(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                 size_t size);
/* How many limits the case has. */
int bench_limits(const bench_case *each);
/* The case whose limit is the library itself with one thread, for conditions that ask for scaling. `each` must stay. */
bench_case bench_scaled(const bench_case *each);

/* The rates of all repeats. */
typedef struct {
    int repeats, peers;
    double ours[BENCH_MOST_REPEATS], limits[BENCH_MOST_LIMITS][BENCH_MOST_REPEATS];
    double peer[BENCH_MOST_REPEATS]; /* so many as it has answered */
} bench_samples;

/* The peer's turn, if there is one. */
void bench_take_turn_of_peer(const bench_conditions *with, bench_samples *samples);

void bench_summarise(const bench_samples *samples, int limits, int threads, bench_result *result);
/* Seconds. One thread is timed by its own clock, which stands still while another program has its processor. */
double bench_now(int threads);
/* The largest difference of two vectors, relative to the largest number of b; NaN if there is one in them. */
double bench_distance(rg_dtype dtype, const void *a, const void *b, int64_t count);

/* ---- Numbers of either type, where speed does not matter ------------------------------------------------------ */

/* An index for tables of both. */
#define BENCH_TYPE(dtype) ((dtype) == RG_F64)

static inline double bench_get(rg_dtype dtype, const void *numbers, int64_t i)
{
    return dtype == RG_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

static inline void bench_set(rg_dtype dtype, void *numbers, int64_t i, double number)
{
    if (dtype == RG_F64) ((double *)numbers)[i] = number;
    else ((float *)numbers)[i] = (float)number;
}

static inline void *bench_at(rg_dtype dtype, const void *numbers, int64_t i)
{
    return (char *)(uintptr_t)numbers + i * (int64_t)rg_dtype_size(dtype);
}

/* ---- A peer (peer.c) ------------------------------------------------------------------------------------------- */

struct bench_peer {
    const char *command;       /* at most BENCH_MOST_COMMAND characters */
    bool failed;               /* and not to be started again */
    int process, answers;      /* of this case */
    FILE *to, *from;
};

void bench_peer_start(bench_peer *peer, const bench_case *each, int threads);
/* The rate of so many seconds, or NaN. */
double bench_peer_rate(bench_peer *peer, double seconds);
/* Complains to standard error if the peer should have answered and has not. */
void bench_peer_end(bench_peer *peer, const bench_case *each);

/* ---- The machine (machine.c) --------------------------------------------------------------------------------- */

/* Keeps this thread, and those it starts, on as many processors as there are to be threads. False if there are
 * fewer, or they cannot be chosen. */
bool bench_pin(int threads);
/* How many threads the BLAS at hand takes for one product, if it can be told. */
void bench_set_blas_threads(int threads);
/* 0 portable, 1 AVX2 and FMA, 2 AVX-512: the level that hand-written loops are to run at, as the library's own. */
int bench_level(void);
void bench_print_machine(FILE *out, const bench_conditions *with, bool pinned);
/* Measures what it can do at most for about so many seconds. */
void bench_print_peak(FILE *out, double seconds);

/* ---- The report (report.c) -------------------------------------------------------------------------------------- */

void bench_print_heading(const bench_conditions *with);
void bench_print_row(const bench_case *each, const bench_conditions *with, const bench_result *result);
/* One JSON object on a line; false when out of memory. */
bool bench_print_json(const bench_case *each, const bench_conditions *with, const bench_result *result);

/* Cases together. All but the name and the unit begins as zeros. */
typedef struct {
    const char *name;          /* NULL: they are not to be summed up */
    const char *unit;          /* NULL: they have several, so only ratios can be told */
    const char *lowest_case;
    int cases;
    double ours, limit;        /* sums of logarithms of the rates */
    double lowest;             /* of the ratios */
} bench_summary;

void bench_add(bench_summary *summary, const char *name, const bench_result *result);
/* The geometric mean of the rates and ratios, and the lowest ratio. Nothing if there are no cases. False when out of
 * memory. */
bool bench_print_summary(const bench_summary *summary, const bench_conditions *with, bool json);

#endif
