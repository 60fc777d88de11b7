/* The bundled digits are found, whole and balanced, and so is any directory that names its files as MNIST does. */
#define _POSIX_C_SOURCE 200809L
#include "data_files.h"

static const rg_data_idx_options plain = { .dtype = RG_NO_DTYPE };
static const char *const home = RG_TEST_SOURCE "/data/digits";

static void assert_digits(rg_data_part part, int64_t count)
{
    rg_error error;
    rg_data_set set;
    int64_t of_class[10] = { 0 };
    assert_ok(rg_data_digits(home, part, plain, &set, &error), &error);
    assert_int_equal(set.count, count);
    assert_int_equal(set.width, 784);
    assert_true(set.shape.rank == 3 && set.shape.size[1] == 28 && set.shape.size[2] == 28);
    assert_int_equal(set.classes, 10);
    double ink = 0;
    assert_ok(rg_data_make_features(&set, &error), &error);
    const float *pixel = set.features;
    for (int64_t i = 0; i < count * 784; i++) {
        assert_true(pixel[i] >= 0 && pixel[i] <= 1);
        ink += (double)pixel[i];
    }
    ink /= (double)count * 784;
    assert_true(ink > 0.12 && ink < 0.14);
    for (int64_t i = 0; i < count; i++) of_class[set.labels[i]]++;
    for (int c = 0; c < 10; c++) assert_int_equal(of_class[c], count / 10);
    rg_data_free(&set);
}

static void every_digit_is_there_equally_often(void **state)
{
    (void)state;
    assert_digits(RG_DATA_TRAIN, 10000);
    assert_digits(RG_DATA_TEST, 2000);
}

static void no_test_image_is_trained_on(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set train, test;
    assert_ok(rg_data_digits(home, RG_DATA_TRAIN, plain, &train, &error), &error);
    assert_ok(rg_data_digits(home, RG_DATA_TEST, plain, &test, &error), &error);
    for (int64_t i = 0; i < test.count; i += 7)
        for (int64_t j = 0; j < train.count; j++)
            assert_int_not_equal(memcmp(test.bytes + i * 784, train.bytes + j * 784, 784), 0);
    rg_data_free(&train);
    rg_data_free(&test);
}

static void the_directory_comes_from_the_caller_or_the_environment(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    assert_int_equal(setenv("RG_DATA", files_directory, 1), 0);
    rg_status status = rg_data_digits(NULL, RG_DATA_TEST, plain, &set, &error);
    assert_error(status, &error, RG_E_FILE, "ubyte");
    assert_empty_set(&set);
    assert_ok(rg_data_digits(home, RG_DATA_TEST, plain, &set, &error), &error);
    rg_data_free(&set);
    assert_int_equal(setenv("RG_DATA", home, 1), 0);
    assert_ok(rg_data_digits(NULL, RG_DATA_TEST, plain, &set, &error), &error);
    rg_data_free(&set);
    assert_int_equal(unsetenv("RG_DATA"), 0);
    assert_ok(rg_data_digits(NULL, RG_DATA_TEST, plain, &set, &error), &error);
    rg_data_free(&set);
}

static const char *mnist_name(char *room, const char *part, const char *what, char mark, int rank, const char *after)
{
    snprintf(room, 64, "%s-%s%cidx%d-ubyte%s", part, what, mark, rank, after);
    return room;
}

/* One pixel and one label for each, all different, so that no other file can have been read. */
static void each_spelling_of_the_names_is_understood(void **state)
{
    (void)state;
    static const char *const parts[] = { "train", "t10k" };
    unsigned char images[] = { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0 };
    unsigned char labels[] = { 0, 0, 8, 1, 0, 0, 0, 1, 0 };
    for (int way = 0; way < 8; way++) {
        char mark = way & 1 ? '.' : '-', image_name[64], label_name[64];
        const char *after = way & 2 ? ".gz" : "", *part = parts[way / 4];
        images[16] = labels[8] = (unsigned char)way;
        files_write(mnist_name(image_name, part, "images", mark, 3, after), images, sizeof images);
        files_write(mnist_name(label_name, part, "labels", mark, 1, after), labels, sizeof labels);

        rg_error error;
        rg_data_set set;
        rg_status status = rg_data_load_mnist_directory(files_directory, (rg_data_part)(way / 4), plain, &set, &error);
        assert_ok(status, &error);
        assert_int_equal(set.bytes[0], way);
        assert_int_equal(set.labels[0], way);
        rg_data_free(&set);
        assert_int_equal(remove(files_path(image_name)), 0);
        assert_int_equal(remove(files_path(label_name)), 0);
    }
}

static void a_missing_file_and_a_bad_part_are_named(void **state)
{
    (void)state;
    rg_error error;
    rg_data_set set;
    rg_status status = rg_data_load_mnist_directory(files_directory, RG_DATA_TEST, plain, &set, &error);
    assert_error(status, &error, RG_E_FILE, "/t10k-images");
    assert_empty_set(&set);
    assert_error(rg_data_load_mnist_directory(files_directory, (rg_data_part)2, plain, &set, &error), &error,
                 RG_E_ARGUMENT, "part 2");
    assert_error(rg_data_load_mnist_directory(NULL, RG_DATA_TEST, plain, &set, &error), &error, RG_E_NULL,
                 "directory");
    assert_error(rg_data_load_mnist_directory(home, RG_DATA_TEST, plain, NULL, &error), &error, RG_E_NULL, "result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_digit_is_there_equally_often),
        cmocka_unit_test(no_test_image_is_trained_on),
        cmocka_unit_test(the_directory_comes_from_the_caller_or_the_environment),
        cmocka_unit_test(each_spelling_of_the_names_is_understood),
        cmocka_unit_test(a_missing_file_and_a_bad_part_are_named),
    };
    return cmocka_run_group_tests(tests, files_make_directory, files_remove_directory);
}
