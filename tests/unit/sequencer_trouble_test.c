/* The sequencer beside damage, gaps, full disks and journals that went back. */
#include "tests/unit/sequencer_fixture.h"

/* Broken: damage would keep all that follows out of the log, or nobody would be told. */
static void damage_is_told_and_the_rest_is_taken(void **state)
{
    (void)state;
    journal_with(0, 0, 0, 20);
    journal_with(0, 1, 0, 20);
    const char *path = path_in(world.journals[0], "journal-0-00000001.jwbj");
    struct bytes file = read_file(path);
    ((uint8_t *)file.data)[24 + 40] ^= 1; /* the first record */
    write_file(path, file);
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 39);
    while (told.troubles == 0)
        sched_yield();
    wait_for_trouble("");
    assert_int_equal(told.troubles, 1);
    sequencer_stop(&sequencer);
    sequencer = start();
    wait_for_size(sequencer, 39);
    event_count = 1;
    wait_for_size(sequencer, 40);
    sequencer_stop(&sequencer);
    assert_int_equal(told.troubles, 1);
}

/* Broken: a file that is no journal, or of an older version, would keep the next ones out. */
static void a_foreign_file_is_told_and_passed_over(void **state)
{
    (void)state;
    static const char octets[100] = "SQLite format 3";
    write_file(path_in(world.journals[0], "journal-0-00000001.jwbj"),
               bytes_of(octets, sizeof octets));
    write_file(path_in(world.journals[0], "journal-0-00000003.jwbj"),
               bytes_of(octets, sizeof octets));
    struct sequencer *sequencer = start();
    wait_for_trouble("journal-0-00000003.jwbj: no journal of this version");
    struct journal *journal;
    const struct journal_options options = {world.journals[0], .sync_ms = 1,
                                            .file_bytes_max = 10000, .turn_bytes_max = 10000};
    assert_int_equal(journal_open(&options, &journal, &why), JOURNAL_ERR_DAMAGED);
    write_records(journal, 0, 0, 10);
    wait_for_size(sequencer, 10);
    wait_for_trouble("");
    journal_close(&journal);
    stop_and_assert(&sequencer, (const uint64_t[]){10, 0, 0, 0}, 0);
}

/* Broken: with an event missing the log could never put a registry right; and the rest of it would
 * be told as if nothing were missing. */
static void a_gap_in_the_events_is_not_passed_over(void **state)
{
    (void)state;
    event_count = 70;
    event_skipped = 66;
    struct sequencer *sequencer = start();
    wait_for_trouble("the registry's event after 65 has number 67");
    journal_with(0, 0, 0, 10);
    wait_for_size(sequencer, 75);
    assert_int_equal(sequencer_events_logged(sequencer), 65);
    event_skipped = 0;
    wait_for_size(sequencer, 80);
    wait_for_trouble("");
    events_fail = true;
    wait_for_trouble("the registry's events can't be read");
    events_fail = false;
    wait_for_trouble("");
    stop_and_assert(&sequencer, (const uint64_t[]){10, 0, 0, 0}, 70);
    assert_int_equal(told.troubles, 2);
}

/* Broken: a registry that was restored from a backup, and has grown past the log since, would go on
 * in the log as if it were the one that was lost; and what it lost could never be told again. */
static void a_registry_that_is_another_is_not_taken_from(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) { /* while the log is written, and before */
        event_count = 100;
        events_since = 0;
        struct sequencer *sequencer = start();
        while (sequencer_events_logged(sequencer) < 100)
            sched_yield();
        assert_int_equal(sequencer_last_event(sequencer).at_us, 100);
        if (late)
            sequencer_stop(&sequencer);
        event_count = 0;
        events_since = 1000000;
        event_count = 200; /* it has more than the log by now */
        if (late)
            sequencer = start();
        wait_for_trouble("event 100 is not the one that the log has");
        assert_int_equal(sequencer_events_logged(sequencer), 100);
        assert_int_equal(sequencer_last_event(sequencer).at_us, 100);
        event_count = 100; /* its own are back */
        events_since = 0;
        wait_for_trouble("");
        stop_and_assert(&sequencer, (const uint64_t[]){0, 0, 0, 0}, 100);
    }
}

/* Broken: on a full disk records would be lost or doubled, or it would stay in trouble when there
 * is room again. */
static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    struct writer writers[FOLDERS * LOOPS];
    struct sequencer *sequencer = start();
    start_writers(writers, 1000);
    for (int round = 0; round < 3; round++) {
        wait_for_trouble("");
        rename_fails = true;
        event_count++;
        wait_for_trouble("can't be committed");
        assert_true(sequencer_counters(sequencer)->lag_us > 0);
        rename_fails = false;
    }
    for (unsigned i = 0; i < FOLDERS * LOOPS; i++)
        pthread_join(writers[i].thread, NULL);
    wait_for_size(sequencer, 4000 + event_count);
    wait_for_trouble("");
    assert_true(sequencer_counters(sequencer)->failures >= 3);
    stop_and_assert(&sequencer, (const uint64_t[]){1000, 1000, 1000, 1000}, event_count);
    assert_int_equal(told.seen, 4000 + event_count);
}

static const char *first_file(void)
{
    return path_in(world.journals[0], "journal-0-00000001.jwbj");
}

static struct bytes keep_file(const char *path)
{
    static uint8_t storage[1 << 16];
    struct bytes file = read_file(path);
    assert_true(file.len <= sizeof storage);
    memcpy(storage, file.data, file.len);
    return bytes_of(storage, file.len);
}

/* Opens a journal that can't be gone on with, as a gateway does that knows this log (or none). */
static struct journal *open_left(const char *log, enum journal_error expected)
{
    const struct journal_options options = {world.journals[0], 0, 1, 1 << 20, 65536, log};
    struct journal *journal;
    why = (struct buf)BUF_OVER(why_storage);
    assert_int_equal(journal_open(&options, &journal, &why), expected);
    return journal;
}

/* Broken: what is answered after a journal came back from a backup would be passed over up to where
 * the log had got. The log had got further in the same file, or in a later one; whoever leads it
 * has seen that, or begins now. */
static void a_journal_that_came_back_from_a_backup_begins_anew(void **state)
{
    for (unsigned round = 0; round < 4; round++) {
        const bool later_file = round & 1, restarted = round & 2;
        each_begins(state);
        struct sequencer *sequencer = start();
        journal_with(0, 0, 0, 10);
        struct bytes copy = keep_file(first_file());
        struct journal *journal = open_journal_sized(0, 0, later_file ? 100 : 1 << 20);
        write_records(journal, 0, 10, 15);
        wait_until_synced(journal);
        write_records(journal, 0, 15, 20);
        journal_close(&journal);
        wait_for_size(sequencer, 20);
        if (restarted)
            sequencer_stop(&sequencer);
        write_file(first_file(), copy);
        for (unsigned number = 2; number < 4; number++) {
            char name[JOURNAL_FILE_NAME_BYTES_MAX];
            journal_file_name_write(0, number, name);
            unlink(path_in(world.journals[0], name));
        }
        journal = open_left(world.log, JOURNAL_ERR_DAMAGED);
        assert_non_null(strstr(buf_cstr(&why), "00000001.jwbj: an older copy"));
        if (restarted)
            sequencer = start();
        write_records(journal, 0, 20, 60);
        wait_for_size(sequencer, 60);
        journal_close(&journal);
        journal_with(0, 0, 60, 70); /* and is gone on with */
        wait_for_size(sequencer, 70);
        wait_for_trouble("");
        stop_and_assert(&sequencer, (const uint64_t[]){70, 0, 0, 0}, 0);
    }
}

/* Broken: an older copy that was written to without a look at the log would be taken up where the
 * log had got, what lies before that would be passed over, and nobody would be told any more. */
static void an_older_copy_that_has_grown_is_told_until_it_is_gone(void **state)
{
    (void)state;
    journal_with(0, 0, 0, 10);
    struct bytes copy = keep_file(first_file());
    journal_with(0, 0, 10, 20);
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 20);
    write_file(first_file(), copy);
    wait_for_trouble("is shorter than what the log has of it: the journal went back");
    struct journal *journal = open_left(NULL, JOURNAL_OK);
    write_records(journal, 0, 30, 90);
    journal_close(&journal);
    for (int restart = 0; restart < 2; restart++) {
        wait_for_trouble("is not what the log has of it: the journal went back");
        journal_with(1, 0, (uint64_t)restart * 5, (uint64_t)restart * 5 + 5);
        wait_for_size(sequencer, 25 + 5 * (uint64_t)restart);
        sequencer_stop(&sequencer);
        told.trouble[0] = 0;
        sequencer = start();
    }
    wait_for_trouble("the journal went back");
    assert_int_equal(rename(first_file(), path_in(temp_folder(), "elsewhere")), 0);
    wait_for_trouble("");
    journal_with(0, 0, 20, 25);
    wait_for_size(sequencer, 35);
    stop_and_assert(&sequencer, (const uint64_t[]){25, 0, 10, 0}, 0);
}

/* Broken: gateways that reach a folder by different paths would take its records twice. */
static void a_journal_is_the_same_by_any_path(void **state)
{
    (void)state;
    journal_with(0, 0, 0, 10);
    journal_with(1, 0, 0, 10);
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 20);
    sequencer_stop(&sequencer);
    const char *moved = path_in(temp_folder(), "moved");
    assert_int_equal(rename(world.journals[0], moved), 0);
    world.journals[0] = moved;
    sequencer = start();
    journal_with(0, 0, 10, 12);
    wait_for_size(sequencer, 22);
    stop_and_assert(&sequencer, (const uint64_t[]){12, 0, 10, 0}, 0);
}

/* Broken: a configuration that names a gateway's own folder among the others, or a link to one,
 * would abort whoever leads. */
static void a_folder_that_is_named_twice_is_taken_once(void **state)
{
    (void)state;
    const char *link = path_in(temp_folder(), "link");
    assert_int_equal(symlink(world.journals[0], link), 0);
    world.journals[1] = link;
    struct journal *journal = open_journal(0, 0);
    write_records(journal, 0, 0, 10);
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 10);
    for (uint64_t n = 10; n < 50; n += 10) {
        write_records(journal, 0, n, n + 10);
        wait_for_size(sequencer, n + 10);
    }
    journal_close(&journal);
    stop_and_assert(&sequencer, (const uint64_t[]){50, 0, 0, 0}, 0);
    assert_int_equal(told.troubles, 0);
}

static void copy_file(const char *from, const char *to)
{
    write_file(to, read_file(from));
}

/* Broken: the copy of a journal in another gateway's folder would abort whoever leads, its records
 * would be in the log twice, or nobody would learn that what is written to it is not there. */
static void a_copy_of_a_journal_is_told_and_not_taken(void **state)
{
    (void)state;
    const char *name = "journal-0-00000001.jwbj";
    const char *original = path_in(world.journals[0], name);
    const char *copy = path_in(world.journals[1], name);
    journal_with(0, 0, 0, 10);
    copy_file(original, copy);
    struct sequencer *sequencer = start();
    wait_for_trouble("journal-0-00000001.jwbj: is a copy of the journal in");
    wait_for_size(sequencer, 10);
    journal_with(0, 0, 10, 20);
    journal_with(1, 1, 0, 5); /* the others are taken */
    wait_for_size(sequencer, 25);
    copy_file(original, copy);
    journal_with(0, 0, 20, 30);
    wait_for_size(sequencer, 35);
    assert_true(trouble_has("is a copy"));
    assert_int_equal(unlink(copy), 0);
    wait_for_trouble("");
    journal_with(1, 0, 0, 7); /* begun anew */
    wait_for_size(sequencer, 42);
    stop_and_assert(&sequencer, (const uint64_t[]){30, 0, 7, 5}, 0);
}

static bool is_early(void *context, const struct journal_record *record, uint64_t octet)
{
    (void)context, (void)octet;
    return (record->request_id & UINT32_MAX) < 47;
}

/* Broken: a gap between files (archived ones are removed) or a removed record would stop it, or be
 * told as damage. */
static void removed_files_and_records_are_passed_over(void **state)
{
    (void)state;
    struct journal *journal = open_journal_sized(0, 0, 1000);
    struct sequencer *sequencer = start();
    for (uint64_t n = 0; n < 50; n += 5) {
        write_records(journal, 0, n, n + 5);
        wait_for_size(sequencer, n + 5);
    }
    sequencer_stop(&sequencer);
    for (unsigned number = 1; number < 5; number++) {
        char name[JOURNAL_FILE_NAME_BYTES_MAX];
        journal_file_name_write(0, number, name);
        assert_int_equal(unlink(path_in(world.journals[0], name)), 0);
    }
    uint64_t removed;
    assert_int_equal(journal_remove(path_in(world.journals[0], "journal-0-00000010.jwbj"), is_early,
                                    NULL, &removed),
                     JOURNAL_OK);
    assert_int_equal(removed, 2);
    sequencer = start();
    write_records(journal, 0, 50, 60);
    wait_for_size(sequencer, 60);
    assert_int_equal(told.troubles, 0);
    stop_and_assert(&sequencer, (const uint64_t[]){60, 0, 0, 0}, 0);
    world.log = path_in(temp_folder(), "another");
    sequencer = start();
    wait_for_size(sequencer, 60 - 4 * 5 - 2);
    assert_int_equal(told.troubles, 0);
    sequencer_stop(&sequencer);
    journal_close(&journal);
}

/* Broken: on a full disk, where the next file is begun and given up again, the file before it would
 * be taken for finished, and what is still written to it would be lost. */
static void a_next_file_that_is_given_up_changes_nothing(void **state)
{
    (void)state;
    const char *next = path_in(world.journals[0], "journal-0-00000002.jwbj");
    struct journal *journal = open_journal(0, 0);
    write_records(journal, 0, 0, 10);
    wait_until_synced(journal);
    write_file(next, BYTES(""));
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 10);
    event_count = 3;
    wait_for_size(sequencer, 13);
    journal_with(1, 0, 0, 10); /* the journals were looked at once more */
    wait_for_size(sequencer, 23);
    unlink(next);
    write_records(journal, 0, 10, 20);
    wait_for_size(sequencer, 33);
    assert_int_equal(told.troubles, 0);
    stop_and_assert(&sequencer, (const uint64_t[]){20, 0, 10, 0}, 3);
    journal_close(&journal);
}

/* Broken: one folder that is not mounted would keep the others out of the log, or go unnoticed. */
static void a_missing_folder_is_told_and_the_rest_is_taken(void **state)
{
    (void)state;
    journal_with(1, 0, 0, 10);
    world.journals[0] = path_in(world.journals[1], "missing");
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 10);
    wait_for_trouble("missing: can't be read: No such file or directory");
    assert_int_equal(mkdir(world.journals[0], 0700), 0);
    journal_with(0, 0, 0, 10);
    wait_for_size(sequencer, 20);
    wait_for_trouble("");
    stop_and_assert(&sequencer, (const uint64_t[]){10, 0, 10, 0}, 0);
}

/* Broken: a gateway would start without evidence, or not at all beside a damaged log, which is to
 * be told again and again and never written to. */
static void what_can_t_be_opened_is_told(void **state)
{
    (void)state;
    const struct sequencer_options nowhere = {
        .folder = "/proc/log", .signer = world.signer, .trouble = note_trouble};
    why = (struct buf)BUF_OVER(why_storage);
    assert_null(sequencer_start(&nowhere, &why));
    assert_non_null(strstr(buf_cstr(&why), "/proc/log"));
    event_count = 10;
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 10);
    sequencer_stop(&sequencer);
    const char *path = path_in(world.log, "state");
    struct bytes file = read_file(path);
    struct bytes cut = bytes_of(file.data, file.len / 2);
    write_file(path, cut);
    sequencer = start();
    wait_for_trouble(world.log);
    assert_false(sequencer_leads(sequencer));
    sequencer_stop(&sequencer);
    assert_true(bytes_equal(read_file(path), cut));
}

/* Broken: what witnesses cosigned would not be published. */
static void cosigned_checkpoints_are_published(void **state)
{
    (void)state;
    struct note_signer witness;
    static uint8_t storage[NOTE_BYTES_MAX];
    struct buf note = BUF_OVER(storage);
    struct checkpoint checkpoint;
    struct bytes text;
    assert_true(note_key_create(path_in(world.journals[0], "witness"), "witness.example",
                                NOTE_COSIGNATURE, &witness, &why));
    event_count = 3;
    struct sequencer *sequencer = start();
    wait_for_size(sequencer, 3);
    for (bool has = false; !has; sched_yield()) {
        pthread_mutex_lock(&told.lock);
        has = told.note[0] != 0;
        if (has)
            buf_put_str(&note, told.note);
        pthread_mutex_unlock(&told.lock);
    }
    assert_true(checkpoint_read(buf_bytes(&note), &checkpoint, &text));
    assert_int_equal(note_cosign(text, &witness, 1700000000, &note), CRYPTO_OK);
    sequencer_publish(sequencer, buf_bytes(&note), true);
    const char *path = path_in(world.log, "checkpoint.witnessed");
    while (access(path, F_OK) != 0)
        sched_yield();
    assert_int_equal(note_check(read_file(path), &witness.verifier, NULL), CRYPTO_OK);
    sequencer_publish(sequencer, BYTES("no checkpoint\n"), false);
    wait_for_trouble("a cosigned checkpoint can't be published");
    sequencer_stop(&sequencer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, each_begins)
    const struct CMUnitTest tests[] = {
        TEST(damage_is_told_and_the_rest_is_taken),
        TEST(a_foreign_file_is_told_and_passed_over),
        TEST(a_gap_in_the_events_is_not_passed_over),
        TEST(a_registry_that_is_another_is_not_taken_from),
        TEST(a_full_disk_loses_nothing),
        TEST(a_journal_that_came_back_from_a_backup_begins_anew),
        TEST(an_older_copy_that_has_grown_is_told_until_it_is_gone),
        TEST(a_journal_is_the_same_by_any_path),
        TEST(a_folder_that_is_named_twice_is_taken_once),
        TEST(a_copy_of_a_journal_is_told_and_not_taken),
        TEST(removed_files_and_records_are_passed_over),
        TEST(a_next_file_that_is_given_up_changes_nothing),
        TEST(a_missing_folder_is_told_and_the_rest_is_taken),
        TEST(what_can_t_be_opened_is_told),
        TEST(cosigned_checkpoints_are_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
