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
        .licence_known = true,
        .licence = "abcdefghijklmnopqrstuvwxyz0123",
        .type = 0x5958,
        .number = 0x6766656463626160,
        .status = 0x5a,
        .detail = 0x5b,
        .subject = BYTES("agency/0417"),
        .client = BYTES("terminal-7"),
        .purpose = BYTES("complaint"),
        .reference = BYTES("2026-88"),
        .agency = BYTES("road"),
    };
    static const char body[] = "\4\1\2\3\3\377\4\5\6\7\10\11Z[XY"
                               "\20\21\22\23\24\25\26\27\40\41\42\43\44\45\46\47"
                               "01234567@ABC\13\12\11\7\4\0\0\0`abcdefg"
                               "abcdefghijklmnopqrstuvwxyz0123\0\0"
                               "agency/0417terminal-7complaint2026-88road";
    struct bytes bytes = written(&record);
    assert_int_equal(bytes.len, 8 + sizeof body - 1);
    assert_memory_equal(bytes.data + 4, "\x85\0\0\0", 4);
    assert_memory_equal(bytes.data + 8, body, sizeof body - 1);

    struct buf header = BUF_OVER(storage);
    journal_header_write(&(struct journal_header){7, 0x7776757473727170}, &header);
    assert_int_equal(header.len, JOURNAL_HEADER_BYTES);
    assert_memory_equal(storage, "JWBJ\3\0\0\0\7\0\0\0pqrstuvw", 20);
}

/* Broken: a record whose maker said nothing of a type or a status would say type 0, status 0. */
static void what_does_not_apply_is_none(void **state)
{
    (void)state;
    const struct journal_record record = {.kind = JOURNAL_READ};
    struct journal_record read;
    assert_true(journal_record_read(written(&record), &read) > 0);
    assert_int_equal(read.type, JOURNAL_TYPE_NONE);
    assert_int_equal(read.status, JOURNAL_CODE_NONE);
    assert_int_equal(read.detail, JOURNAL_CODE_NONE);
    assert_int_equal(read.number, 0);
}

/* Broken: what was removed would still be told, or read as damage. */
static void a_removed_record_has_the_same_length_and_nothing_else(void **state)
{
    (void)state;
    struct journal_record read;
    for (unsigned n = 0; n < 100; n++) {
        struct journal_record record = record_of(n);
        size_t len = written(&record).len;
        struct buf out = BUF_OVER(storage);
        journal_removed_write(len, &out);
        assert_int_equal(out.len, len);
        assert_int_equal(journal_record_read(guarded(0, buf_bytes(&out)), &read), len);
        assert_int_equal(read.kind, JOURNAL_REMOVED);
        for (size_t i = JOURNAL_FRAME_BYTES; i < len; i++)
            assert_int_equal(storage[i], 0);
    }
}

/* Broken: two journals would go by one name in the log, or one by two. */
static void files_and_journals_have_their_names(void **state)
{
    (void)state;
    char name[JOURNAL_FILE_NAME_BYTES_MAX], source[JOURNAL_SOURCE_BYTES_MAX];
    unsigned loop_index, number;
    journal_source_write(&(struct journal_header){4294967295, UINT64_MAX - 1}, source);
    assert_string_equal(source, "journal-fffffffffffffffe-4294967295");
    journal_file_name_write(3, 7, name);
    assert_string_equal(name, "journal-3-00000007.jwbj");
    assert_true(journal_file_name_read("journal-12-00000099.jwbj", &loop_index, &number));
    assert_int_equal(loop_index, 12);
    assert_int_equal(number, 99);
    static const char *const others[] = {"journal-3-7.jwbj",           "journal-3-00000007.jwbx",
                                         "journal-03-00000007.jwbj",   "journal-3.lock",
                                         "journal-3-00000007.jwbj.gz", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(journal_file_name_read(others[i], &loop_index, &number));
    uint64_t position = journal_position(0xabcdef, 0x1234567890);
    assert_int_equal(journal_position_number(position), 0xabcdef);
    assert_int_equal(journal_position_octet(position), 0x1234567890);
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
    longest.subject = longest.client = longest.purpose = longest.reference = longest.agency =
        bytes_of(text, sizeof text);
    struct bytes bytes = written(&longest);
    assert_int_equal(bytes.len, 420);
    assert_int_equal(journal_record_read(guarded(0, bytes), &read), 420);
    assert_same(&read, &longest);
}

/* Broken: a record with a good checksum would make a reader read behind it. */
static void lengths_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct journal_record record = record_of(3), read;
    record.subject = record.client = record.purpose = record.reference = record.agency =
        BYTES("text");
    struct bytes bytes = written(&record);
    for (size_t text = 0; text < JOURNAL_TEXTS; text++)
        for (unsigned len = 0; len < 256; len++) {
            storage[8 + 44 + text] = (uint8_t)len;
            put_checksum(bytes);
            assert_int_equal(journal_record_read(guarded(0, bytes), &read),
                             len == 4 ? bytes.len : 0);
            storage[8 + 44 + text] = 4;
        }
    storage[8 + 44] = 8; /* one longer, another shorter: only another division of the same */
    storage[8 + 45] = 0;
    put_checksum(bytes);
    assert_int_equal(journal_record_read(bytes, &read), bytes.len);
    assert_bytes(read.subject, "texttext");
    assert_int_equal(read.client.len, 0);

    record.subject = bytes_of(storage, 60);
    record.client = bytes_of(storage, 60);
    bytes = written(&record);
    storage[8 + 44] = JOURNAL_TEXT_BYTES_MAX + 1;
    storage[8 + 45] = 120 - JOURNAL_TEXT_BYTES_MAX - 1;
    put_checksum(bytes);
    assert_int_equal(journal_record_read(bytes, &read), 0); /* longer than a reader has room for */
}

/* Broken: files of another version would be read as if they had what this one has. */
static void other_versions_are_not_read(void **state)
{
    (void)state;
    struct journal_header read;
    struct buf header = BUF_OVER(storage);
    journal_header_write(&(struct journal_header){7, 77}, &header);
    assert_true(journal_header_read(guarded(0, buf_bytes(&header)), &read));
    assert_int_equal(read.loop_index, 7);
    assert_int_equal(read.identity, 77);
    storage[4] = 2;
    uint32_t sum = crc32c_of(bytes_of(storage, 20));
    for (unsigned i = 0; i < 4; i++)
        storage[20 + i] = (uint8_t)(sum >> 8 * i);
    assert_false(journal_header_read(guarded(0, buf_bytes(&header)), &read));
    storage[4] = 3;
    assert_false(journal_header_read(guarded(0, buf_bytes(&header)), &read)); /* its sum */
}

static void assert_word(unsigned kind, const char *word)
{
    if (word)
        assert_string_equal(journal_kind_text(kind), word);
    else
        assert_null(journal_kind_text(kind));
}

/* Broken: evidence would change its meaning when a kind is renumbered or renamed. */
static void kinds_have_their_numbers_and_words(void **state)
{
    (void)state;
    static const char *const looks[] = {
        NULL,      "display", "verify", "check",   "lookup", "retrieve", "consent",
        "mandate", "apply",   "read",   "token",   "view",   "list",     "status_asked",
        "trace",   "pull",    "action", "refusal", NULL};
    static const char *const events[] = {
        "issued",   "version",   "superseded", "status",       "hold",   "lift",
        "decision", "escalated", "objection",  "import",       "access", "operator",
        "restored", "archived",  "anomaly",    "offline_scan", "acted",  NULL};
    for (unsigned kind = 0; kind < sizeof looks / sizeof *looks; kind++)
        assert_word(kind, looks[kind]);
    for (unsigned kind = 0; kind < sizeof events / sizeof *events; kind++)
        assert_word(32 + kind, events[kind]);
    assert_null(journal_kind_text(255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_lies_as_described),
        cmocka_unit_test(records_of_all_lengths_come_back),
        cmocka_unit_test(lengths_that_do_not_fit_are_refused),
        cmocka_unit_test(what_does_not_apply_is_none),
        cmocka_unit_test(a_removed_record_has_the_same_length_and_nothing_else),
        cmocka_unit_test(files_and_journals_have_their_names),
        cmocka_unit_test(other_versions_are_not_read),
        cmocka_unit_test(kinds_have_their_numbers_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
