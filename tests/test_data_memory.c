/* Each allocation in turn fails, and nothing crashes, leaks or pretends to have worked; headers of files that
 * promise much get nothing on their word; going through batches allocates nothing. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "data_files.h"
#include "data_internal.h"

/* ---- An allocator that counts, and fails when told ---------------------------------------------------- */

/* Stands before that of the C library, or of a sanitizer where there is one, in the whole program. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__interceptor_malloc(size_t size) __attribute__((weak));
void *__interceptor_calloc(size_t count, size_t size) __attribute__((weak));
void *__interceptor_realloc(void *block, size_t size) __attribute__((weak));

static atomic_long calls;          /* since the last call of watch */
static atomic_long failing;        /* the call that fails, from 1; 0: none */
static atomic_size_t largest;      /* bytes asked for at once */
static atomic_size_t outgrown;     /* and before that */

static void watch(long number)
{
    calls = 0;
    largest = outgrown = 0;
    failing = number;
}

/* Valgrind puts its own in front of this one, unless it runs with --soname-synonyms=somalloc=nouserintercepts. */
static bool is_in_charge(void)
{
    watch(0);
    free(rg_data_allocate(1, 1));
    return calls > 0;
}

static bool refused(size_t size)
{
    if (size > largest) {
        outgrown = largest;
        largest = size;
    }
    if (++calls != failing) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    if (refused(size)) return NULL;
    return __interceptor_malloc ? __interceptor_malloc(size) : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (refused(size ? count * size : 0)) return NULL;
    return __interceptor_calloc ? __interceptor_calloc(count, size) : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    if (refused(size)) return NULL;
    return __interceptor_realloc ? __interceptor_realloc(block, size) : __libc_realloc(block, size);
}

/* ---- Failures ----------------------------------------------------------------------------------------- */

static const unsigned char images[] = { 0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 1 };
static const char table[] = "length,width,species\n5.1,3.5,setosa\n7,3.2,versicolor\n4.9,3,setosa\n6,3,\"virginica\"\n";

/* What is tried, with the paths it needs made before. */
typedef struct {
    const char *images, *labels, *directory, *table, *large;
    rg_data_set set, pictures; /* of numbers, of bytes */
} paths;

typedef rg_status trial(const paths *given, rg_error *error);

static rg_status try_idx(const paths *given, rg_error *error)
{
    rg_data_set set;
    rg_status status = rg_data_load_idx(given->images, given->labels, (rg_data_idx_options){ 0 }, &set, error);
    if (status != RG_OK) assert_empty_set(&set);
    rg_data_free(&set);
    return status;
}

/* More than a block of content, so that room grows on the way. */
static rg_status try_large(const paths *given, rg_error *error)
{
    rg_data_set set;
    rg_status status = rg_data_load_idx(given->large, NULL, (rg_data_idx_options){ 0 }, &set, error);
    if (status != RG_OK) assert_empty_set(&set);
    rg_data_free(&set);
    return status;
}

static rg_status try_directory(const paths *given, rg_error *error)
{
    rg_data_set set;
    rg_status status = rg_data_digits(given->directory, RG_DATA_TRAIN, (rg_data_idx_options){ 0 }, &set, error);
    if (status != RG_OK) assert_empty_set(&set);
    rg_data_free(&set);
    return status;
}

static rg_status try_csv(const paths *given, rg_error *error)
{
    rg_data_set set;
    rg_status status = rg_data_load_csv(given->table, (rg_data_csv_options){ 0 }, &set, error);
    if (status != RG_OK) assert_empty_set(&set);
    rg_data_free(&set);
    return status;
}

static rg_status try_targets(const paths *given, rg_error *error)
{
    rg_data_set set;
    rg_data_csv_options options = { .label = "width", .task = RG_DATA_REGRESSION };
    rg_status status = rg_data_load_csv(given->table, options, &set, error);
    if (status == RG_E_FORMAT) status = RG_OK; /* the last column is no number, found when all is allocated */
    assert_empty_set(&set);
    return status;
}

static rg_status try_split(const paths *given, rg_error *error)
{
    rg_data_set train, test;
    rg_data_split_options options = { .test_fraction = 0.5, .stratified = true };
    rg_status status = rg_data_split(&given->set, options, &train, &test, error);
    if (status != RG_OK) {
        assert_empty_set(&train);
        assert_empty_set(&test);
    }
    rg_data_free(&train);
    rg_data_free(&test);
    return status;
}

static rg_status try_features(const paths *given, rg_error *error)
{
    rg_data_set set;
    rg_status status = rg_data_select(&given->pictures, (int64_t[]){ 3, 0 }, 2, &set, error);
    if (status == RG_OK) status = rg_data_make_features(&set, error);
    if (status != RG_OK) assert_null(set.features); /* and the bytes, if they were there, still are */
    rg_data_free(&set);
    return status;
}

static rg_status try_batches(const paths *given, rg_error *error)
{
    rg_data_batches batches;
    rg_status status = rg_data_batches_new(&batches, &given->set, (rg_data_batch_options){ .size = 2 }, error);
    if (status != RG_OK) assert_true(!batches.order && !batches.features && !batches.labels);
    rg_data_batches_free(&batches);
    return status;
}

static rg_status try_standardiser(const paths *given, rg_error *error)
{
    rg_data_standardiser standardiser;
    rg_status status = rg_data_standardiser_fit(&standardiser, &given->set, error);
    if (status != RG_OK) assert_true(!standardiser.mean && !standardiser.deviation);
    rg_data_standardiser_free(&standardiser);
    return status;
}

/* At least this many allocations: so that a sweep that reaches nothing is seen. */
static const struct {
    const char *name;
    trial *run;
    long least;
} trials[] = {
    { "idx", try_idx, 6 },         { "large", try_large, 4 }, { "directory", try_directory, 8 }, { "csv", try_csv, 9 },
    { "targets", try_targets, 5 }, { "split", try_split, 9 }, { "batches", try_batches, 3 },
    { "standardiser", try_standardiser, 2 },
    { "features", try_features, 3 },
};

static void each_allocation_may_fail(void **state)
{
    (void)state;
    if (!is_in_charge()) skip();
    rg_error error;
    const rg_data_idx_options plain = { 0 };
    paths given = { .table = files_write_gzip("table.csv.gz", table, sizeof table - 1), .directory = files_directory };
    assert_ok(rg_data_load_csv(given.table, (rg_data_csv_options){ 0 }, &given.set, &error), &error);
    static const unsigned char many[12 + 70000] = { 0, 0, 8, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 1 };
    given.large = files_write_gzip("large.gz", many, sizeof many);
    given.images = files_write_gzip("train-images-idx3-ubyte.gz", images, sizeof images);
    given.labels = files_write_gzip("train-labels-idx1-ubyte.gz", labels, sizeof labels);
    assert_ok(rg_data_load_idx(given.images, given.labels, plain, &given.pictures, &error), &error);
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        rg_status status = RG_E_MEMORY;
        long number = 1;
        for (; status != RG_OK; number++) {
            error = (rg_error){ .status = RG_OK };
            watch(number);
            status = trials[i].run(&given, &error);
            bool reached = calls >= number;
            watch(0);
            if (status != RG_OK && (!reached || status != RG_E_MEMORY || error.status != status || !error.message[0]))
                fail_msg("%s, allocation %ld: %s \"%s\"", trials[i].name, number, rg_status_name(status),
                         error.message);
            /* qsort does without memory if it must: a failure may be none. */
            if (status == RG_OK && reached) status = RG_E_MEMORY;
        }
        if (number - 2 < trials[i].least) fail_msg("%s: only %ld allocations", trials[i].name, number - 2);
    }
    rg_data_free(&given.set);
    rg_data_free(&given.pictures);
}

/* ---- Promises and plenty ------------------------------------------------------------------------------- */

static void memory_follows_what_has_come_and_not_what_a_header_promises(void **state)
{
    (void)state;
    if (!is_in_charge()) skip();
    enum { SIZE = 300000 };
    unsigned char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (unsigned char)rg_random_bits(1, 1, i);
    /* 200 million elements, which 300,000 bytes of gzip might hold, but these do not. */
    static const unsigned char header[] = { 0, 0, 8, 3, 0, 0, 100, 0, 0, 0, 100, 0, 0, 0, 0, 1 };
    memcpy(bytes, header, sizeof header);
    bytes[5] = bytes[9] = 0;
    bytes[6] = bytes[10] = 0x37; /* 0x3700 squared: 198 million */
    rg_error error;
    rg_data_set set;
    const char *path = files_write_gzip("promise.gz", bytes, SIZE);
    watch(0);
    rg_status status = rg_data_load_idx(path, NULL, (rg_data_idx_options){ 0 }, &set, &error);
    size_t asked = largest;
    assert_error(status, &error, RG_E_FORMAT, "promise.gz: truncated: 299984 elements of 198246400");
    assert_true(asked >= 299984 && asked <= 2 * SIZE);
    /* Plain, the size of the file gives it away before anything is allocated. */
    path = files_write("promise", bytes, SIZE);
    watch(0);
    status = rg_data_load_idx(path, NULL, (rg_data_idx_options){ 0 }, &set, &error);
    asked = largest;
    assert_error(status, &error, RG_E_FORMAT, "promise: truncated: the header promises more");
    assert_true(asked < 1000);
    free(bytes);
}

static int64_t most_resident(void)
{
    struct rusage used;
    assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
    return (int64_t)used.ru_maxrss * 1024;
}

/* In a process of its own, because what a process has had at most never becomes less: loads and says whether the peak
 * has grown by the bytes, half a megabyte for everything else, and no more. Another allocator than this one might copy
 * a block to enlarge it, so the only block that was outgrown must be small. */
static bool loads_in_place(const char *path, int64_t bytes)
{
    int status = 1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rg_data_set set;
        int64_t before = most_resident();
        watch(0);
        bool loaded = rg_data_load_idx(path, NULL, (rg_data_idx_options){ 0 }, &set, NULL) == RG_OK;
        int64_t grown = most_resident() - before;
        bool good = loaded && set.count * set.width == bytes && grown > bytes / 2 && grown < bytes + 512 * 1024 &&
                    outgrown < 128 * 1024;
        if (!good)
            fprintf(stderr, "%s: %lld bytes more at the peak, a block of %zu outgrown\n", path, (long long)grown,
                    (size_t)outgrown);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void loading_images_takes_the_memory_of_their_bytes(void **state)
{
    (void)state;
    if (!is_in_charge() || __interceptor_malloc) skip(); /* a sanitizer's memory is not ours to count */
    enum { COUNT = 20000, SIZE = 16 + COUNT * 784 };
    static const unsigned char header[] = { 0, 0, 8, 3, 0, 0, COUNT >> 8, COUNT & 255, 0, 0, 0, 28, 0, 0, 0, 28 };
    unsigned char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    /* As compressible as images: most of it empty. */
    for (size_t i = 0; i < SIZE; i++) bytes[i] = i % 784 < 160 ? (unsigned char)(i * i >> 7) : 0;
    memcpy(bytes, header, sizeof header);
    const char *plain = files_write("many", bytes, SIZE), *compressed = files_write_gzip("many.gz", bytes, SIZE);
    free(bytes);
    assert_true(loads_in_place(plain, COUNT * 784));
    assert_true(loads_in_place(compressed, COUNT * 784));
}

static void batches_allocate_nothing_once_made(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    rg_data_batches batches;
    rg_data_batch batch;
    const char *path = files_write("table.csv", table, sizeof table - 1);
    assert_ok(rg_data_load_csv(path, (rg_data_csv_options){ 0 }, &set, &error), &error);
    assert_ok(rg_data_batches_new(&batches, &set, (rg_data_batch_options){ .size = 3 }, &error), &error);
    watch(0);
    for (int epoch = 0; epoch < 5; epoch++)
        while (rg_data_batches_next(&batches, &batch)) continue;
    assert_int_equal(calls, 0);
    rg_data_batches_free(&batches);
    rg_data_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(memory_follows_what_has_come_and_not_what_a_header_promises),
        cmocka_unit_test(loading_images_takes_the_memory_of_their_bytes),
        cmocka_unit_test(batches_allocate_nothing_once_made),
    };
    return cmocka_run_group_tests(tests, files_make_directory, files_remove_directory);
}
