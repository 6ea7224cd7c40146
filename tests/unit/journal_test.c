#include "tests/unit/journal_fixture.h"

#include "evidence/journal_layout.h"

/* Broken: evidence would be lost or altered between the gateway and who reads it. */
static void records_come_back_as_written(void **state)
{
    (void)state;
    const char *folder = path_in(temp_folder(), "evidence");
    unsigned n = 0;
    for (unsigned round = 1; round <= 3; round++) { /* more than the reader looks at in one go */
        struct journal *journal = open_in(folder);
        for (; n < 1800 * round; n += 3) {
            append(journal, n);
            append(journal, n + 1);
            append(journal, n + 2);
            assert_int_equal(journal_write(journal), JOURNAL_OK);
        }
        assert_int_equal(journal_counters(journal)->records, 1800);
        assert_int_equal(journal_counters(journal)->writes, 600);
        assert_int_equal(journal_counters(journal)->failures, 0);
        assert_int_equal(journal_counters(journal)->torn_bytes, 0);
        journal_close(&journal);
    }
    assert_int_equal(read_whole(file_in(folder, 1), 0), n);
}

/* Broken: a turn without records would cost a system call, or fail. */
static void turn_without_records_writes_nothing(void **state)
{
    (void)state;
    struct journal *journal = open_in(temp_folder());
    calls_until_fault = 1;
    assert_int_equal(journal_write(journal), JOURNAL_OK);
    calls_until_fault = 0;
    assert_int_equal(journal_counters(journal)->writes, 0);
    journal_close(&journal);
}

/* Broken: what did not fit would be half in the buffer, or the buffer would stay full. */
static void full_turn_refuses_and_recovers(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    unsigned n = 0;
    enum journal_error error;
    do {
        struct journal_record record = record_of(n);
        error = journal_append(journal, &record);
    } while (!error && ++n < 100);
    assert_int_equal(error, JOURNAL_ERR_FULL);
    assert_int_equal(journal_write(journal), JOURNAL_OK);
    write_record(journal, n);
    journal_close(&journal);
    assert_int_equal(read_whole(file_in(folder, 1), 0), n + 1);
}

/* Broken: after a crash the gateway would not start, lose whole records, or write behind rubbish.
 */
static void torn_tail_is_cut_at_every_length(void **state)
{
    (void)state;
    size_t ends[4];
    struct bytes file = three_records(ends);
    const char *folder = temp_folder();
    for (size_t len = 0; len <= file.len; len++) {
        unsigned whole = 0;
        while (whole < 3 && len >= ends[whole + 1])
            whole++;
        write_file(file_in(folder, 1), bytes_of(file.data, len));
        struct journal *journal = open_in(folder);
        assert_int_equal(journal_counters(journal)->torn_bytes,
                         len < ends[0] ? len : len - ends[whole]);
        write_record(journal, whole + 1);
        journal_close(&journal);
        assert_int_equal(read_whole(file_in(folder, 1), 1), whole + 2);
    }
}

/* Broken: a crash that left a bad last record would stop the gateway, or the record would count. */
static void bad_last_record_is_cut(void **state)
{
    (void)state;
    size_t ends[4];
    struct bytes file = three_records(ends);
    const char *folder = temp_folder();
    for (size_t bit = ends[2] * 8; bit < ends[3] * 8; bit++) {
        file_storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(file_in(folder, 1), file);
        file_storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct journal *journal = open_in(folder);
        assert_int_equal(journal_counters(journal)->torn_bytes, ends[3] - ends[2]);
        journal_close(&journal);
        assert_int_equal(read_whole(file_in(folder, 1), 1), 3);
    }
}

/* Broken: damage before the end would be cut off with the good records behind it, or go untold. */
static void damage_is_told_and_left(void **state)
{
    (void)state;
    size_t ends[4];
    struct bytes file = three_records(ends);
    const char *folder = temp_folder();
    for (size_t bit = 0; bit < ends[1] * 8; bit++) {
        struct journal *journal;
        file_storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(file_in(folder, 1), file);
        assert_int_equal(open_sized(folder, 1 << 20, &journal), JOURNAL_ERR_DAMAGED);
        assert_non_null(strstr(buf_cstr(&why), "journal-3-00000001.jwbj: damaged"));
        write_record(journal, 1);
        journal_close(&journal);
        assert_int_equal(read_whole(file_in(folder, 2), 1), 2);
        assert_true(
            bytes_equal(read_file(file_in(folder, 1), again_storage, sizeof again_storage), file));
        file_storage[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(unlink(file_in(folder, 2)), 0);
    }
}

/* Broken: a tool could not read what lies behind a damaged record. */
static void reader_goes_on_behind_damage(void **state)
{
    (void)state;
    size_t ends[4];
    struct bytes file = three_records(ends);
    const char *path = path_in(temp_folder(), "damaged");
    struct journal_reader *reader;
    struct journal_record record;
    uint64_t torn_bytes;
    bool end;
    file_storage[ends[1] + 20] ^= 1;
    write_file(path, file);
    assert_int_equal(journal_reader_open(path, &reader), JOURNAL_OK);
    assert_int_equal(journal_reader_next(reader, &record, &end, &torn_bytes), JOURNAL_OK);
    assert_int_equal(journal_reader_next(reader, &record, &end, &torn_bytes), JOURNAL_ERR_DAMAGED);
    assert_int_equal(journal_reader_next(reader, &record, &end, &torn_bytes), JOURNAL_OK);
    assert_false(end);
    assert_record(&record, 3);
    journal_reader_close(&reader);
}

/* Broken: a missing or foreign file would be taken for an empty journal. */
static void reader_refuses_what_is_no_journal(void **state)
{
    (void)state;
    const char *path = path_in(temp_folder(), "file");
    struct journal_reader *reader;
    assert_int_equal(journal_reader_open(path, &reader), JOURNAL_ERR_OPEN);
    assert_null(reader);
    write_file(path, BYTES("SQLite format 3 and much more"));
    assert_int_equal(journal_reader_open(path, &reader), JOURNAL_ERR_DAMAGED);
    assert_null(reader);
}

/* Broken: two gateways would write one journal and tear each other's records. */
static void second_gateway_is_refused(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *first = open_in(folder), *second;
    assert_int_equal(open_sized(folder, 1 << 20, &second), JOURNAL_ERR_OPEN);
    assert_null(second);
    assert_non_null(strstr(buf_cstr(&why), "another gateway is writing this journal"));
    journal_close(&first);
    first = open_in(folder);
    journal_close(&first);
}

/* Broken: an operator would not learn which folder is at fault. */
static void open_failure_names_the_folder(void **state)
{
    (void)state;
    struct journal *journal;
    assert_int_equal(open_sized("/proc/evidence", 1 << 20, &journal), JOURNAL_ERR_OPEN);
    assert_null(journal);
    assert_non_null(strstr(buf_cstr(&why), "/proc/evidence"));
}

/* Broken: a journal copied from another loop would be continued under a false name. */
static void other_loops_file_is_left(void **state)
{
    (void)state;
    size_t ends[4];
    struct bytes file = three_records(ends);
    const char *folder = temp_folder();
    struct journal *journal;
    write_file(path_in(folder, "journal-7-00000001.jwbj"), file);
    const struct journal_options options = {folder, 7, 20, 1 << 20, 2048, NULL};
    assert_int_equal(journal_open(&options, &journal, &why), JOURNAL_ERR_DAMAGED);
    journal_close(&journal);
}

/* Broken: after a full disk half a turn would stay, or later turns would be written behind it. */
static void short_write_is_cut_off(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    write_record(journal, 0);
    struct bytes before = read_file(file_in(folder, 1), file_storage, sizeof file_storage);
    for (long taken = 0; taken < 120; taken++) {
        append(journal, 77);
        append(journal, 78);
        short_write = taken;
        assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
        assert_true(bytes_equal(read_file(file_in(folder, 1), again_storage, sizeof again_storage),
                                before));
    }
    assert_int_equal(journal_counters(journal)->failures, 120);
    write_record(journal, 1);
    journal_close(&journal);
    assert_int_equal(read_whole(file_in(folder, 1), 0), 2);
}

/* Broken: when even the cut fails, good records would follow half ones, which reads as damage. */
static void nothing_follows_what_could_not_be_cut(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    write_record(journal, 0);
    ftruncate_fails = true;
    short_write = 20;
    append(journal, 77);
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    append(journal, 78);
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    ftruncate_fails = false;
    write_record(journal, 1);
    journal_close(&journal);
    assert_int_equal(read_whole(file_in(folder, 1), 0), 2);
}

/* Broken: the kernel's own refusal to let the file grow would not be survived. */
static void file_size_limit_is_survived(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    struct rlimit before, limit;
    write_record(journal, 0);
    struct bytes file = read_file(file_in(folder, 1), file_storage, sizeof file_storage);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = file.len + 10; /* the kernel takes 10 octets of the turn */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append(journal, 77);
    enum journal_error error = journal_write(journal);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(error, JOURNAL_ERR_WRITE);
    write_record(journal, 1);
    journal_close(&journal);
    assert_int_equal(read_whole(file_in(folder, 1), 0), 2);
}

/* Broken: one file would grow without an end, or records would be lost between two files. */
static void full_file_is_followed_by_the_next(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal;
    assert_int_equal(open_sized(folder, 400, &journal), JOURNAL_OK);
    for (unsigned n = 0; n < 40; n++) {
        write_record(journal, n);
        wait_until_synced(journal);
        if (n == 20) {
            journal_close(&journal);
            assert_int_equal(open_sized(folder, 400, &journal), JOURNAL_OK);
        }
    }
    journal_close(&journal);
    unsigned n = 0, number = 1;
    for (; access(file_in(folder, number), F_OK) == 0; number++) {
        struct bytes file = read_file(file_in(folder, number), file_storage, sizeof file_storage);
        assert_true(file.len <= 400);
        n = read_whole(file_in(folder, number), n);
    }
    assert_int_equal(n, 40);
    assert_true(number > 10);
}

/* Broken: a slow disk would stop the loop, or its delay would not show in the counter. */
static void loop_does_not_wait_for_the_disk(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal;
    assert_int_equal(open_sized(folder, 400, &journal), JOURNAL_OK);
    sync_held = true;
    for (unsigned n = 0; n < 40; n++)
        write_record(journal, n);
    assert_true(journal_counters(journal)->unsynced_us > 0);
    assert_int_equal(journal_counters(journal)->syncs, 0);
    sync_held = false;
    wait_until_synced(journal);
    assert_true(journal_counters(journal)->syncs > 0);
    journal_close(&journal);
    assert_int_equal(read_whole(file_in(folder, 2), read_whole(file_in(folder, 1), 0)), 40);
    assert_int_equal(access(file_in(folder, 3), F_OK), -1);
}

/* Broken: after a failed sync the gateway would go on answering on evidence that may be gone. */
static void failed_sync_ends_the_journal(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    sync_fails = EIO;
    write_record(journal, 0);
    while (journal_counters(journal)->failures == 0)
        sched_yield();
    sync_fails = 0;
    append(journal, 1);
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    assert_true(journal_counters(journal)->unsynced_us > 0);
    journal_close(&journal);
    journal = open_in(folder);
    write_record(journal, 1);
    journal_close(&journal);
    assert_int_equal(read_whole(file_in(folder, 1), 0), 2);
}

/* Unsynced records in this many files of so many octets; the journal fails for want of room. */
static struct journal *open_without_room(const char *folder, uint64_t file_bytes_max,
                                         unsigned records)
{
    struct journal *journal;
    assert_int_equal(open_sized(folder, file_bytes_max, &journal), JOURNAL_OK);
    write_record(journal, 0);
    wait_until_synced(journal);
    rewritten = 0;
    sync_held = true;
    for (unsigned n = 1; n < records; n++)
        write_record(journal, n);
    sync_fails = ENOSPC;
    sync_held = false;
    while (!journal_counters(journal)->failing)
        sched_yield();
    append(journal, 77);
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    assert_false(journal_try(journal));
    return journal;
}

/* Broken: after a full disk that was only told by a sync a gateway would not come back by itself;
 * or it would, and what the kernel forgot would be missing on the disk without anybody knowing. */
static void failed_sync_is_made_good_when_there_is_room(void **state)
{
    (void)state;
    for (int files = 1; files <= 2; files++) {
        const char *folder = temp_folder();
        struct journal *journal = open_without_room(folder, files == 1 ? 1 << 20 : 400, 9);
        sync_fails = 0;
        while (journal_counters(journal)->failing && !journal_try(journal))
            sched_yield();
        wait_until_synced(journal);
        size_t unsynced = 0;
        struct journal_record record = record_of(0);
        uint8_t storage[JOURNAL_RECORD_BYTES_MAX];
        struct buf first = BUF_OVER(storage);
        journal_record_write(&record, &first);
        for (int number = 1; number <= files; number++)
            unsynced +=
                read_file(file_in(folder, (unsigned)number), again_storage, sizeof again_storage)
                    .len;
        assert_int_equal(rewritten, unsynced - first.len - JOURNAL_HEADER_BYTES);
        write_record(journal, 9);
        assert_false(journal_counters(journal)->failing);
        journal_close(&journal);
        unsigned n = 0;
        for (unsigned number = 1; access(file_in(folder, number), F_OK) == 0; number++)
            n = read_whole(file_in(folder, number), n);
        assert_int_equal(n, 10);
    }
}

/* Broken: records that the disk lost behind a failed sync would be vouched for. */
static void what_a_failed_sync_lost_ends_the_journal(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_without_room(folder, 1 << 20, 9);
    assert_int_equal(truncate(file_in(folder, 1), 300), 0);
    sync_fails = 0;
    const uint64_t failures = journal_counters(journal)->failures;
    while (journal_counters(journal)->failures == failures)
        sched_yield();
    append(journal, 78);
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    assert_true(journal_counters(journal)->failing);
    journal_close(&journal);
}

/* Ten turns, of which those that were written are numbered from 0; how many, -1: it did not open.
 */
static int ten_turns(const char *folder)
{
    struct journal *journal;
    unsigned written = 0;
    if (open_sized(folder, 400, &journal) != JOURNAL_OK) {
        assert_null(journal);
        assert_true(why.len > 0);
        return -1;
    }
    for (int turn = 0; turn < 10; turn++) {
        append(journal, written);
        written += journal_write(journal) == JOURNAL_OK;
    }
    journal_close(&journal);
    return (int)written;
}

/* Broken: some failing system call would lose a record that was vouched for, or keep one that was
 * not. */
static void every_failing_call_is_survived(void **state)
{
    (void)state;
    const char *parent = temp_folder();
    for (int nth = 1;; nth++) {
        char folder[512];
        snprintf(folder, sizeof folder, "%s/%d", parent, nth);
        faulted = 0;
        calls_until_fault = nth;
        int written = ten_turns(folder);
        calls_until_fault = 0;
        if (!faulted)
            break;
        if (faulted == ENOSPC) /* a write: it costs one turn, or the start */
            assert_true(written == 9 || written == -1);
        struct journal *journal = open_in(folder); /* what was half begun stops nobody */
        journal_close(&journal);
        unsigned n = 0;
        for (unsigned number = 1; access(file_in(folder, number), F_OK) == 0; number++)
            n = read_whole(file_in(folder, number), n);
        unsigned answered = written < 0 ? 0 : (unsigned)written;
        /* When the sync of an answer fails, its record is there without it. */
        assert_true(n == answered || (sync_ms == 0 && faulted == EIO && n == answered + 1));
        assert_true(nth < 200);
    }
}

/* ---- synced before each answer ---- */

/* Broken: with sync_ms 0 an answer would leave before its evidence is durable. */
static void without_delay_each_write_is_synced_first(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal;
    sync_ms = 0;
    folder_syncs = 0;
    assert_int_equal(open_sized(folder, 800, &journal), JOURNAL_OK);
    for (unsigned n = 0; n < 40; n++) {
        int before = syncs;
        write_record(journal, n);
        assert_int_equal(syncs, before + 1);
        assert_int_equal(journal_counters(journal)->unsynced_us, 0);
    }
    sync_fails = EIO;
    append(journal, 77);
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    sync_fails = 0;
    append(journal, 78); /* the kernel forgot what it could not write: nothing goes behind it */
    assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    assert_int_equal(journal_counters(journal)->failures, 2);
    journal_close(&journal);
    sync_ms = 1;
    assert_int_equal(access(file_in(folder, 3), F_OK), 0);
    for (int number = 1; access(file_in(folder, (unsigned)number), F_OK) == 0; number++)
        assert_true(number <= folder_syncs);
}

/* Broken: without a thread that syncs, the same. */
static void failed_sync_is_made_good_without_delay(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    sync_ms = 0;
    struct journal *journal = open_in(folder);
    write_record(journal, 0);
    sync_fails = EDQUOT;
    for (int i = 0; i < 3; i++) {
        append(journal, 1);
        assert_int_equal(journal_write(journal), JOURNAL_ERR_WRITE);
    }
    assert_true(journal_counters(journal)->failing);
    sync_fails = 0;
    write_record(journal, 2);
    assert_false(journal_counters(journal)->failing);
    journal_close(&journal);
    sync_ms = 1;
    assert_int_equal(read_whole(file_in(folder, 1), 0), 3); /* the first one stays, unanswered */
}

/* Broken: some failing system call would let a record through that is not durable. */
static void every_failing_call_is_survived_without_delay(void **state)
{
    sync_ms = 0;
    every_failing_call_is_survived(state);
    sync_ms = 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back_as_written),
        cmocka_unit_test(turn_without_records_writes_nothing),
        cmocka_unit_test(full_turn_refuses_and_recovers),
        cmocka_unit_test(torn_tail_is_cut_at_every_length),
        cmocka_unit_test(bad_last_record_is_cut),
        cmocka_unit_test(damage_is_told_and_left),
        cmocka_unit_test(reader_goes_on_behind_damage),
        cmocka_unit_test(reader_refuses_what_is_no_journal),
        cmocka_unit_test(second_gateway_is_refused),
        cmocka_unit_test(open_failure_names_the_folder),
        cmocka_unit_test(other_loops_file_is_left),
        cmocka_unit_test(short_write_is_cut_off),
        cmocka_unit_test(nothing_follows_what_could_not_be_cut),
        cmocka_unit_test(file_size_limit_is_survived),
        cmocka_unit_test(full_file_is_followed_by_the_next),
        cmocka_unit_test(loop_does_not_wait_for_the_disk),
        cmocka_unit_test(failed_sync_ends_the_journal),
        cmocka_unit_test(failed_sync_is_made_good_when_there_is_room),
        cmocka_unit_test(what_a_failed_sync_lost_ends_the_journal),
        cmocka_unit_test(failed_sync_is_made_good_without_delay),
        cmocka_unit_test(every_failing_call_is_survived),
        cmocka_unit_test(without_delay_each_write_is_synced_first),
        cmocka_unit_test(every_failing_call_is_survived_without_delay),
    };
    test_thread = pthread_self();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
