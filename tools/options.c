/* options.c: command-line options from a table. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 26, MOST_WORD = 63 };

bool tool_integer(const char *text, int64_t *value)
{
    char *end;

    if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *value = number;
    return true;
}

bool tool_number(const char *text, double *value)
{
    char *end;

    /* strtod also reads blanks, "inf", "nan" and hexadecimal; a typing error should not become one. */
    if (text[0] == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(number))
        return false;
    *value = number;
    return true;
}

bool tool_bytes_parse(const char *text, void *slot)
{
    static const char units[] = "kMG";
    char digits[24];
    size_t length = strlen(text);
    const char *unit = length > 0 ? strchr(units, text[length - 1] == 'K' ? 'k' : text[length - 1]) : NULL;
    int64_t number, one = 1;

    length -= unit != NULL;
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    for (const char *at = units; unit != NULL && at <= unit; at++)
        one *= 1024;
    if (!tool_integer(digits, &number) || number < 1 || number > INT64_MAX / one)
        return false;
    *(int64_t *)slot = number * one;
    return true;
}

void tool_bytes_print(const void *slot, char *text, size_t size)
{
    snprintf(text, size, "%" PRId64, *(const int64_t *)slot);
}

const char *tool_bytes(double bytes, char *text, size_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
    int unit = 0;

    for (; bytes >= 1024 && unit < 3; unit++)
        bytes /= 1024;
    snprintf(text, size, unit == 0 ? "%.0f %s" : unit == 1 ? "%.1f %s" : "%.2f %s", bytes, units[unit]);
    return text;
}

int tool_choice_find(const char *choices, const char *word)
{
    size_t length = strlen(word);
    int position = 0;

    for (const char *at = choices; ; position++) {
        size_t n = strcspn(at, "|");
        if (n == length && memcmp(at, word, n) == 0)
            return position;
        if (at[n] == '\0')
            return -1;
        at += n + 1;
    }
}

const char *tool_choice_name(const char *choices, int position, char *text, size_t size)
{
    const char *at = choices;

    for (; position > 0 && strchr(at, '|') != NULL; position--)
        at = strchr(at, '|') + 1;
    snprintf(text, size, "%.*s", (int)strcspn(at, "|"), at);
    return text;
}

int tool_distance(const char *a, const char *b)
{
    int row[3][MOST_WORD + 2];
    size_t n = strlen(a), m = strlen(b);

    if (n > MOST_WORD || m > MOST_WORD)
        return 2 * MOST_WORD;
    for (size_t j = 0; j <= m; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *here = row[i % 3];
        const int *above = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        here[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (here[j - 1] + 1 < best)
                best = here[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            here[j] = best;
        }
    }
    return row[n % 3][m];
}

bool tool_alike(const char *typed, const char *known)
{
    size_t length = strlen(typed);

    if (length >= 3 && strncmp(typed, known, length) == 0)
        return true;
    return tool_distance(typed, known) <= (length < 4 ? 1 : length < 8 ? 2 : 3);
}

/* The most alike option, the flag --help among them, or NULL. */
static const char *nearest_option(const tool_option *options, const char *typed)
{
    const char *nearest = tool_alike(typed, "help") ? "help" : NULL;

    for (const tool_option *row = options; row->kind != TOOL_END; row++)
        if (row->kind != TOOL_HEADING && tool_alike(typed, row->name) &&
            (nearest == NULL || tool_distance(typed, row->name) < tool_distance(typed, nearest)))
            nearest = row->name;
    return nearest;
}

static const tool_option *find_option(const tool_option *options, const char *name, size_t length)
{
    for (const tool_option *row = options; row->kind != TOOL_END; row++)
        if (row->kind != TOOL_HEADING && strlen(row->name) == length && memcmp(row->name, name, length) == 0)
            return row;
    return NULL;
}

/* "relu|tanh|sigmoid" as "relu, tanh or sigmoid". */
static void say_choices(const char *choices, char *text, size_t size)
{
    size_t used = 0;

    for (const char *at = choices; used < size; ) {
        size_t n = strcspn(at, "|");
        const char *rest = at[n] == '|' ? at + n + 1 : NULL;
        const char *joint = rest == NULL ? "" : strchr(rest, '|') != NULL ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%.*s%s", (int)n, at, joint);
        if (rest == NULL)
            return;
        at = rest;
    }
}

static void say_range(const tool_option *row, char *text, size_t size)
{
    bool whole = row->kind == TOOL_INTEGER;
    const char *what = whole ? "a whole number" : "a number";
    char low[40], high[40];

    snprintf(low, sizeof low, whole ? "%.0f" : "%g", row->low);
    snprintf(high, sizeof high, whole ? "%.0f" : "%g", row->high);
    if (isinf(row->low) && isinf(row->high))
        snprintf(text, size, "%s", what);
    else if (isinf(row->high))
        snprintf(text, size, "%s %s %s", what, row->above ? "above" : "of at least", low);
    else if (!row->above && !row->below)
        snprintf(text, size, "%s from %s to %s", what, low, high);
    else
        snprintf(text, size, "%s %s %s and %s %s", what, row->above ? "above" : "of at least", low,
                 row->below ? "below" : "at most", high);
}

static void say_wanted(const tool_option *row, char *text, size_t size)
{
    switch (row->kind) {
    case TOOL_CHOICE:
        say_choices(row->choices, text, size);
        break;
    case TOOL_INTEGER:
    case TOOL_NUMBER:
        say_range(row, text, size);
        break;
    case TOOL_PARSED:
        snprintf(text, size, "%s", row->wants);
        break;
    default:
        snprintf(text, size, "%s", row->value);
        break;
    }
}

static bool in_range(const tool_option *row, double value)
{
    bool low_enough = row->below ? value < row->high : value <= row->high;
    return low_enough && (row->above ? value > row->low : value >= row->low);
}

bool tool_option_read(const tool_option *row, const char *text, void *values)
{
    void *slot = (char *)values + row->slot;

    switch (row->kind) {
    case TOOL_FLAG:
        *(bool *)slot = strcmp(text, "1") == 0;
        return *(bool *)slot || strcmp(text, "0") == 0;
    case TOOL_TEXT:
        *(const char **)slot = text;
        return text[0] != '\0';
    case TOOL_CHOICE:
        *(int *)slot = tool_choice_find(row->choices, text);
        return *(int *)slot >= 0;
    case TOOL_INTEGER:
        return tool_integer(text, slot) && in_range(row, (double)*(int64_t *)slot);
    case TOOL_NUMBER:
        return tool_number(text, slot) && in_range(row, *(double *)slot);
    case TOOL_PARSED:
        return row->parse(text, slot);
    default:
        return false;
    }
}

const char *tool_option_print(const tool_option *row, const void *values, char *text, size_t size)
{
    const void *slot = (const char *)values + row->slot;

    switch (row->kind) {
    case TOOL_FLAG:
        snprintf(text, size, "%d", *(const bool *)slot);
        break;
    case TOOL_TEXT:
        snprintf(text, size, "%s", *(const char *const *)slot == NULL ? "" : *(const char *const *)slot);
        break;
    case TOOL_CHOICE:
        tool_choice_name(row->choices, *(const int *)slot, text, size);
        break;
    case TOOL_INTEGER:
        snprintf(text, size, "%" PRId64, *(const int64_t *)slot);
        break;
    case TOOL_NUMBER:
        for (int precision = 6; precision <= 17; precision++) {
            snprintf(text, size, "%.*g", precision, *(const double *)slot);
            if (strtod(text, NULL) == *(const double *)slot)
                break;
        }
        break;
    case TOOL_PARSED:
        row->print(slot, text, size);
        break;
    default:
        text[0] = '\0';
        break;
    }
    return text;
}

static tool_verdict wrong_value(const tool_option *row, const char *text, char *message, size_t size)
{
    char wanted[256], near[MOST_WORD + 1] = "";
    const char *nearest = NULL;

    say_wanted(row, wanted, sizeof wanted);
    if (row->kind == TOOL_CHOICE && text[0] != '\0') {
        char name[MOST_WORD + 1], last[MOST_WORD + 1] = "";
        for (int i = 0; strcmp(tool_choice_name(row->choices, i, name, sizeof name), last) != 0; i++) {
            if (nearest == NULL && tool_alike(text, name))
                nearest = strcpy(near, name);
            strcpy(last, name);
        }
    }
    if (nearest != NULL)
        snprintf(message, size, "--%s wants %s, not '%s'; did you mean '%s'?", row->name, wanted, text, nearest);
    else
        snprintf(message, size, "--%s wants %s, not '%s'", row->name, wanted, text);
    return TOOL_WRONG;
}

static tool_verdict unknown_option(const tool_option *options, const char *typed, size_t length, char *message,
                                   size_t size)
{
    char word[MOST_WORD + 1];

    snprintf(word, sizeof word, "%.*s", (int)(length < MOST_WORD ? length : MOST_WORD), typed);
    const char *nearest = nearest_option(options, word);
    if (nearest != NULL)
        snprintf(message, size, "unknown option '--%s'; did you mean '--%s'?", word, nearest);
    else
        snprintf(message, size, "unknown option '--%s'", word);
    return TOOL_WRONG;
}

/* Reads the option in arguments[*at], and its value from there or from the next argument. */
static tool_verdict read_option(const tool_command *command, int count, char *const *arguments, int *at, void *values,
                                bool *given, char *message, size_t size)
{
    const char *name = arguments[*at] + 2;
    size_t length = strcspn(name, "=");
    const char *text = name[length] == '=' ? name + length + 1 : NULL;
    const tool_option *row = find_option(command->options, name, length);

    if (row == NULL)
        return unknown_option(command->options, name, length, message, size);
    given[row - command->options] = true;
    if (row->kind == TOOL_FLAG) {
        *(bool *)((char *)values + row->slot) = true;
        if (text == NULL)
            return TOOL_RUN;
        snprintf(message, size, "--%s takes no value, but was given '%s'", row->name, text);
        return TOOL_WRONG;
    }
    if (text == NULL && (*at + 1 >= count || strncmp(arguments[*at + 1], "--", 2) == 0)) {
        snprintf(message, size, "--%s needs a value: --%s %s", row->name, row->name, row->value);
        return TOOL_WRONG;
    }
    if (text == NULL)
        text = arguments[++*at];
    return tool_option_read(row, text, values) ? TOOL_RUN : wrong_value(row, text, message, size);
}

tool_verdict tool_parse(const tool_command *command, int count, char *const *arguments, void *values, bool *given,
                        char *message, size_t size)
{
    memset(values, 0, command->values_size);
    memset(given, 0, TOOL_MOST_OPTIONS * sizeof *given);
    for (const tool_option *row = command->options; row->kind != TOOL_END; row++)
        if (row->kind != TOOL_HEADING && row->standard != NULL && !tool_option_read(row, row->standard, values))
            return wrong_value(row, row->standard, message, size);
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "-h") == 0 || strcmp(arguments[i], "--help") == 0)
            return TOOL_HELP;
        bool named = strncmp(arguments[i], "--", 2) == 0 && arguments[i][2] != '\0';
        if (!named && command->bare != NULL && arguments[i][0] != '-' && !tool_given(command, given, command->bare)) {
            const tool_option *row = find_option(command->options, command->bare, strlen(command->bare));
            if (!tool_option_read(row, arguments[i], values))
                return wrong_value(row, arguments[i], message, size);
            given[row - command->options] = true;
            continue;
        }
        if (!named) {
            snprintf(message, size, "unexpected argument '%s'", arguments[i]);
            return TOOL_WRONG;
        }
        tool_verdict verdict = read_option(command, count, arguments, &i, values, given, message, size);
        if (verdict != TOOL_RUN)
            return verdict;
    }
    return TOOL_RUN;
}

bool tool_given(const tool_command *command, const bool *given, const char *name)
{
    const tool_option *row = find_option(command->options, name, strlen(name));
    return row != NULL && given[row - command->options];
}

static void say(const tool_command *command, const char *format, va_list arguments)
{
    fflush(stdout);
    fprintf(stderr, "retrograd %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int tool_fail(const tool_command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
    return 1;
}

int tool_misuse(const tool_command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'retrograd %s --help'.\n", command->name);
    return 2;
}

void tool_warn(const tool_command *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(command, format, arguments);
    va_end(arguments);
}

/* Prints text wrapped between the columns; the cursor stands at `column`. Line ends in the text stay. */
static void wrap(FILE *out, const char *text, int column, int indent, int width)
{
    bool fresh = true; /* at the start of a line */

    while (*text != '\0') {
        int word = (int)strcspn(text, " \n");
        if (!fresh && column + 1 + word > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
            fresh = true;
        }
        column += fprintf(out, "%s%.*s", fresh ? "" : " ", word, text);
        fresh = false;
        text += word;
        if (*text == '\n') {
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
            fresh = true;
        }
        if (*text != '\0')
            text++;
    }
    fputc('\n', out);
}

static void help_row(FILE *out, const tool_option *row, int width)
{
    char left[128], right[1024];
    const char *value = row->kind == TOOL_CHOICE && row->value == NULL ? row->choices : row->value;

    snprintf(left, sizeof left, "  --%s%s%s", row->name, value == NULL ? "" : " ", value == NULL ? "" : value);
    if (row->standard != NULL)
        snprintf(right, sizeof right, "%s (default: %s)", row->help, row->standard);
    else
        snprintf(right, sizeof right, "%s", row->help);
    int column = fprintf(out, "%s", left);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    wrap(out, right, HELP_COLUMN, HELP_COLUMN, width);
}

void tool_help(FILE *out, const tool_command *command, int width)
{
    fprintf(out, "Usage: retrograd %s [options]", command->name);
    if (command->bare != NULL) {
        const tool_option *row = find_option(command->options, command->bare, strlen(command->bare));
        fprintf(out, " [%s]", row->value);
    }
    fputs("\n\n", out);
    wrap(out, command->about, 0, 0, width);
    for (const tool_option *row = command->options; row->kind != TOOL_END; row++) {
        if (row->kind == TOOL_HEADING)
            fprintf(out, "\n%s\n", row->name);
        else
            help_row(out, row, width);
    }
    fprintf(out, "  -h, --help%*sshow this text\n", HELP_COLUMN - 12, "");
    if (command->examples != NULL)
        fprintf(out, "\nExamples\n%s", command->examples);
}
