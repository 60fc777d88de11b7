/* test_params.c: theta is one contiguous vector of named parameters; a bad call sticks to the store, and to every tape
 * that uses it. */
#include "tensors.h"

/* A sanitizer's allocator gives NULL where the system's would. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void parameters_are_views_of_one_vector(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F32, 1);
    const rg_shape shapes[] = { RG_SHAPE(2, 3), RG_SCALAR, RG_SHAPE(4), RG_SHAPE(0, 5), RG_SHAPE(1, 1, 1) };
    static const char *const names[] = { "w", "temperature", "layer.b", "empty", "last" };
    int64_t offset = 0;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        rg_param p = rg_params_add(theta, names[i], shapes[i]);
        assert_ptr_equal(p.store, theta);
        assert_int_equal(rg_param_offset(p), offset);
        offset += rg_shape_count(shapes[i]);
    }
    assert_int_equal(rg_params_size(theta), COUNT(shapes));
    assert_int_equal(rg_params_count(theta), 12);
    assert_int_equal(rg_params_dtype(theta), RG_F32);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        rg_param p = rg_params_at(theta, i), found = rg_params_find(theta, names[i]);
        assert_true(found.store == p.store && found.index == p.index);
        assert_string_equal(rg_param_name(p), names[i]);
        assert_true(rg_shape_equal(rg_param_shape(p), shapes[i]));
    }
    assert_int_equal(rg_params_status(theta), RG_OK);
    assert_string_equal(rg_params_message(theta), "");
    rg_params_free(theta);
}

static void a_new_parameter_is_zero_and_the_others_stay(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    int64_t expected = 0;
    for (int i = 0; i < 200; i++) {
        char name[24];
        snprintf(name, sizeof name, "p%d", i);
        uint64_t version = rg_params_version(theta);
        rg_param p = rg_params_add(theta, name, RG_SHAPE(i % 7, 3));
        assert_true(rg_params_version(theta) > version);
        double *data = rg_params_data(theta);
        for (int64_t k = 0; k < expected; k++) assert_true(data[k] == (double)k);
        for (int64_t k = expected; k < rg_params_count(theta); k++) assert_true(data[k] == 0);
        assert_int_equal(rg_param_offset(p), expected);
        expected += i % 7 * 3;
        for (int64_t k = 0; k < expected; k++) data[k] = (double)k;
    }
    assert_int_equal(rg_params_count(theta), expected);
    rg_params_free(theta);
}

static void a_leaf_reads_theta_where_it_is(void **state)
{
    (void)state;
    rg_params *theta = STORE(2, 3);
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 5; step++) {
        rg_tensor b = rg_parameter(tape, rg_params_find(theta, "b"));
        assert_shape(b, RG_SHAPE(3));
        assert_int_equal(rg_dtype_of(b), RG_F64);
        assert_exactly(b, 3 + step, 4 + step, 5 + step);
        assert_exactly(rg_sum(b), 12 + 3 * step);
        assert_ptr_equal(rg_data(b), (double *)rg_params_data(theta) + 2);
        assert_int_equal(rg_parameter(tape, rg_params_find(theta, "b")).node, b.node);
        for (int i = 0; i < 5; i++) ((double *)rg_params_data(theta))[i] += 1;
        rg_params_changed(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void parameters_without_elements_are_parameters(void **state)
{
    (void)state;
    rg_params *theta = rg_params_new(RG_F64, 1);
    rg_param none = rg_params_add(theta, "none", RG_SHAPE(0, 3));
    rg_tape *tape = rg_tape_new();
    for (int step = 0; step < 4; step++) {
        rg_tensor p = rg_parameter(tape, none), sum = rg_sum(rg_square(p));
        assert_shape(p, RG_SHAPE(0, 3));
        assert_int_equal(rg_backward(sum), RG_OK);
        assert_exactly(sum, 0);
        assert_non_null(rg_data(p));
        assert_int_equal(rg_read(p, NULL, 0), RG_OK);
        rg_params_consume_gradient(theta);
        rg_tape_reset(tape);
    }
    assert_fine(tape);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void versions_count_changes(void **state)
{
    (void)state;
    rg_params *theta = STORE(2);
    uint64_t version = rg_params_version(theta);
    rg_params_gradient(theta);
    rg_params_zero_gradient(theta);
    rg_params_consume_gradient(theta);
    rg_params_draw(theta);
    assert_true(rg_params_version(theta) == version);
    rg_params_changed(theta);
    assert_true(rg_params_version(theta) == version + 1);
    rg_params_free(theta);
}

/* ---- Misuse ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    rg_shape shape;
    rg_status status;
    const char *message;
} bad_add;

static void a_bad_parameter_sticks_to_the_store_and_to_its_tapes(void **state)
{
    (void)state;
    const bad_add cases[] = {
        { NULL, RG_SHAPE(2), RG_E_NULL, "parameter (no name): a parameter needs a name" },
        { "", RG_SHAPE(2), RG_E_NULL, "a parameter needs a name" },
        { "a", RG_SHAPE(3), RG_E_ARGUMENT, "parameter a: the name is taken" },
        { "c", RG_SHAPE(2, -1), RG_E_SHAPE, "parameter c: a malformed or too large shape" },
        { "d", { .rank = 9 }, RG_E_SHAPE, "parameter d: a malformed or too large shape" },
        { "e", { .rank = -1 }, RG_E_SHAPE, "parameter e: a malformed or too large shape" },
        { "g", RG_SHAPE(INT64_MAX / 128), RG_E_MEMORY, "parameter g: out of memory" },
        { "f", RG_SHAPE((int64_t)1 << 40, (int64_t)1 << 40), RG_E_SHAPE, "parameter f: a malformed or too large shape" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        rg_params *theta = STORE(2, 2);
        rg_tape *tape = rg_tape_new();
        rg_param bad = rg_params_add(theta, cases[i].name, cases[i].shape);
        assert_null(bad.store);
        assert_int_equal(rg_params_status(theta), cases[i].status);
        assert_non_null(strstr(rg_params_message(theta), cases[i].message));
        assert_null(rg_params_add(theta, "later", RG_SHAPE(1)).store); /* the first error stays */
        assert_int_equal(rg_params_status(theta), cases[i].status);
        assert_int_equal(rg_params_size(theta), 2);
        assert_true(rg_is_null(rg_parameter(tape, rg_params_at(theta, 0))));
        assert_int_equal(rg_tape_status(tape), cases[i].status);
        assert_non_null(strstr(rg_message(tape), "test_params.c:"));
        assert_non_null(strstr(rg_message(tape), cases[i].message));
        rg_tape_clear_error(tape);
        assert_exactly(rg_scalar(tape, RG_F64, 1), 1);
        rg_tape_free(tape);
        rg_params_free(theta);
    }
}

static void the_null_store_and_the_null_parameter_are_harmless(void **state)
{
    (void)state;
    assert_null(rg_params_new(RG_I32, 1));
    assert_null(rg_params_new(RG_NO_DTYPE, 1));
    assert_null(rg_params_new((rg_dtype)77, 1));
    rg_params_free(NULL);
    assert_null(rg_params_add(NULL, "a", RG_SCALAR).store);
    assert_null(rg_params_find(NULL, "a").store);
    assert_null(rg_params_at(NULL, 0).store);
    assert_int_equal(rg_params_size(NULL), 0);
    assert_int_equal(rg_params_count(NULL), 0);
    assert_int_equal(rg_params_dtype(NULL), RG_NO_DTYPE);
    assert_int_equal(rg_params_seed(NULL), 0);
    assert_null(rg_params_data(NULL));
    assert_null(rg_params_gradient(NULL));
    rg_params_changed(NULL);
    rg_params_zero_gradient(NULL);
    rg_params_consume_gradient(NULL);
    rg_params_set_random_counter(NULL, 3);
    rg_params_fail(NULL, RG_E_FILE, "nothing");
    assert_false(rg_params_gradient_ready(NULL));
    assert_int_equal(rg_params_version(NULL), 0);
    assert_int_equal(rg_params_draw(NULL), 0);
    assert_int_equal(rg_params_random_counter(NULL), 0);
    assert_int_equal(rg_params_status(NULL), RG_E_NULL);
    assert_true(strlen(rg_params_message(NULL)) > 0);
    const rg_param null = { 0 };
    assert_string_equal(rg_param_name(null), "");
    assert_int_equal(rg_param_shape(null).rank, 0);
    assert_int_equal(rg_param_offset(null), 0);
    rg_params *theta = STORE(1);
    assert_null(rg_params_find(theta, NULL).store);
    assert_null(rg_params_find(theta, "b").store);
    assert_null(rg_params_at(theta, 1).store);
    rg_tape *tape = rg_tape_new();
    assert_true(rg_is_null(rg_parameter(tape, null)));
    assert_int_equal(rg_tape_status(tape), RG_E_NULL);
    rg_tape_clear_error(tape);
    assert_true(rg_is_null(rg_parameter(tape, (rg_param){ theta, 5 })));
    assert_int_equal(rg_tape_status(tape), RG_E_ARGUMENT);
    rg_tape_free(tape);
    rg_params_free(theta);
}

static void a_store_can_be_made_to_fail(void **state)
{
    (void)state;
    rg_params *theta = STORE(1);
    rg_params_fail(theta, RG_OK, "no");
    assert_int_equal(rg_params_status(theta), RG_OK);
    rg_params_fail(theta, RG_E_FILE, "%s is %d bytes short", "model.safetensors", 7);
    rg_params_fail(theta, RG_E_FORMAT, "too late");
    assert_int_equal(rg_params_status(theta), RG_E_FILE);
    assert_string_equal(rg_params_message(theta), "model.safetensors is 7 bytes short");
    rg_params_free(theta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_views_of_one_vector),
        cmocka_unit_test(a_new_parameter_is_zero_and_the_others_stay),
        cmocka_unit_test(a_leaf_reads_theta_where_it_is),
        cmocka_unit_test(parameters_without_elements_are_parameters),
        cmocka_unit_test(versions_count_changes),
        cmocka_unit_test(a_bad_parameter_sticks_to_the_store_and_to_its_tapes),
        cmocka_unit_test(the_null_store_and_the_null_parameter_are_harmless),
        cmocka_unit_test(a_store_can_be_made_to_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
