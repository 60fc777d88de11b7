/* schedule.c: how the learning rate changes, as it is typed. */
#include "schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "options.h"

static const double most_steps = 1e12;

/* The text up to a character (or to the end, where *rest becomes NULL) as a number. */
static bool number_until(const char *text, char stop, double *number, const char **rest)
{
    char word[40];
    const char *end = strchr(text, stop);
    size_t length = end != NULL ? (size_t)(end - text) : strlen(text);

    if (length >= sizeof word)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    *rest = end != NULL ? end + 1 : NULL;
    return tool_number(word, number);
}

static bool steps_until(const char *text, char stop, int64_t *steps, const char **rest)
{
    double number;

    if (!number_until(text, stop, &number, rest) || number < 1 || number > most_steps)
        return false;
    *steps = (int64_t)number;
    return (double)*steps == number;
}

bool tool_schedule_parse(const char *text, void *slot)
{
    tool_schedule *schedule = slot;
    const char *rest;

    *schedule = (tool_schedule){ .kind = TOOL_CONSTANT };
    if (strncmp(text, "warmup:", 7) == 0) {
        if (!steps_until(text + 7, '+', &schedule->warm_up, &rest))
            return false;
        if (rest == NULL)
            return true;
        text = rest;
    }
    if (strcmp(text, "constant") == 0)
        return true;
    if (strncmp(text, "step:", 5) == 0) {
        schedule->kind = TOOL_STEP;
        return steps_until(text + 5, ',', &schedule->every, &rest) && rest != NULL &&
               tool_number(rest, &schedule->factor) && schedule->factor > 0 && schedule->factor <= 1;
    }
    schedule->kind = TOOL_COSINE;
    if (strncmp(text, "cosine:", 7) == 0)
        return tool_number(text + 7, &schedule->factor) && schedule->factor >= 0 && schedule->factor <= 1;
    return strcmp(text, "cosine") == 0;
}

void tool_schedule_print(const void *slot, char *text, size_t size)
{
    const tool_schedule *schedule = slot;
    const tool_option number = { TOOL_NUMBER, .slot = offsetof(tool_schedule, factor) };
    char warm_up[48] = "", factor[40];

    if (schedule->warm_up > 0)
        snprintf(warm_up, sizeof warm_up, "warmup:%" PRId64 "+", schedule->warm_up);
    tool_option_print(&number, schedule, factor, sizeof factor);
    if (schedule->kind == TOOL_STEP)
        snprintf(text, size, "%sstep:%" PRId64 ",%s", warm_up, schedule->every, factor);
    else if (schedule->kind == TOOL_COSINE && schedule->factor > 0)
        snprintf(text, size, "%scosine:%s", warm_up, factor);
    else
        snprintf(text, size, "%s%s", warm_up, schedule->kind == TOOL_COSINE ? "cosine" : "constant");
}

rg_opt_schedule tool_schedule_make(const tool_schedule *schedule, int64_t steps)
{
    rg_opt_schedule made = rg_opt_schedule_constant();

    /* The cosine begins when the warm-up ends, and ends with the training. */
    if (schedule->kind == TOOL_COSINE)
        made = rg_opt_schedule_cosine(steps > schedule->warm_up ? (uint64_t)(steps - schedule->warm_up) : 1,
                                      schedule->factor);
    else if (schedule->kind == TOOL_STEP)
        made = rg_opt_schedule_step((uint64_t)schedule->every, schedule->factor);
    return schedule->warm_up > 0 ? rg_opt_schedule_warm_up(made, (uint64_t)schedule->warm_up) : made;
}
