/* sketch.h: a plan that is made only to be looked at; and what every form of a graph is written of. Internal. */
#ifndef RETROGRAD_SKETCH_H
#define RETROGRAD_SKETCH_H

#include "graph_text.h"
#include "plan.h"

/* One of the ops that a step does in one go. */
typedef struct {
    const rg_op *op;
    uint32_t entry;           /* RG_NOT_SHOWN: of no node by itself: a copy, or the blocks of a reduction */
    uint32_t buffer;          /* that its result goes to; RG_NOT_SHOWN: it stays in registers */
} rg_sketch_part;

typedef struct {
    size_t first_part, part_count, first_read, read_count; /* what it reads are buffers, each once */
    uint32_t entry;           /* whose line it has, or RG_NOT_SHOWN */
} rg_sketch_step;

/* Numbers side by side. */
typedef struct {
    rg_place place;           /* a leaf, the result, a gradient, or the workspace */
    size_t offset, bytes, room; /* in the workspace, where it takes more than its bytes */
    int64_t first, last;      /* the steps that it lives in */
    int64_t until;            /* the last one at whose end it still is what it was: not written over */
    const rg_op *op;          /* that writes it; NULL: a leaf, or what a kernel needs for itself */
    uint32_t entry;           /* whose numbers they are; RG_NOT_SHOWN: of no node */
    uint32_t leaf;            /* whose gradient */
} rg_sketch_buffer;

typedef struct {
    const rg_excerpt *excerpt;
    rg_plan plan;             /* its accounts are those of the steps */
    rg_sketch_step *steps;
    rg_sketch_part *parts;
    uint32_t *reads;
    rg_sketch_buffer *buffers; /* those of the workspace first */
    size_t step_count, buffer_count, workspace_buffers;
    double unshared_bytes;    /* that the workspace would have if no two buffers shared any */
    double node_bytes;        /* of all values, which node by node are kept */
} rg_sketch;

/* What the functions of graph.h write, and of what. */
typedef struct {
    FILE *out;
    rg_graph_options options;
    rg_excerpt excerpt;
    rg_sketch sketch;
} rg_view;
/* Has `write` write it, with a plan if there is to be one. */
rg_status rg_view_write(FILE *out, rg_tensor t, const rg_graph_options *options, bool plan,
                        rg_status (*write)(rg_view *view));

/* "fc1.weight" of a parameter, else "%7" */
void rg_line_entry(rg_line *line, const rg_excerpt *excerpt, uint32_t entry);
/* "matmul %4 + add %5 + tanh %6" */
void rg_line_parts(rg_line *line, const rg_sketch *sketch, const rg_sketch_step *step);
/* What it reads, or writes, but for what it writes over at once: "fc1.weight, %15, gradient of fc1.weight, b3" */
void rg_line_reads(rg_line *line, const rg_sketch *sketch, const rg_sketch_step *step);
void rg_line_writes(rg_line *line, const rg_sketch *sketch, const rg_sketch_step *step);
/* "12 steps, 4 of them fused; workspace 640 B, ..." */
void rg_line_plan(rg_line *line, const rg_sketch *sketch);

#endif
