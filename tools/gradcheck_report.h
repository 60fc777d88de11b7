/* gradcheck_report.h: what `retrograd gradcheck` has found, as text, as JSON and as JUnit's XML. */
#ifndef RETROGRAD_TOOLS_GRADCHECK_REPORT_H
#define RETROGRAD_TOOLS_GRADCHECK_REPORT_H

#include "autograd.h"

/* One op's check. */
typedef struct {
    const rg_op *op;
    const char *skipped;        /* why; NULL: it was checked */
    rg_gradcheck_result result;
    rg_gradcheck_result *rows;  /* a row for each failure */
    size_t count, capacity;
    double seconds;
} tool_checked;

/* Adds a row; the context of rg_gradcheck_options.row. Out of memory, the row is lost, but not that it failed. */
void tool_add_row(const rg_gradcheck_result *row, void *checked);

void tool_print_checked_head(void);
void tool_print_checked(const tool_checked *checked);

/* An object for each row, and then one for the op, one a line. False when out of memory. */
bool tool_print_checked_json(FILE *out, const tool_checked *checked);

/* A test suite with a test case for each op. */
void tool_print_junit(FILE *out, const tool_checked *checked, size_t count);

/* The text as it may stand in XML between quotes: what XML cannot hold becomes '?'. */
void tool_print_xml(FILE *out, const char *text);

#endif
