/* Journals as others see them who follow them, and what is removed from them. */
#include "tests/unit/journal_fixture.h"

/* ---- who follows a journal ---- */

static uint64_t progress_of(const char *folder)
{
    uint64_t position;
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY);
    assert_true(descriptor >= 0);
    assert_int_equal(journal_progress(descriptor, 3, &position), JOURNAL_OK);
    close(descriptor);
    return position;
}

static uint64_t file_bytes(const char *path)
{
    return read_file(path, again_storage, sizeof again_storage).len;
}

/* Broken: the log would take records that were never synced, or that are cut off again; or none. */
static void progress_is_what_was_synced(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    assert_true(progress_of(folder) == UINT64_MAX); /* nobody ever wrote here */
    for (sync_ms = 0; sync_ms < 2; sync_ms++) {
        struct journal *journal = open_in(folder);
        assert_true(progress_of(folder) == journal_position(1, file_bytes(file_in(folder, 1))));
        write_record(journal, 0);
        wait_until_synced(journal);
        uint64_t synced = journal_position(1, file_bytes(file_in(folder, 1)));
        if (sync_ms == 0)
            assert_true(progress_of(folder) == synced);
        else
            while (progress_of(folder) != synced)
                sched_yield();
        sync_held = sync_ms > 0;
        sync_fails = sync_ms == 0 ? EIO : 0;
        append(journal, 1);
        assert_int_equal(journal_write(journal), sync_ms ? JOURNAL_OK : JOURNAL_ERR_WRITE);
        while (sync_held && !sync_waits)
            sched_yield();
        assert_true(progress_of(folder) == synced);
        sync_held = sync_fails = 0;
        journal_close(&journal);
        assert_true(progress_of(folder) == UINT64_MAX);
    }
    sync_ms = 1;
}

/* Broken: behind a file that is full the log would wait for ever, or run ahead of the disk. */
static void progress_goes_through_the_files(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal;
    assert_int_equal(open_sized(folder, 400, &journal), JOURNAL_OK);
    for (unsigned n = 0; n < 20; n++) {
        write_record(journal, n);
        uint64_t position = progress_of(folder);
        unsigned number = journal_position_number(position);
        assert_true(journal_position_octet(position) <= file_bytes(file_in(folder, number)));
        wait_until_synced(journal);
    }
    unsigned last = 1;
    while (access(file_in(folder, last + 1), F_OK) == 0)
        last++;
    assert_true(last > 5);
    while (progress_of(folder) != journal_position(last, file_bytes(file_in(folder, last))))
        sched_yield();
    journal_close(&journal);
}

static void read_source(const char *path, char source[JOURNAL_SOURCE_BYTES_MAX])
{
    struct journal_reader *reader;
    assert_int_equal(journal_reader_open(path, &reader), JOURNAL_OK);
    snprintf(source, JOURNAL_SOURCE_BYTES_MAX, "%s", journal_reader_source(reader));
    journal_reader_close(&reader);
}

/* Broken: the log would take a journal's records twice after its next start, or pass over those of
 * one that was begun anew. */
static void a_journal_keeps_its_name_until_it_is_begun_anew(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    char first[JOURNAL_SOURCE_BYTES_MAX], source[JOURNAL_SOURCE_BYTES_MAX];
    struct journal *journal;
    unsigned number = 0;
    while (++number < 4) { /* with files that follow, a header that was torn, a damaged file */
        assert_int_equal(open_sized(folder, 1 << 20, &journal),
                         number == 3 ? JOURNAL_ERR_DAMAGED : JOURNAL_OK);
        write_record(journal, 1);
        write_record(journal, 2);
        journal_close(&journal);
        if (number == 1) {
            read_source(file_in(folder, 1), first);
            write_file(file_in(folder, 2), BYTES("JWBJ"));
        }
        read_source(file_in(folder, number), source);
        assert_string_equal(source, first);
        if (number == 2) {
            struct bytes file = read_file(file_in(folder, 2), file_storage, sizeof file_storage);
            file_storage[0] ^= 1;
            write_file(file_in(folder, 2), file);
        }
    }
    while (number-- > 1)
        unlink(file_in(folder, number));
    journal = open_in(folder);
    journal_close(&journal);
    read_source(file_in(folder, 1), source);
    assert_string_not_equal(source, first);
}

/* ---- removing ---- */

static bool is_even(void *context, const struct journal_record *record, uint64_t octet)
{
    unsigned *n = context; /* of the record that is asked for */
    assert_record(record, *n);
    assert_true(octet >= 24);
    return (*n)++ % 2 == 0;
}

/* What is left of records 0 to n - 1 in a file after the even ones below `removed` were removed. */
static void assert_left(const char *path, unsigned removed, unsigned n)
{
    struct journal_reader *reader;
    struct journal_record record;
    uint64_t torn_bytes;
    bool end;
    assert_int_equal(journal_reader_open(path, &reader), JOURNAL_OK);
    for (unsigned i = 0; i < n; i++) {
        if (i < removed && i % 2 == 0)
            continue;
        assert_int_equal(journal_reader_next(reader, &record, &end, &torn_bytes), JOURNAL_OK);
        assert_false(end);
        assert_record(&record, i);
    }
    assert_int_equal(journal_reader_next(reader, &record, &end, &torn_bytes), JOURNAL_OK);
    assert_true(end && torn_bytes == 0);
    journal_reader_close(&reader);
}

/* Broken: what is due would stay, or what is not would go; a removed record would read as damage;
 * or a record would be overwritten that is just being written. */
static void what_is_due_is_removed_up_to_what_is_synced(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    uint64_t removed;
    unsigned asked = 0, n = 0;
    for (; n < 10; n++)
        write_record(journal, n);
    wait_until_synced(journal);
    while (progress_of(folder) != journal_position(1, file_bytes(file_in(folder, 1))))
        sched_yield();
    sync_held = true;
    for (; n < 14; n++)
        write_record(journal, n);
    uint64_t before = file_bytes(file_in(folder, 1));
    assert_int_equal(journal_remove(file_in(folder, 1), is_even, &asked, &removed), JOURNAL_OK);
    sync_held = false;
    assert_int_equal(asked, 10);
    assert_int_equal(removed, 5);
    assert_int_equal(file_bytes(file_in(folder, 1)), before);
    assert_left(file_in(folder, 1), asked, n);
    write_record(journal, n++);
    journal_close(&journal);
    assert_left(file_in(folder, 1), asked, n);
    journal = open_in(folder); /* what was removed is no damage */
    journal_close(&journal);
}

static bool is_all(void *context, const struct journal_record *record, uint64_t octet)
{
    (void)context, (void)record, (void)octet;
    return true;
}

/* Broken: damage would end the removing, be overwritten or go untold; a failing disk would be taken
 * for a removal. */
static void removing_again_and_beside_damage_is_told(void **state)
{
    (void)state;
    size_t ends[4];
    struct bytes file = three_records(ends);
    const char *path = file_in(temp_folder(), 1);
    uint64_t removed;
    file_storage[ends[1] + 20] ^= 1;
    write_file(path, file);
    assert_int_equal(journal_remove(path, is_all, NULL, &removed), JOURNAL_ERR_DAMAGED);
    assert_int_equal(removed, 2);
    struct bytes left = read_file(path, again_storage, sizeof again_storage);
    assert_memory_equal(left.data + ends[1], file.data + ends[1], ends[2] - ends[1]);
    assert_memory_equal(left.data, file.data, ends[0]);
    assert_int_equal(journal_remove(path, is_all, NULL, &removed), JOURNAL_ERR_DAMAGED);
    assert_int_equal(removed, 0);

    file_storage[ends[1] + 20] ^= 1;
    write_file(path, file);
    calls_until_fault = 2;
    assert_int_equal(journal_remove(path, is_all, NULL, &removed), JOURNAL_ERR_WRITE);
    assert_int_equal(removed, 1);
    calls_until_fault = 0;
    sync_fails = EIO;
    assert_int_equal(journal_remove(path, is_all, NULL, &removed), JOURNAL_ERR_WRITE);
    sync_fails = 0;
    assert_int_equal(journal_remove(path_in(path, "x"), is_all, NULL, &removed), JOURNAL_ERR_OPEN);
    write_file(path, BYTES("SQLite format 3 and much more"));
    assert_int_equal(journal_remove(path, is_all, NULL, &removed), JOURNAL_ERR_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_what_was_synced),
        cmocka_unit_test(progress_goes_through_the_files),
        cmocka_unit_test(a_journal_keeps_its_name_until_it_is_begun_anew),
        cmocka_unit_test(what_is_due_is_removed_up_to_what_is_synced),
        cmocka_unit_test(removing_again_and_beside_damage_is_told),
    };
    test_thread = pthread_self();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
