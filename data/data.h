/* data.h: data sets from files, and mini-batches of them.
 *
 * Copyright (c) 2026 the Retrograd authors. MIT licence, see LICENSE.
 *
 *     rg_error error;
 *     rg_data_set train;
 *     rg_data_batches batches;
 *     if (rg_data_digits(NULL, RG_DATA_TRAIN, (rg_data_idx_options){ 0 }, &train, &error) != RG_OK ||
 *         rg_data_batches_new(&batches, &train, (rg_data_batch_options){ .size = 32, .seed = 42 }, &error) != RG_OK) {
 *         fprintf(stderr, "%s\n", error.message);
 *         return 1;
 *     }
 *     for (int epoch = 0; epoch < 10; epoch++) {
 *         rg_data_batch batch;
 *         while (rg_data_batches_next(&batches, &batch)) {
 *             rg_tensor x = rg_input(tape, batch.dtype, RG_SHAPE(batch.count, train.width), batch.features);
 *             rg_tensor y = rg_input(tape, RG_I32, RG_SHAPE(batch.count), batch.labels);
 *             ...
 *         }
 *     }
 *     rg_data_batches_free(&batches);
 *     rg_data_free(&train);
 *
 * ERRORS
 *   Every function that can fail returns an rg_status, fills in *error (which may be NULL) when it does,
 *   and then leaves its result all zeros, so that freeing it is always allowed. Common to all:
 *   RG_E_NULL a pointer that is needed is NULL, RG_E_MEMORY. Loaders also: RG_E_FILE a file cannot be
 *   opened or read, RG_E_FORMAT its content is malformed, RG_E_DTYPE a dtype other than f32 and f64.
 *   Messages name the file. No memory is asked for on the word of a file's header alone.
 *
 * RANDOM CHOICES
 *   Shuffles and splits depend on nothing but their seed (and epoch): the same on every machine. */
#ifndef RETROGRAD_DATA_H
#define RETROGRAD_DATA_H

#include "autograd.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Data sets ------------------------------------------------------------------------------------ */

/* n examples. A plain value that owns its arrays: read and change them freely, copy the struct to move
 * it, and call rg_data_free once. A loaded set has at least one example and one feature.
 *
 * Images stay the bytes of their file, a quarter of what they would be as f32: then `features` is NULL, and
 * batches bring byte / 255 as numbers of dtype. To read the features of all examples as one array, make
 * them first: rg_data_make_features. */
typedef struct {
    int64_t count;              /* n */
    int64_t width;              /* features of one example: 784 for images of 28 x 28 */
    rg_shape shape;             /* of all features: [n, 28, 28] for images, [n, width] for tables */
    rg_dtype dtype;             /* of features and targets: RG_F32 or RG_F64 */
    void *features;             /* [shape] of dtype, row-major; NULL while there are bytes instead */
    unsigned char *bytes;       /* [shape], row-major: features times 255; NULL unless of images */
    int32_t *labels;            /* [n], each in [0, classes), for classification; else NULL */
    void *targets;              /* [n] of dtype, for regression; else NULL */
    int32_t classes;            /* 0 unless for classification */
    const char **feature_names; /* [width], or NULL where the file gives none; one block of memory */
    const char **class_names;   /* [classes], or NULL where a class is called by its number; one block */
} rg_data_set;

/* Makes the features of a set that keeps bytes, byte / 255 in its dtype, and frees the bytes. Does nothing to
 * a set that has features. */
RG_API rg_status rg_data_make_features(rg_data_set *set, rg_error *error);

/* Frees what the set owns and makes it all zeros. NULL and a set of zeros are allowed. */
RG_API void rg_data_free(rg_data_set *set);

/* Copies the examples rows[0], ..., rows[count - 1], in that order and with repetition if you like, to a
 * new set with the same classes and names. Bytes stay bytes.
 * errors  RG_E_ARGUMENT count < 1, RG_E_INDEX a row outside [0, n). */
RG_API rg_status rg_data_select(const rg_data_set *set, const int64_t *rows, int64_t count, rg_data_set *out,
                                rg_error *error);

typedef struct {
    double test_fraction; /* of the examples that go to the test set, in (0, 1) */
    uint64_t seed;
    bool stratified;      /* take this fraction of every class by itself (needs labels) */
} rg_data_split_options;

/* Copies each example to one of two new sets, at random; inside each they keep their order, and bytes stay
 * bytes. The test set gets round(test_fraction n) examples; stratified, that many of each class, n being
 * the class's count.
 * errors  RG_E_ARGUMENT fraction out of range, one side would be empty, stratified without labels. */
RG_API rg_status rg_data_split(const rg_data_set *set, rg_data_split_options options, rg_data_set *train,
                               rg_data_set *test, rg_error *error);

/* ---- IDX files: the format of MNIST, plain or compressed with gzip -------------------------------- */

typedef struct {
    rg_dtype dtype;  /* of the features; RG_NO_DTYPE: RG_F32 */
    int32_t classes; /* how many there are; 0: the largest label + 1 */
} rg_data_idx_options;

/* Images [n, ...] and their labels [n], both of unsigned bytes. The set keeps the images' bytes, which are read
 * or decompressed straight into their place; features are byte / 255, in [0, 1]. The labels' path may be NULL,
 * for images without. Whether a file is compressed is told by its content.
 * errors  RG_E_FORMAT not IDX, other than unsigned bytes, a rank that does not fit, an empty dimension,
 *         too few or too many bytes, damaged compression, counts that differ, a label >= classes.
 *         RG_E_ARGUMENT classes < 0.                         [LeCun, "The MNIST database", file formats] */
RG_API rg_status rg_data_load_idx(const char *images, const char *labels, rg_data_idx_options options,
                                  rg_data_set *out, rg_error *error);

typedef enum {
    RG_DATA_TRAIN = 0,
    RG_DATA_TEST
} rg_data_part;

/* One half of a directory that has train-images-idx3-ubyte, train-labels-idx1-ubyte,
 * t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte; '.' in place of the '-' before "idx" is understood,
 * and so is ".gz" after each.
 * errors  as rg_data_load_idx; RG_E_FILE no such file in there. RG_E_ARGUMENT neither part. */
RG_API rg_status rg_data_load_mnist_directory(const char *directory, rg_data_part part, rg_data_idx_options options,
                                              rg_data_set *out, rg_error *error);

/* The bundled digits: 10,000 images of 28 x 28 to train with and 2,000 to test, in ten classes of equal
 * size. Looked for in `directory`; if that is NULL in the directory that the environment variable RG_DATA
 * names; if that is not set where the library was told to look when it was built.
 * errors  as rg_data_load_mnist_directory. */
RG_API rg_status rg_data_digits(const char *directory, rg_data_part part, rg_data_idx_options options,
                                rg_data_set *out, rg_error *error);

/* ---- CSV files: tables of numbers, plain or compressed with gzip ---------------------------------- */

typedef enum {
    RG_DATA_AUTO = 0,       /* see rg_data_load_csv */
    RG_DATA_CLASSIFICATION, /* labels are names or integers */
    RG_DATA_REGRESSION,     /* labels are numbers, kept as targets */
    RG_DATA_UNLABELLED      /* every column is a feature */
} rg_data_task;

typedef enum {
    RG_DATA_HEADER_AUTO = 0, /* a header if a field outside the label column is not a number */
    RG_DATA_HEADER,
    RG_DATA_NO_HEADER
} rg_data_header;

typedef struct {
    rg_dtype dtype;                 /* of features and targets; RG_NO_DTYPE: RG_F32 */
    rg_data_task task;
    const char *label;              /* the label column: its name in the header, or its number from 0, or
                                       from the end if negative ("-1": the last). NULL: the last */
    char delimiter;                 /* one of , ; | : space and tab; 0: whichever of , ; and tab the first
                                       record has most of */
    rg_data_header header;
    int32_t classes;                /* if not 0: the classes are known, and any other is an error; give */
    const char *const *class_names; /* those of the training set when loading what shall be tested on it */
} rg_data_csv_options;

/* A table with one record a line. Spaces and tabs around a field, empty lines, lines that begin with #, a UTF-8
 * byte order mark and CR LF are understood, and so are fields in "quotes", in which "" is one quote.
 * Numbers are decimal, with a point in every locale: 12, -1.5, .5, 6.02e23; finite in the dtype.
 *
 * Labels are, unless options.task decides it: targets if some are numbers with a fraction or exponent, or if
 * they are integers of more than 100 different values; else classes. Classes written as integers are
 * numbered by value, and get names if they are not 0 ... k - 1 already; other classes are numbered and
 * named in the order in which they first appear.
 *
 * errors  RG_E_FORMAT, with file, line and column: "iris.csv:17:3: 'abc' is not a number". Lines and columns
 *         count from 1; a column is a field, not a character.
 *         RG_E_ARGUMENT no such label column, another delimiter, classes < 0, a class named twice. */
RG_API rg_status rg_data_load_csv(const char *path, rg_data_csv_options options, rg_data_set *out, rg_error *error);

/* ---- Standardisation ------------------------------------------------------------------------------ */

/* x -> (x - mean) / deviation for every feature. Owns its arrays; save them with the model. */
typedef struct {
    int64_t width;
    double *mean;      /* [width] */
    double *deviation; /* [width], of the population (divided by n); 1 for a feature that never changes */
} rg_data_standardiser;

/* Finds mean and deviation of each feature, summing in the order of the examples in f64. Use it on the
 * training set alone. Free it with rg_data_standardiser_free.
 * errors  RG_E_ARGUMENT a sum that is not finite. */
RG_API rg_status rg_data_standardiser_fit(rg_data_standardiser *standardiser, const rg_data_set *set,
                                          rg_error *error);
/* Changes the set's features in place; makes them first where it keeps bytes.
 * errors  RG_E_SHAPE another number of features. */
RG_API rg_status rg_data_standardiser_apply(const rg_data_standardiser *standardiser, rg_data_set *set,
                                            rg_error *error);
RG_API void rg_data_standardiser_free(rg_data_standardiser *standardiser);

/* ---- Mini-batches --------------------------------------------------------------------------------- */

/* Writes a random permutation of 0 ... count - 1, a function of (seed, epoch) alone; every permutation is
 * as likely as every other. Does nothing for count < 1.                     [Knuth, TAOCP 2, 3.4.2 P] */
RG_API void rg_data_permutation(uint64_t seed, uint64_t epoch, int64_t count, int64_t *order);

typedef struct {
    int64_t size;  /* examples in a batch, at least 1; the last batch of an epoch has what is left */
    uint64_t seed; /* of the shuffle */
    bool in_order; /* as the set has them, unshuffled */
} rg_data_batch_options;

/* Some examples, copied together; features are numbers even where the set keeps bytes. Good until the next
 * call that uses the same iterator. */
typedef struct {
    int64_t count;         /* examples in this batch */
    rg_shape shape;        /* [count, ...] like the set's */
    rg_dtype dtype;        /* of features and targets */
    const void *features;  /* [shape] */
    const int32_t *labels; /* [count], or NULL */
    const void *targets;   /* [count] of dtype, or NULL */
    const int64_t *rows;   /* [count]: which examples of the set they are */
} rg_data_batch;

/* Goes through a set, epoch by epoch, batch by batch. What comes next depends on nothing but the set, the
 * options, `epoch` and `next`. Read any member; change them by the functions. */
typedef struct {
    const rg_data_set *set; /* borrowed */
    rg_data_batch_options options;
    int64_t per_epoch;      /* batches in an epoch */
    int64_t epoch;          /* the batch that comes next: its epoch */
    int64_t next;           /* and its number in that epoch; per_epoch when the epoch is over */
    int64_t order_epoch;    /* the epoch that `order` is of, or -1 */
    int64_t *order;         /* [n] */
    void *features;         /* room for one batch */
    int32_t *labels;
    void *targets;
} rg_data_batches;

/* An iterator at the beginning of epoch 0. The set must outlive it. All memory is taken here: going
 * through the batches takes none. Free it with rg_data_batches_free.
 * errors  RG_E_ARGUMENT size < 1 or an empty set. */
RG_API rg_status rg_data_batches_new(rg_data_batches *batches, const rg_data_set *set,
                                     rg_data_batch_options options, rg_error *error);
RG_API void rg_data_batches_free(rg_data_batches *batches);
/* The next batch. false, once, at the end of each epoch; the call after that begins the next epoch. */
RG_API bool rg_data_batches_next(rg_data_batches *batches, rg_data_batch *batch);
/* Makes batch number `next` of an epoch the one that comes next. To resume at a step counted from the very
 * beginning: rg_data_batches_seek(&batches, step / batches.per_epoch, step % batches.per_epoch).
 * errors  RG_E_ARGUMENT epoch < 0, or next outside [0, per_epoch]. */
RG_API rg_status rg_data_batches_seek(rg_data_batches *batches, int64_t epoch, int64_t next);

#ifdef __cplusplus
}
#endif
#endif
