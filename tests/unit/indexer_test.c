#include "gateway/indexer.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "evidence/journal.h"
#include "tests/support.h"

/* A folder with files of a hundred records each, which all but the last are finished. */
static const char *folder_with_journals(struct journal **journal)
{
    const struct journal_options options = {
        .folder = temp_folder(),
        .sync_ms = 1,
        .file_bytes_max = 4000,
        .turn_bytes_max = 65536,
    };
    uint8_t storage[256];
    struct buf why = BUF_OVER(storage);
    assert_int_equal(journal_open(&options, journal, &why), JOURNAL_OK);
    return options.folder;
}

static void write_turn(struct journal *journal)
{
    for (unsigned n = 0; n < 100; n++) {
        const struct journal_record record = {
            .kind = JOURNAL_VERIFY, .place_known = true, .index = n};
        assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
    }
    assert_int_equal(journal_write(journal), JOURNAL_OK);
    while (journal_counters(journal)->unsynced_us)
        sched_yield();
}

static const char *index_in(const char *folder, unsigned number)
{
    char name[64];
    snprintf(name, sizeof name, "journal-0-%08u.jwbx", number);
    return path_in(folder, name);
}

/* Broken: the journals of a running gateway would stay without indices, or only those that were
 * there at its start would get one. */
static void journals_get_their_indices_while_it_runs(void **state)
{
    (void)state;
    struct journal *journal;
    const char *folder = folder_with_journals(&journal);
    write_turn(journal);
    write_turn(journal);
    struct indexer *indexer = indexer_start(folder, 1);
    assert_non_null(indexer);
    for (unsigned number = 1; number < 5; number++) {
        while (access(index_in(folder, number), F_OK) != 0)
            sched_yield();
        write_turn(journal);
    }
    indexer_stop(&indexer);
    assert_null(indexer);
    indexer_stop(&indexer);
    journal_close(&journal);
}

/* Broken: a gateway that is asked to stop would wait for the next look, or not start because the
 * folder can't be read. */
static void it_stops_at_once_and_survives_a_missing_folder(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct indexer *indexer = indexer_start(path_in(temp_folder(), "missing"), 600000);
        assert_non_null(indexer);
        indexer_stop(&indexer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journals_get_their_indices_while_it_runs),
        cmocka_unit_test(it_stops_at_once_and_survives_a_missing_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
