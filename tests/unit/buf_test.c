/* The writer, and the texts it reads and writes. */
#include "base/clock.h"
#include "tests/support.h"

/* Without this a token or a key file would be read as other octets than were written. */
static void base64url_comes_back(void **state)
{
    (void)state;
    struct seeded seed = {1};
    uint8_t octets[100], text[200], back[100];
    for (size_t len = 0; len <= sizeof octets; len++) {
        for (size_t i = 0; i < len; i++)
            octets[i] = (uint8_t)seeded_next(&seed);
        struct buf written = BUF_OVER(text), read = {back, len, 0, false};
        buf_put_base64url(&written, bytes_of(octets, len));
        assert_true(buf_ok(&written));
        assert_true(buf_put_from_base64url(&read, guarded(0, buf_bytes(&written))));
        assert_true(bytes_equal(buf_bytes(&read), bytes_of(octets, len)));
        if (len == 0)
            continue;
        struct buf tight = {back, len - 1, 0, false};
        assert_false(buf_put_from_base64url(&tight, buf_bytes(&written)));
        assert_false(buf_ok(&tight));
    }
}

static bool reads_base64url(struct bytes text)
{
    uint8_t storage[8];
    struct buf out = BUF_OVER(storage);
    return buf_put_from_base64url(&out, guarded(1, text));
}

/* Without this one token would have many texts, or octets outside the alphabet would pass as some.
 */
static void base64url_has_one_text_for_each_value(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const uint8_t text[] = {'A', 'A', 'A', (uint8_t)c};
        bool in_alphabet = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_';
        assert_int_equal(reads_base64url(bytes_of(text, 4)), in_alphabet);
    }
    assert_true(reads_base64url(BYTES("AQ")) && reads_base64url(BYTES("AAE")));
    assert_false(reads_base64url(BYTES("AR"))); /* spare bits */
    assert_false(reads_base64url(BYTES("AAF")));
    assert_false(reads_base64url(BYTES("A"))); /* no octet has six bits */
    assert_false(reads_base64url(BYTES("AAAAA")));
    assert_false(reads_base64url(BYTES("AA==")));
}

/* Without this an answer would tell another second than that of the verdict. */
static void timestamps_are_those_of_china_standard_time(void **state)
{
    (void)state;
    static const struct {
        int64_t at;
        const char *text;
    } times[] = {
        {0, "1970-01-01T08:00:00+08:00"},          {1685577599, "2023-06-01T07:59:59+08:00"},
        {1709222399, "2024-02-29T23:59:59+08:00"}, {1709222400, "2024-03-01T00:00:00+08:00"},
        {4294967295, "2106-02-07T14:28:15+08:00"},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint8_t storage[25];
        struct buf out = BUF_OVER(storage), tight = {storage, 24, 0, false};
        buf_put_timestamp(&out, times[i].at);
        assert_true(bytes_equal(buf_bytes(&out), bytes_str(times[i].text)));
        buf_put_timestamp(&tight, times[i].at);
        assert_false(buf_ok(&tight));
        assert_int_equal(tight.len, 0);
    }
}

/* Without this a mandate or a consent would end at another moment than its giver wrote. */
static void timestamps_are_read_in_every_zone_and_nothing_else_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at;
    } times[] = {
        {"1970-01-01T08:00:00+08:00", 0},          {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T19:00:00-05:00", 0},          {"2024-02-29T23:59:59.999+08:00", 1709222399},
        {"2024-03-01T05:29:59+05:30", 1709251199},
    };
    static const char *const refused[] = {
        "",
        "2024-02-29",
        "2024-02-29T23:59:59",
        "2023-02-29T23:59:59Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T23:60:00Z",
        "2024-02-29T23:59:60Z",
        "2024-02-29T23:59:59.Z",
        "2024-02-29T23:59:59.9",
        "2024-02-29 23:59:59Z",
        "2024-02-29T23:59:59 08:00",
        "2024-02-29T23:59:59+0800",
        "2024-02-29T23:59:59+24:00",
        "2024-02-29T23:59:59+08:00Z",
        "2024-02-29T23:59:59+08:0",
        "+024-02-29T23:59:59Z",
    };
    int64_t at;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(civil_read_timestamp(guarded(0, bytes_str(times[i].text)), &at));
        assert_int_equal(at, times[i].at);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(civil_read_timestamp(guarded(0, bytes_str(refused[i])), &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url_comes_back),
        cmocka_unit_test(base64url_has_one_text_for_each_value),
        cmocka_unit_test(timestamps_are_those_of_china_standard_time),
        cmocka_unit_test(timestamps_are_read_in_every_zone_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
