/* What stands in a record: docs and other tools go by evidence/journal_layout.h. */
#include "evidence/journal_layout.h"

#include "evidence/crc32c.h"
#include "tests/journal_records.h"

static uint8_t storage[JOURNAL_RECORD_BYTES_MAX];

static struct bytes written(const struct journal_record *record)
{
    struct buf out = BUF_OVER(storage);
    journal_record_write(record, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

static void put_checksum(struct bytes record)
{
    uint32_t sum = crc32c_of(bytes_from(record, 4));
    for (unsigned i = 0; i < 4; i++)
        storage[i] = (uint8_t)(sum >> 8 * i);
}

/* Broken: an archive would not be read by the description of its layout. */
static void a_record_lies_as_described(void **state)
{
    (void)state;
    const struct journal_record record = {
        .kind = JOURNAL_LOOKUP,
        .role = 1,
        .result = 2,
        .reason = 3,
        .place_known = true,
        .acting = JOURNAL_ACTING_NONE,
        .list = 0x0504,
        .index = 0x09080706,
        .request_id = 0x1716151413121110,
        .at_us = 0x2726252423222120,
        .cti = {0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37},
        .fields = 0x43424140,
        .subject = BYTES("agency/0417"),
        .client = BYTES("terminal-7"),
        .purpose = BYTES("complaint"),
        .reference = BYTES("2026-88"),
    };
    static const char body[] = "\4\1\2\3\1\377\4\5\6\7\10\11\13\12\11\7"
                               "\20\21\22\23\24\25\26\27\40\41\42\43\44\45\46\47"
                               "01234567@ABCagency/0417terminal-7complaint2026-88";
    struct bytes bytes = written(&record);
    assert_int_equal(bytes.len, 8 + sizeof body - 1);
    assert_memory_equal(bytes.data + 4, "\x51\0\0\0", 4);
    assert_memory_equal(bytes.data + 8, body, sizeof body - 1);

    struct buf header = BUF_OVER(storage);
    journal_header_write(7, &header);
    assert_int_equal(header.len, JOURNAL_HEADER_BYTES);
    assert_memory_equal(storage, "JWBJ\2\0\0\0\7\0\0\0", 12);
}

/* Broken: the longest record would end the gateway, or one read too far would. */
static void records_of_all_lengths_come_back(void **state)
{
    (void)state;
    struct journal_record read;
    for (unsigned n = 0; n < 500; n++) {
        struct journal_record record = record_of(n);
        struct bytes bytes = guarded(0, written(&record));
        assert_int_equal(journal_record_read(bytes, &read), bytes.len);
        assert_record(&read, n);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(journal_record_read(guarded(1, bytes_of(bytes.data, len)), &read), 0);
    }
    static const uint8_t text[JOURNAL_TEXT_BYTES_MAX] = "x";
    struct journal_record longest = record_of(1);
    longest.subject = longest.client = longest.purpose = longest.reference =
        bytes_of(text, sizeof text);
    struct bytes bytes = written(&longest);
    assert_int_equal(bytes.len, 308);
    assert_int_equal(journal_record_read(guarded(0, bytes), &read), 308);
    assert_same(&read, &longest);
}

/* Broken: a record with a good checksum would make a reader read behind it. */
static void lengths_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct journal_record record = record_of(3), read;
    record.subject = record.client = record.purpose = record.reference = BYTES("text");
    struct bytes bytes = written(&record);
    for (size_t text = 0; text < JOURNAL_TEXTS; text++)
        for (unsigned len = 0; len < 256; len++) {
            storage[8 + 12 + text] = (uint8_t)len;
            put_checksum(bytes);
            assert_int_equal(journal_record_read(guarded(0, bytes), &read),
                             len == 4 ? bytes.len : 0);
            storage[8 + 12 + text] = 4;
        }
    storage[8 + 12] = 8; /* one longer, another shorter: only another division of the same */
    storage[8 + 13] = 0;
    put_checksum(bytes);
    assert_int_equal(journal_record_read(bytes, &read), bytes.len);
    assert_bytes(read.subject, "texttext");
    assert_int_equal(read.client.len, 0);

    record.subject = bytes_of(storage, 60);
    record.client = bytes_of(storage, 60);
    bytes = written(&record);
    storage[8 + 12] = JOURNAL_TEXT_BYTES_MAX + 1;
    storage[8 + 13] = 120 - JOURNAL_TEXT_BYTES_MAX - 1;
    put_checksum(bytes);
    assert_int_equal(journal_record_read(bytes, &read), 0); /* longer than a reader has room for */
}

/* Broken: files of version 1 would be read as if they had what this one has. */
static void version_1_is_not_read(void **state)
{
    (void)state;
    unsigned loop_index;
    struct buf header = BUF_OVER(storage);
    journal_header_write(7, &header);
    assert_true(journal_header_read(guarded(0, buf_bytes(&header)), &loop_index));
    assert_int_equal(loop_index, 7);
    storage[4] = 1;
    uint32_t sum = crc32c_of(bytes_of(storage, 12));
    for (unsigned i = 0; i < 4; i++)
        storage[12 + i] = (uint8_t)(sum >> 8 * i);
    assert_false(journal_header_read(guarded(0, buf_bytes(&header)), &loop_index));
    storage[4] = 2;
    assert_false(journal_header_read(guarded(0, buf_bytes(&header)), &loop_index)); /* its sum */
}

/* Broken: evidence would change its meaning when a kind is renumbered or renamed. */
static void kinds_have_their_numbers_and_words(void **state)
{
    (void)state;
    static const char *const words[] = {NULL,       "display", "verify",  "check", "lookup",
                                        "retrieve", "consent", "mandate", "apply", "read",
                                        "token",    "view",    NULL};
    for (unsigned kind = 0; kind < sizeof words / sizeof *words; kind++) {
        const char *text = journal_kind_text(kind);
        if (words[kind])
            assert_string_equal(text, words[kind]);
        else
            assert_null(text);
    }
    assert_null(journal_kind_text(255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_lies_as_described),
        cmocka_unit_test(records_of_all_lengths_come_back),
        cmocka_unit_test(lengths_that_do_not_fit_are_refused),
        cmocka_unit_test(version_1_is_not_read),
        cmocka_unit_test(kinds_have_their_numbers_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
