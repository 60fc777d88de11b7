/* machine.c: where the benchmark runs. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>

#include "autograd.h"
#include "bench.h"
#include "blas.h"
#include "peak.h"
#include "simd.h"

bool bench_pin(int threads)
{
    cpu_set_t allowed, chosen;
    int left = threads;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
    CPU_ZERO(&chosen);
    /* From the last one down: the first is where a machine does most of its other work. */
    for (size_t i = CPU_SETSIZE; i-- > 0 && left > 0;)
        if (CPU_ISSET(i, &allowed)) {
            CPU_SET(i, &chosen);
            left--;
        }
    return left == 0 && sched_setaffinity(0, sizeof chosen, &chosen) == 0;
}

int bench_level(void)
{
    int level = rg_simd_level();
#if defined(__x86_64__)
    if (level == 1 && !__builtin_cpu_supports("fma")) level = 0;
#endif
    return level;
}

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

void bench_set_blas_threads(int threads)
{
    if (openblas_set_num_threads) openblas_set_num_threads(threads);
}

void bench_print_machine(FILE *out, const bench_conditions *with, bool pinned)
{
    char processor[256];
    fprintf(out, "Retrograd  %s, compiled with %s\n", rg_version(), COMPILER);
    fprintf(out, "Processor  %s\n", tool_processor(processor, sizeof processor));
    fprintf(out, "Products   %s; BLAS of the limits: %s\n", rg_gemm_name(),
            openblas_get_config ? openblas_get_config() : "CBLAS");
    fprintf(out, "SIMD       %s\n", rg_simd_name());
    fprintf(out, "Threads    %d for the library; for the limits %d in a BLAS, else 1; %s\n", with->threads,
            with->threads, pinned ? "pinned" : "not pinned: fewer processors than threads, or they cannot be chosen");
    fprintf(out, "Figures    the %s of %d interleaved repeats of %.0f ms; ratio = ours / limit, below 1 is slower\n",
            with->threads == 1 ? "median" : "fastest", with->repeats, 1e3 * with->slice);
}

void bench_print_peak(FILE *out, double seconds)
{
    tool_peak peak;
    if (!tool_measure_peak(seconds, &peak)) return;
    fprintf(out, "Peak       of one thread: %.1f GFLOP/s in f32, %.1f in f64; ", peak.f32, peak.f64);
    fprintf(out, "memory %.1f GB/s in a sum, %.1f in a copy\n", peak.sum, peak.copy);
}
