/* progress.h: how far a long run is: one line redrawn in place on a terminal, plain lines otherwise. */
#ifndef RETROGRAD_TOOLS_PROGRESS_H
#define RETROGRAD_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "options.h"

#define TOOL_PROGRESS_CHOICES "auto|bar|plain|none"
typedef enum { TOOL_PROGRESS_AUTO, TOOL_PROGRESS_BAR, TOOL_PROGRESS_PLAIN, TOOL_PROGRESS_NONE } tool_progress_mode;

/* What a line shows. Negative numbers stand for what is not known yet. */
typedef struct {
    int64_t epoch, epochs;
    int64_t step, steps;
    double rate;           /* samples a second */
    double loss;
    double left;           /* seconds */
} tool_progress_line;

/* How a line is drawn. */
typedef struct {
    int width;             /* columns */
    bool unicode, colour;
} tool_progress_style;

typedef struct {
    FILE *out;
    tool_progress_mode mode;
    tool_progress_style style;
    bool shown;            /* a bar stands on the terminal */
    int64_t first_step;    /* where this run began, and when */
    double began;
    double drawn;          /* when the last line was drawn, and what it was drawn from */
    double drawn_seconds;
    int64_t drawn_samples;
    double rate, loss;     /* smoothed */
} tool_progress;

/* Starts at step `step`. AUTO is a bar where `out` is a terminal that can draw one, else plain. */
void tool_progress_start(tool_progress *p, FILE *out, tool_progress_mode mode, int64_t step, double now);

/* Where a run stands. */
typedef struct {
    int64_t epoch, epochs;
    int64_t step, steps;
    int64_t samples;       /* trained on so far */
    double seconds;        /* spent in training so far, evaluations not counted */
    double loss;           /* of the last step */
} tool_progress_state;

/* To be called after every step: redraws at most ten times a second (a plain line: every ten seconds).
 * `now` is in seconds, from any clock that never goes back. */
void tool_progress_show(tool_progress *p, const tool_progress_state *state, double now);
/* Prints a line that stays, above the bar if there is one. */
void tool_progress_say(tool_progress *p, const char *format, ...) TOOL_PRINTF(2, 3);
/* Takes the bar away. */
void tool_progress_finish(tool_progress *p);

/* The line as text of at most style.width columns: the less important parts go first when it is narrow.
 * Returns its columns. */
int tool_progress_draw(const tool_progress_line *line, const tool_progress_style *style, char *text, size_t size);
/* 12 as "0:12", 3753 as "1:02:33". */
const char *tool_duration(double seconds, char *text, size_t size);
/* 48211 as "48.2k". */
const char *tool_amount(double value, char *text, size_t size);

/* 101770 as "101,770". */
const char *tool_grouped(int64_t number, char *text, size_t size);

/* The width of the terminal behind a stream: from the terminal itself, else COLUMNS, else `otherwise`. */
int tool_width(FILE *out, int otherwise);

#endif
