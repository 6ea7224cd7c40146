#include "protocol/digits.h"
#include "tests/support.h"

static const struct {
    struct bytes bytes;
    const char *digits;
} PAIRS[] = {
    {{(const uint8_t *)"", 0}, ""},
    {{(const uint8_t *)"\x00", 1}, "000"},
    {{(const uint8_t *)"\xff", 1}, "255"},
    {{(const uint8_t *)"\x01\x00", 2}, "00001"},
    {{(const uint8_t *)"\x00\x01", 2}, "00256"},
    {{(const uint8_t *)"\xff\xff\xff", 3}, "16777215"},
    {{(const uint8_t *)"\xff\xff\xff\xff", 4}, "4294967295"},
    {{(const uint8_t *)"\xff\xff\xff\xff\xff", 5}, "1099511627775"},
    {{(const uint8_t *)"\xff\xff\xff\xff\xff\xff", 6}, "281474976710655"},
    {{(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff", 7}, "72057594037927935"},
    {{(const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07", 7}, "01976943448883713"},
    {{(const uint8_t *)"\x01\x02\x03\x04\x05\x06\x07\x08", 8}, "01976943448883713008"},
};

/* Without this our digits could be read by ourselves only. */
static void known_bytes_are_known_digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        uint8_t there[32], back[32];
        struct buf digits = BUF_OVER(there), bytes = BUF_OVER(back);
        digits_write(&digits, PAIRS[i].bytes);
        assert_string_equal(buf_cstr(&digits), PAIRS[i].digits);
        assert_true(digits_read(&bytes, guarded(0, bytes_str(PAIRS[i].digits))));
        assert_true(bytes_equal(buf_bytes(&bytes), PAIRS[i].bytes));
    }
}

/* Without this some length or value would not come back as it went. */
static void bytes_of_every_length_come_back(void **state)
{
    (void)state;
    struct seeded seed = {1};
    for (size_t len = 0; len <= 247; len++) {
        uint8_t octets[247], there[700], back[247];
        struct buf digits = BUF_OVER(there), bytes = BUF_OVER(back);
        for (size_t i = 0; i < len; i++)
            octets[i] = (uint8_t)seeded_next(&seed);
        digits_write(&digits, guarded(0, bytes_of(octets, len)));
        assert_int_equal(digits.len, digits_length(len));
        assert_true(digits_read(&bytes, guarded(1, buf_bytes(&digits))));
        assert_true(bytes_equal(buf_bytes(&bytes), bytes_of(octets, len)));
    }
    assert_int_equal(digits_length(247), 600);
}

static bool readable(const char *text)
{
    uint8_t storage[64];
    struct buf out = BUF_OVER(storage);
    return digits_read(&out, guarded(0, bytes_str(text)));
}

/* Without this two texts could stand for the same bytes, and a code have two forms. */
static void what_no_bytes_become_is_refused(void **state)
{
    (void)state;
    static const char *const too_large[] = {"256",
                                            "999",
                                            "65536",
                                            "16777216",
                                            "4294967296",
                                            "1099511627776",
                                            "281474976710656",
                                            "72057594037927936",
                                            "99999999999999999",
                                            "72057594037927935256",
                                            "72057594037927936000"};
    for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++)
        assert_false(readable(too_large[i]));

    static const bool possible[17] = {
        [0] = true, [3] = true, [5] = true, [8] = true, [10] = true, [13] = true, [15] = true};
    char zeros[] = "0000000000000000000000000000000000";
    for (size_t len = 0; len < 34; len++) {
        zeros[len] = 0;
        assert_int_equal(readable(zeros), possible[len % 17]);
        zeros[len] = '0';
    }

    static const char *const characters[] = {
        "00/", "00:", " 00", "0 0", "-10", "+10", "0x1", "00\xef", "0000000000000000a"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
        assert_false(readable(characters[i]));
}

/* Without this a long text would overwrite the reader's storage, or be taken for a shorter one. */
static void an_overflow_is_refused(void **state)
{
    (void)state;
    uint8_t storage[8];
    struct buf out = BUF_OVER(storage);
    assert_false(digits_read(&out, BYTES("00000000000000000"
                                         "00000")));
    out = BUF_OVER(storage);
    assert_true(digits_read(&out, BYTES("00000000000000000"
                                        "000")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes_are_known_digits),
        cmocka_unit_test(bytes_of_every_length_come_back),
        cmocka_unit_test(what_no_bytes_become_is_refused),
        cmocka_unit_test(an_overflow_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
