#include "protocol/cbor.h"
#include "tests/support.h"

/* Without this what we write would not be deterministic CBOR (values: RFC 8949 appendix A). */
static void heads_are_written_in_their_shortest_form(void **state)
{
    (void)state;
    uint8_t storage[128];
    struct buf out = BUF_OVER(storage);
    static const uint64_t values[] = {0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        cbor_put_uint(&out, values[i]);
    assert_bytes(buf_bytes(&out),
                 "\x00\x17\x18\x18\x18\xff\x19\x01\x00\x19\xff\xff\x1a\x00\x01\x00\x00"
                 "\x1a\xff\xff\xff\xff\x1b\x00\x00\x00\x01\x00\x00\x00\x00");
    out = BUF_OVER(storage);
    cbor_put_int(&out, -1);
    cbor_put_int(&out, -24);
    cbor_put_int(&out, -25);
    cbor_put_int(&out, -65537);
    cbor_put_int(&out, INT64_MIN);
    cbor_put_int(&out, 10);
    assert_bytes(buf_bytes(&out), "\x20\x37\x38\x18\x3a\x00\x01\x00\x00"
                                  "\x3b\x7f\xff\xff\xff\xff\xff\xff\xff\x0a");
    out = BUF_OVER(storage);
    cbor_put_array(&out, 2);
    cbor_put_map(&out, 1);
    cbor_put_text(&out, BYTES("水"));
    cbor_put_null(&out);
    cbor_put_bytes(&out, BYTES("\x01\x02\x03\x04"));
    assert_bytes(buf_bytes(&out), "\x82\xa1\x63\xe6\xb0\xb4\xf6\x44\x01\x02\x03\x04");
}

static uint64_t read_uint(struct bytes item, uint64_t max, bool *ok)
{
    struct cbor_reader r = cbor_reader_over(guarded(0, item));
    uint64_t value = cbor_read_uint(&r, max);
    *ok = cbor_read_end(&r);
    return value;
}

static int64_t read_int(struct bytes item, bool *ok)
{
    struct cbor_reader r = cbor_reader_over(guarded(0, item));
    int64_t value = cbor_read_int(&r);
    *ok = cbor_read_end(&r);
    return value;
}

/* Without this a number could come back as another, most likely at the edges of its lengths. */
static void numbers_come_back(void **state)
{
    (void)state;
    for (int shift = 0; shift < 64; shift++)
        for (int delta = -1; delta <= 1; delta++) {
            uint8_t storage[9];
            bool ok;
            uint64_t value = (1ull << shift) + (uint64_t)delta;
            struct buf out = BUF_OVER(storage);
            cbor_put_uint(&out, value);
            assert_true(read_uint(buf_bytes(&out), UINT64_MAX, &ok) == value && ok);
            out.len = 0;
            cbor_put_int(&out, -(int64_t)(value >> 1));
            assert_true(read_int(buf_bytes(&out), &ok) == -(int64_t)(value >> 1) && ok);
        }
}

/* Without this a message could have a second form that is read the same. */
static void other_forms_are_refused(void **state)
{
    (void)state;
    static const struct bytes long_forms[] = {
        BYTES("\x18\x00"),
        BYTES("\x18\x17"),
        BYTES("\x19\x00\x18"),
        BYTES("\x19\x00\xff"),
        BYTES("\x1a\x00\x00\xff\xff"),
        BYTES("\x1b\x00\x00\x00\x00\xff\xff\xff\xff"),
        BYTES("\x1c"),
        BYTES("\x1d"),
        BYTES("\x1e"),
        BYTES("\x1f"),
    };
    bool ok;
    for (size_t i = 0; i < sizeof long_forms / sizeof *long_forms; i++) {
        read_uint(long_forms[i], UINT64_MAX, &ok);
        assert_false(ok);
    }
    static const struct bytes strings[] = {
        BYTES("\x58\x02hi"),                             /* length in a long form */
        BYTES("\x59\x00\x02hi"),                         /* in a longer one */
        BYTES("\x5f\x42hi\xff"),                         /* of indefinite length */
        BYTES("\x62hi"),                                 /* text */
        BYTES("\x42h"),                                  /* cut off */
        BYTES("\x42hi!"),                                /* something behind it */
        BYTES("\x5b\xff\xff\xff\xff\xff\xff\xff\xffhi"), /* longer than all memory */
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct cbor_reader r = cbor_reader_over(guarded(0, strings[i]));
        cbor_read_bytes(&r, 0, SIZE_MAX);
        assert_false(cbor_read_end(&r));
    }
    static const struct bytes integers[] = {
        BYTES("\x1b\x80\x00\x00\x00\x00\x00\x00\x00"), /* 2^63 */
        BYTES("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"), /* -2^63 - 1 */
        BYTES("\x38\x00"),
        BYTES("\xf6"),
        BYTES("\xf9\x3c\x00"), /* 1.0 */
        BYTES("\xc2\x41\x01"), /* a bignum */
        BYTES(""),
    };
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        read_int(integers[i], &ok);
        assert_false(ok);
    }
}

/* Without this a value outside its range, or another count, would reach those who believe bounds.
 */
static void bounds_are_kept(void **state)
{
    (void)state;
    bool ok;
    assert_int_equal(read_uint(BYTES("\x18\x64"), 100, &ok), 100);
    assert_true(ok);
    assert_int_equal(read_uint(BYTES("\x18\x65"), 100, &ok), 0);
    assert_false(ok);
    for (size_t len = 0; len < 6; len++) {
        uint8_t storage[8];
        struct buf out = BUF_OVER(storage);
        cbor_put_text(&out, bytes_of("abcdef", len));
        struct cbor_reader r = cbor_reader_over(guarded(0, buf_bytes(&out)));
        assert_int_equal(cbor_read_text(&r, 2, 4).len, len >= 2 && len <= 4 ? len : 0);
        assert_int_equal(cbor_read_end(&r), len >= 2 && len <= 4);

        out.len = 0;
        cbor_put_array(&out, len);
        r = cbor_reader_over(guarded(0, buf_bytes(&out)));
        cbor_read_array(&r, 3);
        assert_int_equal(r.failed, len != 3);
        r = cbor_reader_over(guarded(0, buf_bytes(&out)));
        cbor_read_map(&r, 3);
        assert_true(r.failed);
    }
}

/* Without this one check at the end would not be enough: a call after a failure could succeed. */
static void a_failure_sticks(void **state)
{
    (void)state;
    struct cbor_reader r = cbor_reader_over(BYTES("\x01\x61\x61\xf6\x00"));
    cbor_read_key(&r, 2);
    assert_int_equal(cbor_read_text(&r, 0, 10).len, 0);
    assert_false(cbor_read_null(&r));
    assert_int_equal(cbor_read_uint(&r, 10), 0);
    cbor_read_key(&r, 0);
    assert_false(cbor_read_end(&r));

    r = cbor_reader_over(BYTES("\xf6\x07"));
    assert_true(cbor_read_null(&r));
    assert_false(cbor_read_null(&r));
    cbor_read_key(&r, 7);
    assert_true(cbor_read_end(&r));
}

/* Without this an item that nobody knows could be taken for more or less than it is, and what
 * stands behind it for something else. */
static void unknown_items_are_skipped_whole(void **state)
{
    (void)state;
    static const struct bytes items[] = {
        BYTES("\x00"),
        BYTES("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("\x18\x05"), /* a longer form */
        BYTES("\x43\x01\x02\x03"),
        BYTES("\x59\x00\x01\xaa"),
        BYTES("\x60"),
        BYTES("\x80"),
        BYTES("\x83\x01\x82\x02\xa1\x03\x40\xf6"),
        BYTES("\xa2\x01\xa0\x61\x61\x80"),
        BYTES("\xc1\xfb\x41\xd9\x00\x00\x00\x00\x00\x00"), /* a tag, a float */
        BYTES("\xf9\x00\x00"),
        BYTES("\x81\x81\x81\x81\x81\x81\x81\x81\x00"), /* CBOR_DEPTH_MAX */
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        uint8_t storage[32];
        struct buf twice = BUF_OVER(storage);
        buf_put(&twice, items[i]);
        buf_put_u8(&twice, 0x07);
        struct cbor_reader r = cbor_reader_lenient(guarded(0, buf_bytes(&twice)));
        cbor_skip(&r);
        assert_int_equal(cbor_read_uint(&r, 7), 7);
        assert_true(cbor_read_end(&r));
        for (size_t len = 0; len < items[i].len; len++) { /* cut off */
            r = cbor_reader_lenient(guarded(0, bytes_of(items[i].data, len)));
            cbor_skip(&r);
            assert_true(r.failed);
        }
    }
}

/* Without this a few octets could cost a reader much, or two readers see different ends. */
static void what_has_no_definite_end_is_refused(void **state)
{
    (void)state;
    static const struct bytes items[] = {
        BYTES("\x5f\x41\x00\xff"),
        BYTES("\x9f\x00\xff"),
        BYTES("\xbf\x00\x00\xff"),
        BYTES("\x1c"),
        BYTES("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("\xbb\x80\x00\x00\x00\x00\x00\x00\x00"),
        BYTES("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00"),
        BYTES("\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\xc1\x00"),
    };
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        struct cbor_reader r = cbor_reader_lenient(guarded(0, items[i]));
        cbor_skip(&r);
        assert_true(r.failed);
    }
}

/* Without this a map could say two things under one key, and each reader believe another. */
static void a_key_comes_once(void **state)
{
    (void)state;
    static const struct {
        struct bytes keys;
        size_t good; /* of them, before the first that fails */
    } rows[] = {
        {BYTES("\x01\x02\x20\x61\x61\x60"), 5},
        {BYTES("\x01\x18\x01"), 1}, /* the same in a longer form */
        {BYTES("\x01\x02\x01"), 2},
        {BYTES("\x61\x61\x61\x62\x61\x61"), 2},
        {BYTES("\x00\x60\x00"), 2}, /* neither is the other */
        {BYTES("\x01\x41\x61"), 1}, /* octets are no key */
        {BYTES("\x01\xf4"), 1},
        {BYTES("\x1b\x80\x00\x00\x00\x00\x00\x00\x00"), 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cbor_labels seen = {.count = 0};
        struct cbor_reader r = cbor_reader_lenient(guarded(0, rows[i].keys));
        while (r.rest.len > 0)
            cbor_read_label(&r, &seen);
        assert_int_equal(seen.count, rows[i].good);
        assert_int_equal(r.failed, rows[i].good != 5);
    }
}

/* Without this the search for keys that come twice could be made to cost what a sender likes. */
static void the_keys_of_a_map_have_a_limit(void **state)
{
    (void)state;
    uint8_t storage[3 * CBOR_LABELS_MAX];
    struct cbor_labels seen = {.count = 0};
    struct buf keys = BUF_OVER(storage);
    for (uint64_t i = 0; i <= CBOR_LABELS_MAX; i++)
        cbor_put_uint(&keys, i);
    struct cbor_reader r = cbor_reader_lenient(guarded(0, buf_bytes(&keys)));
    for (size_t i = 0; i < CBOR_LABELS_MAX; i++)
        cbor_read_label(&r, &seen);
    assert_false(r.failed);
    cbor_read_label(&r, &seen);
    assert_true(r.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written_in_their_shortest_form),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(bounds_are_kept),
        cmocka_unit_test(a_failure_sticks),
        cmocka_unit_test(unknown_items_are_skipped_whole),
        cmocka_unit_test(what_has_no_definite_end_is_refused),
        cmocka_unit_test(a_key_comes_once),
        cmocka_unit_test(the_keys_of_a_map_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
