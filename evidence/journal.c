/* Writing a journal. One file of over 400 lines, because opening, the loop and the thread that
 * syncs work on one struct, whose lock is seen whole here. */
#include "evidence/journal.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "evidence/journal_layout.h"

#define NAME_BYTES_MAX JOURNAL_FILE_NAME_BYTES_MAX
#define RETRY_US       500000 /* after a sync for which there was no room */

struct journal {
    struct journal_options options;
    char *folder;
    int folder_descriptor, lock_descriptor;

    /* the loop's */
    struct journal_header header;
    unsigned number;     /* of the file */
    uint64_t file_bytes; /* header and whole records */
    bool cut_owed;       /* a short write left octets behind file_bytes that could not be cut off */
    struct buf turn;
    uint64_t turn_records;

    struct journal_counters counters;
    _Atomic bool write_failed; /* the last one */
    _Atomic bool sync_failed;  /* the last one; nothing is written until it is made good */

    /* under the lock; the file is written by the loop and synced by the thread, unlocked */
    pthread_t syncer;
    bool syncer_runs;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int file;
    int full_file; /* the one before, to be synced and closed; -1: none */
    unsigned full_number;
    uint64_t full_bytes;
    uint64_t written;    /* the position behind the last write */
    uint64_t synced;     /* the position up to which all is durable */
    uint64_t retry_us;   /* when a failed sync is tried again; 0: never */
    uint64_t waiting_us; /* monotonic time of the first write since the last sync began; 0: none */
    uint64_t syncing_us; /* of the oldest write that the running sync is to cover; 0: none */
    bool closing;
};

/* ---- the thread that syncs ------------------------------------------------------------------ */

static void lock(struct journal *j)
{
    CHECK(pthread_mutex_lock(&j->lock) == 0);
}

static void unlock(struct journal *j)
{
    CHECK(pthread_mutex_unlock(&j->lock) == 0);
}

/* Monotonic time of the next sync; 0: there is nothing to be synced. Half of sync_ms goes by before
 * it begins, so that it covers many writes; the rest is the disk's. */
static uint64_t sync_due_us(const struct journal *j)
{
    if (j->sync_failed)
        return j->retry_us && j->closing ? 1 : j->retry_us; /* once more, then it is over */
    if (j->full_file >= 0 || (j->waiting_us && j->closing))
        return 1;
    return j->waiting_us ? j->waiting_us + j->options.sync_ms * (uint64_t)500 : 0;
}

/* Waits, locked, until something is to be synced; false when the journal closes and nothing is. */
static bool wait_for_writes(struct journal *j)
{
    for (;;) {
        const uint64_t due_us = sync_due_us(j);
        if (due_us && clock_mono_us() >= due_us)
            return true;
        if (j->closing)
            return false;
        if (due_us) {
            struct timespec due = {(time_t)(due_us / 1000000), (long)(due_us % 1000000 * 1000)};
            pthread_cond_timedwait(&j->changed, &j->lock, &due);
        } else {
            pthread_cond_wait(&j->changed, &j->lock);
        }
    }
}

/* Tells whoever follows the journal how far it is synced: see journal_progress. */
static bool progress_put(struct journal *j, uint64_t position)
{
    const uint64_t little = htole64(position);
    return pwrite(j->lock_descriptor, &little, sizeof little, 0) == (ssize_t)sizeof little;
}

static bool rewrite(struct journal *j, unsigned number, uint64_t end)
{
    const bool partly = journal_position_number(j->synced) == number;
    char name[NAME_BYTES_MAX];
    journal_file_name_write(j->options.loop_index, number, name);
    return journal_file_rewrite(j->folder_descriptor, name,
                                partly ? journal_position_octet(j->synced) : 0, end);
}

/* After a failed sync the kernel may have forgotten what it could not write, and the next sync says
 * nothing of that: all that is not known to be durable is written once more where it is. */
static bool rewrite_unsynced(struct journal *j, uint64_t written, bool full)
{
    const unsigned number = full ? j->full_number + 1 : journal_position_number(written);
    const bool begun = journal_position_number(written) != number; /* it has its header alone */
    return (!full || rewrite(j, j->full_number, j->full_bytes)) &&
           rewrite(j, number, begun ? JOURNAL_HEADER_BYTES : journal_position_octet(written));
}

static bool sync_files(struct journal *j, int file, int full_file)
{
    return fdatasync(file) == 0 &&
           (full_file < 0 || (fdatasync(full_file) == 0 &&
                              fsync(j->folder_descriptor) == 0)); /* the new file's name */
}

/* Where there was no room there may be again; what a disk could not do is for good. */
static void sync_done(struct journal *j, bool ok, uint64_t written)
{
    const bool room = errno != ENOSPC && errno != EDQUOT;
    j->sync_failed = !ok;
    j->retry_us = ok || room || j->closing ? 0 : clock_mono_us() + RETRY_US;
    if (ok)
        j->synced = written;
    *(ok ? &j->counters.syncs : &j->counters.failures) += 1;
}

static void *sync_writes(void *argument)
{
    struct journal *j = argument;
    lock(j);
    while (wait_for_writes(j)) {
        const int file = j->file, full_file = j->full_file;
        const uint64_t written = j->written;
        if (!j->syncing_us)
            j->syncing_us = j->waiting_us;
        j->waiting_us = 0;
        unlock(j);
        bool ok = (!j->sync_failed || rewrite_unsynced(j, written, full_file >= 0)) &&
                  sync_files(j, file, full_file);
        const int cause = errno;
        bool told = ok && progress_put(j, written);
        lock(j);
        if (ok && full_file >= 0) {
            close(full_file);
            j->full_file = -1;
        }
        if (ok)
            j->syncing_us = 0;
        if (ok && !told && !j->waiting_us && !j->closing) /* tried again with the next sync */
            j->waiting_us = clock_mono_us();
        errno = cause;
        sync_done(j, ok, written);
    }
    unlock(j);
    return NULL;
}

static bool syncer_start(struct journal *j, struct buf *why)
{
    sigset_t all, before;
    if (j->options.sync_ms == 0) /* the loop does it itself */
        return true;
    sigfillset(&all); /* signals are for the thread that composes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int cause = pthread_create(&j->syncer, NULL, sync_writes, j);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    j->syncer_runs = cause == 0;
    if (cause)
        buf_printf(why, "%s: no thread to sync the journal: %s", j->folder, strerror(cause));
    return j->syncer_runs;
}

/* ---- opening -------------------------------------------------------------------------------- */

static void name_of(const struct journal *j, unsigned number, char name[NAME_BYTES_MAX])
{
    journal_file_name_write(j->options.loop_index, number, name);
}

/* Appends "folder/name: ..., errno's text"; returns false. */
static bool tell(struct journal *j, const char *name, const char *what, struct buf *why)
{
    int cause = errno;
    buf_printf(why, "%s/%s: %s: %s", j->folder, name, what, strerror(cause));
    return false;
}

/* Locks the folder for this loop by a file of its own: the journal's files come and go. */
static bool folder_open(struct journal *j, struct buf *why)
{
    char name[NAME_BYTES_MAX];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (mkdir(j->folder, 0700) != 0 && errno != EEXIST)
        return tell(j, "", "can't make the folder", why);
    j->folder_descriptor = open(j->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (j->folder_descriptor < 0)
        return tell(j, "", "can't open the folder", why);
    snprintf(name, sizeof name, "journal-%u.lock", j->options.loop_index);
    j->lock_descriptor =
        openat(j->folder_descriptor, name, O_RDWR | O_CREAT | O_CLOEXEC, (mode_t)0600);
    if (j->lock_descriptor < 0)
        return tell(j, name, "can't open the lock", why);
    if (fcntl(j->lock_descriptor, F_OFD_SETLK, &whole) == 0) /* what was told before is over */
        return progress_put(j, 0) || tell(j, name, "can't be written", why);
    if (errno != EAGAIN && errno != EACCES)
        return tell(j, name, "can't lock", why);
    buf_printf(why, "%s/%s: another gateway is writing this journal", j->folder, name);
    return false;
}

static bool header_get(const struct journal *j, const char *name, struct journal_header *header)
{
    uint8_t octets[JOURNAL_HEADER_BYTES];
    int file = openat(j->folder_descriptor, name, O_RDONLY | O_CLOEXEC);
    bool whole = file >= 0 && pread(file, octets, sizeof octets, 0) == (ssize_t)sizeof octets;
    if (file >= 0)
        close(file);
    return whole && journal_header_read(bytes_of(octets, sizeof octets), header) &&
           header->loop_index == j->options.loop_index;
}

static bool identity_draw(struct journal *j, struct buf *why)
{
    j->header.loop_index = j->options.loop_index;
    return getrandom(&j->header.identity, sizeof j->header.identity, 0) ==
               (ssize_t)sizeof j->header.identity ||
           tell(j, "", "no randomness", why);
}

/* Sets the number of the newest file, 0 when there is none, and the journal's identity: that of the
 * newest that has one, or a new one. */
static bool find_newest(struct journal *j, struct buf *why)
{
    struct journal_header header;
    unsigned loop_index, number, identified = 0;
    struct dirent *entry;
    DIR *folder = opendir(j->folder);
    if (!folder)
        return tell(j, "", "can't read the folder", why);
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (!journal_file_name_read(entry->d_name, &loop_index, &number) ||
            loop_index != j->options.loop_index)
            continue;
        if (number > j->number)
            j->number = number;
        if (number > identified && header_get(j, entry->d_name, &header)) {
            identified = number;
            j->header = header;
        }
    }
    bool ok = errno == 0 || tell(j, "", "can't read the folder", why);
    closedir(folder);
    return ok && (identified || identity_draw(j, why));
}

static bool header_put(struct journal *j, int file)
{
    uint8_t storage[JOURNAL_HEADER_BYTES];
    struct buf header = BUF_OVER(storage);
    journal_header_write(&j->header, &header);
    if (write(file, storage, sizeof storage) != (ssize_t)sizeof storage)
        return false;
    j->file_bytes = sizeof storage;
    return true;
}

/* A new file with the next number: its descriptor, or -1, errno says why and nothing has changed.
 */
static int file_begin(struct journal *j)
{
    char name[NAME_BYTES_MAX];
    name_of(j, j->number + 1, name);
    int file = openat(j->folder_descriptor, name,
                      O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)0600);
    if (file < 0)
        return -1;
    errno = ENOSPC; /* of a short write */
    if (!header_put(j, file)) {
        int cause = errno;
        unlinkat(j->folder_descriptor, name, 0);
        close(file);
        errno = cause;
        return -1;
    }
    j->number++;
    return file;
}

/* Reads the newest file through and cuts off what a crash left. False when it can't be read or cut;
 * *damaged when it must be left as it is. */
static bool file_recover(struct journal *j, bool *damaged, struct buf *why)
{
    char name[NAME_BYTES_MAX], path[4096];
    struct journal_reader *reader;
    struct journal_record record;
    struct stat status;
    uint64_t torn_bytes = 0;
    bool end = false;
    name_of(j, j->number, name);
    snprintf(path, sizeof path, "%s/%s", j->folder, name);
    enum journal_error error = journal_reader_open(path, &reader);
    while (!error && !end)
        error = journal_reader_next(reader, &record, &end, &torn_bytes);
    if (error == JOURNAL_ERR_OPEN)
        tell(j, name, "can't be read", why);
    unsigned loop_index = error ? 0 : journal_reader_loop(reader); /* of its header */
    journal_reader_close(&reader);
    if (error == JOURNAL_ERR_OPEN)
        return false;
    j->file = openat(j->folder_descriptor, name, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (j->file < 0 || fstat(j->file, &status) != 0)
        return tell(j, name, "can't be opened for writing", why);
    j->file_bytes = (uint64_t)status.st_size - torn_bytes;
    bool headless = j->file_bytes < JOURNAL_HEADER_BYTES;
    *damaged = error != JOURNAL_OK || (!headless && loop_index != j->options.loop_index);
    if (*damaged)
        return true;
    if (torn_bytes && ftruncate(j->file, (off_t)j->file_bytes) != 0)
        return tell(j, name, "its torn end can't be cut off", why);
    if (headless && !header_put(j, j->file))
        return tell(j, name, "can't be written", why);
    j->counters.torn_bytes = torn_bytes;
    return true;
}

/* Why the newest file can't be gone on with; NULL: it can. */
static const char *find_fault(struct journal *j, bool damaged, uint64_t *logged)
{
    *logged = j->number > 0 && j->options.log ? journal_logged(j->options.log, &j->header) : 0;
    if (*logged > journal_position(j->number, j->file_bytes))
        return "an older copy, the log has more of this journal";
    return damaged ? "damaged before its end" : NULL;
}

/* Behind a file that is left as it is. Another journal's numbers go on from those that the log has:
 * who follows the one before finds it. */
static bool file_leave(struct journal *j, const char *fault, uint64_t logged, struct buf *why)
{
    char name[NAME_BYTES_MAX], next[NAME_BYTES_MAX];
    const bool another = logged > journal_position(j->number, j->file_bytes);
    name_of(j, j->number, name);
    close(j->file);
    j->file = -1;
    if (another && !identity_draw(j, why))
        return false;
    if (another && journal_position_number(logged) > j->number)
        j->number = journal_position_number(logged);
    name_of(j, j->number + 1, next);
    j->file = file_begin(j);
    if (j->file < 0)
        return tell(j, next, "can't be made", why);
    buf_printf(why, "%s/%s: %s; it is left as it is and %s is begun", j->folder, name, fault, next);
    return true;
}

static bool file_open(struct journal *j, bool *left, struct buf *why)
{
    char name[NAME_BYTES_MAX];
    uint64_t logged;
    bool damaged = false;
    if (!find_newest(j, why) || (j->number > 0 && !file_recover(j, &damaged, why)))
        return false;
    const char *fault = find_fault(j, damaged, &logged);
    *left = fault != NULL;
    name_of(j, j->number + (j->number == 0), name);
    if (fault && !file_leave(j, fault, logged, why))
        return false;
    if (j->number == 0 && (j->file = file_begin(j)) < 0)
        return tell(j, name, "can't be made", why);
    if (fdatasync(j->file) != 0 || fsync(j->folder_descriptor) != 0)
        return tell(j, name, "can't be synced", why);
    j->written = j->synced = journal_position(j->number, j->file_bytes);
    return progress_put(j, j->written) || tell(j, "", "the lock can't be written", why);
}

enum journal_error journal_open(const struct journal_options *options, struct journal **journal,
                                struct buf *why)
{
    struct journal *j = check_alloc(sizeof *j);
    pthread_condattr_t monotonic;
    bool left = false;
    CHECK(options->turn_bytes_max >= JOURNAL_RECORD_BYTES_MAX);
    j->options = *options;
    j->options.folder = j->folder = check_strdup(options->folder);
    j->folder_descriptor = j->lock_descriptor = j->file = j->full_file = -1;
    buf_init(&j->turn, check_alloc(options->turn_bytes_max), options->turn_bytes_max);
    CHECK(pthread_mutex_init(&j->lock, NULL) == 0);
    CHECK(pthread_condattr_init(&monotonic) == 0);
    CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&j->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    *journal = j;
    if (folder_open(j, why) && file_open(j, &left, why) && syncer_start(j, why))
        return left ? JOURNAL_ERR_DAMAGED : JOURNAL_OK;
    journal_close(journal);
    return JOURNAL_ERR_OPEN;
}

void journal_close(struct journal **journal)
{
    struct journal *j = *journal;
    if (!j)
        return;
    if (j->syncer_runs) {
        lock(j);
        j->closing = true;
        pthread_cond_signal(&j->changed);
        unlock(j);
        CHECK(pthread_join(j->syncer, NULL) == 0);
    }
    const int descriptors[] = {j->file, j->full_file, j->folder_descriptor, j->lock_descriptor};
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    free(j->turn.data);
    free(j->folder);
    free(j);
    *journal = NULL;
}

/* ---- writing -------------------------------------------------------------------------------- */

enum journal_error journal_append(struct journal *j, const struct journal_record *record)
{
    journal_record_write(record, &j->turn);
    if (!buf_ok(&j->turn)) {
        j->turn.overflow = false;
        return JOURNAL_ERR_FULL;
    }
    j->turn_records++;
    return JOURNAL_OK;
}

/* Without a thread of its own the loop syncs, and tries again, when it writes. */
static bool sync_now(struct journal *j, bool folder_too)
{
    const uint64_t written = journal_position(j->number, j->file_bytes);
    bool ok = (!j->sync_failed || rewrite_unsynced(j, written, false)) && fdatasync(j->file) == 0 &&
              (!folder_too || fsync(j->folder_descriptor) == 0);
    sync_done(j, ok, written);
    return ok;
}

/* False: nothing can be written, or not yet. */
static bool sync_is_good(struct journal *j)
{
    return !j->sync_failed || (j->options.sync_ms == 0 && j->retry_us && sync_now(j, true));
}

/* Goes on to the next file, unless the one before is still being synced: then this one grows over
 * its size, because the loop does not wait for the disk. */
static bool file_follow(struct journal *j)
{
    lock(j);
    bool busy = j->full_file >= 0;
    unlock(j);
    if (busy)
        return true;
    const uint64_t full_bytes = j->file_bytes;
    int file = file_begin(j);
    if (file < 0)
        return false;
    if (j->options.sync_ms == 0) { /* what is in the full one is synced already */
        close(j->file);
        j->file = file;
        bool ok = fsync(j->folder_descriptor) == 0;
        sync_done(j, ok, journal_position(j->number, j->file_bytes));
        return ok;
    }
    lock(j);
    j->full_file = j->file;
    j->full_number = j->number - 1;
    j->full_bytes = full_bytes;
    j->file = file;
    pthread_cond_signal(&j->changed);
    unlock(j);
    return true;
}

static bool cut_off(struct journal *j)
{
    j->cut_owed = ftruncate(j->file, (off_t)j->file_bytes) != 0;
    return !j->cut_owed;
}

static bool write_whole(struct journal *j, struct bytes turn)
{
    if (!sync_is_good(j) || (j->cut_owed && !cut_off(j)))
        return false;
    if (j->file_bytes > JOURNAL_HEADER_BYTES &&
        j->file_bytes + turn.len > j->options.file_bytes_max && !file_follow(j))
        return false;
    ssize_t n;
    do
        n = write(j->file, turn.data, turn.len);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)turn.len) {
        cut_off(j);
        return false;
    }
    j->file_bytes += turn.len;
    return true;
}

enum journal_error journal_write(struct journal *j)
{
    struct bytes turn = buf_bytes(&j->turn);
    uint64_t records = j->turn_records;
    if (turn.len == 0)
        return JOURNAL_OK;
    buf_init(&j->turn, j->turn.data, j->turn.cap);
    j->turn_records = 0;
    j->write_failed = !write_whole(j, turn);
    if (j->write_failed)
        j->counters.failures++;
    if (j->write_failed || (j->options.sync_ms == 0 && !sync_now(j, false)))
        return JOURNAL_ERR_WRITE;
    j->counters.records += records;
    j->counters.writes++;
    if (j->options.sync_ms == 0) {
        /* If this fails the next one tells it: nobody is answered by it. */
        (void)!progress_put(j, journal_position(j->number, j->file_bytes));
        return JOURNAL_OK;
    }
    lock(j);
    j->written = journal_position(j->number, j->file_bytes);
    if (!j->waiting_us) {
        j->waiting_us = clock_mono_us();
        pthread_cond_signal(&j->changed);
    }
    unlock(j);
    return JOURNAL_OK;
}

bool journal_try(struct journal *j)
{
    uint8_t storage[JOURNAL_RECORD_BYTES_MAX];
    struct buf nothing = BUF_OVER(storage);
    journal_removed_write(sizeof storage, &nothing);
    j->write_failed = !write_whole(j, buf_bytes(&nothing));
    if (!j->write_failed) {
        j->file_bytes -= nothing.len;
        cut_off(j);
    }
    return !j->write_failed;
}

const struct journal_counters *journal_counters(const struct journal *journal)
{
    struct journal *j =
        (struct journal *)journal; /* always on the heap; a reading needs the lock */
    lock(j);
    uint64_t since_us = j->syncing_us ? j->syncing_us : j->waiting_us;
    j->counters.unsynced_us = since_us ? clock_mono_us() - since_us + 1 : 0; /* 0 is none */
    j->counters.failing = j->sync_failed || j->write_failed;
    unlock(j);
    return &j->counters;
}
