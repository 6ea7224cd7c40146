/* Reading a journal, for recovery and for tools. What is read is a snapshot: the file as long as it
 * was when it was opened. It may grow meanwhile, and a half-written end looks like a torn one. */
#include "evidence/journal_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

#define WINDOW_BYTES (256 * 1024) /* read at once; many records */

struct journal_reader {
    int descriptor;
    unsigned loop_index;
    uint64_t size, at;  /* octets of the file; where the next record begins */
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
    if (error == JOURNAL_OK && journal_header_read(view, &r->loop_index))
        r->at = JOURNAL_HEADER_BYTES;
    else if (error == JOURNAL_OK && r->size > JOURNAL_HEADER_BYTES)
        error = JOURNAL_ERR_DAMAGED; /* shorter ones: the header itself is the torn tail */
    if (error) {
        int cause = errno;
        journal_reader_close(reader);
        errno = cause;
    }
    return error;
}

unsigned journal_reader_loop(const struct journal_reader *reader)
{
    return reader->loop_index;
}

enum journal_error journal_reader_next(struct journal_reader *r, struct journal_record *record,
                                       bool *end, uint64_t *torn_bytes)
{
    struct bytes view;
    *end = false;
    *torn_bytes = 0;
    if (!look(r, r->at, &view))
        return JOURNAL_ERR_OPEN;
    size_t len = journal_record_read(view, record);
    if (len) {
        r->at += len;
        return JOURNAL_OK;
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
