/* test_plot_out_of_memory.c: when memory runs out in a picture, it says so, nothing is written and nothing leaks. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_malloc.h"
#include "plot.h"

static void every_allocation_may_fail(void **state)
{
    const double x[] = { 0, 1 };
    const rg_plot_series bars = { .kind = RG_PLOT_BARS, .count = 2, .x = x, .y = x };
    const rg_plot_chart chart = { .count = 1, .series = &bars };
    const rg_plot plot = { .count = 1, .charts = &chart };
    char buffer[BUFSIZ], path[] = "/tmp/test_plot_memory_XXXXXX";
    long failures = 0;
    (void)state;
    if (!FAILING_MALLOC) skip();
    int file = mkstemp(path);
    assert_true(file >= 0);
    FILE *out = fdopen(file, "w");
    assert_non_null(out);
    setvbuf(out, buffer, _IOFBF, sizeof buffer);
    for (rg_status status = RG_E_MEMORY; status; failures += status != RG_OK) {
        rg_error error = { 0 };
        const long alive_before = allocations_alive;
        allocations_fail_after(failures);
        status = rg_plot_write(out, &plot, &error);
        allocations_fail_after(-1);
        assert_int_equal(allocations_alive, alive_before);
        assert_true(status == RG_OK || status == RG_E_MEMORY);
        if (status) assert_string_equal(error.message, "plot: out of memory");
        if (status) assert_int_equal(lseek(file, 0, SEEK_END), 0);
    }
    assert_int_equal(failures, 2); /* what the charts measure, and the places of bars */
    fclose(out);
    for (long n = 0; n < 3; n++) {
        allocations_fail_after(n);
        rg_status status = rg_plot_save(path, &plot, NULL);
        allocations_fail_after(-1);
        assert_true(status == RG_E_MEMORY || status == RG_E_FILE); /* fopen's */
    }
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
