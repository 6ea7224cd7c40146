/* What stands in an entry of the log: docs/PROTOCOL.md section 16 and other readers go by it. */
#include "evidence/entry.h"

#include "evidence/tlog.h"
#include "tests/journal_records.h"

static uint8_t storage[ENTRY_BYTES_MAX];

static struct bytes written(const struct journal_record *record)
{
    struct buf out = BUF_OVER(storage);
    entry_write(record, &out);
    assert_true(buf_ok(&out));
    return buf_bytes(&out);
}

/* Broken: a reader that was written by the description would not read the log. */
static void an_entry_lies_as_described(void **state)
{
    (void)state;
    const struct journal_record record = {
        .kind = JOURNAL_HOLD,
        .role = 1,
        .result = 2,
        .reason = 3,
        .place_known = true,
        .acting = JOURNAL_ACTING_NONE,
        .list = 0x0504,
        .index = 0x09080706,
        .request_id = 0x1716151413121110,
        .at_us = 0x2726252423222120,
        .cti = "01234567",
        .fields = 0x43424140,
        .licence_known = true,
        .licence = "abcdefghijklmnopqrstuvwxyz0123",
        .type = 0x5958,
        .number = 0x6766656463626160,
        .status = 0x5a,
        .detail = 0x5b,
        .subject = BYTES("agency/0417"),
        .client = BYTES("terminal-7"),
        .purpose = BYTES("seize"),
        .reference = BYTES("2026-88"),
        .agency = BYTES("road"),
    };
    static const char octets[] = "\1\44\1\2\3\3\377\4\5\6\7\10\11Z[XY"
                                 "\20\21\22\23\24\25\26\27\40\41\42\43\44\45\46\47"
                                 "01234567@ABC\13\12\5\7\4\0\0\0`abcdefg"
                                 "abcdefghijklmnopqrstuvwxyz0123\0\0"
                                 "agency/0417terminal-7seize2026-88road";
    assert_bytes(written(&record), octets);
}

/* Broken: whoever once saw a code could follow its licence through the log by its place. */
static void only_the_registrys_events_tell_a_place(void **state)
{
    (void)state;
    struct journal_record read;
    for (unsigned n = 0; n < 500; n++) {
        struct journal_record record = record_of(n);
        assert_true(entry_read(guarded(0, written(&record)), &read));
        if (record.number == 0) {
            record.place_known = false;
            record.list = 0;
            record.index = 0;
            if (!record.licence_known)
                record.type = JOURNAL_TYPE_NONE;
        }
        assert_same(&read, &record);
    }
}

/* Broken: one record could stand in the log in two ways, and a proof of one would not fit the
 * other; or a reader would read behind the end. */
static void nothing_else_is_read(void **state)
{
    (void)state;
    struct journal_record read;
    uint8_t again_storage[ENTRY_BYTES_MAX];
    size_t refused = 0;
    for (unsigned n = 0; n < 40; n++) {
        struct journal_record record = record_of(n);
        struct bytes entry = written(&record);
        for (size_t len = 0; len < entry.len; len++)
            assert_false(entry_read(guarded(0, bytes_of(entry.data, len)), &read));
        for (size_t bit = 0; bit < entry.len * 8; bit++) {
            storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct buf again = BUF_OVER(again_storage);
            if (!entry_read(guarded(0, entry), &read)) {
                refused++;
            } else {
                entry_write(&read, &again);
                assert_true(bytes_equal(buf_bytes(&again), entry));
            }
            storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    assert_true(refused > 40 * 60);
    const struct journal_record plain = {.kind = JOURNAL_READ};
    struct bytes entry = written(&plain);
    static const struct {
        size_t at;
        uint8_t octet;
    } wrong[] = {{0, 0},  {0, 2},  {1, 0},  {5, 1},  {5, 4}, {7, 1},
                 {13, 0}, {14, 0}, {15, 0}, {50, 1}, {61, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t right = storage[wrong[i].at];
        storage[wrong[i].at] = wrong[i].octet;
        assert_false(entry_read(entry, &read));
        storage[wrong[i].at] = right;
    }
    assert_true(entry_read(entry, &read));
}

/* Broken: the longest record would have no room in the log. */
static void the_longest_fits(void **state)
{
    (void)state;
    static const uint8_t text[JOURNAL_TEXT_BYTES_MAX] = "x";
    struct journal_record longest = record_of(4), read;
    longest.subject = longest.client = longest.purpose = longest.reference = longest.agency =
        bytes_of(text, sizeof text);
    struct bytes entry = written(&longest);
    assert_true(entry.len <= TLOG_ENTRY_BYTES_MAX);
    assert_true(entry_read(guarded(0, entry), &read));
    assert_same(&read, &longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_lies_as_described),
        cmocka_unit_test(only_the_registrys_events_tell_a_place),
        cmocka_unit_test(nothing_else_is_read),
        cmocka_unit_test(the_longest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
