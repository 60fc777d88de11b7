/* schedule.h: how the learning rate changes, as it is typed: "cosine", "warmup:100+step:500,0.5". */
#ifndef RETROGRAD_TOOLS_SCHEDULE_H
#define RETROGRAD_TOOLS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optim.h"

typedef enum { TOOL_CONSTANT, TOOL_STEP, TOOL_COSINE } tool_schedule_kind;

typedef struct {
    tool_schedule_kind kind;
    int64_t warm_up;        /* steps */
    int64_t every;          /* TOOL_STEP: steps */
    double factor;          /* TOOL_STEP: what the rate is multiplied with; TOOL_COSINE: the part it ends at */
} tool_schedule;

#define TOOL_SCHEDULE_WANTS "constant, step:EVERY,FACTOR or cosine[:FLOOR], perhaps after warmup:STEPS+"
bool tool_schedule_parse(const char *text, void *schedule);
void tool_schedule_print(const void *schedule, char *text, size_t size);

/* For a training of that many steps. */
rg_opt_schedule tool_schedule_make(const tool_schedule *schedule, int64_t steps);

#endif
