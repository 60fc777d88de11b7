/* dot.h: the recorded graph as a Graphviz DOT text. */
#ifndef RETROGRAD_DOT_H
#define RETROGRAD_DOT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    bool backward;            /* the adjoint nodes too; for a scalar whose gradient has not been asked for,
                                 they are recorded now, with respect to the parameters */
    bool sites;               /* show each node's source line */
    bool values;              /* show the numbers of small tensors that have been computed */
    const char *title;
} rg_dot_options;

/* Writes what t depends on, as DOT, to the caller's stream. Node ids are the order of recording, so the
 * same program gives the same text. `options` may be NULL.
 * errors  RG_E_NULL, RG_E_TAPE, RG_E_FILE the stream reports an error, RG_E_MEMORY. */
RG_API rg_status rg_dot(FILE *out, rg_tensor t, const rg_dot_options *options);

#ifdef __cplusplus
}
#endif
#endif
