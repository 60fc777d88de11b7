/* refused.h: a call is refused with a status and a message that names the caller's line, and the error can be cleared. */
#ifndef RETROGRAD_TESTS_REFUSED_H
#define RETROGRAD_TESTS_REFUSED_H

#include "tensors.h"

/* The tape has failed with this status and a message that begins with file and line (0: neither), then this text, and that
 * holds that one. Forgets the error. */
static inline void assert_refused(rg_tape *on, const char *file, int line, rg_status status, const char *begins,
                                  const char *holds)
{
    char expected[200];
    const char *name = strrchr(file, '/');
    if (line) snprintf(expected, sizeof expected, "%s:%d: %s", name ? name + 1 : file, line, begins);
    else snprintf(expected, sizeof expected, "%s", begins);
    if (rg_tape_status(on) != status)
        fail_msg("line %d: %s instead of %s: %s", line, rg_status_name(rg_tape_status(on)), rg_status_name(status),
                 rg_message(on));
    if (strncmp(rg_message(on), expected, strlen(expected)) != 0)
        fail_msg("line %d: not \"%s...\": %s", line, expected, rg_message(on));
    if (!strstr(rg_message(on), holds)) fail_msg("line %d: no \"%s\" in: %s", line, holds, rg_message(on));
    rg_tape_clear_error(on);
}

#endif
