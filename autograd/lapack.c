/* lapack.c: LAPACK is loaded when it is first needed. Linked in, it would have to be there wherever the library is, and
 * every program would wait for it to start: OpenBLAS takes some ten milliseconds. */
#include "lapack.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"

/* ISO C has no way from a pointer to data to one to a function; POSIX promises that they are alike. */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

/* OpenBLAS built without threads is not safe to call from two at once, and built with OpenMP it is told by each thread for
 * itself how many to use: those take turns. */
static bool works_together(void *library)
{
    enum { OWN_THREADS = 1 };
    int (*parallel)(void) = NULL;
    return find(library, "openblas_get_parallel", &parallel) && parallel() == OWN_THREADS;
}

static const struct {
    const char *name;          /* without its first letter, which says what numbers it is for */
    size_t place;              /* in rg_lapack */
} routines[] = {
    { "potrf_", offsetof(rg_lapack, potrf) }, { "getrf_", offsetof(rg_lapack, getrf) },
    { "getri_", offsetof(rg_lapack, getri) }, { "trtri_", offsetof(rg_lapack, trtri) },
    { "gemm_", offsetof(rg_lapack, gemm) },   { "trsm_", offsetof(rg_lapack, trsm) },
};

bool rg_lapack_find(rg_lapack_numbers numbers, rg_lapack *found)
{
    const char *name = getenv("RG_LAPACK");
    if (!name) name = RG_LAPACK;
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    *found = (rg_lapack){ .together = true };
    if (!library) return false;
    bool complete = true;
    for (size_t i = 0; i < sizeof routines / sizeof routines[0]; i++) {
        char full[8] = { "sdz"[numbers] };
        strcpy(full + 1, routines[i].name);
        complete = find(library, full, (char *)found + routines[i].place) && complete;
    }
    if (find(library, "openblas_set_num_threads", &found->set_threads) &&
        find(library, "openblas_get_num_threads", &found->get_threads))
        found->together = works_together(library);
    else found->set_threads = NULL;
    dlclose(library); /* and stays loaded */
    return complete;
}

bool rg_has_lapack(void)
{
    rg_lapack found;
    return rg_lapack_find(RG_LAPACK_F64, &found);
}

/* The number of threads is a setting of the whole process, and other numbers of them give other bits: it is 1 as long as
 * somebody here is at work. What is kept here is OpenBLAS's state. */
static pthread_mutex_t openblas = PTHREAD_MUTEX_INITIALIZER;
static int openblas_callers, openblas_threads;

void rg_lapack_enter(const rg_lapack *lapack)
{
    if (!lapack->set_threads) return;
    pthread_mutex_lock(&openblas);
    if (openblas_callers++ == 0) {
        openblas_threads = lapack->get_threads();
        lapack->set_threads(1);
    }
    if (lapack->together) pthread_mutex_unlock(&openblas);
}

void rg_lapack_leave(const rg_lapack *lapack)
{
    if (!lapack->set_threads) return;
    if (lapack->together) pthread_mutex_lock(&openblas);
    if (--openblas_callers == 0) lapack->set_threads(openblas_threads);
    pthread_mutex_unlock(&openblas);
}
