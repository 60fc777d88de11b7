/* graph_file.h: the graph of a tensor, or its plan, in a file of any kind. */
#ifndef RETROGRAD_TOOLS_GRAPH_FILE_H
#define RETROGRAD_TOOLS_GRAPH_FILE_H

#include "render.h"

#define TOOL_GRAPH_KINDS ".dot, .svg, .png, .pdf, .txt, .json or .onnx"

typedef struct {
    rg_tensor t;              /* the loss */
    rg_tensor outputs;        /* of the network, which are what others want to run */
    rg_graph_options options;
} tool_graph_shown;

/* Of a tool_graph_shown: .txt is a listing, .onnx the network from inputs to outputs, for other programs, the others but .json are drawn. With
 * options.plan what is drawn is the plan, and texts have it as a part. */
extern const tool_kind tool_graph_kinds[];

#endif
