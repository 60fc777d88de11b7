/* print_json.h: one JSON object a line. */
#ifndef RETROGRAD_TOOLS_PRINT_JSON_H
#define RETROGRAD_TOOLS_PRINT_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include <cjson/cJSON.h>

/* Prints the object as a line, and deletes it whatever happens. False when out of memory. */
bool tool_print_json(FILE *out, cJSON *object);

#endif
