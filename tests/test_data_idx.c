/* IDX files are read right, or refused with a reason before any number in them is believed. */
#define _POSIX_C_SOURCE 200809L
#include "data_files.h"

/* Three images of 2 x 3, and their labels. */
static const unsigned char images[] = { 0, 0, 8, 3,   0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 3,
                                        0, 1, 2, 253, 254, 255, 10, 20, 30, 40, 50, 60, 51, 102, 153, 204, 255, 0 };
static const unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 2 };

static const rg_data_idx_options plain = { .dtype = RG_NO_DTYPE };

/* As bytes first, and then as numbers. */
static void assert_the_three_images(rg_data_set *set)
{
    rg_error error;
    assert_int_equal(set->count, 3);
    assert_int_equal(set->width, 6);
    assert_int_equal(set->shape.rank, 3);
    assert_int_equal(set->shape.size[0], 3);
    assert_int_equal(set->shape.size[1], 2);
    assert_int_equal(set->shape.size[2], 3);
    assert_int_equal(set->classes, 5);
    assert_null(set->targets);
    assert_null(set->features);
    assert_memory_equal(set->bytes, images + 16, 18);
    assert_ok(rg_data_make_features(set, &error), &error);
    for (int i = 0; i < 18; i++) {
        int byte = images[16 + i];
        if (set->dtype == RG_F32)
            assert_true(((const float *)set->features)[i] == (float)byte / 255.0f);
        else
            assert_true(((const double *)set->features)[i] == byte / 255.0);
    }
    for (int i = 0; i < 3; i++) assert_int_equal(set->labels[i], labels[8 + i]);
}

static void pixels_are_scaled_to_the_unit_interval(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *image_path = files_write("images", images, sizeof images);
    const char *label_path = files_write("labels", labels, sizeof labels);
    assert_ok(rg_data_load_idx(image_path, label_path, plain, &set, &error), &error);
    assert_int_equal(set.dtype, RG_F32);
    assert_the_three_images(&set);
    rg_data_free(&set);
    assert_empty_set(&set);
    assert_ok(rg_data_load_idx(image_path, label_path, (rg_data_idx_options){ .dtype = RG_F64 }, &set, &error), &error);
    assert_int_equal(set.dtype, RG_F64);
    assert_the_three_images(&set);
    rg_data_free(&set);
}

static void compression_is_told_by_content_and_not_by_name(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *image_path = files_write_gzip("compressed-images", images, sizeof images);
    const char *label_path = files_write("plain-labels.gz", labels, sizeof labels);
    assert_ok(rg_data_load_idx(image_path, label_path, plain, &set, &error), &error);
    assert_the_three_images(&set);
    rg_data_free(&set);
}

static size_t read_file(const char *path, unsigned char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static void gzip_members_are_joined(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    unsigned char joined[512];
    const char *label_path = files_write("labels", labels, sizeof labels);
    size_t size = read_file(files_write_gzip("head", images, 20), joined, 256);
    size += read_file(files_write_gzip("tail", images + 20, sizeof images - 20), joined + size, 256);
    const char *path = files_write("joined.gz", joined, size);
    assert_ok(rg_data_load_idx(path, label_path, plain, &set, &error), &error);
    assert_the_three_images(&set);
    rg_data_free(&set);
}

/* Sizes of more than two bytes, and content of more than one block. */
static void large_files_arrive_whole(void **state)
{
    (void)state;
    enum { COUNT = 70000 };
    static unsigned char many[12 + COUNT] = { 0, 0, 8, 2, COUNT >> 24, COUNT >> 16 & 255, COUNT >> 8 & 255, COUNT & 255,
                                              0, 0, 0, 1 };
    for (int i = 0; i < COUNT; i++) many[12 + i] = (unsigned char)(i % 251);
    for (int compressed = 0; compressed < 2; compressed++) {
        const char *(*write)(const char *, const void *, size_t) = compressed ? files_write_gzip : files_write;
        const char *path = write("many", many, sizeof many);
        rg_error error;
        rg_data_set set;
        assert_ok(rg_data_load_idx(path, NULL, plain, &set, &error), &error);
        assert_true(set.count == COUNT && set.width == 1);
        assert_memory_equal(set.bytes, many + 12, COUNT);
        rg_data_free(&set);
    }
}

static void files_are_closed_again(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *image_path = files_write("images", images, sizeof images);
    const char *label_path = files_write("labels", labels, sizeof labels);
    int first = dup(0);
    close(first);
    assert_ok(rg_data_load_idx(image_path, label_path, plain, &set, &error), &error);
    rg_data_free(&set);
    assert_int_equal(rg_data_load_idx(image_path, image_path, plain, &set, &error), RG_E_FORMAT);
    assert_int_equal(rg_data_load_idx(image_path, files_path("nowhere"), plain, &set, &error), RG_E_FILE);
    assert_int_equal(rg_data_load_csv(image_path, (rg_data_csv_options){ 0 }, &set, &error), RG_E_FORMAT);
    int now = dup(0);
    close(now);
    assert_int_equal(now, first);
}

static void images_may_come_without_labels(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    assert_ok(rg_data_load_idx(files_write("images", images, sizeof images), NULL, plain, &set, &error), &error);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.classes, 0);
    assert_null(set.labels);
    rg_data_free(&set);
}

static void the_number_of_classes_may_be_given(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *image_path = files_write("images", images, sizeof images);
    const char *label_path = files_write("labels", labels, sizeof labels);
    assert_ok(rg_data_load_idx(image_path, label_path, (rg_data_idx_options){ .classes = 10 }, &set, &error), &error);
    assert_int_equal(set.classes, 10);
    rg_data_free(&set);
    rg_status status = rg_data_load_idx(image_path, label_path, (rg_data_idx_options){ .classes = 4 }, &set, &error);
    assert_error(status, &error, RG_E_FORMAT, "labels: label 0 is 4, but there are 4 classes");
    assert_empty_set(&set);
}

/* A way to spoil one of the two files: other bytes at a place, and another length. */
typedef struct {
    const char *expected;
    bool in_labels;
    size_t at, count;
    unsigned char bytes[16];
    int longer;
} spoiled;

static const spoiled malformed[] = {
    { "images: not an IDX file: begins with 01 00", false, 0, 1, { 1 }, 0 },
    { "images: not an IDX file: begins with 00 07", false, 1, 1, { 7 }, 0 },
    { "images: the elements have type code 0x0d", false, 2, 1, { 0x0d }, 0 },
    { "labels: the elements have type code 0x0b", true, 2, 1, { 0x0b }, 0 },
    { "images: 1 dimensions; images have 2 to 8", false, 3, 1, { 1 }, 0 },
    { "images: 0 dimensions", false, 3, 1, { 0 }, 0 },
    { "images: 9 dimensions", false, 3, 1, { 9 }, 0 },
    { "images: 255 dimensions", false, 3, 1, { 255 }, 0 },
    { "labels: 2 dimensions; labels have 1", true, 3, 1, { 2 }, 0 },
    { "images: size 0 in dimension 0", false, 7, 1, { 0 }, 0 },
    { "images: size 0 in dimension 2", false, 15, 1, { 0 }, 0 },
    { "images: truncated: ends inside the IDX header", false, 0, 0, { 0 }, -(int)sizeof images },
    { "images: truncated: ends inside the IDX header", false, 0, 0, { 0 }, 3 - (int)sizeof images },
    { "images: truncated: ends inside the IDX header", false, 0, 0, { 0 }, 15 - (int)sizeof images },
    { "labels: truncated: ends inside the IDX header", true, 0, 0, { 0 }, 7 - (int)sizeof labels },
    { "images: truncated", false, 0, 0, { 0 }, -1 },
    { "images: truncated", false, 0, 0, { 0 }, 16 - (int)sizeof images },
    { "labels: truncated", true, 0, 0, { 0 }, -1 },
    { "images: trailing bytes after 18 elements", false, 0, 0, { 0 }, 1 },
    { "labels: trailing bytes after 3 elements", true, 0, 0, { 0 }, 5 },
    { "images: trailing bytes after 12 elements", false, 7, 1, { 2 }, 0 },
    { "images: truncated: the header promises more", false, 7, 1, { 4 }, 0 },
    { "images: truncated: the header promises more", false, 4, 4, { 255, 255, 255, 255 }, 0 },
    { "images: truncated: the header promises more", false, 4, 12,
      { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 }, 0 },
    { "images: truncated: the header promises more", false, 4, 12, { 128, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 4 }, 0 },
    { "labels: 2 labels for 3 images", true, 4, 4, { 0, 0, 0, 2 }, -1 },
    { "labels: 4 labels for 3 images", true, 4, 4, { 0, 0, 0, 4 }, 1 },
};

static size_t spoil(const spoiled *how, bool in_labels, unsigned char *bytes)
{
    size_t size = in_labels ? sizeof labels : sizeof images;
    memcpy(bytes, in_labels ? labels : images, size);
    if (how->in_labels != in_labels) return size;
    memcpy(bytes + how->at, how->bytes, how->count);
    return (size_t)((int)size + how->longer);
}

/* Compressed, a file's size is no bound on what it holds, so some complaints come later and in other words. */
static void malformed_files_are_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        for (int compressed = 0; compressed < 2; compressed++) {
            unsigned char image_bytes[128] = { 0 }, label_bytes[128] = { 0 };
            size_t image_size = spoil(&malformed[i], false, image_bytes);
            size_t label_size = spoil(&malformed[i], true, label_bytes);
            const char *(*write)(const char *, const void *, size_t) = compressed ? files_write_gzip : files_write;
            const char *image_path = write("images", image_bytes, image_size);
            const char *label_path = write("labels", label_bytes, label_size);
            rg_error error;
            rg_data_set set;
            rg_status status = rg_data_load_idx(image_path, label_path, plain, &set, &error);
            assert_error(status, &error, RG_E_FORMAT,
                         compressed && strstr(malformed[i].expected, "promises") ? "images: truncated"
                                                                                 : malformed[i].expected);
            assert_empty_set(&set);
            assert_int_equal(rg_data_load_idx(image_path, label_path, plain, &set, NULL), RG_E_FORMAT);
        }
}

static void a_size_that_no_compression_could_reach_is_refused_from_the_header(void **state)
{
    (void)state;
    unsigned char huge[sizeof images];
    memcpy(huge, images, sizeof images);
    huge[5] = 1; /* 65539 images of 6 bytes, in a file of some 50 */
    rg_error error;
    rg_data_set set;
    rg_status status = rg_data_load_idx(files_write_gzip("images", huge, sizeof huge), NULL, plain, &set, &error);
    assert_error(status, &error, RG_E_FORMAT, "the header promises more elements than the file can hold");
}

static void damaged_compression_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[512], damaged[600];
    size_t size = read_file(files_write_gzip("good.gz", images, sizeof images), bytes, sizeof bytes);
    rg_error error;
    rg_data_set set;
    /* Cut anywhere. */
    for (size_t cut = 2; cut < size; cut++) {
        const char *path = files_write("cut.gz", bytes, cut);
        assert_error(rg_data_load_idx(path, NULL, plain, &set, &error), &error, RG_E_FORMAT, "cut.gz: truncated");
    }
    /* A wrong checksum is seen although all elements have been read before it. */
    memcpy(damaged, bytes, size);
    damaged[size - 8] ^= 1;
    const char *path = files_write("damaged.gz", damaged, size);
    assert_error(rg_data_load_idx(path, NULL, plain, &set, &error), &error, RG_E_FORMAT,
                 "damaged.gz: damaged gzip data: incorrect data check");
    /* Something that is not gzip after the end. */
    memcpy(damaged, bytes, size);
    memcpy(damaged + size, "more", 4);
    path = files_write("more.gz", damaged, size + 4);
    assert_error(rg_data_load_idx(path, NULL, plain, &set, &error), &error, RG_E_FORMAT,
                 "more.gz: trailing bytes after the gzip data");
}

static void files_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *image_path = files_write("images", images, sizeof images);
    rg_status status = rg_data_load_idx(files_path("nowhere"), NULL, plain, &set, &error);
    assert_error(status, &error, RG_E_FILE, "nowhere: cannot open: No such file");
    status = rg_data_load_idx(image_path, files_path("no-labels"), plain, &set, &error);
    assert_error(status, &error, RG_E_FILE, "no-labels: cannot open: No such file");
    status = rg_data_load_idx(files_directory, NULL, plain, &set, &error);
    assert_error(status, &error, RG_E_FILE, "cannot read: Is a directory");
    assert_empty_set(&set);
}

static void a_long_path_leaves_room_for_the_reason(void **state)
{
    (void)state;
    char path[2000];
    memset(path, 'a', sizeof path);
    strcpy(path + sizeof path - 12, "/the-end.gz");
    rg_error error;
    rg_data_set set;
    rg_status status = rg_data_load_idx(path, NULL, plain, &set, &error);
    assert_error(status, &error, RG_E_FILE, "/the-end.gz: cannot open: File name too long");
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    const char *path = files_write("images", images, sizeof images);
    assert_error(rg_data_load_idx(NULL, NULL, plain, &set, &error), &error, RG_E_NULL, "path");
    assert_empty_set(&set);
    assert_error(rg_data_load_idx(path, NULL, plain, NULL, &error), &error, RG_E_NULL, "result");
    assert_error(rg_data_load_idx(path, NULL, (rg_data_idx_options){ .dtype = RG_I32 }, &set, &error), &error,
                 RG_E_DTYPE, "not i32");
    assert_error(rg_data_load_idx(path, NULL, (rg_data_idx_options){ .classes = -1 }, &set, &error), &error,
                 RG_E_ARGUMENT, "-1 classes");
    rg_data_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_scaled_to_the_unit_interval),
        cmocka_unit_test(compression_is_told_by_content_and_not_by_name),
        cmocka_unit_test(gzip_members_are_joined),
        cmocka_unit_test(large_files_arrive_whole),
        cmocka_unit_test(files_are_closed_again),
        cmocka_unit_test(images_may_come_without_labels),
        cmocka_unit_test(the_number_of_classes_may_be_given),
        cmocka_unit_test(malformed_files_are_refused_with_a_reason),
        cmocka_unit_test(a_size_that_no_compression_could_reach_is_refused_from_the_header),
        cmocka_unit_test(damaged_compression_is_refused),
        cmocka_unit_test(files_that_cannot_be_read_are_named),
        cmocka_unit_test(a_long_path_leaves_room_for_the_reason),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, files_make_directory, files_remove_directory);
}
