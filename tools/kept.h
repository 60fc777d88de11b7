/* kept.h: options inside a saved model, so that nobody has to type them twice. */
#ifndef RETROGRAD_TOOLS_KEPT_H
#define RETROGRAD_TOOLS_KEPT_H

#include "nn.h"
#include "options.h"

/* Which options a load takes from the file. */
typedef enum {
    TOOL_GO_ON,   /* all that are kept */
    TOOL_RESTART  /* those of the model only */
} tool_resumption;

/* Puts every kept option of a table into the state's metadata, under its own name. */
void tool_kept_save(const tool_option *rows, const void *values, rg_nn_state *state);

/* Sets the options that were not typed (given[i] is false, or given is NULL) from the file; texts are borrowed from
 * the state.
 * errors  RG_E_FORMAT an option of the model is missing or malformed; RG_E_ARGUMENT one that was typed contradicts the
 *         file and may not. */
rg_status tool_kept_load(const tool_option *rows, const bool *given, tool_resumption resumption,
                         const rg_nn_state *state, const char *path, void *values, rg_error *error);

#endif
