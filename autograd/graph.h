/* graph.h: the recorded graph to look at: as a picture, as a program to read, as JSON; and the plan that runs it. */
#ifndef RETROGRAD_GRAPH_H
#define RETROGRAD_GRAPH_H

#ifdef __cplusplus
extern "C" {
#endif

/* All zeros: the forward graph as it was recorded. Every function below takes the same options, or NULL, and leaves
 * out what it has no place for. */
typedef struct {
    bool backward;            /* the adjoints too: see below */
    bool plan;                /* rg_listing, rg_graph_json: the steps of the plan too */
    bool sites;               /* rg_dot: each node's source line in its box; it is always the box's tooltip */
    bool values;              /* the numbers of tensors that have been computed: of up to 16 elements all of them, of larger
                                 ones minimum, maximum, mean and Euclidean norm */
    bool gradients;           /* likewise the gradients: a parameter's from the flat gradient of its store if that is ready
                                 (rg_params_gradient_ready), else as those of other nodes: from their adjoints, where
                                 these have been recorded and computed */
    int collapse_depth;       /* rg_dot: scopes nested so deep are one box each; 1: the outermost; 0: none */
    size_t most_nodes;        /* the most boxes that rg_dot draws of a graph, and rows that rg_plan_dot draws of a plan;
                                 0: 400 and 60 */
    const char *title;
    const rg_tensor *path;    /* rg_dot: tensors whose boxes, and the edges between one and the next, stand out; those */
    size_t path_count;        /* that are not drawn are passed over */
    const char *path_name;    /* what the legend calls them; NULL: "path" */
} rg_graph_options;
typedef rg_graph_options rg_dot_options;

/* WHAT IS SHOWN is what t depends on. Nodes are numbered in the order of recording, the same in every form (%7 in a
 * listing is box n7 and "id": 7), so the same program gives the same text.
 *
 * `backward`, for a t with a single element, adds what the gradients of t with respect to its parameters depend on (to
 * its inputs, if it depends on no parameter), whether or not they have been asked for. A forward value that an adjoint
 * reads is *saved for backward*: it has to stay in memory until then (leaves, which are there anyway, are not marked).
 * What a checkpoint computes again is *recomputed*.
 *
 * Nothing is evaluated, and the tape stays as it was, but for an error: what is run afterwards finds the same plan.
 * errors  RG_E_NULL no stream, tensor, or path; RG_E_TAPE a handle from before a reset, a path on another tape; with
 *         `backward` or `gradients` those of rg_grad: all but a missing stream stick to the tape.
 *         RG_E_FILE the stream reports an error, RG_E_MEMORY: they do not. */

/* Graphviz DOT: a box for each node with its name, op, attributes, dtype, shape and bytes, coloured by its role, in a
 * frame for each scope. With `backward` the forward half runs down on the left and the backward half up on the right; a
 * dashed line leads from a node to its adjoint.
 * The legend says what colours mean. A large tensor's strip is coloured by the root mean square of its elements.
 * Of more boxes than `most_nodes`, the deepest scopes are collapsed first, one level after another, to one box each that
 * counts its ops and parameters; if that is not enough, the middle of each half is one box that says how many nodes it
 * stands for, and its ends have as many boxes as there is room for, at least one each. */
RG_API rg_status rg_dot(FILE *out, rg_tensor t, const rg_graph_options *options);

/* Graphviz DOT of the plan by which a compiled program (rg_compile; with `backward` rg_compile_backward) computes t: a row
 * for each step, in their order, with the nodes that are done in one go, what it reads and where its result goes; and
 * beside the rows a map of the workspace: each value in the columns of its addresses and the rows of its life.
 * Of more steps than `most_nodes` the middle ones are counted only. */
RG_API rg_status rg_plan_dot(FILE *out, rg_tensor t, const rg_graph_options *options);

/* Text that reads like a program, a line for each node: number, op, operands, attributes, dtype and shape, bytes, source
 * line, and behind a semicolon its name and scope, or which node it is the adjoint of.
 *
 *     %3 = matmul %0, %2                f64[2,4]    64 B  model.c:31  ; in fc1
 *
 * Sections: forward, with `backward` backward, and with `plan` the steps and their buffers. */
RG_API rg_status rg_listing(FILE *out, rg_tensor t, const rg_graph_options *options);

/* The same as one JSON object, a node a line; docs/graph-schema.json says what each member is. */
RG_API rg_status rg_graph_json(FILE *out, rg_tensor t, const rg_graph_options *options);

#ifdef __cplusplus
}
#endif
#endif
