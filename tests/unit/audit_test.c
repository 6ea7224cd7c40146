/* What is not in a log any more, and whether it accounts for that. */
#include "evidence/audit.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "evidence/entry.h"
#include "evidence/sequencer.h"
#include "tests/unit/tlog_fixture.h"

#define LOOKS  4 /* of five entries; the fifth is an event */
#define EVENTS 120
#define SIZE   ((LOOKS + 1) * EVENTS) /* two full bundles, and 88 entries */

static void put(struct tlog *log, const char *source, uint64_t position,
                const struct journal_record *record)
{
    uint8_t storage[ENTRY_BYTES_MAX];
    struct buf out = BUF_OVER(storage);
    entry_write(record, &out);
    const struct bytes entry = buf_bytes(&out);
    assert_int_equal(tlog_append(log, source, position, position + 1, &entry, 1), TLOG_OK);
}

static void put_look(struct tlog *log, uint64_t position)
{
    const struct journal_record look = {.kind = JOURNAL_VERIFY,
                                        .acting = JOURNAL_ACTING_NONE,
                                        .type = JOURNAL_TYPE_NONE,
                                        .status = JOURNAL_CODE_NONE,
                                        .detail = JOURNAL_CODE_NONE};
    put(log, "journal", position, &look);
}

static void put_event(struct tlog *log, uint64_t number, enum journal_kind kind,
                      const char *purpose)
{
    const struct journal_record event = {.kind = kind,
                                         .acting = JOURNAL_ACTING_NONE,
                                         .type = JOURNAL_TYPE_NONE,
                                         .status = JOURNAL_CODE_NONE,
                                         .detail = JOURNAL_CODE_NONE,
                                         .number = number,
                                         .purpose = bytes_str(purpose)};
    put(log, SEQUENCER_REGISTRY, number, &event);
}

/* An archive of so many entries of this log, or of another's. */
static const char *archive_of(const char *count, bool here)
{
    static char purpose[64];
    struct buf out = BUF_OVER(purpose);
    buf_printf(&out, "%s ", count);
    buf_put_hex(&out, here ? bytes_of(log_signer()->verifier.id, NOTE_ID_BYTES)
                           : bytes_of("\1\2\3\4", NOTE_ID_BYTES));
    return buf_cstr(&out);
}

/* Entries 4, 9, 14 ... are events 1, 2, 3 ...; the last of them is an archive of so many. */
static const char *log_with(const char *count, bool here)
{
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    for (unsigned n = 0; n < EVENTS; n++) {
        for (unsigned look = 0; look < LOOKS; look++)
            put_look(log, LOOKS * n + look);
        if (n + 1 < EVENTS)
            put_event(log, n + 1, JOURNAL_HOLD, "");
        else
            put_event(log, n + 1, JOURNAL_ARCHIVED, archive_of(count, here));
    }
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    return folder;
}

static const char *log_with_archive_of(const char *count)
{
    return log_with(count, true);
}

static void empty(const char *folder, unsigned index)
{
    bool due[TLOG_BUNDLE_ENTRIES] = {false};
    due[index % TLOG_BUNDLE_ENTRIES] = true;
    assert_int_equal(tlog_remove(folder, index / TLOG_BUNDLE_ENTRIES, due, &why), TLOG_OK);
}

/* This stands before the C library's for the whole program. Once the second bundle is read, and
 * thus the state and the first, an archive takes an entry out of it. */
static const char *archived_meanwhile; /* the log; NULL: nothing happens */

int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    const char *log_folder = archived_meanwhile;
    if (log_folder && strcmp(path, "tile/entries/001") == 0) {
        archived_meanwhile = NULL;
        struct tlog *log = log_in(log_folder);
        put_event(log, EVENTS + 1, JOURNAL_ARCHIVED, archive_of("1", true));
        assert_int_equal(tlog_commit(log), TLOG_OK);
        tlog_close(&log);
        empty(log_folder, 300);
    }
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

static enum tlog_error audit(const char *folder, struct audit *audit)
{
    struct tlog_reader *reader = reader_of(folder);
    why = BUF_OVER(why_storage);
    enum tlog_error error =
        audit_log(reader, &log_signer()->verifier, bytes_of(NULL, 0), audit, &why);
    tlog_reader_close(&reader);
    return error;
}

static void assert_good(const char *folder, uint64_t removed, uint64_t archived)
{
    struct audit found;
    if (audit(folder, &found) != TLOG_OK)
        fail_msg("%s", buf_cstr(&why));
    assert_int_equal(found.removed, removed);
    assert_int_equal(found.archived, archived);
}

static void assert_told(const char *folder, const char *expected)
{
    struct audit found;
    assert_int_equal(audit(folder, &found), TLOG_ERR_DAMAGED);
    if (!strstr(buf_cstr(&why), expected))
        fail_msg("'%s' instead of '%s'", buf_cstr(&why), expected);
}

/* Broken: whoever can write the disk could empty any entry, and it would pass for archived. */
static void no_more_is_removed_than_was_archived(void **state)
{
    (void)state;
    const char *folder = log_with_archive_of("3");
    struct audit found;
    assert_good(folder, 0, 3);
    for (unsigned index = 0; index < 3; index++)
        empty(folder, 300 + index);
    assert_good(folder, 3, 3);
    assert_int_equal(audit(folder, &found), TLOG_OK);
    assert_int_equal(found.size, SIZE);
    assert_int_equal(found.event, EVENTS);
    empty(folder, 7);
    assert_told(folder, "4 entries were removed, and archives account for 3");
    folder = log_with_archive_of("archive export"); /* says of no number */
    empty(folder, 300);
    assert_told(folder, "1 entries were removed, and archives account for 0");
    folder = log_with("3", false); /* another gateway's archive of its own log */
    empty(folder, 300);
    assert_told(folder, "1 entries were removed, and archives account for 0");
}

/* Broken: an event could be taken out under an archive's number, and a registry that is put right
 * from the log would miss it. */
static void events_are_never_removed(void **state)
{
    (void)state;
    const char *folder = log_with_archive_of("100");
    empty(folder, 5 * 40 - 1);
    assert_told(folder, "index 204: event 41 follows event 39");
    folder = log_with_archive_of("100");
    empty(folder, 4);
    assert_told(folder, "index 9: event 2 follows event 0");
}

/* Broken: the last ones could, of which no later number tells. */
static void the_last_events_are_there(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct tlog *log = log_in(folder);
    for (unsigned n = 1; n <= 9; n++)
        put_event(log, n, JOURNAL_ARCHIVED, archive_of("100", true));
    for (unsigned n = 0; n < 300; n++)
        put_look(log, n);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    assert_good(folder, 0, 900);
    empty(folder, 8);
    assert_told(folder, "the log has taken events up to 9, and the last one in it is 8");
}

/* Broken: a log that a newer version goes on with could not be verified by this one. */
static void what_is_of_another_version_may_be_an_event(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    const struct bytes newer = BYTES("\2 of another version");
    struct tlog *log = log_in(folder);
    put_event(log, 1, JOURNAL_HOLD, "");
    assert_int_equal(tlog_append(log, SEQUENCER_REGISTRY, 2, 3, &newer, 1), TLOG_OK);
    put_event(log, 3, JOURNAL_HOLD, "");
    assert_int_equal(tlog_append(log, SEQUENCER_REGISTRY, 4, 5, &newer, 1), TLOG_OK);
    assert_int_equal(tlog_commit(log), TLOG_OK);
    tlog_close(&log);
    assert_good(folder, 0, 0);
}

/* Broken: who verifies while an archive is made would be told of damage that there is not. */
static void an_archive_made_meanwhile_is_accounted_for(void **state)
{
    (void)state;
    archived_meanwhile = log_with_archive_of("0");
    const char *folder = archived_meanwhile;
    assert_good(folder, 1, 1);
    assert_null(archived_meanwhile);
    struct audit found;
    assert_int_equal(audit(folder, &found), TLOG_OK);
    assert_int_equal(found.size, SIZE + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_is_removed_than_was_archived),
        cmocka_unit_test(events_are_never_removed),
        cmocka_unit_test(the_last_events_are_there),
        cmocka_unit_test(what_is_of_another_version_may_be_an_event),
        cmocka_unit_test(an_archive_made_meanwhile_is_accounted_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
