/* Journals for their tests: faults, and what is in files. */
#ifndef TESTS_UNIT_JOURNAL_FIXTURE_H
#define TESTS_UNIT_JOURNAL_FIXTURE_H

#include "evidence/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/journal_records.h"

/* ---- faults: these stand before the C library's for the whole program ----------------------- */

static _Atomic int calls_until_fault; /* 1: the next call fails; below: none does */
static _Atomic int faulted;           /* with this errno; 0: not yet */
static _Atomic long short_write = -1; /* octets that the next write takes before it fails */
static _Atomic bool ftruncate_fails, sync_held; /* held: the journal's own thread */
static _Atomic int sync_fails;                  /* with this errno */
static pthread_t test_thread;
static _Atomic bool sync_waits;
static _Atomic int syncs, folder_syncs;

static inline bool fault_now(int cause)
{
    if (atomic_fetch_sub(&calls_until_fault, 1) != 1)
        return false;
    faulted = cause;
    errno = cause;
    return true;
}

ssize_t write(int file, const void *data, size_t len)
{
    if (fault_now(ENOSPC))
        return -1;
    if (short_write >= 0) {
        size_t taken = (size_t)atomic_exchange(&short_write, -1);
        if (taken)
            return syscall(SYS_write, file, data, taken);
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, file, data, len);
}

int ftruncate(int file, off_t len)
{
    if (ftruncate_fails || fault_now(EIO)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, file, len);
}

/* Disks are not tested here, and a thousand real syncs take a while. */
int fdatasync(int file)
{
    (void)file;
    while (sync_held && !pthread_equal(pthread_self(), test_thread)) {
        sync_waits = true;
        sched_yield();
    }
    sync_waits = false;
    syncs++;
    if (sync_fails) {
        errno = sync_fails;
        return -1;
    }
    return fault_now(EIO) ? -1 : 0;
}

static _Atomic size_t rewritten; /* octets that were written over, but for a lock's 8 */

ssize_t pwrite(int file, const void *data, size_t len, off_t at)
{
    rewritten += len != 8 ? len : 0;
    return fault_now(EIO) ? -1 : syscall(SYS_pwrite64, file, data, len, at);
}

int fsync(int file)
{
    (void)file;
    folder_syncs++;
    return fault_now(EIO) ? -1 : 0;
}

/* ---- helpers -------------------------------------------------------------------------------- */

static uint8_t why_storage[1024];
static struct buf why;
static unsigned sync_ms = 1;

static inline enum journal_error open_sized(const char *folder, uint64_t file_bytes_max,
                                            struct journal **journal)
{
    const struct journal_options options = {
        .folder = folder,
        .loop_index = 3,
        .sync_ms = sync_ms,
        .file_bytes_max = file_bytes_max,
        .turn_bytes_max = 2048,
    };
    why = BUF_OVER(why_storage);
    return journal_open(&options, journal, &why);
}

static inline struct journal *open_in(const char *folder)
{
    struct journal *journal;
    assert_int_equal(open_sized(folder, 1 << 22, &journal), JOURNAL_OK);
    return journal;
}

static inline void append(struct journal *journal, unsigned n)
{
    struct journal_record record = record_of(n);
    assert_int_equal(journal_append(journal, &record), JOURNAL_OK);
}

static inline void write_record(struct journal *journal, unsigned n)
{
    append(journal, n);
    assert_int_equal(journal_write(journal), JOURNAL_OK);
}

static const char *file_in(const char *folder, unsigned number)
{
    char name[64];
    snprintf(name, sizeof name, "journal-3-%08u.jwbj", number);
    return path_in(folder, name);
}

/* Reads records n, n + 1, … from one file; the number of the one that would follow. */
static inline unsigned read_whole(const char *path, unsigned n)
{
    struct journal_reader *reader;
    struct journal_record record;
    uint64_t torn_bytes;
    bool end;
    assert_int_equal(journal_reader_open(path, &reader), JOURNAL_OK);
    assert_int_equal(journal_reader_loop(reader), 3);
    while (assert_int_equal(journal_reader_next(reader, &record, &end, &torn_bytes), JOURNAL_OK),
           !end)
        assert_record(&record, n++);
    assert_int_equal(torn_bytes, 0);
    journal_reader_close(&reader);
    return n;
}

static inline struct bytes read_file(const char *path, uint8_t *storage, size_t cap)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(storage, 1, cap, file);
    assert_true(len < cap);
    fclose(file);
    return bytes_of(storage, len);
}

static uint8_t file_storage[8192], again_storage[8192];

/* A file with records 1, 2 and 3, whose ends lie at ends[1..3]; ends[0] is the header's. */
static inline struct bytes three_records(size_t ends[4])
{
    const char *folder = temp_folder();
    struct journal *journal = open_in(folder);
    struct bytes file = read_file(file_in(folder, 1), file_storage, sizeof file_storage);
    ends[0] = file.len;
    for (unsigned n = 1; n <= 3; n++) {
        write_record(journal, n);
        file = read_file(file_in(folder, 1), file_storage, sizeof file_storage);
        ends[n] = file.len;
    }
    journal_close(&journal);
    return file;
}

static inline void wait_until_synced(struct journal *journal)
{
    while (journal_counters(journal)->unsynced_us)
        sched_yield();
}

#endif
