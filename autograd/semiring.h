/* semiring.h: the recurrence of backpropagation with another addition and another multiplication.
 *
 * The sweep of gradient.c solves v̄_i = Σ over consumers j of v̄_j · ∂v_j/∂v_i, which is the sum, over all paths from v to
 * y, of the products of the derivatives along each. That one pass over the edges is enough for exponentially many paths
 * needs nothing of numbers but that multiplication distributes over addition. So the same sweep answers other questions
 * about the same graph, each in a semiring of its own [Mohri 2002; Goodman 1999]:
 *
 *     semiring               ⊕ of alternatives    ⊗ along an edge       1         what is found of v
 *     rg_semiring_real       +                    · ∂v_j/∂v_i           1         ∂y/∂v, the adjoint itself
 *     rg_semiring_paths      +                    · 1                   1         how many paths lead from v to y
 *     rg_semiring_reach      or                   and                   true      whether y depends on v
 *     rg_semiring_strongest  max                  · |∂v_j/∂v_i|         1         the most influential path
 *     rg_semiring_entropy    +                    · |∂v_j/∂v_i|         1         how influence is spread over paths: entropy
 *
 * A semiring of your own is the same struct. */
#ifndef RETROGRAD_SEMIRING_H
#define RETROGRAD_SEMIRING_H

#ifdef __cplusplus
extern "C" {
#endif

/* That consumer's operand number k. */
typedef struct {
    rg_tensor operand, consumer;
    int k;
    double slope;             /* ∂consumer/∂operand if both are single numbers; else how much longer (or shorter) the edge
                                 makes the cotangent that really flows there: |v̄_j · ∂v_j/∂v_i| / |v̄_j|, 0 if v̄_j is 0. Of
                                 a hook on a single number by how much it changed the adjoint, 0 if that is 0.
                                 NaN in a semiring that has no use for it */
} rg_edge;

typedef struct {
    const char *name;
    size_t size;              /* bytes of a value, which is copied as bytes */
    bool slopes;              /* whether edges need theirs: then values and adjoints are computed */
    void (*zero)(void *value);                                             /* of ⊕: nothing has been added */
    void (*one)(void *value);                                              /* of ⊗: y itself */
    void (*add)(void *sum, const void *term);                              /* sum ⊕= term */
    void (*extend)(void *term, const void *value, const rg_edge *edge);    /* term = value ⊗ edge */
} rg_semiring;

/* double: the adjoint of a node that is a single number, where all between it and y are. */
RG_API extern const rg_semiring rg_semiring_real;

/* How many paths; exact below 2^64, beyond that `exact` is 0 and `about` the number in floating point. No path at all:
 * both are 0. */
typedef struct {
    uint64_t exact;
    double about;
} rg_path_count;
RG_API extern const rg_semiring rg_semiring_paths;

/* bool */
RG_API extern const rg_semiring rg_semiring_reach;

/* The path along which the product of the slopes' sizes is largest, and where it goes first: `next` is the null tensor
 * at y, and where there is no path. Of equal ones, that which the sweep comes to first. */
typedef struct {
    double weight;
    rg_tensor next;
} rg_strongest;
RG_API extern const rg_semiring rg_semiring_strongest;

/* Of weights w, the products of the slopes' sizes along each path: Σ w and Σ w ln w [Li and Eisner 2009]. */
typedef struct {
    double total, weighted_log;
} rg_path_weights;
RG_API extern const rg_semiring rg_semiring_entropy;
/* The entropy in nats of a path drawn with probability w / Σ w: ln Σ w - (Σ w ln w) / Σ w. 0: one path carries it all;
 * ln n: n paths carry the same. 0 where no path carries anything; NaN where the weights add up to more than a double
 * holds. */
RG_API double rg_path_entropy(rg_path_weights spread);

/* What a sweep has walked. */
typedef struct {
    size_t nodes, edges;
} rg_sweep_size;

/* Solves the recurrence over a semiring, from the outputs y[0], y[1], ... (whose value is one) back to the tensors wrt:
 * out[i] becomes the value of wrt[i], n values of semiring->size bytes. Edges along which no derivative flows, because
 * the op has none for that operand or the operand was recorded as a constant, count for nothing. `size`, if not NULL, is
 * set to what was walked: the nodes that lie between wrt and y, both included, and the edges between them, each as often
 * as it is there.
 *
 * In a semiring with slopes, every y has a single element, and values and adjoints are recorded and computed, as
 * rg_grad and rg_eval would.
 * errors  RG_E_NULL, RG_E_TAPE; RG_E_SHAPE rg_semiring_real finds an edge between tensors of more than one element; with
 *         slopes also those of rg_grad and rg_eval. They stick to the tape. RG_E_MEMORY. */
RG_API rg_status rg_semiring_solve(const rg_semiring *semiring, const rg_tensor *y, int outputs, const rg_tensor *wrt,
                                   int n, void *out, rg_sweep_size *size);

/* The tensors of the most influential path from x to y, both included: `path` has room for `most`, of which *count are
 * used; 0 if no path carries anything. errors as rg_semiring_solve; RG_E_ARGUMENT the path is longer than `most`. */
RG_API rg_status rg_strongest_path(rg_tensor y, rg_tensor x, rg_tensor *path, size_t most, size_t *count);

/* The recursion that one writes without thinking of it as dynamic programming: "add what you owe into each operand, then
 * do the same with each operand". It walks every path, so it takes as many visits as there are beginnings of paths; and
 * it is wrong wherever a node has more than one consumer, for what it hands on is the sum so far, again and again. Done
 * here on the slopes of a graph of single numbers (as rg_semiring_real needs it), to be compared with the truth.
 * out[i] what wrt[i] is left with. Gives up after `most` visits (each one call for one node): *visits is then more than
 * `most`, and out holds NaN.
 * errors  as rg_semiring_solve with rg_semiring_real. */
RG_API rg_status rg_naive_recursion(rg_tensor y, const rg_tensor *wrt, int n, uint64_t most, double *out, uint64_t *visits);

#ifdef __cplusplus
}
#endif
#endif
