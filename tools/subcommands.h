/* subcommands.h: what `retrograd` can do. */
#ifndef RETROGRAD_TOOLS_SUBCOMMANDS_H
#define RETROGRAD_TOOLS_SUBCOMMANDS_H

#include "options.h"

extern const tool_command tool_train, tool_predict, tool_graph, tool_explain, tool_summary_command, tool_profile_command,
    tool_plan, tool_gradcheck, tool_info;

#endif
