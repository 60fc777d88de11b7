/* peak.h: what this machine can do at most, measured: arithmetic, and reading and writing memory. What a program
 * reaches is to be compared with it. */
#ifndef RETROGRAD_PEAK_H
#define RETROGRAD_PEAK_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    double f32, f64;           /* GFLOP/s of one thread with the vectors in use (rg_simd_name): a product and the sum
                                  that it goes into, in registers alone, are two operations */
    double sum, copy;          /* GB/s of one thread: a sum over a large array reads it, a copy reads and writes it */
} tool_peak;

/* The best of what is seen in about so many seconds, and some more to have the arrays ready. False when out of
 * memory. */
bool tool_measure_peak(double seconds, tool_peak *peak);

/* What the processor calls itself, in `text`. */
const char *tool_processor(char *text, size_t size);

#endif
