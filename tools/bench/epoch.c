/* epoch.c: an epoch over sixty thousand images, as `retrograd train` does it: shuffled batches of the data module,
 * the last one smaller, the loss read at every step. Each side is a process of its own, because the memory that a
 * process has had at most is only known of all of it. The memory includes loading the images, the time does not.
 *
 * The images are those of the directory that the environment variable RG_MNIST_DIR names, with the files of MNIST;
 * without it there are as many made-up ones. Both sides begin with the same weights and see the same examples in the
 * same order, so their mean losses must agree. Both leave the images as bytes and make numbers of a batch. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "bench.h"
#include "data.h"
#include "limits.h"
#include "nn.h"
#include "optim.h"

enum { IMAGES = 60000, SEED = 1, MOST_EPOCHS = 5, OURS = -1, CHECK = -2 };

static const double rate = 0.01, loss_tolerance = 1e-3;

/* The faster one of each product. */
static const int ways[] = { MLP_IN_PLACE, MLP_OWN_LAYERWISE };

/* What a process tells of its work. */
typedef struct {
    bool done;
    double seconds, loss, difference, peak;
    char message[RG_MESSAGE_SIZE];
} report;

typedef struct {
    const bench_case *each;
    const bench_conditions *with;
    const mlp_setup *setup;
} epoch;

static void fail(report *to, const char *why)
{
    snprintf(to->message, sizeof to->message, "%s", why);
}

static const char *directory_of_mnist(void)
{
    const char *directory = getenv("RG_MNIST_DIR");
    return directory && *directory ? directory : NULL;
}

/* Made-up images: whatever they show, a step takes as long. */
static unsigned char made_up_pixel(uint32_t *state)
{
    *state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
    return (unsigned char)(*state >> 24);
}

static int32_t made_up_label(int64_t i, int64_t classes)
{
    return (int32_t)(rg_random_bits(1, 1, (uint64_t)i) % (uint64_t)classes);
}

/* ---- Ours ------------------------------------------------------------------------------------------------------- */

static bool make_up_set(const epoch *e, rg_data_set *set)
{
    const int64_t width = e->setup->size[0], classes = e->setup->size[e->setup->layers];
    unsigned char *bytes = malloc((size_t)(IMAGES * width));
    int32_t *labels = malloc(IMAGES * sizeof *labels);
    uint32_t state = 1;
    for (int64_t i = 0; i < IMAGES * width && bytes; i++) bytes[i] = made_up_pixel(&state);
    for (int64_t i = 0; i < IMAGES && labels; i++) labels[i] = made_up_label(i, classes);
    *set = (rg_data_set){ .count = IMAGES, .width = width, .shape = RG_SHAPE(IMAGES, width), .dtype = RG_F32,
                          .bytes = bytes, .labels = labels, .classes = (int32_t)classes };
    return bytes && labels;
}

static bool load_set(const epoch *e, rg_data_set *set, report *to)
{
    const rg_data_idx_options options = { .dtype = RG_F32, .classes = (int32_t)e->setup->size[e->setup->layers] };
    rg_error error = { .message = "out of memory" };
    if (!directory_of_mnist()) return make_up_set(e, set) || (fail(to, error.message), false);
    if (rg_data_load_mnist_directory(directory_of_mnist(), RG_DATA_TRAIN, options, set, &error) == RG_OK) {
        if (set->width == e->setup->size[0]) return true;
        snprintf(error.message, sizeof error.message, "RG_MNIST_DIR has images of another size");
    }
    return fail(to, error.message), false;
}

typedef struct {
    rg_params *theta;
    rg_nn *net;
    rg_opt *opt;
    rg_tape *tape;
    rg_data_batches batches;
} training;

static double train_step(training *t, const rg_data_batch *batch, int64_t width)
{
    rg_tape_reset(t->tape);
    rg_tensor x = rg_input_borrowed(t->tape, batch->dtype, RG_SHAPE(batch->count, width), batch->features);
    rg_tensor labels = rg_input_borrowed(t->tape, RG_I32, RG_SHAPE(batch->count), batch->labels);
    rg_tensor loss = rg_cross_entropy(rg_nn_forward(t->net, x), labels);
    rg_backward(loss);
    const double number = rg_item(loss);
    rg_opt_step(t->opt);
    return number;
}

static void ours(const epoch *e, int threads, report *to)
{
    training t = { .theta = rg_params_new(RG_F32, SEED) };
    rg_data_set set = { 0 };
    rg_error error = { .status = RG_OK };
    t.net = rg_nn_mlp(t.theta, rg_relu, e->setup->size, e->setup->layers + 1);
    t.opt = rg_opt_sgd(t.theta, (rg_opt_sgd_options){ .lr = rate });
    t.tape = rg_tape_new_with((rg_tape_options){ .threads = threads });
    rg_data_batch_options options = { .size = e->setup->batch, .seed = SEED };
    if (load_set(e, &set, to) && rg_data_batches_new(&t.batches, &set, options, &error) == RG_OK) {
        rg_data_batch batch;
        const double start = bench_now(e->with->threads);
        while (!rg_failed(t.tape) && rg_data_batches_next(&t.batches, &batch))
            to->loss += train_step(&t, &batch, set.width) / (double)t.batches.per_epoch;
        to->seconds = bench_now(e->with->threads) - start;
        to->done = !rg_failed(t.tape);
        fail(to, t.tape ? rg_message(t.tape) : "out of memory");
    } else if (error.status != RG_OK) {
        fail(to, error.message);
    }
    rg_data_batches_free(&t.batches);
    rg_data_free(&set);
    rg_tape_free(t.tape);
    rg_opt_free(t.opt);
    rg_nn_free(t.net);
    rg_params_free(t.theta);
}

/* ---- The limit -------------------------------------------------------------------------------------------------- */

typedef struct {
    int64_t count, width;
    unsigned char *pixels, *labels;
} byte_images;

/* The content of one of MNIST's files after its header of so many numbers, the first of which that tells a size is
 * *count; NULL if there is no such file. */
static unsigned char *read_idx(const char *name, int header, int64_t width, int64_t *count)
{
    static const char *const spellings[] = { "%s/%s-ubyte", "%s/%s-ubyte.gz" };
    unsigned char start[16], *content = NULL;
    char path[4096];
    gzFile file = NULL;
    for (int i = 0; i < 2 && !file; i++) {
        snprintf(path, sizeof path, spellings[i], directory_of_mnist(), name);
        file = gzopen(path, "rb");
    }
    if (file && gzread(file, start, (unsigned)header * 4) == header * 4) {
        *count = (int64_t)start[4] << 24 | (int64_t)start[5] << 16 | (int64_t)start[6] << 8 | (int64_t)start[7];
        const int64_t bytes = *count * width;
        content = bytes > 0 && bytes <= INT32_MAX ? malloc((size_t)bytes) : NULL;
        if (content && gzread(file, content, (unsigned)bytes) != bytes) free(content), content = NULL;
    }
    if (file) gzclose(file);
    return content;
}

static bool load_bytes(const epoch *e, byte_images *images)
{
    const int64_t width = images->width = e->setup->size[0], classes = e->setup->size[e->setup->layers];
    if (directory_of_mnist()) {
        int64_t labels = 0;
        images->pixels = read_idx("train-images-idx3", 4, width, &images->count);
        images->labels = read_idx("train-labels-idx1", 2, 1, &labels);
        return images->pixels && images->labels && labels == images->count;
    }
    uint32_t state = 1;
    images->count = IMAGES;
    images->pixels = malloc((size_t)(IMAGES * width));
    images->labels = malloc(IMAGES);
    if (!images->pixels || !images->labels) return false;
    for (int64_t i = 0; i < IMAGES * width; i++) images->pixels[i] = made_up_pixel(&state);
    for (int64_t i = 0; i < IMAGES; i++) images->labels[i] = (unsigned char)made_up_label(i, classes);
    return true;
}

/* The weights that the library would draw. */
static bool draw_weights(const epoch *e, mlp_net *net)
{
    rg_params *theta = rg_params_new(RG_F32, SEED);
    rg_nn *drawn = rg_nn_mlp(theta, rg_relu, e->setup->size, e->setup->layers + 1);
    const bool done = drawn && rg_params_status(theta) == RG_OK && rg_params_count(theta) == net->count;
    if (done) memcpy(net->theta.all, rg_params_data(theta), (size_t)net->count * sizeof(float));
    rg_nn_free(drawn);
    rg_params_free(theta);
    return done;
}

/* Returns the mean loss. x and labels have room for a batch, order for all examples. */
static double limit_epoch(const byte_images *images, mlp_net *net, int which, float *x, int32_t *labels, int64_t *order)
{
    const int64_t count = images->count, width = images->width, most = net->setup.batch;
    double sum = 0;
    rg_data_permutation(SEED, 0, count, order);
    for (int64_t first = 0; first < count; first += most) {
        const int64_t rows = net->setup.batch = count - first < most ? count - first : most;
        for (int64_t i = 0; i < rows; i++) {
            net->from_bytes(width, images->pixels + order[first + i] * width, x + i * width);
            labels[i] = images->labels[order[first + i]];
        }
        mlp_net_step(net, &(mlp_batch){ .x = x, .labels = labels }, ways[which]);
        sum += net->loss;
    }
    return sum / ceil((double)count / (double)most);
}

static void limit(const epoch *e, int which, report *to)
{
    const int64_t most = e->setup->batch, width = e->setup->size[0];
    byte_images images = { 0 };
    const bool loaded = load_bytes(e, &images);
    float *x = malloc((size_t)(most * width) * sizeof *x);
    int32_t *labels = malloc((size_t)most * sizeof *labels);
    int64_t *order = malloc((size_t)images.count * sizeof *order);
    mlp_net net;
    const bool made = mlp_net_make(&net, e->setup, RG_F32, rate, e->with->threads) && draw_weights(e, &net) && x &&
                      labels && order;
    if (loaded && made) {
        const double start = bench_now(e->with->threads);
        mlp_net_begin(&net);
        to->loss = limit_epoch(&images, &net, which, x, labels, order);
        to->seconds = bench_now(e->with->threads) - start;
        to->done = true;
    } else {
        fail(to, made ? "the limit cannot load the images" : "out of memory");
    }
    mlp_net_free(&net);
    free(order);
    free(labels);
    free(x);
    free(images.pixels);
    free(images.labels);
}

/* ---- Processes -------------------------------------------------------------------------------------------------- */

static void work(const epoch *e, int side, report *to)
{
    if (side == CHECK) {
        const bench_case steps = { .name = e->each->name, .dtype = RG_F32, .family = &bench_dense, .setup = e->setup };
        bench_result checked;
        to->done = bench_check(&steps, e->with, &checked, to->message, sizeof to->message);
        to->difference = checked.difference;
        return;
    }
    if (side == OURS) ours(e, e->with->threads, to);
    else if (e->with->scaling) ours(e, 1, to);
    else limit(e, side, to);
}

/* Does a side's work in a process of its own. */
static bool work_apart(const epoch *e, int side, report *to)
{
    int ends[2], status = 0;
    struct rusage used;
    *to = (report){ .done = false };
    fflush(stdout);
    if (pipe(ends) != 0) return fail(to, strerror(errno)), false;
    const pid_t child = fork();
    if (child == 0) {
        work(e, side, to);
        const bool told = write(ends[1], to, sizeof *to) == (ssize_t)sizeof *to;
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    const bool heard = child > 0 && read(ends[0], to, sizeof *to) == (ssize_t)sizeof *to;
    close(ends[0]);
    if (child < 0 || wait4(child, &status, 0, &used) != child || !heard)
        return *to = (report){ .message = "the process that was to do the work has failed" }, false;
    to->peak = (double)used.ru_maxrss * 1024 / 1e6;
    return to->done;
}

static bool measure(const bench_case *each, const bench_conditions *with, bench_result *result, char *message,
                    size_t size)
{
    const epoch e = { .each = each, .with = with, .setup = each->setup };
    bench_samples samples = { .repeats = with->repeats < MOST_EPOCHS ? with->repeats : MOST_EPOCHS };
    const int limits = with->scaling ? 1 : bench_limits(each);
    double peaks[1 + BENCH_MOST_LIMITS] = { 0 }, our_loss = NAN;
    report told;
    *result = (bench_result){ .best = 0 };
    bool done = work_apart(&e, CHECK, &told);
    result->difference = told.difference;
    for (int i = 0; i < samples.repeats && done; i++)
        for (int side = OURS; side < limits && (done = work_apart(&e, side, &told)); side++) {
            (side == OURS ? samples.ours : samples.limits[side])[i] = each->units / told.seconds;
            peaks[1 + side] = fmax(peaks[1 + side], told.peak);
            if (side == OURS) our_loss = told.loss;
            if (fabs(told.loss - our_loss) <= loss_tolerance * fabs(our_loss)) continue;
            snprintf(message, size, "%s: the mean loss is %g, that of the limit %g", each->name, our_loss, told.loss);
            return false;
        }
    for (int i = 0; i < samples.repeats && done; i++) bench_take_turn_of_peer(with, &samples);
    if (!done) return snprintf(message, size, "%s: %s", each->name, told.message), false;
    bench_summarise(&samples, limits, with->threads, result);
    result->ours_peak = peaks[0];
    result->limit_peak = peaks[1 + result->best];
    return true;
}

/* ---- The cases -------------------------------------------------------------------------------------------------- */

static const bench_family family = { .limits = { "update in the product", "layer by layer; our product" },
                                     .measure = measure, .scales = true };

static const bench_case cases[] = {
    { .name = "epoch-784-128-10-b64", .about = "60,000 images, ReLU, cross-entropy, SGD, f32, batch 64; peak memory",
      .dtype = RG_F32, .unit = "epochs/s", .units = 1, .family = &family,
      .setup = &(const mlp_setup){ .layers = 2, .size = { 784, 128, 10 }, .batch = 64, .classify = true } },
};

bench_table bench_epoch_cases(void)
{
    return (bench_table){ cases, sizeof cases / sizeof cases[0] };
}
