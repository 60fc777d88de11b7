/* function.h: value and gradient, or Jacobian, of functions that are no networks. A problem is a function of some
 * parameters and of data, all f64, recorded for the library and written by hand with its derivative. */
#ifndef RETROGRAD_BENCH_FUNCTION_H
#define RETROGRAD_BENCH_FUNCTION_H

#include "bench.h"

enum { FUNCTION_PARTS = 4, FUNCTION_SIZES = 3, FUNCTION_ARRAYS = 2 };

/* Whatever is computed with. The parts of theta lie one after another, and so do those of the gradient, in whose place a
 * Jacobian and what it is of come. */
typedef struct {
    int64_t size[FUNCTION_SIZES]; /* of the case: what they mean is the problem's own affair */
    double *theta, *data, *room, *gradient;
} function_numbers;

typedef struct {
    int64_t part[FUNCTION_PARTS]; /* elements of each part of theta; 0 where there are no more */
    int64_t data, room;
} function_extent;

typedef struct {
    function_extent (*extent)(const int64_t *size);
    /* Makes of normally distributed numbers what theta and the data are to be. */
    void (*prepare)(const function_numbers *numbers);
    /* The number that is differentiated with respect to theta. */
    rg_tensor (*record)(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers);
    /* Or instead: all arrays that are to be computed, derivatives among them. Returns how many. */
    int (*record_arrays)(rg_tape *tape, const rg_tensor *theta, const function_numbers *numbers, rg_tensor *out);
    /* The same by hand: returns it, and writes the gradient. By level of vector instructions. */
    double (*by_hand[3])(const function_numbers *numbers);
} function_problem;

extern const function_problem function_mixture, function_lstm, function_kmeans, function_logsumexp, function_grid,
    function_runge_kutta, function_bundle;

#endif
