/* dot.h: the recorded graph as a Graphviz DOT text. */
#ifndef RETROGRAD_DOT_H
#define RETROGRAD_DOT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    bool backward;            /* the adjoints too, see below */
    bool sites;               /* show each node's source line */
    bool values;              /* show the numbers of small tensors that have been computed */
    const char *title;
} rg_dot_options;

/* Writes what t depends on, as DOT, to the caller's stream: a box for each node with its name, op, attributes,
 * dtype and shape, coloured by its role, in a frame for each scope. The boxes are n0, n1, ... in the order of
 * recording, so the same program gives the same text. `options` may be NULL.
 *
 * `backward`, for a t with a single element, adds what the gradients of t with respect to its parameters depend
 * on (to its inputs, if it depends on no parameter), whether or not they have been asked for. The forward half
 * runs down on the left and the backward half up on the right; a dashed line leads from a node to its adjoint.
 *
 * Nothing is evaluated, and the tape stays as it was, but for an error.
 * errors  RG_E_NULL, RG_E_TAPE; with `backward` those of rg_grad: they stick to the tape.
 *         RG_E_FILE the stream reports an error, RG_E_MEMORY: they do not. */
RG_API rg_status rg_dot(FILE *out, rg_tensor t, const rg_dot_options *options);

#ifdef __cplusplus
}
#endif
#endif
