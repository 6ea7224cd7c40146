/* Reading a journal, for recovery and for tools, and removing records from it. What is read is a
 * snapshot: the file as long as it was when it was opened. It may grow meanwhile, and a
 * half-written end looks like a torn one. */
#include "evidence/journal_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define WINDOW_BYTES (256 * 1024) /* read at once; many records */

struct journal_reader {
    int descriptor;
    struct journal_header header;
    char source[JOURNAL_SOURCE_BYTES_MAX];
    uint64_t size, at;  /* octets of the file; where the next record begins */
    uint64_t record_at; /* where the last one began */
    uint64_t window_at; /* what the window holds: window_len octets from here */
    size_t window_len;
    uint8_t window[WINDOW_BYTES];
};

/* Makes *view what the file holds from `at`: at least a record's most octets, or all there are. */
static bool look(struct journal_reader *r, uint64_t at, struct bytes *view)
{
    uint64_t wanted = r->size - at;
    if (wanted > JOURNAL_RECORD_BYTES_MAX)
        wanted = JOURNAL_RECORD_BYTES_MAX;
    if (at < r->window_at || at + wanted > r->window_at + r->window_len) {
        r->window_at = at;
        r->window_len = 0;
        while (r->window_len < wanted) {
            ssize_t n = pread(r->descriptor, r->window + r->window_len,
                              sizeof r->window - r->window_len, (off_t)(at + r->window_len));
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return false;
            if (n == 0) /* it was cut meanwhile */
                r->size = at + r->window_len, wanted = r->window_len;
            r->window_len += (size_t)n;
        }
    }
    uint64_t end = r->window_at + r->window_len < r->size ? r->window_at + r->window_len : r->size;
    *view = bytes_of(r->window + (at - r->window_at), (size_t)(end - at));
    return true;
}

enum journal_error journal_reader_open(const char *path, struct journal_reader **reader)
{
    struct journal_reader *r = check_alloc(sizeof *r);
    struct stat status;
    struct bytes view;
    enum journal_error error = JOURNAL_ERR_OPEN;
    *reader = r;
    r->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (r->descriptor >= 0 && fstat(r->descriptor, &status) == 0) {
        r->size = (uint64_t)status.st_size;
        if (look(r, 0, &view))
            error = JOURNAL_OK;
    }
    if (error == JOURNAL_OK && journal_header_read(view, &r->header))
        r->at = JOURNAL_HEADER_BYTES;
    else if (error == JOURNAL_OK && r->size > JOURNAL_HEADER_BYTES)
        error = JOURNAL_ERR_DAMAGED; /* shorter ones: the header itself is the torn tail */
    journal_source_write(&r->header, r->source);
    if (error) {
        int cause = errno;
        journal_reader_close(reader);
        errno = cause;
    }
    return error;
}

unsigned journal_reader_loop(const struct journal_reader *reader)
{
    return reader->header.loop_index;
}

const char *journal_reader_source(const struct journal_reader *reader)
{
    return reader->source;
}

uint64_t journal_reader_at(const struct journal_reader *reader)
{
    return reader->record_at;
}

enum journal_error journal_reader_next(struct journal_reader *r, struct journal_record *record,
                                       bool *end, uint64_t *torn_bytes)
{
    struct bytes view;
    *end = false;
    *torn_bytes = 0;
    if (!look(r, r->at, &view))
        return JOURNAL_ERR_OPEN;
    size_t len;
    while ((len = journal_record_read(view, record)) > 0) {
        r->record_at = r->at;
        r->at += len;
        if (record->kind != JOURNAL_REMOVED)
            return JOURNAL_OK;
        if (!look(r, r->at, &view))
            return JOURNAL_ERR_OPEN;
    }
    /* Nothing whole here. If something whole follows, no crash left this. */
    for (uint64_t at = r->at + 1; at < r->size; at++) {
        if (!look(r, at, &view))
            return JOURNAL_ERR_OPEN;
        if (journal_record_read(view, record)) {
            r->at = at;
            return JOURNAL_ERR_DAMAGED;
        }
    }
    *end = true;
    *torn_bytes = r->size - r->at;
    return JOURNAL_OK;
}

void journal_reader_close(struct journal_reader **reader)
{
    if (!*reader)
        return;
    if ((*reader)->descriptor >= 0)
        close((*reader)->descriptor);
    free(*reader);
    *reader = NULL;
}

/* ---- removing ---- */

/* The octet of the file up to which its records stay where they are. */
static enum journal_error find_settled(const char *path, uint64_t *settled)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    unsigned loop_index, number;
    uint64_t position;
    *settled = UINT64_MAX;
    if (!journal_file_name_read(name, &loop_index, &number))
        return JOURNAL_OK; /* a copy that somebody made: nobody writes it */
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int descriptor = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    if (descriptor < 0)
        return JOURNAL_ERR_OPEN;
    enum journal_error error = journal_progress(descriptor, loop_index, &position);
    int cause = errno;
    close(descriptor);
    errno = cause;
    if (journal_position_number(position) == number)
        *settled = journal_position_octet(position);
    else if (journal_position_number(position) < number)
        *settled = 0;
    return error;
}

static bool overwrite(int file, uint64_t at, size_t len)
{
    uint8_t storage[JOURNAL_RECORD_BYTES_MAX];
    struct buf filler = BUF_OVER(storage);
    journal_removed_write(len, &filler);
    ssize_t n;
    do
        n = pwrite(file, filler.data, filler.len, (off_t)at);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && n != (ssize_t)len)
        errno = EIO;
    return n == (ssize_t)len;
}

static enum journal_error remove_due(struct journal_reader *r, int file, uint64_t settled,
                                     bool (*due)(void *context, const struct journal_record *record,
                                                 uint64_t octet),
                                     void *context, uint64_t *removed)
{
    struct journal_record record;
    uint64_t torn_bytes;
    bool end = false, damaged = false;
    for (;;) {
        enum journal_error error = journal_reader_next(r, &record, &end, &torn_bytes);
        if (error == JOURNAL_ERR_OPEN)
            return error;
        if (end || r->at > settled)
            break;
        damaged |= error == JOURNAL_ERR_DAMAGED;
        if (error || !due(context, &record, r->record_at))
            continue;
        if (!overwrite(file, r->record_at, (size_t)(r->at - r->record_at)))
            return JOURNAL_ERR_WRITE;
        ++*removed;
    }
    if (*removed && fdatasync(file) != 0)
        return JOURNAL_ERR_WRITE;
    return damaged ? JOURNAL_ERR_DAMAGED : JOURNAL_OK;
}

enum journal_error journal_remove(const char *path,
                                  bool (*due)(void *context, const struct journal_record *record,
                                              uint64_t octet),
                                  void *context, uint64_t *removed)
{
    struct journal_reader *reader = NULL;
    uint64_t settled;
    *removed = 0;
    enum journal_error error = find_settled(path, &settled);
    if (!error)
        error = journal_reader_open(path, &reader);
    if (error)
        return error;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    error = file < 0 ? JOURNAL_ERR_OPEN : remove_due(reader, file, settled, due, context, removed);
    int cause = errno;
    if (file >= 0)
        close(file);
    journal_reader_close(&reader);
    errno = cause;
    return error;
}

/* ---- where journals lie, and how far they are written ---- */

bool journal_folder_again(const char *const *folders, size_t i)
{
    struct stat folder, other;
    bool again = false;
    if (stat(folders[i], &folder) != 0)
        return false;
    for (size_t k = 0; k < i && !again; k++)
        again = stat(folders[k], &other) == 0 && other.st_dev == folder.st_dev &&
                other.st_ino == folder.st_ino;
    return again;
}

enum journal_error journal_progress(int folder, unsigned loop_index, uint64_t *position)
{
    char name[JOURNAL_FILE_NAME_BYTES_MAX];
    uint8_t octets[8] = {0};
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    *position = UINT64_MAX;
    snprintf(name, sizeof name, "journal-%u.lock", loop_index);
    int lock = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (lock < 0)
        return errno == ENOENT ? JOURNAL_OK : JOURNAL_ERR_OPEN;
    bool ok = fcntl(lock, F_OFD_GETLK, &whole) == 0;
    if (ok && whole.l_type != F_UNLCK) {
        ok = pread(lock, octets, sizeof octets, 0) >= 0;
        *position = 0;
        for (size_t i = sizeof octets; i-- > 0;)
            *position = *position << 8 | octets[i];
    }
    int cause = errno;
    close(lock);
    errno = cause;
    return ok ? JOURNAL_OK : JOURNAL_ERR_OPEN;
}
