/* print_json.c: one JSON object a line. */
#include "print_json.h"

bool tool_print_json(FILE *out, cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);

    cJSON_Delete(object);
    if (text == NULL)
        return false;
    fprintf(out, "%s\n", text);
    cJSON_free(text);
    return true;
}
