/* Where records lie that a search finds, and those of a request. */
#include "tests/unit/index_fixture.h"

static bool is_of_place_8(void *context, const struct journal_record *record, uint64_t octet)
{
    (void)context, (void)octet;
    return record->place_known && record->index / 20000u == 8;
}

/* Broken: what was removed would still be found, or make an answer incomplete or a journal's index
 * useless for good. */
static void removed_records_are_passed_over(void **state)
{
    (void)state;
    const unsigned n = 1000;
    const char *folder = folder_with(n, 30000);
    struct question q = of_folder(folder);
    uint64_t removed = 0, in_file;
    update(folder, false);
    q.place_count = 1;
    q.first_place = 8;
    assert_true(ask(&q));
    size_t all = found_count;
    assert_true(all > 5);
    for (unsigned number = 1; access(journal_in(folder, number, 'j'), F_OK) == 0; number++) {
        assert_int_equal(
            journal_remove(journal_in(folder, number, 'j'), is_of_place_8, NULL, &in_file),
            JOURNAL_OK);
        removed += in_file;
    }
    assert_int_equal(removed, all);
    for (int round = 0; round < 2; round++) {
        q.first_place = 8;
        assert_true(ask(&q));
        assert_int_equal(found_count, 0);
        q.first_place = 9;
        assert_answer(&q, n);
        update(folder, round == 0);
    }
}

/* Broken: a proof would be of another record than the one that was found. */
static void each_record_is_told_with_where_it_lies(void **state)
{
    (void)state;
    const struct evidence_place place = place_at(7);
    struct evidence_search search = {.folder_count = 1,
                                     .places = &place,
                                     .place_count = 1,
                                     .kinds = KINDS_ALL,
                                     .max = 100,
                                     .each = note,
                                     .context = &looked};
    looked.folder = folder_with(1000, 30000);
    looked.where = &search.where;
    search.folders = &looked.folder;
    for (int round = 0; round < 2; round++) {
        found_count = 0;
        assert_true(evidence_search(&search) && search.complete);
        assert_true(found_count > 5);
        update(looked.folder, false);
    }
}

/* Broken: the records of a request would not be found for a proof, or a search would go on through
 * all that is there when it has what it wants. */
static void records_of_a_request_are_found(void **state)
{
    (void)state;
    const char *folders[] = {folder_with(500, 20000), temp_folder()};
    struct journal *journal = open_journal(folders[1], 0, 1 << 20);
    for (unsigned i = 0; i < 3; i++)
        write_records(journal, 77, 80, 1);
    journal_close(&journal);
    struct evidence_search search = {
        .folders = folders, .folder_count = 1, .max = 16, .each = note, .context = &looked};
    looked.folder = folders[0];
    looked.where = &search.where;
    for (unsigned id = 0; id < 500; id += 49) {
        found_count = 0;
        assert_true(evidence_find_request(&search, id) && search.complete);
        assert_int_equal(found_count, 1);
        assert_int_equal(found[0], id);
    }
    search.context = NULL;
    search.folder_count = 2;
    found_count = 0;
    assert_true(evidence_find_request(&search, 78) && search.complete);
    assert_int_equal(found_count, 4);
    search.max = 3;
    found_count = 0;
    assert_true(evidence_find_request(&search, 78) && !search.complete);
    assert_int_equal(found_count, 3);
    search.max = 16;
    found_count = 0;
    assert_true(evidence_find_request(&search, 12345) && search.complete);
    assert_int_equal(found_count, 0);
    search.since_us = INT64_MAX; /* nothing was written since */
    assert_true(evidence_find_request(&search, 78) && search.complete);
    assert_int_equal(found_count, 0);
    search.since_us = 0;
    flip(journal_in(folders[0], 1, 'j'), 5000, 1);
    assert_true(evidence_find_request(&search, 78) && !search.complete);
    folders[1] = path_in(folders[0], "missing");
    search.folders = folders + 1;
    search.folder_count = 1;
    assert_true(evidence_find_request(&search, 78) && !search.complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_records_are_passed_over),
        cmocka_unit_test(each_record_is_told_with_where_it_lies),
        cmocka_unit_test(records_of_a_request_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
