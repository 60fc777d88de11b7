/* No bytes whatever make a loader misbehave: the fuzz target over seeds, each cut short everywhere, and thousands of
 * random changes of each. Deterministic. */
#define _POSIX_C_SOURCE 200809L
#include "data_files.h"
#include "fuzz_data.c"

enum { CHANGES_OF_EACH = 3000, ROOM = 512 };

typedef struct {
    unsigned choice; /* of the target's options */
    const char *bytes;
    size_t size;
} seed;

#define SEED(choice, text) { choice, text, sizeof text - 1 }

static const seed seeds[] = {
    SEED(0, "length,width,species\n5.1,3.5,setosa\n7,3.2,versicolor\n4.9,3,setosa\n"),
    SEED(0, "\xef\xbb\xbf# comment\r\n\r\nx;y;z\r\n\"1\"; 2.5e-3 ;u\r\n\"3\";4;\"\"\"q\"\"\"\r\n"),
    SEED(1, "1\t2\t3\n4\t5\t-6\n7\t8\t9"),
    SEED(128 | 256, "1,a\n2,b\n3,7\n4,b\n"),
    SEED(128 | 1, "1,0\n2,2\n3,+1\n"),
    SEED(6, "\"a \"\"b\"\"\",\"c\nd\"\n1,123456789012345678901234567890.25e-12\n"),
    SEED(3 << 5, "x,y,z\n1,10,2\n3,20,4\n5,10,6\n"),
    SEED(0x8000 | 11, "\0\0\x08\x03\0\0\0\x03\0\0\0\x01\0\0\0\x02" "abcdef" "\0\0\x08\x01\0\0\0\x03" "\0\x02\x01"),
    SEED(0x8000, "\0\0\x08\x02\0\0\0\x02\0\0\0\x03" "abcdef"),
    SEED(0x8000 | 256 | 512 | 9, "\0\0\x08\x02\0\0\0\x01\0\0\0\x01" "a" "\0\0\x08\x01\0\0\0\x01" "\x09"),
};

static void run(unsigned choice, const void *bytes, size_t size)
{
    /* In a block of its own size, so that a sanitizer sees a step beyond it. */
    uint8_t *input = malloc(size + 2);
    assert_non_null(input);
    input[0] = (uint8_t)choice;
    input[1] = (uint8_t)(choice >> 8);
    memcpy(input + 2, bytes, size);
    assert_int_equal(LLVMFuzzerTestOneInput(input, size + 2), 0);
    free(input);
}

/* The bytes as gzip; returns their number. */
static size_t compress_seed(const seed *s, uint8_t *out)
{
    z_stream stream = { .next_in = (const Bytef *)s->bytes, .avail_in = (uInt)s->size, .next_out = out };
    stream.avail_out = ROOM;
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t size = ROOM - stream.avail_out;
    deflateEnd(&stream);
    return size;
}

static uint64_t drawn;

static size_t draw(size_t bound)
{
    return (size_t)(rg_random_bits(2026, 0, drawn++) % bound);
}

/* One of: another byte, one byte less, one more, a piece said twice. */
static size_t change(uint8_t *bytes, size_t size)
{
    static const char telling[] = ",;\t\"\n\r#0123456789.-+eE ax\0\xff";
    size_t at = draw(size ? size : 1), length = draw(8);
    uint8_t byte = draw(2) ? (uint8_t)telling[draw(sizeof telling)] : (uint8_t)draw(256);
    switch (draw(4)) {
    case 0:
        if (size) bytes[at] = byte;
        return size;
    case 1:
        if (size == 0) return 0;
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size - 1;
    case 2:
        memmove(bytes + at + 1, bytes + at, size - at);
        bytes[at] = byte;
        return size + 1;
    default:
        if (length > size - at) length = size - at;
        memmove(bytes + at + length, bytes + at, size - at);
        return size + length;
    }
}

static void run_changes(unsigned choice, const uint8_t *bytes, size_t size, int count)
{
    for (size_t cut = 0; cut <= size; cut++) run(choice, bytes, cut);
    for (int i = 0; i < count; i++) {
        uint8_t changed[ROOM + 128];
        size_t now = size;
        memcpy(changed, bytes, size);
        for (size_t changes = 1 + draw(8); changes > 0; changes--) now = change(changed, now);
        run(draw(4) ? choice : (choice & 0x8000) | (unsigned)draw(0x8000), changed, now);
    }
}

static void any_bytes_give_a_sound_set_or_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        run_changes(seeds[i].choice, (const uint8_t *)seeds[i].bytes, seeds[i].size, CHANGES_OF_EACH);
}

static void and_so_do_any_compressed_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        uint8_t compressed[ROOM];
        size_t size = compress_seed(&seeds[i], compressed);
        unsigned choice = seeds[i].choice & 0x8000 ? 0x8000 : seeds[i].choice;
        run_changes(choice, compressed, size, CHANGES_OF_EACH / 10);
    }
}

/* The seeds are good files: else their changes would test little but the first check. */
static void the_seeds_themselves_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        rg_error error;
        rg_data_set set;
        const uint8_t *bytes = (const uint8_t *)seeds[i].bytes;
        rg_status status = seeds[i].choice & 0x8000 ? load_idx(bytes, seeds[i].size, seeds[i].choice, &set, &error)
                                                    : load_csv(bytes, seeds[i].size, seeds[i].choice, &set, &error);
        assert_ok(status, &error);
        rg_data_free(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seeds_themselves_load),
        cmocka_unit_test(any_bytes_give_a_sound_set_or_an_error),
        cmocka_unit_test(and_so_do_any_compressed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
