/* blas_cores.c: OpenBLAS as it computes on other processors.
 *
 * It decides when it is loaded, by OPENBLAS_CORETYPE in the environment. Loading it once more gives the same one again,
 * so what is loaded is a copy of its file. The copy has no name and no place on a disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "blas.h"

/* The address sanitizer does not let a library have symbols of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

typedef struct {
    bool tried, there;
    blas functions;
    bench_product products[2];
} core;

static const char *const names[BENCH_CORES] = { "Haswell", "Zen", "SkylakeX" };

static bool processor_is_able(int which)
{
#if defined(__x86_64__)
    if (which == BENCH_SKYLAKEX)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    (void)which;
    return false;
#endif
}

static bool copy_file(const char *path, int to)
{
    char part[1 << 16];
    size_t count;
    FILE *file = fopen(path, "rb");
    bool done = file != NULL;
    while (done && (count = fread(part, 1, sizeof part, file)) > 0) done = write(to, part, count) == (ssize_t)count;
    if (file) fclose(file);
    return done;
}

/* For as long as the library is being loaded. */
static void *load(const char *path, const char *core_type)
{
    static const char variable[] = "OPENBLAS_CORETYPE";
    const char *before = getenv(variable);
    char *kept = before ? strdup(before) : NULL;
    setenv(variable, core_type, 1);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (kept) setenv(variable, kept, 1);
    else unsetenv(variable);
    free(kept);
    return library;
}

static void *load_copy(const char *core_type)
{
    void *function = dlsym(RTLD_DEFAULT, "openblas_get_corename");
    Dl_info found;
    char path[64];
    if (!function || !dladdr(function, &found)) return NULL;
    const int copy = memfd_create("openblas", MFD_CLOEXEC);
    if (copy < 0) return NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
    void *library = copy_file(found.dli_fname, copy) ? load(path, core_type) : NULL;
    close(copy);
    return library;
}

static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool make(core *each, const char *core_type)
{
    char *(*core_name)(void);
    void (*set_threads)(int);
    if (SANITIZED || !openblas_get_corename || strcasecmp(openblas_get_corename(), core_type) == 0) return false;
    void *library = load_copy(core_type);
    blas *f = &each->functions;
    const bool whole = library && find(library, "openblas_get_corename", &core_name) &&
                       find(library, "openblas_set_num_threads", &set_threads) &&
                       find(library, "cblas_sgemm", &f->sgemm) && find(library, "cblas_dgemm", &f->dgemm) &&
                       find(library, "cblas_sgemv", &f->sgemv) && find(library, "cblas_dgemv", &f->dgemv);
    if (!whole || strcasecmp(core_name(), core_type) != 0) return false;
    set_threads(1);
    for (int i = 0; i < 2; i++) {
        each->products[i] = blas_products[i];
        each->products[i].set_threads = set_threads;
        each->products[i].blas = f;
    }
    return true;
}

/* The libraries stay loaded: a program can have only so many of them, and this one needs no more. */
const bench_product *bench_product_of_core(rg_dtype dtype, int which)
{
    static core cores[BENCH_CORES];
    core *each = &cores[which];
    if (!each->tried) each->there = processor_is_able(which) && make(each, names[which]);
    each->tried = true;
    return each->there ? &each->products[BENCH_TYPE(dtype)] : NULL;
}
