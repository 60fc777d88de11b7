/* graph_file.c: the graph of a tensor, or its plan, in a file of any kind. */
#include "graph_file.h"

static rg_status write_dot(FILE *out, const void *shown)
{
    const tool_graph_shown *g = shown;
    return (g->options.plan ? rg_plan_dot : rg_dot)(out, g->t, &g->options);
}

static rg_status write_listing(FILE *out, const void *shown)
{
    const tool_graph_shown *g = shown;
    return rg_listing(out, g->t, &g->options);
}

static rg_status write_json(FILE *out, const void *shown)
{
    const tool_graph_shown *g = shown;
    return rg_graph_json(out, g->t, &g->options);
}

static rg_status write_onnx(FILE *out, const void *shown)
{
    const tool_graph_shown *g = shown;
    return rg_onnx(out, g->outputs, NULL);
}

const tool_kind tool_graph_kinds[] = {
    { ".dot", write_dot, false },
    { ".svg", write_dot, true },
    { ".png", write_dot, true },
    { ".pdf", write_dot, true },
    { ".txt", write_listing, false },
    { ".json", write_json, false },
    { ".onnx", write_onnx, false },
    { .ending = NULL },
};
