/* options.h: command-line options from a table.
 *
 * A subcommand is a tool_command: a struct of values, and a table that says for every option its name,
 * its kind, what it may be, its default and where in the struct it goes. Parsing, range checks, defaults,
 * messages and the --help text all come from that one table. */
#ifndef RETROGRAD_TOOLS_OPTIONS_H
#define RETROGRAD_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__)
#define TOOL_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define TOOL_PRINTF(text, first)
#endif

/* What an option's value is, and the C type of its slot. */
typedef enum {
    TOOL_END = 0,  /* ends a table */
    TOOL_HEADING,  /* no option: a heading of the help text, in `name` */
    TOOL_FLAG,     /* bool: no value */
    TOOL_TEXT,     /* const char *: any text but the empty one; NULL if not given and without a default */
    TOOL_CHOICE,   /* int: the position in `choices` */
    TOOL_INTEGER,  /* int64_t, low..high */
    TOOL_NUMBER,   /* double, low..high and finite */
    TOOL_PARSED    /* whatever `parse` writes */
} tool_option_kind;

/* Whether an option goes into a saved model, and what one on the command line means when it is loaded. */
typedef enum {
    TOOL_NOT_KEPT = 0,
    TOOL_KEPT,         /* the command line overrides the file */
    TOOL_KEPT_RUN,     /* must not contradict the file if its training is to go on */
    TOOL_KEPT_MODEL    /* must not contradict the file */
} tool_keeping;

typedef struct {
    tool_option_kind kind;
    const char *name;      /* "epochs" for --epochs */
    const char *value;     /* what the help text calls the value, such as "N" */
    size_t slot;           /* offsetof(values, member) */
    const char *standard;  /* the default as it would be typed, or NULL: the slot stays all zeros */
    const char *help;      /* what it does, without a full stop */
    const char *choices;   /* TOOL_CHOICE: "relu|tanh|sigmoid" */
    double low, high;      /* TOOL_INTEGER, TOOL_NUMBER: the range */
    bool above, below;     /* TOOL_NUMBER: the range excludes low; excludes high */
    bool (*parse)(const char *text, void *slot); /* TOOL_PARSED: false if the text is no good */
    void (*print)(const void *slot, char *text, size_t size); /* TOOL_PARSED: the text it would be read from */
    const char *wants;     /* TOOL_PARSED: what would be good, for the message */
    tool_keeping keeping;
} tool_option;

#define TOOL_MOST_OPTIONS 64 /* rows of a table, headings included */

typedef struct tool_command {
    const char *name;      /* "train" */
    const char *summary;   /* one line for the list of subcommands */
    const char *about;     /* paragraphs for --help; lines are wrapped */
    const char *examples;  /* lines for --help, printed as they are; or NULL */
    const tool_option *options;
    const char *bare;      /* the name of the option that an argument without a name gives; NULL: there is none */
    size_t values_size;
    /* Runs with the parsed values; given[i] says whether row i was on the command line. Returns the exit
     * status: 0 well, 1 failed, 2 wrong use. */
    int (*run)(const struct tool_command *command, const void *values, const bool *given);
} tool_command;

typedef enum { TOOL_RUN, TOOL_HELP, TOOL_WRONG } tool_verdict;

/* Sets every slot to its default, then reads the arguments (the subcommand's name not among them):
 * --name value, --name=value, --flag, a value alone for the bare option, and -h or --help, which ends the reading with TOOL_HELP. `given` has
 * TOOL_MOST_OPTIONS places. On TOOL_WRONG the message names the option, the bad value and what is wanted. */
tool_verdict tool_parse(const tool_command *command, int count, char *const *arguments, void *values, bool *given,
                        char *message, size_t size);

/* The --help text, wrapped to `width` columns. */
void tool_help(FILE *out, const tool_command *command, int width);

/* Whether the option of that name was on the command line. */
bool tool_given(const tool_command *command, const bool *given, const char *name);

/* Reads one value as if from the command line: false if it is no good. TOOL_TEXT borrows the text. */
bool tool_option_read(const tool_option *row, const char *text, void *values);
/* The value as it could be typed: the shortest text that reads as the same number. */
const char *tool_option_print(const tool_option *row, const void *values, char *text, size_t size);

/* Messages on standard error that begin "retrograd train: ". They return the exit status: 1 for a failure, 2
 * for wrong use, which also points at --help. */
int tool_fail(const tool_command *command, const char *format, ...) TOOL_PRINTF(2, 3);
int tool_misuse(const tool_command *command, const char *format, ...) TOOL_PRINTF(2, 3);
void tool_warn(const tool_command *command, const char *format, ...) TOOL_PRINTF(2, 3);

/* The position of a word in "a|b|c", or -1; and the other way round, into `text`. */
int tool_choice_find(const char *choices, const char *word);
const char *tool_choice_name(const char *choices, int position, char *text, size_t size);

/* The edit distance of two words: insertions, deletions, substitutions and swaps of neighbours
 * [Damerau 1964], each counted once. Words over 63 characters count as far apart. */
int tool_distance(const char *a, const char *b);
/* Whether the words are near enough for "did you mean". */
bool tool_alike(const char *typed, const char *known);

/* For TOOL_PARSED: a number of bytes above 0 (int64_t), such as 1000000, 512k, 64M or 2G, in powers of 1024. */
#define TOOL_BYTES_WANTS "bytes above 0, such as 64M, 512k or 1000000"
bool tool_bytes_parse(const char *text, void *slot);
void tool_bytes_print(const void *slot, char *text, size_t size);
/* The same to be read: "786.4 KiB". */
const char *tool_bytes(double bytes, char *text, size_t size);

/* A whole decimal number or a decimal number, with nothing before or after it. */
bool tool_integer(const char *text, int64_t *value);
bool tool_number(const char *text, double *value);

#endif
