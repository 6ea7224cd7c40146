/* Removing the content of entries whose time is over. Their hashes stay in the tiles. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "evidence/tlog_reader.h"

/* Under another name, synced, then under the right one; the folder is synced, too. */
static bool replace(int log, const char *path, struct bytes content)
{
    char temporary[TLOG_PATH_BYTES_MAX + 4], folder[TLOG_PATH_BYTES_MAX];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    int file = openat(log, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)0644);
    int names = openat(log, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errno = file < 0 || names < 0 ? errno : ENOSPC; /* of a short write */
    bool ok = file >= 0 && names >= 0 &&
              write(file, content.data, content.len) == (ssize_t)content.len && fsync(file) == 0 &&
              renameat(log, temporary, log, path) == 0 && fsync(names) == 0;
    int cause = errno;
    if (!ok)
        unlinkat(log, temporary, 0);
    if (file >= 0)
        close(file);
    if (names >= 0)
        close(names);
    errno = cause;
    return ok;
}

static enum tlog_error remove_from(struct tlog_reader *reader, uint64_t bundle,
                                   const bool due[TLOG_BUNDLE_ENTRIES], struct buf *why)
{
    struct bytes entries[TLOG_BUNDLE_ENTRIES];
    struct merkle_hash root;
    char path[TLOG_PATH_BYTES_MAX];
    uint64_t size;
    size_t count;
    enum tlog_error error = tlog_read_state(reader, &size, &root, NULL, NULL);
    tlog_path(TLOG_BUNDLES, bundle, TLOG_BUNDLE_ENTRIES, path);
    if (!error && tlog_width(TLOG_BUNDLES, bundle, size) < TLOG_BUNDLE_ENTRIES)
        return tlog_tell(why, path, "is not full yet", TLOG_ERR_MISSING);
    if (!error)
        error = tlog_read_bundle(reader, bundle, size, entries, &count);
    if (error)
        return tlog_tell(why, path, tlog_error_text(error), error);
    /* They have the entries, too. First, so that a call that was cut off is repeated. */
    if (!tlog_partials_remove(reader->folder, TLOG_BUNDLES, bundle))
        return tlog_tell(why, path, "its partial bundles can't be removed", TLOG_ERR_WRITE);
    struct buf left;
    buf_init(&left, check_alloc(TLOG_BUNDLE_BYTES_MAX), TLOG_BUNDLE_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        size_t len = due[i] ? 0 : entries[i].len;
        buf_put_u8(&left, (uint8_t)(len >> 8));
        buf_put_u8(&left, (uint8_t)len);
        buf_put(&left, bytes_of(entries[i].data, len));
    }
    if (!replace(reader->folder, path, buf_bytes(&left)))
        error = tlog_tell(why, path, "can't be written", TLOG_ERR_WRITE);
    free(left.data);
    return error;
}

enum tlog_error tlog_remove(const char *folder, uint64_t bundle,
                            const bool due[TLOG_BUNDLE_ENTRIES], struct buf *why)
{
    struct tlog_reader *reader;
    enum tlog_error error = tlog_reader_open(folder, &reader);
    if (error)
        return tlog_tell(why, folder, tlog_error_text(error), error);
    /* Not the log's lock, which its writer has for as long as it runs: full bundles are no longer
     * its. Two that remove at once would each bring back what the other removed. */
    int bundles = openat(reader->folder, "tile/entries", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bundles < 0)
        error = errno == ENOENT ? TLOG_ERR_MISSING : TLOG_ERR_OPEN;
    else if (flock(bundles, LOCK_EX) != 0)
        error = TLOG_ERR_OPEN;
    error = error ? tlog_tell(why, folder, tlog_error_text(error), error)
                  : remove_from(reader, bundle, due, why);
    if (bundles >= 0)
        close(bundles);
    tlog_reader_close(&reader);
    return error;
}
