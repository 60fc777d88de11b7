/* golden.h: compares a text with a file of tests/golden, byte for byte. With RG_UPDATE_GOLDEN=1 in the environment the
 * file is written instead: look at the difference before keeping it. */
#ifndef RETROGRAD_TESTS_GOLDEN_H
#define RETROGRAD_TESTS_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline const char *golden_path(const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/%s", RG_TEST_SOURCE, name);
    return path;
}

static inline char *golden_read(const char *name)
{
    FILE *file = fopen(golden_path(name), "rb");
    if (!file) fail_msg("cannot open %s", golden_path(name));
    char *text = malloc(1 << 20);
    assert_non_null(text);
    size_t length = fread(text, 1, (1 << 20) - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

static inline void golden_update(const char *text, const char *name)
{
    FILE *file = fopen(golden_path(name), "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Points at the first line that differs. */
static inline void assert_golden(const char *text, const char *name)
{
    const char *update = getenv("RG_UPDATE_GOLDEN");
    if (update && strcmp(update, "1") == 0) golden_update(text, name);
    char *golden = golden_read(name);
    const char *is = text, *was = golden;
    for (int line = 1; strcmp(is, was) != 0; line++) {
        size_t is_length = strcspn(is, "\n"), was_length = strcspn(was, "\n");
        if (is_length != was_length || memcmp(is, was, is_length) != 0 || !is[is_length] || !was[was_length])
            fail_msg("%s:%d differs:\n  is   %.*s\n  was  %.*s", name, line, (int)is_length, is, (int)was_length, was);
        is += is_length + 1;
        was += was_length + 1;
    }
    free(golden);
}

#endif
