/* A state on disk is a safetensors file: the bytes are fixed, what is saved comes back, and no malformed file is
 * believed. */
#define _XOPEN_SOURCE 700
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "nn.h"
#include "safetensors_files.h"

/* ---- Bytes --------------------------------------------------------------------------------------------------- */

static rg_nn_state *small_state(void)
{
    static const int32_t labels[] = { 7, -1, 2 };
    static const double rate[] = { 0.5 };
    static const float weight[] = { 1.0F, -2.0F, 0.0F, 4.0F, 5.0F, 6.0F };
    rg_nn_state *state = rg_nn_state_new();
    rg_nn_state_add(state, "labels", RG_I32, RG_SHAPE(3), labels);
    rg_nn_state_add_borrowed(state, "rate", RG_F64, RG_SCALAR, rate);
    rg_nn_state_add_borrowed(state, "fc1.weight", RG_F32, RG_SHAPE(2, 3), weight);
    rg_nn_state_set_text(state, "note", "a \"quoted\" \\ line\n");
    rg_nn_state_set_integer(state, "step", 100);
    return state;
}

static const char small_header[] =
    "{\"__metadata__\":{\"note\":\"a \\\"quoted\\\" \\\\ line\\u000a\",\"step\":\"100\","
    "\"xxh3:rate\":\"5da9c77a7c72de31\",\"xxh3:labels\":\"cfd30510b8c5fc7f\",\"xxh3:fc1.weight\":\"8b85daad9d494cf3\"},"
    "\"rate\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
    "\"labels\":{\"dtype\":\"I32\",\"shape\":[3],\"data_offsets\":[8,20]},"
    "\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[20,44]}}";

static const unsigned char small_data[44] = {
    0, 0, 0, 0, 0, 0, 0xE0, 0x3F,                                 /* 0.5 */
    7, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0,               /* 7, -1, 2 */
    0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0, 0,                  /* 1, -2, 0 */
    0, 0, 0x80, 0x40, 0, 0, 0xA0, 0x40, 0, 0, 0xC0, 0x40,         /* 4, 5, 6 */
};

static void the_bytes_of_a_file_are_fixed(void **unused)
{
    (void)unused;
    rg_nn_state *state = small_state();
    rg_error error;
    assert_int_equal(rg_nn_state_save(state, path_of("small"), &error), RG_OK);
    rg_nn_state_free(state);

    size_t count, header = (sizeof small_header - 1 + 7) / 8 * 8;
    unsigned char *bytes = read_bytes("small", &count);
    assert_int_equal(count, 8 + header + sizeof small_data);
    for (int i = 0; i < 8; i++) assert_int_equal(bytes[i], header >> 8 * i & 0xFF);
    assert_memory_equal(bytes + 8, small_header, sizeof small_header - 1);
    for (size_t i = sizeof small_header - 1; i < header; i++) assert_int_equal(bytes[8 + i], ' ');
    assert_memory_equal(bytes + 8 + header, small_data, sizeof small_data);
    free(bytes);
}

static void saving_what_was_loaded_gives_the_same_bytes(void **unused)
{
    (void)unused;
    rg_nn_state *state = small_state();
    assert_int_equal(rg_nn_state_save(state, path_of("first"), NULL), RG_OK);
    rg_nn_state_free(state);
    state = rg_nn_state_load(path_of("first"), NULL);
    assert_non_null(state);
    assert_int_equal(rg_nn_state_save(state, path_of("second"), NULL), RG_OK);
    rg_nn_state_free(state);

    size_t first_count, second_count;
    unsigned char *first = read_bytes("first", &first_count), *second = read_bytes("second", &second_count);
    assert_int_equal(first_count, second_count);
    assert_memory_equal(first, second, first_count);
    free(first);
    free(second);
}

/* ---- Round trips --------------------------------------------------------------------------------------------- */

static void every_dtype_rank_and_name_comes_back(void **unused)
{
    (void)unused;
    static const rg_dtype dtypes[] = { RG_F32, RG_F64, RG_I32, RG_I64 };
    static const char *const names[] = { "plain", "with \"quotes\" and \\", "tab\tand\nline", "größe·重み", "a:b/c" };
    unsigned char bytes[8 * 256];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 37);
    rg_nn_state *state = rg_nn_state_new();
    for (int d = 0; d < 4; d++)
        for (int rank = 0; rank <= RG_MAX_RANK; rank++) {
            char name[80];
            rg_shape shape = { .rank = rank };
            for (int i = 0; i < rank; i++) shape.size[i] = i == 3 && d == 0 ? 0 : 1 + i % 3;
            snprintf(name, sizeof name, "%s %d %d", names[(d + rank) % 5], d, rank);
            assert_int_equal(rg_nn_state_add(state, name, dtypes[d], shape, bytes), RG_OK);
        }
    assert_int_equal(rg_nn_state_set_text(state, names[1], names[3]), RG_OK);
    assert_int_equal(rg_nn_state_save(state, path_of("all"), NULL), RG_OK);

    rg_error error;
    rg_nn_state *loaded = rg_nn_state_load(path_of("all"), &error);
    assert_non_null(loaded);
    assert_int_equal(rg_nn_state_count(loaded), 4 * (RG_MAX_RANK + 1));
    for (size_t i = 0; i < rg_nn_state_count(state); i++) {
        rg_nn_state_tensor a = rg_nn_state_at(state, i), b = rg_nn_state_find(loaded, a.name);
        assert_string_equal(a.name, b.name);
        assert_int_equal(a.dtype, b.dtype);
        assert_true(rg_shape_equal(a.shape, b.shape));
        assert_int_equal(a.bytes, b.bytes);
        assert_non_null(b.data);
        assert_int_equal((uintptr_t)b.data % 64, 0);
        if (a.bytes > 0) assert_memory_equal(a.data, b.data, a.bytes);
    }
    assert_string_equal(rg_nn_state_get_text(loaded, names[1]), names[3]);
    assert_null(rg_nn_state_get_text(loaded, "xxh3:plain 0 0"));
    rg_nn_state_free(state);
    rg_nn_state_free(loaded);
}

static void an_empty_state_is_a_file_too(void **unused)
{
    (void)unused;
    rg_nn_state *state = rg_nn_state_new();
    assert_int_equal(rg_nn_state_save(state, path_of("empty"), NULL), RG_OK);
    rg_nn_state_free(state);
    state = rg_nn_state_load(path_of("empty"), NULL);
    assert_non_null(state);
    assert_int_equal(rg_nn_state_count(state), 0);
    rg_nn_state_free(state);
}

static void files_of_other_programs_are_read(void **unused)
{
    (void)unused;
    /* No metadata, spaces and escapes, data not in the order of the header, and not aligned. */
    static const char header[] = "{ \"b\\u00e9\" : {\"shape\":[1], \"data_offsets\":[5e0,13],\n\"dtype\":\"F64\"},"
                                 "\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[1,5]},"
                                 "\"none\":{\"dtype\":\"F32\",\"shape\":[0,9],\"data_offsets\":[5,5]},"
                                 "\"first\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]}}   ";
    static const char odd[] = "{\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                              "\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}";
    rg_error error;
    write_safetensors("foreign", header, sizeof header - 1, 13);
    assert_null(rg_nn_state_load(path_of("foreign"), &error)); /* byte 0 belongs to nothing */
    write_safetensors("foreign", odd, sizeof odd - 1, 12);
    rg_nn_state *state = rg_nn_state_load(path_of("foreign"), &error);
    assert_non_null(state);
    assert_string_equal(rg_nn_state_at(state, 0).name, "a");
    assert_int_equal(*(const int32_t *)rg_nn_state_at(state, 0).data, 0x0B0A0908);
    uint64_t bits;
    memcpy(&bits, rg_nn_state_at(state, 1).data, sizeof bits);
    assert_int_equal(bits, UINT64_C(0x0706050403020100));
    rg_nn_state_free(state);
}

static void integers_are_decimal_strings(void **unused)
{
    (void)unused;
    rg_nn_state *state = rg_nn_state_new();
    uint64_t value = 5;
    rg_nn_state_set_integer(state, "seed", UINT64_MAX);
    assert_string_equal(rg_nn_state_get_text(state, "seed"), "18446744073709551615");
    assert_true(rg_nn_state_get_integer(state, "seed", &value));
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = { "", "18446744073709551616", "-1", "1.0", " 1", "12a" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rg_nn_state_set_text(state, "seed", bad[i]);
        assert_false(rg_nn_state_get_integer(state, "seed", &value));
    }
    assert_true(value == UINT64_MAX);
    assert_false(rg_nn_state_get_integer(state, "absent", &value));
    rg_nn_state_free(state);
}

/* ---- Malformed files ----------------------------------------------------------------------------------------- */

#define W "\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define V(begin, end) "\"v\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[" #begin "," #end "]}"
#define ONE(dtype, shape, offsets)                                                                             \
    "{\"w\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define F32 "\"F32\""

static const struct {
    const char *header;
    size_t data;
    rg_status status;
    const char *message;
} malformed[] = {
    { "[]", 0, RG_E_FORMAT, "the header does not begin with {" },
    { " {}", 0, RG_E_FORMAT, "the header does not begin with {" },
    { "{ ", 0, RG_E_FORMAT, "the header is not JSON near its byte " },
    { "{" W, 8, RG_E_FORMAT, "the header is not JSON near its byte " },
    { "{" W ",}", 8, RG_E_FORMAT, "the header is not JSON near its byte " },
    { "{" W "} x", 8, RG_E_FORMAT, "the header goes on after its JSON" },
    { "{" W "}\n", 8, RG_E_FORMAT, "the header goes on after its JSON" },
    { "{\"\xC3(\":1}", 8, RG_E_FORMAT, "the header is not UTF-8" },
    { "{\"\xED\xA0\x80\":1}", 8, RG_E_FORMAT, "the header is not UTF-8" },
    { "{\"\xC0\xAF\":1}", 8, RG_E_FORMAT, "the header is not UTF-8" },
    { "{\"a\x01\":1}", 8, RG_E_FORMAT, "the header holds a control character" },
    { "{\"a\\u0000b\":1}", 8, RG_E_FORMAT, "the header holds a null character" },
    { "{\"w\":1}", 0, RG_E_FORMAT, "tensor \"w\": should have dtype, shape and data_offsets" },
    { "{\"w\":{}}", 0, RG_E_FORMAT, "tensor \"w\": should have dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, RG_E_FORMAT,
      "tensor \"w\": should have dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}", 8, RG_E_FORMAT,
      "tensor \"w\": should have dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2]}}", 8, RG_E_FORMAT,
      "tensor \"w\": should have dtype, shape and data_offsets" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"Data_offsets\":[0,8]}}", 8, RG_E_FORMAT,
      "tensor \"w\": should have dtype, shape and data_offsets" },
    { "{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, RG_E_FORMAT, "a tensor has an empty name" },
    { ONE("3", "[2]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": dtype is not a string" },
    { ONE("\"BF16\"", "[4]", "[0,8]"), 8, RG_E_DTYPE, "tensor \"w\": dtype BF16 is not F32, F64, I32 or I64" },
    { ONE("\"f32\"", "[2]", "[0,8]"), 8, RG_E_DTYPE, "tensor \"w\": dtype f32 is not F32, F64, I32 or I64" },
    { ONE("\"\\u001b\"", "[2]", "[0,8]"), 8, RG_E_DTYPE, "tensor \"w\": dtype ? is not F32, F64, I32 or I64" },
    { ONE(F32, "2", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": shape is not a list" },
    { ONE(F32, "[\"2\"]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": shape holds something else than sizes" },
    { ONE(F32, "[-2]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": shape holds something else than sizes" },
    { ONE(F32, "[2.5]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": shape holds something else than sizes" },
    { ONE(F32, "[1e300]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": shape holds something else than sizes" },
    { ONE(F32, "[1e999]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": shape holds something else than sizes" },
    { ONE(F32, "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, RG_E_SHAPE, "tensor \"w\": more than 8 dimensions" },
    { ONE(F32, "[3]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": its shape does not fit its bytes" },
    { ONE(F32, "[0]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": its shape does not fit its bytes" },
    { ONE("\"I64\"", "[2]", "[0,8]"), 8, RG_E_FORMAT, "tensor \"w\": its shape does not fit its bytes" },
    { ONE(F32, "[4294967296,4294967296,2]", "[0,8]"), 8, RG_E_FORMAT,
      "tensor \"w\": its shape does not fit its bytes" },
    { ONE(F32, "[4611686018427387906]", "[0,8]"), 8, RG_E_FORMAT,
      "tensor \"w\": shape holds something else than sizes" },
    { ONE(F32, "[2]", "8"), 8, RG_E_FORMAT, "tensor \"w\": data_offsets are not two offsets" },
    { ONE(F32, "[2]", "[8]"), 8, RG_E_FORMAT, "tensor \"w\": data_offsets are not two offsets" },
    { ONE(F32, "[2]", "[0,8,9]"), 8, RG_E_FORMAT, "tensor \"w\": data_offsets are not two offsets" },
    { ONE(F32, "[2]", "[-8,0]"), 8, RG_E_FORMAT, "tensor \"w\": data_offsets are not two offsets" },
    { ONE(F32, "[2]", "[8,0]"), 8, RG_E_FORMAT, "tensor \"w\": ends before it begins" },
    { ONE(F32, "[2]", "[0,8]"), 7, RG_E_FORMAT, "tensor \"w\": reaches beyond the end of the file" },
    { ONE(F32, "[2]", "[9007199254740984,9007199254740992]"), 8, RG_E_FORMAT,
      "tensor \"w\": reaches beyond the end of the file" },
    { ONE(F32, "[2]", "[0,8]"), 9, RG_E_FORMAT, "1 bytes at the end belong to no tensor" },
    { "{}", 3, RG_E_FORMAT, "3 bytes at the end belong to no tensor" },
    { ONE(F32, "[2]", "[4,12]"), 12, RG_E_FORMAT, "tensor \"w\": begins after a gap" },
    { "{" W "," V(4, 8) "}", 8, RG_E_FORMAT, "tensor \"v\": overlaps another" },
    { "{" W "," V(0, 4) "}", 8, RG_E_FORMAT, "tensor \"w\": overlaps another" },
    { "{" W "," V(12, 16) "}", 16, RG_E_FORMAT, "tensor \"v\": begins after a gap" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}," W "}", 12, RG_E_FORMAT,
      "tensor \"w\": the name occurs twice" },
    { "{\"__metadata__\":[]," W "}", 8, RG_E_FORMAT, "__metadata__ is not an object" },
    { "{\"__metadata__\":{},\"__metadata__\":{}," W "}", 8, RG_E_FORMAT, "__metadata__ occurs twice" },
    { "{\"__metadata__\":{\"epoch\":3}," W "}", 8, RG_E_FORMAT, "metadata \"epoch\": not a string" },
    { "{\"__metadata__\":{\"a\":\"1\",\"b\":\"\",\"a\":\"2\"}," W "}", 8, RG_E_FORMAT,
      "metadata \"a\": the key occurs twice" },
    { "{\"__metadata__\":{\"xxh3:v\":\"0123456789abcdef\"}," W "}", 8, RG_E_FORMAT,
      "metadata \"xxh3:v\": a checksum of a tensor that is not there" },
    { "{\"__metadata__\":{\"xxh3:w\":\"0123456789abcdef\"}," W "}", 8, RG_E_FORMAT,
      "tensor \"w\": damaged: its bytes do not have the checksum of the metadata" },
    { "{\"__metadata__\":{\"xxh3:w\":\"\"}," W "}", 8, RG_E_FORMAT,
      "tensor \"w\": damaged: its bytes do not have the checksum of the metadata" },
};

/* A message that ends in a space goes on with a number that is the JSON parser's own affair. */
static void check_refused(const char *name, rg_status status, const char *message)
{
    char wanted[RG_MESSAGE_SIZE];
    rg_error error = { .status = RG_OK };
    snprintf(wanted, sizeof wanted, "%s: %s", path_of(name), message);
    assert_null(rg_nn_state_load(path_of(name), &error));
    size_t length = strlen(wanted);
    if (wanted[length - 1] == ' ') error.message[length] = '\0';
    assert_string_equal(error.message, wanted);
    assert_int_equal(error.status, status);
    assert_null(rg_nn_state_load(path_of(name), NULL));
}

static void malformed_headers_are_refused_by_name(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        write_safetensors("bad", malformed[i].header, strlen(malformed[i].header), malformed[i].data);
        check_refused("bad", malformed[i].status, malformed[i].message);
    }
}

static void malformed_lengths_are_refused_before_they_are_believed(void **unused)
{
    (void)unused;
    static const unsigned char much[] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, '{', '}' };
    static const unsigned char more[] = { 3, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
    static const unsigned char none[] = { 0, 0, 0, 0, 0, 0, 0, 0, '{', '}' };
    static const unsigned char large[] = { 1, 0xE1, 0xF5, 5, 0, 0, 0, 0, '{' }; /* 100000001 */
    write_bytes("bad", more, 0);
    check_refused("bad", RG_E_FORMAT, "too short for a safetensors file");
    write_bytes("bad", more, 7);
    check_refused("bad", RG_E_FORMAT, "too short for a safetensors file");
    write_bytes("bad", more, sizeof more);
    check_refused("bad", RG_E_FORMAT, "the header should have 3 bytes, and the file has only 10");
    write_bytes("bad", much, sizeof much);
    check_refused("bad", RG_E_FORMAT, "the header should have 18446744073709551615 bytes, and the file has only 10");
    write_bytes("bad", none, sizeof none);
    check_refused("bad", RG_E_FORMAT, "the header is empty");
    write_bytes("bad", large, sizeof large);
    assert_int_equal(truncate(path_of("bad"), 100000016), 0);
    check_refused("bad", RG_E_FORMAT, "the header is larger than 100 MB");
    remove(path_of("bad"));
}

static void what_is_no_file_is_refused(void **unused)
{
    (void)unused;
    check_refused("absent", RG_E_FILE, "cannot be opened: No such file or directory");
    check_refused("", RG_E_FILE, "not a regular file");
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    check_refused("pipe", RG_E_FILE, "not a regular file");
    rg_error error;
    assert_null(rg_nn_state_load(NULL, &error));
    assert_int_equal(error.status, RG_E_NULL);
}

/* Deep nesting is the parser's own limit; long names are cut in messages, not in files. */
static void extreme_headers_are_survived(void **unused)
{
    (void)unused;
    size_t length = 200000;
    char *header = malloc(length);
    memset(header, '[', length);
    memcpy(header, "{\"w\":", 5);
    write_safetensors("deep", header, length, 0);
    assert_null(rg_nn_state_load(path_of("deep"), NULL));

    memset(header, 'n', length);
    memcpy(header, "{\"", 2);
    memcpy(header + length - 4, "\":1}", 4);
    write_safetensors("long", header, length, 0);
    rg_error error;
    assert_null(rg_nn_state_load(path_of("long"), &error));
    assert_non_null(strstr(error.message, "tensor \"...nnn"));
    assert_non_null(strstr(error.message, "nnn\": should have dtype, shape and data_offsets"));
    free(header);
}

static void every_truncation_is_noticed_and_no_changed_byte_crashes(void **unused)
{
    (void)unused;
    rg_nn_state *state = small_state();
    rg_nn_state_save(state, path_of("whole"), NULL);
    rg_nn_state_free(state);
    size_t count;
    unsigned char *bytes = read_bytes("whole", &count);
    size_t data = count - sizeof small_data;
    for (size_t i = 0; i < count; i++) {
        write_bytes("cut", bytes, i);
        assert_null(rg_nn_state_load(path_of("cut"), NULL));
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1 << bit);
            write_bytes("changed", bytes, count);
            bytes[i] ^= (unsigned char)(1 << bit);
            state = rg_nn_state_load(path_of("changed"), NULL);
            if (i >= data) assert_null(state);
            rg_nn_state_free(state);
        }
    }
    free(bytes);
}

/* ---- What a state refuses ------------------------------------------------------------------------------------ */

static void a_bad_tensor_or_text_sticks_to_the_state(void **unused)
{
    (void)unused;
    static const double x[] = { 1.0, 2.0 };
    const struct {
        const char *name;
        rg_dtype dtype;
        rg_shape shape;
        const void *data;
        rg_status status;
        const char *message;
    } bad[] = {
        { NULL, RG_F64, RG_SHAPE(2), x, RG_E_NULL, "tensor \"\": no name" },
        { "", RG_F64, RG_SHAPE(2), x, RG_E_ARGUMENT, "tensor \"\": the name is empty" },
        { "a\xFF", RG_F64, RG_SHAPE(2), x, RG_E_ARGUMENT, "tensor \"a\xFF\": the name is not UTF-8" },
        { "__metadata__", RG_F64, RG_SHAPE(2), x, RG_E_ARGUMENT, "tensor \"__metadata__\": the name is reserved" },
        { "good", RG_F64, RG_SHAPE(2), x, RG_E_ARGUMENT, "tensor \"good\": the name is taken" },
        { "x", RG_NO_DTYPE, RG_SHAPE(2), x, RG_E_DTYPE, "tensor \"x\": not a dtype" },
        { "x", RG_F64, RG_SHAPE(-2), x, RG_E_SHAPE, "tensor \"x\": a malformed or too large shape" },
        { "x", RG_F64, RG_SHAPE(2), NULL, RG_E_NULL, "tensor \"x\": no data" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rg_nn_state *state = rg_nn_state_new();
        rg_error error;
        assert_int_equal(rg_nn_state_add(state, "good", RG_F64, RG_SHAPE(2), x), RG_OK);
        assert_int_equal(rg_nn_state_add(state, bad[i].name, bad[i].dtype, bad[i].shape, bad[i].data), bad[i].status);
        assert_string_equal(rg_nn_state_message(state), bad[i].message);
        assert_int_equal(rg_nn_state_add(state, "later", RG_F64, RG_SHAPE(2), x), bad[i].status);
        assert_int_equal(rg_nn_state_save(state, path_of("never"), &error), bad[i].status);
        assert_int_equal(rg_nn_state_count(state), 1);
        assert_int_not_equal(access(path_of("never"), F_OK), 0);
        rg_nn_state_free(state);
    }
    static const char *const texts[][2] = {
        { NULL, "" }, { "a", NULL }, { "\xFF", "" }, { "a", "\xFF" }, { "xxh3:a", "" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rg_nn_state *state = rg_nn_state_new();
        rg_status wanted = texts[i][0] && texts[i][1] ? RG_E_ARGUMENT : RG_E_NULL;
        assert_int_equal(rg_nn_state_set_text(state, texts[i][0], texts[i][1]), wanted);
        assert_int_equal(rg_nn_state_status(state), wanted);
        rg_nn_state_free(state);
    }
    assert_int_equal(rg_nn_state_add(NULL, "x", RG_F64, RG_SHAPE(2), x), RG_E_NULL);
    assert_int_equal(rg_nn_state_set_text(NULL, "x", ""), RG_E_NULL);
    assert_int_equal(rg_nn_state_save(NULL, path_of("never"), NULL), RG_E_NULL);
    assert_null(rg_nn_state_find(NULL, "x").name);
    rg_nn_state_free(NULL);
}

static void a_tensor_is_copied_or_borrowed(void **unused)
{
    (void)unused;
    int32_t numbers[] = { 1, 2 };
    rg_nn_state *state = rg_nn_state_new();
    rg_nn_state_add(state, "copied", RG_I32, RG_SHAPE(2), numbers);
    rg_nn_state_add_borrowed(state, "borrowed", RG_I32, RG_SHAPE(2), numbers);
    numbers[0] = 3;
    assert_int_equal(*(const int32_t *)rg_nn_state_find(state, "copied").data, 1);
    assert_int_equal(*(const int32_t *)rg_nn_state_find(state, "borrowed").data, 3);
    rg_nn_state_free(state);
}

static void a_text_set_again_is_replaced_in_its_place(void **unused)
{
    (void)unused;
    rg_nn_state *state = rg_nn_state_new();
    rg_nn_state_set_text(state, "a", "1");
    rg_nn_state_set_text(state, "b", "2");
    rg_nn_state_set_text(state, "a", "3");
    rg_nn_state_save(state, path_of("texts"), NULL);
    rg_nn_state_free(state);
    size_t count;
    unsigned char *bytes = read_bytes("texts", &count);
    assert_non_null(strstr((char *)bytes + 8, "{\"__metadata__\":{\"a\":\"3\",\"b\":\"2\"}}"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_a_file_are_fixed),
        cmocka_unit_test(saving_what_was_loaded_gives_the_same_bytes),
        cmocka_unit_test(every_dtype_rank_and_name_comes_back),
        cmocka_unit_test(an_empty_state_is_a_file_too),
        cmocka_unit_test(files_of_other_programs_are_read),
        cmocka_unit_test(integers_are_decimal_strings),
        cmocka_unit_test(malformed_headers_are_refused_by_name),
        cmocka_unit_test(malformed_lengths_are_refused_before_they_are_believed),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(extreme_headers_are_survived),
        cmocka_unit_test(every_truncation_is_noticed_and_no_changed_byte_crashes),
        cmocka_unit_test(a_bad_tensor_or_text_sticks_to_the_state),
        cmocka_unit_test(a_tensor_is_copied_or_borrowed),
        cmocka_unit_test(a_text_set_again_is_replaced_in_its_place),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
