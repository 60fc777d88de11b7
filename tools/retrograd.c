/* retrograd.c: the command. The table below is all it can do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autograd.h"
#include "progress.h"
#include "subcommands.h"

static const tool_command *const commands[] = {
    &tool_train,   &tool_predict,         &tool_graph,     &tool_explain, &tool_summary_command,
    &tool_profile_command, &tool_plan, &tool_gradcheck, &tool_info,
};
enum { COMMANDS = sizeof commands / sizeof commands[0], MOST_WIDTH = 100 };

static int help_width(void)
{
    int width = tool_width(stdout, 80);
    return width < 40 ? 40 : width > MOST_WIDTH ? MOST_WIDTH : width;
}

static void help(FILE *out)
{
    fprintf(out, "Retrograd %s: automatic differentiation over tensors, and networks trained with it.\n\n"
            "Usage: retrograd SUBCOMMAND [options]\n\n", rg_version());
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s  %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "  %-10s  %s\n\n", "help", "show the options of a subcommand: retrograd help train");
    fprintf(out, "  --version   show the version\n"
            "Exit status: 0 well, 1 failed, 2 used wrongly.\n");
}

static const tool_command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *nearest = NULL;

    for (int i = 0; i < COMMANDS; i++)
        if (tool_alike(name, commands[i]->name) &&
            (nearest == NULL || tool_distance(name, commands[i]->name) < tool_distance(name, nearest)))
            nearest = commands[i]->name;
    fprintf(stderr, "retrograd: unknown subcommand '%.60s'", name);
    fprintf(stderr, nearest != NULL ? "; did you mean '%s'?\n" : "\n", nearest);
    fprintf(stderr, "Try 'retrograd help'.\n");
    return 2;
}

static int help_for(int count, char **arguments)
{
    if (count == 0) {
        help(stdout);
        return 0;
    }
    const tool_command *command = find(arguments[0]);
    if (command == NULL)
        return unknown(arguments[0]);
    tool_help(stdout, command, help_width());
    return 0;
}

static int run(const tool_command *command, int count, char **arguments)
{
    bool given[TOOL_MOST_OPTIONS];
    char message[512];
    int status = 0;
    void *values = malloc(command->values_size);

    if (values == NULL)
        return tool_fail(command, "out of memory");
    switch (tool_parse(command, count, arguments, values, given, message, sizeof message)) {
    case TOOL_RUN:
        status = command->run(command, values, given);
        break;
    case TOOL_HELP:
        tool_help(stdout, command, help_width());
        break;
    default:
        status = tool_misuse(command, "%s", message);
        break;
    }
    free(values);
    return status;
}

static int dispatch(int count, char **arguments)
{
    if (count == 0) {
        help(stderr);
        return 2;
    }
    if (strcmp(arguments[0], "help") == 0 || strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "-h") == 0)
        return help_for(count - 1, arguments + 1);
    if (strcmp(arguments[0], "--version") == 0) {
        printf("retrograd %s\n", rg_version());
        return 0;
    }
    const tool_command *command = find(arguments[0]);
    return command == NULL ? unknown(arguments[0]) : run(command, count - 1, arguments + 1);
}

int main(int argc, char **argv)
{
    int status = dispatch(argc > 0 ? argc - 1 : 0, argv + 1);

    /* What did not reach its reader was not said: a full disk must not look like success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
        fprintf(stderr, "retrograd: cannot write to standard output\n");
        status = 1;
    }
    return status;
}
