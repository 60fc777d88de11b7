/* profile.h: what `retrograd profile` has measured, and how it is shown. */
#ifndef RETROGRAD_TOOLS_PROFILE_H
#define RETROGRAD_TOOLS_PROFILE_H

#include "model.h"
#include "peak.h"

#define TOOL_PROFILE_ROWS "step|op|line"
enum { TOOL_BY_STEP, TOOL_BY_OP, TOOL_BY_LINE };

typedef struct {
    rg_profile steps;
    const char *model;       /* "784-128-10" */
    const char *setting;     /* "batch 32, relu, f32, sgd" */
    int64_t batch;
    int threads;
    double run;              /* seconds of a step that is run as always */
    double arithmetic, memory; /* the peak: GFLOP/s in the dtype, and GB/s, of all threads; 0: not known */
} tool_profile;

/* As a table of at most `width` columns, or in JSON: an object a line, and one for all. False when out of memory. */
bool tool_profile_table(const tool_profile *profile, int by, int width);
bool tool_profile_json(const tool_profile *profile, int by);
/* As a Chrome trace. False when out of memory. */
bool tool_profile_trace(const tool_profile *profile, FILE *out);

/* The middle one of the numbers, at least one, which are put in order. */
double tool_median(double *numbers, size_t count);

#endif
