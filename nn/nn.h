/* nn.h: parameters filled with numbers, layers, modules, losses, and models on disk.
 *
 * Copyright (c) 2026 the Retrograd authors. MIT licence, see LICENSE.
 *
 * A model is a C struct of layers and a function that calls them; nothing has to be registered:
 *
 *     typedef struct { rg_nn_linear in, gate, out; } gated;
 *
 *     static gated gated_new(rg_params *p)
 *     {
 *         return (gated){ .in   = rg_nn_linear_new(p, "in",   16, 32),
 *                         .gate = rg_nn_linear_new(p, "gate", 16, 32),
 *                         .out  = rg_nn_linear_new(p, "out",  32, 1) };
 *     }
 *     static rg_tensor gated_forward(const gated *m, rg_tensor x)
 *     {
 *         rg_tensor h = rg_tanh(rg_nn_linear_forward(&m->in, x));
 *         rg_tensor g = rg_sigmoid(rg_nn_linear_forward(&m->gate, x));
 *         return rg_nn_linear_forward(&m->out, rg_mul(h, g));
 *     }
 *
 * For the usual stacks there are modules (rg_nn), which know how to forward themselves:
 *
 *     rg_params *theta = rg_params_new(RG_F32, 42);
 *     rg_nn     *net   = RG_MLP(theta, rg_relu, 784, 128, 10);
 *     rg_tensor  loss  = rg_cross_entropy(rg_nn_forward(net, x), labels);
 *
 * ERRORS
 *   What goes wrong while a model is built sticks to its parameter store, and the first forward makes the
 *   tape fail with that message and the caller's line. Constructors then return null objects, which are
 *   safe to pass on. Calls on files return an rg_status and fill in an rg_error if one is given.
 *
 * SITES
 *   As in sites.h, rg_nn_f(...) is a macro that passes its caller's "file:line" to rg_nn_f_at(site, ...), and a
 *   plain function as well. A layer records everything under its caller's site and under its own name as
 *   scope. */
#ifndef RETROGRAD_NN_H
#define RETROGRAD_NN_H

#include "autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Initialisers ------------------------------------------------------------------------------- */

/* How a parameter's numbers are drawn: each is
 *     center + z spread / sqrt(fan_in fan_in_weight + fan_out fan_out_weight)
 * with z = draw(seed, stream, index); there is no division when both weights are zero. All zeros means "not
 * chosen": layers then take their default. A draw function of your own serves as well as those below. */
typedef struct {
    double (*draw)(uint64_t seed, uint64_t stream, uint64_t index);
    double center, spread;
    double fan_in_weight, fan_out_weight;
} rg_nn_init;

/* Variance 2 / (fan_in + fan_out), so that neither activations nor gradients grow with depth; for tanh and
 * sigmoid. U(-a, a) with a = sqrt(6 / (fan_in + fan_out)), or normal.
 * [Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, (16)] */
RG_API rg_nn_init rg_nn_init_xavier_uniform(void);
RG_API rg_nn_init rg_nn_init_xavier_normal(void);
/* Variance 2 / fan_in, for relu, which loses half of the variance. U(-a, a) with a = sqrt(6 / fan_in), or normal.
 * [He, Zhang, Ren & Sun 2015, Delving deep into rectifiers, (10)] */
RG_API rg_nn_init rg_nn_init_he_uniform(void);
RG_API rg_nn_init rg_nn_init_he_normal(void);
/* Normal with variance 1 / fan_in.       [LeCun, Bottou, Orr & Mueller 1998, Efficient backprop, 4.6 (16)] */
RG_API rg_nn_init rg_nn_init_lecun_normal(void);
/* U(-a, a) with a = 1 / sqrt(fan_in): the common heuristic, and what a linear layer and its bias get by default in
 * most libraries. Its variance is a third of LeCun's.                  [Glorot & Bengio 2010, (1)] */
RG_API rg_nn_init rg_nn_init_fan_in_uniform(void);
/* Uniform between low and high; normal; one number for all. */
RG_API rg_nn_init rg_nn_init_uniform(double low, double high);
RG_API rg_nn_init rg_nn_init_normal(double mean, double deviation);
RG_API rg_nn_init rg_nn_init_zeros(void);
RG_API rg_nn_init rg_nn_init_constant(double value);

/* Fills a parameter. Element i comes from (the store's seed, XXH3-64 of the parameter's name, i), so it does not
 * depend on what other parameters there are or in which order they are filled.
 * fan_in, fan_out  how many numbers feed one output and how many outputs one number feeds; 0: from the
 *         shape, which is then [out, in, ...] with further dimensions counting to both.
 * errors  RG_E_NULL the null parameter, RG_E_ARGUMENT no draw, numbers that are not finite, fans neither
 *         given nor in the shape. They stick to the store. */
RG_API rg_status rg_nn_initialise(rg_param param, rg_nn_init init, int64_t fan_in, int64_t fan_out);

/* ---- Linear -------------------------------------------------------------------------------------- */

/* y = x W' + b. The parameters are "<name>.weight" [out, in] and "<name>.bias" [out]; the bias is the null
 * parameter if there is none. Copy it as you like: the numbers live in the store. */
typedef struct {
    rg_params *store;
    rg_param weight, bias;
} rg_nn_linear;

typedef struct {
    bool no_bias;
    rg_nn_init weight; /* not chosen: rg_nn_init_fan_in_uniform */
    rg_nn_init bias;   /* not chosen: rg_nn_init_fan_in_uniform */
} rg_nn_linear_options;

/* A layer from `in` to `out` features.
 * errors  RG_E_NULL no name, RG_E_ARGUMENT sizes below 1 or a name that is taken; they stick to the store. */
RG_API rg_nn_linear rg_nn_linear_new(rg_params *store, const char *name, int64_t in, int64_t out);
RG_API rg_nn_linear rg_nn_linear_with(rg_params *store, const char *name, int64_t in, int64_t out,
                                      rg_nn_linear_options options);

/* x [..., in] -> [..., out], in the store's dtype.
 * errors  RG_E_SHAPE, RG_E_DTYPE, RG_E_NULL no layer, and whatever sticks to the layer's store. */
RG_API rg_tensor rg_nn_linear_forward(const rg_nn_linear *layer, rg_tensor x);
RG_API rg_tensor rg_nn_linear_forward_at(const char *site, const rg_nn_linear *layer, rg_tensor x);

/* ---- Dropout ------------------------------------------------------------------------------------- */

/* While the tape is training (rg_training), each element is 0 with this probability and else divided by
 * 1 - probability; otherwise x itself. Every forward draws a new mask from the store's seed and counter.
 * [Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting] */
typedef struct {
    rg_params *store;
    double probability;
} rg_nn_dropout;

/* errors  RG_E_ARGUMENT unless 0 <= probability < 1, RG_E_NULL no layer or store. */
RG_API rg_tensor rg_nn_dropout_forward(const rg_nn_dropout *layer, rg_tensor x);
RG_API rg_tensor rg_nn_dropout_forward_at(const char *site, const rg_nn_dropout *layer, rg_tensor x);

/* ---- Modules -------------------------------------------------------------------------------------- */

/* Something with a forward, owned by whoever made it, until it becomes part of a rg_nn_sequential. */
typedef struct rg_nn rg_nn;

/* What a kind of module can do. It must outlive its modules. */
typedef struct {
    const char *name;                                                        /* for messages */
    rg_tensor (*forward)(const void *self, const char *site, rg_tensor x);   /* record under this site */
    void (*free)(void *self);                                                /* what self owns; or NULL */
} rg_nn_interface;

/* A module of your own: `self` (size bytes) is copied. NULL when out of memory or without an interface; what
 * self owns is then freed. */
RG_API rg_nn *rg_nn_module(const rg_nn_interface *interface, const void *self, size_t size);

/* Any elementwise function, by its plain name: rg_relu, rg_tanh, one of your own. */
typedef rg_tensor rg_nn_activation(rg_tensor x);

/* Modules of the layers above, of an activation, and of a function with a context (borrowed). NULL when out
 * of memory. */
RG_API rg_nn *rg_nn_module_linear(rg_nn_linear layer);
RG_API rg_nn *rg_nn_module_dropout(rg_nn_dropout layer);
RG_API rg_nn *rg_nn_module_activation(rg_nn_activation *activation);
RG_API rg_nn *rg_nn_module_function(rg_tensor (*function)(rg_tensor x, void *context), void *context);

/* One module after the other; it owns them from now on, even if it returns NULL (out of memory). A NULL among
 * them is reported by the forward. */
RG_API rg_nn *rg_nn_sequential(rg_nn *const *modules, int count);
/* RG_SEQUENTIAL(a, b, c): the same from its modules. */
#define RG_SEQUENTIAL(...)                                                                                     \
    rg_nn_sequential((rg_nn *const[]){ __VA_ARGS__ }, (int)(sizeof((rg_nn *const[]){ __VA_ARGS__ }) / sizeof(rg_nn *)))

/* A sequence as a chain (planning.h): a stage for each module. All zeros for anything else. It borrows the module.
 *
 *     rg_chain chain = rg_nn_chain(net);
 *     rg_checkpoint_schedule *schedule = rg_chain_plan(&chain, x, 64 << 20);
 *     rg_nn_set_schedule(net, schedule); */
RG_API rg_chain rg_nn_chain(const rg_nn *sequence);
/* From now on the sequence is recorded under this schedule, which must outlive it; NULL: without one.
 * errors  RG_E_NULL no sequence. A schedule that does not fit is reported by the forward. */
RG_API rg_status rg_nn_set_schedule(rg_nn *sequence, const rg_checkpoint_schedule *schedule);

/* Records the module on x's tape.
 * errors  RG_E_NULL the module is NULL; whatever sticks to its store; those of its layers. */
RG_API rg_tensor rg_nn_forward(const rg_nn *module, rg_tensor x);
RG_API rg_tensor rg_nn_forward_at(const char *site, const rg_nn *module, rg_tensor x);

/* Frees the module and what it owns, never the store. NULL is allowed. */
RG_API void rg_nn_free(rg_nn *module);

/* ---- Multi-layer perceptrons ------------------------------------------------------------------------ */

typedef struct {
    double dropout;     /* after every activation; 0: none */
    bool no_bias;
    rg_nn_init weight;  /* not chosen: He for relu, Xavier for tanh and sigmoid, LeCun for any other */
    rg_nn_init bias;    /* not chosen: zeros, as in the papers */
    const char *prefix; /* "encoder" names the layers "encoder.fc1"; NULL: "fc1" */
} rg_nn_mlp_options;

/* A module of linear layers "fc1", "fc2", ... with the activation between them and none at the end: sizes are
 * those of the input, the hidden layers and the output. It is a sequence of as many modules as there are layers.
 * errors  RG_E_ARGUMENT fewer than two sizes, sizes below 1 or dropout outside [0, 1), RG_E_NULL no activation; they
 *         stick to the store. NULL only when out of memory. */
RG_API rg_nn *rg_nn_mlp(rg_params *store, rg_nn_activation *activation, const int64_t *sizes, int count);
RG_API rg_nn *rg_nn_mlp_with(rg_params *store, rg_nn_activation *activation, const int64_t *sizes, int count,
                             rg_nn_mlp_options options);
/* RG_MLP(theta, rg_relu, 784, 128, 10) */
#define RG_MLP(store, activation, ...)                                                                         \
    rg_nn_mlp(store, activation, (const int64_t[]){ __VA_ARGS__ }, RG_COUNT_INT64(__VA_ARGS__))

/* ---- Losses --------------------------------------------------------------------------------------- */

/* A loss is a function of (prediction, target). These have names, for a command line or a file. */
typedef struct {
    const char *name, *doc;
    rg_tensor (*function)(rg_tensor prediction, rg_tensor target);
    bool labels; /* the target holds integer labels, one a row; else the prediction's shape and dtype */
} rg_nn_loss;

/* "xent" rg_cross_entropy, "mse" rg_mse, "bce" rg_binary_cross_entropy. */
RG_API const rg_nn_loss *rg_nn_loss_table(size_t *count);
/* The loss of that name, or NULL. */
RG_API const rg_nn_loss *rg_nn_loss_find(const char *name);
/* The loss, recorded under the caller's site. errors RG_E_NULL no loss, those of the function. */
RG_API rg_tensor rg_nn_loss_forward(const rg_nn_loss *loss, rg_tensor prediction, rg_tensor target);
RG_API rg_tensor rg_nn_loss_forward_at(const char *site, const rg_nn_loss *loss, rg_tensor prediction,
                                       rg_tensor target);

/* ---- Models on disk: safetensors --------------------------------------------------------------------- */

/* Saves and loads the parameters of a store:
 *
 *     rg_error error;
 *     if (rg_nn_save(theta, "digits.safetensors", &error)) fprintf(stderr, "%s\n", error.message);
 *     if (rg_nn_load(theta, "digits.safetensors", &error)) fprintf(stderr, "%s\n", error.message);
 *
 * The same names, shapes and numbers give the same bytes. Saving is atomic: a new file is written beside the old
 * one, brought to the disk and renamed, so that whatever fails leaves the old file as it was.
 * rg_nn_load checks everything first (rg_nn_state_get_params) and changes nothing on an error.
 * errors  those of rg_nn_state_save and rg_nn_state_load, and what sticks to the store. */
RG_API rg_status rg_nn_save(const rg_params *store, const char *path, rg_error *error);
RG_API rg_status rg_nn_load(rg_params *store, const char *path, rg_error *error);

/* An ordered list of named tensors and of named strings: a file, in memory. A checkpoint holds more than
 * parameters:
 *
 *     rg_nn_state *state = rg_nn_state_new();
 *     rg_nn_state_add_params(state, theta);
 *     for (int i = 0; i < rg_opt_state_count(opt); i++)
 *         rg_nn_state_add_borrowed(state, rg_opt_state_name(opt, i), RG_F32, RG_SHAPE(rg_params_count(theta)),
 *                                  rg_opt_state_data(opt, i));
 *     rg_nn_state_set_integer(state, "step", rg_opt_step_count(opt));
 *     rg_nn_state_save(state, path, &error);
 *     rg_nn_state_free(state);
 *
 * The first error sticks to the state, and rg_nn_state_save reports it, so one check is enough. Give tensors
 * that are no parameters a name with a colon ("optimizer:momentum"): rg_nn_state_get_params takes any other for
 * a parameter that the store should have. */
typedef struct rg_nn_state rg_nn_state;

typedef struct {
    const char *name;
    rg_dtype dtype;
    rg_shape shape;
    size_t bytes;
    const void *data; /* row-major; aligned to 64 bytes if loaded */
} rg_nn_state_tensor;

/* An empty state; NULL when out of memory. */
RG_API rg_nn_state *rg_nn_state_new(void);
RG_API void rg_nn_state_free(rg_nn_state *state);
RG_API rg_status rg_nn_state_status(const rg_nn_state *state);
RG_API const char *rg_nn_state_message(const rg_nn_state *state);

/* Appends a tensor: its numbers are copied, or borrowed until the state is saved or freed.
 * errors  RG_E_NULL, RG_E_DTYPE, RG_E_SHAPE malformed, RG_E_ARGUMENT the name is empty, taken, not UTF-8 or
 *         "__metadata__", RG_E_MEMORY. They stick to the state. */
RG_API rg_status rg_nn_state_add(rg_nn_state *state, const char *name, rg_dtype dtype, rg_shape shape,
                                 const void *data);
RG_API rg_status rg_nn_state_add_borrowed(rg_nn_state *state, const char *name, rg_dtype dtype, rg_shape shape,
                                          const void *data);
RG_API size_t rg_nn_state_count(const rg_nn_state *state);
/* The tensor of that number or name; all zeros if there is none. Good as long as the state. */
RG_API rg_nn_state_tensor rg_nn_state_at(const rg_nn_state *state, size_t index);
RG_API rg_nn_state_tensor rg_nn_state_find(const rg_nn_state *state, const char *name);

/* Adds a string (copied), or replaces it in its place. Both must be UTF-8; keys that begin with "xxh3:" belong to the
 * checksums. errors RG_E_NULL, RG_E_ARGUMENT, RG_E_MEMORY; they stick to the state. */
RG_API rg_status rg_nn_state_set_text(rg_nn_state *state, const char *key, const char *text);
/* The string of that key, or NULL. */
RG_API const char *rg_nn_state_get_text(const rg_nn_state *state, const char *key);
/* The same for counters and seeds, as decimal numbers; whether there is one that is such a number. */
RG_API rg_status rg_nn_state_set_integer(rg_nn_state *state, const char *key, uint64_t value);
RG_API bool rg_nn_state_get_integer(const rg_nn_state *state, const char *key, uint64_t *value);

/* Appends every parameter of a store under its name, borrowed. */
RG_API rg_status rg_nn_state_add_params(rg_nn_state *state, const rg_params *store);
/* Copies the tensors of the parameters' names into the store; nothing is changed on an error.
 * errors  RG_E_NULL, RG_E_SHAPE and RG_E_DTYPE naming the first difference, RG_E_FORMAT a parameter that the state
 *         does not have, or a tensor (without a colon in its name) that the store does not have. */
RG_API rg_status rg_nn_state_get_params(const rg_nn_state *state, rg_params *store, rg_error *error);

/* Writes the state as a safetensors file: 8 bytes with the length of the header (little-endian), the header (JSON,
 * padded with spaces to a multiple of 8), the numbers (little-endian). Tensors stand in the order in which they
 * were added, but those of wider dtypes first, so that all are aligned. The metadata holds the state's strings
 * and for each tensor "xxh3:<name>", the XXH3-64 of its bytes in 16 hexadecimal digits.
 * A symbolic link at `path` is replaced; anything else that is no regular file is refused.
 * errors  RG_E_FILE, RG_E_MEMORY, RG_E_UNSUPPORTED a big-endian machine, whatever sticks to the state. */
RG_API rg_status rg_nn_state_save(const rg_nn_state *state, const char *path, rg_error *error);

/* Reads a safetensors file; NULL on an error. The header is checked wholly before anything is allocated for what
 * it describes: its length against the file's, UTF-8, JSON (nothing but what the format knows), names that occur
 * once, dtypes, shapes that fit the bytes, ranges that cover the data without gap or overlap. Then the numbers are
 * read and compared with the checksums that are present.
 * errors  RG_E_FILE cannot be read, RG_E_FORMAT malformed or damaged, RG_E_DTYPE a tensor of another dtype
 *         than F32, F64, I32, I64, RG_E_SHAPE more than RG_MAX_RANK dimensions, RG_E_MEMORY, RG_E_UNSUPPORTED. */
RG_API rg_nn_state *rg_nn_state_load(const char *path, rg_error *error);

/* ---- Sites ---------------------------------------------------------------------------------------- */

#ifndef RG_NO_SITES
#define rg_nn_linear_forward(...) rg_nn_linear_forward_at(RG_SITE, __VA_ARGS__)
#define rg_nn_dropout_forward(...) rg_nn_dropout_forward_at(RG_SITE, __VA_ARGS__)
#define rg_nn_forward(...) rg_nn_forward_at(RG_SITE, __VA_ARGS__)
#define rg_nn_loss_forward(...) rg_nn_loss_forward_at(RG_SITE, __VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif
#endif
