/* progress.c: how far a long run is. */
#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double between_bars = 0.1, between_lines = 10, rate_memory = 3; /* seconds */
enum { LEAST_BAR = 8, MOST_BAR = 40, PIECE = 64 };

int tool_width(FILE *out, int otherwise)
{
    struct winsize window = { .ws_col = 0 };
    const char *columns = getenv("COLUMNS");
    int64_t width;

    if (ioctl(fileno(out), TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    if (columns != NULL && tool_integer(columns, &width) && width >= 1 && width <= 10000)
        return (int)width;
    return otherwise;
}

static bool environment_is(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

/* Whether the locale's characters are UTF-8; the first of these that is set decides [POSIX, 8.2]. */
static bool speaks_unicode(void)
{
    const char *name = environment_is("LC_ALL") ? "LC_ALL" : environment_is("LC_CTYPE") ? "LC_CTYPE" : "LANG";
    const char *value = getenv(name);
    return value != NULL && (strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL ||
                             strstr(value, "UTF8") != NULL || strstr(value, "utf-8") != NULL);
}

const char *tool_duration(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0 && seconds < 3.6e6)) {
        snprintf(text, size, "-:--");
        return text;
    }
    int whole = (int)(seconds + 0.5), hours = whole / 3600;
    if (hours > 0)
        snprintf(text, size, "%d:%02d:%02d", hours, whole / 60 % 60, whole % 60);
    else
        snprintf(text, size, "%d:%02d", whole / 60, whole % 60);
    return text;
}

const char *tool_amount(double value, char *text, size_t size)
{
    static const char *const unit[] = { "", "k", "M", "G", "T" };
    int i = 0;

    while (i < 4 && fabs(value) >= 999.5) {
        value /= 1000;
        i++;
    }
    bool whole = i == 0 && value == floor(value);
    int decimals = whole || fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;
    snprintf(text, size, "%.*f%s", decimals, value, unit[i]);
    return text;
}

const char *tool_grouped(int64_t number, char *text, size_t size)
{
    char digits[32];
    size_t used = 0;
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number);

    for (int i = 0; i < length && used + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

static int digits(int64_t number)
{
    int count = 1;
    for (; number >= 10; number /= 10)
        count++;
    return count;
}

/* The pieces of a line, in the order of drawing; those with a higher rank are dropped sooner. */
enum { EPOCH, BAR, STEP, LOSS, RATE, LEFT, PIECES };
static const int rank[PIECES] = { [LOSS] = 0, [EPOCH] = 1, [LEFT] = 2, [BAR] = 3, [RATE] = 4, [STEP] = 5 };

static void write_pieces(const tool_progress_line *line, char piece[PIECES][PIECE])
{
    char number[PIECE / 2];

    snprintf(piece[EPOCH], PIECE, "epoch %*lld/%lld", digits(line->epochs), (long long)line->epoch,
             (long long)line->epochs);
    snprintf(piece[STEP], PIECE, "step %*lld/%lld", digits(line->steps), (long long)line->step,
             (long long)line->steps);
    /* Widths are fixed so that the bar does not tremble. */
    if (line->rate >= 0)
        snprintf(piece[RATE], PIECE, "%5s samples/s", tool_amount(line->rate, number, sizeof number));
    else
        snprintf(piece[RATE], PIECE, "%5s samples/s", "-");
    snprintf(piece[LOSS], PIECE, line->loss != 0 && fabs(line->loss) < 1e-3 ? "loss %.1e" : "loss %7.4f", line->loss);
    snprintf(piece[LEFT], PIECE, "%5s left", tool_duration(line->left, number, sizeof number));
}

static size_t append(char *text, size_t size, size_t used, const char *more)
{
    size_t length = strlen(more);

    if (used + length + 1 > size)
        return used;
    memcpy(text + used, more, length + 1);
    return used + length;
}

static size_t append_bar(char *text, size_t size, size_t used, double done, int width,
                         const tool_progress_style *style)
{
    int halves = (int)(done * 2 * width);

    used = append(text, size, used, style->colour ? "\033[36m" : "");
    for (int i = 0; i < width; i++) {
        if (i == (halves + 1) / 2)
            used = append(text, size, used, style->colour ? "\033[0;2m" : "");
        if (2 * i + 1 < halves)
            used = append(text, size, used, style->unicode ? "━" : "#");
        else if (2 * i < halves)
            used = append(text, size, used, style->unicode ? "╸" : "-");
        else
            used = append(text, size, used, style->unicode ? "─" : "-");
    }
    return append(text, size, used, style->colour ? "\033[0m" : "");
}

int tool_progress_draw(const tool_progress_line *line, const tool_progress_style *style, char *text, size_t size)
{
    char piece[PIECES][PIECE] = { { 0 } };
    bool shown[PIECES];
    size_t used = 0;

    write_pieces(line, piece);
    for (int keep = PIECES; keep > 0; keep--) {
        int columns = 0;
        for (int i = 0; i < PIECES; i++) {
            shown[i] = rank[i] < keep;
            if (shown[i])
                columns += (columns > 0 ? 2 : 0) + (i == BAR ? LEAST_BAR : (int)strlen(piece[i]));
        }
        if (columns > style->width)
            continue;
        int bar = style->width - columns + LEAST_BAR;
        if (bar > MOST_BAR)
            bar = MOST_BAR;
        double done = line->steps > 0 ? fmin(1, (double)line->step / (double)line->steps) : 0;
        text[0] = '\0';
        for (int i = 0; i < PIECES; i++) {
            if (!shown[i])
                continue;
            used = append(text, size, used, used > 0 ? "  " : "");
            used = i == BAR ? append_bar(text, size, used, done, bar, style) : append(text, size, used, piece[i]);
        }
        return columns + (shown[BAR] ? bar - LEAST_BAR : 0);
    }
    text[0] = '\0';
    return 0;
}

void tool_progress_start(tool_progress *p, FILE *out, tool_progress_mode mode, int64_t step, double now)
{
    const char *term = getenv("TERM");
    bool dumb = term == NULL || strcmp(term, "dumb") == 0;

    if (mode == TOOL_PROGRESS_AUTO)
        mode = isatty(fileno(out)) && !dumb ? TOOL_PROGRESS_BAR : TOOL_PROGRESS_PLAIN;
    *p = (tool_progress){
        .out = out, .mode = mode, .first_step = step, .began = now,
        .drawn = mode == TOOL_PROGRESS_BAR ? -INFINITY : now,
        .style = { .unicode = speaks_unicode(), .colour = !environment_is("NO_COLOR") && !dumb },
        .rate = -1, .loss = NAN,
    };
}

static void follow(tool_progress *p, const tool_progress_state *state, double now)
{
    double seconds = state->seconds - p->drawn_seconds;

    if (seconds > 0) {
        double rate = (double)(state->samples - p->drawn_samples) / seconds;
        p->rate = p->rate < 0 ? rate : p->rate + (1 - exp(-seconds / rate_memory)) * (rate - p->rate);
    }
    p->drawn = now;
    p->drawn_seconds = state->seconds;
    p->drawn_samples = state->samples;
}

void tool_progress_show(tool_progress *p, const tool_progress_state *state, double now)
{
    double pause = p->mode == TOOL_PROGRESS_BAR ? between_bars : between_lines;
    char text[1024];

    p->loss = isfinite(p->loss) && isfinite(state->loss) ? p->loss + 0.05 * (state->loss - p->loss) : state->loss;
    if (p->mode == TOOL_PROGRESS_NONE || now - p->drawn < pause)
        return;
    follow(p, state, now);
    int64_t done = state->step - p->first_step;
    double left = done > 0 && now - p->began > 0.3
                      ? (now - p->began) / (double)done * (double)(state->steps - state->step) : -1;
    tool_progress_line line = {
        .epoch = state->epoch, .epochs = state->epochs, .step = state->step, .steps = state->steps,
        .rate = p->rate, .loss = p->loss, .left = left,
    };
    if (p->mode == TOOL_PROGRESS_BAR) {
        /* The last column stays free: some terminals wrap when it is written. */
        p->style.width = tool_width(p->out, 80) - 1;
        tool_progress_draw(&line, &p->style, text, sizeof text);
        fprintf(p->out, "\r%s\033[K", text);
        p->shown = true;
    } else {
        char rate[PIECE / 2], duration[PIECE / 2];
        fprintf(p->out, "epoch %lld/%lld  step %lld/%lld  loss %.4g  %s samples/s  %s left\n",
                (long long)line.epoch, (long long)line.epochs, (long long)line.step, (long long)line.steps, line.loss,
                tool_amount(line.rate, rate, sizeof rate), tool_duration(line.left, duration, sizeof duration));
    }
    fflush(p->out);
}

void tool_progress_say(tool_progress *p, const char *format, ...)
{
    va_list arguments;

    if (p->mode == TOOL_PROGRESS_NONE)
        return;
    tool_progress_finish(p);
    va_start(arguments, format);
    vfprintf(p->out, format, arguments);
    va_end(arguments);
    fputc('\n', p->out);
    fflush(p->out);
    /* The bar comes back with the next step instead of a tenth of a second later. */
    if (p->mode == TOOL_PROGRESS_BAR)
        p->drawn -= between_bars;
}

void tool_progress_finish(tool_progress *p)
{
    if (!p->shown)
        return;
    fputs("\r\033[K", p->out);
    fflush(p->out);
    p->shown = false;
}
