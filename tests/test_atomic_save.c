/* Saving is atomic and loading changes nothing on an error: whatever fails, the old file and the old parameters are
 * as they were, nothing is left behind, and the message says what it was. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "failing_malloc.h"
#include "nn.h"
#include "safetensors_files.h"

/* ---- The calls that bring a file to the disk, watched and made to fail --------------------------------------- */

static char calls[16];      /* 'f' fsync of a file, 'd' of a directory, 'r' rename */
static char failing_call;
static int failing_reason;

static bool call_fails(char call)
{
    size_t used = strlen(calls);
    if (used + 1 < sizeof calls) calls[used] = call;
    if (call == failing_call) errno = failing_reason;
    return call == failing_call;
}

int fsync(int file)
{
    struct stat status;
    bool directory = fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
    return call_fails(directory ? 'd' : 'f') ? -1 : (int)syscall(SYS_fsync, file);
}

int renameat(int from, const char *old, int to, const char *new)
{
    return call_fails('r') ? -1 : (int)syscall(SYS_renameat2, from, old, to, new, 0);
}

static void watch(char failing, int reason)
{
    memset(calls, 0, sizeof calls);
    failing_call = failing;
    failing_reason = reason;
}

/* ---- A store with three parameters --------------------------------------------------------------------------- */

static rg_params *make_store(rg_dtype dtype, double first)
{
    rg_params *theta = rg_params_new(dtype, 1);
    rg_params_add(theta, "fc1.weight", RG_SHAPE(4, 3));
    rg_params_add(theta, "fc1.bias", RG_SHAPE(4));
    rg_params_add(theta, "scale", RG_SCALAR);
    for (int i = 0; i < 17; i++) {
        if (dtype == RG_F32)
            ((float *)rg_params_data(theta))[i] = (float)(first + i);
        else
            ((double *)rg_params_data(theta))[i] = first + i;
    }
    return theta;
}

static int prepare(void **state)
{
    empty_directory();
    watch(0, 0);
    rg_params *theta = make_store(RG_F32, 1.0);
    rg_status status = rg_nn_save(theta, path_of("model"), NULL);
    rg_params_free(theta);
    *state = NULL;
    return (int)status;
}

/* The file still holds the numbers from 1 on, and it is alone. */
static void check_old_file(void)
{
    rg_params *theta = make_store(RG_F32, 100.0);
    assert_int_equal(rg_nn_load(theta, path_of("model"), NULL), RG_OK);
    for (int i = 0; i < 17; i++) assert_true(((const float *)rg_params_data(theta))[i] == 1.0F + (float)i);
    rg_params_free(theta);
    assert_int_equal(files_in_directory(), 1);
}

static void check_failing_save(const char *name, rg_status status, const char *message)
{
    rg_error error;
    char wanted[RG_MESSAGE_SIZE];
    snprintf(wanted, sizeof wanted, "%s: %s", path_of(name), message);
    rg_params *theta = make_store(RG_F32, 50.0);
    assert_int_equal(rg_nn_save(theta, path_of(name), &error), status);
    assert_string_equal(error.message, wanted);
    assert_int_equal(error.status, status);
    rg_params_free(theta);
}

/* ---- Saving -------------------------------------------------------------------------------------------------- */

static void the_file_is_on_the_disk_before_its_name_and_the_name_before_the_end(void **state)
{
    (void)state;
    rg_params *theta = make_store(RG_F32, 1.0);
    watch(0, 0);
    assert_int_equal(rg_nn_save(theta, path_of("model"), NULL), RG_OK);
    assert_string_equal(calls, "frd");
    rg_params_free(theta);
    check_old_file();
}

static void a_disk_that_fails_leaves_the_old_file(void **state)
{
    (void)state;
    watch('f', EIO);
    check_failing_save("model", RG_E_FILE, "cannot be written: Input/output error");
    assert_string_equal(calls, "f");
    watch('r', EACCES);
    check_failing_save("model", RG_E_FILE, "cannot be written: Permission denied");
    assert_string_equal(calls, "fr");
    watch(0, 0);
    check_old_file();
}

static void a_directory_that_cannot_be_synchronised_is_reported(void **state)
{
    (void)state;
    watch('d', EIO);
    check_failing_save("model", RG_E_FILE, "written, but may not outlast a power failure: Input/output error");
    watch('d', EINVAL); /* a file system that has nothing to synchronise there */
    rg_params *theta = make_store(RG_F32, 1.0);
    assert_int_equal(rg_nn_save(theta, path_of("model"), NULL), RG_OK);
    rg_params_free(theta);
    watch(0, 0);
    check_old_file();
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rg_error error;
    rg_params *theta = make_store(RG_F32, 50.0);
    rg_status status = rg_nn_save(theta, path_of("model"), &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, RG_E_FILE);
    assert_non_null(strstr(error.message, "model: cannot be written: File too large"));
    rg_params_free(theta);
    check_old_file();
}

static void what_another_save_is_writing_is_left_alone(void **state)
{
    (void)state;
    char name[64];
    size_t count;
    rg_params *theta = make_store(RG_F32, 1.0);
    snprintf(name, sizeof name, ".retrograd-%ld-0.tmp", (long)getpid());
    write_bytes(name, "half", 4);
    assert_int_equal(rg_nn_save(theta, path_of("model"), NULL), RG_OK);
    unsigned char *bytes = read_bytes(name, &count);
    assert_int_equal(count, 4);
    free(bytes);
    remove(path_of(name));
    rg_params_free(theta);
    check_old_file();
}

static void what_is_no_place_for_a_file_is_refused(void **state)
{
    (void)state;
    check_failing_save("absent/model", RG_E_FILE, "cannot open its directory: No such file or directory");
    check_failing_save("model/model", RG_E_FILE, "cannot open its directory: Not a directory");
    check_failing_save("absent/", RG_E_FILE, "not the name of a file");
    check_failing_save(".", RG_E_FILE, "not a regular file");
    rg_error error;
    rg_params *theta = make_store(RG_F32, 50.0);
    assert_int_equal(rg_nn_save(theta, "/dev/null", &error), RG_E_FILE);
    assert_string_equal(error.message, "/dev/null: not a regular file");
    assert_int_equal(rg_nn_save(theta, NULL, &error), RG_E_NULL);
    assert_int_equal(rg_nn_save(NULL, path_of("model"), &error), RG_E_NULL);
    rg_params_free(theta);
    check_old_file();
}

static void a_path_without_a_folder_is_in_the_current_one(void **state)
{
    (void)state;
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(test_directory), 0);
    rg_params *theta = make_store(RG_F32, 1.0);
    rg_status status = rg_nn_save(theta, "model", NULL);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(status, RG_OK);
    rg_params_free(theta);
    check_old_file();
}

static void permissions_stay_or_follow_the_mask(void **state)
{
    (void)state;
    struct stat status;
    rg_params *theta = make_store(RG_F32, 1.0);
    assert_int_equal(chmod(path_of("model"), 0600), 0);
    assert_int_equal(rg_nn_save(theta, path_of("model"), NULL), RG_OK);
    assert_int_equal(stat(path_of("model"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    mode_t mask = umask(027);
    assert_int_equal(rg_nn_save(theta, path_of("new"), NULL), RG_OK);
    umask(mask);
    assert_int_equal(stat(path_of("new"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    rg_params_free(theta);
}

static void a_symbolic_link_is_replaced_and_its_target_left(void **state)
{
    (void)state;
    struct stat status;
    rg_params *theta = make_store(RG_F32, 50.0);
    assert_int_equal(symlink("model", path_of("link")), 0);
    assert_int_equal(rg_nn_save(theta, path_of("link"), NULL), RG_OK);
    assert_int_equal(lstat(path_of("link"), &status), 0);
    assert_true(S_ISREG(status.st_mode));
    remove(path_of("link"));
    rg_params_free(theta);
    check_old_file();
}

/* ---- Loading ------------------------------------------------------------------------------------------------- */

static void parameters_come_back_bit_by_bit(void **state)
{
    (void)state;
    static const rg_dtype dtypes[] = { RG_F32, RG_F64 };
    for (int d = 0; d < 2; d++) {
        rg_params *a = make_store(dtypes[d], 0.1), *b = make_store(dtypes[d], 7.0);
        uint64_t before = rg_params_version(b);
        assert_int_equal(rg_nn_save(a, path_of("both"), NULL), RG_OK);
        assert_int_equal(rg_nn_load(b, path_of("both"), NULL), RG_OK);
        assert_memory_equal(rg_params_data(a), rg_params_data(b), 17 * rg_dtype_size(dtypes[d]));
        assert_true(rg_params_version(b) > before);
        rg_params_free(a);
        rg_params_free(b);
    }
}

static void check_failing_load(rg_params *theta, rg_status status, const char *message)
{
    rg_error error;
    char wanted[RG_MESSAGE_SIZE];
    snprintf(wanted, sizeof wanted, "%s: %s", path_of("model"), message);
    size_t bytes = (size_t)rg_params_count(theta) * rg_dtype_size(rg_params_dtype(theta));
    void *before = malloc(bytes);
    memcpy(before, rg_params_data(theta), bytes);
    uint64_t version = rg_params_version(theta);
    assert_int_equal(rg_nn_load(theta, path_of("model"), &error), status);
    assert_string_equal(error.message, wanted);
    assert_int_equal(error.status, status);
    assert_memory_equal(before, rg_params_data(theta), bytes);
    assert_true(version == rg_params_version(theta));
    free(before);
    rg_params_free(theta);
}

static void a_file_of_another_model_changes_nothing_and_names_the_difference(void **state)
{
    (void)state;
    check_failing_load(make_store(RG_F64, 3.0), RG_E_DTYPE,
                       "tensor \"fc1.weight\" is f32[4,3], the parameter is f64[4,3]");
    rg_params *theta = rg_params_new(RG_F32, 1);
    rg_params_add(theta, "fc1.weight", RG_SHAPE(4, 3));
    rg_params_add(theta, "fc1.bias", RG_SHAPE(5));
    check_failing_load(theta, RG_E_SHAPE, "tensor \"fc1.bias\" is f32[4], the parameter is f32[5]");
    theta = make_store(RG_F32, 3.0);
    rg_params_add(theta, "fc2.weight", RG_SHAPE(1));
    check_failing_load(theta, RG_E_FORMAT, "there is no tensor \"fc2.weight\"");
    theta = rg_params_new(RG_F32, 1);
    rg_params_add(theta, "fc1.weight", RG_SHAPE(4, 3));
    check_failing_load(theta, RG_E_FORMAT, "there is no parameter for tensor \"fc1.bias\"");
}

static void a_store_that_failed_is_neither_saved_nor_loaded(void **state)
{
    (void)state;
    rg_error error;
    rg_params *theta = make_store(RG_F32, 50.0);
    rg_params_fail(theta, RG_E_SHAPE, "no good");
    assert_int_equal(rg_nn_save(theta, path_of("model"), &error), RG_E_SHAPE);
    assert_non_null(strstr(error.message, "model: no good"));
    assert_int_equal(rg_nn_load(theta, path_of("model"), &error), RG_E_SHAPE);
    assert_true(*(const float *)rg_params_data(theta) == 50.0F);
    rg_params_free(theta);
    check_old_file();
}

static void a_checkpoint_holds_more_than_parameters(void **state)
{
    (void)state;
    static const float momentum[17] = { 0.5F };
    rg_params *theta = make_store(RG_F32, 2.0), *other = make_store(RG_F32, 3.0);
    rg_nn_state *saved = rg_nn_state_new();
    rg_nn_state_add_params(saved, theta);
    rg_nn_state_add_borrowed(saved, "optimizer:momentum", RG_F32, RG_SHAPE(17), momentum);
    rg_nn_state_set_integer(saved, "step", 12);
    assert_int_equal(rg_nn_state_save(saved, path_of("checkpoint"), NULL), RG_OK);
    rg_nn_state_free(saved);

    uint64_t step = 0;
    rg_nn_state *loaded = rg_nn_state_load(path_of("checkpoint"), NULL);
    assert_non_null(loaded);
    assert_int_equal(rg_nn_state_get_params(loaded, other, NULL), RG_OK);
    assert_memory_equal(rg_params_data(theta), rg_params_data(other), 17 * sizeof(float));
    assert_memory_equal(rg_nn_state_find(loaded, "optimizer:momentum").data, momentum, sizeof momentum);
    assert_true(rg_nn_state_get_integer(loaded, "step", &step) && step == 12);
    rg_nn_state_free(loaded);
    assert_int_equal(rg_nn_load(other, path_of("checkpoint"), NULL), RG_OK);
    rg_params_free(theta);
    rg_params_free(other);
}

/* ---- Out of memory ------------------------------------------------------------------------------------------- */

/* Makes the n-th allocation fail, alone and with all after it, for n = 0, 1, ... until the call succeeds. */
static void sweep(rg_status (*call)(rg_params *theta, rg_error *error))
{
    if (!FAILING_MALLOC) skip();
    for (long turn = 0;; turn++) {
        rg_params *theta = make_store(RG_F32, 50.0);
        rg_error error = { .status = RG_OK };
        long before = allocations_alive;
        if (turn % 2)
            allocations_fail_after(turn / 2);
        else
            allocations_fail_once_after(turn / 2);
        rg_status status = call(theta, &error);
        long failed = allocations_failed;
        allocations_fail_after(-1);
        assert_int_equal(allocations_alive, before);
        assert_int_equal(status, failed ? RG_E_MEMORY : RG_OK);
        assert_int_equal(error.status, status);
        if (failed) assert_true(*(const float *)rg_params_data(theta) == 50.0F);
        rg_params_free(theta);
        assert_true(turn < 500);
        if (!failed) break;
        check_old_file();
    }
}

static rg_status call_save(rg_params *theta, rg_error *error)
{
    return rg_nn_save(theta, path_of("model"), error);
}

static rg_status call_load(rg_params *theta, rg_error *error)
{
    return rg_nn_load(theta, path_of("model"), error);
}

static rg_status call_copy(rg_params *theta, rg_error *error)
{
    static const char name[] = "copied";
    rg_nn_state *state = rg_nn_state_new();
    if (!state) return error->status = RG_E_MEMORY;
    rg_nn_state_add(state, name, RG_F32, RG_SHAPE(17), rg_params_data(theta));
    rg_nn_state_set_text(state, "note", "one");
    rg_nn_state_set_text(state, "note", "two");
    error->status = rg_nn_state_status(state);
    rg_nn_state_free(state);
    return error->status;
}

static void each_allocation_of_a_save_may_fail(void **state)
{
    (void)state;
    sweep(call_save);
}

static void each_allocation_of_a_load_may_fail(void **state)
{
    (void)state;
    sweep(call_load);
}

static void each_allocation_of_a_state_may_fail(void **state)
{
    (void)state;
    sweep(call_copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_file_is_on_the_disk_before_its_name_and_the_name_before_the_end, prepare),
        cmocka_unit_test_setup(a_disk_that_fails_leaves_the_old_file, prepare),
        cmocka_unit_test_setup(a_directory_that_cannot_be_synchronised_is_reported, prepare),
        cmocka_unit_test_setup(a_full_disk_leaves_the_old_file, prepare),
        cmocka_unit_test_setup(what_another_save_is_writing_is_left_alone, prepare),
        cmocka_unit_test_setup(what_is_no_place_for_a_file_is_refused, prepare),
        cmocka_unit_test_setup(a_path_without_a_folder_is_in_the_current_one, prepare),
        cmocka_unit_test_setup(permissions_stay_or_follow_the_mask, prepare),
        cmocka_unit_test_setup(a_symbolic_link_is_replaced_and_its_target_left, prepare),
        cmocka_unit_test_setup(parameters_come_back_bit_by_bit, prepare),
        cmocka_unit_test_setup(a_file_of_another_model_changes_nothing_and_names_the_difference, prepare),
        cmocka_unit_test_setup(a_store_that_failed_is_neither_saved_nor_loaded, prepare),
        cmocka_unit_test_setup(a_checkpoint_holds_more_than_parameters, prepare),
        cmocka_unit_test_setup(each_allocation_of_a_save_may_fail, prepare),
        cmocka_unit_test_setup(each_allocation_of_a_load_may_fail, prepare),
        cmocka_unit_test_setup(each_allocation_of_a_state_may_fail, prepare),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
