/* explain.h: backpropagation shown as what it is, dynamic programming over the graph, with the numbers of a graph at hand.
 *
 *     rg_explanation *e = rg_explain(loss, NULL);
 *     rg_explanation_text(stdout, e);
 *     rg_explanation_html(file, e);         // a page that plays both sweeps, step by step
 *     rg_explanation_free(e);
 *
 * `retrograd explain` does this for examples and for networks. */
#ifndef RETROGRAD_EXPLAIN_H
#define RETROGRAD_EXPLAIN_H

#ifdef __cplusplus
extern "C" {
#endif

#define RG_EXPLAINED_FEW 16

/* The numbers of a tensor. */
typedef struct {
    int64_t count;
    const double *few;        /* [count] all of them, in row-major order, if they are at most RG_EXPLAINED_FEW; else NULL */
    double least, mean, most, norm;
} rg_numbers;

/* A term of a subproblem's sum: what a consumer hands to its operand. */
typedef struct {
    uint32_t operand, consumer; /* numbers of subproblems */
    int k;                    /* it is the consumer's operand number k */
    bool single;              /* both are single numbers, and the slope is the derivative */
    double slope;             /* as in semiring.h */
    rg_numbers handed;        /* v̄_consumer · ∂consumer/∂operand, of the operand's shape; of count 0: nothing */
} rg_explained_term;

/* A node that y depends on. Texts are never NULL. */
typedef struct {
    const char *label;        /* its name, or its number among the subproblems: "%3" */
    const char *op, *attributes, *shape, *scope, *site; /* such as "sum" "axes 1" "f32[2]" "fc1" "model.c:31" */
    bool leaf;
    bool solved;              /* it has an adjoint: it depends on what derivatives are taken for */
    uint32_t turn;            /* in the reverse sweep: 1 for y, then 2, 3, ...; 0: not solved */
    size_t operand_count;
    const uint32_t *operands; /* numbers of subproblems, smaller than its own */
    size_t first_term, term_count; /* of its sum, in the order in which they are added; of y: none */
    rg_numbers value, adjoint;
    rg_path_count paths;      /* from here to y */
    double naive;             /* what the naive recursion makes of it; NaN: not done */
    bool on_strongest_path;
} rg_subproblem;

typedef struct {
    const char *title;
    const rg_subproblem *subproblems; /* in the order of recording; the last is y */
    size_t count;
    const rg_explained_term *terms;   /* one for each edge, by operand */
    size_t term_count;
    size_t solved;            /* how many subproblems: entries of the memo table */
    size_t overlapping;       /* of these, how many are used more than once: terms of several others, or of one several times */
    rg_path_count paths;      /* from all leaves that are solved for to y: the terms of the plain chain rule */
    rg_path_count calls;      /* that recursion without a table makes */
    bool naive_done;          /* not if it makes more than the most calls */
    bool naive_counts;        /* it was done on ones instead of slopes, as not all nodes are single numbers: then naive
                                 is how often the adjoint of y counts, where `paths` would be right */
    uint32_t naive_wrong;     /* the first subproblem in the order of the sweep that it gets wrong; UINT32_MAX: none */
    const uint32_t *path;     /* the most influential one, from a leaf to y, as numbers of subproblems */
    size_t path_count;
    double path_weight;       /* the product of its slopes' sizes */
    double entropy;           /* over all paths, in nats: see rg_path_entropy */
} rg_explanation;

typedef struct {
    uint64_t most_calls;      /* of the naive recursion; 0: a million */
    const char *title;        /* of pages, texts and pictures; NULL: "The derivatives of y", with y's label */
} rg_explain_options;

/* Explains how the derivatives of y, a float tensor of one element, are found: those with respect to its parameters, or
 * to its float inputs if it depends on no parameter. Records adjoints and evaluates, as rg_grad and rg_eval would. The
 * numbers are copied: the explanation outlives the tape, and is freed with rg_explanation_free. NULL if it could not;
 * the tape has then failed. `options` may be NULL.
 * errors  those of rg_grad and rg_eval; RG_E_GRADIENT y depends on nothing that derivatives are taken for. */
RG_API rg_explanation *rg_explain(rg_tensor y, const rg_explain_options *options);
RG_API void rg_explanation_free(rg_explanation *explanation);

/* As text: the subproblems and their values, the recurrence with its numbers in the order of the sweep, the memo table,
 * and what it would have cost and where it would have gone wrong without.
 * errors of all of these: RG_E_NULL; RG_E_FILE the stream reports an error. */
RG_API rg_status rg_explanation_text(FILE *out, const rg_explanation *explanation);
/* As DOT: the graph with a value and an adjoint in each box and a slope on each edge; shared nodes and the most
 * influential path stand out. */
RG_API rg_status rg_explanation_dot(FILE *out, const rg_explanation *explanation);
/* As one page for a browser, which needs nothing else: the graph beside the memo table, played forward and backward. */
RG_API rg_status rg_explanation_html(FILE *out, const rg_explanation *explanation);
/* As JSON: one object with all of the above: "title", "subproblems", "terms" (fields by the names above; numbers as
 * {"count", "few" or "least", "mean", "most", "norm"}; path counts as text: see rg_path_count_text), "path", and
 * "totals". */
RG_API rg_status rg_explanation_json(FILE *out, const rg_explanation *explanation);

/* "24", "about 1.2e30", or "more than 1e308": as it stands in all of these. */
RG_API void rg_path_count_text(rg_path_count count, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
