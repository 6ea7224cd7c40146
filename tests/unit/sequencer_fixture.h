/* A log, folders of journals and a registry's events, for the tests of the sequencer. */
#ifndef TESTS_UNIT_SEQUENCER_FIXTURE_H
#define TESTS_UNIT_SEQUENCER_FIXTURE_H

#include "evidence/sequencer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support.h"

/* ---- faults: these stand before the C library's for the whole program ----------------------- */

static _Atomic bool rename_fails, journal_sync_held;

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    if (rename_fails) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

/* Disks are not tested here. */
int fdatasync(int file)
{
    (void)file;
    while (journal_sync_held)
        sched_yield();
    return 0;
}

int fsync(int file)
{
    (void)file;
    return 0;
}

int syncfs(int file)
{
    (void)file;
    return 0;
}

/* ---- a world: a log, folders of journals, the registry's events ------------------------------ */

#define FOLDERS 2
#define LOOPS   2

static struct {
    const char *log, *journals[FOLDERS];
    struct note_signer signer;
    char key_path[512];
} world;

static uint8_t why_storage[1024];
static struct buf why;

static inline void make_world(void)
{
    why = (struct buf)BUF_OVER(why_storage);
    world.log = path_in(temp_folder(), "log");
    for (size_t i = 0; i < FOLDERS; i++)
        world.journals[i] = temp_folder();
    snprintf(world.key_path, sizeof world.key_path, "%s/key", world.journals[0]);
    assert_true(note_key_create(world.key_path, "fictional.example/evidence", NOTE_ED25519,
                                &world.signer, &why));
}

/* Names a record: which loop wrote it, and its how manieth it is. Events are EVENTS and their
 * number. */
#define EVENTS UINT64_C(99)
static inline uint64_t id_of(uint64_t writer, uint64_t n)
{
    return writer << 32 | n;
}

static inline struct journal *open_journal_sized(size_t folder, unsigned loop_index,
                                                 uint64_t bytes_max)
{
    const struct journal_options options = {
        .folder = world.journals[folder],
        .loop_index = loop_index,
        .sync_ms = 1,
        .file_bytes_max = bytes_max,
        .turn_bytes_max = 65536,
        .log = world.log,
    };
    struct journal *journal;
    assert_int_equal(journal_open(&options, &journal, &why), JOURNAL_OK);
    return journal;
}

static inline struct journal *open_journal(size_t folder, unsigned loop_index)
{
    return open_journal_sized(folder, loop_index, 1 << 24);
}

/* Records from..to-1 of a writer, in turns of up to five. */
static inline void write_records(struct journal *journal, uint64_t writer, uint64_t from,
                                 uint64_t to)
{
    static const uint8_t subject[JOURNAL_TEXT_BYTES_MAX] = "fictional-agency/0417";
    for (uint64_t n = from; n < to; n++) {
        const struct journal_record record = {
            .kind = JOURNAL_VERIFY,
            .request_id = id_of(writer, n),
            .at_us = clock_wall_us(),
            .place_known = true,
            .list = (uint16_t)writer,
            .index = (uint32_t)n,
            .acting = JOURNAL_ACTING_NONE,
            .subject = bytes_of(subject, n % 60),
        };
        assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
        if (n % 5 == 4 || n + 1 == to)
            assert_int_equal(journal_write(journal), JOURNAL_OK);
    }
}

static inline void wait_until_synced(struct journal *journal)
{
    while (journal_counters(journal)->unsynced_us)
        sched_yield();
}

/* A journal that was written and closed. */
static inline void journal_with(size_t folder, unsigned loop_index, uint64_t from, uint64_t to)
{
    struct journal *journal = open_journal(folder, loop_index);
    write_records(journal, folder * LOOPS + loop_index, from, to);
    journal_close(&journal);
}

static _Atomic uint64_t event_count,
    event_skipped, /* the registry has 1 to event_count, but this */
    events_since;  /* when they were: another registry's were at another time */
static _Atomic bool events_fail;

static inline bool read_events(void *context, uint64_t after, struct journal_record *records,
                               size_t *count)
{
    size_t room = *count;
    (void)context;
    *count = 0;
    for (uint64_t n = after + 1; n <= event_count && *count < room; n++)
        if (n != event_skipped)
            records[(*count)++] = (struct journal_record){
                .kind = JOURNAL_STATUS,
                .request_id = id_of(EVENTS, n),
                .at_us = (int64_t)(events_since + n),
                .number = n,
                .place_known = true,
                .index = (uint32_t)n,
            };
    return !events_fail;
}

/* ---- what a sequencer tells ------------------------------------------------------------------ */

static struct {
    pthread_mutex_t lock;
    _Atomic uint64_t seen, troubles;
    char trouble[512];
    char note[NOTE_BYTES_MAX];
} told = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void note_seen(void *context, const struct journal_record *record)
{
    (void)context;
    assert_true(record->place_known);
    assert_int_equal(record->index, record->request_id & UINT32_MAX);
    pthread_mutex_lock(&told.lock);
    told.seen++;
    pthread_mutex_unlock(&told.lock);
}

static inline void note_committed(void *context, struct bytes note)
{
    (void)context;
    pthread_mutex_lock(&told.lock);
    snprintf(told.note, sizeof told.note, "%.*s", (int)note.len, (const char *)note.data);
    pthread_mutex_unlock(&told.lock);
}

static inline void note_trouble(void *context, const char *sentence)
{
    (void)context;
    pthread_mutex_lock(&told.lock);
    snprintf(told.trouble, sizeof told.trouble, "%s", sentence);
    told.troubles += *sentence != 0;
    pthread_mutex_unlock(&told.lock);
}

static inline bool trouble_has(const char *text)
{
    pthread_mutex_lock(&told.lock);
    bool has = *text ? strstr(told.trouble, text) != NULL : told.trouble[0] == 0;
    pthread_mutex_unlock(&told.lock);
    return has;
}

static inline struct sequencer *start(void)
{
    struct sequencer_options options = {
        .folder = world.log,
        .journals = {world.journals[0], world.journals[1]},
        .journal_count = FOLDERS,
        .signer = world.signer,
        .poll_ms = 1,
        .checkpoint_ms = 1,
        .events = {.read = read_events},
        .seen = note_seen,
        .committed = note_committed,
        .trouble = note_trouble,
    };
    struct sequencer *sequencer = sequencer_start(&options, &why);
    if (!sequencer)
        fail_msg("%.*s", (int)why.len, (const char *)why.data);
    return sequencer;
}

static inline void wait_for_size(const struct sequencer *sequencer, uint64_t size)
{
    while (sequencer_counters(sequencer)->size < size)
        sched_yield();
    assert_true(sequencer_counters(sequencer)->size == size);
}

static inline void wait_for_trouble(const char *text)
{
    while (!trouble_has(text))
        sched_yield();
}

static inline int each_begins(void **state)
{
    (void)state;
    make_world();
    event_count = event_skipped = events_since = 0;
    events_fail = rename_fails = journal_sync_held = false;
    told.seen = told.troubles = 0;
    told.trouble[0] = told.note[0] = 0;
    return 0;
}

/* ---- what is in the log ---------------------------------------------------------------------- */

/* Each writer's records are there from 0 (events: from 1) on, once and in order, without their
 * places; how many of each is as `counts` says. And the log is whole. */
static inline void assert_log(const uint64_t counts[FOLDERS * LOOPS], uint64_t events)
{
    struct tlog_reader *reader;
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    struct journal_record record;
    uint64_t size, found[EVENTS + 1] = {[EVENTS] = 1};
    size_t count;
    assert_int_equal(tlog_reader_open(world.log, &reader), TLOG_OK);
    if (tlog_verify(reader, &world.signer.verifier, BYTES(""), NULL, NULL, &size, &why) != TLOG_OK)
        fail_msg("%.*s", (int)why.len, (const char *)why.data);
    for (uint64_t at = 0; at < size; at += count) {
        assert_int_equal(tlog_read_bundle(reader, at / TLOG_BUNDLE_ENTRIES, size, entries, &count),
                         TLOG_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(entry_read(entries[i], &record));
            uint64_t writer = record.request_id >> 32, n = record.request_id & UINT32_MAX;
            assert_true(writer == EVENTS || writer < FOLDERS * LOOPS);
            if (found[writer]++ != n)
                fail_msg("of writer %llu there is %llu, not %llu", (unsigned long long)writer,
                         (unsigned long long)n, (unsigned long long)found[writer] - 1);
            assert_int_equal(record.place_known, writer == EVENTS);
        }
    }
    for (size_t i = 0; i < FOLDERS * LOOPS; i++)
        assert_int_equal(found[i], counts[i]);
    assert_int_equal(found[EVENTS], events + 1);
    tlog_reader_close(&reader);
}

static inline void stop_and_assert(struct sequencer **sequencer,
                                   const uint64_t counts[FOLDERS * LOOPS], uint64_t events)
{
    sequencer_stop(sequencer);
    assert_null(*sequencer);
    assert_log(counts, events);
}

static inline struct bytes read_file(const char *path)
{
    static uint8_t storage[1 << 20];
    int file = open(path, O_RDONLY);
    ssize_t len = read(file, storage, sizeof storage);
    assert_true(len > 0 && len < (ssize_t)sizeof storage);
    close(file);
    return bytes_of(storage, (size_t)len);
}

/* ---- journals that grow ---- */

struct writer {
    pthread_t thread;
    size_t folder;
    unsigned loop_index;
    uint64_t count;
};

static inline void *write_on(void *argument)
{
    const struct writer *w = argument;
    struct journal *journal = open_journal_sized(w->folder, w->loop_index, 3000);
    for (uint64_t n = 0; n < w->count; n += 10) {
        write_records(journal, w->folder * LOOPS + w->loop_index, n, n + 10);
        if (w->folder == 0 && n % 50 == 0)
            event_count++;
        if (n % 100 == 0) /* else a file grows over its size */
            wait_until_synced(journal);
        if (n % 700 == 690) {
            journal_close(&journal);
            journal = open_journal_sized(w->folder, w->loop_index, 3000);
        }
    }
    journal_close(&journal);
    return NULL;
}

static inline void start_writers(struct writer writers[FOLDERS * LOOPS], uint64_t count)
{
    for (unsigned i = 0; i < FOLDERS * LOOPS; i++) {
        writers[i].folder = i / LOOPS;
        writers[i].loop_index = i % LOOPS;
        writers[i].count = count;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
    }
}

#endif
