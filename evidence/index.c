/* Making the indices of journals. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/index_layout.h"

#define NAME_BYTES_MAX 256

struct update {
    const char *folder;
    int folder_descriptor;
    bool thorough, ok;
    const _Atomic bool *stop;
    struct buf *why;
    /* Made when the first segment is due. */
    struct index_scan *scan;
    struct index_entry *entries;
    uint8_t *octets;
};

/* One journal and its index. */
struct pair {
    int journal, index;
    uint64_t journal_bytes;
    bool finished;    /* another follows it: no record will come any more */
    uint64_t covered; /* octets of the journal */
    uint64_t end;     /* of the index's good segments */
};

static bool stopped(const struct update *u)
{
    return u->stop && atomic_load(u->stop);
}

/* Returns false; the first fault is told. */
static bool tell(struct update *u, const char *name, const char *what)
{
    int cause = errno;
    if (u->ok)
        buf_printf(u->why, "%s%s%s: %s: %s", u->folder, *name ? "/" : "", name, what,
                   strerror(cause));
    return u->ok = false;
}

/* ---- what is there already ---- */

static bool blocks_are_whole(int index, const struct index_segment *segment)
{
    struct index_entry entries[INDEX_BLOCK_ENTRIES];
    for (uint32_t block = 0; block < index_segment_blocks(segment); block++)
        if (index_block_read(index, segment, block, entries) == 0)
            return false;
    return true;
}

/* Cuts off what is torn, wrong or another journal's. */
static bool find_end(struct update *u, const char *name, struct pair *pair)
{
    struct index_segment segment;
    struct stat status;
    pair->covered = JOURNAL_HEADER_BYTES;
    pair->end = index_header_read(pair->index) ? INDEX_HEADER_BYTES : 0;
    while (pair->end && !stopped(u) &&
           index_segment_read(pair->index, pair->end, pair->covered, pair->journal,
                              pair->journal_bytes, &segment) &&
           (!u->thorough || blocks_are_whole(pair->index, &segment))) {
        pair->covered = segment.to;
        pair->end = segment.end;
    }
    if (stopped(u))
        return true;
    if (fstat(pair->index, &status) != 0)
        return tell(u, name, "its index can't be read");
    if ((uint64_t)status.st_size != pair->end && ftruncate(pair->index, (off_t)pair->end) != 0)
        return tell(u, name, "its index can't be cut");
    return true;
}

/* ---- what is to be added ---- */

static int compare_entries(const void *a, const void *b)
{
    const struct index_entry *x = a, *y = b;
    int places = index_place_compare(&x->place, &y->place);
    return places ? places : (x->offset > y->offset) - (x->offset < y->offset);
}

static bool get_room(struct update *u)
{
    if (!u->scan)
        u->scan = malloc(sizeof *u->scan);
    if (!u->entries)
        u->entries = malloc(INDEX_ENTRIES_MAX * sizeof *u->entries);
    if (!u->octets)
        u->octets = malloc(INDEX_HEADER_BYTES + index_segment_bytes(INDEX_ENTRIES_MAX));
    errno = ENOMEM;
    return u->scan && u->entries && u->octets;
}

/* Reads the records of the next segment; false when there is not enough for one. */
static bool gather(struct update *u, const struct pair *pair, struct index_segment *segment)
{
    struct index_scan *scan = u->scan;
    index_scan_init(scan, pair->journal, pair->covered, pair->journal_bytes);
    *segment = (struct index_segment){.from = pair->covered, .newest_us = INT64_MIN};
    while (scan->at - segment->from < EVIDENCE_SEGMENT_BYTES && index_scan_next(scan)) {
        const struct journal_record *record = &scan->record;
        if (scan->record_at - segment->from >= EVIDENCE_SEGMENT_BYTES) { /* behind damage */
            scan->at = scan->record_at;
            break;
        }
        if (!record->place_known)
            continue;
        u->entries[segment->count++] = (struct index_entry){
            {record->list, record->index}, (uint32_t)(scan->record_at - segment->from)};
        if (record->at_us > segment->newest_us)
            segment->newest_us = record->at_us;
    }
    bool full = scan->at - segment->from >= EVIDENCE_SEGMENT_BYTES;
    segment->to = full ? scan->at : pair->journal_bytes;
    segment->damaged = scan->damaged;
    return !scan->failed && (full || pair->finished);
}

/* What a failure leaves is torn, and cut off by the next update. */
static bool append(struct pair *pair, struct bytes octets)
{
    size_t put = 0;
    while (put < octets.len) {
        ssize_t n =
            pwrite(pair->index, octets.data + put, octets.len - put, (off_t)(pair->end + put));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        put += (size_t)n;
    }
    pair->end += octets.len;
    return true;
}

/* *more: another may be due. */
static bool add_segment(struct update *u, const char *name, struct pair *pair, bool *more)
{
    struct index_segment segment;
    struct buf out;
    *more = false;
    if (!get_room(u))
        return tell(u, name, "can't be indexed");
    if (!gather(u, pair, &segment))
        return !u->scan->failed || tell(u, name, "can't be read");
    /* What a power failure could take from the journal is not indexed: the place in the file would
     * be another record's afterwards. */
    if (fdatasync(pair->journal) != 0)
        return tell(u, name, "can't be synced");
    qsort(u->entries, segment.count, sizeof *u->entries, compare_entries);
    buf_init(&out, u->octets, INDEX_HEADER_BYTES + index_segment_bytes(INDEX_ENTRIES_MAX));
    if (pair->end == 0)
        index_header_write(&out);
    if (!index_segment_write(&segment, pair->journal, u->entries, &out))
        return tell(u, name, "can't be read");
    CHECK(buf_ok(&out));
    if (!append(pair, buf_bytes(&out)))
        return tell(u, name, "its index can't be written");
    pair->covered = segment.to;
    *more = true;
    return true;
}

/* ---- the folder ---- */

static bool segment_due(const struct pair *pair)
{
    return pair->journal_bytes >= pair->covered + EVIDENCE_SEGMENT_BYTES ||
           (pair->finished && pair->journal_bytes > pair->covered);
}

static void update_pair(struct update *u, const char *name, struct pair *pair)
{
    char index_name[NAME_BYTES_MAX];
    bool more = true;
    pair->covered = JOURNAL_HEADER_BYTES;
    if (!segment_due(pair))
        return;
    snprintf(index_name, sizeof index_name, "%.*sx", (int)strlen(name) - 1, name);
    pair->index =
        openat(u->folder_descriptor, index_name, O_RDWR | O_CREAT | O_CLOEXEC, (mode_t)0600);
    if (pair->index < 0) {
        tell(u, index_name, "can't be opened");
        return;
    }
    if (find_end(u, name, pair))
        while (more && segment_due(pair) && !stopped(u))
            if (!add_segment(u, name, pair, &more))
                break;
    close(pair->index);
}

/* Asked before the journal's length is: then that is its last. */
static bool is_followed(const struct update *u, const char *name)
{
    char next[JOURNAL_FILE_NAME_BYTES_MAX];
    unsigned loop_index, number;
    if (!journal_file_name_read(name, &loop_index, &number))
        return false;
    journal_file_name_write(loop_index, number + 1, next);
    return faccessat(u->folder_descriptor, next, F_OK, 0) == 0;
}

static void update_journal(struct update *u, const char *name)
{
    struct pair pair = {.finished = is_followed(u, name)};
    struct index_journal_file file;
    enum index_journal opened = index_journal_open(u->folder_descriptor, name, &file);
    if (opened == INDEX_JOURNAL_FAILED)
        tell(u, name, "can't be opened");
    if (opened == INDEX_JOURNAL_OPEN) {
        pair.journal = file.descriptor;
        pair.journal_bytes = file.bytes;
        update_pair(u, name, &pair);
        close(file.descriptor);
    }
}

bool evidence_index_update(const char *folder, bool thorough, const _Atomic bool *stop,
                           struct buf *why)
{
    struct update u = {
        .folder = folder, .thorough = thorough, .ok = true, .stop = stop, .why = why};
    struct dirent *entry;
    DIR *directory = opendir(folder);
    if (!directory)
        return tell(&u, "", "can't be read");
    u.folder_descriptor = dirfd(directory);
    while (!stopped(&u) && (errno = 0, entry = readdir(directory)) != NULL)
        if (index_is_journal(entry->d_name))
            update_journal(&u, entry->d_name);
    if (!stopped(&u) && errno != 0)
        tell(&u, "", "can't be read");
    closedir(directory);
    free(u.scan);
    free(u.entries);
    free(u.octets);
    return u.ok;
}
