/* pictures.h: pictures drawn into memory, and what holds of all of them. */
#ifndef RETROGRAD_TESTS_PICTURES_H
#define RETROGRAD_TESTS_PICTURES_H

#include "plot.h"

static char *picture;
static size_t picture_size;

static inline FILE *begin(void)
{
    free(picture);
    picture = NULL;
    FILE *out = open_memstream(&picture, &picture_size);
    assert_non_null(out);
    return out;
}

static inline int teardown(void **state)
{
    (void)state;
    free(picture);
    picture = NULL;
    return 0;
}

/* Tags nest and close, and no number is NaN or infinite. */
static inline void assert_well_formed(const char *text)
{
    int depth = 0;
    for (const char *at = strchr(text, '<'); at != NULL; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        assert_null(memchr(at + 1, '<', (size_t)(end - at - 1)));
        depth += at[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
        assert_true(depth >= 0);
        assert_null(strstr(at, "\"nan"));
        assert_null(strstr(at, "\"inf"));
        assert_null(strstr(at, "\"-nan"));
    }
    assert_int_equal(depth, 0);
    assert_null(strstr(text, "nan "));
    assert_null(strstr(text, "inf "));
}

static inline int count_of(const char *text, const char *what)
{
    int count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        count++;
    return count;
}

#endif
