/* Journals of many records, beside what a search of them should find. */
#ifndef TESTS_UNIT_INDEX_FIXTURE_H
#define TESTS_UNIT_INDEX_FIXTURE_H

#include "evidence/index.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support.h"

/* Record n of a reproducible sequence, in which 50 places recur. Only what a search looks at
 * differs, and the request id, which is n. */
#define PLACES    50
#define KINDS_ALL (1u << JOURNAL_DISPLAY | 1u << JOURNAL_VERIFY)
static inline struct journal_record record_of(unsigned n)
{
    struct seeded seed = {n};
    struct journal_record record = {
        .kind = n % 4 ? JOURNAL_VERIFY : JOURNAL_DISPLAY,
        .request_id = n,
        .at_us = INT64_C(1700000000000000) + n * INT64_C(1000) -
                 (int64_t)(seeded_next(&seed) % 20) * 1000 - n % 1000, /* clocks go back at times */
        .place_known = seeded_next(&seed) % 8 != 0,
        .acting = JOURNAL_ACTING_NONE,
        .subject = bytes_of("fictional-agency/0417", n % 22),
    };
    unsigned place = (unsigned)(seeded_next(&seed) % PLACES);
    if (record.place_known) {
        record.list = (uint16_t)(place % 3 * 300);
        record.index = place * 20000u;
    }
    return record;
}

static inline struct evidence_place place_at(unsigned place)
{
    return (struct evidence_place){(uint16_t)(place % 3 * 300), place * 20000u};
}

static uint8_t why_storage[1024];
static struct buf why;

static inline struct journal *open_journal(const char *folder, unsigned loop_index,
                                           uint64_t bytes_max)
{
    const struct journal_options options = {
        .folder = folder,
        .loop_index = loop_index,
        .sync_ms = 1,
        .file_bytes_max = bytes_max,
        .turn_bytes_max = 65536,
    };
    struct journal *journal;
    why = (struct buf)BUF_OVER(why_storage);
    assert_int_equal(journal_open(&options, &journal, &why), JOURNAL_OK);
    return journal;
}

/* Records from n up to `to`, every `step`th. */
static inline void write_records(struct journal *journal, unsigned n, unsigned to, unsigned step)
{
    for (; n < to; n += step) {
        struct journal_record record = record_of(n);
        if (journal_append(journal, &record) == JOURNAL_OK)
            continue;
        assert_int_equal(journal_write(journal), JOURNAL_OK);
        assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
    }
    assert_int_equal(journal_write(journal), JOURNAL_OK);
}

/* A folder with one loop's records 0 to n - 1, in files of about so many octets. */
static const char *folder_with(unsigned n, uint64_t bytes_max)
{
    const char *folder = temp_folder();
    struct journal *journal = open_journal(folder, 0, bytes_max);
    for (unsigned at = 0; at < n; at += 50) {
        unsigned to = at + 50 < n ? at + 50 : n;
        write_records(journal, at, to, 1);
        while (journal_counters(journal)->unsynced_us) /* else the file grows over its size */
            usleep(100);
    }
    journal_close(&journal);
    return folder;
}

static inline void update(const char *folder, bool thorough)
{
    why = (struct buf)BUF_OVER(why_storage);
    if (!evidence_index_update(folder, thorough, NULL, &why))
        fail_msg("%.*s", (int)why.len, (const char *)why.data);
}

/* ---- what was found, beside what should be ---- */

/* The record of a search is where it says that it is. Its folder has one loop's files. */
static struct {
    const char *folder;
    const struct evidence_where *where;
} looked;

static inline void assert_lies_there(void *context, const struct journal_record *record)
{
    struct journal_reader *reader;
    struct journal_record there;
    uint64_t torn_bytes;
    bool end = false;
    char name[JOURNAL_FILE_NAME_BYTES_MAX];
    assert_ptr_equal(context, &looked);
    journal_file_name_write(0, journal_position_number(looked.where->position), name);
    assert_int_equal(journal_reader_open(path_in(looked.folder, name), &reader), JOURNAL_OK);
    assert_string_equal(looked.where->source, journal_reader_source(reader));
    do
        assert_int_equal(journal_reader_next(reader, &there, &end, &torn_bytes), JOURNAL_OK);
    while (!end && journal_reader_at(reader) != journal_position_octet(looked.where->position));
    assert_false(end);
    assert_int_equal(there.request_id, record->request_id);
    journal_reader_close(&reader);
}

#define FOUND_MAX 100000
static unsigned found[FOUND_MAX];
static size_t found_count;

static inline void note(void *context, const struct journal_record *record)
{
    const struct journal_record expected = record_of((unsigned)record->request_id);
    if (context)
        assert_lies_there(context, record);
    assert_true(found_count < FOUND_MAX);
    assert_true(record->at_us == expected.at_us && record->kind == expected.kind);
    assert_true(bytes_equal(record->subject, expected.subject));
    found[found_count++] = (unsigned)record->request_id;
}

/* Which places, of which kinds, since when, how many at most; in which folders. */
struct question {
    const char *folders[3];
    size_t folder_count;
    unsigned first_place, place_count;
    uint32_t kinds;
    int64_t since_us;
    size_t max;
};

static inline bool ask(const struct question *q)
{
    struct evidence_place places[PLACES];
    for (unsigned i = 0; i < q->place_count; i++) /* backwards: in any order */
        places[i] = place_at(q->first_place + q->place_count - 1 - i);
    struct evidence_search search = {.folders = q->folders,
                                     .folder_count = q->folder_count,
                                     .places = places,
                                     .place_count = q->place_count,
                                     .kinds = q->kinds,
                                     .since_us = q->since_us,
                                     .max = q->max,
                                     .each = note};
    found_count = 0;
    assert_true(evidence_search(&search));
    return search.complete;
}

static inline int newest_first(const void *a, const void *b)
{
    int64_t x = record_of(*(const unsigned *)a).at_us, y = record_of(*(const unsigned *)b).at_us;
    return (x < y) - (x > y);
}

/* Of the records 0 to n - 1 the answer is right; `complete` is as the number says. */
static inline void assert_answer(const struct question *q, unsigned n)
{
    static unsigned expected[FOUND_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < n; i++) {
        struct journal_record record = record_of(i);
        unsigned place = record.index / 20000u;
        if (record.place_known && place >= q->first_place &&
            place < q->first_place + q->place_count && (q->kinds & 1u << record.kind) &&
            record.at_us >= q->since_us)
            expected[count++] = i;
    }
    qsort(expected, count, sizeof *expected, newest_first);
    assert_int_equal(ask(q), count <= q->max);
    if (count > q->max)
        count = q->max;
    assert_int_equal(found_count, count);
    for (size_t i = 0; i < count; i++) /* of one moment any may come first */
        assert_true(record_of(found[i]).at_us == record_of(expected[i]).at_us);
}

static inline struct question of_folder(const char *folder)
{
    return (struct question){.folders = {folder},
                             .folder_count = 1,
                             .first_place = 7,
                             .place_count = 3,
                             .kinds = KINDS_ALL,
                             .max = 3000};
}

static const char *journal_in(const char *folder, unsigned number, char last)
{
    char name[64];
    snprintf(name, sizeof name, "journal-0-%08u.jwb%c", number, last);
    return path_in(folder, name);
}

static inline struct bytes read_file(const char *path, uint8_t **storage)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    assert_true(file >= 0 && fstat(file, &status) == 0);
    *storage = realloc(*storage, (size_t)status.st_size + 1);
    assert_int_equal(read(file, *storage, (size_t)status.st_size), status.st_size);
    close(file);
    return bytes_of(*storage, (size_t)status.st_size);
}

static inline void flip(const char *path, long at, uint8_t mask)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    int octet = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(octet ^ mask, file);
    fclose(file);
}

#endif
