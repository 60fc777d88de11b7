/* test_progress.c: the bar fits its terminal, is redrawn in moderation, and leaves nothing behind. */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "progress.h"

static const tool_progress_line line = {
    .epoch = 3, .epochs = 10, .step = 594, .steps = 1570, .rate = 48211, .loss = 0.0876, .left = 12,
};

static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++)
        columns += (*text & 0xC0) != 0x80;
    return columns;
}

static void a_line_fits_every_width(void **state)
{
    char text[1024];
    (void)state;
    for (int width = 0; width <= 250; width++) {
        for (int unicode = 0; unicode < 2; unicode++) {
            const tool_progress_style style = { .width = width, .unicode = unicode };
            int columns = tool_progress_draw(&line, &style, text, sizeof text);
            assert_int_equal(columns, columns_of(text));
            assert_true(columns <= width);
            assert_true(width < 12 || strstr(text, "0.0876") != NULL);
        }
    }
}

static void a_wide_line_shows_everything(void **state)
{
    char text[1024];
    const tool_progress_style style = { .width = 120 };
    (void)state;
    tool_progress_draw(&line, &style, text, sizeof text);
    assert_string_equal(text, "epoch  3/10  ###############-------------------------  step  594/1570  loss  0.0876"
                              "  48.2k samples/s   0:12 left");
}

static void a_narrow_line_keeps_the_important_parts(void **state)
{
    char text[1024];
    (void)state;
    tool_progress_draw(&line, &(tool_progress_style){ .width = 50 }, text, sizeof text);
    assert_null(strstr(text, "step"));
    assert_null(strstr(text, "samples"));
    assert_non_null(strstr(text, "epoch"));
    assert_non_null(strstr(text, "left"));
}

static void the_line_is_as_wide_at_the_end_as_at_the_beginning(void **state)
{
    char text[1024];
    const tool_progress_style style = { .width = 110, .unicode = true };
    tool_progress_line l = line;
    (void)state;
    l.step = 0;
    l.rate = l.left = -1;
    int columns = tool_progress_draw(&l, &style, text, sizeof text);
    l.step = l.steps;
    l.epoch = l.epochs;
    l.rate = 999;
    l.left = 59;
    assert_int_equal(tool_progress_draw(&l, &style, text, sizeof text), columns);
    assert_null(strstr(text, "─"));
}

static void durations_and_amounts_read_well(void **state)
{
    static const struct { double value; const char *text; } durations[] = {
        { 0, "0:00" }, { 12.4, "0:12" }, { 59.6, "1:00" }, { 725, "12:05" }, { 3753, "1:02:33" }, { -1, "-:--" },
        { 1e30, "-:--" },
    };
    static const struct { double value; const char *text; } amounts[] = {
        { 0, "0" }, { 7, "7" }, { 0.5, "0.50" }, { 12.25, "12.2" }, { 999, "999" }, { 999.6, "1.00k" },
        { 48211, "48.2k" }, { 2410517, "2.41M" }, { 3e18, "3000000T" },
    };
    char text[40];
    (void)state;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++)
        assert_string_equal(tool_duration(durations[i].value, text, sizeof text), durations[i].text);
    for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++)
        assert_string_equal(tool_amount(amounts[i].value, text, sizeof text), amounts[i].text);
}

/* A terminal of our own: what is written to `out` can be read from `master`. */
static int master;
static FILE *out;

static int open_terminal(void **state)
{
    struct winsize size = { .ws_row = 24, .ws_col = 90 };
    struct termios settings;
    (void)state;
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    setenv("LC_ALL", "C", 1);
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (slave < 0 || tcgetattr(slave, &settings) != 0)
        return -1;
    settings.c_oflag &= ~(tcflag_t)OPOST;
    tcsetattr(slave, TCSANOW, &settings);
    ioctl(slave, TIOCSWINSZ, &size);
    fcntl(master, F_SETFL, O_NONBLOCK);
    out = fdopen(slave, "w");
    return out == NULL ? -1 : 0;
}

static int close_terminal(void **state)
{
    (void)state;
    fclose(out);
    close(master);
    return 0;
}

/* What has been written since the last time. A terminal hands it over in pieces, and when it likes. */
static const char *written(void)
{
    static char text[65536];
    size_t length = 0;
    struct pollfd ready = { .fd = master, .events = POLLIN };
    while (length < sizeof text - 1 && poll(&ready, 1, 200) > 0) {
        ssize_t count = read(master, text + length, sizeof text - 1 - length);
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    text[length] = '\0';
    return text;
}

/* Adds to the text what is there already, so that the terminal does not fill up. */
static void gather(char *text, size_t size)
{
    size_t used = strlen(text);
    ssize_t count = read(master, text + used, size - 1 - used);
    text[used + (size_t)(count > 0 ? count : 0)] = '\0';
}

static int count_of(const char *text, char what)
{
    int count = 0;
    for (; *text != '\0'; text++)
        count += *text == what;
    return count;
}

static tool_progress_state after(int64_t step)
{
    return (tool_progress_state){ .epoch = 1, .epochs = 2, .step = step, .steps = 1000, .samples = 10 * step,
                                  .seconds = 0.01 * (double)step, .loss = 1 };
}

static void a_terminal_gets_a_bar_that_is_redrawn_ten_times_a_second(void **state)
{
    tool_progress p;
    static char text[2 * 65536];
    (void)state;
    tool_progress_start(&p, out, TOOL_PROGRESS_AUTO, 0, 0);
    assert_int_equal(p.mode, TOOL_PROGRESS_BAR);
    for (int64_t step = 1; step <= 200; step++) { /* two seconds */
        tool_progress_state s = after(step);
        tool_progress_show(&p, &s, 0.01 * (double)step);
        gather(text, sizeof text);
    }
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", written());
    assert_in_range(count_of(text, '\r'), 15, 21);
    assert_int_equal(count_of(text, '\n'), 0);
    for (const char *at = strchr(text, '\r'); at != NULL; at = strchr(at + 1, '\r'))
        assert_true(strcspn(at + 1, "\033") <= 89);
    assert_non_null(strstr(text, "1.00k samples/s"));
    tool_progress_finish(&p);
    assert_string_equal(written(), "\r\033[K");
    tool_progress_finish(&p);
    assert_string_equal(written(), "");
}

static void a_line_that_stays_takes_the_bar_away_first(void **state)
{
    tool_progress p;
    tool_progress_state s = after(1);
    (void)state;
    tool_progress_start(&p, out, TOOL_PROGRESS_AUTO, 0, 0);
    tool_progress_show(&p, &s, 0.01);
    written();
    tool_progress_say(&p, "epoch %d", 1);
    assert_string_equal(written(), "\r\033[Kepoch 1\n");
    tool_progress_show(&p, &s, 0.011);
    assert_true(written()[0] == '\r');
    tool_progress_finish(&p);
}

static void a_dumb_terminal_gets_plain_lines(void **state)
{
    tool_progress p;
    static char text[2 * 65536];
    (void)state;
    setenv("TERM", "dumb", 1);
    tool_progress_start(&p, out, TOOL_PROGRESS_AUTO, 0, 0);
    assert_int_equal(p.mode, TOOL_PROGRESS_PLAIN);
    for (int64_t step = 1; step <= 1000; step++) {
        tool_progress_state s = after(step);
        tool_progress_show(&p, &s, 0.025 * (double)step);
        gather(text, sizeof text);
    }
    tool_progress_say(&p, "done");
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s", written());
    assert_int_equal(count_of(text, '\n'), 3); /* at 10 s, at 20 s, and done */
    assert_int_equal(count_of(text, '\r') + count_of(text, '\033'), 0);
}

static void none_says_nothing(void **state)
{
    tool_progress p;
    tool_progress_state s = after(1);
    (void)state;
    tool_progress_start(&p, out, TOOL_PROGRESS_NONE, 0, 0);
    tool_progress_show(&p, &s, 100);
    tool_progress_say(&p, "epoch");
    tool_progress_finish(&p);
    assert_string_equal(written(), "");
}

static void time_left_goes_by_the_steps_of_this_run(void **state)
{
    tool_progress p;
    tool_progress_state s = after(600);
    (void)state;
    tool_progress_start(&p, out, TOOL_PROGRESS_BAR, 500, 0); /* gone on with at 500 */
    tool_progress_show(&p, &s, 10);                          /* 100 steps in 10 s, 400 to go */
    assert_non_null(strstr(written(), "0:40 left"));
    tool_progress_finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_fits_every_width),
        cmocka_unit_test(a_wide_line_shows_everything),
        cmocka_unit_test(a_narrow_line_keeps_the_important_parts),
        cmocka_unit_test(the_line_is_as_wide_at_the_end_as_at_the_beginning),
        cmocka_unit_test(durations_and_amounts_read_well),
        cmocka_unit_test_setup_teardown(a_terminal_gets_a_bar_that_is_redrawn_ten_times_a_second, open_terminal,
                                        close_terminal),
        cmocka_unit_test_setup_teardown(a_line_that_stays_takes_the_bar_away_first, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(a_dumb_terminal_gets_plain_lines, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(none_says_nothing, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(time_left_goes_by_the_steps_of_this_run, open_terminal, close_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
