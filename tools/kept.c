/* kept.c: options inside a saved model. */
#include "kept.h"

#include <string.h>

enum { MOST_TEXT = 4200 };

void tool_kept_save(const tool_option *rows, const void *values, rg_nn_state *state)
{
    char text[MOST_TEXT];

    for (const tool_option *row = rows; row->kind != TOOL_END; row++)
        if (row->kind != TOOL_HEADING && row->keeping != TOOL_NOT_KEPT)
            rg_nn_state_set_text(state, row->name, tool_option_print(row, values, text, sizeof text));
}

/* A typed option stays; whether it may. */
static rg_status check_typed(const tool_option *row, const char *kept, tool_resumption resumption, const char *path,
                             const void *values, rg_error *error)
{
    char typed[MOST_TEXT];
    bool fixed = row->keeping == TOOL_KEPT_MODEL || (row->keeping == TOOL_KEPT_RUN && resumption == TOOL_GO_ON);

    if (!fixed || kept == NULL || strcmp(tool_option_print(row, values, typed, sizeof typed), kept) == 0)
        return RG_OK;
    error->status = RG_E_ARGUMENT;
    snprintf(error->message, sizeof error->message,
             "--%s %.100s contradicts %.200s, which was saved with --%s %.100s%s", row->name, typed, path, row->name,
             kept, row->keeping == TOOL_KEPT_RUN ? "; --restart trains its network afresh" : "");
    return RG_E_ARGUMENT;
}

rg_status tool_kept_load(const tool_option *rows, const bool *given, tool_resumption resumption,
                         const rg_nn_state *state, const char *path, void *values, rg_error *error)
{
    for (size_t i = 0; rows[i].kind != TOOL_END; i++) {
        const tool_option *row = &rows[i];
        if (row->kind == TOOL_HEADING || row->keeping == TOOL_NOT_KEPT)
            continue;
        const char *kept = rg_nn_state_get_text(state, row->name);
        if (given != NULL && given[i]) {
            rg_status status = check_typed(row, kept, resumption, path, values, error);
            if (status != RG_OK)
                return status;
        } else if (row->keeping == TOOL_KEPT_MODEL && kept == NULL) {
            error->status = RG_E_FORMAT;
            snprintf(error->message, sizeof error->message, "%.300s does not say its %s: it was not saved by "
                     "'retrograd train'", path, row->name);
            return RG_E_FORMAT;
        } else if (kept != NULL && kept[0] != '\0' && (row->keeping == TOOL_KEPT_MODEL || resumption == TOOL_GO_ON) &&
                   !tool_option_read(row, kept, values)) {
            error->status = RG_E_FORMAT;
            snprintf(error->message, sizeof error->message, "%.300s has a bad %s: '%.60s'", path, row->name, kept);
            return RG_E_FORMAT;
        }
    }
    return RG_OK;
}
