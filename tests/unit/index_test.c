#include "tests/unit/index_fixture.h"

/* ---- tests ---------------------------------------------------------------------------------- */

/* Broken: an index would hide records, or tell others' records than those asked for. */
static void found_is_what_was_written_with_and_without_index(void **state)
{
    (void)state;
    const unsigned n = 3000;
    const char *folder = folder_with(n, 60000);
    assert_int_equal(access(journal_in(folder, 3, 'j'), F_OK), 0);
    for (int round = 0; round < 3; round++) {
        struct question q = of_folder(folder);
        assert_answer(&q, n);
        q.place_count = 1;
        assert_answer(&q, n);
        q.first_place = 0, q.place_count = PLACES;
        assert_answer(&q, n);
        q.kinds = 1u << JOURNAL_DISPLAY;
        assert_answer(&q, n);
        q.kinds = 1u << JOURNAL_CONSENT;
        assert_answer(&q, n);
        q.kinds = KINDS_ALL, q.max = 10;
        assert_answer(&q, n);
        q.max = 200, q.since_us = record_of(n - 100).at_us;
        assert_answer(&q, n);
        q.place_count = 0;
        assert_answer(&q, n);
        update(folder, round == 1);
        assert_int_equal(access(journal_in(folder, 1, 'x'), F_OK), 0);
    }
}

/* Broken: whoever asks for the newest would get old ones, or not be told that there are more. */
static void newest_are_told_and_whether_there_are_more(void **state)
{
    (void)state;
    const unsigned n = 1000;
    const char *folder = folder_with(n, 30000);
    struct question q = of_folder(folder);
    q.place_count = PLACES - q.first_place;
    update(folder, false);
    assert_true(ask(&q));
    size_t all = found_count;
    for (size_t max = 1; max < all + 3; max += all / 20) {
        q.max = max;
        assert_answer(&q, n);
        assert_int_equal(ask(&q), max >= all);
    }
    q.max = all;
    assert_true(ask(&q));
    q.max = all - 1;
    assert_false(ask(&q));
}

/* Broken: what another loop or another gateway recorded would be missing, or come out of order. */
static void folders_and_loops_are_merged(void **state)
{
    (void)state;
    const unsigned n = 2000;
    const char *folders[] = {temp_folder(), temp_folder()};
    for (unsigned part = 0; part < 4; part++) {
        struct journal *journal = open_journal(folders[part / 2], part % 2, 1 << 20);
        write_records(journal, part, n, 4);
        journal_close(&journal);
    }
    struct question q = of_folder(folders[0]);
    q.folders[1] = folders[1];
    q.folder_count = 2;
    assert_answer(&q, n);
    q.max = 20;
    assert_answer(&q, n);
    /* A folder that can't be read is not an empty one. */
    q.folders[2] = path_in(folders[0], "missing");
    q.folder_count = 3;
    assert_false(ask(&q));
    assert_int_equal(found_count, 20);
    why = (struct buf)BUF_OVER(why_storage);
    assert_false(evidence_index_update(q.folders[2], false, NULL, &why));
    assert_non_null(strstr(buf_cstr(&why), "missing"));
}

/* Broken: what is not indexed yet would be read each time although whole segments are due, or a
 * segment's end would lose a record. Two whole segments here, and a half. */
static void live_journal_is_indexed_by_whole_segments(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_journal(folder, 0, UINT64_C(1) << 40);
    struct stat status, before;
    unsigned n = 0;
    do {
        write_records(journal, n, n + 10000, 1);
        n += 10000;
        assert_int_equal(stat(journal_in(folder, 1, 'j'), &status), 0);
    } while (status.st_size < 2 * EVIDENCE_SEGMENT_BYTES + EVIDENCE_SEGMENT_BYTES / 2);
    update(folder, false);
    struct question q = of_folder(folder);
    q.max = FOUND_MAX / 2;
    assert_answer(&q, n);
    q.place_count = 1, q.max = 50;
    assert_answer(&q, n);
    /* That it is used shows when what it covers is damaged at a record of another place. */
    flip(journal_in(folder, 1, 'j'), EVIDENCE_SEGMENT_BYTES / 2, 1);
    unsigned lost = 0;
    for (q.max = FOUND_MAX / 2, q.place_count = 1, q.first_place = 0; q.first_place < 20;
         q.first_place++)
        lost += !ask(&q);
    assert_true(lost <= 1);
    flip(journal_in(folder, 1, 'j'), EVIDENCE_SEGMENT_BYTES / 2, 1);
    /* Nothing new, nothing written. */
    assert_int_equal(stat(journal_in(folder, 1, 'x'), &before), 0);
    update(folder, false);
    assert_int_equal(stat(journal_in(folder, 1, 'x'), &status), 0);
    assert_int_equal(status.st_size, before.st_size);
    assert_int_equal(status.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    unlink(journal_in(folder, 1, 'x'));
    q = of_folder(folder);
    q.max = FOUND_MAX / 2;
    assert_answer(&q, n);
    journal_close(&journal);
}

/* Broken: a damaged or torn index would hide records or tell wrong ones, instead of being passed
 * over and, at the next start, made anew. */
static void damage_at_each_octet_of_an_index_changes_no_answer(void **state)
{
    (void)state;
    const unsigned n = 300;
    const char *folder = folder_with(n, 10000);
    uint8_t *original_storage = NULL, *again_storage = NULL;
    update(folder, false);
    char index[512];
    snprintf(index, sizeof index, "%s", journal_in(folder, 1, 'x'));
    struct bytes original = read_file(index, &original_storage);
    struct question q = of_folder(folder);
    for (size_t at = 0; at < original.len; at++) {
        flip(index, (long)at, (uint8_t)(1u << at % 8));
        assert_answer(&q, n);
        if (at % 37 == 0) {
            update(folder, true);
            assert_true(bytes_equal(read_file(index, &again_storage), original));
        }
        write_file(index, original);
    }
    for (size_t len = 0; len <= original.len; len += len < 200 ? 1 : 61) {
        write_file(index, bytes_of(original.data, len));
        assert_answer(&q, n);
        update(folder, false);
        assert_true(bytes_equal(read_file(index, &again_storage), original));
    }
    /* A torn segment behind the good ones. */
    int file = open(index, O_WRONLY | O_APPEND);
    assert_int_equal(write(file, original.data + 8, 1000), 1000);
    close(file);
    assert_answer(&q, n);
    update(folder, false);
    assert_true(bytes_equal(read_file(index, &again_storage), original));
    free(original_storage);
    free(again_storage);
}

/* Broken: an index of many blocks would be searched wrongly where a place's records lie in several,
 * or where one block is damaged. */
static void places_that_fill_blocks_are_found(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_journal(folder, 0, 1 << 20);
    unsigned n = 0;
    while (access(journal_in(folder, 2, 'j'), F_OK) != 0) {
        write_records(journal, n, n + 500, 1);
        n += 500;
    }
    journal_close(&journal);
    update(folder, false);
    struct question q = of_folder(folder);
    q.place_count = 1;
    for (q.first_place = 0; q.first_place < PLACES; q.first_place++)
        assert_answer(&q, n);
    struct stat status;
    assert_int_equal(stat(journal_in(folder, 1, 'x'), &status), 0);
    assert_true(status.st_size > 10 * 4096);
    for (long at = 0; at < status.st_size; at += 1531) {
        flip(journal_in(folder, 1, 'x'), at, 64);
        q.first_place = (unsigned)at % PLACES;
        assert_answer(&q, n);
        flip(journal_in(folder, 1, 'x'), at, 64);
    }
}

/* Broken: a journal that was put in another's place would be read by the other's index. */
static void index_of_another_journal_is_not_believed(void **state)
{
    (void)state;
    const unsigned n = 600;
    const char *ours = folder_with(n, 20000), *others = temp_folder();
    struct journal *journal = open_journal(others, 0, 10000);
    for (unsigned i = 0; i < n; i++)
        write_records(journal, n + i, n + i + 1, 1);
    journal_close(&journal);
    struct question q = of_folder(ours);
    update(ours, false);
    update(others, false);
    uint8_t *storage = NULL;
    write_file(journal_in(ours, 1, 'x'), read_file(journal_in(others, 1, 'x'), &storage));
    assert_answer(&q, n);
    update(ours, false);
    assert_answer(&q, n);
    free(storage);
}

/* Broken: a damaged journal would be told as if nothing were missing, or one bad record would cost
 * all others. */
static void damaged_journal_is_told(void **state)
{
    (void)state;
    const unsigned n = 300;
    const char *folder = folder_with(n, 10000);
    struct question q = of_folder(folder);
    assert_true(ask(&q));
    size_t all = found_count;
    flip(journal_in(folder, 1, 'j'), 5000, 1);
    for (int round = 0; round < 2; round++) {
        assert_false(ask(&q));
        assert_true(found_count >= all - 1);
        update(folder, false);
    }
    flip(journal_in(folder, 1, 'j'), 0, 1); /* no journal at all */
    assert_false(ask(&q));
    update(folder, false);
}

/* Broken: a crash's torn end, which is no damage, would be told as such, or an index that can't be
 * written would stop the others. */
static void torn_end_is_no_damage_and_a_bad_index_is_told(void **state)
{
    (void)state;
    const unsigned n = 300;
    const char *folder = folder_with(n, 8000);
    uint8_t *storage = NULL;
    unsigned last = 1;
    while (access(journal_in(folder, last + 1, 'j'), F_OK) == 0)
        last++;
    assert_true(last > 2);
    struct bytes journal = read_file(journal_in(folder, last, 'j'), &storage);
    int file = open(journal_in(folder, last, 'j'), O_WRONLY | O_APPEND);
    assert_int_equal(write(file, journal.data + 16, 30), 30);
    close(file);
    free(storage);
    struct question q = of_folder(folder);
    assert_answer(&q, n);
    assert_int_equal(mkdir(journal_in(folder, 2, 'x'), 0700), 0);
    why = (struct buf)BUF_OVER(why_storage);
    assert_false(evidence_index_update(folder, false, NULL, &why));
    assert_non_null(strstr(buf_cstr(&why), "journal-0-00000002.jwbx"));
    for (unsigned number = 1; number < last; number++)
        assert_int_equal(access(journal_in(folder, number, 'x'), F_OK), 0);
    assert_answer(&q, n);
    _Atomic bool stop = true;
    unlink(journal_in(folder, 1, 'x'));
    assert_true(evidence_index_update(folder, false, &stop, &why));
    assert_int_equal(access(journal_in(folder, 1, 'x'), F_OK), -1);
}

/* Broken: kinds of a later version would stop the reading, or be told. */
static void unknown_kinds_are_passed_over(void **state)
{
    (void)state;
    const char *folder = temp_folder();
    struct journal *journal = open_journal(folder, 0, 1 << 20);
    write_records(journal, 0, 100, 1);
    for (unsigned kind = 20; kind < 256; kind += 47) {
        struct journal_record record = record_of(7);
        record.kind = (enum journal_kind)kind;
        assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
    }
    write_records(journal, 100, 200, 1);
    journal_close(&journal);
    struct question q = of_folder(folder);
    q.first_place = 0, q.place_count = PLACES;
    assert_answer(&q, 200);
}

/* ---- while it is written ---- */

static struct {
    const char *folder;
    _Atomic unsigned written;
    _Atomic bool stop;
} live;

static void *write_on(void *argument)
{
    struct journal *journal = argument;
    for (unsigned n = 0; n < 20000 && !live.stop; n += 5) {
        for (unsigned i = n; i < n + 5; i++) {
            struct journal_record record = record_of(i);
            journal_append(journal, &record);
        }
        journal_write(journal);
        live.written = n + 5;
    }
    return NULL;
}

static void *index_on(void *argument)
{
    uint8_t storage[256];
    (void)argument;
    for (unsigned round = 0; !live.stop; round++) {
        struct buf told = BUF_OVER(storage);
        if (!evidence_index_update(live.folder, round % 4 == 0, &live.stop, &told))
            abort();
    }
    return NULL;
}

/* Broken: a search beside the writer and the indexer would lose what was written before it began,
 * or call a half-written end damage. */
static void searches_go_on_while_it_is_written_and_indexed(void **state)
{
    (void)state;
    pthread_t writer, indexer;
    live.folder = temp_folder();
    struct journal *journal = open_journal(live.folder, 0, 70000);
    assert_int_equal(pthread_create(&writer, NULL, write_on, journal), 0);
    assert_int_equal(pthread_create(&indexer, NULL, index_on, NULL), 0);
    struct question q = of_folder(live.folder);
    unsigned written = 0;
    for (int round = 0; round < 100 && written < 20000; round++) {
        written = live.written;
        assert_true(ask(&q));
        for (unsigned i = 0, seen = 0; i < written; i++) {
            struct journal_record record = record_of(i);
            unsigned place = record.index / 20000u;
            if (!record.place_known || place < 7 || place > 9)
                continue;
            for (seen = 0; seen < found_count && found[seen] != i; seen++)
                ;
            assert_true(seen < found_count);
        }
    }
    live.stop = true;
    pthread_join(writer, NULL);
    pthread_join(indexer, NULL);
    journal_close(&journal);
    update(live.folder, true);
    assert_answer(&q, live.written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_is_what_was_written_with_and_without_index),
        cmocka_unit_test(newest_are_told_and_whether_there_are_more),
        cmocka_unit_test(folders_and_loops_are_merged),
        cmocka_unit_test(live_journal_is_indexed_by_whole_segments),
        cmocka_unit_test(damage_at_each_octet_of_an_index_changes_no_answer),
        cmocka_unit_test(places_that_fill_blocks_are_found),
        cmocka_unit_test(index_of_another_journal_is_not_believed),
        cmocka_unit_test(damaged_journal_is_told),
        cmocka_unit_test(torn_end_is_no_damage_and_a_bad_index_is_told),
        cmocka_unit_test(unknown_kinds_are_passed_over),
        cmocka_unit_test(searches_go_on_while_it_is_written_and_indexed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
