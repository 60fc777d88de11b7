/* lapack.h: the routines of LAPACK, and of the BLAS it stands on, that linear_algebra.c calls. Internal. */
#ifndef RETROGRAD_LAPACK_H
#define RETROGRAD_LAPACK_H

#include <stdbool.h>
#include <stddef.h>

/* As Fortran has them: matrices by columns, every argument by address, and behind all others the texts' lengths.
 * `a` and `b` are matrices of float, of double, or of double complex. */
typedef void rg_lapack_potrf(const char *uplo, const int *n, void *a, const int *lda, int *info, size_t);
typedef void rg_lapack_getrf(const int *m, const int *n, void *a, const int *lda, int *pivots, int *info);
typedef void rg_lapack_getri(const int *n, void *a, const int *lda, const int *pivots, void *work, const int *lwork,
                             int *info);
typedef void rg_lapack_trtri(const char *uplo, const char *diagonal, const int *n, void *a, const int *lda, int *info,
                             size_t, size_t);
typedef void rg_blas_gemm(const char *op_a, const char *op_b, const int *m, const int *n, const int *k,
                          const void *alpha, const void *a, const int *lda, const void *b, const int *ldb,
                          const void *beta, void *c, const int *ldc, size_t, size_t);
typedef void rg_blas_trsm(const char *side, const char *uplo, const char *transposed, const char *diagonal,
                          const int *m, const int *n, const void *alpha, const void *a, const int *lda, void *b,
                          const int *ldb, size_t, size_t, size_t, size_t);

typedef struct {
    rg_lapack_potrf *potrf;
    rg_lapack_getrf *getrf;
    rg_lapack_getri *getri;
    rg_lapack_trtri *trtri;
    rg_blas_gemm *gemm;
    rg_blas_trsm *trsm;
    void (*set_threads)(int);  /* of OpenBLAS; NULL: it is another one */
    int (*get_threads)(void);
    bool together;             /* may be called by several threads at once */
} rg_lapack;

typedef enum { RG_LAPACK_F32, RG_LAPACK_F64, RG_LAPACK_COMPLEX_F64 } rg_lapack_numbers;

/* Finds the routines for these numbers; false if there is no LAPACK. It is loaded once and then stays. */
bool rg_lapack_find(rg_lapack_numbers numbers, rg_lapack *found);

/* Around a number of calls. */
void rg_lapack_enter(const rg_lapack *lapack);
void rg_lapack_leave(const rg_lapack *lapack);

#endif
