/* test_options.c: what is typed is understood, and what is mistyped is named. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

#include <math.h>

typedef struct {
    const char *data;
    int64_t epochs;
    double rate, dropout, floor_rate;
    int activation;
    bool json;
    int pair[2];
} sample;

static bool parse_pair(const char *text, void *slot)
{
    int *pair = slot;
    char rest;
    return sscanf(text, "%d,%d%c", &pair[0], &pair[1], &rest) == 2;
}

static const tool_option rows[] = {
    { TOOL_HEADING, .name = "Data" },
    { TOOL_TEXT, "data", "PATH", offsetof(sample, data), NULL, .help = "where the data is" },
    { TOOL_HEADING, .name = "Training" },
    { TOOL_INTEGER, "epochs", "N", offsetof(sample, epochs), "10", "how often to go through the data", .low = 1,
      .high = 1000 },
    { TOOL_NUMBER, "rate", "X", offsetof(sample, rate), "0.001", "learning rate", .low = 0, .high = INFINITY,
      .above = true },
    { TOOL_NUMBER, "dropout", "P", offsetof(sample, dropout), "0", "how much is dropped", .low = 0, .high = 1,
      .below = true },
    { TOOL_CHOICE, "activation", NULL, offsetof(sample, activation), "relu", "what bends",
      .choices = "relu|tanh|sigmoid" },
    { TOOL_FLAG, "json", NULL, offsetof(sample, json), NULL, .help = "end with one line of JSON" },
    { TOOL_PARSED, "pair", "A,B", offsetof(sample, pair), "1,2", "two numbers", .parse = parse_pair,
      .wants = "two numbers such as 1,2" },
    { .kind = TOOL_END },
};

static const tool_command command = {
    .name = "sample",
    .summary = "a sample",
    .about = "Does nothing at all, but at such a length that the line has to be wrapped somewhere around here.",
    .options = rows,
    .values_size = sizeof(sample),
};

static sample values;
static bool given[TOOL_MOST_OPTIONS];
static char message[512];

#define PARSE(...)                                                                                                 \
    tool_parse(&command, (int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)),                          \
               (char *const *)(char *[]){ __VA_ARGS__ }, &values, given, message, sizeof message)

static void nothing_given_gives_the_defaults(void **state)
{
    (void)state;
    assert_int_equal(tool_parse(&command, 0, NULL, &values, given, message, sizeof message), TOOL_RUN);
    assert_null(values.data);
    assert_int_equal(values.epochs, 10);
    assert_true(values.rate == 0.001);
    assert_true(values.dropout == 0);
    assert_int_equal(values.activation, 0);
    assert_false(values.json);
    assert_int_equal(values.pair[0], 1);
    assert_int_equal(values.pair[1], 2);
    assert_false(tool_given(&command, given, "epochs"));
}

static void values_come_after_a_blank_or_an_equals_sign(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--epochs", "3", "--rate=1e-2", "--activation", "sigmoid", "--json", "--pair=7,-8",
                           "--data", "-"), TOOL_RUN);
    assert_int_equal(values.epochs, 3);
    assert_true(values.rate == 0.01);
    assert_int_equal(values.activation, 2);
    assert_true(values.json);
    assert_int_equal(values.pair[1], -8);
    assert_string_equal(values.data, "-");
    assert_true(tool_given(&command, given, "epochs"));
    assert_true(tool_given(&command, given, "json"));
    assert_false(tool_given(&command, given, "dropout"));
}

static void the_last_of_a_repeated_option_counts(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--epochs", "3", "--epochs", "4"), TOOL_RUN);
    assert_int_equal(values.epochs, 4);
}

static void help_is_found_anywhere_but_after_a_mistake(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--json", "--help"), TOOL_HELP);
    assert_int_equal(PARSE("-h"), TOOL_HELP);
    assert_int_equal(PARSE("--epochs", "no", "--help"), TOOL_WRONG);
}

#define REFUSES(text, ...)                                                                                         \
    do {                                                                                                           \
        assert_int_equal(PARSE(__VA_ARGS__), TOOL_WRONG);                                                          \
        assert_string_equal(message, text);                                                                        \
    } while (0)

static void a_bad_value_is_named_with_what_is_wanted(void **state)
{
    (void)state;
    REFUSES("--epochs wants a whole number from 1 to 1000, not 'ten'", "--epochs", "ten");
    REFUSES("--epochs wants a whole number from 1 to 1000, not '0'", "--epochs", "0");
    REFUSES("--epochs wants a whole number from 1 to 1000, not '1001'", "--epochs=1001");
    REFUSES("--epochs wants a whole number from 1 to 1000, not '1.5'", "--epochs", "1.5");
    REFUSES("--epochs wants a whole number from 1 to 1000, not ''", "--epochs=");
    REFUSES("--epochs wants a whole number from 1 to 1000, not ' 3'", "--epochs", " 3");
    REFUSES("--epochs wants a whole number from 1 to 1000, not '99999999999999999999'", "--epochs",
            "99999999999999999999");
    REFUSES("--rate wants a number above 0, not '0'", "--rate", "0");
    REFUSES("--rate wants a number above 0, not '-1'", "--rate", "-1");
    REFUSES("--rate wants a number above 0, not 'nan'", "--rate", "nan");
    REFUSES("--rate wants a number above 0, not 'inf'", "--rate", "inf");
    REFUSES("--rate wants a number above 0, not '1e999'", "--rate", "1e999");
    REFUSES("--rate wants a number above 0, not '0x10'", "--rate", "0x10");
    REFUSES("--dropout wants a number of at least 0 and below 1, not '1'", "--dropout", "1");
    REFUSES("--activation wants relu, tanh or sigmoid, not 'swish'", "--activation", "swish");
    REFUSES("--pair wants two numbers such as 1,2, not '1;2'", "--pair", "1;2");
    REFUSES("--data wants PATH, not ''", "--data=");
}

static void a_missing_value_is_asked_for(void **state)
{
    (void)state;
    REFUSES("--epochs needs a value: --epochs N", "--epochs");
    REFUSES("--data needs a value: --data PATH", "--data", "--json");
    REFUSES("--json takes no value, but was given 'yes'", "--json=yes");
}

static void a_misspelt_name_gets_a_suggestion(void **state)
{
    (void)state;
    REFUSES("unknown option '--epoch'; did you mean '--epochs'?", "--epoch", "3");
    REFUSES("unknown option '--droput'; did you mean '--dropout'?", "--droput=0.5");
    REFUSES("unknown option '--josn'; did you mean '--json'?", "--josn");
    REFUSES("unknown option '--hepl'; did you mean '--help'?", "--hepl");
    REFUSES("unknown option '--xyzzy'", "--xyzzy");
    REFUSES("--activation wants relu, tanh or sigmoid, not 'sigmoit'; did you mean 'sigmoid'?", "--activation",
            "sigmoit");
    REFUSES("unexpected argument 'digits'", "digits");
    REFUSES("unexpected argument '--'", "--");
    REFUSES("unexpected argument '-e'", "-e");
}

static void an_endless_word_does_no_harm(void **state)
{
    char word[5000];
    (void)state;
    memset(word, 'x', sizeof word - 1);
    word[0] = word[1] = '-';
    word[sizeof word - 1] = '\0';
    assert_int_equal(PARSE(word), TOOL_WRONG);
    assert_int_equal(PARSE("--activation", word + 2), TOOL_WRONG);
    assert_true(strlen(message) < sizeof message);
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(tool_distance("", ""), 0);
    assert_int_equal(tool_distance("abc", ""), 3);
    assert_int_equal(tool_distance("", "abc"), 3);
    assert_int_equal(tool_distance("kitten", "sitting"), 3);
    assert_int_equal(tool_distance("json", "josn"), 1);
    assert_int_equal(tool_distance("epochs", "epoch"), 1);
}

static void help_shows_every_row_within_the_width(void **state)
{
    char *text = NULL;
    size_t size = 0;
    (void)state;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    tool_help(out, &command, 60);
    assert_int_equal(fclose(out), 0);
    for (const tool_option *row = rows; row->kind != TOOL_END; row++) {
        assert_non_null(strstr(text, row->name));
        if (row->kind != TOOL_HEADING && row->standard != NULL)
            assert_non_null(strstr(text, row->standard));
    }
    assert_non_null(strstr(text, "--activation relu|tanh|sigmoid"));
    assert_non_null(strstr(text, "-h, --help"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 60);
        assert_true(line[strlen(line) - 1] != ' ');
    }
    free(text);
}

static void choices_have_names_and_positions(void **state)
{
    char text[16];
    (void)state;
    assert_int_equal(tool_choice_find("a|bc|d", "bc"), 1);
    assert_int_equal(tool_choice_find("a|bc|d", "d"), 2);
    assert_int_equal(tool_choice_find("a|bc|d", "b"), -1);
    assert_int_equal(tool_choice_find("a|bc|d", ""), -1);
    assert_string_equal(tool_choice_name("a|bc|d", 0, text, sizeof text), "a");
    assert_string_equal(tool_choice_name("a|bc|d", 2, text, sizeof text), "d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_gives_the_defaults),
        cmocka_unit_test(values_come_after_a_blank_or_an_equals_sign),
        cmocka_unit_test(the_last_of_a_repeated_option_counts),
        cmocka_unit_test(help_is_found_anywhere_but_after_a_mistake),
        cmocka_unit_test(a_bad_value_is_named_with_what_is_wanted),
        cmocka_unit_test(a_missing_value_is_asked_for),
        cmocka_unit_test(a_misspelt_name_gets_a_suggestion),
        cmocka_unit_test(an_endless_word_does_no_harm),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(help_shows_every_row_within_the_width),
        cmocka_unit_test(choices_have_names_and_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
