/* The reject file: the bad lines as they were, in the file's encoding and below its heading, so
 * that it can be corrected and imported. For its owner's eyes only: it holds personal data. */
#include "registry/import_record.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool import_rejects_init(struct import_rejects *r, const char *path, int source_fd,
                         uint64_t heading_octets, struct buf *why)
{
    struct stat source, old;
    *r = (struct import_rejects){path, source_fd, -1, heading_octets};
    bool there = lstat(path, &old) == 0;
    if (!there && errno == ENOENT)
        return true;
    if (there && (fstat(source_fd, &source) != 0 || !S_ISREG(old.st_mode) ||
                  (old.st_dev == source.st_dev && old.st_ino == source.st_ino))) {
        buf_printf(why, "%s is the imported file itself, or no regular file", path);
        return false;
    }
    if (!there || unlink(path) != 0) {
        buf_printf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool append(struct import_rejects *r, struct bytes bytes)
{
    while (bytes.len) {
        ssize_t n = write(r->fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes = bytes_from(bytes, (size_t)n);
    }
    return true;
}

/* Copies octets of the imported file; *last is the last of them. */
static bool copy(struct import_rejects *r, uint64_t from, uint64_t octets, uint8_t *last)
{
    uint8_t piece[8192];
    while (octets) {
        size_t wanted = octets < sizeof piece ? (size_t)octets : sizeof piece;
        ssize_t n = pread(r->source_fd, piece, wanted, (off_t)from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO; /* the file became shorter */
        if (n <= 0 || !append(r, bytes_of(piece, (size_t)n)))
            return false;
        *last = piece[n - 1];
        from += (uint64_t)n;
        octets -= (uint64_t)n;
    }
    return true;
}

bool import_rejects_add(struct import_rejects *r, const struct import_line *line)
{
    uint8_t last = '\n';
    if (r->fd < 0) {
        r->fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (r->fd < 0 || !copy(r, 0, r->heading_octets, &last))
            return false;
    }
    return copy(r, line->offset, line->octets, &last) &&
           (last == '\n' || append(r, BYTES("\n"))); /* the file's last line may lack its end */
}

bool import_rejects_fini(struct import_rejects *r)
{
    bool ok = r->fd < 0 || fsync(r->fd) == 0;
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    return ok;
}
