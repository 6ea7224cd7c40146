/* Putting a journal right that its log or its disk does not agree with. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/index_layout.h"
#include "evidence/tlog.h"

uint64_t journal_logged(const char *log, const struct journal_header *header)
{
    struct tlog_cursor *cursors = check_alloc(TLOG_CURSORS_MAX * sizeof *cursors);
    char source[JOURNAL_SOURCE_BYTES_MAX];
    struct tlog_reader *reader;
    struct merkle_hash root;
    size_t count = TLOG_CURSORS_MAX;
    uint64_t size, position = 0;
    if (tlog_reader_open(log, &reader) != TLOG_OK ||
        tlog_read_state(reader, &size, &root, cursors, &count) != TLOG_OK)
        count = 0;
    tlog_reader_close(&reader);
    journal_source_write(header, source);
    for (size_t i = 0; i < count; i++)
        if (strcmp(cursors[i].source, source) == 0)
            position = cursors[i].position;
    free(cursors);
    return position;
}

/* Writes again what is there. */
static bool write_again(int file, struct bytes octets, uint64_t at)
{
    errno = ENOSPC; /* of a short write */
    return pwrite(file, octets.data, octets.len, (off_t)at) == (ssize_t)octets.len;
}

static bool header_again(int file)
{
    uint8_t octets[JOURNAL_HEADER_BYTES];
    struct journal_header header;
    const struct bytes whole = bytes_of(octets, sizeof octets);
    errno = EIO; /* of a short read */
    return index_pread(file, octets, sizeof octets, 0) == (ssize_t)sizeof octets &&
           journal_header_read(whole, &header) && write_again(file, whole, 0);
}

bool journal_file_rewrite(int folder, const char *name, uint64_t from, uint64_t to)
{
    struct index_scan *scan = check_alloc(sizeof *scan);
    int file = openat(folder, name, O_RDWR | O_CLOEXEC);
    bool ok = file >= 0 && (from > 0 || header_again(file));
    uint64_t at = from ? from : JOURNAL_HEADER_BYTES;
    index_scan_init(scan, file, at, to);
    for (; ok && at < to; at = scan->at) {
        errno = EIO;
        ok = index_scan_next(scan) && scan->record_at == at && write_again(file, scan->octets, at);
    }
    int cause = errno;
    if (file >= 0)
        close(file);
    free(scan);
    errno = cause;
    return ok;
}
