/* profile_trace.c: a profile as a Chrome trace: "Trace Event Format", complete events (ph "X") with times in
 * microseconds, for chrome://tracing and ui.perfetto.dev. */
#include "print_json.h"
#include "profile.h"

enum { PROCESS = 1, THREAD = 1 };

/* What the steps are called at the left of the picture. */
static cJSON *named(const char *what, const char *name)
{
    cJSON *event = cJSON_CreateObject(), *arguments;

    cJSON_AddStringToObject(event, "name", what);
    cJSON_AddStringToObject(event, "ph", "M");
    cJSON_AddNumberToObject(event, "pid", PROCESS);
    cJSON_AddNumberToObject(event, "tid", THREAD);
    arguments = cJSON_AddObjectToObject(event, "args");
    cJSON_AddStringToObject(arguments, "name", name);
    return event;
}

static cJSON *event_of(const rg_profile_step *step, double begin)
{
    cJSON *event = cJSON_CreateObject(), *arguments;

    cJSON_AddStringToObject(event, "name", step->what);
    cJSON_AddStringToObject(event, "cat", step->backward ? "backward" : "forward");
    cJSON_AddStringToObject(event, "ph", "X");
    cJSON_AddNumberToObject(event, "ts", 1e6 * begin);
    cJSON_AddNumberToObject(event, "dur", 1e6 * step->seconds);
    cJSON_AddNumberToObject(event, "pid", PROCESS);
    cJSON_AddNumberToObject(event, "tid", THREAD);
    arguments = cJSON_AddObjectToObject(event, "args");
    cJSON_AddNumberToObject(arguments, "flops", step->operations);
    cJSON_AddNumberToObject(arguments, "bytes", step->bytes_read + step->bytes_written);
    if (step->seconds > 0)
        cJSON_AddNumberToObject(arguments, "gflops_per_second", 1e-9 * step->operations / step->seconds);
    cJSON_AddStringToObject(arguments, "scope", step->scope);
    cJSON_AddStringToObject(arguments, "site", step->site);
    return event;
}

/* Steps are done one after another, so each begins where the last one ends. */
bool tool_profile_trace(const tool_profile *profile, FILE *out)
{
    cJSON *trace = cJSON_CreateObject(), *events = cJSON_AddArrayToObject(trace, "traceEvents");
    double begin = 0;

    cJSON_AddStringToObject(trace, "displayTimeUnit", "ns");
    cJSON_AddItemToArray(events, named("process_name", profile->model));
    cJSON_AddItemToArray(events, named("thread_name", profile->setting));
    for (size_t i = 0; i < profile->steps.count; i++) {
        cJSON_AddItemToArray(events, event_of(&profile->steps.steps[i], begin));
        begin += profile->steps.steps[i].seconds;
    }
    return tool_print_json(out, trace);
}
