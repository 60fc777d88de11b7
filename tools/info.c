/* info.c: `retrograd info`. */
#include "autograd.h"

#include <cjson/cJSON.h>

#include "print_json.h"
#include "render.h"
#include "subcommands.h"

typedef struct {
    bool json;
} values;

static const tool_option options[] = {
    { TOOL_FLAG, "json", NULL, offsetof(values, json), NULL,
      .help = "make the last line of standard output one JSON object" },
    { .kind = TOOL_END },
};

static int print_json(const tool_command *command, int threads, const char *graphviz)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "version", rg_version());
    cJSON_AddStringToObject(object, "gemm", rg_gemm_name());
    cJSON_AddStringToObject(object, "simd", rg_simd_name());
    cJSON_AddNumberToObject(object, "threads", threads);
    if (graphviz != NULL)
        cJSON_AddStringToObject(object, "graphviz", graphviz);
    else
        cJSON_AddNullToObject(object, "graphviz");
    return tool_print_json(stdout, object) ? 0 : tool_fail(command, "out of memory");
}

static int run(const tool_command *command, const void *given_values, const bool *given)
{
    const values *v = given_values;
    char graphviz[160];
    rg_tape *tape = rg_tape_new();
    (void)given;

    if (tape == NULL)
        return tool_fail(command, "out of memory");
    int threads = rg_tape_get_stats(tape).threads;
    rg_tape_free(tape);
    bool found = tool_find_graphviz(graphviz, sizeof graphviz);
    printf("Version   %s\n", rg_version());
    printf("Products  %s\n", rg_gemm_name());
    printf("SIMD      %s\n", rg_simd_name());
    printf("Threads   %d\n", threads);
    printf("Graphviz  %s\n", found ? graphviz : "not here; install graphviz to see graphs as pictures");
    return v->json ? print_json(command, threads, found ? graphviz : NULL) : 0;
}

const tool_command tool_info = {
    .name = "info",
    .summary = "show what the library runs with here",
    .about = "Shows the version, what computes matrix products and the vector instructions in use, how many threads a tape takes by "
             "default, and whether Graphviz is there to draw graphs.",
    .options = options,
    .values_size = sizeof(values),
    .run = run,
};
